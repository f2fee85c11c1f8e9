//! `/api/v1/statistics`: what was decided in which week, by whom or by nobody, and how long it took.

use axum::Json;
use axum::extract::State;
use repute_database::statistics::{self as rows, Decision};
use repute_database::{Timestamp, Transaction};
use repute_registry::statistics;
use schemars::JsonSchema;
use serde::Serialize;

use crate::api::Endpoint;
use crate::app::App;
use crate::error::AppError;
use crate::moment::Moment;
use crate::token::Scope;

/// What there is.
pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::get("/api/v1/statistics", "Queue", show)
            .says(
                "What was decided in the last twelve weeks",
                "Of requests and of removals; what nobody had to decide is counted apart.",
            )
            .by(READ)
            .answers::<Statistics>(),
    ]
}

/// What was decided.
#[derive(Serialize, JsonSchema)]
struct Statistics {
    /// About requests.
    requests: Part,
    /// About removals.
    removals: Part,
    /// How many wait for an editor.
    waiting: usize,
}

/// What was decided of one kind.
#[derive(Serialize, JsonSchema)]
struct Part {
    /// The weeks, the first one first.
    weeks: Vec<Week>,
    /// How long the decisions of editors took; none if they made none.
    service: Option<Service>,
}

/// A week.
#[derive(Serialize, JsonSchema)]
struct Week {
    /// When it begins (RFC 3339): a Monday, at midnight in UTC.
    begins: String,
    /// Approved, or granted, by an editor.
    approved: usize,
    /// Approved, or granted, as nobody had to decide.
    automatic: usize,
    /// Approved in part.
    partly: usize,
    /// Rejected, or refused.
    rejected: usize,
    /// Sent back with a question.
    asked: usize,
    /// Taken back, or given up, by who asked.
    given_up: usize,
}

/// How long decisions took.
#[derive(Serialize, JsonSchema)]
struct Service {
    /// How many decisions.
    count: usize,
    /// Half of them took at most so many seconds,
    median: i64,
    /// nine of ten so many.
    p90: i64,
    /// How many were made within two days,
    in_time: usize,
    /// and how many after seven.
    overdue: usize,
}

/// `GET /api/v1/statistics`.
async fn show(State(app): State<App>) -> Result<Json<Statistics>, AppError> {
    let now = Timestamp::now();
    let from = Timestamp(now.0 - WEEKS * 7 * DAY);
    let mut look: Transaction = app.database.look().await?;
    let requests = rows::of_requests(look.session(), from, MOST).await?;
    let removals = rows::of_removals(look.session(), from, MOST).await?;
    let waiting = rows::waiting(look.session(), MOST).await?.len();
    let (requests, removals) = (Part::of(&requests, now), Part::of(&removals, now));
    Ok(Json(Statistics { requests, removals, waiting }))
}

impl Part {
    /// Of decisions.
    fn of(decisions: &[Decision], now: Timestamp) -> Part {
        let week = |week: statistics::Week| Week {
            begins: Moment(week.begins).rfc3339(),
            approved: week.approved,
            automatic: week.automatic,
            partly: week.partly,
            rejected: week.rejected,
            asked: week.asked,
            given_up: week.given_up,
        };
        let service = |service: statistics::Service| Service {
            count: service.count,
            median: service.median / 1_000_000,
            p90: service.p90 / 1_000_000,
            in_time: service.in_time,
            overdue: service.overdue,
        };
        let weeks = statistics::weeks(decisions, WEEKS, now).into_iter().map(week).collect();
        Part { weeks, service: statistics::service(decisions).map(service) }
    }
}

/// Who may.
const READ: &[Scope] = &[Scope::QueueRead];
/// Weeks that are shown.
const WEEKS: i64 = 12;
/// Rows that are counted.
const MOST: u32 = 100_000;
/// A day, in microseconds.
const DAY: i64 = 86_400_000_000;

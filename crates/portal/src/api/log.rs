//! `/api/v1/log`: the audit log, the latest first. Whether it is whole is told by the shell, which reads all of it.

use axum::Json;
use axum::extract::{Query, State};
use repute_database::audit::{self, Deed};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::api::Endpoint;
use crate::app::App;
use crate::error::AppError;
use crate::moment::Moment;
use crate::token::Scope;

/// What there is.
pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::get("/api/v1/log", GROUP, show)
            .says(
                "The audit log",
                "The latest rows first, page by page; or the latest rows about one subject. People stand in it as \
                 pseudonyms.",
            )
            .by(READ)
            .query::<Wanted>()
            .answers::<Log>(),
    ]
}

/// Which rows.
#[derive(Deserialize, JsonSchema)]
struct Wanted {
    /// Only rows about this: `list/bl.example`, `evidence/traps`.
    subject: Option<String>,
    /// The number of the row before which to go on; not together with a subject.
    before: Option<u64>,
    /// So many rows at most: up to 1000.
    limit: Option<u32>,
}

/// The audit log.
#[derive(Serialize, JsonSchema)]
struct Log {
    /// The rows.
    rows: Vec<Row>,
    /// The number of the row before which to go on, if there are more.
    next: Option<u64>,
}

/// A row.
#[derive(Serialize, JsonSchema)]
struct Row {
    /// Its number, where it is read with others; nothing among those about a subject.
    number: Option<u64>,
    /// When it was done (RFC 3339).
    time: String,
    /// Who did it, as a pseudonym.
    actor: String,
    /// What was done, in a word.
    action: String,
    /// To what.
    subject: String,
    /// The particulars.
    detail: serde_json::Value,
}

/// `GET /api/v1/log`.
async fn show(State(app): State<App>, Query(wanted): Query<Wanted>) -> Result<Json<Log>, AppError> {
    let limit = wanted.limit.unwrap_or(100).clamp(1, MOST);
    let mut look = app.database.look().await?;
    if let Some(subject) = &wanted.subject {
        let deeds = audit::of_subject(look.session(), subject, limit).await?;
        let rows = deeds.into_iter().map(|deed| Row::of(None, deed)).collect();
        return Ok(Json(Log { rows, next: None }));
    }
    let end = match wanted.before {
        Some(before) => before.saturating_sub(1),
        None => audit::head(look.session()).await?.rows,
    };
    let after = end.saturating_sub(limit.into());
    let count = u32::try_from(end - after).unwrap_or(limit);
    let rows = audit::rows(look.session(), after, count).await?;
    let rows = rows.into_iter().rev().map(|(number, deed)| Row::of(Some(number), deed)).collect();
    Ok(Json(Log { rows, next: (after > 0).then_some(after + 1) }))
}

impl Row {
    /// Of a deed.
    fn of(number: Option<u64>, deed: Deed) -> Row {
        let text = || serde_json::Value::String(deed.detail.clone());
        Row {
            number,
            time: Moment(deed.time).rfc3339(),
            detail: serde_json::from_str(&deed.detail).unwrap_or_else(|_| text()),
            actor: deed.actor,
            action: deed.action,
            subject: deed.subject,
        }
    }
}

/// To read it.
const READ: &[Scope] = &[Scope::LogRead];
/// The heading.
const GROUP: &str = "Audit log";
/// So many rows are shown at most.
const MOST: u32 = 1_000;

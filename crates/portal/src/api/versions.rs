//! `/api/v1/versions` and the past of a list: what was published, what its guards refused, and who means it so.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use repute_database::lists;
use repute_database::publications::{self, Outcome, Publication};
use repute_registry::{history, publish};
use schemars::JsonSchema;
use serde::Serialize;

use crate::api::{Call, Endpoint};
use crate::app::App;
use crate::error::AppError;
use crate::moment::Moment;
use crate::overview::stored;
use crate::token::Scope;

/// What there is.
pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::get("/api/v1/versions", GROUP, waiting)
            .says(
                "Versions of lists that wait for a second person",
                "Their guards refused them: what was published before is answered meanwhile.",
            )
            .by(READ)
            .answers::<Waiting>(),
        Endpoint::get("/api/v1/lists/{apex}/versions", GROUP, of_list)
            .says("What became of a list's last versions", "The last hundred, the latest first.")
            .by(READ)
            .answers::<Versions>(),
        Endpoint::post("/api/v1/lists/{apex}/versions/{serial}/approve", GROUP, approve)
            .says(
                "Publish a version that was refused",
                "As a second person: whoever made one of its changes is refused.",
            )
            .by(WRITE)
            .answers::<Version>(),
        Endpoint::get("/api/v1/lists/{apex}/history", "Lists", past)
            .says("How large a list was, day by day", "And how much of it changed.")
            .answers::<Days>(),
    ]
}

/// Versions that wait.
#[derive(Serialize, JsonSchema)]
struct Waiting {
    /// The versions, at most one of each list.
    versions: Vec<OfList>,
}

/// A version of a list.
#[derive(Serialize, JsonSchema)]
struct OfList {
    /// The list, by its apex.
    list: String,
    #[serde(flatten)]
    version: Version,
}

/// Versions.
#[derive(Serialize, JsonSchema)]
struct Versions {
    /// The versions.
    versions: Vec<Version>,
}

/// A version.
#[derive(Serialize, JsonSchema)]
struct Version {
    /// Its serial.
    serial: u32,
    /// When that was decided (RFC 3339).
    time: String,
    /// How many entries it has.
    entries: u64,
    /// `published`, `refused` or `approved`.
    outcome: &'static str,
    /// Why it was refused.
    why: Option<String>,
    /// The pseudonym of who approved it.
    by: Option<String>,
}

/// The past of a list.
#[derive(Serialize, JsonSchema)]
struct Days {
    /// The days on which something was published.
    days: Vec<Day>,
}

/// A day of a list.
#[derive(Serialize, JsonSchema)]
struct Day {
    /// Which, in UTC: 2026-11-22.
    day: String,
    /// How many entries it had at its end.
    entries: u64,
    /// How many keys changed.
    changed: u64,
    /// The last serial of it.
    serial: u32,
}

/// `GET /api/v1/versions`.
async fn waiting(State(app): State<App>) -> Result<Json<Waiting>, AppError> {
    let mut look = app.database.look().await?;
    let mut versions = Vec::new();
    for (id, publication) in publish::waiting(look.session()).await? {
        let Some(list) = lists::by_id(look.session(), id).await? else { continue };
        versions.push(OfList { list: list.list.apex.to_string(), version: publication.into() });
    }
    Ok(Json(Waiting { versions }))
}

/// `GET /api/v1/lists/{apex}/versions`.
async fn of_list(
    State(app): State<App>,
    Path(apex): Path<String>,
) -> Result<Json<Versions>, AppError> {
    let mut look = app.database.look().await?;
    let list = stored(look.session(), &apex).await?;
    let found = publications::last(look.session(), list.id, MOST).await?;
    Ok(Json(Versions { versions: found.into_iter().map(Version::from).collect() }))
}

/// `POST /api/v1/lists/{apex}/versions/{serial}/approve`.
async fn approve(
    State(app): State<App>,
    Path((apex, serial)): Path<(String, u32)>,
    call: Call,
) -> Result<Response, AppError> {
    let person = call.caller.person();
    let mut write = call.begin(&app).await?;
    let (t, now) = (&mut write.transaction, write.now);
    let list = stored(t.session(), &apex).await?;
    publish::approve_by(t, person, &list, serial, now).await?;
    let approved = publications::at(t.session(), list.id, serial).await?;
    let approved = Version::from(approved.ok_or(AppError::NotFound)?);
    write.done(StatusCode::OK, &approved).await
}

/// `GET /api/v1/lists/{apex}/history`.
async fn past(State(app): State<App>, Path(apex): Path<String>) -> Result<Json<Days>, AppError> {
    let mut look = app.database.look().await?;
    let list = stored(look.session(), &apex).await?;
    let now = repute_database::Timestamp::now();
    let days = history::of(look.session(), list.id, now).await?;
    let day = |day: repute_database::list_days::Day| {
        let begins = Moment(repute_database::Timestamp(day.day * DAY)).rfc3339();
        Day {
            day: begins.split('T').next().unwrap_or_default().to_owned(),
            entries: day.entries,
            changed: day.changed,
            serial: day.serial,
        }
    };
    Ok(Json(Days { days: days.into_iter().map(day).collect() }))
}

impl From<Publication> for Version {
    fn from(publication: Publication) -> Version {
        let (outcome, why, by) = match publication.outcome {
            Outcome::Published => ("published", None, None),
            Outcome::Refused { why } => ("refused", Some(why), None),
            Outcome::Approved { why, by } => ("approved", Some(why), Some(by)),
        };
        Version {
            serial: publication.serial,
            time: Moment(publication.time).rfc3339(),
            entries: publication.entries,
            outcome,
            why,
            by,
        }
    }
}

/// To see them.
const READ: &[Scope] = &[Scope::QueueRead];
/// To approve them.
const WRITE: &[Scope] = &[Scope::QueueWrite];
/// The heading.
const GROUP: &str = "Editors";
/// So many are shown.
const MOST: u32 = 100;
/// A day, in microseconds.
const DAY: i64 = 86_400_000_000;

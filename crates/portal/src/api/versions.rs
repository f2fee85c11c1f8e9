//! `/api/v1/versions` and the past of a list: what was published, what its guards refused, and who means it so.

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use repute_database::entries::{self, Entry};
use repute_database::publications::{self, Outcome, Publication};
use repute_database::{Key, lists};
use repute_registry::publish::Fate;
use repute_registry::{history, publish};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::api::entries::{Listed, key};
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
        Endpoint::get("/api/v1/lists/{apex}/versions/waiting", GROUP, what_it_brings)
            .says(
                "What a version that waits brings",
                "What becomes of each key since the version that is answered, in the order of keys, page by page; of \
                 imports of very many entries their counts and a sample. Not found if none waits.",
            )
            .by(READ)
            .query::<Wanted>()
            .answers::<Brings>(),
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

/// Which keys.
#[derive(Deserialize, JsonSchema)]
struct Wanted {
    /// Only those that are `added`, `removed` or `changed`.
    only: Option<String>,
    /// The key after which to go on.
    after: Option<String>,
    /// So many keys at most: up to 1000.
    limit: Option<u32>,
}

/// What a version brings.
#[derive(Serialize, JsonSchema)]
struct Brings {
    #[serde(flatten)]
    version: Version,
    /// The serial that is answered meanwhile, if there is one.
    answered: Option<u32>,
    /// How many keys are newly listed.
    added: u64,
    /// How many are not listed any more.
    removed: u64,
    /// How many are listed otherwise.
    changed: u64,
    /// The widest networks that are newly listed; of an import of very many entries those of its sample.
    widest: Vec<String>,
    /// The /8 of IPv4 and /16 of IPv6 in which most is newly listed.
    around: Vec<Around>,
    /// What must never be listed.
    canaries: Vec<Canary>,
    /// The rows of the audit log about the list since then, with who changed it.
    log: Vec<LogRow>,
    /// What becomes of each key that is named.
    keys: Vec<OneKey>,
    /// The key after which to go on, if there are more.
    next: Option<String>,
}

/// Where something is newly listed.
#[derive(Serialize, JsonSchema)]
struct Around {
    /// The network.
    network: String,
    /// How many keys in it.
    keys: u64,
    /// How many addresses of IPv4, or networks /64 of IPv6, these have together.
    size: u64,
}

/// Something that must never be listed.
#[derive(Serialize, JsonSchema)]
struct Canary {
    /// What.
    target: String,
    /// The key that would list it, if one does.
    by: Option<String>,
}

/// A row of the audit log.
#[derive(Serialize, JsonSchema)]
struct LogRow {
    /// Its number.
    number: u64,
    /// When (RFC 3339).
    time: String,
    /// Who did it, as a pseudonym.
    actor: String,
    /// What was done, in a word.
    action: String,
}

/// What becomes of a key.
#[derive(Serialize, JsonSchema)]
struct OneKey {
    /// An address, a network or a name.
    key: String,
    /// `added`, `removed` or `changed`.
    fate: &'static str,
    /// Its entries in the version that is answered; nothing if nobody wrote that down.
    before: Option<Vec<Listed>>,
    /// Its entries now.
    after: Vec<Listed>,
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

/// `GET /api/v1/lists/{apex}/versions/waiting`.
async fn what_it_brings(
    State(app): State<App>,
    Path(apex): Path<String>,
    Query(wanted): Query<Wanted>,
) -> Result<Json<Brings>, AppError> {
    let only = match wanted.only.as_deref() {
        None => None,
        Some(word) => {
            let found = Fate::ALL.into_iter().find(|fate| fate.word() == word);
            Some(found.ok_or(AppError::Choice)?)
        }
    };
    let after = wanted.after.as_deref().map(key).transpose()?;
    let limit = wanted.limit.unwrap_or(MOST).clamp(1, 10 * MOST) as usize;
    let mut look = app.database.look().await?;
    let list = stored(look.session(), &apex).await?;
    let refused = publications::pending(look.session(), list.id).await?;
    let refused = refused.ok_or(AppError::NotFound)?;
    let brought = publish::brought(look.session(), &list, refused).await?;
    let sources = entries::sources(look.session()).await?;
    let after = after.as_ref().map(Key::to_bytes).unwrap_or_default();
    let mut rows = brought.page(only, &after, limit + 1);
    let is_more = rows.len() > limit;
    rows.truncate(limit);
    let listed = |entries: &[Entry]| -> Vec<Listed> {
        entries.iter().map(|entry| Listed::of(entry, &sources)).collect()
    };
    let next = rows.last().filter(|_| is_more).map(|last| last.key.to_string());
    let keys = rows.into_iter().map(|row| OneKey {
        key: row.key.to_string(),
        fate: row.fate.word(),
        before: row.before.as_deref().map(listed),
        after: listed(&row.after),
    });
    let around = brought.around.iter().map(|(network, keys, size)| Around {
        network: network.to_string(),
        keys: *keys,
        size: *size,
    });
    let canaries = brought.canaries.iter().map(|(target, by)| Canary {
        target: target.to_string(),
        by: by.as_ref().map(ToString::to_string),
    });
    let log = brought.by.iter().map(|(number, by)| LogRow {
        number: *number,
        time: Moment(by.deed.time).rfc3339(),
        actor: by.deed.actor.clone(),
        action: by.deed.action.clone(),
    });
    Ok(Json(Brings {
        answered: brought.good.as_ref().map(|good| good.serial),
        added: brought.counts.added,
        removed: brought.counts.removed,
        changed: brought.counts.changed,
        widest: brought.widest.iter().map(ToString::to_string).collect(),
        around: around.collect(),
        canaries: canaries.collect(),
        log: log.collect(),
        keys: keys.collect(),
        next,
        version: brought.refused.clone().into(),
    }))
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

//! `/api/v1/evidence` to read it, and its sources. How it is told is `evidence`.

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use repute_database::evidence::{self, Kind, Observation, Source};
use repute_database::{Key, Timestamp, Transaction, audit};
use repute_registry::changes::Cause;
use repute_registry::evidence as rules;
use repute_registry::permission::{self, Action, Relation};
use repute_registry::rule::touched::touched;
use repute_registry::work;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::api::work::{OneWork, begun};
use crate::api::{Call, Endpoint};
use crate::app::App;
use crate::error::AppError;
use crate::evidence::MOST;
use crate::moment::Moment;
use crate::token::Scope;

/// What there is.
pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::get("/api/v1/evidence", GROUP, seen)
            .says(
                "What was seen of an address, a network or a name",
                "The latest 5,000 observations. No trap is shown.",
            )
            .by(READ)
            .query::<Wanted>()
            .answers::<Evidence>(),
        Endpoint::get("/api/v1/evidence/sources", GROUP, all)
            .says(
                "The sources of evidence",
                "And how many addresses and names wait for rules to look.",
            )
            .by(READ)
            .answers::<Sources>(),
        Endpoint::get("/api/v1/evidence/sources/{name}", GROUP, one)
            .says("One source, and what stands on it alone", "")
            .by(READ)
            .answers::<Whole>(),
        Endpoint::post("/api/v1/evidence/sources", GROUP, add)
            .says("Add a source of evidence", "")
            .by(WRITE)
            .takes::<New>()
            .creates::<OneSource>(),
        Endpoint::put("/api/v1/evidence/sources/{name}/closed", GROUP, close)
            .says("Take nothing more from a source", "What it brought stays.")
            .by(WRITE)
            .takes::<Why>()
            .answers::<OneSource>(),
        Endpoint::delete("/api/v1/evidence/sources/{name}/closed", GROUP, open)
            .says("Take something from a source again", "")
            .by(WRITE)
            .takes::<Why>()
            .answers::<OneSource>(),
        Endpoint::post("/api/v1/evidence/sources/{name}/purge", GROUP, purge)
            .says(
                "Remove all that a source brought until now",
                "It is done as work, in parts; what of it is under way already is that work. Entries that stood on it \
                 alone leave their lists within seconds.",
            )
            .by(WRITE)
            .takes::<Why>()
            .begins::<OneWork>(),
    ]
}

/// What is asked about.
#[derive(Deserialize, JsonSchema)]
struct Wanted {
    /// An address, a network or a name.
    target: String,
}

/// What was seen.
#[derive(Serialize, JsonSchema)]
struct Evidence {
    /// The observations, in the order of time.
    observations: Vec<Seen>,
}

/// Something that was seen.
#[derive(Serialize, JsonSchema)]
struct Seen {
    /// Of which address or name.
    target: String,
    /// What, in a word.
    class: String,
    /// By which source.
    source: String,
    /// When (RFC 3339).
    seen: String,
    /// When it was told.
    received: String,
    /// How often.
    count: u32,
    /// Whether a trap was hit.
    is_trap: bool,
    /// A few words about it.
    detail: String,
}

/// Sources.
#[derive(Serialize, JsonSchema)]
struct Sources {
    /// The sources, by their names.
    sources: Vec<OneSource>,
    /// So many addresses and names wait for rules to look.
    waiting: u64,
}

/// A source.
#[derive(Serialize, JsonSchema)]
struct OneSource {
    /// Its name.
    name: String,
    /// `trap`, `abuse-report` or `observation`.
    kind: &'static str,
    /// Since when there is one (RFC 3339).
    created: String,
    /// Since when nothing more is taken from it.
    closed: Option<String>,
    /// How many observations it brought that are still there.
    observations: u64,
    /// When it was last heard of.
    received: Option<String>,
}

/// A source with what stands on it.
#[derive(Serialize, JsonSchema)]
struct Whole {
    #[serde(flatten)]
    source: OneSource,
    /// Addresses and names that it saw,
    keys: u64,
    /// entries that rules made and would not without it,
    entries: u64,
    /// and open proposals of the same kind.
    proposals: u64,
    /// Whether it saw more than was looked at for this.
    is_part: bool,
}

/// A new source.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct New {
    /// Its name: lower-case letters, digits, `-`, `_` and `.`.
    name: String,
    /// `trap`, `abuse-report` or `observation`.
    kind: String,
    /// Why, for the audit log.
    #[serde(default)]
    reason: String,
}

/// Why something is done.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Why {
    /// For the audit log.
    pub(super) reason: String,
}

/// `GET /api/v1/evidence`.
async fn seen(
    State(app): State<App>,
    Query(Wanted { target }): Query<Wanted>,
) -> Result<Json<Evidence>, AppError> {
    let key = target.trim().parse::<Key>();
    let key = key.map_err(|error| AppError::Target(error.to_string()))?;
    let mut look = app.database.look().await?;
    let names = evidence::names(look.session()).await?;
    let found = evidence::of_key(look.session(), &key, Timestamp(0), MOST).await?;
    let name = |id| names.iter().find(|(known, _)| *known == id).map(|(_, name)| name.clone());
    let seen = |one: Observation| Seen {
        target: one.key.to_string(),
        class: one.class,
        source: name(one.source).unwrap_or_default(),
        seen: Moment(one.seen).rfc3339(),
        received: Moment(one.received).rfc3339(),
        count: one.count,
        is_trap: one.trap.is_some(),
        detail: one.detail,
    };
    Ok(Json(Evidence { observations: found.into_iter().map(seen).collect() }))
}

/// `GET /api/v1/evidence/sources`.
async fn all(State(app): State<App>) -> Result<Json<Sources>, AppError> {
    let mut look = app.database.look().await?;
    let mut sources = Vec::new();
    for (source, count) in evidence::sources(look.session()).await? {
        sources.push(OneSource::of(&mut look, source, count).await?);
    }
    let waiting = evidence::count_waiting(look.session()).await?;
    Ok(Json(Sources { sources, waiting }))
}

/// `GET /api/v1/evidence/sources/{name}`.
async fn one(State(app): State<App>, Path(name): Path<String>) -> Result<Json<Whole>, AppError> {
    let mut look = app.database.look().await?;
    let (source, count) = find(&mut look, &name).await?;
    let touched = touched(&mut look, source.id, Timestamp::now()).await?;
    Ok(Json(Whole {
        source: OneSource::of(&mut look, source, count).await?,
        keys: touched.keys,
        entries: touched.entries,
        proposals: touched.proposals,
        is_part: touched.is_part,
    }))
}

/// `POST /api/v1/evidence/sources`.
async fn add(State(app): State<App>, call: Call) -> Result<Response, AppError> {
    let New { name, kind, reason } = call.read()?;
    let kind = Kind::ALL.into_iter().find(|known| known.word() == kind).ok_or(AppError::Choice)?;
    may_purge(&call)?;
    let mut write = call.begin(&app).await?;
    let (t, now) = (&mut write.transaction, write.now);
    let cause = cause(t, &call, "evidence.source.add", &reason).await?;
    rules::add_source(t, &name, kind, &cause, now).await?;
    let (source, count) = find(t, &name).await?;
    let shown = OneSource::of(t, source, count).await?;
    write.done(StatusCode::CREATED, &shown).await
}

/// `PUT /api/v1/evidence/sources/{name}/closed`.
async fn close(
    State(app): State<App>,
    Path(name): Path<String>,
    call: Call,
) -> Result<Response, AppError> {
    set_closed(&app, &call, &name, true).await
}

/// `DELETE /api/v1/evidence/sources/{name}/closed`.
async fn open(
    State(app): State<App>,
    Path(name): Path<String>,
    call: Call,
) -> Result<Response, AppError> {
    set_closed(&app, &call, &name, false).await
}

/// `POST /api/v1/evidence/sources/{name}/purge`.
async fn purge(
    State(app): State<App>,
    Path(name): Path<String>,
    call: Call,
) -> Result<Response, AppError> {
    let Why { reason } = call.read()?;
    may_purge(&call)?;
    let mut write = call.begin(&app).await?;
    let (t, now) = (&mut write.transaction, write.now);
    let cause = cause(t, &call, "evidence.purge", &reason).await?;
    let id = work::order_purge(t, &name, &cause, now).await?;
    begun(&app, &call, write, id).await
}

/// Closes a source, or opens it again.
async fn set_closed(
    app: &App,
    call: &Call,
    name: &str,
    is_closed: bool,
) -> Result<Response, AppError> {
    let Why { reason } = call.read()?;
    may_purge(call)?;
    let mut write = call.begin(app).await?;
    let (t, now) = (&mut write.transaction, write.now);
    let action = if is_closed { "evidence.source.close" } else { "evidence.source.open" };
    let cause = cause(t, call, action, &reason).await?;
    rules::set_closed(t, name, is_closed.then_some(now), &cause, now).await?;
    let (source, count) = find(t, name).await?;
    let shown = OneSource::of(t, source, count).await?;
    write.done(StatusCode::OK, &shown).await
}

/// A source by its name, with how much it brought.
async fn find(look: &mut Transaction, name: &str) -> Result<(Source, u64), AppError> {
    let all = evidence::sources(look.session()).await?;
    all.into_iter().find(|(source, _)| source.name == name).ok_or(AppError::NotFound)
}

/// Fails if whoever asks may not do something about sources.
pub(super) fn may_purge(call: &Call) -> Result<(), AppError> {
    permission::check(call.caller.person(), Relation::Stranger, Action::PurgeSource)
        .map_err(|denied| AppError::Refused(denied.to_string()))
}

/// Why something is done, by whom.
pub(super) async fn cause(
    transaction: &mut Transaction,
    call: &Call,
    action: &str,
    reason: &str,
) -> Result<Cause, AppError> {
    Ok(Cause {
        actor: audit::actor(transaction.session(), call.caller.account.id.0).await?,
        action: action.to_owned(),
        reason: reason.trim().to_owned(),
    })
}

impl OneSource {
    /// Of a source.
    async fn of(look: &mut Transaction, source: Source, count: u64) -> Result<OneSource, AppError> {
        let last = evidence::last_of(look.session(), source.id).await?;
        Ok(OneSource {
            kind: source.kind.word(),
            created: Moment(source.created).rfc3339(),
            closed: source.closed.map(|since| Moment(since).rfc3339()),
            observations: count,
            received: last.map(|(received, _)| Moment(received).rfc3339()),
            name: source.name,
        })
    }
}

/// To see it.
const READ: &[Scope] = &[Scope::EvidenceRead];
/// To do something about sources.
const WRITE: &[Scope] = &[Scope::EvidencePurge];
/// The heading.
const GROUP: &str = "Evidence";

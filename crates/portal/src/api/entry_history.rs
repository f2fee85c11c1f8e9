//! `/api/v1/lists/{apex}/entries/history` and `…/undo`: what became of an entry, and how a change is taken back.

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use repute_database::entry_history::{self, Kind, Step, StepId};
use repute_database::{Timestamp, entries};
use repute_registry::edit;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::api::entries::{Changed, Listed, key};
use crate::api::{Call, Endpoint};
use crate::app::App;
use crate::error::AppError;
use crate::moment::Moment;
use crate::overview::stored;
use crate::token::Scope;

/// What there is.
pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::get("/api/v1/lists/{apex}/entries/history", GROUP, show)
            .says(
                "What became of an entry",
                "Every change of exactly this address, network or name, the latest first, with its entries before and \
                 after. People stand in it as pseudonyms. A change of very many entries, as an import of a large file \
                 is, names none of them: without a key, the last of these are shown.",
            )
            .by(READ)
            .query::<Wanted>()
            .answers::<Steps>(),
        Endpoint::post("/api/v1/lists/{apex}/entries/undo", GROUP, undo)
            .says(
                "Take a change of an entry back",
                "By a new change, which brings back what was there before, under the same rules as any other. It is \
                 refused if the entry has changed since (409).",
            )
            .by(WRITE)
            .takes::<Undo>()
            .answers::<Changed>(),
    ]
}

/// Of what.
#[derive(Deserialize, JsonSchema)]
struct Wanted {
    /// An address, a network or a name; without it, changes of very many entries are shown.
    key: Option<String>,
    /// The step before which to go on.
    before: Option<i64>,
    /// So many steps at most: up to 1000.
    limit: Option<u32>,
}

/// What became of it.
#[derive(Serialize, JsonSchema)]
struct Steps {
    /// The steps, the latest first.
    steps: Vec<OneStep>,
    /// The step before which to go on, if there are more.
    next: Option<i64>,
}

/// A step.
#[derive(Serialize, JsonSchema)]
struct OneStep {
    /// Its number, by which it is taken back.
    step: i64,
    /// `change`; `renewal` if DNS did not see it; `many` for very many entries.
    kind: &'static str,
    /// When (RFC 3339).
    time: String,
    /// Who did it, as a pseudonym.
    actor: String,
    /// What was done, in a word of the audit log.
    action: String,
    /// The number of its row in the audit log.
    log: u64,
    /// Under which version of the list's policy; nothing if none was in force, or it was not kept yet.
    policy: Option<i64>,
    /// The particulars, as the audit log has them.
    detail: serde_json::Value,
    /// The entries before it; of very many some of those that went.
    before: Vec<Listed>,
    /// The entries after it; of very many some of those that came or changed.
    after: Vec<Listed>,
    /// Why it cannot be taken back; nothing if it can, as far as that is known without trying.
    fixed: Option<String>,
}

/// What is taken back.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Undo {
    /// The number of the step.
    step: i64,
    /// Why, for the audit log.
    reason: String,
}

/// `GET /api/v1/lists/{apex}/entries/history`.
async fn show(
    State(app): State<App>,
    Path(apex): Path<String>,
    Query(wanted): Query<Wanted>,
) -> Result<Json<Steps>, AppError> {
    let mut look = app.database.look().await?;
    let list = stored(look.session(), &apex).await?;
    let limit = wanted.limit.unwrap_or(100).clamp(1, MOST);
    let (found, there) = match &wanted.key {
        Some(text) => {
            let key = key(text)?;
            let before = wanted.before.map(StepId);
            let found =
                entry_history::of_key(look.session(), list.id, &key, before, limit + 1).await?;
            (found, entries::at(look.session(), list.id, &key).await?)
        }
        None => {
            let before = wanted.before.map(StepId);
            let found = entry_history::of_many(look.session(), list.id, before, limit + 1).await?;
            (found, Vec::new())
        }
    };
    let sources = entries::sources(look.session()).await?;
    let now = Timestamp::now();
    let is_more = found.len() > limit as usize;
    let mut steps: Vec<OneStep> =
        found.iter().map(|step| OneStep::of(step, &there, &sources, now)).collect();
    steps.truncate(limit as usize);
    let next = steps.last().filter(|_| is_more).map(|last| last.step);
    Ok(Json(Steps { steps, next }))
}

/// `POST /api/v1/lists/{apex}/entries/undo`.
async fn undo(
    State(app): State<App>,
    Path(apex): Path<String>,
    call: Call,
) -> Result<Response, AppError> {
    let Undo { step, reason } = call.read()?;
    let person = call.caller.person();
    let mut write = call.begin(&app).await?;
    let (t, now) = (&mut write.transaction, write.now);
    let list = stored(t.session(), &apex).await?;
    let (_, made) = edit::undo(t, person, &list, StepId(step), &reason, now).await?;
    let changed = Changed::of(t, &list, made).await?;
    changed.tell(&mut write).await?;
    write.done(changed.status(), &changed).await
}

impl OneStep {
    /// Of a step, where there are these entries now.
    fn of(
        step: &Step,
        there: &[entries::Entry],
        sources: &[(entries::SourceId, String)],
        now: Timestamp,
    ) -> OneStep {
        let listed = |all: &[entries::Entry]| -> Vec<Listed> {
            all.iter().map(|entry| Listed::of(entry, sources)).collect()
        };
        let text = || serde_json::Value::String(step.detail.clone());
        OneStep {
            step: step.id.0,
            kind: match step.kind {
                Kind::Change => "change",
                Kind::Renewal => "renewal",
                Kind::Many => "many",
            },
            time: Moment(step.time).rfc3339(),
            actor: step.actor.clone(),
            action: step.action.clone(),
            log: step.audit,
            policy: step.policy,
            detail: serde_json::from_str(&step.detail).unwrap_or_else(|_| text()),
            before: listed(&step.turn.before),
            after: listed(&step.turn.after),
            fixed: edit::can_be_undone(step, there, now).err().map(|why| why.to_string()),
        }
    }
}

/// To read it.
const READ: &[Scope] = &[Scope::EntriesRead];
/// To take something back.
const WRITE: &[Scope] = &[Scope::EntriesWrite];
/// The heading.
const GROUP: &str = "Entries";
/// So many steps are shown at most.
const MOST: u32 = 1_000;

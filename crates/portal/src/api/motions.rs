//! `/api/v1/motions`: what one editor wants and another one has to agree to.

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use repute_database::entries::{self, SourceId};
use repute_database::motions::{self, Motion, MotionId, State as Stage, What};
use repute_database::{Session, lists};
use repute_registry::motion::{self, Decided, Verdict};
use repute_registry::publish;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::api::entries::Listed;
use crate::api::{Call, Caller, Endpoint};
use crate::app::App;
use crate::entry_history::Names;
use crate::error::AppError;
use crate::moment::Moment;
use crate::pages::motion::rows;
use crate::token::Scope;

/// What there is.
pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::get("/api/v1/motions", GROUP, all)
            .says(
                "Changes that wait for a second editor",
                "The latest first, twenty-five at a time, each with the first twenty of its keys; or those that ended in \
                 a way.",
            )
            .by(READ)
            .query::<Wanted>()
            .answers::<Motions>(),
        Endpoint::get("/api/v1/motions/{id}", GROUP, one)
            .says(
                "What a second editor has to agree to",
                "With what is there before and afterwards. Who is partial in it is at \
                 /api/v1/queue/motion/{id}/conflicts.",
            )
            .by(READ)
            .answers::<Shown>(),
        Endpoint::post("/api/v1/motions/{id}/decide", GROUP, decide)
            .says(
                "Agree to a change, refuse it, or take your own back",
                "What has changed since it was wanted is not done: the outcome is `stale`. If who wanted it is no \
                 editor any more, or locked, it is `taken-over`: you want it now, and another editor has to agree. To \
                 agree asks for `entries:write`, too, and of an administrator's token for `lists:write` where it is \
                 about the settings of a list.",
            )
            .by(WRITE)
            .takes::<Decision>()
            .answers::<Outcome>(),
    ]
}

/// Which.
#[derive(Deserialize, JsonSchema)]
struct Wanted {
    /// `open`, which it is without it, `confirmed`, `refused`, `withdrawn`, `expired` or `stale`.
    state: Option<String>,
    /// The number before which to go on.
    before: Option<i64>,
}

/// Changes.
#[derive(Serialize, JsonSchema)]
struct Motions {
    /// The changes.
    motions: Vec<Shown>,
    /// The number before which to go on, if there may be more.
    next: Option<i64>,
}

/// A change.
#[derive(Serialize, JsonSchema)]
struct Shown {
    /// Its number.
    id: i64,
    /// Of which list, by its apex.
    list: String,
    /// What changes: `entries`, `publishing` or `code`.
    kind: &'static str,
    /// `open`, `confirmed`, `refused`, `withdrawn`, `expired` or `stale`.
    state: &'static str,
    /// The number of the account that wants it; nothing if it is gone.
    account: Option<i64>,
    /// Why.
    reason: String,
    /// Why two have to agree, in words.
    two: String,
    /// Since when (RFC 3339).
    created: String,
    /// Until when somebody can agree.
    expires: String,
    /// What becomes of each key; where many changes are listed, of the first ones.
    keys: Vec<OneKey>,
    /// Of how many more keys something becomes, which the change alone shows.
    more_keys: usize,
    /// What becomes of settings, a sentence each.
    settings: Vec<String>,
    /// What was said when it ended; nothing if nothing was.
    answer: Option<String>,
    /// The serial with which it was done.
    serial: Option<u32>,
}

/// What becomes of a key.
#[derive(Serialize, JsonSchema)]
struct OneKey {
    /// The key.
    key: String,
    /// Its entries until now.
    before: Vec<Listed>,
    /// Its entries afterwards.
    after: Vec<Listed>,
}

/// What is decided.
#[derive(Deserialize, JsonSchema)]
#[serde(tag = "verdict", rename_all = "lowercase", deny_unknown_fields)]
enum Decision {
    /// It is done.
    Confirm,
    /// It is not.
    Refuse {
        /// Why: who wanted it reads it.
        why: String,
    },
    /// Who wanted it does not any more.
    Withdraw,
}

/// What became of it.
#[derive(Serialize, JsonSchema)]
struct Outcome {
    /// `done`, `taken-over`, `stale`, `refused` or `withdrawn`.
    outcome: &'static str,
    /// Why it is not in DNS before a second person has looked at a version of the list; nothing if it is, or was not done.
    held: Option<String>,
    /// How it is now.
    motion: Shown,
}

/// `GET /api/v1/motions`.
async fn all(
    State(app): State<App>,
    Query(Wanted { state, before }): Query<Wanted>,
) -> Result<Json<Motions>, AppError> {
    let word = state.as_deref().unwrap_or(Stage::Open.word());
    let stage = Stage::ALL.into_iter().find(|stage| stage.word() == word);
    let stage = stage.ok_or(AppError::Choice)?;
    let mut look = app.database.look().await?;
    let found = motions::page(look.session(), stage, before.map(MotionId), MOST).await?;
    let next = found.last().filter(|_| found.len() >= MOST as usize).map(|last| last.id.0);
    let mut shown = Vec::new();
    for motion in &found {
        shown.push(Shown::of(look.session(), motion, SHOWN).await?);
    }
    Ok(Json(Motions { motions: shown, next }))
}

/// `GET /api/v1/motions/{id}`.
async fn one(State(app): State<App>, Path(id): Path<i64>) -> Result<Json<Shown>, AppError> {
    let mut look = app.database.look().await?;
    let motion = motions::by_id(look.session(), MotionId(id)).await?.ok_or(AppError::NotFound)?;
    Ok(Json(Shown::of(look.session(), &motion, usize::MAX).await?))
}

/// `POST /api/v1/motions/{id}/decide`.
async fn decide(
    State(app): State<App>,
    Path(id): Path<i64>,
    call: Call,
) -> Result<Response, AppError> {
    let (id, person) = (MotionId(id), call.caller.person());
    let verdict = match call.read()? {
        Decision::Confirm => Verdict::Confirm,
        Decision::Refuse { why } => Verdict::Refuse(why),
        Decision::Withdraw => Verdict::Withdraw,
    };
    let mut write = call.begin(&app).await?;
    let (t, now) = (&mut write.transaction, write.now);
    if verdict == Verdict::Confirm
        && let Some(motion) = motions::by_id(t.session(), id).await?
    {
        may_do(&call.caller, &motion.new.what)?;
    }
    let decided = motion::decide(t, person, id, &verdict, now).await?;
    let motion = motions::by_id(t.session(), id).await?.ok_or(AppError::NotFound)?;
    let held = match decided {
        Decided::Done(Some(serial)) => {
            let list = lists::by_id(t.session(), motion.new.list).await?;
            let list = list.ok_or(AppError::NotFound)?;
            publish::prospect(t.session(), &list, serial).await?.held()
        }
        Decided::Done(None)
        | Decided::TakenOver
        | Decided::Stale(_)
        | Decided::Refused
        | Decided::Withdrawn => None,
    };
    let outcome = match decided {
        Decided::Done(_) => "done",
        Decided::TakenOver => "taken-over",
        Decided::Stale(_) => "stale",
        Decided::Refused => "refused",
        Decided::Withdrawn => "withdrawn",
    };
    let motion = Shown::of(t.session(), &motion, usize::MAX).await?;
    if decided == Decided::TakenOver {
        let notices = motion::notices(t, id).await?;
        write.tell(&notices).await?;
    }
    write.done(StatusCode::OK, &Outcome { outcome, held, motion }).await
}

/// Fails if a token may not do what its owner could do by it himself. Agreeing has it done, or has him want it if who
/// wanted it may not any more. An editor who may only agree to what administrators want needs no scope of theirs.
fn may_do(caller: &Caller, what: &What) -> Result<(), AppError> {
    let scope = match what {
        What::Entries(_) => Scope::EntriesWrite,
        What::Publishing { .. } | What::Code { .. } => Scope::ListsWrite,
    };
    match caller.account.role < scope.least() || caller.has(scope) {
        true => Ok(()),
        false => Err(AppError::Scope(scope)),
    }
}

impl Shown {
    /// Of a motion, with so many keys at most.
    async fn of(mut session: Session<'_>, motion: &Motion, most: usize) -> Result<Shown, AppError> {
        let new = &motion.new;
        let list = lists::by_id(session.again(), new.list).await?.ok_or(AppError::NotFound)?;
        let names = Names::of(session.again(), list.id).await?;
        let sources: Vec<(SourceId, String)> = entries::sources(session).await?;
        let listed = |all: &[entries::Entry]| -> Vec<Listed> {
            all.iter().map(|entry| Listed::of(entry, &sources)).collect()
        };
        let count = match &new.what {
            What::Entries(turns) => turns.len(),
            What::Publishing { .. } | What::Code { .. } => 0,
        };
        let (keys, settings) = match &new.what {
            What::Entries(turns) => {
                let keys = turns.iter().take(most).filter_map(|turn| {
                    let key = turn.key.as_ref()?.to_string();
                    Some(OneKey { key, before: listed(&turn.before), after: listed(&turn.after) })
                });
                (keys.collect(), Vec::new())
            }
            what @ (What::Publishing { .. } | What::Code { .. }) => {
                (Vec::new(), rows(what, &names).into_iter().flat_map(|(_, lines)| lines).collect())
            }
        };
        Ok(Shown {
            id: motion.id.0,
            list: list.list.apex.to_string(),
            kind: new.what.kind(),
            state: motion.state.word(),
            account: (new.account >= 0).then_some(new.account),
            reason: new.reason.clone(),
            two: motion::why(motion),
            created: Moment(new.created).rfc3339(),
            expires: Moment(new.expires).rfc3339(),
            keys,
            more_keys: count.saturating_sub(most),
            settings,
            answer: Some(motion.answer.clone()).filter(|answer| !answer.is_empty()),
            serial: motion.serial,
        })
    }
}

/// To see them.
const READ: &[Scope] = &[Scope::QueueRead];
/// To decide.
const WRITE: &[Scope] = &[Scope::QueueWrite];
/// The heading.
const GROUP: &str = "Editors";
/// So many at a time.
const MOST: u32 = 25;
/// So many keys of each, where many are listed.
const SHOWN: usize = 20;

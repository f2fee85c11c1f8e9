//! `/api/v1/work`: what takes longer than an answer, how far it is and what became of it.

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use repute_database::work::{self, Work, WorkId};
use repute_database::{Transaction, audit};
use repute_registry::work as rules;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::api::{Call, Caller, Endpoint, Write};
use crate::app::App;
use crate::error::AppError;
use crate::moment::Moment;
use crate::token::Scope;
use crate::work::About;

/// What there is.
pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::get("/api/v1/work", GROUP, all)
            .says("The latest work", "Purges, replays and imports, the newest first.")
            .by(SCOPES)
            .query::<Wanted>()
            .answers::<AllWork>(),
        Endpoint::get("/api/v1/work/{id}", GROUP, one)
            .says("How far a piece of work is, and what became of it", "")
            .by(SCOPES)
            .answers::<OneWork>(),
        Endpoint::delete("/api/v1/work/{id}", GROUP, cancel)
            .says(
                "Cancel a piece of work",
                "By whoever ordered it, or an administrator. What of a purge is done stays so; of a replay and an \
                 import nothing is there before all of it is.",
            )
            .by(SCOPES)
            .answers::<OneWork>(),
    ]
}

/// Which work is asked for.
#[derive(Deserialize, JsonSchema)]
struct Wanted {
    /// Older than this one.
    before: Option<i64>,
}

/// Work.
#[derive(Serialize, JsonSchema)]
struct AllWork {
    /// The work, the newest first, a hundred at most.
    work: Vec<OneWork>,
}

/// A piece of work.
#[derive(Serialize, JsonSchema)]
pub(super) struct OneWork {
    /// Its number.
    id: i64,
    /// Where it is shown.
    location: String,
    /// `purge`, `replay` or `import`.
    kind: &'static str,
    /// `queued`, `running`, `done`, `failed` or `cancelled`.
    state: &'static str,
    /// Which list it is about.
    list: Option<String>,
    /// Which source.
    source: Option<String>,
    /// Which rule,
    rule: Option<String>,
    /// and in which version.
    version: Option<i64>,
    /// Which file.
    file: Option<String>,
    /// Whether nothing is changed.
    dry_run: bool,
    /// How much is done, in observations or entries.
    done: u64,
    /// Of how much; 0 if nobody knows.
    total: u64,
    /// When it was ordered (RFC 3339).
    created: String,
    /// When it was begun.
    begun: Option<String>,
    /// When it ended.
    ended: Option<String>,
    /// Who ordered it, as a pseudonym of the audit log.
    actor: String,
    /// Whether that was you.
    is_own: bool,
    /// What became of it; none before it is done.
    result: Option<Value>,
    /// Why it failed.
    fault: Option<String>,
}

/// `GET /api/v1/work`.
async fn all(
    State(app): State<App>,
    Query(Wanted { before }): Query<Wanted>,
    caller: Caller,
) -> Result<Json<AllWork>, AppError> {
    let mut look = app.database.look().await?;
    let mut all = Vec::new();
    for work in work::latest(look.session(), before.map(WorkId), MOST).await? {
        all.push(OneWork::of(&mut look, &caller, work).await?);
    }
    Ok(Json(AllWork { work: all }))
}

/// `GET /api/v1/work/{id}`.
async fn one(
    State(app): State<App>,
    Path(id): Path<i64>,
    caller: Caller,
) -> Result<Json<OneWork>, AppError> {
    let mut look = app.database.look().await?;
    let work = work::by_id(look.session(), WorkId(id)).await?.ok_or(AppError::NotFound)?;
    Ok(Json(OneWork::of(&mut look, &caller, work).await?))
}

/// `DELETE /api/v1/work/{id}`.
async fn cancel(
    State(app): State<App>,
    Path(id): Path<i64>,
    call: Call,
) -> Result<Response, AppError> {
    let mut write = call.begin(&app).await?;
    let (t, now) = (&mut write.transaction, write.now);
    let cancelled = rules::cancel(t, call.caller.person(), WorkId(id), now).await?;
    let shown = OneWork::of(t, &call.caller, cancelled.clone()).await?;
    let response = write.done(StatusCode::OK, &shown).await?;
    app.means.spool.discard(&cancelled);
    Ok(response)
}

/// Has work that was just ordered hold, and answers where it is shown.
pub(super) async fn begun(
    app: &App,
    call: &Call,
    mut write: Write,
    id: WorkId,
) -> Result<Response, AppError> {
    let t = &mut write.transaction;
    let work = work::by_id(t.session(), id).await?.ok_or(AppError::NotFound)?;
    let shown = OneWork::of(t, &call.caller, work).await?;
    let response = write.begun(&shown.location, &shown).await?;
    app.work_waits.notify_one();
    Ok(response)
}

impl OneWork {
    /// Of a piece of work, for somebody.
    async fn of(look: &mut Transaction, caller: &Caller, work: Work) -> Result<OneWork, AppError> {
        let about = About::of(look.session(), &work).await?;
        let own = audit::known_actor(look.session(), caller.account.id.0).await?;
        let (rule, version) = about.rule.unzip();
        Ok(OneWork {
            id: work.id.0,
            location: format!("/api/v1/work/{}", work.id.0),
            kind: work.new.kind.word(),
            state: work.state.word(),
            list: about.list,
            source: about.source,
            rule,
            version,
            file: about.file,
            dry_run: about.is_dry,
            done: work.done,
            total: work.new.total,
            created: Moment(work.created).rfc3339(),
            begun: work.begun.map(|at| Moment(at).rfc3339()),
            ended: work.ended.map(|at| Moment(at).rfc3339()),
            is_own: own.as_ref() == Some(&work.new.actor),
            actor: work.new.actor,
            result: serde_json::from_str(&work.result).ok(),
            fault: Some(work.fault).filter(|fault| !fault.is_empty()),
        })
    }
}

/// Who may: whoever may order some of it.
const SCOPES: &[Scope] =
    &[Scope::EvidenceRead, Scope::EvidencePurge, Scope::RulesWrite, Scope::EntriesImport];
/// The heading.
const GROUP: &str = "Work";
/// So much is shown at once.
const MOST: u32 = 100;

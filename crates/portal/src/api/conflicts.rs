//! `/api/v1/queue/{kind}/{id}/conflicts`: who is partial in a request, a removal, a proposal or another one's change.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use repute_database::conflicts::{self, About};
use repute_database::motions::MotionId;
use repute_database::removals::RemovalId;
use repute_database::requests::RequestId;
use repute_database::rules::ProposalId;
use repute_registry::conflict;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::api::organisations::{DONE, Done};
use crate::api::{Call, Caller, Endpoint};
use crate::app::App;
use crate::error::AppError;
use crate::moment::Moment;
use crate::token::Scope;

/// What there is.
pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::get(PATH, GROUP, show)
            .says(
                "Who is partial in something",
                "`kind` is `request`, `removal`, `proposal` or `motion`. `own` says why you do not decide it yourself, if so.",
            )
            .by(&[Scope::QueueRead])
            .answers::<Conflicts>(),
        Endpoint::put(PATH, GROUP, declare)
            .says(
                "Say that you are partial in something",
                "Another editor decides it then, and what you agreed to is open again. It stands in the audit log.",
            )
            .by(&[Scope::QueueWrite])
            .takes::<Why>()
            .answers::<Done>(),
        Endpoint::delete(PATH, GROUP, take_back)
            .says("Take back that you are partial", "As long as it is not decided.")
            .by(&[Scope::QueueWrite])
            .answers::<Done>(),
    ]
}

/// Who is partial in something.
#[derive(Serialize, JsonSchema)]
struct Conflicts {
    /// Why whoever asks does not decide it, in words; none if he may.
    own: Option<String>,
    /// Who said that he is partial.
    declared: Vec<Said>,
}

/// Somebody who is partial.
#[derive(Serialize, JsonSchema)]
struct Said {
    /// The number of his account.
    account: i64,
    /// Why.
    reason: String,
    /// Since when (RFC 3339).
    since: String,
}

/// Why somebody is partial.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Why {
    /// In words, which editors read.
    reason: String,
}

/// What kind of thing it is.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    /// A request.
    Request,
    /// A removal.
    Removal,
    /// A proposal.
    Proposal,
    /// A change that waits for a second editor.
    Motion,
}

/// `GET /api/v1/queue/{kind}/{id}/conflicts`.
async fn show(
    State(app): State<App>,
    caller: Caller,
    Path((kind, id)): Path<(Kind, i64)>,
) -> Result<Json<Conflicts>, AppError> {
    let about = about(kind, id);
    let mut look = app.database.look().await?;
    let all = conflicts::of(look.session(), about).await?;
    let own = conflict::of(look.session(), caller.person(), about).await?;
    let said = |one: conflicts::Declared| Said {
        account: one.account.0,
        reason: one.reason,
        since: Moment(one.since).rfc3339(),
    };
    Ok(Json(Conflicts {
        own: own.map(|conflict| conflict.to_string()),
        declared: all.into_iter().map(said).collect(),
    }))
}

/// `PUT /api/v1/queue/{kind}/{id}/conflicts`.
async fn declare(
    State(app): State<App>,
    Path((kind, id)): Path<(Kind, i64)>,
    call: Call,
) -> Result<Response, AppError> {
    let (person, Why { reason }) = (call.caller.person(), call.read()?);
    let mut write = call.begin(&app).await?;
    let (t, now) = (&mut write.transaction, write.now);
    conflict::declare(t, person, about(kind, id), &reason, now).await?;
    write.done(StatusCode::OK, &DONE).await
}

/// `DELETE /api/v1/queue/{kind}/{id}/conflicts`.
async fn take_back(
    State(app): State<App>,
    Path((kind, id)): Path<(Kind, i64)>,
    call: Call,
) -> Result<Response, AppError> {
    let person = call.caller.person();
    let mut write = call.begin(&app).await?;
    let (t, now) = (&mut write.transaction, write.now);
    conflict::take_back(t, person, about(kind, id), now).await?;
    write.done(StatusCode::OK, &DONE).await
}

/// What somebody may be partial in.
fn about(kind: Kind, id: i64) -> About {
    match kind {
        Kind::Request => About::Request(RequestId(id)),
        Kind::Removal => About::Removal(RemovalId(id)),
        Kind::Proposal => About::Proposal(ProposalId(id)),
        Kind::Motion => About::Motion(MotionId(id)),
    }
}

/// Where it is.
const PATH: &str = "/api/v1/queue/{kind}/{id}/conflicts";
/// The heading.
const GROUP: &str = "Editors";

//! `/api/v1/subscribers`: servers elsewhere that may have our lists.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use repute_database::subscribers::{self, Scope as Lists};
use repute_database::{audit, lists};
use repute_dnsxl::Name;
use repute_registry::changes::Cause;
use repute_registry::subscriber;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::api::organisations::{DONE, Done};
use crate::api::{Call, Endpoint, Write};
use crate::app::App;
use crate::error::AppError;
use crate::moment::Moment;
use crate::token::Scope;

/// What there is.
pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::get("/api/v1/subscribers", GROUP, all)
            .says("Servers elsewhere that have, or had, a token", "")
            .by(SCOPES)
            .answers::<Subscribers>(),
        Endpoint::post("/api/v1/subscribers", GROUP, add)
            .says(
                "Let a server elsewhere have lists",
                "Its token is in the answer, and shown at no other time: who asks again under the same key \
                 (`Idempotency-Key`) gets the answer without it.",
            )
            .by(SCOPES)
            .takes::<Wanted>()
            .creates::<Made>(),
        Endpoint::delete("/api/v1/subscribers/{name}", GROUP, revoke)
            .says("Revoke a subscriber's token", "")
            .by(SCOPES)
            .answers::<Done>(),
    ]
}

/// Subscribers.
#[derive(Serialize, JsonSchema)]
struct Subscribers {
    /// The subscribers.
    subscribers: Vec<Shown>,
}

/// A subscriber.
#[derive(Serialize, JsonSchema)]
struct Shown {
    /// What it is called.
    name: String,
    /// The lists that it may have; nothing if it may have all.
    lists: Option<Vec<String>>,
    /// When it got its token (RFC 3339).
    created: String,
    /// When that was last shown, to a few minutes.
    seen: Option<String>,
    /// When it was revoked.
    revoked: Option<String>,
}

/// A new subscriber.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Wanted {
    /// What it shall be called.
    name: String,
    /// The apexes of the lists that it may have; without them all.
    lists: Option<Vec<String>>,
}

/// Its token.
#[derive(Serialize, JsonSchema)]
struct Made {
    /// What it is called.
    name: String,
    /// What it has to show; not if this was answered before.
    token: Option<String>,
}

/// `GET /api/v1/subscribers`.
async fn all(State(app): State<App>) -> Result<Json<Subscribers>, AppError> {
    let mut connection = app.database.read().await?;
    let all = subscribers::all(connection.session()).await?;
    let time = |time| Moment(time).rfc3339();
    let shown = |one: subscribers::Subscriber| Shown {
        name: one.name,
        lists: match one.lists {
            Lists::All => None,
            Lists::Named(lists) => Some(lists.iter().map(ToString::to_string).collect()),
        },
        created: time(one.created),
        seen: one.seen.map(time),
        revoked: one.revoked.map(time),
    };
    Ok(Json(Subscribers { subscribers: all.into_iter().map(shown).collect() }))
}

/// `POST /api/v1/subscribers`.
async fn add(State(app): State<App>, call: Call) -> Result<Response, AppError> {
    let Wanted { name, lists: wanted } = call.read()?;
    let mut write = call.begin(&app).await?;
    let chosen = match &wanted {
        None => None,
        Some(wanted) => {
            let mut chosen = Vec::new();
            for apex in wanted {
                let unknown = || AppError::Wrong(format!("there is no list `{apex}`"));
                let apex: Name = apex.parse().map_err(|_| unknown())?;
                let stored = lists::by_apex(write.transaction.session(), &apex).await?;
                chosen.push(stored.ok_or_else(unknown)?);
            }
            Some(chosen)
        }
    };
    let cause = cause(&mut write, &call, "subscriber.add").await?;
    let (t, now) = (&mut write.transaction, write.now);
    let token = subscriber::add(t, &name, chosen.as_deref(), &cause, now).await?;
    // It is stored nowhere, and so not with the answer.
    let kept = Made { name: name.clone(), token: None };
    write.done_keeping(StatusCode::CREATED, &Made { name, token: Some(token) }, &kept).await
}

/// `DELETE /api/v1/subscribers/{name}`.
async fn revoke(
    State(app): State<App>,
    Path(name): Path<String>,
    call: Call,
) -> Result<Response, AppError> {
    let mut write = call.begin(&app).await?;
    let cause = cause(&mut write, &call, "subscriber.revoke").await?;
    subscriber::revoke(&mut write.transaction, &name, &cause, write.now).await?;
    write.done(StatusCode::OK, &DONE).await
}

/// Who does it, for the audit log.
async fn cause(write: &mut Write, call: &Call, action: &str) -> Result<Cause, AppError> {
    let account = call.caller.account.id.0;
    let actor = audit::actor(write.transaction.session(), account).await?;
    let reason = "by the API".to_owned();
    Ok(Cause { actor, action: action.to_owned(), reason })
}

/// Who may.
const SCOPES: &[Scope] = &[Scope::Subscribers];
/// The heading.
const GROUP: &str = "Subscribers";

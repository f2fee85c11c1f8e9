//! `/api/v1/removals`: who is on a block list asks to get off it, without an account.

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use repute_database::{Timestamp, lists};
use repute_registry::removal::{self, Ask, Way};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::api::Endpoint;
use crate::app::App;
use crate::error::AppError;
use crate::form::json_holds_nul;
use crate::limits::{self, Deed, Doer};
use crate::lookup::parse;
use crate::notice;
use crate::overview::card;
use crate::pages::removal::seen_of;
use crate::visitor::Visitor;

/// What there is.
pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::post("/api/v1/removals", GROUP, ask)
            .says(
                "Ask to be taken off a block list",
                "A link goes to the mail address; it is good for two days, and who follows it takes the target off the \
                 list, or learns from when on that is possible.",
            )
            .takes::<Wanted>()
            .creates::<Sent>(),
    ]
}

/// What somebody wants.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Wanted {
    /// Off which list, by its apex.
    list: String,
    /// What is listed: an address or a name.
    target: String,
    /// Where the link goes.
    mail: String,
    /// What was mended.
    #[serde(default)]
    reason: String,
}

/// The link is on its way.
#[derive(Serialize, JsonSchema)]
struct Sent {
    /// Where it went.
    sent: String,
}

/// `POST /api/v1/removals`.
async fn ask(
    State(app): State<App>,
    visitor: Visitor,
    body: Bytes,
) -> Result<(StatusCode, Json<Sent>), AppError> {
    if json_holds_nul(&body) {
        return Err(AppError::Nul);
    }
    let wanted: Wanted =
        serde_json::from_slice(&body).map_err(|error| AppError::Body(error.to_string()))?;
    limits::take(&app, Deed::Mail, Doer::at(visitor.address)).await?;
    let card = card(&app, &wanted.list).await?;
    let target = parse(&wanted.target).map_err(|error| AppError::Target(error.to_string()))?;
    let (now, mail) = (Timestamp::now(), wanted.mail.trim().to_lowercase());
    let reason = wanted.reason.trim().to_owned();
    let (client, way) = (visitor.address, Way::Typed);
    let seen = seen_of(&app, &target).await;
    let ask = Ask { target, mail: mail.clone(), client, reason, way, seen };
    let mut transaction = app.database.begin().await?;
    let stored = lists::by_id(transaction.session(), card.id).await?.ok_or(AppError::NotFound)?;
    let asked = removal::ask(&mut transaction, &stored, &ask, &app.means.key, now).await?;
    notice::put(&app, &mut transaction, &asked.1, now).await?;
    transaction.commit().await?;
    app.mail_waits.notify_one();
    Ok((StatusCode::CREATED, Json(Sent { sent: mail })))
}

/// The heading.
const GROUP: &str = "Lists";

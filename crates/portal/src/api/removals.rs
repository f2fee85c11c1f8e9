//! `/api/v1/removals`: who is on a block list asks to get off it, without an account.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use repute_database::lists;
use repute_registry::removal::{self, Ask, Kind, Way};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::api::{Call, Endpoint};
use crate::app::App;
use crate::error::AppError;
use crate::limits::{self, Deed, Doer};
use crate::lookup::parse;
use crate::overview::card;
use crate::pages::removal::seen_of;
use crate::visitor::Visitor;

/// What there is.
pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::post("/api/v1/removals", GROUP, ask)
            .says(
                "Ask to be taken off a block list, or appeal",
                "A link goes to the mail address; it is good for two days, and who follows it takes the target off the \
                 list, or learns from when on that is possible. An `appeal` goes to editors with `reason`: it is taken \
                 where the entry is locked, or an editor refused it within 30 days.",
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
    /// What was mended; for an appeal why the entry should go.
    #[serde(default)]
    reason: String,
    /// `removal` (the default) or `appeal`.
    #[serde(default)]
    kind: Asked,
}

/// What somebody asks for.
#[derive(Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Asked {
    /// That it goes.
    #[default]
    Removal,
    /// That an editor looks whether it is right, where it does not go otherwise.
    Appeal,
}

/// The link is on its way.
#[derive(Serialize, JsonSchema)]
struct Sent {
    /// Where it went.
    sent: String,
}

/// `POST /api/v1/removals`.
async fn ask(State(app): State<App>, call: Call<Visitor>) -> Result<Response, AppError> {
    // Whoever asks again under his key has no other letter sent, and needs no room for one.
    call.known(&app).await?;
    let wanted: Wanted = call.read()?;
    let client = call.caller.address;
    limits::take(&app, Deed::Mail, Doer::at(client)).await?;
    let card = card(&app, &wanted.list).await?;
    let target = parse(&wanted.target).map_err(|error| AppError::Target(error.to_string()))?;
    let mail = wanted.mail.trim().to_lowercase();
    let (reason, way) = (wanted.reason.trim().to_owned(), Way::Typed);
    let kind = match wanted.kind {
        Asked::Removal => Kind::Removal,
        Asked::Appeal => Kind::Appeal,
    };
    let seen = seen_of(&app, &target).await;
    let ask = Ask { target, mail: mail.clone(), client, reason, kind, way, seen };
    let mut write = call.begin(&app).await?;
    let (t, now) = (&mut write.transaction, write.now);
    let stored = lists::by_id(t.session(), card.id).await?.ok_or(AppError::NotFound)?;
    let (_, notices) = removal::ask(t, &stored, &ask, &app.means.key, now).await?;
    write.tell(&notices).await?;
    write.done(StatusCode::CREATED, &Sent { sent: mail }).await
}

/// The heading.
const GROUP: &str = "Lists";

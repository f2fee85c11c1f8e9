//! `/api/v1/me`: who one is to the API.

use axum::Json;
use schemars::JsonSchema;
use serde::Serialize;

use crate::api::{Caller, Endpoint};
use crate::moment::Moment;
use crate::token::Scope;

/// What there is.
pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::get("/api/v1/me", GROUP, show)
            .says("Whose token this is", "What it may be used for, and until when.")
            .by_any_token()
            .answers::<Me>(),
    ]
}

/// Whose token it is.
#[derive(Serialize, JsonSchema)]
struct Me {
    /// The number of the account.
    account: i64,
    /// What its owner is called.
    name: String,
    /// The owner's mail address.
    mail: String,
    /// `member`, `editor` or `administrator`.
    role: &'static str,
    /// What the token is called.
    token: String,
    /// What the token may be used for now.
    scopes: Vec<&'static str>,
    /// When the token ends by itself.
    expires: Option<String>,
}

/// `GET /api/v1/me`.
async fn show(caller: Caller) -> Json<Me> {
    let scopes = Scope::ALL.into_iter().filter(|scope| caller.has(*scope));
    Json(Me {
        account: caller.account.id.0,
        scopes: scopes.map(Scope::word).collect(),
        name: caller.account.name,
        mail: caller.account.mail,
        role: caller.account.role.word(),
        token: caller.token.name,
        expires: caller.token.expires.map(|end| Moment(end).rfc3339()),
    })
}

/// The heading.
const GROUP: &str = "Token";

//! `/account/password`: another password, for whoever is signed in.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use repute_database::Timestamp;
use repute_database::passkeys::{self, Passkey};
use repute_database::tokens::{self, Token};
use serde::Deserialize;

use crate::account::{self, Besides, Fate};
use crate::app::App;
use crate::error::AppError;
use crate::flash::Flash;
use crate::form::Form;
use crate::frame::{Frame, Page};
use crate::pages::account::done;
use crate::password::{self, About};
use crate::visitor::Member;

/// The page.
#[derive(Template)]
#[template(path = "password.html")]
pub(crate) struct Change {
    frame: Frame,
    mail: String,
    fault: Option<&'static str>,
    /// What else lets somebody in.
    passkeys: Vec<Passkey>,
    tokens: Vec<Token>,
}

/// What is typed.
#[derive(Deserialize)]
pub(crate) struct Typed {
    password: String,
    /// There if tokens are to end.
    tokens: Option<String>,
    /// There if passkeys are to go.
    passkeys: Option<String>,
}

/// `GET /account/password`.
pub(crate) async fn show(
    State(app): State<App>,
    frame: Frame,
    member: Member,
) -> Result<Page<Change>, AppError> {
    page(&app, frame, member, None).await.map(Page)
}

/// `POST /account/password`. The one before is not asked for: its person has just proved who he is.
pub(crate) async fn change(
    State(app): State<App>,
    frame: Frame,
    member: Member,
    Form(Typed { password, tokens, passkeys }): Form<Typed>,
) -> Result<Response, AppError> {
    let about = About {
        mail: &member.account.mail,
        name: &member.account.name,
        host: app.config.public_url.host(),
    };
    if let Some(fault) = password::fault(&password, about) {
        let page = page(&app, frame, member, Some(fault)).await?;
        return Ok((StatusCode::UNPROCESSABLE_ENTITY, Page(page)).into_response());
    }
    let fate = |chosen: Option<String>| if chosen.is_some() { Fate::Ends } else { Fate::Stays };
    let besides = Besides { tokens: fate(tokens), passkeys: fate(passkeys) };
    account::change_password(&app, &member, password, besides).await?;
    Ok(done(Flash::PasswordChanged))
}

/// The page, with what else lets somebody in.
async fn page(
    app: &App,
    frame: Frame,
    member: Member,
    fault: Option<&'static str>,
) -> Result<Change, AppError> {
    let (now, mut connection) = (Timestamp::now(), app.database.read().await?);
    let passkeys = passkeys::of(connection.session(), member.account.id).await?;
    let mut tokens = tokens::of(connection.session(), member.account.id).await?;
    tokens.retain(|token| token.expires.is_none_or(|end| end > now));
    Ok(Change { frame, mail: member.account.mail, fault, passkeys, tokens })
}

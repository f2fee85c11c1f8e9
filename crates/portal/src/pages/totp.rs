//! `/account/totp`: codes from an app as a second factor.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use repute_database::Timestamp;
use serde::Deserialize;

use crate::app::App;
use crate::error::AppError;
use crate::factor;
use crate::flash::Flash;
use crate::form::Form;
use crate::frame::{Frame, Page};
use crate::pages::account::done;
use crate::pages::recovery::Codes;
use crate::pages::sign_in::to;
use crate::totp::{self, Key};
use crate::visitor::Member;

/// The page on which an app learns the key.
#[derive(Template)]
#[template(path = "totp.html")]
pub(crate) struct SetUp {
    frame: Frame,
    /// The key as a picture, which is SVG of our own.
    picture: String,
    key: String,
    is_wrong: bool,
}

/// What is typed.
#[derive(Deserialize)]
pub(crate) struct Typed {
    code: String,
}

/// `GET /account/totp`. Each look makes another key: nobody is led to one that somebody else has seen.
pub(crate) async fn show(
    State(app): State<App>,
    frame: Frame,
    member: Member,
) -> Result<Response, AppError> {
    match factor::offer(&app, member.account.id).await? {
        Some(key) => Ok(Page(page(&app, frame, &member, &key, false)).into_response()),
        None => Ok(to("/account")),
    }
}

/// `POST /account/totp`.
pub(crate) async fn confirm(
    State(app): State<App>,
    frame: Frame,
    member: Member,
    Form(Typed { code }): Form<Typed>,
) -> Result<Response, AppError> {
    let Some(key) = factor::offered(&app, member.account.id).await? else {
        return Ok(to("/account"));
    };
    let Some(step) = key.step_of(&code, Timestamp::now()) else {
        let page = page(&app, frame, &member, &key, true);
        return Ok((StatusCode::UNPROCESSABLE_ENTITY, Page(page)).into_response());
    };
    match factor::confirm(&app, &member, step).await? {
        Some(codes) if !codes.is_empty() => {
            Ok(Page(Codes { frame, codes, said: Some(Flash::TotpAdded.text()) }).into_response())
        }
        Some(_) => Ok(done(Flash::TotpAdded)),
        None => Ok(to("/account")),
    }
}

/// `POST /account/totp/remove`.
pub(crate) async fn remove(State(app): State<App>, member: Member) -> Result<Response, AppError> {
    match factor::remove(&app, &member).await? {
        true => Ok(done(Flash::TotpRemoved)),
        false => Ok(to("/account")),
    }
}

/// The page for a key.
fn page(app: &App, frame: Frame, member: &Member, key: &Key, is_wrong: bool) -> SetUp {
    let picture = totp::picture(&key.uri(&app.config.title, &member.account.mail));
    SetUp { frame, picture, key: key.text(), is_wrong }
}

//! `/account/password`: another password, for whoever is signed in.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use crate::account;
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
}

/// What is typed.
#[derive(Deserialize)]
pub(crate) struct Typed {
    password: String,
}

/// `GET /account/password`.
pub(crate) async fn show(frame: Frame, member: Member) -> Page<Change> {
    Page(Change { frame, mail: member.account.mail, fault: None })
}

/// `POST /account/password`. The one before is not asked for: its person has just proved who he is.
pub(crate) async fn change(
    State(app): State<App>,
    frame: Frame,
    member: Member,
    Form(Typed { password }): Form<Typed>,
) -> Result<Response, AppError> {
    let about = About {
        mail: &member.account.mail,
        name: &member.account.name,
        host: app.config.public_url.host(),
    };
    if let Some(fault) = password::fault(&password, about) {
        let page = Change { frame, mail: member.account.mail, fault: Some(fault) };
        return Ok((StatusCode::UNPROCESSABLE_ENTITY, Page(page)).into_response());
    }
    account::change_password(&app, &member, password).await?;
    Ok(done(Flash::PasswordChanged))
}

//! `/account/mail`: another mail address for an account.

use askama::Template;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use repute_database::Timestamp;
use serde::Deserialize;

use crate::app::App;
use crate::error::AppError;
use crate::flash::Flash;
use crate::form::Form;
use crate::frame::{Frame, Page};
use crate::mail_address::MailAddress;
use crate::new_mail;
use crate::pages::account::done;
use crate::visitor::{Member, Visitor};

/// The page on which it is asked for.
#[derive(Template)]
#[template(path = "mail.html")]
pub(crate) struct Ask {
    frame: Frame,
    /// The address now.
    now: String,
    /// What was typed.
    mail: String,
    fault: Option<String>,
}

/// The page to which the link leads.
#[derive(Template)]
#[template(path = "mail_proven.html")]
pub(crate) struct Proven {
    frame: Frame,
    /// The address now.
    now: String,
    /// The one that is proved.
    mail: String,
}

/// What is typed.
#[derive(Deserialize)]
pub(crate) struct Typed {
    mail: String,
}

/// `GET /account/mail`.
pub(crate) async fn show(frame: Frame, member: Member) -> Page<Ask> {
    Page(Ask { frame, now: member.account.mail, mail: String::new(), fault: None })
}

/// `POST /account/mail`.
pub(crate) async fn ask(
    State(app): State<App>,
    frame: Frame,
    visitor: Visitor,
    member: Member,
    Form(Typed { mail }): Form<Typed>,
) -> Result<Response, AppError> {
    let fault = match mail.parse::<MailAddress>() {
        Ok(to) if to.as_str() == member.account.mail => "That is your address already.".to_owned(),
        Ok(to) => {
            new_mail::ask(&app, &member.account, &to, visitor.address).await?;
            return Ok(done(Flash::MailAsked));
        }
        Err(error) => error.to_string(),
    };
    let page = Ask { frame, now: member.account.mail, mail, fault: Some(fault) };
    Ok((StatusCode::UNPROCESSABLE_ENTITY, Page(page)).into_response())
}

/// `GET /account/mail/{until}/{mail}/{token}`. Looking changes nothing: scanners of mail look.
pub(crate) async fn proven(
    State(app): State<App>,
    frame: Frame,
    member: Member,
    Path(link): Path<(i64, String, String)>,
) -> Result<Page<Proven>, AppError> {
    let to = of_link(&app, &member, &link)?;
    Ok(Page(Proven { frame, now: member.account.mail, mail: to.to_string() }))
}

/// `POST /account/mail/{until}/{mail}/{token}`.
pub(crate) async fn take(
    State(app): State<App>,
    member: Member,
    Path(link): Path<(i64, String, String)>,
) -> Result<Response, AppError> {
    let to = of_link(&app, &member, &link)?;
    new_mail::take(&app, &member.account, &to).await?;
    Ok(done(Flash::MailChanged))
}

/// The address of a link, if it is this person's and still good.
fn of_link(
    app: &App,
    member: &Member,
    (until, mail, token): &(i64, String, String),
) -> Result<MailAddress, AppError> {
    let to: MailAddress = mail.parse().map_err(|_| AppError::StaleLink)?;
    match new_mail::is_link(app, &member.account, &to, Timestamp(*until), token) {
        true => Ok(to),
        false => Err(AppError::StaleLink),
    }
}

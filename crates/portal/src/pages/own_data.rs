//! `/account/data` and `/account/delete`: what is kept of somebody, and the end of it.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use repute_database::accounts::Account;
use repute_database::person::{self, Membership};
use serde::Deserialize;

use crate::app::App;
use crate::error::AppError;
use crate::flash::Flash;
use crate::form::Form;
use crate::frame::{Frame, Page};
use crate::own_data::{self, By};
use crate::pages::sign_in::signed_out;
use crate::visitor::Member;

/// The page about what is kept.
#[derive(Template)]
#[template(path = "own_data.html")]
pub(crate) struct OwnData {
    frame: Frame,
}

/// The page before the end.
#[derive(Template)]
#[template(path = "delete.html")]
pub(crate) struct Delete {
    frame: Frame,
    mail: String,
    is_wrong: bool,
    /// Organisations for which nobody else speaks.
    alone: Vec<Membership>,
    /// Those of them that have other members: he has to name another owner first.
    needed: Vec<Membership>,
}

/// What is typed.
#[derive(Deserialize)]
pub(crate) struct Typed {
    mail: String,
}

/// `GET /account/data`.
pub(crate) async fn show(frame: Frame) -> Page<OwnData> {
    Page(OwnData { frame })
}

/// `GET /account/data.json`.
pub(crate) async fn export(State(app): State<App>, member: Member) -> Result<Response, AppError> {
    as_file(&app, &member.account).await
}

/// All that is kept of somebody, as a file.
pub(crate) async fn as_file(app: &App, account: &Account) -> Result<Response, AppError> {
    let document = own_data::document(&app.database, account).await?;
    let headers = [
        (CONTENT_TYPE, "application/json"),
        (CONTENT_DISPOSITION, "attachment; filename=\"account.json\""),
    ];
    Ok((headers, format!("{document:#}\n")).into_response())
}

/// `GET /account/delete`.
pub(crate) async fn ask(
    State(app): State<App>,
    frame: Frame,
    member: Member,
) -> Result<Page<Delete>, AppError> {
    page(&app, frame, &member, false).await.map(Page)
}

/// `POST /account/delete`. The address is typed, so that nobody gets here by one click too many.
pub(crate) async fn delete(
    State(app): State<App>,
    frame: Frame,
    member: Member,
    Form(Typed { mail }): Form<Typed>,
) -> Result<Response, AppError> {
    if mail.trim().to_lowercase() != member.account.mail {
        let page = page(&app, frame, &member, true).await?;
        return Ok((StatusCode::UNPROCESSABLE_ENTITY, Page(page)).into_response());
    }
    own_data::erase(&app.database, &member.account, By::Himself).await?;
    Ok(signed_out(&app.config.public_url, Flash::Deleted))
}

/// The page before the end.
async fn page(
    app: &App,
    frame: Frame,
    member: &Member,
    is_wrong: bool,
) -> Result<Delete, AppError> {
    let mut connection = app.database.read().await?;
    let all = person::memberships(connection.session(), &member.account).await?;
    let (needed, others): (Vec<_>, Vec<_>) = all.into_iter().partition(own_data::is_needed);
    let alone = others.into_iter().filter(|membership| membership.others == 0).collect();
    Ok(Delete { frame, mail: member.account.mail.clone(), is_wrong, alone, needed })
}

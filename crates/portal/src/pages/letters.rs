//! `/unsubscribe/...` and `/account/letters`: which letters somebody wants.

use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;
use repute_database::digests::Wanted;
use serde::Deserialize;

use crate::app::App;
use crate::error::AppError;
use crate::flash::Flash;
use crate::form::Form;
use crate::frame::{Frame, Page};
use crate::letters;
use crate::pages::account::done;
use crate::visitor::Member;

/// The page behind the link of a letter.
#[derive(Template)]
#[template(path = "unsubscribe.html")]
pub(crate) struct Unsubscribe {
    frame: Frame,
    mail: String,
    is_done: bool,
}

/// What is chosen.
#[derive(Deserialize)]
pub(crate) struct Typed {
    letters: String,
}

/// `GET /unsubscribe/{account}/{token}`. Looking changes nothing: scanners of mail look.
pub(crate) async fn ask(
    State(app): State<App>,
    frame: Frame,
    Path((id, token)): Path<(i64, String)>,
) -> Result<Page<Unsubscribe>, AppError> {
    let account = letters::of_link(&app, id, &token).await?;
    Ok(Page(Unsubscribe { frame, mail: account.mail, is_done: false }))
}

/// `POST /unsubscribe/{account}/{token}`: by the page, or by a mail program (RFC 8058), whose body says nothing more.
pub(crate) async fn stop(
    State(app): State<App>,
    frame: Frame,
    Path((id, token)): Path<(i64, String)>,
) -> Result<Page<Unsubscribe>, AppError> {
    let account = letters::of_link(&app, id, &token).await?;
    letters::want(&app, account.id, Wanted::Needed).await?;
    Ok(Page(Unsubscribe { frame, mail: account.mail, is_done: true }))
}

/// `POST /account/letters`.
pub(crate) async fn choose(
    State(app): State<App>,
    member: Member,
    Form(Typed { letters }): Form<Typed>,
) -> Result<Response, AppError> {
    let wanted = Wanted::of_word(&letters).ok_or(AppError::Choice)?;
    letters::want(&app, member.account.id, wanted).await?;
    Ok(done(Flash::LettersChosen))
}

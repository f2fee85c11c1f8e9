//! `/account/recovery-codes`: the page that shows recovery codes, once.

use askama::Template;
use axum::extract::State;
use axum::response::{IntoResponse, Response};

use crate::app::App;
use crate::error::AppError;
use crate::factor;
use crate::frame::{Frame, Page};
use crate::pages::sign_in::to;
use crate::visitor::Member;

/// The page.
#[derive(Template)]
#[template(path = "recovery.html")]
pub(crate) struct Codes {
    pub(crate) frame: Frame,
    pub(crate) codes: Vec<String>,
    /// What was just done besides.
    pub(crate) said: Option<&'static str>,
}

/// `POST /account/recovery-codes`: the answer is the page, as nothing could show them again.
pub(crate) async fn make(
    State(app): State<App>,
    frame: Frame,
    member: Member,
) -> Result<Response, AppError> {
    match factor::make_codes(&app, &member).await? {
        Some(codes) => Ok(Page(Codes { frame, codes, said: None }).into_response()),
        None => Ok(to("/account")),
    }
}

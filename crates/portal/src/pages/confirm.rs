//! `/confirm`: who is signed in shows once more who he is, before something that cannot be taken back.

use std::time::Instant;

use askama::Template;
use axum::extract::{Form, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use crate::account;
use crate::app::App;
use crate::error::AppError;
use crate::frame::{Frame, Page};
use crate::limits::{Deed, Doer};
use crate::pages::sign_in::{Next, own, to};
use crate::visitor::{Member, Visitor};

/// The page.
#[derive(Template)]
#[template(path = "confirm.html")]
pub(crate) struct Confirm {
    frame: Frame,
    mail: String,
    next: String,
    is_wrong: bool,
}

/// What is typed.
#[derive(Deserialize)]
pub(crate) struct Typed {
    password: String,
    #[serde(default)]
    next: String,
}

/// `GET /confirm`.
pub(crate) async fn show(
    frame: Frame,
    member: Member,
    Query(Next { next }): Query<Next>,
) -> Page<Confirm> {
    Page(Confirm { frame, mail: member.account.mail, next: own(&next), is_wrong: false })
}

/// `POST /confirm`.
pub(crate) async fn by_password(
    State(app): State<App>,
    frame: Frame,
    visitor: Visitor,
    member: Member,
    Form(Typed { password, next }): Form<Typed>,
) -> Result<Response, AppError> {
    let now = Instant::now();
    app.limits.take(Deed::Try, Doer::at(visitor.address), now).map_err(AppError::TooMany)?;
    if account::prove_by_password(&app, &member, password).await? {
        return Ok(to(&own(&next)));
    }
    let page = Confirm { frame, mail: member.account.mail, next: own(&next), is_wrong: true };
    Ok((StatusCode::UNPROCESSABLE_ENTITY, Page(page)).into_response())
}

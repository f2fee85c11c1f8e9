//! `/confirm`: who is signed in shows once more who he is, before something that cannot be taken back.

use askama::Template;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use repute_database::factors::{self, Factors};
use serde::Deserialize;

use crate::account;
use crate::app::App;
use crate::error::AppError;
use crate::factor;
use crate::form::Form;
use crate::frame::{Frame, Page};
use crate::limits::{self, Deed, Doer};
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
    factors: Factors,
}

/// What is typed.
#[derive(Deserialize)]
pub(crate) struct Typed {
    password: String,
    #[serde(default)]
    next: String,
}

/// A code that is typed.
#[derive(Deserialize)]
pub(crate) struct TypedCode {
    code: String,
    #[serde(default)]
    next: String,
}

/// `GET /confirm`.
pub(crate) async fn show(
    State(app): State<App>,
    frame: Frame,
    member: Member,
    Query(Next { next }): Query<Next>,
) -> Result<Page<Confirm>, AppError> {
    page(&app, frame, member, &next, false).await.map(Page)
}

/// `POST /confirm`.
pub(crate) async fn by_password(
    State(app): State<App>,
    frame: Frame,
    visitor: Visitor,
    member: Member,
    Form(Typed { password, next }): Form<Typed>,
) -> Result<Response, AppError> {
    limits::take(&app, Deed::Try, Doer::at(visitor.address)).await?;
    if account::prove_by_password(&app, &member, password).await? {
        return Ok(to(&own(&next)));
    }
    let page = page(&app, frame, member, &next, true).await?;
    Ok((StatusCode::UNPROCESSABLE_ENTITY, Page(page)).into_response())
}

/// `POST /confirm/code`.
pub(crate) async fn by_code(
    State(app): State<App>,
    frame: Frame,
    visitor: Visitor,
    member: Member,
    Form(TypedCode { code, next }): Form<TypedCode>,
) -> Result<Response, AppError> {
    limits::take(&app, Deed::Try, Doer::at(visitor.address)).await?;
    if factor::prove(&app, &member, &code).await? {
        return Ok(to(&own(&next)));
    }
    let page = page(&app, frame, member, &next, true).await?;
    Ok((StatusCode::UNPROCESSABLE_ENTITY, Page(page)).into_response())
}

/// The page, with the ways that this person has.
async fn page(
    app: &App,
    frame: Frame,
    member: Member,
    next: &str,
    is_wrong: bool,
) -> Result<Confirm, AppError> {
    let mut connection = app.database.read().await?;
    let factors = factors::of(connection.session(), member.account.id).await?;
    Ok(Confirm { frame, mail: member.account.mail, next: own(next), is_wrong, factors })
}

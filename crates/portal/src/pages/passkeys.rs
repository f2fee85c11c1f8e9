//! `/account/passkeys`, and the ways by which a passkey signs in or confirms. Each has an address that asks the browser,
//! whose answer a script of ours puts into a form.

use askama::Template;
use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use repute_database::passkeys::{self, Passkey, PasskeyId};
use serde::Deserialize;
use serde_json::Value;

use crate::account::Entry;
use crate::app::App;
use crate::error::AppError;
use crate::factor::{self, Second};
use crate::flash::Flash;
use crate::form::Form;
use crate::frame::{Frame, Page};
use crate::moment::Moment;
use crate::pages::account::done_at;
use crate::pages::confirm::Sent;
use crate::pages::recovery::Codes;
use crate::pages::second::{begin_again, let_in, second_cookie};
use crate::pages::sign_in::{client, own, signed_in};
use crate::passkey::{self, Answer};
use crate::visitor::{Member, Visitor, cookie};

/// The page.
#[derive(Template)]
#[template(path = "passkeys.html")]
pub(crate) struct PasskeysPage {
    frame: Frame,
    passkeys: Vec<Passkey>,
    are_possible: bool,
    is_wrong: bool,
}

/// A new passkey.
#[derive(Deserialize)]
pub(crate) struct New {
    name: String,
    ceremony: String,
    credential: String,
}

/// A passkey that is shown, and where to go with it.
#[derive(Deserialize)]
pub(crate) struct Shown {
    ceremony: String,
    credential: String,
    #[serde(default)]
    next: String,
}

impl Shown {
    /// The browser's answer.
    fn answer(self) -> Answer {
        Answer { ceremony: self.ceremony, credential: self.credential }
    }
}

/// `GET /account/passkeys`.
pub(crate) async fn show(
    State(app): State<App>,
    frame: Frame,
    member: Member,
) -> Result<Page<PasskeysPage>, AppError> {
    page(&app, frame, &member, false).await.map(Page)
}

/// `POST /account/passkeys/ask`.
pub(crate) async fn ask(State(app): State<App>, member: Member) -> Result<Json<Value>, AppError> {
    passkey::ask_register(&app, &member.account).await.map(Json)
}

/// `POST /account/passkeys`.
pub(crate) async fn add(
    State(app): State<App>,
    frame: Frame,
    member: Member,
    Form(New { name, ceremony, credential }): Form<New>,
) -> Result<Response, AppError> {
    let name = name.trim();
    let is_name = (1..=60).contains(&name.chars().count()) && !name.contains(char::is_control);
    if !is_name {
        let page = page(&app, frame, &member, true).await?;
        return Ok((StatusCode::UNPROCESSABLE_ENTITY, Page(page)).into_response());
    }
    let answer = Answer { ceremony, credential };
    let codes = passkey::register(&app, &member, &answer, name).await?;
    if codes.is_empty() {
        return Ok(done_at("/account/passkeys", Flash::PasskeyAdded));
    }
    Ok(Page(Codes { frame, codes, said: Some(Flash::PasskeyAdded.text()) }).into_response())
}

/// `POST /account/passkeys/{id}/remove`.
pub(crate) async fn remove(
    State(app): State<App>,
    member: Member,
    Path(id): Path<i64>,
) -> Result<Response, AppError> {
    match passkey::remove(&app, &member, PasskeyId(id)).await? {
        true => Ok(done_at("/account/passkeys", Flash::PasskeyRemoved)),
        false => Err(AppError::NotFound),
    }
}

/// `POST /sign-in/passkey/ask`.
pub(crate) async fn ask_sign_in(
    State(app): State<App>,
    visitor: Visitor,
) -> Result<Json<Value>, AppError> {
    passkey::limit(&app, visitor.address).await?;
    passkey::ask_sign_in(&app).await.map(Json)
}

/// `POST /sign-in/passkey`.
pub(crate) async fn sign_in(
    State(app): State<App>,
    visitor: Visitor,
    headers: HeaderMap,
    Form(shown): Form<Shown>,
) -> Result<Response, AppError> {
    passkey::limit(&app, visitor.address).await?;
    let next = own(&shown.next);
    match passkey::sign_in(&app, &shown.answer(), &client(&visitor, &headers)).await? {
        Entry::In(arrival) => {
            Ok(signed_in(&app.config.public_url, &arrival, &next, Flash::SignedIn))
        }
        Entry::Locked => Err(AppError::Locked),
        Entry::Second(_) | Entry::Wrong => Err(AppError::Passkey),
    }
}

/// `POST /sign-in/second/passkey/ask`.
pub(crate) async fn ask_second(
    State(app): State<App>,
    headers: HeaderMap,
) -> Result<Json<Value>, AppError> {
    let secret = cookie(&headers, second_cookie(&app.config.public_url));
    let account = factor::half(&app, secret.ok_or(AppError::Passkey)?).await?;
    passkey::ask_show(&app, account.ok_or(AppError::Passkey)?.id).await.map(Json)
}

/// `POST /sign-in/second/passkey`.
pub(crate) async fn second(
    State(app): State<App>,
    visitor: Visitor,
    headers: HeaderMap,
    Form(shown): Form<Shown>,
) -> Result<Response, AppError> {
    passkey::limit(&app, visitor.address).await?;
    let url = &app.config.public_url;
    let Some(secret) = cookie(&headers, second_cookie(url)) else { return Ok(begin_again()) };
    let (next, client) = (own(&shown.next), client(&visitor, &headers));
    match passkey::finish(&app, secret, &shown.answer(), &client).await? {
        Second::In(arrival) => Ok(let_in(url, &arrival, &next)),
        Second::Over | Second::Wrong => Ok(begin_again()),
    }
}

/// `POST /confirm/passkey/ask`.
pub(crate) async fn ask_confirm(
    State(app): State<App>,
    member: Member,
) -> Result<Json<Value>, AppError> {
    passkey::ask_show(&app, member.account.id).await.map(Json)
}

/// `POST /confirm/passkey`.
pub(crate) async fn confirm(
    State(app): State<App>,
    frame: Frame,
    visitor: Visitor,
    member: Member,
    Form(form): Form<Vec<(String, String)>>,
) -> Result<Response, AppError> {
    passkey::limit(&app, visitor.address).await?;
    let sent = Sent::new(form);
    let (ceremony, credential) = (sent.field("ceremony"), sent.field("credential"));
    passkey::prove(&app, &member, &Answer { ceremony, credential }).await?;
    Ok(sent.go_on(frame))
}

/// The page.
async fn page(
    app: &App,
    frame: Frame,
    member: &Member,
    is_wrong: bool,
) -> Result<PasskeysPage, AppError> {
    let mut connection = app.database.read().await?;
    let passkeys = passkeys::of(connection.session(), member.account.id).await?;
    let are_possible = app.passkeys.are_possible();
    Ok(PasskeysPage { frame, passkeys, are_possible, is_wrong })
}

//! `/account`: who one is here, and where one is signed in.

use askama::Template;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use repute_database::Timestamp;
use repute_database::accounts::Account;
use repute_database::digests::{self, Wanted};
use repute_database::factors::{self, Factors};
use repute_database::sessions::{self, SessionId, SignedIn};
use repute_database::undelivered::{self, Undelivered};
use serde::Deserialize;

use crate::account;
use crate::app::App;
use crate::error::AppError;
use crate::flash::Flash;
use crate::form::Form;
use crate::frame::{Frame, Page, say};
use crate::moment::Moment;
use crate::pages::sign_in::to;
use crate::visitor::Member;

/// The page.
#[derive(Template)]
#[template(path = "account.html")]
pub(crate) struct AccountPage {
    frame: Frame,
    account: Account,
    here: SessionId,
    sessions: Vec<SignedIn>,
    factors: Factors,
    wanted: Wanted,
    /// Why and since when letters do not come to him, if they do not.
    undelivered: Option<Undelivered>,
    /// What he wants to be called, if that is no name, and why not.
    name: Option<(String, &'static str)>,
}

/// What somebody wants to be called.
#[derive(Deserialize)]
pub(crate) struct Typed {
    name: String,
}

/// `GET /account`.
pub(crate) async fn show(
    State(app): State<App>,
    frame: Frame,
    member: Member,
) -> Result<Page<AccountPage>, AppError> {
    page(&app, frame, member, None).await.map(Page)
}

/// `POST /account/name`.
pub(crate) async fn rename(
    State(app): State<App>,
    frame: Frame,
    member: Member,
    Form(Typed { name }): Form<Typed>,
) -> Result<Response, AppError> {
    match account::name(&name) {
        Ok(name) => {
            account::rename(&app, member.account.id, name).await?;
            Ok(done(Flash::NameChanged))
        }
        Err(fault) => {
            let page = page(&app, frame, member, Some((name, fault))).await?;
            Ok((StatusCode::UNPROCESSABLE_ENTITY, Page(page)).into_response())
        }
    }
}

/// The page.
async fn page(
    app: &App,
    frame: Frame,
    member: Member,
    name: Option<(String, &'static str)>,
) -> Result<AccountPage, AppError> {
    let mut connection = app.database.read().await?;
    let sessions = sessions::of(connection.session(), member.account.id, Timestamp::now()).await?;
    let factors = factors::of(connection.session(), member.account.id).await?;
    let wanted = digests::wanted(connection.session(), member.account.id).await?;
    let wanted = wanted.unwrap_or(Wanted::All);
    let undelivered = undelivered::dead(connection.session(), &member.account.mail).await?;
    let (account, here) = (member.account, member.session.id);
    Ok(AccountPage { frame, account, here, sessions, factors, wanted, undelivered, name })
}

/// `POST /account/sessions/{id}/end`.
pub(crate) async fn end(
    State(app): State<App>,
    member: Member,
    Path(id): Path<i64>,
) -> Result<Response, AppError> {
    if !account::end_session(&app, member.account.id, SessionId(id)).await? {
        return Err(AppError::NotFound);
    }
    Ok(done(Flash::SessionEnded))
}

/// `POST /account/sessions/end-others`.
pub(crate) async fn end_others(
    State(app): State<App>,
    member: Member,
) -> Result<Response, AppError> {
    account::end_other_sessions(&app, member.account.id, member.session.id).await?;
    Ok(done(Flash::SessionEnded))
}

impl AccountPage {
    /// What stands in the field of the name.
    fn called(&self) -> &str {
        self.name.as_ref().map_or(&self.account.name, |(typed, _)| typed)
    }

    /// Why that is no name.
    fn name_fault(&self) -> Option<&'static str> {
        self.name.as_ref().map(|(_, fault)| *fault)
    }

    /// The ways in which letters come: the word, what it means, whether it is chosen.
    fn ways(&self) -> [(&'static str, &'static str, bool); 4] {
        Wanted::ALL.map(|wanted| {
            let words = match wanted {
                Wanted::All => "all, at once",
                Wanted::Daily => "one letter a day",
                Wanted::Weekly => "one letter a week",
                Wanted::Needed => "none",
            };
            (wanted.word(), words, wanted == self.wanted)
        })
    }
}

/// Back to the page, which says what was done.
pub(crate) fn done(flash: Flash) -> Response {
    done_at("/account", flash)
}

/// To a page of ours, which says what was done.
pub(crate) fn done_at(path: &str, flash: Flash) -> Response {
    say(to(path), flash)
}

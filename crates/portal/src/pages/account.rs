//! `/account`: who one is here, and where one is signed in.

use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;
use repute_database::Timestamp;
use repute_database::accounts::Account;
use repute_database::digests::{self, Wanted};
use repute_database::factors::{self, Factors};
use repute_database::sessions::{self, SessionId, SignedIn};
use repute_database::undelivered::{self, Undelivered};

use crate::account;
use crate::app::App;
use crate::error::AppError;
use crate::flash::Flash;
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
}

/// `GET /account`.
pub(crate) async fn show(
    State(app): State<App>,
    frame: Frame,
    member: Member,
) -> Result<Page<AccountPage>, AppError> {
    let mut connection = app.database.read().await?;
    let sessions = sessions::of(connection.session(), member.account.id, Timestamp::now()).await?;
    let factors = factors::of(connection.session(), member.account.id).await?;
    let wanted = digests::wanted(connection.session(), member.account.id).await?;
    let wanted = wanted.unwrap_or(Wanted::All);
    let undelivered = undelivered::dead(connection.session(), &member.account.mail).await?;
    let (account, here) = (member.account, member.session.id);
    let page = AccountPage { frame, account, here, sessions, factors, wanted, undelivered };
    Ok(Page(page))
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

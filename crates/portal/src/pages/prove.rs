//! `/claims/{id}/prove/{token}`: where the link in a letter to a domain's own mailbox leads. Whoever reads there sees who asks
//! for what, and says yes or no: the link is the proof, and he needs no account for it.

use askama::Template;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use repute_database::accounts::{self, AccountId};
use repute_database::claims::{Claim, ClaimId, State as Stage};
use repute_database::{Session, Timestamp, organisations};
use repute_registry::claim::{self, Answer};
use repute_registry::notice::Notice;
use serde::Deserialize;

use crate::app::App;
use crate::error::AppError;
use crate::flash::Flash;
use crate::form::Form;
use crate::frame::{Frame, Page};
use crate::moment::Moment;
use crate::notice;
use crate::pages::claim::path;
use crate::pages::sign_in::back;
use crate::visitor::Visitor;

/// The page.
#[derive(Template)]
#[template(path = "claim_prove.html")]
pub(crate) struct Prove {
    frame: Frame,
    claim: Claim,
    /// What the organisation is called.
    organisation: String,
    /// The name and mail address of who asks.
    asks: (String, String),
    /// What was just said.
    said: Option<Answer>,
}

/// What whoever reads the mailbox says.
#[derive(Debug, Deserialize)]
pub(crate) struct Typed {
    /// `no`, or else yes.
    #[serde(default)]
    answer: String,
}

/// `GET /claims/{id}/prove/{token}`. Looking proves nothing: scanners of mail look.
pub(crate) async fn ask(
    State(app): State<App>,
    frame: Frame,
    Path((id, token)): Path<(i64, String)>,
) -> Result<Page<Prove>, AppError> {
    let mut connection = app.database.read().await?;
    let key = &app.means.key;
    let claim = claim::of_link(connection.session(), ClaimId(id), &token, key).await?;
    Ok(Page(page(connection.session(), frame, claim, None).await?))
}

/// `POST /claims/{id}/prove/{token}`.
pub(crate) async fn answer(
    State(app): State<App>,
    frame: Frame,
    visitor: Visitor,
    Path((id, token)): Path<(i64, String)>,
    Form(typed): Form<Typed>,
) -> Result<Response, AppError> {
    let answer = if typed.answer == "no" { Answer::No } else { Answer::Yes };
    let (now, key) = (Timestamp::now(), &app.means.key);
    let mut transaction = app.database.begin().await?;
    let t = &mut transaction;
    let (claim, mut notices) = claim::follow_link(t, ClaimId(id), &token, answer, key, now).await?;
    // Who asked reads the mailbox himself: he goes on where he was, and knows.
    let is_theirs = visitor.member.is_some_and(|member| member.account.id.0 == claim.new.account);
    if is_theirs {
        notices.retain(|notice| !matches!(notice, Notice::ClaimAnswered { .. }));
    }
    notice::put(&app, t, &notices, now).await?;
    let response = match (is_theirs, answer) {
        (true, Answer::Yes) => back(&path(&claim), Flash::ClaimProven),
        (true, Answer::No) => back(&path(&claim), Flash::ClaimWithdrawn),
        (false, _) => Page(page(t.session(), frame, claim, Some(answer)).await?).into_response(),
    };
    transaction.commit().await?;
    app.mail_waits.notify_one();
    Ok(response)
}

/// The page of a claim.
async fn page(
    mut session: Session<'_>,
    frame: Frame,
    claim: Claim,
    said: Option<Answer>,
) -> Result<Prove, AppError> {
    let found = organisations::by_id(session.again(), claim.new.organisation).await?;
    let organisation = found.map_or_else(String::new, |found| found.name);
    let account = accounts::by_id(session, AccountId(claim.new.account)).await?;
    let asks = account.map(|account| (account.name, account.mail)).unwrap_or_default();
    Ok(Prove { frame, claim, organisation, asks, said })
}

impl Prove {
    /// Whether an answer is still waited for.
    fn is_open(&self) -> bool {
        self.said.is_none() && self.claim.state == Stage::Open
    }

    /// Whether it was said just now that it is right, or not.
    fn is_said(&self, is_yes: bool) -> bool {
        self.said.is_some_and(|said| (said == Answer::Yes) == is_yes)
    }
}

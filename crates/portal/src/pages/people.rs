//! `/people`: who has an account here, and what administrators do about that.

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use repute_database::Timestamp;
use repute_database::accounts::{self, Account, AccountId, Role};
use repute_database::factors::{self, Factors};
use repute_database::undelivered::{self, Undelivered};
use serde::Deserialize;

use crate::access::encode;
use crate::app::App;
use crate::error::AppError;
use crate::flash::Flash;
use crate::form::Form;
use crate::frame::{Frame, Page};
use crate::moment::Moment;
use crate::pages::account::done_at;
use crate::people::{self, Measure};
use crate::visitor::Member;

/// The page of all.
#[derive(Template)]
#[template(path = "people.html")]
pub(crate) struct People {
    frame: Frame,
    part: String,
    people: Vec<Account>,
    /// Where the next ones are, if there are any.
    next: Option<String>,
}

/// The page of one.
#[derive(Template)]
#[template(path = "somebody.html")]
pub(crate) struct Somebody {
    frame: Frame,
    account: Account,
    factors: Factors,
    /// Since when letters to him do not arrive, if so.
    missed: Option<Undelivered>,
    is_self: bool,
}

/// Whom somebody looks for.
#[derive(Deserialize)]
pub(crate) struct Search {
    #[serde(default)]
    part: String,
    #[serde(default)]
    after: String,
}

/// A role that is chosen.
#[derive(Deserialize)]
pub(crate) struct Chosen {
    role: String,
}

/// `GET /people`.
pub(crate) async fn show(
    State(app): State<App>,
    frame: Frame,
    Query(Search { part, after }): Query<Search>,
) -> Result<Page<People>, AppError> {
    let mut connection = app.database.read().await?;
    let lower = part.trim().to_lowercase();
    let mut people = accounts::search(connection.session(), &lower, &after, AT_ONCE + 1).await?;
    let is_more = people.len() > AT_ONCE as usize;
    people.truncate(AT_ONCE as usize);
    let last = people.last().filter(|_| is_more);
    let next = last.map(|last| {
        // `encode` leaves slashes alone, which is as well in a query.
        format!("/people?part={}&after={}", encode(&part), encode(&last.mail))
    });
    Ok(Page(People { frame, part, people, next }))
}

/// `GET /people/{id}`.
pub(crate) async fn one(
    State(app): State<App>,
    frame: Frame,
    member: Member,
    Path(id): Path<i64>,
) -> Result<Page<Somebody>, AppError> {
    let mut connection = app.database.read().await?;
    let account = accounts::by_id(connection.session(), AccountId(id)).await?;
    let account = account.ok_or(AppError::NotFound)?;
    let factors = factors::of(connection.session(), account.id).await?;
    let missed = undelivered::dead(connection.session(), &account.mail).await?;
    let is_self = account.id == member.account.id;
    Ok(Page(Somebody { frame, account, factors, missed, is_self }))
}

/// `POST /people/{id}/role`.
pub(crate) async fn role(
    State(app): State<App>,
    member: Member,
    Path(id): Path<i64>,
    Form(Chosen { role }): Form<Chosen>,
) -> Result<Response, AppError> {
    let role = Role::from_word(&role).ok_or(AppError::Choice)?;
    take(&app, &member, id, Measure::Role(role), Flash::RoleGiven).await
}

/// `POST /people/{id}/lock`.
pub(crate) async fn lock(
    State(app): State<App>,
    member: Member,
    Path(id): Path<i64>,
) -> Result<Response, AppError> {
    if id == member.account.id.0 {
        return Err(AppError::Forbidden);
    }
    take(&app, &member, id, Measure::Lock, Flash::Locked).await
}

/// `POST /people/{id}/unlock`.
pub(crate) async fn unlock(
    State(app): State<App>,
    member: Member,
    Path(id): Path<i64>,
) -> Result<Response, AppError> {
    take(&app, &member, id, Measure::Unlock, Flash::Unlocked).await
}

/// `POST /people/{id}/reset-factors`.
pub(crate) async fn reset_factors(
    State(app): State<App>,
    member: Member,
    Path(id): Path<i64>,
) -> Result<Response, AppError> {
    take(&app, &member, id, Measure::ResetFactors, Flash::FactorsReset).await
}

/// Does something about somebody, and goes back to his page.
async fn take(
    app: &App,
    member: &Member,
    id: i64,
    measure: Measure,
    flash: Flash,
) -> Result<Response, AppError> {
    let mut transaction = app.database.begin().await?;
    let account = accounts::by_id(transaction.session(), AccountId(id)).await?;
    let account = account.ok_or(AppError::NotFound)?;
    let (by, now) = (member.account.id, Timestamp::now());
    people::take(&mut transaction, &app.config, by, &account, measure, now).await?;
    transaction.commit().await?;
    app.mail_waits.notify_one();
    Ok(done_at(&format!("/people/{id}"), flash))
}

/// So many on a page.
const AT_ONCE: u32 = 50;

//! `/people`: who has an account here, and what administrators do about that.

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use repute_database::Timestamp;
use repute_database::accounts::{self, Account, AccountId, Role};
use repute_database::factors::{self, Factors};
use repute_database::person::{self, Membership};
use repute_database::undelivered::{self, Undelivered};
use serde::Deserialize;

use crate::access::encode;
use crate::account;
use crate::app::App;
use crate::error::AppError;
use crate::flash::Flash;
use crate::form::Form;
use crate::frame::{Frame, Page};
use crate::moment::Moment;
use crate::own_data::{self, By};
use crate::pages::account::done_at;
use crate::pages::own_data::as_file;
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

/// The page before the end of somebody's account.
#[derive(Template)]
#[template(path = "somebody_delete.html")]
pub(crate) struct DeleteSomebody {
    frame: Frame,
    account: Account,
    is_wrong: bool,
    /// Organisations of which he is the only owner.
    alone: Vec<Membership>,
}

/// An address that is typed.
#[derive(Deserialize)]
pub(crate) struct Address {
    mail: String,
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

/// `GET /people/{id}/data.json`: all that is kept of somebody, who asked for it in a letter.
pub(crate) async fn export(
    State(app): State<App>,
    member: Member,
    Path(id): Path<i64>,
) -> Result<Response, AppError> {
    let account = somebody(&app, id).await?;
    let mut transaction = app.database.begin().await?;
    let (by, now) = (member.account.id, Timestamp::now());
    account::note(&mut transaction, by, account.id, "account.export", "", now).await?;
    transaction.commit().await?;
    as_file(&app, &account).await
}

/// `GET /people/{id}/delete`.
pub(crate) async fn ask_to_delete(
    State(app): State<App>,
    frame: Frame,
    member: Member,
    Path(id): Path<i64>,
) -> Result<Page<DeleteSomebody>, AppError> {
    let account = another(&app, &member, id).await?;
    delete_page(&app, frame, account, false).await.map(Page)
}

/// `POST /people/{id}/delete`. The address is typed, so that nobody is gone by one click too many.
pub(crate) async fn delete(
    State(app): State<App>,
    frame: Frame,
    member: Member,
    Path(id): Path<i64>,
    Form(Address { mail }): Form<Address>,
) -> Result<Response, AppError> {
    let account = another(&app, &member, id).await?;
    if mail.trim().to_lowercase() != account.mail {
        let page = delete_page(&app, frame, account, true).await?;
        return Ok((StatusCode::UNPROCESSABLE_ENTITY, Page(page)).into_response());
    }
    own_data::erase(&app.database, &account, By::Other(member.account.id)).await?;
    Ok(done_at("/people", Flash::SomebodyDeleted))
}

/// The page before the end of somebody's account.
async fn delete_page(
    app: &App,
    frame: Frame,
    account: Account,
    is_wrong: bool,
) -> Result<DeleteSomebody, AppError> {
    let mut connection = app.database.read().await?;
    let all = person::memberships(connection.session(), &account).await?;
    let alone = all.into_iter().filter(|one| one.is_alone && one.role == "owner").collect();
    Ok(DeleteSomebody { frame, account, is_wrong, alone })
}

/// Somebody by his number.
async fn somebody(app: &App, id: i64) -> Result<Account, AppError> {
    let mut connection = app.database.read().await?;
    let account = accounts::by_id(connection.session(), AccountId(id)).await?;
    account.ok_or(AppError::NotFound)
}

/// Somebody who is not whoever asks: he has a page of his own for it.
async fn another(app: &App, member: &Member, id: i64) -> Result<Account, AppError> {
    if id == member.account.id.0 {
        return Err(AppError::Forbidden);
    }
    somebody(app, id).await
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

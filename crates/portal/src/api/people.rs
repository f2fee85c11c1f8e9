//! `/api/v1/people`: who has an account here, and what administrators do about that.

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use repute_database::accounts::{self, Account, AccountId, Role};
use repute_database::factors;
use repute_database::undelivered::{self, Undelivered};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::api::{Call, Endpoint};
use crate::app::App;
use crate::error::AppError;
use crate::moment::Moment;
use crate::people::{Measure, take};
use crate::token::Scope;

/// What there is.
pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::get("/api/v1/people", GROUP, search)
            .says("Who has an account", "By mail address, a hundred at once.")
            .by(READ)
            .query::<Search>()
            .answers::<People>(),
        Endpoint::get("/api/v1/people/{id}", GROUP, one)
            .says(
                "Somebody who has an account",
                "With his second factors, and when he was last seen.",
            )
            .by(READ)
            .answers::<Whole>(),
        Endpoint::put("/api/v1/people/{id}/role", GROUP, role)
            .says("Give an account another role", "The last administrator stays one.")
            .by(WRITE)
            .takes::<TypedRole>()
            .answers::<Somebody>(),
        Endpoint::put("/api/v1/people/{id}/lock", GROUP, lock)
            .says(
                "Lock an account",
                "Its person is signed out everywhere, and its tokens do not work any more.",
            )
            .by(WRITE)
            .answers::<Somebody>(),
        Endpoint::delete("/api/v1/people/{id}/lock", GROUP, unlock)
            .says("Unlock an account", "")
            .by(WRITE)
            .answers::<Somebody>(),
    ]
}

/// Whom somebody looks for.
#[derive(Deserialize, JsonSchema)]
struct Search {
    /// What is in the name or the address.
    #[serde(default)]
    part: String,
    /// The mail address after which to go on.
    #[serde(default)]
    after: String,
}

/// People.
#[derive(Serialize, JsonSchema)]
struct People {
    /// The people.
    people: Vec<Somebody>,
    /// The mail address after which to go on, if there are more.
    next: Option<String>,
}

/// Somebody with an account.
#[derive(Serialize, JsonSchema)]
struct Somebody {
    /// The number of the account.
    id: i64,
    /// The mail address.
    mail: String,
    /// What he is called.
    name: String,
    /// `member`, `editor` or `administrator`.
    role: &'static str,
    /// Since when there is an account (RFC 3339).
    created: String,
    /// Since when it is locked.
    locked: Option<String>,
    /// Since when letters do not arrive there, so that none is sent (RFC 3339).
    undelivered: Option<String>,
}

/// All that is shown of somebody.
#[derive(Serialize, JsonSchema)]
struct Whole {
    #[serde(flatten)]
    person: Somebody,
    /// When he was last here, to a few minutes (RFC 3339).
    seen: Option<String>,
    /// What besides a password he is asked for.
    factors: Shown,
}

/// What somebody is asked for besides a password; nothing of it where a password is enough.
#[derive(Serialize, JsonSchema)]
struct Shown {
    /// Since when an app makes codes for him.
    codes: Option<String>,
    /// How many passkeys he has.
    passkeys: u32,
    /// How many recovery codes are left.
    recovery_codes: u32,
}

/// A role.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct TypedRole {
    /// `member`, `editor` or `administrator`.
    role: String,
}

/// `GET /api/v1/people`.
async fn search(
    State(app): State<App>,
    Query(Search { part, after }): Query<Search>,
) -> Result<Json<People>, AppError> {
    let mut connection = app.database.read().await?;
    let lower = part.trim().to_lowercase();
    let mut people = accounts::search(connection.session(), &lower, &after, AT_ONCE + 1).await?;
    let is_more = people.len() > AT_ONCE as usize;
    people.truncate(AT_ONCE as usize);
    let next = people.last().filter(|_| is_more).map(|last| last.mail.clone());
    let mails: Vec<&str> = people.iter().map(|one| &*one.mail).collect();
    let dead = undelivered::among(connection.session(), &mails).await?;
    let people = people.into_iter().map(|one| Somebody::of(one, &dead)).collect();
    Ok(Json(People { people, next }))
}

/// `GET /api/v1/people/{id}`.
async fn one(State(app): State<App>, Path(id): Path<i64>) -> Result<Json<Whole>, AppError> {
    let mut connection = app.database.read().await?;
    let account = accounts::by_id(connection.session(), AccountId(id)).await?;
    let account = account.ok_or(AppError::NotFound)?;
    let factors = factors::of(connection.session(), account.id).await?;
    let dead = undelivered::among(connection.session(), &[&account.mail]).await?;
    Ok(Json(Whole {
        seen: account.seen.map(|seen| Moment(seen).rfc3339()),
        person: Somebody::of(account, &dead),
        factors: Shown {
            codes: factors.totp.map(|since| Moment(since).rfc3339()),
            passkeys: factors.passkeys,
            recovery_codes: factors.recovery,
        },
    }))
}

/// `PUT /api/v1/people/{id}/role`.
async fn role(
    State(app): State<App>,
    Path(id): Path<i64>,
    call: Call,
) -> Result<Response, AppError> {
    let TypedRole { role } = call.read()?;
    let role = Role::from_word(&role).ok_or(AppError::Choice)?;
    measure(&app, &call, id, Measure::Role(role)).await
}

/// `PUT /api/v1/people/{id}/lock`.
async fn lock(
    State(app): State<App>,
    Path(id): Path<i64>,
    call: Call,
) -> Result<Response, AppError> {
    if id == call.caller.account.id.0 {
        return Err(AppError::Forbidden);
    }
    measure(&app, &call, id, Measure::Lock).await
}

/// `DELETE /api/v1/people/{id}/lock`.
async fn unlock(
    State(app): State<App>,
    Path(id): Path<i64>,
    call: Call,
) -> Result<Response, AppError> {
    measure(&app, &call, id, Measure::Unlock).await
}

/// Does something about somebody, and shows him.
async fn measure(app: &App, call: &Call, id: i64, measure: Measure) -> Result<Response, AppError> {
    let mut write = call.begin(app).await?;
    let (t, now, by) = (&mut write.transaction, write.now, call.caller.account.id);
    let account = accounts::by_id(t.session(), AccountId(id)).await?.ok_or(AppError::NotFound)?;
    take(t, &app.config, by, &account, measure, now).await?;
    let account = accounts::by_id(t.session(), AccountId(id)).await?.ok_or(AppError::NotFound)?;
    let dead = undelivered::among(t.session(), &[&account.mail]).await?;
    write.has_written();
    write.done(StatusCode::OK, &Somebody::of(account, &dead)).await
}

impl Somebody {
    /// Of an account, of which addresses are known to which nothing goes.
    fn of(account: Account, dead: &[Undelivered]) -> Somebody {
        let missed = dead.iter().find(|one| one.mail == account.mail).and_then(|one| one.dead);
        Somebody {
            undelivered: missed.map(|since| Moment(since).rfc3339()),
            id: account.id.0,
            mail: account.mail,
            name: account.name,
            role: account.role.word(),
            created: Moment(account.created).rfc3339(),
            locked: account.locked.map(|since| Moment(since).rfc3339()),
        }
    }
}

/// To see them.
const READ: &[Scope] = &[Scope::PeopleRead];
/// To do something about them.
const WRITE: &[Scope] = &[Scope::PeopleWrite];
/// The heading.
const GROUP: &str = "People";
/// So many are shown at once.
const AT_ONCE: u32 = 100;

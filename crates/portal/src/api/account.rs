//! `/api/v1/me`: who one is to the API, which letters one gets, and where one is signed in.
//!
//! Tokens are seen and ended here, and made on a page only: that asks first who it is.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use repute_database::accounts::Account;
use repute_database::digests::{self, Wanted};
use repute_database::sessions::{self, SessionId, SignedIn};
use repute_database::tokens::{self, Token, TokenId};
use repute_database::{Timestamp, Transaction};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::account::{self, note};
use crate::api::organisations::{DONE, Done};
use crate::api::{Call, Caller, Endpoint};
use crate::app::App;
use crate::error::AppError;
use crate::factor;
use crate::limits::{self, Deed, Doer};
use crate::mail_address::MailAddress;
use crate::moment::Moment;
use crate::new_mail;
use crate::pages::arrive;
use crate::token::Scope;
use crate::visitor::Visitor;

/// What there is.
pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::get("/api/v1/me", GROUP, show)
            .says("Whose token this is", "What it may be used for, and until when.")
            .by_any_token()
            .answers::<Me>(),
        Endpoint::patch("/api/v1/me", GROUP, change)
            .says(
                "Change what you are called, or your mail address",
                "Another address is yours once you have followed the link that is sent there, where you are signed in. \
                 It is asked for with your `password`, or with a `code` if you have second factors, as on the page.",
            )
            .by(CHANGE)
            .takes::<Changes>()
            .answers::<Changed>(),
        Endpoint::get("/api/v1/me/letters", GROUP, letters)
            .says("Which letters you get", "")
            .by(SCOPES)
            .answers::<Letters>(),
        Endpoint::put("/api/v1/me/letters", GROUP, choose)
            .says(
                "Choose which letters you get",
                "Those about your account and what you must know come whatever you choose.",
            )
            .by(SCOPES)
            .takes::<Letters>()
            .answers::<Letters>(),
        Endpoint::post("/api/v1/me/letters/try", GROUP, try_letter)
            .says(
                "Have one more letter sent to you",
                "Where letters came back none goes any more, until the link of this one is followed. While letters \
                 arrive none is sent.",
            )
            .by(SCOPES)
            .answers::<Done>(),
        Endpoint::get("/api/v1/me/sessions", GROUP, signed_in)
            .says("Where you are signed in", "")
            .by(SCOPES)
            .answers::<Sessions>(),
        Endpoint::delete("/api/v1/me/sessions/{session}", GROUP, sign_out)
            .says("Sign out somewhere", "")
            .by(SCOPES)
            .answers::<Done>(),
        Endpoint::delete("/api/v1/me/sessions", GROUP, sign_out_everywhere)
            .says("Sign out everywhere", "Tokens stay.")
            .by(SCOPES)
            .answers::<Done>(),
        Endpoint::get("/api/v1/me/tokens", GROUP, of_account)
            .says(
                "Your tokens",
                "A token is shown once, when it is made on a page; this is what is known of them.",
            )
            .by(SCOPES)
            .answers::<Tokens>(),
        Endpoint::delete("/api/v1/me/tokens/{token}", GROUP, end)
            .says("End a token", "Also this one.")
            .by(SCOPES)
            .answers::<Done>(),
    ]
}

/// Whose token it is.
#[derive(Serialize, JsonSchema)]
struct Me {
    /// The number of the account.
    account: i64,
    /// What its owner is called.
    name: String,
    /// The owner's mail address.
    mail: String,
    /// `member`, `editor` or `administrator`.
    role: &'static str,
    /// What the token is called.
    token: String,
    /// What the token may be used for now.
    scopes: Vec<&'static str>,
    /// When the token ends by itself.
    expires: Option<String>,
}

/// What is to be changed of an account.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Changes {
    /// What to call you; without it that stays.
    name: Option<String>,
    /// Which mail address you want; without it that stays.
    mail: Option<String>,
    /// Your password, for another address.
    password: Option<String>,
    /// A code of your app or a recovery code, for another address if you have second factors.
    code: Option<String>,
}

/// How an account is after that.
#[derive(Serialize, JsonSchema)]
struct Changed {
    /// What you are called.
    name: String,
    /// Your mail address: the one before, until the link is followed.
    mail: String,
    /// Where a link was asked for by which the address becomes yours; nothing if none was.
    asked: Option<String>,
}

/// Which letters somebody gets.
#[derive(Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Letters {
    /// `all` at once, one `daily`, one `weekly`, or only those that are `needed`.
    letters: String,
}

/// Where somebody is signed in.
#[derive(Serialize, JsonSchema)]
struct Sessions {
    /// The sessions.
    sessions: Vec<Session>,
}

/// A session.
#[derive(Serialize, JsonSchema)]
struct Session {
    /// Its number.
    id: i64,
    /// The program by which somebody signed in, as it says.
    client: String,
    /// Since when (RFC 3339).
    created: String,
    /// When it was last used, to a few minutes.
    seen: String,
    /// When it ends.
    expires: String,
}

/// Tokens.
#[derive(Serialize, JsonSchema)]
struct Tokens {
    /// The tokens.
    tokens: Vec<Known>,
}

/// What is known of a token.
#[derive(Serialize, JsonSchema)]
struct Known {
    /// Its number.
    id: i64,
    /// What it is called.
    name: String,
    /// What it was made for.
    scopes: Vec<String>,
    /// When it was made (RFC 3339).
    created: String,
    /// When it ends by itself.
    expires: Option<String>,
    /// When it was last shown, to a few minutes.
    seen: Option<String>,
    /// Whether it is the one that is shown now.
    is_this: bool,
}

/// `GET /api/v1/me`.
async fn show(caller: Caller) -> Json<Me> {
    let scopes = Scope::ALL.into_iter().filter(|scope| caller.has(*scope));
    Json(Me {
        account: caller.account.id.0,
        scopes: scopes.map(Scope::word).collect(),
        name: caller.account.name,
        mail: caller.account.mail,
        role: caller.account.role.word(),
        token: caller.token.name,
        expires: caller.token.expires.map(|end| Moment(end).rfc3339()),
    })
}

/// `PATCH /api/v1/me`.
async fn change(
    State(app): State<App>,
    visitor: Visitor,
    mut call: Call,
) -> Result<Response, AppError> {
    let Changes { name, mail, password, code } = call.read()?;
    let account = call.caller.account.clone();
    let wrong = |why: &str| AppError::Wrong(why.to_owned());
    let name = name.as_deref().map(account::name).transpose().map_err(wrong)?;
    let to = mail.map(|mail| mail.parse::<MailAddress>());
    let to = to.transpose().map_err(|error| AppError::Wrong(error.to_string()))?;
    if name.is_none() && to.is_none() {
        return Err(wrong("say what is to be changed: `name`, `mail` or both"));
    }
    if to.as_ref().is_some_and(|to| to.as_str() == account.mail) {
        return Err(wrong("that is your address already"));
    }
    call.hide(&app);
    // What was done already asks for no other proof.
    call.known(&app).await?;
    let mut is_sent = false;
    if let Some(to) = &to {
        prove(&app, &visitor, &account, (password, code)).await?;
        is_sent = new_mail::may_ask(&app, &account, to, visitor.address).await?;
    }
    let mut write = call.begin(&app).await?;
    let (t, now) = (&mut write.transaction, write.now);
    if let Some(name) = name {
        account::rename_within(t, account.id, name, now).await?;
    }
    if let Some(to) = to.as_ref().filter(|_| is_sent) {
        new_mail::ask_within(&app, t, &account, to, now).await?;
        write.has_written();
    }
    let name = name.map_or(account.name, str::to_owned);
    let asked = to.map(|to| to.to_string());
    write.done(StatusCode::OK, &Changed { name, mail: account.mail, asked }).await
}

/// Fails unless somebody proves who he is: whoever found his token must not have letters sent as if he were him.
async fn prove(
    app: &App,
    visitor: &Visitor,
    account: &Account,
    shown: (Option<String>, Option<String>),
) -> Result<(), AppError> {
    limits::take(app, Deed::Try, Doer::at(visitor.address)).await?;
    let is_proven = match shown {
        (_, Some(code)) => factor::is_proof(app, account, &code).await?,
        (Some(password), None) => account::is_proof(app, account, password).await?,
        (None, None) => false,
    };
    match is_proven {
        true => Ok(()),
        false => Err(AppError::Refused(
            "another mail address needs your `password`, or, if you have second factors, a `code`: what was sent does \
             not prove who you are"
                .to_owned(),
        )),
    }
}

/// `GET /api/v1/me/letters`.
async fn letters(State(app): State<App>, caller: Caller) -> Result<Json<Letters>, AppError> {
    let mut connection = app.database.read().await?;
    let wanted = digests::wanted(connection.session(), caller.account.id).await?;
    let wanted = wanted.unwrap_or(Wanted::All);
    Ok(Json(Letters { letters: wanted.word().to_owned() }))
}

/// `PUT /api/v1/me/letters`.
async fn choose(State(app): State<App>, call: Call) -> Result<Response, AppError> {
    let Letters { letters } = call.read()?;
    let wanted = Wanted::of_word(&letters).ok_or(AppError::Choice)?;
    let mut write = call.begin(&app).await?;
    digests::want(write.transaction.session(), call.caller.account.id, wanted).await?;
    write.done(StatusCode::OK, &Letters { letters }).await
}

/// `POST /api/v1/me/letters/try`.
async fn try_letter(
    State(app): State<App>,
    visitor: Visitor,
    call: Call,
) -> Result<Response, AppError> {
    let Account { id, mail, .. } = &call.caller.account;
    let mut write = call.begin(&app).await?;
    let (t, now) = (&mut write.transaction, write.now);
    for doer in [Doer::at(visitor.address), Doer::Account(id.0), Doer::by_mail(mail)] {
        limits::take_within(&app, t, Deed::Mail, doer).await?;
    }
    arrive::put(&app, t, mail, now).await?;
    write.has_written();
    write.done(StatusCode::OK, &DONE).await
}

/// `GET /api/v1/me/sessions`.
async fn signed_in(State(app): State<App>, caller: Caller) -> Result<Json<Sessions>, AppError> {
    let mut connection = app.database.read().await?;
    let found = sessions::of(connection.session(), caller.account.id, Timestamp::now()).await?;
    let session = |one: SignedIn| Session {
        id: one.id.0,
        client: one.client,
        created: Moment(one.created).rfc3339(),
        seen: Moment(one.seen).rfc3339(),
        expires: Moment(one.expires).rfc3339(),
    };
    Ok(Json(Sessions { sessions: found.into_iter().map(session).collect() }))
}

/// `DELETE /api/v1/me/sessions/{session}`.
async fn sign_out(
    State(app): State<App>,
    Path(id): Path<i64>,
    call: Call,
) -> Result<Response, AppError> {
    let mut write = call.begin(&app).await?;
    let (session, account) = (write.transaction.session(), call.caller.account.id);
    if !sessions::end(session, account, SessionId(id)).await? {
        return Err(AppError::NotFound);
    }
    write.done(StatusCode::OK, &DONE).await
}

/// `DELETE /api/v1/me/sessions`.
async fn sign_out_everywhere(State(app): State<App>, call: Call) -> Result<Response, AppError> {
    let mut write = call.begin(&app).await?;
    sessions::end_others(write.transaction.session(), call.caller.account.id, None).await?;
    write.done(StatusCode::OK, &DONE).await
}

/// `GET /api/v1/me/tokens`.
async fn of_account(State(app): State<App>, caller: Caller) -> Result<Json<Tokens>, AppError> {
    let mut connection = app.database.read().await?;
    let found = tokens::of(connection.session(), caller.account.id).await?;
    let known = |one: Token| Known {
        is_this: one.id == caller.token.id,
        id: one.id.0,
        name: one.name,
        scopes: one.scopes.split(' ').map(str::to_owned).collect(),
        created: Moment(one.created).rfc3339(),
        expires: one.expires.map(|end| Moment(end).rfc3339()),
        seen: one.seen.map(|seen| Moment(seen).rfc3339()),
    };
    Ok(Json(Tokens { tokens: found.into_iter().map(known).collect() }))
}

/// `DELETE /api/v1/me/tokens/{token}`.
async fn end(
    State(app): State<App>,
    Path(id): Path<i64>,
    call: Call,
) -> Result<Response, AppError> {
    let mut write = call.begin(&app).await?;
    let (account, now) = (call.caller.account.id, write.now);
    let t: &mut Transaction = &mut write.transaction;
    if tokens::end(t.session(), account, TokenId(id)).await?.is_none() {
        return Err(AppError::NotFound);
    }
    note(t, account, account, "account.token", "ended", now).await?;
    write.done(StatusCode::OK, &DONE).await
}

/// To change who one is.
const CHANGE: &[Scope] = &[Scope::AccountWrite];
/// To look after one's account.
const SCOPES: &[Scope] = &[Scope::Account];
/// The heading.
const GROUP: &str = "Your account";

//! Accounts: how somebody comes to one, gets in, and gets in again after he forgot how.
//!
//! A mail address is proved before there is an account: the link in a mail leads to the page where name and password
//! are chosen. Whoever types an address learns nothing from the answer but that mail was sent, if at all.
//!
//! Anybody can type anybody's address. So it gets a few letters a day and no more, and one at which letters fail gets none:
//! but for a link a day to whoever has an account, who may have no other way in. Nobody is kept out by that: whoever uses
//! the letters of another up has sent him links by it, each of which works for a day.
//!
//! What is *not* here: HTTP and pages (`pages`), what may be done with a role (`routes`).

use std::net::IpAddr;
use std::time::Duration;

use repute_database::accounts::{self, Account, AccountId, Role};
use repute_database::audit::{self, Deed};
use repute_database::links::{self, Link, Purpose};
use repute_database::sessions::{self, SessionId};
use repute_database::{
    Database, DatabaseError, Timestamp, Transaction, factors, outbox, passkeys, sign_ins, tag_keys,
    tokens, undelivered,
};

use crate::app::App;
use crate::config::PublicUrl;
use crate::device::Device;
use crate::error::AppError;
use crate::factor;
use crate::letter::{self, Event};
use crate::letters;
use crate::limits::{self, Doer};
use crate::mail_address::MailAddress;
use crate::moment::Moment;
use crate::secret::{Secret, digest_of};
use crate::visitor::Member;

/// Sends a link by which somebody makes an account; who has one is told so in the same mail's place.
pub(crate) async fn ask_to_join(app: &App, mail: &MailAddress) -> Result<(), AppError> {
    if is_too_much(app, mail).await? {
        return Ok(());
    }
    let (secret, now) = (Secret::new()?, Timestamp::now());
    let mut transaction = app.database.begin().await?;
    if undelivered::dead(transaction.session(), mail.as_str()).await?.is_some() {
        return Ok(());
    }
    let known = accounts::by_mail(transaction.session(), mail.as_str()).await?;
    let letter = match known {
        Some(_) => letter::known(&app.config, mail)?,
        None => {
            let link = Link {
                purpose: Purpose::Join,
                mail: Some(mail.to_string()),
                role: Role::Member,
                expires: now.after(LINK),
            };
            links::revoke(transaction.session(), Purpose::Join, Some(mail.as_str())).await?;
            links::add(transaction.session(), &secret.digest(), &link).await?;
            letter::join(&app.config, mail, &secret)?
        }
    };
    outbox::put(transaction.session(), &letter, now).await?;
    transaction.commit().await?;
    app.mail_waits.notify_one();
    Ok(())
}

/// Whether somebody has had as many letters as he may; whoever asked learns nothing of it.
async fn is_too_much(app: &App, mail: &MailAddress) -> Result<bool, AppError> {
    match limits::take(app, limits::Deed::Mail, Doer::by_mail(mail.as_str())).await {
        Ok(()) => Ok(false),
        Err(AppError::TooMany(_)) => Ok(true),
        Err(error) => Err(error),
    }
}

/// Sends a link by which somebody chooses another password, if there is such an account.
pub(crate) async fn ask_to_reset(app: &App, mail: &MailAddress) -> Result<(), AppError> {
    if is_too_much(app, mail).await? {
        return Ok(());
    }
    let (secret, now) = (Secret::new()?, Timestamp::now());
    let mut transaction = app.database.begin().await?;
    let known = accounts::by_mail(transaction.session(), mail.as_str()).await?;
    if undelivered::dead(transaction.session(), mail.as_str()).await?.is_some() {
        let doer = Doer::by_mail(mail.as_str());
        let taken = match known {
            Some(_) => {
                limits::take_within(app, &mut transaction, limits::Deed::DeadMail, doer).await
            }
            None => return Ok(()),
        };
        match taken {
            Err(AppError::TooMany(_)) => return Ok(()),
            taken => taken?,
        }
    }
    let letter = match known {
        Some(account) => {
            add_reset(&mut transaction, &account, &secret, now).await?;
            letter::reset(&app.config, mail, &secret)?
        }
        None => letter::unknown(&app.config, mail)?,
    };
    outbox::put(transaction.session(), &letter, now).await?;
    transaction.commit().await?;
    app.mail_waits.notify_one();
    Ok(())
}

/// The link behind a secret, if it still works.
pub(crate) async fn link(app: &App, secret: &str, purpose: Purpose) -> Result<Link, AppError> {
    let mut connection = app.database.read().await?;
    let link = links::find(connection.session(), &digest_of(secret), Timestamp::now()).await?;
    link.filter(|link| link.purpose == purpose).ok_or(AppError::StaleLink)
}

/// Makes an account by a link, which is used up, and signs in.
pub(crate) async fn join(
    app: &App,
    secret: &str,
    mail: &MailAddress,
    name: &str,
    password: String,
    client: &str,
) -> Result<Arrival, AppError> {
    let password = app.hashing.hash(password).await?;
    let now = Timestamp::now();
    let mut transaction = app.database.begin().await?;
    let link = links::take(transaction.session(), &digest_of(secret), now).await?;
    let link = link.filter(|link| link.purpose == Purpose::Join).ok_or(AppError::StaleLink)?;
    let mail = link.mail.as_deref().unwrap_or(mail.as_str());
    let added = accounts::add(transaction.session(), mail, name, &password, link.role, now).await?;
    let id = added.ok_or(AppError::StaleLink)?;
    // Whoever has the link has read the letter.
    undelivered::revive(transaction.session(), mail).await?;
    // Whoever has another link must not come to the same rights.
    links::revoke(transaction.session(), Purpose::Join, Some(mail)).await?;
    if link.role == Role::Administrator {
        // There is one now: the link for the first has had its day.
        links::revoke(transaction.session(), Purpose::Join, None).await?;
    }
    note(&mut transaction, id, id, "account.join", link.role.word(), now).await?;
    let arrival = begin(app, &mut transaction, id, mail, client, now).await?;
    transaction.commit().await?;
    Ok(arrival)
}

/// Gives an account another password by a link, ends all its sessions and tokens, and signs in as a password does.
///
/// Passkeys stay: whoever has broken into a mailbox would else be rid of them by it, where they are the second factor.
/// Their person is told of each, in a letter and by the page that he comes to, as one of them may be a stranger's.
pub(crate) async fn reset(
    app: &App,
    secret: &str,
    password: String,
    client: &str,
) -> Result<Entry, AppError> {
    let password = app.hashing.hash(password).await?;
    let now = Timestamp::now();
    let mut transaction = app.database.begin().await?;
    let link = links::take(transaction.session(), &digest_of(secret), now).await?;
    let link = link.filter(|link| link.purpose == Purpose::Reset).ok_or(AppError::StaleLink)?;
    let mail = link.mail.as_deref().unwrap_or_default();
    let account = accounts::by_mail(transaction.session(), mail).await?;
    let account = account.ok_or(AppError::StaleLink)?;
    accounts::set_password(transaction.session(), account.id, &password).await?;
    undelivered::revive(transaction.session(), mail).await?;
    sessions::end_others(transaction.session(), account.id, None).await?;
    // Whoever was there before he was locked out may have made some.
    tokens::end_all(transaction.session(), account.id).await?;
    sign_ins::end_all(transaction.session(), account.id).await?;
    links::revoke(transaction.session(), Purpose::Reset, Some(mail)).await?;
    note(&mut transaction, account.id, account.id, "account.password", "by a link", now).await?;
    let left = left(&mut transaction, account.id, now).await?;
    let letter = letter::told_with(&app.config, &account.mail, Event::PasswordReset, left)?;
    letters::tell(&mut transaction, &letter, now).await?;
    // Whoever reads his mail has not got his second factor yet.
    let entry = enter(app, &mut transaction, &account, client, now).await?;
    transaction.commit().await?;
    Ok(entry)
}

/// What a browser keeps of somebody who came in.
pub(crate) struct Arrival {
    /// His session.
    pub(crate) session: Secret,
    /// By what it is known for his when he comes again.
    pub(crate) device: Device,
}

/// What comes of a password that somebody gave.
pub(crate) enum Entry {
    /// He is in, by this session.
    In(Arrival),
    /// He goes on with his second factor; until then this is all he has.
    Second(Secret),
    /// It was not right, or there is no such account.
    Wrong,
    /// It was right, but nobody may use the account.
    Locked,
}

/// Signs somebody in, if the password is right. Takes as long where there is no such account.
pub(crate) async fn sign_in(
    app: &App,
    mail: &str,
    password: String,
    address: IpAddr,
    device: Option<&Device>,
    client: &str,
) -> Result<Entry, AppError> {
    let mail = mail.parse::<MailAddress>().map_or_else(|_| String::new(), |mail| mail.to_string());
    let mut connection = app.database.read().await?;
    let account = accounts::by_mail(connection.session(), &mail).await?;
    drop(connection);
    let is_his = |device: &&Device| {
        let account = account.as_ref();
        account.is_some_and(|account| device.is_of(&app.means.key, account.id, &mail))
    };
    match device.filter(is_his) {
        Some(device) => {
            limits::take(app, limits::Deed::Try, Doer::Device(device.digest())).await?;
        }
        None => {
            limits::take(app, limits::Deed::Try, Doer::by_mail_at(&mail, address)).await?;
            let everywhere = limits::take(app, limits::Deed::Try, Doer::by_mail(&mail)).await;
            everywhere.map_err(|error| match error {
                AppError::TooMany(wait) => AppError::Besieged(wait),
                other => other,
            })?;
        }
    }
    let stored = account.as_ref().map(|account| account.password.clone());
    let is_right = app.hashing.verify(password, stored).await?;
    let Some(account) = account.filter(|_| is_right) else { return Ok(Entry::Wrong) };
    let now = Timestamp::now();
    let mut transaction = app.database.begin().await?;
    // It may have been reset while this one was looked at; then nothing is begun by it.
    if !accounts::still(transaction.session(), account.id, &account.password).await? {
        return Ok(Entry::Wrong);
    }
    sessions::forget(transaction.session(), now).await?;
    sign_ins::forget(transaction.session(), now).await?;
    links::forget(transaction.session(), now).await?;
    let entry = enter(app, &mut transaction, &account, client, now).await?;
    transaction.commit().await?;
    Ok(entry)
}

/// Lets somebody in who has the password, or has him show his second factor.
async fn enter(
    app: &App,
    transaction: &mut Transaction,
    account: &Account,
    client: &str,
    now: Timestamp,
) -> Result<Entry, AppError> {
    if account.locked.is_some() {
        return Ok(Entry::Locked);
    }
    if factors::of(transaction.session(), account.id).await?.are_asked() {
        let secret = Secret::new()?;
        let end = now.after(SECOND);
        sign_ins::begin(transaction.session(), &secret.digest(), account.id, end).await?;
        return Ok(Entry::Second(secret));
    }
    begin(app, transaction, account.id, &account.mail, client, now).await.map(Entry::In)
}

/// Begins a session.
pub(crate) async fn begin(
    app: &App,
    transaction: &mut Transaction,
    account: AccountId,
    mail: &str,
    client: &str,
    now: Timestamp,
) -> Result<Arrival, AppError> {
    let (session, device) = (Secret::new()?, Device::new(&app.means.key, account, mail)?);
    let (digest, end) = (session.digest(), now.after(SESSION));
    sessions::begin(transaction.session(), &digest, account, client, now, end).await?;
    Ok(Arrival { session, device })
}

/// Notes that somebody signed in proved who he is, if the password is right and all that he has: where there is a second
/// factor, it is that which proves it.
pub(crate) async fn prove_by_password(
    app: &App,
    member: &Member,
    password: String,
) -> Result<bool, AppError> {
    limits::take(app, limits::Deed::Try, Doer::Account(member.account.id.0)).await?;
    let mut connection = app.database.read().await?;
    let is_enough = !factors::of(connection.session(), member.account.id).await?.are_asked();
    drop(connection);
    if !is_enough {
        return Ok(false);
    }
    if !app.hashing.verify(password, Some(member.account.password.clone())).await? {
        return Ok(false);
    }
    let mut transaction = app.database.begin().await?;
    sessions::prove(transaction.session(), member.session.id, Timestamp::now()).await?;
    transaction.commit().await?;
    Ok(true)
}

/// What becomes of something that lets others in when its account gets another password.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It stays: a program would stand still without its token, and a passkey has nothing to do with a password.
    #[default]
    Stays,
    /// It ends: somebody may have made it who should not have been there.
    Ends,
}

/// What else lets somebody in, and what becomes of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Besides {
    /// Tokens of programs.
    pub(crate) tokens: Fate,
    /// Passkeys.
    pub(crate) passkeys: Fate,
}

/// Gives an account another password, ends its other sessions and what else its person wants to end, and tells him what
/// still lets somebody in.
pub(crate) async fn change_password(
    app: &App,
    member: &Member,
    password: String,
    besides: Besides,
) -> Result<(), AppError> {
    let (id, now) = (member.account.id, Timestamp::now());
    let password = app.hashing.hash(password).await?;
    let mut transaction = app.database.begin().await?;
    accounts::set_password(transaction.session(), id, &password).await?;
    sessions::end_others(transaction.session(), id, Some(member.session.id)).await?;
    sign_ins::end_all(transaction.session(), id).await?;
    if besides.tokens == Fate::Ends {
        tokens::end_all(transaction.session(), id).await?;
    }
    if besides.passkeys == Fate::Ends {
        passkeys::remove_all(transaction.session(), id).await?;
        factor::drop_codes(&mut transaction, id).await?;
    }
    links::revoke(transaction.session(), Purpose::Reset, Some(&member.account.mail)).await?;
    note(&mut transaction, id, id, "account.password", "by its person", now).await?;
    let left = left(&mut transaction, id, now).await?;
    let letter =
        letter::told_with(&app.config, &member.account.mail, Event::PasswordChanged, left)?;
    letters::tell(&mut transaction, &letter, now).await?;
    transaction.commit().await?;
    app.mail_waits.notify_one();
    Ok(())
}

/// What besides a password lets somebody into an account, in words, a line for each.
async fn left(
    transaction: &mut Transaction,
    id: AccountId,
    now: Timestamp,
) -> Result<Vec<String>, DatabaseError> {
    let passkeys = passkeys::of(transaction.session(), id).await?;
    let tokens = tokens::of(transaction.session(), id).await?;
    let lasting = tokens.iter().filter(|token| token.expires.is_none_or(|end| end > now));
    let line = |what: &str, name: &str, since| {
        format!("{what} \u{201c}{name}\u{201d}, since {} UTC", Moment(since))
    };
    let passkeys = passkeys.iter().map(|one| line("The passkey", &one.name, one.created));
    Ok(passkeys.chain(lasting.map(|one| line("The token", &one.name, one.created))).collect())
}

/// Writes to somebody what happened to his account.
pub(crate) async fn tell(
    transaction: &mut Transaction,
    app: &App,
    account: &Account,
    event: Event,
    now: Timestamp,
) -> Result<(), AppError> {
    let letter = letter::told(&app.config, &account.mail, event)?;
    Ok(letters::tell(transaction, &letter, now).await?)
}

/// What somebody is called, or why that is no name.
///
/// # Errors
/// If it is too long, empty, or no text for one line.
pub(crate) fn name(typed: &str) -> Result<&str, &'static str> {
    let name = typed.trim();
    let is_name = (1..=80).contains(&name.chars().count()) && !name.contains(char::is_control);
    is_name.then_some(name).ok_or("Say what to call you, in 80 characters or less.")
}

/// Has somebody be called otherwise.
pub(crate) async fn rename(app: &App, id: AccountId, name: &str) -> Result<(), AppError> {
    let mut transaction = app.database.begin().await?;
    accounts::set_name(transaction.session(), id, name).await?;
    // Without the name, as the log is for ever.
    note(&mut transaction, id, id, "account.name", "", Timestamp::now()).await?;
    Ok(transaction.commit().await?)
}

/// Ends a session of an account.
pub(crate) async fn end_session(
    app: &App,
    account: AccountId,
    session: SessionId,
) -> Result<bool, AppError> {
    let mut transaction = app.database.begin().await?;
    let ended = sessions::end(transaction.session(), account, session).await?;
    transaction.commit().await?;
    Ok(ended)
}

/// Ends all sessions of an account but the one in use.
pub(crate) async fn end_other_sessions(
    app: &App,
    account: AccountId,
    kept: SessionId,
) -> Result<(), AppError> {
    let mut transaction = app.database.begin().await?;
    sessions::end_others(transaction.session(), account, Some(kept)).await?;
    transaction.commit().await?;
    Ok(())
}

/// Makes a link for whoever has the shell to hand on: by it an account with this role is made, for this address or,
/// without one, for whoever comes first.
///
/// # Errors
/// If there is such an account, or the database fails.
pub async fn invite(
    database: &Database,
    url: &PublicUrl,
    mail: Option<&MailAddress>,
    role: Role,
) -> Result<String, ShellError> {
    let (secret, now) = (Secret::new()?, Timestamp::now());
    let mail = mail.map(MailAddress::as_str);
    let mut transaction = database.begin().await?;
    if let Some(mail) = mail
        && accounts::by_mail(transaction.session(), mail).await?.is_some()
    {
        return Err(ShellError::Known(mail.to_owned()));
    }
    let link = Link {
        purpose: Purpose::Join,
        mail: mail.map(str::to_owned),
        role,
        expires: now.after(LINK),
    };
    links::revoke(transaction.session(), Purpose::Join, mail).await?;
    links::add(transaction.session(), &secret.digest(), &link).await?;
    transaction.commit().await?;
    Ok(format!("{url}/join/{}", secret.text()))
}

/// A link that makes the first administrator, as long as there is none. The one before stops working.
///
/// # Errors
/// If the database fails.
pub async fn first_link(
    database: &Database,
    url: &PublicUrl,
) -> Result<Option<String>, ShellError> {
    let mut connection = database.read().await?;
    if accounts::has_administrator(connection.session()).await? {
        return Ok(None);
    }
    drop(connection);
    invite(database, url, None, Role::Administrator).await.map(Some)
}

/// Makes a link by which an account gets another password.
///
/// # Errors
/// If there is no such account, or the database fails.
pub async fn reset_link(
    database: &Database,
    url: &PublicUrl,
    mail: &MailAddress,
) -> Result<String, ShellError> {
    let secret = Secret::new()?;
    let mut transaction = database.begin().await?;
    let account = known(&mut transaction, mail).await?;
    add_reset(&mut transaction, &account, &secret, Timestamp::now()).await?;
    transaction.commit().await?;
    Ok(format!("{url}/reset/{}", secret.text()))
}

/// Where the portal on a database said that people reach it, when it started last.
///
/// # Errors
/// If the database fails.
pub async fn address(database: &Database) -> Result<Option<PublicUrl>, ShellError> {
    let mut connection = database.read().await?;
    let url = tag_keys::portal(connection.session()).await?;
    Ok(url.and_then(|url| url.parse().ok()))
}

/// All accounts, by their addresses.
///
/// # Errors
/// If the database fails.
pub async fn all(database: &Database) -> Result<Vec<Account>, ShellError> {
    let mut connection = database.read().await?;
    let mut all: Vec<Account> = Vec::new();
    loop {
        let after = all.last().map(|account| account.mail.clone()).unwrap_or_default();
        let part = accounts::page(connection.session(), &after, 1_000).await?;
        if part.is_empty() {
            return Ok(all);
        }
        all.extend(part);
    }
}

/// Why something cannot be done with an account.
#[derive(Debug, thiserror::Error)]
pub enum ShellError {
    /// There is one already.
    #[error("`{0}` has an account: change its role, or reset its password")]
    Known(String),
    /// There is none.
    #[error("`{0}` has no account")]
    Unknown(String),
    /// Nobody would be left who can give roles.
    #[error("this is the last administrator: make another one first")]
    LastAdministrator,
    /// Members of an organisation would be left without an owner.
    #[error(
        "nobody else is an owner of \u{201c}{name}\u{201d}, which has other members: make one of them an owner at \
         /organisations/{id}, and try again"
    )]
    LastOwner {
        /// The organisation's number.
        id: i64,
        /// What it is called.
        name: String,
    },
    /// The system gives no random numbers.
    #[error("the system gives no random numbers")]
    Random,
    /// A letter cannot be written.
    #[error("cannot write the letter about it")]
    Letter(#[from] askama::Error),
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

impl From<crate::secret::NoRandomness> for ShellError {
    fn from(_: crate::secret::NoRandomness) -> ShellError {
        ShellError::Random
    }
}

/// The account of an address.
pub(crate) async fn known(
    transaction: &mut Transaction,
    mail: &MailAddress,
) -> Result<Account, ShellError> {
    let account = accounts::by_mail(transaction.session(), mail.as_str()).await?;
    account.ok_or_else(|| ShellError::Unknown(mail.to_string()))
}

/// Stores a link for another password.
async fn add_reset(
    transaction: &mut Transaction,
    account: &Account,
    secret: &Secret,
    now: Timestamp,
) -> Result<(), DatabaseError> {
    let link = Link {
        purpose: Purpose::Reset,
        mail: Some(account.mail.clone()),
        role: account.role,
        expires: now.after(LINK),
    };
    links::revoke(transaction.session(), Purpose::Reset, Some(&account.mail)).await?;
    links::add(transaction.session(), &secret.digest(), &link).await
}

/// Writes down what was done to an account, by whom.
pub(crate) async fn note(
    transaction: &mut Transaction,
    by: AccountId,
    to: AccountId,
    action: &str,
    detail: &str,
    now: Timestamp,
) -> Result<(), DatabaseError> {
    let actor = audit::actor(transaction.session(), by.0).await?;
    let subject = audit::actor(transaction.session(), to.0).await?;
    let deed = Deed {
        time: now,
        actor,
        action: action.to_owned(),
        subject: format!("account/{subject}"),
        detail: serde_json::json!({ "what": detail }).to_string(),
    };
    audit::append(transaction.session(), &deed).await?;
    Ok(())
}

/// Whoever has the shell, as the audit log knows him: no account has this number.
pub(crate) const SHELL: AccountId = AccountId(0);
/// How long a link works.
const LINK: Duration = Duration::from_secs(24 * 3600);
/// How long a second factor is waited for.
const SECOND: Duration = Duration::from_secs(10 * 60);
/// How long a session lasts.
const SESSION: Duration = Duration::from_secs(30 * 24 * 3600);

#[cfg(test)]
mod tests {
    use repute_database::audit::Verified;
    use repute_database::testing::on_each_narrow;

    use super::*;
    use crate::testing::Site;

    /// The link in the last letter that waits.
    async fn mailed(site: &Site) -> (String, String) {
        let mut transaction = site.app.database.begin().await.expect("a transaction");
        let lease = Duration::from_secs(1000);
        let taken = outbox::take(transaction.session(), Timestamp::now(), lease).await;
        let letter = taken.expect("it is read").expect("a letter waits").letter;
        transaction.commit().await.expect("it is committed");
        let link = letter.plain.lines().find_map(|line| line.strip_prefix("http://localhost:8080"));
        let link = link.expect("a link").to_owned();
        assert!(letter.html.contains(&link), "both texts have it");
        (letter.recipient, link)
    }

    #[tokio::test]
    async fn an_address_becomes_an_account_that_can_sign_in_and_out() {
        on_each_narrow(async |database| {
            let mut site = Site::over(database);
            site.get("/sign-up").await.says(&["Make an account"]);
            let sent = site.post("/sign-up", &[("mail", "You@Example.org")]).await;
            sent.says(&["Look into your mail", "you@example.org"]);
            let (to, link) = mailed(&site).await;
            assert_eq!(to, "you@example.org");
            site.get(&link).await.says(&["value=\"you@example.org\" readonly"]);
            let weak = [("name", ""), ("password", "short")];
            let weak = site.post(&link, &weak).await;
            assert_eq!(weak.status, 422);
            weak.says(&["12 characters or more", "Say what to call you"]);
            // Another address in the form changes nothing.
            let fields =
                [("name", "Ada <b>"), ("password", "a good password"), ("mail", "x@y.example")];
            let made = site.post(&link, &fields).await;
            assert_eq!((made.status.as_u16(), made.location()), (303, "/account"), "{made:?}");
            site.get("/account").await.says(&[
                "Ada &#60;b&#62;",
                "you@example.org",
                "Your account is made",
            ]);
            assert!(!site.get("/account").await.text.contains("Your account is made"), "said once");
            site.cookies.clear();
            let again = site.post(&link, &fields).await;
            assert_eq!(again.status, 404, "a link works once");
            again.says(&["does not work any more"]);

            let wrong = [("mail", "you@example.org"), ("password", "a bad password")];
            let unknown = [("mail", "who@example.org"), ("password", "a bad password")];
            let (wrong, unknown) =
                (site.post("/sign-in", &wrong).await, site.post("/sign-in", &unknown).await);
            assert_eq!(wrong.status, 422);
            let same = |text: &str| text.replace("who@", "you@");
            assert_eq!(same(&wrong.text), same(&unknown.text), "nobody learns who has an account");
            let right =
                [("mail", "YOU@example.org"), ("password", "a good password"), ("next", "/status")];
            let in_ = site.post("/sign-in", &right).await;
            assert_eq!((in_.status.as_u16(), in_.location()), (303, "/status"));
            let cookie = in_.header("set-cookie");
            assert!(cookie.contains("HttpOnly; SameSite=Lax"), "{cookie}");
            let stored = site.cookies["session"].clone();
            let page = site.get("/account").await;
            page.says(&["Where you are signed in", "Sign out there", "0.0.0.0"]);
            let out = site.post("/sign-out", &[]).await;
            assert_eq!(out.location(), "/");
            site.cookies.insert("session".to_owned(), stored);
            assert_eq!(site.get("/account").await.location(), "/sign-in?next=/account");
            let mut connection = site.app.database.read().await.expect("a connection");
            let log = audit::verify(connection.session()).await.expect("it is read");
            assert_eq!(log, Verified::Whole(1));
        })
        .await;
    }

    #[tokio::test]
    async fn a_forgotten_password_is_replaced_and_all_sessions_end() {
        on_each_narrow(async |database| {
            let mut site = Site::over(database);
            let url = site.app.config.public_url.clone();
            let mail: MailAddress = "a@example.org".parse().expect("an address");
            let path = |link: String| link.replace("http://localhost:8080", "");
            let link =
                first_link(&site.app.database, &url).await.expect("it is made").expect("nobody");
            let later =
                first_link(&site.app.database, &url).await.expect("it is made").expect("nobody");
            assert_eq!(site.get(&path(link)).await.status, 404, "the one before stops working");
            let fields =
                [("mail", "a@example.org"), ("name", "A"), ("password", "the first words")];
            site.get(&path(later.clone())).await.says(&["<strong>administrator</strong>"]);
            assert_eq!(site.post(&path(later), &fields).await.status, 303);
            assert_eq!(first_link(&site.app.database, &url).await.expect("it is read"), None);
            let old = site.cookies.clone();

            site.cookies.clear();
            site.post("/forgot", &[("mail", "a@example.org")]).await.says(&["Look into your mail"]);
            let (_, link) = mailed(&site).await;
            assert_eq!(site.post(&link, &[("password", "the second words")]).await.status, 303);
            assert_eq!(site.get("/account").await.status, 200);
            assert_eq!(site.post(&link, &[("password", "the third words")]).await.status, 404);
            let (to, told) = mailed(&site).await;
            assert_eq!((&*to, &*told), ("a@example.org", "/forgot"), "it is told");
            site.cookies = old;
            assert_eq!(site.get("/account").await.status, 303, "the old session is over");

            // Whoever has no account, or has one, is told so by mail only.
            for (form, address) in [("/forgot", "b@example.org"), ("/sign-up", "a@example.org")] {
                site.post(form, &[("mail", address)]).await.says(&["Look into your mail"]);
                let (to, link) = mailed(&site).await;
                assert_eq!((&*to, link.matches('/').count()), (address, 1), "no secret: {link}");
            }
            let refused =
                crate::set_role(&site.app.database, &site.app.config, &mail, Role::Member).await;
            assert!(matches!(refused, Err(ShellError::LastAdministrator)));
            let other: MailAddress = "c@example.org".parse().expect("an address");
            let link =
                invite(&site.app.database, &url, Some(&other), Role::Editor).await.expect("one");
            site.cookies.clear();
            let fields = [("name", "C"), ("password", "some other words")];
            assert_eq!(site.post(&path(link), &fields).await.status, 303);
            crate::set_role(&site.app.database, &site.app.config, &other, Role::Administrator)
                .await
                .expect("it is set");
            let all = all(&site.app.database).await.expect("they are read");
            let roles: Vec<_> = all.iter().map(|a| (&*a.mail, a.role)).collect();
            assert_eq!(
                roles,
                [("a@example.org", Role::Administrator), ("c@example.org", Role::Administrator)]
            );
            let known = invite(&site.app.database, &url, Some(&mail), Role::Member).await;
            assert!(matches!(known, Err(ShellError::Known(_))));
        })
        .await;
    }

    #[tokio::test]
    async fn everybody_says_what_he_is_called() {
        on_each_narrow(async |database| {
            let mut site = Site::over(database);
            site.join("a@example.org", Role::Member).await;
            let long = "x".repeat(81);
            for wrong in ["", "  ", "a\u{7}b", &long] {
                let answer = site.post("/account/name", &[("name", wrong)]).await;
                assert_eq!(answer.status, 422, "{wrong:?}");
                answer.says(&["80 characters or less", "aria-invalid"]);
            }
            site.get("/account").await.says(&["<h1>Ada</h1>"]);
            let done = site.post("/account/name", &[("name", " Ada <Lovelace> ")]).await;
            assert_eq!(done.location(), "/account");
            let page = site.get("/account").await;
            page.says(&["<h1>Ada &#60;Lovelace&#62;</h1>", "You are called so from now on"]);
        })
        .await;
    }

    #[tokio::test]
    async fn somebody_elses_session_cannot_be_ended_and_ones_own_can() {
        on_each_narrow(async |database| {
            let mut site = Site::over(database);
            site.become_role(Some(Role::Member)).await;
            let page = site.get("/account").await;
            let cookies = site.cookies.clone();
            site.become_role(Some(Role::Administrator)).await;
            let foreign = site.post("/account/sessions/1/end", &[]).await;
            assert_eq!(foreign.status, 404);
            site.cookies = cookies;
            assert_eq!(site.get("/account").await.status, 200, "{page:?}");
            assert_eq!(site.post("/account/sessions/1/end", &[]).await.status, 303);
            assert_eq!(site.get("/account").await.status, 303);
        })
        .await;
    }

    #[tokio::test]
    async fn another_password_needs_a_fresh_proof_ends_other_sessions_and_is_told() {
        on_each_narrow(async |database| {
            let mut site = Site::over(database);
            site.join("a@example.org", Role::Member).await;
            let elsewhere = site.cookies.clone();
            let sign_in = [("mail", "a@example.org"), ("password", "the first words")];
            assert_eq!(site.post("/sign-in", &sign_in).await.status, 303);
            assert_eq!(site.get("/account/password").await.status, 200, "who just came is known");
            site.let_time_pass().await;
            let sent = site.get("/account/password").await;
            assert_eq!(sent.location(), "/confirm?next=/account/password");
            site.get("/confirm?next=https://evil.example/").await.says(&["value=\"/account\""]);
            let page = site.get(sent.location()).await;
            page.says(&["value=\"/account/password\"", "Confirm that it is you"]);
            let next = ("next", "/account/password");
            let wrong = site.post("/confirm", &[("password", "other words"), next]).await;
            assert_eq!(wrong.status, 422);
            wrong.says(&["That was not right", "value=\"/account/password\""]);
            assert_eq!(site.get("/account/password").await.status, 303, "nothing is proven");
            let evil = [("password", "the first words"), ("next", "//evil.example/")];
            assert_eq!(site.post("/confirm", &evil).await.location(), "/account");
            let weak = site.post("/account/password", &[("password", "short")]).await;
            assert_eq!(weak.status, 422);
            weak.says(&["12 characters or more: a few words"]);
            let other = [("password", "the second words")];
            assert_eq!(site.post("/account/password", &other).await.location(), "/account");
            site.get("/account").await.says(&["Your new password holds"]);
            let (to, link) = mailed(&site).await;
            assert_eq!(
                (&*to, &*link),
                ("a@example.org", "/forgot"),
                "it is told, without a secret"
            );
            site.cookies = elsewhere;
            assert_eq!(site.get("/account").await.status, 303, "the other session is over");
            assert_eq!(site.post("/sign-in", &sign_in).await.status, 422);
        })
        .await;
    }

    #[tokio::test]
    async fn whoever_guesses_is_stopped() {
        on_each_narrow(async |database| {
            let mut site = Site::over(database);
            let fields = [("mail", "a@example.org"), ("password", "wrong")];
            let mut statuses = Vec::new();
            for _ in 0..11 {
                statuses.push(site.post("/sign-in", &fields).await.status.as_u16());
            }
            assert_eq!((statuses[9], statuses[10]), (422, 429));
            for _ in 0..5 {
                site.post("/forgot", &[("mail", "b@example.org")])
                    .await
                    .says(&["Look into your mail"]);
            }
            assert_eq!(letters(&site).await, 3, "no more for an address at a time");
        })
        .await;
    }

    /// The text of the letter that waits.
    async fn letter(site: &Site) -> String {
        let mut transaction = site.app.database.begin().await.expect("a transaction");
        let lease = Duration::from_secs(1000);
        let taken = outbox::take(transaction.session(), Timestamp::now(), lease).await;
        transaction.commit().await.expect("it is committed");
        taken.expect("it is read").expect("a letter waits").letter.plain
    }

    /// A passkey and a token for the first account.
    async fn give_both(site: &Site, turn: u8) {
        let (now, id) = (Timestamp::now(), AccountId(1));
        let mut transaction = site.app.database.begin().await.expect("a transaction");
        let t = &mut transaction;
        let added = passkeys::add(t.session(), id, &[turn], "my telephone", "{}", now).await;
        assert!(added.expect("it is added"));
        factors::set_recovery(t.session(), id, &[vec![turn]]).await.expect("they are set");
        let new = tokens::New {
            name: "nightly",
            digest: &[turn],
            scopes: "",
            expires: None,
            sources: &[],
        };
        tokens::add(t.session(), id, &new, now).await.expect("it is added");
        transaction.commit().await.expect("it is committed");
    }

    /// How many passkeys, recovery codes and tokens the first account has.
    async fn held(site: &Site) -> (usize, u32, usize) {
        let mut connection = site.app.database.read().await.expect("a connection");
        let id = AccountId(1);
        let passkeys = passkeys::of(connection.session(), id).await.expect("they are read");
        let factors = factors::of(connection.session(), id).await.expect("they are read");
        let tokens = tokens::of(connection.session(), id).await.expect("they are read");
        (passkeys.len(), factors.recovery, tokens.len())
    }

    #[tokio::test]
    async fn another_password_tells_what_else_lets_somebody_in_and_ends_what_he_wants_to_end() {
        on_each_narrow(async |database| {
            let mut site = Site::over(database);
            site.join("a@example.org", Role::Member).await;
            let page = site.get("/account/password").await;
            assert!(!page.text.contains("checkbox"), "there is nothing to end");
            give_both(&site, 1).await;
            let page = site.get("/account/password").await;
            page.says(&["name=\"tokens\"", "nightly", "name=\"passkeys\"", "my telephone"]);
            let password = ("password", "the second words");
            for (fields, left) in [
                (&[password][..], (1, 1, 1)),
                (&[password, ("tokens", "end")], (1, 1, 0)),
                (&[password, ("passkeys", "end")], (0, 0, 0)),
            ] {
                assert_eq!(site.post("/account/password", fields).await.location(), "/account");
                assert_eq!(held(&site).await, left, "{fields:?}");
                let letter = letter(&site).await;
                assert_eq!(letter.contains("passkey \u{201c}my telephone\u{201d}"), left.0 > 0);
                assert_eq!(letter.contains("token \u{201c}nightly\u{201d}"), left.2 > 0);
                assert_eq!(letter.contains("End what is not yours"), left != (0, 0, 0));
            }

            // By a link from his mail: a passkey is a second factor, which no mailbox takes away.
            give_both(&site, 2).await;
            site.cookies.clear();
            site.post("/forgot", &[("mail", "a@example.org")]).await.says(&["Look into your mail"]);
            let (_, link) = mailed(&site).await;
            let sent = site.post(&link, &[("password", "the third words")]).await;
            assert_eq!(sent.location(), "/sign-in/second?next=/account/passkeys");
            assert_eq!(held(&site).await, (1, 1, 0));
            let letter = letter(&site).await;
            assert!(letter.contains("passkey \u{201c}my telephone\u{201d}"), "{letter}");
            assert!(
                !letter.contains("nightly") && letter.contains("tokens have ended"),
                "{letter}"
            );
        })
        .await;
    }

    /// How many letters wait; then none do.
    async fn letters(site: &Site) -> usize {
        let mut transaction = site.app.database.begin().await.expect("a transaction");
        let (mut letters, lease) = (0, Duration::from_secs(1000));
        while let Some(taken) =
            outbox::take(transaction.session(), Timestamp::now(), lease).await.expect("it is read")
        {
            letters += 1;
            outbox::give_up(transaction.session(), taken.id).await.expect("it is gone");
        }
        transaction.commit().await.expect("it is committed");
        letters
    }

    #[tokio::test]
    async fn whoever_guesses_everywhere_keeps_nobody_out_of_a_browser_of_his_own() {
        on_each_narrow(async |database| {
            let mut site = Site::over(database);
            site.join("b@example.org", Role::Member).await;
            let others = site.cookies["device"].clone();
            site.join("a@example.org", Role::Administrator).await;
            let own = site.cookies["device"].clone();
            let everywhere = || Doer::by_mail("a@example.org");
            while limits::take(&site.app, limits::Deed::Try, everywhere()).await.is_ok() {}
            let right = [("mail", "a@example.org"), ("password", "the first words")];
            for device in [None, Some(&*others), Some("x.y"), Some("")] {
                site.cookies.clear();
                if let Some(device) = device {
                    site.cookies.insert("device".to_owned(), device.to_owned());
                }
                let kept_out = site.post("/sign-in", &right).await;
                assert_eq!(kept_out.status, 429, "{device:?}");
                kept_out.says(&["Sign in with a passkey", "/forgot"]);
                assert!(!kept_out.header("retry-after").is_empty());
            }
            site.cookies.insert("device".to_owned(), own.clone());
            let let_in = site.post("/sign-in", &right).await;
            assert_eq!(let_in.status, 303, "{let_in:?}");
            assert_ne!(site.cookies["device"], own, "it is another one each time");
            // Whoever has his browser guesses there as rarely as anybody.
            let wrong = [("mail", "a@example.org"), ("password", "other words")];
            let mut statuses = Vec::new();
            for _ in 0..11 {
                statuses.push(site.post("/sign-in", &wrong).await.status.as_u16());
            }
            assert_eq!((statuses[9], statuses[10]), (422, 429));
        })
        .await;
    }

    #[tokio::test]
    async fn nobody_has_letters_sent_to_an_address_that_is_gone_but_its_own_account_a_link_a_day() {
        on_each_narrow(async |database| {
            let mut site = Site::over(database);
            site.join("a@example.org", Role::Member).await;
            letters(&site).await;
            let mut transaction = site.app.database.begin().await.expect("a transaction");
            for mail in ["a@example.org", "b@example.org"] {
                let now = Timestamp::now();
                let held = undelivered::hold(transaction.session(), mail, now).await;
                let held = held.expect("it is held");
                let dead = undelivered::Undelivered { dead: Some(now), ..held };
                undelivered::put(transaction.session(), &dead).await.expect("it is written");
            }
            transaction.commit().await.expect("it is committed");
            for (form, mail, expected) in [
                ("/sign-up", "b@example.org", 0),
                ("/forgot", "b@example.org", 0),
                ("/sign-up", "a@example.org", 0),
                ("/forgot", "a@example.org", 1),
                ("/forgot", "a@example.org", 0),
                ("/sign-up", "c@example.org", 1),
            ] {
                site.post(form, &[("mail", mail)]).await.says(&["Look into your mail"]);
                assert_eq!(letters(&site).await, expected, "{form} {mail}");
            }
        })
        .await;
    }

    #[tokio::test]
    async fn with_tls_cookies_are_bound_to_the_host() {
        let folder = tempfile::tempdir().expect("a folder");
        let place = repute_database::Place::File(folder.path().join("x.db"));
        let database = Database::open(&place).await.expect("it opens");
        let mut config = Site::new().await.app.config.clone();
        config.public_url = "https://lists.example".parse().expect("a URL");
        let mut site = Site::with(database, config);
        let link = first_link(&site.app.database, &site.app.config.public_url).await;
        let link = link.expect("it is made").expect("one");
        let path = link.strip_prefix("https://lists.example").expect("it is ours").to_owned();
        let fields = [("mail", "a@example.org"), ("name", "A"), ("password", "the first words")];
        let made = site.post(&path, &fields).await;
        let cookie = made.header("set-cookie");
        assert!(cookie.starts_with("__Host-session="), "{cookie}");
        let all: Vec<_> = made.headers.get_all("set-cookie").iter().collect();
        assert_eq!(all.len(), 3, "the session, the browser, and what the next page says: {all:?}");
        for cookie in all {
            let cookie = cookie.to_str().expect("it is plain");
            assert!(cookie.starts_with("__Host-") && cookie.contains("; Path=/;"), "{cookie}");
            assert!(cookie.contains("; HttpOnly; SameSite=Lax"), "{cookie}");
            assert!(cookie.ends_with("; Secure"), "{cookie}");
        }
        assert!(made.header("strict-transport-security").starts_with("max-age="));
        let page = site.get("/account").await;
        page.says(&["Your account is made"]);
        let said = page.header("set-cookie");
        assert!(said.starts_with("__Host-flash=;") && said.ends_with("; Secure"), "{said}");
        assert!(!site.get("/account").await.text.contains("Your account is made"), "said once");
    }
}

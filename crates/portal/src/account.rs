//! Accounts: how somebody comes to one, gets in, and gets in again after he forgot how.
//!
//! A mail address is proved before there is an account: the link in a mail leads to the page where name and password
//! are chosen. Whoever types an address learns nothing from the answer but that mail was sent, if at all.
//!
//! Anybody can type anybody's address. So it gets a few letters a day and no more, and one at which letters fail gets none:
//! but for a link a day to whoever has an account, who may have no other way in. Links to another password are counted
//! apart from what else anybody has sent there, so that nobody is kept out by that: whoever uses them up has sent him links
//! by it, each of which works for a day until one of them is used. None ends another one, so that nobody keeps somebody
//! out either by asking again whenever he has just been sent one.
//!
//! What whoever has the shell does with accounts is in [`shell`].
//!
//! What is *not* here: HTTP and pages (`pages`), what may be done with a role (`routes`).

pub(crate) mod shell;
#[cfg(test)]
mod tests;

use std::net::IpAddr;
use std::time::Duration;

use repute_database::accounts::{self, Account, AccountId, Role};
use repute_database::audit::{self, Deed};
use repute_database::links::{self, Link, Purpose};
use repute_database::sessions::{self, SessionId};
use repute_database::{
    DatabaseError, Timestamp, Transaction, factors, outbox, passkeys, sign_ins, tokens, undelivered,
};

use crate::app::App;
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
    if is_too_much(app, limits::Deed::Mail, mail).await? {
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
            if are_many(&mut transaction, Purpose::Join, mail.as_str(), now).await? {
                return Ok(());
            }
            let link = Link {
                purpose: Purpose::Join,
                mail: Some(mail.to_string()),
                role: Role::Member,
                expires: now.after(LINK),
            };
            links::add(transaction.session(), &secret.digest(), &link).await?;
            letter::join(&app.config, mail, &secret)?
        }
    };
    outbox::put(transaction.session(), &letter, now).await?;
    transaction.commit().await?;
    app.mail_waits.notify_one();
    Ok(())
}

/// Whether as many links work that were sent to somebody as there may be: then no other one is made, as those are good.
async fn are_many(
    transaction: &mut Transaction,
    purpose: Purpose,
    mail: &str,
    now: Timestamp,
) -> Result<bool, DatabaseError> {
    Ok(links::count(transaction.session(), purpose, mail, now).await? >= MOST_LINKS)
}

/// Whether somebody has had as many letters as he may; whoever asked learns nothing of it.
async fn is_too_much(app: &App, deed: limits::Deed, mail: &MailAddress) -> Result<bool, AppError> {
    match limits::take(app, deed, Doer::by_mail(mail.as_str())).await {
        Ok(()) => Ok(false),
        Err(AppError::TooMany(_)) => Ok(true),
        Err(error) => Err(error),
    }
}

/// Sends a link by which somebody chooses another password, if there is such an account.
pub(crate) async fn ask_to_reset(app: &App, mail: &MailAddress) -> Result<(), AppError> {
    let mut connection = app.database.read().await?;
    let deed = match accounts::by_mail(connection.session(), mail.as_str()).await? {
        Some(_) => limits::Deed::ResetMail,
        None => limits::Deed::Mail,
    };
    drop(connection);
    if is_too_much(app, deed, mail).await? {
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
            if are_many(&mut transaction, Purpose::Reset, &account.mail, now).await? {
                return Ok(());
            }
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
            // What his network does besides, programs with old tokens among it, counts only for who is in no browser of
            // his.
            limits::take(app, limits::Deed::Try, Doer::at(address)).await?;
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
    if !is_proof(app, &member.account, password).await? {
        return Ok(false);
    }
    let mut transaction = app.database.begin().await?;
    sessions::prove(transaction.session(), member.session.id, Timestamp::now()).await?;
    transaction.commit().await?;
    Ok(true)
}

/// Whether a password proves who somebody is: it is right, and all that he has.
pub(crate) async fn is_proof(
    app: &App,
    account: &Account,
    password: String,
) -> Result<bool, AppError> {
    limits::take(app, limits::Deed::Try, Doer::Account(account.id.0)).await?;
    let mut connection = app.database.read().await?;
    let is_enough = !factors::of(connection.session(), account.id).await?.are_asked();
    drop(connection);
    Ok(is_enough && app.hashing.verify(password, Some(account.password.clone())).await?)
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
    rename_within(&mut transaction, id, name, Timestamp::now()).await?;
    Ok(transaction.commit().await?)
}

/// The same within a transaction.
pub(crate) async fn rename_within(
    transaction: &mut Transaction,
    id: AccountId,
    name: &str,
    now: Timestamp,
) -> Result<(), DatabaseError> {
    accounts::set_name(transaction.session(), id, name).await?;
    // Without the name, as the log is for ever.
    note(transaction, id, id, "account.name", "", now).await
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

/// Stores a link for another password, beside those that were sent before.
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

/// So many links of a purpose work at once for an address: more than are sent within the day for which they do.
const MOST_LINKS: u64 = 16;
/// How long a link works.
const LINK: Duration = Duration::from_secs(24 * 3600);
/// How long a second factor is waited for.
const SECOND: Duration = Duration::from_secs(10 * 60);
/// How long a session lasts.
const SESSION: Duration = Duration::from_secs(30 * 24 * 3600);

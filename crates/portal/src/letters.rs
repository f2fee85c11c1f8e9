//! Which letters somebody wants: news at once, gathered for a day or a week, or none. What needs him always comes at once.
//!
//! A link in each letter that can be switched off does so by one click, without signing in (RFC 8058): its token is good
//! for that alone, and for that account with that address alone.

use repute_database::accounts::{self, Account, AccountId};
use repute_database::digests::{self, Item, Wanted};
use repute_database::outbox::Letter;
use repute_database::{DatabaseError, Timestamp, Transaction, outbox, undelivered};
use repute_registry::token::Use;

use crate::app::App;
use crate::error::AppError;
use crate::letter::{self, Words};
use crate::secret::digest_of;

/// Puts a letter into the box that nobody asked for, unless letters to that address come back: it would not be read, and
/// who goes on writing to addresses that are gone is taken for a sender of spam. What somebody asks for himself goes there
/// rarely, as it shows whether letters arrive.
pub(crate) async fn tell(
    transaction: &mut Transaction,
    letter: &Letter,
    now: Timestamp,
) -> Result<(), DatabaseError> {
    if undelivered::dead(transaction.session(), &letter.recipient).await?.is_none() {
        outbox::put(transaction.session(), letter, now).await?;
    }
    Ok(())
}

/// Tells somebody a piece of news in the way that he wants.
pub(crate) async fn news(
    app: &App,
    transaction: &mut Transaction,
    account: &Account,
    words: Words<'_>,
    now: Timestamp,
) -> Result<(), AppError> {
    match digests::wanted(transaction.session(), account.id).await? {
        None | Some(Wanted::Needed) => {}
        Some(Wanted::Daily | Wanted::Weekly) => {
            let Words { subject, what, link, .. } = words;
            let item = Item { subject, what, link, created: now };
            digests::gather(transaction.session(), account.id, &item).await?;
        }
        Some(Wanted::All) => {
            let words = Words { stop: Some(stop_link(app, account)), ..words };
            tell(transaction, &letter::write(&account.mail, &words)?, now).await?;
        }
    }
    Ok(())
}

/// Sends what was gathered for those for whom it is time.
pub(crate) async fn send_digests(app: &App, now: Timestamp) -> Result<(), AppError> {
    let mut connection = app.database.read().await?;
    let due = digests::due(connection.session(), now, AT_ONCE).await?;
    drop(connection);
    for id in &due {
        let mut transaction = app.database.begin().await?;
        // Of several processes one gets it.
        let items = digests::take(transaction.session(), *id).await?;
        let account = accounts::by_id(transaction.session(), *id).await?;
        if let Some(account) = account.filter(|_| !items.is_empty()) {
            let letter = letter::write(&account.mail, &digest(app, &account, &items))?;
            tell(&mut transaction, &letter, now).await?;
        }
        transaction.commit().await?;
    }
    if !due.is_empty() {
        app.mail_waits.notify_one();
    }
    Ok(())
}

/// The account whose letters a link is to make fewer of.
///
/// # Errors
/// If it is not such a link, or the account is gone.
pub(crate) async fn of_link(app: &App, id: i64, token: &str) -> Result<Account, AppError> {
    let mut connection = app.database.read().await?;
    let account = accounts::by_id(connection.session(), AccountId(id)).await?;
    let is_right = |account: &Account| app.means.key.is(token, Use::Letters(id), &nonce(account));
    account.filter(is_right).ok_or(AppError::StaleLink)
}

/// Says which letters somebody wants.
pub(crate) async fn want(app: &App, id: AccountId, wanted: Wanted) -> Result<(), AppError> {
    let mut transaction = app.database.begin().await?;
    digests::want(transaction.session(), id, wanted).await?;
    Ok(transaction.commit().await?)
}

/// The link by which somebody gets no news any more.
fn stop_link(app: &App, account: &Account) -> String {
    let token = app.means.key.token(Use::Letters(account.id.0), &nonce(account));
    format!("{}/unsubscribe/{}/{token}", app.config.public_url, account.id.0)
}

/// What makes the token that of an address: numbers of accounts may be given again.
fn nonce(account: &Account) -> [u8; 16] {
    let mut nonce = [0; 16];
    for (place, byte) in nonce.iter_mut().zip(digest_of(&account.mail)) {
        *place = byte;
    }
    nonce
}

/// What was gathered as one letter.
fn digest<'a>(app: &'a App, account: &Account, items: &[Item]) -> Words<'a> {
    let mut lines: Vec<String> = Vec::new();
    for Item { subject, what, link, .. } in items.iter().take(MOST_TOLD) {
        lines.extend([subject.clone(), format!("  {what}"), format!("  {link}")]);
    }
    if items.len() > MOST_TOLD {
        lines.push(format!("and {} more", items.len() - MOST_TOLD));
    }
    Words {
        site: &app.config.title,
        subject: format!("News at {}", app.config.title),
        what: "This happened since the last letter:".to_owned(),
        lines,
        action: "See your organisations",
        link: format!("{}/organisations", app.config.public_url),
        otherwise: "Nothing of this waits for you alone. Letters about what does come at once.",
        stop: Some(stop_link(app, account)),
    }
}

/// Letters that are made in a minute.
const AT_ONCE: u32 = 200;
/// Pieces of news that a letter tells.
const MOST_TOLD: usize = 50;

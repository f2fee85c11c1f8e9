//! What whoever has the shell does with accounts: links that he hands on, and who there is.

use repute_database::accounts::{self, Account, AccountId, Role};
use repute_database::links::{self, Link, Purpose};
use repute_database::{Database, DatabaseError, Timestamp, Transaction, tag_keys};

use super::{LINK, add_reset};
use crate::config::PublicUrl;
use crate::mail_address::MailAddress;
use crate::secret::Secret;

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

/// Makes a link by which an account gets another password. Those before stop working: who has the shell may mean that.
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
    links::revoke(transaction.session(), Purpose::Reset, Some(&account.mail)).await?;
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

/// Whoever has the shell, as the audit log knows him: no account has this number.
pub(crate) const SHELL: AccountId = AccountId(0);

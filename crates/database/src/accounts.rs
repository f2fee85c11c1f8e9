//! Accounts: people who may do more than look, by the mail address that they have shown to be theirs.

use crate::database::DatabaseError;
use crate::session::{Session, on};
use crate::statement::statements;
use crate::time::Timestamp;

/// Names an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AccountId(pub i64);

/// What somebody may do; each role may do all that those before it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Speaks for himself and his organisations.
    Member,
    /// Decides what lists say.
    Editor,
    /// Decides about lists and people.
    Administrator,
}

/// An account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Its number.
    pub id: AccountId,
    /// Its mail address, in lower case.
    pub mail: String,
    /// What the person is called.
    pub name: String,
    /// The digest of its password (Argon2id, as a PHC string).
    pub password: String,
    /// What it may do.
    pub role: Role,
    /// Since when it is there.
    pub created: Timestamp,
    /// Since when nobody may use it, if it is locked.
    pub locked: Option<Timestamp>,
    /// When its person was last here, to a few minutes.
    pub seen: Option<Timestamp>,
}

impl Role {
    /// All roles, the one that may least first.
    pub const ALL: [Role; 3] = [Role::Member, Role::Editor, Role::Administrator];

    /// Its word, as it is stored and typed.
    pub fn word(self) -> &'static str {
        match self {
            Role::Member => "member",
            Role::Editor => "editor",
            Role::Administrator => "administrator",
        }
    }

    /// The role of a word.
    pub fn from_word(word: &str) -> Option<Role> {
        Role::ALL.into_iter().find(|role| role.word() == word)
    }
}

/// Adds an account; nothing if there is one with this address.
///
/// # Errors
/// If the database fails.
pub async fn add(
    session: Session<'_>,
    mail: &str,
    name: &str,
    password: &str,
    role: Role,
    now: Timestamp,
) -> Result<Option<AccountId>, DatabaseError> {
    let row: Option<(i64,)> = on!(session, |c| {
        sqlx::query_as(ADD)
            .bind(mail)
            .bind(name)
            .bind(password)
            .bind(role.word())
            .bind(now.0)
            .fetch_optional(c)
            .await?
    });
    Ok(row.map(|(id,)| AccountId(id)))
}

/// An account by its mail address, in lower case.
///
/// # Errors
/// If the database fails.
pub async fn by_mail(session: Session<'_>, mail: &str) -> Result<Option<Account>, DatabaseError> {
    let row: Option<Row> =
        on!(session, |c| sqlx::query_as(BY_MAIL).bind(mail).fetch_optional(c).await?);
    row.map(account).transpose()
}

/// An account by its number.
///
/// # Errors
/// If the database fails.
pub async fn by_id(session: Session<'_>, id: AccountId) -> Result<Option<Account>, DatabaseError> {
    let row: Option<Row> =
        on!(session, |c| sqlx::query_as(BY_ID).bind(id.0).fetch_optional(c).await?);
    row.map(account).transpose()
}

/// Accounts in whose address or name something stands, in lower case, by their addresses, from behind `after` on, at
/// most so many.
///
/// # Errors
/// If the database fails.
pub async fn search(
    session: Session<'_>,
    part: &str,
    after: &str,
    limit: u32,
) -> Result<Vec<Account>, DatabaseError> {
    let plain = part.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
    let pattern = format!("%{plain}%");
    let rows: Vec<Row> = on!(session, |c| {
        sqlx::query_as(SEARCH).bind(after).bind(i64::from(limit)).bind(pattern).fetch_all(c).await?
    });
    rows.into_iter().map(account).collect()
}

/// All accounts, by their addresses, from behind `after` on, at most so many.
///
/// # Errors
/// If the database fails.
pub async fn page(
    session: Session<'_>,
    after: &str,
    limit: u32,
) -> Result<Vec<Account>, DatabaseError> {
    let rows: Vec<Row> = on!(session, |c| {
        sqlx::query_as(PAGE).bind(after).bind(i64::from(limit)).fetch_all(c).await?
    });
    rows.into_iter().map(account).collect()
}

/// Locks an account since a moment, or unlocks it.
///
/// # Errors
/// If the database fails.
pub async fn lock(
    session: Session<'_>,
    id: AccountId,
    since: Option<Timestamp>,
) -> Result<(), DatabaseError> {
    let since = since.map(|since| since.0);
    on!(session, |c| sqlx::query(LOCK).bind(id.0).bind(since).execute(c).await?.rows_affected());
    Ok(())
}

/// Whether there is an account that may do everything, and is not locked.
///
/// # Errors
/// If the database fails.
pub async fn has_administrator(session: Session<'_>) -> Result<bool, DatabaseError> {
    let row: Option<(i64,)> =
        on!(session, |c| sqlx::query_as(ADMINISTRATOR).fetch_optional(c).await?);
    Ok(row.is_some())
}

/// All who decide about others' requests, administrators included, but for those who are locked.
///
/// # Errors
/// If the database fails.
pub async fn editors(session: Session<'_>) -> Result<Vec<Account>, DatabaseError> {
    let rows: Vec<Row> = on!(session, |c| sqlx::query_as(EDITORS).fetch_all(c).await?);
    rows.into_iter().map(account).collect()
}

/// The role of an account that is not locked. Whoever would lock it or give it another role waits until this transaction
/// is over.
///
/// # Errors
/// If the database fails.
pub async fn hold(session: Session<'_>, id: AccountId) -> Result<Option<Role>, DatabaseError> {
    let row: Option<(String,)> =
        on!(session, |c| sqlx::query_as(HOLD).bind(id.0).fetch_optional(c).await?);
    row.map(|(role,)| read_role(&role)).transpose()
}

/// Holds an account, whether or not it is locked: whoever else would hold or change it waits until this transaction is
/// over. Whether it is there. As everybody writes the audit log last, it is to be held before that.
///
/// # Errors
/// If the database fails.
pub async fn hold_any(session: Session<'_>, id: AccountId) -> Result<bool, DatabaseError> {
    let rows = on!(session, |c| sqlx::query(HOLD_ANY).bind(id.0).execute(c).await?.rows_affected());
    Ok(rows == 1)
}

/// Gives an account another password.
///
/// # Errors
/// If the database fails.
pub async fn set_password(
    session: Session<'_>,
    id: AccountId,
    password: &str,
) -> Result<(), DatabaseError> {
    on!(session, |c| {
        sqlx::query(SET_PASSWORD).bind(id.0).bind(password).execute(c).await?;
    });
    Ok(())
}

/// Whether this is what is stored of an account's password. If so, whoever would change it waits until this transaction
/// is over.
///
/// # Errors
/// If the database fails.
pub async fn still(
    session: Session<'_>,
    id: AccountId,
    password: &str,
) -> Result<bool, DatabaseError> {
    let rows = on!(session, |c| {
        sqlx::query(STILL).bind(id.0).bind(password).execute(c).await?.rows_affected()
    });
    Ok(rows > 0)
}

/// Gives an account another role.
///
/// # Errors
/// If the database fails.
pub async fn set_role(
    session: Session<'_>,
    id: AccountId,
    role: Role,
) -> Result<(), DatabaseError> {
    on!(session, |c| {
        sqlx::query(SET_ROLE).bind(id.0).bind(role.word()).execute(c).await?;
    });
    Ok(())
}

/// Gives an account another mail address. Whether nobody else has it; if somebody does, the transaction is to be dropped.
///
/// # Errors
/// If the database fails.
pub async fn set_mail(
    session: Session<'_>,
    id: AccountId,
    mail: &str,
) -> Result<bool, DatabaseError> {
    let done = async {
        on!(session, |c| {
            sqlx::query(SET_MAIL).bind(id.0).bind(mail).execute(c).await?.rows_affected()
        });
        Ok(())
    };
    match done.await {
        Ok(()) => Ok(true),
        Err(error @ DatabaseError::Statement(_)) if error.is_double() => Ok(false),
        Err(error) => Err(error),
    }
}

/// Has the person of an account be called otherwise.
///
/// # Errors
/// If the database fails.
pub async fn set_name(
    session: Session<'_>,
    id: AccountId,
    name: &str,
) -> Result<(), DatabaseError> {
    on!(session, |c| {
        sqlx::query(SET_NAME).bind(id.0).bind(name).execute(c).await?;
    });
    Ok(())
}

/// A row of accounts.
pub(crate) type Row = (i64, String, String, String, String, i64, Option<i64>, Option<i64>);

/// Reads a row.
pub(crate) fn account(row: Row) -> Result<Account, DatabaseError> {
    let (id, mail, name, password, role, created, locked, seen) = row;
    Ok(Account {
        id: AccountId(id),
        mail,
        name,
        password,
        role: read_role(&role)?,
        created: Timestamp(created),
        locked: locked.map(Timestamp),
        seen: seen.map(Timestamp),
    })
}

/// Reads a stored role.
pub(crate) fn read_role(word: &str) -> Result<Role, DatabaseError> {
    Role::from_word(word).ok_or(DatabaseError::Content("the role of an account"))
}

statements! {
    /// Adds an account.
    ADD = "INSERT INTO accounts (mail, name, password, role, created) VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (mail) DO NOTHING RETURNING id";
    /// One account.
    BY_MAIL = "SELECT id, mail, name, password, role, created, locked, seen
        FROM accounts WHERE mail = $1";
    /// Some accounts.
    PAGE = "SELECT id, mail, name, password, role, created, locked, seen FROM accounts
        WHERE mail > $1 ORDER BY mail LIMIT $2";
    /// One account by its number.
    BY_ID = "SELECT id, mail, name, password, role, created, locked, seen FROM accounts WHERE id = $1";
    /// Some that have something in them.
    SEARCH = "SELECT id, mail, name, password, role, created, locked, seen FROM accounts
        WHERE mail > $1 AND (mail LIKE $3 ESCAPE '\\' OR LOWER(name) LIKE $3 ESCAPE '\\')
        ORDER BY mail LIMIT $2";
    /// Since when it is locked.
    LOCK = "UPDATE accounts SET locked = $2 WHERE id = $1";
    /// Any administrator.
    ADMINISTRATOR = "SELECT id FROM accounts WHERE role = 'administrator' AND locked IS NULL LIMIT 1";
    /// Those who decide.
    EDITORS = "SELECT id, mail, name, password, role, created, locked, seen FROM accounts
        WHERE role <> 'member' AND locked IS NULL ORDER BY mail";
    /// Another password.
    SET_PASSWORD = "UPDATE accounts SET password = $2 WHERE id = $1";
    /// Holds an account with this password.
    STILL = "UPDATE accounts SET password = password WHERE id = $1 AND password = $2";
    /// Holds an account that is not locked.
    HOLD = "UPDATE accounts SET role = role WHERE id = $1 AND locked IS NULL RETURNING role";
    /// Holds an account.
    HOLD_ANY = "UPDATE accounts SET role = role WHERE id = $1";
    /// Another address.
    SET_MAIL = "UPDATE accounts SET mail = $2 WHERE id = $1";
    /// Another name.
    SET_NAME = "UPDATE accounts SET name = $2 WHERE id = $1";
    /// Another role.
    SET_ROLE = "UPDATE accounts SET role = $2 WHERE id = $1";
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::on_each;

    #[tokio::test]
    async fn an_address_has_one_account_and_keeps_its_role_until_it_is_given_another() {
        on_each(async |database| {
            let mut transaction = database.begin().await.expect("a transaction");
            let session = &mut transaction;
            assert!(!has_administrator(session.session()).await.expect("it is read"));
            for (mail, made) in
                [("b@x.example", true), ("a@x.example", true), ("b@x.example", false)]
            {
                let id =
                    add(session.session(), mail, "B", "$argon2id$", Role::Member, Timestamp(5));
                assert_eq!(id.await.expect("it is tried").is_some(), made, "{mail}");
            }
            let of = by_mail(session.session(), "b@x.example").await.expect("it is read");
            let of = of.expect("it is there");
            assert_eq!(
                (of.role, &*of.password, of.created),
                (Role::Member, "$argon2id$", Timestamp(5))
            );
            set_role(session.session(), of.id, Role::Administrator).await.expect("it is set");
            set_password(session.session(), of.id, "other").await.expect("it is set");
            assert!(has_administrator(session.session()).await.expect("it is read"));
            let all = page(session.session(), "", 10).await.expect("they are read");
            let mails: Vec<_> = all.iter().map(|a| (&*a.mail, a.role, &*a.password)).collect();
            assert_eq!(
                mails,
                [
                    ("a@x.example", Role::Member, "$argon2id$"),
                    ("b@x.example", Role::Administrator, "other"),
                ]
            );
            let rest = page(session.session(), "a@x.example", 10).await.expect("they are read");
            assert_eq!(rest, all[1..]);
            let mut found = async |part: &str| {
                let found = search(session.session(), part, "", 10).await.expect("they are read");
                found.into_iter().map(|a| a.mail).collect::<Vec<_>>()
            };
            assert_eq!(found("a@x").await, ["a@x.example"]);
            assert_eq!(found("b").await, ["a@x.example", "b@x.example"], "both are called so");
            assert_eq!(found("%").await, [""; 0], "it stands for itself");
            lock(session.session(), of.id, Some(Timestamp(7))).await.expect("it is locked");
            assert!(!has_administrator(session.session()).await.expect("it is read"));
            assert_eq!(hold(session.session(), of.id).await.expect("it is read"), None);
            let locked = by_id(session.session(), of.id).await.expect("it is read");
            assert_eq!(locked.map(|a| a.locked), Some(Some(Timestamp(7))));
            lock(session.session(), of.id, None).await.expect("it is unlocked");
            let held = hold(session.session(), of.id).await.expect("it is read");
            assert_eq!(held, Some(Role::Administrator));
            assert!(has_administrator(session.session()).await.expect("it is read"));
        })
        .await;
    }
}

//! Passkeys (Web Authentication), and what browsers were asked to sign with them. Keys and states are JSON here, which
//! only those read who check signatures.

use crate::accounts::AccountId;
use crate::database::DatabaseError;
use crate::session::{Session, on};
use crate::statement::statements;
use crate::time::Timestamp;

/// Names a passkey, for the person whose it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PasskeyId(pub i64);

/// A passkey.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Passkey {
    /// Its number.
    pub id: PasskeyId,
    /// Whose it is.
    pub account: AccountId,
    /// What its person calls it.
    pub name: String,
    /// The public key and what else is known of it.
    pub content: String,
    /// Since when it is there.
    pub created: Timestamp,
    /// When it was last used.
    pub used: Option<Timestamp>,
}

/// What a browser is asked to sign for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// To add a passkey.
    Register,
    /// To show that a known person is there.
    Show,
    /// To sign in whoever the passkey says.
    SignIn,
}

/// What a browser was asked to sign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ceremony {
    /// What for.
    pub purpose: Purpose,
    /// By whom; none if the passkey is to say.
    pub account: Option<AccountId>,
    /// What the answer is held against.
    pub state: String,
    /// Until when it may be answered.
    pub expires: Timestamp,
}

impl Purpose {
    /// All of them.
    const ALL: [Purpose; 3] = [Purpose::Register, Purpose::Show, Purpose::SignIn];

    /// Its word, as it is stored.
    fn word(self) -> &'static str {
        match self {
            Purpose::Register => "register",
            Purpose::Show => "show",
            Purpose::SignIn => "sign-in",
        }
    }
}

/// Adds a passkey. Whether it is new: no two have one name among browsers.
///
/// # Errors
/// If the database fails.
pub async fn add(
    session: Session<'_>,
    account: AccountId,
    credential: &[u8],
    name: &str,
    content: &str,
    now: Timestamp,
) -> Result<bool, DatabaseError> {
    let rows = on!(session, |c| {
        sqlx::query(ADD)
            .bind(account.0)
            .bind(credential)
            .bind(name)
            .bind(content)
            .bind(now.0)
            .execute(c)
            .await?
            .rows_affected()
    });
    Ok(rows > 0)
}

/// The passkeys of an account, the oldest first.
///
/// # Errors
/// If the database fails.
pub async fn of(session: Session<'_>, account: AccountId) -> Result<Vec<Passkey>, DatabaseError> {
    let rows: Vec<Row> = on!(session, |c| sqlx::query_as(OF).bind(account.0).fetch_all(c).await?);
    Ok(rows.into_iter().map(passkey).collect())
}

/// A passkey by what its browser calls it.
///
/// # Errors
/// If the database fails.
pub async fn by_credential(
    session: Session<'_>,
    credential: &[u8],
) -> Result<Option<Passkey>, DatabaseError> {
    let row: Option<Row> = on!(session, |c| {
        sqlx::query_as(BY_CREDENTIAL).bind(credential).fetch_optional(c).await?
    });
    Ok(row.map(passkey))
}

/// Notes that a passkey was used, and what is known of it since.
///
/// # Errors
/// If the database fails.
pub async fn used(
    session: Session<'_>,
    id: PasskeyId,
    content: &str,
    now: Timestamp,
) -> Result<(), DatabaseError> {
    on!(session, |c| {
        sqlx::query(USED).bind(id.0).bind(content).bind(now.0).execute(c).await?.rows_affected()
    });
    Ok(())
}

/// Removes a passkey of an account; what it was called, if the account had it.
///
/// # Errors
/// If the database fails.
pub async fn remove(
    session: Session<'_>,
    account: AccountId,
    id: PasskeyId,
) -> Result<Option<String>, DatabaseError> {
    let row: Option<(String,)> = on!(session, |c| {
        sqlx::query_as(REMOVE).bind(id.0).bind(account.0).fetch_optional(c).await?
    });
    Ok(row.map(|(name,)| name))
}

/// Removes all passkeys of an account. How many those were.
///
/// # Errors
/// If the database fails.
pub async fn remove_all(session: Session<'_>, account: AccountId) -> Result<u64, DatabaseError> {
    Ok(on!(session, |c| sqlx::query(REMOVE_ALL).bind(account.0).execute(c).await?.rows_affected()))
}

/// Remembers what a browser is asked to sign, and forgets what none has signed in time.
///
/// # Errors
/// If the database fails.
pub async fn ask(
    mut session: Session<'_>,
    digest: &[u8],
    ceremony: &Ceremony,
    now: Timestamp,
) -> Result<(), DatabaseError> {
    on!(session.again(), |c| sqlx::query(FORGET).bind(now.0).execute(c).await?.rows_affected());
    on!(session, |c| {
        sqlx::query(ASK)
            .bind(digest)
            .bind(ceremony.account.map(|account| account.0))
            .bind(ceremony.purpose.word())
            .bind(&ceremony.state)
            .bind(ceremony.expires.0)
            .execute(c)
            .await?
            .rows_affected()
    });
    Ok(())
}

/// What a browser was asked to sign: it is told once, as nothing is to be answered twice.
///
/// # Errors
/// If the database fails.
pub async fn take(
    session: Session<'_>,
    digest: &[u8],
    now: Timestamp,
) -> Result<Option<Ceremony>, DatabaseError> {
    let row: Option<(Option<i64>, String, String, i64)> =
        on!(session, |c| sqlx::query_as(TAKE).bind(digest).fetch_optional(c).await?);
    let Some((account, purpose, state, expires)) = row else { return Ok(None) };
    let purpose = Purpose::ALL.into_iter().find(|known| known.word() == purpose);
    let ceremony = Ceremony {
        purpose: purpose.ok_or(DatabaseError::Content("the purpose of a ceremony"))?,
        account: account.map(AccountId),
        state,
        expires: Timestamp(expires),
    };
    Ok(Some(ceremony).filter(|ceremony| ceremony.expires > now))
}

/// A row of passkeys.
type Row = (i64, i64, String, String, i64, Option<i64>);

/// Reads a row.
fn passkey((id, account, name, content, created, used): Row) -> Passkey {
    Passkey {
        id: PasskeyId(id),
        account: AccountId(account),
        name,
        content,
        created: Timestamp(created),
        used: used.map(Timestamp),
    }
}

statements! {
    /// Adds one.
    ADD = "INSERT INTO passkeys (account, credential, name, content, created) VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (credential) DO NOTHING";
    /// Those of an account.
    OF = "SELECT id, account, name, content, created, used FROM passkeys WHERE account = $1 ORDER BY id";
    /// One as browsers name it.
    BY_CREDENTIAL = "SELECT id, account, name, content, created, used FROM passkeys WHERE credential = $1";
    /// It was used.
    USED = "UPDATE passkeys SET content = $2, used = $3 WHERE id = $1";
    /// Removes one.
    REMOVE = "DELETE FROM passkeys WHERE id = $1 AND account = $2 RETURNING name";
    /// All of an account.
    REMOVE_ALL = "DELETE FROM passkeys WHERE account = $1";
    /// What is asked.
    ASK = "INSERT INTO ceremonies (digest, account, purpose, state, expires) VALUES ($1, $2, $3, $4, $5)";
    /// What was asked.
    TAKE = "DELETE FROM ceremonies WHERE digest = $1 RETURNING account, purpose, state, expires";
    /// What nobody has answered.
    FORGET = "DELETE FROM ceremonies WHERE expires <= $1";
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::accounts::{self, Role};
    use crate::testing::on_each;

    #[tokio::test]
    async fn a_passkey_belongs_to_one_and_what_is_asked_is_answered_once() {
        on_each(async |database| {
            let mut transaction = database.begin().await.expect("a transaction");
            let t = &mut transaction;
            let mut ids = Vec::new();
            for mail in ["a@x.example", "b@x.example"] {
                let id = accounts::add(t.session(), mail, "", "", Role::Member, Timestamp(1)).await;
                ids.push(id.expect("it is added").expect("it is new"));
            }
            for (who, is_new) in [(0, true), (1, false)] {
                let added =
                    add(t.session(), ids[who], b"credential", "key", "{}", Timestamp(2)).await;
                assert_eq!(added.expect("it is tried"), is_new);
            }
            let known = by_credential(t.session(), b"credential").await.expect("it is read");
            let known = known.expect("it is there");
            used(t.session(), known.id, "{1}", Timestamp(9)).await.expect("it is noted");
            let all = of(t.session(), ids[0]).await.expect("they are read");
            let expect =
                Passkey { content: "{1}".to_owned(), used: Some(Timestamp(9)), ..known.clone() };
            assert_eq!(all, [expect]);
            let mut removed = async |who: usize| {
                remove(t.session(), ids[who], known.id).await.expect("it is tried")
            };
            assert_eq!(removed(1).await, None, "it is somebody else's");
            assert_eq!(removed(0).await.as_deref(), Some("key"));

            let ceremony = |expires| Ceremony {
                purpose: Purpose::SignIn,
                account: None,
                state: "{}".to_owned(),
                expires: Timestamp(expires),
            };
            for (digest, expires) in [(b"one", 10), (b"two", 20)] {
                let asked = ask(t.session(), digest, &ceremony(expires), Timestamp(5)).await;
                asked.expect("it is remembered");
            }
            let mut taken = async |digest: &[u8]| {
                take(t.session(), digest, Timestamp(10)).await.expect("it is read")
            };
            assert_eq!(taken(b"one").await, None, "it is over");
            assert_eq!(taken(b"two").await, Some(ceremony(20)));
            assert_eq!(taken(b"two").await, None, "it is told once");
        })
        .await;
    }
}

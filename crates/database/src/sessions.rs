//! Sessions: who is signed in. A session is found by the digest of what its browser shows, so that nobody who reads
//! the database is signed in.

use crate::accounts::{self, Account, AccountId};
use crate::database::DatabaseError;
use crate::session::{Session, on};
use crate::statement::statements;
use crate::time::Timestamp;

/// Names a session, for the person whose it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SessionId(pub i64);

/// Somebody signed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedIn {
    /// Its number.
    pub id: SessionId,
    /// Where it was begun.
    pub client: String,
    /// When it was begun.
    pub created: Timestamp,
    /// When it was last used, to a few minutes.
    pub seen: Timestamp,
    /// When the person last proved who he is.
    pub proven: Timestamp,
    /// When it ends.
    pub expires: Timestamp,
}

/// Begins a session.
///
/// # Errors
/// If the database fails.
pub async fn begin(
    mut session: Session<'_>,
    digest: &[u8],
    account: AccountId,
    client: &str,
    now: Timestamp,
    expires: Timestamp,
) -> Result<SessionId, DatabaseError> {
    let (id,): (i64,) = on!(session.again(), |c| {
        sqlx::query_as(BEGIN)
            .bind(digest)
            .bind(account.0)
            .bind(client)
            .bind(now.0)
            .bind(expires.0)
            .fetch_one(c)
            .await?
    });
    on!(session, |c| sqlx::query(SEEN).bind(id).bind(now.0).execute(c).await?.rows_affected());
    Ok(SessionId(id))
}

/// A session that has not ended, and whose it is; none if that account is locked.
///
/// # Errors
/// If the database fails.
pub async fn find(
    session: Session<'_>,
    digest: &[u8],
    now: Timestamp,
) -> Result<Option<(SignedIn, Account)>, DatabaseError> {
    let row: Option<Found> = on!(session, |c| {
        sqlx::query_as(FIND).bind(digest).bind(now.0).fetch_optional(c).await?
    });
    let Some(Found(own, owner)) = row else { return Ok(None) };
    Ok(Some((signed_in(own), accounts::account(owner)?)))
}

/// The sessions of an account, the one used last first.
///
/// # Errors
/// If the database fails.
pub async fn of(
    session: Session<'_>,
    account: AccountId,
    now: Timestamp,
) -> Result<Vec<SignedIn>, DatabaseError> {
    let rows: Vec<Row> =
        on!(session, |c| { sqlx::query_as(OF).bind(account.0).bind(now.0).fetch_all(c).await? });
    Ok(rows.into_iter().map(signed_in).collect())
}

/// Notes that a session is in use.
///
/// # Errors
/// If the database fails.
pub async fn see(
    mut session: Session<'_>,
    id: SessionId,
    now: Timestamp,
) -> Result<(), DatabaseError> {
    on!(session.again(), |c| {
        sqlx::query(SEE).bind(id.0).bind(now.0).execute(c).await?.rows_affected()
    });
    on!(session, |c| sqlx::query(SEEN).bind(id.0).bind(now.0).execute(c).await?.rows_affected());
    Ok(())
}

/// Notes that the person proved who he is.
///
/// # Errors
/// If the database fails.
pub async fn prove(
    session: Session<'_>,
    id: SessionId,
    now: Timestamp,
) -> Result<(), DatabaseError> {
    on!(session, |c| sqlx::query(PROVE).bind(id.0).bind(now.0).execute(c).await?.rows_affected());
    Ok(())
}

/// Ends a session of an account. Whether it had it.
///
/// # Errors
/// If the database fails.
pub async fn end(
    session: Session<'_>,
    account: AccountId,
    id: SessionId,
) -> Result<bool, DatabaseError> {
    let rows = on!(session, |c| {
        sqlx::query(END).bind(id.0).bind(account.0).execute(c).await?.rows_affected()
    });
    Ok(rows > 0)
}

/// Ends all sessions of an account but one.
///
/// # Errors
/// If the database fails.
pub async fn end_others(
    session: Session<'_>,
    account: AccountId,
    kept: Option<SessionId>,
) -> Result<u64, DatabaseError> {
    // No session has this number.
    let kept = kept.map_or(0, |id| id.0);
    Ok(on!(session, |c| {
        sqlx::query(END_OTHERS).bind(account.0).bind(kept).execute(c).await?.rows_affected()
    }))
}

/// Forgets sessions that are over.
///
/// # Errors
/// If the database fails.
pub async fn forget(session: Session<'_>, now: Timestamp) -> Result<u64, DatabaseError> {
    Ok(on!(session, |c| sqlx::query(FORGET).bind(now.0).execute(c).await?.rows_affected()))
}

/// A row of sessions.
type Row = (i64, String, i64, i64, i64, i64);

/// A row of sessions with the account's.
struct Found(Row, accounts::Row);

impl<'r, R: sqlx::Row> sqlx::FromRow<'r, R> for Found
where
    usize: sqlx::ColumnIndex<R>,
    i64: sqlx::Decode<'r, R::Database> + sqlx::Type<R::Database>,
    Option<i64>: sqlx::Decode<'r, R::Database> + sqlx::Type<R::Database>,
    String: sqlx::Decode<'r, R::Database> + sqlx::Type<R::Database>,
{
    fn from_row(row: &'r R) -> Result<Found, sqlx::Error> {
        let get = |at: usize| row.try_get::<i64, _>(at);
        let text = |at: usize| row.try_get::<String, _>(at);
        Ok(Found(
            (get(0)?, text(1)?, get(2)?, get(3)?, get(4)?, get(5)?),
            (
                get(6)?,
                text(7)?,
                text(8)?,
                text(9)?,
                text(10)?,
                get(11)?,
                row.try_get(12)?,
                row.try_get(13)?,
            ),
        ))
    }
}

/// Reads a row.
fn signed_in((id, client, created, seen, proven, expires): Row) -> SignedIn {
    SignedIn {
        id: SessionId(id),
        client,
        created: Timestamp(created),
        seen: Timestamp(seen),
        proven: Timestamp(proven),
        expires: Timestamp(expires),
    }
}

statements! {
    /// Begins a session.
    BEGIN = "INSERT INTO sessions (digest, account, client, created, seen, proven, expires)
        VALUES ($1, $2, $3, $4, $4, $4, $5) RETURNING id";
    /// A session with its account.
    FIND = "SELECT s.id, s.client, s.created, s.seen, s.proven, s.expires,
        a.id, a.mail, a.name, a.password, a.role, a.created, a.locked, a.seen
        FROM sessions s JOIN accounts a ON a.id = s.account
        WHERE s.digest = $1 AND s.expires > $2 AND a.locked IS NULL";
    /// Those of an account.
    OF = "SELECT id, client, created, seen, proven, expires FROM sessions
        WHERE account = $1 AND expires > $2 ORDER BY seen DESC, id DESC";
    /// It is in use.
    SEE = "UPDATE sessions SET seen = $2 WHERE id = $1";
    /// Its person is here.
    SEEN = "UPDATE accounts SET seen = $2 WHERE id = (SELECT account FROM sessions WHERE id = $1)";
    /// Its person is who he says.
    PROVE = "UPDATE sessions SET proven = $2 WHERE id = $1";
    /// Ends one.
    END = "DELETE FROM sessions WHERE id = $1 AND account = $2";
    /// Ends all but one.
    END_OTHERS = "DELETE FROM sessions WHERE account = $1 AND id <> $2";
    /// Forgets what is over.
    FORGET = "DELETE FROM sessions WHERE expires <= $1";
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::accounts::Role;
    use crate::testing::on_each;

    #[tokio::test]
    async fn a_session_is_found_by_its_digest_until_it_ends() {
        on_each(async |database| {
            let mut transaction = database.begin().await.expect("a transaction");
            let t = &mut transaction;
            let mut accounts = Vec::new();
            for mail in ["a@x.example", "b@x.example"] {
                let id = accounts::add(t.session(), mail, "", "", Role::Editor, Timestamp(1)).await;
                accounts.push(id.expect("it is added").expect("it is new"));
            }
            let mut ids = Vec::new();
            for (at, digest) in [(10, b"one"), (20, b"two"), (30, b"six")] {
                let (now, end) = (Timestamp(at), Timestamp(at + 100));
                let id = begin(t.session(), digest, accounts[0], "here", now, end).await;
                ids.push(id.expect("it begins"));
            }
            let found = find(t.session(), b"two", Timestamp(119)).await.expect("it is read");
            let (session, account) = found.expect("it is there");
            assert_eq!(
                (session.id, &*account.mail, account.role),
                (ids[1], "a@x.example", Role::Editor)
            );
            assert_eq!(find(t.session(), b"two", Timestamp(120)).await.expect("it is read"), None);
            assert_eq!(find(t.session(), b"not", Timestamp(1)).await.expect("it is read"), None);

            see(t.session(), ids[0], Timestamp(50)).await.expect("it is noted");
            prove(t.session(), ids[0], Timestamp(51)).await.expect("it is noted");
            let all = of(t.session(), accounts[0], Timestamp(60)).await.expect("they are read");
            assert_eq!(all.iter().map(|s| s.id).collect::<Vec<_>>(), [ids[0], ids[2], ids[1]]);
            assert_eq!((all[0].seen, all[0].proven), (Timestamp(50), Timestamp(51)));
            assert!(!end(t.session(), accounts[1], ids[0]).await.expect("it is tried"), "not his");
            assert!(end(t.session(), accounts[0], ids[1]).await.expect("it ends"));
            assert_eq!(
                end_others(t.session(), accounts[0], Some(ids[0])).await.expect("they end"),
                1
            );
            assert_eq!(forget(t.session(), Timestamp(110)).await.expect("they are gone"), 1);
        })
        .await;
    }
}

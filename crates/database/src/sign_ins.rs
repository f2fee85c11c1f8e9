//! Sign-ins that are half done: the password was right, and the second factor is to be shown. They are no sessions, so
//! whoever has one may do nothing with it but go on.

use crate::accounts::{self, Account, AccountId};
use crate::database::DatabaseError;
use crate::session::{Session, on};
use crate::statement::statements;
use crate::time::Timestamp;

/// Begins one.
///
/// # Errors
/// If the database fails.
pub async fn begin(
    session: Session<'_>,
    digest: &[u8],
    account: AccountId,
    expires: Timestamp,
) -> Result<(), DatabaseError> {
    on!(session, |c| {
        let query = sqlx::query(BEGIN).bind(digest).bind(account.0).bind(expires.0);
        query.execute(c).await?.rows_affected()
    });
    Ok(())
}

/// Whose a sign-in is that is neither over nor that of a locked account.
///
/// # Errors
/// If the database fails.
pub async fn find(
    mut session: Session<'_>,
    digest: &[u8],
    now: Timestamp,
) -> Result<Option<Account>, DatabaseError> {
    let row: Option<(i64,)> = on!(session.again(), |c| {
        sqlx::query_as(FIND).bind(digest).bind(now.0).fetch_optional(c).await?
    });
    let Some((id,)) = row else { return Ok(None) };
    let account = accounts::by_id(session, AccountId(id)).await?;
    Ok(account.filter(|account| account.locked.is_none()))
}

/// Counts a failure; how many there were, this one included. None if the sign-in is over.
///
/// # Errors
/// If the database fails.
pub async fn fail(session: Session<'_>, digest: &[u8]) -> Result<Option<u32>, DatabaseError> {
    let row: Option<(i64,)> =
        on!(session, |c| sqlx::query_as(FAIL).bind(digest).fetch_optional(c).await?);
    Ok(row.map(|(failures,)| u32::try_from(failures).unwrap_or(u32::MAX)))
}

/// Ends one. Whether it was there.
///
/// # Errors
/// If the database fails.
pub async fn end(session: Session<'_>, digest: &[u8]) -> Result<bool, DatabaseError> {
    let rows = on!(session, |c| sqlx::query(END).bind(digest).execute(c).await?.rows_affected());
    Ok(rows > 0)
}

/// Ends all of an account: its password is another one, or it is locked.
///
/// # Errors
/// If the database fails.
pub async fn end_all(session: Session<'_>, account: AccountId) -> Result<(), DatabaseError> {
    on!(session, |c| sqlx::query(END_ALL).bind(account.0).execute(c).await?.rows_affected());
    Ok(())
}

/// Forgets those that are over.
///
/// # Errors
/// If the database fails.
pub async fn forget(session: Session<'_>, now: Timestamp) -> Result<u64, DatabaseError> {
    Ok(on!(session, |c| sqlx::query(FORGET).bind(now.0).execute(c).await?.rows_affected()))
}

statements! {
    /// Begins one.
    BEGIN = "INSERT INTO sign_ins (digest, account, failures, expires) VALUES ($1, $2, 0, $3)";
    /// Whose one is.
    FIND = "SELECT account FROM sign_ins WHERE digest = $1 AND expires > $2";
    /// One more failure.
    FAIL = "UPDATE sign_ins SET failures = failures + 1 WHERE digest = $1 RETURNING failures";
    /// Ends one.
    END = "DELETE FROM sign_ins WHERE digest = $1";
    /// Ends those of an account.
    END_ALL = "DELETE FROM sign_ins WHERE account = $1";
    /// Forgets what is over.
    FORGET = "DELETE FROM sign_ins WHERE expires <= $1";
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::accounts::Role;
    use crate::testing::on_each;

    #[tokio::test]
    async fn half_a_sign_in_counts_its_failures_and_ends() {
        on_each(async |database| {
            let mut transaction = database.begin().await.expect("a transaction");
            let t = &mut transaction;
            let added =
                accounts::add(t.session(), "a@x.example", "", "", Role::Member, Timestamp(1)).await;
            let id = added.expect("it is added").expect("it is new");
            for (digest, end) in [(b"one", 100), (b"two", 200)] {
                begin(t.session(), digest, id, Timestamp(end)).await.expect("it begins");
            }
            let mut whose = async |now: i64| {
                find(t.session(), b"one", Timestamp(now)).await.expect("it is read").map(|a| a.id)
            };
            assert_eq!((whose(99).await, whose(100).await), (Some(id), None));
            for count in 1..3 {
                let failures = fail(t.session(), b"one").await.expect("it is counted");
                assert_eq!(failures, Some(count));
            }
            accounts::lock(t.session(), id, Some(Timestamp(5))).await.expect("it is locked");
            let locked = find(t.session(), b"one", Timestamp(9)).await.expect("it is read");
            assert_eq!(locked, None, "nobody goes on into a locked account");
            assert_eq!(forget(t.session(), Timestamp(100)).await.expect("it is gone"), 1);
            assert_eq!(fail(t.session(), b"one").await.expect("it is read"), None);
            assert!(!end(t.session(), b"one").await.expect("it is gone already"));
            end_all(t.session(), id).await.expect("they end");
            assert!(!end(t.session(), b"two").await.expect("it is gone already"));
        })
        .await;
    }
}

//! What was answered to changes, each under the key of who asked (`Idempotency-Key`): the change and its answer are
//! committed together, so that whoever asks again gets the same answer and nothing is done twice.

use std::time::Duration;

use crate::accounts::AccountId;
use crate::database::DatabaseError;
use crate::session::{Session, on};
use crate::statement::statements;
use crate::time::Timestamp;

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Whose {
    /// Whose account this is.
    Account(AccountId),
    /// Somebody without one, by a digest.
    Somebody(Vec<u8>),
}

/// What was answered. Without a status it is not done yet, and the body says how far it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The digest of what was asked.
    pub digest: Vec<u8>,
    /// HTTP's number.
    pub status: u16,
    /// The body.
    pub body: String,
}

/// Takes a key for what is asked now. If it was taken before, what was answered then: whoever else takes it at the
/// same moment is waited for. What is too old to be asked for again gives way; nothing else is touched, as whoever
/// asks under another key must not wait for this transaction.
///
/// # Errors
/// If the database fails.
pub async fn take(
    mut session: Session<'_>,
    whose: &Whose,
    key: &str,
    digest: &[u8],
    now: Timestamp,
) -> Result<Option<Answer>, DatabaseError> {
    let before = now.before(KEPT);
    let rows = on!(session.again(), |c| {
        let query = match whose {
            Whose::Account(account) => sqlx::query(TAKE).bind(account.0),
            Whose::Somebody(doer) => sqlx::query(TAKE_OPEN).bind(doer),
        };
        query.bind(key).bind(digest).bind(now.0).bind(before.0).execute(c).await?.rows_affected()
    });
    if rows > 0 {
        return Ok(None);
    }
    find(session, whose, key, now).await
}

/// What was answered under a key.
///
/// # Errors
/// If the database fails.
pub async fn find(
    session: Session<'_>,
    whose: &Whose,
    key: &str,
    now: Timestamp,
) -> Result<Option<Answer>, DatabaseError> {
    let before = now.before(KEPT);
    let row: Option<(Vec<u8>, i64, String)> = on!(session, |c| {
        let query = match whose {
            Whose::Account(account) => sqlx::query_as(FIND).bind(account.0),
            Whose::Somebody(doer) => sqlx::query_as(FIND_OPEN).bind(doer),
        };
        query.bind(key).bind(before.0).fetch_optional(c).await?
    });
    let Some((digest, status, body)) = row else { return Ok(None) };
    let status = u16::try_from(status).map_err(|_| DatabaseError::Content("a status of HTTP"))?;
    Ok(Some(Answer { digest, status, body }))
}

/// Keeps what is answered under a key that was taken.
///
/// # Errors
/// If the database fails.
pub async fn keep(
    session: Session<'_>,
    whose: &Whose,
    key: &str,
    status: u16,
    body: &str,
) -> Result<(), DatabaseError> {
    on!(session, |c| {
        let query = match whose {
            Whose::Account(account) => sqlx::query(KEEP).bind(account.0),
            Whose::Somebody(doer) => sqlx::query(KEEP_OPEN).bind(doer),
        };
        query.bind(key).bind(i64::from(status)).bind(body).execute(c).await?.rows_affected()
    });
    Ok(())
}

/// Keeps how far it is what is done step by step under a key that was taken, if it still stands where the caller believes.
/// Whether it did: if not, somebody else went on with it. With a status it is done.
///
/// # Errors
/// If the database fails.
pub async fn advance(
    session: Session<'_>,
    whose: &Whose,
    key: &str,
    (before, after): (&str, &str),
    status: Option<u16>,
) -> Result<bool, DatabaseError> {
    let status = i64::from(status.unwrap_or(0));
    let rows = on!(session, |c| {
        let query = match whose {
            Whose::Account(account) => sqlx::query(ADVANCE).bind(account.0),
            Whose::Somebody(doer) => sqlx::query(ADVANCE_OPEN).bind(doer),
        };
        query.bind(key).bind(before).bind(after).bind(status).execute(c).await?.rows_affected()
    });
    Ok(rows == 1)
}

/// Forgets what nobody is answered any more; how many that were. To be done in a transaction of its own.
///
/// # Errors
/// If the database fails.
pub async fn forget(mut session: Session<'_>, now: Timestamp) -> Result<u64, DatabaseError> {
    let before = now.before(KEPT);
    let mut count = 0;
    for forget in [FORGET, FORGET_OPEN] {
        count += on!(session.again(), |c| {
            sqlx::query(forget).bind(before.0).execute(c).await?.rows_affected()
        });
    }
    Ok(count)
}

/// How long an answer is kept.
pub const KEPT: Duration = Duration::from_secs(24 * 3600);

statements! {
    /// Takes a key; whoever comes second waits for the first.
    TAKE = "INSERT INTO answers (account, key, digest, status, body, created) VALUES ($1, $2, $3, 0, '', $4)
        ON CONFLICT (account, key) DO UPDATE
            SET digest = excluded.digest, status = 0, body = '', created = excluded.created
            WHERE answers.created < $5";
    /// What was answered.
    FIND = "SELECT digest, status, body FROM answers
        WHERE account = $1 AND key = $2 AND created >= $3";
    /// Keeps an answer.
    KEEP = "UPDATE answers SET status = $3, body = $4 WHERE account = $1 AND key = $2";
    /// Keeps how far it is.
    ADVANCE = "UPDATE answers SET body = $4, status = $5
        WHERE account = $1 AND key = $2 AND status = 0 AND body = $3";
    /// Forgets what is old.
    FORGET = "DELETE FROM answers WHERE created < $1";
    /// As `TAKE`, of whoever has no account.
    TAKE_OPEN = "INSERT INTO open_answers (doer, key, digest, status, body, created)
        VALUES ($1, $2, $3, 0, '', $4) ON CONFLICT (doer, key) DO UPDATE
            SET digest = excluded.digest, status = 0, body = '', created = excluded.created
            WHERE open_answers.created < $5";
    /// As `FIND`, of whoever has no account.
    FIND_OPEN = "SELECT digest, status, body FROM open_answers
        WHERE doer = $1 AND key = $2 AND created >= $3";
    /// As `KEEP`, of whoever has no account.
    KEEP_OPEN = "UPDATE open_answers SET status = $3, body = $4 WHERE doer = $1 AND key = $2";
    /// As `ADVANCE`, of whoever has no account.
    ADVANCE_OPEN = "UPDATE open_answers SET body = $4, status = $5
        WHERE doer = $1 AND key = $2 AND status = 0 AND body = $3";
    /// As `FORGET`, of whoever has no account.
    FORGET_OPEN = "DELETE FROM open_answers WHERE created < $1";
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::accounts::{self, Role};
    use crate::testing::on_each;

    #[tokio::test]
    async fn a_key_is_taken_once_a_day_and_by_each_for_himself() {
        on_each(async |database| {
            let mut transaction = database.begin().await.expect("a transaction");
            let t = &mut transaction;
            let mut both = Vec::new();
            for mail in ["a@x.example", "b@x.example"] {
                let id = accounts::add(t.session(), mail, "", "", Role::Member, Timestamp(1)).await;
                both.push(Whose::Account(id.expect("it is added").expect("it is new")));
            }
            transaction.commit().await.expect("it is committed");
            let others = vec![Whose::Somebody(b"a".to_vec()), Whose::Somebody(b"b".to_vec())];
            for whose in [both, others] {
                let mut transaction = database.begin().await.expect("a transaction");
                let t = &mut transaction;
                let day = KEPT.as_micros() as i64;
                let now = Timestamp(day);
                assert_eq!(
                    take(t.session(), &whose[0], "k", b"1", now).await.expect("taken"),
                    None
                );
                keep(t.session(), &whose[0], "k", 201, "{}").await.expect("it is kept");
                transaction.commit().await.expect("it is committed");

                let mut transaction = database.begin().await.expect("a transaction");
                let t = &mut transaction;
                let late = advance(t.session(), &whose[0], "k", ("{}", "1"), None).await;
                assert!(!late.expect("it is tried"), "it is done");
                let (s, none) = ("step", Timestamp(2 * day));
                assert_eq!(take(t.session(), &whose[0], s, b"1", none).await.expect("taken"), None);
                for (before, after, status, is_so) in [
                    ("", "1", None, true),
                    ("", "1", None, false),
                    ("1", "12", None, true),
                    ("12", "all", Some(200), true),
                    ("all", "more", Some(200), false),
                ] {
                    let moved = advance(t.session(), &whose[0], s, (before, after), status).await;
                    assert_eq!(moved.expect("it is tried"), is_so, "{before} {after}");
                }
                let done = find(t.session(), &whose[0], s, none).await.expect("it is read");
                assert_eq!(
                    done.map(|done| (done.status, done.body)),
                    Some((200, "all".to_owned()))
                );
                let again = take(t.session(), &whose[0], "k", b"2", Timestamp(2 * day)).await;
                let answer = Answer { digest: b"1".to_vec(), status: 201, body: "{}".to_owned() };
                assert_eq!(again.expect("it is read"), Some(answer));
                assert_eq!(
                    take(t.session(), &whose[1], "k", b"2", now).await.expect("taken"),
                    None
                );
                let later = Timestamp(2 * day + 1);
                let taken = take(t.session(), &whose[0], "k", b"2", later).await;
                assert_eq!(taken.expect("taken"), None);
                transaction.commit().await.expect("it is committed");
            }
        })
        .await;
    }

    #[tokio::test]
    async fn what_is_old_is_forgotten_by_itself_and_whoever_asks_waits_for_no_other() {
        on_each(async |database| {
            let day = KEPT.as_micros() as i64;
            let mut transaction = database.begin().await.expect("a transaction");
            let t = &mut transaction;
            let id = accounts::add(t.session(), "a@x.example", "", "", Role::Member, Timestamp(1));
            let account = Whose::Account(id.await.expect("it is added").expect("it is new"));
            let both = [account, Whose::Somebody(b"a".to_vec())];
            for whose in &both {
                for (key, time) in [("old", 1), ("older", 1), ("new", day)] {
                    let taken = take(t.session(), whose, key, b"1", Timestamp(time)).await;
                    assert_eq!(taken.expect("it is taken"), None);
                    keep(t.session(), whose, key, 200, "before").await.expect("it is kept");
                }
            }
            transaction.commit().await.expect("it is committed");
            let now = Timestamp(day + 2);
            for whose in &both {
                let mut transaction = database.begin().await.expect("a transaction");
                let t = &mut transaction;
                let taken = take(t.session(), whose, "old", b"2", now).await;
                assert_eq!(taken.expect("it is taken"), None);
                let found = find(t.session(), whose, "old", now).await.expect("it is read");
                let anew = Answer { digest: b"2".to_vec(), status: 0, body: String::new() };
                assert_eq!(found, Some(anew), "nothing of what was answered before is left");
                // What is old under another key is still there: nobody waits for whoever takes it.
                let other = find(t.session(), whose, "older", Timestamp(1)).await;
                assert!(other.expect("it is read").is_some());
                transaction.commit().await.expect("it is committed");
            }
            let mut transaction = database.begin().await.expect("a transaction");
            let t = &mut transaction;
            for expected in [2, 0] {
                assert_eq!(forget(t.session(), now).await.expect("it is forgotten"), expected);
            }
            for whose in &both {
                for (key, is_there) in [("old", true), ("older", false), ("new", true)] {
                    let found = find(t.session(), whose, key, Timestamp(1)).await;
                    assert_eq!(found.expect("it is read").is_some(), is_there, "{key}");
                }
            }
        })
        .await;
    }

    #[tokio::test]
    async fn of_two_at_the_same_moment_the_second_gets_the_answer_of_the_first() {
        on_each(async |database| {
            let mut first = database.begin().await.expect("a transaction");
            let added =
                accounts::add(first.session(), "a@x.example", "", "", Role::Member, Timestamp(1));
            let id = Whose::Account(added.await.expect("it is added").expect("it is new"));
            first.commit().await.expect("it is committed");
            let mut first = database.begin().await.expect("a transaction");
            let taken = take(first.session(), &id, "k", b"1", Timestamp(9)).await;
            assert_eq!(taken.expect("it is taken"), None);
            let (other, same) = (database.clone(), id.clone());
            let second = tokio::spawn(async move {
                let mut second = other.begin().await.expect("a transaction");
                let taken = take(second.session(), &same, "k", b"1", Timestamp(9)).await;
                taken.expect("it is read").map(|answer| answer.status)
            });
            tokio::task::yield_now().await;
            keep(first.session(), &id, "k", 200, "").await.expect("it is kept");
            first.commit().await.expect("it is committed");
            assert_eq!(second.await.expect("it ends"), Some(200));
        })
        .await;
    }
}

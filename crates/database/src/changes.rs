//! Serials: each change of a list has the next one, and what it changed can be asked for by it.
//!
//! A change of very many keys names none of them: whoever follows the list reads all of it anew, which is quicker than
//! to ask for each, and an import does not write every key twice.

use crate::database::DatabaseError;
use crate::key::Key;
use crate::lists::{self, ListId};
use crate::session::{Session, on};
use crate::statement::statements;

/// Gives a list its next serial (RFC 1982: behind the last one comes 1). Whoever else changes the list waits until
/// this transaction is over, so that serials are given in the order in which changes become visible.
///
/// # Errors
/// If there is no such list, [`DatabaseError::Busy`] as in [`lists::lock`], or if the database fails.
pub async fn next_serial(mut session: Session<'_>, list: ListId) -> Result<u32, DatabaseError> {
    lists::lock(session.again(), list).await?;
    let row: Option<(i64,)> =
        on!(session, |c| sqlx::query_as(NEXT).bind(list.0).fetch_optional(c).await?);
    let (serial,) = row.ok_or(DatabaseError::Missing("list"))?;
    u32::try_from(serial).map_err(|_| DatabaseError::Content("the serial of a list"))
}

/// Gives a list a serial that is ahead of it, when what it holds is not what led to the last one. Whoever else changes
/// the list waits until this transaction is over.
///
/// # Errors
/// If there is no such list, or the database fails.
pub async fn go_to(session: Session<'_>, list: ListId, serial: u32) -> Result<(), DatabaseError> {
    let rows = on!(session, |c| {
        sqlx::query(GO_TO).bind(list.0).bind(i64::from(serial)).execute(c).await?.rows_affected()
    });
    if rows == 0 { Err(DatabaseError::Missing("list")) } else { Ok(()) }
}

/// What changed behind a serial.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Since {
    /// These keys, with the serial that changed each last, in the order of serials.
    Keys(Vec<(u32, Key)>),
    /// More than is kept by key: the list is to be read anew.
    Anew,
}

/// Notes that a serial changed these keys; if they are more than [`MOST_NAMED`], as [`note_anew`] does.
///
/// # Errors
/// If the database fails.
pub async fn note(
    mut session: Session<'_>,
    list: ListId,
    serial: u32,
    keys: &[Key],
) -> Result<(), DatabaseError> {
    if keys.len() > MOST_NAMED {
        return note_anew(session, list, serial, keys.len() as u64).await;
    }
    for part in keys.chunks(ROWS) {
        on!(session.again(), |c| {
            let mut query = sqlx::QueryBuilder::new("INSERT INTO changes (list, serial, key) ");
            query.push_values(part, |mut row, key| {
                row.push_bind(list.0).push_bind(i64::from(serial)).push_bind(key.to_bytes());
            });
            query.push(" ON CONFLICT (list, serial, key) DO NOTHING");
            query.build().execute(c).await?;
        });
    }
    Ok(())
}

/// Notes that a serial changed so many keys, more than are named: from it on the list is to be read anew.
///
/// # Errors
/// If the database fails.
pub async fn note_anew(
    session: Session<'_>,
    list: ListId,
    serial: u32,
    keys: u64,
) -> Result<(), DatabaseError> {
    let keys = i64::try_from(keys).unwrap_or(i64::MAX);
    on!(session, |c| {
        sqlx::query(NOTE_ANEW).bind(list.0).bind(i64::from(serial)).bind(keys).execute(c).await?;
    });
    Ok(())
}

/// What changed behind a serial.
///
/// # Errors
/// If there is no such list, or the database fails.
pub async fn since(
    mut session: Session<'_>,
    list: ListId,
    serial: u32,
) -> Result<Since, DatabaseError> {
    let row: Option<(Option<i64>,)> = on!(session.again(), |c| {
        sqlx::query_as(ANEW).bind(list.0).bind(i64::from(serial)).fetch_optional(c).await?
    });
    let (anew,) = row.ok_or(DatabaseError::Missing("list"))?;
    if anew.is_some() {
        return Ok(Since::Anew);
    }
    let rows: Vec<(i64, Vec<u8>)> = on!(session, |c| {
        sqlx::query_as(SINCE).bind(list.0).bind(i64::from(serial)).fetch_all(c).await?
    });
    let keys = rows.into_iter().map(|(serial, key)| {
        let serial =
            u32::try_from(serial).map_err(|_| DatabaseError::Content("the serial of a change"))?;
        Ok((serial, Key::from_bytes(&key)?))
    });
    Ok(Since::Keys(keys.collect::<Result<_, DatabaseError>>()?))
}

/// Which keys changed behind a serial and up to another one, in their order, at most so many; those of very large changes
/// are not named.
///
/// # Errors
/// If the database fails.
pub async fn keys_between(
    session: Session<'_>,
    list: ListId,
    (after, last): (u32, u32),
    limit: u32,
) -> Result<Vec<Key>, DatabaseError> {
    let rows: Vec<(Vec<u8>,)> = on!(session, |c| {
        sqlx::query_as(KEYS_BETWEEN)
            .bind(list.0)
            .bind(i64::from(after))
            .bind(i64::from(last))
            .bind(i64::from(limit))
            .fetch_all(c)
            .await?
    });
    let keys = rows.iter().map(|(key,)| Key::from_bytes(key));
    Ok(keys.collect::<Result<_, _>>()?)
}

/// How many keys changed behind a serial, counted up to a limit; one that changed twice counts twice.
///
/// # Errors
/// If the database fails.
pub async fn count_since(
    session: Session<'_>,
    list: ListId,
    serial: u32,
    limit: u32,
) -> Result<u32, DatabaseError> {
    let (count,): (i64,) = on!(session, |c| {
        sqlx::query_as(COUNT_SINCE)
            .bind(list.0)
            .bind(i64::from(serial))
            .bind(i64::from(limit))
            .fetch_one(c)
            .await?
    });
    Ok(u32::try_from(count).unwrap_or(u32::MAX).min(limit))
}

/// How many keys the largest of the changes behind a serial changed.
///
/// # Errors
/// If the database fails.
pub async fn largest_since(
    session: Session<'_>,
    list: ListId,
    serial: u32,
) -> Result<u64, DatabaseError> {
    let (count,): (i64,) = on!(session, |c| {
        sqlx::query_as(LARGEST_SINCE).bind(list.0).bind(i64::from(serial)).fetch_one(c).await?
    });
    Ok(u64::try_from(count).unwrap_or(0))
}

/// Forgets which keys changed up to a serial: whoever is still before it reads the list anew.
///
/// # Errors
/// If the database fails.
pub async fn forget(
    mut session: Session<'_>,
    list: ListId,
    serial: u32,
) -> Result<(), DatabaseError> {
    let serial = i64::from(serial);
    let gone = on!(session.again(), |c| {
        sqlx::query(FORGET).bind(list.0).bind(serial).execute(c).await?.rows_affected()
    });
    if gone > 0 {
        on!(session.again(), |c| {
            sqlx::query(BEGIN_AT).bind(list.0).bind(serial).execute(c).await?;
        });
        on!(session, |c| {
            sqlx::query(FORGET_LARGE).bind(list.0).bind(serial).execute(c).await?;
        });
    }
    Ok(())
}

/// So many keys of one change are named. A million entries are read in the time in which some ten thousand are asked
/// for one by one.
pub const MOST_NAMED: usize = 10_000;

/// Rows in a statement.
const ROWS: usize = 5_000;

statements! {
    /// The next serial.
    NEXT = "UPDATE lists SET serial = CASE WHEN serial = 4294967295 THEN 1 ELSE serial + 1 END
        WHERE id = $1 RETURNING serial";
    /// Another serial.
    GO_TO = "UPDATE lists SET serial = $2 WHERE id = $1";
    /// What changed.
    SINCE = "SELECT MAX(serial), key FROM changes WHERE list = $1 AND serial > $2
        GROUP BY key ORDER BY MAX(serial), key";
    /// Which keys changed.
    KEYS_BETWEEN = "SELECT DISTINCT key FROM changes WHERE list = $1 AND serial > $2 AND serial <= $3
        ORDER BY key LIMIT $4";
    /// How much changed at once.
    LARGEST_SINCE = "SELECT COALESCE(MAX(keys), 0) FROM
        (SELECT COUNT(*) AS keys FROM changes WHERE list = $1 AND serial > $2 GROUP BY serial
        UNION ALL SELECT keys FROM large_changes WHERE list = $1 AND serial > $2) AS each_change";
    /// How much changed.
    COUNT_SINCE = "SELECT CAST(
        (SELECT COUNT(*) FROM
            (SELECT 1 AS one FROM changes WHERE list = $1 AND serial > $2 LIMIT $3) AS changed)
        + (SELECT COALESCE(SUM(keys), 0) FROM large_changes WHERE list = $1 AND serial > $2) AS BIGINT)";
    /// Notes a change without its keys.
    NOTE_ANEW = "INSERT INTO large_changes (list, serial, keys) VALUES ($1, $2, $3)";
    /// Forgets keys.
    FORGET = "DELETE FROM changes WHERE list = $1 AND serial <= $2";
    /// Notes that they are forgotten.
    BEGIN_AT = "INSERT INTO large_changes (list, serial, keys) VALUES ($1, $2, 0)
        ON CONFLICT (list, serial) DO NOTHING";
    /// Forgets what was before that.
    FORGET_LARGE = "DELETE FROM large_changes WHERE list = $1 AND serial < $2";
    /// Whether there was one.
    ANEW = "SELECT (SELECT MAX(serial) FROM large_changes WHERE list = $1 AND serial > $2)
        FROM lists WHERE id = $1";
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lists;
    use crate::testing::on_each;

    #[tokio::test]
    async fn what_changed_is_known_by_serial() {
        on_each(async |database| {
            let mut transaction = database.begin().await.expect("a transaction");
            let list = lists::tests::add(&mut transaction.session(), "bl.example").await;
            let key = |text: &str| Key::Network(text.parse().expect("a network"));
            for keys in [vec![key("10.0.0.1"), key("10.0.0.2")], vec![key("10.0.0.1")]] {
                let serial = next_serial(transaction.session(), list).await.expect("a serial");
                note(transaction.session(), list, serial, &keys).await.expect("it is noted");
            }
            let all = since(transaction.session(), list, 1).await.expect("they are read");
            assert_eq!(all, Since::Keys(vec![(2, key("10.0.0.2")), (3, key("10.0.0.1"))]));
            let last = since(transaction.session(), list, 2).await.expect("they are read");
            assert_eq!(last, Since::Keys(vec![(3, key("10.0.0.1"))]));
            for (serial, limit, count) in [(1, 9, 3), (2, 9, 1), (1, 2, 2), (3, 9, 0)] {
                let found = count_since(transaction.session(), list, serial, limit).await;
                assert_eq!(found.expect("they are counted"), count, "{serial} {limit}");
            }
            for (serial, keys) in [(1, 2), (2, 1), (3, 0)] {
                let found = largest_since(transaction.session(), list, serial).await;
                assert_eq!(found.expect("they are counted"), keys, "{serial}");
            }
            let serial = next_serial(transaction.session(), list).await.expect("a serial");
            let many: Vec<Key> = (0..=MOST_NAMED as u32)
                .map(|i| key(&std::net::Ipv4Addr::from(i).to_string()))
                .collect();
            note(transaction.session(), list, serial, &many).await.expect("it is noted");
            let (before, at) = (
                since(transaction.session(), list, 3).await.expect("they are read"),
                since(transaction.session(), list, 4).await.expect("they are read"),
            );
            assert_eq!((before, at), (Since::Anew, Since::Keys(Vec::new())));
            let largest = largest_since(transaction.session(), list, 2).await;
            assert_eq!(largest.expect("they are counted"), many.len() as u64);
            let count = count_since(transaction.session(), list, 2, 9).await;
            assert_eq!(count.expect("they are counted"), 9);
            forget(transaction.session(), list, 2).await.expect("it is forgotten");
            let (before, at) = (
                since(transaction.session(), list, 1).await.expect("they are read"),
                since(transaction.session(), list, 2).await.expect("they are read"),
            );
            assert_eq!((before, at), (Since::Anew, Since::Anew), "the last one names no keys");
            let largest = largest_since(transaction.session(), list, 1).await;
            assert_eq!(largest.expect("they are counted"), many.len() as u64);
            forget(transaction.session(), list, 3).await.expect("it is forgotten");
            let missing = next_serial(transaction.session(), ListId(99)).await;
            assert!(matches!(missing, Err(DatabaseError::Missing("list"))));
        })
        .await;
    }

    #[tokio::test]
    async fn serials_are_given_one_after_the_other() {
        on_each(async |database| {
            let mut transaction = database.begin().await.expect("a transaction");
            let list = lists::tests::add(&mut transaction.session(), "bl.example").await;
            transaction.commit().await.expect("it is committed");
            let change = |database: crate::Database| async move {
                let mut transaction = database.begin().await.expect("a transaction");
                let serial = next_serial(transaction.session(), list).await.expect("a serial");
                tokio::task::yield_now().await;
                transaction.commit().await.expect("it is committed");
                serial
            };
            let tasks: Vec<_> = (0..20).map(|_| tokio::spawn(change(database.clone()))).collect();
            let mut serials = Vec::new();
            for task in tasks {
                serials.push(task.await.expect("it ends"));
            }
            serials.sort_unstable();
            assert_eq!(serials, (2..=21).collect::<Vec<u32>>());
        })
        .await;
    }
}

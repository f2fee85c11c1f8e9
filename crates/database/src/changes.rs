//! Serials: each change of a list has the next one, and what it changed can be asked for by it.
//!
//! A change of very many keys names none of them: whoever follows the list reads all of it anew, which is quicker than
//! to ask for each, and an import does not write every key twice.

use crate::database::DatabaseError;
use crate::key::Key;
use crate::lists::ListId;
use crate::session::{Session, on};
use crate::statement::statements;

/// Gives a list its next serial (RFC 1982: behind the last one comes 1). Whoever else changes the list waits until
/// this transaction is over, so that serials are given in the order in which changes become visible.
///
/// # Errors
/// If there is no such list, or the database fails.
pub async fn next_serial(session: Session<'_>, list: ListId) -> Result<u32, DatabaseError> {
    let row: Option<(i64,)> =
        on!(session, |c| sqlx::query_as(NEXT).bind(list.0).fetch_optional(c).await?);
    let (serial,) = row.ok_or(DatabaseError::Missing("list"))?;
    u32::try_from(serial).map_err(|_| DatabaseError::Content("the serial of a list"))
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
        return note_anew(session, list, serial).await;
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

/// Notes that a serial changed more than is named: from it on the list is to be read anew.
///
/// # Errors
/// If the database fails.
pub async fn note_anew(
    session: Session<'_>,
    list: ListId,
    serial: u32,
) -> Result<(), DatabaseError> {
    on!(session, |c| {
        sqlx::query(NOTE_ANEW).bind(list.0).bind(i64::from(serial)).execute(c).await?;
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
    let row: Option<(i64,)> =
        on!(session.again(), |c| sqlx::query_as(ANEW).bind(list.0).fetch_optional(c).await?);
    let (anew,) = row.ok_or(DatabaseError::Missing("list"))?;
    if i64::from(serial) < anew {
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

/// So many keys of one change are named. A million entries are read in the time in which some ten thousand are asked
/// for one by one.
pub const MOST_NAMED: usize = 10_000;
/// Rows in a statement.
const ROWS: usize = 5_000;

statements! {
    /// The next serial.
    NEXT = "UPDATE lists SET serial = CASE WHEN serial = 4294967295 THEN 1 ELSE serial + 1 END
        WHERE id = $1 RETURNING serial";
    /// The last change that names no keys.
    ANEW = "SELECT anew FROM lists WHERE id = $1";
    /// A change that names none.
    NOTE_ANEW = "UPDATE lists SET anew = $2 WHERE id = $1";
    /// What changed.
    SINCE = "SELECT MAX(serial), key FROM changes WHERE list = $1 AND serial > $2
        GROUP BY key ORDER BY MAX(serial), key";
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

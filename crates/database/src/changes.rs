//! Serials: each change of a list has the next one, and what it changed can be asked for by it.

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

/// Notes that a serial changed these keys.
///
/// # Errors
/// If the database fails.
pub async fn note(
    mut session: Session<'_>,
    list: ListId,
    serial: u32,
    keys: &[Key],
) -> Result<(), DatabaseError> {
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

/// The keys that changed behind a serial, with the serial that changed each last, in the order of serials.
///
/// # Errors
/// If the database fails.
pub async fn since(
    session: Session<'_>,
    list: ListId,
    serial: u32,
) -> Result<Vec<(u32, Key)>, DatabaseError> {
    let rows: Vec<(i64, Vec<u8>)> = on!(session, |c| {
        sqlx::query_as(SINCE).bind(list.0).bind(i64::from(serial)).fetch_all(c).await?
    });
    rows.into_iter()
        .map(|(serial, key)| {
            let serial = u32::try_from(serial)
                .map_err(|_| DatabaseError::Content("the serial of a change"))?;
            Ok((serial, Key::from_bytes(&key)?))
        })
        .collect()
}

/// Rows in a statement.
const ROWS: usize = 5_000;

statements! {
    /// The next serial.
    NEXT = "UPDATE lists SET serial = CASE WHEN serial = 4294967295 THEN 1 ELSE serial + 1 END
        WHERE id = $1 RETURNING serial";
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
            assert_eq!(all, [(2, key("10.0.0.2")), (3, key("10.0.0.1"))]);
            let last = since(transaction.session(), list, 2).await.expect("they are read");
            assert_eq!(last, [(3, key("10.0.0.1"))]);
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

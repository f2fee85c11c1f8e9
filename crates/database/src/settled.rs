//! Until when evidence about a key is settled on a list: what was seen until then counts there no more.
//!
//! It is written down when somebody gets off a list. It belongs to a key, and so to all that lies within it.

use sqlx::QueryBuilder;

use crate::database::DatabaseError;
use crate::key::Key;
use crate::lists::ListId;
use crate::session::{Session, on};
use crate::statement::statements;
use crate::time::Timestamp;

/// Settles all that was seen within a key until a moment; an earlier moment changes nothing.
///
/// # Errors
/// If the database fails.
pub async fn settle(
    session: Session<'_>,
    list: ListId,
    key: &Key,
    until: Timestamp,
) -> Result<(), DatabaseError> {
    let key = key.to_bytes();
    on!(session, |c| {
        sqlx::query(SETTLE).bind(list.0).bind(key).bind(until.0).execute(c).await?;
    });
    Ok(())
}

/// What is settled within a key, or around it: `over` are the keys that cover it, as [`Key::over`] names them.
///
/// # Errors
/// If the database fails.
pub async fn around(
    mut session: Session<'_>,
    list: ListId,
    key: &Key,
    over: &[Key],
) -> Result<Vec<(Key, Timestamp)>, DatabaseError> {
    let (first, last) = key.within().into_inner();
    let mut rows: Vec<(Vec<u8>, i64)> = on!(session.again(), |c| {
        sqlx::query_as(WITHIN).bind(list.0).bind(first).bind(last).fetch_all(c).await?
    });
    let within = key.within();
    let over: Vec<Vec<u8>> = over.iter().map(Key::to_bytes).collect();
    let over: Vec<Vec<u8>> = over.into_iter().filter(|key| !within.contains(key)).collect();
    if !over.is_empty() {
        let above: Vec<(Vec<u8>, i64)> = on!(session, |c| {
            let mut query = QueryBuilder::new(OVER);
            query.push_values(&over, |mut row, key| {
                row.push_bind(key.clone());
            });
            query.push(OVER_JOIN).push_bind(list.0).push(OVER_END);
            query.build_query_as().fetch_all(c).await?
        });
        rows.extend(above);
    }
    rows.into_iter().map(|(key, until)| Ok((Key::from_bytes(&key)?, Timestamp(until)))).collect()
}

/// Forgets what settles nothing any more, as all evidence before that moment is forgotten.
///
/// # Errors
/// If the database fails.
pub async fn forget(session: Session<'_>, before: Timestamp) -> Result<u64, DatabaseError> {
    Ok(on!(session, |c| sqlx::query(FORGET).bind(before.0).execute(c).await?.rows_affected()))
}

/// Before the keys that cover one.
const OVER: &str = "WITH wanted (key) AS (";
/// Behind them; a join in this order, as in `entries`.
const OVER_JOIN: &str =
    ") SELECT s.key, s.settled FROM wanted CROSS JOIN evidence_settled s WHERE s.list = ";
/// Behind the list.
const OVER_END: &str = " AND s.key = wanted.key";

statements! {
    /// Settles.
    SETTLE = "INSERT INTO evidence_settled (list, key, settled) VALUES ($1, $2, $3)
        ON CONFLICT (list, key) DO UPDATE SET settled = CASE
        WHEN excluded.settled > evidence_settled.settled THEN excluded.settled ELSE evidence_settled.settled END";
    /// What is settled in a range of keys.
    WITHIN = "SELECT key, settled FROM evidence_settled WHERE list = $1 AND key >= $2 AND key <= $3";
    /// Forgets.
    FORGET = "DELETE FROM evidence_settled WHERE settled < $1";
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lists;
    use crate::testing::on_each;

    #[tokio::test]
    async fn what_is_settled_holds_for_all_within_and_until_the_latest_moment() {
        on_each(async |database| {
            let mut transaction = database.begin().await.expect("a transaction");
            let list = lists::tests::add(&mut transaction.session(), "bl.example").await;
            for (key, until) in [
                ("9.0.0.0/24", 30),
                ("9.0.0.0/24", 20),
                ("9.0.0.7", 40),
                ("9.0.1.7", 50),
                (".bad.example", 60),
            ] {
                let key = key.parse().expect("a key");
                let done = settle(transaction.session(), list, &key, Timestamp(until)).await;
                done.expect("it is settled");
            }
            let mut at = async |key: &str, target: &str| {
                let (key, over) =
                    (key.parse().expect("a key"), Key::over(&target.parse().expect("a target")));
                let found = around(transaction.session(), list, &key, &over).await;
                let found = found.expect("it is read").into_iter();
                let mut found: Vec<_> = found.map(|(k, t)| (k.to_string(), t.0)).collect();
                found.sort();
                found
            };
            let all = |all: &[(&str, i64)]| -> Vec<(String, i64)> {
                all.iter().map(|(key, until)| ((*key).to_owned(), *until)).collect()
            };
            let whole = all(&[("9.0.0.0/24", 30), ("9.0.0.7", 40)]);
            assert_eq!(at("9.0.0.7", "9.0.0.7").await, whole);
            assert_eq!(at("9.0.0.8", "9.0.0.8").await, whole[..1]);
            assert_eq!(at("9.0.0.0/24", "9.0.0.0").await, whole);
            assert_eq!(at("9.1.0.0/24", "9.1.0.0").await, []);
            assert_eq!(at(".a.bad.example", "a.bad.example").await, all(&[(".bad.example", 60)]));
            for (before, gone) in [(30, 0), (31, 1)] {
                let count = forget(transaction.session(), Timestamp(before)).await;
                assert_eq!(count.expect("it is forgotten"), gone);
            }
        })
        .await;
    }
}

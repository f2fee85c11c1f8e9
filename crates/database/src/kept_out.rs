//! Keys that imports do not list, because it was decided so: until when, by whom and why.
//!
//! No entries: DNS knows nothing of them. An entry without a code says that something is never listed, whatever is
//! around it; this says only that a file which still has the key does not bring it back.

use std::collections::BTreeSet;

use sqlx::QueryBuilder;

use crate::database::DatabaseError;
use crate::key::Key;
use crate::lists::ListId;
use crate::session::{Session, on};
use crate::statement::statements;
use crate::time::Timestamp;

/// A key that imports do not list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptOut {
    /// What.
    pub key: Key,
    /// Since when.
    pub since: Timestamp,
    /// Until when; none for ever.
    pub until: Option<Timestamp>,
    /// By whom: a pseudonym of the audit log.
    pub actor: String,
    /// Why.
    pub reason: String,
}

/// Keeps a key off a list, in place of what was said of it before.
///
/// # Errors
/// If the database fails.
pub async fn put(session: Session<'_>, list: ListId, new: &KeptOut) -> Result<(), DatabaseError> {
    on!(session, |c| {
        sqlx::query(PUT)
            .bind(list.0)
            .bind(new.key.to_bytes())
            .bind(new.since.0)
            .bind(new.until.map(|time| time.0))
            .bind(&new.actor)
            .bind(&new.reason)
            .execute(c)
            .await?;
    });
    Ok(())
}

/// Keeps a key off no more; whether it was.
///
/// # Errors
/// If the database fails.
pub async fn remove(session: Session<'_>, list: ListId, key: &Key) -> Result<bool, DatabaseError> {
    let key = key.to_bytes();
    let rows = on!(session, |c| {
        sqlx::query(REMOVE).bind(list.0).bind(key).execute(c).await?.rows_affected()
    });
    Ok(rows > 0)
}

/// What is said of a key at a moment.
///
/// # Errors
/// If the database fails.
pub async fn at(
    session: Session<'_>,
    list: ListId,
    key: &Key,
    now: Timestamp,
) -> Result<Option<KeptOut>, DatabaseError> {
    let key = key.to_bytes();
    let row: Option<Row> = on!(session, |c| {
        sqlx::query_as(AT).bind(list.0).bind(key).bind(now.0).fetch_optional(c).await?
    });
    row.map(kept_out).transpose()
}

/// What is said of some keys at a moment, in the order of the keys.
///
/// # Errors
/// If the database fails.
pub async fn among(
    session: Session<'_>,
    list: ListId,
    keys: &[Key],
    now: Timestamp,
) -> Result<Vec<KeptOut>, DatabaseError> {
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    let rows: Vec<Row> = on!(session, |c| {
        let mut query = QueryBuilder::new(AMONG);
        query.push_bind(list.0).push(" AND (until IS NULL OR until > ").push_bind(now.0);
        query.push(") AND key IN (");
        let mut some = query.separated(", ");
        for key in keys {
            some.push_bind(key.to_bytes());
        }
        query.push(") ORDER BY key");
        query.build_query_as().fetch_all(c).await?
    });
    rows.into_iter().map(kept_out).collect()
}

/// What is kept off a list at a moment, in the order of the keys, from behind one on, at most so many.
///
/// # Errors
/// If the database fails.
pub async fn page(
    session: Session<'_>,
    list: ListId,
    after: Option<&Key>,
    now: Timestamp,
    limit: u32,
) -> Result<Vec<KeptOut>, DatabaseError> {
    // No key is empty, so this is before all of them.
    let after = after.map(Key::to_bytes).unwrap_or_default();
    let rows: Vec<Row> = on!(session, |c| {
        let query = sqlx::query_as(PAGE).bind(list.0).bind(after).bind(now.0);
        query.bind(i64::from(limit)).fetch_all(c).await?
    });
    rows.into_iter().map(kept_out).collect()
}

/// How many keys are kept off a list at a moment.
///
/// # Errors
/// If the database fails.
pub async fn count(
    session: Session<'_>,
    list: ListId,
    now: Timestamp,
) -> Result<u64, DatabaseError> {
    let (count,): (i64,) =
        on!(session, |c| { sqlx::query_as(COUNT).bind(list.0).bind(now.0).fetch_one(c).await? });
    Ok(u64::try_from(count).unwrap_or(0))
}

/// The bytes of all keys that are kept off a list at a moment.
///
/// # Errors
/// If the database fails.
pub async fn keys(
    session: Session<'_>,
    list: ListId,
    now: Timestamp,
) -> Result<BTreeSet<Vec<u8>>, DatabaseError> {
    let rows: Vec<(Vec<u8>,)> =
        on!(session, |c| sqlx::query_as(KEYS).bind(list.0).bind(now.0).fetch_all(c).await?);
    Ok(rows.into_iter().map(|(key,)| key).collect())
}

/// Forgets what is over; how many.
///
/// # Errors
/// If the database fails.
pub async fn expire(session: Session<'_>, now: Timestamp) -> Result<u64, DatabaseError> {
    Ok(on!(session, |c| sqlx::query(EXPIRE).bind(now.0).execute(c).await?.rows_affected()))
}

/// For how many days a list keeps off what was taken off it; 0 for not at all.
///
/// # Errors
/// If the database fails.
pub async fn days(session: Session<'_>, list: ListId) -> Result<u32, DatabaseError> {
    let row: Option<(i64,)> =
        on!(session, |c| sqlx::query_as(DAYS).bind(list.0).fetch_optional(c).await?);
    let (days,) = row.ok_or(DatabaseError::Missing("list"))?;
    u32::try_from(days).map_err(|_| DatabaseError::Content("the days of a list"))
}

/// Says so.
///
/// # Errors
/// If the database fails.
pub async fn set_days(session: Session<'_>, list: ListId, days: u32) -> Result<(), DatabaseError> {
    on!(session, |c| {
        sqlx::query(SET_DAYS).bind(list.0).bind(i64::from(days)).execute(c).await?.rows_affected()
    });
    Ok(())
}

/// A row.
type Row = (Vec<u8>, i64, Option<i64>, String, String);

/// Reads a row.
fn kept_out((key, since, until, actor, reason): Row) -> Result<KeptOut, DatabaseError> {
    let key = Key::from_bytes(&key)?;
    Ok(KeptOut { key, since: Timestamp(since), until: until.map(Timestamp), actor, reason })
}

/// What is said of some keys, before what names them.
const AMONG: &str = "SELECT key, since, until, actor, reason FROM kept_out WHERE list = ";

statements! {
    /// Keeps a key off.
    PUT = "INSERT INTO kept_out (list, key, since, until, actor, reason) VALUES ($1, $2, $3, $4, $5, $6)
        ON CONFLICT (list, key) DO UPDATE SET since = excluded.since, until = excluded.until,
        actor = excluded.actor, reason = excluded.reason";
    /// Lets it back.
    REMOVE = "DELETE FROM kept_out WHERE list = $1 AND key = $2";
    /// What is said of a key.
    AT = "SELECT key, since, until, actor, reason FROM kept_out
        WHERE list = $1 AND key = $2 AND (until IS NULL OR until > $3)";
    /// Some, in order.
    PAGE = "SELECT key, since, until, actor, reason FROM kept_out
        WHERE list = $1 AND key > $2 AND (until IS NULL OR until > $3) ORDER BY key LIMIT $4";
    /// How many.
    COUNT = "SELECT COUNT(*) FROM kept_out WHERE list = $1 AND (until IS NULL OR until > $2)";
    /// All keys.
    KEYS = "SELECT key FROM kept_out WHERE list = $1 AND (until IS NULL OR until > $2)";
    /// Forgets what is over.
    EXPIRE = "DELETE FROM kept_out WHERE until <= $1";
    /// For how long.
    DAYS = "SELECT keep_out FROM lists WHERE id = $1";
    /// Says so.
    SET_DAYS = "UPDATE lists SET keep_out = $2 WHERE id = $1";
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::on_each;
    use crate::{audit, lists};

    #[tokio::test]
    async fn keys_are_kept_off_a_list_until_their_end() {
        on_each(async |database| {
            let mut transaction = database.begin().await.expect("a transaction");
            let t = &mut transaction;
            let list = lists::tests::add(&mut t.session(), "bl.example").await;
            let other = lists::tests::add(&mut t.session(), "other.example").await;
            assert_eq!(days(t.session(), list).await.expect("a number"), 30);
            set_days(t.session(), list, 7).await.expect("it is said");
            let both = [days(t.session(), list).await, days(t.session(), other).await];
            assert_eq!(both.map(|days| days.expect("a number")), [7, 30]);
            let actor = audit::actor(t.session(), 5).await.expect("a pseudonym");
            let kept = |key: &str, until: Option<i64>| KeptOut {
                key: key.parse().expect("a key"),
                since: Timestamp(1),
                until: until.map(Timestamp),
                actor: actor.clone(),
                reason: "removal 7".to_owned(),
            };
            let all = [
                kept("192.0.2.1", Some(10)),
                kept("192.0.2.2", None),
                kept(".x.example", Some(20)),
            ];
            put(t.session(), list, &kept("192.0.2.2", Some(2))).await.expect("it is written");
            for one in &all {
                put(t.session(), list, one).await.expect("it is written");
            }
            for (now, expected) in [(9, &all[..]), (10, &all[1..]), (20, &all[1..2])] {
                let now = Timestamp(now);
                let found = page(t.session(), list, None, now, 9).await.expect("they are read");
                assert_eq!(found, expected);
                let counted = count(t.session(), list, now).await.expect("a number");
                assert_eq!(counted, expected.len() as u64);
                let keys = keys(t.session(), list, now).await.expect("they are read");
                assert!(expected.iter().all(|one| keys.contains(&one.key.to_bytes())));
                let first = at(t.session(), list, &all[0].key, now).await.expect("it is read");
                assert_eq!(first.as_ref(), expected.iter().find(|one| **one == all[0]));
            }
            let keys = all.each_ref().map(|one| one.key.clone());
            for (keys, now, expected) in
                [(&keys[..], 9, &all[..]), (&keys[..1], 10, &[]), (&[], 9, &[])]
            {
                let found = among(t.session(), list, keys, Timestamp(now)).await;
                assert_eq!(found.expect("they are read"), expected);
            }
            let rest = page(t.session(), list, Some(&all[0].key), Timestamp(9), 1).await;
            assert_eq!(rest.expect("they are read"), &all[1..2]);
            assert_eq!(count(t.session(), other, Timestamp(0)).await.expect("a number"), 0);
            assert_eq!(expire(t.session(), Timestamp(10)).await.expect("a number"), 1);
            for was in [true, false] {
                let gone = remove(t.session(), list, &all[1].key).await.expect("an answer");
                assert_eq!(gone, was);
            }
        })
        .await;
    }
}

//! Keys that imports do not list, because it was decided so: until when, by whom and why. Some only not with one code, as
//! that was taken off while the key stayed on the list with another one.
//!
//! No entries: DNS knows nothing of them. An entry without a code says that something is never listed, whatever is
//! around it; this says only that a file which still has the key does not bring it back.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use repute_dnsxl::ReturnCode;
use sqlx::QueryBuilder;

use crate::bulk::Place;
use crate::database::DatabaseError;
use crate::key::{Key, NoKey};
use crate::lists::ListId;
use crate::session::{Session, on};
use crate::statement::statements;
use crate::time::Timestamp;

/// A key that imports do not list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptOut {
    /// What.
    pub key: Key,
    /// With which code; none if with no code at all.
    pub code: Option<ReturnCode>,
    /// Since when.
    pub since: Timestamp,
    /// Until when; none for ever.
    pub until: Option<Timestamp>,
    /// By whom: a pseudonym of the audit log.
    pub actor: String,
    /// Why.
    pub reason: String,
}

/// What is kept off, as people write it: `192.0.2.1`, or with its code alone `192.0.2.1 127.0.0.2`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spot {
    /// The key.
    pub key: Key,
    /// The code; none for all of them.
    pub code: Option<ReturnCode>,
}

impl fmt::Display for Spot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.code {
            None => self.key.fmt(f),
            Some(code) => write!(f, "{} {code}", self.key),
        }
    }
}

impl FromStr for Spot {
    type Err = NoKey;

    fn from_str(text: &str) -> Result<Spot, NoKey> {
        let text = text.trim();
        let Some((key, code)) = text.split_once(' ') else {
            return Ok(Spot { key: text.parse()?, code: None });
        };
        let code = code.trim().parse().map_err(|_| NoKey(text.to_owned()))?;
        Ok(Spot { key: key.parse()?, code: Some(code) })
    }
}

impl KeptOut {
    /// What it is that is kept off.
    pub fn spot(&self) -> Spot {
        Spot { key: self.key.clone(), code: self.code }
    }
}

/// Keeps a key off a list, in place of what was said of it before.
///
/// # Errors
/// If the database fails.
pub async fn put(session: Session<'_>, list: ListId, new: &KeptOut) -> Result<(), DatabaseError> {
    let Some(code) = new.code else {
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
        return Ok(());
    };
    on!(session, |c| {
        sqlx::query(PUT_CODE)
            .bind(list.0)
            .bind(new.key.to_bytes())
            .bind(code.to_string())
            .bind(new.since.0)
            .bind(new.until.map(|time| time.0))
            .bind(&new.actor)
            .bind(&new.reason)
            .execute(c)
            .await?;
    });
    Ok(())
}

/// Keeps a key off no more, or with a code alone not any more with that one; whether it was.
///
/// # Errors
/// If the database fails.
pub async fn remove(
    session: Session<'_>,
    list: ListId,
    key: &Key,
    code: Option<ReturnCode>,
) -> Result<bool, DatabaseError> {
    let key = key.to_bytes();
    let rows = match code {
        None => on!(session, |c| {
            sqlx::query(REMOVE).bind(list.0).bind(key).execute(c).await?.rows_affected()
        }),
        Some(code) => on!(session, |c| {
            let query = sqlx::query(REMOVE_CODE).bind(list.0).bind(key).bind(code.to_string());
            query.execute(c).await?.rows_affected()
        }),
    };
    Ok(rows > 0)
}

/// All that is said of a key and of its codes at a moment.
///
/// # Errors
/// If the database fails.
pub async fn all_at(
    session: Session<'_>,
    list: ListId,
    key: &Key,
    now: Timestamp,
) -> Result<Vec<KeptOut>, DatabaseError> {
    among(session, list, std::slice::from_ref(key), now).await
}

/// Whether a key is kept off with a code alone at a moment.
///
/// # Errors
/// If the database fails.
pub async fn is_code(
    session: Session<'_>,
    list: ListId,
    key: &Key,
    code: ReturnCode,
    now: Timestamp,
) -> Result<bool, DatabaseError> {
    let key = key.to_bytes();
    let row: Option<(i64,)> = on!(session, |c| {
        let query = sqlx::query_as(IS_CODE).bind(list.0).bind(key).bind(code.to_string());
        query.bind(now.0).fetch_optional(c).await?
    });
    Ok(row.is_some())
}

/// What is said of a key with whatever code at a moment.
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

/// What is said of some keys and of their codes at a moment, in the order of the keys.
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
        let mut query = QueryBuilder::new("");
        for part in [AMONG, AMONG_CODES] {
            query.push(part).push_bind(list.0);
            query.push(" AND (until IS NULL OR until > ").push_bind(now.0).push(") AND key IN (");
            let mut some = query.separated(", ");
            for key in keys {
                some.push_bind(key.to_bytes());
            }
            query.push(")");
        }
        query.push(" ORDER BY key, code");
        query.build_query_as().fetch_all(c).await?
    });
    rows.into_iter().map(kept_out).collect()
}

/// What is kept off a list at a moment, in the order of the keys and codes, from behind one on, at most so many.
///
/// # Errors
/// If the database fails.
pub async fn page(
    session: Session<'_>,
    list: ListId,
    after: Option<&Spot>,
    now: Timestamp,
    limit: u32,
) -> Result<Vec<KeptOut>, DatabaseError> {
    // No key is empty, so this is before all of them.
    let key = after.map(|after| after.key.to_bytes()).unwrap_or_default();
    let code = after.and_then(|after| after.code).map(|code| code.to_string()).unwrap_or_default();
    let rows: Vec<Row> = on!(session, |c| {
        let query = sqlx::query_as(PAGE).bind(list.0).bind(key).bind(code).bind(now.0);
        query.bind(i64::from(limit)).fetch_all(c).await?
    });
    rows.into_iter().map(kept_out).collect()
}

/// How much is kept off a list at a moment.
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

/// All keys that are kept off a list with one code alone at a moment, each with that.
///
/// # Errors
/// If the database fails.
pub async fn places(
    session: Session<'_>,
    list: ListId,
    now: Timestamp,
) -> Result<BTreeSet<Place>, DatabaseError> {
    let rows: Vec<(Vec<u8>, String)> =
        on!(session, |c| sqlx::query_as(PLACES).bind(list.0).bind(now.0).fetch_all(c).await?);
    let place =
        |(key, code): (Vec<u8>, String)| Ok(Place::new(&Key::from_bytes(&key)?, code_of(&code)?));
    rows.into_iter().map(place).collect()
}

/// Forgets what is over; how many.
///
/// # Errors
/// If the database fails.
pub async fn expire(mut session: Session<'_>, now: Timestamp) -> Result<u64, DatabaseError> {
    let mut gone = 0;
    for statement in [EXPIRE, EXPIRE_CODES] {
        gone += on!(session.again(), |c| {
            sqlx::query(statement).bind(now.0).execute(c).await?.rows_affected()
        });
    }
    Ok(gone)
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
type Row = (Vec<u8>, String, i64, Option<i64>, String, String);

/// Reads a row.
fn kept_out((key, code, since, until, actor, reason): Row) -> Result<KeptOut, DatabaseError> {
    let (key, code) = (Key::from_bytes(&key)?, code_of(&code)?);
    Ok(KeptOut { key, code, since: Timestamp(since), until: until.map(Timestamp), actor, reason })
}

/// Reads a code; none is stored as an empty text.
fn code_of(text: &str) -> Result<Option<ReturnCode>, DatabaseError> {
    match text {
        "" => Ok(None),
        text => text
            .parse()
            .map(Some)
            .map_err(|_| DatabaseError::Content("the code of what is kept off a list")),
    }
}

/// What is said of some keys, before what names them.
const AMONG: &str =
    "SELECT key, '' AS code, since, until, actor, reason FROM kept_out WHERE list = ";
/// And of their codes.
const AMONG_CODES: &str =
    " UNION ALL SELECT key, code, since, until, actor, reason FROM kept_out_codes WHERE list = ";

statements! {
    /// Keeps a key off.
    PUT = "INSERT INTO kept_out (list, key, since, until, actor, reason) VALUES ($1, $2, $3, $4, $5, $6)
        ON CONFLICT (list, key) DO UPDATE SET since = excluded.since, until = excluded.until,
        actor = excluded.actor, reason = excluded.reason";
    /// Keeps it off with a code.
    PUT_CODE = "INSERT INTO kept_out_codes (list, key, code, since, until, actor, reason)
        VALUES ($1, $2, $3, $4, $5, $6, $7)
        ON CONFLICT (list, key, code) DO UPDATE SET since = excluded.since, until = excluded.until,
        actor = excluded.actor, reason = excluded.reason";
    /// Lets it back with that.
    REMOVE_CODE = "DELETE FROM kept_out_codes WHERE list = $1 AND key = $2 AND code = $3";
    /// Whether it is kept off with a code.
    IS_CODE = "SELECT list FROM kept_out_codes
        WHERE list = $1 AND key = $2 AND code = $3 AND (until IS NULL OR until > $4)";
    /// All keys with their codes.
    PLACES = "SELECT key, code FROM kept_out_codes WHERE list = $1 AND (until IS NULL OR until > $2)";
    /// Forgets what is over of those.
    EXPIRE_CODES = "DELETE FROM kept_out_codes WHERE until <= $1";
    /// Lets it back.
    REMOVE = "DELETE FROM kept_out WHERE list = $1 AND key = $2";
    /// What is said of a key.
    AT = "SELECT key, '' AS code, since, until, actor, reason FROM kept_out
        WHERE list = $1 AND key = $2 AND (until IS NULL OR until > $3)";
    /// Some, in order.
    PAGE = "SELECT key, '' AS code, since, until, actor, reason FROM kept_out
        WHERE list = $1 AND key > $2 AND (until IS NULL OR until > $4)
        UNION ALL SELECT key, code, since, until, actor, reason FROM kept_out_codes
        WHERE list = $1 AND (key > $2 OR (key = $2 AND code > $3)) AND (until IS NULL OR until > $4)
        ORDER BY key, code LIMIT $5";
    /// How many.
    COUNT = "SELECT (SELECT COUNT(*) FROM kept_out WHERE list = $1 AND (until IS NULL OR until > $2))
        + (SELECT COUNT(*) FROM kept_out_codes WHERE list = $1 AND (until IS NULL OR until > $2))";
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
                code: None,
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
            let after = all[0].spot();
            let rest = page(t.session(), list, Some(&after), Timestamp(9), 1).await;
            assert_eq!(rest.expect("they are read"), &all[1..2]);
            assert_eq!(count(t.session(), other, Timestamp(0)).await.expect("a number"), 0);
            assert_eq!(expire(t.session(), Timestamp(10)).await.expect("a number"), 1);
            for was in [true, false] {
                let gone = remove(t.session(), list, &all[1].key, None).await.expect("an answer");
                assert_eq!(gone, was);
            }
        })
        .await;
    }

    #[tokio::test]
    async fn a_key_is_kept_off_with_one_code_alone() {
        on_each(async |database| {
            let mut transaction = database.begin().await.expect("a transaction");
            let t = &mut transaction;
            let list = lists::tests::add(&mut t.session(), "bl.example").await;
            let actor = audit::actor(t.session(), 5).await.expect("a pseudonym");
            let kept = |spot: &str, until: i64| {
                let Spot { key, code } = spot.parse().expect("a spot");
                let (since, until) = (Timestamp(1), Some(Timestamp(until)));
                KeptOut { key, code, since, until, actor: actor.clone(), reason: String::new() }
            };
            let all = [
                kept("192.0.2.1 127.0.5.2", 10),
                kept("192.0.2.1 127.0.5.3", 20),
                kept("192.0.2.2", 20),
                kept("192.0.2.2 127.0.5.3", 20),
            ];
            put(t.session(), list, &kept("192.0.2.1 127.0.5.3", 2)).await.expect("it is written");
            for one in &all {
                put(t.session(), list, one).await.expect("it is written");
            }
            assert_eq!(count(t.session(), list, Timestamp(9)).await.expect("a number"), 4);
            // Of a page that ends within a key the next one begins there.
            let (mut after, mut found) = (None, Vec::new());
            loop {
                let some = page(t.session(), list, after.as_ref(), Timestamp(9), 1).await;
                let some = some.expect("they are read");
                let Some(last) = some.last() else { break };
                after = Some(last.spot().to_string().parse().expect("a spot"));
                found.extend(some);
            }
            assert_eq!(found, all);
            let (one, two) = (&all[0].key, &all[2].key);
            let at_one = all_at(t.session(), list, one, Timestamp(10)).await;
            assert_eq!(at_one.expect("it is read"), &all[1..2]);
            assert_eq!(
                all_at(t.session(), list, two, Timestamp(9)).await.expect("read"),
                &all[2..]
            );
            assert_eq!(at(t.session(), list, one, Timestamp(9)).await.expect("it is read"), None);
            let (code, other) = (all[1].code.expect("a code"), all[0].code.expect("a code"));
            for (key, code, now, is_kept) in [
                (one, code, 19, true),
                (one, code, 20, false),
                (one, other, 9, true),
                (one, other, 10, false),
                (two, other, 9, false),
            ] {
                let found = is_code(t.session(), list, key, code, Timestamp(now)).await;
                assert_eq!(found.expect("an answer"), is_kept, "{key} {code} {now}");
            }
            let keys = keys(t.session(), list, Timestamp(9)).await.expect("they are read");
            assert_eq!(keys, [two.to_bytes()].into());
            let places = places(t.session(), list, Timestamp(10)).await.expect("they are read");
            let expect = [Place::new(one, Some(code)), Place::new(two, Some(code))];
            assert_eq!(places, expect.into());
            assert_eq!(expire(t.session(), Timestamp(10)).await.expect("a number"), 1);
            for was in [true, false] {
                let gone = remove(t.session(), list, two, Some(code)).await;
                assert_eq!(gone.expect("an answer"), was);
            }
            let left = all_at(t.session(), list, two, Timestamp(9)).await.expect("it is read");
            assert_eq!(left, &all[2..3], "what is kept off whole stays so");
            for wrong in ["192.0.2.1 x", "192.0.2.1/33", "192.0.2.1 127.0.0.2 2"] {
                wrong.parse::<Spot>().expect_err("no spot");
            }
        })
        .await;
    }
}

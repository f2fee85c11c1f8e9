//! Evidence: what was seen of an address or a name, by which source, when and how often.
//!
//! It belongs to no list: rules read it for each. A trap is kept as a digest with a key that is not in the database.
//! Whoever adds, takes away or looks through evidence holds [`lock`], so that no key is forgotten between the two.

pub(crate) mod sources;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashSet};

use sqlx::QueryBuilder;

use crate::database::DatabaseError;
use crate::key::Key;
use crate::session::{Session, on};
use crate::statement::statements;
use crate::time::Timestamp;
use crate::turn::{self, Turn};

use sources::{grow, shrink};

pub use sources::{
    EvidenceSourceId, Kind, Source, add_source, last_of, names, set_closed, source, sources,
};

/// Something that was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observation {
    /// Who saw it.
    pub source: EvidenceSourceId,
    /// What it was, in a word.
    pub class: String,
    /// Of which address or name.
    pub key: Key,
    /// When.
    pub seen: Timestamp,
    /// When we were told.
    pub received: Timestamp,
    /// How often.
    pub count: u32,
    /// A keyed digest of the trap that was hit.
    pub trap: Option<Vec<u8>>,
    /// A few words about it, with no person in them.
    pub detail: String,
}

/// A key whose evidence changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// The key.
    pub key: Key,
    /// Whether evidence was taken away.
    pub is_lost: bool,
}

/// A place in all evidence: what [`page`] goes on behind.
pub type Place = (Vec<u8>, i64, i64);

/// Keys of which a source saw something, in their order from behind one on, at most so many.
///
/// # Errors
/// If the database fails.
pub async fn keys_of(
    session: Session<'_>,
    id: EvidenceSourceId,
    after: Option<&Key>,
    limit: u32,
) -> Result<Vec<Key>, DatabaseError> {
    // No key is empty, so this is before all of them.
    let after = after.map_or_else(Vec::new, Key::to_bytes);
    let rows: Vec<(Vec<u8>,)> = on!(session, |c| {
        sqlx::query_as(KEYS_OF).bind(id.0).bind(after).bind(i64::from(limit)).fetch_all(c).await?
    });
    rows.into_iter().map(|(key,)| Ok(Key::from_bytes(&key)?)).collect()
}

/// Has whoever else adds or looks through evidence wait until this transaction is over. Whoever wants lists, too, takes
/// them before: evidence comes in while somebody has a list for long.
///
/// # Errors
/// [`DatabaseError::Busy`] if too many wait for theirs; if the database fails.
pub async fn lock(session: Session<'_>) -> Result<(), DatabaseError> {
    turn::take(session, Turn::Evidence).await
}

/// By which an observation is known when it is told again.
pub type Identity = [u8; 16];

/// Adds observations that are not known yet: the identities of those that were new, whose keys wait for rules to look.
///
/// # Errors
/// If the database fails.
pub async fn add(
    mut session: Session<'_>,
    observations: &[(Identity, Observation)],
) -> Result<HashSet<Identity>, DatabaseError> {
    let mut new = HashSet::new();
    for part in observations.chunks(ROWS) {
        let rows: Vec<(Vec<u8>,)> = on!(session.again(), |c| {
            let mut query = QueryBuilder::new(ADD);
            query.push_values(part, |mut row, (identity, seen)| {
                row.push_bind(seen.source.0)
                    .push_bind(seen.class.clone())
                    .push_bind(seen.key.to_bytes())
                    .push_bind(seen.seen.0)
                    .push_bind(seen.received.0)
                    .push_bind(i64::from(seen.count))
                    .push_bind(seen.trap.clone())
                    .push_bind(seen.detail.clone())
                    .push_bind(identity.to_vec());
            });
            query.push(" ON CONFLICT DO NOTHING RETURNING identity");
            query.build_query_as().fetch_all(c).await?
        });
        new.extend(rows.into_iter().filter_map(|(one,)| Identity::try_from(one).ok()));
    }
    let mut counted = HashSet::new();
    // Of several with one identity the first is there.
    let added = observations.iter().filter(|(one, _)| new.contains(one) && counted.insert(*one));
    let added: Vec<&Observation> = added.map(|(_, seen)| seen).collect();
    let mut sources: BTreeMap<EvidenceSourceId, (u64, Timestamp, Timestamp)> = BTreeMap::new();
    for seen in &added {
        let known = sources.entry(seen.source).or_insert((0, seen.received, seen.seen));
        *known = (known.0 + 1, known.1.max(seen.received), known.2.max(seen.seen));
    }
    for (source, (count, received, last)) in sources {
        grow(session.again(), source, count, received, last).await?;
    }
    wait(session, added.into_iter().map(|seen| seen.key.to_bytes()).collect(), false).await?;
    Ok(new)
}

/// Has keys wait for rules to look, with or without evidence taken away.
async fn wait(
    mut session: Session<'_>,
    mut keys: Vec<Vec<u8>>,
    is_lost: bool,
) -> Result<(), DatabaseError> {
    keys.sort_unstable();
    keys.dedup();
    for part in keys.chunks(ROWS) {
        on!(session.again(), |c| {
            let mut query = QueryBuilder::new("INSERT INTO evidence_waiting (key, lost) ");
            query.push_values(part, |mut row, key| {
                row.push_bind(key.clone()).push_bind(i64::from(is_lost));
            });
            query.push(match is_lost {
                true => " ON CONFLICT (key) DO UPDATE SET lost = 1",
                false => " ON CONFLICT (key) DO NOTHING",
            });
            query.build().execute(c).await?;
        });
    }
    Ok(())
}

/// Has all keys wait of which something was seen since then: for a rule that is new.
///
/// # Errors
/// If the database fails.
pub async fn wait_all(session: Session<'_>, since: Timestamp) -> Result<u64, DatabaseError> {
    Ok(on!(session, |c| sqlx::query(WAIT_ALL).bind(since.0).execute(c).await?.rows_affected()))
}

/// Whether keys wait for rules to look.
///
/// # Errors
/// If the database fails.
pub async fn is_waiting(session: Session<'_>) -> Result<bool, DatabaseError> {
    let (count,): (i64,) = on!(session, |c| sqlx::query_as(IS_WAITING).fetch_one(c).await?);
    Ok(count > 0)
}

/// How many keys wait for rules to look.
///
/// # Errors
/// If the database fails.
pub async fn count_waiting(session: Session<'_>) -> Result<u64, DatabaseError> {
    let (count,): (i64,) = on!(session, |c| sqlx::query_as(COUNT_WAITING).fetch_one(c).await?);
    Ok(count.unsigned_abs())
}

/// Takes some keys that wait, in their order, at most so many.
///
/// # Errors
/// If the database fails.
pub async fn take_waiting(session: Session<'_>, limit: u32) -> Result<Vec<Waiting>, DatabaseError> {
    let mut rows: Vec<(Vec<u8>, i64)> = on!(session, |c| {
        sqlx::query_as(TAKE_WAITING).bind(i64::from(limit)).fetch_all(c).await?
    });
    rows.sort_unstable();
    let waiting = |(key, lost): (Vec<u8>, i64)| {
        Ok(Waiting { key: Key::from_bytes(&key)?, is_lost: lost > 0 })
    };
    rows.into_iter().map(waiting).collect()
}

/// What was seen since then of all that lies in a network, or of a name itself, in the order of time; of very much the
/// latest so many.
///
/// # Errors
/// If the database fails.
pub async fn of_key(
    session: Session<'_>,
    key: &Key,
    since: Timestamp,
    limit: u32,
) -> Result<Vec<Observation>, DatabaseError> {
    let (first, last) = match key {
        Key::Network(_) => key.within().into_inner(),
        Key::Name(name, _) => {
            let exact = Key::Name(name.clone(), repute_dnsxl::Extent::Exact).to_bytes();
            (exact.clone(), exact)
        }
    };
    let rows: Vec<Row> = on!(session, |c| {
        sqlx::query_as(OF_KEY)
            .bind(first)
            .bind(last)
            .bind(since.0)
            .bind(i64::from(limit))
            .fetch_all(c)
            .await?
    });
    rows.into_iter().rev().map(observation).collect()
}

/// What was seen since then, in the order of keys and times, from behind a place on, at most so many; and the place of
/// the last.
///
/// # Errors
/// If the database fails.
pub async fn page(
    session: Session<'_>,
    since: Timestamp,
    after: Option<&Place>,
    limit: u32,
) -> Result<(Vec<Observation>, Option<Place>), DatabaseError> {
    // No key is empty, so this is before all of them.
    let (key, seen, id) = after.cloned().unwrap_or((Vec::new(), i64::MIN, 0));
    let rows: Vec<Row> = on!(session, |c| {
        sqlx::query_as(PAGE)
            .bind(since.0)
            .bind(key)
            .bind(seen)
            .bind(id)
            .bind(i64::from(limit))
            .fetch_all(c)
            .await?
    });
    let place = rows.last().map(|row| (row.key.clone(), row.seen, row.id));
    Ok((rows.into_iter().map(observation).collect::<Result<_, _>>()?, place))
}

/// Removes all that a source brought; how many observations that were. Their keys wait for rules to look.
///
/// # Errors
/// If the database fails.
pub async fn purge(
    mut session: Session<'_>,
    source: EvidenceSourceId,
) -> Result<u64, DatabaseError> {
    on!(session.again(), |c| sqlx::query(WAIT_LOST)
        .bind(source.0)
        .execute(c)
        .await?
        .rows_affected());
    let gone = on!(session.again(), |c| sqlx::query(PURGE)
        .bind(source.0)
        .execute(c)
        .await?
        .rows_affected());
    shrink(session, source, gone).await?;
    Ok(gone)
}

/// Removes some of what a source brought until an observation, at most so many: how many that were. What was seen of one
/// address goes together, as far as it fits, and its key waits for rules to look.
///
/// # Errors
/// If the database fails.
pub async fn purge_some(
    mut session: Session<'_>,
    source: EvidenceSourceId,
    last: i64,
    limit: u32,
) -> Result<u64, DatabaseError> {
    let keys: Vec<(Vec<u8>,)> = on!(session.again(), |c| {
        sqlx::query_as(PURGE_SOME)
            .bind(source.0)
            .bind(last)
            .bind(i64::from(limit))
            .fetch_all(c)
            .await?
    });
    let gone = keys.len() as u64;
    wait(session.again(), keys.into_iter().map(|(key,)| key).collect(), true).await?;
    shrink(session, source, gone).await?;
    Ok(gone)
}

/// The number of the latest observation; 0 if there is none. Those that come later have a higher one.
///
/// # Errors
/// If the database fails.
pub async fn last(session: Session<'_>) -> Result<i64, DatabaseError> {
    let (last,): (i64,) = on!(session, |c| sqlx::query_as(LAST).fetch_one(c).await?);
    Ok(last)
}

/// Forgets what was seen before then; how many observations that were. Entries stay until their own time is over.
///
/// # Errors
/// If the database fails.
pub async fn forget(mut session: Session<'_>, before: Timestamp) -> Result<u64, DatabaseError> {
    let counts: Vec<(i64, i64)> =
        on!(session.again(), |c| sqlx::query_as(OLD).bind(before.0).fetch_all(c).await?);
    let gone = on!(session.again(), |c| sqlx::query(FORGET)
        .bind(before.0)
        .execute(c)
        .await?
        .rows_affected());
    for (source, count) in counts {
        shrink(session.again(), EvidenceSourceId(source), count.unsigned_abs()).await?;
    }
    Ok(gone)
}

/// A row of observations.
#[derive(sqlx::FromRow)]
struct Row {
    /// Its number.
    id: i64,
    /// Who saw it.
    source: i64,
    /// What it was.
    class: String,
    /// Of what.
    key: Vec<u8>,
    /// When.
    seen: i64,
    /// When we were told.
    received: i64,
    /// How often.
    count: i64,
    /// The trap's digest.
    trap: Option<Vec<u8>>,
    /// A few words.
    detail: String,
}

/// Reads a row.
fn observation(row: Row) -> Result<Observation, DatabaseError> {
    Ok(Observation {
        source: EvidenceSourceId(row.source),
        class: row.class,
        key: Key::from_bytes(&row.key)?,
        seen: Timestamp(row.seen),
        received: Timestamp(row.received),
        count: u32::try_from(row.count)
            .map_err(|_| DatabaseError::Content("the count of an observation"))?,
        trap: row.trap,
        detail: row.detail,
    })
}

/// Rows in a statement: 9 values each, and SQLite takes 32,766.
const ROWS: usize = 1_000;
/// Before the rows of [`add`].
const ADD: &str = "INSERT INTO observations
    (source, class, key, seen, received, count, trap, detail, identity) ";

statements! {
    /// Of what one saw something.
    KEYS_OF = "SELECT DISTINCT key FROM observations WHERE source = $1 AND key > $2 ORDER BY key LIMIT $3";
    /// Has all keys wait.
    WAIT_ALL = "INSERT INTO evidence_waiting (key, lost)
        SELECT DISTINCT key, 0 FROM observations WHERE seen >= $1 ON CONFLICT (key) DO NOTHING";
    /// Has the keys of a source wait, as some that lose evidence.
    WAIT_LOST = "INSERT INTO evidence_waiting (key, lost)
        SELECT DISTINCT key, 1 FROM observations WHERE source = $1 ON CONFLICT (key) DO UPDATE SET lost = 1";
    /// Whether some wait.
    IS_WAITING = "SELECT COUNT(*) FROM (SELECT key FROM evidence_waiting LIMIT 1) AS waiting";
    /// How many wait.
    COUNT_WAITING = "SELECT COUNT(*) FROM evidence_waiting";
    /// Takes keys that wait.
    TAKE_WAITING = "DELETE FROM evidence_waiting WHERE key IN
        (SELECT key FROM evidence_waiting ORDER BY key LIMIT $1) RETURNING key, lost";
    /// What was seen in a range of keys, the latest first.
    OF_KEY = "SELECT id, source, class, key, seen, received, count, trap, detail FROM observations
        WHERE key >= $1 AND key <= $2 AND seen >= $3 ORDER BY seen DESC, id DESC LIMIT $4";
    /// What was seen, in order.
    PAGE = "SELECT id, source, class, key, seen, received, count, trap, detail FROM observations
        WHERE seen >= $1 AND (key, seen, id) > ($2, $3, $4) ORDER BY key, seen, id LIMIT $5";
    /// Removes what a source brought.
    PURGE = "DELETE FROM observations WHERE source = $1";
    /// Removes some of it.
    PURGE_SOME = "DELETE FROM observations WHERE id IN (SELECT id FROM observations
        WHERE source = $1 AND id <= $2 ORDER BY key LIMIT $3) RETURNING key";
    /// The latest.
    LAST = "SELECT COALESCE(MAX(id), 0) FROM observations";
    /// How much each source has that is old.
    OLD = "SELECT source, COUNT(*) FROM observations WHERE seen < $1 GROUP BY source";
    /// Removes what is old.
    FORGET = "DELETE FROM observations WHERE seen < $1";
}

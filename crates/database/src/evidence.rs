//! Evidence: what was seen of an address or a name, by which source, when and how often.
//!
//! It belongs to no list: rules read it for each. A trap is kept as a digest with a key that is not in the database.
//! Whoever adds, takes away or looks through evidence holds [`lock`], so that no key is forgotten between the two.

use sqlx::QueryBuilder;

use crate::database::DatabaseError;
use crate::key::Key;
use crate::session::{Session, on};
use crate::statement::statements;
use crate::time::Timestamp;

/// Names a source of evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EvidenceSourceId(pub i64);

/// What a source brings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Mail to addresses that nobody uses.
    Trap,
    /// Reports of recipients.
    AbuseReport,
    /// Whatever else somebody saw.
    Observation,
}

impl Kind {
    /// All of them.
    pub const ALL: [Kind; 3] = [Kind::Trap, Kind::AbuseReport, Kind::Observation];

    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Kind::Trap => "trap",
            Kind::AbuseReport => "abuse-report",
            Kind::Observation => "observation",
        }
    }
}

/// A source of evidence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// Its number.
    pub id: EvidenceSourceId,
    /// Its name.
    pub name: String,
    /// What it brings.
    pub kind: Kind,
    /// Since when there is one.
    pub created: Timestamp,
    /// Since when nothing more is taken from it.
    pub closed: Option<Timestamp>,
}

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

/// Adds a source.
///
/// # Errors
/// If there is one of this name, or the database fails.
pub async fn add_source(
    session: Session<'_>,
    name: &str,
    kind: Kind,
    now: Timestamp,
) -> Result<EvidenceSourceId, DatabaseError> {
    let (id,): (i64,) = on!(session, |c| {
        sqlx::query_as(ADD_SOURCE).bind(name).bind(kind.word()).bind(now.0).fetch_one(c).await?
    });
    Ok(EvidenceSourceId(id))
}

/// The source of this name, if there is one.
///
/// # Errors
/// If the database fails.
pub async fn source(session: Session<'_>, name: &str) -> Result<Option<Source>, DatabaseError> {
    let row: Option<SourceRow> =
        on!(session, |c| sqlx::query_as(SOURCE).bind(name).fetch_optional(c).await?);
    row.map(read_source).transpose()
}

/// All sources by their names, with how many observations of each there are.
///
/// # Errors
/// If the database fails.
pub async fn sources(mut session: Session<'_>) -> Result<Vec<(Source, u64)>, DatabaseError> {
    let rows: Vec<SourceRow> =
        on!(session.again(), |c| sqlx::query_as(SOURCES).fetch_all(c).await?);
    let mut sources = Vec::with_capacity(rows.len());
    for row in rows {
        let source = read_source(row)?;
        let id = source.id.0;
        let (count,): (i64,) =
            on!(session.again(), |c| sqlx::query_as(COUNT).bind(id).fetch_one(c).await?);
        sources.push((source, count.unsigned_abs()));
    }
    Ok(sources)
}

/// When a source was last heard of: what it told last, and what it saw last.
///
/// # Errors
/// If the database fails.
pub async fn last_of(
    session: Session<'_>,
    id: EvidenceSourceId,
) -> Result<Option<(Timestamp, Timestamp)>, DatabaseError> {
    let (received, seen): (Option<i64>, Option<i64>) =
        on!(session, |c| sqlx::query_as(LAST_OF).bind(id.0).fetch_one(c).await?);
    Ok(received.zip(seen).map(|(received, seen)| (Timestamp(received), Timestamp(seen))))
}

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

/// The names of all sources by their numbers.
///
/// # Errors
/// If the database fails.
pub async fn names(session: Session<'_>) -> Result<Vec<(EvidenceSourceId, String)>, DatabaseError> {
    let rows: Vec<(i64, String)> = on!(session, |c| sqlx::query_as(NAMES).fetch_all(c).await?);
    Ok(rows.into_iter().map(|(id, name)| (EvidenceSourceId(id), name)).collect())
}

/// Closes a source, or opens it again.
///
/// # Errors
/// If the database fails.
pub async fn set_closed(
    session: Session<'_>,
    id: EvidenceSourceId,
    closed: Option<Timestamp>,
) -> Result<(), DatabaseError> {
    let closed = closed.map(|time| time.0);
    on!(session, |c| {
        sqlx::query(SET_CLOSED).bind(id.0).bind(closed).execute(c).await?;
    });
    Ok(())
}

/// Has whoever else adds or looks through evidence wait until this transaction is over.
///
/// # Errors
/// If the database fails.
pub async fn lock(session: Session<'_>) -> Result<(), DatabaseError> {
    on!(session, |c| {
        sqlx::query(LOCK).execute(c).await?;
    });
    Ok(())
}

/// Adds observations; their keys wait for rules to look.
///
/// # Errors
/// If the database fails.
pub async fn add(
    mut session: Session<'_>,
    observations: &[Observation],
) -> Result<(), DatabaseError> {
    for part in observations.chunks(ROWS) {
        on!(session.again(), |c| {
            let mut query = QueryBuilder::new(ADD);
            query.push_values(part, |mut row, seen| {
                row.push_bind(seen.source.0)
                    .push_bind(seen.class.clone())
                    .push_bind(seen.key.to_bytes())
                    .push_bind(seen.seen.0)
                    .push_bind(seen.received.0)
                    .push_bind(i64::from(seen.count))
                    .push_bind(seen.trap.clone())
                    .push_bind(seen.detail.clone());
            });
            query.build().execute(c).await?;
        });
    }
    let mut keys: Vec<Vec<u8>> = observations.iter().map(|seen| seen.key.to_bytes()).collect();
    keys.sort_unstable();
    keys.dedup();
    for part in keys.chunks(ROWS) {
        on!(session.again(), |c| {
            let mut query = QueryBuilder::new("INSERT INTO evidence_waiting (key, lost) ");
            query.push_values(part, |mut row, key| {
                row.push_bind(key.clone()).push_bind(0_i64);
            });
            query.push(" ON CONFLICT (key) DO NOTHING");
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
    Ok(on!(session, |c| sqlx::query(PURGE).bind(source.0).execute(c).await?.rows_affected()))
}

/// Forgets what was seen before then; how many observations that were. Entries stay until their own time is over.
///
/// # Errors
/// If the database fails.
pub async fn forget(session: Session<'_>, before: Timestamp) -> Result<u64, DatabaseError> {
    Ok(on!(session, |c| sqlx::query(FORGET).bind(before.0).execute(c).await?.rows_affected()))
}

/// A row of sources.
type SourceRow = (i64, String, String, i64, Option<i64>);

/// Reads a row.
fn read_source((id, name, kind, created, closed): SourceRow) -> Result<Source, DatabaseError> {
    let kind = Kind::ALL.into_iter().find(|one| one.word() == kind);
    Ok(Source {
        id: EvidenceSourceId(id),
        name,
        kind: kind.ok_or(DatabaseError::Content("the kind of a source"))?,
        created: Timestamp(created),
        closed: closed.map(Timestamp),
    })
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

/// Rows in a statement: 8 values each, and SQLite takes 32,766.
const ROWS: usize = 1_000;
/// Before the rows of [`add`].
const ADD: &str = "INSERT INTO observations
    (source, class, key, seen, received, count, trap, detail) ";

statements! {
    /// Adds a source.
    ADD_SOURCE = "INSERT INTO evidence_sources (name, kind, created) VALUES ($1, $2, $3) RETURNING id";
    /// One source.
    SOURCE = "SELECT id, name, kind, created, closed FROM evidence_sources WHERE name = $1";
    /// All of them.
    SOURCES = "SELECT id, name, kind, created, closed FROM evidence_sources ORDER BY name";
    /// What they are called.
    NAMES = "SELECT id, name FROM evidence_sources ORDER BY id";
    /// How much there is of one.
    COUNT = "SELECT COUNT(*) FROM observations WHERE source = $1";
    /// When it was last heard of.
    LAST_OF = "SELECT MAX(received), MAX(seen) FROM observations WHERE source = $1";
    /// Of what one saw something.
    KEYS_OF = "SELECT DISTINCT key FROM observations WHERE source = $1 AND key > $2 ORDER BY key LIMIT $3";
    /// Closes a source, or opens it.
    SET_CLOSED = "UPDATE evidence_sources SET closed = $2 WHERE id = $1";
    /// Has others wait.
    LOCK = "INSERT INTO evidence_turn (one, turns) VALUES (1, 1)
        ON CONFLICT (one) DO UPDATE SET turns = evidence_turn.turns + 1";
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
    /// Removes what is old.
    FORGET = "DELETE FROM observations WHERE seen < $1";
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::on_each;

    /// Something seen of an address.
    fn seen(source: EvidenceSourceId, number: u32, time: i64) -> Observation {
        let address = std::net::Ipv4Addr::from(0x0900_0000 + number).to_string();
        Observation {
            source,
            class: "spam".to_owned(),
            key: address.parse().expect("a key"),
            seen: Timestamp(time),
            received: Timestamp(time + 5),
            count: 2,
            trap: Some(vec![7; 16]),
            detail: "HELO x".to_owned(),
        }
    }

    #[tokio::test]
    async fn ten_thousand_observations_are_taken_paged_purged_and_forgotten() {
        on_each(async |database| {
            let mut transaction = database.begin().await.expect("a transaction");
            let now = Timestamp(1);
            let (mut ids, names) = (Vec::new(), ["traps", "users"]);
            for (name, kind) in names.into_iter().zip([Kind::Trap, Kind::AbuseReport]) {
                let id = add_source(transaction.session(), name, kind, now).await;
                ids.push(id.expect("it is added"));
            }
            let many: Vec<Observation> =
                (0..10_000).map(|i| seen(ids[0], i, 100 + i64::from(i))).collect();
            lock(transaction.session()).await.expect("it is locked");
            add(transaction.session(), &many).await.expect("they are added");
            let twice = seen(ids[1], 3, 50);
            add(transaction.session(), std::slice::from_ref(&twice)).await.expect("it is added");
            let counts = sources(transaction.session()).await.expect("they are read");
            let counts: Vec<(&str, u64)> = counts.iter().map(|(s, n)| (&*s.name, *n)).collect();
            assert_eq!(counts, [("traps", 10_000), ("users", 1)]);
            // All of a key in the order of time, and all of a network.
            let one = of_key(transaction.session(), &twice.key, Timestamp(0), 9).await;
            assert_eq!(one.expect("they are read"), [twice.clone(), many[3].clone()]);
            let network = "9.0.0.0/24".parse().expect("a key");
            let some = of_key(transaction.session(), &network, Timestamp(0), 999).await;
            assert_eq!(some.expect("they are read").len(), 257);
            let late = of_key(transaction.session(), &network, Timestamp(100 + 250), 999).await;
            assert_eq!(late.expect("they are read").len(), 6);
            // Pages give each once.
            let (mut place, mut paged) = (None, Vec::new());
            loop {
                let next = page(transaction.session(), Timestamp(60), place.as_ref(), 3_000).await;
                let (some, last) = next.expect("a page");
                if some.is_empty() {
                    break;
                }
                paged.extend(some);
                place = last;
            }
            assert_eq!(paged, many);
            // Each key waits once.
            let waiting = take_waiting(transaction.session(), 4_000).await.expect("keys");
            assert_eq!((waiting.len(), waiting[3].is_lost), (4_000, false));
            let purged = purge(transaction.session(), ids[0]).await.expect("it is purged");
            assert_eq!(purged, 10_000);
            let waiting = take_waiting(transaction.session(), 20_000).await.expect("keys");
            assert!(waiting.len() == 10_000 && waiting.iter().all(|key| key.is_lost));
            let left = of_key(transaction.session(), &network, Timestamp(0), 999).await;
            assert_eq!(left.expect("they are read"), std::slice::from_ref(&twice));
            assert_eq!(wait_all(transaction.session(), Timestamp(50)).await.expect("keys"), 1);
            for (before, count) in [(50, 0), (51, 1)] {
                let gone = forget(transaction.session(), Timestamp(before)).await;
                assert_eq!(gone.expect("they are forgotten"), count);
            }
        })
        .await;
    }

    #[tokio::test]
    async fn a_source_is_closed_and_opened_and_its_name_is_its_own() {
        on_each(async |database| {
            let mut transaction = database.begin().await.expect("a transaction");
            let session = &mut transaction;
            let id = add_source(session.session(), "traps", Kind::Trap, Timestamp(3)).await;
            let id = id.expect("it is added");
            for closed in [Some(Timestamp(9)), None] {
                set_closed(session.session(), id, closed).await.expect("it is set");
                let found = source(session.session(), "traps").await.expect("it is read");
                let expect = Source {
                    id,
                    name: "traps".to_owned(),
                    kind: Kind::Trap,
                    created: Timestamp(3),
                    closed,
                };
                assert_eq!(found, Some(expect));
            }
            assert_eq!(source(session.session(), "x").await.expect("it is read"), None);
            let again = add_source(session.session(), "traps", Kind::Trap, Timestamp(3)).await;
            assert!(again.is_err());
        })
        .await;
    }
}

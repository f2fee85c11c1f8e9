//! Entries: what is listed, and what never is.
//!
//! Reads are exact keys or ranges of the index over list and key, so that they cost the same in a list of any size.

use repute_dnsxl::{ReturnCode, Target};
use sqlx::QueryBuilder;

use crate::database::DatabaseError;
use crate::key::Key;
use crate::lists::{ListId, read_code};
use crate::session::{Session, on};
use crate::statement::statements;
use crate::time::Timestamp;

pub mod find;

/// Where entries come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SourceId(pub i64);

/// Names a criterion of a list's policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CriterionId(pub i64);

/// A criterion as an entry names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Named {
    /// Which.
    pub id: CriterionId,
    /// The version that was in force when the entry came to name it, which may be long after the entry was listed; none
    /// where that was before it was kept: there what it said when the entry was listed counts.
    pub version: Option<i64>,
}

/// Names an organisation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct OrganisationId(pub i64);

/// An entry. A key may have several, with different codes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// What it names.
    pub key: Key,
    /// The code it answers with; none if it is never listed, whatever lists what is around it.
    pub code: Option<ReturnCode>,
    /// What the list says about it in DNS.
    pub text: String,
    /// Why, for people.
    pub reason: String,
    /// Which criterion it meets.
    pub criterion: Option<Named>,
    /// Where it comes from.
    pub source: SourceId,
    /// Who is responsible for it.
    pub organisation: Option<OrganisationId>,
    /// Since when.
    pub since: Timestamp,
    /// Until when.
    pub expires: Option<Timestamp>,
    /// When somebody should look at it again.
    pub review: Option<Timestamp>,
}

/// What a list answers for a key: an entry without what is only for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing {
    /// What it names.
    pub key: Key,
    /// The code it answers with; none if it is never listed.
    pub code: Option<ReturnCode>,
    /// What the list says about it in DNS.
    pub text: String,
}

/// The source of this name, which is made if it is new.
///
/// # Errors
/// If the database fails.
pub async fn source(session: Session<'_>, name: &str) -> Result<SourceId, DatabaseError> {
    let (id,): (i64,) = on!(session, |c| sqlx::query_as(SOURCE).bind(name).fetch_one(c).await?);
    Ok(SourceId(id))
}

/// The source of this name, if there is one.
///
/// # Errors
/// If the database fails.
pub async fn known_source(
    session: Session<'_>,
    name: &str,
) -> Result<Option<SourceId>, DatabaseError> {
    let row: Option<(i64,)> =
        on!(session, |c| sqlx::query_as(KNOWN_SOURCE).bind(name).fetch_optional(c).await?);
    Ok(row.map(|(id,)| SourceId(id)))
}

/// The names of all sources, with their numbers.
///
/// # Errors
/// If the database fails.
pub async fn sources(session: Session<'_>) -> Result<Vec<(SourceId, String)>, DatabaseError> {
    let rows: Vec<(i64, String)> = on!(session, |c| sqlx::query_as(SOURCES).fetch_all(c).await?);
    Ok(rows.into_iter().map(|(id, name)| (SourceId(id), name)).collect())
}

/// Writes entries; one of the same key and code is replaced, but keeps since when it is listed.
///
/// # Errors
/// If the database fails.
pub async fn put(
    mut session: Session<'_>,
    list: ListId,
    entries: &[Entry],
) -> Result<(), DatabaseError> {
    for part in entries.chunks(ROWS) {
        on!(session.again(), |c| {
            let mut query = QueryBuilder::new(PUT);
            query.push_values(part, |mut row, entry| {
                row.push_bind(list.0)
                    .push_bind(entry.key.to_bytes())
                    .push_bind(code_text(entry.code))
                    .push_bind(entry.text.clone())
                    .push_bind(entry.reason.clone())
                    .push_bind(entry.criterion.map(|named| named.id.0))
                    .push_bind(entry.criterion.and_then(|named| named.version))
                    .push_bind(entry.source.0)
                    .push_bind(entry.organisation.map(|id| id.0))
                    .push_bind(entry.since.0)
                    .push_bind(entry.expires.map(|time| time.0))
                    .push_bind(entry.review.map(|time| time.0));
            });
            query.push(PUT_OVER);
            query.build().execute(c).await?;
        });
    }
    Ok(())
}

/// Removes all entries of a key; how many there were.
///
/// # Errors
/// If the database fails.
pub async fn remove(session: Session<'_>, list: ListId, key: &Key) -> Result<u64, DatabaseError> {
    let key = key.to_bytes();
    Ok(on!(session, |c| {
        sqlx::query(REMOVE).bind(list.0).bind(key).execute(c).await?.rows_affected()
    }))
}

/// All entries of a key.
///
/// # Errors
/// If the database fails.
pub async fn at(
    session: Session<'_>,
    list: ListId,
    key: &Key,
) -> Result<Vec<Entry>, DatabaseError> {
    let key = key.to_bytes();
    let rows: Vec<Row> =
        on!(session, |c| sqlx::query_as(AT).bind(list.0).bind(key).fetch_all(c).await?);
    rows.into_iter().map(entry).collect()
}

/// All entries of some keys, in no order.
///
/// # Errors
/// If the database fails.
pub async fn at_each(
    mut session: Session<'_>,
    list: ListId,
    keys: &[Key],
) -> Result<Vec<Entry>, DatabaseError> {
    let mut entries = Vec::new();
    for part in keys.chunks(KEYS) {
        let rows: Vec<Row> = on!(session.again(), |c| {
            let mut query = QueryBuilder::new(OVER);
            query.push_values(part, |mut row, key| {
                row.push_bind(key.to_bytes());
            });
            query.push(OVER_JOIN).push_bind(list.0).push(OVER_END);
            query.build_query_as().fetch_all(c).await?
        });
        for row in rows {
            entries.push(entry(row)?);
        }
    }
    Ok(entries)
}

/// All entries that cover all of a key and are not of it, the most specific first.
///
/// # Errors
/// If the database fails.
pub async fn above(
    session: Session<'_>,
    list: ListId,
    key: &Key,
) -> Result<Vec<Entry>, DatabaseError> {
    let keys = key.above();
    let mut entries = at_each(session, list, &keys).await?;
    entries.sort_by_key(|entry| (keys.iter().position(|key| *key == entry.key), entry.code));
    Ok(entries)
}

/// All entries that cover a target, the most specific first: the first one, and others of its key, decide.
///
/// # Errors
/// If the database fails.
pub async fn over(
    session: Session<'_>,
    list: ListId,
    target: &Target,
) -> Result<Vec<Entry>, DatabaseError> {
    let keys: Vec<Vec<u8>> = Key::over(target).iter().map(Key::to_bytes).collect();
    let rows: Vec<Row> = on!(session, |c| {
        let mut query = QueryBuilder::new(OVER);
        query.push_values(&keys, |mut row, key| {
            row.push_bind(key.clone());
        });
        // A join, and in this order: an `IN` of so many may be read as a scan of the list.
        query.push(OVER_JOIN).push_bind(list.0).push(OVER_END);
        query.build_query_as().fetch_all(c).await?
    });
    let mut entries = rows.into_iter().map(entry).collect::<Result<Vec<_>, _>>()?;
    let place = |entry: &Entry| keys.iter().position(|key| *key == entry.key.to_bytes());
    entries.sort_by_key(|entry| (place(entry), entry.code));
    Ok(entries)
}

/// Entries in the order of their keys, from behind `after` on, about so many: those of one key stay together. With
/// `within` only those inside it.
///
/// # Errors
/// If the database fails.
pub async fn page(
    mut session: Session<'_>,
    list: ListId,
    within: Option<&Key>,
    after: Option<&Key>,
    limit: u32,
) -> Result<Vec<Entry>, DatabaseError> {
    let range = within.map_or_else(|| Vec::new()..=vec![u8::MAX], Key::within);
    let (first, last) = range.into_inner();
    // No key is empty, so this is before all of them.
    let after = after.map(Key::to_bytes).unwrap_or_default();
    let rows: Vec<Row> = on!(session.again(), |c| {
        sqlx::query_as(PAGE)
            .bind(list.0)
            .bind(first)
            .bind(last)
            .bind(after)
            .bind(i64::from(limit))
            .fetch_all(c)
            .await?
    });
    let is_full = rows.len() as u64 >= u64::from(limit);
    let mut entries = rows.into_iter().map(entry).collect::<Result<Vec<_>, _>>()?;
    // The limit may fall between the entries of a key, and the next page begins behind that key.
    if let Some(last) = entries.last().map(|entry| entry.key.clone()).filter(|_| is_full) {
        entries.retain(|entry| entry.key != last);
        entries.extend(at(session, list, &last).await?);
    }
    Ok(entries)
}

/// The entries of an organisation on a list, in the order of their keys, from behind one on, at most so many.
///
/// # Errors
/// If the database fails.
pub async fn of_organisation(
    session: Session<'_>,
    list: ListId,
    organisation: OrganisationId,
    after: Option<&Key>,
    limit: u32,
) -> Result<Vec<Entry>, DatabaseError> {
    // No key is empty, so this is before all of them.
    let after = after.map(Key::to_bytes).unwrap_or_default();
    let rows: Vec<Row> = on!(session, |c| {
        sqlx::query_as(OF_ORGANISATION)
            .bind(organisation.0)
            .bind(list.0)
            .bind(after)
            .bind(i64::from(limit))
            .fetch_all(c)
            .await?
    });
    rows.into_iter().map(entry).collect()
}

/// What a list answers, in the order of keys, from behind a listing on, at most so many.
///
/// # Errors
/// If the database fails.
pub async fn listings(
    session: Session<'_>,
    list: ListId,
    after: Option<&Listing>,
    limit: u32,
) -> Result<Vec<Listing>, DatabaseError> {
    // No key is empty, so this is before all of them.
    let key = after.map(|after| after.key.to_bytes()).unwrap_or_default();
    let code = after.map(|after| code_text(after.code)).unwrap_or_default();
    let rows: Vec<ListingRow> = on!(session, |c| {
        sqlx::query_as(LISTINGS)
            .bind(list.0)
            .bind(key)
            .bind(code)
            .bind(i64::from(limit))
            .fetch_all(c)
            .await?
    });
    rows.into_iter().map(listing).collect()
}

/// What a list answers for some keys; of a key without entries there is nothing.
///
/// # Errors
/// If the database fails.
pub async fn listings_at(
    mut session: Session<'_>,
    list: ListId,
    keys: &[Key],
) -> Result<Vec<Listing>, DatabaseError> {
    let mut listings = Vec::with_capacity(keys.len());
    for part in keys.chunks(KEYS) {
        let rows: Vec<ListingRow> = on!(session.again(), |c| {
            let mut query = QueryBuilder::new(OVER);
            query.push_values(part, |mut row, key| {
                row.push_bind(key.to_bytes());
            });
            query.push(LISTINGS_JOIN).push_bind(list.0).push(OVER_END);
            query.build_query_as().fetch_all(c).await?
        });
        for row in rows {
            listings.push(listing(row)?);
        }
    }
    Ok(listings)
}

/// Removes entries whose time is over, at most so many; these entries.
///
/// # Errors
/// If the database fails.
pub async fn expire(
    session: Session<'_>,
    list: ListId,
    now: Timestamp,
    limit: u32,
) -> Result<Vec<Entry>, DatabaseError> {
    let rows: Vec<Row> = on!(session, |c| {
        sqlx::query_as(EXPIRE).bind(list.0).bind(now.0).bind(i64::from(limit)).fetch_all(c).await?
    });
    rows.into_iter().map(entry).collect()
}

/// Whether there is an entry whose time is over.
///
/// # Errors
/// If the database fails.
pub async fn has_expired(
    session: Session<'_>,
    list: ListId,
    now: Timestamp,
) -> Result<bool, DatabaseError> {
    let row: Option<(i64,)> = on!(session, |c| {
        sqlx::query_as(HAS_EXPIRED).bind(list.0).bind(now.0).fetch_optional(c).await?
    });
    Ok(row.is_some())
}

/// Removes entries of a source, at most so many; the keys they had.
///
/// # Errors
/// If the database fails.
pub async fn purge(
    session: Session<'_>,
    list: ListId,
    source: SourceId,
    limit: u32,
) -> Result<Vec<Key>, DatabaseError> {
    let rows: Vec<(Vec<u8>,)> = on!(session, |c| {
        sqlx::query_as(PURGE)
            .bind(list.0)
            .bind(source.0)
            .bind(i64::from(limit))
            .fetch_all(c)
            .await?
    });
    keys(rows)
}

/// How many entries a list has.
///
/// # Errors
/// If the database fails.
pub async fn count(session: Session<'_>, list: ListId) -> Result<u64, DatabaseError> {
    let (count,): (i64,) =
        on!(session, |c| sqlx::query_as(COUNT).bind(list.0).fetch_one(c).await?);
    Ok(u64::try_from(count).unwrap_or(0))
}

/// How many entries of a source a list has.
///
/// # Errors
/// If the database fails.
pub async fn count_of(
    session: Session<'_>,
    list: ListId,
    source: SourceId,
) -> Result<u64, DatabaseError> {
    let (count,): (i64,) = on!(session, |c| {
        sqlx::query_as(COUNT_OF).bind(list.0).bind(source.0).fetch_one(c).await?
    });
    Ok(count.unsigned_abs())
}

/// A row of entries.
type Row = (
    Vec<u8>,
    String,
    String,
    String,
    Option<i64>,
    Option<i64>,
    i64,
    Option<i64>,
    i64,
    Option<i64>,
    Option<i64>,
);

/// Reads a row.
fn entry(row: Row) -> Result<Entry, DatabaseError> {
    let (key, code, text, reason, criterion, version, source, organisation, since, expires, review) =
        row;
    Ok(Entry {
        key: Key::from_bytes(&key)?,
        code: if code.is_empty() { None } else { Some(read_code(&code)?) },
        text,
        reason,
        criterion: criterion.map(|id| Named { id: CriterionId(id), version }),
        source: SourceId(source),
        organisation: organisation.map(OrganisationId),
        since: Timestamp(since),
        expires: expires.map(Timestamp),
        review: review.map(Timestamp),
    })
}

/// Reads keys, each once.
fn keys(rows: Vec<(Vec<u8>,)>) -> Result<Vec<Key>, DatabaseError> {
    let mut rows: Vec<Vec<u8>> = rows.into_iter().map(|(key,)| key).collect();
    rows.sort();
    rows.dedup();
    Ok(rows.iter().map(|key| Key::from_bytes(key)).collect::<Result<_, _>>()?)
}

/// A code as it is stored.
fn code_text(code: Option<ReturnCode>) -> String {
    code.map_or_else(String::new, |code| code.to_string())
}

/// A row of what a list answers.
type ListingRow = (Vec<u8>, String, String);

/// Reads a row.
fn listing((key, code, text): ListingRow) -> Result<Listing, DatabaseError> {
    let code = if code.is_empty() { None } else { Some(read_code(&code)?) };
    Ok(Listing { key: Key::from_bytes(&key)?, code, text })
}

/// Keys in a statement.
const KEYS: usize = 1_000;
/// Rows in a statement: 12 values each, and SQLite takes 32,766.
const ROWS: usize = 1_000;
/// Before the rows of [`put`].
const PUT: &str = "INSERT INTO entries
    (list, key, code, text, reason, criterion, criterion_version, source, organisation, since, expires, review) ";
/// Behind them.
const PUT_OVER: &str = " ON CONFLICT (list, key, code) DO UPDATE SET text = excluded.text,
    reason = excluded.reason, criterion = excluded.criterion,
    criterion_version = excluded.criterion_version, source = excluded.source,
    organisation = excluded.organisation, expires = excluded.expires, review = excluded.review";
/// Before the keys of [`over`].
const OVER: &str = "WITH wanted (key) AS (";
/// Behind them.
const OVER_JOIN: &str =
    ") SELECT e.key, e.code, e.text, e.reason, e.criterion, e.criterion_version, e.source, e.organisation,
    e.since, e.expires, e.review FROM wanted CROSS JOIN entries e WHERE e.list = ";
/// Behind the keys of [`listings_at`].
const LISTINGS_JOIN: &str =
    ") SELECT e.key, e.code, e.text FROM wanted CROSS JOIN entries e WHERE e.list = ";
/// Behind the list.
const OVER_END: &str = " AND e.key = wanted.key";

statements! {
    /// A source, new or not.
    SOURCE = "INSERT INTO sources (name) VALUES ($1)
        ON CONFLICT (name) DO UPDATE SET name = excluded.name RETURNING id";
    /// A source that is there.
    KNOWN_SOURCE = "SELECT id FROM sources WHERE name = $1";
    /// All sources.
    SOURCES = "SELECT id, name FROM sources ORDER BY id";
    /// Removes a key.
    REMOVE = "DELETE FROM entries WHERE list = $1 AND key = $2";
    /// The entries of a key.
    AT = "SELECT key, code, text, reason, criterion, criterion_version, source, organisation, since, expires, review
        FROM entries WHERE list = $1 AND key = $2 ORDER BY code";
    /// Some entries, in order.
    PAGE = "SELECT key, code, text, reason, criterion, criterion_version, source, organisation, since, expires, review
        FROM entries WHERE list = $1 AND key >= $2 AND key <= $3 AND key > $4 ORDER BY key, code LIMIT $5";
    /// An organisation's, in order.
    OF_ORGANISATION = "SELECT key, code, text, reason, criterion, criterion_version, source, organisation, since, expires, review
        FROM entries WHERE organisation = $1 AND list = $2 AND key > $3 ORDER BY key, code LIMIT $4";
    /// Some of what a list answers, in order.
    LISTINGS = "SELECT key, code, text FROM entries WHERE list = $1 AND (key, code) > ($2, $3)
        ORDER BY key, code LIMIT $4";
    /// What is over.
    EXPIRE = "DELETE FROM entries WHERE id IN
        (SELECT id FROM entries WHERE list = $1 AND expires <= $2 ORDER BY expires, id LIMIT $3)
        RETURNING key, code, text, reason, criterion, criterion_version, source, organisation, since, expires, review";
    /// Whether there is one.
    HAS_EXPIRED = "SELECT id FROM entries WHERE list = $1 AND expires <= $2 LIMIT 1";
    /// Removes what a source brought.
    PURGE = "DELETE FROM entries WHERE id IN
        (SELECT id FROM entries WHERE source = $2 AND list = $1 ORDER BY id LIMIT $3) RETURNING key";
    /// How many there are.
    COUNT = "SELECT COUNT(*) FROM entries WHERE list = $1";
    /// How many of a source there are.
    COUNT_OF = "SELECT COUNT(*) FROM entries WHERE source = $2 AND list = $1";
}

#[cfg(test)]
mod tests {
    use repute_dnsxl::Extent;

    use super::*;
    use crate::lists;
    use crate::testing::on_each;

    /// An entry of a key, given as a network or name, with a code or none.
    fn entry(key: &str, code: &str) -> Entry {
        let key = match key.parse() {
            Ok(network) => Key::Network(network),
            Err(_) => Key::Name(key.parse().expect("a name"), Extent::Both),
        };
        Entry {
            key,
            code: (!code.is_empty()).then(|| code.parse().expect("a code")),
            text: "see https://list.example/".to_owned(),
            reason: "a trap was hit".to_owned(),
            criterion: None,
            source: SourceId(1),
            organisation: None,
            since: Timestamp(1000),
            expires: None,
            review: Some(Timestamp(9000)),
        }
    }

    /// The keys and codes of entries, in words.
    fn words(entries: &[Entry]) -> Vec<String> {
        let word = |entry: &Entry| {
            let key = match &entry.key {
                Key::Network(network) => network.to_string(),
                Key::Name(name, _) => name.to_string(),
            };
            entry.code.map_or_else(|| format!("!{key}"), |code| format!("{key} {code}"))
        };
        entries.iter().map(word).collect()
    }

    #[tokio::test]
    async fn an_organisation_has_its_entries_and_no_others() {
        on_each(async |database| {
            let mut transaction = database.begin().await.expect("a transaction");
            let list = lists::tests::add(&mut transaction.session(), "bl.example").await;
            let other = lists::tests::add(&mut transaction.session(), "other.example").await;
            let now = Timestamp(5);
            let own = crate::organisations::add(transaction.session(), "Own", now).await;
            let own = own.expect("it is added");
            source(transaction.session(), "hand").await.expect("a source");
            let of = |organisation, key: &str| Entry { organisation, ..entry(key, "127.0.0.2") };
            let entries =
                [of(Some(own), "192.0.2.9"), of(Some(own), "192.0.2.0/28"), of(None, "192.0.2.7")];
            put(transaction.session(), list, &entries).await.expect("they are written");
            put(transaction.session(), other, &entries[..1]).await.expect("they are written");
            let mut found = async |after: Option<&Key>, limit| {
                let found = of_organisation(transaction.session(), list, own, after, limit).await;
                words(&found.expect("they are read"))
            };
            assert_eq!(found(None, 10).await, ["192.0.2.0/28 127.0.0.2", "192.0.2.9 127.0.0.2"]);
            assert_eq!(found(None, 1).await, ["192.0.2.0/28 127.0.0.2"]);
            let first = "192.0.2.0/28".parse().expect("a key");
            assert_eq!(found(Some(&first), 10).await, ["192.0.2.9 127.0.0.2"]);
        })
        .await;
    }

    #[tokio::test]
    async fn the_most_specific_entries_of_a_target_come_first() {
        on_each(async |database| {
            let mut transaction = database.begin().await.expect("a transaction");
            let list = lists::tests::add(&mut transaction.session(), "bl.example").await;
            let other = lists::tests::add(&mut transaction.session(), "other.example").await;
            let source = source(transaction.session(), "hand").await.expect("a source");
            assert_eq!(source, SourceId(1));
            let entries = [
                entry("192.0.2.0/24", "127.0.0.2"),
                entry("192.0.2.0/24", "127.0.0.4"),
                entry("192.0.2.7", ""),
                entry("192.0.0.0/16", "127.0.0.3"),
                entry("2001:db8::/32", "127.0.0.2"),
                entry("bad.example", "127.0.1.2"),
            ];
            put(transaction.session(), list, &entries).await.expect("they are written");
            put(transaction.session(), other, &entries[..1]).await.expect("they are written");
            transaction.commit().await.expect("it is committed");
            let mut connection = database.read().await.expect("a connection");
            let mut over_words = async |target: &str| {
                let target = target.parse().expect("a target");
                let found = over(connection.session(), list, &target).await.expect("it is read");
                words(&found)
            };
            let network =
                ["192.0.2.0/24 127.0.0.2", "192.0.2.0/24 127.0.0.4", "192.0.0.0/16 127.0.0.3"];
            assert_eq!(over_words("192.0.2.8").await, network);
            assert_eq!(over_words("192.0.2.7").await[0], "!192.0.2.7");
            assert_eq!(over_words("198.51.100.1").await, [""; 0]);
            assert_eq!(over_words("2001:db8::1").await, ["2001:db8::/32 127.0.0.2"]);
            assert_eq!(over_words("www.bad.example").await, ["bad.example 127.0.1.2"]);
        })
        .await;
    }

    #[tokio::test]
    async fn entries_are_replaced_paged_expired_and_purged() {
        on_each(async |database| {
            let mut transaction = database.begin().await.expect("a transaction");
            let list = lists::tests::add(&mut transaction.session(), "bl.example").await;
            source(transaction.session(), "hand").await.expect("a source");
            let feed = source(transaction.session(), "feed").await.expect("a source");
            let many: Vec<Entry> = (0..2500_u32)
                .map(|i| Entry {
                    source: if i % 2 == 0 { feed } else { SourceId(1) },
                    expires: (i < 10).then_some(Timestamp(5000 + i64::from(i))),
                    ..entry(&std::net::Ipv4Addr::from(0x0a00_0000 + i).to_string(), "127.0.0.2")
                })
                .collect();
            put(transaction.session(), list, &many).await.expect("they are written");
            let again = Entry { since: Timestamp(7), text: "new".into(), ..many[100].clone() };
            put(transaction.session(), list, &[again]).await.expect("it is written");
            assert_eq!(count(transaction.session(), list).await.expect("a number"), 2500);
            let stored = at(transaction.session(), list, &many[100].key).await.expect("it is read");
            assert_eq!((stored[0].since, &*stored[0].text), (Timestamp(1000), "new"));

            let mut seen = Vec::new();
            loop {
                let after = seen.last().map(|entry: &Entry| entry.key.clone());
                let next = page(transaction.session(), list, None, after.as_ref(), 700).await;
                let next = next.expect("a page");
                if next.is_empty() {
                    break;
                }
                seen.extend(next);
            }
            assert_eq!(words(&seen), words(&many), "every one, once, in order");
            let within = Key::Network("10.0.1.0/24".parse().expect("a network"));
            let part = page(transaction.session(), list, Some(&within), None, 1000).await;
            assert_eq!(part.expect("a page").len(), 256);

            let is_there = has_expired(transaction.session(), list, Timestamp(5004)).await;
            assert!(is_there.expect("a look"));
            let some = expire(transaction.session(), list, Timestamp(5004), 3).await.expect("keys");
            assert_eq!(some.len(), 3, "as many as are wanted");
            let rest = expire(transaction.session(), list, Timestamp(5004), 100).await;
            let mut over = [some, rest.expect("keys")].concat();
            over.sort_by_key(|entry| entry.key.to_bytes());
            assert_eq!(over, many[..5]);
            let first = many[..5].iter().map(|entry| entry.key.clone()).collect::<Vec<_>>();
            let is_there = has_expired(transaction.session(), list, Timestamp(5004)).await;
            assert!(!is_there.expect("a look"));
            for key in first {
                let left = at(transaction.session(), list, &key).await.expect("they are read");
                assert_eq!(left, [], "{key}");
            }
            let gone = purge(transaction.session(), list, feed, 10_000).await.expect("keys");
            assert_eq!(gone.len(), 1250 - 3);
            assert_eq!(
                remove(transaction.session(), list, &many[7].key).await.expect("a number"),
                1
            );
            assert_eq!(count(transaction.session(), list).await.expect("a number"), 1247);
        })
        .await;
    }

    #[tokio::test]
    async fn no_page_ends_between_the_entries_of_a_key() {
        on_each(async |database| {
            let mut transaction = database.begin().await.expect("a transaction");
            let list = lists::tests::add(&mut transaction.session(), "bl.example").await;
            source(transaction.session(), "hand").await.expect("a source");
            let entries = [
                entry("192.0.2.1", "127.0.0.2"),
                entry("192.0.2.2", "127.0.0.2"),
                entry("192.0.2.2", "127.0.0.3"),
                entry("192.0.2.3", "127.0.0.2"),
            ];
            put(transaction.session(), list, &entries).await.expect("they are written");
            for limit in 1..5 {
                let mut seen: Vec<Entry> = Vec::new();
                loop {
                    let after = seen.last().map(|entry| entry.key.clone());
                    let next = page(transaction.session(), list, None, after.as_ref(), limit).await;
                    let next = next.expect("a page");
                    if next.is_empty() {
                        break;
                    }
                    seen.extend(next);
                }
                assert_eq!(words(&seen), words(&entries), "{limit}");
            }
        })
        .await;
    }

    #[tokio::test]
    async fn what_a_list_answers_is_read_in_pages_and_by_keys() {
        on_each(async |database| {
            let mut transaction = database.begin().await.expect("a transaction");
            let list = lists::tests::add(&mut transaction.session(), "bl.example").await;
            source(transaction.session(), "hand").await.expect("a source");
            let entries: Vec<Entry> = ["10.0.0.1", "10.0.0.2", "10.0.0.3"]
                .iter()
                .flat_map(|key| ["127.0.0.2", "127.0.0.3"].map(|code| entry(key, code)))
                .chain([entry("10.0.0.4", "")])
                .collect();
            put(transaction.session(), list, &entries).await.expect("they are written");
            let wanted: Vec<Listing> = entries
                .iter()
                .map(|Entry { key, code, text, .. }| Listing {
                    key: key.clone(),
                    code: *code,
                    text: text.clone(),
                })
                .collect();
            let mut seen = Vec::new();
            loop {
                // A page ends within a key, too.
                let next = listings(transaction.session(), list, seen.last(), 3).await;
                let next = next.expect("a page");
                if next.is_empty() {
                    break;
                }
                seen.extend(next);
            }
            assert_eq!(seen, wanted);
            let keys = ["10.0.0.4", "10.0.0.9", "10.0.0.2"].map(|key| key.parse().expect("a key"));
            let mut some =
                listings_at(transaction.session(), list, &keys).await.expect("they are read");
            some.sort_by_key(|listing| (listing.key.to_bytes(), listing.code));
            assert_eq!(some, [&wanted[2..4], &wanted[6..]].concat());
        })
        .await;
    }

    #[tokio::test]
    async fn what_covers_a_target_is_found_by_the_index() {
        let folder = tempfile::tempdir().expect("a folder");
        let place = crate::Place::File(folder.path().join("registry.db"));
        let database = crate::Database::open(&place).await.expect("it opens");
        let mut connection = database.read().await.expect("a connection");
        let Session::Sqlite(c) = connection.session() else { panic!("it is SQLite") };
        let sql = format!("EXPLAIN QUERY PLAN {OVER}VALUES (x'04'), (x'05'){OVER_JOIN}1{OVER_END}");
        let plan: Vec<(i64, i64, i64, String)> =
            sqlx::query_as(sqlx::AssertSqlSafe(sql)).fetch_all(c).await.expect("a plan");
        let steps: Vec<&str> = plan.iter().map(|(.., step)| &**step).collect();
        assert!(steps.iter().any(|step| step.contains("(list=? AND key=?)")), "{steps:?}");
    }
}

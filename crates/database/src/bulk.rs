//! Entries by the hundred thousand: read, written and removed with the fewest statements and values.
//!
//! What an import brings is the same for all its entries but for key, code and text, so that only these are sent for
//! each: to PostgreSQL as three arrays, to SQLite as rows of one statement that stays prepared. Whatever is done here
//! is done in the caller's transaction, and is only a part of a change: serial and audit log are `registry`'s.

use std::collections::BTreeSet;
use std::sync::Arc;

use repute_dnsxl::ReturnCode;
use sqlx::{AssertSqlSafe, Row as _};

use crate::database::DatabaseError;
use crate::entries::{CriterionId, Named, OrganisationId, SourceId};
use crate::key::Key;
use crate::lists::{ListId, read_code};
use crate::session::{Session, on};
use crate::statement::statements;
use crate::time::Timestamp;

/// What makes an entry one of its list: what it names, and the code.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The bytes of its [`Key`].
    key: Box<[u8]>,
    /// The code; none if it is never listed.
    code: Option<ReturnCode>,
}

impl Place {
    /// The place of a key and a code.
    pub fn new(key: &Key, code: Option<ReturnCode>) -> Place {
        Place { key: key.to_bytes().into_boxed_slice(), code }
    }

    /// The key.
    ///
    /// # Errors
    /// If the place was read from a database that holds something else.
    pub fn key(&self) -> Result<Key, DatabaseError> {
        Ok(Key::from_bytes(&self.key)?)
    }

    /// The code; none if it is never listed.
    pub fn code(&self) -> Option<ReturnCode> {
        self.code
    }

    /// Whether its key is one of these, by their bytes.
    pub fn is_of(&self, keys: &BTreeSet<Vec<u8>>) -> bool {
        keys.contains(&*self.key)
    }

    /// Whether both are of the same key.
    pub fn is_same_key(&self, other: &Place) -> bool {
        self.key == other.key
    }

    /// The code as it is stored.
    fn code_text(&self) -> String {
        self.code.map_or_else(String::new, |code| code.to_string())
    }
}

/// An entry to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// What it is.
    pub place: Place,
    /// What the list says about it in DNS; many entries say the same.
    pub text: Arc<str>,
}

/// What is the same for all entries that are written together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Common {
    /// Where they come from.
    pub source: SourceId,
    /// Why, for people.
    pub reason: String,
    /// Since when those are listed that are new.
    pub since: Timestamp,
    /// Until when all of them are.
    pub expires: Option<Timestamp>,
    /// Which criterion of the policy they meet; without it those that are there keep theirs, and with the one that they
    /// have its version.
    pub criterion: Option<Named>,
    /// When somebody looks at them again; without it those that are there keep their day.
    pub review: Option<Timestamp>,
}

/// An entry as it is compared with one to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// Names it to [`remove`].
    pub id: i64,
    /// What it is.
    pub place: Place,
    /// What the list says about it in DNS.
    pub text: String,
    /// Why, for people.
    pub reason: String,
    /// Where it comes from.
    pub source: SourceId,
    /// Until when.
    pub expires: Option<Timestamp>,
    /// Which criterion of the policy it meets.
    pub criterion: Option<CriterionId>,
    /// When somebody looks at it again.
    pub review: Option<Timestamp>,
    /// Who is responsible for it.
    pub organisation: Option<OrganisationId>,
}

/// Entries of a list in the order of their keys, behind those of a place, about so many: those of one key stay
/// together. None are left behind the last.
///
/// # Errors
/// If the database fails.
pub async fn slice(
    mut session: Session<'_>,
    list: ListId,
    after: Option<&Place>,
    limit: u32,
) -> Result<Vec<Held>, DatabaseError> {
    // No key is empty, so this is before all of them.
    let after: &[u8] = after.map_or(&[], |place| &place.key);
    let mut limit = i64::from(limit.max(1));
    loop {
        let mut held: Vec<Held> = on!(session.again(), |c| {
            let query = sqlx::query(SLICE).bind(list.0).bind(after).bind(limit);
            let rows = query.fetch_all(c).await?;
            let held = rows.iter().map(|row| {
                let code: &str = row.try_get(2)?;
                Ok(Held {
                    id: row.try_get(0)?,
                    place: Place {
                        key: row.try_get::<&[u8], _>(1)?.into(),
                        code: if code.is_empty() { None } else { Some(read_code(code)?) },
                    },
                    text: row.try_get(3)?,
                    reason: row.try_get(4)?,
                    source: SourceId(row.try_get(5)?),
                    expires: row.try_get::<Option<i64>, _>(6)?.map(Timestamp),
                    criterion: row.try_get::<Option<i64>, _>(7)?.map(CriterionId),
                    review: row.try_get::<Option<i64>, _>(8)?.map(Timestamp),
                    organisation: row.try_get::<Option<i64>, _>(9)?.map(OrganisationId),
                })
            });
            held.collect::<Result<_, DatabaseError>>()?
        });
        if (held.len() as i64) < limit {
            return Ok(held);
        }
        // The limit may fall between the entries of a key: that key waits for the next time.
        let last = held.last().map(|held| held.place.key.clone()).unwrap_or_default();
        held.retain(|held| held.place.key != last);
        if !held.is_empty() {
            return Ok(held);
        }
        limit *= 2;
    }
}

/// Writes entries, each place once; one that is there is replaced, but keeps since when it is listed, its organisation
/// and, unless others are said, its criterion and its review. Quickest in the order of places.
///
/// # Errors
/// If the database fails.
pub async fn put(
    mut session: Session<'_>,
    list: ListId,
    common: &Common,
    rows: &[Row],
) -> Result<(), DatabaseError> {
    let (expires, review) = (common.expires.map(|time| time.0), common.review.map(|time| time.0));
    let criterion = common.criterion.map(|named| named.id.0);
    let version = common.criterion.and_then(|named| named.version);
    match session.again() {
        Session::Sqlite(_) => {}
        Session::Postgres(c, _) => {
            for part in rows.chunks(POSTGRES_ROWS) {
                let keys: Vec<&[u8]> = part.iter().map(|row| &*row.place.key).collect();
                let codes: Vec<String> = part.iter().map(|row| row.place.code_text()).collect();
                let texts: Vec<&str> = part.iter().map(|row| &*row.text).collect();
                sqlx::query(PUT_ARRAYS)
                    .bind(list.0)
                    .bind(keys)
                    .bind(codes)
                    .bind(texts)
                    .bind(&common.reason)
                    .bind(common.source.0)
                    .bind(common.since.0)
                    .bind(expires)
                    .bind(criterion)
                    .bind(version)
                    .bind(review)
                    .execute(&mut *c)
                    .await?;
            }
            return Ok(());
        }
    }
    let Session::Sqlite(c) = session else { return Ok(()) };
    let whole = put_rows(SQLITE_ROWS);
    for part in rows.chunks(SQLITE_ROWS) {
        let sql = if part.len() == SQLITE_ROWS { whole.clone() } else { put_rows(part.len()) };
        let mut query = sqlx::query(AssertSqlSafe(sql))
            .bind(list.0)
            .bind(&common.reason)
            .bind(common.source.0)
            .bind(common.since.0)
            .bind(expires)
            .bind(criterion)
            .bind(version)
            .bind(review);
        for row in part {
            query = query.bind(&*row.place.key).bind(row.place.code_text()).bind(&*row.text);
        }
        query.execute(&mut *c).await?;
    }
    Ok(())
}

/// Gives entries to organisations, unless they are somebody's already.
///
/// # Errors
/// If the database fails.
pub async fn assign(
    session: Session<'_>,
    list: ListId,
    whose: &[(&Place, OrganisationId)],
) -> Result<(), DatabaseError> {
    match session {
        Session::Postgres(c, _) => {
            for part in whose.chunks(POSTGRES_ROWS) {
                let keys: Vec<&[u8]> = part.iter().map(|(place, _)| &*place.key).collect();
                let codes: Vec<String> = part.iter().map(|(place, _)| place.code_text()).collect();
                let ids: Vec<i64> = part.iter().map(|(_, id)| id.0).collect();
                let query = sqlx::query(ASSIGN_ARRAYS).bind(list.0).bind(keys).bind(codes);
                query.bind(ids).execute(&mut *c).await?;
            }
        }
        Session::Sqlite(c) => {
            for (place, id) in whose {
                let query = sqlx::query(ASSIGN).bind(list.0).bind(&*place.key);
                query.bind(place.code_text()).bind(id.0).execute(&mut *c).await?;
            }
        }
    }
    Ok(())
}

/// Has PostgreSQL look again at how entries are spread, behind very many changes: until then it takes the list for
/// small, and reads all of it where a look into an index would do. SQLite's statements say themselves which index.
///
/// # Errors
/// If the database fails.
pub async fn settle(session: Session<'_>) -> Result<(), DatabaseError> {
    match session {
        Session::Sqlite(_) => {}
        Session::Postgres(c, _) => {
            sqlx::query(SETTLE).execute(c).await?;
        }
    }
    Ok(())
}

/// Looks at some entries again.
const SETTLE: &str = "ANALYZE entries";

/// Removes entries by what [`fn@slice`] named them.
///
/// # Errors
/// If the database fails.
pub async fn remove(mut session: Session<'_>, ids: &[i64]) -> Result<(), DatabaseError> {
    for part in ids.chunks(POSTGRES_ROWS) {
        match session.again() {
            Session::Postgres(c, _) => {
                sqlx::query(REMOVE_ARRAY).bind(part).execute(c).await?;
            }
            Session::Sqlite(c) => {
                let numbers: Vec<String> = part.iter().map(i64::to_string).collect();
                let json = format!("[{}]", numbers.join(","));
                sqlx::query(REMOVE_JSON).bind(json).execute(c).await?;
            }
        }
    }
    Ok(())
}

/// The statement that writes so many rows into SQLite.
///
/// Its parameters have no numbers: for each value SQLite is asked for its parameter's name, and goes through all names
/// that there are to find it, which for thousands of them took three quarters of an import.
fn put_rows(rows: usize) -> String {
    let rows = vec!["(?,?,?)"; rows].join(",");
    format!("{PUT_FROM}{rows}{PUT_OVER}")
}

/// Rows in a statement of SQLite: it takes 32,766 values, and longer statements are not quicker.
const SQLITE_ROWS: usize = 1_000;
/// Rows in a statement of PostgreSQL, where they are three arrays.
const POSTGRES_ROWS: usize = 10_000;

/// Before the rows of [`put_rows`].
const PUT_FROM: &str =
    "INSERT INTO entries (list, reason, source, since, expires, criterion, criterion_version, review, key, code, text)
    SELECT ?, ?, ?, ?, ?, ?, ?, ?, column1, column2, column3 FROM (VALUES ";
/// Behind them. Without its `WHERE` the conflict would be read as that of a join.
const PUT_OVER: &str =
    ") WHERE true ON CONFLICT (list, key, code) DO UPDATE SET text = excluded.text,
    reason = excluded.reason, source = excluded.source, expires = excluded.expires,
    criterion = COALESCE(excluded.criterion, entries.criterion), criterion_version = CASE
        WHEN COALESCE(excluded.criterion, entries.criterion) = entries.criterion THEN entries.criterion_version
        ELSE excluded.criterion_version END, review = COALESCE(excluded.review, entries.review)";
/// The same for PostgreSQL, with arrays, which SQLite does not know.
const PUT_ARRAYS: &str =
    "INSERT INTO entries (list, key, code, text, reason, source, since, expires, criterion, criterion_version, review)
    SELECT $1, r.key, r.code, r.text, $5, $6, $7, $8, $9, $10, $11
    FROM UNNEST($2::BYTEA[], $3::TEXT[], $4::TEXT[]) AS r (key, code, text)
    ON CONFLICT (list, key, code) DO UPDATE SET text = excluded.text,
    reason = excluded.reason, source = excluded.source, expires = excluded.expires,
    criterion = COALESCE(excluded.criterion, entries.criterion), criterion_version = CASE
        WHEN COALESCE(excluded.criterion, entries.criterion) = entries.criterion THEN entries.criterion_version
        ELSE excluded.criterion_version END, review = COALESCE(excluded.review, entries.review)";
/// Removes entries of an array of PostgreSQL.
const REMOVE_ARRAY: &str = "DELETE FROM entries WHERE id = ANY($1)";
/// Removes entries of a JSON array, which SQLite reads as a table.
const REMOVE_JSON: &str = "DELETE FROM entries WHERE id IN (SELECT value FROM json_each($1))";

/// Gives entries to organisations, of arrays of PostgreSQL.
const ASSIGN_ARRAYS: &str = "UPDATE entries AS e SET organisation = r.organisation
    FROM UNNEST($2::BYTEA[], $3::TEXT[], $4::BIGINT[]) AS r (key, code, organisation)
    WHERE e.list = $1 AND e.key = r.key AND e.code = r.code AND e.organisation IS NULL";

statements! {
    /// Gives an entry to an organisation.
    ASSIGN = "UPDATE entries SET organisation = $4
        WHERE list = $1 AND key = $2 AND code = $3 AND organisation IS NULL";
    /// Some entries, in the order of their keys.
    SLICE = "SELECT id, key, code, text, reason, source, expires, criterion, review, organisation FROM entries
        WHERE list = $1 AND key > $2 ORDER BY key LIMIT $3";
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::on_each;
    use crate::{entries, lists};

    /// An entry.
    fn row(key: &str, code: &str, text: &str) -> Row {
        let code = (!code.is_empty()).then(|| code.parse().expect("a code"));
        Row { place: Place::new(&key.parse().expect("a key"), code), text: text.into() }
    }

    /// All entries of a list, in words.
    async fn words(session: &mut Session<'_>, list: ListId, limit: u32) -> Vec<String> {
        let (mut words, mut after) = (Vec::new(), None);
        loop {
            let held = slice(session.again(), list, after.as_ref(), limit).await.expect("entries");
            let Some(last) = held.last() else { return words };
            after = Some(last.place.clone());
            words.extend(held.iter().map(|held| {
                let key = held.place.key().expect("a key");
                let code = held.place.code_text();
                format!("{key} {code} {} {}", held.text, held.reason)
            }));
        }
    }

    #[tokio::test]
    async fn what_is_put_is_there_once_and_goes() {
        on_each(async |database| {
            let mut transaction = database.begin().await.expect("a transaction");
            let list = lists::tests::add(&mut transaction.session(), "bl.example").await;
            let source = entries::source(transaction.session(), "feed").await.expect("a source");
            let mut common = Common {
                source,
                reason: "r".to_owned(),
                since: Timestamp(1),
                expires: None,
                criterion: None,
                review: None,
            };
            let rows: Vec<Row> = (0..2_345_u32)
                .map(|i| row(&std::net::Ipv4Addr::from(i << 8).to_string(), "127.0.0.2", "x"))
                .collect();
            put(transaction.session(), list, &common, &rows).await.expect("they are written");
            let mut session = transaction.session();
            assert_eq!(words(&mut session, list, 700).await.len(), 2_345);
            (common.reason, common.since) = ("new".to_owned(), Timestamp(9));
            let key = rows[7].place.key().expect("a key");
            let again = [
                row(&key.to_string(), "127.0.0.2", "y"),
                row(&key.to_string(), "127.0.0.10", "y"),
                row(&key.to_string(), "", ""),
            ];
            put(session.again(), list, &common, &again).await.expect("they are written");
            let at = entries::at(session.again(), list, &key).await.expect("they are read");
            let mut found: Vec<_> =
                at.iter().map(|e| (e.code.map(|c| c.to_string()), &*e.text, e.since.0)).collect();
            found.sort();
            let ten = Some("127.0.0.10".to_owned());
            let two = Some("127.0.0.2".to_owned());
            assert_eq!(found, [(None, "", 9), (ten, "y", 9), (two, "y", 1)]);
            // What is said of a criterion and a review holds; what is not said stays.
            lists::publish_policy(session.again(), list, "x", Timestamp(1))
                .await
                .expect("published");
            let trap =
                lists::add_criterion(session.again(), list, 1, "trap", ("x", "x"), Timestamp(1));
            let trap = trap.await;
            let (trap, review) = (trap.expect("it is added"), Some(Timestamp(77)));
            let named = Named { id: trap, version: Some(1) };
            let said = Common { criterion: Some(named), review, ..common.clone() };
            // One that is named again stays the version that it was.
            let later =
                Common { criterion: Some(Named { version: Some(2), ..named }), ..said.clone() };
            for common in [&said, &common, &later] {
                put(session.again(), list, common, &again[..1]).await.expect("it is written");
                let at = entries::at(session.again(), list, &key).await.expect("they are read");
                let of = at.iter().filter(|entry| entry.criterion.is_some());
                let of: Vec<_> = of.map(|entry| (entry.criterion, entry.review)).collect();
                assert_eq!(of, [(Some(named), review)]);
                let held = slice(session.again(), list, None, 5_000).await.expect("they are read");
                let of = held.iter().filter(|held| held.criterion == Some(trap));
                assert_eq!(of.map(|held| held.review).collect::<Vec<_>>(), [review]);
            }
            let other =
                lists::add_criterion(session.again(), list, 1, "old", ("x", "x"), Timestamp(1));
            let other = Named { id: other.await.expect("it is added"), version: Some(3) };
            let said = Common { criterion: Some(other), ..common.clone() };
            put(session.again(), list, &said, &again[..1]).await.expect("it is written");
            let at = entries::at(session.again(), list, &key).await.expect("they are read");
            let of = at.iter().filter_map(|entry| entry.criterion);
            assert_eq!(of.collect::<Vec<_>>(), [other]);
            let all = words(&mut session, list, 10_000).await;
            for limit in [1, 2, 3, 9] {
                let mut parts = words(&mut session, list, limit).await;
                parts.sort();
                let mut all = all.clone();
                all.sort();
                assert_eq!(parts, all, "{limit}");
            }
            let held = slice(session.again(), list, None, 5_000).await.expect("they are read");
            let ids: Vec<i64> = held.iter().map(|held| held.id).filter(|id| id % 2 == 0).collect();
            remove(session.again(), &ids).await.expect("they go");
            let left = entries::count(session, list).await.expect("a number");
            assert_eq!(left as usize, held.len() - ids.len());
        })
        .await;
    }
}

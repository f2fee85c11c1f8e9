//! Entries that an editor looks for: those of an organisation, of a source, with a code, within a network.
//!
//! Never more than [`WALK`] entries are looked at for a page. Of an organisation or a source that has fewer, all are
//! taken by their index and sorted. Otherwise the list is walked in the order of its keys, and a page may have found few or
//! none among those it looked at: then it says where to go on. So no index besides those that a list needs anyway has to
//! be kept up, which an import of a million entries would pay for.

use crate::database::DatabaseError;
use crate::entries::{self, Entry, OrganisationId, SourceId, code_text, entry};
use crate::key::Key;
use crate::lists::ListId;
use crate::session::{Session, on};
use crate::statement::statements;
use repute_dnsxl::ReturnCode;

/// Which entries are looked for; what is not said may be anything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sought {
    /// Within this network, or below this name.
    pub within: Option<Key>,
    /// Whose they are.
    pub organisation: Option<OrganisationId>,
    /// Where they came from.
    pub source: Option<SourceId>,
    /// With which code.
    pub code: Option<Coded>,
    /// With exactly this text in DNS; lists of others have the domain there.
    pub text: Option<String>,
}

/// What an entry says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coded {
    /// It is listed with this code.
    With(ReturnCode),
    /// It is never listed.
    Never,
}

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// The entries, in the order of their keys; those of one key that fit stand together.
    pub entries: Vec<Entry>,
    /// The key behind which to go on, if there may be more.
    pub next: Option<Key>,
}

/// The entries that are looked for, in the order of their keys, from behind `after` on, about so many.
///
/// # Errors
/// If the database fails.
pub async fn find(
    mut session: Session<'_>,
    list: ListId,
    sought: &Sought,
    after: Option<&Key>,
    limit: u32,
) -> Result<Found, DatabaseError> {
    let limit = limit.max(1);
    if sought.is_anything() {
        let within = sought.within.as_ref();
        let entries = entries::page(session, list, within, after, limit).await?;
        let is_full = entries.len() as u64 >= u64::from(limit);
        let next = entries.last().filter(|_| is_full).map(|last| last.key.clone());
        return Ok(Found { entries, next });
    }
    let by = by(session.again(), list, sought).await?;
    let range = sought.within.as_ref().map_or_else(|| Vec::new()..=vec![u8::MAX], Key::within);
    let (first, last) = range.into_inner();
    // No key is empty, so this is before all of them.
    let after = after.map(Key::to_bytes).unwrap_or_default();
    let end = match by {
        By::Walk => end_of_walk(session.again(), list, (&first, &last), &after).await?,
        By::Organisation | By::Source => None,
    };
    let sql = match by {
        By::Walk => FIND,
        By::Organisation => FIND_OF_ORGANISATION,
        By::Source => FIND_OF_SOURCE,
    };
    let until = end.as_ref().unwrap_or(&last);
    let rows: Vec<entries::Row> = on!(session.again(), |c| {
        sqlx::query_as(sql)
            .bind(list.0)
            .bind(&first)
            .bind(until)
            .bind(&after)
            .bind(sought.organisation.map(|id| id.0))
            .bind(sought.source.map(|id| id.0))
            .bind(sought.code.map(|coded| match coded {
                Coded::With(code) => code_text(Some(code)),
                Coded::Never => code_text(None),
            }))
            .bind(i64::from(limit))
            .bind(sought.text.as_deref())
            .fetch_all(c)
            .await?
    });
    let is_full = rows.len() as u64 >= u64::from(limit);
    let mut found = rows.into_iter().map(entry).collect::<Result<Vec<_>, _>>()?;
    let end = end.map(|end| Key::from_bytes(&end)).transpose()?;
    if !is_full {
        return Ok(Found { entries: found, next: end });
    }
    // The limit may fall between the entries of a key, and the next page begins behind that key.
    let next = found.last().map(|entry| entry.key.clone());
    if let Some(last) = &next {
        found.retain(|entry| entry.key != *last);
        let all = entries::at(session, list, last).await?;
        found.extend(all.into_iter().filter(|entry| sought.fits(entry)));
    }
    Ok(Found { entries: found, next })
}

impl Sought {
    /// Whether it is every entry, or every one within something.
    fn is_anything(&self) -> bool {
        self.organisation.is_none()
            && self.source.is_none()
            && self.code.is_none()
            && self.text.is_none()
    }

    /// Whether an entry within it is one of those.
    fn fits(&self, entry: &Entry) -> bool {
        let is_coded = match self.code {
            Some(Coded::With(code)) => entry.code == Some(code),
            Some(Coded::Never) => entry.code.is_none(),
            None => true,
        };
        is_coded
            && self.source.is_none_or(|source| source == entry.source)
            && self.text.as_ref().is_none_or(|text| *text == entry.text)
            && self.organisation.is_none_or(|of| Some(of) == entry.organisation)
    }
}

/// The way to entries.
enum By {
    /// Along the keys of the list.
    Walk,
    /// An organisation has few.
    Organisation,
    /// A source has few.
    Source,
}

/// The way that looks at the fewest entries.
async fn by(mut session: Session<'_>, list: ListId, sought: &Sought) -> Result<By, DatabaseError> {
    let ways = [
        (By::Organisation, COUNT_OF_ORGANISATION, sought.organisation.map(|id| id.0)),
        (By::Source, COUNT_OF_SOURCE, sought.source.map(|id| id.0)),
    ];
    for (way, sql, id) in ways {
        let Some(id) = id else { continue };
        let (count,): (i64,) = on!(session.again(), |c| {
            sqlx::query_as(sql).bind(list.0).bind(id).bind(WALK).fetch_one(c).await?
        });
        if count < WALK {
            return Ok(way);
        }
    }
    Ok(By::Walk)
}

/// The last of the keys that are looked at from behind one on; none if that is the list's last.
async fn end_of_walk(
    session: Session<'_>,
    list: ListId,
    (first, last): (&[u8], &[u8]),
    after: &[u8],
) -> Result<Option<Vec<u8>>, DatabaseError> {
    let row: Option<(i64, Vec<u8>)> = on!(session, |c| {
        sqlx::query_as(END)
            .bind(list.0)
            .bind(first)
            .bind(last)
            .bind(after)
            .bind(WALK)
            .fetch_optional(c)
            .await?
    });
    Ok(row.filter(|(count, _)| *count >= WALK).map(|(_, key)| key))
}

/// So many entries are looked at for a page.
const WALK: i64 = 20_000;

statements! {
    /// How many of an organisation there are, up to a limit.
    COUNT_OF_ORGANISATION = "SELECT COUNT(*) FROM (SELECT 1 AS one FROM entries
        WHERE organisation = $2 AND list + 0 = $1 LIMIT $3) AS few";
    /// How many of a source there are, up to a limit.
    COUNT_OF_SOURCE = "SELECT COUNT(*) FROM (SELECT 1 AS one FROM entries
        WHERE source = $2 AND list = $1 LIMIT $3) AS few";
    /// The last key of so many, and how many there were.
    END = "WITH walk AS (SELECT key FROM entries WHERE list = $1 AND key >= $2 AND key <= $3 AND key > $4
        ORDER BY key LIMIT $5) SELECT (SELECT COUNT(*) FROM walk), key FROM walk ORDER BY key DESC LIMIT 1";
    /// Entries along the keys: those of a walk, and of its last key all, are picked from.
    FIND = "SELECT key, code, text, reason, criterion, criterion_version, source, organisation, since, expires, review FROM
        (SELECT key, code, text, reason, criterion, criterion_version, source, organisation, since, expires, review
        FROM entries WHERE list = $1 AND key >= $2 AND key <= $3 AND key > $4 ORDER BY key, code LIMIT 40000) AS walk
        WHERE (CAST($5 AS BIGINT) IS NULL OR organisation = $5) AND (CAST($6 AS BIGINT) IS NULL OR source = $6)
        AND (CAST($7 AS TEXT) IS NULL OR code = $7)
        AND (CAST($9 AS TEXT) IS NULL OR text = $9) ORDER BY key, code LIMIT $8";
    /// Entries of an organisation: neither the list's index nor the order of keys is the way to them.
    FIND_OF_ORGANISATION = "SELECT key, code, text, reason, criterion, criterion_version, source, organisation, since, expires, review
        FROM entries WHERE organisation = $5 AND list + 0 = $1 AND key >= $2 AND key <= $3 AND key > $4
        AND (CAST($6 AS BIGINT) IS NULL OR source + 0 = $6) AND (CAST($7 AS TEXT) IS NULL OR code = $7)
        AND (CAST($9 AS TEXT) IS NULL OR text = $9)
        ORDER BY key, code LIMIT $8";
    /// Entries of a source.
    FIND_OF_SOURCE = "SELECT key, code, text, reason, criterion, criterion_version, source, organisation, since, expires, review
        FROM entries WHERE source = $6 AND list + 0 = $1 AND key >= $2 AND key <= $3 AND key > $4
        AND (CAST($5 AS BIGINT) IS NULL OR organisation + 0 = $5) AND (CAST($7 AS TEXT) IS NULL OR code = $7)
        AND (CAST($9 AS TEXT) IS NULL OR text = $9)
        ORDER BY key, code LIMIT $8";
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use sqlx::{AssertSqlSafe, Row as _};

    use super::*;
    use crate::testing::on_each;
    use crate::{Timestamp, Transaction, bulk, lists, organisations};

    /// Entries of an organisation or none, of a source, with codes.
    fn some(key: u32, code: &str, source: SourceId, organisation: Option<OrganisationId>) -> Entry {
        Entry {
            key: Ipv4Addr::from(key).to_string().parse().expect("a key"),
            code: code.parse().ok(),
            text: String::new(),
            reason: String::new(),
            criterion: None,
            source,
            organisation,
            since: Timestamp(1),
            expires: None,
            review: None,
        }
    }

    /// All that is found, page by page, and over how many pages.
    async fn all(
        transaction: &mut Transaction,
        list: ListId,
        sought: &Sought,
        limit: u32,
    ) -> (Vec<Entry>, usize) {
        let (mut entries, mut after, mut pages) = (Vec::new(), None, 0);
        loop {
            let found = find(transaction.session(), list, sought, after.as_ref(), limit).await;
            let found = found.expect("they are read");
            pages += 1;
            entries.extend(found.entries);
            after = found.next;
            if after.is_none() {
                return (entries, pages);
            }
        }
    }

    #[tokio::test]
    async fn whatever_is_looked_for_is_found_once_and_in_order() {
        on_each(async |database| {
            let mut transaction = database.begin().await.expect("a transaction");
            let t = &mut transaction;
            let list = lists::tests::add(&mut t.session(), "bl.example").await;
            let other = lists::tests::add(&mut t.session(), "other.example").await;
            let hand = entries::source(t.session(), "hand").await.expect("a source");
            let feed = entries::source(t.session(), "feed").await.expect("a source");
            let ours = organisations::add(t.session(), "Ours", Timestamp(1)).await;
            let ours = ours.expect("it is added");
            // The feed has more than are looked at for a page, and two of them have another code.
            let base = 0x0a00_0000;
            let count = WALK as u32 * 2 + 100;
            let mut many: Vec<Entry> =
                (0..count).map(|at| some(base + at, "127.0.0.2", feed, None)).collect();
            let rare = count - 50;
            for at in [7, rare] {
                many.push(some(base + at, "127.0.0.9", feed, None));
                many.push(some(base + at, "", hand, Some(ours)));
            }
            entries::put(t.session(), list, &many).await.expect("they are written");
            entries::put(t.session(), other, &many[..3]).await.expect("they are written");
            let mut pick = many.clone();
            pick.sort_by_key(|entry| {
                (entry.key.to_bytes(), entry.code.map(|code| code.to_string()))
            });
            let wanted = |sought: &Sought| -> Vec<Entry> {
                let is_within = |entry: &Entry| match &sought.within {
                    Some(key) => key.within().contains(&entry.key.to_bytes()),
                    None => true,
                };
                let fits = |entry: &&Entry| sought.fits(entry) && is_within(entry);
                pick.iter().filter(fits).cloned().collect()
            };
            let within: Option<Key> = Some("10.0.0.0/24".parse().expect("a key"));
            let nine = Some(Coded::With("127.0.0.9".parse().expect("a code")));
            let sources = [None, Some(hand), Some(feed)];
            for (source, organisation, code, within) in [
                (None, None, None, within.clone()),
                (sources[1], None, None, None),
                (sources[1], None, nine, None),
                (sources[2], None, nine, None),
                (sources[2], None, None, within.clone()),
                (None, Some(ours), None, None),
                (None, Some(ours), None, within.clone()),
                (sources[1], Some(ours), Some(Coded::Never), None),
                (None, None, nine, None),
                (None, None, Some(Coded::Never), within),
            ] {
                let sought = Sought { within, organisation, source, code, text: None };
                let expect = wanted(&sought);
                for limit in [1, 2, 100] {
                    let (found, _) = all(t, list, &sought, limit).await;
                    let sort = |entries: &[Entry]| {
                        let mut sorted = entries.to_vec();
                        sorted.sort_by_key(|entry| {
                            (entry.key.to_bytes(), entry.code.map(|code| code.to_string()))
                        });
                        sorted
                    };
                    assert!(sort(&found) == expect, "{sought:?} by {limit}: {}", found.len());
                    let keys: Vec<_> = found.iter().map(|entry| entry.key.to_bytes()).collect();
                    assert!(keys.is_sorted(), "{sought:?} by {limit}");
                }
            }
            // By the text, too, however it is looked for.
            let mut said = some(base + 9, "127.0.0.9", hand, Some(ours));
            said.text = "x.example".to_owned();
            entries::put(t.session(), list, &[said.clone()]).await.expect("it is written");
            for (organisation, source) in [(None, None), (Some(ours), None), (None, Some(hand))] {
                let text = Some("x.example".to_owned());
                let sought = Sought { organisation, source, text, ..Sought::default() };
                let (found, _) = all(t, list, &sought, 100).await;
                assert_eq!(found, [said.clone()], "{sought:?}");
            }
            entries::remove(t.session(), list, &said.key).await.expect("it is removed");
            // What is rare is found although each page looks only so far.
            let sought = Sought { code: nine, ..Sought::default() };
            let (_, pages) = all(t, list, &sought, 100).await;
            assert_eq!(pages, 3, "a page looks at {WALK}");
        })
        .await;
    }

    #[tokio::test]
    async fn few_are_found_by_their_index_and_no_page_reads_the_list() {
        on_each(async |database| {
            let mut transaction = database.begin().await.expect("a transaction");
            let t = &mut transaction;
            let list = lists::tests::add(&mut t.session(), "bl.example").await;
            let hand = entries::source(t.session(), "hand").await.expect("a source");
            let feed = entries::source(t.session(), "feed").await.expect("a source");
            let ours = organisations::add(t.session(), "Ours", Timestamp(1)).await;
            let ours = ours.expect("it is added");
            let many: Vec<Entry> = (0..30_000)
                .map(|at| {
                    let few = at % 3_000 == 0;
                    some(at, "127.0.0.2", if few { hand } else { feed }, few.then_some(ours))
                })
                .collect();
            entries::put(t.session(), list, &many).await.expect("they are written");
            bulk::settle(t.session()).await.expect("it is looked at");
            let (ours, hand, feed) = (ours.0.to_string(), hand.0.to_string(), feed.0.to_string());
            for (sql, index, organisation, source) in [
                (FIND_OF_ORGANISATION, "entries_by_organisation", &*ours, "NULL"),
                (FIND_OF_SOURCE, "entries_by_source", "NULL", &*hand),
                (FIND, "list_key_code", "NULL", &*feed),
            ] {
                let numbers = [
                    ("$1", list.0.to_string()),
                    ("$5", organisation.to_owned()),
                    ("$6", source.to_owned()),
                    ("$7", "NULL".to_owned()),
                    ("$8", "100".to_owned()),
                    ("$9", "NULL".to_owned()),
                ];
                let plan: String = match t.session() {
                    Session::Sqlite(c) => {
                        let sql = format!("EXPLAIN QUERY PLAN {sql}");
                        let rows = sqlx::query(AssertSqlSafe(sql)).fetch_all(c).await;
                        let rows = rows.expect("it is planned");
                        rows.iter().map(|row| row.get::<String, _>(3) + "\n").collect()
                    }
                    Session::Postgres(c, _) => {
                        let mut sql = format!("EXPLAIN {sql}");
                        for (place, value) in &numbers {
                            sql = sql.replace(place, value);
                        }
                        for (place, key) in
                            [("$2", "'\\x'"), ("$3", "'\\x04000003e820'"), ("$4", "'\\x'")]
                        {
                            sql = sql.replace(place, &format!("{key}::BYTEA"));
                        }
                        let rows = sqlx::query(AssertSqlSafe(sql)).fetch_all(c).await;
                        let rows = rows.expect("it is planned");
                        rows.iter().map(|row| row.get::<String, _>(0) + "\n").collect()
                    }
                };
                let plan = plan.replace("sqlite_autoindex_entries_1", "entries_list_key_code_key");
                assert!(plan.contains(index), "{plan}");
                let is_whole = plan.contains("Seq Scan") || plan.contains("SCAN entries");
                assert!(!is_whole, "{plan}");
            }
        })
        .await;
    }
}

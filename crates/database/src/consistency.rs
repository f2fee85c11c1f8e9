//! How what organisations have on lists stands with DNS, and when it is looked at next.
//!
//! What a look means for the state is the registry's to say. Several processes may look: who takes a network has it
//! for a while, and what he writes counts only if nobody took it after him.

use std::time::Duration;

use crate::database::DatabaseError;
use crate::entries::OrganisationId;
use crate::key::Key;
use crate::session::{Session, on};
use crate::statement::statements;
use crate::time::Timestamp;

/// How a network stands with DNS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    /// All is well.
    Ok,
    /// Something is not as it should be, or was not in the last look.
    Suspect,
    /// It has been wrong for long.
    Bad,
}

/// How a network stands, and how it came to that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The state.
    pub state: State,
    /// Since when.
    pub since: Timestamp,
    /// Looks in a row that failed.
    pub failures: u32,
    /// Since when they fail.
    pub failing: Option<Timestamp>,
    /// When a look last told something.
    pub looked: Option<Timestamp>,
    /// When it is looked at next.
    pub due: Timestamp,
    /// What is not as it should be, as JSON; empty if there is nothing.
    pub reasons: String,
    /// Since when something is to be told of it.
    pub news: Option<Timestamp>,
}

/// A network of an organisation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watched {
    /// Its number.
    pub id: i64,
    /// Whose it is.
    pub organisation: OrganisationId,
    /// What it is.
    pub key: Key,
    /// How it stands.
    pub standing: Standing,
}

/// How many networks of an organisation are in each state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Not looked at yet.
    pub new: u64,
    /// All is well.
    pub ok: u64,
    /// Something may be wrong.
    pub suspect: u64,
    /// Wrong for long.
    pub bad: u64,
}

impl State {
    /// Its word, as it is stored and as machines read it.
    pub fn word(self) -> &'static str {
        match self {
            State::Ok => "ok",
            State::Suspect => "suspect",
            State::Bad => "bad",
        }
    }
}

impl Counts {
    /// The worst state of any that was looked at; nothing if none was.
    pub fn worst(self) -> Option<State> {
        match self {
            Counts { bad: 1.., .. } => Some(State::Bad),
            Counts { suspect: 1.., .. } => Some(State::Suspect),
            Counts { ok: 1.., .. } => Some(State::Ok),
            Counts { .. } => None,
        }
    }
}

/// Goes through the entries of organisations that are due for it, at most so many of them: networks that are new will be
/// looked at within a day, at a moment of their own, and those that are gone are forgotten. How many organisations.
///
/// # Errors
/// If the database fails.
pub async fn go_through(
    mut session: Session<'_>,
    now: Timestamp,
    again: Duration,
    limit: u32,
) -> Result<u64, DatabaseError> {
    let due: Vec<(i64,)> = on!(session.again(), |c| {
        let query = sqlx::query_as(GO_THROUGH).bind(now.0).bind(now.after(again).0);
        query.bind(i64::from(limit)).fetch_all(c).await?
    });
    for (organisation,) in &due {
        on!(session.again(), |c| {
            sqlx::query(FORGET).bind(organisation).execute(c).await?.rows_affected()
        });
        on!(session.again(), |c| {
            sqlx::query(ENROL).bind(organisation).bind(now.0).execute(c).await?.rows_affected()
        });
    }
    Ok(due.len() as u64)
}

/// Has what a clock that was ahead put off be due now: nothing is gone through later than after `again`, looked at later
/// than after `longest`, or was told after now.
///
/// # Errors
/// If the database fails.
pub async fn mend(
    mut session: Session<'_>,
    now: Timestamp,
    again: Duration,
    longest: Duration,
) -> Result<(), DatabaseError> {
    for (statement, bound) in
        [(MEND_GONE_THROUGH, now.after(again)), (MEND_DUE, now.after(longest)), (MEND_TOLD, now)]
    {
        on!(session.again(), |c| {
            sqlx::query(statement).bind(now.0).bind(bound.0).execute(c).await?;
        });
    }
    Ok(())
}

/// Takes networks that are due, at most so many; nobody else gets them for so long.
///
/// # Errors
/// If the database fails.
pub async fn take(
    session: Session<'_>,
    now: Timestamp,
    lease: Duration,
    limit: u32,
) -> Result<Vec<Watched>, DatabaseError> {
    let rows: Vec<Row> = on!(session, |c| {
        let query = sqlx::query_as(TAKE).bind(now.0).bind(now.after(lease).0);
        query.bind(i64::from(limit)).fetch_all(c).await?
    });
    rows.into_iter().map(watched).collect()
}

/// Writes how a network that was taken stands now. Whether nobody took it since.
///
/// # Errors
/// If the database fails.
pub async fn put(
    session: Session<'_>,
    taken: &Watched,
    standing: &Standing,
) -> Result<bool, DatabaseError> {
    let Standing { state, since, failures, failing, looked, due, reasons, news } = standing;
    let rows = on!(session, |c| {
        sqlx::query(PUT)
            .bind(taken.id)
            .bind(taken.standing.due.0)
            .bind(state.word())
            .bind(since.0)
            .bind(i64::from(*failures))
            .bind(failing.map(|time| time.0))
            .bind(looked.map(|time| time.0))
            .bind(due.0)
            .bind(reasons)
            .bind(news.map(|time| time.0))
            .execute(c)
            .await?
            .rows_affected()
    });
    Ok(rows > 0)
}

/// Organisations of which something is to be told since `settled` or longer, and which were last written to before
/// `quiet`, at most so many.
///
/// # Errors
/// If the database fails.
pub async fn with_news(
    session: Session<'_>,
    settled: Timestamp,
    quiet: Timestamp,
    limit: u32,
) -> Result<Vec<OrganisationId>, DatabaseError> {
    let rows: Vec<(i64,)> = on!(session, |c| {
        let query = sqlx::query_as(WITH_NEWS).bind(settled.0).bind(quiet.0);
        query.bind(i64::from(limit)).fetch_all(c).await?
    });
    Ok(rows.into_iter().map(|(id,)| OrganisationId(id)).collect())
}

/// Takes what is to be told of an organisation, the worst first, unless somebody else did since `quiet`; with the
/// transaction it is told.
///
/// # Errors
/// If the database fails.
pub async fn take_news(
    mut session: Session<'_>,
    organisation: OrganisationId,
    quiet: Timestamp,
    now: Timestamp,
) -> Result<Vec<Watched>, DatabaseError> {
    let taken = on!(session.again(), |c| {
        let query = sqlx::query(TOLD).bind(organisation.0).bind(quiet.0).bind(now.0);
        query.execute(c).await?.rows_affected()
    });
    if taken == 0 {
        return Ok(Vec::new());
    }
    let rows: Vec<Row> =
        on!(session, |c| sqlx::query_as(TAKE_NEWS).bind(organisation.0).fetch_all(c).await?);
    let mut news = rows.into_iter().map(watched).collect::<Result<Vec<_>, _>>()?;
    news.sort_by_key(|one| (std::cmp::Reverse(one.standing.state), one.standing.since, one.id));
    Ok(news)
}

/// What is not well of an organisation, the worst first, at most so many.
///
/// # Errors
/// If the database fails.
pub async fn unwell(
    session: Session<'_>,
    organisation: OrganisationId,
    limit: u32,
) -> Result<Vec<Watched>, DatabaseError> {
    let rows: Vec<Row> = on!(session, |c| {
        sqlx::query_as(UNWELL).bind(organisation.0).bind(i64::from(limit)).fetch_all(c).await?
    });
    rows.into_iter().map(watched).collect()
}

/// How many networks of an organisation are in each state.
///
/// # Errors
/// If the database fails.
pub async fn counts(
    session: Session<'_>,
    organisation: OrganisationId,
) -> Result<Counts, DatabaseError> {
    let rows: Vec<(String, i64)> =
        on!(session, |c| sqlx::query_as(COUNTS).bind(organisation.0).fetch_all(c).await?);
    let mut counts = Counts::default();
    for (word, count) in rows {
        let place = match &*word {
            "new" => &mut counts.new,
            "ok" => &mut counts.ok,
            "suspect" => &mut counts.suspect,
            "bad" => &mut counts.bad,
            _ => return Err(DatabaseError::Content("the state of a network")),
        };
        *place = u64::try_from(count).unwrap_or(0);
    }
    Ok(counts)
}

/// What is bad, the longest first, with the names of the organisations, at most so many.
///
/// # Errors
/// If the database fails.
pub async fn bad(
    session: Session<'_>,
    limit: u32,
) -> Result<Vec<(Watched, String)>, DatabaseError> {
    #[derive(sqlx::FromRow)]
    struct Named {
        #[sqlx(flatten)]
        row: Row,
        name: String,
    }
    let rows: Vec<Named> =
        on!(session, |c| sqlx::query_as(BAD).bind(i64::from(limit)).fetch_all(c).await?);
    rows.into_iter().map(|Named { row, name }| Ok((watched(row)?, name))).collect()
}

/// A row.
#[derive(sqlx::FromRow)]
struct Row {
    id: i64,
    organisation: i64,
    key: Vec<u8>,
    state: String,
    since: i64,
    failures: i64,
    failing: Option<i64>,
    looked: Option<i64>,
    due: i64,
    reasons: String,
    news: Option<i64>,
}

/// Reads a row.
fn watched(row: Row) -> Result<Watched, DatabaseError> {
    let all = [State::Ok, State::Suspect, State::Bad];
    let state = all.into_iter().find(|state| state.word() == row.state);
    Ok(Watched {
        id: row.id,
        organisation: OrganisationId(row.organisation),
        key: Key::from_bytes(&row.key)?,
        standing: Standing {
            state: state.ok_or(DatabaseError::Content("the state of a network"))?,
            since: Timestamp(row.since),
            failures: u32::try_from(row.failures).unwrap_or(u32::MAX),
            failing: row.failing.map(Timestamp),
            looked: row.looked.map(Timestamp),
            due: Timestamp(row.due),
            reasons: row.reasons,
            news: row.news.map(Timestamp),
        },
    })
}

statements! {
    /// Organisations that are due.
    GO_THROUGH = "UPDATE organisations SET gone_through = $2 WHERE gone_through <= $1 AND id IN
        (SELECT id FROM organisations WHERE gone_through <= $1 ORDER BY gone_through, id LIMIT $3)
        RETURNING id";
    /// Organisations that are due when nobody means it.
    MEND_GONE_THROUGH = "UPDATE organisations SET gone_through = $1 WHERE gone_through > $2";
    /// Networks that are.
    MEND_DUE = "UPDATE consistency SET due = $1 WHERE due > $2";
    /// Organisations that were told in the future.
    MEND_TOLD = "UPDATE organisations SET told = $1 WHERE told > $2 AND id IN
        (SELECT organisation FROM consistency WHERE news IS NOT NULL)";
    /// What is on no list any more.
    FORGET = "DELETE FROM consistency WHERE organisation = $1 AND key NOT IN
        (SELECT e.key FROM entries e JOIN lists l ON l.id = e.list
        WHERE e.organisation = $1 AND e.code <> '' AND l.polarity <> 'block' AND l.keys = 'addresses')";
    /// What is new, each at a minute of the next day.
    ENROL = "INSERT INTO consistency
            (organisation, key, state, since, failures, due, reasons)
        SELECT e.organisation, e.key, 'ok', $2, 0, $2 + (MIN(e.id) % 1440) * 60000000, ''
        FROM entries e JOIN lists l ON l.id = e.list
        WHERE e.organisation = $1 AND e.code <> '' AND l.polarity <> 'block' AND l.keys = 'addresses'
        GROUP BY e.organisation, e.key ON CONFLICT (organisation, key) DO NOTHING";
    /// Takes some for a while.
    TAKE = "UPDATE consistency SET due = $2 WHERE due <= $1 AND id IN
        (SELECT id FROM consistency WHERE due <= $1 ORDER BY due, id LIMIT $3)
        RETURNING id, organisation, key, state, since, failures, failing, looked, due, reasons, news";
    /// How one stands.
    PUT = "UPDATE consistency SET state = $3, since = $4, failures = $5, failing = $6, looked = $7, due = $8,
        reasons = $9, news = $10 WHERE id = $1 AND due = $2";
    /// Who is to be told something.
    WITH_NEWS = "SELECT id FROM organisations WHERE told <= $2 AND id IN
        (SELECT organisation FROM consistency WHERE news <= $1) ORDER BY id LIMIT $3";
    /// It is told.
    TOLD = "UPDATE organisations SET told = $3 WHERE id = $1 AND told <= $2";
    /// What is told.
    TAKE_NEWS = "UPDATE consistency SET news = NULL WHERE organisation = $1 AND news IS NOT NULL
        RETURNING id, organisation, key, state, since, failures, failing, looked, due, reasons, news";
    /// What is not well.
    UNWELL = "SELECT id, organisation, key, state, since, failures, failing, looked, due, reasons, news
        FROM consistency WHERE organisation = $1 AND state <> 'ok'
        ORDER BY CASE state WHEN 'bad' THEN 0 ELSE 1 END, since, id LIMIT $2";
    /// How many.
    COUNTS = "SELECT CASE WHEN looked IS NULL THEN 'new' ELSE state END AS word, COUNT(*)
        FROM consistency WHERE organisation = $1 GROUP BY CASE WHEN looked IS NULL THEN 'new' ELSE state END";
    /// The bad ones.
    BAD = "SELECT c.id, c.organisation, c.key, c.state, c.since, c.failures, c.failing, c.looked, c.due, c.reasons,
        c.news, o.name FROM consistency c JOIN organisations o ON o.id = c.organisation
        WHERE c.state = 'bad' ORDER BY c.since, c.id LIMIT $1";
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entries::{self, Entry, SourceId};
    use crate::lists::{self, List, ListId};
    use crate::testing::on_each;
    use crate::{Transaction, organisations};
    use repute_dnsxl::{KeyKind, Polarity};

    /// Adds a list of addresses.
    async fn list(transaction: &mut Transaction, apex: &str, polarity: Polarity) -> ListId {
        let list = List {
            apex: apex.parse().expect("a name"),
            title: String::new(),
            description: String::new(),
            polarity,
            keys: KeyKind::Ip,
            ttl: 300,
            contact: String::new(),
        };
        lists::add(transaction.session(), &list, Timestamp(1)).await.expect("it is added")
    }

    /// Lists a network for an organisation.
    async fn enlist(
        transaction: &mut Transaction,
        list: ListId,
        organisation: OrganisationId,
        key: &str,
    ) {
        let entry = Entry {
            key: key.parse().expect("a key"),
            code: Some("127.0.0.2".parse().expect("a code")),
            text: String::new(),
            reason: String::new(),
            criterion: None,
            source: SourceId(1),
            organisation: Some(organisation),
            since: Timestamp(1),
            expires: None,
            review: None,
        };
        entries::put(transaction.session(), list, &[entry]).await.expect("it is written");
    }

    /// A span.
    const DAY: Duration = Duration::from_secs(86_400);

    #[tokio::test]
    async fn a_clock_that_was_ahead_keeps_nothing_from_being_looked_at() {
        on_each(async |database| {
            let mut transaction = database.begin().await.expect("a transaction");
            let t = &mut transaction;
            let allow = list(t, "wl.example", Polarity::Allow).await;
            entries::source(t.session(), "hand").await.expect("a source");
            let own = organisations::add(t.session(), "Own", Timestamp(1)).await.expect("an Id");
            enlist(t, allow, own, "192.0.2.1").await;
            let (now, ahead) = (Timestamp(1_000), Timestamp(1_000).after(DAY * 400));
            assert_eq!(go_through(t.session(), ahead, DAY, 9).await.expect("a number"), 1);
            let taken = take(t.session(), ahead.after(DAY), DAY, 9).await.expect("they are taken");
            let bad = Standing { news: Some(now), due: ahead, ..taken[0].standing.clone() };
            put(t.session(), &taken[0], &bad).await.expect("an answer");
            let told = take_news(t.session(), own, ahead, ahead).await.expect("taken");
            assert_eq!(told.len(), 1);
            put(t.session(), &told[0], &bad).await.expect("an answer");
            // Now the clock is right again.
            assert_eq!(go_through(t.session(), now, DAY, 9).await.expect("a number"), 0);
            assert!(take(t.session(), now, DAY, 9).await.expect("taken").is_empty());
            mend(t.session(), now, DAY, DAY).await.expect("it is mended");
            assert_eq!(go_through(t.session(), now, DAY, 9).await.expect("a number"), 1);
            assert_eq!(take(t.session(), now, DAY, 9).await.expect("taken").len(), 1);
            let due = with_news(t.session(), now, now, 9).await.expect("they are read");
            assert_eq!(due, [own], "it was told now, at the latest");
            // What is put off as far as it may be stays so.
            mend(t.session(), now, DAY, DAY).await.expect("it is mended");
            assert_eq!(go_through(t.session(), now, DAY, 9).await.expect("a number"), 0);
            assert!(take(t.session(), now, DAY, 9).await.expect("taken").is_empty());
        })
        .await;
    }

    #[tokio::test]
    async fn what_is_listed_is_watched_once_and_taken_by_one() {
        on_each(async |database| {
            let mut transaction = database.begin().await.expect("a transaction");
            let t = &mut transaction;
            let allow = list(t, "wl.example", Polarity::Allow).await;
            let other = list(t, "other.example", Polarity::Allow).await;
            let block = list(t, "bl.example", Polarity::Block).await;
            entries::source(t.session(), "hand").await.expect("a source");
            let own = organisations::add(t.session(), "Own", Timestamp(1)).await.expect("an Id");
            enlist(t, allow, own, "192.0.2.1").await;
            enlist(t, other, own, "192.0.2.1").await;
            enlist(t, allow, own, "192.0.2.2").await;
            enlist(t, block, own, "192.0.2.3").await;
            let now = Timestamp(1_000);
            assert_eq!(go_through(t.session(), now, DAY, 9).await.expect("a number"), 1);
            assert_eq!(go_through(t.session(), now, DAY, 9).await.expect("a number"), 0);
            let counted = counts(t.session(), own).await.expect("they are counted");
            assert_eq!(counted, Counts { new: 2, ..Counts::default() });
            assert_eq!(counted.worst(), None, "nobody has looked yet");

            let later = now.after(DAY);
            let lease = Duration::from_secs(60);
            let taken = take(t.session(), later, lease, 1).await.expect("they are taken");
            let rest = take(t.session(), later, lease, 9).await.expect("they are taken");
            assert_eq!((taken.len(), rest.len()), (1, 1));
            assert!(take(t.session(), later, lease, 9).await.expect("taken").is_empty());
            let bad = Standing {
                state: State::Bad,
                since: later,
                failures: 3,
                failing: Some(now),
                looked: Some(later),
                due: later.after(DAY),
                reasons: "[]".to_owned(),
                news: Some(later),
            };
            assert!(put(t.session(), &taken[0], &bad).await.expect("an answer"));
            let late = put(t.session(), &taken[0], &bad).await.expect("an answer");
            assert!(!late, "it is due at another time by now");
            let found = unwell(t.session(), own, 9).await.expect("they are read");
            assert_eq!((found.len(), &found[0].standing), (1, &bad));
            let named = super::bad(t.session(), 9).await.expect("they are read");
            assert_eq!((named[0].0.id, &*named[0].1), (taken[0].id, "Own"));
            let counted = counts(t.session(), own).await.expect("they are counted");
            assert_eq!(counted, Counts { new: 1, bad: 1, ..Counts::default() });
            assert_eq!(counted.worst(), Some(State::Bad));

            // It is told once, and not again before its time.
            let early = with_news(t.session(), now, later, 9).await.expect("they are read");
            assert_eq!(early, []);
            let due = with_news(t.session(), later, later, 9).await.expect("they are read");
            assert_eq!(due, [own]);
            let told = take_news(t.session(), own, Timestamp(1), later).await.expect("taken");
            assert_eq!(told.len(), 1);
            let again = take_news(t.session(), own, Timestamp(1), later).await.expect("taken");
            assert_eq!(again, []);

            // What is off the lists is forgotten.
            let key = taken[0].key.clone();
            for list in [allow, other] {
                entries::remove(t.session(), list, &key).await.expect("it is removed");
            }
            assert_eq!(go_through(t.session(), later, DAY, 9).await.expect("a number"), 1);
            assert_eq!(unwell(t.session(), own, 9).await.expect("they are read"), []);
        })
        .await;
    }
}

//! Work that takes longer than somebody waits for a page: ordered once, done by whichever process takes it, in parts
//! that each say how far it is.
//!
//! Who takes a piece of work has it for a while, and for longer with each part that is committed; should he die, another
//! goes on. Each part is written together with [`keep`] or [`end`], which fail as soon as somebody else has the work or
//! it was cancelled: so nothing is done twice, and nothing after a cancellation.

use std::time::Duration;

use crate::database::DatabaseError;
use crate::evidence::EvidenceSourceId;
use crate::lists::ListId;
use crate::rules::RuleId;
use crate::session::{Session, on};
use crate::statement::statements;
use crate::time::Timestamp;

/// Names a piece of work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WorkId(pub i64);

/// What kind of work it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// All that a source of evidence brought is removed.
    Purge,
    /// A rule is tried on what was seen.
    Replay,
    /// A file is taken into a list.
    Import,
}

impl Kind {
    /// All of them.
    pub const ALL: [Kind; 3] = [Kind::Purge, Kind::Replay, Kind::Import];

    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Kind::Purge => "purge",
            Kind::Replay => "replay",
            Kind::Import => "import",
        }
    }
}

/// How it stands with work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// Nobody has begun.
    Queued,
    /// Somebody is at it.
    Running,
    /// It is done.
    Done,
    /// It cannot be done.
    Failed,
    /// Somebody wanted it no more.
    Cancelled,
}

impl State {
    /// All of them.
    pub const ALL: [State; 5] =
        [State::Queued, State::Running, State::Done, State::Failed, State::Cancelled];

    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            State::Queued => "queued",
            State::Running => "running",
            State::Done => "done",
            State::Failed => "failed",
            State::Cancelled => "cancelled",
        }
    }

    /// Whether something is still to come.
    pub fn is_open(self) -> bool {
        matches!(self, State::Queued | State::Running)
    }
}

/// What work is about, each where its kind has it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Subject {
    /// The list.
    pub list: Option<ListId>,
    /// The source of evidence.
    pub source: Option<EvidenceSourceId>,
    /// The rule.
    pub rule: Option<RuleId>,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct New {
    /// What kind of work it is.
    pub kind: Kind,
    /// What it is about.
    pub subject: Subject,
    /// The particulars, as JSON.
    pub particulars: String,
    /// Who orders it, as a pseudonym of the audit log.
    pub actor: String,
    /// How much it is, in what the kind counts; 0 if nobody knows.
    pub total: u64,
    /// The one folder that has its file; none if any process can do it.
    pub folder: Option<String>,
}

/// A piece of work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Work {
    /// Its number.
    pub id: WorkId,
    /// What was ordered; `total` as it is known now.
    pub new: New,
    /// How it stands.
    pub state: State,
    /// How much is done.
    pub done: u64,
    /// When it was ordered.
    pub created: Timestamp,
    /// When somebody first took it.
    pub begun: Option<Timestamp>,
    /// When it ended, in whatever way.
    pub ended: Option<Timestamp>,
    /// How often it was taken.
    pub attempts: u32,
    /// What became of it, as JSON; empty if there is nothing to say.
    pub result: String,
    /// Why it failed; empty if it did not.
    pub fault: String,
}

/// How work ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End<'e> {
    /// With a result, as JSON.
    Done(&'e str),
    /// Not at all, and why.
    Failed(&'e str),
}

/// Orders work. Of a source one purge at a time is open: another order is that one.
///
/// # Errors
/// If the database fails.
pub async fn order(
    mut session: Session<'_>,
    new: &New,
    now: Timestamp,
) -> Result<WorkId, DatabaseError> {
    let Subject { list, source, rule } = new.subject;
    let row: Option<(i64,)> = on!(session.again(), |c| {
        sqlx::query_as(ORDER)
            .bind(new.kind.word())
            .bind(list.map(|list| list.0))
            .bind(source.map(|source| source.0))
            .bind(rule.map(|rule| rule.0))
            .bind(&new.particulars)
            .bind(&new.actor)
            .bind(i64::try_from(new.total).unwrap_or(i64::MAX))
            .bind(now.0)
            .bind(&new.folder)
            .fetch_optional(c)
            .await?
    });
    if let Some((id,)) = row {
        return Ok(WorkId(id));
    }
    let source = source.map(|source| source.0);
    let (id,): (i64,) =
        on!(session, |c| sqlx::query_as(OPEN_PURGE).bind(source).fetch_one(c).await?);
    Ok(WorkId(id))
}

/// A piece of work by its number.
///
/// # Errors
/// If the database fails.
pub async fn by_id(session: Session<'_>, id: WorkId) -> Result<Option<Work>, DatabaseError> {
    let row: Option<Row> =
        on!(session, |c| sqlx::query_as(BY_ID).bind(id.0).fetch_optional(c).await?);
    row.map(work).transpose()
}

/// The latest work, the newest first, before one, at most so much.
///
/// # Errors
/// If the database fails.
pub async fn latest(
    session: Session<'_>,
    before: Option<WorkId>,
    limit: u32,
) -> Result<Vec<Work>, DatabaseError> {
    let before = before.map_or(i64::MAX, |id| id.0);
    let rows: Vec<Row> = on!(session, |c| {
        sqlx::query_as(LATEST).bind(before).bind(i64::from(limit)).fetch_all(c).await?
    });
    rows.into_iter().map(work).collect()
}

/// All work that is open, in the order in which it was ordered.
///
/// # Errors
/// If the database fails.
pub async fn open(session: Session<'_>) -> Result<Vec<Work>, DatabaseError> {
    let rows: Vec<Row> = on!(session, |c| sqlx::query_as(OPEN).fetch_all(c).await?);
    rows.into_iter().map(work).collect()
}

/// Takes the work that waits longest and needs no file, or one of this folder, for so long. It waits if nobody has it
/// any more. A claim that lasts longer than that was made by a clock that was ahead, and is none.
///
/// # Errors
/// If the database fails.
pub async fn claim(
    session: Session<'_>,
    claimer: &str,
    folder: &str,
    now: Timestamp,
    lease: Duration,
) -> Result<Option<Work>, DatabaseError> {
    let until = now.after(lease);
    // Two processes on PostgreSQL pass over what the other is about to take; SQLite has one writer.
    let row: Option<Row> = match session {
        Session::Sqlite(c) => {
            let query = sqlx::query_as(CLAIM).bind(now.0).bind(until.0).bind(claimer).bind(folder);
            query.fetch_optional(c).await?
        }
        Session::Postgres(c, _) => {
            let query =
                sqlx::query_as(CLAIM_SKIPPING).bind(now.0).bind(until.0).bind(claimer).bind(folder);
            query.fetch_optional(c).await?
        }
    };
    row.map(work).transpose()
}

/// Notes how far work is, and keeps it for so long; whether it is still the claimer's. If it is not, the transaction is
/// to be dropped.
///
/// # Errors
/// If the database fails.
pub async fn keep(
    session: Session<'_>,
    id: WorkId,
    claimer: &str,
    (done, total): (u64, u64),
    until: Timestamp,
) -> Result<bool, DatabaseError> {
    let number = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
    let rows = on!(session, |c| {
        sqlx::query(KEEP)
            .bind(id.0)
            .bind(claimer)
            .bind(number(done))
            .bind(number(total))
            .bind(until.0)
            .execute(c)
            .await?
            .rows_affected()
    });
    Ok(rows > 0)
}

/// Lets another have the work at once, if it is still the claimer's.
///
/// # Errors
/// If the database fails.
pub async fn release(
    session: Session<'_>,
    id: WorkId,
    claimer: &str,
) -> Result<bool, DatabaseError> {
    let rows = on!(session, |c| {
        sqlx::query(RELEASE).bind(id.0).bind(claimer).execute(c).await?.rows_affected()
    });
    Ok(rows > 0)
}

/// Ends work; whether it was still the claimer's. If it was not, the transaction is to be dropped.
///
/// # Errors
/// If the database fails.
pub async fn end(
    session: Session<'_>,
    id: WorkId,
    claimer: &str,
    end: End<'_>,
    now: Timestamp,
) -> Result<bool, DatabaseError> {
    let (state, result, fault) = match end {
        End::Done(result) => (State::Done, result, ""),
        End::Failed(fault) => (State::Failed, "", fault),
    };
    let rows = on!(session, |c| {
        sqlx::query(END)
            .bind(id.0)
            .bind(claimer)
            .bind(state.word())
            .bind(result)
            .bind(fault)
            .bind(now.0)
            .execute(c)
            .await?
            .rows_affected()
    });
    Ok(rows > 0)
}

/// Cancels work that is open: how far it was. Whoever is at it finds out with its next part.
///
/// # Errors
/// If the database fails.
pub async fn cancel(
    session: Session<'_>,
    id: WorkId,
    now: Timestamp,
) -> Result<Option<Work>, DatabaseError> {
    let row: Option<Row> =
        on!(session, |c| sqlx::query_as(CANCEL).bind(id.0).bind(now.0).fetch_optional(c).await?);
    row.map(work).transpose()
}

/// Gives up open work that was ordered before then and needs a file that nobody has who is there: nobody is at it, and its
/// server did not take it in all that time. What was given up.
///
/// # Errors
/// If the database fails.
pub async fn give_up(
    session: Session<'_>,
    before: Timestamp,
    fault: &str,
    now: Timestamp,
) -> Result<u64, DatabaseError> {
    Ok(on!(session, |c| {
        let query = sqlx::query(GIVE_UP).bind(before.0).bind(now.0).bind(fault);
        query.execute(c).await?.rows_affected()
    }))
}

/// Forgets work that ended before then; how much.
///
/// # Errors
/// If the database fails.
pub async fn forget(session: Session<'_>, before: Timestamp) -> Result<u64, DatabaseError> {
    Ok(on!(session, |c| sqlx::query(FORGET).bind(before.0).execute(c).await?.rows_affected()))
}

/// A row of work.
#[derive(sqlx::FromRow)]
struct Row {
    /// Its number.
    id: i64,
    /// The word of its kind.
    kind: String,
    /// The list.
    list: Option<i64>,
    /// The source.
    source: Option<i64>,
    /// The rule.
    rule: Option<i64>,
    /// The particulars.
    particulars: String,
    /// Who ordered it.
    actor: String,
    /// The word of its state.
    state: String,
    /// How much is done.
    done: i64,
    /// Of how much.
    total: i64,
    /// When it was ordered.
    created: i64,
    /// When it was begun.
    begun: Option<i64>,
    /// When it ended.
    ended: Option<i64>,
    /// Where its file is.
    folder: Option<String>,
    /// How often it was taken.
    attempts: i64,
    /// What became of it.
    result: String,
    /// Why it failed.
    fault: String,
}

/// Reads a row.
fn work(row: Row) -> Result<Work, DatabaseError> {
    let kind = Kind::ALL.into_iter().find(|kind| kind.word() == row.kind);
    let state = State::ALL.into_iter().find(|state| state.word() == row.state);
    Ok(Work {
        id: WorkId(row.id),
        new: New {
            kind: kind.ok_or(DatabaseError::Content("the kind of work"))?,
            subject: Subject {
                list: row.list.map(ListId),
                source: row.source.map(EvidenceSourceId),
                rule: row.rule.map(RuleId),
            },
            particulars: row.particulars,
            actor: row.actor,
            total: row.total.unsigned_abs(),
            folder: row.folder,
        },
        state: state.ok_or(DatabaseError::Content("the state of work"))?,
        done: row.done.unsigned_abs(),
        created: Timestamp(row.created),
        begun: row.begun.map(Timestamp),
        ended: row.ended.map(Timestamp),
        attempts: u32::try_from(row.attempts).unwrap_or(u32::MAX),
        result: row.result,
        fault: row.fault,
    })
}

statements! {
    /// Orders work.
    ORDER = "INSERT INTO work (kind, list, source, rule, particulars, actor, state, done, total, created, folder,
        attempts, result, fault) VALUES ($1, $2, $3, $4, $5, $6, 'queued', 0, $7, $8, $9, 0, '', '')
        ON CONFLICT (source) WHERE kind = 'purge' AND state IN ('queued', 'running') DO NOTHING RETURNING id";
    /// The purge of a source that is open.
    OPEN_PURGE = "SELECT id FROM work WHERE source = $1 AND kind = 'purge' AND state IN ('queued', 'running')";
    /// One piece.
    BY_ID = "SELECT id, kind, list, source, rule, particulars, actor, state, done, total, created, begun, ended,
        folder, attempts, result, fault FROM work WHERE id = $1";
    /// The latest.
    LATEST = "SELECT id, kind, list, source, rule, particulars, actor, state, done, total, created, begun, ended,
        folder, attempts, result, fault FROM work WHERE id < $1 ORDER BY id DESC LIMIT $2";
    /// What is open.
    OPEN = "SELECT id, kind, list, source, rule, particulars, actor, state, done, total, created, begun, ended,
        folder, attempts, result, fault FROM work WHERE state IN ('queued', 'running') ORDER BY id";
    /// Takes work, where one writes at a time.
    CLAIM = "UPDATE work SET state = 'running', claimed = $3, until = $2, begun = COALESCE(begun, $1),
        attempts = attempts + 1 WHERE id = (SELECT id FROM work WHERE state IN ('queued', 'running')
            AND (state = 'queued' OR until <= $1 OR until > $2) AND (folder IS NULL OR folder = $4)
            ORDER BY id LIMIT 1)
        RETURNING id, kind, list, source, rule, particulars, actor, state, done, total, created, begun, ended,
            folder, attempts, result, fault";
    /// Notes how far it is.
    KEEP = "UPDATE work SET done = $3, total = $4, until = $5
        WHERE id = $1 AND claimed = $2 AND state = 'running'";
    /// Gives it back.
    RELEASE = "UPDATE work SET state = 'queued', claimed = NULL, until = NULL, attempts = attempts - 1
        WHERE id = $1 AND claimed = $2 AND state = 'running'";
    /// Ends it.
    END = "UPDATE work SET state = $3, result = $4, fault = $5, ended = $6, claimed = NULL, until = NULL
        WHERE id = $1 AND claimed = $2 AND state = 'running'";
    /// Cancels it.
    CANCEL = "UPDATE work SET state = 'cancelled', ended = $2, claimed = NULL, until = NULL
        WHERE id = $1 AND state IN ('queued', 'running')
        RETURNING id, kind, list, source, rule, particulars, actor, state, done, total, created, begun, ended,
            folder, attempts, result, fault";
    /// Gives up what waits for a server.
    GIVE_UP = "UPDATE work SET state = 'failed', fault = $3, ended = $2, claimed = NULL, until = NULL
        WHERE folder IS NOT NULL AND created < $1 AND (state = 'queued' OR (state = 'running' AND until <= $2))";
    /// Forgets it.
    FORGET = "DELETE FROM work WHERE ended < $1";
}

/// Takes work, where several write; SQLite does not know these words.
const CLAIM_SKIPPING: &str =
    "UPDATE work SET state = 'running', claimed = $3, until = $2, begun = COALESCE(begun, $1),
        attempts = attempts + 1 WHERE id = (SELECT id FROM work WHERE state IN ('queued', 'running')
            AND (state = 'queued' OR until <= $1 OR until > $2) AND (folder IS NULL OR folder = $4)
            ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED)
        RETURNING id, kind, list, source, rule, particulars, actor, state, done, total, created, begun, ended,
            folder, attempts, result, fault";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::on_each;
    use crate::{Transaction, audit, evidence};

    /// How long work is kept in these tests.
    const LEASE: Duration = Duration::from_micros(100);

    /// A purge of a source.
    async fn purge(transaction: &mut Transaction) -> New {
        let name = evidence::sources(transaction.session()).await.expect("read").len().to_string();
        let kind = evidence::Kind::Trap;
        let source = evidence::add_source(transaction.session(), &name, kind, Timestamp(1)).await;
        let actor = audit::machine(transaction.session(), "shell").await.expect("a name");
        New {
            kind: Kind::Purge,
            subject: Subject { source: Some(source.expect("it is added")), ..Subject::default() },
            particulars: "{}".to_owned(),
            actor,
            total: 9,
            folder: None,
        }
    }

    #[tokio::test]
    async fn one_has_it_at_a_time_and_another_when_he_dies() {
        on_each(async |database| {
            let mut transaction = database.begin().await.expect("a transaction");
            let t = &mut transaction;
            let new = purge(t).await;
            let id = order(t.session(), &new, Timestamp(1)).await.expect("it is ordered");
            let again = order(t.session(), &new, Timestamp(2)).await.expect("it is ordered");
            assert_eq!(again, id, "one purge of a source at a time");
            let take = async |t: &mut Transaction, who, now| {
                claim(t.session(), who, "", Timestamp(now), LEASE).await.expect("a look")
            };
            let taken = take(t, "a", 10).await.expect("it waits");
            assert_eq!((taken.id, taken.state, taken.attempts), (id, State::Running, 1));
            assert_eq!(take(t, "b", 109).await, None, "it is his until 110");
            let keep = async |t: &mut Transaction, who, until| {
                keep(t.session(), id, who, (3, 9), Timestamp(until)).await.expect("it is asked")
            };
            assert!(keep(t, "a", 150).await, "it is his for longer");
            assert_eq!(take(t, "b", 149).await, None);
            let taken = take(t, "b", 150).await.expect("he is dead");
            assert_eq!((taken.done, taken.begun, taken.attempts), (3, Some(Timestamp(10)), 2));
            assert!(!keep(t, "a", 999).await, "he was only slow, and comes too late");
            let end = async |t: &mut Transaction, who| {
                end(t.session(), id, who, End::Done("{}"), Timestamp(7)).await.expect("it is asked")
            };
            assert!(!end(t, "a").await);
            assert!(release(t.session(), id, "b").await.expect("it is given back"));
            assert_eq!(take(t, "c", 151).await.expect("at once").attempts, 2);
            assert!(end(t, "c").await);
            assert_eq!(take(t, "c", 9_999).await, None);
            let done = by_id(t.session(), id).await.expect("it is read").expect("it is there");
            assert_eq!(
                (done.state, done.ended, &*done.result),
                (State::Done, Some(Timestamp(7)), "{}")
            );
            let next = order(t.session(), &new, Timestamp(2)).await.expect("it is ordered");
            assert_ne!(next, id, "the other one is over");
            assert_eq!(forget(t.session(), Timestamp(7)).await.expect("it is forgotten"), 0);
            assert_eq!(forget(t.session(), Timestamp(8)).await.expect("it is forgotten"), 1);
        })
        .await;
    }

    #[tokio::test]
    async fn a_clock_that_was_ahead_keeps_nobody_from_it() {
        on_each(async |database| {
            let mut transaction = database.begin().await.expect("a transaction");
            let t = &mut transaction;
            let new = purge(t).await;
            order(t.session(), &new, Timestamp(1)).await.expect("it is ordered");
            for (who, now, is_his) in [("a", 9_000, true), ("b", 9_001, false), ("b", 20, true)] {
                let taken = claim(t.session(), who, "", Timestamp(now), LEASE).await;
                assert_eq!(taken.expect("a look").is_some(), is_his, "{who} at {now}");
            }
        })
        .await;
    }

    #[tokio::test]
    async fn what_needs_a_file_waits_for_who_has_it_and_what_is_cancelled_for_nobody() {
        on_each(async |database| {
            let mut transaction = database.begin().await.expect("a transaction");
            let t = &mut transaction;
            let new = purge(t).await;
            let here = New { folder: Some("here".to_owned()), ..new.clone() };
            let id = order(t.session(), &here, Timestamp(1)).await.expect("it is ordered");
            let other = purge(t).await;
            let second = order(t.session(), &other, Timestamp(1)).await.expect("it is ordered");
            let take = async |t: &mut Transaction, folder| {
                let taken = claim(t.session(), "a", folder, Timestamp(5), LEASE).await;
                taken.expect("a look").map(|work| work.id)
            };
            assert_eq!(take(t, "there").await, Some(second), "the first one's file is elsewhere");
            assert_eq!(take(t, "there").await, None);
            assert_eq!(take(t, "here").await, Some(id));
            assert_eq!(open(t.session()).await.expect("they are read").len(), 2);
            let was = cancel(t.session(), id, Timestamp(8)).await.expect("it is cancelled");
            assert_eq!(was.expect("it was open").state, State::Cancelled);
            let again = cancel(t.session(), id, Timestamp(9)).await.expect("it is tried");
            assert_eq!(again, None, "it is over");
            let kept = keep(t.session(), id, "a", (1, 2), Timestamp(999)).await;
            assert!(!kept.expect("it is asked"), "whoever is at it finds out");
            let latest = latest(t.session(), Some(second), 9).await.expect("they are read");
            assert_eq!(latest.iter().map(|work| work.id).collect::<Vec<_>>(), [id]);
        })
        .await;
    }

    #[tokio::test]
    async fn what_waits_for_a_server_that_does_not_come_back_is_given_up() {
        on_each(async |database| {
            let mut transaction = database.begin().await.expect("a transaction");
            let t = &mut transaction;
            let mut ids = Vec::new();
            for folder in [Some("gone"), Some("here"), None] {
                let folder = folder.map(str::to_owned);
                let new = New { folder, ..purge(t).await };
                ids.push(order(t.session(), &new, Timestamp(1)).await.expect("it is ordered"));
            }
            let taken = claim(t.session(), "a", "here", Timestamp(50), LEASE).await;
            assert_eq!(taken.expect("a look").expect("it waits").id, ids[1]);
            for (before, now, count) in [(1, 60, 0), (2, 60, 1), (2, 149, 0), (2, 150, 1)] {
                let (before, now) = (Timestamp(before), Timestamp(now));
                let given_up = give_up(t.session(), before, "gone", now).await;
                assert_eq!(given_up.expect("it is done"), count, "{before:?} {now:?}");
            }
            for (id, state) in ids.iter().zip([State::Failed, State::Failed, State::Queued]) {
                let found = by_id(t.session(), *id).await.expect("it is read").expect("there");
                assert_eq!(found.state, state);
                assert_eq!(found.fault == "gone", state == State::Failed);
            }
        })
        .await;
    }
}

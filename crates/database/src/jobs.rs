//! Work that outlives a process: written in the transaction that makes it necessary, done by whoever is free, again
//! after a crash, and so at least once.

use std::time::Duration;

use crate::database::DatabaseError;
use crate::session::{Session, on};
use crate::statement::statements;
use crate::time::Timestamp;

/// Names a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct JobId(pub i64);

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// What kind of work it is.
    pub kind: String,
    /// Of jobs with the same key there is one: another order for it changes nothing but the moment, if that is
    /// earlier.
    pub key: Option<String>,
    /// The particulars, as JSON.
    pub payload: String,
    /// When.
    pub due: Timestamp,
}

/// A job that somebody has taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// Its number.
    pub id: JobId,
    /// What kind of work it is.
    pub kind: String,
    /// The particulars.
    pub payload: String,
    /// How often it was taken, this time included.
    pub attempts: u32,
}

/// Orders some work.
///
/// # Errors
/// If the database fails.
pub async fn order(session: Session<'_>, order: &Order) -> Result<(), DatabaseError> {
    on!(session, |c| {
        sqlx::query(ORDER)
            .bind(&order.kind)
            .bind(&order.key)
            .bind(&order.payload)
            .bind(order.due.0)
            .execute(c)
            .await?;
    });
    Ok(())
}

/// Sees to it that there is a job with a key, which is done once in so long; one that is there stays as it is, unless
/// it is due later than that: then a clock that was ahead ordered it.
///
/// # Errors
/// If the database fails.
pub async fn keep(
    session: Session<'_>,
    order: &Order,
    every: Duration,
) -> Result<(), DatabaseError> {
    on!(session, |c| {
        sqlx::query(KEEP)
            .bind(&order.kind)
            .bind(&order.key)
            .bind(&order.payload)
            .bind(order.due.0)
            .bind(order.due.after(every).0)
            .execute(c)
            .await?;
    });
    Ok(())
}

/// As [`take`], of the jobs of one kind, all of which are taken for as long: one that is taken for longer was taken by
/// a clock that was ahead, and is free.
///
/// # Errors
/// If the database fails.
pub async fn take_of(
    session: Session<'_>,
    kind: &str,
    now: Timestamp,
    lease: Duration,
) -> Result<Option<Job>, DatabaseError> {
    let until = now.after(lease);
    let row: Option<Row> = match session {
        Session::Sqlite(c) => {
            let query = sqlx::query_as(TAKE_OF).bind(now.0).bind(until.0).bind(kind);
            query.fetch_optional(c).await?
        }
        Session::Postgres(c, _) => {
            let query = sqlx::query_as(TAKE_OF_SKIPPING).bind(now.0).bind(until.0).bind(kind);
            query.fetch_optional(c).await?
        }
    };
    Ok(row.map(job))
}

/// Takes a job that is due, for so long; nobody else gets it before. A job that is not [`done`] by then is taken
/// again.
///
/// # Errors
/// If the database fails.
pub async fn take(
    session: Session<'_>,
    now: Timestamp,
    lease: Duration,
) -> Result<Option<Job>, DatabaseError> {
    let until = now.after(lease);
    // Two processes on PostgreSQL pass over what the other is about to take; SQLite has one writer.
    let row: Option<Row> = match session {
        Session::Sqlite(c) => {
            sqlx::query_as(TAKE).bind(now.0).bind(until.0).fetch_optional(c).await?
        }
        Session::Postgres(c, _) => {
            sqlx::query_as(TAKE_SKIPPING).bind(now.0).bind(until.0).fetch_optional(c).await?
        }
    };
    Ok(row.map(job))
}

/// Notes that a job is done. A job that was ordered again meanwhile is due again.
///
/// # Errors
/// If the database fails.
pub async fn done(session: Session<'_>, job: &Job) -> Result<(), DatabaseError> {
    on!(session, |c| sqlx::query(DONE).bind(job.id.0).execute(c).await?.rows_affected());
    Ok(())
}

/// Notes that a job failed, why, and when it is tried again.
///
/// # Errors
/// If the database fails.
pub async fn failed(
    session: Session<'_>,
    job: &Job,
    error: &str,
    again: Timestamp,
) -> Result<(), DatabaseError> {
    on!(session, |c| {
        sqlx::query(FAILED).bind(job.id.0).bind(error).bind(again.0).execute(c).await?;
    });
    Ok(())
}

/// A row of jobs.
type Row = (i64, String, String, i64);

/// Reads a row.
fn job((id, kind, payload, attempts): Row) -> Job {
    let attempts = u32::try_from(attempts).unwrap_or(u32::MAX);
    Job { id: JobId(id), kind, payload, attempts }
}

statements! {
    /// Work that is always there.
    KEEP = "INSERT INTO jobs (kind, key, payload, due, attempts) VALUES ($1, $2, $3, $4, 0)
        ON CONFLICT (key) DO UPDATE SET due = excluded.due WHERE jobs.due > $5";
    /// Takes work of a kind, where one writes at a time.
    TAKE_OF = "UPDATE jobs SET taken = $2, attempts = attempts + 1 WHERE id =
        (SELECT id FROM jobs WHERE due <= $1 AND (taken IS NULL OR taken <= $1 OR taken > $2) AND kind = $3
        ORDER BY due, id LIMIT 1) RETURNING id, kind, payload, attempts";
    /// Orders work.
    ORDER = "INSERT INTO jobs (kind, key, payload, due, attempts) VALUES ($1, $2, $3, $4, 0)
        ON CONFLICT (key) DO UPDATE SET payload = excluded.payload,
        due = CASE WHEN jobs.taken IS NULL AND jobs.due < excluded.due THEN jobs.due ELSE excluded.due END,
        taken = NULL";
    /// Takes work, where one writes at a time.
    TAKE = "UPDATE jobs SET taken = $2, attempts = attempts + 1 WHERE id =
        (SELECT id FROM jobs WHERE due <= $1 AND (taken IS NULL OR taken <= $1) ORDER BY due, id LIMIT 1)
        RETURNING id, kind, payload, attempts";
    /// Ends work.
    DONE = "DELETE FROM jobs WHERE id = $1 AND taken IS NOT NULL";
    /// Puts it off.
    FAILED = "UPDATE jobs SET taken = NULL, error = $2, due = $3 WHERE id = $1";
}

/// Takes work of a kind, where several write; SQLite does not know these words.
const TAKE_OF_SKIPPING: &str = "UPDATE jobs SET taken = $2, attempts = attempts + 1 WHERE id =
    (SELECT id FROM jobs WHERE due <= $1 AND (taken IS NULL OR taken <= $1 OR taken > $2) AND kind = $3
    ORDER BY due, id LIMIT 1 FOR UPDATE SKIP LOCKED) RETURNING id, kind, payload, attempts";
/// Takes work, where several write; SQLite does not know these words.
const TAKE_SKIPPING: &str = "UPDATE jobs SET taken = $2, attempts = attempts + 1 WHERE id =
    (SELECT id FROM jobs WHERE due <= $1 AND (taken IS NULL OR taken <= $1) ORDER BY due, id LIMIT 1
    FOR UPDATE SKIP LOCKED) RETURNING id, kind, payload, attempts";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::on_each;

    fn publish(due: i64) -> Order {
        let key = Some("publish 1".to_owned());
        Order { kind: "publish".into(), key, payload: format!("{due}"), due: Timestamp(due) }
    }

    const LEASE: Duration = Duration::from_micros(100);

    #[tokio::test]
    async fn a_job_is_done_once_unless_its_worker_dies() {
        on_each(async |database| {
            let mut transaction = database.begin().await.expect("a transaction");
            order(transaction.session(), &publish(10)).await.expect("it is ordered");
            order(transaction.session(), &publish(20)).await.expect("it is ordered");
            let early = take(transaction.session(), Timestamp(9), LEASE).await.expect("a look");
            assert_eq!(early, None);
            let mut at = async |now| {
                take(transaction.session(), Timestamp(now), LEASE).await.expect("a look")
            };
            let job = at(15).await.expect("it is due, by the earlier order");
            assert_eq!((&*job.kind, &*job.payload, job.attempts), ("publish", "20", 1));
            assert_eq!(at(16).await, None, "somebody works on it");
            let again = at(115).await.expect("its worker is dead");
            assert_eq!((again.id, again.attempts), (job.id, 2));
            done(transaction.session(), &again).await.expect("it is done");
            let none = take(transaction.session(), Timestamp(9999), LEASE).await.expect("a look");
            assert_eq!(none, None);
        })
        .await;
    }

    #[tokio::test]
    async fn what_is_ordered_while_it_is_being_done_is_done_again() {
        on_each(async |database| {
            let mut transaction = database.begin().await.expect("a transaction");
            order(transaction.session(), &publish(10)).await.expect("it is ordered");
            let job = take(transaction.session(), Timestamp(10), LEASE).await.expect("a look");
            order(transaction.session(), &publish(30)).await.expect("it is ordered");
            done(transaction.session(), &job.expect("it is due")).await.expect("it is done");
            let next = take(transaction.session(), Timestamp(30), LEASE).await.expect("a look");
            let next = next.expect("the second order is left");
            failed(transaction.session(), &next, "disk full", Timestamp(60)).await.expect("noted");
            let early = take(transaction.session(), Timestamp(59), LEASE).await.expect("a look");
            assert_eq!(early, None);
            let last = take(transaction.session(), Timestamp(60), LEASE).await.expect("a look");
            assert_eq!(last.expect("it is tried again").attempts, 3);
        })
        .await;
    }

    #[tokio::test]
    async fn a_worker_takes_its_own_kind_and_work_that_is_always_there_is_not_hurried() {
        on_each(async |database| {
            let mut transaction = database.begin().await.expect("a transaction");
            let session = &mut transaction;
            for due in [10, 5] {
                keep(session.session(), &publish(due), LEASE).await.expect("it is there");
            }
            let at = async |session: &mut crate::Transaction, kind, now| {
                let job = take_of(session.session(), kind, Timestamp(now), LEASE).await;
                job.expect("a look").map(|job| job.payload)
            };
            assert_eq!(at(session, "publish", 9).await, None, "the first stays");
            assert_eq!(at(session, "mail", 10).await, None, "it is of another kind");
            assert_eq!(at(session, "publish", 10).await.as_deref(), Some("10"));
            assert_eq!(at(session, "publish", 11).await, None, "somebody works on it");
        })
        .await;
    }

    #[tokio::test]
    async fn a_clock_that_was_ahead_keeps_no_work_from_being_done() {
        on_each(async |database| {
            let mut transaction = database.begin().await.expect("a transaction");
            let session = &mut transaction;
            let at = async |session: &mut crate::Transaction, now| {
                let job = take_of(session.session(), "publish", Timestamp(now), LEASE).await;
                job.expect("a look")
            };
            keep(session.session(), &publish(10), LEASE).await.expect("it is there");
            assert!(at(session, 9_000).await.is_some(), "the clock is ahead");
            assert!(at(session, 9_001).await.is_none(), "somebody works on it");
            let job = at(session, 20).await.expect("nobody takes it until 9,100 who has it at 20");
            failed(session.session(), &job, "", Timestamp(9_000)).await.expect("it is put off");
            keep(session.session(), &publish(8_950), LEASE).await.expect("it is there");
            assert!(at(session, 8_999).await.is_none(), "it stays as it is");
            keep(session.session(), &publish(50), LEASE).await.expect("it is there");
            assert!(at(session, 50).await.is_some(), "it is due when it would have been");
        })
        .await;
    }

    #[tokio::test]
    async fn many_workers_share_jobs_without_doubling() {
        on_each(async |database| {
            let mut transaction = database.begin().await.expect("a transaction");
            for number in 0..60 {
                let order = Order { key: None, payload: number.to_string(), ..publish(1) };
                super::order(transaction.session(), &order).await.expect("it is ordered");
            }
            transaction.commit().await.expect("it is committed");
            let work = |database: crate::Database| async move {
                let mut did = Vec::new();
                loop {
                    let mut transaction = database.begin().await.expect("a transaction");
                    let hour = Duration::from_secs(3600);
                    let job =
                        take(transaction.session(), Timestamp(2), hour).await.expect("a look");
                    transaction.commit().await.expect("it is committed");
                    let Some(job) = job else { return did };
                    did.push(job.payload.clone());
                    let mut transaction = database.begin().await.expect("a transaction");
                    done(transaction.session(), &job).await.expect("it is done");
                    transaction.commit().await.expect("it is committed");
                }
            };
            let workers: Vec<_> = (0..4).map(|_| tokio::spawn(work(database.clone()))).collect();
            let mut did = Vec::new();
            for worker in workers {
                did.extend(worker.await.expect("it ends"));
            }
            did.sort_by_key(|payload| payload.parse::<u32>().expect("a number"));
            assert_eq!(did, (0..60).map(|number| number.to_string()).collect::<Vec<_>>());
        })
        .await;
    }
}

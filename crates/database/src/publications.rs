//! Publications: what became of a list's serials, and what may be published only when a second person says so.
//!
//! There is one row for a serial, whoever writes it: of several processes that publish the same database each
//! serves for itself, and the first to say what became of a serial says it for all.

use crate::database::DatabaseError;
use crate::lists::ListId;
use crate::session::{Session, on};
use crate::statement::statements;
use crate::time::Timestamp;

/// What became of a serial.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Publication {
    /// The serial.
    pub serial: u32,
    /// When that was decided.
    pub time: Timestamp,
    /// How many entries it has.
    pub entries: u64,
    /// The last row of the audit log that it holds.
    pub audit: u64,
    /// Whether it may be seen.
    pub outcome: Outcome,
}

/// Whether a serial may be seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It may.
    Published,
    /// It may not: what was published before it stays.
    Refused {
        /// Why.
        why: String,
    },
    /// It was refused, and a second person meant it so.
    Approved {
        /// Why it was refused.
        why: String,
        /// The pseudonym of who approved it.
        by: String,
    },
}

/// Writes down what became of a serial. Of what several processes say of one serial the first counts; but one
/// that could be published is published.
///
/// # Errors
/// If the database fails.
pub async fn note(
    session: Session<'_>,
    list: ListId,
    publication: &Publication,
) -> Result<(), DatabaseError> {
    let Publication { serial, time, entries, audit, outcome } = publication;
    let (outcome, why, by) = match outcome {
        Outcome::Published => ("published", "", None),
        Outcome::Refused { why } => ("refused", &**why, None),
        Outcome::Approved { why, by } => ("approved", &**why, Some(by)),
    };
    on!(session, |c| {
        sqlx::query(NOTE)
            .bind(list.0)
            .bind(i64::from(*serial))
            .bind(time.0)
            .bind(i64::try_from(*entries).unwrap_or(i64::MAX))
            .bind(i64::try_from(*audit).unwrap_or(i64::MAX))
            .bind(outcome)
            .bind(why)
            .bind(by)
            .execute(c)
            .await?;
    });
    Ok(())
}

/// What became of a serial, if that is known.
///
/// # Errors
/// If the database fails.
pub async fn at(
    session: Session<'_>,
    list: ListId,
    serial: u32,
) -> Result<Option<Publication>, DatabaseError> {
    let row: Option<Row> = on!(session, |c| {
        sqlx::query_as(AT).bind(list.0).bind(i64::from(serial)).fetch_optional(c).await?
    });
    row.map(publication).transpose()
}

/// The last serials of a list, the latest first.
///
/// # Errors
/// If the database fails.
pub async fn last(
    session: Session<'_>,
    list: ListId,
    limit: u32,
) -> Result<Vec<Publication>, DatabaseError> {
    let rows: Vec<Row> = on!(session, |c| {
        sqlx::query_as(LAST).bind(list.0).bind(i64::from(limit)).fetch_all(c).await?
    });
    rows.into_iter().map(publication).collect()
}

/// The last serial of a list that may be seen.
///
/// # Errors
/// If the database fails.
pub async fn last_good(
    session: Session<'_>,
    list: ListId,
) -> Result<Option<Publication>, DatabaseError> {
    let row: Option<Row> =
        on!(session, |c| sqlx::query_as(LAST_GOOD).bind(list.0).fetch_optional(c).await?);
    row.map(publication).transpose()
}

/// The last serial of a list that was refused and that nobody approved, if none behind it may be seen.
///
/// # Errors
/// If the database fails.
pub async fn pending(
    session: Session<'_>,
    list: ListId,
) -> Result<Option<Publication>, DatabaseError> {
    let row: Option<Row> =
        on!(session, |c| sqlx::query_as(PENDING).bind(list.0).fetch_optional(c).await?);
    row.map(publication).transpose()
}

/// The versions of all lists that were refused and that nobody approved, each the last one of its list.
///
/// # Errors
/// If the database fails.
pub async fn all_pending(
    session: Session<'_>,
) -> Result<Vec<(ListId, Publication)>, DatabaseError> {
    let rows: Vec<OfList> = on!(session, |c| sqlx::query_as(ALL_PENDING).fetch_all(c).await?);
    rows.into_iter().map(of_list).collect()
}

/// The same of lists of which nobody was told yet that they stand still.
///
/// # Errors
/// If the database fails.
pub async fn untold(session: Session<'_>) -> Result<Vec<(ListId, Publication)>, DatabaseError> {
    let rows: Vec<OfList> = on!(session, |c| sqlx::query_as(UNTOLD).fetch_all(c).await?);
    rows.into_iter().map(of_list).collect()
}

/// Notes that editors are told of a refused serial; whether nobody else noted it before.
///
/// # Errors
/// If the database fails.
pub async fn tell(
    session: Session<'_>,
    list: ListId,
    serial: u32,
    now: Timestamp,
) -> Result<bool, DatabaseError> {
    let rows = on!(session, |c| {
        sqlx::query(TELL)
            .bind(list.0)
            .bind(i64::from(serial))
            .bind(now.0)
            .execute(c)
            .await?
            .rows_affected()
    });
    Ok(rows > 0)
}

/// How many entries a list had at a moment, or when a second person approved of it last, if that was later; nothing of
/// a list that is younger.
///
/// # Errors
/// If the database fails.
pub async fn entries_at(
    session: Session<'_>,
    list: ListId,
    moment: Timestamp,
) -> Result<Option<u64>, DatabaseError> {
    let row: Option<(i64,)> = on!(session, |c| {
        sqlx::query_as(ENTRIES_AT).bind(list.0).bind(moment.0).fetch_optional(c).await?
    });
    Ok(row.map(|(entries,)| u64::try_from(entries).unwrap_or(0)))
}

/// The last serial of a list that was refused, and that a second person approved.
///
/// # Errors
/// If the database fails.
pub async fn last_approved(
    session: Session<'_>,
    list: ListId,
) -> Result<Option<u32>, DatabaseError> {
    let row: Option<(i64,)> =
        on!(session, |c| sqlx::query_as(LAST_APPROVED).bind(list.0).fetch_optional(c).await?);
    let serial = row.map(|(serial,)| u32::try_from(serial)).transpose();
    serial.map_err(|_| DatabaseError::Content("the serial of a publication"))
}

/// Forgets some serials that were published before a moment, but for the last one; those that were refused stay. The
/// last one that is forgotten, if any is.
///
/// # Errors
/// If the database fails.
pub async fn forget(
    session: Session<'_>,
    list: ListId,
    before: Timestamp,
) -> Result<Option<u32>, DatabaseError> {
    let rows: Vec<(i64,)> = on!(session, |c| {
        sqlx::query_as(FORGET).bind(list.0).bind(before.0).fetch_all(c).await?
    });
    let last = rows.into_iter().map(|(serial,)| serial).max();
    last.map(u32::try_from)
        .transpose()
        .map_err(|_| DatabaseError::Content("the serial of a publication"))
}

/// Notes that somebody approved a refused serial; whether there was one.
///
/// # Errors
/// If the database fails.
pub async fn approve(
    session: Session<'_>,
    list: ListId,
    serial: u32,
    by: &str,
) -> Result<bool, DatabaseError> {
    let rows = on!(session, |c| {
        sqlx::query(APPROVE)
            .bind(list.0)
            .bind(i64::from(serial))
            .bind(by)
            .execute(c)
            .await?
            .rows_affected()
    });
    Ok(rows > 0)
}

/// A row of publications.
type Row = (i64, i64, i64, i64, String, String, Option<String>);

/// The same with its list.
type OfList = (i64, i64, i64, i64, i64, String, String, Option<String>);

/// Reads a row with its list.
fn of_list(row: OfList) -> Result<(ListId, Publication), DatabaseError> {
    let (list, serial, time, entries, audit, outcome, why, by) = row;
    Ok((ListId(list), publication((serial, time, entries, audit, outcome, why, by))?))
}

/// Reads a row.
fn publication(row: Row) -> Result<Publication, DatabaseError> {
    let (serial, time, entries, audit, outcome, why, by) = row;
    let outcome = match (&*outcome, by) {
        ("published", _) => Outcome::Published,
        ("refused", _) => Outcome::Refused { why },
        ("approved", Some(by)) => Outcome::Approved { why, by },
        _ => return Err(DatabaseError::Content("the outcome of a publication")),
    };
    Ok(Publication {
        serial: u32::try_from(serial)
            .map_err(|_| DatabaseError::Content("the serial of a publication"))?,
        time: Timestamp(time),
        entries: u64::try_from(entries).unwrap_or(0),
        audit: u64::try_from(audit).unwrap_or(0),
        outcome,
    })
}

statements! {
    /// What became of a serial.
    NOTE = "INSERT INTO publications (list, serial, time, entries, audit, outcome, why, actor)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (list, serial) DO UPDATE SET
        outcome = excluded.outcome, why = excluded.why, time = excluded.time
        WHERE publications.outcome = 'refused' AND excluded.outcome = 'published'";
    /// One serial.
    AT = "SELECT serial, time, entries, audit, outcome, why, actor FROM publications
        WHERE list = $1 AND serial = $2";
    /// The last ones.
    LAST = "SELECT serial, time, entries, audit, outcome, why, actor FROM publications
        WHERE list = $1 ORDER BY serial DESC LIMIT $2";
    /// The last one that may be seen.
    LAST_GOOD = "SELECT serial, time, entries, audit, outcome, why, actor FROM publications
        WHERE list = $1 AND outcome <> 'refused' ORDER BY serial DESC LIMIT 1";
    /// How large a list was.
    ENTRIES_AT = "SELECT entries FROM publications WHERE list = $1
        AND (outcome = 'approved' OR (outcome = 'published' AND time <= $2))
        ORDER BY serial DESC LIMIT 1";
    /// The last one that somebody approved.
    LAST_APPROVED = "SELECT serial FROM publications
        WHERE list = $1 AND outcome = 'approved' ORDER BY serial DESC LIMIT 1";
    /// The last one, if it is refused.
    PENDING = "SELECT serial, time, entries, audit, outcome, why, actor FROM publications
        WHERE list = $1 AND outcome = 'refused' AND serial =
        (SELECT MAX(serial) FROM publications WHERE list = $1)";
    /// Those of all lists.
    ALL_PENDING = "SELECT p.list, p.serial, time, entries, audit, outcome, why, actor FROM lists l
        JOIN publications p ON p.list = l.id AND p.serial =
        (SELECT MAX(serial) FROM publications o WHERE o.list = l.id)
        WHERE outcome = 'refused' ORDER BY time";
    /// Those of lists that stand still and of which nothing was told since the last good serial.
    UNTOLD = "SELECT p.list, p.serial, time, entries, audit, outcome, why, actor FROM lists l
        JOIN publications p ON p.list = l.id AND p.serial =
        (SELECT MAX(serial) FROM publications o WHERE o.list = l.id)
        WHERE outcome = 'refused' AND NOT EXISTS (SELECT 1 FROM publications t WHERE t.list = p.list AND t.told IS NOT NULL
            AND t.serial > COALESCE((SELECT MAX(serial) FROM publications g
                WHERE g.list = p.list AND g.outcome <> 'refused'), 0)) ORDER BY time";
    /// Notes that editors are told.
    TELL = "UPDATE publications SET told = $3
        WHERE list = $1 AND serial = $2 AND outcome = 'refused' AND told IS NULL";
    /// Approves one.
    APPROVE = "UPDATE publications SET outcome = 'approved', actor = $3
        WHERE list = $1 AND serial = $2 AND outcome = 'refused'";
    /// Forgets old ones.
    FORGET = "DELETE FROM publications WHERE list = $1 AND time < $2 AND serial IN
        (SELECT serial FROM publications WHERE list = $1 AND outcome = 'published' AND serial <
            (SELECT MAX(serial) FROM publications WHERE list = $1 AND outcome <> 'refused')
        ORDER BY serial LIMIT 100) RETURNING serial";
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lists;
    use crate::testing::on_each;

    /// A serial with an outcome.
    fn serial(serial: u32, outcome: Outcome) -> Publication {
        let time = Timestamp(i64::from(serial));
        Publication { serial, time, entries: 7, audit: u64::from(serial) * 10, outcome }
    }

    /// Refused.
    fn refused() -> Outcome {
        Outcome::Refused { why: "all of 10.0.0.0/8 would be listed".to_owned() }
    }

    #[tokio::test]
    async fn how_large_a_list_was_counts_from_the_last_approval_on() {
        on_each(async |database| {
            let mut transaction = database.begin().await.expect("a transaction");
            let list = lists::tests::add(&mut transaction.session(), "bl.example").await;
            for (number, outcome) in
                [(2, Outcome::Published), (3, refused()), (5, Outcome::Published)]
            {
                let publication =
                    Publication { entries: u64::from(number), ..serial(number, outcome) };
                note(transaction.session(), list, &publication).await.expect("it is noted");
            }
            let mut at = async |time| {
                entries_at(transaction.session(), list, Timestamp(time)).await.expect("it is read")
            };
            assert_eq!((at(1).await, at(4).await, at(5).await), (None, Some(2), Some(5)));
            let by = crate::audit::SYSTEM;
            approve(transaction.session(), list, 3, by).await.expect("it is approved");
            assert_eq!(
                entries_at(transaction.session(), list, Timestamp(1)).await.ok(),
                Some(Some(3))
            );
        })
        .await;
    }

    #[tokio::test]
    async fn of_a_list_that_stands_still_is_told_once() {
        on_each(async |database| {
            let mut transaction = database.begin().await.expect("a transaction");
            let list = lists::tests::add(&mut transaction.session(), "bl.example").await;
            lists::tests::add(&mut transaction.session(), "a.example").await;
            let t = &mut transaction;
            let mut step = async |publication: Publication| {
                note(t.session(), list, &publication).await.expect("it is noted");
                let pending = all_pending(t.session()).await.expect("they are read");
                let untold = untold(t.session()).await.expect("they are read");
                for (list, publication) in &untold {
                    let serial = publication.serial;
                    for is_first in [true, false] {
                        let told = tell(t.session(), *list, serial, Timestamp(9)).await;
                        assert_eq!(told.expect("it is noted"), is_first);
                    }
                }
                let serials = |all: Vec<(ListId, Publication)>| -> Vec<u32> {
                    all.into_iter().map(|(_, publication)| publication.serial).collect()
                };
                (serials(pending), serials(untold))
            };
            assert_eq!(step(serial(2, Outcome::Published)).await, (vec![], vec![]));
            assert_eq!(step(serial(3, refused())).await, (vec![3], vec![3]));
            assert_eq!(step(serial(4, refused())).await, (vec![4], vec![]), "it still does");
            assert_eq!(step(serial(5, Outcome::Published)).await, (vec![], vec![]));
            assert_eq!(step(serial(6, refused())).await, (vec![6], vec![6]), "it does again");
        })
        .await;
    }

    #[tokio::test]
    async fn what_became_of_a_serial_is_said_once() {
        on_each(async |database| {
            let mut transaction = database.begin().await.expect("a transaction");
            let list = lists::tests::add(&mut transaction.session(), "bl.example").await;
            let mut say = async |publication: Publication| {
                note(transaction.session(), list, &publication).await.expect("it is noted");
                let pending = pending(transaction.session(), list).await.expect("it is read");
                let good = last_good(transaction.session(), list).await.expect("it is read");
                (good.map(|good| good.serial), pending.map(|pending| pending.serial))
            };
            assert_eq!(say(serial(2, Outcome::Published)).await, (Some(2), None));
            assert_eq!(say(serial(2, refused())).await, (Some(2), None), "the first counts");
            assert_eq!(say(serial(5, refused())).await, (Some(2), Some(5)));
            assert_eq!(say(serial(7, refused())).await, (Some(2), Some(7)));
            assert_eq!(say(serial(7, Outcome::Published)).await, (Some(7), None), "it could be");
            assert_eq!(say(serial(9, refused())).await, (Some(7), Some(9)));
            let session = &mut transaction;
            for (serial, is_there) in [(9, true), (9, false), (2, false), (3, false)] {
                let done = approve(session.session(), list, serial, "system").await;
                assert_eq!(done.expect("it is tried"), is_there, "{serial}");
            }
            let Outcome::Refused { why } = refused() else { panic!("it is refused") };
            let found = last_approved(session.session(), list).await.expect("it is read");
            assert_eq!(found, Some(9));
            let approved = serial(9, Outcome::Approved { why, by: "system".to_owned() });
            let at = at(session.session(), list, 9).await.expect("it is read");
            assert_eq!(at, Some(approved.clone()));
            forget(session.session(), list, Timestamp(100)).await.expect("they are forgotten");
            let last = last(session.session(), list, 10).await.expect("they are read");
            let serials: Vec<u32> = last.iter().map(|publication| publication.serial).collect();
            assert_eq!((serials, &last[0]), (vec![9, 5], &approved));
        })
        .await;
    }
}

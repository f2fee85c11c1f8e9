//! The past of lists: each day's size and changes, taken from what was published, and kept for a season.
//!
//! Done by whoever is up; what was published meanwhile is made up for, as far as publications are still known.

use repute_database::list_days::{self, Day};
use repute_database::lists::{self, ListId};
use repute_database::publications::{self, Outcome, Publication};
use repute_database::{Database, DatabaseError, Session, Timestamp, Transaction, changes};

/// Writes down what was published since the last time, for all lists, and forgets what is too old.
///
/// # Errors
/// If the database fails.
pub async fn keep(database: &Database, now: Timestamp) -> Result<(), DatabaseError> {
    let mut connection = database.read().await?;
    let all = lists::all(connection.session()).await?;
    drop(connection);
    let mut transaction = database.begin().await?;
    // The clock of another process may be past midnight already.
    list_days::forget_behind(transaction.session(), day_of(now) + 1).await?;
    transaction.commit().await?;
    for list in all {
        let mut transaction = database.begin().await?;
        keep_one(&mut transaction, list.id, now).await?;
        transaction.commit().await?;
    }
    let mut transaction = database.begin().await?;
    list_days::forget(transaction.session(), day_of(now) - KEPT).await?;
    transaction.commit().await
}

/// The days of a list that are kept, the first one first.
///
/// # Errors
/// If the database fails.
pub async fn of(
    session: Session<'_>,
    list: ListId,
    now: Timestamp,
) -> Result<Vec<Day>, DatabaseError> {
    list_days::since(session, list, day_of(now) - KEPT).await
}

/// The same for one list.
async fn keep_one(
    transaction: &mut Transaction,
    list: ListId,
    now: Timestamp,
) -> Result<(), DatabaseError> {
    let today = day_of(now);
    // A day that is to come was written by a clock that was ahead: what it says is not counted on.
    let mut last = list_days::last(transaction.session(), list, today).await?;
    let recent = publications::last(transaction.session(), list, MOST).await?;
    // Those that may be seen and are not counted yet, in the order in which they were published.
    let is_new = |one: &&Publication| {
        !matches!(one.outcome, Outcome::Refused { .. })
            && last.is_none_or(|day| one.time > day.published)
            && day_of(one.time) <= today
    };
    let mut new: Vec<Publication> = recent.iter().filter(is_new).cloned().collect();
    new.sort_by_key(|one| (one.time, one.serial));
    for one in new {
        let day = day_of(one.time);
        // What the first one changed nobody knows: it is all of the list.
        let changed = match last {
            Some(before) => {
                let upto = changes::count_since(transaction.session(), list, one.serial, u32::MAX);
                let upto = upto.await?;
                let all =
                    changes::count_since(transaction.session(), list, before.serial, u32::MAX);
                u64::from(all.await?.saturating_sub(upto))
            }
            None => 0,
        };
        let (entries, serial, published) = (one.entries, one.serial, one.time);
        let next = match last {
            Some(before) if before.day == day => {
                let changed = before.changed + changed;
                let next = Day { day, entries, changed, serial, published };
                list_days::go_on(transaction.session(), list, &next, before.serial).await?;
                next
            }
            Some(_) | None => {
                let next = Day { day, entries, changed, serial, published };
                list_days::begin(transaction.session(), list, &next).await?;
                next
            }
        };
        last = Some(next);
    }
    // A day on which nothing was published is one, too.
    if let Some(before) = last.filter(|before| before.day < today) {
        let next = Day { day: today, changed: 0, ..before };
        list_days::begin(transaction.session(), list, &next).await?;
    }
    Ok(())
}

/// The day of a moment, in UTC.
fn day_of(time: Timestamp) -> i64 {
    time.0.div_euclid(DAY)
}

/// Days that are kept.
pub const KEPT: i64 = 90;
/// Publications that are looked at.
const MOST: u32 = 1_000;
/// Microseconds of a day.
pub const DAY: i64 = 86_400_000_000;

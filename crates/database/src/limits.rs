//! How often somebody did something that is limited, for all processes on a database, and across their starts.
//!
//! A bucket is one moment: that at which as much may be done as if nothing had been. Each deed moves it on, by one
//! statement, so that of two at the same moment each counts. Who does it is known by a digest alone.
//!
//! Decides nothing: which deeds there are, and how many are too many, is told by whoever asks.

use std::time::Duration;

use crate::database::DatabaseError;
use crate::session::{Session, on};
use crate::statement::statements;
use crate::time::Timestamp;

/// How much may be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// So often at once.
    pub burst: u32,
    /// How long one more takes.
    pub each: Duration,
}

/// Does something once, or says after how long it may be done; then nothing has changed.
///
/// # Errors
/// If the database fails.
pub async fn take(
    mut session: Session<'_>,
    deed: &str,
    doer: &[u8],
    rate: Rate,
    now: Timestamp,
) -> Result<Result<(), Duration>, DatabaseError> {
    let each = i64::try_from(rate.each.as_micros()).unwrap_or(i64::MAX);
    // What is full by then can be done once more.
    let room = each.saturating_mul(i64::from(rate.burst) - 1);
    let latest = now.0.saturating_add(room);
    // No bucket is fuller than that: what says so was written by a clock that was ahead.
    let never = latest.saturating_add(each).saturating_add(SKEW);
    let taken: Option<(i64,)> = on!(session.again(), |c| {
        sqlx::query_as(TAKE)
            .bind(deed)
            .bind(doer)
            .bind(now.0.saturating_add(each))
            .bind(now.0)
            .bind(each)
            .bind(latest)
            .bind(never)
            .fetch_optional(c)
            .await?
    });
    if taken.is_some() {
        return Ok(Ok(()));
    }
    let until: Option<(i64,)> =
        on!(session, |c| { sqlx::query_as(UNTIL).bind(deed).bind(doer).fetch_optional(c).await? });
    let wait = until.map_or(each, |(until,)| until.saturating_sub(latest));
    Ok(Err(Duration::from_micros(u64::try_from(wait).unwrap_or_default())))
}

/// Forgets what is over and, of more than so many others, those that are over first.
///
/// # Errors
/// If the database fails.
pub async fn tidy(
    mut session: Session<'_>,
    now: Timestamp,
    most: u32,
) -> Result<u64, DatabaseError> {
    let over = on!(session.again(), |c| {
        sqlx::query(EXPIRE).bind(now.0).execute(c).await?.rows_affected()
    });
    let (count,): (i64,) = on!(session.again(), |c| sqlx::query_as(COUNT).fetch_one(c).await?);
    let more = count - i64::from(most);
    if more <= 0 {
        return Ok(over);
    }
    let evicted = on!(session, |c| sqlx::query(EVICT).bind(more).execute(c).await?.rows_affected());
    Ok(over + evicted)
}

statements! {
    /// Moves a bucket on, unless that would be too far.
    TAKE = "INSERT INTO limits (deed, doer, until) VALUES ($1, $2, $3)
        ON CONFLICT (deed, doer) DO UPDATE SET
            until = CASE WHEN limits.until > $4 AND limits.until <= $7 THEN limits.until + $5 ELSE $3 END
        WHERE limits.until <= $6 OR limits.until > $7 RETURNING until";
    /// How a bucket stands.
    UNTIL = "SELECT until FROM limits WHERE deed = $1 AND doer = $2";
    /// Forgets what is over.
    EXPIRE = "DELETE FROM limits WHERE until <= $1";
    /// Counts buckets.
    COUNT = "SELECT COUNT(*) FROM limits";
    /// Forgets the first ones.
    EVICT = "DELETE FROM limits WHERE (deed, doer) IN
        (SELECT deed, doer FROM limits ORDER BY until, deed, doer LIMIT $1)";
}

/// By how much the clocks of two servers may differ, in microseconds.
const SKEW: i64 = 60 * 1_000_000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::on_each;

    /// Two at once, and one more every ten microseconds.
    const RATE: Rate = Rate { burst: 2, each: Duration::from_micros(10) };

    #[tokio::test]
    async fn a_burst_is_free_then_each_takes_its_time_and_what_is_over_is_forgotten() {
        on_each(async |database| {
            let mut transaction = database.begin().await.expect("a transaction");
            let mut at = async |doer: &[u8], now| {
                let session = transaction.session();
                take(session, "try", doer, RATE, Timestamp(now)).await.expect("an answer")
            };
            let wait = |micros| Err(Duration::from_micros(micros));
            for (doer, now, expected) in [
                (b"a", 100, Ok(())),
                (b"a", 100, Ok(())),
                (b"a", 100, wait(10)),
                (b"b", 100, Ok(())),
                (b"a", 109, wait(1)),
                (b"a", 110, Ok(())),
                (b"a", 110, wait(10)),
                (b"a", 200, Ok(())),
                (b"a", 200, Ok(())),
                (b"a", 200, wait(10)),
            ] {
                assert_eq!(at(doer, now).await, expected, "{doer:?} {now}");
            }
            let other = take(transaction.session(), "mail", b"a", RATE, Timestamp(200)).await;
            assert_eq!(other.expect("an answer"), Ok(()), "another deed");
            // Of a, b and the other deed b is long over, and then the other deed is the first.
            for (now, most, gone) in [(200, 9, 1), (200, 1, 1), (200, 1, 0), (220, 1, 1)] {
                let tidied = tidy(transaction.session(), Timestamp(now), most).await;
                assert_eq!(tidied.expect("a number"), gone, "{now} {most}");
            }
        })
        .await;
    }

    #[tokio::test]
    async fn a_clock_that_was_ahead_keeps_nobody_out() {
        on_each(async |database| {
            let mut transaction = database.begin().await.expect("a transaction");
            let day = 86_400_000_000;
            for (now, is_free) in
                [(day, true), (day, true), (day, false), (300, true), (300, true), (300, false)]
            {
                let done = take(transaction.session(), "try", b"c", RATE, Timestamp(now)).await;
                assert_eq!(done.expect("an answer").is_ok(), is_free, "{now}");
            }
        })
        .await;
    }

    #[tokio::test]
    async fn of_many_at_the_same_moment_no_more_get_through_than_may() {
        on_each(async |database| {
            let mut all = tokio::task::JoinSet::new();
            for _ in 0..8 {
                let database = database.clone();
                all.spawn(async move {
                    let mut transaction = database.begin().await.expect("a transaction");
                    let taken = take(transaction.session(), "try", b"a", RATE, Timestamp(100));
                    let taken = taken.await.expect("an answer");
                    transaction.commit().await.expect("it is committed");
                    taken
                });
            }
            let all = all.join_all().await;
            assert_eq!(all.iter().filter(|one| one.is_ok()).count(), 2, "{all:?}");
        })
        .await;
    }
}

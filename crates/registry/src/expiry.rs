//! Entries whose time is over leave their lists, as every change does: with a serial, and on record.

use std::time::Duration;

use repute_database::jobs::{self, Order};
use repute_database::lists::{self, Stored};
use repute_database::{Database, Timestamp, audit, entries};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::changes::{self, Cause, ChangeError};

/// Looks for entries whose time is over until it is stopped. Of several processes one looks at a time.
pub async fn run(database: Database, stop: CancellationToken) {
    loop {
        let now = Timestamp::now();
        if let Err(error) = turn(&database, now, expire(&database, now)).await {
            warn!("entries whose time is over stay for now: {error}");
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(EVERY) => {}
        }
    }
}

/// Looks if it is time and nobody else does.
async fn turn(
    database: &Database,
    now: Timestamp,
    look: impl Future<Output = Result<u64, ChangeError>>,
) -> Result<(), ChangeError> {
    let order = |due| Order {
        kind: EXPIRE.to_owned(),
        key: Some(EXPIRE.to_owned()),
        payload: "{}".to_owned(),
        due,
    };
    let mut transaction = database.begin().await?;
    jobs::keep(transaction.session(), &order(now), EVERY).await?;
    let job = jobs::take_of(transaction.session(), EXPIRE, now, LEASE).await?;
    transaction.commit().await?;
    if job.is_none() {
        return Ok(());
    }
    let done = look.await;
    // Whatever went wrong: the next look is soon, and not when nobody says any more that he is at it.
    let mut transaction = database.begin().await?;
    jobs::order(transaction.session(), &order(now.after(EVERY))).await?;
    transaction.commit().await?;
    done.map(|_| ())
}

/// Removes entries whose time is over from all lists; how many keys that were.
///
/// # Errors
/// If the database fails; what of other lists is over is removed all the same, and what was removed before stays so.
pub async fn expire(database: &Database, now: Timestamp) -> Result<u64, ChangeError> {
    let all = lists::all(database.read().await?.session()).await?;
    each(all, |list| expire_all(database, list, now)).await
}

/// Does something to each list, whatever becomes of the others; the first error, if there is one.
async fn each<F: Future<Output = Result<u64, ChangeError>>>(
    all: Vec<Stored>,
    one: impl Fn(Stored) -> F,
) -> Result<u64, ChangeError> {
    let (mut count, mut first) = (0, None);
    for list in all {
        match one(list).await {
            Ok(changed) => count += changed,
            Err(error) => first = first.or(Some(error)),
        }
    }
    first.map_or(Ok(count), Err)
}

/// Removes entries of a list whose time is over; how many keys that were.
async fn expire_all(database: &Database, list: Stored, now: Timestamp) -> Result<u64, ChangeError> {
    let mut count = 0;
    loop {
        let changed = expire_some(database, &list, now).await?;
        if changed == 0 {
            return Ok(count);
        }
        info!(zone = %list.list.apex, "{changed} entries of `{}` expired", list.list.apex);
        count += changed as u64;
    }
}

/// Removes some entries whose time is over; how many keys that were.
async fn expire_some(
    database: &Database,
    list: &Stored,
    now: Timestamp,
) -> Result<usize, ChangeError> {
    if !entries::has_expired(database.read().await?.session(), list.id, now).await? {
        return Ok(0);
    }
    let mut transaction = database.begin().await?;
    let cause = Cause {
        actor: audit::SYSTEM.to_owned(),
        action: EXPIRED.to_owned(),
        reason: "their time is over".to_owned(),
    };
    let keys = changes::expire(&mut transaction, list, AT_ONCE, &cause, now).await?;
    // Another process may have been quicker.
    if keys == 0 {
        return Ok(0);
    }
    transaction.commit().await?;
    Ok(keys)
}

/// What the audit log calls it.
pub(crate) const EXPIRED: &str = "entries.expire";
/// What the job is called.
const EXPIRE: &str = "expire";
/// How often entries are looked at.
const EVERY: Duration = Duration::from_secs(15);
/// How long a process may take before another one looks.
const LEASE: Duration = Duration::from_secs(300);
/// So many entries go at once.
const AT_ONCE: u32 = 10_000;

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use repute_database::DatabaseError;
    use repute_database::entries::Entry;
    use repute_database::lists::List;
    use repute_database::testing::on_each;
    use repute_dnsxl::{KeyKind, Polarity};

    use super::*;

    /// What happens to a list on which somebody else is at work for long.
    fn busy() -> ChangeError {
        ChangeError::Database(DatabaseError::Busy)
    }

    #[tokio::test]
    async fn a_busy_list_keeps_no_other_one_from_losing_what_is_over() {
        on_each(async |database| {
            let mut transaction = database.begin().await.expect("a transaction");
            let t = &mut transaction;
            for apex in ["a.example", "b.example", "c.example"] {
                let list = List {
                    apex: apex.parse().expect("a name"),
                    title: String::new(),
                    description: String::new(),
                    polarity: Polarity::Block,
                    keys: KeyKind::Ip,
                    ttl: 300,
                    contact: String::new(),
                };
                let id = lists::add(t.session(), &list, Timestamp(1)).await.expect("it is added");
                let entry = Entry {
                    key: "192.0.2.1".parse().expect("a key"),
                    code: "127.0.0.2".parse().ok(),
                    text: String::new(),
                    reason: String::new(),
                    criterion: None,
                    source: entries::source(t.session(), "test").await.expect("a source"),
                    organisation: None,
                    since: Timestamp(1),
                    expires: Some(Timestamp(5)),
                    review: None,
                };
                entries::put(t.session(), id, &[entry]).await.expect("it is written");
            }
            transaction.commit().await.expect("it is committed");
            let all = async || {
                let mut read = database.read().await.expect("a connection");
                let mut left = Vec::new();
                for list in lists::all(read.session()).await.expect("they are read") {
                    let count = entries::count(read.session(), list.id).await.expect("a number");
                    left.push((list, count));
                }
                left
            };
            let stored = all().await.into_iter().map(|(list, _)| list).collect();
            let done = each(stored, |list: Stored| async {
                match list.list.apex.to_string() == "b.example" {
                    true => Err(busy()),
                    false => expire_all(&database, list, Timestamp(9)).await,
                }
            });
            assert!(matches!(done.await, Err(ChangeError::Database(DatabaseError::Busy))));
            let left: Vec<_> = all().await.iter().map(|(_, count)| *count).collect();
            assert_eq!(left, [0, 1, 0]);
        })
        .await;
    }

    #[tokio::test]
    async fn a_look_that_failed_is_followed_by_one_as_soon_as_any() {
        on_each(async |database| {
            let looks = Cell::new(0);
            let look = async |now: Timestamp| {
                let failed = async {
                    looks.set(looks.get() + 1);
                    Err(busy())
                };
                turn(&database, now, failed).await.is_err()
            };
            let first = Timestamp::now();
            assert!(look(first).await, "it is told");
            assert!(!look(first).await, "it is not due again");
            assert!(look(first.after(EVERY)).await, "nobody is at it");
            assert_eq!(looks.get(), 2);
        })
        .await;
    }
}

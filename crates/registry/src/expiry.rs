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
        if let Err(error) = turn(&database, Timestamp::now()).await {
            warn!("entries whose time is over stay for now: {error}");
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(EVERY) => {}
        }
    }
}

/// Looks if it is time and nobody else does.
async fn turn(database: &Database, now: Timestamp) -> Result<(), ChangeError> {
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
    expire(database, now).await?;
    let mut transaction = database.begin().await?;
    jobs::order(transaction.session(), &order(now.after(EVERY))).await?;
    transaction.commit().await?;
    Ok(())
}

/// Removes entries whose time is over from all lists; how many keys that were.
///
/// # Errors
/// If the database fails; what was removed before stays removed.
pub async fn expire(database: &Database, now: Timestamp) -> Result<u64, ChangeError> {
    let all = lists::all(database.read().await?.session()).await?;
    let mut count = 0;
    for list in all {
        loop {
            let changed = expire_some(database, &list, now).await?;
            if changed > 0 {
                info!(zone = %list.list.apex, "{changed} entries of `{}` expired", list.list.apex);
            }
            count += changed as u64;
            if changed == 0 {
                break;
            }
        }
    }
    Ok(count)
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

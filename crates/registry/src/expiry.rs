//! Entries whose time is over leave their lists, as every change does: with a serial, and on record.

use std::time::Duration;

use repute_database::jobs::{self, Order};
use repute_database::lists::{self, Stored};
use repute_database::{Database, Timestamp, audit, entries};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::changes::{self, Cause, Change, ChangeError};

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
    jobs::keep(transaction.session(), &order(now)).await?;
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
            if changed < AT_ONCE as usize {
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
    let mut connection = database.read().await?;
    let over = entries::expired(connection.session(), list.id, now, AT_ONCE).await?;
    drop(connection);
    if over.is_empty() {
        return Ok(0);
    }
    let mut transaction = database.begin().await?;
    let mut changes = Vec::with_capacity(over.len());
    for key in over {
        let mut entries = entries::at(transaction.session(), list.id, &key).await?;
        entries.retain(|entry| entry.expires.is_none_or(|expires| expires > now));
        changes.push(Change { key, entries });
    }
    let cause = Cause {
        actor: audit::SYSTEM.to_owned(),
        action: "entries.expire".to_owned(),
        reason: "their time is over".to_owned(),
    };
    changes::apply(&mut transaction, list, &changes, &cause, now).await?;
    transaction.commit().await?;
    Ok(changes.len())
}

/// What the job is called.
const EXPIRE: &str = "expire";
/// How often entries are looked at.
const EVERY: Duration = Duration::from_secs(15);
/// How long a process may take before another one looks.
const LEASE: Duration = Duration::from_secs(300);
/// So many keys go at once.
const AT_ONCE: u32 = 1_000;

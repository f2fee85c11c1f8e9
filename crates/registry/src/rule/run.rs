//! Rules at work: they look at new evidence every few seconds, and what is old is forgotten once a day.

use std::time::{Duration, Instant};

use repute_database::jobs::{self, Order};
use repute_database::{Database, Timestamp, audit, evidence as stored};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::{AT_ONCE, RuleError, Turn, apply};
use crate::changes::Cause;
use crate::evidence::{self, EvidenceError};

/// Looks at new evidence, and forgets what was seen longer ago than so long, until it is stopped. Of several processes
/// one looks at a time, and one forgets.
pub async fn run(database: Database, keep: Duration, stop: CancellationToken) {
    let mut asked: Option<Instant> = None;
    loop {
        match look(&database, MOST_TURNS).await {
            Ok(turn) if turn.keys > 0 => {
                let Turn { keys, added, renewed, dropped, proposed, .. } = turn;
                info!(
                    "rules looked at {keys} addresses and names: {added} listed, {renewed} listed longer, {dropped} \
                     taken off, {proposed} proposed"
                );
            }
            Ok(_) => {}
            Err(error) => warn!("rules do not look at evidence for now: {error}"),
        }
        if asked.is_none_or(|asked| asked.elapsed() >= ASK) {
            asked = Some(Instant::now());
            match forget_daily(&database, keep, Timestamp::now()).await {
                Ok(Some(count)) if count > 0 => info!("{count} old observations are forgotten"),
                Ok(_) => {}
                Err(error) => warn!("old evidence is not forgotten for now: {error}"),
            }
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(EVERY) => {}
        }
    }
}

/// Has rules look at what waits, in at most so many turns; all of these as one.
///
/// # Errors
/// If the database fails; what was done by earlier turns is done.
pub async fn look(database: &Database, most: u32) -> Result<Turn, RuleError> {
    let mut sum = Turn::default();
    for _ in 0..most {
        // A turn locks, which is much for nothing.
        if !stored::is_waiting(database.read().await?.session()).await? {
            break;
        }
        let turn = apply(database, Timestamp::now()).await?;
        sum = sum.and(turn);
        if turn.keys < u64::from(AT_ONCE) {
            break;
        }
    }
    Ok(sum)
}

/// Forgets what was seen longer ago than so long, if nobody did within a day: how many observations that were, if it
/// was done.
///
/// # Errors
/// If the database fails: then nothing is forgotten.
pub async fn forget_daily(
    database: &Database,
    keep: Duration,
    now: Timestamp,
) -> Result<Option<u64>, EvidenceError> {
    let order = |due| Order {
        kind: FORGET.to_owned(),
        key: Some(FORGET.to_owned()),
        payload: "{}".to_owned(),
        due,
    };
    let mut transaction = database.begin().await?;
    jobs::keep(transaction.session(), &order(now), DAY).await?;
    if jobs::take_of(transaction.session(), FORGET, now, DAY).await?.is_none() {
        return Ok(None);
    }
    // Whoever comes meanwhile sees the job taken, or passes over it: all is in one transaction.
    let cause = Cause {
        actor: audit::SYSTEM.to_owned(),
        action: "evidence.forget".to_owned(),
        reason: "it is old".to_owned(),
    };
    let count = evidence::forget(&mut transaction, keep, &cause, now).await?;
    jobs::order(transaction.session(), &order(now.after(DAY))).await?;
    transaction.commit().await?;
    Ok(Some(count))
}

/// What the job is called.
const FORGET: &str = "evidence.forget";
/// How often evidence is looked at: what is listed by it is in DNS a few seconds later.
const EVERY: Duration = Duration::from_secs(5);
/// So many turns before others who write have a pause.
const MOST_TURNS: u32 = 20;
/// How often it is asked whether it is time to forget.
const ASK: Duration = Duration::from_secs(600);
/// How often evidence is forgotten.
const DAY: Duration = Duration::from_secs(86_400);

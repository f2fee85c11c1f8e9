//! The purge of a source of evidence, in parts.

use repute_database::work::{self, End, Kind, New, Subject, Work, WorkId};
use repute_database::{Timestamp, Transaction, evidence as stored};
use serde_json::{Value, json};

use super::worker::{Claim, Part};
use crate::changes::Cause;
use crate::evidence::{self, EvidenceError};

/// Orders the purge of a source: all that it has brought until now.
///
/// # Errors
/// If there is no such source, or the database fails.
pub async fn order(
    transaction: &mut Transaction,
    name: &str,
    cause: &Cause,
    now: Timestamp,
) -> Result<WorkId, EvidenceError> {
    let source = evidence::source(transaction, name).await?;
    // Whoever brings something just now is waited for, so that what it is until now is said by one number.
    stored::lock(transaction.session()).await?;
    let last = stored::last(transaction.session()).await?;
    let counts = stored::sources(transaction.session()).await?;
    let count = counts.iter().find(|(one, _)| one.id == source.id).map_or(0, |(_, count)| *count);
    let new = New {
        kind: Kind::Purge,
        subject: Subject { source: Some(source.id), ..Subject::default() },
        particulars: json!({ "name": name, "last": last, "reason": cause.reason }).to_string(),
        actor: cause.actor.clone(),
        total: count,
        folder: None,
    };
    Ok(work::order(transaction.session(), &new, now).await?)
}

/// Removes the next part, as who has the work; with the last one it ends.
///
/// # Errors
/// If the database fails: the transaction is to be dropped, as it is if the work is another's.
pub(super) async fn part(
    transaction: &mut Transaction,
    work: &Work,
    claim: &Claim<'_>,
    now: Timestamp,
) -> Result<Part, EvidenceError> {
    let said: Value = serde_json::from_str(&work.new.particulars).unwrap_or_default();
    let name = said["name"].as_str().unwrap_or_default();
    let source = evidence::source(transaction, name).await?;
    stored::lock(transaction.session()).await?;
    let last = said["last"].as_i64().unwrap_or(0);
    let gone = stored::purge_some(transaction.session(), source.id, last, AT_ONCE).await?;
    let done = work.done + gone;
    if gone == u64::from(AT_ONCE) {
        let total = work.new.total.max(done);
        let kept = claim.keep(transaction.session(), work.id, (done, total), now).await?;
        return Ok(if kept { Part::More { done, total } } else { Part::Lost });
    }
    let result = json!({ "source": name, "observations": done }).to_string();
    let far = (done, done);
    let kept = claim.keep(transaction.session(), work.id, far, now).await?
        && claim.end(transaction.session(), work.id, End::Done(&result), now).await?;
    if !kept {
        return Ok(Part::Lost);
    }
    let cause = Cause {
        actor: work.new.actor.clone(),
        action: "evidence.purge".to_owned(),
        reason: said["reason"].as_str().unwrap_or_default().to_owned(),
    };
    evidence::record_purge(transaction, name, done, &cause, now).await?;
    Ok(Part::Last)
}

/// So many observations go at once: others write in between.
const AT_ONCE: u32 = 2_000;

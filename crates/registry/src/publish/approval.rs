//! What a second person says of a version that was refused, and how a list is to be published.

use repute_database::audit::{self, Deed};
use repute_database::dns::{self, Settings};
use repute_database::lists::Stored;
use repute_database::publications::{self, Outcome, Publication};
use repute_database::{DatabaseError, Timestamp, Transaction, changes};
use serde_json::json;

use crate::changes::Cause;

/// Why a version cannot be approved so.
#[derive(Debug, thiserror::Error)]
pub enum ApprovalError {
    /// Nothing waits.
    #[error("no version of {0} waits for approval")]
    Nothing(String),
    /// It is not the one that waits.
    #[error("serial {asked} of {apex} does not wait for approval; {waiting} does, look at that")]
    Other {
        /// The list.
        apex: String,
        /// What was to be approved.
        asked: u32,
        /// What waits.
        waiting: u32,
    },
    /// Whoever made the change cannot approve it.
    #[error("serial {serial} of {apex} is your own change: a second person has to approve it")]
    Own {
        /// The list.
        apex: String,
        /// The serial.
        serial: u32,
    },
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

/// Approves a version that was refused, on behalf of somebody who changed nothing in it. It is published within a
/// moment, with what came after it and is not refused itself.
///
/// # Errors
/// If it does not wait for that, if it is his own change, or the database fails.
pub async fn approve(
    transaction: &mut Transaction,
    list: &Stored,
    serial: u32,
    actor: &str,
    now: Timestamp,
) -> Result<(), ApprovalError> {
    let apex = list.list.apex.to_string();
    let Some(waiting) = publications::pending(transaction.session(), list.id).await? else {
        return Err(ApprovalError::Nothing(apex));
    };
    if waiting.serial != serial {
        return Err(ApprovalError::Other { apex, asked: serial, waiting: waiting.serial });
    }
    let Publication { audit: end, outcome, .. } = waiting;
    let good = publications::last_good(transaction.session(), list.id).await?;
    let rows = good.map_or(0, |good| good.audit) + 1..=end;
    let subject = format!("list/{apex}");
    let authors = audit::actors_of(transaction.session(), &subject, rows, APPROVE).await?;
    if authors.iter().any(|author| author == actor) {
        return Err(ApprovalError::Own { apex, serial });
    }
    publications::approve(transaction.session(), list.id, serial, actor).await?;
    let why = match outcome {
        Outcome::Refused { why } | Outcome::Approved { why, .. } => why,
        Outcome::Published => String::new(),
    };
    let deed = Deed {
        time: now,
        actor: actor.to_owned(),
        action: APPROVE.to_owned(),
        subject,
        detail: json!({ "serial": serial, "refused": why }).to_string(),
    };
    audit::append(transaction.session(), &deed).await?;
    Ok(())
}

/// Has a list published by other settings; the serial that shows them.
///
/// # Errors
/// If the database fails.
pub async fn configure(
    transaction: &mut Transaction,
    list: &Stored,
    settings: &Settings,
    cause: &Cause,
    now: Timestamp,
) -> Result<u32, DatabaseError> {
    dns::set(transaction.session(), list.id, settings).await?;
    let serial = changes::next_serial(transaction.session(), list.id).await?;
    let deed = Deed {
        time: now,
        actor: cause.actor.clone(),
        action: cause.action.clone(),
        subject: format!("list/{}", list.list.apex),
        detail: json!({ "serial": serial, "reason": cause.reason }).to_string(),
    };
    audit::append(transaction.session(), &deed).await?;
    Ok(serial)
}

/// What the audit log calls it.
const APPROVE: &str = "publication.approve";

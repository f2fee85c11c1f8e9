//! What a second person says of a version that was refused.

use repute_database::audit::{self, Deed};
use repute_database::lists::{self, ListId, Stored};
use repute_database::publications::{self, Outcome, Publication};
use repute_database::{DatabaseError, Session, Timestamp, Transaction, evidence};
use serde_json::json;

use crate::changes::ends;
use crate::expiry::EXPIRED;
use crate::permission::{self, Action, Denied, Person, Relation};

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
    /// Who wants it is no editor.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

/// The same by somebody with an account, who must be an editor.
///
/// # Errors
/// If he may not, and as [`approve`].
pub async fn approve_by(
    transaction: &mut Transaction,
    person: Person,
    list: &Stored,
    serial: u32,
    now: Timestamp,
) -> Result<(), ApprovalError> {
    permission::check(person, Relation::Stranger, Action::Decide)?;
    let actor = audit::actor(transaction.session(), person.account).await?;
    approve(transaction, list, serial, &actor, now).await
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
    if authors(transaction.session(), list, &waiting).await?.iter().any(|author| author == actor) {
        return Err(ApprovalError::Own { apex, serial });
    }
    let (outcome, subject) = (waiting.outcome, format!("list/{apex}"));
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

/// Whether a person made what a refused version of a list brings, so that another one has to approve it.
///
/// # Errors
/// If the database fails.
pub async fn is_author(
    mut session: Session<'_>,
    person: Person,
    list: ListId,
    refused: &Publication,
) -> Result<bool, DatabaseError> {
    let Some(list) = lists::by_id(session.again(), list).await? else { return Ok(false) };
    let authors = authors(session.again(), &list, refused).await?;
    Ok(match audit::known_actor(session, person.account).await? {
        Some(actor) => authors.contains(&actor),
        // Who never did anything did not do this.
        None => false,
    })
}

/// Who changed a list since its last good version, up to one that was refused.
async fn authors(
    mut session: Session<'_>,
    list: &Stored,
    refused: &Publication,
) -> Result<Vec<String>, DatabaseError> {
    let good = publications::last_good(session.again(), list.id).await?;
    let rows = good.map_or(0, |good| good.audit) + 1..=refused.audit;
    let subject = format!("list/{}", list.list.apex);
    let mut authors = audit::actors_of(session.again(), &subject, rows.clone(), APPROVE).await?;
    if authors.iter().any(|author| author == audit::SYSTEM) {
        // What time took off is the work of who said when.
        for detail in audit::details_of(session.again(), &subject, rows, EXPIRED).await? {
            authors.extend(ends::told(&detail));
        }
        // What rules made is the work of who handed in what they go by.
        let rows = refused.audit.saturating_sub(FEEDERS)..=refused.audit;
        for (_, source) in evidence::names(session.again()).await? {
            let subject = format!("evidence/{source}");
            authors
                .extend(audit::actors_of(session.again(), &subject, rows.clone(), APPROVE).await?);
        }
    }
    Ok(authors)
}

/// Who handed in evidence is looked for in so many rows of the audit log.
const FEEDERS: u64 = 1_000_000;

/// What the audit log calls it.
const APPROVE: &str = "publication.approve";

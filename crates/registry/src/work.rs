//! Work that takes longer than somebody waits for a page: all that a source brought is removed, a rule is tried on what
//! was seen, a file is taken into a list.
//!
//! It is ordered in the transaction of whoever wants it, and done by a [`Worker`] of any process, in the order in which
//! it was ordered. A purge goes in parts, between which others write; who goes on with it goes on behind the last part.
//! A replay looks at one moment of the database, and an import is one version of its list with one row in the audit log:
//! who takes them over begins them anew, and nothing of them is there before all of it is.

mod import;
mod purge;
mod replay;
mod spool;
#[cfg(test)]
mod tests;
mod worker;

use repute_database::audit::{self, Deed};
use repute_database::work::{self, Kind, Work, WorkId};
use repute_database::{DatabaseError, Timestamp, Transaction, evidence};
use serde_json::json;

use crate::permission::{Person, Role};

pub use import::{Layout, Wanted, order as order_import, order_clearing};
pub use purge::order as order_purge;
pub use replay::order as order_replay;
pub use spool::{Spool, Spooled};
pub use worker::{Worker, run};

/// Why something about work cannot be.
#[derive(Debug, thiserror::Error)]
pub enum WorkError {
    /// There is no such work.
    #[error("there is no work {0}")]
    Unknown(i64),
    /// It is over.
    #[error("work {0} is over")]
    Over(i64),
    /// Somebody else ordered it.
    #[error("work is cancelled by who ordered it, or by an administrator")]
    Others,
    /// Nothing was ever brought under this name.
    #[error("there is no source `{0}` of entries")]
    NoSource(String),
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

/// Cancels work that is open. What of a purge is done stays so, and is written down; of anything else there is nothing.
///
/// # Errors
/// If there is no such work, it is over, the person neither ordered it nor is an administrator, or the database fails.
pub async fn cancel(
    transaction: &mut Transaction,
    person: Person,
    id: WorkId,
    now: Timestamp,
) -> Result<Work, WorkError> {
    let known = work::by_id(transaction.session(), id).await?.ok_or(WorkError::Unknown(id.0))?;
    let actor = audit::actor(transaction.session(), person.account).await?;
    if actor != known.new.actor && person.role != Role::Administrator {
        return Err(WorkError::Others);
    }
    let cancelled = work::cancel(transaction.session(), id, now).await?;
    let cancelled = cancelled.ok_or(WorkError::Over(id.0))?;
    // An import holds the log and then comes here: only for what nobody holds anything of a row is written.
    if let (Kind::Purge, Some(source)) = (cancelled.new.kind, cancelled.new.subject.source) {
        let names = evidence::names(transaction.session()).await?;
        let name = names.into_iter().find(|(known, _)| *known == source).map(|(_, name)| name);
        let detail = json!({ "work": id.0, "count": cancelled.done, "of": cancelled.new.total });
        let deed = Deed {
            time: now,
            actor,
            action: "work.cancel".to_owned(),
            subject: format!("evidence/{}", name.unwrap_or_default()),
            detail: detail.to_string(),
        };
        audit::append(transaction.session(), &deed).await?;
    }
    Ok(cancelled)
}

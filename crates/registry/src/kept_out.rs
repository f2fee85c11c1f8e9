//! What was taken off a list stays off it, although a feed still has it: imports pass it over, until the time that the
//! list sets is over, somebody takes it back, or it is listed by a newer decision or by a rule for what was seen since.
//!
//! An entry without a code would do more than that: it would take the address out of every network that is listed
//! around it, which nobody decided.

use std::time::Duration;

use repute_database::audit::{self, Deed};
use repute_database::kept_out::{self, KeptOut};
use repute_database::lists::{ListId, Stored};
use repute_database::{DatabaseError, Key, Timestamp, Transaction};
use serde_json::json;

use crate::changes::Change;
use crate::permission::{self, Action, Denied, Person, Relation};

/// Until when something is kept off a list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum End {
    /// As long as the list says.
    #[default]
    AsTheListSays,
    /// For ever.
    Never,
    /// The next import may bring it back.
    AtOnce,
}

/// Why nothing is let back.
#[derive(Debug, thiserror::Error)]
pub enum KeptOutError {
    /// Who wants it may not.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// It is not kept off.
    #[error("{0} is not kept off this list")]
    Missing(Key),
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

/// Keeps a key off a list from now on. To be called after [`crate::changes::apply`] took it off.
///
/// # Errors
/// If the database fails.
pub async fn keep(
    transaction: &mut Transaction,
    list: ListId,
    key: &Key,
    (actor, reason): (&str, &str),
    end: End,
    now: Timestamp,
) -> Result<(), DatabaseError> {
    let until = match end {
        End::Never => None,
        End::AtOnce => return Ok(()),
        End::AsTheListSays => match kept_out::days(transaction.session(), list).await? {
            0 => return Ok(()),
            days => Some(now.after(Duration::from_secs(u64::from(days) * 86_400))),
        },
    };
    let (actor, reason) = (actor.to_owned(), reason.to_owned());
    let new = KeptOut { key: key.clone(), since: now, until, actor, reason };
    kept_out::put(transaction.session(), list, &new).await
}

/// Lets imports list a key again.
///
/// # Errors
/// If the person may not, or it is not kept off.
pub async fn let_back(
    transaction: &mut Transaction,
    person: Person,
    list: &Stored,
    key: &Key,
    reason: &str,
    now: Timestamp,
) -> Result<(), KeptOutError> {
    permission::check(person, Relation::Stranger, Action::EditEntries)?;
    let actor = audit::actor(transaction.session(), person.account).await?;
    let_back_at_shell(transaction, actor, list, key, reason, now).await
}

/// The same on behalf of whoever has the shell, and so the database.
///
/// # Errors
/// If it is not kept off.
pub async fn let_back_at_shell(
    transaction: &mut Transaction,
    actor: String,
    list: &Stored,
    key: &Key,
    reason: &str,
    now: Timestamp,
) -> Result<(), KeptOutError> {
    if !kept_out::remove(transaction.session(), list.id, key).await? {
        return Err(KeptOutError::Missing(key.clone()));
    }
    let deed = Deed {
        time: now,
        actor,
        action: "kept-out.end".to_owned(),
        subject: format!("list/{}", list.list.apex),
        detail: json!({ "key": key.to_string(), "reason": reason }).to_string(),
    };
    audit::append(transaction.session(), &deed).await?;
    Ok(())
}

/// Ends what is said of keys that are listed anew: that is the newer decision.
pub(crate) async fn give_way(
    transaction: &mut Transaction,
    list: ListId,
    changes: &[Change],
) -> Result<(), DatabaseError> {
    for change in changes.iter().filter(|one| one.entries.iter().any(|entry| entry.code.is_some()))
    {
        kept_out::remove(transaction.session(), list, &change.key).await?;
    }
    Ok(())
}

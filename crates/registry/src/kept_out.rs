//! What was taken off a list stays off it, although a feed still has it: imports pass it over, until the time that the
//! list sets is over, somebody takes it back, or it is listed by a newer decision or by a rule for what was seen since.
//!
//! Of a key that stays on the list with another code, only the code that it lost is kept off, and from rules as well:
//! what they see is told by the code that it has, and they would say again at once what somebody judged too high.
//!
//! An entry without a code would do more than that: it would take the address out of every network that is listed
//! around it, which nobody decided.

use std::collections::HashMap;
use std::time::Duration;

use repute_database::audit::{self, Deed};
use repute_database::entries::{self, Entry};
use repute_database::kept_out::{self, KeptOut, Spot};
use repute_database::lists::{ListId, Stored};
use repute_database::{DatabaseError, Key, Timestamp, Transaction};
use repute_dnsxl::ReturnCode;
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
    Missing(Spot),
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
    let spot = Spot { key: key.clone(), code: None };
    keep_all(transaction, list, &[spot], (actor, reason), end, now).await
}

/// What leaves a list by changes: keys that are listed no more, and of others the codes that they lose. To be called
/// before [`crate::changes::apply`] writes them.
///
/// # Errors
/// If the database fails.
pub async fn leaving(
    transaction: &mut Transaction,
    list: ListId,
    changes: &[Change],
) -> Result<Vec<Spot>, DatabaseError> {
    let keys: Vec<Key> = changes.iter().map(|change| change.key.clone()).collect();
    let there = entries::at_each(transaction.session(), list, &keys).await?;
    let mut before: HashMap<&Key, Vec<ReturnCode>> = HashMap::new();
    for entry in &there {
        before.entry(&entry.key).or_default().extend(entry.code);
    }
    let mut all = Vec::new();
    for Change { key, entries } in changes {
        let lost = before.get(key).into_iter().flatten();
        let has = |code: &ReturnCode| entries.iter().any(|entry: &Entry| entry.code == Some(*code));
        let lost: Vec<ReturnCode> = lost.filter(|code| !has(code)).copied().collect();
        let spot = |code| Spot { key: key.clone(), code };
        match entries.is_empty() {
            // What was never to be listed is not on the list by that, and may be now.
            true => all.extend((!lost.is_empty()).then(|| spot(None))),
            false => all.extend(lost.into_iter().map(|code| spot(Some(code)))),
        }
    }
    Ok(all)
}

/// Keeps off a list what left it, from now on. To be called after [`crate::changes::apply`] took it off.
///
/// # Errors
/// If the database fails.
pub async fn keep_all(
    transaction: &mut Transaction,
    list: ListId,
    spots: &[Spot],
    (actor, reason): (&str, &str),
    end: End,
    now: Timestamp,
) -> Result<(), DatabaseError> {
    if spots.is_empty() {
        return Ok(());
    }
    let until = match end {
        End::Never => None,
        End::AtOnce => return Ok(()),
        End::AsTheListSays => match kept_out::days(transaction.session(), list).await? {
            0 => return Ok(()),
            days => Some(now.after(Duration::from_secs(u64::from(days) * 86_400))),
        },
    };
    for Spot { key, code } in spots {
        let (actor, reason) = (actor.to_owned(), reason.to_owned());
        let new = KeptOut { key: key.clone(), code: *code, since: now, until, actor, reason };
        kept_out::put(transaction.session(), list, &new).await?;
    }
    Ok(())
}

/// Lets imports list a key again, or again with a code.
///
/// # Errors
/// If the person may not, or it is not kept off.
pub async fn let_back(
    transaction: &mut Transaction,
    person: Person,
    list: &Stored,
    spot: &Spot,
    reason: &str,
    now: Timestamp,
) -> Result<(), KeptOutError> {
    permission::check(person, Relation::Stranger, Action::EditEntries)?;
    let actor = audit::actor(transaction.session(), person.account).await?;
    let_back_at_shell(transaction, actor, list, spot, reason, now).await
}

/// The same on behalf of whoever has the shell, and so the database.
///
/// # Errors
/// If it is not kept off.
pub async fn let_back_at_shell(
    transaction: &mut Transaction,
    actor: String,
    list: &Stored,
    spot: &Spot,
    reason: &str,
    now: Timestamp,
) -> Result<(), KeptOutError> {
    let Spot { key, code } = spot;
    if !kept_out::remove(transaction.session(), list.id, key, *code).await? {
        return Err(KeptOutError::Missing(spot.clone()));
    }
    let mut detail = json!({ "key": key.to_string(), "reason": reason });
    if let Some(code) = code {
        detail["code"] = code.to_string().into();
    }
    let deed = Deed {
        time: now,
        actor,
        action: "kept-out.end".to_owned(),
        subject: format!("list/{}", list.list.apex),
        detail: detail.to_string(),
    };
    audit::append(transaction.session(), &deed).await?;
    Ok(())
}

/// Ends what is said of keys and codes that are listed anew: that is the newer decision.
pub(crate) async fn give_way(
    transaction: &mut Transaction,
    list: ListId,
    changes: &[Change],
) -> Result<(), DatabaseError> {
    for Change { key, entries } in changes {
        let codes: Vec<ReturnCode> = entries.iter().filter_map(|entry| entry.code).collect();
        if !codes.is_empty() {
            kept_out::remove(transaction.session(), list, key, None).await?;
        }
        for code in codes {
            kept_out::remove(transaction.session(), list, key, Some(code)).await?;
        }
    }
    Ok(())
}

//! The end of a list (RFC 6471 section 3.4): it is emptied, stays so for a month, and is retired.
//!
//! Its entries stay in the database, for those who look into its past; in DNS there is nothing but the zone itself.

use std::time::Duration;

use repute_database::audit::{self, Deed};
use repute_database::lists::{self, State, Stored};
use repute_database::{DatabaseError, Timestamp, Transaction, changes};
use serde_json::json;

/// Why a list cannot be shut down so.
#[derive(Debug, thiserror::Error)]
pub enum RetirementError {
    /// It is not at that point.
    #[error("{apex} is {is} and not {wanted}")]
    State {
        /// The list.
        apex: String,
        /// What it is.
        is: &'static str,
        /// What it should be.
        wanted: &'static str,
    },
    /// It was emptied a short time ago.
    #[error(
        "{apex} was emptied {days} days ago: wait for a month, so that its users can take it out of their \
         configurations (RFC 6471 section 3.4)"
    )]
    TooEarly {
        /// The list.
        apex: String,
        /// How many days ago.
        days: u64,
    },
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

/// Has a list published without entries and test entries from its next serial on, which this returns.
///
/// # Errors
/// If it is not in use, or the database fails.
pub async fn empty(
    transaction: &mut Transaction,
    list: &Stored,
    actor: &str,
    now: Timestamp,
) -> Result<u32, RetirementError> {
    is_at(list, State::Active)?;
    step(transaction, list, State::Retiring, EMPTY, actor, now).await
}

/// Ends a list that was emptied a month ago or earlier; its last serial.
///
/// # Errors
/// If it was not, or the database fails.
pub async fn end(
    transaction: &mut Transaction,
    list: &Stored,
    actor: &str,
    now: Timestamp,
) -> Result<u32, RetirementError> {
    is_at(list, State::Retiring)?;
    let since = audit::last_of(transaction.session(), &subject(list), EMPTY).await?;
    let micros = since.map_or(0, |since| now.0.saturating_sub(since.0));
    let past = Duration::from_micros(u64::try_from(micros).unwrap_or(0));
    if past < MONTH {
        let (apex, days) = (list.list.apex.to_string(), past.as_secs() / 86_400);
        return Err(RetirementError::TooEarly { apex, days });
    }
    step(transaction, list, State::Retired, "list.retire", actor, now).await
}

/// Makes sure that a list is in a state.
fn is_at(list: &Stored, wanted: State) -> Result<(), RetirementError> {
    if list.state == wanted {
        return Ok(());
    }
    let (apex, is) = (list.list.apex.to_string(), list.state.word());
    Err(RetirementError::State { apex, is, wanted: wanted.word() })
}

/// Brings a list into a state.
async fn step(
    transaction: &mut Transaction,
    list: &Stored,
    state: State,
    action: &str,
    actor: &str,
    now: Timestamp,
) -> Result<u32, RetirementError> {
    lists::set_state(transaction.session(), list.id, state).await?;
    let serial = changes::next_serial(transaction.session(), list.id).await?;
    let deed = Deed {
        time: now,
        actor: actor.to_owned(),
        action: action.to_owned(),
        subject: subject(list),
        detail: json!({ "serial": serial }).to_string(),
    };
    audit::append(transaction.session(), &deed).await?;
    Ok(serial)
}

/// What the audit log calls a list.
fn subject(list: &Stored) -> String {
    format!("list/{}", list.list.apex)
}

/// What the audit log calls it when a list is emptied.
const EMPTY: &str = "list.empty";
/// How long users have to take a list out of their configurations (RFC 6471 section 3.4).
const MONTH: Duration = Duration::from_secs(30 * 86_400);

#[cfg(test)]
mod tests {
    use repute_database::lists::List;
    use repute_database::testing::on_each;
    use repute_dnsxl::{KeyKind, Polarity};

    use super::*;

    #[tokio::test]
    async fn a_list_ends_in_two_steps_with_a_month_between() {
        on_each(async |database| {
            let mut transaction = database.begin().await.expect("a transaction");
            let list = List {
                apex: "bl.example".parse().expect("a name"),
                title: String::new(),
                description: String::new(),
                polarity: Polarity::Block,
                keys: KeyKind::Name,
                ttl: 300,
                contact: String::new(),
            };
            let id = lists::add(transaction.session(), &list, Timestamp(1)).await.expect("added");
            let at = |time: Duration| Timestamp(1).after(time);
            let steps: [(bool, Duration, &str); 6] = [
                (true, MONTH * 2, "bl.example is active and not retiring"),
                (false, Duration::ZERO, ""),
                (false, Duration::ZERO, "bl.example is retiring and not active"),
                (true, MONTH - Duration::from_secs(1), "bl.example was emptied 29 days ago"),
                (true, MONTH, ""),
                (true, MONTH * 3, "bl.example is retired and not retiring"),
            ];
            for (is_end, time, words) in steps {
                let list = lists::by_id(transaction.session(), id).await.expect("it is read");
                let list = list.expect("it is there");
                let done = match is_end {
                    true => end(&mut transaction, &list, audit::SYSTEM, at(time)).await,
                    false => empty(&mut transaction, &list, audit::SYSTEM, at(time)).await,
                };
                match done {
                    Ok(serial) => assert_eq!((words, serial), ("", list.serial + 1)),
                    Err(error) => assert!(
                        !words.is_empty() && error.to_string().starts_with(words),
                        "{error}"
                    ),
                }
            }
        })
        .await;
    }
}

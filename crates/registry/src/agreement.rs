//! The word of the first of two editors: whether it still counts when the second one gives his.
//!
//! Who was locked, or is no editor any more, agrees to nothing, whatever he said before; nor does a word count for ever.
//! His account is held until the transaction is over: whoever would lock him at the same moment waits, or was first.

use std::time::Duration;

use repute_database::accounts::{self, AccountId};
use repute_database::{Agreed, DatabaseError, Timestamp, Transaction};

use crate::permission::{Person, Role};

/// Who gave his word, if it still counts: not too long ago, by somebody who still decides. To be asked when the list is
/// locked and before the audit log is written.
///
/// # Errors
/// If the database fails.
pub(crate) async fn stands(
    transaction: &mut Transaction,
    first: Agreed,
    now: Timestamp,
) -> Result<Option<Person>, DatabaseError> {
    if first.time.after(PATIENCE) <= now {
        return Ok(None);
    }
    let account = AccountId(first.account);
    let role = match accounts::hold(transaction.session(), account).await? {
        Some(accounts::Role::Editor) => Role::Editor,
        Some(accounts::Role::Administrator) => Role::Administrator,
        Some(accounts::Role::Member) | None => return Ok(None),
    };
    Ok(Some(Person { account: first.account, role }))
}

/// For so long the word of one editor waits for another one's.
pub const PATIENCE: Duration = Duration::from_secs(14 * 86_400);

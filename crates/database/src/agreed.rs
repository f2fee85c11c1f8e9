//! What one of two editors agreed to: whose word it is, and since when.

use crate::time::Timestamp;

/// The word of one of two editors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Agreed {
    /// His account.
    pub account: i64,
    /// When he gave it.
    pub time: Timestamp,
}

/// As it stands in two columns.
pub(crate) fn agreed(account: Option<i64>, time: Option<i64>) -> Option<Agreed> {
    let (account, time) = account.zip(time)?;
    Some(Agreed { account, time: Timestamp(time) })
}

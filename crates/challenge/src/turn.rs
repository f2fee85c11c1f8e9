//! Turns: how accounts and the zone of their values change together.
//!
//! Accounts and the DNS zone lie in one store, and a value that an account was told of is in the zone: a kill at any
//! moment leaves both or neither. So this room does not commit by itself. It takes a turn in the transaction of whoever
//! owns the store, and says what the zone's names have from then on.

use std::future::Future;
use std::sync::Arc;

use redb::{ReadTransaction, WriteTransaction};
use repute_dnsxl::Name;

/// Who owns the store in which accounts are, and serves the zone of their values.
pub trait Turns: Send + Sync + 'static {
    /// Runs `work` in the next write transaction, and returns when that is on disk and the zone is served as it says.
    ///
    /// Turns of one transaction run one after the other, each seeing what those before it did. Work that returns a
    /// refusal ([`Fault::is_refusal`]) has written nothing, so that the others go on; any other fault undoes them all.
    /// Work may be run again in another transaction if the first one came to nothing, so all it does is done by that.
    fn turn<R, W>(&self, work: W) -> impl Future<Output = Result<R, Fault>> + Send
    where
        R: Send + 'static,
        W: FnMut(&WriteTransaction) -> Result<(R, Vec<TxtChange>), Fault> + Send + 'static;

    /// What was committed last, to read.
    ///
    /// # Errors
    /// If the store cannot be read.
    fn read(&self) -> Result<ReadTransaction, Fault>;
}

/// What a name of the zone has from now on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TxtChange {
    /// The name.
    pub name: Name,
    /// The strings of all its TXT records, which have a TTL of 1; none takes the records away.
    pub values: Vec<Vec<u8>>,
}

/// Why a turn did not do what it should.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// The account is not there, or not any more.
    #[error("there is no such account")]
    NoAccount,
    /// The account's password is another than the one that was shown.
    #[error("the account's password was changed meanwhile")]
    Changed,
    /// Another account stands for the domain.
    #[error("account {username} stands for {domain}: unbind it there first")]
    Bound {
        /// The domain.
        domain: Name,
        /// Who stands for it.
        username: uuid::Uuid,
    },
    /// What is stored is not what this version stores.
    #[error(
        "what the store holds of challenge accounts cannot be read: restore it, or start with another one"
    )]
    Damaged,
    /// The system has no random bytes.
    #[error("the system gives no random bytes")]
    NoRandom,
    /// The store failed.
    #[error("the store of challenge accounts failed: {0}; is its disk full?")]
    Store(Arc<redb::Error>),
    /// Whoever owns the store cannot use it, and says why.
    #[error("{0}")]
    Owner(String),
    /// Too many turns wait.
    #[error("too many changes wait for the disk: try again")]
    Busy,
    /// Whoever owns the store has ended.
    #[error("the store of challenge accounts is closed")]
    Closed,
}

impl Fault {
    /// Whether it says no to one turn and concerns no other: nothing was written.
    pub fn is_refusal(&self) -> bool {
        match self {
            Fault::NoAccount | Fault::Changed | Fault::Bound { .. } | Fault::NoRandom => true,
            Fault::Damaged | Fault::Store(_) | Fault::Owner(_) | Fault::Busy | Fault::Closed => {
                false
            }
        }
    }
}

macro_rules! from_store {
    ($($error:ty),*) => {
        $(impl From<$error> for Fault {
            fn from(error: $error) -> Fault {
                Fault::Store(Arc::new(error.into()))
            }
        })*
    };
}

from_store!(
    redb::CommitError,
    redb::DatabaseError,
    redb::Error,
    redb::StorageError,
    redb::TableError,
    redb::TransactionError,
    std::io::Error
);

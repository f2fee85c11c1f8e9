//! Who is told of lists as they come to be served, with what led to them.
//!
//! What is served can be looked up in [`Zones`](crate::Zones) by anybody; what changed in a list is known to whoever
//! publishes it only, and would have to be found out by comparing.

use std::fmt::Debug;
use std::sync::Arc;

use repute_zone::Zone;
use repute_zone::journal::Record;

/// Is told of versions of lists.
pub trait Observer: Debug + Send + Sync {
    /// A version of a list is served from now on, and a record led to it from the one before, if that is known. The same
    /// version may come more than once. It is called by those who publish, so it must not wait.
    fn served(&self, zone: &Arc<Zone>, record: Option<&Record>);
}

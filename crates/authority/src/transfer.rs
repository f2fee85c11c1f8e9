//! Zone transfer to others (RFC 5936, RFC 1995): whole zones and lists, or what changed in them.
//!
//! A transfer is written by a thread that goes through one version of a zone, and carried by the task of its
//! connection; between them two messages wait at most, so a secondary that reads slowly costs no memory, and changes
//! that come meanwhile do not touch the version it is given.
//!
//! Deliberately not here: who is told of changes; that is NOTIFY's matter.

pub mod access;
mod ask;
mod message;
mod outgoing;
mod sequence;

use crate::notify::Target;
use access::Access;

pub use ask::{Ask, AskError, What};
pub(crate) use outgoing::soa_record;
pub use outgoing::{Outcome, Sent, Source, answer_datagram, send};

/// How a zone goes to others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Who may have it.
    pub access: Access,
    /// Who is told when it has changed.
    pub notify: Vec<Target>,
    /// Records that it may have to be sent: a list may be so many more than its entries.
    pub most: u64,
}

#[cfg(test)]
pub(crate) mod tests;

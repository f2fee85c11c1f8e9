//! What changed from one version of a zone to another.

use crate::record::Record;

/// The records that went and came between two versions, SOA records left out: those are in `from` and `to`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The SOA before.
    pub from: Record,
    /// The SOA afterwards.
    pub to: Record,
    /// What is there no more.
    pub removed: Vec<Record>,
    /// What is new. A set that changed its time to live is removed and added.
    pub added: Vec<Record>,
}

/// Why a difference cannot be applied.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Misfit {
    /// It begins at another version.
    #[error("it leads from serial {found}, and the zone is at {expected}")]
    From {
        /// The zone's serial.
        expected: u32,
        /// The serial it begins with.
        found: u32,
    },
    /// Its SOA records are none.
    #[error("its SOA records cannot be read")]
    Soa,
    /// A record should go that is not there.
    #[error("it removes a record of type {rtype} at {owner} that is not there")]
    Missing {
        /// The name.
        owner: repute_dnsxl::Name,
        /// The type.
        rtype: u16,
    },
    /// A record that cannot be in the zone.
    #[error(transparent)]
    Unfit(#[from] crate::zone::Unfit),
}

impl Difference {
    /// How many records it carries, the SOA records included.
    pub fn len(&self) -> usize {
        self.removed.len() + self.added.len() + 2
    }

    /// Whether nothing changes but the serial.
    pub fn is_empty(&self) -> bool {
        self.removed.is_empty() && self.added.is_empty()
    }
}

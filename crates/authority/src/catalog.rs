//! Catalog zones (RFC 9432): a zone whose records name other zones, so that secondaries learn of these by themselves.
//!
//! Written of our own zones ([`mod@write`]), and read of others ([`members`]); what the members that are read become, and what
//! of them goes and begins anew, is decided by [`mod@plan`].

use repute_dnsxl::Name;
use repute_nameserver::{Live, ZoneIndex};

mod plan;
mod read;
mod write;

pub(crate) use plan::{Label, Plan, plan};
pub use read::{Broken, Member, members};
pub use write::LONGEST_APEX;
pub(crate) use write::keep;

/// A catalog of zones of our own.
#[derive(Clone, Debug)]
pub struct Catalog {
    /// Its name.
    pub apex: Name,
    /// Its number, by which it is counted and reported.
    pub index: ZoneIndex,
    /// Where queries of those who may have it read it.
    pub live: Live,
    /// Its members.
    pub members: Vec<Listed>,
}

/// A member of a catalog of ours.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Listed {
    /// The zone.
    pub zone: Name,
    /// Its group: which of the settings of a secondary it gets (RFC 9432 section 4.4.2).
    pub group: Option<String>,
}

//! What the portal knows of DNS: how lists answer now. The binary fills it from the zones in memory.

use repute_dnsxl::{Name, ReturnCode, Target};

/// The lists as they are answered in DNS now.
pub trait Zones: Send + Sync {
    /// What a list says of a target; none if it is not served here, or has no data.
    fn standing(&self, apex: &Name, target: &Target) -> Option<Standing>;

    /// How a list is served; none if it is not.
    fn facts(&self, apex: &Name) -> Option<ZoneFacts>;
}

/// What a list says of a target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is listed, with these codes.
    Listed(Vec<ReturnCode>),
    /// It is not.
    NotListed,
}

/// How a list is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ZoneFacts {
    /// How many entries it has.
    pub entries: u64,
    /// Its serial in DNS.
    pub serial: u32,
}

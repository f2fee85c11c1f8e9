//! How much a change weighs: so many addresses and removals one editor decides about alone, in one piece or in many.
//!
//! What of a change has a weight, `two_editors` says.

use repute_dnsxl::Network;
use serde_json::{Value, json};

/// What changes together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Weight {
    /// Addresses of IPv4.
    pub ipv4: u64,
    /// Networks /64 of IPv6.
    pub ipv6: u64,
    /// Keys that are listed no more.
    pub removed: u64,
}

impl Weight {
    /// Of a network that is listed, or was.
    pub fn of(network: Network) -> Weight {
        match network {
            Network::V4(network) => Weight {
                ipv4: u64::from(network.last() - network.first()) + 1,
                ..Weight::default()
            },
            Network::V6(network) => {
                let count = ((network.last() - network.first()) >> 64) + 1;
                Weight { ipv6: u64::try_from(count).unwrap_or(u64::MAX), ..Weight::default() }
            }
        }
    }

    /// As the audit log has it.
    pub fn to_json(self) -> Value {
        json!({ "ipv4": self.ipv4, "ipv6": self.ipv6, "removed": self.removed })
    }

    /// As the audit log has it; what is not there is nothing.
    pub fn of_json(value: &Value) -> Weight {
        let number = |key: &str| value[key].as_u64().unwrap_or(0);
        Weight { ipv4: number("ipv4"), ipv6: number("ipv6"), removed: number("removed") }
    }

    /// This and another one.
    #[must_use]
    pub fn and(self, other: Weight) -> Weight {
        Weight {
            ipv4: self.ipv4.saturating_add(other.ipv4),
            ipv6: self.ipv6.saturating_add(other.ipv6),
            removed: self.removed.saturating_add(other.removed),
        }
    }

    /// What this is more than an earlier one.
    #[must_use]
    pub fn more_than(self, earlier: Weight) -> Weight {
        Weight {
            ipv4: self.ipv4.saturating_sub(earlier.ipv4),
            ipv6: self.ipv6.saturating_sub(earlier.ipv6),
            removed: self.removed.saturating_sub(earlier.removed),
        }
    }

    /// Whether it is more than a /20 of IPv4, or a /40 of IPv6.
    pub fn is_wide(self) -> bool {
        self.ipv4 > 1 << 12 || self.ipv6 > 1 << 24
    }

    /// Whether so many removals are a mass.
    pub fn is_mass(self) -> bool {
        self.removed >= MASS
    }
}

/// So many removals are a mass.
pub const MASS: u64 = 25;

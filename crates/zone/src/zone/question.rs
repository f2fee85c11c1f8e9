//! What is asked: a name below the apex, and the address it may spell.

use crate::dataset::{NEVER_IPV4, NEVER_IPV6};
use crate::relative::{Octets, Relative};

/// A name below the apex, with the address it spells.
#[derive(Clone, Copy, Debug)]
pub struct Question<'q> {
    pub(super) name: Relative<'q>,
    pub(super) address: Address,
}

/// The whole address that a name spells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Address {
    /// None: the name is something else, or only a part of an address.
    None,
    /// Four octets.
    Ipv4(u32),
    /// Thirty-two nibbles.
    Ipv6(u128),
}

impl Address {
    /// The address that a name spells.
    #[inline]
    pub(super) fn of(name: Relative<'_>, octets: Octets) -> Address {
        match name.label_count() {
            4 => name.ipv4(octets).map_or(Address::None, Address::Ipv4),
            32 => name.ipv6().map_or(Address::None, Address::Ipv6),
            _ => Address::None,
        }
    }
}

impl<'q> Question<'q> {
    /// A question whose address was read before.
    #[inline]
    pub fn new(name: Relative<'q>, address: Address) -> Question<'q> {
        Question { name, address }
    }

    /// The name.
    pub fn name(self) -> Relative<'q> {
        self.name
    }

    /// The address it spells.
    pub fn address(self) -> Address {
        self.address
    }

    /// 127.0.0.1, ::ffff:127.0.0.1 and INVALID are never listed (RFC 5782 section 5).
    #[inline(always)]
    pub(crate) fn is_never_listed(self) -> bool {
        match self.address {
            Address::Ipv4(address) => address == NEVER_IPV4,
            Address::Ipv6(address) => address == NEVER_IPV6,
            Address::None => self.name.wire() == b"\x07invalid",
        }
    }
}

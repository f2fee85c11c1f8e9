//! Networks in CIDR notation: what a list of addresses names.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// An IPv4 network; bits behind the prefix are zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Ipv4Network {
    first: u32,
    len: u8,
}

/// An IPv6 network; bits behind the prefix are zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Ipv6Network {
    first: u128,
    len: u8,
}

/// A network of either family.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Network {
    /// IPv4.
    V4(Ipv4Network),
    /// IPv6.
    V6(Ipv6Network),
}

macro_rules! network {
    ($name:ident, $int:ty, $addr:ty) => {
        impl $name {
            /// The network of this prefix.
            ///
            /// # Errors
            /// If the length is too large, or the address has bits behind the prefix.
            pub fn new(address: $addr, len: u8) -> Result<$name, NetworkError> {
                let first = <$int>::from(address);
                if u32::from(len) > <$int>::BITS {
                    return Err(NetworkError::PrefixLength);
                }
                if first & Self::host_mask(len) != 0 {
                    return Err(NetworkError::HostBits);
                }
                Ok($name { first, len })
            }

            /// The network of this length that an address lies in.
            ///
            /// # Panics
            /// If the length is larger than the address.
            pub fn around(address: $addr, len: u8) -> $name {
                assert!(u32::from(len) <= <$int>::BITS, "a prefix is no longer than its address");
                $name { first: <$int>::from(address) & !Self::host_mask(len), len }
            }

            /// The first address as a number.
            pub fn first(self) -> $int {
                self.first
            }

            /// The last address as a number.
            pub fn last(self) -> $int {
                self.first | Self::host_mask(self.len)
            }

            /// The prefix length in bits.
            pub fn prefix_len(self) -> u8 {
                self.len
            }

            /// Whether an address lies inside.
            pub fn contains(self, address: $addr) -> bool {
                let address = <$int>::from(address);
                self.first() <= address && address <= self.last()
            }

            fn host_mask(len: u8) -> $int {
                <$int>::MAX.checked_shr(u32::from(len)).unwrap_or(0)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}", <$addr>::from(self.first))?;
                if u32::from(self.len) < <$int>::BITS { write!(f, "/{}", self.len) } else { Ok(()) }
            }
        }
    };
}

network!(Ipv4Network, u32, Ipv4Addr);
network!(Ipv6Network, u128, Ipv6Addr);

impl FromStr for Network {
    type Err = NetworkError;

    /// Parses an address or `address/length`.
    fn from_str(text: &str) -> Result<Network, NetworkError> {
        let (address, len) = match text.split_once('/') {
            Some((address, len)) => {
                (address, Some(len.parse().map_err(|_| NetworkError::PrefixLength)?))
            }
            None => (text, None),
        };
        match address.parse().map_err(|_| NetworkError::Address)? {
            IpAddr::V4(a) => Ipv4Network::new(a, len.unwrap_or(32)).map(Network::V4),
            IpAddr::V6(a) => Ipv6Network::new(a, len.unwrap_or(128)).map(Network::V6),
        }
    }
}

impl Network {
    /// Whether an address of the same family lies inside.
    pub fn contains(self, address: IpAddr) -> bool {
        match (self, address) {
            (Network::V4(n), IpAddr::V4(a)) => n.contains(a),
            (Network::V6(n), IpAddr::V6(a)) => n.contains(a),
            (Network::V4(_), IpAddr::V6(_)) | (Network::V6(_), IpAddr::V4(_)) => false,
        }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Network::V4(n) => n.fmt(f),
            Network::V6(n) => n.fmt(f),
        }
    }
}

/// Why a text is no network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NetworkError {
    /// What stands before the slash is no address.
    #[error("not an IPv4 or IPv6 address")]
    Address,
    /// `192.0.2.1/24`: the address has bits behind the prefix.
    #[error("the address has bits set behind the prefix length")]
    HostBits,
    /// The prefix length is no number from 0 to 32 (IPv4) or 128 (IPv6).
    #[error("the prefix length must be 0 to 32 (IPv4) or 0 to 128 (IPv6)")]
    PrefixLength,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expect: Result<&str, NetworkError>) {
        let got = text.parse::<Network>().map(|n| n.to_string());
        assert_eq!(got.as_deref().map_err(|e| *e), expect, "{text}");
    }

    #[test]
    fn addresses_and_prefixes_parse() {
        check("192.0.2.0/24", Ok("192.0.2.0/24"));
        check("192.0.2.1", Ok("192.0.2.1"));
        check("0.0.0.0/0", Ok("0.0.0.0/0"));
        check("2001:db8::/32", Ok("2001:db8::/32"));
        check("::1/128", Ok("::1"));
    }

    #[test]
    fn faults_are_named() {
        check("192.0.2.1/24", Err(NetworkError::HostBits));
        check("192.0.2.0/33", Err(NetworkError::PrefixLength));
        check("192.0.2/24", Err(NetworkError::Address));
    }
}

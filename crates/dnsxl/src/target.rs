//! What somebody asks a list about.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use crate::{Name, NameError};

/// An address or a name that is looked up in a list.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Target {
    /// An IPv4 address.
    Ipv4(Ipv4Addr),
    /// An IPv6 address.
    Ipv6(Ipv6Addr),
    /// A domain name.
    Name(Name),
}

impl FromStr for Target {
    type Err = TargetError;

    /// Parses an address or a domain name. What can only be meant as an address is not taken for a name.
    fn from_str(text: &str) -> Result<Target, TargetError> {
        match text.parse() {
            Ok(IpAddr::V4(a)) => Ok(Target::Ipv4(a)),
            Ok(IpAddr::V6(a)) => Ok(Target::Ipv6(a)),
            Err(_) => match looks_like_an_address(text) {
                Some(error) => Err(error),
                None => Ok(Target::Name(text.parse()?)),
            },
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Target::Ipv4(a) => a.fmt(f),
            Target::Ipv6(a) => a.fmt(f),
            Target::Name(n) => n.fmt(f),
        }
    }
}

/// What is wrong with a text that is no address but looks like one.
fn looks_like_an_address(text: &str) -> Option<TargetError> {
    match text.split_once('/') {
        Some((address, _)) if address.parse::<IpAddr>().is_ok() => Some(TargetError::Network),
        _ if text.contains(':') => Some(TargetError::Ipv6),
        // No name ends with a number: there are no such top-level domains (RFC 3696 section 2).
        _ if text.contains('.') && text.bytes().all(|b| b.is_ascii_digit() || b == b'.') => {
            Some(TargetError::Ipv4)
        }
        _ => None,
    }
}

/// Why a text is no target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// It looks like an IPv4 address.
    #[error("not an address: IPv4 has four numbers from 0 to 255, without zeros before them")]
    Ipv4,
    /// It looks like an IPv6 address.
    #[error(
        "not an address: IPv6 has eight groups of up to four hex digits, or once `::` for some of zeros"
    )]
    Ipv6,
    /// It is neither an address nor a domain name.
    #[error("neither an address nor a domain name: {0}")]
    Name(#[from] NameError),
    /// It is a network.
    #[error("a network: look up one of its addresses")]
    Network,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_like_an_address_is_not_taken_for_a_name() {
        use TargetError::{Ipv4, Ipv6, Network};
        let check = |text: &str, expect| assert_eq!(text.parse::<Target>().err(), expect, "{text}");
        check("999.1.1.1", Some(Ipv4));
        check("192.0.2", Some(Ipv4));
        check("192.0.2.01", Some(Ipv4));
        check("192.0.2.1.", Some(Ipv4));
        check("2001:db8::12345", Some(Ipv6));
        check("2001:db8:::1", Some(Ipv6));
        check("[2001:db8::1]", Some(Ipv6));
        check("192.0.2.0/24", Some(Network));
        check("2001:db8::/32", Some(Network));
        check("192.0.2.1", None);
        check("1.2.0.192.spam", None);
        check("999.example", None);
        check("test", None);
    }
}

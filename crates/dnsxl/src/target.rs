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

    /// Parses an address or a domain name.
    fn from_str(text: &str) -> Result<Target, TargetError> {
        match text.parse() {
            Ok(IpAddr::V4(a)) => Ok(Target::Ipv4(a)),
            Ok(IpAddr::V6(a)) => Ok(Target::Ipv6(a)),
            Err(_) => Ok(Target::Name(text.parse()?)),
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

/// The text is neither an address nor a domain name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("neither an address nor a domain name: {0}")]
pub struct TargetError(#[from] NameError);

//! From which of its addresses the server speaks to others of its own accord.
//!
//! A secondary takes NOTIFY from its primary's address and from nobody else, and a primary lets a secondary have a zone
//! by its address. A machine with several addresses would speak from whichever its routes name; others know the one
//! that it answers at.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The addresses at which the server answers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sources(Vec<IpAddr>);

impl Sources {
    /// By the addresses that the server listens at. One that means all of them says nothing.
    pub fn new(listening: impl IntoIterator<Item = IpAddr>) -> Sources {
        Sources(listening.into_iter().filter(|address| !address.is_unspecified()).collect())
    }

    /// From where somebody is spoken to: the first address of his family, or whatever the routes name. The machine
    /// itself is spoken to from loopback if there is such a one, and nobody else ever is.
    pub fn to(&self, somebody: IpAddr) -> IpAddr {
        let somebody = somebody.to_canonical();
        let of_family =
            || self.0.iter().filter(|address| address.is_ipv4() == somebody.is_ipv4()).copied();
        let inside = somebody.is_loopback();
        let same = of_family().find(|address| address.is_loopback() == inside);
        same.unwrap_or(match somebody {
            IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn others_hear_from_the_address_that_they_know() {
        let sources = |texts: &[&str]| {
            Sources::new(texts.iter().map(|text| text.parse::<IpAddr>().expect("an address")))
        };
        for (listening, somebody, expect) in [
            (&["0.0.0.0", "::"][..], "198.51.100.1", "0.0.0.0"),
            (&["192.0.2.1", "192.0.2.2"], "198.51.100.1", "192.0.2.1"),
            (&["192.0.2.1"], "2001:db8::1", "::"),
            (&["192.0.2.1", "2001:db8::53"], "2001:db8::1", "2001:db8::53"),
            (&["127.0.0.1", "192.0.2.1"], "198.51.100.1", "192.0.2.1"),
            (&["127.0.0.1"], "198.51.100.1", "0.0.0.0"),
            (&["192.0.2.1", "127.0.0.1"], "127.0.0.2", "127.0.0.1"),
            (&["192.0.2.1"], "127.0.0.2", "0.0.0.0"),
            (&["192.0.2.1"], "::ffff:198.51.100.1", "192.0.2.1"),
        ] {
            let from = sources(listening).to(somebody.parse().expect("an address"));
            assert_eq!(from.to_string(), expect, "{listening:?} to {somebody}");
        }
    }
}

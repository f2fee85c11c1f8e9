//! Addresses that are no public ones: of no use on a list, and nothing that others may have us ask.

use std::net::{IpAddr, Ipv6Addr};

use repute_dnsxl::Network;

/// Whether an address is reserved.
pub fn is_reserved(address: IpAddr) -> bool {
    reserved().any(|(network, _)| network.contains(plain(address)))
}

/// What a network is reserved for, if any of its addresses is.
pub fn reserved_for(network: Network) -> Option<&'static str> {
    reserved().find(|(reserved, _)| overlaps(*reserved, network)).map(|(_, what)| what)
}

/// Whether two networks have an address in common.
pub fn overlaps(one: Network, other: Network) -> bool {
    one.contains(first(other)) || other.contains(first(one))
}

/// The length of a network's prefix.
pub fn prefix_len(network: Network) -> u8 {
    match network {
        Network::V4(network) => network.prefix_len(),
        Network::V6(network) => network.prefix_len(),
    }
}

/// The first address of a network.
pub fn first(network: Network) -> IpAddr {
    match network {
        Network::V4(network) => IpAddr::from(network.first().to_be_bytes()),
        Network::V6(network) => IpAddr::from(network.first().to_be_bytes()),
    }
}

/// An IPv4 address that is written as one of IPv6 is one of IPv4.
fn plain(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(address) => v4_in(address).unwrap_or(IpAddr::V6(address)),
        IpAddr::V4(_) => address,
    }
}

/// The IPv4 address that one of IPv6 stands for.
fn v4_in(address: Ipv6Addr) -> Option<IpAddr> {
    address.to_ipv4_mapped().map(IpAddr::V4)
}

/// The reserved networks.
fn reserved() -> impl Iterator<Item = (Network, &'static str)> {
    RESERVED.iter().filter_map(|(network, what)| Some((network.parse().ok()?, *what)))
}

/// The special-purpose registries of IANA (RFC 6890 and later).
const RESERVED: &[(&str, &str)] = &[
    ("0.0.0.0/8", "this network"),
    ("10.0.0.0/8", "private use"),
    ("100.64.0.0/10", "shared addresses of carriers"),
    ("127.0.0.0/8", "loopback"),
    ("169.254.0.0/16", "link-local addresses"),
    ("172.16.0.0/12", "private use"),
    ("192.0.0.0/24", "protocol assignments"),
    ("192.0.2.0/24", "documentation"),
    ("192.168.0.0/16", "private use"),
    ("198.18.0.0/15", "benchmarks"),
    ("198.51.100.0/24", "documentation"),
    ("203.0.113.0/24", "documentation"),
    ("224.0.0.0/4", "multicast"),
    ("240.0.0.0/4", "future use"),
    ("::/8", "protocol assignments"),
    ("64:ff9b::/96", "translated IPv4"),
    ("64:ff9b:1::/48", "translated IPv4"),
    ("100::/64", "discarding"),
    ("2001::/23", "protocol assignments"),
    ("2001:db8::/32", "documentation"),
    ("2002::/16", "6to4"),
    ("3fff::/20", "documentation"),
    ("fc00::/7", "private use"),
    ("fe80::/10", "link-local addresses"),
    ("ff00::/8", "multicast"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_a_network_and_public_addresses_are_not_reserved() {
        assert_eq!(reserved().count(), RESERVED.len());
        for text in
            ["127.0.0.1", "10.1.2.3", "::1", "::ffff:10.0.0.1", "fe80::1", "169.254.169.254"]
        {
            assert!(is_reserved(text.parse().expect("an address")), "{text}");
        }
        for text in ["8.8.8.8", "2a00:1450::1", "::ffff:8.8.8.8"] {
            assert!(!is_reserved(text.parse().expect("an address")), "{text}");
        }
    }

    #[test]
    fn a_network_is_reserved_as_soon_as_a_part_of_it_is() {
        let of = |text: &str| reserved_for(text.parse().expect("a network"));
        assert_eq!(of("192.168.7.0/24"), Some("private use"));
        assert_eq!(of("192.0.0.0/8"), Some("protocol assignments"));
        assert_eq!(of("193.0.0.0/8"), None);
        assert_eq!(of("2a00::/16"), None);
    }
}

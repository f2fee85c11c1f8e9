//! From where an account may be used: acme-dns's `allowfrom`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use repute_dnsxl::{Ipv4Network, Ipv6Network, Network};

/// Networks from which an account may be used; none at all means everybody.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AllowFrom(Vec<Range>);

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Range {
    /// As it was written, without brackets: acme-dns says it back so.
    text: String,
    /// What it means.
    network: Network,
}

impl AllowFrom {
    /// Reads a list of networks as acme-dns takes them: `192.0.2.0/24`, `[2001:db8::]/32`, bits behind the prefix allowed.
    ///
    /// # Errors
    /// The first that is none.
    pub fn parse<T: AsRef<str>>(texts: impl IntoIterator<Item = T>) -> Result<AllowFrom, String> {
        let range = |text: T| Range::parse(text.as_ref()).ok_or(text.as_ref().to_owned());
        Ok(AllowFrom(texts.into_iter().map(range).collect::<Result<_, _>>()?))
    }

    /// The networks as they were written.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|range| range.text.as_str())
    }

    /// Whether somebody at one of these addresses may use the account. Without networks anybody may, also who has no
    /// address that we know.
    pub fn allows(&self, clients: &[IpAddr]) -> bool {
        let is_within = |client: &IpAddr| {
            // A socket for both families has IPv4 clients as mapped addresses.
            let client = client.to_canonical();
            self.0.iter().any(|range| range.network.contains(client))
        };
        self.0.is_empty() || clients.iter().any(is_within)
    }
}

impl Range {
    /// Reads a network.
    fn parse(text: &str) -> Option<Range> {
        let text: String = text.chars().filter(|c| !matches!(c, '[' | ']')).collect();
        let (address, length) = text.split_once('/')?;
        let is_number = length.len() <= 3 && length.bytes().all(|byte| byte.is_ascii_digit());
        let length: u8 = length.parse().ok().filter(|_| is_number)?;
        let network = match address.parse().ok()? {
            IpAddr::V4(address) => v4(address, length)?,
            IpAddr::V6(address) => v6(address, length)?,
        };
        Some(Range { text, network })
    }
}

/// The network of an IPv4 address.
fn v4(address: Ipv4Addr, length: u8) -> Option<Network> {
    (length <= 32).then(|| Network::V4(Ipv4Network::around(address, length)))
}

/// The network of an IPv6 address; one of mapped addresses is that of IPv4.
fn v6(address: Ipv6Addr, length: u8) -> Option<Network> {
    match (address.to_ipv4_mapped(), length.checked_sub(96)) {
        (Some(address), Some(length)) => v4(address, length),
        _ => (length <= 128).then(|| Network::V6(Ipv6Network::around(address, length))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(list: &[&str], client: &str, expect: bool) {
        let list = AllowFrom::parse(list).expect("they are networks");
        let clients: Vec<IpAddr> = client.split(' ').filter_map(|one| one.parse().ok()).collect();
        assert_eq!(list.allows(&clients), expect, "{list:?} {client}");
    }

    #[test]
    fn a_client_within_any_network_may_and_without_networks_everybody() {
        check(&[], "192.0.2.1", true);
        check(&[], "", true);
        check(&["192.0.2.0/24"], "", false);
        check(&["192.0.2.0/24"], "192.0.2.255", true);
        check(&["192.0.2.0/24"], "192.0.3.0", false);
        check(&["192.0.2.0/24"], "::ffff:192.0.2.1", true);
        check(&["192.0.2.77/24"], "192.0.2.1", true);
        check(&["198.51.100.1/32", "[2001:db8::]/32"], "2001:db8:1::1", true);
        check(&["198.51.100.1/32", "[2001:db8::]/32"], "2001:db9::1", false);
        check(&["0.0.0.0/0"], "2001:db8::1", false);
        check(&["::/0"], "2001:db8::1", true);
        check(&["::/0"], "192.0.2.1", false);
        check(&["::ffff:192.0.2.0/120"], "192.0.2.9", true);
        check(&["192.0.2.0/24"], "203.0.113.1 192.0.2.1", true);
    }

    #[test]
    fn networks_are_said_back_as_they_were_written_without_brackets() {
        let list = AllowFrom::parse(["10.0.0.1/24", "[2002:c0a8::0]/32"]).expect("networks");
        assert!(list.texts().eq(["10.0.0.1/24", "2002:c0a8::0/32"]));
    }

    #[test]
    fn what_is_no_network_is_named() {
        for bad in
            ["", "invalid", "192.0.2.1", "192.0.2.0/33", "::/129", "1.2.3/8", "::/+8", "1.2.3.4/"]
        {
            assert_eq!(AllowFrom::parse(["192.0.2.0/24", bad]), Err(bad.to_owned()));
        }
    }
}

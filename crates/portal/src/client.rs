//! Who asks: the address of the connection, or what a trusted proxy says of it.

use std::net::{IpAddr, SocketAddr};

use axum::http::HeaderMap;
use repute_dnsxl::Network;

/// The address behind a connection. Of several in `X-Forwarded-For` the last that no trusted proxy has counts:
/// whatever is before it was written by whoever likes.
pub(crate) fn address(peer: SocketAddr, headers: &HeaderMap, trusted: &[Network]) -> IpAddr {
    let is_trusted = |address: IpAddr| trusted.iter().any(|network| network.contains(address));
    let mut address = peer.ip().to_canonical();
    // A line that cannot be read is no address, and ends the way back as any such does.
    let lines = headers.get_all("x-forwarded-for").iter();
    let lines: Vec<&str> = lines.map(|line| line.to_str().unwrap_or("?")).collect();
    for said in lines.join(",").rsplit(',') {
        if !is_trusted(address) {
            break;
        }
        match parse(said.trim()) {
            Some(before) => address = before.to_canonical(),
            None => break,
        }
    }
    address
}

/// An address as proxies write it: some name the port, too, and then put an address of IPv6 into brackets.
fn parse(said: &str) -> Option<IpAddr> {
    let bare = said.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(said);
    let with_port = || said.parse::<SocketAddr>().ok().map(|address| address.ip());
    bare.parse().ok().or_else(with_port)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_trusted_proxies_are_believed() {
        let trusted = ["127.0.0.1", "10.0.0.0/8"].map(|text| text.parse().expect("a network"));
        let check = |peer: &str, lines: &[&str], expect: &str| {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append("x-forwarded-for", line.parse().expect("a value"));
            }
            let peer = SocketAddr::new(peer.parse().expect("an address"), 4000);
            let found = address(peer, &headers, &trusted).to_string();
            assert_eq!(found, expect, "{lines:?}");
        };
        check("127.0.0.1", &["192.0.2.1", "\u{fc}"], "127.0.0.1");
        check("198.51.100.1", &["192.0.2.1"], "198.51.100.1");
        check("127.0.0.1", &[], "127.0.0.1");
        check("127.0.0.1", &["192.0.2.1"], "192.0.2.1");
        check("127.0.0.1", &["203.0.113.9, 192.0.2.1"], "192.0.2.1");
        check("127.0.0.1", &["203.0.113.9", "192.0.2.1, 10.1.2.3"], "192.0.2.1");
        check("127.0.0.1", &["203.0.113.9, nonsense"], "127.0.0.1");
        check("::ffff:127.0.0.1", &["2001:db8::7"], "2001:db8::7");
        check("127.0.0.1", &["192.0.2.1:4711"], "192.0.2.1");
        check("127.0.0.1", &["203.0.113.9, [2001:db8::7]:4711"], "2001:db8::7");
        check("127.0.0.1", &["[2001:db8::7]"], "2001:db8::7");
        check("127.0.0.1", &["203.0.113.9, 192.0.2.1:port"], "127.0.0.1");
    }
}

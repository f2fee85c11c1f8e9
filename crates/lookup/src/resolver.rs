//! Which servers to ask: the system's resolvers, as its configuration names them.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// Reads the resolvers of a `resolv.conf` (resolv.conf(5)): three at most, as the system's own library
/// takes; without any, the one on this machine.
pub fn system(text: &str) -> Vec<SocketAddr> {
    let named = text.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        let address = (words.next() == Some("nameserver")).then(|| words.next()).flatten()?;
        // A zone index (`fe80::1%eth0`) means a link, which needs the system to be resolved.
        address.parse::<IpAddr>().ok()
    });
    let mut servers: Vec<SocketAddr> =
        named.take(MOST).map(|ip| SocketAddr::new(ip, PORT)).collect();
    if servers.is_empty() {
        servers.push(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), PORT));
    }
    servers
}

/// Parses a server: an address, with a port or without (`192.0.2.53`, `192.0.2.53:5300`, `[2001:db8::53]:53`).
pub fn server(text: &str) -> Option<SocketAddr> {
    if let Ok(address) = text.parse() {
        return Some(address);
    }
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    bare.parse().ok().map(|ip| SocketAddr::new(ip, PORT))
}

/// Whose resolver an address is, if it is a public one: lists do not answer those.
pub fn public_operator(address: IpAddr) -> Option<&'static str> {
    PUBLIC.iter().find(|(known, _)| known.parse() == Ok(address)).map(|(_, operator)| *operator)
}

/// DNS (RFC 1035 section 4.2).
const PORT: u16 = 53;
/// MAXNS of resolv.conf(5).
const MOST: usize = 3;
/// Public resolvers by the addresses their operators publish.
const PUBLIC: [(&str, &str); 20] = [
    ("8.8.8.8", "Google"),
    ("8.8.4.4", "Google"),
    ("2001:4860:4860::8888", "Google"),
    ("2001:4860:4860::8844", "Google"),
    ("1.1.1.1", "Cloudflare"),
    ("1.0.0.1", "Cloudflare"),
    ("2606:4700:4700::1111", "Cloudflare"),
    ("2606:4700:4700::1001", "Cloudflare"),
    ("9.9.9.9", "Quad9"),
    ("149.112.112.112", "Quad9"),
    ("2620:fe::fe", "Quad9"),
    ("2620:fe::9", "Quad9"),
    ("208.67.222.222", "OpenDNS"),
    ("208.67.220.220", "OpenDNS"),
    ("2620:119:35::35", "OpenDNS"),
    ("2620:119:53::53", "OpenDNS"),
    ("94.140.14.14", "AdGuard"),
    ("94.140.15.15", "AdGuard"),
    ("64.6.64.6", "Vercara"),
    ("64.6.65.6", "Vercara"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_three_name_servers_count() {
        let text = "# a comment\nsearch example\nnameserver 192.0.2.1\nnameserver fe80::1%eth0\n\
                    options edns0\nnameserver  2001:db8::53\nnameserver 192.0.2.2\nnameserver 192.0.2.3\n";
        let found: Vec<String> = system(text).iter().map(SocketAddr::to_string).collect();
        assert_eq!(found, ["192.0.2.1:53", "[2001:db8::53]:53", "192.0.2.2:53"]);
        assert_eq!(system("")[0].to_string(), "127.0.0.1:53");
    }

    #[test]
    fn a_server_may_have_a_port() {
        for (text, address) in [
            ("192.0.2.53", "192.0.2.53:53"),
            ("192.0.2.53:5300", "192.0.2.53:5300"),
            ("2001:db8::53", "[2001:db8::53]:53"),
            ("[2001:db8::53]", "[2001:db8::53]:53"),
            ("[2001:db8::53]:5300", "[2001:db8::53]:5300"),
        ] {
            assert_eq!(server(text).map(|s| s.to_string()).as_deref(), Some(address));
        }
        assert_eq!(server("ns.example"), None);
    }

    #[test]
    fn public_resolvers_are_known() {
        assert!(PUBLIC.iter().all(|(address, _)| address.parse::<IpAddr>().is_ok()));
        assert_eq!(public_operator("9.9.9.9".parse().unwrap()), Some("Quad9"));
        assert_eq!(public_operator("192.0.2.1".parse().unwrap()), None);
    }
}

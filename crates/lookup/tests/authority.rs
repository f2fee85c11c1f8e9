//! The servers of lists, found by way of a resolver on loopback that knows a small world.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::thread;
use std::time::Duration;

use repute_dnsxl::Name;
use repute_lookup::authority::{AuthorityError, servers};

/// How long the tests wait for a resolver that never answers.
const TIMEOUT: Duration = Duration::from_millis(400);

/// What the resolver knows: records of a name and type, `NODATA zone` and `NXDOMAIN zone`.
const WORLD: &[(&str, u16, &str)] = &[
    ("bl.example.org", 2, "ns2.example.net ns1.example.org"),
    ("ns1.example.org", 1, "192.0.2.1"),
    ("ns1.example.org", 28, "2001:db8::1"),
    ("ns2.example.net", 1, "198.51.100.2 192.0.2.1"),
    ("ns2.example.net", 28, "NODATA example.net"),
    // A part of a larger zone, and one of a zone that nobody names servers of.
    ("part.example.org", 2, "NODATA example.org"),
    ("example.org", 2, "ns1.example.org"),
    ("lost.example.com", 2, "NODATA example.com"),
    ("example.com", 2, "NODATA example.com"),
    // No operator's zone denies these.
    ("high.org", 2, "NODATA org"),
    ("gone.example.org", 2, "NXDOMAIN example.org"),
    ("broken.example.org", 2, "SERVFAIL ."),
    ("hollow.example.org", 2, "ns.hollow.example.org"),
    ("ns.hollow.example.org", 1, "NODATA example.org"),
    ("ns.hollow.example.org", 28, "NODATA example.org"),
];

/// The reply to a query, or nothing.
fn reply(query: &[u8]) -> Option<Vec<u8>> {
    let end = 12 + query[12..].iter().position(|byte| *byte == 0)? + 1;
    let (name, rtype) = (Name::from_wire(&query[12..end]).ok()?, u16::from(query[end + 1]));
    let (_, _, said) =
        WORLD.iter().find(|(known, kind, _)| *known == name.to_string() && *kind == rtype)?;
    let mut out = query[..end + 4].to_vec();
    (out[2], out[3]) = (0x81, 0x80);
    out[6..12].fill(0);
    let mut words = said.split(' ').peekable();
    let denial = words.next_if(|word| word.chars().all(|c| c.is_ascii_uppercase()));
    for word in words {
        let (owner, data): (Vec<u8>, Vec<u8>) = match (denial, rtype) {
            (Some(_), _) => {
                let soa = [&[0, 0], &[0; 16][..], &60_u32.to_be_bytes()].concat();
                (word.parse::<Name>().ok()?.as_wire().to_vec(), soa)
            }
            (None, 1) => (vec![0xc0, 12], word.parse::<Ipv4Addr>().ok()?.octets().to_vec()),
            (None, 28) => {
                (vec![0xc0, 12], word.parse::<std::net::Ipv6Addr>().ok()?.octets().to_vec())
            }
            (None, _) => (vec![0xc0, 12], word.parse::<Name>().ok()?.as_wire().to_vec()),
        };
        out[if denial.is_some() { 9 } else { 7 }] += 1;
        let kind = if denial.is_some() { 6 } else { rtype as u8 };
        out.extend_from_slice(&owner);
        out.extend_from_slice(&[0, kind, 0, 1, 0, 0, 0, 60, 0, data.len() as u8]);
        out.extend_from_slice(&data);
    }
    out[3] |= match denial {
        Some("NXDOMAIN") => 3,
        Some("SERVFAIL") => 2,
        _ => 0,
    };
    Some(out)
}

/// Starts the resolver; it ends with the process.
fn resolver() -> SocketAddr {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let address = socket.local_addr().expect("an address");
    thread::spawn(move || {
        let mut packet = [0; 512];
        while let Ok((len, from)) = socket.recv_from(&mut packet) {
            if let Some(reply) = reply(&packet[..len]) {
                socket.send_to(&reply, from).expect("it is sent");
            }
        }
    });
    address
}

/// What is found of zones: apex, hosts and all addresses; or why nothing is.
fn found(zones: &[&str], resolvers: &[SocketAddr]) -> Vec<Result<String, AuthorityError>> {
    found_within(TIMEOUT, zones, resolvers)
}

/// The same with another patience.
fn found_within(
    timeout: Duration,
    zones: &[&str],
    resolvers: &[SocketAddr],
) -> Vec<Result<String, AuthorityError>> {
    let zones: Vec<Name> = zones.iter().map(|zone| zone.parse().expect("a name")).collect();
    let found = servers(&zones, resolvers, timeout).expect("sockets");
    let say = |authority: &repute_lookup::authority::Authority| {
        let hosts: Vec<String> = authority.hosts.iter().map(|h| h.name.to_string()).collect();
        let servers: Vec<String> = authority.servers().iter().map(ToString::to_string).collect();
        format!("{}: {} at {}", authority.apex, hosts.join(" "), servers.join(" "))
    };
    found.iter().map(|one| one.as_ref().map(say).map_err(|error| *error)).collect()
}

#[test]
fn each_zone_has_its_servers_with_their_addresses_once() {
    let zones = ["bl.example.org", "part.example.org", "bl.example.org"];
    let own = "bl.example.org: ns1.example.org ns2.example.net at \
               192.0.2.1:53 [2001:db8::1]:53 198.51.100.2:53";
    let above = "example.org: ns1.example.org at 192.0.2.1:53 [2001:db8::1]:53";
    let expected = [own, above, own].map(|text| Ok(text.to_owned()));
    assert_eq!(found(&zones, &[resolver()]), expected);
}

#[test]
fn nothing_is_waited_for_after_the_last_answer() {
    // A day: it would be noticed.
    let day = Duration::from_secs(86_400);
    assert!(found_within(day, &["bl.example.org"], &[resolver()])[0].is_ok());
}

#[test]
fn what_has_no_servers_says_why() {
    use AuthorityError::{NoAnswer, NoServers, NoSuchZone};
    for (zone, why) in [
        ("gone.example.org", NoSuchZone),
        ("broken.example.org", NoAnswer),
        ("silent.example.org", NoAnswer),
        ("hollow.example.org", NoServers),
        ("lost.example.com", NoServers),
        ("high.org", NoServers),
    ] {
        // Beside one that has some.
        let found = found(&[zone, "bl.example.org"], &[resolver()]);
        assert_eq!(found[0], Err(why), "{zone}");
        assert!(found[1].is_ok(), "{zone}");
    }
}

#[test]
fn without_a_resolver_nothing_is_known() {
    assert_eq!(found(&["bl.example.org"], &[]), [Err(AuthorityError::NoAnswer)]);
    assert_eq!(found(&[], &[resolver()]), []);
}

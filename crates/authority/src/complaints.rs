//! Log lines about what clients do wrong: who should mend what, and so many a minute that nobody can fill a disk.

use std::fmt::{self, Display};
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use repute_dnsxl::{Ipv4Network, Ipv6Network, Name, Network};

/// Log lines, and how many there were.
#[derive(Debug, Default)]
pub struct Complaints(Mutex<Minute>);

/// How many lines there were in a minute.
#[derive(Debug, Default)]
struct Minute {
    number: u64,
    lines: u64,
    left_out: u64,
}

/// What becomes of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Line {
    /// It is written, and before it how many were left out.
    Written(u64),
    /// It is left out.
    LeftOut,
}

impl Complaints {
    /// Writes a line, unless there were too many in this minute: what happened, of which zone and key, from where, and
    /// why, which says what helps.
    pub fn complain(
        &self,
        what: &str,
        zone: &Name,
        key: Option<&Name>,
        address: IpAddr,
        now: u64,
        why: &dyn Display,
    ) {
        let Line::Written(left_out) = self.line(now) else { return };
        if left_out > 0 {
            tracing::warn!(left_out, "{left_out} more messages were refused in the minute before");
        }
        let (client, key) = (network(address), Key(key));
        tracing::warn!(
            zone = %zone, key = %key, client = %client,
            "{what}: zone {zone}, {key}, from {client}: {why}"
        );
    }

    /// Whether a line is written.
    fn line(&self, now: u64) -> Line {
        let mut minute = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if minute.number != now / 60 {
            let left_out = minute.left_out;
            *minute = Minute { number: now / 60, lines: 1, left_out: 0 };
            return Line::Written(left_out);
        }
        if minute.lines >= MOST {
            minute.left_out += 1;
            return Line::LeftOut;
        }
        minute.lines += 1;
        Line::Written(0)
    }
}

/// A key, or that there is none.
struct Key<'k>(Option<&'k Name>);

impl Display for Key<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(name) => write!(f, "key {name}"),
            None => f.write_str("no key"),
        }
    }
}

/// The network of a client: enough to find it, and nobody's own address.
pub(crate) fn network(address: IpAddr) -> Network {
    match address.to_canonical() {
        IpAddr::V4(address) => Network::V4(Ipv4Network::around(address, 24)),
        IpAddr::V6(address) => Network::V6(Ipv6Network::around(address, 56)),
    }
}

/// Lines of a minute.
const MOST: u64 = 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_bounded_and_those_left_out_are_counted() {
        let complaints = Complaints::default();
        let lines: Vec<Line> = (0..30).map(|_| complaints.line(600)).collect();
        assert!(lines[..20].iter().all(|line| *line == Line::Written(0)), "{lines:?}");
        assert!(lines[20..].iter().all(|line| *line == Line::LeftOut), "{lines:?}");
        assert_eq!(complaints.line(660), Line::Written(10));
        assert_eq!(complaints.line(661), Line::Written(0));
    }

    #[test]
    fn clients_are_named_by_their_network() {
        for (address, expected) in [
            ("192.0.2.77", "192.0.2.0/24"),
            ("::ffff:192.0.2.77", "192.0.2.0/24"),
            ("2001:db8:1:2ff::1", "2001:db8:1:200::/56"),
        ] {
            let address = address.parse().expect("an address");
            assert_eq!(network(address).to_string(), expected);
        }
    }
}

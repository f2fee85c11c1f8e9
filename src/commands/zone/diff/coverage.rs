//! Which addresses a list covers, as ranges that can be subtracted.

use std::net::{Ipv4Addr, Ipv6Addr};

use repute_dnsxl::{Ipv4Network, Ipv6Network, Network};

/// Ranges of addresses, each with what it answers; they do not overlap.
#[derive(Default)]
pub(super) struct Coverage {
    /// IPv4 addresses, as numbers.
    v4: Vec<Range>,
    /// IPv6 addresses, as numbers.
    v6: Vec<Range>,
}

/// Addresses that answer the same.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Range {
    first: u128,
    last: u128,
    answer: String,
}

impl Coverage {
    /// Adds a network.
    pub(super) fn add(&mut self, network: Network, answer: String) {
        match network {
            Network::V4(n) => {
                self.v4.push(Range { first: n.first().into(), last: n.last().into(), answer });
            }
            Network::V6(n) => self.v6.push(Range { first: n.first(), last: n.last(), answer }),
        }
    }

    /// Puts the networks in order, after the last was added.
    pub(super) fn sort(&mut self) {
        self.v4.sort_unstable_by_key(|r| r.first);
        self.v6.sort_unstable_by_key(|r| r.first);
    }

    /// What is covered here and not there, or answers otherwise there, as lines.
    pub(super) fn without(&self, other: &Coverage) -> Vec<String> {
        let mut lines = Vec::new();
        for range in subtract(&self.v4, &other.v4) {
            networks(range.first, range.last, 32, |first, len| {
                let network = Network::V4(Ipv4Network::around(Ipv4Addr::from(first as u32), len));
                lines.push(format!("{network} {}", range.answer).trim_end().to_owned());
            });
        }
        for range in subtract(&self.v6, &other.v6) {
            networks(range.first, range.last, 128, |first, len| {
                let network = Network::V6(Ipv6Network::around(Ipv6Addr::from(first), len));
                lines.push(format!("{network} {}", range.answer).trim_end().to_owned());
            });
        }
        lines
    }
}

/// The parts of ranges that others do not cover with the same answer. Both are in order.
fn subtract(ranges: &[Range], others: &[Range]) -> Vec<Range> {
    let mut left = Vec::new();
    let mut others = others.iter().peekable();
    for range in ranges {
        let mut first = Some(range.first);
        while let (Some(from), Some(other)) = (first, others.peek()) {
            if other.first > range.last {
                break;
            }
            if other.last >= from && other.answer == range.answer {
                if other.first > from {
                    let last = other.first - 1;
                    left.push(Range { first: from, last, answer: range.answer.clone() });
                }
                first = other.last.checked_add(1).filter(|next| *next <= range.last);
            }
            if other.last > range.last {
                break;
            }
            others.next();
        }
        if let Some(first) = first {
            left.push(Range { first, last: range.last, answer: range.answer.clone() });
        }
    }
    left
}

/// Splits a range into networks, from its first address up.
fn networks(first: u128, last: u128, bits: u32, mut each: impl FnMut(u128, u8)) {
    let mut from = Some(first);
    while let Some(at) = from.filter(|at| *at <= last) {
        let mut size = at.trailing_zeros().min(bits);
        let end = |size: u32| at | 1_u128.checked_shl(size).map_or(u128::MAX, |n| n - 1);
        while end(size) > last {
            size -= 1;
        }
        each(at, (bits - size) as u8);
        from = end(size).checked_add(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a list covers beyond another; entries are `network=answer`.
    fn check(this: &str, other: &str, expect: &[&str]) {
        let coverage = |text: &str| {
            let mut coverage = Coverage::default();
            for entry in text.split_whitespace() {
                let (network, answer) = entry.split_once('=').unwrap();
                coverage.add(network.parse().unwrap(), answer.to_owned());
            }
            coverage.sort();
            coverage
        };
        assert_eq!(coverage(this).without(&coverage(other)), expect, "{this} without {other}");
    }

    #[test]
    fn halves_are_the_whole() {
        check("192.0.2.0/24=a", "192.0.2.0/25=a 192.0.2.128/25=a", &[]);
        check("192.0.2.0/25=a 192.0.2.128/25=a", "192.0.2.0/24=a", &[]);
    }

    #[test]
    fn what_is_missing_is_named_in_networks() {
        check("192.0.2.0/30=a", "192.0.2.2=a", &["192.0.2.0/31 a", "192.0.2.3 a"]);
        check("192.0.2.1=a 192.0.2.9=b", "", &["192.0.2.1 a", "192.0.2.9 b"]);
        check("192.0.2.1=a", "192.0.2.1=b", &["192.0.2.1 a"]);
        check("::/0=a", "", &["::/0 a"]);
        check("2001:db8::/32=a", "2001:db8::/33=a", &["2001:db8:8000::/33 a"]);
        check("0.0.0.0/0=a", "0.0.0.0/1=a", &["128.0.0.0/1 a"]);
    }

    #[test]
    fn one_network_covers_several() {
        check("192.0.2.1=a 192.0.2.3=a 192.0.2.9=b", "192.0.2.0/24=a", &["192.0.2.9 b"]);
    }
}

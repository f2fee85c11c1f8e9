//! Guards: what a list may never do, however it came to say so.
//!
//! A list that lists the world rejects all mail of its users, so a new version that suddenly covers
//! a large network, a top-level domain or a public suffix is refused before it is served (RFC 6471
//! section 3.3), and so is one with too many faulty lines: half a file looks like that.

use std::net::{Ipv4Addr, Ipv6Addr};

use repute_dnsxl::{Ipv4Network, Ipv6Network, Name, Network};

use crate::dataset::{Content, Dataset};
use crate::fault::Faults;
use crate::zone::Zone;

/// What makes a new version of a zone be refused.
#[derive(Clone, Debug, PartialEq)]
pub struct Guards {
    /// A newly covered IPv4 network of this prefix length; none turns it off. Default 8.
    pub ipv4_prefix: Option<u8>,
    /// A newly covered IPv6 network of this prefix length; none turns it off. Default 16.
    pub ipv6_prefix: Option<u8>,
    /// Top-level domains and public suffixes that may be listed.
    pub allowed_suffixes: Vec<Name>,
    /// The largest share of faulty lines, in per cent. Default 1.
    pub fault_percent: f64,
    /// As many faulty lines are always taken. Default 10.
    pub fault_lines: u64,
}

impl Default for Guards {
    fn default() -> Self {
        Guards {
            ipv4_prefix: Some(8),
            ipv6_prefix: Some(16),
            allowed_suffixes: Vec::new(),
            fault_percent: 1.0,
            fault_lines: 10,
        }
    }
}

/// Why a version is refused.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Refusal {
    /// All addresses of a large network are listed that were not before.
    #[error("all of {0} would be listed; if that is meant, change the zone's guards")]
    Covers(Network),
    /// A name that stands for others' names is listed.
    #[error(
        "`{0}` is a top-level domain or public suffix; if that is meant, allow it in the guards"
    )]
    Suffix(Name),
    /// INVALID must never be listed (RFC 5782 section 5).
    #[error("`invalid` is listed, which tells clients that the list is broken (RFC 5782)")]
    Invalid,
    /// No line is good: an error page instead of the list looks like that.
    #[error("all {0} lines are faulty: is this the list?")]
    NoGoodLine(u64),
    /// Too many lines are faulty.
    #[error(
        "{errors} of {lines} lines are faulty; more than {percent} % and {least} lines are refused"
    )]
    Faults {
        /// Faulty lines.
        errors: u64,
        /// All lines.
        lines: u64,
        /// The limit in per cent.
        percent: f64,
        /// The limit in lines.
        least: u64,
    },
}

/// Checks what a new version lists, against what the old one listed.
pub fn check(new: &Zone, old: Option<&Zone>, guards: &Guards) -> Vec<Refusal> {
    let mut refusals = Vec::new();
    if let Some(len) = guards.ipv4_prefix {
        let known = old.map_or_else(Vec::new, |old| covered4(old, len));
        let newly = covered4(new, len).into_iter().filter(|n| known.binary_search(n).is_err());
        let newly = newly.map(|n| (u128::from(n.first()), n.prefix_len()));
        refusals.extend(widened(newly, 32).into_iter().map(|(first, len)| {
            let network = Ipv4Network::around(Ipv4Addr::from(first as u32), len);
            Refusal::Covers(Network::V4(network))
        }));
    }
    if let Some(len) = guards.ipv6_prefix {
        let known = old.map_or_else(Vec::new, |old| covered6(old, len));
        let newly = covered6(new, len).into_iter().filter(|n| known.binary_search(n).is_err());
        let newly = newly.map(|n| (n.first(), n.prefix_len()));
        refusals.extend(widened(newly, 128).into_iter().map(|(first, len)| {
            let network = Ipv6Network::around(Ipv6Addr::from(first), len);
            Refusal::Covers(Network::V6(network))
        }));
    }
    for dataset in leaves(new) {
        check_names(dataset, guards, &mut refusals);
    }
    refusals.truncate(MOST_REPORTED);
    refusals
}

/// Checks how many lines are faulty. `lines` is the number of all lines that are no comments.
pub fn check_faults(faults: &[Faults], lines: u64, guards: &Guards) -> Option<Refusal> {
    let errors: u64 = faults.iter().map(Faults::errors).sum();
    let (percent, least) = (guards.fault_percent, guards.fault_lines);
    if errors > 0 && errors >= lines {
        return Some(Refusal::NoGoodLine(errors));
    }
    let too_many = errors > least && errors as f64 * 100.0 > lines as f64 * percent;
    too_many.then_some(Refusal::Faults { errors, lines, percent, least })
}

fn check_names(dataset: &Dataset, guards: &Guards, refusals: &mut Vec<Refusal>) {
    let Content::Names(names) = &dataset.content else { return };
    names.index.for_each(|wire, record| {
        if refusals.len() >= MOST_REPORTED || !(record.exact.lists() || record.below.lists()) {
            return;
        }
        let whole = [wire, &[0]].concat();
        let Ok(name) = Name::from_wire(&whole) else { return };
        match wire {
            b"\x04test" => {}
            b"\x07invalid" => refusals.push(Refusal::Invalid),
            _ if is_suffix(wire) && !guards.allowed_suffixes.contains(&name) => {
                refusals.push(Refusal::Suffix(name));
            }
            _ => {}
        }
    });
}

/// Whether others register names directly below a name (publicsuffix.org, ICANN's part).
fn is_suffix(wire: &[u8]) -> bool {
    let mut text = Vec::with_capacity(wire.len());
    let mut rest = wire;
    while let Some((&len, tail)) = rest.split_first() {
        let (label, tail) = tail.split_at(usize::from(len));
        if !text.is_empty() {
            text.push(b'.');
        }
        text.extend_from_slice(label);
        rest = tail;
    }
    !text.contains(&b'.')
        || psl::suffix(&text).is_some_and(|suffix| {
            suffix.typ() == Some(psl::Type::Icann) && suffix.as_bytes() == &text[..]
        })
}

/// The data sets that hold entries.
fn leaves(zone: &Zone) -> impl Iterator<Item = &Dataset> {
    zone.datasets().iter().flat_map(|dataset| match &dataset.content {
        Content::Combined(branches) => {
            branches.iter().flat_map(|b| &b.datasets).map(|d| &**d).collect()
        }
        _ => vec![&**dataset],
    })
}

/// Networks of a prefix length whose addresses are all listed.
fn covered4(zone: &Zone, len: u8) -> Vec<Ipv4Network> {
    let mut ranges: Vec<(u32, u32)> = Vec::new();
    for dataset in leaves(zone) {
        let Content::Addresses(addresses) = &dataset.content else { continue };
        let Some(v4) = &addresses.v4 else { continue };
        let mut merged = Merged::new(u64::from(len), 32);
        v4.for_each(|first, shift, _| {
            let last = first | ((1_u64 << shift) - 1) as u32;
            merged.add(u128::from(first), u128::from(last));
        });
        ranges.extend(merged.finish().into_iter().map(|(a, b)| (a as u32, b as u32)));
    }
    ranges.sort_unstable();
    let mut all = Merged { ranges: Vec::new(), open: None, least: 0 };
    for (first, last) in ranges {
        all.add(u128::from(first), u128::from(last));
    }
    let size = 1_u64 << (32 - u32::from(len));
    let mut covered = Vec::new();
    for (first, last) in all.finish() {
        let mut at = (first as u64).next_multiple_of(size);
        while at + size - 1 <= last as u64 {
            covered.push(Ipv4Network::around(Ipv4Addr::from(at as u32), len));
            at += size;
        }
    }
    covered
}

/// As [`covered4`], for IPv6.
fn covered6(zone: &Zone, len: u8) -> Vec<Ipv6Network> {
    let mut ranges = Vec::new();
    for dataset in leaves(zone) {
        let Content::Addresses(addresses) = &dataset.content else { continue };
        let Some(v6) = &addresses.v6 else { continue };
        let mut merged = Merged::new(u64::from(len), 128);
        v6.for_each(|first, shift, _| {
            let host = 1_u128.checked_shl(u32::from(shift)).unwrap_or(0).wrapping_sub(1);
            merged.add(first, first | host);
        });
        ranges.extend(merged.finish());
    }
    ranges.sort_unstable();
    let mut all = Merged { ranges: Vec::new(), open: None, least: 0 };
    for (first, last) in ranges {
        all.add(first, last);
    }
    let host = u128::MAX.checked_shr(u32::from(len)).unwrap_or(0);
    let mut covered = Vec::new();
    for (first, last) in all.finish() {
        let mut at = if first & host == 0 { Some(first) } else { (first | host).checked_add(1) };
        while let Some(start) = at.filter(|start| start | host <= last && *start >= first) {
            covered.push(Ipv6Network::around(Ipv6Addr::from(start), len));
            if covered.len() > MOST_COVERED {
                break;
            }
            at = (start | host).checked_add(1);
        }
    }
    covered
}

/// Joins networks, given in order, to the widest ones that hold nothing else: who lists the world is
/// told so once. Networks are first address and prefix length; `bits` is the length of an address.
fn widened(networks: impl Iterator<Item = (u128, u8)>, bits: u8) -> Vec<(u128, u8)> {
    let mut wide: Vec<(u128, u8)> = Vec::new();
    for mut network in networks {
        while let (first, len @ 1..) = network
            && let half = 1_u128 << (bits - len)
            && first & half != 0
            && wide.last() == Some(&(first - half, len))
        {
            wide.pop();
            network = (first - half, len - 1);
        }
        wide.push(network);
    }
    wide
}

/// Joins ranges that touch, given in order; forgets those too small to matter.
struct Merged {
    ranges: Vec<(u128, u128)>,
    open: Option<(u128, u128)>,
    least: u128,
}

impl Merged {
    /// Small is less than a 256th of a network of this prefix length.
    fn new(len: u64, bits: u64) -> Merged {
        let least = 1_u128.checked_shl((bits - len).saturating_sub(8) as u32).unwrap_or(u128::MAX);
        Merged { ranges: Vec::new(), open: None, least }
    }

    fn add(&mut self, first: u128, last: u128) {
        match &mut self.open {
            Some((_, end)) if first <= end.saturating_add(1) => *end = (*end).max(last),
            _ => {
                self.close();
                self.open = Some((first, last));
            }
        }
    }

    fn close(&mut self) {
        if let Some((first, last)) = self.open.take()
            && last - first >= self.least.saturating_sub(1)
        {
            self.ranges.push((first, last));
        }
    }

    fn finish(mut self) -> Vec<(u128, u128)> {
        self.close();
        self.ranges
    }
}

/// Most refusals that are named.
const MOST_REPORTED: usize = 10;
/// Most covered IPv6 networks that are looked at.
const MOST_COVERED: usize = 65_536;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_a_good_line_is_refused_however_short() {
        use crate::format::{Input, ReadOptions, rbldnsd};
        let refusal = |text: &'static str| {
            let (name, reader) = (std::sync::Arc::from("list"), Box::new(text.as_bytes()));
            let input = Input { name, reader, modified: 1 };
            let kind = crate::dataset::DatasetKind::Addresses;
            let loaded = rbldnsd::read(kind, vec![input], &ReadOptions::default());
            let loaded = loaded.expect("the text is readable");
            check_faults(&[loaded.faults], loaded.lines, &Guards::default())
        };
        assert_eq!(refusal("<html>502 Bad Gateway</html>\n"), Some(Refusal::NoGoodLine(1)));
        assert_eq!(refusal("<html>\n192.0.2.1\n"), None);
        assert_eq!(refusal("# emptied on purpose\n"), None);
    }

    #[test]
    fn neighbours_are_told_as_one_network() {
        let eights = |range: std::ops::Range<u128>| widened(range.map(|n| (n << 24, 8)), 32);
        assert_eq!(eights(0..256), [(0, 0)]);
        assert_eq!(eights(2..4), [(2 << 24, 7)]);
        assert_eq!(eights(3..5), [(3 << 24, 8), (4 << 24, 8)]);
    }
}

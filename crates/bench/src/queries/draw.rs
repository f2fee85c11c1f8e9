//! Draws names to ask for from a list: half hits, a quarter near misses, a quarter far ones.

use std::collections::HashSet;

use super::Expect;
use crate::list::{Addresses, List, Lists, Names, Networks6, Reach, domain, reversed};
use crate::random::Random;

/// Draws `count` names, relative to the list's apex, in random order.
pub(super) fn names(lists: &Lists, list: List, count: usize) -> Vec<(String, Expect)> {
    let mut random = Random::new(lists.seed ^ 0x7175_6572_6965_7300);
    let mut drawn = match list {
        List::Mixed | List::Hosts | List::Huge => {
            addresses(&lists.addresses(list), &mut random, count)
        }
        List::Networks6 => networks6(&lists.networks6(), &mut random, count),
        List::Names => domains(&lists.names(), &mut random, count),
    };
    random.shuffle(&mut drawn);
    drawn
}

/// Draws IPv4 addresses; near misses lie in the /16 of an entry.
fn addresses(list: &Addresses, random: &mut Random, count: usize) -> Vec<(String, Expect)> {
    let mut drawn = Vec::with_capacity(count);
    for _ in 0..count / 2 {
        let entry = random.pick(&list.entries);
        let address = entry.base + random.below(u64::from(entry.size())) as u32;
        drawn.push((reversed(address), Expect::Listed));
    }
    let ranges = Ranges::of(list);
    while drawn.len() < count {
        let address = if random.percent(50) {
            random.pick(&list.entries).base & 0xffff_0000 | random.below(1 << 16) as u32
        } else {
            (1 << 24) + random.below(222 << 24) as u32
        };
        if !ranges.contain(address) {
            drawn.push((reversed(address), Expect::Unlisted));
        }
    }
    drawn
}

/// What a list covers, as disjoint ranges in order.
struct Ranges(Vec<(u32, u32)>);

impl Ranges {
    /// Merges the entries of a list.
    fn of(list: &Addresses) -> Ranges {
        let mut all: Vec<(u32, u32)> = list
            .entries
            .iter()
            .map(|entry| (entry.base, entry.base + (entry.size() - 1)))
            .collect();
        all.sort_unstable();
        let mut merged: Vec<(u32, u32)> = Vec::with_capacity(all.len());
        for (first, last) in all {
            match merged.last_mut() {
                Some(range) if first <= range.1 => range.1 = range.1.max(last),
                _ => merged.push((first, last)),
            }
        }
        Ranges(merged)
    }

    /// Whether an address is listed.
    fn contain(&self, address: u32) -> bool {
        let after = self.0.partition_point(|(first, _)| *first <= address);
        after > 0 && address <= self.0[after - 1].1
    }
}

/// Draws IPv6 addresses; near misses lie in the /32 of an entry.
fn networks6(list: &Networks6, random: &mut Random, count: usize) -> Vec<(String, Expect)> {
    let mut drawn = Vec::with_capacity(count);
    for _ in 0..count / 2 {
        let network = *random.pick(&list.entries);
        drawn.push((nibbles(network, random.bits()), Expect::Listed));
    }
    while drawn.len() < count {
        let network = if random.percent(50) {
            random.pick(&list.entries) >> 32 << 32 | random.below(1 << 32)
        } else {
            (0x2000 << 48) + random.below(0x1000 << 48)
        };
        if list.entries.binary_search(&network).is_err() {
            drawn.push((nibbles(network, random.bits()), Expect::Unlisted));
        }
    }
    drawn
}

/// Writes an address as query names have it (RFC 5782 section 2.4): 32 nibbles from the last.
fn nibbles(network: u64, host: u64) -> String {
    let mut name = String::with_capacity(64);
    for half in [host, network] {
        for shift in (0..64).step_by(4) {
            if !name.is_empty() {
                name.push('.');
            }
            name.push(char::from(b"0123456789abcdef"[(half >> shift & 15) as usize]));
        }
    }
    name
}

/// Draws domain names; half of the hits on entries that reach below are below. Near misses are
/// siblings of an entry, or below one that does not reach there.
fn domains(list: &Names, random: &mut Random, count: usize) -> Vec<(String, Expect)> {
    let mut drawn = Vec::with_capacity(count);
    for _ in 0..count / 2 {
        let (name, reach) = random.pick(&list.entries);
        let below = *reach == Reach::Below && random.percent(50);
        drawn.push((if below { format!("www.{name}") } else { name.clone() }, Expect::Listed));
    }
    let listed: HashSet<&str> = list.entries.iter().map(|(name, _)| name.as_str()).collect();
    while drawn.len() < count {
        let name = if random.percent(50) {
            let (name, reach) = random.pick(&list.entries);
            match reach {
                Reach::Exact => format!("www.{name}"),
                Reach::Below => format!("zq{name}"),
            }
        } else {
            domain(random)
        };
        if !listed.contains(name.as_str()) {
            drawn.push((name, Expect::Unlisted));
        }
    }
    drawn
}

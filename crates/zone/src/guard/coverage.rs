//! What a version covers that the one before it did not: how many addresses, and which whole networks.
//!
//! Both versions are walked side by side in windows of the upper 16 bits, each version as the union of
//! its data sets, so that nothing is too small to count and no more than a window is held in memory.
//!
//! Names are not here; one name at a time says all about itself.

use std::ops::{Add, Sub};

use crate::dataset::ipv4::Ipv4Index;
use crate::dataset::ipv6::{Ipv6Index, blocks};

/// What is new.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Growth {
    /// Covered networks of the length that was asked for: numbers of the first and last, in order.
    networks: Vec<(u128, u128)>,
    /// How long their prefixes are.
    len: u8,
    /// How many addresses are covered.
    pub(super) now: u128,
    /// How many are covered that were not before.
    pub(super) added: u128,
    /// How many were covered before.
    pub(super) before: u128,
}

impl Growth {
    /// Compares two versions, each a list of indexes. Networks have prefixes of `len` bits, at least 1;
    /// one is covered if all but at most a 256th of its addresses are.
    pub(super) fn between<I: Covered>(new: &[&I], old: &[&I], len: u8) -> Growth {
        let mut growth = Growth { len: len.clamp(1, I::BITS), ..Growth::default() };
        let host_bits = u32::from(I::BITS - growth.len);
        let (mut now, mut before) = (Networks::new(host_bits), Networks::new(host_bits));
        let (mut new_ranges, mut old_ranges) = (Vec::new(), Vec::new());
        let short = Short::of(new, old, host_bits);
        for window in 0..=u16::MAX {
            if let Some(count) = short.as_ref().and_then(|short| short.count(window)) {
                let network = u128::from(window) << (I::BITS - 16) >> host_bits;
                now.count(network, count);
                growth.now = growth.now.saturating_add(count);
                if old.is_empty() {
                    growth.added = growth.added.saturating_add(count);
                } else {
                    before.count(network, count);
                    growth.before = growth.before.saturating_add(count);
                }
                continue;
            }
            fill(&mut new_ranges, new, window);
            fill(&mut old_ranges, old, window);
            if new_ranges.is_empty() && old_ranges.is_empty() {
                continue;
            }
            let old_count = before.add_all::<I>(&old_ranges);
            let new_count = now.add_all::<I>(&new_ranges);
            growth.now = growth.now.saturating_add(new_count);
            growth.before = growth.before.saturating_add(old_count);
            if old_count == 0 {
                growth.added = growth.added.saturating_add(new_count);
                continue;
            }
            gaps(&new_ranges, &old_ranges, |first, last| {
                growth.added = growth.added.saturating_add(I::count(&[(first, last)]));
            });
        }
        let (now, before) = (now.finish(), before.finish());
        gaps(&now, &before, |first, last| growth.networks.push((first, last)));
        growth
    }

    /// The networks, joined to the widest ones that hold nothing else: first address and length of the
    /// prefix. Who lists the world is told so once.
    pub(super) fn widest<I: Covered>(&self) -> impl Iterator<Item = (u128, u8)> {
        self.networks.iter().flat_map(|&(first, last)| {
            let mut widest = Vec::new();
            blocks(first, last, |number, shift| {
                let len = self.len.saturating_sub(shift as u8);
                widest.push((number << (I::BITS - self.len), len));
            });
            widest
        })
    }

    /// Whether there is any such network.
    pub(super) fn covers_any(&self) -> bool {
        !self.networks.is_empty()
    }
}

/// The short way through windows of which all is new or nothing is: nearly all of every list. They need
/// only be counted.
struct Short<'i, I> {
    /// The index of the new version.
    new: &'i I,
    /// That of the old one, if there is one.
    old: Option<&'i I>,
}

impl<'i, I: Covered> Short<'i, I> {
    /// The short way, where there is one: each version is one index whose windows compare, and a window
    /// lies in one network.
    fn of(new: &[&'i I], old: &[&'i I], host_bits: u32) -> Option<Short<'i, I>> {
        if host_bits < u32::from(I::BITS) - 16 {
            return None;
        }
        match (new, old) {
            ([new], []) => Some(Short { new, old: None }),
            ([new], [old]) if new.compares_with(old) => Some(Short { new, old: Some(old) }),
            _ => None,
        }
    }

    /// How many addresses a window lists, unless some of them are new and some are not.
    fn count(&self, window: u16) -> Option<u128> {
        let same = self.old.is_none_or(|old| self.new.is_same_in(old, window));
        same.then(|| self.new.count_in(window))
    }
}

/// An index that can be gone through in windows.
pub(super) trait Covered {
    /// An address as a number.
    type Address: Copy
        + Ord
        + Into<u128>
        + From<u8>
        + Add<Output = Self::Address>
        + Sub<Output = Self::Address>;

    /// Bits of an address.
    const BITS: u8;

    /// Walks what is listed below 16 upper bits, in order: first and last address.
    fn covered_in(&self, window: u16, visit: impl FnMut(Self::Address, Self::Address));

    /// How many addresses ranges have.
    fn count(ranges: &[(Self::Address, Self::Address)]) -> u128;

    /// How many addresses of a window are listed.
    fn count_in(&self, window: u16) -> u128;

    /// Whether windows can be compared with another index's without being walked.
    fn compares_with(&self, other: &Self) -> bool;

    /// Whether a window lists the same there, as far as can be seen at once.
    fn is_same_in(&self, other: &Self, window: u16) -> bool;
}

impl Covered for Ipv4Index {
    type Address = u32;
    const BITS: u8 = 32;

    fn covered_in(&self, window: u16, visit: impl FnMut(u32, u32)) {
        Ipv4Index::covered_in(self, window, visit);
    }

    fn count(ranges: &[(u32, u32)]) -> u128 {
        ranges
            .iter()
            .map(|(first, last)| u64::from(last.saturating_sub(*first)) + 1)
            .sum::<u64>()
            .into()
    }

    fn count_in(&self, window: u16) -> u128 {
        Ipv4Index::count_in(self, window).into()
    }

    fn compares_with(&self, other: &Ipv4Index) -> bool {
        self.has_codes_of(other)
    }

    fn is_same_in(&self, other: &Ipv4Index, window: u16) -> bool {
        self.has_blocks_of(other, window)
    }
}

impl Covered for Ipv6Index {
    type Address = u128;
    const BITS: u8 = 128;

    fn covered_in(&self, window: u16, visit: impl FnMut(u128, u128)) {
        Ipv6Index::covered_in(self, window, visit);
    }

    fn count(ranges: &[(u128, u128)]) -> u128 {
        ranges.iter().fold(0, |count, (first, last)| count.saturating_add(size(*first, *last)))
    }

    fn count_in(&self, window: u16) -> u128 {
        let mut count = 0_u128;
        Ipv6Index::covered_in(self, window, |first, last| {
            count = count.saturating_add(size(first, last));
        });
        count
    }

    /// Lists of IPv6 networks are small; they are walked.
    fn compares_with(&self, _: &Ipv6Index) -> bool {
        false
    }

    fn is_same_in(&self, _: &Ipv6Index, _: u16) -> bool {
        false
    }
}

/// Fills a list with what the indexes together list in a window: sorted, disjoint, none touching.
fn fill<I: Covered>(ranges: &mut Vec<(I::Address, I::Address)>, indexes: &[&I], window: u16) {
    ranges.clear();
    for index in indexes {
        index.covered_in(window, |first, last| join(ranges, first, last));
    }
    if indexes.len() > 1 {
        // Each index gave its own in order, which this sort makes use of.
        ranges.sort();
        let mut united = Vec::with_capacity(ranges.len());
        for &(first, last) in &*ranges {
            join(&mut united, first, last);
        }
        *ranges = united;
    }
}

/// Appends a range; one that meets the last one, or touches it, extends it.
#[inline]
fn join<K>(ranges: &mut Vec<(K, K)>, first: K, last: K)
where
    K: Copy + Ord + From<u8> + Sub<Output = K>,
{
    match ranges.last_mut() {
        Some((from, to)) if *from <= first && (first <= *to || first - K::from(1) == *to) => {
            *to = last.max(*to);
        }
        _ => ranges.push((first, last)),
    }
}

/// Visits what lies in the first ranges and not in the second; both are sorted and disjoint.
fn gaps<K>(ranges: &[(K, K)], without: &[(K, K)], mut visit: impl FnMut(K, K))
where
    K: Copy + Ord + From<u8> + Add<Output = K> + Sub<Output = K>,
{
    let one = K::from(1);
    let mut without = without;
    'ranges: for &(first, last) in ranges {
        let mut at = first;
        while let Some((&(from, to), rest)) = without.split_first()
            && from <= last
        {
            if at < from {
                visit(at, from - one);
            }
            if to >= last {
                continue 'ranges;
            }
            at = at.max(to + one);
            without = rest;
        }
        visit(at, last);
    }
}

/// How many addresses a range has; a window has less than all.
fn size(first: u128, last: u128) -> u128 {
    last.saturating_sub(first).saturating_add(1)
}

/// Finds the networks that are covered, from ranges in order.
struct Networks {
    /// Bits of an address behind a network.
    host_bits: u32,
    /// The network that ranges are in now, by its number.
    current: u128,
    /// How many of its addresses are covered so far.
    count: u128,
    /// Numbers of the first and last network of each run of covered ones.
    covered: Vec<(u128, u128)>,
}

impl Networks {
    /// Nothing is covered yet.
    fn new(host_bits: u32) -> Networks {
        Networks { host_bits, current: 0, count: 0, covered: Vec::new() }
    }

    /// Adds what is covered in a window; returns how many addresses that is.
    fn add_all<I: Covered>(&mut self, ranges: &[(I::Address, I::Address)]) -> u128 {
        let count = I::count(ranges);
        let wide = self.host_bits >= u32::from(I::BITS) - 16;
        match ranges.first() {
            // All of the window lies in one network.
            Some(&(first, _)) if wide => self.count(first.into() >> self.host_bits, count),
            _ => ranges.iter().for_each(|&(first, last)| self.add(first.into(), last.into())),
        }
        count
    }

    /// Adds a range.
    fn add(&mut self, first: u128, last: u128) {
        let (from, to) = (first >> self.host_bits, last >> self.host_bits);
        if from >= to {
            return self.count(from, size(first, last));
        }
        self.count(from, size(first, from << self.host_bits | self.host_mask()));
        self.close();
        if to - from > 1 {
            join(&mut self.covered, from + 1, to - 1);
        }
        self.count(to, size(to << self.host_bits, last));
    }

    /// Counts addresses of a network.
    fn count(&mut self, network: u128, addresses: u128) {
        if network != self.current {
            self.close();
            self.current = network;
        }
        self.count = self.count.saturating_add(addresses);
    }

    /// Decides about the current network.
    fn close(&mut self) {
        let size = self.host_mask() + 1;
        if std::mem::take(&mut self.count) >= size - size / SPARED {
            join(&mut self.covered, self.current, self.current);
        }
    }

    /// Bits of an address behind the network.
    fn host_mask(&self) -> u128 {
        (1 << self.host_bits) - 1
    }

    /// The covered networks.
    fn finish(mut self) -> Vec<(u128, u128)> {
        self.close();
        self.covered
    }
}

/// A network of which no more than this part is left out counts as covered: an exclusion in 10.0.0.0/8
/// does not make it harmless.
const SPARED: u128 = 256;

#[cfg(test)]
mod tests;

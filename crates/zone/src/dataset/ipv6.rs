//! The index of IPv6 networks: three levels of the same idea as IPv4.
//!
//! | level | bits | structure |
//! |---|---|---|
//! | top | 0-31 | an [`Ipv4Index`], whose values are a list's values or name a middle bucket |
//! | middle | 32-63 | sorted u32 starts and codes of each /32 that has longer prefixes |
//! | low | 64-127 | sorted u64 starts and codes of each /64 that has longer prefixes |
//!
//! Real lists hold /64s and shorter prefixes, so nearly every look-up ends in the middle, 5 bytes an
//! entry. Codes work as in IPv4: value and block size by way of a book that both levels share.

use std::sync::Arc;

use bytes::Bytes;

use crate::dataset::TooMany;
use crate::dataset::ipv4::{Codes, Ipv4Index, max_code};
use crate::dataset::ipv4_entries::Ipv4Entries;
use crate::dataset::ipv4_search::Ipv4Search;
use crate::patch::{Patch, Range};
use crate::prefetch::prefetch;
use crate::rank::{SLACK, rank_u32, rank_u64};
use crate::resolve::{Cover, Entry, Overlap, sweep};
use crate::section::{U32s, U64s, read_u16, read_u32, read_u64};
use crate::value::{ValueBuilder, ValueId};

/// The index.
#[derive(Clone, Debug)]
pub(crate) struct Ipv6Index {
    /// By the upper 32 bits.
    pub(crate) top: Ipv4Index,
    /// Buckets of both lower levels: `low:1 | count:31 | place:32`, the place in units of 4 bytes.
    pub(crate) buckets: U64s,
    /// What a code means: value << 8 | size of the block as a power of two.
    pub(crate) book: U32s,
    /// Bytes of a code: 1, 2 or 4.
    pub(crate) width: u8,
    /// Starts and codes of all buckets.
    pub(crate) arena: Bytes,
    /// Changes since it was built.
    pub(crate) patch: Option<Arc<Patch<u128>>>,
}

impl Ipv6Index {
    /// Begins a look-up: names the slot of the top level.
    #[inline(always)]
    pub(crate) fn search(&self, address: u128) -> Ipv6Search<'_> {
        Ipv6Search {
            index: self,
            top: self.top.search((address >> 96) as u32),
            middle: (address >> 64) as u32,
            low: address as u64,
            found: 0,
        }
    }

    /// The value that lists an address, or 0.
    #[inline]
    pub(crate) fn find(&self, address: u128) -> u32 {
        let mut search = self.search(address);
        search.read_slot();
        search.read_top();
        search.value()
    }

    #[inline(always)]
    fn find_middle(&self, bucket: u32, x: u32) -> u32 {
        let (at, count) = self.bucket(bucket);
        let rank = rank_u32(&self.arena, at, count, x);
        let place = rank.saturating_sub(1);
        let start = read_u32(&self.arena, at + place * 4);
        let (value, shift) = self.meaning(at + count * 4, place);
        let inside = rank != 0 && u64::from(x ^ start) >> shift == 0;
        if inside { value } else { 0 }
    }

    #[inline(never)]
    fn find_low(&self, bucket: u32, x: u64) -> u32 {
        let (at, count) = self.bucket(bucket);
        if !self.is_low(bucket) {
            return 0;
        }
        let rank = rank_u64(&self.arena, at, count, x);
        let place = rank.saturating_sub(1);
        let start = read_u64(&self.arena, at + place * 8);
        let (value, shift) = self.meaning(at + count * 8, place);
        let inside = rank != 0 && (x ^ start).checked_shr(u32::from(shift)).unwrap_or(0) == 0;
        if inside { value } else { 0 }
    }

    /// Whether any address from `first` to `last` is listed; both ends of an aligned network.
    pub(crate) fn any_in(&self, first: u128, last: u128) -> bool {
        match &self.patch {
            None => self.any_in_base(first, last),
            Some(patch) => patch.any_in(first, last, |a, b| {
                // What a patch leaves open need not be one network; its networks are asked in turn.
                let mut any = false;
                blocks(a, b, |start, shift| {
                    let end = start + (1_u128.checked_shl(shift).unwrap_or(0).wrapping_sub(1));
                    any |= self.any_in_base(start, end);
                });
                any
            }),
        }
    }

    fn any_in_base(&self, first: u128, last: u128) -> bool {
        if first >> 96 != last >> 96 {
            return self.top.any_in((first >> 96) as u32, (last >> 96) as u32);
        }
        let top = self.top.find((first >> 96) as u32);
        if top & BUCKET == 0 {
            return top != 0;
        }
        if first as u64 == 0 && last as u64 == u64::MAX {
            return self.any_in_middle(top & !BUCKET, (first >> 64) as u32, (last >> 64) as u32);
        }
        let middle = self.find_middle(top & !BUCKET, (first >> 64) as u32);
        if middle & BUCKET == 0 {
            return middle != 0;
        }
        let (at, count) = self.bucket(middle & !BUCKET);
        let rank = rank_u64(&self.arena, at, count, last as u64);
        self.is_low(middle & !BUCKET) && rank != 0 && {
            let start = u128::from(read_u64(&self.arena, at + (rank - 1) * 8));
            let (_, shift) = self.meaning(at + count * 8, rank - 1);
            start + (1 << shift) > u128::from(first as u64)
        }
    }

    fn any_in_middle(&self, bucket: u32, low: u32, high: u32) -> bool {
        let (at, count) = self.bucket(bucket);
        let rank = rank_u32(&self.arena, at, count, high);
        rank != 0 && {
            let start = u64::from(read_u32(&self.arena, at + (rank - 1) * 4));
            let (_, shift) = self.meaning(at + count * 4, rank - 1);
            start + (1 << shift) > u64::from(low)
        }
    }

    /// Walks the blocks in order, as they are with the patch: first address, size as a power of two,
    /// value.
    pub(crate) fn for_each(&self, mut visit: impl FnMut(u128, u8, u32)) {
        let Some(patch) = &self.patch else {
            return (0..=u16::MAX).for_each(|bucket| self.for_each_in(bucket, &mut visit));
        };
        let mut give = |range: Range<u128>| {
            blocks(range.first, range.last, |first, shift| visit(first, shift as u8, range.value));
        };
        let mut walk = patch.walk(0, u128::MAX);
        for bucket in 0..=u16::MAX {
            self.for_each_in(bucket, &mut |first, shift, value| {
                walk.next(Range { first, last: first | host_mask(shift), value }, &mut give);
            });
        }
        walk.finish(&mut give);
    }

    /// Walks what is listed inside one /16, in order, as it is with the patch: first and last address.
    pub(crate) fn covered_in(&self, bucket: u16, mut visit: impl FnMut(u128, u128)) {
        let first = u128::from(bucket) << 112;
        let last = first | host_mask(112);
        let Some(patch) = &self.patch else {
            return self.for_each_in(bucket, &mut |first, shift, _| {
                visit(first, first | host_mask(shift));
            });
        };
        let mut give = |range: Range<u128>| visit(range.first.max(first), range.last.min(last));
        let mut walk = patch.walk(first, last);
        self.for_each_in(bucket, &mut |first, shift, value| {
            walk.next(Range { first, last: first | host_mask(shift), value }, &mut give);
        });
        walk.finish(&mut give);
    }

    /// Walks the blocks of one /16 as they were built.
    fn for_each_in(&self, bucket: u16, visit: &mut impl FnMut(u128, u8, u32)) {
        self.top.for_each_in(bucket, &mut |top, shift, value| {
            let high = u128::from(top) << 96;
            if value & BUCKET == 0 {
                visit(high, shift + 96, value);
                return;
            }
            let (at, count) = self.bucket(value & !BUCKET);
            for i in 0..count {
                let start = high | u128::from(read_u32(&self.arena, at + i * 4)) << 64;
                let (value, shift) = self.meaning(at + count * 4, i);
                if value & BUCKET == 0 {
                    visit(start, shift + 64, value);
                    continue;
                }
                let (at, count) = self.bucket(value & !BUCKET);
                for i in 0..if self.is_low(value & !BUCKET) { count } else { 0 } {
                    let low = u128::from(read_u64(&self.arena, at + i * 8));
                    let (value, shift) = self.meaning(at + count * 8, i);
                    visit(start | low, shift, value);
                }
            }
        });
    }

    /// Bytes held in memory or in the mapped image.
    pub(crate) fn image_bytes(&self) -> usize {
        self.top.image_bytes() + self.buckets.0.len() + self.book.0.len() + self.arena.len()
    }

    /// Checks every place a bucket or a code points to.
    pub(crate) fn is_sound(&self, values: impl Fn(u32) -> bool) -> bool {
        let target = |v: u32| {
            if v & BUCKET == 0 { values(v) } else { ((v & !BUCKET) as usize) < self.buckets.len() }
        };
        matches!(self.width, 1 | 2 | 4)
            && self.top.is_sound(target)
            && self.book.len() >= 1
            && self.book.iter().skip(1).all(|m| m & 255 < 64 && target(m >> 8))
            && (0..self.buckets.len()).all(|i| {
                let (at, count) = self.bucket(i as u32);
                let key = if self.is_low(i as u32) { 8 } else { 4 };
                let bytes = count.saturating_mul(key + usize::from(self.width));
                count > 0 && at.saturating_add(bytes).saturating_add(SLACK) <= self.arena.len()
            })
            && self.has_own_buckets()
    }

    /// Whether no bucket is named twice, so that going through all of them takes no longer than their size
    /// says. All else must be sound.
    fn has_own_buckets(&self) -> bool {
        let mut named = vec![false; self.buckets.len()];
        let mut is_new = |value: u32| {
            value & BUCKET == 0 || !std::mem::replace(&mut named[(value & !BUCKET) as usize], true)
        };
        let mut sound = true;
        for upper in 0..=u16::MAX {
            self.top.for_each_in(upper, &mut |_, _, value| sound &= is_new(value));
        }
        let buckets = 0..self.buckets.len() as u32;
        if buckets.clone().all(|bucket| !self.is_low(bucket)) {
            return sound;
        }
        for bucket in buckets.filter(|bucket| !self.is_low(*bucket)) {
            let (at, count) = self.bucket(bucket);
            sound &= (0..count).all(|i| is_new(self.meaning(at + count * 4, i).0));
        }
        sound
    }

    #[inline(always)]
    pub(super) fn bucket(&self, bucket: u32) -> (usize, usize) {
        let raw = self.buckets.get(bucket as usize);
        ((raw as u32) as usize * 4, (raw >> 32 & 0x7fff_ffff) as usize)
    }

    /// Whether a bucket belongs to the low level.
    pub(super) fn is_low(&self, bucket: u32) -> bool {
        self.buckets.get(bucket as usize) >> 63 != 0
    }

    #[inline(always)]
    pub(super) fn meaning(&self, codes: usize, place: usize) -> (u32, u8) {
        let code = match self.width {
            1 => u32::from(self.arena[codes + place]),
            2 => u32::from(read_u16(&self.arena, codes + place * 2)),
            _ => read_u32(&self.arena, codes + place * 4),
        };
        let meaning = self.book.get_or_zero(code as usize);
        (meaning >> 8, meaning as u8)
    }
}

/// A look-up in steps, as [`Ipv4Search`] is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ipv6Search<'z> {
    index: &'z Ipv6Index,
    top: Ipv4Search<'z>,
    /// Bits 32 to 63 of the address.
    middle: u32,
    /// What the top level says, once it is read.
    found: u32,
    /// Bits 64 to 127.
    low: u64,
}

impl Ipv6Search<'_> {
    /// The second step: reads the slot of the top level and names what it points to.
    #[inline(always)]
    pub(crate) fn read_slot(&mut self) {
        self.top.read_slot();
    }

    /// The third step: reads the top level and names where the search in the middle begins.
    #[inline(always)]
    pub(crate) fn read_top(&mut self) {
        self.top.read_chunk();
        self.found = self.top.value();
        if self.found & BUCKET != 0 {
            let (at, count) = self.index.bucket(self.found & !BUCKET);
            prefetch(&self.index.arena, at + count / 2 * 4);
        }
    }

    /// The last step: the value that lists the address, or 0.
    #[inline(always)]
    pub(crate) fn value(&self) -> u32 {
        if let Some(patch) = &self.index.patch
            && let Some(value) = patch.find(self.address())
        {
            return value;
        }
        if self.found & BUCKET == 0 {
            return self.found;
        }
        let found = self.index.find_middle(self.found & !BUCKET, self.middle);
        if found & BUCKET == 0 { found } else { self.index.find_low(found & !BUCKET, self.low) }
    }

    /// The address that is looked up.
    pub(crate) fn address(&self) -> u128 {
        let high = u128::from(self.top.address()) << 96 | u128::from(self.middle) << 64;
        high | u128::from(self.low)
    }
}

/// IPv6 networks with their values, in the order of their lists.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ipv6Entries {
    entries: Vec<(u128, u8, ValueId)>,
}

impl Ipv6Entries {
    /// Adds a network; bits behind the prefix must be 0.
    pub(crate) fn push(&mut self, first: u128, len: u8, value: ValueId) {
        self.entries.push((first, len, value));
    }

    /// How many networks there are.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// The networks in the order in which they came: first address, prefix length, value.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u128, u8, ValueId)> {
        self.entries.iter().copied()
    }

    /// Resolves the networks into an index. Also returns how many were dropped as duplicates of an
    /// earlier one with another value.
    ///
    /// # Errors
    /// If more networks are divided than can be named.
    pub(crate) fn index(
        mut self,
        overlap: Overlap,
        values: &mut ValueBuilder,
    ) -> Result<(Ipv6Index, u64), TooMany> {
        // Stable: of two equal networks the first one read comes first.
        self.entries.sort_by_key(|&(first, len, _)| (first, len));
        check_buckets(self.entries.iter().map(|&(first, len, _)| (first, len)), MOST_BUCKETS)?;
        let mut ranges: Vec<(u128, u128, u32)> = Vec::new();
        let entries = self.entries.iter().map(|&(first, len, value)| {
            let host = u128::MAX.checked_shr(u32::from(len)).unwrap_or(0);
            Entry { first, last: first | host, len, value: value.0 }
        });
        let mut union = |a, b| values.union(ValueId(a), ValueId(b)).0;
        let base = Cover::default();
        let dropped = sweep((0, u128::MAX), base, entries, overlap, &mut union, |a, b, value| {
            match ranges.last_mut() {
                Some((_, last, v)) if *v == value && last.wrapping_add(1) == a => *last = b,
                _ => ranges.push((a, b, value)),
            }
        });
        for width in [1, 2, 4] {
            let mut builder = Ipv6Builder::new(width);
            for &(first, last, value) in ranges.iter().filter(|r| r.2 != 0) {
                blocks(first, last, |start, shift| builder.add(start, shift as u8, value));
            }
            if let Some(index) = builder.finish() {
                return Ok((index, dropped));
            }
        }
        unreachable!("32-bit codes cannot be exhausted by 23-bit values")
    }
}

/// Collects sorted disjoint blocks into the three levels.
struct Ipv6Builder {
    width: u8,
    top: Ipv4Entries,
    /// Blocks of the current /32: lower 32 bits of the first 64, size, value.
    middle: Vec<(u32, u8, u32)>,
    /// Blocks of the current /64.
    low: Vec<(u64, u8, u32)>,
    /// First 64 bits of the block before.
    current: u64,
    buckets: Vec<u64>,
    codes: Codes,
    arena: Vec<u8>,
}

impl Ipv6Builder {
    fn new(width: u8) -> Ipv6Builder {
        Ipv6Builder {
            width,
            top: Ipv4Entries::default(),
            middle: Vec::new(),
            low: Vec::new(),
            current: 0,
            buckets: Vec::new(),
            codes: Codes::default(),
            arena: Vec::new(),
        }
    }

    fn add(&mut self, start: u128, shift: u8, value: u32) {
        let half = (start >> 64) as u64;
        if half != self.current {
            self.close_low();
        }
        if half >> 32 != self.current >> 32 {
            self.close_middle();
        }
        self.current = half;
        match shift {
            0..64 => self.low.push((start as u64, shift, value)),
            64..96 => self.middle.push((half as u32, shift - 64, value)),
            _ => self.top.push((half >> 32) as u32, 128 - shift, ValueId(value)),
        }
    }

    fn close_low(&mut self) {
        if self.low.is_empty() {
            return;
        }
        let at = self.align();
        for (start, _, _) in &self.low {
            self.arena.extend_from_slice(&start.to_le_bytes());
        }
        for (_, shift, value) in std::mem::take(&mut self.low) {
            self.push_code(value, shift);
        }
        let bucket = self.push_bucket(at, 8);
        self.middle.push((self.current as u32, 0, bucket | BUCKET));
    }

    fn close_middle(&mut self) {
        if self.middle.is_empty() {
            return;
        }
        let at = self.align();
        for (start, _, _) in &self.middle {
            self.arena.extend_from_slice(&start.to_le_bytes());
        }
        for (_, shift, value) in std::mem::take(&mut self.middle) {
            self.push_code(value, shift);
        }
        let bucket = self.push_bucket(at, 4);
        self.top.push((self.current >> 32) as u32, 32, ValueId(bucket | BUCKET));
    }

    /// Aligns the arena to 4 bytes and returns the place.
    fn align(&mut self) -> usize {
        self.arena.resize(self.arena.len().next_multiple_of(4), 0);
        self.arena.len()
    }

    /// Closes the bucket that began at a place, with keys of this size.
    fn push_bucket(&mut self, at: usize, key: usize) -> u32 {
        let count = (self.arena.len() - at) / (key + usize::from(self.width));
        let low = u64::from(key == 8) << 63;
        self.buckets.push((at / 4) as u64 | (count as u64) << 32 | low);
        self.buckets.len() as u32 - 1
    }

    fn push_code(&mut self, value: u32, shift: u8) {
        let code = self.codes.code(value, shift);
        self.arena.extend_from_slice(&code.to_le_bytes()[..usize::from(self.width)]);
    }

    /// The finished index, or nothing if the codes did not suffice.
    fn finish(mut self) -> Option<Ipv6Index> {
        self.close_low();
        self.close_middle();
        if self.codes.book.len() as u64 > u64::from(max_code(self.width)) + 1 {
            return None;
        }
        self.arena.resize(self.arena.len() + SLACK, 0);
        self.arena.shrink_to_fit();
        // Blocks of the top level are disjoint: no value is made, so the values are none of ours.
        let (top, _) = self.top.index(Overlap::FirstOfLongest, &mut ValueBuilder::default());
        Some(Ipv6Index {
            top,
            buckets: self.buckets.into_iter().collect(),
            book: self.codes.book.into_iter().collect(),
            width: self.width,
            arena: Bytes::from(self.arena),
            patch: None,
        })
    }
}

/// Whether sorted networks, given by first address and length of the prefix, need no more buckets than
/// this: one for each /64 and each /32 that is divided.
///
/// # Errors
/// If they do.
pub(crate) fn check_buckets(
    networks: impl Iterator<Item = (u128, u8)>,
    most: usize,
) -> Result<(), TooMany> {
    let (mut buckets, mut low, mut middle) = (0, None, None);
    for (first, len) in networks {
        if len > 32 && middle.replace(first >> 96) != Some(first >> 96) {
            buckets += 1;
        }
        if len > 64 && low.replace(first >> 64) != Some(first >> 64) {
            buckets += 1;
        }
    }
    if buckets > most { Err(TooMany::Ipv6Networks) } else { Ok(()) }
}

/// The bits behind a block's first address.
fn host_mask(shift: u8) -> u128 {
    1_u128.checked_shl(u32::from(shift)).unwrap_or(0).wrapping_sub(1)
}

/// Divides a range into aligned blocks: first address, size as a power of two.
pub(crate) fn blocks(first: u128, last: u128, mut visit: impl FnMut(u128, u32)) {
    let mut at = first;
    loop {
        let aligned = at.trailing_zeros();
        let rest = last - at;
        let fits = if rest == u128::MAX { 128 } else { (rest + 1).ilog2() };
        let shift = aligned.min(fits);
        visit(at, shift);
        let size = 1_u128.checked_shl(shift).unwrap_or(0);
        match at.checked_add(size) {
            Some(next) if size != 0 && next <= last && next > at => at = next,
            _ => return,
        }
    }
}

/// Marks a value that names a bucket of the level below.
pub(super) const BUCKET: u32 = 1 << 23;
/// How many buckets can be named.
pub(crate) const MOST_BUCKETS: usize = BUCKET as usize;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_divided_networks_than_can_be_named_are_an_error() {
        let documentation = 0x2001_0db8_u128 << 96;
        let mut networks = vec![(documentation, 32)];
        for n in 0..4 {
            networks.push((documentation | n << 64, 64));
            networks.push((documentation | n << 64 | 1, 128));
            networks.push((documentation | n << 64 | 2, 127));
        }
        networks.push((0x2001_0db9 << 96, 48));
        let check = |most| check_buckets(networks.iter().copied(), most);
        let mut entries = Ipv6Entries::default();
        networks
            .iter()
            .for_each(|&(first, len)| entries.push(first, len, ValueId(1 + u32::from(len))));
        let (index, _) =
            entries.index(Overlap::AllOfLongest, &mut ValueBuilder::default()).expect("few");
        assert_eq!(index.buckets.len(), 6);
        assert_eq!(check(6), Ok(()));
        assert_eq!(check(5), Err(TooMany::Ipv6Networks));
    }

    #[test]
    fn an_index_that_names_a_part_twice_is_not_sound() {
        let index = |networks: &[(u128, u8)]| {
            let mut entries = Ipv6Entries::default();
            networks.iter().for_each(|&(first, len)| entries.push(first, len, ValueId(1)));
            entries.index(Overlap::AllOfLongest, &mut ValueBuilder::default()).expect("few").0
        };
        let sound = |index: &Ipv6Index| index.is_sound(|value| value == 1);
        let (one, two) = (0x2001_0db8_u128 << 96, 0x3001_0db8_u128 << 96);

        let good = index(&[(one, 48), (two, 48)]);
        assert!(sound(&good));
        // Both /32s name the second bucket.
        let book = good.top.book.iter().map(|m| m | 1 << 8).collect();
        let top = Ipv4Index { book, ..good.top.clone() };
        assert!(!sound(&Ipv6Index { top, ..good.clone() }));
        // Both upper octets have one page.
        let pages = good.top.pages.iter().map(|page| page.min(1)).collect();
        let top = Ipv4Index { pages, ..good.top.clone() };
        assert!(!sound(&Ipv6Index { top, ..good }));

        let good = index(&[(one | 1, 128), (one | 1 << 64, 128)]);
        assert!(sound(&good));
        let book = good.book.iter().map(|m| if m >> 31 == 1 { m & !(1 << 8) } else { m }).collect();
        assert!(!sound(&Ipv6Index { book, ..good }));
    }
}

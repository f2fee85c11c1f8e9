//! What is listed from an address on: the indexes read in order, from anywhere, with nothing kept between two steps.
//!
//! So whoever goes through a list may stop, skip what is of no interest to him, and go through two lists at once. A step
//! costs about as much as a look-up.

use crate::dataset::ipv4::{CHUNK_OFFSETS, Ipv4Index, Slot};
use crate::dataset::ipv6::{BUCKET, Ipv6Index};
use crate::patch::Range;
use crate::rank::{rank_u8, rank_u16, rank_u32, rank_u64};
use crate::section::{read_u16, read_u32, read_u64};

/// An index that can be read in order from any address on.
pub(crate) trait Runs<K> {
    /// The first listed range at or behind an address, cut to begin there. What touches it behind may be listed alike.
    fn next(&self, at: K) -> Option<Range<K>>;
}

impl Runs<u32> for Ipv4Index {
    #[inline]
    fn next(&self, at: u32) -> Option<Range<u32>> {
        match &self.patch {
            None => self.next_built(at),
            Some(patch) => patch.next(at, u32::MAX, |at| self.next_built(at)),
        }
    }
}

impl Ipv4Index {
    /// The same, as it was built.
    fn next_built(&self, at: u32) -> Option<Range<u32>> {
        let (mut bucket, mut low) = (at >> 16, at as u16);
        while bucket <= 0xffff {
            if self.pages.get((bucket >> 8) as usize) == 0 {
                bucket |= 255;
            } else if let Some(range) = self.next_in(bucket << 16, low) {
                return Some(range);
            }
            (bucket, low) = (bucket + 1, 0);
        }
        None
    }

    /// The first range of one /16, given by its first address, at or behind the lower 16 bits of an address.
    fn next_in(&self, base: u32, low: u16) -> Option<Range<u32>> {
        // What an image says may be nonsense; a range still begins where it was asked for, and ends in its /16.
        let range = |start: u32, (value, shift): (u32, u8)| {
            let last = start.saturating_add((1_u32 << (shift & 31)) - 1).min(0xffff);
            let first = start.max(u32::from(low));
            (last >= first).then_some(Range { first: base | first, last: base | last, value })
        };
        match Slot::of(self.slot(base)) {
            Slot::Whole { value: 0 } => None,
            Slot::Whole { value } => range(0, (value, 16)),
            Slot::Small { count, at } => {
                let rank = rank_u16(&self.arena, at, count, low);
                (rank.saturating_sub(1)..count.min(rank + 1)).find_map(|place| {
                    let start = u32::from(read_u16(&self.arena, at + place * 2));
                    range(start, self.meaning(at + count * 2, place))
                })
            }
            Slot::Chunked { count, at } => {
                let (lows, codes) = (at + CHUNK_OFFSETS, at + CHUNK_OFFSETS + count);
                let chunk = usize::from(low >> 8);
                (chunk..256).find_map(|here| {
                    let first = read_u16(&self.arena, at + here * 2);
                    let next = read_u16(&self.arena, at + here * 2 + 2);
                    let (first, many) = (usize::from(first), usize::from(next.wrapping_sub(first)));
                    if many == 0 {
                        return None;
                    }
                    let rank = match here == chunk {
                        true => rank_u8(&self.arena, lows + first, many, low as u8),
                        false => 0,
                    };
                    (rank.saturating_sub(1)..many.min(rank + 1)).find_map(|place| {
                        let start =
                            (here as u32) << 8 | u32::from(self.arena[lows + first + place]);
                        range(start, self.meaning(codes, first + place))
                    })
                })
            }
        }
    }
}

impl Runs<u128> for Ipv6Index {
    #[inline]
    fn next(&self, at: u128) -> Option<Range<u128>> {
        match &self.patch {
            None => self.next_built(at),
            Some(patch) => patch.next(at, u128::MAX, |at| self.next_built(at)),
        }
    }
}

impl Ipv6Index {
    /// The same, as it was built.
    fn next_built(&self, mut at: u128) -> Option<Range<u128>> {
        loop {
            let top = self.top.next((at >> 96) as u32)?;
            let first = at.max(u128::from(top.first) << 96);
            if top.value & BUCKET == 0 {
                let last = u128::from(top.last) << 96 | u128::MAX >> 32;
                return Some(Range { first, last, value: top.value });
            }
            if let Some(range) = self.next_in_middle(top.value & !BUCKET, first) {
                return Some(range);
            }
            at = u128::from(top.first.checked_add(1)?) << 96;
        }
    }

    /// The first range of a divided /32 at or behind an address in it.
    fn next_in_middle(&self, bucket: u32, from: u128) -> Option<Range<u128>> {
        let (at, count) = self.bucket(bucket);
        let high = from >> 96 << 96;
        let rank = rank_u32(&self.arena, at, count, (from >> 64) as u32);
        (rank.saturating_sub(1)..count).find_map(|place| {
            let start = high | u128::from(read_u32(&self.arena, at + place * 4)) << 64;
            let (value, shift) = self.meaning(at + count * 4, place);
            let range = cut(start, shift.saturating_add(64), value, from)?;
            if value & BUCKET == 0 {
                Some(range)
            } else {
                self.next_in_low(value & !BUCKET, range.first)
            }
        })
    }

    /// The first range of a divided /64 at or behind an address in it.
    fn next_in_low(&self, bucket: u32, from: u128) -> Option<Range<u128>> {
        if !self.is_low(bucket) {
            return None;
        }
        let (at, count) = self.bucket(bucket);
        let high = from >> 64 << 64;
        let rank = rank_u64(&self.arena, at, count, from as u64);
        (rank.saturating_sub(1)..count).find_map(|place| {
            let start = high | u128::from(read_u64(&self.arena, at + place * 8));
            let (value, shift) = self.meaning(at + count * 8, place);
            cut(start, shift, value, from)
        })
    }
}

/// A block as a range that begins at an address or behind it; nothing if the block ends before.
fn cut(start: u128, shift: u8, value: u32, from: u128) -> Option<Range<u128>> {
    let last = start | 1_u128.checked_shl(shift.into()).unwrap_or(0).wrapping_sub(1);
    let first = start.max(from);
    (last >= first).then_some(Range { first, last, value })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::ipv4_entries::Ipv4Entries;
    use crate::dataset::ipv6::Ipv6Entries;
    use crate::resolve::Overlap;
    use crate::value::{ValueBuilder, ValueId};

    /// Goes through an index from an address on, and joins what touches and is listed alike.
    fn runs<K>(index: &impl Runs<K>, from: K, end: K) -> Vec<Range<K>>
    where
        K: Copy + Ord + From<u8> + std::ops::Add<Output = K> + std::ops::Sub<Output = K>,
    {
        let (mut ranges, mut at) = (Vec::new(), from);
        while let Some(range) = index.next(at) {
            assert!(range.first >= at && range.last >= range.first);
            crate::patch::push(&mut ranges, range);
            if range.last == end {
                break;
            }
            at = range.last + K::from(1);
        }
        ranges
    }

    #[test]
    fn networks_of_ipv4_come_in_order_from_anywhere() {
        let mut entries = Ipv4Entries::default();
        let mut expect = Vec::new();
        let mut add = |first: u32, len: u8, value: u32| {
            entries.push(first, len, ValueId(value));
            expect.push(Range { first, last: first | (u32::MAX >> len), value });
        };
        add(0x0100_0000, 8, 3);
        // Few in one /16, many in another, and a whole one; a /20 among many.
        add(0x0a01_0203, 31, 1);
        add(0x0a01_0280, 25, 2);
        (0..300).for_each(|i| add(0x0a02_0000 + i * 2, 31, i + 5));
        add(0x0a02_8000, 20, 1);
        add(0x0a03_0000, 16, 2);
        add(0xffff_ff00, 24, 4);
        let (index, _) = entries.index(Overlap::AllOfLongest, &mut ValueBuilder::default());
        assert_eq!(runs(&index, 0, u32::MAX), expect);
        for range in &expect {
            for at in [range.first, range.last] {
                assert_eq!(index.next(at).expect("it is listed").first, at);
                let rest = runs(&index, at, u32::MAX);
                assert_eq!(rest[0], Range { first: at, ..*range }, "{at:x}");
            }
        }
        assert_eq!(index.next(0x0a02_9000).map(|range| range.first), Some(0x0a03_0000));
    }

    #[test]
    fn networks_of_ipv6_come_in_order_from_anywhere() {
        let (mut entries, mut expect) = (Ipv6Entries::default(), Vec::new());
        let db8 = 0x2001_0db8_u128 << 96;
        for (first, len, value) in [
            (0x64_u128 << 112, 16_u8, 1),
            (db8, 48, 2),
            (db8 | 1 << 80 | 7, 128, 3),
            (db8 | 1 << 80 | 9 << 64, 64, 4),
            (db8 | 1 << 80 | 10 << 64 | 5 << 32, 96, 5),
            (0x2001_0db9 << 96, 33, 6),
            (u128::MAX << 16, 112, 7),
        ] {
            entries.push(first, len, ValueId(value));
            expect.push(Range {
                first,
                last: first | (u128::MAX.checked_shr(len.into()).unwrap_or(0)),
                value,
            });
        }
        let (index, _) =
            entries.index(Overlap::AllOfLongest, &mut ValueBuilder::default()).expect("few");
        assert_eq!(runs(&index, 0, u128::MAX), expect);
        for range in &expect {
            for at in [range.first, range.last] {
                assert_eq!(runs(&index, at, u128::MAX)[0], Range { first: at, ..*range }, "{at:x}");
            }
        }
        assert_eq!(
            index.next(db8 | 1 << 80 | 8).map(|range| range.first),
            Some(db8 | 1 << 80 | 9 << 64)
        );
    }
}

//! The index of IPv4 networks: from an address to the value of what lists it.
//!
//! Nesting and exclusions are resolved before ([`crate::resolve`]), so the index knows disjoint
//! blocks (first address, size, value) and one predecessor search decides. Two levels by the upper 16
//! bits keep that search inside a few cache lines: 256 pages of 256 slots, a page of zeros shared by
//! all that are empty, and for each slot in use one of three shapes:
//!
//! | shape | content | look-up of `x`, the lower 16 bits |
//! |---|---|---|
//! | whole | one value for the whole /16 (0: not listed) | none |
//! | small, fewer than 128 blocks | starts (u16), codes | rank among the starts |
//! | chunked | offset of each /24 (257 × u16), lower bytes, codes | rank inside one /24 |
//!
//! A code says value and block size by way of the book, so an entry costs 3 bytes while a list has
//! at most 256 pairs of them (2 and 4 byte codes follow). All of it is bytes: the same in memory, in
//! a snapshot and in a mapped file. Changes lie in a patch ([`crate::patch`]) that is asked first.

use std::sync::Arc;

use bytes::Bytes;

use crate::patch::{Patch, Range};
use crate::rank::{SLACK, rank_u8, rank_u16};
use crate::section::{U32s, U64s, read_u16, read_u32};

/// The index.
#[derive(Clone, Debug)]
pub(crate) struct Ipv4Index {
    /// Page of each upper octet; page 0 is empty.
    pub(crate) pages: U32s,
    /// 256 slots a page.
    pub(crate) slots: U64s,
    /// What a code means: value << 8 | size of the block as a power of two.
    pub(crate) book: U32s,
    /// Bytes of a code: 1, 2 or 4.
    pub(crate) width: u8,
    /// What the slots point into.
    pub(crate) arena: Bytes,
    /// Changes since it was built.
    pub(crate) patch: Option<Arc<Patch<u32>>>,
}

/// A resolved block inside one /16: first address (lower 16 bits), size as a power of two, value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Block {
    /// Lower 16 bits of its first address.
    pub(crate) start: u16,
    /// It holds `1 << shift` addresses.
    pub(crate) shift: u8,
    /// What they are listed with; never 0.
    pub(crate) value: u32,
}

impl Ipv4Index {
    /// Whether any address from `first` to `last` is listed; both ends of an aligned network.
    pub(crate) fn any_in(&self, first: u32, last: u32) -> bool {
        match &self.patch {
            None => self.any_in_base(first, last),
            Some(patch) => patch.any_in(first, last, |a, b| self.any_in_base(a, b)),
        }
    }

    fn any_in_base(&self, first: u32, last: u32) -> bool {
        let (mut bucket, end) = (first >> 16, last >> 16);
        while bucket <= end {
            if bucket & 255 == 0
                && end - bucket >= 255
                && self.pages.get((bucket >> 8) as usize) == 0
            {
                bucket += 256;
                continue;
            }
            let low = if bucket == first >> 16 { first as u16 } else { 0 };
            let high = if bucket == end { last as u16 } else { u16::MAX };
            if self.any_in_bucket(bucket, low, high) {
                return true;
            }
            bucket += 1;
        }
        false
    }

    /// Whether a block of one /16 meets the addresses from `low` to `high`.
    fn any_in_bucket(&self, bucket: u32, low: u16, high: u16) -> bool {
        match Slot::of(self.slot(bucket << 16)) {
            Slot::Whole { value } => value != 0,
            Slot::Small { count, at } => {
                let rank = rank_u16(&self.arena, at, count, high);
                rank != 0 && {
                    let start = read_u16(&self.arena, at + (rank - 1) * 2);
                    let (_, shift) = self.meaning(at + count * 2, rank - 1);
                    u32::from(start) + (1 << shift) > u32::from(low)
                }
            }
            Slot::Chunked { count, at } => (low >> 8..=high >> 8).any(|chunk| {
                let offset = at + usize::from(chunk) * 2;
                let first = read_u16(&self.arena, offset);
                let here = usize::from(read_u16(&self.arena, offset + 2).wrapping_sub(first));
                let first = usize::from(first);
                let (from, to) = (
                    if chunk == low >> 8 { low as u8 } else { 0 },
                    if chunk == high >> 8 { high as u8 } else { u8::MAX },
                );
                let lows = at + CHUNK_OFFSETS + first;
                let rank = rank_u8(&self.arena, lows, here, to);
                rank != 0 && {
                    let start = self.arena[lows + rank - 1];
                    let (_, shift) = self.meaning(at + CHUNK_OFFSETS + count, first + rank - 1);
                    u32::from(start) + (1 << shift) > u32::from(from)
                }
            }),
        }
    }

    /// Walks the blocks in order, as they are with the patch: first address, size as a power of two,
    /// value.
    pub(crate) fn for_each(&self, mut visit: impl FnMut(u32, u8, u32)) {
        let Some(patch) = &self.patch else {
            return (0..=u16::MAX).for_each(|bucket| self.for_each_in(bucket, &mut visit));
        };
        let mut give = |range: Range<u32>| {
            blocks(range.first, range.last, |first, shift| visit(first, shift, range.value));
        };
        let mut walk = patch.walk(0, u32::MAX);
        for bucket in 0..=u16::MAX {
            self.for_each_in(bucket, &mut |first, shift, value| {
                let last = first | ((1_u64 << shift) - 1) as u32;
                walk.next(Range { first, last, value }, &mut give);
            });
        }
        walk.finish(&mut give);
    }

    /// Walks what is listed inside one /16, in order, as it is with the patch: first and last address.
    pub(crate) fn covered_in(&self, bucket: u16, mut visit: impl FnMut(u32, u32)) {
        let (first, last) = (u32::from(bucket) << 16, u32::from(bucket) << 16 | 0xffff);
        let Some(patch) = &self.patch else {
            return self.for_each_in(bucket, &mut |first, shift, _| {
                visit(first, first | ((1_u64 << shift) - 1) as u32);
            });
        };
        let mut give = |range: Range<u32>| visit(range.first.max(first), range.last.min(last));
        let mut walk = patch.walk(first, last);
        self.for_each_in(bucket, &mut |first, shift, value| {
            let last = first | ((1_u64 << shift) - 1) as u32;
            walk.next(Range { first, last, value }, &mut give);
        });
        walk.finish(&mut give);
    }

    /// How many addresses inside one /16 are listed.
    pub(crate) fn count_in(&self, bucket: u16) -> u64 {
        if self.patch.is_some() {
            let mut count = 0;
            self.covered_in(bucket, |first, last| count += u64::from(last - first) + 1);
            return count;
        }
        let (codes, count) = match Slot::of(self.slot(u32::from(bucket) << 16)) {
            Slot::Whole { value } => return if value == 0 { 0 } else { 1 << 16 },
            Slot::Small { count, at } => (at + count * 2, count),
            Slot::Chunked { count, at } => (at + CHUNK_OFFSETS + count, count),
        };
        self.meanings(codes).take(count).map(|(_, shift)| 1_u64 << shift).sum()
    }

    /// Whether codes mean the same in another index.
    pub(crate) fn has_codes_of(&self, other: &Ipv4Index) -> bool {
        self.patch.is_none()
            && other.patch.is_none()
            && self.width == other.width
            && self.book.0 == other.book.0
    }

    /// Whether one /16 was built from the same blocks as in another index with the same codes.
    pub(crate) fn has_blocks_of(&self, other: &Ipv4Index, bucket: u16) -> bool {
        let slot = |index: &Ipv4Index| Slot::of(index.slot(u32::from(bucket) << 16));
        let width = usize::from(self.width);
        let (len, own, others) = match (slot(self), slot(other)) {
            (Slot::Whole { value: a }, Slot::Whole { value: b }) => return a == b,
            (Slot::Small { count, at: a }, Slot::Small { count: n, at: b }) if count == n => {
                (count * (2 + width), a, b)
            }
            (Slot::Chunked { count, at: a }, Slot::Chunked { count: n, at: b }) if count == n => {
                (CHUNK_OFFSETS + count * (1 + width), a, b)
            }
            _ => return false,
        };
        self.arena[own..own + len] == other.arena[others..others + len]
    }

    /// Walks the blocks of one /16 as they were built.
    #[inline]
    pub(crate) fn for_each_in(&self, bucket: u16, visit: &mut impl FnMut(u32, u8, u32)) {
        let base = u32::from(bucket) << 16;
        match Slot::of(self.slot(base)) {
            Slot::Whole { value: 0 } => {}
            Slot::Whole { value } => visit(base, 16, value),
            Slot::Small { count, at } => {
                let (starts, _) = self.arena[at..at + count * 2].as_chunks::<2>();
                for (start, (value, shift)) in starts.iter().zip(self.meanings(at + count * 2)) {
                    visit(base | u32::from(u16::from_le_bytes(*start)), shift, value);
                }
            }
            Slot::Chunked { count, at } => {
                let (lows, codes) = (at + CHUNK_OFFSETS, at + CHUNK_OFFSETS + count);
                for chunk in 0..256_usize {
                    let first = read_u16(&self.arena, at + chunk * 2);
                    let next = read_u16(&self.arena, at + chunk * 2 + 2);
                    let (first, here) = (usize::from(first), usize::from(next.wrapping_sub(first)));
                    let base = base | (chunk as u32) << 8;
                    let meanings = self.meanings(codes + first * usize::from(self.width));
                    let lows = &self.arena[lows + first..lows + first + here];
                    for (low, (value, shift)) in lows.iter().zip(meanings) {
                        visit(base | u32::from(*low), shift, value);
                    }
                }
            }
        }
    }

    /// Values and sizes of all blocks whose codes begin at a place.
    #[inline(always)]
    fn meanings(&self, codes: usize) -> impl Iterator<Item = (u32, u8)> + '_ {
        let (book, _) = self.book.0.as_chunks::<4>();
        self.arena[codes..].chunks_exact(usize::from(self.width)).map(|code| {
            let code = match *code {
                [a] => u32::from(a),
                [a, b] => u32::from(u16::from_le_bytes([a, b])),
                [a, b, c, d] => u32::from_le_bytes([a, b, c, d]),
                _ => 0,
            };
            let meaning = book.get(code as usize).map_or(0, |raw| u32::from_le_bytes(*raw));
            (meaning >> 8, meaning as u8)
        })
    }

    /// Bytes held in memory or in the mapped image.
    pub(crate) fn image_bytes(&self) -> usize {
        self.pages.0.len() + self.slots.0.len() + self.book.0.len() + self.arena.len()
    }

    /// Checks every place a slot or a code points to. `values` is the number of values there are.
    pub(crate) fn is_sound(&self, values: impl Fn(u32) -> bool) -> bool {
        let width = usize::from(self.width);
        // What the slots point to does not overlap, so that going through all of it takes no longer than
        // its size says.
        let mut rest = self.arena.len();
        let mut take = |at: usize, bytes: usize| {
            let end = at.checked_add(bytes).and_then(|end| end.checked_add(SLACK));
            let taken = rest.checked_sub(bytes).map(|less| rest = less);
            taken.is_some() && end.is_some_and(|end| end <= self.arena.len())
        };
        matches!(self.width, 1 | 2 | 4)
            && self.pages.len() == 256
            && self.pages.iter().all(|p| (p as usize + 1) * 256 <= self.slots.len())
            && (0..256).all(|i| self.slots.get(i) == 0)
            && self.has_own_pages()
            && self.book.len() >= 1
            && self.book.iter().skip(1).all(|m| m & 255 <= 16 && values(m >> 8))
            && self.slots.iter().all(|raw| match Slot::of(raw) {
                Slot::Whole { value } => value == 0 || values(value),
                Slot::Small { count, at } => {
                    count < CHUNKED_FROM && count > 0 && take(at, count * (2 + width))
                }
                Slot::Chunked { count, at } => {
                    count <= 65_536
                        && take(at, CHUNK_OFFSETS + count * (1 + width))
                        && (0..256).all(|chunk| {
                            let first = read_u16(&self.arena, at + chunk * 2);
                            let here =
                                read_u16(&self.arena, at + chunk * 2 + 2).wrapping_sub(first);
                            here <= 256 && usize::from(first) + usize::from(here) <= count
                        })
                }
            })
    }

    /// Whether no two upper octets share a page, but for the empty one.
    fn has_own_pages(&self) -> bool {
        let mut used: Vec<u32> = self.pages.iter().filter(|page| *page != 0).collect();
        let all = used.len();
        used.sort_unstable();
        used.dedup();
        used.len() == all
    }

    pub(super) fn slot(&self, address: u32) -> u64 {
        self.slots.get(self.slot_place(address))
    }

    /// Where the slot of an address is.
    #[inline(always)]
    pub(crate) fn slot_place(&self, address: u32) -> usize {
        let page = self.pages.get((address >> 24) as usize) as usize;
        page * 256 + (address >> 16 & 255) as usize
    }

    /// Value and size of the block whose code is at a place.
    #[inline(always)]
    pub(crate) fn meaning(&self, codes: usize, place: usize) -> (u32, u8) {
        let meaning = self.book.get_or_zero(self.code(codes, place) as usize);
        (meaning >> 8, meaning as u8)
    }

    #[inline(always)]
    fn code(&self, codes: usize, place: usize) -> u32 {
        match self.width {
            1 => u32::from(self.arena[codes + place]),
            2 => u32::from(read_u16(&self.arena, codes + place * 2)),
            _ => read_u32(&self.arena, codes + place * 4),
        }
    }
}

/// Divides a range into aligned blocks: first address, size as a power of two.
fn blocks(first: u32, last: u32, mut visit: impl FnMut(u32, u8)) {
    let (mut at, end) = (u64::from(first), u64::from(last) + 1);
    while at < end {
        let aligned = if at == 0 { 32 } else { at.trailing_zeros() };
        let shift = aligned.min((end - at).ilog2());
        visit(at as u32, shift as u8);
        at += 1 << shift;
    }
}

/// A slot, decoded: `kind:2 | count:17 | place:45`.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Slot {
    /// One value for the whole /16; 0 if it is not listed.
    Whole { value: u32 },
    /// So many starts and codes at a place of the arena.
    Small { count: usize, at: usize },
    /// Offsets of each /24, so many lower bytes and codes.
    Chunked { count: usize, at: usize },
}

impl Slot {
    #[inline(always)]
    pub(crate) fn of(raw: u64) -> Slot {
        let (count, at) = ((raw >> 2 & 0x1_ffff) as usize, (raw >> 19) as usize);
        match raw & 3 {
            1 => Slot::Small { count, at },
            2 => Slot::Chunked { count, at },
            _ => Slot::Whole { value: at as u32 },
        }
    }

    fn raw(self) -> u64 {
        match self {
            Slot::Whole { value } => u64::from(value) << 19,
            Slot::Small { count, at } => 1 | (count as u64) << 2 | (at as u64) << 19,
            Slot::Chunked { count, at } => 2 | (count as u64) << 2 | (at as u64) << 19,
        }
    }
}

/// Builds an index /16 by /16, in order.
#[derive(Debug)]
pub(crate) struct Ipv4Builder {
    pages: Vec<u32>,
    slots: Vec<u64>,
    codes: Codes,
    width: u8,
    arena: Vec<u8>,
}

impl Ipv4Builder {
    /// A builder whose codes have this many bytes.
    pub(crate) fn new(width: u8, expected_blocks: usize) -> Ipv4Builder {
        let per_block = 2 + usize::from(width);
        Ipv4Builder {
            pages: vec![0; 256],
            slots: vec![0; 256],
            codes: Codes::default(),
            width,
            arena: Vec::with_capacity(expected_blocks * per_block + 4096),
        }
    }

    /// Adds the blocks of one /16, which must be sorted and disjoint.
    ///
    /// # Errors
    /// If there are more pairs of value and size than codes of this width.
    pub(crate) fn add(&mut self, bucket: u16, blocks: &[Block]) -> Result<(), CodesExhausted> {
        if blocks.is_empty() {
            return Ok(());
        }
        let slot = match blocks {
            [Block { shift: 16, value, .. }] => Slot::Whole { value: *value },
            _ if blocks.len() < CHUNKED_FROM => self.add_small(blocks)?,
            _ => self.add_chunked(blocks)?,
        };
        let page = &mut self.pages[usize::from(bucket >> 8)];
        if *page == 0 {
            *page = (self.slots.len() / 256) as u32;
            self.slots.resize(self.slots.len() + 256, 0);
        }
        self.slots[*page as usize * 256 + usize::from(bucket & 255)] = slot.raw();
        Ok(())
    }

    fn add_small(&mut self, blocks: &[Block]) -> Result<Slot, CodesExhausted> {
        let at = self.arena.len();
        self.arena.extend(blocks.iter().flat_map(|b| b.start.to_le_bytes()));
        for block in blocks {
            self.push_code(block.value, block.shift)?;
        }
        Ok(Slot::Small { count: blocks.len(), at })
    }

    fn add_chunked(&mut self, blocks: &[Block]) -> Result<Slot, CodesExhausted> {
        // A block larger than a /24 is one whole block in each of its /24s.
        let pieces = || {
            blocks.iter().flat_map(|b| {
                let shift = b.shift.min(8);
                let count = 1_u32 << (b.shift - shift);
                (0..count).map(move |i| (u32::from(b.start) + (i << 8), shift, b.value))
            })
        };
        let at = self.arena.len();
        let (mut offsets, mut count) = ([0_u16; 257], 0_usize);
        self.arena.resize(at + CHUNK_OFFSETS, 0);
        for (start, _, _) in pieces() {
            self.arena.push(start as u8);
            count += 1;
            offsets[(start >> 8) as usize + 1] = count as u16;
        }
        let mut last = 0;
        for (chunk, offset) in offsets.iter_mut().enumerate() {
            // 65,536 blocks wrap to 0, which the look-up's wrapping difference undoes.
            if *offset == 0 && !(chunk == 256 && count == 65_536) {
                *offset = last;
            }
            last = *offset;
        }
        for (chunk, offset) in offsets.iter().enumerate() {
            self.arena[at + chunk * 2..at + chunk * 2 + 2].copy_from_slice(&offset.to_le_bytes());
        }
        for (_, shift, value) in pieces() {
            self.push_code(value, shift)?;
        }
        Ok(Slot::Chunked { count, at })
    }

    fn push_code(&mut self, value: u32, shift: u8) -> Result<(), CodesExhausted> {
        let code = self.codes.code(value, shift);
        if code > max_code(self.width) {
            return Err(CodesExhausted);
        }
        self.arena.extend_from_slice(&code.to_le_bytes()[..usize::from(self.width)]);
        Ok(())
    }

    /// The finished index.
    pub(crate) fn finish(mut self) -> Ipv4Index {
        self.arena.resize(self.arena.len() + SLACK, 0);
        self.arena.shrink_to_fit();
        Ipv4Index {
            pages: self.pages.into_iter().collect(),
            slots: self.slots.into_iter().collect(),
            book: self.codes.book.into_iter().collect(),
            width: self.width,
            arena: Bytes::from(self.arena),
            patch: None,
        }
    }
}

/// Gives each pair of value and block size a code.
#[derive(Debug)]
pub(crate) struct Codes {
    /// What each code means; code 0 is never given.
    pub(crate) book: Vec<u32>,
    /// Code of each pair, by `value * 17 + shift`, while values are few.
    direct: Vec<u32>,
    /// The same for the rest.
    rest: std::collections::HashMap<u32, u32>,
}

impl Default for Codes {
    fn default() -> Self {
        // Code 0 stands for no block, so that a rank of 0 reads something harmless.
        Codes { book: vec![0], direct: Vec::new(), rest: Default::default() }
    }
}

impl Codes {
    /// The code of a pair, a new one if it has none.
    #[inline]
    pub(crate) fn code(&mut self, value: u32, shift: u8) -> u32 {
        let key = value << 8 | u32::from(shift);
        let next = self.book.len() as u32;
        let slot = if (value as usize) < DIRECT_VALUES {
            let at = value as usize * SIZES + usize::from(shift);
            if at >= self.direct.len() {
                self.direct.resize((value as usize + 1) * SIZES, 0);
            }
            &mut self.direct[at]
        } else {
            self.rest.entry(key).or_insert(0)
        };
        if *slot == 0 {
            *slot = next;
            self.book.push(key);
        }
        *slot
    }
}

/// More pairs of value and block size than codes: build again with wider ones.
#[derive(Debug)]
pub(crate) struct CodesExhausted;

/// The largest code of a width.
pub(crate) fn max_code(width: u8) -> u32 {
    match width {
        1 => u32::from(u8::MAX),
        2 => u32::from(u16::MAX),
        _ => u32::MAX,
    }
}

/// From this many blocks on, a /16 is divided by /24: measured, faster and no larger.
const CHUNKED_FROM: usize = 128;
/// Bytes of the offsets before the lower bytes of a chunked /16.
pub(crate) const CHUNK_OFFSETS: usize = 257 * 2;
/// Values whose codes are found by place.
const DIRECT_VALUES: usize = 1 << 16;
/// Block sizes an index can meet: 0..=64 bits (IPv6 uses the same codes).
const SIZES: usize = 65;

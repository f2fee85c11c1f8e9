//! IPv4 networks as they are read, and how they become an index.
//!
//! An entry is one number, so a million of them are 8 MB and sort fast: the first address above, then
//! the prefix length, then the value. They are scattered by their upper 16 bits, which keeps the
//! order of the lists within a /16, and each /16 is sorted, resolved and written on its own.

use crate::dataset::ipv4::{Block, CodesExhausted, Ipv4Builder, Ipv4Index};
use crate::resolve::{Cover, Entry, Overlap, sweep, together};
use crate::value::{ValueBuilder, ValueId};

/// IPv4 networks with their values, in the order of their lists.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ipv4Entries {
    /// `first address:32 | prefix length:6 | value:26`.
    packed: Vec<u64>,
}

impl Ipv4Entries {
    /// Adds a network; bits behind the prefix must be 0.
    #[inline]
    pub(crate) fn push(&mut self, first: u32, len: u8, value: ValueId) {
        self.packed
            .push(u64::from(first) << 32 | u64::from(len) << VALUE_BITS | u64::from(value.0));
    }

    /// Adds a range of addresses as the networks it consists of.
    pub(crate) fn push_range(&mut self, first: u32, last: u32, value: ValueId) {
        let (mut at, end) = (u64::from(first), u64::from(last) + 1);
        while at < end {
            let aligned = if at == 0 { 32 } else { at.trailing_zeros().min(32) };
            let shift = aligned.min((end - at).ilog2());
            self.push(at as u32, (32 - shift) as u8, value);
            at += 1 << shift;
        }
    }

    /// How many networks there are.
    pub(crate) fn len(&self) -> usize {
        self.packed.len()
    }

    /// The networks in the order in which they came: first address, prefix length, value.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, u8, ValueId)> {
        self.packed.iter().map(|packed| {
            let Entry { first, len, value, .. } = entry(*packed);
            (first, len, ValueId(value))
        })
    }

    /// Resolves the networks into an index. Also returns how many were dropped as duplicates of an
    /// earlier one with another value.
    pub(crate) fn index(self, overlap: Overlap, values: &mut ValueBuilder) -> (Ipv4Index, u64) {
        let by_bucket = Scattered::new(self.packed);
        let wide = by_bucket.wide(overlap, values);
        for width in [1, 2, 4] {
            if u64::from(crate::dataset::ipv4::max_code(width)) < values.len() as u64 {
                continue;
            }
            if let Ok(done) = by_bucket.index(width, overlap, &wide, values) {
                return done;
            }
        }
        unreachable!("32-bit codes cannot be exhausted by 23-bit values")
    }
}

/// Entries in the order of their /16; within one, sorted by first address and length.
struct Scattered {
    sorted: Vec<u64>,
    /// Where the entries of a /16 begin.
    starts: Vec<u32>,
    /// Networks wider than a /16, sorted.
    wide: Vec<u64>,
}

impl Scattered {
    fn new(packed: Vec<u64>) -> Scattered {
        let mut starts = vec![0_u32; BUCKETS + 1];
        for e in &packed {
            if !is_wide(*e) {
                starts[(e >> 48) as usize + 1] += 1;
            }
        }
        for i in 0..BUCKETS {
            starts[i + 1] += starts[i];
        }
        let mut next = starts.clone();
        let mut sorted = vec![0; starts[BUCKETS] as usize];
        let mut wide = Vec::new();
        for e in packed {
            if is_wide(e) {
                wide.push(e);
                continue;
            }
            let place = &mut next[(e >> 48) as usize];
            sorted[*place as usize] = e;
            *place += 1;
        }
        wide.sort_by_key(|e| (entry(*e).len, entry(*e).first));
        for bucket in 0..BUCKETS {
            let range = starts[bucket] as usize..starts[bucket + 1] as usize;
            // Stable: of two equal networks the first one read comes first.
            sorted[range].sort_by_key(|e| e >> VALUE_BITS);
        }
        Scattered { sorted, starts, wide }
    }

    /// What the networks wider than a /16 leave for each /16; nothing if there are none.
    fn wide(&self, overlap: Overlap, values: &mut ValueBuilder) -> Vec<Cover> {
        if self.wide.is_empty() {
            return Vec::new();
        }
        let mut union = |a, b| values.union(ValueId(a), ValueId(b)).0;
        let mut cover = vec![Cover::default(); BUCKETS];
        let mut rest = &self.wide[..];
        while let Some((&head, _)) = rest.split_first() {
            let equal = rest.iter().take_while(|e| *e >> VALUE_BITS == head >> VALUE_BITS).count();
            let (group, tail) = rest.split_at(equal);
            rest = tail;
            let head = entry(head);
            let value = match overlap {
                Overlap::FirstOfLongest => head.value,
                Overlap::AllOfLongest | Overlap::AllOfClass => {
                    let others = group[1..].iter().map(|e| entry(*e).value);
                    others.fold(head.value, |a, b| together(a, b, &mut union))
                }
            };
            for cell in &mut cover[(head.first >> 16) as usize..=(head.last >> 16) as usize] {
                *cell = cell.nested(head.len, value, overlap, &mut union);
            }
        }
        cover
    }

    fn index(
        &self,
        width: u8,
        overlap: Overlap,
        wide: &[Cover],
        values: &mut ValueBuilder,
    ) -> Result<(Ipv4Index, u64), CodesExhausted> {
        let mut builder = Ipv4Builder::new(width, self.sorted.len());
        let mut union = |a, b| values.union(ValueId(a), ValueId(b)).0;
        let mut blocks = Vec::new();
        let mut dropped = 0;
        for bucket in 0..BUCKETS {
            let entries =
                &self.sorted[self.starts[bucket] as usize..self.starts[bucket + 1] as usize];
            let base = wide.get(bucket).copied().unwrap_or_default();
            if entries.is_empty() && base.value == 0 {
                continue;
            }
            blocks.clear();
            let first = (bucket as u32) << 16;
            let entries = entries.iter().map(|e| entry(*e));
            let mut last_range: Option<(u32, u32, u32)> = None;
            dropped +=
                sweep((first, first | 0xffff), base, entries, overlap, &mut union, |a, b, v| {
                    match &mut last_range {
                        Some((_, last, value)) if *value == v => *last = b,
                        _ => {
                            if let Some(range) = last_range.replace((a, b, v)) {
                                push_blocks(&mut blocks, range);
                            }
                        }
                    }
                });
            if let Some(range) = last_range {
                push_blocks(&mut blocks, range);
            }
            builder.add(bucket as u16, &blocks)?;
        }
        Ok((builder.finish(), dropped))
    }
}

/// Divides a range inside one /16 into aligned blocks; value 0 gives none.
fn push_blocks(blocks: &mut Vec<Block>, (first, last, value): (u32, u32, u32)) {
    if value == 0 {
        return;
    }
    let (mut at, end) = (first & 0xffff, (last & 0xffff) + 1);
    while at < end {
        let aligned = if at == 0 { 16 } else { at.trailing_zeros() };
        let shift = aligned.min((end - at).ilog2());
        blocks.push(Block { start: at as u16, shift: shift as u8, value });
        at += 1 << shift;
    }
}

/// Unpacks an entry.
#[inline(always)]
fn entry(packed: u64) -> Entry<u32> {
    let first = (packed >> 32) as u32;
    let len = (packed >> VALUE_BITS & 63) as u8;
    let host = u32::MAX.checked_shr(u32::from(len)).unwrap_or(0);
    Entry { first, last: first | host, len, value: packed as u32 & ((1 << VALUE_BITS) - 1) }
}

/// Whether a network is wider than a /16.
#[inline(always)]
fn is_wide(packed: u64) -> bool {
    (packed >> VALUE_BITS & 63) < 16
}

/// How many /16s there are.
const BUCKETS: usize = 1 << 16;
/// Bits of a value in a packed entry.
const VALUE_BITS: u32 = 26;

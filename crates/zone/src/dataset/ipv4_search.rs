//! A look-up in the IPv4 index, in steps.
//!
//! Each step reads what the one before it named, and names what the next one reads. A server that
//! takes all questions of a batch through one step before the next waits for memory once a step, and
//! not once a question. What a step has decoded it keeps, so that nothing is read twice.

use crate::dataset::ipv4::{CHUNK_OFFSETS, Ipv4Index, Slot};
use crate::prefetch::prefetch;
use crate::rank::{rank_u8, rank_u16};
use crate::section::read_u16;

/// A look-up that has begun.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ipv4Search<'z> {
    index: &'z Ipv4Index,
    address: u32,
    /// In a chunked /16: the blocks before this /24, and those in it.
    before: u16,
    here: u16,
    /// The slot's place; the slot, once it is read.
    slot: u64,
}

impl Ipv4Index {
    /// Begins a look-up: names the slot of an address.
    #[inline(always)]
    pub(crate) fn search(&self, address: u32) -> Ipv4Search<'_> {
        let place = self.slot_place(address);
        prefetch(&self.slots.0, place * 8);
        Ipv4Search { index: self, address, before: 0, here: 0, slot: place as u64 }
    }

    /// The value that lists an address, or 0.
    #[inline(always)]
    pub(crate) fn find(&self, address: u32) -> u32 {
        let mut search = self.search(address);
        search.read_slot();
        search.read_chunk();
        search.value()
    }
}

impl Ipv4Search<'_> {
    /// The second step: reads the slot and names what it points to.
    #[inline(always)]
    pub(crate) fn read_slot(&mut self) {
        let Ipv4Index { slots, arena, .. } = self.index;
        self.slot = slots.get(self.slot as usize);
        match Slot::of(self.slot) {
            Slot::Whole { .. } => {}
            Slot::Small { at, .. } => {
                prefetch(arena, at);
                prefetch(arena, at + 64);
            }
            Slot::Chunked { at, .. } => prefetch(arena, at + self.chunk() * 2),
        }
    }

    /// The third step, for crowded /16s: reads where the /24 is and names its blocks.
    #[inline(always)]
    pub(crate) fn read_chunk(&mut self) {
        let Ipv4Index { arena, width, .. } = self.index;
        if let Slot::Chunked { at, count } = Slot::of(self.slot) {
            let offset = at + self.chunk() * 2;
            self.before = read_u16(arena, offset);
            self.here = read_u16(arena, offset + 2).wrapping_sub(self.before);
            let before = usize::from(self.before);
            prefetch(arena, at + CHUNK_OFFSETS + before);
            prefetch(arena, at + CHUNK_OFFSETS + count + before * usize::from(*width));
        }
    }

    /// The last step: the value that lists the address, or 0.
    #[inline(always)]
    pub(crate) fn value(&self) -> u32 {
        let Ipv4Search { index, address, .. } = *self;
        if let Some(patch) = &index.patch
            && let Some(value) = patch.find(address)
        {
            return value;
        }
        let x = address as u16;
        match Slot::of(self.slot) {
            Slot::Whole { value } => value,
            Slot::Small { count, at } => {
                let rank = rank_u16(&index.arena, at, count, x);
                // A rank of 0 reads a byte before the codes and throws it away: no branch.
                let place = rank.saturating_sub(1);
                let start = read_u16(&index.arena, at + place * 2);
                let (value, shift) = index.meaning(at + count * 2, place);
                let inside = rank != 0 && (u32::from(x ^ start) >> shift) == 0;
                if inside { value } else { 0 }
            }
            Slot::Chunked { count, at } => {
                let (before, low) = (usize::from(self.before), x as u8);
                let lows = at + CHUNK_OFFSETS + before;
                let rank = rank_u8(&index.arena, lows, usize::from(self.here), low);
                let place = rank.saturating_sub(1);
                let start = index.arena[lows + place];
                let (value, shift) = index.meaning(at + CHUNK_OFFSETS + count, before + place);
                let inside = rank != 0 && (u32::from(low ^ start) >> shift) == 0;
                if inside { value } else { 0 }
            }
        }
    }

    /// The address that is looked up.
    #[inline(always)]
    pub(crate) fn address(&self) -> u32 {
        self.address
    }

    /// The /24 inside its /16.
    #[inline(always)]
    fn chunk(&self) -> usize {
        (self.address >> 8 & 255) as usize
    }
}

//! A look-up in the index of names, in steps, as [`super::ipv4_search`] has one for addresses.
//!
//! All suffixes are hashed once. The slots of those that may have a record are named first and read
//! together; what is free there needs no second look.

use crate::dataset::names::{NameFound, NamesIndex, Ruling, SHALLOW};
use crate::prefetch::prefetch;
use crate::relative::Relative;

/// A look-up that has begun.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NameSearch<'z, 'q> {
    index: &'z NamesIndex,
    /// Labels of the name.
    count: u8,
    /// Bit `n`: the last `n` labels may have a record that matters.
    wanted: u32,
    hashes: &'q Hashes,
}

/// Room for the hashes of a name's last `n` labels. It is lent to a look-up, since a copy of it would cost
/// as much as the hashing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Hashes([u64; SHALLOW]);

impl NamesIndex {
    /// Begins a look-up: hashes the suffixes and names their slots. Nothing for lists whose records have
    /// many labels: for those there is [`Self::find`].
    #[inline(always)]
    pub(crate) fn search<'z, 'q>(
        &'z self,
        name: Relative<'q>,
        hashes: &'q mut Hashes,
    ) -> Option<NameSearch<'z, 'q>> {
        if !self.is_shallow() {
            return None;
        }
        self.hash_suffixes(name, &mut hashes.0);
        let count = name.label_count().min(31) as u32;
        // Shallow: all bits that are set are below SHALLOW.
        let (exact, below) = (self.depths as u32, self.below_depths as u32);
        let wanted = exact & (1 << count) | below & ((1 << count) - 1) & !1;
        for labels in bits(wanted) {
            prefetch(&self.slots.0, self.home(hashes.0[labels]) * 8);
        }
        Some(NameSearch { index: self, count: count as u8, wanted, hashes })
    }
}

impl NameSearch<'_, '_> {
    /// The second step: reads the slots and names the records they point to.
    #[inline(always)]
    pub(crate) fn read_slots(&mut self) {
        for labels in bits(self.wanted) {
            let hash = self.hashes.0[labels];
            match self.index.seek(self.index.home(hash), hash) {
                Some(place) => {
                    let slot = self.index.slots.get(place);
                    prefetch(&self.index.arena, (slot >> 32) as usize - 1);
                }
                None if self.index.patch.is_none() => self.wanted &= !(1 << labels),
                None => {}
            }
        }
    }

    /// The last step: what the list says of the name, which is the one the look-up began with.
    #[inline(always)]
    pub(crate) fn found(&self, name: Relative<'_>) -> NameFound {
        let count = usize::from(self.count);
        let mut ruling = Ruling::default();
        let mut wanted = self.wanted;
        while wanted != 0 {
            // The longest suffix decides.
            let labels = 31 - wanted.leading_zeros() as usize;
            wanted &= !(1 << labels);
            let hash = self.hashes.0[labels & (SHALLOW - 1)];
            let record = self.index.record(name.suffix(labels), hash);
            let decided = match labels == count {
                true => ruling.of_itself(record, labels),
                false => ruling.of_above(record, labels),
            };
            if decided {
                break;
            }
        }
        ruling.found
    }
}

/// The places of the bits of a mask, all below [`SHALLOW`].
#[inline(always)]
fn bits(mut mask: u32) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let place = mask.trailing_zeros() as usize;
        mask &= mask.wrapping_sub(1);
        (place < SHALLOW).then_some(place)
    })
}

//! The index of domain names: exact names, and everything below a name.
//!
//! One table holds every listed name, and also every name on the way to one, since those exist too
//! (RFC 8020: no NXDOMAIN for them). A query is hashed once from the right over its labels, which gives
//! the hash of each of its suffixes; a mask of the label counts in use spares the probes that cannot
//! succeed. A slot is a tag (the upper half of the hash) and the place of the record. Slots stand in the
//! order of their tags, each as near as can be to the place that its tag asks for: so the table may be
//! crowded, and a miss still ends at the first greater tag, nearly always in one cache line.
//!
//! Adversaries choose names. Distances are bounded when the table is built (a crowded one is built again
//! with another seed), so no choice of names makes a look-up slow.

use std::sync::Arc;

use bytes::Bytes;

use crate::dataset::names_patch::NamesPatch;
use crate::dataset::names_search::Hashes;
use crate::relative::Relative;
use crate::section::{U32s, U64s, read_u16, read_u32, read_u64};

/// The index.
#[derive(Clone, Debug)]
pub(crate) struct NamesIndex {
    /// `place + 1:32 | tag:32`, by ascending tag; 0 is free. The last ones ([`FARTHEST`]) are only there for
    /// those that lie behind the place that their tag asks for.
    pub(crate) slots: U64s,
    /// Three numbers each: what the name itself has, what is below it, whether listed names are.
    pub(crate) book: U32s,
    /// Bytes of a code: 1, 2 or 4.
    pub(crate) width: u8,
    /// Records: code, length, name in wire form without the root.
    pub(crate) arena: Bytes,
    /// Seed of the hash.
    pub(crate) seed: u64,
    /// Bit `n`: there are records of `n` labels, here or in the patch.
    pub(crate) depths: u128,
    /// Bit `n`: there are records of `n` labels that list what is below them.
    pub(crate) below_depths: u128,
    /// Changes since it was built.
    pub(crate) patch: Option<Arc<NamesPatch>>,
}

/// What a list says of a name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Record {
    /// For the name itself.
    pub(crate) exact: Say,
    /// For all names below it.
    pub(crate) below: Say,
    /// Whether the name is on the way to a listed one.
    pub(crate) parent: bool,
}

/// What one side of a record says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) enum Say {
    /// Nothing: look further.
    #[default]
    Nothing,
    /// Never listed.
    Excluded,
    /// Listed with a value.
    Listed(u32),
}

/// What a look-up finds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct NameFound {
    /// The value that lists the name, or 0.
    pub(crate) value: u32,
    /// How many labels of the query, from the right, the entry has.
    pub(crate) labels: u8,
    /// Whether listed names lie below it.
    pub(crate) parent: bool,
}

/// What the records of a name and of those above it decide, heard from the longest to the shortest.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Ruling {
    /// What is found so far.
    pub(crate) found: NameFound,
    /// Only the name itself is excluded: what is below it may be listed.
    excluded: bool,
}

impl Ruling {
    /// Hears the record of the name, which has so many labels; whether that decides.
    #[inline(always)]
    pub(crate) fn of_itself(&mut self, record: Record, labels: usize) -> bool {
        self.found.parent = record.parent;
        self.found.labels = labels as u8;
        match record.exact {
            Say::Listed(value) => self.found.value = value,
            Say::Excluded => self.excluded = true,
            Say::Nothing => return false,
        }
        !self.excluded || record.below != Say::Nothing
    }

    /// Hears the record of a name above, of so many labels; whether that decides.
    #[inline(always)]
    pub(crate) fn of_above(&mut self, record: Record, labels: usize) -> bool {
        match record.below {
            // Those below the excluded name are listed, so it exists.
            Say::Listed(_) if self.excluded => self.found.parent = true,
            Say::Listed(value) => (self.found.value, self.found.labels) = (value, labels as u8),
            Say::Excluded => {}
            Say::Nothing => return false,
        }
        true
    }
}

impl NamesIndex {
    /// Looks a name up.
    #[inline]
    pub(crate) fn find(&self, name: Relative<'_>) -> NameFound {
        match self.search(name, &mut Hashes::default()) {
            Some(mut search) => {
                search.read_slots();
                search.found(name)
            }
            None => self.find_deep(name),
        }
    }

    /// Looks a name up in a list whose records have many labels.
    fn find_deep(&self, name: Relative<'_>) -> NameFound {
        let count = name.label_count();
        let mut hashes = [0_u64; DEEP];
        let depth = self.hash_suffixes(name, &mut hashes);
        let mut ruling = Ruling::default();
        if count <= depth && self.depths >> count & 1 != 0 {
            let record = self.record(name.suffix(count), hashes[count]);
            if ruling.of_itself(record, count) {
                return ruling.found;
            }
        }
        for labels in (1..=depth.min(count.saturating_sub(1))).rev() {
            if self.below_depths >> labels & 1 != 0
                && ruling.of_above(self.record(name.suffix(labels), hashes[labels]), labels)
            {
                break;
            }
        }
        ruling.found
    }

    /// Walks all records in no order, as they are with the patch: name in wire form, record.
    pub(crate) fn for_each(&self, mut visit: impl FnMut(&[u8], Record)) {
        for slot in self.slots.iter().filter(|s| *s != 0) {
            let (name, record) = self.read((slot >> 32) as usize - 1);
            let newer = self.patch.as_ref().and_then(|p| p.get(name, hash_name(self.seed, name)));
            match newer {
                None => visit(name, record),
                Some(record) if record != Record::default() => visit(name, record),
                Some(_) => {}
            }
        }
        let Some(patch) = &self.patch else { return };
        for (name, record) in patch.iter().filter(|(_, record)| *record != Record::default()) {
            if self.base_record(name, hash_name(self.seed, name)).is_none() {
                visit(name, record);
            }
        }
    }

    /// The same index with other records of some names; one without anything removes the name.
    pub(crate) fn with<'n>(
        &self,
        records: impl IntoIterator<Item = (&'n [u8], Record)>,
    ) -> NamesIndex {
        let mut index = self.clone();
        let mut patch = self.patch.as_deref().cloned().unwrap_or_default();
        for (name, record) in records {
            let labels = label_count(name);
            index.depths |= 1 << labels;
            if record.below != Say::Nothing {
                index.below_depths |= 1 << labels;
            }
            patch.insert(name, hash_name(self.seed, name), record);
        }
        index.patch = Some(Arc::new(patch));
        index
    }

    /// What the list says of exactly this name.
    pub(crate) fn record_of(&self, name: &[u8]) -> Record {
        let mut labels = Vec::new();
        let mut at = 0;
        while at < name.len() {
            labels.push(at as u8);
            at += 1 + usize::from(name[at]);
        }
        let relative = Relative::new(name, &labels);
        let mut hashes = [0_u64; DEEP];
        let depth = self.hash_suffixes(relative, &mut hashes);
        if labels.len() > depth {
            Record::default()
        } else {
            self.record(name, hashes[labels.len()])
        }
    }

    /// Bytes held in memory or in the mapped image.
    pub(crate) fn image_bytes(&self) -> usize {
        self.slots.0.len() + self.book.0.len() + self.arena.len()
    }

    /// Checks every place a slot or a code points to.
    pub(crate) fn is_sound(&self, values: impl Fn(u32) -> bool) -> bool {
        let head = usize::from(self.width) + 1;
        let side = |say: u32| say < 2 || values(say - 1);
        matches!(self.width, 1 | 2 | 4)
            && self.slots.len() > FARTHEST
            && self.book.len().is_multiple_of(3)
            && (0..self.book.len() / 3)
                .all(|i| side(self.book.get(i * 3)) && side(self.book.get(i * 3 + 1)))
            && self.slots.iter().filter(|s| *s != 0).all(|slot| {
                let Some(at) = ((slot >> 32) as usize).checked_sub(1) else { return false };
                at + head <= self.arena.len() && {
                    let len = usize::from(self.arena[at + head - 1]);
                    at + head + len <= self.arena.len()
                }
            })
    }

    /// Hashes all suffixes up to the deepest that can be in the list; returns its label count.
    #[inline(always)]
    pub(crate) fn hash_suffixes<const N: usize>(
        &self,
        name: Relative<'_>,
        hashes: &mut [u64; N],
    ) -> usize {
        let count = name.label_count();
        let depth = count.min(self.deepest()).min(N - 1);
        let (buffer, labels) = name.labels();
        let mut hash = self.seed;
        hashes[0] = hash;
        for (place, &at) in hashes[1..].iter_mut().zip(labels.iter().rev()).take(depth) {
            hash = hash_label(hash, buffer, usize::from(at));
            *place = hash;
        }
        depth
    }

    /// Most labels of a record.
    #[inline(always)]
    fn deepest(&self) -> usize {
        127_usize.saturating_sub(self.depths.leading_zeros() as usize)
    }

    /// Whether few labels are in use, as in every real list: then few hashes are kept.
    #[inline(always)]
    pub(crate) fn is_shallow(&self) -> bool {
        self.deepest() < SHALLOW
    }

    /// The record of a name with its hash.
    #[inline(always)]
    pub(crate) fn record(&self, name: &[u8], hash: u64) -> Record {
        if let Some(patch) = &self.patch
            && let Some(record) = patch.get(name, hash)
        {
            return record;
        }
        self.base_record(name, hash).unwrap_or_default()
    }

    /// The record of a name with its hash, as it was built.
    #[inline(always)]
    fn base_record(&self, name: &[u8], hash: u64) -> Option<Record> {
        let mut slot = self.seek(self.home(hash), hash)?;
        loop {
            let (own, record) = self.read((self.slots.get(slot) >> 32) as usize - 1);
            if own == name {
                return Some(record);
            }
            // Another name of the same tag may follow.
            slot = self.seek(slot + 1, hash)?;
        }
    }

    /// The first slot with the tag of a hash, from a place on.
    #[inline(always)]
    pub(crate) fn seek(&self, from: usize, hash: u64) -> Option<usize> {
        let (tag, end) = (tag(hash), self.home(hash) + FARTHEST);
        let mut place = from;
        while place < end {
            let slot = self.slots.get(place);
            if slot as u32 >= tag || slot == 0 {
                return (slot as u32 == tag && slot != 0).then_some(place);
            }
            place += 1;
        }
        None
    }

    /// Where the search for a hash begins.
    #[inline(always)]
    pub(crate) fn home(&self, hash: u64) -> usize {
        home(hash, self.slots.len() - FARTHEST)
    }

    #[inline(always)]
    fn read(&self, at: usize) -> (&[u8], Record) {
        let width = usize::from(self.width);
        let code = match width {
            1 => u32::from(self.arena[at]),
            2 => u32::from(read_u16(&self.arena, at)),
            _ => read_u32(&self.arena, at),
        };
        let len = usize::from(self.arena[at + width]);
        let name = &self.arena[at + width + 1..at + width + 1 + len];
        let code = code as usize * 3;
        let record = Record {
            exact: Say::of(self.book.get_or_zero(code)),
            below: Say::of(self.book.get_or_zero(code + 1)),
            parent: self.book.get_or_zero(code + 2) != 0,
        };
        (name, record)
    }
}

impl Say {
    #[inline(always)]
    fn of(raw: u32) -> Say {
        match raw {
            0 => Say::Nothing,
            1 => Say::Excluded,
            n => Say::Listed(n - 1),
        }
    }

    pub(super) fn raw(self) -> u32 {
        match self {
            Say::Nothing => 0,
            Say::Excluded => 1,
            Say::Listed(value) => value + 1,
        }
    }

    /// Whether it lists something.
    pub(crate) fn lists(self) -> bool {
        matches!(self, Say::Listed(_))
    }
}

/// What a slot keeps of a hash.
#[inline(always)]
pub(super) fn tag(hash: u64) -> u32 {
    (hash >> 32) as u32
}

/// Hashes a name from its last label to its first.
pub(crate) fn hash_name(seed: u64, name: &[u8]) -> u64 {
    let mut labels = [0_u8; MAX_LABELS];
    let (mut count, mut at) = (0, 0);
    while at < name.len() && count < MAX_LABELS {
        labels[count] = at as u8;
        count += 1;
        at += 1 + usize::from(name[at]);
    }
    labels[..count].iter().rev().fold(seed, |hash, &at| hash_label(hash, name, usize::from(at)))
}

/// Continues a hash with the label whose length byte is at a place of the buffer.
#[inline(always)]
fn hash_label(hash: u64, buffer: &[u8], at: usize) -> u64 {
    let len = usize::from(buffer[at]);
    let mut hash = hash ^ (len as u64) << 56;
    let (mut at, mut left) = (at + 1, len);
    while left > 8 {
        hash = fold(hash ^ read_u64(buffer, at), WORD_KEY);
        at += 8;
        left -= 8;
    }
    // What is behind the label in its last word is cut off.
    let last = match buffer.get(at..at + 8) {
        Some(_) => read_u64(buffer, at) & (u64::MAX >> ((8_usize.wrapping_sub(left) * 8) & 63)),
        None => buffer[at..at + left].iter().rev().fold(0, |word, &b| word << 8 | u64::from(b)),
    };
    fold(hash ^ last, LABEL_KEY)
}

/// Multiplies to 128 bits and folds the halves: every bit reaches every other.
#[inline(always)]
pub(super) fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    (product >> 64) as u64 ^ product as u64
}

/// Where the search for a hash begins, of so many places. Greater tags never have a lesser one.
#[inline(always)]
pub(super) fn home(hash: u64, homes: usize) -> usize {
    ((u64::from(tag(hash)) * homes as u64) >> 32) as usize
}

/// How many labels a name in wire form has.
pub(crate) fn label_count(mut name: &[u8]) -> usize {
    let mut count = 0;
    while let Some((&len, rest)) = name.split_first() {
        name = rest.get(usize::from(len)..).unwrap_or(&[]);
        count += 1;
    }
    count
}

/// Most labels of a name of 255 bytes.
const MAX_LABELS: usize = 127;
/// Hashes kept where records have few labels.
pub(crate) const SHALLOW: usize = 8;
/// Hashes kept otherwise.
const DEEP: usize = MAX_LABELS + 1;
/// No slot lies so far behind the place that its tag asks for.
pub(super) const FARTHEST: usize = 256;
/// Multiplier of whole words of a label.
const WORD_KEY: u64 = 0xa076_1d64_78bd_642f;
/// Multiplier at the end of a label.
pub(super) const LABEL_KEY: u64 = 0xe703_7ed1_a0b4_28db;

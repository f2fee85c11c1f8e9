//! Names as they are read, and the table built of them.
//!
//! What stands above a listed name exists too, so the table gets those names as well; then slots are put
//! in the order of their tags ([`super::names`]).

use std::collections::HashMap;

use bytes::Bytes;

use crate::dataset::TooMany;
use crate::dataset::names::{
    FARTHEST, LABEL_KEY, NamesIndex, Record, Say, fold, hash_name, home, label_count, tag,
};
use crate::value::{ValueBuilder, ValueId};
use repute_dnsxl::Extent;

/// What decides where a name is listed twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Repeats {
    /// All answers together, and an exclusion beats them (rbldnsd's `dnset`).
    Together,
    /// The last one read (`dnhash` of rspamd's rbldnsd).
    Last,
}

/// Names as they are read.
#[derive(Clone, Debug, Default)]
pub(crate) struct NamesEntries {
    /// All names, one after the other.
    names: Vec<u8>,
    /// Place and length of the name, what is listed, value.
    entries: Vec<(u32, u8, Extent, ValueId)>,
}

impl NamesEntries {
    /// Adds a name: wire form without the root, in lower case.
    pub(crate) fn push(&mut self, name: &[u8], extent: Extent, value: ValueId) {
        let at = self.names.len() as u32;
        self.names.extend_from_slice(name);
        self.entries.push((at, name.len() as u8, extent, value));
    }

    /// How many entries there are.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// The names in the order in which they came: wire form without the root, what is listed, value.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&[u8], Extent, ValueId)> {
        self.entries.iter().map(|&(at, len, extent, value)| {
            (&self.names[at as usize..at as usize + usize::from(len)], extent, value)
        })
    }

    /// Builds the index.
    ///
    /// # Errors
    /// If the names, and those above them, are longer together than places can say.
    pub(crate) fn index(
        self,
        repeats: Repeats,
        values: &mut ValueBuilder,
    ) -> Result<NamesIndex, TooMany> {
        let mut table = Table::new(self.entries.len());
        for &(at, len, extent, value) in &self.entries {
            let name = &self.names[at as usize..at as usize + usize::from(len)];
            let record = table.entry(name);
            let say = if value == ValueId::NOTHING { Say::Excluded } else { Say::Listed(value.0) };
            for side in match extent {
                Extent::Exact => [Some(&mut record.exact), None],
                Extent::Below => [Some(&mut record.below), None],
                Extent::Both => [Some(&mut record.exact), Some(&mut record.below)],
            }
            .into_iter()
            .flatten()
            {
                *side = match (repeats, *side, say) {
                    (Repeats::Last, _, say) | (Repeats::Together, Say::Nothing, say) => say,
                    (_, Say::Excluded, _) | (_, _, Say::Excluded) => Say::Excluded,
                    (_, Say::Listed(a), Say::Listed(b)) => {
                        Say::Listed(values.union(ValueId(a), ValueId(b)).0)
                    }
                    (_, say, Say::Nothing) => say,
                };
            }
        }
        drop(self);
        table.add_parents();
        check_places(table.records.iter().map(|(_, len, ..)| usize::from(*len)))?;
        Ok(table.finish())
    }
}

/// Records by name while an index is built.
struct Table {
    slots: Vec<u64>,
    names: Vec<u8>,
    /// Place and length of the name, hash, record.
    records: Vec<(u32, u8, u64, Record)>,
    seed: u64,
}

impl Table {
    fn new(expected: usize) -> Table {
        let slots = vec![0; (expected * 2).next_power_of_two().max(16)];
        Table { slots, names: Vec::new(), records: Vec::new(), seed: FIRST_SEED }
    }

    /// The record of a name, a new one if there is none.
    fn entry(&mut self, name: &[u8]) -> &mut Record {
        if self.records.len() * 3 / 2 >= self.slots.len() {
            self.grow();
        }
        let hash = hash_name(self.seed, name);
        let mut place = home(hash, self.slots.len());
        let index = loop {
            match self.slots[place] {
                0 => {
                    let at = self.names.len() as u32;
                    self.names.extend_from_slice(name);
                    self.records.push((at, name.len() as u8, hash, Record::default()));
                    self.slots[place] = self.records.len() as u64;
                    break self.records.len() - 1;
                }
                n => {
                    let (at, len, h, _) = self.records[n as usize - 1];
                    let own = &self.names[at as usize..at as usize + usize::from(len)];
                    if h == hash && own == name {
                        break n as usize - 1;
                    }
                }
            }
            place = (place + 1) % self.slots.len();
        };
        &mut self.records[index].3
    }

    fn grow(&mut self) {
        self.slots = vec![0; self.slots.len() * 2];
        for (i, (_, _, hash, _)) in self.records.iter().enumerate() {
            let mut at = home(*hash, self.slots.len());
            while self.slots[at] != 0 {
                at = (at + 1) % self.slots.len();
            }
            self.slots[at] = i as u64 + 1;
        }
    }

    /// Marks every name above a listed one as existing (RFC 8020).
    fn add_parents(&mut self) {
        for i in 0..self.records.len() {
            let (at, len, _, record) = self.records[i];
            // What is listed below a name makes that name exist as well.
            if record.below.lists() {
                self.records[i].3.parent = true;
            } else if !record.exact.lists() {
                continue;
            }
            let mut rest = self.names[at as usize..at as usize + usize::from(len)].to_vec();
            while !rest.is_empty() {
                rest.drain(..1 + usize::from(rest[0]));
                let record = self.entry(&rest);
                if record.parent {
                    break;
                }
                record.parent = true;
            }
        }
    }

    /// Writes the finished index, with a seed that leaves no long probe.
    fn finish(self) -> NamesIndex {
        let mut book = Vec::new();
        let mut codes: HashMap<Record, u32> = HashMap::new();
        let mut coded = Vec::with_capacity(self.records.len());
        for (_, _, _, record) in &self.records {
            let next = codes.len() as u32;
            coded.push(*codes.entry(*record).or_insert_with(|| {
                book.extend([record.exact.raw(), record.below.raw(), u32::from(record.parent)]);
                next
            }));
        }
        let width = match codes.len() {
            0..=0x100 => 1,
            0x101..=0x1_0000 => 2,
            _ => 4,
        };
        let mut arena = Vec::with_capacity(self.names.len() + self.records.len() * (1 + width));
        let mut places = Vec::with_capacity(self.records.len());
        let (mut depths, mut below_depths) = (0_u128, 0_u128);
        for (&(at, len, _, record), code) in self.records.iter().zip(coded) {
            let name = &self.names[at as usize..at as usize + usize::from(len)];
            places.push(arena.len() as u32);
            arena.extend_from_slice(&code.to_le_bytes()[..width]);
            arena.push(len);
            arena.extend_from_slice(name);
            let count = label_count(name);
            depths |= 1 << count;
            if record.below != Say::Nothing {
                below_depths |= 1 << count;
            }
        }
        drop(self.slots);
        let homes = (self.records.len() * 5 / 4).max(1);
        let mut seed = self.seed;
        let mut slots = self.records.iter().zip(&places).map(|(r, at)| slot(r.2, *at)).collect();
        let slots = loop {
            if let Some(slots) = place_all(slots, homes) {
                break slots;
            }
            seed = fold(seed, LABEL_KEY);
            slots = self
                .records
                .iter()
                .zip(&places)
                .map(|(&(at, len, ..), record)| {
                    let name = &self.names[at as usize..at as usize + usize::from(len)];
                    slot(hash_name(seed, name), *record)
                })
                .collect();
        };
        NamesIndex {
            slots: slots.into_iter().collect(),
            book: book.into_iter().collect(),
            width: width as u8,
            arena: Bytes::from(arena),
            seed,
            depths,
            below_depths,
            patch: None,
        }
    }
}

/// Whether names of these lengths have places that a slot can name.
///
/// # Errors
/// If not.
pub(crate) fn check_places(lengths: impl Iterator<Item = usize>) -> Result<(), TooMany> {
    // Each stands behind a code of at most four bytes and its length.
    let bytes: u64 = lengths.map(|len| len as u64 + 5).sum();
    if bytes < u64::from(u32::MAX) { Ok(()) } else { Err(TooMany::Names) }
}

/// Puts slots in the order of their tags where those ask for, or behind. Nothing if one would lie too far
/// behind.
fn place_all(mut slots: Vec<u64>, homes: usize) -> Option<Vec<u64>> {
    slots.sort_unstable_by_key(|slot| *slot as u32);
    let mut placed = vec![0_u64; homes + FARTHEST];
    let mut next = 0;
    for slot in slots {
        let home = home(slot << 32, homes);
        let place = home.max(next);
        if place >= home + FARTHEST {
            return None;
        }
        placed[place] = slot;
        next = place + 1;
    }
    Some(placed)
}

/// A slot: the tag of a hash, and where the record is.
fn slot(hash: u64, record: u32) -> u64 {
    (u64::from(record) + 1) << 32 | u64::from(tag(hash))
}

/// Seed of the first attempt.
const FIRST_SEED: u64 = 0x9e37_79b9_7f4a_7c15;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_without_a_place_are_an_error() {
        let names = |count| std::iter::repeat_n(250, count);
        assert_eq!(check_places(names(16_843_008)), Ok(()));
        assert_eq!(check_places(names(16_843_009)), Err(TooMany::Names));
    }
}

//! Names whose records were replaced, laid over an index of names.
//!
//! A changed list copies its patch, so a patch is three flat arrays that copy at the speed of memory. It
//! is asked by the hash that the look-up has computed anyway. Names are chosen by adversaries; the map
//! from hashes has a key of its own, so they cannot crowd it.

use std::collections::HashMap;

use crate::dataset::names::Record;

/// Names with their new records; one without anything was removed.
#[derive(Clone, Debug, Default)]
pub(crate) struct NamesPatch {
    /// The first entry of each hash.
    by_hash: HashMap<u64, u32>,
    /// The entries.
    entries: Vec<Entry>,
    /// Their names, one after the other.
    names: Vec<u8>,
}

/// A name with its record.
#[derive(Clone, Copy, Debug)]
struct Entry {
    /// Where the name begins.
    at: u32,
    /// How long it is.
    len: u8,
    /// What the list says of it now.
    record: Record,
    /// The next entry of the same hash; its own place if there is none.
    next: u32,
}

impl NamesPatch {
    /// The record of a name with its hash, if it was replaced.
    #[inline]
    pub(crate) fn get(&self, name: &[u8], hash: u64) -> Option<Record> {
        self.place(name, hash).ok().map(|place| self.entries[place as usize].record)
    }

    /// Replaces the record of a name.
    pub(crate) fn insert(&mut self, name: &[u8], hash: u64, record: Record) {
        let own = self.entries.len() as u32;
        match self.place(name, hash) {
            Ok(place) => {
                self.entries[place as usize].record = record;
                return;
            }
            Err(Some(last)) => self.entries[last as usize].next = own,
            Err(None) => {
                self.by_hash.insert(hash, own);
            }
        }
        let at = self.names.len() as u32;
        self.names.extend_from_slice(name);
        self.entries.push(Entry { at, len: name.len() as u8, record, next: own });
    }

    /// How many names it holds.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// All names with their records.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&[u8], Record)> {
        self.entries.iter().map(|entry| (self.name(entry), entry.record))
    }

    /// The place of a name, or else of the last entry with its hash.
    #[inline]
    fn place(&self, name: &[u8], hash: u64) -> Result<u32, Option<u32>> {
        let mut place = *self.by_hash.get(&hash).ok_or(None)?;
        loop {
            let entry = &self.entries[place as usize];
            if self.name(entry) == name {
                return Ok(place);
            }
            if entry.next == place {
                return Err(Some(place));
            }
            place = entry.next;
        }
    }

    /// The name of an entry.
    fn name(&self, entry: &Entry) -> &[u8] {
        &self.names[entry.at as usize..entry.at as usize + usize::from(entry.len)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::names::Say;

    #[test]
    fn names_of_one_hash_are_told_apart() {
        let record = |value| Record { exact: Say::Listed(value), ..Record::default() };
        let mut patch = NamesPatch::default();
        for (name, hash, value) in [("a", 1, 10), ("b", 1, 11), ("c", 2, 12), ("d", 1, 13)] {
            patch.insert(name.as_bytes(), hash, record(value));
        }
        patch.insert(b"b", 1, record(20));
        assert_eq!(patch.len(), 4);
        for (name, hash, value) in [("a", 1, 10), ("b", 1, 20), ("c", 2, 12), ("d", 1, 13)] {
            assert_eq!(patch.get(name.as_bytes(), hash), Some(record(value)), "{name}");
        }
        assert_eq!(patch.get(b"e", 1), None);
        assert_eq!(patch.get(b"a", 3), None);
    }
}

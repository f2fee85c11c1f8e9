//! What an import changes: two sorted rows of entries, held beside each other.

use std::collections::BTreeSet;

use repute_database::Timestamp;
use repute_database::bulk::{Held, Place, Row};
use repute_database::entries::SourceId;

use crate::import::owners::Owners;
use crate::import::{Import, Mode};

/// What an import changes. Numbers are those of the file's entries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Difference {
    /// Entries that are new.
    pub added: Vec<u32>,
    /// Entries with another text.
    pub changed: Vec<u32>,
    /// Entries that say the same, but with another reason, source, end or organisation; DNS does not see it.
    pub renewed: Vec<u32>,
    /// Entries that go: how the database names them, and what they are.
    pub removed: Vec<(i64, Place)>,
    /// Of those that change or are renewed, which end at another time, and when they did until now.
    pub ends: Vec<(u32, Option<Timestamp>)>,
    /// How many of the file's are in the list already.
    pub unchanged: u64,
    /// How many of the file's another source has brought, whose they stay.
    pub kept: u64,
    /// How many of the file's are kept off the list by decisions.
    pub kept_out: u64,
}

impl Difference {
    /// Whether nothing changes.
    pub fn is_empty(&self) -> bool {
        self.added.is_empty()
            && self.changed.is_empty()
            && self.renewed.is_empty()
            && self.removed.is_empty()
    }
}

/// A comparison under way: the list's entries come in parts.
pub(super) struct Merge<'i> {
    /// The file's entries, sorted, each place once.
    rows: &'i [Row],
    /// The first of them that was not compared yet.
    next: usize,
    /// How they are taken.
    import: &'i Import,
    /// The number of their source, if it has one yet.
    source: Option<SourceId>,
    /// The bytes of keys that are kept off the list, and others with the codes that are.
    kept_out: (&'i BTreeSet<Vec<u8>>, &'i BTreeSet<Place>),
    /// Whose the file's entries are.
    owners: &'i Owners,
    /// What was found so far.
    found: Difference,
}

impl<'i> Merge<'i> {
    /// Nothing compared yet.
    pub(super) fn new(
        rows: &'i [Row],
        import: &'i Import,
        source: Option<SourceId>,
        kept_out: (&'i BTreeSet<Vec<u8>>, &'i BTreeSet<Place>),
        owners: &'i Owners,
    ) -> Merge<'i> {
        Merge { rows, next: 0, import, source, kept_out, owners, found: Difference::default() }
    }

    /// Compares the list's next entries, whole keys in their order.
    pub(super) fn take(&mut self, mut held: Vec<Held>) {
        // Databases differ in how they sort the codes of a key.
        held.sort_by(|a, b| a.place.cmp(&b.place));
        for held in held {
            while self.rows.get(self.next).is_some_and(|row| row.place < held.place) {
                self.add();
            }
            let is_own = self.source == Some(held.source) || self.import.mode == Mode::ReplaceList;
            match self.rows.get(self.next).filter(|row| row.place == held.place) {
                Some(row) => {
                    let at = self.next as u32;
                    self.next += 1;
                    let is_same = self.source == Some(held.source)
                        && held.expires == self.import.expires
                        && held.reason == self.import.reason
                        && self.import.criterion.is_none_or(|one| held.criterion == Some(one))
                        && self.import.review.is_none_or(|day| held.review == Some(day))
                        && (held.organisation.is_some() || self.owners.of(row).is_none());
                    if is_own && held.expires != self.import.expires {
                        self.found.ends.push((at, held.expires));
                    }
                    match (is_own, *held.text == *row.text, is_same) {
                        (false, ..) => self.found.kept += 1,
                        (true, false, _) => self.found.changed.push(at),
                        (true, true, false) => self.found.renewed.push(at),
                        (true, true, true) => self.found.unchanged += 1,
                    }
                }
                None if is_own && self.import.mode != Mode::Add => {
                    self.found.removed.push((held.id, held.place));
                }
                None => {}
            }
        }
    }

    /// What changes: whatever is left of the file is new.
    pub(super) fn finish(mut self) -> Difference {
        while self.next < self.rows.len() {
            self.add();
        }
        self.found
    }

    /// Takes the next of the file's, which the list does not have: new, unless it was decided otherwise.
    fn add(&mut self) {
        let place = &self.rows[self.next].place;
        let (keys, places) = self.kept_out;
        match place.code().is_some() && (place.is_of(keys) || places.contains(place)) {
            true => self.found.kept_out += 1,
            false => self.found.added.push(self.next as u32),
        }
        self.next += 1;
    }
}

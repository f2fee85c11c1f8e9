//! The names of a list in the order of a tree.
//!
//! A path is a name from the apex down: the labels of its wire form, the last one first. In this order all that is below
//! a name follows it. Indexes of names know no order, so whoever goes through a list of names needs this beside it: about
//! as many bytes as the names have, and five more for each. Networks need none; their indexes are in order.

use std::ops::Range;
use std::sync::Arc;

use crate::dataset::names::{self, NamesIndex, Say, hash_name};
use crate::dataset::{Content, Dataset};
use crate::journal::{Key, Record};
use crate::zone::{Dialect, Zone};

/// The names of a list in order: at least those that the list has.
///
/// It belongs to a version of the list. The next one's is made of it by [`SortedNames::after`], or anew.
#[derive(Clone, Debug, Default)]
pub struct SortedNames {
    /// Most of them.
    pub(super) base: Arc<Paths>,
    /// Those that came since.
    pub(super) added: Arc<Paths>,
}

impl SortedNames {
    /// The names of a zone.
    pub fn of(zone: &Zone) -> SortedNames {
        let mut unsorted = Unsorted::default();
        zone.datasets.iter().for_each(|dataset| unsorted.add_dataset(&[], dataset));
        SortedNames { base: Arc::new(unsorted.sorted()), added: Arc::default() }
    }

    /// Those of the version to which a record of the journal led. It costs what the record costs; from time to time,
    /// when many came, those that are there no longer are forgotten.
    #[must_use]
    pub fn after(&self, record: &Record, zone: &Zone) -> SortedNames {
        let mut unsorted = Unsorted::default();
        for change in &record.changes {
            if let Key::Name(name, _) = &change.key {
                unsorted.add(&[], labels(name.relative()).rev());
            }
        }
        if unsorted.places.is_empty() {
            return self.clone();
        }
        let added = self.added.with(&unsorted.sorted(), |_| true);
        if added.len() <= MOST_ADDED {
            return SortedNames { base: self.base.clone(), added: Arc::new(added) };
        }
        let base = self.base.with(&added, |path| is_said(zone, path));
        SortedNames { base: Arc::new(base), added: Arc::default() }
    }

    /// Bytes in memory.
    pub fn bytes(&self) -> usize {
        self.base.memory() + self.added.memory()
    }
}

/// Paths in one piece of memory, sorted, each once.
#[derive(Debug, Default)]
pub(super) struct Paths {
    /// Each behind its length.
    bytes: Vec<u8>,
    /// Where each begins.
    places: Vec<u32>,
}

impl Paths {
    /// The names that a zone has whatever its entries are: test entries, what is never listed, and where data sets begin.
    pub(super) fn fixed(zone: &Zone) -> Paths {
        let mut unsorted = Unsorted::default();
        for entry in zone.tests.iter().flat_map(|tests| &tests.entries) {
            unsorted.add(&[], labels(&entry.relative).rev());
        }
        if zone.dialect == Dialect::Native {
            // RFC 5782 section 5: never listed, whatever is around them.
            unsorted.add(&[], [&b"127"[..], b"0", b"0", b"1"].into_iter());
            unsorted.add(&[], b"00000000000000000000ffff7f000001".chunks(1));
            unsorted.add(&[], [&b"invalid"[..]].into_iter());
        }
        bases(zone, &mut |base| unsorted.add(base, std::iter::empty()));
        unsorted.sorted()
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.places.len()
    }

    /// One of them.
    pub(super) fn get(&self, index: usize) -> &[u8] {
        let at = self.places[index] as usize;
        &self.bytes[at + 1..at + 1 + usize::from(self.bytes[at])]
    }

    /// Those among some that go on with a label behind their first bytes. All of them must have these alike.
    pub(super) fn narrow(&self, among: Range<usize>, at: usize, label: &[u8]) -> Range<usize> {
        let rest = |index: usize| self.get(index).get(at..).unwrap_or_default();
        let start = partition(among.clone(), |index| rest(index) < label);
        start..self.end_of(start..among.end, at, label)
    }

    /// Where those end, of which the first goes on with a label.
    pub(super) fn end_of(&self, among: Range<usize>, at: usize, label: &[u8]) -> usize {
        let goes_on =
            |index: usize| self.get(index).get(at..).is_some_and(|rest| rest.starts_with(label));
        // Mostly there are few.
        let (mut known, mut step) = (among.start, 1);
        while known < among.end {
            let next = (known + step).min(among.end);
            if !goes_on(next - 1) {
                return partition(known..next - 1, goes_on);
            }
            (known, step) = (next, step * 2);
        }
        among.end
    }

    /// These and others, as far as they are to be kept.
    fn with(&self, others: &Paths, keep: impl Fn(&[u8]) -> bool) -> Paths {
        let mut both = Unsorted::default();
        let (mut a, mut b) = (0, 0);
        loop {
            let one = (a < self.len()).then(|| self.get(a));
            let other = (b < others.len()).then(|| others.get(b));
            let path = match (one, other) {
                (Some(one), Some(other)) => one.min(other),
                (Some(path), None) | (None, Some(path)) => path,
                (None, None) => break,
            };
            a += usize::from(one == Some(path));
            b += usize::from(other == Some(path));
            if keep(path) {
                both.add(path, std::iter::empty());
            }
        }
        Paths { bytes: both.bytes, places: both.places }
    }

    fn memory(&self) -> usize {
        self.bytes.len() + self.places.len() * size_of::<u32>()
    }
}

/// Paths as they come.
#[derive(Debug, Default)]
struct Unsorted {
    bytes: Vec<u8>,
    places: Vec<u32>,
}

impl Unsorted {
    /// Adds the names of a data set; `base` is where it begins.
    fn add_dataset(&mut self, base: &[u8], dataset: &Dataset) {
        match &dataset.content {
            Content::Names(names) => names.index.for_each(|name, record| {
                // Names on the way to others follow from those.
                if record.exact != Say::Nothing || record.below != Say::Nothing {
                    self.add(base, labels(name).rev());
                }
            }),
            Content::Generic(generic) => generic.names.for_each(|name, record| {
                if record.exact.lists() {
                    self.add(base, labels(name).rev());
                }
            }),
            Content::Combined(branches) => {
                for branch in branches {
                    let base = [base, &path_of(&branch.suffix)].concat();
                    branch.datasets.iter().for_each(|dataset| self.add_dataset(&base, dataset));
                }
            }
            Content::Addresses(_) | Content::Acl(_) | Content::Keys(_) => {}
        }
    }

    /// Adds labels below a base, the ones next to it first.
    fn add<'l>(&mut self, base: &[u8], labels: impl Iterator<Item = &'l [u8]>) {
        let start = self.bytes.len();
        self.bytes.push(0);
        self.bytes.extend_from_slice(base);
        for label in labels {
            // An owner of that form is a wildcard in a zone: it cannot be said there.
            if label == b"*" {
                self.bytes.truncate(start);
                return;
            }
            self.bytes.push(label.len() as u8);
            self.bytes.extend_from_slice(label);
        }
        match (u8::try_from(self.bytes.len() - start - 1), u32::try_from(start)) {
            (Ok(len), Ok(place)) => {
                self.bytes[start] = len;
                self.places.push(place);
            }
            // No such name can be asked for, or more of them than an index holds.
            _ => self.bytes.truncate(start),
        }
    }

    /// All of them in order.
    fn sorted(self) -> Paths {
        let Unsorted { bytes, places } = self;
        let path = |place: u32| {
            let at = place as usize;
            &bytes[at + 1..at + 1 + usize::from(bytes[at])]
        };
        // The first bytes of a path decide nearly always, and need no look elsewhere.
        let mut keyed: Vec<(u64, u32)> = places
            .into_iter()
            .map(|place| {
                let (mut first, path) = ([0; 8], path(place));
                let len = path.len().min(8);
                first[..len].copy_from_slice(&path[..len]);
                (u64::from_be_bytes(first), place)
            })
            .collect();
        keyed.sort_unstable_by(|a, b| a.0.cmp(&b.0).then_with(|| path(a.1).cmp(path(b.1))));
        keyed.dedup_by(|a, b| a.0 == b.0 && path(a.1) == path(b.1));
        // In order they are read one after the other.
        let mut sorted = Paths::default();
        sorted.bytes.reserve_exact(bytes.len());
        sorted.places.reserve_exact(keyed.len());
        for (_, place) in keyed {
            let path = path(place);
            sorted.places.push(sorted.bytes.len() as u32);
            sorted.bytes.push(path.len() as u8);
            sorted.bytes.extend_from_slice(path);
        }
        sorted
    }
}

/// Whether a zone says something of exactly a name.
pub(super) fn is_said(zone: &Zone, path: &[u8]) -> bool {
    let mut room = [0; 256];
    let mut start = room.len();
    for label in labels_with_length(path) {
        start -= label.len();
        room[start..start + label.len()].copy_from_slice(label);
    }
    let name = &room[start..];
    zone.datasets.iter().any(|dataset| dataset_says(dataset, name))
}

/// Whether a data set says something of exactly a name.
fn dataset_says(dataset: &Dataset, name: &[u8]) -> bool {
    match &dataset.content {
        Content::Names(names) => {
            let record = said(&names.index, name);
            record.exact != Say::Nothing || record.below != Say::Nothing
        }
        Content::Generic(generic) => said(&generic.names, name).exact.lists(),
        Content::Combined(branches) => branches.iter().any(|branch| {
            let inner = name.strip_suffix(&*branch.suffix);
            // The end of a name may look like a branch's without being labels of its own.
            inner
                .filter(|inner| {
                    labels_with_length(inner).map(<[u8]>::len).sum::<usize>() == inner.len()
                })
                .is_some_and(|inner| {
                    branch.datasets.iter().any(|dataset| dataset_says(dataset, inner))
                })
        }),
        Content::Addresses(_) | Content::Acl(_) | Content::Keys(_) => false,
    }
}

/// What an index says of exactly a name.
fn said(index: &NamesIndex, name: &[u8]) -> names::Record {
    index.record(name, hash_name(index.seed, name))
}

/// Calls for each path at which data sets begin, beside the apex.
pub(super) fn bases(zone: &Zone, each: &mut impl FnMut(&[u8])) {
    fn of(base: &[u8], dataset: &Dataset, each: &mut impl FnMut(&[u8])) {
        if let Content::Combined(branches) = &dataset.content {
            for branch in branches {
                let base = [base, &path_of(&branch.suffix)].concat();
                each(&base);
                branch.datasets.iter().for_each(|dataset| of(&base, dataset, each));
            }
        }
    }
    zone.datasets.iter().for_each(|dataset| of(&[], dataset, each));
}

/// The path of a name in wire form without the root, or the name of a path: each is the other.
pub(super) fn path_of(name: &[u8]) -> Vec<u8> {
    let mut path = Vec::with_capacity(name.len());
    for label in labels(name).rev() {
        path.push(label.len() as u8);
        path.extend_from_slice(label);
    }
    path
}

/// The labels of a name in wire form.
pub(super) fn labels(wire: &[u8]) -> impl DoubleEndedIterator<Item = &[u8]> {
    let mut labels = Vec::with_capacity(8);
    labels.extend(labels_with_length(wire).filter_map(|label| label.get(1..)));
    labels.into_iter()
}

/// The same, each with its length before it.
pub(super) fn labels_with_length(mut wire: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let (label, rest) = wire.split_at_checked(1 + usize::from(*wire.first()?))?;
        wire = rest;
        Some(label)
    })
}

/// The label of a path behind its first bytes, with its length before it.
pub(super) fn first_label(path: &[u8], at: usize) -> Option<&[u8]> {
    let rest = path.get(at..)?;
    rest.get(..1 + usize::from(*rest.first()?))
}

/// The first place in a range at which something does not hold any more.
fn partition(range: Range<usize>, holds: impl Fn(usize) -> bool) -> usize {
    let (mut low, mut high) = (range.start, range.end.max(range.start));
    while low < high {
        let middle = low + (high - low) / 2;
        if holds(middle) { low = middle + 1 } else { high = middle }
    }
    low
}

/// So many names are kept beside the others before they are put among them.
const MOST_ADDED: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    /// Paths of names as they are written.
    fn paths(names: &[&str]) -> Paths {
        let mut unsorted = Unsorted::default();
        names.iter().for_each(|name| unsorted.add(&[], name.split('.').rev().map(str::as_bytes)));
        unsorted.sorted()
    }

    fn shown(paths: &Paths) -> Vec<String> {
        let text = |path| {
            let name = path_of(path);
            labels(&name).map(String::from_utf8_lossy).collect::<Vec<_>>().join(".")
        };
        (0..paths.len()).map(|index| text(paths.get(index))).collect()
    }

    #[test]
    fn all_below_a_name_follows_it() {
        let names = ["b.x", "a.long-name.example", "x", "long-name.example", "b.x", "*.y", "a.b.x"];
        let paths = paths(&names);
        let sorted = ["x", "b.x", "a.b.x", "long-name.example", "a.long-name.example"];
        assert_eq!(shown(&paths), sorted);
        assert_eq!(paths.narrow(0..5, 0, b"\x01x"), 0..3);
        assert_eq!(paths.narrow(0..3, 2, b"\x01b"), 1..3);
        assert_eq!(paths.narrow(0..3, 2, b"\x01c"), 3..3);
        assert_eq!(paths.narrow(0..5, 0, b"\x07example"), 3..5);
        assert_eq!(paths.narrow(0..0, 0, b"\x01x"), 0..0);
    }

    #[test]
    fn the_end_of_many_is_found() {
        let names: Vec<String> =
            (0..1000).map(|i| format!("n{i}.{}", ["a", "b", "c"][i % 3])).collect();
        let paths = paths(&names.iter().map(String::as_str).collect::<Vec<_>>());
        for (label, range) in [(b"\x01a", 0..334), (b"\x01b", 334..667), (b"\x01c", 667..1000)] {
            assert_eq!(paths.narrow(0..1000, 0, label), range);
            assert_eq!(paths.end_of(range.start..1000, 0, label), range.end);
        }
    }

    #[test]
    fn two_become_one_without_what_is_gone() {
        let (one, other) = (paths(&["a.x", "x", "b"]), paths(&["b", "c", "a.x", "d.x"]));
        assert_eq!(shown(&one.with(&other, |_| true)), ["b", "c", "x", "a.x", "d.x"]);
        assert_eq!(shown(&one.with(&other, |path| path != b"\x01x\x01a")), ["b", "c", "x", "d.x"]);
    }
}

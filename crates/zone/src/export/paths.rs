//! The names at which something begins in a zone, in the order of a tree.
//!
//! A path is a name from the apex down: the labels of its wire form, the last one first. In this order
//! all that is below a name follows it. The names between are not kept, as they follow from the others.

use crate::dataset::{Branch, Content, Dataset};
use crate::zone::{Dialect, Zone};

/// Paths in one piece of memory, sorted, each once.
pub(super) struct Paths {
    bytes: Vec<u8>,
    /// Where each begins, and how long it is.
    places: Vec<(usize, u8)>,
}

impl Paths {
    /// All names of a zone at which an answer may differ from the one around it.
    pub(super) fn of(zone: &Zone) -> Paths {
        let mut paths = Paths { bytes: Vec::new(), places: Vec::new() };
        for dataset in &zone.datasets {
            paths.add_dataset(&[], dataset);
        }
        for entry in zone.tests.iter().flat_map(|tests| &tests.entries) {
            paths.add(&[], labels(&entry.relative).rev());
        }
        if zone.dialect == Dialect::Native {
            // RFC 5782 section 5: never listed, whatever is around them.
            paths.add_octets(&[], 0x7f00_0001, 4);
            paths.add_nibbles(&[], 0xffff_7f00_0001, 32);
            paths.add(&[], [&b"invalid"[..]].into_iter());
        }
        let Paths { bytes, places } = &mut paths;
        let path = |(at, len): (usize, u8)| &bytes[at..at + usize::from(len)];
        places.sort_unstable_by(|a, b| path(*a).cmp(path(*b)));
        places.dedup_by(|a, b| path(*a) == path(*b));
        paths
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.places.len()
    }

    /// One of them.
    pub(super) fn get(&self, index: usize) -> &[u8] {
        let (at, len) = self.places[index];
        &self.bytes[at..at + usize::from(len)]
    }

    fn add_dataset(&mut self, base: &[u8], dataset: &Dataset) {
        match &dataset.content {
            Content::Addresses(addresses) => {
                if let Some(v4) = &addresses.v4 {
                    v4.for_each(|first, shift, _| {
                        // Whole octets behind the wildcard; what is between is written out.
                        let wild = shift / 8;
                        for part in 0..1_u32 << (shift % 8) {
                            self.add_octets(base, first + (part << (8 * wild)), 4 - wild);
                        }
                    });
                }
                if let Some(v6) = &addresses.v6 {
                    v6.for_each(|first, shift, _| {
                        let wild = shift / 4;
                        for part in 0..1_u128 << (shift % 4) {
                            self.add_nibbles(base, first + (part << (4 * wild)), 32 - wild);
                        }
                    });
                }
            }
            Content::Names(names) => {
                names.index.for_each(|name, _| self.add(base, labels(name).rev()));
            }
            Content::Generic(generic) => {
                generic.names.for_each(|name, _| self.add(base, labels(name).rev()));
            }
            Content::Combined(branches) => {
                for Branch { suffix, datasets, .. } in branches {
                    let base = [base, &path_of(suffix)].concat();
                    self.add(&base, std::iter::empty());
                    datasets.iter().for_each(|dataset| self.add_dataset(&base, dataset));
                }
            }
            Content::Acl(_) | Content::Keys(_) => {}
        }
    }

    /// Adds the first octets of an address.
    fn add_octets(&mut self, base: &[u8], address: u32, count: u8) {
        let octets = address.to_be_bytes().map(|octet| octet.to_string());
        self.add(base, octets[..usize::from(count)].iter().map(String::as_bytes));
    }

    /// Adds the first nibbles of an address.
    fn add_nibbles(&mut self, base: &[u8], address: u128, count: u8) {
        let digits = format!("{address:032x}");
        self.add(base, digits.as_bytes()[..usize::from(count)].chunks(1));
    }

    /// Adds labels below a base, the ones next to it first.
    fn add<'l>(&mut self, base: &[u8], labels: impl Iterator<Item = &'l [u8]>) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(base);
        for label in labels {
            // An owner of that form is a wildcard in a master file: it cannot be said there.
            if label == b"*" {
                self.bytes.truncate(start);
                return;
            }
            self.bytes.push(label.len() as u8);
            self.bytes.extend_from_slice(label);
        }
        match u8::try_from(self.bytes.len() - start) {
            Ok(len) => self.places.push((start, len)),
            Err(_) => self.bytes.truncate(start),
        }
    }
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
fn labels(mut wire: &[u8]) -> impl DoubleEndedIterator<Item = &[u8]> {
    let mut labels = Vec::with_capacity(8);
    while let Some((&len, rest)) = wire.split_first() {
        let Some((label, rest)) = rest.split_at_checked(usize::from(len)) else { break };
        labels.push(label);
        wire = rest;
    }
    labels.into_iter()
}

//! Plain records by name: rbldnsd's `generic`, and whatever else a list's zone needs at its names.
//!
//! Records lie in wire form without their owner, so that an answer is a pointer and a copy.

use bytes::Bytes;

use crate::dataset::TooMany;
use crate::dataset::names::NamesIndex;
use crate::dataset::names_entries::{NamesEntries, Repeats};
use crate::relative::Relative;
use crate::section::U32s;
use crate::value::{ValueBuilder, ValueId};
use repute_dnsxl::Extent;

/// Records by name.
#[derive(Clone, Debug)]
pub(crate) struct Generic {
    /// Which set of records a name has.
    pub(crate) names: NamesIndex,
    /// Where each set begins.
    pub(crate) starts: U32s,
    /// Records: type, class, TTL, length, data, as on the wire.
    pub(crate) records: Bytes,
}

/// One record without its owner: type, class, TTL, length of the data, data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'z>(&'z [u8]);

impl<'z> Record<'z> {
    /// The record type.
    pub fn rtype(self) -> u16 {
        u16::from_be_bytes([self.0[0], self.0[1]])
    }

    /// Wire form after the owner.
    pub fn wire(self) -> &'z [u8] {
        self.0
    }

    /// The time to live in seconds.
    pub fn ttl(self) -> u32 {
        u32::from_be_bytes([self.0[4], self.0[5], self.0[6], self.0[7]])
    }

    /// The record's data.
    pub fn data(self) -> &'z [u8] {
        &self.0[HEAD..]
    }
}

impl Generic {
    /// The set of a name, and whether names lie below it.
    pub(crate) fn find(&self, name: Relative<'_>) -> (Option<u32>, bool) {
        let found = self.names.find(name);
        ((found.value != 0).then_some(found.value), found.parent)
    }

    /// The records of a set.
    pub(crate) fn records(&self, set: u32) -> impl Iterator<Item = Record<'_>> {
        let at = set as usize;
        let end = self.starts.get(at + 1) as usize;
        let mut rest = self.records.get(self.starts.get(at) as usize..end).unwrap_or(&[]);
        std::iter::from_fn(move || {
            let len = usize::from(u16::from_be_bytes([*rest.get(8)?, *rest.get(9)?]));
            let (record, tail) = rest.split_at_checked(HEAD + len)?;
            rest = tail;
            Some(Record(record))
        })
    }

    /// Bytes held in memory or in the mapped image.
    pub(crate) fn image_bytes(&self) -> usize {
        self.names.image_bytes() + self.starts.0.len() + self.records.len()
    }

    /// Checks every place.
    pub(crate) fn is_sound(&self) -> bool {
        let sets = self.starts.len().saturating_sub(1) as u32;
        self.names.is_sound(|set| set < sets)
            && self.starts.iter().zip(self.starts.iter().skip(1)).all(|(a, b)| a <= b)
            && self.starts.iter().last().is_some_and(|end| end as usize == self.records.len())
    }
}

/// A record as it is read: its name without the root, and the rest in wire form.
type OwnedRecord = (Box<[u8]>, Box<[u8]>);

/// Records as they are read.
#[derive(Clone, Debug, Default)]
pub(crate) struct GenericEntries {
    records: Vec<OwnedRecord>,
}

impl GenericEntries {
    /// Adds a record of class IN. `name` is in wire form without the root, in lower case.
    pub(crate) fn push(&mut self, name: &[u8], rtype: u16, ttl: u32, data: &[u8]) {
        let mut wire = Vec::with_capacity(HEAD + data.len());
        wire.extend_from_slice(&rtype.to_be_bytes());
        wire.extend_from_slice(&1_u16.to_be_bytes());
        wire.extend_from_slice(&ttl.to_be_bytes());
        wire.extend_from_slice(&(data.len() as u16).to_be_bytes());
        wire.extend_from_slice(data);
        self.records.push((Box::from(name), wire.into_boxed_slice()));
    }

    /// How many records there are.
    pub(crate) fn len(&self) -> usize {
        self.records.len()
    }

    /// Builds the index.
    ///
    /// # Errors
    /// If the names are more than an index can hold.
    pub(crate) fn index(mut self) -> Result<Generic, TooMany> {
        self.records.sort_by(|a, b| a.0.cmp(&b.0));
        let mut names = NamesEntries::default();
        // Set 0 is the value "not listed" of the name index.
        let (mut starts, mut records) = (vec![0_u32, 0], Vec::new());
        for set in self.records.chunk_by(|a, b| a.0 == b.0) {
            names.push(&set[0].0, Extent::Exact, ValueId(starts.len() as u32 - 1));
            for (_, wire) in set {
                records.extend_from_slice(wire);
            }
            starts.push(records.len() as u32);
        }
        Ok(Generic {
            names: names.index(Repeats::Together, &mut ValueBuilder::default())?,
            starts: starts.into_iter().collect(),
            records: Bytes::from(records),
        })
    }
}

/// Bytes of a record before its data.
const HEAD: usize = 10;

//! A record, and all records of one name and type.

use repute_dnsxl::Name;

use crate::rdata;

/// A record of class IN.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Record {
    /// Whose it is.
    pub owner: Name,
    /// Its type.
    pub rtype: u16,
    /// Time to live, in seconds.
    pub ttl: u32,
    /// Its data in wire form, with whole names.
    pub data: Box<[u8]>,
}

/// All records of one name and type (RFC 2181 section 5): each once, with one time to live.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordSet {
    rtype: u16,
    ttl: u32,
    count: u16,
    /// The data of each behind its length.
    packed: Box<[u8]>,
}

impl RecordSet {
    /// A set of some data, in that order.
    pub(crate) fn new<'d>(
        rtype: u16,
        ttl: u32,
        data: impl IntoIterator<Item = &'d [u8]>,
    ) -> RecordSet {
        let (mut packed, mut count) = (Vec::new(), 0);
        for data in data {
            // Data comes from messages and lines, where it is never longer.
            let Ok(len) = u16::try_from(data.len()) else { continue };
            packed.extend_from_slice(&len.to_be_bytes());
            packed.extend_from_slice(data);
            count += 1;
        }
        RecordSet { rtype, ttl, count, packed: packed.into_boxed_slice() }
    }

    /// The type.
    pub fn rtype(&self) -> u16 {
        self.rtype
    }

    /// Time to live, in seconds.
    pub fn ttl(&self) -> u32 {
        self.ttl
    }

    /// How many records there are; never none.
    pub fn len(&self) -> usize {
        usize::from(self.count)
    }

    /// Whether there are none, which is never so.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The data of each record, in wire form.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let mut rest = &self.packed[..];
        std::iter::from_fn(move || {
            let (len, tail) = rest.split_first_chunk::<2>()?;
            let (data, tail) = tail.split_at_checked(usize::from(u16::from_be_bytes(*len)))?;
            rest = tail;
            Some(data)
        })
    }

    /// The data of the first record.
    pub fn first(&self) -> &[u8] {
        self.iter().next().unwrap_or_default()
    }

    /// Whether a record with this data is among them.
    pub fn has(&self, data: &[u8]) -> bool {
        self.iter().any(|own| rdata::same(self.rtype, own, data))
    }

    /// Its records, of an owner.
    pub fn records(&self, owner: &Name) -> impl Iterator<Item = Record> {
        self.iter().map(|data| Record {
            owner: owner.clone(),
            rtype: self.rtype,
            ttl: self.ttl,
            data: Box::from(data),
        })
    }

    /// The same records in another time to live.
    pub(crate) fn with_ttl(&self, ttl: u32) -> RecordSet {
        RecordSet { ttl, ..self.clone() }
    }
}

//! Reading a snapshot: every place is checked, nothing is copied.

use std::sync::Arc;

use bytes::Bytes;
use repute_dnsxl::Name;

use crate::dataset::generic::Generic;
use crate::dataset::ipv4::Ipv4Index;
use crate::dataset::ipv6::Ipv6Index;
use crate::dataset::names::{NamesIndex, label_count};
use crate::dataset::{Addresses, Branch, Content, Dataset, DatasetKind, Header, Names, Soa};
use crate::link::{Link, TagKey};
use crate::section::{U32s, U64s, read_u64};
use crate::snapshot::{HEADER, LINKED, TABLE_ENTRY};
use crate::value::{First, ValueId, Values};
use crate::zone::{Dialect, Subject, TestListing, Tests, Zone};

/// The zone of a snapshot whose checksum is right. Nothing if it contradicts itself.
pub(super) fn zone(image: &Bytes, version: u32, sections: usize) -> Option<Zone> {
    let table = image.get(HEADER..HEADER.checked_add(sections.checked_mul(TABLE_ENTRY)?)?)?;
    let mut decoder = Decoder { image, table, section: 1, meta: Bytes::new(), depth: 0 };
    decoder.meta = decoder.section_at(0)?;
    decoder.zone(version)
}

/// The description of a zone, and the section that comes next.
struct Decoder<'i> {
    image: &'i Bytes,
    table: &'i [u8],
    section: usize,
    meta: Bytes,
    /// How deep data sets are nested.
    depth: u32,
}

impl Decoder<'_> {
    fn zone(&mut self, version: u32) -> Option<Zone> {
        let apex = self.name()?;
        let dialect = match self.byte()? {
            0 => Dialect::Native,
            1 => Dialect::Rbldnsd,
            _ => return None,
        };
        let expires = self.optional(Decoder::number)?;
        let soa = self.optional(Decoder::soa)?;
        let name_servers = self.optional(Decoder::name_servers)?;
        let ipv4 = self.byte()? != 0;
        let tests = match self.byte()? {
            0 => None,
            _ => Some(Box::new(self.tests()?)),
        };
        let datasets = self.datasets()?;
        let link = if version == LINKED { Some(self.link()?) } else { None };
        Some(Zone { apex, dialect, datasets, soa, name_servers, expires, tests, link, ipv4 })
    }

    fn link(&mut self) -> Option<Link> {
        let before = self.bytes()?;
        let key = self.take(16)?[..].try_into().ok()?;
        Link::new(std::str::from_utf8(&before).ok()?, TagKey::new(key)).ok()
    }

    fn tests(&mut self) -> Option<Tests> {
        let ttl = self.number()?;
        let mut entries = Vec::new();
        for _ in 0..self.number()? {
            let relative = self.bytes()?.to_vec().into_boxed_slice();
            let value = ValueId(self.number()?);
            let subject = self.subject()?;
            if relative.len() > 255 || label_count(&relative) > 127 {
                return None;
            }
            if let Subject::Name { start, end } = subject
                && (start > end || usize::from(end) > relative.len())
            {
                return None;
            }
            entries.push(TestListing { relative, subject, value });
        }
        let values = self.values()?;
        let known = |v: ValueId| v.0 > 0 && (v.0 as usize) < values.len();
        entries.iter().all(|e| known(e.value)).then_some(())?;
        Some(Tests { entries, values, ttl })
    }

    fn datasets(&mut self) -> Option<Vec<Arc<Dataset>>> {
        // A combined data set holds others, but never a combined one.
        if self.depth > 1 {
            return None;
        }
        let count = self.number()?;
        (0..count).map(|_| self.dataset().map(Arc::new)).collect()
    }

    fn dataset(&mut self) -> Option<Dataset> {
        let (kind, _) = *DatasetKind::ALL.get(usize::from(self.byte()?))?;
        let entries = read_u64(&self.take(8)?, 0);
        // What is counted together must not overflow.
        (entries <= MOST_ENTRIES).then_some(())?;
        let header = self.header()?;
        let content = match kind {
            DatasetKind::Ip4set
            | DatasetKind::Ip4tset
            | DatasetKind::Ip4trie
            | DatasetKind::Ip6tset
            | DatasetKind::Ip6trie
            | DatasetKind::Addresses => {
                let families = self.byte()?;
                let values = self.values()?;
                let known = |v: u32| v > 0 && (v as usize) < values.len();
                let v4 = if families & 1 != 0 { Some(self.ipv4()?) } else { None };
                let v6 = if families & 2 != 0 { Some(self.ipv6()?) } else { None };
                let sound = v4.as_ref().is_none_or(|v4| v4.is_sound(known))
                    && v6.as_ref().is_none_or(|v6| v6.is_sound(known));
                sound.then(|| Content::Addresses(Box::new(Addresses { v4, v6, values })))?
            }
            DatasetKind::Dnset | DatasetKind::Dnhash | DatasetKind::Names => {
                let values = self.values()?;
                let index = self.names()?;
                let sound = index.is_sound(|v| v > 0 && (v as usize) < values.len());
                sound.then(|| Content::Names(Box::new(Names { index, values })))?
            }
            DatasetKind::Generic => {
                let names = self.names()?;
                let (starts, records) = (U32s(self.next_section()?), self.next_section()?);
                let generic = Generic { names, starts, records };
                generic.is_sound().then(|| Content::Generic(Box::new(generic)))?
            }
            DatasetKind::Combined => {
                self.depth += 1;
                let datasets = self.datasets()?;
                let mut branches = Vec::new();
                for _ in 0..self.number()? {
                    let suffix = self.bytes()?.to_vec().into_boxed_slice();
                    Name::from_wire(&[&suffix[..], &[0]].concat()).ok()?;
                    let labels = label_count(&suffix);
                    let at_it = (0..self.number()?)
                        .map(|_| datasets.get(self.number()? as usize).map(Arc::clone))
                        .collect::<Option<_>>()?;
                    branches.push(Branch { suffix, labels, datasets: at_it });
                }
                self.depth -= 1;
                Content::Combined(branches)
            }
            DatasetKind::Acl | DatasetKind::Aclkey => return None,
        };
        Some(Dataset { kind, header, content, entries })
    }

    fn header(&mut self) -> Option<Header> {
        Some(Header {
            ttl: self.number()?,
            modified: self.number()?,
            expires: self.optional(Decoder::number)?,
            soa: self.optional(Decoder::soa)?,
            name_servers: self.optional(Decoder::name_servers)?,
        })
    }

    fn soa(&mut self) -> Option<Soa> {
        Some(Soa {
            origin: self.name()?,
            person: self.name()?,
            ttl: self.number()?,
            serial: self.number()?,
            refresh: self.number()?,
            retry: self.number()?,
            expire: self.number()?,
            minimum: self.number()?,
        })
    }

    fn name_servers(&mut self) -> Option<(u32, Vec<Name>)> {
        let ttl = self.number()?;
        let count = self.number()?;
        let servers = (0..count).map(|_| self.name()).collect::<Option<_>>()?;
        Some((ttl, servers))
    }

    fn subject(&mut self) -> Option<Subject> {
        Some(match self.byte()? {
            0 => Subject::Ipv4(self.number()?),
            1 => Subject::Ipv6(self.wide()?),
            2 => Subject::Name { start: self.byte()?, end: self.byte()? },
            _ => return None,
        })
    }

    fn values(&mut self) -> Option<Values> {
        let values = Values {
            first: First::default(),
            starts: U32s(self.next_section()?),
            pairs: self.next_section()?,
            text_starts: U32s(self.next_section()?),
            text_bytes: self.next_section()?,
            conditions: U32s(self.next_section()?),
            added: None,
        };
        values.is_sound().then_some(values)
    }

    fn ipv4(&mut self) -> Option<Ipv4Index> {
        Some(Ipv4Index {
            width: self.byte()?,
            pages: U32s(self.next_section()?),
            slots: U64s(self.next_section()?),
            book: U32s(self.next_section()?),
            arena: self.next_section()?,
            patch: None,
        })
    }

    fn ipv6(&mut self) -> Option<Ipv6Index> {
        Some(Ipv6Index {
            width: self.byte()?,
            top: self.ipv4()?,
            buckets: U64s(self.next_section()?),
            book: U32s(self.next_section()?),
            arena: self.next_section()?,
            patch: None,
        })
    }

    fn names(&mut self) -> Option<NamesIndex> {
        Some(NamesIndex {
            width: self.byte()?,
            seed: read_u64(&self.take(8)?, 0),
            depths: self.wide()?,
            below_depths: self.wide()?,
            slots: U64s(self.next_section()?),
            book: U32s(self.next_section()?),
            arena: self.next_section()?,
            patch: None,
        })
    }

    fn next_section(&mut self) -> Option<Bytes> {
        self.section += 1;
        self.section_at(self.section - 1)
    }

    fn section_at(&self, index: usize) -> Option<Bytes> {
        let entry = self.table.get(index.checked_mul(TABLE_ENTRY)?..)?.get(..TABLE_ENTRY)?;
        let (at, len) = (read_u64(entry, 0), read_u64(entry, 8));
        let end = at.checked_add(len)?;
        (end <= self.image.len() as u64).then(|| self.image.slice(at as usize..end as usize))
    }

    fn take(&mut self, len: usize) -> Option<Bytes> {
        (len <= self.meta.len()).then(|| self.meta.split_to(len))
    }

    fn byte(&mut self) -> Option<u8> {
        Some(self.take(1)?[0])
    }

    fn number(&mut self) -> Option<u32> {
        Some(u32::from_le_bytes(self.take(4)?[..].try_into().ok()?))
    }

    fn wide(&mut self) -> Option<u128> {
        Some(u128::from_le_bytes(self.take(16)?[..].try_into().ok()?))
    }

    fn bytes(&mut self) -> Option<Bytes> {
        let len = self.number()? as usize;
        self.take(len)
    }

    fn name(&mut self) -> Option<Name> {
        Name::from_wire(&self.bytes()?).ok()
    }

    fn optional<T>(&mut self, get: impl FnOnce(&mut Self) -> Option<T>) -> Option<Option<T>> {
        match self.byte()? {
            0 => Some(None),
            1 => get(self).map(Some),
            _ => None,
        }
    }
}

/// More entries than any data set can have.
const MOST_ENTRIES: u64 = 1 << 40;

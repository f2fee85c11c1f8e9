//! Writing a snapshot.

use std::collections::HashMap;
use std::io::{self, Write};
use std::sync::Arc;

use bytes::Bytes;
use repute_dnsxl::Name;
use xxhash_rust::xxh3::Xxh3;

use crate::dataset::ipv4::Ipv4Index;
use crate::dataset::ipv6::Ipv6Index;
use crate::dataset::names::NamesIndex;
use crate::dataset::{Content, Dataset, DatasetKind, Header, Soa, distinct};
use crate::snapshot::{HEADER, LINKED, MAGIC, PLAIN, TABLE_ENTRY};
use crate::value::Values;
use crate::zone::{Dialect, Subject, Zone};

/// Writes a zone as a snapshot.
///
/// # Errors
/// If `out` fails, or if the zone has changes that were not built in ([`crate::journal`]).
pub fn encode(zone: &Zone, out: &mut dyn Write) -> io::Result<()> {
    let mut encoder = Encoder { meta: Vec::new(), sections: vec![Bytes::new()], version: PLAIN };
    encoder.zone(zone).map_err(|Unbuilt| {
        io::Error::new(io::ErrorKind::InvalidInput, "the zone has changes that are not built in")
    })?;
    encoder.sections[0] = Bytes::from(std::mem::take(&mut encoder.meta));
    encoder.write(out)
}

/// The zone has changes laid over its indexes.
struct Unbuilt;

/// The description of a zone, and the sections it refers to by their order.
struct Encoder {
    meta: Vec<u8>,
    sections: Vec<Bytes>,
    /// The format: what every program reads, unless there is more to say.
    version: u32,
}

impl Encoder {
    fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut table = Vec::new();
        let mut at = HEADER + self.sections.len() * TABLE_ENTRY;
        for section in &self.sections {
            at = at.next_multiple_of(ALIGNMENT);
            table.extend_from_slice(&(at as u64).to_le_bytes());
            table.extend_from_slice(&(section.len() as u64).to_le_bytes());
            at += section.len();
        }
        let length = at as u64;
        // Two passes, so that nothing is held twice: one for the checksum, one to write.
        let mut checksum = Xxh3::new();
        self.body(&table, &mut |bytes| {
            checksum.update(bytes);
            Ok(())
        })?;
        let mut header = MAGIC.to_vec();
        header.extend_from_slice(&self.version.to_le_bytes());
        header.extend_from_slice(&(self.sections.len() as u32).to_le_bytes());
        header.extend_from_slice(&length.to_le_bytes());
        header.extend_from_slice(&checksum.digest().to_le_bytes());
        out.write_all(&header)?;
        self.body(&table, &mut |bytes| out.write_all(bytes))
    }

    /// Everything behind the header.
    fn body(&self, table: &[u8], put: &mut dyn FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
        put(table)?;
        let mut at = HEADER + table.len();
        for section in &self.sections {
            put(&[0; ALIGNMENT][..at.next_multiple_of(ALIGNMENT) - at])?;
            put(section)?;
            at = at.next_multiple_of(ALIGNMENT) + section.len();
        }
        Ok(())
    }

    fn zone(&mut self, zone: &Zone) -> Result<(), Unbuilt> {
        self.name(&zone.apex);
        self.byte(match zone.dialect {
            Dialect::Native => 0,
            Dialect::Rbldnsd => 1,
        });
        self.optional(zone.expires.as_ref(), |e, expires| e.number(*expires));
        self.optional(zone.soa.as_ref(), Encoder::soa);
        self.optional(zone.name_servers.as_ref(), |e, (ttl, servers)| {
            e.name_servers(*ttl, servers);
        });
        self.byte(u8::from(zone.ipv4));
        self.byte(u8::from(zone.tests.is_some()));
        if let Some(tests) = &zone.tests {
            self.number(tests.ttl);
            self.number(tests.entries.len() as u32);
            for entry in &tests.entries {
                self.bytes(&entry.relative);
                self.number(entry.value.0);
                self.subject(entry.subject);
            }
            self.values(&tests.values)?;
        }
        self.datasets(zone.datasets.iter().map(|d| &**d))?;
        if let Some(link) = &zone.link {
            self.version = LINKED;
            self.bytes(link.before().as_bytes());
            self.meta.extend_from_slice(link.key().bytes());
        }
        Ok(())
    }

    fn datasets<'d>(
        &mut self,
        datasets: impl ExactSizeIterator<Item = &'d Dataset>,
    ) -> Result<(), Unbuilt> {
        self.number(datasets.len() as u32);
        for dataset in datasets {
            self.dataset(dataset)?;
        }
        Ok(())
    }

    fn dataset(&mut self, dataset: &Dataset) -> Result<(), Unbuilt> {
        let kind = DatasetKind::ALL.iter().position(|(kind, _)| *kind == dataset.kind);
        self.byte(kind.expect("every kind is in the table of kinds") as u8);
        self.meta.extend_from_slice(&dataset.entries.to_le_bytes());
        self.header(&dataset.header);
        match &dataset.content {
            Content::Addresses(addresses) => {
                self.byte(u8::from(addresses.v4.is_some()) | u8::from(addresses.v6.is_some()) << 1);
                self.values(&addresses.values)?;
                if let Some(v4) = &addresses.v4 {
                    self.ipv4(v4)?;
                }
                if let Some(v6) = &addresses.v6 {
                    self.ipv6(v6)?;
                }
            }
            Content::Names(names) => {
                self.values(&names.values)?;
                self.names(&names.index)?;
            }
            Content::Generic(generic) => {
                self.names(&generic.names)?;
                self.section(&generic.starts.0);
                self.section(&generic.records);
            }
            Content::Combined(branches) => {
                // A data set may stand at several names; it is written once, and named by its place.
                let distinct: Vec<_> = distinct(branches).collect();
                let places: HashMap<_, _> =
                    distinct.iter().enumerate().map(|(i, d)| (Arc::as_ptr(d), i as u32)).collect();
                let datasets: Vec<&Dataset> = distinct.iter().map(|d| &***d).collect();
                self.datasets(datasets.into_iter())?;
                self.number(branches.len() as u32);
                for branch in branches {
                    self.bytes(&branch.suffix);
                    self.number(branch.datasets.len() as u32);
                    for dataset in &branch.datasets {
                        self.number(places[&Arc::as_ptr(dataset)]);
                    }
                }
            }
            // A zone holds no access lists; they belong to how it is served.
            Content::Acl(_) | Content::Keys(_) => {}
        }
        Ok(())
    }

    fn header(&mut self, header: &Header) {
        self.number(header.ttl);
        self.number(header.modified);
        self.optional(header.expires.as_ref(), |e, expires| e.number(*expires));
        self.optional(header.soa.as_ref(), Encoder::soa);
        self.optional(header.name_servers.as_ref(), |e, (ttl, servers)| {
            e.name_servers(*ttl, servers);
        });
    }

    fn soa(&mut self, soa: &Soa) {
        self.name(&soa.origin);
        self.name(&soa.person);
        for number in [soa.ttl, soa.serial, soa.refresh, soa.retry, soa.expire, soa.minimum] {
            self.number(number);
        }
    }

    fn name_servers(&mut self, ttl: u32, servers: &[Name]) {
        self.number(ttl);
        self.number(servers.len() as u32);
        for server in servers {
            self.name(server);
        }
    }

    fn subject(&mut self, subject: Subject) {
        match subject {
            Subject::Ipv4(address) => {
                self.byte(0);
                self.number(address);
            }
            Subject::Ipv6(address) => {
                self.byte(1);
                self.meta.extend_from_slice(&address.to_le_bytes());
            }
            Subject::Name { start, end } => {
                self.byte(2);
                self.byte(start);
                self.byte(end);
            }
            Subject::Client => self.byte(3),
        }
    }

    fn values(&mut self, values: &Values) -> Result<(), Unbuilt> {
        if values.added.is_some() {
            return Err(Unbuilt);
        }
        self.section(&values.starts.0);
        self.section(&values.pairs);
        self.section(&values.text_starts.0);
        self.section(&values.text_bytes);
        self.section(&values.conditions.0);
        Ok(())
    }

    fn ipv4(&mut self, index: &Ipv4Index) -> Result<(), Unbuilt> {
        if index.patch.is_some() {
            return Err(Unbuilt);
        }
        self.byte(index.width);
        self.section(&index.pages.0);
        self.section(&index.slots.0);
        self.section(&index.book.0);
        self.section(&index.arena);
        Ok(())
    }

    fn ipv6(&mut self, index: &Ipv6Index) -> Result<(), Unbuilt> {
        if index.patch.is_some() {
            return Err(Unbuilt);
        }
        self.byte(index.width);
        self.ipv4(&index.top)?;
        self.section(&index.buckets.0);
        self.section(&index.book.0);
        self.section(&index.arena);
        Ok(())
    }

    fn names(&mut self, index: &NamesIndex) -> Result<(), Unbuilt> {
        if index.patch.is_some() {
            return Err(Unbuilt);
        }
        self.byte(index.width);
        self.meta.extend_from_slice(&index.seed.to_le_bytes());
        self.meta.extend_from_slice(&index.depths.to_le_bytes());
        self.meta.extend_from_slice(&index.below_depths.to_le_bytes());
        self.section(&index.slots.0);
        self.section(&index.book.0);
        self.section(&index.arena);
        Ok(())
    }

    fn section(&mut self, bytes: &Bytes) {
        self.sections.push(bytes.clone());
    }

    fn byte(&mut self, byte: u8) {
        self.meta.push(byte);
    }

    fn number(&mut self, number: u32) {
        self.meta.extend_from_slice(&number.to_le_bytes());
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u32);
        self.meta.extend_from_slice(bytes);
    }

    fn name(&mut self, name: &Name) {
        self.bytes(name.as_wire());
    }

    fn optional<T>(&mut self, value: Option<&T>, put: impl FnOnce(&mut Encoder, &T)) {
        self.byte(u8::from(value.is_some()));
        if let Some(value) = value {
            put(self, value);
        }
    }
}

/// Sections begin at a cache line.
const ALIGNMENT: usize = 64;

//! A zone: a list as it is served under its apex.
//!
//! A zone is a value. It is built from data sets, asked by any number of threads at once, and replaced
//! whole when the list changes. It knows what is listed and what exists; how a message is composed from
//! that, and who may ask, is the name server's part.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use repute_dnsxl::{KeyKind, Name, Polarity, ReturnCode, test_entries};

use crate::dataset::{Content, Dataset, Soa};
use crate::link::{Link, is_somebodys};
use crate::relative::{Octets, Relative};
use crate::value::{Pair, Text, ValueBuilder};

mod listing;
mod probe;
mod question;
mod test_entry;
mod visit;

pub use listing::{Hit, Listing, Subject};
pub use probe::{Probe, Quick};
pub use question::{Address, Question};
pub(crate) use test_entry::{TestListing, Tests};
use visit::Place;
pub use visit::{Existence, Outline};

/// Whose rules a zone follows where rbldnsd's and the RFCs' differ.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// Ours: one name for each address, test entries of RFC 5782, stale data is served.
    #[default]
    Native,
    /// rbldnsd's: ::ffff:0:0/96 and 2002::/16 ask about the IPv4 address in them, octets may have
    /// leading zeros, expired data is not served.
    Rbldnsd,
}

/// What a zone is made of.
#[derive(Clone, Debug)]
pub struct ZoneSpec {
    /// The name it is served under.
    pub apex: Name,
    /// Whose rules it follows.
    pub dialect: Dialect,
    /// What being listed means.
    pub polarity: Polarity,
    /// The start of authority; else that of the first data set that has one.
    pub soa: Option<Soa>,
    /// Name servers with their time to live; else those of the first data set that has some.
    pub name_servers: Option<(u32, Vec<Name>)>,
    /// The entries.
    pub datasets: Vec<Arc<Dataset>>,
    /// Whether test entries (RFC 5782 section 5) are added where they are missing.
    pub test_entries: bool,
    /// The return codes of the list, for its test entries.
    pub codes: Vec<ReturnCode>,
    /// Where the texts of listings lead to.
    pub link: Option<Link>,
    /// The version, if the SOA's is 0; 0 takes the time of the newest file.
    pub serial: u32,
}

/// A list as it is served. It never changes.
#[derive(Clone, Debug)]
pub struct Zone {
    pub(crate) apex: Name,
    pub(crate) dialect: Dialect,
    pub(crate) datasets: Vec<Arc<Dataset>>,
    pub(crate) soa: Option<Soa>,
    pub(crate) name_servers: Option<(u32, Vec<Name>)>,
    pub(crate) expires: Option<u32>,
    pub(crate) tests: Option<Box<Tests>>,
    pub(crate) link: Option<Link>,
    /// Whether any data set lists IPv4 addresses, as rbldnsd's aliases need to know.
    pub(crate) ipv4: bool,
}

impl Zone {
    /// Puts a zone together.
    pub fn new(spec: ZoneSpec) -> Zone {
        let first = |pick: &dyn Fn(&Dataset) -> bool| spec.datasets.iter().find(|d| pick(d));
        let modified = spec.datasets.iter().map(|d| d.header.modified).max().unwrap_or(0);
        let mut soa =
            spec.soa.clone().or_else(|| first(&|d| d.header.soa.is_some())?.header.soa.clone());
        if let Some(soa) = &mut soa
            && soa.serial == 0
        {
            soa.serial = if spec.serial == 0 { modified } else { spec.serial };
        }
        let name_servers = spec
            .name_servers
            .clone()
            .or_else(|| first(&|d| d.header.name_servers.is_some())?.header.name_servers.clone());
        let mut zone = Zone {
            expires: spec.datasets.iter().filter_map(|d| d.header.expires).min(),
            ipv4: spec.datasets.iter().any(|d| d.has_ipv4()),
            apex: spec.apex,
            dialect: spec.dialect,
            datasets: spec.datasets,
            soa,
            name_servers,
            tests: None,
            link: spec.link,
        };
        if spec.test_entries {
            zone.tests = zone.missing_tests(spec.polarity, &spec.codes);
        }
        zone
    }

    /// The name it is served under.
    pub fn apex(&self) -> &Name {
        &self.apex
    }

    /// Whose rules it follows.
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// The start of authority, if it has one.
    pub fn soa(&self) -> Option<&Soa> {
        self.soa.as_ref()
    }

    /// Name servers with their time to live.
    pub fn name_servers(&self) -> Option<(u32, &[Name])> {
        self.name_servers.as_ref().map(|(ttl, names)| (*ttl, &names[..]))
    }

    /// The version, as in the SOA; 0 without one.
    pub fn serial(&self) -> u32 {
        self.soa.as_ref().map_or(0, |soa| soa.serial)
    }

    /// How many entries were read.
    pub fn entries(&self) -> u64 {
        self.datasets.iter().map(|d| d.entries).sum()
    }

    /// Bytes of indexes and values, in memory or in the mapped image.
    pub fn image_bytes(&self) -> usize {
        self.datasets.iter().map(|d| d.image_bytes()).sum()
    }

    /// The time after which its own files say not to use it (rbldnsd's `$TIMESTAMP`).
    pub fn expires(&self) -> Option<u32> {
        self.expires
    }

    /// Its data sets.
    pub fn datasets(&self) -> &[Arc<Dataset>] {
        &self.datasets
    }

    /// Where the texts of listings lead to, if they do.
    pub fn link(&self) -> Option<&Link> {
        self.link.as_ref()
    }

    /// Writes the text of a listing's pair for what it names, with its link if the list has links, and returns the
    /// length; 0 if there is nothing to say. A text is cut at the end of `out`, a link never.
    #[inline]
    pub fn write_text(
        &self,
        listing: Listing<'_>,
        pair: Pair,
        subject: &[u8],
        out: &mut [u8],
    ) -> usize {
        let written = listing.write_text(pair, subject, out.len(), out);
        match &self.link {
            Some(link) if is_somebodys(listing.subject(), subject) => {
                link.append(subject, written, out)
            }
            Some(_) | None => written,
        }
    }

    /// Reads a name below the apex, once for all that is done with it.
    #[inline]
    pub fn question<'q>(&self, name: Relative<'q>) -> Question<'q> {
        Question { name, address: Address::of(name, self.octets()) }
    }

    /// Finds everything that answers a name below the apex, or the apex itself.
    pub fn visit<'z>(&'z self, name: Relative<'_>, hit: impl FnMut(Hit<'z>)) -> Existence {
        self.answer(self.question(name), hit)
    }

    /// As [`Self::visit`], for a name that was read before.
    #[inline]
    pub fn answer<'z>(&'z self, question: Question<'_>, mut hit: impl FnMut(Hit<'z>)) -> Existence {
        if self.dialect == Dialect::Native && question.is_never_listed() {
            let below = self.datasets.iter().any(|dataset| dataset.has_names_below(question.name));
            return Existence::exists_if(below);
        }
        let Question { name, address } = question;
        let place = Place { name, address, octets: self.octets(), aliases: self.aliases() };
        let mut found = Existence::Nothing;
        for dataset in &self.datasets {
            found = found.or(dataset.visit(place, &mut hit));
        }
        match (&self.tests, found) {
            (Some(tests), Existence::Nothing | Existence::Exists) => {
                found.or(tests.visit(place, &mut hit))
            }
            _ => found,
        }
    }

    /// What a name could be, whatever the data list: for access lists that list all or nothing.
    pub fn outline(&self, name: Relative<'_>) -> Outline {
        let Question { address, .. } = self.question(name);
        let place = Place { name, address, octets: self.octets(), aliases: self.aliases() };
        let outlines = self.datasets.iter().map(|dataset| dataset.outline(place));
        outlines.fold(Outline::default(), Outline::or)
    }

    /// An address that must never be listed (RFC 5782 section 5) and that the data cover all the same: a
    /// native zone leaves it out, below whatever name.
    pub fn covers_never_listed(&self) -> Option<IpAddr> {
        self.datasets.iter().find_map(|dataset| dataset.covers_never_listed())
    }

    /// Whether a name below the apex is a test entry (RFC 5782 section 5) that the list itself lacks.
    pub fn adds(&self, name: Relative<'_>) -> bool {
        let tests = self.tests.as_ref().map_or(&[][..], |tests| &tests.entries);
        tests.iter().any(|entry| *entry.relative == *name.wire())
    }

    fn octets(&self) -> Octets {
        match self.dialect {
            Dialect::Native => Octets::Plain,
            Dialect::Rbldnsd => Octets::LeadingZeros,
        }
    }

    fn aliases(&self) -> bool {
        self.dialect == Dialect::Rbldnsd && self.ipv4
    }

    /// Test entries that the data sets do not list themselves, at every name that is a list of its own.
    fn missing_tests(&self, polarity: Polarity, codes: &[ReturnCode]) -> Option<Box<Tests>> {
        let mut values = ValueBuilder::default();
        let mut text = Text::new();
        text.push_literal(b"test entry (RFC 5782 section 5)");
        let mut entries = Vec::new();
        for (suffix, datasets) in self.lists() {
            let addresses = datasets.iter().any(|d| matches!(d.content, Content::Addresses(_)));
            let names = datasets.iter().any(|d| matches!(d.content, Content::Names(_)));
            let kinds = [(addresses, KeyKind::Ip), (names, KeyKind::Name)];
            for (_, kind) in kinds.into_iter().filter(|(there, _)| *there) {
                for entry in test_entries(kind, polarity, codes) {
                    if !datasets.iter().any(|d| d.lists(&entry.key)) {
                        let value = values.single(entry.code.0.octets(), &text);
                        entries.extend(TestListing::new(&entry.key, suffix, value));
                    }
                }
            }
        }
        let ttl = self.datasets.first().map_or(DEFAULT_TTL, |d| d.header.ttl);
        (!entries.is_empty()).then(|| Box::new(Tests { entries, values: values.finish(), ttl }))
    }

    /// The names that are lists of their own, the apex or below it (`combined`), with what is there.
    fn lists(&self) -> BTreeMap<&[u8], Vec<&Dataset>> {
        let mut lists: BTreeMap<&[u8], Vec<&Dataset>> = BTreeMap::new();
        for dataset in &self.datasets {
            match &dataset.content {
                Content::Combined(branches) => {
                    for branch in branches {
                        let here = lists.entry(&branch.suffix).or_default();
                        here.extend(branch.datasets.iter().map(|d| &**d));
                    }
                }
                _ => lists.entry(&[]).or_default().push(dataset),
            }
        }
        lists
    }
}

/// rbldnsd's default time to live, 35 minutes.
pub const DEFAULT_TTL: u32 = 2100;

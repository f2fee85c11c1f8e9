//! A zone: a list as it is served under its apex.
//!
//! A zone is a value. It is built from data sets, asked by any number of threads at once, and replaced
//! whole when the list changes. It knows what is listed and what exists; how a message is composed from
//! that, and who may ask, is the name server's part.

use std::net::IpAddr;
use std::sync::Arc;

use repute_dnsxl::{Name, Polarity, ReturnCode, TestKey, test_entries};

use crate::dataset::acl::Action;
use crate::dataset::generic::Record;
use crate::dataset::names::NameFound;
use crate::dataset::{Addresses, Branch, Content, Dataset, Names, Soa};
use crate::relative::{Octets, Relative};
use crate::value::{Pair, Text, ValueBuilder, ValueId, Values};

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
    /// Whether any data set lists IPv4 addresses, as rbldnsd's aliases need to know.
    pub(crate) ipv4: bool,
}

/// Test entries that the list itself lacks.
#[derive(Clone, Debug)]
pub(crate) struct Tests {
    pub(crate) entries: Vec<TestListing>,
    pub(crate) values: Values,
    pub(crate) ttl: u32,
}

/// A test entry, ready to be compared and answered.
#[derive(Clone, Debug)]
pub(crate) struct TestListing {
    /// The labels it is asked under.
    pub(crate) relative: Box<[u8]>,
    pub(crate) subject: Subject,
    pub(crate) value: ValueId,
}

/// Something that answers a question.
#[derive(Clone, Copy, Debug)]
pub enum Hit<'z> {
    /// Return codes with texts.
    Listing(Listing<'z>),
    /// A plain record.
    Record(Record<'z>),
}

/// A listing: what its pairs are, and what their texts name.
#[derive(Clone, Copy, Debug)]
pub struct Listing<'z> {
    values: &'z Values,
    value: ValueId,
    ttl: u32,
    subject: Subject,
}

/// What a listing's text names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// The IPv4 address asked about.
    Ipv4(u32),
    /// The IPv6 address asked about.
    Ipv6(u128),
    /// The entry's name: these bytes of the question's name in wire form.
    Name {
        /// Where it begins.
        start: u8,
        /// Where it ends.
        end: u8,
    },
    /// The client (access lists).
    Client,
}

/// A name below the apex, with the address it spells.
#[derive(Clone, Copy, Debug)]
pub struct Question<'q> {
    name: Relative<'q>,
    address: Address,
}

/// The whole address that a name spells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Address {
    /// None: the name is something else, or only a part of an address.
    None,
    /// Four octets.
    Ipv4(u32),
    /// Thirty-two nibbles.
    Ipv6(u128),
}

impl Address {
    /// The address that a name spells.
    #[inline]
    fn of(name: Relative<'_>, octets: Octets) -> Address {
        match name.label_count() {
            4 => name.ipv4(octets).map_or(Address::None, Address::Ipv4),
            32 => name.ipv6().map_or(Address::None, Address::Ipv6),
            _ => Address::None,
        }
    }
}

impl<'q> Question<'q> {
    /// A question whose address was read before.
    #[inline]
    pub fn new(name: Relative<'q>, address: Address) -> Question<'q> {
        Question { name, address }
    }

    /// The name.
    pub fn name(self) -> Relative<'q> {
        self.name
    }

    /// The address it spells.
    pub fn address(self) -> Address {
        self.address
    }

    /// 127.0.0.1, ::ffff:127.0.0.1 and INVALID are never listed (RFC 5782 section 5).
    #[inline(always)]
    fn is_never_listed(self) -> bool {
        match self.address {
            Address::Ipv4(address) => address == 0x7f00_0001,
            Address::Ipv6(address) => address == 0xffff_7f00_0001,
            Address::None => self.name.wire() == b"\x07invalid",
        }
    }
}

/// Where the answer to a question lies.
#[derive(Clone, Copy, Debug)]
pub enum Probe<'z> {
    /// Not in one place.
    Nowhere,
    /// In an index of IPv4 networks.
    Ipv4(V4Probe<'z>),
    /// In an index of IPv6 networks.
    Ipv6(V6Probe<'z>),
    /// In an index of names.
    Name(NameProbe<'z>),
}

/// An index of IPv4 networks.
#[derive(Clone, Copy, Debug)]
pub struct V4Probe<'z>(&'z crate::dataset::ipv4::Ipv4Index);

/// An index of IPv6 networks.
#[derive(Clone, Copy, Debug)]
pub struct V6Probe<'z>(&'z crate::dataset::ipv6::Ipv6Index);

/// An index of names.
#[derive(Clone, Copy, Debug)]
pub struct NameProbe<'z>(&'z crate::dataset::names::NamesIndex);

impl Probe<'_> {
    /// Fetches memory that answering reads. Call it with steps 0, 1 and 2 for every question of a batch
    /// before the first is answered: each step reads what the one before fetched.
    #[inline(always)]
    pub fn prefetch<'q>(&self, address: &Address, name: impl FnOnce() -> Relative<'q>, step: u8) {
        match (self, address) {
            (Probe::Ipv4(index), Address::Ipv4(address)) => match step {
                0 => index.0.prefetch_slot(*address),
                1 => index.0.prefetch_bucket(*address),
                _ => index.0.prefetch_keys(*address),
            },
            (Probe::Ipv6(index), Address::Ipv6(address)) => match step {
                0 => index.0.prefetch_slot(*address),
                1 => index.0.prefetch_bucket(*address),
                _ => index.0.prefetch_keys(*address),
            },
            (Probe::Name(index), _) => match step {
                0 => index.0.prefetch_slots(name()),
                1 => index.0.prefetch_records(name()),
                _ => {}
            },
            (Probe::Nowhere | Probe::Ipv4(_) | Probe::Ipv6(_), _) => {}
        }
    }
}

/// What [`Zone::quick`] finds.
#[derive(Clone, Copy, Debug)]
pub enum Quick<'z> {
    /// Listed with one return code.
    Listed(Listing<'z>, Pair),
    /// Not listed, and nothing below it is.
    Nothing,
    /// Ask [`Zone::answer`].
    Unsure,
}

/// Whether a name is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Existence {
    /// It is listed, or has records of its own.
    Listed,
    /// It has none, but names below it have (RFC 8020: an empty non-terminal).
    Exists,
    /// It is not there, nor is anything below it.
    Nothing,
}

/// What a name could be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outline {
    /// A data set of networks or names could list it.
    pub listable: bool,
    /// One could list names below it.
    pub above_listable: bool,
    /// It has plain records or stands above some, or is where a sub-zone begins.
    pub exists: bool,
}

impl Outline {
    /// What either says.
    fn or(self, other: Outline) -> Outline {
        Outline {
            listable: self.listable || other.listable,
            above_listable: self.above_listable || other.above_listable,
            exists: self.exists || other.exists,
        }
    }
}

impl<'z> Listing<'z> {
    /// Return codes with their texts; `now` and `keyed` decide about delayed entries.
    #[inline]
    pub fn pairs(self, now: u32, keyed: bool) -> impl Iterator<Item = Pair> + 'z {
        self.values.pairs(self.value).filter(move |p| self.values.applies(*p, now, keyed))
    }

    /// Whether any of its pairs applies: else it is not there yet, or not for this client.
    #[inline]
    pub fn applies(self, now: u32, keyed: bool) -> bool {
        !self.values.is_conditional() || self.pairs(now, keyed).next().is_some()
    }

    /// Writes a pair's text, with `subject` where it names what is listed. See
    /// [`Values::write_text`].
    #[inline]
    pub fn write_text(self, pair: Pair, subject: &[u8], limit: usize, out: &mut [u8]) -> usize {
        self.values.write_text(pair, subject, limit, out)
    }

    /// What the texts name.
    pub fn subject(self) -> Subject {
        self.subject
    }

    /// Time to live in seconds.
    pub fn ttl(self) -> u32 {
        self.ttl
    }
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

    /// Reads a name below the apex, once for all that is done with it.
    #[inline]
    pub fn question<'q>(&self, name: Relative<'q>) -> Question<'q> {
        Question { name, address: Address::of(name, self.octets()) }
    }

    /// Where the answer to a question lies, to have it fetched from memory.
    #[inline(always)]
    pub fn probe(&self, question: &Question<'_>) -> Probe<'_> {
        // The first data set that can answer; with several, the others are fetched when asked.
        self.datasets.first().map_or(Probe::Nowhere, |dataset| match &dataset.content {
            Content::Addresses(a) => match (question.address, &a.v4, &a.v6) {
                (Address::Ipv4(_), Some(v4), _) => Probe::Ipv4(V4Probe(v4)),
                (Address::Ipv6(_), _, Some(v6)) => Probe::Ipv6(V6Probe(v6)),
                _ => Probe::Nowhere,
            },
            Content::Names(names) => Probe::Name(NameProbe(&names.index)),
            _ => Probe::Nowhere,
        })
    }

    /// Finds everything that answers a name below the apex, or the apex itself.
    pub fn visit<'z>(&'z self, name: Relative<'_>, hit: impl FnMut(Hit<'z>)) -> Existence {
        self.answer(self.question(name), hit)
    }

    /// As [`Self::visit`], for a name that was read before.
    #[inline]
    pub fn answer<'z>(&'z self, question: Question<'_>, mut hit: impl FnMut(Hit<'z>)) -> Existence {
        if self.dialect == Dialect::Native && question.is_never_listed() {
            return Existence::Nothing;
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

    /// Answers the plain cases at once, for a zone of one data set: one return code, or nothing there.
    ///
    /// It says the same as [`Self::answer`], or that it is unsure: several answers, delayed entries, names
    /// on the way to listed ones, test entries. Nearly all queries end here, so it is kept short.
    #[inline(always)]
    pub fn quick(&self, question: &Question<'_>) -> Quick<'_> {
        let [dataset] = &self.datasets[..] else { return Quick::Unsure };
        let (value, values, subject) = match (&dataset.content, question.address) {
            (Content::Addresses(a), Address::Ipv4(address)) => {
                let Some(v4) = &a.v4 else { return Quick::Unsure };
                // 127/8 has the test entries, and eight bytes are four nibbles as well.
                if address >> 24 == 127 || question.name.wire().len() == 8 {
                    return Quick::Unsure;
                }
                (v4.find(address), &a.values, Subject::Ipv4(address))
            }
            (Content::Addresses(a), Address::Ipv6(address)) => {
                let Some(v6) = &a.v6 else { return Quick::Unsure };
                // Mapped addresses are test entries or aliases, 2002::/16 may be an alias.
                if address >> 32 == 0xffff || address >> 112 == 0x2002 {
                    return Quick::Unsure;
                }
                (v6.find(address), &a.values, Subject::Ipv6(address))
            }
            (Content::Names(names), _) if question.name.label_count() > 1 => {
                let found = names.index.find(question.name);
                if found.value == 0 && found.parent {
                    return Quick::Unsure;
                }
                (found.value, &names.values, found.subject(question.name))
            }
            _ => return Quick::Unsure,
        };
        if value == 0 {
            return Quick::Nothing;
        }
        let (value, ttl) = (ValueId(value), dataset.header.ttl);
        match values.only_pair(value) {
            Some(pair) => Quick::Listed(Listing { values, value, ttl, subject }, pair),
            None => Quick::Unsure,
        }
    }

    /// What a name could be, whatever the data list: for access lists that list all or nothing.
    pub fn outline(&self, name: Relative<'_>) -> Outline {
        let Question { address, .. } = self.question(name);
        let place = Place { name, address, octets: self.octets(), aliases: self.aliases() };
        let outlines = self.datasets.iter().map(|dataset| dataset.outline(place));
        outlines.fold(Outline::default(), Outline::or)
    }

    /// Whether an address must never be listed, whatever the data say (RFC 5782 section 5), and
    /// still is covered by them.
    pub fn covers_never_listed(&self) -> bool {
        let loopback = 0x7f00_0001_u32;
        self.datasets.iter().any(|d| match &d.content {
            Content::Addresses(a) => a.v4.as_ref().is_some_and(|v4| v4.find(loopback) != 0),
            _ => false,
        })
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

    /// Test entries that the data sets do not list themselves.
    fn missing_tests(&self, polarity: Polarity, codes: &[ReturnCode]) -> Option<Box<Tests>> {
        let mut values = ValueBuilder::default();
        let mut text = Text::new();
        text.push_literal(b"test entry (RFC 5782 section 5)");
        let mut entries = Vec::new();
        let addresses = self.datasets.iter().any(|d| matches!(d.content, Content::Addresses(_)));
        let names = self.datasets.iter().any(|d| matches!(d.content, Content::Names(_)));
        let kinds = [(addresses, repute_dnsxl::KeyKind::Ip), (names, repute_dnsxl::KeyKind::Name)];
        for (_, kind) in kinds.into_iter().filter(|(there, _)| *there) {
            for entry in test_entries(kind, polarity, codes) {
                if !self.datasets.iter().any(|d| d.lists(&entry.key)) {
                    let value = values.single(entry.code.0.octets(), &text);
                    entries.push(TestListing::new(&entry.key, value));
                }
            }
        }
        let ttl = self.datasets.first().map_or(DEFAULT_TTL, |d| d.header.ttl);
        (!entries.is_empty()).then(|| Box::new(Tests { entries, values: values.finish(), ttl }))
    }
}

/// A question on its way down: the name, and how it may be read.
#[derive(Clone, Copy)]
struct Place<'q> {
    name: Relative<'q>,
    address: Address,
    octets: Octets,
    aliases: bool,
}

impl Existence {
    /// The stronger of two findings.
    fn or(self, other: Existence) -> Existence {
        match (self, other) {
            (Existence::Listed, _) | (_, Existence::Listed) => Existence::Listed,
            (Existence::Exists, _) | (_, Existence::Exists) => Existence::Exists,
            (Existence::Nothing, Existence::Nothing) => Existence::Nothing,
        }
    }

    fn exists_if(exists: bool) -> Existence {
        if exists { Existence::Exists } else { Existence::Nothing }
    }
}

impl Dataset {
    /// The action for a client, if this is an access list by address.
    pub fn acl_action(&self, client: IpAddr) -> Option<Action> {
        match &self.content {
            Content::Acl(acl) => Some(acl.action(client)),
            _ => None,
        }
    }

    /// The action for the last label of a name, and whether that label is a known key, if this is
    /// an access list by key.
    pub fn key_action(&self, name: Relative<'_>) -> Option<(Action, bool)> {
        let Content::Keys(keys) = &self.content else { return None };
        let count = name.label_count();
        if count <= 1 {
            return Some((keys.default, false));
        }
        match keys.keys.get(name.label(count - 1)) {
            Some(action) => Some((*action, true)),
            None => Some((keys.default, false)),
        }
    }

    /// What [`Action::Always`] of this access list answers.
    pub fn always(&self, value: ValueId) -> Option<Listing<'_>> {
        let values = match &self.content {
            Content::Acl(acl) => &acl.values,
            Content::Keys(keys) => &keys.values,
            _ => return None,
        };
        Some(Listing { values, value, ttl: self.header.ttl, subject: Subject::Client })
    }

    /// Whether it lists IPv4 addresses.
    fn has_ipv4(&self) -> bool {
        use crate::dataset::DatasetKind as Kind;
        matches!(self.kind, Kind::Ip4set | Kind::Ip4tset | Kind::Ip4trie | Kind::Addresses)
    }

    fn visit<'z>(&'z self, place: Place<'_>, hit: &mut impl FnMut(Hit<'z>)) -> Existence {
        match &self.content {
            Content::Addresses(addresses) => addresses.visit(place, self.header.ttl, hit),
            Content::Names(names) => names.visit(place, self.header.ttl, hit),
            Content::Generic(generic) => {
                let (set, parent) = generic.find(place.name);
                let Some(set) = set else { return Existence::exists_if(parent) };
                generic.records(set).for_each(|record| hit(Hit::Record(record)));
                Existence::Listed
            }
            Content::Combined(branches) => visit_branches(branches, place, hit),
            Content::Acl(_) | Content::Keys(_) => Existence::Nothing,
        }
    }

    /// What a name could be, whatever the entries are.
    fn outline(&self, place: Place<'_>) -> Outline {
        let name = place.name;
        match &self.content {
            Content::Addresses(addresses) => {
                let v6 = addresses.v6.is_some() || !self.has_ipv4();
                let alias = |address| place.aliases && aliased(address).is_some();
                let mapped = |address: u128| place.aliases && address >> 32 == 0xffff;
                let v4 = self.has_ipv4();
                let listable = (v4 && name.ipv4(place.octets).is_some())
                    || name.ipv6().is_some_and(|a| (v4 && alias(a)) || (v6 && !mapped(a)));
                let above_listable = (v4 && name.ipv4_network(place.octets).is_some())
                    || (v6 && name.ipv6_network().is_some());
                Outline { listable, above_listable, exists: false }
            }
            Content::Names(_) => Outline { listable: name.label_count() > 0, ..Outline::default() },
            Content::Generic(generic) => {
                let (set, parent) = generic.find(name);
                Outline { exists: set.is_some() || parent, ..Outline::default() }
            }
            Content::Combined(branches) => {
                let way = branches.iter().any(|branch| is_below(&branch.suffix, name));
                let Some((branch, inner)) = closest(branches, place) else {
                    return Outline { exists: way, ..Outline::default() };
                };
                let base =
                    Outline { exists: way || inner.name.label_count() == 0, ..Outline::default() };
                let outlines = branch.datasets.iter().map(|dataset| dataset.outline(inner));
                outlines.fold(base, Outline::or)
            }
            Content::Acl(_) | Content::Keys(_) => Outline::default(),
        }
    }

    /// Whether it lists a test entry's key itself.
    fn lists(&self, key: &TestKey) -> bool {
        match (&self.content, key) {
            (Content::Addresses(a), TestKey::Ipv4(address)) => {
                a.v4.as_ref().is_some_and(|v4| v4.find((*address).into()) != 0)
            }
            (Content::Addresses(a), TestKey::Ipv6(address)) => {
                a.v6.as_ref().is_some_and(|v6| v6.find((*address).into()) != 0)
            }
            (Content::Names(n), TestKey::Name(name)) => {
                n.index.record_of(name.relative()).exact.lists()
            }
            _ => false,
        }
    }
}

impl Addresses {
    #[inline]
    fn visit<'z>(&'z self, place: Place<'_>, ttl: u32, hit: &mut impl FnMut(Hit<'z>)) -> Existence {
        let mut listed = |value: u32, subject| {
            hit(Hit::Listing(Listing {
                values: &self.values,
                value: ValueId(value),
                ttl,
                subject,
            }));
            Existence::Listed
        };
        match place.address {
            Address::Ipv4(address) => {
                if let Some(v4) = &self.v4 {
                    let value = v4.find(address);
                    if value != 0 {
                        return listed(value, Subject::Ipv4(address));
                    }
                }
            }
            Address::Ipv6(address) => {
                if place.aliases
                    && let Some(inner) = aliased(address)
                    && let Some(v4) = &self.v4
                {
                    let value = v4.find(inner);
                    if value != 0 {
                        return listed(value, Subject::Ipv4(inner));
                    }
                }
                let mapped = place.aliases && address >> 32 == 0xffff;
                if let Some(v6) = &self.v6
                    && !mapped
                {
                    let value = v6.find(address);
                    if value != 0 {
                        return listed(value, Subject::Ipv6(address));
                    }
                }
                return Existence::Nothing;
            }
            Address::None => {}
        }
        self.existence(place)
    }

    /// Whether listed addresses lie below a name that is no listed address itself.
    fn existence(&self, place: Place<'_>) -> Existence {
        let count = place.name.label_count();
        if count > 31 {
            return Existence::Nothing;
        }
        if count == 0 {
            return Existence::Exists;
        }
        let octets = place
            .name
            .ipv4_network(place.octets)
            .is_some_and(|(first, last)| self.v4.as_ref().is_some_and(|v4| v4.any_in(first, last)));
        let nibbles = || {
            let Some((first, last)) = place.name.ipv6_network() else { return false };
            let v6 = self.v6.as_ref().is_some_and(|v6| v6.any_in(first, last));
            v6 || (place.aliases && self.v4.as_ref().is_some_and(|v4| aliased_any(v4, first, last)))
        };
        Existence::exists_if(octets || nibbles())
    }
}

impl NameFound {
    /// What a text names: the entry, not the question.
    #[inline]
    fn subject(self, name: Relative<'_>) -> Subject {
        let end = name.wire().len();
        let start = end - name.suffix(usize::from(self.labels)).len();
        Subject::Name { start: start as u8, end: end as u8 }
    }
}

impl Names {
    fn visit<'z>(&'z self, place: Place<'_>, ttl: u32, hit: &mut impl FnMut(Hit<'z>)) -> Existence {
        if place.name.label_count() == 0 {
            return Existence::Exists;
        }
        let found = self.index.find(place.name);
        if found.value == 0 {
            return Existence::exists_if(found.parent);
        }
        let subject = found.subject(place.name);
        let value = ValueId(found.value);
        hit(Hit::Listing(Listing { values: &self.values, value, ttl, subject }));
        Existence::Listed
    }
}

impl TestListing {
    fn new(key: &TestKey, value: ValueId) -> TestListing {
        let (relative, subject) = match key {
            TestKey::Ipv4(a) => (repute_dnsxl::relative_ipv4(*a), Subject::Ipv4((*a).into())),
            TestKey::Ipv6(a) => (repute_dnsxl::relative_ipv6(*a), Subject::Ipv6((*a).into())),
            TestKey::Name(n) => {
                let wire = n.relative().to_vec();
                let end = wire.len() as u8;
                (wire, Subject::Name { start: 0, end })
            }
        };
        TestListing { relative: relative.into_boxed_slice(), subject, value }
    }
}

impl Tests {
    #[inline]
    fn visit<'z>(&'z self, place: Place<'_>, hit: &mut impl FnMut(Hit<'z>)) -> Existence {
        let mut found = Existence::Nothing;
        // Names above a test entry are its endings.
        for entry in self.entries.iter().filter(|e| e.relative.ends_with(place.name.wire())) {
            if entry.relative.len() == place.name.wire().len() {
                let (values, value) = (&self.values, entry.value);
                let (ttl, subject) = (self.ttl, entry.subject);
                hit(Hit::Listing(Listing { values, value, ttl, subject }));
                return Existence::Listed;
            }
            found = Existence::Exists;
        }
        found
    }
}

/// The longest branch that a name lies in answers; a name on the way to a branch exists.
fn visit_branches<'z>(
    branches: &'z [Branch],
    place: Place<'_>,
    hit: &mut impl FnMut(Hit<'z>),
) -> Existence {
    let on_the_way = branches.iter().any(|branch| is_below(&branch.suffix, place.name));
    let Some((branch, inner)) = closest(branches, place) else {
        return Existence::exists_if(on_the_way);
    };
    let found = Existence::exists_if(on_the_way || inner.name.label_count() == 0);
    branch.datasets.iter().fold(found, |found, dataset| found.or(dataset.visit(inner, hit)))
}

/// The longest branch that a name lies in, and the name as it is there.
fn closest<'z, 'q>(branches: &'z [Branch], place: Place<'q>) -> Option<(&'z Branch, Place<'q>)> {
    let around = branches.iter().filter(|branch| {
        place.name.label_count() >= branch.labels
            && place.name.suffix(branch.labels) == &branch.suffix[..]
    });
    let branch = around.max_by_key(|branch| branch.labels)?;
    let name = place.name.without_last(branch.labels);
    let ipv4 = branch.datasets.iter().any(|d| d.has_ipv4());
    let aliases = place.octets == Octets::LeadingZeros && ipv4;
    let address = Address::of(name, place.octets);
    Some((branch, Place { name, address, aliases, ..place }))
}

/// Whether a name in wire form lies below another.
fn is_below(name: &[u8], above: Relative<'_>) -> bool {
    let mut rest = name;
    while let Some(&len) = rest.first() {
        rest = &rest[1 + usize::from(len)..];
        if rest == above.wire() {
            return true;
        }
    }
    false
}

/// The IPv4 address inside an IPv6 one: ::ffff:0:0/96 (RFC 4291) or 2002::/16 (RFC 3056).
fn aliased(address: u128) -> Option<u32> {
    if address >> 32 == 0xffff {
        Some(address as u32)
    } else if address >> 112 == 0x2002 {
        Some((address >> 80) as u32)
    } else {
        None
    }
}

/// Whether an IPv6 network holds an address that stands for a listed IPv4 one.
fn aliased_any(v4: &crate::dataset::ipv4::Ipv4Index, first: u128, last: u128) -> bool {
    let ranges = [(0xffff_u128 << 32, 0), (0x2002_u128 << 112, 80)];
    ranges.into_iter().any(|(base, shift)| {
        let end = base | (0xffff_ffff << shift) | ((1 << shift) - 1);
        let (low, high) = (first.max(base), last.min(end));
        low <= high && v4.any_in((low >> shift) as u32, (high >> shift) as u32)
    })
}

/// rbldnsd's default time to live, 35 minutes.
pub const DEFAULT_TTL: u32 = 2100;

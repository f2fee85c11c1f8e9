//! The zones that are served: found by name, swapped whole.
//!
//! A [`Zones`] never changes. Whoever loads a zone makes a new one with it and publishes that through
//! an `ArcSwap`; workers read it without a lock, and a batch of queries is answered from one state.
//! What every answer of a zone repeats (SOA, name servers, glue) is written here once.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::sync::Arc;

use arc_swap::ArcSwapOption;
use repute_dnsxl::Name;
use repute_zone::{Action, Dataset, Dialect, Existence, Hit, Relative, Soa, Zone};

use crate::cookie::Cookies;
use crate::message::{NAME, Query};
use crate::name_servers::NameServers;

/// What is served now.
#[derive(Clone, Debug)]
pub struct Zones {
    identity: Arc<Identity>,
    served: Vec<Served>,
    /// Label counts of the apexes, the largest first: the closest zone answers.
    depths: Vec<u8>,
    by_apex: HashMap<Box<[u8]>, usize, ApexHash>,
    acl: Option<Arc<Dataset>>,
    key_acl: Option<Arc<Dataset>>,
}

/// What the server says of itself and how it speaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Answer to `version.bind` and `version.server`; none refuses.
    pub version: Option<String>,
    /// Answer to `hostname.bind`; none refuses.
    pub hostname: Option<String>,
    /// Answer to `id.server` and to NSID (RFC 5001); none refuses.
    pub server_id: Option<String>,
    /// Largest UDP answer, and what we announce by EDNS. Default 1232: no fragments on the way.
    pub edns_size: u16,
    /// Whose rules hold where there is no zone to ask.
    pub dialect: Dialect,
    /// Whether messages that need more than zones are handed over. Default: they are not.
    pub handover: Handover,
    /// What is done about DNS cookies. Default: nothing.
    pub cookies: Cookies,
}

/// What becomes of messages that [`respond`](crate::respond()) does not answer: updates, NOTIFY,
/// transfers, and queries that are signed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Handover {
    /// They get an error: nobody is there who could do more.
    #[default]
    Refuse,
    /// They go to the server's [`Beyond`](crate::beyond::Beyond).
    Offer,
}

impl Default for Identity {
    fn default() -> Self {
        Identity {
            version: None,
            hostname: None,
            server_id: None,
            edns_size: 1232,
            dialect: Dialect::Native,
            handover: Handover::Refuse,
            cookies: Cookies::Off,
        }
    }
}

/// A zone's place in the configuration. Counters are kept by it, across reloads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ZoneIndex(pub u16);

/// Whether a zone can answer.
#[derive(Clone, Debug)]
pub enum ZoneState {
    /// It is a list, and answers.
    Serving(Arc<Zone>),
    /// It is an ordinary zone, whose owner swaps its versions.
    Records(Live),
    /// It has no data, or none that may be used: SERVFAIL.
    Failed,
}

/// The version of an ordinary zone that answers, if it has data that may be used: read without a lock, so that a
/// zone that changes a thousand times a second disturbs no other.
pub type Live = Arc<ArcSwapOption<repute_records::Zone>>;

/// How a zone is served, apart from its data.
#[derive(Clone, Debug, Default)]
pub struct Serving {
    /// Clients that are not told the truth, by address.
    pub acl: Option<Arc<Dataset>>,
    /// The same, by a key next to the apex.
    pub key_acl: Option<Arc<Dataset>>,
    /// Name servers go into every positive answer, as rbldnsd's default is.
    pub name_servers_in_answers: bool,
    /// It is for those only who may have all of it: questions are handed over, or refused where nobody takes them.
    pub is_private: bool,
}

/// A zone with what its answers repeat.
#[derive(Clone, Debug)]
pub(crate) struct Served {
    pub(crate) index: ZoneIndex,
    pub(crate) apex: Name,
    /// The apex, to be compared.
    words: Option<Words>,
    /// Labels of the apex.
    pub(crate) depth: usize,
    pub(crate) state: ZoneState,
    pub(crate) serving: Serving,
    pub(crate) records: ApexRecords,
    /// Whether the plain cases can be answered without looking at anything else.
    pub(crate) is_plain: bool,
}

/// Records of the apex in wire form, each without its owner: type, class, TTL, length, data.
#[derive(Clone, Debug, Default)]
pub(crate) struct ApexRecords {
    /// The SOA as an answer.
    pub(crate) soa: Option<Vec<u8>>,
    /// The SOA in a negative answer, with its time to live (RFC 2308).
    pub(crate) negative: Option<Vec<u8>>,
    /// NS records as an answer.
    pub(crate) name_servers: Vec<Vec<u8>>,
    /// NS records in AUTHORITY, with the addresses of those in our own zones.
    pub(crate) authority: NameServers,
}

impl Zones {
    /// A server without zones.
    pub fn new(identity: Identity) -> Zones {
        Zones {
            identity: Arc::new(identity),
            served: Vec::new(),
            depths: Vec::new(),
            by_apex: HashMap::default(),
            acl: None,
            key_acl: None,
        }
    }

    /// The same with another state of a zone, or with one more.
    #[must_use]
    pub fn with(&self, apex: &Name, index: ZoneIndex, state: ZoneState, serving: Serving) -> Zones {
        let mut zones = self.clone();
        zones.put(apex, index, state, serving);
        zones.settle();
        zones
    }

    /// The same with ordinary zones, which may be many.
    #[must_use]
    pub fn with_records(
        &self,
        records: impl IntoIterator<Item = (Name, ZoneIndex, Live)>,
    ) -> Zones {
        let mut zones = self.clone();
        for (apex, index, live) in records {
            zones.put(&apex, index, ZoneState::Records(live), Serving::default());
        }
        zones.settle();
        zones
    }

    /// The same with an ordinary zone that is for those only who may have all of it.
    #[must_use]
    pub fn with_private(&self, apex: &Name, index: ZoneIndex, live: Live) -> Zones {
        let serving = Serving { is_private: true, ..Serving::default() };
        self.with(apex, index, ZoneState::Records(live), serving)
    }

    /// The private zone that a name lies in, and where it is read; nothing if the closest zone is not one.
    pub fn private(&self, name: &Name) -> Option<(&Name, ZoneIndex, &Live)> {
        let served = self.closest(name.as_wire(), &label_offsets(name.as_wire()))?;
        match &served.state {
            ZoneState::Records(live) if served.serving.is_private => {
                Some((&served.apex, served.index, live))
            }
            ZoneState::Records(_) | ZoneState::Serving(_) | ZoneState::Failed => None,
        }
    }

    /// Puts a zone in its place; `settle` follows.
    fn put(&mut self, apex: &Name, index: ZoneIndex, state: ZoneState, serving: Serving) {
        let records = match &state {
            ZoneState::Serving(zone) => ApexRecords::of(zone),
            ZoneState::Records(_) | ZoneState::Failed => ApexRecords::default(),
        };
        let is_plain = serving.acl.is_none()
            && serving.key_acl.is_none()
            && !serving.name_servers_in_answers
            && matches!(&state, ZoneState::Serving(zone) if zone.expires().is_none())
            && records.negative.as_ref().is_some_and(|soa| soa.len() <= PLAIN_SOA);
        let (words, depth) = (Words::of(apex), apex.label_count());
        let apex_name = apex.clone();
        let served =
            Served { index, apex: apex_name, words, depth, state, serving, records, is_plain };
        match self.by_apex.get(apex.as_wire()) {
            Some(&place) => self.served[place] = served,
            None => {
                self.by_apex.insert(Box::from(apex.as_wire()), self.served.len());
                self.served.push(served);
            }
        }
    }

    /// Brings in order what depends on all zones.
    fn settle(&mut self) {
        self.depths = self.served.iter().map(|s| s.apex.label_count() as u8).collect();
        self.depths.sort_unstable_by(|a, b| b.cmp(a));
        self.depths.dedup();
        self.add_glue();
    }

    /// The same without a zone.
    #[must_use]
    pub fn without(&self, apex: &Name) -> Zones {
        self.without_all(&HashSet::from([apex.clone()]))
    }

    /// The same without some zones.
    #[must_use]
    pub fn without_all(&self, apexes: &HashSet<Name>) -> Zones {
        let mut zones = Zones { acl: self.acl.clone(), ..Zones::new((*self.identity).clone()) };
        zones.key_acl.clone_from(&self.key_acl);
        for served in self.served.iter().filter(|s| !apexes.contains(&s.apex)) {
            let (state, serving) = (served.state.clone(), served.serving.clone());
            zones.put(&served.apex, served.index, state, serving);
        }
        zones.settle();
        zones
    }

    /// The same with access lists that hold for all zones, by address and by key.
    #[must_use]
    pub fn with_acl(&self, acl: Option<Arc<Dataset>>, key_acl: Option<Arc<Dataset>>) -> Zones {
        Zones { acl, key_acl, ..self.clone() }
    }

    /// The same from a server that says something else of itself.
    #[must_use]
    pub fn with_identity(&self, identity: Identity) -> Zones {
        Zones { identity: Arc::new(identity), ..self.clone() }
    }

    /// What the server says of itself.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// All zones, in the order they were added.
    pub fn iter(&self) -> impl Iterator<Item = (ZoneIndex, &Name, &ZoneState)> {
        self.served.iter().map(|s| (s.index, &s.apex, &s.state))
    }

    /// A zone by its name.
    pub fn get(&self, apex: &Name) -> Option<&ZoneState> {
        self.by_apex.get(apex.as_wire()).map(|&place| &self.served[place].state)
    }

    /// The number of a zone.
    pub fn index(&self, apex: &Name) -> Option<ZoneIndex> {
        self.by_apex.get(apex.as_wire()).map(|&place| self.served[place].index)
    }

    /// The closest zone around the name of a query.
    #[inline(always)]
    pub(crate) fn find(&self, query: &Query) -> Option<&Served> {
        let labels = &query.labels[..query.label_count];
        match &self.served[..] {
            [only] => {
                let above = labels.len().checked_sub(only.depth)?;
                let at = labels.get(above).map_or(query.name_len - 1, |at| usize::from(*at));
                let is_below = match &only.words {
                    Some(words) => words.are_at(&query.name, at as u8),
                    None => query.name[at..query.name_len] == *only.apex.as_wire(),
                };
                is_below.then_some(only)
            }
            _ => self.closest(&query.name[..query.name_len], labels),
        }
    }

    /// The closest zone around a name in lower-case wire form.
    pub(crate) fn closest(&self, name: &[u8], labels: &[u8]) -> Option<&Served> {
        self.depths.iter().find_map(|&depth| {
            let depth = usize::from(depth);
            let place = self.by_apex.get(suffix(name, labels, depth)?)?;
            Some(&self.served[*place])
        })
    }

    /// The closest ordinary zone around a name that lies above an apex of so many labels.
    pub(crate) fn above(&self, name: &[u8], labels: &[u8], depth: usize) -> Option<&Served> {
        let around =
            self.depths.iter().map(|other| usize::from(*other)).filter(|other| *other < depth);
        let mut found = around.filter_map(|depth| self.by_apex.get(suffix(name, labels, depth)?));
        let served = found.next().map(|place| &self.served[*place])?;
        matches!(served.state, ZoneState::Records(_)).then_some(served)
    }

    /// What the access list for all zones tells a client.
    #[inline]
    pub(crate) fn acl_action(&self, client: IpAddr) -> Option<(Action, &Arc<Dataset>)> {
        let acl = self.acl.as_ref()?;
        Some((acl.acl_action(client)?, acl))
    }

    /// Whether there are access lists for all zones.
    #[inline]
    pub(crate) fn has_acl(&self) -> bool {
        self.acl.is_some() || self.key_acl.is_some()
    }

    /// The access list by key for all zones.
    #[inline]
    pub(crate) fn key_acl(&self) -> Option<&Arc<Dataset>> {
        self.key_acl.as_ref()
    }

    /// Writes the addresses of name servers that lie in our own zones.
    fn add_glue(&mut self) {
        for i in 0..self.served.len() {
            let ZoneState::Serving(zone) = &self.served[i].state else { continue };
            let Some((ttl, servers)) = zone.name_servers() else { continue };
            let glue: Vec<_> = servers.iter().flat_map(|s| self.addresses_of(s)).collect();
            let authority = NameServers::new(zone.apex(), ttl, servers, &glue);
            self.served[i].records.authority = authority;
        }
    }

    /// Addresses of a name in our zones, each with its owner; all with the lowest time to live
    /// (RFC 2181 section 5.2).
    fn addresses_of(&self, name: &Name) -> Vec<(Name, u32, [u8; 4])> {
        let wire = name.as_wire();
        let labels = label_offsets(wire);
        let Some(served) = self.closest(wire, &labels) else { return Vec::new() };
        let zone = match &served.state {
            ZoneState::Serving(zone) => zone,
            ZoneState::Records(_) if served.serving.is_private => return Vec::new(),
            ZoneState::Records(live) => {
                return live.load().as_ref().map_or_else(Vec::new, |zone| glue(zone, name));
            }
            ZoneState::Failed => return Vec::new(),
        };
        let keep = labels.len() - served.depth;
        let end = labels.get(keep).map_or(wire.len() - 1, |at| usize::from(*at));
        let relative = Relative::new(&wire[..end], &labels[..keep]);
        let mut addresses: Vec<(u32, [u8; 4])> = Vec::new();
        let found = zone.visit(relative, |hit| match hit {
            Hit::Record(record) if record.rtype() == A => {
                let address = record.data().first_chunk().copied();
                addresses.extend(address.map(|address| (record.ttl(), address)));
            }
            Hit::Listing(listing) => {
                let codes = listing.pairs(0, false).map(|pair| (listing.ttl(), pair.code));
                addresses.extend(codes);
            }
            Hit::Record(_) => {}
        });
        let ttl = addresses.iter().map(|(ttl, _)| *ttl).min().unwrap_or(0);
        let mut distinct: Vec<(Name, u32, [u8; 4])> = Vec::new();
        for (_, address) in addresses {
            if distinct.iter().all(|(_, _, known)| *known != address) {
                distinct.push((name.clone(), ttl, address));
            }
        }
        if found == Existence::Listed { distinct } else { Vec::new() }
    }
}

impl ApexRecords {
    fn of(zone: &Zone) -> ApexRecords {
        let mut records = ApexRecords::default();
        if let Some(soa) = zone.soa() {
            let negative = match zone.dialect() {
                // RFC 2308 section 3: the smaller of the SOA's own time to live and its MINIMUM.
                Dialect::Native => soa.ttl.min(soa.minimum),
                Dialect::Rbldnsd => soa.minimum,
            };
            records.soa = Some(soa_record(soa, soa.ttl));
            records.negative = Some(soa_record(soa, negative));
        }
        if let Some((ttl, servers)) = zone.name_servers() {
            records.name_servers = servers
                .iter()
                .map(|server| {
                    let mut record = Vec::new();
                    push_record(&mut record, NS, ttl, server.as_wire());
                    record
                })
                .collect();
        }
        records
    }
}

/// IPv4 addresses of a name in an ordinary zone.
fn glue(zone: &repute_records::Zone, name: &Name) -> Vec<(Name, u32, [u8; 4])> {
    let set = zone.node(name).and_then(|node| node.get(A));
    let addresses =
        set.into_iter().flat_map(|set| set.iter().map(|data| (set.ttl(), data.first_chunk())));
    addresses.filter_map(|(ttl, address)| Some((name.clone(), ttl, *address?))).collect()
}

/// A SOA record without its owner.
fn soa_record(soa: &Soa, ttl: u32) -> Vec<u8> {
    let mut data = [soa.origin.as_wire(), soa.person.as_wire()].concat();
    for number in [soa.serial, soa.refresh, soa.retry, soa.expire, soa.minimum] {
        data.extend_from_slice(&number.to_be_bytes());
    }
    let mut record = Vec::new();
    push_record(&mut record, SOA, ttl, &data);
    record
}

/// Appends a record of class IN without its owner.
fn push_record(out: &mut Vec<u8>, rtype: u16, ttl: u32, data: &[u8]) {
    out.extend_from_slice(&rtype.to_be_bytes());
    out.extend_from_slice(&1_u16.to_be_bytes());
    out.extend_from_slice(&ttl.to_be_bytes());
    out.extend_from_slice(&(data.len() as u16).to_be_bytes());
    out.extend_from_slice(data);
}

/// The last labels of a name, with the root.
#[inline(always)]
fn suffix<'n>(name: &'n [u8], labels: &[u8], count: usize) -> Option<&'n [u8]> {
    if count == 0 {
        return name.get(name.len() - 1..);
    }
    let at = labels.len().checked_sub(count).and_then(|i| labels.get(i))?;
    name.get(usize::from(*at)..)
}

/// A name as words, each with a mask of the bytes that count: compared in a few instructions.
#[derive(Clone, Copy, Debug)]
struct Words([(u64, u64); WORDS]);

impl Words {
    /// Nothing if it is too long for that.
    fn of(name: &Name) -> Option<Words> {
        let wire = name.as_wire();
        (wire.len() <= WORDS * 8).then(|| {
            Words(std::array::from_fn(|i| {
                let bytes = wire.get(i * 8..).unwrap_or(&[]);
                let bytes = &bytes[..bytes.len().min(8)];
                let (mut word, mut mask) = ([0; 8], [0; 8]);
                word[..bytes.len()].copy_from_slice(bytes);
                mask[..bytes.len()].fill(0xff);
                (u64::from_le_bytes(word), u64::from_le_bytes(mask))
            }))
        })
    }

    /// Whether the bytes from a place on are these. The buffer goes on behind its name.
    #[inline(always)]
    fn are_at(&self, buffer: &[u8; NAME], at: u8) -> bool {
        let mut differences = 0;
        for (i, (word, mask)) in self.0.into_iter().enumerate() {
            let bytes = &buffer[usize::from(at) + i * 8..usize::from(at) + i * 8 + 8];
            let own = u64::from_le_bytes(bytes.try_into().expect("eight bytes"));
            differences |= (own ^ word) & mask;
        }
        differences == 0
    }
}

/// Where the labels of a name in wire form begin.
fn label_offsets(wire: &[u8]) -> Vec<u8> {
    let (mut labels, mut at) = (Vec::new(), 0);
    while let Some(&len @ 1..) = wire.get(at) {
        labels.push(at as u8);
        at += 1 + usize::from(len);
    }
    labels
}

/// A short hash for apexes: the operator chooses them, not an adversary.
#[derive(Clone, Debug, Default)]
struct ApexHash;

impl std::hash::BuildHasher for ApexHash {
    type Hasher = ApexHasher;

    fn build_hasher(&self) -> ApexHasher {
        ApexHasher(0)
    }
}

/// Multiplies and rotates eight bytes at a time.
struct ApexHasher(u64);

impl std::hash::Hasher for ApexHasher {
    #[inline]
    fn write(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<8>();
        for word in words {
            self.write_u64(u64::from_le_bytes(*word));
        }
        let last = rest.iter().fold(0_u64, |n, b| n << 8 | u64::from(*b));
        self.write_u64(last);
    }

    #[inline]
    fn write_u64(&mut self, n: u64) {
        self.0 = (self.0.rotate_left(5) ^ n).wrapping_mul(0x517c_c1b7_2722_0a95);
    }

    #[inline]
    fn write_usize(&mut self, n: usize) {
        self.write_u64(n as u64);
    }

    #[inline]
    fn finish(&self) -> u64 {
        self.0 ^ self.0 >> 32
    }
}

/// Words of an apex that is compared in a few instructions.
const WORDS: usize = 3;
/// Longest SOA that fits into every answer beside a question: 512 bytes less the largest of those.
const PLAIN_SOA: usize = 200;
/// The A record type.
pub(crate) const A: u16 = 1;
/// The NS record type.
pub(crate) const NS: u16 = 2;
/// The SOA record type.
pub(crate) const SOA: u16 = 6;

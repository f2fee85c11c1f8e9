//! A zone: names with their records, and what is found at a name.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use imbl::OrdMap;
use repute_dnsxl::Name;

use crate::path::{Path, label_offsets};
use crate::record::{Record, RecordSet};
use crate::rtype::{CNAME, DNAME, NS, SOA};

/// All records of a domain, from its apex down to where parts of it are delegated. It never changes.
#[derive(Clone, Debug)]
pub struct Zone {
    apex: Name,
    /// Labels of the apex.
    depth: usize,
    /// Every name that has records, by its path below the apex.
    pub(crate) nodes: OrdMap<Arc<[u8]>, Arc<Node>>,
    /// How many names below the apex have NS or DNAME records: where there are none nobody looks for them.
    pub(crate) turns: usize,
    /// How many records there are.
    pub(crate) records: usize,
    soa: Soa,
}

/// A name with its records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    owner: Name,
    /// Sorted by type.
    sets: Box<[RecordSet]>,
}

/// The numbers of a start of authority (RFC 1035 section 3.3.13).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Soa {
    /// The version.
    pub serial: u32,
    /// How often secondaries look, in seconds.
    pub refresh: u32,
    /// How soon they try again.
    pub retry: u32,
    /// When data that could not be refreshed is no longer served.
    pub expire: u32,
    /// How long it is remembered that something is not there (RFC 2308).
    pub minimum: u32,
}

/// What is at a name (RFC 1034 section 4.3.2, RFC 4592, RFC 6672).
#[derive(Clone, Copy, Debug)]
pub enum Place<'z> {
    /// The name has records.
    Here(&'z Node),
    /// It is not there, and a wildcard stands for it.
    Wildcard(&'z Node),
    /// It has no records, but names below it have (an empty non-terminal).
    Empty,
    /// It is this name or lies below it, which is delegated.
    Cut(&'z Node),
    /// It lies below this name, which has a DNAME.
    Dname(&'z Node),
    /// It is not there.
    Nothing,
}

/// Why a record has no place in a zone, or a zone cannot be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// No start of authority.
    #[error("there is no SOA record at {0}: every zone begins with one")]
    NoSoa(Name),
    /// More than one.
    #[error("there are several SOA records at {0}: leave one")]
    SeveralSoas(Name),
    /// It cannot be read.
    #[error("the SOA record of {0} cannot be read")]
    BadSoa(Name),
    /// A name of another zone.
    #[error("{owner} is not within {apex}")]
    Outside {
        /// The name.
        owner: Name,
        /// The zone's.
        apex: Name,
    },
    /// A SOA below the apex.
    #[error("{0} has a SOA record and is not the apex")]
    SoaBelow(Name),
    /// A question, or what concerns a message.
    #[error("{owner} has a record of type {rtype}, which no zone holds")]
    NoData {
        /// The name.
        owner: Name,
        /// The type.
        rtype: u16,
    },
    /// More than a message could carry.
    #[error("{owner} has more records of type {rtype} than an answer can carry (64 KiB)")]
    TooMany {
        /// The name.
        owner: Name,
        /// The type.
        rtype: u16,
    },
}

impl Zone {
    /// Makes a zone of its records. What does not fit is left out and told; the order does not matter, what is there
    /// twice counts once, and all records of a name and type get the lowest of their times to live.
    ///
    /// # Errors
    /// If there is not exactly one SOA record at the apex.
    pub fn new(
        apex: Name,
        records: impl IntoIterator<Item = Record>,
    ) -> Result<(Zone, Vec<Unfit>), Unfit> {
        let mut unfit = Vec::new();
        let mut names: BTreeMap<Arc<[u8]>, (Name, Types)> = BTreeMap::new();
        for record in records {
            if let Err(fault) = fits(&apex, &record.owner, record.rtype) {
                unfit.push(fault);
                continue;
            }
            let path = Path::of_wire_below(record.owner.as_wire(), apex.label_count());
            let (_, sets) = names
                .entry(Arc::from(path.as_bytes()))
                .or_insert_with(|| (record.owner.clone(), BTreeMap::new()));
            sets.entry(record.rtype).or_default().push(record);
        }
        let (mut nodes, mut turns, mut count) = (OrdMap::new(), 0, 0);
        for (path, (owner, types)) in names {
            let mut sets = Vec::new();
            for (rtype, records) in types {
                match gather(rtype, &records) {
                    Some(set) => sets.push(set),
                    None => unfit.push(Unfit::TooMany { owner: owner.clone(), rtype }),
                }
            }
            let node = Node { owner, sets: sets.into_boxed_slice() };
            turns += usize::from(node.turns(&path));
            count += node.len();
            if !node.sets.is_empty() {
                nodes.insert(path, Arc::new(node));
            }
        }
        let soa = match nodes.get(&b""[..]).and_then(|node| node.get(SOA)) {
            None => return Err(Unfit::NoSoa(apex)),
            Some(set) if set.len() > 1 => return Err(Unfit::SeveralSoas(apex)),
            Some(set) => Soa::read(set.first()).ok_or(Unfit::BadSoa(apex.clone()))?,
        };
        let depth = apex.label_count();
        Ok((Zone { apex, depth, nodes, turns, records: count, soa }, unfit))
    }

    /// Its name.
    pub fn apex(&self) -> &Name {
        &self.apex
    }

    /// Labels of its name.
    pub fn depth(&self) -> usize {
        self.depth
    }

    /// The numbers of its start of authority.
    pub fn soa(&self) -> &Soa {
        &self.soa
    }

    /// The version.
    pub fn serial(&self) -> u32 {
        self.soa.serial
    }

    /// How many records it has.
    pub fn len(&self) -> usize {
        self.records
    }

    /// Whether it has no records, which is never so.
    pub fn is_empty(&self) -> bool {
        self.records == 0
    }

    /// How many names have records.
    pub fn names(&self) -> usize {
        self.nodes.len()
    }

    /// The apex with its records.
    pub fn top(&self) -> &Node {
        self.nodes
            .get(&b""[..])
            .expect("a zone is made with the SOA of its apex, which no editor removes")
    }

    /// The SOA as a record.
    pub fn soa_record(&self) -> Record {
        let set = self.top().get(SOA).expect("a zone is made with the SOA of its apex");
        set.records(&self.apex).next().expect("a set has a record")
    }

    /// The records of a name, whatever is delegated.
    pub fn node(&self, owner: &Name) -> Option<&Node> {
        if !owner.is_within(&self.apex) {
            return None;
        }
        self.nodes
            .get(Path::of_wire_below(owner.as_wire(), self.depth).as_bytes())
            .map(|node| &**node)
    }

    /// The records of a name in lower-case wire form, `labels` the offsets of its labels below the apex; whatever is
    /// delegated.
    pub fn raw(&self, name: &[u8], labels: &[u8]) -> Option<&Node> {
        self.nodes.get(Path::of(name, labels).as_bytes()).map(|node| &**node)
    }

    /// All names with their records: the apex first, then in the order of RFC 4034 section 6.1.
    pub fn iter(&self) -> impl Iterator<Item = &Node> {
        self.nodes.values().map(|node| &**node)
    }

    /// The names below one that have records, in the same order.
    pub fn below(&self, owner: &Name) -> impl Iterator<Item = &Node> {
        let path = Path::of_wire_below(owner.as_wire(), self.depth);
        let is_within = owner.is_within(&self.apex);
        let from = (Bound::Excluded(path.as_bytes()), Bound::Unbounded);
        let behind = self.nodes.range::<_, [u8]>(from).filter(move |_| is_within);
        let below = behind.take_while(move |(other, _)| other.starts_with(path.as_bytes()));
        below.map(|(_, node)| &**node)
    }

    /// All records: the SOA first (RFC 5936 section 2.2), then the others by names and types.
    pub fn records(&self) -> impl Iterator<Item = Record> {
        let others = self.iter().flat_map(|node| node.iter().map(move |set| (node, set)));
        let others = others.filter(|(_, set)| set.rtype() != SOA);
        std::iter::once(self.soa_record())
            .chain(others.flat_map(|(node, set)| set.records(&node.owner)))
    }

    /// What is at a name within the zone: `name` in lower-case wire form, `labels` the offsets of its labels below the
    /// apex. Allocates nothing.
    pub fn find(&self, name: &[u8], labels: &[u8]) -> Place<'_> {
        let path = Path::of(name, labels);
        let path = path.as_bytes();
        let here = self.nodes.get(path);
        if self.turns == 0
            && let Some(node) = here
        {
            return Place::Here(node);
        }
        // Whatever exists around a name shares its beginning with what stands before or behind it.
        let (before, next) = (self.nodes.get_prev(path), self.nodes.get_next(path));
        let around = [before, next].into_iter().flatten();
        let encloser = around.map(|(other, _)| common(path, other)).max().unwrap_or(0);
        if self.turns > 0
            && let Some(place) = self.turn(&path[..encloser], path)
        {
            return place;
        }
        if let Some(node) = here {
            return Place::Here(node);
        }
        if encloser == path.len() {
            return Place::Empty;
        }
        let mut wildcard = [0; crate::path::LONGEST_PATH + 2];
        wildcard[..encloser].copy_from_slice(&path[..encloser]);
        wildcard[encloser] = b'*';
        let wildcard = &wildcard[..encloser + 2];
        match self.nodes.get_next(wildcard) {
            Some((other, node)) if **other == *wildcard => Place::Wildcard(node),
            // The wildcard is there without records (RFC 4592 section 2.2.3): it stands for the name, which has none.
            Some((other, _)) if other.starts_with(wildcard) => Place::Empty,
            Some(_) | None => Place::Nothing,
        }
    }

    /// What is at a name.
    pub fn find_name(&self, name: &Name) -> Place<'_> {
        let (labels, count) = label_offsets(name.as_wire());
        match count.checked_sub(self.depth) {
            Some(below) if name.is_within(&self.apex) => {
                self.find(name.as_wire(), &labels[..below])
            }
            Some(_) | None => Place::Nothing,
        }
    }

    /// The first name from the apex down that delegates, or sends elsewhere, the name of `path`. `existing` is as
    /// much of the path as exists.
    fn turn(&self, existing: &[u8], path: &[u8]) -> Option<Place<'_>> {
        let apex = self.nodes.get(&b""[..]).filter(|_| !path.is_empty());
        if let Some(apex) = apex.filter(|apex| apex.get(DNAME).is_some()) {
            return Some(Place::Dname(apex));
        }
        let ends =
            existing.iter().enumerate().filter(|(_, byte)| **byte == 0).map(|(at, _)| at + 1);
        ends.into_iter().find_map(|end| {
            let node = self.nodes.get(&existing[..end])?;
            if node.get(NS).is_some() {
                return Some(Place::Cut(node));
            }
            (end < path.len() && node.get(DNAME).is_some()).then_some(Place::Dname(node))
        })
    }

    /// The zone with other records at a name; `sets` must be sorted by type and not empty, except to remove it.
    pub(crate) fn put(&mut self, path: &[u8], owner: &Name, sets: Vec<RecordSet>) {
        let old = self.nodes.get(path);
        let tally = |node: &Node| (usize::from(node.turns(path)), node.len());
        let (old_turns, old_records) = old.map_or((0, 0), |node| tally(node));
        let node = Node { owner: owner.clone(), sets: sets.into_boxed_slice() };
        let (turns, records) = tally(&node);
        self.turns = self.turns - old_turns + turns;
        self.records = self.records - old_records + records;
        if path.is_empty()
            && let Some(soa) = node.get(SOA).and_then(|set| Soa::read(set.first()))
        {
            self.soa = soa;
        }
        if node.sets.is_empty() {
            self.nodes.remove(path);
        } else if let Some(place) = self.nodes.get_mut(path) {
            *place = Arc::new(node);
        } else {
            self.nodes.insert(Arc::from(path), Arc::new(node));
        }
    }
}

impl PartialEq for Zone {
    fn eq(&self, other: &Zone) -> bool {
        self.apex == other.apex && self.iter().eq(other.iter())
    }
}

impl Node {
    /// Its name.
    pub fn owner(&self) -> &Name {
        &self.owner
    }

    /// Its records of a type.
    pub fn get(&self, rtype: u16) -> Option<&RecordSet> {
        // A name has a few types at most; comparing them all is faster than a search.
        self.sets.iter().find(|set| set.rtype() == rtype)
    }

    /// Its records, by type.
    pub fn iter(&self) -> impl Iterator<Item = &RecordSet> {
        self.sets.iter()
    }

    /// How many records it has.
    fn len(&self) -> usize {
        self.sets.iter().map(RecordSet::len).sum()
    }

    /// Whether it sends elsewhere what is below it; the NS records of the apex, whose path is empty, do not.
    fn turns(&self, path: &[u8]) -> bool {
        self.get(DNAME).is_some() || !path.is_empty() && self.get(NS).is_some()
    }
}

impl Soa {
    /// Reads them from record data.
    pub fn read(data: &[u8]) -> Option<Soa> {
        if !crate::rdata::is_sound(SOA, data) {
            return None;
        }
        let numbers = data.last_chunk::<20>()?;
        let number = |i: usize| Some(u32::from_be_bytes(*numbers.get(i * 4..)?.first_chunk()?));
        Some(Soa {
            serial: number(0)?,
            refresh: number(1)?,
            retry: number(2)?,
            expire: number(3)?,
            minimum: number(4)?,
        })
    }
}

/// Whether a record of this name and type has a place in a zone.
pub(crate) fn fits(apex: &Name, owner: &Name, rtype: u16) -> Result<(), Unfit> {
    if !owner.is_within(apex) {
        return Err(Unfit::Outside { owner: owner.clone(), apex: apex.clone() });
    }
    if !crate::rtype::is_data(rtype) {
        return Err(Unfit::NoData { owner: owner.clone(), rtype });
    }
    if rtype == SOA && owner != apex {
        return Err(Unfit::SoaBelow(owner.clone()));
    }
    Ok(())
}

/// One set of some records of one name and type; nothing if they are too many for an answer.
pub(crate) fn gather(rtype: u16, records: &[Record]) -> Option<RecordSet> {
    let ttl = records.iter().map(|record| record.ttl).min()?;
    let mut distinct: Vec<&[u8]> = Vec::with_capacity(records.len());
    for record in records {
        // Of names that differ in their letters only the first counts; nobody has so many of those.
        let is_known = |known: &&[u8]| crate::rdata::same(rtype, known, &record.data);
        if distinct.len() >= SHORT || !distinct.iter().any(is_known) {
            distinct.push(&record.data);
        }
    }
    // Always in one order, so that equal sets are equal.
    distinct.sort_unstable();
    distinct.dedup();
    // Two bytes of length each, and some for a pointer, type, class, and time to live.
    let size: usize = distinct.iter().map(|data| data.len() + RECORD).sum();
    (size <= LARGEST).then(|| RecordSet::new(rtype, ttl, distinct))
}

/// How many bytes two paths share, by whole labels.
fn common(one: &[u8], other: &[u8]) -> usize {
    let same = one.iter().zip(other).take_while(|(a, b)| a == b).count();
    one[..same].iter().rposition(|byte| *byte == 0).map_or(0, |at| at + 1)
}

/// Whether a name can be a CNAME's beside its other types (RFC 2181 section 10.1, RFC 4034 section 2.5).
pub(crate) fn stands_beside_cname(rtype: u16) -> bool {
    matches!(rtype, CNAME | crate::rtype::RRSIG | crate::rtype::NSEC)
}

/// Records of a name by their types.
type Types = BTreeMap<u16, Vec<Record>>;

/// Bytes that a record needs in an answer besides its data.
const RECORD: usize = 12;
/// Bytes that the records of a set may need: a message, less its header and a question.
pub(crate) const LARGEST: usize = 65_535 - 12 - 259 - 11;
/// Only of so many records each is compared with each; of more, what is the same to the byte is found by sorting.
const SHORT: usize = 64;

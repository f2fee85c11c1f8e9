//! A list that others publish by zone transfer, as a list of ours: answered from its indexes, and changed by what changed.
//!
//! The records of a zone are what a list says to whoever asks (RFC 5782): `7.2.0.192` with an A record is an address,
//! `*.2.0.192` a network, 32 nibbles are an IPv6 address, and all else are names, with or without what is below them. The
//! values of A records become return codes, texts their reasons.
//!
//! A wildcard does not reach names that exist, nor what is below them (RFC 4592 section 4), though a network reaches all
//! that is in it: names that exist within a wildcard and are not listed become exclusions.
//!
//! What a list cannot say is counted: records of other types, a text without an A record, more than one text of 254 bytes
//! for a code. A wildcard of one to three labels that are octets and nibbles alike (`*.3.2.1`) means IPv4.

use std::collections::{BTreeMap, HashSet};
use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use repute_dnsxl::{
    Extent, Ipv4Network, Ipv6Network, KeyKind, Name, Network, Polarity, ReturnCode,
};
use repute_records::{Difference, Node, RecordSet, Zone, rdata, rtype};
use repute_zone::journal::{Change, Editor, Key, Record, State};
use repute_zone::{DEFAULT_TTL, Dialect, Soa, Text, TooMany, ZoneSpec};

/// A list, and what was read of it.
#[derive(Debug)]
pub struct List {
    editor: Editor,
    /// Time to live of listings: the least of all.
    ttl: u32,
    /// Names that have a wildcard below them.
    wildcards: HashSet<Name>,
    /// Records that a list cannot say, by their names.
    left_out: BTreeMap<Name, usize>,
}

impl List {
    /// Reads the list that the records of a zone are.
    ///
    /// # Errors
    /// If it is more than an index can hold.
    pub fn read(zone: &Zone) -> Result<List, TooMany> {
        let wildcards: HashSet<Name> =
            zone.iter().filter_map(|node| wildcard_of(zone, node.owner())).collect();
        let reader = Reader { zone, wildcards: &wildcards };
        let (mut ttl, mut left_out) = (None, BTreeMap::new());
        let mut changes = Vec::new();
        let mut above: Vec<Box<[u8]>> = Vec::new();
        for node in zone.iter() {
            if let Some(count) = reader.left_out(node) {
                left_out.insert(node.owner().clone(), count);
            }
            ttl = node.get(rtype::A).map(|set| set.ttl().min(ttl.unwrap_or(u32::MAX))).or(ttl);
            // Names come as a tree, so what a name has in common with the one before was there.
            let labels: Vec<Box<[u8]>> = relative(zone, node.owner()).map(Box::from).collect();
            let known = above.iter().rev().zip(labels.iter().rev());
            let known = known.take_while(|(one, other)| one == other).count();
            for count in known + 1..=labels.len() {
                let place = &labels[labels.len() - count..];
                changes.extend(reader.entries(place).filter(|it| it.state != State::Absent));
            }
            above = labels;
        }
        let ttl = ttl.unwrap_or(DEFAULT_TTL);
        let kinds = kinds(&changes);
        let editor = Editor::new(spec(zone), &kinds, ttl, changes)?;
        Ok(List { editor, ttl, wildcards, left_out })
    }

    /// Goes on to a later version of the zone, to which these steps lead; what changed in the list.
    ///
    /// # Errors
    /// If it is more than an index can hold, or does not follow. The list is answered as it was then, and is to be read
    /// anew.
    pub fn follow(
        &mut self,
        zone: &Zone,
        steps: &[Difference],
    ) -> Result<Record, repute_zone::journal::Refused> {
        let owners: HashSet<&Name> = steps
            .iter()
            .flat_map(|step| step.removed.iter().chain(&step.added))
            .map(|record| &record.owner)
            .collect();
        let mut touched: HashSet<Vec<Box<[u8]>>> = HashSet::new();
        for owner in &owners {
            let labels: Vec<Box<[u8]>> = relative(zone, owner).map(Box::from).collect();
            if let Some(parent) = wildcard_of(zone, owner) {
                let is_there = zone.node(owner).is_some();
                let was_there = match is_there {
                    true => !self.wildcards.insert(parent.clone()),
                    false => self.wildcards.remove(&parent),
                };
                // What exists below it is excluded from now on, or no more.
                if is_there != was_there {
                    for node in zone.below(&parent) {
                        let labels: Vec<_> = relative(zone, node.owner()).map(Box::from).collect();
                        touched.extend((0..labels.len()).map(|at| labels[at..].to_vec()));
                    }
                }
            }
            touched.extend((0..labels.len()).map(|at| labels[at..].to_vec()));
        }
        let reader = Reader { zone, wildcards: &self.wildcards };
        let mut ttl = self.ttl;
        for owner in owners {
            let node = zone.node(owner);
            ttl = node.and_then(|node| node.get(rtype::A)).map_or(ttl, |set| ttl.min(set.ttl()));
            match node.and_then(|node| reader.left_out(node)) {
                Some(count) => drop(self.left_out.insert(owner.clone(), count)),
                None => drop(self.left_out.remove(owner)),
            }
        }
        let changes = touched.iter().flat_map(|place| reader.entries(place)).collect();
        let record = Record { from: self.editor.serial(), to: zone.serial(), changes };
        self.ttl = ttl;
        self.editor.reshape(spec(zone), ttl);
        self.editor.apply(&record)?;
        if self.editor.wants_compaction() {
            self.editor.compact()?;
        }
        Ok(record)
    }

    /// The list as it is answered.
    pub fn zone(&self) -> &Arc<repute_zone::Zone> {
        self.editor.zone()
    }

    /// How many records a list cannot say, and the first name that has one.
    pub fn left_out(&self) -> Option<(usize, &Name)> {
        let (first, _) = self.left_out.first_key_value()?;
        Some((self.left_out.values().sum(), first))
    }
}

/// Reads entries out of a zone.
struct Reader<'z> {
    zone: &'z Zone,
    wildcards: &'z HashSet<Name>,
}

impl Reader<'_> {
    /// What a name means for a list, for itself and for what is below it: nothing, unless there are records of it or below
    /// it. A wildcard is told of by the name before it.
    fn entries(&self, labels: &[Box<[u8]>]) -> impl Iterator<Item = Change> + use<> {
        // By a star that is not the first label nothing is meant.
        let name = full(self.zone, labels).filter(|_| !labels.iter().any(|label| **label == *b"*"));
        let (mut exact, mut below) = (None, None);
        if let Some(name) = name {
            let node = self.zone.node(&name);
            let star = full_below(&name).and_then(|star| self.zone.node(&star));
            let exists = || node.is_some() || self.zone.below(&name).next().is_some();
            let unlisted = || match self.is_covered(&name) && exists() {
                true => State::Excluded,
                false => State::Absent,
            };
            let change = |node: Option<&Node>| node.and_then(listed).unwrap_or_else(unlisted);
            exact = exact_key(labels).map(|key| Change { key, state: change(node) });
            below = below_key(labels).map(|key| Change { key, state: change(star) });
        }
        exact.into_iter().chain(below)
    }

    /// Whether a name is below one that has a wildcard.
    fn is_covered(&self, name: &Name) -> bool {
        if self.wildcards.is_empty() {
            return false;
        }
        let mut wire = name.as_wire();
        while wire.len() > self.zone.apex().as_wire().len() {
            let Some(above) = wire.first().and_then(|len| wire.get(1 + usize::from(*len)..)) else {
                return false;
            };
            wire = above;
            if Name::from_wire(wire).is_ok_and(|name| self.wildcards.contains(&name)) {
                return true;
            }
        }
        false
    }

    /// How many records of a name a list cannot say.
    fn left_out(&self, node: &Node) -> Option<usize> {
        let is_top = node.owner() == self.zone.apex();
        let labels: Vec<&[u8]> = relative(self.zone, node.owner()).collect();
        let is_odd = labels.iter().skip(1).any(|label| *label == b"*") || labels[..] == [&b"*"[..]];
        let count = |rtype: u16| node.get(rtype).map_or(0, RecordSet::len);
        let (codes, texts) = (count(rtype::A), count(rtype::TXT));
        let known = match (is_top, is_odd || codes == 0) {
            (true, _) => count(rtype::SOA) + count(rtype::NS),
            (false, true) => 0,
            (false, false) => codes + texts,
        };
        let long = node.get(rtype::TXT).map_or(0, |set| {
            set.iter().filter(|data| text(data).is_none_or(|(_, is_whole)| !is_whole)).count()
        });
        let long = if known == 0 || is_top { 0 } else { long };
        let all: usize = node.iter().map(RecordSet::len).sum();
        Some(all - known + long).filter(|count| *count > 0)
    }
}

/// What the records of a name list it with.
fn listed(node: &Node) -> Option<State> {
    let codes: Vec<ReturnCode> = node
        .get(rtype::A)?
        .iter()
        .filter_map(|data| Some(ReturnCode(Ipv4Addr::from(<[u8; 4]>::try_from(data).ok()?))))
        .collect();
    let texts = node.get(rtype::TXT);
    let texts: Vec<Text> = texts
        .into_iter()
        .flat_map(RecordSet::iter)
        .filter_map(|data| text(data).map(|(text, _)| text))
        .collect();
    let last = *codes.last()?;
    let count = codes.len().max(texts.len());
    let codes = codes.into_iter().chain(std::iter::repeat(last));
    let texts = texts.into_iter().chain(std::iter::repeat_with(Text::new));
    Some(State::Listed(codes.zip(texts).take(count).collect()))
}

/// A text of TXT data, and whether it is the same to whoever asks: one string, of what we send.
fn text(data: &[u8]) -> Option<(Text, bool)> {
    let strings = rdata::texts(data)?;
    let whole: Vec<u8> = strings.concat();
    let sent = whole.get(..LONGEST_TEXT).unwrap_or(&whole);
    let mut text = Text::new();
    text.push_literal(sent);
    Some((text, strings.len() == 1 && sent.len() == whole.len()))
}

/// What a name itself is to a list: an address, or a name.
fn exact_key(labels: &[Box<[u8]>]) -> Option<Key> {
    let address = match labels.len() {
        4 => {
            octets(labels).map(|first| Network::V4(Ipv4Network::around(Ipv4Addr::from(first), 32)))
        }
        32 => nibbles(labels)
            .map(|first| Network::V6(Ipv6Network::around(Ipv6Addr::from(first), 128))),
        _ => None,
    };
    address.map(Key::Network).or_else(|| Some(Key::Name(wire(labels)?, Extent::Exact)))
}

/// What all below a name is to a list: a network, or names.
fn below_key(labels: &[Box<[u8]>]) -> Option<Key> {
    let count = u8::try_from(labels.len()).ok()?;
    let network = match count {
        1..=3 => octets(labels)
            .map(|first| Network::V4(Ipv4Network::around(Ipv4Addr::from(first), count * 8))),
        _ => None,
    };
    let network = network.or_else(|| match count {
        1..=31 => nibbles(labels)
            .map(|first| Network::V6(Ipv6Network::around(Ipv6Addr::from(first), count * 4))),
        _ => None,
    });
    network.map(Key::Network).or_else(|| Some(Key::Name(wire(labels)?, Extent::Below)))
}

/// The address that labels begin with, which are octets in reverse as people write them.
fn octets(labels: &[Box<[u8]>]) -> Option<[u8; 4]> {
    let mut address = [0; 4];
    for (place, label) in address.iter_mut().zip(labels.iter().rev()) {
        let is_plain =
            label.iter().all(u8::is_ascii_digit) && (label.len() == 1 || !label.starts_with(b"0"));
        *place = std::str::from_utf8(label).ok().filter(|_| is_plain)?.parse().ok()?;
    }
    Some(address)
}

/// The same for nibbles.
fn nibbles(labels: &[Box<[u8]>]) -> Option<u128> {
    let mut address = 0;
    for (place, label) in labels.iter().rev().enumerate() {
        let [digit] = **label else { return None };
        let nibble = char::from(digit).to_digit(16)?;
        address |= u128::from(nibble) << 124_usize.checked_sub(4 * place)?;
    }
    Some(address)
}

/// Labels as a whole name.
fn wire(labels: &[Box<[u8]>]) -> Option<Name> {
    let mut wire = Vec::new();
    for label in labels {
        wire.push(u8::try_from(label.len()).ok()?);
        wire.extend_from_slice(label);
    }
    wire.push(0);
    Name::from_wire(&wire).ok()
}

/// The name of labels below the apex.
fn full(zone: &Zone, labels: &[Box<[u8]>]) -> Option<Name> {
    let below = wire(labels)?;
    Name::from_wire(&[below.relative(), zone.apex().as_wire()].concat()).ok()
}

/// The wildcard below a name.
fn full_below(name: &Name) -> Option<Name> {
    Name::from_wire(&[b"\x01*", name.as_wire()].concat()).ok()
}

/// The labels of a name before the apex.
fn relative<'n>(zone: &Zone, owner: &'n Name) -> impl Iterator<Item = &'n [u8]> {
    let count = owner.label_count().saturating_sub(zone.depth());
    owner.labels().take(count)
}

/// The name whose wildcard a name is, if it is one.
fn wildcard_of(zone: &Zone, owner: &Name) -> Option<Name> {
    let is_wildcard = owner.label_count() > zone.depth() && owner.labels().next() == Some(b"*");
    Name::from_wire(owner.as_wire().get(2..)?).ok().filter(|_| is_wildcard)
}

/// What a list is, by its entries.
fn kinds(changes: &[Change]) -> Vec<KeyKind> {
    let has = |is: fn(&Key) -> bool| changes.iter().any(|change| is(&change.key));
    let networks = has(|key| matches!(key, Key::Network(_))).then_some(KeyKind::Ip);
    let names = has(|key| matches!(key, Key::Name(..))).then_some(KeyKind::Name);
    networks.into_iter().chain(names).collect()
}

/// What is around the entries.
fn spec(zone: &Zone) -> ZoneSpec {
    let soa = zone.soa_record();
    let name_servers = zone
        .top()
        .get(rtype::NS)
        .map(|set| (set.ttl(), set.iter().filter_map(|data| Name::from_wire(data).ok()).collect()));
    ZoneSpec {
        apex: zone.apex().clone(),
        dialect: Dialect::Native,
        polarity: Polarity::Block,
        soa: self::soa(zone, &soa),
        name_servers,
        datasets: Vec::new(),
        test_entries: false,
        codes: Vec::new(),
        link: None,
        serial: zone.serial(),
    }
}

/// The start of authority.
fn soa(zone: &Zone, record: &repute_records::Record) -> Option<Soa> {
    let end = rdata::name_len(&record.data)?;
    let (origin, rest) = record.data.split_at_checked(end)?;
    let person = rest.get(..rdata::name_len(rest)?)?;
    let numbers = zone.soa();
    Some(Soa {
        ttl: record.ttl,
        origin: Name::from_wire(origin).ok()?,
        person: Name::from_wire(person).ok()?,
        serial: numbers.serial,
        refresh: numbers.refresh,
        retry: numbers.retry,
        expire: numbers.expire,
        minimum: numbers.minimum,
    })
}

/// What is sent of a text.
const LONGEST_TEXT: usize = 254;

#[cfg(test)]
mod tests;

//! A list as the tree of its names, gone through in order.
//!
//! Networks, those with holes among them, and names with all that is below them, become wildcards. A wildcard answers only for names whose closest
//! encloser (RFC 4592 section 3.3.1) is the name above the asterisk, so every name that exists below cuts it. Therefore
//! the zone is walked as the tree of the names at which something begins, and at each of them one question about a name
//! that is not in the tree tells what its wildcard has to say: an answer, an own wildcard where another one was cut, or
//! that the name exists without a listing.
//!
//! A label from 0 to 9 is an octet and a nibble (RFC 5782 section 2.4): `*.0.2` for 2.0.0.0/16 would also list all of
//! 2000::/8. Where the families differ below such a name, the wildcard is IPv4's and the sixteen nibbles are written out;
//! since IPv4 has four labels only, that ends soon.
//!
//! A walk holds the names between the apex and where it is, and nothing of the rest. Which records there are follows from
//! what is listed and not from how an index holds it; that is what a difference of two versions rests on.

use std::cmp::Ordering;
use std::ops::Range;

use crate::dataset::{Content, Dataset};
use crate::export;
use crate::records::Version;
use crate::records::scope::{Scope, Touched, Within};
use crate::records::sets::{Asked, EXISTS, HINFO, NS, RecordSets};
use crate::records::sorted_names::{Paths, bases, first_label, is_said, labels_with_length};
use crate::records::spelled::{End, Reading, Shape, Source, nibble, octet};
use crate::zone::{Address, Subject};

/// In which order names come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// That of their paths, a wildcard first among the names below its own: the same in all versions of a list. With the
    /// name servers.
    Paths,
    /// The same, but nibbles that are there only because they are written out come after the others, as files have them.
    /// A file's head names the servers.
    File,
}

/// Which records of a name the walk is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum At {
    /// Those of the name itself, or that which says that it exists.
    Name,
    /// Those of the wildcard below it.
    Wildcard,
}

/// A walk under way.
pub(crate) struct Walk<'w> {
    version: Version<'w>,
    asked: Asked<'w>,
    order: Order,
    scope: Scope<'w>,
    /// Time to live of what only marks that a name exists.
    ttl: u32,
    /// How long a path may be to be a name below the apex.
    room: usize,
    holds: Holds,
    /// Where addresses begin beside the apex.
    bases: Vec<Vec<u8>>,
    sources: Vec<Source<'w>>,
    /// Names that are there whatever the entries are.
    fixed: Paths,
    /// Where the walk is, from the apex down.
    path: Vec<u8>,
    /// The same as the end of a name in wire form with the apex; what is before it is for names below.
    name: [u8; 256],
    /// The names between the apex and where the walk is, both included.
    nodes: Vec<Node>,
    /// What the sources list at each of them.
    readings: Vec<Reading>,
    /// The records that were given last.
    sets: RecordSets,
    /// Whether they only say that the name exists.
    is_marker: bool,
    /// Others, to compare with.
    other: RecordSets,
}

/// Which kinds of entries a zone has.
#[derive(Clone, Copy, Debug, Default)]
struct Holds {
    addresses: bool,
    names: bool,
}

/// A name on the way to where the walk is.
#[derive(Clone, Debug)]
struct Node {
    /// How long its path is.
    path: usize,
    /// Where it begins in [`Walk::name`].
    start: usize,
    /// How many labels it has.
    labels: usize,
    /// How many of them stand before addresses begin.
    base: usize,
    shape: Shape,
    /// Whether a wildcard would answer for it if it did not exist.
    covered: bool,
    /// Whether it exists, as far as is known.
    exists: bool,
    /// Whether it has a wildcard.
    covers: bool,
    /// Whether all nibbles are written out below it.
    spread: bool,
    step: Step,
    /// What of it is gone through.
    within: Within,
    /// The next octet at or below which a network begins.
    octet: Option<u32>,
    /// The next nibble.
    nibble: Option<u32>,
    /// The nibbles that were gone through.
    seen: u16,
    /// Names below it that were not gone through: most, those that came since, and those that are always there.
    names: [Range<usize>; 3],
    /// The first of them with the same next label.
    next: [Range<usize>; 3],
}

/// What comes next of a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// Its own records.
    Own,
    /// Its wildcard.
    Wildcard,
    /// The names below it.
    Below,
    /// The nibbles that are written out, from one on.
    Nibbles(u8),
    /// What says that it exists, if nothing else does.
    Marker,
    /// What is above it.
    Above,
}

/// A label with its length before it.
#[derive(Clone, Copy)]
struct Label {
    bytes: [u8; 64],
    len: usize,
}

/// What of a name decides on those below that are not gone through: if two versions have it alike, they have those alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Profile {
    is_there: bool,
    covers: bool,
    spread: bool,
    /// How networks of each source end at it or above, of IPv4 and of IPv6.
    ends: Vec<[End; 2]>,
}

impl<'w> Walk<'w> {
    /// Begins a walk at the apex.
    pub(crate) fn new(version: Version<'w>, order: Order, scope: Scope<'w>) -> Walk<'w> {
        let zone = version.zone;
        let mut holds = Holds::default();
        zone.datasets.iter().for_each(|dataset| holds.add(dataset));
        let mut own_bases = Vec::new();
        bases(zone, &mut |base| own_bases.push(base.to_vec()));
        let apex = zone.apex().as_wire();
        let mut name = [0; 256];
        let start = name.len() - apex.len();
        name[start..].copy_from_slice(apex);
        let fixed = Paths::fixed(zone);
        let sources = Source::of(zone);
        let names = [0..version.names.base.len(), 0..version.names.added.len(), 0..fixed.len()];
        let readings = sources.iter().map(|source| match source.base.is_empty() {
            true => source.start(),
            false => Reading::default(),
        });
        let readings = readings.collect();
        let within = scope.begin();
        Walk {
            version,
            asked: Asked::new(zone, version.now),
            order,
            scope,
            ttl: zone.datasets.first().map_or(0, |dataset| dataset.header.ttl),
            // The root's byte and a wildcard's two have their place beside the apex.
            room: 255 - apex.len(),
            holds,
            bases: own_bases,
            sources,
            fixed,
            path: Vec::with_capacity(256),
            name,
            nodes: vec![Node::new(start, Shape::default(), within, names)],
            readings,
            sets: RecordSets::default(),
            is_marker: false,
            other: RecordSets::default(),
        }
    }

    /// Goes on to the next name with records, and says which of them; nothing at the end.
    pub(crate) fn next(&mut self) -> Option<At> {
        loop {
            let node = self.nodes.last_mut()?;
            match node.step {
                Step::Own => {
                    node.step = Step::Wildcard;
                    self.is_marker = false;
                    self.own();
                    if !self.sets.is_empty() {
                        self.exists();
                        return Some(At::Name);
                    }
                }
                Step::Wildcard => {
                    node.step = Step::Below;
                    self.wildcard();
                    self.begin_below();
                    if !self.sets.is_empty() && self.path.len() + 2 <= self.room {
                        let start = self.nodes.last()?.start;
                        self.name[start - 2..start].copy_from_slice(b"\x01*");
                        self.exists();
                        return Some(At::Wildcard);
                    }
                }
                Step::Below => {
                    let child = match node.within {
                        Within::All => self.next_child(),
                        Within::Some(..) => self.next_in_scope(),
                    };
                    match child {
                        Some((label, names, within)) => self.enter(&label, names, within),
                        None => self.end_below(),
                    }
                }
                Step::Nibbles(nibble) => match nibble {
                    0..16 => {
                        node.step = Step::Nibbles(nibble + 1);
                        if node.seen >> nibble & 1 == 0 {
                            let label = Label::nibble(nibble.into());
                            self.enter(&label, [0..0, 0..0, 0..0], Within::All);
                        }
                    }
                    _ => node.step = Step::Marker,
                },
                Step::Marker => {
                    node.step = Step::Above;
                    // It must exist, or the wildcard above would answer for it and for what is below.
                    if node.covered && !node.exists && !self.exists_elsewhere() {
                        self.sets.clear();
                        self.sets.add(HINFO, self.ttl, EXISTS);
                        self.is_marker = true;
                        self.exists();
                        return Some(At::Name);
                    }
                }
                Step::Above => {
                    let exists = node.exists;
                    self.nodes.pop();
                    self.readings.truncate(self.nodes.len() * self.sources.len());
                    let above = self.nodes.last_mut()?;
                    above.exists |= exists;
                    self.path.truncate(above.path);
                }
            }
        }
    }

    /// The records that were given last.
    pub(crate) fn sets(&self) -> &RecordSets {
        &self.sets
    }

    /// Puts them in the order of their types and data.
    pub(crate) fn sort(&mut self) {
        self.sets.sort();
    }

    /// Their owner in wire form with the apex.
    pub(crate) fn owner(&self, at: At) -> &[u8] {
        let start = self.nodes.last().map_or(self.name.len(), |node| node.start);
        match at {
            At::Name => &self.name[start..],
            At::Wildcard => &self.name[start.saturating_sub(2)..],
        }
    }

    /// The same without the apex.
    pub(crate) fn relative_owner(&self, at: At) -> &[u8] {
        let apex = self.version.zone.apex().as_wire().len();
        let owner = self.owner(at);
        &owner[..owner.len().saturating_sub(apex)]
    }

    /// Which of two walks is behind the other.
    pub(crate) fn compare(&self, at: At, other: &Walk<'_>, other_at: At) -> Ordering {
        self.path.cmp(&other.path).then(at.cmp(&other_at))
    }

    /// Goes down to a label, whether or not there is such a name, and says what decides on those below it.
    pub(super) fn descend(&mut self, label: &[u8]) -> Option<Profile> {
        let label = Label::of(label)?;
        let names = self.names_with(&label);
        let is_there = self.is_there(&label, &names);
        let before = self.nodes.len();
        self.enter(&label, names, Within::All);
        if self.nodes.len() == before {
            return None;
        }
        let mut profile = self.profile();
        profile.is_there = is_there;
        Some(profile)
    }

    /// What decides on the names below where the walk is.
    pub(super) fn profile(&mut self) -> Profile {
        self.wildcard();
        let node = self.nodes.last();
        let pairs = self.sources.iter().zip(self.here());
        let ends = pairs.map(|(source, at)| source.ends(*at)).collect();
        Profile {
            is_there: true,
            covers: node.is_some_and(|node| node.covers),
            spread: node.is_some_and(|node| node.spread),
            ends,
        }
    }

    /// Goes back up after [`Walk::descend`].
    pub(super) fn ascend(&mut self) {
        if self.nodes.len() > 1 {
            self.nodes.pop();
            self.readings.truncate(self.nodes.len() * self.sources.len());
            self.path.truncate(self.nodes.last().map_or(0, |node| node.path));
        }
    }

    /// Notes that the name exists where the walk is.
    fn exists(&mut self) {
        if let Some(node) = self.nodes.last_mut() {
            node.exists = true;
        }
    }

    /// Takes the records of the name itself.
    fn own(&mut self) {
        let Walk { version, asked, order, name, nodes, sets, .. } = self;
        sets.clear();
        let Some(node) = nodes.last() else { return };
        if nodes.len() == 1 && *order == Order::Paths {
            servers(*version, sets);
        }
        let end = name.len() - version.zone.apex().as_wire().len();
        asked.own(&name[node.start..], end - node.start, sets);
    }

    /// Takes the records of the wildcard: what names below are answered that are not in the tree. Notes whether there
    /// are any, and whether the nibbles have to be in it as well so that this is so.
    fn wildcard(&mut self) {
        let (mut v4, mut v6) = (false, false);
        self.sets.clear();
        if self.holds.addresses {
            v4 = self.unsaid_as_octets();
            v6 = self.unsaid_as_nibbles();
        }
        let spread = v4 && v6 && self.sets != self.other;
        match (v4, v6) {
            (true, _) => {}
            (false, true) => std::mem::swap(&mut self.sets, &mut self.other),
            (false, false) if self.holds.names => self.unsaid_as_name(),
            (false, false) => {}
        }
        if let Some(node) = self.nodes.last_mut() {
            (node.covers, node.spread) = (!self.sets.is_empty(), spread);
        }
    }

    /// Takes what an IPv4 address is answered that begins where the walk is, and at which nothing begins; says whether
    /// there is one.
    fn unsaid_as_octets(&mut self) -> bool {
        let Some(node) = self.nodes.last() else { return false };
        let has = |octet| self.sources_here().any(|(source, at)| source.has_octet(at, octet));
        let (Some(v4), Some((address, octet))) = (node.shape.v4, node.shape.unsaid_v4(has)) else {
            return false;
        };
        // The octet, and one digit for each one behind it.
        let rest = 3_usize.saturating_sub(v4.depth as usize);
        if self.path.len() + Label::octet(octet).len + 2 * rest > self.room {
            return false;
        }
        let network = Subject::Ipv4(v4.first);
        let (base, name) = (node.base, unsaid(&mut self.name, node, self.version));
        self.asked.below(name, base, Address::Ipv4(address), Some(network), &mut self.sets);
        true
    }

    /// The same for IPv6, into the other records.
    fn unsaid_as_nibbles(&mut self) -> bool {
        self.other.clear();
        let Some(node) = self.nodes.last() else { return false };
        let has = |nibble| self.sources_here().any(|(source, at)| source.has_nibble(at, nibble));
        let (Some(v6), Some(address)) = (node.shape.v6, node.shape.unsaid_v6(has)) else {
            return false;
        };
        if self.path.len() + 2 * 32_usize.saturating_sub(v6.depth as usize) > self.room {
            return false;
        }
        let network = Subject::Ipv6(v6.first);
        let (base, name) = (node.base, unsaid(&mut self.name, node, self.version));
        self.asked.below(name, base, Address::Ipv6(address), Some(network), &mut self.other);
        true
    }

    /// Takes what a name is answered that is no address.
    fn unsaid_as_name(&mut self) {
        let Some(node) = self.nodes.last() else { return };
        if self.path.len() + 2 <= self.room {
            let (base, name) = (node.base, unsaid(&mut self.name, node, self.version));
            self.asked.below(name, base, Address::None, None, &mut self.sets);
        }
    }

    /// What the sources list where the walk is.
    fn here(&self) -> &[Reading] {
        let count = self.sources.len();
        self.readings.get(self.readings.len() - count..).unwrap_or_default()
    }

    /// The sources whose addresses begin where those of the name do, with what they list there.
    fn sources_here(&self) -> impl Iterator<Item = (&Source<'w>, Reading)> {
        let base = self.nodes.last().map_or(0, |node| node.base);
        let pairs = self.sources.iter().zip(self.here());
        pairs.filter_map(move |(source, at)| {
            let labels = labels_with_length(&source.base).count();
            (labels == base && self.path.starts_with(&source.base)).then_some((source, *at))
        })
    }

    /// Begins to go through the names below.
    fn begin_below(&mut self) {
        let Some(node) = self.nodes.last() else { return };
        if matches!(node.within, Within::Some(..)) {
            return;
        }
        let spread = node.spread && self.order == Order::Paths;
        let octet = self.next_octet(0);
        let nibble = if spread { Some(0) } else { self.next_nibble(0) };
        if let Some(node) = self.nodes.last_mut() {
            (node.octet, node.nibble) = (octet, nibble);
        }
        (0..3).for_each(|run| self.next_name(run));
    }

    /// Ends with the names below.
    fn end_below(&mut self) {
        let order = self.order;
        if let Some(node) = self.nodes.last_mut() {
            let nibbles = node.spread && order == Order::File;
            node.step = if nibbles { Step::Nibbles(0) } else { Step::Marker };
        }
    }

    /// The first octet from one on at or below which a network begins.
    fn next_octet(&self, from: u32) -> Option<u32> {
        let pairs = self.sources.iter().zip(self.here());
        pairs.filter_map(|(source, at)| source.next_octet(*at, from)).min()
    }

    /// The first nibble from one on.
    fn next_nibble(&self, from: u32) -> Option<u32> {
        let pairs = self.sources.iter().zip(self.here());
        pairs.filter_map(|(source, at)| source.next_nibble(*at, from)).min()
    }

    /// Some of the names in order: most, those that came since, or those that are always there.
    fn run(&self, run: usize) -> &Paths {
        match run {
            0 => &self.version.names.base,
            1 => &self.version.names.added,
            _ => &self.fixed,
        }
    }

    /// Whether any of some names is there: the zone may have lost it since they were put in order.
    fn any_is_said(&self, run: usize, names: &Range<usize>) -> bool {
        let paths = self.run(run);
        names.clone().any(|index| run == 2 || is_said(self.version.zone, paths.get(index)))
    }

    /// Finds the next names of a run that have one label below in common.
    fn next_name(&mut self, run: usize) {
        let Some(node) = self.nodes.last_mut() else { return };
        if node.names[run].is_empty() {
            node.next[run] = 0..0;
            return;
        }
        let (mut names, at) = (node.names[run].clone(), node.path);
        let paths = self.run(run);
        let mut next = names.end..names.end;
        while names.start < names.end {
            let Some(label) = first_label(paths.get(names.start), at) else {
                // The name where the walk is.
                names.start += 1;
                continue;
            };
            next = names.start..paths.end_of(names.clone(), at, label);
            names.start = next.end;
            if self.any_is_said(run, &next) {
                break;
            }
            next = names.end..names.end;
        }
        if let Some(node) = self.nodes.last_mut() {
            (node.names[run], node.next[run]) = (names, next);
        }
    }

    /// The next label below where the walk is, with the names that go on with it.
    fn next_child(&mut self) -> Option<(Label, [Range<usize>; 3], Within)> {
        let node = self.nodes.last()?;
        let mut first: Option<Label> = None;
        let mut consider = |label: Label| match &first {
            Some(least) if least.wire() <= label.wire() => {}
            Some(_) | None => first = Some(label),
        };
        if let Some(octet) = node.octet {
            consider(Label::octet(octet));
        }
        if let Some(nibble) = node.nibble {
            consider(Label::nibble(nibble));
        }
        for run in 0..3 {
            if let Some(label) = self.name_label(run) {
                consider(label);
            }
        }
        let label = first?;
        let (own_octet, own_nibble) = (node.octet, node.nibble);
        let is_octet = own_octet.filter(|octet| Label::octet(*octet).wire() == label.wire());
        let is_nibble = own_nibble.filter(|nibble| Label::nibble(*nibble).wire() == label.wire());
        let mut names = [0..0, 0..0, 0..0];
        for (run, names) in names.iter_mut().enumerate() {
            if self.name_label(run).is_some_and(|own| own.wire() == label.wire()) {
                *names = self.nodes.last()?.next[run].clone();
                self.next_name(run);
            }
        }
        if let Some(octet) = is_octet {
            let next = self.next_octet(octet + 1);
            self.nodes.last_mut()?.octet = next;
        }
        if let Some(nibble) = is_nibble {
            let spread = self.nodes.last()?.spread && self.order == Order::Paths;
            let next = match spread {
                true => (nibble < 15).then_some(nibble + 1),
                false => self.next_nibble(nibble + 1),
            };
            self.nodes.last_mut()?.nibble = next;
        }
        if let Some(nibble) = nibble(label.text()) {
            self.nodes.last_mut()?.seen |= 1 << nibble;
        }
        Some((label, names, Within::All))
    }

    /// The label of the next names of a run.
    fn name_label(&self, run: usize) -> Option<Label> {
        let node = self.nodes.last()?;
        let next = &node.next[run];
        if next.is_empty() {
            return None;
        }
        Label::of(first_label(self.run(run).get(next.start), node.path)?)
    }

    /// The next label below where the walk is that is to be gone through, and is there.
    fn next_in_scope(&mut self) -> Option<(Label, [Range<usize>; 3], Within)> {
        loop {
            let node = self.nodes.last_mut()?;
            let (label, within) = self.scope.next(&mut node.within, node.path)?;
            let Some(label) = Label::of(label) else { continue };
            let names = self.names_with(&label);
            if self.is_there(&label, &names) {
                return Some((label, names, within));
            }
        }
    }

    /// The names below where the walk is that go on with a label.
    fn names_with(&self, label: &Label) -> [Range<usize>; 3] {
        let Some(node) = self.nodes.last() else { return [0..0, 0..0, 0..0] };
        std::array::from_fn(|run| {
            self.run(run).narrow(node.names[run].clone(), node.path, label.wire())
        })
    }

    /// Whether a label below where the walk is leads to anything.
    fn is_there(&self, label: &Label, names: &[Range<usize>; 3]) -> bool {
        let octet = octet(label.text()).map(u32::from);
        let nibble = nibble(label.text()).map(u32::from);
        let spread = self.nodes.last().is_some_and(|node| node.spread);
        spread && nibble.is_some()
            || self.sources.iter().zip(self.here()).any(|(source, at)| {
                octet.is_some_and(|octet| source.has_octet(*at, octet))
                    || nibble.is_some_and(|nibble| source.has_nibble(*at, nibble))
            })
            || names.iter().enumerate().any(|(run, names)| self.any_is_said(run, names))
    }

    /// Goes down to a label, if the name is not too long.
    fn enter(&mut self, label: &Label, names: [Range<usize>; 3], within: Within) {
        let Some(node) = self.nodes.last() else { return };
        let (covered, start, labels) = (node.covers, node.start, node.labels);
        let (mut base, mut shape) = (node.base, node.shape.below(label.text()));
        if self.path.len() + label.len > self.room || start < label.len {
            return;
        }
        self.path.extend_from_slice(label.wire());
        let start = start - label.len;
        self.name[start..start + label.len].copy_from_slice(label.wire());
        if self.bases.contains(&self.path) {
            (base, shape) = (labels + 1, Shape::default());
        }
        let count = self.sources.len();
        let above = self.readings.len() - count;
        for (place, source) in self.sources.iter().enumerate() {
            let reading = match source.base == self.path {
                true => source.start(),
                false => source.below(self.readings[above + place], label.text()),
            };
            self.readings.push(reading);
        }
        let mut node = Node::new(start, shape, within, names);
        (node.path, node.labels, node.base, node.covered) =
            (self.path.len(), labels + 1, base, covered);
        self.nodes.push(node);
    }

    /// Whether the name exists where the walk is because of what it does not go through.
    fn exists_elsewhere(&self) -> bool {
        let Some(Within::Some(..)) = self.nodes.last().map(|node| &node.within) else {
            return false;
        };
        let whole = [Touched { path: self.path.clone(), with_below: true }];
        let mut all = Walk::new(self.version, self.order, Scope::of(&whole));
        while all.next().is_some() {
            if all.path.starts_with(&self.path) {
                return !(all.is_marker && all.path == self.path);
            }
        }
        false
    }
}

/// Adds the name servers of a zone.
fn servers(version: Version<'_>, sets: &mut RecordSets) {
    let Some((ttl, servers)) = version.zone.name_servers() else { return };
    if export::lacks_name_servers(version.zone) {
        return sets.add(NS, ttl, export::STAND_IN_WIRE);
    }
    servers.iter().for_each(|server| sets.add(NS, ttl, server.as_wire()));
}

/// A name below a node that no list can hold, as they are all in lower case; without the apex.
fn unsaid<'n>(name: &'n mut [u8; 256], node: &Node, version: Version<'_>) -> &'n [u8] {
    let end = name.len() - version.zone.apex().as_wire().len();
    let start = node.start.saturating_sub(2);
    name[start..start + 2].copy_from_slice(b"\x01N");
    &name[start..end]
}

impl Node {
    /// A name whose records come next, without what is above it.
    fn new(start: usize, shape: Shape, within: Within, names: [Range<usize>; 3]) -> Node {
        Node {
            path: 0,
            start,
            labels: 0,
            base: 0,
            shape,
            covered: false,
            exists: false,
            covers: false,
            spread: false,
            step: Step::Own,
            within,
            octet: None,
            nibble: None,
            seen: 0,
            names,
            next: [0..0, 0..0, 0..0],
        }
    }
}

impl Label {
    /// A label with its length before it; nothing if there is no such label.
    fn of(wire: &[u8]) -> Option<Label> {
        let mut bytes = [0; 64];
        bytes.get_mut(..wire.len())?.copy_from_slice(wire);
        Some(Label { bytes, len: wire.len() })
    }

    /// The label of an octet.
    fn octet(octet: u32) -> Label {
        let digits =
            [octet / 100 % 10, octet / 10 % 10, octet % 10].map(|digit| b'0' + digit as u8);
        let skip = match octet {
            0..10 => 2,
            10..100 => 1,
            _ => 0,
        };
        let digits = &digits[skip..];
        let mut label = Label { bytes: [0; 64], len: 1 + digits.len() };
        label.bytes[0] = digits.len() as u8;
        label.bytes[1..=digits.len()].copy_from_slice(digits);
        label
    }

    /// The label of a nibble.
    fn nibble(nibble: u32) -> Label {
        let mut label = Label { bytes: [0; 64], len: 2 };
        label.bytes[0] = 1;
        label.bytes[1] = b"0123456789abcdef"[nibble as usize & 15];
        label
    }

    /// With its length before it.
    fn wire(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    /// Without.
    fn text(&self) -> &[u8] {
        self.wire().get(1..).unwrap_or_default()
    }
}

impl Holds {
    /// Adds what a data set has.
    fn add(&mut self, dataset: &Dataset) {
        match &dataset.content {
            Content::Addresses(_) => self.addresses = true,
            Content::Names(_) => self.names = true,
            Content::Combined(branches) => {
                branches.iter().flat_map(|branch| &branch.datasets).for_each(|d| self.add(d));
            }
            Content::Generic(_) | Content::Acl(_) | Content::Keys(_) => {}
        }
    }
}

//! The master file (RFC 1035 section 5): the same answers from BIND, NSD, Knot and others.
//!
//! Networks, and names with all that is below them, become wildcards. A wildcard answers only for names
//! whose closest encloser (RFC 4592 section 3.3.1) is the name above the asterisk, so every name that
//! exists below cuts it. Therefore the zone is walked as the tree of the names at which something begins,
//! and at each of them one question about a name that is not in the tree tells what its wildcard has to
//! say: an answer, an own wildcard where another one was cut, or that the name exists without a listing.
//!
//! A label from 0 to 9 is an octet and a nibble (RFC 5782 section 2.4): `*.0.2` for 2.0.0.0/16 would also
//! list all of 2000::/8. Where the families differ below such a name, the wildcard is IPv4's and the
//! sixteen nibbles are written out; since IPv4 has four labels only, that ends soon.
//!
//! What master files cannot say: a wildcard also answers for names that are no address, a text that names
//! the address asked about names the first address of its network instead, and a literal `*` as a label
//! is left out.

use std::io::{self, Write};
use std::ops::Range;

use crate::dataset::{Content, Dataset};
use crate::export::header::{Syntax, header};
use crate::export::paths::{Paths, path_of};
use crate::export::record_sets::{Asked, EXISTS, RecordSets};
use crate::export::{View, name_text};
use crate::zone::{Subject, Zone};

/// Writes a zone as a master file: what a client without a key is told at a time (seconds since 1970).
///
/// # Errors
/// If `out` fails.
pub fn master(zone: &Zone, now: u32, out: &mut dyn Write) -> io::Result<()> {
    header(zone, View::At(now), Syntax::Master, out)?;
    let mut bases = vec![Vec::new()];
    let mut holds = Holds::default();
    zone.datasets.iter().for_each(|dataset| holds.add(dataset, &mut bases));
    let paths = Paths::of(zone);
    let mut walk = Walk {
        asked: Asked::new(zone, now),
        ttl: zone.datasets.first().map_or(0, |dataset| dataset.header.ttl),
        // The root's byte and a wildcard's two have their place beside the apex.
        room: 255 - zone.apex().as_wire().len(),
        bases,
        holds,
        paths: &paths,
        path: Vec::new(),
        out,
    };
    walk.node(0..paths.len(), Shape::default(), false)?;
    Ok(())
}

/// Which kinds of entries a zone has.
#[derive(Clone, Copy, Debug, Default)]
struct Holds {
    addresses: bool,
    names: bool,
}

impl Holds {
    /// Adds what a data set has, and the paths where sub-zones of a combined one begin.
    fn add(&mut self, dataset: &Dataset, bases: &mut Vec<Vec<u8>>) {
        match &dataset.content {
            Content::Addresses(_) => self.addresses = true,
            Content::Names(_) => self.names = true,
            Content::Combined(branches) => {
                for branch in branches {
                    bases.push(path_of(&branch.suffix));
                    branch.datasets.iter().for_each(|dataset| self.add(dataset, bases));
                }
            }
            Content::Generic(_) | Content::Acl(_) | Content::Keys(_) => {}
        }
    }
}

/// The walk through the tree, from the apex down.
struct Walk<'w> {
    asked: Asked<'w>,
    /// Time to live of what only marks that a name exists.
    ttl: u32,
    /// How long a path may be to be a name below the apex.
    room: usize,
    /// Where addresses begin: the apex and sub-zones.
    bases: Vec<Vec<u8>>,
    holds: Holds,
    paths: &'w Paths,
    /// Where the walk is.
    path: Vec<u8>,
    out: &'w mut dyn Write,
}

impl<'w> Walk<'w> {
    /// Writes all at and below the current path; `range` are the paths that begin with it. `covered` says
    /// whether a wildcard would answer for it if it did not exist. Tells whether it exists now.
    fn node(&mut self, mut range: Range<usize>, shape: Shape, covered: bool) -> io::Result<bool> {
        if self.path.len() > self.room {
            return Ok(false);
        }
        let shape = if self.bases.contains(&self.path) { Shape::default() } else { shape };
        while range.start < range.end && self.paths.get(range.start).len() == self.path.len() {
            range.start += 1;
        }
        let wire = path_of(&self.path);
        let owner = name_text(&wire);
        let own = self.asked.at(&wire, None);
        own.write(&owner, self.out)?;
        let children = self.children(range);
        let (wildcard, nibbles) = self.below(&children, shape);
        let mut exists = !own.is_empty();
        if !wildcard.is_empty() && self.path.len() + 2 <= self.room {
            let above = if wire.is_empty() { String::new() } else { format!(".{owner}") };
            wildcard.write(&format!("*{above}"), self.out)?;
            exists = true;
        }
        let covers = !wildcard.is_empty();
        for child in &children {
            exists |= self.child(child.label, child.range.clone(), shape, covers)?;
        }
        for nibble in 0..16 {
            if nibbles >> nibble & 1 != 0 {
                let label = [b"0123456789abcdef"[nibble]];
                exists |= self.child(&label, 0..0, shape, covers)?;
            }
        }
        if covered && !exists {
            // It must exist, or the wildcard above would answer for it and for what is below.
            writeln!(self.out, "{owner}\t{}\tIN\t{EXISTS}", self.ttl)?;
            exists = true;
        }
        Ok(exists)
    }

    fn child(
        &mut self,
        label: &[u8],
        range: Range<usize>,
        shape: Shape,
        covered: bool,
    ) -> io::Result<bool> {
        let len = self.path.len();
        self.path.push(label.len() as u8);
        self.path.extend_from_slice(label);
        let exists = self.node(range, shape.below(label), covered);
        self.path.truncate(len);
        exists
    }

    /// The labels below the current path, each with the paths that go on with it.
    fn children(&self, range: Range<usize>) -> Vec<Child<'w>> {
        let mut children: Vec<Child<'w>> = Vec::new();
        let (at, paths) = (self.path.len(), self.paths);
        for index in range {
            let rest = &paths.get(index)[at..];
            let label = &rest[1..1 + usize::from(rest[0])];
            match children.last_mut() {
                Some(last) if last.label == label => last.range.end = index + 1,
                _ => children.push(Child { label, range: index..index + 1 }),
            }
        }
        children
    }

    /// What names below the current path are answered that are not in the tree, and the nibbles that
    /// have to be in it as well so that this is so.
    fn below(&self, children: &[Child<'_>], shape: Shape) -> (RecordSets, u16) {
        let (v4, v6) = if self.holds.addresses {
            (self.below_as_octets(children, shape), self.below_as_nibbles(children, shape))
        } else {
            (None, None)
        };
        match (v4, v6) {
            (Some(v4), Some((v6, nibbles))) if v4 != v6 => (v4, nibbles),
            (Some(sets), _) | (None, Some((sets, _))) => (sets, 0),
            (None, None) if self.holds.names => (self.below_as_name(children), 0),
            (None, None) => (RecordSets::default(), 0),
        }
    }

    /// What an IPv4 address is answered that begins with the current path and goes on with none of
    /// its children; nothing if there is none.
    fn below_as_octets(&self, children: &[Child<'_>], shape: Shape) -> Option<RecordSets> {
        let (first, depth) = shape.v4.filter(|(_, depth)| *depth < 4)?;
        let mut free = [true; 256];
        for octet in children.iter().filter_map(|child| octet(child.label)) {
            free[usize::from(octet)] = false;
        }
        let octet = free.iter().rposition(|free| *free)?;
        let mut path = self.path.clone();
        for label in std::iter::once(octet.to_string()).chain((depth..3).map(|_| "0".to_owned())) {
            path.push(label.len() as u8);
            path.extend_from_slice(label.as_bytes());
        }
        let network = Subject::Ipv4(first);
        (path.len() <= self.room).then(|| self.asked.at(&path_of(&path), Some(network)))
    }

    /// The same for an IPv6 address, and all nibbles that go on with none of the children.
    fn below_as_nibbles(&self, children: &[Child<'_>], shape: Shape) -> Option<(RecordSets, u16)> {
        let (first, depth) = shape.v6.filter(|(_, depth)| *depth < 32)?;
        let mut free = u16::MAX;
        for nibble in children.iter().filter_map(|child| nibble(child.label)) {
            free &= !(1 << nibble);
        }
        let last = b"0123456789abcdef"[free.checked_ilog2()? as usize];
        let mut path = self.path.clone();
        path.extend([1, last]);
        path.extend((depth..31).flat_map(|_| *b"\x010"));
        let network = Subject::Ipv6(first);
        (path.len() <= self.room).then(|| (self.asked.at(&path_of(&path), Some(network)), free))
    }

    /// What a name is answered that is no address.
    fn below_as_name(&self, children: &[Child<'_>]) -> RecordSets {
        let mut label = b"_".to_vec();
        while children.iter().any(|child| child.label == label) {
            label.push(b'_');
        }
        let mut path = self.path.clone();
        path.push(label.len() as u8);
        path.extend_from_slice(&label);
        match path.len() <= self.room {
            true => self.asked.at(&path_of(&path), None),
            false => RecordSets::default(),
        }
    }
}

/// A label below the current path.
struct Child<'p> {
    label: &'p [u8],
    /// The paths that go on with it.
    range: Range<usize>,
}

/// The beginnings of addresses that a path spells, and how many labels they have.
#[derive(Clone, Copy, Debug)]
struct Shape {
    v4: Option<(u32, u32)>,
    v6: Option<(u128, u32)>,
}

impl Default for Shape {
    /// Where addresses begin.
    fn default() -> Shape {
        Shape { v4: Some((0, 0)), v6: Some((0, 0)) }
    }
}

impl Shape {
    /// One label further down.
    fn below(self, label: &[u8]) -> Shape {
        let v4 = self.v4.filter(|(_, depth)| *depth < 4).and_then(|(first, depth)| {
            Some((first | u32::from(octet(label)?) << (24 - 8 * depth), depth + 1))
        });
        let v6 = self.v6.filter(|(_, depth)| *depth < 32).and_then(|(first, depth)| {
            Some((first | u128::from(nibble(label)?) << (124 - 4 * depth), depth + 1))
        });
        Shape { v4, v6 }
    }
}

/// The octet that a label spells, without leading zeros.
fn octet(label: &[u8]) -> Option<u8> {
    if label.len() > 1 && label[0] == b'0' || !label.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(label).ok()?.parse().ok()
}

/// The nibble that a label spells.
fn nibble(label: &[u8]) -> Option<u8> {
    match *label {
        [digit @ b'0'..=b'9'] => Some(digit - b'0'),
        [letter @ b'a'..=b'f'] => Some(letter - b'a' + 10),
        _ => None,
    }
}

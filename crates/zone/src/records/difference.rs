//! What two versions of a list differ in, as records that are taken away and records that are added.
//!
//! Both versions are gone through at once, in the same order, and what both have is passed over. A record of the journal
//! spares nearly all of that: only at the names of its keys, below them and above them can anything differ. What is
//! above depends on all that is below in a few ways only (whether a wildcard is there, whether the nibbles are written
//! out, how networks end there), and where one of these differs all that is below is gone through.
//!
//! An exclusion in a network is one name. Only where so many neighbours come to be listed alike that they stand as one
//! name, or cease to, does a change of one address take names away and write others, up to hundreds: what differs is what
//! a difference costs.

use std::cmp::Ordering;
use std::ops::ControlFlow;

use repute_dnsxl::{Extent, Network};

use crate::dataset::{Content, Dataset};
use crate::journal::{Key, Record};
use crate::records::scope::{Scope, Touched};
use crate::records::sets::Bare;
use crate::records::sorted_names::{first_label, labels, path_of};
use crate::records::walk::{At, Order, Walk};
use crate::records::{Version, WireRecord};
use crate::zone::Zone;

/// What two versions of a list differ in; the start of authority is not looked at.
#[derive(Debug)]
pub struct Difference<'v> {
    old: Version<'v>,
    new: Version<'v>,
    touched: Option<Vec<Touched>>,
}

/// What is gone through to find a difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// The names that a record of the journal touches. It costs what they cost, in a list of any size.
    Touched,
    /// Both versions from beginning to end.
    Whole,
}

/// Which of two versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Old,
    New,
}

impl<'v> Difference<'v> {
    /// The difference of any two versions of lists under one apex.
    pub fn of(old: Version<'v>, new: Version<'v>) -> Difference<'v> {
        Difference { old, new, touched: None }
    }

    /// The difference of two versions, of which a record of the journal made the later one. If it does not lead from the
    /// one to the other, or something changed that is around the entries (name servers, times to live, links), or the
    /// versions are looked at as of different times, both are gone through as a whole.
    pub fn by(old: Version<'v>, new: Version<'v>, record: &Record) -> Difference<'v> {
        let follows = old.zone.serial() == record.from && new.zone.serial() == record.to;
        let alike = old.now == new.now && follows && is_around_alike(old.zone, new.zone);
        Difference { old, new, touched: alike.then(|| touched(old, new, record)) }
    }

    /// What is gone through.
    pub fn way(&self) -> Way {
        if self.touched.is_some() { Way::Touched } else { Way::Whole }
    }

    /// Gives each record that the later version has no more.
    pub fn removed(&self, each: impl FnMut(WireRecord<'_>) -> ControlFlow<()>) -> ControlFlow<()> {
        self.each(Side::Old, each)
    }

    /// Gives each record that the earlier version did not have.
    pub fn added(&self, each: impl FnMut(WireRecord<'_>) -> ControlFlow<()>) -> ControlFlow<()> {
        self.each(Side::New, each)
    }

    /// Gives each record that only one of them has.
    fn each(
        &self,
        side: Side,
        mut each: impl FnMut(WireRecord<'_>) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        let scope = || self.touched.as_deref().map_or(Scope::ALL, Scope::of);
        let mut own = Walk::new(self.version(side), Order::Paths, scope());
        let other = match side {
            Side::Old => Side::New,
            Side::New => Side::Old,
        };
        let mut other = Walk::new(self.version(other), Order::Paths, scope());
        let mut other_at = other.next();
        while let Some(at) = own.next() {
            while other_at.is_some_and(|o| other.compare(o, &own, at) == Ordering::Less) {
                other_at = other.next();
            }
            own.sort();
            let shared = other_at.filter(|o| other.compare(*o, &own, at) == Ordering::Equal);
            match shared {
                Some(_) => {
                    other.sort();
                    only(&own, at, &other, &mut each)?;
                    other_at = other.next();
                }
                None => own.sets().iter().try_for_each(|bare| each(wire(&own, at, bare)))?,
            }
        }
        ControlFlow::Continue(())
    }

    /// One of the two.
    fn version(&self, side: Side) -> Version<'v> {
        match side {
            Side::Old => self.old,
            Side::New => self.new,
        }
    }
}

/// A record where a walk is.
pub(super) fn wire<'r>(walk: &'r Walk<'_>, at: At, bare: Bare<'r>) -> WireRecord<'r> {
    let Bare { rtype, data, ttl } = bare;
    WireRecord { owner: walk.owner(at), rtype, ttl, data }
}

/// Gives the records of a name that another walk does not have at the same name. Both are sorted.
fn only(
    own: &Walk<'_>,
    at: At,
    other: &Walk<'_>,
    each: &mut impl FnMut(WireRecord<'_>) -> ControlFlow<()>,
) -> ControlFlow<()> {
    let mut place = 0;
    for bare in own.sets().iter() {
        while other.sets().get(place).is_some_and(|o| (o.rtype, o.data) < (bare.rtype, bare.data)) {
            place += 1;
        }
        if other.sets().get(place) != Some(bare) {
            each(wire(own, at, bare))?;
        }
    }
    ControlFlow::Continue(())
}

/// Whether two versions have alike what is around their entries, and are lists that a journal changes.
fn is_around_alike(old: &Zone, new: &Zone) -> bool {
    let is_journaled =
        |dataset: &Dataset| matches!(dataset.content, Content::Addresses(_) | Content::Names(_));
    let mut datasets = old.datasets.iter().chain(&new.datasets);
    let ttl = old.datasets.first().map(|dataset| dataset.header.ttl);
    old.apex == new.apex
        && old.dialect == new.dialect
        && old.name_servers == new.name_servers
        && old.link == new.link
        && !new.datasets.is_empty()
        && datasets.all(|dataset| is_journaled(dataset) && Some(dataset.header.ttl) == ttl)
}

/// The names that a record touches, and those below which all has to be looked at because of it; sorted.
fn touched(old: Version<'_>, new: Version<'_>, record: &Record) -> Vec<Touched> {
    let mut keys = Vec::new();
    for change in &record.changes {
        match &change.key {
            Key::Network(Network::V4(network)) => {
                // Whole octets, as they stand in the tree.
                let shift = 32 - u32::from(network.prefix_len());
                let (wild, parts) = (shift / 8, 1_u32 << (shift % 8));
                for part in 0..parts {
                    let first = network.first() | part << (shift / 8 * 8).min(31);
                    let octets = first.to_be_bytes().map(|octet| octet.to_string());
                    let labels = octets.iter().take(4 - wild as usize).map(String::as_bytes);
                    keys.push(Touched { path: joined(labels), with_below: true });
                }
            }
            Key::Network(Network::V6(network)) => {
                let shift = 128 - u32::from(network.prefix_len());
                let (wild, parts) = (shift / 4, 1_u128 << (shift % 4));
                for part in 0..parts {
                    let first = network.first() | part << (shift / 4 * 4).min(127);
                    let digits = format!("{first:032x}");
                    let labels = digits.as_bytes().chunks(1).take(32 - wild as usize);
                    keys.push(Touched { path: joined(labels), with_below: true });
                }
            }
            Key::Name(name, extent) => {
                // A wildcard in a zone cannot be an entry.
                if !labels(name.relative()).any(|label| label == b"*") {
                    let path = path_of(name.relative());
                    keys.push(Touched { path, with_below: *extent != Extent::Exact });
                }
            }
        }
    }
    // A list that comes to list a test entry itself adds it no more.
    for (one, other) in [(old.zone, new.zone), (new.zone, old.zone)] {
        let others = tests(other);
        let changed = tests(one).into_iter().filter(|test| !others.contains(test));
        keys.extend(changed.map(|(path, ..)| Touched { path, with_below: false }));
    }
    keys.sort_unstable();
    keys.dedup();
    let mut walks = [old, new].map(|version| Walk::new(version, Order::Paths, Scope::of(&[])));
    let [before, after] = &mut walks;
    if before.profile() != after.profile() {
        return vec![Touched { path: Vec::new(), with_below: true }];
    }
    let mut decided = Vec::with_capacity(keys.len());
    decide(before, after, &keys, 0, &mut decided);
    decided
}

/// Notes below the name at which two walks are, whose path is so long, what is touched, and the names from which on all
/// has to be looked at.
fn decide(
    before: &mut Walk<'_>,
    after: &mut Walk<'_>,
    keys: &[Touched],
    at: usize,
    decided: &mut Vec<Touched>,
) {
    let mut rest = keys;
    while let Some(first) = rest.first() {
        let Some(label) = first_label(&first.path, at) else {
            // The name itself.
            decided.push(first.clone());
            rest = &rest[1..];
            continue;
        };
        let end = at + label.len();
        let goes_on =
            |key: &&Touched| key.path.get(at..).is_some_and(|rest| rest.starts_with(label));
        let (keys, behind) = rest.split_at(rest.iter().take_while(goes_on).count());
        rest = behind;
        let whole = || Touched { path: first.path[..end].to_vec(), with_below: true };
        if keys.iter().any(|key| key.with_below && key.path.len() == end) {
            decided.push(whole());
            continue;
        }
        let (one, other) = (before.descend(label), after.descend(label));
        if one != other {
            decided.push(whole());
        } else if one.is_some() {
            decide(before, after, keys, end, decided);
        }
        if one.is_some() {
            before.ascend();
        }
        if other.is_some() {
            after.ascend();
        }
    }
}

/// A test entry that a list itself lacks: its path, its codes, and its time to live.
type Test = (Vec<u8>, Vec<[u8; 4]>, u32);

/// The test entries of a zone.
fn tests(zone: &Zone) -> Vec<Test> {
    let tests = zone.tests.iter().flat_map(|tests| tests.entries.iter().map(move |e| (tests, e)));
    tests
        .map(|(tests, entry)| {
            let codes = tests.values.pairs(entry.value).map(|pair| pair.code).collect();
            (path_of(&entry.relative), codes, tests.ttl)
        })
        .collect()
}

/// A path of labels, the one next to the apex first.
fn joined<'l>(labels: impl Iterator<Item = &'l [u8]>) -> Vec<u8> {
    let mut path = Vec::new();
    for label in labels {
        path.push(label.len() as u8);
        path.extend_from_slice(label);
    }
    path
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use repute_dnsxl::{KeyKind, Polarity, ReturnCode};

    use super::*;
    use crate::journal::{Change, Editor, State};
    use crate::records::SortedNames;
    use crate::value::Text;
    use crate::zone::{Dialect, ZoneSpec};

    /// Paths as text, those with all below them with an asterisk.
    fn shown(touched: &[Touched]) -> BTreeSet<String> {
        let text = |touched: &Touched| {
            let name = path_of(&touched.path);
            let labels = labels(&name).map(|label| String::from_utf8_lossy(label).into_owned());
            let name = labels.collect::<Vec<_>>().join(".");
            if touched.with_below { format!("*{name}") } else { name }
        };
        touched.iter().map(text).collect()
    }

    #[test]
    fn of_a_list_of_many_only_what_is_touched_is_gone_through() {
        let listed = || State::Listed(vec![(ReturnCode::LISTED, Text::template("of $"))]);
        let change = |key: &str, state| {
            let network = key.parse::<Network>().map(Key::Network);
            let name = || Key::Name(key.parse().expect("a name"), Extent::Both);
            Change { key: network.unwrap_or_else(|_| name()), state }
        };
        let many = (0..6000_u32)
            .map(|i| change(&format!("10.{}.{}.9", i / 200, i % 200), listed()))
            .chain((0..3000).map(|i| change(&format!("n{i}.example"), listed())))
            .chain([change("10.200.0.0/16", listed())]);
        let spec = ZoneSpec {
            apex: "bl.example".parse().expect("a name"),
            dialect: Dialect::Native,
            polarity: Polarity::Block,
            soa: None,
            name_servers: None,
            datasets: Vec::new(),
            test_entries: true,
            link: None,
            codes: Vec::new(),
            serial: 1,
        };
        let mut editor = Editor::new(spec, &[KeyKind::Ip, KeyKind::Name], 300, many).expect("few");
        for (changes, expect, most) in [
            (vec![change("10.3.3.10", listed())], &["*10.3.3.10"][..], 2),
            // No network was there.
            (vec![change("11.3.3.10", listed())], &["*11"], 1),
            // What was one name is no more.
            (vec![change("10.200.3.10", State::Excluded)], &["*10.200"], 600),
            (
                vec![change("10.3.0.0/22", listed())],
                &["*10.3.0", "*10.3.1", "*10.3.2", "*10.3.3"],
                600,
            ),
            (
                vec![change("n7.example", State::Absent), change("10.3.4.9", listed())],
                &["*n7.example", "*10.3.4.9"],
                3,
            ),
            (vec![change("127.0.0.2", listed())], &["*127.0.0.2"], 1),
        ] {
            let old = editor.zone().clone();
            let record = Record { from: editor.serial(), to: editor.serial() + 1, changes };
            let new = editor.apply(&record).expect("serials follow").clone();
            let names = SortedNames::of(&old);
            let [before, after] = [&old, &new].map(|zone| Version { zone, names: &names, now: 0 });
            let touched = touched(before, after, &record);
            let expect: BTreeSet<String> = expect.iter().map(|path| turned(path)).collect();
            assert_eq!(shown(&touched), expect);
            for version in [before, after] {
                let mut walk = Walk::new(version, Order::Paths, Scope::of(&touched));
                let mut names = 0;
                while walk.next().is_some() {
                    names += 1;
                }
                assert!(names <= most, "{names} names are gone through for {expect:?}");
            }
        }
    }

    /// An address as it stands in names.
    fn turned(path: &str) -> String {
        let Some(labels) = path.strip_prefix('*').filter(|path| !path.contains("example")) else {
            return path.to_owned();
        };
        let labels: Vec<&str> = labels.split('.').rev().collect();
        format!("*{}", labels.join("."))
    }
}

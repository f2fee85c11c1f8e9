//! Changes to a list: applied one record at a time, touching only what changed.
//!
//! A zone never changes, so a change gives a new one. An [`Editor`] holds the entries of a list as they
//! were written, which the index alone does not tell (what lay below an entry shows again when it is
//! removed), and lays a patch over the indexes for exactly the networks and names of a record. Everything
//! else is shared with the zone before, so ten changes cost the same in a list of any size. When the
//! patch has grown, [`Editor::compact`] builds the indexes anew; the caller chooses the moment.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Debug;
use std::ops::{Add, Sub};
use std::sync::Arc;

use repute_dnsxl::{Name, Network, ReturnCode};

use crate::dataset::ipv4::Ipv4Index;
use crate::dataset::ipv4_entries::Ipv4Entries;
use crate::dataset::ipv6::{Ipv6Entries, Ipv6Index};
use crate::dataset::names::{
    Extent, NamesEntries, NamesIndex, NamesPatch, Record as NameRecord, Repeats, Say,
};
use crate::dataset::{Addresses, Content, Dataset, DatasetKind, Header, Names};
use crate::patch::Range;
use crate::resolve::{Cover, Entry, Overlap, sweep};
use crate::value::{Text, ValueBuilder, ValueId, Values};
use crate::zone::{Zone, ZoneSpec};

/// The changes from one serial to the next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The serial it applies to.
    pub from: u32,
    /// The serial it leads to.
    pub to: u32,
    /// The changes, in order; of several for one key the last counts.
    pub changes: Vec<Change>,
}

/// A key and what it is from now on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// What changes.
    pub key: Key,
    /// What it becomes.
    pub state: State,
}

/// The key of an entry.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Key {
    /// A network.
    Network(Network),
    /// A name alone, what is below it, or both.
    Name(Name, Extent),
}

/// What an entry is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// Listed with these return codes and texts.
    Listed(Vec<(ReturnCode, Text)>),
    /// Never listed.
    Excluded,
    /// No entry.
    Absent,
}

/// A list that can be changed.
#[derive(Debug)]
pub struct Editor {
    spec: ZoneSpec,
    ttl: u32,
    values: ValueBuilder,
    v4: BTreeMap<(u32, u8), ValueId>,
    v6: BTreeMap<(u128, u8), ValueId>,
    names: HashMap<Box<[u8]>, NameState>,
    built: Built,
    zone: Arc<Zone>,
}

/// What a name is, and how many listed names lie below it.
#[derive(Clone, Copy, Debug, Default)]
struct NameState {
    exact: Say,
    below: Say,
    listed_below: u32,
}

/// The indexes as last built, with what was laid over them since.
#[derive(Clone, Debug)]
struct Built {
    v4: Ipv4Index,
    v6: Ipv6Index,
    names: NamesIndex,
    address_values: Values,
}

impl Editor {
    /// A list of these entries. `spec.datasets` is replaced; `spec.serial` is the first serial and
    /// `ttl` holds for all listings.
    pub fn new(spec: ZoneSpec, ttl: u32, entries: impl IntoIterator<Item = Change>) -> Editor {
        let mut values = ValueBuilder::default();
        let built = Built::of(&BTreeMap::new(), &BTreeMap::new(), &HashMap::new(), &mut values);
        let zone = Arc::new(Zone::new(ZoneSpec { datasets: Vec::new(), ..spec.clone() }));
        let (v4, v6, names) = (BTreeMap::new(), BTreeMap::new(), HashMap::new());
        let mut editor = Editor { spec, ttl, values, v4, v6, names, built, zone };
        for change in entries {
            editor.enter(&change, &mut Touched::default());
        }
        editor.compact();
        editor
    }

    /// The zone as it is now.
    pub fn zone(&self) -> &Arc<Zone> {
        &self.zone
    }

    /// Applies a record and returns the new zone.
    ///
    /// # Errors
    /// If the record does not begin at the zone's serial; nothing is changed then.
    pub fn apply(&mut self, record: &Record) -> Result<&Arc<Zone>, WrongSerial> {
        if record.from != self.serial() {
            return Err(WrongSerial { expected: self.serial(), found: record.from });
        }
        let mut touched = Touched::default();
        for change in &record.changes {
            self.enter(change, &mut touched);
        }
        self.patch_addresses(touched.v4, touched.v6);
        self.patch_names(&touched.names);
        self.set_serial(record.to);
        self.publish();
        Ok(&self.zone)
    }

    /// Whether so much was laid over the indexes that building them anew is worth it.
    pub fn wants_compaction(&self) -> bool {
        let patched = self.built.v4.patch.as_ref().map_or(0, |p| p.len())
            + self.built.v6.patch.as_ref().map_or(0, |p| p.len())
            + self.built.names.patch.as_ref().map_or(0, |p| p.len());
        patched > PATCHES_KEPT
    }

    /// Builds the indexes anew; the zone answers the same, and can be written as a snapshot.
    pub fn compact(&mut self) -> &Arc<Zone> {
        self.built = Built::of(&self.v4, &self.v6, &self.names, &mut self.values);
        self.publish();
        &self.zone
    }

    fn serial(&self) -> u32 {
        self.spec.soa.as_ref().map_or(self.spec.serial, |soa| soa.serial)
    }

    fn set_serial(&mut self, serial: u32) {
        self.spec.serial = serial;
        if let Some(soa) = &mut self.spec.soa {
            soa.serial = serial;
        }
    }

    /// Takes a change into the entries, and notes what it touches.
    fn enter(&mut self, change: &Change, touched: &mut Touched) {
        let value = match &change.state {
            State::Absent => None,
            State::Excluded => Some(ValueId::NOTHING),
            State::Listed(answers) => {
                let values = &mut self.values;
                Some(answers.iter().fold(ValueId::NOTHING, |all, (code, text)| {
                    let one = values.single(code.0.octets(), text);
                    values.union(all, one)
                }))
            }
        };
        match &change.key {
            Key::Network(Network::V4(network)) => {
                let key = (network.first(), network.prefix_len());
                put(&mut self.v4, key, value);
                touched.v4.push((network.first(), network.last(), network.prefix_len()));
            }
            Key::Network(Network::V6(network)) => {
                let key = (network.first(), network.prefix_len());
                put(&mut self.v6, key, value);
                touched.v6.push((network.first(), network.last(), network.prefix_len()));
            }
            Key::Name(name, extent) => self.enter_name(name.relative(), *extent, value, touched),
        }
    }

    fn enter_name(
        &mut self,
        name: &[u8],
        extent: Extent,
        value: Option<ValueId>,
        touched: &mut Touched,
    ) {
        let say = match value {
            None => Say::Nothing,
            Some(ValueId::NOTHING) => Say::Excluded,
            Some(value) => Say::Listed(value.0),
        };
        let state = self.names.entry(Box::from(name)).or_default();
        let listed_before = state.exact.lists() || state.below.lists();
        if extent != Extent::Below {
            state.exact = say;
        }
        if extent != Extent::Exact {
            state.below = say;
        }
        let listed_now = state.exact.lists() || state.below.lists();
        touched.names.push(Box::from(name));
        if listed_before == listed_now {
            return;
        }
        let mut above = name;
        while let Some(&len) = above.first() {
            above = &above[1 + usize::from(len)..];
            let state = self.names.entry(Box::from(above)).or_default();
            state.listed_below = if listed_now {
                state.listed_below + 1
            } else {
                state.listed_below.saturating_sub(1)
            };
            touched.names.push(Box::from(above));
        }
    }

    /// Resolves the touched networks again and lays the result over the indexes.
    fn patch_addresses(&mut self, v4: Vec<(u32, u32, u8)>, v6: Vec<(u128, u128, u8)>) {
        let values = &mut self.values;
        let mut union = |a, b| values.union(ValueId(a), ValueId(b)).0;
        let host4 = |len: u8| u32::MAX.checked_shr(u32::from(len)).unwrap_or(0);
        let host6 = |len: u8| u128::MAX.checked_shr(u32::from(len)).unwrap_or(0);
        if let Some(ranges) = resolve_again(&self.v4, v4, host4, &mut union) {
            let old = self.built.v4.patch.take().unwrap_or_default();
            self.built.v4.patch = Some(Arc::new(old.over(&ranges)));
        }
        if let Some(ranges) = resolve_again(&self.v6, v6, host6, &mut union) {
            let old = self.built.v6.patch.take().unwrap_or_default();
            self.built.v6.patch = Some(Arc::new(old.over(&ranges)));
        }
    }

    /// Lays the records of the touched names over the index.
    fn patch_names(&mut self, touched: &[Box<[u8]>]) {
        if touched.is_empty() {
            return;
        }
        let mut patch: NamesPatch =
            self.built.names.patch.take().map_or_else(HashMap::new, |old| (*old).clone());
        for name in touched {
            let state = self.names.get(name).copied().unwrap_or_default();
            patch.insert(name.clone(), state.record());
        }
        self.built.names.patch = Some(Arc::new(patch));
    }

    /// Makes the zone of what is there.
    fn publish(&mut self) {
        let first = self.built.address_values.first_added();
        if self.values.len() > first.value as usize {
            let added = self.values.finish_from(first);
            self.built.address_values.added = Some(Arc::new(added));
        }
        let header = Header { ttl: self.ttl, modified: self.serial(), ..Header::default() };
        let mut datasets = Vec::new();
        if !self.v4.is_empty() || !self.v6.is_empty() {
            let content = Content::Addresses(Box::new(Addresses {
                v4: Some(self.built.v4.clone()),
                v6: Some(self.built.v6.clone()),
                values: self.built.address_values.clone(),
            }));
            let entries = (self.v4.len() + self.v6.len()) as u64;
            let (kind, header) = (DatasetKind::Addresses, header.clone());
            datasets.push(Arc::new(Dataset { kind, header, content, entries }));
        }
        if !self.names.is_empty() {
            let (index, values) = (self.built.names.clone(), self.built.address_values.clone());
            let content = Content::Names(Box::new(Names { index, values }));
            let entries = self.names.len() as u64;
            datasets.push(Arc::new(Dataset { kind: DatasetKind::Names, header, content, entries }));
        }
        self.zone = Arc::new(Zone::new(ZoneSpec { datasets, ..self.spec.clone() }));
    }
}

impl NameState {
    fn record(self) -> NameRecord {
        let parent = self.listed_below > 0 || self.below.lists();
        NameRecord { exact: self.exact, below: self.below, parent }
    }
}

impl Built {
    fn of(
        v4: &BTreeMap<(u32, u8), ValueId>,
        v6: &BTreeMap<(u128, u8), ValueId>,
        names: &HashMap<Box<[u8]>, NameState>,
        values: &mut ValueBuilder,
    ) -> Built {
        let mut networks4 = Ipv4Entries::default();
        for (&(first, len), &value) in v4 {
            networks4.push(first, len, value);
        }
        let mut networks6 = Ipv6Entries::default();
        for (&(first, len), &value) in v6 {
            networks6.push(first, len, value);
        }
        let mut entries = NamesEntries::default();
        for (name, state) in names {
            for (say, extent) in [(state.exact, Extent::Exact), (state.below, Extent::Below)] {
                match say {
                    Say::Nothing => {}
                    Say::Excluded => entries.push(name, extent, ValueId::NOTHING),
                    Say::Listed(value) => entries.push(name, extent, ValueId(value)),
                }
            }
        }
        let (v4, _) = networks4.index(Overlap::AllOfLongest, values);
        let (v6, _) = networks6.index(Overlap::AllOfLongest, values);
        let names = entries.index(Repeats::Together, values);
        Built { v4, v6, names, address_values: values.finish() }
    }
}

/// What a record touches.
#[derive(Default)]
struct Touched {
    /// First address, last address, prefix length.
    v4: Vec<(u32, u32, u8)>,
    v6: Vec<(u128, u128, u8)>,
    names: Vec<Box<[u8]>>,
}

fn put<K: Ord>(map: &mut BTreeMap<K, ValueId>, key: K, value: Option<ValueId>) {
    match value {
        Some(value) => map.insert(key, value),
        None => map.remove(&key),
    };
}

/// Resolves networks from the entries: sorted, disjoint ranges that cover exactly them.
fn resolve_again<K>(
    entries: &BTreeMap<(K, u8), ValueId>,
    mut touched: Vec<(K, K, u8)>,
    host_mask: impl Fn(u8) -> K,
    union: &mut impl FnMut(u32, u32) -> u32,
) -> Option<Vec<Range<K>>>
where
    K: Copy
        + Ord
        + Debug
        + From<u8>
        + Add<Output = K>
        + Sub<Output = K>
        + std::ops::BitOr<Output = K>,
    K: std::ops::BitAnd<Output = K> + std::ops::Not<Output = K>,
{
    if touched.is_empty() {
        return None;
    }
    // Wider ones first, so that those inside are passed over.
    touched.sort_unstable_by_key(|&(first, _, len)| (first, len));
    let mut ranges = Vec::new();
    let mut end = None;
    for (first, last, len) in touched {
        if end.is_some_and(|end| last <= end) {
            continue;
        }
        end = Some(last);
        let around = (0..len).rev().find_map(|len| {
            let outer = first & !host_mask(len);
            entries.get(&(outer, len)).map(|value| Cover { value: value.0, len: Some(len) })
        });
        let inside = entries
            .range((first, len)..=(last, u8::MAX))
            .map(|(&(first, len), value)| (first, first | host_mask(len), len, value.0))
            .map(|(first, last, len, value)| Entry { first, last, len, value });
        let cover = around.unwrap_or_default();
        sweep((first, last), cover, inside, Overlap::AllOfLongest, union, |first, last, value| {
            crate::patch::push(&mut ranges, Range { first, last, value });
        });
    }
    Some(ranges)
}

/// A record that does not continue the zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the record begins at serial {found}, the zone is at {expected}; fetch the records between"
)]
pub struct WrongSerial {
    /// The zone's.
    pub expected: u32,
    /// The record's.
    pub found: u32,
}

/// From this many patched ranges and names on, building anew is worth it.
const PATCHES_KEPT: usize = 8192;

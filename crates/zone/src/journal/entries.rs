//! The entries of a list that can be changed, as they were written.
//!
//! The index does not tell them: what lay below an entry shows again when it is removed. What is no entry
//! any more is forgotten: names at once, answers when the indexes are built anew.

use std::collections::{BTreeMap, HashMap};
use std::ops::{Add, Sub};

use repute_dnsxl::{Ipv4Network, Ipv6Network, Name, Network, ReturnCode};

use crate::dataset::TooMany;
use crate::dataset::ipv4::Ipv4Index;
use crate::dataset::ipv4_entries::Ipv4Entries;
use crate::dataset::ipv6::{Ipv6Entries, Ipv6Index, MOST_BUCKETS, check_buckets};
use crate::dataset::names::{NamesIndex, Record, Say};
use crate::dataset::names_entries::{NamesEntries, Repeats, check_places};
use crate::journal::{Change, Key, State};
use crate::patch::Range;
use crate::resolve::{Cover, Entry, Overlap, sweep};
use crate::value::{ValueBuilder, ValueId, Values};
use repute_dnsxl::Extent;

use super::sum::Sum;

/// The entries and what they answer.
#[derive(Debug, Default)]
pub(super) struct Entries {
    /// What the entries answer, and some no longer do.
    pub(super) values: ValueBuilder,
    /// IPv4 networks.
    v4: Networks<u32>,
    /// IPv6 networks.
    v6: Networks<u128>,
    /// Listed and excluded names, and the names on the way to listed ones.
    names: HashMap<Box<[u8]>, NameState>,
    /// How many entries it takes to say them.
    name_entries: u64,
    /// The sum over all of it, once somebody has asked for it.
    sum: Option<Sum>,
}

/// Networks, by first address and length of the prefix.
type Networks<K> = BTreeMap<(K, u8), ValueId>;

/// What a name is, and how many listed names lie below it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct NameState {
    /// What is said of the name itself.
    exact: Say,
    /// What is said of all names below it.
    below: Say,
    /// How many names below it are listed.
    listed_below: u32,
}

/// What changes touch.
#[derive(Debug, Default)]
pub(super) struct Touched {
    /// IPv4 networks: first address and length of the prefix.
    v4: Vec<(u32, u8)>,
    /// IPv6 networks.
    v6: Vec<(u128, u8)>,
    /// Names in wire form without the root, those above changed ones among them.
    names: Vec<Box<[u8]>>,
}

/// All entries as indexes.
#[derive(Debug)]
pub(super) struct Indexes {
    /// IPv4 networks.
    pub(super) v4: Ipv4Index,
    /// IPv6 networks.
    pub(super) v6: Ipv6Index,
    /// Names.
    pub(super) names: NamesIndex,
    /// What all of them answer.
    pub(super) values: Values,
}

impl Entries {
    /// How many networks there are.
    pub(super) fn networks(&self) -> u64 {
        (self.v4.len() + self.v6.len()) as u64
    }

    /// How many names there are; one that is listed with all below it alike counts once.
    pub(super) fn names(&self) -> u64 {
        self.name_entries
    }

    /// Whether so many changes more, each with an answer of its own, can be taken in.
    ///
    /// # Errors
    /// If not.
    pub(super) fn check_room(&self, changes: usize) -> Result<(), TooMany> {
        self.values.check_room(changes)
    }

    /// All entries, as changes of an empty list.
    pub(super) fn changes(&self) -> impl Iterator<Item = Change> + '_ {
        let network = |network, value: ValueId| {
            let state = self.state(Say::Listed(value.0));
            Change { key: Key::Network(network), state }
        };
        let v4 = self.v4.iter().map(move |(&(first, len), &value)| {
            network(Network::V4(Ipv4Network::around(first.into(), len)), value)
        });
        let v6 = self.v6.iter().map(move |(&(first, len), &value)| {
            network(Network::V6(Ipv6Network::around(first.into(), len)), value)
        });
        let names = self.names.iter().flat_map(|(name, state)| {
            let (exact, below) = (state.exact, state.below);
            let says = match exact == below {
                true => [(Extent::Both, exact), (Extent::Both, Say::Nothing)],
                false => [(Extent::Exact, exact), (Extent::Below, below)],
            };
            let says = says.into_iter().filter(|(_, say)| *say != Say::Nothing);
            says.filter_map(|(extent, say)| {
                let name = Name::from_wire(&[name, &[0][..]].concat()).ok()?;
                Some(Change { key: Key::Name(name, extent), state: self.state(say) })
            })
        });
        v4.chain(v6).chain(names)
    }

    /// What an entry is.
    fn state(&self, say: Say) -> State {
        match say {
            Say::Nothing => State::Absent,
            Say::Excluded | Say::Listed(0) => State::Excluded,
            Say::Listed(value) => {
                let answers = self.values.answers(ValueId(value)).into_iter();
                State::Listed(answers.map(|(code, text)| (ReturnCode(code.into()), text)).collect())
            }
        }
    }

    /// The sum over all entries. The first one who asks has all of them gone through; from then on changes keep it.
    pub(super) fn sum(&mut self) -> Sum {
        if let Some(sum) = self.sum {
            return sum;
        }
        let mut sum = Sum::default();
        // Neighbours mostly say the same.
        let mut last = (ValueId::NOTHING, self.said(ValueId::NOTHING));
        let mut said = |value: ValueId| {
            if value != last.0 {
                last = (value, self.said(value));
            }
            last.1
        };
        for (&(first, len), &value) in &self.v4 {
            sum.add(Sum::of_v4(first, len, said(value)));
        }
        for (&(first, len), &value) in &self.v6 {
            sum.add(Sum::of_v6(first, len, said(value)));
        }
        for (name, state) in &self.names {
            sum.add(self.of_name(name, *state));
        }
        *self.sum.insert(sum)
    }

    /// What an answer says, whatever its number.
    fn said(&self, value: ValueId) -> Sum {
        Sum::of_answers(&self.values.answers(value))
    }

    /// What a name is, beside those on the way to others.
    fn of_name(&self, name: &[u8], state: NameState) -> Sum {
        if state.entries() == 0 {
            return Sum::default();
        }
        let said = |say| match say {
            Say::Nothing => None,
            Say::Excluded => Some(self.said(ValueId::NOTHING)),
            Say::Listed(value) => Some(self.said(ValueId(value))),
        };
        Sum::of_name(name, said(state.exact), said(state.below))
    }

    /// Keeps the sum where a network was one thing and is now another.
    fn resum(&mut self, of: impl Fn(Sum) -> Sum, was: Option<ValueId>, is: Option<ValueId>) {
        let Some(mut sum) = self.sum.filter(|_| was != is) else { return };
        if let Some(was) = was {
            sum.subtract(of(self.said(was)));
        }
        if let Some(is) = is {
            sum.add(of(self.said(is)));
        }
        self.sum = Some(sum);
    }

    /// Takes a change in, and notes what it touches.
    pub(super) fn enter(&mut self, change: &Change, touched: &mut Touched) {
        let value = match &change.state {
            State::Absent => None,
            State::Excluded => Some(ValueId::NOTHING),
            State::Listed(answers) => {
                let answers = answers.iter().map(|(code, text)| (code.0.octets(), text));
                Some(self.values.several(answers))
            }
        };
        match &change.key {
            Key::Network(Network::V4(network)) => {
                let key = (network.first(), network.prefix_len());
                let was = put(&mut self.v4, key, value);
                self.resum(|said| Sum::of_v4(key.0, key.1, said), was, value);
                touched.v4.push(key);
            }
            Key::Network(Network::V6(network)) => {
                let key = (network.first(), network.prefix_len());
                let was = put(&mut self.v6, key, value);
                self.resum(|said| Sum::of_v6(key.0, key.1, said), was, value);
                touched.v6.push(key);
            }
            Key::Name(name, extent) => {
                let say = match value {
                    None => Say::Nothing,
                    Some(ValueId::NOTHING) => Say::Excluded,
                    Some(value) => Say::Listed(value.0),
                };
                self.enter_name(name.relative(), *extent, say, touched);
            }
        }
    }

    /// Takes a name in.
    fn enter_name(&mut self, name: &[u8], extent: Extent, say: Say, touched: &mut Touched) {
        let before = self.names.get(name).copied().unwrap_or_default();
        let mut now = before;
        if extent != Extent::Below {
            now.exact = say;
        }
        if extent != Extent::Exact {
            now.below = say;
        }
        if now == before {
            return;
        }
        if let Some(mut sum) = self.sum {
            sum.subtract(self.of_name(name, before));
            sum.add(self.of_name(name, now));
            self.sum = Some(sum);
        }
        self.name_entries = self.name_entries + now.entries() - before.entries();
        self.keep_name(name, now, touched);
        if now.lists() == before.lists() {
            return;
        }
        let mut above = name;
        while let Some(&len) = above.first() {
            above = &above[1 + usize::from(len)..];
            let mut state = self.names.get(above).copied().unwrap_or_default();
            state.listed_below = match now.lists() {
                true => state.listed_below + 1,
                false => state.listed_below.saturating_sub(1),
            };
            self.keep_name(above, state, touched);
        }
    }

    /// Keeps a name, or forgets it if there is nothing to know of it.
    fn keep_name(&mut self, name: &[u8], state: NameState, touched: &mut Touched) {
        touched.names.push(Box::from(name));
        if state == NameState::default() {
            self.names.remove(name);
        } else if let Some(known) = self.names.get_mut(name) {
            *known = state;
        } else {
            self.names.insert(Box::from(name), state);
        }
    }

    /// What holds now in the touched IPv4 networks: sorted, disjoint ranges that cover exactly them.
    pub(super) fn resolve_v4(&mut self, touched: &Touched) -> Vec<Range<u32>> {
        let values = &mut self.values;
        let mut union = |a, b| values.union(ValueId(a), ValueId(b)).0;
        resolve(&self.v4, &touched.v4, &mut union)
    }

    /// The same for IPv6.
    pub(super) fn resolve_v6(&mut self, touched: &Touched) -> Vec<Range<u128>> {
        let values = &mut self.values;
        let mut union = |a, b| values.union(ValueId(a), ValueId(b)).0;
        resolve(&self.v6, &touched.v6, &mut union)
    }

    /// What the list says now of the touched names.
    pub(super) fn records<'t>(
        &self,
        touched: &'t Touched,
    ) -> impl Iterator<Item = (&'t [u8], Record)> {
        touched.names.iter().map(|name| {
            let state = self.names.get(name).copied().unwrap_or_default();
            (&**name, state.record())
        })
    }

    /// Forgets the answers of entries that are gone, and builds indexes of those that are there.
    ///
    /// # Errors
    /// If an index cannot hold them; nothing is changed then.
    pub(super) fn index(&mut self) -> Result<Indexes, TooMany> {
        check_buckets(self.v6.keys().copied(), MOST_BUCKETS)?;
        check_places(self.names.keys().map(|name| name.len()))?;
        self.forget_values();
        self.names.shrink_to_fit();
        let mut v4 = Ipv4Entries::default();
        for (&(first, len), &value) in &self.v4 {
            v4.push(first, len, value);
        }
        let mut v6 = Ipv6Entries::default();
        for (&(first, len), &value) in &self.v6 {
            v6.push(first, len, value);
        }
        let mut names = NamesEntries::default();
        for (name, state) in &self.names {
            for (say, extent) in [(state.exact, Extent::Exact), (state.below, Extent::Below)] {
                match say {
                    Say::Nothing => {}
                    Say::Excluded => names.push(name, extent, ValueId::NOTHING),
                    Say::Listed(value) => names.push(name, extent, ValueId(value)),
                }
            }
        }
        let (v4, _) = v4.index(Overlap::AllOfLongest, &mut self.values);
        let (v6, _) = v6.index(Overlap::AllOfLongest, &mut self.values)?;
        let names = names.index(Repeats::Together, &mut self.values)?;
        Ok(Indexes { v4, v6, names, values: self.values.finish() })
    }

    /// Keeps the values of entries only, under new ids.
    fn forget_values(&mut self) {
        let mut is_used = vec![false; self.values.len()];
        let networks = self.v4.values().chain(self.v6.values()).map(|value| value.0);
        let names = self.names.values().flat_map(|state| [state.exact, state.below]);
        let names = names.filter_map(|say| match say {
            Say::Listed(value) => Some(value),
            Say::Nothing | Say::Excluded => None,
        });
        for value in networks.chain(names) {
            is_used[value as usize] = true;
        }
        let (values, ids) = self.values.only(&is_used);
        self.values = values;
        for value in self.v4.values_mut().chain(self.v6.values_mut()) {
            *value = ids[value.0 as usize];
        }
        for say in self.names.values_mut().flat_map(|state| [&mut state.exact, &mut state.below]) {
            if let Say::Listed(value) = say {
                *value = ids[*value as usize].0;
            }
        }
    }
}

impl NameState {
    /// Whether the name or names below it are listed by it.
    fn lists(self) -> bool {
        self.exact.lists() || self.below.lists()
    }

    /// How many entries it takes to say it.
    fn entries(self) -> u64 {
        match (self.exact, self.below) {
            (Say::Nothing, Say::Nothing) => 0,
            (Say::Nothing, _) | (_, Say::Nothing) => 1,
            (exact, below) => 1 + u64::from(exact != below),
        }
    }

    /// What an index holds of it.
    fn record(self) -> Record {
        let parent = self.listed_below > 0 || self.below.lists();
        Record { exact: self.exact, below: self.below, parent }
    }
}

/// Enters a network, or removes it; what it was.
fn put<K: Ord>(
    networks: &mut Networks<K>,
    key: (K, u8),
    value: Option<ValueId>,
) -> Option<ValueId> {
    match value {
        Some(value) => networks.insert(key, value),
        None => networks.remove(&key),
    }
}

/// An address as a number.
trait Number: Copy + Ord + From<u8> + Add<Output = Self> + Sub<Output = Self> {
    /// The first address of the network of this prefix length.
    fn network(self, len: u8) -> Self;

    /// The last address of it.
    fn last(self, len: u8) -> Self;

    /// How many upper bits are those of another number.
    fn common(self, other: Self) -> u8;
}

/// Implements [`Number`].
macro_rules! number {
    ($int:ty) => {
        impl Number for $int {
            fn network(self, len: u8) -> $int {
                self & !<$int>::MAX.checked_shr(u32::from(len)).unwrap_or(0)
            }

            fn last(self, len: u8) -> $int {
                self | <$int>::MAX.checked_shr(u32::from(len)).unwrap_or(0)
            }

            fn common(self, other: $int) -> u8 {
                (self ^ other).leading_zeros() as u8
            }
        }
    };
}

number!(u32);
number!(u128);

/// Resolves networks from the entries: sorted, disjoint ranges that cover exactly them.
fn resolve<K: Number>(
    entries: &Networks<K>,
    touched: &[(K, u8)],
    union: &mut impl FnMut(u32, u32) -> u32,
) -> Vec<Range<K>> {
    // Wider ones first, so that those inside are passed over.
    let mut touched = touched.to_vec();
    touched.sort_unstable();
    let (mut ranges, mut end) = (Vec::new(), None);
    for (first, len) in touched {
        let last = first.last(len);
        if end.is_some_and(|end| last <= end) {
            continue;
        }
        end = Some(last);
        let inside = entries.range((first, len)..=(last, u8::MAX));
        let inside = inside.map(|(&(first, len), value)| {
            let (last, value) = (first.last(len), value.0);
            Entry { first, last, len, value }
        });
        let cover = around(entries, first, len);
        sweep((first, last), cover, inside, Overlap::AllOfLongest, union, |first, last, value| {
            crate::patch::push(&mut ranges, Range { first, last, value });
        });
    }
    ranges
}

/// The narrowest entry around a network.
fn around<K: Number>(entries: &Networks<K>, first: K, len: u8) -> Cover {
    // Networks around it come before it. Where the one just before is none of them, one around both of
    // them has at most the bits they have in common.
    let mut before = (first, len);
    while let Some((&(start, len), value)) = entries.range(..before).next_back() {
        if first.network(len) == start {
            return Cover { value: value.0, len: Some(len) };
        }
        let common = first.common(start);
        before = (first.network(common), common + 1);
    }
    Cover::default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_narrowest_network_around_another_is_found() {
        let mut entries = Networks::new();
        for (first, len) in [
            (0_u32, 1),
            (0x0a00_0000, 8),
            (0x0a01_0000, 16),
            (0x0a01_0200, 24),
            (0x0a01_0280, 32),
            (0x0a02_0000, 16),
            (0xc000_0000, 4),
        ] {
            entries.insert((first, len), ValueId(u32::from(len)));
        }
        for first in
            [0, 0x0a00_0001, 0x0a01_0281, 0x0a01_0280, 0x0a03_0000, 0xc123_0000, 0xd000_0000]
        {
            for len in (1..=32).filter(|len| first.network(*len) == first) {
                let holding = entries.keys().filter(|(f, l)| *l < len && first.network(*l) == *f);
                let expect = holding.map(|(_, len)| *len).max();
                assert_eq!(around(&entries, first, len).len, expect, "{first:x}/{len}");
            }
        }
    }
}

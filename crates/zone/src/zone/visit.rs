//! How data sets are asked: what each lists, and which names exist because of it.
//!
//! The same labels may mean an address, a network and a domain name. Each data set takes the meaning it
//! knows; what several find is put together by whoever asks them.

use std::net::IpAddr;

use repute_dnsxl::TestKey;

use super::listing::{Hit, Listing, Subject};
use super::question::{Address, Question};
use crate::dataset::acl::Action;
use crate::dataset::names::NameFound;
use crate::dataset::{Addresses, Branch, Content, Dataset, Names};
use crate::relative::{Octets, Relative};
use crate::value::ValueId;
use crate::zone::Zone;

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
    pub(super) fn or(self, other: Outline) -> Outline {
        Outline {
            listable: self.listable || other.listable,
            above_listable: self.above_listable || other.above_listable,
            exists: self.exists || other.exists,
        }
    }
}

/// A question on its way down: the name, and how it may be read.
#[derive(Clone, Copy)]
pub(super) struct Place<'q> {
    pub(super) name: Relative<'q>,
    pub(super) address: Address,
    pub(super) octets: Octets,
    pub(super) aliases: bool,
}

impl Existence {
    /// The stronger of two findings.
    pub(super) fn or(self, other: Existence) -> Existence {
        match (self, other) {
            (Existence::Listed, _) | (_, Existence::Listed) => Existence::Listed,
            (Existence::Exists, _) | (_, Existence::Exists) => Existence::Exists,
            (Existence::Nothing, Existence::Nothing) => Existence::Nothing,
        }
    }

    pub(super) fn exists_if(exists: bool) -> Existence {
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
    pub(super) fn has_ipv4(&self) -> bool {
        use crate::dataset::DatasetKind as Kind;
        matches!(self.kind, Kind::Ip4set | Kind::Ip4tset | Kind::Ip4trie | Kind::Addresses)
    }

    pub(super) fn visit<'z>(
        &'z self,
        place: Place<'_>,
        hit: &mut impl FnMut(Hit<'z>),
    ) -> Existence {
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

    /// Whether it lists names below this one.
    pub(super) fn has_names_below(&self, name: Relative<'_>) -> bool {
        match &self.content {
            Content::Names(names) => names.index.record_of(name.wire()).parent,
            _ => false,
        }
    }

    /// What a name could be, whatever the entries are.
    pub(super) fn outline(&self, place: Place<'_>) -> Outline {
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
    pub(super) fn lists(&self, key: &TestKey) -> bool {
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

impl Zone {
    /// Finds what answers a name at which no data set says anything, so that only what lies around it lists it. As an
    /// address it is the given one, for the data sets that begin `base` labels below the apex; the labels of the name
    /// need not spell it.
    pub(crate) fn visit_unsaid<'z>(
        &'z self,
        Question { name, address }: Question<'_>,
        base: usize,
        mut hit: impl FnMut(Hit<'z>),
    ) {
        let (octets, aliases) = (self.octets(), self.aliases());
        let place = Place { name, address: Address::None, octets, aliases };
        for dataset in &self.datasets {
            dataset.visit_unsaid(place, address, Some(base), &mut hit);
        }
    }
}

impl Dataset {
    /// The same for a data set; `base` is how many labels of its names stand before addresses begin.
    fn visit_unsaid<'z>(
        &'z self,
        place: Place<'_>,
        address: Address,
        base: Option<usize>,
        hit: &mut impl FnMut(Hit<'z>),
    ) {
        match &self.content {
            Content::Addresses(addresses) if base == Some(0) => {
                addresses.visit(Place { address, ..place }, self.header.ttl, hit);
            }
            Content::Names(names) => {
                names.visit(place, self.header.ttl, hit);
            }
            Content::Combined(branches) => {
                let Some((branch, inner)) = closest(branches, place) else { return };
                let base = base.and_then(|base| base.checked_sub(branch.labels));
                for dataset in &branch.datasets {
                    dataset.visit_unsaid(inner, address, base, hit);
                }
            }
            Content::Addresses(_) | Content::Generic(_) | Content::Acl(_) | Content::Keys(_) => {}
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
    pub(super) fn subject(self, name: Relative<'_>) -> Subject {
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
    let Place { name, address, octets, .. } = inner;
    if octets == Octets::Plain && (Question { name, address }).is_never_listed() {
        return Existence::exists_if(on_the_way);
    }
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

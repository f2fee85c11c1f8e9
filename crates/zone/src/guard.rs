//! Guards: what a list may never do, however it came to say so.
//!
//! A list that lists the world rejects all mail of its users, so a new version that suddenly covers
//! a large network, as many addresses in pieces, a top-level domain or a public suffix is refused before
//! it is served (RFC 6471 section 3.3), and so is one with too many faulty lines: half a file looks like
//! that, as a list that had entries and has none looks like a file that is not written yet.
//!
//! What counts is what a version covers and the one before it did not, all data sets together. A list
//! that is large and stays so is not refused again and again, and of a first version, all of which is
//! new, only its share of the whole address space can be judged.
//!
//! Whoever means it so has to change a key of the configuration; a refusal says which, and to what.

mod coverage;
mod remedy;

use std::net::{Ipv4Addr, Ipv6Addr};

use psl::Psl as _;
use repute_dnsxl::{Ipv4Network, Ipv6Network, Name, Network};

use crate::dataset::names::{NamesIndex, Record};
use crate::dataset::{Addresses, Content, Dataset, distinct};
use crate::fault::Faults;
use crate::zone::Zone;

use coverage::{Covered, Growth};
pub use remedy::{Remedy, Setting, Several};

/// What makes a new version of a zone be refused.
#[derive(Clone, Debug, PartialEq)]
pub struct Guards {
    /// A newly covered IPv4 network of this prefix length; none turns it off. Default 8.
    pub ipv4_prefix: Option<u8>,
    /// A newly covered IPv6 network of this prefix length; none turns it off. Default 16.
    pub ipv6_prefix: Option<u8>,
    /// As many newly covered IPv4 addresses, wherever they are, as a network of this prefix length has,
    /// if they are also a tenth of what was covered before; none turns it off. Default 8.
    pub ipv4_growth: Option<u8>,
    /// The same for IPv6. Default 16.
    pub ipv6_growth: Option<u8>,
    /// Top-level domains and public suffixes that may be listed.
    pub allowed_suffixes: Vec<Name>,
    /// Whether a list that had entries may come back without any. Default no.
    pub allow_empty: bool,
    /// The largest share of faulty lines, in per cent. Default 1.
    pub fault_percent: f64,
    /// As many faulty lines are always taken. Default 10.
    pub fault_lines: u64,
}

impl Default for Guards {
    fn default() -> Self {
        Guards {
            ipv4_prefix: Some(8),
            ipv6_prefix: Some(16),
            ipv4_growth: Some(8),
            ipv6_growth: Some(16),
            allowed_suffixes: Vec::new(),
            allow_empty: false,
            fault_percent: 1.0,
            fault_lines: 10,
        }
    }
}

/// Why a version is refused.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Refusal {
    /// All addresses of large networks are listed that were not before.
    #[error("all of {networks} would be listed; if that is meant, {remedy}")]
    Covers {
        /// The networks.
        networks: Several<Network>,
        /// By what all of the family would pass.
        remedy: Remedy,
    },
    /// So many addresses are listed that were not before.
    #[error(
        "as many {family} addresses would be newly listed as {networks} /{len} networks have; if that \
         is meant, {remedy}"
    )]
    Grows {
        /// `IPv4` or `IPv6`.
        family: &'static str,
        /// How many networks have as many addresses, rounded down.
        networks: u128,
        /// Length of their prefixes.
        len: u8,
        /// By what all of the family would pass.
        remedy: Remedy,
    },
    /// Its own `$TIMESTAMP` ended so long ago that even old data would not be served any more.
    #[error(
        "its $TIMESTAMP ended {ago} s ago, and the SOA's expire time is {expire} s; if it is still good, \
         write a later $TIMESTAMP, or set `expire` in [zone.soa] to {ago} s or more"
    )]
    Expired {
        /// How many seconds ago.
        ago: u32,
        /// How long old data are served, in seconds.
        expire: u32,
    },
    /// Names that stand for others' names are listed.
    #[error(
        "a top-level domain or public suffix is listed ({0}); if that is meant, add it to \
         `allow-suffixes` in [zone.guards]"
    )]
    Suffix(Several<Name>),
    /// INVALID must never be listed (RFC 5782 section 5).
    #[error(
        "`invalid` is listed, which tells clients that the list is broken (RFC 5782): take it out, as no \
         guard allows it"
    )]
    Invalid,
    /// A list that had entries has none.
    #[error(
        "a list that had {0} entries comes back empty; if that is meant, set `allow-empty` in the zone's \
         guards"
    )]
    Emptied(u64),
    /// No line is good: an error page instead of the list looks like that.
    #[error("all {0} lines are faulty, which no guard allows: is this the list, and its kind?")]
    NoGoodLine(u64),
    /// Too many lines are faulty.
    #[error(
        "{errors} of {lines} lines are faulty; more than {percent} % and {least} lines are refused; if \
         they may be left out, set `fault-lines = {errors}` in [zone.guards]"
    )]
    Faults {
        /// Faulty lines.
        errors: u64,
        /// All lines.
        lines: u64,
        /// The limit in per cent.
        percent: f64,
        /// The limit in lines.
        least: u64,
    },
}

impl Refusal {
    /// What is wrong, without what would be written in a configuration to have it all the same: where somebody
    /// approves, or where there is none.
    pub fn what(&self) -> String {
        match self {
            Refusal::Covers { networks, .. } => format!("all of {networks} would be listed"),
            Refusal::Grows { family, networks, len, .. } => format!(
                "as many {family} addresses would be newly listed as {networks} /{len} networks have"
            ),
            Refusal::Suffix(names) => {
                format!("a top-level domain or public suffix is listed ({names})")
            }
            Refusal::Invalid
            | Refusal::Emptied(_)
            | Refusal::Expired { .. }
            | Refusal::NoGoodLine(_)
            | Refusal::Faults { .. } => self.to_string(),
        }
    }
}

/// How many addresses a version covers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reach {
    /// Of IPv4.
    pub ipv4: u128,
    /// Of IPv6.
    pub ipv6: u128,
}

impl Reach {
    /// The more of two, for each family.
    pub fn max(self, other: Reach) -> Reach {
        Reach { ipv4: self.ipv4.max(other.ipv4), ipv6: self.ipv6.max(other.ipv6) }
    }
}

/// What the guards say of a version.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// Why it is refused, if it is.
    pub refusals: Vec<Refusal>,
    /// How much it covers, as far as guards look.
    pub reach: Reach,
}

/// Checks what a new version lists, against what the old one listed.
///
/// `most` is the most that any version covered: a list that was cut by mistake may come back whole.
pub fn check(new: &Zone, old: Option<&Zone>, most: Reach, guards: &Guards) -> Verdict {
    let mut refusals = Vec::new();
    let network =
        |first: u128, len| Network::V4(Ipv4Network::around(Ipv4Addr::from(first as u32), len));
    let limits = Limits {
        family: "IPv4",
        keys: ["ipv4-prefix", "ipv4-growth"],
        prefix: guards.ipv4_prefix,
        growth: guards.ipv4_growth,
        first: FIRST_IPV4,
        most: most.ipv4,
    };
    let ipv4 = check_addresses(|a| a.v4.as_ref(), new, old, limits, network, &mut refusals);
    let network = |first: u128, len| Network::V6(Ipv6Network::around(Ipv6Addr::from(first), len));
    let limits = Limits {
        family: "IPv6",
        keys: ["ipv6-prefix", "ipv6-growth"],
        prefix: guards.ipv6_prefix,
        growth: guards.ipv6_growth,
        first: FIRST_IPV6,
        most: most.ipv6,
    };
    let ipv6 = check_addresses(|a| a.v6.as_ref(), new, old, limits, network, &mut refusals);
    let mut suffixes = Vec::new();
    let before: Vec<&NamesIndex> = old.map_or_else(Vec::new, names);
    for index in names(new) {
        check_names(index, &before, guards, &mut suffixes, &mut refusals);
    }
    if !suffixes.is_empty() {
        suffixes.sort();
        suffixes.dedup();
        refusals.push(Refusal::Suffix(Several::of(suffixes)));
    }
    refusals.extend(old.and_then(|old| check_emptied(new, old, guards)));
    Verdict { refusals, reach: Reach { ipv4, ipv6 } }
}

/// Checks whether a list that had entries came back without any.
///
/// The lists of a zone have no names here: they are told apart by their order, if there are as many as
/// before, and else taken for one.
pub fn check_emptied(new: &Zone, old: &Zone, guards: &Guards) -> Option<Refusal> {
    let entries = |zone: &Zone| zone.datasets().iter().map(|d| d.entries()).collect::<Vec<_>>();
    let (mut now, mut before) = (entries(new), entries(old));
    if now.len() != before.len() {
        (now, before) = (vec![new.entries()], vec![old.entries()]);
    }
    let mut pairs = now.into_iter().zip(before);
    let emptied = pairs.find(|&(now, before)| now == 0 && before > 0);
    emptied.filter(|_| !guards.allow_empty).map(|(_, before)| Refusal::Emptied(before))
}

/// Checks how many lines are faulty. `lines` is the number of all lines that are no comments.
pub fn check_faults(faults: &[Faults], lines: u64, guards: &Guards) -> Option<Refusal> {
    let errors: u64 = faults.iter().map(Faults::errors).sum();
    let (percent, least) = (guards.fault_percent, guards.fault_lines);
    if errors > 0 && errors >= lines {
        return Some(Refusal::NoGoodLine(errors));
    }
    let too_many = errors > least && errors as f64 * 100.0 > lines as f64 * percent;
    too_many.then_some(Refusal::Faults { errors, lines, percent, least })
}

/// Checks that old data may still be served: until the SOA's expire time after its own `$TIMESTAMP`.
/// Times are in seconds since 1970.
pub fn check_age(zone: &Zone, expire: u32, now: u32) -> Option<Refusal> {
    let ago = now.saturating_sub(zone.expires()?);
    (ago > expire).then_some(Refusal::Expired { ago, expire })
}

/// What addresses of a family may newly be listed.
#[derive(Clone, Copy)]
struct Limits {
    /// What the family is called.
    family: &'static str,
    /// The keys of `prefix` and `growth`.
    keys: [&'static str; 2],
    /// Length of a network that may not be.
    prefix: Option<u8>,
    /// Length of a network that has as many addresses as may not be.
    growth: Option<u8>,
    /// The same for a first version.
    first: u8,
    /// The most that any version covered.
    most: u128,
}

/// Checks the addresses of a family: whole networks first, since their names say most. Returns how many
/// are covered.
fn check_addresses<'z, I: Covered + 'z>(
    index: impl Fn(&'z Addresses) -> Option<&'z I>,
    new: &'z Zone,
    old: Option<&'z Zone>,
    limits: Limits,
    network: impl Fn(u128, u8) -> Network,
    refusals: &mut Vec<Refusal>,
) -> u128 {
    if limits.prefix.is_none() && limits.growth.is_none() {
        return 0;
    }
    let indexes = |zone| {
        leaves(zone).into_iter().filter_map(|leaf| match &leaf.content {
            Content::Addresses(addresses) => index(addresses),
            _ => None,
        })
    };
    let now: Vec<&I> = indexes(new).collect();
    if now.is_empty() {
        return 0;
    }
    let before: Vec<&I> = old.map_or_else(Vec::new, |old| indexes(old).collect());
    let growth = Growth::between(&now, &before, limits.prefix.unwrap_or(1));
    // What an earlier version covered beyond the one before may come back.
    let most = limits.most.max(growth.before);
    let added = growth.added.saturating_sub(most - growth.before);
    let grows = |len: u8| {
        // Of a first version, and of the first after an empty one, all is new.
        let first = size::<I>(limits.first);
        added >= if most > 0 { size::<I>(len).max(most / 10) } else { size::<I>(len).max(first) }
    };
    let remedy = |prefix: Option<u8>| {
        let growth = limits.growth.filter(|len| grows(*len));
        Remedy::of([
            prefix.map(|at| {
                let covers = |len| Growth::between(&now, &before, len).covers_any();
                Setting::below(limits.keys[0], at, covers)
            }),
            growth.map(|at| Setting::below(limits.keys[1], at, grows)),
        ])
    };
    if limits.prefix.is_some() && growth.covers_any() {
        let remedy = remedy(limits.prefix);
        let widest = growth.widest::<I>().map(|(first, len)| network(first, len));
        refusals.push(Refusal::Covers { networks: Several::of(widest), remedy });
    } else if let Some(len) = limits.growth.filter(|len| grows(*len)) {
        refusals.push(Refusal::Grows {
            family: limits.family,
            networks: growth.added / size::<I>(len),
            len,
            remedy: remedy(None),
        });
    }
    growth.now
}

/// How many addresses a network of this prefix length has.
fn size<I: Covered>(len: u8) -> u128 {
    1_u128.checked_shl(u32::from(I::BITS - len.min(I::BITS))).unwrap_or(u128::MAX)
}

/// Checks names: those that stand for others' names and were not listed before, and INVALID.
fn check_names(
    index: &NamesIndex,
    before: &[&NamesIndex],
    guards: &Guards,
    suffixes: &mut Vec<Name>,
    refusals: &mut Vec<Refusal>,
) {
    index.for_each(|wire, record| {
        if !(record.exact.lists() || record.below.lists()) {
            return;
        }
        match wire {
            b"\x04test" => {}
            b"\x07invalid" if refusals.contains(&Refusal::Invalid) => {}
            b"\x07invalid" => refusals.push(Refusal::Invalid),
            _ if is_suffix(wire) && !is_listed_as_far(wire, record, before) => {
                let name = Name::from_wire(&[wire, &[0]].concat());
                suffixes.extend(name.ok().filter(|name| !guards.allowed_suffixes.contains(name)));
            }
            _ => {}
        }
    });
}

/// Whether these indexes list all of a name that a record lists: itself, what is below it, or both.
fn is_listed_as_far(wire: &[u8], record: Record, before: &[&NamesIndex]) -> bool {
    let was = |lists: fn(&Record) -> bool| before.iter().any(|i| lists(&i.record_of(wire)));
    (!record.exact.lists() || was(|record| record.exact.lists()))
        && (!record.below.lists() || was(|record| record.below.lists()))
}

/// Whether others have names directly below a name by anybody's word: a public suffix of publicsuffix.org, those that
/// companies named of their own among them. Who lists one of these means all their customers; a person may mean that, a
/// rule never does.
pub fn is_shared_suffix(name: &Name) -> bool {
    let all = [psl::Type::Icann, psl::Type::Private];
    name.as_wire().split_last().is_some_and(|(_, wire)| is_suffix_of(wire, &all))
}

/// Whether others register names directly below a name (publicsuffix.org, ICANN's part).
fn is_suffix(wire: &[u8]) -> bool {
    is_suffix_of(wire, &[psl::Type::Icann])
}

/// Whether a name is a top-level domain, or a suffix of one of these kinds.
fn is_suffix_of(wire: &[u8], kinds: &[psl::Type]) -> bool {
    let (mut places, mut count, mut at) = ([0_u8; 128], 0, 0);
    while at < wire.len() && count < places.len() {
        places[count] = at as u8;
        count += 1;
        at += 1 + usize::from(wire[at]);
    }
    let label = |&at: &u8| {
        let (len, rest) = wire[usize::from(at)..].split_first().unwrap_or((&0, &[]));
        rest.get(..usize::from(*len)).unwrap_or(rest)
    };
    // A name as text has a dot between labels where its wire form has a length before each.
    count <= 1 || {
        let suffix = psl::List.find(places[..count].iter().rev().map(label));
        suffix.typ.is_some_and(|kind| kinds.contains(&kind)) && suffix.len + 1 == wire.len()
    }
}

/// The indexes of names of a zone, each once.
fn names(zone: &Zone) -> Vec<&NamesIndex> {
    let indexes = leaves(zone).into_iter().filter_map(|leaf| match &leaf.content {
        Content::Names(names) => Some(&names.index),
        _ => None,
    });
    indexes.collect()
}

/// The data sets that hold entries, each once.
fn leaves(zone: &Zone) -> Vec<&Dataset> {
    let mut leaves: Vec<&Dataset> = Vec::new();
    for dataset in zone.datasets() {
        match &dataset.content {
            Content::Combined(branches) => leaves.extend(distinct(branches).map(|d| &**d)),
            _ => leaves.push(dataset),
        }
    }
    leaves
}

/// A first version that lists as much as a network of this length, half of all addresses, is no list.
const FIRST_IPV4: u8 = 1;
/// The same for IPv6, of which only 2000::/3 is in use.
const FIRST_IPV6: u8 = 4;

#[cfg(test)]
mod tests;

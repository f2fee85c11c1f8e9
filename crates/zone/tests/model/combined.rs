//! `combined`: sections at names of their own, as zones inside the zone. The closest of them that holds a
//! name answers, with all its sections; a name on the way to one exists.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use proptest::prelude::*;
use repute_dnsxl::{Name, relative_ipv4};
use repute_zone::{DatasetKind, Existence};

use crate::{ask, zones};

/// Entries of a section: its keys with their codes, each once.
#[derive(Clone, Debug)]
enum Entries {
    /// `dnset`, names themselves.
    Names(Vec<(String, u8)>),
    /// `ip4trie`, single addresses.
    Addresses(Vec<(Ipv4Addr, u8)>),
}

/// A section and the names it is served below.
type Section = (Entries, BTreeSet<String>);

impl Entries {
    /// As a file has them.
    fn written(&self) -> String {
        let line = |key: &dyn std::fmt::Display, code: &u8| format!("{key} :{code}:\n");
        match self {
            Entries::Names(names) => names.iter().map(|(name, code)| line(name, code)).collect(),
            Entries::Addresses(all) => all.iter().map(|(a, code)| line(a, code)).collect(),
        }
    }

    /// What they list, as names relative to where they are served.
    fn listed(&self) -> Vec<(String, u8)> {
        match self {
            Entries::Names(names) => names.clone(),
            Entries::Addresses(addresses) => {
                let name = |a: &Ipv4Addr| {
                    let [a, b, c, d] = a.octets();
                    format!("{d}.{c}.{b}.{a}")
                };
                addresses.iter().map(|(address, code)| (name(address), *code)).collect()
            }
        }
    }

    /// The word for the kind.
    fn kind(&self) -> &'static str {
        match self {
            Entries::Names(_) => "dnset",
            Entries::Addresses(_) => "ip4trie",
        }
    }
}

/// Entries of either kind.
fn entries() -> impl Strategy<Value = Entries> {
    let code = 2_u8..9;
    let names = proptest::collection::btree_map("([ab]\\.){0,2}[abc]", code.clone(), 1..8);
    let address = (0_u8..2, 0_u8..3).prop_map(|(c, d)| Ipv4Addr::new(192, 0, c, d));
    let addresses = proptest::collection::btree_map(address, code, 1..8);
    prop_oneof![
        names.prop_map(|all| Entries::Names(all.into_iter().collect())),
        addresses.prop_map(|all| Entries::Addresses(all.into_iter().collect())),
    ]
}

/// A section at one or two names.
fn section() -> impl Strategy<Value = Section> {
    let below = prop_oneof![2 => Just(String::new()), 3 => "([ab]\\.){0,2}[abx]"];
    (entries(), proptest::collection::btree_set(below, 1..3))
}

/// A name below another, either of which may be empty.
fn joined(name: &str, below: &str) -> String {
    [name, below].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(".")
}

/// What is before a suffix of whole labels.
fn without<'n>(name: &'n str, suffix: &str) -> Option<&'n str> {
    if suffix.is_empty() {
        return Some(name);
    }
    let rest = name.strip_suffix(suffix)?;
    if rest.is_empty() { Some(rest) } else { rest.strip_suffix('.') }
}

/// Whether a name has another above it.
fn is_below(name: &str, above: &str) -> bool {
    without(name, above).is_some_and(|rest| !rest.is_empty())
}

/// What a combined list says of a name.
fn model(sections: &[Section], question: &str) -> (BTreeSet<u8>, Existence) {
    let places: BTreeSet<&String> = sections.iter().flat_map(|(_, places)| places).collect();
    let on_the_way = places.iter().any(|place| is_below(place, question));
    let around = places.iter().filter_map(|place| Some((place, without(question, place)?)));
    let Some((closest, inner)) = around.max_by_key(|(place, _)| place.len()) else {
        let existence = if on_the_way { Existence::Exists } else { Existence::Nothing };
        return (BTreeSet::new(), existence);
    };
    let here = sections.iter().filter(|(_, places)| places.contains(*closest));
    let listed: Vec<_> = here.flat_map(|(entries, _)| entries.listed()).collect();
    let codes: BTreeSet<u8> =
        listed.iter().filter(|(name, _)| name == inner).map(|(_, code)| *code).collect();
    let exists = on_the_way || inner.is_empty() || listed.iter().any(|(n, _)| is_below(n, inner));
    let existence = match (codes.is_empty(), exists) {
        (false, _) => Existence::Listed,
        (true, true) => Existence::Exists,
        (true, false) => Existence::Nothing,
    };
    (codes, existence)
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        cases: 96,
        ..ProptestConfig::default()
    })]

    #[test]
    fn combined_answers_from_the_closest_section(
        sections in proptest::collection::vec(section(), 1..6),
        questions in proptest::collection::vec("([ab]\\.){0,4}[abcx]", 1..40),
    ) {
        let text: String = sections.iter().map(|(entries, places)| {
            let places: Vec<_> =
                places.iter().map(|place| if place.is_empty() { "@" } else { place }).collect();
            format!("$DATASET {} {}\n{}", entries.kind(), places.join(" "), entries.written())
        }).collect();
        let zones = zones(DatasetKind::Combined, &text);
        let mut questions: BTreeSet<String> = questions.into_iter().collect();
        for (entries, places) in &sections {
            for place in places {
                questions.insert(place.clone());
                questions.extend(entries.listed().iter().map(|(name, _)| joined(name, place)));
            }
        }
        let above: Vec<String> = questions.iter().flat_map(|name| {
            let dots = name.match_indices('.');
            dots.map(|(dot, _)| name[dot + 1..].to_owned()).collect::<Vec<_>>()
        }).collect();
        questions.extend(above);
        questions.remove("");
        for question in &questions {
            let expect = model(&sections, question);
            let wire: Name = question.parse().expect("a name");
            for zone in &zones {
                prop_assert_eq!(ask(zone, wire.relative()), expect.clone(), "{}", question);
            }
        }
    }
}

/// The dialect is the zone's: one address has one name in a section too.
#[test]
fn addresses_in_a_section_are_asked_by_their_octets_reversed() {
    let zones = zones(DatasetKind::Combined, "$DATASET ip4trie:four a.b\n192.0.2.1 :5:\n");
    let mut wire = relative_ipv4(Ipv4Addr::new(192, 0, 2, 1));
    for zone in &zones {
        assert_eq!(ask(zone, &wire).1, Existence::Nothing, "not at the apex");
    }
    wire.extend_from_slice(b"\x01a\x01b");
    for zone in &zones {
        assert_eq!(ask(zone, &wire), ([5].into(), Existence::Listed));
    }
}

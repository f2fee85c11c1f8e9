//! A journal applied gives the same zone as one built from what it leads to.

#[path = "fixture/list.rs"]
mod list;
#[path = "fixture/question.rs"]
mod question;

use std::collections::HashMap;
use std::net::{Ipv4Addr, Ipv6Addr};

use list::{block_list, dataset};
use proptest::prelude::*;
use question::labels;
use repute_dnsxl::{Ipv4Network, Ipv6Network, KeyKind, Name, Network, ReturnCode};
use repute_dnsxl::{relative_ipv4, relative_ipv6};
use repute_zone::format::ReadOptions;
use repute_zone::guard::{self, Guards, Reach};
use repute_zone::journal::{Change, Editor, Key, Record, State};
use repute_zone::{
    DatasetKind, Existence, Extent, Hit, Relative, Soa, Text, Zone, ZoneSpec, export, snapshot,
};

fn spec(serial: u32) -> ZoneSpec {
    ZoneSpec {
        soa: Some(Soa {
            ttl: 300,
            origin: "ns.example".parse().expect("a name"),
            person: "hm.example".parse().expect("a name"),
            serial: 0,
            refresh: 300,
            retry: 300,
            expire: 300,
            minimum: 300,
        }),
        serial,
        ..block_list("bl.example", Vec::new())
    }
}

/// The zone that rbldnsd would serve of an export.
fn exported(zone: &Zone) -> Zone {
    let mut text = Vec::new();
    export::rbldnsd(zone, export::View::At(0), &mut text).expect("memory takes it");
    let text = std::str::from_utf8(&text).expect("the export is text");
    let dataset = dataset(DatasetKind::Combined, text, &ReadOptions::default());
    Zone::new(ZoneSpec { datasets: vec![dataset], ..spec(1) })
}

/// Codes with texts that answer a relative name, sorted, and whether it exists.
fn ask(zone: &Zone, wire: &[u8]) -> (Vec<(u8, String)>, Existence) {
    let mut answers = Vec::new();
    let found = zone.visit(Relative::new(wire, &labels(wire)), |hit| {
        if let Hit::Listing(listing) = hit {
            for pair in listing.pairs(0, false) {
                let mut text = [0; 255];
                let len = listing.write_text(pair, b"it", 254, &mut text);
                answers.push((pair.code[3], String::from_utf8_lossy(&text[..len]).into_owned()));
            }
        }
    });
    answers.sort();
    (answers, found)
}

fn key() -> impl Strategy<Value = Key> {
    let v4 = (0_u32..3, 0_u32..0x300, prop_oneof![Just(8_u8), Just(16), 22_u8..=32]).prop_map(
        |(a, low, len)| {
            let address = Ipv4Addr::from(a << 24 | low);
            Key::Network(Network::V4(Ipv4Network::around(address, len)))
        },
    );
    let v6 =
        (0_u128..3, 0_u128..3, prop_oneof![Just(32_u8), Just(48), Just(64), Just(65), Just(128)])
            .prop_map(|(a, low, len)| {
                let address = Ipv6Addr::from((0x2001_0db8 + a) << 96 | low << 64 | low);
                Key::Network(Network::V6(Ipv6Network::around(address, len)))
            });
    let name = ("([ab]\\.){0,3}[ab]", 0..3_u8).prop_map(|(name, extent)| {
        let extent = [Extent::Exact, Extent::Below, Extent::Both][usize::from(extent)];
        Key::Name(name.parse().expect("a name"), extent)
    });
    prop_oneof![2 => v4, 1 => v6, 2 => name]
}

fn change() -> impl Strategy<Value = Change> {
    let listed = proptest::collection::vec(2_u8..6, 1..3).prop_map(|codes| {
        let answer = |code| (ReturnCode::last_octet(code), Text::template(&format!("{code}: $")));
        State::Listed(codes.into_iter().map(answer).collect())
    });
    let state = prop_oneof![4 => listed, 1 => Just(State::Excluded), 3 => Just(State::Absent)];
    (key(), state).prop_map(|(key, state)| Change { key, state })
}

/// What all changes lead to, as a list of entries.
fn final_state(changes: &[Change]) -> Vec<Change> {
    let mut order = Vec::new();
    let mut states: HashMap<Key, State> = HashMap::new();
    for change in changes {
        // `Both` is the two sides of a name.
        let keys = match &change.key {
            Key::Name(name, Extent::Both) => {
                vec![Key::Name(name.clone(), Extent::Exact), Key::Name(name.clone(), Extent::Below)]
            }
            key => vec![key.clone()],
        };
        for key in keys {
            if states.insert(key.clone(), change.state.clone()).is_none() {
                order.push(key);
            }
        }
    }
    order.into_iter().map(|key| Change { state: states[&key].clone(), key }).collect()
}

/// What strict guards say, sorted.
fn refusals(zone: &Zone, old: Option<&Zone>) -> Vec<String> {
    let addresses = Guards {
        ipv4_prefix: Some(22),
        ipv6_prefix: Some(64),
        allowed_suffixes: vec!["a".parse().expect("a name"), "b".parse().expect("a name")],
        ..Guards::default()
    };
    let names = Guards {
        ipv4_prefix: None,
        ipv6_prefix: None,
        ipv4_growth: None,
        ipv6_growth: None,
        ..Guards::default()
    };
    let said = [addresses, names];
    let said = said.map(|guards| guard::check(zone, old, Reach::default(), &guards).refusals);
    let mut said: Vec<_> = said.iter().flatten().map(ToString::to_string).collect();
    said.sort();
    said
}

/// Every question at which something may differ.
fn questions(changes: &[Change]) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    for change in changes {
        match &change.key {
            Key::Network(Network::V4(n)) => {
                for a in [n.first().wrapping_sub(1), n.first(), n.last(), n.last().wrapping_add(1)]
                {
                    all.push(relative_ipv4(Ipv4Addr::from(a)));
                }
            }
            Key::Network(Network::V6(n)) => {
                for a in [n.first().wrapping_sub(1), n.first(), n.last(), n.last().wrapping_add(1)]
                {
                    all.push(relative_ipv6(Ipv6Addr::from(a)));
                }
            }
            Key::Name(name, _) => {
                let below: Name = format!("x.{name}").parse().expect("a name");
                all.extend([name.relative().to_vec(), below.relative().to_vec()]);
            }
        }
    }
    let above: Vec<_> = all
        .iter()
        .flat_map(|wire| {
            let mut rest = &wire[..];
            std::iter::from_fn(move || {
                rest = rest.get(1 + usize::from(*rest.first()?)..)?;
                (!rest.is_empty()).then(|| rest.to_vec())
            })
        })
        .collect();
    all.extend(above);
    all.sort();
    all.dedup();
    all
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        cases: 40,
        ..ProptestConfig::default()
    })]

    #[test]
    fn journal_applied_is_the_zone_rebuilt(
        first in proptest::collection::vec(change(), 0..30),
        records in proptest::collection::vec(proptest::collection::vec(change(), 1..8), 1..8),
    ) {
        let mut editor = Editor::new(spec(1), &[], 300, first.clone()).expect("few");
        let mut all = first;
        for (i, changes) in records.into_iter().enumerate() {
            let serial = i as u32 + 1;
            all.extend(changes.clone());
            let record = Record { from: serial, to: serial + 1, changes };
            let zone = editor.apply(&record).expect("serials follow").clone();
            let rebuilt = Editor::new(spec(serial + 1), &[], 300, final_state(&all)).expect("few");
            prop_assert_eq!(zone.serial(), serial + 1);
            prop_assert_eq!(rebuilt.zone().serial(), serial + 1);
            prop_assert_eq!(zone.entries(), rebuilt.zone().entries());
            prop_assert_eq!(zone.datasets().len(), rebuilt.zone().datasets().len());
            for question in questions(&all) {
                let expect = ask(rebuilt.zone(), &question);
                prop_assert_eq!(ask(&zone, &question), expect, "{:?}", question);
            }
        }
        let changed = editor.zone().clone();
        let compact = editor.compact().expect("few").clone();
        let rebuilt = Editor::new(spec(9), &[], 300, final_state(&all)).expect("few");
        // All of a changed list can be gone through, too.
        prop_assert_eq!(refusals(&changed, None), refusals(rebuilt.zone(), None));
        let against_itself = refusals(&changed, Some(rebuilt.zone()));
        prop_assert!(against_itself.iter().all(|why| !why.starts_with("all of")));
        let exported = exported(&changed);
        let mut image = Vec::new();
        snapshot::encode(&compact, &mut image).expect("memory takes it");
        let reopened = snapshot::open(image.into()).expect("the snapshot is good");
        for question in questions(&all) {
            let expect = ask(rebuilt.zone(), &question);
            let found = ask(&exported, &question);
            // An export holds one answer of each IPv6 network.
            prop_assert_eq!(found.1, expect.1, "{:?} exported", question);
            prop_assert!(question.len() >= 64 || found == expect, "{:?} exported", question);
            prop_assert_eq!(&ask(&compact, &question), &expect, "{:?}", question);
            prop_assert_eq!(&ask(&reopened, &question), &expect, "{:?}", question);
        }
    }
}

#[test]
fn a_record_that_does_not_follow_changes_nothing() {
    let mut editor = Editor::new(spec(5), &[], 300, []).expect("nothing");
    let record = Record { from: 4, to: 5, changes: Vec::new() };
    assert!(editor.apply(&record).is_err());
    let record = Record { from: 5, to: 6, changes: Vec::new() };
    assert!(editor.apply(&record).is_ok());
}

#[test]
fn a_list_without_entries_is_still_one_of_addresses_or_names() {
    let test_points = [relative_ipv4(Ipv4Addr::new(127, 0, 0, 2)), b"\x04test".to_vec()];
    for (keys, is_listed) in [
        (&[KeyKind::Ip][..], [true, false]),
        (&[KeyKind::Name][..], [false, true]),
        (&[KeyKind::Ip, KeyKind::Name][..], [true, true]),
    ] {
        let spec = ZoneSpec { test_entries: true, ..spec(1) };
        let editor = Editor::new(spec, keys, 300, []).expect("nothing");
        let found = test_points.each_ref().map(|name| !ask(editor.zone(), name).0.is_empty());
        assert_eq!(found, is_listed, "{keys:?}");
    }
}

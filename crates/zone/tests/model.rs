//! Text to zone to answer, against a model too simple to be wrong; and the same through a snapshot.
//!
//! The model keeps the entries as they are and looks at all of them for each question.

use std::collections::BTreeSet;
use std::io::Cursor;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use proptest::prelude::*;
use repute_dnsxl::{Name, Polarity, relative_ipv4, relative_ipv6};
use repute_zone::format::{Input, ReadOptions, rbldnsd};
use repute_zone::{
    DatasetKind, Dialect, Existence, Hashes, Hit, Probe, Quick, Relative, Zone, ZoneSpec, snapshot,
};

/// Builds a zone from the text of one file, and again by way of a snapshot.
fn zones(kind: DatasetKind, text: &str) -> [Zone; 2] {
    let input = Input {
        name: Arc::from("list"),
        reader: Box::new(Cursor::new(text.as_bytes())),
        modified: 1,
    };
    let options = ReadOptions { accept_host_bits: true, ..ReadOptions::default() };
    let loaded = rbldnsd::read(kind, vec![input], &options).expect("the text is readable");
    let faults: Vec<_> = loaded.faults.iter().map(ToString::to_string).collect();
    assert!(faults.is_empty(), "{faults:?}");
    let zone = Zone::new(ZoneSpec {
        apex: "bl.example".parse().expect("a name"),
        dialect: Dialect::Native,
        polarity: Polarity::Block,
        soa: None,
        name_servers: None,
        datasets: vec![Arc::new(loaded.dataset)],
        test_entries: false,
        codes: Vec::new(),
        serial: 0,
    });
    let mut image = Vec::new();
    snapshot::encode(&zone, &mut image).expect("memory takes it");
    let reopened = snapshot::open(image.into()).expect("the snapshot is good");
    [zone, reopened]
}

/// Return codes' last octets that a relative name in wire form is answered with, and whether it is.
fn ask(zone: &Zone, wire: &[u8]) -> (BTreeSet<u8>, Existence) {
    let (mut labels, mut at) = (Vec::new(), 0);
    while at < wire.len() {
        labels.push(at as u8);
        at += 1 + usize::from(wire[at]);
    }
    let mut codes = BTreeSet::new();
    let found = zone.visit(Relative::new(wire, &labels), |hit| {
        if let Hit::Listing(listing) = hit {
            codes.extend(listing.pairs(0, false).map(|pair| pair.code[3]));
        }
    });
    // The short way, from a bare name and from one that lies in a longer buffer, says the same or nothing.
    let buffer = [wire, b"\x07example\x00\xff\xff\xff\xff\xff\xff\xff\xff\xff"].concat();
    for name in [Relative::new(wire, &labels), Relative::in_buffer(&buffer, wire.len(), &labels)] {
        let (mut hashes, mut probe) = (Hashes::default(), None);
        zone.probe(name, &mut hashes, &mut probe);
        let Some(mut probe) = probe else { continue };
        for step in 0..Probe::STEPS {
            probe.fetch(step);
        }
        match probe.quick(|| name) {
            Quick::Listed(_, pair) => {
                assert_eq!((&codes, found), (&[pair.code[3]].into(), Existence::Listed));
            }
            Quick::Nothing => assert_eq!((codes.len(), found), (0, Existence::Nothing)),
            Quick::Unsure => {}
        }
    }
    (codes, found)
}

/// A network: prefix, length, code or exclusion.
type Net = (u32, u8, Option<u8>);

fn lines4(nets: &[Net]) -> String {
    nets.iter()
        .map(|(first, len, code)| {
            let address = Ipv4Addr::from(*first);
            match code {
                Some(code) => format!("{address}/{len} :{code}:text {code}\n"),
                None => format!("!{address}/{len}\n"),
            }
        })
        .collect()
}

/// What the model says of an address: all entries that hold it, reduced by the kind's rule.
fn model4(kind: DatasetKind, nets: &[Net], address: u32) -> BTreeSet<u8> {
    let host = |len: u8| u32::MAX.checked_shr(u32::from(len)).unwrap_or(0);
    let holding: Vec<_> = nets
        .iter()
        .filter(|(first, len, _)| address & !host(*len) == first & !host(*len))
        .collect();
    let rank = |len: u8| if kind == DatasetKind::Ip4set { len.div_ceil(8).max(1) } else { len };
    let Some(best) = holding.iter().map(|(_, len, _)| rank(*len)).max() else {
        return BTreeSet::new();
    };
    let mut deciding = holding.iter().filter(|(_, len, _)| rank(*len) == best);
    if kind == DatasetKind::Ip4trie {
        return deciding.next().and_then(|(_, _, code)| *code).into_iter().collect();
    }
    let all: Vec<_> = deciding.map(|(_, _, code)| *code).collect();
    if all.contains(&None) { BTreeSet::new() } else { all.into_iter().flatten().collect() }
}

fn nets() -> impl Strategy<Value = Vec<Net>> {
    // Few first octets and many shared prefixes, so that networks nest, touch and repeat.
    let first = (0_u32..4, prop_oneof![Just(0_u32), Just(0x01_0000), 0..0x100_0000_u32])
        .prop_map(|(a, rest)| a << 24 | rest);
    let len = prop_oneof![4 => 20_u8..=32, 1 => 0_u8..=32, 2 => Just(32_u8), 1 => Just(24_u8)];
    let code = proptest::option::weighted(0.8, 2_u8..20);
    proptest::collection::vec((first, len, code), 1..120).prop_map(|nets| {
        nets.into_iter()
            .map(|(first, len, code)| {
                (first & !u32::MAX.checked_shr(u32::from(len)).unwrap_or(0), len, code)
            })
            .collect()
    })
}

/// Addresses at which something may change: ends of networks and their neighbours.
fn edges(nets: &[Net]) -> BTreeSet<u32> {
    nets.iter()
        .flat_map(|(first, len, _)| {
            let last = first | u32::MAX.checked_shr(u32::from(*len)).unwrap_or(0);
            [first.wrapping_sub(1), *first, first.wrapping_add(1), last, last.wrapping_add(1)]
        })
        .collect()
}

fn check4(kind: DatasetKind, nets: &[Net]) -> Result<(), TestCaseError> {
    let zones = zones(kind, &lines4(nets));
    for address in edges(nets) {
        if address == 0x7f00_0001 {
            continue;
        }
        let expect = model4(kind, nets, address);
        let listed = if expect.is_empty() { Existence::Nothing } else { Existence::Listed };
        for zone in &zones {
            let (codes, found) = ask(zone, &relative_ipv4(Ipv4Addr::from(address)));
            prop_assert_eq!(&codes, &expect, "{}", Ipv4Addr::from(address));
            prop_assert_eq!(found, listed, "{}", Ipv4Addr::from(address));
        }
        // Every network above exists if an address in it is listed: never NXDOMAIN (RFC 8020).
        if !expect.is_empty() {
            let wire = relative_ipv4(Ipv4Addr::from(address));
            let mut above = &wire[..];
            while above.len() > 1 + usize::from(above[0]) {
                above = &above[1 + usize::from(above[0])..];
                let (codes, found) = ask(&zones[0], above);
                prop_assert!(codes.is_empty());
                prop_assert_eq!(found, Existence::Exists);
            }
        }
    }
    // And does not if none is.
    for third in 0..4_u32 {
        let range = third << 24..=(third << 24 | 0xff_ffff);
        let any = edges(nets)
            .into_iter()
            .chain([*range.start(), *range.end()])
            .any(|a| range.contains(&a) && !model4(kind, nets, a).is_empty());
        let (_, found) = ask(&zones[0], &[1, b'0' + third as u8]);
        // A nibble as well as an octet, but this zone has no IPv6.
        prop_assert_eq!(found == Existence::Exists, any);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        cases: 48,
        ..ProptestConfig::default()
    })]

    #[test]
    fn ip4set_answers_by_class(nets in nets()) {
        check4(DatasetKind::Ip4set, &nets)?;
    }

    #[test]
    fn ip4trie_answers_by_the_longest_prefix(nets in nets()) {
        check4(DatasetKind::Ip4trie, &nets)?;
    }

    #[test]
    fn addresses_answer_with_all_equal_networks(nets in nets()) {
        check4(DatasetKind::Addresses, &nets)?;
    }

    #[test]
    fn crowded_networks_answer_the_same(
        lows in proptest::collection::btree_map(0_u32..0x3000, 2_u8..6, 200..1500),
        wide in 2_u8..6,
    ) {
        let mut nets: Vec<Net> = lows.iter().map(|(a, c)| (0x0102_0000 | a, 32, Some(*c))).collect();
        nets.push((0x0102_2000, 20, Some(wide)));
        check4(DatasetKind::Ip4trie, &nets)?;
    }

    #[test]
    fn ip6trie_answers_by_the_longest_prefix(
        nets in proptest::collection::vec(
            (0_u128..3, 0_u128..3, 0_u128..4, prop_oneof![
                Just(0_u8), Just(16), Just(30), Just(32), Just(33), Just(48), Just(60), Just(64),
                Just(65), Just(96), Just(127), Just(128)
            ], proptest::option::weighted(0.8, 2_u8..9)),
            1..60,
        ),
    ) {
        let nets: Vec<_> = nets.into_iter().map(|(a, b, c, len, code)| {
            let address = (0x2001_0db0 + a) << 96 | b << 64 | c << 62 | c;
            (address & !u128::MAX.checked_shr(u32::from(len)).unwrap_or(0), len, code)
        }).collect();
        let text: String = nets.iter().map(|(first, len, code)| {
            let address = Ipv6Addr::from(*first);
            match code {
                Some(code) => format!("{address}/{len} :{code}:\n"),
                None => format!("!{address}/{len}\n"),
            }
        }).collect();
        let zones = zones(DatasetKind::Ip6trie, &text);
        let host = |len: u8| u128::MAX.checked_shr(u32::from(len)).unwrap_or(0);
        let edges = nets.iter().flat_map(|(first, len, _)| {
            let last = first | host(*len);
            [first.wrapping_sub(1), *first, first.wrapping_add(1), last, last.wrapping_add(1)]
        });
        for address in edges {
            let holding = nets.iter().filter(|(f, len, _)| address & !host(*len) == f & !host(*len));
            // Of equal lengths the first one read, so not the last maximum.
            let best = holding.rev().max_by_key(|(_, len, _)| *len);
            let expect: BTreeSet<u8> = best.and_then(|(_, _, code)| *code).into_iter().collect();
            let wire = relative_ipv6(Ipv6Addr::from(address));
            for zone in &zones {
                prop_assert_eq!(ask(zone, &wire).0, expect.clone(), "{}", Ipv6Addr::from(address));
            }
            if !expect.is_empty() {
                for above in (2..64).step_by(2) {
                    prop_assert_eq!(ask(&zones[0], &wire[above..]).1, Existence::Exists);
                }
            }
        }
    }

    #[test]
    fn names_answer_for_themselves_and_for_what_is_below(
        entries in proptest::collection::vec(
            ("([ab]{1,2}\\.){0,3}[ab]", 0..3_u8, proptest::option::weighted(0.8, 2_u8..9)), 1..60,
        ),
        questions in proptest::collection::vec("([ab]{1,2}\\.){0,4}[ab]", 1..60),
    ) {
        let text: String = entries.iter().map(|(name, extent, code)| {
            let lead = ["", ".", "*."][usize::from(*extent)];
            match code {
                Some(code) => format!("{lead}{name} :{code}:\n"),
                None => format!("!{lead}{name}\n"),
            }
        }).collect();
        let zones = zones(DatasetKind::Dnset, &text);
        let model = |question: &str| -> BTreeSet<u8> {
            let reduce = |all: Vec<Option<u8>>| -> BTreeSet<u8> {
                if all.contains(&None) { BTreeSet::new() } else { all.into_iter().flatten().collect() }
            };
            let exact: Vec<_> = entries.iter()
                .filter(|(name, extent, _)| name == question && *extent != 2)
                .map(|e| e.2).collect();
            if !exact.is_empty() {
                return reduce(exact);
            }
            let mut rest = question;
            while let Some((_, above)) = rest.split_once('.') {
                rest = above;
                let below: Vec<_> = entries.iter()
                    .filter(|(name, extent, _)| name == rest && *extent != 0)
                    .map(|e| e.2).collect();
                if !below.is_empty() {
                    return reduce(below);
                }
            }
            BTreeSet::new()
        };
        for question in questions.iter().chain(entries.iter().map(|e| &e.0)) {
            let name: Name = question.parse().expect("a name");
            let expect = model(question);
            for zone in &zones {
                let (codes, found) = ask(zone, name.relative());
                prop_assert_eq!(&codes, &expect, "{}", question);
                if !expect.is_empty() {
                    prop_assert_eq!(found, Existence::Listed);
                }
            }
            if !expect.is_empty() {
                let mut rest = question.as_str();
                while let Some((_, above)) = rest.split_once('.') {
                    rest = above;
                    let name: Name = rest.parse().expect("a name");
                    prop_assert_ne!(ask(&zones[0], name.relative()).1, Existence::Nothing);
                }
            }
        }
    }
}

//! Lists of addresses: every entry that holds an address, reduced by the rule of the list's kind.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, Ipv6Addr};

use proptest::prelude::*;
use repute_dnsxl::{relative_ipv4, relative_ipv6};
use repute_zone::{DatasetKind, Existence};

use crate::question::labels;
use crate::{ask, zones};

/// A network: prefix, length, code or exclusion.
type Net = (u32, u8, Option<u8>);

/// A list of these networks.
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

/// Networks that nest, touch and repeat.
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

/// Asks about every address at which something may change, and about what is above it.
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

    /// One answer for all addresses, wherever it stands; there are no exclusions.
    #[test]
    fn ip4tset_has_one_answer_for_its_addresses(
        addresses in proptest::collection::btree_set((0_u32..3, 0_u32..0x300), 1..80),
        code in proptest::option::of((2_u8..200, any::<prop::sample::Index>())),
    ) {
        let addresses: BTreeSet<u32> = addresses.into_iter().map(|(a, low)| a << 24 | low).collect();
        let mut lines: Vec<_> = addresses.iter().map(|a| Ipv4Addr::from(*a).to_string()).collect();
        if let Some((code, place)) = code {
            lines.insert(place.index(lines.len() + 1), format!(":{code}:"));
        }
        let answer = code.map_or(2, |(code, _)| code);
        let zones = zones(DatasetKind::Ip4tset, &(lines.join("\n") + "\n"));
        let around = addresses.iter().flat_map(|a| [a.wrapping_sub(1), *a, a + 1]);
        for address in around {
            let listed = addresses.contains(&address);
            let expect: BTreeSet<u8> = listed.then_some(answer).into_iter().collect();
            let wire = relative_ipv4(Ipv4Addr::from(address));
            for zone in &zones {
                let (codes, found) = ask(zone, &wire);
                prop_assert_eq!((&codes, found == Existence::Listed), (&expect, listed));
            }
            // The name of some first octets is there if an address begins with them.
            for count in 1..4 {
                let above = &wire[usize::from(labels(&wire)[4 - count])..];
                let first = &Ipv4Addr::from(address).octets()[..count];
                let any = addresses.iter().any(|a| Ipv4Addr::from(*a).octets().starts_with(first));
                for zone in &zones {
                    prop_assert_eq!(ask(zone, above).1 == Existence::Exists, any);
                }
            }
        }
    }

    /// Whole /64s with one answer, from which single addresses are excluded.
    #[test]
    fn ip6tset_lists_64s_without_some_addresses(
        nets in proptest::collection::btree_set((0_u64..3, 0_u64..4), 1..20),
        excluded in proptest::collection::btree_set((0_u64..3, 0_u64..4, 0_u64..3), 0..20),
        code in proptest::option::of(2_u8..200),
    ) {
        let net = |a: u64, b: u64| (0x2001_0db8 + a) << 32 | b;
        let nets: BTreeSet<u64> = nets.into_iter().map(|(a, b)| net(a, b)).collect();
        let address = |net: u64, host: u64| u128::from(net) << 64 | u128::from(host);
        let excluded: BTreeSet<u128> =
            excluded.into_iter().map(|(a, b, host)| address(net(a, b), host)).collect();
        let mut text = code.map(|code| format!(":{code}:\n")).unwrap_or_default();
        for net in &nets {
            let groups = Ipv6Addr::from(address(*net, 0)).segments();
            text += &format!("{:x}:{:x}:{:x}:{:x}\n", groups[0], groups[1], groups[2], groups[3]);
        }
        for address in &excluded {
            text += &format!("!{}\n", Ipv6Addr::from(*address));
        }
        let zones = zones(DatasetKind::Ip6tset, &text);
        for (a, b) in (0..4).flat_map(|a| (0..5).map(move |b| (a, b))) {
            for host in [0, 1, 2, 3, u64::MAX] {
                let address = address(net(a, b), host);
                let listed = nets.contains(&net(a, b)) && !excluded.contains(&address);
                let expect: BTreeSet<u8> = listed.then(|| code.unwrap_or(2)).into_iter().collect();
                let wire = relative_ipv6(Ipv6Addr::from(address));
                for zone in &zones {
                    let (codes, found) = ask(zone, &wire);
                    prop_assert_eq!((&codes, found == Existence::Listed), (&expect, listed));
                }
                if listed {
                    for above in (2..64).step_by(2) {
                        prop_assert_eq!(ask(&zones[1], &wire[above..]).1, Existence::Exists);
                    }
                }
            }
        }
    }
}

//! Versions of lists of every kind, by chance: where families share digits, networks lie in each other, names look like
//! addresses, and entries are what other software tests with.

use std::net::{Ipv4Addr, Ipv6Addr};

use proptest::prelude::*;
use repute_dnsxl::{Extent, Ipv4Network, Ipv6Network, KeyKind, Network, ReturnCode};
use repute_zone::journal::{Change, Editor, Key, State};
use repute_zone::{Soa, Text, ZoneSpec};

use crate::list::block_list;

/// What is around the entries, with test entries.
pub(crate) fn spec() -> ZoneSpec {
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
        name_servers: Some((60, vec!["ns.example".parse().expect("a name")])),
        test_entries: true,
        codes: vec![ReturnCode::LISTED],
        serial: 1,
        ..block_list("bl.example", Vec::new())
    }
}

/// A list that can be changed.
pub(crate) fn editor(keys: &[KeyKind], changes: Vec<Change>) -> Editor {
    Editor::new(spec(), keys, 300, changes).expect("few")
}

/// The keys that a list takes, entries or not.
pub(crate) fn keys() -> impl Strategy<Value = Vec<KeyKind>> {
    let (ip, name) = (KeyKind::Ip, KeyKind::Name);
    prop_oneof![Just(vec![]), Just(vec![ip]), Just(vec![name]), Just(vec![ip, name])]
}

/// A change.
pub(crate) fn change() -> impl Strategy<Value = Change> {
    let text = prop_oneof![Just(""), Just("why"), Just("see $")];
    let listed = proptest::collection::vec((2_u8..5, text), 1..3).prop_map(|answers| {
        let answer = |(code, text)| (ReturnCode::last_octet(code), Text::template(text));
        State::Listed(answers.into_iter().map(answer).collect())
    });
    let state = prop_oneof![4 => listed, 2 => Just(State::Excluded), 3 => Just(State::Absent)];
    (key(), state).prop_map(|(key, state)| Change { key, state })
}

/// A key.
fn key() -> impl Strategy<Value = Key> {
    prop_oneof![8 => v4(), 5 => v6(), 6 => name(), 1 => special()]
}

/// A network of IPv4; wider ones than /12 stand for thousands of names, so there are few of them elsewhere.
fn v4() -> impl Strategy<Value = Key> {
    let octet = prop_oneof![5 => 0_u32..4, 1 => Just(10_u32), 1 => Just(255_u32), 1 => 0_u32..256];
    let len = prop_oneof![3 => Just(32_u8), 2 => Just(24), 1 => Just(16), 3 => 22_u8..=32, 1 => 12_u8..=32];
    (octet.clone(), octet.clone(), octet.clone(), octet, len).prop_map(|(a, b, c, d, len)| {
        let address = Ipv4Addr::from(a << 24 | b << 16 | c << 8 | d);
        Key::Network(Network::V4(Ipv4Network::around(address, len)))
    })
}

/// A network of IPv6.
fn v6() -> impl Strategy<Value = Key> {
    let nibble = prop_oneof![4 => 0_u128..4, 1 => 0_u128..16];
    let len = prop_oneof![
        4 => 12_u8..=32, 1 => Just(64_u8), 1 => Just(128), 1 => 60_u8..=68, 1 => 120_u8..=128
    ];
    (proptest::collection::vec(nibble, 8), 0_u128..3, len).prop_map(|(nibbles, low, len)| {
        let high = nibbles.iter().fold(0, |high, nibble| high << 4 | nibble);
        let address = Ipv6Addr::from(high << 96 | low << 64 | low);
        Key::Network(Network::V6(Ipv6Network::around(address, len)))
    })
}

/// A name, which may look like an address.
fn name() -> impl Strategy<Value = Key> {
    let label = "[0-3a]|10|b|x|_";
    (proptest::collection::vec(label, 1..6), 0..3_usize).prop_map(|(labels, extent)| {
        let extent = [Extent::Exact, Extent::Below, Extent::Both][extent];
        Key::Name(labels.join(".").parse().expect("a name"), extent)
    })
}

/// What is never listed, test entries, and a name that no record can have.
fn special() -> impl Strategy<Value = Key> {
    let network = |text: &str| Key::Network(text.parse().expect("a network"));
    let name = |text: &str| Key::Name(text.parse().expect("a name"), Extent::Both);
    prop_oneof![
        Just(network("127.0.0.1")),
        Just(network("127.0.0.2")),
        Just(network("127.0.0.0/24")),
        Just(network("::ffff:7f00:1")),
        Just(network("::ffff:7f00:2")),
        Just(network("::/64")),
        Just(name("test")),
        Just(name("invalid")),
        Just(name("a.invalid")),
        Just(name("*.x")),
        Just(name("2.0.0.127")),
    ]
}

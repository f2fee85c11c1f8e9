//! No parcel of another server, however wrong its content, makes us panic; what is taken for good is written again as
//! a parcel that says the same.

#[path = "fuzz/mutation.rs"]
mod mutation;

use mutation::{Mutation, mutate, time};
use repute_dnsxl::{Extent, KeyKind, Network, Polarity, ReturnCode};
use repute_zone::journal::{Change, Editor, Key, State};
use repute_zone::parcel::Parcel;
use repute_zone::{Dialect, Link, Soa, TagKey, Text, ZoneSpec};

/// A list at serial 7.
fn editor() -> Editor {
    let name = |text: &str| text.parse().expect("a name");
    let soa = Soa {
        ttl: 60,
        origin: name("ns.example"),
        person: name("hostmaster.bl.example"),
        serial: 7,
        refresh: 1,
        retry: 2,
        expire: 3,
        minimum: 4,
    };
    let spec = ZoneSpec {
        apex: name("bl.example"),
        dialect: Dialect::Native,
        polarity: Polarity::Block,
        soa: Some(soa),
        name_servers: Some((60, vec![name("ns.example")])),
        datasets: Vec::new(),
        test_entries: true,
        link: Some(Link::new("https://x.example/r/1/", TagKey::new([7; 16])).expect("an address")),
        codes: vec![ReturnCode::LISTED],
        serial: 7,
    };
    Editor::new(spec, &[KeyKind::Ip], 300, changes()).expect("few")
}

/// Entries of every kind.
fn changes() -> Vec<Change> {
    let answer = || State::Listed(vec![(ReturnCode::LISTED, Text::template("see $"))]);
    let network = |text: &str| Key::Network(text.parse::<Network>().expect("a network"));
    vec![
        Change { key: network("192.0.2.0/24"), state: answer() },
        Change { key: network("192.0.2.7"), state: State::Excluded },
        Change { key: network("2001:db8::/32"), state: answer() },
        Change {
            key: Key::Name("x.example".parse().expect("a name"), Extent::Both),
            state: answer(),
        },
    ]
}

#[test]
fn fuzz_parcels() {
    let (whole, delta) = (editor().whole(), editor().delta(3, changes()));
    bolero::check!().with_type::<(bool, Vec<Mutation>)>().with_test_time(time()).for_each(
        |(is_whole, mutations): &(bool, Vec<Mutation>)| {
            let bytes = mutate(if *is_whole { &whole } else { &delta }, mutations);
            let Ok(parcel) = Parcel::open(bytes.into()) else { return };
            let editor = Editor::of_parcel(&parcel).expect("few");
            let again = Parcel::open(editor.whole().into()).expect("ours is good");
            assert_eq!(again.changes().count() as u64, editor.zone().entries());
            if editor.serial() != parcel.to() || parcel.from() == 0 {
                return;
            }
            // A list that is there takes it as a change, or refuses it.
            let mut other = self::editor();
            let is_next = other.serial() == parcel.from();
            assert!(other.take(&parcel).is_err() || is_next);
        },
    );
}

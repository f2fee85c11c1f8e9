//! Differences: by way of a record of the journal, and of whole lists.

use std::sync::Arc;

use proptest::prelude::*;
use repute_dnsxl::{Extent, KeyKind, Network, ReturnCode};
use repute_zone::journal::{Change, Editor, Key, Record, State};
use repute_zone::records::{Difference, SortedNames, Version, Way};
use repute_zone::{DatasetKind, Link, TagKey, Text, Zone, ZoneSpec};

use crate::versions::{change, editor, keys, spec};
use crate::{NOW, Owned, all, both, check_leads, check_order, text, version, zone};

/// Applies a record and says what the list was.
fn apply(editor: &mut Editor, changes: Vec<Change>) -> (Arc<Zone>, Arc<Zone>, Record) {
    let old = editor.zone().clone();
    let record = Record { from: editor.serial(), to: editor.serial() + 1, changes };
    let new = editor.apply(&record).expect("serials follow").clone();
    (old, new, record)
}

/// A change of a network or of a name with all below it.
fn to(key: &str, text: Option<&str>) -> Change {
    let network = key.parse::<Network>().map(Key::Network);
    let key = network.unwrap_or_else(|_| Key::Name(key.parse().expect("a name"), Extent::Both));
    let listed = |text| State::Listed(vec![(ReturnCode::LISTED, Text::template(text))]);
    Change { key, state: text.map_or(State::Absent, listed) }
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        cases: 24,
        ..ProptestConfig::default()
    })]

    #[test]
    fn a_record_leads_where_the_whole_lists_lead(
        keys in keys(),
        first in proptest::collection::vec(change(), 0..30),
        records in proptest::collection::vec(proptest::collection::vec(change(), 1..6), 1..5),
    ) {
        let mut editor = editor(&keys, first);
        let mut names = SortedNames::of(editor.zone());
        let count = records.len();
        for (place, changes) in records.into_iter().enumerate() {
            let (old, new, record) = apply(&mut editor, changes);
            let later = names.after(&record, &new);
            let (before, after) = (version(&old, &names), version(&new, &later));
            let whole = Difference::of(before, after);
            let touched = Difference::by(before, after, &record);
            prop_assert_eq!(whole.way(), Way::Whole);
            let is_list = !old.datasets().is_empty() && !new.datasets().is_empty();
            prop_assert_eq!(touched.way() == Way::Touched, is_list);
            prop_assert_eq!(both(&touched), both(&whole));
            check_leads(before, after, &whole).map_err(TestCaseError::fail)?;
            if place + 1 == count {
                let records = all(after);
                check_order(&records).map_err(TestCaseError::fail)?;
                // However an index came to hold it, a list has the same records.
                let compact = editor.compact().expect("few").clone();
                let anew = SortedNames::of(&compact);
                prop_assert_eq!(&all(version(&compact, &anew)), &records);
                // Names that were put in order before, and are there no longer, are no records.
                prop_assert_eq!(&all(version(&compact, &later)), &records);
            }
            names = later;
        }
    }

    #[test]
    fn lists_that_are_read_anew_differ_in_what_they_say(
        (one, other) in (list(), list()),
    ) {
        let combined = |(a, n): &(String, String)| format!(
            "$DATASET addresses @\n{a}$DATASET names @ sub 1\n{n}$DATASET addresses sub\n{a}\
             $DATASET generic sub @ 1.2\nwww A 192.0.2.1\n1 A 192.0.2.2\n"
        );
        for kinds in [
            vec![DatasetKind::Combined],
            vec![DatasetKind::Addresses, DatasetKind::Names],
            vec![DatasetKind::Addresses, DatasetKind::Addresses, DatasetKind::Generic],
        ] {
            let made = |own: &(String, String), other: &(String, String)| {
                let texts: Vec<(DatasetKind, String)> = kinds.iter().enumerate().map(|(i, kind)| {
                    let text = match kind {
                        DatasetKind::Combined => combined(own),
                        DatasetKind::Names => own.1.clone(),
                        DatasetKind::Generic => "1.2.0.1 A 192.0.2.3\n1.2 TXT x\n".to_owned(),
                        _ if i == 0 => own.0.clone(),
                        _ => other.0.clone(),
                    };
                    (*kind, text)
                }).collect();
                zone(&texts.iter().map(|(kind, text)| (*kind, &**text)).collect::<Vec<_>>())
            };
            let (old, new) = (made(&one, &other), made(&other, &one));
            let (old_names, new_names) = (SortedNames::of(&old), SortedNames::of(&new));
            let (before, after) = (version(&old, &old_names), version(&new, &new_names));
            check_order(&all(before)).map_err(TestCaseError::fail)?;
            check_leads(before, after, &Difference::of(before, after)).map_err(TestCaseError::fail)?;
        }
    }
}

/// Addresses and names as files have them.
fn list() -> impl Strategy<Value = (String, String)> {
    let octet = prop_oneof![4 => 0_u32..4, 1 => 0_u32..256];
    let v4 = ((octet.clone(), octet.clone(), octet.clone(), octet), 12_u8..=32, 0_u8..5)
        .prop_map(|((a, b, c, d), len, code)| (format!("{a}.{b}.{c}.{d}/{len}"), code));
    let v6 = (0_u16..4, 0_u16..0x30, 12_u8..=40, 0_u8..5)
        .prop_map(|(a, b, len, code)| (format!("{:x}:{b:x}::/{len}", a << 12 | b), code));
    let name = (proptest::collection::vec("[0-3a]|10|x", 1..5), 0..3_usize, 0_u8..5).prop_map(
        |(labels, extent, code)| (format!("{}{}", ["", ".", "*."][extent], labels.join(".")), code),
    );
    let lines = |entries: Vec<(String, u8)>| -> String {
        let line = |(key, code): (String, u8)| match code {
            0 | 1 => format!("!{key}\n"),
            code => format!("{key} :{code}:of $\n"),
        };
        entries.into_iter().map(line).collect()
    };
    let networks = proptest::collection::vec(prop_oneof![v4, v6], 0..12).prop_map(lines);
    (networks, proptest::collection::vec(name, 0..10).prop_map(lines))
}

#[test]
fn an_address_is_two_records_in_a_list_of_many() {
    let many: Vec<_> = (0..20_000_u32)
        .map(|i| to(&format!("{}.{}.{}.7", 20 + i / 2560, i / 10 % 256, i % 10 * 3), Some("of $")))
        .chain((0..5000).map(|i| to(&format!("n{i}.c{}.example", i % 700), Some("of $"))))
        .collect();
    let mut editor = editor(&[KeyKind::Ip, KeyKind::Name], many);
    let mut names = SortedNames::of(editor.zone());
    for (change, removed, added) in [
        (
            to("21.7.9.9", Some("new")),
            &[][..],
            &["9.9.7.21.bl.example. 300 A 127.0.0.2", "9.9.7.21.bl.example. 300 TXT \"new\""][..],
        ),
        (
            to("21.7.9.9", None),
            &["9.9.7.21.bl.example. 300 A 127.0.0.2", "9.9.7.21.bl.example. 300 TXT \"new\""],
            &[],
        ),
        (
            to("21.7.9.7", Some("other")),
            &["7.9.7.21.bl.example. 300 TXT \"of 21.7.9.7\""],
            &["7.9.7.21.bl.example. 300 TXT \"other\""],
        ),
        (
            to("n7.c7.example", None),
            &[
                "n7.c7.example.bl.example. 300 A 127.0.0.2",
                "n7.c7.example.bl.example. 300 TXT \"of n7.c7.example\"",
                "*.n7.c7.example.bl.example. 300 A 127.0.0.2",
                "*.n7.c7.example.bl.example. 300 TXT \"of n7.c7.example\"",
            ],
            &[],
        ),
    ] {
        let (old, new, record) = apply(&mut editor, vec![change]);
        let later = names.after(&record, &new);
        let difference = Difference::by(version(&old, &names), version(&new, &later), &record);
        assert_eq!(difference.way(), Way::Touched);
        let (less, more) = both(&difference);
        assert_eq!(less.iter().map(text).collect::<Vec<_>>(), removed);
        assert_eq!(more.iter().map(text).collect::<Vec<_>>(), added);
        names = later;
    }
}

#[test]
fn an_exclusion_is_one_record() {
    let mut editor = editor(&[KeyKind::Ip], vec![to("192.0.2.0/24", Some("of $"))]);
    let names = SortedNames::of(editor.zone());
    let exclusion = |key| Change { state: State::Excluded, ..to(key, None) };
    let hole = |last| format!("{last}.2.0.192.bl.example. 300 HINFO \"\" \"not listed\"");
    for (change, removes, adds) in [
        (exclusion("192.0.2.7"), vec![], vec![hole(7)]),
        (exclusion("192.0.2.9"), vec![], vec![hole(9)]),
        (to("192.0.2.7", None), vec![hole(7)], vec![]),
        (exclusion("192.0.2.64/31"), vec![], vec![hole(64), hole(65)]),
        (to("192.0.2.9", None), vec![hole(9)], vec![]),
        (to("192.0.2.64/31", None), vec![hole(64), hole(65)], vec![]),
    ] {
        let (old, new, record) = apply(&mut editor, vec![change]);
        let (before, after) = (version(&old, &names), version(&new, &names));
        let difference = Difference::by(before, after, &record);
        assert_eq!(difference.way(), Way::Touched);
        let (removed, added) = both(&difference);
        assert_eq!(removed.iter().map(text).collect::<Vec<_>>(), removes);
        assert_eq!(added.iter().map(text).collect::<Vec<_>>(), adds);
        check_leads(before, after, &difference).expect("it leads there");
    }
}

#[test]
fn a_network_gives_way_to_what_is_left_of_it() {
    let half = [to("192.0.2.0/24", Some("of $")), to("192.0.2.0/25", Some("other"))];
    let mut editor = editor(&[KeyKind::Ip], half.to_vec());
    let names = SortedNames::of(editor.zone());
    // Most of it comes to say something else, whose addresses did not change by themselves; and back.
    for (changes, rest) in [
        (vec![to("192.0.2.192/26", Some("other"))], 64),
        (vec![to("192.0.2.192/26", None)], 256),
        (vec![to("192.0.2.0/26", Some("of $"))], 64),
        (vec![to("192.0.2.128/26", Some("other")), to("192.0.2.0/26", Some("other"))], 64),
    ] {
        let (old, new, record) = apply(&mut editor, changes);
        let (before, after) = (version(&old, &names), version(&new, &names));
        let difference = Difference::by(before, after, &record);
        assert_eq!(difference.way(), Way::Touched);
        assert_eq!(both(&difference), both(&Difference::of(before, after)));
        check_leads(before, after, &difference).expect("it leads there");
        let is_leaf = |record: &Owned| {
            let text = text(record);
            text.contains("2.0.192.bl") && text.contains(" A ") && !text.starts_with('*')
        };
        assert_eq!(all(after).iter().filter(|record| is_leaf(record)).count(), rest);
    }
}

#[test]
fn a_name_exists_by_others_than_those_that_change() {
    let excluded = Change { state: State::Excluded, ..to("quiet.example", None) };
    let list = vec![to("example", Some("all")), excluded, to("a.quiet.example", Some("one"))];
    let mut editor = editor(&[KeyKind::Name], list);
    let mut names = SortedNames::of(editor.zone());
    // What says that the excluded name exists is there only while nothing below it is listed.
    let marker = "quiet.example.bl.example. 300 HINFO \"\" \"not listed\"";
    for (key, state, removes, adds) in [
        ("b.quiet.example", Some("two"), false, false),
        ("b.quiet.example", None, false, false),
        ("a.quiet.example", None, false, true),
        ("b.quiet.example", Some("two"), true, false),
    ] {
        let (old, new, record) = apply(&mut editor, vec![to(key, state)]);
        let later = names.after(&record, &new);
        let (before, after) = (version(&old, &names), version(&new, &later));
        let difference = Difference::by(before, after, &record);
        assert_eq!(difference.way(), Way::Touched);
        check_leads(before, after, &difference).expect("it leads there");
        let (removed, added) = both(&difference);
        assert_eq!(removed.iter().any(|record| text(record) == marker), removes, "{key}");
        assert_eq!(added.iter().any(|record| text(record) == marker), adds, "{key}");
        names = later;
    }
}

#[test]
fn the_widest_networks_come_and_go() {
    let mut editor = editor(&[KeyKind::Ip], vec![to("192.0.2.1", Some("one"))]);
    let names = SortedNames::of(editor.zone());
    for changes in [
        vec![to("32.0.0.0/3", Some("wide"))],
        vec![to("4000::/2", Some("wide")), to("32.0.0.0/3", None)],
        vec![to("4000::/2", None)],
    ] {
        let (old, new, record) = apply(&mut editor, changes);
        let (before, after) = (version(&old, &names), version(&new, &names));
        let (touched, whole) =
            (Difference::by(before, after, &record), Difference::of(before, after));
        assert_eq!(touched.way(), Way::Touched);
        assert_eq!(both(&touched), both(&whole));
        check_leads(before, after, &touched).expect("it leads there");
    }
}

#[test]
fn what_is_around_the_entries_makes_whole_lists_differ() {
    let name = |text: &str| text.parse().expect("a name");
    let link = Link::new("https://x.example/r/1/", TagKey::new([7; 16])).expect("an address");
    let shapes: [(ZoneSpec, u32); 4] = [
        (ZoneSpec { name_servers: Some((60, vec![name("other.example")])), ..spec() }, 300),
        (ZoneSpec { name_servers: Some((61, vec![name("ns.example")])), ..spec() }, 300),
        (ZoneSpec { link: Some(link), ..spec() }, 300),
        (spec(), 301),
    ];
    for (shape, ttl) in shapes {
        let mut editor = editor(&[KeyKind::Ip], vec![to("192.0.2.1", Some("of $"))]);
        let names = SortedNames::of(editor.zone());
        editor.reshape(shape, ttl);
        let (old, new, record) = apply(&mut editor, vec![to("192.0.2.2", Some("of $"))]);
        let (before, after) = (version(&old, &names), version(&new, &names));
        let difference = Difference::by(before, after, &record);
        assert_eq!(difference.way(), Way::Whole);
        check_leads(before, after, &difference).expect("it leads there");
        assert!(!both(&difference).0.is_empty(), "something is other than it was");
    }
}

#[test]
fn other_codes_of_test_entries_are_touched() {
    let mut editor = editor(&[KeyKind::Ip], vec![to("192.0.2.1", Some("of $"))]);
    let names = SortedNames::of(editor.zone());
    editor.reshape(ZoneSpec { codes: vec![ReturnCode::last_octet(9)], ..spec() }, 300);
    let (old, new, record) = apply(&mut editor, Vec::new());
    let (before, after) = (version(&old, &names), version(&new, &names));
    let difference = Difference::by(before, after, &record);
    assert_eq!(difference.way(), Way::Touched);
    check_leads(before, after, &difference).expect("it leads there");
    assert!(!both(&difference).1.is_empty(), "there are other test entries");
}

#[test]
fn a_record_that_does_not_lead_there_is_of_no_use() {
    let mut editor = editor(&[KeyKind::Ip], vec![to("192.0.2.1", Some("of $"))]);
    let names = SortedNames::of(editor.zone());
    let (old, _, record) = apply(&mut editor, vec![to("192.0.2.2", Some("of $"))]);
    let (_, new, _) = apply(&mut editor, vec![to("192.0.2.3", Some("of $"))]);
    let (before, after) = (version(&old, &names), version(&new, &names));
    let difference = Difference::by(before, after, &record);
    assert_eq!(difference.way(), Way::Whole);
    assert_eq!(both(&difference).1.len(), 4);
    // Nor is one of another time.
    let later = Version { now: NOW + 1, ..after };
    let record = Record { to: 3, ..record };
    assert_eq!(Difference::by(before, later, &record).way(), Way::Whole);
    assert_eq!(Difference::by(before, after, &record).way(), Way::Touched);
}

#[test]
fn names_that_came_are_put_among_the_others() {
    let mut editor = editor(&[KeyKind::Name], vec![to("a.example", Some("of $"))]);
    let mut names = SortedNames::of(editor.zone());
    let bytes = names.bytes();
    for round in 0..3 {
        for text in [Some("of $"), None] {
            let changes = (0..3000).map(|i| to(&format!("n{i}.r{round}.example"), text)).collect();
            let (_, new, record) = apply(&mut editor, changes);
            names = names.after(&record, &new);
            let anew = SortedNames::of(&new);
            assert_eq!(all(version(&new, &names)), all(version(&new, &anew)));
        }
    }
    // Of 9000 that came and went a third is forgotten, and the last of them will be when more come.
    let each = "\x07example\x02r0\x05n1000".len() + 5;
    assert!(names.bytes() <= bytes + 6000 * each, "{}", names.bytes());
}

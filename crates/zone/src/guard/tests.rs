//! Versions that are refused, and versions that only look so.

use std::sync::Arc;

use repute_dnsxl::{KeyKind, Polarity, ReturnCode};

use super::*;
use crate::dataset::DatasetKind;
use crate::format::{Input, ReadOptions, rbldnsd};
use crate::value::Text;
use crate::zone::{Dialect, ZoneSpec};

#[test]
fn a_file_without_a_good_line_is_refused_however_short() {
    let refusal = |text: &'static str| {
        let (name, reader) = (Arc::from("list"), Box::new(text.as_bytes()));
        let input = Input { name, reader, modified: 1 };
        let kind = DatasetKind::Addresses;
        let loaded = rbldnsd::read(kind, vec![input], &ReadOptions::default());
        let loaded = loaded.expect("the text is readable");
        check_faults(&[loaded.faults], loaded.lines, &Guards::default())
    };
    assert_eq!(refusal("<html>502 Bad Gateway</html>\n"), Some(Refusal::NoGoodLine(1)));
    assert_eq!(refusal("<html>\n192.0.2.1\n"), None);
    assert_eq!(refusal("# emptied on purpose\n"), None);
}

/// Of faulty lines 1 % are borne, and in a short list ten.
#[test]
fn faults_are_borne_up_to_a_share_and_a_number() {
    let guards = Guards { fault_percent: 1.0, fault_lines: 10, ..Guards::default() };
    for (faulty, lines, refused) in
        [(10, 20, false), (11, 20, true), (11, 1_100, false), (11, 1_099, true), (12, 1_100, true)]
    {
        let text = "?\n".repeat(faulty) + &"192.0.2.1\n".repeat(lines - faulty);
        let (name, reader) = (Arc::from("list"), Box::new(text.as_bytes()));
        let inputs = vec![Input { name, reader, modified: 1 }];
        let loaded = rbldnsd::read(DatasetKind::Ip4set, inputs, &ReadOptions::default());
        let loaded = loaded.expect("the text is readable");
        assert_eq!(loaded.lines, lines as u64);
        let refusal = check_faults(&[loaded.faults], loaded.lines, &guards);
        assert_eq!(refusal.is_some(), refused, "{faulty} of {lines}");
    }
}

#[test]
fn a_list_that_had_entries_may_not_come_back_empty() {
    let zone = |texts: &[&str]| {
        zone(&texts.iter().map(|text| (DatasetKind::Ip4set, *text)).collect::<Vec<_>>())
    };
    let refusal = |new: &[&str], old: &[&str]| {
        let (new, old) = (zone(new), zone(old));
        let told = |guards: &Guards| check(&new, Some(&old), Reach::default(), guards).refusals;
        assert_eq!(told(&Guards { allow_empty: true, ..Guards::default() }), []);
        told(&Guards::default())
    };
    let (empty, list) = ("# nothing\n", "192.0.2.1\n192.0.2.9\n");
    assert_eq!(refusal(&[empty], &[list]), [Refusal::Emptied(2)]);
    assert_eq!(refusal(&[list, ""], &[list, list]), [Refusal::Emptied(2)], "one of several");
    assert_eq!(refusal(&[empty], &[empty]), []);
    assert_eq!(refusal(&[list, empty], &[list]), [], "a new list may be empty");
    assert_eq!(refusal(&[empty, empty], &[list]), [Refusal::Emptied(2)]);
    assert_eq!(check(&zone(&[empty]), None, Reach::default(), &Guards::default()).refusals, []);
}

#[test]
fn names_that_stand_for_others_names_are_told() {
    let list = zone(&[(
        DatasetKind::Dnset,
        "com\nco.uk\n.k12.tx.us\nx.co.uk\nexample.com\n*.de\ngithub.io\n!net\ntest\ninvalid\n\
         .x.kawasaki.jp\n*.y.x.kawasaki.jp\ncity.kawasaki.jp\nwww.city.kawasaki.jp",
    )]);
    let told = check(&list, None, Reach::default(), &Guards::default()).refusals;
    let [Refusal::Invalid, Refusal::Suffix(Several { first, more: 0 })] = &told[..] else {
        panic!("{told:?}")
    };
    let mut names: Vec<String> = first.iter().map(ToString::to_string).collect();
    names.sort();
    assert_eq!(names, ["co.uk", "com", "de", "k12.tx.us", "x.kawasaki.jp"]);
    let many: Vec<u32> = (0..12).collect();
    assert_eq!(Several::of(many).to_string(), "0, 1, 2, 3, 4, 5, 6, 7, 8, 9 and 2 more");
    let allowed_suffixes = ["com", "co.uk", "de", "k12.tx.us", "x.kawasaki.jp"];
    let allowed_suffixes = allowed_suffixes.map(|n| n.parse().expect("a name")).to_vec();
    let guards = Guards { allowed_suffixes, ..Guards::default() };
    let told = check(&list, None, Reach::default(), &guards).refusals;
    assert_eq!(told, [Refusal::Invalid]);
}

#[test]
fn a_suffix_that_is_listed_already_is_not_refused_again() {
    let names = |text: &str| zone(&[(DatasetKind::Dnset, text)]);
    let approved = names("com\nx.example");
    let refused = |new: &str| refusals(&names(new), Some(&approved)).len();
    assert_eq!(refused("com\nx.example\ny.example"), 0, "more of other names");
    assert_eq!(refused("com\nx.example\nde"), 1, "another one");
    assert_eq!(refused("*.com\nx.example"), 1, "all below it, and not only itself");
    let invalid = names("invalid\nx.example");
    assert_eq!(refusals(&invalid, Some(&invalid)).len(), 1, "INVALID never becomes right");
}

/// A zone of data sets of these kinds.
fn zone(datasets: &[(DatasetKind, &str)]) -> Zone {
    let datasets = datasets.iter().map(|(kind, text)| {
        let (name, reader) = (Arc::from("list"), Box::new(text.as_bytes()));
        let input = Input { name, reader, modified: 1 };
        let loaded = rbldnsd::read(*kind, vec![input], &ReadOptions::default());
        let loaded = loaded.expect("the text is readable");
        assert_eq!(loaded.faults.errors(), 0);
        Arc::new(loaded.dataset)
    });
    Zone::new(ZoneSpec {
        apex: "bl.example".parse().expect("a name"),
        dialect: Dialect::Native,
        polarity: Polarity::Block,
        soa: None,
        name_servers: None,
        datasets: datasets.collect(),
        test_entries: false,
        link: None,
        codes: Vec::new(),
        serial: 0,
    })
}

fn addresses(text: &str) -> Zone {
    zone(&[(DatasetKind::Addresses, text)])
}

fn refusals(new: &Zone, old: Option<&Zone>) -> Vec<String> {
    check(new, old, Reach::default(), &Guards::default())
        .refusals
        .iter()
        .map(ToString::to_string)
        .collect()
}

const TEN: &str = "all of 10.0.0.0/8 would be listed; if that is meant, set `ipv4-prefix = 7` in \
                   [zone.guards]";

/// What the keys that refusals name are set to.
fn follow(refusals: &[Refusal], mut guards: Guards) -> Guards {
    for refusal in refusals {
        match refusal {
            Refusal::Covers { remedy, .. } | Refusal::Grows { remedy, .. } => {
                for Setting { key, value } in remedy.settings() {
                    let value = (*value > 0).then_some(*value);
                    match *key {
                        "ipv4-prefix" => guards.ipv4_prefix = value,
                        "ipv4-growth" => guards.ipv4_growth = value,
                        "ipv6-prefix" => guards.ipv6_prefix = value,
                        "ipv6-growth" => guards.ipv6_growth = value,
                        other => panic!("`{other}` is no guard"),
                    }
                }
            }
            Refusal::Suffix(names) => guards.allowed_suffixes.extend(names.first.clone()),
            Refusal::Faults { errors, .. } => guards.fault_lines = *errors,
            other => panic!("{other:?}"),
        }
    }
    guards
}

#[test]
fn whoever_follows_a_refusal_is_not_refused() {
    let check = |text: &str, old: &str, expect: &str| {
        let kind = match text.starts_with(|c: char| c.is_ascii_digit()) {
            true => DatasetKind::Addresses,
            false => DatasetKind::Dnset,
        };
        let (new, old) = (zone(&[(kind, text)]), zone(&[(kind, old)]));
        let guards = Guards::default();
        let told = check(&new, Some(&old), Reach::default(), &guards).refusals;
        let shown = told.first().expect("it is refused").to_string();
        assert!(shown.contains(expect), "{shown}");
        let guards = follow(&told, guards);
        assert_eq!(check(&new, Some(&old), Reach::default(), &guards).refusals, [], "{shown}");
    };
    let one = "192.0.2.1";
    check("10.0.0.0/8", one, "set `ipv4-prefix = 7` and `ipv4-growth = 7` in [zone.guards]");
    check(
        "0.0.0.0/1",
        one,
        "set `ipv4-prefix = 0` and `ipv4-growth = 0` in [zone.guards] (0 is off)",
    );
    check("10.0.0.0/8\n12.0.0.0/6", one, "set `ipv4-prefix = 5` and `ipv4-growth = 5`");
    check("2001::/16\n2003::/16", "2400::1", "set `ipv6-prefix = 15` and `ipv6-growth = 14`");
    check("10.0.0.0/9\n12.0.0.0/9\n14.0.0.0/10", one, "set `ipv4-growth = 7` in [zone.guards]");
    check(
        "com\nco.uk",
        "x.example",
        "listed (co.uk, com); if that is meant, add it to `allow-suffixes`",
    );
    let text = "192.0.2.1\n".to_owned() + &"x\n".repeat(20);
    let input = Input { name: Arc::from("list"), reader: Box::new(text.as_bytes()), modified: 1 };
    let kind = DatasetKind::Addresses;
    let loaded = rbldnsd::read(kind, vec![input], &ReadOptions::default()).expect("readable");
    let (faults, guards) = ([loaded.faults], Guards::default());
    let told = check_faults(&faults, loaded.lines, &guards).expect("it is refused");
    assert!(told.to_string().ends_with("set `fault-lines = 20` in [zone.guards]"), "{told}");
    assert_eq!(check_faults(&faults, loaded.lines, &follow(&[told], guards)), None);
}

#[test]
fn data_are_too_old_when_their_time_and_the_expire_time_are_over() {
    let list = addresses("$TIMESTAMP 1970:01:01 1970:01:01:00:16:40\n192.0.2.1");
    assert_eq!(list.expires(), Some(1000));
    assert_eq!(check_age(&list, 500, 1500), None);
    assert_eq!(check_age(&list, 500, 1501), Some(Refusal::Expired { ago: 501, expire: 500 }));
    assert_eq!(check_age(&addresses("192.0.2.1"), 0, u32::MAX), None);
}

#[test]
fn a_network_is_covered_by_any_number_of_pieces_in_any_data_set() {
    let pieces = |half: u32| -> String {
        let every_other = (half..0x2_0000).step_by(2);
        every_other.map(|n| format!("{}/25\n", Ipv4Addr::from(10 << 24 | n << 7))).collect()
    };
    let (even, odd) = (pieces(0), pieces(1));
    assert_eq!(refusals(&addresses(&even), None), [""; 0]);
    let both = zone(&[(DatasetKind::Ip4trie, &even), (DatasetKind::Ip4set, &odd)]);
    assert_eq!(refusals(&both, None), [TEN]);
    assert_eq!(refusals(&both, Some(&addresses(&odd))), [TEN]);
    assert_eq!(refusals(&both, Some(&both)), [""; 0]);
    assert_eq!(refusals(&both, Some(&addresses("10.0.0.0/8"))), [""; 0]);
    let parts = format!("$DATASET ip4trie a @\n{even}$DATASET ip4trie @\n{odd}");
    assert_eq!(refusals(&zone(&[(DatasetKind::Combined, &parts)]), None), [TEN]);
}

#[test]
fn an_exclusion_or_two_do_not_hide_a_network() {
    assert_eq!(refusals(&addresses("10.0.0.0/8\n!10.1.2.3\n!10.77.0.0/16"), None), [""; 0]);
    let hidden = addresses("10.0.0.0/8\n!10.1.2.3\n!10.77.0.0/17");
    assert_eq!(refusals(&hidden, None), [TEN]);
    assert_eq!(refusals(&addresses("10.0.0.0/8"), Some(&hidden)), [""; 0]);
}

#[test]
fn half_of_every_network_is_refused_for_its_sum() {
    let halves: String = (0..256).map(|n| format!("{n}.0.0.0/9\n")).collect();
    let halves = addresses(&halves);
    let why = |n, remedy| {
        format!(
            "as many IPv4 addresses would be newly listed as {n} /8 networks have; if that is \
             meant, set `ipv4-growth = {remedy}"
        )
    };
    let off = "0` in [zone.guards] (0 is off)";
    assert_eq!(refusals(&halves, None), [why(128, off)]);
    assert_eq!(refusals(&halves, Some(&addresses("192.0.2.1"))), [why(127, "1` in [zone.guards]")]);
    assert_eq!(refusals(&halves, Some(&halves)), [""; 0]);
    let guards = Guards { ipv4_growth: None, ..Guards::default() };
    assert_eq!(check(&halves, None, Reach::default(), &guards).refusals, []);
    // 2000::/3 is what there is of IPv6.
    let halves: String = (0x2000..0x4000).map(|n| format!("{n:x}::/17\n")).collect();
    let why = "as many IPv6 addresses would be newly listed as 4096 /16 networks have; if that \
               is meant, set `ipv6-growth = 3` in [zone.guards]";
    assert_eq!(refusals(&addresses(&halves), None), [why]);
}

#[test]
fn a_large_list_is_judged_by_what_is_new() {
    let list = |n: u32| -> String { (1..=n).map(|n| format!("{n}.0.0.0/9\n")).collect() };
    let large = addresses(&list(60));
    assert_eq!(refusals(&large, None), [""; 0]);
    assert_eq!(refusals(&large, Some(&addresses("# nothing yet"))), [""; 0]);
    assert_eq!(refusals(&large, Some(&large)), [""; 0]);
    assert_eq!(refusals(&addresses(&list(65)), Some(&large)), [""; 0]);
    assert_eq!(refusals(&addresses(&list(67)), Some(&large)).len(), 1);
    let small = addresses(&list(10));
    assert_eq!(refusals(&addresses(&list(11)), Some(&small)), [""; 0]);
    assert_eq!(refusals(&addresses(&list(12)), Some(&small)).len(), 1);
}

#[test]
fn a_list_that_was_cut_by_mistake_may_come_back() {
    let list = |n: u32| -> String { (1..=n).map(|n| format!("{n}.0.0.0/9\n")).collect() };
    let (whole, cut) = (addresses(&list(10)), addresses("192.0.2.1"));
    let guards = Guards::default();
    let served = check(&whole, None, Reach::default(), &guards);
    assert_eq!(served, Verdict { refusals: vec![], reach: Reach { ipv4: 10 << 23, ipv6: 0 } });
    let most = served.reach.max(check(&cut, Some(&whole), served.reach, &guards).reach);
    assert_eq!(most, served.reach);
    assert_eq!(check(&whole, Some(&cut), most, &guards).refusals, []);
    assert_eq!(check(&addresses(&list(11)), Some(&cut), most, &guards).refusals, []);
    assert_eq!(check(&addresses(&list(13)), Some(&cut), most, &guards).refusals.len(), 1);
    assert_eq!(check(&whole, Some(&cut), Reach::default(), &guards).refusals.len(), 1);
}

#[test]
fn changes_laid_over_a_list_count() {
    use crate::journal::{Change, Editor, Key, Record, State};
    let change = |network: &str, state| Change {
        key: Key::Network(network.parse().expect("a network")),
        state,
    };
    let listed = State::Listed(vec![(ReturnCode::LISTED, Text::new())]);
    let spec = |zone: &Zone| ZoneSpec {
        apex: zone.apex().clone(),
        dialect: Dialect::Native,
        polarity: Polarity::Block,
        soa: None,
        name_servers: None,
        datasets: Vec::new(),
        test_entries: false,
        link: None,
        codes: Vec::new(),
        serial: 1,
    };
    let first = [("10.0.0.0/9", listed.clone()), ("2001::/17", listed.clone())];
    let first = first.map(|(network, state)| change(network, state));
    let mut editor = Editor::new(spec(&addresses("")), &[KeyKind::Ip], 300, first).expect("few");
    let before = editor.zone().clone();
    assert_eq!(refusals(&before, None), [""; 0]);
    let changes = ["10.128.0.0/9", "2001:8000::/17"].map(|n| change(n, listed.clone())).to_vec();
    let after = editor.apply(&Record { from: 1, to: 2, changes }).expect("it follows").clone();
    let six = TEN.replace("10.0.0.0/8", "2001::/16").replace("ipv4-prefix = 7", "ipv6-prefix = 15");
    assert_eq!(refusals(&after, Some(&before)), [TEN.to_owned(), six]);
    assert_eq!(refusals(&after, Some(&after)), [""; 0]);
    let changes = vec![change("10.0.0.0/9", State::Absent)];
    let less = editor.apply(&Record { from: 2, to: 3, changes }).expect("it follows").clone();
    assert_eq!(refusals(&after, Some(&less)), [TEN]);
}

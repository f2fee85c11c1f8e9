//! The exported master file, answered as RFC 4592 says, lists what the zone lists, and nothing else.
//!
//! The name server here reads the file line by line into a map and follows section 3.3 to the letter. It
//! is asked about all places where an answer may change, in both families and for names.

#[path = "fixture/list.rs"]
mod list;
#[path = "fixture/question.rs"]
mod question;

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use list::block_list;
use proptest::prelude::*;
use question::labels;
use repute_dnsxl::{Name, relative_ipv4, relative_ipv6};
use repute_zone::export::{self, View};
use repute_zone::format::ReadOptions;
use repute_zone::{Dataset, DatasetKind, Existence, Hit, Link, Relative, TagKey, Zone, ZoneSpec};

/// When the exports are written.
const NOW: u32 = 1_700_000_000;

fn dataset(kind: DatasetKind, text: &str) -> Arc<Dataset> {
    let options = ReadOptions { accept_host_bits: true, ..ReadOptions::default() };
    list::dataset(kind, text, &options)
}

fn zone(datasets: Vec<Arc<Dataset>>) -> Zone {
    Zone::new(spec(datasets))
}

fn spec(datasets: Vec<Arc<Dataset>>) -> ZoneSpec {
    ZoneSpec { test_entries: true, ..block_list("bl.example", datasets) }
}

/// A list of addresses of both families.
fn addresses(text: &str) -> Zone {
    zone(vec![dataset(DatasetKind::Addresses, text)])
}

/// Records of an answer as text: type and data.
type Records = BTreeSet<String>;

/// A general name server with one zone: relative names as text, `` for the apex.
#[derive(Debug, Default)]
struct Master {
    records: BTreeMap<String, Records>,
    /// All names that exist, those between included.
    names: BTreeSet<String>,
}

impl Master {
    fn of(zone: &Zone) -> Master {
        let mut text = Vec::new();
        export::master(zone, NOW, &mut text).expect("memory takes it");
        let text = String::from_utf8(text).expect("a master file is text");
        let mut master = Master::default();
        for line in text.lines().filter(|line| !line.starts_with([';', '$'])) {
            let fields: Vec<&str> = line.splitn(5, '\t').collect();
            let [owner, _ttl, "IN", rtype, data] = fields[..] else { panic!("{line}") };
            let owner = if owner == "@" { "" } else { owner };
            let repeated = !master
                .records
                .entry(owner.to_owned())
                .or_default()
                .insert(format!("{rtype} {data}"));
            assert!(!repeated, "{line} is there twice");
            let mut name = owner;
            while !name.is_empty() {
                master.names.insert(name.to_owned());
                name = name.split_once('.').map_or("", |(_, above)| above);
            }
        }
        master
    }

    /// The records of a name, or nothing for NXDOMAIN. RFC 4592 section 3.3.1: a wildcard answers for
    /// names whose longest existing ancestor is the name above the asterisk.
    fn answer(&self, name: &str) -> Option<Records> {
        if name.is_empty() || self.names.contains(name) {
            return Some(self.records.get(name).cloned().unwrap_or_default());
        }
        let mut encloser = name;
        loop {
            encloser = encloser.split_once('.').map_or("", |(_, above)| above);
            if encloser.is_empty() || self.names.contains(encloser) {
                break;
            }
        }
        let wildcard = if encloser.is_empty() { "*".into() } else { format!("*.{encloser}") };
        self.records.get(&wildcard).cloned()
    }
}

/// What a zone answers at a relative name.
fn ask(zone: &Zone, wire: &[u8]) -> (Records, Existence) {
    let mut records = Records::new();
    let found = zone.visit(Relative::new(wire, &labels(wire)), |hit| match hit {
        Hit::Listing(listing) => {
            for pair in listing.pairs(NOW, false) {
                let [a, b, c, d] = pair.code;
                records.insert(format!("A {a}.{b}.{c}.{d}"));
                let mut text = [0; 254];
                let len = listing.write_text(pair, b"", text.len(), &mut text);
                if len > 0 {
                    records.insert(format!("TXT \"{}\"", String::from_utf8_lossy(&text[..len])));
                }
            }
        }
        Hit::Record(record) => {
            assert_eq!(record.rtype(), 1, "the lists below have no others");
            let [a, b, c, d] = record.data() else { panic!("an address has four octets") };
            records.insert(format!("A {a}.{b}.{c}.{d}"));
        }
    });
    (records, found)
}

/// Compares zone and export at a name in wire form.
fn compare(zone: &Zone, master: &Master, wire: &[u8]) -> Result<(), String> {
    let mut name = wire.to_vec();
    name.push(0);
    let name = Name::from_wire(&name).expect("a name").to_string();
    let (records, found) = ask(zone, wire);
    let answer = master.answer(if name == "." { "" } else { &name });
    let mut theirs = answer.clone().unwrap_or_default();
    theirs.remove("HINFO \"\" \"not listed\"");
    if theirs != records {
        return Err(format!("{name}: {records:?}, but exported {theirs:?}"));
    }
    if found != Existence::Nothing && answer.is_none() {
        return Err(format!("{name} exists, but not in the export"));
    }
    Ok(())
}

/// Compares at whole addresses, and that all names above a listed one exist.
fn compare_address(zone: &Zone, master: &Master, wire: &[u8]) -> Result<(), String> {
    compare(zone, master, wire)?;
    let mut above = match ask(zone, wire).1 {
        Existence::Listed => wire,
        Existence::Exists | Existence::Nothing => &[],
    };
    while !above.is_empty() {
        let name = Name::from_wire(&[above, &[0]].concat()).expect("a name").to_string();
        if master.answer(&name).is_none() {
            return Err(format!("{name} exists, but not in the export"));
        }
        above = &above[1 + usize::from(above[0])..];
    }
    Ok(())
}

/// Addresses with few different digits at their start, where octets and nibbles meet.
fn crossing() -> Vec<Vec<u8>> {
    let octets = [0_u8, 1, 2, 3, 9, 10, 127, 255];
    let mut questions = Vec::new();
    for a in octets {
        for b in octets {
            for c in [0, 1, 10] {
                for d in [0, 1, 10, 255] {
                    questions.push(relative_ipv4(Ipv4Addr::new(a, b, c, d)));
                }
            }
        }
    }
    for first in (0_u128..=0xffff).step_by(97).chain([0x2001, 0x2002, 0x0064, 0xfe80]) {
        for rest in [0, 0xdb8 << 96, u128::MAX >> 16] {
            questions.push(relative_ipv6(Ipv6Addr::from(first << 112 | rest)));
        }
    }
    questions
}

fn check(zone: &Zone, questions: impl IntoIterator<Item = Vec<u8>>) -> Result<(), String> {
    let master = Master::of(zone);
    let always = [
        relative_ipv4(Ipv4Addr::LOCALHOST),
        relative_ipv4(Ipv4Addr::new(127, 0, 0, 2)),
        relative_ipv6(Ipv4Addr::LOCALHOST.to_ipv6_mapped()),
        relative_ipv6(Ipv4Addr::new(127, 0, 0, 2).to_ipv6_mapped()),
        b"\x07invalid".to_vec(),
        b"\x04test".to_vec(),
        Vec::new(),
    ];
    questions.into_iter().chain(always).try_for_each(|wire| compare_address(zone, &master, &wire))
}

#[test]
fn octets_do_not_list_nibbles() {
    let zone = addresses("2.0.0.0/16 :3:a network\n");
    check(&zone, crossing()).unwrap();
    let six: Ipv6Addr = "2001:db8::1".parse().unwrap();
    let name = Name::from_wire(&[&relative_ipv6(six)[..], &[0]].concat()).unwrap().to_string();
    assert_eq!(Master::of(&zone).answer(&name), None);
}

#[test]
fn nibbles_do_not_cut_octets() {
    let text =
        "2.0.0.0/16 :3:four\n2001:db8::/32 :4:six\n2::/16 :4:\n1.2.3.0/24 :5:\n123::/16 :6:\n";
    check(&addresses(text), crossing()).unwrap();
}

#[test]
fn nibbles_do_not_list_octets() {
    check(&addresses("2000::/4 :3:wide\n0.0.0.0/8 :2:\n::/8 :2:\nfe80::/10 :2:\n"), crossing())
        .unwrap();
}

#[test]
fn what_is_excluded_is_there_without_records_and_has_nothing_below() {
    let text = "192.0.2.0/24 :2:\n!192.0.2.7\n10.1.0.0/16 :2:\n!10.1.2.0/24\n10.1.2.3 :3:\n\
                2001:db8::/32 :2:\n!2001:db8:5::/48\n2001:db8:5:1::/64 :4:\n";
    let zone = addresses(text);
    let v4 = (0..=255).flat_map(|last| [[192, 0, 2, last], [10, 1, 2, last], [10, 1, 3, last]]);
    let v6 = ["2001:db8::1", "2001:db8:5::1", "2001:db8:5:1::1", "2001:db8:5:2::1", "2001:db8:6::"];
    let v6 = v6.map(|text| relative_ipv6(text.parse().expect("an address")));
    check(&zone, v4.map(|octets| relative_ipv4(octets.into())).chain(v6)).unwrap();
    let master = Master::of(&zone);
    let marker = Records::from(["HINFO \"\" \"not listed\"".to_owned()]);
    assert_eq!(master.answer("7.2.0.192"), Some(marker));
    assert_eq!(master.answer("2.1.10"), Some(Records::new()), "it is above another name");
    assert_eq!(master.answer("4.2.1.10"), None);
    assert!(master.records.len() < 30, "{} names", master.records.len());
}

#[test]
fn loopback_is_never_exported() {
    let text = "127.0.0.0/8 :3:wide\n::/64 :4:wide\n";
    let zone = addresses(text);
    check(&zone, crossing()).unwrap();
    let mut text = Vec::new();
    export::rbldnsd(&zone, View::At(NOW), &mut text).unwrap();
    let text = String::from_utf8(text).unwrap();
    assert!(text.contains("\n!127.0.0.1\n"), "{text}");
    assert!(text.contains("\n!0:0:0:0:0:ffff:7f00:1/128\n"), "{text}");
}

#[test]
fn entries_that_do_not_apply_are_not_exported() {
    let later = NOW + 1;
    let four = dataset(
        DatasetKind::Addresses,
        &format!(
            "192.0.2.0/24 :2:now\n192.0.2.7 :3:later @ ts={later};delay=0s\n\
             192.0.2.8 :4:past @ ts=1;delay=1s\n192.0.2.9 :5:keyed @ key=require\n"
        ),
    );
    let names = dataset(
        DatasetKind::Names,
        &format!(".x.test :2:now\na.x.test :3:later @ ts={later};delay=1h\nb.x.test :4:past\n"),
    );
    let zone = zone(vec![four, names]);
    let names = ["x.test", "a.x.test", "c.a.x.test", "b.x.test", "c.x.test"];
    let names = names.map(|name| name.parse::<Name>().unwrap().relative().to_vec());
    let addresses = (0..12).map(|d| relative_ipv4(Ipv4Addr::new(192, 0, 2, d)));
    check(&zone, addresses.chain(names)).unwrap();
    let mut text = Vec::new();
    export::rbldnsd(&zone, View::At(NOW), &mut text).unwrap();
    let text = String::from_utf8(text).unwrap();
    assert!(!text.contains(":3:") && !text.contains(":5:") && !text.contains(" @ ts"), "{text}");
    assert!(text.contains("\n!a.x.test\n"), "{text}");
    assert!(text.contains("Some entries have a delay"), "{text}");
}

/// A list that mixes what can collide: networks of both families at their common digits, and names
/// that look like addresses.
fn mixed() -> impl Strategy<Value = (String, String, Vec<Vec<u8>>)> {
    let digit = prop_oneof![3 => 0_u32..4, 1 => Just(9_u32), 1 => 10_u32..256];
    let v4 = (
        digit.clone(),
        digit.clone(),
        digit.clone(),
        digit,
        prop_oneof![
            3 => Just(32_u8), 2 => Just(24), 2 => Just(16), 1 => 12_u8..32
        ],
        proptest::option::weighted(0.8, 2_u8..6),
    );
    let nibble = prop_oneof![3 => 0_u128..4, 1 => 0_u128..16];
    let v6 = (
        nibble.clone(),
        nibble.clone(),
        nibble.clone(),
        nibble.clone(),
        nibble,
        prop_oneof![
            Just(3_u8),
            Just(4),
            Just(7),
            Just(8),
            Just(12),
            Just(14),
            Just(16),
            Just(20),
            Just(64),
            Just(128)
        ],
        proptest::option::weighted(0.8, 2_u8..6),
    );
    let label = "[0-3]|[0-3a-b]|10|x";
    let name = proptest::collection::vec(label, 1..6);
    let name = (name, 0..3_usize, proptest::option::weighted(0.7, 2_u8..6));
    (
        proptest::collection::vec(v4, 0..12),
        proptest::collection::vec(v6, 0..8),
        proptest::collection::vec(name, 0..6),
        proptest::collection::vec(proptest::collection::vec(label, 1..7), 0..40),
    )
        .prop_map(|(v4, v6, names, asked)| {
            let (mut addresses, mut listed, mut questions) =
                (String::new(), String::new(), Vec::new());
            let line = |key: String, code: Option<u8>| match code {
                Some(code) => format!("{key} :{code}:text {code}\n"),
                None => format!("!{key}\n"),
            };
            for (a, b, c, d, len, code) in v4 {
                let host = u32::MAX.checked_shr(len.into()).unwrap_or(0);
                let first = (a << 24 | b << 16 | c << 8 | d) & !host;
                addresses += &line(format!("{}/{len}", Ipv4Addr::from(first)), code);
                let last = first | host;
                for address in
                    [first.wrapping_sub(1), first, first + host / 3, last, last.wrapping_add(1)]
                {
                    questions.push(relative_ipv4(Ipv4Addr::from(address)));
                }
            }
            for (a, b, c, d, e, len, code) in v6 {
                let host = u128::MAX.checked_shr(len.into()).unwrap_or(0);
                let first = (a << 124 | b << 120 | c << 116 | d << 112 | e << 108) & !host;
                addresses += &line(format!("{}/{len}", Ipv6Addr::from(first)), code);
                let last = first | host;
                for address in
                    [first.wrapping_sub(1), first, first + host / 3, last, last.wrapping_add(1)]
                {
                    questions.push(relative_ipv6(Ipv6Addr::from(address)));
                }
            }
            for (labels, extent, code) in names {
                let name = labels.join(".");
                listed += &line(format!("{}{name}", ["", ".", "*."][extent]), code);
                questions.push(name.parse::<Name>().expect("a name").relative().to_vec());
            }
            for labels in asked {
                // Others than addresses are answered by wildcards for addresses too.
                let name: Name = labels.join(".").parse().expect("a name");
                if labels.iter().any(|label| label == "x") {
                    questions.push(name.relative().to_vec());
                }
            }
            (addresses, listed, questions)
        })
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        cases: 24,
        ..ProptestConfig::default()
    })]

    #[test]
    fn an_export_of_mixed_addresses_lists_what_the_zone_lists(
        (addresses, _, questions) in mixed(),
    ) {
        let zone = zone(vec![dataset(DatasetKind::Addresses, &addresses)]);
        // Wildcards of networks also answer for names that are no address.
        let questions = questions.into_iter().filter(|q| is_address(q));
        check(&zone, questions.chain(crossing().into_iter().step_by(7))).map_err(TestCaseError::fail)?;
    }

    #[test]
    fn an_export_of_names_lists_what_the_zone_lists((_, names, questions) in mixed()) {
        let names = format!(".example :2:\n{names}");
        let zone = zone(vec![dataset(DatasetKind::Names, &names)]);
        check(&zone, questions).map_err(TestCaseError::fail)?;
    }

    #[test]
    fn an_export_of_everything_lists_what_the_zone_lists((addresses, names, questions) in mixed()) {
        let combined = format!(
            "$DATASET addresses @\n{addresses}$DATASET names @ sub\n{names}\
             $DATASET addresses sub\n{addresses}$DATASET generic sub @\nwww A 192.0.2.1\n1 A 192.0.2.2\n"
        );
        let zone = zone(vec![dataset(DatasetKind::Combined, &combined)]);
        let below = |q: &Vec<u8>| [&q[..], b"\x03sub"].concat();
        let questions: Vec<_> = questions.into_iter().filter(|q| is_address(q)).collect();
        let all: Vec<_> = questions.iter().cloned().chain(questions.iter().map(below)).collect();
        check(&zone, all).map_err(TestCaseError::fail)?;
    }
}

/// Whether a name has as many labels as an address.
fn is_address(wire: &[u8]) -> bool {
    let name = Name::from_wire(&[wire, &[0]].concat()).expect("a name");
    let text = name.to_string();
    (text.split('.').count() == 4 && text.split('.').all(|label| label.parse::<u8>().is_ok()))
        || text.split('.').count() == 32
}

#[test]
fn a_master_file_names_a_server_though_the_zone_knows_none() {
    let export = |list: &str, server: &str| {
        let list = dataset(DatasetKind::Generic, list);
        let mut spec = spec(vec![list]);
        spec.name_servers = Some((60, vec![server.parse().expect("a name")]));
        let (zone, mut master, mut data) = (Zone::new(spec), Vec::new(), Vec::new());
        export::master(&zone, 0, &mut master).expect("memory takes all");
        export::rbldnsd(&zone, View::Whole, &mut data).expect("memory takes all");
        (String::from_utf8(master).expect("text"), String::from_utf8(data).expect("text"))
    };
    let (master, data) = export("www A 192.0.2.1", "bl.example");
    assert!(master.contains("@\t60\tIN\tNS\tlocalhost.\n"), "{master}");
    assert!(!master.contains("NS\tbl.example."), "{master}");
    assert!(data.contains("$NS 60 bl.example\n"), "{data}");
    let (master, _) = export("www A 192.0.2.1", "ns.elsewhere.example");
    assert!(master.contains("NS\tns.elsewhere.example.\n"), "{master}");
    // With an address it is a name server like any other.
    let (master, _) = export("@ A 192.0.2.1", "bl.example");
    assert!(master.contains("NS\tbl.example.\n"), "{master}");
}

#[test]
fn exports_lead_to_the_page_as_far_as_they_can() {
    let key = TagKey::new([7; 16]);
    let link = Link::new("https://lists.example/r/3/", key.clone()).expect("an address");
    let long = "x".repeat(250);
    let text = format!("192.0.2.1 :2:spam of $\n192.0.2.128/25 :3:{long}\n127.0.0.9 :2:\n");
    let spec = spec(vec![dataset(DatasetKind::Ip4set, &text)]);
    let zone = Zone::new(ZoneSpec { link: Some(link), ..spec });
    let (mut file, mut data) = (Vec::new(), Vec::new());
    export::master(&zone, 0, &mut file).expect("memory takes it");
    export::rbldnsd(&zone, View::At(0), &mut data).expect("memory takes it");
    let (file, data) = [file, data].map(|bytes| String::from_utf8(bytes).expect("text")).into();
    let signed = |target: &str| {
        let tag = key.tag(target.as_bytes());
        format!("https://lists.example/r/3/{target}/{}", String::from_utf8_lossy(&tag))
    };
    // A name has the link that the server gives; a wildcard that of the first address it stands for.
    assert!(file.contains(&format!("\"spam of 192.0.2.1 {}\"", signed("192.0.2.1"))), "{file}");
    assert!(file.contains(&format!("xxx {}\"", signed("192.0.2.128"))), "{file}");
    // rbldnsd puts the target in, and makes no tags.
    assert!(data.contains("spam of $ https://lists.example/r/3/$\n"), "{data}");
    assert!(data.contains("xxx https://lists.example/r/3/$\n"), "{data}");
    assert!(data.lines().all(|line| line.len() < 230), "{data}");
    for text in [file, data] {
        let tests = text.lines().filter(|line| line.contains("test entry"));
        assert!(tests.clone().count() > 0 && tests.clone().all(|line| !line.contains("http")));
    }
}

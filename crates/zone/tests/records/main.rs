//! A list as records in wire form: what they are, that a difference leads from one version to the next, and that a
//! difference found by way of a journal's record is that of the whole lists.

mod differences;
#[path = "../fixture/list.rs"]
mod list;
mod versions;

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use list::{block_list, dataset};
use repute_dnsxl::Name;
use repute_zone::format::ReadOptions;
use repute_zone::records::{self, Difference, SortedNames, Version, WireRecord};
use repute_zone::{DatasetKind, Zone, ZoneSpec, export};

/// When lists are looked at.
const NOW: u32 = 1_700_000_000;

/// A record that outlives the walk: owner, type, time to live, data.
type Owned = (Vec<u8>, u16, u32, Vec<u8>);

fn owned(record: WireRecord<'_>) -> Owned {
    (record.owner.to_vec(), record.rtype, record.ttl, record.data.to_vec())
}

fn version<'v>(zone: &'v Zone, names: &'v SortedNames) -> Version<'v> {
    Version { zone, names, now: NOW }
}

/// All records of a version in their order.
fn all(version: Version<'_>) -> Vec<Owned> {
    let mut all = Vec::new();
    let flow = records::records(version, |record| {
        all.push(owned(record));
        ControlFlow::Continue(())
    });
    assert_eq!(flow, ControlFlow::Continue(()));
    all
}

/// What a difference takes away and adds.
fn both(difference: &Difference<'_>) -> (Vec<Owned>, Vec<Owned>) {
    let (mut removed, mut added) = (Vec::new(), Vec::new());
    let flows = [
        difference.removed(|record| {
            removed.push(owned(record));
            ControlFlow::Continue(())
        }),
        difference.added(|record| {
            added.push(owned(record));
            ControlFlow::Continue(())
        }),
    ];
    assert_eq!(flows, [ControlFlow::Continue(()); 2]);
    (removed, added)
}

/// Checks that a difference makes one version of the other, and returns it.
fn check_leads(
    old: Version<'_>,
    new: Version<'_>,
    difference: &Difference<'_>,
) -> Result<(), String> {
    let (removed, added) = both(difference);
    let mut now: BTreeSet<Owned> = all(old).into_iter().collect();
    for record in &removed {
        if !now.remove(record) {
            return Err(format!("it takes away what is not there, or twice: {}", text(record)));
        }
    }
    for record in &added {
        if !now.insert(record.clone()) {
            return Err(format!("it adds what is there, or twice: {}", text(record)));
        }
    }
    let expect: BTreeSet<Owned> = all(new).into_iter().collect();
    let differing: Vec<_> = now.symmetric_difference(&expect).map(text).collect();
    if differing.is_empty() { Ok(()) } else { Err(format!("it leads elsewhere: {differing:#?}")) }
}

/// Checks the order of records: names by their labels from the apex on, a wildcard first below its name, and all of a
/// name and of a type together.
fn check_order(records: &[Owned]) -> Result<(), String> {
    let key = |record: &Owned| {
        let mut labels = labels(&record.0);
        labels.reverse();
        // Before all labels, which have a length.
        let labels = labels.into_iter().map(|label| match &label[..] {
            b"*" => (0, Vec::new()),
            _ => (label.len(), label),
        });
        (labels.collect::<Vec<_>>(), record.1, record.3.clone())
    };
    match records.windows(2).find(|pair| key(&pair[0]) >= key(&pair[1])) {
        Some(pair) => Err(format!("{} comes before {}", text(&pair[0]), text(&pair[1]))),
        None => Ok(()),
    }
}

/// The labels of a name in wire form.
fn labels(mut wire: &[u8]) -> Vec<Vec<u8>> {
    let mut labels = Vec::new();
    while let Some((&len @ 1.., rest)) = wire.split_first() {
        let (label, rest) = rest.split_at(usize::from(len));
        labels.push(label.to_vec());
        wire = rest;
    }
    labels
}

/// A record as text.
fn text((owner, rtype, ttl, data): &Owned) -> String {
    let owner = Name::from_wire(owner).expect("owners are names");
    let name = |wire: &[u8]| Name::from_wire(wire).expect("a name").to_string();
    let data = match rtype {
        1 => format!("A {}.{}.{}.{}", data[0], data[1], data[2], data[3]),
        2 => format!("NS {}.", name(data)),
        13 => {
            assert_eq!(data, b"\x00\x0anot listed");
            "HINFO \"\" \"not listed\"".to_owned()
        }
        15 => format!("MX {} {}.", u16::from_be_bytes([data[0], data[1]]), name(&data[2..])),
        16 => {
            assert_eq!(usize::from(data[0]) + 1, data.len(), "one string");
            format!("TXT \"{}\"", String::from_utf8_lossy(&data[1..]))
        }
        other => panic!("no list has records of type {other}"),
    };
    format!("{owner}. {ttl} {data}")
}

/// A zone of lists.
fn zone(lists: &[(DatasetKind, &str)]) -> Zone {
    let options = ReadOptions { accept_host_bits: true, ..ReadOptions::default() };
    let datasets = lists.iter().map(|(kind, text)| dataset(*kind, text, &options)).collect();
    let servers = ["ns1.example", "ns2.example"].map(|name| name.parse().expect("a name"));
    Zone::new(ZoneSpec {
        name_servers: Some((3600, servers.to_vec())),
        ..block_list("bl.example", datasets)
    })
}

/// The records of lists, as text.
fn lines(lists: &[(DatasetKind, &str)]) -> String {
    let zone = zone(lists);
    let names = SortedNames::of(&zone);
    let records = all(version(&zone, &names));
    check_order(&records).expect("they are in order");
    records.iter().map(|record| text(record) + "\n").collect()
}

#[test]
fn networks_are_wildcards_and_exclusions_are_names() {
    let addresses = "$TTL 300\n192.0.2.0/24 :2:spam from $\n198.51.100.7 :3:\n";
    let names = "$TTL 300\n.spam.example :4:\n!.good.spam.example\n*.below.example :5:\n";
    assert_eq!(
        lines(&[(DatasetKind::Ip4set, addresses), (DatasetKind::Dnset, names)]),
        "bl.example. 3600 NS ns1.example.\n\
         bl.example. 3600 NS ns2.example.\n\
         *.2.0.192.bl.example. 300 A 127.0.0.2\n\
         *.2.0.192.bl.example. 300 TXT \"spam from 192.0.2.0\"\n\
         7.100.51.198.bl.example. 300 A 127.0.0.3\n\
         spam.example.bl.example. 300 A 127.0.0.4\n\
         *.spam.example.bl.example. 300 A 127.0.0.4\n\
         good.spam.example.bl.example. 300 HINFO \"\" \"not listed\"\n\
         *.below.example.bl.example. 300 A 127.0.0.5\n",
    );
}

#[test]
fn a_network_with_holes_keeps_its_wildcard() {
    let list = "$TTL 300\n10.1.0.0/16 :2:\n!10.1.2.0/24\n10.1.2.64/26 :3:\n10.1.2.7 :2:\n!10.1.2.66\n\
                !10.1.3.128/26\n!10.1.4.4\n2001:db8::/32 :2:\n!2001:db8:4000::/35\n2001:db8:4000::/36 :2:\n";
    let text = lines(&[(DatasetKind::Addresses, list)]);
    let mut expect = vec![
        "bl.example. 3600 NS ns1.example.".to_owned(),
        "bl.example. 3600 NS ns2.example.".to_owned(),
        "*.8.b.d.0.1.0.0.2.bl.example. 300 A 127.0.0.2".to_owned(),
    ];
    let hole = |name: String| format!("{name}.bl.example. 300 HINFO \"\" \"not listed\"");
    expect.push(hole("5.8.b.d.0.1.0.0.2".to_owned()));
    expect.push("*.1.10.bl.example. 300 A 127.0.0.2".to_owned());
    // An excluded network is no wildcard, so there is nothing below it but what is listed there again.
    expect.push("7.2.1.10.bl.example. 300 A 127.0.0.2".to_owned());
    let again = (64..128).filter(|last| *last != 66);
    let mut names: Vec<String> = again.map(|last| format!("{last}.2.1.10")).collect();
    names.sort_by_key(String::len);
    expect.extend(names.iter().map(|name| format!("{name}.bl.example. 300 A 127.0.0.3")));
    expect.push("*.3.1.10.bl.example. 300 A 127.0.0.2".to_owned());
    expect.extend((128..192).map(|last| hole(format!("{last}.3.1.10"))));
    expect.push("*.4.1.10.bl.example. 300 A 127.0.0.2".to_owned());
    expect.push(hole("4.4.1.10".to_owned()));
    assert_eq!(text.lines().collect::<Vec<_>>(), expect);
}

#[test]
fn a_network_of_which_too_little_is_left_is_written_as_what_is_left() {
    // A quarter may be missing, and no more.
    let quarter = "$TTL 300\n192.0.2.0/24 :2:\n!192.0.2.64/26\n";
    let lines = |list: &str| lines(&[(DatasetKind::Addresses, list)]).lines().count() - 2;
    assert_eq!(lines(quarter), 1 + 64);
    assert_eq!(lines(&format!("{quarter}!192.0.2.1\n")), 191);
    // So many of one value hide those of another no more than holes.
    assert_eq!(lines("$TTL 300\n192.0.2.0/24 :2:\n192.0.2.64/26 :3:\n"), 1 + 64);
    assert_eq!(lines("$TTL 300\n192.0.2.0/25 :2:\n192.0.2.128/25 :3:\n"), 256);
}

#[test]
fn records_of_the_apex_and_plain_ones_are_there() {
    let text = "$TTL 60\n@ A 192.0.2.80\n@ MX 10 mx.example\nns A 192.0.2.53\nwww TXT hello\n";
    assert_eq!(
        lines(&[(DatasetKind::Generic, text)]),
        "bl.example. 60 A 192.0.2.80\n\
         bl.example. 3600 NS ns1.example.\n\
         bl.example. 3600 NS ns2.example.\n\
         bl.example. 60 MX 10 mx.example.\n\
         ns.bl.example. 60 A 192.0.2.53\n\
         www.bl.example. 60 TXT \"hello\"\n",
    );
}

#[test]
fn a_zone_without_servers_names_one_that_loads() {
    let list = dataset(DatasetKind::Generic, "www A 192.0.2.1", &ReadOptions::default());
    let spec = block_list("bl.example", vec![list]);
    let own = spec.apex.clone();
    let zone = Zone::new(ZoneSpec { name_servers: Some((60, vec![own])), ..spec });
    let names = SortedNames::of(&zone);
    let records = all(version(&zone, &names));
    assert_eq!(text(&records[0]), "bl.example. 60 NS localhost.");
}

#[test]
fn what_holds_is_what_holds_at_the_time() {
    let list = format!("192.0.2.1 :2:\n192.0.2.2 :3: @ ts={};delay=0s\n", NOW + 10);
    let zone = zone(&[(DatasetKind::Addresses, &list)]);
    let names = SortedNames::of(&zone);
    let at = |now| {
        let records = all(Version { zone: &zone, names: &names, now });
        records.iter().map(text).filter(|text| text.contains("127.0.0.3")).count()
    };
    assert_eq!((at(NOW), at(NOW + 10)), (0, 1));
    // So a difference may lead from one time to another.
    let (old, new) =
        (version(&zone, &names), Version { zone: &zone, names: &names, now: NOW + 10 });
    check_leads(old, new, &Difference::of(old, new)).expect("it leads there");
    let (removed, added) = both(&Difference::of(old, new));
    assert_eq!(
        removed.iter().map(text).collect::<Vec<_>>(),
        ["2.2.0.192.bl.example. 2100 HINFO \"\" \"not listed\""]
    );
    assert_eq!(
        added.iter().map(text).collect::<Vec<_>>(),
        ["2.2.0.192.bl.example. 2100 A 127.0.0.3"]
    );
}

#[test]
fn too_many_records_are_known_for_that_soon() {
    let zone =
        zone(&[(DatasetKind::Addresses, "$TTL 5\n10.0.0.0/8 :2:\n!10.1.2.3\n192.0.2.1 :2:\n")]);
    let names = SortedNames::of(&zone);
    let version = version(&zone, &names);
    let many = all(version).len() as u64;
    // Each /16, the /24 around the exclusion, the exclusion, the address, two servers.
    assert_eq!(many, 256 + 1 + 1 + 1 + 2);
    assert_eq!(records::count(version, u64::MAX), many);
    assert_eq!(records::count(version, many), many);
    assert_eq!(records::count(version, 100), 101);
    let mut given = 0;
    let flow = records::records(version, |_| {
        given += 1;
        if given == 7 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    assert_eq!((flow, given), (ControlFlow::Break(()), 7));
}

#[test]
fn the_master_file_says_the_same() {
    let addresses =
        "192.0.2.0/24 :2:spam from $\n2.0.0.0/16 :3:\n2001:db8::/33 :4:six $\n!2001:db8::7\n";
    let combined = format!(
        "$DATASET addresses @\n{addresses}$DATASET names @ sub\n.1.x :5:$\n!y.1.x\n_a :2:\n\
         $DATASET generic sub @\nwww A 192.0.2.1\n1 TXT one\n@ MX 10 mx.example\n"
    );
    let zone = zone(&[(DatasetKind::Combined, &combined)]);
    let names = SortedNames::of(&zone);
    let mut records: Vec<_> = all(version(&zone, &names)).iter().map(text).collect();
    records.sort();
    let mut file = Vec::new();
    export::master(&zone, NOW, &mut file).expect("memory takes it");
    let file = String::from_utf8(file).expect("a master file is text");
    let mut lines: Vec<String> = file
        .lines()
        .filter(|line| !line.starts_with([';', '$']))
        .map(|line| {
            let fields: Vec<&str> = line.splitn(5, '\t').collect();
            let [owner, ttl, "IN", rtype, data] = fields[..] else { panic!("{line}") };
            let owner = if owner == "@" { String::new() } else { format!("{owner}.") };
            format!("{owner}bl.example. {ttl} {rtype} {data}")
        })
        .collect();
    lines.sort();
    assert_eq!(records, lines);
}

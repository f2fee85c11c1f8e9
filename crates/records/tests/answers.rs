//! What is found at names: the examples of RFC 4592, and random zones against a naive reading of the rules.

use std::collections::BTreeSet;

use proptest::prelude::*;
use repute_dnsxl::Name;
use repute_records::{Place, Zone, master};

/// A zone of lines; a SOA is added.
fn zone(apex: &str, lines: &str) -> Zone {
    let apex: Name = apex.parse().expect("a name");
    let text = format!("$TTL 60\n@ SOA ns hostmaster 1 3600 900 604800 300\n{lines}");
    let reading = master::read_lines(&apex, &text);
    assert_eq!(reading.faults, [], "{text}");
    let (zone, unfit) =
        Zone::new(apex, reading.records.into_iter().map(|placed| placed.record)).expect("a zone");
    assert_eq!(unfit, []);
    zone
}

/// What is at a name, in a few words.
fn at(zone: &Zone, name: &str) -> String {
    match zone.find_name(&name.parse().expect("a name")) {
        Place::Here(node) => format!("here {}", node.owner()),
        Place::Wildcard(node) => format!("by {}", node.owner()),
        Place::Empty => "empty".to_owned(),
        Place::Cut(node) => format!("cut {}", node.owner()),
        Place::Dname(node) => format!("dname {}", node.owner()),
        Place::Nothing => "nothing".to_owned(),
    }
}

/// RFC 4592 section 2.2.1: "The following responses would be synthesized from one of the wildcards in the zone".
#[test]
fn the_examples_of_rfc_4592_hold() {
    let zone = zone(
        "example",
        "@ NS ns.example.com.\n@ NS ns.example.net.\n\
         *.example. TXT \"this is a wildcard\"\n*.example. MX 10 host1.example.\n\
         sub.*.example. TXT \"this is not a wildcard\"\n\
         host1.example. A 192.0.2.1\n_ssh._tcp.host1.example. SRV 0 0 22 host1\n_ssh._tcp.host2.example. SRV 0 0 22 host2\n\
         subdel.example. NS ns.example.com.\nsubdel.example. NS ns.example.net.\n",
    );
    for (name, expect) in [
        ("host3.example", "by *.example"),
        ("foo.bar.example", "by *.example"),
        ("host1.example", "here host1.example"),
        ("sub.*.example", "here sub.*.example"),
        ("_telnet._tcp.host1.example", "nothing"),
        ("host.subdel.example", "cut subdel.example"),
        ("subdel.example", "cut subdel.example"),
        ("ghost.*.example", "nothing"),
        ("_tcp.host2.example", "empty"),
        ("host2.example", "empty"),
        ("*.example", "here *.example"),
        ("example", "here example"),
        ("other", "nothing"),
    ] {
        assert_eq!(at(&zone, name), expect, "{name}");
    }
}

#[test]
fn what_is_delegated_or_renamed_is_found_from_the_top() {
    let zone = zone(
        "example",
        "a NS ns.b.a\nns.b.a A 192.0.2.1\nc.b.a NS ns.b.a\nd DNAME other.test.\nx.d A 192.0.2.2\n*.w.v A 192.0.2.3\n\
         e.*.u A 192.0.2.4\n",
    );
    for (name, expect) in [
        ("ns.b.a.example", "cut a.example"),
        ("q.c.b.a.example", "cut a.example"),
        ("d.example", "here d.example"),
        ("x.d.example", "dname d.example"),
        ("y.x.d.example", "dname d.example"),
        ("v.example", "empty"),
        ("z.v.example", "nothing"),
        ("z.w.v.example", "by *.w.v.example"),
        // The wildcard exists without records: it stands for the name, which has none then.
        ("z.u.example", "empty"),
    ] {
        assert_eq!(at(&zone, name), expect, "{name}");
    }
}

/// Names of few labels, so that they meet.
fn names() -> impl Strategy<Value = String> {
    let label = prop::sample::select(vec!["a", "b", "*", "c\\000", "c\\001", "c", "ab"]);
    prop::collection::vec(label, 0..4)
        .prop_map(|labels| labels.iter().map(|label| format!("{label}.")).collect())
}

/// The rules of RFC 1034 section 4.3.2 and RFC 4592, as one would do them by hand.
fn naive(owners: &BTreeSet<Name>, cuts: &BTreeSet<Name>, apex: &Name, name: &Name) -> String {
    let above = |name: &Name| -> Option<Name> {
        let (len, rest) = name.as_wire().split_first()?;
        Name::from_wire(rest.get(usize::from(*len)..)?).ok()
    };
    let mut line = vec![name.clone()];
    while let Some(last) = line.last().filter(|last| *last != apex) {
        line.push(above(last).expect("a name above"));
    }
    if let Some(cut) = line.iter().rev().find(|name| cuts.contains(*name) && *name != apex) {
        return format!("cut {cut}");
    }
    let exists = |name: &Name| owners.iter().any(|owner| owner.is_within(name));
    if owners.contains(name) {
        return format!("here {name}");
    }
    if exists(name) {
        return "empty".to_owned();
    }
    let encloser = line.iter().find(|name| exists(name)).expect("the apex exists");
    let wildcard = Name::from_wire(&[b"\x01*", encloser.as_wire()].concat()).expect("a name");
    match () {
        () if owners.contains(&wildcard) => format!("by {wildcard}"),
        () if exists(&wildcard) => "empty".to_owned(),
        () => "nothing".to_owned(),
    }
}

proptest! {
    #[test]
    fn every_name_is_found_as_by_hand(
        with_address in prop::collection::btree_set(names(), 0..12),
        delegated in prop::collection::btree_set(names(), 0..3),
        asked in prop::collection::vec(names(), 1..20),
    ) {
        let apex: Name = "zone.test".parse().expect("a name");
        let whole = |name: &String| -> Name { format!("{name}zone.test").parse().expect("a name") };
        let lines: String = with_address.iter().map(|name| format!("{name}zone.test. A 192.0.2.1\n"))
            .chain(delegated.iter().map(|name| format!("{name}zone.test. NS ns.elsewhere.test.\n"))).collect();
        let zone = zone("zone.test", &lines);
        let mut owners: BTreeSet<Name> = with_address.iter().chain(&delegated).map(whole).collect();
        owners.insert(apex.clone());
        let cuts: BTreeSet<Name> = delegated.iter().map(whole).collect();
        for name in asked {
            let name = whole(&name);
            prop_assert_eq!(at(&zone, &name.to_string()), naive(&owners, &cuts, &apex, &name), "{}", name);
        }
    }
}

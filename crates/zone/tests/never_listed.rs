//! RFC 5782 section 5: "IPv4-based DNSxLs MUST contain an entry for 127.0.0.2 [...] and MUST NOT contain
//! an entry for 127.0.0.1." Whatever the data say, natively; rbldnsd answers what it reads.

#[path = "fixture/list.rs"]
mod list;
#[path = "fixture/question.rs"]
mod question;

use list::{block_list, dataset};
use question::labels;
use repute_dnsxl::{relative_ipv4, relative_ipv6};
use repute_zone::format::ReadOptions;
use repute_zone::{DatasetKind, Dialect, Existence, Relative, Zone, ZoneSpec, export};

/// A zone of one data set, read and served by a dialect.
fn zone(kind: DatasetKind, dialect: Dialect, text: &str) -> Zone {
    let options = ReadOptions { dialect, ..ReadOptions::default() };
    let datasets = vec![dataset(kind, text, &options)];
    Zone::new(ZoneSpec { dialect, ..block_list("bl.example", datasets) })
}

/// Whether an address is listed, asked below a name in wire form.
fn ask(zone: &Zone, address: &str, below: &[u8]) -> Existence {
    let mut wire = match address.parse().expect("an address") {
        std::net::IpAddr::V4(address) => relative_ipv4(address),
        std::net::IpAddr::V6(address) => relative_ipv6(address),
    };
    wire.extend_from_slice(below);
    zone.visit(Relative::new(&wire, &labels(&wire)), |_| {})
}

/// Data of every kind that cover an address that must never be listed, the name they are asked below, and
/// an address beside it.
const COVERING: [(DatasetKind, &str, &[u8], &str, &str); 8] = [
    (DatasetKind::Ip4set, "127.0.0.0/24", b"", "127.0.0.1", "127.0.0.2"),
    (DatasetKind::Ip4tset, "127.0.0.1\n127.0.0.2", b"", "127.0.0.1", "127.0.0.2"),
    (DatasetKind::Ip4trie, "127.0.0.0/8", b"", "127.0.0.1", "127.0.0.0"),
    (DatasetKind::Addresses, "126.0.0.0/7", b"", "127.0.0.1", "127.99.0.1"),
    (DatasetKind::Ip6trie, "::/8", b"", "::ffff:127.0.0.1", "::ffff:127.0.0.2"),
    (DatasetKind::Ip6tset, "0:0:0:0", b"", "::ffff:127.0.0.1", "::ffff:127.0.0.0"),
    (
        DatasetKind::Combined,
        "$DATASET dnset names\nx.example\n$DATASET ip4set spam @\n127.0.0.0/24",
        b"\x04spam",
        "127.0.0.1",
        "127.0.0.2",
    ),
    (
        DatasetKind::Combined,
        "$DATASET ip6trie a.six\n::/1\n",
        b"\x01a\x03six",
        "::ffff:127.0.0.1",
        "::ffff:127.0.0.2",
    ),
];

#[test]
fn what_must_never_be_listed_is_left_out_of_every_data_set_and_told() {
    for (kind, text, below, never, beside) in COVERING {
        let native = zone(kind, Dialect::Native, text);
        assert_eq!(ask(&native, never, below), Existence::Nothing, "{text}");
        assert_eq!(ask(&native, beside, below), Existence::Listed, "{text}");
        let told = native.covers_never_listed().expect("it is told");
        assert_eq!(told, never.parse::<std::net::IpAddr>().expect("an address"), "{text}");
    }
    for (kind, text) in [
        (DatasetKind::Ip4set, "127.0.0.0/24\n!127.0.0.1"),
        (DatasetKind::Dnset, "x.example"),
        (DatasetKind::Combined, "$DATASET ip4trie a\n127.0.0.2"),
    ] {
        assert_eq!(zone(kind, Dialect::Native, text).covers_never_listed(), None, "{text}");
    }
}

#[test]
fn exports_list_what_is_served() {
    for (kind, text, below, never, beside) in COVERING {
        let native = zone(kind, Dialect::Native, text);
        let mut exported = Vec::new();
        export::rbldnsd(&native, export::View::At(0), &mut exported).expect("memory takes it");
        let exported = String::from_utf8(exported).expect("the export is text");
        let read = zone(DatasetKind::Combined, Dialect::Rbldnsd, &exported);
        assert_ne!(ask(&read, never, below), Existence::Listed, "{text}");
        assert_eq!(ask(&read, beside, below), Existence::Listed, "{text}");
    }
    let mut master = Vec::new();
    let native = zone(DatasetKind::Ip4trie, Dialect::Native, "127.0.0.0/8");
    export::master(&native, 0, &mut master).expect("memory takes it");
    let master = String::from_utf8(master).expect("the export is text");
    // A wildcard lists its siblings, so the name itself stands in its way, without an address.
    let line = |owner: &str| {
        let lines = master.lines().map(|line| line.split('\t').collect::<Vec<_>>());
        lines.filter(|fields| fields[0] == owner && fields[3] == "A").count()
    };
    assert_eq!(line("1.0.0.127"), 0, "{master}");
    assert!(master.contains("1.0.0.127\t"), "{master}");
    assert!(line("2.0.0.127") == 1 || line("*.0.0.127") == 1, "{master}");
}

#[test]
fn rbldnsd_answers_what_it_reads() {
    let text = "$DATASET ip4set spam @\n127.0.0.0/24";
    let drop_in = zone(DatasetKind::Combined, Dialect::Rbldnsd, text);
    assert_eq!(ask(&drop_in, "127.0.0.1", b"\x04spam"), Existence::Listed);
    assert_eq!(ask(&drop_in, "127.0.0.1", b""), Existence::Listed);
    let mut exported = Vec::new();
    export::rbldnsd(&drop_in, export::View::At(0), &mut exported).expect("memory takes it");
    let exported = String::from_utf8(exported).expect("the export is text");
    let read = zone(DatasetKind::Combined, Dialect::Rbldnsd, &exported);
    assert_eq!(ask(&read, "127.0.0.1", b"\x04spam"), Existence::Listed);
}

#[test]
fn invalid_exists_if_names_below_it_are_listed() {
    for (text, expect) in [
        ("x.invalid", Existence::Exists),
        (".invalid", Existence::Exists),
        ("invalid", Existence::Nothing),
        ("x.example", Existence::Nothing),
    ] {
        let zone = zone(DatasetKind::Dnset, Dialect::Native, text);
        let found = zone.visit(Relative::new(b"\x07invalid", &[0]), |_| panic!("{text}"));
        assert_eq!(found, expect, "{text}");
    }
}

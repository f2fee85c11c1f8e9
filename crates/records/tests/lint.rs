//! What is said of zones that can be served and should not be so.

use repute_dnsxl::Name;
use repute_records::{Zone, lint, master};

/// The findings of a zone of lines.
fn findings(lines: &str) -> Vec<String> {
    let apex: Name = "z.test".parse().expect("a name");
    let reading = master::read_lines(&apex, &format!("$TTL 60\n{lines}"));
    assert_eq!(reading.faults, []);
    let zone =
        Zone::new(apex, reading.records.into_iter().map(|placed| placed.record)).expect("a zone").0;
    lint::zone(&zone).iter().map(ToString::to_string).collect()
}

/// A start with which nothing is wrong.
const START: &str = "@ SOA ns1 hostmaster 1 3600 900 604800 300\n@ NS ns1\n@ NS ns2\n\
                     ns1 A 192.0.2.1\nns2 A 198.51.100.1\nns2 AAAA 2001:db8::1\n";

#[test]
fn nothing_is_said_of_a_good_zone() {
    let more = "mail A 192.0.2.3\n@ MX 10 mail\n@ MX 20 mx.elsewhere.test.\nwww CNAME mail\n_x._tcp SRV 0 0 1 mail\n\
                sub NS ns.sub\nsub NS ns.elsewhere.test.\nns.sub A 192.0.2.9\n*.w A 192.0.2.4\n@ 60 CAA 0 issue ca.test\n\
                null MX 0 .\n";
    assert_eq!(findings(&format!("{START}{more}")), [] as [String; 0]);
}

#[test]
fn each_thing_to_mend_is_found() {
    for (more, expect) in [
        (
            "c CNAME ns1\nc A 192.0.2.1\n",
            "error: c.z.test: it is an alias (CNAME) and has other records (A)",
        ),
        ("c CNAME ns1\nc CNAME ns2\n", "error: c.z.test: it has several CNAME records"),
        ("@ NS ns3\n", "error: z.test: its name server ns3.z.test has no address here"),
        ("@ NS ns3\nns3 CNAME ns1\n", "error: z.test: its name server ns3.z.test is an alias"),
        ("@ MX 10 gone\n", "error: z.test: its MX record names gone.z.test, which has no address"),
        (
            "@ MX 10 m\nm CNAME ns1\n",
            "warning: z.test: its MX record names m.z.test, which is an alias",
        ),
        ("a 700000 A 192.0.2.1\n", "warning: a.z.test: its A records live for 700000 seconds"),
        (
            "s NS ns.s\ns NS ns.o.test.\n",
            "error: s.z.test: it is delegated to ns.s.z.test, whose address nobody finds",
        ),
        ("s NS ns.o.test.\n", "warning: s.z.test: it is delegated to one name server"),
        (
            "s NS a.o.test.\ns NS b.o.test.\nx.s TXT y\n",
            "warning: x.s.z.test: its TXT records are not served",
        ),
        ("s DS 1 8 2 aabb\n", "error: s.z.test: it has DS records and is not delegated"),
        ("d DNAME o.test.\nx.d A 192.0.2.1\n", "warning: x.d.z.test: its records are not served"),
    ] {
        let found = findings(&format!("{START}{more}"));
        assert!(found.len() == 1 && found[0].starts_with(expect), "{more}: {found:?}");
    }
}

#[test]
fn name_servers_are_two_on_two_networks_and_times_make_sense() {
    let found = findings("@ SOA ns1 h 1 900 900 1000 90000\n@ NS ns1\nns1 A 192.0.2.1\n");
    let starts = [
        "warning: z.test: SOA: retry (900)",
        "error: z.test: SOA: expire (1000)",
        "warning: z.test: SOA: the last number (90000)",
        "warning: z.test: there is one name server",
    ];
    assert_eq!(found.len(), starts.len(), "{found:?}");
    assert!(found.iter().zip(starts).all(|(found, start)| found.starts_with(start)), "{found:?}");
    let near = START.replace("198.51.100.1\nns2 AAAA 2001:db8::1", "192.0.2.200");
    assert_eq!(findings(&near).len(), 1);
    assert!(findings(&near)[0].contains("on one network"));
}

#[test]
fn a_serial_that_stays_or_goes_back_is_found() {
    let of = |serial: u32, lines: &str| {
        let apex: Name = "z.test".parse().expect("a name");
        let text = format!("$TTL 60\n@ SOA ns h {serial} 3600 900 604800 300\n{lines}");
        let records = master::read_lines(&apex, &text).records;
        Zone::new(apex, records.into_iter().map(|placed| placed.record)).expect("a zone").0
    };
    let said = |old: &Zone, new: &Zone| lint::serial(old, new).map(|finding| finding.message);
    assert_eq!(said(&of(7, ""), &of(7, "")), None);
    assert_eq!(said(&of(7, ""), &of(8, "a A 192.0.2.1\n")), None);
    assert_eq!(said(&of(u32::MAX, ""), &of(3, "")), None, "RFC 1982");
    assert!(
        said(&of(7, ""), &of(7, "a A 192.0.2.1\n")).is_some_and(|text| text.contains("still 7"))
    );
    assert!(said(&of(7, ""), &of(6, "")).is_some_and(|text| text.contains("back from 7 to 6")));
}

//! What a list says of its records, and what it becomes by what changes in them.

use repute_records::master;
use repute_zone::{Hit, Relative};

use super::*;

/// A zone of lines in a serial.
fn zone(serial: u32, lines: &str) -> Zone {
    let apex: Name = "bl.test".parse().expect("a name");
    let text =
        format!("$TTL 60\n@ SOA ns.test. host.test. {serial} 2 3 4 5\n@ NS ns.test.\n{lines}");
    let reading = master::read_lines(&apex, &text);
    assert_eq!(reading.faults, []);
    let records = reading.records.into_iter().map(|placed| placed.record);
    let (zone, unfit) = Zone::new(apex, records).expect("a zone");
    assert_eq!(unfit, []);
    zone
}

/// What a list answers to a name before the apex: codes, and texts behind them.
fn said(list: &List, name: &str) -> String {
    let name: Name = name.parse().expect("a name");
    let (mut places, mut at) = (Vec::new(), 0);
    for label in name.labels() {
        places.push(u8::try_from(at).expect("short"));
        at += 1 + label.len();
    }
    let mut said = Vec::new();
    list.zone().visit(Relative::new(name.relative(), &places), |hit| {
        let Hit::Listing(listing) = hit else { return };
        for pair in listing.pairs(0, false) {
            let mut text = [0; 255];
            let len = listing.write_text(pair, b"?", 254, &mut text);
            let code = Ipv4Addr::from(pair.code);
            said.push(format!("{code} {}", String::from_utf8_lossy(&text[..len])));
        }
    });
    said.join(", ").trim_end().to_owned()
}

/// Follows from one zone to another, and holds that the list is the one that would be read anew.
fn follow(before: &str, after: &str, names: &[(&str, &str)]) {
    let (old, new) = (zone(1, before), zone(2, after));
    let mut list = List::read(&old).expect("few");
    let step = Difference::between(&old, &new);
    list.follow(&new, &[step]).expect("it follows");
    let anew = List::read(&new).expect("few");
    assert_eq!(list.zone().serial(), 2);
    assert_eq!(list.left_out(), anew.left_out());
    for (name, expect) in names {
        assert_eq!(said(&list, name), *expect, "{name}, followed");
        assert_eq!(said(&anew, name), *expect, "{name}, read anew");
    }
}

#[test]
fn addresses_networks_and_names_are_what_their_records_say() {
    let lines = "2.0.0.127 A 127.0.0.2\n2.0.0.127 TXT \"a $ test\"\n*.2.0.192 A 127.0.0.3\n*.2.0.192 TXT net\n\
                 9.2.0.192 A 127.0.0.4\n*.8.b.d.0.1.0.0.2 A 127.0.0.6\n\
                 1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.f.b.d.0.1.0.0.2 A 127.0.0.7\n\
                 bad.example A 127.0.1.2\n*.bad.example A 127.0.1.2\nexact.example A 127.0.1.3\n";
    let list = List::read(&zone(7, lines)).expect("few");
    assert_eq!(list.zone().serial(), 7);
    assert_eq!(list.left_out(), None);
    let nibbles = |last: &str| format!("{last}{}8.b.d.0.1.0.0.2", "0.".repeat(23));
    for (name, expect) in [
        ("2.0.0.127", "127.0.0.2 a $ test"),
        ("1.2.0.192", "127.0.0.3 net"),
        ("9.2.0.192", "127.0.0.4"),
        ("9.3.0.192", ""),
        (&nibbles("1."), "127.0.0.6"),
        ("1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.f.b.d.0.1.0.0.2", "127.0.0.7"),
        ("bad.example", "127.0.1.2"),
        ("a.b.bad.example", "127.0.1.2"),
        ("exact.example", "127.0.1.3"),
        ("a.exact.example", ""),
    ] {
        assert_eq!(said(&list, name), expect, "{name}");
    }
    let soa = list.zone().soa().expect("a SOA");
    assert_eq!((soa.refresh, soa.minimum, soa.origin.to_string()), (2, 5, "ns.test".to_owned()));
    assert_eq!(list.zone().name_servers().map(|(ttl, names)| (ttl, names.len())), Some((60, 1)));
    assert_eq!(list.zone().datasets()[0].header().ttl, 60);
}

#[test]
fn codes_and_texts_are_all_said() {
    let lines = "a.test A 127.0.0.2\na.test A 127.0.0.3\na.test TXT one\n\
                 b.test A 127.0.0.2\nb.test TXT one\nb.test TXT two\n";
    let list = List::read(&zone(1, lines)).expect("few");
    assert_eq!(said(&list, "a.test"), "127.0.0.2 one, 127.0.0.3");
    assert_eq!(said(&list, "b.test"), "127.0.0.2 one, 127.0.0.2 two");
}

/// RFC 4592 section 4.7: "A wildcard RRSet owner name does not apply when the query name or a name between the wildcard
/// domain and the query name is known to exist."
#[test]
fn a_wildcard_does_not_reach_what_exists() {
    let lines = "*.0.10 A 127.0.0.2\n1.1.0.10 A 127.0.0.3\n2.2.0.10 TXT only\n*.a.test A 127.0.0.4\n\
                 x.y.a.test A 127.0.0.5\n";
    let list = List::read(&zone(1, lines)).expect("few");
    for (name, expect) in [
        ("1.1.0.10", "127.0.0.3"),
        ("2.1.0.10", ""),
        ("2.2.0.10", ""),
        ("2.3.0.10", "127.0.0.2"),
        ("b.a.test", "127.0.0.4"),
        ("x.y.a.test", "127.0.0.5"),
        ("y.a.test", ""),
        ("z.y.a.test", ""),
        ("z.x.y.a.test", ""),
    ] {
        assert_eq!(said(&list, name), expect, "{name}");
    }
}

#[test]
fn what_changes_is_changed_and_what_was_hidden_shows() {
    follow(
        "*.0.10 A 127.0.0.2\n1.1.0.10 A 127.0.0.3\nbad.test A 127.0.0.4\nb.test TXT x\n",
        "*.0.10 A 127.0.0.2\nbad.test A 127.0.0.5\n*.bad.test A 127.0.0.5\n7.0.0.127 A 127.0.0.6\n",
        &[
            ("1.1.0.10", "127.0.0.2"),
            ("2.1.0.10", "127.0.0.2"),
            ("bad.test", "127.0.0.5"),
            ("a.bad.test", "127.0.0.5"),
            ("7.0.0.127", "127.0.0.6"),
        ],
    );
    // A wildcard comes around what is there, and goes.
    let (without, with) = (
        "1.1.0.10 A 127.0.0.3\nx.y.a.test A 127.0.0.5\n",
        "*.0.10 A 127.0.0.2\n*.a.test A 127.0.0.4\n",
    );
    let both = [without, with].concat();
    let covered = [
        ("1.1.0.10", "127.0.0.3"),
        ("2.1.0.10", ""),
        ("2.2.0.10", "127.0.0.2"),
        ("z.y.a.test", ""),
        ("y.a.test", ""),
    ];
    follow(without, &both, &covered);
    let bare = [("1.1.0.10", "127.0.0.3"), ("2.1.0.10", ""), ("2.2.0.10", ""), ("z.y.a.test", "")];
    follow(&both, without, &bare);
    let empty = [("1.1.0.10", ""), ("2.1.0.10", ""), ("x.y.a.test", "")];
    follow(without, "", &empty);
}

#[test]
fn what_a_list_cannot_say_is_counted() {
    let long = "x".repeat(255);
    let lines = format!(
        "mail MX 10 mail.test.\nt.test TXT alone\n* A 127.0.0.2\na.*.b A 127.0.0.2\nl.test A 127.0.0.2\n\
         l.test TXT \"{long}\"\n@ TXT \"about the list\"\nok.test A 127.0.0.2\nok.test TXT fine\n"
    );
    let list = List::read(&zone(1, &lines)).expect("few");
    assert_eq!(list.left_out().map(|(count, _)| count), Some(6));
    assert_eq!(said(&list, "l.test"), format!("127.0.0.2 {}", "x".repeat(254)));
    assert_eq!(said(&list, "anything.example"), "", "a wildcard at the apex lists nothing");
}

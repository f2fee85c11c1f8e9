//! A list that others publish as a zone of BIND, taken over as a list: the same answers, and what changes.

use std::fmt::Write as _;
use std::fs;

use crate::dns::until;
use crate::network::on_private_network;
use crate::secondary::{OURS, THEIRS, start, start_bind};
use crate::zones::{KEY, ask, nsupdate_at, short};

/// A list of ten thousand names in a hundred networks, as rbldnsd and others export it, with wildcards.
fn list() -> String {
    let mut text = "$ORIGIN bl.example.\n$TTL 600\n@ SOA ns hostmaster 7 3600 900 604800 300\n@ NS ns.example.net.\n\
         2.0.0.127 A 127.0.0.2\n2.0.0.127 TXT \"test entry\"\n*.113.0.203 A 127.0.0.9\n*.113.0.203 TXT \"a network\"\n\
         *.50.10 A 127.0.0.10\n7.7.50.10 A 127.0.0.11\n\
         bad.test A 127.0.0.3\n*.bad.test A 127.0.0.3\nbad.test TXT \"$ is \\\"bad\\\"\"\n"
        .to_owned();
    for number in 0..10_000 {
        let (c, d) = (number / 100, number % 100);
        let code = number % 5 + 2;
        writeln!(text, "{d}.{c}.18.198 A 127.0.0.{code}").expect("memory");
        if number % 3 == 0 {
            writeln!(text, "{d}.{c}.18.198 TXT \"seen {number} times\"").expect("memory");
        }
    }
    text
}

/// Names to ask both about.
fn samples() -> Vec<String> {
    let listed = (0..10_000).step_by(499).map(|n| format!("{}.{}.18.198", n % 100, n / 100));
    let others = [
        "2.0.0.127",
        "1.0.0.127",
        "77.113.0.203",
        "1.2.50.10",
        "7.7.50.10",
        "8.7.50.10",
        "200.3.18.198",
        "bad.test",
        "a.b.bad.test",
        "good.test",
        "n1.new.test",
    ];
    listed.chain(others.map(str::to_owned)).map(|name| format!("{name}.bl.example")).collect()
}

/// Holds that both answer the same.
fn same() {
    for name in samples() {
        for rtype in ["A", "TXT"] {
            assert_eq!(short(OURS, &name, rtype), short(THEIRS, &name, rtype), "{name} {rtype}");
        }
    }
}

#[test]
fn a_list_of_bind_is_answered_as_a_list() {
    on_private_network(|| {
        let (ours, theirs) =
            (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
        fs::write(theirs.path().join("bl.db"), list()).expect("writable");
        let zones = format!(
            "zone \"bl.example\" {{ type primary; file \"bl.db\"; allow-transfer {{ key robot.example; }};\n\
             allow-update {{ key robot.example; }}; also-notify {{ 127.0.0.1 port {OURS}; }}; }};\n"
        );
        let bind = start_bind(theirs.path(), &zones);
        let more = "kind = \"list\"\nrefresh = [\"1d\", \"1d\"]\n";
        let mut server = start(ours.path(), "bl.example", more);
        until("the list", || short(OURS, "2.0.0.127.bl.example", "A") == "127.0.0.2");
        same();
        assert_eq!(short(OURS, "bl.example", "SOA"), short(THEIRS, "bl.example", "SOA"));
        assert_eq!(short(OURS, "bl.example", "NS"), "ns.example.net.");
        // What changes comes by itself, and in its place only.
        for number in 0..5 {
            let lines = format!(
                "update add n{number}.new.test.bl.example 600 A 127.0.0.4\n\
                 update add n{number}.new.test.bl.example 600 TXT \"new\"\n\
                 update delete {number}.0.18.198.bl.example\nupdate delete *.113.0.203.bl.example"
            );
            let (done, said) = nsupdate_at(THEIRS, Some(KEY), "bl.example", &lines);
            assert!(done, "{said}");
        }
        until("the change", || short(OURS, "n4.new.test.bl.example", "TXT") == "\"new\"");
        server.wait_for("took what changed in zone bl.example");
        same();
        assert_eq!(short(OURS, "77.113.0.203.bl.example", "A"), "");
        // It is handed on in turn, and is there after a start without its primary.
        let whole = ask(OURS, &["-y", KEY, "bl.example", "AXFR"]);
        assert!(whole.contains("n4.new.test.bl.example.") && whole.contains("XFR size"), "{whole}");
        let answers: Vec<String> = samples().iter().map(|name| short(OURS, name, "A")).collect();
        drop(server);
        drop(bind);
        let server = start(ours.path(), "bl.example", more);
        for (name, expect) in samples().iter().zip(answers) {
            assert_eq!(short(OURS, name, "A"), expect, "{name}");
        }
        drop(server);
        let mut server =
            start(ours.path(), "bl.example", "kind = \"list\"\nexpire = [\"1s\", \"1s\"]\n");
        server.wait_for("zone bl.example has expired and is not served");
        until("SERVFAIL", || ask(OURS, &["2.0.0.127.bl.example", "A"]).contains("SERVFAIL"));
        let _bind = start_bind(theirs.path(), &zones);
        until("it is back", || short(OURS, "2.0.0.127.bl.example", "A") == "127.0.0.2");
    });
}

//! `repute audit` of lists that `repute serve` serves.

#[path = "serve/dns.rs"]
#[expect(dead_code, reason = "shared with the tests of the server, which need more of it")]
mod dns;
#[path = "serve/process.rs"]
#[expect(dead_code, reason = "shared with the tests of the server, which need more of it")]
mod process;

use std::net::UdpSocket;

use process::{Place, Served, zone};
use serde_json::Value;

/// Runs an audit; its exit code, what it prints and what it complains of.
fn audit(place: &Place, args: &[&str]) -> (i32, String, String) {
    let output = place.command(&["audit"]).args(args).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap_or(-1), text(output.stdout), text(output.stderr))
}

/// A server with a good list, one of names, and one that lists the world.
fn serve(place: &Place) -> Served<'_> {
    place.write("a.txt", "192.0.2.7\n");
    place.write("names.txt", "bad.example\n");
    place.write("world.txt", "0.0.0.0/0 :2:everybody\n");
    // What the server refuses unless one insists.
    let loose = "[zone.guards]\nipv4-prefix = 0\nipv4-growth = 0\n";
    let config = place.config("addresses", &["a.txt"])
        + &zone("dbl.example.org", "names", &["names.txt"])
        + &zone("world.example.org", "ip4set", &["world.txt"])
        + loose;
    Served::start(place, &config)
}

#[test]
fn people_are_told_what_was_seen_and_what_to_mend() {
    let place = Place::new();
    let server = serve(&place);
    let list = format!("dbl.example.org@{}", server.dns);
    let (code, shown, _) = audit(&place, &[&list]);
    assert_eq!(code, 0, "{shown}");
    assert!(shown.starts_with(&format!("dbl.example.org at {}\n", server.dns)), "{shown}");
    assert!(
        shown
            .contains("\n  pass    test-name           RFC 5782 §5       TEST answers 127.0.0.2\n")
    );
    let end = "\ndbl.example.org: grade B, no fault, 1 to think about\n  \
               advice two-servers: the zone has two servers at least\n         \
               add a second server: while the only one is down, mail waits for its time-outs\n";
    assert!(shown.ends_with(end), "{shown}");
    assert!(!shown.contains('\x1b'), "no terminal, no colour");
    server.stop();
}

#[test]
fn machines_read_json_and_the_exit_code_and_pages_show_a_badge() {
    let place = Place::new();
    let server = serve(&place);
    let [good, world] = ["bl.example", "world.example.org"].map(|z| format!("{z}@{}", server.dns));
    let (code, shown, _) = audit(&place, &["--json", &good, &world]);
    assert_eq!(code, 1, "one of them has faults: {shown}");
    let audits: Vec<Value> = shown.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    assert_eq!([&audits[0]["zone"], &audits[1]["zone"]], ["bl.example", "world.example.org"]);
    assert_eq!([&audits[0]["grade"], &audits[1]["grade"]], ["B", "F"]);
    let findings = audits[1]["findings"].as_array().unwrap();
    let broken = findings.iter().filter(|finding| finding["state"] == "fail");
    let broken: Vec<_> = broken.map(|f| (&f["rule"], &f["severity"])).collect();
    assert_eq!(broken, [(&"world".into(), &"vital".into())]);
    // A kind that is said changes what is asked for.
    let (code, shown, _) = audit(&place, &["--kind", "names", &good]);
    assert_eq!(code, 1);
    assert!(shown.contains("\n  fail    test-name "), "{shown}");

    let badge = place.path("badge.svg");
    let (code, _, _) = audit(&place, &["--badge", "badge.svg", &good]);
    let svg = std::fs::read_to_string(&badge).unwrap();
    assert_eq!(code, 0);
    assert!(svg.starts_with("<svg ") && svg.contains("bl.example: grade B"), "{svg}");
    let (code, _, why) = audit(&place, &["--badge", "badge.svg", &good, &world]);
    assert_eq!(code, 2);
    assert_eq!(why, "repute: --badge: a picture shows one list, and 2 are named\n");
    server.stop();
}

#[test]
fn what_cannot_be_told_is_neither_good_nor_bad() {
    let place = Place::new();
    let server = serve(&place);
    // Somebody who takes packets and never answers.
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let dead = format!("bl.example@{}", silent.local_addr().unwrap());
    let (code, shown, _) = audit(&place, &["--timeout", "200ms", &dead]);
    assert_eq!(code, 2);
    assert!(shown.ends_with("bl.example: cannot tell, none of its servers answers\n"), "{shown}");
    let other = format!("other.example@{}", server.dns);
    let (code, shown, _) = audit(&place, &[&other]);
    assert_eq!(code, 2);
    let end = "other.example: cannot tell, its servers do not answer for it (REFUSED)\n";
    assert!(shown.ends_with(end), "{shown}");
    // Beside one that lives it is one of two servers.
    let good = format!("bl.example@{}", server.dns);
    let (code, shown, _) = audit(&place, &["--timeout", "200ms", &dead, &good]);
    assert_eq!(code, 1);
    let told = format!("{}: no reply", silent.local_addr().unwrap());
    assert!(shown.contains(&told), "{shown}");
    // No resolver, no servers.
    let resolver = silent.local_addr().unwrap().to_string();
    let (code, shown, _) =
        audit(&place, &["--timeout", "200ms", "--resolver", &resolver, "bl.example"]);
    assert_eq!(code, 2);
    assert!(shown.contains("bl.example: cannot tell, no resolver says who serves it"), "{shown}");
    server.stop();
}

#[test]
fn what_the_configuration_knows_of_a_list_is_heard() {
    let place = Place::new();
    place.write("list.txt", "192.0.2.7\n127.0.0.2 :127.0.0.99:not for you\n");
    let known = "[[list]]\nzone = \"bl.example\"\n\
                 [list.errors]\n\"127.0.0.99\" = \"does not answer you\"\n";
    let config = place.header() + &zone("bl.example", "ip4set", &["list.txt"]);
    let server = Served::start(&place, &config);
    place.write("known.toml", &(config + known));
    let list = format!("bl.example@{}", server.dns);
    let (code, _, _) = audit(&place, &[&list]);
    assert_eq!(code, 0);
    let (code, shown, _) = audit(&place, &["--config", "known.toml", &list]);
    assert_eq!(code, 2, "{shown}");
    let end =
        "bl.example: cannot tell, it answers 127.0.0.99: it does not answer us, or not any more\n";
    assert!(shown.ends_with(end), "{shown}");
    server.stop();
}

#[test]
fn slips_are_told_as_what_they_are() {
    let place = Place::new();
    for (args, told) in [
        (&["bl.example@ns.example"][..], "bl.example@ns.example: the server is not an address"),
        (&["."], ".: the root is no list"),
        (&["zen.dq.spamhaus.net"], "zen.dq.spamhaus.net: this list is asked with a key"),
        (&["bl.example", "--timeout", "1ms"], "--timeout: no server answers within 1ms"),
        (&["bl.example", "--resolver", "x"], "--resolver x: not an address"),
    ] {
        let (code, _, why) = audit(&place, args);
        assert_eq!(code, 2, "{args:?}");
        assert!(why.starts_with(&format!("repute: {told}")), "{why}");
    }
}

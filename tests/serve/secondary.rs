//! Zones that are taken over from another server by zone transfer: from a second Repute, which changes them, dies, and
//! comes back.

use std::net::SocketAddr;

use crate::dns::{ask, ask_txt, rcode, until};
use crate::free::free_address;
use crate::process::{Place, Served};

/// The head of a configuration for a server at an address.
fn head(address: SocketAddr) -> String {
    format!("[server]\nlisten = [\"{address}\"]\nmetrics = \"\"\ndata-dir = \"data\"\n")
}

/// A zone in a serial with these lines.
fn zone(serial: u32, lines: &str) -> String {
    format!(
        "$TTL 60\n@ SOA ns hostmaster {serial} 3600 900 1w 300\n@ NS ns\nns A 192.0.2.1\n{lines}"
    )
}

/// The tables of a primary, whose secondary is at an address.
fn primary(secondary: SocketAddr) -> String {
    format!(
        "[[primary]]\napex = \"a.example\"\nfile = \"a.zone\"\ntransfer = [\"127.0.0.1\"]\n\
         notify = [\"{secondary}\"]\n\
         [[zone]]\napex = \"bl.example\"\ntransfer = [\"127.0.0.1\"]\nnotify = [\"{secondary}\"]\n\
         [[zone.source]]\nkind = \"addresses\"\nformat = \"rbldnsd\"\nfiles = [\"bl.txt\"]\n"
    )
}

/// The table of a secondary.
fn secondary(apex: &str, primary: SocketAddr) -> String {
    format!(
        "[[secondary]]\napex = \"{apex}\"\nprimaries = [\"{primary}\"]\nretry = [\"1s\", \"1s\"]\n\
         expire = [\"1s\", \"8w\"]\n"
    )
}

#[test]
fn a_zone_and_a_list_are_taken_over_and_served_whatever_becomes_of_the_primary() {
    let (ours, theirs) = (Place::new(), Place::new());
    let (here, there) = (free_address(), free_address());
    let tables = secondary("a.example", there) + &secondary("bl.example", there);
    let server = Served::start(&ours, &(head(here) + &tables));
    assert_eq!(rcode(here, "www.a.example"), 2, "there is nothing to serve");
    until("a failure is told", || {
        server.run(&["status"]).1.contains(&format!("primary {there}: "))
    });
    let (code, status) = server.run(&["status"]);
    assert_eq!(code, 1, "{status}");
    assert!(status.contains("never") && status.contains("not served: SERVFAIL"), "{status}");
    let (code, asked) = server.run(&["reload", "a.example"]);
    assert!(code == 1 && asked.contains("a.example: refused: primary"), "{asked}");
    let (code, checked) = server.run(&["config", "check"]);
    assert!(code == 0 && checked.contains("right, 2 zones"), "{checked}");

    theirs.write("a.zone", &zone(7, "www A 192.0.2.80\nt TXT \"one\"\n*.w A 192.0.2.9\n"));
    theirs.write("bl.txt", "192.0.2.0/24 :2:a network\n!192.0.2.7\n2001:db8::1 :3:one\n");
    let config = head(there) + &primary(here);
    let other = Served::start(&theirs, &config);
    until("the zone", || ask(here, "www.a.example").answers == ["192.0.2.80"]);
    until("the list", || ask(here, "9.2.0.192.bl.example").answers == ["127.0.0.2"]);
    assert_eq!(ask_txt(here, "t.a.example").answers, ["one"]);
    assert_eq!(ask(here, "x.y.w.a.example").answers, ["192.0.2.9"]);
    let excluded = ask(here, "7.2.0.192.bl.example");
    assert!(excluded.rcode == 0 && excluded.answers.is_empty(), "the exclusion");
    assert_eq!(ask_txt(here, "9.2.0.192.bl.example").answers, ["a network"]);
    let (code, status) = server.run(&["status"]);
    assert!(code == 0 && status.contains(&there.to_string()), "{status}");
    assert!(status.contains(" ago") && status.contains(" in "), "{status}");

    // A change comes by itself, and nothing is new then.
    theirs.write("a.zone", &zone(8, "www A 192.0.2.81\n"));
    theirs.write("bl.txt", "192.0.2.0/24 :2:a network\n198.51.100.1 :4:new\n");
    until("the zone's change", || ask(here, "www.a.example").answers == ["192.0.2.81"]);
    until("the list's", || ask(here, "1.100.51.198.bl.example").answers == ["127.0.0.4"]);
    assert_eq!(server.serial("a.example"), 8);
    let (code, asked) = server.run(&["reload", "a.example"]);
    assert!(code == 0 && asked.contains("a.example: unchanged"), "{asked}");
    let (code, exported) = server.run(&["zone", "export", "a.example"]);
    assert!(code == 0 && exported.contains("www.a.example.\t60\tIN\tA\t192.0.2.81"), "{exported}");
    let (_, checked) = server.run(&["zone", "check", "a.example"]);
    assert!(checked.contains("serial 8, taken over from its primary"), "{checked}");

    // After a kill of both it is what was taken over.
    other.kill();
    server.kill();
    let server = Served::start(&ours, &(head(here) + &tables));
    assert_eq!(ask(here, "www.a.example").answers, ["192.0.2.81"], "from the store, at once");
    until("told", || server.run(&["status"]).1.contains("stale"));
    assert_eq!(ask(here, "1.100.51.198.bl.example").answers, ["127.0.0.4"]);
    let (code, offline) = {
        server.stop();
        let output = ours.command(&["zone", "export", "a.example", "--config", "repute.toml"]);
        let output = { output }.output().unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    assert!(code == Some(0) && offline.contains("192.0.2.81"), "{offline}");

    // Its SOA says a week, and whoever serves it says less.
    let short = tables.replace("\"8w\"", "\"2s\"");
    let server = Served::start(&ours, &(head(here) + &short));
    until("it expires", || rcode(here, "www.a.example") == 2);
    let log = server.logged("zone a.example has expired and is not served");
    assert!(log.contains("see that one runs and gives it to this server"), "{log}");
    let _other = Served::start(&theirs, &config);
    until("it is back", || ask(here, "www.a.example").answers == ["192.0.2.81"]);
    server.stop();
}

#[test]
fn a_reload_follows_what_is_new_and_leaves_what_is_gone() {
    let (ours, theirs) = (Place::new(), Place::new());
    let (here, there) = (free_address(), free_address());
    theirs.write("a.zone", &zone(7, "www A 192.0.2.80\n"));
    theirs.write("bl.txt", "192.0.2.0/24 :2:a network\n");
    let other = Served::start(&theirs, &(head(there) + &primary(here)));
    let server = Served::start(&ours, &(head(here) + &secondary("a.example", there)));
    until("the zone", || ask(here, "www.a.example").answers == ["192.0.2.80"]);
    let takes = |log: &str| log.matches("took all of zone a.example").count();
    let both = secondary("a.example", there) + &secondary("bl.example", there);
    ours.write("repute.toml", &(head(here) + &both));
    let (code, said) = server.reload();
    assert_eq!(code, 0, "{said}");
    until("the list", || ask(here, "9.2.0.192.bl.example").answers == ["127.0.0.2"]);
    assert_eq!(takes(&server.logged("took all of zone bl.example")), 1, "what stays goes on");

    // As a list it has the same answers, and as a zone again.
    for kind in ["list", "zone", "list"] {
        let table = secondary("bl.example", there) + &format!("kind = \"{kind}\"\n");
        ours.write("repute.toml", &(head(here) + &secondary("a.example", there) + &table));
        assert_eq!(server.reload().0, 0);
        assert_eq!(ask(here, "9.2.0.192.bl.example").answers, ["127.0.0.2"], "{kind}");
        assert_eq!(ask_txt(here, "9.2.0.192.bl.example").answers, ["a network"], "{kind}");
        let (code, exported) = server.run(&["zone", "export", "bl.example"]);
        assert!(code == 0 && exported.contains("*.2.0.192"), "{kind}: {exported}");
    }

    // Another primary, which has nobody behind it: what is there is served on.
    let nobody = free_address();
    let changed = secondary("a.example", nobody) + &secondary("bl.example", there);
    ours.write("repute.toml", &(head(here) + &changed));
    assert_eq!(server.reload().0, 0);
    until("told", || server.run(&["status"]).1.contains(&format!("primary {nobody}: ")));
    assert_eq!(ask(here, "www.a.example").answers, ["192.0.2.80"]);

    ours.write("repute.toml", &(head(here) + &secondary("bl.example", there)));
    assert_eq!(server.reload().0, 0);
    assert_eq!(rcode(here, "www.a.example"), 5, "it is not served any more");
    let (code, said) = server.run(&["reload", "a.example"]);
    assert!(code != 0 && said.contains("a.example"), "{said}");
    assert_eq!(ask(here, "9.2.0.192.bl.example").answers, ["127.0.0.2"]);
    other.stop();
    server.stop();
}

#[test]
fn a_catalog_brings_zones_from_one_server_to_another() {
    let (ours, theirs) = (Place::new(), Place::new());
    let (here, there) = (free_address(), free_address());
    let grant = format!("transfer = [\"127.0.0.1\"]\nnotify = [\"{here}\"]\n");
    let zone = |apex: &str, address: &str| {
        format!(
            "[[primary]]\napex = \"{apex}\"\nrecords = [\"@ NS ns\", \"ns A {address}\"]\n{grant}"
        )
    };
    let catalog = format!("[[catalog]]\napex = \"c.example\"\n{grant}");
    let (a, b) = (zone("a.example", "192.0.2.1"), zone("b.example", "192.0.2.2"));
    let other = Served::start(&theirs, &(head(there) + &a + &catalog));
    let follow = secondary("c.example", there) + "kind = \"catalog\"\n";
    let server = Served::start(&ours, &(head(here) + &follow));
    until("a member", || ask(here, "ns.a.example").answers == ["192.0.2.1"]);
    theirs.write("repute.toml", &(head(there) + &a + &b + &catalog));
    let (code, said) = other.reload();
    assert_eq!(code, 0, "{said}");
    until("another", || ask(here, "ns.b.example").answers == ["192.0.2.2"]);
    let (code, status) = server.run(&["status"]);
    assert!(code == 0 && status.contains("b.example") && status.contains("c.example"), "{status}");
    let (code, asked) = server.run(&["reload", "b.example"]);
    assert!(code == 0 && asked.contains("b.example: unchanged"), "{asked}");
    let (code, exported) = server.run(&["zone", "export", "b.example"]);
    assert!(code == 0 && exported.contains("ns.b.example.\t3600\tIN\tA\t192.0.2.2"), "{exported}");
    let (code, said) = server.run(&["zone", "export", "nobody.example"]);
    assert!(code == 2 && said.contains("zone `nobody.example` is not served"), "{said}");
    // Who may not have a catalog is told nothing of it, though it is there.
    let elsewhere = head(there) + &a + &b + &catalog.replace("127.0.0.1", "192.0.2.1");
    assert_eq!(rcode(there, "c.example"), 0);
    theirs.write("repute.toml", &elsewhere);
    assert_eq!(other.reload().0, 0);
    assert_eq!(rcode(there, "c.example"), 5);
    let (code, exported) = other.run(&["zone", "export", "c.example"]);
    assert!(code == 0 && exported.contains("version.c.example.\t0\tIN\tTXT\t\"2\""), "{exported}");
    let (code, checked) = server.run(&["zone", "check", "c.example"]);
    assert_eq!(code, 0, "{checked}");
    for line in ["c.example: a.example\n", "c.example: a catalog of 2 zones, serial "] {
        assert!(checked.contains(line), "{checked}");
    }
    // A kill of both, and nobody to ask.
    other.kill();
    server.kill();
    let server = Served::start(&ours, &(head(here) + &follow));
    assert_eq!(ask(here, "ns.b.example").answers, ["192.0.2.2"], "from the store, at once");
    // With its catalog, a member goes.
    ours.write("repute.toml", &head(here));
    assert_eq!(server.reload().0, 0);
    assert_eq!(rcode(here, "ns.b.example"), 5);
    server.stop();
}

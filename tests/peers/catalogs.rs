//! Catalog zones (RFC 9432) with those who have them: BIND and Knot learn of our zones, and we of theirs, without a hand.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::daemon::Daemon;
use crate::dns::until;
use crate::network::on_private_network;
use crate::secondary::{OURS, THEIRS, secret, start_bind, start_bind_with};
use crate::zones::{KEY, ask, nsupdate_at, short};

/// Starts our server with these tables in a folder.
fn start(folder: &Path, tables: &str) -> Daemon {
    configure(folder, tables);
    let mut command = Command::new(env!("CARGO_BIN_EXE_repute"));
    command.args(["serve", "--config", "repute.toml"]).current_dir(folder);
    let mut server = Daemon::start(&mut command);
    server.wait_for("ready after");
    server
}

/// Writes a configuration with these tables.
fn configure(folder: &Path, tables: &str) {
    fs::write(folder.join("robot.key"), secret()).expect("writable");
    fs::write(folder.join("bl.txt"), "192.0.2.0/24 :2:a network\n").expect("writable");
    let text = format!(
        "[server]\nlisten = [\"127.0.0.1:{OURS}\"]\ndata-dir = \"data\"\nmetrics = \"\"\n\
         [[key]]\nname = \"robot.example\"\nsecret-file = \"robot.key\"\n{tables}"
    );
    fs::write(folder.join("repute.toml"), text).expect("writable");
}

/// Has the server take over what is written now; what it says.
fn reload(folder: &Path) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_repute"));
    command.args(["reload", "--config", "repute.toml"]).current_dir(folder);
    let output = command.output().expect("it runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// A list, a catalog, and a zone of each of these names.
fn tables(zones: &[&str]) -> String {
    let grant = format!("transfer = [\"key robot.example\"]\nnotify = [\"127.0.0.1:{THEIRS}\"]\n");
    let zone = |apex: &&str| {
        format!(
            "[[primary]]\napex = \"{apex}\"\nrecords = [\"@ NS ns\", \"ns A 192.0.2.53\"]\n{grant}"
        )
    };
    let list = format!(
        "[[zone]]\napex = \"bl.example\"\n{grant}[[zone.source]]\nkind = \"addresses\"\n\
         format = \"rbldnsd\"\nfiles = [\"bl.txt\"]\n"
    );
    let zones: String = zones.iter().map(zone).collect();
    format!(
        "{zones}{list}[[catalog]]\napex = \"catalog.example\"\ngroups = {{ \"bl.example\" = \"lists\" }}\n{grant}"
    )
}

/// Has another server, which a function starts and tells to follow our catalog, learn of zones as they come and go.
fn teach(start_other: impl FnOnce(&Path) -> Daemon) {
    let (ours, theirs) =
        (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    let _server = start(ours.path(), &tables(&["one.example"]));
    let _other = start_other(theirs.path());
    until("a zone", || short(THEIRS, "ns.one.example", "A") == "192.0.2.53");
    until("the list", || short(THEIRS, "9.2.0.192.bl.example", "A") == "127.0.0.2");
    configure(ours.path(), &tables(&["one.example", "two.example"]));
    reload(ours.path());
    until("another zone", || short(THEIRS, "ns.two.example", "A") == "192.0.2.53");
    configure(ours.path(), &tables(&["two.example"]));
    reload(ours.path());
    until("a zone goes", || {
        let said = ask(THEIRS, &["one.example", "SOA"]);
        said.contains("REFUSED") || said.contains("SERVFAIL")
    });
    assert_eq!(short(THEIRS, "ns.two.example", "A"), "192.0.2.53");
    // Nobody else sees what is in it.
    let asked = ask(OURS, &["version.catalog.example", "TXT"]);
    assert!(asked.contains("status: REFUSED") && !asked.contains("\"2\""), "{asked}");
    let signed = ask(OURS, &["-y", KEY, "version.catalog.example", "TXT"]);
    assert!(signed.contains("\"2\"") && signed.contains("flags: qr aa"), "{signed}");
}

#[test]
fn bind_learns_of_our_zones() {
    on_private_network(|| {
        teach(|folder| {
            let zones = format!(
                "zone \"catalog.example\" {{ type secondary; file \"catalog.db\"; masterfile-format text;\n\
             primaries {{ 127.0.0.1 port {OURS} key robot.example; }}; allow-notify {{ 127.0.0.1; }}; }};\n"
            );
            let catalogs = format!(
                "catalog-zones {{ zone \"catalog.example\" default-primaries {{ 127.0.0.1 port {OURS} key robot.example; }}\n\
             min-update-interval 1; }};\n"
            );
            start_bind_with(folder, &catalogs, &zones)
        });
    });
}

#[test]
fn knot_learns_of_our_zones() {
    on_private_network(|| {
        teach(|folder| {
            let path = folder.display();
            let config = format!(
                "server:\n  rundir: \"{path}\"\n  listen: 127.0.0.1@{THEIRS}\ndatabase:\n  storage: \"{path}/kdb\"\n\
             log:\n  - target: stderr\n    any: info\n\
             key:\n  - id: robot.example\n    algorithm: hmac-sha256\n    secret: {}\n\
             remote:\n  - id: ours\n    address: 127.0.0.1@{OURS}\n    key: robot.example\n\
             acl:\n  - id: notify\n    address: 127.0.0.1\n    action: notify\n\
             template:\n  - id: member\n    storage: \"{path}\"\n    master: ours\n    acl: notify\n\
             zone:\n  - domain: catalog.example\n    storage: \"{path}\"\n    master: ours\n    acl: notify\n\
             \x20   catalog-role: interpret\n    catalog-template: member\n",
                secret()
            );
            fs::create_dir(folder.join("kdb")).expect("writable");
            let file = folder.join("knot.conf");
            fs::write(&file, config).expect("writable");
            let mut knot = Daemon::start(Command::new("knotd").arg("-c").arg(&file));
            knot.wait_for("server started");
            knot
        });
    });
}

/// The table by which we follow a catalog of others.
fn follow(more: &str) -> String {
    format!(
        "[[secondary]]\napex = \"catalog.example\"\nkind = \"catalog\"\nrefresh = [\"1s\", \"1d\"]\n\
         primaries = [\"127.0.0.1:{THEIRS} key robot.example\"]\ntransfer = [\"key robot.example\"]\n\
         retry = [\"1s\", \"1s\"]\n{more}"
    )
}

#[test]
fn zones_of_a_catalog_of_bind_are_taken_over() {
    on_private_network(|| {
        let (ours, theirs) =
            (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
        let zone = |apex: &str, lines: &str| {
            let text = format!(
                "$ORIGIN {apex}.\n$TTL 60\n@ SOA ns h 7 3600 900 604800 300\n@ NS ns\nns A 192.0.2.1\n{lines}"
            );
            fs::write(theirs.path().join(format!("{apex}.db")), text).expect("writable");
            format!(
                "zone \"{apex}\" {{ type primary; file \"{apex}.db\"; allow-transfer {{ key robot.example; }};\n\
                 allow-update {{ key robot.example; }}; also-notify {{ 127.0.0.1 port {OURS}; }}; }};\n"
            )
        };
        let members = "version TXT \"2\"\na.zones PTR one.example.\nb.zones PTR hand.example.\n";
        let zones = zone("catalog.example", members)
            + &zone("one.example", "www A 192.0.2.80\n")
            + &zone("two.example", "www A 192.0.2.81\n")
            + &zone("hand.example", "www A 192.0.2.82\n");
        let _bind = start_bind(theirs.path(), &zones);
        let hand =
            "[[primary]]\napex = \"hand.example\"\nrecords = [\"@ NS ns\", \"www A 192.0.2.99\"]\n";
        let mut server = start(ours.path(), &follow(hand));
        until("a member", || short(OURS, "www.one.example", "A") == "192.0.2.80");
        server.wait_for("zone hand.example of catalog catalog.example is not taken over");
        assert_eq!(short(OURS, "www.hand.example", "A"), "192.0.2.99");
        let change = |lines: &str| {
            let (done, said) = nsupdate_at(THEIRS, Some(KEY), "catalog.example", lines);
            assert!(done, "{said}");
        };
        change("update add c.zones.catalog.example 0 PTR two.example.");
        until("another member", || short(OURS, "www.two.example", "A") == "192.0.2.81");
        // NOTIFY of a member, and transfer of it to others, as of its catalog.
        let (done, said) = nsupdate_at(
            THEIRS,
            Some(KEY),
            "two.example",
            "update add new.two.example 60 A 192.0.2.8",
        );
        assert!(done, "{said}");
        until("a member's change", || short(OURS, "new.two.example", "A") == "192.0.2.8");
        assert!(ask(OURS, &["-y", KEY, "two.example", "AXFR"]).contains("new.two.example."));
        // Another label: it begins anew. A broken catalog changes nothing.
        change(
            "update delete a.zones.catalog.example\nupdate add x.zones.catalog.example 0 PTR one.example.",
        );
        server.wait_for("zone one.example begins anew");
        until("it is back", || short(OURS, "www.one.example", "A") == "192.0.2.80");
        change(
            "update delete c.zones.catalog.example\nupdate add x.zones.catalog.example 0 PTR else.example.",
        );
        server.wait_for("is broken, so its members stay as they were: `x.zones.catalog.example` has several PTR");
        assert_eq!(short(OURS, "www.two.example", "A"), "192.0.2.81");
        change("update delete x.zones.catalog.example PTR else.example.");
        until("a member goes", || ask(OURS, &["www.two.example", "A"]).contains("REFUSED"));
        assert_eq!(short(OURS, "www.one.example", "A"), "192.0.2.80");
        // After a start they are there at once, and configured by hand they are somebody else's.
        drop(server);
        let server = start(ours.path(), &follow(hand));
        assert_eq!(short(OURS, "www.one.example", "A"), "192.0.2.80");
        let mine =
            "[[primary]]\napex = \"one.example\"\nrecords = [\"@ NS ns\", \"www A 192.0.2.98\"]\n";
        configure(ours.path(), &follow(&format!("{hand}{mine}")));
        reload(ours.path());
        until("ours", || short(OURS, "www.one.example", "A") == "192.0.2.98");
        configure(ours.path(), hand);
        reload(ours.path());
        until("no catalog", || ask(OURS, &["www.one.example", "A"]).contains("REFUSED"));
        drop(server);
    });
}

#[test]
fn zones_of_a_catalog_of_knot_are_taken_over() {
    on_private_network(|| {
        let (ours, theirs) =
            (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
        let path = theirs.path().display();
        let zone = |apex: &str| {
            let text = format!(
                "$ORIGIN {apex}.\n$TTL 60\n@ SOA ns h 7 3600 900 604800 300\n@ NS ns\nns A 192.0.2.1\n"
            );
            fs::write(theirs.path().join(format!("{apex}.db")), text).expect("writable");
            format!(
                "  - domain: {apex}\n    file: {apex}.db\n    storage: \"{path}\"\n    acl: key\n    notify: ours\n\
                 \x20   catalog-role: member\n    catalog-zone: catalog.example\n"
            )
        };
        let config = format!(
            "server:\n  rundir: \"{path}\"\n  listen: 127.0.0.1@{THEIRS}\ndatabase:\n  storage: \"{path}/kdb\"\n\
             log:\n  - target: stderr\n    any: info\n\
             key:\n  - id: robot.example\n    algorithm: hmac-sha256\n    secret: {}\n\
             remote:\n  - id: ours\n    address: 127.0.0.1@{OURS}\n    key: robot.example\n\
             acl:\n  - id: key\n    key: robot.example\n    action: transfer\n\
             zone:\n  - domain: catalog.example\n    storage: \"{path}\"\n    acl: key\n    notify: ours\n    catalog-role: generate\n",
            secret()
        );
        fs::create_dir(theirs.path().join("kdb")).expect("writable");
        let file = theirs.path().join("knot.conf");
        let (one, two) = (zone("one.example"), zone("two.example"));
        fs::write(&file, format!("{config}{one}")).expect("writable");
        let mut knot = Daemon::start(Command::new("knotd").arg("-c").arg(&file));
        knot.wait_for("server started");
        let _server = start(ours.path(), &follow(""));
        until("a member", || short(OURS, "ns.one.example", "A") == "192.0.2.1");
        fs::write(&file, format!("{config}{two}")).expect("writable");
        knot.signal("-HUP");
        until("another", || short(OURS, "ns.two.example", "A") == "192.0.2.1");
        until("the first goes", || ask(OURS, &["one.example", "SOA"]).contains("REFUSED"));
    });
}

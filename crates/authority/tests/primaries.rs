//! BIND, NSD and Knot as primaries of ours: the zone comes with every record, and what changes there comes at once.
//!
//! A program that is missing fails its test. Only `REPUTE_NO_PEERS` in the environment skips them.

#[path = "../../../tests/serve/free.rs"]
mod free;
#[path = "fixture/node.rs"]
#[expect(dead_code, reason = "shared with tests that need more of it")]
mod node;

use std::fs::{File, read_to_string, write};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command};

use node::{Node, add, apex, secondary, until};
use repute_authority::incoming::Bounds;
use repute_records::{Zone, master};

/// A name server of others.
struct Peer(Child);

impl Peer {
    /// Starts one; what it says goes to a file.
    fn start(folder: &Path, program: &str, arguments: &[&str]) -> Peer {
        let said = File::create(folder.join("said")).expect("a file");
        let child = Command::new(program)
            .args(arguments)
            .stdout(said.try_clone().expect("a copy"))
            .stderr(said)
            .spawn();
        Peer(child.unwrap_or_else(|error| panic!("{program} is needed: {error}")))
    }

    /// Sends it a signal.
    fn signal(&self, signal: &str) {
        let id = self.0.id().to_string();
        let sent = Command::new("kill").args([signal, &id]).status().expect("kill is there");
        assert!(sent.success(), "{signal}");
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // By itself it ends its own children too.
        self.signal("-TERM");
        self.0.wait().expect("it ends");
    }
}

/// The zone in a serial.
fn text(serial: u32) -> String {
    format!(
        "$ORIGIN zone.test.\n$TTL 60\n@ SOA ns hostmaster {serial} 3600 900 604800 300\n@ NS ns\nns A 192.0.2.1\n\
         www CNAME ns\nmixed MX 10 mail.example.net.\nx TXT \"a b\" \"c\"\n@ CAA 0 issue \"ca.test\"\n\
         s SRV 1 2 3 ns\nh HTTPS 1 . alpn=h2\nu TYPE65280 \\# 3 010203\n*.w A 192.0.2.9\nsub NS ns.sub\n\
         ns.sub A 192.0.2.77\n"
    )
}

/// What the text means.
fn zone(text: &str) -> Zone {
    let reading = master::read_lines(&apex(), text);
    assert_eq!(reading.faults, []);
    let records = reading.records.into_iter().map(|placed| placed.record);
    Zone::new(apex(), records).expect("a zone").0
}

/// Follows a primary that `start` starts: with its folder, its address, and ours, which it is to tell of changes. Then
/// `change` makes serial 8, 9 and 10 there, one after the other. What the primary said comes back.
fn follow(
    start: impl FnOnce(&Path, SocketAddr, SocketAddr) -> Peer,
    mut change: impl FnMut(&Peer, &Path, SocketAddr, u8),
) -> Option<String> {
    if std::env::var_os("REPUTE_NO_PEERS").is_some() {
        println!("skipped: REPUTE_NO_PEERS is set");
        return None;
    }
    let (theirs, ours) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir());
    let ours = ours.expect("a folder");
    let address = free::free_address();
    // It is not there yet, and looked for every second. Its refresh is so far away that only word of a change helps.
    let bounds = Bounds { retry: (1, 1), refresh: (86_400, 86_400), ..Bounds::default() };
    let primaries = [format!("{address} key k.test")];
    let node = Node::start(ours.path(), |live| secondary(live, &primaries, bounds));
    write(theirs.path().join("zone.test.zone"), text(7)).expect("written");
    let peer = start(theirs.path(), address, node.address());
    until("all of it comes", || node.serial() == Some(7));
    assert_eq!(node.live.load_full().as_deref(), Some(&zone(&text(7))));
    for serial in 8..=10 {
        change(&peer, theirs.path(), address, serial);
        until("what changed comes", || node.serial() == Some(u32::from(serial)));
    }
    let zone = node.live.load_full().expect("served");
    for serial in 8..=10 {
        let owner = node::name(&format!("n{serial}.zone.test"));
        assert!(zone.node(&owner).is_some(), "{owner}");
    }
    let known = node.store.since(&apex(), 7).expect("read").expect("known");
    assert_eq!(known.len(), 3, "who follows us is given what changed");
    assert_eq!(node.status().last_error, None);
    drop(peer);
    Some(read_to_string(theirs.path().join("said")).expect("it said something"))
}

/// Changes the zone by a signed update.
fn update(_: &Peer, _: &Path, address: SocketAddr, serial: u8) {
    add(address, serial, &format!("n{serial}"));
}

#[test]
fn bind_is_followed() {
    let start = |folder: &Path, address: SocketAddr, ours: SocketAddr| {
        let (path, port) = (folder.display(), address.port());
        let config = format!(
            "options {{ directory \"{path}\"; pid-file \"{path}/pid\"; session-keyfile \"{path}/session\";\n\
             listen-on port {port} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }}; recursion no; notify explicit;\n\
             notify-delay 0; dnssec-validation no; }};\ncontrols {{ }};\n\
             key \"k.test\" {{ algorithm hmac-sha256; secret \"{SECRET}\"; }};\n\
             zone \"zone.test\" {{ type primary; file \"{path}/zone.test.zone\"; allow-transfer {{ key k.test; }};\n\
             allow-update {{ key k.test; }}; also-notify {{ 127.0.0.1 port {}; }}; }};\n",
            ours.port()
        );
        let file = folder.join("named.conf");
        write(&file, config).expect("written");
        Peer::start(folder, "named", &["-g", "-c", &file.display().to_string()])
    };
    let Some(said) = follow(start, update) else { return };
    assert_eq!(said.matches("AXFR started").count(), 1, "{said}");
    assert_eq!(said.matches("IXFR started").count(), 3, "{said}");
}

#[test]
fn knot_is_followed() {
    let start = |folder: &Path, address: SocketAddr, ours: SocketAddr| {
        let (path, port) = (folder.display(), address.port());
        let config = format!(
            "server:\n  rundir: \"{path}\"\n  listen: 127.0.0.1@{port}\ndatabase:\n  storage: \"{path}/database\"\n\
             log:\n  - target: stderr\n    any: info\n\
             key:\n  - id: k.test\n    algorithm: hmac-sha256\n    secret: {SECRET}\n\
             remote:\n  - id: ours\n    address: 127.0.0.1@{}\n\
             acl:\n  - id: key\n    key: k.test\n    action: [transfer, update]\n\
             zone:\n  - domain: zone.test\n    storage: \"{path}\"\n    file: zone.test.zone\n    acl: key\n\
             \x20   notify: ours\n",
            ours.port()
        );
        std::fs::create_dir(folder.join("database")).expect("a folder");
        let file = folder.join("knot.conf");
        write(&file, config).expect("written");
        Peer::start(folder, "knotd", &["-c", &file.display().to_string()])
    };
    let Some(said) = follow(start, update) else { return };
    assert!(said.contains("IXFR, outgoing") && said.contains("AXFR, outgoing"), "{said}");
}

#[test]
fn nsd_is_followed() {
    let start = |folder: &Path, address: SocketAddr, ours: SocketAddr| {
        let (path, port) = (folder.display(), address.port());
        let config = format!(
            "server:\n ip-address: 127.0.0.1@{port}\n username: \"\"\n chroot: \"\"\n zonesdir: \"{path}\"\n\
             \x20database: \"\"\n pidfile: \"{path}/pid\"\n xfrdfile: \"{path}/xfrd.state\"\n\
             \x20zonelistfile: \"{path}/zone.list\"\n xfrdir: \"{path}\"\n\
             remote-control:\n control-enable: no\n\
             key:\n name: \"k.test\"\n algorithm: hmac-sha256\n secret: \"{SECRET}\"\n\
             zone:\n name: \"zone.test\"\n zonefile: \"zone.test.zone\"\n create-ixfr: yes\n store-ixfr: yes\n\
             \x20provide-xfr: 127.0.0.1 k.test\n notify: 127.0.0.1@{} NOKEY\n",
            ours.port()
        );
        let file = folder.join("nsd.conf");
        write(&file, config).expect("written");
        Peer::start(folder, "nsd", &["-d", "-c", &file.display().to_string()])
    };
    let change = |peer: &Peer, folder: &Path, _: SocketAddr, serial: u8| {
        let names: String = (8..=serial).map(|n| format!("n{n} A 192.0.2.{n}\n")).collect();
        // Taken in when it is whole.
        let (new, file) = (folder.join("new"), folder.join("zone.test.zone"));
        write(&new, text(u32::from(serial)) + &names).expect("written");
        std::fs::rename(new, file).expect("renamed");
        peer.signal("-HUP");
    };
    follow(start, change);
}

/// The key's secret.
const SECRET: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

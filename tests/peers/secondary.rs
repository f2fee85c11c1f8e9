//! Our server as a secondary of those that people have: BIND, Knot and NSD give it their zones and tell it of changes.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::daemon::Daemon;
use crate::dns::until;
use crate::network::on_private_network;
use crate::zones::{KEY, ask, nsupdate_at, short};

/// Where our server is.
pub(crate) const OURS: u16 = 5300;
/// Where the other one is.
pub(crate) const THEIRS: u16 = 5310;

/// The zone, with records of many types.
const ZONE: &str = "$ORIGIN zone.example.\n$TTL 300\n@ SOA ns hostmaster 7 3600 900 604800 300\n@ NS ns\n@ NS ns.sub\n\
    ns A 192.0.2.1\nns AAAA 2001:db8::1\nwww CNAME ns\n@ MX 10 mail.example.net.\nt TXT \"a b\" \"c;\\\"d\"\n\
    @ CAA 0 issue \"ca.example\"\n_sip._tcp SRV 1 2 3 ns\nh HTTPS 1 . alpn=h2 ipv4hint=192.0.2.1\n\
    _25._tcp.mail TLSA 3 1 1 000102030405060708090a0b0c0d0e0f000102030405060708090a0b0c0d0e0f\n\
    u TYPE65280 \\# 3 010203\n*.w A 192.0.2.9\nsub NS ns.sub\nns.sub A 192.0.2.77\nd DNAME example.net.\n\
    1 PTR host.example.net.\nn NAPTR 1 2 \"u\" \"x\" \"!a!b!\" .\nf SSHFP 1 1 0001020304050607080900010203040506070809\n\
    e\\032x TXT \"an odd name\"\n";

/// Starts our server as a secondary in a folder, with more keys of the table.
pub(crate) fn start(folder: &Path, apex: &str, more: &str) -> Daemon {
    fs::write(folder.join("robot.key"), secret()).expect("writable");
    let text = format!(
        "[server]\nlisten = [\"127.0.0.1:{OURS}\"]\ndata-dir = \"data\"\nmetrics = \"\"\n\
         [[key]]\nname = \"robot.example\"\nsecret-file = \"robot.key\"\n\
         [[secondary]]\napex = \"{apex}\"\nprimaries = [\"127.0.0.1:{THEIRS} key robot.example\"]\n\
         transfer = [\"key robot.example\"]\nretry = [\"1s\", \"1s\"]\n{more}"
    );
    fs::write(folder.join("repute.toml"), text).expect("writable");
    let mut command = Command::new(env!("CARGO_BIN_EXE_repute"));
    command.args(["serve", "--config", "repute.toml"]).current_dir(folder);
    let mut server = Daemon::start(&mut command);
    server.wait_for("ready after");
    server
}

/// The secret of the key.
pub(crate) fn secret() -> &'static str {
    KEY.rsplit(':').next().expect("a secret")
}

/// Starts BIND with these zones beside what every one of ours has.
pub(crate) fn start_bind(folder: &Path, zones: &str) -> Daemon {
    start_bind_with(folder, "", zones)
}

/// The same with more options.
pub(crate) fn start_bind_with(folder: &Path, options: &str, zones: &str) -> Daemon {
    let config = format!(
        "options {{ directory \"{folder}\"; listen-on port {THEIRS} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }};\n\
         recursion no; pid-file none; session-keyfile none; notify explicit; notify-delay 0;\n\
         dnssec-validation no; minimal-responses yes; max-refresh-time 5; {options} }};\n\
         controls {{ }};\n\
         key \"robot.example\" {{ algorithm hmac-sha256; secret \"{}\"; }};\n{zones}",
        secret(),
        folder = folder.display(),
    );
    let file = folder.join("named.conf");
    fs::write(&file, config).expect("writable");
    let mut bind = Daemon::start(Command::new("named").args(["-g", "-n", "1", "-c"]).arg(&file));
    bind.wait_for("all zones loaded");
    bind
}

/// All records of a zone that a server gives, in order.
pub(crate) fn records(port: u16, apex: &str) -> Vec<String> {
    let whole = ask(port, &["-y", KEY, "+noall", "+answer", "+onesoa", apex, "AXFR"]);
    let lines = whole.lines().filter(|line| !line.contains("TSIG") && !line.starts_with(';'));
    let mut lines: Vec<String> =
        lines.map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    lines.sort();
    lines
}

#[test]
fn bind_gives_a_zone_and_what_changes_until_it_dies() {
    on_private_network(|| {
        let (ours, theirs) =
            (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
        fs::write(theirs.path().join("zone.db"), ZONE).expect("writable");
        let zones = format!(
            "zone \"zone.example\" {{ type primary; file \"zone.db\"; allow-transfer {{ key robot.example; }};\n\
             allow-update {{ key robot.example; }}; also-notify {{ 127.0.0.1 port {OURS}; }}; }};\n"
        );
        let mut bind = start_bind(theirs.path(), &zones);
        // Its refresh is so far away that only word of a change helps.
        let mut server = start(ours.path(), "zone.example", "refresh = [\"1d\", \"1d\"]\n");
        until("the zone", || short(OURS, "ns.zone.example", "A") == "192.0.2.1");
        let expect = records(THEIRS, "zone.example");
        assert_eq!(expect.len(), 21, "{expect:#?}");
        assert_eq!(records(OURS, "zone.example"), expect);
        for number in 0..20 {
            let lines = format!(
                "update add n{number}.zone.example 60 A 192.0.2.{number}\nupdate delete n{}.zone.example A",
                number - 5
            );
            let (done, said) = nsupdate_at(THEIRS, Some(KEY), "zone.example", &lines);
            assert!(done, "{said}");
        }
        until("the last change", || short(OURS, "n19.zone.example", "A") == "192.0.2.19");
        until("all", || records(OURS, "zone.example") == records(THEIRS, "zone.example"));
        assert_eq!(short(OURS, "n3.zone.example", "A"), "");
        server.wait_for("took what changed in zone zone.example");
        bind.wait_for("IXFR started");
        let expect = records(THEIRS, "zone.example");

        // It is killed: what was taken over is served until it expires, after a kill of ours as well.
        drop(server);
        let mut server = start(
            ours.path(),
            "zone.example",
            "refresh = [\"1s\", \"1s\"]\nexpire = [\"12s\", \"12s\"]\n",
        );
        drop(bind);
        server.wait_for("zone zone.example cannot be refreshed, it is served as it was: primary");
        assert_eq!(records(OURS, "zone.example"), expect);
        server.wait_for("zone zone.example has expired and is not served");
        until("SERVFAIL", || ask(OURS, &["www.zone.example", "A"]).contains("status: SERVFAIL"));
        let _bind = start_bind(theirs.path(), &zones);
        until("it is back", || short(OURS, "n19.zone.example", "A") == "192.0.2.19");
    });
}

#[test]
fn knot_gives_a_zone_and_what_changes() {
    on_private_network(|| {
        let (ours, theirs) =
            (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
        let path = theirs.path().display();
        fs::write(theirs.path().join("zone.db"), ZONE).expect("writable");
        let config = format!(
            "server:\n  rundir: \"{path}\"\n  listen: 127.0.0.1@{THEIRS}\ndatabase:\n  storage: \"{path}/kdb\"\n\
             log:\n  - target: stderr\n    any: info\n\
             key:\n  - id: robot.example\n    algorithm: hmac-sha256\n    secret: {}\n\
             remote:\n  - id: ours\n    address: 127.0.0.1@{OURS}\n    key: robot.example\n\
             acl:\n  - id: key\n    key: robot.example\n    action: [transfer, update]\n\
             zone:\n  - domain: zone.example\n    storage: \"{path}\"\n    file: zone.db\n    acl: key\n    notify: ours\n",
            secret()
        );
        fs::create_dir(theirs.path().join("kdb")).expect("writable");
        let file = theirs.path().join("knot.conf");
        fs::write(&file, config).expect("writable");
        let mut knot = Daemon::start(Command::new("knotd").arg("-c").arg(&file));
        knot.wait_for("server started");
        let mut server = start(ours.path(), "zone.example", "refresh = [\"1d\", \"1d\"]\n");
        until("the zone", || short(OURS, "ns.zone.example", "A") == "192.0.2.1");
        let (done, said) = nsupdate_at(
            THEIRS,
            Some(KEY),
            "zone.example",
            "update add new.zone.example 60 A 192.0.2.8",
        );
        assert!(done, "{said}");
        until("the change", || short(OURS, "new.zone.example", "A") == "192.0.2.8");
        server.wait_for("took what changed in zone zone.example");
        assert_eq!(records(OURS, "zone.example"), records(THEIRS, "zone.example"));
    });
}

#[test]
fn nsd_gives_a_zone_and_what_changes() {
    on_private_network(|| {
        let (ours, theirs) =
            (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
        let path = theirs.path().display();
        fs::write(theirs.path().join("zone.db"), ZONE).expect("writable");
        let config = format!(
            "server:\n ip-address: 127.0.0.1@{THEIRS}\n username: \"\"\n chroot: \"\"\n zonesdir: \"{path}\"\n\
             \x20database: \"\"\n pidfile: \"{path}/pid\"\n xfrdfile: \"{path}/xfrd.state\"\n\
             \x20zonelistfile: \"{path}/zone.list\"\n xfrdir: \"{path}\"\n\
             remote-control:\n control-enable: no\n\
             key:\n name: \"robot.example\"\n algorithm: hmac-sha256\n secret: \"{}\"\n\
             zone:\n name: \"zone.example\"\n zonefile: \"zone.db\"\n create-ixfr: yes\n store-ixfr: yes\n\
             \x20provide-xfr: 127.0.0.1 robot.example\n notify: 127.0.0.1@{OURS} robot.example\n",
            secret()
        );
        let file = theirs.path().join("nsd.conf");
        fs::write(&file, config).expect("writable");
        let mut nsd = Daemon::start(Command::new("nsd").args(["-d", "-c"]).arg(&file));
        nsd.wait_for("started");
        let _server = start(ours.path(), "zone.example", "refresh = [\"1d\", \"1d\"]\n");
        until("the zone", || short(OURS, "ns.zone.example", "A") == "192.0.2.1");
        let (new, file) = (theirs.path().join("new"), theirs.path().join("zone.db"));
        let changed = ZONE.replace("hostmaster 7", "hostmaster 8") + "new A 192.0.2.8\n";
        fs::write(&new, changed).expect("writable");
        fs::rename(new, file).expect("renamed");
        nsd.signal("-HUP");
        until("the change", || short(OURS, "new.zone.example", "A") == "192.0.2.8");
        assert_eq!(records(OURS, "zone.example"), records(THEIRS, "zone.example"));
    });
}

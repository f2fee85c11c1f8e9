//! BIND and NSD as secondaries of a large list and of a zone that changes: they answer what we answer, through changes
//! and through the sudden death of either side.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::daemon::Daemon;
use crate::dns;
use crate::network::{add_address, on_private_network, run};

/// Where our server is.
const OURS: &str = "127.0.0.1:5300";
/// Where BIND is.
const BIND: &str = "127.0.0.2:5300";
/// Where NSD is.
const NSD: &str = "127.0.0.3:5300";
/// The secret of the key of all.
const SECRET: &str = "aGVyZSBhcmUgdGhpcnR5LXR3byBieXRlcyBvZiBub2lzZSE=";
/// Addresses of the list that stand by themselves.
const SINGLE: u32 = 992_000;
/// Networks /24 of the list; an address of each is excluded.
const WIDE: u32 = 4_000;

/// Our server with a list of 1,000,000 entries and a zone that takes updates; both go to both secondaries.
const CONFIG: &str = r#"
[server]
listen = ["127.0.0.1:5300"]
data-dir = "data"
metrics = ""

[[key]]
name = "k.example"
secret-file = "k.key"

[[zone]]
apex = "bl.example"
name-servers = ["ns.dyn.example"]
transfer = ["key k.example"]
notify = ["127.0.0.2:5300 key k.example", "127.0.0.3:5300 key k.example"]
[[zone.source]]
kind = "addresses"
format = "rbldnsd"
files = ["large.txt"]
[[zone.source]]
kind = "addresses"
format = "rbldnsd"
files = ["small.txt"]

[[primary]]
apex = "dyn.example"
records = ["@ NS ns", "ns A 192.0.2.53", "www A 192.0.2.1"]
transfer = ["key k.example"]
notify = ["127.0.0.2:5300 key k.example", "127.0.0.3:5300 key k.example"]
[[primary.update]]
key = "k.example"
"#;

/// An address of the list by its number: odd numbers keep their order mixed, and none comes twice.
fn single(number: u32) -> Ipv4Addr {
    Ipv4Addr::from(0x0A00_0000 | (number.wrapping_mul(0x9E37_79B1) & 0x00FF_FFFF))
}

/// A network of the list by its number.
fn wide(number: u32) -> [u8; 3] {
    let [_, _, high, low] = number.to_be_bytes();
    [172, 16 + high, low]
}

/// The folder of our server: list, key and configuration.
fn prepare(folder: &Path) {
    let mut list = String::with_capacity(32 << 20);
    for number in 0..SINGLE {
        writeln!(list, "{} :2:mail of {number} was unwanted", single(number)).expect("memory");
    }
    for number in 0..WIDE {
        let [a, b, c] = wide(number);
        writeln!(list, "{a}.{b}.{c}.0/24 :3:a network of dial-up lines").expect("memory");
        writeln!(list, "!{a}.{b}.{c}.{}", number % 256).expect("memory");
    }
    let write = |name: &str, text: &str| {
        fs::write(folder.join(name), text).expect("the test's folder is writable");
    };
    write("large.txt", &list);
    write("small.txt", "");
    write("k.key", SECRET);
    write("repute.toml", CONFIG);
}

/// Starts our server.
fn start_ours(folder: &Path) -> Daemon {
    let mut command = Command::new(env!("CARGO_BIN_EXE_repute"));
    command.args(["serve", "--config", "repute.toml"]).current_dir(folder);
    let mut server = Daemon::start(&mut command);
    server.wait_for("ready after");
    server
}

/// Starts BIND.
fn start_bind(folder: &Path) -> Daemon {
    let zone = |apex: &str| {
        format!(
            "zone \"{apex}\" {{ type secondary; file \"{apex}.db\"; primaries {{ 127.0.0.1 port 5300 key k; }}; \
             allow-notify {{ 127.0.0.1; }}; }};\n"
        )
    };
    let config = format!(
        "key \"k\" {{ algorithm hmac-sha256; secret \"{SECRET}\"; }};\n\
         options {{ directory \"{folder}\"; listen-on port 5300 {{ 127.0.0.2; }}; listen-on-v6 {{ none; }}; \
         query-source 127.0.0.2; transfer-source 127.0.0.2; recursion no; pid-file none; session-keyfile none; \
         notify no; dnssec-validation no; minimal-responses yes; max-refresh-time 5; }};\ncontrols {{ }};\n{}{}",
        zone("bl.example"),
        zone("dyn.example"),
        folder = folder.display(),
    );
    // The name of a key is signed, and is that of the server.
    let config =
        config.replace("key \"k\"", "key \"k.example\"").replace("key k;", "key k.example;");
    let file = folder.join("named.conf");
    fs::write(&file, config).expect("the test's folder is writable");
    let mut bind = Daemon::start(Command::new("named").args(["-g", "-n", "1", "-c"]).arg(&file));
    bind.wait_for("running");
    bind
}

/// Starts NSD.
fn start_nsd(folder: &Path) -> Daemon {
    let path = folder.display();
    let zone = |apex: &str| {
        format!(
            "zone:\n name: \"{apex}\"\n zonefile: \"{apex}.zone\"\n request-xfr: 127.0.0.1@5300 k.example\n\
             \x20allow-notify: 127.0.0.1 k.example\n outgoing-interface: 127.0.0.3\n max-refresh-time: 5\n"
        )
    };
    let config = format!(
        "server:\n ip-address: 127.0.0.3@5300\n username: \"\"\n chroot: \"\"\n zonesdir: \"{path}\"\n\
         \x20database: \"\"\n pidfile: \"{path}/pid\"\n xfrdfile: \"{path}/xfrd.state\"\n server-count: 1\n\
         \x20zonelistfile: \"{path}/zone.list\"\n xfrdir: \"{path}\"\n zonefiles-write: 5\n verbosity: 1\n rrl-ratelimit: 0\n\
         remote-control:\n control-enable: no\n\
         key:\n name: \"k.example\"\n algorithm: hmac-sha256\n secret: \"{SECRET}\"\n{}{}",
        zone("bl.example"),
        zone("dyn.example"),
    );
    let file = folder.join("nsd.conf");
    fs::write(&file, config).expect("the test's folder is writable");
    let mut nsd = Daemon::start(Command::new("nsd").args(["-d", "-c"]).arg(&file));
    nsd.wait_for("nsd started");
    nsd
}

/// What is said of a name by its A and TXT records; that nothing is listed is the same whether the name is there or not.
fn said(server: &str, name: &str) -> (BTreeSet<String>, BTreeSet<String>) {
    let server: SocketAddr = server.parse().expect("an address");
    let (addresses, texts) = (dns::ask(server, name), dns::ask_txt(server, name));
    for rcode in [addresses.rcode, texts.rcode] {
        assert!(rcode == 0 || rcode == 3, "{server} answers {name} with {rcode}");
    }
    (addresses.answers.into_iter().collect(), texts.answers.into_iter().collect())
}

/// Compares what all say of 10,000 names: listed ones, ones in networks, excluded ones and others.
fn compare() {
    let name = |octets: [u8; 4]| {
        let [a, b, c, d] = octets;
        format!("{d}.{c}.{b}.{a}.bl.example")
    };
    let mut listed = 0;
    for number in 0..5_000 {
        let names = [name(single(number * 397).octets()), {
            let [a, b, c] = wide(number % WIDE);
            name([a, b, c, (number / 16) as u8])
        }];
        for name in names {
            let ours = said(OURS, &name);
            assert_eq!(said(BIND, &name), ours, "{name} by BIND");
            assert_eq!(said(NSD, &name), ours, "{name} by NSD");
            assert_eq!(ours.0.is_empty(), ours.1.is_empty(), "{name}");
            listed += u32::from(!ours.0.is_empty());
        }
    }
    assert!((3_000..9_900).contains(&listed), "both kinds are among them: {listed}");
}

/// The serial of a zone at a server; none, if that has not got the zone, or is not there.
fn serial(server: &str, apex: &str) -> Option<String> {
    let said = short(server, apex, "SOA");
    said.split(' ').nth(2).map(str::to_owned)
}

/// What a server answers, in short; nothing, if it does not.
fn short(server: &str, name: &str, rtype: &str) -> String {
    let (address, port) = server.split_once(':').expect("an address and a port");
    let output = Command::new("dig")
        .args([&format!("@{address}"), "-p", port, "+short", "+tries=1", name, rtype])
        .output()
        .expect("dig is there: `./test` installs it");
    match output.status.success() {
        true => String::from_utf8_lossy(&output.stdout).trim().to_owned(),
        false => String::new(),
    }
}

/// Waits until something is so, with the patience that a million entries need in a build for tests.
fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < Duration::from_secs(300), "{what}: it never came");
        thread::sleep(Duration::from_millis(100));
    }
}

/// Waits until both secondaries have what we have.
fn until_all_have(apex: &str) {
    let ours = serial(OURS, apex).expect("we have it");
    for server in [BIND, NSD] {
        let has = || serial(server, apex).as_deref() == Some(&ours);
        until(&format!("{apex} {ours} at {server}"), has);
    }
}

/// Changes the zone that takes updates.
fn update(line: &str) {
    let key = format!("hmac-sha256:k.example:{SECRET}");
    let mut nsupdate = Command::new("nsupdate")
        .args(["-y", &key])
        .stdin(Stdio::piped())
        .spawn()
        .expect("nsupdate is there: `./test` installs it");
    let script = format!("server 127.0.0.1 5300\nzone dyn.example\n{line}\nsend\n");
    nsupdate.stdin.take().expect("a pipe").write_all(script.as_bytes()).expect("it reads");
    assert!(nsupdate.wait().expect("it ends").success(), "{line}");
}

/// Changes the list.
fn relist(folder: &Path, lines: &str) {
    let before = serial(OURS, "bl.example");
    fs::write(folder.join("small.new"), lines).expect("the test's folder is writable");
    fs::rename(folder.join("small.new"), folder.join("small.txt")).expect("it is there");
    let config = folder.join("repute.toml");
    run(
        env!("CARGO_BIN_EXE_repute"),
        &["--config", &config.to_string_lossy(), "reload", "bl.example"],
    );
    until("the list's new version", || serial(OURS, "bl.example") != before);
}

#[test]
fn bind_and_nsd_follow_a_large_list_and_a_zone_through_changes_and_kills() {
    on_private_network(|| {
        let folders = [(); 3].map(|()| tempfile::tempdir().expect("a folder"));
        let [ours, theirs, nsds] = [0, 1, 2].map(|number: usize| folders[number].path());
        for server in [BIND, NSD] {
            let server: SocketAddr = server.parse().expect("an address");
            add_address(server.ip());
        }
        prepare(ours);
        let mut server = start_ours(ours);
        let bind = start_bind(theirs);
        let nsd = start_nsd(nsds);
        for apex in ["bl.example", "dyn.example"] {
            until_all_have(apex);
        }
        compare();

        // Changes go as changes.
        for number in 0..100 {
            update(&format!("update add n{number}.dyn.example 60 A 192.0.2.{number}"));
            if number % 50 == 0 {
                relist(ours, &format!("198.51.100.{number} :4:new\n!{}\n", single(number)));
            }
        }
        for apex in ["bl.example", "dyn.example"] {
            until_all_have(apex);
            server.wait_for(&format!("sent what changed in `{apex}`"));
        }
        for secondary in [BIND, NSD] {
            assert_eq!(said(secondary, "50.100.51.198.bl.example").0.len(), 1, "the last change");
            assert_eq!(said(secondary, "0.100.51.198.bl.example").0.len(), 0, "the one before");
            assert_eq!(short(secondary, "n99.dyn.example", "A"), "192.0.2.99");
        }

        // Both secondaries are killed, miss something, and go on where they were.
        drop((bind, nsd));
        update("update delete n1.dyn.example\nupdate add missed.dyn.example 60 TXT while-away");
        relist(ours, "198.51.100.101 :4:while they were away\n");
        let (_bind, _nsd) = (start_bind(theirs), start_nsd(nsds));
        for apex in ["bl.example", "dyn.example"] {
            until_all_have(apex);
        }
        compare();

        // We are killed right after an answer, and go on where we were: the secondaries need not begin anew.
        update("update add last.dyn.example 60 TXT said-before-the-end");
        let before = ["bl.example", "dyn.example"].map(|apex| serial(OURS, apex));
        drop(server);
        let mut server = start_ours(ours);
        assert_eq!(["bl.example", "dyn.example"].map(|apex| serial(OURS, apex)), before);
        update("update add after.dyn.example 60 TXT and-on");
        relist(ours, "198.51.100.102 :4:after the restart\n");
        for apex in ["bl.example", "dyn.example"] {
            until_all_have(apex);
            server.wait_for(&format!("sent what changed in `{apex}`"));
        }
        for secondary in [BIND, NSD] {
            assert_eq!(short(secondary, "last.dyn.example", "TXT"), "\"said-before-the-end\"");
            assert_eq!(short(secondary, "after.dyn.example", "TXT"), "\"and-on\"");
        }
        compare();
    });
}

//! Zones of our own with those who change and copy them elsewhere: nsupdate, dig, certbot, BIND.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::daemon::Daemon;
use crate::dig::{dig, status};
use crate::dns::until;
use crate::network::{on_private_network, run};

/// Where our server is.
const OURS: u16 = 5300;
/// Where BIND is.
const BIND: u16 = 5310;
/// A key, as dig and nsupdate take it: it is for updates, and for transfers.
pub(crate) const KEY: &str =
    "hmac-sha256:robot.example:aGVyZSBhcmUgdGhpcnR5LXR3byBieXRlcyBvZiBub2lzZSE=";

/// The tables of a configuration with a list, a zone that is updated, and the key of both.
const ZONES: &str = r#"
[[key]]
name = "robot.example"
secret-file = "robot.key"

[[zone]]
apex = "bl.example"
name-servers = ["ns.dyn.example"]
transfer = ["127.0.0.1 key robot.example"]
notify = ["127.0.0.1:5310 key robot.example"]
[[zone.source]]
kind = "addresses"
format = "rbldnsd"
files = ["bl.txt"]

[[primary]]
apex = "dyn.example"
records = ["@ NS ns", "ns A 192.0.2.53", "www A 192.0.2.1"]
transfer = ["key robot.example"]
notify = ["127.0.0.1:5310"]
[[primary.update]]
key = "robot.example"

[[primary]]
apex = "cert.example"
records = ["@ NS ns.dyn.example.", "www A 192.0.2.1"]
[[primary.update]]
key = "robot.example"
names = ["_acme-challenge.*"]
types = ["TXT"]
"#;

/// Starts our server with [`ZONES`] in a folder.
fn start(folder: &Path) -> Daemon {
    let secret = KEY.rsplit(':').next().expect("a secret");
    fs::write(folder.join("robot.key"), secret).expect("the test's folder is writable");
    if !folder.join("bl.txt").exists() {
        fs::write(
            folder.join("bl.txt"),
            "192.0.2.0/24 :2:a network\n!192.0.2.7\n203.0.113.0/24 :2:whole\n2001:db8::1 :3:one\n",
        )
        .expect("writable");
    }
    let text = format!(
        "[server]\nlisten = [\"127.0.0.1:{OURS}\"]\ndata-dir = \"data\"\nmetrics = \"127.0.0.1:9053\"\n{ZONES}"
    );
    fs::write(folder.join("repute.toml"), text).expect("the test's folder is writable");
    let mut command = Command::new(env!("CARGO_BIN_EXE_repute"));
    command.args(["serve", "--config", "repute.toml"]).current_dir(folder);
    let mut server = Daemon::start(&mut command);
    server.wait_for("ready after");
    server
}

/// Asks a server.
pub(crate) fn ask(port: u16, words: &[&str]) -> String {
    let port = port.to_string();
    dig(&[&["@127.0.0.1", "-p", &port], words].concat())
}

/// What a server answers to a question, in short.
pub(crate) fn short(port: u16, name: &str, rtype: &str) -> String {
    ask(port, &["+short", name, rtype]).trim().to_owned()
}

/// Has nsupdate do something at our server with our key, or without one; what it says.
fn nsupdate(key: Option<&str>, zone: &str, lines: &str) -> (bool, String) {
    nsupdate_at(OURS, key, zone, lines)
}

/// The same at the server at a port.
pub(crate) fn nsupdate_at(port: u16, key: Option<&str>, zone: &str, lines: &str) -> (bool, String) {
    let mut command = Command::new("nsupdate");
    if let Some(key) = key {
        command.args(["-y", key]);
    }
    let mut nsupdate = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("nsupdate");
    let script = format!("server 127.0.0.1 {port}\nzone {zone}\n{lines}\nsend\n");
    nsupdate.stdin.take().expect("a pipe").write_all(script.as_bytes()).expect("it reads");
    let output = nsupdate.wait_with_output().expect("it ends");
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&said).into_owned())
}

#[test]
fn nsupdate_changes_what_its_key_may() {
    on_private_network(|| {
        let folder = tempfile::tempdir().expect("a folder");
        let server = start(folder.path());
        let (done, said) =
            nsupdate(Some(KEY), "dyn.example", "update add a.dyn.example 60 A 192.0.2.9");
        assert!(done, "{said}");
        assert_eq!(short(OURS, "a.dyn.example", "A"), "192.0.2.9");
        let refusals = [
            (None, "dyn.example", "update add b.dyn.example 60 A 192.0.2.9", "REFUSED"),
            (
                Some("hmac-sha256:robot.example:d3Jvbmcgd3Jvbmcgd3Jvbmcgd3Jvbmcgd3JvbmcgISEh"),
                "dyn.example",
                "update add b.dyn.example 60 A 192.0.2.9",
                "BADSIG",
            ),
            (
                Some(KEY),
                "dyn.example",
                "prereq nxdomain www.dyn.example\nupdate delete www.dyn.example",
                "YXDOMAIN",
            ),
            (Some(KEY), "cert.example", "update add www.cert.example 60 A 192.0.2.9", "REFUSED"),
            (
                Some(KEY),
                "elsewhere.example",
                "update add www.elsewhere.example 60 A 192.0.2.9",
                "NOTAUTH",
            ),
        ];
        for (key, zone, lines, expect) in refusals {
            let (done, said) = nsupdate(key, zone, lines);
            assert!(!done && said.contains(expect), "{lines}: {expect}: {said}");
        }
        let (done, said) = nsupdate(
            Some(KEY),
            "cert.example",
            "update add _acme-challenge.www.cert.example 1 TXT value",
        );
        assert!(done, "{said}");
        assert_eq!(short(OURS, "_acme-challenge.www.cert.example", "TXT"), "\"value\"");
        let export = || {
            let config = folder.path().join("repute.toml");
            run(
                env!("CARGO_BIN_EXE_repute"),
                &["--config", &config.to_string_lossy(), "zone", "export", "dyn.example"],
            )
        };
        assert!(export().contains("a.dyn.example.\t60\tIN\tA\t192.0.2.9"), "by the server");
        drop(server);
        assert!(export().contains("a.dyn.example.\t60\tIN\tA\t192.0.2.9"), "from the store");
        // What was answered is there after a kill.
        let _server = start(folder.path());
        assert_eq!(short(OURS, "a.dyn.example", "A"), "192.0.2.9");
    });
}

#[test]
fn dig_and_kdig_get_zones_and_lists_by_transfer() {
    on_private_network(|| {
        let folder = tempfile::tempdir().expect("a folder");
        let _server = start(folder.path());
        let refused = ask(OURS, &["dyn.example", "AXFR"]);
        assert!(refused.contains("Transfer failed"), "{refused}");
        let whole = ask(OURS, &["-y", KEY, "dyn.example", "AXFR"]);
        assert!(
            whole.contains("www.dyn.example.\t3600\tIN\tA\t192.0.2.1") && whole.contains("TSIG"),
            "{whole}"
        );
        assert!(whole.contains("XFR size: 5 records"), "{whole}");
        let serial =
            short(OURS, "dyn.example", "SOA").split(' ').nth(2).expect("a serial").to_owned();
        assert!(nsupdate(Some(KEY), "dyn.example", "update add n.dyn.example 60 TXT new").0);
        let changes = ask(OURS, &["-y", KEY, "dyn.example", &format!("IXFR={serial}")]);
        assert!(
            changes.contains("XFR size: 5 records")
                && changes.contains("n.dyn.example.\t\t60\tIN\tTXT\t\"new\""),
            "{changes}"
        );
        let list = ask(OURS, &["-y", KEY, "bl.example", "AXFR"]);
        for line in ["*.113.0.203.bl.example.", "*.2.0.192.bl.example.", "2.0.0.127.bl.example."] {
            assert!(list.contains(line), "{line}: {list}");
        }
        assert!(
            list.contains("7.2.0.192.bl.example.\t2100\tIN\tHINFO\t\"\" \"not listed\""),
            "{list}"
        );
        let by_kdig =
            run("kdig", &["@127.0.0.1", "-p", &OURS.to_string(), "-y", KEY, "bl.example", "AXFR"]);
        assert!(by_kdig.contains("*.113.0.203.bl.example."), "{by_kdig}");
    });
}

#[test]
fn an_edit_of_a_master_file_is_sent_as_what_changed() {
    on_private_network(|| {
        let folder = tempfile::tempdir().expect("a folder");
        let config = format!(
            "[server]\nlisten = [\"127.0.0.1:{OURS}\"]\ndata-dir = \"data\"\nmetrics = \"\"\n\
             [loader]\nsettle = \"100ms\"\n\
             [[primary]]\napex = \"file.example\"\nfile = \"file.zone\"\ntransfer = [\"127.0.0.1\"]\n"
        );
        let write = |serial: u32, last: u32| {
            let text = format!(
                "$TTL 60\n@ SOA ns hm {serial} 2 3 4 5\n@ NS ns\nns A 192.0.2.1\nwww A 192.0.2.{last}\n"
            );
            fs::write(folder.path().join("file.zone"), text).expect("writable");
        };
        fs::write(folder.path().join("repute.toml"), config).expect("writable");
        write(7, 7);
        let start = || {
            let mut command = Command::new(env!("CARGO_BIN_EXE_repute"));
            command.args(["serve", "--config", "repute.toml"]).current_dir(folder.path());
            let mut server = Daemon::start(&mut command);
            server.wait_for("ready after");
            server
        };
        let ixfr = |serial: u32| {
            let port = OURS.to_string();
            let question = format!("IXFR={serial}");
            run("kdig", &["@127.0.0.1", "-p", &port, "file.example", &question])
        };
        let server = start();
        write(8, 8);
        until("the edit", || short(OURS, "www.file.example", "A") == "192.0.2.8");
        let changed = ixfr(7);
        let has = |text: &str, last: u32| text.contains(&format!("192.0.2.{last}\n"));
        assert!(has(&changed, 7) && has(&changed, 8) && !has(&changed, 1), "{changed}");
        // What changed is known after a restart, with a file that is broken by then as well.
        drop(server);
        fs::write(folder.path().join("file.zone"), "www A 192.0.2.300\n").expect("writable");
        let _server = start();
        assert_eq!(short(OURS, "www.file.example", "A"), "192.0.2.8");
        let changed = ixfr(7);
        assert!(has(&changed, 7) && has(&changed, 8) && !has(&changed, 1), "{changed}");
        // A version whose serial stays is served, and what was known does not lead to it.
        write(8, 9);
        until("the second edit", || short(OURS, "www.file.example", "A") == "192.0.2.9");
        let whole = ixfr(7);
        assert!(has(&whole, 1) && has(&whole, 9), "{whole}");
    });
}

/// The metrics page of our server.
fn metrics() -> String {
    let mut stream = TcpStream::connect("127.0.0.1:9053").expect("it listens");
    stream.write_all(b"GET /metrics HTTP/1.0\r\n\r\n").expect("it reads");
    let mut page = String::new();
    stream.read_to_string(&mut page).expect("it answers");
    page
}

#[test]
fn metrics_and_status_tell_what_was_done_for_zones() {
    on_private_network(|| {
        let folder = tempfile::tempdir().expect("a folder");
        let _server = start(folder.path());
        let has = |line: &str| {
            let page = metrics();
            assert!(page.contains(&format!("\nrepute_nameserver_{line}\n")), "{line}: {page}");
        };
        has("updates_total{rcode=\"NOERROR\"} 0");
        assert!(nsupdate(Some(KEY), "dyn.example", "update add n.dyn.example 60 TXT new").0);
        let wrong = "hmac-sha256:robot.example:d3Jvbmcgd3Jvbmcgd3Jvbmcgd3Jvbmcgd3JvbmcgISEh";
        let stranger = wrong.replace("robot", "nobody");
        for key in [wrong, &stranger] {
            assert!(!nsupdate(Some(key), "dyn.example", "update add o.dyn.example 60 TXT x").0);
        }
        let lines = "prereq nxdomain www.dyn.example\nupdate delete www.dyn.example";
        assert!(!nsupdate(Some(KEY), "dyn.example", lines).0);
        has("updates_total{rcode=\"NOERROR\"} 1");
        has("updates_total{rcode=\"YXDOMAIN\"} 1");
        has("signatures_refused_total{reason=\"badsig\"} 1");
        has("signatures_refused_total{reason=\"badkey\"} 1");
        let serial = short(OURS, "dyn.example", "SOA");
        let serial = serial.split(' ').nth(2).expect("a serial");
        let before = serial.parse::<u32>().expect("a number") - 1;
        assert!(ask(OURS, &["dyn.example", "AXFR"]).contains("Transfer failed"));
        ask(OURS, &["-y", KEY, "dyn.example", "AXFR"]);
        ask(OURS, &["-y", KEY, "dyn.example", &format!("IXFR={before}")]);
        ask(OURS, &["-y", KEY, "dyn.example", &format!("IXFR={serial}")]);
        for (result, count) in [("refused", 1), ("axfr", 1), ("ixfr", 1), ("current", 1)] {
            has(&format!("transfers_total{{result=\"{result}\"}} {count}"));
        }
        // A SOA at both ends, NS, two addresses, the text; a SOA for each of the four places of a change, and the text; one.
        has("transferred_records_total 12");
        let config = folder.path().join("repute.toml");
        let status = || {
            run(env!("CARGO_BIN_EXE_repute"), &["--config", &config.to_string_lossy(), "status"])
        };
        let shown = status();
        for line in [
            format!("dyn.example: updated by key robot.example to serial {serial}, "),
            format!("dyn.example: last transfer: current, serial {serial}, "),
        ] {
            assert!(shown.contains(&line), "{line}: {shown}");
        }
        // Nobody listens where it is told.
        until("it is told", || {
            status().contains(&format!("secondary 127.0.0.1:{BIND} was told of serial {serial}, "))
        });
        let _bind = start_bind(folder.path());
        until("it has heard", || {
            status().contains(&format!("secondary 127.0.0.1:{BIND} has heard of serial {serial}, "))
        });
        let page = metrics();
        assert!(!page.contains("notifies_total{result=\"answered\"} 0"), "{page}");
    });
}

/// Starts BIND as a secondary of both zones.
fn start_bind(folder: &Path) -> Daemon {
    let secret = KEY.rsplit(':').next().expect("a secret");
    let zone = |apex: &str| {
        format!(
            "zone \"{apex}\" {{ type secondary; file \"{apex}.db\"; masterfile-format text; \
             primaries {{ 127.0.0.1 port {OURS} key robot.example; }}; allow-notify {{ 127.0.0.1; }}; }};\n"
        )
    };
    let config = format!(
        "options {{ directory \"{folder}\"; listen-on port {BIND} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }}; \
         recursion no; pid-file none; session-keyfile none; notify no; dnssec-validation no; \
         minimal-responses yes; max-refresh-time 5; }};\n\
         controls {{ }};\n\
         key \"robot.example\" {{ algorithm hmac-sha256; secret \"{secret}\"; }};\n{}{}",
        zone("bl.example"),
        zone("dyn.example"),
        folder = folder.display(),
    );
    let file = folder.join("named.conf");
    fs::write(&file, config).expect("the test's folder is writable");
    let mut bind = Daemon::start(Command::new("named").args(["-g", "-n", "1", "-c"]).arg(&file));
    bind.wait_for("running");
    bind
}

#[test]
fn bind_follows_a_list_and_a_zone_through_changes() {
    on_private_network(|| {
        let (ours, theirs) =
            (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
        let mut server = start(ours.path());
        let _bind = start_bind(theirs.path());
        until("the list is there", || short(BIND, "9.2.0.192.bl.example", "A") == "127.0.0.2");
        until("the zone is there", || short(BIND, "www.dyn.example", "A") == "192.0.2.1");
        assert_eq!(short(BIND, "7.2.0.192.bl.example", "A"), "", "the exclusion");
        for number in 0..100 {
            let lines = format!("update add n{number}.dyn.example 60 A 192.0.2.{number}");
            let (done, said) = nsupdate(Some(KEY), "dyn.example", &lines);
            assert!(done, "{said}");
        }
        until("the last change", || short(BIND, "n99.dyn.example", "A") == "192.0.2.99");
        let records = |port: u16| {
            let mut lines: Vec<String> =
                ask(port, &["-y", KEY, "+noall", "+answer", "+onesoa", "dyn.example", "AXFR"])
                    .lines()
                    .filter(|line| !line.contains("TSIG") && !line.starts_with(';'))
                    .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
                    .collect();
            lines.sort();
            lines
        };
        let expect = records(OURS);
        assert_eq!(expect.len(), 104, "{expect:?}");
        assert_eq!(short(BIND, "dyn.example", "SOA"), short(OURS, "dyn.example", "SOA"));
        for number in (0..100).step_by(7) {
            assert_eq!(
                short(BIND, &format!("n{number}.dyn.example"), "A"),
                format!("192.0.2.{number}")
            );
        }
        server.wait_for("sent what changed in `dyn.example`");
        // An edit of the list's file goes the same way.
        fs::write(ours.path().join("bl.txt"), "192.0.2.0/24 :2:a network\n198.51.100.1 :4:new\n")
            .expect("writable");
        until("the list's change", || short(BIND, "1.100.51.198.bl.example", "A") == "127.0.0.4");
        assert_eq!(short(BIND, "7.2.0.192.bl.example", "A"), "127.0.0.2", "excluded no more");
    });
}

#[test]
fn certbot_finds_the_zone_and_puts_a_challenge_there() {
    on_private_network(|| {
        let folder = tempfile::tempdir().expect("a folder");
        let _server = start(folder.path());
        // How its plugin finds the zone: the SOA in AUTHORITY of names that are not there, and at the apex an answer.
        let none = ask(OURS, &["+norec", "_acme-challenge.www.cert.example", "SOA"]);
        assert!(
            status(&none) == "NXDOMAIN" && none.contains("cert.example.\t\t300\tIN\tSOA"),
            "{none}"
        );
        let apex = ask(OURS, &["+norec", "cert.example", "SOA"]);
        assert!(
            status(&apex) == "NOERROR"
                && apex.contains("flags: qr aa")
                && apex.contains("ANSWER: 1"),
            "{apex}"
        );
    });
}

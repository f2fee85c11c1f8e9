//! `repute audit` of one list served by Repute, NSD and rbldnsd: each does wrong what it does wrong, and no
//! more; and of a list found by way of Unbound and the zone above it.

use std::fs;
use std::net::IpAddr;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use crate::daemon::Daemon;
use crate::exports::{start_nsd, start_rbldnsd};
use crate::list_server::{REPUTE, serve};
use crate::network::{add_address, on_private_network, run};

#[test]
fn an_audit_tells_the_faults_of_servers_apart() {
    on_private_network(|| {
        let folder = tempfile::tempdir().expect("a folder for the test can be made");
        let own = ["127.0.0.1:5300", "127.0.1.1:5300", "[::1]:5300"];
        let _repute = start_repute(&folder, &["bl.list.example"], &own);
        let at = |servers: &[&str]| -> Vec<String> {
            servers.iter().map(|server| format!("bl.list.example@{server}")).collect()
        };

        // Two networks and two families: nothing is wrong, and only what does not apply is skipped.
        let ours = audit(&at(&own));
        assert_eq!(broken(&ours), [""; 0], "{ours}");
        let skipped = with_state(&ours, "skipped");
        assert_eq!(skipped, ["test-name", "never-name", "delegation"], "{ours}");
        assert_eq!(ours["grade"], "A");

        export(folder.path(), "master");
        let _nsd = start_nsd(folder.path(), "bl.list.example", "127.0.0.1@5302");
        let theirs = audit(&at(&["127.0.0.1:5302"]));
        assert_eq!(broken(&theirs), [""; 0], "{theirs}");

        export(folder.path(), "rbldnsd");
        let types = ["ip4trie", "ip6trie"];
        let _rbldnsd = start_rbldnsd(folder.path(), "bl.list.example", &types, "127.0.0.1/5303");
        let theirs = audit(&at(&["127.0.0.1:5303"]));
        let faults = [
            "fail empty-non-terminal",
            "fail tcp",
            "fail unknown-type",
            "fail unknown-opcode",
            "warn edns",
        ];
        assert_eq!(broken(&theirs), faults, "{theirs}");
        assert_eq!(theirs["grade"], "D");

        // All of them as the servers of one list: what one does wrong is said of that one.
        let all = audit(&at(&["127.0.0.1:5300", "127.0.0.1:5302", "127.0.0.1:5303"]));
        let broken = broken(&all);
        assert!(faults.iter().all(|fault| broken.contains(&(*fault).to_owned())), "{all}");
        for (rule, told) in [
            ("tcp", "127.0.0.1:5303: nobody listens"),
            ("empty-non-terminal", "127.0.0.1:5303: 0.0.127: NXDOMAIN"),
            ("two-networks", "only 127.0.0.0/24"),
        ] {
            assert_eq!(seen(&all, rule), told, "{all}");
        }
    });
}

#[test]
fn an_audit_finds_the_servers_and_what_the_zone_above_says_of_them() {
    on_private_network(|| {
        for address in ["192.0.2.1", "198.51.100.1", "2001:db8::53"] {
            add_address(address.parse::<IpAddr>().expect("an address"));
        }
        let folder = tempfile::tempdir().expect("a folder for the test can be made");
        let own = ["192.0.2.1:53", "198.51.100.1:53", "[2001:db8::53]:53"];
        let zones = ["bl.list.example", "moved.list.example"];
        let _repute = start_repute(&folder, &zones, &own);
        fs::write(folder.path().join("master"), ABOVE).expect("the test's folder is writable");
        let _above = start_nsd(folder.path(), "list.example", "127.0.0.2@53");
        let _unbound = start_unbound(folder.path());

        let good = audit(&["bl.list.example".to_owned()]);
        assert_eq!(broken(&good), [""; 0], "{good}");
        assert_eq!(seen(&good, "delegation"), "the same", "{good}");
        let servers = good["servers"].as_array().expect("servers");
        let named: Vec<String> = servers
            .iter()
            .map(|server| format!("{} {}", server["name"], server["address"]).replace('"', ""))
            .collect();
        assert_eq!(
            named,
            [
                "ns1.list.example 192.0.2.1:53",
                "ns1.list.example [2001:db8::53]:53",
                "ns2.list.example 198.51.100.1:53"
            ]
        );

        let moved = audit(&["moved.list.example".to_owned()]);
        assert_eq!(broken(&moved), ["warn delegation"], "{moved}");
        let told = "only here: ns2.list.example; only above: old.list.example";
        assert_eq!(seen(&moved, "delegation"), told, "{moved}");

        let gone = audit(&["gone.list.example".to_owned()]);
        assert_eq!(gone["obstacle"], "there is no such zone: a typing error, or it is gone");
        assert!(gone["grade"].is_null());
    });
}

/// Starts Repute with these lists of addresses, each the same, at these addresses.
fn start_repute(folder: &TempDir, zones: &[&str], listen: &[&str]) -> Daemon {
    let path = folder.path();
    let listen: Vec<String> = listen.iter().map(|address| format!("\"{address}\"")).collect();
    let mut config = format!(
        "[server]\ndata-dir = \"data\"\nmetrics = \"\"\nlisten = [{}]\n",
        listen.join(", ")
    );
    for zone in zones {
        config.push_str(&format!(
            "[[zone]]\napex = \"{zone}\"\n\
             name-servers = [\"ns1.list.example\", \"ns2.list.example\"]\n\
             [[zone.source]]\nkind = \"addresses\"\nfiles = [\"list\"]\ntext = \"see {zone}/$\"\n"
        ));
    }
    let file = path.join("repute.toml");
    fs::write(path.join("list"), LIST).expect("the test's folder is writable");
    fs::write(&file, config).expect("the test's folder is writable");
    serve(&file)
}

/// Starts Unbound at 127.0.0.1; all it knows is where the zone above the lists is.
fn start_unbound(folder: &Path) -> Daemon {
    let file = folder.join("unbound.conf");
    fs::write(&file, UNBOUND).expect("the test's folder is writable");
    let mut unbound = Daemon::start(Command::new("unbound").arg("-d").arg("-c").arg(&file));
    unbound.wait_for("start of service");
    unbound
}

/// Writes the list in another software's format, into the file of that name.
fn export(folder: &Path, format: &str) {
    let (config, output) = (folder.join("repute.toml"), folder.join(format));
    let (config, output) = (config.to_string_lossy(), output.to_string_lossy());
    let what = ["--config", &config, "zone", "export", "bl.list.example"];
    run(REPUTE, &[&what[..], &["--format", format, "--output", &output]].concat());
}

/// Audits one list, by way of the resolver at 127.0.0.1 if no server is named.
fn audit(zones: &[String]) -> Value {
    let mut command = Command::new(REPUTE);
    command.args(["audit", "--json", "--resolver", "127.0.0.1"]).args(zones);
    let output = command.output().expect("it runs");
    let text = String::from_utf8_lossy(&output.stdout);
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}{output:?}"))
}

/// What is broken, and how badly.
fn broken(audit: &Value) -> Vec<String> {
    let of = |state: &'static str| {
        let rules = with_state(audit, state).into_iter();
        rules.map(move |rule| format!("{state} {rule}"))
    };
    let mut broken: Vec<String> = of("fail").chain(of("warn")).collect();
    let order = with_state(audit, "");
    broken.sort_by_key(|text| order.iter().position(|rule| **rule == text[5..]));
    broken
}

/// The rules of a state; without one all.
fn with_state<'a>(audit: &'a Value, state: &str) -> Vec<&'a str> {
    let findings = audit["findings"].as_array().expect("findings").iter();
    let of = findings.filter(|finding| state.is_empty() || finding["state"] == state);
    of.map(|finding| finding["rule"].as_str().expect("a rule")).collect()
}

/// What was seen by a rule.
fn seen<'a>(audit: &'a Value, rule: &str) -> &'a str {
    let mut findings = audit["findings"].as_array().expect("findings").iter();
    let finding = findings.find(|finding| finding["rule"] == rule).expect("it is there");
    finding["seen"].as_str().expect("a text")
}

/// Addresses of both families.
const LIST: &str = "192.0.2.7\n198.51.100.0/24\n2001:db8::/64\n";

/// The zone above the lists; of one of them it names a server of long ago.
const ABOVE: &str = "\
$ORIGIN list.example.
$TTL 3600
@ SOA ns hostmaster 1 3600 600 604800 300
@ NS ns
ns A 127.0.0.2
ns1 A 192.0.2.1
ns1 AAAA 2001:db8::53
ns2 A 198.51.100.1
old A 192.0.2.1
bl NS ns1
bl NS ns2
moved NS ns1
moved NS old
";

/// A resolver that knows one zone and follows its delegations.
const UNBOUND: &str = "\
server:
  interface: 127.0.0.1
  port: 53
  username: \"\"
  chroot: \"\"
  directory: \"/\"
  pidfile: \"\"
  use-syslog: no
  do-daemonize: no
  do-not-query-localhost: no
  module-config: \"iterator\"
remote-control:
  control-enable: no
stub-zone:
  name: \"list.example\"
  stub-addr: 127.0.0.2
";

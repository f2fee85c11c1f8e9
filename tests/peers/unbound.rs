//! Unbound in front of the list server, as most mail servers have a resolver in front of a list.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::daemon::Daemon;
use crate::dig::{dig, status};
use crate::list_server::{ADDRESS, PORT, serve, start_list_server};
use crate::network::{on_private_network, run};

/// Starts Unbound on 127.0.0.1, port 53; it asks the list server for these zones.
///
/// It is as strict as Unbound can be: it minimises names and never tries the whole name after a
/// part of it did not exist (RFC 9156), and spells names in random case and wants them back so.
pub(crate) fn start_unbound(folder: &Path, zones: &[&str]) -> Daemon {
    let stubs: String = zones
        .iter()
        .map(|zone| format!("stub-zone:\n  name: \"{zone}\"\n  stub-addr: {ADDRESS}@{PORT}\n"))
        .collect();
    let file = folder.join("unbound.conf");
    fs::write(&file, format!("{SERVER}{stubs}")).expect("the test's folder is writable");

    let mut unbound = Daemon::start(Command::new("unbound").arg("-d").arg("-c").arg(&file));
    unbound.wait_for("start of service");
    unbound
}

/// What does not depend on the test: no files, no other users, no network beyond loopback.
const SERVER: &str = "\
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
  qname-minimisation: yes
  qname-minimisation-strict: yes
  use-caps-for-id: yes
  harden-below-nxdomain: yes
remote-control:
  control-enable: no
";

#[test]
fn a_strict_resolver_finds_what_is_listed() {
    on_private_network(|| {
        let server = start_list_server(&[("bl.example", LIST)]);
        let _unbound = start_unbound(server.folder(), &["bl.example"]);

        let a = |name: &str| dig(&["@127.0.0.1", "+short", name, "A"]);
        assert_eq!(a("7.2.0.192.bl.example"), "127.0.0.2\n");
        assert_eq!(a("9.2.0.192.bl.example"), "");
        assert_eq!(a("9.100.51.198.bl.example"), "127.0.0.4\n");
        assert_eq!(status(&dig(&["@127.0.0.1", "8.100.51.198.bl.example"])), "NXDOMAIN");
        let text = dig(&["@127.0.0.1", "+short", "9.100.51.198.bl.example", "TXT"]);
        assert_eq!(text, "\"policy, see https://bl.example/q/198.51.100.9\"\n");
    });
}

/// RFC 8020: "when a DNS resolver receives a response with a response code of NXDOMAIN, it means that
/// the domain name which is thus denied AND ALL THE NAMES UNDER IT do not exist."
#[test]
fn an_unlisted_ipv4_address_denies_no_ipv6_network() {
    on_private_network(|| {
        let server = start_list_server(&[("bl.example", LIST)]);
        let _unbound = start_unbound(server.folder(), &["bl.example"]);

        // The labels of 2.0.0.1 are also the last four nibbles of 2001:db8::1.
        let unlisted = dig(&["@127.0.0.1", "1.0.0.2.bl.example"]);
        assert_eq!(status(&unlisted), "NOERROR");
        let listed = format!("1{}8.b.d.0.1.0.0.2.bl.example", ".0".repeat(23) + ".");
        assert_eq!(dig(&["@127.0.0.1", "+short", &listed]), "127.0.0.2\n");
    });
}

/// The files under `examples/unbound`, as its README says to run them.
#[test]
fn the_example_answers() {
    on_private_network(|| {
        let folder = tempfile::tempdir().expect("a folder for the test can be made");
        run("cp", &["-r", EXAMPLE, &folder.path().to_string_lossy()]);
        let example = folder.path().join("unbound");
        let _repute = serve(&example.join("repute.toml"));
        let mut unbound = Command::new("unbound");
        let mut unbound =
            Daemon::start(unbound.arg("-d").arg("-c").arg(example.join("unbound.conf")));
        unbound.wait_for("start of service");

        let text = dig(&["@127.0.0.1", "-p", "5353", "7.2.0.192.bl.example", "TXT", "+short"]);
        assert_eq!(text, "\"listed, see https://bl.example/q/192.0.2.7\"\n");
    });
}

/// The example's folder.
const EXAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/unbound");

/// Single addresses and networks of both families; 198.51.100.8 is an exclusion.
const LIST: &str = "\
192.0.2.7 :2:listed, see https://bl.example/q/$
198.51.100.0/24 :4:policy, see https://bl.example/q/$
!198.51.100.8
2001:db8::/32 :2:listed, see https://bl.example/q/$
";

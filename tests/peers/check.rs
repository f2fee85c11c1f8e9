//! `repute check` by way of Unbound, at lists that Repute and rbldnsd serve.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output};

use crate::daemon::Daemon;
use crate::list_server::{REPUTE, serve};
use crate::network::{on_private_network, resolve_with_loopback};

/// Starts Repute, rbldnsd, and Unbound in front of both, which is the system's resolver.
fn start(folder: &Path) -> [Daemon; 3] {
    fs::write(folder.join("list"), LIST).expect("the test's folder is writable");
    fs::write(folder.join("repute.toml"), CONFIG).expect("the test's folder is writable");
    fs::write(folder.join("unbound.conf"), UNBOUND).expect("the test's folder is writable");
    // rbldnsd, which reads it, gives root up first.
    fs::set_permissions(folder, Permissions::from_mode(0o755)).expect("the folder is the test's");
    let repute = serve(&folder.join("repute.toml"));
    let list = folder.join("list").to_string_lossy().into_owned();
    let mut rbldnsd = Command::new("rbldnsd");
    rbldnsd.args(["-n", "-u", "65534:65534", "-b", "127.0.0.3/53"]);
    let mut rbldnsd = Daemon::start(rbldnsd.arg(format!("rbl.example:ip4set:{list}")));
    rbldnsd.wait_for("started");
    let mut unbound = Command::new("unbound");
    let mut unbound = Daemon::start(unbound.arg("-d").arg("-c").arg(folder.join("unbound.conf")));
    unbound.wait_for("start of service");
    resolve_with_loopback(folder);
    [repute, rbldnsd, unbound]
}

/// Runs a check; its exit code and what it prints, on either stream.
fn check(folder: &Path, args: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::new(REPUTE);
    command.arg("check").args(args).env("XDG_CACHE_HOME", folder);
    let Output { status, stdout, stderr } = command.output().expect("it runs");
    let text = |bytes| String::from_utf8(bytes).expect("it writes UTF-8");
    (status.code(), text(stdout), text(stderr))
}

#[test]
fn the_systems_resolver_is_asked_for_hosts_and_lists() {
    on_private_network(|| {
        let folder = tempfile::tempdir().expect("a folder for the test can be made");
        let folder = folder.path();
        let _daemons = start(folder);
        let lists = ["--list", "bl.example", "--list", "rbl.example"];
        let (code, shown, why) = check(folder, &[&["mail.host.example"][..], &lists].concat());
        assert_eq!((code, &*why), (Some(1), ""), "{shown}");
        assert!(shown.starts_with("mail.host.example is not listed by 2 lists\n"), "{shown}");
        let listed = "192.0.2.7 is listed by 2 of 2 lists\n  \
                      listed  bl.example   127.0.0.2\n                       \
                      \"spam, see https://list.example/?192.0.2.7\"\n  \
                      listed  rbl.example  127.0.0.2\n                       \
                      \"spam, see https://list.example/?192.0.2.7\"\n";
        assert!(shown.contains(listed), "{shown}");
        assert!(shown.contains("\n2001:db8::25 is not listed by "), "{shown}");
        // Both deny by themselves, so nothing is doubted; a list that nobody serves is.
        let (code, shown, _) =
            check(folder, &[&["192.0.2.9", "--list", "no.such.example"][..], &lists].concat());
        assert_eq!(code, Some(0), "{shown}");
        assert!(
            shown.starts_with("192.0.2.9 is not listed by 2 of 3 lists, 1 did not say\n"),
            "{shown}"
        );
        let (code, _, why) = check(folder, &["nosuch.host.example", "--list", "bl.example"]);
        assert_eq!(code, Some(2));
        assert!(why.contains("nosuch.host.example: no such host"), "{why}");
    });
}

#[test]
fn a_list_is_asked_at_its_own_servers() {
    on_private_network(|| {
        let folder = tempfile::tempdir().expect("a folder for the test can be made");
        let folder = folder.path();
        let [_repute, _rbldnsd, _unbound] = start(folder);
        // What Unbound makes up about the list is not heard at the list's own server.
        let forged = ["203.0.113.9", "--list", "bl.example"];
        let (code, shown, _) = check(folder, &forged);
        assert_eq!(code, Some(1), "{shown}");
        let (code, shown, why) = check(folder, &[&forged[..], &["--authoritative"]].concat());
        assert_eq!((code, &*why), (Some(0), ""), "{shown}");
        let (code, shown, _) =
            check(folder, &["192.0.2.7", "-A", "--list", "bl.example", "--list", "rbl.example"]);
        assert_eq!(code, Some(1));
        assert!(shown.starts_with("192.0.2.7 is listed by 2 of 2 lists\n"), "{shown}");
        let known = fs::read_to_string(folder.join("repute/health.json")).expect("it is kept");
        assert!(known.contains("bl.example 127.0.0.2:53"), "{known}");
        // Nobody knows its servers: that is said, and what the resolver says of it counts.
        let (code, shown, why) = check(folder, &["192.0.2.7", "-A", "--list", "no.such.example"]);
        assert_eq!(code, Some(2), "{shown}");
        assert!(why.starts_with("repute: no.such.example: "), "{why}");
        assert!(why.contains("asked by way of the resolver"), "{why}");
    });
}

/// The list of both servers.
const LIST: &str = "\
$SOA 600 ns.host.example hostmaster.host.example 0 600 300 86400 300
$NS 600 ns3.host.example
127.0.0.2
192.0.2.7 :2:spam, see https://list.example/?$
";

/// Repute at 127.0.0.2.
const CONFIG: &str = "\
[server]
listen = [\"127.0.0.2:53\"]
data-dir = \"data\"
metrics = \"\"

[[zone]]
apex = \"bl.example\"
name-servers = [\"ns2.host.example\"]

[[zone.source]]
kind = \"addresses\"
format = \"rbldnsd\"
files = [\"list\"]
";

/// Unbound at 127.0.0.1. It knows hosts, and denies what nobody serves; about one address it lies.
const UNBOUND: &str = "\
server:
  interface: 127.0.0.1
  username: \"\"
  chroot: \"\"
  directory: \"/\"
  pidfile: \"\"
  use-syslog: no
  do-daemonize: no
  do-not-query-localhost: no
  module-config: \"iterator\"
  local-zone: \"host.example.\" static
  local-data: \"ns2.host.example. A 127.0.0.2\"
  local-data: \"ns3.host.example. A 127.0.0.3\"
  local-data: \"mail.host.example. A 192.0.2.7\"
  local-data: \"mail.host.example. AAAA 2001:db8::25\"
  local-zone: \"such.example.\" static
  local-zone: \"invalid.\" static
  local-data: \"9.113.0.203.bl.example. A 127.0.0.2\"
remote-control:
  control-enable: no
stub-zone:
  name: \"bl.example\"
  stub-addr: 127.0.0.2
stub-zone:
  name: \"rbl.example\"
  stub-addr: 127.0.0.3
";

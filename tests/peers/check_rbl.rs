//! Debian's check_rbl and ours, side by side: the same words where it is right, and where it is wrong its wrong
//! ones beside our right ones, so that the comparison is known to be real.
//!
//! Debian's is version 1.7.0. Where 1.8.1 differs it adds options (`-A`, `--force-ipv4-resolver`), none of
//! which is asked for here.

use std::fs;
use std::net::Ipv4Addr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output};

use crate::check_rbl_cases::{Case, FAULTS, GENUINE, Theirs, without_time};
use crate::check_rbl_lists::Lists;
use crate::daemon::Daemon;
use crate::list_server::{ADDRESS, PORT, REPUTE, start_list_server};
use crate::network::{on_private_network, resolve_with_loopback};

/// Runs a program with options written as in a shell; its exit code, its first line and those below.
fn run(program: &str, options: &str) -> ((i32, String), String) {
    let cache = tempfile::tempdir().expect("a folder for the test can be made");
    let output = Command::new("sh")
        .args(["-c", &format!("{program} {options}")])
        .env("XDG_CACHE_HOME", cache.path())
        .output();
    let Output { status, stdout, stderr } = output.expect("there is a shell");
    let text = String::from_utf8_lossy(&stdout);
    let Some((line, below)) = text.split_once('\n') else {
        panic!("{program} {options}: {}", String::from_utf8_lossy(&stderr));
    };
    ((status.code().unwrap_or(-1), without_time(line)), below.to_owned())
}

/// Runs Debian's.
fn theirs(options: &str) -> (i32, String) {
    run(CHECK_RBL, options).0
}

/// Runs ours; also with the lines below the first.
fn ours(options: &str) -> ((i32, String), String) {
    run(&format!("'{REPUTE}' check_rbl"), options)
}

/// Runs a case with both, theirs first: some lists are worse to the first one who asks.
fn compare(case: &Case) {
    let Case { about, options, ours: (code, line), below, .. } = case;
    let (their_code, their_line) = match case.theirs {
        Theirs::Same => (*code, *line),
        Theirs::Wrong(code, line) => (code, line),
    };
    assert_eq!(theirs(options), (their_code, their_line.to_owned()), "theirs: {about}");
    let (ours, lines) = ours(options);
    assert_eq!(ours, (*code, (*line).to_owned()), "ours: {about}");
    assert!(lines.contains(below), "ours: {about}: {lines}");
}

#[test]
fn where_check_rbl_is_right_we_say_the_same() {
    on_private_network(|| {
        let folder = tempfile::tempdir().expect("a folder for the test can be made");
        resolve_with_loopback(folder.path());
        let _lists = Lists::start((Ipv4Addr::LOCALHOST, 53).into());
        GENUINE.iter().for_each(compare);
    });
}

#[test]
fn where_check_rbl_is_wrong_we_are_right() {
    on_private_network(|| {
        let folder = tempfile::tempdir().expect("a folder for the test can be made");
        resolve_with_loopback(folder.path());
        let _lists = Lists::start((Ipv4Addr::LOCALHOST, 53).into());
        FAULTS.iter().for_each(compare);
        // A file that is no ini file: Debian's dies without the word that says whose line it is.
        let ini = folder.path().join("broken.ini");
        fs::write(&ini, "[rbl]\nserver=clean.test\nwhat is this\n").expect("it is writable");
        let options = format!("-H 192.0.2.25 --extra-opts=rbl@{}", ini.display());
        assert_eq!(theirs(&options), (3, "Syntax error at line 3: 'what is this'".to_owned()));
        let ((code, line), _) = ours(&options);
        assert_eq!(code, 3);
        let begin = format!("CHECK_RBL UNKNOWN - --extra-opts: {} line 3: ", ini.display());
        assert!(line.starts_with(&begin), "{line}");
        // One that nobody may read; root may read everything, but not a folder as a file.
        let options = format!("-H 192.0.2.25 --extra-opts=rbl@{}", folder.path().display());
        let ((code, line), _) = ours(&options);
        assert_eq!(code, 3);
        let begin =
            format!("CHECK_RBL UNKNOWN - --extra-opts: cannot read {}", folder.path().display());
        assert!(line.starts_with(&begin), "{line}");
    });
}

/// The server that `-n` names is asked about lists, and the system's about the name of the address.
#[test]
fn the_name_of_an_address_is_that_which_the_system_knows() {
    on_private_network(|| {
        let folder = tempfile::tempdir().expect("a folder for the test can be made");
        resolve_with_loopback(folder.path());
        let _system = Lists::start((Ipv4Addr::LOCALHOST, 53).into());
        // It knows lists, and no host.
        let _named = Lists::nameless((Ipv4Addr::new(127, 0, 0, 2), 53).into());
        let options = "-H 192.0.2.25 -n 127.0.0.2 -s listed2.test";
        let line = "CHECK_RBL CRITICAL - 192.0.2.25 (mail.test) BLACKLISTED on 1 server of 1 (listed2.test (127.0.0.2)) | servers=1;0;0 time=T;;";
        assert_eq!(theirs(options), (2, line.to_owned()));
        assert_eq!(ours(options).0, (2, line.to_owned()));
    });
}

/// A list that does not answer the resolver answers those who ask it themselves. Debian's has no `-A`; that of
/// 1.8.1 says `-A not yet implemented`.
#[test]
fn the_lists_own_servers_are_asked() {
    on_private_network(|| {
        let folder = tempfile::tempdir().expect("a folder for the test can be made");
        resolve_with_loopback(folder.path());
        let _lists = Lists::start((Ipv4Addr::LOCALHOST, 53).into());
        let options = "-H 192.0.2.25 -s own.test";
        let ((code, _), below) = ours(options);
        assert!(code == 3 && below.contains("does not answer public resolvers"), "{below}");
        let listed = "CHECK_RBL CRITICAL - 192.0.2.25 (mail.test) BLACKLISTED on 1 server of 1 (own.test (127.0.0.2)) | servers=1;0;0 time=T;;";
        assert_eq!(ours(&format!("{options} -A")).0, (2, listed.to_owned()));
        assert_eq!(theirs(&format!("{options} -A")), (3, "Usage: check_rbl [OPTIONS]".to_owned()));
    });
}

/// Debian's ini file of 207 lists, served by Repute, and one served by rbldnsd; the resolver is Unbound.
#[test]
fn debians_lists_behind_a_real_resolver_come_to_the_same() {
    on_private_network(|| {
        let ini = fs::read_to_string(INI).expect("./test installs monitoring-plugins-contrib");
        let zones: Vec<&str> =
            ini.lines().filter_map(|line| line.strip_prefix("server=")).collect();
        assert_eq!(zones.len(), 207, "as many as the manual says");
        let listed = ["bl.spamcop.net", "psbl.surriel.com", "zen.spamhaus.org"];
        let list = |zone: &&str| match listed.contains(zone) {
            true => "192.0.2.25 :2:listed\n2001:db8::25 :4:listed\n",
            false => "203.0.113.9 :2:somebody else\n",
        };
        let served: Vec<(&str, &str)> = zones.iter().map(|zone| (*zone, list(zone))).collect();
        let server = start_list_server(&served);
        resolve_with_loopback(server.folder());
        let _rbldnsd = start_rbldnsd(server.folder());
        let _unbound = start_unbound(server.folder(), &zones);

        let ini = format!("--extra-opts=rbl@{INI} --timeout=60");
        for (options, expected) in [
            (
                format!("-H 192.0.2.26 {ini}"),
                "CHECK_RBL OK - 192.0.2.26 (192.0.2.26) BLACKLISTED on 0 servers of 207 | ",
            ),
            (
                format!("-H 192.0.2.25 {ini} -w 3 -c 4"),
                "CHECK_RBL WARNING - 192.0.2.25 (192.0.2.25) BLACKLISTED on 3 servers of 207 (",
            ),
            (
                format!("-H 2001:db8::25 {ini} -s rb.example"),
                "CHECK_RBL CRITICAL - 2001:db8::25 (2001:db8::25) BLACKLISTED on 3 servers of 208 (",
            ),
            (
                "-H 192.0.2.25 -s rb.example".to_owned(),
                "CHECK_RBL CRITICAL - 192.0.2.25 (192.0.2.25) BLACKLISTED on 1 server of 1 (rb.example (127.0.0.9)) | servers=1;0;0 time=T;;",
            ),
            (
                "-H 192.0.2.26 -s rb.example -s bl.spamcop.net".to_owned(),
                "CHECK_RBL OK - 192.0.2.26 (192.0.2.26) BLACKLISTED on 0 servers of 2 | servers=0;0;0 time=T;;",
            ),
        ] {
            let (theirs, (ours, _)) = (theirs(&options), ours(&options));
            assert_eq!((ours.0, sorted(&ours.1)), (theirs.0, sorted(&theirs.1)), "{options}");
            assert!(ours.1.starts_with(expected), "{options}: {}", ours.1);
        }
    });
}

/// A line with its hits in the order of the alphabet: check_rbl shows them as they come.
fn sorted(line: &str) -> String {
    let mut words: Vec<&str> = line.split([' ', '(', ')']).collect();
    words.sort_unstable();
    words.join(" ")
}

/// Starts rbldnsd with a small list.
fn start_rbldnsd(folder: &Path) -> Daemon {
    let file = folder.join("rb");
    fs::write(
        &file,
        "$SOA 60 ns.example. admin.example. 1 600 300 86400 60\n127.0.0.2\n192.0.2.25 :9:listed\n",
    )
    .expect("the test's folder is writable");
    // It reads its data as the user it becomes.
    let open = fs::Permissions::from_mode(0o755);
    fs::set_permissions(folder, open).expect("the test's folder is ours");
    let mut command = Command::new("rbldnsd");
    command.args(["-n", "-u", "nobody", "-b", &format!("{ADDRESS}/{RBLDNSD_PORT}")]);
    let mut rbldnsd = Daemon::start(command.arg(format!("rb.example:ip4set:{}", file.display())));
    rbldnsd.wait_for("started");
    rbldnsd
}

/// Starts Unbound, which asks Repute for these zones and rbldnsd for its own. It does not minimise names: that
/// rbldnsd denies what lies between its entries is not what is tested here.
pub(crate) fn start_unbound(folder: &Path, zones: &[&str]) -> Daemon {
    let stub = |zone: &str, port: u16| {
        format!("stub-zone:\n  name: \"{zone}\"\n  stub-addr: {ADDRESS}@{port}\n")
    };
    let stubs: String = zones.iter().map(|zone| stub(zone, PORT)).collect();
    let file = folder.join("unbound.conf");
    fs::write(&file, format!("{UNBOUND}{stubs}{}", stub("rb.example", RBLDNSD_PORT)))
        .expect("the test's folder is writable");
    let mut unbound = Daemon::start(Command::new("unbound").arg("-d").arg("-c").arg(&file));
    unbound.wait_for("start of service");
    unbound
}

/// Where rbldnsd listens.
const RBLDNSD_PORT: u16 = 5301;
/// Debian's plugin.
const CHECK_RBL: &str = "/usr/lib/nagios/plugins/check_rbl";
/// Debian's lists for it.
const INI: &str = "/etc/nagios-plugins/check_rbl.ini";
/// Unbound without files, other users, and a network; what is not served is denied at once.
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
  qname-minimisation: no
  local-data: \"mail.example. A 192.0.2.25\"
  local-data: \"clean.example. A 192.0.2.26\"
  local-zone: \"2.0.192.in-addr.arpa.\" static
  local-zone: \"8.b.d.0.1.0.0.2.ip6.arpa.\" static
remote-control:
  control-enable: no
";

//! A resolver and name servers with zones of a test's own: what lists, mail domains and resolvers' checks
//! look like from outside.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::daemon::Daemon;
use crate::network::run;

/// The port of [`start_nsd`].
pub(crate) const NSD: u16 = 5302;

/// The port of [`start_rbldnsd`].
pub(crate) const RBLDNSD: u16 = 5303;

/// A port at which nobody listens.
pub(crate) const NOBODY: u16 = 9;

/// Starts NSD with zones, each with its records below a SOA and an NS.
pub(crate) fn start_nsd(folder: &Path, zones: &[(&str, &str)]) -> Daemon {
    let path = folder.display();
    let mut config = format!(
        "server:\n  ip-address: 127.0.0.1@{NSD}\n  username: \"\"\n  zonesdir: \"{path}\"\n  \
         pidfile: \"\"\n  xfrdfile: \"\"\n  zonelistfile: \"{path}/zones\"\n  database: \"\"\n  \
         minimal-responses: yes\n  rrl-ratelimit: 0\n\
         remote-control:\n  control-enable: no\n"
    );
    for (zone, records) in zones {
        let file = format!("{zone}.zone");
        config.push_str(&format!("zone:\n  name: \"{zone}\"\n  zonefile: \"{file}\"\n"));
        let text = format!(
            "$ORIGIN {zone}.\n$TTL 300\n@ SOA ns.test. host.test. 1 3600 600 86400 300\n@ NS ns.test.\n{records}"
        );
        fs::write(folder.join(file), text).expect("the test's folder is writable");
    }
    let file = folder.join("nsd.conf");
    fs::write(&file, config).expect("the test's folder is writable");
    let mut nsd = Daemon::start(Command::new("nsd").arg("-d").arg("-c").arg(&file));
    nsd.wait_for("nsd started");
    nsd
}

/// Starts rbldnsd with lists, each of a type.
pub(crate) fn start_rbldnsd(folder: &Path, lists: &[(&str, &str, &str)]) -> Daemon {
    // It gives root up before it reads.
    run("chmod", &["755", &folder.to_string_lossy()]);
    let bind = format!("127.0.0.1/{RBLDNSD}");
    let mut command = Command::new("rbldnsd");
    command.args(["-n", "-u", "nobody", "-b", &bind, "-w"]).arg(folder);
    for (zone, kind, list) in lists {
        let file = format!("{zone}.list");
        fs::write(folder.join(&file), list).expect("the test's folder is writable");
        command.arg(format!("{zone}:{kind}:{file}"));
    }
    let mut rbldnsd = Daemon::start(&mut command);
    rbldnsd.wait_for("started");
    rbldnsd
}

/// Starts Unbound on 127.0.0.1, port 53. It asks these zones at these ports, knows nothing else, and has some
/// lines of configuration more.
pub(crate) fn start_unbound(folder: &Path, zones: &[(&str, u16)], more: &str) -> Daemon {
    let stubs: String = zones
        .iter()
        .map(|(zone, port)| {
            format!("stub-zone:\n  name: \"{zone}\"\n  stub-addr: 127.0.0.1@{port}\n")
        })
        .collect();
    let file = folder.join("unbound.conf");
    fs::write(&file, format!("{SERVER}{more}{stubs}")).expect("the test's folder is writable");
    let mut unbound = Daemon::start(Command::new("unbound").arg("-d").arg("-c").arg(&file));
    unbound.wait_for("start of service");
    unbound
}

/// What does not depend on the test: no files, no other users, no network beyond loopback, no root.
const SERVER: &str = "\
remote-control:
  control-enable: no
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
  use-caps-for-id: yes
";

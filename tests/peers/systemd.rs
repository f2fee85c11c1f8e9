//! systemd opens the sockets and starts the server with the first query, which is answered.

use std::fs;
use std::process::Command;

use crate::daemon::Daemon;
use crate::dig::ask;
use crate::list_server::REPUTE;
use crate::network::{on_private_network, run};

#[test]
fn the_query_that_starts_the_server_is_answered() {
    on_private_network(|| {
        let folder = tempfile::tempdir().expect("a folder for the test can be made");
        let config = folder.path().join("repute.toml");
        fs::write(&config, CONFIG).expect("the test's folder is writable");
        fs::write(folder.path().join("list"), "192.0.2.7\n").expect("it is writable");

        let mut systemd = Command::new("systemd-socket-activate");
        systemd.args(["--datagram", "--listen=127.0.0.1:5300", REPUTE, "--config"]).arg(&config);
        let mut server = Daemon::start(systemd.arg("serve"));
        server.wait_for("Listening on");
        let patient = ["+short", "+timeout=60", "7.2.0.192.bl.example", "A"];
        assert_eq!(ask(&patient), "127.0.0.2\n");
        server.wait_for("answers at 127.0.0.1:5300");

        // The sockets are systemd's: what the configuration says of them needs no restart either.
        let changed = CONFIG.replace("192.0.2.53:53", "192.0.2.54:53").replace("bl.", "other.");
        fs::write(&config, changed).expect("it is writable");
        let file = config.to_string_lossy();
        let told = run(REPUTE, &["reload", "--config", &file]);
        assert!(told.contains("other.example: 1 entries") && !told.contains("restart"), "{told}");
        assert_eq!(ask(&["+short", "7.2.0.192.other.example", "A"]), "127.0.0.2\n");
    });
}

#[test]
fn the_shipped_units_are_understood_and_hold_the_folders_of_the_manual() {
    let folder = tempfile::tempdir().expect("a folder for the test can be made");
    // systemd looks whether the program is there.
    let service = SERVICE.replace("/usr/bin/repute", REPUTE);
    assert_ne!(service, SERVICE);
    let monitor = MONITOR.replace("/usr/bin/repute", REPUTE);
    let units = [
        ("repute.service", &*service),
        ("repute.socket", SOCKET),
        ("repute-monitor.service", &*monitor),
    ];
    let paths = units.map(|(name, text)| {
        let path = folder.path().join(name);
        fs::write(&path, text).expect("the test's folder is writable");
        path
    });
    let verify = Command::new("systemd-analyze").arg("verify").args(&paths).output();
    let verify = verify.expect("systemd-analyze runs");
    let said = String::from_utf8_lossy(&[verify.stdout, verify.stderr].concat()).into_owned();
    // It also tells of units of the machine itself.
    let ours: Vec<_> = said.lines().filter(|line| line.contains("repute")).collect();
    assert!(ours.is_empty(), "{said}");
    // What the manual has the server write must be writable under `ProtectSystem=strict`.
    assert!(OPERATIONS.contains("destination = \"/var/log/repute/"));
    assert!(service.contains("\nLogsDirectory=repute\n"));
    assert!(service.contains("\nStateDirectory=repute\n"));
}

/// The unit that is shipped.
const SERVICE: &str = include_str!("../../systemd/repute.service");
/// The unit of the monitor.
const MONITOR: &str = include_str!("../../systemd/repute-monitor.service");
/// Its sockets.
const SOCKET: &str = include_str!("../../systemd/repute.socket");
/// The chapter on operations.
const OPERATIONS: &str = include_str!("../../doc/operations.md");

/// `listen` names an address that this machine does not have: it must not be used.
const CONFIG: &str = "\
[server]
listen = [\"192.0.2.53:53\"]
data-dir = \"data\"
metrics = \"\"

[[zone]]
apex = \"bl.example\"

[[zone.source]]
kind = \"addresses\"
files = [\"list\"]
";

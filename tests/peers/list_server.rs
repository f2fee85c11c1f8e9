//! The list server under test, serving small lists from files.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::daemon::Daemon;
use crate::dig::ask;

/// Where the list server listens.
pub(crate) const ADDRESS: &str = "127.0.0.1";

/// The port it listens at; 53 is the resolver's.
pub(crate) const PORT: u16 = 5300;

/// A running list server and the folder of its lists.
pub(crate) struct ListServer {
    /// The server; it ends with this value.
    _process: Daemon,
    /// The lists, one file each, named as the zone; other files of the test may lie here too.
    folder: TempDir,
}

/// Starts the list server with these zones of addresses, each with the text of its list in rbldnsd's
/// format.
pub(crate) fn start_list_server(lists: &[(&str, &str)]) -> ListServer {
    start_list_server_of("addresses", lists)
}

/// Starts the list server with these zones of a kind.
pub(crate) fn start_list_server_of(kind: &str, lists: &[(&str, &str)]) -> ListServer {
    let folder = tempfile::tempdir().expect("a folder for the test can be made");
    let mut config = format!("{SERVER}listen = [\"{ADDRESS}:{PORT}\"]\n");
    for (zone, list) in lists {
        config.push_str(&ZONE.replace("APEX", zone).replace("KIND", kind));
        fs::write(folder.path().join(zone), list).expect("the test's folder is writable");
    }
    let file = folder.path().join("repute.toml");
    fs::write(&file, config).expect("the test's folder is writable");
    ListServer { _process: serve(&file), folder }
}

/// Runs `repute serve` with a configuration and waits until it is ready.
pub(crate) fn serve(config: &Path) -> Daemon {
    start_and_wait(Command::new(REPUTE).arg("--config").arg(config).arg("serve"))
}

/// Runs `repute serve` as somebody who tries it does: without a configuration, in an empty folder.
pub(crate) fn serve_without_configuration(folder: &Path) -> Daemon {
    start_and_wait(Command::new(REPUTE).arg("serve").current_dir(folder))
}

/// Starts the server and waits until it says that it is ready, in the words of sd_notify(3).
fn start_and_wait(command: &mut Command) -> Daemon {
    let folder = tempfile::tempdir().expect("a folder for the test can be made");
    let address = folder.path().join("ready");
    let ready = UnixDatagram::bind(&address).expect("the folder is new");
    ready.set_read_timeout(Some(PATIENCE)).expect("a time limit can be set");

    let process = Daemon::start(command.env("NOTIFY_SOCKET", address));
    let mut buffer = [0; 4096];
    loop {
        let length = match ready.recv(&mut buffer) {
            // The machine was halted and goes on (signal(7)).
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            received => received.expect("the list server gets ready"),
        };
        if buffer[..length].split(|&byte| byte == b'\n').any(|line| line == b"READY=1") {
            return process;
        }
    }
}

impl ListServer {
    /// The folder of the lists.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Replaces a zone's list as an editor does.
    pub(crate) fn edit(&self, zone: &str, list: &str) {
        let beside = self.folder.path().join("edited");
        fs::write(&beside, list).expect("the test's folder is writable");
        fs::rename(beside, self.folder.path().join(zone)).expect("both are in one folder");
    }
}

/// Waits until a name has an address in the list server's own answers.
pub(crate) fn wait_until_listed(name: &str) {
    let deadline = Instant::now() + PATIENCE;
    while ask(&["+short", name, "A"]).is_empty() {
        assert!(Instant::now() < deadline, "{name} was never listed");
    }
}

/// The program under test.
pub(crate) const REPUTE: &str = env!("CARGO_BIN_EXE_repute");

/// How long the server may take to get ready: long enough for a machine under load.
const PATIENCE: Duration = Duration::from_secs(60);

/// The configuration before the address.
pub(crate) const SERVER: &str = "\
[server]
data-dir = \"data\"
metrics = \"\"
";

/// The configuration of one zone.
pub(crate) const ZONE: &str = "
[[zone]]
apex = \"APEX\"
name-servers = [\"ns.example\"]

[[zone.source]]
kind = \"KIND\"
format = \"rbldnsd\"
files = [\"APEX\"]
";

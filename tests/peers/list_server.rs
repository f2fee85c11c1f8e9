//! The list server under test, serving small lists from files.

use std::fs;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use crate::daemon::Daemon;

/// Where the list server listens.
pub(crate) const ADDRESS: &str = "127.0.0.1";

/// The port it listens at; 53 is the resolver's.
pub(crate) const PORT: u16 = 5300;

/// A running list server and the folder of its lists.
pub(crate) struct ListServer {
    /// The server; it ends with this value.
    process: Daemon,
    /// The lists, one file each, named as the zone; other files of the test may lie here too.
    folder: TempDir,
}

/// Starts the list server with these zones, each with the text of its list in rbldnsd's format.
pub(crate) fn start_list_server(lists: &[(&str, &str)]) -> ListServer {
    let folder = tempfile::tempdir().expect("a folder for the test can be made");
    let mut command = Command::new("rbldnsd");
    command
        .args(["-n", "-c", "1", "-u", "postfix", "-b"])
        .arg(format!("{ADDRESS}/{PORT}"))
        .arg("-w")
        .arg(folder.path());
    run_chmod(folder.path());
    for (zone, list) in lists {
        fs::write(
            folder.path().join(zone),
            format!("$SOA 60 a.x b.x 0 600 300 8600 60\n$NS 60 a.x\n{list}"),
        )
        .expect("the test's folder is writable");
        command.arg(format!("{zone}:ip4trie:{zone}")).arg(format!("{zone}:ip6trie:{zone}"));
    }
    let mut process = Daemon::start(&mut command);
    process.wait_for("started");
    ListServer { process, folder }
}

fn run_chmod(p: &Path) {
    crate::network::run("chmod", &["755", &p.to_string_lossy()]);
}

impl ListServer {
    /// The folder of the lists.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Replaces a zone's list and waits until it is served.
    pub(crate) fn edit(&mut self, zone: &str, list: &str) {
        fs::write(
            self.folder.path().join(zone),
            format!("$SOA 60 a.x b.x 0 600 300 8600 60\n$NS 60 a.x\n{list}"),
        )
        .expect("the test's folder is writable");
        self.process.wait_for("reloaded");
    }
}

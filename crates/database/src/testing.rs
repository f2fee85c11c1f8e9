//! Databases of a test's own, SQLite and PostgreSQL, which go with it.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::{Database, Place};

pub mod old;

/// Runs a test on a fresh database of each kind; where tests run without peers, on SQLite only.
pub async fn on_each(test: impl AsyncFn(Database)) {
    on_each_place(async |place| test(Database::open(&place).await.expect("it opens")).await).await;
}

/// As [`on_each`], on databases of [`open_narrow`].
pub async fn on_each_narrow(test: impl AsyncFn(Database)) {
    on_each_place(async |place| test(open_narrow(&place).await).await).await;
}

/// Runs a test on a fresh place of each kind.
async fn on_each_place(test: impl AsyncFn(Place)) {
    let folder = tempfile::tempdir().expect("a folder");
    test(Place::File(folder.path().join("registry.db"))).await;
    if let Some(server) = Server::start() {
        test(server.place()).await;
    }
}

/// Opens a database with one connection to read with: whoever holds it and wants another waits for himself, which with
/// more connections happens only when enough do so at once.
///
/// # Panics
/// If it cannot be opened.
pub async fn open_narrow(place: &Place) -> Database {
    Database::open_with(place, 1).await.expect("it opens")
}

/// A running server of PostgreSQL; it ends with this value.
#[derive(Debug)]
pub struct Server {
    /// The server.
    process: Child,
    /// Its data and its socket.
    folder: TempDir,
}

impl Server {
    /// Starts one that listens on a socket in its folder only; none where tests run without peers.
    pub fn start() -> Option<Server> {
        if std::env::var_os("REPUTE_NO_PEERS").is_some() {
            return None;
        }
        let programs = programs();
        let folder = tempfile::tempdir().expect("a folder");
        let data = folder.path().join("data");
        // The folder is nobody's if we are root.
        fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).expect("it is ours");
        if is_root() {
            run(Command::new("chown").arg("nobody").arg(folder.path()));
        }
        let mut init = as_somebody(programs.join("initdb"));
        init.arg("--pgdata").arg(&data).args(["--auth=trust", "--username=repute", "--no-sync"]);
        run(init.args(["--encoding=UTF8", "--locale=C"]));
        let process = Server::command(&programs, folder.path()).spawn();
        let server = Server { process: process.expect("PostgreSQL starts"), folder };
        server.wait(&programs);
        Some(server)
    }

    /// Where its database is.
    pub fn place(&self) -> Place {
        self.url().parse().expect("it is a place")
    }

    /// The same as it is written in a configuration.
    pub fn url(&self) -> String {
        let host = self.folder.path().to_string_lossy().replace('/', "%2F");
        format!("postgres://repute@{host}/postgres")
    }

    /// Stops it, as an operator would; it can be started again.
    pub fn stopped(mut self) -> Stopped {
        let stop = ["-s", "INT", &self.process.id().to_string()];
        run(Command::new("kill").args(stop));
        self.process.wait().expect("it ends");
        Stopped(self)
    }

    /// The server's command.
    fn command(programs: &Path, folder: &Path) -> Command {
        let mut server = as_somebody(programs.join("postgres"));
        server.arg("-D").arg(folder.join("data")).arg("-k").arg(folder);
        // Whether it survives the loss of power is not what is tested.
        server.args(["-c", "listen_addresses=", "-c", "fsync=off"]);
        server.stdout(Stdio::null()).stderr(Stdio::null());
        server
    }

    /// Waits until it answers.
    fn wait(&self, programs: &Path) {
        let deadline = Instant::now() + PATIENCE;
        let is_ready = || {
            let mut command = Command::new(programs.join("pg_isready"));
            command.arg("--host").arg(self.folder.path()).stdout(Stdio::null());
            command.status().is_ok_and(|status| status.success())
        };
        while !is_ready() {
            assert!(Instant::now() < deadline, "PostgreSQL does not answer");
            thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Its other processes end when this one does, and nothing in the folder is needed.
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// A server that was stopped, with all its data.
#[derive(Debug)]
pub struct Stopped(Server);

impl Stopped {
    /// Starts it again.
    pub fn again(self) -> Server {
        let (programs, mut server) = (programs(), self.0);
        let process = Server::command(&programs, server.folder.path()).spawn();
        server.process = process.expect("PostgreSQL starts");
        server.wait(&programs);
        server
    }
}

/// Whether we are root, as whom PostgreSQL does not run.
fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|meta| std::os::unix::fs::MetadataExt::uid(&meta) == 0)
}

/// A program that does not run as root.
fn as_somebody(program: PathBuf) -> Command {
    let mut command = match is_root() {
        true => {
            let mut command = Command::new("setpriv");
            command.args(["--reuid=nobody", "--regid=nogroup", "--clear-groups"]).arg(program);
            command
        }
        false => Command::new(program),
    };
    command.current_dir("/").stdin(Stdio::null());
    command
}

/// Where Debian has PostgreSQL's programs: of each version a folder, of which the latest counts.
fn programs() -> PathBuf {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let latest = versions.map(|entry| entry.path()).max();
    latest.expect("PostgreSQL is there: `./test` installs it").join("bin")
}

/// Runs a program to its end, which must be a good one.
fn run(command: &mut Command) {
    let output = command.output().expect("the program is there");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// How long it may take to start on a machine under load.
const PATIENCE: Duration = Duration::from_secs(60);

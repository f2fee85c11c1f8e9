//! Databases of a test's own, SQLite and PostgreSQL, which go with it.

use std::fs::{self, Permissions};
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};
use tempfile::TempDir;
use tokio::sync::OnceCell;

use crate::{Database, Place};

pub mod acme_dns;
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
    let folder = folder();
    test(fresh_file(&folder).await).await;
    let Some(shared) = shared().await else { return };
    let (name, place) = shared.copy("empty").await;
    test(place).await;
    shared.say(&format!("DROP DATABASE {name} WITH (FORCE)")).await;
}

/// A database that somebody prepared, of which each part of a test gets a copy: what one changes no other sees.
#[derive(Debug)]
pub struct Prepared(Kept);

/// What copies are made of.
#[derive(Debug)]
enum Kept {
    /// The file.
    File(Vec<u8>),
    /// Another database of the server, by its name.
    Server(&'static Shared, String),
}

/// Prepares a fresh database of each kind, and runs a test with what came of that.
pub async fn on_each_prepared<T>(
    prepare: impl AsyncFn(Database) -> T,
    test: impl AsyncFn(&Prepared, T),
) {
    let filled = async |place: &Place| {
        let database = open_narrow(place).await;
        let made = prepare(database.clone()).await;
        // Only what nobody has open is whole.
        database.close().await;
        made
    };
    let folder = folder();
    let place = fresh_file(&folder).await;
    let made = filled(&place).await;
    let bytes = fs::read(folder.path().join("registry.db")).expect("it is there");
    test(&Prepared(Kept::File(bytes)), made).await;
    let Some(shared) = shared().await else { return };
    let (name, place) = shared.copy("empty").await;
    let made = filled(&place).await;
    test(&Prepared(Kept::Server(shared, name.clone())), made).await;
    shared.say(&format!("DROP DATABASE {name} WITH (FORCE)")).await;
}

impl Prepared {
    /// Runs a part of a test on a copy.
    pub async fn with<T>(&self, test: impl AsyncFnOnce(Database) -> T) -> T {
        match &self.0 {
            Kept::File(bytes) => {
                let folder = folder();
                let path = folder.path().join("registry.db");
                fs::write(&path, bytes).expect("it is written");
                test(open_narrow(&Place::File(path)).await).await
            }
            Kept::Server(shared, name) => {
                let (copy, place) = shared.copy(name).await;
                let done = test(open_narrow(&place).await).await;
                shared.say(&format!("DROP DATABASE {copy} WITH (FORCE)")).await;
                done
            }
        }
    }
}

/// A folder for a database: in memory, where that has room, as each commit and each copy waits for a disk.
pub fn folder() -> TempDir {
    let memory = Path::new("/dev/shm");
    match has_room(memory) {
        true => tempfile::tempdir_in(memory),
        false => tempfile::tempdir(),
    }
    .expect("a folder")
}

/// Whether a place has room for the databases of some tests at once: in containers it is often a small one.
fn has_room(place: &Path) -> bool {
    let asked = Command::new("df").args(["--block-size=1M", "--output=avail"]).arg(place).output();
    let told = asked.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    let free = told.ok().and_then(|told| told.lines().nth(1)?.trim().parse::<u64>().ok());
    free.is_some_and(|free| free > 2048)
}

/// A new database of SQLite in a folder, with the schema of this version and nothing in it.
///
/// # Panics
/// If it cannot be made.
pub async fn fresh_file(folder: &TempDir) -> Place {
    static BYTES: OnceCell<Vec<u8>> = OnceCell::const_new();
    let make = async || {
        let folder = self::folder();
        let path = folder.path().join("registry.db");
        let database = open_narrow(&Place::File(path.clone())).await;
        // The last who closes it takes what stands beside the file into it.
        database.close().await;
        fs::read(path).expect("it is there")
    };
    let path = folder.path().join("registry.db");
    fs::write(&path, BYTES.get_or_init(make).await).expect("it is written");
    fs::set_permissions(&path, Permissions::from_mode(0o600)).expect("it is ours");
    Place::File(path)
}

/// The server that all tests of this process share; none where tests run without peers.
async fn shared() -> Option<&'static Shared> {
    static SHARED: OnceCell<Option<Shared>> = OnceCell::const_new();
    SHARED.get_or_init(Shared::start).await.as_ref()
}

/// A server for many tests. Each has a database of its own, a copy of one with the schema: that takes a moment where a
/// server for each would take a second.
#[derive(Debug)]
struct Shared {
    /// Where it is, and its first database.
    place: PgConnectOptions,
    /// It is never dropped, and ends with this process.
    _server: Server,
}

impl Shared {
    /// Starts one and makes what is copied.
    async fn start() -> Option<Shared> {
        let server = Server::start()?;
        let place = server.url().parse().expect("it is a place");
        let shared = Shared { place, _server: server };
        shared.say("CREATE DATABASE empty").await;
        let empty = Place::Server(Box::new(shared.place.clone().database("empty")));
        open_narrow(&empty).await.close().await;
        Some(shared)
    }

    /// A copy of a database, for a test alone: what it is called and where it is.
    async fn copy(&self, of: &str) -> (String, Place) {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("test_{}", COUNT.fetch_add(1, Ordering::Relaxed));
        self.say(&format!("CREATE DATABASE {name} TEMPLATE {of}")).await;
        let place = Place::Server(Box::new(self.place.clone().database(&name)));
        (name, place)
    }

    /// Has the server do something.
    async fn say(&self, sql: &str) {
        let mut connection = PgConnection::connect_with(&self.place).await.expect("it answers");
        connection.execute(AssertSqlSafe(sql.to_owned())).await.expect("it is done");
        connection.close().await.expect("it is closed");
    }
}

/// Opens a database with one connection to read with: whoever holds it and wants another waits for himself, which with
/// more connections happens only when enough do so at once.
///
/// # Panics
/// If it cannot be opened.
pub async fn open_narrow(place: &Place) -> Database {
    Database::open_with(place, 1, 1).await.expect("it opens")
}

/// A running server of PostgreSQL; it ends with this value, or with this process, however that ends.
#[derive(Debug)]
pub struct Server {
    /// The guard of the server, who outlives this process if that is killed: he ends the server by a signal that he is told
    /// in a line. Once nobody can tell him one any more he ends it at once, and takes its folder away. A server that is
    /// killed instead would leave its shared memory to the system.
    guard: Child,
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
        let folder = folder();
        let data = folder.path().join("data");
        // The folder is nobody's if we are root.
        fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).expect("it is ours");
        if is_root() {
            run(Command::new("chown").arg("nobody").arg(folder.path()));
        }
        let mut init = as_somebody(programs.join("initdb"));
        init.arg("--pgdata").arg(&data).args(["--auth=trust", "--username=repute", "--no-sync"]);
        run(init.args(["--encoding=UTF8", "--locale=C"]));
        let guard = Server::command(&programs, folder.path()).spawn();
        let server = Server { guard: guard.expect("PostgreSQL starts"), folder };
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
        let mut told = self.guard.stdin.take().expect("it is a pipe");
        told.write_all(b"INT\n").expect("the guard is there");
        self.guard.wait().expect("it ends");
        Stopped(self)
    }

    /// The command of the server, with its guard.
    fn command(programs: &Path, folder: &Path) -> Command {
        let mut server = as_somebody(programs.join("postgres"));
        server.arg("-D").arg(folder.join("data")).arg("-k").arg(folder);
        // Whether it survives the loss of power is not what is tested.
        server.args(["-c", "listen_addresses=", "-c", "fsync=off", "-c", "max_connections=400"]);
        // Its folder may lie in memory.
        server.args(["-c", "max_wal_size=128MB"]);
        let mut guard = Command::new("sh");
        guard.args(["-c", GUARD]).arg(folder).arg(server.get_program()).args(server.get_args());
        guard.current_dir("/").stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        guard
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
        // Whoever is told nothing more ends the server, and takes the folder.
        drop(self.guard.stdin.take());
        drop(self.guard.wait());
    }
}

/// A server that was stopped, with all its data.
#[derive(Debug)]
pub struct Stopped(Server);

impl Stopped {
    /// Starts it again.
    pub fn again(self) -> Server {
        let (programs, mut server) = (programs(), self.0);
        let guard = Server::command(&programs, server.folder.path()).spawn();
        server.guard = guard.expect("PostgreSQL starts");
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

/// Starts the server that its arguments say, and ends it by the signal of the first line that comes, or if none comes at
/// once, with the folder that is its name. A shell has nothing of its own to end before that.
const GUARD: &str = r#"trap '' INT TERM; "$@" & read -r signal && kill -s "$signal" $! && wait && exit
kill -s QUIT $! 2>/dev/null; wait; rm -rf "$0""#;
/// How long it may take to start on a machine under load.
const PATIENCE: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether the system has a piece of shared memory, by its number.
    fn is_shared(number: &str) -> bool {
        let all = fs::read_to_string("/proc/sysvipc/shm").expect("it is read");
        all.lines().any(|line| line.split_whitespace().nth(1) == Some(number))
    }

    #[test]
    fn a_server_leaves_neither_memory_nor_a_folder() {
        for is_stopped in [false, true] {
            let Some(server) = Server::start() else { return };
            let folder = server.folder.path().to_owned();
            // Its seventh line is the key of its shared memory, and its number.
            let told = fs::read_to_string(folder.join("data/postmaster.pid")).expect("it runs");
            let memory = told.lines().nth(6).expect("a seventh line");
            let memory = memory.split_whitespace().nth(1).expect("a number").to_owned();
            assert!(is_shared(&memory), "{told}");
            match is_stopped {
                true => {
                    let stopped = server.stopped();
                    assert!(folder.exists() && !is_shared(&memory), "all its data is there");
                    drop(stopped.again());
                }
                false => drop(server),
            }
            assert!(!is_shared(&memory) && !folder.exists());
        }
    }
}

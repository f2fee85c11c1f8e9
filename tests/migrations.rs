//! Databases of former versions under the real binary, which is killed while it brings them to this one: whenever that is,
//! the next start has all of the data and the schema of today.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use repute_database::testing::{Server, old};
use repute_database::{Database, Place};
use tokio::runtime::Runtime;

/// The program, about to open a database.
fn opening(database: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_repute"));
    command.args(["registry", "lists", "--database", database]).stdin(Stdio::null());
    command
}

/// Starts it, for somebody who kills it.
fn start(database: &str) -> Child {
    let mut command = opening(database);
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the program runs")
}

/// Kills it, as a power failure would; whether it was still at work.
fn kill(mut child: Child) -> bool {
    let is_at_work = child.try_wait().expect("it is ours").is_none();
    child.kill().expect("it is killed, or has ended");
    child.wait().expect("it ends");
    is_at_work
}

/// Waits until something is so; fails after a time that only a broken program needs.
fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !is_so() {
        assert!(Instant::now() < deadline, "{what}: it never came");
        std::thread::yield_now();
    }
}

/// After a kill: the program starts again, and nothing is lost. Which version the kill had left.
fn goes_on(
    runtime: &Runtime,
    (database, place): (&str, &Place),
    before: &old::Content,
    today: &[String],
    when: &str,
) -> i64 {
    let left = runtime.block_on(old::version(place));
    let Output { status, stdout, stderr } = opening(database).output().expect("it runs");
    let (stdout, stderr) = (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    assert!(status.success(), "{when}: {stderr}");
    assert!(stdout.contains("bl.example") && stdout.contains("wl.example"), "{when}: {stdout}");
    assert_eq!(runtime.block_on(old::schema(place)), today, "{when}");
    let lost = old::lost(before, &runtime.block_on(old::content(place)));
    assert_eq!(lost, [""; 0], "{when}");
    left
}

/// The schema of a fresh database.
fn today(runtime: &Runtime, place: &Place) -> Vec<String> {
    runtime.block_on(async {
        Database::open(place).await.expect("it is made").close().await;
        old::schema(place).await
    })
}

#[test]
fn a_migration_of_sqlite_that_is_killed_goes_on_where_it_was() {
    let runtime = Runtime::new().expect("a runtime");
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name);
    let today = today(&runtime, &Place::File(path("today.db")));
    let mut left = Vec::new();
    for version in [1, 4, 9, old::versions() - 1] {
        let (origin, file) = (path(&format!("{version}.db")), path("killed.db"));
        runtime.block_on(old::make(&Place::File(origin.clone()), version));
        let before = runtime.block_on(old::content(&Place::File(origin.clone())));
        let text = file.to_str().expect("it is text");
        let log = path("killed.db-wal");
        // Each commit makes the log longer: it is killed at the first byte, then later and later, until it is done first.
        for step in 0.. {
            for ending in ["", "-wal", "-shm"] {
                let _ = fs::remove_file(path(&format!("killed.db{ending}")));
            }
            fs::copy(&origin, &file).expect("it is copied");
            let mut child = start(text);
            let length = |log: &Path| fs::metadata(log).map_or(0, |log| log.len());
            until("it writes or ends", || {
                length(&log) > step * STEP || child.try_wait().expect("it is ours").is_some()
            });
            let is_at_work = kill(child);
            let when = format!("version {version} killed behind {} bytes", step * STEP);
            let place = Place::File(file.clone());
            left.push(goes_on(&runtime, (text, &place), &before, &today, &when));
            if !is_at_work {
                break;
            }
        }
    }
    let between = left.iter().filter(|&&left| left > 1 && left < old::versions()).count();
    assert!(between > 5, "it was killed in the middle: {left:?}");
}

#[test]
fn a_migration_of_postgresql_that_is_killed_goes_on_where_it_was() {
    let Some(server) = Server::start() else { return };
    let runtime = Runtime::new().expect("a runtime");
    let at = |name: &str| {
        runtime.block_on(old::copy(&server.place(), name));
        let url = server.url().replace("/postgres", &format!("/{name}"));
        let place: Place = url.parse().expect("a place");
        (url, place)
    };
    // The empty one is copied first: what is copied must not be in use.
    let fresh = at("today");
    let today = today(&runtime, &fresh.1);
    for (version, table, stands_at) in [
        // What somebody else has in his hands stops the migration that wants it, in its middle.
        (1, "actors", 1),
        (1, "organisations", 4),
        (4, "accounts", 9),
        (7, "removals", 7),
        (12, "entries", 12),
        (13, "lists", 13),
        (15, "outbox", 15),
        (16, "publications", 16),
    ] {
        let (url, place) = at(&format!("v{version}_{table}"));
        runtime.block_on(old::make(&place, version));
        let before = runtime.block_on(old::content(&place));
        let mut held = runtime.block_on(old::hold(&place, table));
        let child = start(&url);
        until("it waits for the table", || runtime.block_on(held.is_wanted()));
        assert!(kill(child), "it waited");
        assert_eq!(runtime.block_on(old::version(&place)), stands_at, "before `{table}`");
        runtime.block_on(held.free());
        let when = format!("version {version} killed before `{table}`");
        goes_on(&runtime, (&url, &place), &before, &today, &when);
    }
}

/// How much longer the log is at each kill: a few of SQLite's pages, with their headers.
const STEP: u64 = 5 * 4_120;

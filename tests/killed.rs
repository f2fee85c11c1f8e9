//! Commands of the shell that take long, killed at moments that nobody chose, on SQLite and PostgreSQL: what was there
//! before is there, or what they were to bring, and nothing between; and they can be run again.
//!
//! A failure is tried again with the `SEED` that it prints.

#[path = "serve/random.rs"]
mod random;

use std::fs;
use std::net::Ipv4Addr;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use random::Random;
use repute_database::testing::Server;
use serde_json::Value;

/// The program about a database.
fn command(arguments: &[&str], database: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_repute"));
    command.args(arguments).args(["--database", database]).stdin(Stdio::null());
    command
}

/// Runs it to a good end; what it printed, and how long it took.
#[track_caller]
fn done(arguments: &[&str], database: &str) -> (String, Duration) {
    let begun = Instant::now();
    let Output { status, stdout, stderr } = command(arguments, database).output().expect("it runs");
    assert!(status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&stderr));
    (String::from_utf8(stdout).expect("it is text"), begun.elapsed())
}

/// Runs it and kills it after a part of a time; whether it was still at work.
fn killed(arguments: &[&str], database: &str, random: &mut Random, within: Duration) -> bool {
    let mut command = command(arguments, database);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it runs");
    random.pause(within);
    let is_at_work = child.try_wait().expect("it is ours").is_none();
    child.kill().expect("it is killed, or has ended");
    child.wait().expect("it ends");
    is_at_work
}

/// How many entries the list has, of a database whose audit log is whole.
#[track_caller]
fn entries(database: &str) -> u64 {
    let (verified, _) = done(&["registry", "verify"], database);
    assert!(verified.starts_with("the audit log is whole"), "{verified}");
    let (shown, _) = done(&["registry", "list", "show", "bl.example", "--json"], database);
    let shown: Value = serde_json::from_str(&shown).expect("it is JSON");
    shown["entries"].as_u64().expect("a number")
}

/// A file with so many addresses.
fn addresses(path: &Path, count: u32) -> String {
    let lines = (0..count).map(|i| format!("{}\n", Ipv4Addr::from(0x0a00_0000 + i)));
    fs::write(path, lines.collect::<String>()).expect("it is written");
    path.to_string_lossy().into_owned()
}

/// Kills imports, backups and restores on one database.
fn kill_each(database: &str) {
    let mut random = Random::new();
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name);
    let [few, many] = [("few", FEW), ("many", MANY)]
        .map(|(name, count)| addresses(&path(name), u32::try_from(count).expect("it is small")));
    done(&["registry", "list", "add", "bl.example"], database);
    done(&["registry", "import", "bl.example", &few, "--source", "few"], database);
    let backup = path("lists.backup").to_string_lossy().into_owned();
    done(&["backup", &backup], database);
    let good = fs::read(&backup).expect("it is there");

    // How long an import takes another database tells.
    let import = ["registry", "import", "bl.example", &many, "--source", "many"];
    let other = path("other.db").to_string_lossy().into_owned();
    done(&["restore", &backup], &other);
    let (_, long) = done(&import, &other);
    let mut at_work = 0;
    for _ in 0..KILLS {
        let is_at_work = killed(&import, database, &mut random, long);
        at_work += usize::from(is_at_work);
        let there = entries(database);
        assert!(there == FEW || there == MANY, "{there} entries");
        assert!(is_at_work || there == MANY, "what ended is done");
        if there == MANY {
            done(&["restore", &backup, "--force"], database);
        }
    }
    done(&import, database);
    assert_eq!(entries(database), MANY);

    // A backup in the place of an older one is that or this.
    let newer = path("newer.backup").to_string_lossy().into_owned();
    let (_, long) = done(&["backup", &newer], database);
    for _ in 0..KILLS {
        at_work += usize::from(killed(&["backup", &backup], database, &mut random, long));
        let bytes = fs::read(&backup).expect("it is there");
        if bytes != good {
            let restored = path("restored.db");
            done(&["restore", &backup], &restored.to_string_lossy());
            assert_eq!(entries(&restored.to_string_lossy()), MANY, "the newer one is whole");
            fs::remove_file(restored).expect("it is removed");
            fs::write(&backup, &good).expect("it is written");
        }
    }
    // What was left in the middle keeps nobody from the next one.
    done(&["backup", &backup], database);
    assert!(!path("lists.backup.part").exists());
    fs::write(&backup, &good).expect("it is written");

    // A restore in the place of what is there leaves that, or has all of it there.
    let (restore, anew) = (["restore", &backup, "--force"], ["restore", &newer, "--force"]);
    let (_, long) = done(&restore, database);
    for _ in 0..KILLS {
        done(&anew, database);
        let is_at_work = killed(&restore, database, &mut random, long);
        at_work += usize::from(is_at_work);
        let there = entries(database);
        assert!(there == FEW || there == MANY, "{there} entries");
        assert!(is_at_work || there == FEW, "what ended is done");
    }
    done(&restore, database);
    assert_eq!(entries(database), FEW);
    assert!(at_work > KILLS, "it was killed at work: {at_work} times");
}

#[test]
fn a_kill_at_any_moment_of_long_work_on_sqlite_leaves_nothing_half() {
    let folder = tempfile::tempdir().expect("a folder");
    kill_each(&folder.path().join("lists.db").to_string_lossy());
}

#[test]
fn a_kill_at_any_moment_of_long_work_on_postgresql_leaves_nothing_half() {
    let Some(server) = Server::start() else { return };
    kill_each(&server.url());
}

/// How many entries there are first.
const FEW: u64 = 1_000;
/// How many an import brings, those among them.
const MANY: u64 = 10_000;
/// How often each is killed.
const KILLS: usize = 4;

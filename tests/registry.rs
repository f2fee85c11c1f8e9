//! `repute registry` from outside, on SQLite and PostgreSQL: an import that is killed, and a move from one to the other.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use repute_database::entries::Named;
use repute_database::testing::Server;
use repute_database::{Database, Place, entries, lists};
use serde_json::Value;

/// Runs the program about a database.
fn repute(arguments: &[&str], database: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_repute"));
    command.args(arguments).args(["--database", database]).stdin(Stdio::null());
    command.output().expect("the program runs")
}

/// The same to a good end; what it printed.
#[track_caller]
fn done(arguments: &[&str], database: &str) -> String {
    let output = repute(arguments, database);
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {told}");
    String::from_utf8(output.stdout).expect("it is text")
}

/// How many entries the list has, and its serial.
#[track_caller]
fn standing(database: &str) -> (u64, u64) {
    let shown = done(&["registry", "list", "show", "bl.example", "--json"], database);
    let shown: Value = serde_json::from_str(&shown).expect("it is JSON");
    let number = |name: &str| shown[name].as_u64().expect("a number");
    (number("entries"), number("serial"))
}

/// A file with so many addresses.
fn addresses(path: &Path, count: u32) -> String {
    let lines = (0..count).map(|i| format!("{}\n", std::net::Ipv4Addr::from(0x0a00_0000 + i)));
    fs::write(path, lines.collect::<String>()).expect("it is written");
    path.to_string_lossy().into_owned()
}

/// Kills an import once it writes: what was acknowledged before is all that is there, and it can be done again.
fn kill_an_import(database: &str, folder: &Path, is_writing: impl Fn() -> bool) {
    done(&["registry", "list", "add", "bl.example"], database);
    let few = addresses(&folder.join("few.txt"), 1_000);
    done(&["registry", "import", "bl.example", &few, "--source", "few"], database);
    assert_eq!(standing(database), (1_000, 2));
    let many = addresses(&folder.join("many.txt"), 200_000);
    let import = ["registry", "import", "bl.example", &many, "--source", "many"];
    let mut killed = Command::new(env!("CARGO_BIN_EXE_repute"))
        .args(import)
        .args(["--database", database])
        .stdout(Stdio::null())
        .spawn()
        .expect("the program runs");
    let deadline = Instant::now() + Duration::from_secs(60);
    while !is_writing() {
        assert!(killed.try_wait().expect("it is ours").is_none(), "it ended before it was killed");
        assert!(Instant::now() < deadline, "nothing is written");
        thread::sleep(Duration::from_millis(5));
    }
    killed.kill().expect("it is killed");
    killed.wait().expect("it ends");
    assert_eq!(standing(database), (1_000, 2), "nothing half is there");
    assert!(
        done(&["registry", "verify"], database).starts_with("the audit log is whole: 2 rows\n")
    );
    done(&import, database);
    assert_eq!(standing(database), (200_000, 3), "the few are the first of the many");
    assert!(
        done(&["registry", "verify"], database).starts_with("the audit log is whole: 3 rows\n")
    );
}

/// By which criterion of a list each of these addresses is listed, and when it is looked at again.
fn terms(database: &str, keys: &[&str]) -> Vec<(Option<String>, Option<i64>)> {
    let place: Place = database.parse().expect("a place");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let database = Database::open(&place).await.expect("it opens");
        let mut connection = database.read().await.expect("a connection");
        let apex = "bl.example".parse().expect("a name");
        let list = lists::by_apex(connection.session(), &apex).await.expect("it is read");
        let list = list.expect("it is there").id;
        let criteria = lists::criteria(connection.session(), list).await.expect("they are read");
        let slug = |named: Named| {
            criteria.iter().find(|one| one.id == named.id).map(|one| one.slug.clone())
        };
        let mut found = Vec::new();
        for key in keys {
            let key = key.parse().expect("a key");
            let all = entries::at(connection.session(), list, &key).await.expect("it is read");
            let [entry] = &all[..] else { panic!("{key} is there once: {all:?}") };
            found.push((entry.criterion.and_then(slug), entry.review.map(|review| review.0)));
        }
        found
    })
}

/// Imports files that name a criterion and a review date, others, none, and what is none.
fn import_by_terms(database: &str) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = addresses(&folder.path().join("two.txt"), 2);
    let policy = folder.path().join("policy.txt");
    fs::write(&policy, "We list senders of spam.").expect("it is written");
    done(&["registry", "list", "add", "bl.example"], database);
    let policy = policy.to_string_lossy();
    done(&["registry", "list", "policy", "publish", "bl.example", &policy], database);
    for slug in ["trap", "old"] {
        let add = ["registry", "list", "criterion", "add", "bl.example", slug];
        done(&[&add[..], &["--title", "A trap", "--text", "It was hit."]].concat(), database);
    }
    let end = ["registry", "list", "criterion", "end", "bl.example", "old"];
    done(&[&end[..], &["--reason", "nobody asks"]].concat(), database);
    let import = ["registry", "import", "bl.example", &file, "--source", "feed"];
    for (wrong, words) in [
        (["--criterion", "none"], "bl.example has no criterion `none`"),
        (["--criterion", "old"], "bl.example has no criterion `old`"),
        (["--review-on", "2027-02-30"], "2027-02-30"),
    ] {
        let output = repute(&[&import[..], &wrong].concat(), database);
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(2) && told.contains(words), "{wrong:?}: {told}");
        assert_eq!(standing(database).0, 0, "{wrong:?}");
    }
    let keys = ["10.0.0.0", "10.0.0.1"];
    // 2027-03-01 and 2028-01-02, at midnight.
    let (first, second) = (1_803_859_200_000_000, 1_830_384_000_000_000);
    for (more, expect) in [
        (&["--criterion", "trap", "--review-on", "2027-03-01"][..], first),
        // One that names none leaves what stands there.
        (&[], first),
        (&["--review-on", "2028-01-02"], second),
    ] {
        done(&[&import[..], more].concat(), database);
        let expect = (Some("trap".to_owned()), Some(expect));
        assert_eq!(terms(database, &keys), [expect.clone(), expect], "{more:?}");
    }
}

#[test]
fn a_file_names_a_criterion_and_a_day_for_all_that_is_in_it() {
    let folder = tempfile::tempdir().expect("a folder");
    import_by_terms(&folder.path().join("lists.db").to_string_lossy());
    if let Some(server) = Server::start() {
        import_by_terms(&server.url());
    }
}

/// What would be lost by a slip of the hand is not.
#[test]
fn a_backup_does_not_take_the_place_of_its_database_nor_is_one_of_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
    let database = path("lists.db");
    done(&["registry", "list", "add", "bl.example"], &database);
    std::os::unix::fs::symlink(&database, path("link")).expect("it is made");
    for itself in [&database, &path("link")] {
        let output = repute(&["backup", itself], &database);
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(told.contains("is the database itself: name another file"), "{told}");
        assert_eq!(output.status.code(), Some(2));
        assert_eq!(standing(&database), (0, 1), "it is there");
    }
    let output = repute(&["backup", &path("none.backup")], &path("none.db"));
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(told.contains("there is no database") && told.contains("none.db"), "{told}");
    assert_eq!(output.status.code(), Some(2));
    assert!(!Path::new(&path("none.db")).exists() && !Path::new(&path("none.backup")).exists());
}

/// The database of a configuration is there before any server has started.
#[test]
fn lists_may_be_there_before_the_server() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = folder.path().join("repute.toml");
    let text = "[server]\ndata-dir = \"data\"\n[portal]\nlisten = \"127.0.0.1:0\"\n";
    fs::write(&config, text).expect("it is written");
    let mut command = Command::new(env!("CARGO_BIN_EXE_repute"));
    command.args(["registry", "list", "add", "bl.example", "--config"]).arg(&config);
    let output = command.output().expect("the program runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(folder.path().join("data/registry.db").is_file());
}

/// `repute registry log | head -1` is a fine thing to do.
#[test]
fn whoever_stops_reading_is_no_fault() {
    let folder = tempfile::tempdir().expect("a folder");
    let database = folder.path().join("lists.db");
    let database = database.to_str().expect("it is text");
    done(&["registry", "list", "add", "bl.example", "--template", "blocklist"], database);
    let entry = ["registry", "entry", "add", "bl.example", "192.0.2.1", "--reason", "a test"];
    done(&entry, database);
    for arguments in [
        &["registry", "lists"][..],
        &["registry", "lists", "--json"],
        &["registry", "list", "show", "bl.example"],
        &["registry", "list", "codes", "bl.example"],
        &["registry", "list", "dns", "show", "bl.example"],
        &["registry", "entry", "at", "bl.example", "192.0.2.1"],
        &["registry", "export", "bl.example"],
        &["registry", "log"],
        &["registry", "verify"],
        &["registry", "entry", "add", "bl.example", "192.0.2.2", "--reason", "a test"],
    ] {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let mut command = Command::new(env!("CARGO_BIN_EXE_repute"));
        command.args(arguments).args(["--database", database]).stdin(Stdio::null());
        let output = command.stdout(writer).output().expect("the program runs");
        let told = String::from_utf8_lossy(&output.stderr);
        assert_eq!((output.status.code(), &*told), (Some(0), ""), "{arguments:?}");
    }
    assert_eq!(standing(database).0, 2, "what was to be done was done");
}

#[test]
fn a_killed_import_leaves_nothing_half_in_sqlite() {
    let folder = tempfile::tempdir().expect("a folder");
    let database = folder.path().join("lists.db");
    // What is not committed goes into the log beside the file as soon as memory for it is used up.
    let log = folder.path().join("lists.db-wal");
    let is_writing = || log.metadata().is_ok_and(|log| log.len() > 1 << 20);
    kill_an_import(&database.to_string_lossy(), folder.path(), is_writing);
}

#[test]
fn a_killed_import_leaves_nothing_half_in_postgresql_and_a_backup_moves_it() {
    let Some(server) = Server::start() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let is_writing = || {
        let count = "SELECT COUNT(*) FROM pg_stat_activity WHERE query LIKE 'INSERT INTO entries%'";
        let psql = Command::new("psql").args([&server.url(), "-Atc", count]).output();
        psql.expect("psql is there").stdout.starts_with(b"1")
    };
    kill_an_import(&server.url(), folder.path(), is_writing);
    let backup = folder.path().join("lists.backup");
    let backup = backup.to_string_lossy();
    done(&["backup", &backup], &server.url());
    let file = folder.path().join("moved.db");
    let file = file.to_string_lossy();
    done(&["restore", &backup], &file);
    let (entries, serial) = standing(&file);
    assert!(entries == 200_000 && serial > 10_000_000, "it goes on far ahead: {serial}");
    assert!(done(&["registry", "verify"], &file).starts_with("the audit log is whole: 4 rows\n"));
    let again = repute(&["restore", &backup], &file);
    let told = String::from_utf8_lossy(&again.stderr);
    assert!(told.contains("the database is not empty"), "{told}");
    assert_eq!(again.status.code(), Some(2));
}

/// A restore that fails leaves no database where none was, which somebody would take for the one that he wanted.
#[test]
fn a_restore_that_fails_leaves_nothing_behind() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
    let (database, backup, new) = (path("lists.db"), path("lists.backup"), path("new.db"));
    done(&["registry", "list", "add", "bl.example"], &database);
    done(&["backup", &backup], &database);
    let whole = fs::read(&backup).expect("it is there");
    let names = || {
        let files = fs::read_dir(folder.path()).expect("a folder");
        let names = files.map(|file| file.expect("it is there").file_name());
        let mut names: Vec<_> = names.collect();
        names.sort();
        names
    };
    let bad = path("bad.backup");
    let cut = whole.get(..whole.len() / 2).expect("a half");
    let but_the_last = whole.get(..whole.len() - 2).expect("nearly all");
    for bytes in [&b"192.0.2.1\n"[..], b"", cut, but_the_last] {
        fs::write(&bad, bytes).expect("it is written");
        let before = names();
        let output = repute(&["restore", &bad], &new);
        assert_eq!(output.status.code(), Some(2), "{}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(names(), before);
    }
    done(&["restore", &backup], &new);
    let restored = standing(&new);
    assert!(restored.1 > 10_000_000, "nothing was in the way: {restored:?}");
    assert!(names().iter().all(|name| !name.to_string_lossy().contains("part")));
    // What is there stays as it is.
    let told = repute(&["restore", &bad, "--force"], &new);
    assert_eq!(told.status.code(), Some(2), "{}", String::from_utf8_lossy(&told.stderr));
    assert_eq!(standing(&new), restored);
}

/// As in `repute registry import … 2>&1 | head`: what was asked for is done, and nobody is told of a fault that is none.
#[test]
fn what_is_asked_for_is_done_whether_or_not_anybody_reads_of_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
    let (database, faulty) = (path("lists.db"), path("faulty.txt"));
    fs::write(&faulty, "192.0.2.1\n?\n192.0.2.2\n").expect("it is written");
    done(&["registry", "list", "add", "bl.example"], &database);
    let unread = |arguments: &[&str]| {
        let gone = || std::io::pipe().expect("a pipe").1;
        let mut command = Command::new(env!("CARGO_BIN_EXE_repute"));
        let command = command.args(arguments).stdin(Stdio::null());
        let both = command.stdout(gone()).stderr(gone()).status().expect("it runs");
        let talk = command.stdout(Stdio::null()).status().expect("it runs");
        (both.code(), talk.code())
    };
    let of = |arguments: &[&str]| unread(&[arguments, &["--database", &*database]].concat());
    let import = ["registry", "import", "bl.example", &*faulty, "--source", "feed"];
    // Where only the talk is not read, the code still says that a line is faulty.
    assert_eq!(of(&import), (Some(0), Some(1)));
    assert_eq!(standing(&database).0, 2, "it was done");
    for arguments in [
        &["registry", "lists"][..],
        &["registry", "log"],
        &["registry", "entry", "at", "bl.example", "192.0.2.1"],
        &["registry", "rule", "run"],
        &["registry", "evidence", "sources", "add", "traps"],
        &["registry", "evidence", "import", "--source", "feed", &faulty],
        &["backup", "-"],
    ] {
        let (both, talk) = of(arguments);
        assert!(both.is_some_and(|code| code < 3), "{arguments:?}: {both:?}");
        assert!(talk.is_some_and(|code| code < 3), "{arguments:?}: {talk:?}");
    }
    for arguments in [
        &["--help"][..],
        &["nothing"],
        &["config", "example"],
        &["config", "check", "--config", &faulty],
        &["zone", "check", "--kind", "ip4set", &faulty],
        &["zone", "export", "--kind", "ip4set", &faulty],
        &["completions", "bash"],
        &["rbldnsd", "-h"],
        &["rbldnsd", "-d", &format!("bl.example:ip4set:{faulty}")],
        &["check_rbl", "--help"],
        &["check", "--monitoring", "--help"],
    ] {
        let (both, talk) = unread(arguments);
        assert!(both.is_some_and(|code| code < 4), "{arguments:?}: {both:?}");
        assert!(talk.is_some_and(|code| code < 4), "{arguments:?}: {talk:?}");
    }
}

#[test]
fn a_password_is_never_shown() {
    for command in [&["registry", "lists"][..], &["backup", "x"], &["restore", "/dev/null"]] {
        let output = repute(command, "postgres://repute:secret@127.0.0.1:9/lists");
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(told.contains("PostgreSQL at 127.0.0.1"), "{told}");
        assert!(!told.contains("secret"), "{told}");
        assert_eq!(output.status.code(), Some(2));
    }
}

/// The head that `verify` shows.
#[track_caller]
fn head(database: &str) -> String {
    let shown = done(&["registry", "verify"], database);
    let (_, head) = shown.trim_end().rsplit_once("head ").expect("it shows the head");
    head.to_owned()
}

/// Whoever may write the whole database may write a log that is whole in itself; a head that was kept elsewhere tells.
#[test]
fn a_log_that_is_written_anew_is_told_by_a_head_from_before() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
    let (true_one, anew) = (file("true.db"), file("anew.db"));
    let empty = head(&true_one);
    for database in [&true_one, &anew] {
        done(&["registry", "list", "add", "bl.example"], database);
    }
    let before = head(&true_one);
    let add = |reason: &str, database: &str| {
        let entry = ["registry", "entry", "add", "bl.example", "192.0.2.7", "--reason", reason];
        done(&entry, database);
    };
    add("open proxy", &true_one);
    for head in [&empty, &before, &head(&true_one)] {
        let shown = done(&["registry", "verify", "--expect", head], &true_one);
        assert!(shown.contains("it was only added to since"), "{shown}");
    }
    add("a friend asked me to", &anew);
    assert!(done(&["registry", "verify"], &anew).starts_with("the audit log is whole: 2 rows\n"));
    let told = repute(&["registry", "verify", "--expect", &head(&true_one)], &anew);
    let shown = String::from_utf8_lossy(&told.stdout);
    assert_eq!(told.status.code(), Some(1), "{shown}");
    assert!(shown.contains("it was written anew, or is another database's"), "{shown}");
    // An older copy.
    let now = head(&true_one);
    let older = repute(&["registry", "verify", "--expect", &format!("9{now}")], &true_one);
    let shown = String::from_utf8_lossy(&older.stdout);
    assert_eq!(older.status.code(), Some(1), "{shown}");
    assert!(shown.contains("it had 92 rows"), "{shown}");
}

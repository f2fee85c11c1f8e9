//! `repute check --monitoring`: what a monitoring system reads, with lists that misbehave.

#[path = "check_rbl/lists.rs"]
#[expect(dead_code, reason = "shared with the tests of check_rbl's place, which need more of it")]
mod lists;

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use lists::{Lists, anywhere};

/// Runs the plugin with these options; its exit code and its lines, without the time.
fn plugin(options: &str, lists: &Lists) -> (i32, Vec<String>) {
    let cache = tempfile::tempdir().expect("a folder for the test can be made");
    let mut command = Command::new(env!("CARGO_BIN_EXE_repute"));
    command.args(["check", "--monitoring", "--resolver", &lists.address.to_string()]);
    command.args(options.split_whitespace()).env("XDG_CACHE_HOME", cache.path());
    command.env("NAGIOS_CONFIG_PATH", FOLDER);
    read(&command.output().expect("it runs"))
}

/// The exit code and the lines of an output, with the time as `T`.
fn read(output: &Output) -> (i32, Vec<String>) {
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    let lines = String::from_utf8_lossy(&output.stdout).lines().map(without_time).collect();
    (output.status.code().unwrap_or(-1), lines)
}

/// A line without its time.
fn without_time(line: &str) -> String {
    let Some((before, after)) = line.split_once(" time=") else { return line.to_owned() };
    let (time, rest) = after.split_once('s').expect("seconds");
    let (_, milliseconds) = time.split_once('.').expect("a fraction");
    assert_eq!(milliseconds.len(), 3, "{line}");
    format!("{before} time=T{rest}")
}

#[test]
fn the_first_line_says_what_it_comes_to_and_the_exit_code_too() {
    let lists = anywhere();
    for (options, code, line) in [
        (
            "-H 192.0.2.26 --list listed2.test --list clean.test",
            0,
            "REPUTE OK - 192.0.2.26 is on none of 2 lists | servers=0;0;0 time=T asked=2 answered=2 dead=0 errors=0 allowed=0",
        ),
        (
            "192.0.2.25 --list listed2.test --list clean.test",
            2,
            "REPUTE CRITICAL - 192.0.2.25 is on 1 of 2 lists: listed2.test | servers=1;0;0 time=T asked=2 answered=2 dead=0 errors=0 allowed=0",
        ),
        (
            "-H 192.0.2.25 --list listed2.test --list clean.test -w 0 -c 1",
            1,
            "REPUTE WARNING - 192.0.2.25 is on 1 of 2 lists: listed2.test | servers=1;0;1 time=T asked=2 answered=2 dead=0 errors=0 allowed=0",
        ),
        (
            "-H 192.0.2.25 --list listed2.test -w ~: -c @2:5",
            0,
            "REPUTE OK - 192.0.2.25 is on 1 of 1 list: listed2.test | servers=1;~:;@2:5 time=T asked=1 answered=1 dead=0 errors=0 allowed=0",
        ),
        (
            "-H mail.test --list listed2.test",
            2,
            "REPUTE CRITICAL - mail.test is on 1 of 1 list: listed2.test | servers=1;0;0 time=T asked=1 answered=1 dead=0 errors=0 allowed=0",
        ),
        (
            "-H 192.0.2.25 -H 192.0.2.26 --list clean.test --list list.dnswl.org",
            0,
            "REPUTE OK - 2 targets are on none of 1 list; allowed by 1 | servers=0;0;0 time=T asked=1 answered=1 dead=0 errors=0 allowed=1",
        ),
        (
            "-H 192.0.2.25 --list zen.spamhaus.org --list sbl.spamhaus.org",
            2,
            "REPUTE CRITICAL - 192.0.2.25 is on 1 of 2 lists: zen.spamhaus.org | servers=1;0;0 time=T asked=2 answered=2 dead=0 errors=0 allowed=0",
        ),
    ] {
        let (found, lines) = plugin(options, &lists);
        assert_eq!((found, &*lines[0]), (code, line), "{options}");
    }
}

#[test]
fn a_time_out_tells_what_is_known() {
    let lists = anywhere();
    let options = "-H 192.0.2.25 -t 1 --list dead1.test --list listed2.test --list refused.test --list clean.test --list clean2.test";
    let (code, lines) = plugin(options, &lists);
    assert_eq!(code, 2);
    assert_eq!(
        lines,
        [
            "REPUTE CRITICAL - 192.0.2.25 is on 1 of 5 lists: listed2.test; 2 did not say \
             | servers=1;0;0 time=T asked=5 answered=3 dead=1 errors=1 allowed=0",
            "listed: 192.0.2.25 by listed2.test: 127.0.0.2, \"spam / servers=0;0;0 OK\"",
            "unknown: dead1.test: no answer in time",
            "unknown: refused.test: REFUSED: the server does not answer us, or not any more today",
        ]
    );
    let (code, lines) =
        plugin("-H 192.0.2.26 -v --list clean.test --list zen.spamhaus.org", &lists);
    assert_eq!(
        (code, &lines[1..]),
        (0, &["clean: clean.test".to_owned(), "clean: zen.spamhaus.org".to_owned()][..])
    );
}

#[test]
fn a_dead_list_is_waited_for_once() {
    let (lists, cache) =
        (anywhere(), tempfile::tempdir().expect("a folder for the test can be made"));
    // The second one would take an hour if it waited.
    for patience in ["1s", "1h"] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_repute"));
        command.args(["check", "--monitoring", "--resolver", &lists.address.to_string()]);
        command.args([
            "-H",
            "192.0.2.26",
            "--list",
            "dead1.test",
            "--list",
            "clean.test",
            "-t",
            patience,
        ]);
        let (code, lines) =
            read(&command.env("XDG_CACHE_HOME", cache.path()).output().expect("it runs"));
        assert!(code == 0 && lines[0].contains(" dead=1 "), "{patience}: {lines:#?}");
    }
}

/// Icinga reads both streams as one: what is said aside must not come before the state.
#[test]
fn what_is_said_aside_stands_below_the_first_line() {
    let lists = anywhere();
    let mut command = Command::new(env!("CARGO_BIN_EXE_repute"));
    command.args(["check", "--monitoring", "--resolver", &lists.address.to_string()]);
    command.args(["-H", "192.0.2.26", "--list", "clean.test"]);
    // Where nobody may make a folder, not even root.
    command.env("XDG_CACHE_HOME", "/proc/nothing");
    let (code, lines) = read(&command.output().expect("it runs"));
    assert_eq!((code, lines.len()), (0, 2), "{lines:#?}");
    assert!(lines[0].starts_with("REPUTE OK - "), "{lines:#?}");
    assert!(
        lines[1].starts_with("repute: cannot write /proc/nothing/repute/health.json: "),
        "{lines:#?}"
    );
}

#[test]
fn what_cannot_be_known_is_unknown() {
    let lists = anywhere();
    for (options, line) in [
        (
            "-H 192.0.2.26 --list clean.test --list open.test --list parked.test",
            "192.0.2.26: 1 of 3 lists said | servers=0;0;0 time=T asked=3 answered=1 dead=0 errors=2 allowed=0",
        ),
        (
            "-H 192.0.2.25 --list listed2.test --list open.test --list dead1.test -t 1",
            "192.0.2.25: 1 of 3 lists said; it is on 1: listed2.test | servers=1;0;0 time=T asked=3 answered=1 dead=1 errors=1 allowed=0",
        ),
        (
            "-H nosuch.test --list clean.test",
            "cannot resolve nosuch.test: no such host; nosuch.test is on none of 1 list | servers=0;0;0 time=T asked=1 answered=1 dead=0 errors=0 allowed=0",
        ),
        (
            "-H spam.example --resolver 127.0.0.1:9 --list zen.spamhaus.org -t 1",
            "cannot resolve spam.example: no such host; no list takes spam.example | servers=0;0;0 time=T asked=0 answered=0 dead=0 errors=0 allowed=0",
        ),
        (
            "-H 192.0.2.300",
            "cannot check `192.0.2.300`: not an address: four numbers up to 255, or an IPv6 address",
        ),
        (
            "-w 2:1 -H 192.0.2.1",
            "invalid value '2:1' for '--warning <RANGE>': `2:1` is no range: it ends before it begins",
        ),
        ("-H 192.0.2.1 --json", "the argument '--monitoring' cannot be used with '--json'"),
        (
            "--extra-opts=x@/missing.ini",
            "--extra-opts: cannot read /missing.ini: No such file or directory (os error 2); the monitoring user must be able to read it",
        ),
        ("-H 192.0.2.1 -t 1ms", "--timeout: no list answers within 1ms"),
        ("", "nothing to check: name an address or host, or a file with --file"),
    ] {
        let (code, lines) = plugin(options, &lists);
        let found = lines[0].strip_prefix("REPUTE UNKNOWN - ");
        assert_eq!((code, found), (3, Some(line)), "{options}: {lines:#?}");
    }
    // A monitoring system shows standard output alone: nothing is said elsewhere.
    let (code, lines) = plugin("-h", &lists);
    assert!(
        code == 3 && lines.iter().any(|line| line.contains("-w, --warning <RANGE>")),
        "{lines:#?}"
    );
    assert_eq!(
        plugin("-V", &lists),
        (3, vec![concat!("repute check ", env!("CARGO_PKG_VERSION")).to_owned()])
    );
}

#[test]
fn options_may_stand_in_a_file() {
    let lists = anywhere();
    let folder = tempfile::tempdir().expect("a folder for the test can be made");
    let path = folder.path().join("plugins.ini");
    let ini =
        "[repute]\nlist=listed2.test\nlist=clean.test\ncritical=5\n\n[strict]\nlist=listed2.test\n";
    fs::write(&path, ini).expect("it is written");
    let run = |options: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_repute"));
        command.args(["check", "--monitoring", "--resolver", &lists.address.to_string()]);
        command.args(["-H", "192.0.2.25", "--forgetful"]).args(options);
        read(&command.env("NAGIOS_CONFIG_PATH", folder.path()).output().expect("it runs"))
    };
    let (code, lines) = run(&["--extra-opts"]);
    assert!(code == 1 && lines[0].contains("servers=1;0;5 "), "{lines:#?}");
    let (code, lines) = run(&["-c", "0", "--extra-opts=repute"]);
    assert!(code == 2 && lines[0].contains("servers=1;0;0 "), "{lines:#?}");
    let (code, lines) = run(&["--extra-opts=strict"]);
    assert!(code == 2 && lines[0].contains("asked=1 "), "{lines:#?}");
    fs::write(&path, "[repute]\nlists=x\n").expect("it is written");
    let (code, lines) = run(&["--extra-opts"]);
    let why = format!(
        "REPUTE UNKNOWN - --extra-opts: {} line 2: there is no option `lists`; --help shows all",
        path.display()
    );
    assert_eq!((code, &lines[0]), (3, &why));
    let (code, lines) = run(&["--extra-opts=other"]);
    assert!(
        code == 3 && lines[0].ends_with("has no section [other]; it has [repute]"),
        "{lines:#?}"
    );
    assert!(Path::new(FOLDER).is_absolute(), "other tests find no file");
}

/// A folder that is not there, so that no ini file of the machine is found.
const FOLDER: &str = "/nonexistent";

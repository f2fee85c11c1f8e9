//! In place of check_rbl: what it says and how it ends, with lists that misbehave in every known way.
//!
//! The same cases are run beside Debian's check_rbl in `tests/peers/check_rbl.rs`; here there is only ours, on
//! a port of loopback.

#[path = "check_rbl/cases.rs"]
mod cases;
#[path = "check_rbl/lists.rs"]
#[expect(dead_code, reason = "shared with the side-by-side tests, which need more of it")]
mod lists;

use std::fs;
use std::process::{Command, Output};

use cases::{Case, FAULTS, GENUINE, Theirs, without_time};
use lists::{Lists, TEXT, anywhere};

/// Runs it with options written as in a shell; its exit code and its lines.
fn check_rbl(options: &str, lists: &Lists) -> (i32, Vec<String>) {
    let cache = tempfile::tempdir().expect("a folder for the test can be made");
    let resolver = match options.contains("-n ") {
        true => String::new(),
        false => format!("-n {}", lists.address),
    };
    let line = format!("'{}' check_rbl {resolver} {options}", env!("CARGO_BIN_EXE_repute"));
    let output =
        Command::new("sh").args(["-c", &line]).env("XDG_CACHE_HOME", cache.path()).output();
    let Output { status, stdout, stderr } = output.expect("there is a shell");
    assert!(stderr.is_empty(), "{options}: {}", String::from_utf8_lossy(&stderr));
    let text = String::from_utf8(stdout).expect("it writes text");
    (status.code().unwrap_or(-1), text.lines().map(without_time).collect())
}

/// Runs one case.
fn check(case: &Case, lists: &Lists) {
    let (code, lines) = check_rbl(case.options, lists);
    let about = case.about;
    assert_eq!(
        (code, lines.first().map(String::as_str)),
        (case.ours.0, Some(case.ours.1)),
        "{about}"
    );
    let is_below = lines.iter().skip(1).any(|line| line.contains(case.below));
    assert!(case.below.is_empty() || is_below, "{about}: {lines:#?}");
    assert!(lines.iter().skip(1).all(|line| !line.contains('|')), "{about}: {lines:#?}");
}

#[test]
fn what_is_right_is_said_in_its_words() {
    let lists = anywhere();
    GENUINE.iter().for_each(|case| check(case, &lists));
}

#[test]
fn what_cannot_be_known_is_neither_ok_nor_critical() {
    let lists = anywhere();
    for case in FAULTS {
        let Theirs::Wrong(code, line) = case.theirs else { panic!("{} is no fault", case.about) };
        assert_ne!((code, line), case.ours, "{}", case.about);
        check(case, &lists);
    }
}

#[test]
fn a_listing_tells_why_and_nothing_in_it_breaks_the_output() {
    let (code, lines) = check_rbl("-H 192.0.2.25 -s listed2.test", &anywhere());
    assert_eq!((code, lines.len()), (2, 2), "{lines:#?}");
    assert!(TEXT.contains(['|', '\n']), "the list tries");
    assert_eq!(
        lines[1],
        "listed: 192.0.2.25 by listed2.test: 127.0.0.2, \"spam / servers=0;0;0 OK\""
    );
}

#[test]
fn one_deadline_holds_for_the_host_too() {
    let lists = anywhere();
    // The test would take an hour if the host were looked up for as long as a list may take.
    let (code, lines) = check_rbl("-H never.test -s clean.test -t 1 --query-timeout 3600", &lists);
    assert_eq!((code, &*lines[0]), (3, "CHECK_RBL UNKNOWN - Cannot resolve never.test"));
    assert_eq!(lines[1], "unknown: never.test: no resolver tells its addresses");
    let (code, lines) = check_rbl(
        "-H 192.0.2.25 -s dead1.test -s clean.test -s listed2.test -t 1 --query-timeout 3600",
        &self::anywhere(),
    );
    assert_eq!(code, 2, "{lines:#?}");
    assert!(lines[0].contains("(1 server timed out: dead1.test)"), "{lines:#?}");
}

#[test]
fn more_is_said_below_the_first_line_for_those_who_want_it() {
    let lists = anywhere();
    let (code, lines) =
        check_rbl("-H 192.0.2.25 -s listed2.test -s clean.test -vvv -d left", &lists);
    assert_eq!(code, 2);
    let has =
        |line: &str| assert!(lines[1..].iter().any(|found| found == line), "{line}: {lines:#?}");
    assert!(lines[0].starts_with("CHECK_RBL CRITICAL - "), "{lines:#?}");
    has(&format!(
        "[extra-opts] check_rbl -n {} -H 192.0.2.25 -s listed2.test -s clean.test -vvv -d left",
        lists.address
    ));
    has("Using 15 as global script timeout");
    has("Checking 25.2.0.192 on 2 server(s)");
    has("listed in listed2.test as 127.0.0.2");
    has("not listed in clean.test");
    has(&format!("[DBG] Using DNS Resolver: {}", lists.address));
    has("ignored: left");
    assert!(
        lines.iter().any(|line| line.starts_with("[DBG] clean.test: 4 queries answered, 0 not")),
        "{lines:#?}"
    );
}

#[test]
fn a_query_is_sent_as_often_as_one_wants_but_for_eight_times_at_most() {
    for (option, times) in [("", 8), ("-r 1", 1), ("-r 3", 3), ("--retry=9", 8), ("-r 0", 1)] {
        let lists = anywhere();
        let options = format!("-H 192.0.2.25 -s dead1.test --query-timeout 1 {option}");
        assert_eq!(check_rbl(&options, &lists).0, 3, "{options}");
        assert_eq!(lists.asked("25.2.0.192.dead1.test"), times, "{options}");
    }
}

#[test]
fn so_many_queries_are_on_the_way_as_one_wants() {
    let servers: String = (0..6).map(|n| format!(" -s clean{n}.slow")).collect();
    for (option, most) in [("--workers 1", 1..2), ("--workers 3", 2..4), ("", 6..100)] {
        let lists = anywhere();
        // A query that waits for its turn is not late.
        let options = format!("-H 192.0.2.26{servers} -r 1 {option}");
        let (code, lines) = check_rbl(&options, &lists);
        assert_eq!(code, 0, "{lines:#?}");
        assert!(most.contains(&lists.most_at_once()), "{option}: {}", lists.most_at_once());
    }
}

#[test]
fn a_resolver_over_ipv6_is_not_asked_where_only_ipv4_is_wanted() {
    let (code, lines) =
        check_rbl("-n [::1]:5353 -H 192.0.2.25 -s clean.test --force-ipv4", &anywhere());
    let why =
        "CHECK_RBL UNKNOWN - --force-ipv4-resolver: there is no resolver with an IPv4 address";
    assert_eq!((code, &*lines[0]), (3, why));
}

#[test]
fn a_dead_list_is_waited_for_once() {
    let (lists, cache) =
        (anywhere(), tempfile::tempdir().expect("a folder for the test can be made"));
    let dead = "-H 192.0.2.26 -s dead1.test -s clean.test";
    // The second one would take an hour if it waited.
    for patience in ["-t 1 --query-timeout 60", "-t 7200 --query-timeout 3600"] {
        let options = format!("-n {} {dead} {patience}", lists.address);
        let line = format!("'{}' check_rbl {options}", env!("CARGO_BIN_EXE_repute"));
        let mut command = Command::new("sh");
        let output = command.args(["-c", &line]).env("XDG_CACHE_HOME", cache.path()).output();
        let output = output.expect("there is a shell");
        assert_eq!(output.status.code(), Some(0), "{options}");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(text.contains("(1 server timed out: dead1.test)"), "{text}");
    }
}

#[test]
fn a_key_in_front_of_a_zone_is_sent_and_not_shown() {
    let lists = anywhere();
    let (code, lines) = check_rbl("-H 192.0.2.25 -s K3y.zen.dq.spamhaus.net -vvv -d", &lists);
    assert_eq!(code, 2, "{lines:#?}");
    assert!(lines[0].contains(" of 1 (zen.dq.spamhaus.net (127.0.0.2)) | "), "{lines:#?}");
    assert!(lines.iter().all(|line| !line.to_lowercase().contains("k3y")), "{lines:#?}");
    assert!(lines.iter().any(|line| line.contains("-s ***.zen.dq.spamhaus.net")), "{lines:#?}");
    assert_eq!(lists.asked("25.2.0.192.k3y.zen.dq.spamhaus.net"), 1);
}

#[test]
fn help_and_version_are_no_state() {
    let lists = anywhere();
    let (code, lines) = check_rbl("-h", &lists);
    assert_eq!(code, 3);
    for option in [
        "--host",
        "--url",
        "--server",
        "--warning",
        "--critical",
        "--wl",
        "--timeout",
        "--query-timeout",
        "--retry",
        "--workers",
        "--nameserver",
        "--authoritative",
        "--force-ipv4-resolver",
        "--append",
        "--extra-opts",
        "--debug",
        "--verbose",
        "--usage",
        "--help",
        "--version",
    ] {
        assert!(lines.iter().any(|line| line.contains(option)), "{option}");
    }
    let (code, lines) = check_rbl("-V", &lists);
    assert_eq!((code, lines.len()), (3, 1));
    assert!(lines[0].starts_with("check_rbl (Repute "), "{lines:?}");
}

#[test]
fn the_name_of_the_program_is_enough() {
    let folder = tempfile::tempdir().expect("a folder for the test can be made");
    let link = folder.path().join("check_rbl");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_repute"), &link)
        .expect("the folder is writable");
    let output = Command::new(link).arg("--usage").output().expect("it runs");
    assert_eq!(
        (output.status.code(), &output.stdout[..]),
        (Some(3), &b"Usage: check_rbl [OPTIONS]\n"[..])
    );
}

#[test]
fn a_file_of_hundreds_of_lists_is_asked_at_once() {
    let folder = tempfile::tempdir().expect("a folder for the test can be made");
    let path = folder.path().join("check_rbl.ini");
    // As many as Debian's has, four of them dead, and some that the catalogue knows.
    let zones = (0..207).map(|n| match n {
        3 | 50 | 100 | 206 => format!("server=dead{n}.test\n"),
        7 => "server=zen.spamhaus.org\n".to_owned(),
        n => format!("server=clean{n}.test\n"),
    });
    fs::write(&path, format!("[rbl]\n{}", zones.collect::<String>())).expect("it is written");
    let lists = anywhere();
    let options =
        format!("-H 192.0.2.25 --extra-opts=rbl@{} --timeout=60 --query-timeout=1", path.display());
    let (code, lines) = check_rbl(&options, &lists);
    assert_eq!(code, 2, "{lines:#?}");
    assert_eq!(
        lines[0],
        "CHECK_RBL CRITICAL - 192.0.2.25 (mail.test) BLACKLISTED on 1 server of 207 (zen.spamhaus.org (127.0.0.2)) \
         (4 servers timed out: dead3.test, dead50.test, dead100.test, dead206.test) | servers=1;0;0 time=T;;"
    );
    assert_eq!(lists.asked("25.2.0.192.clean5.test"), 1, "each list is asked once");
}

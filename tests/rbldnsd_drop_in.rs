//! The drop-in as a program, beside Debian's rbldnsd: messages, exit codes, files, signals, log lines.
//!
//! Answers are compared in `rbldnsd_differential.rs`; here is what unit files and log readers see.

#[path = "rbldnsd/control.rs"]
mod control;
#[path = "serve/free.rs"]
#[expect(dead_code, reason = "these tests want ports alone")]
mod free;
#[path = "rbldnsd/program.rs"]
mod program;

use std::fs;
use std::net::UdpSocket;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use control::{Question, Ran, Running, folder};
use free::free_port;
use program::{Program, is_root};

/// Command lines that fail or end by themselves: both programs must say the same and end the same.
#[test]
fn faults_are_told_as_rbldnsd_tells_them() {
    let Some(peer) = Program::peer() else { return };
    let folder = folder();
    let list = folder.path().join("list");
    fs::write(&list, "127.0.0.2\n").expect("the test's folder takes files");
    let port = free_port();
    let listen = format!("-n -b 127.0.0.1/{port}");
    for line in [
        "-n".to_owned(),
        "-b".to_owned(),
        "-Z".to_owned(),
        "-n z.test:ip4set:LIST".to_owned(),
        "-t abc z.test:ip4set:LIST".to_owned(),
        "-t 5m:x z.test:ip4set:LIST".to_owned(),
        "-t 5m:1m:2h:3 z.test:ip4set:LIST".to_owned(),
        "-t 5m:1h z.test:ip4set:LIST".to_owned(),
        "-c x z.test:ip4set:LIST".to_owned(),
        format!("{listen} -F nothing z.test:ip4set:LIST"),
        "-n -b /53 z.test:ip4set:LIST".to_owned(),
        "-n -b 127.0.0.1/nosuchservice z.test:ip4set:LIST".to_owned(),
        "-n -6 -b 127.0.0.1/5300 z.test:ip4set:LIST".to_owned(),
        "-n -b 192.0.2.77/5300 z.test:ip4set:LIST".to_owned(),
        format!("{listen} -u nosuchuser z.test:ip4set:LIST"),
        format!("{listen} -u 0 z.test:ip4set:LIST"),
        format!("{listen} -u 7:nosuchgroup z.test:ip4set:LIST"),
        format!("{listen} -p /nonexistent/pid USER z.test:ip4set:LIST"),
        format!("{listen} -w /nonexistent USER z.test:ip4set:LIST"),
        format!("{listen} USER z.test"),
        format!("{listen} USER z.test:ip4set"),
        format!("{listen} USER z.test:nothing:LIST"),
        format!("{listen} USER z.test:ip4set:"),
        format!("{listen} USER :ip4set:LIST"),
        format!("{listen} USER z.test:acl:LIST"),
        format!("{listen} USER z.test:acl:LIST z.test:acl:LIST"),
        format!("{listen} USER z.test:ip4set:/nonexistent"),
    ] {
        let user = if is_root() { "-u 65534" } else { "" };
        let line = line.replace("LIST", list.to_str().expect("a plain name")).replace("USER", user);
        let arguments: Vec<&str> = line.split_ascii_whitespace().collect();
        // What each program tells of time and memory is its own.
        let plain = |ran: Ran| {
            let lines = ran.output.lines().filter(|line| !line.contains("zones reloaded"));
            (ran.code, lines.map(str::to_owned).collect::<Vec<_>>())
        };
        let (theirs, ours) = (plain(peer.run(&arguments)), plain(Program::ours().run(&arguments)));
        assert_eq!(ours, theirs, "rbldnsd {line}");
    }
}

#[test]
fn help_lists_every_option_of_rbldnsd() {
    let Some(peer) = Program::peer() else { return };
    let (theirs, ours) = (peer.run(&["-h"]), Program::ours().run(&["-h"]));
    assert_eq!((theirs.code, ours.code), (Some(0), Some(0)));
    let option = |line: &str| line.starts_with(" -").then(|| line[1..3].to_owned());
    for wanted in theirs.output.lines().filter_map(option) {
        // Extensions are code for rbldnsd's own insides.
        let there = ours.output.lines().filter_map(option).any(|found| found == wanted);
        assert_eq!(there, !["-x", "-X"].contains(&&wanted[..]), "{wanted}");
    }
    let nothing = (peer.run(&[]).code, Program::ours().run(&[]).code);
    assert_eq!(nothing, (Some(1), Some(1)));
}

/// One session with both: queries, log lines, statistics by file and by signal, the end.
#[test]
fn log_and_statistics_are_as_rbldnsd_writes_them() {
    let Some(peer) = Program::peer() else { return };
    let [theirs, ours] = [peer, Program::ours()].map(|program| {
        let folder = folder();
        let path = |name: &str| folder.path().join(name).to_str().expect("a plain name").to_owned();
        fs::write(path("list"), "$SOA 60 a b 1 1 1 1 1\n127.0.0.2 :3:why $\n")
            .expect("the test's folder takes files");
        let (log, statistics) = (path("log"), path("statistics"));
        let list = format!("z.test:ip4set:{}", path("list"));
        let server = Running::start(
            &program,
            &["-l", &format!("+{log}"), "-s", &statistics, "-c", "0", &list],
        );
        for (name, rtype) in [
            ("2.0.0.127.z.test", 1),
            ("2.0.0.127.Z.test", 16),
            ("2.0.0.127.z.test", 28),
            ("3.0.0.127.z.test", 1),
            ("z.test", 6),
            ("other.example", 1),
        ] {
            server.ask(name, rtype);
        }
        let lines = |file: &str| fs::read_to_string(file).unwrap_or_default();
        control::until(|| lines(&log).lines().count() == 6);
        server.signal_until("USR1", || lines(&statistics).lines().count() == 2);
        server.signal_until("USR2", || lines(&statistics).lines().count() == 4);
        let (code, said) = server.end();
        let told: Vec<String> = said
            .lines()
            .filter_map(|line| line.split_once(": tot="))
            .map(|(_, c)| c.to_owned())
            .collect();
        // The first word of a line is the time.
        let timeless = |text: String| -> Vec<String> {
            let rest = text.lines().map(|line| line.split_once(' ').map_or("", |(_, rest)| rest));
            rest.map(str::to_owned).collect()
        };
        (code, timeless(lines(&log)), timeless(lines(&statistics)), told)
    });
    assert_eq!(ours.0, Some(0), "exit code");
    assert_eq!(ours, theirs);
}

/// A log that cannot be opened is told and stops nothing; each SIGHUP tries again, whatever was before.
#[test]
fn a_log_that_cannot_be_opened_is_tried_again_at_each_sighup() {
    let Some(peer) = Program::peer() else { return };
    let [theirs, ours] = [peer, Program::ours()].map(|program| {
        let folder = folder();
        let path = |name: &str| folder.path().join(name);
        fs::write(path("list"), "127.0.0.2\n").expect("the test's folder takes files");
        let list = format!("z.test:ip4set:{}", path("list").display());
        let (logs, moved) = (path("logs"), path("moved"));
        let log = logs.join("log");
        let server =
            Running::start(&program, &["-l", &format!("+{}", log.display()), "-c", "0", &list]);
        // A reload has two parts, in either order: the list changes too, so that the end of both is told.
        // It changes in length, as rbldnsd does not look at parts of a second.
        let told = |what: &str, count: usize| server.said().matches(what).count() >= count;
        let reload = |count: usize, fails: usize| {
            write_new(
                &path("list"),
                &format!("127.0.0.2\n{}127.0.1.{count}\n", "#\n".repeat(count)),
            );
            let name = format!("{count}.1.0.127.z.test");
            let reloaded = || told("zones reloaded", count + 1) && told(REOPENING, fails);
            server.signal_until("HUP", reloaded);
            let reply = server.ask(&name, 1);
            assert_eq!(reply[6..8], [0, 1], "it is answered");
        };
        // Who answers has begun to take signals.
        assert_eq!(server.ask("2.0.0.127.z.test", 1)[6..8], [0, 1], "it is answered without a log");
        reload(1, 2);
        fs::create_dir(&logs).expect("the test's folder takes folders");
        open_to_all(&logs);
        reload(2, 2);
        control::until(|| lines(&log).len() == 1);
        fs::rename(&logs, &moved).expect("the folder is there");
        reload(3, 3);
        fs::rename(&moved, &logs).expect("the folder is there");
        assert_eq!(lines(&log).len(), 1, "nothing is written to what was moved away");
        reload(4, 3);
        control::until(|| lines(&log).len() == 2);
        let (code, said) = server.end();
        let failures = said.lines().filter_map(|line| line.split_once(REOPENING));
        let failures: Vec<_> = failures.map(|(_, what)| what.ends_with(NO_SUCH_FILE)).collect();
        (code, failures, lines(&log))
    });
    assert_eq!(ours.1, [true; 3]);
    assert_eq!(ours, theirs);
}

/// Statistics that cannot be written stop nothing. Rbldnsd is silent; the drop-in says so once, and once
/// more when they fail after they worked.
#[test]
fn statistics_that_cannot_be_written_are_told_once() {
    let Some(peer) = Program::peer() else { return };
    let [theirs, ours] = [peer, Program::ours()].map(|program| {
        let folder = folder();
        let path = |name: &str| folder.path().join(name);
        fs::write(path("list"), "127.0.0.2\n").expect("the test's folder takes files");
        let list = format!("z.test:ip4set:{}", path("list").display());
        let statistics = path("new").join("statistics");
        let file = statistics.to_str().expect("a plain name").to_owned();
        let server = Running::start(&program, &["-s", &file, "-c", "0", &list]);
        // Who answers has begun to take signals; each is done when the counts are told.
        assert_eq!(server.ask("2.0.0.127.z.test", 1)[6..8], [0, 1]);
        let told = || server.said().matches(": tot=").count();
        let tell = || {
            let before = told();
            server.signal_until("USR1", || told() > before);
        };
        tell();
        tell();
        fs::create_dir(path("new")).expect("the test's folder takes folders");
        open_to_all(&path("new"));
        tell();
        // The counts are told before they are written, so the ones before may be in the file as well.
        control::until(|| fs::read_to_string(&statistics).is_ok_and(|text| text.ends_with('\n')));
        fs::rename(path("new"), path("moved")).expect("the folder is there");
        tell();
        tell();
        let (code, said) = server.end();
        assert_eq!(code, Some(0));
        said.lines().filter(|line| line.contains(&file)).map(str::to_owned).collect::<Vec<_>>()
    });
    assert!(theirs.is_empty(), "{theirs:?}");
    let ours_in_two =
        ours.len() == 2 && ours.iter().all(|line| line.ends_with("No such file or directory"));
    assert!(ours_in_two, "{ours:?}");
}

/// What follows the time in each line of a query log.
fn lines(log: &Path) -> Vec<String> {
    let text = fs::read_to_string(log).unwrap_or_default();
    text.lines().map(|line| line.split_once(' ').expect("a time").1.to_owned()).collect()
}

/// Lets every user write into a folder.
fn open_to_all(folder: &Path) {
    let mode = fs::Permissions::from_mode(0o777);
    fs::set_permissions(folder, mode).expect("the test's own folder");
}

/// Types, classes, operations and names of all kinds: each line has the same words for them. Answers
/// may differ where `doc/rbldnsd.md` says so; where they do not, neither does the rest of the line.
#[test]
fn the_log_has_the_words_of_rbldnsd_for_whatever_is_asked() {
    let Some(peer) = Program::peer() else { return };
    const LISTED: [&[u8]; 5] = [b"2", b"0", b"0", b"127", b"bl"];
    let plain = Question { rtype: 1, class: 1, opcode: 0 };
    let mut asked: Vec<(&[&[u8]], Question)> = Vec::new();
    asked.extend((0..300).map(|rtype| (&LISTED[..], Question { rtype, ..plain })));
    asked.extend([0, 1, 2, 3, 4, 77, 254, 255, 256, 65_535].map(|class| {
        let question = Question { class, ..plain };
        (&LISTED[..], question)
    }));
    asked.extend((0..16).map(|opcode| (&LISTED[..], Question { opcode, ..plain })));
    asked.push((&[b"a b.\xff\0", b"\"$@;()\\'#", b"bl"], plain));
    asked.push((&[], plain));
    let [theirs, ours] = [peer, Program::ours()].map(|program| {
        let folder = folder();
        let path = |name: &str| folder.path().join(name).to_str().expect("a plain name").to_owned();
        fs::write(path("list"), "127.0.0.2\n").expect("the test's folder takes files");
        let (log, list) = (path("log"), format!("bl:ip4set:{}", path("list")));
        let server = Running::start(&program, &["-l", &format!("+{log}"), &list]);
        for (name, question) in &asked {
            server.ask_anything(name, *question);
        }
        let read = || fs::read_to_string(&log).unwrap_or_default();
        control::until(|| read().lines().count() == asked.len());
        assert_eq!(server.end().0, Some(0));
        read().lines().map(|l| l.split_once(' ').expect("a time").1.to_owned()).collect::<Vec<_>>()
    });
    for ((theirs, ours), (_, question)) in theirs.iter().zip(&ours).zip(&asked) {
        let words = |line: &str| line.split(": ").next().map(str::to_owned);
        assert_eq!(words(ours), words(theirs));
        let same_answer = match (question.opcode, question.rtype) {
            (0, rtype) => rtype < 128 && rtype != 41 || (250..256).contains(&rtype),
            (_, _) => true,
        };
        if same_answer {
            assert_eq!(ours, theirs);
        }
    }
}

#[test]
fn a_daemon_is_ready_when_its_command_returns() {
    let folder = folder();
    let path = |name: &str| folder.path().join(name).to_str().expect("a plain name").to_owned();
    fs::write(path("list"), "127.0.0.2\n").expect("the test's folder takes files");
    let (port, pid_file) = (free_port(), path("pid"));
    let (listen, list) = (format!("127.0.0.1/{port}"), format!("z.test:ip4set:{}", path("list")));
    let mut arguments = vec!["-b", &listen, "-p", &pid_file, &list];
    if is_root() {
        arguments.extend(["-u", "65534:65534"]);
    }
    let ran = Program::ours().run(&arguments);
    assert_eq!(ran.code, Some(0), "{}", ran.output);
    let pid = fs::read_to_string(&pid_file).expect("a pid file");
    let daemon = control::Daemon(pid.trim().to_owned());
    let socket = UdpSocket::bind("127.0.0.1:0").expect("loopback can be bound");
    let reply = control::ask(&socket, port, "2.0.0.127.z.test", 1);
    assert_eq!(reply[3] & 15, 0);
    drop(daemon);
}

/// Debian's unit starts a script that reads a file of settings and runs the server by its full name.
#[test]
fn debians_wrapper_starts_the_drop_in_with_its_settings() {
    if Program::peer().is_none() {
        return;
    }
    let folder = folder();
    let path = |name: &str| folder.path().join(name);
    let text = |name: &str| path(name).to_str().expect("a plain name").to_owned();
    // A copy of the script that finds its two files in the test's folder.
    let script =
        fs::read_to_string("/usr/sbin/rbldnsd.wrapper").expect("it is in Debian's package");
    assert!(script.contains(SETTINGS) && script.contains("exec /usr/sbin/rbldnsd "), "{script}");
    let script = script.replace(SETTINGS, &text("settings"));
    let script = script.replace("exec /usr/sbin/rbldnsd ", &format!("exec {} ", text("rbldnsd")));
    fs::write(path("wrapper"), script).expect("the test's folder takes files");
    fs::set_permissions(path("wrapper"), fs::Permissions::from_mode(0o755)).expect("its own file");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_repute"), path("rbldnsd")).expect("it is new");

    fs::write(path("list"), "127.0.0.2\n").expect("the test's folder takes files");
    let (port, user) = (free_port(), if is_root() { "-u 65534:65534 " } else { "" });
    let settings = format!(
        "RBLDNSD=\"main {user}-p {} -b 127.0.0.1/{port} z.test:ip4set:{}\nother -b 127.0.0.1 x\"\n",
        text("pid"),
        text("list")
    );
    fs::write(path("settings"), settings).expect("the test's folder takes files");
    let start = |name: &str| {
        let output = Command::new(path("wrapper")).arg(name).output().expect("a shell is there");
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (code, said) = start("main");
    assert_eq!(code, Some(0), "{said}");
    let pid = fs::read_to_string(path("pid")).expect("a pid file");
    let daemon = control::Daemon(pid.trim().to_owned());
    let socket = UdpSocket::bind("127.0.0.1:0").expect("loopback can be bound");
    assert_eq!(control::ask(&socket, port, "2.0.0.127.z.test", 1)[6..8], [0, 1]);
    drop(daemon);
    assert_eq!(start("absent").0, Some(1));
}

#[test]
fn a_failed_start_is_told_by_the_exit_code() {
    let (listen, list) = (format!("127.0.0.1/{}", free_port()), "z.test:ip4set:/nonexistent");
    let mut arguments = vec!["-b", &listen, list];
    if is_root() {
        arguments.extend(["-u", "65534:65534"]);
    }
    let ran = Program::ours().run(&arguments);
    assert_eq!(ran.code, Some(1));
    assert!(ran.output.contains("zone loading errors, aborting"), "{}", ran.output);
}

#[test]
fn a_reload_reads_what_changed_and_keeps_what_cannot_be_read() {
    let folder = folder();
    let list = folder.path().join("list");
    write_new(&list, "127.0.0.2\n");
    let spec = format!("z.test:ip4set:{}", list.display());
    let server = Running::start(&Program::ours(), &["-c", "0", &spec]);
    let listed = |name: &str| server.ask(name, 1)[3] & 15 == 0;
    assert!(listed("2.0.0.127.z.test") && !listed("9.0.0.127.z.test"));

    write_new(&list, "127.0.0.2\n127.0.0.9\n");
    server.signal_until("HUP", || listed("9.0.0.127.z.test"));

    fs::remove_file(&list).expect("the file is there");
    server.signal_until("HUP", || server.said().contains("the old entries stay in service"));
    assert!(listed("2.0.0.127.z.test") && listed("9.0.0.127.z.test"));
}

#[test]
fn quick_start_answers_before_there_is_data() {
    let server = Running::start(&Program::ours(), &["-q", "-c", "0", "z.test:ip4set:/nonexistent"]);
    let servfail = 2;
    assert_eq!(server.ask("2.0.0.127.z.test", 1)[3] & 15, servfail);
}

#[test]
fn a_dump_is_a_master_file() {
    let folder = folder();
    let list = folder.path().join("list");
    fs::write(&list, "$SOA 60 a.test b.test 1 1 1 1 1\n$NS 60 a.test\n127.0.0.2 :3:why $\n")
        .expect("the test's folder takes files");
    let spec = format!("z.test:ip4set:{}", list.display());
    let ran = Program::ours().run(&["-d", &spec]);
    assert_eq!(ran.code, Some(0), "{}", ran.output);
    assert!(ran.output.contains("$ORIGIN z.test."), "{}", ran.output);
    assert!(ran.output.contains("why 127.0.0.2"), "{}", ran.output);
}

/// Replaces a file as programs should: written beside it and renamed.
fn write_new(path: &Path, text: &str) {
    let beside = path.with_extension("new");
    fs::write(&beside, text).expect("the test's folder takes files");
    fs::rename(&beside, path).expect("the test's folder takes files");
}

/// What is said of a log that cannot be opened.
const REOPENING: &str = "error (re)opening logfile `";
/// Where the script of Debian's package reads what to start.
const SETTINGS: &str = "/etc/default/rbldnsd";
/// Why.
const NO_SUCH_FILE: &str = "/logs/log': No such file or directory";
/// How long anything may take that must happen.
const PATIENCE: Duration = Duration::from_secs(20);

/// The time until which it may.
fn deadline() -> Instant {
    Instant::now() + PATIENCE
}

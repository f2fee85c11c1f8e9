//! A kill at any moment of a reload, of a snapshot's writing or of a feed's fetch leaves a server that
//! starts and serves the last good data, old or new, and whole.
//!
//! What is on the disk changes by system calls only, so the moments between them are all there are. strace
//! ends the process before its first write, then, in another run, before its second, and so on until it
//! lives through all of them; and so with each other kind of call.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStderr, Command, Stdio};

use crate::dns::{listed, listed_if_alive, until};
use crate::process::{Place, Served, zone};
use crate::web;

/// Ends a process before a system call; itself it ends with the value.
struct Stepper {
    child: Child,
    /// What it says, which somebody must take, or it would end.
    _said: BufReader<ChildStderr>,
}

impl Stepper {
    /// Waits for this call of the thread, or of each of its process's.
    fn attach(thread: &str, whose: Whose, call: Call) -> Stepper {
        let mut command = strace(call);
        if whose == Whose::EachThread {
            command.arg("-f");
        }
        let mut child = command.args(["-p", thread]).stderr(Stdio::piped()).spawn().unwrap();
        let mut said = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        said.read_line(&mut line).unwrap();
        assert!(line.contains("attached"), "{line}");
        Stepper { child, _said: said }
    }
}

impl Drop for Stepper {
    fn drop(&mut self) {
        // It ends with what it watches, and is not needed any longer if that lives.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Whose system calls are counted.
#[derive(Clone, Copy, PartialEq)]
enum Whose {
    /// Those of the loader, which writes what is kept.
    Loader,
    /// Those of each thread by itself, as a feed is fetched by one of its own.
    EachThread,
}

/// A list or snapshot, in the three states it is in.
struct Story<'a> {
    /// The configuration.
    config: String,
    /// Whose system calls are counted.
    whose: Whose,
    /// What was good first.
    old: &'a dyn Fn(),
    /// What is good next.
    new: &'a dyn Fn(),
    /// What is not good at all.
    bad: &'a dyn Fn(),
}

impl Story<'_> {
    /// Kills the server before each system call of a reload, one server for each.
    fn tell(&self, place: &Place) {
        at_every_call(|call| self.lives_through(place, call));
    }

    /// Kills a server before a call, and looks at what is served after that; whether there was no such
    /// call to kill it at.
    fn lives_through(&self, place: &Place, call: Call) -> bool {
        (self.old)();
        let _ = fs::remove_dir_all(place.path("data"));
        let mut server = Served::start(place, &self.config);
        until("the old one is served", || listed(server.dns, &name(OLD, 0)));
        // Who answers this has kept everything.
        assert_eq!(server.reload().0, 0);
        let stepper = Stepper::attach(&server.thread("loader"), self.whose, call);
        (self.new)();
        server.reload();
        let dns = server.dns;
        until("killed, or the new one is served", || {
            server.has_ended() || listed_if_alive(dns, &name(NEW, 0)) == Some(true)
        });
        let lives = server.reload().0 == 0;
        until("well, or killed", || lives || server.has_ended());
        drop(stepper);
        server.kill();

        (self.bad)();
        let server = Served::start(place, &self.config);
        let (old, new) = (is_served(&server, OLD), is_served(&server, NEW));
        assert!(old != new, "{call:?}: old {old}, new {new}");
        assert!(new || !lives, "{call:?}: nothing was killed and the old one is served");
        let left = files(place, "data/zones").into_iter().chain(files(place, "data/feeds"));
        let parts: Vec<_> = left.filter(|name| name.ends_with(".part")).collect();
        assert!(parts.is_empty(), "{call:?}: {parts:?}");
        server.kill();
        lives
    }
}

/// A system call: its kind, and which of that kind it is, from 1.
type Call = (&'static str, usize);

/// Has a process killed before each of its calls. `lives` kills it before one, and returns whether
/// there was none.
fn at_every_call(lives: impl Fn(Call) -> bool) {
    let mut kills = 0;
    for kind in CALLS {
        let first = (1..MOST_CALLS).find(|number| lives((kind, *number)));
        kills += first.expect("it comes to an end") - 1;
    }
    assert!(kills > FEWEST_CALLS, "only {kills} calls: does it look?");
}

#[test]
fn a_kill_at_any_call_of_a_reload_leaves_the_last_good_list() {
    if !has_strace() {
        return;
    }
    let place = Place::new();
    let story = Story {
        config: quick(&place) + &zone("bl.example", "addresses", &["a.txt"]),
        whose: Whose::Loader,
        old: &|| place.write("a.txt", &list(OLD)),
        new: &|| place.write("a.txt", &list(NEW)),
        bad: &|| place.write("a.txt", &"?\n".repeat(100)),
    };
    story.tell(&place);
}

#[test]
fn a_kill_at_any_call_of_a_snapshots_reload_leaves_the_last_good_one() {
    if !has_strace() {
        return;
    }
    let place = Place::new();
    let snapshot = |version| {
        place.write("list.txt", &list(version));
        assert!(build(&place, Command::new(REPUTE), "made").wait().unwrap().success());
        fs::read(place.path("made")).unwrap()
    };
    let (old, new) = (snapshot(OLD), snapshot(NEW));
    let put = |content: &[u8]| {
        fs::write(place.path("beside"), content).unwrap();
        fs::rename(place.path("beside"), place.path("bl.snapshot")).unwrap();
    };
    let story = Story {
        config: quick(&place) + "[[zone]]\napex = \"bl.example\"\nsnapshot = \"bl.snapshot\"\n",
        whose: Whose::Loader,
        old: &|| put(&old),
        new: &|| put(&new),
        bad: &|| put(&new[..new.len() / 2]),
    };
    story.tell(&place);
}

#[test]
fn a_kill_at_any_call_of_a_fetch_leaves_the_last_good_feed() {
    if !has_strace() {
        return;
    }
    // The copy of the feed alone must do, without that of the zone.
    for whose in [Whose::Loader, Whose::EachThread] {
        let place = Place::new();
        let feed = web::Feed::start(list(OLD));
        let zone = "[[zone]]\napex = \"bl.example\"\nkeep-last-good = false\n[[zone.source]]\n";
        let zone = format!("{zone}kind = \"addresses\"\nurl = \"{}\"\n", feed.url());
        let story = Story {
            config: quick(&place) + &zone,
            whose,
            old: &|| feed.says(list(OLD)),
            new: &|| feed.says(list(NEW)),
            bad: &|| feed.says("<p>come back later</p>\n".repeat(30)),
        };
        story.tell(&place);
    }
}

#[test]
fn a_kill_at_any_call_of_a_build_leaves_a_whole_snapshot() {
    if !has_strace() {
        return;
    }
    let place = Place::new();
    let old = "the snapshot of before";
    place.write("list.txt", &list(NEW));
    assert!(build(&place, Command::new(REPUTE), "bl.snapshot").wait().unwrap().success());
    let new = fs::read(place.path("bl.snapshot")).unwrap();
    at_every_call(|call| {
        place.write("bl.snapshot", old);
        let mut command = strace(call);
        command.args(["-f", REPUTE]).stderr(Stdio::null());
        let lives = build(&place, command, "bl.snapshot").wait().unwrap().success();
        let now = fs::read(place.path("bl.snapshot")).unwrap();
        assert!(now == new || now == old.as_bytes() && !lives, "{call:?}: {} bytes", now.len());
        lives
    });
}

/// Builds a snapshot of `list.txt`.
fn build(place: &Place, mut command: Command, to: &str) -> Child {
    command.args(["zone", "build", "--kind", "addresses", "--apex", "bl.example"]);
    command.args(["list.txt", "-o", to]).current_dir(place.path("")).spawn().unwrap()
}

/// Strace, which kills before this call.
fn strace((kind, number): Call) -> Command {
    let mut command = Command::new("strace");
    let kill = format!("inject={kind}:signal=KILL:when={number}");
    command.args(["-o", "/dev/null", "-e", &kill]);
    command
}

/// Whether the test is to be run; without `./test --no-peers` it is.
fn has_strace() -> bool {
    if std::env::var_os("REPUTE_NO_PEERS").is_some() {
        println!("skipped: REPUTE_NO_PEERS is set");
        return false;
    }
    let found = Command::new("strace").arg("-V").output();
    assert!(found.is_ok(), "strace is missing: install Debian's package strace");
    true
}

/// A configuration that waits for nothing, without zones.
fn quick(place: &Place) -> String {
    place.header() + "[loader]\nsettle = \"1ms\"\n"
}

/// A version of the list, long enough to be written in several pieces.
fn list(version: u8) -> String {
    let mut text = String::new();
    for i in 0..ENTRIES {
        text += &format!("10.{}.{}.{version}\n", i >> 8, i & 255);
    }
    text
}

/// Whether a version is served from its first to its last entry, as far as samples tell.
fn is_served(server: &Served<'_>, version: u8) -> bool {
    let samples = (0..ENTRIES).step_by(997).chain([ENTRIES - 1]);
    let found: Vec<bool> = samples.map(|i| listed(server.dns, &name(version, i))).collect();
    assert!(found.iter().all(|listed| *listed == found[0]), "served in part");
    found[0]
}

/// What is asked about an entry of a version.
fn name(version: u8, entry: u32) -> String {
    format!("{version}.{}.{}.10.bl.example", entry & 255, entry >> 8)
}

/// The names of the files in a folder.
fn files(place: &Place, folder: &str) -> Vec<String> {
    let files = fs::read_dir(place.path(folder)).unwrap();
    files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect()
}

/// The binary.
const REPUTE: &str = env!("CARGO_BIN_EXE_repute");
/// By these calls files are found and made, written, flushed, named and removed. Not every system has all;
/// strace counts each for itself.
const CALLS: [&str; 6] = [
    "openat",
    "write",
    "fsync",
    "copy_file_range",
    "?rename,?renameat,?renameat2",
    "?unlink,unlinkat",
];
/// How many entries a version has.
const ENTRIES: u32 = 20_000;
/// The first version.
const OLD: u8 = 1;
/// The next.
const NEW: u8 = 2;
/// More calls than this are made.
const FEWEST_CALLS: usize = 8;
/// Of one kind never as many are made.
const MOST_CALLS: usize = 200;

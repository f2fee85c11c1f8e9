//! The store of a process that is killed at a moment nobody chose, and of one whose disk is full: what was answered is
//! there, what was not is there whole or not at all.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use redb::{ReadableTable, TableDefinition};
use repute_authority::store::{Fault, Limits, Store, StoreError, Turn};
use repute_dnsxl::Name;
use repute_records::{Advance, Editor, Zone, master};

/// A table of somebody else, which is changed together with the zone.
const OTHER: TableDefinition<'_, u32, u64> = TableDefinition::new("other");
/// How many change the zone at once.
const HANDS: u32 = 4;
/// How often a process is killed.
const KILLS: usize = 25;
/// Tells a child its file.
const FILE: &str = "REPUTE_TEST_STORE";

fn apex() -> Name {
    "killed.test".parse().expect("a name")
}

fn owner(hand: u32) -> Name {
    format!("n{hand}.killed.test").parse().expect("a name")
}

/// The store, with its zone.
fn open(path: &Path) -> Store {
    let store = Store::open(path, Limits::default()).expect("a store");
    if store.zone(&apex()).is_none() {
        store.turn(|turn| turn.put(empty(), 0)).wait().expect("kept");
    }
    store
}

/// The zone as it begins.
fn empty() -> Zone {
    let records =
        master::read_lines(&apex(), "@ 60 SOA ns hostmaster 1 2 3 4 5\n@ 60 NS ns\n").records;
    Zone::new(apex(), records.into_iter().map(|placed| placed.record)).expect("a zone").0
}

/// Sets the number of a hand, in the zone and in the other table; `padding` more bytes make it long.
fn set(turn: &mut Turn<'_>, hand: u32, number: u64, padding: usize) -> Result<(), Fault> {
    let before = turn.zone(&apex()).expect("the zone");
    let mut editor = Editor::new(&before);
    // A type of no meaning: any data.
    let data = [&number.to_be_bytes()[..], &vec![7; padding]].concat();
    editor.replace(&owner(hand), 65_280, 60, &[&data]).expect("a place");
    let (after, difference) = editor.finish(Advance::Next).expect("a change");
    turn.change(after, &difference)?;
    turn.transaction().open_table(OTHER)?.insert(hand, number)?;
    Ok(())
}

/// The number of a hand in the zone; none is 0.
fn number(zone: &Zone, hand: u32) -> u64 {
    let set = zone.node(&owner(hand)).and_then(|node| node.get(65_280));
    set.and_then(|set| set.first().first_chunk().copied()).map_or(0, u64::from_be_bytes)
}

/// The numbers in the other table.
fn others(store: &Store) -> Vec<u64> {
    let read = store.turn(|turn| {
        let table = turn.transaction().open_table(OTHER)?;
        (0..HANDS).map(|hand| Ok(table.get(hand)?.map_or(0, |number| number.value()))).collect()
    });
    read.wait().expect("read")
}

/// Changes the zone until somebody kills it, and prints what was answered.
fn change_until_killed(path: &Path) {
    let store = open(path);
    std::thread::scope(|scope| {
        for hand in 0..HANDS {
            let store = &store;
            scope.spawn(move || {
                let start = number(&store.zone(&apex()).expect("the zone"), hand);
                for next in start + 1.. {
                    store.turn(move |turn| set(turn, hand, next, 0)).wait().expect("kept");
                    println!("\nanswered {hand} {next}");
                }
            });
        }
    });
}

/// Starts a child: the test once more, which finds a file to work on.
fn child(test: &str, path: &Path, before: &str) -> Child {
    let own = std::env::current_exe().expect("this test");
    Command::new("sh")
        .arg("-c")
        .arg(format!("{before} exec \"$0\" --exact {test} --nocapture"))
        .arg(own)
        .env(FILE, path)
        .stdout(Stdio::piped())
        .spawn()
        .expect("started")
}

/// The numbers of a line that says what was answered.
fn answered(line: &str) -> Option<(u32, u64)> {
    let (hand, number) = line.strip_prefix("answered ")?.split_once(' ')?;
    // The last line may be cut.
    Some((hand.parse().ok()?, number.parse().ok()?))
}

#[test]
fn what_was_answered_is_there_after_each_kill() {
    if let Some(path) = std::env::var_os(FILE) {
        return change_until_killed(Path::new(&path));
    }
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("zones.redb");
    drop(open(&path));
    let mut total = 0;
    for kill in 0..KILLS {
        let mut child = child("what_was_answered_is_there_after_each_kill", &path, "");
        let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        let mut last = [0; HANDS as usize];
        let mut note = |line: &str| {
            let Some((hand, number)) = answered(line) else { return 0 };
            last[hand as usize] = number;
            1
        };
        // A moment that nobody chose, after so many answers.
        let mut wanted = kill * 7 % 40 + 1;
        while wanted > 0 {
            wanted -= note(&lines.next().expect("it goes on").expect("text"));
        }
        child.kill().expect("killed");
        child.wait().expect("gone");
        lines.map_while(Result::ok).for_each(|line| {
            note(&line);
        });
        let store = open(&path);
        let zone = store.zone(&apex()).expect("the zone");
        for (hand, last) in (0..).zip(last) {
            let there = number(&zone, hand);
            // What was answered, and perhaps what was done and not answered yet.
            assert!(there >= last, "{hand}: {last}, {there}");
            assert!(last == 0 || there <= last + 1, "{hand}: {last}, {there}");
        }
        let there: Vec<u64> = (0..HANDS).map(|hand| number(&zone, hand)).collect();
        assert_eq!(others(&store), there, "the other table went along");
        assert_eq!(u64::from(zone.serial()), 1 + there.iter().sum::<u64>(), "a serial a change");
        let since = store.since(&apex(), 1).expect("readable").expect("the whole journal");
        let mut editor = Editor::new(&Arc::new(empty()));
        since.iter().for_each(|difference| editor.apply(difference).expect("it leads on"));
        assert_eq!(editor.finish_as_is().0, *zone, "the journal leads there");
        total = there.iter().sum();
    }
    assert!(total >= KILLS as u64, "{total}");
}

/// Fills the zone until there is no room, and goes on trying.
fn fill_the_disk(path: &Path) {
    let store = open(path);
    let mut hand = 0;
    let try_next = |hand: u32| store.turn(move |turn| set(turn, hand, 1, 30_000)).wait();
    let full = loop {
        match try_next(hand) {
            Ok(()) => println!("\nanswered {hand} 1"),
            Err(error) => break error,
        }
        hand += 1;
    };
    assert!(matches!(full, StoreError::Full { .. }), "{full}");
    assert!(full.to_string().contains("zones.redb"), "{full}");
    let zone = store.zone(&apex()).expect("served as it was");
    assert_eq!((zone.serial(), number(&zone, hand)), (1 + hand, 0));
    for _ in 0..3 {
        assert_eq!(try_next(hand), Err(full.clone()));
    }
    assert_eq!(
        store.since(&apex(), 1).expect("readable").map(|all| all.len()),
        Some(hand as usize)
    );
    println!("\nwas full");
    std::io::stdout().flush().expect("said");
}

#[test]
fn a_full_disk_refuses_changes_and_loses_none() {
    if let Some(path) = std::env::var_os(FILE) {
        return fill_the_disk(Path::new(&path));
    }
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("zones.redb");
    drop(open(&path));
    let size = std::fs::metadata(&path).expect("the file").len();
    // Files may have a megabyte more (in blocks of 512 bytes), and who writes more gets an error and no signal.
    let limit = size / 512 + 2048;
    let mut child = child(
        "a_full_disk_refuses_changes_and_loses_none",
        &path,
        &format!("trap '' XFSZ; ulimit -f {limit};"),
    );
    let mut said = String::new();
    child.stdout.take().expect("piped").read_to_string(&mut said).expect("text");
    assert!(child.wait().expect("gone").success(), "{said}");
    assert!(said.contains("was full"), "{said}");
    let done: Vec<u32> = said.lines().filter_map(answered).map(|(hand, _)| hand).collect();
    assert!(!done.is_empty(), "{said}");
    let store = open(&path);
    let zone = store.zone(&apex()).expect("the zone");
    assert!(done.iter().all(|hand| number(&zone, *hand) == 1), "{said}");
    assert_eq!(zone.names(), 1 + done.len(), "nothing but what was answered");
    store.turn(|turn| set(turn, 0, 2, 60_000)).wait().expect("there is room again");
}

//! The store: what it keeps, what it gives up, and what it says when its file is not as it should be.

use std::sync::mpsc::channel;

use redb::{ReadableTable, ReadableTableMetadata, TableDefinition};
use repute_records::{Advance, Editor, master};

use super::*;

/// A table of somebody else.
const OTHER: TableDefinition<'_, &str, u64> = TableDefinition::new("other");

/// A folder with a store.
struct Fixture {
    folder: tempfile::TempDir,
    limits: Limits,
}

impl Fixture {
    fn new() -> Fixture {
        Fixture { folder: tempfile::tempdir().expect("a folder"), limits: Limits::default() }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("zones.redb")
    }

    fn open(&self) -> Store {
        Store::open(&self.path(), self.limits).expect("a store")
    }
}

fn name(text: &str) -> Name {
    text.parse().expect("a name")
}

/// A zone with so many other names.
fn zone(apex: &str, names: u32) -> Zone {
    let mut text = "@ 60 SOA ns hostmaster 1 2 3 4 5\n@ 60 NS ns\n".to_owned();
    for i in 0..names {
        text.push_str(&format!("n{i} 60 A 192.0.2.{}\n", i % 256));
    }
    let records = master::read_lines(&name(apex), &text).records;
    let records = records.into_iter().map(|placed| placed.record);
    Zone::new(name(apex), records).expect("a zone").0
}

/// Work that sets the text at a name of a zone.
fn set(
    apex: &str,
    owner: &str,
    text: &str,
) -> impl Fn(&mut Turn<'_>) -> Result<u32, Fault> + use<> {
    let (apex, owner) = (name(apex), name(&format!("{owner}.{apex}")));
    let data = [&[text.len() as u8][..], text.as_bytes()].concat();
    move |turn| {
        let edit = |editor: &mut Editor| editor.replace(&owner, 16, 60, &[&data]);
        turn.edit(&apex, Advance::Next, |editor, _| Ok(edit(editor)?))
    }
}

/// Hands in all work in one turn: the writer waits with the first until all is there. What that returns is called then.
fn hold(store: &Store) -> impl FnOnce() {
    let ((begun, wait), (go, held)) = (channel(), channel::<()>());
    let held = Mutex::new(held);
    drop(store.turn(move |_| {
        // A second run finds nobody there, and need not wait.
        let _ = begun.send(());
        let _ = held.lock().expect("not poisoned").recv();
        Ok(())
    }));
    wait.recv().expect("the writer is there");
    move || drop(go)
}

#[test]
fn what_was_done_is_there_when_it_is_opened_again() {
    let fixture = Fixture::new();
    let store = fixture.open();
    let live = Live::default();
    store.serve(&name("a.test"), &live);
    assert!(live.load().is_none());
    for apex in ["a.test", "b.a.test"] {
        store.turn(move |turn| turn.put(zone(apex, 3), 7)).wait().expect("kept");
    }
    assert_eq!(store.turn(set("a.test", "x", "one")).wait(), Ok(2));
    assert_eq!(store.turn(set("a.test", "x", "two")).wait(), Ok(3));
    assert_eq!(store.turn(set("a.test", "x", "two")).wait(), Ok(3), "nothing changed");
    let zone = store.zone(&name("a.test")).expect("the zone");
    assert_eq!(*live.load_full().expect("served"), *zone);
    drop(store);
    let store = fixture.open();
    assert_eq!(*store.zone(&name("a.test")).expect("the zone"), *zone);
    assert_eq!((zone.len(), zone.serial()), (6, 3));
    assert_eq!(store.seed(&name("a.test")), Some(7));
    let mut editor = Editor::new(&Arc::new(self::zone("a.test", 3)));
    let since = store.since(&name("a.test"), 1).expect("readable").expect("known");
    assert_eq!(since.len(), 2);
    since.iter().for_each(|difference| editor.apply(difference).expect("it leads on"));
    assert_eq!(editor.finish_as_is().0, *zone);
    assert_eq!(store.since(&name("a.test"), 3), Ok(Some(vec![])));
    assert_eq!(store.since(&name("a.test"), 99), Ok(None));
    assert_eq!(store.turn(|turn| turn.remove(&name("a.test"))).wait(), Ok(()));
    drop(store);
    let store = fixture.open();
    assert_eq!(store.zone(&name("a.test")), None);
    let other = store.zone(&name("b.a.test")).expect("the other zone");
    assert_eq!((other.len(), store.since(&name("a.test"), 1)), (5, Ok(None)));
}

#[test]
fn work_that_gives_up_leaves_nothing_and_takes_nothing_with_it() {
    let fixture = Fixture::new();
    let store = fixture.open();
    store.turn(|turn| turn.put(zone("a.test", 0), 0)).wait().expect("kept");
    let go = hold(&store);
    let first = store.turn(set("a.test", "first", "1"));
    let change = set("a.test", "second", "2");
    let second = store.turn(move |turn| {
        change(turn)?;
        turn.transaction().open_table(OTHER)?.insert("second", 2)?;
        Err::<(), _>(Fault::Undo("it is too much".to_owned()))
    });
    let third = store.turn(|turn| {
        turn.transaction().open_table(OTHER)?.insert("third", 3)?;
        set("a.test", "third", "3")(turn)
    });
    let panics = store.turn(|turn| -> Result<(), Fault> {
        turn.transaction().open_table(OTHER)?.insert("panics", 4)?;
        panic!("a fault of the work, for the test");
    });
    let reads = store.turn(|turn| {
        let zone = turn.zone(&name("a.test")).expect("the zone");
        Err::<(), _>(Fault::Undo(format!("it has {} records", zone.len())))
    });
    let again = store.turn(set("a.test", "third", "4"));
    go();
    assert_eq!(first.wait(), Ok(2));
    assert_eq!(second.wait(), Err(StoreError::Undone("it is too much".to_owned())));
    assert_eq!(third.wait(), Ok(3));
    assert!(matches!(panics.wait(), Err(StoreError::Undone(_))));
    assert_eq!(reads.wait(), Err(StoreError::Undone("it has 4 records".to_owned())));
    assert_eq!(again.wait(), Ok(4));
    drop(store);
    let store = fixture.open();
    let zone = store.zone(&name("a.test")).expect("the zone");
    assert_eq!((zone.len(), zone.serial()), (4, 4));
    let others = store.turn(|turn| {
        let table = turn.transaction().open_table(OTHER)?;
        Ok((table.len()?, table.get("third")?.map(|value| value.value())))
    });
    assert_eq!(others.wait(), Ok((1, Some(3))));
}

#[test]
fn a_faulty_table_of_others_is_no_fault_of_the_file() {
    const WRONG: TableDefinition<'_, u8, u8> = TableDefinition::new("other");
    let fixture = Fixture::new();
    let store = fixture.open();
    store.turn(|turn| turn.put(zone("a.test", 0), 0)).wait().expect("kept");
    let make = |turn: &mut Turn<'_>| Ok(turn.transaction().open_table(OTHER)?.len()?);
    store.turn(make).wait().expect("made");
    let go = hold(&store);
    let first = store.turn(set("a.test", "x", "1"));
    let wrong =
        store.turn(|turn| Ok(turn.transaction().open_table(WRONG)?.insert(1, 1)?.is_some()));
    let last = store.turn(set("a.test", "x", "2"));
    go();
    assert!(matches!(wrong.wait(), Err(StoreError::Undone(_))));
    assert_eq!((first.wait(), last.wait()), (Ok(2), Ok(3)));
}

#[test]
fn whoever_listens_is_told_after_it_is_served() {
    let fixture = Fixture::new();
    let store = fixture.open();
    let (live, (told, hears)) = (Live::default(), channel());
    store.serve(&name("a.test"), &live);
    let (served, told) = (Arc::clone(&live), Mutex::new(told));
    store.listen(Arc::new(move |zone| {
        let serial = served.load_full().map(|zone| zone.serial());
        told.lock().expect("not poisoned").send((zone.serial(), serial)).expect("heard");
    }));
    store.turn(|turn| turn.put(zone("a.test", 0), 0)).wait().expect("kept");
    store.turn(set("a.test", "x", "1")).wait().expect("kept");
    assert_eq!([hears.recv(), hears.recv()], [Ok((1, Some(1))), Ok((2, Some(2)))]);
}

#[test]
fn journals_are_bounded_each_and_together() {
    let mut fixture = Fixture::new();
    fixture.limits = Limits { journal: 2000, journals: 3000, ..Limits::default() };
    let store = fixture.open();
    let bytes = |store: &Store| -> Vec<u64> {
        let held = store.shared.held();
        ["a.test", "b.test", "c.test"].map(|apex| held[&name(apex)].journal.bytes).to_vec()
    };
    for apex in ["a.test", "b.test", "c.test"] {
        store.turn(move |turn| turn.put(zone(apex, 0), 0)).wait().expect("kept");
    }
    for i in 0..100 {
        store.turn(set("a.test", "x", &i.to_string())).wait().expect("kept");
    }
    assert!((1500..=2000).contains(&bytes(&store)[0]), "{:?}", bytes(&store));
    let zone = store.zone(&name("a.test")).expect("the zone");
    assert_eq!(zone.serial(), 101);
    assert_eq!(store.since(&name("a.test"), 1), Ok(None), "forgotten");
    assert_eq!(store.since(&name("a.test"), 99).expect("readable").map(|all| all.len()), Some(2));
    for i in 0..100 {
        let go = hold(&store);
        let two = ["b.test", "c.test"].map(|apex| store.turn(set(apex, "x", &i.to_string())));
        go();
        for waiting in two {
            waiting.wait().expect("kept");
        }
        assert!(bytes(&store).iter().sum::<u64>() <= 3000, "{:?}", bytes(&store));
        assert_eq!(store.shared.state().journals, bytes(&store).iter().sum::<u64>());
    }
    assert!(bytes(&store).iter().all(|bytes| *bytes > 600), "shared: {:?}", bytes(&store));
    let (before, file) = (bytes(&store), fixture.path());
    drop(store);
    let store = Store::open(&file, fixture.limits).expect("the store");
    assert_eq!(bytes(&store), before);
    for apex in ["a.test", "b.test", "c.test"] {
        let serial = store.zone(&name(apex)).expect("the zone").serial() - 1;
        let since = store.since(&name(apex), serial).expect("readable");
        assert_eq!(since.map(|all| all.len()), Some(1), "{apex}");
    }
}

#[test]
fn an_edit_and_what_goes_with_it_are_one() {
    let fixture = Fixture::new();
    let store = fixture.open();
    store.turn(|turn| turn.put(zone("a.test", 0), 0)).wait().expect("kept");
    let edit = |owner: &'static str| {
        store.turn(move |turn| {
            turn.edit(&name("a.test"), Advance::Next, |editor, transaction| {
                transaction.open_table(OTHER)?.insert(owner, 1)?;
                Ok(editor.replace(&name(owner), 16, 60, &[b"\x01x"])?)
            })
        })
    };
    assert_eq!(edit("x.a.test").wait(), Ok(2));
    assert_eq!(edit("x.a.test").wait(), Ok(2), "nothing new");
    let outside = edit("x.b.test").wait().expect_err("not in the zone").to_string();
    assert!(outside.contains("x.b.test is not within a.test"), "{outside}");
    let there = store.turn(|turn| {
        let table = turn.transaction().open_table(OTHER)?;
        Ok(["x.a.test", "x.b.test"].map(|owner| table.get(owner).is_ok_and(|row| row.is_some())))
    });
    assert_eq!(there.wait(), Ok([true, false]));
}

#[test]
fn a_change_that_does_not_follow_is_not_kept() {
    let fixture = Fixture::new();
    let store = fixture.open();
    store.turn(|turn| turn.put(zone("a.test", 0), 0)).wait().expect("kept");
    let mut editor = Editor::new(&store.zone(&name("a.test")).expect("the zone"));
    editor.replace(&name("x.a.test"), 16, 60, &[b"\x01x"]).expect("a place");
    let (after, difference) = editor.finish(Advance::Next).expect("a change");
    store.turn(set("a.test", "y", "1")).wait().expect("kept");
    let late = store.turn(move |turn| turn.change(after.clone(), &difference));
    assert!(matches!(late.wait(), Err(StoreError::Undone(_))));
    let none = store.turn(|turn| turn.note_seed(&name("none.test"), 1));
    assert!(matches!(none.wait(), Err(StoreError::Undone(_))));
    assert_eq!(store.zone(&name("a.test")).expect("the zone").len(), 3);
}

#[test]
fn files_that_are_not_right_are_told_with_path_and_remedy() {
    let fixture = Fixture::new();
    let store = fixture.open();
    store.turn(|turn| turn.put(zone("a.test", 2000), 0)).wait().expect("kept");
    let check = |error: Result<Store, StoreError>, words: &str| {
        let error = error.expect_err("refused").to_string();
        assert!(error.contains("zones.redb") && error.contains(words), "{error}");
    };
    let open = || Store::open(&fixture.path(), fixture.limits);
    check(open(), "stop the other Repute");
    store
        .turn(|turn| {
            turn.transaction().open_table(file::META)?.insert(file::FORMAT, 2)?;
            Ok(())
        })
        .wait()
        .expect("kept");
    drop(store);
    check(open(), "start the version that wrote it");
    let whole = std::fs::read(fixture.path()).expect("the file");
    // Any page: what nobody uses may be anything, and what is used is seen.
    let mut damaged = 0;
    for page in (0..whole.len()).step_by(4096) {
        let mut bytes = whole.clone();
        bytes[page + 16..page + 80].iter_mut().for_each(|byte| *byte ^= 0x55);
        std::fs::write(fixture.path(), bytes).expect("written");
        match open() {
            Err(StoreError::Corrupt { path, .. }) => {
                assert_eq!(path, fixture.path());
                damaged += 1;
            }
            Err(
                StoreError::Version { .. } | StoreError::Write { .. } | StoreError::Open { .. },
            ) => {}
            other => panic!("page {page}: {other:?}"),
        }
    }
    assert!(damaged >= 3, "{damaged}");
    std::fs::write(
        fixture.path(),
        "no store at all, but a text that somebody left here\n".repeat(500),
    )
    .expect("written");
    check(open(), "restore it from a backup");
    std::fs::remove_file(fixture.path()).expect("removed");
    std::fs::create_dir(fixture.path()).expect("a folder in its place");
    check(open(), "cannot open");
}

#[test]
fn ten_thousand_zones_and_a_large_one_are_read() {
    let fixture = Fixture::new();
    let store = fixture.open();
    store
        .turn(|turn| (0..10_000).try_for_each(|i| turn.put(zone(&format!("z{i}.test"), 2), i)))
        .wait()
        .expect("kept");
    store.turn(|turn| turn.put(zone("large.test", 100_000), 1)).wait().expect("kept");
    drop(store);
    let store = fixture.open();
    for i in [0, 1, 5000, 9999] {
        let zone = store.zone(&name(&format!("z{i}.test"))).expect("the zone");
        assert_eq!((zone.len(), store.seed(zone.apex())), (4, Some(i)));
    }
    assert_eq!(store.shared.held().len(), 10_001);
    assert_eq!(store.zone(&name("large.test")).expect("the zone").names(), 100_001);
    store.turn(set("large.test", "x", "1")).wait().expect("kept");
}

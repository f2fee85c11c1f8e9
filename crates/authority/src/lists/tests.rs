//! Lists as they change: what a secondary makes of its version by what is kept is what a new one is sent.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::path::Path;

use proptest::prelude::*;
use repute_dnsxl::{Extent, KeyKind, Polarity, ReturnCode};
use repute_zone::journal::{Change, Editor, Key, State};
use repute_zone::records::{self, SortedNames, records};
use repute_zone::{Dialect, Soa, Text, ZoneSpec};

use super::*;
use crate::store::Limits;
use crate::store::steps::Found;
use crate::transfer::soa_record;
use repute_records::Difference;

const NOW: u32 = 1_800_000_000;

/// Records as they are compared.
type Records = BTreeSet<(Vec<u8>, u16, u32, Vec<u8>)>;

pub(crate) fn apex() -> Name {
    "bl.example".parse().expect("a name")
}

/// A list with entries, at a serial.
pub(crate) fn editor(serial: u32, changes: impl IntoIterator<Item = Change>) -> Editor {
    let soa = Soa {
        ttl: 300,
        origin: "ns.example".parse().expect("a name"),
        person: "hm.example".parse().expect("a name"),
        serial,
        refresh: 300,
        retry: 300,
        expire: 300,
        minimum: 300,
    };
    let spec = ZoneSpec {
        apex: apex(),
        dialect: Dialect::Native,
        polarity: Polarity::Block,
        soa: Some(soa),
        name_servers: Some((60, vec!["ns.example".parse().expect("a name")])),
        datasets: Vec::new(),
        test_entries: true,
        link: None,
        codes: vec![ReturnCode::LISTED],
        serial,
    };
    Editor::new(spec, &[KeyKind::Ip, KeyKind::Name], 300, changes).expect("few")
}

/// A change of a network or a name.
pub(crate) fn change(key: &str, text: Option<&str>) -> Change {
    let name = || Key::Name(key.parse().expect("a name"), Extent::Both);
    let listed = |text| State::Listed(vec![(ReturnCode::LISTED, Text::template(text))]);
    Change {
        key: key.parse().map_or_else(|_| name(), Key::Network),
        state: text.map_or(State::Absent, listed),
    }
}

/// Any change; wide networks among them are many records.
fn any_change() -> impl Strategy<Value = Change> {
    let key = prop_oneof![
        8 => (0..4_u8, 0..9_u8).prop_map(|(c, d)| format!("192.0.{c}.{d}")),
        1 => (0..4_u8).prop_map(|c| format!("192.0.{c}.0/25")),
        1 => Just("2001:db8::/45".to_owned()),
        4 => "[abc]\\.(x|y)\\.example|x\\.example",
    ];
    let text = proptest::option::weighted(0.6, prop_oneof![Just("why"), Just("see $")]);
    (key, text).prop_map(|(key, text)| change(&key, text))
}

/// How a version comes.
#[derive(Clone, Copy, Debug)]
enum Way {
    /// With the record that led to it.
    Told,
    /// Without.
    Read,
    /// With others at once.
    Fast,
    /// After the list was built anew.
    Built,
    /// After a start.
    Started,
}

fn any_way() -> impl Strategy<Value = Way> {
    prop_oneof![
        4 => Just(Way::Told), 1 => Just(Way::Read), 2 => Just(Way::Fast), 1 => Just(Way::Built),
        1 => Just(Way::Started)
    ]
}

/// Lists of a store's file.
fn open(path: &Path, list: u64) -> Lists {
    let store = Store::open(path, Limits { list, ..Limits::default() }).expect("a store");
    let lists = Lists::start(Arc::new(store)).expect("a thread");
    lists.watch(HashSet::from([apex()]));
    lists
}

/// What a whole transfer of a version has.
fn whole(version: &Version) -> Records {
    let (zone, names) = (&*version.zone, SortedNames::of(&version.zone));
    let mut all = Records::new();
    let of = records::Version { zone, names: &names, now: version.now };
    let flow = records(of, |record| {
        let data = record.data.to_vec();
        assert!(all.insert((record.owner.to_vec(), record.rtype, record.ttl, data)));
        ControlFlow::Continue(())
    });
    assert!(flow.is_continue());
    all.insert(row(&soa_record(zone.apex(), zone.soa().expect("a SOA"))));
    all
}

/// What changed since a serial, all at once.
pub(crate) fn steps_since(
    lists: &Lists,
    to: &Version,
    serial: u32,
) -> Result<Option<Vec<Difference>>, StoreError> {
    let store = &lists.shared.store;
    match to.is_kept {
        true if to.zone.serial() == serial => Ok(Some(Vec::new())),
        true => Found::new(store, journal::STEPS, to.zone.apex(), serial, to.zone.serial())?
            .map_or(Ok(None), |found| found.whole(store)),
        false => Ok(None),
    }
}

fn row(record: &repute_records::Record) -> (Vec<u8>, u16, u32, Vec<u8>) {
    (record.owner.as_wire().to_vec(), record.rtype, record.ttl, record.data.to_vec())
}

/// What a secondary has after changes.
fn after(mut records: Records, steps: &[Difference]) -> Records {
    for step in steps {
        for gone in step.removed.iter().chain([&step.from]) {
            assert!(records.remove(&row(gone)), "{gone:?} was not there");
        }
        for new in step.added.iter().chain([&step.to]) {
            assert!(records.insert(row(new)), "{new:?} was there");
        }
    }
    records
}

/// Whether a change is small enough to be kept.
fn is_kept(before: &Records, after: &Records) -> bool {
    // Both have a SOA of their own.
    let differing = before.symmetric_difference(after).count() - 2;
    differing <= (before.len() / 2).max(100)
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        cases: 24,
        ..ProptestConfig::default()
    })]

    #[test]
    fn secondaries_come_to_have_what_a_new_one_is_sent(
        first in proptest::collection::vec(any_change(), 0..40),
        versions in proptest::collection::vec(
            (any_way(), proptest::collection::vec(any_change(), 1..5)), 1..12),
    ) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("zones.redb");
        let mut lists = open(&path, 1 << 20);
        let mut editor = editor(7, first);
        lists.hear(editor.zone(), None, NOW);
        lists.settle();
        let mut secondaries = vec![(7, whole(&lists.reached(&apex()).expect("a version")))];
        for (place, (way, changes)) in versions.into_iter().enumerate() {
            let record = Record { from: editor.serial(), to: editor.serial() + 1, changes };
            let now = NOW + place as u32;
            match way {
                Way::Told | Way::Fast => {
                    let zone = editor.apply(&record).expect("it follows");
                    lists.hear(zone, Some(&record), now);
                }
                Way::Read => lists.hear(editor.apply(&record).expect("it follows"), None, now),
                Way::Built => {
                    lists.hear(editor.apply(&record).expect("it follows"), Some(&record), now);
                    lists.hear(editor.compact().expect("few"), None, now);
                }
                Way::Started => {
                    lists.settle();
                    let before = lists.reached(&apex()).expect("a version");
                    drop(lists);
                    lists = open(&path, 1 << 20);
                    lists.hear(editor.zone(), None, now);
                    lists.settle();
                    let again = lists.reached(&apex()).expect("a version");
                    prop_assert_eq!((again.now, again.is_kept), (before.now, true));
                    lists.hear(editor.apply(&record).expect("it follows"), Some(&record), now);
                }
            }
            if matches!(way, Way::Fast) {
                // The next ones come before this one is kept, or after: whatever is reached fits together.
                continue;
            }
            lists.settle();
            let reached = lists.reached(&apex()).expect("a version");
            prop_assert_eq!(reached.zone.serial(), editor.serial());
            let records = whole(&reached);
            for (serial, had) in &secondaries {
                if let Some(steps) = steps_since(&lists, &reached, *serial).expect("read") {
                    prop_assert_eq!(&after(had.clone(), &steps), &records);
                }
            }
            secondaries.push((editor.serial(), records));
        }
    }

    #[test]
    fn what_is_not_much_is_kept_and_what_is_much_is_not(
        first in proptest::collection::vec(any_change(), 0..40),
        versions in proptest::collection::vec(proptest::collection::vec(any_change(), 1..5), 1..10),
    ) {
        let folder = tempfile::tempdir().expect("a folder");
        let lists = open(&folder.path().join("zones.redb"), 1 << 20);
        let mut editor = editor(u32::MAX - 3, first);
        lists.hear(editor.zone(), None, NOW);
        lists.settle();
        let mut known = vec![(editor.serial(), whole(&lists.reached(&apex()).expect("a version")))];
        for changes in versions {
            let to = editor.serial().wrapping_add(1);
            let record = Record { from: editor.serial(), to, changes };
            lists.hear(editor.apply(&record).expect("it follows"), Some(&record), NOW);
            lists.settle();
            let reached = lists.reached(&apex()).expect("a version");
            let records = whole(&reached);
            let (_, last) = known.last().expect("one");
            let is_kept = is_kept(last, &records);
            for (serial, had) in &known {
                let steps = steps_since(&lists, &reached, *serial).expect("read");
                prop_assert_eq!(steps.is_some(), is_kept);
                prop_assert!(steps.is_none_or(|steps| after(had.clone(), &steps) == records));
            }
            if !is_kept {
                known.clear();
            }
            known.push((to, records));
        }
    }
}

#[test]
fn the_oldest_changes_go_when_there_is_no_room() {
    let folder = tempfile::tempdir().expect("a folder");
    let lists = open(&folder.path().join("zones.redb"), 3_000);
    let mut editor = editor(1, []);
    lists.hear(editor.zone(), None, NOW);
    for serial in 1..60 {
        let key = format!("192.0.2.{}", serial * 4);
        let record =
            Record { from: serial, to: serial + 1, changes: vec![change(&key, Some("x"))] };
        lists.hear(editor.apply(&record).expect("it follows"), Some(&record), NOW);
        lists.settle();
    }
    let reached = lists.reached(&apex()).expect("a version");
    let since = |serial| steps_since(&lists, &reached, serial).expect("read");
    let reach = (1..60).filter(|serial| since(*serial).is_some()).count();
    assert!((3..20).contains(&reach), "{reach} changes are kept");
    assert!((60 - reach as u32..=60).all(|serial| since(serial).is_some()));
    // One that has no room at all leaves nothing.
    let many = (0..60).map(|i| change(&format!("198.51.100.{}", i * 4), Some("more"))).collect();
    let record = Record { from: 60, to: 61, changes: many };
    lists.hear(editor.apply(&record).expect("it follows"), Some(&record), NOW);
    lists.settle();
    let reached = lists.reached(&apex()).expect("a version");
    assert_eq!(reached.zone.serial(), 61);
    assert_eq!(steps_since(&lists, &reached, 60).expect("read"), None);
}

#[test]
fn a_list_that_is_another_after_the_start_begins_anew() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("zones.redb");
    let start = |editor: &Editor| {
        let lists = open(&path, 1 << 20);
        lists.hear(editor.zone(), None, NOW);
        lists.settle();
        let reached = lists.reached(&apex()).expect("a version");
        let was_before = steps_since(&lists, &reached, 7).expect("read");
        (lists, was_before)
    };
    let mut eight = editor(7, [change("192.0.2.1", Some("x"))]);
    let (lists, _) = start(&eight);
    let record = Record { from: 7, to: 8, changes: vec![change("192.0.2.9", Some("y"))] };
    lists.hear(eight.apply(&record).expect("it follows"), Some(&record), NOW);
    lists.settle();
    drop(lists);
    assert!(start(&eight).1.is_some(), "the same");
    assert!(start(&editor(9, [change("192.0.2.1", Some("x"))])).1.is_none(), "a later one");
    assert!(start(&eight).1.is_none(), "one from before that");
    // The serial alone does not make it the same.
    let other = editor(8, [change("192.0.2.77", Some("x"))]);
    let (lists, since) = start(&other);
    assert_eq!(since, None);
    // Nor does it while the server runs.
    lists.hear(eight.zone(), None, NOW);
    lists.settle();
    let reached = lists.reached(&apex()).expect("a version");
    assert!(Arc::ptr_eq(&reached.zone, eight.zone()));
    assert_eq!(steps_since(&lists, &reached, 7).expect("read"), None);
    // Secondaries have the one or the other under that serial, so nothing leads on from it; from the next one it does.
    for (from, leads) in [(8, false), (9, true)] {
        let changes = vec![change(&format!("192.0.2.{from}0"), Some("z"))];
        let record = Record { from, to: from + 1, changes };
        lists.hear(eight.apply(&record).expect("it follows"), Some(&record), NOW);
        lists.settle();
        let reached = lists.reached(&apex()).expect("a version");
        assert_eq!(
            steps_since(&lists, &reached, from).expect("read").is_some(),
            leads,
            "from {from}"
        );
    }
}

#[test]
fn lists_that_nobody_may_have_are_forgotten() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("zones.redb");
    let lists = open(&path, 1 << 20);
    let mut list = editor(7, []);
    lists.hear(list.zone(), None, NOW);
    let record = Record { from: 7, to: 8, changes: vec![change("192.0.2.9", Some("y"))] };
    lists.hear(list.apply(&record).expect("it follows"), Some(&record), NOW);
    lists.settle();
    assert!(journal::head(&lists.shared.store, &apex()).expect("read").is_some());
    lists.watch(HashSet::new());
    lists.settle();
    assert!(lists.reached(&apex()).is_none());
    assert_eq!(journal::head(&lists.shared.store, &apex()), Ok(None));
    assert!(
        Found::new(&lists.shared.store, journal::STEPS, &apex(), 7, 8).expect("read").is_none()
    );
    lists.hear(list.zone(), None, NOW);
    assert!(lists.reached(&apex()).is_none());
}

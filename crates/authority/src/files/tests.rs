//! Versions of master files, as they come, are kept, and are there after a restart.

use std::path::Path;

use repute_nameserver::{Identity, ZoneState};
use repute_records::{Difference, master};

use super::*;
use crate::store::Limits;

fn name(text: &str) -> Name {
    text.parse().expect("a name")
}

/// A zone with a serial and an address.
fn zone(apex: &str, serial: u32, last: u8) -> Arc<Zone> {
    let text =
        format!("@ 60 SOA ns hostmaster {serial} 2 3 4 5\n@ 60 NS ns\nwww 60 A 192.0.2.{last}\n");
    let records = master::read_lines(&name(apex), &text).records;
    let records = records.into_iter().map(|placed| placed.record);
    Arc::new(Zone::new(name(apex), records).expect("a zone").0)
}

/// Files of a store, and what is served of them.
fn open(folder: &Path) -> (Files, Arc<ArcSwap<Zones>>) {
    let store = Store::open(&folder.join("zones.redb"), Limits::default()).expect("a store");
    let zones = Arc::new(ArcSwap::from_pointee(Zones::new(Identity::default())));
    (Files::new(Arc::new(store), Arc::clone(&zones)), zones)
}

/// What is served of a zone.
fn served(zones: &ArcSwap<Zones>, apex: &str) -> Option<Arc<Zone>> {
    match zones.load().get(&name(apex)) {
        Some(ZoneState::Records(live)) => live.load_full(),
        _ => None,
    }
}

/// What changed since a serial.
fn since(files: &Files, apex: &str, serial: u32) -> Option<Vec<Difference>> {
    files.store.since(&name(apex), serial).expect("it can be read")
}

#[test]
fn a_version_with_a_later_serial_is_what_changed() {
    let folder = tempfile::tempdir().expect("a folder");
    let (files, zones) = open(folder.path());
    assert_eq!(files.expect(vec![(name("a.test"), ZoneIndex(0))]), [None]);
    let versions = [zone("a.test", u32::MAX, 1), zone("a.test", 3, 2), zone("a.test", 4, 3)];
    for version in &versions {
        assert_eq!(files.take(vec![Arc::clone(version)]), [Ok(())]);
        assert_eq!(served(&zones, "a.test").as_deref(), Some(&**version));
    }
    let steps = since(&files, "a.test", u32::MAX).expect("known");
    let expect = versions.windows(2).map(|pair| Difference::between(&pair[0], &pair[1]));
    assert_eq!(steps, expect.collect::<Vec<_>>());
    // The same once more is nothing.
    assert_eq!(files.take(vec![Arc::clone(&versions[2])]), [Ok(())]);
    assert_eq!(since(&files, "a.test", 3).map(|steps| steps.len()), Some(1));
}

#[test]
fn a_version_whose_serial_does_not_go_up_is_served_and_told_and_leads_nowhere() {
    for (serial, told) in [(4, "its serial is still 4"), (3, "the serial went back from 4 to 3")] {
        let folder = tempfile::tempdir().expect("a folder");
        let (files, zones) = open(folder.path());
        files.expect(vec![(name("a.test"), ZoneIndex(0))]);
        files.take(vec![zone("a.test", 2, 1)]);
        files.take(vec![zone("a.test", 4, 2)]);
        assert!(since(&files, "a.test", 2).is_some());
        let other = zone("a.test", serial, 3);
        let outcome = files.take(vec![Arc::clone(&other)]).remove(0).expect_err("it is told");
        assert!(outcome.contains(told), "{outcome}");
        assert_eq!(served(&zones, "a.test").as_deref(), Some(&*other));
        assert_eq!(since(&files, "a.test", 2), None);
        // From there it goes on.
        assert_eq!(files.take(vec![zone("a.test", 5, 4)]), [Ok(())]);
        assert_eq!(since(&files, "a.test", serial).map(|steps| steps.len()), Some(1));
        assert_eq!(since(&files, "a.test", 2), None);
    }
}

#[test]
fn the_last_version_is_there_after_a_restart() {
    let folder = tempfile::tempdir().expect("a folder");
    let all = || {
        ["a.test", "b.test", "up.test"].map(|apex| (name(apex), ZoneIndex(0))).into_iter().collect()
    };
    let (files, _) = open(folder.path());
    files.expect(all());
    files.take(vec![zone("a.test", 1, 1), zone("b.test", 1, 1)]);
    // What programs change is not a file's, even if it was before.
    let up = zone("up.test", 9, 9);
    files.store.turn(move |turn| turn.put(Zone::clone(&up), 77)).wait().expect("kept");
    drop(files);
    let (files, zones) = open(folder.path());
    let kept = files.expect(all());
    assert_eq!(kept[0].as_deref(), Some(&*zone("a.test", 1, 1)));
    assert_eq!(served(&zones, "b.test").as_deref(), Some(&*zone("b.test", 1, 1)));
    assert_eq!((&kept[2], served(&zones, "up.test")), (&None, None));
    assert_eq!(files.take(vec![zone("a.test", 2, 2)]), [Ok(())]);
    assert_eq!(since(&files, "a.test", 1).map(|steps| steps.len()), Some(1));
    let told = files.take(vec![zone("up.test", 5, 5)]).remove(0).expect_err("it goes back");
    assert!(told.contains("from 9 to 5"), "{told}");
    assert_eq!(files.store.seed(&name("up.test")), Some(FROM_FILE));
}

#[test]
fn many_zones_are_one_turn() {
    let folder = tempfile::tempdir().expect("a folder");
    let (files, _) = open(folder.path());
    let apexes: Vec<String> = (0..1000).map(|i| format!("n{i}.test")).collect();
    files.expect(apexes.iter().map(|apex| (name(apex), ZoneIndex(0))).collect());
    let before = files.store.turns();
    let zones = |serial| apexes.iter().map(|apex| zone(apex, serial, 1)).collect();
    assert!(files.take(zones(1)).iter().all(Result::is_ok));
    assert_eq!(files.store.turns(), before + 1);
    assert!(files.take(zones(2)).iter().all(Result::is_ok));
    assert_eq!(files.store.turns(), before + 2);
}

#[test]
fn a_zone_that_went_is_served_by_nobody_and_one_that_moved_by_others() {
    let folder = tempfile::tempdir().expect("a folder");
    let (files, zones) = open(folder.path());
    files.expect(vec![(name("a.test"), ZoneIndex(0)), (name("b.test"), ZoneIndex(1))]);
    files.take(vec![zone("a.test", 1, 1), zone("b.test", 1, 1)]);
    // Updates change it from now on, at a place of their own.
    let other = Live::default();
    files.store.serve(&name("b.test"), &other);
    files.retire(&[name("a.test"), name("b.test")]);
    assert!(zones.load().get(&name("a.test")).is_none());
    assert!(other.load().is_some());
    let outcome = files.take(vec![zone("a.test", 2, 1)]);
    assert_eq!(outcome, [Err(NOT_EXPECTED.to_owned())]);
}

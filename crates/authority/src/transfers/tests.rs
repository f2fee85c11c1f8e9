//! A list as its secondaries ask for it.

use std::collections::{BTreeSet, HashSet};

use repute_nameserver::observer::Observer;
use repute_nameserver::{Identity, Serving, ZoneIndex};
use repute_zone::journal::Record;

use super::*;
use crate::lists::tests::{apex, change, editor};
use crate::store::Limits;
use crate::transfer::access::{Access, Entry};
use crate::transfer::tests::{Taken, lines};

const NOW: u64 = 1_800_000_000;

/// A question for all of the list, or for what changed since a serial.
fn question(since: Option<u32>) -> Vec<u8> {
    let name = apex();
    let count = u8::from(since.is_some());
    let mut message = vec![1, 2, 0, 0, 0, 1, 0, 0, 0, count, 0, 0];
    message.extend_from_slice(name.as_wire());
    message.extend_from_slice(&[0, if since.is_some() { 251 } else { 252 }, 0, 1]);
    if let Some(serial) = since {
        message.extend_from_slice(name.as_wire());
        message.extend_from_slice(&[0, 6, 0, 1, 0, 0, 0, 0, 0, 22, 0, 0]);
        message.extend_from_slice(&serial.to_be_bytes());
        message.extend_from_slice(&[0; 16]);
    }
    message
}

/// Those who send the list, as it is served.
fn sender(folder: &std::path::Path, list: &Arc<repute_zone::Zone>) -> Transfers {
    let store = Store::open(&folder.join("zones.redb"), Limits::default()).expect("a store");
    let store = Arc::new(store);
    let lists = Arc::new(Lists::start(Arc::clone(&store)).expect("a thread"));
    lists.watch(HashSet::from([apex()]));
    let sender = Transfers {
        zones: Arc::new(ArcSwap::from_pointee(Zones::new(Identity::default()))),
        store,
        lists,
        complaints: Arc::default(),
        ledger: Arc::default(),
        places: Arc::new(Semaphore::new(1)),
    };
    serve(&sender, list);
    sender
}

/// Serves a version.
fn serve(sender: &Transfers, list: &Arc<repute_zone::Zone>) {
    let state = ZoneState::Serving(Arc::clone(list));
    let zones = sender.zones.load().with(&apex(), ZoneIndex(0), state, Serving::default());
    sender.zones.store(Arc::new(zones));
}

/// The records that a secondary is sent.
fn asked(sender: &Transfers, since: Option<u32>) -> Vec<String> {
    let network = Some("127.0.0.0/8".parse().expect("a network"));
    let access = Access::new(vec![Entry { network, key: None }]);
    let rules = HashMap::from([(apex(), Rule { access, notify: Vec::new(), most: 1_000_000 })]);
    let request = Request { message: question(since), signer: None };
    let mut taken = Taken(Vec::new(), 100);
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let address = IpAddr::from([127, 0, 0, 1]);
    assert!(runtime.block_on(sender.stream(&rules, request, address, NOW, &mut taken)));
    lines(&taken.0)
}

/// The serial of a SOA record's line.
fn serial(line: &str) -> Option<u32> {
    line.split_once(" SOA ")?.1.split(' ').nth(2)?.parse().ok()
}

/// What a secondary has after it took what changed (RFC 1995 section 4).
fn after(mut records: BTreeSet<String>, changes: &[String]) -> BTreeSet<String> {
    let mut is_added = true;
    for line in &changes[1..changes.len() - 1] {
        // Each SOA turns what the records behind it are.
        is_added ^= serial(line).is_some();
        match is_added {
            true => assert!(records.insert(line.clone()), "{line} was there"),
            false => assert!(records.remove(line), "{line} was not there"),
        }
    }
    records
}

#[test]
fn a_secondary_of_a_list_gets_what_changed_and_has_what_a_new_one_gets() {
    let folder = tempfile::tempdir().expect("a folder");
    let many = (0..200).map(|i| change(&format!("10.0.{i}.1"), Some("x")));
    let mut list = editor(7, many);
    let sender = sender(folder.path(), list.zone());
    sender.lists.hear(list.zone(), None, 1);
    sender.lists.settle();
    let first: BTreeSet<String> = asked(&sender, None).into_iter().collect();
    assert!(first.len() > 400);
    for (from, key, text) in
        [(7, "192.0.2.1", Some("x")), (8, "10.0.7.1", None), (9, "a.example", Some("y"))]
    {
        let record = Record { from, to: from + 1, changes: vec![change(key, text)] };
        let zone = list.apply(&record).expect("it follows");
        serve(&sender, zone);
        sender.lists.served(zone, Some(&record));
        sender.lists.settle();
    }
    let changes = asked(&sender, Some(7));
    assert!(changes.len() < 20, "{changes:#?}");
    let serials: Vec<u32> = changes.iter().filter_map(|line| serial(line)).collect();
    assert_eq!(serials, [10, 7, 8, 8, 9, 9, 10, 10]);
    let whole = asked(&sender, None);
    assert_eq!(after(first, &changes), whole.iter().cloned().collect());
    assert_eq!(asked(&sender, Some(10)).len(), 1, "nothing is new");
    assert_eq!(asked(&sender, Some(6)), whole, "so far back nothing is known");
}

#[test]
fn what_is_sent_is_what_the_kept_changes_lead_to() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut list = editor(7, [change("192.0.2.1", Some("x"))]);
    let sender = sender(folder.path(), list.zone());
    // Nobody told of it: it is sent as it is served.
    assert_eq!(asked(&sender, None).first().and_then(|line| serial(line)), Some(7));
    sender.lists.hear(list.zone(), None, 1);
    sender.lists.settle();
    let record = Record { from: 7, to: 8, changes: vec![change("192.0.2.9", Some("y"))] };
    serve(&sender, list.apply(&record).expect("it follows"));
    // It is not known yet what changed.
    for since in [None, Some(7)] {
        assert_eq!(asked(&sender, since).first().and_then(|line| serial(line)), Some(7));
    }
    sender.lists.hear(list.zone(), Some(&record), 1);
    sender.lists.settle();
    for since in [None, Some(7)] {
        assert_eq!(asked(&sender, since).first().and_then(|line| serial(line)), Some(8));
    }
}

#[test]
fn lists_are_seen_as_they_come_change_and_go() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut list = editor(7, [change("192.0.2.1", Some("x"))]);
    let sender = sender(folder.path(), list.zone());
    let look = || {
        sender.lists.look(&sender.zones, 1);
        sender.lists.settle();
        let reached = sender.lists.reached(&apex())?;
        Some((
            reached.zone.serial(),
            crate::lists::tests::steps_since(&sender.lists, &reached, 7).expect("read").is_some(),
        ))
    };
    assert_eq!(look(), Some((7, true)));
    let record = Record { from: 7, to: 8, changes: vec![change("192.0.2.9", Some("y"))] };
    serve(&sender, list.apply(&record).expect("it follows"));
    assert_eq!(look(), Some((8, true)));
    sender.zones.store(Arc::new(sender.zones.load().without(&apex())));
    assert_eq!(look(), None);
    // It comes back as it was, and with it what was kept.
    serve(&sender, list.zone());
    assert_eq!(look(), Some((8, true)));
    let anew = editor(9, [change("192.0.2.2", Some("x"))]);
    serve(&sender, anew.zone());
    assert_eq!(look(), Some((9, true)));
    sender.lists.watch(HashSet::new());
    assert_eq!(look(), None);
}

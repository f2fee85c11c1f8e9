//! Updates from the message to the answer: each way in which one is refused, and what those that are done leave.

use std::sync::Arc;

use repute_records::master;

use super::*;
use crate::keys::{Algorithm, Key, Keys};
use crate::signature::{Asker, Checked, check};
use crate::store;

const NOW: u64 = 1_800_000_000;

/// A store with zones, and keys: `all` may do everything, `acme` may change texts of challenges, `near` comes from a
/// network, `none` has no zone.
struct Fixture {
    _folder: tempfile::TempDir,
    updates: Updates,
    keys: Keys,
    runtime: tokio::runtime::Runtime,
    id: u16,
}

fn name(text: &str) -> Name {
    text.parse().expect("a name")
}

impl Fixture {
    fn new(limits: Limits) -> Fixture {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("zones.redb");
        let store = Store::open(&path, store::Limits::default()).expect("a store");
        for apex in ["a.test", "time.test"] {
            let text = "@ 60 SOA ns hostmaster 1 2 3 4 5\n@ 60 NS ns\nwww 60 A 192.0.2.1\n";
            let records = master::read_lines(&name(apex), text).records;
            let records: Vec<_> = records.into_iter().map(|placed| placed.record).collect();
            let zone = Zone::new(name(apex), records).expect("a zone").0;
            store.turn(move |turn| turn.put(zone.clone(), 0)).wait().expect("kept");
        }
        let permit = |key: &str, names: &[&str], types: &[u16], from: &[&str]| Permit {
            key: name(key),
            grants: vec![Grant {
                names: names.iter().map(|scope| scope.parse().expect("a scope")).collect(),
                types: types.to_vec(),
            }],
            from: from.iter().map(|from| from.parse().expect("a network")).collect(),
        };
        let permits = vec![
            permit("all", &[], &[], &[]),
            permit("acme", &["_acme-challenge.*"], &[16], &[]),
            permit("near", &[], &[], &["198.51.100.0/24"]),
        ];
        let dynamic = |serials| Role::Dynamic { permits: permits.clone(), serials };
        let zones = HashMap::from([
            (name("a.test"), dynamic(Serials::Count)),
            (name("time.test"), dynamic(Serials::Time)),
            (name("gone.test"), dynamic(Serials::Count)),
            (name("elsewhere.test"), Role::Secondary),
            (name("service.test"), Role::Service),
        ]);
        let updates = Updates {
            zones,
            limits,
            store: Arc::new(store),
            replays: Arc::default(),
            complaints: Arc::default(),
            ledger: Arc::default(),
        };
        let secret = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
        let key = |key| Key::new(name(key), Algorithm::Sha256, secret).expect("a key");
        let keys = ["all", "acme", "near", "none"].map(key).into_iter().collect();
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        Fixture { _folder: folder, updates, keys, runtime, id: 0 }
    }

    /// The bytes of an update: for a zone, with prerequisites and changes as lines of owner, class, type, time to
    /// live and data in hexadecimal.
    fn message(&mut self, apex: &str, prerequisites: &[&str], changes: &[&str]) -> Vec<u8> {
        self.id += 1;
        let count = |lines: &[&str]| (lines.len() as u16).to_be_bytes();
        let mut message = self.id.to_be_bytes().to_vec();
        message.extend([0x28, 0, 0, 1]);
        message.extend(count(prerequisites));
        message.extend(count(changes));
        message.extend([0, 0]);
        message.extend(name(apex).as_wire());
        message.extend([0, 6, 0, 1]);
        for line in prerequisites.iter().chain(changes) {
            let words: Vec<&str> = line.split(' ').collect();
            let [owner, class, rtype, ttl, data] = words[..] else { panic!("{line}") };
            message.extend(name(owner).as_wire());
            message.extend(rtype.parse::<u16>().expect("a type").to_be_bytes());
            message.extend(class.parse::<u16>().expect("a class").to_be_bytes());
            message.extend(ttl.parse::<u32>().expect("a time").to_be_bytes());
            let data: Vec<u8> = (0..data.len() / 2)
                .map(|i| u8::from_str_radix(&data[i * 2..i * 2 + 2], 16).expect("hexadecimal"))
                .collect();
            message.extend((data.len() as u16).to_be_bytes());
            message.extend(data);
        }
        message
    }

    /// Sends a signed message from an address; the response code of the answer, whose signature is checked.
    fn send(&self, key: &str, message: &[u8], from: &str, now: u64) -> Option<u8> {
        let key = Arc::clone(self.keys.get(&name(key)).expect("a key"));
        let mut message = message.to_vec();
        let mut asker = Asker::sign(&key, &mut message, now);
        self.deliver(&message, from, now).map(|answer| match asker.verify(&answer, now) {
            Ok(answer) => {
                assert_eq!((answer[..2] == message[..2], answer[2]), (true, 0xa8));
                answer[3]
            }
            Err(error) => panic!("{error}"),
        })
    }

    /// Delivers a message that is signed.
    fn deliver(&self, message: &[u8], from: &str, now: u64) -> Option<Vec<u8>> {
        let Checked::Signed(signed) = check(message, &self.keys, now) else { panic!("signed") };
        let address = from.parse().expect("an address");
        self.runtime.block_on(self.updates.signed(signed, address, now))
    }

    /// Sends an update; the response code.
    fn update(&mut self, key: &str, apex: &str, prerequisites: &[&str], changes: &[&str]) -> u8 {
        let message = self.message(apex, prerequisites, changes);
        self.send(key, &message, "192.0.2.1", NOW).expect("an answer")
    }

    fn zone(&self, apex: &str) -> Arc<Zone> {
        self.updates.store.zone(&name(apex)).expect("the zone")
    }
}

const TEXT: &str = "_acme-challenge.a.test 1 16 60 026162";

#[test]
fn an_update_is_done_before_it_is_answered() {
    let mut fixture = Fixture::new(Limits::default());
    assert_eq!(fixture.update("all", "a.test", &[], &["x.a.test 1 1 60 c0000202"]), 0);
    let zone = fixture.zone("a.test");
    assert_eq!((zone.serial(), zone.len()), (2, 4));
    assert!(zone.node(&name("x.a.test")).is_some());
    assert_eq!(fixture.update("all", "a.test", &[], &["x.a.test 255 255 0 "]), 0);
    assert_eq!((fixture.zone("a.test").serial(), fixture.zone("a.test").len()), (3, 3));
    assert_eq!(fixture.update("all", "a.test", &[], &["x.a.test 255 255 0 "]), 0);
    assert_eq!(fixture.zone("a.test").serial(), 3, "nothing changed");
    let since = fixture.updates.store.since(&name("a.test"), 1).expect("readable");
    assert_eq!(since.map(|since| since.len()), Some(2));
    assert_eq!(fixture.update("all", "time.test", &[], &["x.time.test 1 1 60 c0000202"]), 0);
    assert_eq!(u64::from(fixture.zone("time.test").serial()), NOW);
}

/// RFC 2136 section 3.1 and 3.2: FORMERR, NOTAUTH; prerequisites and the codes of section 3.2.5.
#[test]
fn each_refusal_has_its_code_and_changes_nothing() {
    let mut fixture = Fixture::new(Limits { records: 3, names: 4 });
    let add = "x.a.test 1 1 60 c0000202";
    for (key, apex, prerequisites, changes, rcode) in [
        ("all", "other.test", &[][..], &[add][..], 9),
        ("all", "www.a.test", &[], &[add], 9),
        ("all", "elsewhere.test", &[], &["x.elsewhere.test 1 1 60 c0000202"], 5),
        ("all", "service.test", &[], &["x.service.test 1 1 60 c0000202"], 5),
        ("none", "a.test", &[], &[add], 5),
        ("near", "a.test", &[], &[add], 5),
        ("acme", "a.test", &[], &[add], 5),
        ("acme", "a.test", &[], &[TEXT, add], 5),
        // Who has no key of the zone learns nothing of it by prerequisites.
        ("none", "a.test", &["www.a.test 254 255 0 "], &[], 5),
        ("all", "a.test", &[], &["x.b.test 1 1 60 c0000202"], 10),
        ("all", "a.test", &["x.b.test 255 255 0 "], &[], 10),
        ("all", "a.test", &[], &["x.a.test 1 255 60 "], 1),
        ("all", "a.test", &[], &["x.a.test 1 1 60 c00002"], 1),
        ("all", "a.test", &["www.a.test 255 255 60 "], &[add], 1),
        ("all", "a.test", &["x.a.test 255 255 0 "], &[add], 3),
        ("all", "a.test", &["www.a.test 254 255 0 "], &[add], 6),
        ("all", "a.test", &["www.a.test 254 1 0 "], &[add], 7),
        ("all", "a.test", &["www.a.test 255 28 0 "], &[add], 8),
        ("all", "a.test", &["www.a.test 1 1 0 c0000209"], &[add], 8),
        ("all", "a.test", &[], &[add, add, add, add], 5),
        ("all", "a.test", &[], &[add, "y.a.test 1 1 60 c0000202", "z.a.test 1 1 60 c0000202"], 5),
        ("all", "gone.test", &[], &["x.gone.test 1 1 60 c0000202"], 2),
    ] {
        let said = fixture.update(key, apex, prerequisites, changes);
        assert_eq!(said, rcode, "{key} {apex} {prerequisites:?} {changes:?}");
    }
    assert_eq!((fixture.zone("a.test").serial(), fixture.zone("a.test").len()), (1, 3));
    assert_eq!(fixture.update("acme", "a.test", &["www.a.test 1 1 0 c0000201"], &[TEXT]), 0);
    let message = fixture.message("a.test", &[], &[add]);
    assert_eq!(fixture.send("near", &message, "198.51.100.9", NOW), Some(0));
    assert_eq!((fixture.zone("a.test").serial(), fixture.zone("a.test").len()), (3, 5));
    // Over the limit by other means, one may still remove.
    fixture.updates.limits.names = 1;
    assert_eq!(fixture.update("all", "a.test", &[], &["x.a.test 255 255 0 "]), 0);
}

#[test]
fn updates_without_a_signature_are_refused() {
    let mut fixture = Fixture::new(Limits::default());
    let address = "192.0.2.1".parse().expect("an address");
    for (apex, rcode) in [("a.test", 5), ("other.test", 9), ("elsewhere.test", 5)] {
        let message = fixture.message(apex, &[], &[TEXT]);
        let answer = fixture.updates.unsigned(&message, address, NOW);
        assert_eq!((answer[2], answer[3]), (0xa8, rcode), "{apex}");
    }
    let mut message = fixture.message("a.test", &[], &[TEXT]);
    message.truncate(40);
    assert_eq!(fixture.updates.unsigned(&message, address, NOW)[3], 1);
    assert_eq!(fixture.zone("a.test").serial(), 1);
}

/// A client whose answer was lost sends the same again, and whoever overheard it may do so too.
#[test]
fn a_copy_gets_the_same_answer_and_is_not_done_twice() {
    let mut fixture = Fixture::new(Limits::default());
    let key = Arc::clone(fixture.keys.get(&name("all")).expect("a key"));
    let mut first =
        fixture.message("a.test", &["x.a.test 254 255 0 "], &["x.a.test 1 1 60 c0000202"]);
    let mut asker = Asker::sign(&key, &mut first, NOW);
    let answer = fixture.deliver(&first, "192.0.2.1", NOW).expect("an answer");
    assert_eq!(asker.verify(&answer, NOW).expect("signed")[3], 0);
    assert_eq!(fixture.update("all", "a.test", &[], &["x.a.test 255 255 0 "]), 0);
    // Done again, it would put back what is gone.
    let copy = fixture.deliver(&first, "203.0.113.1", NOW + 100).expect("an answer");
    assert_eq!(copy[3], 0);
    assert_eq!((fixture.zone("a.test").serial(), fixture.zone("a.test").len()), (3, 3));
    // After a restart, too.
    let replays = fixture.updates.store.turn(Replays::load).wait().expect("read");
    fixture.updates.replays = Arc::new(replays);
    let copy = fixture.deliver(&first, "203.0.113.1", NOW + 200).expect("an answer");
    assert_eq!(copy[3], 0);
    assert_eq!((fixture.zone("a.test").serial(), fixture.zone("a.test").len()), (3, 3));
}

/// All that wait are done in few turns, each seeing the one before.
#[test]
fn many_at_once_are_all_done() {
    let mut fixture = Fixture::new(Limits::default());
    let key = Arc::clone(fixture.keys.get(&name("all")).expect("a key"));
    let messages: Vec<Vec<u8>> = (0..500)
        .map(|i| {
            let change = format!("n{i}.a.test 1 1 60 c0000202");
            let mut message = fixture.message("a.test", &[], &[&change]);
            Asker::sign(&key, &mut message, NOW);
            message
        })
        .collect();
    let (updates, keys) = (&fixture.updates, &fixture.keys);
    let answers = fixture.runtime.block_on(async {
        let mut all = Vec::new();
        for message in &messages {
            let Checked::Signed(signed) = check(message, keys, NOW) else { panic!("signed") };
            all.push(Box::pin(updates.signed(
                signed,
                "192.0.2.1".parse().expect("an address"),
                NOW,
            )));
        }
        // Each is begun before any is waited for.
        let mut answers = vec![None; all.len()];
        std::future::poll_fn(|context| {
            for (future, answer) in all.iter_mut().zip(&mut answers) {
                if answer.is_none()
                    && let std::task::Poll::Ready(done) = future.as_mut().poll(context)
                {
                    *answer = done;
                }
            }
            let is_done = answers.iter().all(Option::is_some);
            if is_done { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
        })
        .await;
        answers
    });
    assert!(answers.iter().flatten().all(|answer| answer[3] == 0));
    assert_eq!((fixture.zone("a.test").serial(), fixture.zone("a.test").names()), (501, 502));
}

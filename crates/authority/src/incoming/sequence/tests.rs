//! Answers as records in lines: what a secondary makes of them.

use std::io;
use std::sync::Arc;

use proptest::prelude::*;
use repute_nameserver::beyond::{Outgoing, Sending};
use repute_records::{Advance, Editor, Zone, master};

use super::*;
use crate::store::{self, Steps, Store};
use crate::transfer::{self, Ask, Outcome, Source};

fn apex() -> Name {
    "zone.test".parse().expect("a name")
}

/// Records of lines; `SOA n` is the zone's SOA with that serial.
fn records(lines: &str) -> Vec<Record> {
    lines
        .split(',')
        .map(|line| {
            let line = line.trim();
            let line = match line.strip_prefix("SOA ") {
                Some(serial) => format!("@ 60 SOA ns hostmaster {serial} 3600 900 604800 300"),
                None => line.to_owned(),
            };
            let mut reading = master::read_lines(&apex(), &line);
            assert_eq!(reading.faults, [], "{line}");
            reading.records.pop().expect("a record").record
        })
        .collect()
}

/// A message with the question for a transfer and these records.
fn message(what: What, records: &[Record]) -> Vec<u8> {
    let count = u16::try_from(records.len()).expect("few").to_be_bytes();
    let mut bytes = vec![1, 2, 0x84, 0, 0, 1, count[0], count[1], 0, 0, 0, 0];
    bytes.extend(apex().as_wire());
    bytes.extend(what.qtype().to_be_bytes());
    bytes.extend([0, 1]);
    for record in records {
        bytes.extend(record.owner.as_wire());
        bytes.extend(record.rtype.to_be_bytes());
        bytes.extend([0, 1]);
        bytes.extend(record.ttl.to_be_bytes());
        bytes.extend(u16::try_from(record.data.len()).expect("short").to_be_bytes());
        bytes.extend(&*record.data);
    }
    bytes
}

/// Takes messages of lines, all but the last of which must be followed by another.
fn take(what: What, messages: &[&str]) -> Result<Step, Fault> {
    let mut sequence = Sequence::new(apex(), what, [1, 2], Limits::default());
    let mut last = Ok(Step::More);
    for lines in messages {
        assert_eq!(last, Ok(Step::More));
        last = sequence.take(&message(what, &records(lines)));
    }
    last
}

#[test]
fn a_whole_zone_ends_with_its_soa() {
    let whole = Ok(Step::Done(Received::Whole(records("SOA 7, @ 60 NS ns, ns 60 A 192.0.2.1"))));
    assert_eq!(take(What::Whole, &["SOA 7, @ 60 NS ns, ns 60 A 192.0.2.1, SOA 7"]), whole);
    // RFC 5936 section 2.2: in as many messages as the primary likes, the first with nothing but the SOA.
    assert_eq!(take(What::Whole, &["SOA 7", "@ 60 NS ns", "ns 60 A 192.0.2.1", "SOA 7"]), whole);
    // RFC 1995 section 4: "the server may return the entire zone" to who asks for what changed.
    assert_eq!(take(What::Since(5), &["SOA 7", "@ 60 NS ns, ns 60 A 192.0.2.1, SOA 7"]), whole);
    let bare = Ok(Step::Done(Received::Whole(records("SOA 7"))));
    assert_eq!(take(What::Since(5), &["SOA 7, SOA 7"]), bare);
    assert_eq!(take(What::Whole, &["SOA 7, @ 60 NS ns, SOA 8"]), Err(Fault::Moved));
    assert_eq!(take(What::Whole, &["@ 60 NS ns"]), Err(Fault::NoSoa));
    assert_eq!(take(What::Whole, &["SOA 7, SOA 7, @ 60 NS ns"]), Err(Fault::BehindEnd));
}

#[test]
fn what_changed_comes_step_by_step() {
    let step = |from: &str, removed: &str, to: &str, added: &str| {
        let list = |lines: &str| if lines.is_empty() { Vec::new() } else { records(lines) };
        let soa = |text| records(text).remove(0);
        Difference { from: soa(from), to: soa(to), removed: list(removed), added: list(added) }
    };
    // The example of RFC 1995 section 7, in two messages.
    let steps = vec![
        step("SOA 1", "nezu 60 A 192.0.2.3", "SOA 2", "jain 60 A 192.0.2.1, jain 60 A 192.0.2.4"),
        step("SOA 2", "jain 60 A 192.0.2.4", "SOA 3", ""),
    ];
    let messages = [
        "SOA 3, SOA 1, nezu 60 A 192.0.2.3, SOA 2, jain 60 A 192.0.2.1",
        "jain 60 A 192.0.2.4, SOA 2, jain 60 A 192.0.2.4, SOA 3, SOA 3",
    ];
    assert_eq!(take(What::Since(1), &messages), Ok(Step::Done(Received::Changes(steps))));
    let out_of_step = |expected, found| Err(Fault::OutOfStep { expected, found });
    assert_eq!(take(What::Since(1), &["SOA 3, SOA 2"]), out_of_step(1, 2));
    assert_eq!(take(What::Since(1), &["SOA 3, SOA 1, SOA 2, SOA 4"]), out_of_step(2, 4));
    assert_eq!(take(What::Since(1), &["SOA 3, SOA 1, SOA 2, SOA 3"]), out_of_step(2, 3));
    assert!(take(What::Since(1), &["SOA 3, SOA 2"]).unwrap_err().is_of_changes());
    // Who asked for all is given no steps.
    assert_eq!(take(What::Whole, &["SOA 3, SOA 1"]), Err(Fault::Moved));
}

#[test]
fn one_soa_that_is_not_later_says_that_nothing_is_new() {
    for serial in [7, 8, 0x8000_0006] {
        let current = Ok(Step::Done(Received::Current(7)));
        assert_eq!(take(What::Since(serial), &["SOA 7"]), current, "{serial}");
    }
    // A primary without IXFR sends all of it.
    let current = Ok(Step::Done(Received::Current(7)));
    assert_eq!(take(What::Since(7), &["SOA 7, @ 60 NS ns, SOA 7"]), current);
    // RFC 1982: numbers go round.
    assert_eq!(take(What::Since(u32::MAX), &["SOA 7"]), Ok(Step::More));
}

#[test]
fn what_has_no_place_ends_it() {
    let outside = take(What::Whole, &["SOA 7, www.zone2.test. 60 A 192.0.2.1"]);
    assert!(matches!(outside, Err(Fault::Unfit(Unfit::Outside { .. }))), "{outside:?}");
    let below = take(What::Whole, &["SOA 7, a 60 SOA ns hostmaster 7 1 1 1 1"]);
    assert!(matches!(below, Err(Fault::Unfit(Unfit::SoaBelow(_)))), "{below:?}");
    let changed = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = message(What::Whole, &records("SOA 7, @ 60 NS ns"));
        change(&mut bytes);
        Sequence::new(apex(), What::Whole, [1, 2], Limits::default()).take(&bytes)
    };
    assert_eq!(changed(&|_| {}), Ok(Step::More));
    assert_eq!(changed(&|bytes| bytes[0] = 9), Err(Fault::Foreign), "another id");
    assert_eq!(changed(&|bytes| bytes[2] = 4), Err(Fault::Foreign), "a question");
    assert_eq!(changed(&|bytes| bytes[2] |= 0x28), Err(Fault::Foreign), "an update");
    assert_eq!(changed(&|bytes| bytes[2] |= 2), Err(Fault::Cut));
    assert_eq!(changed(&|bytes| bytes[13] = b'x'), Err(Fault::Foreign), "another zone");
    assert_eq!(changed(&|bytes| bytes[24] = 251), Err(Fault::Foreign), "another type");
    assert_eq!(changed(&|bytes| bytes[26] = 3), Err(Fault::Foreign), "another class");
    let class = changed(&|bytes| bytes[27 + 11 + 3] = 3);
    assert!(matches!(class, Err(Fault::Class { class: 3, .. })), "{class:?}");
    for (rcode, word) in [(5, "allow-transfer"), (9, "secret"), (2, "log"), (1, "FORMERR")] {
        let refused = changed(&|bytes| bytes[3] = rcode).expect_err("refused");
        assert_eq!(refused, Fault::Refused(rcode));
        assert!(refused.to_string().contains(word), "{refused}");
        assert_eq!(refused.is_of_changes(), rcode == 1);
    }
    let whole = message(What::Whole, &records("SOA 7, @ 60 NS ns"));
    for end in 0..whole.len() {
        let error = changed(&|bytes| bytes.truncate(end)).expect_err("cut");
        assert!(matches!(error, Fault::Malformed(_)), "{end}: {error}");
    }
}

#[test]
fn only_the_first_message_needs_a_question_and_none_follows_the_last() {
    let mut bare = message(What::Whole, &records("SOA 7"));
    bare.drain(12..12 + apex().as_wire().len() + 4);
    bare[5] = 0;
    let new = || Sequence::new(apex(), What::Whole, [1, 2], Limits::default());
    assert_eq!(new().take(&bare), Err(Fault::Foreign));
    let mut sequence = new();
    assert_eq!(sequence.take(&message(What::Whole, &records("SOA 7"))), Ok(Step::More));
    assert!(matches!(sequence.take(&bare), Ok(Step::Done(Received::Whole(_)))));
    assert_eq!(sequence.take(&bare), Err(Fault::BehindEnd));
    assert_eq!(sequence.counts(), (2, 2));
}

#[test]
fn more_than_the_limits_is_given_up() {
    let limited = |records_most, bytes| {
        let limits = Limits { records: records_most, bytes };
        let mut sequence = Sequence::new(apex(), What::Whole, [1, 2], limits);
        sequence.take(&message(What::Whole, &records("SOA 7")))?;
        let page = message(What::Whole, &records("a 60 A 192.0.2.1, b 60 A 192.0.2.1"));
        (0..1000).try_for_each(|_| sequence.take(&page).map(drop))
    };
    assert_eq!(limited(100, 1 << 20), Err(Fault::TooManyRecords(100)));
    assert_eq!(limited(100_000, 10_000), Err(Fault::TooManyBytes(10_000)));
    assert_eq!(limited(2_000, 1 << 20), Ok(()));
    // Messages without records count as well.
    let limits = Limits { records: 9, bytes: 10_000 };
    let mut sequence = Sequence::new(apex(), What::Whole, [1, 2], limits);
    let empty = message(What::Whole, &[]);
    let fault = std::iter::repeat_with(|| sequence.take(&empty)).find_map(Result::err);
    assert_eq!(fault, Some(Fault::TooManyBytes(10_000)));
}

/// Takes messages that we send.
struct Taken(Sequence, Vec<Result<Step, Fault>>);

impl Outgoing for Taken {
    fn send<'a>(&'a mut self, message: &'a [u8]) -> Sending<'a> {
        self.1.push(self.0.take(message));
        Box::pin(async { Ok::<(), io::Error>(()) })
    }
}

/// What a secondary makes of what we send.
fn received(zone: &Arc<Zone>, steps: Option<Steps>, what: What) -> (Outcome, Received) {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().expect("a runtime");
    let ask = Ask { apex: apex(), what };
    let sequence = Sequence::new(apex(), what, [1, 2], Limits::default());
    let mut taken = Taken(sequence, Vec::new());
    let source = Source::Records(Arc::clone(zone), steps);
    let sent = runtime.block_on(transfer::send(ask, [1, 2], source, None, 100_000, 0, &mut taken));
    let last = taken.1.pop().expect("a message");
    assert!(taken.1.iter().all(|step| *step == Ok(Step::More)));
    match last {
        Ok(Step::Done(received)) => (sent.outcome, received),
        other => panic!("{other:?}"),
    }
}

/// A record of a random name, type and data.
fn any_record() -> impl Strategy<Value = Record> {
    let data = prop_oneof![
        any::<[u8; 4]>().prop_map(|address| (rtype::A, address.to_vec())),
        prop::collection::vec(any::<u8>(), 0..200).prop_map(|text| {
            (rtype::TXT, [&[u8::try_from(text.len()).expect("short")][..], &text].concat())
        }),
        (any::<u16>(), "[a-zA-Z]{1,9}").prop_map(|(preference, label)| {
            let length = [u8::try_from(label.len()).expect("short")];
            let name = [&length[..], label.as_bytes(), apex().as_wire()].concat();
            (rtype::MX, [&preference.to_be_bytes()[..], &name].concat())
        }),
        prop::collection::vec(any::<u8>(), 0..50).prop_map(|data| (65_280, data)),
    ];
    ("[a-c]{0,2}(\\.[a-c*]{1,2}){0,2}", 0..100_000_u32, data).prop_filter_map(
        "a name",
        |(owner, ttl, (rtype, data))| {
            let owner = format!("{owner}.zone.test");
            let owner = owner.trim_start_matches('.').parse().ok()?;
            Some(Record { owner, rtype, ttl, data: data.into_boxed_slice() })
        },
    )
}

/// A zone with some records.
fn zone_of(own: &[Record]) -> Arc<Zone> {
    let all = records("SOA 7, @ 60 NS ns").into_iter().chain(own.iter().cloned());
    Arc::new(Zone::new(apex(), all).expect("a zone").0)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn what_we_send_is_what_we_read(
        own in prop::collection::vec(any_record(), 0..600),
        changes in prop::collection::vec(prop::collection::vec(any_record(), 1..4), 1..4),
    ) {
        let first = zone_of(&own);
        let (outcome, whole) = received(&first, None, What::Whole);
        prop_assert_eq!(outcome, Outcome::Whole);
        prop_assert_eq!(whole, Received::Whole(first.records().collect()));
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(&folder.path().join("zones.redb"), store::Limits::default());
        let store = Arc::new(store.expect("a store"));
        let kept = Zone::clone(&first);
        store.turn(move |turn| turn.put(kept.clone(), 0)).wait().expect("kept");
        let (mut zone, mut steps) = (Arc::clone(&first), Vec::new());
        for added in changes {
            let mut editor = Editor::new(&zone);
            if let Some(gone) = own.get(steps.len()) {
                editor.remove(&gone.owner, gone.rtype, &gone.data);
            }
            for record in &added {
                editor.add(record).expect("it fits");
            }
            let Some((next, step)) = editor.finish(Advance::Next) else { continue };
            zone = Arc::new(next);
            steps.push(step.clone());
            let next = Zone::clone(&zone);
            store.turn(move |turn| turn.change(next.clone(), &step)).wait().expect("kept");
        }
        let kept = store.steps(&apex(), 7, zone.serial()).expect("read");
        prop_assert_eq!(kept.is_none(), steps.is_empty());
        let (outcome, changes) = received(&zone, kept, What::Since(7));
        match outcome {
            Outcome::Changes => prop_assert_eq!(changes, Received::Changes(steps)),
            Outcome::Current => prop_assert!(steps.is_empty()),
            Outcome::Whole | Outcome::TooLarge | Outcome::Broken => prop_assert!(false, "{outcome:?}"),
        }
    }
}

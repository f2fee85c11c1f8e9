//! Transfers as messages: what a secondary makes of them is what there is.

use std::io;
use std::sync::Arc;

use domain::base::{Message, ParsedName};
use domain::rdata::AllRecordData;
use repute_dnsxl::Name;
use repute_nameserver::beyond::{Outgoing, Sending};
use repute_records::{Advance, Editor, Zone, master, rtype};

use super::*;
use crate::store::{Limits, Store, Turn};

/// A zone of lines; a SOA is added.
fn zone(lines: &str) -> Arc<Zone> {
    let apex: Name = "zone.test".parse().expect("a name");
    let text = format!(
        "$TTL 60\n@ SOA ns hostmaster 7 3600 900 604800 300\n@ NS ns\nns A 192.0.2.53\n{lines}"
    );
    let reading = master::read_lines(&apex, &text);
    assert_eq!(reading.faults, []);
    Arc::new(
        Zone::new(apex, reading.records.into_iter().map(|placed| placed.record)).expect("a zone").0,
    )
}

/// Takes messages, so many.
pub(crate) struct Taken(pub(crate) Vec<Vec<u8>>, pub(crate) usize);

impl Outgoing for Taken {
    fn send<'a>(&'a mut self, message: &'a [u8]) -> Sending<'a> {
        if self.0.len() >= self.1 {
            return Box::pin(async { Err(io::Error::other("it reads no more")) });
        }
        self.0.push(message.to_vec());
        Box::pin(async { Ok(()) })
    }
}

/// Sends what is asked for, and reads its records as a secondary does.
fn sent(source: Source, what: What, most: u64, messages: usize) -> (Sent, Vec<String>) {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().expect("a runtime");
    let ask = Ask { apex: "zone.test".parse().expect("a name"), what };
    let mut taken = Taken(Vec::new(), messages);
    let sent = runtime.block_on(send(ask, [1, 2], source, None, most, 0, &mut taken));
    let lines = lines(&taken.0);
    (sent, lines)
}

/// The records of messages.
pub(crate) fn lines(messages: &[Vec<u8>]) -> Vec<String> {
    let mut lines = Vec::new();
    for bytes in messages {
        let message = Message::from_octets(&bytes[..]).expect("a message");
        assert!(message.header().qr() && message.header().aa() && message.header().id() == 0x0102);
        let answers = message.answer().expect("answers");
        for record in answers.limit_to::<AllRecordData<_, ParsedName<_>>>() {
            let record = record.expect("a record");
            lines.push(format!(
                "{} {} {} {}",
                record.owner(),
                record.ttl().as_secs(),
                record.rtype(),
                record.data()
            ));
        }
    }
    lines
}

#[test]
fn a_whole_zone_is_between_its_soa() {
    let zone = zone(
        "www 300 A 192.0.2.1\nwww 300 A 192.0.2.2\nWeb CNAME www\n@ MX 10 mail.elsewhere.test.\nx.y TXT a b\n",
    );
    let (sent, lines) = sent(Source::Records(zone, None), What::Whole, 100, 10);
    assert_eq!((sent.outcome, sent.messages, sent.records), (Outcome::Whole, 1, 9));
    let soa = "zone.test 60 SOA ns.zone.test. hostmaster.zone.test. 7 3600 900 604800 300";
    assert_eq!(lines.first(), lines.last());
    assert_eq!(lines[0], soa);
    assert!(lines.contains(&"www.zone.test 300 A 192.0.2.2".to_owned()), "{lines:?}");
    assert!(lines.contains(&"web.zone.test 60 CNAME www.zone.test.".to_owned()), "{lines:?}");
}

#[test]
fn large_zones_come_in_many_messages_and_without_memory_for_all() {
    let many: String = (0..5_000).map(|i| format!("n{i} TXT \"{}\"\n", "x".repeat(200))).collect();
    let source = || Source::Records(zone(&many), None);
    let (whole, lines) = sent(source(), What::Whole, 10_000, 100);
    assert_eq!((whole.outcome, whole.records, lines.len()), (Outcome::Whole, 5_004, 5_004));
    assert!(whole.messages > 10);
    let (cut, _) = sent(source(), What::Whole, 10_000, 3);
    assert_eq!((cut.outcome, cut.messages), (Outcome::Broken, 4));
    let (refused, lines) = sent(source(), What::Whole, 5_000, 100);
    assert_eq!((refused.outcome, lines.len()), (Outcome::TooLarge, 0));
}

/// A store with a zone of lines.
fn store(folder: &tempfile::TempDir, lines: &str) -> Arc<Store> {
    let store = Store::open(&folder.path().join("zones.redb"), Limits::default());
    let (store, zone) = (Arc::new(store.expect("a store")), zone(lines));
    store.turn(move |turn| turn.put(Zone::clone(&zone), 0)).wait().expect("kept");
    store
}

/// Changes an address in it.
fn set(store: &Store, name: &str, address: [u8; 4]) {
    let (apex, name): (Name, Name) =
        ("zone.test".parse().expect("a name"), name.parse().expect("a name"));
    let work = move |turn: &mut Turn<'_>| {
        let edit = |editor: &mut Editor| editor.replace(&name, rtype::A, 60, &[&address]);
        turn.edit(&apex, Advance::Next, |editor, _| Ok(edit(editor)?))
    };
    store.turn(work).wait().expect("kept");
}

#[test]
fn what_changed_is_sent_step_by_step() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = store(&folder, "a A 192.0.2.1\nb A 192.0.2.2\n");
    let apex: Name = "zone.test".parse().expect("a name");
    set(&store, "a.zone.test", [192, 0, 2, 9]);
    set(&store, "c.zone.test", [192, 0, 2, 3]);
    let third = store.zone(&apex).expect("it is there");
    let source = |steps| Source::Records(Arc::clone(&third), steps);
    let steps = store.steps(&apex, 7, 9).expect("read");
    let (sent_changes, lines) = sent(source(steps.clone()), What::Since(7), 100, 10);
    assert_eq!((sent_changes.outcome, sent_changes.records), (Outcome::Changes, 9));
    let short: Vec<String> = lines
        .iter()
        .map(|line| match line.split_once(" SOA ") {
            Some((_, soa)) => format!("SOA {}", soa.split(' ').nth(2).unwrap_or_default()),
            None => line.replace(".zone.test", ""),
        })
        .collect();
    let expect = [
        "SOA 9",
        "SOA 7",
        "a 60 A 192.0.2.1",
        "SOA 8",
        "a 60 A 192.0.2.9",
        "SOA 8",
        "SOA 9",
        "c 60 A 192.0.2.3",
        "SOA 9",
    ];
    assert_eq!(short, expect);
    // A step that is forgotten while others are sent ends it: what was sent is of no use to the secondary.
    let anew = Zone::clone(&third);
    store.turn(move |turn| turn.put(anew.clone(), 0)).wait().expect("kept");
    assert_eq!(sent(source(steps), What::Since(7), 100, 10).0.outcome, Outcome::Broken);
    assert!(store.steps(&apex, 7, 9).expect("read").is_none());
    // Without what changed, all; with nothing new, or somebody who is ahead, the SOA.
    assert_eq!(sent(source(None), What::Since(7), 100, 10).0.outcome, Outcome::Whole);
    for serial in [9, 10] {
        let (current, lines) = sent(source(None), What::Since(serial), 100, 10);
        assert_eq!((current.outcome, lines.len()), (Outcome::Current, 1));
    }
}

#[test]
fn questions_are_read_and_others_refused() {
    let question = |qtype: u8, class: u8| {
        [
            &b"\x12\x34\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x04zone\x04TEST\x00\x00"[..],
            &[qtype, 0, class],
        ]
        .concat()
    };
    let apex: Name = "zone.test".parse().expect("a name");
    assert_eq!(Ask::read(&question(252, 1)), Ok(Ask { apex: apex.clone(), what: What::Whole }));
    assert_eq!(Ask::read(&question(252, 3)), Err(AskError), "another class");
    assert_eq!(Ask::read(&question(251, 1)), Err(AskError), "IXFR without a SOA");
    let mut ixfr = question(251, 1);
    ixfr[9] = 1;
    ixfr.extend_from_slice(b"\xc0\x0c\x00\x06\x00\x01\x00\x00\x00\x00\x00\x16\x00\x00\x00\x00\x00\x09\x00\x00\x00\x00\x00\x00\
        \x00\x00\x00\x00\x00\x00\x00\x00\x00\x00");
    assert_eq!(Ask::read(&ixfr), Ok(Ask { apex, what: What::Since(9) }));
    for end in 0..ixfr.len() {
        assert_eq!(Ask::read(&ixfr[..end]), Err(AskError), "cut at {end}");
    }
}

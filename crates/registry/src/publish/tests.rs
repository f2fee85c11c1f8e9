//! Lists of real databases, published by one process or several, with changes of every kind.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::Mutex;

use repute_database::dns::Settings;
use repute_database::entries::{self, Entry};
use repute_database::evidence::Kind;
use repute_database::lists::List;
use repute_database::publications::{self, Outcome, Publication};
use repute_database::testing::Server;
use repute_database::{Key, Place, Timestamp, audit, jobs};
use repute_dnsxl::{KeyKind, Polarity, relative_name};
use repute_zone::journal::Editor;
use repute_zone::parcel::Parcel;
use repute_zone::records::{self, SortedNames};
use repute_zone::{Hit, Relative};

use super::*;
use crate::changes::{Cause, Change, apply};
use crate::evidence::{Sighting, Told, add_source, take};
use crate::import::content::{self, Reading};
use crate::import::{self, Import, Mode, Whose};
use crate::settings::{Hand, Set, Who, configure};

mod restored;

/// What is served, and what is said of it.
struct Shelf {
    /// Zones by their names.
    zones: Mutex<HashMap<Name, Arc<Zone>>>,
    /// The list as a server elsewhere has it.
    copy: Mutex<Option<Editor>>,
    /// How it got there: `whole`, or `delta`.
    ways: Mutex<Vec<&'static str>>,
    /// Why one is held.
    held: Mutex<Option<String>>,
    /// Counts what happens.
    news: watch::Sender<u64>,
}

impl Shelf {
    /// An empty one.
    fn new() -> Arc<Shelf> {
        Arc::new(Shelf {
            zones: Mutex::default(),
            copy: Mutex::default(),
            ways: Mutex::default(),
            held: Mutex::default(),
            news: watch::Sender::new(0),
        })
    }

    /// Tells that something happened.
    fn tell(&self) {
        self.news.send_modify(|news| *news += 1);
    }

    /// Waits until something is so.
    async fn until(&self, what: &str, is_so: impl Fn(&Shelf) -> bool) {
        let mut news = self.news.subscribe();
        let wait = news.wait_for(|_| is_so(self));
        let waited = tokio::time::timeout(Duration::from_secs(60), wait).await;
        let state = || (self.held.lock().expect("whole").clone(), self.serial());
        waited
            .unwrap_or_else(|_| panic!("{what}: it never came; {:?}", state()))
            .expect("it is there");
    }

    /// The zone of the only list.
    fn zone(&self) -> Option<Arc<Zone>> {
        self.zones.lock().expect("whole").values().next().cloned()
    }

    /// Its serial.
    fn serial(&self) -> u32 {
        self.zone().map_or(0, |zone| zone.serial())
    }

    /// Whether it lists a target.
    fn lists(&self, target: &str) -> bool {
        let Some(zone) = self.zone() else { return false };
        let wire = relative_name(&target.parse().expect("a target"));
        let mut labels = Vec::new();
        let mut at = 0;
        while at < wire.len() {
            labels.push(at as u8);
            at += 1 + usize::from(wire[at]);
        }
        let mut is_listed = false;
        zone.visit(Relative::new(&wire, &labels), |hit| {
            is_listed |= matches!(hit, Hit::Listing(_));
        });
        is_listed
    }

    /// Makes sure that a server elsewhere has what is served.
    fn compare(&self, edition: &Edition<'_>) {
        let mut copy = self.copy.lock().expect("whole");
        let copy = copy.as_mut().expect("it has the list");
        assert_eq!(copy.checksum(), edition.content, "by what changed as by the whole");
        let there = copy.zone();
        let here = self.zone().expect("it is served");
        let said = |zone: &Zone| {
            (zone.serial(), zone.entries(), zone.soa().cloned(), zone.link().cloned())
        };
        assert_eq!((said(there), edition.serial), (said(&here), here.serial()));
    }

    /// Whether a version is held for a reason with these words.
    fn holds(&self, words: &str) -> bool {
        self.held.lock().expect("whole").as_ref().is_some_and(|why| why.contains(words))
    }
}

/// Checks that a record tells of all that two versions differ in.
fn leads(before: &Zone, after: &Zone, record: &Record) {
    assert_eq!((record.from, record.to), (before.serial(), after.serial()));
    let names = [SortedNames::of(before), SortedNames::of(after)];
    let old = records::Version { zone: before, names: &names[0], now: 0 };
    let new = records::Version { zone: after, names: &names[1], now: 0 };
    let told = |difference: records::Difference<'_>| {
        let mut lines = Vec::new();
        let mut take = |way: &str, record: records::WireRecord<'_>| {
            lines.push(format!("{way} {record:?}"));
            ControlFlow::Continue(())
        };
        assert!(difference.removed(|record| take("-", record)).is_continue());
        assert!(difference.added(|record| take("+", record)).is_continue());
        lines
    };
    let by = records::Difference::by(old, new, record);
    assert_eq!(told(by), told(records::Difference::of(old, new)));
}

impl Outlet for Shelf {
    fn last(&self, apex: &Name) -> Option<Arc<Zone>> {
        self.zones.lock().expect("whole").get(apex).cloned()
    }

    fn serve(&self, zone: &Arc<Zone>, record: Option<&Record>) {
        let before =
            self.zones.lock().expect("whole").insert(zone.apex().clone(), Arc::clone(zone));
        if let Some((before, record)) = before.zip(record) {
            leads(&before, zone, record);
        }
        *self.held.lock().expect("whole") = None;
        self.tell();
    }

    fn hold(&self, _: &Name, why: &str) {
        *self.held.lock().expect("whole") = Some(why.to_owned());
        self.tell();
    }

    fn keep(&self, zone: &Zone) {
        let mut snapshot = Vec::new();
        repute_zone::snapshot::encode(zone, &mut snapshot).expect("it can be written");
    }

    fn hand_on(&self, edition: &Edition<'_>, delta: Option<(u32, Vec<u8>)>) -> bool {
        let mut copy = self.copy.lock().expect("whole");
        let (Some(there), Some((from, delta))) = (copy.as_mut(), delta) else { return true };
        assert_eq!(there.serial(), from, "it leads on from what was handed on before");
        let parcel = Parcel::open(delta.into()).expect("it is good");
        there.take(&parcel).expect("it leads on");
        self.ways.lock().expect("whole").push("delta");
        drop(copy);
        self.compare(edition);
        self.tell();
        false
    }

    fn hand_on_whole(&self, edition: &Edition<'_>, whole: Vec<u8>) {
        let parcel = Parcel::open(whole.into()).expect("it is good");
        let editor = Editor::of_parcel(&parcel).expect("they fit");
        *self.copy.lock().expect("whole") = Some(editor);
        self.ways.lock().expect("whole").push("whole");
        self.compare(edition);
        self.tell();
    }

    fn seen(&self, lists: &[Name]) {
        self.zones.lock().expect("whole").retain(|apex, _| lists.contains(apex));
    }

    fn lost(&self, why: &str) {
        panic!("{why}");
    }
}

/// Runs a test with a database in each place; where tests run without peers, in a file only.
async fn in_each(test: impl AsyncFn(Place)) {
    let folder = tempfile::tempdir().expect("a folder");
    test(Place::File(folder.path().join("registry.db"))).await;
    if let Some(server) = Server::start() {
        test(server.place()).await;
    }
}

/// Adds the list.
async fn add(database: &Database) -> Stored {
    let mut transaction = database.begin().await.expect("a transaction");
    let list = List {
        apex: "bl.example".parse().expect("a name"),
        title: "A list".to_owned(),
        description: String::new(),
        polarity: Polarity::Block,
        keys: KeyKind::Ip,
        ttl: 300,
        contact: String::new(),
    };
    lists::add(transaction.session(), &list, Timestamp(1)).await.expect("it is added");
    let stored = lists::by_apex(transaction.session(), &list.apex).await;
    transaction.commit().await.expect("it is committed");
    stored.expect("it is read").expect("it is there")
}

/// The pseudonym of an account.
async fn actor(database: &Database, account: i64) -> String {
    let mut transaction = database.begin().await.expect("a transaction");
    let actor = audit::actor(transaction.session(), account).await.expect("a pseudonym");
    transaction.commit().await.expect("it is committed");
    actor
}

/// Lists keys, or with `!` before it never; without a code in front of a `-` none.
async fn change(database: &Database, list: &Stored, by: &str, words: &[&str]) -> u32 {
    let mut transaction = database.begin().await.expect("a transaction");
    let source = entries::source(transaction.session(), "test").await.expect("a source");
    let changes: Vec<Change> = words.iter().map(|word| change_of(word, source, None)).collect();
    let cause =
        Cause { actor: by.to_owned(), action: "entries.change".to_owned(), reason: String::new() };
    let serial = apply(&mut transaction, list, &changes, &cause, Timestamp(9)).await;
    transaction.commit().await.expect("it is committed");
    serial.expect("it is applied")
}

/// What a word changes.
fn change_of(word: &str, source: entries::SourceId, expires: Option<Timestamp>) -> Change {
    let (sign, key) = match word.split_at(1) {
        (sign @ ("!" | "-"), key) => (sign, key),
        _ => ("", word),
    };
    let key: Key = key.parse().expect("a key");
    let entry = |code: Option<&str>| Entry {
        key: key.clone(),
        code: code.map(|code| code.parse().expect("a code")),
        text: "see $".to_owned(),
        reason: String::new(),
        criterion: None,
        source,
        organisation: None,
        since: Timestamp(1),
        expires,
        review: None,
    };
    let entries = match sign {
        "" => vec![entry(Some("127.0.0.2")), entry(Some("127.0.0.4"))],
        "!" => vec![entry(None)],
        _ => Vec::new(),
    };
    Change { key, entries }
}

/// What was written down of all serials.
async fn written(database: &Database, list: &Stored) -> Vec<(u32, Outcome)> {
    let mut connection = database.read().await.expect("a connection");
    let last = publications::last(connection.session(), list.id, 1_000).await.expect("it is read");
    last.into_iter().rev().map(|publication| (publication.serial, publication.outcome)).collect()
}

/// Waits until a serial is written down, and returns all.
async fn until_written(database: &Database, list: &Stored, serial: u32) -> Vec<(u32, Outcome)> {
    let mut commits = database.commits();
    loop {
        commits.mark_unchanged();
        let written = written(database, list).await;
        if written.iter().any(|(other, _)| *other == serial) {
            return written;
        }
        // Another process may write it.
        let _ = tokio::time::timeout(POLL, commits.changed()).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_committed_is_served_by_every_process_and_written_down_once() {
    in_each(async |place| {
        let here = Database::open(&place).await.expect("it opens");
        let there = Database::open(&place).await.expect("it opens twice");
        let list = add(&here).await;
        let by = actor(&here, 1).await;
        change(&here, &list, &by, &["192.0.2.0/24", "!192.0.2.7", "2001:db8::/32"]).await;
        let (one, two) = (Shelf::new(), Shelf::new());
        let first = Publisher::start(here.clone(), one.clone());
        let second = Publisher::start(there.clone(), two.clone());
        for shelf in [&one, &two] {
            shelf.until("it is read", |shelf| shelf.serial() == 2).await;
            assert!(shelf.lists("192.0.2.1") && shelf.lists("2001:db8::1"));
            assert!(!shelf.lists("192.0.2.7") && !shelf.lists("198.51.100.1"));
            assert!(shelf.lists("127.0.0.2") && !shelf.lists("127.0.0.1"));
        }
        // Both change it at once.
        let many = async |database: &Database, net: u8| {
            for last in 0..10 {
                change(database, &list, &by, &[&format!("10.{net}.0.{last}")]).await;
            }
        };
        tokio::join!(many(&here, 1), many(&there, 2));
        let serial = change(&there, &list, &by, &["-192.0.2.0/24", "!10.1.0.5"]).await;
        assert_eq!(serial, 23, "no serial is given twice or left out");
        for shelf in [&one, &two] {
            shelf.until("all is followed", |shelf| shelf.serial() == 23).await;
            assert!(
                shelf.lists("10.1.0.9") && shelf.lists("10.2.0.9") && !shelf.lists("192.0.2.1")
            );
            assert!(!shelf.lists("10.1.0.5"));
            let entries = shelf.zone().expect("a zone").entries();
            assert_eq!(entries, 22, "20 addresses, 192.0.2.7 and the network of IPv6");
            let copy =
                |shelf: &Shelf| shelf.copy.lock().expect("whole").as_ref().map(Editor::serial);
            shelf.until("it is handed on", |shelf| copy(shelf) == Some(23)).await;
            let ways = shelf.ways.lock().expect("whole").clone();
            assert_eq!(ways.iter().filter(|way| **way == "whole").count(), 1, "{ways:?}");
            assert!(ways.len() > 1, "{ways:?}");
        }
        until_written(&here, &list, 23).await;
        first.stop().await;
        second.stop().await;
        let written = written(&here, &list).await;
        assert!(written.iter().all(|(_, outcome)| *outcome == Outcome::Published), "{written:?}");
        assert!(written.windows(2).all(|pair| pair[0].0 < pair[1].0), "{written:?}");
        let mut transaction = here.begin().await.expect("a transaction");
        let job = jobs::take(transaction.session(), Timestamp::now(), POLL).await;
        assert_eq!(job.expect("a look"), None, "the order to publish is carried out");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_portal_that_says_where_it_is_has_texts_lead_there_and_changes_no_entry() {
    in_each(async |place| {
        let database = Database::open(&place).await.expect("it opens");
        let list = add(&database).await;
        let by = actor(&database, 1).await;
        change(&database, &list, &by, &["192.0.2.0/24"]).await;
        let shelf = Shelf::new();
        let publisher = Publisher::start(database.clone(), shelf.clone());
        let copy = |shelf: &Shelf| shelf.copy.lock().expect("whole").as_ref().map(Editor::serial);
        shelf.until("it is handed on", |shelf| copy(shelf) == Some(2)).await;
        let mut transaction = database.begin().await.expect("a transaction");
        let url = "https://lists.example";
        let told = crate::link::announce(&mut transaction, url, Timestamp(9)).await;
        assert_eq!(told.expect("it is said"), 1);
        transaction.commit().await.expect("it is committed");
        // What is handed on is compared with what is served, links and all.
        shelf.until("it is handed on", |shelf| copy(shelf) == Some(3)).await;
        assert_eq!(*shelf.ways.lock().expect("whole"), ["whole", "delta"]);
        let zone = shelf.zone().expect("it is served");
        let before = format!("{url}/r/{}/", list.id.0);
        assert_eq!(zone.link().map(repute_zone::Link::before), Some(&*before));
        publisher.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_becomes_of_a_change_is_told_before_anybody_publishes_it() {
    in_each(async |place| {
        let database = Database::open(&place).await.expect("it opens");
        let list = add(&database).await;
        let by = actor(&database, 1).await;
        let canary = "198.51.100.9".parse().expect("a target");
        let settings = Settings { canaries: vec![canary], ..Settings::default() };
        let mut transaction = database.begin().await.expect("a transaction");
        let hand = Hand { who: Who::Shell(&by), reason: "", now: Timestamp(3) };
        configure(&mut transaction, &hand, &list, &settings).await.expect("it is set");
        transaction.commit().await.expect("it is committed");
        let becomes = async |words: &[&str]| {
            let serial = change(&database, &list, &by, words).await;
            let mut connection = database.read().await.expect("a connection");
            prospect(connection.session(), &list, serial).await.expect("it is told")
        };
        let held = |why: &str| Prospect::Held { why: why.to_owned(), is_decided: false };
        for (words, expect) in [
            (&["192.0.2.1", "2001:db8::/32"][..], Prospect::Soon),
            (&["!11.0.0.0/8"], Prospect::Soon),
            (&["192.0.2.2", "11.0.0.0/8"], held("all of 11.0.0.0/8 would be listed")),
            (&["2000::/3"], held("all of 2000::/3 would be listed")),
            (&["198.51.100.0/24"], held("198.51.100.9 would be listed, which is a canary")),
            (&["-11.0.0.0/8", "-2000::/3", "-198.51.100.0/24"], Prospect::Soon),
        ] {
            assert_eq!(becomes(words).await, expect, "{words:?}");
        }
        // What was refused is known, and all behind it waits.
        let serial = change(&database, &list, &by, &["10.0.0.0/8"]).await;
        let why = "all of 10.0.0.0/8 would be listed".to_owned();
        let outcome = Outcome::Refused { why: why.clone() };
        let refused = Publication { serial, time: Timestamp(9), entries: 3, audit: 9, outcome };
        let mut transaction = database.begin().await.expect("a transaction");
        publications::note(transaction.session(), list.id, &refused).await.expect("it is noted");
        let known = prospect(transaction.session(), &list, serial).await.expect("it is told");
        assert_eq!(known, Prospect::Held { why: why.clone(), is_decided: true });
        transaction.commit().await.expect("it is committed");
        assert_eq!(becomes(&["192.0.2.3"]).await, Prospect::Behind { serial, why });
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_must_not_be_waits_for_a_second_person() {
    in_each(async |place| {
        let database = Database::open(&place).await.expect("it opens");
        let list = add(&database).await;
        let (one, other) = (actor(&database, 1).await, actor(&database, 2).await);
        change(&database, &list, &one, &["192.0.2.1"]).await;
        let mut transaction = database.begin().await.expect("a transaction");
        let canary = "198.51.100.9".parse().expect("a target");
        let settings = Settings { canaries: vec![canary], ..Settings::default() };
        let hand = Hand { who: Who::Shell(&one), reason: "", now: Timestamp(3) };
        let serial = configure(&mut transaction, &hand, &list, &settings).await;
        assert_eq!(serial.expect("it is set"), Set::Done(Some(3)));
        transaction.commit().await.expect("it is committed");
        let shelf = Shelf::new();
        let publisher = Publisher::start(database.clone(), shelf.clone());
        shelf.until("it is read", |shelf| shelf.serial() == 3).await;

        let approve = async |serial, by: &str| {
            let mut transaction = database.begin().await.expect("a transaction");
            let said = approve(&mut transaction, &list, serial, by, Timestamp(9)).await;
            transaction.commit().await.expect("it is committed");
            said.map_err(|error| error.to_string())
        };
        assert_eq!(
            approve(3, &other).await.expect_err("nothing waits"),
            "no version of bl.example waits for approval"
        );
        change(&database, &list, &one, &["198.51.100.0/24"]).await;
        shelf.until("it is refused", |shelf| shelf.holds("198.51.100.9 would be listed")).await;
        until_written(&database, &list, 4).await;
        // What is right is held with it, ...
        change(&database, &list, &other, &["192.0.2.2"]).await;
        // ... and what is worse is refused for itself.
        change(&database, &list, &one, &["10.0.0.0/8"]).await;
        shelf
            .until("it is refused", |shelf| shelf.holds("all of 10.0.0.0/8 would be listed"))
            .await;
        assert!(shelf.lists("192.0.2.1") && !shelf.lists("198.51.100.1") && shelf.serial() == 3);
        let written = until_written(&database, &list, 6).await;
        assert!(
            matches!(&written[..], [(3, Outcome::Published), (4, _), .., (6, _)]),
            "{written:?}"
        );
        assert!(!approve(4, &other).await.expect_err("another waits").contains("6 of"));
        assert_eq!(
            approve(6, &one).await.expect_err("it is his own"),
            "serial 6 of bl.example is your own change: a second person has to approve it"
        );
        // Whoever starts now holds it, too: it has nothing to compare with, and does not serve it.
        let fresh = Shelf::new();
        let second = Publisher::start(database.clone(), fresh.clone());
        fresh.until("it is held", |shelf| shelf.holds("all of 10.0.0.0/8")).await;
        assert!(fresh.zone().is_none());

        let third = actor(&database, 3).await;
        approve(6, &third).await.expect("it is approved");
        change(&database, &list, &one, &["192.0.2.3"]).await;
        for shelf in [&shelf, &fresh] {
            shelf.until("it is published", |shelf| shelf.serial() == 7).await;
            assert!(
                shelf.lists("10.1.2.3") && shelf.lists("198.51.100.9") && shelf.lists("192.0.2.3")
            );
        }
        let mut connection = database.read().await.expect("a connection");
        let deeds = audit::of_subject(connection.session(), "list/bl.example", 9).await;
        let deeds = deeds.expect("they are read");
        assert!(
            deeds.iter().any(|deed| deed.action == "publication.approve" && deed.actor == third)
        );
        publisher.stop().await;
        second.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_hands_in_evidence_does_not_approve_what_rules_made_of_it() {
    in_each(async |place| {
        let database = Database::open(&place).await.expect("it opens");
        let list = add(&database).await;
        let (one, feeder, other) =
            (actor(&database, 1).await, actor(&database, 2).await, actor(&database, 3).await);
        change(&database, &list, &one, &["192.0.2.1"]).await;
        let shelf = Shelf::new();
        let publisher = Publisher::start(database.clone(), shelf.clone());
        shelf.until("it is published", |shelf| shelf.serial() == 2).await;
        let mut transaction = database.begin().await.expect("a transaction");
        let t = &mut transaction;
        let by = |actor: &str, action: &str| Cause {
            actor: actor.to_owned(),
            action: action.to_owned(),
            reason: String::new(),
        };
        let (kind, now) = (Kind::Trap, Timestamp(5));
        let added = add_source(t, "traps", kind, &by(&one, "evidence.source"), now).await;
        added.expect("it is added");
        let sighting = Sighting {
            target: "10.0.0.1".parse().expect("a target"),
            class: "spam".to_owned(),
            seen: now,
            count: 1,
            trap: None,
            detail: String::new(),
            id: None,
        };
        let told = &mut Told::default();
        let taken =
            take(t, "traps", (&[sighting], told), None, &by(&feeder, "evidence.take"), now).await;
        taken.expect("it is taken");
        transaction.commit().await.expect("it is committed");
        change(&database, &list, audit::SYSTEM, &["10.0.0.0/8"]).await;
        shelf.until("it is refused", |shelf| shelf.holds("all of 10.0.0.0/8")).await;
        until_written(&database, &list, 3).await;
        for (who, is_own) in [(&feeder, true), (&other, false)] {
            let mut transaction = database.begin().await.expect("a transaction");
            let said = approve(&mut transaction, &list, 3, who, Timestamp(9)).await;
            assert_eq!(matches!(said, Err(ApprovalError::Own { .. })), is_own, "{said:?}");
            assert_eq!(said.is_ok(), !is_own);
        }
        publisher.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_set_an_end_does_not_approve_what_time_made_of_it() {
    in_each(async |place| {
        let database = Database::open(&place).await.expect("it opens");
        let list = add(&database).await;
        let (one, importer, mender) =
            (actor(&database, 1).await, actor(&database, 2).await, actor(&database, 3).await);
        change(&database, &list, &one, &["192.0.2.0/24"]).await;
        let mut transaction = database.begin().await.expect("a transaction");
        let canaries = ["192.0.2.9", "192.0.2.10"].map(|text| text.parse().expect("a target"));
        let settings = Settings { canaries: canaries.into(), ..Settings::default() };
        let hand = Hand { who: Who::Shell(&one), reason: "", now: Timestamp(3) };
        configure(&mut transaction, &hand, &list, &settings).await.expect("it is set");
        // One of them is excluded by hand until a moment, and another one mends the reason; ...
        let t = &mut transaction;
        let source = entries::source(t.session(), "test").await.expect("a source");
        let by = |actor: &str, action: &str| Cause {
            actor: actor.to_owned(),
            action: action.to_owned(),
            reason: String::new(),
        };
        let excluded = |reason: &str| {
            let mut change = change_of("!192.0.2.9", source, Some(Timestamp(50)));
            reason.clone_into(&mut change.entries[0].reason);
            [change]
        };
        for (who, reason) in [(&one, "ours"), (&mender, "ours, really")] {
            let cause = by(who, "entries.edit");
            apply(t, &list, &excluded(reason), &cause, Timestamp(9)).await.expect("it is put");
        }
        // ... the other one by a file of many.
        let mut file = "!192.0.2.10\n".to_owned();
        for last in 0..=crate::changes::MOST_EACH {
            file += &format!("198.51.100.{last} :2:x\n");
        }
        let reading = Reading {
            layout: None,
            keys: KeyKind::Ip,
            code: "127.0.0.2".parse().expect("a code"),
            minimum: None,
            subdomains: false,
            now: 0,
        };
        let content = content::read("many.txt", file.as_bytes(), |file| Ok(file), &reading);
        let import = Import {
            source: "feed".to_owned(),
            mode: Mode::Add,
            reason: "\"expires\":60,".to_owned(),
            expires: Some(Timestamp(60)),
            criterion: None,
            review: None,
            whose: Whose::Nobodys,
        };
        let content = content.expect("it is read");
        let cause = by(&importer, "list.import");
        import::run(t, &list, &import, &content, &cause, Timestamp(9), &mut |_| ())
            .await
            .expect("it is imported");
        transaction.commit().await.expect("it is committed");
        let shelf = Shelf::new();
        let publisher = Publisher::start(database.clone(), shelf.clone());
        shelf.until("it is published", |shelf| shelf.lists("198.51.100.1")).await;
        let mut serial = shelf.serial();
        for (now, canary, who) in [(50, "192.0.2.9", &one), (60, "192.0.2.10", &importer)] {
            until_written(&database, &list, serial).await;
            crate::expiry::expire(&database, Timestamp(now)).await.expect("it is done");
            let words = format!("{canary} would be listed");
            shelf.until("it is refused", |shelf| shelf.holds(&words)).await;
            serial += 1;
            until_written(&database, &list, serial).await;
            for (by, is_own) in [(who, true), (&mender, false)] {
                let mut transaction = database.begin().await.expect("a transaction");
                let said = approve(&mut transaction, &list, serial, by, Timestamp(70)).await;
                assert_eq!(matches!(said, Err(ApprovalError::Own { .. })), is_own, "{said:?}");
                assert_eq!(said.is_ok(), !is_own);
                if !is_own {
                    transaction.commit().await.expect("it is committed");
                }
            }
            shelf.until("it is published", |shelf| shelf.serial() == serial).await;
        }
        publisher.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn too_large_a_change_at_once_is_refused_and_undone() {
    in_each(async |place| {
        let database = Database::open(&place).await.expect("it opens");
        let list = add(&database).await;
        let by = actor(&database, 1).await;
        let words = |count: u32, sign: &str| -> Vec<String> {
            let address = |n| std::net::Ipv4Addr::from(0x0a00_0000 + n * 2);
            (0..count).map(|n| format!("{sign}{}", address(n))).collect()
        };
        let change_all = async |words: Vec<String>| {
            let words: Vec<&str> = words.iter().map(|word| &**word).collect();
            change(&database, &list, &by, &words).await
        };
        let shelf = Shelf::new();
        let publisher = Publisher::start(database.clone(), shelf.clone());
        // A new list may take all it gets; and it is so much that it is built anew.
        change_all(words(30_000, "")).await;
        shelf.until("it is published", |shelf| shelf.serial() == 2).await;
        change_all(words(7_000, "-")).await;
        shelf.until("it is published", |shelf| shelf.serial() == 3).await;
        change_all(words(30_000, "-")).await;
        shelf
            .until("it is refused", |shelf| shelf.holds("a change of 30000 entries at once"))
            .await;
        assert!(shelf.lists("10.0.200.0"));
        until_written(&database, &list, 4).await;
        publisher.stop().await;
        // After a start it is compared with what was served before.
        let publisher = Publisher::start(database.clone(), shelf.clone());
        shelf.until("it is refused", |shelf| shelf.holds("list approve bl.example 4")).await;
        assert_eq!(shelf.zone().expect("a zone").entries(), 23_000);
        publisher.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn too_large_a_change_in_steps_is_refused() {
    in_each(async |place| {
        let database = Database::open(&place).await.expect("it opens");
        let list = add(&database).await;
        let by = actor(&database, 1).await;
        let step = async |range: std::ops::Range<u32>, sign: &str| {
            let address = |n| std::net::Ipv4Addr::from(0x0a00_0000 + n * 2);
            let words: Vec<String> = range.map(|n| format!("{sign}{}", address(n))).collect();
            let words: Vec<&str> = words.iter().map(|word| &**word).collect();
            change(&database, &list, &by, &words).await
        };
        step(0..2_000, "").await;
        let mut transaction = database.begin().await.expect("a transaction");
        let time = Timestamp::now().before(std::time::Duration::from_secs(7_200));
        let outcome = Outcome::Published;
        let long_ago = Publication { serial: 2, time, entries: 2_000, audit: 1, outcome };
        publications::note(transaction.session(), list.id, &long_ago).await.expect("it is noted");
        transaction.commit().await.expect("it is committed");
        let shelf = Shelf::new();
        let publisher = Publisher::start(database.clone(), shelf.clone());
        shelf.until("it is published", |shelf| shelf.serial() == 2).await;
        step(0..900, "-").await;
        shelf.until("it is published", |shelf| shelf.serial() == 3).await;
        step(900..1_800, "-").await;
        shelf.until("it is refused", |shelf| shelf.holds("an hour ago there were 2000")).await;
        until_written(&database, &list, 4).await;
        let other = actor(&database, 2).await;
        let mut transaction = database.begin().await.expect("a transaction");
        let approved = publications::approve(transaction.session(), list.id, 4, &other).await;
        assert!(approved.expect("it is written"));
        transaction.commit().await.expect("it is committed");
        shelf.until("it is published", |shelf| shelf.serial() == 4).await;
        step(1_800..1_900, "-").await;
        shelf.until("it counts from there on", |shelf| shelf.serial() == 5).await;
        publisher.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_over_leaves_its_list() {
    in_each(async |place| {
        let database = Database::open(&place).await.expect("it opens");
        let list = add(&database).await;
        let by = actor(&database, 1).await;
        let mut transaction = database.begin().await.expect("a transaction");
        let source = entries::source(transaction.session(), "test").await.expect("a source");
        let mut changes = vec![
            change_of("192.0.2.1", source, Some(Timestamp(50))),
            change_of("192.0.2.2", source, Some(Timestamp(51))),
            change_of("192.0.2.3", source, Some(Timestamp(50))),
        ];
        changes[2].entries[1].expires = None;
        let cause = Cause { actor: by, action: "entries.change".into(), reason: String::new() };
        let applied = apply(&mut transaction, &list, &changes, &cause, Timestamp(9)).await;
        applied.expect("it is applied");
        transaction.commit().await.expect("it is committed");
        let shelf = Shelf::new();
        let publisher = Publisher::start(database.clone(), shelf.clone());
        shelf.until("it is published", |shelf| shelf.serial() == 2).await;
        for (now, count) in [(49, 0), (50, 2), (50, 0)] {
            let expired = crate::expiry::expire(&database, Timestamp(now)).await;
            assert_eq!(expired.expect("it is done"), count, "{now}");
        }
        shelf.until("it is followed", |shelf| shelf.serial() == 3).await;
        assert!(!shelf.lists("192.0.2.1") && shelf.lists("192.0.2.2") && shelf.lists("192.0.2.3"));
        let mut connection = database.read().await.expect("a connection");
        let deeds = audit::of_subject(connection.session(), "list/bl.example", 1).await;
        let deeds = deeds.expect("they are read");
        assert_eq!((&*deeds[0].actor, &*deeds[0].action), (audit::SYSTEM, "entries.expire"));
        publisher.stop().await;
    })
    .await;
}

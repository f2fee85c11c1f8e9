//! Work on both databases: workers that die, cancellations, files.

use std::time::Duration;

use repute_database::accounts::{self, AccountId};
use repute_database::audit;
use repute_database::evidence as stored;
use repute_database::lists::{self, List, Stored};
use repute_database::rules::{Outcome, Terms};
use repute_database::testing::on_each_narrow;
use repute_database::work::{self, State, Work, WorkId};
use repute_database::{Database, Timestamp, Transaction, entries};
use repute_dnsxl::{KeyKind, Polarity, ReturnCode, Target};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use super::worker::{LEASE, Part};
use super::*;
use crate::changes::Cause;
use crate::evidence::{Sighting, Told, add_source, take};
use crate::import::{Import, Mode};
use crate::permission::{Person, Role};
use crate::rule;

/// Has the account that orders things be an administrator's; whether or not it is there already.
async fn account(t: &mut Transaction) -> AccountId {
    let mail = "orders@x.example";
    let now = Timestamp(1);
    let known = accounts::by_mail(t.session(), mail).await.expect("it is read");
    if let Some(known) = known {
        return known.id;
    }
    let role = accounts::Role::Administrator;
    let id = accounts::add(t.session(), mail, "A", "x", role, now).await;
    id.expect("it is added").expect("it is new")
}

/// Somebody with an account.
const EDITOR: Person = Person { account: 8, role: Role::Editor };

/// Who orders something.
async fn cause(t: &mut Transaction) -> Cause {
    Cause {
        actor: audit::actor(t.session(), EDITOR.account).await.expect("a pseudonym"),
        action: "evidence.purge".to_owned(),
        reason: "its traps are known".to_owned(),
    }
}

/// A source that saw so many addresses.
async fn see(database: &Database, count: u32) {
    let mut transaction = database.begin().await.expect("a transaction");
    let t = &mut transaction;
    let (cause, now) = (cause(t).await, Timestamp::now());
    let added = add_source(t, "traps", stored::Kind::Trap, &cause, now).await;
    added.expect("it is added");
    let hit = |number: u32| Sighting {
        target: Target::Ipv4((0x0900_0000 + number).into()),
        class: "spam".to_owned(),
        seen: now,
        count: 1,
        trap: None,
        detail: String::new(),
        id: None,
    };
    let hits: Vec<Sighting> = (0..count).map(hit).collect();
    let told = &mut Told::default();
    take(t, "traps", (&hits, told), None, &cause, now).await.expect("they are taken");
    transaction.commit().await.expect("it is committed");
}

/// A list of addresses.
async fn list(database: &Database) -> Stored {
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

/// Orders the purge of the source.
async fn purge(database: &Database) -> WorkId {
    let mut transaction = database.begin().await.expect("a transaction");
    let cause = cause(&mut transaction).await;
    let now = Timestamp::now();
    let id = order_purge(&mut transaction, "traps", &cause, now).await.expect("it is ordered");
    transaction.commit().await.expect("it is committed");
    id
}

/// A worker with a folder of its own.
fn worker(database: &Database) -> (Worker, TempDir) {
    let folder = tempfile::tempdir().expect("a folder");
    let spool = Spool::open(folder.path()).expect("it opens");
    let worker = Worker::new(database.clone(), spool, |file| Ok(file));
    (worker.expect("random numbers"), folder)
}

/// How work stands.
async fn at(database: &Database, id: WorkId) -> Work {
    let mut connection = database.read().await.expect("a connection");
    let work = work::by_id(connection.session(), id).await.expect("it is read");
    work.expect("it is there")
}

/// How much the source has.
async fn left(database: &Database) -> u64 {
    let mut connection = database.read().await.expect("a connection");
    stored::sources(connection.session()).await.expect("they are read")[0].1
}

/// What the log says of the source of late: actions and details.
async fn log(database: &Database) -> Vec<(String, Value)> {
    let mut connection = database.read().await.expect("a connection");
    let log = audit::of_subject(connection.session(), "evidence/traps", 99).await;
    let read = |deed: audit::Deed| {
        let detail: Value = serde_json::from_str(&deed.detail).expect("it is JSON");
        (deed.action, detail)
    };
    let rows = log.expect("the log").into_iter().map(read);
    rows.filter(|(_, detail)| detail["hits"].is_null()).collect()
}

/// So long ago that whoever took something then has it no more.
fn long_ago() -> Timestamp {
    Timestamp::now().before(LEASE + Duration::from_secs(60))
}

#[tokio::test]
async fn another_goes_on_with_a_purge_where_one_died() {
    on_each_narrow(async |database| {
        see(&database, 5_000).await;
        let id = purge(&database).await;
        assert_eq!(purge(&database).await, id, "it is under way");
        let ((first, _kept), (second, _other)) = (worker(&database), worker(&database));
        let taken = first.take(long_ago()).await.expect("a look").expect("it waits");
        let part = first.part(&taken, long_ago()).await.expect("it is done");
        assert_eq!(part, Part::More { done: 2_000, total: 5_000 });
        assert_eq!((left(&database).await, at(&database, id).await.done), (3_000, 2_000));
        // The first one dies here.
        let stop = CancellationToken::new();
        assert!(second.turn(Timestamp::now(), &stop).await.expect("it is done"));
        let done = at(&database, id).await;
        assert_eq!((done.state, done.done, done.new.total), (State::Done, 5_000, 5_000));
        let result: Value = serde_json::from_str(&done.result).expect("it is JSON");
        assert_eq!(result, json!({ "source": "traps", "observations": 5_000 }));
        assert_eq!(left(&database).await, 0);
        // It was only slow: what it does now is nothing.
        let late = first.part(&Work { done: 2_000, ..taken }, Timestamp::now()).await;
        assert_eq!(late.expect("it is tried"), Part::Lost);
        let rows = log(&database).await;
        assert_eq!(rows[0].0, "evidence.purge");
        assert_eq!(
            (&rows[0].1["count"], &rows[0].1["reason"]),
            (&json!(5_000), &json!("its traps are known"))
        );
        assert_eq!(
            rows.iter().filter(|(action, _)| action == "evidence.purge").count(),
            2,
            "and the source's own"
        );
        assert!(!second.turn(Timestamp::now(), &stop).await.expect("a look"), "there is no more");
    })
    .await;
}

#[tokio::test]
async fn a_purge_that_is_cancelled_ends_with_its_next_part() {
    on_each_narrow(async |database| {
        see(&database, 5_000).await;
        let id = purge(&database).await;
        let (worker, _kept) = worker(&database);
        let taken = worker.take(Timestamp::now()).await.expect("a look").expect("it waits");
        worker.part(&taken, Timestamp::now()).await.expect("it is done");
        let cancel = async |person: Person| {
            let mut transaction = database.begin().await.expect("a transaction");
            let cancelled = cancel(&mut transaction, person, id, Timestamp::now()).await;
            if cancelled.is_ok() {
                transaction.commit().await.expect("it is committed");
            }
            cancelled
        };
        let other = Person { account: 9, ..EDITOR };
        assert!(matches!(cancel(other).await, Err(WorkError::Others)));
        assert_eq!(cancel(EDITOR).await.expect("it is cancelled").done, 2_000);
        let admin = Person { role: Role::Administrator, ..other };
        assert!(matches!(cancel(admin).await, Err(WorkError::Over(_))));
        let part = worker.part(&Work { done: 2_000, ..taken }, Timestamp::now()).await;
        assert_eq!(part.expect("it is tried"), Part::Lost);
        assert_eq!(
            (left(&database).await, at(&database, id).await.state),
            (3_000, State::Cancelled)
        );
        let rows = log(&database).await;
        assert_eq!((&*rows[0].0, &rows[0].1["count"]), ("work.cancel", &json!(2_000)));
        // Ordered again, it takes the rest.
        purge(&database).await;
        let stop = CancellationToken::new();
        assert!(worker.turn(Timestamp::now(), &stop).await.expect("it is done"));
        assert_eq!(left(&database).await, 0);
    })
    .await;
}

#[tokio::test]
async fn a_replay_says_what_a_rule_would_do_and_does_nothing() {
    on_each_narrow(async |database| {
        see(&database, 3).await;
        let list = list(&database).await;
        let terms = Terms {
            classes: Vec::new(),
            sources: Vec::new(),
            hits: 1,
            from_sources: 1,
            from_traps: 0,
            span: 3_600_000_000,
            lasts: 7_200_000_000,
            outcome: Outcome::List,
            code: ReturnCode::LISTED,
            text: String::new(),
            reason: "traps hit".to_owned(),
            criterion: None,
            ipv4_prefix: 32,
            ipv6_prefix: 64,
        };
        let mut transaction = database.begin().await.expect("a transaction");
        let t = &mut transaction;
        let (cause, now) = (cause(t).await, Timestamp::now());
        rule::put(t, &list, "traps", &terms, &cause, now).await.expect("it is written");
        let rule = rule::find(t, &list, "traps", None).await.expect("it is there");
        let id = order_replay(t, &rule, &cause.actor, now).await.expect("it is ordered");
        transaction.commit().await.expect("it is committed");
        let (worker, _kept) = worker(&database);
        // Who stops first leaves it to the next.
        let stopped = CancellationToken::new();
        stopped.cancel();
        assert!(!worker.turn(Timestamp::now(), &stopped).await.expect("a look"));
        let stop = CancellationToken::new();
        assert!(worker.turn(Timestamp::now(), &stop).await.expect("it is done"));
        let done = at(&database, id).await;
        assert_eq!((done.state, &*done.fault), (State::Done, ""));
        let found: Value = serde_json::from_str(&done.result).expect("it is JSON");
        assert_eq!((&found["keys"], &found["version"]), (&json!(3), &json!(1)));
        let first = json!(["9.0.0.0", "9.0.0.1", "9.0.0.2"]);
        assert_eq!(found["added"], json!({ "count": 3, "first": first }));
        let mut connection = database.read().await.expect("a connection");
        let there = entries::page(connection.session(), list.id, None, None, 9).await;
        assert!(there.expect("it is read").is_empty());
    })
    .await;
}

/// Orders the import of a text.
async fn import(
    database: &Database,
    list: &Stored,
    worker: &Worker,
    text: &str,
    is_dry: bool,
) -> WorkId {
    let mut file = worker.spool.create().expect("a file");
    file.write(text.as_bytes()).expect("it is written");
    let wanted = Wanted {
        import: Import {
            source: "feed".to_owned(),
            mode: Mode::ReplaceSource,
            reason: "a test".to_owned(),
            expires: None,
            criterion: None,
            review: None,
            whose: crate::import::Whose::Nobodys,
        },
        is_dry,
        layout: None,
        code: None,
        minimum: None,
        subdomains: false,
        name: "feed.txt".to_owned(),
    };
    let mut transaction = database.begin().await.expect("a transaction");
    let t = &mut transaction;
    let account = account(t).await;
    let actor = audit::actor(t.session(), account.0).await.expect("a pseudonym");
    let name = file.sync().expect("it is written").to_owned();
    let place = (&worker.spool, &*name);
    let id = order_import(t, list.id, &wanted, place, &actor, Timestamp::now()).await;
    transaction.commit().await.expect("it is committed");
    file.keep();
    id.expect("it is ordered")
}

/// How many files a worker's folder has, besides its name.
fn files(folder: &TempDir) -> usize {
    std::fs::read_dir(folder.path()).expect("it is there").count() - 1
}

#[tokio::test]
async fn a_file_is_tried_and_then_taken_by_who_has_it() {
    on_each_narrow(async |database| {
        let list = list(&database).await;
        let ((worker, folder), (other, _other)) = (worker(&database), worker(&database));
        let stop = CancellationToken::new();
        let text = "9.9.2.1 :2:x\n9.9.2.2 :2:x\nnonsense!\n";
        let mut expect = json!({ "dry_run": true, "serial": null, "added": 2, "faults": 1 });
        for is_dry in [true, false] {
            let id = import(&database, &list, &worker, text, is_dry).await;
            assert!(!other.turn(Timestamp::now(), &stop).await.expect("a look"), "it has no file");
            // Whoever dies with it has done nothing.
            let taken = worker.take(long_ago()).await.expect("a look").expect("it waits");
            assert_eq!((taken.id, files(&folder)), (id, 1));
            assert!(worker.turn(Timestamp::now(), &stop).await.expect("it is done"));
            let done = at(&database, id).await;
            assert_eq!((done.state, &*done.fault, done.attempts), (State::Done, "", 2));
            let found: Value = serde_json::from_str(&done.result).expect("it is JSON");
            for (name, value) in expect.as_object().expect("an object") {
                assert_eq!(&found[name], value, "{name} of {found}");
            }
            assert_eq!(found["examples"]["added"][0], "9.9.2.1 127.0.0.2 x");
            assert!(found["first_faults"][0].as_str().expect("a fault").contains("feed.txt:3"));
            assert_eq!(files(&folder), 0, "nobody needs it any more");
            expect = json!({ "dry_run": false, "serial": 2, "added": 2, "held": null });
        }
        let mut connection = database.read().await.expect("a connection");
        let there = entries::page(connection.session(), list.id, None, None, 9).await;
        assert_eq!(there.expect("it is read").len(), 2);
        let log = audit::of_subject(connection.session(), "list/bl.example", 9).await;
        let log = log.expect("the log");
        let detail: Value = serde_json::from_str(&log[0].detail).expect("it is JSON");
        assert_eq!((log.len(), &*log[0].action, &detail["added"]), (1, "list.import", &json!(2)));
        assert!(detail["sha256"].as_str().is_some_and(|digest| digest.len() == 64));
    })
    .await;
}

#[tokio::test]
async fn what_two_editors_have_to_agree_to_no_file_brings_and_a_trial_tells() {
    on_each_narrow(async |database| {
        let list = list(&database).await;
        let (worker, _folder) = worker(&database);
        let stop = CancellationToken::new();
        let text = "9.9.2.1 :2:x\n9.8.0.0/16 :2:x\n";
        for is_dry in [true, false] {
            let id = import(&database, &list, &worker, text, is_dry).await;
            assert!(worker.turn(Timestamp::now(), &stop).await.expect("it is done"));
            let done = at(&database, id).await;
            if is_dry {
                let found: Value = serde_json::from_str(&done.result).expect("it is JSON");
                let first = json!(["9.8.0.0/16 127.0.0.2"]);
                let told = (&found["for_two_editors"], &found["first_for_two_editors"]);
                assert_eq!(told, (&json!(1), &first));
            } else {
                assert_eq!(done.state, State::Failed);
                assert!(done.fault.contains("such as 9.8.0.0/16 127.0.0.2"), "{}", done.fault);
            }
        }
        let mut connection = database.read().await.expect("a connection");
        let there = entries::page(connection.session(), list.id, None, None, 9).await;
        assert!(there.expect("it is read").is_empty(), "all of it or nothing");
    })
    .await;
}

#[tokio::test]
async fn a_file_that_cannot_be_taken_says_why_and_one_that_is_cancelled_is_gone() {
    on_each_narrow(async |database| {
        let list = list(&database).await;
        let (worker, folder) = worker(&database);
        let stop = CancellationToken::new();
        let empty = import(&database, &list, &worker, "# nothing\n", false).await;
        assert!(worker.turn(Timestamp::now(), &stop).await.expect("it is done"));
        let failed = at(&database, empty).await;
        assert_eq!((failed.state, &*failed.fault), (State::Failed, "feed.txt has no entries"));
        let gone = import(&database, &list, &worker, "9.9.2.1\n", false).await;
        let mut transaction = database.begin().await.expect("a transaction");
        let other = Person { role: Role::Administrator, ..EDITOR };
        let cancelled = cancel(&mut transaction, other, gone, Timestamp::now()).await;
        transaction.commit().await.expect("it is committed");
        worker.spool.discard(&cancelled.expect("it is cancelled"));
        assert_eq!(files(&folder), 0);
        assert!(!worker.turn(Timestamp::now(), &stop).await.expect("a look"));
        // What ends each process that takes it is given up.
        let bad = import(&database, &list, &worker, "9.9.2.1\n", false).await;
        for attempt in 1..=5 {
            let now = Timestamp::now().before(LEASE * (10 - attempt));
            let taken = worker.take(now).await.expect("a look").expect("it waits");
            assert_eq!(taken.attempts, attempt);
        }
        assert!(worker.turn(Timestamp::now(), &stop).await.expect("it is given up"));
        let failed = at(&database, bad).await;
        assert_eq!((failed.state, files(&folder)), (State::Failed, 0));
    })
    .await;
}

#[tokio::test]
async fn a_file_is_taken_only_while_who_ordered_it_may_still_order_it() {
    on_each_narrow(async |database| {
        let list = list(&database).await;
        let (worker, folder) = worker(&database);
        let stop = CancellationToken::new();
        for (is_locked, role, is_done) in [
            (true, accounts::Role::Administrator, false),
            (false, accounts::Role::Editor, false),
            (false, accounts::Role::Administrator, true),
        ] {
            let mut transaction = database.begin().await.expect("a transaction");
            let t = &mut transaction;
            let by = account(t).await;
            accounts::lock(t.session(), by, None).await.expect("it is said");
            let first = accounts::Role::Administrator;
            accounts::set_role(t.session(), by, first).await.expect("it is said");
            transaction.commit().await.expect("it is committed");
            let id = import(&database, &list, &worker, "9.9.2.1\n", false).await;
            // It waits, and he loses what he had.
            let mut transaction = database.begin().await.expect("a transaction");
            let t = &mut transaction;
            let since = is_locked.then_some(Timestamp(2));
            accounts::lock(t.session(), by, since).await.expect("it is said");
            accounts::set_role(t.session(), by, role).await.expect("it is said");
            transaction.commit().await.expect("it is committed");
            assert!(worker.turn(Timestamp::now(), &stop).await.expect("it is done"));
            let done = at(&database, id).await;
            assert_eq!(done.state == State::Done, is_done, "{} {role:?}", done.fault);
            assert_eq!(
                done.fault.contains("no administrator any more"),
                !is_done,
                "{}",
                done.fault
            );
            assert_eq!(files(&folder), 0, "nobody needs it any more");
            let mut read = database.read().await.expect("a connection");
            let there = entries::page(read.session(), list.id, None, None, 9).await;
            assert_eq!(there.expect("it is read").len(), usize::from(is_done));
        }
    })
    .await;
}

#[tokio::test]
async fn a_source_is_purged_from_a_list_like_a_file_that_has_nothing() {
    on_each_narrow(async |database| {
        let list = list(&database).await;
        let (worker, _folder) = worker(&database);
        let stop = CancellationToken::new();
        let put = async |source: &str, keys: &[&str]| {
            let mut transaction = database.begin().await.expect("a transaction");
            let t = &mut transaction;
            let source = entries::source(t.session(), source).await.expect("a source");
            let entry = |key: &&str| entries::Entry {
                key: key.parse().expect("a key"),
                code: Some(ReturnCode::LISTED),
                text: String::new(),
                reason: "x".to_owned(),
                criterion: None,
                source,
                organisation: None,
                since: Timestamp(1),
                expires: None,
                review: None,
            };
            let all: Vec<_> = keys.iter().map(entry).collect();
            entries::put(t.session(), list.id, &all).await.expect("they are written");
            transaction.commit().await.expect("it is committed");
        };
        put("feed", &["9.9.2.1", "9.9.2.2"]).await;
        put("other", &["9.9.2.3"]).await;
        put("wide", &["9.9.3.1", "9.8.0.0/16"]).await;
        let order = async |source: &str, is_dry: bool| {
            let mut transaction = database.begin().await.expect("a transaction");
            let t = &mut transaction;
            let by = account(t).await;
            let cause = Cause {
                actor: audit::actor(t.session(), by.0).await.expect("a pseudonym"),
                action: String::new(),
                reason: "it went bad".to_owned(),
            };
            let now = Timestamp::now();
            let id = order_clearing(t, list.id, (source, is_dry), &cause, now).await?;
            transaction.commit().await.expect("it is committed");
            assert!(worker.turn(Timestamp::now(), &stop).await.expect("it is done"));
            Ok::<Work, WorkError>(at(&database, id).await)
        };
        let left = async || {
            let mut read = database.read().await.expect("a connection");
            let all = entries::page(read.session(), list.id, None, None, 9).await;
            all.expect("it is read").iter().map(|entry| entry.key.to_string()).collect::<Vec<_>>()
        };
        let slip = order("fed", true).await;
        assert!(matches!(slip, Err(WorkError::NoSource(_))), "{slip:?}");
        for (is_dry, removed, count) in [(true, 2, 5), (false, 2, 3), (false, 0, 3)] {
            let done = order("feed", is_dry).await.expect("it is ordered");
            assert_eq!((done.state, &*done.fault), (State::Done, ""));
            let found: Value = serde_json::from_str(&done.result).expect("it is JSON");
            assert_eq!(found["removed"], json!(removed), "{found}");
            assert_eq!(left().await.len(), count);
        }
        // What two have to agree to nobody purges alone, and a trial says so.
        for is_dry in [true, false] {
            let done = order("wide", is_dry).await.expect("it is ordered");
            match is_dry {
                true => assert!(done.result.contains("9.8.0.0/16 127.0.0.2"), "{}", done.result),
                false => assert!(done.fault.contains("take them off on their pages"), "{done:?}"),
            }
            assert_eq!(left().await, ["9.8.0.0/16", "9.9.2.3", "9.9.3.1"]);
        }
        let mut read = database.read().await.expect("a connection");
        let log = audit::of_subject(read.session(), "list/bl.example", 9).await.expect("the log");
        assert_eq!((log.len(), &*log[0].action), (1, "source.purge"));
        assert!(log[0].detail.contains("it went bad"), "{}", log[0].detail);
    })
    .await;
}

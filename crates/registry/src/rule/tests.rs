//! Rules over evidence, on both databases.

use repute_database::entries::{self, Entry, OrganisationId};
use repute_database::evidence::Kind;
use repute_database::lists::List;
use repute_database::rules::{Outcome, ProposalState};
use repute_database::testing::{Server, on_each};
use repute_database::{Database, dns, organisations};
use repute_dnsxl::Polarity;

use super::proposal::{accept, refuse};
use super::replay::replay;
use super::run::{forget_daily, look};
use super::touched::{Touched, touched};
use super::*;
use crate::changes::{self, Change};
use crate::edit;
use crate::evidence::{Sighting, Taken, Told, add_source, purge, take};
use crate::notice::Notice;
use crate::permission::{Person, Role};
use crate::removal::wave::Waves;
use crate::removal::{self, Answer, Ask};
use crate::token::TokenKey;

/// A second.
const S: i64 = 1_000_000;

/// A rule: so many hits in 100 s, listed for 1,000 s.
fn terms(hits: u32, outcome: Outcome) -> Terms {
    Terms {
        classes: Vec::new(),
        sources: Vec::new(),
        hits,
        from_sources: 1,
        from_traps: 0,
        span: 100 * S,
        lasts: 1_000 * S,
        outcome,
        code: "127.0.0.2".parse().expect("a code"),
        text: "traps".to_owned(),
        reason: "it hit traps".to_owned(),
        criterion: None,
        ipv4_prefix: 32,
        ipv6_prefix: 64,
    }
}

/// Somebody.
async fn cause(transaction: &mut Transaction, action: &str) -> Cause {
    Cause {
        actor: audit::machine(transaction.session(), "shell").await.expect("a name"),
        action: action.to_owned(),
        reason: "a test".to_owned(),
    }
}

/// A database with a list, an allow list, two sources and a rule of the list that is on.
async fn house(database: &Database, terms: &Terms) -> (Stored, Stored) {
    let mut transaction = database.begin().await.expect("a transaction");
    let cause = cause(&mut transaction, "test").await;
    let mut stored = Vec::new();
    for (apex, polarity) in [("bl.example", Polarity::Block), ("wl.example", Polarity::Allow)] {
        let list = List {
            apex: apex.parse().expect("a name"),
            title: String::new(),
            description: String::new(),
            polarity,
            keys: KeyKind::Ip,
            ttl: 300,
            contact: String::new(),
        };
        lists::add(transaction.session(), &list, Timestamp(1)).await.expect("it is added");
        let list = lists::by_apex(transaction.session(), &list.apex).await.expect("it is read");
        stored.push(list.expect("it is there"));
    }
    for (name, kind) in [("traps", Kind::Trap), ("users", Kind::AbuseReport)] {
        let added = add_source(&mut transaction, name, kind, &cause, Timestamp(1)).await;
        added.expect("it is added");
    }
    let allow = stored.pop().expect("two lists");
    let block = stored.pop().expect("two lists");
    let put = put(&mut transaction, &block, "traps", terms, &cause, Timestamp(2)).await;
    assert_eq!(put.expect("it is written"), 1);
    let on = set_enabled(&mut transaction, &block, "traps", true, &cause, Timestamp(2)).await;
    on.expect("it is on");
    transaction.commit().await.expect("it is committed");
    (block, allow)
}

/// Something is seen, once for each second.
async fn see(database: &Database, source: &str, target: &str, seconds: &[i64]) {
    let mut transaction = database.begin().await.expect("a transaction");
    let cause = cause(&mut transaction, "evidence.take").await;
    let sighting = |second: &i64| Sighting {
        target: target.parse().expect("a target"),
        class: "spam".to_owned(),
        seen: Timestamp(second * S),
        count: 1,
        trap: None,
        detail: String::new(),
        id: None,
    };
    let batch: Vec<Sighting> = seconds.iter().map(sighting).collect();
    let now = Timestamp(seconds.last().expect("some") * S);
    let told = &mut Told::default();
    let taken = take(&mut transaction, source, (&batch, told), None, &cause, now).await;
    taken.expect("it is taken");
    transaction.commit().await.expect("it is committed");
}

/// A turn at a second.
async fn turn(database: &Database, second: i64) -> Turn {
    apply(database, Timestamp(second * S)).await.expect("it is applied")
}

/// The entries of a key: when each began and ends.
async fn times(database: &Database, list: &Stored, key: &str) -> Vec<(i64, i64)> {
    let mut connection = database.read().await.expect("a connection");
    let key = key.parse().expect("a key");
    let found = entries::at(connection.session(), list.id, &key).await.expect("they are read");
    let time = |e: &Entry| (e.since.0 / S, e.expires.expect("an end").0 / S);
    found.iter().map(time).collect()
}

/// The keys and numbers of what is open.
async fn open(database: &Database, list: &Stored) -> Vec<(String, rules::ProposalId)> {
    let mut connection = database.read().await.expect("a connection");
    let open = ProposalState::Open;
    let all = rules::proposals(connection.session(), list.id, open, None, 99).await;
    all.expect("they are read").into_iter().map(|p| (p.proposed.key.to_string(), p.id)).collect()
}

/// Writes an entry by hand.
async fn list_by_hand(
    database: &Database,
    list: &Stored,
    key: &str,
    code: Option<&str>,
    organisation: Option<OrganisationId>,
) {
    let mut transaction = database.begin().await.expect("a transaction");
    let cause = cause(&mut transaction, "entry.add").await;
    let source = entries::source(transaction.session(), "hand").await.expect("a source");
    let key: Key = key.parse().expect("a key");
    let entry = Entry {
        key: key.clone(),
        code: code.map(|code| code.parse().expect("a code")),
        text: String::new(),
        reason: "by hand".to_owned(),
        criterion: None,
        source,
        organisation,
        since: Timestamp(S),
        expires: Some(Timestamp(9 * S)),
        review: None,
    };
    let change = [Change { key, entries: vec![entry] }];
    let done = changes::apply(&mut transaction, list, &change, &cause, Timestamp(S)).await;
    done.expect("it is applied");
    transaction.commit().await.expect("it is committed");
}

#[tokio::test]
async fn what_a_rule_lists_meets_its_criterion_as_it_is_by_then() {
    on_each(async |database| {
        let (block, _) = house(&database, &terms(1, Outcome::List)).await;
        let mut transaction = database.begin().await.expect("a transaction");
        let t = &mut transaction;
        lists::publish_policy(t.session(), block.id, "x", Timestamp(2)).await.expect("published");
        let trap = lists::add_criterion(t.session(), block.id, 1, "trap", ("x", "x"), Timestamp(2));
        let trap = trap.await.expect("it is added");
        let cause = cause(t, "test").await;
        let by_it = Terms { criterion: Some(trap), ..terms(1, Outcome::List) };
        let put = put(t, &block, "traps", &by_it, &cause, Timestamp(3)).await;
        assert_eq!(put.expect("it is written"), 2);
        transaction.commit().await.expect("it is committed");
        see(&database, "traps", "9.0.0.1", &[10]).await;
        turn(&database, 10).await;
        let mut transaction = database.begin().await.expect("a transaction");
        let changed = lists::change_criterion(transaction.session(), trap, "y", "y", Timestamp(4));
        assert_eq!(changed.await.expect("it says something else"), 2);
        transaction.commit().await.expect("it is committed");
        // One is renewed and met it before; the other one is new.
        see(&database, "traps", "9.0.0.1", &[20]).await;
        see(&database, "traps", "9.0.0.2", &[20]).await;
        turn(&database, 20).await;
        assert_eq!(times(&database, &block, "9.0.0.1").await, [(10, 1_020)]);
        let mut read = database.read().await.expect("a connection");
        let page = entries::page(read.session(), block.id, None, None, 9).await.expect("read");
        let named = |version| Some(entries::Named { id: trap, version: Some(version) });
        let found: Vec<_> = page.iter().map(|entry| entry.criterion).collect();
        assert_eq!(found, [named(1), named(2)]);
    })
    .await;
}

#[test]
fn hits_count_within_their_span_from_sources_and_traps_and_classes() {
    let names = [(1, "traps"), (2, "users")];
    let names: HashMap<_, _> =
        names.map(|(id, name)| (EvidenceSourceId(id), name.to_owned())).into_iter().collect();
    let seen = |source: i64, second: i64, class: &str, trap: u8| Observation {
        source: EvidenceSourceId(source),
        class: class.to_owned(),
        key: "9.0.0.1".parse().expect("a key"),
        seen: Timestamp(second * S),
        received: Timestamp(second * S),
        count: 1,
        trap: (trap > 0).then(|| vec![trap]),
        detail: String::new(),
    };
    let all = [
        seen(1, 10, "spam", 1),
        seen(1, 50, "spam", 1),
        seen(2, 109, "virus", 0),
        seen(1, 110, "spam", 2),
        seen(1, 300, "spam", 3),
    ];
    let base = terms(3, Outcome::List);
    let words = |classes: &[&str]| classes.iter().map(|&class| class.to_owned()).collect();
    for (terms, now, expect) in [
        // 10 is not within the 100 s before 110.
        (base.clone(), 120, Some((3, 2, 110, 1_110))),
        (base.clone(), 109, Some((3, 2, 109, 1_109))),
        (base.clone(), 108, None),
        (base.clone(), 1_110, None),
        (Terms { hits: 4, ..base.clone() }, 400, None),
        (Terms { hits: 1, ..base.clone() }, 400, Some((1, 1, 300, 1_300))),
        (Terms { from_sources: 2, hits: 1, ..base.clone() }, 400, Some((3, 2, 110, 1_110))),
        (Terms { from_traps: 2, hits: 2, ..base.clone() }, 400, Some((3, 2, 110, 1_110))),
        (Terms { from_traps: 3, hits: 3, ..base.clone() }, 400, None),
        (
            Terms { classes: words(&["virus"]), hits: 1, ..base.clone() },
            400,
            Some((1, 1, 109, 1_109)),
        ),
        (
            Terms { sources: words(&["users"]), hits: 1, ..base.clone() },
            400,
            Some((1, 1, 109, 1_109)),
        ),
        (Terms { sources: words(&["others"]), hits: 1, ..base.clone() }, 400, None),
    ] {
        let found = evaluate(&terms, &all, &names, Timestamp(now * S));
        let found = found.map(|v| (v.hits, v.from_sources, v.last.0 / S, v.until.0 / S));
        assert_eq!(found, expect, "{terms:?} at {now}");
    }
}

#[test]
fn what_a_rule_cannot_be_is_refused() {
    let base = terms(3, Outcome::List);
    check("traps", &base).expect("it is good");
    for (terms, words) in [
        (Terms { hits: 0, ..base.clone() }, "at least one hit"),
        (Terms { from_sources: 4, ..base.clone() }, "cannot be met by 3 hits"),
        (Terms { lasts: i64::MAX, ..base.clone() }, "ten years"),
        (Terms { ipv4_prefix: 8, ..base.clone() }, "from /20 to /32"),
        (Terms { reason: " ".to_owned(), ..base.clone() }, "the reason is empty"),
        (Terms { classes: vec!["a b".to_owned()], ..base.clone() }, "`a b` is no name"),
    ] {
        let error = check("traps", &terms).expect_err(words).to_string();
        assert!(error.contains(words), "{error}");
    }
    assert!(matches!(check("Traps", &base), Err(RuleError::Word(_))));
}

#[tokio::test]
async fn an_entry_is_made_renewed_and_gone_with_its_source() {
    on_each(async |database| {
        let (list, _) = house(&database, &terms(2, Outcome::List)).await;
        see(&database, "traps", "9.0.0.1", &[10, 20]).await;
        see(&database, "users", "9.0.0.2", &[20]).await;
        let first = turn(&database, 30).await;
        assert_eq!(first, Turn { keys: 2, added: 1, ..Turn::default() });
        assert_eq!(times(&database, &list, "9.0.0.1").await, [(30, 1_020)]);
        // Nothing waits, and nothing changes.
        assert_eq!(turn(&database, 31).await, Turn::default());
        see(&database, "traps", "9.0.0.1", &[60]).await;
        see(&database, "users", "9.0.0.2", &[65]).await;
        let (one, other) = (database.clone(), database.clone());
        let (one, other) = tokio::join!(turn(&one, 70), turn(&other, 70));
        let both = (one.keys + other.keys, one.renewed + other.renewed, one.added + other.added);
        assert_eq!(both, (2, 1, 1), "two at once do it once");
        assert_eq!(times(&database, &list, "9.0.0.1").await, [(30, 1_060)]);
        let mut at = database.look().await.expect("a look");
        let source = evidence::source(at.session(), "traps").await.expect("it is read");
        let touched = touched(&mut at, source.expect("it is there").id, Timestamp(75 * S)).await;
        let expect = Touched { keys: 1, entries: 1, ..Touched::default() };
        assert_eq!(touched.expect("it is looked at"), expect);
        let source = evidence::source(at.session(), "users").await.expect("it is read");
        let touched =
            super::touched::touched(&mut at, source.expect("it is there").id, Timestamp(75 * S));
        assert_eq!(touched.await.expect("it is looked at").entries, 1);
        drop(at);
        let mut transaction = database.begin().await.expect("a transaction");
        let cause = cause(&mut transaction, "evidence.purge").await;
        let gone = purge(&mut transaction, "traps", &cause, Timestamp(80 * S)).await;
        assert_eq!(gone.expect("it is purged"), 3);
        transaction.commit().await.expect("it is committed");
        assert_eq!(turn(&database, 90).await, Turn { keys: 1, dropped: 1, ..Turn::default() });
        assert!(times(&database, &list, "9.0.0.1").await.is_empty());
        assert_eq!(times(&database, &list, "9.0.0.2").await, [(70, 1_065)]);
    })
    .await;
}

#[tokio::test]
async fn what_is_reserved_excluded_or_held_by_others_is_never_listed_by_a_rule() {
    on_each(async |database| {
        let (list, allow) = house(&database, &terms(1, Outcome::List)).await;
        let mut transaction = database.begin().await.expect("a transaction");
        let own = organisations::add(transaction.session(), "Own", Timestamp(1)).await;
        let own = own.expect("it is added");
        transaction.commit().await.expect("it is committed");
        list_by_hand(&database, &list, "9.0.1.0/24", None, None).await;
        list_by_hand(&database, &list, "9.0.3.1", Some("127.0.0.2"), None).await;
        list_by_hand(&database, &allow, "9.0.2.0/24", Some("127.0.2.1"), Some(own)).await;
        for target in ["10.0.0.1", "9.0.1.1", "9.0.2.1", "9.0.3.1", "bad.example"] {
            see(&database, "traps", target, &[10]).await;
        }
        let expect = Turn { keys: 5, proposed: 1, held: 2, ..Turn::default() };
        assert_eq!(turn(&database, 20).await, expect);
        for key in ["10.0.0.1", "9.0.1.1", "9.0.2.1"] {
            assert!(times(&database, &list, key).await.is_empty(), "{key}");
        }
        assert_eq!(times(&database, &list, "9.0.3.1").await, [(1, 9)], "it is another's");
        assert_eq!(open(&database, &list).await[0].0, "9.0.2.1");
    })
    .await;
}

#[tokio::test]
async fn editors_accept_and_refuse_what_is_proposed() {
    on_each(async |database| {
        let (list, _) = house(&database, &terms(2, Outcome::Propose)).await;
        see(&database, "traps", "9.0.0.1", &[10, 20]).await;
        see(&database, "traps", "2a00::1:2", &[10, 20]).await;
        assert_eq!(turn(&database, 30).await.proposed, 2);
        let all = open(&database, &list).await;
        let keys: Vec<&str> = all.iter().map(|(key, _)| &**key).collect();
        assert_eq!(keys, ["9.0.0.1", "2a00::/64"]);
        let mut transaction = database.begin().await.expect("a transaction");
        let now = Timestamp(40 * S);
        let cause = cause(&mut transaction, "proposal.decide").await;
        accept(&mut transaction, &list, all[1].1, &cause, now).await.expect("it is accepted");
        let silent = Cause { reason: " ".to_owned(), ..cause.clone() };
        let refused = refuse(&mut transaction, &list, all[0].1, &silent, now).await;
        assert_eq!(refused.expect_err("no reason").to_string(), "a refusal needs a reason");
        refuse(&mut transaction, &list, all[0].1, &cause, now).await.expect("it is refused");
        let again = accept(&mut transaction, &list, all[0].1, &cause, now).await;
        let words = again.expect_err("it is decided").to_string();
        assert!(words.ends_with("is decided already: it is refused"), "{words}");
        transaction.commit().await.expect("it is committed");
        assert_eq!(times(&database, &list, "2a00::/64").await, [(40, 1_020)]);
        // One hit more is not enough behind a refusal, two are; what was accepted is renewed.
        see(&database, "traps", "9.0.0.1", &[50]).await;
        see(&database, "traps", "2a00::7", &[50]).await;
        assert_eq!(turn(&database, 60).await, Turn { keys: 2, renewed: 1, ..Turn::default() });
        assert!(open(&database, &list).await.is_empty());
        see(&database, "traps", "9.0.0.1", &[70]).await;
        assert_eq!(turn(&database, 80).await.proposed, 1);
    })
    .await;
}

#[tokio::test]
async fn a_replay_says_what_would_change_and_changes_nothing() {
    on_each(async |database| {
        let (list, _) = house(&database, &terms(2, Outcome::List)).await;
        see(&database, "traps", "9.0.0.1", &[10, 20]).await;
        see(&database, "traps", "9.0.0.2", &[20, 25]).await;
        see(&database, "traps", "9.0.0.3", &[20]).await;
        see(&database, "traps", "10.0.0.1", &[20]).await;
        turn(&database, 30).await;
        see(&database, "traps", "9.0.0.1", &[35]).await;
        let mut transaction = database.begin().await.expect("a transaction");
        let (now, cause) = (Timestamp(40 * S), cause(&mut transaction, "rule.put").await);
        let lower = terms(1, Outcome::List);
        let put = put(&mut transaction, &list, "traps", &lower, &cause, now).await;
        assert_eq!(put.expect("it is written"), 2);
        transaction.commit().await.expect("it is committed");
        let mut look = database.look().await.expect("a look");
        let before = entries::count(look.session(), list.id).await.expect("a count");
        let keys = |keys: &[&str]| -> Vec<Key> {
            keys.iter().map(|key| key.parse().expect("a key")).collect()
        };
        let rule = find(&mut look, &list, "traps", None).await.expect("it is there");
        let report = replay(&mut look, &list, &rule, Timestamp(0), now, &mut |_| ())
            .await
            .expect("a report");
        assert_eq!((report.keys, report.same, report.held.count), (4, 1, 1));
        assert_eq!(report.added.first, keys(&["9.0.0.3"]));
        assert_eq!(report.renewed.first, keys(&["9.0.0.1"]));
        assert_eq!(report.dropped.count, 0);
        // The old version, on what was seen lately: it would drop what it does not see.
        let rule = find(&mut look, &list, "traps", Some(1)).await.expect("it is there");
        let report = replay(&mut look, &list, &rule, Timestamp(20 * S), now, &mut |_| ()).await;
        let report = report.expect("a report");
        assert_eq!((report.renewed.first, report.same), (keys(&["9.0.0.1"]), 1));
        assert_eq!((report.added.count, report.dropped.count), (0, 0));
        let late = replay(&mut look, &list, &rule, Timestamp(30 * S), now, &mut |_| ()).await;
        assert_eq!(late.expect("a report").dropped.first, keys(&["9.0.0.1", "9.0.0.2"]));
        drop(look);
        let mut look = database.look().await.expect("a look");
        let after = entries::count(look.session(), list.id).await.expect("a count");
        assert_eq!((before, after), (2, 2));
        let missing = find(&mut look, &list, "trap", None).await.expect_err("there is none");
        assert_eq!(missing.to_string(), "there is no rule `trap` of this list: it has traps");
    })
    .await;
}

#[tokio::test]
async fn who_got_off_the_list_is_not_listed_again_for_what_was_seen_before() {
    on_each(async |database| {
        let (list, _) = house(&database, &terms(2, Outcome::List)).await;
        see(&database, "traps", "9.0.0.1", &[10, 20]).await;
        assert_eq!(turn(&database, 30).await.added, 1);
        let mut transaction = database.begin().await.expect("a transaction");
        let key = TokenKey::new(&[7; 32]);
        let ask = Ask {
            target: "9.0.0.1".parse().expect("a target"),
            mail: "postmaster@x.example".to_owned(),
            client: "9.0.0.1".parse().expect("an address"),
            reason: "it is repaired".to_owned(),
            kind: crate::removal::Kind::Removal,
            way: crate::removal::Way::Typed,
            seen: Vec::new(),
        };
        let now = Timestamp(40 * S);
        let asked = removal::ask(&mut transaction, &list, &ask, &key, now).await;
        let (id, notices) = asked.expect("it is asked");
        let [Notice::RemovalLink { token, .. }] = &notices[..] else { panic!("{notices:?}") };
        let answer =
            removal::confirm(&mut transaction, id, token, &key, &Waves::default(), now).await;
        assert!(matches!(answer, Ok(Answer::Removed { .. })), "{answer:?}");
        transaction.commit().await.expect("it is committed");
        // What was seen before, and is told only now, changes nothing; nor does one hit that is new.
        see(&database, "users", "9.0.0.1", &[38, 39]).await;
        see(&database, "traps", "9.0.0.1", &[41]).await;
        assert_eq!(turn(&database, 42).await, Turn { keys: 1, ..Turn::default() });
        let mut look = database.look().await.expect("a look");
        let rule = find(&mut look, &list, "traps", None).await.expect("it is there");
        let report =
            replay(&mut look, &list, &rule, Timestamp(0), Timestamp(43 * S), &mut |_| ()).await;
        assert_eq!(report.expect("a report").added.count, 0, "a replay knows it, too");
        drop(look);
        see(&database, "traps", "9.0.0.1", &[50]).await;
        assert_eq!(turn(&database, 51).await, Turn { keys: 1, added: 1, ..Turn::default() });
        assert_eq!(times(&database, &list, "9.0.0.1").await, [(51, 1_050)]);
        // An address of a network that is listed as one counts no more, either.
        let wide = Terms { ipv4_prefix: 24, ..terms(2, Outcome::Propose) };
        let mut transaction = database.begin().await.expect("a transaction");
        let cause = cause(&mut transaction, "rule.put").await;
        let put = put(&mut transaction, &list, "wide", &wide, &cause, Timestamp(52 * S)).await;
        put.expect("it is written");
        let on =
            set_enabled(&mut transaction, &list, "wide", true, &cause, Timestamp(52 * S)).await;
        on.expect("it is on");
        for address in ["9.0.0.1", "9.0.7.7"] {
            let key = address.parse().expect("a key");
            settle(&mut transaction, list.id, &key, Timestamp(52 * S))
                .await
                .expect("it is settled");
        }
        transaction.commit().await.expect("it is committed");
        assert_eq!(turn(&database, 53).await.proposed, 0);
        see(&database, "traps", "9.0.0.2", &[54, 55]).await;
        assert_eq!(turn(&database, 56).await.proposed, 1);
        assert_eq!(open(&database, &list).await[0].0, "9.0.0.0/24");
        // What is open goes with whoever gets off.
        let mut transaction = database.begin().await.expect("a transaction");
        let key = "9.0.0.0/24".parse().expect("a key");
        settle(&mut transaction, list.id, &key, Timestamp(57 * S)).await.expect("it is settled");
        transaction.commit().await.expect("it is committed");
        assert!(open(&database, &list).await.is_empty());
    })
    .await;
}

#[tokio::test]
async fn two_processes_look_and_forget_once() {
    let Some(server) = Server::start() else { return };
    let one = Database::open(&server.place()).await.expect("PostgreSQL opens");
    let other = Database::open(&server.place()).await.expect("PostgreSQL opens");
    let (list, _) = house(&one, &terms(1, Outcome::List)).await;
    let now = Timestamp::now().0 / S;
    let mut transaction = one.begin().await.expect("a transaction");
    let cause = cause(&mut transaction, "evidence.take").await;
    let batch: Vec<Sighting> = (0..2_500_u32)
        .map(|number| Sighting {
            target: repute_dnsxl::Target::Ipv4((0x0900_0000 + number).into()),
            class: "spam".to_owned(),
            seen: Timestamp((now - 10) * S),
            count: 1,
            trap: None,
            detail: String::new(),
            id: None,
        })
        .collect();
    let (told, at) = (&mut Told::default(), Timestamp(now * S));
    let taken = take(&mut transaction, "traps", (&batch, told), None, &cause, at).await;
    assert_eq!(taken.expect("it is taken"), Taken { taken: 2_500, known: 0 });
    transaction.commit().await.expect("it is committed");
    match tokio::join!(look(&one, 99), look(&other, 99)) {
        (Ok(first), Ok(second)) => {
            let expect = Turn { keys: 2_500, added: 2_500, ..Turn::default() };
            assert_eq!(first.and(second), expect);
        }
        // On a machine that has much else to do one of them gives up waiting for the other, and comes again.
        (first, second) => {
            for error in [first.err(), second.err()].into_iter().flatten() {
                let RuleError::Database(error) = error else { panic!("{error}") };
                assert!(error.is_contended(), "{error}");
            }
            while look(&one, 99).await.expect("nobody else has it").keys > 0 {}
        }
    }
    let mut connection = one.read().await.expect("a connection");
    let count = entries::count(connection.session(), list.id).await.expect("a count");
    assert_eq!(count, 2_500);
    drop(connection);
    // Bounded: a turn leaves the others.
    let mut transaction = one.begin().await.expect("a transaction");
    let purged = purge(&mut transaction, "traps", &cause, Timestamp(now * S)).await;
    assert_eq!(purged.expect("it is purged"), 2_500);
    transaction.commit().await.expect("it is committed");
    let bounded = look(&one, 1).await.expect("a look");
    assert_eq!((bounded.keys, bounded.dropped), (u64::from(AT_ONCE), u64::from(AT_ONCE)));
    assert_eq!(look(&other, 99).await.expect("a look").dropped, 1_500);
    see(&one, "traps", "9.0.0.1", &[now - 10]).await;
    let (keep, day) = (Duration::from_secs(5), 86_400);
    for (second, expect) in [(now, Some(1)), (now + day - 1, None), (now + day, Some(0))] {
        let at = Timestamp(second * S);
        let (first, second) =
            tokio::join!(forget_daily(&one, keep, at), forget_daily(&other, keep, at));
        let mut both = [first.expect("it is done"), second.expect("it is done")];
        both.sort();
        assert_eq!(both, [None, expect]);
    }
}

#[tokio::test]
async fn what_guards_would_refuse_is_never_listed_by_a_rule() {
    on_each(async |database| {
        let (block, _) = house(&database, &terms(1, Outcome::List)).await;
        let mut transaction = database.begin().await.expect("a transaction");
        let t = &mut transaction;
        let canaries = vec!["192.0.43.8".parse().expect("a target")];
        let settings = dns::Settings { canaries, ..dns::Settings::default() };
        dns::set(t.session(), block.id, &settings).await.expect("it is set");
        let names = List {
            apex: "dbl.example".parse().expect("a name"),
            keys: KeyKind::Name,
            ..block.list.clone()
        };
        lists::add(t.session(), &names, Timestamp(1)).await.expect("it is added");
        let names =
            lists::by_apex(t.session(), &names.apex).await.expect("it is read").expect("there");
        let cause = cause(t, "test").await;
        let terms = terms(1, Outcome::List);
        put(t, &names, "reported", &terms, &cause, Timestamp(2)).await.expect("it is written");
        set_enabled(t, &names, "reported", true, &cause, Timestamp(2)).await.expect("it is on");
        transaction.commit().await.expect("it is committed");
        for target in
            ["192.0.43.8", "192.0.43.9", "co.uk", "com", "shop.co.uk", "github.io", "x.github.io"]
        {
            see(&database, "traps", target, &[10]).await;
        }
        let turn = turn(&database, 11).await;
        assert_eq!((turn.added, turn.held, turn.proposed), (3, 4, 0));
        for (list, key, count) in [
            (&block, "192.0.43.8", 0),
            (&block, "192.0.43.9", 1),
            (&names, ".co.uk", 0),
            (&names, ".shop.co.uk", 1),
            (&names, ".github.io", 0),
            (&names, ".x.github.io", 1),
        ] {
            assert_eq!(times(&database, list, key).await.len(), count, "{key}");
        }
    })
    .await;
}

#[tokio::test]
async fn what_is_seen_again_lasts_longer_and_publishes_nothing() {
    on_each(async |database| {
        let (block, _) = house(&database, &terms(1, Outcome::List)).await;
        let serial = async || {
            let mut connection = database.read().await.expect("a connection");
            let list = lists::by_id(connection.session(), block.id).await.expect("it is read");
            list.expect("it is there").serial
        };
        see(&database, "traps", "9.9.9.9", &[10]).await;
        assert_eq!(turn(&database, 11).await.added, 1);
        let (before, ends) = (serial().await, times(&database, &block, "9.9.9.9").await[0].1);
        see(&database, "traps", "9.9.9.9", &[20]).await;
        assert_eq!(turn(&database, 21).await.renewed, 1);
        assert_eq!(serial().await, before);
        assert_eq!(times(&database, &block, "9.9.9.9").await[0].1, ends + 10);
    })
    .await;
}

#[tokio::test]
async fn a_rule_whose_criterion_is_ended_is_not_turned_on() {
    on_each(async |database| {
        let (list, _) = house(&database, &terms(1, Outcome::List)).await;
        let mut transaction = database.begin().await.expect("a transaction");
        let t = &mut transaction;
        let version = lists::publish_policy(t.session(), list.id, "", Timestamp(3)).await;
        let version = version.expect("it is published");
        let said = ("", "");
        let trap = lists::add_criterion(t.session(), list.id, version, "trap", said, Timestamp(3));
        let trap = trap.await.expect("it is added");
        let now = Timestamp(4);
        let by_trap = Terms { criterion: Some(trap), ..terms(1, Outcome::List) };
        let cause = cause(t, "test").await;
        put(t, &list, "hits", &by_trap, &cause, now).await.expect("it is written, and off");
        lists::end_criterion(t.session(), trap, now).await.expect("it is ended");
        let on = set_enabled(t, &list, "hits", true, &cause, now).await;
        let why = on.expect_err("nothing is listed by it").to_string();
        assert!(why.starts_with("the criterion `trap` is ended: write a version"), "{why}");
        let again = put(t, &list, "hits", &by_trap, &cause, now).await;
        assert!(matches!(again, Err(RuleError::CriterionEnded(_))), "{again:?}");
        set_enabled(t, &list, "hits", false, &cause, now).await.expect("off is off");
        // By another one, or by none, it may.
        put(t, &list, "hits", &terms(1, Outcome::List), &cause, now).await.expect("written");
        set_enabled(t, &list, "hits", true, &cause, now).await.expect("it is on");
    })
    .await;
}

#[tokio::test]
async fn a_code_that_was_taken_from_a_key_no_rule_gives_it_again() {
    on_each(async |database| {
        let (list, _) = house(&database, &terms(1, Outcome::List)).await;
        see(&database, "traps", "9.0.0.1", &[10]).await;
        assert_eq!(turn(&database, 20).await.added, 1);
        let (key, now): (Key, _) = ("9.0.0.1".parse().expect("a key"), Timestamp(30 * S));
        let mut transaction = database.begin().await.expect("a transaction");
        let t = &mut transaction;
        let there = entries::at(t.session(), list.id, &key).await.expect("they are read");
        let code = "127.0.0.99".parse().expect("a code");
        lists::set_code(t.session(), list.id, code, "less").await.expect("it is set");
        let listing = edit::Listing {
            code,
            before: there[0].code,
            text: String::new(),
            reason: "less bad".to_owned(),
            criterion: None,
            end: edit::End::AsBefore,
            review: edit::Review::AsBefore,
        };
        let edits = [edit::Edit { key: key.clone(), what: edit::What::List(listing) }];
        let editor = Person { account: 8, role: Role::Editor };
        edit::edit(t, editor, &list, &edits, "hand", "why", now).await.expect("it is done");
        transaction.commit().await.expect("it is committed");
        let codes = async || {
            let mut read = database.read().await.expect("a connection");
            let there = entries::at(read.session(), list.id, &key).await.expect("they are read");
            there.iter().filter_map(|entry| entry.code).collect::<Vec<_>>()
        };
        see(&database, "traps", "9.0.0.1", &[40]).await;
        let held = turn(&database, 50).await;
        assert_eq!((held.added, held.held, codes().await), (0, 1, vec![code]));
        // Until the time that the list keeps it off is over.
        let late = 30 + 30 * 86_400;
        see(&database, "traps", "9.0.0.1", &[late]).await;
        assert_eq!(turn(&database, late + 10).await.added, 1);
    })
    .await;
}

//! Removals on real databases: off a block list by a link, later each time, and what editors decide.

use repute_database::conflicts::About;
use repute_database::entries::{self, Entry};
use repute_database::lists::{self, Leaving, List, Stored};
use repute_database::testing::on_each;
use repute_database::{
    Database, Key, Timestamp, Transaction, accounts, audit, kept_out, removals, statistics,
};
use repute_dnsxl::{KeyKind, Polarity};
use repute_registry::changes::{self, Cause, Change};
use repute_registry::conflict::{self, Conflict};
use repute_registry::kept_out::End;
use repute_registry::notice::Notice;
use repute_registry::permission::{Person, Role};
use repute_registry::removal::wave::Waves;
use repute_registry::removal::{
    self, Answer, Ask, Control, Decided, Kind, Outlook, RemovalError, Still, Verdict, Way, Why,
};
use repute_registry::request::check::{Evidence, Pointers};
use repute_registry::token::TokenKey;
use repute_registry::two_editors::TwoEditors;

/// Who decides.
const EDITOR: Person = Person { account: 8, role: Role::Editor };

/// So many days.
fn day(count: i64) -> Timestamp {
    Timestamp(count * 86_400_000_000)
}

/// An editor's word that it goes.
fn grant(end: End) -> Verdict {
    Verdict::Grant { end, why: String::new() }
}

/// A list.
async fn world(database: &Database, polarity: Polarity) -> Stored {
    let mut transaction = database.begin().await.expect("a transaction");
    for number in 1..=9 {
        let (mail, role) = (format!("{number}@x.example"), accounts::Role::Editor);
        let added = accounts::add(transaction.session(), &mail, "E", "x", role, day(0)).await;
        added.expect("it is added").expect("it is new");
    }
    let list = List {
        apex: "list.example".parse().expect("a name"),
        title: "A list".to_owned(),
        description: String::new(),
        polarity,
        keys: KeyKind::Ip,
        ttl: 300,
        contact: String::new(),
    };
    let id = lists::add(transaction.session(), &list, day(0)).await.expect("it is added");
    let stored = lists::by_id(transaction.session(), id).await.expect("read").expect("there");
    transaction.commit().await.expect("it is committed");
    stored
}

/// How many entries the list has.
async fn listed(transaction: &mut Transaction, list: &Stored) -> u64 {
    entries::count(transaction.session(), list.id).await.expect("a number")
}

/// Lists a key on a block list.
async fn list_key(transaction: &mut Transaction, list: &Stored, key: &str, since: Timestamp) {
    let key: Key = key.parse().expect("a key");
    let source = entries::source(transaction.session(), "traps").await.expect("a source");
    let entry = Entry {
        key: key.clone(),
        code: Some("127.0.0.2".parse().expect("a code")),
        text: String::new(),
        reason: "a trap".to_owned(),
        criterion: None,
        source,
        organisation: None,
        since,
        expires: None,
        review: None,
    };
    let cause = Cause {
        actor: audit::actor(transaction.session(), 8).await.expect("a pseudonym"),
        action: "entries.change".to_owned(),
        reason: "a trap".to_owned(),
    };
    let change = Change { key, entries: vec![entry] };
    let applied = changes::apply(transaction, list, &[change], &cause, since).await;
    applied.expect("it is listed");
}

/// Asks for a removal and follows the link.
async fn remove(
    transaction: &mut Transaction,
    list: &Stored,
    target: &str,
    mail: &str,
    now: Timestamp,
) -> Result<Answer, RemovalError> {
    remove_by(transaction, list, target, mail, Way::Typed, now).await
}

/// What DNS says of an address that has this name; nothing without one, or of what is no address.
fn seen(target: &str, name: &str) -> Vec<Evidence> {
    let (Ok(address), Ok(name)) = (target.parse(), name.parse()) else { return Vec::new() };
    vec![Evidence { address, pointers: Pointers::Names(vec![(name, Some(vec![address]))]) }]
}

/// Asks for a removal by a way and follows the link.
async fn remove_by(
    transaction: &mut Transaction,
    list: &Stored,
    target: &str,
    mail: &str,
    way: Way,
    now: Timestamp,
) -> Result<Answer, RemovalError> {
    let key = TokenKey::new(&[7; 32]);
    let ask = Ask {
        target: target.parse().expect("a target"),
        mail: mail.to_owned(),
        client: "198.51.100.7".parse().expect("an address"),
        reason: "it is repaired".to_owned(),
        kind: Kind::Removal,
        way,
        seen: seen(target, "mail.x.example"),
    };
    let (id, notices) = removal::ask(transaction, list, &ask, &key, now).await?;
    let [Notice::RemovalLink { token, .. }] = &notices[..] else { panic!("{notices:?}") };
    let wrong = removal::confirm(transaction, id, "abc", &key, &Waves::default(), now).await;
    assert!(matches!(wrong, Err(RemovalError::Link)));
    let late = removal::confirm(
        transaction,
        id,
        token,
        &key,
        &Waves::default(),
        Timestamp(now.0 + day(2).0),
    )
    .await;
    assert!(matches!(late, Err(RemovalError::Link)));
    let answer = removal::confirm(transaction, id, token, &key, &Waves::default(), now).await?;
    if !matches!(answer, Answer::Locked { .. }) {
        let twice = removal::confirm(transaction, id, token, &key, &Waves::default(), now).await;
        assert!(matches!(twice, Err(RemovalError::Link)), "a link is good once");
    }
    Ok(answer)
}

#[tokio::test]
async fn who_is_listed_gets_off_at_once_and_later_each_time_he_comes_back() {
    on_each(async |database| {
        let list = world(&database, Polarity::Block).await;
        let mut transaction = database.begin().await.expect("a transaction");
        let t = &mut transaction;
        let mail = "postmaster@x.example";
        // Listed on a day; asked on another: off at once, or from when on.
        for (at, asked, until) in
            [(10, 10, None), (11, 11, Some(12)), (11, 12, None), (13, 13, Some(15)), (13, 15, None)]
        {
            list_key(t, &list, "8.8.8.8", day(at)).await;
            let answer = remove(t, &list, "8.8.8.8", mail, day(asked)).await.expect("an answer");
            match until {
                Some(until) => assert_eq!(answer, Answer::Locked { until: day(until) }),
                None => {
                    assert!(matches!(answer, Answer::Removed { .. }), "{answer:?}");
                    assert_eq!(listed(t, &list).await, 0);
                }
            }
        }
        let gone = remove(t, &list, "8.8.8.8", mail, day(16)).await;
        assert!(matches!(gone, Err(RemovalError::NotListed(_))));
        // After a month of peace it is the first time again.
        list_key(t, &list, "8.8.8.8", day(50)).await;
        let answer = remove(t, &list, "8.8.8.8", mail, day(50)).await.expect("an answer");
        assert!(matches!(answer, Answer::Removed { .. }), "{answer:?}");
        removal::tidy(t, day(500)).await.expect("it is tidied");
    })
    .await;
}

#[tokio::test]
async fn editors_decide_what_lists_more_or_goes_in_masses() {
    on_each(async |database| {
        let list = world(&database, Polarity::Block).await;
        let mut transaction = database.begin().await.expect("a transaction");
        let t = &mut transaction;
        list_key(t, &list, "8.8.8.0/24", day(1)).await;
        let answer = remove(t, &list, "8.8.8.8", "a@x.example", day(1)).await.expect("one");
        assert_eq!(answer, Answer::ToEditors(Why::Wider));
        let id = removals::queued(t.session(), &removals::Narrowed::default(), 9)
            .await
            .expect("read")[0]
            .id;
        let refuse = Verdict::Refuse(" ".to_owned());
        let silent = removal::decide(t, EDITOR, id, &refuse, day(1)).await;
        assert!(matches!(silent, Err(RemovalError::NoReason)));
        let anna = Person { account: 1, role: Role::Member };
        let denied = removal::decide(t, anna, id, &grant(End::AsTheListSays), day(1)).await;
        assert!(matches!(denied, Err(RemovalError::Denied(_))));
        let told = removal::decide(t, EDITOR, id, &grant(End::AsTheListSays), day(1)).await;
        let (decided, told) = told.expect("decided");
        assert!(matches!(decided, Decided::Granted { .. }), "{decided:?}");
        assert!(matches!(told[..], [Notice::RemovalDecided { .. }]));
        assert_eq!(listed(t, &list).await, 0);
        let answers: Vec<Answer> = {
            let mut answers = Vec::new();
            for number in 1..=7 {
                let key = format!("9.9.9.{number}");
                list_key(t, &list, &key, day(2)).await;
                answers.push(remove(t, &list, &key, "B@x.example", day(3)).await.expect("one"));
            }
            answers
        };
        let alone = answers.iter().take_while(|one| matches!(one, Answer::Removed { .. })).count();
        assert_eq!((alone, &answers[5]), (5, &Answer::ToEditors(Why::Mass)));
    })
    .await;
}

#[tokio::test]
async fn an_allow_list_needs_no_removal() {
    on_each(async |database| {
        let list = world(&database, Polarity::Allow).await;
        let mut transaction = database.begin().await.expect("a transaction");
        list_key(&mut transaction, &list, "8.8.8.8", day(1)).await;
        let refused = remove(&mut transaction, &list, "8.8.8.8", "a@x.example", day(1)).await;
        assert!(matches!(refused, Err(RemovalError::NoBlockList(_))));
    })
    .await;
}

#[tokio::test]
async fn two_editors_take_off_what_lists_very_much() {
    on_each(async |database| {
        let list = world(&database, Polarity::Block).await;
        let mut transaction = database.begin().await.expect("a transaction");
        let t = &mut transaction;
        list_key(t, &list, "8.8.0.0/16", day(1)).await;
        let answer = remove(t, &list, "8.8.8.8", "a@x.example", day(1)).await.expect("one");
        assert_eq!(answer, Answer::ToEditors(Why::Wider));
        let id = removals::queued(t.session(), &removals::Narrowed::default(), 9)
            .await
            .expect("read")[0]
            .id;
        let other = Person { account: 9, ..EDITOR };
        for (editor, waits) in [(EDITOR, true), (EDITOR, true), (other, false)] {
            let decided = removal::decide(t, editor, id, &grant(End::AsTheListSays), day(1)).await;
            let (decided, told) = decided.expect("it is taken");
            assert_eq!(
                (decided == Decided::Waits(TwoEditors::WideRange), told.is_empty()),
                (waits, waits),
                "{editor:?}"
            );
            assert_eq!(listed(t, &list).await, u64::from(waits));
        }
        let over = removal::decide(t, EDITOR, id, &grant(End::AsTheListSays), day(1)).await;
        assert!(matches!(over, Err(RemovalError::Over("granted"))));
        let known = statistics::of_removals(t.session(), day(0), 9).await.expect("they are read");
        let known: Vec<_> = known.iter().map(|one| (&*one.outcome, one.account)).collect();
        assert_eq!(known, [("granted", Some(9))], "who decided is known");
        audit::erase(t.session(), 9).await.expect("he is erased");
        let known = statistics::of_removals(t.session(), day(0), 9).await.expect("they are read");
        let known: Vec<_> = known.iter().map(|one| (&*one.outcome, one.account)).collect();
        assert_eq!(known, [("granted", None)], "that somebody did stays known");
    })
    .await;
}

#[tokio::test]
async fn an_editor_hears_whom_the_list_itself_sent() {
    on_each(async |database| {
        let list = world(&database, Polarity::Allow).await;
        let mut transaction = database.begin().await.expect("a transaction");
        let t = &mut transaction;
        let names = List {
            apex: "names.example".parse().expect("a name"),
            keys: KeyKind::Name,
            ..list.list.clone()
        };
        let names = lists::add(t.session(), &names, day(0)).await.expect("it is added");
        let names = lists::by_id(t.session(), names).await.expect("read").expect("there");
        list_key(t, &list, "8.8.8.8", day(1)).await;
        list_key(t, &names, "*.below.example", day(1)).await;
        let mail = "postmaster@x.example";
        let below = "below.example";
        let asked = below.parse().expect("a target");
        let typed = removal::entry(t.session(), names.id, &asked, Way::Typed).await;
        assert_eq!(typed.expect("it is read"), None, "only what lies below is listed");
        for (list, target) in [(&list, "8.8.8.8"), (&names, below)] {
            let typed = remove(t, list, target, mail, day(2)).await;
            assert!(matches!(typed, Err(RemovalError::NoBlockList(_))), "{typed:?}");
            let asked = target.parse().expect("a target");
            let entry = removal::entry(t.session(), list.id, &asked, Way::Link).await;
            let entry = entry.expect("it is read").expect("it is listed");
            let shown = (target, Control::Domain);
            let outlook = removal::outlook(t.session(), list, &entry, shown, day(2)).await;
            assert_eq!(outlook.expect("an outlook"), Outlook::Editor(Why::Kind));
            let linked = remove_by(t, list, target, mail, Way::Link, day(2)).await;
            assert_eq!(linked.expect("an answer"), Answer::ToEditors(Why::Kind));
        }
        let queued = removals::queued(t.session(), &removals::Narrowed::default(), 9)
            .await
            .expect("they are read");
        assert_eq!(queued.len(), 2);
        assert_eq!((queued[0].new.way, queued[0].new.control), (Way::Link, Control::Domain));
        assert_eq!(queued[1].new.control, Control::None, "its name is another");
    })
    .await;
}

/// Asks for a removal from a network of his own and follows the link.
async fn remove_as(
    transaction: &mut Transaction,
    list: &Stored,
    (number, domain): (u8, &str),
    waves: &Waves,
    now: Timestamp,
) -> Answer {
    let key = TokenKey::new(&[7; 32]);
    let ask = Ask {
        target: format!("9.9.9.{number}").parse().expect("a target"),
        mail: format!("a{number}@x.example"),
        client: format!("198.51.{number}.7").parse().expect("an address"),
        reason: String::new(),
        kind: Kind::Removal,
        way: Way::Typed,
        seen: seen(&format!("9.9.9.{number}"), domain),
    };
    let asked = removal::ask(transaction, list, &ask, &key, now).await;
    let (id, notices) = asked.expect("it is asked");
    let [Notice::RemovalLink { token, .. }] = &notices[..] else { panic!("{notices:?}") };
    removal::confirm(transaction, id, token, &key, waves, now).await.expect("an answer")
}

#[tokio::test]
async fn a_wave_of_removals_waits_for_an_editor() {
    on_each(async |database| {
        let list = world(&database, Polarity::Block).await;
        let mut transaction = database.begin().await.expect("a transaction");
        let t = &mut transaction;
        let waves = Waves { by_domain: 2, by_origin: 4 };
        // Each with a mail address and a network of his own: the domain of the target, the hour, and what comes of it.
        for (number, domain, hour, why) in [
            (1, "one.example", 0, None),
            (2, "one.example", 0, None),
            (3, "one.example", 20, Some(Why::OneDomain)),
            (4, "two.example", 20, None),
            (5, "", 20, None),
            (6, "", 20, None),
            // The fourth that was followed within the hour; what waits for an editor counts too.
            (7, "", 20, Some(Why::OneOrigin)),
            (8, "three.example", 22, None),
            (9, "one.example", 48, None),
        ] {
            list_key(t, &list, &format!("9.9.9.{number}"), day(0)).await;
            let now = Timestamp(day(1).0 + hour * 3_600_000_000);
            let answer = remove_as(t, &list, (number, domain), &waves, now).await;
            match why {
                Some(why) => assert_eq!(answer, Answer::ToEditors(why), "{number}"),
                None => assert!(matches!(answer, Answer::Removed { .. }), "{number}: {answer:?}"),
            }
        }
        let waiting = removals::queued(t.session(), &removals::Narrowed::default(), 9).await;
        let why: Vec<String> = waiting.expect("read").into_iter().map(|one| one.answer).collect();
        assert_eq!(why, [Why::OneDomain, Why::OneOrigin].map(|why| why.to_string()));
        // One network does not make a wave of what others repair, and limits can be off.
        let off = Waves { by_domain: 0, by_origin: 0 };
        list_key(t, &list, "9.9.9.10", day(0)).await;
        let now = Timestamp(day(1).0 + 20 * 3_600_000_000);
        let answer = remove_as(t, &list, (10, "one.example"), &off, now).await;
        assert!(matches!(answer, Answer::Removed { .. }), "{answer:?}");
        let known = statistics::of_removals(t.session(), day(0), 99).await.expect("they are read");
        assert_eq!(known.len(), 8);
        assert!(known.iter().all(|one| one.outcome == "auto-granted" && one.account.is_none()));
    })
    .await;
}

#[tokio::test]
async fn what_was_removed_is_kept_off_the_list_until_it_is_listed_anew() {
    on_each(async |database| {
        let list = world(&database, Polarity::Block).await;
        let mut transaction = database.begin().await.expect("a transaction");
        let t = &mut transaction;
        let key: Key = "8.8.8.8".parse().expect("a key");
        list_key(t, &list, "8.8.8.8", day(1)).await;
        let answer = remove(t, &list, "8.8.8.8", "a@x.example", day(1)).await.expect("one");
        assert!(matches!(answer, Answer::Removed { .. }), "{answer:?}");
        let kept = kept_out::at(t.session(), list.id, &key, day(30)).await.expect("read");
        let kept = kept.expect("it is kept off");
        assert_eq!((kept.until, &*kept.reason), (Some(day(31)), "removal 1"));
        list_key(t, &list, "8.8.8.8", day(2)).await;
        let kept = kept_out::at(t.session(), list.id, &key, day(3)).await.expect("read");
        assert_eq!(kept, None, "it was seen again");
        // Editors say until when.
        list_key(t, &list, "8.8.9.0/24", day(3)).await;
        let answer = remove(t, &list, "8.8.9.1", "a@x.example", day(3)).await.expect("one");
        assert_eq!(answer, Answer::ToEditors(Why::Wider));
        let waiting = removals::queued(t.session(), &removals::Narrowed::default(), 9).await;
        let id = waiting.expect("read")[0].id;
        removal::decide(t, EDITOR, id, &grant(End::Never), day(3)).await.expect("granted");
        let kept = kept_out::page(t.session(), list.id, None, day(9_999), 9).await.expect("read");
        let shown: Vec<_> = kept.iter().map(|one| (one.key.to_string(), one.until)).collect();
        assert_eq!(shown, [("8.8.9.0/24".to_owned(), None)]);
        removal::tidy(t, day(9_999)).await.expect("it is tidied");
    })
    .await;
}

/// Asks for a removal of what rules list of IPv6, and follows the link: from an address, with a mail address, where the
/// address has a name.
async fn remove_v6(
    transaction: &mut Transaction,
    list: &Stored,
    (target, client, mail, name): (&str, &str, &str, &str),
    now: Timestamp,
) -> Answer {
    let key = TokenKey::new(&[7; 32]);
    let ask = Ask {
        target: target.parse().expect("a target"),
        mail: mail.to_owned(),
        client: client.parse().expect("an address"),
        reason: String::new(),
        kind: Kind::Removal,
        way: Way::Link,
        seen: seen(target, name),
    };
    let asked = removal::ask(transaction, list, &ask, &key, now).await;
    let (id, notices) = asked.expect("it is asked");
    let [Notice::RemovalLink { token, .. }] = &notices[..] else { panic!("{notices:?}") };
    removal::confirm(transaction, id, token, &key, &Waves::default(), now).await.expect("an answer")
}

#[tokio::test]
async fn who_has_a_64_gets_it_off_and_is_counted_by_it() {
    on_each(async |database| {
        let list = world(&database, Polarity::Block).await;
        let mut transaction = database.begin().await.expect("a transaction");
        let t = &mut transaction;
        let own = "2620:fe:0:7::1";
        let unproven = Answer::ToEditors(Why::Unproven);
        list_key(t, &list, "2620:fe:0:7::/64", day(1)).await;
        for nothing in [
            (own, "2620:fe:0:8::1", "a@x.example", ""),
            (own, "198.51.100.7", "a@x.example", "mail.other.example"),
        ] {
            let answer = remove_v6(t, &list, nothing, day(1)).await;
            assert_eq!(answer, unproven, "{nothing:?}");
        }
        assert_eq!(listed(t, &list).await, 1);
        let by_address = (own, "2620:fe:0:7:f::2", "a@x.example", "");
        let answer = remove_v6(t, &list, by_address, day(1)).await;
        assert!(matches!(answer, Answer::Removed { still: None, .. }), "{answer:?}");
        assert_eq!(listed(t, &list).await, 0);
        // Another address of the same network comes onto the list: it is the same subscriber who comes back.
        list_key(t, &list, "2620:fe:0:7::5", day(2)).await;
        let by_domain = ("2620:fe:0:7::5", "198.51.100.7", "root@x.example", "mail.x.example");
        let answer = remove_v6(t, &list, by_domain, day(2)).await;
        assert_eq!(answer, Answer::Locked { until: day(3) });
        let answer = remove_v6(t, &list, by_domain, day(3)).await;
        assert!(matches!(answer, Answer::Removed { .. }), "{answer:?}");
        list_key(t, &list, "2620:fe:0:7::/64", day(4)).await;
        let answer = remove_v6(t, &list, by_domain, day(5)).await;
        assert_eq!(answer, Answer::Locked { until: day(6) });
        let answer = remove_v6(t, &list, by_domain, day(6)).await;
        assert!(matches!(answer, Answer::Removed { .. }), "{answer:?}");
        // What was on the list before its neighbour went has not come back, and more than a /64 is an editor's.
        list_key(t, &list, "2620:fe:0:8::1", day(40)).await;
        list_key(t, &list, "2620:fe:0:8::2", day(40)).await;
        for target in ["2620:fe:0:8::1", "2620:fe:0:8::2"] {
            let answer = remove_v6(t, &list, (target, target, "b@x.example", ""), day(41)).await;
            assert!(matches!(answer, Answer::Removed { .. }), "{target}: {answer:?}");
        }
        list_key(t, &list, "2620:fe:0:8::/63", day(42)).await;
        let wide = ("2620:fe:0:9::1", "2620:fe:0:9::1", "c@x.example", "");
        let answer = remove_v6(t, &list, wide, day(42)).await;
        assert_eq!(answer, Answer::ToEditors(Why::Wider));
    })
    .await;
}

#[tokio::test]
async fn what_lists_it_all_the_same_is_told() {
    on_each(async |database| {
        let list = world(&database, Polarity::Block).await;
        let mut transaction = database.begin().await.expect("a transaction");
        let t = &mut transaction;
        for key in ["8.8.8.8", "8.8.8.0/24", "8.8.0.0/16"] {
            list_key(t, &list, key, day(1)).await;
        }
        let still = |key: &str| {
            let (key, outlook) = (key.parse().expect("a key"), Outlook::Editor(Why::Wider));
            Some(Still { key, reason: "a trap".to_owned(), outlook })
        };
        let answer = remove(t, &list, "8.8.8.8", "a@x.example", day(2)).await.expect("an answer");
        let Answer::Removed { still: found, .. } = answer else { panic!("{answer:?}") };
        assert_eq!(found, still("8.8.8.0/24"));
        let answer = remove(t, &list, "8.8.8.8", "a@x.example", day(2)).await.expect("an answer");
        assert_eq!(answer, Answer::ToEditors(Why::Wider));
        let waiting = removals::queued(t.session(), &removals::Narrowed::default(), 9).await;
        let id = waiting.expect("read")[0].id;
        let granted = removal::decide(t, EDITOR, id, &grant(End::AtOnce), day(2)).await;
        let (decided, told) = granted.expect("it is decided");
        let Decided::Granted { still: found, .. } = decided else { panic!("{decided:?}") };
        assert_eq!(found, still("8.8.0.0/16"));
        let [Notice::RemovalDecided { still: letter, .. }] = &told[..] else { panic!("{told:?}") };
        assert_eq!(*letter, found);
        // Who was slower than somebody else learns the same.
        let key = TokenKey::new(&[7; 32]);
        list_key(t, &list, "8.8.9.9", day(3)).await;
        let ask = Ask {
            target: "8.8.9.9".parse().expect("a target"),
            mail: "a@x.example".to_owned(),
            client: "8.8.9.9".parse().expect("an address"),
            reason: String::new(),
            kind: Kind::Removal,
            way: Way::Typed,
            seen: Vec::new(),
        };
        let (id, notices) = removal::ask(t, &list, &ask, &key, day(3)).await.expect("asked");
        let [Notice::RemovalLink { token, .. }] = &notices[..] else { panic!("{notices:?}") };
        for key in ["8.8.9.9", "8.8.0.0/16"] {
            let cause = Cause {
                actor: audit::actor(t.session(), 8).await.expect("a pseudonym"),
                action: "entries.change".to_owned(),
                reason: "gone".to_owned(),
            };
            let change = Change { key: key.parse().expect("a key"), entries: Vec::new() };
            changes::apply(t, &list, &[change], &cause, day(3)).await.expect("it goes");
        }
        let gone = removal::confirm(t, id, token, &key, &Waves::default(), day(3)).await;
        assert_eq!(gone.expect("an answer"), Answer::Gone { still: None });
    })
    .await;
}

/// The removals that wait for an editor.
async fn waiting(transaction: &mut Transaction) -> Vec<removals::Removal> {
    let queued = removals::queued(transaction.session(), &removals::Narrowed::default(), 9).await;
    queued.expect("they are read")
}

/// The removal that waits for an editor about an entry.
async fn waiting_at(transaction: &mut Transaction, key: &str) -> removals::RemovalId {
    let key: Key = key.parse().expect("a key");
    let mut all = waiting(transaction).await;
    all.retain(|removal| removal.new.key == key);
    all[0].id
}

/// Who is told of a decision, and why it was refused.
fn refusals(told: &[Notice]) -> Vec<(&str, Option<&str>)> {
    let one = |notice| match notice {
        &Notice::RemovalDecided { ref mail, is_refused, ref said, .. } => {
            (&**mail, is_refused.then_some(&**said))
        }
        other => panic!("{other:?}"),
    };
    told.iter().map(one).collect()
}

#[tokio::test]
async fn who_asks_for_what_waits_joins_it_and_hears_the_same() {
    on_each(async |database| {
        let list = world(&database, Polarity::Block).await;
        let mut transaction = database.begin().await.expect("a transaction");
        let t = &mut transaction;
        for key in ["8.8.8.0/24", "9.9.9.0/24"] {
            list_key(t, &list, key, day(1)).await;
        }
        for (target, mail) in
            [("8.8.8.8", "a@x.example"), ("8.8.8.9", "b@x.example"), ("9.9.9.9", "c@x.example")]
        {
            let answer = remove(t, &list, target, mail, day(1)).await.expect("an answer");
            assert_eq!(answer, Answer::ToEditors(Why::Wider));
        }
        let queue = waiting(t).await;
        let [first, other] = &queue[..] else { panic!("{queue:?}") };
        assert_eq!((&*first.new.target, &*other.new.target), ("8.8.8.8", "9.9.9.9"));
        let joined = removals::joined(t.session(), first.id).await.expect("they are read");
        let [joined] = &joined[..] else { panic!("{joined:?}") };
        assert_eq!((&*joined.new.mail, joined.joins), ("b@x.example", Some(first.id)));
        let refuse = Verdict::Refuse("the relay is open".to_owned());
        let alone = removal::decide(t, EDITOR, joined.id, &refuse, day(1)).await;
        assert!(matches!(alone, Err(RemovalError::Joined(id)) if id == first.id.0), "{alone:?}");
        let (_, told) = removal::decide(t, EDITOR, first.id, &refuse, day(1)).await.expect("done");
        let why = Some("the relay is open");
        assert_eq!(refusals(&told), [("a@x.example", why), ("b@x.example", why)]);
        // The log has it once, and neither whoever asked nor the words, which may name somebody.
        let log = audit::of_subject(t.session(), &format!("removal/{}", first.id.0), 9).await;
        let log = log.expect("it is read");
        let [row] = &log[..] else { panic!("{log:?}") };
        let actor = audit::actor(t.session(), EDITOR.account).await.expect("a pseudonym");
        assert_eq!((&*row.action, &row.actor), ("removal.refuse", &actor));
        let detail: serde_json::Value = serde_json::from_str(&row.detail).expect("JSON");
        let expected = serde_json::json!({
            "list": "list.example", "kind": "removal", "joined": [joined.id.0], "policy": null,
        });
        assert_eq!(detail, expected);
        // Both hear of the other decision, too, and it counts once.
        for mail in ["d@x.example", "e@x.example"] {
            remove(t, &list, "9.9.9.9", mail, day(2)).await.expect("an answer");
        }
        let goes = grant(End::AtOnce);
        let (_, told) = removal::decide(t, EDITOR, other.id, &goes, day(2)).await.expect("done");
        let all = [("c@x.example", None), ("d@x.example", None), ("e@x.example", None)];
        assert_eq!(refusals(&told), all);
        let known = statistics::of_removals(t.session(), day(0), 9).await.expect("they are read");
        let known: Vec<_> = known.iter().map(|one| &*one.outcome).collect();
        assert_eq!(known, ["granted", "refused"]);
        list_key(t, &list, "9.9.9.0/24", day(3)).await;
        let answer = remove(t, &list, "9.9.9.9", "c@x.example", day(3)).await;
        assert_eq!(answer.expect("an answer"), Answer::Locked { until: day(4) });
        assert_eq!(waiting(t).await, []);
    })
    .await;
}

#[tokio::test]
async fn who_is_partial_in_what_joined_a_removal_decides_neither() {
    on_each(async |database| {
        let list = world(&database, Polarity::Block).await;
        let mut transaction = database.begin().await.expect("a transaction");
        let t = &mut transaction;
        list_key(t, &list, "8.8.0.0/16", day(1)).await;
        for (target, mail) in [("8.8.8.8", "a@x.example"), ("8.8.8.9", "b@x.example")] {
            let answer = remove(t, &list, target, mail, day(1)).await.expect("an answer");
            assert_eq!(answer, Answer::ToEditors(Why::Wider));
        }
        let first = waiting(t).await[0].id;
        let joined = removals::joined(t.session(), first).await.expect("they are read")[0].id;
        let [other, third] = [9, 7].map(|account| Person { account, ..EDITOR });
        let goes = grant(End::AsTheListSays);
        // He agreed before he said so.
        let decided = removal::decide(t, EDITOR, first, &goes, day(1)).await.expect("it is taken");
        assert_eq!(decided.0, Decided::Waits(TwoEditors::WideRange));
        let about = About::Removal(joined);
        conflict::declare(t, EDITOR, about, "my server", day(1)).await.expect("it is noted");
        let known = conflict::of(t.session(), EDITOR, About::Removal(first)).await;
        assert_eq!(known.expect("it is read"), Some(Conflict::Declared));
        for verdict in [&goes, &Verdict::Refuse("no".to_owned())] {
            let refused = removal::decide(t, EDITOR, first, verdict, day(1)).await;
            assert!(matches!(refused, Err(RemovalError::Partial(_))), "{refused:?}");
        }
        let decided = removal::decide(t, other, first, &goes, day(1)).await.expect("it is taken");
        assert_eq!(decided.0, Decided::Waits(TwoEditors::WideRange), "his word counts no more");
        let decided = removal::decide(t, third, first, &goes, day(1)).await.expect("it is taken");
        assert!(matches!(decided.0, Decided::Granted { .. }), "{decided:?}");
    })
    .await;
}

#[tokio::test]
async fn what_an_editor_says_of_a_removal_has_an_end() {
    on_each(async |database| {
        let list = world(&database, Polarity::Block).await;
        let mut transaction = database.begin().await.expect("a transaction");
        let t = &mut transaction;
        list_key(t, &list, "8.8.8.0/24", day(1)).await;
        remove(t, &list, "8.8.8.8", "a@x.example", day(1)).await.expect("an answer");
        let id = waiting(t).await[0].id;
        let words = |count| "x".repeat(count);
        let long = Verdict::Grant { end: End::AsTheListSays, why: words(1_001) };
        for verdict in [long, Verdict::Refuse(words(1_001))] {
            let refused = removal::decide(t, EDITOR, id, &verdict, day(1)).await;
            let refused = refused.expect_err("it is too long").to_string();
            assert_eq!(refused, "the reason has more than 1000 characters");
        }
        let refuse = Verdict::Refuse(format!(" {} ", words(1_000)));
        removal::decide(t, EDITOR, id, &refuse, day(1)).await.expect("it is refused");
    })
    .await;
}

#[tokio::test]
async fn what_an_editor_refused_an_editor_decides_again_for_a_month() {
    on_each(async |database| {
        let list = world(&database, Polarity::Block).await;
        let mut transaction = database.begin().await.expect("a transaction");
        let t = &mut transaction;
        let waves = Waves { by_domain: 1, by_origin: 0 };
        let any = Waves { by_domain: 0, by_origin: 0 };
        for number in [1, 2, 3] {
            list_key(t, &list, &format!("9.9.9.{number}"), day(1)).await;
        }
        for (number, is_alone) in [(1, true), (2, false), (3, false)] {
            let answer = remove_as(t, &list, (number, "one.example"), &waves, day(1)).await;
            assert_eq!(matches!(answer, Answer::Removed { .. }), is_alone, "{answer:?}");
        }
        let queue = waiting(t).await;
        let refuse = Verdict::Refuse("it still sends".to_owned());
        for removal in &queue {
            removal::decide(t, EDITOR, removal.id, &refuse, day(2)).await.expect("decided");
        }
        let key: Key = "9.9.9.2".parse().expect("a key");
        let refusal = removal::refusal(t.session(), list.id, &key, day(32)).await;
        let refusal = refusal.expect("it is read").expect("there is one");
        assert_eq!((refusal.at, &*refusal.why), (day(2), "it still sends"));
        // Nothing makes a wave any more, but the refusal stands, for whoever asks.
        for number in [2, 3] {
            let answer = remove_as(t, &list, (number, "two.example"), &any, day(20)).await;
            assert_eq!(answer, Answer::ToEditors(Why::Refused));
        }
        // What an editor takes off then was refused no more, nor is it after a month.
        let id = waiting(t).await[0].id;
        let goes = grant(End::AtOnce);
        removal::decide(t, EDITOR, id, &goes, day(20)).await.expect("granted");
        list_key(t, &list, "9.9.9.2", day(21)).await;
        let answer = remove_as(t, &list, (2, ""), &any, day(22)).await;
        assert!(matches!(answer, Answer::Removed { .. }), "{answer:?}");
        for at in [23, 53] {
            let id = waiting(t).await[0].id;
            removal::decide(t, EDITOR, id, &refuse, day(at)).await.expect("refused");
            if at == 23 {
                let answer = remove_as(t, &list, (3, ""), &any, day(53)).await;
                assert_eq!(answer, Answer::ToEditors(Why::Refused));
            }
        }
        let later = Timestamp(day(83).0 + 1);
        let answer = remove_as(t, &list, (3, ""), &any, later).await;
        assert!(matches!(answer, Answer::Removed { .. }), "{answer:?}");
    })
    .await;
}

/// Appeals, and follows the link if it is sent.
async fn appeal(
    transaction: &mut Transaction,
    list: &Stored,
    (target, client, words): (&str, &str, &str),
    now: Timestamp,
) -> Result<Answer, RemovalError> {
    let key = TokenKey::new(&[7; 32]);
    let ask = Ask {
        target: target.parse().expect("a target"),
        mail: "a@x.example".to_owned(),
        client: client.parse().expect("an address"),
        reason: words.to_owned(),
        kind: Kind::Appeal,
        way: Way::Typed,
        seen: Vec::new(),
    };
    let (id, notices) = removal::ask(transaction, list, &ask, &key, now).await?;
    let [Notice::RemovalLink { token, kind: Kind::Appeal, .. }] = &notices[..] else {
        panic!("{notices:?}")
    };
    removal::confirm(transaction, id, token, &key, &Waves::default(), now).await
}

#[tokio::test]
async fn who_is_locked_out_or_refused_appeals() {
    on_each(async |database| {
        let list = world(&database, Polarity::Block).await;
        let mut transaction = database.begin().await.expect("a transaction");
        let t = &mut transaction;
        let from = "198.51.100.7";
        let mine = |words| ("8.8.8.8", from, words);
        list_key(t, &list, "8.8.8.8", day(1)).await;
        let free = appeal(t, &list, mine("it is wrong"), day(1)).await;
        assert!(matches!(free, Err(RemovalError::NoAppeal(_))), "{free:?}");
        let answer = remove(t, &list, "8.8.8.8", "a@x.example", day(1)).await.expect("one");
        assert!(matches!(answer, Answer::Removed { .. }), "{answer:?}");
        // It came back, and is locked: a removal meets that, an appeal an editor.
        list_key(t, &list, "8.8.8.8", day(2)).await;
        let answer = remove(t, &list, "8.8.8.8", "a@x.example", day(2)).await.expect("one");
        assert_eq!(answer, Answer::Locked { until: day(3) });
        let silent = appeal(t, &list, mine(" "), day(2)).await;
        assert!(matches!(silent, Err(RemovalError::NoWords)), "{silent:?}");
        let answer = appeal(t, &list, mine("a trap of somebody else"), day(2)).await;
        assert_eq!(answer.expect("an answer"), Answer::ToEditors(Why::Appeal));
        let queue = waiting(t).await;
        assert_eq!((queue.len(), queue[0].new.kind), (1, Kind::Appeal));
        // Whatever is decided, it says why.
        for silent in [grant(End::AtOnce), Verdict::Refuse(" ".to_owned())] {
            let decided = removal::decide(t, EDITOR, queue[0].id, &silent, day(2)).await;
            assert!(matches!(decided, Err(RemovalError::NoReason)), "{decided:?}");
        }
        let refuse = Verdict::Refuse("it was no other's".to_owned());
        removal::decide(t, EDITOR, queue[0].id, &refuse, day(2)).await.expect("refused");
        // The lock-out is over, and the refusal is not.
        let answer = appeal(t, &list, mine("but look here"), day(4)).await;
        assert_eq!(answer.expect("an answer"), Answer::ToEditors(Why::Refused));
        let right = Verdict::Grant { end: End::AtOnce, why: " you are right".to_owned() };
        let id = waiting(t).await[0].id;
        let (decided, told) =
            removal::decide(t, EDITOR, id, &right, day(4)).await.expect("it is decided");
        let Decided::Granted { serial, .. } = decided else { panic!("{decided:?}") };
        let [Notice::RemovalDecided { removal, is_refused: false, said, .. }] = &told[..] else {
            panic!("{told:?}")
        };
        assert_eq!(said, "you are right");
        let kept = removals::by_id(t.session(), *removal).await.expect("read").expect("there");
        assert_eq!((&*kept.answer, kept.serial), ("you are right", Some(serial)));
        // What was wrong counts for no lock-out: only the first removal does.
        list_key(t, &list, "8.8.8.8", day(5)).await;
        let answer = remove(t, &list, "8.8.8.8", "a@x.example", day(6)).await.expect("one");
        assert!(matches!(answer, Answer::Removed { .. }), "{answer:?}");
    })
    .await;
}

#[tokio::test]
async fn appeals_are_heard_a_few_times_and_one_that_waits_is_joined() {
    on_each(async |database| {
        let list = world(&database, Polarity::Block).await;
        let mut transaction = database.begin().await.expect("a transaction");
        let t = &mut transaction;
        // Locked until the second of their removals is two days ago.
        for key in ["8.8.8.8", "8.8.8.9"] {
            for at in [1, 2] {
                list_key(t, &list, key, day(at)).await;
                if at == 1 {
                    remove(t, &list, key, "a@x.example", day(1)).await.expect("an answer");
                }
            }
        }
        let refuse = Verdict::Refuse("no".to_owned());
        for round in 0..3 {
            let client = format!("203.0.{round}.7");
            let waits = [("8.8.8.8", &*client, "one"), ("8.8.8.8", &*client, "more")];
            for ask in waits {
                let answer = appeal(t, &list, ask, day(2)).await.expect("an answer");
                assert!(matches!(answer, Answer::ToEditors(_)), "{answer:?}");
            }
            let queue = waiting(t).await;
            assert_eq!(queue.len(), 1, "the second joined the first");
            let (_, told) =
                removal::decide(t, EDITOR, queue[0].id, &refuse, day(2)).await.expect("refused");
            assert_eq!(told.len(), 2);
        }
        // Three were decided of this one; another one is heard, but not from one network again and again.
        let more = appeal(t, &list, ("8.8.8.8", "203.0.9.7", "once more"), day(2)).await;
        assert!(matches!(more, Err(RemovalError::TooManyAppeals)), "{more:?}");
        for number in 1..=6 {
            let client = format!("198.51.100.{number}");
            let answer = appeal(t, &list, ("8.8.8.9", &client, "other"), day(2)).await;
            match number {
                ..=5 => assert_eq!(answer.expect("an answer"), Answer::ToEditors(Why::Appeal)),
                _ => assert!(matches!(answer, Err(RemovalError::TooManyAppeals)), "{answer:?}"),
            }
        }
        // An appeal that joins a removal needs a reason, too, and all know with which serial it went.
        list_key(t, &list, "9.9.9.0/24", day(2)).await;
        remove(t, &list, "9.9.9.9", "b@x.example", day(2)).await.expect("an answer");
        let id = waiting_at(t, "9.9.9.0/24").await;
        removal::decide(t, EDITOR, id, &refuse, day(2)).await.expect("refused");
        remove(t, &list, "9.9.9.9", "b@x.example", day(3)).await.expect("an answer");
        let joins = appeal(t, &list, ("9.9.9.9", "203.0.8.7", "it is wrong"), day(3)).await;
        assert_eq!(joins.expect("an answer"), Answer::ToEditors(Why::Refused));
        let id = waiting_at(t, "9.9.9.0/24").await;
        let silent = removal::decide(t, EDITOR, id, &grant(End::AtOnce), day(3)).await;
        assert!(matches!(silent, Err(RemovalError::NoReason)), "{silent:?}");
        let right = Verdict::Grant { end: End::AtOnce, why: "so it is".to_owned() };
        removal::decide(t, EDITOR, id, &right, day(3)).await.expect("granted");
        let joined = removals::joined(t.session(), id).await.expect("they are read");
        let first = removals::by_id(t.session(), id).await.expect("read").expect("there");
        assert!(first.serial.is_some() && joined[0].serial == first.serial, "{joined:?}");
        let again = appeal(t, &list, ("8.8.8.8", "203.0.9.7", "a month later"), day(33)).await;
        assert!(!matches!(again, Err(RemovalError::TooManyAppeals)), "{again:?}");
    })
    .await;
}

#[tokio::test]
async fn a_code_says_how_its_entries_leave() {
    on_each(async |database| {
        let list = world(&database, Polarity::Block).await;
        let mut transaction = database.begin().await.expect("a transaction");
        let t = &mut transaction;
        let code = "127.0.0.2".parse().expect("a code");
        lists::set_code(t.session(), list.id, code, "spam").await.expect("it is set");
        list_key(t, &list, "8.8.8.8", day(1)).await;
        let asked = async |t: &mut Transaction, leaving, now| {
            lists::set_leaving(t.session(), list.id, code, leaving).await.expect("it is set");
            remove(t, &list, "8.8.8.8", "a@x.example", now).await
        };
        let never = asked(t, Leaving::Never, day(1)).await;
        assert!(matches!(never, Err(RemovalError::Never(_))), "{never:?}");
        let never = appeal(t, &list, ("8.8.8.8", "198.51.100.7", "it is wrong"), day(1)).await;
        assert!(matches!(never, Err(RemovalError::Never(_))), "{never:?}");
        let editor = asked(t, Leaving::Editor, day(1)).await.expect("an answer");
        assert_eq!(editor, Answer::ToEditors(Why::Code));
        let link = asked(t, Leaving::Link, day(1)).await.expect("an answer");
        assert!(matches!(link, Answer::Removed { .. }), "{link:?}");
    })
    .await;
}

//! Removals on real databases: off a block list by a link, later each time, and what editors decide.

use repute_database::entries::{self, Entry};
use repute_database::lists::{self, List, Stored};
use repute_database::testing::on_each;
use repute_database::{Database, Key, Timestamp, Transaction, audit, removals};
use repute_dnsxl::{KeyKind, Polarity};
use repute_registry::changes::{self, Cause, Change};
use repute_registry::notice::Notice;
use repute_registry::permission::{Person, Role};
use repute_registry::removal::{self, Answer, Ask, Decided, RemovalError, Verdict, Why};
use repute_registry::token::TokenKey;

/// Who decides.
const EDITOR: Person = Person { account: 8, role: Role::Editor };

/// So many days.
fn day(count: i64) -> Timestamp {
    Timestamp(count * 86_400_000_000)
}

/// A list.
async fn world(database: &Database, polarity: Polarity) -> Stored {
    let mut transaction = database.begin().await.expect("a transaction");
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
    let key = TokenKey::new(&[7; 32]);
    let ask = Ask {
        target: target.parse().expect("a target"),
        mail: mail.to_owned(),
        client: "198.51.100.7".parse().expect("an address"),
        reason: "it is repaired".to_owned(),
    };
    let (id, notices) = removal::ask(transaction, list, &ask, &key, now).await?;
    let [Notice::RemovalLink { token, .. }] = &notices[..] else { panic!("{notices:?}") };
    let wrong = removal::confirm(transaction, id, "abc", &key, now).await;
    assert!(matches!(wrong, Err(RemovalError::Link)));
    let late = removal::confirm(transaction, id, token, &key, Timestamp(now.0 + day(2).0)).await;
    assert!(matches!(late, Err(RemovalError::Link)));
    let answer = removal::confirm(transaction, id, token, &key, now).await?;
    if !matches!(answer, Answer::Locked { .. }) {
        let twice = removal::confirm(transaction, id, token, &key, now).await;
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
        let id = removals::queued(t.session(), 9).await.expect("read")[0].id;
        let refuse = Verdict::Refuse(" ".to_owned());
        let silent = removal::decide(t, EDITOR, id, &refuse, day(1)).await;
        assert!(matches!(silent, Err(RemovalError::NoReason)));
        let anna = Person { account: 1, role: Role::Member };
        let denied = removal::decide(t, anna, id, &Verdict::Grant, day(1)).await;
        assert!(matches!(denied, Err(RemovalError::Denied(_))));
        let told = removal::decide(t, EDITOR, id, &Verdict::Grant, day(1)).await;
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
        let id = removals::queued(t.session(), 9).await.expect("read")[0].id;
        let other = Person { account: 9, ..EDITOR };
        for (editor, waits) in [(EDITOR, true), (EDITOR, true), (other, false)] {
            let decided = removal::decide(t, editor, id, &Verdict::Grant, day(1)).await;
            let (decided, told) = decided.expect("it is taken");
            assert_eq!((decided == Decided::Waits, told.is_empty()), (waits, waits), "{editor:?}");
            assert_eq!(listed(t, &list).await, u64::from(waits));
        }
        let over = removal::decide(t, EDITOR, id, &Verdict::Grant, day(1)).await;
        assert!(matches!(over, Err(RemovalError::Over("granted"))));
    })
    .await;
}

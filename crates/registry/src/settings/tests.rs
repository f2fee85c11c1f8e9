//! What a list is, changed by those who may and by nobody else.

use repute_database::Database;
use repute_database::lists::List;
use repute_database::publications::{Outcome, Publication};
use repute_database::testing::on_each;

use super::*;
use crate::changes::Cause;
use crate::permission::Role;
use crate::template::Template;

/// Adds a list of addresses.
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

/// Somebody with this role.
fn hand(role: Role) -> Hand<'static> {
    let who = Who::Person(Person { account: 1, role });
    Hand { who, reason: "a test", now: Timestamp(7) }
}

/// What a list says of itself, with this title.
fn called(title: &str, ttl: u32) -> Description {
    let (description, contact) = ("For\ntests.".to_owned(), "lists@example.org".to_owned());
    Description { title: title.to_owned(), description, contact, ttl }
}

/// What was done to the list, the first first.
async fn log(transaction: &mut Transaction) -> Vec<String> {
    let deeds = audit::of_subject(transaction.session(), "list/bl.example", 99).await;
    deeds.expect("the log").into_iter().rev().map(|deed| deed.action).collect()
}

#[tokio::test]
async fn a_list_is_described_by_administrators_and_a_new_ttl_is_published() {
    on_each(async |database| {
        let list = add(&database).await;
        let mut transaction = database.begin().await.expect("a transaction");
        // More than one thing is done here at once, so the list is taken before all of them.
        lists::lock(transaction.session(), list.id).await.expect("nobody has it");
        for role in [Role::Member, Role::Editor] {
            let tried = describe(&mut transaction, &hand(role), &list, &called("X", 300)).await;
            let words = tried.expect_err("he may not").to_string();
            assert_eq!(words, "you may not change what a list is: only administrators do that");
        }
        let administrator = hand(Role::Administrator);
        for (new, words) in [
            (called(" ", 300), "the title needs"),
            (called("a\nb", 300), "the title needs"),
            (called(&"x".repeat(201), 300), "the title needs"),
            (called("X", 0), "a time to live of nothing"),
        ] {
            let tried = describe(&mut transaction, &administrator, &list, &new).await;
            let told = tried.expect_err("it is refused").to_string();
            assert!(told.starts_with(words), "{told}");
        }
        for (ttl, serial) in [(300, 1), (60, 2)] {
            let new = called("Hosts of spam", ttl);
            describe(&mut transaction, &administrator, &list, &new).await.expect("it is done");
            let now = lists::by_id(transaction.session(), list.id).await.expect("it is read");
            let now = now.expect("it is there");
            assert_eq!((now.serial, now.list.ttl), (serial, ttl));
            assert_eq!(now.list.title, "Hosts of spam");
            assert_eq!(now.list.contact, "lists@example.org");
        }
        assert_eq!(log(&mut transaction).await, ["list.set", "list.set"]);
    })
    .await;
}

#[tokio::test]
async fn policies_have_versions_and_criteria_belong_to_one() {
    on_each(async |database| {
        let list = add(&database).await;
        let mut transaction = database.begin().await.expect("a transaction");
        // More than one thing is done here at once, so the list is taken before all of them.
        lists::lock(transaction.session(), list.id).await.expect("nobody has it");
        let t = &mut transaction;
        let by = hand(Role::Administrator);
        let early = add_criterion(t, &by, &list, "trap", "A trap", "Mail to nobody.").await;
        assert!(matches!(early, Err(SettingsError::NoPolicy)));
        let empty = publish_policy(t, &by, &list, " \n ").await;
        assert!(matches!(empty, Err(SettingsError::Text { .. })));
        assert_eq!(publish_policy(t, &by, &list, "One.\r\n\r\nTwo.\n").await.expect("it is"), 1);
        let same = publish_policy(t, &by, &list, "One.\n\nTwo.").await;
        assert!(matches!(same, Err(SettingsError::SamePolicy(1))));
        assert_eq!(publish_policy(t, &by, &list, "Three.").await.expect("it is"), 2);
        let all = lists::policies(t.session(), list.id).await.expect("they are read");
        let all: Vec<(i64, &str)> = all.iter().map(|one| (one.version, &*one.text)).collect();
        assert_eq!(all, [(2, "Three."), (1, "One.\n\nTwo.")]);
        add_criterion(t, &by, &list, "trap", "A trap", "Mail to nobody.").await.expect("it is");
        for (slug, is_taken) in [("trap", true), ("A trap", false), ("", false)] {
            let tried = add_criterion(t, &by, &list, slug, "A trap", "Mail.").await;
            let tried = tried.expect_err("it is refused");
            assert_eq!(matches!(tried, SettingsError::SlugTaken(_)), is_taken, "{slug}: {tried}");
        }
        let change = async |t: &mut Transaction, by: &Hand<'_>, slug: &str, text: &str| {
            change_criterion(t, by, &list, slug, "A trap", text).await
        };
        assert_eq!(change(t, &by, "trap", "Mail to none.").await.expect("it is changed"), 2);
        let same = change(t, &by, "trap", "Mail to none.").await;
        assert!(matches!(same, Err(SettingsError::SameCriterion(_))), "{same:?}");
        let none = change(t, &by, "traps", "Mail.").await;
        assert!(matches!(none, Err(SettingsError::NoCriterion(..))), "{none:?}");
        let none = end_criterion(t, &by, &list, "tarp").await.expect_err("there is none");
        assert_eq!(none.to_string(), "this list has no criterion `tarp`: it has trap");
        let editor = hand(Role::Editor);
        assert!(matches!(change(t, &editor, "trap", "x").await, Err(SettingsError::Denied(_))));
        let denied = end_criterion(t, &editor, &list, "trap").await;
        assert!(matches!(denied, Err(SettingsError::Denied(_))), "{denied:?}");
        // A rule that is on must not go on listing by what is ended.
        let known = lists::criteria(t.session(), list.id).await.expect("they are read");
        let terms = rules::Terms {
            classes: Vec::new(),
            sources: Vec::new(),
            hits: 1,
            from_sources: 1,
            from_traps: 0,
            span: 100,
            lasts: 1_000,
            outcome: rules::Outcome::Propose,
            code: ReturnCode::LISTED,
            text: "traps".to_owned(),
            reason: "it hit traps".to_owned(),
            criterion: known.iter().find(|one| one.slug == "trap").map(|one| one.id),
            ipv4_prefix: 32,
            ipv6_prefix: 64,
        };
        let put = rules::put(t.session(), list.id, "traps", &terms, Timestamp(1)).await;
        let (rule, _) = put.expect("it is written");
        rules::set_enabled(t.session(), rule, Some(Timestamp(1))).await.expect("it is on");
        let used = end_criterion(t, &by, &list, "trap").await.expect_err("a rule lists by it");
        assert!(used.to_string().starts_with("the rule `traps` lists by"), "{used}");
        rules::set_enabled(t.session(), rule, None).await.expect("it is off");
        end_criterion(t, &by, &list, "trap").await.expect("it is ended");
        for over in [
            end_criterion(t, &by, &list, "trap").await,
            change(t, &by, "trap", "More mail.").await.map(drop),
        ] {
            assert!(matches!(over, Err(SettingsError::CriterionEnded(_))), "{over:?}");
        }
        let taken = add_criterion(t, &by, &list, "trap", "A trap", "Mail.").await;
        assert!(matches!(taken, Err(SettingsError::SlugTaken(_))), "its name stays its own");
        let expect = [
            "policy.publish",
            "policy.publish",
            "criterion.add",
            "criterion.change",
            "criterion.end",
        ];
        assert_eq!(log(&mut transaction).await, expect);
    })
    .await;
}

#[tokio::test]
async fn categories_are_added_and_renamed_and_codes_named() {
    on_each(async |database| {
        let list = add(&database).await;
        let mut transaction = database.begin().await.expect("a transaction");
        // More than one thing is done here at once, so the list is taken before all of them.
        lists::lock(transaction.session(), list.id).await.expect("nobody has it");
        let t = &mut transaction;
        let by = hand(Role::Administrator);
        let category = |number, name: &str| Category { number, name: name.to_owned() };
        let editor = add_category(t, &hand(Role::Editor), &list, &category(7, "banks")).await;
        assert!(matches!(editor, Err(SettingsError::Denied(_))));
        add_category(t, &by, &list, &category(7, "banks")).await.expect("it is added");
        let taken = add_category(t, &by, &list, &category(7, "shops")).await;
        assert!(matches!(taken, Err(SettingsError::CategoryTaken(7))));
        let none = rename_category(t, &by, &list, &category(8, "shops")).await;
        assert!(matches!(none, Err(SettingsError::NoCategory(8))));
        rename_category(t, &by, &list, &category(7, "money")).await.expect("it is renamed");
        let all = categories::all(t.session(), list.id).await.expect("they are read");
        assert_eq!(all, [category(7, "money")]);
        let code = |text: &str| text.parse::<ReturnCode>().expect("a code");
        let far = set_code(t, &by, &list, code("10.0.0.1"), "x", (None, None)).await;
        assert!(matches!(far, Err(SettingsError::Code(_))));
        assert!(
            set_code(t, &by, &list, code("2"), "", (None, None)).await.is_err(),
            "a code means something"
        );
        let editor = vec![(code("2"), Leaving::Editor)];
        let shell = Hand { who: Who::Shell(audit::SYSTEM), ..by };
        for (hand, rules, waits, for_two, leavings) in [
            (&by, (Some(true), Some(Leaving::Editor)), false, vec![code("2")], &editor),
            (&by, (None, None), false, vec![code("2")], &editor),
            // One administrator does not say alone that one editor is enough.
            (&by, (Some(false), None), true, vec![code("2")], &editor),
            (&shell, (Some(false), None), false, vec![], &editor),
            (&by, (Some(false), Some(Leaving::Link)), false, vec![], &vec![]),
        ] {
            let set =
                set_code(t, hand, &list, code("2"), "spam", rules).await.expect("it is taken");
            assert_eq!(matches!(set, Set::Waits(_)), waits, "{rules:?}");
            let found = lists::codes_for_two(t.session(), list.id).await.expect("they are read");
            assert_eq!(found, for_two, "{rules:?}");
            let found = lists::leavings(t.session(), list.id).await.expect("they are read");
            assert_eq!(found, *leavings, "{rules:?}");
        }
        let mut expect = vec!["category.add", "category.rename"];
        expect.extend(["list.code"; 4]);
        assert_eq!(log(&mut transaction).await, expect);
    })
    .await;
}

#[tokio::test]
async fn guards_cannot_be_turned_off_to_get_past_a_second_person() {
    on_each(async |database| {
        let list = add(&database).await;
        let mut transaction = database.begin().await.expect("a transaction");
        let t = &mut transaction;
        let by = hand(Role::Administrator);
        let name = |text: &str| text.parse().expect("a name");
        let canary = |text: &str| text.parse::<Target>().expect("a target");
        for (wrong, words) in [
            (Settings { ipv4_prefix: 33, ..Settings::default() }, "guards: "),
            (
                Settings { name_servers: vec![name("a\\032b.example")], ..Settings::default() },
                "`a\\032b.example` is no name of a host",
            ),
            (Settings { refresh: 0, ..Settings::default() }, "refresh, retry"),
            (Settings { expire: 600, ..Settings::default() }, "refresh, retry"),
            (
                Settings { canaries: vec![canary("a.example")], ..Settings::default() },
                "the canary a.example cannot be on this list, which lists addresses",
            ),
        ] {
            let told = configure(t, &by, &list, &wrong).await.expect_err("no").to_string();
            assert!(told.starts_with(words), "{told}");
        }
        let new = Settings {
            name_servers: vec![name("ns1.example.net"), name("ns2.example.net")],
            canaries: vec![canary("192.0.2.1")],
            ..Settings::default()
        };
        assert_eq!(configure(t, &by, &list, &new).await.expect("it is done"), Set::Done(Some(2)));
        assert_eq!(dns::of(t.session(), list.id).await.expect("they are read"), new);
        let outcome = Outcome::Refused { why: "all of 10.0.0.0/8 would be listed".to_owned() };
        let waiting = Publication { serial: 2, time: Timestamp(1), entries: 1, audit: 1, outcome };
        publications::note(t.session(), list.id, &waiting).await.expect("it is noted");
        let wide = Settings { ipv4_prefix: 0, ..new.clone() };
        let tried = configure(t, &by, &list, &wide).await;
        assert!(matches!(tried, Err(SettingsError::Waits(2))));
        let shorter = Settings { refresh: 60, ..new.clone() };
        configure(t, &by, &list, &shorter).await.expect("that concerns no guard");
        let more = Settings { canaries: Vec::new(), ..new };
        assert!(configure(t, &by, &list, &more).await.is_err(), "a canary is a guard");
    })
    .await;
}

#[tokio::test]
async fn a_list_that_nobody_would_find_is_told_of() {
    on_each(async |database| {
        let list = add(&database).await;
        let doubts = |servers: &[&str]| {
            let name_servers = servers.iter().map(|name| name.parse().expect("a name")).collect();
            doubts(&list, &Settings { name_servers, ..Settings::default() })
        };
        assert!(doubts(&[])[0].starts_with("bl.example has itself as its only name server"));
        assert!(doubts(&["ns.example.net"])[0].contains("RFC 2182"));
        assert!(doubts(&["ns.bl.example", "ns.example.net"])[0].contains("only glue"));
        assert_eq!(doubts(&["ns1.example.net", "ns2.example.net"]), [""; 0]);
    })
    .await;
}

#[tokio::test]
async fn one_administrator_tightens_guards_and_two_people_loosen_them() {
    on_each(async |database| {
        let list = add(&database).await;
        let mut transaction = database.begin().await.expect("a transaction");
        let t = &mut transaction;
        let by = hand(Role::Administrator);
        let canary = |text: &str| text.parse::<Target>().expect("a target");
        let middle = Settings {
            ipv4_prefix: 12,
            ipv6_prefix: 24,
            max_change: 20,
            canaries: vec![canary("192.0.2.1")],
            ..Settings::default()
        };
        let shell = Hand { who: Who::Shell(audit::SYSTEM), ..by };
        for (new, is_looser) in [
            (Settings { ipv4_prefix: 16, ..middle.clone() }, false),
            (Settings { ipv4_prefix: 8, ..middle.clone() }, true),
            (Settings { ipv4_prefix: 0, ..middle.clone() }, true),
            (Settings { ipv6_prefix: 32, ..middle.clone() }, false),
            (Settings { ipv6_prefix: 0, ..middle.clone() }, true),
            (Settings { max_change: 10, ..middle.clone() }, false),
            (Settings { max_change: 30, ..middle.clone() }, true),
            (Settings { max_change: 0, ..middle.clone() }, true),
            (Settings { canaries: Vec::new(), ..middle.clone() }, true),
            (Settings { refresh: 60, ..middle.clone() }, false),
        ] {
            let set = configure(t, &shell, &list, &middle).await.expect("the shell is free");
            assert!(matches!(set, Set::Done(Some(_))), "{set:?}");
            let set = configure(t, &by, &list, &new).await.expect("it is taken");
            let holds = dns::of(t.session(), list.id).await.expect("they are read");
            let Set::Waits(id) = set else {
                assert!(!is_looser && holds == new, "{new:?}: {set:?}");
                continue;
            };
            assert!(is_looser && holds == middle, "{new:?}: {set:?}");
            let again = configure(t, &by, &list, &new).await;
            assert!(matches!(again, Err(SettingsError::NoRoom(NoRoom::Same(_)))), "{again:?}");
            let administrator = Person { account: 1, role: Role::Administrator };
            let verdict = motion::Verdict::Withdraw;
            let done = motion::decide(t, administrator, id, &verdict, by.now).await;
            assert_eq!(done.expect("it is his"), motion::Decided::Withdrawn);
        }
    })
    .await;
}

#[tokio::test]
async fn a_new_code_is_for_two_editors_if_those_like_it_are() {
    on_each(async |database| {
        let list = add(&database).await;
        let mut transaction = database.begin().await.expect("a transaction");
        let t = &mut transaction;
        let allow = List {
            apex: "wl.example".parse().expect("a name"),
            polarity: Polarity::Allow,
            ..list.list.clone()
        };
        let cause = Cause {
            actor: audit::SYSTEM.to_owned(),
            action: "list.add".to_owned(),
            reason: String::new(),
        };
        let allow = crate::lists::add(t, &allow, Template::Dnswl, &cause, Timestamp(1)).await;
        let allow = allow.expect("it is added");
        transaction.commit().await.expect("it is committed");
        let by = hand(Role::Administrator);
        let code = |text: &str| text.parse::<ReturnCode>().expect("a code");
        // Each in a transaction of its own, as two lists are changed.
        let set = async |hand: &Hand<'_>, list: &Stored, new: ReturnCode, said: Option<bool>| {
            let mut transaction = database.begin().await.expect("a transaction");
            let set = set_code(&mut transaction, hand, list, new, "x", (said, None)).await;
            transaction.commit().await.expect("it is committed");
            set.expect("it is taken")
        };
        let for_two = async |list: &Stored| {
            let mut read = database.read().await.expect("a connection");
            lists::codes_for_two(read.session(), list.id).await.expect("they are read")
        };
        // What is said of it, whether that waits, and whether two editors decide about it then.
        for (apex, new, said, waits, is_for_two) in [
            (&allow, "127.0.16.2", None, false, false),
            (&allow, "127.0.16.3", None, false, true),
            (&allow, "127.0.17.4", None, false, true),
            (&allow, "127.0.18.3", Some(false), true, true),
            (&allow, "127.0.19.1", Some(true), false, true),
            (&list, "127.0.0.9", Some(true), false, true),
            (&list, "127.0.1.9", None, false, true),
            (&list, "127.0.1.10", None, false, false),
            // That of one that is there changes by what is said alone.
            (&list, "127.0.1.10", Some(true), false, true),
            (&list, "127.0.1.10", None, false, true),
        ] {
            let done = set(&by, apex, code(new), said).await;
            assert_eq!(matches!(done, Set::Waits(_)), waits, "{new} {said:?}");
            let marked = for_two(apex).await;
            assert_eq!(marked.contains(&code(new)), is_for_two, "{new} {said:?}");
            let mut read = database.read().await.expect("a connection");
            let known = lists::codes(read.session(), apex.id).await.expect("they are read");
            assert!(known.contains(&(code(new), "x".to_owned())), "{new} {said:?}");
        }
        // Where two people took the marks off, none comes back; and whoever has the shell says it himself.
        let shell = Hand { who: Who::Shell(audit::SYSTEM), ..by };
        let done = set(&shell, &allow, code("127.0.20.3"), Some(false)).await;
        assert_eq!(done, Set::Done(None));
        for marked in for_two(&allow).await {
            set(&shell, &allow, marked, Some(false)).await;
        }
        set(&by, &allow, code("127.0.21.3"), None).await;
        assert_eq!(for_two(&allow).await, []);
    })
    .await;
}

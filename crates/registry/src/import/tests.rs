//! Imports on both databases.

use std::sync::atomic::{AtomicBool, Ordering};

use repute_database::audit::{self, Verified};
use repute_database::entries::{Named, OrganisationId};
use repute_database::kept_out::Spot;
use repute_database::lists::{self, List};
use repute_database::testing::on_each;
use repute_database::{
    Database, Key, changes as serials, entry_history, kept_out as database_kept_out, organisations,
};
use repute_dnsxl::{KeyKind, Polarity, ReturnCode};

use super::content::{Reading, read};
use super::*;
use crate::edit::{self, Edit, Listing, What};
use crate::kept_out::{self, End, KeptOutError};
use crate::permission::{Person, Role};

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

/// How a test's files are read.
fn reading() -> Reading {
    Reading {
        layout: None,
        keys: KeyKind::Ip,
        code: ReturnCode::LISTED,
        minimum: None,
        subdomains: false,
        now: 0,
    }
}

/// A file's entries.
fn content(text: &str) -> Content {
    read("list.txt", text.as_bytes(), |file| Ok(file), &reading()).expect("memory is readable")
}

/// Imports a text, first dry: both must tell the same.
async fn import(
    database: &Database,
    list: &Stored,
    source: &str,
    mode: Mode,
    text: &str,
) -> Report {
    let import = Import {
        source: source.to_owned(),
        mode,
        reason: "a test".to_owned(),
        expires: None,
        criterion: None,
        review: None,
        whose: Whose::ByNumber,
    };
    let content = content(text);
    let mut connection = database.read().await.expect("a connection");
    let dry =
        dry_run(connection.session(), list, &import, &content, Timestamp(5), &mut |_| ()).await;
    drop(connection);
    let mut transaction = database.begin().await.expect("a transaction");
    let cause = Cause {
        actor: audit::machine(transaction.session(), "shell").await.expect("a name"),
        action: "list.import".to_owned(),
        reason: "a test".to_owned(),
    };
    let now = Timestamp(5);
    let done = run(&mut transaction, list, &import, &content, &cause, now, &mut |_| ()).await;
    let done = done.expect("it is done");
    if done.serial.is_some() {
        transaction.commit().await.expect("it is committed");
    }
    let dry = dry.expect("it is compared");
    assert_eq!(dry, Report { serial: None, ..done.clone() }, "a dry run tells what is done");
    done
}

/// What a report counts: added, changed, renewed, removed, unchanged, kept.
fn counts(report: &Report) -> [u64; 6] {
    let Report { added, changed, renewed, removed, unchanged, kept, .. } = report;
    [*added, *changed, *renewed, *removed, *unchanged, *kept]
}

/// The entries of the list in words.
async fn words(database: &Database, list: &Stored) -> Vec<String> {
    let mut connection = database.read().await.expect("a connection");
    let entries = entries::page(connection.session(), list.id, None, None, 1000).await;
    let sources = entries::sources(connection.session()).await.expect("they are read");
    let word = |entry: &entries::Entry| {
        let code = entry.code.map_or_else(|| "!".to_owned(), |code| code.to_string());
        let source = sources.iter().find(|(id, _)| *id == entry.source).map_or("", |(_, n)| n);
        format!("{} {code} {} {source}", entry.key, entry.text)
    };
    entries.expect("they are read").iter().map(word).collect()
}

#[tokio::test]
async fn an_import_changes_what_its_source_brought_and_nothing_else() {
    on_each(async |database| {
        let list = add(&database).await;
        let first = "192.0.2.1 :2:x\n192.0.2.2 :2:x\n192.0.2.2 :10:y\n!192.0.2.3\n";
        let report = import(&database, &list, "feed", Mode::ReplaceSource, first).await;
        assert_eq!((counts(&report), report.serial), ([4, 0, 0, 0, 0, 0], Some(2)));
        let again = import(&database, &list, "feed", Mode::ReplaceSource, first).await;
        assert_eq!((counts(&again), again.serial), ([0, 0, 0, 0, 4, 0], None));
        let other = "192.0.2.2 :2:z\n198.51.100.0/24 :2:z\n";
        let report = import(&database, &list, "other", Mode::ReplaceSource, other).await;
        assert_eq!(counts(&report), [1, 0, 0, 0, 0, 1], "what another brought is his");
        assert_eq!(report.widest, ["198.51.100.0/24".parse().expect("a network")]);
        let second = "192.0.2.2 :2:new\n192.0.2.9 :2:x\n";
        let report = import(&database, &list, "feed", Mode::ReplaceSource, second).await;
        assert_eq!(counts(&report), [1, 1, 0, 3, 0, 0]);
        assert_eq!(report.examples.changed, ["192.0.2.2 127.0.0.2 new"]);
        assert_eq!(
            report.examples.removed,
            ["192.0.2.1 127.0.0.2", "192.0.2.2 127.0.0.10", "!192.0.2.3"]
        );
        let left = [
            "192.0.2.2 127.0.0.2 new feed",
            "192.0.2.9 127.0.0.2 x feed",
            "198.51.100.0/24 127.0.0.2 z other",
        ];
        assert_eq!(words(&database, &list).await, left);
        let report = import(&database, &list, "all", Mode::ReplaceList, "192.0.2.9 :2:x\n").await;
        assert_eq!(counts(&report), [0, 0, 1, 2, 0, 0]);
        assert_eq!(words(&database, &list).await, ["192.0.2.9 127.0.0.2 x all"]);
        // A source's entries are purged by an import of nothing.
        let report = import(&database, &list, "all", Mode::ReplaceSource, "").await;
        assert_eq!(counts(&report), [0, 0, 0, 1, 0, 0]);
        let mut connection = database.read().await.expect("a connection");
        let log = audit::of_subject(connection.session(), "list/bl.example", 99).await;
        let log = log.expect("the log");
        assert_eq!(log.len(), 5, "one row for each that changed something");
        let detail: serde_json::Value = serde_json::from_str(&log[4].detail).expect("JSON");
        assert_eq!(detail["sha256"], content(first).sha256);
        assert_eq!(detail["added"], 4);
        let verified = audit::verify(connection.session()).await.expect("it is read");
        assert_eq!(verified, Verified::Whole(5));
        let since = serials::since(connection.session(), list.id, 5).await.expect("changes");
        let changed = vec![(6, "192.0.2.9".parse().expect("a key"))];
        assert_eq!(since, serials::Since::Keys(changed));
    })
    .await;
}

#[tokio::test]
async fn followers_read_the_list_anew_after_a_large_import() {
    on_each(async |database| {
        let list = add(&database).await;
        let text: String =
            (0..=serials::MOST_NAMED).map(|i| format!("10.{}.{}.1\n", i >> 8, i & 255)).collect();
        let report = import(&database, &list, "feed", Mode::Add, &text).await;
        assert_eq!(report.added as usize, serials::MOST_NAMED + 1);
        let mut connection = database.read().await.expect("a connection");
        let since = serials::since(connection.session(), list.id, 1).await.expect("changes");
        assert_eq!(since, serials::Since::Anew);
    })
    .await;
}

/// Checks what a file brings: its entries in words, and how many lines are faulty.
#[track_caller]
fn check(text: &str, reading: &Reading, expect: &[&str], faults: u64) -> Content {
    let content =
        read("list", text.as_bytes(), |file| Ok(file), reading).expect("memory is readable");
    let words: Vec<String> = content
        .rows
        .iter()
        .map(|row| {
            let code = row.place.code().map_or_else(|| "!".to_owned(), |code| code.to_string());
            format!("{} {code} {}", row.place.key().expect("a key"), row.text)
        })
        .collect();
    assert_eq!(words, expect);
    assert_eq!(content.faults.errors(), faults);
    content
}

#[test]
fn files_are_read_as_they_look() {
    let csv = "Network,Comment,Code,Text\n192.0.2.0/24,\"a, b\",3,\"why, then\"\nx,y,2,\n";
    check(csv, &reading(), &["192.0.2.0/24 127.0.0.3 why, then"], 1);
    check("192.0.2.1;4;see\n", &reading(), &["192.0.2.1 127.0.0.4 see"], 0);
    let dnswl = "# x\n192.0.2.0/24;4;2;example.org;42\n2001:db8::/32;5;0;example.net;7\n";
    let entries = ["192.0.2.0/24 127.0.4.2 example.org", "2001:db8::/32 127.0.5.0 example.net"];
    check(dnswl, &reading(), &entries, 0);
    let numbered = "# a;b;c;d;no number\n192.0.2.1;4;2;a.example;4294967295\n\n\
                    192.0.2.2;4;2;b.example; 4294967296\n192.0.2.3;4;2;c.example;0\n\
                    192.0.2.4;4;2;d.example;\n192.0.2.300;4;2;e.example;5\n192.0.2.5;4;2;f.example;x";
    let content =
        read("list", numbered.as_bytes(), |file| Ok(file), &reading()).expect("it is read");
    assert_eq!(content.rows.len(), 5, "entries without a good number count");
    let mut numbers: Vec<_> = content.numbers.iter().map(|(name, id)| (&**name, *id)).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, [("a.example", u32::MAX), ("e.example", 5)]);
    let faults: Vec<String> = content.faults.iter().map(ToString::to_string).collect();
    let wrong =
        "expected the Id of an organisation, from 1 to 4294967295; the entry is given to nobody";
    assert_eq!(
        faults.iter().filter(|fault| fault.ends_with(wrong)).count(),
        faults.len() - 1,
        "{faults:?}"
    );
    let places = ["list:4:26: ", "list:5:25: ", "list:7:", "list:8:25: "];
    for (fault, place) in faults.iter().zip(places) {
        assert!(fault.starts_with(place), "{fault}");
    }
    assert_eq!((content.faults.errors(), content.faults.warnings()), (1, 3));
    let counted = "# ipsum\n192.0.2.1\t10\n192.0.2.2\t2\n";
    check(counted, &reading(), &["192.0.2.1 127.0.0.2 ", "192.0.2.2 127.0.0.2 "], 0);
    let coded = Reading { code: ReturnCode::last_octet(9), ..reading() };
    check("# x\n192.0.2.1\n", &coded, &["192.0.2.1 127.0.0.9 "], 0);
    check(
        "192.0.2.1\n192.0.2.2 :3:x\n",
        &reading(),
        &["192.0.2.1 127.0.0.2 ", "192.0.2.2 127.0.0.3 x"],
        0,
    );
    let many = Reading { minimum: Some(3), ..reading() };
    check(counted, &many, &["192.0.2.1 127.0.0.2 "], 0);
    let twice = "192.0.2.1 :2:a\n192.0.2.1 :2:b\n192.0.2.1 :3:c\n";
    let content = check(twice, &reading(), &["192.0.2.1 127.0.0.2 a", "192.0.2.1 127.0.0.3 c"], 0);
    assert_eq!(content.repeated, 1);
    let names = Reading { keys: KeyKind::Name, ..reading() };
    check(
        "b.example\n*.a.example\n",
        &names,
        &["*.a.example 127.0.0.2 ", "b.example 127.0.0.2 "],
        0,
    );
    let combined = "$DATASET ip4set @\n192.0.2.1\n$DATASET dnset @\nx.example\n";
    let content = check(combined, &reading(), &["192.0.2.1 127.0.0.2 "], 0);
    assert_eq!(content.misfits, 1);
}

#[tokio::test]
async fn what_was_taken_off_by_a_decision_no_import_brings_back() {
    on_each(async |database| {
        let list = add(&database).await;
        let feed = "9.9.2.1 :2:x\n9.9.2.2 :2:x\n9.9.2.2 :10:y\n9.9.2.3 :2:x\n";
        import(&database, &list, "feed", Mode::ReplaceSource, feed).await;
        let editor = Person { account: 8, role: Role::Editor };
        let keys = ["9.9.2.1", "9.9.2.2"].map(|key| key.parse::<Key>().expect("a key"));
        let mut transaction = database.begin().await.expect("a transaction");
        for key in &keys {
            let edit = Edit { key: key.clone(), what: What::Remove { code: None } };
            edit::edit(&mut transaction, editor, &list, &[edit], "portal", "wrong", Timestamp(4))
                .await
                .expect("it is off");
        }
        transaction.commit().await.expect("it is committed");
        // Nothing is added, and the others stay as they are, in each mode and for each source.
        for (source, mode) in
            [("feed", Mode::Add), ("feed", Mode::ReplaceSource), ("other", Mode::ReplaceSource)]
        {
            let report = import(&database, &list, source, mode, feed).await;
            assert_eq!((report.added, report.kept_out), (0, 3), "{source} {mode:?}");
        }
        assert_eq!(words(&database, &list).await, ["9.9.2.3 127.0.0.2 x feed"]);
        // Taken back, and listed by a newer decision: both come as before.
        let mut transaction = database.begin().await.expect("a transaction");
        lists::lock(transaction.session(), list.id).await.expect("nobody has it");
        let t = &mut transaction;
        let member = Person { role: Role::Member, ..editor };
        let spot = Spot { key: keys[0].clone(), code: None };
        let denied = kept_out::let_back(t, member, &list, &spot, "", Timestamp(4)).await;
        assert!(matches!(denied, Err(KeptOutError::Denied(_))));
        let back = async |t: &mut Transaction| {
            kept_out::let_back(t, editor, &list, &spot, "it was right", Timestamp(4)).await
        };
        back(t).await.expect("it is let back");
        assert!(matches!(back(t).await, Err(KeptOutError::Missing(_))));
        let listing = Listing {
            code: ReturnCode::LISTED,
            text: String::new(),
            reason: "it sends".to_owned(),
            criterion: None,
            before: None,
            end: edit::End::Never,
            review: edit::Review::AsBefore,
        };
        let edit = Edit { key: keys[1].clone(), what: What::List(listing) };
        let listed = edit::edit(t, editor, &list, &[edit], "portal", "again", Timestamp(4)).await;
        listed.expect("it is listed");
        transaction.commit().await.expect("it is committed");
        let report = import(&database, &list, "feed", Mode::ReplaceSource, feed).await;
        assert_eq!((report.added, report.kept, report.kept_out), (2, 1, 0));
    })
    .await;
}

#[tokio::test]
async fn a_list_says_for_how_long_decisions_hold_against_imports() {
    on_each(async |database| {
        let list = add(&database).await;
        let editor = Person { account: 8, role: Role::Editor };
        let key: Key = "192.0.2.1".parse().expect("a key");
        // Days of the list, how long it is kept off, and what an import at the fifth microsecond adds.
        for (days, end, at, added) in [
            (30, End::AsTheListSays, 4, 0),
            (30, End::AsTheListSays, 5 - 30 * 86_400_000_000, 1),
            (0, End::AsTheListSays, 4, 1),
            (0, End::Never, i64::MIN, 0),
            (30, End::AtOnce, 4, 1),
        ] {
            let mut transaction = database.begin().await.expect("a transaction");
            let t = &mut transaction;
            database_kept_out::remove(t.session(), list.id, &key, None).await.expect("an answer");
            database_kept_out::set_days(t.session(), list.id, days).await.expect("it is set");
            let actor = audit::actor(t.session(), editor.account).await.expect("a pseudonym");
            let kept = kept_out::keep(t, list.id, &key, (&actor, "why"), end, Timestamp(at)).await;
            kept.expect("it is kept off");
            transaction.commit().await.expect("it is committed");
            let text = "192.0.2.1 :2:x\n";
            let report = import(&database, &list, "feed", Mode::ReplaceSource, text).await;
            assert_eq!((report.added, report.kept_out), (added, 1 - added), "{days} {end:?}");
            import(&database, &list, "feed", Mode::ReplaceSource, "192.0.2.9 :2:x\n").await;
        }
    })
    .await;
}

#[tokio::test]
async fn few_entries_have_their_history_and_for_many_the_one_row_stands() {
    on_each(async |database| {
        let list = add(&database).await;
        let few = "9.9.9.1 :2:x\n9.9.9.1 :10:y\n9.9.9.2 :2:x\n";
        import(&database, &list, "feed", Mode::ReplaceSource, few).await;
        import(&database, &list, "feed", Mode::ReplaceSource, "9.9.9.1 :2:z\n").await;
        let steps = async |key: &str| {
            let key: Key = key.parse().expect("a key");
            let mut look = database.look().await.expect("a look");
            let found = entry_history::of_key(look.session(), list.id, &key, None, 9).await;
            let found = found.expect("they are read");
            let said = |entry: &entries::Entry| {
                format!(
                    "{} {}",
                    entry.code.map_or_else(String::new, |code| code.to_string()),
                    entry.text
                )
            };
            let said = |all: &[entries::Entry]| all.iter().map(said).collect::<Vec<_>>().join(", ");
            found
                .iter()
                .map(|step| format!("{} > {}", said(&step.turn.before), said(&step.turn.after)))
                .collect::<Vec<_>>()
        };
        let (two, ten) = ("127.0.0.2 x", "127.0.0.10 y");
        let expect = [format!("{two}, {ten} > 127.0.0.2 z"), format!(" > {two}, {ten}")];
        assert_eq!(steps("9.9.9.1").await, expect);
        assert_eq!(steps("9.9.9.2").await, [format!("{two} > "), format!(" > {two}")]);
        let many: String =
            (0..=changes::MOST_EACH).map(|at| format!("9.9.8.{at} :2:x\n")).collect();
        import(&database, &list, "feed", Mode::Add, &format!("45.0.0.0/8 :2:x\n{many}")).await;
        assert_eq!(steps("9.9.8.7").await, [""; 0]);
        let mut look = database.look().await.expect("a look");
        let found = entry_history::of_many(look.session(), list.id, None, 9).await.expect("read");
        let detail: serde_json::Value = serde_json::from_str(&found[0].detail).expect("JSON");
        assert_eq!((found.len(), &detail["added"]), (1, &json!(102)));
        assert!(detail["sha256"].as_str().is_some_and(|digest| digest.len() == 64));
        let widest: Key = "45.0.0.0/8".parse().expect("a key");
        assert!(found[0].turn.after.iter().any(|entry| entry.key == widest));
    })
    .await;
}

#[tokio::test]
async fn an_import_says_which_criterion_its_entries_meet_and_when_they_are_looked_at() {
    on_each(async |database| {
        let list = add(&database).await;
        let mut transaction = database.begin().await.expect("a transaction");
        let t = &mut transaction;
        let now = Timestamp(1);
        repute_database::lists::publish_policy(t.session(), list.id, "x", now)
            .await
            .expect("it is");
        let trap =
            repute_database::lists::add_criterion(t.session(), list.id, 1, "trap", ("x", "x"), now);
        let trap = trap.await.expect("it is added");
        transaction.commit().await.expect("it is committed");
        let content = self::content("192.0.2.1 :2:x\n192.0.2.2 :2:x\n");
        let (some, day) = (Some(trap), Some(Timestamp(99)));
        let met = Some(Named { id: trap, version: Some(1) });
        for (criterion, review, expected) in [
            (None, None, ([2, 0, 0, 0, 0, 0], None, None)),
            (some, None, ([0, 0, 2, 0, 0, 0], met, None)),
            (some, day, ([0, 0, 2, 0, 0, 0], met, day)),
            (some, day, ([0, 0, 0, 0, 2, 0], met, day)),
            // What is not said stays.
            (None, None, ([0, 0, 0, 0, 2, 0], met, day)),
        ] {
            let import = Import {
                source: "feed".to_owned(),
                mode: Mode::ReplaceSource,
                reason: "a test".to_owned(),
                expires: None,
                criterion,
                review,
                whose: Whose::Nobodys,
            };
            let mut transaction = database.begin().await.expect("a transaction");
            let cause = Cause {
                actor: audit::machine(transaction.session(), "shell").await.expect("a name"),
                action: "list.import".to_owned(),
                reason: "a test".to_owned(),
            };
            let t = &mut transaction;
            let done = run(t, &list, &import, &content, &cause, now, &mut |_| ()).await;
            let done = done.expect("it is done");
            let page = entries::page(t.session(), list.id, None, None, 9).await.expect("read");
            assert_eq!(counts(&done), expected.0, "{criterion:?} {review:?}");
            for entry in &page {
                assert_eq!((entry.criterion, entry.review), (expected.1, expected.2));
            }
            transaction.commit().await.expect("it is committed");
        }
        // What the criterion says by then is what new ones meet, and those that were there met it as it was.
        let mut transaction = database.begin().await.expect("a transaction");
        let t = &mut transaction;
        let changed = repute_database::lists::change_criterion(t.session(), trap, "y", "y", now);
        assert_eq!(changed.await.expect("it says something else"), 2);
        let import = Import {
            source: "feed".to_owned(),
            mode: Mode::ReplaceSource,
            reason: "another".to_owned(),
            expires: None,
            criterion: some,
            review: None,
            whose: Whose::Nobodys,
        };
        let cause = Cause {
            actor: audit::machine(t.session(), "shell").await.expect("a name"),
            action: "list.import".to_owned(),
            reason: "a test".to_owned(),
        };
        let more = self::content("192.0.2.1 :2:x\n192.0.2.2 :2:new\n192.0.2.3 :2:x\n");
        run(t, &list, &import, &more, &cause, now, &mut |_| ()).await.expect("it is done");
        let page = entries::page(t.session(), list.id, None, None, 9).await.expect("read");
        let versions = page.iter().map(|entry| entry.criterion.and_then(|named| named.version));
        assert_eq!(versions.collect::<Vec<_>>(), [Some(1), Some(1), Some(2)]);
    })
    .await;
}

#[tokio::test]
async fn numbers_of_dnswls_files_are_organisations_unless_they_are_others() {
    on_each(async |database| {
        let list = add(&database).await;
        let mut transaction = database.begin().await.expect("a transaction");
        let t = &mut transaction;
        // Number 1 is somebody else here, and number 2 is known by the domain.
        for (name, domain) in [("Others", "others.example"), ("Post", "post.example")] {
            let id = organisations::add(t.session(), name, Timestamp(1)).await.expect("an Id");
            let domain = domain.parse().expect("a name");
            organisations::add_domain(t.session(), id, &domain).await.expect("it is added");
        }
        transaction.commit().await.expect("it is committed");
        let text = "192.0.2.1;4;2;stranger.example;1\n192.0.2.2;4;2;post.example;2\n\
                    192.0.2.3;4;2;mx.post.example;2\n192.0.2.4;4;2;new.example;77\n\
                    192.0.2.5;4;2;both.example;5\n192.0.2.6;4;2;both.example;6\n\
                    192.0.2.7;4;2;no..domain;8\n192.0.2.8;4;2;newer.example;77";
        let whose = async || {
            let mut read = database.read().await.expect("a connection");
            let all = entries::page(read.session(), list.id, None, None, 99).await;
            let all = all.expect("they are read").into_iter();
            all.map(|entry| entry.organisation.map_or(0, |id| id.0)).collect::<Vec<_>>()
        };
        let done = import(&database, &list, "dnswl", Mode::ReplaceSource, text).await;
        assert_eq!(counts(&done), [8, 0, 0, 0, 0, 0]);
        assert_eq!((done.organisations, done.strangers), (1, 1));
        assert_eq!(whose().await, [0, 2, 2, 77, 0, 0, 0, 77]);
        let mut read = database.read().await.expect("a connection");
        let new = OrganisationId(77);
        let stored = organisations::by_id(read.session(), new).await.expect("it is read");
        assert_eq!(stored.expect("it is there").name, "new.example");
        let known = organisations::domains(read.session(), new).await.expect("they are read");
        let known: Vec<_> = known.iter().map(ToString::to_string).collect();
        assert_eq!(known, ["new.example", "newer.example"]);
        drop(read);
        let done = import(&database, &list, "dnswl", Mode::ReplaceSource, text).await;
        assert_eq!((counts(&done), done.organisations), ([0, 0, 0, 0, 8, 0], 0));
        // What an editor decided stays, and what is nobody's comes back to whom the file names.
        let mut transaction = database.begin().await.expect("a transaction");
        let t = &mut transaction;
        let editor = Person { account: 7, role: Role::Editor };
        for (key, to) in [("192.0.2.2", Some(OrganisationId(1))), ("192.0.2.4", None)] {
            let which = edit::Which::Keys(vec![key.parse().expect("a key")]);
            edit::give(t, editor, &list, &which, to, "", Timestamp(6)).await.expect("it is given");
        }
        transaction.commit().await.expect("it is committed");
        let done = import(&database, &list, "dnswl", Mode::ReplaceSource, text).await;
        assert_eq!(counts(&done), [0, 0, 1, 0, 7, 0]);
        assert_eq!(whose().await, [0, 1, 2, 77, 0, 0, 0, 77]);
    })
    .await;
}

#[tokio::test]
async fn organisations_of_a_file_are_held_and_get_nothing_while_they_are_suspended() {
    on_each(async |database| {
        let list = add(&database).await;
        let mut transaction = database.begin().await.expect("a transaction");
        let t = &mut transaction;
        let domain = "post.example".parse().expect("a name");
        let id = organisations::add(t.session(), "Post", Timestamp(1)).await.expect("an Id");
        organisations::add_domain(t.session(), id, &domain).await.expect("it is added");
        let state = organisations::State::Suspended { reason: "spam".to_owned() };
        organisations::set_state(t.session(), id, &state).await.expect("it is suspended");
        transaction.commit().await.expect("it is committed");
        let text = "192.0.2.2;4;2;post.example;1\n";
        let whose = async || {
            let mut read = database.read().await.expect("a connection");
            let all = entries::page(read.session(), list.id, None, None, 99).await;
            let all = all.expect("they are read").into_iter();
            all.map(|entry| entry.organisation).collect::<Vec<_>>()
        };
        let done = import(&database, &list, "dnswl", Mode::ReplaceSource, text).await;
        assert_eq!((done.added, done.suspended, done.strangers), (1, 1, 0));
        assert_eq!(whose().await, [None]);
        let mut transaction = database.begin().await.expect("a transaction");
        let active = organisations::State::Active;
        organisations::set_state(transaction.session(), id, &active).await.expect("it may again");
        transaction.commit().await.expect("it is committed");
        // Whoever wants to suspend it while an import is about to give it something waits for that.
        let import = Import {
            source: "dnswl".to_owned(),
            mode: Mode::ReplaceSource,
            reason: "a test".to_owned(),
            expires: None,
            criterion: None,
            review: None,
            whose: Whose::ByNumber,
        };
        let mut transaction = database.begin().await.expect("a transaction");
        let t = &mut transaction;
        let cause = Cause {
            actor: audit::machine(t.session(), "shell").await.expect("a name"),
            action: "list.import".to_owned(),
            reason: "a test".to_owned(),
        };
        let done = run(t, &list, &import, &content(text), &cause, Timestamp(6), &mut |_| ()).await;
        assert_eq!(done.expect("it is done").suspended, 0);
        let is_over = AtomicBool::new(false);
        let suspending = async {
            let mut second = database.begin().await.expect("a transaction");
            organisations::lock(second.session(), id).await.expect("the import ends");
            assert!(is_over.load(Ordering::Relaxed), "the import has it");
        };
        let importing = async {
            // Longer than it takes to suspend what nobody has.
            for _ in 0..99 {
                organisations::by_id(transaction.session(), id).await.expect("it is read");
            }
            is_over.store(true, Ordering::Relaxed);
            transaction.commit().await.expect("it is committed");
        };
        tokio::join!(suspending, importing);
        assert_eq!(whose().await, [Some(id)]);
    })
    .await;
}

#[tokio::test]
async fn another_end_of_what_stays_is_for_two_where_the_entry_is() {
    on_each(async |database| {
        let list = add(&database).await;
        let text = "9.8.0.0/16 :2:x\n9.9.2.1 :2:x\n";
        import(&database, &list, "feed", Mode::ReplaceSource, text).await;
        for (end, of, changed) in [
            (Some(100), "earlier", ([0, 0, 2, 0, 0, 0], 2, 1)),
            (Some(100), "the same", ([0, 0, 0, 0, 2, 0], 0, 0)),
            (Some(200), "later", ([0, 0, 2, 0, 0, 0], 0, 1)),
            (Some(90), "earlier again", ([0, 0, 2, 0, 0, 0], 2, 1)),
            (None, "never", ([0, 0, 2, 0, 0, 0], 0, 1)),
        ] {
            let import = Import {
                source: "feed".to_owned(),
                mode: Mode::ReplaceList,
                reason: "a test".to_owned(),
                expires: end.map(Timestamp),
                criterion: None,
                review: None,
                whose: Whose::Nobodys,
            };
            let mut transaction = database.begin().await.expect("a transaction");
            let t = &mut transaction;
            let cause = Cause {
                actor: audit::machine(t.session(), "shell").await.expect("a name"),
                action: "list.import".to_owned(),
                reason: String::new(),
            };
            let (content, now) = (content(text), Timestamp(5));
            let done = run(t, &list, &import, &content, &cause, now, &mut |_| ()).await;
            let done = done.expect("it is done");
            assert_eq!((counts(&done), done.shortened, done.for_two), changed, "{of}");
            if done.for_two > 0 {
                assert_eq!(done.first_for_two, ["9.8.0.0/16 127.0.0.2"], "{of}");
            }
            if done.serial.is_some() {
                transaction.commit().await.expect("it is committed");
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_code_that_was_taken_from_a_key_no_import_brings_back() {
    on_each(async |database| {
        let list = add(&database).await;
        let feed = "9.9.2.1 :5:x\n9.9.2.2 :2:x\n9.9.2.2 :5:x\n";
        import(&database, &list, "feed", Mode::ReplaceSource, feed).await;
        let editor = Person { account: 8, role: Role::Editor };
        let (low, high): (ReturnCode, ReturnCode) =
            ("127.0.0.3".parse().expect("a code"), "127.0.0.5".parse().expect("a code"));
        let listing = |code, before| {
            What::List(Listing {
                code,
                text: String::new(),
                reason: "less bad".to_owned(),
                criterion: None,
                before,
                end: edit::End::Never,
                review: edit::Review::AsBefore,
            })
        };
        let change = async |key: &str, what: What| {
            let mut transaction = database.begin().await.expect("a transaction");
            let edit = Edit { key: key.parse().expect("a key"), what };
            let t = &mut transaction;
            let done = edit::edit(t, editor, &list, &[edit], "hand", "why", Timestamp(4)).await;
            done.expect("it is done");
            transaction.commit().await.expect("it is committed");
        };
        change("9.9.2.1", listing(low, Some(high))).await;
        change("9.9.2.2", What::Remove { code: Some(high) }).await;
        let left = ["9.9.2.1 127.0.0.3  hand", "9.9.2.2 127.0.0.2 x feed"];
        for (source, mode, text, count) in [
            ("feed", Mode::ReplaceSource, feed, 2),
            ("feed", Mode::Add, feed, 2),
            ("other", Mode::ReplaceSource, "9.9.2.1 :5:x\n", 1),
        ] {
            let report = import(&database, &list, source, mode, text).await;
            assert_eq!((report.added, report.kept_out), (0, count), "{source} {mode:?}");
            assert_eq!(words(&database, &list).await, left, "{source} {mode:?}");
        }
        // Let back, and by a newer decision, they come again.
        let mut transaction = database.begin().await.expect("a transaction");
        lists::lock(transaction.session(), list.id).await.expect("nobody has it");
        let (t, spot) = (&mut transaction, "9.9.2.2 127.0.0.5".parse().expect("a spot"));
        kept_out::let_back(t, editor, &list, &spot, "right", Timestamp(4)).await.expect("it may");
        let log = audit::of_subject(t.session(), "list/bl.example", 1).await.expect("it is read");
        assert!(log[0].detail.contains("127.0.0.5"), "{}", log[0].detail);
        transaction.commit().await.expect("it is committed");
        change("9.9.2.1", listing(high, None)).await;
        change("9.9.2.1", What::Remove { code: Some(low) }).await;
        let report = import(&database, &list, "feed", Mode::ReplaceSource, feed).await;
        assert_eq!((report.added, report.kept, report.kept_out), (1, 1, 0));
    })
    .await;
}

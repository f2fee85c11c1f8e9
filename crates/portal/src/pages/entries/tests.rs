//! The editors' pages of a list.

use axum::http::StatusCode;
use repute_database::accounts::{self, Role};
use repute_database::entries::OrganisationId;
use repute_database::entry_history;
use repute_database::testing::on_each_narrow;
use repute_database::{Timestamp, Transaction, organisations, outbox};

use super::*;
use crate::testing::{Answer, Site};

/// Where a key's forms are sent.
const ENTRY: &str = "/lists/bl.example/entry";

/// Lists something by the form of its page, with its code until now if it has one.
async fn list_it(site: &mut Site, key: &str, code: &str, fields: &[(&str, &str)]) -> Answer {
    let page = site.get(&format!("{ENTRY}?key={}", encode(key))).await;
    let seen = seen(&page);
    let own = [("act", "list"), ("key", key), ("seen", &*seen), ("code", code)];
    site.post(ENTRY, &[&own, fields].concat()).await
}

/// What a form was made of.
fn seen(page: &Answer) -> String {
    let (_, rest) = page.text.split_once("name=\"seen\" value=\"").expect("it says so");
    rest.split('"').next().expect("its end").to_owned()
}

/// The step that the page's first button takes back.
fn first_step(page: &Answer) -> String {
    let (_, rest) = page.text.split_once("name=\"step\" value=\"").expect("there is a button");
    rest.split('"').next().expect("its end").to_owned()
}

/// The entries of a key.
async fn at(site: &Site, key: &str) -> Vec<Entry> {
    let mut look = site.app.database.look().await.expect("a look");
    let list = stored(look.session(), "bl.example").await.expect("it is there");
    let key = key.parse().expect("a key");
    entries::at(look.session(), list.id, &key).await.expect("they are read")
}

#[tokio::test]
async fn an_editor_lists_changes_takes_off_and_takes_back() {
    on_each_narrow(async |database| {
        let mut site = Site::over(database);
        let id = site.add_list("bl.example").await;
        let mut transaction = site.app.database.begin().await.expect("a transaction");
        let t = &mut transaction;
        for (code, meaning) in [("127.0.0.2", "spam"), ("127.0.0.3", "<worse>")] {
            let code = code.parse().expect("a code");
            lists::set_code(t.session(), id, code, meaning).await.expect("it is set");
        }
        transaction.commit().await.expect("it is committed");
        site.join("ada@x.example", Role::Editor).await;
        site.get("/lists/bl.example").await.says(&["/lists/bl.example/entries"]);
        site.get("/lists/bl.example/entries").await.says(&["Nothing is on the list"]);
        let page = site.get(&format!("{ENTRY}?key=9.9.9.0/24")).await;
        page.says(&["not listed", "List it", "&#60;worse&#62;"]);
        let fields = [("reason", "It <sends>"), ("end", "2999-01-01"), ("why", "a trap")];
        let answer = list_it(&mut site, "9.9.9.0/24", "127.0.0.2", &fields).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "an entry lasts ten years");
        let fields = [("reason", "It <sends>"), ("why", "a trap")];
        let answer = list_it(&mut site, "9.9.9.0/24", "127.0.0.2", &fields).await;
        assert_eq!(answer.location(), format!("{ENTRY}?key=9.9.9.0/24"), "{answer:?}");
        let page = site.get(answer.location()).await;
        page.says(&["It &#60;sends&#62;", "Ada", "edited by hand", "a trap", "Take one out of it"]);
        // Another code, a day and a review; since when it is listed stays.
        let since = at(&site, "9.9.9.0/24").await[0].since;
        let soon =
            Moment(Timestamp::now().after(std::time::Duration::from_secs(40 * 86_400))).day();
        let fields = [
            ("before", "127.0.0.2"),
            ("reason", "It sends more"),
            ("end", &*soon),
            ("review", &*soon),
        ];
        let answer = list_it(&mut site, "9.9.9.0/24", "127.0.0.3", &fields).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{answer:?}");
        let found = at(&site, "9.9.9.0/24").await;
        let shown: Vec<_> =
            found.iter().map(|e| (e.code.map(|c| c.to_string()), e.since)).collect();
        assert_eq!(shown, [(Some("127.0.0.3".to_owned()), since)]);
        assert!(found[0].expires.is_some_and(|end| Moment(end).day() == soon));
        // A form that was shown before somebody else changed it changes nothing.
        let old = [("act", "remove"), ("key", "9.9.9.0/24"), ("seen", "00"), ("why", "x")];
        assert_eq!(site.post(ENTRY, &old).await.status, StatusCode::PRECONDITION_FAILED);
        // One is taken out of it, and what is not in it is not.
        for (address, status) in
            [("9.9.8.1", StatusCode::UNPROCESSABLE_ENTITY), ("9.9.9.7", StatusCode::SEE_OTHER)]
        {
            let fields = [
                ("act", "exclude"),
                ("key", "9.9.9.0/24"),
                ("address", address),
                ("reason", "ours"),
            ];
            assert_eq!(site.post(ENTRY, &fields).await.status, status, "{address}");
        }
        assert!(at(&site, "9.9.9.7").await[0].code.is_none());
        site.get(&format!("{ENTRY}?key=9.9.9.7")).await.says(&["never listed", "What covers it"]);
        // It is taken off, and that is taken back by a button that names what it takes back.
        let page = site.get(&format!("{ENTRY}?key=9.9.9.0/24")).await;
        let before = at(&site, "9.9.9.0/24").await;
        let seen = seen(&page);
        let fields = [
            ("act", "remove"),
            ("key", "9.9.9.0/24"),
            ("seen", &*seen),
            ("before", "127.0.0.3"),
            ("why", "mended"),
        ];
        assert_eq!(site.post(ENTRY, &fields).await.status, StatusCode::SEE_OTHER);
        assert!(at(&site, "9.9.9.0/24").await.is_empty());
        let page = site.get(&format!("{ENTRY}?key=9.9.9.0/24")).await;
        page.says(&["No import brings it back", "no longer listed with 127.0.0.3"]);
        page.says(&["has changed since"]);
        let (undo, step) = (format!("{ENTRY}/undo"), first_step(&page));
        let fields = [("step", &*step), ("why", "a mistake")];
        let answer = site.post(&undo, &fields).await;
        assert_eq!(answer.location(), format!("{ENTRY}?key=9.9.9.0/24"), "{answer:?}");
        site.get(answer.location())
            .await
            .says(&["It is taken back, by a new change", ": a mistake"]);
        assert_eq!(at(&site, "9.9.9.0/24").await, before);
        let again = site.post(&undo, &fields).await;
        assert_eq!(again.status, StatusCode::CONFLICT);
        again.says(&["has changed since"]);
        // Rules of edits hold here as well.
        let answer = list_it(&mut site, "11.0.0.0/8", "127.0.0.2", &[("reason", "x")]).await;
        assert_eq!(answer.location(), "/queue/motions/1", "two editors decide");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_who_saw_the_same_the_second_sees_first_what_the_first_did() {
    on_each_narrow(async |database| {
        let mut site = Site::over(database.clone());
        site.add_list("bl.example").await;
        site.join("ada@example.org", Role::Editor).await;
        for round in 0..4 {
            let key = format!("9.9.9.{round}");
            list_it(&mut site, &key, "127.0.0.2", &[("reason", "a trap")]).await;
            let page = site.get(&format!("/lists/bl.example/entry?key={key}")).await;
            let seen = seen(&page);
            let (config, means) = (site.app.config.clone(), site.app.means.clone());
            let mut other = Site::by(database.clone(), config, means);
            other.cookies.clone_from(&site.cookies);
            let typed = |reason: &'static str| {
                let (key, seen) = (key.clone(), seen.clone());
                [
                    ("act", "list".to_owned()),
                    ("key", key),
                    ("seen", seen),
                    ("code", "127.0.0.2".to_owned()),
                    ("before", "127.0.0.2".to_owned()),
                    ("reason", reason.to_owned()),
                ]
            };
            let (one, two) = (typed("of one"), typed("of the other"));
            let [one, two] = [&one, &two].map(|typed| typed.each_ref().map(|(k, v)| (*k, &**v)));
            let (one, two) = tokio::join!(
                site.post("/lists/bl.example/entry", &one),
                other.post("/lists/bl.example/entry", &two),
            );
            let mut both = [one.status.as_u16(), two.status.as_u16()];
            both.sort_unstable();
            assert_eq!(both, [303, 412], "round {round}");
        }
    })
    .await;
}

#[tokio::test]
async fn what_somebody_looks_for_is_found_with_what_is_around_it() {
    on_each_narrow(async |database| {
        let mut site = Site::over(database);
        let id = site.add_list("bl.example").await;
        let mut transaction = site.app.database.begin().await.expect("a transaction");
        let ours = fill(&mut transaction, id).await;
        transaction.commit().await.expect("it is committed");
        site.become_role(Some(Role::Editor)).await;
        let place = "/lists/bl.example/entries";
        let first = site.get(place).await;
        first.says(&["<code>9.9.0.0/16</code>", "?after=9.9.9.99\"", "The next entries"]);
        let (_, rest) =
            first.text.split_once("class=\"button quiet\" href=\"").expect("a next page");
        let next = rest.split('"').next().expect("its end");
        let second = site.get(next).await;
        second.says(&["<code>9.9.9.100</code>", "<code>9.9.9.120</code>"]);
        assert!(!second.text.contains("<code>9.9.9.99</code></a>"));
        assert!(!second.text.contains("The next entries"));
        let found = site.get(&format!("{place}?find=9.9.9.7")).await;
        found.says(&["What covers it", "<code>9.9.0.0/16</code>", "<code>9.9.9.7</code>"]);
        assert!(!found.text.contains("<code>9.9.9.8</code>"));
        let below = site.get(&format!("{place}?find=9.9.9.0/28")).await;
        below.says(&["is no entry of its own", "<code>9.9.9.15</code>", "<code>9.9.0.0/16</code>"]);
        assert!(!below.text.contains("<code>9.9.9.16</code>"));
        for (query, has, has_not) in [
            (format!("organisation={}", ours.0), "9.9.0.0/16", "9.9.9.7"),
            ("source=feed".to_owned(), "9.9.9.7", "9.9.0.0/16"),
            ("code=never".to_owned(), "9.9.9.3", "9.9.9.7"),
            ("code=127.0.0.2&source=feed&find=9.9.9.0/30".to_owned(), "9.9.9.2", "9.9.9.3"),
        ] {
            let page = site.get(&format!("{place}?{query}")).await;
            page.says(&[&format!("<code>{has}</code>")]);
            let rows = page.text.split("below").last().unwrap_or_default();
            assert!(!rows.contains(&format!("<code>{has_not}</code>")), "{query}\n{}", page.text);
        }
        // Whatever somebody has in a log is understood.
        site.get(&format!("{place}?find=http://9.9.9.7:80/")).await.says(&["<code>9.9.9.7</code>"]);
        for (query, words) in [
            ("find=1.2.3/40", "neither a network"),
            ("find=1.2.3", "neither a network"),
            ("source=nobody", "No entry came from a source `nobody`"),
            ("organisation=x", "no Id of an organisation"),
            ("code=x", "`x`"),
            ("after=1.2.3", "neither a network"),
        ] {
            site.get(&format!("{place}?{query}")).await.says(&[words]);
        }
        // An import of very many is told of below, as it may have brought the entry.
        let page = site.get("/lists/bl.example/entry?key=9.9.9.7").await;
        page.says(&["it came with this", "120 added", "SHA-256 abc", "Nothing changed it alone"]);
        assert_eq!(site.get("/lists/no.example/entries").await.status, StatusCode::NOT_FOUND);
    })
    .await;
}

/// Writes a network of an organisation, and as many addresses as an import of a large file brings.
async fn fill(t: &mut Transaction, list: lists::ListId) -> OrganisationId {
    let ours = organisations::add(t.session(), "Ours", Timestamp(1)).await.expect("an Id");
    let hand = entries::source(t.session(), "hand").await.expect("a source");
    let feed = entries::source(t.session(), "feed").await.expect("a source");
    let code: ReturnCode = "127.0.0.2".parse().expect("a code");
    let entry = |key: &str, source| Entry {
        key: key.parse().expect("a key"),
        code: Some(code),
        text: String::new(),
        reason: "why".to_owned(),
        criterion: None,
        source,
        organisation: None,
        since: Timestamp(777),
        expires: None,
        review: None,
    };
    let mut all = vec![Entry { organisation: Some(ours), ..entry("9.9.0.0/16", hand) }];
    all.extend((1..=120).map(|at| entry(&format!("9.9.9.{at}"), feed)));
    all[3].code = None;
    entries::put(t.session(), list, &all).await.expect("they are written");
    let deed = repute_database::audit::Deed {
        time: Timestamp(777),
        actor: repute_database::audit::SYSTEM.to_owned(),
        action: "list.import".to_owned(),
        subject: "list/bl.example".to_owned(),
        detail: r#"{"added":120,"source":"feed","file":"x.txt","sha256":"abc","reason":"r"}"#
            .to_owned(),
    };
    let row = repute_database::audit::append(t.session(), &deed).await.expect("it is written");
    let turn = entry_history::Turn { key: None, before: Vec::new(), after: all[5..9].to_vec() };
    let under = entry_history::Under { audit: row, time: Timestamp(777), policy: None };
    let kind = entry_history::Kind::Many;
    entry_history::note(t.session(), list, under, kind, &[turn]).await.expect("it is written");
    ours
}

#[tokio::test]
async fn entries_are_given_to_an_organisation_one_by_one_by_choice_and_by_domain() {
    on_each_narrow(async |database| {
        let mut site = Site::over(database);
        site.add_list("bl.example").await;
        site.join("bert@x.example", Role::Member).await;
        site.join("ada@x.example", Role::Editor).await;
        site.post("/organisations", &[("name", "Post"), ("domains", "post.example")]).await;
        let mut transaction = site.app.database.begin().await.expect("a transaction");
        let (t, post) = (&mut transaction, OrganisationId(1));
        let bert = accounts::by_mail(t.session(), "bert@x.example").await.expect("it is read");
        let (bert, owner) = (bert.expect("he is there").id.0, organisations::MemberRole::Owner);
        organisations::put_member(t.session(), post, bert, owner, Timestamp(1)).await.expect("put");
        transaction.commit().await.expect("it is committed");
        for key in ["9.9.9.1", "9.9.9.2", "9.9.9.3", "9.9.9.4"] {
            let text = if key == "9.9.9.4" { "other.example" } else { "post.example" };
            let fields = [("reason", "mail"), ("text", text)];
            let answer = list_it(&mut site, key, "127.0.0.2", &fields).await;
            assert_eq!(answer.status, StatusCode::SEE_OTHER, "{answer:?}");
        }
        let place = "/lists/bl.example/entries/give";
        let of = async |site: &Site, key: &str| at(site, key).await[0].organisation.map(|id| id.0);
        let fields = [("to", "1"), ("why", "theirs"), ("from", "9.9.9.4"), ("key-9.9.9.4", "yes")];
        let given = site.post(place, &fields).await;
        assert_eq!(given.location(), format!("{ENTRY}?key=9.9.9.4"), "{given:?}");
        let page = site.get(given.location()).await;
        page.says(&["Somebody else is responsible", "to organisation 1: theirs", "Post"]);
        let step = first_step(&page);
        let undone = site.post(&format!("{ENTRY}/undo"), &[("step", &step), ("why", "no")]).await;
        assert_eq!(undone.status, StatusCode::SEE_OTHER, "{undone:?}");
        assert_eq!(of(&site, "9.9.9.4").await, None);
        let found = site.get("/lists/bl.example/entries?text=post.example").await;
        found.says(&["key-9.9.9.1", "name=\"text\" value=\"post.example\""]);
        assert!(!found.text.contains("9.9.9.4"));
        let fields = [("to", "#1"), ("why", "x"), ("which", "found"), ("text", "post.example")];
        let given = site.post(place, &fields).await;
        assert_eq!(given.location(), "/lists/bl.example/entries?text=post.example", "{given:?}");
        for (key, whose) in [("9.9.9.1", Some(1)), ("9.9.9.3", Some(1)), ("9.9.9.4", None)] {
            assert_eq!(of(&site, key).await, whose, "{key}");
        }
        let chosen =
            [("to", ""), ("which", "chosen"), ("key-9.9.9.1", "yes"), ("key-9.9.9.2", "yes")];
        assert_eq!(site.post(place, &chosen).await.location(), "/lists/bl.example/entries");
        for (key, whose) in [("9.9.9.1", None), ("9.9.9.2", None), ("9.9.9.3", Some(1))] {
            assert_eq!(of(&site, key).await, whose, "{key}");
        }
        // Those who belong to it are told of each.
        let mut letters = Vec::new();
        let mut transaction = site.app.database.begin().await.expect("a transaction");
        let (t, lease) = (&mut transaction, std::time::Duration::from_secs(60));
        while let Some(sent) =
            outbox::take(t.session(), Timestamp::now(), lease).await.expect("read")
        {
            assert_eq!(sent.letter.recipient, "bert@x.example");
            letters.push((sent.letter.subject, sent.letter.plain));
        }
        drop(transaction);
        let subjects: Vec<&str> = letters.iter().map(|(subject, _)| &**subject).collect();
        let (more, fewer) = ("has entries on bl.example", "has fewer entries on bl.example");
        for (subject, words) in subjects.iter().zip([more, more, fewer]) {
            assert!(subject.contains(words), "{subjects:?}");
        }
        assert_eq!(letters.len(), 3, "{subjects:?}");
        for words in ["9.9.9.4", "organisation 1's from now on", "The reason given: theirs"] {
            assert!(letters[0].1.contains(words), "{}", letters[0].1);
        }
        for (fields, why) in [
            ([("to", "1"), ("which", "found")], "Say first which entries"),
            ([("to", "1"), ("which", "chosen")], "Choose entries first"),
            ([("to", "x"), ("key-9.9.9.1", "yes")], "An Id is a number"),
            ([("to", "7"), ("key-9.9.9.1", "yes")], "no organisation 7"),
        ] {
            let refused = site.post(place, &fields).await;
            assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{refused:?}");
            refused.says(&[why]);
        }
    })
    .await;
}

#[tokio::test]
async fn what_two_editors_have_to_agree_to_waits_on_a_page_for_the_second() {
    on_each_narrow(async |database| {
        let mut site = Site::over(database);
        site.add_list("bl.example").await;
        site.join("ada@x.example", Role::Editor).await;
        let ada = site.cookies.clone();
        let fields = [("reason", "It <sends>"), ("end", ""), ("why", "a <wrong> one")];
        let answer = list_it(&mut site, "9.9.0.0/16", "127.0.0.2", &fields).await;
        assert_eq!(answer.location(), "/queue/motions/1", "{answer:?}");
        assert!(at(&site, "9.9.0.0/16").await.is_empty(), "nothing is changed yet");
        let page = site.get("/queue/motions/1").await;
        page.says(&["waits for a second editor", "wider than /20", "a &#60;wrong&#62; one"]);
        page.says(&["listed with 127.0.0.2: It &#60;sends&#62;", "Take it back"]);
        assert!(!page.text.contains("I agree"), "not to his own");
        let own = site.post("/queue/motions/1", &[("act", "confirm")]).await;
        assert_eq!(own.status, StatusCode::FORBIDDEN);
        let list = list_it(&mut site, "9.9.0.0/16", "127.0.0.2", &fields).await;
        assert_eq!(list.status, StatusCode::CONFLICT, "it waits already");
        assert_eq!(
            list_it(&mut site, "9.9.9.9", "127.0.0.2", &fields).await.location(),
            "/lists/bl.example/entry?key=9.9.9.9"
        );
        site.join("bob@x.example", Role::Editor).await;
        site.get("/queue").await.says(&[
            "Changes for two editors",
            "/queue/motions/1",
            "9.9.0.0/16",
        ]);
        let page = site.get("/queue/motions/1").await;
        page.says(&["What stands around it", "9.9.9.9", "I agree: do it", "I am partial in this"]);
        let silent = site.post("/queue/motions/1", &[("act", "refuse")]).await;
        assert_eq!(silent.status, StatusCode::UNPROCESSABLE_ENTITY);
        let done = site.post("/queue/motions/1", &[("act", "confirm")]).await;
        assert_eq!(done.location(), "/queue/motions/1");
        site.get("/queue/motions/1").await.says(&["confirmed"]);
        assert_eq!(at(&site, "9.9.0.0/16").await.len(), 1);
        let over = site.post("/queue/motions/1", &[("act", "confirm")]).await;
        assert_eq!(over.status, StatusCode::CONFLICT);
        // Taking it off is for two as well; who wants it may take that back.
        let page = site.get(&format!("{ENTRY}?key={}", encode("9.9.0.0/16"))).await;
        page.says(&["edited by hand", "Ada"]);
        let seen = seen(&page);
        let off = [("act", "remove"), ("key", "9.9.0.0/16"), ("seen", &*seen), ("why", "x")];
        assert_eq!(site.post(ENTRY, &off).await.location(), "/queue/motions/2");
        site.cookies = ada;
        let others = site.post("/queue/motions/2", &[("act", "withdraw")]).await;
        assert_eq!(others.status, StatusCode::FORBIDDEN);
        let fields = [("act", "declare"), ("why", "a friend's")];
        let declared = site.post("/queue/motions/2/conflict", &fields).await;
        assert_eq!(declared.location(), "/queue/motions/2");
        let partial = site.post("/queue/motions/2", &[("act", "confirm")]).await;
        assert_eq!(partial.status, StatusCode::FORBIDDEN);
        site.get("/queue/motions/2").await.says(&["Conflict of interest"]);
    })
    .await;
}

#[tokio::test]
async fn an_entry_gets_a_second_code_and_an_exclusion_is_made_in_advance_and_changed() {
    on_each_narrow(async |database| {
        let mut site = Site::over(database);
        let id = site.add_list("bl.example").await;
        let mut transaction = site.app.database.begin().await.expect("a transaction");
        for code in ["127.0.0.2", "127.0.0.3"] {
            let code = code.parse().expect("a code");
            lists::set_code(transaction.session(), id, code, "spam").await.expect("it is set");
        }
        transaction.commit().await.expect("it is committed");
        site.join("ada@x.example", Role::Editor).await;
        let reason = [("reason", "It sends")];
        list_it(&mut site, "9.9.9.1", "127.0.0.2", &reason).await;
        let page = site.get(&format!("{ENTRY}?key=9.9.9.1")).await;
        page.says(&["List it with another code, too", "<option value=\"127.0.0.3\">"]);
        assert!(!page.text.contains("Never list it"), "{}", page.text);
        let answer = list_it(&mut site, "9.9.9.1", "127.0.0.3", &reason).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{answer:?}");
        let codes: Vec<_> = at(&site, "9.9.9.1").await.iter().map(|entry| entry.code).collect();
        assert_eq!(codes.len(), 2, "{codes:?}");
        let page = site.get(&format!("{ENTRY}?key=9.9.9.1")).await;
        assert!(!page.text.contains("List it with another code"), "it has all of them");
        // Nothing lists it yet, and nothing will.
        let never = async |site: &mut Site, seen: &str, reason: &str| {
            let fields = [
                ("act", "exclude"),
                ("key", "9.9.8.1"),
                ("address", "9.9.8.1"),
                ("seen", seen),
                ("reason", reason),
                ("why", "asked for"),
            ];
            site.post(ENTRY, &fields).await
        };
        let page = site.get(&format!("{ENTRY}?key=9.9.8.1")).await;
        page.says(&["<summary>Never list it"]);
        let first = seen(&page);
        let answer = never(&mut site, &first, " ").await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{answer:?}");
        let answer = never(&mut site, &first, "a test host").await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{answer:?}");
        let page = site.get(&format!("{ENTRY}?key=9.9.8.1")).await;
        page.says(&["never listed", "a test host", "asked for"]);
        assert!(!page.text.contains("<summary>List it"), "{}", page.text);
        let answer = never(&mut site, &first, "another").await;
        assert_eq!(answer.status, StatusCode::PRECONDITION_FAILED, "it changed since: {answer:?}");
        let since = at(&site, "9.9.8.1").await[0].since;
        let answer = never(&mut site, &seen(&page), "a test host of ours").await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{answer:?}");
        let found = at(&site, "9.9.8.1").await;
        assert_eq!((found.len(), &*found[0].reason), (1, "a test host of ours"));
        assert_eq!((found[0].code, found[0].since), (None, since));
    })
    .await;
}

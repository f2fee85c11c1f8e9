//! The page of a listing, as people see it who follow its link.

use std::net::IpAddr;

use axum::http::Method;
use repute_database::accounts::Role;
use repute_database::dns::{Links, Settings};
use repute_database::entries::Named;
use repute_database::lists::Leaving;
use repute_database::removals::RemovalId;
use repute_database::testing::on_each_narrow;
use repute_database::{Database, outbox};

use super::*;
use crate::api::tests::Program;
use crate::chores;
use crate::testing::Site;
use crate::token::Scope;

/// Lists keys on a list of this name; its number.
async fn list(site: &Site, apex: &str, keys: &[&str]) -> ListId {
    let id = site.add_list(apex).await;
    let mut transaction = site.app.database.begin().await.expect("a transaction");
    let t = &mut transaction;
    lists::publish_policy(t.session(), id, "Traps.", Timestamp(1)).await.expect("published");
    let title = "A <trap> was hit";
    let criterion =
        lists::add_criterion(t.session(), id, 1, "trap", (title, "Close the relay."), Timestamp(1));
    let criterion = criterion.await.expect("it is added");
    let criterion = lists::named(t.session(), criterion).await.expect("it is there");
    let source = entries::source(t.session(), "test").await.expect("a source");
    let all: Vec<Entry> = keys
        .iter()
        .map(|key| Entry {
            key: key.parse().expect("a key"),
            code: Some("127.0.0.2".parse().expect("a code")),
            text: String::new(),
            reason: "<script>alert(1)</script>".to_owned(),
            criterion: Some(criterion),
            source,
            organisation: None,
            since: Timestamp(1_772_373_906_000_000),
            expires: None,
            review: None,
        })
        .collect();
    entries::put(t.session(), id, &all).await.expect("they are written");
    transaction.commit().await.expect("it is committed");
    chores::announce(&site.app).await.expect("it is announced");
    id
}

/// The path of the link that a list's text has about a target.
async fn path_of(database: &Database, list: ListId, target: &str) -> String {
    let mut connection = database.read().await.expect("a connection");
    let stored = lists::by_id(connection.session(), list).await.expect("read").expect("there");
    // The portal of tests is nowhere to lead to, unless somebody says so.
    let settings = Settings { links: Links::On, ..Settings::default() };
    let found = link::of(connection.session(), &stored, &settings).await;
    let found = found.expect("it is read").expect("it has links");
    let path = found.before().strip_prefix("http://localhost:8080").expect("it is ours");
    let tag = found.key().tag(target.as_bytes());
    format!("{path}{target}/{}", String::from_utf8(tag.to_vec()).expect("letters"))
}

/// The path in the next letter.
async fn letter(site: &Site) -> String {
    let mut transaction = site.app.database.begin().await.expect("a transaction");
    let lease = std::time::Duration::from_secs(60);
    let taken = outbox::take(transaction.session(), Timestamp::now(), lease).await;
    let taken = taken.expect("it is tried").expect("a letter");
    outbox::sent(transaction.session(), taken.id, Timestamp::now()).await.expect("it is sent");
    transaction.commit().await.expect("it is committed");
    let text = taken.letter.plain;
    let (_, rest) = text.split_once("http://localhost:8080").expect("a link");
    rest.split_whitespace().next().expect("a path").to_owned()
}

/// What was asked for.
async fn asked(site: &Site, id: i64) -> removals::New {
    let mut connection = site.app.database.read().await.expect("a connection");
    let found = removals::by_id(connection.session(), RemovalId(id)).await;
    found.expect("it is read").expect("it is there").new
}

#[tokio::test]
async fn a_criterion_is_shown_as_it_was_when_the_entry_came_to_name_it() {
    on_each_narrow(async |database| {
        let mut site = Site::over(database);
        let keys = ["192.0.2.7", "192.0.2.8", "192.0.2.9"];
        let bl = list(&site, "bl.example", &keys).await;
        let mut transaction = site.app.database.begin().await.expect("a transaction");
        let t = &mut transaction;
        let trap = lists::criteria(t.session(), bl).await.expect("they are read").remove(0);
        let since = Timestamp(1_800_000_000_000_000);
        let changed = lists::change_criterion(t.session(), trap.id, "Two hits", "Twice.", since);
        assert_eq!(changed.await.expect("it says something else"), 2);
        // All were listed before that: one names it since, and of one it was not kept.
        for (key, version) in [("192.0.2.8", Some(2)), ("192.0.2.9", None)] {
            let key = key.parse().expect("a key");
            let mut found = entries::at(t.session(), bl, &key).await.expect("they are read");
            found[0].criterion = Some(Named { id: trap.id, version });
            entries::put(t.session(), bl, &found).await.expect("it is written");
        }
        transaction.commit().await.expect("it is committed");
        for (key, title, text, version) in [
            ("192.0.2.7", "A &#60;trap&#62; was hit", "Close the relay.", 1),
            ("192.0.2.8", "Two hits", "Twice.", 2),
            ("192.0.2.9", "A &#60;trap&#62; was hit", "Close the relay.", 1),
        ] {
            let path = path_of(&site.app.database, bl, key).await;
            let page = site.get(&path).await;
            page.says(&[title, text]);
            assert_eq!(page.text.contains("(version 1, by which it was listed)"), version == 1);
            let page = site.get(&format!("/lookup?target={key}")).await;
            page.says(&[title]);
            assert_eq!(page.text.contains(", as version 1 had it"), version == 1, "{key}");
            let said = site.get(&format!("/api/v1/lookup?target={key}")).await;
            said.says(&["\"criterion\":\"trap\"", &format!("\"criterion_version\":{version}")]);
        }
    })
    .await;
}

#[tokio::test]
async fn who_follows_the_link_of_his_listing_gets_off_without_typing_it() {
    on_each_narrow(async |database| {
        let mut site = Site::over(database);
        let bl = list(&site, "bl.example", &["192.0.2.7"]).await;
        let path = path_of(&site.app.database, bl, "192.0.2.7").await;
        let page = site.get(&path).await;
        page.says(&[
            "192.0.2.7",
            "&#60;script&#62;",
            "2026-03-01 14:05",
            "A &#60;trap&#62; was hit",
            "Close the relay.",
            "action=\"/lookup/names\"",
            "dig +short 7.2.0.192.bl.example",
            "keep the old answer for 300 seconds",
            "Send me the link that takes it off",
            "noindex",
        ]);
        // What is asked of DNS later is about this target, too, but nobody types it.
        assert!(!page.text.contains("<script>") && !page.text.contains("<input name=\"target\""));
        let wrong = site.post(&path, &[("mail", "<b>"), ("reason", "kept")]).await;
        assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
        wrong.says(&["is not a mail address", "kept</textarea>"]);
        let fields = [("mail", "a@b.example"), ("reason", "fixed")];
        site.post(&path, &fields).await.says(&["Look into your mail"]);
        let new = asked(&site, 1).await;
        assert_eq!((&*new.target, &*new.reason, new.way), ("192.0.2.7", "fixed", Way::Link));
        let confirm = letter(&site).await;
        site.get(&path).await.says(&["Send me the link"]);
        site.get(&confirm).await.says(&["Remove it</button>"]);
        site.post(&confirm, &[]).await.says(&["It is off the list"]);
        // The link says from then on where it stands, whoever presses once more.
        for page in [site.get(&confirm).await, site.post(&confirm, &[]).await] {
            assert_eq!(page.status, StatusCode::OK);
            page.says(&["mark good\">done", "with serial 2 of the list"]);
            assert!(!page.text.contains("Remove it</button>"));
        }
        let gone = site.get(&path).await;
        gone.says(&["not listed", "somebody got it off on 20", "for 300 seconds at most"]);
        assert!(!gone.text.contains("<form class=\"stack\""));
        let late = site.post(&path, &fields).await;
        late.says(&["not listed", "somebody got it off on 20"]);
        // It comes back: from then on the page says from when on it can be removed.
        list_again(&site, bl).await;
        let page = site.get(&path).await;
        page.says(&["It came back onto the list too often", "Send me the link that appeals"]);
        // Who came by a link goes on by one: not every list takes off who is typed.
        let again = format!("href=\"{path}\">Ask once more");
        site.get(&confirm).await.says(&["It went, and is on the list again since", &again]);
    })
    .await;
}

#[tokio::test]
async fn who_is_locked_out_appeals_and_sees_where_it_stands() {
    on_each_narrow(async |database| {
        let mut site = Site::over(database);
        let bl = list(&site, "bl.example", &["192.0.2.7"]).await;
        let path = path_of(&site.app.database, bl, "192.0.2.7").await;
        let new = "/removals/new?list=bl.example&target=192.0.2.7";
        site.get(new).await.says(&["What did you mend?", "the link we send removes the entry"]);
        let fields = [("mail", "a@b.example"), ("reason", "a <word>"), ("appeal", "yes")];
        let early = site.post(&path, &fields).await;
        assert_eq!(early.status, StatusCode::UNPROCESSABLE_ENTITY);
        early.says(&["192.0.2.7 is neither locked nor refused"]);
        site.post(&path, &fields[..2]).await.says(&["Look into your mail"]);
        let first = letter(&site).await;
        site.post(&first, &[]).await.says(&["It is off the list"]);
        list_again(&site, bl).await;
        // By each way the form is that of an appeal, which says something.
        for page in [site.get(&path).await, site.get(new).await] {
            page.says(&["name=\"appeal\" value=\"yes\"", "Why should it go?"]);
        }
        let silent = site.post(&path, &[("mail", "a@b.example"), ("appeal", "yes")]).await;
        assert_eq!(silent.status, StatusCode::UNPROCESSABLE_ENTITY);
        silent.says(&["Say why the entry is wrong"]);
        // Who only asks learns at the end of his link that he can appeal.
        site.post(&path, &fields[..2]).await.says(&["Look into your mail"]);
        let locked = letter(&site).await;
        let appeals = format!("href=\"{path}\">appeal");
        site.post(&locked, &[]).await.says(&["it is locked until", &appeals]);
        let form = [&fields[..], &[("list", "bl.example"), ("target", "192.0.2.7")]].concat();
        site.post("/removals", &form).await.says(&["Look into your mail"]);
        let appeal = letter(&site).await;
        site.get(&appeal).await.says(&["Send the appeal</button>", "a &#60;word&#62;"]);
        let sent = site.post(&appeal, &[]).await;
        sent.says(&["An editor decides this, since it is locked, and you appeal"]);
        site.get(&appeal).await.says(&["This waits for an editor, since it is locked"]);

        site.become_role(Some(Role::Editor)).await;
        site.get("/queue").await.says(&["mark idle\">appeal"]);
        let review = site.get("/queue/removals/3").await;
        review.says(&["Appeal about 192.0.2.7", "whatever you decide", "a &#60;word&#62;"]);
        let silent = site.post("/queue/removals/3", &[("verdict", "grant")]).await;
        assert_eq!(silent.status, StatusCode::UNPROCESSABLE_ENTITY);
        let refuse = [("verdict", "refuse"), ("why", "It <still> sends.")];
        site.post("/queue/removals/3", &refuse).await;
        let review = site.get("/queue/removals/3").await;
        review.says(&["What was said", "It &#60;still&#62; sends."]);
        assert!(!review.text.contains("name=\"verdict\""));
        let refused = site.get(&appeal).await;
        refused.says(&["mark bad\">refused", "It &#60;still&#62; sends.", "appeal=yes"]);
        // A program appeals, too, and an editor's reason goes with what he grants.
        let scopes = [Scope::QueueRead, Scope::QueueWrite];
        let program = Program::of(&site, &scopes).await;
        site.become_role(None).await;
        let again = serde_json::json!({
            "list": "bl.example", "target": "192.0.2.7", "mail": "a@b.example", "reason": "look",
            "kind": "appeal",
        });
        let json = [("content-type", "application/json")];
        let way = Method::POST;
        let asked = site.send(way, "/api/v1/removals", &json, again.to_string()).await;
        assert_eq!(asked.status, StatusCode::CREATED, "{}", asked.text);
        let mut second = letter(&site).await;
        while !second.starts_with("/removals/") {
            second = letter(&site).await;
        }
        site.post(&second, &[]).await.says(&["An editor decides this"]);
        let answer = program.get(&mut site, "/removals/4").await;
        let shown: serde_json::Value = serde_json::from_str(&answer.text).expect("JSON");
        assert_eq!((&shown["kind"], &shown["state"]), (&"appeal".into(), &"queued".into()));
        let grant = serde_json::json!({ "verdict": "grant", "why": "You are right." });
        let done = program.post(&mut site, "/removals/4/decide", &grant).await;
        assert_eq!(done.status, StatusCode::OK, "{}", done.text);
        site.get(&second).await.says(&["mark good\">done", "You are right."]);
    })
    .await;
}

#[tokio::test]
async fn a_code_says_what_can_be_asked() {
    on_each_narrow(async |database| {
        for (leaving, word) in
            [(Leaving::Link, "link"), (Leaving::Editor, "editor"), (Leaving::Never, "none")]
        {
            let mut site = Site::over(database.clone());
            let apex = format!("{word}.example");
            let id = list(&site, &apex, &["192.0.2.7"]).await;
            let code = "127.0.0.2".parse().expect("a code");
            let mut transaction = site.app.database.begin().await.expect("a transaction");
            let t = &mut transaction;
            lists::set_code(t.session(), id, code, "spam").await.expect("it is set");
            lists::set_leaving(t.session(), id, code, leaving).await.expect("it is set");
            transaction.commit().await.expect("it is committed");
            let path = path_of(&site.app.database, id, "192.0.2.7").await;
            let new = format!("/removals/new?list={apex}&target=192.0.2.7");
            let (page, form) = (site.get(&path).await, site.get(&new).await);
            let look = site.get("/lookup?target=192.0.2.7").await;
            let public = site.get(&format!("/lists/{apex}")).await;
            let wanted = format!("/removals/new?list={apex}&");
            match leaving {
                Leaving::Link => {
                    page.says(&["Send me the link that takes it off"]);
                    form.says(&["the link we send removes the entry"]);
                    look.says(&[&wanted, "takes an appeal"]);
                    public.says(&["by the link in a letter"]);
                }
                Leaving::Editor => {
                    let why = "editors decide about entries with this code";
                    page.says(&[why, "Send me the link that asks an editor"]);
                    form.says(&[why, "The link we send asks an editor"]);
                    look.says(&[&wanted, "an editor decides about entries with this code"]);
                    public.says(&["an editor decides"]);
                }
                Leaving::Never => {
                    let why = "not taken off by asking";
                    for page in [&page, &form, &look] {
                        page.says(&[why, "lists@example.org"]);
                        assert!(!page.text.contains("name=\"mail\""));
                    }
                    assert!(!look.text.contains(&wanted));
                    public.says(&["not by asking"]);
                    let asked = site.post(&path, &[("mail", "a@b.example")]).await;
                    assert_eq!(asked.status, StatusCode::UNPROCESSABLE_ENTITY);
                }
            }
            let answer = site.get("/api/v1/lookup?target=192.0.2.7").await;
            let shown: serde_json::Value = serde_json::from_str(&answer.text).expect("JSON");
            let all = shown["lists"].as_array().expect("lists");
            let own = all.iter().find(|one| one["list"] == *apex).expect("it is there");
            assert_eq!(own["removal"], word, "{own}");
        }
    })
    .await;
}

/// Lists 192.0.2.7 once more.
async fn list_again(site: &Site, list: ListId) {
    let mut transaction = site.app.database.begin().await.expect("a transaction");
    let source = entries::source(transaction.session(), "test").await.expect("a source");
    let entry = Entry {
        key: "192.0.2.7".parse().expect("a key"),
        code: Some("127.0.0.2".parse().expect("a code")),
        text: String::new(),
        reason: "again".to_owned(),
        criterion: None,
        source,
        organisation: None,
        since: Timestamp::now(),
        expires: None,
        review: None,
    };
    entries::put(transaction.session(), list, &[entry]).await.expect("it is written");
    transaction.commit().await.expect("it is committed");
}

#[tokio::test]
async fn who_asks_meanwhile_joins_and_what_was_refused_is_shown_to_both() {
    on_each_narrow(async |database| {
        let mut site = Site::over(database);
        let bl = list(&site, "bl.example", &["192.0.2.0/24"]).await;
        let path = path_of(&site.app.database, bl, "192.0.2.7").await;
        let ask = async |site: &mut Site, mail: &str, reason: &str| {
            site.become_role(None).await;
            let fields = [("mail", mail), ("reason", reason)];
            site.post(&path, &fields).await.says(&["Look into your mail"]);
            let mut confirm = letter(site).await;
            // Letters about decisions lead elsewhere.
            while !confirm.starts_with("/removals/") {
                confirm = letter(site).await;
            }
            site.post(&confirm, &[]).await
        };
        for (mail, reason) in [("a@b.example", "first <words>"), ("c@d.example", "other <words>")] {
            ask(&mut site, mail, reason).await.says(&["covers more than what you asked about"]);
        }
        site.become_role(Some(Role::Editor)).await;
        let queue = site.get("/queue").await;
        queue.says(&["/queue/removals/1"]);
        assert!(!queue.text.contains("/queue/removals/2"), "{}", queue.text);
        let first = site.get("/queue/removals/1").await;
        first.says(&["Who else asks", "other &#60;words&#62;", "c@d.example"]);
        let second = site.get("/queue/removals/2").await;
        second.says(&["href=\"/queue/removals/1\""]);
        assert!(!second.text.contains("name=\"verdict\""), "it is not decided alone");
        let program = Program::of(&site, &[Scope::QueueRead]).await;
        let answer = program.get(&mut site, "/removals/1").await;
        let shown: serde_json::Value = serde_json::from_str(&answer.text).expect("JSON");
        assert_eq!(
            (&shown["joined"][0]["id"], &shown["joined"][0]["joins"]),
            (&2.into(), &1.into())
        );
        assert!(shown["refused"].is_null());
        let fields = [("verdict", "refuse"), ("why", "It <still> sends.")];
        site.post("/queue/removals/1", &fields).await;
        let page = ask(&mut site, "e@f.example", "third words").await;
        page.says(&["an editor refused this not long ago", "It &#60;still&#62; sends."]);
        site.become_role(Some(Role::Editor)).await;
        site.get("/queue/removals/3").await.says(&["Refused before", "It &#60;still&#62; sends."]);
        let answer = program.get(&mut site, "/removals/3").await;
        let shown: serde_json::Value = serde_json::from_str(&answer.text).expect("JSON");
        assert_eq!(shown["refused"]["why"], "It <still> sends.");
    })
    .await;
}

#[tokio::test]
async fn a_link_that_no_list_made_leads_to_the_look_up() {
    on_each_narrow(async |database| {
        let mut site = Site::over(database);
        let bl = list(&site, "bl.example", &["192.0.2.7"]).await;
        let other = list(&site, "other.example", &["192.0.2.7"]).await;
        let path = path_of(&site.app.database, bl, "192.0.2.7").await;
        let (start, tag) = path.rsplit_once('/').expect("a tag");
        let wrong = [
            format!("{start}/{}", &tag[..11]),
            format!("{start}/{tag}a"),
            format!("/r/{}/192.0.2.8/{tag}", bl.0),
            format!("/r/{}/192.0.2.7/{tag}", other.0),
            format!("/r/99/192.0.2.7/{tag}"),
            format!("/r/x/192.0.2.7/{tag}"),
            format!("/r/{}/%3Cb%3E/{tag}", bl.0),
        ];
        for path in &wrong {
            for page in [site.get(path).await, site.post(path, &[("mail", "a@b.example")]).await] {
                assert_eq!(page.status, StatusCode::NOT_FOUND, "{path}");
                page.says(&["This link is damaged", "action=\"/lookup\""]);
                assert!(!page.text.contains("alert(1)"), "{path} shows the entry");
            }
        }
        site.get(&wrong[2]).await.says(&["value=\"192.0.2.8\""]);
        let page = site.get(start).await;
        assert_eq!(page.status, StatusCode::OK);
        page.says(&["This link is not signed", "value=\"192.0.2.7\""]);
        // Mail programs write letters large, or put what they like behind.
        assert_eq!(site.get(&path.to_uppercase().replace("/R/", "/r/")).await.status, 200);
    })
    .await;
}

#[tokio::test]
async fn an_editor_hears_whose_entry_lists_more_than_him() {
    on_each_narrow(async |database| {
        let mut site = Site::over(database);
        let bl = list(&site, "bl.example", &["192.0.2.0/24", "*.below.example"]).await;
        let why = "the entry covers more than what you asked about";
        for target in ["192.0.2.7", "below.example"] {
            let path = path_of(&site.app.database, bl, target).await;
            site.get(&path).await.says(&["An editor decides this", why, "asks an editor"]);
            let fields = [("mail", "postmaster@below.example"), ("reason", "fixed")];
            site.post(&path, &fields).await.says(&["Look into your mail"]);
            let confirm = letter(&site).await;
            site.post(&confirm, &[]).await.says(&["An editor decides this"]);
        }
        assert_eq!(asked(&site, 1).await.control, Control::None);
        assert_eq!(asked(&site, 2).await.control, Control::Domain, "a domain of the target");
        site.become_role(Some(repute_database::accounts::Role::Editor)).await;
        site.get("/queue/removals/2").await.says(&["taken at a domain of it", "by the link"]);
    })
    .await;
}

#[tokio::test]
async fn who_asks_from_the_address_itself_has_shown_that_it_is_his() {
    on_each_narrow(async |database| {
        let mut site = Site::over(database);
        let mut config = site.app.config.clone();
        config.trusted_proxies = vec!["0.0.0.0/32".parse().expect("a network")];
        let mut behind = Site::with(site.app.database.clone(), config);
        let bl = list(&site, "bl.example", &["192.0.2.7"]).await;
        let path = path_of(&site.app.database, bl, "192.0.2.7").await;
        let own = "You ask from 192.0.2.7 itself";
        let from = [("x-forwarded-for", "192.0.2.7")];
        let get = axum::http::Method::GET;
        behind.ask(get.clone(), &path, &from, &[]).await.says(&[own]);
        let elses = [("x-forwarded-for", "192.0.2.8")];
        let page = behind.ask(get.clone(), &path, &elses, &[]).await;
        assert!(!page.text.contains(own));
        // Whoever is no proxy may say what he likes.
        assert!(!site.ask(get, &path, &from, &[]).await.text.contains(own));
        let headers = [from[0], ("sec-fetch-site", "same-origin")];
        let fields = [("mail", "a@b.example")];
        let sent = behind.ask(axum::http::Method::POST, &path, &headers, &fields).await;
        sent.says(&["Look into your mail"]);
        assert_eq!(asked(&site, 1).await.control, Control::Address);
    })
    .await;
}

#[tokio::test]
async fn who_has_searched_too_much_can_still_follow_his_link_but_makes_none_up() {
    on_each_narrow(async |database| {
        let mut site = Site::over(database);
        let bl = list(&site, "bl.example", &["spam.example"]).await;
        let path = path_of(&site.app.database, bl, "spam.example").await;
        // Nothing is let in again while the test runs.
        let later = Instant::now() + std::time::Duration::from_secs(3_600);
        let me = || Doer::at(IpAddr::from([0, 0, 0, 0]));
        while site.app.limits.take(Deed::LookUp, &me(), later).is_ok() {}
        assert_eq!(site.get("/lookup").await.status, StatusCode::TOO_MANY_REQUESTS);
        let made_up = format!("/r/{}/spam.example/aaaaaaaaaaaa", bl.0);
        assert_eq!(site.get(&made_up).await.status, StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(site.get(&path).await.status, StatusCode::OK);
        while site.app.limits.take(Deed::Link, &me(), later).is_ok() {}
        let last = site.get(&path).await;
        assert_eq!(last.status, StatusCode::TOO_MANY_REQUESTS, "but not for ever");
    })
    .await;
}

#[tokio::test]
async fn who_asks_from_a_64_gets_it_off_and_others_are_told_how() {
    on_each_narrow(async |database| {
        let mut site = Site::over(database);
        let mut config = site.app.config.clone();
        config.trusted_proxies = vec!["0.0.0.0/32".parse().expect("a network")];
        let mut behind = Site::with(site.app.database.clone(), config);
        let bl = list(&site, "bl.example", &["2620:fe:0:7::/64"]).await;
        let path = path_of(&site.app.database, bl, "2620:fe:0:7::1").await;
        let page = site.get(&path).await;
        page.says(&[
            "The entry lists a whole IPv6 network",
            "2620:fe:0:7::/64",
            "Send me the link<",
        ]);
        let fields = [("mail", "a@b.example")];
        site.post(&path, &fields).await.says(&["Look into your mail"]);
        let confirm = letter(&site).await;
        site.post(&confirm, &[]).await.says(&["nothing shows that it is yours"]);
        let own = [("x-forwarded-for", "2620:fe:0:7:a::b")];
        let page = behind.ask(axum::http::Method::GET, &path, &own, &[]).await;
        page.says(&["You ask from its network", "takes the entry off the list, at once"]);
        let headers = [own[0], ("sec-fetch-site", "same-origin")];
        let sent = behind.ask(axum::http::Method::POST, &path, &headers, &fields).await;
        sent.says(&["Look into your mail"]);
        let confirm = letter(&site).await;
        site.post(&confirm, &[]).await.says(&["It is off the list"]);
        site.get(&path).await.says(&["not listed", "somebody got it off on 20"]);
    })
    .await;
}

#[tokio::test]
async fn what_lists_it_all_the_same_stands_on_the_page_in_the_letter_and_in_the_api() {
    on_each_narrow(async |database| {
        let mut site = Site::over(database);
        let keys = ["9.9.9.9", "9.9.9.0/24", "9.9.8.0/23"];
        list(&site, "bl.example", &keys).await;
        let fields = [("list", "bl.example"), ("target", "9.9.9.9"), ("mail", "a@b.example")];
        site.post("/removals", &fields).await.says(&["Look into your mail"]);
        let confirm = letter(&site).await;
        let page = site.post(&confirm, &[]).await;
        let again = "/removals/new?list=bl.example&#38;target=9.9.9.9";
        page.says(&["But 9.9.9.9 is still listed", "9.9.9.0/24", "&#60;script&#62;", again]);
        page.says(&["An editor decides about that one, since the entry covers more"]);
        assert!(!page.text.contains("It is off the list"));
        // What the page says leads on.
        site.post("/removals", &fields).await.says(&["Look into your mail"]);
        let confirm = letter(&site).await;
        site.post(&confirm, &[]).await.says(&["An editor decides this"]);
        let editor = Program::new(&mut site, Role::Editor, &[Scope::QueueWrite]).await;
        let grant = serde_json::json!({ "verdict": "grant" });
        let decided = editor.post(&mut site, "/removals/2/decide", &grant).await;
        let decided: serde_json::Value = serde_json::from_str(&decided.text).expect("JSON");
        let still = &decided["still"];
        assert_eq!((&decided["outcome"], &still["key"]), (&"granted".into(), &"9.9.8.0/23".into()));
        assert!(
            still["next"].as_str().is_some_and(|next| next.contains("ask once more")),
            "{still}"
        );
        let mut transaction = site.app.database.begin().await.expect("a transaction");
        let lease = std::time::Duration::from_secs(60);
        let letter = loop {
            let taken = outbox::take(transaction.session(), Timestamp::now(), lease).await;
            let letter = taken.expect("it is tried").expect("a letter").letter;
            // The editor's own token is told by one, too.
            if letter.recipient == "a@b.example" {
                break letter;
            }
        };
        assert_eq!(letter.subject, "Another entry lists 9.9.9.9");
        for words in ["9.9.8.0/23", "An editor decides about that one"] {
            assert!(letter.plain.contains(words), "{}", letter.plain);
        }
    })
    .await;
}

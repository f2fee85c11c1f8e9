//! Walks through several pages, as people go them.

use std::time::Duration;

use axum::http::StatusCode;
use repute_database::accounts::{self, Role};
use repute_database::entries::{self, Entry};
use repute_database::lists::{self, List, ListId};
use repute_database::testing::on_each_narrow;
use repute_database::{Database, Key, Timestamp, audit, consistency, outbox, removals};
use repute_dnsxl::{KeyKind, Polarity};
use repute_registry::changes::Cause;
use repute_registry::template::Template;

use crate::api::tests::Program;
use crate::chores;
use crate::testing::{Answer, Site};
use crate::token::Scope;

mod asking;
mod bulk;
mod categories;
mod silent;
mod versions;

/// Adds an allow list with the codes of dnswl.org.
async fn allow_list(site: &Site) -> ListId {
    let list = List {
        apex: "wl.example".parse().expect("a name"),
        title: "Good senders".to_owned(),
        description: String::new(),
        polarity: Polarity::Allow,
        keys: KeyKind::Ip,
        ttl: 300,
        contact: String::new(),
    };
    let mut transaction = site.app.database.begin().await.expect("a transaction");
    let actor = audit::machine(transaction.session(), "test").await.expect("a pseudonym");
    let cause = Cause { actor, action: "list.add".to_owned(), reason: String::new() };
    let now = Timestamp::now();
    let added =
        repute_registry::lists::add(&mut transaction, &list, Template::Dnswl, &cause, now).await;
    transaction.commit().await.expect("it is committed");
    added.expect("it is added").id
}

/// Whom the next letter goes to, and its text; it is sent by that.
async fn letter(site: &Site) -> Option<(String, String)> {
    let mut transaction = site.app.database.begin().await.expect("a transaction");
    let now = Timestamp::now();
    let taken = outbox::take(transaction.session(), now, Duration::from_secs(60)).await;
    let taken = taken.expect("it is tried")?;
    outbox::give_up(transaction.session(), taken.id).await.expect("it is sent");
    transaction.commit().await.expect("it is committed");
    Some((taken.letter.recipient, taken.letter.plain))
}

/// The path in a letter's link.
fn link(letter: &str) -> String {
    let (_, rest) = letter.split_once("http://localhost:8080").expect("a link");
    rest.split_whitespace().next().expect("a path").to_owned()
}

/// Hands the form on a page in with these fields besides the version that it shows.
async fn decide(site: &mut Site, path: &str, fields: &[(&str, &str)]) -> Answer {
    let page = site.get(path).await;
    let (_, rest) = page.text.split_once("name=\"version\" value=\"").expect("a form");
    let (version, _) = rest.split_once('"').expect("its end");
    let fields = [&[("version", version)], fields].concat();
    site.post(&format!("{path}/decide"), &fields).await
}

/// The codes of a network on a list.
async fn codes(database: &Database, list: ListId, network: &str) -> Vec<String> {
    let mut connection = database.read().await.expect("a connection");
    let key = Key::Network(network.parse().expect("a network"));
    let found = entries::at(connection.session(), list, &key).await.expect("they are read");
    found.iter().filter_map(|entry| Some(entry.code?.to_string())).collect()
}

#[tokio::test]
async fn from_a_claim_to_a_listing_and_back() {
    on_each_narrow(async |database| {
        let mut site = Site::over(database);
        let list = allow_list(&site).await;
        let list_number = list.0.to_string();
        site.become_role(Some(Role::Member)).await;
        let owner = site.cookies.clone();

        // A claim by mail: looking at the link proves nothing, following it does, and once.
        let wrong = [("domain", "not a domain"), ("name", "x"), ("proof", "dns")];
        let answer = site.post("/claims", &wrong).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
        answer.says(&["Name a domain", "value=\"not a domain\""]);
        let claim = [("domain", "Example.ORG."), ("name", "<Example>"), ("proof", "postmaster")];
        let answer = site.post("/claims", &claim).await;
        assert_eq!(answer.location(), "/claims/1");
        site.get("/claims/1").await.says(&["postmaster@example.org", "The claim is made"]);
        let (to, text) = letter(&site).await.expect("a letter");
        assert_eq!(to, "postmaster@example.org");
        let prove = link(&text);
        // Whoever reads the mailbox needs no account, and sees who asks for what.
        site.cookies.clear();
        site.get(&prove).await.says(&[
            "the organisation <strong>&#60;Example&#62;",
            "Some &#60;One&#62;",
            "No, that is not us",
        ]);
        site.cookies = owner.clone();
        site.get("/claims/1").await.says(&["class=\"mark warn\">open"]);
        let stolen = site.post("/claims/1/prove/aaaabbbbccccddddeeeeffffgggghhhh", &[]).await;
        assert_eq!(stolen.status, StatusCode::NOT_FOUND);
        site.cookies.clear();
        site.post(&prove, &[("answer", "yes")]).await.says(&["has proven example.org"]);
        site.get(&prove).await.says(&["This was answered already"]);
        site.cookies = owner.clone();
        site.get("/claims/1").await.says(&["class=\"mark good\">held"]);
        let (_, text) = letter(&site).await.expect("a letter");
        assert!(text.contains("said that your claim is right"), "{text}");
        let again = site.post(&prove, &[]).await;
        assert_eq!(again.status, StatusCode::UNPROCESSABLE_ENTITY);
        site.get("/organisations").await.says(&["&#60;Example&#62;", "proven since"]);
        let page = site.get("/organisations/1").await;
        page.says(&["Nothing of this organisation is published yet", "example.org", "owner"]);

        // A request: checked without being handed in, then handed in.
        let form = "/organisations/1/request";
        site.get(form).await.says(&["Good senders", "127.0.5.1"]);
        let code = ("code", "127.0.5.1");
        let list = ("list", &*list_number);
        let faulty = [list, ("action", "add"), code, ("networks", "192.0.2.0/24/1\n1.2.3")];
        let answer = site.post(form, &faulty).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
        answer.says(&["Line 1", "Line 2", "192.0.2.0/24/1\n1.2.3</textarea>"]);
        let networks = ("networks", "203.0.113.0/28\n8.8.4.0/24, 8.8.8.8");
        let wanted = [list, ("action", "add"), code, networks, ("reason", "our <b>servers</b>")];
        let answer = site.post(form, &wanted).await;
        assert_eq!(answer.status, StatusCode::OK);
        answer.says(&["reserved for", "add 8.8.8.8 with 127.0.5.1", "Nothing is handed in yet"]);
        let networks = ("networks", "8.8.4.0/24, 8.8.8.8");
        let wanted = [list, ("action", "add"), code, networks, ("reason", "our <b>servers</b>")];
        let handed_in = [&wanted[..], &[("submit", "yes")]].concat();
        assert_eq!(site.post(form, &handed_in).await.location(), "/requests/1");
        let page = site.get("/requests/1").await;
        page.says(&["in the queue", "our &#60;b&#62;servers", "no resolver says", "handed in"]);
        assert!(!page.text.contains("Take it</button>"), "that is an editor's");

        // An editor takes it, asks, and approves a part.
        site.become_role(Some(Role::Editor)).await;
        let editor = site.cookies.clone();
        site.get("/queue").await.says(&["/requests/1", "&#60;Example&#62;", "in time"]);
        site.get("/queue?state=rejected&list=").await.says(&["Nothing here."]);
        let page = site.get("/requests/1").await;
        page.says(&["newly lists 257 IPv4", "Take it</button>"]);
        assert_eq!(site.post("/requests/1/review", &[]).await.location(), "/requests/1");
        let ask = [("verdict", "ask"), ("why", "Are these yours?")];
        assert_eq!(decide(&mut site, "/requests/1", &ask).await.location(), "/requests/1");
        let (_, text) = letter(&site).await.expect("a letter");
        assert!(text.contains("has a question") && text.contains("/requests/1"), "{text}");
        site.cookies = owner.clone();
        site.get("/requests/1").await.says(&[
            "needs information",
            "Are these yours?",
            "It is your turn",
        ]);
        let answer = site.post("/requests/1/answer", &[("words", "They are."), ("drop", "")]).await;
        assert_eq!(answer.location(), "/requests/1");
        site.cookies = editor.clone();
        site.post("/requests/1/review", &[]).await;
        let part = [("verdict", "approve"), ("item-1", "yes")];
        let answer = decide(&mut site, "/requests/1", &part).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
        answer.says(&["Say why the others are not approved"]);
        let part = [&part[..], &[("why", "One is enough.")]].concat();
        assert_eq!(decide(&mut site, "/requests/1", &part).await.location(), "/requests/1");
        site.get("/requests/1").await.says(&[
            "published",
            "not approved",
            "They are.",
            "One is enough.",
            "on the list since serial",
        ]);
        let list = ListId(list_number.parse().expect("a number"));
        assert_eq!(codes(&site.app.database, list, "8.8.8.8").await, ["127.0.5.1"]);
        assert_eq!(codes(&site.app.database, list, "8.8.4.0/24").await, [""; 0]);
        let (_, text) = letter(&site).await.expect("a letter");
        assert!(text.contains("is partly approved now"), "{text}");

        // What was decided in the meantime is not decided again by an old form.
        let stale = [("version", "1"), ("verdict", "approve"), ("item-0", "yes")];
        let answer = site.post("/requests/1/decide", &stale).await;
        assert_eq!(answer.status, StatusCode::CONFLICT);

        // Undo, as a request of its own.
        let answer = site.post("/requests/1/undo", &[("why", "a mistake")]).await;
        assert_eq!(answer.location(), "/requests/2");
        site.get("/requests/2").await.says(&["takes back", "in review", "remove 8.8.8.8"]);
        let all = [("verdict", "approve"), ("item-0", "yes")];
        assert_eq!(decide(&mut site, "/requests/2", &all).await.location(), "/requests/2");
        assert_eq!(codes(&site.app.database, list, "8.8.8.8").await, [""; 0]);
    })
    .await;
}

#[tokio::test]
async fn strangers_see_and_change_nothing_of_an_organisation() {
    on_each_narrow(async |database| {
        let mut site = Site::over(database);
        allow_list(&site).await;
        site.become_role(Some(Role::Member)).await;
        let claim = [("domain", "example.org"), ("name", "Ours"), ("proof", "postmaster")];
        site.post("/claims", &claim).await;
        let (_, text) = letter(&site).await.expect("a letter");
        site.post(&link(&text), &[]).await;
        let wanted = [("list", "1"), ("name", "Others"), ("submit", "yes")];
        assert_eq!(site.post("/organisations/1/request", &wanted).await.location(), "/requests/1");
        site.become_role(Some(Role::Member)).await;
        for path in ["/organisations/1", "/claims/1", "/requests/1", "/organisations/1/request"] {
            assert_eq!(site.get(path).await.status, StatusCode::NOT_FOUND, "{path}");
        }
        for (path, fields) in [
            ("/organisations/1/contacts", &[("mail", "a@b.example"), ("purpose", "abuse")][..]),
            ("/organisations/1/contacts/remove", &[("mail", "a@b.example"), ("purpose", "abuse")]),
            ("/organisations/1/members", &[("account", "1"), ("role", "member")]),
            ("/organisations/1/request", &wanted),
            ("/claims/1/look", &[]),
            ("/claims/1/withdraw", &[]),
            ("/requests/1/answer", &[("words", "x")]),
            ("/requests/1/withdraw", &[]),
        ] {
            let status = site.post(path, fields).await.status;
            let is_refused = matches!(status, StatusCode::FORBIDDEN | StatusCode::NOT_FOUND);
            assert!(is_refused, "{path}: {status}");
        }
        // An editor reads it, and does not speak for it.
        site.become_role(Some(Role::Editor)).await;
        site.get("/organisations/1").await.says(&["Ours", "A note for other editors"]);
        let answer = site.post("/organisations/1/request", &wanted).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN);
        site.post("/organisations/1/notes", &[("text", "seems <fine>")]).await;
        site.post("/organisations/1/suspend", &[("text", "it sold its domain")]).await;
        site.get("/organisations/1").await.says(&["seems &#60;fine&#62;", "it sold its domain"]);
        let answer = site.post("/organisations/1/suspend", &[("text", " ")]).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
        site.post("/organisations/1/resume", &[]).await;
        assert!(!site.get("/organisations/1").await.text.contains("it sold its domain"));
    })
    .await;
}

#[tokio::test]
async fn a_request_goes_back_into_the_queue_when_its_editor_is_partial_and_his_word_counts_no_more()
{
    on_each_narrow(async |database| {
        let mut site = Site::over(database);
        let list = allow_list(&site).await;
        site.become_role(Some(Role::Member)).await;
        ask_for(&mut site, "one.example", "8.8.8.8", "127.0.5.3").await;
        let member = site.cookies.clone();
        site.become_role(Some(Role::Editor)).await;
        let first = site.cookies.clone();
        site.post("/requests/1/review", &[]).await;
        let all = [("verdict", "approve"), ("item-0", "yes")];
        decide(&mut site, "/requests/1", &all).await;
        site.get("/requests/1").await.says(&["agreed to 1 of 1 items"]);
        site.post("/requests/1/review", &[]).await;
        let say = [("act", "declare"), ("why", "a friend's")];
        assert_eq!(site.post("/requests/1/conflict", &say).await.location(), "/requests/1");
        let page = site.get("/requests/1").await;
        page.says(&["in the queue", "you said that you are partial in this"]);
        assert!(!page.text.contains("agreed to 1") && !page.text.contains("Take it</button>"));
        assert_eq!(site.post("/requests/1/review", &[]).await.status, StatusCode::FORBIDDEN);
        // It takes two others now.
        for turn in 0..2 {
            site.become_role(Some(Role::Editor)).await;
            site.get("/requests/1").await.says(&["is partial in this", "a friend&#39;s"]);
            site.post("/requests/1/review", &[]).await;
            decide(&mut site, "/requests/1", &all).await;
            let listed = codes(&site.app.database, list, "8.8.8.8").await;
            assert_eq!(listed.len(), turn, "turn {turn}");
        }
        site.cookies = first;
        let undo = site.post("/requests/1/undo", &[("why", "no")]).await;
        assert_eq!(undo.status, StatusCode::FORBIDDEN);
        site.cookies = member;
        assert!(!site.get("/requests/1").await.text.contains("partial"), "that is the editors'");
        let refused = site.post("/requests/1/conflict", &say).await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN);
    })
    .await;
}

#[tokio::test]
async fn a_removal_shows_a_conflict_instead_of_buttons() {
    on_each_narrow(async |database| {
        let mut site = Site::over(database);
        let list = site.add_list("bl.example").await;
        let mut transaction = site.app.database.begin().await.expect("a transaction");
        let source = entries::source(transaction.session(), "test").await.expect("a source");
        let entry = Entry {
            key: "8.8.0.0/16".parse().expect("a key"),
            code: Some("127.0.0.2".parse().expect("a code")),
            text: String::new(),
            reason: "a trap was hit".to_owned(),
            criterion: None,
            source,
            organisation: None,
            since: Timestamp(1),
            expires: None,
            review: None,
        };
        entries::put(transaction.session(), list, &[entry]).await.expect("it is written");
        transaction.commit().await.expect("it is committed");
        let ask = [
            ("list", "bl.example"),
            ("target", "8.8.8.8"),
            ("mail", "a@b.example"),
            ("reason", "fixed"),
        ];
        site.post("/removals", &ask).await.says(&["Look into your mail"]);
        let (_, text) = letter(&site).await.expect("a letter");
        site.post(&link(&text), &[]).await.says(&["An editor decides this"]);
        let path = "/queue/removals/1";
        let grant = [("verdict", "grant")];
        site.become_role(Some(Role::Editor)).await;
        assert_eq!(site.post(path, &grant).await.location(), path, "it is wide: two decide");
        site.get(path).await.says(&["One editor agreed"]);
        let say = [("act", "declare"), ("why", "my network")];
        assert_eq!(site.post(&format!("{path}/conflict"), &say).await.location(), path);
        let page = site.get(path).await;
        page.says(&["Conflict of interest", "I am not partial in this"]);
        assert!(!page.text.contains("One editor agreed"), "his word counts no more");
        assert!(!page.text.contains("value=\"grant\""), "there are no buttons");
        assert_eq!(site.post(path, &grant).await.status, StatusCode::FORBIDDEN);
        // Not by many at once either.
        let many = [("removal-1", "yes"), ("verdict", "approve"), ("confirm", "yes")];
        site.post("/queue/bulk", &many).await.says(&["left out. You said that you are partial"]);
        let program = Program::new(&mut site, Role::Editor, &[Scope::QueueRead, Scope::QueueWrite]);
        let program = program.await;
        let of = "/queue/removal/1/conflicts";
        let seen = program.get(&mut site, of).await;
        seen.says(&["my network", "\"own\":null"]);
        let why = serde_json::json!({ "reason": "a rival's" });
        let put = program.ask(&mut site, axum::http::Method::PUT, of, None, &why).await;
        assert_eq!(put.status, StatusCode::OK, "{put:?}");
        program.get(&mut site, of).await.says(&["a rival's", "you said that you are partial"]);
        let verdict = serde_json::json!({ "verdict": "grant" });
        let refused = program.post(&mut site, "/removals/1/decide", &verdict).await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN);
        let none = serde_json::Value::Null;
        let back = program.ask(&mut site, axum::http::Method::DELETE, of, None, &none).await;
        assert_eq!(back.status, StatusCode::OK, "{back:?}");
        for _ in 0..2 {
            site.become_role(Some(Role::Editor)).await;
            site.post(path, &grant).await;
        }
        assert_eq!(codes(&site.app.database, list, "8.8.0.0/16").await, [""; 0]);
    })
    .await;
}

#[tokio::test]
async fn the_queue_is_narrowed_to_a_kind_to_what_is_mine_and_to_what_a_second_editor_decides() {
    on_each_narrow(async |database| {
        let mut site = Site::over(database);
        allow_list(&site).await;
        let block = site.add_list("bl.example").await;
        site.become_role(Some(Role::Member)).await;
        ask_for(&mut site, "one.example", "8.8.8.8", "127.0.5.3").await;
        site.become_role(Some(Role::Member)).await;
        ask_for(&mut site, "two.example", "9.9.9.9", "127.0.5.1").await;
        let (mut transaction, now) =
            (site.app.database.begin().await.expect("a transaction"), Timestamp::now());
        let source = entries::source(transaction.session(), "test").await.expect("a source");
        let entry = |key: &str, organisation| Entry {
            key: key.parse().expect("a key"),
            code: Some("127.0.0.2".parse().expect("a code")),
            text: String::new(),
            reason: "a trap was hit".to_owned(),
            criterion: None,
            source,
            organisation,
            since: Timestamp(1),
            expires: None,
            review: None,
        };
        let own = Some(entries::OrganisationId(1));
        let put = [entry("1.1.0.0/16", own), entry("1.1.1.7", None), entry("1.1.2.0/24", own)];
        entries::put(transaction.session(), block, &put).await.expect("they are written");
        for (number, (key, days)) in
            [("1.1.0.0/16", 3), ("1.1.1.7", 8), ("1.1.2.0/24", 0)].into_iter().enumerate()
        {
            let created = Timestamp(now.0 - days * 86_400_000_000 - 1);
            let new = removals::New {
                list: block,
                key: key.parse().expect("a key"),
                target: "1.1.1.7".to_owned(),
                mail: "a@b.example".to_owned(),
                network: String::new(),
                reason: String::new(),
                kind: removals::Kind::Removal,
                way: removals::Way::Typed,
                control: removals::Control::None,
                nonce: [number as u8; 16],
                created,
                expires: Timestamp(now.0 + 1),
            };
            let id = removals::add(transaction.session(), &new).await.expect("it is added");
            let found = removals::by_id(transaction.session(), id).await.expect("it is read");
            let (found, state) = (found.expect("it is there"), removals::State::Queued);
            let why = ("covers more", None);
            removals::move_on(transaction.session(), &found, state, why, now).await.expect("moved");
        }
        transaction.commit().await.expect("it is committed");

        site.become_role(Some(Role::Editor)).await;
        site.post("/organisations/1/notes", &[("text", "seems <fine>")]).await;
        let page = site.get("/queue?kind=removals").await;
        page.says(&["mark good\">in time", "mark warn\">late", "mark bad\">overdue"]);
        assert!(!page.text.contains("href=\"/requests/1\""), "{}", page.text);
        let page = site.get("/queue?kind=requests").await;
        page.says(&["href=\"/requests/1\"", "href=\"/requests/2\""]);
        assert!(!page.text.contains("/queue/removals/"));
        let page = site.get("/queue?late=yes").await;
        page.says(&["/queue/removals/1", "/queue/removals/2"]);
        assert!(!page.text.contains("/queue/removals/3") && !page.text.contains("/requests/1"));

        // What he touches is his; where two have to agree it waits for the second one.
        site.post("/requests/1/review", &[]).await;
        let all = [("verdict", "approve"), ("item-0", "yes")];
        decide(&mut site, "/requests/1", &all).await;
        site.post("/queue/removals/1", &[("verdict", "grant")]).await;
        for path in ["/queue?mine=yes", "/queue?second=yes"] {
            let page = site.get(path).await;
            page.says(&["href=\"/requests/1\"", "/queue/removals/1", "one agreed", "checked>"]);
            for other in ["/requests/2\"", "/queue/removals/2", "/queue/removals/3"] {
                assert!(!page.text.contains(other), "{path}: {other}");
            }
        }
        // The same by a program.
        let program = Program::of(&site, &[Scope::QueueRead]).await;
        let numbers = async |site: &mut Site, program: &Program, path: &str, of: &str| {
            let answer = program.get(site, path).await;
            let shown: serde_json::Value = serde_json::from_str(&answer.text).expect("JSON");
            let all = shown[of].as_array().expect("a list").clone();
            all.iter().map(|one| one["id"].as_i64().expect("a number")).collect::<Vec<_>>()
        };
        for way in ["mine=true", "second=true"] {
            let path = format!("/queue?{way}");
            assert_eq!(numbers(&mut site, &program, &path, "requests").await, [1]);
            let path = format!("/removals?{way}");
            assert_eq!(numbers(&mut site, &program, &path, "removals").await, [1]);
        }
        let late = numbers(&mut site, &program, "/removals?late=true", "removals").await;
        assert_eq!(late, [1, 2]);

        // What is known of a removal: what stands around it, notes about whose it is, what DNS says.
        let page = site.get("/queue/removals/1").await;
        page.says(&[
            "What DNS says of it",
            "dig ",
            "<code>1.1.1.7</code> nobody&#39;s",
            "<code>1.1.2.0/24</code> this organisation&#39;s",
            "seems &#60;fine&#62;",
        ]);
        let answer = program.get(&mut site, "/removals/1").await;
        let shown: serde_json::Value = serde_json::from_str(&answer.text).expect("JSON");
        assert_eq!(shown["notes"][0]["text"], "seems <fine>", "{shown}");
        assert_eq!(shown["service"], "late");
        assert_eq!(shown["neighbours"].as_array().map(Vec::len), Some(2));
        assert!(shown["findings"][0]["mend"].as_str().is_some_and(|mend| mend.contains("dig ")));
        site.become_role(Some(Role::Editor)).await;
        let page = site.get("/queue?mine=yes").await;
        page.says(&["Nothing here.", "Nobody waits to be removed."]);
    })
    .await;
}

#[tokio::test]
async fn an_editor_decides_nothing_about_his_own_organisation() {
    on_each_narrow(async |database| {
        let mut site = Site::over(database);
        allow_list(&site).await;
        site.become_role(Some(Role::Editor)).await;
        let claim = [("domain", "example.org"), ("name", "Ours"), ("proof", "postmaster")];
        site.post("/claims", &claim).await;
        let wanted = [("list", "1"), ("name", "Others"), ("submit", "yes")];
        site.post("/organisations/1/request", &wanted).await;
        let page = site.get("/requests/1").await;
        page.says(&["Conflict of interest"]);
        assert!(!page.text.contains("Take it</button>"));
        assert_eq!(site.post("/requests/1/review", &[]).await.status, StatusCode::FORBIDDEN);
        site.get("/organisations/1").await.says(&["another editor decides about it"]);
    })
    .await;
}

#[tokio::test]
async fn who_is_on_a_block_list_gets_off_it_without_an_account() {
    on_each_narrow(async |database| {
        let mut site = Site::over(database);
        let list = site.add_list("bl.example").await;
        let mut transaction = site.app.database.begin().await.expect("a transaction");
        let source = entries::source(transaction.session(), "test").await.expect("a source");
        let entry = |key: &str| Entry {
            key: key.parse().expect("a key"),
            code: Some("127.0.0.2".parse().expect("a code")),
            text: String::new(),
            reason: "a trap was hit".to_owned(),
            criterion: None,
            source,
            organisation: None,
            since: Timestamp(1),
            expires: None,
            review: None,
        };
        let put = [entry("192.0.2.7"), entry("198.51.100.0/24")];
        entries::put(transaction.session(), list, &put).await.expect("they are written");
        transaction.commit().await.expect("it is committed");

        site.get("/lookup?target=192.0.2.7").await.says(&["/removals/new?list=bl.example"]);
        site.get("/removals/new?list=bl.example&target=192.0.2.7").await.says(&["192.0.2.7"]);
        let ask = |target| {
            [
                ("list", "bl.example"),
                ("target", target),
                ("mail", "a@b.example"),
                ("reason", "fixed"),
            ]
        };
        let answer = site.post("/removals", &ask("192.0.2.8")).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
        answer.says(&["192.0.2.8 is not on the list"]);
        site.post("/removals", &ask("192.0.2.7")).await.says(&["Look into your mail"]);
        let (to, text) = letter(&site).await.expect("a letter");
        assert_eq!(to, "a@b.example");
        let path = link(&text);
        // Looking removes nothing, and a wrong link tells nothing.
        site.get(&path).await.says(&["Take it off <code>bl.example</code>?"]);
        let wrong = site.get("/removals/1/aaaabbbbccccddddeeeeffffgggghhhh").await;
        assert_eq!(wrong.status, StatusCode::NOT_FOUND);
        assert_eq!(codes(&site.app.database, list, "192.0.2.7").await, ["127.0.0.2"]);
        site.post(&path, &[]).await.says(&["It is off the list, since serial"]);
        assert_eq!(codes(&site.app.database, list, "192.0.2.7").await, [""; 0]);
        site.post(&path, &[]).await.says(&["mark good\">done"]);

        // What is wider than what was asked about is an editor's.
        site.post("/removals", &ask("198.51.100.9")).await.says(&["Look into your mail"]);
        let (_, text) = letter(&site).await.expect("a letter");
        site.post(&link(&text), &[]).await.says(&["An editor decides this"]);
        site.become_role(Some(Role::Editor)).await;
        site.get("/queue").await.says(&["/queue/removals/2", "covers more than"]);
        site.get("/queue/removals/2").await.says(&["198.51.100.0/24", "a trap was hit", "fixed"]);
        let silent = site.post("/queue/removals/2", &[("verdict", "refuse"), ("why", "")]).await;
        assert_eq!(silent.status, StatusCode::UNPROCESSABLE_ENTITY);
        let why = [("verdict", "refuse"), ("why", "the whole network spams")];
        assert_eq!(site.post("/queue/removals/2", &why).await.location(), "/queue");
        let (_, text) = letter(&site).await.expect("a letter");
        assert!(text.contains("the whole network spams"), "{text}");
        assert_eq!(codes(&site.app.database, list, "198.51.100.0/24").await, ["127.0.0.2"]);
    })
    .await;
}

/// Has the browser's account make an organisation by mail, and ask for addresses on list 1; the paths of both.
async fn ask_for(site: &mut Site, domain: &str, networks: &str, code: &str) -> (String, String) {
    let claim = [("domain", domain), ("name", domain), ("proof", "postmaster")];
    let claim = site.post("/claims", &claim).await.location().to_owned();
    let (_, text) = letter(site).await.expect("a letter");
    site.post(&link(&text), &[]).await;
    let page = site.get("/organisations").await;
    let (_, rest) = page.text.split_once("href=\"/organisations/").expect("an organisation");
    let (id, _) = rest.split_once('"').expect("its end");
    let organisation = format!("/organisations/{id}");
    let wanted = [
        ("list", "1"),
        ("action", "add"),
        ("code", code),
        ("networks", networks),
        ("submit", "yes"),
    ];
    let request = site.post(&format!("{organisation}/request"), &wanted).await;
    assert!(claim.starts_with("/claims/"));
    (organisation, request.location().to_owned())
}

#[tokio::test]
async fn an_organisation_is_told_how_each_address_stands_and_what_would_raise_it() {
    on_each_narrow(async |database| {
        let mut site = Site::over(database);
        allow_list(&site).await;
        site.become_role(Some(Role::Member)).await;
        let (organisation, request) = ask_for(&mut site, "x.example", "8.8.8.8", "127.0.5.1").await;
        let hints = format!("{organisation}/hints");
        let owner = site.cookies.clone();
        site.get(&organisation).await.says(&[&hints]);
        site.get(&hints)
            .await
            .says(&["It has no address on any of our lists", "Nobody is written to"]);
        site.become_role(Some(Role::Member)).await;
        assert_eq!(site.get(&hints).await.status, StatusCode::NOT_FOUND);
        site.become_role(Some(Role::Editor)).await;
        site.post(&format!("{request}/review"), &[]).await;
        decide(&mut site, &request, &[("verdict", "approve"), ("item-0", "yes")]).await;
        site.cookies = owner;
        let page = site.get(&hints).await;
        page.says(&[
            "<code>8.8.8.8</code>",
            "service or network provider, score low",
            "A higher score is possible.",
            "127.0.5.2",
            "href=\"/organisations/1/request\"",
            "href=\"/organisations/1#contacts\"",
        ]);
    })
    .await;
}

/// Puts an entry on a list for an organisation.
async fn enlist(
    site: &Site,
    list: ListId,
    organisation: i64,
    key: &str,
    review: Option<Timestamp>,
) {
    let mut transaction = site.app.database.begin().await.expect("a transaction");
    let source = entries::source(transaction.session(), "test").await.expect("a source");
    let entry = Entry {
        key: key.parse().expect("a key"),
        code: Some("127.0.5.1".parse().expect("a code")),
        text: String::new(),
        reason: String::new(),
        criterion: None,
        source,
        organisation: Some(entries::OrganisationId(organisation)),
        since: Timestamp(1),
        expires: None,
        review,
    };
    entries::put(transaction.session(), list, &[entry]).await.expect("it is written");
    transaction.commit().await.expect("it is committed");
}

#[tokio::test]
async fn what_fails_its_daily_look_is_shown_told_and_seen_by_editors() {
    on_each_narrow(async |database| {
        let mut site = Site::over(database);
        let list = allow_list(&site).await;
        site.become_role(Some(Role::Member)).await;
        let claim = [("domain", "example.org"), ("name", "Example"), ("proof", "dns")];
        site.post("/claims", &claim).await;
        enlist(&site, list, 1, "8.8.8.8", None).await;
        let contact = [("mail", "noc@example.org"), ("purpose", "technical")];
        site.post("/organisations/1/contacts", &contact).await;
        let (_, text) = letter(&site).await.expect("a letter");
        site.post(&link(&text), &[]).await.says(&["from now on"]);
        let page = site.get("/organisations/1").await;
        page.says(&["Names and addresses", "0 ok, 0 suspect, 0 bad"]);
        crate::chores::watch(&site.app, Timestamp::now()).await.expect("it is found");
        site.get("/organisations/1").await.says(&["1 not looked at yet"]);

        // What a look saw; here nobody can be asked.
        let now = Timestamp::now().after(Duration::from_secs(2 * 86_400));
        let mut transaction = site.app.database.begin().await.expect("a transaction");
        let lease = Duration::from_secs(1);
        let taken = consistency::take(transaction.session(), now, lease, 9).await.expect("taken");
        let standing = consistency::Standing {
            state: consistency::State::Bad,
            since: now,
            failures: 5,
            failing: Some(Timestamp(1)),
            looked: Some(now),
            due: now.after(Duration::from_secs(86_400)),
            reasons: r#"[{"about":"8.8.8.8","seen":"its name is <b>","mend":"`dig +short x A` must print 8.8.8.8"}]"#
                .to_owned(),
            news: Some(Timestamp(1)),
        };
        let put = consistency::put(transaction.session(), &taken[0], &standing).await;
        assert!(put.expect("an answer"));
        transaction.commit().await.expect("it is committed");
        site.get("/organisations/1").await.says(&[
            "mark bad\">bad",
            "0 ok, 0 suspect, 1 bad",
            "its name is &#60;b&#62;.",
            "<code>dig +short x A</code> must print 8.8.8.8",
        ]);
        crate::chores::watch(&site.app, Timestamp::now()).await.expect("it is told");
        let (to, text) = letter(&site).await.expect("a letter");
        assert_eq!(to, "noc@example.org");
        let lines = "8.8.8.8 is bad\n  its name is <b>\n  `dig +short x A` must print 8.8.8.8\n";
        assert!(text.contains(lines), "{text}");
        assert_eq!(link(&text), "/organisations/1");
        let stop = crate::contact::stop_link(&site.app, entries::OrganisationId(1), &to);
        assert!(text.contains(&stop), "{text}");
        crate::chores::watch(&site.app, Timestamp::now()).await.expect("nothing is told");
        assert_eq!(letter(&site).await, None);
        let program = Program::of(&site, &[Scope::OrganisationsRead]).await;
        let answer = program.get(&mut site, "/organisations/1/consistency").await;
        let shown: serde_json::Value = serde_json::from_str(&answer.text).expect("JSON");
        assert_eq!((&shown["new"], &shown["bad"]), (&0.into(), &1.into()), "{shown}");
        let unwell = &shown["unwell"][0];
        assert_eq!((&unwell["key"], &unwell["state"]), (&"8.8.8.8".into(), &"bad".into()));
        assert_eq!(unwell["reasons"][0]["mend"], "`dig +short x A` must print 8.8.8.8");
        assert!(unwell["failing"].as_str().is_some_and(|time| time.starts_with("1970-01-01")));
        site.become_role(Some(Role::Editor)).await;
        site.get("/queue").await.says(&["/queue/upkeep"]);
        site.get("/queue/upkeep").await.says(&["8.8.8.8", "Example", "its name is &#60;b&#62;."]);
    })
    .await;
}

#[tokio::test]
async fn what_is_to_be_looked_at_again_is_confirmed_by_one_button() {
    on_each_narrow(async |database| {
        let mut site = Site::over(database);
        let list = allow_list(&site).await;
        site.become_role(Some(Role::Member)).await;
        let owner = site.cookies.clone();
        let claim = [("domain", "example.org"), ("name", "Example"), ("proof", "dns")];
        site.post("/claims", &claim).await;
        let now = Timestamp::now();
        let day = |count: i64| Some(Timestamp(now.0 + count * 86_400_000_000));
        for (key, review) in [("8.8.8.8", day(-3)), ("8.8.4.4", day(20)), ("8.8.1.1", day(90))] {
            enlist(&site, list, 1, key, review).await;
        }
        let page = site.get("/organisations/1").await;
        page.says(&["These are still right", "mark warn\">overdue", "8.8.4.4"]);
        let late = Timestamp(now.0 - 1_000_000);
        crate::chores::remind(&site.app, late).await.expect("they are reminded");
        crate::chores::remind(&site.app, now).await.expect("nobody is, for an hour");
        let (_, text) = letter(&site).await.expect("a letter");
        assert!(text.contains("\n8.8.8.8, until 20") && !text.contains("8.8.1.1"), "{text}");
        assert_eq!(link(&text), "/organisations/1#reviews");
        assert_eq!(letter(&site).await, None);

        site.become_role(Some(Role::Editor)).await;
        site.get("/queue/upkeep").await.says(&["Reviews that are overdue", "Example", ">1</td>"]);
        let answer = site.post("/organisations/1/still-right", &[]).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "it is the organisation's to say");
        // Nobody else learns that there is one.
        site.become_role(Some(Role::Member)).await;
        for path in ["/organisations/1/still-right", "/organisations/999/still-right"] {
            assert_eq!(site.post(path, &[]).await.status, StatusCode::NOT_FOUND, "{path}");
        }
        let contact = [("mail", "x@example.org"), ("purpose", "abuse")];
        assert_eq!(site.post("/organisations/1/contacts", &contact).await.status, 404);
        site.cookies = owner;
        let answer = site.post("/organisations/1/still-right", &[]).await;
        assert_eq!(answer.location(), "/organisations/1");
        let page = site.get("/organisations/1").await;
        page.says(&["We ask again in a year"]);
        assert!(!page.text.contains("These are still right"), "{}", page.text);
    })
    .await;
}

/// Has an editor send something to the person of an account that he only has to know.
async fn news(site: &Site, account: i64, request: i64) {
    let state = repute_registry::request::state::State::Published;
    let request = repute_database::requests::RequestId(request);
    let notice =
        repute_registry::notice::Notice::RequestMoved { account, request, state, held: None };
    let mut transaction = site.app.database.begin().await.expect("a transaction");
    let put = crate::notice::put(&site.app, &mut transaction, &[notice], Timestamp::now()).await;
    put.expect("it is told");
    transaction.commit().await.expect("it is committed");
}

#[tokio::test]
async fn news_comes_at_once_gathered_or_not_at_all_and_what_needs_somebody_always() {
    on_each_narrow(async |database| {
        let mut site = Site::over(database);
        site.become_role(Some(Role::Member)).await;
        let owner = site.cookies.clone();
        site.get("/account").await.says(&["value=\"all\" selected>all, at once"]);
        news(&site, 1, 1).await;
        let (_, text) = letter(&site).await.expect("a letter, at once");
        let (_, stop) = text.split_once("Fewer letters: http://localhost:8080").expect("a link");
        let stop = stop.split_whitespace().next().expect("a path").to_owned();

        let weekly = [("letters", "weekly")];
        assert_eq!(site.post("/account/letters", &weekly).await.location(), "/account");
        site.get("/account").await.says(&["value=\"weekly\" selected>", "from now on"]);
        let wrong = site.post("/account/letters", &[("letters", "never")]).await;
        assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
        news(&site, 1, 2).await;
        news(&site, 1, 3).await;
        let now = Timestamp::now();
        crate::letters::send_digests(&site.app, now).await.expect("none is due");
        assert_eq!(letter(&site).await, None);
        // A week later; here the week is chosen away, as letters cannot be taken before their time.
        site.post("/account/letters", &[("letters", "all")]).await;
        crate::letters::send_digests(&site.app, now).await.expect("it is sent");
        let (_, text) = letter(&site).await.expect("one letter");
        assert!(
            text.contains("Your request 2 is published") && text.contains("/requests/3"),
            "{text}"
        );
        assert!(text.contains("Fewer letters: "), "{text}");
        assert_eq!(letter(&site).await, None);

        // One click, without an account at hand; looking alone does nothing.
        site.cookies.clear();
        site.get(&stop).await.says(&["No more news to", "No more news</button>"]);
        let click = [("List-Unsubscribe", "One-Click")];
        site.ask(axum::http::Method::POST, &stop, &[], &click).await.says(&["gets no more news"]);
        let forged = stop.replace("/unsubscribe/1/", "/unsubscribe/2/");
        assert_eq!(site.post(&forged, &[]).await.status, StatusCode::NOT_FOUND);
        assert_eq!(site.post("/unsubscribe/1/x", &[]).await.status, StatusCode::NOT_FOUND);
        news(&site, 1, 4).await;
        crate::letters::send_digests(&site.app, Timestamp::now()).await.expect("there is none");
        assert_eq!(letter(&site).await, None);
        site.cookies = owner;
        site.get("/account").await.says(&["value=\"needed\" selected>none"]);
        let question = repute_registry::notice::Notice::RequestMoved {
            account: 1,
            request: repute_database::requests::RequestId(5),
            state: repute_registry::request::state::State::NeedsInfo,
            held: None,
        };
        let mut transaction = site.app.database.begin().await.expect("a transaction");
        let put = crate::notice::put(&site.app, &mut transaction, &[question], now).await;
        put.expect("it is told");
        transaction.commit().await.expect("it is committed");
        let (_, text) = letter(&site).await.expect("a letter");
        assert!(text.contains("has a question") && !text.contains("Fewer letters"), "{text}");
    })
    .await;
}

#[tokio::test]
async fn an_owner_invites_and_whoever_has_the_link_or_the_address_joins() {
    on_each_narrow(async |database| {
        let mut site = Site::over(database);
        site.become_role(Some(Role::Member)).await;
        let owner = site.cookies.clone();
        let claim = [("domain", "example.org"), ("name", "<Example>"), ("proof", "dns")];
        site.post("/claims", &claim).await;
        let typed = |mail| [("mail", mail), ("role", "member")];
        let wrong = site.post("/organisations/1/invitations", &typed("no address")).await;
        assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
        let answer = site.post("/organisations/1/invitations", &typed("Grace@Example.net")).await;
        assert_eq!(answer.location(), "/organisations/1");
        let page = site.get("/organisations/1").await;
        page.says(&["on its way", "grace@example.net", "invited as member, until"]);
        let (to, text) = letter(&site).await.expect("a letter");
        assert_eq!(to, "grace@example.net");
        let path = link(&text);

        // A stranger sees what it is, and has to say who he is before he joins.
        site.cookies.clear();
        site.get(&path).await.says(&["&#60;Example&#62;", "/sign-in?next=/invitations/"]);
        assert_eq!(site.post(&path, &[]).await.status, StatusCode::UNAUTHORIZED);
        assert_eq!(site.get("/invitations/x").await.status, StatusCode::NOT_FOUND);
        site.become_role(Some(Role::Editor)).await;
        let answer = site.post("/organisations/1/join", &[]).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "he has another address");
        assert!(!site.get("/organisations/1").await.text.contains("grace@example.net"));
        site.get(&path).await.says(&["<button>Join</button>"]);
        assert_eq!(site.post(&path, &[]).await.location(), "/organisations/1");
        site.get("/organisations").await.says(&["&#60;Example&#62;"]);
        assert_eq!(site.post(&path, &[]).await.status, StatusCode::NOT_FOUND, "once");
        let refused = site.post("/organisations/1/invitations", &typed("a@example.net")).await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN, "members invite nobody");

        // By the address; and one that is taken back does not hold.
        site.become_role(Some(Role::Administrator)).await;
        let page = site.get("/account").await;
        let (_, rest) = page.text.split_once("class=\"lead\">").expect("his address");
        let mail = rest.split_whitespace().next().expect("his address").to_owned();
        let administrator = site.cookies.clone();
        site.cookies = owner.clone();
        site.post("/organisations/1/invitations", &typed(&mail)).await;
        let (_, text) = letter(&site).await.expect("a letter");
        site.post("/organisations/1/invitations/revoke", &typed(&mail)).await;
        assert_eq!(site.get(&link(&text)).await.status, StatusCode::NOT_FOUND);
        site.post("/organisations/1/invitations", &typed(&mail)).await;
        site.cookies = administrator;
        let page = site.get("/organisations").await;
        page.says(&["You are invited to speak for <strong>&#60;Example&#62;"]);
        let answer = site.post("/organisations/1/join", &[]).await;
        assert_eq!(answer.location(), "/organisations/1");
        // Letters are not sent without end.
        site.cookies = owner;
        let fourth = site.post("/organisations/1/invitations", &typed("d@example.net")).await;
        assert_eq!(fourth.status, StatusCode::TOO_MANY_REQUESTS);
        assert!(!site.get("/organisations/1").await.text.contains("d@example.net"));
    })
    .await;
}

#[tokio::test]
async fn an_administrator_steps_in_for_an_organisation_and_ends_a_claim() {
    on_each_narrow(async |database| {
        let mut site = Site::over(database);
        site.join("owner@x.example", Role::Member).await;
        let claim = [("domain", "lost.example"), ("name", "Lost"), ("proof", "dns")];
        assert_eq!(site.post("/claims", &claim).await.location(), "/claims/1");
        site.join("else@x.example", Role::Member).await;
        site.become_role(Some(Role::Editor)).await;
        site.post("/organisations/1/domains", &[("text", "wrong.example")]).await;
        let page = site.get("/organisations/1").await;
        page.says(&["It is not known by wrong.example"]);
        assert!(!page.text.contains("For administrators"));
        let fields = [("text", "wrong.example"), ("why", "a <slip>")];
        let gone = site.post("/organisations/1/domains/remove", &fields).await;
        assert_eq!(gone.location(), "/organisations/1", "{gone:?}");
        assert!(!site.get("/organisations/1").await.text.contains("wrong.example"));
        let again = site.post("/organisations/1/domains/remove", &fields).await;
        assert_eq!(again.status, StatusCode::UNPROCESSABLE_ENTITY);
        site.become_role(Some(Role::Administrator)).await;
        site.get("/organisations/1").await.says(&["For administrators", "/claims/1/end"]);
        let place = "/organisations/1/intervene";
        for (fields, status) in [
            ([("act", "appoint"), ("mail", "Else@x.example"), ("why", "gone")], 303),
            ([("act", "add-contact"), ("mail", "noc@x.example"), ("why", "dead")], 303),
            ([("act", "appoint"), ("mail", "none@x.example"), ("why", "gone")], 422),
            ([("act", "appoint"), ("mail", "else@x.example"), ("why", " ")], 422),
            ([("act", "nothing"), ("mail", "else@x.example"), ("why", "x")], 422),
        ] {
            let done = site.post(place, &fields).await;
            assert_eq!(done.status.as_u16(), status, "{fields:?} {done:?}");
        }
        site.get("/organisations/1").await.says(&["else@x.example", "noc@x.example"]);
        let ended = site.post("/claims/1/end", &[("why", "it was <sold>")]).await;
        assert_eq!(ended.location(), "/organisations/1", "{ended:?}");
        let words = "over: ended by who runs this site: it was &#60;sold&#62;";
        site.get("/organisations/1").await.says(&[words]);
        let again = site.post("/claims/1/end", &[("why", "x")]).await;
        assert_eq!(again.status, StatusCode::UNPROCESSABLE_ENTITY);
        site.let_time_pass().await;
        let asked = site.post(place, &[("act", "appoint")]).await;
        assert_eq!(asked.location(), "/confirm?next=/organisations/1", "back to the form");
    })
    .await;
}

#[tokio::test]
async fn whoever_reads_the_mailbox_says_no_without_an_account_and_the_claimant_is_told() {
    on_each_narrow(async |database| {
        let mut site = Site::over(database);
        site.become_role(Some(Role::Member)).await;
        let claim = [("domain", "bank.example"), ("name", "Not a bank"), ("proof", "abuse")];
        assert_eq!(site.post("/claims", &claim).await.location(), "/claims/1");
        let owner = std::mem::take(&mut site.cookies);
        let (_, text) = letter(&site).await.expect("a letter");
        let prove = link(&text);
        // What another site's page sends is no answer.
        let headers = [("sec-fetch-site", "cross-site")];
        let foreign = site.ask(axum::http::Method::POST, &prove, &headers, &[]).await;
        assert_eq!(foreign.status, StatusCode::FORBIDDEN, "{foreign:?}");
        site.post(&prove, &[("answer", "no")]).await.says(&["The claim is over"]);
        let late = site.post(&prove, &[("answer", "yes")]).await;
        assert_eq!(late.status, StatusCode::UNPROCESSABLE_ENTITY, "{late:?}");
        let (_, text) = letter(&site).await.expect("a letter");
        assert!(text.contains("it is not theirs"), "{text}");
        site.cookies = owner;
        let words = "over: whoever reads abuse@bank.example says that it is not theirs";
        site.get("/claims/1").await.says(&[words]);
        site.get("/organisations/1").await.says(&[words]);
    })
    .await;
}

#[tokio::test]
async fn an_organisation_without_addresses_says_everywhere_that_nothing_is_published() {
    on_each_narrow(async |database| {
        let mut site = Site::over(database.clone());
        let list = allow_list(&site).await;
        site.become_role(Some(Role::Member)).await;
        let claim = [("domain", "new.example"), ("name", "New"), ("proof", "abuse")];
        assert_eq!(site.post("/claims", &claim).await.location(), "/claims/1");
        let owner = site.cookies.clone();
        let (_, text) = letter(&site).await.expect("a letter");
        let prove = link(&text);
        site.cookies.clear();
        site.post(&prove, &[("answer", "yes")]).await.says(&["has proven new.example"]);
        let (_, text) = letter(&site).await.expect("a letter");
        let words = "Nothing of this organisation is published yet";
        assert!(text.contains(words), "{text}");
        site.cookies = owner;
        let invited = [("mail", "guest@x.example"), ("role", "member")];
        site.post("/organisations/1/invitations", &invited).await;
        let (_, text) = letter(&site).await.expect("a letter");
        assert!(text.contains(words), "{text}");
        let invitation = link(&text);
        let pages = [
            ("/organisations", "nothing is published yet"),
            ("/organisations/1", words),
            ("/organisations/1/request", words),
            ("/claims/1", "Nothing of New is published yet"),
            (&*invitation, "Nothing of it is published yet"),
        ];
        for (path, words) in pages {
            site.get(path).await.says(&[words]);
        }
        let mut transaction = database.begin().await.expect("a transaction");
        let t = &mut transaction;
        let entry = Entry {
            key: "8.8.8.8".parse().expect("a key"),
            code: "127.0.5.1".parse().ok(),
            text: String::new(),
            reason: String::new(),
            criterion: None,
            source: entries::source(t.session(), "test").await.expect("a source"),
            organisation: Some(entries::OrganisationId(1)),
            since: Timestamp(1),
            expires: None,
            review: None,
        };
        entries::put(t.session(), list, &[entry]).await.expect("it is written");
        transaction.commit().await.expect("it is committed");
        for (path, words) in pages {
            let page = site.get(path).await;
            assert!(!page.text.contains(words), "{path} {}", page.text);
        }
    })
    .await;
}

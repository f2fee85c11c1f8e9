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
mod organisations;
mod queue;
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
    // An editor sees those of others, too.
    let links = page.text.split("href=\"/organisations/").filter_map(|rest| rest.split_once('"'));
    let named = format!(">{domain}</a>");
    let mut own = links.filter(|(_, rest)| rest.starts_with(&named));
    let (id, _) = own.next().expect("an organisation of this name");
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

//! The queue of editors, and what one of them does not decide.

use super::*;

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
        let who = shown["notes"][0]["name"].as_str().expect("whoever wrote it is there");
        let who = who.replace('<', "&#60;").replace('>', "&#62;");
        page.says(&[&format!("<p class=\"soft\">{who}, ")]);
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

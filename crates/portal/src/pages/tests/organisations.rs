//! What an organisation sees, is told and does, and what is done for it.

use super::*;

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

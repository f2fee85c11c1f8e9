//! Organisations and their entries, as editors' programs see to them.

use repute_database::outbox;

use super::*;

#[tokio::test]
async fn a_program_finds_and_adds_organisations_and_gives_them_entries() {
    on_each_narrow(async |database| {
        let mut site = Site::over(database);
        site.add_list("bl.example").await;
        let scopes: Vec<_> = Scope::of_role(Role::Editor).collect();
        let editor = Program::new(&mut site, Role::Editor, &scopes).await;
        for name in ["Post", "Rail"] {
            let body = json!({ "name": name, "domains": [format!("{name}.example")] });
            let added = editor.post(&mut site, "/organisations", &body).await;
            assert_eq!(added.status, StatusCode::CREATED, "{added:?}");
            assert_eq!(json(&added)["published"], false);
        }
        let wrong = json!({ "name": "X", "domains": ["a..b"] });
        let wrong = editor.post(&mut site, "/organisations", &wrong).await;
        assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY, "{wrong:?}");
        let search = "/organisations/search";
        let found = json(&editor.get(&mut site, &format!("{search}?limit=1")).await);
        assert_eq!(
            (&found["organisations"][0]["name"], &found["next"]),
            (&json!("Post"), &json!(1))
        );
        let found = json(&editor.get(&mut site, &format!("{search}?limit=1&after=1")).await);
        assert_eq!(found["organisations"][0]["domains"], json!(["rail.example"]));
        assert_eq!(found["next"], Value::Null);
        let change = |key: &str, text: &str| {
            json!({ "action": "list", "key": key, "code": "127.0.0.2",
            "reason": "mail", "text": text })
        };
        let changes = [("9.9.9.1", "a"), ("9.9.9.2", "post.example"), ("9.9.9.3", "post.example")];
        let changes = changes.map(|(key, text)| change(key, text));
        let body = json!({ "reason": "x", "changes": changes });
        let done = editor.post(&mut site, "/lists/bl.example/entries", &body).await;
        assert_eq!(done.status, StatusCode::OK, "{done:?}");
        let give = "/lists/bl.example/entries/give";
        for (body, keys) in [
            (json!({ "organisation": 1, "keys": ["9.9.9.1"] }), 1),
            (json!({ "organisation": 2, "found": { "text": "post.example" } }), 2),
            (json!({ "organisation": 1, "found": { "organisation": 2, "within": "9.9.9.2" } }), 1),
        ] {
            let mut body = body;
            body["reason"] = json!("theirs");
            let given = editor.post(&mut site, give, &body).await;
            assert_eq!(json(&given), json!({ "keys": keys, "more": false }), "{body}");
        }
        for (body, why) in [
            (json!({ "organisation": 1, "reason": "" }), "Name the keys"),
            (json!({ "organisation": 1, "reason": "", "found": {} }), "in common"),
            (json!({ "reason": "", "found": { "source": "none" } }), "No entry came from"),
            (json!({ "organisation": 9, "reason": "", "keys": ["9.9.9.1"] }), "no organisation 9"),
        ] {
            let refused = editor.post(&mut site, give, &body).await;
            assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{refused:?}");
            refused.says(&[why]);
        }
        let own = json(&editor.get(&mut site, "/organisations/1").await);
        assert_eq!(own["published"], true);
        let entries = "/organisations/1/entries?list=bl.example";
        let entries = json(&editor.get(&mut site, entries).await);
        let keys: Vec<_> = (0..3).map(|at| &entries["entries"][at]["key"]).collect();
        assert_eq!(keys, [&json!("9.9.9.1"), &json!("9.9.9.2"), &Value::Null]);
    })
    .await;
}

#[tokio::test]
async fn a_program_of_an_administrator_steps_in_and_whom_it_concerns_is_told() {
    on_each_narrow(async |database| {
        let mut site = Site::over(database);
        let member = Program::new(&mut site, Role::Member, &[Scope::OrganisationsRead]).await;
        let id = member.organisation(&site).await;
        let scopes: Vec<_> = Scope::of_role(Role::Administrator).collect();
        let above = Program::new(&mut site, Role::Administrator, &scopes).await;
        let place = format!("/organisations/{id}");
        let mut connection = site.app.database.read().await.expect("a connection");
        let owner = accounts::by_id(connection.session(), member.account).await;
        let mail = owner.expect("it is read").expect("it is there").mail;
        drop(connection);
        let step = format!("{place}/intervene");
        for (body, status) in [
            (json!({ "action": "appoint", "mail": mail, "reason": "again" }), StatusCode::OK),
            (
                json!({ "action": "add-contact", "mail": "a@b.example", "purpose": "abuse", "reason": "x" }),
                StatusCode::OK,
            ),
            (
                json!({ "action": "remove-contact", "mail": "a@b.example", "purpose": "abuse", "reason": "y" }),
                StatusCode::OK,
            ),
            (
                json!({ "action": "appoint", "mail": mail, "reason": "" }),
                StatusCode::UNPROCESSABLE_ENTITY,
            ),
            (
                json!({ "action": "appoint", "mail": "no@b.example", "reason": "x" }),
                StatusCode::UNPROCESSABLE_ENTITY,
            ),
        ] {
            let answer = above.post(&mut site, &step, &body).await;
            assert_eq!(answer.status, status, "{body} {answer:?}");
        }
        let body = json!({ "domain": "ada.example", "reason": "sold" });
        let domains = format!("{place}/domains");
        let gone = above.ask(&mut site, Method::DELETE, &domains, None, &body).await;
        assert_eq!(gone.status, StatusCode::OK, "{gone:?}");
        let shown = json(&above.get(&mut site, &place).await);
        assert_eq!((&shown["domains"], &shown["contacts"]), (&json!([]), &json!([])));
        let mut letters = Vec::new();
        let mut transaction = site.app.database.begin().await.expect("a transaction");
        let (t, lease) = (&mut transaction, std::time::Duration::from_secs(60));
        while let Some(sent) = outbox::take(t.session(), Timestamp::now(), lease).await.expect("read")
        {
            letters.push(sent.letter.subject);
        }
        for words in ["You speak for", "has other contacts", "is not known by ada.example"] {
            assert!(letters.iter().any(|subject| subject.contains(words)), "{words} {letters:?}");
        }
    })
    .await;
}

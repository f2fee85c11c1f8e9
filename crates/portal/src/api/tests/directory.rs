//! Organisations and their entries, as editors' programs see to them.

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

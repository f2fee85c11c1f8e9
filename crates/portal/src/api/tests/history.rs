//! What became of entries, and what versions bring, as programs ask for it.

use repute_database::publications::{self, Outcome, Publication};

use super::*;

#[tokio::test]
async fn what_became_of_an_entry_is_read_and_taken_back_once() {
    on_each_narrow(async |database| {
        let mut site = Site::over(database);
        site.add_list("bl.example").await;
        let scopes: Vec<_> = Scope::of_role(Role::Editor).collect();
        let editor = Program::new(&mut site, Role::Editor, &scopes).await;
        let entries = "/lists/bl.example/entries";
        for change in [
            json!({ "action": "list", "key": "9.9.9.7", "code": "127.0.0.2", "reason": "a trap" }),
            json!({ "action": "remove", "key": "9.9.9.7" }),
        ] {
            let body = json!({ "reason": "why", "changes": [change] });
            assert_eq!(editor.post(&mut site, entries, &body).await.status, StatusCode::OK);
        }
        let history = format!("{entries}/history?key=9.9.9.7");
        let found = json(&editor.ask(&mut site, Method::GET, &history, None, &Value::Null).await);
        let steps = found["steps"].as_array().expect("steps");
        assert_eq!((steps.len(), &found["next"]), (2, &Value::Null));
        assert_eq!(steps[0]["before"][0]["reason"], "a trap");
        assert_eq!((&steps[0]["after"], &steps[0]["fixed"]), (&json!([]), &Value::Null));
        assert!(steps[1]["fixed"].as_str().is_some_and(|why| why.contains("has changed since")));
        assert_eq!(
            (&steps[0]["kind"], &steps[0]["detail"]["reason"]),
            (&json!("change"), &json!("why"))
        );
        let first = format!("{history}&limit=1");
        let first = json(&editor.ask(&mut site, Method::GET, &first, None, &Value::Null).await);
        let before = first["next"].as_i64().expect("there are more");
        let rest = format!("{history}&before={before}");
        let rest = json(&editor.ask(&mut site, Method::GET, &rest, None, &Value::Null).await);
        assert_eq!(rest["steps"], json!([steps[1]]));
        // Under one key it is taken back once, and without one it is refused the second time.
        let undo = format!("{entries}/undo");
        let body = json!({ "step": steps[0]["step"], "reason": "a mistake" });
        for is_again in [false, true] {
            let done = editor.ask(&mut site, Method::POST, &undo, Some("k"), &body).await;
            assert_eq!((done.status, &json(&done)["serial"]), (StatusCode::OK, &json!(4)));
            assert_eq!(done.header("idempotency-replayed") == "true", is_again);
        }
        let twice = editor.post(&mut site, &undo, &body).await;
        assert_eq!(twice.status, StatusCode::CONFLICT);
        twice.says(&["has changed since"]);
        let missing = json!({ "step": 999, "reason": "" });
        let missing = editor.post(&mut site, &undo, &missing).await;
        assert_eq!(missing.status, StatusCode::UNPROCESSABLE_ENTITY);
        let found = json(&editor.ask(&mut site, Method::GET, &history, None, &Value::Null).await);
        assert_eq!(found["steps"].as_array().map(Vec::len), Some(3));
        assert_eq!(found["steps"][0]["action"], "entries.undo");
        let many = format!("{entries}/history");
        let many = json(&editor.ask(&mut site, Method::GET, &many, None, &Value::Null).await);
        assert_eq!(many["steps"], json!([]));
    })
    .await;
}

#[tokio::test]
async fn what_a_version_brings_is_read_before_it_is_approved() {
    on_each_narrow(async |database| {
        let mut site = Site::over(database);
        let id = site.add_list("bl.example").await;
        let scopes: Vec<_> = Scope::of_role(Role::Editor).collect();
        let editor = Program::new(&mut site, Role::Editor, &scopes).await;
        let brings = "/lists/bl.example/versions/waiting";
        let none = editor.ask(&mut site, Method::GET, brings, None, &Value::Null).await;
        assert_eq!(none.status, StatusCode::NOT_FOUND);
        let listed =
            |key: &str| json!({ "action": "list", "key": key, "code": "127.0.0.2", "reason": "x" });
        let changes =
            json!({ "reason": "why", "changes": [listed("9.9.9.7"), listed("9.9.8.0/24")] });
        editor.post(&mut site, "/lists/bl.example/entries", &changes).await;
        let mut transaction = site.app.database.begin().await.expect("a transaction");
        let t = &mut transaction;
        let audit = audit::head(t.session()).await.expect("it is read").rows;
        let outcome = Outcome::Refused { why: "too wide".to_owned() };
        let refused = Publication { serial: 2, time: Timestamp(9), entries: 2, audit, outcome };
        publications::note(t.session(), id, &refused).await.expect("it is noted");
        transaction.commit().await.expect("it is committed");
        let found = json(&editor.ask(&mut site, Method::GET, brings, None, &Value::Null).await);
        for (name, value) in [
            ("serial", json!(2)),
            ("why", json!("too wide")),
            ("answered", Value::Null),
            ("added", json!(2)),
            ("removed", json!(0)),
            ("widest", json!(["9.9.8.0/24"])),
            ("next", Value::Null),
        ] {
            assert_eq!(found[name], value, "{name}: {found}");
        }
        assert_eq!(found["keys"][0]["key"], "9.9.8.0/24");
        assert_eq!(found["keys"][0]["after"][0]["reason"], "x");
        let first = format!("{brings}?limit=1&only=added");
        let first = json(&editor.ask(&mut site, Method::GET, &first, None, &Value::Null).await);
        assert_eq!(
            (first["keys"].as_array().map(Vec::len), &first["next"]),
            (Some(1), &json!("9.9.8.0/24"))
        );
        let next = format!("{brings}?after=9.9.8.0/24");
        let next = json(&editor.ask(&mut site, Method::GET, &next, None, &Value::Null).await);
        assert_eq!(next["keys"][0]["key"], "9.9.9.7");
        let wrong = format!("{brings}?only=x");
        let wrong = editor.ask(&mut site, Method::GET, &wrong, None, &Value::Null).await;
        assert!(wrong.status.is_client_error(), "{wrong:?}");
    })
    .await;
}

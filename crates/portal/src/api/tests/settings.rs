//! Settings, versions, exports and the log, as programs use them.

use repute_database::publications::{self, Outcome, Publication};
use repute_database::testing::on_each_narrow;

use super::*;

#[tokio::test]
async fn a_list_is_added_and_all_its_settings_are_read_and_changed() {
    on_each_narrow(async |database| {
        let mut site = Site::over(database);
        let scopes = [Scope::ListsWrite, Scope::LogRead];
        let program = Program::new(&mut site, Role::Administrator, &scopes).await;
        let (post, patch, put) = (Method::POST, Method::PATCH, Method::PUT);
        let new = json!({ "apex": "wl.example", "polarity": "allow", "keys": "address",
            "template": "dnswl", "contact": "lists@example.org" });
        let made = program.ask(&mut site, post.clone(), "/lists", Some("k"), &new).await;
        assert_eq!(made.status, StatusCode::CREATED, "{made:?}");
        assert!(json(&made)["codes"].as_array().is_some_and(|codes| codes.len() > 40), "{made:?}");
        let again = program.ask(&mut site, post.clone(), "/lists", Some("k"), &new).await;
        assert_eq!((again.status, &again.text), (made.status, &made.text));
        let taken = program.post(&mut site, "/lists", &new).await;
        assert_eq!(taken.status, StatusCode::UNPROCESSABLE_ENTITY, "{taken:?}");
        let path = "/lists/wl.example/settings";
        let read = program.get(&mut site, path).await;
        let mark = read.header("etag").to_owned();
        assert_eq!(json(&read)["dns"]["ipv4_prefix"], 8, "{read:?}");
        let wanted = json!({ "title": "Hosts", "reason": "a test",
            "dns": { "ipv4_prefix": 10, "name_servers": ["ns1.example.net", "ns2.example.net"] } });
        let known = [("if-match", &*mark)];
        let done = program.send(&mut site, patch.clone(), path, &known, &wanted).await;
        assert_eq!(done.status, StatusCode::OK, "{done:?}");
        let now = json(&done);
        assert_eq!(
            (&now["title"], &now["contact"]),
            (&json!("Hosts"), &json!("lists@example.org"))
        );
        assert_eq!(now["dns"]["ipv4_prefix"], 10);
        assert_ne!(done.header("etag"), mark);
        // Somebody who read it before does not undo that.
        let stale = program.send(&mut site, patch.clone(), path, &known, &wanted).await;
        assert_eq!(stale.status, StatusCode::PRECONDITION_FAILED, "{stale:?}");
        let known = done.header("etag").to_owned();
        let known = [("if-match", &*known)];
        let policy = json!({ "text": "Good mail only." });
        let path = "/lists/wl.example/policies";
        let done = program.send(&mut site, post.clone(), path, &known, &policy).await;
        assert_eq!((done.status, &json(&done)["policy"]), (StatusCode::CREATED, &json!(1)));
        for (method, path, body, pointer, expect) in [
            (
                &post,
                "criteria",
                json!({ "slug": "own", "title": "Own", "text": "x" }),
                "/criteria/0/slug",
                json!("own"),
            ),
            (
                &put,
                "categories/77",
                json!({ "name": "bakers" }),
                "/categories/16/name",
                json!("bakers"),
            ),
            (
                &put,
                "categories/77",
                json!({ "name": "millers" }),
                "/categories/16/name",
                json!("millers"),
            ),
            (
                &put,
                "codes/127.0.0.9",
                json!({ "meaning": "odd", "removal": "editor" }),
                "/codes/0/removal",
                json!("editor"),
            ),
        ] {
            let path = format!("/lists/wl.example/{path}");
            let done = program.ask(&mut site, method.clone(), &path, None, &body).await;
            assert!(done.status.is_success(), "{path}: {done:?}");
            let now = json(&done);
            let found = now.pointer(pointer);
            assert!(found == Some(&expect) || pointer.contains("categories/16"), "{path}: {now}");
            assert!(
                now.to_string().contains(
                    body.as_object()
                        .and_then(|all| all.values().next())
                        .and_then(Value::as_str)
                        .expect("a text")
                ),
                "{path}: {now}"
            );
        }
        let policies = json(&program.get(&mut site, "/lists/wl.example/policies").await);
        assert_eq!(policies["policies"][0]["text"], "Good mail only.");
        for (body, why) in [
            (json!({}), "Say what is to be changed"),
            (json!({ "ttl": 0 }), "time to live of nothing"),
            (json!({ "dns": { "canaries": ["a..b"] } }), "is no canary"),
            (json!({ "dns": { "ipv4_prefix": 33 } }), "go from 0 to 32"),
        ] {
            let path = "/lists/wl.example/settings";
            let wrong = program.ask(&mut site, patch.clone(), path, None, &body).await;
            assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY, "{wrong:?}");
            wrong.says(&[why]);
        }
        let log = json(&program.get(&mut site, "/log?subject=list/wl.example").await);
        assert_eq!(log["rows"][0]["action"], "list.code", "{log}");
        let page = json(&program.get(&mut site, "/log?limit=2").await);
        assert_eq!(page["rows"].as_array().map(Vec::len), Some(2));
        let (next, last) = (page["next"].as_u64().expect("more"), &page["rows"][1]["number"]);
        assert_eq!(Some(next), last.as_u64());
        let rest = json(&program.get(&mut site, &format!("/log?limit=900&before={next}")).await);
        assert_eq!((&rest["rows"][0]["number"], &rest["next"]), (&json!(next - 1), &Value::Null));
    })
    .await;
}

#[tokio::test]
async fn a_refused_version_is_approved_by_a_second_persons_program() {
    on_each_narrow(async |database| {
        let mut site = Site::over(database);
        let list = site.add_list("bl.example").await;
        let scopes = [Scope::QueueRead, Scope::QueueWrite, Scope::EntriesWrite];
        let first = Program::new(&mut site, Role::Editor, &scopes).await;
        let second = Program::new(&mut site, Role::Editor, &scopes).await;
        let body = json!({ "reason": "seen", "changes": [
        { "action": "list", "key": "9.9.9.1", "code": "127.0.0.2", "reason": "a trap" }] });
        let done = json(&first.post(&mut site, "/lists/bl.example/entries", &body).await);
        let serial = done["serial"].as_u64().expect("a number");
        let mut transaction = site.app.database.begin().await.expect("a transaction");
        let audit = audit::head(transaction.session()).await.expect("the log").rows;
        let publication = Publication {
            serial: u32::try_from(serial).expect("a serial"),
            time: Timestamp(5),
            entries: 1,
            audit,
            outcome: Outcome::Refused { why: "a canary is listed".to_owned() },
        };
        publications::note(transaction.session(), list, &publication).await.expect("it is noted");
        transaction.commit().await.expect("it is committed");
        let waiting = json(&second.get(&mut site, "/versions").await);
        assert_eq!(waiting["versions"][0]["why"], "a canary is listed", "{waiting}");
        let path = format!("/lists/bl.example/versions/{serial}/approve");
        let own = first.post(&mut site, &path, &Value::Null).await;
        assert_eq!(own.status, StatusCode::FORBIDDEN, "{own:?}");
        let done = json(&second.post(&mut site, &path, &Value::Null).await);
        assert_eq!(done["outcome"], "approved", "{done}");
        let all = json(&second.get(&mut site, "/lists/bl.example/versions").await);
        assert_eq!(all["versions"][0]["serial"], serial, "{all}");
        let again = second.post(&mut site, &path, &Value::Null).await;
        assert_eq!(again.status, StatusCode::CONFLICT, "{again:?}");
        let past = json(&site.get("/api/v1/lists/bl.example/history").await);
        assert_eq!(past, json!({ "days": [] }));
    })
    .await;
}

#[tokio::test]
async fn a_list_is_exported_whole_and_in_both_forms() {
    on_each_narrow(async |database| {
        let mut site = Site::over(database);
        site.add_list("bl.example").await;
        let scopes = [Scope::EntriesWrite, Scope::EntriesRead];
        let program = Program::new(&mut site, Role::Editor, &scopes).await;
        let change = |n: u32| {
            json!({ "action": "list", "key": format!("9.0.{}.{}", n / 250, n % 250),
        "code": "127.0.0.2", "reason": "=seen" })
        };
        for part in 0..6 {
            let changes: Vec<Value> = (part * 1000..part * 1000 + 1000).map(change).collect();
            let body = json!({ "reason": "", "changes": changes });
            let done = program.post(&mut site, "/lists/bl.example/entries", &body).await;
            assert_eq!(done.status, StatusCode::OK, "{done:?}");
        }
        let plain = program.get(&mut site, "/lists/bl.example/export").await;
        assert_eq!(plain.text.lines().count(), 6001, "more than are read at once");
        assert!(plain.text.contains("9.0.0.7 :127.0.0.2:\n"));
        let table = program.get(&mut site, "/lists/bl.example/export?format=csv").await;
        assert_eq!(table.header("content-type"), "text/csv; charset=utf-8");
        table.says(&["9.0.0.7,127.0.0.2,,\"'=seen\",api,"]);
        let wrong = program.get(&mut site, "/lists/bl.example/export?format=x").await;
        assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    })
    .await;
}

//! What takes longer than an answer, as programs order it.

use repute_database::dns::{self, Settings};
use repute_database::rules::{self, Outcome, Terms};
use repute_dnsxl::ReturnCode;
use repute_registry::evidence::{Sighting, Told, add_source, take};

use super::*;

/// A source with two hits, and a rule that lists what was seen.
async fn house(site: &Site) {
    let list = site.add_list("bl.example").await;
    let mut transaction = site.app.database.begin().await.expect("a transaction");
    let t = &mut transaction;
    let now = Timestamp::now();
    let cause = Cause {
        actor: audit::machine(t.session(), "shell").await.expect("a name"),
        action: "evidence.take".to_owned(),
        reason: String::new(),
    };
    add_source(t, "traps", Kind::Trap, &cause, now).await.expect("it is added");
    let hit = |target: &str| Sighting {
        target: target.parse().expect("a target"),
        class: "spam".to_owned(),
        seen: now,
        count: 1,
        trap: None,
        detail: String::new(),
        id: None,
    };
    let (hits, told) = ([hit("9.0.0.1"), hit("9.0.0.2")], &mut Told::default());
    take(t, "traps", (&hits, told), None, &cause, now).await.expect("they are taken");
    let terms = Terms {
        classes: Vec::new(),
        sources: Vec::new(),
        hits: 1,
        from_sources: 1,
        from_traps: 0,
        span: 86_400_000_000,
        lasts: 7 * 86_400_000_000,
        outcome: Outcome::List,
        code: ReturnCode::LISTED,
        text: String::new(),
        reason: "it hit".to_owned(),
        criterion: None,
        ipv4_prefix: 32,
        ipv6_prefix: 64,
    };
    rules::put(t.session(), list, "hits", &terms, now).await.expect("it is written");
    transaction.commit().await.expect("it is committed");
}

/// Sends a file as it is.
async fn send(site: &mut Site, by: &Program, path: &str, key: &str, file: &str) -> Answer {
    let bearer = format!("Bearer {}", by.token);
    let headers = [
        ("authorization", &*bearer),
        ("content-type", "application/octet-stream"),
        ("idempotency-key", key),
    ];
    let path = format!("/api/v1/lists/{path}");
    site.send(Method::POST, &path, &headers, file.to_owned()).await
}

#[tokio::test]
async fn a_purge_and_a_replay_are_ordered_shown_and_cancelled() {
    on_each_narrow(async |database| {
        let mut site = Site::over(database);
        let site = &mut site;
        house(site).await;
        let scopes = [Scope::EvidenceRead, Scope::EvidencePurge];
        let editor = Program::new(site, Role::Editor, &scopes).await;
        let other = Program::new(site, Role::Editor, &[Scope::QueueRead]).await;
        let why = json!({ "reason": "its traps are known" });
        let purge = "/evidence/sources/traps/purge";
        assert_eq!(other.post(site, purge, &why).await.status, StatusCode::FORBIDDEN);
        let none = editor.post(site, "/evidence/sources/x/purge", &why).await;
        assert_eq!(none.status, StatusCode::NOT_FOUND);
        let replay = editor.post(site, "/rules/1/replay", &json!({})).await;
        assert_eq!(replay.status, StatusCode::ACCEPTED, "{replay:?}");
        assert_eq!(replay.header("location"), "/api/v1/work/1");
        let none = editor.post(site, "/rules/1/replay", &json!({ "version": 2 })).await;
        assert_eq!(none.status, StatusCode::NOT_FOUND);
        for is_again in [false, true] {
            let answer = editor.ask(site, Method::POST, purge, Some("key-1"), &why).await;
            assert_eq!(answer.status, StatusCode::ACCEPTED, "{answer:?}");
            assert_eq!(answer.header("location"), "/api/v1/work/2");
            assert_eq!(answer.header("idempotency-replayed") == "true", is_again);
            let told = json(&answer);
            assert_eq!((&told["kind"], &told["state"]), (&json!("purge"), &json!("queued")));
            assert_eq!((&told["source"], &told["total"]), (&json!("traps"), &json!(2)));
            assert_eq!((&told["is_own"], &told["result"]), (&json!(true), &Value::Null));
        }
        assert_eq!(
            json(&editor.get(site, "/work").await)["work"].as_array().map(Vec::len),
            Some(2)
        );
        site.work().await;
        let found = json(&editor.get(site, "/work/1").await);
        assert_eq!((&found["state"], &found["rule"]), (&json!("done"), &json!("hits")));
        assert_eq!(found["result"]["added"]["first"], json!(["9.0.0.1", "9.0.0.2"]));
        let found = json(&editor.get(site, "/work/2").await);
        assert_eq!((&found["state"], &found["done"]), (&json!("done"), &json!(2)));
        assert_eq!(found["result"]["observations"], 2);
        let left = json(&editor.get(site, "/evidence/sources/traps").await);
        assert_eq!(left["observations"], 0);
        // What is over is over; somebody else's is his.
        let over = editor.ask(site, Method::DELETE, "/work/2", None, &Value::Null).await;
        assert_eq!(over.status, StatusCode::CONFLICT);
        editor.post(site, "/rules/1/replay", &json!({ "version": 1 })).await;
        let second = Program::new(site, Role::Editor, &scopes).await;
        let refused = second.ask(site, Method::DELETE, "/work/3", None, &Value::Null).await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN);
        let admin = Program::new(site, Role::Administrator, &scopes).await;
        let gone = admin.ask(site, Method::DELETE, "/work/3", None, &Value::Null).await;
        assert_eq!((gone.status, &json(&gone)["state"]), (StatusCode::OK, &json!("cancelled")));
        assert_eq!(admin.get(site, "/work/9").await.status, StatusCode::NOT_FOUND);
    })
    .await;
}

#[tokio::test]
async fn a_source_of_entries_is_tried_and_purged_once() {
    on_each_narrow(async |database| {
        let mut site = Site::over(database);
        let site = &mut site;
        site.add_list("bl.example").await;
        let admin = Program::new(site, Role::Administrator, &[Scope::EntriesImport]).await;
        let editor = Program::new(site, Role::Editor, &[Scope::EntriesWrite]).await;
        let feed = "bl.example/imports?source=feed&reason=x";
        send(site, &admin, feed, "a", "9.9.2.1 :2:x\n9.9.2.2 :2:x\n").await;
        site.work().await;
        let purge = "/lists/bl.example/purge";
        let of = |source: &str, is_dry: bool| {
            json!({ "source": source, "dry_run": is_dry, "reason": "it went bad" })
        };
        assert_eq!(editor.post(site, purge, &of("feed", true)).await.status, StatusCode::FORBIDDEN);
        let slip = admin.post(site, purge, &of("fed", false)).await;
        assert_eq!(slip.status, StatusCode::UNPROCESSABLE_ENTITY, "{slip:?}");
        for (id, is_dry) in [(2, true), (3, false)] {
            for is_again in [false, true] {
                let (key, what) = (format!("key-{id}"), of("feed", is_dry));
                let answer = admin.ask(site, Method::POST, purge, Some(&key), &what).await;
                assert_eq!(answer.status, StatusCode::ACCEPTED, "{answer:?}");
                assert_eq!(answer.header("location"), format!("/api/v1/work/{id}"));
                assert_eq!(answer.header("idempotency-replayed") == "true", is_again);
            }
            site.work().await;
            let found = json(&admin.get(site, &format!("/work/{id}")).await);
            assert_eq!((&found["state"], &found["source"]), (&json!("done"), &json!("feed")));
            assert_eq!((&found["file"], &found["dry_run"]), (&Value::Null, &json!(is_dry)));
            assert_eq!(found["result"]["removed"], json!(2), "{found}");
            assert_eq!(found["result"]["serial"].is_null(), is_dry, "{found}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_file_is_tried_taken_once_and_held_by_the_guards() {
    on_each_narrow(async |database| {
        let mut site = Site::over(database);
        let site = &mut site;
        site.add_list("bl.example").await;
        let admin = Program::new(site, Role::Administrator, &[Scope::EntriesImport]).await;
        let other = Program::new(site, Role::Administrator, &[Scope::EntriesWrite]).await;
        let path = "bl.example/imports?source=feed&name=feed.txt&reason=a%20test";
        // What one person may bring the guards of the list hold all the same.
        let mut transaction = site.app.database.begin().await.expect("a transaction");
        let list = repute_database::lists::ListId(1);
        let strict = Settings { ipv4_prefix: 20, ..Settings::default() };
        dns::set(transaction.session(), list, &strict).await.expect("it is set");
        transaction.commit().await.expect("it is committed");
        let file = "9.9.2.1 :2:x\n9.9.2.2 :2:x\n9.0.0.0/20 :2:wide\n";
        let refused = send(site, &other, path, "a", file).await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN);
        for (path, status) in [
            ("no.example/imports?source=feed", StatusCode::NOT_FOUND),
            ("bl.example/imports", StatusCode::BAD_REQUEST),
            ("bl.example/imports?source=", StatusCode::UNPROCESSABLE_ENTITY),
            ("bl.example/imports?source=feed&mode=all", StatusCode::UNPROCESSABLE_ENTITY),
            ("bl.example/imports?source=feed&code=x", StatusCode::UNPROCESSABLE_ENTITY),
            ("bl.example/imports?source=feed&what=x", StatusCode::BAD_REQUEST),
        ] {
            assert_eq!(send(site, &admin, path, "b", file).await.status, status, "{path}");
        }
        assert_eq!(site.spooled(), 0, "what is refused is not kept");
        let dry = send(site, &admin, &format!("{path}&dry_run=true"), "c", file).await;
        assert_eq!((dry.status, site.spooled()), (StatusCode::ACCEPTED, 1), "{dry:?}");
        for is_again in [false, true] {
            let answer = send(site, &admin, path, "d", file).await;
            assert_eq!(answer.header("location"), "/api/v1/work/2");
            assert_eq!(answer.header("idempotency-replayed") == "true", is_again);
        }
        let another = send(site, &admin, path, "d", "9.9.2.3\n").await;
        assert_eq!(another.status, StatusCode::UNPROCESSABLE_ENTITY, "the file is another");
        assert_eq!(site.spooled(), 2, "each file is kept once");
        site.work().await;
        assert_eq!(site.spooled(), 0);
        let found = json(&admin.get(site, "/work/1").await);
        assert_eq!((&found["state"], &found["dry_run"]), (&json!("done"), &json!(true)));
        assert_eq!(
            (&found["result"]["added"], &found["result"]["serial"]),
            (&json!(3), &Value::Null)
        );
        assert_eq!(found["result"]["widest"][0], json!("9.0.0.0/20"));
        assert_eq!(found["result"]["for_two_editors"], json!(0));
        let found = json(&admin.get(site, "/work/2").await);
        assert_eq!((&found["state"], &found["file"]), (&json!("done"), &json!("feed.txt")));
        assert_eq!((&found["result"]["added"], &found["result"]["serial"]), (&json!(3), &json!(2)));
        assert_eq!(found["result"]["held"], "all of 9.0.0.0/20 would be listed");
        site.become_role(Some(Role::Editor)).await;
        let page = site.get("/work/2").await;
        page.says(&["Import of feed.txt into bl.example", "3 added", "until a second person"]);
        site.cookies.clear();
        // One that is cancelled leaves no file.
        send(site, &admin, path, "e", file).await;
        let gone = admin.ask(site, Method::DELETE, "/work/3", None, &Value::Null).await;
        assert_eq!((gone.status, site.spooled()), (StatusCode::OK, 0));
        // Many wait for those before them.
        for number in 0..8 {
            let answer = send(site, &admin, path, &format!("f{number}"), file).await;
            assert_eq!(answer.status, StatusCode::ACCEPTED);
        }
        let answer = send(site, &admin, path, "g", file).await;
        assert_eq!((answer.status, site.spooled()), (StatusCode::CONFLICT, 8));
    })
    .await;
}

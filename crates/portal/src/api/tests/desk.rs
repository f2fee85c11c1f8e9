//! What editors and members do besides single requests, by their programs: bulk decisions, evidence, rules, proposals,
//! invitations, letters, sessions and tokens.

use repute_database::entries;
use repute_database::evidence as stored;
use repute_registry::rule;

use super::*;

#[tokio::test]
async fn many_are_decided_at_once_and_first_it_is_told_what_would_happen() {
    on_each_narrow(async |database| {
        let mut site = Site::over(database);
        let list = site.add_list("wl.example").await;
        let mut transaction = site.app.database.begin().await.expect("a transaction");
        let code = "127.0.5.1".parse().expect("a code");
        lists::set_code(transaction.session(), list, code, "low").await.expect("it is set");
        transaction.commit().await.expect("it is committed");
        let member = Program::new(&mut site, Role::Member, &[Scope::RequestsWrite]).await;
        let scopes = [Scope::QueueRead, Scope::QueueWrite];
        let editor = Program::new(&mut site, Role::Editor, &scopes).await;
        let id = member.organisation(&site).await;
        let mut picked = Vec::new();
        for address in ["5.9.0.7", "5.9.0.8"] {
            let wanted = json!({ "list": "wl.example", "reason": "our mail", "items": [
            { "action": "add", "network": address, "code": "127.0.5.1" }] });
            let made = json(
                &member.post(&mut site, &format!("/organisations/{id}/requests"), &wanted).await,
            );
            picked.push(json!({ "id": made["id"], "version": made["version"] }));
        }
        let reasons = json(&editor.get(&mut site, "/queue/reasons").await);
        assert_eq!(reasons["reasons"][0]["reason"], "not-yours");
        assert_eq!(reasons["texts"][0], "Write to <abuse@example.org> first.");
        let mut body = json!({ "verdict": "approve", "requests": picked, "removals": [99],
        "dry_run": true });
        for is_dry in [true, false, false] {
            body["dry_run"] = is_dry.into();
            let answer = editor.ask(&mut site, Method::POST, "/queue/bulk", None, &body).await;
            let done = json(&answer);
            assert_eq!(done["results"][2]["outcome"], "left-out", "{done}");
            if done["results"][0]["outcome"] == "left-out" {
                break;
            }
            assert_eq!(done["results"][0]["added"], json!(["5.9.0.7"]), "{done}");
            let waiting = json(&editor.get(&mut site, "/queue").await);
            let left = if is_dry { 2 } else { 0 };
            assert_eq!(waiting["requests"].as_array().map(Vec::len), Some(left), "{waiting}");
        }
        body["verdict"] = json!("reject");
        let none = editor.post(&mut site, "/queue/bulk", &body).await;
        assert_eq!(none.status, StatusCode::UNPROCESSABLE_ENTITY, "{none:?}");
        let upkeep = json(&editor.get(&mut site, "/queue/upkeep").await);
        assert_eq!(upkeep, json!({ "bad": [], "overdue": [] }));
    })
    .await;
}

#[tokio::test]
async fn a_dry_run_adds_up_what_the_guards_would_keep_back() {
    on_each_narrow(async |database| {
        let mut site = Site::over(database);
        let list = site.add_list("wl.example").await;
        let mut transaction = site.app.database.begin().await.expect("a transaction");
        let code = "127.0.5.1".parse().expect("a code");
        lists::set_code(transaction.session(), list, code, "low").await.expect("it is set");
        // Each address may be listed, and the two of a /31 not together.
        let settings = dns::Settings { ipv4_prefix: 31, ..dns::Settings::default() };
        dns::set(transaction.session(), list, &settings).await.expect("it is set");
        transaction.commit().await.expect("it is committed");
        let member = Program::new(&mut site, Role::Member, &[Scope::RequestsWrite]).await;
        let editor = Program::new(&mut site, Role::Editor, &[Scope::QueueWrite]).await;
        let id = member.organisation(&site).await;
        let mut picked = Vec::new();
        for network in ["5.9.0.6", "5.9.0.7", "5.9.0.9"] {
            let wanted = json!({ "list": "wl.example", "reason": "our mail", "items": [
            { "action": "add", "network": network, "code": "127.0.5.1" }] });
            let path = format!("/organisations/{id}/requests");
            let made = json(&member.post(&mut site, &path, &wanted).await);
            picked.push(json!({ "id": made["id"], "version": made["version"] }));
        }
        let body = json!({ "verdict": "approve", "requests": picked, "dry_run": true });
        let tried = json(&editor.post(&mut site, "/queue/bulk", &body).await);
        let why = "with those before it, all of 5.9.0.6/31 would be listed";
        assert_eq!(tried["held"], 2, "{tried}");
        assert_eq!(tried["results"][0]["held"], Value::Null, "{tried}");
        assert_eq!(tried["results"][1]["held"], why, "{tried}");
        let behind = format!("it comes behind what is kept back, because {why}");
        assert_eq!(tried["results"][2]["held"], behind, "{tried}");
    })
    .await;
}

#[tokio::test]
async fn many_are_decided_once_under_a_key_whatever_ends_in_the_middle() {
    on_each_narrow(async |database| {
        let mut site = Site::over(database);
        let list = site.add_list("wl.example").await;
        let mut transaction = site.app.database.begin().await.expect("a transaction");
        let code = "127.0.5.1".parse().expect("a code");
        lists::set_code(transaction.session(), list, code, "low").await.expect("it is set");
        transaction.commit().await.expect("it is committed");
        let member = Program::new(&mut site, Role::Member, &[Scope::RequestsWrite]).await;
        let scopes = [Scope::QueueRead, Scope::QueueWrite];
        let editor = Program::new(&mut site, Role::Editor, &scopes).await;
        let id = member.organisation(&site).await;
        let mut picked = Vec::new();
        for number in 1..=8 {
            let network = format!("5.9.0.{number}");
            let wanted = json!({ "list": "wl.example", "reason": "our mail", "items": [
            { "action": "add", "network": network, "code": "127.0.5.1" }] });
            let path = format!("/organisations/{id}/requests");
            let made = json(&member.post(&mut site, &path, &wanted).await);
            picked.push(json!({ "id": made["id"], "version": made["version"] }));
        }
        let asked = |requests: &[Value]| json!({ "verdict": "approve", "requests": requests });
        let all =
            json!((1..=4).map(|number| json!([format!("5.9.0.{number}")])).collect::<Vec<_>>());
        let added = |answer: &Answer| {
            let done = json(answer);
            let results = done["results"].as_array().expect("results").clone();
            assert!(results.iter().all(|one| one["outcome"] == "done"), "{done}");
            json!(results.iter().map(|one| one["added"].clone()).collect::<Vec<_>>())
        };
        // Whoever asks is gone once the first of them is decided.
        let database = site.app.database.clone();
        let first_is_decided = async {
            loop {
                let mut connection = database.read().await.expect("a connection");
                let found = entries::count(connection.session(), list).await.expect("a number");
                if found > 0 {
                    break;
                }
                tokio::task::yield_now().await;
            }
        };
        let (bulk, post) = ("/queue/bulk", Method::POST);
        let body = asked(&picked[..4]);
        tokio::select! {
            _ = editor.ask(&mut site, post.clone(), bulk, Some("one"), &body) => {}
            () = first_is_decided => {}
        }
        let again = editor.ask(&mut site, post.clone(), bulk, Some("one"), &body).await;
        assert_eq!(added(&again), all);
        let once_more = editor.ask(&mut site, post.clone(), bulk, Some("one"), &body).await;
        assert_eq!(once_more.text, again.text);
        let other = asked(&picked[4..]);
        let used = editor.ask(&mut site, post.clone(), bulk, Some("one"), &other).await;
        assert_eq!(used.status, StatusCode::UNPROCESSABLE_ENTITY, "{used:?}");
        // Two at the same moment get one answer.
        let mut sites = [Site::over(database.clone()), Site::over(database.clone())];
        let [one, two] = &mut sites;
        let (first, second) = tokio::join!(
            editor.ask(one, post.clone(), bulk, Some("two"), &other),
            editor.ask(two, post.clone(), bulk, Some("two"), &other),
        );
        assert_eq!(first.text, second.text);
        added(&first);
        let left = editor.ask(&mut site, post.clone(), bulk, Some("three"), &other).await;
        assert_eq!(json(&left)["results"][0]["outcome"], "left-out", "{left:?}");
    })
    .await;
}

#[tokio::test]
async fn a_program_writes_a_rule_tells_evidence_and_decides_what_is_proposed() {
    on_each_narrow(async |database| {
        let mut site = Site::over(database);
        site.add_list("bl.example").await;
        let all: Vec<Scope> = Scope::ALL.to_vec();
        let admin = Program::new(&mut site, Role::Administrator, &all).await;
        let (post, put, delete) = (Method::POST, Method::PUT, Method::DELETE);
        let source = json!({ "name": "filters", "kind": "observation" });
        let made = admin.post(&mut site, "/evidence/sources", &source).await;
        assert_eq!(made.status, StatusCode::CREATED, "{made:?}");
        let terms = json!({ "hits": 2, "within": 3600, "lasts": 86400, "reason": "It hit us." });
        let path = "/lists/bl.example/rules/hits";
        let rule = json(&admin.ask(&mut site, put.clone(), path, None, &terms).await);
        assert_eq!((&rule["version"], &rule["enabled"]), (&json!(1), &Value::Null), "{rule}");
        assert_eq!((&rule["outcome"], &rule["ipv6_prefix"]), (&json!("propose"), &json!(64)));
        let path = format!("/rules/{}/enabled", rule["id"]);
        let on = json(&admin.ask(&mut site, put.clone(), &path, None, &json!({})).await);
        assert!(on["enabled"].is_string(), "{on}");
        let told = json!({ "source": "filters", "observations": [
            { "target": "9.0.0.1", "class": "spam", "count": 5 },
            { "target": "9.0.0.2", "class": "spam", "count": 5 },
            { "target": "9.0.0.3", "class": "spam" } ] });
        assert_eq!(admin.post(&mut site, "/evidence", &told).await.status, StatusCode::CREATED);
        let sources = json(&admin.get(&mut site, "/evidence/sources").await);
        assert_eq!(sources["waiting"], 3, "{sources}");
        rule::apply(&site.app.database, Timestamp::now()).await.expect("rules look");
        let seen = json(&admin.get(&mut site, "/evidence?target=9.0.0.0/24").await);
        assert_eq!(seen["observations"].as_array().map(Vec::len), Some(3), "{seen}");
        let one = json(&admin.get(&mut site, "/evidence/sources/filters").await);
        assert_eq!((&one["observations"], &one["proposals"]), (&json!(3), &json!(2)), "{one}");
        let open = json(&admin.get(&mut site, "/proposals?list=bl.example").await);
        assert_eq!(open["proposals"][0]["hits"], 5, "{open}");
        let ids = [&open["proposals"][0]["id"], &open["proposals"][1]["id"]];
        for (id, verdict) in ids.into_iter().zip(["accept", "refuse"]) {
            let body = json!({ "verdict": verdict, "proposals": [id], "why": "looked at it" });
            let done = admin.ask(&mut site, post.clone(), "/proposals/decide", None, &body).await;
            assert_eq!(json(&done), json!({ "done": true, "held": null, "waits": [] }), "{done:?}");
        }
        let open = json(&admin.get(&mut site, "/proposals").await);
        assert_eq!(open, json!({ "proposals": [] }));
        let refused = json(&admin.get(&mut site, "/proposals?state=refused").await);
        assert_eq!(refused["proposals"].as_array().map(Vec::len), Some(1));
        let off = json(&admin.ask(&mut site, delete.clone(), &path, None, &json!({})).await);
        assert_eq!(off["enabled"], Value::Null);
        let rules = json(&admin.get(&mut site, "/rules").await);
        assert_eq!(rules["rules"][0]["name"], "hits", "{rules}");
        let path = "/evidence/sources/filters/closed";
        let why = json!({ "reason": "noise" });
        let closed = json(&admin.ask(&mut site, put.clone(), path, None, &why).await);
        assert!(closed["closed"].is_string(), "{closed}");
        let told = admin.post(&mut site, "/evidence", &told).await;
        assert_eq!(told.status, StatusCode::CONFLICT, "{told:?}");
        let open = json(&admin.ask(&mut site, delete, path, None, &why).await);
        assert_eq!(open["closed"], Value::Null);
        let mut look = site.app.database.look().await.expect("a look");
        let names = stored::names(look.session()).await.expect("names");
        assert_eq!(names.len(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_member_looks_after_his_account_and_whom_he_invites() {
    on_each_narrow(async |database| {
        let mut site = Site::over(database);
        let scopes = [Scope::Account, Scope::OrganisationsWrite];
        let owner = Program::new(&mut site, Role::Member, &scopes).await;
        let guest = Program::new(&mut site, Role::Member, &scopes).await;
        let mail = json(&guest.get(&mut site, "/me").await)["mail"].clone();
        let id = owner.organisation(&site).await;
        let path = format!("/organisations/{id}/invitations");
        let made = owner.post(&mut site, &path, &json!({ "mail": mail, "role": "owner" })).await;
        assert_eq!(made.status, StatusCode::CREATED, "{made:?}");
        assert_eq!(guest.get(&mut site, &path).await.status, StatusCode::NOT_FOUND);
        let all = json(&owner.get(&mut site, &path).await);
        assert_eq!(
            (&all["invitations"][0]["mail"], &all["invitations"][0]["role"]),
            (&mail, &json!("owner"))
        );
        let other = json!({ "mail": "eve@example.org" });
        assert_eq!(owner.post(&mut site, &path, &other).await.status, StatusCode::CREATED);
        let gone = owner.ask(&mut site, Method::DELETE, &path, None, &other).await;
        assert_eq!(json(&gone), json!({ "done": true }));
        let join = format!("/organisations/{id}/join");
        assert_eq!(
            json(&guest.post(&mut site, &join, &Value::Null).await),
            json!({ "done": true })
        );
        assert_eq!(guest.post(&mut site, &join, &Value::Null).await.status, StatusCode::NOT_FOUND);
        let right = format!("/organisations/{id}/still-right");
        assert_eq!(
            json(&guest.post(&mut site, &right, &Value::Null).await),
            json!({ "entries": 0 })
        );
        let put = Method::PUT;
        let weekly = json!({ "letters": "weekly" });
        let chosen = guest.ask(&mut site, put.clone(), "/me/letters", None, &weekly).await;
        assert_eq!(
            (json(&chosen), json(&guest.get(&mut site, "/me/letters").await)),
            (weekly.clone(), weekly)
        );
        let odd = json!({ "letters": "hourly" });
        let odd = guest.ask(&mut site, put, "/me/letters", None, &odd).await;
        assert_eq!(odd.status, StatusCode::UNPROCESSABLE_ENTITY);
        let sessions = json(&guest.get(&mut site, "/me/sessions").await);
        let session = sessions["sessions"][0]["id"].as_i64().expect("he is signed in");
        let delete = Method::DELETE;
        let path = format!("/me/sessions/{session}");
        let strange = owner.ask(&mut site, delete.clone(), &path, None, &Value::Null).await;
        assert_eq!(strange.status, StatusCode::NOT_FOUND);
        let ended = guest.ask(&mut site, delete.clone(), &path, None, &Value::Null).await;
        assert_eq!(json(&ended), json!({ "done": true }));
        let tokens = json(&guest.get(&mut site, "/me/tokens").await);
        assert_eq!(
            (&tokens["tokens"][0]["is_this"], tokens["tokens"].as_array().map(Vec::len)),
            (&json!(true), Some(1))
        );
        let path = format!("/me/tokens/{}", tokens["tokens"][0]["id"]);
        let strange = owner.ask(&mut site, delete.clone(), &path, None, &Value::Null).await;
        assert_eq!(strange.status, StatusCode::NOT_FOUND);
        let ended = guest.ask(&mut site, delete, &path, None, &Value::Null).await;
        assert_eq!(json(&ended), json!({ "done": true }));
        assert_eq!(guest.get(&mut site, "/me").await.status, StatusCode::UNAUTHORIZED);
    })
    .await;
}

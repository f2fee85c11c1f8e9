//! The API as programs use it: tokens, scopes, changes that are done once; a walk from a claim to an entry.

mod account;
mod asking;
mod desk;
mod directory;
mod history;
mod motions;
mod settings;
mod terms;
mod work;

use axum::http::{Method, StatusCode};
use repute_database::accounts::{self, AccountId, Role};
use repute_database::evidence::{self as database_evidence, Kind};
use repute_database::organisations::{self, MemberRole};
use repute_database::testing::on_each_narrow;
use repute_database::{Timestamp, answers, audit, backup, dns, lists, sessions};
use repute_registry::changes::Cause;
use repute_registry::evidence;
use serde_json::{Value, json};

use crate::routes;
use crate::secret::digest_of;
use crate::testing::{Answer, Site};
use crate::token::{self, Scope, Wish};

/// A program with a token.
pub(crate) struct Program {
    account: AccountId,
    token: String,
}

impl Program {
    /// Of somebody new with a role, with these scopes.
    pub(crate) async fn new(site: &mut Site, role: Role, scopes: &[Scope]) -> Program {
        site.become_role(Some(role)).await;
        let mail = site.cookies["session"].clone();
        site.cookies.clear();
        let mut connection = site.app.database.read().await.expect("a connection");
        let account = accounts::by_mail(connection.session(), &mail).await.expect("it is read");
        let account = account.expect("it is there");
        drop(connection);
        // Who tells something does so for the sources there are, one at least.
        let tells = scopes.contains(&Scope::EvidenceWrite) && role != Role::Administrator;
        let mut t = site.app.database.begin().await.expect("a transaction");
        let mut known = database_evidence::names(t.session()).await.expect("they are read");
        if tells && known.is_empty() {
            let (name, kind) = ("a source".to_owned(), database_evidence::Kind::Trap);
            let id = database_evidence::add_source(t.session(), &name, kind, Timestamp(1)).await;
            known.push((id.expect("it is added"), name));
        }
        t.commit().await.expect("it is committed");
        let sources = known.into_iter().map(|(id, _)| id).filter(|_| tells).collect();
        let (name, scopes) = ("a program".to_owned(), scopes.to_vec());
        let wish = Wish { name, scopes, days: None, sources };
        let token = token::make(&site.app, &account, &wish).await;
        Program { account: account.id, token: token.expect("it is made") }
    }

    /// Of whoever is signed in, with these scopes.
    pub(crate) async fn of(site: &Site, scopes: &[Scope]) -> Program {
        let digest = digest_of(&site.cookies["session"]);
        let mut connection = site.app.database.read().await.expect("a connection");
        let found = sessions::find(connection.session(), &digest, Timestamp::now()).await;
        let (_, account) = found.expect("it is read").expect("somebody is signed in");
        drop(connection);
        let (name, scopes) = ("a program".to_owned(), scopes.to_vec());
        let wish = Wish { name, scopes, days: None, sources: Vec::new() };
        let token = token::make(&site.app, &account, &wish).await;
        Program { account: account.id, token: token.expect("it is made") }
    }

    /// Asks for something.
    pub(crate) async fn get(&self, site: &mut Site, path: &str) -> Answer {
        self.ask(site, Method::GET, path, None, &Value::Null).await
    }

    /// Changes something.
    pub(crate) async fn post(&self, site: &mut Site, path: &str, body: &Value) -> Answer {
        self.ask(site, Method::POST, path, None, body).await
    }

    /// Asks, perhaps under a key.
    pub(crate) async fn ask(
        &self,
        site: &mut Site,
        method: Method,
        path: &str,
        key: Option<&str>,
        body: &Value,
    ) -> Answer {
        let headers: Vec<(&str, &str)> =
            key.map(|key| ("idempotency-key", key)).into_iter().collect();
        self.send(site, method, path, &headers, body).await
    }

    /// Asks, with more headers.
    pub(crate) async fn send(
        &self,
        site: &mut Site,
        method: Method,
        path: &str,
        more: &[(&str, &str)],
        body: &Value,
    ) -> Answer {
        let bearer = format!("Bearer {}", self.token);
        let mut headers = vec![("authorization", &*bearer), ("content-type", "application/json")];
        headers.extend(more);
        let body = if body.is_null() { String::new() } else { body.to_string() };
        site.send(method, &format!("/api/v1{path}"), &headers, body).await
    }

    /// Has it belong to a new organisation.
    async fn organisation(&self, site: &Site) -> i64 {
        let mut transaction = site.app.database.begin().await.expect("a transaction");
        let (t, now) = (&mut transaction, Timestamp(1));
        let id = organisations::add(t.session(), "Ada's", now).await.expect("an Id");
        let owner = MemberRole::Owner;
        organisations::put_member(t.session(), id, self.account.0, owner, now).await.expect("put");
        let domain = "ada.example".parse().expect("a name");
        organisations::add_domain(t.session(), id, &domain).await.expect("it is added");
        transaction.commit().await.expect("it is committed");
        id.0
    }
}

/// What an answer says.
fn json(answer: &Answer) -> Value {
    serde_json::from_str(&answer.text).unwrap_or_else(|error| panic!("{error}: {answer:?}"))
}

#[tokio::test]
async fn every_endpoint_opens_by_its_scopes_and_by_no_other() {
    on_each_narrow(async |database| {
        let mut site = Site::over(database);
        site.add_list("bl.example").await;
        let admin = Program::new(&mut site, Role::Administrator, &Scope::ALL).await;
        let mut by_role = Vec::new();
        for role in Role::ALL {
            for scope in Scope::of_role(role) {
                by_role.push((role, scope, Program::new(&mut site, role, &[scope]).await));
            }
        }
        for endpoint in super::endpoints() {
            // The first account is that of the program with all scopes, which nobody should lock, and the first token is its.
            let id = if matches!(endpoint.group, "People" | "Your account") { "999" } else { "1" };
            let parts: Vec<&str> = endpoint
                .path
                .trim_start_matches("/api/v1")
                .split('/')
                .map(|part| if part.starts_with('{') { id } else { part })
                .collect();
            let path = parts.join("/");
            let what = format!("{} {}", endpoint.method, endpoint.path);
            let is_refused = |answer: &Answer| {
                matches!(answer.status, StatusCode::UNAUTHORIZED)
                    || answer.text.contains("needs the scope")
            };
            let (method, whole) = (endpoint.method.clone(), format!("/api/v1{path}"));
            let bare = site.send(method, &whole, &[], String::new()).await;
            let is_open = endpoint.access == super::Access::Open;
            assert_eq!(is_refused(&bare), !is_open, "{what}: {bare:?}");
            let all = admin.ask(&mut site, endpoint.method.clone(), &path, None, &json!({})).await;
            assert!(!is_refused(&all) && !all.status.is_server_error(), "{what}: {all:?}");
            let super::Access::Scopes(scopes) = endpoint.access else { continue };
            for (role, scope, program) in &by_role {
                let answer =
                    program.ask(&mut site, endpoint.method.clone(), &path, None, &json!({})).await;
                let what = format!("{what} by {scope} as {role:?}: {answer:?}");
                assert_eq!(is_refused(&answer), !scopes.contains(scope), "{what}");
                assert!(!answer.status.is_server_error(), "{what}");
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_session_is_no_token_and_a_token_is_no_session() {
    on_each_narrow(async |database| {
        let mut site = Site::over(database);
        let program = Program::new(&mut site, Role::Administrator, &Scope::ALL).await;
        let bearer = format!("Bearer {}", program.token);
        let page = site.ask(Method::GET, "/people", &[("authorization", &bearer)], &[]).await;
        assert!(page.location().starts_with("/sign-in"), "{page:?}");
        site.become_role(Some(Role::Administrator)).await;
        let answer = site.get("/api/v1/me").await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
        assert_eq!(answer.header("www-authenticate"), "Bearer");
        assert_eq!(answer.header("content-type"), "application/problem+json");
        assert_eq!(answer.header("cache-control"), "no-store");
    })
    .await;
}

#[tokio::test]
async fn a_token_does_no_more_than_its_owner_may_and_ends_with_him() {
    on_each_narrow(async |database| {
        let mut site = Site::over(database);
        let program = Program::new(&mut site, Role::Editor, &[Scope::QueueRead]).await;
        let me = json(&program.get(&mut site, "/me").await);
        assert_eq!((&me["role"], &me["scopes"]), (&json!("editor"), &json!(["queue:read"])));
        assert_eq!(program.get(&mut site, "/queue").await.status, StatusCode::OK);
        let id = program.account;
        let mut transaction = site.app.database.begin().await.expect("a transaction");
        accounts::set_role(transaction.session(), id, Role::Member).await.expect("it is set");
        transaction.commit().await.expect("it is committed");
        let refused = program.get(&mut site, "/queue").await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN);
        refused.says(&["queue:read"]);
        assert_eq!(json(&program.get(&mut site, "/me").await)["scopes"], json!([]));
        let mut transaction = site.app.database.begin().await.expect("a transaction");
        let now = Timestamp::now();
        accounts::lock(transaction.session(), id, Some(now)).await.expect("it is locked");
        transaction.commit().await.expect("it is committed");
        assert_eq!(program.get(&mut site, "/me").await.status, StatusCode::UNAUTHORIZED);
    })
    .await;
}

#[tokio::test]
async fn a_change_under_a_key_is_done_once() {
    on_each_narrow(async |database| {
        let mut site = Site::over(database);
        site.add_list("bl.example").await;
        let program =
            Program::new(&mut site, Role::Editor, &[Scope::EntriesWrite, Scope::EntriesRead]).await;
        let path = "/lists/bl.example/entries";
        let body = |address: &str| {
            json!({ "reason": "seen", "changes": [
                { "action": "list", "key": address, "code": "127.0.0.2", "reason": "a trap" },
            ]})
        };
        let post = Method::POST;
        let first =
            program.ask(&mut site, post.clone(), path, Some("\"k1\""), &body("9.9.9.1")).await;
        assert_eq!(first.status, StatusCode::OK, "{first:?}");
        let serial = json(&first)["serial"].as_i64().expect("a number");
        let again = program.ask(&mut site, post.clone(), path, Some("k1"), &body("9.9.9.1")).await;
        assert_eq!((again.status, &again.text), (first.status, &first.text));
        assert_eq!(again.header("idempotency-replayed"), "true");
        let other = program.ask(&mut site, post.clone(), path, Some("k1"), &body("9.9.9.2")).await;
        assert_eq!(other.status, StatusCode::UNPROCESSABLE_ENTITY);
        other.says(&["new key"]);
        // A refusal is not kept: it may be mended and sent again.
        let wide =
            program.ask(&mut site, post.clone(), path, Some("k2"), &body("10.0.0.0/8")).await;
        assert_eq!(wide.status, StatusCode::UNPROCESSABLE_ENTITY, "{wide:?}");
        wide.says(&["reserved"]);
        let mended = program.ask(&mut site, post.clone(), path, Some("k2"), &body("9.9.9.2")).await;
        let done = |serial: i64| {
            json!({ "serial": serial, "motion": null, "because": null, "held": null })
        };
        assert_eq!(json(&mended), done(serial + 1));
        let bare = program.post(&mut site, path, &body("9.9.9.1")).await;
        assert_eq!(
            json(&bare),
            done(serial + 2),
            "without a key it is done again"
        );
        let page = json(&program.get(&mut site, &format!("{path}?limit=1")).await);
        assert_eq!(page["entries"].as_array().map(Vec::len), Some(1));
        assert_eq!(page["next"], "9.9.9.1");
        let rest = json(&program.get(&mut site, &format!("{path}?after=9.9.9.1")).await);
        assert_eq!(rest["entries"][0]["key"], "9.9.9.2");
        assert_eq!(rest["next"], Value::Null);
        let over = json(&program.get(&mut site, &format!("{path}?target=9.9.9.2")).await);
        assert_eq!(over["entries"][0]["source"], "api");
    })
    .await;
}

#[tokio::test]
async fn what_is_not_understood_is_told() {
    on_each_narrow(async |database| {
        let mut site = Site::over(database);
        site.add_list("bl.example").await;
        let program = Program::new(
            &mut site,
            Role::Editor,
            &Scope::of_role(Role::Editor).collect::<Vec<_>>(),
        )
        .await;
        let path = "/lists/bl.example/entries";
        for (body, why) in [
            (json!({}), "field `reason`"),
            (json!({ "reason": "", "changes": [], "more": 1 }), "field `more`"),
            (json!({ "reason": "", "changes": [{ "action": "burn" }] }), "variant `burn`"),
        ] {
            let answer = program.post(&mut site, path, &body).await;
            assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{answer:?}");
            answer.says(&[why]);
        }
        let bearer = format!("Bearer {}", program.token);
        let headers = [("authorization", &*bearer), ("content-type", "text/plain")];
        let answer = site
            .send(Method::POST, "/api/v1/lists/bl.example/entries", &headers, "{}".to_owned())
            .await;
        assert_eq!(answer.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
        let long = "x".repeat(5 * 1024 * 1024);
        let answer = program.post(&mut site, path, &json!({ "reason": long, "changes": [] })).await;
        assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
        let key = "k".repeat(256);
        let answer = program.ask(&mut site, Method::POST, path, Some(&key), &json!({})).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST);
        // Also where no token is asked for.
        let json = [("content-type", "application/json")];
        let typed = r#"{"list":"bl.example"}"#.to_owned();
        let answer = site.send(Method::POST, "/api/v1/removals", &json, typed).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST);
        answer.says(&["issing field `target`", "about:blank"]);
        let answer = site.get("/api/v1/lookup").await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST);
        answer.says(&["missing field `target`"]);
        let gone = program.get(&mut site, "/lists/no.example/entries").await;
        assert_eq!(gone.status, StatusCode::NOT_FOUND);
    })
    .await;
}

#[tokio::test]
async fn a_program_asks_an_editors_program_decides_and_it_is_on_the_list() {
    on_each_narrow(async |database| {
        let mut site = Site::over(database);
        let list = site.add_list("wl.example").await;
        let mut transaction = site.app.database.begin().await.expect("a transaction");
        let code = "127.0.5.1".parse().expect("a code");
        lists::set_code(transaction.session(), list, code, "low").await.expect("it is set");
        transaction.commit().await.expect("it is committed");
        let member = Program::new(
            &mut site,
            Role::Member,
            &Scope::of_role(Role::Member).collect::<Vec<_>>(),
        )
        .await;
        let editor = Program::new(
            &mut site,
            Role::Editor,
            &Scope::of_role(Role::Editor).collect::<Vec<_>>(),
        )
        .await;
        let stranger = Program::new(
            &mut site,
            Role::Member,
            &Scope::of_role(Role::Member).collect::<Vec<_>>(),
        )
        .await;
        let id = member.organisation(&site).await;
        let wanted = json!({ "list": "wl.example", "reason": "our mail", "items": [
            { "action": "add", "network": "5.9.0.7", "code": "127.0.5.1" },
            { "action": "add", "network": "5.9.0.8", "code": "127.0.5.1" },
        ]});
        let checks =
            json(&member.post(&mut site, &format!("/organisations/{id}/checks"), &wanted).await);
        assert!(checks["findings"].as_array().is_some_and(|all| !all.is_empty()), "{checks}");
        let path = format!("/organisations/{id}/requests");
        assert_eq!(stranger.post(&mut site, &path, &wanted).await.status, StatusCode::NOT_FOUND);
        let made = member.post(&mut site, &path, &wanted).await;
        assert_eq!(made.status, StatusCode::CREATED, "{made:?}");
        let made = json(&made);
        let request = made["id"].as_i64().expect("a number");
        assert_eq!(
            (&made["state"], &made["published"]),
            (&json!("queued"), &json!(false)),
            "{made}"
        );
        let path = format!("/requests/{request}");
        assert_eq!(stranger.get(&mut site, &path).await.status, 404);
        assert_eq!(json(&member.get(&mut site, &path).await)["items"][1]["subject"], "5.9.0.8");
        let queue = json(&editor.get(&mut site, "/queue?list=wl.example").await);
        assert_eq!(queue["requests"][0]["service"], "in-time");
        let taken = json(
            &editor.post(&mut site, &format!("/requests/{request}/review"), &Value::Null).await,
        );
        let version = taken["version"].as_i64().expect("a number");
        let path = format!("/requests/{request}/decide");
        let stale = json!({ "verdict": "approve", "version": version - 1, "items": [0] });
        assert_eq!(editor.post(&mut site, &path, &stale).await.status, StatusCode::CONFLICT);
        let verdict =
            json!({ "verdict": "approve", "version": version, "items": [0], "why": "one of them" });
        let done = json(&editor.post(&mut site, &path, &verdict).await);
        assert_eq!(done["outcome"], "published", "{done}");
        assert_eq!(done["request"]["items"][1]["outcome"], "rejected");
        assert_eq!(done["request"]["published"], true, "{done}");
        let own = json(
            &member.get(&mut site, &format!("/organisations/{id}/entries?list=wl.example")).await,
        );
        assert_eq!(own["entries"].as_array().map(Vec::len), Some(1), "{own}");
        assert_eq!(own["entries"][0]["key"], "5.9.0.7");
        let undone = editor
            .post(&mut site, &format!("/requests/{request}/undo"), &json!({ "why": "a mistake" }))
            .await;
        assert_eq!(undone.status, StatusCode::CREATED, "{undone:?}");
    })
    .await;
}

#[tokio::test]
async fn as_much_as_is_promised_is_taken_at_once() {
    on_each_narrow(async |database| {
        let mut site = Site::over(database);
        site.add_list("bl.example").await;
        let scopes: Vec<_> = Scope::of_role(Role::Editor).collect();
        let editor = Program::new(&mut site, Role::Editor, &scopes).await;
        let change = |n: u32| {
            let key = std::net::Ipv4Addr::from(0x0909_0000 + n).to_string();
            json!({ "action": "list", "key": key, "code": "127.0.0.2", "reason": "x".repeat(900) })
        };
        let all: Vec<Value> = (0..1_000).map(change).collect();
        let path = "/lists/bl.example/entries";
        let taken = editor.post(&mut site, path, &json!({ "reason": "", "changes": all })).await;
        assert_eq!(taken.status, StatusCode::OK, "{taken:?}");
        assert_eq!(json(&taken)["held"], Value::Null);
        let nul = json!({ "reason": "x\u{0}y", "changes": [change(0)] });
        assert_eq!(editor.post(&mut site, path, &nul).await.status, StatusCode::BAD_REQUEST);
        // A canary is not listed before somebody looks.
        let mut transaction = site.app.database.begin().await.expect("a transaction");
        let t = &mut transaction;
        let id = lists::by_apex(t.session(), &"bl.example".parse().expect("a name")).await;
        let id = id.expect("it is read").expect("it is there").id;
        let canaries = vec!["8.8.8.8".parse().expect("a target")];
        let settings = dns::Settings { canaries, ..dns::Settings::default() };
        dns::set(t.session(), id, &settings).await.expect("it is set");
        transaction.commit().await.expect("it is committed");
        let listing =
            json!({ "action": "list", "key": "8.8.8.8", "code": "127.0.0.2", "reason": "" });
        let held =
            editor.post(&mut site, path, &json!({ "reason": "", "changes": [listing] })).await;
        assert!(json(&held)["held"].as_str().is_some_and(|why| why.contains("canary")), "{held:?}");
    })
    .await;
}

#[tokio::test]
async fn what_traps_saw_is_taken_once_and_no_trap_is_kept() {
    on_each_narrow(async |database| {
        let mut site = Site::over(database);
        let mut transaction = site.app.database.begin().await.expect("a transaction");
        let t = &mut transaction;
        let cause = Cause {
            actor: audit::machine(t.session(), "test").await.expect("a name"),
            action: "evidence.source".to_owned(),
            reason: "a test".to_owned(),
        };
        evidence::add_source(t, "traps", Kind::Trap, &cause, Timestamp(1)).await.expect("added");
        transaction.commit().await.expect("it is committed");
        let program = Program::new(&mut site, Role::Editor, &[Scope::EvidenceWrite]).await;
        let told = json!({ "source": "traps", "observations": [
            { "target": "192.0.2.25", "class": "spam", "trap": "bait@example.org", "count": 3 },
            { "target": "spam.example", "class": "spam", "seen": "2026-11-22T10:00:00Z" },
        ]});
        for is_again in [false, true] {
            let answer = program.ask(&mut site, Method::POST, "/evidence", Some("k"), &told).await;
            assert_eq!(
                (answer.status, json(&answer)),
                (StatusCode::CREATED, json!({ "taken": 2, "known": 0 }))
            );
            assert_eq!(answer.header("idempotency-replayed") == "true", is_again);
        }
        for (change, status, why) in [
            ("/source", StatusCode::FORBIDDEN, "may not tell what"),
            ("/observations/0/target", StatusCode::UNPROCESSABLE_ENTITY, "bservation 1"),
            ("/observations/1/class", StatusCode::UNPROCESSABLE_ENTITY, "bservation 2"),
        ] {
            let mut told = told.clone();
            *told.pointer_mut(change).expect("it is there") = json!("no such / thing");
            let answer = program.post(&mut site, "/evidence", &told).await;
            assert_eq!(answer.status, status, "{answer:?}");
            answer.says(&[why]);
        }
        let bearer = format!("Bearer {}", program.token);
        let headers = [("authorization", &*bearer), ("content-type", "message/rfc822")];
        let path = "/api/v1/evidence/arf?source=traps";
        let answer = site.send(Method::POST, path, &headers, REPORT.to_owned()).await;
        assert_eq!(
            (answer.status, json(&answer)),
            (StatusCode::CREATED, json!({ "taken": 1, "known": 0 }))
        );
        let again = site.send(Method::POST, path, &headers, REPORT.to_owned()).await;
        assert_eq!(json(&again), json!({ "taken": 0, "known": 1 }), "it is the same report");
        let other = site.send(Method::POST, path, &headers, "Subject: x\n\nhello".to_owned()).await;
        assert_eq!(other.status, StatusCode::UNPROCESSABLE_ENTITY, "{other:?}");
        let (mut bytes, mut look) = (Vec::new(), site.app.database.look().await.expect("a look"));
        backup::write(&mut look, &mut bytes).await.expect("it is written");
        let all = String::from_utf8_lossy(&bytes);
        assert!(all.contains("traps") && !all.contains("bait@example.org"));
    })
    .await;
}

#[tokio::test]
async fn a_token_tells_what_its_sources_saw_and_no_other() {
    on_each_narrow(async |database| {
        let mut site = Site::over(database);
        let site = &mut site;
        let mut transaction = site.app.database.begin().await.expect("a transaction");
        let t = &mut transaction;
        let cause = Cause {
            actor: audit::machine(t.session(), "test").await.expect("a name"),
            action: "evidence.source".to_owned(),
            reason: "a test".to_owned(),
        };
        let mut ids = Vec::new();
        for name in ["traps", "loop"] {
            let added = evidence::add_source(t, name, Kind::Trap, &cause, Timestamp(1)).await;
            ids.push(added.expect("it is added"));
        }
        transaction.commit().await.expect("it is committed");
        let editor = Program::new(site, Role::Editor, &[Scope::Account]).await;
        let admin = Program::new(site, Role::Administrator, &[Scope::EvidenceWrite]).await;
        let make = async |site: &Site, by: &Program, scope: Scope, sources: Vec<_>| {
            let mut connection = site.app.database.read().await.expect("a connection");
            let account = accounts::by_id(connection.session(), by.account).await.expect("read");
            drop(connection);
            let (name, scopes) = ("traps".to_owned(), vec![scope]);
            let wish = Wish { name, scopes, days: None, sources };
            let made = token::make(&site.app, &account.expect("it is there"), &wish).await;
            made.map(|token| Program { account: by.account, token })
        };
        // Only an administrator's token speaks for all.
        assert!(make(site, &editor, Scope::EvidenceWrite, Vec::new()).await.is_err());
        assert!(make(site, &editor, Scope::QueueRead, vec![ids[0]]).await.is_err());
        let unknown = vec![database_evidence::EvidenceSourceId(99)];
        assert!(make(site, &editor, Scope::EvidenceWrite, unknown).await.is_err());
        let one = make(site, &editor, Scope::EvidenceWrite, vec![ids[0]]).await.expect("made");
        let bound = make(site, &admin, Scope::EvidenceWrite, vec![ids[1]]).await.expect("made");
        for (program, source, may) in [
            (&one, "traps", true),
            (&one, "loop", false),
            (&one, "none", false),
            (&admin, "traps", true),
            (&admin, "loop", true),
            (&bound, "traps", false),
            (&bound, "loop", true),
        ] {
            let told = json!({ "source": source, "observations": [
                { "target": "9.9.2.25", "class": "spam" },
            ]});
            let answer = program.post(site, "/evidence", &told).await;
            let expect = if may { StatusCode::CREATED } else { StatusCode::FORBIDDEN };
            assert_eq!(answer.status, expect, "{source}: {answer:?}");
            let bearer = format!("Bearer {}", program.token);
            let headers = [("authorization", &*bearer), ("content-type", "message/rfc822")];
            let path = format!("/api/v1/evidence/arf?source={source}");
            let answer = site.send(Method::POST, &path, &headers, REPORT.to_owned()).await;
            assert_eq!(answer.status, expect, "{source}: {answer:?}");
        }
        // On the page they are chosen and shown.
        site.become_role(Some(Role::Editor)).await;
        site.get("/account/tokens").await.says(&["As which sources", "name=\"source-1\"", "loop"]);
        let fields = [("name", "mx2"), ("days", "30"), ("evidence:write", "yes")];
        let refused = site.post("/account/tokens", &fields).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
        refused.says(&["Say as which sources"]);
        let fields = [&fields[..], &[("source-2", "yes")]].concat();
        assert_eq!(site.post("/account/tokens", &fields).await.status, StatusCode::OK);
        site.get("/account/tokens").await.says(&["as <code>loop</code>"]);
        site.become_role(Some(Role::Member)).await;
        assert!(!site.get("/account/tokens").await.text.contains("As which sources"));
    })
    .await;
}

/// A report of abuse.
const REPORT: &str = "From: abuse@isp.example\r\nTo: us@example.org\r\nSubject: FW: spam\r\n\
MIME-Version: 1.0\r\nContent-Type: multipart/report; report-type=feedback-report; boundary=\"b\"\r\n\r\n\
--b\r\nContent-Type: text/plain\r\n\r\nA report.\r\n\
--b\r\nContent-Type: message/feedback-report\r\n\r\nFeedback-Type: abuse\r\nUser-Agent: x/1\r\nVersion: 1\r\n\
Source-IP: 198.51.100.7\r\n\r\n\
--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: buy\r\n\r\nnow\r\n--b--\r\n";

#[tokio::test]
async fn a_domain_is_claimed_and_the_record_named() {
    on_each_narrow(async |database| {
        let mut site = Site::over(database);
        let scopes = [Scope::OrganisationsRead, Scope::OrganisationsWrite];
        let program = Program::new(&mut site, Role::Member, &scopes).await;
        let wanted = json!({ "domain": "example.org", "name": "Ada's", "proof": "dns" });
        let claim = json(&program.post(&mut site, "/claims", &wanted).await);
        assert_eq!(claim["record"]["name"], "_repute-challenge.example.org", "{claim}");
        let id = claim["id"].as_i64().expect("a number");
        let looked =
            json(&program.post(&mut site, &format!("/claims/{id}/look"), &Value::Null).await);
        assert_eq!(
            (&looked["found"], &looked["state"]),
            (&json!(false), &json!("open")),
            "{looked}"
        );
        let other = Program::new(&mut site, Role::Administrator, &scopes).await;
        assert_eq!(
            other.get(&mut site, &format!("/claims/{id}")).await.status,
            StatusCode::NOT_FOUND
        );
        let done = program.post(&mut site, &format!("/claims/{id}/withdraw"), &Value::Null).await;
        assert_eq!(json(&done), json!({ "done": true }));
    })
    .await;
}

#[tokio::test]
async fn a_subscribers_token_is_shown_once() {
    on_each_narrow(async |database| {
        let mut site = Site::over(database);
        site.add_list("bl.example").await;
        let program = Program::new(&mut site, Role::Administrator, &[Scope::Subscribers]).await;
        let wanted = json!({ "name": "mirror", "lists": ["bl.example"] });
        let ask = async |site: &mut Site| {
            json(&program.ask(site, Method::POST, "/subscribers", Some("k"), &wanted).await)
        };
        let (first, again) = (ask(&mut site).await, ask(&mut site).await);
        assert_eq!(first["token"].as_str().map(str::len), Some(64), "{first}");
        assert_eq!(again["token"], Value::Null);
        let all = json(&program.get(&mut site, "/subscribers").await);
        assert_eq!(all["subscribers"][0]["lists"], json!(["bl.example"]));
        let gone =
            program.ask(&mut site, Method::DELETE, "/subscribers/mirror", None, &Value::Null).await;
        assert_eq!(json(&gone), json!({ "done": true }));
    })
    .await;
}

#[tokio::test]
async fn tokens_are_made_and_ended_on_a_page() {
    on_each_narrow(async |database| {
        let mut site = Site::over(database);
        site.join("ada@example.org", Role::Member).await;
        site.get("/account/tokens").await.says(&["You have none yet", "organisations:read"]);
        assert!(!site.get("/account/tokens").await.text.contains("people:write"));
        let none = site.post("/account/tokens", &[("name", "x"), ("days", "30")]).await;
        assert_eq!(none.status, StatusCode::UNPROCESSABLE_ENTITY);
        none.says(&["Say what it may be used for"]);
        let fields = [
            ("name", "<b>"),
            ("days", "30"),
            ("organisations:read", "yes"),
            ("people:write", "yes"),
        ];
        let more = site.post("/account/tokens", &fields).await;
        assert_eq!(more.status, StatusCode::UNPROCESSABLE_ENTITY);
        more.says(&["may not do more than you"]);
        let made = site.post("/account/tokens", &fields[..3]).await;
        made.says(&["repute_", "shown now and never again", "&#60;b&#62;"]);
        let token = made.text.split("<code>repute_").nth(1).and_then(|rest| rest.split('<').next());
        let bearer = format!("Bearer repute_{}", token.expect("it is shown"));
        let headers = [("authorization", &*bearer)];
        let me = site.ask(Method::GET, "/api/v1/me", &headers, &[]).await;
        me.says(&["ada@example.org", "organisations:read"]);
        site.get("/account/tokens").await.says(&["last used", "ends 20"]);
        assert_eq!(site.post("/account/tokens/99/end", &[]).await.status, StatusCode::NOT_FOUND);
        assert_eq!(site.post("/account/tokens/1/end", &[]).await.location(), "/account/tokens");
        let me = site.ask(Method::GET, "/api/v1/me", &headers, &[]).await;
        assert_eq!(me.status, StatusCode::UNAUTHORIZED);
    })
    .await;
}

#[tokio::test]
async fn the_document_and_the_page_about_it_are_for_everybody() {
    let mut site = Site::new().await;
    let document = json(&site.get("/api/v1/openapi.json").await);
    assert_eq!(document["openapi"], "3.1.0");
    assert_eq!(document["servers"][0]["url"], "http://localhost:8080");
    let page = site.get("/api").await;
    page.says(&["/api/v1/requests/{id}/decide", "queue:write", "Idempotency-Key"]);
    let count = routes::all().iter().filter(|route| route.path.starts_with("/api/v1/")).count();
    assert_eq!(
        page.text.matches("<details").count(),
        count - 3,
        "all but the document and the lists' files"
    );
}

#[tokio::test]
async fn addresses_are_asked_for_once_a_domain_is_proven() {
    on_each_narrow(async |database| {
        let mut site = Site::over(database);
        site.add_list("bl.example").await;
        let scopes = [Scope::OrganisationsRead, Scope::OrganisationsWrite, Scope::RequestsWrite];
        let program = Program::new(&mut site, Role::Member, &scopes).await;
        let claim = json!({ "domain": "example.org", "name": "Ada's", "proof": "dns" });
        program.post(&mut site, "/claims", &claim).await;
        let wanted = |items: Value| json!({ "list": "bl.example", "items": items });
        let networks = wanted(json!([{ "action": "remove", "network": "8.8.8.8" }]));
        let path = "/organisations/1/requests";
        let refused = program.post(&mut site, path, &networks).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
        refused.says(&["claim one first, then ask for addresses"]);
        let mut numbers = Vec::new();
        for number in 0..3 {
            let named = wanted(json!([{ "action": "name", "name": format!("Ada {number}") }]));
            let asked = json(&program.post(&mut site, path, &named).await);
            numbers.push(asked["id"].as_i64().expect("a number"));
            let again = program.post(&mut site, path, &named).await;
            assert_eq!(again.status, StatusCode::CONFLICT);
            again.says(&[&format!("/requests/{}", numbers[number])]);
        }
        let all = json(&program.get(&mut site, path).await);
        assert_eq!(
            (all["requests"].as_array().map(Vec::len), &all["next"]),
            (Some(3), &Value::Null)
        );
        let earlier = json(&program.get(&mut site, &format!("{path}?before={}", numbers[1])).await);
        assert_eq!(earlier["requests"][0]["id"], numbers[0]);
        let editor = Program::new(&mut site, Role::Editor, &[Scope::QueueRead]).await;
        let found = json(&editor.get(&mut site, "/queue?find=Ada&state=queued").await);
        assert_eq!(found["requests"][0]["id"], numbers[0], "{found}");
        let none = json(&editor.get(&mut site, "/queue?organisation=99").await);
        assert_eq!(none["requests"], json!([]));
        let nowhere = editor.get(&mut site, "/queue?after=x").await;
        assert_eq!(nowhere.status, StatusCode::UNPROCESSABLE_ENTITY);
        let none = json(&editor.get(&mut site, "/removals?find=8.8.8.8&after=3").await);
        assert_eq!((&none["removals"], &none["next"]), (&json!([]), &Value::Null));
    })
    .await;
}

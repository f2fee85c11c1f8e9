//! What programs ask for: requests, with all that is found out about them.

use std::collections::BTreeSet;

use repute_database::categories::{self, Category};
use repute_database::entries::{self, Entry};
use repute_database::{Timestamp, outbox};
use repute_dnsxl::ReturnCode;

use super::*;

#[tokio::test]
async fn a_removal_is_asked_for_once_under_its_key() {
    on_each_narrow(async |database| {
        let mut site = Site::over(database);
        let list = site.add_list("bl.example").await;
        let mut transaction = site.app.database.begin().await.expect("a transaction");
        let t = &mut transaction;
        let source = entries::source(t.session(), "test").await.expect("a source");
        let entry = Entry {
            key: "9.9.9.9".parse().expect("a key"),
            code: Some("127.0.0.2".parse().expect("a code")),
            text: String::new(),
            reason: String::new(),
            criterion: None,
            source,
            organisation: None,
            since: Timestamp(1),
            expires: None,
            review: None,
        };
        entries::put(t.session(), list, &[entry]).await.expect("it is written");
        transaction.commit().await.expect("it is committed");
        let ask = async |site: &mut Site, key: &str, mail: &str| {
            let headers = [("content-type", "application/json"), ("idempotency-key", key)];
            let wanted = json!({ "list": "bl.example", "target": "9.9.9.9", "mail": mail });
            site.send(Method::POST, "/api/v1/removals", &headers, wanted.to_string()).await
        };
        for (key, mail, status, is_again) in [
            ("one", "nobody", 422, false),
            ("one", "a@x.example", 201, false),
            ("one", "a@x.example", 201, true),
            ("one", "b@x.example", 422, false),
            ("two", "a@x.example", 201, false),
        ] {
            let answer = ask(&mut site, key, mail).await;
            assert_eq!(answer.status, status, "{key} {mail}: {answer:?}");
            assert_eq!(answer.header("idempotency-replayed") == "true", is_again, "{key} {mail}");
            if status == 201 {
                assert_eq!(json(&answer)["sent"], mail);
            }
        }
        let mut transaction = site.app.database.begin().await.expect("a transaction");
        let lease = std::time::Duration::from_secs(60);
        for expected in [true, true, false] {
            let taken = outbox::take(transaction.session(), Timestamp::now(), lease).await;
            assert_eq!(taken.expect("it is read").is_some(), expected, "a letter for each key");
        }
    })
    .await;
}

#[tokio::test]
async fn a_request_by_a_program_is_looked_at_whole_and_as_one_by_a_page() {
    on_each_narrow(async |database| {
        let mut site = Site::asking_another_list(database);
        let list = site.add_list("wl.example").await;
        let mut transaction = site.app.database.begin().await.expect("a transaction");
        let code = "127.0.5.1".parse().expect("a code");
        lists::set_code(transaction.session(), list, code, "low").await.expect("it is set");
        transaction.commit().await.expect("it is committed");
        let member = Program::new(&mut site, Role::Member, &[Scope::RequestsWrite]).await;
        let id = member.organisation(&site).await;
        let item = |n: u32| {
            let network = format!("5.9.{}.{}", n / 200, n % 200);
            json!({ "action": "add", "network": network, "code": "127.0.5.1" })
        };
        let items: Vec<Value> = (0..400).map(item).collect();
        let wanted = json!({ "list": "wl.example", "reason": "our mail", "items": items });
        for path in ["checks", "requests"] {
            let answer =
                member.post(&mut site, &format!("/organisations/{id}/{path}"), &wanted).await;
            assert!(answer.status.is_success(), "{path}: {answer:?}");
            let found = json(&answer);
            let of = |check: &str| -> BTreeSet<String> {
                let all = found["findings"].as_array().expect("findings").iter();
                let of = all.filter(|one| one["check"] == check);
                of.map(|one| one["about"].as_str().expect("a text").to_owned()).collect()
            };
            assert_eq!(of("fcrdns").len(), 400, "{path}: each is looked at");
            let others = of("listed elsewhere");
            assert_eq!(others.len(), 17, "{path}: {others:?}");
            assert!(others.contains("384 addresses from 5.9.0.16 to 5.9.1.199"), "{others:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_program_chooses_a_category_asks_for_another_and_decides_it() {
    on_each_narrow(async |database| {
        let mut site = Site::over(database);
        let list = site.add_list("wl.example").await;
        let mut transaction = site.app.database.begin().await.expect("a transaction");
        let t = &mut transaction;
        for (number, name) in [(2, "financial"), (5, "provider")] {
            let category = Category { number, name: name.to_owned() };
            categories::add(t.session(), list, &category).await.expect("it is added");
            let code = ReturnCode([127, 0, number, 1].into());
            lists::set_code(t.session(), list, code, name).await.expect("it is set");
        }
        transaction.commit().await.expect("it is committed");
        let scopes = [Scope::OrganisationsRead, Scope::OrganisationsWrite, Scope::RequestsWrite];
        let member = Program::new(&mut site, Role::Member, &scopes).await;
        let claim = |number: u8| {
            let categories = json!([{ "list": "wl.example", "category": number }]);
            json!({ "domain": "x.example", "name": "X", "proof": "dns", "categories": categories })
        };
        let answer = member.post(&mut site, "/claims", &claim(7)).await;
        assert_eq!(answer.status, 422, "{answer:?}");
        let claimed = json(&member.post(&mut site, "/claims", &claim(2)).await);
        let id = claimed["organisation"].as_i64().expect("an Id");
        let mut of_another = claim(5);
        of_another["organisation"] = json!(id);
        let answer = member.post(&mut site, "/claims", &of_another).await;
        assert_eq!(answer.status, 422, "only a new one chooses: {answer:?}");
        let shown = async |site: &mut Site| {
            let answer = member.get(site, &format!("/organisations/{id}")).await;
            json(&answer)["categories"].clone()
        };
        let financial = json!([{ "list": "wl.example", "number": 2, "name": "financial" }]);
        assert_eq!(shown(&mut site).await, financial);
        let wanted = json!({
            "list": "wl.example",
            "items": [{ "action": "add", "network": "8.8.8.8", "code": "127.0.5.1" }]
        });
        let found =
            json(&member.post(&mut site, &format!("/organisations/{id}/checks"), &wanted).await);
        let found = found["findings"].as_array().expect("findings");
        let of = found.iter().find(|one| one["check"] == "category").expect("one of the category");
        assert_eq!((&of["outcome"], &of["about"]), (&json!("fail"), &json!("8.8.8.8")));

        let editor = Program::new(&mut site, Role::Editor, &[Scope::QueueWrite]).await;
        let path = format!("/organisations/{id}/categories/wl.example");
        for (program, body, status) in [
            (&member, json!({ "category": 5, "reason": "x" }), 403),
            (&editor, json!({ "category": 7, "reason": "x" }), 422),
            (&editor, json!({ "category": 5 }), 400),
            (&editor, json!({ "category": 5, "reason": "it runs networks" }), 200),
        ] {
            let answer = program.ask(&mut site, Method::PUT, &path, None, &body).await;
            assert_eq!(answer.status, status, "{body}: {answer:?}");
        }
        let provider = json!([{ "list": "wl.example", "number": 5, "name": "provider" }]);
        assert_eq!(shown(&mut site).await, provider);
    })
    .await;
}

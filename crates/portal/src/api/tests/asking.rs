//! What programs ask for: requests, with all that is found out about them.

use std::collections::BTreeSet;

use repute_database::entries::{self, Entry};
use repute_database::{Timestamp, outbox};

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
    let mut site = Site::asking_another_list().await;
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
        let answer = member.post(&mut site, &format!("/organisations/{id}/{path}"), &wanted).await;
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
}

//! What programs ask for: requests, with all that is found out about them.

use std::collections::BTreeSet;

use super::*;

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

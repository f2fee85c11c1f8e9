//! By what something is listed, and when it is looked at again, as programs say it: of files, requests and decisions.

use repute_database::Key;
use repute_database::entries::{self, CriterionId, Entry};
use repute_database::lists::ListId;

use super::*;
use crate::moment::Moment;

/// A list with two criteria that are good for something, and one that is ended.
async fn list(site: &Site, apex: &str) -> (ListId, [CriterionId; 2]) {
    let list = site.add_list(apex).await;
    let mut transaction = site.app.database.begin().await.expect("a transaction");
    let (t, now) = (&mut transaction, Timestamp::now());
    for code in ["127.0.5.1", "127.0.0.2"] {
        let code = code.parse().expect("a code");
        lists::set_code(t.session(), list, code, "low").await.expect("it is set");
    }
    let policy = lists::publish_policy(t.session(), list, "We list senders.", now).await;
    let policy = policy.expect("it is published");
    let mut made = Vec::new();
    for slug in ["trap", "own", "old"] {
        let said = ("A criterion", "It is so.");
        let id = lists::add_criterion(t.session(), list, policy, slug, said, now).await;
        made.push(id.expect("it is added"));
    }
    lists::end_criterion(t.session(), made[2], now).await.expect("it is ended");
    transaction.commit().await.expect("it is committed");
    (list, [made[0], made[1]])
}

/// What a list has of a key.
async fn there(site: &Site, list: ListId, key: &str) -> Vec<Entry> {
    let mut connection = site.app.database.read().await.expect("a connection");
    let key: Key = key.parse().expect("a key");
    entries::at(connection.session(), list, &key).await.expect("it is read")
}

/// The day of an entry's review date.
fn review(entry: &Entry) -> Option<String> {
    entry.review.map(|review| Moment(review).day())
}

#[tokio::test]
async fn a_file_names_a_criterion_and_a_day_for_all_that_is_in_it() {
    on_each_narrow(async |database| {
        let mut site = Site::over(database);
        let site = &mut site;
        let (list, [trap, own]) = list(site, "bl.example").await;
        let admin = Program::new(site, Role::Administrator, &[Scope::EntriesImport]).await;
        let bearer = format!("Bearer {}", admin.token);
        let headers = [("authorization", &*bearer), ("content-type", "application/octet-stream")];
        let send = async |site: &mut Site, query: &str| {
            let path = format!("/api/v1/lists/bl.example/imports?source=feed&{query}");
            site.send(Method::POST, &path, &headers, "9.9.2.1\n9.9.2.2\n".to_owned()).await
        };
        for (query, word) in [
            ("criterion=none", "`none`"),
            ("criterion=old", "`old`"),
            ("review_on=soon", "soon"),
            ("review_on=2027-02-30", "2027-02-30"),
        ] {
            let refused = send(site, query).await;
            assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{query}: {refused:?}");
            refused.says(&[word]);
        }
        // A file that names none leaves what an earlier one named.
        for (query, criterion, day) in [
            ("criterion=trap&review_on=2027-03-01", trap, "2027-03-01"),
            ("", trap, "2027-03-01"),
            ("criterion=own&review_on=2028-01-02", own, "2028-01-02"),
        ] {
            let taken = send(site, query).await;
            assert_eq!(taken.status, StatusCode::ACCEPTED, "{query}: {taken:?}");
            site.work().await;
            for key in ["9.9.2.1", "9.9.2.2"] {
                let all = there(site, list, key).await;
                assert_eq!(all.len(), 1, "{query}");
                assert_eq!(all[0].criterion.map(|named| named.id), Some(criterion), "{query}");
                assert_eq!(review(&all[0]).as_deref(), Some(day), "{query}");
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_request_names_a_criterion_and_a_day_and_its_decision_may_say_otherwise() {
    on_each_narrow(async |database| {
        let mut site = Site::over(database);
        let site = &mut site;
        let (list, [trap, own]) = list(site, "wl.example").await;
        let all = |role| Scope::of_role(role).collect::<Vec<_>>();
        let member = Program::new(site, Role::Member, &all(Role::Member)).await;
        let editor = Program::new(site, Role::Editor, &all(Role::Editor)).await;
        let id = member.organisation(site).await;
        let path = format!("/organisations/{id}/requests");
        let wanted = |network: &str, criterion: &str, day: &str| {
            json!({ "list": "wl.example", "reason": "our mail", "criterion": criterion,
                "review_on": day,
                "items": [{ "action": "add", "network": network, "code": "127.0.5.1" }] })
        };
        for (criterion, day) in [("none", "2027-03-01"), ("old", "2027-03-01"), ("trap", "soon")] {
            let refused = member.post(site, &path, &wanted("5.9.0.0/30", criterion, day)).await;
            assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{criterion} {day}");
        }
        let asked = async |site: &mut Site, network: &str| {
            let made = member.post(site, &path, &wanted(network, "trap", "2027-03-01")).await;
            assert_eq!(made.status, StatusCode::CREATED, "{made:?}");
            let made = json(&made);
            assert_eq!(made["criterion"], "trap");
            assert_eq!(made["review_on"], "2027-03-01");
            let path = format!("/requests/{}", made["id"]);
            let taken = json(&editor.post(site, &format!("{path}/review"), &Value::Null).await);
            (format!("{path}/decide"), taken["version"].as_i64().expect("a number"))
        };

        // As it was asked for.
        let (decide, version) = asked(site, "5.9.0.7").await;
        let yes = json!({ "verdict": "approve", "version": version, "items": [0] });
        assert_eq!(json(&editor.post(site, &decide, &yes).await)["outcome"], "published");
        let listed = there(site, list, "5.9.0.7").await;
        assert_eq!(
            (listed[0].criterion.map(|named| named.id), review(&listed[0])),
            (Some(trap), Some("2027-03-01".to_owned()))
        );

        // Otherwise, without an address of the network; what cannot be is refused first, and decides nothing.
        let (decide, version) = asked(site, "5.9.1.0/30").await;
        let verdict = |more: Value| {
            let mut verdict = json!({ "verdict": "approve", "version": version, "items": [0],
                "why": "the router is no mail server" });
            let more = more.as_object().expect("fields").clone();
            verdict.as_object_mut().expect("fields").extend(more);
            verdict
        };
        for wrong in [
            json!({ "criterion": "none" }),
            json!({ "criterion": "old" }),
            json!({ "review_on": "soon" }),
            json!({ "without": ["5.9.2.1"] }),
            json!({ "without": ["no address"] }),
        ] {
            let refused = editor.post(site, &decide, &verdict(wrong.clone())).await;
            assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{wrong}: {refused:?}");
            assert!(there(site, list, "5.9.1.0/30").await.is_empty(), "{wrong}");
        }
        let other =
            json!({ "criterion": "own", "review_on": "2028-01-02", "without": ["5.9.1.1"] });
        let done = json(&editor.post(site, &decide, &verdict(other)).await);
        assert_eq!(done["outcome"], "published", "{done}");
        let listed = there(site, list, "5.9.1.0/30").await;
        assert_eq!(
            (listed[0].criterion.map(|named| named.id), review(&listed[0])),
            (Some(own), Some("2028-01-02".to_owned()))
        );
        let without = there(site, list, "5.9.1.1").await;
        assert_eq!((without.len(), without[0].code), (1, None), "it is an exclusion");

        // By none, although one was asked for.
        let (decide, version) = asked(site, "5.9.3.7").await;
        let none =
            json!({ "verdict": "approve", "version": version, "items": [0], "criterion": "" });
        assert_eq!(json(&editor.post(site, &decide, &none).await)["outcome"], "published");
        assert_eq!(there(site, list, "5.9.3.7").await[0].criterion, None);
    })
    .await;
}

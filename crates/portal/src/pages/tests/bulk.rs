//! Many are decided at once.

use repute_database::dns;

use super::*;

#[tokio::test]
async fn many_are_decided_at_once_after_a_look_at_what_that_does() {
    on_each_narrow(async |database| {
        let mut site = Site::over(database);
        let list = allow_list(&site).await;
        site.become_role(Some(Role::Member)).await;
        ask_for(&mut site, "one.example", "8.8.8.8\n8.8.4.0/30", "127.0.5.1").await;
        site.become_role(Some(Role::Member)).await;
        ask_for(&mut site, "two.example", "9.9.9.9", "127.0.5.3").await;
        // An editor has an organisation of his own.
        site.become_role(Some(Role::Editor)).await;
        ask_for(&mut site, "own.example", "1.1.1.1", "127.0.5.1").await;
        // What was just done is said once.
        site.get("/queue").await.says(&["class=\"flash\""]);
        let queue = site.get("/queue").await;
        let version = |id: &str| {
            let name = format!("name=\"request-{id}\" value=\"");
            let (_, rest) = queue.text.split_once(&name).expect("a box");
            rest.split_once('"').expect("its end").0.to_owned()
        };
        let versions = ["1", "2", "3"].map(version);
        let chosen = [
            ("request-1", &*versions[0]),
            ("request-2", &*versions[1]),
            ("request-3", &*versions[2]),
            ("verdict", "approve"),
        ];
        let page = site.post("/queue/bulk", &chosen).await;
        page.says(&[
            "What this would do",
            "would be decided: 2 newly listed",
            "another editor has to agree, for a code that two editors decide about",
            "left out. You may not decide",
            "<dd>2 <small>5 IPv4</small></dd>",
            "Approve 2</button>",
        ]);
        // Nothing of it happened.
        for network in ["8.8.8.8", "8.8.4.0/30", "9.9.9.9", "1.1.1.1"] {
            assert_eq!(codes(&site.app.database, list, network).await, [""; 0], "{network}");
        }
        assert_eq!(site.get("/queue").await.text, queue.text);
        assert_eq!(letter(&site).await, None);

        let confirmed = [&chosen[..], &[("confirm", "yes")]].concat();
        site.post("/queue/bulk", &confirmed).await.says(&["Decided", "decided: 2 newly listed"]);
        assert_eq!(codes(&site.app.database, list, "8.8.8.8").await, ["127.0.5.1"]);
        assert_eq!(codes(&site.app.database, list, "9.9.9.9").await, [""; 0]);
        assert_eq!(codes(&site.app.database, list, "1.1.1.1").await, [""; 0]);
        let (_, text) = letter(&site).await.expect("a letter");
        assert!(text.contains("approved"), "{text}");
        // What was decided meanwhile is left out, and what is whole is not done twice.
        let again = site.post("/queue/bulk", &confirmed).await;
        again.says(&["left out. Somebody changed this request meanwhile"]);

        // A rejection, with a text of ours.
        site.become_role(Some(Role::Editor)).await;
        let queue = site.get("/queue").await;
        queue.says(&["Write to &#60;abuse@example.org&#62; first."]);
        let (_, rest) = queue.text.split_once("name=\"request-3\" value=\"").expect("a box");
        let (version, _) = rest.split_once('"').expect("its end");
        let reject = [
            ("request-3", version),
            ("verdict", "reject"),
            ("reason", "policy"),
            ("canned", "0"),
            ("why", "Thank you."),
            ("confirm", "yes"),
        ];
        site.post("/queue/bulk", &reject).await.says(&["Rejected", "decided"]);
        site.get("/requests/3").await.says(&["abuse@example.org&#62; first. Thank you."]);
        for wrong in [&[("verdict", "approve")][..], &[("request-3", "1"), ("verdict", "x")]] {
            let answer = site.post("/queue/bulk", wrong).await;
            assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
        }

        // The week's work, by editor for administrators only.
        let page = site.get("/statistics").await;
        page.says(&[
            "<svg ",
            "Half of them within",
            "less than an hour",
            "100 %",
            "<td class=\"number\">1</td>",
        ]);
        assert!(!page.text.contains("By editor"));
        site.become_role(Some(Role::Administrator)).await;
        site.get("/statistics").await.says(&["By editor", "Some &#60;One&#62;"]);
    })
    .await;
}

#[tokio::test]
async fn what_the_guards_would_hold_is_told_before_and_after() {
    on_each_narrow(async |database| {
        let mut site = Site::over(database);
        let list = allow_list(&site).await;
        site.become_role(Some(Role::Member)).await;
        ask_for(&mut site, "one.example", "8.8.8.8", "127.0.5.1").await;
        let mut transaction = site.app.database.begin().await.expect("a transaction");
        // No address is narrow enough for it.
        let settings = dns::Settings { ipv4_prefix: 32, ..dns::Settings::default() };
        dns::set(transaction.session(), list, &settings).await.expect("it is set");
        transaction.commit().await.expect("it is committed");
        site.become_role(Some(Role::Editor)).await;
        let queue = site.get("/queue").await;
        let (_, rest) = queue.text.split_once("name=\"request-1\" value=\"").expect("a box");
        let (version, _) = rest.split_once('"').expect("its end");
        let held =
            "1 newly listed; the list’s guards keep it back until another editor approves it";
        let chosen = [("request-1", version), ("verdict", "approve")];
        site.post("/queue/bulk", &chosen).await.says(&[
            "would be decided",
            held,
            "Kept back by the list’s guards</dt><dd>1</dd>",
        ]);
        let confirmed = [&chosen[..], &[("confirm", "yes")]].concat();
        site.post("/queue/bulk", &confirmed).await.says(&["Decided", held]);
        assert_eq!(codes(&site.app.database, list, "8.8.8.8").await, ["127.0.5.1"]);
    })
    .await;
}

//! Versions that the guards of a list refused: who hears of it, and who has the list go on.

use repute_database::publications::{self, Outcome, Publication};
use repute_registry::changes::{self, Change};

use super::*;
use crate::zones::Standing;

/// The pseudonym of who is signed in.
async fn pseudonym(site: &Site) -> String {
    let mut transaction = site.app.database.begin().await.expect("a transaction");
    let mail = &site.cookies["session"];
    let account = accounts::by_mail(transaction.session(), mail).await.expect("it is read");
    let account = account.expect("somebody is signed in").id.0;
    let actor = audit::actor(transaction.session(), account).await.expect("a pseudonym");
    transaction.commit().await.expect("it is committed");
    actor
}

/// Lists a network, and says what became of that version; the serial.
async fn publish(site: &Site, list: ListId, actor: &str, key: &str, outcome: Outcome) -> u32 {
    let mut transaction = site.app.database.begin().await.expect("a transaction");
    let stored = lists::by_id(transaction.session(), list).await.expect("it is read");
    let stored = stored.expect("it is there");
    let key: Key = key.parse().expect("a key");
    let entry = Entry {
        key: key.clone(),
        code: Some("127.0.0.2".parse().expect("a code")),
        text: String::new(),
        reason: "a trap was hit".to_owned(),
        criterion: None,
        source: entries::source(transaction.session(), "test").await.expect("a source"),
        organisation: None,
        since: Timestamp(1),
        expires: None,
        review: None,
    };
    let cause =
        Cause { actor: actor.to_owned(), action: "entry.add".to_owned(), reason: String::new() };
    let (change, now) = ([Change { key, entries: vec![entry] }], Timestamp::now());
    let serial = changes::apply(&mut transaction, &stored, &change, &cause, now).await;
    let serial = serial.expect("it is applied");
    let audit = audit::head(transaction.session()).await.expect("it is read").rows;
    let publication = Publication { serial, time: now, entries: 1, audit, outcome };
    publications::note(transaction.session(), list, &publication).await.expect("it is noted");
    transaction.commit().await.expect("it is committed");
    serial
}

#[tokio::test]
async fn a_list_that_stands_still_says_so_and_another_editor_has_it_go_on() {
    on_each_narrow(async |database| {
        let mut site = Site::over(database);
        let list = site.add_list("bl.example").await;
        let served = ("bl.example".parse().expect("a name"), "192.0.2.7".parse().expect("one"));
        let served = (served.0, served.1, Standing::NotListed);
        site.zones.0.lock().expect("nobody panicked").push(served);
        site.become_role(Some(Role::Administrator)).await;
        let other = site.cookies.clone();
        site.become_role(Some(Role::Editor)).await;
        let author = pseudonym(&site).await;
        publish(&site, list, &author, "192.0.2.7", Outcome::Published).await;
        let why = "all of 11.0.0.0/8 would be listed".to_owned();
        let held = publish(&site, list, &author, "11.0.0.0/8", Outcome::Refused { why }).await;

        // Everybody learns that it stands still, and editors why.
        let mut told = Vec::new();
        for _ in 0..2 {
            chores::tell_refused(&site.app).await.expect("they are told");
            while let Some((to, text)) = letter(&site).await {
                assert!(text.contains("11.0.0.0/8") && text.contains("/queue"), "{text}");
                told.push(to);
            }
        }
        told.sort();
        let mut editors = [other["session"].clone(), site.cookies["session"].clone()];
        editors.sort();
        assert_eq!(told, editors, "each is written to once");
        let own = std::mem::take(&mut site.cookies);
        for (path, words) in [
            ("/status", "1 of 1 lists waits for an editor"),
            ("/lists/bl.example", "The latest changes are not published"),
        ] {
            let page = site.get(path).await;
            page.says(&[words, &format!("serial {held}")]);
            assert!(!page.text.contains("11.0.0.0/8"), "canaries are nobody else's business");
        }

        // What comes after it is not said to be in DNS.
        let fields = [
            ("list", "bl.example"),
            ("target", "192.0.2.7"),
            ("mail", "a@b.example"),
            ("reason", ""),
        ];
        site.post("/removals", &fields).await.says(&["Look into your mail"]);
        let (_, text) = letter(&site).await.expect("a letter");
        let page = site.post(&link(&text), &[]).await;
        page.says(&["name servers do not know yet", "an editor has to look at that first"]);
        assert!(!page.text.contains("within a second"));

        // Who made the change does not approve it; another one does.
        let path = format!("/queue/versions/{}", list.0);
        let serial = held.to_string();
        let serial = [("serial", &*serial)];
        site.cookies = own;
        let page = site.get("/queue").await;
        page.says(&["All of 11.0.0.0/8 would be listed.", "another editor has to approve it"]);
        let refused = site.post(&path, &serial).await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN);
        refused.says(&["is your own change"]);
        page.says(&[&path]);
        let brings = site.get(&path).await;
        brings.says(&["another editor has to approve it"]);
        assert!(!brings.text.contains("Publish it all the same"));
        site.cookies = other;
        site.get("/queue").await.says(&["See what it brings", "Serial 2 is answered."]);
        let brings = site.get(&path).await;
        brings.says(&[
            "Publish it all the same",
            "All of 11.0.0.0/8 would be listed.",
            "<code>11.0.0.0/8</code>",
            "newly listed",
            "edited by hand",
            "Some &#60;One&#62;",
        ]);
        assert!(!brings.text.contains("192.0.2.7"), "that is published");
        site.get(&format!("{path}?show=removed")).await.says(&["None."]);
        let none = site.get(&format!("{path}?show=added&after=11.0.0.0/8")).await;
        none.says(&["None."]);
        let late = site.post(&path, &[("serial", "2")]).await;
        assert_eq!(late.status, StatusCode::CONFLICT);
        assert_eq!(site.post(&path, &serial).await.location(), "/queue");
        let mut connection = site.app.database.read().await.expect("a connection");
        let approved = publications::last_approved(connection.session(), list).await;
        assert_eq!(approved.expect("it is read"), Some(held));
        drop(connection);
        assert_eq!(site.get(&path).await.status, StatusCode::NOT_FOUND, "none waits any more");
    })
    .await;
}

//! Walks of those who ask for changes, and of editors who look for what was asked.

use repute_database::{organisations, requests};

use super::*;

#[tokio::test]
async fn addresses_wait_until_a_domain_is_proven() {
    on_each_narrow(async |database| {
        let mut site = Site::over(database);
        allow_list(&site).await;
        site.become_role(Some(Role::Member)).await;
        let claim = [("domain", "example.org"), ("name", "Ours"), ("proof", "postmaster")];
        site.post("/claims", &claim).await;
        let form = "/organisations/1/request";
        let page = site.get(form).await;
        page.says(&["Addresses come later.", "/claims/new?organisation=1"]);
        assert!(!page.text.contains("name=\"networks\""), "{}", page.text);
        site.get("/claims/new?organisation=1")
            .await
            .says(&["name=\"organisation\"", "value=\"1\""]);
        let (code, action) = (("code", "127.0.5.1"), ("action", "remove"));
        let wanted = [("list", "1"), action, code, ("networks", "8.8.8.8"), ("submit", "yes")];
        let refused = site.post(form, &wanted).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
        refused.says(&["No domain of the organisation is proven yet: claim one first"]);
        let named = [("list", "1"), ("name", "Others"), ("submit", "yes")];
        assert_eq!(site.post(form, &named).await.location(), "/requests/1");
        let (_, text) = letter(&site).await.expect("a letter");
        site.post(&link(&text), &[]).await;
        assert!(!site.get(form).await.text.contains("Addresses come later"));
        // The same is asked for once.
        assert_eq!(site.post(form, &wanted).await.location(), "/requests/2");
        let again = site.post(form, &wanted).await;
        assert_eq!(again.status, StatusCode::CONFLICT);
        again.says(&["href=\"/requests/2\"", "asks for the same and is open"]);
    })
    .await;
}

#[tokio::test]
async fn what_is_beyond_a_page_is_on_the_next_one_and_is_found() {
    on_each_narrow(async |database| {
        let mut site = Site::over(database);
        let list = allow_list(&site).await;
        let mut transaction = site.app.database.begin().await.expect("a transaction");
        let t = &mut transaction;
        for number in 0..210_u8 {
            let name = format!("Organisation {number}");
            let organisation = organisations::add(t.session(), &name, Timestamp(1)).await;
            let new = requests::New {
                organisation: organisation.expect("an Id"),
                list,
                account: 1,
                reason: String::new(),
                undoes: None,
                criterion: None,
                review: None,
            };
            let at = Timestamp(i64::from(number));
            let id = requests::add(t.session(), &new, at).await.expect("it is begun");
            let item = requests::Item {
                action: "add".to_owned(),
                subject: format!("198.51.100.{number}"),
                code: "127.0.5.1".to_owned(),
                outcome: requests::Outcome::Open,
                before: String::new(),
            };
            requests::set_items(t.session(), id, &[item]).await.expect("they are written");
            let request = requests::by_id(t.session(), id).await.expect("read").expect("there");
            let event = requests::Event {
                time: at,
                actor: audit::actor(t.session(), 1).await.expect("a pseudonym"),
                state: "queued".to_owned(),
                reason: String::new(),
                text: String::new(),
            };
            let standing = requests::Standing {
                state: "queued".to_owned(),
                submitted: Some(at),
                ..request.standing.clone()
            };
            requests::move_on(t.session(), &request, &standing, &event).await.expect("it moves");
        }
        transaction.commit().await.expect("it is committed");
        site.become_role(Some(Role::Editor)).await;
        let (mut path, mut seen) = ("/queue?late=yes".to_owned(), Vec::new());
        loop {
            let page = site.get(&path).await;
            let links = page.text.split("href=\"/requests/").skip(1);
            seen.extend(links.filter_map(|rest| rest.split('"').next()?.parse::<u16>().ok()));
            assert_eq!(page.text.contains("Back to the first page"), path.contains("after"));
            let Some((before, _)) = page.text.split_once("\">The next requests") else { break };
            let (_, next) = before.rsplit_once("href=\"").expect("a link");
            path = next.replace("&#38;", "&");
            assert!(path.contains("late=yes"), "what is chosen stays: {path}");
        }
        assert_eq!(seen, (1..=210).collect::<Vec<_>>(), "each once, the oldest first");
        for (find, number) in [
            ("198.51.100.7", 8),
            ("%23205", 205),
            ("Organisation%20209", 210),
            ("198.51.100.208/31", 209),
        ] {
            let page = site.get(&format!("/queue?find={find}")).await;
            let link = format!("href=\"/requests/{number}\"");
            page.says(&[&link]);
            assert!(!page.text.contains("href=\"/requests/1\""), "{find}");
        }
        site.get("/queue?find=nobody").await.says(&["Nothing here."]);
        site.get("/queue?after=nonsense").await.says(&["href=\"/requests/1\""]);
    })
    .await;
}

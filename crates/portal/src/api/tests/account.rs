//! One's own account, as programs change it.

use std::time::Duration;

use repute_database::outbox;
use repute_database::testing::on_each_narrow;
use repute_database::undelivered::{self, Undelivered};

use super::*;

/// The next letter: to whom, and its text.
async fn letter(site: &Site) -> Option<(String, String)> {
    let mut transaction = site.app.database.begin().await.expect("a transaction");
    let lease = Duration::from_secs(1000);
    let taken = outbox::take(transaction.session(), Timestamp::now(), lease).await;
    let taken = taken.expect("it is read")?;
    outbox::give_up(transaction.session(), taken.id).await.expect("it is gone");
    transaction.commit().await.expect("it is committed");
    Some((taken.letter.recipient, taken.letter.plain))
}

#[tokio::test]
async fn a_program_changes_a_name_and_with_a_proof_asks_for_another_address() {
    on_each_narrow(async |database| {
        let mut site = Site::over(database);
        site.join("eve@example.org", Role::Member).await;
        site.join("ada@example.org", Role::Member).await;
        let ada = site.cookies.clone();
        let program = Program::of(&site, &[Scope::AccountWrite]).await;
        let other = Program::of(&site, &[Scope::Account]).await;
        site.cookies.clear();
        while letter(&site).await.is_some() {}
        let patch = Method::PATCH;
        let named = json!({ "name": " Ada <L> " });
        let refused = other.ask(&mut site, patch.clone(), "/me", None, &named).await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN);
        refused.says(&["account:write"]);
        let done = program.ask(&mut site, patch.clone(), "/me", None, &named).await;
        let expect = json!({ "name": "Ada <L>", "mail": "ada@example.org", "asked": null });
        assert_eq!(json(&done), expect);
        assert_eq!(json(&program.get(&mut site, "/me").await)["name"], "Ada <L>");
        for (body, status, words) in [
            (json!({}), StatusCode::UNPROCESSABLE_ENTITY, "Say what is to be changed"),
            (json!({ "name": "" }), StatusCode::UNPROCESSABLE_ENTITY, "what to call you"),
            (json!({ "mail": "nobody" }), StatusCode::UNPROCESSABLE_ENTITY, "Not a mail address"),
            (
                json!({ "mail": "ada@example.org", "password": "the first words" }),
                StatusCode::UNPROCESSABLE_ENTITY,
                "your address already",
            ),
            (json!({ "mail": "ada@new.example" }), StatusCode::FORBIDDEN, "needs your `password`"),
            (
                // Nothing of it is done.
                json!({ "name": "Eve", "mail": "ada@new.example", "password": "the wrong words" }),
                StatusCode::FORBIDDEN,
                "needs your `password`",
            ),
        ] {
            let answer = program.ask(&mut site, patch.clone(), "/me", None, &body).await;
            assert_eq!(answer.status, status, "{body}: {answer:?}");
            answer.says(&[words]);
        }
        assert_eq!(letter(&site).await, None);
        assert_eq!(json(&program.get(&mut site, "/me").await)["name"], "Ada <L>");

        let wanted = json!({ "mail": "Ada@New.example", "password": "the first words" });
        let asked = program.ask(&mut site, patch.clone(), "/me", Some("k"), &wanted).await;
        let expect =
            json!({ "name": "Ada <L>", "mail": "ada@example.org", "asked": "ada@new.example" });
        assert_eq!(json(&asked), expect);
        let (to, text) = letter(&site).await.expect("a letter");
        assert_eq!(to, "ada@new.example");
        let again = program.ask(&mut site, patch.clone(), "/me", Some("k"), &wanted).await;
        assert_eq!((again.header("idempotency-replayed"), &again.text), ("true", &asked.text));
        assert_eq!(letter(&site).await, None, "it is sent once");
        // What is kept of it is no digest by which the password could be guessed.
        let plain = format!("PATCH /api/v1/me\n{wanted}");
        let plain = ring::digest::digest(&ring::digest::SHA256, plain.as_bytes());
        let mut connection = site.app.database.read().await.expect("a connection");
        let whose = answers::Whose::Account(program.account);
        let kept = answers::find(connection.session(), &whose, "k", Timestamp::now()).await;
        let kept = kept.expect("it is read").expect("it is kept");
        assert_ne!(kept.digest, plain.as_ref());
        drop(connection);
        // The link is followed in a browser, as one that was asked for on the page.
        let link = text.lines().find_map(|line| line.strip_prefix("http://localhost:8080"));
        let link = link.expect("a link").to_owned();
        site.cookies = ada;
        assert_eq!(site.post(&link, &[]).await.location(), "/account");
        site.cookies.clear();
        assert_eq!(json(&program.get(&mut site, "/me").await)["mail"], "ada@new.example");
        while letter(&site).await.is_some() {}
        // Whether somebody else has an address is told there alone.
        let taken = json!({ "mail": "eve@example.org", "password": "the first words" });
        let asked = program.ask(&mut site, patch, "/me", None, &taken).await;
        assert_eq!(json(&asked)["asked"], "eve@example.org");
        let (to, text) = letter(&site).await.expect("a letter");
        assert!(to == "eve@example.org" && text.contains("You have one already"), "{text}");
    })
    .await;
}

#[tokio::test]
async fn a_program_signs_out_everywhere_and_has_a_letter_sent() {
    on_each_narrow(async |database| {
        let mut site = Site::over(database);
        site.join("eve@example.org", Role::Member).await;
        let eve = site.cookies.clone();
        site.join("ada@example.org", Role::Member).await;
        let ada = site.cookies.clone();
        let program = Program::of(&site, &[Scope::Account]).await;
        site.cookies.clear();
        while letter(&site).await.is_some() {}
        // While letters arrive there is nothing to try.
        let tried = program.post(&mut site, "/me/letters/try", &Value::Null).await;
        assert_eq!(json(&tried), json!({ "done": true }));
        assert_eq!(letter(&site).await, None);
        let mut transaction = site.app.database.begin().await.expect("a transaction");
        let (t, now) = (&mut transaction, Timestamp::now());
        let held = undelivered::hold(t.session(), "ada@example.org", now).await;
        let dead = Undelivered { dead: Some(now), ..held.expect("it is held") };
        undelivered::put(t.session(), &dead).await.expect("it is written");
        transaction.commit().await.expect("it is committed");
        let tried = program.post(&mut site, "/me/letters/try", &Value::Null).await;
        assert_eq!(json(&tried), json!({ "done": true }));
        let (to, text) = letter(&site).await.expect("a letter");
        assert!(to == "ada@example.org" && text.contains("/letters/"), "{text}");
        let out = program.ask(&mut site, Method::DELETE, "/me/sessions", None, &Value::Null).await;
        assert_eq!(json(&out), json!({ "done": true }));
        for (cookies, is_in) in [(ada, false), (eve, true)] {
            site.cookies = cookies;
            assert_eq!(site.get("/account").await.status == StatusCode::OK, is_in);
        }
        site.cookies.clear();
        assert_eq!(program.get(&mut site, "/me").await.status, StatusCode::OK, "tokens stay");
    })
    .await;
}

#[tokio::test]
async fn an_administrators_program_sees_of_somebody_what_the_page_shows() {
    on_each_narrow(async |database| {
        let mut site = Site::over(database);
        site.join("ada@example.org", Role::Editor).await;
        let ada = Program::of(&site, &[Scope::Account]).await;
        let boss = Program::new(&mut site, Role::Administrator, &[Scope::PeopleRead]).await;
        let path = format!("/people/{}", ada.account.0);
        let shown = json(&boss.get(&mut site, &path).await);
        let expect = (
            "ada@example.org",
            "editor",
            json!({
                "codes": null, "passkeys": 0, "recovery_codes": 0
            }),
        );
        assert_eq!((&shown["mail"], &shown["role"]), (&json!(expect.0), &json!(expect.1)));
        assert_eq!(shown["factors"], expect.2, "{shown}");
        assert!(shown["seen"].is_string() && shown["locked"].is_null(), "{shown}");
    })
    .await;
}

//! Accounts, from the first letter to the last session.

use repute_database::Database;
use repute_database::audit::Verified;
use repute_database::testing::on_each_narrow;

use super::shell::{ShellError, all, first_link, invite};
use super::*;
use crate::testing::Site;

/// The link in the last letter that waits.
async fn mailed(site: &Site) -> (String, String) {
    let mut transaction = site.app.database.begin().await.expect("a transaction");
    let lease = Duration::from_secs(1000);
    let taken = outbox::take(transaction.session(), Timestamp::now(), lease).await;
    let letter = taken.expect("it is read").expect("a letter waits").letter;
    transaction.commit().await.expect("it is committed");
    let link = letter.plain.lines().find_map(|line| line.strip_prefix("http://localhost:8080"));
    let link = link.expect("a link").to_owned();
    assert!(letter.html.contains(&link), "both texts have it");
    (letter.recipient, link)
}

#[tokio::test]
async fn an_address_becomes_an_account_that_can_sign_in_and_out() {
    on_each_narrow(async |database| {
        let mut site = Site::over(database);
        site.get("/sign-up").await.says(&["Make an account"]);
        let sent = site.post("/sign-up", &[("mail", "You@Example.org")]).await;
        sent.says(&["Look into your mail", "you@example.org"]);
        let (to, link) = mailed(&site).await;
        assert_eq!(to, "you@example.org");
        site.get(&link).await.says(&["value=\"you@example.org\" readonly"]);
        let weak = [("name", ""), ("password", "short")];
        let weak = site.post(&link, &weak).await;
        assert_eq!(weak.status, 422);
        weak.says(&["12 characters or more", "Say what to call you"]);
        // Another address in the form changes nothing.
        let fields =
            [("name", "Ada <b>"), ("password", "a good password"), ("mail", "x@y.example")];
        let made = site.post(&link, &fields).await;
        assert_eq!((made.status.as_u16(), made.location()), (303, "/account"), "{made:?}");
        site.get("/account").await.says(&[
            "Ada &#60;b&#62;",
            "you@example.org",
            "Your account is made",
        ]);
        assert!(!site.get("/account").await.text.contains("Your account is made"), "said once");
        site.cookies.clear();
        let again = site.post(&link, &fields).await;
        assert_eq!(again.status, 404, "a link works once");
        again.says(&["does not work any more"]);

        let wrong = [("mail", "you@example.org"), ("password", "a bad password")];
        let unknown = [("mail", "who@example.org"), ("password", "a bad password")];
        let (wrong, unknown) =
            (site.post("/sign-in", &wrong).await, site.post("/sign-in", &unknown).await);
        assert_eq!(wrong.status, 422);
        let same = |text: &str| text.replace("who@", "you@");
        assert_eq!(same(&wrong.text), same(&unknown.text), "nobody learns who has an account");
        let right =
            [("mail", "YOU@example.org"), ("password", "a good password"), ("next", "/status")];
        let in_ = site.post("/sign-in", &right).await;
        assert_eq!((in_.status.as_u16(), in_.location()), (303, "/status"));
        let cookie = in_.header("set-cookie");
        assert!(cookie.contains("HttpOnly; SameSite=Lax"), "{cookie}");
        let stored = site.cookies["session"].clone();
        let page = site.get("/account").await;
        page.says(&["Where you are signed in", "Sign out there", "0.0.0.0"]);
        let out = site.post("/sign-out", &[]).await;
        assert_eq!(out.location(), "/");
        site.cookies.insert("session".to_owned(), stored);
        assert_eq!(site.get("/account").await.location(), "/sign-in?next=/account");
        let mut connection = site.app.database.read().await.expect("a connection");
        let log = audit::verify(connection.session()).await.expect("it is read");
        assert_eq!(log, Verified::Whole(1));
    })
    .await;
}

#[tokio::test]
async fn a_forgotten_password_is_replaced_and_all_sessions_end() {
    on_each_narrow(async |database| {
        let mut site = Site::over(database);
        let url = site.app.config.public_url.clone();
        let mail: MailAddress = "a@example.org".parse().expect("an address");
        let path = |link: String| link.replace("http://localhost:8080", "");
        let link = first_link(&site.app.database, &url).await.expect("it is made").expect("nobody");
        let later =
            first_link(&site.app.database, &url).await.expect("it is made").expect("nobody");
        assert_eq!(site.get(&path(link)).await.status, 404, "the one before stops working");
        let fields = [("mail", "a@example.org"), ("name", "A"), ("password", "the first words")];
        site.get(&path(later.clone())).await.says(&["<strong>administrator</strong>"]);
        assert_eq!(site.post(&path(later), &fields).await.status, 303);
        assert_eq!(first_link(&site.app.database, &url).await.expect("it is read"), None);
        let old = site.cookies.clone();

        site.cookies.clear();
        site.post("/forgot", &[("mail", "a@example.org")]).await.says(&["Look into your mail"]);
        let (_, link) = mailed(&site).await;
        assert_eq!(site.post(&link, &[("password", "the second words")]).await.status, 303);
        assert_eq!(site.get("/account").await.status, 200);
        assert_eq!(site.post(&link, &[("password", "the third words")]).await.status, 404);
        let (to, told) = mailed(&site).await;
        assert_eq!((&*to, &*told), ("a@example.org", "/forgot"), "it is told");
        site.cookies = old;
        assert_eq!(site.get("/account").await.status, 303, "the old session is over");

        // Whoever has no account, or has one, is told so by mail only.
        for (form, address) in [("/forgot", "b@example.org"), ("/sign-up", "a@example.org")] {
            site.post(form, &[("mail", address)]).await.says(&["Look into your mail"]);
            let (to, link) = mailed(&site).await;
            assert_eq!((&*to, link.matches('/').count()), (address, 1), "no secret: {link}");
        }
        let refused =
            crate::set_role(&site.app.database, &site.app.config, &mail, Role::Member).await;
        assert!(matches!(refused, Err(ShellError::LastAdministrator)));
        let other: MailAddress = "c@example.org".parse().expect("an address");
        let link = invite(&site.app.database, &url, Some(&other), Role::Editor).await.expect("one");
        site.cookies.clear();
        let fields = [("name", "C"), ("password", "some other words")];
        assert_eq!(site.post(&path(link), &fields).await.status, 303);
        crate::set_role(&site.app.database, &site.app.config, &other, Role::Administrator)
            .await
            .expect("it is set");
        let all = all(&site.app.database).await.expect("they are read");
        let roles: Vec<_> = all.iter().map(|a| (&*a.mail, a.role)).collect();
        assert_eq!(
            roles,
            [("a@example.org", Role::Administrator), ("c@example.org", Role::Administrator)]
        );
        let known = invite(&site.app.database, &url, Some(&mail), Role::Member).await;
        assert!(matches!(known, Err(ShellError::Known(_))));
    })
    .await;
}

#[tokio::test]
async fn everybody_says_what_he_is_called() {
    on_each_narrow(async |database| {
        let mut site = Site::over(database);
        site.join("a@example.org", Role::Member).await;
        let long = "x".repeat(81);
        for wrong in ["", "  ", "a\u{7}b", &long] {
            let answer = site.post("/account/name", &[("name", wrong)]).await;
            assert_eq!(answer.status, 422, "{wrong:?}");
            answer.says(&["80 characters or less", "aria-invalid"]);
        }
        site.get("/account").await.says(&["<h1>Ada</h1>"]);
        let done = site.post("/account/name", &[("name", " Ada <Lovelace> ")]).await;
        assert_eq!(done.location(), "/account");
        let page = site.get("/account").await;
        page.says(&["<h1>Ada &#60;Lovelace&#62;</h1>", "You are called so from now on"]);
    })
    .await;
}

#[tokio::test]
async fn somebody_elses_session_cannot_be_ended_and_ones_own_can() {
    on_each_narrow(async |database| {
        let mut site = Site::over(database);
        site.become_role(Some(Role::Member)).await;
        let page = site.get("/account").await;
        let cookies = site.cookies.clone();
        site.become_role(Some(Role::Administrator)).await;
        let foreign = site.post("/account/sessions/1/end", &[]).await;
        assert_eq!(foreign.status, 404);
        site.cookies = cookies;
        assert_eq!(site.get("/account").await.status, 200, "{page:?}");
        assert_eq!(site.post("/account/sessions/1/end", &[]).await.status, 303);
        assert_eq!(site.get("/account").await.status, 303);
    })
    .await;
}

#[tokio::test]
async fn another_password_needs_a_fresh_proof_ends_other_sessions_and_is_told() {
    on_each_narrow(async |database| {
        let mut site = Site::over(database);
        site.join("a@example.org", Role::Member).await;
        let elsewhere = site.cookies.clone();
        let sign_in = [("mail", "a@example.org"), ("password", "the first words")];
        assert_eq!(site.post("/sign-in", &sign_in).await.status, 303);
        assert_eq!(site.get("/account/password").await.status, 200, "who just came is known");
        site.let_time_pass().await;
        let sent = site.get("/account/password").await;
        assert_eq!(sent.location(), "/confirm?next=/account/password");
        site.get("/confirm?next=https://evil.example/").await.says(&["value=\"/account\""]);
        let page = site.get(sent.location()).await;
        page.says(&["value=\"/account/password\"", "Confirm that it is you"]);
        let next = ("next", "/account/password");
        let wrong = site.post("/confirm", &[("password", "other words"), next]).await;
        assert_eq!(wrong.status, 422);
        wrong.says(&["That was not right", "value=\"/account/password\""]);
        assert_eq!(site.get("/account/password").await.status, 303, "nothing is proven");
        let evil = [("password", "the first words"), ("next", "//evil.example/")];
        assert_eq!(site.post("/confirm", &evil).await.location(), "/account");
        let weak = site.post("/account/password", &[("password", "short")]).await;
        assert_eq!(weak.status, 422);
        weak.says(&["12 characters or more: a few words"]);
        let other = [("password", "the second words")];
        assert_eq!(site.post("/account/password", &other).await.location(), "/account");
        site.get("/account").await.says(&["Your new password holds"]);
        let (to, link) = mailed(&site).await;
        assert_eq!((&*to, &*link), ("a@example.org", "/forgot"), "it is told, without a secret");
        site.cookies = elsewhere;
        assert_eq!(site.get("/account").await.status, 303, "the other session is over");
        assert_eq!(site.post("/sign-in", &sign_in).await.status, 422);
    })
    .await;
}

#[tokio::test]
async fn whoever_guesses_is_stopped() {
    on_each_narrow(async |database| {
        let mut site = Site::over(database);
        let fields = [("mail", "a@example.org"), ("password", "wrong")];
        let mut statuses = Vec::new();
        for _ in 0..11 {
            statuses.push(site.post("/sign-in", &fields).await.status.as_u16());
        }
        assert_eq!((statuses[9], statuses[10]), (422, 429));
        for _ in 0..5 {
            site.post("/forgot", &[("mail", "b@example.org")]).await.says(&["Look into your mail"]);
        }
        assert_eq!(letters(&site).await, 3, "no more for an address at a time");
    })
    .await;
}

#[tokio::test]
async fn nobody_uses_up_the_links_to_another_password_by_asking_for_accounts() {
    on_each_narrow(async |database| {
        let mut site = Site::over(database);
        site.join("a@example.org", Role::Member).await;
        letters(&site).await;
        let mail: MailAddress = "a@example.org".parse().expect("an address");
        for _ in 0..9 {
            ask_to_join(&site.app, &mail).await.expect("it is taken");
        }
        // Of what the day allows, as if it had been asked for more slowly.
        let of = || Doer::by_mail(mail.as_str());
        while limits::take(&site.app, limits::Deed::MailADay, of()).await.is_ok() {}
        assert_eq!(letters(&site).await, 3, "no more at a time");
        for turn in 0..9 {
            site.post("/forgot", &[("mail", "a@example.org")]).await.says(&["Look into your mail"]);
            if turn == 0 {
                let (to, link) = mailed(&site).await;
                assert_eq!(to, "a@example.org");
                assert_eq!(site.get(&link).await.status, 200, "{link}");
            }
        }
        assert_eq!(letters(&site).await, 5, "six on a day");
    })
    .await;
}

#[tokio::test]
async fn a_link_works_although_somebody_asks_for_another_one() {
    on_each_narrow(async |database| {
        let mut site = Site::over(database);
        site.join("a@example.org", Role::Member).await;
        site.cookies.clear();
        letters(&site).await;
        // The same for whoever makes an account and whoever chooses another password.
        for (form, mail, purpose) in [
            ("/forgot", "a@example.org", Purpose::Reset),
            ("/sign-up", "b@example.org", Purpose::Join),
        ] {
            let mut links = Vec::new();
            for _ in 0..3 {
                site.post(form, &[("mail", mail)]).await.says(&["Look into your mail"]);
                links.push(mailed(&site).await.1);
            }
            for link in &links {
                assert_eq!(site.get(link).await.status, 200, "{form}");
            }
            // Once one is used the others are over.
            let fields = [("name", "B"), ("password", "some other words")];
            assert_eq!(site.post(&links[0], &fields).await.status, 303, "{form}");
            site.cookies.clear();
            for link in &links {
                assert_eq!(site.get(link).await.status, 404, "{form}");
            }
            letters(&site).await;
            let mut connection = site.app.database.read().await.expect("a connection");
            let left = links::count(connection.session(), purpose, mail, Timestamp::now()).await;
            assert_eq!(left.expect("a number"), 0);
        }
        // There are only so many: another one is not sent, and ends none.
        let mut transaction = site.app.database.begin().await.expect("a transaction");
        let account = accounts::by_mail(transaction.session(), "a@example.org").await;
        let account = account.expect("it is read").expect("it is there");
        let mut secrets = Vec::new();
        for _ in 0..MOST_LINKS {
            let (secret, now) = (Secret::new().expect("chance"), Timestamp::now());
            add_reset(&mut transaction, &account, &secret, now).await.expect("it is made");
            secrets.push(secret);
        }
        transaction.commit().await.expect("it is committed");
        site.post("/forgot", &[("mail", "a@example.org")]).await.says(&["Look into your mail"]);
        assert_eq!(letters(&site).await, 0);
        for secret in secrets {
            assert_eq!(site.get(&format!("/reset/{}", secret.text())).await.status, 200);
        }
    })
    .await;
}

/// The text of the letter that waits.
async fn letter(site: &Site) -> String {
    let mut transaction = site.app.database.begin().await.expect("a transaction");
    let lease = Duration::from_secs(1000);
    let taken = outbox::take(transaction.session(), Timestamp::now(), lease).await;
    transaction.commit().await.expect("it is committed");
    taken.expect("it is read").expect("a letter waits").letter.plain
}

/// A passkey and a token for the first account.
async fn give_both(site: &Site, turn: u8) {
    let (now, id) = (Timestamp::now(), AccountId(1));
    let mut transaction = site.app.database.begin().await.expect("a transaction");
    let t = &mut transaction;
    let added = passkeys::add(t.session(), id, &[turn], "my telephone", "{}", now).await;
    assert!(added.expect("it is added"));
    factors::set_recovery(t.session(), id, &[vec![turn]]).await.expect("they are set");
    let new =
        tokens::New { name: "nightly", digest: &[turn], scopes: "", expires: None, sources: &[] };
    tokens::add(t.session(), id, &new, now).await.expect("it is added");
    transaction.commit().await.expect("it is committed");
}

/// How many passkeys, recovery codes and tokens the first account has.
async fn held(site: &Site) -> (usize, u32, usize) {
    let mut connection = site.app.database.read().await.expect("a connection");
    let id = AccountId(1);
    let passkeys = passkeys::of(connection.session(), id).await.expect("they are read");
    let factors = factors::of(connection.session(), id).await.expect("they are read");
    let tokens = tokens::of(connection.session(), id).await.expect("they are read");
    (passkeys.len(), factors.recovery, tokens.len())
}

#[tokio::test]
async fn another_password_tells_what_else_lets_somebody_in_and_ends_what_he_wants_to_end() {
    on_each_narrow(async |database| {
        let mut site = Site::over(database);
        site.join("a@example.org", Role::Member).await;
        let page = site.get("/account/password").await;
        assert!(!page.text.contains("checkbox"), "there is nothing to end");
        give_both(&site, 1).await;
        let page = site.get("/account/password").await;
        page.says(&["name=\"tokens\"", "nightly", "name=\"passkeys\"", "my telephone"]);
        let password = ("password", "the second words");
        for (fields, left) in [
            (&[password][..], (1, 1, 1)),
            (&[password, ("tokens", "end")], (1, 1, 0)),
            (&[password, ("passkeys", "end")], (0, 0, 0)),
        ] {
            assert_eq!(site.post("/account/password", fields).await.location(), "/account");
            assert_eq!(held(&site).await, left, "{fields:?}");
            let letter = letter(&site).await;
            assert_eq!(letter.contains("passkey \u{201c}my telephone\u{201d}"), left.0 > 0);
            assert_eq!(letter.contains("token \u{201c}nightly\u{201d}"), left.2 > 0);
            assert_eq!(letter.contains("End what is not yours"), left != (0, 0, 0));
        }

        // By a link from his mail: a passkey is a second factor, which no mailbox takes away.
        give_both(&site, 2).await;
        site.cookies.clear();
        site.post("/forgot", &[("mail", "a@example.org")]).await.says(&["Look into your mail"]);
        let (_, link) = mailed(&site).await;
        let sent = site.post(&link, &[("password", "the third words")]).await;
        assert_eq!(sent.location(), "/sign-in/second?next=/account/passkeys");
        assert_eq!(held(&site).await, (1, 1, 0));
        let letter = letter(&site).await;
        assert!(letter.contains("passkey \u{201c}my telephone\u{201d}"), "{letter}");
        assert!(!letter.contains("nightly") && letter.contains("tokens have ended"), "{letter}");
    })
    .await;
}

/// How many letters wait; then none do.
async fn letters(site: &Site) -> usize {
    let mut transaction = site.app.database.begin().await.expect("a transaction");
    let (mut letters, lease) = (0, Duration::from_secs(1000));
    while let Some(taken) =
        outbox::take(transaction.session(), Timestamp::now(), lease).await.expect("it is read")
    {
        letters += 1;
        outbox::give_up(transaction.session(), taken.id).await.expect("it is gone");
    }
    transaction.commit().await.expect("it is committed");
    letters
}

#[tokio::test]
async fn whoever_guesses_everywhere_keeps_nobody_out_of_a_browser_of_his_own() {
    on_each_narrow(async |database| {
        let mut site = Site::over(database);
        site.join("b@example.org", Role::Member).await;
        let others = site.cookies["device"].clone();
        site.join("a@example.org", Role::Administrator).await;
        let own = site.cookies["device"].clone();
        let everywhere = || Doer::by_mail("a@example.org");
        while limits::take(&site.app, limits::Deed::Try, everywhere()).await.is_ok() {}
        let right = [("mail", "a@example.org"), ("password", "the first words")];
        for device in [None, Some(&*others), Some("x.y"), Some("")] {
            site.cookies.clear();
            if let Some(device) = device {
                site.cookies.insert("device".to_owned(), device.to_owned());
            }
            let kept_out = site.post("/sign-in", &right).await;
            assert_eq!(kept_out.status, 429, "{device:?}");
            kept_out.says(&["Sign in with a passkey", "/forgot"]);
            assert!(!kept_out.header("retry-after").is_empty());
        }
        site.cookies.insert("device".to_owned(), own.clone());
        let let_in = site.post("/sign-in", &right).await;
        assert_eq!(let_in.status, 303, "{let_in:?}");
        assert_ne!(site.cookies["device"], own, "it is another one each time");
        // Whoever has his browser guesses there as rarely as anybody.
        let wrong = [("mail", "a@example.org"), ("password", "other words")];
        let mut statuses = Vec::new();
        for _ in 0..11 {
            statuses.push(site.post("/sign-in", &wrong).await.status.as_u16());
        }
        assert_eq!((statuses[9], statuses[10]), (422, 429));
    })
    .await;
}

#[tokio::test]
async fn nobody_has_letters_sent_to_an_address_that_is_gone_but_its_own_account_a_link_a_day() {
    on_each_narrow(async |database| {
        let mut site = Site::over(database);
        site.join("a@example.org", Role::Member).await;
        letters(&site).await;
        let mut transaction = site.app.database.begin().await.expect("a transaction");
        for mail in ["a@example.org", "b@example.org"] {
            let now = Timestamp::now();
            let held = undelivered::hold(transaction.session(), mail, now).await;
            let held = held.expect("it is held");
            let dead = undelivered::Undelivered { dead: Some(now), ..held };
            undelivered::put(transaction.session(), &dead).await.expect("it is written");
        }
        transaction.commit().await.expect("it is committed");
        for (form, mail, expected) in [
            ("/sign-up", "b@example.org", 0),
            ("/forgot", "b@example.org", 0),
            ("/sign-up", "a@example.org", 0),
            ("/forgot", "a@example.org", 1),
            ("/forgot", "a@example.org", 0),
            ("/sign-up", "c@example.org", 1),
        ] {
            site.post(form, &[("mail", mail)]).await.says(&["Look into your mail"]);
            assert_eq!(letters(&site).await, expected, "{form} {mail}");
        }
    })
    .await;
}

#[tokio::test]
async fn with_tls_cookies_are_bound_to_the_host() {
    let folder = tempfile::tempdir().expect("a folder");
    let place = repute_database::Place::File(folder.path().join("x.db"));
    let database = Database::open(&place).await.expect("it opens");
    let mut config = Site::new().await.app.config.clone();
    config.public_url = "https://lists.example".parse().expect("a URL");
    let mut site = Site::with(database, config);
    let link = first_link(&site.app.database, &site.app.config.public_url).await;
    let link = link.expect("it is made").expect("one");
    let path = link.strip_prefix("https://lists.example").expect("it is ours").to_owned();
    let fields = [("mail", "a@example.org"), ("name", "A"), ("password", "the first words")];
    let made = site.post(&path, &fields).await;
    let cookie = made.header("set-cookie");
    assert!(cookie.starts_with("__Host-session="), "{cookie}");
    let all: Vec<_> = made.headers.get_all("set-cookie").iter().collect();
    assert_eq!(all.len(), 3, "the session, the browser, and what the next page says: {all:?}");
    for cookie in all {
        let cookie = cookie.to_str().expect("it is plain");
        assert!(cookie.starts_with("__Host-") && cookie.contains("; Path=/;"), "{cookie}");
        assert!(cookie.contains("; HttpOnly; SameSite=Lax"), "{cookie}");
        assert!(cookie.ends_with("; Secure"), "{cookie}");
    }
    assert!(made.header("strict-transport-security").starts_with("max-age="));
    let page = site.get("/account").await;
    page.says(&["Your account is made"]);
    let said = page.header("set-cookie");
    assert!(said.starts_with("__Host-flash=;") && said.ends_with("; Secure"), "{said}");
    assert!(!site.get("/account").await.text.contains("Your account is made"), "said once");
}

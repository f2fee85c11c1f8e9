//! What besides a password shows who somebody is: codes from an app, and recovery codes. Set up, shown, taken away.
//!
//! Codes are made of a key, which has to be read again: it is sealed, and whoever has the database alone makes none.
//!
//! Whoever has one is asked for it whenever he gives his password, and when he comes by a link from his mail.

use repute_database::accounts::{Account, AccountId};
use repute_database::factors::Secret;
use repute_database::{Timestamp, Transaction, factors, sessions, sign_ins};
use repute_registry::seal::Seal;

use crate::account::{Arrival, begin, note, tell};
use crate::app::App;
use crate::error::AppError;
use crate::letter::Event;
use crate::limits::{self, Deed, Doer};
use crate::recovery;
use crate::secret::digest_of;
use crate::totp::Key;
use crate::visitor::Member;

/// What comes of a code at the second step of a sign-in.
pub(crate) enum Second {
    /// He is in, by this session.
    In(Arrival),
    /// It was not right.
    Wrong,
    /// The first step is to be taken again.
    Over,
}

/// Who is between the two steps of a sign-in.
pub(crate) async fn half(app: &App, secret: &str) -> Result<Option<Account>, AppError> {
    let mut connection = app.database.read().await?;
    Ok(sign_ins::find(connection.session(), &digest_of(secret), Timestamp::now()).await?)
}

/// Ends a sign-in by a code: of the app, or a recovery code.
pub(crate) async fn finish(
    app: &App,
    secret: &str,
    typed: &str,
    client: &str,
) -> Result<Second, AppError> {
    let Some(account) = half(app, secret).await? else { return Ok(Second::Over) };
    limit(app, &account).await?;
    let (digest, now) = (digest_of(secret), Timestamp::now());
    let mut transaction = app.database.begin().await?;
    if take(&mut transaction, app, &account, typed, now).await? {
        if !sign_ins::end(transaction.session(), &digest).await? {
            return Ok(Second::Over);
        }
        let arrival = begin(app, &mut transaction, account.id, &account.mail, client, now).await?;
        transaction.commit().await?;
        app.mail_waits.notify_one();
        return Ok(Second::In(arrival));
    }
    let failures = sign_ins::fail(transaction.session(), &digest).await?;
    let is_over = failures.is_none_or(|failures| failures >= MOST_FAILURES);
    if is_over {
        sign_ins::end(transaction.session(), &digest).await?;
        tell(&mut transaction, app, &account, Event::Guessed, now).await?;
        note(&mut transaction, account.id, account.id, "account.guess", "", now).await?;
    }
    transaction.commit().await?;
    app.mail_waits.notify_one();
    Ok(if is_over { Second::Over } else { Second::Wrong })
}

/// Notes that somebody signed in proved who he is, if a code is right.
pub(crate) async fn prove(app: &App, member: &Member, typed: &str) -> Result<bool, AppError> {
    let now = Timestamp::now();
    let Some(mut transaction) = proven(app, &member.account, typed, now).await? else {
        return Ok(false);
    };
    sessions::prove(transaction.session(), member.session.id, now).await?;
    transaction.commit().await?;
    app.mail_waits.notify_one();
    Ok(true)
}

/// Whether a code proves who somebody is; it is used up.
pub(crate) async fn is_proof(app: &App, account: &Account, typed: &str) -> Result<bool, AppError> {
    let Some(transaction) = proven(app, account, typed, Timestamp::now()).await? else {
        return Ok(false);
    };
    transaction.commit().await?;
    app.mail_waits.notify_one();
    Ok(true)
}

/// A transaction in which a code is used up, if it is right.
async fn proven(
    app: &App,
    account: &Account,
    typed: &str,
    now: Timestamp,
) -> Result<Option<Transaction>, AppError> {
    limit(app, account).await?;
    let mut transaction = app.database.begin().await?;
    let is_right = take(&mut transaction, app, account, typed, now).await?;
    Ok(is_right.then_some(transaction))
}

/// Begins to set codes up: a new key, which counts for nothing until a code of it was shown. None if one counts.
pub(crate) async fn offer(app: &App, account: AccountId) -> Result<Option<Key>, AppError> {
    let key = Key::new()?;
    let sealed = Seal::of(&app.means.key).close(&whose(account), key.bytes());
    let sealed = sealed.map_err(|_| AppError::Random)?;
    let mut transaction = app.database.begin().await?;
    let is_offered = factors::offer_totp(transaction.session(), account, &sealed).await?;
    transaction.commit().await?;
    Ok(is_offered.then_some(key))
}

/// The key that is being set up.
pub(crate) async fn offered(app: &App, account: AccountId) -> Result<Option<Key>, AppError> {
    let mut connection = app.database.read().await?;
    let totp = factors::totp(connection.session(), account).await?;
    let totp = totp.filter(|totp| totp.confirmed.is_none());
    totp.map(|totp| opened(app, account, totp.secret)).transpose()
}

/// Seals what was stored before secrets were sealed, and says if there are some that the key of this server does not open:
/// it is not the one by which they were sealed. Safe to do twice, in several processes at once.
pub(crate) async fn seal_all(app: &App) -> Result<(), AppError> {
    let (seal, mut unread) = (Seal::of(&app.means.key), 0);
    let mut connection = app.database.read().await?;
    let all = factors::secrets(connection.session()).await?;
    drop(connection);
    for (account, secret) in all {
        match secret {
            Secret::Plain(plain) => {
                let sealed = seal.close(&whose(account), &plain).map_err(|_| AppError::Random)?;
                let mut transaction = app.database.begin().await?;
                factors::seal(transaction.session(), account, &plain, &sealed).await?;
                transaction.commit().await?;
            }
            Secret::Sealed(sealed) if seal.open(&whose(account), &sealed).is_none() => unread += 1,
            Secret::Sealed(_) => {}
        }
    }
    if unread > 0 {
        tracing::error!(
            accounts = unread,
            "codes of {unread} accounts cannot be checked, as `portal.link-key` is not the key by which they were sealed: \
             put `portal.key` of the server from which the database comes there and start again, or take the second factors \
             away with `repute admin reset-factors MAIL`"
        );
    }
    Ok(())
}

/// The key of codes as it was before it was sealed.
fn opened(app: &App, account: AccountId, secret: Secret) -> Result<Key, AppError> {
    match secret {
        Secret::Plain(plain) => Ok(Key::stored(plain)),
        Secret::Sealed(sealed) => {
            let plain = Seal::of(&app.means.key).open(&whose(account), &sealed);
            plain.map(Key::stored).ok_or(AppError::Sealed)
        }
    }
}

/// Whose a sealed secret is.
fn whose(account: AccountId) -> String {
    format!("codes of {}", account.0)
}

/// Has codes count, as one was shown; with it come recovery codes, if there are none yet.
pub(crate) async fn confirm(
    app: &App,
    member: &Member,
    step: u64,
) -> Result<Option<Vec<String>>, AppError> {
    let (id, now) = (member.account.id, Timestamp::now());
    let mut transaction = app.database.begin().await?;
    if !factors::confirm_totp(transaction.session(), id, step, now).await? {
        return Ok(None);
    }
    let codes = first_codes(&mut transaction, id).await?;
    note(&mut transaction, id, id, "account.totp", "added", now).await?;
    tell(&mut transaction, app, &member.account, Event::TotpAdded, now).await?;
    transaction.commit().await?;
    app.mail_waits.notify_one();
    Ok(Some(codes))
}

/// Asks for codes no more. Whether they were asked for.
pub(crate) async fn remove(app: &App, member: &Member) -> Result<bool, AppError> {
    let (id, now) = (member.account.id, Timestamp::now());
    let mut transaction = app.database.begin().await?;
    if !factors::remove_totp(transaction.session(), id).await? {
        return Ok(false);
    }
    drop_codes(&mut transaction, id).await?;
    note(&mut transaction, id, id, "account.totp", "removed", now).await?;
    tell(&mut transaction, app, &member.account, Event::TotpRemoved, now).await?;
    transaction.commit().await?;
    app.mail_waits.notify_one();
    Ok(true)
}

/// Makes recovery codes in place of those there are; none for somebody who is not asked for a second factor.
pub(crate) async fn make_codes(
    app: &App,
    member: &Member,
) -> Result<Option<Vec<String>>, AppError> {
    let (id, now) = (member.account.id, Timestamp::now());
    let mut transaction = app.database.begin().await?;
    if !factors::of(transaction.session(), id).await?.are_asked() {
        return Ok(None);
    }
    let codes = set_codes(&mut transaction, id).await?;
    note(&mut transaction, id, id, "account.recovery", "made", now).await?;
    tell(&mut transaction, app, &member.account, Event::RecoveryMade, now).await?;
    transaction.commit().await?;
    app.mail_waits.notify_one();
    Ok(Some(codes))
}

/// Recovery codes for somebody who has none; else nothing.
pub(crate) async fn first_codes(
    transaction: &mut Transaction,
    id: AccountId,
) -> Result<Vec<String>, AppError> {
    match factors::of(transaction.session(), id).await?.recovery {
        0 => set_codes(transaction, id).await,
        _ => Ok(Vec::new()),
    }
}

/// Gives somebody recovery codes.
async fn set_codes(transaction: &mut Transaction, id: AccountId) -> Result<Vec<String>, AppError> {
    let codes = recovery::codes()?;
    let digests: Vec<_> = codes.iter().filter_map(|code| recovery::digest(code)).collect();
    factors::set_recovery(transaction.session(), id, &digests).await?;
    Ok(codes)
}

/// Takes recovery codes away when there is nothing left that they could stand for.
pub(crate) async fn drop_codes(
    transaction: &mut Transaction,
    id: AccountId,
) -> Result<(), AppError> {
    if !factors::of(transaction.session(), id).await?.are_asked() {
        factors::set_recovery(transaction.session(), id, &[]).await?;
    }
    Ok(())
}

/// Takes a code, if it is right and was not taken before.
async fn take(
    transaction: &mut Transaction,
    app: &App,
    account: &Account,
    typed: &str,
    now: Timestamp,
) -> Result<bool, AppError> {
    if let Some(digest) = recovery::digest(typed) {
        if !factors::take_recovery(transaction.session(), account.id, &digest).await? {
            return Ok(false);
        }
        note(transaction, account.id, account.id, "account.recovery", "used", now).await?;
        tell(transaction, app, account, Event::RecoveryUsed, now).await?;
        return Ok(true);
    }
    let totp = factors::totp(transaction.session(), account.id).await?;
    let Some(totp) = totp.filter(|totp| totp.confirmed.is_some()) else { return Ok(false) };
    let key = opened(app, account.id, totp.secret)?;
    let Some(step) = key.step_of(typed, now) else { return Ok(false) };
    Ok(factors::take_step(transaction.session(), account.id, step).await?)
}

/// Counts a try of a code for an account, from wherever it comes.
async fn limit(app: &App, account: &Account) -> Result<(), AppError> {
    limits::take(app, Deed::Code, Doer::by_mail(&account.mail)).await
}

/// So many wrong codes end a sign-in.
const MOST_FAILURES: u32 = 4;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use axum::http::{Method, StatusCode};
    use repute_database::accounts::{self, Role};
    use repute_database::outbox;
    use repute_database::testing::{old, on_each_narrow};
    use repute_registry::token::TokenKey;

    use super::*;
    use crate::api::tests::Program;
    use crate::means::Means;
    use crate::testing::Site;
    use crate::token::Scope;

    /// The code of an account's app, so many half minutes from now.
    async fn code(site: &Site, mail: &str, later: i64) -> String {
        let mut connection = site.app.database.read().await.expect("a connection");
        let account = accounts::by_mail(connection.session(), mail).await.expect("it is read");
        let id = account.expect("it is there").id;
        let totp = factors::totp(connection.session(), id).await.expect("it is read");
        let at = Timestamp(Timestamp::now().0 + later * 30_000_000);
        let secret = totp.expect("it is there").secret;
        assert!(matches!(secret, Secret::Sealed(_)), "it lies nowhere in clear");
        opened(&site.app, id, secret).expect("it is opened").code(at)
    }

    /// Sets codes up; the recovery codes.
    async fn set_up(site: &mut Site, mail: &str) -> Vec<String> {
        assert_eq!(site.get("/account/totp").await.status, 200);
        let code = code(site, mail, -1).await;
        let made = site.post("/account/totp", &[("code", &code)]).await;
        made.says(&["Recovery codes", "shown now and never again"]);
        let parts = made.text.split("<li><code>").skip(1);
        parts.map(|part| part.split('<').next().expect("its end").to_owned()).collect()
    }

    /// Gives the password again; where that leads.
    async fn first_step(site: &mut Site, mail: &str) -> String {
        site.cookies.clear();
        let fields = [("mail", mail), ("password", "the first words"), ("next", "/status")];
        let sent = site.post("/sign-in", &fields).await;
        assert_eq!(sent.status, 303);
        sent.location().to_owned()
    }

    /// What the letters that wait are about.
    async fn letters(site: &Site) -> Vec<String> {
        let mut transaction = site.app.database.begin().await.expect("a transaction");
        let (mut subjects, lease) = (Vec::new(), Duration::from_secs(1000));
        while let Some(taken) =
            outbox::take(transaction.session(), Timestamp::now(), lease).await.expect("it is read")
        {
            subjects.push(taken.letter.subject);
            outbox::give_up(transaction.session(), taken.id).await.expect("it is gone");
        }
        transaction.commit().await.expect("it is committed");
        subjects
    }

    #[tokio::test]
    async fn what_lies_in_clear_is_sealed_at_a_start_and_with_another_key_it_is_told_what_to_do() {
        on_each_narrow(async |database| {
            let mut site = Site::over(database.clone());
            let mail = "a@example.org";
            site.join(mail, Role::Member).await;
            let recovery = set_up(&mut site, mail).await;
            let mut transaction = database.begin().await.expect("a transaction");
            let t = &mut transaction;
            let id = accounts::by_mail(t.session(), mail).await.expect("it is read");
            let id = id.expect("it is there").id;
            let stored = factors::totp(t.session(), id).await.expect("it is read");
            let secret = stored.expect("it is there").secret;
            let plain = opened(&site.app, id, secret).expect("it is opened").bytes().to_vec();
            old::unseal(t.session(), id, &plain).await;
            transaction.commit().await.expect("it is committed");
            for _ in 0..2 {
                seal_all(&site.app).await.expect("it is sealed");
                let mut connection = database.read().await.expect("a connection");
                let stored = factors::totp(connection.session(), id).await.expect("it is read");
                let secret = stored.expect("it is there").secret;
                assert!(matches!(secret, Secret::Sealed(_)), "nothing lies in clear any more");
                let key = opened(&site.app, id, secret).expect("it is opened");
                assert_eq!(key.bytes(), plain);
            }
            let code = code(&site, mail, 0).await;
            assert!(first_step(&mut site, mail).await.starts_with("/sign-in/second"));
            let next = site.post("/sign-in/second", &[("code", &code), ("next", "/status")]).await;
            assert_eq!(next.location(), "/status");

            // On another machine, to which nobody brought the key.
            let means = Means { key: TokenKey::new(&[8; 32]), ..site.app.means.clone() };
            let mut other = Site::by(database, site.app.config.clone(), means);
            seal_all(&other.app).await.expect("it is told in the log");
            first_step(&mut other, mail).await;
            let refused = other.post("/sign-in/second", &[("code", "123456")]).await;
            assert_eq!(refused.status, 503);
            refused.says(&["Codes cannot be checked", "Use a recovery code or a passkey"]);
            let typed = [("code", &*recovery[0]), ("next", "/status")];
            assert_eq!(other.post("/sign-in/second", &typed).await.location(), "/status");
        })
        .await;
    }

    #[tokio::test]
    async fn a_program_shows_a_code_where_a_password_is_not_all() {
        on_each_narrow(async |database| {
            let mut site = Site::over(database);
            site.join("a@example.org", Role::Member).await;
            let recovery = set_up(&mut site, "a@example.org").await;
            let program = Program::of(&site, &[Scope::AccountWrite]).await;
            site.cookies.clear();
            letters(&site).await;
            for (field, shown, is_enough) in [
                ("password", "the first words", false),
                ("code", "000000", false),
                ("code", &*recovery[0], true),
                ("code", &*recovery[0], false),
            ] {
                let body = serde_json::json!({ "mail": "b@example.org", field: shown });
                let answer = program.ask(&mut site, Method::PATCH, "/me", None, &body).await;
                assert_eq!(answer.status == StatusCode::OK, is_enough, "{field}: {answer:?}");
                let sent = letters(&site).await;
                let is_sent = sent.iter().any(|letter| letter.starts_with("Your new mail address"));
                assert_eq!(is_sent, is_enough, "{sent:?}");
            }
        })
        .await;
    }

    #[tokio::test]
    async fn a_code_is_asked_for_at_the_second_step_and_no_code_works_twice() {
        on_each_narrow(async |database| {
            let mail = "a@example.org";
            let mut site = Site::over(database);
            site.join(mail, Role::Member).await;
            let first = site.get("/account/totp").await;
            let again = site.get("/account/totp").await;
            let key = |text: &str| text.split("<code>").nth(1).expect("a key")[..39].to_owned();
            assert_ne!(key(&first.text), key(&again.text), "each look makes another key");
            again.says(&["<svg class=\"qr\"", "aria-label=\"The key as a QR code\""]);
            let wrong = site.post("/account/totp", &[("code", "000000")]).await;
            assert_eq!(wrong.status, 422);
            assert_eq!(key(&wrong.text), key(&again.text), "the key in his app stays good");
            assert_eq!(first_step(&mut site, mail).await, "/status", "it does not count yet");
            let recovery = set_up(&mut site, mail).await;
            assert_eq!(recovery.len(), 10);
            assert_eq!(site.get("/account/totp").await.location(), "/account", "never again");
            site.get("/account").await.says(&["10 left", "Asked for since"]);

            assert_eq!(first_step(&mut site, mail).await, "/sign-in/second?next=/status");
            let half = site.cookies.clone();
            assert_eq!(half.keys().collect::<Vec<_>>(), ["second"]);
            for path in ["/account", "/account/password"] {
                assert!(site.get(path).await.location().starts_with("/sign-in?"), "no rights yet");
            }
            site.cookies.insert("session".to_owned(), half["second"].clone());
            assert!(site.get("/account").await.location().starts_with("/sign-in?"));
            site.cookies.remove("session");
            site.get("/sign-in/second?next=/status")
                .await
                .says(&["value=\"/status\"", "Six digits"]);
            // The code that confirmed it was taken with that.
            let used = [("code", &*code(&site, mail, -1).await), ("next", "/status")];
            let refused = site.post("/sign-in/second", &used).await;
            assert_eq!(refused.status, 422);
            refused.says(&["That code is not right", "value=\"/status\""]);
            let fresh = code(&site, mail, 0).await;
            let right = [("code", &*fresh), ("next", "//evil.example")];
            let in_ = site.post("/sign-in/second", &right).await;
            assert_eq!((in_.status.as_u16(), in_.location()), (303, "/account"));
            assert!(!site.cookies.contains_key("second") && site.cookies.contains_key("session"));
            assert_eq!(site.get("/account").await.status, 200);
            // Neither the code nor the half of a sign-in works again.
            site.cookies.clone_from(&half);
            let later = [("code", &*code(&site, mail, 1).await)];
            assert_eq!(site.post("/sign-in/second", &later).await.location(), "/sign-in");
            first_step(&mut site, mail).await;
            assert_eq!(site.post("/sign-in/second", &[("code", &fresh)]).await.status, 422);
            assert_eq!(site.post("/sign-in/second", &later).await.status, 303);

            // A recovery code confirms, too.
            site.let_time_pass().await;
            let removal = site.post("/account/totp/remove", &[]).await;
            assert_eq!(removal.location(), "/confirm?next=/account");
            site.get(removal.location()).await.says(&["A code from your app"]);
            // Whoever has the session and the password has not got the second factor.
            let password = site.post("/confirm", &[("password", "the first words")]).await;
            assert_eq!(password.status, 422);
            let code = [("code", &*recovery[0])];
            assert_eq!(site.post("/confirm/code", &code).await.status, 303);
            assert_eq!(site.post("/account/totp/remove", &[]).await.location(), "/account");
            assert_eq!(first_step(&mut site, mail).await, "/status");
            let said = letters(&site).await;
            let expect = [
                "Codes from your app are asked for at Example lists",
                "A recovery code was used at Example lists",
                "Codes from your app are not asked for any more at Example lists",
            ];
            assert_eq!(said, expect);
        })
        .await;
    }

    #[tokio::test]
    async fn a_recovery_code_works_once_is_told_and_another_set_ends_it() {
        on_each_narrow(async |database| {
            let mail = "a@example.org";
            let mut site = Site::over(database);
            site.join(mail, Role::Member).await;
            assert_eq!(site.post("/account/recovery-codes", &[]).await.location(), "/account");
            let codes = set_up(&mut site, mail).await;
            for (code, status) in [(&codes[0], 303), (&codes[0], 422), (&codes[1], 303)] {
                first_step(&mut site, mail).await;
                let typed = code.to_uppercase().replace('-', " ");
                let answer = site.post("/sign-in/second", &[("code", &typed)]).await;
                assert_eq!(answer.status, status, "{code}");
            }
            site.get("/account").await.says(&["8 left"]);
            let made = site.post("/account/recovery-codes", &[]).await;
            assert!(!made.text.contains(&codes[2]));
            first_step(&mut site, mail).await;
            let old = site.post("/sign-in/second", &[("code", &codes[2])]).await;
            assert_eq!(old.status, 422, "those from before are gone");
            let subject = |what: &str| format!("{what} at Example lists");
            assert_eq!(
                letters(&site).await,
                [
                    subject("Codes from your app are asked for"),
                    subject("A recovery code was used"),
                    subject("A recovery code was used"),
                    subject("You have other recovery codes"),
                ]
            );
        })
        .await;
    }

    #[tokio::test]
    async fn whoever_guesses_codes_begins_again_is_stopped_and_told_of() {
        on_each_narrow(async |database| {
            let mail = "a@example.org";
            let mut site = Site::over(database);
            site.join(mail, Role::Member).await;
            set_up(&mut site, mail).await;
            letters(&site).await;
            first_step(&mut site, mail).await;
            for _ in 0..3 {
                assert_eq!(site.post("/sign-in/second", &[("code", "000000")]).await.status, 422);
            }
            let over = site.post("/sign-in/second", &[("code", "000000")]).await;
            assert_eq!(over.location(), "/sign-in");
            site.get("/sign-in").await.says(&["Please begin again"]);
            assert_eq!(letters(&site).await, ["Somebody knows your password at Example lists"]);
            first_step(&mut site, mail).await;
            site.post("/sign-in/second", &[("code", "000000")]).await;
            let right = code(&site, mail, 0).await;
            let stopped = site.post("/sign-in/second", &[("code", &right)]).await;
            assert_eq!(stopped.status, 429, "from wherever he comes");
        })
        .await;
    }

    #[tokio::test]
    async fn a_link_from_the_mail_leads_to_the_second_step_too() {
        on_each_narrow(async |database| {
            let mail = "a@example.org";
            let mut site = Site::over(database);
            site.join(mail, Role::Member).await;
            set_up(&mut site, mail).await;
            first_step(&mut site, mail).await;
            let half = site.cookies.clone();
            let (url, address) = (&site.app.config.public_url, mail.parse().expect("an address"));
            let link = crate::reset_link(&site.app.database, url, &address).await.expect("a link");
            let path = link.strip_prefix(url.origin()).expect("it is ours").to_owned();
            let reset = site.post(&path, &[("password", "the second words")]).await;
            assert_eq!(reset.location(), "/sign-in/second?next=/account");
            assert!(!site.cookies.contains_key("session"));
            let code = code(&site, mail, 0).await;
            let reset = site.cookies.clone();
            site.cookies = half;
            let old = site.post("/sign-in/second", &[("code", &code)]).await;
            assert_eq!(old.location(), "/sign-in", "what the old password began is over");
            site.cookies = reset;
            assert_eq!(
                site.post("/sign-in/second", &[("code", &code)]).await.location(),
                "/account"
            );
        })
        .await;
    }
}

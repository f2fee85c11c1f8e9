//! Passkeys (Web Authentication): a key that a device keeps and that is good for this site alone.
//!
//! A browser is asked to sign something (a ceremony), and its answer is held against what was asked, which lies in the
//! database meanwhile and is taken from there once. A passkey has seen its person (a finger, a PIN), so it is enough by
//! itself to sign in; with a password it is a second factor.

use std::net::IpAddr;
use std::time::Duration;

use repute_database::accounts::{self, Account, AccountId};
use repute_database::passkeys::{self, Ceremony, PasskeyId, Purpose};
use repute_database::{Timestamp, Transaction, sessions, sign_ins};
use ring::digest::{SHA256, digest};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use webauthn_rs::prelude::{
    AuthenticationResult, DiscoverableAuthentication, Passkey, PasskeyAuthentication,
    PasskeyRegistration, PublicKeyCredential, RegisterPublicKeyCredential, Url, Uuid, Webauthn,
    WebauthnBuilder,
};

use crate::account::{Entry, begin, note, tell};
use crate::app::App;
use crate::config::Config;
use crate::error::AppError;
use crate::factor::{self, Second};
use crate::letter::Event;
use crate::limits::{self, Deed, Doer};
use crate::secret::{Secret, digest_of};
use crate::visitor::Member;

/// What asks browsers, and checks what they sign; none where no browser would: at an address without a name, or without
/// TLS, but for this machine.
pub(crate) struct Passkeys(Option<Webauthn>);

impl Passkeys {
    /// For a site.
    pub(crate) fn new(config: &Config) -> Passkeys {
        let (url, host) = (&config.public_url, config.public_url.host());
        let is_named = host.parse::<IpAddr>().is_err() && !host.starts_with('[');
        let is_local = host == "localhost" || host.ends_with(".localhost");
        let origin = Url::parse(url.origin()).ok();
        let origin = origin.filter(|_| is_named && (url.is_secure() || is_local));
        Passkeys(origin.and_then(|origin| {
            let builder = WebauthnBuilder::new(host, &origin).ok()?;
            builder.rp_name(&config.title).timeout(PATIENCE).build().ok()
        }))
    }

    /// Whether there are any here.
    pub(crate) fn are_possible(&self) -> bool {
        self.0.is_some()
    }

    /// What checks.
    fn checker(&self) -> Result<&Webauthn, AppError> {
        self.0.as_ref().ok_or(AppError::NotFound)
    }
}

/// A browser's answer, as the form has it.
#[derive(serde::Deserialize)]
pub(crate) struct Answer {
    /// Which ceremony it is of.
    pub(crate) ceremony: String,
    /// What was signed, as JSON.
    pub(crate) credential: String,
}

/// Asks a browser to make a passkey for somebody.
pub(crate) async fn ask_register(app: &App, account: &Account) -> Result<Value, AppError> {
    let checker = app.passkeys.checker()?;
    let mut connection = app.database.read().await?;
    let known = stored(&passkeys::of(connection.session(), account.id).await?);
    drop(connection);
    let known = known.iter().map(|passkey| passkey.cred_id().clone()).collect();
    let handle = handle(account);
    let (asked, state) = checker
        .start_passkey_registration(handle, &account.mail, &account.name, Some(known))
        .map_err(|_| AppError::Passkey)?;
    let mut asked = serde_json::to_value(asked).map_err(|_| AppError::Passkey)?;
    // One that its device finds by itself signs in without a name being typed.
    let selection = &mut asked["publicKey"]["authenticatorSelection"];
    selection["residentKey"] = json!("preferred");
    selection["requireResidentKey"] = json!(false);
    ask(app, Purpose::Register, Some(account.id), &state, asked).await
}

/// Adds the passkey that a browser made; with the first second factor come recovery codes.
pub(crate) async fn register(
    app: &App,
    member: &Member,
    answer: &Answer,
    name: &str,
) -> Result<Vec<String>, AppError> {
    let (id, now) = (member.account.id, Timestamp::now());
    let checker = app.passkeys.checker()?;
    let credential: RegisterPublicKeyCredential = read(&answer.credential)?;
    let state = take(app, answer, Purpose::Register, Some(id), now).await?;
    let state: PasskeyRegistration = read(&state)?;
    let mut transaction = app.database.begin().await?;
    let made =
        checker.finish_passkey_registration(&credential, &state).map_err(|_| AppError::Passkey)?;
    if passkeys::of(transaction.session(), id).await?.len() >= MOST {
        return Err(AppError::Passkey);
    }
    let content = write(&made)?;
    let credential = made.cred_id().as_ref();
    if !passkeys::add(transaction.session(), id, credential, name, &content, now).await? {
        return Err(AppError::Passkey);
    }
    let codes = factor::first_codes(&mut transaction, id).await?;
    note(&mut transaction, id, id, "account.passkey", "added", now).await?;
    tell(&mut transaction, app, &member.account, Event::PasskeyAdded, now).await?;
    transaction.commit().await?;
    app.mail_waits.notify_one();
    Ok(codes)
}

/// Removes a passkey. Whether it was there.
pub(crate) async fn remove(app: &App, member: &Member, key: PasskeyId) -> Result<bool, AppError> {
    let (id, now) = (member.account.id, Timestamp::now());
    let mut transaction = app.database.begin().await?;
    if passkeys::remove(transaction.session(), id, key).await?.is_none() {
        return Ok(false);
    }
    factor::drop_codes(&mut transaction, id).await?;
    note(&mut transaction, id, id, "account.passkey", "removed", now).await?;
    tell(&mut transaction, app, &member.account, Event::PasskeyRemoved, now).await?;
    transaction.commit().await?;
    app.mail_waits.notify_one();
    Ok(true)
}

/// Asks a browser for whatever passkey of this site it has.
pub(crate) async fn ask_sign_in(app: &App) -> Result<Value, AppError> {
    let checker = app.passkeys.checker()?;
    let (asked, state) =
        checker.start_discoverable_authentication().map_err(|_| AppError::Passkey)?;
    let mut asked = serde_json::to_value(asked).map_err(|_| AppError::Passkey)?;
    // It is asked for by a button, and not in a field as somebody types.
    if let Some(asked) = asked.as_object_mut() {
        asked.remove("mediation");
    }
    ask(app, Purpose::SignIn, None, &state, asked).await
}

/// Signs somebody in by a passkey alone.
pub(crate) async fn sign_in(app: &App, answer: &Answer, client: &str) -> Result<Entry, AppError> {
    let now = Timestamp::now();
    let checker = app.passkeys.checker()?;
    let credential: PublicKeyCredential = read(&answer.credential)?;
    let state = take(app, answer, Purpose::SignIn, None, now).await?;
    let state: DiscoverableAuthentication = read(&state)?;
    let mut transaction = app.database.begin().await?;
    let (person, named) =
        checker.identify_discoverable_authentication(&credential).map_err(|_| AppError::Passkey)?;
    let known = passkeys::by_credential(transaction.session(), named).await?;
    let known = known.ok_or(AppError::Passkey)?;
    let account = accounts::by_id(transaction.session(), known.account).await?;
    let account = account.filter(|account| handle(account) == person).ok_or(AppError::Passkey)?;
    let passkey: Passkey = read(&known.content)?;
    let shown = checker
        .finish_discoverable_authentication_v2(&credential, state, &passkey)
        .map_err(|_| AppError::Passkey)?;
    used(&mut transaction, known.id, passkey, &shown, now).await?;
    let entry = match account.locked {
        Some(_) => Entry::Locked,
        None => {
            Entry::In(begin(app, &mut transaction, account.id, &account.mail, client, now).await?)
        }
    };
    transaction.commit().await?;
    Ok(entry)
}

/// Asks a browser for one of somebody's passkeys.
pub(crate) async fn ask_show(app: &App, account: AccountId) -> Result<Value, AppError> {
    let checker = app.passkeys.checker()?;
    let mut connection = app.database.read().await?;
    let known = stored(&passkeys::of(connection.session(), account).await?);
    drop(connection);
    if known.is_empty() {
        return Err(AppError::Passkey);
    }
    let (asked, state) =
        checker.start_passkey_authentication(&known).map_err(|_| AppError::Passkey)?;
    let asked = serde_json::to_value(asked).map_err(|_| AppError::Passkey)?;
    ask(app, Purpose::Show, Some(account), &state, asked).await
}

/// Ends a sign-in whose password was right by a passkey.
pub(crate) async fn finish(
    app: &App,
    secret: &str,
    answer: &Answer,
    client: &str,
) -> Result<Second, AppError> {
    let Some(account) = factor::half(app, secret).await? else { return Ok(Second::Over) };
    let now = Timestamp::now();
    let asked = take(app, answer, Purpose::Show, Some(account.id), now).await?;
    let mut transaction = app.database.begin().await?;
    show(&mut transaction, app, account.id, answer, &asked, now).await?;
    if !sign_ins::end(transaction.session(), &digest_of(secret)).await? {
        return Ok(Second::Over);
    }
    let arrival = begin(app, &mut transaction, account.id, &account.mail, client, now).await?;
    transaction.commit().await?;
    Ok(Second::In(arrival))
}

/// Notes that somebody signed in proved who he is by a passkey.
pub(crate) async fn prove(app: &App, member: &Member, answer: &Answer) -> Result<(), AppError> {
    let (id, now) = (member.account.id, Timestamp::now());
    let asked = take(app, answer, Purpose::Show, Some(id), now).await?;
    let mut transaction = app.database.begin().await?;
    show(&mut transaction, app, id, answer, &asked, now).await?;
    sessions::prove(transaction.session(), member.session.id, now).await?;
    Ok(transaction.commit().await?)
}

/// Checks that somebody has shown one of his passkeys.
async fn show(
    transaction: &mut Transaction,
    app: &App,
    account: AccountId,
    answer: &Answer,
    asked: &str,
    now: Timestamp,
) -> Result<(), AppError> {
    let checker = app.passkeys.checker()?;
    let credential: PublicKeyCredential = read(&answer.credential)?;
    let state: PasskeyAuthentication = read(asked)?;
    let shown = checker
        .finish_passkey_authentication(&credential, &state)
        .map_err(|_| AppError::Passkey)?;
    let named = shown.cred_id().as_ref();
    let known = passkeys::by_credential(transaction.session(), named).await?;
    let known = known.filter(|known| known.account == account).ok_or(AppError::Passkey)?;
    let passkey: Passkey = read(&known.content)?;
    used(transaction, known.id, passkey, &shown, now).await
}

/// Notes that a passkey was used, with its counter.
async fn used(
    transaction: &mut Transaction,
    id: PasskeyId,
    mut passkey: Passkey,
    shown: &AuthenticationResult,
    now: Timestamp,
) -> Result<(), AppError> {
    passkey.update_credential(shown);
    passkeys::used(transaction.session(), id, &write(&passkey)?, now).await?;
    Ok(())
}

/// Remembers what a browser is asked; what it is sent.
async fn ask(
    app: &App,
    purpose: Purpose,
    account: Option<AccountId>,
    state: &impl Serialize,
    asked: Value,
) -> Result<Value, AppError> {
    let (secret, now) = (Secret::new()?, Timestamp::now());
    let ceremony =
        Ceremony { purpose, account, state: write(state)?, expires: now.after(PATIENCE) };
    let mut transaction = app.database.begin().await?;
    passkeys::ask(transaction.session(), &secret.digest(), &ceremony, now).await?;
    transaction.commit().await?;
    Ok(json!({ "ceremony": secret.text(), "options": asked }))
}

/// What the browser was asked, if it was asked for this and of this person. Nothing is asked twice by it, whether the
/// answer is right or not.
async fn take(
    app: &App,
    answer: &Answer,
    purpose: Purpose,
    account: Option<AccountId>,
    now: Timestamp,
) -> Result<String, AppError> {
    let digest = digest_of(&answer.ceremony);
    let mut transaction = app.database.begin().await?;
    let ceremony = passkeys::take(transaction.session(), &digest, now).await?;
    transaction.commit().await?;
    let ceremony = ceremony.filter(|asked| asked.purpose == purpose && asked.account == account);
    ceremony.map(|ceremony| ceremony.state).ok_or(AppError::Passkey)
}

/// Counts a try of a passkey from a network.
pub(crate) async fn limit(app: &App, address: IpAddr) -> Result<(), AppError> {
    limits::take(app, Deed::Try, Doer::at(address)).await
}

/// The keys of what is stored. One that cannot be read is none.
fn stored(all: &[passkeys::Passkey]) -> Vec<Passkey> {
    all.iter().filter_map(|passkey| serde_json::from_str(&passkey.content).ok()).collect()
}

/// What devices know somebody by: always the same, and nothing that says who he is.
fn handle(account: &Account) -> Uuid {
    let text = format!("passkeys of {} since {}", account.id.0, account.created.0);
    let digest = digest(&SHA256, text.as_bytes());
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest.as_ref()[..16]);
    Uuid::from_bytes(bytes)
}

/// Reads what a browser, or we ourselves, wrote.
fn read<T: DeserializeOwned>(text: &str) -> Result<T, AppError> {
    serde_json::from_str(text).map_err(|_| AppError::Passkey)
}

/// Writes what is to be stored.
fn write(value: &impl Serialize) -> Result<String, AppError> {
    serde_json::to_string(value).map_err(|_| AppError::Passkey)
}

/// How long a person may take to find his key and touch it.
const PATIENCE: Duration = Duration::from_secs(5 * 60);
/// Most passkeys of one person.
const MOST: usize = 20;

#[cfg(test)]
mod tests {
    use repute_database::accounts::Role;

    use super::*;
    use crate::testing::Site;
    use repute_database::testing::on_each_narrow;

    #[tokio::test]
    async fn passkeys_are_where_browsers_have_them() {
        let mut config = Site::new().await.app.config.clone();
        for (url, are_possible) in [
            ("https://lists.example", true),
            ("http://localhost:8080", true),
            ("http://lists.example", false),
            ("https://192.0.2.1", false),
            ("http://[::1]:8080", false),
        ] {
            config.public_url = url.parse().expect("a URL");
            assert_eq!(Passkeys::new(&config).are_possible(), are_possible, "{url}");
        }
    }

    #[tokio::test]
    async fn a_browser_is_asked_for_what_is_stored_and_an_answer_of_another_kind_is_refused() {
        on_each_narrow(async |database| {
            let mut site = Site::over(database);
            site.join("a@example.org", Role::Member).await;
            let asked = site.post("/account/passkeys/ask", &[]).await;
            let asked: Value = serde_json::from_str(&asked.text).expect("JSON");
            let options = &asked["options"]["publicKey"];
            assert_eq!(options["rp"], json!({ "id": "localhost", "name": "Example lists" }));
            assert_eq!(options["user"]["name"], "a@example.org");
            assert_eq!(options["attestation"], "none");
            let selection = &options["authenticatorSelection"];
            assert_eq!(
                (&selection["residentKey"], &selection["userVerification"]),
                (&json!("preferred"), &json!("required"))
            );
            let ceremony = asked["ceremony"].as_str().expect("a text");
            let other = site.post("/sign-in/passkey/ask", &[]).await;
            let other: Value = serde_json::from_str(&other.text).expect("JSON");
            assert_eq!(other["options"].get("mediation"), None);
            let other = other["ceremony"].as_str().expect("a text");
            let credential = json!({
                "id": "AA", "rawId": "AA", "type": "public-key", "extensions": {},
                "response": { "attestationObject": "AA", "clientDataJSON": "AA" },
            });
            let credential = credential.to_string();
            for (ceremony, credential, name, status) in [
                (other, &*credential, "key", 422),
                (ceremony, "{}", "key", 422),
                (ceremony, &*credential, "", 422),
                (ceremony, &*credential, "key", 422),
                (ceremony, &*credential, "key", 422),
            ] {
                let fields = [("ceremony", ceremony), ("credential", credential), ("name", name)];
                let answer = site.post("/account/passkeys", &fields).await;
                assert_eq!(answer.status, status, "{answer:?}");
            }
            let mut transaction = site.app.database.begin().await.expect("a transaction");
            for (ceremony, what) in
                [(ceremony, "a wrong answer is one"), (other, "so is a foreign one")]
            {
                let digest = digest_of(ceremony);
                let left = passkeys::take(transaction.session(), &digest, Timestamp::now()).await;
                assert_eq!(left.expect("it is read"), None, "{what}");
            }
            drop(transaction);
            let none = site.post("/confirm/passkey/ask", &[]).await;
            assert_eq!(none.status, 422, "he has none");
            site.cookies.clear();
            assert_eq!(site.post("/sign-in/second/passkey/ask", &[]).await.status, 422);
        })
        .await;
    }
}

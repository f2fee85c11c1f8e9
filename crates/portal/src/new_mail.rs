//! Another mail address for an account: its person asks for it, a link that goes there proves it, and whoever reads at the
//! address before is told.
//!
//! The link is good for whoever is signed in to that account alone: to an address that was mistyped, or that somebody else
//! has, it brings nothing. It is stored nowhere, and ends with its day, and with each other password or address.

use std::net::IpAddr;
use std::time::Duration;

use repute_database::accounts::{self, Account, AccountId};
use repute_database::{Database, Timestamp, Transaction, outbox, person, undelivered};
use repute_registry::token::Use;

use crate::access::encode;
use crate::account::note;
use crate::account::shell::{SHELL, ShellError, known};
use crate::app::App;
use crate::config::Config;
use crate::error::AppError;
use crate::letter;
use crate::letters;
use crate::limits::{self, Deed, Doer};
use crate::mail_address::MailAddress;
use crate::secret::digest_of;

/// Sends a link to the address that somebody wants to have. Whether there is an account with it is told there alone.
pub(crate) async fn ask(
    app: &App,
    account: &Account,
    to: &MailAddress,
    address: IpAddr,
) -> Result<(), AppError> {
    if !may_ask(app, account, to, address).await? {
        return Ok(());
    }
    let mut transaction = app.database.begin().await?;
    ask_within(app, &mut transaction, account, to, Timestamp::now()).await?;
    transaction.commit().await?;
    app.mail_waits.notify_one();
    Ok(())
}

/// Whether somebody may have a letter sent there now.
///
/// # Errors
/// If he asks too often; how often others asked for letters to that address he does not learn.
pub(crate) async fn may_ask(
    app: &App,
    account: &Account,
    to: &MailAddress,
    address: IpAddr,
) -> Result<bool, AppError> {
    for doer in [Doer::at(address), Doer::Account(account.id.0)] {
        limits::take(app, Deed::Mail, doer).await?;
    }
    match limits::take(app, Deed::Mail, Doer::by_mail(to.as_str())).await {
        // Nobody learns here who else has had letters.
        Err(AppError::TooMany(_)) => Ok(false),
        taken => taken.map(|()| true),
    }
}

/// Writes the letter with the link.
pub(crate) async fn ask_within(
    app: &App,
    transaction: &mut Transaction,
    account: &Account,
    to: &MailAddress,
    now: Timestamp,
) -> Result<(), AppError> {
    if undelivered::dead(transaction.session(), to.as_str()).await?.is_some() {
        return Ok(());
    }
    let letter = match accounts::by_mail(transaction.session(), to.as_str()).await? {
        Some(_) => letter::known(&app.config, to)?,
        None => {
            let until = now.after(GOOD_FOR);
            let token = app.means.key.token(Use::Mail(account.id.0), &nonce(account, to, until));
            let url = &app.config.public_url;
            // `/`, `?` and `#` may stand in an address, but end its place in a path.
            let place = encode(to.as_str()).replace('/', "%2F");
            let link = format!("{url}/account/mail/{}/{place}/{token}", until.0);
            letter::new_mail(&app.config, to, link)?
        }
    };
    Ok(outbox::put(transaction.session(), &letter, now).await?)
}

/// Whether a link is that of somebody for an address, and still good.
pub(crate) fn is_link(
    app: &App,
    account: &Account,
    to: &MailAddress,
    until: Timestamp,
    token: &str,
) -> bool {
    let purpose = Use::Mail(account.id.0);
    Timestamp::now() < until && app.means.key.is(token, purpose, &nonce(account, to, until))
}

/// Gives somebody the address that he has proved.
///
/// # Errors
/// If somebody else has it by now, or the database fails.
pub(crate) async fn take(app: &App, account: &Account, to: &MailAddress) -> Result<(), AppError> {
    let mut transaction = app.database.begin().await?;
    match change(&mut transaction, &app.config, account, to, account.id).await {
        Err(ShellError::Known(_)) => return Err(AppError::StaleLink),
        done => done?,
    }
    transaction.commit().await?;
    app.mail_waits.notify_one();
    Ok(())
}

/// Gives an account another mail address, for whoever has the shell.
///
/// # Errors
/// If there is no such account, another one has the address, or the database fails.
pub async fn set_mail(
    database: &Database,
    config: &Config,
    from: &MailAddress,
    to: &MailAddress,
) -> Result<(), ShellError> {
    let mut transaction = database.begin().await?;
    let account = known(&mut transaction, from).await?;
    if from != to {
        change(&mut transaction, config, &account, to, SHELL).await?;
    }
    Ok(transaction.commit().await?)
}

/// Changes the address, and tells whoever reads at the one before.
async fn change(
    transaction: &mut Transaction,
    config: &Config,
    account: &Account,
    to: &MailAddress,
    by: AccountId,
) -> Result<(), ShellError> {
    let now = Timestamp::now();
    if !person::move_to(transaction.session(), account, to.as_str()).await? {
        return Err(ShellError::Known(to.to_string()));
    }
    // Letters arrive there: whoever proved it has read one.
    if by == account.id {
        undelivered::revive(transaction.session(), to.as_str()).await?;
    }
    // Without the address, as the log is for ever.
    note(transaction, by, account.id, "account.mail", "", now).await?;
    let letter = letter::moved(config, &account.mail)?;
    Ok(letters::tell(transaction, &letter, now).await?)
}

/// What makes a token that of one change.
fn nonce(account: &Account, to: &MailAddress, until: Timestamp) -> [u8; 16] {
    let said = format!("{} {to} {} {}", account.mail, until.0, account.password);
    let mut nonce = [0; 16];
    for (place, byte) in nonce.iter_mut().zip(digest_of(&said)) {
        *place = byte;
    }
    nonce
}

/// How long a link is good.
const GOOD_FOR: Duration = Duration::from_secs(24 * 3600);

#[cfg(test)]
mod tests {
    use repute_database::accounts::Role;
    use repute_database::testing::on_each_narrow;

    use super::*;
    use crate::testing::Site;

    /// The letter that waits: to whom, and its text.
    async fn letter(site: &Site) -> (String, String) {
        let mut transaction = site.app.database.begin().await.expect("a transaction");
        let lease = Duration::from_secs(1000);
        let taken = outbox::take(transaction.session(), Timestamp::now(), lease).await;
        transaction.commit().await.expect("it is committed");
        let letter = taken.expect("it is read").expect("a letter waits").letter;
        (letter.recipient, letter.plain)
    }

    /// The path of the link in a letter.
    fn path(letter: &str) -> String {
        let mut lines = letter.lines();
        let link = lines.find_map(|line| line.strip_prefix("http://localhost:8080"));
        link.expect("a link").to_owned()
    }

    #[tokio::test]
    async fn another_address_is_proved_there_and_told_at_the_one_before() {
        on_each_narrow(async |database| {
            let mut site = Site::over(database);
            site.join("eve@example.org", Role::Member).await;
            let eve = site.cookies.clone();
            site.join("ada@example.org", Role::Member).await;
            site.let_time_pass().await;
            assert_eq!(site.get("/account/mail").await.location(), "/confirm?next=/account/mail");
            site.post("/confirm", &[("password", "the first words")]).await;
            site.get("/account/mail").await.says(&["ada@example.org", "New mail address"]);
            let wrong = site.post("/account/mail", &[("mail", "nobody")]).await;
            assert_eq!(wrong.status, 422);
            wrong.says(&["not a mail address", "value=\"nobody\""]);

            // Whether somebody else has it is told there alone.
            let taken = site.post("/account/mail", &[("mail", "eve@example.org")]).await;
            let (to, words) = letter(&site).await;
            assert_eq!(to, "eve@example.org");
            assert!(words.contains("You have one already"), "{words}");
            let asked = site.post("/account/mail", &[("mail", "Ada@New.example")]).await;
            assert_eq!(asked.location(), "/account");
            assert_eq!(asked.location(), taken.location());
            site.get("/account").await.says(&["ada@example.org", "Look into the mail"]);
            let (to, words) = letter(&site).await;
            assert_eq!(to, "ada@new.example");
            let link = path(&words);

            // Nobody else gets anything by it, and looking changes nothing.
            let ada = site.cookies.clone();
            site.cookies = eve;
            assert_eq!(site.get(&link).await.status, 404);
            assert_eq!(site.post(&link, &[]).await.status, 404);
            site.cookies.clear();
            assert!(site.get(&link).await.location().starts_with("/sign-in?next=/account/mail/"));
            site.cookies = ada;
            for forged in [
                link.replace("ada%40new.example", "ada%40evil.example"),
                link.replacen("/mail/", "/mail/9", 1),
                link[..link.len() - 1].to_owned(),
            ] {
                assert_eq!(site.post(&forged, &[]).await.status, 404, "{forged}");
            }
            site.get(&link).await.says(&["ada@new.example", "Take this address"]);
            site.get("/account").await.says(&["ada@example.org"]);
            assert_eq!(site.post(&link, &[]).await.location(), "/account");
            site.get("/account").await.says(&["ada@new.example", "Your account has another mail"]);
            assert_eq!(site.post(&link, &[]).await.status, 404, "it is good once");
            let (to, words) = letter(&site).await;
            assert_eq!(to, "ada@example.org");
            assert!(!words.contains("new.example"), "where it is now is nobody else's: {words}");
            site.cookies.clear();
            let old = [("mail", "ada@example.org"), ("password", "the first words")];
            assert_eq!(site.post("/sign-in", &old).await.status, 422);
            let new = [("mail", "ada@new.example"), ("password", "the first words")];
            assert_eq!(site.post("/sign-in", &new).await.status, 303);
        })
        .await;
    }

    #[tokio::test]
    async fn an_address_with_marks_of_a_path_is_proved_too() {
        on_each_narrow(async |database| {
            let mut site = Site::over(database);
            site.join("ada@example.org", Role::Member).await;
            let to = "a/b?c#d%2f+e@new.example";
            assert_eq!(site.post("/account/mail", &[("mail", to)]).await.location(), "/account");
            let (recipient, words) = letter(&site).await;
            assert_eq!(recipient, to);
            let link = path(&words);
            site.get(&link).await.says(&[to, "Take this address"]);
            assert_eq!(site.post(&link, &[]).await.location(), "/account");
            site.get("/account").await.says(&[to]);
        })
        .await;
    }

    #[tokio::test]
    async fn a_link_ends_with_another_password_and_when_somebody_else_has_the_address() {
        on_each_narrow(async |database| {
            let mut site = Site::over(database);
            site.join("ada@example.org", Role::Member).await;
            for turn in 0..2 {
                let to = format!("new{turn}@example.org");
                site.post("/account/mail", &[("mail", &to)]).await;
                let link = path(&letter(&site).await.1);
                assert_eq!(site.get(&link).await.status, 200);
                if turn == 0 {
                    let other = [("password", "the second words")];
                    site.post("/account/password", &other).await;
                    letter(&site).await;
                } else {
                    let ada = site.cookies.clone();
                    site.join(&to, Role::Member).await;
                    site.cookies = ada;
                }
                assert_eq!(site.post(&link, &[]).await.status, 404, "{turn}");
                site.get("/account").await.says(&["ada@example.org"]);
            }
            let addresses = ["ada@example.org", "new1@example.org", "ada@x.example"];
            let [ada, taken, free] = addresses.map(|text| text.parse().expect("an address"));
            let (database, config) = (&site.app.database, &site.app.config);
            let refused = set_mail(database, config, &ada, &taken).await;
            assert!(matches!(refused, Err(ShellError::Known(_))));
            let unknown = set_mail(database, config, &free, &ada).await;
            assert!(matches!(unknown, Err(ShellError::Unknown(_))));
            set_mail(database, config, &ada, &free).await.expect("it is set");
            assert_eq!(letter(&site).await.0, "ada@example.org");
            site.get("/account").await.says(&["ada@x.example"]);
        })
        .await;
    }
}

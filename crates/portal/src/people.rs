//! What administrators do about people: roles, locks, second factors that are lost. For a page and the shell alike.

use repute_database::accounts::{self, Account, AccountId, Role};
use repute_database::links::{self, Purpose};
use repute_database::{Database, Timestamp, Transaction, factors, sessions, sign_ins};

use crate::account::note;
use crate::account::shell::{SHELL, ShellError, known};
use crate::config::Config;
use crate::letter::{self, Event};
use crate::letters;
use crate::mail_address::MailAddress;

/// What an administrator does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Measure {
    /// Gives another role.
    Role(Role),
    /// Has nobody use the account.
    Lock,
    /// Has it used again.
    Unlock,
    /// Takes all second factors away, as they are lost.
    ResetFactors,
}

/// Gives an account another role; its sessions go on with that.
///
/// # Errors
/// If there is no such account, it is the last administrator, or the database fails.
pub async fn set_role(
    database: &Database,
    config: &Config,
    mail: &MailAddress,
    role: Role,
) -> Result<(), ShellError> {
    from_shell(database, config, mail, Measure::Role(role)).await
}

/// Takes all second factors of an account away, so that its password is enough to get in.
///
/// # Errors
/// If there is no such account, or the database fails.
pub async fn reset_factors(
    database: &Database,
    config: &Config,
    mail: &MailAddress,
) -> Result<(), ShellError> {
    from_shell(database, config, mail, Measure::ResetFactors).await
}

/// Has nobody use an account, and ends its sessions.
///
/// # Errors
/// If there is no such account, it is the last administrator's, or the database fails.
pub async fn lock(
    database: &Database,
    config: &Config,
    mail: &MailAddress,
) -> Result<(), ShellError> {
    from_shell(database, config, mail, Measure::Lock).await
}

/// Has an account be used again.
///
/// # Errors
/// If there is no such account, or the database fails.
pub async fn unlock(
    database: &Database,
    config: &Config,
    mail: &MailAddress,
) -> Result<(), ShellError> {
    from_shell(database, config, mail, Measure::Unlock).await
}

/// Does something about somebody, and tells him.
///
/// # Errors
/// If nobody would be left who may do this, or the database fails: then the transaction is to be dropped.
pub(crate) async fn take(
    transaction: &mut Transaction,
    config: &Config,
    by: AccountId,
    account: &Account,
    measure: Measure,
    now: Timestamp,
) -> Result<(), ShellError> {
    let id = account.id;
    // What is so already is nothing to tell of.
    if is_so(account, measure) {
        return Ok(());
    }
    // First the account and then the log, as everywhere: an editor's word is held while what he agreed to is written.
    if !accounts::hold_any(transaction.session(), id).await? {
        return Err(ShellError::Unknown(account.mail.clone()));
    }
    // The log has others wait: two who each leave it to the other would leave nobody.
    let (action, detail) = words(measure);
    note(transaction, by, id, action, detail, now).await?;
    match measure {
        Measure::Role(role) => {
            accounts::set_role(transaction.session(), id, role).await?;
            if role == Role::Administrator {
                links::revoke(transaction.session(), Purpose::Join, None).await?;
            }
        }
        Measure::Lock => {
            accounts::lock(transaction.session(), id, Some(now)).await?;
            sessions::end_others(transaction.session(), id, None).await?;
            sign_ins::end_all(transaction.session(), id).await?;
        }
        Measure::Unlock => accounts::lock(transaction.session(), id, None).await?,
        Measure::ResetFactors => factors::remove_all(transaction.session(), id).await?,
    }
    if !accounts::has_administrator(transaction.session()).await? {
        return Err(ShellError::LastAdministrator);
    }
    let letter = letter::told(config, &account.mail, event(measure))?;
    Ok(letters::tell(transaction, &letter, now).await?)
}

/// Does something for whoever has the shell.
async fn from_shell(
    database: &Database,
    config: &Config,
    mail: &MailAddress,
    measure: Measure,
) -> Result<(), ShellError> {
    let mut transaction = database.begin().await?;
    let account = known(&mut transaction, mail).await?;
    take(&mut transaction, config, SHELL, &account, measure, Timestamp::now()).await?;
    Ok(transaction.commit().await?)
}

/// Whether somebody is already as a measure would make him.
fn is_so(account: &Account, measure: Measure) -> bool {
    match measure {
        Measure::Role(role) => account.role == role,
        Measure::Lock => account.locked.is_some(),
        Measure::Unlock => account.locked.is_none(),
        // What he has is not written at the account.
        Measure::ResetFactors => false,
    }
}

/// What the audit log calls it.
fn words(measure: Measure) -> (&'static str, &'static str) {
    match measure {
        Measure::Role(role) => ("account.role", role.word()),
        Measure::Lock => ("account.lock", "locked"),
        Measure::Unlock => ("account.lock", "unlocked"),
        Measure::ResetFactors => ("account.factors", "reset"),
    }
}

/// What its person is told.
fn event(measure: Measure) -> Event {
    match measure {
        Measure::Role(_) => Event::RoleChanged,
        Measure::Lock => Event::Locked,
        Measure::Unlock => Event::Unlocked,
        Measure::ResetFactors => Event::FactorsReset,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use repute_database::testing::on_each_narrow;
    use repute_database::{audit, outbox};

    use super::*;
    use crate::testing::Site;

    /// The number of an account.
    async fn number(site: &Site, mail: &str) -> i64 {
        let mut connection = site.app.database.read().await.expect("a connection");
        let account = accounts::by_mail(connection.session(), mail).await.expect("it is read");
        account.expect("it is there").id.0
    }

    #[tokio::test]
    async fn an_administrator_finds_people_and_says_what_they_may() {
        on_each_narrow(async |database| {
            let mut site = Site::over(database);
            site.join("ada@example.org", Role::Member).await;
            let ada = site.cookies.clone();
            let id = number(&site, "ada@example.org").await;
            site.join("boss@example.org", Role::Administrator).await;
            let boss = site.cookies.clone();
            let own = number(&site, "boss@example.org").await;
            site.get("/people").await.says(&[
                "ada@example.org",
                "boss@example.org",
                "2 on this page",
            ]);
            let found = site.get("/people?part=ADA%40").await;
            found.says(&["ada@example.org", "value=\"ADA@\""]);
            assert!(!found.text.contains("boss@example.org"));
            site.get("/people?part=nobody").await.says(&["Nobody is called so"]);
            let at = |id: i64, what: &str| format!("/people/{id}/{what}");
            site.get(&format!("/people/{id}")).await.says(&["ada@example.org", "member"]);
            assert_eq!(site.get("/people/999").await.status, 404);

            let editor = [("role", "editor")];
            assert_eq!(
                site.post(&at(id, "role"), &editor).await.location(),
                format!("/people/{id}")
            );
            site.get(&format!("/people/{id}")).await.says(&["<option selected>editor"]);
            assert_eq!(site.post(&at(id, "role"), &[("role", "king")]).await.status, 422);
            for (what, fields) in [("role", &editor[..]), ("lock", &[])] {
                let refused = site.post(&at(own, what), fields).await;
                assert!(matches!(refused.status.as_u16(), 403 | 409), "{what}: {refused:?}");
            }
            site.cookies.clone_from(&ada);
            assert_eq!(site.get("/account").await.status, 200);
            assert_eq!(site.get("/people").await.status, 403);

            site.cookies.clone_from(&boss);
            assert_eq!(site.post(&at(id, "lock"), &[]).await.status, 303);
            site.get("/people").await.says(&["locked"]);
            site.cookies.clear();
            let fields = [("mail", "ada@example.org"), ("password", "the first words")];
            let locked = site.post("/sign-in", &fields).await;
            assert_eq!(locked.status, 403);
            locked.says(&["This account is locked"]);
            let wrong = [("mail", "ada@example.org"), ("password", "other words")];
            assert_eq!(site.post("/sign-in", &wrong).await.status, 422, "only who has it learns");
            site.cookies.clone_from(&ada);
            assert_eq!(site.get("/account").await.status, 303, "her session is over");
            site.cookies = boss;
            assert_eq!(site.post(&at(id, "unlock"), &[]).await.status, 303);

            let mut transaction = site.app.database.begin().await.expect("a transaction");
            let (t, account) = (&mut transaction, accounts::AccountId(id));
            factors::offer_totp(t.session(), account, &[7; 20]).await.expect("it is kept");
            factors::confirm_totp(t.session(), account, 1, Timestamp(1)).await.expect("it counts");
            transaction.commit().await.expect("it is committed");
            site.get(&format!("/people/{id}")).await.says(&["Codes from an app"]);
            site.cookies.clear();
            assert!(site.post("/sign-in", &fields).await.location().starts_with("/sign-in/second"));
            let address = "ada@example.org".parse().expect("an address");
            let config = &site.app.config;
            reset_factors(&site.app.database, config, &address).await.expect("they are gone");
            assert_eq!(site.post("/sign-in", &fields).await.location(), "/account");

            let mut transaction = site.app.database.begin().await.expect("a transaction");
            let t = &mut transaction;
            let subject = format!("account/{}", audit::actor(t.session(), id).await.expect("one"));
            let deeds = audit::of_subject(t.session(), &subject, 9).await.expect("they are read");
            let actions: Vec<_> = deeds.iter().rev().map(|deed| &*deed.action).collect();
            let locks = ["account.lock", "account.lock", "account.factors"];
            assert_eq!(actions, [&["account.join", "account.role"][..], &locks].concat());
            let mut subjects = Vec::new();
            let lease = std::time::Duration::from_secs(9);
            while let Some(taken) =
                outbox::take(t.session(), Timestamp::now(), lease).await.expect("it is read")
            {
                assert_eq!(taken.letter.recipient, "ada@example.org");
                subjects.push(taken.letter.subject);
                outbox::give_up(t.session(), taken.id).await.expect("it is gone");
            }
            assert_eq!(subjects.len(), 4, "{subjects:?}");
            assert_eq!(subjects[3], "Your second factors were taken away at Example lists");
        })
        .await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn whoever_locks_somebody_and_who_holds_him_do_not_wait_for_each_other() {
        on_each_narrow(async |database| {
            let mut site = Site::over(database);
            site.join("boss@example.org", Role::Administrator).await;
            site.join("ada@example.org", Role::Editor).await;
            let ada = "ada@example.org".parse().expect("an address");
            let id = AccountId(number(&site, "ada@example.org").await);
            let database = &site.app.database;
            // As somebody who decides with her word: he holds her, and writes the log when he is done.
            let mut transaction = database.begin().await.expect("a transaction");
            let held = accounts::hold(transaction.session(), id).await.expect("it is held");
            assert_eq!(held, Some(Role::Editor));
            let decide = async {
                for _ in 0..50 {
                    let mut look = database.look().await.expect("a look");
                    audit::head(look.session()).await.expect("it is read");
                }
                let t = &mut transaction;
                let now = Timestamp::now();
                note(t, SHELL, id, "account.test", "", now).await.expect("it is written");
                transaction.commit().await.expect("it is committed");
            };
            let locked = lock(database, &site.app.config, &ada);
            let (locked, ()) = tokio::join!(locked, decide);
            locked.expect("she is locked");
            let mut connection = database.read().await.expect("a connection");
            let known = accounts::by_id(connection.session(), id).await.expect("it is read");
            assert!(known.expect("she is there").locked.is_some());
        })
        .await;
    }

    #[tokio::test]
    async fn nobody_is_told_of_what_did_not_change() {
        on_each_narrow(async |database| {
            let mut site = Site::over(database);
            site.join("boss@example.org", Role::Administrator).await;
            site.join("ada@example.org", Role::Member).await;
            let ada = "ada@example.org".parse().expect("an address");
            let database = &site.app.database;
            let long = Duration::from_secs(86_400);
            for (role, news) in [(Role::Member, 0), (Role::Editor, 1), (Role::Editor, 0)] {
                let end = async || {
                    let mut connection = database.read().await.expect("a connection");
                    audit::head(connection.session()).await.expect("it is read").rows
                };
                let before = end().await;
                set_role(database, &site.app.config, &ada, role).await.expect("it is set");
                assert_eq!(end().await - before, news, "{role:?}: rows of the log");
                let mut transaction = database.begin().await.expect("a transaction");
                let (t, now, mut letters) = (&mut transaction, Timestamp::now(), 0);
                while let Some(taken) = outbox::take(t.session(), now, long).await.expect("read") {
                    outbox::sent(t.session(), taken.id, Timestamp::now())
                        .await
                        .expect("it is gone");
                    letters += 1;
                }
                transaction.commit().await.expect("it is committed");
                assert_eq!(letters, news, "{role:?}: letters");
            }
        })
        .await;
    }
}

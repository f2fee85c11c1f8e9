//! What is kept of a person, as a document for him, and the end of his account.

use repute_database::accounts::{self, Account, AccountId, Role};
use repute_database::audit::{self, Deed};
use repute_database::digests::Wanted;
use repute_database::entries::OrganisationId;
use repute_database::organisations::{self, MemberRole};
use repute_database::person::Membership;
use repute_database::{Database, DatabaseError, Timestamp, person};
use serde_json::{Value, json};

use crate::account::note;
use crate::account::shell::{SHELL, ShellError, known};
use crate::mail_address::MailAddress;
use crate::moment::Moment;

/// All that is kept of somebody. What opens a door is left out: digests and keys are of no use to him.
pub(crate) async fn document(
    database: &Database,
    account: &Account,
) -> Result<Value, DatabaseError> {
    let now = Timestamp::now();
    let mut look = database.look().await?;
    let kept = person::kept(look.session(), account, now).await?;
    let sessions = kept.sessions.iter().map(|session| {
        json!({
            "where": session.client,
            "since": time(session.created),
            "last-used": time(session.seen),
            "confirmed": time(session.proven),
            "ends": time(session.expires),
        })
    });
    let passkeys = kept.passkeys.iter().map(|passkey| {
        json!({
            "name": passkey.name,
            "since": time(passkey.created),
            "last-used": passkey.used.map(time),
        })
    });
    let tokens = kept.tokens.iter().map(|token| {
        json!({
            "name": token.name,
            "scopes": token.scopes,
            "since": time(token.created),
            "last-used": token.seen.map(time),
            "ends": token.expires.map(time),
        })
    });
    let memberships = kept.memberships.iter().map(|membership| {
        json!({
            "organisation": membership.organisation,
            "name": membership.name,
            "role": membership.role,
            "since": time(membership.since),
        })
    });
    let contacts = kept.contacts.iter().map(|contact| {
        json!({
            "organisation": contact.organisation,
            "name": contact.name,
            "purpose": contact.purpose,
            "letters-since": contact.said.0.map(time),
            "no-letters-since": contact.said.1.map(time),
        })
    });
    let claims = kept.claims.iter().map(|claim| {
        json!({
            "organisation": claim.new.organisation.0,
            "domain": claim.new.domain.to_string(),
            "state": claim.state.word(),
            "seen": claim.seen,
            "time": time(claim.new.created),
        })
    });
    let filed = |all: &[person::Filed], about: &str| -> Vec<Value> {
        let row = |one: &person::Filed| {
            json!({
                "number": one.id,
                "list": one.list,
                (about): one.about,
                "reason": one.reason,
                "state": one.state,
                "time": time(one.created),
            })
        };
        all.iter().map(row).collect()
    };
    let conflicts = kept.conflicts.iter().map(|one| {
        json!({
            "about": one.kind,
            "number": one.number,
            "reason": one.reason,
            "time": time(one.since),
        })
    });
    let deeds = kept.deeds.iter().map(|deed| {
        json!({
            "time": time(deed.time),
            "action": deed.action,
            "subject": deed.subject,
            "detail": serde_json::from_str(&deed.detail).unwrap_or(Value::Null),
        })
    });
    let invitations = kept.invitations.iter().map(|(one, name)| {
        json!({
            "organisation": one.organisation.0,
            "name": name,
            "owner": one.role == MemberRole::Owner,
            "time": time(one.created),
        })
    });
    let letters = kept
        .letters
        .iter()
        .map(|(written, subject)| json!({ "written": time(*written), "subject": subject }));
    Ok(json!({
        "written": time(now),
        "account": {
            "mail": account.mail,
            "name": account.name,
            "role": account.role.word(),
            "since": time(account.created),
            "last-seen": account.seen.map(time),
        },
        "sessions": sessions.collect::<Vec<_>>(),
        "second-factors": {
            "codes-since": kept.factors.totp.map(time),
            "recovery-codes": kept.factors.recovery,
        },
        "tokens": tokens.collect::<Vec<_>>(),
        "passkeys": passkeys.collect::<Vec<_>>(),
        "contacts": contacts.collect::<Vec<_>>(),
        "memberships": memberships.collect::<Vec<_>>(),
        "claims": claims.collect::<Vec<_>>(),
        "requests": filed(&kept.requests, "organisation"),
        "removals": filed(&kept.removals, "target"),
        "changes-for-two": filed(&kept.motions, "kind"),
        "conflicts-of-interest": conflicts.collect::<Vec<_>>(),
        "pseudonym": kept.deeds.first().map(|deed| &deed.actor),
        "log": deeds.collect::<Vec<_>>(),
        "letters": letters.collect::<Vec<_>>(),
        "letters-sent": kept.sent.iter().copied().map(time).collect::<Vec<_>>(),
        "letters-fail-since": kept.undelivered.map(|(since, _)| time(since)),
        "letters-wanted": kept.wanted.map(Wanted::word),
        "invitations": invitations.collect::<Vec<_>>(),
    }))
}

/// Writes down all that is kept of somebody, for whoever has the shell: he asked for it by a letter.
///
/// # Errors
/// If there is no such account, or the database fails.
pub async fn export(database: &Database, mail: &MailAddress) -> Result<String, ShellError> {
    let mut transaction = database.begin().await?;
    let account = known(&mut transaction, mail).await?;
    note(&mut transaction, SHELL, account.id, "account.export", "", Timestamp::now()).await?;
    transaction.commit().await?;
    Ok(format!("{:#}", document(database, &account).await?))
}

/// What was kept of an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Erased {
    /// An account, with all that was its person's.
    Account,
    /// No account, but removals, contacts, letters or words of others.
    Address,
}

/// Erases what is kept of an address, for whoever has the shell: its person asked for it by a letter, with an account or
/// without.
///
/// # Errors
/// If nothing is kept of it, it is the last administrator's, or the database fails.
pub async fn delete(database: &Database, mail: &MailAddress) -> Result<Erased, ShellError> {
    let mut transaction = database.begin().await?;
    if let Some(account) = accounts::by_mail(transaction.session(), mail.as_str()).await? {
        drop(transaction);
        erase(database, &account, By::Other(SHELL)).await?;
        return Ok(Erased::Account);
    }
    if !person::erase_address(transaction.session(), mail.as_str()).await? {
        return Err(ShellError::Unknown(mail.to_string()));
    }
    let deed = Deed {
        time: Timestamp::now(),
        actor: audit::actor(transaction.session(), SHELL.0).await?,
        action: "address.delete".to_owned(),
        subject: "address".to_owned(),
        detail: json!({}).to_string(),
    };
    audit::append(transaction.session(), &deed).await?;
    transaction.commit().await?;
    Ok(Erased::Address)
}

/// Who has an account end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum By {
    /// Its person.
    Himself,
    /// An administrator, or whoever has the shell, as its person asked for it in another way.
    Other(AccountId),
}

/// Ends an account, and all that says whose it was.
///
/// Its person cannot leave members of an organisation without an owner: he can make one of them one before. Others cannot,
/// and what he is entitled to does not wait for it: then who proves a domain of the organisation becomes its owner again.
///
/// # Errors
/// If it is the last administrator's, an organisation would be without an owner, or the database fails.
pub(crate) async fn erase(
    database: &Database,
    account: &Account,
    by: By,
) -> Result<(), ShellError> {
    let now = Timestamp::now();
    let mut transaction = database.begin().await?;
    for one in person::memberships(transaction.session(), account).await? {
        organisations::lock(transaction.session(), OrganisationId(one.organisation)).await?;
    }
    if by == By::Himself {
        let all = person::memberships(transaction.session(), account).await?;
        if let Some(one) = all.into_iter().find(is_needed) {
            return Err(ShellError::LastOwner { id: one.organisation, name: one.name });
        }
    }
    let pseudonym = audit::actor(transaction.session(), account.id.0).await?;
    let (actor, what) = match by {
        By::Himself => (pseudonym.clone(), ""),
        By::Other(id) => {
            (audit::actor(transaction.session(), id.0).await?, "asked for by its person")
        }
    };
    person::erase(transaction.session(), account).await?;
    // The log comes last, as everywhere. It has others wait, and what follows sees whoever went before: two who each
    // leave it to the other would leave nobody.
    let deed = Deed {
        time: now,
        subject: format!("account/{pseudonym}"),
        actor,
        action: "account.delete".to_owned(),
        detail: json!({ "what": what }).to_string(),
    };
    audit::append(transaction.session(), &deed).await?;
    let is_guarded = account.role == Role::Administrator;
    if is_guarded && !accounts::has_administrator(transaction.session()).await? {
        return Err(ShellError::LastAdministrator);
    }
    Ok(transaction.commit().await?)
}

/// Whether an organisation has members, and would have no owner without him.
pub(crate) fn is_needed(one: &Membership) -> bool {
    one.role == "owner" && one.is_alone && one.others > 0
}

/// A moment for people and programs.
fn time(at: Timestamp) -> String {
    Moment(at).rfc3339()
}

#[cfg(test)]
mod tests {
    use repute_database::audit::{self, Verified};
    use repute_database::testing::{on_each, on_each_narrow};
    use repute_database::{outbox, requests};
    use repute_registry::decision::{self, Terms, Verdict};
    use repute_registry::permission::{Person, Role as Part};
    use repute_registry::request::item::Item;
    use repute_registry::request::limit::Limits;
    use repute_registry::request::{self, Draft};

    use super::*;
    use crate::error::AppError;
    use crate::testing::Site;

    #[tokio::test]
    async fn a_person_gets_what_is_kept_of_him_and_goes_with_it() {
        on_each_narrow(async |database| {
            let mut site = Site::over(database);
            site.join("boss@example.org", Role::Administrator).await;
            let last = site.post("/account/delete", &[("mail", "boss@example.org")]).await;
            assert_eq!(last.status, 409);
            last.says(&["last administrator"]);
            site.join("ada@secret.example", Role::Administrator).await;
            site.post("/account/password", &[("password", "the second words")]).await;
            let mut transaction = site.app.database.begin().await.expect("a transaction");
            let account = accounts::by_mail(transaction.session(), "ada@secret.example").await;
            let account = account.expect("it is read").expect("it is there");
            let now = Timestamp::now();
            let id = organisations::add(transaction.session(), "Ada & Co", now).await.expect("one");
            let owner = organisations::MemberRole::Owner;
            let put =
                organisations::put_member(transaction.session(), id, account.id.0, owner, now)
                    .await;
            put.expect("she is put in");
            transaction.commit().await.expect("it is committed");

            let data = site.get("/account/data.json").await;
            assert_eq!(data.header("content-disposition"), "attachment; filename=\"account.json\"");
            assert_eq!(data.header("cache-control"), "no-store");
            let kept: Value = serde_json::from_str(&data.text).expect("JSON");
            assert_eq!(kept["account"]["mail"], "ada@secret.example");
            assert_eq!(kept["memberships"][0]["name"], "Ada & Co");
            let log = kept["log"].as_array().expect("rows");
            let actions: Vec<_> = log.iter().filter_map(|row| row["action"].as_str()).collect();
            assert_eq!(actions, ["account.join", "account.password"]);
            assert_eq!(kept["letters"][0]["subject"], "Your password was changed at Example lists");
            assert!(kept["sessions"].as_array().is_some_and(|all| all.len() == 1));
            for name in ["changes-for-two", "conflicts-of-interest"] {
                assert!(kept[name].is_array(), "{name} are told of");
            }
            for name in ["tokens", "passkeys"] {
                assert!(kept[name].is_array(), "{name} stand by themselves");
                assert!(kept["second-factors"].get(name).is_none(), "{name}");
            }
            assert!(!data.text.contains("argon2"), "nothing that opens a door");

            let session = site.cookies.clone();
            let page = site.get("/account/delete").await;
            page.says(&["Nobody else speaks for", "Ada &#38; Co"]);
            let wrong = site.post("/account/delete", &[("mail", "boss@example.org")]).await;
            assert_eq!(wrong.status, 422);
            let gone = site.post("/account/delete", &[("mail", " ADA@secret.example ")]).await;
            assert_eq!((gone.status.as_u16(), gone.location()), (303, "/"));
            site.get("/").await.says(&["Your account is gone"]);
            site.cookies = session;
            assert_eq!(site.get("/account").await.status, 303, "no session is left");
            let mut transaction = site.app.database.begin().await.expect("a transaction");
            let t = &mut transaction;
            assert_eq!(audit::verify(t.session()).await.expect("it is read"), Verified::Whole(4));
            let lease = std::time::Duration::from_secs(9);
            let letter = outbox::take(t.session(), Timestamp::now(), lease).await;
            assert_eq!(letter.expect("it is read"), None);
            let members = organisations::members(t.session(), id).await.expect("they are read");
            assert_eq!(members, []);
        })
        .await;
    }

    /// The account of an address.
    async fn of_mail(site: &Site, mail: &str) -> Option<Account> {
        let mut connection = site.app.database.read().await.expect("a connection");
        accounts::by_mail(connection.session(), mail).await.expect("it is read")
    }

    #[tokio::test]
    async fn nobody_leaves_members_without_an_owner_but_others_may_do_what_he_asked_for() {
        on_each_narrow(async |database| {
            let mut site = Site::over(database);
            site.join("bert@example.org", Role::Member).await;
            let bert = of_mail(&site, "bert@example.org").await.expect("he is there");
            site.join("boss@example.org", Role::Administrator).await;
            let boss = site.cookies.clone();
            site.join("ada@example.org", Role::Member).await;
            let ada = of_mail(&site, "ada@example.org").await.expect("she is there");
            let mut transaction = site.app.database.begin().await.expect("a transaction");
            let (t, now) = (&mut transaction, Timestamp::now());
            let id = organisations::add(t.session(), "Ada & Co", now).await.expect("one");
            for (account, role) in [(&ada, MemberRole::Owner), (&bert, MemberRole::Member)] {
                let put = organisations::put_member(t.session(), id, account.id.0, role, now);
                put.await.expect("put in");
            }
            transaction.commit().await.expect("it is committed");
            let page = site.get("/account/delete").await;
            page.says(&["You are the only owner of", "/organisations/1", "Ada &#38; Co"]);
            let refused = site.post("/account/delete", &[("mail", "ada@example.org")]).await;
            assert_eq!(refused.status, 422);
            refused.says(&["make one of them an owner at /organisations/1"]);
            assert!(of_mail(&site, "ada@example.org").await.is_some());

            // She wrote a letter to whoever runs the site.
            site.cookies = boss;
            let (path, own) =
                (format!("/people/{}", ada.id.0), format!("/people/{}", bert.id.0 + 1));
            let file = site.get(&format!("{path}/data.json")).await;
            let kept: Value = serde_json::from_str(&file.text).expect("JSON");
            assert_eq!(kept["account"]["mail"], "ada@example.org");
            let page = site.get(&format!("{path}/delete")).await;
            page.says(&["Delete this account", "He is the only owner of", "Ada &#38; Co"]);
            assert_eq!(site.get(&format!("{own}/delete")).await.status, 403, "that is himself");
            let slip = site.post(&format!("{path}/delete"), &[("mail", "bert@example.org")]).await;
            assert_eq!(slip.status, 422);
            let gone = site.post(&format!("{path}/delete"), &[("mail", "ADA@example.org")]).await;
            assert_eq!(gone.location(), "/people");
            site.get("/people").await.says(&["The account is gone"]);
            assert_eq!(of_mail(&site, "ada@example.org").await, None);
            let mut connection = site.app.database.read().await.expect("a connection");
            let whole = audit::verify(connection.session()).await.expect("it is read");
            assert!(
                matches!(whole, Verified::Whole(5)),
                "three who came, a copy, an end: {whole:?}"
            );
        })
        .await;
    }

    #[tokio::test]
    async fn whoever_has_the_shell_gives_and_erases_what_is_kept() {
        on_each_narrow(async |database| {
            let mut site = Site::over(database);
            site.join("boss@example.org", Role::Administrator).await;
            site.join("ada@secret.example", Role::Member).await;
            let database = &site.app.database;
            let mail = |text: &str| text.parse::<MailAddress>().expect("an address");
            let ada = mail("ada@secret.example");
            let kept: Value =
                serde_json::from_str(&export(database, &ada).await.expect("it is read"))
                    .expect("JSON");
            assert_eq!(kept["account"]["mail"], "ada@secret.example");
            let last = delete(database, &mail("boss@example.org")).await;
            assert!(matches!(last, Err(ShellError::LastAdministrator)));
            assert_eq!(delete(database, &ada).await.expect("it is gone"), Erased::Account);
            assert!(matches!(delete(database, &ada).await, Err(ShellError::Unknown(_))));
            assert!(matches!(export(database, &ada).await, Err(ShellError::Unknown(_))));
            let mut transaction = database.begin().await.expect("a transaction");
            let t = &mut transaction;
            let id = organisations::add(t.session(), "Ours", Timestamp(1)).await.expect("an Id");
            let contact = organisations::Contact {
                mail: ada.to_string(),
                purpose: organisations::Purpose::Abuse,
            };
            organisations::add_contact(t.session(), id, &contact).await.expect("it is added");
            transaction.commit().await.expect("it is committed");
            assert_eq!(delete(database, &ada).await.expect("it is gone"), Erased::Address);
            let mut connection = database.read().await.expect("a connection");
            let left = organisations::contacts(connection.session(), id).await;
            assert_eq!(left.expect("they are read"), []);
            let whole = audit::verify(connection.session()).await.expect("it is read");
            assert!(matches!(whole, Verified::Whole(5)), "{whole:?}");
        })
        .await;
    }

    /// Somebody who asked for something that an editor has taken; he, and the request.
    async fn asker(
        site: &Site,
        list: repute_database::lists::ListId,
        number: u8,
    ) -> (Account, requests::Request) {
        let now = Timestamp::now();
        let mut transaction = site.app.database.begin().await.expect("a transaction");
        let t = &mut transaction;
        let mail = format!("a{number}@x.example");
        let id = accounts::add(t.session(), &mail, "Ada", "$hash", Role::Member, now).await;
        let id = id.expect("it is added").expect("it is new");
        let account = accounts::by_id(t.session(), id).await.expect("read").expect("there");
        let name = format!("Organisation {number}");
        let of = organisations::add(t.session(), &name, now).await.expect("an Id");
        let domain = format!("x{number}.example").parse().expect("a name");
        organisations::add_domain(t.session(), of, &domain).await.expect("it is added");
        let owner = organisations::MemberRole::Owner;
        organisations::put_member(t.session(), of, id.0, owner, now).await.expect("put");
        let person = Person { account: id.0, role: Part::Member };
        let network = format!("8.8.8.{number}").parse().expect("a network");
        let code = "127.0.0.2".parse().expect("a code");
        let items = vec![Item::Add { network, code }];
        let reason = String::new();
        let (criterion, review) = (None, None);
        let draft = Draft { organisation: of, list, reason, items, criterion, review };
        let asked = request::begin(t, person, &draft, &Limits::default(), now).await;
        let asked = asked.expect("it is begun");
        request::submit(t, person, asked, "", &[], now).await.expect("it is handed in");
        let taken = decision::review(t, EDITOR, asked, now).await.expect("it is taken");
        transaction.commit().await.expect("it is committed");
        (account, taken)
    }

    /// Who decides.
    const EDITOR: Person = Person { account: 999, role: Part::Editor };

    #[tokio::test(flavor = "multi_thread")]
    async fn deciding_and_going_at_the_same_moment_stand_in_nobodys_way() {
        on_each(async |database| {
            let site = Site::over(database);
            let list = site.add_list("wl.example").await;
            let mut transaction = site.app.database.begin().await.expect("a transaction");
            let code = "127.0.0.2".parse().expect("a code");
            let set = repute_database::lists::set_code(transaction.session(), list, code, "x");
            set.await.expect("it is set");
            transaction.commit().await.expect("it is committed");
            for number in 0..25 {
                let (account, taken) = asker(&site, list, number).await;
                let decide = async {
                    let (positions, why, terms) = (vec![0], String::new(), Terms::default());
                    let verdict = Verdict::Approve { positions, why, terms };
                    let (now, version) = (Timestamp::now(), taken.version);
                    let mut transaction = site.app.database.begin().await?;
                    let t = &mut transaction;
                    decision::decide(t, EDITOR, taken.id, version, &verdict, now).await?;
                    Ok::<_, AppError>(transaction.commit().await?)
                };
                let (decided, gone) =
                    tokio::join!(decide, erase(&site.app.database, &account, By::Himself));
                decided.unwrap_or_else(|error| panic!("{number}: {error:?}"));
                gone.unwrap_or_else(|error| panic!("{number}: {error:?}"));
            }
            let mut connection = site.app.database.read().await.expect("a connection");
            let whole = audit::verify(connection.session()).await.expect("it is read");
            assert!(matches!(whole, Verified::Whole(_)), "{whole:?}");
        })
        .await;
    }
}

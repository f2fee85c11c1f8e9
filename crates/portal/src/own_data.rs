//! What is kept of a person, as a document for him, and the end of his account.

use repute_database::accounts::{self, Account, Role};
use repute_database::audit::{self, Deed};
use repute_database::digests::Wanted;
use repute_database::organisations::MemberRole;
use repute_database::{Timestamp, person};
use serde_json::{Value, json};

use crate::app::App;
use crate::error::AppError;
use crate::moment::Moment;

/// All that is kept of somebody. What opens a door is left out: digests and keys are of no use to him.
pub(crate) async fn document(app: &App, account: &Account) -> Result<Value, AppError> {
    let now = Timestamp::now();
    let mut look = app.database.look().await?;
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
        "memberships": memberships.collect::<Vec<_>>(),
        "claims": claims.collect::<Vec<_>>(),
        "requests": filed(&kept.requests, "organisation"),
        "removals": filed(&kept.removals, "target"),
        "pseudonym": kept.deeds.first().map(|deed| &deed.actor),
        "log": deeds.collect::<Vec<_>>(),
        "letters": letters.collect::<Vec<_>>(),
        "letters-sent": kept.sent.iter().copied().map(time).collect::<Vec<_>>(),
        "letters-fail-since": kept.undelivered.map(|(since, _)| time(since)),
        "letters-wanted": kept.wanted.map(Wanted::word),
        "invitations": invitations.collect::<Vec<_>>(),
    }))
}

/// Ends an account, and all that says whose it was.
///
/// # Errors
/// If it is the last administrator's, or the database fails.
pub(crate) async fn erase(app: &App, account: &Account) -> Result<(), AppError> {
    let now = Timestamp::now();
    let mut transaction = app.database.begin().await?;
    let pseudonym = audit::actor(transaction.session(), account.id.0).await?;
    person::erase(transaction.session(), account).await?;
    // The log comes last, as everywhere. It has others wait, and what follows sees whoever went before: two who each
    // leave it to the other would leave nobody.
    let deed = Deed {
        time: now,
        subject: format!("account/{pseudonym}"),
        actor: pseudonym,
        action: "account.delete".to_owned(),
        detail: json!({ "what": "" }).to_string(),
    };
    audit::append(transaction.session(), &deed).await?;
    let is_guarded = account.role == Role::Administrator;
    if is_guarded && !accounts::has_administrator(transaction.session()).await? {
        return Err(AppError::LastAdministrator);
    }
    Ok(transaction.commit().await?)
}

/// A moment for people and programs.
fn time(at: Timestamp) -> String {
    Moment(at).rfc3339()
}

#[cfg(test)]
mod tests {
    use repute_database::audit::{self, Verified};
    use repute_database::testing::{on_each, on_each_narrow};
    use repute_database::{organisations, outbox, requests};
    use repute_registry::decision::{self, Terms, Verdict};
    use repute_registry::permission::{Person, Role as Part};
    use repute_registry::request::item::Item;
    use repute_registry::request::limit::Limits;
    use repute_registry::request::{self, Draft};

    use super::*;
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
                let (decided, gone) = tokio::join!(decide, erase(&site.app, &account));
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

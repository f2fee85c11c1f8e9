//! Letters that do not arrive, and that arrive again: a letter with a link goes to the address once more when its person
//! asks for it, and whoever follows the link reads what is written there.

use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;
use repute_database::accounts::AccountId;
use repute_database::entries::OrganisationId;
use repute_database::undelivered::{self, Undelivered};
use repute_database::{Timestamp, Transaction, contact_mails, outbox};
use repute_registry::organisation::{self, OrganisationError};
use repute_registry::permission::{self, Action, Person};
use repute_registry::token::Use;
use serde::Deserialize;

use crate::app::App;
use crate::contact;
use crate::error::AppError;
use crate::flash::Flash;
use crate::form::Form;
use crate::frame::{Frame, Page};
use crate::letter;
use crate::limits::{self, Deed, Doer};
use crate::pages::account::done;
use crate::pages::sign_in::back;
use crate::secret::digest_of;
use crate::visitor::{Member, Visitor};

/// The page behind the link of the letter.
#[derive(Template)]
#[template(path = "arrive.html")]
pub(crate) struct Arrive {
    frame: Frame,
    mail: String,
    is_done: bool,
}

/// An address that is chosen.
#[derive(Deserialize)]
pub(crate) struct Typed {
    mail: String,
}

/// `POST /account/letters/try`: one more letter, to oneself.
pub(crate) async fn try_own(
    State(app): State<App>,
    visitor: Visitor,
    member: Member,
) -> Result<Response, AppError> {
    let (mail, account) = (&member.account.mail, member.account.id);
    for doer in [Doer::at(visitor.address), Doer::Account(account.0), Doer::by_mail(mail)] {
        limits::take(&app, Deed::Mail, doer).await?;
    }
    let mut transaction = app.database.begin().await?;
    put(&app, &mut transaction, mail, Timestamp::now()).await?;
    transaction.commit().await?;
    app.mail_waits.notify_one();
    Ok(done(Flash::LetterTried))
}

/// `POST /organisations/{id}/contacts/try`: one more letter, to a contact of one's organisation.
pub(crate) async fn try_contact(
    State(app): State<App>,
    visitor: Visitor,
    member: Member,
    Path(id): Path<i64>,
    Form(Typed { mail }): Form<Typed>,
) -> Result<Response, AppError> {
    let (mut transaction, now) = (app.database.begin().await?, Timestamp::now());
    let t = &mut transaction;
    limits::take_within(&app, t, Deed::Mail, Doer::at(visitor.address)).await?;
    try_again(&app, t, member.person(), OrganisationId(id), &mail, now).await?;
    transaction.commit().await?;
    app.mail_waits.notify_one();
    Ok(back(&format!("/organisations/{id}#contacts"), Flash::LetterTried))
}

/// Has one more letter go to a contact that did not say yet that letters may come, or at which none arrive.
///
/// # Errors
/// If it is not the person's to change, or letters go there anyway.
pub(crate) async fn try_again(
    app: &App,
    transaction: &mut Transaction,
    person: Person,
    organisation: OrganisationId,
    mail: &str,
    now: Timestamp,
) -> Result<(), AppError> {
    let t = transaction;
    let relation = organisation::relation(t.session(), person, organisation).await?;
    permission::check(person, relation, Action::ChangeContacts)
        .map_err(OrganisationError::Denied)?;
    let theirs = undelivered::of_organisation(t.session(), organisation).await?;
    let said = contact_mails::of(t.session(), organisation).await?;
    let mail = mail.to_lowercase();
    if said.iter().any(|one| one.mail == mail && one.confirmed.is_none()) {
        return contact::ask(app, t, organisation, &mail, AccountId(person.account), now).await;
    }
    if !theirs.iter().any(|one| one.mail == mail) {
        return Err(AppError::NotFound);
    }
    for doer in [Doer::Account(person.account), Doer::by_mail(&mail)] {
        limits::take_within(app, t, Deed::Mail, doer).await?;
    }
    put(app, t, &mail, now).await
}

/// `GET /letters/{id}/{token}`. Looking changes nothing: scanners of mail look.
pub(crate) async fn ask(
    State(app): State<App>,
    frame: Frame,
    Path((id, token)): Path<(i64, String)>,
) -> Result<Page<Arrive>, AppError> {
    let found = of_link(&app, id, &token).await?;
    Ok(Page(Arrive { frame, mail: found.mail, is_done: false }))
}

/// `POST /letters/{id}/{token}`: letters go there again.
pub(crate) async fn confirm(
    State(app): State<App>,
    frame: Frame,
    Path((id, token)): Path<(i64, String)>,
) -> Result<Page<Arrive>, AppError> {
    let found = of_link(&app, id, &token).await?;
    let mut transaction = app.database.begin().await?;
    undelivered::revive(transaction.session(), &found.mail).await?;
    transaction.commit().await?;
    Ok(Page(Arrive { frame, mail: found.mail, is_done: true }))
}

/// Puts a letter for an address to which none goes.
pub(crate) async fn put(
    app: &App,
    transaction: &mut Transaction,
    mail: &str,
    now: Timestamp,
) -> Result<(), AppError> {
    // It may live again meanwhile; then there is nothing to prove.
    if let Some(one) = undelivered::dead(transaction.session(), mail).await? {
        let token = app.means.key.token(Use::Arrive(one.id), &nonce(&one));
        let letter = letter::arrive(&app.config, &one.mail, one.id, &token)?;
        outbox::put(transaction.session(), &letter, now).await?;
    }
    Ok(())
}

/// The address that a link is about.
async fn of_link(app: &App, id: i64, token: &str) -> Result<Undelivered, AppError> {
    let mut connection = app.database.read().await?;
    let found = undelivered::by_id(connection.session(), id).await?;
    let is_right = |one: &Undelivered| app.means.key.is(token, Use::Arrive(id), &nonce(one));
    found.filter(is_right).ok_or(AppError::StaleLink)
}

/// What makes the token that of an address, and of this time that nothing goes there.
fn nonce(one: &Undelivered) -> [u8; 16] {
    let mut nonce = [0; 16];
    let said = format!("{} {}", one.mail, one.dead.map_or(0, |dead| dead.0));
    for (place, byte) in nonce.iter_mut().zip(digest_of(&said)) {
        *place = byte;
    }
    nonce
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use repute_database::accounts::{self, Role};
    use repute_database::organisations::{self, Contact, MemberRole, Purpose};
    use repute_database::testing::on_each_narrow;
    use repute_registry::bounce::{self, Meaning, Noted};
    use repute_registry::consistency::readers;
    use repute_registry::notice::Reader;

    use axum::http::Method;

    use super::*;
    use crate::api::tests::Program;
    use crate::testing::Site;
    use crate::token::Scope;

    /// Whom letters wait for, and the path of the link in the last of them; they are sent by that.
    async fn letters(site: &Site) -> (Vec<String>, String) {
        let (mut all, mut link) = (Vec::new(), String::new());
        let mut transaction = site.app.database.begin().await.expect("a transaction");
        let lease = Duration::from_secs(60);
        let now = Timestamp::now();
        while let Some(taken) =
            outbox::take(transaction.session(), now, lease).await.expect("it is read")
        {
            outbox::sent(transaction.session(), taken.id, now).await.expect("it is sent");
            let (_, rest) = taken.letter.plain.split_once("http://localhost:8080").expect("a link");
            link = rest.split_whitespace().next().expect("a path").to_owned();
            all.push(taken.letter.recipient);
        }
        transaction.commit().await.expect("it is committed");
        (all, link)
    }

    /// Nothing goes to an address any more.
    async fn kill(site: &Site, mail: &str) {
        let mut transaction = site.app.database.begin().await.expect("a transaction");
        let words = "5.1.1 no <such> user";
        let noted =
            bounce::note(&mut transaction, mail, Meaning::Gone, words, Timestamp::now()).await;
        assert_eq!(noted.expect("it is noted"), Noted::Dead);
        transaction.commit().await.expect("it is committed");
    }

    #[tokio::test]
    async fn nothing_goes_to_a_dead_address_but_what_its_person_asks_for() {
        on_each_narrow(async |database| {
            let mut site = Site::over(database);
            site.join("ada@example.org", Role::Member).await;
            let change = [("password", "the second words")];
            site.post("/account/password", &change).await;
            assert_eq!(letters(&site).await.0, ["ada@example.org"]);
            kill(&site, "ada@example.org").await;
            site.post("/account/password", &[("password", "the third words")]).await;
            assert_eq!(letters(&site).await.0, [""; 0], "she would not get it");
            let page = site.get("/account").await;
            page.says(&[
                "Letters to ada@example.org do not arrive since",
                "no &#60;such&#62; user",
            ]);

            assert_eq!(site.post("/account/letters/try", &[]).await.location(), "/account");
            site.get("/account").await.says(&["A letter is on its way"]);
            let (to, link) = letters(&site).await;
            assert_eq!(to, ["ada@example.org"]);
            let wrong = link.replace(|c: char| c.is_ascii_lowercase(), "a");
            assert_eq!(site.post(&wrong, &[]).await.status, 404);
            site.get(&link).await.says(&["ada@example.org", "Yes, letters arrive"]);
            site.get("/account").await.says(&["do not arrive"]);
            site.post(&link, &[]).await.says(&["Letters go to ada@example.org again"]);
            assert!(!site.get("/account").await.text.contains("do not arrive"));
            assert_eq!(site.get(&link).await.status, 404, "there is nothing to say any more");
            site.post("/account/password", &[("password", "the fourth words")]).await;
            assert_eq!(letters(&site).await.0, ["ada@example.org"]);

            // Whoever follows a link for another password has read the letter.
            kill(&site, "ada@example.org").await;
            site.post("/forgot", &[("mail", "ada@example.org")]).await;
            let (to, link) = letters(&site).await;
            assert_eq!(to, ["ada@example.org"], "she asked for it");
            assert_eq!(site.post(&link, &change).await.status, 303);
            assert!(!site.get("/account").await.text.contains("do not arrive"));
        })
        .await;
    }

    #[tokio::test]
    async fn a_dead_contact_is_shown_and_another_is_written_to() {
        on_each_narrow(async |database| {
            let mut site = Site::over(database);
            site.join("ada@example.org", Role::Member).await;
            let mut transaction = site.app.database.begin().await.expect("a transaction");
            let t = &mut transaction;
            let account = accounts::by_mail(t.session(), "ada@example.org").await.expect("read");
            let account = account.expect("it is there").id.0;
            let now = Timestamp::now();
            let id = organisations::add(t.session(), "Ada & Co", now).await.expect("an Id");
            let owner = MemberRole::Owner;
            organisations::put_member(t.session(), id, account, owner, now).await.expect("put");
            for (mail, purpose) in
                [("noc@example.org", Purpose::Technical), ("info@example.org", Purpose::General)]
            {
                let contact = Contact { mail: mail.to_owned(), purpose };
                organisations::add_contact(t.session(), id, &contact).await.expect("added");
                contact_mails::confirm(t.session(), id, mail, now).await.expect("confirmed");
            }
            transaction.commit().await.expect("it is committed");
            let read_by = async |site: &Site| {
                let mut connection = site.app.database.read().await.expect("a connection");
                readers(connection.session(), id).await.expect("they are read")
            };
            let contact = |mail: &str| vec![Reader::Contact(mail.to_owned())];
            assert_eq!(read_by(&site).await, contact("noc@example.org"));
            kill(&site, "noc@example.org").await;
            assert_eq!(read_by(&site).await, contact("info@example.org"));
            kill(&site, "info@example.org").await;
            assert_eq!(read_by(&site).await, [Reader::Account(account)]);

            let path = format!("/organisations/{}", id.0);
            site.get(&path).await.says(&["do not arrive", "no &#60;such&#62; user", "Try again"]);
            let try_it = format!("{path}/contacts/try");
            let other = site.post(&try_it, &[("mail", "ada@example.org")]).await;
            assert_eq!(other.status, 404, "letters arrive there");
            let tried = site.post(&try_it, &[("mail", "noc@example.org")]).await;
            assert_eq!(tried.status, 303);
            let (to, link) = letters(&site).await;
            assert_eq!(to, ["noc@example.org"]);
            // The same by a program; under its key it is one letter.
            let program = Program::of(&site, &[Scope::OrganisationsWrite]).await;
            let path_of = format!("{path}/contacts/try");
            let ada = std::mem::take(&mut site.cookies);
            let wanted = serde_json::json!({ "mail": "NOC@example.org" });
            for _ in 0..2 {
                let tried =
                    program.ask(&mut site, Method::POST, &path_of, Some("k"), &wanted).await;
                assert_eq!(tried.status, 200, "{tried:?}");
            }
            // A new token is told of, too.
            let (to, _) = letters(&site).await;
            assert_eq!(to, ["ada@example.org", "noc@example.org"]);
            let alive = serde_json::json!({ "mail": "ada@example.org" });
            assert_eq!(program.post(&mut site, &path_of, &alive).await.status, 404);
            site.become_role(Some(Role::Member)).await;
            let stranger = site.post(&try_it, &[("mail", "noc@example.org")]).await;
            assert!(stranger.status.is_client_error(), "{stranger:?}");
            site.become_role(Some(Role::Editor)).await;
            site.get("/queue/upkeep").await.says(&["noc@example.org", "Ada &#38; Co"]);
            site.cookies.clear();
            site.post(&link, &[]).await.says(&["Letters go to noc@example.org again"]);
            assert_eq!(read_by(&site).await, contact("noc@example.org"));
            site.cookies = ada;
            let page = site.get(&path).await;
            assert_eq!(page.text.matches("do not arrive").count(), 1, "{}", page.text);
        })
        .await;
    }
}

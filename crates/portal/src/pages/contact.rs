//! `/contacts/...`: where the links lead that contacts of organisations get.

use askama::Template;
use axum::extract::{Path, State};
use repute_database::entries::OrganisationId;
use repute_database::{Timestamp, contact_mails, organisations, undelivered};
use repute_registry::token::Use;

use crate::app::App;
use crate::contact::of_link;
use crate::error::AppError;
use crate::frame::{Frame, Page};

/// The page behind both links.
#[derive(Template)]
#[template(path = "contact.html")]
pub(crate) struct ContactPage {
    frame: Frame,
    /// What the organisation is called.
    name: String,
    mail: String,
    /// Whether the link is that by which letters stop.
    is_stop: bool,
    is_done: bool,
}

/// `GET /contacts/{organisation}/{token}`. Looking changes nothing: scanners of mail look.
pub(crate) async fn ask(
    State(app): State<App>,
    frame: Frame,
    Path((id, token)): Path<(i64, String)>,
) -> Result<Page<ContactPage>, AppError> {
    let mail = of_link(&app, Use::Contact, OrganisationId(id), &token).await?.mail;
    let name = name(&app, id).await?;
    Ok(Page(ContactPage { frame, name, mail, is_stop: false, is_done: false }))
}

/// `POST /contacts/{organisation}/{token}`: letters may come. They arrive, as this one did.
pub(crate) async fn confirm(
    State(app): State<App>,
    frame: Frame,
    Path((id, token)): Path<(i64, String)>,
) -> Result<Page<ContactPage>, AppError> {
    let mail = of_link(&app, Use::Contact, OrganisationId(id), &token).await?.mail;
    let name = name(&app, id).await?;
    let mut transaction = app.database.begin().await?;
    let (session, now) = (transaction.session(), Timestamp::now());
    contact_mails::confirm(session, OrganisationId(id), &mail, now).await?;
    undelivered::revive(transaction.session(), &mail).await?;
    transaction.commit().await?;
    Ok(Page(ContactPage { frame, name, mail, is_stop: false, is_done: true }))
}

/// `GET /contacts/{organisation}/{token}/stop`.
pub(crate) async fn ask_to_stop(
    State(app): State<App>,
    frame: Frame,
    Path((id, token)): Path<(i64, String)>,
) -> Result<Page<ContactPage>, AppError> {
    let mail = of_link(&app, Use::NoContact, OrganisationId(id), &token).await?.mail;
    let name = name(&app, id).await?;
    Ok(Page(ContactPage { frame, name, mail, is_stop: true, is_done: false }))
}

/// `POST /contacts/{organisation}/{token}/stop`: by the page, or by a mail program (RFC 8058), whose body says nothing more.
pub(crate) async fn stop(
    State(app): State<App>,
    frame: Frame,
    Path((id, token)): Path<(i64, String)>,
) -> Result<Page<ContactPage>, AppError> {
    let mail = of_link(&app, Use::NoContact, OrganisationId(id), &token).await?.mail;
    let name = name(&app, id).await?;
    let mut transaction = app.database.begin().await?;
    let (session, now) = (transaction.session(), Timestamp::now());
    contact_mails::stop(session, OrganisationId(id), &mail, now).await?;
    transaction.commit().await?;
    Ok(Page(ContactPage { frame, name, mail, is_stop: true, is_done: true }))
}

/// What an organisation is called.
async fn name(app: &App, id: i64) -> Result<String, AppError> {
    let mut connection = app.database.read().await?;
    let found = organisations::by_id(connection.session(), OrganisationId(id)).await?;
    Ok(found.ok_or(AppError::StaleLink)?.name)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use axum::http::Method;
    use repute_database::accounts::{self, Role};
    use repute_database::organisations::MemberRole;
    use repute_database::outbox;
    use repute_database::testing::on_each_narrow;
    use repute_registry::consistency::readers;
    use repute_registry::notice::Reader;

    use super::*;
    use crate::contact::stop_link;
    use crate::testing::Site;

    /// Whom the next letter waits for, and the path of the link in it.
    async fn letter(site: &Site) -> Option<(String, String)> {
        let mut transaction = site.app.database.begin().await.expect("a transaction");
        let (now, lease) = (Timestamp::now(), Duration::from_secs(60));
        let taken = outbox::take(transaction.session(), now, lease).await.expect("it is read")?;
        outbox::sent(transaction.session(), taken.id, now).await.expect("it is sent");
        transaction.commit().await.expect("it is committed");
        let (_, rest) = taken.letter.plain.split_once("http://localhost:8080").expect("a link");
        let path = rest.split_whitespace().next().expect("a path").to_owned();
        Some((taken.letter.recipient, path))
    }

    /// Who reads for the organisation.
    async fn read_by(site: &Site, id: OrganisationId) -> Vec<Reader> {
        let mut connection = site.app.database.read().await.expect("a connection");
        readers(connection.session(), id).await.expect("they are read")
    }

    #[tokio::test]
    async fn letters_go_to_a_contact_that_says_so_until_it_says_otherwise() {
        on_each_narrow(async |database| {
            let mut site = Site::over(database);
            site.join("ada@example.org", Role::Member).await;
            let mut transaction = site.app.database.begin().await.expect("a transaction");
            let t = &mut transaction;
            let found = accounts::by_mail(t.session(), "ada@example.org").await.expect("read");
            let ada = found.expect("it is there").id.0;
            let now = Timestamp::now();
            let id = organisations::add(t.session(), "Ada & Co", now).await.expect("an Id");
            let owner = MemberRole::Owner;
            organisations::put_member(t.session(), id, ada, owner, now).await.expect("put");
            transaction.commit().await.expect("it is committed");
            while letter(&site).await.is_some() {}

            let contact = [("mail", "noc@example.org"), ("purpose", "technical")];
            let path = format!("/organisations/{}", id.0);
            let add = format!("{path}/contacts");
            assert_eq!(site.post(&add, &contact).await.status, 303);
            let (to, link) = letter(&site).await.expect("a letter");
            assert_eq!(to, "noc@example.org");
            site.get(&path).await.says(&["not confirmed yet"]);
            assert_eq!(read_by(&site, id).await, [Reader::Account(ada)]);
            // It can be sent once more, and for another purpose it is, too.
            let again = site.post(&format!("{add}/try"), &contact[..1]).await;
            assert_eq!(again.status, 303);
            assert_eq!(letter(&site).await, Some((to.clone(), link.clone())));

            let browser = std::mem::take(&mut site.cookies);
            let wrong = link.replace(|c: char| c.is_ascii_lowercase(), "a");
            assert_eq!(site.post(&wrong, &[]).await.status, 404);
            assert_eq!(site.get(&format!("{link}/stop")).await.status, 404, "another link");
            site.get(&link).await.says(&["May letters about Ada &#38; Co go to noc@example.org?"]);
            assert_eq!(read_by(&site, id).await, [Reader::Account(ada)], "looking is nothing");
            site.post(&link, &[]).await.says(&["go to noc@example.org from now on"]);
            assert_eq!(read_by(&site, id).await, [Reader::Contact(to.clone())]);

            // By a mail program, which is no page of ours.
            let stop = stop_link(&site.app, id, &to);
            let stop = stop.strip_prefix("http://localhost:8080").expect("it is ours");
            site.get(stop).await.says(&["No more letters"]);
            let one_click = [("List-Unsubscribe", "One-Click")];
            let stopped = site.ask(Method::POST, stop, &[], &one_click).await;
            stopped.says(&["No more letters about Ada &#38; Co go to noc@example.org"]);
            assert_eq!(read_by(&site, id).await, [Reader::Account(ada)]);
            site.cookies = browser;
            site.get(&path).await.says(&["wants no letters"]);

            // One's own address is confirmed already; one that went and comes again is not.
            let own = [("mail", "Ada@example.org"), ("purpose", "technical")];
            assert_eq!(site.post(&add, &own).await.status, 303);
            assert_eq!(letter(&site).await, None);
            let is_own = [Reader::Contact("ada@example.org".to_owned())];
            assert_eq!(read_by(&site, id).await, is_own);
            site.post(&format!("{add}/remove"), &contact).await;
            site.post(&add, &contact).await;
            site.get(&path).await.says(&["not confirmed yet"]);
            assert_eq!(read_by(&site, id).await, is_own);
        })
        .await;
    }
}

//! Contacts of organisations: whoever reads there says by one link that letters may come, and by another, which is in each
//! of them, that none shall (RFC 8058).

use repute_database::accounts::AccountId;
use repute_database::contact_mails::{self, ContactMail};
use repute_database::entries::OrganisationId;
use repute_database::{Timestamp, Transaction, organisations, outbox};
use repute_registry::token::Use;

use crate::app::App;
use crate::error::AppError;
use crate::letter::{self, Words};
use crate::limits::{self, Deed, Doer};
use crate::secret::digest_of;

/// Asks whoever reads the mail of a contact whether letters may come, unless that is known; as often as that is fair.
pub(crate) async fn ask(
    app: &App,
    transaction: &mut Transaction,
    id: OrganisationId,
    mail: &str,
    by: AccountId,
    now: Timestamp,
) -> Result<(), AppError> {
    let all = contact_mails::of(transaction.session(), id).await?;
    if !all.iter().any(|one| one.mail == mail && one.confirmed.is_none()) {
        return Ok(());
    }
    for doer in [Doer::Account(by.0), Doer::by_mail(&format!("contact {mail}"))] {
        limits::take_within(app, transaction, Deed::Mail, doer).await?;
    }
    let organisation = organisations::by_id(transaction.session(), id).await?;
    let name = letter::foreign(&organisation.ok_or(AppError::NotFound)?.name);
    let token = app.means.key.token(Use::Contact(id.0), &nonce(mail));
    let words = Words {
        site: &app.config.title,
        subject: format!("May we write to you from {}?", app.config.title),
        what: format!(
            "The organisation \u{201c}{name}\u{201d} named this address as one of its contacts at {}: for what \
             concerns its entries on our lists.",
            app.config.title
        ),
        lines: Vec::new(),
        action: "Say that letters may come",
        link: format!("{}/contacts/{}/{token}", app.config.public_url, id.0),
        otherwise: "If you want no letters from us, do nothing: none will come.",
        stop: None,
    };
    outbox::put(transaction.session(), &letter::write(mail, &words)?, now).await?;
    Ok(())
}

/// The link by which a contact gets no letters any more.
pub(crate) fn stop_link(app: &App, id: OrganisationId, mail: &str) -> String {
    let token = app.means.key.token(Use::NoContact(id.0), &nonce(mail));
    format!("{}/contacts/{}/{token}/stop", app.config.public_url, id.0)
}

/// The contact that a link is about.
///
/// # Errors
/// If it is not such a link, or the contact is gone.
pub(crate) async fn of_link(
    app: &App,
    purpose: fn(i64) -> Use,
    id: OrganisationId,
    token: &str,
) -> Result<ContactMail, AppError> {
    let mut connection = app.database.read().await?;
    let all = contact_mails::of(connection.session(), id).await?;
    let is_right = |one: &ContactMail| app.means.key.is(token, purpose(id.0), &nonce(&one.mail));
    all.into_iter().find(is_right).ok_or(AppError::StaleLink)
}

/// What makes the token that of an address.
fn nonce(mail: &str) -> [u8; 16] {
    let mut nonce = [0; 16];
    for (place, byte) in nonce.iter_mut().zip(digest_of(mail)) {
        *place = byte;
    }
    nonce
}

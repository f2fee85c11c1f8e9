//! `/forgot` and `/reset/{secret}`: another password for whoever has the mail address still.

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use repute_database::links::Purpose;
use repute_database::{accounts, factors};
use serde::Deserialize;

use crate::account::{self, Entry};
use crate::app::App;
use crate::error::AppError;
use crate::flash::Flash;
use crate::form::Form;
use crate::frame::{Frame, Page};
use crate::limits::{self, Deed, Doer};
use crate::mail_address::MailAddress;
use crate::pages::join::{Address, AddressPage, Choose, Mailed};
use crate::pages::second::to_second;
use crate::pages::sign_in::{client, signed_in};
use crate::password::{self, About};
use crate::visitor::Visitor;

/// What is typed.
#[derive(Deserialize)]
pub(crate) struct Typed {
    password: String,
}

/// `GET /forgot`.
pub(crate) async fn show(frame: Frame) -> Page<AddressPage> {
    Page(AddressPage { frame, is_reset: true, mail: String::new(), is_wrong: false })
}

/// `POST /forgot`.
pub(crate) async fn submit(
    State(app): State<App>,
    frame: Frame,
    visitor: Visitor,
    Form(Address { mail }): Form<Address>,
) -> Result<Response, AppError> {
    limits::take(&app, Deed::Mail, Doer::at(visitor.address)).await?;
    let Ok(address) = mail.parse::<MailAddress>() else {
        let page = AddressPage { frame, is_reset: true, mail, is_wrong: true };
        return Ok((StatusCode::UNPROCESSABLE_ENTITY, Page(page)).into_response());
    };
    account::ask_to_reset(&app, &address).await?;
    let folder = app.config.mail.is_folder();
    Ok(Page(Mailed { frame, mail: address.to_string(), folder, lasts: "a day" }).into_response())
}

/// `GET /reset/{secret}`.
pub(crate) async fn choose(
    State(app): State<App>,
    frame: Frame,
    Path(secret): Path<String>,
) -> Result<Page<Choose>, AppError> {
    let link = account::link(&app, &secret, Purpose::Reset).await?;
    Ok(Page(page(frame, link.mail)))
}

/// `POST /reset/{secret}`.
pub(crate) async fn reset(
    State(app): State<App>,
    frame: Frame,
    visitor: Visitor,
    headers: HeaderMap,
    Path(secret): Path<String>,
    Form(Typed { password }): Form<Typed>,
) -> Result<Response, AppError> {
    let link = account::link(&app, &secret, Purpose::Reset).await?;
    let mail = link.mail.as_deref().unwrap_or_default();
    let mut connection = app.database.read().await?;
    let account = accounts::by_mail(connection.session(), mail).await?;
    let passkeys = match &account {
        Some(account) => factors::of(connection.session(), account.id).await?.passkeys,
        None => 0,
    };
    drop(connection);
    let name = account.as_ref().map_or("", |account| &*account.name);
    let about = About { mail, name, host: app.config.public_url.host() };
    let fault = password::fault(&password, about);
    if fault.is_some() {
        let page = Choose { password_fault: fault, ..page(frame, link.mail) };
        return Ok((StatusCode::UNPROCESSABLE_ENTITY, Page(page)).into_response());
    }
    match account::reset(&app, &secret, password, &client(&visitor, &headers)).await? {
        Entry::In(arrival) => {
            Ok(signed_in(&app.config.public_url, &arrival, "/account", Flash::PasswordChanged))
        }
        Entry::Second(secret) => {
            // Whoever has passkeys should look whether all of them are his.
            let next = if passkeys > 0 { "/account/passkeys" } else { "/account" };
            Ok(to_second(&app.config.public_url, &secret, next))
        }
        Entry::Locked => Err(AppError::Locked),
        Entry::Wrong => Err(AppError::StaleLink),
    }
}

/// The page for a link.
fn page(frame: Frame, mail: Option<String>) -> Choose {
    Choose {
        frame,
        is_reset: true,
        known: mail,
        mail: String::new(),
        mail_fault: None,
        name: String::new(),
        name_fault: None,
        password_fault: None,
        role: None,
    }
}

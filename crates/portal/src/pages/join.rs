//! `/sign-up` and `/join/{secret}`: from an address to an account.

use askama::Template;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use repute_database::links::Purpose;
use serde::Deserialize;

use crate::account;
use crate::app::App;
use crate::error::AppError;
use crate::flash::Flash;
use crate::form::Form;
use crate::frame::{Frame, Page};
use crate::limits::{self, Deed, Doer};
use crate::mail_address::MailAddress;
use crate::pages::sign_in::{client, signed_in};
use crate::password::{self, About};
use crate::visitor::Visitor;

/// The page that asks for an address: for an account, or for another password.
#[derive(Template)]
#[template(path = "address.html")]
pub(crate) struct AddressPage {
    pub(crate) frame: Frame,
    pub(crate) is_reset: bool,
    pub(crate) mail: String,
    pub(crate) is_wrong: bool,
}

/// The page that says that mail is under way, whether it is or not.
#[derive(Template)]
#[template(path = "mailed.html")]
pub(crate) struct Mailed {
    pub(crate) frame: Frame,
    pub(crate) mail: String,
    pub(crate) folder: bool,
    /// How long the link works.
    pub(crate) lasts: &'static str,
}

/// The page on which an account or another password is made.
#[derive(Template)]
#[template(path = "choose.html")]
pub(crate) struct Choose {
    pub(crate) frame: Frame,
    /// Whether there is an account already.
    pub(crate) is_reset: bool,
    /// The address, if the link knows it.
    pub(crate) known: Option<String>,
    pub(crate) mail: String,
    pub(crate) mail_fault: Option<String>,
    pub(crate) name: String,
    pub(crate) name_fault: Option<&'static str>,
    pub(crate) password_fault: Option<&'static str>,
    /// What somebody becomes by it, if that is more than usual.
    pub(crate) role: Option<&'static str>,
}

/// An address that is typed.
#[derive(Deserialize)]
pub(crate) struct Address {
    pub(crate) mail: String,
}

/// What is typed to join.
#[derive(Deserialize)]
pub(crate) struct Typed {
    #[serde(default)]
    mail: String,
    name: String,
    password: String,
}

/// `GET /sign-up`.
pub(crate) async fn show(frame: Frame) -> Page<AddressPage> {
    Page(AddressPage { frame, is_reset: false, mail: String::new(), is_wrong: false })
}

/// `POST /sign-up`.
pub(crate) async fn submit(
    State(app): State<App>,
    frame: Frame,
    visitor: Visitor,
    Form(Address { mail }): Form<Address>,
) -> Result<Response, AppError> {
    limits::take(&app, Deed::Mail, Doer::at(visitor.address)).await?;
    let Ok(address) = mail.parse::<MailAddress>() else {
        let page = AddressPage { frame, is_reset: false, mail, is_wrong: true };
        return Ok((StatusCode::UNPROCESSABLE_ENTITY, Page(page)).into_response());
    };
    account::ask_to_join(&app, &address).await?;
    let folder = app.config.mail.is_folder();
    Ok(Page(Mailed { frame, mail: address.to_string(), folder, lasts: "a day" }).into_response())
}

/// `GET /join/{secret}`. Looking does not use the link up: scanners of mail look.
pub(crate) async fn choose(
    State(app): State<App>,
    frame: Frame,
    Path(secret): Path<String>,
) -> Result<Page<Choose>, AppError> {
    let link = account::link(&app, &secret, Purpose::Join).await?;
    Ok(Page(page(frame, link)))
}

/// `POST /join/{secret}`.
pub(crate) async fn join(
    State(app): State<App>,
    frame: Frame,
    visitor: Visitor,
    headers: HeaderMap,
    Path(secret): Path<String>,
    Form(typed): Form<Typed>,
) -> Result<Response, AppError> {
    let link = account::link(&app, &secret, Purpose::Join).await?;
    let parsed: Result<MailAddress, _> = link.mail.as_deref().unwrap_or(&typed.mail).parse();
    let name = account::name(&typed.name).map(str::to_owned);
    let mut page = page(frame, link);
    page.name_fault = name.as_ref().err().copied();
    let name = name.unwrap_or_default();
    page.mail_fault = parsed.as_ref().err().map(ToString::to_string);
    let mail = parsed.as_ref().map(MailAddress::as_str).unwrap_or_default();
    page.password_fault = password::fault(
        &typed.password,
        About { mail, name: &name, host: app.config.public_url.host() },
    );
    match parsed {
        Ok(mail) if page.name_fault.is_none() && page.password_fault.is_none() => {
            let client = client(&visitor, &headers);
            let arrival =
                account::join(&app, &secret, &mail, &name, typed.password, &client).await?;
            Ok(signed_in(&app.config.public_url, &arrival, "/account", Flash::Joined))
        }
        Ok(_) | Err(_) => {
            page.name = typed.name;
            page.mail = typed.mail;
            Ok((StatusCode::UNPROCESSABLE_ENTITY, Page(page)).into_response())
        }
    }
}

/// The page for a link, without anything typed.
fn page(frame: Frame, link: repute_database::links::Link) -> Choose {
    use repute_database::accounts::Role;
    Choose {
        frame,
        is_reset: false,
        known: link.mail,
        mail: String::new(),
        mail_fault: None,
        name: String::new(),
        name_fault: None,
        password_fault: None,
        role: (link.role > Role::Member).then(|| link.role.word()),
    }
}

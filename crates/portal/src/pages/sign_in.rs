//! `/sign-in` and `/sign-out`.

use crate::account::{self, Arrival, Entry};
use crate::app::App;
use crate::config::PublicUrl;
use crate::device::Device;
use crate::error::AppError;
use crate::flash::Flash;
use crate::form::Form;
use crate::frame::{Frame, Page, say};
use crate::pages::second::to_second;
use crate::visitor::{Member, Visitor, session_cookie};
use askama::Template;
use axum::extract::{Query, State};
use axum::http::header::{LOCATION, SET_COOKIE, USER_AGENT};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

/// The page.
#[derive(Template)]
#[template(path = "sign_in.html")]
pub(crate) struct SignIn {
    frame: Frame,
    next: String,
    mail: String,
    is_wrong: bool,
    /// Whether there are passkeys here.
    passkeys: bool,
}

/// Where to go afterwards.
#[derive(Deserialize)]
pub(crate) struct Next {
    /// A path of ours.
    #[serde(default)]
    pub(crate) next: String,
}

/// What is typed.
#[derive(Deserialize)]
pub(crate) struct Typed {
    mail: String,
    password: String,
    #[serde(default)]
    next: String,
}

/// `GET /sign-in`.
pub(crate) async fn show(
    State(app): State<App>,
    frame: Frame,
    Query(Next { next }): Query<Next>,
) -> Response {
    if frame.role.is_some() {
        return to(&own(&next)).into_response();
    }
    let (next, mail, passkeys) = (own(&next), String::new(), app.passkeys.are_possible());
    Page(SignIn { frame, next, mail, is_wrong: false, passkeys }).into_response()
}

/// `POST /sign-in`.
pub(crate) async fn submit(
    State(app): State<App>,
    frame: Frame,
    visitor: Visitor,
    headers: HeaderMap,
    Form(typed): Form<Typed>,
) -> Result<Response, AppError> {
    let client = client(&visitor, &headers);
    let device = Device::shown(&headers, &app.config.public_url);
    let (mail, address) = (&typed.mail, visitor.address);
    match account::sign_in(&app, mail, typed.password, address, device.as_ref(), &client).await? {
        Entry::In(arrival) => {
            Ok(signed_in(&app.config.public_url, &arrival, &own(&typed.next), Flash::SignedIn))
        }
        Entry::Second(secret) => Ok(to_second(&app.config.public_url, &secret, &own(&typed.next))),
        Entry::Locked => Err(AppError::Locked),
        Entry::Wrong => {
            let (next, passkeys) = (own(&typed.next), app.passkeys.are_possible());
            let page = SignIn { frame, next, mail: typed.mail, is_wrong: true, passkeys };
            Ok((StatusCode::UNPROCESSABLE_ENTITY, Page(page)).into_response())
        }
    }
}

/// `POST /sign-out`.
pub(crate) async fn out(State(app): State<App>, member: Member) -> Result<Response, AppError> {
    account::end_session(&app, member.account.id, member.session.id).await?;
    Ok(signed_out(&app.config.public_url, Flash::SignedOut))
}

/// Takes its session from a browser.
pub(crate) fn signed_out(url: &PublicUrl, flash: Flash) -> Response {
    let mut response = to("/");
    let name = session_cookie(url);
    let secure = if url.is_secure() { "; Secure" } else { "" };
    let gone = format!("{name}=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax{secure}");
    let headers = response.headers_mut();
    headers.append(SET_COOKIE, HeaderValue::from_str(&gone).expect("its words are plain"));
    say(response, flash)
}

/// Sends a browser on with its session.
pub(crate) fn signed_in(url: &PublicUrl, arrival: &Arrival, next: &str, flash: Flash) -> Response {
    let mut response = to(next);
    let secure = if url.is_secure() { "; Secure" } else { "" };
    let (name, secret) = (session_cookie(url), arrival.session.text());
    let cookie =
        format!("{name}={secret}; Path=/; Max-Age=2592000; HttpOnly; SameSite=Lax{secure}");
    let headers = response.headers_mut();
    headers.append(SET_COOKIE, HeaderValue::from_str(&cookie).expect("its words are plain"));
    headers.append(SET_COOKIE, arrival.device.cookie(url));
    say(response, flash)
}

/// Sends a browser to a page of ours.
pub(crate) fn to(path: &str) -> Response {
    let path = HeaderValue::from_str(path).unwrap_or(HeaderValue::from_static("/"));
    (StatusCode::SEE_OTHER, [(LOCATION, path)]).into_response()
}

/// Sends a browser to a page of ours, which says what was done.
pub(crate) fn back(path: &str, flash: Flash) -> Response {
    say(to(path), flash)
}

/// A path if it is one of ours, else that of the account: nobody is sent to another site from here.
pub(crate) fn own(next: &str) -> String {
    let is_own = next.starts_with('/')
        && !next.starts_with("//")
        && next.bytes().all(|b| b.is_ascii_graphic() && b != b'\\');
    if is_own && !next.starts_with("/sign-") && !next.starts_with("/confirm") {
        next.to_owned()
    } else {
        "/account".to_owned()
    }
}

/// Where a session is begun, for the person to recognise.
pub(crate) fn client(visitor: &Visitor, headers: &HeaderMap) -> String {
    let agent = headers.get(USER_AGENT).and_then(|agent| agent.to_str().ok()).unwrap_or_default();
    let browsers = ["Edg", "OPR", "Firefox", "Chrome", "Safari"];
    let browser = browsers.into_iter().find(|known| agent.contains(known)).unwrap_or("a program");
    let browser = match browser {
        "Edg" => "Edge",
        "OPR" => "Opera",
        other => other,
    };
    let systems = ["Android", "iPhone", "iPad", "Windows", "Mac OS", "Linux"];
    let system = systems.into_iter().find(|known| agent.contains(known));
    let system = system.map(|system| format!(" on {system}")).unwrap_or_default();
    format!("{browser}{system}, {}", visitor.address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_sent_to_another_site() {
        for (next, expect) in [
            ("/lists/x?a=b", "/lists/x?a=b"),
            ("", "/account"),
            ("//evil.example", "/account"),
            ("/\\evil.example", "/account"),
            ("https://evil.example", "/account"),
            ("/a\r\nX: y", "/account"),
            ("/sign-in", "/account"),
            ("/confirm?next=/confirm", "/account"),
        ] {
            assert_eq!(own(next), expect, "{next}");
        }
    }
}

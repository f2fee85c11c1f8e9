//! `/sign-in/second`: the second step of a sign-in. Whoever is here has shown a password, and may nothing yet.

use askama::Template;
use axum::extract::{Query, State};
use axum::http::header::SET_COOKIE;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use repute_database::factors::{self, Factors};
use serde::Deserialize;

use crate::access::encode;
use crate::account::Arrival;
use crate::app::App;
use crate::config::PublicUrl;
use crate::error::AppError;
use crate::factor::{self, Second};
use crate::flash::Flash;
use crate::form::Form;
use crate::frame::{Frame, Page};
use crate::limits::{self, Deed, Doer};
use crate::pages::account::done_at;
use crate::pages::sign_in::{Next, client, own, signed_in, to};
use crate::secret::Secret;
use crate::visitor::{Visitor, cookie};

/// The page.
#[derive(Template)]
#[template(path = "second.html")]
pub(crate) struct SecondPage {
    frame: Frame,
    next: String,
    is_wrong: bool,
    factors: Factors,
}

/// What is typed.
#[derive(Deserialize)]
pub(crate) struct Typed {
    code: String,
    #[serde(default)]
    next: String,
}

/// `GET /sign-in/second`.
pub(crate) async fn show(
    State(app): State<App>,
    frame: Frame,
    headers: HeaderMap,
    Query(Next { next }): Query<Next>,
) -> Result<Response, AppError> {
    Ok(page(&app, frame, &headers, &next, false)
        .await?
        .map_or_else(begin_again, |page| Page(page).into_response()))
}

/// `POST /sign-in/second`.
pub(crate) async fn submit(
    State(app): State<App>,
    frame: Frame,
    visitor: Visitor,
    headers: HeaderMap,
    Form(Typed { code, next }): Form<Typed>,
) -> Result<Response, AppError> {
    limits::take(&app, Deed::Try, Doer::at(visitor.address)).await?;
    let url = &app.config.public_url;
    let Some(secret) = cookie(&headers, second_cookie(url)) else { return Ok(begin_again()) };
    match factor::finish(&app, secret, &code, &client(&visitor, &headers)).await? {
        Second::In(arrival) => Ok(let_in(url, &arrival, &next)),
        Second::Over => Ok(begin_again()),
        Second::Wrong => match page(&app, frame, &headers, &next, true).await? {
            Some(page) => Ok((StatusCode::UNPROCESSABLE_ENTITY, Page(page)).into_response()),
            None => Ok(begin_again()),
        },
    }
}

/// Sends a browser to the second step.
pub(crate) fn to_second(url: &PublicUrl, secret: &Secret, next: &str) -> Response {
    let mut response = to(&format!("/sign-in/second?next={}", encode(next)));
    response.headers_mut().append(SET_COOKIE, set_cookie(url, secret.text(), 600));
    response
}

/// Sends a browser on with its session, and takes the half of a sign-in from it.
pub(crate) fn let_in(url: &PublicUrl, arrival: &Arrival, next: &str) -> Response {
    let mut response = signed_in(url, arrival, &own(next), Flash::SignedIn);
    response.headers_mut().append(SET_COOKIE, set_cookie(url, "", 0));
    response
}

/// The cookie of the half of a sign-in.
pub(crate) fn second_cookie(url: &PublicUrl) -> &'static str {
    if url.is_secure() { "__Host-second" } else { "second" }
}

/// Back to the first step.
pub(crate) fn begin_again() -> Response {
    done_at("/sign-in", Flash::Again)
}

/// Has a browser keep the half of a sign-in for so many seconds.
fn set_cookie(url: &PublicUrl, secret: &str, seconds: u32) -> HeaderValue {
    let (name, secure) = (second_cookie(url), if url.is_secure() { "; Secure" } else { "" });
    let cookie =
        format!("{name}={secret}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}");
    HeaderValue::from_str(&cookie).expect("its words are plain")
}

/// The page, for whoever is between the steps.
async fn page(
    app: &App,
    frame: Frame,
    headers: &HeaderMap,
    next: &str,
    is_wrong: bool,
) -> Result<Option<SecondPage>, AppError> {
    let secret = cookie(headers, second_cookie(&app.config.public_url));
    let Some(secret) = secret else { return Ok(None) };
    let Some(account) = factor::half(app, secret).await? else { return Ok(None) };
    let mut connection = app.database.read().await?;
    let factors = factors::of(connection.session(), account.id).await?;
    Ok(Some(SecondPage { frame, next: own(next), is_wrong, factors }))
}

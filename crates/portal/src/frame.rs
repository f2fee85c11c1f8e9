//! What is around every answer: who visits, the frame of a page, error pages, headers.

use askama::Template;
use axum::body::{Body, to_bytes};
use axum::extract::{FromRequestParts, Request, State};
use axum::http::header::{
    self, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, REFERRER_POLICY,
    SET_COOKIE, STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{Html, IntoResponse, Response};
use repute_database::Timestamp;
use repute_database::accounts::Role;
use serde_json::json;

use crate::app::App;
use crate::asset::{ICON, MORE, PASSKEY, STYLE};
use crate::config::PublicUrl;
use crate::error::{AppError, Hidden, Problem, sentence};
use crate::flash::Flash;
use crate::form::asks_with_nul;
use crate::visitor::{Visitor, flash_name};

/// What all pages share; each template has one as `frame`.
#[derive(Clone, Debug)]
pub(crate) struct Frame {
    /// What the site is called.
    pub(crate) site: String,
    /// Where the style is.
    pub(crate) style: String,
    /// Where the icon is.
    pub(crate) icon: String,
    /// Where the script for passkeys is; pages without one do not load it.
    pub(crate) script: String,
    /// Where the script is that loads parts of a page.
    pub(crate) more: String,
    /// What the visitor is called, if he is signed in.
    pub(crate) name: Option<String>,
    /// What he may do.
    pub(crate) role: Option<Role>,
    /// Whether he has just proved who he is.
    pub(crate) is_fresh: bool,
    /// What was just done.
    pub(crate) flash: Option<Flash>,
    /// The first part of the path, for the menu.
    pub(crate) here: String,
}

impl Frame {
    /// For a visitor on a page.
    fn new(app: &App, visitor: &Visitor, path: &str) -> Frame {
        let member = visitor.member.as_ref();
        Frame {
            site: app.config.title.clone(),
            style: STYLE.path(),
            icon: ICON.path(),
            script: PASSKEY.path(),
            more: MORE.path(),
            name: member.map(|member| member.account.name.clone()),
            role: visitor.role(),
            is_fresh: member.is_some_and(|member| member.is_fresh(Timestamp::now())),
            flash: visitor.flash,
            here: path.split('/').nth(1).unwrap_or_default().to_owned(),
        }
    }

    /// Whether the visitor decides about others' requests.
    pub(crate) fn is_editor(&self) -> bool {
        self.role.is_some_and(|role| role >= Role::Editor)
    }
}

impl Frame {
    /// Whether this is one of the pages that editors work on.
    pub(crate) fn is_at_desk(&self) -> bool {
        matches!(
            &*self.here,
            "queue" | "requests" | "proposals" | "rules" | "evidence" | "statistics" | "work"
        )
    }

    /// Whether the visitor decides about people.
    pub(crate) fn is_administrator(&self) -> bool {
        self.role == Some(Role::Administrator)
    }
}

impl FromRequestParts<App> for Frame {
    type Rejection = AppError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Frame, AppError> {
        let visitor = Visitor::from_request_parts(parts, app).await?;
        Ok(Frame::new(app, &visitor, parts.uri.path()))
    }
}

/// A page, written from its template.
pub(crate) struct Page<T>(pub(crate) T);

impl<T: Template> IntoResponse for Page<T> {
    fn into_response(self) -> Response {
        match self.0.render() {
            Ok(text) => Html(text).into_response(),
            Err(error) => AppError::Page(error).into_response(),
        }
    }
}

/// The page of an error.
#[derive(Template)]
#[template(path = "problem.html")]
struct ProblemPage {
    frame: Frame,
    problem: Problem,
}

/// Goes around every request.
pub(crate) async fn around(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let path = request.uri().path().to_owned();
    let found = Visitor::find(&app, request.headers(), request.extensions()).await;
    let (visitor, response) = match found {
        Ok(visitor) if asks_with_nul(request.uri()) => {
            (Some(visitor), AppError::Nul.into_response())
        }
        Ok(visitor) => {
            request.extensions_mut().insert(visitor.clone());
            (Some(visitor), next.run(request).await)
        }
        Err(error) => (None, AppError::from(error).into_response()),
    };
    let is_editor =
        visitor.as_ref().and_then(Visitor::role).is_some_and(|role| role >= Role::Editor);
    let is_hidden = response.extensions().get::<Hidden>().is_some() && !is_editor;
    let response = if is_hidden { AppError::NotFound.into_response() } else { response };
    let (found, response) = explained(&path, response).await;
    let mut response = match found {
        Some(problem) => dress(&app, visitor.as_ref(), &path, problem, &response),
        None => response,
    };
    // What was said once is not said again.
    let is_said = visitor.as_ref().is_some_and(|visitor| visitor.flash.is_some());
    if let Some(flash) = response.extensions().get::<Flash>().copied() {
        let next = flash_cookie(&app.config.public_url, flash.word(), 60);
        response.headers_mut().append(SET_COOKIE, next);
    } else if is_said && !response.status().is_redirection() && !path.starts_with("/assets/") {
        response.headers_mut().append(SET_COOKIE, flash_cookie(&app.config.public_url, "", 0));
    }
    let is_anonymous = visitor.is_some_and(|visitor| visitor.member.is_none());
    let headers = response.headers_mut();
    // A page of somebody is not kept; one for everybody is asked for again.
    let keep =
        if is_anonymous && !headers.contains_key(SET_COOKIE) { "no-cache" } else { "no-store" };
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static(keep));
    for (name, value) in HEADERS {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    if app.config.public_url.is_secure() {
        let hsts = HeaderValue::from_static("max-age=63072000");
        headers.entry(STRICT_TRANSPORT_SECURITY).or_insert(hsts);
    }
    response
}

/// What went wrong, if something did; a program that was not understood is told what it was that nobody understood, as
/// whoever reads its request says it in the body.
async fn explained(path: &str, response: Response) -> (Option<Problem>, Response) {
    let found = problem(&response);
    let is_ours = response.extensions().get::<Problem>().is_some();
    let is_misread = matches!(response.status().as_u16(), 400 | 415 | 422);
    let Some(mut found) = found.filter(|_| !is_ours && is_misread && path.starts_with("/api/"))
    else {
        return (problem(&response), response);
    };
    let (parts, body) = response.into_parts();
    let said = to_bytes(body, MOST_SAID).await.unwrap_or_default();
    let said = String::from_utf8_lossy(&said);
    found.detail = match said.trim() {
        "" => "See /api for what is asked for.".to_owned(),
        said => sentence(said),
    };
    (Some(found), Response::from_parts(parts, Body::empty()))
}

/// So much is read of what is said of a request.
const MOST_SAID: usize = 2_000;

/// What went wrong, if something did and nobody has shown it yet.
fn problem(response: &Response) -> Option<Problem> {
    if let Some(problem) = response.extensions().get::<Problem>() {
        return Some(problem.clone());
    }
    let status = response.status();
    let is_error = status.is_client_error() || status.is_server_error();
    let kind = response.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let is_shown = kind.is_some_and(|kind| kind.starts_with("text/html") || kind.contains("json"));
    (is_error && !is_shown).then(|| Problem::of_status(status))
}

/// Shows a problem: as a page, or to a program as JSON.
fn dress(
    app: &App,
    visitor: Option<&Visitor>,
    path: &str,
    problem: Problem,
    bare: &Response,
) -> Response {
    let status = problem.status;
    let mut dressed = if path.starts_with("/api/") {
        let body = json!({
            "type": "about:blank",
            "title": problem.title,
            "status": status.as_u16(),
            "detail": problem.detail,
        });
        ([(CONTENT_TYPE, "application/problem+json")], body.to_string()).into_response()
    } else {
        let nobody = Visitor { address: [0, 0, 0, 0].into(), member: None, flash: None };
        let frame = Frame::new(app, visitor.unwrap_or(&nobody), path);
        match (ProblemPage { frame, problem }).render() {
            Ok(text) => Html(text).into_response(),
            Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        }
    };
    *dressed.status_mut() = status;
    for name in [header::RETRY_AFTER, header::ALLOW, header::WWW_AUTHENTICATE] {
        if let Some(value) = bare.headers().get(&name) {
            dressed.headers_mut().insert(name, value.clone());
        }
    }
    dressed
}

/// Has the next page say something.
pub(crate) fn say(mut response: Response, flash: Flash) -> Response {
    response.extensions_mut().insert(flash);
    response
}

/// A cookie with what the next page says, for so many seconds.
fn flash_cookie(url: &PublicUrl, word: &str, seconds: u32) -> HeaderValue {
    let (name, secure) = (flash_name(url), if url.is_secure() { "; Secure" } else { "" });
    let text = format!("{name}={word}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}");
    HeaderValue::from_str(&text).expect("its words are plain")
}

/// Headers of every answer.
const HEADERS: [(HeaderName, &str); 6] = [
    (CONTENT_SECURITY_POLICY, POLICY),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    // With `no-referrer` browsers would hide the origin of our own forms.
    (REFERRER_POLICY, "same-origin"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (
        HeaderName::from_static("permissions-policy"),
        "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    ),
];
/// Pages load what is ours, and nothing is in them that could run.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; \
                      form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

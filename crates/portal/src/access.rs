//! The one place that lets somebody in: each route has the least role it needs, and whoever has less is turned away
//! before its handler is called. Who has to prove again who he is, is sent to a page for that, and back.

use std::time::Instant;

use axum::extract::{Request, State};
use axum::http::header::{HOST, ORIGIN};
use axum::http::{HeaderMap, Method};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use repute_database::Timestamp;
use repute_database::accounts::Role;

use crate::api;
use crate::app::App;
use crate::distribution;
use crate::error::AppError;
use crate::limits::{Deed, Doer};
use crate::pages::confirm;
use crate::token::Scope;
use crate::visitor::{Visitor, cookie, session_cookie};

/// Who may use a route, at the least.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Least {
    /// Everybody.
    Anonymous,
    /// Whoever has this role or one above it.
    Role(Role),
    /// Servers elsewhere, by the token of a subscriber.
    Subscriber,
    /// Programs, by a token with one of these scopes; any token if none is named.
    Token(&'static [Scope]),
}

impl Least {
    /// Whether somebody with this role, or without any, may.
    pub(crate) fn admits(self, role: Option<Role>) -> bool {
        match self {
            Least::Anonymous => true,
            Least::Role(least) => role.is_some_and(|role| role >= least),
            Least::Subscriber | Least::Token(_) => false,
        }
    }
}

/// How lately the person must have proved who he is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Proof {
    /// When he signed in.
    Any,
    /// A short while ago: what follows from it cannot be taken back, or lets somebody in.
    Fresh {
        /// The page on which he then goes on: that of the form, as what was sent by it is not kept. A part of it in braces
        /// is what stands at the same place of the path that he asked for.
        page: Option<&'static str>,
    },
}

/// Admits a request to its handler, or not.
pub(crate) async fn admit(
    State((app, least, proof)): State<(App, Least, Proof)>,
    visitor: Visitor,
    request: Request,
    next: Next,
) -> Response {
    if !request.method().is_safe() && !is_own(&app, request.headers()) {
        return AppError::ForeignPage.into_response();
    }
    match least {
        // Boxed: what they ask of the database would be room that every request carries through each layer.
        Least::Subscriber => {
            return Box::pin(distribution::admit(&app, &visitor, request, next)).await;
        }
        Least::Token(scopes) => {
            return Box::pin(api::admit(&app, &visitor, scopes, request, next)).await;
        }
        Least::Anonymous | Least::Role(_) => {}
    }
    if least.admits(visitor.role()) {
        if let Some(member) = visitor.member.as_ref().filter(|_| !request.method().is_safe()) {
            let doer = Doer::Account(member.account.id.0);
            if let Err(wait) = app.limits.take(Deed::Form, &doer, Instant::now()) {
                return AppError::TooMany(wait).into_response();
            }
        }
        let is_fresh =
            || visitor.member.as_ref().is_some_and(|member| member.is_fresh(Timestamp::now()));
        return match proof {
            Proof::Fresh { page } if !is_fresh() => {
                let own = own_path(&request);
                let next = page.map_or_else(|| own.to_owned(), |page| page_of(page, own));
                Box::pin(confirm::ask(&app, request, &next)).await
            }
            Proof::Any | Proof::Fresh { .. } => next.run(request).await,
        };
    }
    if visitor.member.is_some() {
        return AppError::Forbidden.into_response();
    }
    let is_page = request.method() == Method::GET && !request.uri().path().starts_with("/api/");
    match is_page {
        true => {
            Redirect::to(&format!("/sign-in?next={}", encode(own_path(&request)))).into_response()
        }
        false => AppError::SignIn.into_response(),
    }
}

/// The page of a form that was sent to a path.
fn page_of(page: &str, path: &str) -> String {
    let path = path.split_once('?').map_or(path, |(path, _)| path);
    let parts = page.split('/').zip(path.split('/').chain(std::iter::repeat("")));
    let parts: Vec<&str> =
        parts.map(|(wanted, own)| if wanted.starts_with('{') { own } else { wanted }).collect();
    parts.join("/")
}

/// Where a request goes, with its query.
fn own_path(request: &Request) -> &str {
    request.uri().path_and_query().map_or("/", |path| path.as_str())
}

/// Whether a request that changes something comes from a page of ours, or from no browser at all.
///
/// All browsers say where such a request comes from, in one of two headers; a form on another site's page would
/// carry the visitor's cookies, were they not `SameSite`, and this holds even where that does not.
fn is_own(app: &App, headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(site) = text("sec-fetch-site") {
        return matches!(site, "same-origin" | "none");
    }
    match text(ORIGIN.as_str()) {
        Some(origin) => {
            let host = text(HOST.as_str()).unwrap_or_default();
            let own = origin.split_once("://").is_some_and(|(_, authority)| authority == host);
            own || origin == app.config.public_url.origin()
        }
        // A program; but one that shows a session should say that it means it.
        None => cookie(headers, session_cookie(&app.config.public_url)).is_none(),
    }
}

/// A path as a value in a query.
pub(crate) fn encode(path: &str) -> String {
    let mut text = String::new();
    for byte in path.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'-' | b'_' | b'.' | b'~' => {
                text.push(char::from(byte));
            }
            other => text.push_str(&format!("%{other:02X}")),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;
    use crate::testing::Site;

    #[tokio::test]
    async fn what_changes_something_must_come_from_a_page_of_ours() {
        let site = Site::new().await;
        let check = |pairs: &[(&'static str, &str)], expect: bool| {
            let mut headers = HeaderMap::new();
            for (name, value) in pairs {
                headers.insert(*name, HeaderValue::from_str(value).expect("a value"));
            }
            assert_eq!(is_own(&site.app, &headers), expect, "{pairs:?}");
        };
        let origin = "http://localhost:8080";
        check(&[("sec-fetch-site", "same-origin"), ("cookie", "session=x")], true);
        check(&[("sec-fetch-site", "same-site"), ("origin", origin)], false);
        check(&[("sec-fetch-site", "cross-site")], false);
        check(&[("origin", origin), ("cookie", "session=x")], true);
        check(&[("origin", "http://127.0.0.1:9000"), ("host", "127.0.0.1:9000")], true);
        check(&[("origin", "https://evil.example"), ("host", "localhost:8080")], false);
        check(&[("origin", "null"), ("host", "localhost:8080")], false);
        check(&[("cookie", "session=x")], false);
        check(&[], true);
    }

    #[tokio::test]
    async fn an_account_sends_as_many_forms_as_a_person_can_and_no_more() {
        let mut site = Site::new().await;
        site.become_role(Some(Role::Member)).await;
        let (now, first) = (Instant::now(), || Doer::Account(1));
        let sent =
            (0..1_000).take_while(|_| site.app.limits.take(Deed::Form, &first(), now).is_ok());
        assert_eq!(sent.count(), 300);
        let form = [("letters", "weekly")];
        let much = site.post("/account/letters", &form).await;
        assert_eq!(much.status, 429);
        assert!(!much.header("retry-after").is_empty());
        assert_eq!(site.get("/account").await.status, 200, "who looks changes nothing");
        site.become_role(Some(Role::Editor)).await;
        assert_eq!(site.post("/account/letters", &form).await.status, 303, "that is another one");
    }

    #[test]
    fn a_form_leads_back_to_its_own_page() {
        for (page, path, expected) in [
            ("/people", "/people/7/lock", "/people"),
            ("/people/{id}", "/people/7/lock?a=b", "/people/7"),
            ("/queue/versions/{id}", "/queue/versions/9", "/queue/versions/9"),
            ("/x/{id}", "/x", "/x/"),
        ] {
            assert_eq!(page_of(page, path), expected, "{path}");
        }
    }

    #[test]
    fn a_path_is_kept_whole_in_a_query() {
        assert_eq!(encode("/a b?c=d&e=/f"), "/a%20b%3Fc%3Dd%26e%3D/f");
    }
}

//! Which web pages may use the API (CORS, the Fetch standard).

use hyper::Method;
use hyper::header::{self, HeaderMap, HeaderValue};

/// The origins whose pages may: acme-dns's `corsorigins`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cors {
    /// Each with at most one wildcard, in lower case; none at all is every origin, as acme-dns has it.
    origins: Vec<String>,
}

impl Cors {
    /// Takes origins as acme-dns does: `*`, `https://*.example.org`, `https://example.org`.
    pub fn new(origins: impl IntoIterator<Item = String>) -> Cors {
        Cors { origins: origins.into_iter().map(|one| one.to_ascii_lowercase()).collect() }
    }

    /// Whether a request asks what a page may do, before it does it.
    pub(crate) fn is_preflight(method: &Method, headers: &HeaderMap) -> bool {
        method == Method::OPTIONS && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
    }

    /// Adds to an answer what it says of the origin of a request.
    pub(crate) fn add(&self, asked: &HeaderMap, answer: &mut HeaderMap) {
        answer.append(header::VARY, HeaderValue::from_static("Origin"));
        if let Some(origin) = self.allowed(asked) {
            answer.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        }
    }

    /// Adds to the answer of a preflight what the page may do.
    pub(crate) fn add_preflight(&self, asked: &HeaderMap, answer: &mut HeaderMap) {
        let vary = "Origin, Access-Control-Request-Method, Access-Control-Request-Headers";
        answer.append(header::VARY, HeaderValue::from_static(vary));
        let Some(origin) = self.allowed(asked) else { return };
        answer.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        let methods = HeaderValue::from_static("GET, POST, DELETE");
        answer.insert(header::ACCESS_CONTROL_ALLOW_METHODS, methods);
        let headers = HeaderValue::from_static("Content-Type, X-Api-User, X-Api-Key");
        answer.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, headers);
    }

    /// What the answer says of the origin, if that may.
    fn allowed(&self, asked: &HeaderMap) -> Option<HeaderValue> {
        let origin = asked.get(header::ORIGIN)?;
        if self.origins.is_empty() || self.origins.iter().any(|one| one == "*") {
            return Some(HeaderValue::from_static("*"));
        }
        let text = origin.to_str().ok()?.to_ascii_lowercase();
        self.origins.iter().any(|one| is_like(one, &text)).then(|| origin.clone())
    }
}

/// Whether an origin is what a pattern says.
fn is_like(pattern: &str, origin: &str) -> bool {
    let Some((before, after)) = pattern.split_once('*') else { return pattern == origin };
    origin.len() >= before.len() + after.len()
        && origin.starts_with(before)
        && origin.ends_with(after)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(origins: &[&str], origin: &str, expect: Option<&str>) {
        let cors = Cors::new(origins.iter().map(|&one| one.to_owned()));
        let mut asked = HeaderMap::new();
        if !origin.is_empty() {
            asked.insert(header::ORIGIN, origin.parse().expect("a header"));
        }
        let mut answer = HeaderMap::new();
        cors.add(&asked, &mut answer);
        let said = answer.get(header::ACCESS_CONTROL_ALLOW_ORIGIN).map(HeaderValue::as_bytes);
        assert_eq!(said, expect.map(str::as_bytes), "{origins:?} {origin}");
        assert!(answer.contains_key(header::VARY));
    }

    #[test]
    fn origins_are_allowed_by_name_by_wildcard_and_all() {
        check(&[], "https://a.example", Some("*"));
        check(&["https://b.example", "*"], "https://a.example", Some("*"));
        check(&["*"], "", None);
        check(&["https://A.example"], "https://a.Example", Some("https://a.Example"));
        check(&["https://a.example"], "https://b.example", None);
        check(&["https://*.example"], "https://a.b.example", Some("https://a.b.example"));
        check(&["https://*.example"], "https://example", None);
        check(&["https://*.example"], "http://a.example", None);
        check(&["https://a*a"], "https://a", None);
    }
}

//! Pages, metrics and the prober over HTTP/1.1.
//!
//! All of it is read-only. Everything a client may send is bounded: the size of a head, the time of a whole
//! exchange, the connections at a time; a connection carries one request. Encryption and passwords are left
//! to the proxy before it: the default address is loopback.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hyper::body::Incoming;
use hyper::header::{self, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

use crate::detail::{self, About};
use crate::metrics;
use crate::overview;
use crate::probe::{self, Limit};
use crate::shared::Shared;
use crate::view::{RecordView, View};

/// Serves the pages until the runtime ends.
pub(crate) async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    let site = Arc::new(Site {
        shared,
        probes: Arc::new(Semaphore::new(MOST_PROBES)),
        limit: Limit::new(Instant::now()),
    });
    let places = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                // Who finds no place is turned away, as fast as can be.
                let Ok(place) = Arc::clone(&places).try_acquire_owned() else { continue };
                let site = Arc::clone(&site);
                tokio::spawn(async move {
                    let _place = place;
                    let _ = timeout(LONGEST_EXCHANGE, exchange(stream, site)).await;
                });
            }
            Err(error) => {
                tracing::warn!("cannot accept connections for the moment: {error}");
                sleep(AFTER_FAILURE).await;
            }
        }
    }
}

/// What is served.
struct Site {
    shared: Arc<Shared>,
    /// Places for probes.
    probes: Arc<Semaphore>,
    limit: Limit,
}

/// Serves one request. Errors are the client's business.
async fn exchange(stream: TcpStream, site: Arc<Site>) {
    let service = service_fn(move |request: Request<Incoming>| {
        let site = Arc::clone(&site);
        async move { Ok::<_, Infallible>(site.respond(&request).await) }
    });
    let connection = http1::Builder::new()
        .keep_alive(false)
        .max_buf_size(HEAD_BYTES)
        .max_headers(HEAD_LINES)
        .timer(TokioTimer::new())
        .header_read_timeout(LONGEST_HEAD)
        .serve_connection(TokioIo::new(stream), service);
    let _ = connection.await;
}

impl Site {
    /// Answers a request; its body, if any, is never read.
    async fn respond<B>(&self, request: &Request<B>) -> Response<String> {
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            let mut refusal = plain(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD\n");
            refusal.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
            return refusal;
        }
        let path = request.uri().path();
        match path {
            "/" => self.shared.show(|view, _| text(StatusCode::OK, HTML, overview::render(view))),
            "/metrics" => self.shared.show(|view, config| {
                text(StatusCode::OK, metrics::CONTENT_TYPE, metrics::render(view, config.luzilla))
            }),
            "/status.json" => self.shared.show(|view, _| json(view)),
            "/healthz" => self.health(),
            "/prober" => self.probe(request.uri().query().unwrap_or_default()).await,
            _ => self.record(path).unwrap_or_else(|| plain(StatusCode::NOT_FOUND, NOT_FOUND)),
        }
    }

    /// Whether the monitor does what it should.
    fn health(&self) -> Response<String> {
        let is_whole = self.shared.is_whole();
        match &self.shared.book().process.save_error {
            None if is_whole => plain(StatusCode::OK, "ok\n"),
            None => plain(StatusCode::SERVICE_UNAVAILABLE, "a thread has ended by a fault\n"),
            Some(error) => plain(StatusCode::SERVICE_UNAVAILABLE, &format!("{error}\n")),
        }
    }

    /// The page of one target or zone, or the JSON of it.
    fn record(&self, path: &str) -> Option<Response<String>> {
        let (kind, name) = path.strip_prefix('/')?.split_once('/')?;
        let about = match kind {
            "target" => About::Target,
            "zone" => About::Zone,
            _ => return None,
        };
        let name = decode(name)?;
        self.shared.show(|view, _| {
            let records = match about {
                About::Target => &view.targets,
                About::Zone => &view.zones,
            };
            let find = |name: &str| records.iter().find(|record| record.name == name);
            if let Some(record) = find(&name) {
                return Some(text(StatusCode::OK, HTML, detail::render(view, record, about)));
            }
            let record = find(name.strip_suffix(".json")?)?;
            Some(json(&WithHistory::of(view, record, about)))
        })
    }

    /// Checks a target now.
    async fn probe(&self, query: &str) -> Response<String> {
        let target = query.split('&').find_map(|pair| pair.strip_prefix("target="));
        let Some(target) = target.and_then(|target| decode(&target.replace('+', " "))) else {
            return plain(StatusCode::BAD_REQUEST, "name a target: /prober?target=192.0.2.25\n");
        };
        let subject = match probe::subject(&target) {
            Ok(subject) => subject,
            Err(why) => return plain(StatusCode::BAD_REQUEST, &format!("{why}\n")),
        };
        let Ok(place) = Arc::clone(&self.probes).try_acquire_owned() else {
            return busy("as many checks as may be are under way\n");
        };
        if !self.limit.take(Instant::now()) {
            return busy("too many checks: the lists are asked politely\n");
        }
        let shared = Arc::clone(&self.shared);
        let probed = tokio::task::spawn_blocking(move || {
            // The place is taken as long as it asks, whether or not somebody waits for it still.
            let _place = place;
            probe::probe(&shared, &subject)
        });
        match probed.await {
            Ok(Ok(page)) => text(StatusCode::OK, metrics::CONTENT_TYPE, page),
            Ok(Err(error)) => {
                plain(StatusCode::INTERNAL_SERVER_ERROR, &format!("cannot ask: {error}\n"))
            }
            Err(_) => plain(StatusCode::INTERNAL_SERVER_ERROR, "the check failed\n"),
        }
    }
}

/// A record with all that is known of its past.
#[derive(serde::Serialize)]
struct WithHistory<'v, 'a> {
    #[serde(flatten)]
    record: &'v RecordView<'a>,
    /// By list: what was shown since when.
    history: std::collections::BTreeMap<&'a str, Vec<(u64, crate::standing::Shown)>>,
    /// Of a zone: all that its last audit found since the start.
    #[serde(skip_serializing_if = "Option::is_none")]
    audit: Option<&'a repute_audit::Audit>,
    /// What happened to it, the newest first.
    events: Vec<&'a crate::event::Event>,
}

impl<'v, 'a> WithHistory<'v, 'a> {
    /// Puts it together.
    fn of(view: &View<'a>, record: &'v RecordView<'a>, about: About) -> WithHistory<'v, 'a> {
        let own = view.events.iter().filter(|event| event.target.as_deref() == Some(record.name));
        WithHistory {
            history: record.lists.iter().map(|cell| (cell.list, cell.changes())).collect(),
            audit: view.process.audits.get(record.name).filter(|_| about == About::Zone),
            events: own.copied().collect(),
            record,
        }
    }
}

/// Resolves escapes of an address (RFC 3986 section 2.1); nothing, if that is no text.
fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        rest = tail;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let (digits, tail) = rest.split_at_checked(2)?;
        let digits = std::str::from_utf8(digits).ok().filter(|d| !d.starts_with('+'))?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        rest = tail;
    }
    String::from_utf8(bytes).ok()
}

/// A value as JSON, indented for eyes.
fn json(value: &impl serde::Serialize) -> Response<String> {
    match serde_json::to_string_pretty(value) {
        Ok(json) => text(StatusCode::OK, JSON, json + "\n"),
        Err(error) => plain(StatusCode::INTERNAL_SERVER_ERROR, &format!("{error}\n")),
    }
}

/// The answer to somebody who asks too much.
fn busy(why: &str) -> Response<String> {
    let mut refusal = plain(StatusCode::TOO_MANY_REQUESTS, why);
    refusal.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    refusal
}

/// A short answer in plain text.
fn plain(status: StatusCode, body: &str) -> Response<String> {
    text(status, PLAIN, body.to_owned())
}

/// An answer.
fn text(status: StatusCode, kind: &'static str, body: String) -> Response<String> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    response
}

/// Content-Type of pages.
const HTML: &str = "text/html; charset=utf-8";
/// Content-Type of the status for machines.
const JSON: &str = "application/json";
/// Content-Type of short answers.
const PLAIN: &str = "text/plain; charset=utf-8";
/// What is said where nothing is.
const NOT_FOUND: &str = "there are /, /metrics, /prober?target=, /status.json, /target/NAME, \
                         /target/NAME.json, /zone/NAME and /healthz\n";
/// The pages load nothing and run nothing; their style and icon are in them.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
/// Most bytes of a request's head (hyper takes no less than 8 KiB).
const HEAD_BYTES: usize = 16 * 1024;
/// Most header lines of a request.
const HEAD_LINES: usize = 64;
/// Most connections at a time.
const MOST_CONNECTIONS: usize = 64;
/// Most probes at a time.
const MOST_PROBES: usize = 4;
/// How long a client may take to ask.
const LONGEST_HEAD: Duration = Duration::from_secs(10);
/// How long a connection may last in all: a probe takes its time.
const LONGEST_EXCHANGE: Duration = Duration::from_secs(60);
/// How long to wait when no connection can be accepted.
const AFTER_FAILURE: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_decoded_or_refused() {
        assert_eq!(decode("2001:db8::1").as_deref(), Some("2001:db8::1"));
        assert_eq!(decode("a%20b%2Fc").as_deref(), Some("a b/c"));
        for wrong in ["%", "%4", "%zz", "%+1", "%ff"] {
            assert_eq!(decode(wrong), None, "{wrong}");
        }
    }
}

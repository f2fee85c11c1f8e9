//! Metrics, health and status over HTTP/1.1.
//!
//! Three pages, read-only, for Prometheus, load balancers and people. Everything a client may send is
//! bounded: the size of a head, the time of a whole exchange, the connections at a time; a connection
//! carries one request. Encryption and passwords are left to the proxy before it: the default address
//! is loopback.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::header::{self, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::listen::tcp::{Admission, accept_failed};
use crate::metrics;
use crate::report::Report;

mod page;

/// Where and how the pages are served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// Address and port; `None` serves no pages. Default: 127.0.0.1:9053.
    pub address: Option<SocketAddr>,
    /// Most connections at a time. Default: 64.
    pub connections: usize,
    /// How long a connection may last in all. Default: 10 s.
    pub time: Duration,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            address: Some(([127, 0, 0, 1], 9053).into()),
            connections: 64,
            time: Duration::from_secs(10),
        }
    }
}

/// Gathers a report when a page is asked for.
pub(crate) type Gather = Arc<dyn Fn() -> Report + Send + Sync>;

/// Writes what others in the process count.
pub(crate) type Others = Arc<dyn Fn() -> String + Send + Sync>;

/// What pages are made of.
#[derive(Clone)]
pub(crate) struct Pages {
    /// How the server is.
    pub(crate) gather: Gather,
    /// What others count.
    pub(crate) others: Others,
}

/// Serves the pages until the server stops.
pub(crate) async fn serve(
    listener: TcpListener,
    config: Config,
    pages: Pages,
    stop: CancellationToken,
    tasks: TaskTracker,
) {
    let admission = Admission::new(config.connections, config.connections, config.connections);
    loop {
        let accepted = tokio::select! {
            biased;
            () = stop.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                let Some(place) = admission.admit(peer.ip()) else { continue };
                let (pages, stop) = (pages.clone(), stop.clone());
                tasks.spawn(async move {
                    let _place = place;
                    tokio::select! {
                        _ = timeout(config.time, exchange(stream, config.time, pages)) => {}
                        () = stop.cancelled() => {}
                    }
                });
            }
            Err(error) => accept_failed(&error).await,
        }
    }
}

/// Serves one request. Errors are the client's business.
async fn exchange(stream: TcpStream, time: Duration, pages: Pages) {
    let service = service_fn(move |request: Request<Incoming>| {
        let response = respond(&request, &pages);
        async move { Ok::<_, Infallible>(response) }
    });
    let connection = http1::Builder::new()
        .keep_alive(false)
        .max_buf_size(HEAD_BYTES)
        .max_headers(HEAD_LINES)
        .timer(TokioTimer::new())
        .header_read_timeout(time)
        .serve_connection(TokioIo::new(stream), service);
    let _ = connection.await;
}

/// Answers a request; its body, if any, is never read.
fn respond<B>(request: &Request<B>, pages: &Pages) -> Response<String> {
    let gather = &pages.gather;
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let mut refusal = plain(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD\n");
        refusal.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
        return refusal;
    }
    match request.uri().path() {
        "/metrics" => {
            let page = metrics::render(&gather()) + &(pages.others)();
            text(StatusCode::OK, metrics::CONTENT_TYPE, page)
        }
        "/healthz" => health(&gather()),
        "/status" if wants_html(request) => text(StatusCode::OK, HTML, page::render(&gather())),
        "/status" | "/status.json" => text(StatusCode::OK, JSON, json(&gather())),
        "/" => text(StatusCode::OK, HTML, page::render(&gather())),
        _ => {
            plain(StatusCode::NOT_FOUND, "there are /metrics, /healthz, /status and /status.json\n")
        }
    }
}

/// Whether every zone answers: 200, or 503 with the names of those that do not.
fn health(report: &Report) -> Response<String> {
    let silent: Vec<&str> = report.silent_zones().map(|zone| zone.name.as_str()).collect();
    if silent.is_empty() {
        plain(StatusCode::OK, "ok\n")
    } else {
        let body = format!("not serving: {}\n", silent.join(" "));
        text(StatusCode::SERVICE_UNAVAILABLE, PLAIN, body)
    }
}

/// The report as JSON, indented for eyes.
fn json(report: &Report) -> String {
    let mut json = serde_json::to_string_pretty(report).unwrap_or_default();
    json.push('\n');
    json
}

/// Whether a person's browser asks: programs name no type or `*/*`.
fn wants_html<B>(request: &Request<B>) -> bool {
    let accept = request.headers().get(header::ACCEPT).and_then(|value| value.to_str().ok());
    accept.is_some_and(|types| types.contains("text/html"))
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
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    response
}

/// Content-Type of the status page.
const HTML: &str = "text/html; charset=utf-8";
/// Content-Type of the status for machines.
const JSON: &str = "application/json";
/// Content-Type of short answers.
const PLAIN: &str = "text/plain; charset=utf-8";
/// The pages load nothing and run nothing; their style and icon are in them.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
/// Most bytes of a request's head (hyper takes no less than 8 KiB).
const HEAD_BYTES: usize = 16 * 1024;
/// Most header lines of a request.
const HEAD_LINES: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::tests::report;
    use crate::status::ZoneHealth;

    fn pages(report: Report) -> Pages {
        let gather: Gather = Arc::new(move || report.clone());
        Pages { gather, others: Arc::new(|| "others 1\n".to_owned()) }
    }

    fn get(path: &str, accept: &str, report: Report) -> (StatusCode, String) {
        let request = Request::builder().uri(path).header(header::ACCEPT, accept).body(()).unwrap();
        let response = respond(&request, &pages(report));
        (response.status(), response.into_body())
    }

    #[test]
    fn health_names_the_zones_that_do_not_answer() {
        let mut report = report("bl.example");
        assert_eq!(get("/healthz", "", report.clone()), (StatusCode::OK, "ok\n".into()));
        report.zones[0].health = ZoneHealth::Stale;
        assert_eq!(get("/healthz", "", report.clone()).0, StatusCode::OK);
        report.zones[0].health = ZoneHealth::Failed;
        let (status, body) = get("/healthz", "", report);
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(body, "not serving: bl.example\n");
    }

    #[test]
    fn status_is_json_for_programs_and_html_for_people() {
        let sent = report("bl.example");
        let (_, json) = get("/status", "*/*", sent.clone());
        assert_eq!(serde_json::from_str::<Report>(&json).unwrap(), sent);
        let (_, html) = get("/status", "text/html,*/*;q=0.8", sent);
        assert!(html.starts_with("<!doctype html>") && html.contains("bl.<wbr>example"));
        assert!(html.contains("&lt;b&gt;bad&lt;/b&gt;") && !html.contains("<b>bad"));
    }

    #[test]
    fn what_others_count_stands_behind_what_the_server_counts() {
        let (_, page) = get("/metrics", "", report("bl.example"));
        assert!(page.starts_with("# HELP repute_nameserver_build_info"), "{page}");
        assert!(page.ends_with("\nothers 1\n"), "{page}");
    }

    #[test]
    fn only_reading_is_possible() {
        let request = Request::post("/status").body(()).unwrap();
        let pages = pages(report("bl.example"));
        assert_eq!(respond(&request, &pages).status(), StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!(get("/other", "", report("bl.example")).0, StatusCode::NOT_FOUND);
    }
}

//! Fetches a list from a web server.
//!
//! A feed is asked for only when it changed (RFC 9110 section 13), may not be larger or slower than
//! configured, and is written beside the last good copy. Whether it takes that copy's place is
//! decided by whoever builds the zone from it: a page that says "come back later" is no list.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustls::CertificateError;
use rustls::crypto::ring;
use ureq::Agent;
use ureq::http::Response;
use ureq::tls::{RootCerts, TlsConfig, TlsProvider};

use super::spool::{Draft, FeedNote, remedy, write_beside};

/// A list on a web server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedConfig {
    /// Its address, http or https.
    pub url: String,
    /// How often it is fetched.
    pub interval: Duration,
    /// When a fetch is given up.
    pub timeout: Duration,
    /// How many bytes it may have, as it is sent.
    pub max_size: u64,
}

/// What a fetch found.
#[derive(Debug)]
pub(super) enum Fetched {
    /// The server still has what we have.
    Unchanged,
    /// Another version, not in its place yet.
    Changed(Candidate),
}

/// A fetched version that waits to be judged. Dropped, it removes its file.
#[derive(Debug)]
pub(super) struct Candidate {
    draft: Draft,
    note: FeedNote,
}

impl Candidate {
    /// Where it lies until it is judged.
    pub(super) fn path(&self) -> &Path {
        self.draft.path()
    }

    /// Makes it the last good copy.
    ///
    /// # Errors
    /// If the data folder cannot be written.
    pub(super) fn accept(self) -> io::Result<()> {
        let place = self.draft.place().to_owned();
        self.draft.accept()?;
        self.note.write(&place)
    }
}

/// Asks for a feed whose last good copy lies at `place`, or will.
///
/// # Errors
/// Whatever went wrong on the way; the last good copy is untouched.
pub(super) fn fetch(feed: &FeedConfig, place: &Path) -> Result<Fetched, FeedError> {
    let note = if place.is_file() { FeedNote::read(place) } else { None };
    let response = ask(feed, note.as_ref())?;
    match response.status().as_u16() {
        200 => {}
        304 => {
            if let Some(note) = note {
                FeedNote { confirmed: unix_now(), ..note }.write(place)?;
            }
            return Ok(Fetched::Unchanged);
        }
        status => return Err(FeedError::Status(status)),
    }
    let note = FeedNote {
        url: feed.url.clone(),
        etag: header(&response, "etag"),
        last_modified: header(&response, "last-modified"),
        confirmed: unix_now(),
    };
    let candidate = Candidate { draft: Draft::new(place), note };
    let mut body = response.into_body().into_reader();
    let mut copied = Ok(());
    write_beside(candidate.path(), |out| {
        copied = copy(&mut body, out, feed.max_size);
        Ok(())
    })?;
    copied?;
    if place.is_file() && same_content(candidate.path(), place)? {
        // Some servers know neither ETag nor time: the same bytes need no new zone.
        candidate.note.write(place)?;
        return Ok(Fetched::Unchanged);
    }
    Ok(Fetched::Changed(candidate))
}

/// Sends the request, with what we know of the last version.
fn ask(feed: &FeedConfig, note: Option<&FeedNote>) -> Result<Response<ureq::Body>, FeedError> {
    let tls = TlsConfig::builder()
        .provider(TlsProvider::Rustls)
        .root_certs(RootCerts::PlatformVerifier)
        .unversioned_rustls_crypto_provider(Arc::new(ring::default_provider()))
        .build();
    let agent: Agent = Agent::config_builder()
        .tls_config(tls)
        .timeout_global(Some(feed.timeout))
        .max_redirects(MAX_REDIRECTS)
        .http_status_as_error(false)
        .user_agent(concat!("repute/", env!("CARGO_PKG_VERSION")))
        .proxy(None)
        .build()
        .into();
    let mut request = agent.get(&feed.url);
    if let Some(etag) = note.and_then(|n| n.etag.as_ref()) {
        request = request.header("if-none-match", etag);
    }
    if let Some(time) = note.and_then(|n| n.last_modified.as_ref()) {
        request = request.header("if-modified-since", time);
    }
    request.call().map_err(|error| match is_of_unknown_issuer(&error) {
        true => FeedError::UnknownIssuer,
        false => FeedError::Request(Box::new(error)),
    })
}

/// Whether a request failed because the server's certificate is signed by nobody we know.
fn is_of_unknown_issuer(error: &ureq::Error) -> bool {
    let ureq::Error::Io(error) = error else { return false };
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    matches!(inner, Some(rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer)))
}

/// A header's value, if there is one that is text.
fn header(response: &Response<ureq::Body>, name: &str) -> Option<String> {
    Some(response.headers().get(name)?.to_str().ok()?.to_owned())
}

/// Copies a body of at most `limit` bytes.
fn copy(body: &mut impl Read, out: &mut dyn Write, limit: u64) -> Result<(), FeedError> {
    let copied = io::copy(&mut body.take(limit.saturating_add(1)), out)?;
    if copied > limit { Err(FeedError::TooLarge(limit)) } else { Ok(()) }
}

/// Whether two files have the same bytes.
fn same_content(a: &Path, b: &Path) -> io::Result<bool> {
    let (a, b) = (File::open(a)?, File::open(b)?);
    if a.metadata()?.len() != b.metadata()?.len() {
        return Ok(false);
    }
    let (mut a, mut b) = (io::BufReader::new(a).bytes(), io::BufReader::new(b).bytes());
    loop {
        match (a.next().transpose()?, b.next().transpose()?) {
            (None, None) => return Ok(true),
            (x, y) if x == y => {}
            (_, _) => return Ok(false),
        }
    }
}

/// The time in Unix seconds.
pub(super) fn unix_now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs())
}

/// How often a server may send us elsewhere.
const MAX_REDIRECTS: u32 = 5;

/// Why a feed could not be fetched.
#[derive(Debug, thiserror::Error)]
pub(super) enum FeedError {
    /// The copy could not be written.
    #[error("cannot store the feed in the data folder: {0}{remedy}", remedy = remedy(.0))]
    Store(#[from] io::Error),
    /// A server that may be anybody.
    #[error(
        "the server's certificate is signed by nobody that this system trusts: add its authority to the \
         system's (`update-ca-certificates`), or name a file of trusted ones in SSL_CERT_FILE"
    )]
    UnknownIssuer,
    /// No answer: name, connection, certificate, time-out, too many redirects.
    #[error("{0}")]
    Request(Box<ureq::Error>),
    /// The server answers, but not with a list.
    #[error("the server answers with status {0}")]
    Status(u16),
    /// It does not fit.
    #[error("larger than {0} bytes (its `max-size`, or `snapshot-max-size`, in the configuration)")]
    TooLarge(u64),
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader};
    use std::net::TcpListener;

    use super::*;

    /// A web server on loopback that answers each connection with the next text, and returns the
    /// requests it saw.
    fn serve(answers: Vec<String>) -> (String, std::thread::JoinHandle<Vec<String>>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/list", listener.local_addr().unwrap());
        let thread = std::thread::spawn(move || {
            let mut seen = Vec::new();
            for answer in answers {
                let (mut stream, _) = listener.accept().unwrap();
                let mut request = String::new();
                let mut lines = BufReader::new(stream.try_clone().unwrap());
                while !request.ends_with("\r\n\r\n") {
                    lines.read_line(&mut request).unwrap();
                }
                seen.push(request.to_ascii_lowercase());
                // A client that has seen enough may hang up.
                let _ = stream.write_all(answer.as_bytes());
            }
            seen
        });
        (url, thread)
    }

    /// An answer with these header lines and this body.
    fn answer(status: &str, headers: &str, body: &str) -> String {
        let length = body.len();
        format!(
            "HTTP/1.1 {status}\r\n{headers}content-length: {length}\r\nconnection: close\r\n\r\n{body}"
        )
    }

    /// The feed at a URL.
    fn feed(url: &str) -> FeedConfig {
        FeedConfig {
            url: url.to_owned(),
            interval: Duration::from_secs(60),
            timeout: Duration::from_secs(10),
            max_size: 40,
        }
    }

    #[test]
    fn a_feed_is_fetched_once_and_then_asked_for_changes() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("a.list");
        let (url, server) = serve(vec![
            answer("200 OK", "etag: \"v1\"\r\n", "192.0.2.1\n"),
            answer("304 Not Modified", "", ""),
        ]);
        let Fetched::Changed(candidate) = fetch(&feed(&url), &place).unwrap() else {
            panic!("nothing was here before");
        };
        assert!(!place.exists(), "not before it is accepted");
        candidate.accept().unwrap();
        assert_eq!(std::fs::read_to_string(&place).unwrap(), "192.0.2.1\n");
        assert!(matches!(fetch(&feed(&url), &place), Ok(Fetched::Unchanged)));
        let seen = server.join().unwrap();
        assert!(!seen[0].contains("if-none-match"));
        assert!(seen[1].contains("if-none-match: \"v1\""), "{}", seen[1]);
    }

    #[test]
    fn the_same_bytes_are_no_change() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("a.list");
        let (url, _server) = serve(vec![answer("200 OK", "", "192.0.2.1\n"); 2]);
        let Ok(Fetched::Changed(candidate)) = fetch(&feed(&url), &place) else { panic!() };
        candidate.accept().unwrap();
        assert!(matches!(fetch(&feed(&url), &place), Ok(Fetched::Unchanged)));
    }

    #[test]
    fn a_refused_candidate_leaves_no_trace() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("a.list");
        let (url, _server) = serve(vec![answer("200 OK", "", "<html>\n")]);
        drop(fetch(&feed(&url), &place).unwrap());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn failures_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("a.list");
        let (url, _server) = serve(vec![
            answer("503 Service Unavailable", "", "later"),
            answer("200 OK", "", &"x".repeat(41)),
            "HTTP/1.1 200 OK\r\ncontent-length: 30\r\n\r\ncut".to_owned(),
        ]);
        assert!(matches!(fetch(&feed(&url), &place), Err(FeedError::Status(503))));
        assert!(matches!(fetch(&feed(&url), &place), Err(FeedError::TooLarge(40))));
        assert!(fetch(&feed(&url), &place).is_err(), "a body that is cut is no list");
        assert!(matches!(fetch(&feed("http://127.0.0.1:1/"), &place), Err(FeedError::Request(_))));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn redirects_end_somewhere() {
        let folder = tempfile::tempdir().unwrap();
        let (url, _server) = serve(vec![answer("302 Found", "location: /list\r\n", ""); 7]);
        assert!(fetch(&feed(&url), &folder.path().join("a.list")).is_err());
    }
}

//! Asks a portal: for manifests, which it answers when there is something new, and for parcels.

use std::io::Read as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rustls::CertificateError;
use rustls::crypto::ring;
use ureq::Agent;
use ureq::http::Response;
use ureq::tls::{RootCerts, TlsConfig, TlsProvider};

use crate::manifest::{Item, Origin};

/// A portal, as it is asked.
pub(crate) struct Portal {
    /// Its address, without a slash at the end.
    url: String,
    /// The file of the token, which is read each time: it may be another tomorrow.
    token: PathBuf,
    /// When a fetch of a parcel is given up.
    timeout: Duration,
    /// Sends requests.
    agent: Agent,
}

/// Manifests, as they were handed out.
pub(crate) struct Manifests {
    /// What comes after these can be asked for by it.
    pub(crate) tag: Option<String>,
    /// The texts, one after the other.
    pub(crate) text: String,
}

impl Portal {
    /// At this address.
    pub(crate) fn new(url: &str, token: PathBuf, timeout: Duration) -> Portal {
        let tls = TlsConfig::builder()
            .provider(TlsProvider::Rustls)
            .root_certs(RootCerts::PlatformVerifier)
            .unversioned_rustls_crypto_provider(Arc::new(ring::default_provider()))
            .build();
        // A token goes to nobody but whom it was meant for: no proxy of the environment, no other address.
        let agent = Agent::config_builder()
            .tls_config(tls)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .http_status_as_error(false)
            .user_agent(concat!("repute/", env!("CARGO_PKG_VERSION")))
            .proxy(None)
            .build();
        let url = url.trim_end_matches('/').to_owned();
        Portal { url, token, timeout, agent: agent.into() }
    }

    /// All manifests; or those that came after a tag, as soon as there are some: nothing if there are none for a while.
    pub(crate) fn manifests(&self, after: Option<&str>) -> Result<Option<Manifests>, FetchError> {
        let path = match after {
            Some(tag) => format!("manifests?after={}", escaped(tag)),
            None => "manifests".to_owned(),
        };
        let response = self.ask(&path, WAIT + PATIENCE)?;
        if response.status().as_u16() == 204 {
            return Ok(None);
        }
        let tag = response.headers().get("etag").and_then(|tag| tag.to_str().ok());
        let tag = tag.map(|tag| tag.trim_start_matches("W/").trim_matches('"').to_owned());
        let bytes = body(response, MOST_MANIFESTS)?;
        let text = String::from_utf8(bytes).map_err(|_| FetchError::NotText)?;
        Ok(Some(Manifests { tag, text }))
    }

    /// The bytes of a parcel; whether they are what they should be is for whoever asked.
    pub(crate) fn parcel(&self, origin: &Origin, item: &Item) -> Result<Bytes, FetchError> {
        let path = format!("lists/{}/{}/{}", escaped(&origin.apex.to_string()), item.from, item.to);
        let response = self.ask(&path, self.timeout)?;
        Ok(body(response, item.length)?.into())
    }

    /// Sends a request.
    fn ask(&self, path: &str, timeout: Duration) -> Result<Response<ureq::Body>, FetchError> {
        let token = std::fs::read_to_string(&self.token)
            .map_err(|source| FetchError::Token { path: self.token.clone(), source })?;
        let url = format!("{}/api/v1/distribution/{path}", self.url);
        let request = self.agent.get(&url).config().timeout_global(Some(timeout)).build();
        let request = request.header("authorization", format!("Bearer {}", token.trim()));
        let request = request.header("prefer", format!("wait={}", WAIT.as_secs()));
        let response = request.call().map_err(|error| match is_of_unknown_issuer(&error) {
            true => FetchError::UnknownIssuer,
            false => FetchError::Request(Box::new(error)),
        })?;
        match response.status().as_u16() {
            200 | 204 => Ok(response),
            401 => Err(FetchError::Refused(self.token.clone())),
            404 => Err(FetchError::Missing),
            429 => Err(FetchError::TooOften),
            300..=399 => Err(FetchError::Elsewhere),
            status => Err(FetchError::Status(status)),
        }
    }
}

/// The body of an answer, if it has no more bytes than it may.
fn body(response: Response<ureq::Body>, limit: u64) -> Result<Vec<u8>, FetchError> {
    let mut bytes = Vec::new();
    let mut reader = response.into_body().into_reader().take(limit.saturating_add(1));
    reader.read_to_end(&mut bytes).map_err(FetchError::Cut)?;
    match bytes.len() as u64 > limit {
        true => Err(FetchError::TooLarge(limit)),
        false => Ok(bytes),
    }
}

/// A text as a part of a path.
fn escaped(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    text.bytes()
        .map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

/// Whether a request failed because the portal's certificate is signed by nobody we know.
fn is_of_unknown_issuer(error: &ureq::Error) -> bool {
    let ureq::Error::Io(error) = error else { return false };
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    matches!(inner, Some(rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer)))
}

/// Why a portal gives nothing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FetchError {
    /// The token cannot be read.
    #[error("cannot read the token in {path}: put there what `repute registry subscriber add` showed, readable by the server's user", path = .path.display())]
    Token {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The portal does not know the token.
    #[error("the portal does not take the token in {path}, which is wrong or revoked: `repute registry subscriber add` there makes another", path = .0.display())]
    Refused(PathBuf),
    /// There is nothing of it.
    #[error(
        "the portal has no such thing: it went meanwhile, or this token may not have it, or `url` is not the address of a portal"
    )]
    Missing,
    /// It was asked too often.
    #[error("the portal was asked too often; it is asked again in a while")]
    TooOften,
    /// It sends us elsewhere.
    #[error("the portal sends us to another address: write that as `url`")]
    Elsewhere,
    /// Another number.
    #[error("the portal answers with status {0}")]
    Status(u16),
    /// A server that may be anybody.
    #[error(
        "the portal's certificate is signed by nobody that this system trusts: add its authority to the system's \
         (`update-ca-certificates`), or name a file of trusted ones in SSL_CERT_FILE"
    )]
    UnknownIssuer,
    /// No answer: name, connection, certificate, time-out.
    #[error("the portal does not answer: {0}")]
    Request(Box<ureq::Error>),
    /// An answer that ended too early.
    #[error("the portal's answer was cut: {0}")]
    Cut(std::io::Error),
    /// An answer that goes on.
    #[error("the portal sends more than {0} bytes where no more should come")]
    TooLarge(u64),
    /// An answer that is something else.
    #[error("the portal answers with something that is no text")]
    NotText,
}

/// How long a portal may wait for something new, as long as we ask for what comes after something.
const WAIT: Duration = Duration::from_secs(15);
/// How long an answer may take beside that.
const PATIENCE: Duration = Duration::from_secs(15);
/// Most bytes of all manifests.
const MOST_MANIFESTS: u64 = 64 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_part_of_a_path() {
        assert_eq!(escaped("bl-1.example"), "bl-1.example");
        assert_eq!(escaped("a/b\\000?"), "a%2Fb%5C000%3F");
    }
}

//! A message as an HTTP request: POST with the JSON of [`Message`].
//!
//! Any status from 200 to 299 means taken. Redirects are not followed: the message and its token
//! would go to somebody the operator has not named. What the server writes back is not read.
//!
//! An address is often a password itself (`https://hooks.example/T0/B1/secret`), so only its scheme
//! and host are ever shown, and it may stand in a file.

use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use rustls::crypto::ring;
use serde::Deserialize;
use ureq::Agent;
use ureq::http::Uri;
use ureq::tls::{PemItem, RootCerts, TlsConfig, TlsProvider, parse_pem};

use crate::error::{Fault, quote};
use crate::secret::{read_certificates, read_secret};
use crate::signature::{self, sign};
use crate::{Message, Timeout};

/// A web server that takes messages.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "WrittenWebhook")]
pub struct WebhookConfig {
    address: Place,
    secret_file: Option<PathBuf>,
    token_file: Option<PathBuf>,
    ca_file: Option<PathBuf>,
    timeout: Timeout,
}

impl WebhookConfig {
    /// Has its files be in this folder.
    pub(crate) fn in_folder(mut self, folder: &Path) -> WebhookConfig {
        let address = match &mut self.address {
            Place::Here(_) => None,
            Place::InFile(path) => Some(path),
        };
        let files = [&mut self.secret_file, &mut self.token_file, &mut self.ca_file];
        for path in files.into_iter().flatten().chain(address) {
            *path = folder.join(&*path);
        }
        self
    }

    /// Which server it is, for people.
    pub(crate) fn describe(&self) -> String {
        match &self.address {
            Place::Here(address) => format!("webhook at {address}"),
            Place::InFile(path) => format!("webhook in {}", path.display()),
        }
    }
}

/// [`WebhookConfig`] as it is written.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct WrittenWebhook {
    /// Its address, http or https.
    url: Option<WebAddress>,
    /// In place of `url`, a file with the address, for one that nobody else should know.
    url_file: Option<PathBuf>,
    /// A file with a secret that the body is signed with.
    secret_file: Option<PathBuf>,
    /// A file with a token that is sent as `Authorization: Bearer`.
    token_file: Option<PathBuf>,
    /// Certificates in PEM form to trust in place of the system's.
    ca_file: Option<PathBuf>,
    /// How long it may all take.
    #[serde(default)]
    timeout: Timeout,
}

impl TryFrom<WrittenWebhook> for WebhookConfig {
    type Error = &'static str;

    fn try_from(written: WrittenWebhook) -> Result<WebhookConfig, &'static str> {
        let address = match (written.url, written.url_file) {
            (Some(address), None) => Place::Here(address),
            (None, Some(path)) => Place::InFile(path),
            (_, _) => return Err("either `url` or `url-file` must be given"),
        };
        if let Place::Here(address) = &address
            && written.token_file.is_some()
            && !address.is_private()
        {
            return Err(IN_CLEAR);
        }
        Ok(WebhookConfig {
            address,
            secret_file: written.secret_file,
            token_file: written.token_file,
            ca_file: written.ca_file,
            timeout: written.timeout,
        })
    }
}

/// Where the address is.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Place {
    /// In the configuration.
    Here(WebAddress),
    /// In a file of its own.
    InFile(PathBuf),
}

/// The address of a web server's page. It is shown without its path.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct WebAddress(Uri);

impl WebAddress {
    /// Whether nobody on the way can read what is sent there.
    fn is_private(&self) -> bool {
        let host = self.0.host().unwrap_or_default().trim_matches(['[', ']']);
        let is_this_machine = host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
        self.0.scheme_str() == Some("https") || host == "localhost" || is_this_machine
    }
}

impl FromStr for WebAddress {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<WebAddress, &'static str> {
        let uri: Uri = text.parse().map_err(|_| NO_ADDRESS)?;
        let authority = uri.authority().ok_or(NO_ADDRESS)?;
        if !matches!(uri.scheme_str(), Some("http" | "https")) || authority.host().is_empty() {
            return Err(NO_ADDRESS);
        }
        if authority.as_str().contains('@') {
            return Err("an address cannot hold a user or password; see `token-file`");
        }
        Ok(WebAddress(uri))
    }
}

impl TryFrom<String> for WebAddress {
    type Error = &'static str;

    fn try_from(text: String) -> Result<WebAddress, &'static str> {
        text.parse()
    }
}

impl fmt::Display for WebAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let authority = self.0.authority().map_or("", |authority| authority.as_str());
        write!(f, "{}://{authority}", self.0.scheme_str().unwrap_or_default())
    }
}

impl fmt::Debug for WebAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WebAddress({self}/...)")
    }
}

/// Posts a message.
///
/// # Errors
/// If the server does not answer with success in time.
pub(crate) fn send(config: &WebhookConfig, message: &Message) -> Result<(), Fault> {
    let address = match &config.address {
        Place::Here(address) => address.clone(),
        Place::InFile(path) => read_secret(path)?
            .parse()
            .map_err(|error: &str| Fault::Request(format!("{}: {error}", path.display())))?,
    };
    let body = message.to_json();
    let mut request =
        agent(config)?.post(address.0.clone()).header("content-type", "application/json");
    if let Some(path) = &config.token_file {
        if !address.is_private() {
            return Err(Fault::Request(IN_CLEAR.to_owned()));
        }
        request = request.header("authorization", format!("Bearer {}", read_secret(path)?));
    }
    if let Some(path) = &config.secret_file {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
        request = request.header(signature::HEADER, sign(&read_secret(path)?, now, &body));
    }
    let response = request.send(&body).map_err(|error| explain(&error))?;
    match response.status().as_u16() {
        200..300 => Ok(()),
        status => Err(Fault::Status(status)),
    }
}

/// A client that does what is configured and nothing more.
fn agent(config: &WebhookConfig) -> Result<Agent, Fault> {
    let roots = match &config.ca_file {
        None => RootCerts::PlatformVerifier,
        Some(path) => {
            let pem = read_certificates(path)?;
            let roots: Vec<_> = parse_pem(pem.as_bytes())
                .filter_map(|item| match item {
                    Ok(PemItem::Certificate(certificate)) => Some(certificate),
                    _ => None,
                })
                .collect();
            if roots.is_empty() {
                return Err(Fault::Certificates(path.clone()));
            }
            RootCerts::Specific(Arc::new(roots))
        }
    };
    let tls = TlsConfig::builder()
        .provider(TlsProvider::Rustls)
        .root_certs(roots)
        .unversioned_rustls_crypto_provider(Arc::new(ring::default_provider()))
        .build();
    Ok(Agent::config_builder()
        .tls_config(tls)
        .timeout_global(Some(config.timeout.duration()))
        .max_redirects(0)
        .http_status_as_error(false)
        .user_agent(concat!("repute/", env!("CARGO_PKG_VERSION")))
        .proxy(None)
        .build()
        .into())
}

/// What went wrong, without the address.
fn explain(error: &ureq::Error) -> Fault {
    match error {
        ureq::Error::Timeout(_) => Fault::Timeout,
        ureq::Error::BadUri(_) | ureq::Error::Http(_) => Fault::Request(NO_ADDRESS.to_owned()),
        ureq::Error::HostNotFound => Fault::Request("the host is not found".to_owned()),
        error => Fault::Request(quote(&error.to_string())),
    }
}

/// What to say of a text that is no address.
const NO_ADDRESS: &str = "not an address such as `https://example.org/hook`";
/// What to say of a token that others could read.
const IN_CLEAR: &str = "`token-file` needs https: http would send the token in clear";

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads a channel's table.
    fn read(toml: &str) -> Result<WebhookConfig, String> {
        toml::from_str(toml).map_err(|error| error.message().to_owned())
    }

    #[test]
    fn an_address_is_shown_without_its_path() {
        let config = read("url = 'https://hooks.example:8443/T0/hunter2?k=hunter2'").unwrap();
        assert_eq!(config.describe(), "webhook at https://hooks.example:8443");
        assert!(!format!("{config:?}").contains("hunter2"));
    }

    #[test]
    fn what_cannot_work_is_refused_when_it_is_read() {
        for (text, words) in [
            ("", "either `url` or `url-file`"),
            ("url = 'https://a.example/'\nurl-file = 'f'", "either `url` or `url-file`"),
            ("url = 'ftp://a.example/'", "not an address"),
            ("url = '/hook'", "not an address"),
            ("url = 'https:///hook'", "not an address"),
            ("url = 'https://a.example/ x'", "not an address"),
            ("url = 'https://me:hunter2@a.example/'", "see `token-file`"),
            ("url = 'http://a.example/'\ntoken-file = 'f'", "needs https"),
            ("url = 'http://a.example/'\ntoken = 'hunter2'", "unknown field `token`"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(words), "{text}: {error}");
            assert!(!error.contains("hunter2"), "{error}");
        }
        for url in ["http://a.example/", "http://127.0.0.1:1/", "http://[::1]/", "https://a/b?c"] {
            assert!(read(&format!("url = '{url}'")).is_ok(), "{url}");
        }
        assert!(read("url = 'http://[::1]:80/'\ntoken-file = 'f'").is_ok());
    }
}

//! How the portal is set up.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use repute_dnsxl::Network;
use repute_notify::MailServer;

/// How the portal is set up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// What the site is called, on every page and in mail.
    pub title: String,
    /// Where people reach it.
    pub public_url: PublicUrl,
    /// Proxies that say truly who asks, in `X-Forwarded-For`.
    pub trusted_proxies: Vec<Network>,
    /// Whether a network may look up only so much.
    pub limit_look_ups: bool,
    /// Texts that editors choose from, besides those that are built in.
    pub canned_reasons: Vec<String>,
    /// How mail leaves.
    pub mail: Mail,
}

/// How mail leaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mail {
    /// As files in this folder, for a first try.
    Folder(PathBuf),
    /// By a mail server.
    Server(MailServer),
}

impl Mail {
    /// Whether nobody gets it.
    pub(crate) fn is_folder(&self) -> bool {
        matches!(self, Mail::Folder(_))
    }
}

/// The address at which people reach the portal: `https://lists.example`, without a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicUrl(String);

/// Why a text is no such address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a scheme and a host such as `https://lists.example`, without a path")]
pub struct PublicUrlError;

impl PublicUrl {
    /// The address as browsers say it in `Origin`.
    pub fn origin(&self) -> &str {
        &self.0
    }

    /// Whether it is reached by TLS.
    pub fn is_secure(&self) -> bool {
        self.0.starts_with("https://")
    }

    /// The host, without a port.
    pub fn host(&self) -> &str {
        let authority = self.0.split_once("://").map_or("", |(_, rest)| rest);
        match authority.strip_prefix('[') {
            Some(_) => authority.split_inclusive(']').next().unwrap_or(authority),
            None => authority.split(':').next().unwrap_or(authority),
        }
    }
}

impl FromStr for PublicUrl {
    type Err = PublicUrlError;

    fn from_str(text: &str) -> Result<PublicUrl, PublicUrlError> {
        let text = text.strip_suffix('/').unwrap_or(text).to_ascii_lowercase();
        let (scheme, authority) = text.split_once("://").ok_or(PublicUrlError)?;
        let is_scheme = matches!(scheme, "http" | "https");
        let uri: axum::http::uri::Authority = authority.parse().map_err(|_| PublicUrlError)?;
        // A browser leaves the scheme's own port out of `Origin`.
        let usual = if scheme == "https" { 443 } else { 80 };
        let is_plain = !authority.contains('@') && !uri.host().is_empty();
        if !is_scheme || !is_plain {
            return Err(PublicUrlError);
        }
        Ok(PublicUrl(match uri.port_u16() {
            Some(port) if port != usual => format!("{scheme}://{}:{port}", uri.host()),
            Some(_) | None => format!("{scheme}://{}", uri.host()),
        }))
    }
}

impl fmt::Display for PublicUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_public_url_is_what_browsers_call_an_origin() {
        for (text, origin, host) in [
            ("https://Lists.Example/", "https://lists.example", "lists.example"),
            ("https://lists.example:443", "https://lists.example", "lists.example"),
            ("http://localhost:8080", "http://localhost:8080", "localhost"),
            ("http://[::1]:8080", "http://[::1]:8080", "[::1]"),
        ] {
            let url: PublicUrl = text.parse().expect(text);
            assert_eq!((url.origin(), url.host()), (origin, host));
        }
        for text in ["lists.example", "ftp://x", "https://", "https://x/path", "https://a@x"] {
            assert!(text.parse::<PublicUrl>().is_err(), "{text}");
        }
    }
}

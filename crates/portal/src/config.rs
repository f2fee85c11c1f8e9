//! How the portal is set up.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use repute_dnsxl::Network;
use repute_notify::MailServer;
use repute_registry::removal::wave::Waves;
use repute_registry::request::limit::Limits;

use crate::mail_address::MailAddress;

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
    /// How much may be asked for at once.
    pub requests: Limits,
    /// How many removals are a wave.
    pub waves: Waves,
    /// How mail leaves.
    pub mail: Mail,
    /// Where letters go back to that cannot be delivered.
    pub return_path: ReturnPath,
}

/// The address at which letters come back that cannot be delivered: `bounces@lists.example`, or none for where they are
/// from. Each letter has one of its own, with its name behind a `+`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReturnPath(Option<(String, String)>);

/// Why a text is no such address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected a mail address such as `bounces@lists.example`, with at most 12 characters before the `@` and no `+` there"
)]
pub struct ReturnPathError;

impl ReturnPath {
    /// The address for a letter of this name; none for where it is from.
    pub(crate) fn of(&self, name: &str) -> Option<String> {
        let (local, domain) = self.0.as_ref()?;
        Some(format!("{local}+{name}@{domain}"))
    }
}

impl FromStr for ReturnPath {
    type Err = ReturnPathError;

    fn from_str(text: &str) -> Result<ReturnPath, ReturnPathError> {
        if text.is_empty() {
            return Ok(ReturnPath(None));
        }
        let address: MailAddress = text.parse().map_err(|_| ReturnPathError)?;
        let (local, domain) = address.as_str().rsplit_once('@').ok_or(ReturnPathError)?;
        // RFC 5321 section 4.5.3.1.1: 64 octets, of which the name of a letter takes up to 51, and the `+` one.
        if local.len() > 12 || local.contains('+') {
            return Err(ReturnPathError);
        }
        Ok(ReturnPath(Some((local.to_owned(), domain.to_owned()))))
    }
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
    fn a_return_path_leaves_room_for_the_name_of_a_letter() {
        let path: ReturnPath = "Bounces@Lists.Example".parse().expect("it is one");
        let name = format!("{}-{}", "9".repeat(18), "a".repeat(32));
        assert_eq!(path.of("7-x").as_deref(), Some("bounces+7-x@lists.example"));
        let longest: ReturnPath = "twelve-chars@x.example".parse().expect("it is one");
        let address = longest.of(&name).expect("an address");
        assert!(address.parse::<repute_notify::Mailbox>().is_ok() && address.find('@') == Some(64));
        assert_eq!("".parse::<ReturnPath>().map(|path| path.of("7-x")), Ok(None));
        for text in ["bounces", "a+b@x.example", "thirteen-char@x.example", "@x.example"] {
            assert_eq!(text.parse::<ReturnPath>(), Err(ReturnPathError), "{text}");
        }
    }

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

//! `[[follow]]` of the configuration: as it is written, and what it means.

use std::path::{Path, PathBuf};

use repute_distribution::{Config, PublicKey};
use repute_dnsxl::Name;
use serde::Deserialize;
use toml::Spanned;

use super::meaning::{Fault, header};
use super::value::{Size, Span, Text};

/// `[[follow]]`: a portal whose lists are served here too.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, expecting = "a table")]
pub(crate) struct FileFollow {
    /// The address of the portal.
    pub(crate) url: String,
    /// The file with the token it knows us by.
    pub(crate) token_file: PathBuf,
    /// The keys of those who may say what lists are.
    pub(crate) public_keys: Vec<Text<PublicKey>>,
    /// Which lists; none means all that the token may have.
    #[serde(default)]
    pub(crate) lists: Vec<Text<Name>>,
    /// What nobody has confirmed for so long is served no longer.
    #[serde(default = "FileFollow::max_age")]
    pub(crate) max_age: Span,
    /// A list may have so many bytes.
    #[serde(default = "FileFollow::max_size")]
    pub(crate) max_size: Size,
    /// When a fetch is given up.
    #[serde(default = "FileFollow::timeout")]
    pub(crate) timeout: Span,
    /// Newly covered IPv4 networks of this length are refused; 0 refuses none.
    #[serde(default = "FileFollow::ipv4_prefix")]
    pub(crate) ipv4_prefix: u8,
    /// The same for IPv6.
    #[serde(default = "FileFollow::ipv6_prefix")]
    pub(crate) ipv6_prefix: u8,
}

impl FileFollow {
    /// Default of `max-age`: the usual expire time of a zone.
    fn max_age() -> Span {
        Span::seconds(604_800)
    }

    /// Default of `max-size`: some 30 million addresses.
    fn max_size() -> Size {
        Size(256 << 20)
    }

    /// Default of `timeout`.
    fn timeout() -> Span {
        Span::seconds(300)
    }

    /// Default of `ipv4-prefix`.
    fn ipv4_prefix() -> u8 {
        8
    }

    /// Default of `ipv6-prefix`.
    fn ipv6_prefix() -> u8 {
        16
    }
}

/// What all `[[follow]]` mean.
pub(super) fn meaning(
    written: Vec<Spanned<FileFollow>>,
    folder: &Path,
) -> Result<Vec<Config>, Fault> {
    let mut follows: Vec<Config> = Vec::new();
    for follow in written {
        let span = header(follow.span());
        let follow = follow.into_inner();
        let url = follow.url.trim_end_matches('/').to_owned();
        let fault = |message: &str| {
            let (span, message) = (span.clone(), format!("follow `{url}`: {message}"));
            Err(Fault { span, message })
        };
        let host = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
        if host.is_none_or(|host| host.is_empty() || host.contains([' ', '?', '#', '@'])) {
            return fault(
                "expected `url` to be the address of a portal, such as https://lists.example",
            );
        }
        if follow.public_keys.is_empty() {
            return fault(
                "expected at least one of `public-keys`: `repute registry distribution key` at the portal shows it",
            );
        }
        if follows.iter().any(|other| other.url == url) {
            return fault("it is there twice");
        }
        if follow.ipv4_prefix > 32 || follow.ipv6_prefix > 128 {
            return fault("expected `ipv4-prefix` from 0 to 32 and `ipv6-prefix` from 0 to 128");
        }
        let length = |length: u8| (length > 0).then_some(length);
        follows.push(Config {
            token: folder.join(follow.token_file),
            keys: follow.public_keys.into_iter().map(|key| key.0).collect(),
            lists: follow.lists.into_iter().map(|list| list.0).collect(),
            max_age: follow.max_age.0,
            max_size: follow.max_size.0,
            timeout: follow.timeout.0,
            ipv4_prefix: length(follow.ipv4_prefix),
            ipv6_prefix: length(follow.ipv6_prefix),
            url,
        });
    }
    Ok(follows)
}

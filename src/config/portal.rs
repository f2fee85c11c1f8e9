//! `[portal]` of the configuration: as it is written, and what it means.

use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use repute_certificate::CertificateFiles;
use repute_dnsxl::Network;
use repute_nameserver::listen::Address;
use repute_notify::MailServer;
use repute_portal::{Mail, PublicUrl, ReturnPath};
use repute_registry::claim::challenge::Reach;
use repute_registry::removal::wave::Waves;
use repute_registry::request::limit::Limits;
use repute_registry::request::paste;
use serde::{Deserialize, Deserializer, de};
use toml::Spanned;

use super::meaning::{Fault, address, optional};
use super::monitor::ListName;
use super::value::{ListenAddress, Text};

/// `[portal]`: pages and accounts for the people whose lists these are.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields, expecting = "a table")]
pub(crate) struct FilePortal {
    /// Addresses of the portal; none switches it off.
    pub(crate) listen: PortalAddresses,
    /// Where people reach it.
    pub(crate) public_url: Text<PublicUrl>,
    /// File with the certificate of the portal's own TLS; empty leaves TLS to a proxy.
    pub(crate) tls_certificate: Spanned<PathBuf>,
    /// File with its private key.
    pub(crate) tls_key: Spanned<PathBuf>,
    /// What the site is called.
    pub(crate) title: String,
    /// Proxies that are believed about who asks.
    pub(crate) trusted_proxies: Vec<Text<Network>>,
    /// Whether a network may look up only so much.
    pub(crate) limit_look_ups: bool,
    /// File with the key of links and of what is sealed; empty means `DATA-DIR/portal.key`.
    pub(crate) link_key: PathBuf,
    /// Resolvers by which proofs of domains and names of addresses are looked for; none for the system's.
    pub(crate) resolvers: Vec<Text<ListenAddress>>,
    /// Whether lists of others are asked when somebody wants it.
    pub(crate) ask_other_lists: bool,
    /// Which ones; none for those of the catalogue.
    pub(crate) other_lists: Vec<Text<ListName>>,
    /// Texts that editors choose from when they decide.
    pub(crate) canned_reasons: Vec<String>,
    /// Open requests of an organisation.
    pub(crate) open_requests: u32,
    /// Open requests that one account began.
    pub(crate) open_requests_by_account: u32,
    /// Items of a request.
    pub(crate) request_items: usize,
    /// Removals in a day of targets of one domain that are no wave yet.
    pub(crate) removals_by_domain: u32,
    /// Removals in an hour of what was listed for the same that are no wave yet.
    pub(crate) removals_by_origin: u32,
    /// The label before a domain at which its proof stands.
    pub(crate) challenge_label: String,
    /// The port of name servers that may be anywhere; 0 for 53 of those on the public network.
    pub(crate) name_server_port: u16,
    /// Folder for letters while there is no `smtp`; empty means `DATA-DIR/mail`.
    pub(crate) mail_dir: PathBuf,
    /// Where letters go back to that cannot be delivered; empty means where they are from.
    pub(crate) return_path: Text<ReturnPath>,
    /// The mail server that takes letters.
    pub(crate) smtp: Option<MailServer>,
}

impl Default for FilePortal {
    fn default() -> FilePortal {
        FilePortal {
            listen: PortalAddresses::default(),
            public_url: Text("http://localhost:8080".parse().expect("a constant URL parses")),
            tls_certificate: Spanned::new(0..0, PathBuf::new()),
            tls_key: Spanned::new(0..0, PathBuf::new()),
            title: "Reputation lists".to_owned(),
            trusted_proxies: Vec::new(),
            limit_look_ups: true,
            link_key: PathBuf::new(),
            resolvers: Vec::new(),
            ask_other_lists: true,
            other_lists: Vec::new(),
            canned_reasons: Vec::new(),
            open_requests: Limits::default().by_organisation,
            open_requests_by_account: Limits::default().by_account,
            request_items: Limits::default().items,
            removals_by_domain: Waves::default().by_domain,
            removals_by_origin: Waves::default().by_origin,
            challenge_label: "_repute-challenge".to_owned(),
            name_server_port: 0,
            mail_dir: PathBuf::new(),
            return_path: Text(ReturnPath::default()),
            smtp: None,
        }
    }
}

/// Addresses to listen at: one as text, or a list of them; the empty text is none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct PortalAddresses(pub(crate) Vec<SocketAddr>);

impl<'de> Deserialize<'de> for PortalAddresses {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<PortalAddresses, D::Error> {
        deserializer.deserialize_any(Addresses).map(PortalAddresses)
    }
}

/// Takes the text or the list.
struct Addresses;

impl<'de> de::Visitor<'de> for Addresses {
    type Value = Vec<SocketAddr>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an address such as \"127.0.0.1:8080\", or a list of them")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Vec<SocketAddr>, E> {
        if text.is_empty() { Ok(Vec::new()) } else { Ok(vec![one(text)?]) }
    }

    fn visit_seq<A: de::SeqAccess<'de>>(self, mut list: A) -> Result<Vec<SocketAddr>, A::Error> {
        let mut all = Vec::new();
        while let Some(text) = list.next_element::<String>()? {
            all.push(one(&text)?);
        }
        Ok(all)
    }
}

/// An address and a port.
fn one<E: de::Error>(text: &str) -> Result<SocketAddr, E> {
    let expected = || format!("`{text}`: expected an address and port such as 127.0.0.1:8080");
    text.parse().map_err(|_| E::custom(expected()))
}

/// The portal as it is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PortalConfig {
    /// Where it listens; nowhere switches it off.
    pub(crate) listen: Vec<Address>,
    /// The certificate of its own TLS, if it has one.
    pub(crate) certificate: Option<CertificateFiles>,
    /// How it is set up.
    pub(crate) portal: repute_portal::Config,
    /// Where the key of links is.
    pub(crate) link_key: PathBuf,
    /// Where files wait to be taken into lists.
    pub(crate) spool: PathBuf,
    /// The resolvers; none for the system's.
    pub(crate) resolvers: Vec<SocketAddr>,
    /// The lists of others that are asked, empty for those of the catalogue; none asks nobody.
    pub(crate) other_lists: Option<Vec<String>>,
    /// The label before a domain at which its proof stands.
    pub(crate) challenge_label: String,
    /// Which name servers are asked for it.
    pub(crate) reach: Reach,
}

impl PortalConfig {
    /// Whether a portal that runs by the other would have to start anew.
    pub(super) fn differs(&self, other: &PortalConfig) -> bool {
        let is_on = !self.listen.is_empty() || !other.listen.is_empty();
        is_on && self != other
    }
}

/// What `[portal]` means.
pub(super) fn meaning(
    written: FilePortal,
    data_dir: &Path,
    folder: &Path,
) -> Result<PortalConfig, Fault> {
    let certificate = certificate(&written, folder)?;
    let mail = match written.smtp {
        Some(server) => Mail::Server(server.in_folder(folder)),
        None => {
            let own = optional(&written.mail_dir, folder);
            Mail::Folder(own.unwrap_or_else(|| data_dir.join("mail")))
        }
    };
    let link_key = optional(&written.link_key, folder);
    let reach = match written.name_server_port {
        0 => Reach::Public,
        port => Reach::Everywhere { port },
    };
    Ok(PortalConfig {
        listen: written.listen.0.into_iter().map(address).collect(),
        certificate,
        link_key: link_key.unwrap_or_else(|| data_dir.join("portal.key")),
        spool: data_dir.join("spool"),
        resolvers: written.resolvers.iter().map(|text| text.0.0).collect(),
        other_lists: written
            .ask_other_lists
            .then(|| written.other_lists.into_iter().map(|list| list.0.0).collect()),
        challenge_label: written.challenge_label,
        reach,
        portal: repute_portal::Config {
            title: written.title,
            public_url: written.public_url.0,
            trusted_proxies: written.trusted_proxies.into_iter().map(|text| text.0).collect(),
            limit_look_ups: written.limit_look_ups,
            canned_reasons: written.canned_reasons,
            requests: Limits {
                by_organisation: written.open_requests,
                by_account: written.open_requests_by_account,
                items: written.request_items.min(paste::MOST),
            },
            waves: Waves {
                by_domain: written.removals_by_domain,
                by_origin: written.removals_by_origin,
            },
            mail,
            return_path: written.return_path.0,
        },
    })
}

/// The files of the portal's own TLS, if it has any.
fn certificate(written: &FilePortal, folder: &Path) -> Result<Option<CertificateFiles>, Fault> {
    let (certificate, key) = (&written.tls_certificate, &written.tls_key);
    let fault = |at: &Spanned<PathBuf>, message: &str| {
        Err(Fault { span: at.span(), message: message.to_owned() })
    };
    match (optional(certificate.as_ref(), folder), optional(key.as_ref(), folder)) {
        (None, None) => Ok(None),
        (Some(_), None) => {
            fault(certificate, "portal.tls-certificate needs its key: name it as `tls-key`")
        }
        (None, Some(_)) => {
            fault(key, "portal.tls-key needs its certificate: name it as `tls-certificate`")
        }
        (Some(_), Some(_)) if !written.public_url.0.is_secure() => fault(
            certificate,
            "portal.tls-certificate has the portal speak TLS: `public-url` must begin with https://",
        ),
        (Some(certificate), Some(key)) => Ok(Some(CertificateFiles { certificate, key })),
    }
}

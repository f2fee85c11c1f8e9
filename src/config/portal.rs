//! `[portal]` of the configuration: as it is written, and what it means.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use repute_dnsxl::Network;
use repute_notify::MailServer;
use repute_portal::{Mail, PublicUrl};
use repute_registry::claim::challenge::Reach;
use serde::Deserialize;
use toml::Spanned;

use super::file::MetricsAddress;
use super::meaning::{Fault, optional};
use super::monitor::ListName;
use super::value::{ListenAddress, Text};

/// `[portal]`: pages and accounts for the people whose lists these are.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields, expecting = "a table")]
pub(crate) struct FilePortal {
    /// Address of the portal; empty switches it off.
    pub(crate) listen: Spanned<MetricsAddress>,
    /// Where people reach it.
    pub(crate) public_url: Text<PublicUrl>,
    /// What the site is called.
    pub(crate) title: String,
    /// Proxies that are believed about who asks.
    pub(crate) trusted_proxies: Vec<Text<Network>>,
    /// Whether a network may look up only so much.
    pub(crate) limit_look_ups: bool,
    /// File with the key of links; empty means `DATA-DIR/portal.key`.
    pub(crate) link_key: PathBuf,
    /// Resolvers by which proofs of domains and names of addresses are looked for; none for the system's.
    pub(crate) resolvers: Vec<Text<ListenAddress>>,
    /// Whether lists of others are asked when somebody wants it.
    pub(crate) ask_other_lists: bool,
    /// Which ones; none for those of the catalogue.
    pub(crate) other_lists: Vec<Text<ListName>>,
    /// Texts that editors choose from when they decide.
    pub(crate) canned_reasons: Vec<String>,
    /// The label before a domain at which its proof stands.
    pub(crate) challenge_label: String,
    /// The port of name servers that may be anywhere; 0 for 53 of those on the public network.
    pub(crate) name_server_port: u16,
    /// Folder for letters while there is no `smtp`; empty means `DATA-DIR/mail`.
    pub(crate) mail_dir: PathBuf,
    /// The mail server that takes letters.
    pub(crate) smtp: Option<MailServer>,
}

impl Default for FilePortal {
    fn default() -> FilePortal {
        FilePortal {
            listen: Spanned::new(0..0, MetricsAddress(None)),
            public_url: Text("http://localhost:8080".parse().expect("a constant URL parses")),
            title: "Reputation lists".to_owned(),
            trusted_proxies: Vec::new(),
            limit_look_ups: true,
            link_key: PathBuf::new(),
            resolvers: Vec::new(),
            ask_other_lists: true,
            other_lists: Vec::new(),
            canned_reasons: Vec::new(),
            challenge_label: "_repute-challenge".to_owned(),
            name_server_port: 0,
            mail_dir: PathBuf::new(),
            smtp: None,
        }
    }
}

/// The portal as it is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PortalConfig {
    /// Where it listens; none switches it off.
    pub(crate) listen: Option<SocketAddr>,
    /// How it is set up.
    pub(crate) portal: repute_portal::Config,
    /// Where the key of links is.
    pub(crate) link_key: PathBuf,
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
        let is_on = self.listen.is_some() || other.listen.is_some();
        is_on && self != other
    }
}

/// What `[portal]` means.
pub(super) fn meaning(
    written: FilePortal,
    data_dir: &Path,
    folder: &Path,
) -> Result<PortalConfig, Fault> {
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
        listen: written.listen.into_inner().0,
        link_key: link_key.unwrap_or_else(|| data_dir.join("portal.key")),
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
            mail,
        },
    })
}

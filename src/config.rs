//! The configuration: what is written becomes what is meant.
//!
//! ```text
//!  text ── toml, serde ──> FileConfig (as written) ── meaning ──> Config (as used)
//!             └─ unknown key, wrong value ─┴─ what does not fit together ──> ConfigError with its place
//! ```
//! A value that is wrong by itself fails while it is read, one that is wrong beside another fails
//! after; both point at file, line and column. Nothing here is opened but the file itself.

mod acme_dns;
mod authority;
mod catalog;
mod challenge;
mod file;
mod follow;
mod meaning;
mod monitor;
mod picture;
mod portal;
mod primary;
mod restart;
mod secondary;
mod shape;
mod value;

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use repute_certificate::CertificateFiles;
use repute_database::Place;
use repute_lookup::catalogue::{Catalogue, KeySource};
use repute_nameserver::loader::LoaderConfig;
use repute_nameserver::{Identity, server};

pub(crate) use acme_dns::InPlaceOfAcmeDns;
pub(crate) use authority::{
    AuthorityConfig, CatalogConfig, DynamicConfig, KeyConfig, SecondaryConfig, TakenAs,
};
pub(crate) use challenge::ChallengeConfig;
pub(crate) use file::{
    FileCookies as CookiePolicy, FileLogFormat as LogFormat, FileLogLevel as LogLevel,
};
pub(crate) use meaning::{zone_of_files, zone_of_snapshot};
pub(crate) use monitor::MonitorConfig;
pub(crate) use picture::{Picture, shown};
pub(crate) use portal::PortalConfig;
pub(crate) use restart::Opened;
pub(crate) use value::Span;

use crate::exit::tell;
use file::FileConfig;

/// The configuration as it is used.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    /// Where it was read.
    pub(crate) origin: Origin,
    /// User, folder and log of the process.
    pub(crate) process: ProcessConfig,
    /// Sockets, pages, control socket and query log.
    pub(crate) server: server::Config,
    /// What the server says of itself in DNS; its cookies are not read yet.
    pub(crate) identity: Identity,
    /// What is shown where DNS is spoken over TLS, if it is.
    pub(crate) certificate: Option<CertificateFiles>,
    /// DNS cookies, and where their secret is.
    pub(crate) cookies: CookieConfig,
    /// Which zones there are, and how they are kept fresh.
    pub(crate) loader: LoaderConfig,
    /// Keys, zones that are changed by updates or taken over from elsewhere, and who may have what.
    pub(crate) authority: AuthorityConfig,
    /// The challenge service, if there is one.
    pub(crate) challenge: Option<ChallengeConfig>,
    /// What is watched, and who hears of it.
    pub(crate) monitor: MonitorConfig,
    /// The portal, if there is one.
    pub(crate) portal: PortalConfig,
    /// Where lists are that people run together.
    pub(crate) registry: RegistryConfig,
    /// Portals whose lists are served here too.
    pub(crate) follow: Vec<repute_distribution::Config>,
}

/// DNS cookies (RFC 7873).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CookieConfig {
    /// Who gets them, and who needs them.
    pub(crate) policy: CookiePolicy,
    /// The file of the secret; without one it is made at the start.
    pub(crate) secret_file: Option<PathBuf>,
}

/// Where lists are that people run together.
#[derive(Clone, Debug)]
pub(crate) struct RegistryConfig {
    /// The database: the one that is named, or else `registry.db` in the data folder.
    pub(crate) database: Place,
    /// Whether its lists are served: it is named, or there is a portal.
    pub(crate) is_on: bool,
    /// How long evidence is kept.
    pub(crate) keep_evidence: Duration,
}

/// Where a configuration was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// In this file.
    File(PathBuf),
    /// In this file, which is one of acme-dns.
    AcmeDns(PathBuf),
    /// Nowhere: it is built in, for the first try.
    BuiltIn,
}

/// User, folder and log of the process.
#[derive(Clone, Debug)]
pub(crate) struct ProcessConfig {
    /// Whom to become, if anybody.
    pub(crate) user: Option<UserName>,
    /// Folder for what must survive a restart.
    pub(crate) data_dir: PathBuf,
    /// Socket for `repute status` and `repute reload`.
    pub(crate) control: PathBuf,
    /// The least important messages that are logged.
    pub(crate) log_level: LogLevel,
    /// How messages are written.
    pub(crate) log_format: LogFormat,
}

/// A user and a group, by name or number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct UserName {
    /// The user.
    pub(crate) user: String,
    /// The group; `None` means the user's own.
    pub(crate) group: Option<String>,
}

impl Config {
    /// Reads the file that was named, which may be one of acme-dns, else the usual one if it is there, else takes the
    /// built-in configuration.
    pub(crate) fn find(named: Option<&Path>) -> anyhow::Result<Config> {
        let usual = Path::new(USUAL_FILE);
        let path = match named {
            Some(path) => path,
            None if usual.exists() => usual,
            None => return Config::parse(BUILT_IN, Origin::BuiltIn).map_err(anyhow::Error::from),
        };
        if InPlaceOfAcmeDns::is_meant_by(path) {
            return Ok(InPlaceOfAcmeDns::read(path)?.config);
        }
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("cannot read the configuration {}", path.display()))?;
        Ok(Config::parse(&text, Origin::File(path.to_owned()))?)
    }

    /// Lays the lists of a configuration, which may be faulty elsewhere, over those that are known, and has their
    /// keys read: files are meant from the folder of the configuration. Without a name it is the usual file,
    /// if it is there.
    ///
    /// # Errors
    /// If the file cannot be read, or a table of a list is wrong.
    pub(crate) fn lay_lists(
        named: Option<&Path>,
        usual: &Path,
        catalogue: &mut Catalogue,
    ) -> anyhow::Result<()> {
        let path = named.unwrap_or(usual);
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if named.is_none() && error.kind() == io::ErrorKind::NotFound => {
                return Ok(());
            }
            // It may hold what is not for everybody; who asks lists need not be let in.
            Err(error) if named.is_none() && error.kind() == io::ErrorKind::PermissionDenied => {
                tell!("repute: {}: {error}; its lists are left out", path.display());
                return Ok(());
            }
            Err(error) => {
                return Err(error).with_context(|| format!("cannot read {}", path.display()));
            }
        };
        let folder = path.parent().unwrap_or(Path::new(""));
        let mut keyring = |source: &KeySource| match source {
            KeySource::Environment(name) => Ok(std::env::var(name).ok()),
            KeySource::File(file) => {
                let file = folder.join(file);
                let key = std::fs::read_to_string(&file)
                    .map_err(|error| format!("cannot read {}: {error}", file.display()))?;
                Ok(Some(key.trim().to_owned()))
            }
        };
        catalogue.lay(&text, &mut keyring).map_err(|error| match error.line {
            // It is about a list that is known without this file.
            0 => anyhow::Error::from(error),
            _ => {
                let file = path.display().to_string();
                ConfigError::new(&file, &text, error.span.clone(), &error.message()).into()
            }
        })
    }

    /// Finds the control socket in a configuration that may be faulty elsewhere.
    pub(crate) fn find_control(named: Option<&Path>) -> Option<PathBuf> {
        let path = named.unwrap_or(Path::new(USUAL_FILE));
        let text = std::fs::read_to_string(path).ok()?;
        let written: toml::Table = text.parse().ok()?;
        let said = |key: &str| written.get("server")?.get(key)?.as_str().filter(|s| !s.is_empty());
        let folder = path.parent().unwrap_or(Path::new(""));
        match (said("control"), said("data-dir")) {
            (Some(control), _) => Some(folder.join(control)),
            (None, Some(data_dir)) => Some(folder.join(data_dir).join("control")),
            (None, None) => Some(file::FileServer::default().data_dir.join("control")),
        }
    }

    /// Reads a configuration from text.
    pub(crate) fn parse(text: &str, origin: Origin) -> Result<Config, ConfigError> {
        let shown = match &origin {
            Origin::File(path) | Origin::AcmeDns(path) => path.display().to_string(),
            Origin::BuiltIn => "the built-in configuration".to_owned(),
        };
        let written =
            read(text).map_err(|(span, message)| ConfigError::new(&shown, text, span, &message))?;
        // Keys of lists are no matter of the server; whether their tables are right is.
        Catalogue::with(text, &mut |_| Ok(None)).map_err(|error| {
            ConfigError::new(&shown, text, error.span.clone(), &error.message())
        })?;
        meaning::config(written, origin)
            .map_err(|fault| ConfigError::new(&shown, text, fault.span, &fault.message))
    }
}

/// Reads TOML as the structs of `file`; a failure has its place, if it has one, and what to say.
fn read(text: &str) -> Result<FileConfig, (std::ops::Range<usize>, String)> {
    let deserializer = toml::Deserializer::parse(text).map_err(|error| {
        (error.span().unwrap_or_default(), format!("not TOML: {}", error.message()))
    })?;
    if let Some(fault) = shape::list_for_table(text) {
        return Err(fault);
    }
    serde_path_to_error::deserialize(deserializer).map_err(|error| {
        // A table that knows its place in the file shows up as a step of the path.
        let path = error.path().to_string().replace(".$__serde_spanned_private_value", "");
        let inner = error.into_inner();
        let message = match path.as_str() {
            "." => plain(inner.message()),
            path => format!("{path}: {}", plain(inner.message())),
        };
        (inner.span().unwrap_or_default(), message)
    })
}

/// Says in an operator's words what the parser expected.
fn plain(message: &str) -> String {
    let words = [
        ("wanted string or table", "expected a text"),
        ("expected a sequence", "expected a list"),
        ("expected a map", "expected a table"),
        ("expected a string", "expected a text"),
        ("expected path string", "expected a path"),
        ("expected a boolean", "expected true or false"),
        ("expected usize", "expected a whole number, 0 or more"),
        ("expected u32", "expected a whole number from 0 to 4294967295"),
        ("expected u16", "expected a whole number from 0 to 65535"),
        ("expected u8", "expected a whole number from 0 to 255"),
        ("expected f64", "expected a number"),
    ];
    for (theirs, ours) in words {
        if let Some(before) = message.strip_suffix(theirs) {
            return format!("{before}{ours}");
        }
    }
    message.to_owned()
}

/// A configuration that cannot be used: what is wrong, and where.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct ConfigError(String);

impl ConfigError {
    /// Shows a fault in its place.
    fn new(file: &str, text: &str, span: std::ops::Range<usize>, message: &str) -> ConfigError {
        let (line, column, line_text, width) = picture::place(text, span);
        // A table is shown by its first line; a caret under the whole header says no more.
        let picture = Picture { file, line, column, text: line_text, width, message };
        ConfigError(picture.to_string())
    }
}

/// Where a configuration lies on a server.
pub(crate) const USUAL_FILE: &str = "/etc/repute/repute.toml";

/// What runs without a configuration.
const BUILT_IN: &str = include_str!("../examples/lists/repute.toml");

/// The annotated configuration that `repute config example` prints.
pub(crate) const EXAMPLE: &str = include_str!("../etc/repute.toml");

#[cfg(test)]
mod tests;

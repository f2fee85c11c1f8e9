//! acme-dns's `config.cfg`, of its versions 1 and 2, as what it means here.
//!
//! acme-dns reads TOML whose keys may be written in any case, and goes on with what it does not know. Here the same file
//! works; what would not do what it says is refused with the key and the remedy, all of it at once, and what has no meaning
//! any more is told. Files that it names are not opened here.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

use repute_dnsxl::Name;
use toml::Table;

use crate::api::{ClientAddress, Hsts, Registration};
use crate::cors::Cors;

mod file;

use file::File;

/// What a `config.cfg` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AcmeDnsConfig {
    /// Where DNS is answered.
    pub dns: Vec<SocketAddr>,
    /// By what.
    pub transports: Transports,
    /// The apex of the zone.
    pub domain: Name,
    /// The name server in its SOA.
    pub name_server: Name,
    /// Who is responsible for it, in its SOA.
    pub administrator: Name,
    /// Its other records, each a line of a master file with absolute names.
    pub records: Vec<String>,
    /// The database that is imported.
    pub database: Source,
    /// Where the API is served.
    pub api: Vec<SocketAddr>,
    /// Its certificate.
    pub tls: Tls,
    /// Whether clients get accounts.
    pub registration: Registration,
    /// Which web pages may use the API.
    pub cors: Cors,
    /// How a client's address is known.
    pub client: ClientAddress,
    /// What browsers are told of HTTPS.
    pub hsts: Option<Hsts>,
    /// What is logged.
    pub log: Log,
    /// Where accounts and zone are kept here, if it is said: `[repute]` is not in acme-dns, which passes over it.
    pub data_dir: Option<PathBuf>,
}

/// By what DNS is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transports {
    /// UDP and TCP.
    Both,
    /// UDP alone.
    Udp,
    /// TCP alone.
    Tcp,
}

/// A database of acme-dns.
#[derive(Clone, PartialEq, Eq)]
pub enum Source {
    /// The file of SQLite, from the folder where acme-dns is started.
    Sqlite(PathBuf),
    /// The URL of PostgreSQL, with its password.
    Postgres(String),
}

impl fmt::Debug for Source {
    /// Without the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::Sqlite(path) => f.debug_tuple("Sqlite").field(path).finish(),
            Source::Postgres(_) => f.write_str("Postgres(..)"),
        }
    }
}

/// How the API is encrypted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tls {
    /// It is not.
    Off,
    /// By a certificate in files.
    Files {
        /// The certificate, and behind it those that lead to who is trusted.
        certificate: PathBuf,
        /// Its key.
        key: PathBuf,
    },
}

/// What is logged, where and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// What.
    pub level: LogLevel,
    /// A file, or else standard output.
    pub file: Option<PathBuf>,
    /// How.
    pub format: LogFormat,
}

/// How much is logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogLevel {
    /// What someone should act on.
    Error,
    /// And what may become that.
    Warning,
    /// And what happens.
    Info,
    /// And how.
    Debug,
}

/// How lines of the log are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For machines.
    Json,
    /// For people.
    Text,
}

/// What is to be said of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remark {
    /// The key with its section, as `api.tls`.
    pub key: String,
    /// What is wrong with it and what to do.
    pub text: String,
}

impl fmt::Display for Remark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` {}", self.key, self.text)
    }
}

/// Why a file cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// It is no TOML.
    #[error("{0}")]
    Syntax(String),
    /// Keys are wrong.
    #[error("{}", .0.iter().map(Remark::to_string).collect::<Vec<_>>().join("\n"))]
    Keys(Vec<Remark>),
}

impl AcmeDnsConfig {
    /// Reads a file, and says which of its keys mean nothing here.
    ///
    /// # Errors
    /// If it is no TOML, or keys are wrong: all of them.
    pub fn parse(text: &str) -> Result<(AcmeDnsConfig, Vec<Remark>), ConfigError> {
        let table: Table = text
            .parse()
            .map_err(|error: toml::de::Error| ConfigError::Syntax(error.to_string()))?;
        let mut file = File::new(table);
        let config = file.read();
        file.leave();
        match config {
            Some(config) if file.faults.is_empty() => Ok((config, file.notes)),
            _ => Err(ConfigError::Keys(file.faults)),
        }
    }
}

#[cfg(test)]
mod tests;

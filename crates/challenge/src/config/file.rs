//! A `config.cfg` as it is taken apart: key by key, each with what is wrong with it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use repute_dnsxl::Name;
use toml::{Table, Value};

use super::{AcmeDnsConfig, Log, LogFormat, LogLevel, Remark, Source, Tls, Transports};
use crate::api::{ClientAddress, Hsts, Registration};
use crate::cors::Cors;

/// A file as it is read: each key that is taken goes.
pub(super) struct File {
    /// What is left.
    table: Table,
    /// What is wrong.
    pub(super) faults: Vec<Remark>,
    /// What means nothing.
    pub(super) notes: Vec<Remark>,
}

impl File {
    /// A file of which nothing was taken.
    pub(super) fn new(table: Table) -> File {
        File { table: lower(table), faults: Vec::new(), notes: Vec::new() }
    }

    /// Reads all keys; nothing, if one that must be there is wrong.
    pub(super) fn read(&mut self) -> Option<AcmeDnsConfig> {
        let protocol = self.text("general", "protocol");
        let protocol = protocol.filter(|text| !text.is_empty()).unwrap_or("both".to_owned());
        let (transports, family) = match protocol.as_str() {
            "both" => (Transports::Both, None),
            "both4" => (Transports::Both, Some(Family::V4)),
            "both6" => (Transports::Both, Some(Family::V6)),
            "udp" => (Transports::Udp, None),
            "udp4" => (Transports::Udp, Some(Family::V4)),
            "udp6" => (Transports::Udp, Some(Family::V6)),
            "tcp" => (Transports::Tcp, None),
            "tcp4" => (Transports::Tcp, Some(Family::V4)),
            "tcp6" => (Transports::Tcp, Some(Family::V6)),
            _ => {
                let text = "must be \"both\", \"udp\" or \"tcp\", each also with 4 or 6 behind it";
                self.fault("general", "protocol", text);
                (Transports::Both, None)
            }
        };
        let dns = self.needed("general", "listen", "an address and a port, as \"0.0.0.0:53\"");
        let dns = dns.and_then(|text| {
            let addresses = socket_addresses(&text, family);
            let what = "must be an IP address that fits `protocol`, and a port, as \"0.0.0.0:53\"";
            self.good("general", "listen", addresses, what)
        });
        let domain = self.name("domain", "the zone's name, as \"auth.example.org\"");
        let name_server = self.name("nsname", "the name server of the zone's SOA");
        let administrator = self.name("nsadmin", "the mail address of the zone's SOA");
        let records = self.list("general", "records");
        let is_debug = self.flag("general", "debug");
        let database = self.database();
        let ip = self.text("api", "ip").unwrap_or_default();
        let port = self.needed("api", "port", "the port of the API, as \"443\"");
        let api = port.and_then(|port| {
            let host = ip.trim_start_matches('[').trim_end_matches(']');
            let addresses = socket_addresses(&format!("[{host}]:{port}"), None);
            let what = "and `port` must be an IP address and a port, as \"0.0.0.0\" and \"443\"";
            self.good("api", "ip", addresses, what)
        });
        let registration = match self.flag("api", "disable_registration") {
            true => Registration::Closed,
            false => Registration::Open,
        };
        let tls = self.tls();
        let cors = Cors::new(self.list("api", "corsorigins"));
        let client = self.client();
        let hsts = self.hsts();
        let log = self.log(is_debug);
        let data_dir = self.text("repute", "data_dir").filter(|text| !text.is_empty());
        Some(AcmeDnsConfig {
            dns: dns?,
            transports,
            domain: domain?,
            name_server: name_server?,
            administrator: administrator?,
            records,
            database: database?,
            api: api?,
            tls: tls?,
            registration,
            cors,
            client: client?,
            hsts,
            log: log?,
            data_dir: data_dir.map(PathBuf::from),
        })
    }

    /// The database that is imported.
    fn database(&mut self) -> Option<Source> {
        let engine = self.needed("database", "engine", "\"sqlite\" or \"postgres\"");
        let what = "the database, a file of SQLite or a URL of PostgreSQL";
        let connection = self.needed("database", "connection", what);
        let (engine, connection) = (engine?, connection?);
        match engine.as_str() {
            "sqlite" | "sqlite3" => {
                let path = connection.strip_prefix("file:").unwrap_or(&connection);
                let path = path.split('?').next().unwrap_or_default();
                let is_file = !path.is_empty() && path != ":memory:";
                let file = is_file.then(|| Source::Sqlite(path.into()));
                self.good("database", "connection", file, "must be the file of a database")
            }
            "postgres" => {
                let is_url =
                    ["postgres://", "postgresql://"].iter().any(|s| connection.starts_with(s));
                let url = is_url.then_some(Source::Postgres(connection));
                let what = "must be a URL: write it as postgres://user:password@host/database";
                self.good("database", "connection", url, what)
            }
            _ => self.good("database", "engine", None, "must be \"sqlite\" or \"postgres\""),
        }
    }

    /// How the API is encrypted.
    fn tls(&mut self) -> Option<Tls> {
        let key = self.text("api", "tls_cert_privkey").unwrap_or_default();
        let certificate = self.text("api", "tls_cert_fullchain").unwrap_or_default();
        // They concern a certificate that acme-dns gets by itself, and stand in its example whether or not it does.
        for unused in ["acme_cache_dir", "notification_email"] {
            self.text("api", unused);
        }
        match self.text("api", "tls").unwrap_or_default().as_str() {
            "" | "none" => Some(Tls::Off),
            "cert" => {
                for (name, value) in
                    [("tls_cert_privkey", &key), ("tls_cert_fullchain", &certificate)]
                {
                    if value.is_empty() {
                        self.fault(
                            "api",
                            name,
                            "is missing: with `tls = \"cert\"` it names a file in PEM",
                        );
                    }
                }
                Some(Tls::Files { certificate: certificate.into(), key: key.into() })
            }
            "letsencrypt" | "letsencryptstaging" => self.good("api", "tls", None, LETS_ENCRYPT),
            _ => self.good("api", "tls", None, "must be \"none\" or \"cert\""),
        }
    }

    /// How a client's address is known.
    fn client(&mut self) -> Option<ClientAddress> {
        let name = self.text("api", "header_name").unwrap_or_default();
        match self.flag("api", "use_header") {
            false => Some(ClientAddress::Connection),
            true => {
                let header = ClientAddress::header(&name);
                let what = "must name the header in which the proxy writes the client's address";
                self.good("api", "header_name", header, what)
            }
        }
    }

    /// What browsers are told of HTTPS.
    fn hsts(&mut self) -> Option<Hsts> {
        let seconds = match self.take("api", "hsts_max_age") {
            None | Some(Value::Integer(0)) => A_YEAR,
            Some(value) => {
                value.as_integer().and_then(|n| u64::try_from(n).ok()).unwrap_or_else(|| {
                    self.fault("api", "hsts_max_age", "must be a number of seconds");
                    A_YEAR
                })
            }
        };
        let include_subdomains = self.flag("api", "hsts_include_subdomains");
        let preload = self.flag("api", "hsts_preload");
        let is_on = self.flag("api", "hsts_enabled");
        let max_age = Duration::from_secs(seconds);
        is_on.then_some(Hsts { max_age, include_subdomains, preload })
    }

    /// What is logged.
    fn log(&mut self, is_debug: bool) -> Option<Log> {
        let level = match self.text("logconfig", "loglevel").unwrap_or_default().as_str() {
            _ if is_debug => Some(LogLevel::Debug),
            "error" => Some(LogLevel::Error),
            "warning" | "warn" => Some(LogLevel::Warning),
            "" | "info" => Some(LogLevel::Info),
            "debug" => Some(LogLevel::Debug),
            _ => None,
        };
        let what = "must be \"error\", \"warning\", \"info\" or \"debug\"";
        let level = self.good("logconfig", "loglevel", level, what);
        let file = self.text("logconfig", "logfile").unwrap_or_default();
        let file = match self.text("logconfig", "logtype").unwrap_or_default().as_str() {
            "" | "stdout" => Some(None),
            "file" if !file.is_empty() => Some(Some(PathBuf::from(file))),
            _ => None,
        };
        let what = "must be \"stdout\", or \"file\" with `logfile` beside it";
        let file = self.good("logconfig", "logtype", file, what);
        let format = match self.text("logconfig", "logformat").unwrap_or_default().as_str() {
            "json" => Some(LogFormat::Json),
            "" | "text" => Some(LogFormat::Text),
            _ => None,
        };
        let format = self.good("logconfig", "logformat", format, "must be \"json\" or \"text\"");
        Some(Log { level: level?, file: file?, format: format? })
    }

    /// Says what of the file is left: nobody has asked for it.
    pub(super) fn leave(&mut self) {
        for old in ["api_domain", "autocert_port"] {
            if self.take("api", old).is_some() {
                self.note(format!("api.{old}"), "has no meaning in acme-dns any more: remove it");
            }
        }
        let mut left = Vec::new();
        for (section, value) in &self.table {
            match value {
                Value::Table(keys) => {
                    left.extend(keys.keys().map(|key| format!("{section}.{key}")));
                }
                _ => left.push(section.clone()),
            }
        }
        for key in left {
            self.note(key, "is not known and changes nothing: remove it, or correct its name");
        }
    }

    /// A domain name of `[general]`.
    fn name(&mut self, key: &str, what: &str) -> Option<Name> {
        let text = self.needed("general", key, what)?;
        // The administrator's address may be written as one.
        let name: Option<Name> = text.replacen('@', ".", 1).parse().ok();
        let name = name.filter(|name| name.label_count() > 0);
        self.good("general", key, name, "must be a domain name")
    }

    /// A text that must be there.
    fn needed(&mut self, section: &str, key: &str, what: &str) -> Option<String> {
        let before = self.faults.len();
        let text = self.text(section, key).filter(|text| !text.is_empty());
        if text.is_none() && self.faults.len() == before {
            self.fault(section, key, &format!("is missing: set it to {what}"));
        }
        text
    }

    /// A text. Numbers are texts to whoever leaves the quotes away.
    fn text(&mut self, section: &str, key: &str) -> Option<String> {
        match self.take(section, key)? {
            Value::String(text) => Some(text),
            Value::Integer(number) => Some(number.to_string()),
            _ => self.good(section, key, None, "must be a text in quotes"),
        }
    }

    /// Whether something is so.
    fn flag(&mut self, section: &str, key: &str) -> bool {
        match self.take(section, key) {
            None => false,
            Some(Value::Boolean(is_so)) => is_so,
            Some(_) => {
                self.fault(section, key, "must be true or false, without quotes");
                false
            }
        }
    }

    /// Some texts.
    fn list(&mut self, section: &str, key: &str) -> Vec<String> {
        let texts = match self.take(section, key) {
            None => return Vec::new(),
            Some(Value::Array(list)) => {
                list.into_iter().map(|one| one.as_str().map(str::to_owned)).collect()
            }
            Some(_) => None,
        };
        let what = "must be a list of texts, as [\"one\", \"two\"]";
        self.good(section, key, texts, what).unwrap_or_default()
    }

    /// Takes a key out of the file.
    fn take(&mut self, section: &str, key: &str) -> Option<Value> {
        self.table.get_mut(section)?.as_table_mut()?.remove(key)
    }

    /// Says what a key must be, unless it is that.
    fn good<T>(&mut self, section: &str, key: &str, value: Option<T>, what: &str) -> Option<T> {
        if value.is_none() {
            self.fault(section, key, what);
        }
        value
    }

    /// Says what is wrong with a key.
    fn fault(&mut self, section: &str, key: &str, text: &str) {
        self.faults.push(Remark { key: format!("{section}.{key}"), text: text.to_owned() });
    }

    /// Says that a key means nothing.
    fn note(&mut self, key: String, text: &str) {
        self.notes.push(Remark { key, text: text.to_owned() });
    }
}

/// IPv4 or IPv6 alone.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

/// The addresses of `host:port`. No host, or the one that stands for all addresses, is all of both families.
fn socket_addresses(text: &str, family: Option<Family>) -> Option<Vec<SocketAddr>> {
    let (host, port) = text.rsplit_once(':')?;
    let port: u16 = port.parse().ok()?;
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let all = [IpAddr::V4(Ipv4Addr::UNSPECIFIED), IpAddr::V6(Ipv6Addr::UNSPECIFIED)];
    let addresses = match host {
        "" | "*" => all.to_vec(),
        "localhost" => vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()],
        host => match host.parse().ok()? {
            one if all.contains(&one) => all.to_vec(),
            one => vec![one],
        },
    };
    let is_of_family = |address: &IpAddr| match family {
        None => true,
        Some(Family::V4) => address.is_ipv4(),
        Some(Family::V6) => address.is_ipv6(),
    };
    let addresses = addresses.into_iter().filter(is_of_family);
    let addresses: Vec<_> = addresses.map(|address| SocketAddr::new(address, port)).collect();
    (!addresses.is_empty()).then_some(addresses)
}

/// The same with all keys of sections and all sections in lower case.
fn lower(table: Table) -> Table {
    let lower_keys = |value| match value {
        Value::Table(keys) => {
            Value::Table(keys.into_iter().map(|(key, value)| (key.to_lowercase(), value)).collect())
        }
        other => other,
    };
    table.into_iter().map(|(key, value)| (key.to_lowercase(), lower_keys(value))).collect()
}

/// What to do about a certificate that acme-dns gets by itself.
const LETS_ENCRYPT: &str = "asks for a certificate that is not got here: have an ACME client get one for the API's \
    name, set `tls = \"cert\"`, and name its files in `tls_cert_privkey` and `tls_cert_fullchain`";
/// Seconds of a year.
const A_YEAR: u64 = 31_536_000;

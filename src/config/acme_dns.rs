//! acme-dns's `config.cfg` as a configuration of ours, for whoever comes from there.
//!
//! What a key means to acme-dns is read in `repute_challenge`; here it is said in our words: DNS at its addresses, the API
//! at its own, the zone of its records and the two names of its SOA record, and nothing else. Paths are meant from the
//! folder where the program is started, as acme-dns has it.

use std::net::{IpAddr, Ipv6Addr};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use repute_certificate::CertificateFiles;
use repute_challenge::{
    AcmeDnsConfig, ConfigError, LogFormat as TheirFormat, LogLevel as TheirLevel, Remark, Source,
    Tls, Transports,
};
use repute_dnsxl::Name;
use repute_nameserver::listen::Address;
use repute_records::master;
use toml::Spanned;

use super::challenge::FileChallenge;
use super::file::{FileConfig, FileLogFormat, FileLogLevel, MetricsAddress};
use super::portal::PortalAddresses;
use super::value::{ListenAddress, Text};
use super::{Config, Origin, meaning};

/// What a `config.cfg` comes to.
#[derive(Debug)]
pub(crate) struct InPlaceOfAcmeDns {
    /// How the server is.
    pub(crate) config: Config,
    /// The database whose accounts are taken over.
    pub(crate) source: Source,
    /// Where the log goes, if it is a file; else to standard output.
    pub(crate) log: Option<PathBuf>,
    /// What is different from what the file says.
    pub(crate) remarks: Vec<Remark>,
}

impl InPlaceOfAcmeDns {
    /// Whether a file is one of acme-dns, by its name.
    pub(super) fn is_meant_by(path: &Path) -> bool {
        path.extension().is_some_and(|extension| extension == "cfg")
    }

    /// Reads a file.
    ///
    /// # Errors
    /// If it cannot be read, or says what cannot be done.
    pub(crate) fn read(path: &Path) -> anyhow::Result<InPlaceOfAcmeDns> {
        let shown = path.display();
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("cannot read the configuration {shown}"))?;
        match AcmeDnsConfig::parse(&text) {
            Ok((theirs, remarks)) => InPlaceOfAcmeDns::of(theirs, remarks, path),
            Err(ConfigError::Keys(faults)) => {
                let lines: Vec<String> =
                    faults.iter().map(|one| format!("{shown}: {one}")).collect();
                bail!("{}", lines.join("\n"));
            }
            Err(ConfigError::Syntax(why)) => bail!("{shown}: not TOML: {why}"),
        }
    }

    /// Says in our words what was read.
    fn of(
        theirs: AcmeDnsConfig,
        mut remarks: Vec<Remark>,
        path: &Path,
    ) -> anyhow::Result<InPlaceOfAcmeDns> {
        let mut written = FileConfig::default();
        written.server.listen = theirs.dns.iter().map(|at| Text(ListenAddress(*at))).collect();
        written.server.metrics = Spanned::new(0..0, MetricsAddress(None));
        written.server.data_dir =
            theirs.data_dir.clone().unwrap_or_else(|| folder(&theirs.database));
        written.server.log_level = match theirs.log.level {
            TheirLevel::Error => FileLogLevel::Error,
            TheirLevel::Warning => FileLogLevel::Warn,
            TheirLevel::Info => FileLogLevel::Info,
            TheirLevel::Debug => FileLogLevel::Debug,
        };
        written.server.log_format = match theirs.log.format {
            TheirFormat::Json => FileLogFormat::Json,
            TheirFormat::Text => FileLogFormat::Text,
        };
        match theirs.transports {
            Transports::Both => {}
            Transports::Udp => written.nameserver.tcp_connections = 0,
            Transports::Tcp => remarks.push(Remark {
                key: "general.protocol".to_owned(),
                text: "says TCP alone; queries by UDP are answered as well".to_owned(),
            }),
        }
        // Addresses come as all of both families, and a machine may have one of them only.
        let is_all = |ip: IpAddr| ip == IpAddr::V6(Ipv6Addr::UNSPECIFIED);
        let as_there = |at: &mut Address| {
            if is_all(at.socket.ip()) {
                *at = Address::if_available(at.socket);
            }
        };
        let records = records(&theirs, &mut remarks);
        written.challenge = FileChallenge {
            domain: Spanned::new(0..0, theirs.domain.to_string()),
            listen: PortalAddresses(theirs.api),
            records,
            ..FileChallenge::default()
        };
        let origin = Origin::AcmeDns(path.to_owned());
        let mut config = meaning::config(written, origin)
            .map_err(|fault| anyhow::anyhow!("{}: {}", path.display(), fault.message))?;
        config.server.listen.addresses.iter_mut().for_each(as_there);
        if let Some(challenge) = &mut config.challenge {
            challenge.listen.iter_mut().for_each(as_there);
            challenge.certificate = match theirs.tls {
                Tls::Off => None,
                Tls::Files { certificate, key } => Some(CertificateFiles { certificate, key }),
            };
            challenge.api.registration = theirs.registration;
            challenge.api.cors = theirs.cors;
            challenge.api.client = theirs.client;
            challenge.api.hsts = theirs.hsts;
        }
        Ok(InPlaceOfAcmeDns { config, source: theirs.database, log: theirs.log.file, remarks })
    }
}

/// Where accounts and zone are kept beside a database of acme-dns.
fn folder(database: &Source) -> PathBuf {
    match database {
        Source::Sqlite(path) => path.parent().unwrap_or(Path::new("")).join("repute"),
        Source::Postgres(_) => Path::new(HOME).join("repute"),
    }
}

/// The lines of the zone: the SOA record that acme-dns makes, and its records that are in the zone.
fn records(theirs: &AcmeDnsConfig, remarks: &mut Vec<Remark>) -> Vec<String> {
    let AcmeDnsConfig { domain, name_server, administrator, .. } = theirs;
    // Serials go on from the time.
    let mut lines = vec![format!("@ SOA {name_server}. {administrator}. 1 28800 7200 604800 300")];
    for line in &theirs.records {
        match outside(domain, line) {
            None => lines.push(line.clone()),
            Some(owner) => remarks.push(Remark {
                key: "general.records".to_owned(),
                text: format!(
                    "has `{owner}`, which is not in {domain} and is not answered here: write it into the zone above"
                ),
            }),
        }
    }
    lines
}

/// The name of a record that is outside of a zone; what is no record is told when the zone is made.
fn outside(domain: &Name, line: &str) -> Option<Name> {
    let reading = master::read_lines(domain, &format!("$TTL 3600\n{line}\n"));
    let owner = reading.records.into_iter().next()?.record.owner;
    (!owner.is_within(domain)).then_some(owner)
}

/// Where acme-dns has its home, by its own manual.
const HOME: &str = "/var/lib/acme-dns";

#[cfg(test)]
mod tests {
    use repute_nameserver::listen::Presence;
    use repute_nameserver::loader::MasterOrigin;

    use super::*;

    /// A file with these lines in `[general]`, and these behind.
    fn read(general: &str, more: &str) -> Result<InPlaceOfAcmeDns, String> {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("config.cfg");
        let text = format!(
            "[general]\nlisten = \":53\"\ndomain = \"auth.test\"\nnsname = \"ns.test\"\n\
             nsadmin = \"admin.test\"\n{general}\n[api]\nip = \"127.0.0.1\"\nport = \"80\"\n{more}\n"
        );
        std::fs::write(&path, text).expect("writable");
        InPlaceOfAcmeDns::read(&path).map_err(|error| format!("{error:#}"))
    }

    const SQLITE: &str = "[database]\nengine = \"sqlite\"\nconnection = \"/var/lib/acme-dns/a.db\"";

    #[test]
    fn the_file_is_a_server_with_this_one_zone() {
        let ours = read("records = [\"auth.test. A 192.0.2.1\"]", SQLITE).expect("it is right");
        let config = ours.config;
        let listen = &config.server.listen.addresses;
        let shown: Vec<_> = listen.iter().map(|at| at.socket.to_string()).collect();
        assert_eq!(shown, ["0.0.0.0:53", "[::]:53"]);
        assert_eq!(listen[1].presence, Presence::IfAvailable);
        assert_eq!(config.server.http.address, None);
        assert_eq!(config.process.data_dir, Path::new("/var/lib/acme-dns/repute"));
        assert!(config.loader.zones.is_empty() && ours.remarks.is_empty());
        let challenge = config.challenge.expect("a service");
        assert_eq!(challenge.listen[0].socket.to_string(), "127.0.0.1:80");
        let MasterOrigin::Lines(lines) = &challenge.zone.origin else { panic!("lines") };
        assert_eq!(
            lines,
            "$TTL 3600\n@ SOA ns.test. admin.test. 1 28800 7200 604800 300\nauth.test. A 192.0.2.1\n"
        );
    }

    #[test]
    fn what_is_different_is_told() {
        let general = "protocol = \"tcp\"\nrecords = [\"ns.test. A 192.0.2.1\"]\nlisten_too = 1";
        let ours = read(general, SQLITE).expect("it is right");
        let told: Vec<_> = ours.remarks.iter().map(ToString::to_string).collect();
        assert_eq!(told.len(), 3, "{told:?}");
        assert!(told[0].starts_with("`general.listen_too` is not known"), "{told:?}");
        assert!(told[1].contains("queries by UDP are answered as well"), "{told:?}");
        assert!(told[2].contains("`ns.test`, which is not in auth.test"), "{told:?}");
    }

    #[test]
    fn the_data_folder_is_beside_the_database_or_where_the_file_says() {
        let postgres = "[database]\nengine = \"postgres\"\nconnection = \"postgres://u@h/d\"";
        let folder = |more: &str| read("", more).expect("it is right").config.process.data_dir;
        assert_eq!(folder(postgres), Path::new("/var/lib/acme-dns/repute"));
        assert_eq!(folder(&SQLITE.replace("/var/lib/acme-dns/", "")), Path::new("repute"));
        let said = format!("{SQLITE}\n[repute]\ndata_dir = \"/srv/a\"");
        assert_eq!(folder(&said), Path::new("/srv/a"));
    }

    #[test]
    fn what_cannot_be_done_is_refused_with_the_file_and_the_key() {
        let refused = read("", "tls = \"letsencrypt\"").expect_err("two keys are wrong");
        assert!(refused.contains("config.cfg: `api.tls` asks for a certificate"), "{refused}");
        assert!(refused.contains("config.cfg: `database.engine` is missing"), "{refused}");
        let refused = read("records = [\"auth.test. A x\"]", SQLITE).expect_err("it is no address");
        assert!(refused.contains("`auth.test. A x`: the data of the A record"), "{refused}");
    }
}

//! `[challenge]` of the configuration: as it is written, and what it means.

use std::path::{Path, PathBuf};
use std::time::Duration;

use repute_authority::notify::Target;
use repute_authority::transfer::Rule;
use repute_authority::transfer::access::Entry;
use repute_certificate::CertificateFiles;
use repute_challenge::{ApiConfig, ClientAddress, Cors, Hsts, Keep, Rate, Registration};
use repute_dnsxl::Name;
use repute_nameserver::listen::Address;
use repute_nameserver::loader::{MasterConfig, MasterOrigin};
use serde::Deserialize;
use toml::Spanned;

use super::meaning::{Fault, address, optional};
use super::portal::PortalAddresses;
use super::value::{Span, Text};
use super::{Origin, authority, primary};

/// `[challenge]`: values for `_acme-challenge`, by accounts.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields, expecting = "a table")]
pub(crate) struct FileChallenge {
    /// The zone's name; empty switches the service off.
    pub(crate) domain: Spanned<String>,
    /// Addresses of the API.
    pub(crate) listen: PortalAddresses,
    /// File with the certificate of the API's own TLS; empty leaves TLS to a proxy.
    pub(crate) tls_certificate: Spanned<PathBuf>,
    /// File with its private key.
    pub(crate) tls_key: Spanned<PathBuf>,
    /// What else is in the zone: lines of a master file.
    pub(crate) records: Vec<String>,
    /// Whether clients get accounts by themselves.
    pub(crate) registration: FileRegistration,
    /// Most values of a subdomain.
    pub(crate) values: Spanned<usize>,
    /// How long values before the two newest stay.
    pub(crate) value_age: Span,
    /// The header in which a proxy writes the client's address; empty takes the address of the connection.
    pub(crate) client_header: Spanned<String>,
    /// Origins of web pages that may use the API; none for all.
    pub(crate) cors_origins: Vec<String>,
    /// How long browsers shall remember to come by HTTPS; 0 says nothing of it.
    pub(crate) hsts_age: Span,
    /// Registrations in an hour of one client network.
    pub(crate) registrations: u32,
    /// Registrations in an hour of all.
    pub(crate) registrations_in_all: u32,
    /// Wrong passwords in ten minutes of one client network.
    pub(crate) wrong_passwords: u32,
    /// Who may have the zone.
    pub(crate) transfer: Vec<Text<Entry>>,
    /// Who is told when it has changed.
    pub(crate) notify: Vec<Text<Target>>,
    /// It is not sent with more records.
    pub(crate) max_records: u64,
}

impl Default for FileChallenge {
    fn default() -> FileChallenge {
        let (keep, api) = (Keep::default(), ApiConfig::default());
        FileChallenge {
            domain: Spanned::new(0..0, String::new()),
            listen: PortalAddresses(vec![([127, 0, 0, 1], 8053).into()]),
            tls_certificate: Spanned::new(0..0, PathBuf::new()),
            tls_key: Spanned::new(0..0, PathBuf::new()),
            records: Vec::new(),
            registration: FileRegistration::Open,
            values: Spanned::new(0..0, keep.values),
            value_age: Span(keep.age),
            client_header: Spanned::new(0..0, String::new()),
            cors_origins: Vec::new(),
            hsts_age: Span::seconds(0),
            registrations: api.registrations_each.times,
            registrations_in_all: api.registrations_all.times,
            wrong_passwords: api.wrong_each.times,
            transfer: Vec::new(),
            notify: Vec::new(),
            max_records: authority::max_records(),
        }
    }
}

/// Whether clients get accounts by themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum FileRegistration {
    /// They do.
    Open,
    /// The operator makes them.
    Closed,
}

/// The challenge service as it is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ChallengeConfig {
    /// Where the API listens.
    pub(crate) listen: Vec<Address>,
    /// The certificate of its own TLS, if it has one.
    pub(crate) certificate: Option<CertificateFiles>,
    /// The zone but for the values of accounts.
    pub(crate) zone: MasterConfig,
    /// Which values stay.
    pub(crate) keep: Keep,
    /// How the API is served.
    pub(crate) api: ApiConfig,
}

impl ChallengeConfig {
    /// The apex of its zone.
    pub(crate) fn domain(&self) -> &Name {
        &self.zone.apex
    }

    /// Whether a service that runs by the other would have to start anew: all but what else is in the zone.
    pub(super) fn differs(&self, other: &ChallengeConfig) -> bool {
        let ChallengeConfig { listen, certificate, zone, keep, api } = other;
        self.listen != *listen
            || self.certificate != *certificate
            || self.zone.apex != zone.apex
            || self.keep != *keep
            || self.api != *api
    }
}

/// What `[challenge]` means, and how its zone goes to others; nothing if there is no service.
pub(super) fn meaning(
    written: FileChallenge,
    origin: &Origin,
    folder: &Path,
) -> Result<Option<(ChallengeConfig, Option<Rule>)>, Fault> {
    let fault = |span, message: String| Fault { span, message };
    if written.domain.as_ref().is_empty() {
        if written == FileChallenge::default() {
            return Ok(None);
        }
        let message =
            "challenge.domain is missing: it is the zone's name, such as \"auth.example.org\"";
        return Err(fault(0..0, message.to_owned()));
    }
    let apex: Name = match written.domain.as_ref().parse::<Name>() {
        Ok(apex) if apex.label_count() > 0 => apex,
        Ok(_) => {
            let message = "challenge.domain: expected a zone's name, not the root".to_owned();
            return Err(fault(written.domain.span(), message));
        }
        Err(error) => {
            let message = format!("challenge.domain: `{}`: {error}", written.domain.as_ref());
            return Err(fault(written.domain.span(), message));
        }
    };
    let lines = primary::lines(&apex, &written.records, origin)
        .map_err(|message| fault(written.domain.span(), message))?;
    if *written.values.as_ref() < 2 {
        let message = "challenge.values: expected 2 or more, as a name and its wildcard need two";
        return Err(fault(written.values.span(), message.to_owned()));
    }
    let client = match written.client_header.as_ref().as_str() {
        "" => ClientAddress::Connection,
        name => ClientAddress::header(name).ok_or_else(|| {
            let message = format!(
                "challenge.client-header: `{name}`: expected the name of a header, such as X-Forwarded-For"
            );
            fault(written.client_header.span(), message)
        })?,
    };
    let certificate = certificate(&written, folder)?;
    let of = |times, rate: Rate| Rate { times, ..rate };
    let usual = ApiConfig::default();
    let age = written.hsts_age.0;
    let api = ApiConfig {
        registration: match written.registration {
            FileRegistration::Open => Registration::Open,
            FileRegistration::Closed => Registration::Closed,
        },
        cors: Cors::new(written.cors_origins),
        client,
        hsts: (age > Duration::ZERO).then_some(Hsts {
            max_age: age,
            include_subdomains: false,
            preload: false,
        }),
        registrations_each: of(written.registrations, usual.registrations_each),
        registrations_all: of(written.registrations_in_all, usual.registrations_all),
        wrong_each: of(written.wrong_passwords, usual.wrong_each),
    };
    let config = ChallengeConfig {
        listen: written.listen.0.into_iter().map(address).collect(),
        certificate,
        zone: MasterConfig { apex, origin: MasterOrigin::Lines(lines) },
        keep: Keep { values: written.values.into_inner(), age: written.value_age.0 },
        api,
    };
    let rule = authority::rule(written.transfer, written.notify, written.max_records);
    Ok(Some((config, rule)))
}

/// The files of the API's own TLS, if it has any.
fn certificate(written: &FileChallenge, folder: &Path) -> Result<Option<CertificateFiles>, Fault> {
    let (certificate, key) = (&written.tls_certificate, &written.tls_key);
    let fault = |at: &Spanned<PathBuf>, message: &str| {
        Err(Fault { span: at.span(), message: message.to_owned() })
    };
    match (optional(certificate.as_ref(), folder), optional(key.as_ref(), folder)) {
        (None, None) => Ok(None),
        (Some(certificate), Some(key)) => Ok(Some(CertificateFiles { certificate, key })),
        (Some(_), None) => {
            fault(certificate, "challenge.tls-certificate needs its key: name it as `tls-key`")
        }
        (None, Some(_)) => {
            fault(key, "challenge.tls-key needs its certificate: name it as `tls-certificate`")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Config;
    use super::*;

    /// The service of a configuration, or what is wrong with it.
    fn read(lines: &str) -> Result<Option<ChallengeConfig>, String> {
        let text = format!("[challenge]\n{lines}\n");
        match Config::parse(&text, Origin::File("/etc/r/a.toml".into())) {
            Ok(config) => {
                let zone = config.authority.challenge.map(|zone| zone.apex);
                assert_eq!(zone, config.challenge.as_ref().map(|one| one.domain().clone()));
                Ok(config.challenge)
            }
            Err(error) => Err(error.to_string()),
        }
    }

    #[test]
    fn without_a_domain_there_is_no_service_and_with_one_it_has_all_else() {
        assert_eq!(read(""), Ok(None));
        let config = read("domain = \"auth.test\"\nrecords = [\"@ NS ns.test.\"]");
        let config = config.expect("sound").expect("a service");
        let listen: Vec<_> = config.listen.iter().map(|one| one.socket.to_string()).collect();
        assert_eq!(listen, ["127.0.0.1:8053"]);
        assert_eq!((config.keep, config.api.clone()), (Keep::default(), ApiConfig::default()));
        let MasterOrigin::Lines(lines) = &config.zone.origin else { panic!("lines") };
        assert!(lines.starts_with("$TTL 3600\n@ SOA ns.test. hostmaster "), "{lines}");
    }

    #[test]
    fn each_key_means_what_it_says() {
        let config = read(
            "domain = \"auth.test\"\nlisten = [\"192.0.2.1:443\"]\ntls-certificate = \"c.pem\"\n\
             tls-key = \"k.pem\"\nregistration = \"closed\"\nvalues = 4\nvalue-age = \"2h\"\n\
             client-header = \"X-Forwarded-For\"\ncors-origins = [\"https://a.test\"]\n\
             hsts-age = \"1d\"\nregistrations = 1\nregistrations-in-all = 2\nwrong-passwords = 3",
        );
        let config = config.expect("sound").expect("a service");
        let files = config.certificate.clone().expect("a certificate");
        assert_eq!(files.certificate, Path::new("/etc/r/c.pem"));
        assert_eq!(files.key, Path::new("/etc/r/k.pem"));
        assert_eq!(config.keep, Keep { values: 4, age: Duration::from_secs(7_200) });
        let api = &config.api;
        assert_eq!(api.registration, Registration::Closed);
        assert_eq!(Some(&api.client), ClientAddress::header("x-forwarded-for").as_ref());
        assert_eq!(api.cors, Cors::new(["https://a.test".to_owned()]));
        assert_eq!(api.hsts.map(|hsts| hsts.max_age.as_secs()), Some(86_400));
        let times =
            [api.registrations_each, api.registrations_all, api.wrong_each].map(|rate| rate.times);
        assert_eq!(times, [1, 2, 3]);
    }

    #[test]
    fn what_cannot_be_is_refused_in_its_place() {
        for (lines, expect) in [
            ("values = 3", "challenge.domain is missing"),
            ("domain = \"a..b\"", "a.toml:2:10: challenge.domain: `a..b`"),
            ("domain = \".\"", "not the root"),
            ("domain = \"a.test\"\nvalues = 1", "a.toml:3:10: challenge.values: expected 2"),
            ("domain = \"a.test\"\nclient-header = \"a b\"", "expected the name of a header"),
            ("domain = \"a.test\"\ntls-key = \"k\"", "needs its certificate"),
            ("domain = \"a.test\"\ntls-certificate = \"k\"", "needs its key"),
            ("domain = \"a.test\"\nrecords = [\"x A 1.2\"]", "`x A 1.2`: the data of the A record"),
            (
                "domain = \"a.test\"\nnotify = [\"192.0.2.1 key k\"]",
                "names key `k`, which no [[key]]",
            ),
            ("domain = \"a.test\"\n[[primary]]\napex = \"a.test\"\nfile = \"x\"", "there twice"),
        ] {
            let refused = read(lines).expect_err(expect);
            assert!(refused.contains(expect), "{refused}");
        }
    }

    #[test]
    fn only_what_else_is_in_the_zone_is_taken_over_without_a_restart() {
        let before = read("domain = \"auth.test\"").expect("sound").expect("a service");
        for (lines, differs) in [
            ("records = [\"x A 192.0.2.1\"]", false),
            ("transfer = [\"192.0.2.1\"]", false),
            ("values = 3", true),
            ("listen = []", true),
            ("registration = \"closed\"", true),
        ] {
            let other = read(&format!("domain = \"auth.test\"\n{lines}"));
            let other = other.expect("sound").expect("a service");
            assert_eq!(other.differs(&before), differs, "{lines}");
        }
    }
}

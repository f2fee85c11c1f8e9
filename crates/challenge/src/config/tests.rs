//! What each key of a `config.cfg` means, and what is said of those that are wrong.

use std::time::Duration;

use super::*;

/// A file of version 2 with every key.
const FILE: &str = r#"
[general]
listen = "127.0.0.1:53"
protocol = "both"
domain = "auth.example.org"
nsname = "ns.example.org."
nsadmin = "admin@example.org"
records = ["auth.example.org. A 198.51.100.1", "auth.example.org. NS auth.example.org."]
debug = false
[database]
engine = "sqlite"
connection = "/var/lib/acme-dns/acme-dns.db"
[api]
ip = "0.0.0.0"
disable_registration = true
port = "443"
tls = "cert"
tls_cert_privkey = "/etc/tls/privkey.pem"
tls_cert_fullchain = "/etc/tls/fullchain.pem"
acme_cache_dir = "api-certs"
notification_email = ""
corsorigins = ["https://a.example"]
use_header = true
header_name = "X-Forwarded-For"
hsts_enabled = true
hsts_max_age = 60
hsts_include_subdomains = true
hsts_preload = false
[logconfig]
loglevel = "warning"
logtype = "file"
logfile = "./acme-dns.log"
logformat = "json"
[repute]
data_dir = "/var/lib/repute"
"#;

/// The file with a line changed, which begins with `from`.
fn changed(from: &str, to: &str) -> String {
    assert!(FILE.lines().any(|line| line.starts_with(from)), "{from}");
    let line = |line| if str::starts_with(line, from) { to } else { line };
    FILE.lines().map(line).collect::<Vec<_>>().join("\n")
}

fn good(text: &str) -> (AcmeDnsConfig, Vec<Remark>) {
    AcmeDnsConfig::parse(text).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn every_key_of_version_2_is_read() {
    let (config, notes) = good(FILE);
    assert_eq!(notes, []);
    let name = |text: &str| -> Name { text.parse().expect("a name") };
    let address = |text: &str| -> SocketAddr { text.parse().expect("an address") };
    let expect = AcmeDnsConfig {
        dns: vec![address("127.0.0.1:53")],
        transports: Transports::Both,
        domain: name("auth.example.org"),
        name_server: name("ns.example.org"),
        administrator: name("admin.example.org"),
        records: vec![
            "auth.example.org. A 198.51.100.1".to_owned(),
            "auth.example.org. NS auth.example.org.".to_owned(),
        ],
        database: Source::Sqlite("/var/lib/acme-dns/acme-dns.db".into()),
        api: vec![address("0.0.0.0:443"), address("[::]:443")],
        tls: Tls::Files {
            certificate: "/etc/tls/fullchain.pem".into(),
            key: "/etc/tls/privkey.pem".into(),
        },
        registration: Registration::Closed,
        cors: Cors::new(["https://a.example".to_owned()]),
        client: ClientAddress::header("x-forwarded-for").expect("a name"),
        hsts: Some(Hsts {
            max_age: Duration::from_secs(60),
            include_subdomains: true,
            preload: false,
        }),
        log: Log {
            level: LogLevel::Warning,
            file: Some("./acme-dns.log".into()),
            format: LogFormat::Json,
        },
        data_dir: Some("/var/lib/repute".into()),
    };
    assert_eq!(config, expect);
}

#[test]
fn a_file_of_version_1_is_read_and_what_has_no_meaning_is_told() {
    let text = r#"
        [General]
        Listen = ":53"
        Domain = "auth.example.org"
        NSname = "auth.example.org"
        nsadmin = "admin.example.org"
        [database]
        engine = "sqlite3"
        connection = "file:acme-dns.db?cache=shared"
        [api]
        api_domain = ""
        ip = "::1"
        port = 80
        autocert_port = "80"
        tls = "none"
        use_heeder = false
        [logging]
        level = "info"
    "#;
    let (config, notes) = good(text);
    assert_eq!(config.database, Source::Sqlite("acme-dns.db".into()));
    assert_eq!(config.dns.len(), 2);
    assert_eq!(config.api, ["[::1]:80".parse().expect("an address")]);
    assert_eq!(
        (config.tls, config.registration, config.hsts),
        (Tls::Off, Registration::Open, None)
    );
    assert_eq!(config.log.level, LogLevel::Info);
    let keys: Vec<_> = notes.iter().map(|note| note.key.as_str()).collect();
    assert_eq!(keys, ["api.api_domain", "api.autocert_port", "api.use_heeder", "logging.level"]);
}

#[test]
fn what_is_wrong_is_told_with_the_key_and_the_remedy() {
    for (from, to, expect) in [
        ("listen", "", "`general.listen` is missing: set it to an address and a port"),
        ("listen", "listen = \"here:53\"", "`general.listen` must be an IP address"),
        ("listen", "listen = \"127.0.0.1\"", "`general.listen` must be an IP address"),
        ("protocol", "protocol = \"udp6\"", "`general.listen` must be an IP address that fits"),
        ("protocol", "protocol = \"quic\"", "`general.protocol` must be \"both\""),
        ("domain", "domain = \"a..b\"", "`general.domain` must be a domain name"),
        ("domain", "domain = \".\"", "`general.domain` must be a domain name"),
        ("records", "records = \"x\"", "`general.records` must be a list of texts"),
        ("debug", "debug = \"no\"", "`general.debug` must be true or false"),
        ("engine", "engine = \"mysql\"", "`database.engine` must be \"sqlite\""),
        ("engine", "engine = \"postgres\"", "write it as postgres://user:password@host/database"),
        ("connection", "connection = \":memory:\"", "`database.connection` must be the file"),
        ("port", "", "`api.port` is missing"),
        ("port", "port = \"https\"", "`api.ip` and `port` must be"),
        ("tls =", "tls = \"letsencrypt\"", "have an ACME client get one for the API's name"),
        ("tls =", "tls = \"yes\"", "`api.tls` must be \"none\" or \"cert\""),
        ("tls_cert_privkey", "", "`api.tls_cert_privkey` is missing"),
        ("header_name", "header_name = \"a b\"", "`api.header_name` must name the header"),
        ("header_name", "", "`api.header_name` must name the header"),
        ("hsts_max_age", "hsts_max_age = -1", "`api.hsts_max_age` must be a number"),
        ("corsorigins", "corsorigins = [1]", "`api.corsorigins` must be a list"),
        ("loglevel", "loglevel = \"all\"", "`logconfig.loglevel` must be"),
        ("logfile", "", "`logconfig.logtype` must be \"stdout\", or \"file\" with `logfile`"),
        ("logformat", "logformat = 5", "`logconfig.logformat` must be"),
        ("domain", "domain = [", "TOML parse error at line"),
    ] {
        let told = match AcmeDnsConfig::parse(&changed(from, to)) {
            Err(ConfigError::Keys(faults)) => {
                assert_eq!(faults.len(), 1, "{faults:?}");
                faults[0].to_string()
            }
            Err(error @ ConfigError::Syntax(_)) => error.to_string(),
            Ok((config, _)) => panic!("{to}: {config:?}"),
        };
        assert!(told.contains(expect), "{to}: {told}");
    }
}

#[test]
fn all_that_is_wrong_is_told_at_once() {
    let Err(ConfigError::Keys(faults)) = AcmeDnsConfig::parse("") else { panic!("it is empty") };
    let keys: Vec<_> = faults.iter().map(|fault| fault.key.as_str()).collect();
    let expect = ["listen", "domain", "nsname", "nsadmin"].map(|key| format!("general.{key}"));
    assert_eq!(keys[..4], expect);
    assert_eq!(keys[4..], ["database.engine", "database.connection", "api.port"]);
}

#[test]
fn addresses_are_those_that_acme_dns_listens_on() {
    for (listen, protocol, expect) in [
        (":53", "both", "0.0.0.0:53 [::]:53"),
        ("0.0.0.0:53", "both", "0.0.0.0:53 [::]:53"),
        ("[::]:53", "tcp", "0.0.0.0:53 [::]:53"),
        ("0.0.0.0:53", "udp4", "0.0.0.0:53"),
        (":53", "both6", "[::]:53"),
        ("[2001:db8::1]:5353", "both6", "[2001:db8::1]:5353"),
        ("localhost:53", "tcp4", "127.0.0.1:53"),
    ] {
        let text = changed("listen", &format!("listen = \"{listen}\""));
        let text = text.replace("\"both\"", &format!("\"{protocol}\""));
        let (config, _) = good(&text);
        let dns: Vec<_> = config.dns.iter().map(SocketAddr::to_string).collect();
        assert_eq!(dns.join(" "), expect, "{listen} {protocol}");
    }
}

#[test]
fn a_password_of_a_database_is_not_shown() {
    let text = changed("engine", "engine = \"postgres\"");
    let text = text.replace("/var/lib/acme-dns/acme-dns.db", "postgres://u:secret@localhost/db");
    let (config, _) = good(&text);
    assert_eq!(config.database, Source::Postgres("postgres://u:secret@localhost/db".to_owned()));
    assert!(!format!("{config:?}").contains("secret"));
}

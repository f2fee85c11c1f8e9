//! What a written configuration means.
//!
//! Values are parsed already; here they are looked at together, defaults that depend on other keys
//! are put in, and paths are made whole. What does not fit together is a [`Fault`] with the place of
//! the table it is in.

use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::num::NonZeroUsize;
use std::ops::Range;
use std::path::{Path, PathBuf};

use repute_certificate::CertificateFiles;
use repute_database::Place;
use repute_dnsxl::{Name, Polarity};
use repute_nameserver::cookie::Cookies;
use repute_nameserver::listen::{self, Address, Workers, tcp};
use repute_nameserver::loader::{
    Content, FeedConfig, Format, LoaderConfig, SnapshotOrigin, SoaConfig, SourceConfig,
    SourceOrigin, ZoneConfig,
};
use repute_nameserver::query_log::{self, Destination, Queries};
use repute_nameserver::rate_limit;
use repute_nameserver::{Handover, Identity, http, server};
use repute_zone::format::table::{Layout, TableKind, TableOptions};
use repute_zone::guard::Guards;
use repute_zone::{DatasetKind, Dialect};
use toml::Spanned;

use super::authority::{AuthorityConfig, CatalogConfig, DynamicConfig, TakenAs};
use super::file::{
    FileConfig, FileFormat, FileGuards, FileLogFormat, FileNameserver, FilePolarity, FileQueryLog,
    FileQueryLogQueries, FileRateLimit, FileRegistry, FileServer, FileSoa, FileSource, FileZone,
};
use super::primary::Primary;
use super::secondary::Secondary;
use super::value::Separator;
use super::{
    Config, CookieConfig, Origin, ProcessConfig, RegistryConfig, UserName, authority, catalog,
    challenge, follow, monitor, portal, primary, secondary,
};

/// What does not fit together, and where.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Fault {
    /// The bytes of the table it is in.
    pub(super) span: Range<usize>,
    /// What is wrong and what was expected.
    pub(super) message: String,
}

/// Makes the whole configuration.
pub(super) fn config(written: FileConfig, origin: Origin) -> Result<Config, Fault> {
    let folder = match &origin {
        Origin::File(path) => path.parent().unwrap_or(Path::new("")).to_owned(),
        // acme-dns takes paths from where it is started.
        Origin::AcmeDns(_) | Origin::BuiltIn => PathBuf::new(),
    };
    let process = process(&written.server, &folder);
    let mut seen = HashSet::new();
    let mut zones = Vec::with_capacity(written.zone.len());
    let (mut transfers, mut places) = (HashMap::new(), HashMap::new());
    for zone in written.zone {
        let span = header(zone.span());
        let mut zone = zone.into_inner();
        if !seen.insert(zone.apex.0.clone()) {
            return Err(Fault { span, message: format!("zone `{}` is there twice", zone.apex.0) });
        }
        let (transfer, notify) =
            (std::mem::take(&mut zone.transfer), std::mem::take(&mut zone.notify));
        let rule = authority::rule(transfer, notify, zone.max_records);
        transfers.extend(rule.map(|rule| (zone.apex.0.clone(), rule)));
        places.insert(zone.apex.0.clone(), span.clone());
        let minimal = written.nameserver.minimal_responses;
        zones.push(ZoneConfig {
            name_servers_in_answers: !minimal,
            ..self::zone(zone, span, &folder)?
        });
    }
    let mut masters = Vec::with_capacity(written.primary.len());
    let mut dynamic = Vec::new();
    for Primary { span, master, updates, rule } in
        primary::meaning(written.primary, &origin, &folder)?
    {
        if !seen.insert(master.apex.clone()) {
            return Err(Fault { span, message: format!("zone `{}` is there twice", master.apex) });
        }
        transfers.extend(rule.map(|rule| (master.apex.clone(), rule)));
        places.insert(master.apex.clone(), span);
        match updates {
            Some((permits, serials)) => {
                dynamic.push(DynamicConfig { seed: master, permits, serials });
            }
            None => masters.push(master),
        }
    }
    let mut secondaries = Vec::new();
    for Secondary { span, config, rule } in secondary::meaning(written.secondary)? {
        if !seen.insert(config.apex.clone()) {
            return Err(Fault { span, message: format!("zone `{}` is there twice", config.apex) });
        }
        transfers.extend(rule.map(|rule| (config.apex.clone(), rule)));
        places.insert(config.apex.clone(), span);
        secondaries.push(config);
    }
    let mut challenge = None;
    let span = written.challenge.domain.span();
    if let Some((service, rule)) = challenge::meaning(written.challenge, &origin, &folder)? {
        let apex = service.domain().clone();
        if !seen.insert(apex.clone()) {
            return Err(Fault { span, message: format!("zone `{apex}` is there twice") });
        }
        transfers.extend(rule.map(|rule| (apex.clone(), rule)));
        places.insert(apex, span);
        challenge = Some(service);
    }
    let (mut catalogs, mut names) = (Vec::new(), HashSet::new());
    for catalog in catalog::meaning(written.catalog)? {
        let (apex, span) = (catalog.apex.clone(), catalog.span.clone());
        if !seen.insert(apex.clone()) {
            return Err(Fault { span, message: format!("zone `{apex}` is there twice") });
        }
        transfers.extend(catalog.rule.clone().map(|rule| (apex.clone(), rule)));
        places.insert(apex.clone(), span);
        names.insert(apex);
        catalogs.push(catalog);
    }
    let followed = secondaries.iter().filter(|zone| zone.kind == TakenAs::Catalog);
    names.extend(followed.map(|zone| zone.apex.clone()));
    let catalogs: Vec<CatalogConfig> = catalogs
        .into_iter()
        .map(|catalog| catalog.with_members(&transfers, &names))
        .collect::<Result<_, _>>()?;
    let zone_count = zones.len() + masters.len() + dynamic.len() + secondaries.len();
    let zone_count = zone_count + catalogs.len() + usize::from(challenge.is_some());
    let authority = authority::meaning(
        written.key,
        dynamic,
        secondaries,
        catalogs,
        transfers,
        &places,
        &folder,
    )?;
    let zone = challenge.as_ref().map(|service| service.zone.clone());
    let authority = AuthorityConfig { challenge: zone, ..authority };
    if zone_count > usize::from(u16::MAX) {
        return Err(Fault { span: 0..0, message: "more than 65,535 zones".into() });
    }
    let loader = LoaderConfig {
        zones,
        masters,
        acl: optional(&written.nameserver.acl, &folder),
        data_dir: process.data_dir.clone(),
        watch: written.loader.watch,
        check_interval: written.loader.check_interval.0,
        settle: written.loader.settle.0,
        max_unpacked: written.loader.max_unpacked.0,
    };
    apart(&written.server, &written.nameserver)?;
    let server = server(&written.server, &written.nameserver, &process, &folder)?;
    let monitor = monitor::meaning(written.monitor, &process.data_dir, &folder)?;
    let portal = portal::meaning(written.portal, &process.data_dir, &folder)?;
    let has_portal = !portal.listen.is_empty();
    let registry = registry(&written.registry, &process.data_dir, has_portal)?;
    let follow = follow::meaning(written.follow, &folder)?;
    let certificate = certificate(&written.server, &folder)?;
    let cookies = CookieConfig {
        policy: written.nameserver.cookies,
        secret_file: optional(&written.nameserver.cookie_secret_file, &folder),
    };
    let handover = if authority.is_wanted() { Handover::Offer } else { Handover::Refuse };
    let identity = Identity { handover, ..identity(written.nameserver) };
    Ok(Config {
        origin,
        process,
        server,
        identity,
        certificate,
        cookies,
        loader,
        authority,
        challenge,
        monitor,
        portal,
        registry,
        follow,
    })
}

/// `[registry]`: where the database is; a file is meant from the data folder.
fn registry(
    written: &FileRegistry,
    data_dir: &Path,
    has_portal: bool,
) -> Result<RegistryConfig, Fault> {
    let (text, keep_evidence) = (written.database.as_ref(), written.keep_evidence.0);
    if text.is_empty() {
        let database = Place::File(data_dir.join("registry.db"));
        return Ok(RegistryConfig { database, is_on: has_portal, keep_evidence });
    }
    let is = |database| RegistryConfig { database, is_on: true, keep_evidence };
    match text.parse() {
        Ok(Place::File(path)) => Ok(is(Place::File(data_dir.join(path)))),
        Ok(place) => Ok(is(place)),
        Err(error) => {
            let (span, message) = (written.database.span(), format!("registry.database: {error}"));
            Err(Fault { span, message })
        }
    }
}

/// What `[server]` says of the process.
fn process(written: &FileServer, folder: &Path) -> ProcessConfig {
    let data_dir = folder.join(&written.data_dir);
    ProcessConfig {
        user: (!written.user.is_empty()).then(|| UserName {
            user: written.user.clone(),
            group: (!written.group.is_empty()).then(|| written.group.clone()),
        }),
        control: optional(&written.control, folder).unwrap_or_else(|| data_dir.join("control")),
        data_dir,
        log_level: written.log_level,
        log_format: written.log_format,
    }
}

/// Refuses an address for the pages that DNS has already: both are TCP.
fn apart(written: &FileServer, answers: &FileNameserver) -> Result<(), Fault> {
    let Some(pages) = written.metrics.as_ref().0.filter(|pages| pages.port() != 0) else {
        return Ok(());
    };
    // A wildcard is all addresses of its family.
    let overlap = |dns: &SocketAddr| {
        let wildcard = dns.ip().is_unspecified() || pages.ip().is_unspecified();
        let same_family = dns.is_ipv4() == pages.is_ipv4();
        dns.port() == pages.port() && same_family && (wildcard || dns.ip() == pages.ip())
    };
    match written.listen.iter().map(|address| address.0.0).find(overlap) {
        Some(dns) if answers.tcp_connections > 0 => Err(Fault {
            span: written.metrics.span(),
            message: format!(
                "server.metrics {pages} and server.listen {dns} want the same TCP port: give \
                 `metrics` or `listen` another one"
            ),
        }),
        Some(_) | None => Ok(()),
    }
}

/// What `[server]` and `[nameserver]` say of sockets and logs.
fn server(
    written: &FileServer,
    answers: &FileNameserver,
    process: &ProcessConfig,
    folder: &Path,
) -> Result<server::Config, Fault> {
    let rate_limit = rate_limit(&answers.rate_limit)?;
    let workers = NonZeroUsize::new(written.workers).map_or(Workers::PerCore, Workers::Count);
    let tcp = tcp::Config {
        connections: answers.tcp_connections,
        connections_per_client: answers.tcp_connections_per_client,
        connections_per_network: answers.tcp_connections_per_network,
        idle: answers.tcp_idle.0,
        ..tcp::Config::default()
    };
    Ok(server::Config {
        listen: listen::Config {
            addresses: written.listen.iter().map(|a| address(a.0.0)).collect(),
            tls: written.listen_tls.as_ref().iter().map(|a| address(a.0.0)).collect(),
            workers,
            receive_buffer: usize::try_from(written.receive_buffer.0).unwrap_or(usize::MAX),
            tcp,
            rate_limit,
        },
        http: http::Config { address: written.metrics.as_ref().0, ..http::Config::default() },
        control: Some(process.control.clone()),
        query_log: query_log(&answers.query_log, folder),
    })
}

/// The files of the certificate that is shown where DNS is spoken over TLS.
fn certificate(written: &FileServer, folder: &Path) -> Result<Option<CertificateFiles>, Fault> {
    let FileServer { listen_tls, tls_certificate, tls_key, .. } = written;
    let [certificate, key] = [tls_certificate, tls_key].map(|path| optional(path, folder));
    match (listen_tls.as_ref().is_empty(), certificate, key) {
        (true, _, _) => Ok(None),
        (false, Some(certificate), Some(key)) => Ok(Some(CertificateFiles { certificate, key })),
        (false, _, _) => Err(Fault {
            span: listen_tls.span(),
            message: "server.listen-tls needs a certificate and its key: name them as `tls-certificate` and \
                      `tls-key`"
                .to_owned(),
        }),
    }
}

/// `[nameserver.rate-limit]`.
fn rate_limit(written: &FileRateLimit) -> Result<rate_limit::Config, Fault> {
    let bits = |key: &str, prefix: &Spanned<u8>, most: u8| match *prefix.as_ref() {
        bits if bits <= most => Ok(bits),
        bits => Err(Fault {
            span: prefix.span(),
            message: format!("{key} is a number of bits up to {most}, not {bits}"),
        }),
    };
    Ok(rate_limit::Config {
        responses_per_second: written.responses_per_second,
        slip: written.slip,
        ipv4_prefix: bits("ipv4-prefix", &written.ipv4_prefix, 32)?,
        ipv6_prefix: bits("ipv6-prefix", &written.ipv6_prefix, 128)?,
        exempt: written.exempt.iter().map(|network| network.0).collect(),
    })
}

/// An address to serve. A machine without IPv6 has no IPv6 loopback address, and needs none.
pub(super) fn address(socket: SocketAddr) -> Address {
    if socket.ip() == IpAddr::V6(Ipv6Addr::LOCALHOST) {
        Address::if_available(socket)
    } else {
        Address::required(socket)
    }
}

/// `[nameserver.query-log]`.
fn query_log(written: &FileQueryLog, folder: &Path) -> query_log::Config {
    query_log::Config {
        queries: match written.queries {
            FileQueryLogQueries::Off => Queries::Off,
            FileQueryLogQueries::Hits => Queries::Hits,
            FileQueryLogQueries::Errors => Queries::Errors,
            FileQueryLogQueries::All => Queries::All,
        },
        sample: written.sample,
        format: match written.format {
            FileLogFormat::Text => query_log::Format::Text,
            FileLogFormat::Json => query_log::Format::Json,
        },
        destination: match written.destination.to_str() {
            Some("" | "stdout") => Destination::Stdout,
            Some("syslog") => Destination::Syslog("/dev/log".into()),
            Some(_) | None => Destination::File(folder.join(&written.destination)),
        },
    }
}

/// What `[nameserver]` says of the server itself.
fn identity(written: FileNameserver) -> Identity {
    let some = |text: String| (!text.is_empty()).then_some(text);
    Identity {
        version: some(written.version),
        hostname: some(written.hostname),
        server_id: some(written.server_id),
        edns_size: written.edns_size,
        dialect: Dialect::Native,
        handover: Handover::Refuse,
        cookies: Cookies::Off,
    }
}

/// `[[zone]]`.
fn zone(written: FileZone, span: Range<usize>, folder: &Path) -> Result<ZoneConfig, Fault> {
    let snapshot = snapshot(&written, folder);
    let apex = written.apex.0;
    let fault = |message: String| Fault { span: span.clone(), message };
    let content = match (snapshot, written.source.is_empty()) {
        (Some(origin), true) => Content::Snapshot(origin),
        (None, false) => Content::Lists(
            written.source.into_iter().map(|s| source(s, folder)).collect::<Result<_, _>>()?,
        ),
        (Some(_), false) => {
            return Err(fault(format!("zone `{apex}`: either `snapshot` or sources, not both")));
        }
        (None, true) => {
            return Err(fault(format!("zone `{apex}`: no [[zone.source]] and no `snapshot`")));
        }
    };
    if written.min_ttl.0 > written.max_ttl.0 {
        return Err(fault(format!("zone `{apex}`: min-ttl is larger than max-ttl")));
    }
    let name_servers: Vec<Name> = written.name_servers.into_iter().map(|n| n.0).collect();
    let soa = written.soa.as_ref();
    Ok(ZoneConfig {
        polarity: match written.polarity {
            FilePolarity::Block => Polarity::Block,
            FilePolarity::Allow => Polarity::Allow,
            FilePolarity::Info => Polarity::Info,
        },
        soa: self::soa(soa.unwrap_or(&FileSoa::default()), &apex, &name_servers).map_err(&fault)?,
        soa_is_given: soa.is_some(),
        name_servers,
        name_server_ttl: written.name_server_ttl.as_ttl(),
        ttl: written.ttl.as_ttl(),
        min_ttl: written.min_ttl.as_ttl(),
        max_ttl: written.max_ttl.as_ttl(),
        return_codes: written
            .return_codes
            .into_iter()
            .map(|(code, text)| (code.0.0, text))
            .collect(),
        test_entries: written.test_entries,
        name_servers_in_answers: false,
        accept_host_bits: written.accept_host_bits,
        keep_last_good: written.keep_last_good,
        guards: guards(written.guards).map_err(&fault)?,
        acl: optional(&written.acl, folder),
        aclkey: optional(&written.aclkey, folder),
        content,
        apex,
    })
}

/// Where the snapshot of a zone lies, if it is made of one.
fn snapshot(written: &FileZone, folder: &Path) -> Option<SnapshotOrigin> {
    match written.snapshot.to_str() {
        Some(url) if is_url(url) => Some(SnapshotOrigin::Feed(FeedConfig {
            url: url.to_owned(),
            interval: written.snapshot_interval.0,
            timeout: written.snapshot_timeout.0,
            max_size: written.snapshot_max_size.0,
        })),
        Some(_) | None => optional(&written.snapshot, folder).map(SnapshotOrigin::File),
    }
}

/// Whether a text is an address that feeds are fetched from.
fn is_url(text: &str) -> bool {
    text.starts_with("http://") || text.starts_with("https://")
}

/// A zone of plain files that are in no configuration, with all defaults.
pub(crate) fn zone_of_files(
    apex: Name,
    kind: DatasetKind,
    files: Vec<PathBuf>,
) -> anyhow::Result<ZoneConfig> {
    let source = FileSource { files, ..FileSource::new(kind) };
    let written = FileZone { source: vec![Spanned::new(0..0, source)], ..FileZone::new(apex) };
    zone(written, 0..0, Path::new("")).map_err(|fault| anyhow::anyhow!(fault.message))
}

/// A zone of a snapshot that is in no configuration, with all defaults.
pub(crate) fn zone_of_snapshot(apex: Name, snapshot: PathBuf) -> ZoneConfig {
    let written = FileZone { snapshot, ..FileZone::new(apex) };
    zone(written, 0..0, Path::new("")).expect("a snapshot and defaults fit together")
}

/// `[zone.soa]`, with the names that follow from the zone.
fn soa(written: &FileSoa, apex: &Name, name_servers: &[Name]) -> Result<SoaConfig, String> {
    let primary = match written.primary.as_str() {
        "" => name_servers.first().unwrap_or(apex).clone(),
        text => text.parse().map_err(|e| format!("soa.primary `{text}`: {e}"))?,
    };
    let contact = match written.contact.as_str() {
        "" => below("hostmaster", apex),
        text => mailbox(text).map_err(|e| format!("soa.contact `{text}`: {e}"))?,
    };
    Ok(SoaConfig {
        primary,
        contact,
        ttl: written.ttl.as_ttl(),
        refresh: written.refresh.as_ttl(),
        retry: written.retry.as_ttl(),
        expire: written.expire.as_ttl(),
        negative_ttl: written.negative_ttl.as_ttl(),
        serial: (written.serial != 0).then_some(written.serial),
    })
}

/// A mail address as a name (RFC 1035 section 8): dots before the `@` belong to the first label.
/// A text without `@` is taken for a name already.
fn mailbox(text: &str) -> Result<Name, repute_dnsxl::NameError> {
    match text.split_once('@') {
        Some((user, domain)) => format!("{}.{domain}", user.replace('.', "\\.")).parse(),
        None => text.parse(),
    }
}

/// A label before a name; the name itself if that would be too long.
fn below(label: &str, apex: &Name) -> Name {
    format!("{label}.{apex}").parse().unwrap_or_else(|_| apex.clone())
}

/// `[[zone.source]]`.
fn source(written: Spanned<FileSource>, folder: &Path) -> Result<SourceConfig, Fault> {
    let span = header(written.span());
    let written = written.into_inner();
    let fault = |message: &str| Fault { span: span.clone(), message: message.to_owned() };
    let origin = match (written.files.is_empty(), written.url.as_str()) {
        (false, "") => SourceOrigin::Files(written.files.iter().map(|f| folder.join(f)).collect()),
        (true, url) if is_url(url) => SourceOrigin::Feed(FeedConfig {
            url: url.to_owned(),
            interval: written.interval.0,
            timeout: written.timeout.0,
            max_size: written.max_size.0,
        }),
        (true, "") => return Err(fault("a source needs `files` or `url`")),
        (true, _) => return Err(fault("`url` must begin with http:// or https://")),
        (false, _) => return Err(fault("a source has either `files` or `url`, not both")),
    };
    Ok(SourceConfig { origin, format: format(&written).map_err(|m| fault(&m))? })
}

/// How the list of a source is written.
fn format(written: &FileSource) -> Result<Format, String> {
    let kind = written.kind.0;
    let table = match kind {
        DatasetKind::Addresses => Some(TableKind::Addresses),
        DatasetKind::Names => Some(TableKind::Names),
        DatasetKind::Acl | DatasetKind::Aclkey => {
            return Err(format!(
                "kind `{kind}` is no source of entries: use the zone's `{kind}` key"
            ));
        }
        DatasetKind::Ip4set
        | DatasetKind::Ip4tset
        | DatasetKind::Ip4trie
        | DatasetKind::Ip6tset
        | DatasetKind::Ip6trie
        | DatasetKind::Dnset
        | DatasetKind::Dnhash
        | DatasetKind::Generic
        | DatasetKind::Combined => None,
    };
    let layout = match (table, written.format) {
        (_, Some(FileFormat::Rbldnsd)) | (None, None) => return Ok(Format::Rbldnsd(kind)),
        (Some(_), Some(FileFormat::Plain) | None) => Layout::Blanks,
        (Some(_), Some(FileFormat::Csv)) => Layout::Separated(b','),
        (Some(TableKind::Names), Some(FileFormat::Hosts)) => Layout::Hosts,
        (Some(TableKind::Names), Some(FileFormat::Adblock)) => Layout::Adblock,
        (_, Some(FileFormat::Hosts | FileFormat::Adblock)) => {
            return Err("formats `hosts` and `adblock` list names: use `kind = \"names\"`".into());
        }
        (None, Some(FileFormat::Plain | FileFormat::Csv)) => {
            return Err(format!(
                "kind `{kind}` is written in rbldnsd's format; use `addresses` or `names` for columns"
            ));
        }
    };
    let Some(kind) = table else { return Ok(Format::Rbldnsd(kind)) };
    if matches!(layout, Layout::Hosts | Layout::Adblock) {
        no_columns(written)?;
    }
    let layout = match &written.separator {
        None => layout,
        Some(text) => match text.0 {
            Separator::Blanks => Layout::Blanks,
            Separator::Byte(byte) => Layout::Separated(byte),
        },
    };
    let key_column =
        written.key_column.checked_sub(1).ok_or("`key-column` counts from 1".to_owned())?;
    if written.minimum > 0 && written.code_column == 0 {
        return Err("`minimum` needs a `code-column`".into());
    }
    if written.text.len() > LONGEST_TEXT {
        return Err(format!(
            "`text` is longer than {LONGEST_TEXT} bytes, the most of a text that is sent"
        ));
    }
    Ok(Format::Table(TableOptions {
        kind,
        layout,
        key_column,
        code_column: written.code_column.checked_sub(1),
        category_column: None,
        minimum: (written.minimum > 0).then_some(written.minimum),
        code: written.code.0.0,
        text: written.text.clone(),
        text_column: written.text_column.checked_sub(1),
        subdomains: written.subdomains,
        header_lines: written.header_lines,
    }))
}

/// What is sent of a text.
const LONGEST_TEXT: usize = 254;

/// Refuses keys about columns, where a format has none.
fn no_columns(written: &FileSource) -> Result<(), String> {
    let given = [
        ("separator", written.separator.is_some()),
        ("key-column", written.key_column != 1),
        ("code-column", written.code_column != 0),
        ("text-column", written.text_column != 0),
    ];
    match given.iter().find(|(_, is_given)| *is_given) {
        Some((key, _)) => {
            Err(format!("`{key}` is for formats plain and csv: this one has no columns"))
        }
        None => Ok(()),
    }
}

/// `[zone.guards]`.
fn guards(written: FileGuards) -> Result<Guards, String> {
    let length = |value: u8, bits: u8, key: &str| match value {
        0 => Ok(None),
        n if n <= bits => Ok(Some(n)),
        _ => Err(format!("guards.{key} must be 0 to {bits}")),
    };
    if !(0.0..=100.0).contains(&written.fault_percent) {
        return Err("guards.fault-percent must be 0 to 100".into());
    }
    Ok(Guards {
        ipv4_prefix: length(written.ipv4_prefix, 32, "ipv4-prefix")?,
        ipv6_prefix: length(written.ipv6_prefix, 128, "ipv6-prefix")?,
        ipv4_growth: length(written.ipv4_growth, 32, "ipv4-growth")?,
        ipv6_growth: length(written.ipv6_growth, 128, "ipv6-growth")?,
        allowed_suffixes: written.allow_suffixes.into_iter().map(|n| n.0).collect(),
        allow_empty: written.allow_empty,
        fault_percent: written.fault_percent,
        fault_lines: written.fault_lines,
    })
}

/// A path from the configuration's folder, or none if it is empty.
pub(super) fn optional(path: &Path, folder: &Path) -> Option<PathBuf> {
    (!path.as_os_str().is_empty()).then(|| folder.join(path))
}

/// The first byte of a table stands for it: a caret under all of it would say no more.
pub(super) fn header(span: Range<usize>) -> Range<usize> {
    span.start..span.start + 1
}

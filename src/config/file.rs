//! The configuration as it is written (TOML).
//!
//! Each struct is one table and each field one key. A default stands here and nowhere else;
//! `etc/repute.toml` shows every key with its default, and the tidy test holds the two together.
//! What a key means to the servers is decided in `config::parse`; unknown keys are errors.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

use repute_authority::notify::Target;
use repute_authority::transfer::access::Entry;
use repute_dnsxl::{Name, Network, ReturnCode};
use repute_zone::DatasetKind;
use serde::Deserialize;
use toml::Spanned;

use super::authority::{self, FileKey};
use super::catalog::FileCatalog;
use super::challenge::FileChallenge;
use super::follow::FileFollow;
use super::monitor::FileMonitor;
use super::portal::FilePortal;
use super::primary::FilePrimary;
use super::secondary::FileSecondary;
use super::value::{ListCode, ListenAddress, Separator, Size, Span, Text, TlsAddress};

/// The whole file.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields, expecting = "a table")]
pub(crate) struct FileConfig {
    /// Sockets, user and folders of the process.
    pub(crate) server: FileServer,
    /// How queries are answered.
    pub(crate) nameserver: FileNameserver,
    /// How lists are read and kept fresh.
    pub(crate) loader: FileLoader,
    /// The lists to serve.
    pub(crate) zone: Vec<Spanned<FileZone>>,
    /// Keys that messages are signed with.
    pub(crate) key: Vec<Spanned<FileKey>>,
    /// Ordinary zones that are written by hand.
    pub(crate) primary: Vec<Spanned<FilePrimary>>,
    /// Zones whose primary is elsewhere.
    pub(crate) secondary: Vec<Spanned<FileSecondary>>,
    /// Values for `_acme-challenge`, by accounts.
    pub(crate) challenge: FileChallenge,
    /// Catalogs of zones of our own.
    pub(crate) catalog: Vec<Spanned<FileCatalog>>,
    /// Lists to ask, and changes to known ones.
    pub(crate) list: FileLists,
    /// What is watched, and who hears of it.
    pub(crate) monitor: FileMonitor,
    /// Pages and accounts.
    pub(crate) portal: FilePortal,
    /// Lists that people run together.
    pub(crate) registry: FileRegistry,
    /// Portals whose lists are served here too.
    pub(crate) follow: Vec<Spanned<FileFollow>>,
}

/// `[registry]`: lists that people run together.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields, expecting = "a table")]
pub(crate) struct FileRegistry {
    /// The database: a file, or a PostgreSQL server; empty means that there is no registry.
    pub(crate) database: Spanned<String>,
    /// How long it is kept what was seen of addresses and names.
    pub(crate) keep_evidence: Span,
}

impl Default for FileRegistry {
    fn default() -> FileRegistry {
        FileRegistry {
            database: Spanned::new(0..0, String::new()),
            keep_evidence: Span::seconds(180 * 86_400),
        }
    }
}

/// `[[list]]`: lists to ask. Their keys are read where the shipped lists are, in `repute_lookup::catalogue`;
/// here their tables are only passed.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct FileLists;

impl<'de> Deserialize<'de> for FileLists {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<FileLists, D::Error> {
        serde::de::IgnoredAny::deserialize(d).map(|_| FileLists)
    }
}

/// `[server]`: sockets, user and folders of the process.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields, expecting = "a table")]
pub(crate) struct FileServer {
    /// Addresses to answer DNS at, by UDP and TCP.
    pub(crate) listen: Vec<Text<ListenAddress>>,
    /// Addresses to answer DNS over TLS at.
    pub(crate) listen_tls: Spanned<Vec<Text<TlsAddress>>>,
    /// File with the certificate that is shown there.
    pub(crate) tls_certificate: PathBuf,
    /// File with its key.
    pub(crate) tls_key: PathBuf,
    /// Threads that answer; 0 means one for each core the process may run on.
    pub(crate) workers: usize,
    /// Bytes of receive buffer to ask the kernel for, for each socket.
    pub(crate) receive_buffer: Size,
    /// User to become after the sockets are open; empty keeps the user.
    pub(crate) user: String,
    /// Group to become; empty means the user's own group.
    pub(crate) group: String,
    /// Folder for what must survive a restart.
    pub(crate) data_dir: PathBuf,
    /// Socket that `repute status` and `repute reload` speak to; empty means `DATA-DIR/control`.
    pub(crate) control: PathBuf,
    /// Address of the metrics and status pages; empty switches them off.
    pub(crate) metrics: Spanned<MetricsAddress>,
    /// The least important messages that are still logged.
    pub(crate) log_level: FileLogLevel,
    /// How messages are written.
    pub(crate) log_format: FileLogFormat,
}

impl Default for FileServer {
    fn default() -> FileServer {
        let listen = ["127.0.0.1:5300", "[::1]:5300"];
        FileServer {
            listen: listen.map(|a| Text(a.parse().expect("a constant address parses"))).into(),
            listen_tls: Spanned::new(0..0, Vec::new()),
            tls_certificate: PathBuf::new(),
            tls_key: PathBuf::new(),
            workers: 0,
            receive_buffer: Size(4 << 20),
            user: String::new(),
            group: String::new(),
            data_dir: PathBuf::from("/var/lib/repute"),
            control: PathBuf::new(),
            metrics: Spanned::new(0..0, MetricsAddress(Some(([127, 0, 0, 1], 9053).into()))),
            log_level: FileLogLevel::Info,
            log_format: FileLogFormat::Text,
        }
    }
}

/// How important a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum FileLogLevel {
    /// Somebody should act.
    Error,
    /// Something is not as it should be.
    Warn,
    /// What the server does.
    Info,
    /// How it does it.
    Debug,
}

/// An address, or the empty text for none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct MetricsAddress(pub(crate) Option<SocketAddr>);

impl<'de> Deserialize<'de> for MetricsAddress {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<MetricsAddress, D::Error> {
        let text = String::deserialize(d)?;
        if text.is_empty() {
            return Ok(MetricsAddress(None));
        }
        text.parse().map(|a| MetricsAddress(Some(a))).map_err(|_| {
            serde::de::Error::custom(format!(
                "`{text}`: expected an address and port such as 127.0.0.1:9053, or \"\" for none"
            ))
        })
    }
}

/// `[nameserver]`: how queries are answered.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields, expecting = "a table")]
pub(crate) struct FileNameserver {
    /// Largest UDP answer we offer in EDNS.
    pub(crate) edns_size: u16,
    /// Leave the NS records out of positive answers.
    pub(crate) minimal_responses: bool,
    /// Answer to `version.bind` CH TXT; empty refuses it.
    pub(crate) version: String,
    /// Answer to `hostname.bind` CH TXT; empty refuses it.
    pub(crate) hostname: String,
    /// Answer to `id.server` CH TXT and to NSID; empty refuses it.
    pub(crate) server_id: String,
    /// An acl file that holds for all zones.
    pub(crate) acl: PathBuf,
    /// TCP connections at a time, from all clients; 0 turns TCP off.
    pub(crate) tcp_connections: usize,
    /// TCP connections at a time from one IPv4 address or IPv6 /64.
    pub(crate) tcp_connections_per_client: usize,
    /// TCP connections at a time from one IPv4 /24 or IPv6 /56.
    pub(crate) tcp_connections_per_network: usize,
    /// How long an idle TCP connection is kept.
    pub(crate) tcp_idle: Span,
    /// Who gets DNS cookies, and who needs them.
    pub(crate) cookies: FileCookies,
    /// A file with the secret of cookies; empty means one that is made at the start.
    pub(crate) cookie_secret_file: PathBuf,
    /// `[nameserver.rate-limit]`.
    pub(crate) rate_limit: FileRateLimit,
    /// `[nameserver.query-log]`.
    pub(crate) query_log: FileQueryLog,
}

impl Default for FileNameserver {
    fn default() -> FileNameserver {
        FileNameserver {
            edns_size: 1232,
            minimal_responses: true,
            version: "repute".into(),
            hostname: String::new(),
            server_id: String::new(),
            acl: PathBuf::new(),
            tcp_connections: 1_000,
            tcp_connections_per_client: 10,
            tcp_connections_per_network: 100,
            tcp_idle: Span::seconds(10),
            cookies: FileCookies::On,
            cookie_secret_file: PathBuf::new(),
            rate_limit: FileRateLimit::default(),
            query_log: FileQueryLog::default(),
        }
    }
}

/// What is done about DNS cookies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum FileCookies {
    /// Nothing.
    Off,
    /// Who sends one gets one.
    On,
    /// By UDP only those are answered who have one.
    Require,
}

/// `[nameserver.rate-limit]`: how many answers by UDP a network gets.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields, expecting = "a table")]
pub(crate) struct FileRateLimit {
    /// Answers a second to one network; 0 turns limiting off.
    pub(crate) responses_per_second: u32,
    /// Every so manieth of the others goes truncated.
    pub(crate) slip: u32,
    /// Bits of an IPv4 address that name its network.
    pub(crate) ipv4_prefix: Spanned<u8>,
    /// Bits of an IPv6 address that name its network.
    pub(crate) ipv6_prefix: Spanned<u8>,
    /// Networks that are not limited.
    pub(crate) exempt: Vec<Text<Network>>,
}

impl Default for FileRateLimit {
    fn default() -> FileRateLimit {
        let loopback = ["127.0.0.0/8", "::1/128"];
        FileRateLimit {
            responses_per_second: 1_000,
            slip: 2,
            ipv4_prefix: Spanned::new(0..0, 24),
            ipv6_prefix: Spanned::new(0..0, 56),
            exempt: loopback.map(|net| Text(net.parse().expect("a constant network"))).into(),
        }
    }
}

/// `[nameserver.query-log]`: which queries are written down.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields, expecting = "a table")]
pub(crate) struct FileQueryLog {
    /// Which queries.
    pub(crate) queries: FileQueryLogQueries,
    /// How a query is written.
    pub(crate) format: FileLogFormat,
    /// One of so many is written.
    pub(crate) sample: u32,
    /// Where to: `stdout`, `syslog`, or a file.
    pub(crate) destination: PathBuf,
}

impl Default for FileQueryLog {
    fn default() -> FileQueryLog {
        FileQueryLog {
            queries: FileQueryLogQueries::Off,
            format: FileLogFormat::Text,
            sample: 1,
            destination: PathBuf::from("stdout"),
        }
    }
}

/// Which queries are logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum FileQueryLogQueries {
    /// None.
    Off,
    /// Those whose target is listed.
    Hits,
    /// Those that end in FORMERR, SERVFAIL, NOTIMP, REFUSED.
    Errors,
    /// All.
    All,
}

/// How a line of a log is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum FileLogFormat {
    /// Words between blanks.
    Text,
    /// One JSON object a line.
    Json,
}

/// `[loader]`: how lists are read and kept fresh.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields, expecting = "a table")]
pub(crate) struct FileLoader {
    /// Have the kernel tell of changed files.
    pub(crate) watch: bool,
    /// Look for changed files that often, in case the kernel does not tell.
    pub(crate) check_interval: Span,
    /// A changed file is read when it has been quiet for so long.
    pub(crate) settle: Span,
    /// A compressed list may unpack to so many bytes.
    pub(crate) max_unpacked: Size,
}

impl Default for FileLoader {
    fn default() -> FileLoader {
        FileLoader {
            watch: true,
            check_interval: Span::seconds(60),
            settle: "200ms".parse().expect("a constant span parses"),
            max_unpacked: Size(4 << 30),
        }
    }
}

/// `[[zone]]`: one list as served in DNS.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, expecting = "a table")]
pub(crate) struct FileZone {
    /// The name the list is asked under.
    pub(crate) apex: Text<Name>,
    /// What being listed means.
    #[serde(default)]
    pub(crate) polarity: FilePolarity,
    /// The name servers of the zone.
    #[serde(default)]
    pub(crate) name_servers: Vec<Text<Name>>,
    /// TTL of the NS records.
    #[serde(default = "FileZone::name_server_ttl")]
    pub(crate) name_server_ttl: Span,
    /// TTL of listings that name none.
    #[serde(default = "FileZone::ttl")]
    pub(crate) ttl: Span,
    /// Shorter TTLs are raised to this.
    #[serde(default = "FileZone::min_ttl")]
    pub(crate) min_ttl: Span,
    /// Longer TTLs are lowered to this.
    #[serde(default = "FileZone::max_ttl")]
    pub(crate) max_ttl: Span,
    /// The codes the list answers with, and what each means.
    #[serde(default)]
    pub(crate) return_codes: BTreeMap<Text<ListCode>, String>,
    /// Add the test entries of RFC 5782 section 5 where the list lacks them.
    #[serde(default = "FileZone::yes")]
    pub(crate) test_entries: bool,
    /// An acl file: which clients may ask this zone.
    #[serde(default)]
    pub(crate) acl: PathBuf,
    /// An aclkey file: the keys of customers, asked as a label before the apex.
    #[serde(default)]
    pub(crate) aclkey: PathBuf,
    /// Take networks whose address has bits behind the prefix.
    #[serde(default)]
    pub(crate) accept_host_bits: bool,
    /// Keep the last good zone on disk, to serve it after a restart if the list is refused then.
    #[serde(default = "FileZone::yes")]
    pub(crate) keep_last_good: bool,
    /// A compiled snapshot to serve, instead of sources: a file, or an http or https URL.
    #[serde(default)]
    pub(crate) snapshot: PathBuf,
    /// How often a snapshot is fetched.
    #[serde(default = "FileSource::interval")]
    pub(crate) snapshot_interval: Span,
    /// When its fetch is given up.
    #[serde(default = "FileSource::timeout")]
    pub(crate) snapshot_timeout: Span,
    /// It may be so large.
    #[serde(default = "FileZone::snapshot_max_size")]
    pub(crate) snapshot_max_size: Size,
    /// `[zone.soa]`; without this table the one of the data files counts, if they have one.
    #[serde(default)]
    pub(crate) soa: Option<FileSoa>,
    /// `[zone.guards]`.
    #[serde(default)]
    pub(crate) guards: FileGuards,
    /// Who may have it by zone transfer.
    #[serde(default)]
    pub(crate) transfer: Vec<Text<Entry>>,
    /// Who is told when it has changed.
    #[serde(default)]
    pub(crate) notify: Vec<Text<Target>>,
    /// It is not sent with more records.
    #[serde(default = "authority::max_records")]
    pub(crate) max_records: u64,
    /// Where the entries come from.
    #[serde(default)]
    pub(crate) source: Vec<Spanned<FileSource>>,
}

impl FileZone {
    /// A zone of this name with all defaults, and without content.
    pub(super) fn new(apex: Name) -> FileZone {
        FileZone {
            apex: Text(apex),
            polarity: FilePolarity::default(),
            name_servers: Vec::new(),
            name_server_ttl: FileZone::name_server_ttl(),
            ttl: FileZone::ttl(),
            min_ttl: FileZone::min_ttl(),
            max_ttl: FileZone::max_ttl(),
            return_codes: BTreeMap::new(),
            test_entries: FileZone::yes(),
            acl: PathBuf::new(),
            aclkey: PathBuf::new(),
            accept_host_bits: false,
            keep_last_good: FileZone::yes(),
            snapshot: PathBuf::new(),
            snapshot_interval: FileSource::interval(),
            snapshot_timeout: FileSource::timeout(),
            snapshot_max_size: FileZone::snapshot_max_size(),
            soa: None,
            guards: FileGuards::default(),
            transfer: Vec::new(),
            notify: Vec::new(),
            max_records: authority::max_records(),
            source: Vec::new(),
        }
    }

    /// Default of `name-server-ttl`.
    fn name_server_ttl() -> Span {
        Span::seconds(86_400)
    }

    /// Default of `ttl`: rbldnsd's.
    fn ttl() -> Span {
        Span::seconds(2_100)
    }

    /// Default of `min-ttl`.
    fn min_ttl() -> Span {
        Span::seconds(0)
    }

    /// Default of `max-ttl`: what resolvers cap at anyway.
    fn max_ttl() -> Span {
        Span::seconds(604_800)
    }

    /// Default of `snapshot-max-size`: some 60 million addresses.
    fn snapshot_max_size() -> Size {
        Size(256 << 20)
    }

    /// A default of `true`.
    fn yes() -> bool {
        true
    }
}

/// What being listed means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum FilePolarity {
    /// Bad.
    #[default]
    Block,
    /// Good.
    Allow,
    /// A fact.
    Info,
}

/// `[zone.soa]`: start of authority (RFC 1035 section 3.3.13).
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields, expecting = "a table")]
pub(crate) struct FileSoa {
    /// The primary name server; empty means the first of `name-servers`, or the apex.
    pub(crate) primary: String,
    /// The mail address of who is responsible; empty means hostmaster below the apex.
    pub(crate) contact: String,
    /// TTL of the SOA record itself.
    pub(crate) ttl: Span,
    /// How often secondaries look for a new serial.
    pub(crate) refresh: Span,
    /// How soon they try again.
    pub(crate) retry: Span,
    /// When data that could not be refreshed is no longer served, by secondaries and by us.
    pub(crate) expire: Span,
    /// How long a resolver remembers that something is not listed (RFC 2308).
    pub(crate) negative_ttl: Span,
    /// The serial; 0 means the time of the newest source.
    pub(crate) serial: u32,
}

impl Default for FileSoa {
    fn default() -> FileSoa {
        FileSoa {
            primary: String::new(),
            contact: String::new(),
            ttl: Span::seconds(3_600),
            refresh: Span::seconds(3_600),
            retry: Span::seconds(600),
            expire: Span::seconds(604_800),
            negative_ttl: Span::seconds(300),
            serial: 0,
        }
    }
}

/// `[zone.guards]`: what makes a new version of a list be refused.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields, expecting = "a table")]
pub(crate) struct FileGuards {
    /// Refuse a list that newly covers an IPv4 network of this prefix length in full; 0 is off.
    pub(crate) ipv4_prefix: u8,
    /// The same for IPv6.
    pub(crate) ipv6_prefix: u8,
    /// Refuse a list that newly covers as many IPv4 addresses, wherever they are, as a network of this
    /// prefix length has, if that is also a tenth of what it covered before; 0 is off.
    pub(crate) ipv4_growth: u8,
    /// The same for IPv6.
    pub(crate) ipv6_growth: u8,
    /// Names that may be listed although they are a top-level domain or public suffix.
    pub(crate) allow_suffixes: Vec<Text<Name>>,
    /// Take a list that had entries and comes back without any.
    pub(crate) allow_empty: bool,
    /// Refuse a list of whose lines more than this share are faulty, in per cent ...
    pub(crate) fault_percent: f64,
    /// ... if there are also more faulty lines than this.
    pub(crate) fault_lines: u64,
}

impl Default for FileGuards {
    fn default() -> FileGuards {
        FileGuards {
            ipv4_prefix: 8,
            ipv6_prefix: 16,
            ipv4_growth: 8,
            ipv6_growth: 16,
            allow_suffixes: Vec::new(),
            allow_empty: false,
            fault_percent: 1.0,
            fault_lines: 10,
        }
    }
}

/// `[[zone.source]]`: where entries come from.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, expecting = "a table")]
pub(crate) struct FileSource {
    /// What the entries are.
    pub(crate) kind: Text<DatasetKind>,
    /// How they are written; without it `plain` for `addresses` and `names`, else `rbldnsd`.
    #[serde(default)]
    pub(crate) format: Option<FileFormat>,
    /// The files; several are read as one.
    #[serde(default)]
    pub(crate) files: Vec<PathBuf>,
    /// Or a feed: an http or https URL.
    #[serde(default)]
    pub(crate) url: String,
    /// How often the feed is fetched.
    #[serde(default = "FileSource::interval")]
    pub(crate) interval: Span,
    /// When a fetch is given up.
    #[serde(default = "FileSource::timeout")]
    pub(crate) timeout: Span,
    /// A feed may be so large, as it is sent.
    #[serde(default = "FileSource::max_size")]
    pub(crate) max_size: Size,
    /// What separates columns.
    #[serde(default)]
    pub(crate) separator: Option<Text<Separator>>,
    /// Lines to skip at the top.
    #[serde(default)]
    pub(crate) header_lines: u32,
    /// Column of the address or name, from 1.
    #[serde(default = "FileSource::key_column")]
    pub(crate) key_column: usize,
    /// Column of a number N that answers 127.0.0.N; 0 means none.
    #[serde(default)]
    pub(crate) code_column: usize,
    /// Lines whose number is smaller are left out; 0 keeps all.
    #[serde(default)]
    pub(crate) minimum: u32,
    /// The code without a code column.
    #[serde(default = "FileSource::code")]
    pub(crate) code: Text<ListCode>,
    /// Column of the TXT text; 0 means none.
    #[serde(default)]
    pub(crate) text_column: usize,
    /// The TXT text without a text column; `$` becomes what was asked about.
    #[serde(default)]
    pub(crate) text: String,
    /// List what is below each name as well.
    #[serde(default)]
    pub(crate) subdomains: bool,
}

impl FileSource {
    /// A source of this kind with all defaults, and without files.
    pub(super) fn new(kind: DatasetKind) -> FileSource {
        FileSource {
            kind: Text(kind),
            format: None,
            files: Vec::new(),
            url: String::new(),
            interval: FileSource::interval(),
            timeout: FileSource::timeout(),
            max_size: FileSource::max_size(),
            separator: None,
            header_lines: 0,
            key_column: FileSource::key_column(),
            code_column: 0,
            minimum: 0,
            code: FileSource::code(),
            text_column: 0,
            text: String::new(),
            subdomains: false,
        }
    }

    /// Default of `interval`.
    fn interval() -> Span {
        Span::seconds(3_600)
    }

    /// Default of `timeout`.
    fn timeout() -> Span {
        Span::seconds(60)
    }

    /// Default of `max-size`.
    fn max_size() -> Size {
        Size(64 << 20)
    }

    /// Default of `key-column`.
    fn key_column() -> usize {
        1
    }

    /// Default of `code`.
    fn code() -> Text<ListCode> {
        Text(ListCode(ReturnCode::LISTED))
    }
}

/// How a list is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum FileFormat {
    /// A data file of rbldnsd.
    Rbldnsd,
    /// One entry a line, columns between blanks, `#` comments.
    Plain,
    /// Columns between commas.
    Csv,
    /// Names behind 0.0.0.0 or 127.0.0.1, as in /etc/hosts.
    Hosts,
    /// Rules such as `||bad.example^`.
    Adblock,
}

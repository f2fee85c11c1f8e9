//! What the loader is told: which zones there are and where their entries come from.
//!
//! Everything is parsed already; how it is written in the configuration file is the binary's matter.

use std::path::PathBuf;
use std::time::Duration;

use repute_dnsxl::{Name, Polarity, ReturnCode};
use repute_zone::DatasetKind;
use repute_zone::format::table::TableOptions;
use repute_zone::guard::Guards;

pub use super::feed::FeedConfig;
use super::master::MasterConfig;

/// All the loader needs to know.
#[derive(Clone, Debug)]
pub struct LoaderConfig {
    /// The lists.
    pub zones: Vec<ZoneConfig>,
    /// Ordinary zones that are written by hand.
    pub masters: Vec<MasterConfig>,
    /// An acl file that holds for all zones.
    pub acl: Option<PathBuf>,
    /// Folder of last good feeds and zones.
    pub data_dir: PathBuf,
    /// Whether the kernel is asked to tell of changed files.
    pub watch: bool,
    /// How often files are looked at whether or not the kernel told.
    pub check_interval: Duration,
    /// How long a file must be quiet before it is read.
    pub settle: Duration,
    /// How many bytes a compressed list may unpack to.
    pub max_unpacked: u64,
}

/// One zone.
#[derive(Clone, Debug, PartialEq)]
pub struct ZoneConfig {
    /// The name the list is asked under.
    pub apex: Name,
    /// What being listed means.
    pub polarity: Polarity,
    /// The start of authority.
    pub soa: SoaConfig,
    /// Whether that stands even if a data file has another.
    pub soa_is_given: bool,
    /// The zone's name servers; if none, those of the data files, else the apex.
    pub name_servers: Vec<Name>,
    /// TTL of the NS records.
    pub name_server_ttl: u32,
    /// TTL of listings that name none.
    pub ttl: u32,
    /// Shorter TTLs are raised to this.
    pub min_ttl: u32,
    /// Longer TTLs are lowered to this.
    pub max_ttl: u32,
    /// The codes the list answers with and what each means.
    pub return_codes: Vec<(ReturnCode, String)>,
    /// Whether the test entries of RFC 5782 are added.
    pub test_entries: bool,
    /// Whether NS records are in every positive answer.
    pub name_servers_in_answers: bool,
    /// Whether networks with host bits are taken.
    pub accept_host_bits: bool,
    /// Whether the last good zone is kept on disk.
    pub keep_last_good: bool,
    /// What makes a new version be refused.
    pub guards: Guards,
    /// Who may ask.
    pub acl: Option<PathBuf>,
    /// Which keys customers have.
    pub aclkey: Option<PathBuf>,
    /// Where the entries come from.
    pub content: Content,
}

/// The start of authority (RFC 1035 section 3.3.13).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SoaConfig {
    /// The primary name server.
    pub primary: Name,
    /// The mail address of who is responsible, as a name.
    pub contact: Name,
    /// TTL of the record itself.
    pub ttl: u32,
    /// How often secondaries look.
    pub refresh: u32,
    /// How soon they try again.
    pub retry: u32,
    /// When data that could not be refreshed is no longer served.
    pub expire: u32,
    /// How long "not listed" is remembered.
    pub negative_ttl: u32,
    /// The serial, or the time of the newest source.
    pub serial: Option<u32>,
}

/// What a zone is made of.
#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    /// Lists, each a data set.
    Lists(Vec<SourceConfig>),
    /// What `repute zone build` made.
    Snapshot(SnapshotOrigin),
}

/// Where a snapshot lies.
#[derive(Clone, Debug, PartialEq)]
pub enum SnapshotOrigin {
    /// In a file.
    File(PathBuf),
    /// On a web server.
    Feed(FeedConfig),
}

/// One list.
#[derive(Clone, Debug, PartialEq)]
pub struct SourceConfig {
    /// Where it lies.
    pub origin: SourceOrigin,
    /// How it is written.
    pub format: Format,
}

/// Where a list lies.
#[derive(Clone, Debug, PartialEq)]
pub enum SourceOrigin {
    /// In files, read as one.
    Files(Vec<PathBuf>),
    /// On a web server.
    Feed(FeedConfig),
}

/// How a list is written.
#[derive(Clone, Debug, PartialEq)]
pub enum Format {
    /// As a data file of rbldnsd.
    Rbldnsd(DatasetKind),
    /// In columns.
    Table(TableOptions),
}

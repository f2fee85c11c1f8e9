//! Everything the server tells of itself at one moment.
//!
//! One struct feeds the status page, its JSON, the metrics and `repute status`, so that they cannot
//! disagree. It is plain data: what is gathered where is in [`crate::server`].

use std::collections::BTreeMap;
use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use crate::counters::{QueryType, Rcode, TransportTotals, ZoneTotals};
use crate::status::{Upstream, ZoneHealth, ZoneStatus};

/// The server at one moment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Version of the software.
    pub version: String,
    /// When this was gathered, in unix seconds.
    pub time: u64,
    /// When the server started, in unix seconds.
    pub started_at: u64,
    /// Threads that answer UDP.
    pub workers: usize,
    /// Addresses served by UDP.
    pub udp_addresses: Vec<SocketAddr>,
    /// Addresses served by TCP.
    pub tcp_addresses: Vec<SocketAddr>,
    /// Addresses served by TLS; what comes there counts as TCP.
    #[serde(default)]
    pub tls_addresses: Vec<SocketAddr>,
    /// Bytes of memory the process holds (its resident set).
    pub memory_bytes: u64,
    /// Queries a second in the last minute.
    pub queries_per_second: f64,
    /// What came by UDP.
    pub udp: TransportReport,
    /// What came by TCP.
    pub tcp: TransportReport,
    /// TCP connections.
    pub tcp_connections: ConnectionsReport,
    /// Datagrams the kernel discarded because a receive buffer was full, by address.
    pub receive_buffer_drops: BTreeMap<SocketAddr, u64>,
    /// Batches lost to a fault of the server.
    pub panics: u64,
    /// Lines of the query log.
    pub query_log_lines: u64,
    /// Queries that the log could not take.
    pub query_log_lost: u64,
    /// Answers to queries for no zone of ours.
    pub elsewhere: AnswersReport,
    /// The zones, in the order in which they were configured.
    pub zones: Vec<ZoneReport>,
    /// What was done for zones besides answering, if anything can be.
    #[serde(default)]
    pub beyond: Option<BeyondReport>,
}

impl Report {
    /// The zones that give no answers, in the same order.
    pub fn silent_zones(&self) -> impl Iterator<Item = &ZoneReport> {
        self.zones.iter().filter(|zone| !zone.health.answers())
    }
}

/// What was done for zones besides answering, since the start.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BeyondReport {
    /// Updates by response code.
    pub updates: BTreeMap<String, u64>,
    /// Signed messages that were not believed, by reason.
    pub distrusted: BTreeMap<String, u64>,
    /// Transfers to others, by what was sent.
    pub transfers: BTreeMap<String, u64>,
    /// Records of all transfers.
    pub transferred_records: u64,
    /// Bytes of all transfers.
    pub transferred_bytes: u64,
    /// NOTIFY messages: how many were sent, and what became of those whom they told.
    pub notifies: BTreeMap<String, u64>,
    /// Datagrams that were dropped, as too many waited.
    pub dropped: u64,
    /// What was last for each zone.
    pub zones: BTreeMap<String, OwnZoneReport>,
}

/// What was last for a zone.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnZoneReport {
    /// The last update that was done.
    pub update: Option<UpdateReport>,
    /// The last transfer.
    pub transfer: Option<TransferReport>,
    /// Those who are told of changes.
    pub secondaries: Vec<SecondaryReport>,
}

/// An update that was done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UpdateReport {
    /// The key that it was signed with.
    pub key: String,
    /// The zone's serial since then.
    pub serial: u32,
    /// When, in unix seconds.
    pub time: u64,
}

/// A transfer to somebody.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransferReport {
    /// What was sent, as the metrics call it.
    pub what: String,
    /// The serial up to which.
    pub serial: u32,
    /// When it ended, in unix seconds.
    pub time: u64,
}

/// A secondary that is told of changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecondaryReport {
    /// Where it is told.
    pub address: SocketAddr,
    /// The serial of which it was told last.
    pub serial: u32,
    /// Whether it has heard.
    pub state: SecondaryState,
    /// Since when, in unix seconds.
    pub time: u64,
}

/// Whether a secondary has heard of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SecondaryState {
    /// It was told, and has not answered yet.
    Told,
    /// It said that it has heard.
    Heard,
    /// It answered with an error.
    Refused,
    /// It did not answer, and is told no more.
    Silent,
}

/// What came by one transport.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransportReport {
    /// Queries, answered or not.
    pub queries: u64,
    /// Queries without an answer, by decision.
    pub dropped: u64,
    /// Of these: those whose network had its answers.
    #[serde(default)]
    pub limited: u64,
    /// Answers that were cut because their network had its answers.
    #[serde(default)]
    pub slipped: u64,
    /// Answers that could not be sent.
    pub send_failures: u64,
    /// Calls that brought queries.
    pub batches: u64,
    /// Bytes of queries.
    pub bytes_in: u64,
    /// Bytes of answers.
    pub bytes_out: u64,
}

impl From<TransportTotals> for TransportReport {
    fn from(totals: TransportTotals) -> TransportReport {
        let TransportTotals {
            queries,
            dropped,
            limited,
            slipped,
            send_failures,
            batches,
            bytes_in,
            bytes_out,
        } = totals;
        TransportReport {
            queries,
            dropped,
            limited,
            slipped,
            send_failures,
            batches,
            bytes_in,
            bytes_out,
        }
    }
}

/// TCP connections.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConnectionsReport {
    /// Open now.
    pub open: u64,
    /// Admitted since the start.
    pub admitted: u64,
    /// Refused since the start.
    pub refused: u64,
}

/// One zone: its state and what it was asked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ZoneReport {
    /// Its apex.
    pub name: String,
    /// Whether it answers, and with what.
    pub health: ZoneHealth,
    /// Entries of all its data sets.
    pub entries: u64,
    /// The serial of its SOA.
    pub serial: u32,
    /// When the data that is served was built, in unix seconds.
    pub loaded_at: Option<u32>,
    /// Seconds since the newest source of that data was modified.
    pub source_age: Option<u64>,
    /// Bytes of memory its image takes.
    pub image_bytes: u64,
    /// Builds that were served.
    pub reloads_ok: u64,
    /// Builds that were refused or failed.
    pub reloads_failed: u64,
    /// Faulty lines in the sources of the last build, which are left out.
    pub faults: u64,
    /// Lines of them that count, but with a warning.
    #[serde(default)]
    pub warnings: u64,
    /// What was wrong with the last build.
    pub last_error: Option<String>,
    /// From where it is taken over by zone transfer, if it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upstream: Option<Upstream>,
    /// Answers a second in the last minute.
    pub queries_per_second: f64,
    /// What it answered.
    pub answers: AnswersReport,
}

impl ZoneReport {
    /// What was wrong with the last build, cut to a line of a table; and whether it was cut.
    pub fn brief_error(&self) -> Option<(&str, bool)> {
        let error = self.last_error.as_deref()?;
        let line = error.lines().next().unwrap_or_default();
        let brief = match line.char_indices().nth(BRIEF) {
            // At a blank, if there is one: half a word says nothing.
            Some((end, _)) => line[..end].rsplit_once(' ').map_or(&line[..end], |(words, _)| words),
            None => line,
        };
        Some((brief.trim_end_matches([';', ',', ':', ' ']), brief.len() < error.len()))
    }

    /// Joins what the loader and the counters know of a zone.
    pub(crate) fn new(status: ZoneStatus, totals: &ZoneTotals, rate: f64, now: u64) -> ZoneReport {
        ZoneReport {
            name: status.name.to_string(),
            health: status.health,
            entries: status.entries,
            serial: status.serial,
            loaded_at: status.loaded_at,
            source_age: status.source_modified.map(|then| now.saturating_sub(u64::from(then))),
            image_bytes: status.image_bytes,
            reloads_ok: status.reloads_ok,
            reloads_failed: status.reloads_failed,
            faults: status.faults,
            warnings: status.warnings,
            last_error: status.last_error,
            upstream: status.upstream,
            queries_per_second: rate,
            answers: totals.into(),
        }
    }
}

/// How many characters of an error stand in a table: a long path and what is wrong there.
const BRIEF: usize = 120;

/// Answers, since the start.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnswersReport {
    /// All of them.
    pub total: u64,
    /// By response code.
    pub rcodes: BTreeMap<String, u64>,
    /// By type asked for.
    pub types: BTreeMap<String, u64>,
    /// Those that went by TCP.
    pub tcp: u64,
    /// Those that name a listing.
    pub listed: u64,
    /// Those cut to fit UDP.
    pub truncated: u64,
    /// Bytes of their queries.
    pub bytes_in: u64,
    /// Their bytes.
    pub bytes_out: u64,
}

impl From<&ZoneTotals> for AnswersReport {
    fn from(totals: &ZoneTotals) -> AnswersReport {
        let rcodes = Rcode::ALL.iter().map(|rcode| rcode.label().to_owned());
        let types = QueryType::ALL.iter().map(|qtype| qtype.label().to_owned());
        AnswersReport {
            total: totals.answers(),
            rcodes: rcodes.zip(totals.rcodes).collect(),
            types: types.zip(totals.types).collect(),
            tcp: totals.tcp,
            listed: totals.listed,
            truncated: totals.truncated,
            bytes_in: totals.bytes_in,
            bytes_out: totals.bytes_out,
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::metrics::tests::report;

    #[test]
    fn a_long_error_is_cut_at_a_word() {
        let check = |error: &str, expect: Option<(&str, bool)>| {
            let mut zone = report("bl.example").zones.remove(0);
            zone.last_error = Some(error.to_owned());
            assert_eq!(zone.brief_error(), expect, "{error}");
        };
        check("short", Some(("short", false)));
        check("first line\nsecond", Some(("first line", true)));
        let long = "`co.uk` is a top-level domain; ".repeat(5);
        let cut = "`co.uk` is a top-level domain; ".repeat(3) + "`co.uk` is a top-level";
        check(&long, Some((&cut, true)));
        check(&"\u{e9}".repeat(121), Some((&"\u{e9}".repeat(120), true)));
        check(&"x".repeat(120), Some((&"x".repeat(120), false)));
    }
}

//! What the server tells about its zones.
//!
//! The loader reports to the [`StatusBoard`]; the status page, the metrics, the health check and the
//! control socket read it. A report says what is the case, never what should be done.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{PoisonError, RwLock};

use repute_dnsxl::Name;
use serde::{Deserialize, Serialize};

use crate::zones::ZoneIndex;

/// The state of a zone and where it comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ZoneStatus {
    /// Its apex.
    pub name: Name,
    /// Its number, by which queries are counted; it keeps that as long as it is configured.
    pub index: ZoneIndex,
    /// Whether it answers, and with what.
    pub health: ZoneHealth,
    /// Entries of all its data sets.
    pub entries: u64,
    /// The serial of its SOA.
    pub serial: u32,
    /// When the data that is served was built, in unix seconds.
    pub loaded_at: Option<u32>,
    /// When the newest source of that data was last modified, in unix seconds.
    pub source_modified: Option<u32>,
    /// Bytes of memory its image takes.
    pub image_bytes: u64,
    /// Builds that were served, the first included.
    pub reloads_ok: u64,
    /// Builds that were refused or failed.
    pub reloads_failed: u64,
    /// Faulty lines in the sources of the last build, which are left out.
    pub faults: u64,
    /// Lines of them that count, but with a warning.
    pub warnings: u64,
    /// What was wrong with the last build; `None` if it was served.
    pub last_error: Option<String>,
    /// From where it is taken over, if it is.
    pub upstream: Option<Upstream>,
}

/// From where a zone is taken over, and how fresh it is. Times are in unix seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Upstream {
    /// The primary that was asked last, or is asked first.
    pub primary: SocketAddr,
    /// When what is served was last known to be the newest; `None` if there is nothing.
    pub refreshed: Option<u64>,
    /// When it is served no longer, if no primary is reached until then.
    pub expires: Option<u64>,
}

impl ZoneStatus {
    /// A configured zone that nothing is known of yet.
    pub fn loading(name: Name, index: ZoneIndex) -> ZoneStatus {
        ZoneStatus {
            name,
            index,
            health: ZoneHealth::Loading,
            entries: 0,
            serial: 0,
            loaded_at: None,
            source_modified: None,
            image_bytes: 0,
            reloads_ok: 0,
            reloads_failed: 0,
            faults: 0,
            warnings: 0,
            last_error: None,
            upstream: None,
        }
    }
}

/// Whether a zone answers, and with what.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ZoneHealth {
    /// Its first build is under way: SERVFAIL.
    Loading,
    /// It answers with its newest data.
    Serving,
    /// It answers with older data, as its newest was refused or could not be had.
    Stale,
    /// There is no data that could be served: SERVFAIL.
    Failed,
}

impl ZoneHealth {
    /// All of them.
    pub const ALL: [ZoneHealth; 4] =
        [ZoneHealth::Loading, ZoneHealth::Serving, ZoneHealth::Stale, ZoneHealth::Failed];

    /// Whether queries get answers.
    pub fn answers(self) -> bool {
        match self {
            ZoneHealth::Serving | ZoneHealth::Stale => true,
            ZoneHealth::Loading | ZoneHealth::Failed => false,
        }
    }

    /// Its name in metrics, JSON and pages.
    pub fn label(self) -> &'static str {
        match self {
            ZoneHealth::Loading => "loading",
            ZoneHealth::Serving => "serving",
            ZoneHealth::Stale => "stale",
            ZoneHealth::Failed => "failed",
        }
    }
}

/// The last report on every zone.
#[derive(Debug, Default)]
pub struct StatusBoard(RwLock<Board>);

/// What stands on it.
#[derive(Debug, Default)]
struct Board {
    /// The last reports.
    zones: BTreeMap<u16, ZoneStatus>,
    /// The number that the next new zone is counted by.
    next: u16,
}

impl StatusBoard {
    /// A board that knows no zone.
    pub fn new() -> StatusBoard {
        StatusBoard::default()
    }

    /// Gives a new zone its number. Its counters are its own, as long as there are numbers that no zone ever had.
    pub fn claim(&self, name: &Name) -> ZoneIndex {
        let Board { zones, next } = &mut *self.0.write().unwrap_or_else(PoisonError::into_inner);
        // With all numbers taken, which no configuration reaches, two share one.
        for _ in 0..u16::MAX {
            if !zones.contains_key(next) {
                break;
            }
            *next = next.wrapping_add(1);
        }
        let index = ZoneIndex(*next);
        zones.insert(*next, ZoneStatus::loading(name.clone(), index));
        *next = next.wrapping_add(1);
        index
    }

    /// Takes a report; it replaces the last one with the same index.
    pub fn report(&self, status: ZoneStatus) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).zones.insert(status.index.0, status);
    }

    /// Forgets a zone that is no longer configured.
    pub fn forget(&self, index: ZoneIndex) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).zones.remove(&index.0);
    }

    /// The report on one zone.
    pub fn zone(&self, index: ZoneIndex) -> Option<ZoneStatus> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).zones.get(&index.0).cloned()
    }

    /// All reports: in the order of the configuration at the start, then in that of additions.
    pub fn zones(&self) -> Vec<ZoneStatus> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).zones.values().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_report_counts_and_order_is_that_of_the_configuration() {
        let board = StatusBoard::new();
        let name = |text: &str| text.parse::<Name>().unwrap();
        board.report(ZoneStatus::loading(name("b.example"), ZoneIndex(1)));
        board.report(ZoneStatus::loading(name("a.example"), ZoneIndex(0)));
        let serving = ZoneStatus {
            health: ZoneHealth::Serving,
            ..ZoneStatus::loading(name("b.example"), ZoneIndex(1))
        };
        board.report(serving);
        let states: Vec<_> = board.zones().iter().map(|z| z.health).collect();
        assert_eq!(states, [ZoneHealth::Loading, ZoneHealth::Serving]);
        board.forget(ZoneIndex(0));
        assert_eq!(board.zone(ZoneIndex(0)), None);
    }
}

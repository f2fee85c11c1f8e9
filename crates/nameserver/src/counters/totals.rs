//! Sums of all writers' counters, as readers get them.

use std::ops::{AddAssign, Sub};

use super::class::{QueryType, Rcode};
use crate::zones::ZoneIndex;

/// Sums since the server started.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// What came by UDP.
    pub udp: TransportTotals,
    /// What came by TCP.
    pub tcp: TransportTotals,
    /// Batches lost to a fault of ours.
    pub panics: u64,
    /// Answers to queries for no zone of ours: REFUSED, FORMERR, CHAOS.
    pub elsewhere: ZoneTotals,
    /// Answers by zone, at the zone's index; zones above the last one asked are missing.
    pub zones: Vec<ZoneTotals>,
}

impl Totals {
    /// The sums of one zone, zero if it was never asked.
    pub fn zone(&self, index: ZoneIndex) -> ZoneTotals {
        self.zones.get(usize::from(index.0)).copied().unwrap_or_default()
    }

    /// The sums of all zones and of what belongs to none.
    pub fn everywhere(&self) -> ZoneTotals {
        let mut all = self.elsewhere;
        for zone in &self.zones {
            all += *zone;
        }
        all
    }
}

/// Sums of one transport.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TransportTotals {
    /// Queries, answered or not.
    pub queries: u64,
    /// Queries without an answer, by decision: not DNS, an ACL says so, or their network had its answers.
    pub dropped: u64,
    /// Of these: those whose network had its answers.
    pub limited: u64,
    /// Answers that were cut because their network had its answers.
    pub slipped: u64,
    /// Answers that could not be sent.
    pub send_failures: u64,
    /// Calls that brought queries; with `queries` the mean size of a batch.
    pub batches: u64,
    /// Bytes of queries.
    pub bytes_in: u64,
    /// Bytes of answers.
    pub bytes_out: u64,
}

/// Sums of one zone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ZoneTotals {
    /// Answers by response code, in the order of [`Rcode::ALL`].
    pub rcodes: [u64; Rcode::ALL.len()],
    /// Answers by type asked for, in the order of [`QueryType::ALL`].
    pub types: [u64; QueryType::ALL.len()],
    /// Answers that went by TCP.
    pub tcp: u64,
    /// Answers that name a listing.
    pub listed: u64,
    /// Answers cut to fit UDP.
    pub truncated: u64,
    /// Bytes of queries.
    pub bytes_in: u64,
    /// Bytes of answers.
    pub bytes_out: u64,
}

impl ZoneTotals {
    /// Answers of all response codes.
    pub fn answers(&self) -> u64 {
        self.rcodes.iter().sum()
    }

    /// Answers with one response code.
    pub fn rcode(&self, rcode: Rcode) -> u64 {
        self.rcodes[rcode as usize]
    }
}

impl AddAssign for ZoneTotals {
    fn add_assign(&mut self, other: ZoneTotals) {
        self.rcodes.iter_mut().zip(other.rcodes).for_each(|(a, b)| *a += b);
        self.types.iter_mut().zip(other.types).for_each(|(a, b)| *a += b);
        self.tcp += other.tcp;
        self.listed += other.listed;
        self.truncated += other.truncated;
        self.bytes_in += other.bytes_in;
        self.bytes_out += other.bytes_out;
    }
}

impl Sub for ZoneTotals {
    type Output = ZoneTotals;

    /// What was counted since `earlier`.
    fn sub(mut self, earlier: ZoneTotals) -> ZoneTotals {
        self.rcodes.iter_mut().zip(earlier.rcodes).for_each(|(a, b)| *a -= b);
        self.types.iter_mut().zip(earlier.types).for_each(|(a, b)| *a -= b);
        self.tcp -= earlier.tcp;
        self.listed -= earlier.listed;
        self.truncated -= earlier.truncated;
        self.bytes_in -= earlier.bytes_in;
        self.bytes_out -= earlier.bytes_out;
        self
    }
}

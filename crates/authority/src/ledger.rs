//! What was done for zones of our own since the start: how often, and what was last for each zone.
//!
//! Metrics and status are made of it. Of clients nothing is in it but the key of the last update: secondaries are there
//! by the addresses that the configuration has them told at.

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use repute_dnsxl::Name;
use repute_nameserver::report::{
    BeyondReport, OwnZoneReport, SecondaryReport, SecondaryState, TransferReport, UpdateReport,
};

use crate::signature::Reason;
use crate::transfer::{Outcome, Sent};

/// What was done.
#[derive(Debug)]
pub struct Ledger(Mutex<Pages>);

/// What stands in it.
#[derive(Debug, Default)]
struct Pages {
    updates: BTreeMap<&'static str, u64>,
    distrusted: BTreeMap<&'static str, u64>,
    transfers: BTreeMap<&'static str, u64>,
    records: u64,
    bytes: u64,
    notifies: BTreeMap<&'static str, u64>,
    zones: HashMap<Name, OwnZone>,
}

/// What was last for a zone.
#[derive(Debug, Default)]
struct OwnZone {
    update: Option<UpdateReport>,
    transfer: Option<TransferReport>,
    secondaries: BTreeMap<SocketAddr, (u32, SecondaryState, u64)>,
}

impl Default for Ledger {
    fn default() -> Ledger {
        let zero = |labels: &[&'static str]| labels.iter().map(|label| (*label, 0)).collect();
        Ledger(Mutex::new(Pages {
            // A counter that is there from the start shows its first step as one.
            updates: zero(&["NOERROR", "FORMERR", "SERVFAIL", "REFUSED", "NOTAUTH"]),
            distrusted: zero(&[MALFORMED, BADKEY, BADSIG, BADTIME, CUT, REPLAY]),
            transfers: zero(&[WHOLE, CHANGES, CURRENT, REFUSED, TOO_LARGE, BROKEN]),
            notifies: zero(&[SENT, ANSWERED, REFUSED, GIVEN_UP]),
            ..Pages::default()
        }))
    }
}

impl Ledger {
    /// An update was answered.
    pub fn answered(&self, rcode: u8) {
        count(&mut self.pages().updates, rcode_label(rcode));
    }

    /// An update was done by a key; `now` is seconds since 1970.
    pub fn updated(&self, zone: &Name, key: &Name, serial: u32, now: u64) {
        let update = UpdateReport { key: key.to_string(), serial, time: now };
        self.pages().zones.entry(zone.clone()).or_default().update = Some(update);
    }

    /// A signed message was not believed.
    pub fn distrusted(&self, reason: &Reason) {
        let label = match reason {
            Reason::Malformed => MALFORMED,
            Reason::BadKey(_) => BADKEY,
            Reason::BadSignature(_) => BADSIG,
            Reason::BadTime(..) => BADTIME,
            Reason::Cut(_) => CUT,
        };
        count(&mut self.pages().distrusted, label);
    }

    /// A copy of a message came, or what may be one.
    pub fn replayed(&self) {
        count(&mut self.pages().distrusted, REPLAY);
    }

    /// A transfer was refused.
    pub fn transfer_refused(&self) {
        count(&mut self.pages().transfers, REFUSED);
    }

    /// A transfer ended; `serial` is that of the version that was sent.
    pub(crate) fn transferred(&self, zone: &Name, serial: u32, sent: &Sent, now: u64) {
        let mut pages = self.pages();
        let label = match sent.outcome {
            Outcome::Whole => WHOLE,
            Outcome::Changes => CHANGES,
            Outcome::Current => CURRENT,
            Outcome::TooLarge => TOO_LARGE,
            Outcome::Broken => BROKEN,
        };
        count(&mut pages.transfers, label);
        pages.records += sent.records;
        pages.bytes += sent.bytes;
        let transfer = TransferReport { what: label.to_owned(), serial, time: now };
        pages.zones.entry(zone.clone()).or_default().transfer = Some(transfer);
    }

    /// Secondaries are told anew: nobody has heard of anything yet.
    pub fn forget_secondaries(&self) {
        self.pages().zones.values_mut().for_each(|zone| zone.secondaries.clear());
    }

    /// A secondary was told of a version.
    pub fn told(&self, zone: &Name, secondary: SocketAddr, serial: u32, now: u64) {
        let mut pages = self.pages();
        count(&mut pages.notifies, SENT);
        let known = &mut pages.zones.entry(zone.clone()).or_default().secondaries;
        known.insert(secondary, (serial, SecondaryState::Told, now));
    }

    /// A secondary answered with a response code what it was told last.
    pub fn heard(&self, zone: &Name, secondary: SocketAddr, rcode: u8, now: u64) {
        let mut pages = self.pages();
        let (label, state) = match rcode {
            0 => (ANSWERED, SecondaryState::Heard),
            _ => (REFUSED, SecondaryState::Refused),
        };
        count(&mut pages.notifies, label);
        pages.note(zone, secondary, state, now);
    }

    /// A secondary is told no more: it did not answer.
    pub fn given_up(&self, zone: &Name, secondary: SocketAddr, now: u64) {
        let mut pages = self.pages();
        count(&mut pages.notifies, GIVEN_UP);
        pages.note(zone, secondary, SecondaryState::Silent, now);
    }

    /// All of it; `dropped` are datagrams that nobody took.
    pub fn report(&self, dropped: u64) -> BeyondReport {
        let pages = self.pages();
        let counts = |counts: &BTreeMap<&'static str, u64>| {
            counts.iter().map(|(label, count)| ((*label).to_owned(), *count)).collect()
        };
        let zone = |(apex, zone): (&Name, &OwnZone)| {
            let secondaries = zone.secondaries.iter().map(|(address, (serial, state, time))| {
                SecondaryReport { address: *address, serial: *serial, state: *state, time: *time }
            });
            let report = OwnZoneReport {
                update: zone.update.clone(),
                transfer: zone.transfer.clone(),
                secondaries: secondaries.collect(),
            };
            (apex.to_string(), report)
        };
        BeyondReport {
            updates: counts(&pages.updates),
            distrusted: counts(&pages.distrusted),
            transfers: counts(&pages.transfers),
            transferred_records: pages.records,
            transferred_bytes: pages.bytes,
            notifies: counts(&pages.notifies),
            dropped,
            zones: pages.zones.iter().map(zone).collect(),
        }
    }

    /// What stands in it.
    fn pages(&self) -> MutexGuard<'_, Pages> {
        // Nothing is changed in steps that can panic.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pages {
    /// Notes what became of what a secondary was told.
    fn note(&mut self, zone: &Name, secondary: SocketAddr, state: SecondaryState, now: u64) {
        let known = self.zones.get_mut(zone).and_then(|zone| zone.secondaries.get_mut(&secondary));
        if let Some((_, known, time)) = known {
            (*known, *time) = (state, now);
        }
    }
}

/// Counts one.
fn count(counts: &mut BTreeMap<&'static str, u64>, label: &'static str) {
    *counts.entry(label).or_default() += 1;
}

/// What a response code to an update is called.
fn rcode_label(rcode: u8) -> &'static str {
    match rcode {
        0 => "NOERROR",
        1 => "FORMERR",
        2 => "SERVFAIL",
        3 => "NXDOMAIN",
        4 => "NOTIMP",
        5 => "REFUSED",
        6 => "YXDOMAIN",
        7 => "YXRRSET",
        8 => "NXRRSET",
        9 => "NOTAUTH",
        10 => "NOTZONE",
        _ => "other",
    }
}

const MALFORMED: &str = "malformed";
const BADKEY: &str = "badkey";
const BADSIG: &str = "badsig";
const BADTIME: &str = "badtime";
const CUT: &str = "cut";
const REPLAY: &str = "replay";
const WHOLE: &str = "axfr";
const CHANGES: &str = "ixfr";
const CURRENT: &str = "current";
const TOO_LARGE: &str = "too-large";
const BROKEN: &str = "broken";
const SENT: &str = "sent";
const ANSWERED: &str = "answered";
const REFUSED: &str = "refused";
const GIVEN_UP: &str = "given-up";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_last_of_a_zone_and_of_its_secondaries_stands_there() {
        let (ledger, zone) = (Ledger::default(), "a.test".parse::<Name>().expect("a name"));
        let key = "k.test".parse::<Name>().expect("a name");
        let [one, other] = ["192.0.2.1:53", "192.0.2.2:53"].map(|text| text.parse().expect("one"));
        ledger.updated(&zone, &key, 7, 100);
        ledger.updated(&zone, &key, 8, 101);
        ledger.told(&zone, one, 8, 102);
        ledger.told(&zone, other, 8, 102);
        ledger.heard(&zone, one, 0, 103);
        ledger.given_up(&zone, other, 200);
        let outcome = Outcome::Changes;
        let sent = Sent { outcome, messages: 1, records: 4, bytes: 100 };
        ledger.transferred(&zone, 8, &sent, 104);
        ledger.distrusted(&Reason::BadTime(key, -9));
        ledger.answered(6);
        let report = ledger.report(3);
        let state = |address, state, time| SecondaryReport { address, serial: 8, state, time };
        let expect = OwnZoneReport {
            update: Some(UpdateReport { key: "k.test".to_owned(), serial: 8, time: 101 }),
            transfer: Some(TransferReport { what: "ixfr".to_owned(), serial: 8, time: 104 }),
            secondaries: vec![
                state(one, SecondaryState::Heard, 103),
                state(other, SecondaryState::Silent, 200),
            ],
        };
        assert_eq!(report.zones["a.test"], expect);
        assert_eq!((report.notifies["sent"], report.notifies["given-up"]), (2, 1));
        assert_eq!((report.distrusted["badtime"], report.distrusted["badsig"]), (1, 0));
        assert_eq!((report.updates["YXDOMAIN"], report.updates["NOERROR"]), (1, 0));
        assert_eq!((report.transferred_records, report.dropped), (4, 3));
        ledger.forget_secondaries();
        // Who answers late what he is not told any more changes nothing.
        ledger.heard(&zone, one, 0, 300);
        assert!(ledger.report(0).zones["a.test"].secondaries.is_empty());
    }
}

//! From one version of a list to the next.

use std::ops::ControlFlow;
use std::sync::Arc;

use repute_dnsxl::Name;
use repute_records::{Difference, Record};
use repute_zone::records::{self, SortedNames, WireRecord, records};
use repute_zone::{Zone, journal};
use xxhash_rust::xxh3::xxh3_128;

use super::Version;
use super::journal::{self as file, Head};
use crate::store::{Store, packed};
use crate::transfer::soa_record;

/// What is known of the version that a list has reached.
#[derive(Debug)]
pub(super) struct Standing {
    zone: Arc<Zone>,
    /// Its names in order.
    names: SortedNames,
    /// Its records.
    sum: Sum,
    /// Whether the file knows it, so that the next change can follow it there.
    is_kept: bool,
}

/// Records, added up: the same in whatever order they come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Sum {
    /// How many there are.
    records: u64,
    /// Their digests.
    digests: u128,
}

impl Standing {
    /// Goes through a version. If it is the one that the file knows, what the file has leads to it; else it begins anew.
    ///
    /// Other records at the serial that the file knows, as after an upgrade of this program that writes a list otherwise, are
    /// no beginning: secondaries may have the former ones, and a change of these records would not fit theirs. The next
    /// serial is one.
    pub(super) fn take_up(store: &Store, version: &Version) -> Standing {
        let (zone, names) = (&*version.zone, SortedNames::of(&version.zone));
        let mut sum = Sum::default();
        let mut bytes = Vec::new();
        let all = records::Version { zone, names: &names, now: version.now };
        // Nothing breaks it off.
        let _ = records(all, |record| {
            sum.add(digest(record, &mut bytes));
            ControlFlow::Continue(())
        });
        if let Some(soa) = soa(zone) {
            sum.add(digest_of(&soa, &mut bytes));
        }
        let head = Head { serial: zone.serial(), now: version.now, sum: sum.digests };
        let known = file::head(store, zone.apex());
        let kept = match known {
            Ok(Some(known)) if known == head => Ok(true),
            Ok(Some(known)) if known.serial == head.serial => {
                // Nor are the former ones, should they come back.
                let nobodys = Head { sum: NOBODYS, ..head };
                file::begin(store, zone.apex(), nobodys).map(|()| false)
            }
            Ok(_) => file::begin(store, zone.apex(), head).map(|()| true),
            Err(error) => Err(error),
        };
        let is_kept = matches!(kept, Ok(true));
        let kept = kept.map(|_| ());
        tell(zone.apex(), kept);
        Standing { zone: Arc::clone(&version.zone), names, sum, is_kept }
    }

    /// Whether it is what is known of a version.
    pub(super) fn is_of(&self, version: &Version) -> bool {
        Arc::ptr_eq(&self.zone, &version.zone)
    }

    /// Whether what the file has leads to it.
    pub(super) fn is_kept(&self) -> bool {
        self.is_kept
    }

    /// Goes on to another version, by a record of the journal if there is one, and keeps what changed unless that is more
    /// than is worth it. Also tells the time for which the records of the version are made.
    pub(super) fn follow(
        self,
        store: &Store,
        most: u64,
        from: &Version,
        to: &Version,
        record: Option<&journal::Record>,
    ) -> (Standing, u32) {
        let (before, after) = (&*from.zone, &*to.zone);
        if Arc::ptr_eq(&from.zone, &to.zone) {
            return (self, from.now);
        }
        let is_same_serial = after.serial() == before.serial();
        let leads = |record: &&journal::Record| {
            (record.from, record.to) == (before.serial(), after.serial())
        };
        let record = record.filter(leads);
        // What a journal changes has no delays, and a list that was built anew says the same.
        let now = if record.is_some() || is_same_serial { from.now } else { to.now };
        let names = match record {
            Some(record) => self.names.after(record, after),
            None => SortedNames::of(after),
        };
        let old = records::Version { zone: before, names: &self.names, now: from.now };
        let new = records::Version { zone: after, names: &names, now };
        let compared = match record {
            Some(record) => records::Difference::by(old, new, record),
            None => records::Difference::of(old, new),
        };
        // RFC 1982: nobody who has the one takes the other for later.
        let is_later = after.serial().wrapping_sub(before.serial()).cast_signed() > 0;
        let room = Room { records: (self.sum.records / 2).max(FEW), bytes: most };
        let step = self.is_kept.then(|| Step::of(&compared, before, after, self.sum, room));
        if let Some(Step { difference, sum }) = step.flatten() {
            let is_same = difference.is_empty() && difference.from == difference.to;
            if is_same_serial && is_same {
                return (Standing { zone: Arc::clone(&to.zone), names, sum, is_kept: true }, now);
            }
            let head = Head { serial: after.serial(), now, sum: sum.digests };
            if is_later
                && let Some(bytes) =
                    packed::difference(&difference).filter(|bytes| bytes.len() as u64 <= most)
            {
                let kept = file::append(store, after.apex(), head, bytes, most);
                let is_kept = kept.is_ok();
                tell(after.apex(), kept);
                return (Standing { zone: Arc::clone(&to.zone), names, sum, is_kept }, now);
            }
        }
        // It is begun anew, so it may as well be what holds now.
        (Standing::take_up(store, to), to.now)
    }
}

/// What a step may be at most.
#[derive(Clone, Copy)]
struct Room {
    records: u64,
    bytes: u64,
}

/// What changed, and the sum that it leads to.
struct Step {
    difference: Difference,
    sum: Sum,
}

impl Step {
    /// What two versions differ in, if that is not too much.
    fn of(
        compared: &records::Difference<'_>,
        before: &Zone,
        after: &Zone,
        mut sum: Sum,
        mut room: Room,
    ) -> Option<Step> {
        let (from, to) = (soa(before)?, soa(after)?);
        let (mut removed, mut added, mut bytes) = (Vec::new(), Vec::new(), Vec::new());
        let mut take = |record: WireRecord<'_>, into: &mut Vec<Record>| {
            let len = (record.owner.len() + record.data.len()) as u64;
            let left = room.records.checked_sub(1).zip(room.bytes.checked_sub(len));
            let (Some((records, bytes)), Ok(owner)) = (left, Name::from_wire(record.owner)) else {
                return ControlFlow::Break(());
            };
            room = Room { records, bytes };
            let WireRecord { rtype, ttl, data, .. } = record;
            into.push(Record { owner, rtype, ttl, data: Box::from(data) });
            ControlFlow::Continue(())
        };
        let flow = compared.removed(|record| {
            sum.remove(digest(record, &mut bytes));
            take(record, &mut removed)
        });
        if flow.is_break() {
            return None;
        }
        let flow = compared.added(|record| {
            sum.add(digest(record, &mut bytes));
            take(record, &mut added)
        });
        if flow.is_break() {
            return None;
        }
        sum.remove(digest_of(&from, &mut bytes));
        sum.add(digest_of(&to, &mut bytes));
        Some(Step { difference: Difference { from, to, removed, added }, sum })
    }
}

impl Sum {
    fn add(&mut self, digest: u128) {
        self.records += 1;
        self.digests = self.digests.wrapping_add(digest);
    }

    fn remove(&mut self, digest: u128) {
        self.records = self.records.saturating_sub(1);
        self.digests = self.digests.wrapping_sub(digest);
    }
}

/// The start of authority of a list.
fn soa(zone: &Zone) -> Option<Record> {
    zone.soa().map(|soa| soa_record(zone.apex(), soa))
}

/// A digest of a record; `bytes` is room for it.
fn digest(record: WireRecord<'_>, bytes: &mut Vec<u8>) -> u128 {
    bytes.clear();
    bytes.extend_from_slice(record.owner);
    bytes.extend_from_slice(&record.rtype.to_be_bytes());
    bytes.extend_from_slice(&record.ttl.to_be_bytes());
    bytes.extend_from_slice(record.data);
    xxh3_128(bytes)
}

/// The same of a record that stands alone.
fn digest_of(record: &Record, bytes: &mut Vec<u8>) -> u128 {
    let Record { owner, rtype, ttl, data } = record;
    digest(WireRecord { owner: owner.as_wire(), rtype: *rtype, ttl: *ttl, data }, bytes)
}

/// Tells if something could not be kept.
fn tell(apex: &Name, kept: Result<(), crate::store::StoreError>) {
    if let Err(error) = kept {
        tracing::warn!(
            zone = %apex,
            "what changed in `{apex}` is not kept, its secondaries get all of it once: {error}"
        );
    }
}

/// The sum of no list.
const NOBODYS: u128 = 0;
/// So many records are kept whatever the size of the list.
const FEW: u64 = 100;

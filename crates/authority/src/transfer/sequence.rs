//! The records of a transfer, in the order in which they are sent.

use std::ops::ControlFlow;

use repute_records::{Difference, Record, Zone, rtype};
use repute_zone::records::{SortedNames, Version, records};

/// A record as it is sent: owner, type, time to live, data.
pub(super) type Each<'e> = &'e mut dyn FnMut(&[u8], u16, u32, &[u8]) -> ControlFlow<()>;

/// All of an ordinary zone, between its SOA (RFC 5936 section 2.2).
pub(super) fn zone(zone: &Zone, each: Each<'_>) -> ControlFlow<()> {
    let soa = zone.soa_record();
    push(&soa, each)?;
    for node in zone.iter() {
        for set in node.iter().filter(|set| set.rtype() != rtype::SOA) {
            for data in set.iter() {
                each(node.owner().as_wire(), set.rtype(), set.ttl(), data)?;
            }
        }
    }
    push(&soa, each)
}

/// All of a list, between its SOA.
pub(super) fn list(
    zone: &repute_zone::Zone,
    soa: &Record,
    now: u32,
    each: Each<'_>,
) -> ControlFlow<()> {
    push(soa, each)?;
    let names = SortedNames::of(zone);
    let version = Version { zone, names: &names, now };
    records(version, |record| each(record.owner, record.rtype, record.ttl, record.data))?;
    push(soa, each)
}

/// What changed, step by step (RFC 1995 section 4): the SOA that is reached, each step with the SOA it leads from and
/// what goes, the SOA it leads to and what comes, and the first SOA again.
pub(super) fn changes(steps: &[Difference], each: Each<'_>) -> ControlFlow<()> {
    let Some(last) = steps.last() else { return ControlFlow::Continue(()) };
    push(&last.to, each)?;
    for step in steps {
        push(&step.from, each)?;
        step.removed.iter().try_for_each(|record| push(record, each))?;
        push(&step.to, each)?;
        step.added.iter().try_for_each(|record| push(record, each))?;
    }
    push(&last.to, each)
}

fn push(record: &Record, each: Each<'_>) -> ControlFlow<()> {
    each(record.owner.as_wire(), record.rtype, record.ttl, &record.data)
}

//! The records of a whole transfer, in the order in which they are sent. Those of what changed are the store's.

use std::ops::ControlFlow;

use repute_records::{Record, Zone, rtype};
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

fn push(record: &Record, each: Each<'_>) -> ControlFlow<()> {
    each(record.owner.as_wire(), record.rtype, record.ttl, &record.data)
}

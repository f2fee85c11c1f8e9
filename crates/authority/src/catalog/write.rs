//! Writes catalogs of our own zones.
//!
//! They lie in the store, so that what changed in them is known to secondaries that ask for that only; the serial is the
//! time, so that it goes up even where the store began anew.

use std::collections::BTreeSet;

use repute_dnsxl::Name;
use repute_records::{Advance, Record, Zone, rtype};
use ring::digest::{SHA256, digest};

use super::{Catalog, Listed};
use crate::store::{Fault, Store, StoreError};

/// Has catalogs in the store be what they should be, at a time in seconds since 1970.
///
/// # Errors
/// If the store cannot be written.
pub(crate) fn keep(store: &Store, catalogs: &[Catalog], now: u32) -> Result<(), StoreError> {
    if catalogs.is_empty() {
        return Ok(());
    }
    let wanted: Vec<(Name, BTreeSet<Record>)> = catalogs
        .iter()
        .map(|catalog| (catalog.apex.clone(), records(&catalog.apex, &catalog.members)))
        .collect();
    let kept = store.turn(move |turn| {
        for (apex, wanted) in &wanted {
            let Some(before) = turn.zone(apex) else {
                let first = std::iter::once(soa(apex, now)).chain(wanted.iter().cloned());
                let made = Zone::new(apex.clone(), first);
                let (zone, _) = made.map_err(|why| Fault::Undo(why.to_string()))?;
                turn.put(zone, NO_SEED)?;
                continue;
            };
            let before: BTreeSet<Record> =
                before.records().filter(|record| record.rtype != rtype::SOA).collect();
            let gone: Vec<&Record> = before.difference(wanted).collect();
            let new: Vec<&Record> = wanted.difference(&before).collect();
            if gone.is_empty() && new.is_empty() {
                continue;
            }
            turn.edit(apex, Advance::Time(now), |editor, _| {
                for Record { owner, rtype, data, .. } in gone {
                    editor.remove(owner, *rtype, data);
                }
                let mut added = new.into_iter().map(|record| editor.add(record));
                added.try_for_each(|added| added.map_err(|why| Fault::Undo(why.to_string())))
            })?;
        }
        Ok(())
    });
    kept.wait()
}

/// The records of a catalog but for its SOA (RFC 9432 section 4).
fn records(apex: &Name, members: &[Listed]) -> BTreeSet<Record> {
    let record = |labels: &[&[u8]], rtype: u16, data: Vec<u8>| {
        let mut owner = Vec::new();
        for label in labels {
            owner.push(u8::try_from(label.len()).ok()?);
            owner.extend_from_slice(label);
        }
        owner.extend_from_slice(apex.as_wire());
        let owner = Name::from_wire(&owner).ok()?;
        Some(Record { owner, rtype, ttl: TTL, data: data.into_boxed_slice() })
    };
    let mut records = vec![
        record(&[], rtype::NS, INVALID.to_vec()),
        record(&[b"version"], rtype::TXT, b"\x012".to_vec()),
    ];
    for Listed { zone, group } in members {
        let label = label(zone);
        let member = zone.as_wire().to_vec();
        records.push(record(&[label.as_bytes(), b"zones"], rtype::PTR, member));
        records.push(group.as_ref().and_then(|group| {
            let data = [&[u8::try_from(group.len()).ok()?], group.as_bytes()].concat();
            record(&[b"group", label.as_bytes(), b"zones"], rtype::TXT, data)
        }));
    }
    records.into_iter().flatten().collect()
}

/// The label of a member: the same as long as its name is, whatever else is in the catalog.
fn label(zone: &Name) -> String {
    let digest = digest(&SHA256, zone.as_wire());
    digest.as_ref().iter().take(LABEL / 2).map(|byte| format!("{byte:02x}")).collect()
}

/// The SOA of a catalog that begins.
fn soa(apex: &Name, now: u32) -> Record {
    let numbers = [now, REFRESH, RETRY, EXPIRE, TTL].into_iter().flat_map(u32::to_be_bytes);
    let data = INVALID.iter().copied().chain(INVALID.iter().copied()).chain(numbers).collect();
    Record { owner: apex.clone(), rtype: rtype::SOA, ttl: TTL, data }
}

/// RFC 9432 section 4.1: no name server is meant.
const INVALID: &[u8] = b"\x07invalid\x00";
/// Nobody should remember what is asked by secondaries only.
const TTL: u32 = 0;
/// How often secondaries ask, should they not be told: once an hour.
const REFRESH: u32 = 3_600;
/// And after a failure.
const RETRY: u32 = 600;
/// For how long they take it for true: 30 days.
const EXPIRE: u32 = 2_592_000;
/// Letters of a member's label.
const LABEL: usize = 32;
/// Bytes of the longest name that a catalog can have, with room for what is before it.
pub const LONGEST_APEX: usize = 255 - (1 + LABEL) - 2 * 6;
/// What the store knows a catalog by: no file.
const NO_SEED: u64 = 1;

#[cfg(test)]
mod tests {
    use super::super::{Member, members};
    use super::*;
    use crate::store::Limits;

    #[test]
    fn a_catalog_is_what_it_is_read_as_and_goes_on_only_by_what_changes() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(&folder.path().join("z"), Limits::default()).expect("a store");
        let name = |text: &str| text.parse::<Name>().expect("a name");
        let catalog = |zones: &[(&str, Option<&str>)]| {
            let listed = |(zone, group): &(&str, Option<&str>)| Listed {
                zone: name(zone),
                group: group.map(str::to_owned),
            };
            let members = zones.iter().map(listed).collect();
            let (index, live) =
                (repute_nameserver::ZoneIndex(0), repute_nameserver::Live::default());
            Catalog { apex: name("c.test"), index, live, members }
        };
        let now = |zones: &[(&str, Option<&str>)], time: u32| {
            keep(&store, &[catalog(zones)], time).expect("kept");
            let zone = store.zone(&name("c.test")).expect("there");
            let mut members = members(&zone, 10).expect("sound");
            members.sort_by(|one, other| one.zone.cmp(&other.zone));
            (zone.serial(), members)
        };
        let (serial, first) = now(&[("a.test", Some("x")), ("b.test", None)], 100);
        let zones: Vec<String> = first.iter().map(|member| member.zone.to_string()).collect();
        assert_eq!((serial, zones), (100, vec!["a.test".to_owned(), "b.test".to_owned()]));
        assert_eq!(first[0].groups, [b"x".to_vec()]);
        assert_eq!(now(&[("b.test", None), ("a.test", Some("x"))], 200).0, 100, "nothing changed");
        let (serial, second) = now(&[("b.test", None), ("c.test", None)], 50);
        assert_eq!(serial, 101, "it never goes back");
        let label = |members: &[Member], place: usize| members[place].label.clone();
        assert_eq!(label(&first, 1), label(&second, 0), "whatever else is there");
        let steps = store.since(&name("c.test"), 100).expect("read").expect("known");
        assert_eq!((steps[0].removed.len(), steps[0].added.len()), (2, 1));
        assert_eq!(now(&[], 300), (300, Vec::new()));
    }

    #[test]
    fn the_longest_name_has_room_for_its_members() {
        let long = |len: usize| -> Name {
            let mut wire = Vec::new();
            while wire.len() + 1 < len {
                let label = (len - 2 - wire.len()).min(63);
                wire.push(u8::try_from(label).expect("short"));
                wire.extend(std::iter::repeat_n(b'a', label));
            }
            wire.push(0);
            Name::from_wire(&wire).expect("a name")
        };
        let member = Listed { zone: long(250), group: Some("g".to_owned()) };
        for (len, count) in [(LONGEST_APEX, 4), (LONGEST_APEX + 1, 3)] {
            let apex = long(len);
            assert_eq!(apex.as_wire().len(), len);
            assert_eq!(records(&apex, std::slice::from_ref(&member)).len(), count, "{len}");
        }
    }
}

//! A zone being changed: each step by itself, the whole with one new serial.

use std::collections::BTreeMap;
use std::sync::Arc;

use repute_dnsxl::Name;

use crate::difference::{Difference, Misfit};
use crate::path::Path;
use crate::rdata;
use crate::record::{Record, RecordSet};
use crate::rtype::SOA;
use crate::zone::{Soa, Unfit, Zone, fits, gather};

/// A zone being changed. What is shared with the zone before is not copied.
#[derive(Clone, Debug)]
pub struct Editor {
    old: Arc<Zone>,
    zone: Zone,
    /// Sets as they were before, of each name and type that was touched.
    touched: BTreeMap<(Arc<[u8]>, u16), Touched>,
}

/// A name and type that was touched.
#[derive(Clone, Debug)]
struct Touched {
    owner: Name,
    before: Option<RecordSet>,
}

/// How a zone's serial goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Advance {
    /// By one, or to the serial that a change brought with it if that is later.
    Next,
    /// To this time, in seconds since 1970, if that is later; else by one.
    Time(u32),
}

impl Editor {
    /// Begins with a zone.
    pub fn new(zone: &Arc<Zone>) -> Editor {
        Editor { old: Arc::clone(zone), zone: Zone::clone(zone), touched: BTreeMap::new() }
    }

    /// The zone with all changes so far, still with the serial it had, unless a SOA was set.
    pub fn zone(&self) -> &Zone {
        &self.zone
    }

    /// Adds a record, or renews it: all of its name and type get its time to live (RFC 2181 section 5.2).
    ///
    /// # Errors
    /// If it has no place in the zone.
    pub fn add(&mut self, record: &Record) -> Result<(), Unfit> {
        let Record { owner, rtype, ttl, data } = record;
        fits(self.zone.apex(), owner, *rtype)?;
        let new = match self.set(owner, *rtype) {
            None => RecordSet::new(*rtype, *ttl, [&**data]),
            Some(set) if set.has(data) && *rtype != SOA => set.with_ttl(*ttl),
            Some(_) if *rtype == SOA => RecordSet::new(*rtype, *ttl, [&**data]),
            Some(set) => {
                let mut all: Vec<Record> = set.records(owner).collect();
                all.push(record.clone());
                all.iter_mut().for_each(|record| record.ttl = *ttl);
                let too_many = || Unfit::TooMany { owner: owner.clone(), rtype: *rtype };
                gather(*rtype, &all).ok_or_else(too_many)?
            }
        };
        self.put(owner, *rtype, Some(new));
        Ok(())
    }

    /// Replaces all records of a name and type by these, or removes them; with nothing, too, if there were none.
    ///
    /// # Errors
    /// If they have no place in the zone.
    pub fn replace(
        &mut self,
        owner: &Name,
        rtype: u16,
        ttl: u32,
        data: &[&[u8]],
    ) -> Result<(), Unfit> {
        fits(self.zone.apex(), owner, rtype)?;
        let records: Vec<Record> = data
            .iter()
            .map(|data| Record { owner: owner.clone(), rtype, ttl, data: Box::from(*data) })
            .collect();
        if records.is_empty() {
            self.put(owner, rtype, None);
            return Ok(());
        }
        let set = gather(rtype, &records)
            .ok_or_else(|| Unfit::TooMany { owner: owner.clone(), rtype })?;
        self.put(owner, rtype, Some(set));
        Ok(())
    }

    /// Removes a record; whether it was there.
    pub fn remove(&mut self, owner: &Name, rtype: u16, data: &[u8]) -> bool {
        let Some(set) = self.set(owner, rtype).filter(|set| set.has(data)) else { return false };
        let left: Vec<&[u8]> = set.iter().filter(|own| !rdata::same(rtype, own, data)).collect();
        let left = (!left.is_empty()).then(|| RecordSet::new(rtype, set.ttl(), left));
        self.put(owner, rtype, left);
        true
    }

    /// Removes all records of a name and type; whether there were any.
    pub fn remove_set(&mut self, owner: &Name, rtype: u16) -> bool {
        if self.set(owner, rtype).is_none() {
            return false;
        }
        self.put(owner, rtype, None);
        true
    }

    /// Applies what a transfer or a journal says.
    ///
    /// # Errors
    /// If it does not lead on from this version, or says what cannot be; the editor must not be used then.
    pub fn apply(&mut self, difference: &Difference) -> Result<(), Misfit> {
        let serial =
            |record: &Record| Soa::read(&record.data).map(|soa| soa.serial).ok_or(Misfit::Soa);
        let (expected, found) = (self.zone.serial(), serial(&difference.from)?);
        serial(&difference.to)?;
        if expected != found {
            return Err(Misfit::From { expected, found });
        }
        for Record { owner, rtype, data, .. } in &difference.removed {
            if !self.remove(owner, *rtype, data) {
                return Err(Misfit::Missing { owner: owner.clone(), rtype: *rtype });
            }
        }
        for record in &difference.added {
            self.add(record)?;
        }
        Ok(self.add(&difference.to)?)
    }

    /// Ends: the zone with its new serial and what changed; nothing if nothing did.
    pub fn finish(self, advance: Advance) -> Option<(Zone, Difference)> {
        let is_changed = self.touched.iter().any(|((path, rtype), touched)| {
            self.zone.nodes.get(path).and_then(|node| node.get(*rtype)) != touched.before.as_ref()
        });
        if !is_changed {
            return None;
        }
        let (old, new) = (self.old.serial(), self.zone.serial());
        let next = match advance {
            // A SOA that a change brought is later already.
            Advance::Next | Advance::Time(_) if is_later(new, old) => new,
            Advance::Time(now) if is_later(now, old) => now,
            // RFC 1982 section 3.1; zero is skipped, as some servers take it for none.
            Advance::Next | Advance::Time(_) => old.wrapping_add(1).max(1),
        };
        Some(self.finish_at(next))
    }

    /// Ends with the serial that the zone has now, as a transfer brings its own.
    pub fn finish_as_is(self) -> (Zone, Difference) {
        let serial = self.zone.serial();
        self.finish_at(serial)
    }

    /// Ends with a serial.
    fn finish_at(mut self, serial: u32) -> (Zone, Difference) {
        let mut soa = self.zone.soa_record();
        if let Some(at) = soa.data.len().checked_sub(20)
            && let Some(place) = soa.data.get_mut(at..at + 4)
        {
            place.copy_from_slice(&serial.to_be_bytes());
        }
        let apex = self.zone.apex().clone();
        self.put(&apex, SOA, Some(RecordSet::new(SOA, soa.ttl, [&*soa.data])));
        let (mut removed, mut added) = (Vec::new(), Vec::new());
        for ((path, rtype), Touched { owner, before }) in &self.touched {
            if *rtype == SOA {
                continue;
            }
            let after = self.zone.nodes.get(path).and_then(|node| node.get(*rtype));
            compare(owner, before.as_ref(), after, &mut removed, &mut added);
        }
        let difference = Difference { from: self.old.soa_record(), to: soa, removed, added };
        (self.zone, difference)
    }

    /// The records of a name and type.
    fn set(&self, owner: &Name, rtype: u16) -> Option<&RecordSet> {
        self.zone.node(owner)?.get(rtype)
    }

    /// Puts a set in the place of the one before, and remembers that.
    fn put(&mut self, owner: &Name, rtype: u16, set: Option<RecordSet>) {
        let path = Path::of_wire_below(owner.as_wire(), self.zone.depth());
        let node = self.zone.nodes.get(path.as_bytes());
        let before = node.and_then(|node| node.get(rtype)).cloned();
        let mut sets: Vec<RecordSet> = node
            .map(|node| node.iter().filter(|set| set.rtype() != rtype).cloned().collect())
            .unwrap_or_default();
        if let Some(set) = set {
            let at = sets.partition_point(|other| other.rtype() < rtype);
            sets.insert(at, set);
        }
        self.zone.put(path.as_bytes(), owner, sets);
        let key = (Arc::from(path.as_bytes()), rtype);
        self.touched.entry(key).or_insert_with(|| Touched { owner: owner.clone(), before });
    }
}

/// Adds to `removed` and `added` what turns one set into another.
fn compare(
    owner: &Name,
    before: Option<&RecordSet>,
    after: Option<&RecordSet>,
    removed: &mut Vec<Record>,
    added: &mut Vec<Record>,
) {
    if before == after {
        return;
    }
    let same_ttl = before.map(RecordSet::ttl) == after.map(RecordSet::ttl);
    // To the byte: a name in other letters is the same record in DNS, and still another one to be sent.
    let kept = |set: Option<&RecordSet>, data: &[u8]| {
        same_ttl && set.is_some_and(|set| set.iter().any(|other| other == data))
    };
    let without = |set: Option<&RecordSet>, other: Option<&RecordSet>| {
        let records = set.into_iter().flat_map(|set| set.records(owner));
        records.filter(|record| !kept(other, &record.data)).collect::<Vec<_>>()
    };
    removed.extend(without(before, after));
    added.extend(without(after, before));
}

/// Whether a serial is later than another (RFC 1982 section 3.2).
pub(crate) fn is_later(one: u32, other: u32) -> bool {
    one.wrapping_sub(other).cast_signed() > 0
}

/// What changed between two zones that were read whole; nothing if they are the same but for the serial.
impl Difference {
    /// Compares two zones of one apex.
    pub fn between(old: &Zone, new: &Zone) -> Difference {
        let (mut removed, mut added) = (Vec::new(), Vec::new());
        let mut names: Vec<(&Arc<[u8]>, &Name)> = Vec::new();
        for item in old.nodes.diff(&new.nodes) {
            use imbl::ordmap::DiffItem::{Add, Remove, Update};
            match item {
                Add(path, node) => names.push((path, node.owner())),
                Remove(path, node) => names.push((path, node.owner())),
                Update { old: (path, node), .. } => names.push((path, node.owner())),
            }
        }
        for (path, owner) in names {
            let (before, after) = (old.nodes.get(path), new.nodes.get(path));
            let types = |node: Option<&Arc<crate::zone::Node>>| {
                node.into_iter()
                    .flat_map(|node| node.iter().map(RecordSet::rtype))
                    .collect::<Vec<_>>()
            };
            let mut rtypes = [types(before), types(after)].concat();
            rtypes.sort_unstable();
            rtypes.dedup();
            for rtype in rtypes.into_iter().filter(|rtype| *rtype != SOA) {
                let of = |node: Option<&'_ Arc<crate::zone::Node>>| {
                    node.and_then(|node| node.get(rtype)).cloned()
                };
                compare(owner, of(before).as_ref(), of(after).as_ref(), &mut removed, &mut added);
            }
        }
        Difference { from: old.soa_record(), to: new.soa_record(), removed, added }
    }
}

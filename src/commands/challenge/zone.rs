//! The zone of the challenge service: one of those that lie in the store, in whose file the accounts are too.
//!
//! What an account does and what the zone has from then on is one turn of the store: one transaction, one serial, one step
//! of the journal, and secondaries are told of it as of an update.
//!
//! The zone has the lines of the configuration and the values of the accounts, and nothing else, so it is made of these at
//! each start, and again when the lines were changed.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use redb::{ReadTransaction, WriteTransaction};
use repute_authority::store::{self, Store, StoreError, Turn};
use repute_challenge::{Fault, Turns, TxtChange, zone_values};
use repute_dnsxl::Name;
use repute_records::{Advance, Editor, Record, Unfit, Zone, rtype};

/// The zone and its accounts, in a store.
#[derive(Debug)]
pub(crate) struct ChallengeZone {
    store: Arc<Store>,
    apex: Name,
    /// What it was last made of, besides the values.
    records: Mutex<Vec<Record>>,
}

impl ChallengeZone {
    /// The zone of a name, made of these records, a SOA among them, and of the values that accounts have.
    ///
    /// It waits for the disk, so no task may call it.
    ///
    /// # Errors
    /// If the store cannot be written, or the records are no zone.
    pub(in crate::commands) fn begin(
        store: Arc<Store>,
        apex: Name,
        records: Vec<Record>,
    ) -> Result<ChallengeZone, StoreError> {
        let zone = ChallengeZone { store, apex, records: Mutex::default() };
        zone.renew(records)?;
        Ok(zone)
    }

    /// Its name.
    pub(in crate::commands) fn apex(&self) -> &Name {
        &self.apex
    }

    /// Has the zone be of these records and of the values. Like [`begin`](Self::begin), it waits for the disk.
    ///
    /// # Errors
    /// If the store cannot be written, or the records are no zone; all is as it was then.
    pub(in crate::commands) fn renew(&self, records: Vec<Record>) -> Result<(), StoreError> {
        let mut last = self.records.lock().unwrap_or_else(PoisonError::into_inner);
        if *last == records {
            return Ok(());
        }
        let (apex, now, all) = (self.apex.clone(), now(), records.clone());
        let work = move |turn: &mut Turn<'_>| {
            let values = zone_values(turn.transaction(), &apex).map_err(|fault| undone(&fault))?;
            if turn.zone(&apex).is_some() {
                let edit = |editor: &mut Editor| make_of(editor, &all, &values);
                turn.edit(&apex, Advance::Time(now), |editor, _| Ok(edit(editor)?))?;
                return Ok(());
            }
            let (first, unfit) = Zone::new(apex.clone(), all.iter().cloned())?;
            if let Some(unfit) = unfit.into_iter().next() {
                return Err(unfit.into());
            }
            let mut editor = Editor::new(&Arc::new(first));
            values.iter().try_for_each(|change| put(&mut editor, change))?;
            // Where a store was lost, secondaries know the serials that it had until then.
            let serial = editor.zone().serial().max(now);
            editor.add(&at_serial(editor.zone().soa_record(), serial))?;
            turn.put(editor.finish_as_is().0, NO_SEED)
        };
        self.store.turn(work).wait()?;
        *last = records;
        Ok(())
    }
}

impl Turns for ChallengeZone {
    fn turn<R, W>(&self, mut work: W) -> impl Future<Output = Result<R, Fault>> + Send
    where
        R: Send + 'static,
        W: FnMut(&WriteTransaction) -> Result<(R, Vec<TxtChange>), Fault> + Send + 'static,
    {
        let (apex, now) = (self.apex.clone(), now());
        let why = Arc::new(Mutex::new(None));
        let told = Arc::clone(&why);
        let waiting = self.store.turn(move |turn| {
            let (value, changes) = match work(turn.transaction()) {
                Ok(done) => done,
                // It has written nothing, so there is nothing to undo, and others go on.
                Err(refusal) if refusal.is_refusal() => return Ok(Err(refusal)),
                Err(Fault::Store(error)) => return Err(failed(error)),
                Err(fault) => {
                    let undone = undone(&fault);
                    *told.lock().unwrap_or_else(PoisonError::into_inner) = Some(fault);
                    return Err(undone);
                }
            };
            if !changes.is_empty() {
                let edit =
                    |editor: &mut Editor| changes.iter().try_for_each(|change| put(editor, change));
                turn.edit(&apex, Advance::Time(now), |editor, _| Ok(edit(editor)?))?;
            }
            Ok(Ok(value))
        });
        async move {
            waiting.done().await.unwrap_or_else(|error| {
                let told = why.lock().unwrap_or_else(PoisonError::into_inner).take();
                Err(told.unwrap_or_else(|| of_store(error)))
            })
        }
    }

    fn read(&self) -> Result<ReadTransaction, Fault> {
        self.store.begin_read().map_err(of_store)
    }
}

/// Has a zone be of some records and values and of nothing else. Its serial is its own: that of the records is not taken.
fn make_of(editor: &mut Editor, records: &[Record], values: &[TxtChange]) -> Result<(), Unfit> {
    let before = Zone::clone(editor.zone());
    let mut wanted: HashMap<(&Name, u16), Wanted<'_>> = HashMap::new();
    for record in records {
        let Record { owner, rtype, ttl, data } = record;
        let set = wanted.entry((owner, *rtype)).or_insert(Wanted { ttl: *ttl, data: Vec::new() });
        // All of a name and type have one time to live (RFC 2181 section 5.2).
        set.ttl = set.ttl.min(*ttl);
        set.data.push(data);
    }
    let valued: HashSet<&Name> = values.iter().map(|change| &change.name).collect();
    for node in before.iter() {
        for set in node.iter() {
            let is_wanted = wanted.contains_key(&(node.owner(), set.rtype()));
            let is_value = set.rtype() == rtype::TXT && valued.contains(node.owner());
            if !is_wanted && !is_value {
                editor.remove_set(node.owner(), set.rtype());
            }
        }
    }
    for ((owner, of_type), Wanted { ttl, data }) in wanted {
        if of_type == rtype::SOA {
            continue;
        }
        editor.replace(owner, of_type, ttl, &data)?;
    }
    for soa in records.iter().filter(|record| record.rtype == rtype::SOA) {
        editor.add(&at_serial(soa.clone(), before.serial()))?;
    }
    values.iter().try_for_each(|change| put(editor, change))
}

/// What a name shall have of one type.
struct Wanted<'a> {
    /// Its time to live.
    ttl: u32,
    /// The data of each record.
    data: Vec<&'a [u8]>,
}

/// Has a name of a zone have these values.
fn put(editor: &mut Editor, change: &TxtChange) -> Result<(), Unfit> {
    // A value is a string of at most 255 bytes (RFC 1035 section 3.3), and has 43.
    let string = |text: &Vec<u8>| {
        let length = u8::try_from(text.len()).unwrap_or(u8::MAX);
        let text = text.get(..usize::from(length)).unwrap_or_default();
        [&[length], text].concat()
    };
    let data: Vec<Vec<u8>> = change.values.iter().map(string).collect();
    let data: Vec<&[u8]> = data.iter().map(Vec::as_slice).collect();
    editor.replace(&change.name, rtype::TXT, TTL, &data)
}

/// A SOA record with another serial, which stands before the last four of its numbers (RFC 1035 section 3.3.13).
fn at_serial(mut soa: Record, serial: u32) -> Record {
    if let Some(at) = soa.data.len().checked_sub(20)
        && let Some(place) = soa.data.get_mut(at..at + 4)
    {
        place.copy_from_slice(&serial.to_be_bytes());
    }
    soa
}

/// The work gives up.
fn undone(fault: &Fault) -> store::Fault {
    store::Fault::Undo(fault.to_string())
}

/// The file failed at the work.
fn failed(error: Arc<redb::Error>) -> store::Fault {
    match Arc::try_unwrap(error) {
        Ok(error) => store::Fault::File(Box::new(error)),
        // Somebody keeps it to tell it, so the words are left for us.
        Err(error) => store::Fault::Undo(error.to_string()),
    }
}

/// What an error of the store is to those who wait for a turn.
fn of_store(error: StoreError) -> Fault {
    match error {
        StoreError::Busy => Fault::Busy,
        StoreError::Stopped => Fault::Closed,
        error => Fault::Owner(error.to_string()),
    }
}

/// The time in seconds since 1970, by which serials go on.
fn now() -> u32 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u32::try_from(since.as_secs()).unwrap_or(u32::MAX)
}

/// Time to live of values: whoever looks for one wants the newest.
const TTL: u32 = 1;
/// What the store knows of the records that the zone began with: they are laid over it at each start.
const NO_SEED: u64 = 0;

#[cfg(test)]
mod tests;

//! A turn: all work that waits, in one transaction.
//!
//! Work that fails must not take other work with it. If it has written something, the transaction is given up and the
//! others are run again without it, which is why work can be run more than once.
//!
//! A commit that fails may be on the disk or not; the file is opened again and says so by the number of its last turn.
//! So nobody is told that his change failed which then is there after all, nor the other way round.

use std::cell::Cell;
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use redb::WriteTransaction;
use repute_dnsxl::Name;
use repute_records::{Advance, Difference, Editor, Record, Zone, rtype};
use tokio::sync::oneshot;

use super::file::{JOURNAL, META, SETS, TURN, ZONES};
use super::{Held, Journal, Limits, Shared, StoreError, packed};

/// Why a piece of work fails.
#[derive(Debug)]
pub enum Fault {
    /// The file failed, and with it the whole turn.
    File(Box<redb::Error>),
    /// The work gives up; nothing of it is done, and other work goes on.
    Undo(String),
}

impl From<redb::StorageError> for Fault {
    fn from(error: redb::StorageError) -> Fault {
        match error {
            redb::StorageError::ValueTooLarge(_) => Fault::Undo(error.to_string()),
            error => Fault::File(Box::new(error.into())),
        }
    }
}

impl From<repute_records::Unfit> for Fault {
    fn from(unfit: repute_records::Unfit) -> Fault {
        Fault::Undo(unfit.to_string())
    }
}

impl From<redb::TableError> for Fault {
    fn from(error: redb::TableError) -> Fault {
        match error {
            redb::TableError::Storage(error) => error.into(),
            // A fault of the work, and none of the file.
            error => Fault::Undo(error.to_string()),
        }
    }
}

/// A turn at work: zones as they are in it, and the transaction for other tables.
pub struct Turn<'t> {
    transaction: &'t WriteTransaction,
    held: &'t HashMap<Name, Held>,
    pending: &'t mut HashMap<Name, Option<Held>>,
    limits: &'t Limits,
    /// Bytes of all journals before the turn.
    journals: u64,
    wrote: &'t Cell<bool>,
}

impl std::fmt::Debug for Turn<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Turn").field("changed", &self.pending.len()).finish_non_exhaustive()
    }
}

impl Turn<'_> {
    /// The transaction, for tables of others, whose names must not be those of the store: `meta`, `zones`, `records`,
    /// `journal`, nor those of [`crate::lists`]: `lists`, `list-changes`. Those of the challenge service begin with `challenge-`. Whoever takes it is thought to write. Committing is not his.
    pub fn transaction(&self) -> &WriteTransaction {
        self.wrote.set(true);
        self.transaction
    }

    /// A zone with all changes of the turn so far.
    pub fn zone(&self, apex: &Name) -> Option<Arc<Zone>> {
        self.held(apex).map(|held| Arc::clone(&held.zone))
    }

    /// Changes a zone by an editor, with a new serial if anything changes; the serial it has then. What the edit does
    /// besides goes with it: in tables of others, by the [`transaction`](Turn::transaction).
    ///
    /// # Errors
    /// If there is no such zone, the edit gives up, or the file fails.
    pub fn edit(
        &mut self,
        apex: &Name,
        advance: Advance,
        edit: impl FnOnce(&mut Editor, &WriteTransaction) -> Result<(), Fault>,
    ) -> Result<u32, Fault> {
        let before = self.zone(apex).ok_or_else(|| no_zone(apex))?;
        let mut editor = Editor::new(&before);
        edit(&mut editor, self.transaction())?;
        let Some((after, difference)) = editor.finish(advance) else { return Ok(before.serial()) };
        let serial = after.serial();
        self.change(after, &difference)?;
        Ok(serial)
    }

    /// Keeps a zone's next version, and what changed.
    ///
    /// # Errors
    /// If it does not follow from the version before, or the file fails.
    pub fn change(&mut self, zone: Zone, difference: &Difference) -> Result<(), Fault> {
        let apex = zone.apex().clone();
        let Some(Held { zone: before, seed, journal }) = self.held(&apex).cloned() else {
            return Err(no_zone(&apex));
        };
        if before.soa_record() != difference.from {
            return Err(Fault::Undo(format!("zone {apex} was changed meanwhile: try again")));
        }
        self.wrote.set(true);
        let mut touched: Vec<(&Name, u16)> = difference
            .removed
            .iter()
            .chain(&difference.added)
            .map(|Record { owner, rtype, .. }| (owner, *rtype))
            .chain([(&apex, rtype::SOA)])
            .collect();
        touched.sort_unstable();
        touched.dedup();
        {
            let mut sets = self.transaction.open_table(SETS)?;
            for (owner, rtype) in touched {
                let key = (apex.as_wire(), owner.as_wire(), rtype);
                match zone.node(owner).and_then(|node| node.get(rtype)) {
                    Some(set) => drop(sets.insert(key, &packed::set(set)[..])?),
                    None => drop(sets.remove(key)?),
                }
            }
        }
        let journal = self.note(&apex, journal, difference)?;
        self.keep(apex, Held { zone: Arc::new(zone), seed, journal })
    }

    /// Keeps a zone that begins, or begins anew; what is known of former changes is forgotten.
    ///
    /// # Errors
    /// If the file fails.
    pub fn put(&mut self, zone: Zone, seed: u64) -> Result<(), Fault> {
        let apex = zone.apex().clone();
        self.remove(&apex)?;
        {
            let mut sets = self.transaction.open_table(SETS)?;
            for node in zone.iter() {
                for set in node.iter() {
                    let key = (apex.as_wire(), node.owner().as_wire(), set.rtype());
                    sets.insert(key, &packed::set(set)[..])?;
                }
            }
        }
        self.keep(apex, Held { zone: Arc::new(zone), seed, journal: Journal::default() })
    }

    /// Keeps a zone as what changed since the version that is kept, so that who follows it gets no more than that. With a
    /// serial that is not later, or with more changes than a journal takes, it begins anew.
    ///
    /// # Errors
    /// If the file fails.
    pub fn succeed(&mut self, zone: Zone, seed: u64) -> Result<(), Fault> {
        let Some(Held { zone: known, seed: known_seed, .. }) = self.held(zone.apex()).cloned()
        else {
            return self.put(zone, seed);
        };
        if *known != zone {
            // RFC 1982.
            let is_later = zone.serial().wrapping_sub(known.serial()).cast_signed() > 0;
            if !is_later {
                return self.put(zone, seed);
            }
            match self.change(zone.clone(), &Difference::between(&known, &zone)) {
                Ok(()) => {}
                Err(Fault::Undo(_)) => return self.put(zone, seed),
                Err(fault) => return Err(fault),
            }
        }
        if known_seed == seed { Ok(()) } else { self.note_seed(zone.apex(), seed) }
    }

    /// Notes the digest of the records that a zone was given to begin with, though it began long ago.
    ///
    /// # Errors
    /// If there is no such zone, or the file fails.
    pub fn note_seed(&mut self, apex: &Name, seed: u64) -> Result<(), Fault> {
        let Some(held) = self.held(apex).cloned() else {
            return Err(no_zone(apex));
        };
        self.wrote.set(true);
        self.keep(apex.clone(), Held { seed, ..held })
    }

    /// Forgets a zone.
    ///
    /// # Errors
    /// If the file fails.
    pub fn remove(&mut self, apex: &Name) -> Result<(), Fault> {
        self.wrote.set(true);
        let wire = apex.as_wire();
        if self.held(apex).is_some() {
            let mut sets = self.transaction.open_table(SETS)?;
            // A name is prefix-free, so a zone's keys stand together.
            let all = (wire, &[][..], 0)..=(wire, &LAST_NAME[..], u16::MAX);
            sets.retain_in(all, |_, _| false)?;
            let mut journal = self.transaction.open_table(JOURNAL)?;
            journal.retain_in((wire, 0)..=(wire, u64::MAX), |_, _| false)?;
            self.transaction.open_table(ZONES)?.remove(wire)?;
        }
        self.pending.insert(apex.clone(), None);
        Ok(())
    }

    /// A zone with all changes so far.
    fn held(&self, apex: &Name) -> Option<&Held> {
        match self.pending.get(apex) {
            Some(held) => held.as_ref(),
            None => self.held.get(apex),
        }
    }

    /// Writes a zone's line.
    fn keep(&mut self, apex: Name, held: Held) -> Result<(), Fault> {
        let Journal { first, next, bytes } = held.journal;
        self.transaction
            .open_table(ZONES)?
            .insert(apex.as_wire(), (held.seed, first, next, bytes))?;
        self.pending.insert(apex, Some(held));
        Ok(())
    }

    /// Adds to a zone's journal, and forgets the oldest of what is too much.
    fn note(
        &mut self,
        apex: &Name,
        mut journal: Journal,
        difference: &Difference,
    ) -> Result<Journal, Fault> {
        let too_large = || Fault::Undo("the change is too large to be kept".to_owned());
        let bytes = packed::difference(difference).ok_or_else(too_large)?;
        self.transaction.open_table(JOURNAL)?.insert((apex.as_wire(), journal.next), &bytes[..])?;
        journal.next += 1;
        journal.bytes += bytes.len() as u64;
        while journal.bytes > self.limits.journal && journal.first < journal.next {
            self.forget_oldest(apex, &mut journal)?;
        }
        let mut all = self.other_bytes(apex) + journal.bytes;
        if all <= self.limits.journals {
            return Ok(journal);
        }
        // Whoever has most gives first.
        let mut others = self.others(apex);
        while all > self.limits.journals {
            let largest = others.iter_mut().max_by_key(|(_, other)| other.bytes);
            let (gone, is_own) = match largest.filter(|(_, other)| other.bytes > journal.bytes) {
                Some((other, theirs)) => (self.forget_oldest(other, theirs)?, None),
                None => (self.forget_oldest(apex, &mut journal)?, Some(())),
            };
            all = all.saturating_sub(gone);
            if is_own.is_some() && journal.first >= journal.next {
                break;
            }
        }
        for (other, journal) in others {
            if let Some(held) = self.held(&other).filter(|held| held.journal != journal).cloned() {
                self.keep(other, Held { journal, ..held })?;
            }
        }
        Ok(journal)
    }

    /// Bytes of the journals of all other zones.
    fn other_bytes(&self, apex: &Name) -> u64 {
        let bytes = |held: Option<&Held>| held.map_or(0, |held| held.journal.bytes);
        let changed = self.pending.iter().filter(|(name, _)| *name != apex);
        let (now, before) = changed.fold((0, 0), |(now, before), (name, held)| {
            (now + bytes(held.as_ref()), before + bytes(self.held.get(name)))
        });
        (self.journals + now).saturating_sub(before + bytes(self.held.get(apex)))
    }

    /// The journals of all other zones that have one.
    fn others(&self, apex: &Name) -> Vec<(Name, Journal)> {
        let unchanged = self.held.iter().filter(|(name, _)| !self.pending.contains_key(name));
        let changed = self.pending.iter().filter_map(|(name, held)| Some((name, held.as_ref()?)));
        unchanged
            .chain(changed)
            .filter(|(name, held)| *name != apex && held.journal.bytes > 0)
            .map(|(name, held)| (name.clone(), held.journal))
            .collect()
    }

    /// Forgets a zone's oldest change; how many bytes that was.
    fn forget_oldest(&self, apex: &Name, journal: &mut Journal) -> Result<u64, Fault> {
        let mut table = self.transaction.open_table(JOURNAL)?;
        let gone = table.remove((apex.as_wire(), journal.first))?;
        let bytes = gone.map_or(0, |gone| gone.value().len() as u64);
        journal.first += 1;
        journal.bytes = journal.bytes.saturating_sub(bytes);
        if journal.first >= journal.next {
            journal.bytes = 0;
        }
        Ok(bytes)
    }
}

/// A zone is not there.
fn no_zone(apex: &Name) -> Fault {
    Fault::Undo(format!("the store has no zone {apex}"))
}

/// Work that was handed in, whatever it returns.
pub(super) trait Job: Send {
    /// Does it.
    fn run(&mut self, turn: &mut Turn<'_>) -> Result<(), Fault>;

    /// Tells that it is on the disk, or why not.
    fn answer(self: Box<Self>, how: Result<(), StoreError>);
}

/// Work with somebody who waits for it.
pub(super) struct Task<W, T> {
    pub(super) work: W,
    /// What it returned when it was last run.
    pub(super) done: Option<T>,
    pub(super) answer: oneshot::Sender<Result<T, StoreError>>,
}

impl<W, T> Job for Task<W, T>
where
    W: FnMut(&mut Turn<'_>) -> Result<T, Fault> + Send,
    T: Send,
{
    fn run(&mut self, turn: &mut Turn<'_>) -> Result<(), Fault> {
        // What it does is undone by giving up the transaction.
        let done = catch_unwind(AssertUnwindSafe(|| (self.work)(turn)));
        let panicked =
            || Err(Fault::Undo("the change failed by a fault of this program".to_owned()));
        self.done = Some(done.unwrap_or_else(|_| panicked())?);
        Ok(())
    }

    fn answer(self: Box<Self>, how: Result<(), StoreError>) {
        let Task { done, answer, .. } = *self;
        // Whoever waits no longer does not want to know.
        let _ = answer.send(how.and_then(|()| done.ok_or(StoreError::Stopped)));
    }
}

impl Shared {
    /// Does some work, all of it in one transaction.
    pub(super) fn take_turn(&self, mut jobs: Vec<Box<dyn Job>>) {
        while !jobs.is_empty() {
            match self.try_turn(&mut jobs) {
                Ok(()) => {
                    if self.state().failing.take().is_some() {
                        tracing::info!("the store of zones can be written again");
                    }
                    return jobs.into_iter().for_each(|job| job.answer(Ok(())));
                }
                Err(Stop::Undo(place, why)) => {
                    jobs.remove(place).answer(Err(StoreError::Undone(why)));
                }
                Err(Stop::File(error)) => {
                    let before = self.state().failing.replace(error.clone());
                    if before.as_ref() != Some(&error) {
                        tracing::error!("{error}");
                    }
                    return jobs.into_iter().for_each(|job| job.answer(Err(error.clone())));
                }
            }
        }
    }

    /// Tries some work. If one of it gave up after it had written, the others must be tried again.
    fn try_turn(&self, jobs: &mut Vec<Box<dyn Job>>) -> Result<(), Stop> {
        if self.file.database().is_none() {
            let on_disk = self.file.reopen().map_err(Stop::File)?;
            self.settle(on_disk);
        }
        let turn = self.state().turn + 1;
        let mut pending = HashMap::new();
        let committed = {
            let database = self.file.database();
            let closed = || Stop::File(self.file.cannot_write("it is not open"));
            self.run(database.as_ref().ok_or_else(closed)?, turn, jobs, &mut pending)
        };
        match committed {
            Ok(Committed::Yes) => {
                self.publish(pending, turn);
                Ok(())
            }
            Ok(Committed::NothingToDo) => Ok(()),
            Err(Stop::Undo(place, why)) => Err(Stop::Undo(place, why)),
            Err(Stop::File(error)) => {
                // Whether it is there all the same, the file says.
                self.state().doubtful = Some((turn, pending));
                match self.file.reopen() {
                    Ok(on_disk) if self.settle(on_disk) => Ok(()),
                    Ok(_) | Err(_) => Err(Stop::File(error)),
                }
            }
        }
    }

    /// Runs all work and commits.
    fn run(
        &self,
        database: &redb::Database,
        turn: u64,
        jobs: &mut Vec<Box<dyn Job>>,
        pending: &mut HashMap<Name, Option<Held>>,
    ) -> Result<Committed, Stop> {
        let failed = |error: redb::Error| Stop::File(self.file.failed(error));
        let transaction = database.begin_write().map_err(|error| failed(error.into()))?;
        let (held, journals) = (self.held(), self.state().journals);
        let wrote = Cell::new(false);
        let mut place = 0;
        while let Some(job) = jobs.get_mut(place) {
            let had_written = wrote.replace(false);
            let mut own = Turn {
                transaction: &transaction,
                held: &held,
                pending,
                limits: &self.limits,
                journals,
                wrote: &wrote,
            };
            match job.run(&mut own) {
                Ok(()) => place += 1,
                Err(Fault::Undo(why)) if wrote.get() => {
                    pending.clear();
                    transaction.abort().map_err(|error| failed(error.into()))?;
                    return Err(Stop::Undo(place, why));
                }
                // It has written nothing, so the others need not know.
                Err(Fault::Undo(why)) => jobs.remove(place).answer(Err(StoreError::Undone(why))),
                Err(Fault::File(error)) => return Err(failed(*error)),
            }
            wrote.set(wrote.get() || had_written);
        }
        if !wrote.get() {
            transaction.abort().map_err(|error| failed(error.into()))?;
            return Ok(Committed::NothingToDo);
        }
        transaction
            .open_table(META)
            .map_err(|error| failed(error.into()))?
            .insert(TURN, turn)
            .map_err(|error| failed(error.into()))?;
        transaction.commit().map_err(|error| failed(error.into()))?;
        Ok(Committed::Yes)
    }

    /// Publishes a turn of which nobody knew whether it is on the disk, if it is; whether it is.
    fn settle(&self, on_disk: u64) -> bool {
        let doubtful = self.state().doubtful.take();
        match doubtful {
            Some((turn, pending)) if turn == on_disk => {
                self.publish(pending, turn);
                true
            }
            Some(_) | None => false,
        }
    }
}

/// Whether something was written.
enum Committed {
    /// It is on the disk.
    Yes,
    /// Nobody wrote.
    NothingToDo,
}

/// Why a turn is not done.
enum Stop {
    /// The work at this place gave up after it had written.
    Undo(usize, String),
    /// The file failed.
    File(StoreError),
}

/// What sorts behind every name in wire form, whose labels have 63 bytes at most.
const LAST_NAME: [u8; 1] = [0xff];

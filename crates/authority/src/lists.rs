//! What changed in lists, for secondaries that have an earlier version.
//!
//! A list is rebuilt or edited by others and swapped whole; here somebody is told of each version, finds what records it
//! differs in from the one before, and keeps that in the store's file. All of it happens on a thread of its own: queries
//! and those who publish wait for none of it. Versions that come faster than that are taken together.
//!
//! A version is sent as of the time for which its records were made: entries with a delay come to hold in a later
//! version, so that what a secondary has is always what a difference leads on from. After a start a list goes on where it
//! was if it has the serial and the records that it had; else it begins anew, and is sent whole once.
//!
//! Lists that nobody may have are not looked at. Ordinary zones know what changed in them: see [`crate::store`].

use std::collections::{HashMap, HashSet, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{SystemTime, UNIX_EPOCH};

use arc_swap::ArcSwap;
use repute_dnsxl::Name;
use repute_nameserver::observer::Observer;
use repute_nameserver::{ZoneState, Zones};
use repute_zone::Zone;
use repute_zone::journal::Record;

use crate::store::{Steps, Store, StoreError};

mod journal;
mod step;

use step::Standing;

/// Keeps what changed in lists. Dropped, it ends with the version at which it is.
#[derive(Debug)]
pub struct Lists {
    shared: Arc<Shared>,
    worker: Option<JoinHandle<()>>,
}

/// A version of a list, and the time (seconds since 1970) for which its records are made.
#[derive(Clone, Debug)]
pub struct Version {
    /// The list.
    pub zone: Arc<Zone>,
    /// The time.
    pub now: u32,
    /// Whether what is kept leads to it.
    is_kept: bool,
}

/// What the worker and others know.
#[derive(Debug)]
struct Shared {
    store: Arc<Store>,
    /// Bytes that are kept of a list.
    most: u64,
    state: Mutex<State>,
    wake: Condvar,
}

/// What is to be done, and what is done.
#[derive(Debug, Default)]
struct State {
    /// Lists that somebody may have.
    watched: HashSet<Name>,
    /// The version up to which each is known.
    reached: HashMap<Name, Version>,
    /// Versions that came since, the newest of each list.
    heard: HashMap<Name, Heard>,
    /// Lists that were heard of, in order.
    order: VecDeque<Name>,
    /// The file may have lists that are not watched any more.
    forgets: bool,
    /// The worker is at work.
    is_busy: bool,
    /// The worker is to end.
    ends: bool,
}

/// A version that was heard of.
#[derive(Debug)]
struct Heard {
    version: Version,
    /// What led there from the version that is reached, if that is known.
    record: Option<Record>,
}

impl Lists {
    /// Begins with no lists.
    ///
    /// # Errors
    /// If there can be no thread.
    pub fn start(store: Arc<Store>) -> Result<Lists, StoreError> {
        let most = store.limits().list;
        let state = Mutex::default();
        let shared = Arc::new(Shared { store, most, state, wake: Condvar::new() });
        let own = Arc::clone(&shared);
        let worker = std::thread::Builder::new()
            .name("list journal".to_owned())
            .spawn(move || own.work())
            .map_err(|error| shared.store.cannot_write(&error.to_string()))?;
        Ok(Lists { shared, worker: Some(worker) })
    }

    /// Looks at these lists from now on, and at no others.
    pub fn watch(&self, lists: HashSet<Name>) {
        let mut state = self.shared.state();
        let State { watched, reached, heard, order, forgets, .. } = &mut *state;
        reached.retain(|apex, _| lists.contains(apex));
        heard.retain(|apex, _| lists.contains(apex));
        order.retain(|apex| lists.contains(apex));
        // The file may have others from before the start.
        *forgets = true;
        *watched = lists;
        self.shared.wake.notify_all();
    }

    /// Takes the version of a list that is served from now on, the journal's record that led to it from the one before if
    /// there is one, and the time in seconds since 1970. It waits for nothing.
    pub fn hear(&self, zone: &Arc<Zone>, record: Option<&Record>, now: u32) {
        self.shared.hear(zone, record, now);
    }

    /// Looks whether lists are served in a version that nobody told of, and which are not served any more.
    pub(crate) fn look(&self, zones: &ArcSwap<Zones>, now: u32) {
        let mut state = self.shared.state();
        // Whoever tells of a version has put it there before, and waits here: so none comes after a later one.
        let zones = zones.load();
        let watched = std::mem::take(&mut state.watched);
        for apex in &watched {
            match zones.get(apex) {
                Some(ZoneState::Serving(list)) => self.shared.take(&mut state, list, None, now),
                Some(ZoneState::Records(_) | ZoneState::Failed) | None => {
                    state.heard.remove(apex);
                    if state.reached.remove(apex).is_some() {
                        self.shared.wake.notify_all();
                    }
                }
            }
        }
        state.watched = watched;
    }

    /// The version of a list that is to be sent: the newest up to which it is known what changed.
    pub fn reached(&self, apex: &Name) -> Option<Version> {
        self.shared.state().reached.get(apex).cloned()
    }

    /// What changed in a list from a serial up to a version, to be read step by step; nothing if that is not known any more.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn steps(&self, to: &Version, from: u32) -> Result<Option<Steps>, StoreError> {
        if !to.is_kept {
            return Ok(None);
        }
        Steps::find(&self.shared.store, journal::STEPS, to.zone.apex(), from, to.zone.serial())
    }

    /// Waits until all that was heard is kept.
    #[cfg(test)]
    pub(crate) fn settle(&self) {
        let mut state = self.shared.state();
        while state.is_busy || state.forgets || !state.order.is_empty() {
            state = self.shared.wake.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Observer for Lists {
    fn served(&self, zone: &Arc<Zone>, record: Option<&Record>) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        self.hear(zone, record, u32::try_from(now).unwrap_or(u32::MAX));
    }
}

impl Drop for Lists {
    fn drop(&mut self) {
        self.shared.state().ends = true;
        self.shared.wake.notify_all();
        if let Some(worker) = self.worker.take() {
            // A worker that panicked has nothing to say.
            let _ = worker.join();
        }
    }
}

impl Shared {
    /// What is known.
    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing is changed in steps that can panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a version.
    fn hear(&self, zone: &Arc<Zone>, record: Option<&Record>, now: u32) {
        let mut state = self.state();
        if state.watched.contains(zone.apex()) {
            self.take(&mut state, zone, record, now);
        }
    }

    /// Takes a version of a list that is watched.
    fn take(&self, state: &mut State, zone: &Arc<Zone>, record: Option<&Record>, now: u32) {
        // Without a serial it cannot be transferred.
        if zone.soa().is_none() {
            return;
        }
        let (apex, State { reached, heard, order, .. }) = (zone.apex(), state);
        let version = Version { zone: Arc::clone(zone), now, is_kept: false };
        let Some(known) = reached.get(apex) else {
            // It is what it was before the start, or it begins now.
            let was = journal::head(&self.store, apex).ok().flatten();
            let now = was.filter(|was| was.serial == zone.serial()).map_or(now, |was| was.now);
            let version = Version { now, ..version };
            reached.insert(apex.clone(), version.clone());
            heard.insert(apex.clone(), Heard { version, record: None });
            order.push_back(apex.clone());
            self.wake.notify_all();
            return;
        };
        match heard.get_mut(apex) {
            Some(before) if Arc::ptr_eq(&before.version.zone, zone) => {}
            // Of an entry that changed twice the last change counts, so two records are one.
            Some(before) => {
                let is_first = Arc::ptr_eq(&before.version.zone, &known.zone);
                before.record = match (before.record.take(), record) {
                    (Some(one), Some(other)) => joined(one, other),
                    (None, Some(record)) if is_first => Some(record.clone()),
                    (_, None) | (None, Some(_)) => None,
                };
                before.version = version;
            }
            None if Arc::ptr_eq(&known.zone, zone) => {}
            None => {
                heard.insert(apex.clone(), Heard { version, record: record.cloned() });
                order.push_back(apex.clone());
                self.wake.notify_all();
            }
        }
    }

    /// Does what there is to do, until it is to end.
    fn work(&self) {
        let mut standings: HashMap<Name, Standing> = HashMap::new();
        while let Some(task) = self.next(&mut standings) {
            match task {
                Task::Forget(watched) => {
                    if let Err(error) = journal::forget_others(&self.store, watched) {
                        tracing::warn!("what changed in former lists stays in the store: {error}");
                    }
                }
                Task::Follow { apex, from, heard } => {
                    // The list may have gone and come back meanwhile.
                    let standing = standings.remove(&apex).filter(|known| known.is_of(&from));
                    let Heard { version: to, record } = heard;
                    // A list at which this program has a fault must not stay as it is for ever.
                    let followed = catch_unwind(AssertUnwindSafe(|| {
                        let standing =
                            standing.unwrap_or_else(|| Standing::take_up(&self.store, &from));
                        standing.follow(&self.store, self.most, &from, &to, record.as_ref())
                    }));
                    let version = match followed {
                        Ok((standing, now)) => {
                            let is_kept = standing.is_kept();
                            standings.insert(apex.clone(), standing);
                            Version { now, is_kept, ..to }
                        }
                        Err(_) => {
                            tracing::error!(
                                zone = %apex,
                                "what changed in `{apex}` was not found out by a fault of this program; all is sent"
                            );
                            to
                        }
                    };
                    let mut state = self.state();
                    if state.watched.contains(&apex) {
                        state.reached.insert(apex, version);
                    }
                }
            }
        }
    }

    /// Waits for something to do; nothing once it is to end.
    fn next(&self, standings: &mut HashMap<Name, Standing>) -> Option<Task> {
        let mut state = self.state();
        state.is_busy = false;
        self.wake.notify_all();
        loop {
            if state.ends {
                return None;
            }
            standings.retain(|apex, _| state.reached.contains_key(apex));
            if std::mem::take(&mut state.forgets) {
                state.is_busy = true;
                return Some(Task::Forget(state.watched.clone()));
            }
            if let Some(apex) = state.order.pop_front() {
                let found = state.reached.get(&apex).cloned().zip(state.heard.remove(&apex));
                let Some((from, heard)) = found else { continue };
                state.is_busy = true;
                return Some(Task::Follow { apex, from, heard });
            }
            state = self.wake.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// Something to do.
enum Task {
    /// Forget all lists but these.
    Forget(HashSet<Name>),
    /// Find out what changed.
    Follow { apex: Name, from: Version, heard: Heard },
}

/// Two records as one, if the one leads to the other and they are not too long to be worth it.
fn joined(mut one: Record, other: &Record) -> Option<Record> {
    if one.to != other.from || one.changes.len() + other.changes.len() > MOST_CHANGES {
        return None;
    }
    one.to = other.to;
    one.changes.extend_from_slice(&other.changes);
    Some(one)
}

/// Changes of entries that may wait; with more, lists are compared whole.
const MOST_CHANGES: usize = 100_000;

#[cfg(test)]
pub(crate) mod tests;

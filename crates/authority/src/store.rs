//! The store: zones that programs change, in one file, with what changed in them lately.
//!
//! Whoever changes something hands in a piece of work and waits. All that waits is done in one *turn*: one
//! transaction, one `fsync`, and then everybody has his answer; so a disk that takes its time does not limit
//! how many changes a second there are. What was answered is on the disk, whenever the process is killed, and
//! what could not be written changes nothing: zones are served as they were.
//!
//! Other services keep tables of their own in the same file and change them together with zones: a [`Turn`] has the
//! transaction.
//!
//! Does not know who may change what: see [`crate::update`].

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use repute_dnsxl::Name;
use repute_nameserver::Live;
use repute_records::{Difference, Zone};
use tokio::sync::oneshot;

mod file;
pub(crate) mod packed;
pub(crate) mod steps;
mod turn;

use file::{File, JOURNAL};
use steps::Found;
pub use steps::Steps;
pub use turn::{Fault, Turn};
use turn::{Job, Task};

/// How much is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of former changes of one zone: what lets a secondary take only what changed. Default 16 MiB.
    pub journal: u64,
    /// Bytes of former changes of all zones. Default 256 MiB.
    pub journals: u64,
    /// Bytes of former changes of one list. Default 8 MiB.
    pub list: u64,
    /// Bytes of the file that are kept in memory. Default 16 MiB.
    pub cache: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { journal: 16 << 20, journals: 256 << 20, list: 8 << 20, cache: 16 << 20 }
    }
}

/// Why the store cannot be opened, or a change not be kept.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The file cannot be made or read.
    #[error("cannot open {path}: {why}: give the user that Repute runs as read and write access")]
    Open {
        /// The file.
        path: PathBuf,
        /// What the system says.
        why: String,
    },
    /// Another process has it.
    #[error(
        "{path} is in use by another process: stop the other Repute, or give this one its own data folder"
    )]
    Locked {
        /// The file.
        path: PathBuf,
    },
    /// It was written by another version.
    #[error(
        "{path} has format {found}, and this version of Repute reads {VERSION}: start the version that wrote it"
    )]
    Version {
        /// The file.
        path: PathBuf,
        /// The format it has.
        found: u64,
    },
    /// It is not what was written.
    #[error(
        "{path} is damaged ({why}): restore it from a backup, or move it away to begin with the zones' own files"
    )]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// There is no room.
    #[error(
        "no room to write {path}: zones are served as they were, and changes are refused until there is"
    )]
    Full {
        /// The file.
        path: PathBuf,
    },
    /// It cannot be written.
    #[error("cannot write {path}: {why}: zones are served as they were, and changes are refused")]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system says.
        why: String,
    },
    /// Too many wait.
    #[error("too many changes wait for the disk: try again")]
    Busy,
    /// The work was given up and left nothing.
    #[error("{0}")]
    Undone(String),
    /// The server stops.
    #[error("the server stops")]
    Stopped,
}

/// The store.
#[derive(Debug)]
pub struct Store {
    shared: Arc<Shared>,
    /// Where work is handed in; none once it ends.
    jobs: Option<SyncSender<Box<dyn Job>>>,
    writer: Option<JoinHandle<()>>,
}

/// What the writer and others know of it.
#[derive(Debug)]
struct Shared {
    file: File,
    limits: Limits,
    /// What is in it. The writer reads it through a whole turn, and is the only one that changes it.
    held: RwLock<HashMap<Name, Held>>,
    state: Mutex<State>,
}

/// How far it is, and who has to know.
#[derive(Default)]
struct State {
    /// The number of the last turn that is on the disk.
    turn: u64,
    /// Bytes of all journals.
    journals: u64,
    /// Why the last turn failed, so that a full disk is told once.
    failing: Option<StoreError>,
    /// A turn of which nobody knows yet whether it is on the disk, with its number.
    doubtful: Option<(u64, HashMap<Name, Option<Held>>)>,
    lives: HashMap<Name, Live>,
    listeners: Vec<Listener>,
}

/// Is told of each zone that changed, after that is on the disk and served. It is called by the writer, so it
/// must not wait.
pub type Listener = Arc<dyn Fn(&Arc<Zone>) + Send + Sync>;

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("State").field("turn", &self.turn).finish_non_exhaustive()
    }
}

/// A zone of the store.
#[derive(Clone, Debug)]
struct Held {
    zone: Arc<Zone>,
    /// A digest of the records that it began with.
    seed: u64,
    journal: Journal,
}

/// Where a zone's former changes are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Journal {
    /// The number of the oldest.
    first: u64,
    /// The number that the next gets.
    next: u64,
    /// Bytes of all.
    bytes: u64,
}

impl Store {
    /// Opens the file of a store, or makes a new one, and reads all zones. It checks every byte.
    ///
    /// # Errors
    /// If the file is in use, damaged, of another version, or cannot be written.
    pub fn open(path: &Path, limits: Limits) -> Result<Store, StoreError> {
        let file = File::new(path, limits.cache);
        let (held, turn) = file.open()?;
        let journals = held.values().map(|held| held.journal.bytes).sum();
        let state = Mutex::new(State { turn, journals, ..State::default() });
        let shared = Arc::new(Shared { file, limits, held: RwLock::new(held), state });
        let (jobs, waiting) = sync_channel(QUEUE);
        let own = Arc::clone(&shared);
        let writer = thread::Builder::new()
            .name("zone store".to_owned())
            .spawn(move || own.write(&waiting))
            .map_err(|error| shared.file.cannot_write(&error.to_string()))?;
        Ok(Store { shared, jobs: Some(jobs), writer: Some(writer) })
    }

    /// Hands in work, which is done in the next turn. It may be run more than once if other work of its turn fails, so
    /// that all it does must be done through its [`Turn`]. What it returns comes when it is on the disk, and if it
    /// returns an error, nothing of it is.
    pub fn turn<T: Send + 'static>(
        &self,
        work: impl FnMut(&mut Turn<'_>) -> Result<T, Fault> + Send + 'static,
    ) -> Waiting<T> {
        let (answer, waiting) = oneshot::channel();
        let job: Box<dyn Job> = Box::new(Task { work, done: None, answer });
        let Some(jobs) = &self.jobs else { return Waiting(Err(StoreError::Stopped)) };
        Waiting(match jobs.try_send(job) {
            Ok(()) => Ok(waiting),
            Err(TrySendError::Full(_)) => Err(StoreError::Busy),
            Err(TrySendError::Disconnected(_)) => Err(StoreError::Stopped),
        })
    }

    /// A zone as it is on the disk.
    pub fn zone(&self, apex: &Name) -> Option<Arc<Zone>> {
        self.shared.held().get(apex).map(|held| Arc::clone(&held.zone))
    }

    /// The digest of the records that a zone began with; of those that have no beginning of their own it is
    /// [`NO_SEED`] or [`FROM_FILE`].
    pub fn seed(&self, apex: &Name) -> Option<u64> {
        self.shared.held().get(apex).map(|held| held.seed)
    }

    /// Has a zone served: now as it is, and again after each change, once that is on the disk.
    pub fn serve(&self, apex: &Name, live: &Live) {
        // Both are held, in the order of the writer, so that no change comes in between.
        let held = self.shared.held();
        let mut state = self.shared.state();
        live.store(held.get(apex).map(|held| Arc::clone(&held.zone)));
        state.lives.insert(apex.clone(), Arc::clone(live));
    }

    /// Ends that a zone is served.
    pub fn withdraw(&self, apex: &Name) {
        if let Some(live) = self.shared.state().lives.remove(apex) {
            live.store(None);
        }
    }

    /// Ends that a zone is served at a place, unless it is served at another one by now.
    pub fn withdraw_from(&self, apex: &Name, live: &Live) {
        let mut state = self.shared.state();
        if state.lives.get(apex).is_some_and(|known| Arc::ptr_eq(known, live)) {
            state.lives.remove(apex);
        }
        live.store(None);
    }

    /// Has somebody told of each change.
    pub fn listen(&self, listener: Listener) {
        self.shared.state().listeners.push(listener);
    }

    /// What changed in a zone since a serial, in order; nothing if that is not known any more.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn since(&self, apex: &Name, serial: u32) -> Result<Option<Vec<Difference>>, StoreError> {
        let Some(zone) = self.zone(apex) else { return Ok(None) };
        if zone.serial() == serial {
            return Ok(Some(Vec::new()));
        }
        match Found::new(self, JOURNAL, apex, serial, zone.serial())? {
            Some(found) => found.whole(self),
            None => Ok(None),
        }
    }

    /// What changed in a zone from a serial to another, to be read step by step; nothing if that is not known any more.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn steps(
        self: &Arc<Store>,
        apex: &Name,
        from: u32,
        to: u32,
    ) -> Result<Option<Steps>, StoreError> {
        Steps::find(self, JOURNAL, apex, from, to)
    }

    /// Begins to read tables of others, as they are on the disk now. It is not to be kept: what is read goes on being kept
    /// in the file for it.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn begin_read(&self) -> Result<redb::ReadTransaction, StoreError> {
        self.shared.file.begin_read()
    }

    /// Reads tables of others, as they are on the disk.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub(crate) fn read<T>(
        &self,
        read: impl FnOnce(&redb::ReadTransaction) -> Result<T, redb::Error>,
    ) -> Result<T, StoreError> {
        self.shared.file.view(read)
    }

    /// How many turns there were.
    #[cfg(test)]
    pub(crate) fn turns(&self) -> u64 {
        self.shared.state().turn
    }

    /// How much is kept.
    pub(crate) fn limits(&self) -> &Limits {
        &self.shared.limits
    }

    /// The file cannot be written, for a reason.
    pub(crate) fn cannot_write(&self, why: &str) -> StoreError {
        self.shared.file.cannot_write(why)
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        // What waits is done first.
        self.jobs = None;
        if let Some(writer) = self.writer.take()
            && writer.thread().id() != thread::current().id()
        {
            // A writer that panicked has answered nobody.
            let _ = writer.join();
        }
    }
}

/// Work that was handed in.
#[derive(Debug)]
pub struct Waiting<T>(Result<oneshot::Receiver<Result<T, StoreError>>, StoreError>);

impl<T> Waiting<T> {
    /// Waits until it is done and on the disk.
    ///
    /// # Errors
    /// If it is not.
    pub async fn done(self) -> Result<T, StoreError> {
        self.0?.await.unwrap_or(Err(StoreError::Stopped))
    }

    /// The same for a thread that may block.
    ///
    /// # Errors
    /// If it is not.
    pub fn wait(self) -> Result<T, StoreError> {
        self.0?.blocking_recv().unwrap_or(Err(StoreError::Stopped))
    }
}

impl Shared {
    /// What is in it.
    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing is changed in steps, so a panic of another thread leaves it whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The zones in it.
    fn held(&self) -> RwLockReadGuard<'_, HashMap<Name, Held>> {
        self.held.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does work until nobody can hand in any more: at once if nothing was done for a while, else together with what comes
    /// in the next moment.
    fn write(&self, waiting: &Receiver<Box<dyn Job>>) {
        let mut due = Instant::now();
        while let Ok(first) = waiting.recv() {
            thread::sleep(due.saturating_duration_since(Instant::now()));
            due = Instant::now() + BETWEEN_TURNS;
            let more = waiting.try_iter().take(MOST_OF_A_TURN);
            self.take_turn(std::iter::once(first).chain(more).collect());
        }
    }

    /// Publishes what is on the disk.
    fn publish(&self, pending: HashMap<Name, Option<Held>>, turn: u64) {
        let mut changed = Vec::new();
        let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
        let mut state = self.state();
        for (apex, new) in pending {
            let zone = new.as_ref().map(|held| Arc::clone(&held.zone));
            if let Some(live) = state.lives.get(&apex) {
                live.store(zone.clone());
            }
            changed.extend(zone);
            let bytes = |held: &Held| held.journal.bytes;
            state.journals += new.as_ref().map_or(0, bytes);
            let old = match new {
                Some(new) => held.insert(apex, new),
                None => held.remove(&apex),
            };
            state.journals -= old.as_ref().map_or(0, bytes);
        }
        state.turn = turn;
        let listeners = state.listeners.clone();
        drop((held, state));
        for zone in &changed {
            listeners.iter().for_each(|listener| listener(zone));
        }
    }
}

/// The seed of a zone whose primary is elsewhere.
pub(crate) const NO_SEED: u64 = 0;
/// The seed of a zone that is what its master file says, and is changed by nobody else.
pub(crate) const FROM_FILE: u64 = 1;
/// The format of the file.
const VERSION: u64 = 1;
/// Changes that may wait.
const QUEUE: usize = 4096;
/// From the beginning of one turn to that of the next at least. A turn costs the processor more than the changes in it,
/// and the kernel's part of that keeps others waiting who answer queries on the same core. This is nothing to whoever
/// waits for one change, and of a thousand a second it leaves a quarter of the turns.
const BETWEEN_TURNS: Duration = Duration::from_millis(4);
/// Changes of one turn besides the first.
const MOST_OF_A_TURN: usize = 1023;

#[cfg(test)]
mod tests;

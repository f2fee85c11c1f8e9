//! Turns the configured lists into served zones, and keeps them fresh.
//!
//! ```text
//!  inotify ── hint ──┐                     ┌── build, check ──> Arc<Zones> swapped
//!  clock ── look ────┼─> keeper of a zone ─┤
//!  feed ── fetched ──┤     (one thread)    └── refused ──> what was served stays
//!  reload, stop ─────┘
//! ```
//! One thread reads, builds and swaps; those that answer queries never wait for it. A zone is built
//! beside the one that is served, from files that were quiet for a while and did not change while
//! they were read, and takes its place in one store. On any fault the old one stays.
//!
//! What a list means is not known here (`repute_zone`), nor how a query is answered.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use repute_dnsxl::Name;
use tracing::{debug, warn};

mod build;
mod config;
pub mod decompress;
mod feed;
pub mod files;
mod global_acl;
mod keeper;
mod map;
pub mod memory;
mod schedule;
mod serial;
mod settle;
pub mod spool;
mod watch;

pub use build::{BuildError, Built, Conditions, build, open};
pub use config::{
    Content, FeedConfig, Format, LoaderConfig, SoaConfig, SourceConfig, SourceOrigin, ZoneConfig,
};
pub use serial::{Fingerprint, Issued};

use crate::control::{Outcome, Reload, Reloaded};
use crate::status::{StatusBoard, ZoneStatus};
use crate::zones::{Serving, ZoneIndex, ZoneState, Zones};
use feed::{FeedError, Fetched, fetch, unix_now};
use global_acl::GlobalAcl;
use keeper::{Keeper, Step};
use settle::Settle;
use spool::Spool;
use watch::{Hint, Watch};

/// The loader at work. Dropped, it stops.
#[derive(Debug)]
pub struct Loader {
    events: Sender<Event>,
    thread: Option<JoinHandle<()>>,
}

/// What a reload led to, by zone; or that there is no such zone.
type Reply = Result<Vec<Reloaded>, String>;

/// What the loader waits for.
enum Event {
    /// The kernel tells of files.
    Hints(Vec<Hint>),
    /// A fetch ended.
    Fetched {
        /// The zone.
        zone: usize,
        /// Its feed.
        feed: usize,
        /// What was found.
        result: Result<Fetched, FeedError>,
    },
    /// Read a zone or all again and tell what became of it.
    Reload {
        /// The zone; `None` means all.
        zone: Option<Name>,
        /// Whom to tell.
        answer: Sender<Reply>,
    },
    /// End.
    Stop,
}

impl Loader {
    /// Loads all zones once and then keeps them fresh on a thread of its own.
    ///
    /// When this returns every zone that can be served is served; one whose list is refused answers
    /// SERVFAIL until that is better, and one that waits for its first feed as well.
    ///
    /// # Errors
    /// If the data folder cannot be written, or no thread can be made.
    pub fn start(
        config: LoaderConfig,
        zones: Arc<ArcSwap<Zones>>,
        board: Arc<StatusBoard>,
    ) -> Result<Loader, LoaderError> {
        let data_dir = config.data_dir.clone();
        let spool = Spool::open(&data_dir)
            .map_err(|source| LoaderError::DataDir { path: data_dir, source })?;
        let (events, inbox) = channel();
        let mut work = Work::new(config, &Arc::new(spool), zones, board, events.clone());
        work.watch();
        work.first_load();
        let thread = std::thread::Builder::new()
            .name("loader".into())
            .spawn(move || work.run(&inbox))
            .map_err(LoaderError::Thread)?;
        Ok(Loader { events, thread: Some(thread) })
    }

    /// A handle for those who may ask for a reload.
    pub fn remote(&self) -> Remote {
        Remote(self.events.clone())
    }
}

impl Drop for Loader {
    fn drop(&mut self) {
        // If it is gone already there is nobody to stop.
        let _ = self.events.send(Event::Stop);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Asks a loader for reloads, from any thread.
#[derive(Clone, Debug)]
pub struct Remote(Sender<Event>);

impl Remote {
    /// Has all lists read again, and does not wait.
    pub fn reload_soon(&self) {
        let (answer, _) = channel();
        // A loader that has stopped reloads nothing.
        let _ = self.0.send(Event::Reload { zone: None, answer });
    }
}

impl Reload for Remote {
    fn reload(&self, zone: Option<&Name>) -> Reply {
        let (answer, answered) = channel();
        let stopped = |_| "the loader has stopped".to_owned();
        self.0
            .send(Event::Reload { zone: zone.cloned(), answer })
            .map_err(|e| stopped(e.to_string()))?;
        answered.recv().map_err(|e| stopped(e.to_string()))?
    }
}

/// Somebody who waits for a reload.
struct Waiting {
    /// The zones, by their place.
    zones: Vec<usize>,
    /// Whom to tell.
    answer: Sender<Reply>,
}

/// What the loader's thread has.
struct Work {
    /// One for each zone.
    keepers: Vec<Keeper>,
    /// The access list for all zones.
    acl: GlobalAcl,
    /// What is served.
    zones: Arc<ArcSwap<Zones>>,
    /// Where states are told.
    board: Arc<StatusBoard>,
    /// For threads that fetch or watch.
    events: Sender<Event>,
    /// Whether the kernel is asked to tell of changes.
    watched: bool,
    /// How often files are looked at anyway.
    check_interval: Duration,
    /// How long files must be quiet.
    settle: Duration,
    /// When they are looked at next.
    next_look: Instant,
    /// When freed memory is given back, if something was replaced.
    trim: Option<Instant>,
    /// Who waits for a reload.
    waiting: Vec<Waiting>,
}

impl Work {
    /// Takes on all zones.
    fn new(
        config: LoaderConfig,
        spool: &Arc<Spool>,
        zones: Arc<ArcSwap<Zones>>,
        board: Arc<StatusBoard>,
        events: Sender<Event>,
    ) -> Work {
        let now = Instant::now();
        let settle = || Settle::new(config.settle, config.check_interval);
        let max_unpacked = config.max_unpacked;
        let keepers = config.zones.into_iter().zip(0..).map(|(zone, index)| {
            let index = ZoneIndex(index);
            Keeper::new(index, zone, settle(), Arc::clone(spool), max_unpacked, now)
        });
        Work {
            keepers: keepers.collect(),
            acl: GlobalAcl::new(config.acl, settle(), max_unpacked),
            zones,
            board,
            events,
            watched: config.watch,
            check_interval: config.check_interval,
            settle: config.settle,
            next_look: now + config.check_interval,
            trim: None,
            waiting: Vec::new(),
        }
    }

    /// Asks the kernel to tell of changes, on a thread that lives as long as the process.
    fn watch(&self) {
        if !self.watched {
            return;
        }
        let files = self.keepers.iter().flat_map(Keeper::files).chain(self.acl.file());
        let started = Watch::new(files).and_then(|mut watch| {
            let events = self.events.clone();
            std::thread::Builder::new().name("watch".into()).spawn(move || {
                while let Ok(hints) = watch.wait() {
                    if events.send(Event::Hints(hints)).is_err() {
                        break;
                    }
                }
            })
        });
        if let Err(error) = started {
            warn!(
                "cannot watch the folders of the lists, looking every {:?} instead: {error}",
                self.check_interval
            );
        }
    }

    /// Loads everything for the first time.
    fn first_load(&mut self) {
        // A list that was written in this moment may not be whole yet, and nobody has told us.
        let now = unix_now();
        if self.keepers.iter().any(|k| k.youth(now).is_some_and(|age| age < self.settle)) {
            std::thread::sleep(self.settle);
        }
        let now = Instant::now();
        self.acl.look(now);
        self.apply_acl(now);
        for at in 0..self.keepers.len() {
            self.keepers[at].look(now);
            let step = self.keepers[at].load(now);
            self.apply(at, step);
        }
        memory::trim();
    }

    /// Waits and works until it is stopped.
    fn run(mut self, inbox: &Receiver<Event>) {
        self.keep();
        loop {
            self.fetch_due(Instant::now());
            let wait = self.next().saturating_duration_since(Instant::now());
            match inbox.recv_timeout(wait) {
                Ok(Event::Stop) | Err(RecvTimeoutError::Disconnected) => return,
                Ok(Event::Hints(hints)) => self.hints(hints),
                Ok(Event::Fetched { zone, feed, result }) => self.fetched(zone, feed, result),
                Ok(Event::Reload { zone, answer }) => self.reload(zone.as_ref(), answer),
                Err(RecvTimeoutError::Timeout) => {}
            }
            self.work();
        }
    }

    /// When something is due next.
    fn next(&self) -> Instant {
        let settles = self.keepers.iter().filter_map(|k| k.settle.due()).chain(self.acl.due());
        let feeds = self.keepers.iter().flat_map(|k| k.feeds.iter().filter_map(|f| f.next));
        settles.chain(feeds).chain(self.trim).fold(self.next_look, Instant::min)
    }

    /// Takes what the kernel tells.
    fn hints(&mut self, hints: Vec<Hint>) {
        let now = Instant::now();
        for hint in hints {
            debug!(?hint, "the kernel tells of a file");
            let (Hint::Writing(path) | Hint::Closed(path)) = &hint else {
                self.look(now);
                continue;
            };
            self.acl.told(path, matches!(hint, Hint::Writing(_)), now);
            for keeper in &mut self.keepers {
                if !keeper.files().iter().any(|f| f == path) {
                    continue;
                }
                match &hint {
                    Hint::Writing(path) => keeper.settle.writing(path.clone(), now),
                    Hint::Closed(path) => keeper.settle.closed(path, now),
                    Hint::Lost => {}
                }
                keeper.look(now);
            }
        }
    }

    /// Looks at all files.
    fn look(&mut self, now: Instant) {
        self.keepers.iter_mut().for_each(|k| k.look(now));
        self.acl.look(now);
    }

    /// Takes what a fetch found.
    fn fetched(&mut self, zone: usize, feed: usize, result: Result<Fetched, FeedError>) {
        let now = Instant::now();
        let step = self.keepers[zone].fetched(feed, result, now, chance());
        self.apply(zone, step);
    }

    /// Has a zone or all read again.
    fn reload(&mut self, zone: Option<&Name>, answer: Sender<Reply>) {
        let now = Instant::now();
        let zones: Vec<usize> = (0..self.keepers.len())
            .filter(|&at| zone.is_none_or(|zone| self.keepers[at].apex() == zone))
            .collect();
        if let Some(zone) = zone
            && zones.is_empty()
        {
            // Whoever asked may have gone.
            let _ = answer.send(Err(format!("zone `{zone}` is not in the configuration")));
            return;
        }
        for &at in &zones {
            let keeper = &mut self.keepers[at];
            keeper.force(now);
            for feed in &mut keeper.feeds {
                feed.next = feed.next.map(|_| now);
            }
        }
        self.acl.force(now);
        self.waiting.push(Waiting { zones, answer });
    }

    /// Tells those who wait for a reload, if theirs is over.
    fn answer_waiting(&mut self) {
        let keepers = &self.keepers;
        self.waiting.retain(|waiting| {
            if waiting.zones.iter().any(|&at| keepers[at].settle.due().is_some()) {
                return true;
            }
            let results = waiting.zones.iter().map(|&at| reloaded(&keepers[at])).collect();
            // Whoever asked may have gone.
            let _ = waiting.answer.send(Ok(results));
            false
        });
    }

    /// Does all that is due.
    fn work(&mut self) {
        let now = Instant::now();
        if self.next_look <= now {
            self.next_look = now + self.check_interval;
            self.look(now);
            for at in 0..self.keepers.len() {
                if self.keepers[at].settle.due().is_none() {
                    self.keepers[at].confirm(unix_now());
                }
                let step = self.keepers[at].expire(unix_now());
                self.apply(at, step);
            }
        }
        if self.acl.due().is_some_and(|due| due <= now) {
            self.apply_acl(now);
        }
        for at in 0..self.keepers.len() {
            if self.keepers[at].settle.is_due(now) {
                let step = self.keepers[at].settled(now);
                self.apply(at, step);
            }
        }
        if self.trim.is_some_and(|at| at <= now) {
            self.trim = None;
            memory::trim();
        }
        self.keep();
        self.answer_waiting();
    }

    /// Keeps on disk what is served since the last time.
    fn keep(&mut self) {
        self.keepers.iter_mut().for_each(Keeper::keep);
    }

    /// Begins the fetches that are due, each on a thread of its own: a slow server delays no list
    /// but its own.
    fn fetch_due(&mut self, now: Instant) {
        for (zone, keeper) in self.keepers.iter_mut().enumerate() {
            for (at, feed) in keeper.feeds.iter_mut().enumerate() {
                if feed.next.is_none_or(|next| next > now) {
                    continue;
                }
                let (events, config, place) =
                    (self.events.clone(), feed.config.clone(), feed.place.clone());
                let started = std::thread::Builder::new().name("fetch".into()).spawn(move || {
                    let result = fetch(&config, &place);
                    // A loader that has stopped takes nothing.
                    let _ = events.send(Event::Fetched { zone, feed: at, result });
                });
                // Without a thread now, try again at the next interval.
                feed.next = started.err().map(|_| now + feed.config.interval);
            }
        }
    }

    /// Reads the access list for all zones and puts it in force.
    fn apply_acl(&mut self, now: Instant) {
        if let Some(acl) = self.acl.settled(now) {
            self.zones.rcu(|zones| zones.with_acl(Some(acl.clone()), None));
        }
    }

    /// Serves what a step decided, and tells of it.
    fn apply(&mut self, at: usize, step: Step) {
        let keeper = &self.keepers[at];
        let (apex, index) = (keeper.apex(), keeper.index);
        let (state, serving) = match step {
            Step::Same => return self.board.report(keeper.status().clone()),
            Step::Fail => (ZoneState::Failed, Serving::default()),
            Step::Serve(served) => (ZoneState::Serving(served.zone), served.serving),
        };
        self.zones.rcu(|zones| zones.with(apex, index, state.clone(), serving.clone()));
        drop(state);
        // A thread that answers may hold the old zone for a moment yet.
        memory::trim();
        self.trim = Some(Instant::now() + Duration::from_millis(500));
        self.board.report(keeper.status().clone());
    }
}

/// What became of a zone.
fn reloaded(keeper: &Keeper) -> Reloaded {
    let ZoneStatus { name, entries, serial, faults, last_error, .. } = keeper.status().clone();
    let outcome = match last_error {
        None => Outcome::Served { serial, entries, faults },
        Some(reason) => Outcome::Refused { reason },
    };
    Reloaded { zone: name.to_string(), outcome }
}

/// A number that differs between servers and times; nothing depends on its quality.
fn chance() -> u64 {
    let nanos = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    nanos.map_or(0, |d| u64::from(d.subsec_nanos())) ^ u64::from(std::process::id())
}

/// Why the loader cannot start.
#[derive(Debug, thiserror::Error)]
pub enum LoaderError {
    /// The data folder cannot be made or written.
    #[error("cannot write the data folder {path}: {source}", path = path.display())]
    DataDir {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The system gives no thread.
    #[error("cannot start the loader: {0}")]
    Thread(io::Error),
}

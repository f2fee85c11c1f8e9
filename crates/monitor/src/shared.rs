//! What all threads of the monitor share: the configuration, what is known, and the place it is kept.

use std::collections::{BTreeSet, HashSet};
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::config::Config;
use crate::event::Event;
use crate::state::{Kept, State};
use crate::store::{self, Store};
use crate::view::{Process, View};

/// What all threads share.
pub(crate) struct Shared {
    config: Mutex<Arc<Config>>,
    book: Mutex<Book>,
    /// Something has changed that somebody may wait for.
    changed: Condvar,
    /// The threads that check and tell.
    threads: Mutex<Vec<JoinHandle<()>>>,
    /// Taken before the book, so that an older state is never written over a newer one.
    store: Mutex<Store>,
}

/// What is known.
pub(crate) struct Book {
    /// What is kept.
    pub(crate) state: State,
    /// How the process does.
    pub(crate) process: Process,
    /// Whether the state has changed since it was written.
    pub(crate) is_dirty: bool,
    /// Whether all should end.
    pub(crate) is_over: bool,
    /// Channels through which a message is on its way.
    pub(crate) sending: BTreeSet<String>,
}

impl Shared {
    /// For this configuration and what was known before.
    pub(crate) fn new(config: Config, store: Store, state: State) -> Shared {
        let process = Process { started: now(), ..Process::default() };
        let shared = Shared {
            config: Mutex::new(Arc::new(config)),
            book: Mutex::new(Book {
                state,
                process,
                is_dirty: false,
                is_over: false,
                sending: BTreeSet::new(),
            }),
            changed: Condvar::new(),
            threads: Mutex::default(),
            store: Mutex::new(store),
        };
        shared.forget();
        shared.hurry();
        shared
    }

    /// The configuration that is in force.
    pub(crate) fn config(&self) -> Arc<Config> {
        Arc::clone(&self.config.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Puts another configuration in force.
    pub(crate) fn configure(&self, config: Config) {
        *self.config.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(config);
        self.forget();
        self.hurry();
        self.changed.notify_all();
    }

    /// Has all that was not taken be tried at once.
    fn hurry(&self) {
        for mailbox in self.book().state.outbox.values_mut() {
            mailbox.hurry(now());
        }
    }

    /// Starts a thread that works for as long as the monitor runs.
    pub(crate) fn start(
        self: &Arc<Self>,
        name: &str,
        work: impl FnOnce(&Arc<Shared>) + Send + 'static,
    ) -> io::Result<()> {
        let shared = Arc::clone(self);
        let thread = thread::Builder::new().name(name.to_owned()).spawn(move || work(&shared))?;
        self.threads.lock().unwrap_or_else(PoisonError::into_inner).push(thread);
        Ok(())
    }

    /// Whether all of these threads work still.
    pub(crate) fn is_whole(&self) -> bool {
        let threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
        !threads.iter().any(JoinHandle::is_finished)
    }

    /// What is known. It stays whole should a thread end in the middle: no invariant spans two fields.
    pub(crate) fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until something has changed, or for so long.
    pub(crate) fn wait<'b>(
        &self,
        book: MutexGuard<'b, Book>,
        time: Duration,
    ) -> MutexGuard<'b, Book> {
        let waited = self.changed.wait_timeout(book, time);
        waited.unwrap_or_else(PoisonError::into_inner).0
    }

    /// Wakes all who wait.
    pub(crate) fn wake(&self) {
        self.changed.notify_all();
    }

    /// Forgets what is configured no more.
    pub(crate) fn forget(&self) {
        let config = self.config();
        let subjects: HashSet<String> = config.subjects.iter().map(ToString::to_string).collect();
        let zones: HashSet<String> = config.zones.iter().map(|z| z.zone.to_string()).collect();
        let lists: HashSet<&str> = config.names().iter().map(String::as_str).collect();
        let kept = Kept {
            subject: &|name| subjects.contains(name),
            zone: &|name| zones.contains(name),
            list: &|name| lists.contains(name),
            channel: &|name| config.channels.contains_key(name),
        };
        let mut book = self.book();
        book.state.forget(&kept, now(), config.rules());
        book.process.audits.retain(|zone, _| zones.contains(zone));
        book.process.traffic.retain(|list, _| lists.contains(list.as_str()));
        book.is_dirty = true;
    }

    /// Writes the state to disk. What fails is told once, and by metrics and pages as long as it lasts.
    pub(crate) fn save(&self) {
        let store = self.store.lock().unwrap_or_else(PoisonError::into_inner);
        let text = {
            let mut book = self.book();
            book.is_dirty = false;
            store::text(&book.state)
        };
        let written = store.write(&text);
        let mut book = self.book();
        match written {
            Ok(()) => {
                if book.process.save_error.take().is_some() {
                    tracing::info!("the state is written to {} again", store.path().display());
                }
                book.process.saved = Some(now());
            }
            Err(error) => {
                book.is_dirty = true;
                book.process.save_failures += 1;
                let path = store.path().display();
                let why = format!(
                    "cannot write {path}: {error}; what is found meanwhile is lost if the monitor ends: \
                     free space there or name another file as `state`"
                );
                if book.process.save_error.as_ref() != Some(&why) {
                    tracing::error!("{why}");
                }
                book.process.save_error = Some(why);
            }
        }
    }

    /// Makes a view of all, and something of that.
    pub(crate) fn show<T>(&self, show: impl FnOnce(&View<'_>, &Config) -> T) -> T {
        let config = self.config();
        let book = self.book();
        show(&View::of(&book.state, &config, &book.process, now()), &config)
    }
}

impl Book {
    /// Takes note of what happened: in the log, and for those who are to be told.
    pub(crate) fn tell(&mut self, events: &[Event], config: &Config, now: u64) {
        for event in events {
            match event.is_bad() {
                true => tracing::warn!(kind = event.kind.word(), "{}", event.sentence()),
                false => tracing::info!(kind = event.kind.word(), "{}", event.sentence()),
            }
        }
        self.state.tell(events, config.channels.keys().map(String::as_str), now);
        self.is_dirty = true;
    }
}

/// Seconds since 1970.
pub(crate) fn now() -> u64 {
    since_1970().as_secs()
}

/// Milliseconds since 1970.
pub(crate) fn now_ms() -> u64 {
    u64::try_from(since_1970().as_millis()).unwrap_or(u64::MAX)
}

/// The time since 1970.
fn since_1970() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

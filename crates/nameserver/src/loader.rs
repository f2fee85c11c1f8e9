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
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use arc_swap::ArcSwap;
use repute_dnsxl::Name;

mod build;
mod config;
pub mod decompress;
mod feed;
pub mod files;
mod global_acl;
mod keeper;
mod last_good;
mod links;
mod map;
pub mod master;
pub mod memory;
mod recipe;
mod schedule;
mod serial;
mod settle;
pub mod spool;
mod standing;
mod subscription;
mod watch;
mod work;

pub use build::{AccessList, BuildError, Built, Conditions, build, open};
pub use config::{
    Content, FeedConfig, Format, LoaderConfig, SnapshotOrigin, SoaConfig, SourceConfig,
    SourceOrigin, ZoneConfig,
};
pub use master::{MasterConfig, MasterOrigin};
pub use serial::{Fingerprint, Issued};

use crate::control::{Reload, Reloads};
use crate::status::StatusBoard;
use crate::zones::Zones;
use spool::Spool;
use work::{Event, Reply, Work};

/// The loader at work. Dropped, it stops.
#[derive(Debug)]
pub struct Loader {
    events: Sender<Event>,
    thread: Option<JoinHandle<()>>,
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
        let outlet = Arc::new(master::Direct::new(Arc::clone(&zones)));
        Loader::start_for(config, zones, board, outlet)
    }

    /// The same, with somebody who takes ordinary zones as they are read.
    ///
    /// # Errors
    /// If the data folder cannot be written, or no thread can be made.
    pub fn start_for(
        config: LoaderConfig,
        zones: Arc<ArcSwap<Zones>>,
        board: Arc<StatusBoard>,
        outlet: Arc<dyn master::Outlet>,
    ) -> Result<Loader, LoaderError> {
        let data_dir = config.data_dir.clone();
        let spool = Spool::open(&data_dir)
            .map_err(|source| LoaderError::DataDir { path: data_dir, source })?;
        let (events, inbox) = channel();
        let mut work = Work::new(config, Arc::new(spool), zones, board, events.clone(), outlet);
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

    /// Has the loader work by another configuration from now on, and reads all lists again. Zones
    /// that are new are added, others go, and those that stay answer from what they have until they
    /// are built anew. The data folder stays the one of the start.
    ///
    /// Returns at once what gives the outcome when all that is done.
    pub fn configure(&self, config: LoaderConfig) -> Outcomes {
        let (answer, answered) = channel();
        // A loader that has stopped gives no outcomes, which is noticed then.
        let _ = self.0.send(Event::Configure { config: Box::new(config), answer });
        Outcomes(answered)
    }
}

/// What a reload will have led to.
#[derive(Debug)]
pub struct Outcomes(Receiver<Reply>);

impl Outcomes {
    /// Waits for it.
    ///
    /// # Errors
    /// If the loader has stopped.
    pub fn wait(self) -> Result<Reloads, String> {
        self.0.recv().map_err(|_| STOPPED.to_owned())?
    }
}

/// There is nobody to reload anything.
const STOPPED: &str = "the loader has stopped";

impl Reload for Remote {
    fn reload(&self, zone: Option<&Name>) -> Result<Reloads, String> {
        let (answer, answered) = channel();
        // A loader that has stopped does not answer.
        let _ = self.0.send(Event::Reload { zone: zone.cloned(), answer });
        Outcomes(answered).wait()
    }
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

//! Publishing: lists of the database become zones, and follow it.
//!
//! ```text
//!  commit here ── told at once ─┐                    ┌─ a few keys changed ──> record ─> Editor ─┐
//!  commit elsewhere ── a look ──┴─> list's follower ─┴─ many: build anew ────> Editor ───────────┴─> check
//!                                                                                                      │
//!                 zone before stays, a second person may approve  <── refused, written down ───────────┤
//!                 Outlet::serve, written down, handed on          <── good ────────────────────────────┘
//! ```
//! Every process that serves DNS follows the serials of the lists by itself, so that none waits for another and
//! nothing is lost when one dies. What became of a serial is written down once ([`publications`]), by whoever comes
//! first, and holds for all; with that row the order to publish, which came with the change, is done.
//!
//! What is *not* here: DNS, files, who serves a zone: that is the [`Outlet`]'s.
//!
//! [`publications`]: repute_database::publications

mod approval;
mod brought;
mod check;
mod follower;
mod prospect;
mod shape;
mod together;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use repute_database::lists::{self, ListId, Stored};
use repute_database::{Database, DatabaseError};
use repute_dnsxl::Name;
use repute_zone::Zone;
use repute_zone::journal::Record;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

pub use approval::{ApprovalError, approve, approve_by, is_author};
pub use brought::{Brought, Counts, Fate, Row, brought};
use follower::Follower;
pub use prospect::{Prospect, prospect, tell, waiting};
pub use together::{Together, prospect_of_many};

/// Who serves zones. Called from tasks: what takes long is done elsewhere, but for [`Self::keep`].
pub trait Outlet: Send + Sync + 'static {
    /// What was served last under an apex, now or before the start: what a new version is compared with.
    fn last(&self, apex: &Name) -> Option<Arc<Zone>>;

    /// Serves a zone from now on, to which a record led from the version that was served before, if that is known.
    fn serve(&self, zone: &Arc<Zone>, record: Option<&Record>);

    /// Goes on with what is served, as there is something wrong with what comes after it.
    fn hold(&self, apex: &Name, why: &str);

    /// Writes a zone down, to be [`Self::last`] after a start. It may take its time.
    fn keep(&self, zone: &Zone);

    /// Hands a version that is served on to servers elsewhere, with what leads to it from an earlier serial if that is
    /// known. Whether the whole list is wanted too. It may take its time.
    fn hand_on(&self, edition: &Edition<'_>, delta: Option<(u32, Vec<u8>)>) -> bool;

    /// Hands the whole of a list on, as a parcel. It may take its time.
    fn hand_on_whole(&self, edition: &Edition<'_>, whole: Vec<u8>);

    /// The database was just seen, and has these lists: no others are to be served.
    fn seen(&self, lists: &[Name]);

    /// The database cannot be reached.
    fn lost(&self, why: &str);
}

/// A version, for servers elsewhere.
#[derive(Clone, Copy, Debug)]
pub struct Edition<'e> {
    /// The number of the list.
    pub list: ListId,
    /// Its name.
    pub apex: &'e Name,
    /// The serial.
    pub serial: u32,
    /// The last serial that was refused, and that a second person approved.
    pub approved: Option<u32>,
    /// A sum over all that the list says ([`repute_zone::journal::Editor::checksum`]).
    pub content: u128,
}

/// Publishes the lists of a database.
#[derive(Debug)]
pub struct Publisher {
    /// Ends it.
    stop: CancellationToken,
    /// The task that looks for changes.
    task: JoinHandle<()>,
}

impl Publisher {
    /// Starts to publish; to be called within a runtime.
    pub fn start(database: Database, outlet: Arc<dyn Outlet>) -> Publisher {
        let stop = CancellationToken::new();
        let lookout = Lookout { database, outlet, lists: HashMap::new(), is_lost: false };
        let task = tokio::spawn(lookout.run(stop.clone()));
        Publisher { stop, task }
    }

    /// Stops, once what is served is written down.
    pub async fn stop(self) {
        self.stop.cancel();
        if let Err(error) = self.task.await {
            warn!("publishing ended by a fault: {error}");
        }
    }
}

/// Looks which lists there are and how they stand, and tells their followers.
struct Lookout {
    /// The database.
    database: Database,
    /// Who serves.
    outlet: Arc<dyn Outlet>,
    /// Each list with its follower.
    lists: HashMap<ListId, Followed>,
    /// Whether the database could not be reached at the last look.
    is_lost: bool,
}

/// A list that is followed.
struct Followed {
    /// How it stands; dropped, its follower ends.
    told: watch::Sender<Stored>,
    /// The follower.
    task: JoinHandle<()>,
}

impl Lookout {
    /// Looks until it is stopped.
    async fn run(mut self, stop: CancellationToken) {
        let mut commits = self.database.commits();
        loop {
            commits.mark_unchanged();
            match self.look().await {
                Ok(()) => self.is_lost = false,
                Err(error) => self.lost(&error),
            }
            tokio::select! {
                () = stop.cancelled() => break,
                // The database holds the other end as long as we hold it.
                _ = commits.changed() => {}
                () = tokio::time::sleep(POLL) => {}
            }
        }
        for Followed { told, task } in self.lists.into_values() {
            drop(told);
            if let Err(error) = task.await {
                warn!("a list was not published any more: {error}");
            }
        }
    }

    /// Looks once.
    async fn look(&mut self) -> Result<(), DatabaseError> {
        let all = lists::all(self.database.read().await?.session()).await?;
        let names: Vec<Name> = all.iter().map(|stored| stored.list.apex.clone()).collect();
        // Lists are never removed, and keep their names: where that is not so, others came with a restore.
        let is_there = |id: &ListId, followed: &mut Followed| {
            let list = all.iter().find(|stored| stored.id == *id);
            list.is_some_and(|stored| stored.list.apex == followed.told.borrow().list.apex)
        };
        let gone = self.lists.extract_if(|id, followed| !is_there(id, followed));
        for (_, Followed { told, task }) in gone.collect::<Vec<_>>() {
            // Its name may be another list's now, so it is to be over before that has a follower.
            drop(told);
            if let Err(error) = task.await {
                warn!("a list was not published any more: {error}");
            }
        }
        self.outlet.seen(&names);
        for stored in all {
            // A follower ends before it is told to by a fault of ours only; then it is tried again.
            match self.lists.get(&stored.id).filter(|followed| !followed.task.is_finished()) {
                Some(followed) => {
                    followed.told.send_if_modified(|told| {
                        let differs = *told != stored;
                        *told = stored;
                        differs
                    });
                }
                None => {
                    let (database, outlet) = (self.database.clone(), Arc::clone(&self.outlet));
                    let follower = Follower::new(database, outlet, &stored);
                    let id = stored.id;
                    let (told, news) = watch::channel(stored);
                    let task = tokio::spawn(follower.run(news));
                    self.lists.insert(id, Followed { told, task });
                }
            }
        }
        if self.is_lost {
            info!("the database answers again");
        }
        Ok(())
    }

    /// Notes that the database cannot be reached.
    fn lost(&mut self, error: &DatabaseError) {
        let why = told(error);
        if !self.is_lost {
            warn!("the database cannot be read, so lists stay as they are: {why}");
        }
        self.is_lost = true;
        self.outlet.lost(&why);
    }
}

/// An error with what is behind it.
fn told(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

/// How often the database is asked for what other processes changed.
const POLL: Duration = Duration::from_millis(250);

#[cfg(test)]
mod tests;

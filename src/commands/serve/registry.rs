//! The lists of the database, served beside those of files.
//!
//! What was served last lies as snapshots in the data folder, so that a start needs no database: it is served at
//! once, and followed by what the database says as soon as that answers.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use repute_database::{Database, Place};
use repute_distribution::{Delivery, Origin, Shelf, ShelfError};
use repute_dnsxl::Name;
use repute_nameserver::guests::Guests;
use repute_nameserver::loader::{self, memory, spool};
use repute_registry::expiry;
use repute_registry::publish::{Edition, Outlet, Publisher};
use repute_registry::rule;
use repute_zone::journal::Record;
use repute_zone::{Zone, snapshot};
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::config::RegistryConfig;

/// The registry at work.
pub(super) struct Registry {
    /// Ends it.
    stop: CancellationToken,
    /// All it does.
    task: JoinHandle<()>,
    /// The database, once it is open.
    database: watch::Receiver<Option<Database>>,
}

impl Registry {
    /// Serves what was served before the start, and follows the database from now on.
    pub(super) fn start(
        config: &RegistryConfig,
        guests: Guests,
        shelf: Option<Arc<Shelf>>,
        data_dir: &Path,
        runtime: &Handle,
    ) -> Registry {
        let outlet = Arc::new(Served { guests, shelf, folder: Folder(data_dir.join("published")) });
        for (zone, written) in outlet.folder.open() {
            let apex = zone.apex().clone();
            if outlet.guests.serve_old(&Arc::new(zone), written) {
                info!(zone = %apex, "serving `{apex}` as it was before the start, until the database answers");
            } else {
                warn!(zone = %apex, "`{apex}` of before the start is older than its SOA's expire time");
            }
        }
        let stop = CancellationToken::new();
        let (opened, database) = watch::channel(None);
        let task = runtime.spawn(run(config.clone(), outlet, stop.clone(), opened));
        Registry { stop, task, database }
    }

    /// Its database, for others who need it; there as soon as it is open. It ends with the registry.
    pub(super) fn database(&self) -> watch::Receiver<Option<Database>> {
        self.database.clone()
    }

    /// Stops, once what is served is kept.
    pub(super) async fn stop(self) {
        self.stop.cancel();
        if let Err(error) = self.task.await {
            warn!("the registry ended by a fault: {error}");
        }
    }
}

/// Publishes until it is stopped.
async fn run(
    config: RegistryConfig,
    outlet: Arc<Served>,
    stop: CancellationToken,
    opened: watch::Sender<Option<Database>>,
) {
    let database = tokio::select! {
        () = stop.cancelled() => return,
        database = open(&config.database, &outlet) => database,
    };
    opened.send_replace(Some(database.clone()));
    let publisher = Publisher::start(database.clone(), outlet);
    tokio::join!(
        expiry::run(database.clone(), stop.clone()),
        rule::run::run(database.clone(), config.keep_evidence, stop),
    );
    publisher.stop().await;
    database.close().await;
}

/// Opens the database, however long that takes.
async fn open(place: &Place, outlet: &Served) -> Database {
    let mut told = None;
    loop {
        match Database::open(place).await {
            Ok(database) => {
                info!("the lists of {place} are followed");
                return database;
            }
            Err(error) => {
                let why = format!("{:#}", anyhow::Error::from(error));
                if told.as_ref() != Some(&why) {
                    warn!("{why}; what was published before is served, and it is tried again");
                }
                outlet.guests.lost(&why);
                told = Some(why);
            }
        }
        tokio::time::sleep(AGAIN).await;
    }
}

/// Serves what is published.
struct Served {
    /// The zones.
    guests: Guests,
    /// What servers elsewhere may have, if there is a portal to ask for it.
    shelf: Option<Arc<Shelf>>,
    /// Where they are kept.
    folder: Folder,
}

impl Outlet for Served {
    fn last(&self, apex: &Name) -> Option<Arc<Zone>> {
        self.guests.served(apex)
    }

    fn serve(&self, zone: &Arc<Zone>, record: Option<&Record>) {
        self.guests.serve_by(zone, record);
    }

    fn hold(&self, apex: &Name, why: &str) {
        self.guests.hold(apex, why);
    }

    fn keep(&self, zone: &Zone) {
        let path = self.folder.path(zone.apex());
        let kept = spool::replace_file(&path, |out| snapshot::encode(zone, out));
        if let Err(error) = kept {
            warn!(zone = %zone.apex(), "cannot keep {} for the next start: {error}", path.display());
        }
        // What it took to build is free now.
        memory::trim();
    }

    fn hand_on(&self, edition: &Edition<'_>, delta: Option<(u32, Vec<u8>)>) -> bool {
        let Some(shelf) = &self.shelf else { return false };
        let delta = delta.as_ref().map(|(from, bytes)| (*from, &bytes[..]));
        let put = delivered(edition, |delivery| shelf.put(delivery, delta));
        put.unwrap_or(false)
    }

    fn hand_on_whole(&self, edition: &Edition<'_>, whole: Vec<u8>) {
        if let Some(shelf) = &self.shelf {
            delivered(edition, |delivery| shelf.put_whole(delivery, &whole));
            // What it took to write is free now.
            drop(whole);
            memory::trim();
        }
    }

    fn seen(&self, lists: &[Name]) {
        if let Some(shelf) = &self.shelf {
            shelf.confirm(lists);
        }
        for apex in self.guests.seen(lists) {
            info!(zone = %apex, "`{apex}` is no longer served");
            // Should it stay, the next start serves it until the database answers.
            let _ = std::fs::remove_file(self.folder.path(&apex));
        }
    }

    fn lost(&self, why: &str) {
        self.guests.lost(why);
    }
}

/// Puts a version on the shelf, and tells of it if that fails: servers elsewhere then keep what they have.
fn delivered<T>(
    edition: &Edition<'_>,
    put: impl FnOnce(Delivery<'_>) -> Result<T, ShelfError>,
) -> Option<T> {
    let Edition { list, apex, serial, approved, content } = *edition;
    let origin = Origin { id: u64::try_from(list.0).ok()?, apex: apex.clone() };
    let delivery = Delivery { origin: &origin, serial, approved: approved.unwrap_or(0), content };
    put(delivery)
        .map_err(|error| {
            let why = format!("{:#}", anyhow::Error::from(error));
            warn!(zone = %apex, "servers elsewhere do not get serial {serial} of `{apex}`: {why}");
        })
        .ok()
}

/// The folder of what was served last.
struct Folder(PathBuf);

impl Folder {
    /// Where a zone is kept.
    fn path(&self, apex: &Name) -> PathBuf {
        // A name may have any byte in it, `/` too; the zone itself says what it is called.
        let text = apex.to_string();
        let is_harmless = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_');
        let name = match text.len() < 200 && !text.starts_with('.') && text.bytes().all(is_harmless)
        {
            true => text,
            false => apex.as_wire().iter().take(100).map(|byte| format!("{byte:02x}")).collect(),
        };
        self.0.join(format!("{name}.{ENDING}"))
    }

    /// Opens all zones, each with when it was written, in Unix seconds. The folder is made if it is not there.
    fn open(&self) -> Vec<(Zone, u32)> {
        let files = std::fs::create_dir_all(&self.0).and_then(|()| std::fs::read_dir(&self.0));
        let files = match files {
            Ok(files) => files,
            Err(error) => {
                warn!("cannot keep what is published in {}: {error}", self.0.display());
                return Vec::new();
            }
        };
        let is_kept = |path: &PathBuf| path.extension().is_some_and(|ending| ending == ENDING);
        let (paths, litter): (Vec<_>, Vec<_>) =
            files.flatten().map(|file| file.path()).partition(is_kept);
        for path in litter {
            // A process that was killed left it half written; it harms nobody.
            let _ = std::fs::remove_file(path);
        }
        let open = |path: PathBuf| {
            let zone = loader::open(&path).map_err(|error| error.to_string());
            let written = modified(&path).map_err(|error| error.to_string());
            zone.and_then(|zone| Ok((zone, written?)))
                .inspect_err(|error| warn!("what was published before cannot be used: {error}"))
                .ok()
        };
        paths.into_iter().filter_map(open).collect()
    }
}

/// When a file was written, in Unix seconds.
fn modified(path: &Path) -> io::Result<u32> {
    let time: SystemTime = std::fs::metadata(path)?.modified()?;
    let seconds = time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    Ok(u32::try_from(seconds).unwrap_or(u32::MAX))
}

/// What names of kept zones end with.
const ENDING: &str = "snapshot";
/// When a database that cannot be opened is tried again.
const AGAIN: Duration = Duration::from_secs(1);

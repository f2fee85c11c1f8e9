//! What was learned of lists before, on disk.

use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::exit::tell;
use nix::unistd::{Uid, User};
use repute_lookup::cache::Cache;
use repute_lookup::health::Memory;
use repute_lookup::inquiry::Known;

/// What is known, and where it is kept.
#[derive(Debug)]
pub(crate) struct Remembered {
    /// What is known.
    pub(crate) known: Known,
    place: Option<PathBuf>,
}

impl Remembered {
    /// Reads what was learned; of somebody forgetful, nothing.
    pub(crate) fn read(forgetful: bool) -> Remembered {
        let place = place().filter(|_| !forgetful);
        let memory = place.as_deref().map(Memory::read).unwrap_or_default();
        // Each target is asked once a run, so nothing is gained by a cache.
        Remembered { known: Known { memory, cache: Cache::default() }, place }
    }

    /// Keeps what was learned. That it cannot be kept costs the next one some time, and is said on standard error.
    pub(crate) fn write(mut self) {
        let Some(place) = self.place else { return };
        self.known.memory.forget(unix_now());
        if let Err(error) = self.known.memory.write(&place) {
            tell!("repute: cannot write {}: {error}", place.display());
        }
    }
}

/// Seconds since 1970.
pub(crate) fn unix_now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// The home of whoever runs this; what a daemon starts often has no variable for it.
fn home() -> Option<PathBuf> {
    let named = std::env::var_os("HOME").map(PathBuf::from).filter(|home| home.is_absolute());
    // That of many a daemon's user is not there.
    let known = || User::from_uid(Uid::effective()).ok().flatten().map(|user| user.dir);
    named.or_else(|| known().filter(|home| home.is_dir()))
}

/// Where it is kept: it is a cache, so in the place for caches.
fn place() -> Option<PathBuf> {
    let folder = std::env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .filter(|folder| folder.is_absolute())
        .or_else(|| Some(home()?.join(".cache")))?;
    Some(folder.join("repute").join("health.json"))
}

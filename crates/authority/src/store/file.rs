//! The file of the store: opened, read, and opened again after it could not be written.

use std::collections::HashMap;
use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use redb::{
    Builder, Database, DatabaseError, ReadTransaction, ReadableDatabase, ReadableTable,
    StorageError, TableDefinition,
};
use repute_dnsxl::Name;
use repute_records::{Record, Zone};

use super::{Held, Journal, StoreError, VERSION, packed};

/// What is known of the file itself: its format, and the number of its last turn.
pub(super) const META: TableDefinition<'_, &str, u64> = TableDefinition::new("meta");
/// Zones by their names: the digest of what each began with, and its journal: the oldest, the next, bytes.
pub(super) const ZONES: TableDefinition<'_, &[u8], (u64, u64, u64, u64)> =
    TableDefinition::new("zones");
/// Record sets by zone, name and type.
pub(super) const SETS: TableDefinition<'_, SetKey<'_>, &[u8]> = TableDefinition::new("records");
/// Differences by zone and number.
pub(super) const JOURNAL: TableDefinition<'_, (&[u8], u64), &[u8]> =
    TableDefinition::new("journal");
/// Zone, name and type of a set.
type SetKey<'k> = (&'k [u8], &'k [u8], u16);
/// The key of the format.
pub(super) const FORMAT: &str = "format";
/// The key of the last turn.
pub(super) const TURN: &str = "turn";

/// The file.
#[derive(Debug)]
pub(super) struct File {
    path: PathBuf,
    cache: usize,
    /// None while it cannot be opened.
    database: RwLock<Option<Database>>,
}

impl File {
    /// A file that is not open yet.
    pub(super) fn new(path: &Path, cache: usize) -> File {
        File { path: path.to_owned(), cache, database: RwLock::new(None) }
    }

    /// Opens it, and reads what is in it: zones, and the number of the last turn.
    pub(super) fn open(&self) -> Result<(HashMap<Name, Held>, u64), StoreError> {
        let database = self.guarded(|| self.open_database())?;
        let read = self.guarded(|| self.read(&database))?;
        *self.database.write().unwrap_or_else(PoisonError::into_inner) = Some(database);
        Ok(read)
    }

    /// Opens it once more, after it could not be written; the number of the last turn that it has.
    pub(super) fn reopen(&self) -> Result<u64, StoreError> {
        let mut place = self.database.write().unwrap_or_else(PoisonError::into_inner);
        *place = None;
        let database = self.guarded(|| self.open_database())?;
        let turn = self.guarded(|| self.last_turn(&database))?;
        *place = Some(database);
        Ok(turn)
    }

    /// The open file, for as long as it is not opened once more.
    pub(super) fn database(&self) -> RwLockReadGuard<'_, Option<Database>> {
        self.database.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins to read other tables.
    pub(super) fn begin_read(&self) -> Result<ReadTransaction, StoreError> {
        self.guarded(|| {
            let database = self.database();
            let database = database.as_ref().ok_or_else(|| self.cannot_write("it is not open"))?;
            database.begin_read().map_err(|error| self.failed(error))
        })
    }

    /// Reads other tables.
    pub(super) fn view<T>(
        &self,
        read: impl FnOnce(&ReadTransaction) -> Result<T, redb::Error>,
    ) -> Result<T, StoreError> {
        self.guarded(|| {
            let database = self.database();
            let database = database.as_ref().ok_or_else(|| self.cannot_write("it is not open"))?;
            let transaction = database.begin_read().map_err(|error| self.failed(error))?;
            read(&transaction).map_err(|error| self.failed(error))
        })
    }

    /// Opens the database and looks whether it is ours.
    fn open_database(&self) -> Result<Database, StoreError> {
        // What is in it is nobody else's business.
        let own = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&self.path);
        own.map_err(|error| self.cannot_open(&error))?;
        let mut builder = Builder::new();
        builder.set_cache_size(self.cache).set_check_integrity_on_open(true);
        let database = builder.create(&self.path).map_err(|error| match error {
            DatabaseError::DatabaseAlreadyOpen | DatabaseError::LockProtocolMismatch => {
                StoreError::Locked { path: self.path.clone() }
            }
            DatabaseError::UpgradeRequired(found) => {
                StoreError::Version { path: self.path.clone(), found: u64::from(found) }
            }
            DatabaseError::Storage(StorageError::Io(error)) => self.cannot_open(&error),
            error => self.corrupt(&error.to_string()),
        })?;
        let transaction = database.begin_write().map_err(|error| self.failed(error))?;
        let found = {
            let mut meta = transaction.open_table(META).map_err(|error| self.failed(error))?;
            let found =
                meta.get(FORMAT).map_err(|error| self.failed(error))?.map(|found| found.value());
            if found.is_none() {
                meta.insert(FORMAT, VERSION).map_err(|error| self.failed(error))?;
            }
            found
        };
        match found {
            Some(VERSION) => transaction.abort().map_err(|error| self.failed(error))?,
            Some(found) => return Err(StoreError::Version { path: self.path.clone(), found }),
            None => {
                // Tables that readers find, empty or not.
                transaction.open_table(ZONES).map_err(|error| self.failed(error))?;
                transaction.open_table(SETS).map_err(|error| self.failed(error))?;
                transaction.open_table(JOURNAL).map_err(|error| self.failed(error))?;
                transaction.commit().map_err(|error| self.failed(error))?;
            }
        }
        Ok(database)
    }

    /// Reads all zones.
    fn read(&self, database: &Database) -> Result<(HashMap<Name, Held>, u64), StoreError> {
        let transaction = database.begin_read().map_err(|error| self.failed(error))?;
        let zones = transaction.open_table(ZONES).map_err(|error| self.failed(error))?;
        let sets = transaction.open_table(SETS).map_err(|error| self.failed(error))?;
        let mut records: HashMap<Name, Vec<Record>> = HashMap::new();
        for item in sets.iter().map_err(|error| self.failed(error))? {
            let (key, value) = item.map_err(|error| self.failed(error))?;
            let (apex, owner, rtype) = key.value();
            let names = Name::from_wire(apex).ok().zip(Name::from_wire(owner).ok());
            let read = names.and_then(|(apex, owner)| {
                Some((apex, packed::read_set(&owner, rtype, value.value())?))
            });
            let (apex, set) = read.ok_or_else(|| self.corrupt("a record is unreadable"))?;
            records.entry(apex).or_default().extend(set);
        }
        let mut held = HashMap::new();
        for item in zones.iter().map_err(|error| self.failed(error))? {
            let (apex, value) = item.map_err(|error| self.failed(error))?;
            let (seed, first, next, bytes) = value.value();
            let apex =
                Name::from_wire(apex.value()).map_err(|_| self.corrupt("a zone has no name"))?;
            let own = records.remove(&apex).unwrap_or_default();
            let zone = match Zone::new(apex.clone(), own) {
                Ok((zone, unfit)) if unfit.is_empty() => Arc::new(zone),
                Ok((_, unfit)) => {
                    let why = unfit.first().map(ToString::to_string).unwrap_or_default();
                    return Err(self.corrupt(&format!("zone {apex}: {why}")));
                }
                Err(unfit) => return Err(self.corrupt(&format!("zone {apex}: {unfit}"))),
            };
            held.insert(apex, Held { zone, seed, journal: Journal { first, next, bytes } });
        }
        Ok((held, self.last_turn(database)?))
    }

    /// The number of the last turn.
    fn last_turn(&self, database: &Database) -> Result<u64, StoreError> {
        let transaction = database.begin_read().map_err(|error| self.failed(error))?;
        let meta = transaction.open_table(META).map_err(|error| self.failed(error))?;
        let turn = meta.get(TURN).map_err(|error| self.failed(error))?;
        Ok(turn.map_or(0, |turn| turn.value()))
    }

    /// Does something that may meet damage which the library takes for impossible.
    fn guarded<T>(&self, read: impl FnOnce() -> Result<T, StoreError>) -> Result<T, StoreError> {
        catch_unwind(AssertUnwindSafe(read))
            .unwrap_or_else(|_| Err(self.corrupt("its pages do not fit together")))
    }

    /// The file cannot be opened.
    fn cannot_open(&self, error: &io::Error) -> StoreError {
        match error.kind() {
            io::ErrorKind::StorageFull => StoreError::Full { path: self.path.clone() },
            io::ErrorKind::InvalidData => self.corrupt(&error.to_string()),
            _ => StoreError::Open { path: self.path.clone(), why: error.to_string() },
        }
    }

    /// The file is not what was written.
    pub(super) fn corrupt(&self, why: &str) -> StoreError {
        StoreError::Corrupt { path: self.path.clone(), why: why.to_owned() }
    }

    /// The file cannot be written.
    pub(super) fn cannot_write(&self, why: &str) -> StoreError {
        StoreError::Write { path: self.path.clone(), why: why.to_owned() }
    }

    /// What an error of the library means.
    pub(super) fn failed(&self, error: impl Into<redb::Error>) -> StoreError {
        match error.into() {
            redb::Error::Io(error) if is_full(&error) => {
                StoreError::Full { path: self.path.clone() }
            }
            redb::Error::Corrupted(why) => self.corrupt(&why),
            error => self.cannot_write(&error.to_string()),
        }
    }
}

/// Whether an error means that there is no room: on the disk, for the user, or in a file.
fn is_full(error: &io::Error) -> bool {
    use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
    matches!(error.kind(), StorageFull | QuotaExceeded | FileTooLarge)
}

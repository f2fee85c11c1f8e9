//! The database: where it is, how it is opened, connections and transactions.

use std::error::Error;
use std::fmt;
use std::fs::{Metadata, OpenOptions};
use std::io;
use std::iter::successors;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use sqlx::migrate::MigrateError;
use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Connection as _, PgConnection, PgPool, Postgres, Sqlite, SqlitePool};
use tokio::sync::watch;

use crate::key::KeyError;
use crate::session::Session;
use crate::turn::{self, Taken, Turns};

/// Where a database is.
#[derive(Clone)]
pub enum Place {
    /// In a file, which is made if it is not there.
    File(PathBuf),
    /// On a PostgreSQL server.
    Server(Box<PgConnectOptions>),
}

impl FromStr for Place {
    type Err = DatabaseError;

    /// Parses `postgres://user@host/database`, with the parameters of libpq, or the path of a file.
    fn from_str(text: &str) -> Result<Place, DatabaseError> {
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            // The text may hold a password, so it is not repeated.
            let options = text.parse().map_err(|_| DatabaseError::Place)?;
            return Ok(Place::Server(Box::new(options)));
        }
        match text.contains("://") || text.is_empty() {
            true => Err(DatabaseError::Place),
            false => Ok(Place::File(text.into())),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::File(path) => path.display().fmt(f),
            Place::Server(options) => {
                let database = options.get_database().unwrap_or_default();
                write!(f, "PostgreSQL at {}, database `{database}`", options.get_host())
            }
        }
    }
}

impl fmt::Debug for Place {
    /// Without the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Place({self})")
    }
}

/// An open database with the schema of this version. Clones are the same one.
#[derive(Clone, Debug)]
pub struct Database {
    /// Its connections.
    pool: Pool,
    /// How many transactions this process has committed.
    commits: watch::Sender<u64>,
}

/// Its connections.
#[derive(Clone, Debug)]
enum Pool {
    /// SQLite has one writer, so who wants to write waits here and not in a loop.
    Sqlite { read: SqlitePool, write: SqlitePool },
    /// PostgreSQL. Whoever writes may wait for others who do; whoever reads waits for nobody.
    Postgres { read: PgPool, write: PgPool, turns: Arc<Turns> },
}

/// A connection that reads, outside of a transaction.
#[derive(Debug)]
pub enum Connection {
    /// Of SQLite.
    Sqlite(PoolConnection<Sqlite>),
    /// Of PostgreSQL.
    Postgres(PoolConnection<Postgres>, Taken),
}

/// Changes that happen together or not at all; dropped without [`Self::commit`], not at all.
#[derive(Debug)]
pub struct Transaction {
    /// The transaction.
    begun: Begun,
    /// Who wants to know that it is committed.
    commits: watch::Sender<u64>,
}

/// A transaction of either database.
#[derive(Debug)]
enum Begun {
    /// Of SQLite.
    Sqlite(sqlx::Transaction<'static, Sqlite>),
    /// Of PostgreSQL.
    Postgres(sqlx::Transaction<'static, Postgres>, Taken),
}

/// What can go wrong with the database.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DatabaseError {
    /// No place for a database.
    #[error("not a database: name a file, or a server as postgres://user@host/database")]
    Place,
    /// It cannot be opened.
    #[error("cannot open the database {place}")]
    Open {
        /// Where it is.
        place: String,
        /// Why.
        source: sqlx::Error,
    },
    /// The folder of its file is not there.
    #[error(
        "cannot open the database {file}: there is no folder {folder}; make it, or name a file in one that is there"
    )]
    NoFolder {
        /// The file.
        file: String,
        /// Its folder.
        folder: String,
    },
    /// Its file cannot be made or opened.
    #[error("cannot open the database {file}")]
    File {
        /// The file.
        file: String,
        /// Why.
        source: io::Error,
    },
    /// What is there is another file.
    #[error(
        "{file} is no database, and was left as it is: name the file of a database, or one that is not there yet"
    )]
    NoDatabase {
        /// The file.
        file: String,
    },
    /// Its schema cannot be brought to this version.
    #[error("cannot bring the database {place} to this version's schema")]
    Migrate {
        /// Where it is.
        place: String,
        /// Why.
        source: sqlx::migrate::MigrateError,
    },
    /// A statement failed.
    #[error("{}", of_statement(.0))]
    Statement(#[from] sqlx::Error),
    /// What is stored cannot be read.
    #[error("what the database holds cannot be read: {0}")]
    Content(&'static str),
    /// What is asked for is not there.
    #[error("there is no such {0}")]
    Missing(&'static str),
    /// Somebody is at it, and too many wait already, or one has waited too long.
    #[error("somebody else changes the same now, and others wait: try again in a minute")]
    Busy,
}

/// Whether an error, or what it comes from, is that a database may not grow as its disk is full.
pub fn is_full(error: &(dyn Error + 'static)) -> bool {
    let mut causes = successors(Some(error), |&cause| cause.source());
    causes.any(|cause| cause.downcast_ref::<sqlx::Error>().is_some_and(is_full_disk))
}

/// Whether it is SQLITE_FULL, or PostgreSQL's `disk_full`.
fn is_full_disk(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
    code.is_some_and(|code| code == "13" || code == "53100")
}

/// What a failed statement is told as.
fn of_statement(error: &sqlx::Error) -> &'static str {
    match is_full_disk(error) {
        true => "the disk under the database is full: free space there",
        false => "the database does not answer as it should",
    }
}

impl DatabaseError {
    /// Whether the database is not to be reached now, and the same may work later.
    pub fn is_away(&self) -> bool {
        use sqlx::Error::{Io, PoolClosed, PoolTimedOut, Tls, WorkerCrashed};
        // A disk may be mounted later.
        if let Self::NoFolder { .. } | Self::File { .. } = self {
            return true;
        }
        let (Self::Open { source, .. } | Self::Statement(source)) = self else { return false };
        // A server that shuts down or starts says so itself (class 57 of PostgreSQL's codes).
        let code = source.as_database_error().and_then(sqlx::error::DatabaseError::code);
        let is_ending = code.is_some_and(|code| code.starts_with("57P"));
        is_ending || matches!(source, Io(_) | Tls(_) | PoolClosed | PoolTimedOut | WorkerCrashed)
    }
}

impl DatabaseError {
    /// Whether somebody changed the same at the same moment, so that nothing was done and the same works when it is
    /// tried again: a deadlock or a serialization failure, of SQLite a lock that was waited for too long.
    pub fn is_contended(&self) -> bool {
        if let Self::Busy = self {
            return true;
        }
        let Self::Statement(source) = self else { return false };
        let code = source.as_database_error().and_then(sqlx::error::DatabaseError::code);
        // Both count by themselves: SQLite in small numbers, PostgreSQL in five characters.
        code.is_some_and(|code| match &*code {
            "40001" | "40P01" | "55P03" => true,
            code => code
                .parse::<u32>()
                .is_ok_and(|number| code.len() < 5 && matches!(number & 0xff, 5 | 6)),
        })
    }

    /// Whether something is there already that may be there once.
    pub fn is_double(&self) -> bool {
        let Self::Statement(source) = self else { return false };
        source.as_database_error().is_some_and(sqlx::error::DatabaseError::is_unique_violation)
    }
}

impl From<KeyError> for DatabaseError {
    fn from(_: KeyError) -> DatabaseError {
        DatabaseError::Content("the key of an entry")
    }
}

impl Database {
    /// Opens a database and brings its schema to this version.
    ///
    /// # Errors
    /// If it cannot be opened, or was written by a later version.
    pub async fn open(place: &Place) -> Result<Database, DatabaseError> {
        Self::open_with(place, READERS, WRITERS).await
    }

    /// As [`Self::open`], with at most so many connections that read, and of PostgreSQL that write.
    pub(crate) async fn open_with(
        place: &Place,
        readers: u32,
        writers: u32,
    ) -> Result<Database, DatabaseError> {
        let failed = |source| DatabaseError::Open { place: place.to_string(), source };
        let migrating = |source| DatabaseError::Migrate { place: place.to_string(), source };
        let pool = match place {
            Place::File(path) => {
                make_file(path)?;
                let options = SqliteConnectOptions::new()
                    .filename(path)
                    .create_if_missing(true)
                    .foreign_keys(true)
                    .journal_mode(SqliteJournalMode::Wal)
                    // What is acknowledged survives the loss of power, too.
                    .synchronous(SqliteSynchronous::Full)
                    .busy_timeout(PATIENCE);
                let write =
                    connect_file(&options).await.map_err(|error| match is_no_database(&error) {
                        true => DatabaseError::NoDatabase { file: path.display().to_string() },
                        false => failed(error),
                    })?;
                migrate_file(&write).await.map_err(migrating)?;
                let read = SqlitePoolOptions::new().max_connections(readers);
                let read = read.acquire_timeout(PATIENCE);
                let read = read.connect_lazy_with(options.read_only(true));
                Pool::Sqlite { read, write }
            }
            Place::Server(options) => {
                let options = options.as_ref().clone().application_name("repute");
                let pool =
                    |most| PgPoolOptions::new().max_connections(most).acquire_timeout(PATIENCE);
                // A pool says only that its time is over; one connection says why.
                let first = PgConnection::connect_with(&options).await.map_err(failed)?;
                first.close().await.map_err(failed)?;
                // A new schema is waited for as long as it takes, also when another process is at it.
                let patient = pool(1).connect_with(options.clone()).await.map_err(failed)?;
                let migrations = sqlx::migrate!("./migrations/postgres");
                migrations.run(&patient).await.map_err(migrating)?;
                patient.close().await;
                let options = options.options([("lock_timeout", LOCK_TIMEOUT)]);
                let read = pool(readers).connect_lazy_with(options.clone());
                let write = pool(writers).connect_with(options).await.map_err(failed)?;
                Pool::Postgres { read, write, turns: Arc::default() }
            }
        };
        Ok(Database { pool, commits: watch::Sender::new(0) })
    }

    /// A connection to read with.
    ///
    /// # Errors
    /// If none is to be had.
    pub async fn read(&self) -> Result<Connection, DatabaseError> {
        Ok(match &self.pool {
            Pool::Sqlite { read, .. } => Connection::Sqlite(read.acquire().await?),
            Pool::Postgres { read, turns, .. } => {
                Connection::Postgres(read.acquire().await?, Taken::nothing(turns))
            }
        })
    }

    /// Begins a transaction that may write.
    ///
    /// # Errors
    /// If no connection is to be had.
    pub async fn begin(&self) -> Result<Transaction, DatabaseError> {
        let begun = match &self.pool {
            // With the lock for writing from the start: a reader that turns into a writer may fail.
            Pool::Sqlite { write, .. } => {
                // The one connection is somebody's for longer than anybody waits: it is there all the same.
                let begun = begin_file(write, "BEGIN IMMEDIATE").await;
                Begun::Sqlite(begun.map_err(|error| match error {
                    sqlx::Error::PoolTimedOut => DatabaseError::Busy,
                    error => error.into(),
                })?)
            }
            Pool::Postgres { write, turns, .. } => {
                Begun::Postgres(write.begin().await?, Taken::nothing(turns))
            }
        };
        Ok(Transaction { begun, commits: self.commits.clone() })
    }

    /// Begins a transaction that only reads, and sees the database as it is at its first look until it ends.
    ///
    /// # Errors
    /// If no connection is to be had.
    pub async fn look(&self) -> Result<Transaction, DatabaseError> {
        let begun = match &self.pool {
            Pool::Sqlite { read, .. } => Begun::Sqlite(begin_file(read, "BEGIN").await?),
            Pool::Postgres { read, turns, .. } => {
                let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY";
                Begun::Postgres(read.begin_with(begin).await?, Taken::nothing(turns))
            }
        };
        Ok(Transaction { begun, commits: self.commits.clone() })
    }

    /// Tells when a transaction of this process was committed; other processes are not heard.
    pub fn commits(&self) -> watch::Receiver<u64> {
        self.commits.subscribe()
    }

    /// Closes all connections, once they are idle.
    pub async fn close(&self) {
        match &self.pool {
            Pool::Sqlite { read, write } => {
                read.close().await;
                write.close().await;
            }
            Pool::Postgres { read, write, .. } => {
                read.close().await;
                write.close().await;
            }
        }
    }
}

impl Connection {
    /// What statements run in.
    pub fn session(&mut self) -> Session<'_> {
        match self {
            Connection::Sqlite(connection) => Session::Sqlite(connection),
            Connection::Postgres(connection, taken) => Session::Postgres(connection, taken),
        }
    }
}

impl Transaction {
    /// What statements run in.
    pub fn session(&mut self) -> Session<'_> {
        match &mut self.begun {
            Begun::Sqlite(transaction) => Session::Sqlite(transaction),
            Begun::Postgres(transaction, taken) => Session::Postgres(transaction, taken),
        }
    }

    /// Makes all of it happen.
    ///
    /// # Errors
    /// If the database cannot; then nothing did.
    pub async fn commit(self) -> Result<(), DatabaseError> {
        match self.begun {
            Begun::Sqlite(transaction) => transaction.commit().await?,
            Begun::Postgres(transaction, _) => transaction.commit().await?,
        }
        self.commits.send_modify(|commits| *commits = commits.wrapping_add(1));
        Ok(())
    }
}

/// Makes a file that is not there yet, for its owner alone: digests of passwords will be in it. What SQLite puts
/// beside it gets the same rights.
fn make_file(path: &Path) -> Result<(), DatabaseError> {
    let file = path.display().to_string();
    // A name alone is in the folder where one is.
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => match is_too_short(path) {
            true => Err(DatabaseError::NoDatabase { file }),
            false => Ok(()),
        },
        Err(error) => match folder.filter(|folder| !folder.exists()) {
            Some(folder) if error.kind() == io::ErrorKind::NotFound => {
                Err(DatabaseError::NoFolder { file, folder: folder.display().to_string() })
            }
            Some(_) | None => Err(DatabaseError::File { file, source: error }),
        },
    }
}

/// Whether a file is too short to be a database, and not empty: SQLite takes such a one over and writes its tables into
/// it, while it refuses what is longer by itself. It is not opened here: who closes a file loses all locks that this
/// process has on it, and it may be a database that is in use.
fn is_too_short(path: &Path) -> bool {
    let is_short = |meta: Metadata| meta.is_file() && (1..SHORTEST).contains(&meta.len());
    // With a journal beside it SQLite puts back what was there before.
    let mut journal = path.as_os_str().to_owned();
    journal.push("-journal");
    path.metadata().is_ok_and(is_short) && !Path::new(&journal).exists()
}

/// Opens a file to write. Of several who open a new one at once SQLite lets one make it, and tells the others that it
/// is locked without waiting, as it does elsewhere: they come again.
async fn connect_file(options: &SqliteConnectOptions) -> Result<SqlitePool, sqlx::Error> {
    let mut tries = 0;
    loop {
        let pool = SqlitePoolOptions::new().max_connections(1);
        match pool.connect_with(options.clone()).await {
            Err(error) if tries < MOST_TRIES && is_busy(&error) => {
                tries += 1;
                tokio::time::sleep(Duration::from_millis(20) * tries).await;
            }
            connected => return connected,
        }
    }
}

/// Begins a transaction of a file. When SQLite is out of disk it rolls a transaction back by itself, and the connection
/// goes on counting it (sqlx knows only what it asked for): such a one is closed, as it would begin none any more.
async fn begin_file(
    pool: &SqlitePool,
    begin: &'static str,
) -> Result<sqlx::Transaction<'static, Sqlite>, sqlx::Error> {
    match pool.begin_with(begin).await {
        Err(sqlx::Error::InvalidSavePointStatement) => {
            pool.acquire().await?.close().await?;
            pool.begin_with(begin).await
        }
        begun => begun,
    }
}

/// Whether SQLite says that somebody else is at it (SQLITE_BUSY).
fn is_busy(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
    code.is_some_and(|code| code == "5")
}

/// Whether SQLite says that a file does not begin as its own do (SQLITE_NOTADB).
fn is_no_database(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
    code.is_some_and(|code| code == "26")
}

/// Brings the schema of a file to this version. Several processes may open a new file at once, and SQLite has no lock
/// for that as PostgreSQL has: whoever finds that another one was quicker looks again at what is left to do.
async fn migrate_file(pool: &SqlitePool) -> Result<(), MigrateError> {
    let migrations = sqlx::migrate!("./migrations/sqlite");
    let mut tries = 0;
    loop {
        match migrations.run(pool).await {
            // SQLite takes all of a step back then, and its connection would go on in the middle of it.
            Err(error) if is_full(&error) => return Err(error),
            Err(MigrateError::Execute(_) | MigrateError::ExecuteMigration(..))
                if tries < MOST_TRIES =>
            {
                tries += 1;
                tokio::time::sleep(Duration::from_millis(20) * tries).await;
            }
            migrated => return migrated,
        }
    }
}

/// A page of SQLite has so many bytes at least, and a database that is not empty has one.
const SHORTEST: u64 = 512;
/// How often what another process may be at is tried: at least once for each step of a schema.
const MOST_TRIES: u32 = 20;
/// How long a connection, or SQLite's lock, is waited for.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long PostgreSQL lets somebody wait for what others change: longer than an import of a million rows takes.
const LOCK_TIMEOUT: &str = "30s";
/// How many connections read at once.
const READERS: u32 = 8;
/// How many connections of PostgreSQL write at once: more than may wait for a turn.
const WRITERS: u32 = 12;
const _: () = assert!(WRITERS as usize > turn::WAITERS, "somebody is to get through");

#[cfg(test)]
mod tests {
    use sqlx::AssertSqlSafe;

    use super::*;
    use crate::testing::on_each;
    use crate::{Timestamp, outbox};

    #[test]
    fn a_place_is_a_file_or_a_server_and_shows_no_password() {
        let place: Place = "postgres://repute:secret@db.example:5433/lists".parse().expect("one");
        assert_eq!(place.to_string(), "PostgreSQL at db.example, database `lists`");
        assert!(!format!("{place:?}").contains("secret"));
        assert_eq!("/var/lib/x.db".parse::<Place>().expect("one").to_string(), "/var/lib/x.db");
        for wrong in ["", "mysql://x", "postgres://user:secret@:x/"] {
            let error = wrong.parse::<Place>().expect_err(wrong).to_string();
            assert!(!error.contains("secret"), "{error}");
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn several_who_open_a_new_file_at_once_all_find_it_whole() {
        let folder = tempfile::tempdir().expect("a folder");
        let place = Place::File(folder.path().join("new.db"));
        let opening: Vec<_> = (0..6)
            .map(|_| {
                let place = place.clone();
                tokio::spawn(async move { Database::open(&place).await.map(drop) })
            })
            .collect();
        for opened in opening {
            opened.await.expect("no panic").expect("it opens");
        }
        for file in std::fs::read_dir(folder.path()).expect("a folder") {
            let meta = file.and_then(|file| file.metadata()).expect("it is there");
            let mode = std::os::unix::fs::PermissionsExt::mode(&meta.permissions());
            assert_eq!(mode & 0o077, 0, "others may not read what is in it");
        }
    }

    #[tokio::test]
    async fn a_file_that_is_no_database_is_left_as_it_is() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("notes.txt");
        let place = Place::File(path.clone());
        let long = "192.0.2.1\n".repeat(2_000);
        for length in [1, 20, 511, 512, 4_096, long.len()] {
            let text = &long[..length];
            std::fs::write(&path, text).expect("it is written");
            let error = Database::open(&place).await.expect_err("it is a text");
            let told = error.to_string();
            assert!(matches!(error, DatabaseError::NoDatabase { .. }), "{told}");
            assert!(told.contains("notes.txt is no database") && !error.is_away(), "{told}");
            assert_eq!(std::fs::read_to_string(&path).expect("it is there"), text);
            let files = std::fs::read_dir(folder.path()).expect("a folder").count();
            assert_eq!(files, 1, "nothing is put beside it");
        }
        // An empty one is as good as none, and what is a database then is opened again.
        std::fs::write(&path, "").expect("it is written");
        for _ in 0..2 {
            Database::open(&place).await.expect("it opens").close().await;
        }
    }

    #[tokio::test]
    async fn who_cannot_open_a_database_is_told_why() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("file");
        std::fs::write(&file, "x").expect("it is written");
        for (place, why) in [
            ("/nowhere/lists.db", "there is no folder /nowhere; make it"),
            (&*file.join("lists.db").display().to_string(), "Not a directory"),
            ("postgres://repute@127.0.0.1:9/lists", "Connection refused"),
        ] {
            let place: Place = place.parse().expect("a place");
            let error = Database::open(&place).await.expect_err("nothing is there");
            let source = std::error::Error::source(&error).map(ToString::to_string);
            let told = format!("{error}: {}", source.unwrap_or_default());
            assert!(told.contains(why), "{told}");
            assert!(error.is_away(), "it may be there later: {told}");
        }
    }

    #[test]
    fn both_schemas_are_the_same_but_for_the_words_of_each_database() {
        let files = |kind: &str| -> std::collections::BTreeMap<String, String> {
            let folder =
                std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations").join(kind);
            let files = std::fs::read_dir(folder).expect("the folder is there");
            let read = |file: std::fs::DirEntry| {
                let text = std::fs::read_to_string(file.path()).expect("it is text");
                (file.file_name().to_string_lossy().into_owned(), text)
            };
            files.map(|file| read(file.expect("a file"))).collect()
        };
        let zeros = "0".repeat(64);
        let (mut sqlite, mut postgres) = (files("sqlite"), files("postgres"));
        // Triggers have a language of their own in each: tests of the audit log hold them to the same.
        let triggers = [&mut sqlite, &mut postgres].map(|all| all.remove("0025_audit_stays.sql"));
        assert!(triggers.iter().flatten().all(|text| text.contains("CREATE TRIGGER")));
        for text in sqlite.values_mut() {
            *text = text
                .replace(
                    "INTEGER PRIMARY KEY",
                    "BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY",
                )
                .replace("BLOB", "BYTEA")
                .replace(&format!("x'{zeros}'"), &format!("decode('{zeros}', 'hex')"));
        }
        assert_eq!(sqlite, postgres);
    }

    #[tokio::test]
    async fn who_looks_sees_one_moment_and_hears_of_the_next() {
        on_each(async |database| {
            let mut commits = database.commits();
            let mut look = database.look().await.expect("a transaction");
            let before = crate::lists::all(look.session()).await.expect("they are read");
            let mut transaction = database.begin().await.expect("a transaction");
            crate::lists::tests::add(&mut transaction.session(), "bl.example").await;
            assert!(!commits.has_changed().expect("the database is open"));
            transaction.commit().await.expect("it is committed");
            commits.changed().await.expect("the database is open");
            assert_eq!(crate::lists::all(look.session()).await.expect("they are read"), before);
            let mut look = database.look().await.expect("a transaction");
            assert_eq!(crate::lists::all(look.session()).await.expect("they are read").len(), 1);
        })
        .await;
    }

    #[tokio::test]
    async fn what_is_not_committed_did_not_happen() {
        on_each(async |database| {
            let mut transaction = database.begin().await.expect("a transaction");
            crate::lists::tests::add(&mut transaction.session(), "bl.example").await;
            drop(transaction);
            let mut connection = database.read().await.expect("a connection");
            let all = crate::lists::all(connection.session()).await.expect("they are read");
            assert!(all.is_empty());
        })
        .await;
    }

    #[test]
    fn what_is_away_is_told_from_what_is_wrong() {
        let io = || std::io::Error::from(std::io::ErrorKind::ConnectionRefused);
        for (error, expect) in [
            (DatabaseError::Statement(sqlx::Error::Io(io())), true),
            (DatabaseError::Statement(sqlx::Error::PoolTimedOut), true),
            (DatabaseError::Statement(sqlx::Error::RowNotFound), false),
            (DatabaseError::Content("x"), false),
        ] {
            assert_eq!(error.is_away(), expect, "{error:?}");
        }
    }

    #[tokio::test]
    async fn a_deadlock_is_told_from_what_is_wrong() {
        let Some(server) = crate::testing::Server::start() else { return };
        let database = Database::open(&server.place()).await.expect("it opens");
        let mut transaction = database.begin().await.expect("a transaction");
        let first = crate::lists::tests::add(&mut transaction.session(), "a.example").await;
        let second = crate::lists::tests::add(&mut transaction.session(), "b.example").await;
        transaction.commit().await.expect("it is committed");
        let has_one = tokio::sync::Barrier::new(2);
        let lock = async |one, other| {
            let mut transaction = database.begin().await.expect("a transaction");
            // Nobody locks lists in two orders; this changes two of them without.
            crate::lists::set_state(transaction.session(), one, crate::lists::State::Retiring)
                .await?;
            has_one.wait().await;
            crate::lists::set_state(transaction.session(), other, crate::lists::State::Retiring)
                .await?;
            transaction.commit().await
        };
        let (one, other) = tokio::join!(lock(first, second), lock(second, first));
        let errors: Vec<DatabaseError> = [one, other].into_iter().filter_map(Result::err).collect();
        let [error] = &errors[..] else { panic!("one of them gives way: {errors:?}") };
        assert!(error.is_contended() && !error.is_away(), "{error:?}");
        assert!(!DatabaseError::Statement(sqlx::Error::RowNotFound).is_contended());
    }

    #[tokio::test]
    async fn a_full_disk_is_over_when_there_is_room_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let place = Place::File(folder.path().join("registry.db"));
        let database = Database::open(&place).await.expect("it opens");
        let Pool::Sqlite { write, .. } = &database.pool else { panic!("it is a file") };
        // What a full disk is to SQLite (SQLITE_FULL), it can be told to take a limit for.
        let pages: i64 =
            sqlx::query_scalar("PRAGMA page_count").fetch_one(write).await.expect("read");
        let limit = format!("PRAGMA max_page_count = {}", pages + 2);
        sqlx::query(AssertSqlSafe(limit)).execute(write).await.expect("it is set");
        let letter = outbox::Letter {
            recipient: "a@x.example".to_owned(),
            subject: String::new(),
            plain: "x".repeat(100_000),
            html: String::new(),
            unsubscribe: String::new(),
        };
        let mut full = database.begin().await.expect("a transaction");
        let refused = outbox::put(full.session(), &letter, Timestamp(1)).await;
        let refused = refused.expect_err("there is no room");
        assert!(is_full(&refused) && !refused.is_away() && !refused.is_contended(), "{refused:?}");
        assert!(refused.to_string().contains("is full: free space there"));
        let other = DatabaseError::Statement(sqlx::Error::RowNotFound);
        assert!(!is_full(&other) && other.to_string().contains("does not answer"), "{other}");
        drop(full);
        for _ in 0..3 {
            let again = database.begin().await;
            let mut again = again.unwrap_or_else(|error| panic!("{error}: {:?}", error.source()));
            // The connection that knew the limit is gone.
            outbox::put(again.session(), &letter, Timestamp(2)).await.expect("there is room");
            again.commit().await.expect("it is committed");
        }
    }
}

//! The whole database as one file, and back: the same file for SQLite and PostgreSQL, so that a backup of one restores
//! into the other.
//!
//! A backup reads one snapshot while others write. A restore is one transaction, ends with a look through the audit
//! log, and goes into an empty database unless told otherwise. Which tables there are the database itself says
//! ([`schema`]), so that no table can be forgotten; the bytes are [`mod@file`]'s business.

pub mod file;
pub(crate) mod schema;

use std::io::{self, BufRead, Write};

use sqlx::query::Query;
use sqlx::{AssertSqlSafe, Postgres, Row as _, Sqlite};

use crate::audit::{self, Verified};
use crate::database::{DatabaseError, Transaction};
use crate::session::{Session, on};
use crate::statement::statements;

use file::{Column, FileError, Item, Kind, Reader, Table, Value, Writer};
use schema::tables;

/// Reads the values of a row of a table, from a column on.
macro_rules! read_row {
    ($row:expr, $table:expr, $first:expr) => {{
        let mut values = Vec::with_capacity($table.columns.len());
        for (at, column) in $table.columns.iter().enumerate() {
            let at = at + $first;
            values.push(
                match column.kind {
                    Kind::Boolean => $row.try_get::<Option<bool>, _>(at)?.map(Value::Boolean),
                    Kind::Integer => $row.try_get::<Option<i64>, _>(at)?.map(Value::Integer),
                    Kind::Text => $row.try_get::<Option<String>, _>(at)?.map(Value::Text),
                    Kind::Bytes => $row.try_get::<Option<Vec<u8>>, _>(at)?.map(Value::Bytes),
                }
                .unwrap_or(Value::Null),
            );
        }
        values
    }};
}
/// Why a backup cannot be written or restored.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// The file cannot be written.
    #[error("cannot write the backup: {0}")]
    Write(io::Error),
    /// The file is no backup, or a damaged one.
    #[error(transparent)]
    File(#[from] FileError),
    /// There is something in the database.
    #[error(
        "the database is not empty: restore into a new one, or have what is in it thrown away by --force"
    )]
    NotEmpty,
    /// The file was written by another version.
    #[error(
        "the backup was written by another version (its schema is {found}, this one {expected}): restore it with that \
         version, and have this one open the database then"
    )]
    Schema {
        /// The file's.
        found: String,
        /// This version's.
        expected: String,
    },
    /// The audit log is not whole.
    #[error(
        "the audit log of the backup is not as it was written from row {0} on: nothing was restored"
    )]
    Audit(u64),
}

impl From<sqlx::Error> for BackupError {
    fn from(error: sqlx::Error) -> BackupError {
        BackupError::Database(error.into())
    }
}

/// What a backup holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Extent {
    /// How many tables.
    pub tables: u64,
    /// How many rows in all of them.
    pub rows: u64,
}

/// Writes everything into a file, as of one moment. The transaction is one of `Database::snapshot`.
///
/// # Errors
/// If the database fails, or the file cannot be written.
pub async fn write(
    transaction: &mut Transaction,
    out: &mut (dyn Write + Send),
) -> Result<Extent, BackupError> {
    let mut session = transaction.session();
    let mut writer =
        Writer::new(out, &versions(session.again()).await?).map_err(BackupError::Write)?;
    let mut extent = Extent::default();
    for table in tables(session.again()).await? {
        writer.table(&table).map_err(BackupError::Write)?;
        extent.tables += 1;
        let names = names(&table);
        match session.again() {
            Session::Sqlite(c) => {
                // Every table has a rowid, and reading on behind the last one costs nothing.
                let sql = format!(
                    "SELECT rowid, {names} FROM \"{}\" WHERE rowid > $1 ORDER BY rowid LIMIT {PART}",
                    table.name
                );
                let mut last = i64::MIN;
                loop {
                    let query = sqlx::query(AssertSqlSafe(sql.clone())).bind(last);
                    let rows = query.fetch_all(&mut *c).await?;
                    let Some(end) = rows.last() else { break };
                    last = end.try_get(0)?;
                    for row in &rows {
                        let values = read_row!(row, table, 1);
                        writer.row(&values).map_err(BackupError::Write)?;
                    }
                    extent.rows += rows.len() as u64;
                }
            }
            Session::Postgres(c, _) => {
                let sql = format!(
                    "DECLARE backup NO SCROLL CURSOR FOR SELECT {names} FROM \"{}\"",
                    table.name
                );
                sqlx::query(AssertSqlSafe(sql)).execute(&mut *c).await?;
                loop {
                    // The same words read another table the next time, so they are not kept prepared.
                    let sql = format!("FETCH {PART} FROM backup");
                    let rows = sqlx::query(AssertSqlSafe(sql))
                        .persistent(false)
                        .fetch_all(&mut *c)
                        .await?;
                    if rows.is_empty() {
                        break;
                    }
                    for row in &rows {
                        let values = read_row!(row, table, 0);
                        writer.row(&values).map_err(BackupError::Write)?;
                    }
                    extent.rows += rows.len() as u64;
                }
                sqlx::query("CLOSE backup").execute(&mut *c).await?;
            }
        }
    }
    writer.finish().map_err(BackupError::Write)?;
    Ok(extent)
}

/// What to do with what is in the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Into {
    /// There must be nothing.
    Empty,
    /// It is thrown away.
    Instead,
}

/// Reads everything from a file into a transaction; what it holds is checked then, and nothing else is to be done
/// but to commit.
///
/// # Errors
/// If the file is damaged or of another version, the database is not empty, or fails: then the transaction is to be
/// dropped.
pub async fn restore(
    transaction: &mut Transaction,
    input: &mut (dyn BufRead + Send),
    into: Into,
) -> Result<Extent, BackupError> {
    let mut session = transaction.session();
    let expected = versions(session.again()).await?;
    let mut reader = Reader::new(input)?;
    if reader.schema() != expected {
        let words = |versions: &[i64]| format!("{versions:?}");
        return Err(BackupError::Schema {
            found: words(reader.schema()),
            expected: words(&expected),
        });
    }
    let tables = tables(session.again()).await?;
    shut_out(session.again(), &tables).await?;
    clear(session.again(), &tables, into).await?;
    let mut extent = Extent::default();
    let mut left = tables.iter();
    let (mut current, mut rows): (Option<&Table>, Vec<Vec<Value>>) = (None, Vec::new());
    while let Some(item) = reader.read_item()? {
        match item {
            Item::Table(table) => {
                flush(session.again(), current, &mut rows).await?;
                // Both come in the same order: whatever else stands there is no backup of this schema.
                let known = left.next().filter(|known| **known == table);
                current = Some(known.ok_or(FileError::Table { line: reader.line() })?);
                extent.tables += 1;
            }
            Item::Row(row) => {
                rows.push(row);
                extent.rows += 1;
                if rows.len() >= PART {
                    flush(session.again(), current, &mut rows).await?;
                }
            }
        }
    }
    flush(session.again(), current, &mut rows).await?;
    if left.next().is_some() {
        return Err(FileError::Table { line: reader.line() }.into());
    }
    for name in ENDED {
        let sql = format!("DELETE FROM {name}");
        on!(session.again(), |c| {
            sqlx::query(AssertSqlSafe(sql)).execute(c).await?;
        });
    }
    if let Session::Postgres(c, _) = session.again() {
        for table in tables.iter().filter(|table| table.is_numbered) {
            let name = &table.name;
            let sql = format!(
                "SELECT setval(pg_get_serial_sequence('\"{name}\"', 'id'), \
                 COALESCE((SELECT MAX(id) FROM \"{name}\"), 1), EXISTS (SELECT 1 FROM \"{name}\"))"
            );
            sqlx::query(AssertSqlSafe(sql)).execute(&mut *c).await?;
        }
    }
    match audit::verify(session).await? {
        Verified::Whole(_) => Ok(extent),
        Verified::BrokenAt(row) => Err(BackupError::Audit(row)),
    }
}

/// Has everybody else wait until the transaction is over, and waits for who is at work: nobody may decide by what was
/// there before, and write it into what is there behind it. SQLite has one writer at a time anyway, and fails one that
/// has read what is not there any more.
async fn shut_out(session: Session<'_>, tables: &[Table]) -> Result<(), DatabaseError> {
    let Session::Postgres(c, _) = session else { return Ok(()) };
    let names: Vec<String> = tables.iter().map(|table| format!("\"{}\"", table.name)).collect();
    let lock = format!("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE", names.join(", "));
    let mut tries = 0;
    sqlx::query("SAVEPOINT unlocked").execute(&mut *c).await?;
    loop {
        match sqlx::query(AssertSqlSafe(lock.clone())).execute(&mut *c).await {
            Ok(_) => break,
            Err(error) => {
                tries += 1;
                let error = DatabaseError::from(error);
                // Others take locks in orders of their own, and of two that wait for each other one gives way.
                if !error.is_contended() || tries == MOST_TRIES {
                    return Err(error);
                }
                sqlx::query("ROLLBACK TO SAVEPOINT unlocked").execute(&mut *c).await?;
            }
        }
    }
    sqlx::query("RELEASE SAVEPOINT unlocked").execute(&mut *c).await?;
    Ok(())
}

/// Makes sure that nothing is in the tables.
async fn clear(mut session: Session<'_>, tables: &[Table], into: Into) -> Result<(), BackupError> {
    // A log that has no end may be thrown away; otherwise its rows stay.
    on!(session.again(), |c| sqlx::query(END_LOG).execute(c).await?.rows_affected());
    // Those that name others go before them.
    for table in tables.iter().rev() {
        let name = &table.name;
        // The end of an empty log is there from the start, and so is who acts where nobody does.
        let is_there = matches!(&**name, "audit_end" | "actors");
        if into == Into::Empty && !is_there {
            let sql = format!("SELECT COUNT(*) FROM (SELECT 1 FROM \"{name}\" LIMIT 1) AS found");
            let (count,): (i64,) = on!(session.again(), |c| {
                sqlx::query_as(AssertSqlSafe(sql)).fetch_one(c).await?
            });
            if count > 0 {
                return Err(BackupError::NotEmpty);
            }
        }
        let sql = format!("DELETE FROM \"{name}\"");
        on!(session.again(), |c| {
            sqlx::query(AssertSqlSafe(sql)).execute(c).await?;
        });
    }
    Ok(())
}

/// Writes rows of a table, and leaves none.
async fn flush(
    session: Session<'_>,
    table: Option<&Table>,
    rows: &mut Vec<Vec<Value>>,
) -> Result<(), BackupError> {
    let Some(table) = table.filter(|_| !rows.is_empty()) else { return Ok(()) };
    let names = names(table);
    match session {
        Session::Sqlite(c) => {
            let at_once = (MOST_VALUES / table.columns.len().max(1)).clamp(1, 1_000);
            for part in rows.chunks(at_once) {
                let mut sql = format!("INSERT INTO \"{}\" ({names}) VALUES ", table.name);
                let row = format!("({})", vec!["?"; table.columns.len()].join(","));
                sql += &vec![row; part.len()].join(",");
                let mut query = sqlx::query(AssertSqlSafe(sql));
                for value in part.iter().flatten() {
                    query = bind(query, value);
                }
                query.execute(&mut *c).await?;
            }
        }
        Session::Postgres(c, _) => {
            let arrays = (1..)
                .zip(&table.columns)
                .map(|(number, column)| format!("${number}::{}[]", column.kind.postgres()));
            let arrays: Vec<String> = arrays.collect();
            let sql = format!(
                "INSERT INTO \"{}\" ({names}) SELECT * FROM UNNEST({})",
                table.name,
                arrays.join(", ")
            );
            let mut query = sqlx::query(AssertSqlSafe(sql));
            for (at, column) in table.columns.iter().enumerate() {
                query = bind_array(query, column, rows.iter().map(|row| &row[at]));
            }
            query.execute(&mut *c).await?;
        }
    }
    rows.clear();
    Ok(())
}

/// A statement of SQLite with its values so far.
type SqliteQuery<'q> = Query<'q, Sqlite, <Sqlite as sqlx::Database>::Arguments>;
/// A statement of PostgreSQL with its values so far.
type PostgresQuery<'q> = Query<'q, Postgres, <Postgres as sqlx::Database>::Arguments>;

/// Binds a value.
fn bind<'q>(query: SqliteQuery<'q>, value: &Value) -> SqliteQuery<'q> {
    match value {
        Value::Null => query.bind(None::<i64>),
        Value::Boolean(value) => query.bind(*value),
        Value::Integer(value) => query.bind(*value),
        Value::Text(value) => query.bind(value.clone()),
        Value::Bytes(value) => query.bind(value.clone()),
    }
}

/// Binds the values of a column; the file holds none of another kind.
fn bind_array<'q, 'v>(
    query: PostgresQuery<'q>,
    column: &Column,
    values: impl Iterator<Item = &'v Value>,
) -> PostgresQuery<'q> {
    match column.kind {
        Kind::Boolean => query.bind(values.map(Value::boolean).collect::<Vec<_>>()),
        Kind::Integer => query.bind(values.map(Value::integer).collect::<Vec<_>>()),
        Kind::Text => query.bind(values.map(Value::text).collect::<Vec<_>>()),
        Kind::Bytes => query.bind(values.map(Value::bytes).collect::<Vec<_>>()),
    }
}

/// The columns of a table, between commas.
fn names(table: &Table) -> String {
    let names: Vec<String> = table.columns.iter().map(|c| format!("\"{}\"", c.name)).collect();
    names.join(", ")
}

/// The versions of the schema that the database has.
async fn versions(session: Session<'_>) -> Result<Vec<i64>, DatabaseError> {
    let rows: Vec<(i64,)> = on!(session, |c| sqlx::query_as(VERSIONS).fetch_all(c).await?);
    Ok(rows.into_iter().map(|(version,)| version).collect())
}

/// Rows that are in memory at once.
const PART: usize = 5_000;
/// So often it is tried to be alone.
const MOST_TRIES: u32 = 20;
/// Values in a statement of SQLite.
const MOST_VALUES: usize = 30_000;

/// What is not restored, as what has ended since must not come back: whoever was signed in signs in again, programs get
/// new tokens, people new links and invitations, letters that waited, or news for one, may have been sent, work may have
/// been done or cancelled, and its files are elsewhere, and how often somebody did something is of no use.
const ENDED: [&str; 12] = [
    "sessions",
    "links",
    "sign_ins",
    "ceremonies",
    "tokens",
    "answers",
    "outbox",
    "digests",
    "invitations",
    "limits",
    "open_answers",
    "work",
];

statements! {
    /// Which migrations were applied.
    VERSIONS = "SELECT version FROM _sqlx_migrations ORDER BY version";
    /// Takes the end off the audit log.
    END_LOG = "DELETE FROM audit_end";
}

#[cfg(test)]
mod tests;

//! Which tables and columns a database has, as it says itself.

use std::collections::BTreeSet;

use crate::backup::file::{Column, Kind, Table};
use crate::database::DatabaseError;
use crate::session::Session;

/// All tables, those before others that these name. A table that names itself is to be in the order of its rows.
pub(crate) async fn tables(mut session: Session<'_>) -> Result<Vec<Table>, DatabaseError> {
    let names: Vec<(String,)> = match session.again() {
        Session::Sqlite(c) => sqlx::query_as(TABLES_SQLITE).fetch_all(c).await?,
        Session::Postgres(c, _) => sqlx::query_as(TABLES_POSTGRES).fetch_all(c).await?,
    };
    let mut left = Vec::new();
    for (name,) in names {
        let (columns, above): (Vec<(String, String)>, Vec<(String,)>) = match session.again() {
            Session::Sqlite(c) => (
                sqlx::query_as(COLUMNS_SQLITE).bind(&name).fetch_all(&mut *c).await?,
                sqlx::query_as(ABOVE_SQLITE).bind(&name).fetch_all(&mut *c).await?,
            ),
            Session::Postgres(c, _) => (
                sqlx::query_as(COLUMNS_POSTGRES).bind(&name).fetch_all(&mut *c).await?,
                sqlx::query_as(ABOVE_POSTGRES).bind(&name).fetch_all(&mut *c).await?,
            ),
        };
        let is_numbered = columns.iter().any(|(column, _)| column == "id");
        let columns =
            columns.into_iter().map(|(name, word)| Ok(Column { name, kind: kind(&word)? }));
        let columns = columns.collect::<Result<_, DatabaseError>>()?;
        let above: BTreeSet<String> =
            above.into_iter().map(|(n,)| n).filter(|n| *n != name).collect();
        left.push((Table { name, columns, is_numbered }, above));
    }
    let mut sorted: Vec<Table> = Vec::new();
    while !left.is_empty() {
        let is_free = |(_, above): &(Table, BTreeSet<String>)| {
            above.iter().all(|name| sorted.iter().any(|table| table.name == *name))
        };
        let next = left.iter().position(is_free);
        let next = next.ok_or(DatabaseError::Content("tables that name each other"))?;
        sorted.push(left.remove(next).0);
    }
    Ok(sorted)
}

/// What a column of this type holds.
fn kind(word: &str) -> Result<Kind, DatabaseError> {
    match &*word.to_ascii_lowercase() {
        "integer" | "bigint" => Ok(Kind::Integer),
        "text" => Ok(Kind::Text),
        "blob" | "bytea" => Ok(Kind::Bytes),
        "boolean" => Ok(Kind::Boolean),
        _ => Err(DatabaseError::Content("a column of a type that backups do not know")),
    }
}

/// The tables, in SQLite.
const TABLES_SQLITE: &str = "SELECT name FROM sqlite_master WHERE type = 'table'
    AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND name <> '_sqlx_migrations' ORDER BY name";
/// The tables, in PostgreSQL. The order is that of bytes, as in SQLite.
const TABLES_POSTGRES: &str = "SELECT table_name::TEXT FROM information_schema.tables
    WHERE table_schema = current_schema() AND table_type = 'BASE TABLE' AND table_name <> '_sqlx_migrations'
    ORDER BY table_name::TEXT COLLATE \"C\"";
/// The columns of a table with their types, in SQLite.
const COLUMNS_SQLITE: &str = "SELECT name, type FROM pragma_table_info($1) ORDER BY cid";
/// The same in PostgreSQL.
const COLUMNS_POSTGRES: &str =
    "SELECT column_name::TEXT, data_type::TEXT FROM information_schema.columns
    WHERE table_schema = current_schema() AND table_name = $1 ORDER BY ordinal_position";
/// The tables that a table names, in SQLite.
const ABOVE_SQLITE: &str = "SELECT DISTINCT \"table\" FROM pragma_foreign_key_list($1)";
/// The same in PostgreSQL.
const ABOVE_POSTGRES: &str = "SELECT DISTINCT above.relname::TEXT FROM pg_constraint
    JOIN pg_class named ON named.oid = conrelid JOIN pg_class above ON above.oid = confrelid
    WHERE contype = 'f' AND named.relname = $1 AND named.relnamespace = current_schema()::REGNAMESPACE";

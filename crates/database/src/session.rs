//! What statements run in: a connection, or a transaction, of either database.

use sqlx::{PgConnection, SqliteConnection};

/// A connection in use, inside a transaction or not.
#[derive(Debug)]
pub enum Session<'c> {
    /// Of SQLite.
    Sqlite(&'c mut SqliteConnection),
    /// Of PostgreSQL.
    Postgres(&'c mut PgConnection),
}

impl Session<'_> {
    /// The same session for one more statement.
    pub fn again(&mut self) -> Session<'_> {
        match self {
            Session::Sqlite(connection) => Session::Sqlite(connection),
            Session::Postgres(connection) => Session::Postgres(connection),
        }
    }
}

/// Runs the same code with the connection of either database; the compiler checks it for both.
macro_rules! on {
    ($session:expr, |$connection:ident| $body:expr) => {
        match $session {
            $crate::Session::Sqlite($connection) => $body,
            $crate::Session::Postgres($connection) => $body,
        }
    };
}

pub(crate) use on;

//! What statements run in: a connection, or a transaction, of either database.

use sqlx::{PgConnection, SqliteConnection};

use crate::turn::Taken;

/// A connection in use, inside a transaction or not.
#[derive(Debug)]
pub enum Session<'c> {
    /// Of SQLite.
    Sqlite(&'c mut SqliteConnection),
    /// Of PostgreSQL, and what is taken in it.
    Postgres(&'c mut PgConnection, &'c Taken),
}

impl Session<'_> {
    /// The same session for one more statement.
    pub fn again(&mut self) -> Session<'_> {
        match self {
            Session::Sqlite(connection) => Session::Sqlite(connection),
            Session::Postgres(connection, taken) => Session::Postgres(connection, taken),
        }
    }
}

/// Runs the same code with the connection of either database; the compiler checks it for both.
macro_rules! on {
    ($session:expr, |$connection:ident| $body:expr) => {
        match $session {
            $crate::Session::Sqlite($connection) => $body,
            $crate::Session::Postgres($connection, _) => $body,
        }
    };
}

pub(crate) use on;

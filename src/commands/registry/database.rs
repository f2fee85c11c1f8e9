//! Where the database is, and how it is opened.

use anyhow::{Context, bail};
use repute_database::{Database, Place};

/// The place that was named.
pub(in crate::commands) fn place(named: Option<&str>) -> anyhow::Result<Place> {
    match named {
        Some(named) => Ok(named.parse()?),
        None => {
            bail!("which database? name it by --database FILE or postgres://user@host/database")
        }
    }
}

/// Opens it.
pub(in crate::commands) async fn open(place: &Place) -> anyhow::Result<Database> {
    Database::open(place).await.with_context(|| format!("with {place}"))
}

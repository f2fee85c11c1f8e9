//! Where the database is, and how it is opened.

use std::path::Path;

use anyhow::bail;
use repute_database::{Database, Place};

use crate::config::Config;

/// The place that was named, or else the one of the configuration.
pub(in crate::commands) fn place(
    config: Option<&Path>,
    named: Option<&str>,
) -> anyhow::Result<Place> {
    if let Some(named) = named {
        return Ok(named.parse()?);
    }
    let registry = Config::find(config)?.registry;
    if !registry.is_on {
        bail!(
            "which database? name it by --database FILE or postgres://user@host/database, or in [registry] of the \
             configuration"
        );
    }
    Ok(registry.database)
}

/// Opens it.
pub(in crate::commands) async fn open(place: &Place) -> anyhow::Result<Database> {
    Ok(Database::open(place).await?)
}

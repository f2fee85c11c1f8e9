//! Where the database is, and how it is opened.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, absolute};

use anyhow::{Context as _, bail};
use repute_database::{Database, Place, is_full};

use crate::config::{Config, Origin};

/// The place that was named, or else the one of the configuration.
pub(in crate::commands) fn place(
    config: Option<&Path>,
    named: Option<&str>,
) -> anyhow::Result<Place> {
    if let Some(named) = named {
        return Ok(named.parse()?);
    }
    let config = Config::find(config)?;
    let registry = config.registry;
    // Without a configuration it is that of a first start, if there was one in this folder.
    let is_there = match &registry.database {
        Place::File(file) => file.exists(),
        Place::Server(_) => true,
    };
    if !registry.is_on || (config.origin == Origin::BuiltIn && !is_there) {
        bail!(
            "which database? name it by --database FILE or postgres://user@host/database, or in [registry] of the \
             configuration"
        );
    }
    if let Place::File(file) = &registry.database
        && let Some(folder) = file.parent()
    {
        make_folder(folder)?;
    }
    Ok(registry.database)
}

/// Makes the folder of data that a server would make when it starts: lists may be there before the server is.
fn make_folder(folder: &Path) -> anyhow::Result<()> {
    match DirBuilder::new().mode(0o750).create(folder) {
        Err(error) if !folder.is_dir() => {
            Err(error).with_context(|| format!("cannot make the folder {}", folder.display()))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Opens it.
pub(in crate::commands) async fn open(place: &Place) -> anyhow::Result<Database> {
    Ok(Database::open(place).await?)
}

/// What was done with it; where its disk is full, with the folder that has no space.
pub(in crate::commands) fn told<T>(place: &Place, done: anyhow::Result<T>) -> anyhow::Result<T> {
    done.map_err(|error| match place {
        Place::File(file) if is_full(&*error) => {
            let file = absolute(file).unwrap_or_else(|_| file.clone());
            let folder = file.parent().unwrap_or(&file).display();
            error.context(format!(
                "nothing more can be written in {folder}: free space there, and do it again"
            ))
        }
        Place::File(_) | Place::Server(_) => error,
    })
}

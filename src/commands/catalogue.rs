//! `repute catalogue`: the lists that are known, and what becomes of them.

mod import;
mod probe;

use std::path::Path;

use crate::cli::catalogue::CatalogueCommand;
use crate::exit::Verdict;

/// Runs one of its commands.
pub(super) fn run(config: Option<&Path>, command: &CatalogueCommand) -> anyhow::Result<Verdict> {
    match command {
        CatalogueCommand::Import(args) => import::run(args),
        CatalogueCommand::Probe(args) => probe::run(config, args),
    }
}

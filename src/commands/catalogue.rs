//! `repute catalogue`: the lists that are known, and what becomes of them.

mod import;

use crate::cli::catalogue::CatalogueCommand;
use crate::exit::Verdict;

/// Runs one of its commands.
pub(super) fn run(command: &CatalogueCommand) -> anyhow::Result<Verdict> {
    match command {
        CatalogueCommand::Import(args) => import::run(args),
    }
}

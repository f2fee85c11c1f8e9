//! `repute zone`: looking into lists and other zones without a server.
//!
//! Every command reads its lists the way the loader does, so what is seen here is what is served.

mod check;
mod diff;
mod export;
mod lookup;
mod ordinary;
mod subject;

use std::path::Path;

use crate::cli::ZoneCommand;
use crate::exit::Verdict;

/// Runs one of them.
pub(super) fn run(config: Option<&Path>, command: ZoneCommand) -> anyhow::Result<Verdict> {
    match command {
        ZoneCommand::Check { what, master, list } => check::run(config, &what, master, &list),
        ZoneCommand::Build { subject, output } => export::build(config, &subject, &output),
        ZoneCommand::Export { subject, format, output } => {
            export::run(config, &subject, format, output.as_deref())
        }
        ZoneCommand::Lookup { target, what, list } => lookup::run(config, &target, &what, &list),
        ZoneCommand::Diff { old, new, list } => diff::run(config, &old, &new, &list),
    }
}

//! `repute list` as it is typed.

use clap::{Args, Subcommand};
use repute_dnsxl::Name;

/// What to do with the lists of the registry.
#[derive(Debug, Subcommand)]
pub(crate) enum ListCommand {
    /// Show each list: what is published, and what was refused and why
    ///
    /// Exit code: 0 nothing waits, 1 a version waits for a second person, 2 the database cannot be read.
    #[command(after_help = STATUS_HELP)]
    Status(StatusArgs),
    /// Publish a version that was refused, as a second person
    ///
    /// Whoever made the change cannot approve it. Users of the system are told apart by their numbers, under sudo by
    /// that of who called it. That a user has an account of the portal, too, cannot be told.
    #[command(after_help = APPROVE_HELP)]
    Approve {
        /// The list
        list: Name,
        /// The serial that was refused
        serial: u32,
        /// Show what it brings, and approve nothing
        #[arg(long)]
        show: bool,
    },
    /// Shut a list down, step by step, without harm to who still asks it (RFC 6471 section 3.4)
    ///
    /// The first call says what comes. With --empty the list is published without entries and without test
    /// entries, by which its users see that it is out of use. With --end, a month later, it is marked as retired: it
    /// goes on to answer that nothing is listed, with long times to live. At no time it lists the world.
    #[command(after_help = RETIRE_HELP)]
    Retire {
        /// The list
        list: Name,
        /// Publish it empty from now on
        #[arg(long)]
        empty: bool,
        /// Mark it as retired, a month after it was emptied
        #[arg(long, conflicts_with = "empty")]
        end: bool,
    },
}

/// Arguments of `repute list status`.
#[derive(Debug, Args)]
pub(crate) struct StatusArgs {
    /// Only this list
    pub(crate) list: Option<Name>,
    /// Write JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Below the options of `repute list status`.
const STATUS_HELP: &str = "Examples:
  repute list status               every list
  repute list status bl.example    one list, with its last serials";

/// Below the options of `repute list approve`.
const APPROVE_HELP: &str = "Examples:
  repute list approve bl.example 1207 --show    what it brings
  repute list approve bl.example 1207";

/// Below the options of `repute list retire`.
const RETIRE_HELP: &str = "Examples:
  repute list retire bl.example            what comes, and what to tell whom
  repute list retire bl.example --empty    no entries any more, no test entries
  repute list retire bl.example --end      a month later";

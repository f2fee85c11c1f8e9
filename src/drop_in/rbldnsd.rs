//! In place of rbldnsd: its options, messages, files and signals, with Repute's name server behind.
//!
//! An existing unit file and existing lists keep working. What differs, for the better, is in
//! doc/rbldnsd.md. The order of steps is rbldnsd's, since users rely on it: into the background,
//! listen, write the process number, change root, give up rights, read data, answer.

mod dump;
mod facility;
mod load;
mod options;
mod plan;
mod process;
mod query_log;
mod resolve;
mod serve;
mod signals;
mod statistics;
mod talk;
mod usage;

use std::ffi::OsString;
use std::process::ExitCode;

use load::{Datasets, Refreshed};
use options::{Asked, Options, Task};
use plan::Plan;
use talk::Talk;

use crate::exit::print;

/// Runs as rbldnsd would with these arguments, of which the program's name is not one.
pub(crate) fn main(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let options = match options::parse(arguments) {
        Ok(Asked::Run(options)) => options,
        Ok(Asked::Help) => {
            print(&usage::usage());
            return ExitCode::SUCCESS;
        }
        Ok(Asked::Usage) => {
            print(&usage::usage());
            return ExitCode::FAILURE;
        }
        Err(message) => {
            Talk::to_terminal(false).error(message);
            return ExitCode::FAILURE;
        }
    };
    match options.task {
        Task::Serve => serve::serve(&options),
        Task::Dump | Task::Load => {
            let talk = Talk::to_terminal(false);
            match load_once(&options, &talk) {
                Ok(code) => code,
                Err(message) => {
                    talk.error(message);
                    ExitCode::FAILURE
                }
            }
        }
    }
}

/// Loads all zones and writes them out, or only says that they load.
fn load_once(options: &Options, talk: &Talk) -> Result<ExitCode, String> {
    let plan = Plan::new(&options.zones)?;
    process::enter(options.root.as_deref(), options.work.as_deref())?;
    let mut datasets = Datasets::new(&plan.datasets, options);
    if datasets.refresh(serve::now() as u32, talk) == Refreshed::Failed {
        return Err(LOADING_FAILED.to_owned());
    }
    match options.task {
        Task::Dump => dump::write(&plan, &datasets, &mut std::io::stdout().lock())
            .map_err(|why| process::failed("unable to write the dump", &why))?,
        Task::Serve | Task::Load => print("zones loaded successfully\n"),
    }
    Ok(ExitCode::SUCCESS)
}

/// The name in messages and in syslog: what unit files and log filters look for.
const PROGRAM: &str = "rbldnsd";
/// The last message of a start that failed for its data.
const LOADING_FAILED: &str = "zone loading errors, aborting";

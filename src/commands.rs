//! What was typed becomes what is done: one module for each command.

mod access;
mod admin;
mod audit;
mod backup;
mod catalogue;
pub(crate) mod challenge;
pub(crate) mod check;
mod config;
mod fault;
mod list;
mod man;
mod monitor;
mod registry;
mod reload;
mod running;
pub(crate) mod serve;
mod shell_user;
mod status;
mod zone;

pub(crate) use check::lists::{self, list_name};

use crate::cli::{Cli, Command};
use crate::exit::Verdict;

/// Runs a command.
pub(crate) fn run(cli: Cli) -> anyhow::Result<Verdict> {
    let config = cli.config.as_deref();
    match cli.command {
        Command::Check(args) => check::run(config, &args),
        Command::Audit(args) => audit::run(config, &args),
        Command::Catalogue(command) => catalogue::run(config, &command),
        Command::Admin(args) => admin::run(config, args),
        Command::Serve => serve::run(config),
        Command::Monitor(args) => monitor::run(config, &args),
        Command::Registry(args) => registry::run(config, *args),
        Command::Backup(args) => backup::run(config, &args),
        Command::Restore(args) => backup::restore(config, &args),
        Command::Status(args) => status::run(config, &args),
        Command::Reload(args) => reload::run(config, &args),
        Command::List(command) => list::run(config, command),
        Command::Challenge(args) => challenge::run(config, args),
        Command::Zone(command) => zone::run(config, command),
        Command::Config(command) => self::config::run(config, &command),
        Command::Man { folder } => man::run(&folder),
        Command::Completions { shell } => man::completions(shell),
    }
}

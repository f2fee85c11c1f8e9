//! Repute: DNS reputation lists, served, looked into and converted by one binary.
//!
//! Here a process starts and ends. What was typed is in `cli`, what the configuration says in
//! `config`, what is done in `commands`; everything that answers a query is in the crates below.

// Both panic where nobody reads any more, as in `repute … 2>&1 | head`: `exit::say` and `exit::tell` do not.
#![deny(clippy::print_stdout, clippy::print_stderr)]

mod cli;
mod commands;
mod config;
mod drop_in;
mod exit;
mod first_start;
mod plugin;
mod privilege;
mod systemd;
mod telemetry;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser;
use drop_in::Program;

/// Runs the program it was called as.
fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    match drop_in::called(&arguments) {
        Some((Program::AcmeDns, arguments)) => return drop_in::acme_dns::main(&arguments),
        Some((Program::CheckRbl, arguments)) => return drop_in::check_rbl::main(&arguments),
        Some((Program::Rbldnsd, arguments)) => {
            return drop_in::rbldnsd::main(arguments.into_iter());
        }
        None => {}
    }
    if let Some(arguments) = commands::check::monitoring::arguments(&arguments) {
        return commands::check::monitoring::main(&arguments);
    }
    exit::code(commands::run(cli::Cli::parse_from(arguments)))
}

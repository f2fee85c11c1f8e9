//! Repute: DNS reputation lists, served, looked into and converted by one binary.
//!
//! Here a process starts and ends. What was typed is in `cli`, what the configuration says in
//! `config`, what is done in `commands`; everything that answers a query is in the crates below.

mod cli;
mod commands;
mod config;
mod drop_in;
mod exit;
mod first_start;
mod privilege;
mod systemd;
mod telemetry;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser;

/// Runs the program it was called as.
fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    if let Some(arguments) = drop_in::arguments_of_rbldnsd(&arguments) {
        return drop_in::rbldnsd::main(arguments);
    }
    exit::code(commands::run(cli::Cli::parse_from(arguments)))
}

//! `repute monitor` as it is typed.

use clap::{Args, Subcommand};

/// Arguments of `repute monitor`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct MonitorArgs {
    /// Check everything once, tell what has changed, and end: for cron
    ///
    /// What is listed, and what nobody can tell about, is written to standard output.
    #[arg(long)]
    pub(crate) once: bool,
    /// What to do in place of watching.
    #[command(subcommand)]
    pub(crate) command: Option<MonitorCommand>,
}

/// What to do in place of watching.
#[derive(Debug, Subcommand)]
pub(crate) enum MonitorCommand {
    /// Send a message through each configured channel, and say whether it was taken
    ///
    /// Exit code: 0 all were taken, 1 one was not, 2 there is no such channel.
    NotifyTest {
        /// Only this channel
        channel: Option<String>,
    },
}

/// Behind the help of `repute monitor`.
pub(crate) const MONITOR_HELP: &str = "\
What is watched, by which lists, and who is told is in the configuration under `monitor`.
SIGHUP reads it again, SIGTERM and SIGINT end the monitor.

Exit code with --once: 0 nothing is listed and no zone breaks a rule, 1 something is or does,
2 could not tell.

Examples:
  repute monitor --config /etc/repute/repute.toml
  repute monitor --once
  repute monitor notify-test";

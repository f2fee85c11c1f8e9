//! Options of `repute check --monitoring`, which a monitoring system runs.
//!
//! They have no letters here, since those of the guidelines (`-c`, `-H`, `-w`) mean something else elsewhere
//! on this command line, or nothing; with `--monitoring` they get them.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, CommandFactory, FromArgMatches, Parser};

use super::check::CheckArgs;
use crate::plugin::Range;

/// Options of a monitoring plugin.
#[derive(Debug, Args)]
#[command(next_help_heading = "Monitoring")]
pub(crate) struct MonitoringArgs {
    /// Answer as a plugin of Nagios, Icinga and their kin
    ///
    /// One line with numbers behind it, then a line for each listing; exit code 0 OK, 1 WARNING, 2 CRITICAL,
    /// 3 UNKNOWN. --timeout bounds all of it, and what is known by then is told. The options of the
    /// guidelines have their letters: -H, -w, -c, -t, -v, -h, -V.
    #[arg(long, conflicts_with_all = ["json", "csv", "junit", "quiet", "lists"])]
    pub(crate) monitoring: bool,
    /// Check this, as a TARGET [letter: -H]
    #[arg(long = "host", alias = "hostname", value_name = "TARGET", requires = "monitoring")]
    pub(crate) hosts: Vec<String>,
    /// Warn if the number of lists that have it is outside of this range [letter: -w]
    #[arg(long, value_name = "RANGE", default_value = "0", requires = "monitoring")]
    pub(crate) warning: Range,
    /// It is critical if the number is outside of this one [letter: -c]
    #[arg(long, value_name = "RANGE", default_value = "0", requires = "monitoring")]
    pub(crate) critical: Range,
    /// Read options from a section of an ini file; the command line overrides them
    ///
    /// The section is `repute` if none is named, the file the first one in the usual places.
    #[arg(long, value_name = "SECTION@FILE", num_args = 0..=1, require_equals = true,
          default_missing_value = "", requires = "monitoring")]
    pub(crate) extra_opts: Vec<String>,
    /// Show the lists that do not have it, too [letter: -v]
    #[arg(long, action = clap::ArgAction::Count, requires = "monitoring")]
    pub(crate) verbose: u8,
}

/// `repute check --monitoring` as a program of its own.
#[derive(Debug, Parser)]
#[command(name = "repute check", bin_name = "repute check", version, args_override_self = true)]
pub(crate) struct Program {
    /// The configuration file [default: /etc/repute/repute.toml, if it is there]
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Its arguments.
    #[command(flatten)]
    pub(crate) args: CheckArgs,
}

/// The command line of the plugin, with the letters of the guidelines.
pub(crate) fn command() -> clap::Command {
    let lettered = [("hosts", 'H'), ("warning", 'w'), ("critical", 'c'), ("verbose", 'v')];
    lettered.into_iter().fold(Program::command(), |command, (id, letter)| {
        command.mut_arg(id, |arg| arg.short(letter))
    })
}

/// Parses it; the first argument is the program's name.
///
/// # Errors
/// If it is wrong, or asks for help or the version.
pub(crate) fn parse(arguments: &[OsString]) -> Result<Program, clap::Error> {
    let matches = command().try_get_matches_from(arguments)?;
    Program::from_arg_matches(&matches)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definition_is_sound() {
        command().debug_assert();
    }

    #[test]
    fn its_usage_names_the_command() {
        let help = parse(&["/usr/bin/repute", "--monitoring", "--help"].map(OsString::from));
        let help = help.expect_err("help is no arguments").to_string();
        assert!(help.contains("Usage: repute check "), "{help}");
    }

    #[test]
    fn the_letters_are_those_of_the_guidelines() {
        let line = "x --monitoring -H 192.0.2.1 -w 1:2 -c @3 -t 5s -vv 192.0.2.2 -w 7";
        let words: Vec<_> = line.split(' ').map(OsString::from).collect();
        let args = parse(&words).expect("it is right").args;
        let monitoring = &args.monitoring;
        assert_eq!(
            (&monitoring.hosts[..], &args.targets[..]),
            (&["192.0.2.1".into()][..], &["192.0.2.2".into()][..])
        );
        let ranges = (monitoring.warning.to_string(), monitoring.critical.to_string());
        assert_eq!(ranges, ("7".into(), "@3".into()), "the last one counts");
        assert_eq!((&*args.timeout, monitoring.verbose), ("5s", 2));
    }
}

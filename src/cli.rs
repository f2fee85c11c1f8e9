//! The command line as it is typed.
//!
//! One definition gives the parser, the help, the manual pages and the completions. What was typed becomes
//! what is meant in `commands`; nothing here opens a file.

pub(crate) mod admin;
pub(crate) mod audit;
pub(crate) mod backup;
pub(crate) mod catalogue;
pub(crate) mod challenge;
pub(crate) mod check;
pub(crate) mod list;
pub(crate) mod monitor;
pub(crate) mod monitoring;
pub(crate) mod registry;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use repute_dnsxl::{Name, Target};
use repute_zone::DatasetKind;

use admin::{ADMIN_HELP, AdminArgs};
use audit::{AUDIT_HELP, AuditArgs};
use backup::{BACKUP_HELP, BackupArgs, RESTORE_HELP, RestoreArgs};
use catalogue::CatalogueCommand;
use challenge::{CHALLENGE_HELP, ChallengeArgs};
use check::{CHECK_HELP as CHECK_COMMAND_HELP, CheckArgs};
use list::ListCommand;
use monitor::{MONITOR_HELP, MonitorArgs};
use registry::{REGISTRY_HELP, RegistryArgs};

/// DNS reputation lists: serve them, look into them, convert them.
#[derive(Debug, Parser)]
#[command(version, arg_required_else_help = true, after_help = AFTER_HELP)]
pub(crate) struct Cli {
    /// The configuration file [default: /etc/repute/repute.toml, else a built-in example]
    #[arg(long, short, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Answer DNS queries for the configured lists
    #[command(after_help = SERVE_HELP)]
    Serve,
    /// Show what the running server serves
    Status(StatusArgs),
    /// Have the running server read its configuration and lists again, and wait until it has
    ///
    /// Exit code: 0 nothing became worse, 1 something new was refused, 2 no server answers or the
    /// configuration is faulty. What was refused before and is so still, from the same sources, is a
    /// warning on standard error.
    Reload(ReloadArgs),
    /// Ask lists about addresses and names: listed, not listed, or unknown and why
    #[command(after_help = CHECK_COMMAND_HELP)]
    Check(Box<CheckArgs>),
    /// The lists that are asked: take over those of other programs, measure which live
    #[command(subcommand)]
    Catalogue(CatalogueCommand),
    /// Grade lists by what the RFCs and good practice ask of them, and say what to mend
    #[command(after_help = AUDIT_HELP)]
    Audit(AuditArgs),
    /// Watch addresses and names: check them again and again, and tell when something changes
    #[command(after_help = MONITOR_HELP)]
    Monitor(MonitorArgs),
    /// Keep lists in a database: entries, imports, who changed what and why
    #[command(after_help = REGISTRY_HELP)]
    Registry(Box<RegistryArgs>),
    /// Write the registry's database into a file, while servers run
    #[command(after_help = BACKUP_HELP)]
    Backup(BackupArgs),
    /// Read the registry's database from a file that `repute backup` wrote
    #[command(after_help = RESTORE_HELP)]
    Restore(RestoreArgs),
    /// The portal's accounts: make the first one, give roles, help those who are locked out
    #[command(after_help = ADMIN_HELP)]
    Admin(AdminArgs),
    /// The lists of the registry: what is published, what was refused, how one ends
    #[command(subcommand)]
    List(ListCommand),
    /// The accounts of the challenge service: list, make, rotate their passwords, delete
    #[command(after_help = CHALLENGE_HELP)]
    Challenge(ChallengeArgs),
    /// Look into lists: check, build, export, look up, compare
    #[command(subcommand)]
    Zone(ZoneCommand),
    /// Write or check a configuration
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Write manual pages, one for each command
    Man {
        /// The folder to write them into, such as /usr/local/share/man/man1
        #[arg(value_name = "FOLDER")]
        folder: PathBuf,
    },
    /// Print what completes this command line in a shell
    Completions {
        /// The shell
        shell: Shell,
    },
}

/// Arguments of `repute status`.
#[derive(Debug, Args)]
pub(crate) struct StatusArgs {
    /// Write JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Arguments of `repute reload`.
#[derive(Debug, Args)]
pub(crate) struct ReloadArgs {
    /// Only the lists of this zone, and not the configuration
    pub(crate) zone: Option<Name>,
}

/// What to do with a list.
#[derive(Debug, Subcommand)]
pub(crate) enum ZoneCommand {
    /// Show every faulty line, and whether the zone would be served
    ///
    /// Exit code: 0 no faults, 1 faults, 2 refused or unreadable. An access list (--kind acl or aclkey)
    /// and an ordinary zone are refused for a single faulty line; of the latter what is unwise is shown, too.
    #[command(after_help = CHECK_HELP)]
    Check {
        /// Zones of the configuration (all without an argument), or files if --kind or --master is given
        #[arg(value_name = "ZONE|FILE")]
        what: Vec<String>,
        /// Read files as master files of the zone that --apex names
        #[arg(long, requires = "what", conflicts_with = "kind")]
        master: bool,
        /// How files are to be read
        #[command(flatten)]
        list: ListArgs,
    },
    /// Compile a list into a snapshot, which opens in no time
    #[command(after_help = BUILD_HELP)]
    Build {
        /// The list
        #[command(flatten)]
        subject: SubjectArgs,
        /// The snapshot to write
        #[arg(long, short, value_name = "FILE")]
        output: PathBuf,
    },
    /// Write a list in the format of other software
    #[command(after_help = EXPORT_HELP)]
    Export {
        /// The list
        #[command(flatten)]
        subject: SubjectArgs,
        /// The format
        #[arg(long, short, value_enum, default_value_t = ExportFormat::Rbldnsd)]
        format: ExportFormat,
        /// The file to write [default: standard output]
        #[arg(long, short, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Explain which line of which file decides about an address or name
    ///
    /// Exit code: 0 listed, 1 not listed, 2 could not tell, as a list cannot be read or is refused.
    /// A name may also be one that the zone is asked by, such as 1.2.0.192.spam in a combined data set.
    #[command(after_help = LOOKUP_HELP)]
    Lookup {
        /// The address or name
        target: Target,
        /// Zones of the configuration (all without an argument), or files if --kind is given
        #[arg(value_name = "ZONE|FILE")]
        what: Vec<String>,
        /// How files are to be read
        #[command(flatten)]
        list: ListArgs,
    },
    /// Compare two lists entry by entry
    ///
    /// Exit code: 0 the same, 1 different, 2 could not tell.
    #[command(after_help = DIFF_HELP)]
    Diff {
        /// A zone of the configuration, a snapshot, or a file if --kind is given
        old: String,
        /// What it is compared with
        new: String,
        /// How files are to be read
        #[command(flatten)]
        list: ListArgs,
    },
}

/// One list.
#[derive(Debug, Args)]
pub(crate) struct SubjectArgs {
    /// A zone of the configuration, a snapshot, or files if --kind is given
    #[arg(value_name = "ZONE|FILE", required = true)]
    pub(crate) what: Vec<String>,
    /// How files are to be read
    #[command(flatten)]
    pub(crate) list: ListArgs,
}

/// How files that are in no configuration are to be read.
#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// Read files of this kind: addresses, names, or a data set of rbldnsd such as ip4set
    #[arg(long, short, value_name = "KIND")]
    pub(crate) kind: Option<DatasetKind>,
    /// The apex of a zone made from files
    #[arg(long, value_name = "NAME", default_value = "list.example")]
    pub(crate) apex: Name,
}

/// Formats of other software.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ExportFormat {
    /// Data files of rbldnsd
    Rbldnsd,
    /// A master file (RFC 1035), for BIND, NSD, Knot DNS and others
    Master,
}

/// What to do with a configuration.
#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Print an annotated configuration with every key and its default
    Example,
    /// Tell whether the configuration is right, and if not, where
    ///
    /// Access lists are read as well. A list that cannot be read now is a warning.
    ///
    /// Exit code: 0 right, 2 not right.
    Check,
}

/// Examples below `repute --help`.
const AFTER_HELP: &str = "\
Examples:
  repute serve                              try it: two lists and a portal on loopback
  repute serve --config /etc/repute.toml    serve your own
  repute zone lookup 192.0.2.1              why is this address listed?
  repute config example > repute.toml       a configuration to start from

Called by the name `rbldnsd`, `check_rbl` or `acme-dns`, or with that word as its first argument, it takes
that program's options.";

/// Below `repute serve --help`.
const SERVE_HELP: &str = "\
Without a configuration it answers on 127.0.0.1:5300 (and [::1]:5300), keeps its data in ./repute-data
and serves two example lists that it writes there on the first start, and a portal at
http://localhost:8080, whose first administrator is made by the link that it prints. Where another has
such a port, it takes the next free one.

SIGHUP reads the configuration and the lists again, SIGTERM and SIGINT end the server.";

/// Below `repute zone check --help`.
const CHECK_HELP: &str = "\
Examples:
  repute zone check                         all zones of the configuration
  repute zone check --kind ip4set bl.txt    a file, before it is published
  repute zone check --kind acl clients.acl  an access list
  repute zone check --master --apex example.org example.org.zone";

/// Below `repute zone build --help`.
const BUILD_HELP: &str = "\
Examples:
  repute zone build bl.example -o bl.snapshot
  repute zone build --kind ip4trie --apex bl.example bl.txt -o bl.snapshot";

/// Below `repute zone export --help`.
const EXPORT_HELP: &str = "\
Examples:
  repute zone export bl.example --format master -o bl.example.zone
  repute zone export bl.snapshot | less";

/// Below `repute zone lookup --help`.
const LOOKUP_HELP: &str = "\
Examples:
  repute zone lookup 192.0.2.1
  repute zone lookup spam.example --kind names domains.txt";

/// Below `repute zone diff --help`.
const DIFF_HELP: &str = "\
Examples:
  repute zone diff yesterday.snapshot bl.example
  repute zone diff --kind addresses old.txt new.txt";

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_says_what_it_is_in_its_own_words() {
        for command in Cli::command().get_subcommands() {
            let name = command.get_name();
            assert!(command.get_about().is_some(), "{name}");
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            if help.contains("Examples:") {
                assert!(
                    help.contains(&format!("repute {name}")),
                    "{name} has the examples of another"
                );
            }
        }
    }
}

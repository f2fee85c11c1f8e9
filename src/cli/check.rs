//! `repute check` as it is typed.

mod own;

use std::path::PathBuf;

use clap::Args;

use super::monitoring::MonitoringArgs;
pub(crate) use own::OwnArgs;

/// Arguments of `repute check`.
#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// Addresses, networks (192.0.2.0/28), host names, URLs or mail addresses
    ///
    /// Of a host its name is checked and all its addresses, of a URL or mail address the host.
    #[arg(value_name = "TARGET")]
    pub(crate) targets: Vec<String>,
    /// Read targets from a file, one a line; `-` is standard input
    #[arg(long, short, value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
    /// Ask this list [default: those of the catalogue that live, are open and take the target]
    ///
    /// ZONE is asked by way of the resolver, ZONE@SERVER or ZONE@SERVER:PORT at the list's own server. =CODES
    /// counts only those answers as listings: an address, its last number, 127.0.0.[2..11], 127.0.1.0/24 or
    /// 127.0.0.0&8.
    #[arg(long = "list", short, value_name = "ZONE[@SERVER][=CODES]")]
    pub(crate) list: Vec<String>,
    /// Show the catalogue of lists, and which of them are asked; with names of lists, all that is known of these
    #[arg(long, conflicts_with_all = ["file", "csv", "junit", "quiet"])]
    pub(crate) lists: bool,
    /// Lists of your own and changes to known ones, as tables named `list`, besides those of the configuration
    /// [default: /etc/repute/lists.toml, if it is there]
    #[arg(long, value_name = "FILE")]
    pub(crate) catalogue: Option<PathBuf>,
    /// Ask this resolver [default: those of /etc/resolv.conf]
    #[arg(long = "resolver", short, value_name = "ADDRESS[:PORT]")]
    pub(crate) resolvers: Vec<String>,
    /// Ask each list at its own servers, which the resolver is asked for
    #[arg(long, short = 'A')]
    pub(crate) authoritative: bool,
    /// Wait so long for a list
    #[arg(long, short, value_name = "TIME", default_value = "2s")]
    pub(crate) timeout: String,
    /// Ask a list at most so often a second; 0 for as often as it answers
    /// [default: 50, or what the catalogue says; lists on this machine without limit]
    #[arg(long, value_name = "QUERIES", value_parser = queries)]
    pub(crate) rate: Option<f64>,
    /// The share of lists that must answer, in percent; with fewer nothing is certain, a listing neither
    #[arg(long, value_name = "PERCENT", default_value_t = 50,
          value_parser = clap::value_parser!(u8).range(0..=100))]
    pub(crate) quorum: u8,
    /// Check more than 1,024 addresses
    #[arg(long, short)]
    pub(crate) yes: bool,
    /// Show the lists that do not have it, too
    #[arg(long, short)]
    pub(crate) all: bool,
    /// Write nothing but errors: the exit code says it
    #[arg(long, short, conflicts_with_all = ["json", "csv", "junit", "all"])]
    pub(crate) quiet: bool,
    /// Write JSON, an object a line for each target
    #[arg(long, conflicts_with = "csv")]
    pub(crate) json: bool,
    /// Write CSV, a line for each target and list
    #[arg(long)]
    pub(crate) csv: bool,
    /// Write JUnit's XML: a suite for each target, a case for each list
    #[arg(long, conflicts_with_all = ["json", "csv"])]
    pub(crate) junit: bool,
    /// Neither use nor keep what was learned of lists before
    #[arg(long)]
    pub(crate) forgetful: bool,
    /// What is one's own.
    #[command(flatten)]
    pub(crate) own: OwnArgs,
    /// What a monitoring system says.
    #[command(flatten)]
    pub(crate) monitoring: MonitoringArgs,
}

/// Reads a number of queries a second.
fn queries(text: &str) -> Result<f64, String> {
    let rate = text.parse().ok().filter(|rate: &f64| rate.is_finite() && *rate >= 0.0);
    rate.ok_or_else(|| "not a number of queries a second, as 20 or 0.5".to_owned())
}

/// Behind the help of `repute check`.
pub(crate) const CHECK_HELP: &str = "\
Exit code: 0 not listed, 1 listed, 2 could not tell. Of several targets one that is listed says most.
A list that does not answer, blocks the resolver or lists everything is neither: it is unknown, and why.

Examples:
  repute check 192.0.2.25
  repute check mail.example --list zen.spamhaus.org --list bl.spamcop.net
  repute check 2001:db8::25 --list bl.example@192.0.2.53
  repute check --file hosts.txt --csv > report.csv
  repute check --doctor
  repute check --my-mail mail.example
  repute check --monitoring -H mail.example -w 0 -c 2";

//! `repute catalogue` as it is typed.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use repute_dnsxl::Name;

/// What to do with the lists that are known.
#[derive(Debug, Subcommand)]
pub(crate) enum CatalogueCommand {
    /// Write the lists that another program asks as tables for a catalogue
    ///
    /// Exit code: 0 done, 1 some lines could not be taken (standard error names them), 2 a file cannot be
    /// read or is of none of these programs.
    #[command(after_help = IMPORT_HELP)]
    Import(ImportArgs),
    /// Measure whether lists live, and write what changed against the catalogue
    ///
    /// Exit code: 0 nothing changed, 1 something did, 2 could not tell, as no resolver can be used.
    #[command(after_help = PROBE_HELP)]
    Probe(ProbeArgs),
}

/// Arguments of `repute catalogue import`.
#[derive(Debug, Args)]
pub(crate) struct ImportArgs {
    /// Its configuration; `-` is standard input. Files that belong together are read together
    #[arg(value_name = "FILE", default_value = "-")]
    pub(crate) files: Vec<PathBuf>,
    /// Whose configuration it is, if neither what stands in it nor its name tells
    #[arg(long, value_enum, value_name = "PROGRAM")]
    pub(crate) from: Option<ImportFrom>,
}

/// Arguments of `repute catalogue probe`.
#[derive(Debug, Args)]
pub(crate) struct ProbeArgs {
    /// Lists to measure [default: all of the catalogue that need no key, dead ones too]
    #[arg(value_name = "ZONE")]
    pub(crate) zones: Vec<Name>,
    /// Ask this resolver [default: those of /etc/resolv.conf]
    #[arg(long = "resolver", short, value_name = "ADDRESS[:PORT]")]
    pub(crate) resolvers: Vec<String>,
    /// Wait so long for an answer
    #[arg(long, short, value_name = "TIME", default_value = "5s")]
    pub(crate) timeout: String,
    /// Lists of your own and changes to known ones, besides those of the configuration
    /// [default: /etc/repute/lists.toml, if it is there]
    #[arg(long, value_name = "FILE")]
    pub(crate) catalogue: Option<PathBuf>,
    /// Show the lists that are as they were known, too
    #[arg(long, short)]
    pub(crate) all: bool,
    /// Write JSON, an object a line for each list
    #[arg(long, conflicts_with = "toml")]
    pub(crate) json: bool,
    /// Write what changed as tables for a catalogue
    #[arg(long)]
    pub(crate) toml: bool,
    /// Write what changed into this file: into the tables that are in it, and behind them
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

/// Programs whose configuration is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub(crate) enum ImportFrom {
    /// check_rbl's ini file, which dnsbl_exporter reads too
    #[value(name = "check_rbl", alias = "check-rbl")]
    CheckRbl,
    /// main.cf, master.cf, or what postconf prints
    Postfix,
    /// Rules, *.cf
    #[value(name = "spamassassin")]
    SpamAssassin,
    /// rbl.conf, surbl.conf
    Rspamd,
}

/// Below `repute catalogue import --help`.
const IMPORT_HELP: &str = "\
What the catalogue knows of a list is left out, and a key in a zone's name is never printed.

Examples:
  repute catalogue import /etc/nagios-plugins/check_rbl.ini > lists.toml
  repute catalogue import /etc/postfix/main.cf /etc/postfix/master.cf > lists.toml
  postconf -n | repute catalogue import > lists.toml
  repute catalogue import /etc/rspamd/local.d/rbl.conf /etc/spamassassin/*.cf > lists.toml
  repute check --catalogue lists.toml 192.0.2.25";

/// Below `repute catalogue probe --help`.
const PROBE_HELP: &str = "\
A list is asked six questions: for its zone, its test entries, an invented name, and an address of nobody.
That it does not answer your resolver, or that the resolver makes up answers, says nothing about the list.

Examples:
  repute catalogue probe
  repute catalogue probe bl.example zen.spamhaus.org --resolver 127.0.0.1
  repute catalogue probe --output /etc/repute/lists.toml";

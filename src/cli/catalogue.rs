//! `repute catalogue` as it is typed.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

/// What to do with the lists that are known.
#[derive(Debug, Subcommand)]
pub(crate) enum CatalogueCommand {
    /// Write the lists that another program asks as tables for a catalogue
    ///
    /// Exit code: 0 done, 1 some lines could not be taken (standard error names them), 2 a file cannot be
    /// read or is of none of these programs.
    #[command(after_help = IMPORT_HELP)]
    Import(ImportArgs),
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

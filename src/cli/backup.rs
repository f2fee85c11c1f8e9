//! `repute backup` and `repute restore` as they are typed.

use std::path::PathBuf;

use clap::Args;

/// Arguments of `repute backup`.
#[derive(Debug, Args)]
pub(crate) struct BackupArgs {
    /// The file to write; `-` is standard output
    pub(crate) file: PathBuf,
    /// The database: a file, or a server as postgres://user@host/database
    #[arg(long, value_name = "PLACE")]
    pub(crate) database: Option<String>,
}

/// Arguments of `repute restore`.
#[derive(Debug, Args)]
pub(crate) struct RestoreArgs {
    /// The file that `repute backup` wrote; `-` is standard input
    pub(crate) file: PathBuf,
    /// The database: a file, or a server as postgres://user@host/database
    #[arg(long, value_name = "PLACE")]
    pub(crate) database: Option<String>,
    /// Throw away what is in the database
    #[arg(long)]
    pub(crate) force: bool,
}

/// Below `repute backup --help`.
pub(crate) const BACKUP_HELP: &str = "\
It may run at any time: it holds the database as it is at one moment. What it writes restores into SQLite and into
PostgreSQL, and is for your eyes only.

Examples:
  repute backup --database lists.db lists.backup
  repute backup --database postgres://repute@localhost/repute - | gzip > lists.backup.gz";

/// Below `repute restore --help`.
pub(crate) const RESTORE_HELP: &str = "\
All of it is restored, and its audit log verified, or nothing.

Examples:
  repute restore --database new.db lists.backup
  zcat lists.backup.gz | repute restore --database postgres://repute@localhost/repute -";

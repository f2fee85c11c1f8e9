//! `repute challenge` as it is typed.

use clap::{Args, Subcommand};
use repute_dnsxl::Name;

/// Arguments of `repute challenge`.
#[derive(Debug, Args)]
pub(crate) struct ChallengeArgs {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: ChallengeCommand,
}

/// What to do with challenge accounts.
#[derive(Debug, Subcommand)]
pub(crate) enum ChallengeCommand {
    /// Show the accounts, their values and the domains that they stand for
    List {
        /// Write JSON
        #[arg(long)]
        json: bool,
    },
    /// Make an account, and show its password, which is shown only then
    Register {
        /// A network from which alone it may be used; may be given again
        #[arg(long, value_name = "NETWORK")]
        allow_from: Vec<String>,
        /// Write JSON, as the API answers
        #[arg(long)]
        json: bool,
    },
    /// Give an account another password, and show it, which is shown only then
    Rotate {
        /// Its user name
        account: String,
        /// Write JSON
        #[arg(long)]
        json: bool,
    },
    /// Take an account away, with its values and domains
    Delete {
        /// Its user name
        account: String,
    },
    /// Have an account stand for a domain: it takes values for such domains only, and nobody else does for them
    Bind {
        /// The domain, such as www.example.net
        domain: Name,
        /// The account's user name
        account: String,
    },
    /// Have nobody stand for a domain
    Unbind {
        /// The domain
        domain: Name,
    },
}

/// Below `repute challenge --help`.
pub(crate) const CHALLENGE_HELP: &str = "\
Where a server runs it does what is asked. Otherwise it is done in its data folder: run it as the
user that the server has. The configuration may be one of acme-dns, if its name ends in .cfg.

Examples:
  repute challenge list
  repute challenge register --allow-from 192.0.2.0/24
  repute challenge rotate eabcdb41-d89f-4580-826f-3e62e9755ef2
  repute challenge bind www.example.net eabcdb41-d89f-4580-826f-3e62e9755ef2
  repute challenge --config /etc/acme-dns/config.cfg list";

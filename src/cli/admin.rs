//! `repute admin`, as it is typed.

use clap::{Args, Subcommand, ValueEnum};
use repute_database::accounts::Role;
use repute_portal::MailAddress;

/// Arguments of `repute admin`.
#[derive(Debug, Args)]
pub(crate) struct AdminArgs {
    /// The database: a file, or a server as postgres://user@host/database. A password is better not written here:
    /// PGPASSWORD and the file PGPASSFILE names are read
    #[arg(long, global = true, value_name = "PLACE")]
    pub(crate) database: Option<String>,
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: AdminCommand,
}

/// What to do with the portal's accounts.
#[derive(Debug, Subcommand)]
pub(crate) enum AdminCommand {
    /// Print a link that makes an account, once, within a day
    Add {
        /// Whose; without it the link is for whoever has it
        #[arg(value_name = "MAIL")]
        mail: Option<MailAddress>,
        /// What the account may do
        #[arg(long, value_enum, default_value_t = RoleName::Member)]
        role: RoleName,
    },
    /// Give an account another role
    Role {
        /// Whose
        #[arg(value_name = "MAIL")]
        mail: MailAddress,
        /// What it may do from now on
        #[arg(value_enum)]
        role: RoleName,
    },
    /// Print a link by which an account gets another password, once, within a day
    Reset {
        /// Whose
        #[arg(value_name = "MAIL")]
        mail: MailAddress,
    },
    /// Take the second factors of an account away, whose person has lost them: its password is then enough
    ResetFactors {
        /// Whose
        #[arg(value_name = "MAIL")]
        mail: MailAddress,
    },
    /// Give an account another mail address; who reads at the one before is told
    Mail {
        /// Whose
        #[arg(value_name = "OLD")]
        from: MailAddress,
        /// The new one
        #[arg(value_name = "NEW")]
        to: MailAddress,
    },
    /// Lock an account: its sessions end, and nobody can sign in
    Lock {
        /// Whose
        #[arg(value_name = "MAIL")]
        mail: MailAddress,
    },
    /// Open a locked account again
    Unlock {
        /// Whose
        #[arg(value_name = "MAIL")]
        mail: MailAddress,
    },
    /// Write all that is kept of a person, as JSON
    Export {
        /// Whose
        #[arg(value_name = "MAIL")]
        mail: MailAddress,
    },
    /// Erase a person: the account, if there is one, and the address wherever it is
    Delete {
        /// Whose
        #[arg(value_name = "MAIL")]
        mail: MailAddress,
        /// Do it: nobody can bring it back
        #[arg(long, required = true)]
        yes: bool,
    },
    /// Show all accounts
    List {
        /// Write JSON
        #[arg(long)]
        json: bool,
    },
}

/// What an account may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum RoleName {
    /// Speaks for himself and his organisations
    Member,
    /// Decides what lists say
    Editor,
    /// Decides about lists and people
    Administrator,
}

impl From<RoleName> for Role {
    fn from(name: RoleName) -> Role {
        match name {
            RoleName::Member => Role::Member,
            RoleName::Editor => Role::Editor,
            RoleName::Administrator => Role::Administrator,
        }
    }
}

/// Behind the help of `repute admin`.
pub(crate) const ADMIN_HELP: &str = "\
It works on the database of `[registry]`, or on the one of --database, whether a server runs or not.

Examples:
  repute admin add you@example.org --role administrator
  repute admin --database lists.db list
  repute admin role somebody@example.org editor
  repute admin reset you@example.org
  repute admin reset-factors you@example.org
  repute admin mail you@example.org you@example.net
  repute admin lock somebody@example.org
  repute admin export somebody@example.org > somebody.json
  repute admin delete somebody@example.org --yes";

//! `repute registry list`: what a list says of itself, how it decides and how it is published, as it is typed.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use repute_database::dns::Links;
use repute_dnsxl::Name;

use crate::config::Span;

/// Arguments of `repute registry list set`. What is not named stays as it is.
#[derive(Debug, Args)]
pub(crate) struct SetArgs {
    /// The list
    pub(crate) list: Name,
    /// What people call it
    #[arg(long)]
    pub(crate) title: Option<String>,
    /// What it is for
    #[arg(long)]
    pub(crate) description: Option<String>,
    /// Where people write about it
    #[arg(long)]
    pub(crate) contact: Option<String>,
    /// Time to live of its answers
    #[arg(long, value_name = "TIME")]
    pub(crate) ttl: Option<Span>,
    /// Why, for the audit log
    #[arg(long, default_value = "")]
    pub(crate) reason: String,
}

/// What to do with the policy of a list.
#[derive(Debug, Subcommand)]
pub(crate) enum PolicyCommand {
    /// Show the policy in force, or another version of it
    ///
    /// Exit code: 0 shown, 1 there is none, 2 could not tell.
    Show {
        /// The list
        list: Name,
        /// An earlier version
        #[arg(long, value_name = "NUMBER")]
        version: Option<i64>,
        /// Show only which versions there are, and since when
        #[arg(long, conflicts_with = "version")]
        versions: bool,
    },
    /// Publish a policy, which takes the place of the one before; versions before stay readable
    Publish {
        /// The list
        list: Name,
        /// A file with its text, paragraphs with an empty line between; `-` is standard input
        file: PathBuf,
        /// Why, for the audit log
        #[arg(long, default_value = "")]
        reason: String,
    },
}

/// What to do with criteria.
#[derive(Debug, Subcommand)]
pub(crate) enum CriterionCommand {
    /// Add a criterion to the policy in force: a reason to list something, which entries can name
    Add {
        /// The list
        list: Name,
        /// Its short name, of a-z, 0-9 and `-`, which links hold
        slug: String,
        /// What it is called
        #[arg(long)]
        title: String,
        /// What it says
        #[arg(long)]
        text: String,
        /// Why, for the audit log
        #[arg(long, default_value = "")]
        reason: String,
    },
    /// Have a criterion say something else from now on; what was listed by it keeps what it said then
    Change {
        /// The list
        list: Name,
        /// Its short name
        slug: String,
        /// What it is called [default: as before]
        #[arg(long)]
        title: Option<String>,
        /// What it says [default: as before]
        #[arg(long)]
        text: Option<String>,
        /// Why, for the audit log
        #[arg(long, default_value = "")]
        reason: String,
    },
    /// Have nothing be listed by a criterion any more; it stays for the entries that name it
    End {
        /// The list
        list: Name,
        /// Its short name
        slug: String,
        /// Why, for the audit log
        #[arg(long, default_value = "")]
        reason: String,
    },
    /// Show all criteria, with what they said before
    Show {
        /// The list
        list: Name,
        /// Write JSON, an object a line
        #[arg(long)]
        json: bool,
    },
}

/// What to do with categories.
#[derive(Debug, Subcommand)]
pub(crate) enum CategoryCommand {
    /// Add a category
    Add {
        /// The list
        list: Name,
        /// Its number, which return codes hold
        number: u8,
        /// What people call it
        name: String,
        /// Why, for the audit log
        #[arg(long, default_value = "")]
        reason: String,
    },
    /// Give a category another name; none is ever deleted, so that no return code changes its meaning
    Rename {
        /// The list
        list: Name,
        /// Its number
        number: u8,
        /// What people call it from now on
        name: String,
        /// Why, for the audit log
        #[arg(long, default_value = "")]
        reason: String,
    },
    /// Show all categories
    Show {
        /// The list
        list: Name,
    },
}

/// What to do with how a list is published.
#[derive(Debug, Subcommand)]
pub(crate) enum DnsCommand {
    /// Show it, and what is not wise in it
    Show {
        /// The list
        list: Name,
        /// Write JSON
        #[arg(long)]
        json: bool,
    },
    /// Change it; what is not named stays as it is
    #[command(after_help = DNS_HELP)]
    Set(Box<DnsArgs>),
    /// Make the links in its texts with another key; those that are out stay good until you do it once more
    NewKey {
        /// The list
        list: Name,
        /// Why, for the audit log
        #[arg(long, default_value = "")]
        reason: String,
    },
}

/// Whether the texts of a list have links.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum LinksArg {
    /// If it blocks, and the portal is reached from elsewhere
    Auto,
    /// Always
    On,
    /// Never
    Off,
}

impl From<LinksArg> for Links {
    fn from(typed: LinksArg) -> Links {
        match typed {
            LinksArg::Auto => Links::Auto,
            LinksArg::On => Links::On,
            LinksArg::Off => Links::Off,
        }
    }
}

/// Arguments of `repute registry list dns set`.
#[derive(Debug, Args)]
pub(crate) struct DnsArgs {
    /// The list
    pub(crate) list: Name,
    /// Its name servers, by names; none means the list's own name
    #[arg(long, value_name = "NAME,...", value_delimiter = ',')]
    pub(crate) name_servers: Option<Vec<String>>,
    /// The mailbox of the SOA as a name, such as hostmaster.example.org; none means hostmaster below the list
    #[arg(long, value_name = "NAME")]
    pub(crate) hostmaster: Option<String>,
    /// Addresses or names that must never be listed: a version that lists one waits for a second person
    #[arg(long, value_name = "TARGET,...", value_delimiter = ',')]
    pub(crate) canaries: Option<Vec<String>>,
    /// Hold back what newly covers an IPv4 network of this length; 0 holds back none
    #[arg(long, value_name = "LENGTH")]
    pub(crate) ipv4_prefix: Option<u8>,
    /// The same for IPv6
    #[arg(long, value_name = "LENGTH")]
    pub(crate) ipv6_prefix: Option<u8>,
    /// Hold back a change of more than so many per cent of the entries; 0 holds back none
    #[arg(long, value_name = "PERCENT")]
    pub(crate) max_change: Option<u8>,
    /// Whether its texts lead to the page of each entry at the portal
    #[arg(long, value_name = "WHEN")]
    pub(crate) links: Option<LinksArg>,
    /// How often secondaries look for a new serial
    #[arg(long, value_name = "TIME")]
    pub(crate) refresh: Option<Span>,
    /// How soon they try again
    #[arg(long, value_name = "TIME")]
    pub(crate) retry: Option<Span>,
    /// When data that could not be refreshed are served no longer
    #[arg(long, value_name = "TIME")]
    pub(crate) expire: Option<Span>,
    /// How long a resolver remembers that something is not listed
    #[arg(long, value_name = "TIME")]
    pub(crate) minimum: Option<Span>,
    /// Time to live of the NS records
    #[arg(long, value_name = "TIME")]
    pub(crate) name_server_ttl: Option<Span>,
    /// Why, for the audit log
    #[arg(long, default_value = "")]
    pub(crate) reason: String,
}

/// Below `repute registry list dns set --help`.
const DNS_HELP: &str = "\
Examples:
  repute registry list dns set bl.example --name-servers ns1.example.net,ns2.example.org
  repute registry list dns set bl.example --canaries 192.0.2.25,2001:db8::25 --max-change 10
  repute registry list dns set bl.example --canaries ''    none any more";

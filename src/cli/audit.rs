//! `repute audit` as it is typed.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// Arguments of `repute audit`.
#[derive(Debug, Args)]
pub(crate) struct AuditArgs {
    /// Lists, asked at the servers they are delegated to
    ///
    /// ZONE@SERVER or ZONE@SERVER:PORT asks that server only; several of them for one zone are several servers of
    /// one list.
    #[arg(value_name = "ZONE[@SERVER]", required = true)]
    pub(crate) zones: Vec<String>,
    /// What the lists list [default: as the catalogue says, else as their test entries tell]
    #[arg(long, short, value_enum)]
    pub(crate) kind: Option<AuditKind>,
    /// Ask this resolver for the servers [default: those of /etc/resolv.conf]
    #[arg(long = "resolver", short, value_name = "ADDRESS[:PORT]")]
    pub(crate) resolvers: Vec<String>,
    /// Wait so long for an answer
    #[arg(long, short, value_name = "TIME", default_value = "2s")]
    pub(crate) timeout: String,
    /// Write JSON, an object a line for each list
    #[arg(long)]
    pub(crate) json: bool,
    /// Write the grade of one list as a picture (SVG), too
    #[arg(long, value_name = "FILE")]
    pub(crate) badge: Option<PathBuf>,
}

/// What a list lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum AuditKind {
    /// IPv4 addresses, and IPv6 addresses if there is a test entry for them
    Addresses,
    /// IPv6 addresses only
    Ipv6,
    /// Domain names
    Names,
}

/// Behind the help of `repute audit`.
pub(crate) const AUDIT_HELP: &str = "\
Exit code: 0 no faults, 1 faults, 2 could not tell: no server answers, or the list does not answer us.
Advice is no fault. The manual explains every rule.

Examples:
  repute audit bl.example
  repute audit bl.example@192.0.2.53 bl.example@198.51.100.53
  repute audit dbl.example --kind names --badge grade.svg";

//! Options of `repute check` about what is one's own: the resolver and the mail.

use clap::Args;

/// What is one's own.
#[derive(Debug, Args)]
pub(crate) struct OwnArgs {
    /// Examine the resolvers instead of a target: whether lists answer them, and what to mend
    ///
    /// Exit code: 0 nothing to mend, 1 something, 2 could not tell.
    #[arg(long, conflicts_with_all = ["targets", "file", "authoritative", "csv", "junit", "quiet", "monitoring"])]
    pub(crate) doctor: bool,
    /// Check the addresses by which this domain takes and sends mail: those of MX and SPF
    ///
    /// Where each comes from is told on standard error. Networks of more than 1,024 addresses are left out without
    /// --yes, and IPv6 networks beyond a /104 with it, too.
    #[arg(long, value_name = "DOMAIN", conflicts_with = "doctor")]
    pub(crate) my_mail: Vec<String>,
}

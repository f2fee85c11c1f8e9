//! Options of `repute check` about what is one's own: the resolver.

use clap::Args;

/// What is one's own.
#[derive(Debug, Args)]
pub(crate) struct OwnArgs {
    /// Examine the resolvers instead of a target: whether lists answer them, and what to mend
    ///
    /// Exit code: 0 nothing to mend, 1 something, 2 could not tell.
    #[arg(long, conflicts_with_all = ["targets", "file", "authoritative", "csv", "junit", "quiet"])]
    pub(crate) doctor: bool,
}

//! What the rules of the registry need besides its database: the key of links, and how DNS is asked.

use repute_registry::claim::challenge::Look;
use repute_registry::elsewhere::Elsewhere;
use repute_registry::import::content::Unpack;
use repute_registry::token::TokenKey;
use repute_registry::work::Spool;

/// What the rules need besides the database.
#[derive(Clone, Debug)]
pub struct Means {
    /// The key of links that are stored nowhere; all servers of a portal have the same.
    pub key: TokenKey,
    /// How proofs of domains, and names of addresses, are looked for.
    pub look: Look,
    /// The lists of others; none if they are not asked.
    pub elsewhere: Option<Elsewhere>,
    /// Where files wait to be taken into lists.
    pub spool: Spool,
    /// What unpacks those that are packed.
    pub unpack: Unpack,
}

//! What kind of list it is.

use std::fmt;

/// What being listed means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Polarity {
    /// Listed is bad: a block list (DNSBL).
    #[default]
    Block,
    /// Listed is good: an allow list (DNSWL).
    Allow,
    /// Listed is a fact: country, network, age.
    Info,
}

/// What a list's entries name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyKind {
    /// IPv4 and IPv6 addresses, by reversed octets and nibbles (RFC 5782 sections 2.1 and 2.4).
    Ip,
    /// Domain names (RFC 5782 section 3).
    Name,
}

impl fmt::Display for KeyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            KeyKind::Ip => "addresses",
            KeyKind::Name => "names",
        })
    }
}

/// Which names an entry lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Extent {
    /// `x`: the name alone.
    Exact,
    /// `*.x`: everything below it.
    Below,
    /// `.x`: both.
    Both,
}

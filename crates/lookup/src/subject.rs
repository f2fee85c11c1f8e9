//! What somebody wants checked, as he writes it: an address, a network, a name, a URL, a mail address.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use repute_dnsxl::{Name, Network, Target};

/// What somebody wants checked.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Subject {
    /// One address.
    Address(IpAddr),
    /// All addresses of a network.
    Network(Network),
    /// A host or domain: its name, and the addresses it has.
    Host(Name),
}

impl Subject {
    /// How many addresses it is by itself.
    pub fn addresses(&self) -> u128 {
        match self {
            Subject::Address(_) => 1,
            Subject::Network(Network::V4(n)) => u128::from(n.last() - n.first()) + 1,
            Subject::Network(Network::V6(n)) => (n.last() - n.first()).saturating_add(1),
            Subject::Host(_) => 0,
        }
    }

    /// The targets it is by itself, without looking anything up.
    pub fn targets(&self) -> Box<dyn Iterator<Item = Target>> {
        match self {
            Subject::Address(address) => Box::new(std::iter::once(target(*address))),
            Subject::Network(Network::V4(n)) => {
                Box::new((n.first()..=n.last()).map(|a| Target::Ipv4(Ipv4Addr::from(a))))
            }
            Subject::Network(Network::V6(n)) => {
                Box::new((n.first()..=n.last()).map(|a| Target::Ipv6(Ipv6Addr::from(a))))
            }
            Subject::Host(name) => Box::new(std::iter::once(Target::Name(name.clone()))),
        }
    }
}

/// The target of an address; of an IPv4 address in IPv6 form that is the IPv4 address (RFC 4291 section
/// 2.5.5.2), since that is what lists have.
pub fn target(address: IpAddr) -> Target {
    match address.to_canonical() {
        IpAddr::V4(address) => Target::Ipv4(address),
        IpAddr::V6(address) => Target::Ipv6(address),
    }
}

impl FromStr for Subject {
    type Err = SubjectError;

    /// Parses what somebody typed or has in a file. Of a URL and of a mail address the host counts.
    fn from_str(text: &str) -> Result<Subject, SubjectError> {
        let text = text.trim();
        let error = |why| SubjectError { text: text.chars().take(LONGEST_SHOWN).collect(), why };
        if text.is_empty() {
            return Err(error(Why::Empty));
        }
        let host = host(text);
        if let Ok(address) = host.parse() {
            return Ok(Subject::Address(address));
        }
        let has_scheme = text.contains("://");
        if !has_scheme && let Some((base, len)) = text.split_once('/') {
            if base.parse::<IpAddr>().is_ok() {
                let network = text.parse().map_err(|_| error(Why::Network))?;
                return Ok(Subject::Network(network));
            }
            if len.parse::<u8>().is_ok() {
                return Err(error(Why::Network));
            }
        }
        // `192.0.2.300` is a slip, and no top-level domain is a number (RFC 3696 section 2).
        let is_number = |b: u8| b.is_ascii_digit() || b == b'.';
        if (!host.is_empty() && host.bytes().all(is_number)) || host.contains(':') {
            return Err(error(Why::Address));
        }
        let ascii = idna::domain_to_ascii(host).map_err(|_| error(Why::Name))?;
        let name: Name = ascii.parse().map_err(|_| error(Why::Name))?;
        let is_host = name.labels().all(|label| {
            label.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
        });
        match is_host && name.label_count() > 0 {
            true => Ok(Subject::Host(name)),
            false => Err(error(Why::Name)),
        }
    }
}

/// The host in a URL or mail address, without brackets and port; else the text itself.
fn host(text: &str) -> &str {
    let Some((_, rest)) = text.split_once("://") else {
        let bare = text.rsplit_once('@').map_or(text, |(_, domain)| domain);
        // A domain literal (RFC 5321 section 4.1.3).
        let literal = bare.strip_prefix('[').and_then(|bare| bare.strip_suffix(']'));
        return literal.map_or(bare, |literal| literal.strip_prefix("IPv6:").unwrap_or(literal));
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or(rest);
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    match host.strip_prefix('[') {
        Some(literal) => literal.split(']').next().unwrap_or(literal),
        None => host.split(':').next().unwrap_or(host),
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Subject::Address(address) => address.fmt(f),
            Subject::Network(network) => network.fmt(f),
            Subject::Host(name) => name.fmt(f),
        }
    }
}

/// The text is nothing that can be checked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot check `{text}`: {why}")]
pub struct SubjectError {
    text: String,
    why: Why,
}

/// What is wrong with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
enum Why {
    #[error("it is empty")]
    Empty,
    #[error("not an address: four numbers up to 255, or an IPv6 address")]
    Address,
    #[error("not a network: an address and the length of a prefix, without bits behind it")]
    Network,
    #[error("neither an address nor a domain name, URL or mail address")]
    Name,
}

/// Characters of a wrong text that are shown.
const LONGEST_SHOWN: usize = 80;

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> String {
        text.parse::<Subject>().map_or_else(|error| error.to_string(), |s| s.to_string())
    }

    #[test]
    fn what_people_write_is_understood() {
        for (text, meant) in [
            (" 192.0.2.25 ", "192.0.2.25"),
            ("2001:DB8::25", "2001:db8::25"),
            ("192.0.2.0/24", "192.0.2.0/24"),
            ("Mail.Example.", "mail.example"),
            ("müller.example", "xn--mller-kva.example"),
            ("https://user:secret@www.shop.example:8443/a?b#c", "www.shop.example"),
            ("http://192.0.2.1/x", "192.0.2.1"),
            ("http://[2001:db8::1]:80/", "2001:db8::1"),
            ("somebody@mail.example", "mail.example"),
            ("somebody@[192.0.2.1]", "192.0.2.1"),
            ("somebody@[IPv6:2001:db8::1]", "2001:db8::1"),
        ] {
            assert_eq!(read(text), meant, "{text}");
        }
    }

    #[test]
    fn what_is_nothing_of_that_is_an_error_that_says_so() {
        for (text, why) in [
            ("", "it is empty"),
            ("192.0.2.300", "not an address"),
            ("192.0.2", "not an address"),
            ("2001:db8:::1", "not an address"),
            ("192.0.2.1/24", "not a network"),
            ("example/24", "not a network"),
            ("bad_host!", "neither an address nor"),
            ("a..b", "neither an address nor"),
            ("http://", "neither an address nor"),
        ] {
            assert!(read(text).contains(why), "{text}: {}", read(text));
        }
    }

    #[test]
    fn a_mapped_address_is_the_address_it_maps() {
        assert_eq!(target("::ffff:192.0.2.1".parse().unwrap()).to_string(), "192.0.2.1");
    }
}

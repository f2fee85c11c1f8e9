//! An SPF record (RFC 7208): who a domain says sends its mail.
//!
//! A record is read as far as it can be: what is faulty is named, and the rest is taken, since the question here is
//! not whether some mail passes but which addresses somebody should look after. Only addresses that pass are the
//! domain's own (`+`, or `?` for those it does not swear to).

use std::net::{Ipv4Addr, Ipv6Addr};

use repute_dnsxl::{Ipv4Network, Ipv6Network, Name, Network};

/// A record.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Record {
    /// What names addresses, in its order.
    pub(super) terms: Vec<Term>,
    /// The domain whose record counts in the place of this one, if nothing here matches.
    pub(super) redirect: Option<Domain>,
    /// Terms that are none, as they are written.
    pub(super) faults: Vec<String>,
}

/// What names addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Term {
    /// As it is written.
    pub(super) text: String,
    /// Whether mail from there passes.
    pub(super) passes: bool,
    /// What it names.
    pub(super) mechanism: Mechanism,
}

/// What a term names (RFC 7208 section 5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Mechanism {
    /// Addresses.
    Network(Network),
    /// The addresses of a host, and so much around them.
    A(Domain, Around),
    /// The addresses of a domain's mail servers, and so much around them.
    Mx(Domain, Around),
    /// What another domain's record names.
    Include(Domain),
    /// Whatever a name exists for: nobody can list those addresses.
    Exists,
    /// Addresses by their names: nobody can list those either.
    Ptr,
}

/// A domain in a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Domain {
    /// The one whose record it is.
    Own,
    /// Another one.
    Other(Name),
    /// One that depends on the mail.
    Macro,
}

/// How long the prefixes around addresses are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Around {
    /// Of IPv4 addresses.
    pub(super) v4: u8,
    /// Of IPv6 addresses.
    pub(super) v6: u8,
}

impl Record {
    /// Reads a text; nothing if it is no SPF record (RFC 7208 section 4.5).
    pub(super) fn read(text: &str) -> Option<Record> {
        let mut words = text.split(' ').filter(|word| !word.is_empty());
        if !text.get(..VERSION.len())?.eq_ignore_ascii_case(VERSION)
            || !words.next()?.eq_ignore_ascii_case(VERSION)
        {
            return None;
        }
        let (mut record, mut has_all) = (Record::default(), false);
        for word in words {
            match read(word) {
                Some(Read::Term(term)) => record.terms.push(term),
                // Behind it nothing is looked at (RFC 7208 section 5.1).
                Some(Read::All) => {
                    has_all = true;
                    break;
                }
                Some(Read::Redirect(domain)) => record.redirect = Some(domain),
                Some(Read::Nothing) => {}
                None => record.faults.push(word.to_owned()),
            }
        }
        // A redirection counts only if nothing else does (RFC 7208 section 6.1).
        if has_all {
            record.redirect = None;
        }
        Some(record)
    }
}

/// What a word of a record is.
enum Read {
    /// Something that names addresses.
    Term(Term),
    /// Everybody.
    All,
    /// Another record in the place of this one.
    Redirect(Domain),
    /// Nothing that matters here.
    Nothing,
}

/// Reads a word; nothing if it is faulty.
fn read(word: &str) -> Option<Read> {
    let (passes, rest) = match word.split_at_checked(1)? {
        ("+" | "?", rest) => (true, rest),
        ("-" | "~", rest) => (false, rest),
        _ => (true, word),
    };
    let end = rest.find([':', '/', '=']).unwrap_or(rest.len());
    let (name, argument) = rest.split_at(end);
    let value = argument.strip_prefix(':');
    let mechanism = match &*name.to_ascii_lowercase() {
        "all" if argument.is_empty() => return Some(Read::All),
        "redirect" if argument.starts_with('=') => {
            return Some(Read::Redirect(other(&argument[1..])?));
        }
        // A modifier: `exp`, and those that are still to be invented (RFC 7208 section 6).
        _ if argument.starts_with('=') && rest == word => return Some(Read::Nothing),
        "ip4" => Mechanism::Network(ip4(value?)?),
        "ip6" => Mechanism::Network(ip6(value?)?),
        "a" => host(argument).map(|(domain, around)| Mechanism::A(domain, around))?,
        "mx" => host(argument).map(|(domain, around)| Mechanism::Mx(domain, around))?,
        "include" => Mechanism::Include(other(value?)?),
        "exists" => {
            other(value?)?;
            Mechanism::Exists
        }
        "ptr" => Mechanism::Ptr,
        _ => return None,
    };
    Some(Read::Term(Term { text: word.to_owned(), passes, mechanism }))
}

/// An IPv4 network; bits behind the prefix do not matter.
fn ip4(text: &str) -> Option<Network> {
    let (address, len) = text.split_once('/').unwrap_or((text, "32"));
    let address: Ipv4Addr = address.parse().ok()?;
    Some(Network::V4(Ipv4Network::around(address, length(len, 32)?)))
}

/// An IPv6 network.
fn ip6(text: &str) -> Option<Network> {
    let (address, len) = text.split_once('/').unwrap_or((text, "128"));
    let address: Ipv6Addr = address.parse().ok()?;
    Some(Network::V6(Ipv6Network::around(address, length(len, 128)?)))
}

/// `:domain/24//64`, of which each part may be missing.
fn host(text: &str) -> Option<(Domain, Around)> {
    let (domain, rest) = text.split_at(text.find('/').unwrap_or(text.len()));
    let domain = match domain.strip_prefix(':') {
        Some(domain) => other(domain)?,
        None if domain.is_empty() => Domain::Own,
        None => return None,
    };
    let (v4, v6) = match rest.split_once("//") {
        Some((v4, v6)) => (v4, length(v6, 128)?),
        None => (rest, 128),
    };
    let v4 = match v4.strip_prefix('/') {
        Some(v4) => length(v4, 32)?,
        None if v4.is_empty() => 32,
        None => return None,
    };
    Some((domain, Around { v4, v6 }))
}

/// The length of a prefix.
fn length(text: &str, most: u8) -> Option<u8> {
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|len| is_number && *len <= most)
}

/// A domain that is named.
fn other(text: &str) -> Option<Domain> {
    if text.contains('%') {
        return Some(Domain::Macro);
    }
    let name: Name = text.parse().ok()?;
    (name.label_count() > 0).then_some(Domain::Other(name))
}

/// How a record begins.
const VERSION: &str = "v=spf1";

#[cfg(test)]
mod tests {
    use super::*;

    /// A record in words: what it names, `-` in front of what does not pass, then the redirection and faults.
    fn words(text: &str) -> Option<String> {
        let record = Record::read(text)?;
        let domain = |domain: &Domain| match domain {
            Domain::Own => "own".to_owned(),
            Domain::Other(name) => name.to_string(),
            Domain::Macro => "macro".to_owned(),
        };
        let mut words: Vec<String> = record
            .terms
            .iter()
            .map(|term| {
                let what = match &term.mechanism {
                    Mechanism::Network(network) => network.to_string(),
                    Mechanism::A(host, around) => {
                        format!("a:{}/{}/{}", domain(host), around.v4, around.v6)
                    }
                    Mechanism::Mx(host, around) => {
                        format!("mx:{}/{}/{}", domain(host), around.v4, around.v6)
                    }
                    Mechanism::Include(other) => format!("include:{}", domain(other)),
                    Mechanism::Exists => "exists".to_owned(),
                    Mechanism::Ptr => "ptr".to_owned(),
                };
                if term.passes { what } else { format!("-{what}") }
            })
            .collect();
        words.extend(record.redirect.as_ref().map(|other| format!("redirect:{}", domain(other))));
        words.extend(record.faults.iter().map(|fault| format!("!{fault}")));
        Some(words.join(" "))
    }

    #[test]
    fn records_are_read() {
        for (text, expect) in [
            ("v=spf1", Some("")),
            ("V=SPF1 -all", Some("")),
            ("v=spf1 ip4:192.0.2.0/28 ip6:2001:db8::/32 -all", Some("192.0.2.0/28 2001:db8::/32")),
            ("v=spf1 ip4:192.0.2.25 ip6:2001:db8::25", Some("192.0.2.25 2001:db8::25")),
            // Bits behind the prefix.
            ("v=spf1 ip4:192.0.2.77/28", Some("192.0.2.64/28")),
            (
                "v=spf1 a mx a:x.example mx:y.example",
                Some("a:own/32/128 mx:own/32/128 a:x.example/32/128 mx:y.example/32/128"),
            ),
            (
                "v=spf1 a/24 mx//64 a:x.example/24//64",
                Some("a:own/24/128 mx:own/32/64 a:x.example/24/64"),
            ),
            (
                "v=spf1 +include:_spf.example ?a ~mx -ip4:192.0.2.1",
                Some("include:_spf.example a:own/32/128 -mx:own/32/128 -192.0.2.1"),
            ),
            ("v=spf1 redirect=_spf.example", Some("redirect:_spf.example")),
            ("v=spf1 redirect=_spf.example ~all", Some("")),
            (
                "v=spf1 mx redirect=_spf.example exp=why.example x=y",
                Some("mx:own/32/128 redirect:_spf.example"),
            ),
            (
                "v=spf1 exists:%{i}.x.example include:%{d}.y.example ptr ptr:z.example",
                Some("exists include:macro ptr ptr"),
            ),
            ("v=spf1 -all ip4:192.0.2.1", Some("")),
            ("v=spf1  IP4:192.0.2.1  ", Some("192.0.2.1")),
            // What is no record.
            ("v=spf10 mx", None),
            ("v=spf2.0/pra mx", None),
            (" v=spf1 mx", None),
            ("google-site-verification=x", None),
            ("", None),
        ] {
            assert_eq!(words(text).as_deref(), expect, "{text}");
        }
    }

    #[test]
    fn what_is_faulty_is_named_and_the_rest_taken() {
        for wrong in [
            "ip4:192.0.2.300",
            "ip4:192.0.2.0/33",
            "ip4:2001:db8::1",
            "ip4",
            "ip6:192.0.2.1",
            "ip6:2001:db8::/129",
            "a:",
            "a:a..b",
            "a/33",
            "a/24/64",
            "a//129",
            "a/+8",
            "axe",
            "mxx:y.example",
            "include",
            "include:",
            "all:x",
            "-redirect",
            "+x=y",
            "-",
        ] {
            let expect = format!("192.0.2.1 !{wrong}");
            let found = words(&format!("v=spf1 {wrong} ip4:192.0.2.1"));
            assert_eq!(found.as_deref(), Some(&*expect), "{wrong}");
        }
    }
}

//! What is looked up: the targets behind `-H` and `-U`, and how the object is called on the first line.

use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

use repute_dnsxl::{Target, relative_name};
use repute_lookup::exchange::Answer;
use repute_lookup::message::{Data, Question};
use repute_lookup::resolve::{self, Missing};
use repute_lookup::subject::{Subject, target};

use super::options::Object;
use crate::plugin::clean_to;

/// What is looked up.
#[derive(Debug)]
pub(super) struct Checked {
    /// What it is called, without a name in brackets.
    pub(super) name: String,
    /// The address, if it is one.
    pub(super) address: Option<IpAddr>,
    /// What is asked about.
    pub(super) targets: Vec<Target>,
}

/// Finds out what is looked up; hosts are asked of the resolvers.
pub(super) fn find(
    object: &Object,
    resolvers: &[SocketAddr],
    patience: Duration,
) -> Result<Checked, ObjectError> {
    match object {
        Object::Host(text) => host(text, resolvers, patience),
        Object::Url(text) => url(text),
    }
}

/// Of `-H`: an address, or a host with all its addresses.
fn host(text: &str, resolvers: &[SocketAddr], patience: Duration) -> Result<Checked, ObjectError> {
    let name = text.strip_suffix('.').unwrap_or(text);
    let wrong = || ObjectError::Host(clean_to(text, LONGEST_SHOWN));
    // What the parser would take apart is no host.
    if name.contains(['/', '@', '[']) {
        return Err(wrong());
    }
    let subject: Subject = name.parse().map_err(|_| wrong())?;
    match &subject {
        Subject::Network(_) => Err(wrong()),
        Subject::Address(address) => Ok(Checked {
            name: name.to_owned(),
            address: Some(*address),
            targets: vec![target(*address)],
        }),
        Subject::Host(_) => {
            let found = resolve::addresses(std::slice::from_ref(&subject), resolvers, patience);
            let found = found.map_err(|error| ObjectError::Sockets(error.to_string()))?;
            let targets = found.into_iter().next().unwrap_or(Err(Missing::Answer));
            let targets = targets.map_err(|why| ObjectError::Unresolved(name.to_owned(), why))?;
            Ok(Checked { name: name.to_owned(), address: None, targets })
        }
    }
}

/// Of `-U`: the domain in it, or the address in a URL.
fn url(text: &str) -> Result<Checked, ObjectError> {
    let wrong = || ObjectError::Url(clean_to(text, LONGEST_SHOWN));
    // `spam.example/path` is a URL without its scheme.
    let bare = match text.contains("://") {
        true => text,
        false => text.split(['/', '?', '#']).next().unwrap_or(text),
    };
    let subject: Subject = bare.parse().map_err(|_| wrong())?;
    match subject {
        Subject::Network(_) => Err(wrong()),
        Subject::Address(address) => {
            let targets = vec![target(address)];
            Ok(Checked { name: address.to_string(), address: None, targets })
        }
        Subject::Host(name) => {
            let targets = vec![Target::Name(name.clone())];
            Ok(Checked { name: name.to_string(), address: None, targets })
        }
    }
}

/// Has the name of an address looked up while other things are done; whether there is one comes once.
pub(super) fn name_beside(
    address: IpAddr,
    resolvers: &[SocketAddr],
    patience: Duration,
) -> Receiver<Option<String>> {
    let (found, name) = mpsc::sync_channel(1);
    let resolvers = resolvers.to_vec();
    thread::spawn(move || {
        // Nobody may be waiting any more.
        drop(found.send(name_of(address, &resolvers, patience)));
    });
    name
}

/// The name of an address: that of /etc/hosts, or that of DNS.
fn name_of(address: IpAddr, resolvers: &[SocketAddr], patience: Duration) -> Option<String> {
    let hosts = fs::read_to_string("/etc/hosts").unwrap_or_default();
    if let Some(name) = name_in_hosts(&hosts, address) {
        return Some(name.to_owned()).filter(|name| is_host(name));
    }
    let target = target(address);
    let zone = match target {
        Target::Ipv4(_) => "in-addr.arpa",
        Target::Ipv6(_) | Target::Name(_) => "ip6.arpa",
    };
    let question = Question::below(&relative_name(&target), &zone.parse().ok()?, PTR)?;
    let answers = resolve::ask(resolvers, &[question], patience).ok()?;
    let Some(Answer::Reply(reply)) = answers.into_iter().next() else { return None };
    reply.records.iter().find_map(|data| match data {
        Data::Name(name) => Some(name.to_string()).filter(|name| is_host(name)),
        Data::Address(_) | Data::Text(_) | Data::Mx { .. } | Data::Soa { .. } => None,
    })
}

/// Whether a name is a host's, and so cannot be taken for another part of the line.
fn is_host(name: &str) -> bool {
    name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'))
}

/// The name of an address in a hosts file (hosts(5)).
fn name_in_hosts(text: &str, address: IpAddr) -> Option<&str> {
    text.lines().find_map(|line| {
        let mut words = line.split('#').next()?.split_whitespace();
        let is_this = words.next()?.parse() == Ok(address);
        words.next().filter(|_| is_this)
    })
}

/// Why nothing can be looked up.
#[derive(Debug, thiserror::Error)]
pub(super) enum ObjectError {
    /// It is no address and no host.
    #[error("--host {0}: neither an address nor a host name; a domain or URL goes behind --url")]
    Host(String),
    /// There is no domain in it.
    #[error("--url {0}: no domain in it")]
    Url(String),
    /// The host has no address.
    #[error("Cannot resolve {0}")]
    Unresolved(String, Missing),
    /// No resolver can be asked.
    #[error("no more sockets: {0}")]
    Sockets(String),
}

/// Characters of a text that are shown: a name in DNS.
const LONGEST_SHOWN: usize = 255;
/// The type of names of addresses (RFC 1035).
const PTR: u16 = 12;

#[cfg(test)]
mod tests {
    use super::*;

    /// What is looked up for a URL, or why nothing.
    fn read(object: &Object) -> String {
        match find(object, &[], Duration::ZERO) {
            Ok(checked) => {
                let targets: Vec<_> = checked.targets.iter().map(ToString::to_string).collect();
                format!("{}: {}", checked.name, targets.join(" "))
            }
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn of_a_url_the_domain_is_looked_up() {
        for (url, found) in [
            ("spam.example", "spam.example: spam.example"),
            ("Spam.Example.", "spam.example: spam.example"),
            ("http://x.example:80/y?z", "x.example: x.example"),
            ("x.example/y", "x.example: x.example"),
            ("somebody@x.example", "x.example: x.example"),
            ("http://192.0.2.1/y", "192.0.2.1: 192.0.2.1"),
            ("192.0.2.1", "192.0.2.1: 192.0.2.1"),
            ("http://", "--url http://: no domain in it"),
            ("bad domain!", "--url bad domain!: no domain in it"),
        ] {
            assert_eq!(read(&Object::Url(url.into())), found, "{url}");
        }
    }

    #[test]
    fn a_host_is_an_address_or_a_name() {
        for (host, found) in [
            ("192.0.2.1", "192.0.2.1: 192.0.2.1"),
            ("2001:DB8::1", "2001:DB8::1: 2001:db8::1"),
            ("::ffff:192.0.2.1", "::ffff:192.0.2.1: 192.0.2.1"),
            ("mail.example.", "Cannot resolve mail.example"),
        ] {
            assert_eq!(read(&Object::Host(host.into())), found, "{host}");
        }
        for wrong in
            ["bad_host!", "192.0.2.300", "192.0.2.0/24", "http://x.example", "a@x.example", "."]
        {
            let found = read(&Object::Host(wrong.into()));
            assert!(found.starts_with("--host ") && found.contains("neither"), "{found}");
        }
    }

    #[test]
    fn a_name_that_is_no_hosts_is_not_shown() {
        assert!(is_host("mail-1.example") && is_host("_x.example"));
        for name in ["x) BLACKLISTED on 0 servers of 1 (", "a|b.example", "a\\032b.example", "a\nb"]
        {
            assert!(!is_host(name), "{name}");
        }
    }

    #[test]
    fn the_first_name_in_a_hosts_file_counts() {
        let hosts = "# 192.0.2.1 wrong\n127.0.0.1\tlocalhost lo\n192.0.2.1 # none\n\
                     192.0.2.1 mail.example mail # ours\n::1 ip6-localhost\n";
        let name = |address: &str| name_in_hosts(hosts, address.parse().expect("an address"));
        assert_eq!(name("127.0.0.1"), Some("localhost"));
        assert_eq!(name("192.0.2.1"), Some("mail.example"));
        assert_eq!(name("::1"), Some("ip6-localhost"));
        assert_eq!(name("192.0.2.2"), None);
    }
}

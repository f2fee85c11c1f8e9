//! A zone's own servers, found by way of resolvers.
//!
//! A list may be asked at its own servers: no cache between, no resolver that rewrites, and a list that blocks
//! public resolvers answers. Its name need not be a zone of its own: what stands in a larger zone is served by
//! that one's servers, which the denial of the name's NS records names (RFC 2308 section 2.2).
//!
//! Not here: asking those servers.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use repute_dnsxl::Name;

use crate::exchange::Answer;
use crate::message::{Data, Question, Reply};
use crate::resolve;

/// Who serves a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authority {
    /// The zone it stands in: the name itself, or one above it.
    pub apex: Name,
    /// The zone's name servers, in the order of their names.
    pub hosts: Vec<Host>,
}

/// A name server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    /// Its name.
    pub name: Name,
    /// Its addresses, IPv4 first; none if nothing answers for the name.
    pub addresses: Vec<IpAddr>,
}

impl Authority {
    /// All addresses of all servers, each once, with the port of DNS.
    pub fn servers(&self) -> Vec<SocketAddr> {
        let mut found: Vec<SocketAddr> = Vec::new();
        for address in self.hosts.iter().flat_map(|host| &host.addresses) {
            let server = SocketAddr::new(*address, PORT);
            if !found.contains(&server) {
                found.push(server);
            }
        }
        found
    }
}

/// Why a zone's servers are not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuthorityError {
    /// The resolvers said nothing of use.
    #[error("no resolver says who serves it: its servers are dead, or the resolver is")]
    NoAnswer,
    /// There is no such name.
    #[error("there is no such zone: a typing error, or it is gone")]
    NoSuchZone,
    /// It has no name servers, or those have no addresses.
    #[error("it has no name servers with addresses")]
    NoServers,
}

/// Finds the servers of many names at once; what is found of each stands in the order of the names.
///
/// # Errors
/// If there are no sockets to be had.
pub fn servers(
    zones: &[Name],
    resolvers: &[SocketAddr],
    timeout: Duration,
) -> io::Result<Vec<Result<Authority, AuthorityError>>> {
    let ask = |names: &[Name], rtype| {
        let questions: Vec<Question> = names.iter().map(|n| Question::new(n, rtype)).collect();
        match questions.is_empty() {
            true => Ok(Vec::new()),
            false => resolve::ask(resolvers, &questions, timeout),
        }
    };
    let mut found: Vec<Result<(Name, Vec<Name>), Step>> = zones
        .iter()
        .zip(ask(zones, NS)?)
        .map(|(zone, answer)| name_servers(zone, &answer))
        .collect();
    // What stands in a larger zone, in a second round.
    let above: Vec<Name> = found.iter().filter_map(|found| found.as_ref().err()?.above()).collect();
    let mut answers = above.iter().zip(ask(&above, NS)?);
    for found in &mut found {
        if let Err(Step::Above(_)) = found
            && let Some((apex, answer)) = answers.next()
        {
            *found = name_servers(apex, &answer);
        }
    }

    let mut hosts: Vec<Name> =
        found.iter().flatten().flat_map(|(_, names)| names.clone()).collect();
    hosts.sort();
    hosts.dedup();
    let twice: Vec<Question> =
        hosts.iter().flat_map(|host| [A, AAAA].map(|rtype| Question::new(host, rtype))).collect();
    let answers = match twice.is_empty() {
        true => Vec::new(),
        false => resolve::ask(resolvers, &twice, timeout)?,
    };
    let known: HashMap<&Name, Vec<IpAddr>> =
        hosts.iter().zip(answers.chunks(2)).map(|(host, two)| (host, addresses(two))).collect();
    let authority = |(apex, names): (Name, Vec<Name>)| {
        let addresses = |name: &Name| known.get(name).cloned().unwrap_or_default();
        let hosts: Vec<Host> =
            names.into_iter().map(|name| Host { addresses: addresses(&name), name }).collect();
        match hosts.iter().all(|host| host.addresses.is_empty()) {
            true => Err(AuthorityError::NoServers),
            false => Ok(Authority { apex, hosts }),
        }
    };
    Ok(found.into_iter().map(|found| found.map_err(Step::end).and_then(authority)).collect())
}

/// Where the search for a name's servers goes on, or ends.
enum Step {
    /// At the zone it stands in.
    Above(Name),
    /// Nowhere.
    End(AuthorityError),
}

impl Step {
    /// The zone it stands in.
    fn above(&self) -> Option<Name> {
        match self {
            Step::Above(apex) => Some(apex.clone()),
            Step::End(_) => None,
        }
    }

    /// What is said if the search ends here.
    fn end(self) -> AuthorityError {
        match self {
            // The zone above denies its own servers as well.
            Step::Above(_) => AuthorityError::NoServers,
            Step::End(error) => error,
        }
    }
}

/// The names of a zone's servers, from the answer to a question for them.
fn name_servers(zone: &Name, answer: &Answer) -> Result<(Name, Vec<Name>), Step> {
    let reply = match answer {
        Answer::Reply(reply) if reply.rcode == NXDOMAIN => {
            return Err(Step::End(AuthorityError::NoSuchZone));
        }
        Answer::Reply(reply) if reply.rcode == 0 => reply,
        Answer::Reply(_) | Answer::TimedOut | Answer::Unreachable | Answer::Malformed => {
            return Err(Step::End(AuthorityError::NoAnswer));
        }
    };
    let mut names: Vec<Name> = names(reply).cloned().collect();
    names.sort();
    names.dedup();
    names.truncate(MOST_HOSTS);
    if !names.is_empty() {
        return Ok((zone.clone(), names));
    }
    let above = reply.denied_by.as_ref().map(|denial| &denial.zone);
    // The root and what stands directly below it are no operator's zone.
    let is_above = |apex: &&Name| zone != *apex && zone.is_within(apex) && apex.label_count() > 1;
    Err(above
        .filter(is_above)
        .map_or(Step::End(AuthorityError::NoServers), |apex| Step::Above(apex.clone())))
}

/// The names in a reply.
fn names(reply: &Reply) -> impl Iterator<Item = &Name> {
    reply.records.iter().filter_map(|data| match data {
        Data::Name(name) => Some(name),
        Data::Address(_) | Data::Text(_) | Data::Mx { .. } | Data::Soa { .. } => None,
    })
}

/// The addresses in two answers, those of IPv4 first.
fn addresses(answers: &[Answer]) -> Vec<IpAddr> {
    let replies = answers.iter().filter_map(|answer| match answer {
        Answer::Reply(reply) => Some(reply),
        Answer::TimedOut | Answer::Unreachable | Answer::Malformed => None,
    });
    let all = replies.flat_map(|reply| &reply.records).filter_map(|data| match data {
        Data::Address(address) => Some(*address),
        Data::Text(_) | Data::Name(_) | Data::Mx { .. } | Data::Soa { .. } => None,
    });
    all.take(MOST_ADDRESSES).collect()
}

/// The type of IPv4 addresses.
const A: u16 = 1;
/// The type of name servers.
const NS: u16 = 2;
/// The type of IPv6 addresses.
const AAAA: u16 = 28;
/// There is no such name.
const NXDOMAIN: u16 = 3;
/// DNS (RFC 1035 section 4.2).
const PORT: u16 = 53;
/// Most servers of a zone that are looked for: the root has 13, and a reply holds some hundred.
const MOST_HOSTS: usize = 16;
/// Most addresses of a server.
const MOST_ADDRESSES: usize = 8;

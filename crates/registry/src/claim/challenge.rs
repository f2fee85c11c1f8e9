//! The challenge in a domain's DNS: a TXT record that only who runs the zone can put there, looked for at the
//! zone's own servers, so that no cache and no forger between them and us has a say.
//!
//! Several servers are asked and all that answer must have it: one that was taken over, or that the zone left
//! behind, proves nothing. A server that is silent proves nothing either, but does no harm beside two that answer.
//!
//! Not here: what follows from it (`standing`).

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use repute_dnsxl::Name;
use repute_lookup::authority::{self, Authority};
use repute_lookup::exchange::{Answer, Exchange, Limits};
use repute_lookup::message::{Manner, Question};
use repute_lookup::sockets::Sockets;

use crate::reserved;

/// How challenges are looked for.
#[derive(Clone, Debug)]
pub struct Look {
    /// The label before the domain: `_repute-challenge`.
    pub label: String,
    /// The resolvers by which the zone's servers are found.
    pub resolvers: Vec<SocketAddr>,
    /// How long an answer is waited for.
    pub timeout: Duration,
    /// Which servers are asked.
    pub reach: Reach,
}

/// Which servers are asked. Whoever claims a domain names its servers, and may name some of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Those on the public network, at the port of DNS.
    Public,
    /// All, at a port: for networks that are closed to others.
    Everywhere {
        /// The port.
        port: u16,
    },
}

/// What a server said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// These texts, as one that knows the zone.
    Texts(Vec<String>),
    /// Something, but not as one that knows the zone, or with an error.
    Nonsense,
    /// Nothing.
    Silence,
}

/// What a look for a challenge found.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// A server that knows the zone does not have it.
    #[error("{server} has no TXT record `{wanted}` at {name}{other}", other = other(.found))]
    Missing {
        /// The server.
        server: IpAddr,
        /// Where it should be.
        name: String,
        /// What it should say.
        wanted: String,
        /// Another text that stands there.
        found: Option<String>,
    },
    /// Too few servers answer to tell.
    #[error(
        "{answered} of {asked} servers of {domain} answer as servers of the zone: try again later"
    )]
    Unclear {
        /// The domain.
        domain: String,
        /// How many said what they know.
        answered: usize,
        /// How many were asked.
        asked: usize,
    },
    /// The zone's servers are not known.
    #[error("the name servers of {domain} cannot be found: {why}")]
    NoServers {
        /// The domain.
        domain: String,
        /// Why.
        why: String,
    },
}

impl Look {
    /// The name that the record stands at.
    ///
    /// # Errors
    /// If that is longer than a name may be.
    pub fn name(&self, domain: &Name) -> Result<Name, Fault> {
        format!("{}.{domain}", self.label).parse().map_err(|_| Fault::NoServers {
            domain: domain.to_string(),
            why: "the name of the record would be too long".to_owned(),
        })
    }

    /// Looks for a token in a domain's DNS; how many servers have it. Blocks, for a few times the timeout.
    ///
    /// # Errors
    /// If there are no sockets to be had.
    pub fn run(&self, domain: &Name, token: &str) -> io::Result<Result<usize, Fault>> {
        let name = match self.name(domain) {
            Ok(name) => name,
            Err(fault) => return Ok(Err(fault)),
        };
        let found =
            authority::servers(std::slice::from_ref(domain), &self.resolvers, self.timeout)?;
        let servers = match found.first() {
            Some(Ok(authority)) => self.servers(authority),
            Some(Err(error)) => {
                let (domain, why) = (domain.to_string(), error.to_string());
                return Ok(Err(Fault::NoServers { domain, why }));
            }
            None => Vec::new(),
        };
        let said = ask(&servers, &name, self.timeout)?;
        let said: Vec<(IpAddr, Said)> = servers.iter().map(SocketAddr::ip).zip(said).collect();
        Ok(judge(domain, &name, token, &said))
    }

    /// The servers that are asked: one of each host before a second one of any.
    fn servers(&self, authority: &Authority) -> Vec<SocketAddr> {
        let most = authority.hosts.iter().map(|host| host.addresses.len()).max().unwrap_or(0);
        let mut servers: Vec<SocketAddr> = Vec::new();
        for place in 0..most {
            for host in &authority.hosts {
                let Some(address) = host.addresses.get(place) else { continue };
                let server = match self.reach {
                    Reach::Public if reserved::is_reserved(*address) => continue,
                    Reach::Public => SocketAddr::new(*address, PORT),
                    Reach::Everywhere { port } => SocketAddr::new(*address, port),
                };
                if !servers.contains(&server) {
                    servers.push(server);
                }
            }
        }
        servers.truncate(MOST_SERVERS);
        servers
    }
}

/// Says what answers are worth: how many servers have the token.
///
/// # Errors
/// If one that knows the zone does not have it, or too few answer.
pub fn judge(
    domain: &Name,
    name: &Name,
    token: &str,
    said: &[(IpAddr, Said)],
) -> Result<usize, Fault> {
    let wanted = text(token);
    let mut answered = 0;
    for (server, said) in said {
        let Said::Texts(texts) = said else { continue };
        answered += 1;
        let has = |found: &String| found.trim().eq_ignore_ascii_case(&wanted);
        if !texts.iter().any(has) {
            let found = texts.first().map(|text| text.chars().take(SHOWN).collect());
            return Err(Fault::Missing { server: *server, name: name.to_string(), wanted, found });
        }
    }
    match answered >= ENOUGH || (answered > 0 && answered == said.len()) {
        true => Ok(answered),
        false => Err(Fault::Unclear { domain: domain.to_string(), answered, asked: said.len() }),
    }
}

/// The text of the record.
pub fn text(token: &str) -> String {
    format!("token={token}")
}

/// Asks each server for the texts at a name.
fn ask(servers: &[SocketAddr], name: &Name, timeout: Duration) -> io::Result<Vec<Said>> {
    let mut exchange: Exchange<usize> = Exchange::new(Limits { timeout, ..Limits::default() });
    let mut sockets = Sockets::new()?;
    let manner = Manner { recursion: false, edns: Some(1232), mixed_case: true };
    let mut said = vec![Said::Silence; servers.len()];
    let now = std::time::Instant::now();
    for (place, server) in servers.iter().enumerate() {
        if let Ok(number) = sockets.add_server(&mut exchange, *server, manner, 1) {
            exchange.ask(number, Question::new(name, TXT), place, now);
        }
    }
    while !exchange.is_empty() || exchange.has_answers() {
        while let Some((place, answer)) = exchange.next_answer() {
            said[place] = match answer {
                // That there is no such name is an answer of one that knows.
                Answer::Reply(reply) if reply.authoritative && matches!(reply.rcode, 0 | 3) => {
                    Said::Texts(reply.texts().map(str::to_owned).collect())
                }
                Answer::Reply(_) | Answer::Malformed => Said::Nonsense,
                Answer::TimedOut | Answer::Unreachable => Said::Silence,
            };
        }
        if !exchange.is_empty() {
            sockets.turn(&mut exchange, std::time::Instant::now() + timeout)?;
        }
    }
    Ok(said)
}

/// What stands there instead, in words.
fn other(found: &Option<String>) -> String {
    found.as_ref().map_or_else(String::new, |text| format!(", but `{}`", text.escape_debug()))
}

/// The type of texts.
const TXT: u16 = 16;
/// DNS (RFC 1035 section 4.2).
const PORT: u16 = 53;
/// Most servers of a zone that are asked.
const MOST_SERVERS: usize = 8;
/// So many servers that answer make up for others that do not.
const ENOUGH: usize = 2;
/// Characters of somebody else's text that are shown.
const SHOWN: usize = 100;

#[cfg(test)]
mod tests {
    use super::*;

    /// What servers said, in a letter each: with the token, without it, nonsense, silence.
    fn check(letters: &str, expected: Result<usize, &str>) {
        let said: Vec<(IpAddr, Said)> = letters
            .bytes()
            .zip(1..)
            .map(|(letter, number)| {
                let said = match letter {
                    b't' => Said::Texts(vec!["v=spf1 -all".into(), " TOKEN=abc".into()]),
                    b'o' => Said::Texts(vec!["token=abd\u{7}".into()]),
                    b'n' => Said::Texts(Vec::new()),
                    b'x' => Said::Nonsense,
                    _ => Said::Silence,
                };
                (IpAddr::from([192, 0, 2, number]), said)
            })
            .collect();
        let (domain, name) = ("x.example", "_c.x.example");
        let (domain, name) = (domain.parse().expect("a name"), name.parse().expect("a name"));
        let judged = judge(&domain, &name, "abc", &said).map_err(|fault| fault.to_string());
        assert_eq!(judged, expected.map_err(str::to_owned), "{letters}");
    }

    #[test]
    fn all_servers_that_answer_must_have_it_and_one_of_several_is_not_enough() {
        check("t", Ok(1));
        check("tt", Ok(2));
        check("tt-x", Ok(2));
        check("ttt", Ok(3));
        let missing = "192.0.2.2 has no TXT record `token=abc` at _c.x.example";
        check("tnt", Err(missing));
        check("to", Err(&format!("{missing}, but `token=abd\\u{{7}}`")));
        let unclear = |words: &str| {
            format!("{words} servers of x.example answer as servers of the zone: try again later")
        };
        check("t-", Err(&unclear("1 of 2")));
        check("t-x", Err(&unclear("1 of 3")));
        check("xx", Err(&unclear("0 of 2")));
        check("", Err(&unclear("0 of 0")));
    }
}

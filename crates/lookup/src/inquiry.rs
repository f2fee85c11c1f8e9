//! One inquiry: lists asked about targets, with all that it takes: sockets, what was learned of the lists
//! before, and what is still fresh of their answers.
//!
//! The rim of this crate: here are sockets and the clock. What is asked in which order is [`crate::survey`]'s,
//! what an answer is worth [`crate::verdict`]'s.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use repute_dnsxl::Target;

use crate::cache::Cache;
use crate::exchange::{Exchange, Limits, MOST_SENDS};
use crate::health::Memory;
use crate::list::{List, PUBLIC_RATE};
use crate::message::Manner;
use crate::sockets::Sockets;
use crate::survey::{Asked, Experience, Report, Survey};

/// A list, and at which servers it is asked.
#[derive(Clone, Debug, PartialEq)]
pub struct ListAt {
    /// The list.
    pub list: List,
    /// Its own servers, asked one after the other until one answers; none to ask by way of the resolvers.
    pub servers: Vec<SocketAddr>,
}

/// What is asked, and how.
#[derive(Clone, Debug)]
pub struct Inquiry {
    /// The lists; the verdicts of each report are in this order.
    pub lists: Vec<ListAt>,
    /// The resolvers for lists without servers of their own; what one does not answer the next one is asked.
    pub resolvers: Vec<SocketAddr>,
    /// How long a list may take.
    pub timeout: Duration,
    /// How long all of it may take; what is not answered then is unknown. None for as long as it takes.
    pub limit: Option<Duration>,
    /// How fast.
    pub rate: Rate,
}

/// How many queries a second a list is asked.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Rate {
    /// As it allows, [`PUBLIC_RATE`] if nothing is known; a list on this machine as fast as it answers.
    #[default]
    OfList,
    /// So many of every list.
    AtMost(f64),
    /// As fast as it answers.
    Unlimited,
}

/// How much is done for an answer, where less than usual is wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Effort {
    /// How often a query is sent at most; [`MOST_SENDS`] times, if nothing is said and for more than that.
    pub sends: Option<usize>,
    /// How many queries are on the way to a server at most, at least one.
    pub at_once: Option<usize>,
}

/// What is known before, and learned on the way.
#[derive(Debug, Default)]
pub struct Known {
    /// The health of lists.
    pub memory: Memory,
    /// Answers that are still fresh.
    pub cache: Cache,
}

/// What was learned besides the verdicts.
#[derive(Debug, Default)]
pub struct Findings {
    /// What became of each list, in the order of the inquiry.
    pub experiences: Vec<Experience>,
    /// An address that a resolver made up for a name that no zone has.
    pub rewrites: Option<Ipv4Addr>,
    /// Whether resolvers were asked, and none of them said anything at all.
    pub no_resolver: bool,
    /// Servers to which no socket can be opened, and why.
    pub unreachable: Vec<(SocketAddr, io::Error)>,
}

impl ListAt {
    /// Where it is asked, in words: the first server, or the first resolver.
    pub fn place(&self, resolvers: &[SocketAddr]) -> String {
        let address = self.servers.first().or(resolvers.first());
        address.map_or_else(String::new, SocketAddr::to_string)
    }

    /// Most queries a second; none for no limit. Only of a list of which all servers are on this machine there
    /// is nobody to be polite to.
    fn rate(&self, rate: Rate) -> Option<f64> {
        let is_here = |server: &SocketAddr| server.ip().is_loopback();
        match rate {
            Rate::Unlimited => None,
            Rate::AtMost(most) => Some(self.list.rate.map_or(most, |known| known.min(most))),
            Rate::OfList if !self.servers.is_empty() && self.servers.iter().all(is_here) => {
                self.list.rate
            }
            Rate::OfList => Some(self.list.rate.unwrap_or(PUBLIC_RATE)),
        }
    }
}

impl Inquiry {
    /// Asks about each target, and gives a report as soon as it and those before it are complete; `now` is in
    /// Unix seconds. What is learned of the lists is noted in `known`, however early `each` breaks off.
    ///
    /// # Errors
    /// If the system gives no more descriptors, or its poll fails. A server that cannot be reached is no error:
    /// its lists are unknown.
    pub fn run(
        &self,
        targets: impl Iterator<Item = Target>,
        known: &mut Known,
        now: u64,
        each: impl FnMut(Report) -> ControlFlow<()>,
    ) -> io::Result<Findings> {
        self.run_with(Effort::default(), targets, known, now, each)
    }

    /// The same with this much effort.
    ///
    /// # Errors
    /// As those of [`Self::run`].
    pub fn run_with(
        &self,
        effort: Effort,
        targets: impl Iterator<Item = Target>,
        known: &mut Known,
        now: u64,
        each: impl FnMut(Report) -> ControlFlow<()>,
    ) -> io::Result<Findings> {
        let at_once = effort.at_once.map_or(usize::MAX, |at_once| at_once.max(1));
        let most_sockets = SOCKETS.min(at_once);
        let limits = Limits {
            timeout: self.timeout,
            window: Limits::default().window.min(at_once / most_sockets),
            sends: effort.sends.map_or(MOST_SENDS, |sends| sends.clamp(1, MOST_SENDS)),
        };
        let mut exchange = Exchange::new(limits);
        let mut sockets = Sockets::new()?;
        let mut findings = Findings::default();
        let mut open = |address: SocketAddr, recursion: bool| {
            let manner = Manner { recursion, edns: Some(EDNS_SIZE), mixed_case: true };
            let count = match recursion || address.ip().is_loopback() {
                true => most_sockets,
                // A list of its own needs one window; hundreds of them are asked at once.
                false => 1,
            };
            match sockets.add_server(&mut exchange, address, manner, count) {
                Ok(server) => Some(server),
                Err(error) => {
                    findings.unreachable.push((address, error));
                    None
                }
            }
        };
        let needs_resolver = self.lists.iter().any(|list| list.servers.is_empty());
        let resolvers = self.resolvers.iter().filter(|_| needs_resolver);
        let resolving: Vec<usize> = resolvers.filter_map(|at| open(*at, true)).collect();
        let mut opened: Vec<(SocketAddr, Option<usize>)> = Vec::new();
        let asked: Vec<Asked> = self
            .lists
            .iter()
            .map(|at| {
                let own = at.servers.iter().filter_map(|address| {
                    let place = opened.iter().position(|(known, _)| known == address);
                    let place = place.unwrap_or_else(|| {
                        opened.push((*address, open(*address, false)));
                        opened.len() - 1
                    });
                    opened[place].1
                });
                let servers = match at.servers.is_empty() {
                    true => resolving.clone(),
                    false => own.collect(),
                };
                let place = at.place(&self.resolvers);
                Asked {
                    servers,
                    rate: at.rate(self.rate),
                    evidence: known.memory.evidence(&at.list.zone, &place, now),
                    doubtful: known.memory.is_doubtful(&at.list.zone, &place, now),
                    list: at.list.clone(),
                    place,
                }
            })
            .collect();
        let started = Instant::now();
        let mut survey =
            Survey::new(asked, targets, &resolving, &mut known.cache, self.timeout, started);
        if let Some(limit) = self.limit {
            survey.end_at(started + limit);
        }
        let ran = sockets.run(&mut survey, &mut exchange, each);
        findings.rewrites = survey.rewrites();
        findings.no_resolver =
            needs_resolver && !resolving.iter().any(|server| exchange.has_answered(*server));
        findings.experiences = survey.into_experiences();
        for (at, experience) in self.lists.iter().zip(&findings.experiences) {
            // What a resolver made up says nothing of the list.
            let is_own = findings.rewrites.is_none() || !at.servers.is_empty();
            let experience =
                &Experience { tested: experience.tested && is_own, ..experience.clone() };
            known.memory.note(&at.list.zone, &at.place(&self.resolvers), experience, now);
        }
        ran.map(|()| findings)
    }
}

/// Sockets to each resolver, and to servers on this machine: as many windows of queries are on the way at once.
const SOCKETS: usize = 4;
/// The size of replies announced by EDNS: what passes everywhere in one piece (RFC 9715).
const EDNS_SIZE: u16 = 1232;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_lists_on_this_machine_have_no_limit() {
        let rate = |servers: &[&str], rate| {
            let servers = servers.iter().map(|s| s.parse().expect("an address")).collect();
            ListAt { list: List::new("bl.example".parse().expect("a name")), servers }.rate(rate)
        };
        assert_eq!(rate(&["127.0.0.1:5300"], Rate::OfList), None);
        assert_eq!(rate(&["127.0.0.1:53", "192.0.2.1:53"], Rate::OfList), Some(PUBLIC_RATE));
        assert_eq!(rate(&[], Rate::OfList), Some(PUBLIC_RATE));
        assert_eq!(rate(&[], Rate::AtMost(3.0)), Some(3.0));
        assert_eq!(rate(&[], Rate::Unlimited), None);
    }
}

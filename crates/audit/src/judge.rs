//! What was seen, held against the rules: a function from observations to findings.
//!
//! A rule is judged server by server, and the worst of them counts; what is said names the servers it is said
//! of, unless all are alike. A server that does not answer at all breaks one rule and not all of them.
//!
//! No sockets and no clock in here.

mod list;
mod names;
mod servers;
mod zone;

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};

use repute_dnsxl::ReturnCode;

use crate::grade::Grade;
use crate::observe::{Found, Observations, Server};
use crate::probe::{Key, Probe};
use crate::reply::{Heard, Reply};
use crate::rule::Rule;
use crate::{Asked, Audit, Finding, Kind, State};

/// Judges what was seen of a list.
pub fn judge(observations: &Observations) -> Audit {
    let case = Case::new(observations);
    let obstacle = case.obstacle();
    let findings: Vec<Finding> = Rule::ALL
        .into_iter()
        .map(|rule| {
            let Word { state, seen } = match &obstacle {
                Some(_) if case.living.is_empty() && rule != Rule::Answers => {
                    skip("no server answers")
                }
                Some(Obstacle { blocked: true, .. }) if is_about_entries(rule) => {
                    skip("the list does not answer us")
                }
                Some(_) | None => case.word(rule),
            };
            Finding { rule, state, seen }
        })
        .collect();
    Audit {
        zone: observations.zone.to_string(),
        servers: observations
            .servers
            .iter()
            .map(|server| Asked {
                address: server.address,
                name: server.name.as_ref().map(ToString::to_string),
                udp: answers(server, Probe::Start),
                tcp: answers(server, Probe::Tcp),
                serial: reply(server, Probe::Soa)
                    .and_then(|reply| Reply::soa(&reply.answers))
                    .map(|(_, soa)| soa.serial),
            })
            .collect(),
        grade: obstacle.is_none().then(|| Grade::of(&findings)),
        obstacle: obstacle.map(|obstacle| obstacle.why),
        findings,
    }
}

/// Why a list as a whole cannot be audited.
struct Obstacle {
    /// In words.
    why: String,
    /// It answers, but not to us.
    blocked: bool,
}

/// What is said of a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Word {
    state: State,
    seen: String,
}

/// It is kept.
fn pass(seen: impl Into<String>) -> Word {
    Word { state: State::Pass, seen: seen.into() }
}

/// It is not, and should be.
fn warn(seen: impl Into<String>) -> Word {
    Word { state: State::Warn, seen: seen.into() }
}

/// It is not, and must be.
fn fail(seen: impl Into<String>) -> Word {
    Word { state: State::Fail, seen: seen.into() }
}

/// It cannot be told.
fn skip(seen: impl Into<String>) -> Word {
    Word { state: State::Skipped, seen: seen.into() }
}

/// Observations, with what follows from them for many rules.
struct Case<'o> {
    seen: &'o Observations,
    /// The servers that answer.
    living: Vec<&'o Server>,
    /// What the list lists.
    keys: Vec<Key>,
}

impl<'o> Case<'o> {
    /// What follows from observations.
    fn new(seen: &'o Observations) -> Case<'o> {
        let answers = |server: &&Server| {
            matches!(server.heard.get(&Probe::Start), Some(Heard::Reply(_) | Heard::Malformed))
        };
        let living: Vec<&Server> = seen.servers.iter().filter(answers).collect();
        let has = |key| living.iter().any(|server| !codes(server, Probe::Listed(key)).is_empty());
        let found = |keys: &[Key]| keys.iter().copied().filter(|key| has(*key)).collect();
        let keys = match seen.kind {
            Some(Kind::Addresses) => [vec![Key::Ipv4], found(&[Key::Ipv6])].concat(),
            Some(Kind::Ipv6) => vec![Key::Ipv6],
            Some(Kind::Names) => vec![Key::Name],
            None => found(&Key::ALL),
        };
        Case { seen, living, keys }
    }

    /// Why the list cannot be audited, if so.
    fn obstacle(&self) -> Option<Obstacle> {
        if let Found::Not(error) = &self.seen.found {
            return Some(Obstacle { why: error.to_string(), blocked: false });
        }
        if self.living.is_empty() {
            let is_far =
                |server: &Server| matches!(server.heard.get(&Probe::Start), Some(Heard::NoRoute));
            let why = match self.seen.servers.iter().all(is_far) {
                true => "this machine has no way to its servers",
                false => "none of its servers answers",
            };
            return Some(Obstacle { why: why.to_owned(), blocked: false });
        }
        let why = |server: &&Server| {
            let said = Key::ALL.into_iter().flat_map(|key| codes(server, Probe::Listed(key)));
            let code = said.chain(codes(server, Probe::Invented)).find(|code| {
                // Spamhaus' convention, and what URIBL and SURBL answer.
                matches!(code.octets(), [127, 255, 255, _] | [127, 0, 0, 1])
                    || self.seen.errors.iter().any(|set| set.contains(ReturnCode(*code)))
            });
            if let Some(code) = code {
                return Some(format!("it answers {code}: it does not answer us, or not any more"));
            }
            let start = reply(server, Probe::Start)?;
            let tests = Key::ALL.map(|key| reply(server, Probe::Listed(key)).map(|r| r.rcode));
            let all = |is: fn(u16) -> bool| {
                is(start.rcode) && tests.iter().flatten().all(|code| is(*code))
            };
            match () {
                () if all(|code| !is_told(code)) => {
                    Some(format!("its servers do not answer for it ({})", rcode(start.rcode)))
                }
                () if all(|code| code == NXDOMAIN) => {
                    Some("its servers say that there is no such name (NXDOMAIN)".to_owned())
                }
                () => None,
            }
        };
        let all: Option<Vec<String>> = self.living.iter().map(why).collect();
        all.and_then(|all| all.into_iter().next()).map(|why| Obstacle { why, blocked: true })
    }

    /// What is said of a rule.
    fn word(&self, rule: Rule) -> Word {
        match rule {
            Rule::TestIpv4 => self.test_entry(Key::Ipv4),
            Rule::NeverIpv4 => self.never(Key::Ipv4),
            Rule::TestIpv6 => self.test_entry(Key::Ipv6),
            Rule::NeverIpv6 => self.never(Key::Ipv6),
            Rule::TestName => self.test_entry(Key::Name),
            Rule::NeverName => self.never(Key::Name),
            Rule::Codes => self.codes(),
            Rule::Wildcard => self.wildcard(),
            Rule::World => self.world(),
            Rule::Text => self.text(),
            Rule::ListingTtl => self.listing_ttl(),
            Rule::Subdomain => self.subdomain(),
            Rule::EmptyNonTerminal => self.empty_non_terminal(),
            Rule::BelowDenied => self.below_denied(),
            Rule::OtherTypes => self.other_types(),
            Rule::LetterCase => self.letter_case(),
            Rule::DenialSoa => self.denial_soa(),
            Rule::NegativeTtl => self.negative_ttl(),
            Rule::Soa => self.soa(),
            Rule::SoaNames => self.soa_names(),
            Rule::SoaSerial => self.soa_serial(),
            Rule::SoaTimers => self.soa_timers(),
            Rule::NsRecords => self.ns_records(),
            Rule::Delegation => self.delegation(),
            Rule::TwoServers => self.two_servers(),
            Rule::TwoNetworks => self.two_networks(),
            Rule::Ipv4 => self.family("IPv4", IpAddr::is_ipv4),
            Rule::Ipv6 => self.family("IPv6", IpAddr::is_ipv6),
            Rule::SerialsInStep => self.serials_in_step(),
            Rule::SameAnswers => self.same_answers(),
            Rule::Answers => self.answers(),
            Rule::Authoritative => self.authoritative(),
            Rule::Tcp => self.tcp(),
            Rule::Recursion => self.recursion(),
            Rule::UnknownType => self.unknown_type(),
            Rule::HeaderBits => self.header_bits(),
            Rule::UnknownOpcode => self.unknown_opcode(),
            Rule::Edns => self.edns(),
            Rule::EdnsVersion => self.edns_version(),
            Rule::EdnsOption => self.edns_option(),
            Rule::EdnsFlags => self.edns_flags(),
            Rule::EdnsDo => self.edns_do(),
        }
    }

    /// The worst of what is said of each server that answers.
    fn each(&self, word: impl Fn(&Server) -> Word) -> Word {
        worst(&self.living.iter().map(|server| (*server, word(server))).collect::<Vec<_>>())
    }

    /// The worst of what is said of each server and each kind of key the list has.
    fn each_key(&self, word: impl Fn(&Server, Key) -> Word) -> Word {
        if self.keys.is_empty() {
            return skip("no test entry says what it lists");
        }
        self.each(|server| {
            let words = self.keys.iter().map(|key| word(server, *key));
            let words: Vec<Word> = words.collect();
            let state = words.iter().map(|word| word.state).max().unwrap_or(State::Skipped);
            Word { state, seen: join(words.iter().filter(|w| w.state == state).map(|w| &*w.seen)) }
        })
    }
}

/// Rules that cannot be judged of a list that does not answer us.
fn is_about_entries(rule: Rule) -> bool {
    matches!(
        rule,
        Rule::TestIpv4
            | Rule::NeverIpv4
            | Rule::TestIpv6
            | Rule::NeverIpv6
            | Rule::TestName
            | Rule::NeverName
            | Rule::Codes
            | Rule::Wildcard
            | Rule::World
            | Rule::Text
            | Rule::ListingTtl
            | Rule::EmptyNonTerminal
            | Rule::BelowDenied
            | Rule::OtherTypes
            | Rule::SameAnswers
    )
}

/// The worst of what is said of some servers, in words that name them unless all are alike.
fn worst(words: &[(&Server, Word)]) -> Word {
    let Some(state) = words.iter().map(|(_, word)| word.state).max() else {
        return skip("no server answers");
    };
    let told = words.iter().filter(|(_, word)| word.state != State::Skipped).count();
    let mut groups: Vec<(&str, Vec<String>)> = Vec::new();
    for (server, word) in words.iter().filter(|(_, word)| word.state == state) {
        match groups.iter_mut().find(|(seen, _)| *seen == word.seen) {
            Some((_, servers)) => servers.push(label(server)),
            None => groups.push((&word.seen, vec![label(server)])),
        }
    }
    let are_alike = groups.len() == 1 && (groups[0].1.len() == told || state == State::Skipped);
    let seen = match are_alike {
        true => groups[0].0.to_owned(),
        false => {
            let say =
                |(seen, servers): &(&str, Vec<String>)| format!("{}: {seen}", servers.join(", "));
            groups.iter().map(say).collect::<Vec<_>>().join("; ")
        }
    };
    Word { state, seen }
}

/// A server in words.
fn label(server: &Server) -> String {
    match server.address.port() {
        53 => server.address.ip().to_string(),
        _ => server.address.to_string(),
    }
}

/// Different texts, each once.
fn join<'t>(texts: impl Iterator<Item = &'t str>) -> String {
    let mut seen = BTreeSet::new();
    texts.filter(|text| seen.insert(*text)).collect::<Vec<_>>().join(", ")
}

/// What a server replied to a question.
fn reply(server: &Server, probe: Probe) -> Option<&Reply> {
    server.heard.get(&probe)?.reply()
}

/// Whether a server answers a question at all; nothing if it was not asked, or there is no way to it.
fn answers(server: &Server, probe: Probe) -> Option<bool> {
    match server.heard.get(&probe)? {
        Heard::Reply(_) | Heard::Malformed => Some(true),
        Heard::Silence | Heard::Unreachable => Some(false),
        Heard::NoRoute => None,
    }
}

/// The codes in what a server replied.
fn codes(server: &Server, probe: Probe) -> BTreeSet<Ipv4Addr> {
    reply(server, probe).map(Reply::codes).unwrap_or_default()
}

/// What a server replied to a question, or else what is to be said of its silence.
fn said(server: &Server, probe: Probe) -> Result<&Reply, Word> {
    match server.heard.get(&probe) {
        Some(Heard::Reply(reply)) => Ok(reply),
        Some(Heard::Malformed) => Err(fail("the reply cannot be read, or is to another question")),
        Some(Heard::Silence) => Err(fail("no reply")),
        Some(Heard::Unreachable) => Err(fail("nobody listens")),
        Some(Heard::NoRoute) => Err(skip("no way to it from here")),
        None => Err(skip("not asked")),
    }
}

/// Whether a response code tells what there is.
fn is_told(code: u16) -> bool {
    matches!(code, NOERROR | NXDOMAIN)
}

/// The name of a response code.
fn rcode(code: u16) -> String {
    repute_lookup::verdict::rcode_name(code)
}

/// Codes in words.
fn list(codes: &BTreeSet<Ipv4Addr>) -> String {
    let mut shown: Vec<String> = codes.iter().take(SHOWN).map(ToString::to_string).collect();
    if codes.len() > SHOWN {
        shown.push(format!("and {} more", codes.len() - SHOWN));
    }
    shown.join(", ")
}

/// There is such a name.
const NOERROR: u16 = 0;
/// There is none.
const NXDOMAIN: u16 = 3;
/// The server does not know this operation.
const NOTIMP: u16 = 4;
/// The server does not answer this.
const REFUSED: u16 = 5;
/// Most of things of a kind that are shown.
const SHOWN: usize = 4;
/// A day, in seconds.
const DAY: u32 = 86_400;

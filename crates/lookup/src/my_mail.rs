//! The addresses by which a domain takes and sends mail: those of its mail servers (MX, RFC 5321 section 5.1), and
//! those its SPF record names (RFC 7208), with where each comes from.
//!
//! [`Search`] knows no sockets: it says what to ask next and takes the answers. It follows strangers' records, so
//! what it follows has limits; RFC 7208's own limits are not those, as the addresses beyond them are somebody's all
//! the same: they are told as what they are, a record that receivers refuse.

mod spf;

use std::collections::HashSet;
use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use repute_dnsxl::{Ipv4Network, Ipv6Network, Name, Network};

use crate::exchange::Answer;
use crate::message::{Data, Question};
use crate::resolve;
use crate::subject::Subject;
use spf::{Around, Domain, Mechanism, Record, Term};

/// What was found of a domain.
#[derive(Clone, Debug, Default)]
pub struct Mail {
    /// Addresses and networks, each once.
    pub found: Vec<Found>,
    /// What else somebody should know.
    pub notes: Vec<Note>,
}

/// An address or network, and where it comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// What is to be checked.
    pub subject: Subject,
    /// Why; there may be several reasons.
    pub origins: Vec<Origin>,
}

/// Where an address comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A mail server.
    Mx(Name, u16),
    /// The domain itself, which has no MX.
    Itself(Name),
    /// The SPF record of a domain, which has the network or address itself.
    Spf(Name),
    /// A host that a term of the SPF record of a domain leads to.
    Term(String, Name),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Mx(host, preference) => write!(f, "{host}, MX {preference}"),
            Origin::Itself(domain) => write!(f, "{domain} itself, which has no MX"),
            Origin::Spf(domain) => write!(f, "SPF of {domain}"),
            Origin::Term(term, domain) => write!(f, "{term} in the SPF of {domain}"),
        }
    }
}

/// What else somebody should know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    /// There is no such domain.
    NoSuchDomain(Name),
    /// It takes no mail (RFC 7505).
    NullMx(Name),
    /// It has no SPF record.
    NoSpf(Name),
    /// It has several, which receivers take for none.
    SeveralSpf(Name),
    /// The host of this reason has no address.
    NoAddress(Name, Origin),
    /// A record has a term that is none.
    Faulty(String, Name),
    /// A term means other addresses for every mail, so they cannot be listed.
    NotListable(String, Name),
    /// A record includes itself by way of others.
    Circle(Name),
    /// Receivers look up ten times and no more.
    TooManyLookups(usize),
    /// Receivers bear two look-ups that find nothing.
    TooManyInVain(usize),
    /// No resolver says this of it.
    NoAnswer(&'static str, Name),
    /// The record leads further than is followed here.
    TooLong,
}

impl Note {
    /// Whether addresses may be missing for it.
    pub fn is_gap(&self) -> bool {
        match self {
            Note::NoSuchDomain(_) | Note::NoAnswer(..) | Note::TooLong => true,
            Note::NullMx(_)
            | Note::NoSpf(_)
            | Note::SeveralSpf(_)
            | Note::NoAddress(..)
            | Note::Faulty(..)
            | Note::NotListable(..)
            | Note::Circle(_)
            | Note::TooManyLookups(_)
            | Note::TooManyInVain(_) => false,
        }
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Note::NoSuchDomain(domain) => write!(f, "{domain}: no such domain"),
            Note::NullMx(domain) => write!(f, "{domain} takes no mail (null MX, RFC 7505)"),
            Note::NoSpf(domain) => write!(f, "{domain} has no SPF record"),
            Note::SeveralSpf(domain) => {
                write!(
                    f,
                    "{domain} has several SPF records: receivers take them for an error; all are looked at"
                )
            }
            Note::NoAddress(host, origin) => write!(f, "{host} ({origin}) has no address"),
            Note::Faulty(term, domain) => {
                write!(
                    f,
                    "`{term}` in the SPF of {domain} is none of its terms: receivers take it for an error"
                )
            }
            Note::NotListable(term, domain) => {
                write!(
                    f,
                    "`{term}` in the SPF of {domain} names other addresses for every mail: left out"
                )
            }
            Note::Circle(domain) => write!(f, "the SPF of {domain} includes itself"),
            Note::TooManyLookups(count) => {
                write!(
                    f,
                    "SPF needs {count} look-ups: receivers make {MOST_LOOKUPS} and take more for an error"
                )
            }
            Note::TooManyInVain(count) => {
                write!(f, "{count} look-ups of SPF find nothing: receivers bear {MOST_IN_VAIN}")
            }
            Note::NoAnswer(what, domain) => {
                write!(f, "no resolver says what the {what} of {domain} is")
            }
            Note::TooLong => {
                f.write_str("SPF leads further than is followed: the rest is left out")
            }
        }
    }
}

/// Finds the addresses of a domain's mail by way of resolvers. An answer may take so long, and all of it until then;
/// what is not known by that time is noted as not answered.
///
/// # Errors
/// If there are no sockets to be had.
pub fn find(
    domain: &Name,
    resolvers: &[SocketAddr],
    timeout: Duration,
    until: Instant,
) -> io::Result<Mail> {
    let mut search = Search::new(domain.clone());
    loop {
        let questions = search.questions();
        if questions.is_empty() {
            return Ok(search.end());
        }
        // What one resolver does not answer the next one is asked.
        let count = u32::try_from(resolvers.len().max(1)).unwrap_or(1);
        let left = until.saturating_duration_since(Instant::now()) / count;
        search.hear(&match left.is_zero() {
            true => vec![Answer::TimedOut; questions.len()],
            false => resolve::ask(resolvers, &questions, timeout.min(left))?,
        });
    }
}

/// A search under way.
#[derive(Debug)]
pub struct Search {
    mail: Mail,
    /// What is asked next.
    steps: Vec<Step>,
    /// How many steps were begun.
    begun: usize,
    /// Domains whose SPF records were taken.
    taken: HashSet<Name>,
    /// Look-ups that receivers count (RFC 7208 section 4.6.4).
    lookups: usize,
    /// Those of them that found nothing.
    in_vain: usize,
}

/// Something that is asked, and what it is for.
#[derive(Clone, Debug)]
enum Step {
    /// The mail servers of a domain; with a reason, those a term names.
    Mx(Name, Option<(Origin, Around)>),
    /// The addresses of a host; whether a term names it.
    Host(Name, Origin, Around),
    /// The SPF record of a domain, and by way of which others it is looked at.
    Spf(Name, Vec<Name>),
}

impl Search {
    /// Begins.
    pub fn new(domain: Name) -> Search {
        let steps = vec![Step::Mx(domain.clone(), None), Step::Spf(domain.clone(), Vec::new())];
        Search {
            mail: Mail::default(),
            steps,
            begun: 2,
            taken: HashSet::from([domain]),
            lookups: 0,
            in_vain: 0,
        }
    }

    /// What to ask next; nothing once all is known.
    pub fn questions(&self) -> Vec<Question> {
        let questions = self.steps.iter().flat_map(|step| match step {
            Step::Mx(domain, _) => vec![Question::new(domain, MX)],
            Step::Host(host, ..) => vec![Question::new(host, A), Question::new(host, AAAA)],
            Step::Spf(domain, _) => vec![Question::new(domain, TXT)],
        });
        questions.collect()
    }

    /// Takes the answers to [`Self::questions`], in their order.
    pub fn hear(&mut self, answers: &[Answer]) {
        let mut answers = answers.iter();
        for step in std::mem::take(&mut self.steps) {
            let first = answers.next();
            match step {
                Step::Mx(domain, reason) => self.hear_mx(domain, reason, first),
                Step::Host(host, origin, around) => {
                    self.hear_host(&host, &origin, around, [first, answers.next()]);
                }
                Step::Spf(domain, by_way_of) => self.hear_spf(&domain, by_way_of, first),
            }
        }
    }

    /// What was found.
    pub fn end(mut self) -> Mail {
        if self.lookups > MOST_LOOKUPS {
            self.note(Note::TooManyLookups(self.lookups));
        }
        if self.in_vain > MOST_IN_VAIN {
            self.note(Note::TooManyInVain(self.in_vain));
        }
        self.mail
    }

    /// Takes mail servers.
    fn hear_mx(&mut self, domain: Name, reason: Option<(Origin, Around)>, answer: Option<&Answer>) {
        let records = match said(answer) {
            Said::Records(records) => records,
            Said::NoSuchName if reason.is_none() => return self.note(Note::NoSuchDomain(domain)),
            Said::NoSuchName => &[],
            Said::Nothing => return self.note(Note::NoAnswer("MX", domain)),
        };
        let mut hosts: Vec<(u16, Name)> = records
            .iter()
            .filter_map(|data| match data {
                Data::Mx { preference, host } => Some((*preference, host.clone())),
                Data::Address(_) | Data::Text(_) | Data::Name(_) | Data::Soa { .. } => None,
            })
            .collect();
        hosts.sort();
        match reason {
            None if hosts.is_empty() => {
                self.begin(Step::Host(domain.clone(), Origin::Itself(domain), ALONE));
            }
            None if hosts.iter().all(|(_, host)| host.label_count() == 0) => {
                self.note(Note::NullMx(domain));
            }
            None => {
                for (preference, host) in hosts {
                    self.begin(Step::Host(host.clone(), Origin::Mx(host, preference), ALONE));
                }
            }
            // Other than for delivery, the domain itself is not taken (RFC 7208 section 5.4).
            Some(_) if hosts.is_empty() => self.in_vain += 1,
            Some((origin, around)) => {
                for (_, host) in hosts.into_iter().filter(|(_, host)| host.label_count() > 0) {
                    self.begin(Step::Host(host, origin.clone(), around));
                }
            }
        }
    }

    /// Takes addresses.
    fn hear_host(
        &mut self,
        host: &Name,
        origin: &Origin,
        around: Around,
        answers: [Option<&Answer>; 2],
    ) {
        let (mut found, mut is_told) = (Vec::new(), true);
        for answer in answers {
            match said(answer) {
                Said::Records(records) => {
                    found.extend(records.iter().filter_map(|data| match data {
                        Data::Address(address) => Some(*address),
                        Data::Text(_) | Data::Name(_) | Data::Mx { .. } | Data::Soa { .. } => None,
                    }));
                }
                Said::NoSuchName => {}
                Said::Nothing => is_told = false,
            }
        }
        if !is_told {
            self.note(Note::NoAnswer("address", host.clone()));
        } else if found.is_empty() {
            self.in_vain += usize::from(matches!(origin, Origin::Term(..)));
            self.note(Note::NoAddress(host.clone(), origin.clone()));
        }
        for address in found {
            let subject = match address.to_canonical() {
                IpAddr::V4(a) if around.v4 < 32 => {
                    Subject::Network(Network::V4(Ipv4Network::around(a, around.v4)))
                }
                IpAddr::V6(a) if around.v6 < 128 => {
                    Subject::Network(Network::V6(Ipv6Network::around(a, around.v6)))
                }
                address => Subject::Address(address),
            };
            self.find(subject, origin.clone());
        }
    }

    /// Takes the SPF record of a domain.
    fn hear_spf(&mut self, domain: &Name, by_way_of: Vec<Name>, answer: Option<&Answer>) {
        let records = match said(answer) {
            Said::Records(records) => records,
            Said::NoSuchName => &[],
            Said::Nothing => return self.note(Note::NoAnswer("SPF", domain.clone())),
        };
        let texts = records.iter().filter_map(|data| match data {
            Data::Text(text) => Record::read(text),
            Data::Address(_) | Data::Name(_) | Data::Mx { .. } | Data::Soa { .. } => None,
        });
        let records: Vec<Record> = texts.collect();
        match records.len() {
            0 => {
                self.in_vain += usize::from(!by_way_of.is_empty());
                self.note(Note::NoSpf(domain.clone()));
            }
            1 => {}
            _ => self.note(Note::SeveralSpf(domain.clone())),
        }
        let by_way_of: Vec<Name> = by_way_of.into_iter().chain([domain.clone()]).collect();
        for record in records {
            for fault in record.faults {
                self.note(Note::Faulty(fault, domain.clone()));
            }
            for term in record.terms {
                self.take(term, domain, &by_way_of);
            }
            match record.redirect {
                Some(Domain::Other(other)) => self.follow(other, &by_way_of),
                Some(Domain::Macro) => {
                    self.note(Note::NotListable("redirect".to_owned(), domain.clone()));
                }
                Some(Domain::Own) | None => {}
            }
        }
    }

    /// Takes a term of a domain's record.
    fn take(&mut self, term: Term, domain: &Name, by_way_of: &[Name]) {
        if !matches!(term.mechanism, Mechanism::Network(_) | Mechanism::Include(_)) {
            self.lookups += 1;
        }
        // What does not pass is not the domain's own; what is included counts, if it is not even looked at.
        if !term.passes {
            self.lookups += usize::from(matches!(term.mechanism, Mechanism::Include(_)));
            return;
        }
        let origin = Origin::Term(term.text.clone(), domain.clone());
        let name = |other: Domain| match other {
            Domain::Own => Some(domain.clone()),
            Domain::Other(name) => Some(name),
            Domain::Macro => None,
        };
        let not_listable = Note::NotListable(term.text, domain.clone());
        match term.mechanism {
            Mechanism::Network(network) => {
                let subject = match network {
                    Network::V4(n) if n.prefix_len() == 32 => {
                        Subject::Address(IpAddr::V4(n.first().into()))
                    }
                    Network::V6(n) if n.prefix_len() == 128 => {
                        Subject::Address(IpAddr::V6(n.first().into()))
                    }
                    network => Subject::Network(network),
                };
                self.find(subject, Origin::Spf(domain.clone()));
            }
            Mechanism::A(host, around) => match name(host) {
                Some(host) => self.begin(Step::Host(host, origin, around)),
                None => self.note(not_listable),
            },
            Mechanism::Mx(of, around) => match name(of) {
                Some(of) => self.begin(Step::Mx(of, Some((origin, around)))),
                None => self.note(not_listable),
            },
            Mechanism::Include(other) => match name(other) {
                Some(other) => self.follow(other, by_way_of),
                None => {
                    self.lookups += 1;
                    self.note(not_listable);
                }
            },
            Mechanism::Exists | Mechanism::Ptr => self.note(not_listable),
        }
    }

    /// Goes on with the record of another domain.
    fn follow(&mut self, other: Name, by_way_of: &[Name]) {
        self.lookups += 1;
        if by_way_of.contains(&other) {
            return self.note(Note::Circle(other));
        }
        // What two records include is taken once.
        if self.taken.insert(other.clone()) {
            self.begin(Step::Spf(other, by_way_of.to_vec()));
        }
    }

    /// Begins a step, if that is not too many of them.
    fn begin(&mut self, step: Step) {
        self.begun += 1;
        match self.begun <= MOST_STEPS {
            true => self.steps.push(step),
            false => self.note(Note::TooLong),
        }
    }

    /// Notes an address or network.
    fn find(&mut self, subject: Subject, origin: Origin) {
        let has_room = self.mail.found.len() < MOST_FOUND;
        let known = self.mail.found.iter_mut().find(|found| found.subject == subject);
        match known {
            Some(found) if found.origins.contains(&origin) => {}
            Some(found) => found.origins.push(origin),
            None if has_room => {
                self.mail.found.push(Found { subject, origins: vec![origin] });
            }
            None => self.note(Note::TooLong),
        }
    }

    /// Notes what else is to be known, once.
    fn note(&mut self, note: Note) {
        if !self.mail.notes.contains(&note) && self.mail.notes.len() < MOST_NOTES {
            self.mail.notes.push(note);
        }
    }
}

/// What an answer says.
enum Said<'a> {
    /// These; maybe none.
    Records(&'a [Data]),
    /// There is no such name.
    NoSuchName,
    /// Nothing.
    Nothing,
}

/// Reads an answer.
fn said(answer: Option<&Answer>) -> Said<'_> {
    match answer {
        Some(Answer::Reply(reply)) if reply.rcode == 0 => Said::Records(&reply.records),
        Some(Answer::Reply(reply)) if reply.rcode == 3 => Said::NoSuchName,
        Some(Answer::Reply(_) | Answer::TimedOut | Answer::Unreachable | Answer::Malformed)
        | None => Said::Nothing,
    }
}

/// An address, with nothing around it.
const ALONE: Around = Around { v4: 32, v6: 128 };
/// So many look-ups receivers make (RFC 7208 section 4.6.4).
const MOST_LOOKUPS: usize = 10;
/// So many that find nothing they bear.
const MOST_IN_VAIN: usize = 2;
/// So many steps are followed here.
const MOST_STEPS: usize = 200;
/// So many addresses and networks are taken.
const MOST_FOUND: usize = 4096;
/// So many notes are kept.
const MOST_NOTES: usize = 100;
/// The type of IPv4 addresses.
const A: u16 = 1;
/// The type of mail servers.
const MX: u16 = 15;
/// The type of texts.
const TXT: u16 = 16;
/// The type of IPv6 addresses.
const AAAA: u16 = 28;

#[cfg(test)]
mod tests;

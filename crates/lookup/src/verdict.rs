//! What a list says of a target: three-valued, since a list that cannot be believed says nothing.
//!
//! A listing is an answer in 127.0.0.0/8 that the list's documentation knows as one. What means "you are
//! blocked", what comes from a parked domain, from a resolver that rewrites denials, or from a list that
//! lists everything, is no listing; and silence is not "not listed".

use std::fmt;
use std::net::Ipv4Addr;
use std::time::Duration;

use repute_dnsxl::ReturnCode;

use crate::exchange::Answer;
use crate::list::List;
use crate::questions::TestOf;

/// What a list says of a target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is listed.
    Listed(Listing),
    /// It is not.
    NotListed,
    /// The list did not say, or cannot be believed.
    Unknown(Reason),
}

/// A listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing {
    /// The codes, in ascending order.
    pub codes: Vec<ReturnCode>,
    /// What the list says about it.
    pub texts: Vec<String>,
    /// How long the answer may be kept.
    pub ttl: Option<Duration>,
}

/// Why nothing is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// No answer in time.
    TimedOut,
    /// Time was over before its turn came: a list is asked only so often a second.
    NotAsked,
    /// It did not answer the last times either, so it was not waited for.
    Dead,
    /// Nobody listens at the server's address.
    Unreachable,
    /// The server said SERVFAIL.
    ServerFailure,
    /// The server said REFUSED.
    Refused,
    /// The server said another error.
    Error(u16),
    /// The answer cannot be read.
    Malformed,
    /// The list answers that it does not answer us: code and meaning.
    Blocked(ReturnCode, String),
    /// It answers with an address outside of 127.0.0.0/8: parked, hijacked, or not a list.
    NotAList(Ipv4Addr),
    /// The resolver makes addresses up for names that do not exist.
    Rewritten(Ipv4Addr),
    /// It lists what no list may: everything.
    Wildcarded,
    /// Nothing shows that there is such a list: neither a test entry nor the SOA of its zone.
    NoZone,
    /// The name would be longer than DNS allows.
    TooLong,
    /// It was not asked, as the key to it cannot be had.
    NoKey(String),
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::TimedOut => f.write_str("no answer in time"),
            Reason::NotAsked => f.write_str(
                "not asked: time was over before its turn came, at so many queries a second",
            ),
            Reason::Dead => f.write_str("did not answer lately, not waited for"),
            Reason::Unreachable => f.write_str("nobody answers at the server's address"),
            Reason::ServerFailure => {
                f.write_str("SERVFAIL: its servers do not answer the resolver")
            }
            Reason::Refused => {
                f.write_str("REFUSED: the server does not answer us, or not any more today")
            }
            Reason::Error(code) => write!(f, "the server says {}", rcode_name(*code)),
            Reason::Malformed => f.write_str("the answer cannot be read"),
            Reason::Blocked(code, meaning) => write!(f, "{meaning} ({code})"),
            Reason::NotAList(address) => {
                write!(f, "answers {address}, which no list does: parked, hijacked, or dead")
            }
            Reason::Rewritten(address) => {
                write!(f, "the resolver answers {address} for names that do not exist")
            }
            Reason::Wildcarded => f.write_str("lists everything, 127.0.0.1 or invented names too"),
            Reason::NoZone => f.write_str(
                "no sign of such a list: a typing error, the list is gone, or the resolver denies all",
            ),
            Reason::TooLong => f.write_str("the name would be longer than DNS allows"),
            Reason::NoKey(why) => write!(f, "not asked, its key is missing: {why}"),
        }
    }
}

/// The name of a response code (RFC 1035 section 4.1.1, RFC 6895 section 2.3).
pub fn rcode_name(code: u16) -> String {
    match code {
        0 => "NOERROR".into(),
        1 => "FORMERR".into(),
        2 => "SERVFAIL".into(),
        3 => "NXDOMAIN".into(),
        4 => "NOTIMP".into(),
        5 => "REFUSED".into(),
        9 => "NOTAUTH".into(),
        16 => "BADVERS".into(),
        other => format!("RCODE{other}"),
    }
}

/// What an answer to one look-up says by itself, before the list's test entries are heard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// Listed with these codes.
    Listed(Vec<ReturnCode>, Option<Duration>),
    /// Not listed; whether the SOA of the list's own zone is missing from the denial.
    NotListed {
        /// A list that is there denies by itself, unless it is a part of a combined one.
        unproven: bool,
        /// How long the denial may be kept.
        ttl: Option<Duration>,
    },
    /// Nothing.
    Unknown(Reason),
}

/// Reads the answer to an A query.
pub fn read(list: &List, answer: &Answer) -> Said {
    let reply = match answer {
        Answer::Reply(reply) => reply,
        Answer::TimedOut => return Said::Unknown(Reason::TimedOut),
        Answer::Unreachable => return Said::Unknown(Reason::Unreachable),
        Answer::Malformed => return Said::Unknown(Reason::Malformed),
    };
    match reply.rcode {
        NOERROR | NXDOMAIN => {}
        SERVFAIL => return Said::Unknown(Reason::ServerFailure),
        REFUSED => return Said::Unknown(Reason::Refused),
        other => return Said::Unknown(Reason::Error(other)),
    }
    let mut codes: Vec<ReturnCode> = reply.addresses().map(ReturnCode).collect();
    codes.sort();
    codes.dedup();
    if codes.is_empty() {
        // A zone above, or nobody by name: rbldnsd without `$SOA`, or a resolver that makes denials up.
        let proven = reply.denied_by.as_ref().is_some_and(|d| d.zone.is_within(&list.zone));
        return Said::NotListed { unproven: !proven, ttl: reply.ttl };
    }
    if let Some(strange) = codes.iter().find(|code| !code.is_conventional()) {
        return Said::Unknown(Reason::NotAList(strange.0));
    }
    // One code that says "blocked" makes the others worthless: nobody is both listed and not answered.
    if let Some(reason) = codes.iter().find_map(|code| blocked(list, *code)) {
        return Said::Unknown(reason);
    }
    if !list.only.is_empty() {
        let is_listing = |code: &ReturnCode| list.only.iter().any(|set| set.contains(*code));
        codes.retain(is_listing);
        // Listed, but not as what counts: what Postfix's filters mean by it, and no more than that.
        if codes.is_empty() {
            return Said::NotListed { unproven: false, ttl: reply.ttl };
        }
    }
    Said::Listed(codes, reply.ttl)
}

/// Why a code is no listing, if it is none.
fn blocked(list: &List, code: ReturnCode) -> Option<Reason> {
    let own = list.errors.iter().find(|(codes, _)| codes.contains(code));
    if own.is_none() && list.meanings.iter().any(|(codes, _)| codes.contains(code)) {
        return None;
    }
    let meaning = match (own, code.0.octets()) {
        (Some((_, meaning)), _) => meaning,
        // RFC 5782 section 5 and URIBL's and SURBL's first bit.
        (None, [127, 0, 0, 1]) => {
            "answers 127.0.0.1, which is no listing: it blocks our resolver, or a filter answers for it"
        }
        // Spamhaus' convention, which others took over.
        (None, [127, 255, 255, 252]) => "says that the zone's name is mistyped",
        (None, [127, 255, 255, 254]) => {
            "does not answer public resolvers: ask by a resolver of your own"
        }
        (None, [127, 255, 255, 255]) => "does not answer us any more: too many queries",
        (None, [127, 255, 255, _]) => "does not answer us: an error code, not a listing",
        (None, _) => return None,
    };
    Some(Reason::Blocked(code, meaning.to_owned()))
}

/// What is known of a list by its test entries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Evidence {
    /// What must be listed: 127.0.0.2 or `TEST`.
    pub listed: Finding,
    /// What must not be: 127.0.0.1 or `INVALID`.
    pub unlisted: Finding,
    /// A name nobody ever listed.
    pub random: Finding,
    /// Whether the first was denied without the SOA of the list's own zone.
    pub unproven: bool,
}

/// What a test query found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Finding {
    /// It was not asked, or not answered.
    #[default]
    Unknown,
    /// It is listed.
    Listed,
    /// It is not.
    NotListed,
}

impl Evidence {
    /// Notes what a test query found; `unproven` if it was denied without the SOA of the list's own zone.
    pub(crate) fn note(&mut self, test: TestOf, finding: Finding, unproven: bool) {
        match test {
            TestOf::Listed => (self.listed, self.unproven) = (finding, unproven),
            TestOf::Unlisted => self.unlisted = finding,
            TestOf::Random => self.random = finding,
        }
    }

    /// Whether the list lists everything.
    pub fn is_wildcarded(&self, list: &List) -> bool {
        self.random == Finding::Listed
            || (self.unlisted == Finding::Listed
                && list.tests.unlisted
                && self.listed != Finding::Listed)
    }

    /// Whether the entry that should be there is not. By itself that says little: some lists have none.
    pub fn lacks_test_entry(&self, list: &List) -> bool {
        list.tests.listed && self.listed == Finding::NotListed
    }
}

/// Decides, from what a list said of a target, what it says of its test entries, and which addresses the
/// resolver between makes up for names that do not exist.
///
/// A resolver that makes addresses up is the fault, and not the list: what it makes up is no answer of the list,
/// and what else comes through it is.
pub fn decide(
    list: &List,
    said: Said,
    texts: Vec<String>,
    evidence: &Evidence,
    made_up: &[Ipv4Addr],
) -> Verdict {
    let is_made_up = |code: &ReturnCode| made_up.contains(&code.0);
    match said {
        // Some make up another address each time, none of them that of a list.
        Said::Unknown(Reason::NotAList(address)) if !made_up.is_empty() => {
            Verdict::Unknown(Reason::Rewritten(address))
        }
        Said::Unknown(Reason::Blocked(code, _)) if is_made_up(&code) => {
            Verdict::Unknown(Reason::Rewritten(code.0))
        }
        Said::Unknown(reason) => Verdict::Unknown(reason),
        Said::Listed(codes, _) if codes.iter().all(is_made_up) && !codes.is_empty() => {
            Verdict::Unknown(Reason::Rewritten(codes[0].0))
        }
        Said::Listed(..) if evidence.is_wildcarded(list) => Verdict::Unknown(Reason::Wildcarded),
        Said::Listed(codes, ttl) => Verdict::Listed(Listing { codes, texts, ttl }),
        Said::NotListed { unproven, .. } => {
            // Nothing shows that there is a list: its zone does not deny, and has no test entry.
            if unproven && evidence.unproven && evidence.lacks_test_entry(list) {
                return Verdict::Unknown(Reason::NoZone);
            }
            Verdict::NotListed
        }
    }
}

/// The name is there.
const NOERROR: u16 = 0;
/// The server failed.
const SERVFAIL: u16 = 2;
/// There is no such name.
const NXDOMAIN: u16 = 3;
/// The server does not answer us.
const REFUSED: u16 = 5;

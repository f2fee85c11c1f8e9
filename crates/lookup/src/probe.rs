//! Whether lists live: measured by their own names, against what the catalogue says.
//!
//! Each list is asked for the SOA and NS of its zone, its test entries (RFC 5782 section 5), an invented name
//! and an address of a documentation network: first what shows that anybody is there, then, if so, the rest.
//! That is six queries, never more than four at once. One that says nothing at all is asked once more.
//!
//! What says something about us and not about the list changes nothing: a code for "blocked", a refusal, a
//! resolver that rewrites denials. And if the resolver does not see the root, nothing is said of any list: that one
//! of them answers shows no way out, as it may be served next door. The root alone is no proof of a way out, as it
//! stays in caches for days: no list is taken for silent unless an invented name somewhere below [`FAR`] is answered.
//! [`judge`] knows neither sockets nor a clock.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use repute_dnsxl::{Name, Target};

use crate::exchange::Answer;
use crate::list::{List, Status};
use crate::message::Question;
use crate::questions::{self, A, TestOf, test_question};
use crate::resolve;
use crate::verdict::{self, Reason, Said};

/// What a probe found.
#[derive(Clone, Debug, PartialEq)]
pub enum Probed {
    /// What was found of each list, in their order.
    Lists(Vec<Finding>),
    /// The root is not to be seen, so that all lists further away would look dead.
    NoRoot,
    /// Lists are silent, and so are the servers of [`FAR`], all of them: it is the way to them that is dead.
    NoWayOut,
}

/// What was found of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// It answers as a list does: its test entry is listed, or it is known to have none and denies by itself.
    Lives {
        /// Whether its test entry is listed.
        tested: bool,
    },
    /// There is no such zone.
    NoZone,
    /// Nothing answers, not the second time either.
    Silent,
    /// It answers with an address outside of 127.0.0.0/8.
    Parked(Ipv4Addr),
    /// It lists everything.
    Wildcarded,
    /// Its zone is there and its test entry is not, which some lists never had.
    NoTestEntry,
    /// It did not say, or did not say it to us.
    Unclear(Reason),
}

impl Finding {
    /// The status that is sure by this; none if nothing is.
    pub fn status(&self) -> Option<Status> {
        match self {
            Finding::Lives { .. } => Some(Status::Live),
            Finding::NoZone | Finding::Silent | Finding::Parked(_) => Some(Status::Dead),
            Finding::Wildcarded => Some(Status::Wildcarded),
            Finding::NoTestEntry | Finding::Unclear(_) => None,
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Finding::Lives { tested: true } => f.write_str("its test entry is listed"),
            Finding::Lives { tested: false } => {
                f.write_str("its zone answers, and is known to have no test entry")
            }
            Finding::NoZone => f.write_str("there is no such zone"),
            Finding::Silent => f.write_str("nothing answers, asked twice"),
            Finding::Parked(address) => write!(f, "answers {address}: parked or hijacked"),
            Finding::Wildcarded => f.write_str("lists everything, invented names too"),
            Finding::NoTestEntry => f.write_str("its zone is there, its test entry is not listed"),
            Finding::Unclear(reason) => reason.fmt(f),
        }
    }
}

/// Measures lists by way of resolvers.
///
/// # Errors
/// If there are no sockets to be had.
pub fn probe(lists: &[List], resolvers: &[SocketAddr], timeout: Duration) -> io::Result<Probed> {
    let mut controls: Vec<Question> =
        [root(NS), questions::control()].into_iter().flatten().collect();
    let near = controls.len();
    controls.extend(FAR.iter().filter_map(|zone| questions::invented_below(zone)));
    let first: Vec<Question> =
        lists.iter().flat_map(|list| [soa(list), of(list, TestOf::Listed)]).collect();
    let asked = [controls.clone(), first].concat();
    let answers = resolve::ask(resolvers, &asked, timeout)?;
    let (controls, first) = answers.split_at(controls.len());
    if !controls.first().is_some_and(has_records) {
        return Ok(Probed::NoRoot);
    }
    let rewrites = controls.get(1).and_then(address);
    let is_cut_off = controls[near..].iter().all(is_silence);
    let mut seen: Vec<Seen> = first
        .chunks(2)
        .map(|pair| Seen {
            soa: pair.first().cloned().unwrap_or(Answer::TimedOut),
            listed: pair.get(1).cloned().unwrap_or(Answer::TimedOut),
            more: None,
        })
        .collect();

    // Who said nothing is asked once more; who said something, all the rest.
    let is_silent = |seen: &Seen| is_silence(&seen.soa) && is_silence(&seen.listed);
    let second: Vec<Question> = lists
        .iter()
        .zip(&seen)
        .flat_map(|(list, seen)| match is_silent(seen) {
            true => vec![soa(list)],
            false => rest(list),
        })
        .collect();
    let mut answers = resolve::ask(resolvers, &second, timeout)?.into_iter();
    for (list, seen) in lists.iter().zip(&mut seen) {
        let count = if is_silent(seen) { 1 } else { rest(list).len() };
        let mut next: Vec<Answer> = answers.by_ref().take(count).collect();
        if is_silent(seen) {
            seen.soa = next.pop().unwrap_or(Answer::TimedOut);
        } else if let Ok([ns, unlisted, random, nobody]) = <[Answer; 4]>::try_from(next) {
            seen.more = Some(More { ns, unlisted, random, nobody });
        }
    }
    let findings: Vec<Finding> =
        lists.iter().zip(&seen).map(|(list, seen)| judge(list, seen, rewrites)).collect();
    if is_cut_off && findings.contains(&Finding::Silent) {
        return Ok(Probed::NoWayOut);
    }
    Ok(Probed::Lists(findings))
}

/// What a list answered.
#[derive(Clone, Debug)]
struct Seen {
    /// To the SOA of its zone.
    soa: Answer,
    /// To the test entry that must be listed.
    listed: Answer,
    /// To the rest, if it was asked.
    more: Option<More>,
}

/// What a list that is there answered.
#[derive(Clone, Debug)]
struct More {
    /// To the NS of its zone.
    ns: Answer,
    /// To the test entry that must not be listed.
    unlisted: Answer,
    /// To an invented name.
    random: Answer,
    /// To an address that belongs to nobody.
    nobody: Answer,
}

/// Says what answers show of a list, if the resolver may make up addresses such as that one.
fn judge(list: &List, seen: &Seen, rewrites: Option<Ipv4Addr>) -> Finding {
    // Whatever the user counts as a listing, all its codes show that it answers.
    let list = &List { only: Vec::new(), ..list.clone() };
    let listed = verdict::read(list, &seen.listed);
    let Some(more) = &seen.more else {
        // The second time it said something: it is there, but what it lists was not to be had.
        return match listed {
            Said::Unknown(reason) if !is_silence(&seen.soa) => Finding::Unclear(reason),
            Said::Unknown(_) | Said::Listed(..) | Said::NotListed { .. } => Finding::Silent,
        };
    };
    let [unlisted, random, nobody] =
        [&more.unlisted, &more.random, &more.nobody].map(|answer| verdict::read(list, answer));
    let is_listed = |said: &Said| matches!(said, Said::Listed(..));
    // A list of unused networks has the documentation ones, and 127.0.0.1 may be a slip; both are neither.
    let lists_nobody = is_listed(&nobody) && is_listed(&unlisted) && list.tests.unlisted;
    let lists_the_wrong_one = is_listed(&unlisted) && list.tests.unlisted && !is_listed(&listed);
    if is_listed(&random) || lists_nobody || lists_the_wrong_one {
        return Finding::Wildcarded;
    }
    if is_listed(&listed) {
        return Finding::Lives { tested: true };
    }
    let all = [&listed, &unlisted, &random, &nobody];
    let unknown = all.iter().filter_map(|said| match said {
        Said::Unknown(reason) => Some(reason),
        Said::Listed(..) | Said::NotListed { .. } => None,
    });
    let strange = unknown.clone().find_map(|reason| match reason {
        Reason::NotAList(address) => Some(*address),
        _ => None,
    });
    let blocked = unknown.clone().find(|reason| matches!(reason, Reason::Blocked(..)));
    match (strange, rewrites, blocked) {
        (Some(address), Some(_), _) => return Finding::Unclear(Reason::Rewritten(address)),
        (Some(address), None, _) => return Finding::Parked(address),
        (None, _, Some(reason)) => return Finding::Unclear(reason.clone()),
        (None, _, None) => {}
    }
    let is_gone =
        |answer: &Answer| matches!(answer, Answer::Reply(reply) if reply.rcode == NXDOMAIN);
    if [&seen.soa, &more.ns, &seen.listed].into_iter().all(is_gone) {
        return Finding::NoZone;
    }
    if let Said::Unknown(reason) = listed {
        return Finding::Unclear(reason);
    }
    let has_zone = has_records(&seen.soa) || has_records(&more.ns);
    match has_zone && !list.tests.listed {
        true => Finding::Lives { tested: false },
        false if has_zone => Finding::NoTestEntry,
        false => Finding::Unclear(Reason::NoZone),
    }
}

/// Whether an answer says nothing of the list: not a word, or that its servers say none.
fn is_silence(answer: &Answer) -> bool {
    match answer {
        Answer::TimedOut | Answer::Unreachable => true,
        Answer::Reply(reply) => reply.rcode == SERVFAIL,
        Answer::Malformed => false,
    }
}

/// Whether an answer has what was asked for.
fn has_records(answer: &Answer) -> bool {
    matches!(answer, Answer::Reply(reply) if reply.rcode == 0 && !reply.records.is_empty())
}

/// The address in an answer.
fn address(answer: &Answer) -> Option<Ipv4Addr> {
    match answer {
        Answer::Reply(reply) => reply.addresses().next(),
        Answer::TimedOut | Answer::Unreachable | Answer::Malformed => None,
    }
}

/// What is asked of a list that is there.
fn rest(list: &List) -> Vec<Question> {
    let nobody = match (list.keys.ipv4, list.keys.ipv6) {
        (false, false) => of(list, TestOf::Random),
        (true, _) => target(list, NOBODY),
        (false, true) => target(list, IpAddr::V6(NOBODY_6.into())),
    };
    let ns = Question::new(&list.zone, NS);
    vec![ns, of(list, TestOf::Unlisted), of(list, TestOf::Random), nobody]
}

/// The question of a test. Names that would be too long are no zones of lists.
fn of(list: &List, test: TestOf) -> Question {
    test_question(list, test).unwrap_or_else(|| soa(list))
}

/// The question about an address.
fn target(list: &List, address: IpAddr) -> Question {
    let target = match address {
        IpAddr::V4(address) => Target::Ipv4(address),
        IpAddr::V6(address) => Target::Ipv6(address),
    };
    questions::question(list, &target, A).unwrap_or_else(|| soa(list))
}

/// The SOA of a list's zone.
fn soa(list: &List) -> Question {
    Question::new(&list.zone, SOA)
}

/// A type at the root.
fn root(rtype: u16) -> Option<Question> {
    Some(Question::new(&Name::from_wire(&[0]).ok()?, rtype))
}

/// Zones that are served from everywhere: if none of them answers, nothing does.
pub const FAR: [&str; 3] = ["com", "net", "org"];
/// An address that belongs to nobody (RFC 5737).
const NOBODY: IpAddr = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 77));
/// An address that belongs to nobody (RFC 3849).
const NOBODY_6: [u16; 8] = [0x2001, 0xdb8, 0x4d, 0, 0, 0, 0, 0x77];
/// The type of name servers.
const NS: u16 = 2;
/// The type of starts of authority.
const SOA: u16 = 6;
/// The server failed.
const SERVFAIL: u16 = 2;
/// There is no such name.
const NXDOMAIN: u16 = 3;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{Data, Denial, Reply};

    /// An answer in a word: an address, `soa`, `ns`, `none` (NODATA), `nx`, `servfail`, `refused`, `-` (silence).
    fn answer(word: &str) -> Answer {
        let name = || "bl.example".parse::<Name>().expect("a name");
        let reply = |rcode, records| {
            let denied_by = (rcode == 3).then(|| Denial { zone: name(), serial: 1 });
            Answer::Reply(Reply { rcode, records, denied_by, ..Reply::default() })
        };
        match word {
            "-" => Answer::TimedOut,
            "none" => reply(0, Vec::new()),
            "servfail" => reply(2, Vec::new()),
            "nx" => reply(3, Vec::new()),
            "refused" => reply(5, Vec::new()),
            "ns" => reply(0, vec![Data::Name(name())]),
            "soa" => {
                let soa = Data::Soa { origin: name(), serial: 1, expire: 1, minimum: 1 };
                reply(0, vec![soa])
            }
            address => reply(0, vec![Data::Address(address.parse().expect("an address"))]),
        }
    }

    /// What answers to SOA, listed, NS, unlisted, random and nobody come to; with two of them, nobody said
    /// anything the first time.
    fn judged(words: &str, list: &List, rewrites: Option<Ipv4Addr>) -> Finding {
        let answers: Vec<Answer> = words.split_whitespace().map(answer).collect();
        let more = match &answers[2..] {
            [ns, unlisted, random, nobody] => Some(More {
                ns: ns.clone(),
                unlisted: unlisted.clone(),
                random: random.clone(),
                nobody: nobody.clone(),
            }),
            _ => None,
        };
        judge(list, &Seen { soa: answers[0].clone(), listed: answers[1].clone(), more }, rewrites)
    }

    fn list() -> List {
        List::new("bl.example".parse().expect("a name"))
    }

    #[test]
    fn answers_show_what_became_of_a_list() {
        let blocked = |code: &str| {
            let Said::Unknown(reason) = verdict::read(&list(), &answer(code)) else {
                panic!("it is no listing")
            };
            Finding::Unclear(reason)
        };
        let parked: Ipv4Addr = "198.51.100.1".parse().expect("an address");
        for (words, finding) in [
            ("soa 127.0.0.2 ns nx nx nx", Finding::Lives { tested: true }),
            ("nx 127.0.0.2 nx nx nx nx", Finding::Lives { tested: true }),
            ("servfail 127.0.0.2 servfail nx servfail nx", Finding::Lives { tested: true }),
            // A list of unused networks, and one with a slip.
            ("soa 127.0.0.2 ns nx nx 127.0.0.2", Finding::Lives { tested: true }),
            ("soa 127.0.0.2 ns 127.0.0.2 nx nx", Finding::Lives { tested: true }),
            // What lists everything, in each of its forms.
            ("soa 127.0.0.2 ns 127.0.0.2 127.0.0.2 127.0.0.2", Finding::Wildcarded),
            ("soa 127.0.0.2 ns 127.0.0.2 nx 127.0.0.2", Finding::Wildcarded),
            ("soa nx ns 127.0.0.2 nx nx", Finding::Wildcarded),
            // What is no list any more.
            ("nx nx nx nx nx nx", Finding::NoZone),
            ("soa 198.51.100.1 ns 198.51.100.1 198.51.100.1 198.51.100.1", Finding::Parked(parked)),
            ("- -", Finding::Silent),
            ("servfail servfail", Finding::Silent),
            // What is there, but says nothing sure.
            ("soa nx ns nx nx nx", Finding::NoTestEntry),
            ("soa servfail", Finding::Unclear(Reason::ServerFailure)),
            ("nx -", Finding::Unclear(Reason::TimedOut)),
            ("none nx none nx nx nx", Finding::Unclear(Reason::NoZone)),
            ("soa refused ns refused refused refused", Finding::Unclear(Reason::Refused)),
            ("soa - ns nx nx nx", Finding::Unclear(Reason::TimedOut)),
            // What concerns us, not the list.
            (
                "soa 127.255.255.254 ns 127.255.255.254 127.255.255.254 nx",
                blocked("127.255.255.254"),
            ),
            ("soa 127.0.0.1 ns 127.0.0.1 127.0.0.1 127.0.0.1", blocked("127.0.0.1")),
            ("nx nx nx 127.255.255.255 nx nx", blocked("127.255.255.255")),
        ] {
            assert_eq!(judged(words, &list(), None), finding, "{words}");
        }
        let rewritten =
            "198.51.100.1 198.51.100.1 198.51.100.1 198.51.100.1 198.51.100.1 198.51.100.1";
        let finding = Finding::Unclear(Reason::Rewritten(parked));
        assert_eq!(judged(rewritten, &list(), Some(parked)), finding);
    }

    #[test]
    fn what_is_known_of_test_entries_counts() {
        let mut list = list();
        list.tests.listed = false;
        assert_eq!(judged("soa nx ns nx nx nx", &list, None), Finding::Lives { tested: false });
        list.tests.unlisted = false;
        assert_eq!(
            judged("soa nx ns 127.0.0.2 nx 127.0.0.2", &list, None),
            Finding::Lives { tested: false }
        );
        // A code that the user does not count is a sign of life all the same.
        list.only = vec!["127.0.0.3".parse().expect("a code")];
        assert_eq!(
            judged("soa 127.0.0.2 ns nx nx nx", &list, None),
            Finding::Lives { tested: true }
        );
    }

    #[test]
    fn only_what_is_sure_is_a_status() {
        for (finding, status) in [
            (Finding::Lives { tested: true }, Some(Status::Live)),
            (Finding::Silent, Some(Status::Dead)),
            (Finding::NoZone, Some(Status::Dead)),
            (Finding::Wildcarded, Some(Status::Wildcarded)),
            (Finding::NoTestEntry, None),
            (Finding::Unclear(Reason::Refused), None),
        ] {
            assert_eq!(finding.status(), status, "{finding}");
        }
    }
}

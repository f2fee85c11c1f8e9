//! A list on its way through the targets of a survey, and what is learned of it there.

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use crate::bucket::Bucket;
use crate::cache::ListNumber;
use crate::exchange::Answer;
use crate::list::List;
use crate::message::Question;
use crate::questions::{TestOf, test_question};
use crate::traffic::Traffic;
use crate::verdict::{self, Evidence, Finding, Reason, Said};

/// A list in a survey.
#[derive(Debug)]
pub struct Asked {
    /// The list.
    pub list: List,
    /// The servers to ask, by their numbers in the exchange, one after the other. Without any the list is
    /// unreachable.
    pub servers: Vec<usize>,
    /// Where that is, in words: what a list says depends on who asks.
    pub place: String,
    /// Most queries a second; none for no limit.
    pub rate: Option<f64>,
    /// What is known of it already, so that it need not be tested.
    pub evidence: Option<Evidence>,
    /// It did not answer the last times: it is asked, but not waited for.
    pub doubtful: bool,
}

/// What became of a list in a survey.
#[derive(Clone, Debug, Default)]
pub struct Experience {
    /// What its test entries say.
    pub evidence: Evidence,
    /// Whether they were asked now.
    pub tested: bool,
    /// Look-ups that were answered, in any way.
    pub answered: u64,
    /// Look-ups that were not.
    pub silent: u64,
    /// The shortest time an answer took.
    pub fastest: Option<Duration>,
    /// Its queries, counted.
    pub traffic: Traffic,
}

/// A list on its way through the targets.
pub(crate) struct Course {
    pub(crate) asked: Asked,
    /// Whether resolvers are asked, and not the list's own servers.
    pub(crate) by_resolver: bool,
    /// The list in the cache.
    pub(crate) number: ListNumber,
    pub(crate) bucket: Option<Bucket>,
    /// The next target, counted from the first.
    pub(crate) next: usize,
    pub(crate) tests: Tests,
    pub(crate) experience: Experience,
    /// Look-ups in a row that were not answered.
    pub(crate) silence: u32,
    /// It is not asked any more in this survey.
    pub(crate) given_up: bool,
}

/// The test queries of a list.
#[derive(Default)]
pub(crate) struct Tests {
    /// Those that are to be asked.
    pub(crate) waiting: Vec<(TestOf, Question)>,
    /// How many are on their way.
    pub(crate) running: u32,
    /// The addresses that they were answered with.
    found: Vec<(TestOf, Ipv4Addr)>,
}

impl Course {
    /// A list at its start, with the tests that are to be asked.
    pub(crate) fn new(asked: Asked, by_resolver: bool, number: ListNumber, now: Instant) -> Course {
        let mut tests = Tests::default();
        if asked.evidence.is_none() && !asked.servers.is_empty() {
            let all = [TestOf::Random, TestOf::Unlisted, TestOf::Listed];
            let questions =
                all.into_iter().filter_map(|test| Some((test, test_question(&asked.list, test)?)));
            tests.waiting.extend(questions);
        }
        let bucket = asked.rate.map(|rate| Bucket::new(rate, now));
        let evidence = asked.evidence.unwrap_or_default();
        let experience = Experience { evidence, ..Experience::default() };
        Course {
            asked,
            by_resolver,
            number,
            bucket,
            next: 0,
            tests,
            experience,
            silence: 0,
            given_up: false,
        }
    }

    /// Whether anything came from it.
    pub(crate) fn has_answered(&self) -> bool {
        self.experience.answered > 0
    }

    /// Notes that it answered, or did not.
    pub(crate) fn note(&mut self, answer: &Answer, took: Duration) {
        self.experience.traffic.note(answer, took);
        let silent = matches!(answer, Answer::TimedOut | Answer::Unreachable);
        if silent {
            self.experience.silent += 1;
            self.silence += 1;
            // Nothing at all came: the other targets need not wait for it as well.
            if self.silence >= MOST_SILENCE && !self.has_answered() {
                self.given_up = true;
            }
            return;
        }
        self.experience.answered += 1;
        self.silence = 0;
        let fastest = self.experience.fastest;
        self.experience.fastest = Some(fastest.map_or(took, |known| known.min(took)));
    }

    /// Takes in what a test query found.
    pub(crate) fn learn(&mut self, test: TestOf, answer: &Answer) {
        let (finding, unproven) = match verdict::read(&self.asked.list, answer) {
            Said::Listed(..) => (Finding::Listed, false),
            // Addresses outside of 127.0.0.0/8, and 127.0.0.1 itself, are answers all the same.
            Said::Unknown(Reason::NotAList(_)) => (Finding::Listed, false),
            Said::NotListed { unproven, .. } => (Finding::NotListed, unproven),
            Said::Unknown(_) => (Finding::Unknown, false),
        };
        if let Answer::Reply(reply) = answer {
            self.tests.found.extend(reply.addresses().map(|address| (test, address)));
        }
        self.experience.evidence.note(test, finding, unproven);
    }

    /// What its test entries say, if a resolver makes these addresses up for names that do not exist: a test
    /// entry with such an address is one that the list denies.
    pub(crate) fn evidence(&self, made_up: &[Ipv4Addr]) -> Evidence {
        let mut evidence = self.experience.evidence;
        for (test, _) in self.tests.found.iter().filter(|(_, address)| made_up.contains(address)) {
            evidence.note(*test, Finding::NotListed, true);
        }
        evidence
    }

    /// What the resolver makes up, as far as that concerns this list.
    pub(crate) fn made_up<'a>(&self, by_resolver: &'a [Ipv4Addr]) -> &'a [Ipv4Addr] {
        if self.by_resolver { by_resolver } else { &[] }
    }
}

impl Tests {
    /// Whether all of them are answered.
    pub(crate) fn is_over(&self) -> bool {
        self.waiting.is_empty() && self.running == 0
    }
}

/// After so many look-ups without any answer a list is not asked any more.
const MOST_SILENCE: u32 = 8;

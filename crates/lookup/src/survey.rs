//! Every list asked about every target, at once.
//!
//! Each list goes through the targets at its own pace: as fast as its limit lets it and its server has room.
//! Its test entries are asked beside, and what it says is judged when both are there. Targets are drawn
//! only as far ahead as the slowest list allows, so a million of them need no more memory than a few
//! thousand.
//!
//! No sockets and no clock here; [`crate::sockets`] has those.

use std::collections::VecDeque;
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use repute_dnsxl::{ReturnCode, Target};

use crate::cache::Cache;
use crate::course::Course;
use crate::exchange::{Answer, Exchange, Room};
use crate::message::Question;
use crate::questions::{self, A, TXT, TestOf, question, test_question};
use crate::verdict::{self, Reason, Said, Verdict};

pub use crate::course::{Asked, Experience};

/// What all lists say of a target.
#[derive(Debug)]
pub struct Report {
    /// The target.
    pub target: Target,
    /// What each list says, in the order of the survey; nothing from lists that do not take such a target.
    pub verdicts: Vec<Option<Verdict>>,
}

/// A survey under way.
pub struct Survey<'t> {
    lists: Vec<Course>,
    targets: Box<dyn Iterator<Item = Target> + 't>,
    /// Whether there are no more targets.
    drawn: bool,
    /// Targets that are not reported yet.
    open: VecDeque<Open>,
    /// How many were reported.
    first: usize,
    /// A name no zone has, asked of each resolver.
    controls: Vec<Control>,
    /// Addresses the resolvers make up for names that do not exist.
    made_up: Vec<Ipv4Addr>,
    cache: &'t mut Cache,
    timeout: Duration,
    /// When everything ends, whatever is still open.
    end: Option<Instant>,
    /// How many targets may be open at once.
    most_open: usize,
    /// The list whose turn it is.
    turn: usize,
}

/// A query by which a resolver shows whether it makes addresses up.
struct Control {
    server: usize,
    asked: bool,
    running: bool,
}

/// A target that is not reported yet.
struct Open {
    target: Target,
    started: Option<Instant>,
    /// What the lists said, as far as they did.
    said: Vec<State>,
}

/// What a list said of a target so far.
enum State {
    /// It does not take such targets.
    Inapplicable,
    /// It was not asked yet.
    Waiting,
    /// It did not answer yet.
    Running,
    /// It listed the target, and is asked why.
    Why(Vec<ReturnCode>, Option<Duration>),
    /// It is done.
    Done(Said, Vec<String>),
}

/// What a query of a survey is about.
#[derive(Clone, Copy, Debug)]
pub struct Tag {
    list: usize,
    asked: Instant,
    /// How many of the list's servers were asked before.
    attempt: usize,
    about: About,
}

/// What it asks.
#[derive(Clone, Copy, Debug)]
enum About {
    /// Whether a target is listed.
    Target(usize),
    /// Why it is.
    Why(usize),
    /// A test entry.
    Test(TestOf),
    /// A name no zone has.
    Control(usize),
}

impl<'t> Survey<'t> {
    /// A survey of these lists about these targets. `resolvers` are the servers that recurse, to be asked
    /// for a name that no zone has; `timeout` is that of a look-up.
    pub fn new(
        lists: Vec<Asked>,
        targets: impl Iterator<Item = Target> + 't,
        resolvers: &[usize],
        cache: &'t mut Cache,
        timeout: Duration,
        now: Instant,
    ) -> Survey<'t> {
        // If there is nothing else to wait for, the doubtful ones are waited for.
        let all_doubtful = lists.iter().all(|asked| asked.doubtful);
        let lists: Vec<Course> = lists
            .into_iter()
            .map(|asked| Asked { doubtful: asked.doubtful && !all_doubtful, ..asked })
            // Without its key a list would only say that it does not answer us.
            .map(|asked| match asked.list.no_key {
                Some(_) => Asked { servers: Vec::new(), ..asked },
                None => asked,
            })
            .map(|asked| {
                let number = cache.list(&asked.list.zone, &asked.place);
                let by_resolver = asked.servers.iter().any(|server| resolvers.contains(server));
                Course::new(asked, by_resolver, number, now)
            })
            .collect();
        let most_open = (MOST_WAITING / lists.len().max(1)).clamp(LEAST_OPEN, MOST_OPEN);
        let control = |&server| Control { server, asked: false, running: false };
        Survey {
            lists,
            targets: Box::new(targets),
            drawn: false,
            open: VecDeque::new(),
            first: 0,
            controls: resolvers.iter().map(control).collect(),
            made_up: Vec::new(),
            cache,
            timeout,
            end: None,
            most_open,
            turn: 0,
        }
    }

    /// Ends at a moment: what is not answered then is unknown.
    pub fn end_at(&mut self, end: Instant) {
        self.end = Some(end);
    }

    /// Whether the end has come.
    fn has_ended(&self, now: Instant) -> bool {
        self.end.is_some_and(|end| now >= end)
    }

    /// Asks as much as there is room for. Says when it could ask more, if only time is missing.
    pub fn ask(&mut self, exchange: &mut Exchange<Tag>, now: Instant) -> Option<Instant> {
        if self.has_ended(now) {
            return None;
        }
        self.ask_controls(exchange, now);
        let mut again: Option<Instant> = None;
        let mut idle = 0;
        while idle < self.lists.len() {
            let at = self.turn % self.lists.len();
            self.turn = (at + 1) % self.lists.len();
            idle += 1;
            match self.ask_list(at, exchange, now) {
                Step::Asked => idle = 0,
                Step::Nothing => {}
                Step::Later(moment) => {
                    again = Some(again.map_or(moment, |known| known.min(moment)));
                }
            }
        }
        again
    }

    /// Asks each resolver once for a name that no zone has.
    fn ask_controls(&mut self, exchange: &mut Exchange<Tag>, now: Instant) {
        for (at, control) in self.controls.iter_mut().enumerate().filter(|(_, c)| !c.asked) {
            let Some(question) = questions::control() else { continue };
            (control.asked, control.running) = (true, true);
            let tag = Tag { list: 0, asked: now, attempt: 0, about: About::Control(at) };
            exchange.ask(control.server, question, tag, now);
        }
    }

    /// Asks the next question of a list.
    fn ask_list(&mut self, at: usize, exchange: &mut Exchange<Tag>, now: Instant) -> Step {
        let course = &mut self.lists[at];
        let servers = course.asked.servers.iter().enumerate();
        let alive = servers.clone().find(|(_, server)| !exchange.is_silent(**server));
        let Some((attempt, &server)) = alive.or_else(|| servers.clone().next()) else {
            return Step::Nothing;
        };
        match exchange.room(server, now) {
            Room::Now => {}
            Room::Later(moment) => return Step::Later(moment),
            Room::Full => return Step::Nothing,
        }
        let (about, question) = if let Some((test, question)) = course.tests.waiting.last() {
            (About::Test(*test), question.clone())
        } else {
            let Some((number, question)) = self.next_question(at, now) else {
                return Step::Nothing;
            };
            (About::Target(number), question)
        };
        let course = &mut self.lists[at];
        if let Some(bucket) = &mut course.bucket
            && let Err(later) = bucket.take(now)
        {
            return Step::Later(later);
        }
        match about {
            About::Test(_) => {
                course.tests.waiting.pop();
                course.tests.running += 1;
                course.experience.tested = true;
            }
            About::Target(number) => {
                course.next = number + 1;
                let open = &mut self.open[number - self.first];
                open.started.get_or_insert(now);
                open.said[at] = State::Running;
            }
            About::Why(_) | About::Control(_) => {}
        }
        exchange.ask(server, question, Tag { list: at, asked: now, attempt, about }, now);
        Step::Asked
    }

    /// The next target a list takes, and how it is asked.
    fn next_question(&mut self, at: usize, now: Instant) -> Option<(usize, Question)> {
        loop {
            let course = &mut self.lists[at];
            let number = course.next.max(self.first);
            if number - self.first >= self.open.len() && !self.draw(now) {
                return None;
            }
            let course = &mut self.lists[at];
            let open = &mut self.open[number - self.first];
            if matches!(open.said[at], State::Waiting) {
                let unknown = |reason| State::Done(Said::Unknown(reason), Vec::new());
                if course.given_up {
                    open.said[at] = unknown(Reason::Dead);
                } else if let Some(question) = question(&course.asked.list, &open.target, A) {
                    return Some((number, question));
                } else {
                    open.said[at] = unknown(Reason::TooLong);
                }
            }
            course.next = number + 1;
        }
    }

    /// Draws the next target. Says whether there is one, and room for it.
    fn draw(&mut self, now: Instant) -> bool {
        if self.drawn || self.open.len() >= self.most_open {
            return false;
        }
        let Some(target) = self.targets.next() else {
            self.drawn = true;
            return false;
        };
        let state = |course: &Course| {
            if !course.asked.list.takes(&target) {
                return State::Inapplicable;
            }
            if let Some(why) = &course.asked.list.no_key {
                return State::Done(Said::Unknown(Reason::NoKey(why.clone())), Vec::new());
            }
            if course.asked.servers.is_empty() {
                return State::Done(Said::Unknown(Reason::Unreachable), Vec::new());
            }
            let known = self.cache.get(course.number, &target, now);
            known.map_or(State::Waiting, |(said, texts)| State::Done(said, texts))
        };
        let said = self.lists.iter().map(state).collect();
        self.open.push_back(Open { target, started: None, said });
        true
    }

    /// Takes in an answer.
    pub fn hear(&mut self, tag: Tag, answer: &Answer, exchange: &mut Exchange<Tag>, now: Instant) {
        if let About::Control(at) = tag.about {
            self.controls[at].running = false;
            if let Answer::Reply(reply) = answer {
                self.made_up.extend(reply.addresses());
            }
            // Nobody knows any more what of it the lists said.
            if !self.made_up.is_empty() {
                self.cache.forget();
            }
            return;
        }
        let course = &mut self.lists[tag.list];
        course.note(answer, now.saturating_duration_since(tag.asked));
        // Another of the list's servers may know better.
        if let Some(&server) = course.asked.servers.get(tag.attempt + 1)
            && is_worth_another(answer, exchange.has_answered(course.asked.servers[tag.attempt]))
            && let Some(question) = self.question_again(&tag)
        {
            let tag = Tag { attempt: tag.attempt + 1, ..tag };
            exchange.ask(server, question, tag, now);
            return;
        }
        let course = &mut self.lists[tag.list];
        match tag.about {
            About::Control(_) => {}
            About::Test(test) => {
                course.tests.running -= 1;
                course.learn(test, answer);
            }
            About::Target(number) => {
                let said = verdict::read(&course.asked.list, answer);
                let Some(open) = self.open.get_mut(number.wrapping_sub(self.first)) else { return };
                open.said[tag.list] = match said {
                    Said::Listed(codes, ttl) => {
                        let server = course.asked.servers[tag.attempt];
                        if let Some(question) = question(&course.asked.list, &open.target, TXT) {
                            let tag = Tag { about: About::Why(number), asked: now, ..tag };
                            exchange.ask(server, question, tag, now);
                            State::Why(codes, ttl)
                        } else {
                            State::Done(Said::Listed(codes, ttl), Vec::new())
                        }
                    }
                    said => {
                        if course.made_up(&self.made_up).is_empty() {
                            self.cache.put(course.number, &open.target, &said, &[], now);
                        }
                        State::Done(said, Vec::new())
                    }
                };
            }
            About::Why(number) => {
                let Some(open) = self.open.get_mut(number.wrapping_sub(self.first)) else { return };
                let texts = match answer {
                    Answer::Reply(reply) => {
                        reply.texts().map(|text| course.asked.list.masked(text)).collect()
                    }
                    Answer::TimedOut | Answer::Unreachable | Answer::Malformed => Vec::new(),
                };
                open.finish_why(tag.list, texts);
                if let State::Done(said, texts) = &open.said[tag.list]
                    && course.made_up(&self.made_up).is_empty()
                {
                    self.cache.put(course.number, &open.target, said, texts, now);
                }
            }
        }
    }

    /// What a query asked.
    fn question_again(&self, tag: &Tag) -> Option<Question> {
        let list = &self.lists[tag.list].asked.list;
        let target = |number: usize| Some(&self.open.get(number.wrapping_sub(self.first))?.target);
        match tag.about {
            About::Target(number) => question(list, target(number)?, A),
            About::Why(number) => question(list, target(number)?, TXT),
            About::Test(test) => test_question(list, test),
            About::Control(_) => None,
        }
    }

    /// Takes the next report, if it is there.
    pub fn report(&mut self, now: Instant) -> Option<Report> {
        while self.open.is_empty() && !self.lists.is_empty() && self.draw(now) {}
        let has_ended = self.has_ended(now);
        let open = self.open.front_mut()?;
        let is_late =
            has_ended || open.started.is_some_and(|started| now >= started + self.timeout);
        let mut only_doubtful = true;
        for (at, state) in open.said.iter_mut().enumerate() {
            let course = &self.lists[at];
            match state {
                State::Inapplicable => {}
                // A listing without its reason is better than a late one.
                State::Why(..) if is_late => {
                    let State::Why(codes, ttl) = std::mem::replace(state, State::Inapplicable)
                    else {
                        return None;
                    };
                    *state = State::Done(Said::Listed(codes, ttl), Vec::new());
                }
                State::Done(..) if course.tests.is_over() => {}
                State::Done(..) | State::Waiting | State::Running | State::Why(..) => {
                    only_doubtful &= course.asked.doubtful && !course.has_answered();
                }
            }
        }
        if has_ended {
            open.end();
        } else if !only_doubtful || self.controls.iter().any(|control| control.running && !is_late)
        {
            return None;
        }
        let open = self.open.pop_front()?;
        self.first += 1;
        let verdicts = open.said.into_iter().zip(&self.lists).map(|(state, course)| {
            let (said, texts) = match state {
                State::Inapplicable => return None,
                State::Done(said, texts) => (said, texts),
                State::Waiting | State::Running | State::Why(..) => {
                    (Said::Unknown(Reason::Dead), Vec::new())
                }
            };
            let made_up = course.made_up(&self.made_up);
            let evidence = course.evidence(made_up);
            Some(verdict::decide(&course.asked.list, said, texts, &evidence, made_up))
        });
        Some(Report { target: open.target, verdicts: verdicts.collect() })
    }

    /// Whether everything is reported.
    pub fn is_over(&mut self, now: Instant) -> bool {
        self.open.is_empty() && (self.drawn || !self.draw(now))
    }

    /// When the first target's time is over.
    pub fn next_due(&self) -> Option<Instant> {
        let first = self.open.front().and_then(|open| Some(open.started? + self.timeout));
        first.into_iter().chain(self.end).min()
    }

    /// What became of each list.
    pub fn into_experiences(self) -> Vec<Experience> {
        self.lists.into_iter().map(|course| course.experience).collect()
    }

    /// An address that a resolver made up for a name that no zone has.
    pub fn rewrites(&self) -> Option<Ipv4Addr> {
        self.made_up.first().copied()
    }
}

/// What came of the attempt to ask.
enum Step {
    /// Something was asked.
    Asked,
    /// There is nothing to ask, or no room.
    Nothing,
    /// The list's limit says when.
    Later(Instant),
}

impl Open {
    /// Ends what is open: a listing without its reason is better than none.
    fn end(&mut self) {
        for state in &mut self.said {
            let said = match std::mem::replace(state, State::Inapplicable) {
                State::Waiting => Said::Unknown(Reason::NotAsked),
                State::Running => Said::Unknown(Reason::TimedOut),
                State::Why(codes, ttl) => Said::Listed(codes, ttl),
                done @ (State::Inapplicable | State::Done(..)) => {
                    *state = done;
                    continue;
                }
            };
            *state = State::Done(said, Vec::new());
        }
    }

    /// Adds the reason to a listing.
    fn finish_why(&mut self, list: usize, texts: Vec<String>) {
        let state = &mut self.said[list];
        if let State::Why(codes, ttl) = std::mem::replace(state, State::Inapplicable) {
            *state = State::Done(Said::Listed(codes, ttl), texts);
        }
    }
}

/// Whether another server may say more than this. A server that answers others was silent because the list is,
/// and another one would wait for it as long.
fn is_worth_another(answer: &Answer, has_answered: bool) -> bool {
    match answer {
        Answer::Reply(reply) => !matches!(reply.rcode, 0 | 3),
        Answer::TimedOut => !has_answered,
        Answer::Unreachable | Answer::Malformed => true,
    }
}

/// How many targets are open at once, at most and at least: as many as keep each list busy.
const MOST_OPEN: usize = 4096;
/// See [`MOST_OPEN`].
const LEAST_OPEN: usize = 256;
/// What lists said of open targets, all together: this bounds the memory of a survey, of however many lists.
const MOST_WAITING: usize = 1 << 17;

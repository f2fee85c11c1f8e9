//! All that is known: how each target stands with each list, how the lists are, what happened, what is
//! still to be told.
//!
//! It is one value, changed by what checks find, and it is what [`crate::store`] keeps on disk. Nothing
//! here asks, sends, or reads a clock.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use repute_lookup::health::Memory;
use serde::{Deserialize, Deserializer, Serialize};

use crate::event::{Event, Kind, Meaning};
use crate::outbox::Mailbox;
use crate::standing::{Details, Saw, Standing, Status};
use crate::steady::{Hysteresis, Steady};

/// All that is known.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct State {
    /// The subjects as they are configured, and when each was last checked.
    pub subjects: BTreeMap<String, Round>,
    /// The targets they stand for: addresses and names.
    pub targets: BTreeMap<String, Record>,
    /// Zones of one's own; their lists are the rules of an audit.
    pub zones: BTreeMap<String, Record>,
    /// The lists.
    pub lists: BTreeMap<String, ListRecord>,
    /// What happened lately, the newest last.
    pub events: VecDeque<Event>,
    /// The number of the last event.
    pub numbered: u64,
    /// What is to be told, by channel.
    pub outbox: BTreeMap<String, Mailbox>,
    /// What was learned of the lists. Of a form that is not known, nothing.
    #[serde(deserialize_with = "lenient")]
    pub memory: Memory,
}

/// When a subject was checked.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Round {
    /// The last time, in Unix milliseconds; none if it never was.
    pub checked: Option<u64>,
    /// What was wrong with the subject itself, as a host that does not exist.
    pub problem: Option<String>,
}

/// A target, or a zone of one's own.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Record {
    /// The subject that it is checked for.
    pub subject: String,
    /// The first check, in Unix seconds.
    pub first: u64,
    /// The last one.
    pub checked: u64,
    /// What the last check came to.
    pub summary: Summary,
    /// By list; one that never had it, and always answered, is not here.
    pub standings: BTreeMap<String, Standing>,
}

/// What the last check of a target came to.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Summary {
    /// Listed, not listed, or too few answers to say.
    pub outcome: Outcome,
    /// Block lists that have it, each once however many others it is part of.
    pub listed: usize,
    /// Block lists that did not say.
    pub unknown: usize,
    /// Block lists that were asked.
    pub asked: usize,
}

/// What a check came to.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It is not listed.
    Clean,
    /// It is listed.
    Listed,
    /// Too few lists answered.
    #[default]
    Unknown,
}

/// A list.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct ListRecord {
    /// Since when it is asked, in Unix seconds.
    pub since: u64,
    /// Whether it can be used.
    pub life: Steady<Life>,
    /// What the last checks found.
    pub condition: Condition,
    /// Why it cannot be used.
    pub reason: Option<String>,
    /// What was found since it was last judged, and when that was.
    found: Option<Life>,
    judged: u64,
}

/// Whether a list can be used.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Life {
    /// It answers.
    Up,
    /// It does not, or nothing that can be believed.
    Down,
}

/// What is the matter with a list.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Condition {
    /// Nothing.
    #[default]
    Ok,
    /// It does not answer, or there is none.
    Dead,
    /// It lists everything.
    Wildcard,
    /// It does not answer us.
    Refused,
    /// It does not answer us any more: too many queries.
    Ratelimited,
    /// Its answers are somebody else's.
    Hijacked,
}

/// What a check found in one list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The list, or the rule.
    pub list: String,
    /// What being on it means.
    pub meaning: Meaning,
    /// What it says.
    pub saw: Saw,
    /// What is the matter with the list, as far as this tells; nothing if it does not.
    pub condition: Option<Condition>,
    /// Lists that have all of its entries.
    pub part_of: Vec<String>,
}

/// What decides how findings are taken in.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// How many checks must agree.
    pub hysteresis: Hysteresis,
    /// How often each subject is checked.
    pub interval: Duration,
}

impl State {
    /// Takes in what a check of a target found. Returns what has changed.
    pub fn see_target(
        &mut self,
        subject: &str,
        target: &str,
        findings: Vec<Finding>,
        summary: Summary,
        now: u64,
        rules: Rules,
    ) -> Vec<Event> {
        for finding in &findings {
            let list = self.lists.entry(finding.list.clone()).or_default();
            if list.since == 0 {
                list.since = now;
            }
            list.note(finding);
        }
        let news = Words { target, listed: Kind::Listed, delisted: Kind::Delisted };
        let since = |list: &str| self.lists.get(list).map_or(now, |list| list.since);
        let record = self.targets.entry(target.to_owned()).or_insert_with(|| Record::new(now));
        record.subject = subject.to_owned();
        record.summary = summary;
        let mut events = record.see(findings, since, now, rules.hysteresis, &news);
        self.number(&mut events);
        events
    }

    /// Takes in what an audit of a zone found. Returns what has changed.
    pub fn see_zone(
        &mut self,
        zone: &str,
        findings: Vec<Finding>,
        summary: Summary,
        now: u64,
        rules: Rules,
    ) -> Vec<Event> {
        let news = Words { target: zone, listed: Kind::Failed, delisted: Kind::Mended };
        // All rules apply to every audit.
        let record = self.zones.entry(zone.to_owned()).or_insert_with(|| Record::new(now));
        record.subject = zone.to_owned();
        record.summary = summary;
        let mut events = record.see(findings, |_| 0, now, rules.hysteresis, &news);
        self.number(&mut events);
        events
    }

    /// Judges the lists by what the checks found in them since the last time, at most twice an interval: a
    /// list that is restarted while a hundred targets are checked one after the other is not dead. Returns
    /// what has changed.
    pub fn judge_lists(&mut self, now: u64, rules: Rules) -> Vec<Event> {
        let mut events = Vec::new();
        for (name, list) in &mut self.lists {
            let is_soon = now >= list.judged && now - list.judged < rules.interval.as_secs() / 2;
            if is_soon && list.life.value().is_some() {
                continue;
            }
            let Some(found) = list.found.take() else { continue };
            list.judged = now;
            let since = list.life.since();
            if !list.life.see(found, now, rules.hysteresis) {
                continue;
            }
            events.push(Event {
                number: 0,
                time: now,
                kind: match found {
                    Life::Up => Kind::Back,
                    Life::Down => Kind::Dead,
                },
                target: None,
                list: name.clone(),
                meaning: Meaning::Block,
                // Of one that is back, how long it was away.
                first_seen: (found == Life::Up).then_some(since),
                last_seen: (found == Life::Up).then_some(now),
                details: Details::default(),
                reason: list.reason.clone(),
            });
        }
        self.number(&mut events);
        events
    }

    /// Puts events into the log and into the mailboxes of these channels.
    pub fn tell<'c>(
        &mut self,
        events: &[Event],
        channels: impl Iterator<Item = &'c str>,
        now: u64,
    ) {
        if events.is_empty() {
            return;
        }
        for channel in channels {
            self.outbox.entry(channel.to_owned()).or_default().add(events, now);
        }
        self.events.extend(events.iter().cloned());
        let too_many = self.events.len().saturating_sub(MOST_EVENTS);
        self.events.drain(..too_many);
    }

    /// Forgets what is configured no more: subjects, zones, lists and channels that are not among these,
    /// and targets that no subject had for three intervals.
    pub fn forget(&mut self, kept: &Kept<'_>, now: u64, rules: Rules) {
        self.subjects.retain(|subject, _| (kept.subject)(subject));
        self.zones.retain(|zone, _| (kept.zone)(zone));
        self.lists.retain(|list, _| (kept.list)(list));
        self.outbox.retain(|channel, _| (kept.channel)(channel));
        let patience = rules.interval.as_secs().saturating_mul(3).max(60);
        self.targets.retain(|_, record| {
            (kept.subject)(&record.subject) && now < record.checked.saturating_add(patience)
        });
        for record in self.targets.values_mut() {
            record.standings.retain(|list, _| (kept.list)(list));
        }
    }

    /// The subject that a target is checked for, if it is another one than this that is there.
    pub fn owner(&self, target: &str, subject: &str) -> Option<&str> {
        let owner = &self.targets.get(target)?.subject;
        (owner != subject && self.subjects.contains_key(owner)).then_some(owner)
    }

    /// Gives events their numbers.
    fn number(&mut self, events: &mut [Event]) {
        for event in events {
            self.numbered = self.numbered.wrapping_add(1);
            event.number = self.numbered;
        }
    }
}

/// What is still configured.
pub struct Kept<'a> {
    /// Whether this subject is.
    pub subject: &'a dyn Fn(&str) -> bool,
    /// Whether this zone is.
    pub zone: &'a dyn Fn(&str) -> bool,
    /// Whether this list is.
    pub list: &'a dyn Fn(&str) -> bool,
    /// Whether this channel is.
    pub channel: &'a dyn Fn(&str) -> bool,
}

impl std::fmt::Debug for Kept<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Kept")
    }
}

/// How changes of a record are told.
struct Words<'a> {
    target: &'a str,
    listed: Kind,
    delisted: Kind,
}

impl Record {
    /// One that was never checked.
    fn new(now: u64) -> Record {
        Record {
            subject: String::new(),
            first: now,
            checked: 0,
            summary: Summary::default(),
            standings: BTreeMap::new(),
        }
    }

    /// Takes in what a check found; `since` says since when a list is asked at all.
    fn see(
        &mut self,
        findings: Vec<Finding>,
        since: impl Fn(&str) -> u64,
        now: u64,
        hysteresis: Hysteresis,
        words: &Words<'_>,
    ) -> Vec<Event> {
        let before: Vec<String> = self.listed().map(str::to_owned).collect();
        let mut changed = Vec::new();
        for Finding { list, meaning, saw, part_of, condition: _ } in findings {
            if !self.standings.contains_key(&list) {
                if saw == Saw::Clean {
                    continue;
                }
                // Where nothing is written, it was clean at every check that asked the list.
                let was_asked = self.checked > 0 && since(&list) <= self.checked;
                let standing = match was_asked {
                    true => Standing::clean(self.first.max(since(&list))),
                    false => Standing::default(),
                };
                self.standings.insert(list.clone(), standing);
            }
            let Some(standing) = self.standings.get_mut(&list) else { continue };
            let seen = standing.seen();
            if let Some(status) = standing.see(saw, now, hysteresis) {
                let seen = standing.seen().or(seen);
                let details = standing.details().clone();
                changed.push((list, meaning, status, part_of, seen, details));
            }
        }
        self.checked = now;
        let after: Vec<&str> = self.listed().collect();
        let mut events = Vec::new();
        for (list, meaning, status, part_of, seen, details) in changed {
            // What is told of a whole need not be told of its part.
            let is_told_elsewhere = match status {
                Status::Listed => part_of.iter().any(|whole| after.contains(&whole.as_str())),
                Status::Clean => part_of.iter().any(|whole| before.contains(whole)),
            };
            if is_told_elsewhere {
                continue;
            }
            events.push(Event {
                number: 0,
                time: now,
                kind: match status {
                    Status::Listed => words.listed,
                    Status::Clean => words.delisted,
                },
                target: Some(words.target.to_owned()),
                list,
                meaning,
                first_seen: seen.map(|(first, _)| first),
                last_seen: seen.map(|(_, last)| last),
                details,
                reason: None,
            });
        }
        events
    }

    /// The lists that have it.
    fn listed(&self) -> impl Iterator<Item = &str> {
        let is_listed = |standing: &Standing| standing.status() == Some(Status::Listed);
        self.standings.iter().filter(move |(_, s)| is_listed(s)).map(|(list, _)| list.as_str())
    }
}

impl ListRecord {
    /// Notes what a check found. One answer shows that a list lives, however many queries it did not answer.
    fn note(&mut self, finding: &Finding) {
        match finding.condition {
            None => {}
            Some(Condition::Ok) => {
                self.found = Some(Life::Up);
                (self.condition, self.reason) = (Condition::Ok, None);
            }
            Some(condition) if self.found != Some(Life::Up) => {
                self.found = Some(Life::Down);
                self.condition = condition;
                if let Saw::Unknown(reason) = &finding.saw {
                    self.reason = Some(reason.clone());
                }
            }
            Some(_) => {}
        }
    }
}

/// Reads what may be of another form, and then is as good as nothing.
fn lenient<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Memory, D::Error> {
    let value = serde_json::Value::deserialize(deserializer)?;
    Ok(serde_json::from_value(value).unwrap_or_default())
}

/// Events that are remembered.
const MOST_EVENTS: usize = 1000;

#[cfg(test)]
mod tests;

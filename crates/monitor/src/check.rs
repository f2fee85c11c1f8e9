//! Checks what is due: the thread that asks.
//!
//! Subjects that are due at about the same time are one survey, which asks all lists at once and each at
//! its own pace. A host is resolved anew each time; if no resolver answers, the addresses it had are checked.

use std::collections::{HashMap, HashSet};
use std::io;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use repute_dnsxl::Target;
use repute_lookup::cache::Cache;
use repute_lookup::inquiry::Known;
use repute_lookup::resolve::{self, Addresses, Missing};
use repute_lookup::subject::Subject;
use repute_lookup::survey::Report;

use crate::config::Config;
use crate::finding;
use crate::schedule;
use crate::shared::{Shared, now, now_ms};
use crate::state::State;

/// Checks what is due until all is over.
pub(crate) fn run(shared: &Shared) {
    loop {
        let config = shared.config();
        let (due, next) = {
            let book = shared.book();
            if book.is_over {
                return;
            }
            due(&book.state, &config, now_ms())
        };
        if !due.is_empty() {
            if let Err(error) = check(shared, &config, &due) {
                tracing::error!("cannot ask: {error}");
                // Without descriptors the next try fails too.
                let book = shared.book();
                if !book.is_over {
                    drop(shared.wait(book, AFTER_FAILURE));
                }
            }
            continue;
        }
        save_sometimes(shared);
        let book = shared.book();
        if book.is_over {
            return;
        }
        let wait = Duration::from_millis(next.saturating_sub(now_ms()).max(1));
        drop(shared.wait(book, wait.min(LONGEST_WAIT)));
    }
}

/// The subjects that are due, as many as are checked together, and when the next one is.
pub(crate) fn due(state: &State, config: &Config, now: u64) -> (Vec<Subject>, u64) {
    let (mut due, mut next) = (Vec::new(), u64::MAX);
    for subject in &config.subjects {
        let name = subject.to_string();
        let checked = state.subjects.get(&name).and_then(|round| round.checked);
        // A check in the future was one before the clock went back.
        let at = match checked.filter(|checked| *checked <= now) {
            Some(checked) => schedule::due(&name, config.interval, checked),
            None => 0,
        };
        if at > now {
            next = next.min(at);
        } else if due.len() < MOST_TOGETHER {
            due.push(subject.clone());
        }
    }
    (due, next)
}

/// Checks subjects, and takes in what is found.
///
/// # Errors
/// If the system gives no sockets. Nothing is taken for checked then.
pub(crate) fn check(shared: &Shared, config: &Config, subjects: &[Subject]) -> io::Result<()> {
    let (started, started_ms) = (Instant::now(), now_ms());
    let addresses = resolve::addresses(subjects, &config.resolvers, config.timeout)?;
    let found = targets(&shared.book().state, subjects, &addresses);
    let (lists, rules) = (config.bare_lists(), config.rules());
    // What is fresh for others may be old for a check: nothing is taken from a cache.
    let memory = shared.book().state.memory.clone();
    let mut known = Known { memory, cache: Cache::default() };
    let lost = lost(subjects, &addresses, &found);
    let mut owners = found.iter().map(|(owner, _)| owner.as_str());
    let mut is_news = false;
    let each = |report: Report| {
        let mut book = shared.book();
        if book.is_over {
            return ControlFlow::Break(());
        }
        let Some(owner) = owners.next() else { return ControlFlow::Break(()) };
        let mut findings = finding::findings(config.names(), &lists, &report);
        let mut summary = finding::summary(&lists, &report, config.quorum);
        if let Some(why) = lost.get(owner) {
            finding::doubt(&mut findings, &mut summary, why);
        }
        let (target, now) = (report.target.to_string(), now());
        let events = book.state.see_target(owner, &target, findings, summary, now, rules);
        is_news |= !events.is_empty();
        book.tell(&events, config, now);
        ControlFlow::Continue(())
    };
    let targets = found.iter().map(|(_, target)| target.clone());
    let findings = config.inquiry(None).run(targets, &mut known, now(), each)?;
    let mut book = shared.book();
    if book.is_over {
        return Ok(());
    }
    for (address, error) in &findings.unreachable {
        tracing::warn!("cannot ask {address}: {error}");
    }
    for (name, experience) in config.names().iter().zip(&findings.experiences) {
        book.process.traffic.entry(name.clone()).or_default().add(&experience.traffic);
    }
    let now = now();
    known.memory.forget(now);
    book.state.memory = known.memory;
    let events = book.state.judge_lists(now, rules);
    is_news |= !events.is_empty();
    book.tell(&events, config, now);
    for (subject, addresses) in subjects.iter().zip(&addresses) {
        let round = book.state.subjects.entry(subject.to_string()).or_default();
        round.checked = Some(started_ms);
        round.problem = finding::problem(addresses).map(str::to_owned);
    }
    book.process.rounds += 1;
    book.process.round_seconds = started.elapsed().as_secs_f64();
    drop(book);
    shared.forget();
    match is_news {
        true => shared.save(),
        false => save_sometimes(shared),
    }
    shared.wake();
    Ok(())
}

/// Writes the state if that was not done lately: what is lost with a process that is killed is found again
/// by the next checks.
fn save_sometimes(shared: &Shared) {
    let is_time = {
        let book = shared.book();
        let saved = book.process.saved.unwrap_or(0);
        let is_old = now().abs_diff(saved) >= SAVE_SECONDS;
        book.is_dirty && (is_old || book.process.save_error.is_some())
    };
    if is_time {
        shared.save();
    }
}

/// The targets of subjects, each once, and for which subject it is checked. One that is checked for another
/// subject anyhow is left to that.
fn targets(state: &State, subjects: &[Subject], addresses: &[Addresses]) -> Vec<(String, Target)> {
    let (mut targets, mut seen) = (Vec::new(), HashSet::new());
    for (subject, addresses) in subjects.iter().zip(addresses) {
        let name = subject.to_string();
        let looked_up = match addresses {
            Ok(addresses) => addresses.clone(),
            Err(Missing::Answer) => {
                let of_subject = state.targets.iter().filter(|(_, record)| record.subject == name);
                of_subject.filter_map(|(target, _)| target.parse().ok()).collect()
            }
            Err(Missing::Name | Missing::Address) => Vec::new(),
        };
        for target in subject.targets().chain(looked_up.into_iter().take(MOST_OF_HOST)) {
            if state.owner(&target.to_string(), &name).is_none() && seen.insert(target.clone()) {
                targets.push((name.clone(), target));
            }
        }
    }
    targets
}

/// Hosts of which nothing but the name is checked, and why. Those whose addresses of before are checked
/// are not among them.
fn lost(
    subjects: &[Subject],
    addresses: &[Addresses],
    found: &[(String, Target)],
) -> HashMap<String, &'static str> {
    let mut lost = HashMap::new();
    for (subject, addresses) in subjects.iter().zip(addresses) {
        let (Some(why), name) = (finding::problem(addresses), subject.to_string()) else {
            continue;
        };
        if found.iter().filter(|(owner, _)| *owner == name).count() <= 1 {
            lost.insert(name, why);
        }
    }
    lost
}

/// Addresses of a host that are checked: who answers its name is not always its owner.
const MOST_OF_HOST: usize = 64;
/// Subjects that are checked together.
const MOST_TOGETHER: usize = 256;
/// The longest time nothing is looked at.
const LONGEST_WAIT: Duration = Duration::from_secs(10);
/// How long to wait when sockets are missing.
const AFTER_FAILURE: Duration = Duration::from_secs(10);
/// The state is written that often, if nothing happens.
const SAVE_SECONDS: u64 = 10;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::{Round, Rules, Summary};
    use crate::steady::Hysteresis;

    /// A configuration with these subjects, no lists, and a check every hour.
    fn config(subjects: &[&str]) -> Config {
        let subjects = subjects.iter().map(|text| text.parse().expect("a subject")).collect();
        Config::new(subjects, Vec::new(), Vec::new())
    }

    #[test]
    fn what_was_never_checked_is_due_and_the_rest_by_its_place_in_the_interval() {
        let config = config(&["192.0.2.1", "192.0.2.2", "192.0.2.0/28"]);
        let mut state = State::default();
        let (found, next) = due(&state, &config, 1_700_000_000_000);
        assert_eq!((found.len(), next), (3, u64::MAX));
        let mut now = 1_700_000_000_000;
        let mut counts = [0; 3];
        for _ in 0..7200 {
            for subject in due(&state, &config, now).0 {
                let at = config.subjects.iter().position(|known| *known == subject);
                counts[at.expect("it is one of them")] += 1;
                let round = Round { checked: Some(now), problem: None };
                state.subjects.insert(subject.to_string(), round);
            }
            now += 1000;
        }
        assert_eq!(counts, [3, 3, 3], "once at first, then once an hour for two hours");
        // A clock that went back two years does not stop anything.
        assert_eq!(due(&state, &config, 1_600_000_000_000).0.len(), 3);
    }

    #[test]
    fn each_target_is_checked_for_one_subject() {
        let config = config(&["192.0.2.0/30", "192.0.2.1", "mail.example"]);
        let address = || Target::Ipv4([192, 0, 2, 1].into());
        let mut state = State::default();
        let none = || Ok(Vec::new());
        let found = targets(&state, &config.subjects, &[none(), none(), Ok(vec![address()])]);
        let shown: Vec<String> = found.iter().map(|(owner, t)| format!("{t} {owner}")).collect();
        assert_eq!(
            shown,
            [
                "192.0.2.0 192.0.2.0/30",
                "192.0.2.1 192.0.2.0/30",
                "192.0.2.2 192.0.2.0/30",
                "192.0.2.3 192.0.2.0/30",
                "mail.example mail.example"
            ]
        );
        // Later too, and when no resolver answers the addresses of before are checked.
        let rules =
            Rules { hysteresis: Hysteresis::default(), interval: Duration::from_secs(3600) };
        let mut see = |subject: &str, target: &str| {
            state.subjects.entry(subject.to_owned()).or_default();
            state.see_target(subject, target, Vec::new(), Summary::default(), 1, rules);
        };
        see("192.0.2.0/30", "192.0.2.1");
        see("mail.example", "192.0.2.9");
        let alone = &config.subjects[1..];
        let found = targets(&state, alone, &[none(), Err(Missing::Answer)]);
        let shown: Vec<String> = found.iter().map(|(_, target)| target.to_string()).collect();
        assert_eq!(shown, ["mail.example", "192.0.2.9"]);
        let found = targets(&state, alone, &[none(), Err(Missing::Name)]);
        assert_eq!(found.len(), 1, "a host that is no more has no addresses");
        let many = (0..1000).map(|n: u32| Target::Ipv4(n.into())).collect();
        let found = targets(&state, &alone[1..], &[Ok(many)]);
        assert_eq!(found.len(), 1 + MOST_OF_HOST, "nobody has us ask about the world");
    }
}

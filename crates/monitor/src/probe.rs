//! A check on demand, by whoever asks the prober: the same lists, nothing kept of it.

use std::io;
use std::ops::ControlFlow;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use repute_dnsxl::Target;
use repute_lookup::cache::Cache;
use repute_lookup::inquiry::Known;
use repute_lookup::resolve;
use repute_lookup::subject::Subject;
use repute_lookup::survey::Report;

use crate::finding;
use crate::metrics;
use crate::shared::{Shared, now};
use crate::state::State;
use crate::view::{Process, View};

/// Reads what is to be probed.
///
/// # Errors
/// In words, if it is nothing that can be checked, or too much at once.
pub(crate) fn subject(text: &str) -> Result<Subject, String> {
    let subject: Subject = text.parse().map_err(|error| format!("{error}"))?;
    match subject.addresses() {
        many if many > MOST_ADDRESSES => {
            Err(format!("{many} addresses are too many: at most {MOST_ADDRESSES} at once"))
        }
        _ => Ok(subject),
    }
}

/// Checks a subject now, and says what was found as metrics.
///
/// # Errors
/// If the system gives no sockets.
pub(crate) fn probe(shared: &Shared, subject: &Subject) -> io::Result<String> {
    let started = Instant::now();
    let config = shared.config();
    let subjects = std::slice::from_ref(subject);
    let addresses = resolve::addresses(subjects, &config.resolvers, config.timeout)?;
    let mut targets: Vec<Target> = subject.targets().collect();
    let looked_up = addresses.iter().flatten().flatten().cloned();
    let why = addresses.first().and_then(finding::problem);
    targets.extend(looked_up.take(usize::try_from(MOST_ADDRESSES).unwrap_or(usize::MAX)));
    let memory = shared.book().state.memory.clone();
    let mut known = Known { memory, cache: Cache::default() };
    let (lists, name, now) = (config.bare_lists(), subject.to_string(), now());
    let mut state = State::default();
    let each = |report: Report| {
        let mut findings = finding::findings(config.names(), &lists, &report);
        let mut summary = finding::summary(&lists, &report, config.quorum);
        if let Some(why) = why {
            finding::doubt(&mut findings, &mut summary, why);
        }
        let target = report.target.to_string();
        state.see_target(&name, &target, findings, summary, now, config.rules());
        ControlFlow::Continue(())
    };
    let limit = config.timeout.saturating_mul(2).saturating_add(Duration::from_secs(1));
    let findings = config.inquiry(Some(limit)).run(targets.into_iter(), &mut known, now, each)?;
    let mut book = shared.book();
    for (name, experience) in config.names().iter().zip(&findings.experiences) {
        book.process.traffic.entry(name.clone()).or_default().add(&experience.traffic);
    }
    drop(book);
    state.judge_lists(now, config.rules());
    let took = started.elapsed();
    let process = Process { round_seconds: took.as_secs_f64(), ..Process::default() };
    let view = View::of(&state, &config, &process, now);
    Ok(metrics::render_probe(&view, took, config.luzilla))
}

/// How often the prober may be asked: a few times at once, then once a second.
#[derive(Debug)]
pub(crate) struct Limit(Mutex<(f64, Instant)>);

impl Limit {
    /// Nobody asked yet.
    pub(crate) fn new(now: Instant) -> Limit {
        Limit(Mutex::new((BURST, now)))
    }

    /// Takes a turn, if there is one.
    pub(crate) fn take(&self, now: Instant) -> bool {
        let mut left = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let more = now.saturating_duration_since(left.1).as_secs_f64() * A_SECOND;
        *left = ((left.0 + more).min(BURST), now);
        let is_there = left.0 >= 1.0;
        if is_there {
            left.0 -= 1.0;
        }
        is_there
    }
}

/// Addresses that may be probed at once.
const MOST_ADDRESSES: u128 = 64;
/// Probes at once before the limit is felt, and how many a second come back.
const BURST: f64 = 20.0;
const A_SECOND: f64 = 2.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_can_be_checked_at_once_is_taken() {
        assert!(subject("192.0.2.0/26").is_ok() && subject("mail.example").is_ok());
        for (text, why) in [
            ("", "it is empty"),
            ("192.0.2.0/25", "128 addresses are too many"),
            ("2001:db8::/32", "are too many"),
            ("192.0.2.300", "not an address"),
        ] {
            let error = subject(text).expect_err(text);
            assert!(error.contains(why), "{error}");
        }
    }

    #[test]
    fn turns_come_back_with_time() {
        let start = Instant::now();
        let limit = Limit::new(start);
        let taken = (0..100).filter(|_| limit.take(start)).count();
        assert_eq!(taken, 20);
        assert!(limit.take(start + Duration::from_millis(500)));
        assert!(!limit.take(start + Duration::from_millis(500)));
        assert!((0..100).filter(|_| limit.take(start + Duration::from_secs(1000))).count() == 20);
    }
}

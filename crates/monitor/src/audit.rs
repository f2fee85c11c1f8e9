//! Audits zones of one's own: the thread that holds them against the rules.
//!
//! A rule that is broken is to a zone what a list is to a target. Advice is shown by `repute audit` and is
//! no news, but for a server that stays behind; that no server of a zone can be asked is the worst of news.

use std::io;
use std::time::Duration;

use repute_audit::rule::Rule;
use repute_audit::{Audit, State, Subject};

use crate::config::Config;
use crate::event::Meaning;
use crate::schedule;
use crate::shared::{Shared, now, now_ms};
use crate::standing::{Details, Saw};
use crate::state::{Finding, Outcome, Summary};

/// Audits what is due until all is over.
pub(crate) fn run(shared: &Shared) {
    loop {
        let config = shared.config();
        let (due, next) = {
            let book = shared.book();
            if book.is_over {
                return;
            }
            let checked =
                |zone: &str| Some(book.state.zones.get(zone)?.checked.saturating_mul(1000));
            due(&config, checked, now_ms())
        };
        let mut wait = Duration::from_millis(next.saturating_sub(now_ms()).max(1));
        if let Some(zone) = due {
            match audit(shared, &config, &zone) {
                Ok(()) => continue,
                Err(error) => tracing::error!("cannot audit {}: {error}", zone.zone),
            }
            wait = LONGEST_WAIT;
        }
        let book = shared.book();
        if book.is_over {
            return;
        }
        drop(shared.wait(book, wait.min(LONGEST_WAIT)));
    }
}

/// The zone that is due, and when the next one is.
fn due(config: &Config, checked: impl Fn(&str) -> Option<u64>, now: u64) -> (Option<Subject>, u64) {
    let mut next = u64::MAX;
    for zone in &config.zones {
        let name = zone.zone.to_string();
        // An audit in the future was one before the clock went back.
        let at = match checked(&name).filter(|checked| *checked <= now) {
            Some(checked) => schedule::due(&format!("zone {name}"), config.interval, checked),
            None => 0,
        };
        if at <= now {
            return (Some(zone.clone()), now);
        }
        next = next.min(at);
    }
    (None, next)
}

/// Audits a zone, and takes in what is found.
///
/// # Errors
/// If the system gives no sockets. Nothing is taken for audited then.
pub(crate) fn audit(shared: &Shared, config: &Config, zone: &Subject) -> io::Result<()> {
    let audit = repute_audit::run(zone)?;
    let now = now();
    let is_news = {
        let mut book = shared.book();
        if book.is_over {
            return Ok(());
        }
        let name = zone.zone.to_string();
        let (findings, summary) = findings(&audit);
        let events = book.state.see_zone(&name, findings, summary, now, config.rules());
        book.tell(&events, config, now);
        book.process.audits.insert(name, audit);
        !events.is_empty()
    };
    if is_news {
        shared.save();
    }
    shared.wake();
    Ok(())
}

/// What an audit found, by rule; what it could not tell, and what does not apply, is left as it was.
fn findings(audit: &Audit) -> (Vec<Finding>, Summary) {
    let finding = |rule: &str, saw| Finding {
        list: rule.to_owned(),
        meaning: Meaning::Block,
        saw,
        condition: None,
        part_of: Vec::new(),
    };
    let asked = match &audit.obstacle {
        None => Saw::Clean,
        Some(why) => Saw::Listed(Details { texts: vec![why.clone()], ..Details::default() }),
    };
    let mut findings = vec![finding(CAN_BE_ASKED, asked)];
    for found in &audit.findings {
        let facts = found.rule.facts();
        let saw = match found.state {
            State::Skipped => continue,
            // Advice to others; of one's own servers one that stays behind is news.
            State::Warn if found.rule != Rule::SerialsInStep => Saw::Clean,
            State::Pass => Saw::Clean,
            State::Warn | State::Fail => Saw::Listed(Details {
                codes: vec![facts.reference.to_owned()],
                meanings: vec![format!("{}; {}", facts.title, facts.remedy)],
                texts: vec![found.seen.clone()],
                link: None,
            }),
        };
        findings.push(finding(facts.id, saw));
    }
    let listed = findings.iter().filter(|f| matches!(f.saw, Saw::Listed(_))).count();
    let outcome = if listed > 0 { Outcome::Listed } else { Outcome::Clean };
    let summary = Summary { outcome, listed, unknown: 0, asked: findings.len() };
    (findings, summary)
}

/// The rule that stands for a zone of which no server can be asked.
const CAN_BE_ASKED: &str = "can-be-asked";
/// The longest time nothing is looked at.
const LONGEST_WAIT: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use repute_audit::{Finding as Found, grade::Grade};

    use super::*;

    #[test]
    fn faults_are_broken_rules_advice_is_not_and_silence_is_the_worst() {
        let found = |rule, state| Found { rule, state, seen: "this".into() };
        let mut audit = Audit {
            zone: "bl.example".into(),
            servers: Vec::new(),
            obstacle: None,
            findings: vec![
                found(Rule::Tcp, State::Fail),
                found(Rule::TwoNetworks, State::Warn),
                found(Rule::TestName, State::Skipped),
                found(Rule::SerialsInStep, State::Warn),
            ],
            grade: Some(Grade::A),
        };
        let (findings, summary) = findings(&audit);
        let broken: Vec<&str> = findings
            .iter()
            .filter(|finding| matches!(finding.saw, Saw::Listed(_)))
            .map(|finding| finding.list.as_str())
            .collect();
        let wanted = [Rule::Tcp, Rule::SerialsInStep].map(|rule| rule.facts().id);
        assert_eq!((broken, findings.len()), (wanted.to_vec(), 4));
        assert_eq!((summary.outcome, summary.listed), (Outcome::Listed, 2));
        audit.obstacle = Some("no server answers".into());
        audit.findings.clear();
        let (findings, _) = super::findings(&audit);
        assert_eq!(findings[0].list, CAN_BE_ASKED);
        assert!(matches!(&findings[0].saw, Saw::Listed(d) if d.texts == ["no server answers"]));
    }

    #[test]
    fn zones_have_places_of_their_own_in_the_interval() {
        let zone = |name: &str| Subject {
            zone: name.parse().expect("a name"),
            kind: None,
            errors: Vec::new(),
            servers: Vec::new(),
            resolvers: Vec::new(),
            timeout: Duration::from_secs(1),
        };
        let mut config = Config::new(Vec::new(), Vec::new(), Vec::new());
        config.zones = vec![zone("a.example"), zone("b.example")];
        let start = 1_700_000_000_000;
        let (first, _) = due(&config, |_| None, start);
        assert_eq!(first.map(|zone| zone.zone.to_string()).as_deref(), Some("a.example"));
        let (none, next) = due(&config, |_| Some(start), start);
        assert!(none.is_none() && next > start && next <= start + 3_600_000);
        let (again, _) = due(&config, |_| Some(start), start + 3_600_000);
        assert!(again.is_some());
        assert!(due(&config, |_| Some(start), 5).0.is_some(), "a clock that went back");
    }
}

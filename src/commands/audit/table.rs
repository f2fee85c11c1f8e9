//! An audit for people: the rules, the grade, and what to mend first.

use std::io::{self, Write};

use repute_audit::grade::Grade;
use repute_audit::rule::Severity;
use repute_audit::{Audit, Finding, State};

/// Writes an audit.
pub(super) fn write(out: &mut impl Write, audit: &Audit, colour: bool) -> io::Result<()> {
    let paint = |text: &str, code: &str| match colour && !code.is_empty() {
        true => format!("\x1b[{code}m{text}\x1b[0m"),
        false => text.to_owned(),
    };
    let ids = audit.findings.iter().map(|finding| finding.rule.facts().id.len());
    let width = ids.max().unwrap_or(0);
    let references = audit.findings.iter().map(|finding| reference(finding).chars().count());
    let cited = references.max().unwrap_or(0);
    // Of a list that cannot be audited only what could be told.
    let is_told = |finding: &&Finding| audit.obstacle.is_none() || finding.state != State::Skipped;
    let told: Vec<&Finding> = audit.findings.iter().filter(is_told).collect();
    if !told.is_empty() {
        writeln!(out, "{}", headline(audit))?;
    }
    for finding in &told {
        let word = format!("{:<7}", finding.state.word());
        writeln!(
            out,
            "  {} {:<width$}  {:<cited$}  {}",
            paint(&word, colour_of(finding.state)),
            finding.rule.facts().id,
            reference(finding),
            plain(&finding.seen)
        )?;
    }
    if !told.is_empty() {
        writeln!(out)?;
    }
    if let Some(obstacle) = &audit.obstacle {
        let line = format!("{}: cannot tell, {}", audit.zone, obstacle);
        return writeln!(out, "{}", paint(&plain(&line), YELLOW));
    }
    let count = |state| audit.findings.iter().filter(|finding| finding.state == state).count();
    let (faults, advice) = (count(State::Fail), count(State::Warn));
    if let Some(grade) = audit.grade {
        let colour = match grade {
            Grade::A | Grade::B => GREEN,
            Grade::C | Grade::D => YELLOW,
            Grade::E | Grade::F => RED,
        };
        let faults = match faults {
            0 => "no fault".to_owned(),
            1 => "1 fault".to_owned(),
            n => format!("{n} faults"),
        };
        let advice = match advice {
            0 => String::new(),
            n => format!(", {n} to think about"),
        };
        let line = format!("{}: grade {}, {faults}{advice}", audit.zone, grade.letter());
        writeln!(out, "{}", paint(&plain(&line), colour))?;
    }
    for (finding, word) in to_mend(audit) {
        let facts = finding.rule.facts();
        let id = paint(facts.id, colour_of(finding.state));
        writeln!(out, "  {word} {id}: {}", facts.title)?;
        writeln!(out, "         {}", facts.remedy)?;
    }
    Ok(())
}

/// The list and the servers that were asked.
fn headline(audit: &Audit) -> String {
    let servers = audit.servers.iter().map(|server| match &server.name {
        Some(name) => format!("{} ({})", name, server.address.ip()),
        None => server.address.to_string(),
    });
    let servers: Vec<String> = servers.collect();
    plain(&format!("{} at {}", audit.zone, servers.join(", ")))
}

/// What is broken, the worst first.
fn to_mend(audit: &Audit) -> impl Iterator<Item = (&Finding, &'static str)> {
    let is_vital = |finding: &Finding| finding.rule.facts().severity == Severity::Vital;
    let groups: [(&str, Vec<&Finding>); 3] = [
        (
            "vital ",
            audit.findings.iter().filter(|f| f.state == State::Fail && is_vital(f)).collect(),
        ),
        (
            "soon",
            audit.findings.iter().filter(|f| f.state == State::Fail && !is_vital(f)).collect(),
        ),
        ("advice", audit.findings.iter().filter(|f| f.state == State::Warn).collect()),
    ];
    groups.into_iter().flat_map(|(word, group)| group.into_iter().map(move |f| (f, word)))
}

/// Who asks for what a rule says, short enough for a column.
fn reference(finding: &Finding) -> String {
    finding.rule.facts().reference.replace("section ", "§")
}

/// The colour of a state.
fn colour_of(state: State) -> &'static str {
    match state {
        State::Pass => GREEN,
        State::Warn => YELLOW,
        State::Fail => RED,
        State::Skipped => GREY,
    }
}

/// A text of a stranger, without what a terminal would obey.
fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

/// Bold red.
const RED: &str = "1;31";
/// Green.
const GREEN: &str = "32";
/// Yellow.
const YELLOW: &str = "33";
/// Grey.
const GREY: &str = "2";

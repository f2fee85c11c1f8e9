//! A report as JSON: an object a line.

use std::io::{self, Write};

use repute_dnsxl::Polarity;
use repute_lookup::list::List;
use repute_lookup::outcome::{Count, Outcome};
use repute_lookup::resolve::Missing;
use repute_lookup::survey::Report;
use repute_lookup::verdict::Verdict;
use serde_json::{Value, json};

use super::set::Set;

/// Writes a report.
pub(super) fn write(
    out: &mut impl Write,
    lists: &[List],
    report: &Report,
    count: Count,
    outcome: Outcome,
    missing: Option<Missing>,
    set: Option<Set>,
) -> io::Result<()> {
    let verdicts = lists.iter().zip(&report.verdicts);
    let verdicts: Vec<Value> = verdicts
        .filter_map(|(list, verdict)| Some(entry(list, verdict.as_ref()?, report)))
        .collect();
    let mut object = json!({
        "target": report.target.to_string(),
        "outcome": outcome_word(outcome),
        "asked": count.asked(),
        "listed": count.listed,
        "unknown": count.unknown,
        "allowed": count.allowed,
        "lists": verdicts,
    });
    if let Some(missing) = missing {
        object["missing"] = json!(missing.to_string());
    }
    if let Some(Set { day, age, .. }) = set {
        object["catalogue"] = json!({ "date": day.to_string(), "age-days": age });
    }
    serde_json::to_writer(&mut *out, &object)?;
    writeln!(out)
}

/// What one list says.
fn entry(list: &List, verdict: &Verdict, report: &Report) -> Value {
    let mut entry = json!({
        "zone": list.zone.to_string(),
        "polarity": polarity_word(list.polarity),
        "verdict": verdict_word(verdict),
    });
    match verdict {
        Verdict::Listed(listing) => {
            let codes = listing.codes.iter();
            entry["codes"] = codes
                .map(|code| json!({ "code": code.to_string(), "meaning": list.meaning(*code) }))
                .collect();
            entry["texts"] = json!(listing.texts);
            entry["delisting"] = json!(list.delisting_link(&report.target));
            entry["ttl"] = json!(listing.ttl.map(|ttl| ttl.as_secs()));
        }
        Verdict::NotListed => {}
        Verdict::Unknown(reason) => entry["reason"] = json!(reason.to_string()),
    }
    entry
}

/// The word for an outcome.
pub(super) fn outcome_word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::NotListed => "not-listed",
        Outcome::Listed => "listed",
        Outcome::Unknown => "unknown",
    }
}

/// The word for a verdict.
pub(super) fn verdict_word(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Listed(_) => "listed",
        Verdict::NotListed => "not-listed",
        Verdict::Unknown(_) => "unknown",
    }
}

/// The word for a polarity.
pub(super) fn polarity_word(polarity: Polarity) -> &'static str {
    match polarity {
        Polarity::Block => "block",
        Polarity::Allow => "allow",
        Polarity::Info => "info",
    }
}

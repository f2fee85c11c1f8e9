//! `repute zone check`: every faulty line in its place, and whether the list would be served.

use std::io::Write;
use std::path::Path;

use repute_nameserver::loader::Built;
use repute_zone::{Fault, Faults};

use super::subject::Subject;
use crate::cli::ListArgs;
use crate::config::Picture;
use crate::exit::{Verdict, story};

/// Checks the lists that were named, and tells the worst that was found.
pub(super) fn run(
    config: Option<&Path>,
    what: &[String],
    list: &ListArgs,
) -> anyhow::Result<Verdict> {
    let mut out = std::io::stdout().lock();
    let mut verdict = Verdict::Yes;
    for subject in Subject::find(config, what, list)? {
        let found = match subject.build(None) {
            Ok(built) if subject.is_snapshot() => {
                let (entries, serial) = (built.zone.entries(), built.zone.serial());
                let name = &subject.name;
                writeln!(
                    out,
                    "{name}: a snapshot of {entries} entries, serial {serial}; would be served"
                )?;
                Verdict::Yes
            }
            Ok(built) => show(&subject.name, &built, &mut out)?,
            Err(error) => {
                let why = story(anyhow::Error::new(error).chain());
                writeln!(out, "{}: cannot be served: {why}", subject.name)?;
                Verdict::Unknown
            }
        };
        verdict = match (verdict, found) {
            (Verdict::Unknown, _) | (_, Verdict::Unknown) => Verdict::Unknown,
            (Verdict::No, _) | (_, Verdict::No) => Verdict::No,
            (Verdict::Yes, Verdict::Yes) => Verdict::Yes,
        };
    }
    Ok(verdict)
}

/// Shows all that was noticed in one list.
fn show(name: &str, built: &Built, out: &mut impl Write) -> std::io::Result<Verdict> {
    let mut shown = 0;
    for fault in built.faults.iter().flat_map(Faults::iter) {
        writeln!(out, "{}\n", picture(fault))?;
        shown += 1;
    }
    let total = built.fault_count();
    if total > shown {
        writeln!(out, "and {} more faulty lines\n", total - shown)?;
    }
    if let Some(address) = built.zone.covers_never_listed() {
        writeln!(out, "{name}: covers {address}, which is left out (RFC 5782 section 5)")?;
    }
    for refusal in &built.refusals {
        writeln!(out, "{name}: refused: {refusal}")?;
    }
    let (entries, lines) = (built.zone.entries(), built.lines);
    let fate = if built.refusals.is_empty() { "would be served" } else { "would not be served" };
    let warnings: u64 = built.faults.iter().map(Faults::warnings).sum();
    let faulty = total.saturating_sub(warnings);
    let warnings = match warnings {
        0 => String::new(),
        n => format!(", {n} with a warning"),
    };
    writeln!(out, "{name}: {entries} entries of {lines} lines, {faulty} faulty{warnings}; {fate}")?;
    Ok(match (built.refusals.is_empty(), total) {
        (false, _) => Verdict::Unknown,
        (true, 0) => Verdict::Yes,
        (true, _) => Verdict::No,
    })
}

/// A faulty line with a caret under its column.
fn picture(fault: &Fault) -> String {
    // Columns count bytes; the caret stands under characters. Of a long line only the start is kept.
    let bytes = (fault.column as usize).saturating_sub(1);
    let before = fault.text.char_indices().take_while(|(at, _)| *at < bytes).count();
    let beyond = bytes.saturating_sub(fault.text.len());
    let text = if beyond > 0 { format!("{}...", fault.text) } else { fault.text.clone() };
    let message = match fault.problem.is_warning() {
        true => format!("warning: {}", fault.problem),
        false => fault.problem.to_string(),
    };
    let picture = Picture {
        file: &fault.source,
        line: fault.line,
        column: (before + beyond) as u32 + 1,
        text: &text,
        width: 1,
        message: &message,
    };
    picture.to_string()
}

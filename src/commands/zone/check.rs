//! `repute zone check`: every faulty line in its place, and whether the list would be served.

use std::io::Write;
use std::path::Path;

use repute_nameserver::loader::Built;
use repute_zone::{DatasetKind, Faults};

use super::subject::{MAX_UNPACKED, Subject};
use crate::cli::ListArgs;
use crate::commands::access::{self, AskedFor};
use crate::commands::fault::picture;
use crate::exit::{Verdict, story};

/// Checks the lists that were named, and tells the worst that was found.
pub(super) fn run(
    config: Option<&Path>,
    what: &[String],
    list: &ListArgs,
) -> anyhow::Result<Verdict> {
    let mut out = std::io::stdout().lock();
    let mut verdict = Verdict::Yes;
    if let Some(kind @ (DatasetKind::Acl | DatasetKind::Aclkey)) = list.kind
        && !what.is_empty()
    {
        for file in what {
            let by_name = AskedFor::ByName;
            let found = access::check(Path::new(file), kind, MAX_UNPACKED, by_name, &mut out)?;
            verdict = verdict.worse(found);
        }
        return Ok(verdict);
    }
    for subject in Subject::find(config, what, list)? {
        let found = match subject.build(None) {
            Ok(built) => show(&subject, &built, &mut out)?,
            Err(error) => {
                let why = story(anyhow::Error::new(error).chain());
                writeln!(out, "{}: cannot be served: {why}", subject.name)?;
                Verdict::Unknown
            }
        };
        verdict = verdict.worse(found);
    }
    Ok(verdict)
}

/// Shows all that was noticed in one list.
fn show(subject: &Subject, built: &Built, out: &mut impl Write) -> std::io::Result<Verdict> {
    let name = &subject.name;
    let mut shown = 0;
    for fault in built.faults.iter().flat_map(Faults::iter) {
        writeln!(out, "{}\n", picture(fault))?;
        shown += 1;
    }
    let (faulty, warned) = (built.fault_count(), built.warning_count());
    let total = faulty + warned;
    if total > shown {
        writeln!(out, "and {} more such lines\n", total - shown)?;
    }
    if let Some(address) = built.zone.covers_never_listed() {
        writeln!(out, "{name}: covers {address}, which is left out (RFC 5782 section 5)")?;
    }
    for refusal in &built.refusals {
        writeln!(out, "{name}: refused: {refusal}")?;
    }
    let (entries, lines) = (built.zone.entries(), built.lines);
    let fate = if built.refusals.is_empty() { "would be served" } else { "would not be served" };
    if subject.is_snapshot() {
        let serial = built.zone.serial();
        writeln!(out, "{name}: a snapshot of {entries} entries, serial {serial}; {fate}")?;
        return Ok(if built.refusals.is_empty() { Verdict::Yes } else { Verdict::Unknown });
    }
    let warnings = match warned {
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

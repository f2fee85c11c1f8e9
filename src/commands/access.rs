//! Access lists as `repute zone check --kind acl` and `repute config check` look at them.
//!
//! An access list is put in force whole or not at all, so one faulty line is as bad as many.

use std::io::{self, Write};
use std::path::Path;

use repute_nameserver::loader::AccessList;
use repute_zone::{DatasetKind, Fault};

use super::fault::picture;
use crate::exit::{Verdict, story};

/// Reads an access list and shows all that is wrong with it, and whether it would be in force. A good one
/// is told of only if it was asked for by its name.
pub(super) fn check(
    path: &Path,
    kind: DatasetKind,
    max_unpacked: u64,
    asked_for: AskedFor,
    out: &mut impl Write,
) -> io::Result<Verdict> {
    let name = path.display();
    let list = match AccessList::read(path, kind, max_unpacked) {
        Ok(list) => list,
        Err(error) => {
            let why = story(anyhow::Error::new(error).chain());
            writeln!(out, "{name}: cannot be put in force: {why}")?;
            return Ok(Verdict::Unknown);
        }
    };
    let (errors, warnings) = (list.faults.errors(), list.faults.warnings());
    let faults: Vec<&Fault> = list.faults.iter().collect();
    for fault in &faults {
        writeln!(out, "{}\n", picture(fault))?;
    }
    let more = (errors + warnings).saturating_sub(faults.len() as u64);
    if more > 0 {
        writeln!(out, "and {more} more faulty lines\n")?;
    }
    let verdict = match (errors, warnings) {
        (0, 0) => Verdict::Yes,
        (0, _) => Verdict::No,
        _ => Verdict::Unknown,
    };
    if asked_for == AskedFor::ByName || verdict == Verdict::Unknown {
        let (entries, lines) = (list.entries(), list.lines);
        let warned =
            if warnings > 0 { format!(", {warnings} with a warning") } else { String::new() };
        let fate = match errors {
            0 => "would be in force",
            _ => "not put in force while a line is faulty",
        };
        writeln!(
            out,
            "{name}: {entries} entries of {lines} lines, {errors} faulty{warned}; {fate}"
        )?;
    }
    Ok(verdict)
}

/// What the person named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AskedFor {
    /// The access list.
    ByName,
    /// A configuration that names it.
    InConfig,
}

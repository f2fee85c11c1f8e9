//! `repute zone diff`: what was added and removed between two lists, entry by entry.
//!
//! Both are written in one format, in one order, and compared line by line; so it does not matter how
//! each was made, nor in which order its files were.

use std::io::{BufWriter, Write};
use std::path::Path;

use anyhow::Context;
use repute_zone::{Zone, export};

use super::subject::Subject;
use crate::cli::ListArgs;
use crate::exit::Verdict;

/// Compares two lists.
pub(super) fn run(
    config: Option<&Path>,
    old: &str,
    new: &str,
    list: &ListArgs,
) -> anyhow::Result<Verdict> {
    let read = |name: &str| -> anyhow::Result<Zone> {
        let subject = Subject::find_one(config, &[name.to_owned()], list)?;
        Ok(subject.build(None).with_context(|| name.to_owned())?.zone)
    };
    let (old, new) = (entries(&read(old)?)?, entries(&read(new)?)?);
    let mut out = BufWriter::new(std::io::stdout().lock());
    let (mut removed, mut added) = (0_u64, 0_u64);
    let (mut a, mut b) = (old.iter().peekable(), new.iter().peekable());
    loop {
        let sign = match (a.peek(), b.peek()) {
            (None, None) => break,
            (Some(x), Some(y)) if x == y => {
                (a.next(), b.next());
                continue;
            }
            (Some(x), Some(y)) if x < y => '-',
            (Some(_), None) => '-',
            (Some(_) | None, Some(_)) => '+',
        };
        if sign == '-' {
            removed += 1;
            writeln!(out, "-{}", a.next().map_or("", String::as_str))?;
        } else {
            added += 1;
            writeln!(out, "+{}", b.next().map_or("", String::as_str))?;
        }
    }
    out.flush()?;
    eprintln!("{removed} removed, {added} added, {} before, {} after", old.len(), new.len());
    Ok(if removed + added == 0 { Verdict::Yes } else { Verdict::No })
}

/// The entries of a zone as lines, sorted; what only describes the file is left out.
fn entries(zone: &Zone) -> anyhow::Result<Vec<String>> {
    let mut text = Vec::new();
    export::rbldnsd(zone, &mut text)?;
    let text = String::from_utf8_lossy(&text);
    let special = |line: &&str| !line.is_empty() && !line.starts_with(['#', '$']);
    let mut lines: Vec<String> = text.lines().filter(special).map(str::to_owned).collect();
    lines.sort_unstable();
    Ok(lines)
}

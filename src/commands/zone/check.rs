//! `repute zone check`: every faulty line in its place, and whether the list would be served.

use std::io::Write;
use std::path::Path;

use repute_nameserver::loader::Built;
use repute_zone::{DatasetKind, Faults};

use super::ordinary::Ordinary;
use super::subject::{MAX_UNPACKED, Subject};
use crate::cli::ListArgs;
use crate::commands::access::{self, AskedFor};
use crate::commands::fault::picture;
use crate::config::Config;
use crate::exit::{Verdict, story};

/// Checks the lists that were named, and tells the worst that was found.
pub(super) fn run(
    config: Option<&Path>,
    what: &[String],
    master: bool,
    list: &ListArgs,
) -> anyhow::Result<Verdict> {
    let mut out = std::io::stdout().lock();
    let mut verdict = Verdict::Yes;
    if master {
        for file in what {
            verdict = verdict.worse(Ordinary::file(&list.apex, file).check(&mut out)?);
        }
        return Ok(verdict);
    }
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
    let Parted { ordinary, lists } = part(config, what, list)?;
    for zone in ordinary {
        verdict = verdict.worse(zone.check(&mut out)?);
    }
    let subjects = match lists {
        Lists::None => Vec::new(),
        Lists::All => Subject::find(config, &[], list)?,
        Lists::These(what) => Subject::find(config, &what, list)?,
    };
    for subject in subjects {
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

/// What was named, or all there is.
struct Parted {
    ordinary: Vec<Ordinary>,
    lists: Lists,
}

/// Which lists.
enum Lists {
    None,
    All,
    These(Vec<String>),
}

/// Parts ordinary zones from lists.
fn part(config: Option<&Path>, what: &[String], list: &ListArgs) -> anyhow::Result<Parted> {
    let are_files = list.kind.is_some()
        || !what.is_empty() && what.iter().all(|word| Path::new(word).is_file());
    if are_files {
        return Ok(Parted { ordinary: Vec::new(), lists: Lists::These(what.to_vec()) });
    }
    if what.is_empty() {
        let ordinary = Ordinary::find(config, None)?;
        let has_lists = ordinary.is_empty() || !Config::find(config)?.loader.zones.is_empty();
        return Ok(Parted { ordinary, lists: if has_lists { Lists::All } else { Lists::None } });
    }
    let (mut ordinary, mut lists) = (Vec::new(), Vec::new());
    for word in what {
        match Ordinary::find(config, Some(word))? {
            none if none.is_empty() => lists.push(word.clone()),
            found => ordinary.extend(found),
        }
    }
    let lists = if lists.is_empty() { Lists::None } else { Lists::These(lists) };
    Ok(Parted { ordinary, lists })
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

//! `repute zone lookup`: what a list says about a target, and which line of which file makes it say so.
//!
//! A server keeps no lines in memory, so the files are read again.

use std::io::Write;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use repute_dnsxl::{Name, Target, relative_name};
use repute_nameserver::loader::Built;
use repute_zone::format::Traced;
use repute_zone::{Hit, Relative, Subject as Named, Zone};

use super::subject::Subject;
use crate::cli::ListArgs;
use crate::config::shown;
use crate::exit::{Verdict, story};

/// Looks a target up in the lists that were named.
pub(super) fn run(
    config: Option<&Path>,
    target: &Target,
    what: &[String],
    list: &ListArgs,
) -> anyhow::Result<Verdict> {
    let mut out = std::io::stdout().lock();
    let mut verdict = Verdict::No;
    for subject in Subject::find(config, what, list)? {
        match subject.build(Some(target)) {
            Ok(built) => {
                if explain(&subject, target, &built, &mut out)? {
                    verdict = Verdict::Yes;
                }
            }
            // The other lists may still say something.
            Err(error) => {
                eprintln!("repute: {}", story(subject.failed(error).chain()));
                if verdict == Verdict::No {
                    verdict = Verdict::Unknown;
                }
            }
        }
    }
    Ok(verdict)
}

/// Shows what one list says; whether it lists the target.
fn explain(
    subject: &Subject,
    target: &Target,
    built: &Built,
    out: &mut impl Write,
) -> std::io::Result<bool> {
    let (answers, waits) = answers(&built.zone, target);
    let name = &subject.name;
    if answers.is_empty() {
        writeln!(out, "{target} is not listed in {name}{}", if waits { WAITS } else { "" })?;
    }
    for (code, text) in &answers {
        let meaning = subject.config().return_codes.iter().find(|(c, _)| c.0.octets() == *code);
        let meaning = meaning.map_or(String::new(), |(_, text)| format!(" ({text})"));
        let [a, b, c, d] = code;
        write!(out, "{target} is listed in {name}: {a}.{b}.{c}.{d}{meaning}")?;
        if !text.is_empty() {
            write!(out, " \"{}\"", shown(text))?;
        }
        writeln!(out)?;
    }
    // The most specific line decides; the others are shown, as they decide once it is gone.
    let mut lines: Vec<&Traced> = built.trace.iter().collect();
    lines.sort_by_key(|line| std::cmp::Reverse(line.specificity));
    let most = lines.first().map_or(0, |line| line.specificity);
    for line in &lines {
        let role = match (line.specificity == most, line.excludes) {
            (true, true) => "excluded by",
            (true, false) if answers.is_empty() => "in spite of",
            (true, false) => "by",
            (false, true) => "overruled exclusion",
            (false, false) => "overruled",
        };
        writeln!(out, "  {role} {}:{}: {}", line.source, line.line, shown(&line.text))?;
    }
    if lines.is_empty() && !answers.is_empty() {
        if subject.is_snapshot() {
            writeln!(
                out,
                "  a snapshot keeps no lines; name the list it was built from to see them"
            )?;
        } else {
            writeln!(out, "  by a test entry that is added to every list (RFC 5782 section 5)")?;
        }
    }
    Ok(!answers.is_empty())
}

/// All that a zone answers for a target: codes and texts, and addresses of plain records; and whether
/// an entry does not apply.
fn answers(zone: &Zone, target: &Target) -> (Vec<([u8; 4], String)>, bool) {
    let wire = relative_name(target);
    let mut labels = Vec::new();
    let mut at = 0;
    while let Some(&len) = wire.get(at) {
        labels.push(at as u8);
        at += 1 + usize::from(len);
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let now = u32::try_from(now).unwrap_or(u32::MAX);
    let asked = target.to_string();
    let (mut found, mut waits) = (Vec::new(), false);
    zone.visit(Relative::new(&wire, &labels), |hit| match hit {
        Hit::Listing(listing) => {
            // A text names the entry, which for names may be one above what was asked about.
            let subject = match listing.subject() {
                Named::Name { start, end } => {
                    let entry = [&wire[usize::from(start)..usize::from(end)], &[0]].concat();
                    Name::from_wire(&entry).map_or_else(|_| asked.clone(), |n| n.to_string())
                }
                Named::Ipv4(_) | Named::Ipv6(_) | Named::Client => asked.clone(),
            };
            waits |= !listing.applies(now, false);
            for pair in listing.pairs(now, false) {
                let mut text = [0; 255];
                let n = listing.write_text(pair, subject.as_bytes(), text.len(), &mut text);
                found.push((pair.code, String::from_utf8_lossy(&text[..n]).into_owned()));
            }
        }
        Hit::Record(record) => {
            if let (1, Ok(address)) = (record.rtype(), record.data().try_into()) {
                found.push((address, String::new()));
            }
        }
    });
    (found, waits)
}

/// Why an entry that is there lists nothing.
const WAITS: &str = ": its entry has a delay that is not over, or is for clients with a key";

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
use crate::exit::{Verdict, story, tell};

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
        let found = match subject.build(Some(target)) {
            Ok(built) => explain(&subject, target, &built, &mut out)?,
            // The other lists may still say something.
            Err(error) => {
                tell!("repute: {}", story(subject.failed(error).chain()));
                Verdict::Unknown
            }
        };
        verdict = match (verdict, found) {
            (Verdict::Yes, _) | (_, Verdict::Yes) => Verdict::Yes,
            (one, other) => one.worse(other),
        };
    }
    Ok(verdict)
}

/// Shows what one list says; whether it lists the target.
fn explain(
    subject: &Subject,
    target: &Target,
    built: &Built,
    out: &mut impl Write,
) -> std::io::Result<Verdict> {
    let asked = Asked::of(target);
    let Answers { listed, waits, records } = answers(&built.zone, target, &asked);
    let name = &subject.name;
    // A refused list is not what the server answers from.
    for refusal in &built.refusals {
        writeln!(out, "{name} is refused and not served: {refusal}")?;
    }
    let verb = if built.refusals.is_empty() { "is" } else { "would be" };
    let not = if built.refusals.is_empty() { "is not" } else { "would not be" };
    if listed.is_empty() {
        let why = match (waits, records) {
            (true, _) => WAITS,
            (false, true) => ": it has records, but no A",
            (false, false) => "",
        };
        writeln!(out, "{target} {not} listed in {name}{why}")?;
    }
    for (code, text) in &listed {
        let meaning = subject.config().return_codes.iter().find(|(c, _)| c.0.octets() == *code);
        let meaning = meaning.map_or(String::new(), |(_, text)| format!(" ({text})"));
        let [a, b, c, d] = code;
        write!(out, "{target} {verb} listed in {name}: {a}.{b}.{c}.{d}{meaning}")?;
        if !text.is_empty() {
            write!(out, " \"{}\"", shown(text))?;
        }
        writeln!(out)?;
    }
    // Those that decide come first; the others are shown, as they decide once those are gone.
    let mut lines: Vec<&Traced> = built.trace.iter().collect();
    lines.sort_by_key(|line| std::cmp::Reverse((line.decides, line.specificity)));
    let in_spite_of = listed.is_empty() && !records;
    for line in &lines {
        let role = match (line.decides, line.excludes) {
            (true, true) => "excluded by",
            (true, false) if in_spite_of => "in spite of",
            (true, false) => "by",
            (false, true) => "overruled exclusion",
            (false, false) => "overruled",
        };
        let text = shown(&line.text);
        match subject.feed_of(&line.source) {
            Some(url) => writeln!(
                out,
                "  {role} {url}, line {} of its copy {}: {text}",
                line.line, line.source
            )?,
            None => writeln!(out, "  {role} {}:{}: {text}", line.source, line.line)?,
        }
    }
    if !listed.is_empty() && !lines.iter().any(|line| line.decides && !line.excludes) {
        if built.zone.adds(asked.relative()) {
            writeln!(out, "  by a test entry added by Repute (RFC 5782 section 5)")?;
        } else if subject.is_snapshot() {
            writeln!(
                out,
                "  a snapshot keeps no lines; name the list it was built from to see them"
            )?;
        }
    }
    Ok(match (built.refusals.is_empty(), listed.is_empty()) {
        (false, _) => Verdict::Unknown,
        (true, false) => Verdict::Yes,
        (true, true) => Verdict::No,
    })
}

/// The labels that a target is asked by, and where each begins.
struct Asked {
    wire: Vec<u8>,
    labels: Vec<u8>,
}

impl Asked {
    /// How a target is asked.
    fn of(target: &Target) -> Asked {
        let wire = relative_name(target);
        let (mut labels, mut at) = (Vec::new(), 0);
        while let Some(&len) = wire.get(at) {
            labels.push(at as u8);
            at += 1 + usize::from(len);
        }
        Asked { wire, labels }
    }

    /// As a zone takes it.
    fn relative(&self) -> Relative<'_> {
        Relative::new(&self.wire, &self.labels)
    }
}

/// What a zone answers for a target.
#[derive(Debug, Default)]
struct Answers {
    /// Codes and texts, and addresses of plain records.
    listed: Vec<([u8; 4], String)>,
    /// Whether there is an entry that does not apply.
    waits: bool,
    /// Whether there are plain records that are no addresses.
    records: bool,
}

/// All that a zone answers for a target.
fn answers(zone: &Zone, target: &Target, asked: &Asked) -> Answers {
    let (name, wire) = (asked.relative(), &asked.wire);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let now = u32::try_from(now).unwrap_or(u32::MAX);
    let asked = target.to_string();
    let mut found = Answers::default();
    zone.visit(name, |hit| match hit {
        Hit::Listing(listing) => {
            // A text names the entry, which for names may be one above what was asked about.
            let subject = match listing.subject() {
                Named::Name { start, end } => {
                    let entry = [&wire[usize::from(start)..usize::from(end)], &[0]].concat();
                    Name::from_wire(&entry).map_or_else(|_| asked.clone(), |n| n.to_string())
                }
                Named::Ipv4(_) | Named::Ipv6(_) | Named::Client => asked.clone(),
            };
            found.waits |= !listing.applies(now, false);
            for pair in listing.pairs(now, false) {
                let mut text = [0; 255];
                let n = zone.write_text(listing, pair, subject.as_bytes(), &mut text);
                found.listed.push((pair.code, String::from_utf8_lossy(&text[..n]).into_owned()));
            }
        }
        Hit::Record(record) => match (record.rtype(), record.data().try_into()) {
            (1, Ok(address)) => found.listed.push((address, String::new())),
            _ => found.records = true,
        },
    });
    found
}

/// Why an entry that is there lists nothing.
const WAITS: &str = ": its entry has a delay that is not over, or is for clients with a key";

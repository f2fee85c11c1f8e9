//! A report for people.

use std::collections::HashSet;
use std::io::{self, Write};

use repute_dnsxl::Polarity;
use repute_lookup::list::List;
use repute_lookup::outcome::{Count, Outcome, is_counted_elsewhere};
use repute_lookup::resolve::Missing;
use repute_lookup::survey::Report;
use repute_lookup::verdict::{Listing, Reason, Verdict};

/// How it is shown.
#[derive(Clone, Copy, Debug)]
pub(super) struct Style {
    /// With colours.
    pub(super) colour: bool,
    /// With the lists that do not have it.
    pub(super) all: bool,
}

/// Writes a report: first what it comes to, then what people can do something about.
pub(super) fn write(
    out: &mut impl Write,
    lists: &[List],
    report: &Report,
    count: Count,
    outcome: Outcome,
    missing: Option<Missing>,
    style: Style,
) -> io::Result<()> {
    let mut headline = headline(report, count, outcome, missing);
    if let Some(missing) = missing {
        headline.push_str(&format!(" ({missing})"));
    }
    let colour = match outcome {
        Outcome::Listed => RED,
        Outcome::NotListed => GREEN,
        Outcome::Unknown => YELLOW,
    };
    writeln!(out, "{}", paint(&headline, colour, style))?;
    let rows: Vec<(usize, &List, &Verdict)> = lists
        .iter()
        .zip(&report.verdicts)
        .enumerate()
        .filter_map(|(place, (list, verdict))| Some((place, list, verdict.as_ref()?)))
        .collect();
    let width = rows.iter().map(|(_, list, _)| list.zone.to_string().len()).max().unwrap_or(0);
    let mut told = HashSet::new();
    for group in 0..4 {
        for (place, list, verdict) in rows.iter().filter(|row| group_of(row.1, row.2) == group) {
            let zone = format!("{:<width$}", list.zone.to_string());
            match verdict {
                Verdict::Listed(listing) => {
                    let (word, colour) = match list.polarity {
                        Polarity::Block => ("listed ", RED),
                        Polarity::Allow => ("allowed", GREEN),
                        Polarity::Info => ("fact   ", ""),
                    };
                    let part = is_counted_elsewhere(lists, report, *place);
                    let note = if part { " (part of another list above)" } else { "" };
                    let what = codes(list, listing);
                    writeln!(out, "  {} {zone}  {what}{note}", paint(word, colour, style))?;
                    let indent = " ".repeat(width + 12);
                    for text in &listing.texts {
                        writeln!(out, "{indent}\"{}\"", printable(text))?;
                    }
                    if let Some(link) = list.delisting_link(&report.target)
                        && list.polarity == Polarity::Block
                    {
                        writeln!(out, "{indent}removal: {link}")?;
                    }
                }
                Verdict::Unknown(reason) if !style.all && is_common(&rows, reason) => {
                    if told.insert(reason.to_string()) {
                        let count = rows.iter().filter(|row| is_for(row.2, reason)).count();
                        let (word, why) = (paint("unknown", YELLOW, style), reason.to_string());
                        let lists = format!("{count} lists");
                        writeln!(out, "  {word} {lists:<width$}  {}", printable(&why))?;
                    }
                }
                Verdict::Unknown(reason) => {
                    let word = paint("unknown", YELLOW, style);
                    writeln!(out, "  {word} {zone}  {}", printable(&reason.to_string()))?;
                }
                Verdict::NotListed if style.all => writeln!(out, "  clean   {zone}")?,
                Verdict::NotListed => {}
            }
        }
    }
    Ok(())
}

/// What is said of a target that is on no list, behind its name: nearly all of many are so, and this line is all that
/// is written of them. Nothing of others, or if all lists are to be shown.
pub(super) fn plain(
    report: &Report,
    count: Count,
    outcome: Outcome,
    style: Style,
) -> Option<String> {
    let is_clean = |verdict: &Verdict| matches!(verdict, Verdict::NotListed);
    let is_plain = outcome == Outcome::NotListed && report.verdicts.iter().flatten().all(is_clean);
    let line = (is_plain && !style.all).then(|| headline(report, count, outcome, None))?;
    line.strip_prefix(&report.target.to_string()).map(str::to_owned)
}

/// Writes lines about targets that are on no list.
pub(super) fn write_plain(out: &mut impl Write, lines: &str, style: Style) -> io::Result<()> {
    lines.lines().try_for_each(|line| writeln!(out, "{}", paint(line, GREEN, style)))
}

/// Whether a verdict is unknown for this reason.
fn is_for(verdict: &Verdict, reason: &Reason) -> bool {
    matches!(verdict, Verdict::Unknown(other) if other == reason)
}

/// Whether so many lists have the same reason that they are one line.
fn is_common(rows: &[(usize, &List, &Verdict)], reason: &Reason) -> bool {
    rows.iter().filter(|(.., verdict)| is_for(verdict, reason)).count() > MOST_ALIKE
}

/// The first line.
fn headline(report: &Report, count: Count, outcome: Outcome, missing: Option<Missing>) -> String {
    let target = &report.target;
    let (asked, listed, unknown) = (count.asked(), count.listed, count.unknown);
    let silent = match unknown {
        0 => String::new(),
        n => format!(", {n} did not say"),
    };
    let mut line = match outcome {
        Outcome::Listed => format!("{target} is listed by {listed} of {}{silent}", lists_of(asked)),
        Outcome::NotListed if unknown > 0 => {
            let answered = asked - unknown;
            format!("{target} is not listed by {answered} of {}{silent}", lists_of(asked))
        }
        Outcome::NotListed => format!("{target} is not listed by {}", lists_of(asked)),
        Outcome::Unknown if asked == 0 => format!("{target}: no block list was asked"),
        Outcome::Unknown if missing.is_some() && unknown < asked => {
            let answered = asked - unknown;
            format!("{target}: cannot tell, only the name was looked up, in {}", lists_of(answered))
        }
        Outcome::Unknown => {
            format!("{target}: cannot tell, {unknown} of {} did not say", lists_of(asked))
        }
    };
    if count.allowed > 0 {
        line.push_str(&format!(", allowed by {}", count.allowed));
    }
    line
}

/// So many block lists, in words.
fn lists_of(count: usize) -> String {
    match count {
        1 => "1 list".to_owned(),
        n => format!("{n} lists"),
    }
}

/// The codes of a listing with their meanings.
fn codes(list: &List, listing: &Listing) -> String {
    let codes = listing.codes.iter().map(|code| match list.meaning(*code) {
        Some(meaning) => format!("{code} {meaning}"),
        None => code.to_string(),
    });
    codes.collect::<Vec<_>>().join(", ")
}

/// In which order verdicts are shown: what is bad, what is not known, what is good, what is nothing.
fn group_of(list: &List, verdict: &Verdict) -> u8 {
    match (verdict, list.polarity) {
        (Verdict::Listed(_), Polarity::Block) => 0,
        (Verdict::Unknown(_), _) => 1,
        (Verdict::Listed(_), Polarity::Allow | Polarity::Info) => 2,
        (Verdict::NotListed, _) => 3,
    }
}

/// A text of a stranger, without what a terminal would obey.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

/// A text in a colour, if there are colours.
fn paint(text: &str, colour: &str, style: Style) -> String {
    match style.colour && !colour.is_empty() {
        true => format!("\x1b[{colour}m{text}\x1b[0m"),
        false => text.to_owned(),
    }
}

/// So many lists that do not say, for the same reason, have a line each; more have one together.
const MOST_ALIKE: usize = 4;
/// Bold red.
const RED: &str = "1;31";
/// Green.
const GREEN: &str = "32";
/// Yellow.
const YELLOW: &str = "33";

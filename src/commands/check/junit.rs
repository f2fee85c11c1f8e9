//! Reports as JUnit's XML, which test servers read: a suite for each target, a case for each list.
//!
//! A listing is a failure. A list that did not say is skipped, as otherwise one dead list would turn every run
//! red; if so few answered that nothing can be said of the target, that is an error of its own. Allow lists and
//! facts pass, whatever they say.

use std::fmt;
use std::io::{self, Write};

use repute_dnsxl::Polarity;
use repute_lookup::list::List;
use repute_lookup::outcome::{Count, Outcome};
use repute_lookup::resolve::Missing;
use repute_lookup::survey::Report;
use repute_lookup::verdict::{Listing, Verdict};

use super::set::Set;

/// Begins the document.
pub(super) fn begin(out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"repute check\">")
}

/// Ends the document.
pub(super) fn end(out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "</testsuites>")
}

/// Writes the suite of a target.
pub(super) fn write(
    out: &mut impl Write,
    lists: &[List],
    report: &Report,
    count: Count,
    outcome: Outcome,
    missing: Option<Missing>,
    set: Option<Set>,
) -> io::Result<()> {
    let target = report.target.to_string();
    let rows: Vec<(&List, &Verdict)> = lists
        .iter()
        .zip(&report.verdicts)
        .filter_map(|(list, verdict)| Some((list, verdict.as_ref()?)))
        .collect();
    let is_bad = |list: &List| list.polarity == Polarity::Block;
    let failures =
        rows.iter().filter(|(list, verdict)| is_bad(list) && matches!(verdict, Verdict::Listed(_)));
    let skipped = rows.iter().filter(|(_, verdict)| matches!(verdict, Verdict::Unknown(_)));
    let errors = usize::from(outcome == Outcome::Unknown || missing.is_some());
    writeln!(
        out,
        "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{}\" errors=\"{errors}\" skipped=\"{}\">",
        Xml(&target),
        rows.len() + errors,
        failures.count(),
        skipped.count()
    )?;
    if let Some(set) = set {
        writeln!(out, "    <properties><property name=\"lists\" value=\"{set}\"/></properties>")?;
    }
    for (list, verdict) in &rows {
        let zone = list.zone.to_string();
        write!(out, "    <testcase classname=\"{}\" name=\"{}\"", Xml(&target), Xml(&zone))?;
        match verdict {
            Verdict::Listed(listing) if is_bad(list) => {
                let (said, more) = (codes(list, listing), reasons(list, report, listing));
                writeln!(
                    out,
                    ">\n      <failure type=\"listed\" message=\"{}\">{}</failure>\n    </testcase>",
                    Xml(&said),
                    Xml(&more)
                )
            }
            Verdict::Unknown(reason) => {
                let reason = reason.to_string();
                writeln!(out, ">\n      <skipped message=\"{}\"/>\n    </testcase>", Xml(&reason))
            }
            Verdict::Listed(_) | Verdict::NotListed => writeln!(out, "/>"),
        }?;
    }
    if let Some(missing) = missing {
        writeln!(
            out,
            "    <testcase classname=\"{}\" name=\"host\">\n      \
             <error type=\"unknown\" message=\"{missing}\"/>\n    </testcase>",
            Xml(&target)
        )?;
    } else if errors > 0 {
        writeln!(
            out,
            "    <testcase classname=\"{}\" name=\"quorum\">\n      \
             <error type=\"unknown\" message=\"{} of {} lists did not say\"/>\n    </testcase>",
            Xml(&target),
            count.unknown,
            count.asked()
        )?;
    }
    writeln!(out, "  </testsuite>")
}

/// The codes of a listing with their meanings.
fn codes(list: &List, listing: &Listing) -> String {
    let code = listing.codes.iter().map(|code| match list.meaning(*code) {
        Some(meaning) => format!("{code} {meaning}"),
        None => code.to_string(),
    });
    code.collect::<Vec<_>>().join(", ")
}

/// The list's texts and where one gets out, a line each.
fn reasons(list: &List, report: &Report, listing: &Listing) -> String {
    let link = list.delisting_link(&report.target).map(|link| format!("removal: {link}"));
    let lines: Vec<String> = listing.texts.iter().cloned().chain(link).collect();
    lines.join("\n")
}

/// A text that stands in XML: escaped, and without the characters that no document may have (XML 1.0 section 2.2).
struct Xml<'a>(&'a str);

impl fmt::Display for Xml<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            match c {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\n' => f.write_str("&#10;")?,
                c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => {
                    f.write_str("\u{fffd}")?;
                }
                c => write!(f, "{c}")?,
            }
        }
        Ok(())
    }
}

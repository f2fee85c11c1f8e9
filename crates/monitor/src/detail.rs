//! The page of one target, or of one zone of one's own: its time on the lists, and what they say.

use std::fmt::{self, Write};

use repute_audit::{Audit, State as Found};
use repute_chart::{Legend, State, TimelineRow, timeline};

use crate::event::{Event, Meaning};
use crate::html::{Escaped, Head, InPath, Mood, When, begin};
use crate::overview::{WIDTHS, mark, outcome_of, state, write_details, write_events};
use crate::standing::Shown;
use crate::state::Outcome;
use crate::view::{Cell, RecordView, View};

/// What a page is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum About {
    /// A target and lists.
    Target,
    /// A zone and rules.
    Zone,
}

/// Writes the page.
pub(crate) fn render(view: &View<'_>, record: &RecordView<'_>, about: About) -> String {
    let mut page = String::with_capacity(16 * 1024);
    // Writing to a string cannot fail.
    let _ = write_page(&mut page, view, record, about);
    page
}

/// The page from top to bottom.
fn write_page(
    page: &mut String,
    view: &View<'_>,
    record: &RecordView<'_>,
    about: About,
) -> fmt::Result {
    let (mood, headline) = headline(record, about);
    let (version, time) = (view.version, view.time);
    begin(page, &Head { mood, headline: &headline, version, time, is_below: true })?;
    write!(page, "<p>Checked {} UTC, first {}", When(record.checked), When(record.first))?;
    if record.subject != record.name {
        write!(page, ", for {}", Escaped(record.subject))?;
    }
    page.push_str("</p>\n");
    write_timeline(page, view, record, about)?;
    let audit = view.process.audits.get(record.name).filter(|_| about == About::Zone);
    if let Some(audit) = audit {
        write_audit(page, audit)?;
    }
    if about == About::Target || !record.lists.is_empty() {
        write_cells(page, record, about)?;
    }
    let events: Vec<&Event> = view
        .events
        .iter()
        .filter(|event| event.target.as_deref() == Some(record.name))
        .copied()
        .collect();
    write_events(page, &events, events.len())?;
    let kind = about.path();
    writeln!(
        page,
        "</main>\n<footer>\n<p><a href=\"/\">All targets</a>, \
         <a href=\"/{kind}/{}.json\">JSON</a> of this one.</p>\n</footer>\n</body>\n</html>",
        InPath(record.name)
    )
}

impl About {
    /// The beginning of the page's address.
    fn path(self) -> &'static str {
        match self {
            About::Target => "target",
            About::Zone => "zone",
        }
    }

    /// The words of the chart.
    fn legend(self) -> Legend<'static> {
        match self {
            About::Target => Legend::default(),
            About::Zone => Legend { good: "kept", bad: "broken", ..Legend::default() },
        }
    }
}

/// How it stands, in a sentence.
fn headline(record: &RecordView<'_>, about: About) -> (Mood, String) {
    let name = record.name;
    let broken = record.lists.iter().filter(|cell| cell.counts()).count();
    match (about, outcome_of(record)) {
        (About::Zone, _) if broken == 1 => (Mood::Bad, format!("{name} breaks a rule")),
        (About::Zone, _) if broken > 0 => (Mood::Bad, format!("{name} breaks {broken} rules")),
        (About::Zone, None) => (Mood::Warn, format!("{name} was not audited yet")),
        (About::Zone, Some(_)) => (Mood::Good, format!("{name} keeps all rules")),
        (About::Target, outcome) => {
            let mood = match outcome {
                Some(Outcome::Clean) => Mood::Good,
                Some(Outcome::Listed) => Mood::Bad,
                Some(Outcome::Unknown) | None => Mood::Warn,
            };
            let (_, word) = mark(outcome);
            match outcome {
                Some(Outcome::Listed) if broken == 1 => {
                    (mood, format!("{name} is listed by one list"))
                }
                Some(Outcome::Listed) => (mood, format!("{name} is listed by {broken} lists")),
                Some(_) | None => (mood, format!("{name}: {word}")),
            }
        }
    }
}

/// When it was on which list, for a desk and for a phone: the lists with something to tell.
fn write_timeline(
    page: &mut String,
    view: &View<'_>,
    record: &RecordView<'_>,
    about: About,
) -> fmt::Result {
    let eventful = |cell: &&Cell<'_>| cell.history.iter().any(|(_, shown)| *shown != Shown::Clean);
    let cells: Vec<&Cell<'_>> = record.lists.iter().filter(eventful).collect();
    let quiet = record.lists.len() - cells.len();
    let to = signed(record.checked.max(record.first.saturating_add(1)));
    let from =
        signed(record.first.max(view.time.saturating_sub(SHOWN_SECONDS))).min(to.saturating_sub(1));
    let changes: Vec<Vec<(i64, State)>> = cells
        .iter()
        .map(|cell| {
            let changes = cell.history.iter();
            changes.map(|(at, shown)| (signed(*at), state(cell, Some(*shown)))).collect()
        })
        .collect();
    if !cells.is_empty() {
        page.push_str("<h2>Over time</h2>\n");
        let rows: Vec<TimelineRow<'_>> = cells
            .iter()
            .zip(&changes)
            .map(|(cell, changes)| TimelineRow { label: cell.list, changes })
            .collect();
        let title = format!("{} over time", record.name);
        for (class, width) in WIDTHS {
            let chart = timeline(&title, width, &about.legend(), (from, to), &rows);
            writeln!(page, "<div class=\"chart {class}\">{chart}</div>")?;
        }
    }
    match (about, quiet) {
        (_, 0) | (About::Zone, _) => Ok(()),
        (About::Target, 1) => page.write_str("<p>One list never had it.</p>\n"),
        (About::Target, n) => writeln!(page, "<p>{n} lists never had it.</p>"),
    }
}

/// Each list, and what it says; those first that have it.
fn write_cells(page: &mut String, record: &RecordView<'_>, about: About) -> fmt::Result {
    let (title, first) = match about {
        About::Target => ("Lists", "List"),
        About::Zone => ("Rules that it ever broke", "Rule"),
    };
    writeln!(page, "<h2>{title}</h2>\n<div class=\"table\"><table>\n<thead><tr>")?;
    for column in [first, "State", "Since", "Last seen", "Why"] {
        write!(page, "<th scope=\"col\">{column}</th>")?;
    }
    page.push_str("</tr></thead>\n<tbody>\n");
    let mut cells: Vec<&Cell<'_>> = record.lists.iter().collect();
    cells.sort_by_key(|cell| match cell.shown {
        Some(Shown::Listed) => 0,
        Some(Shown::Unknown) => 1,
        Some(Shown::Clean) | None => 2,
    });
    for cell in cells {
        let (class, word) = match (about, cell.shown, cell.meaning) {
            (_, None, _) => ("idle", "not asked yet"),
            (_, Some(Shown::Unknown), _) if cell.is_listed() => ("warn", "unknown, listed before"),
            (_, Some(Shown::Unknown), _) => ("warn", "unknown"),
            (About::Zone, Some(Shown::Listed), _) => ("bad", "broken"),
            (About::Zone, Some(Shown::Clean), _) => ("good", "kept"),
            (About::Target, Some(Shown::Listed), Meaning::Block) => ("bad", "listed"),
            (About::Target, Some(Shown::Listed), Meaning::Allow) => ("good", "allowed"),
            (About::Target, Some(Shown::Listed), Meaning::Info) => ("idle", "a fact"),
            (About::Target, Some(Shown::Clean), _) => ("good", "not listed"),
        };
        write!(
            page,
            "<tr><th scope=\"row\">{}</th><td><span class=\"mark {class}\">{word}</span></td>\
             <td class=\"time\" data-is=\"Since\">{}</td>\
             <td class=\"time\" data-is=\"Last seen\">{}</td><td class=\"long\">",
            Escaped(cell.list),
            When(cell.since),
            When(cell.last_seen.unwrap_or(0))
        )?;
        if let Some(whole) = cell.part_of {
            write!(page, "<p>Counted at {}.</p>", Escaped(whole))?;
        }
        if let Some(reason) = cell.reason {
            write!(page, "<p>{}</p>", Escaped(reason))?;
        }
        write_details(page, cell.details)?;
        page.push_str("</td></tr>\n");
    }
    page.push_str("</tbody></table></div>\n");
    Ok(())
}

/// What the last audit of a zone found: faults first, then advice; what is well is folded.
fn write_audit(page: &mut String, audit: &Audit) -> fmt::Result {
    page.push_str("<h2>Last audit</h2>\n");
    if let Some(grade) = audit.grade {
        writeln!(page, "<p>Grade <strong>{}</strong></p>", grade.letter())?;
    }
    if let Some(why) = &audit.obstacle {
        writeln!(page, "<p class=\"note bad\">{}</p>", Escaped(why))?;
    }
    write_servers(page, audit)?;
    write_rules(page, audit, &[(Found::Fail, "bad", "broken"), (Found::Warn, "warn", "advice")])?;
    page.push_str("<details><summary>Rules that are kept or do not apply</summary>\n");
    write_rules(
        page,
        audit,
        &[(Found::Pass, "good", "kept"), (Found::Skipped, "idle", "skipped")],
    )?;
    page.push_str("</details>\n");
    Ok(())
}

/// The servers of a zone, what they answer by, and which version they have.
fn write_servers(page: &mut String, audit: &Audit) -> fmt::Result {
    page.push_str("<div class=\"table\"><table>\n<thead><tr>");
    for column in ["Server", "Family", "UDP", "TCP", "Serial"] {
        write!(page, "<th scope=\"col\">{column}</th>")?;
    }
    page.push_str("</tr></thead>\n<tbody>\n");
    let newest = audit.newest_serial();
    for server in &audit.servers {
        let family = if server.address.is_ipv4() { "IPv4" } else { "IPv6" };
        let name = server.name.as_deref().unwrap_or_default();
        write!(
            page,
            "<tr><th scope=\"row\">{} {}</th><td data-is=\"Family\">{family}</td>",
            Escaped(name),
            server.address
        )?;
        for (transport, answers) in [("UDP", server.udp), ("TCP", server.tcp)] {
            let (class, word) = match answers {
                Some(true) => ("good", "answers"),
                Some(false) => ("bad", "silent"),
                None => ("idle", "not asked"),
            };
            write!(
                page,
                "<td data-is=\"{transport}\"><span class=\"mark {class}\">{word}</span></td>"
            )?;
        }
        page.push_str("<td data-is=\"Serial\">");
        match (server.serial, newest) {
            (Some(serial), Some(newest)) if serial != newest => {
                write!(page, "{serial} ({} behind)", newest.wrapping_sub(serial))?;
            }
            (Some(serial), _) => write!(page, "{serial}")?,
            (None, _) => {}
        }
        page.push_str("</td></tr>\n");
    }
    page.push_str("</tbody></table></div>\n");
    Ok(())
}

/// The rules that are in these states, in the order of those, and what was seen.
fn write_rules(page: &mut String, audit: &Audit, states: &[(Found, &str, &str)]) -> fmt::Result {
    let of = |state| audit.findings.iter().filter(move |found| found.state == state);
    if states.iter().all(|(state, ..)| of(*state).next().is_none()) {
        return Ok(());
    }
    page.push_str("<div class=\"table\"><table>\n<thead><tr>");
    for column in ["Rule", "State", "Seen"] {
        write!(page, "<th scope=\"col\">{column}</th>")?;
    }
    page.push_str("</tr></thead>\n<tbody>\n");
    for (state, class, word) in states {
        for found in of(*state) {
            let facts = found.rule.facts();
            writeln!(
                page,
                "<tr><th scope=\"row\">{}</th><td><span class=\"mark {class}\">{word}</span></td>\
                 <td class=\"long\"><p>{}</p><p><q>{}</q></p></td></tr>",
                Escaped(facts.id),
                Escaped(facts.title),
                Escaped(&found.seen)
            )?;
        }
    }
    page.push_str("</tbody></table></div>\n");
    Ok(())
}

/// A time as the charts have it.
fn signed(time: u64) -> i64 {
    i64::try_from(time).unwrap_or(i64::MAX)
}

/// How far back the charts go: 90 days.
const SHOWN_SECONDS: u64 = 90 * 86_400;

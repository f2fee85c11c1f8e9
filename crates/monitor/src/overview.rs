//! The first page: targets by lists, what is listed and how it gets out, what happened.

use std::fmt::{self, Write};

use repute_chart::{Legend, MatrixRow, State, matrix};

use crate::event::{Event, Meaning};
use crate::html::{Escaped, Head, InPath, Link, Mood, When, begin};
use crate::standing::{Details, Shown};
use crate::state::{Condition, Life, Outcome};
use crate::view::{Cell, ListView, RecordView, View};

/// Writes the page.
pub(crate) fn render(view: &View<'_>) -> String {
    let mut page = String::with_capacity(32 * 1024);
    // Writing to a string cannot fail.
    let _ = write_page(&mut page, view);
    page
}

/// The page from top to bottom.
fn write_page(page: &mut String, view: &View<'_>) -> fmt::Result {
    let (mood, headline) = headline(view);
    let (version, time) = (view.version, view.time);
    begin(page, &Head { mood, headline: &headline, version, time, is_below: false })?;
    write_figures(page, view)?;
    write_notes(page, view)?;
    write_matrix(page, view)?;
    write_listings(page, &view.targets)?;
    write_zones(page, view)?;
    write_targets(page, view)?;
    write_lists(page, view)?;
    write_events(page, &view.events, MOST_EVENTS)?;
    page.push_str(
        "</main>\n<footer>\n<p><a href=\"/metrics\">Metrics</a> for Prometheus, \
         <a href=\"/status.json\">JSON</a> for programs.</p>\n</footer>\n</body>\n</html>\n",
    );
    Ok(())
}

/// How things stand, in a sentence.
fn headline(view: &View<'_>) -> (Mood, String) {
    let count = |outcome| view.targets.iter().filter(|t| outcome_of(t) == Some(outcome)).count();
    let (listed, unknown) = (count(Outcome::Listed), count(Outcome::Unknown));
    let broken = view.zones.iter().filter(|zone| zone.lists.iter().any(Cell::is_listed)).count();
    let all = view.targets.len();
    let zones = match (broken, view.zones.len()) {
        (0, _) => String::new(),
        (1, 1) => "The zone breaks a rule".to_owned(),
        (n, of) => format!("{n} of {of} zones break rules"),
    };
    match (all, listed, unknown) {
        (0, _, _) if broken > 0 => (Mood::Bad, zones),
        (0, _, _) if !view.zones.is_empty() => (Mood::Good, "All zones are well".to_owned()),
        (0, _, _) => (Mood::Warn, "Nothing was checked yet".to_owned()),
        (_, 0, _) if broken > 0 => (Mood::Bad, zones),
        (1, 0, 0) => (Mood::Good, "The target is not listed".to_owned()),
        (1, 0, _) => (Mood::Warn, "Nobody can tell about the target".to_owned()),
        (1, _, _) => (Mood::Bad, "The target is listed".to_owned()),
        (_, 0, 0) => (Mood::Good, format!("None of {all} targets is listed")),
        (_, 0, n) if n == all => (Mood::Warn, format!("Nobody can tell about {all} targets")),
        (_, 0, _) => (Mood::Warn, format!("None of {all} is listed, as far as lists answer")),
        (_, 1, _) => (Mood::Bad, format!("One of {all} targets is listed")),
        (_, n, _) => (Mood::Bad, format!("{n} of {all} targets are listed")),
    }
}

/// What the checks of a target come to; nothing before the first.
pub(crate) fn outcome_of(target: &RecordView<'_>) -> Option<Outcome> {
    let is_listed = target.lists.iter().any(Cell::counts);
    match (target.checked, is_listed) {
        (0, _) => None,
        (_, true) => Some(Outcome::Listed),
        // What was seen once only is not believed yet.
        (_, false) if target.summary.outcome == Outcome::Unknown => Some(Outcome::Unknown),
        (_, false) => Some(Outcome::Clean),
    }
}

/// The few numbers that are looked at first.
fn write_figures(page: &mut String, view: &View<'_>) -> fmt::Result {
    let listings = view.targets.iter().flat_map(|t| &t.lists).filter(|cell| cell.counts()).count();
    let up = view.lists.iter().filter(|list| list.life == Some(Life::Up)).count();
    page.push_str("<dl class=\"figures\">\n");
    let mut figure = |name: &str, value: &dyn fmt::Display| {
        writeln!(page, "<div><dt>{name}</dt><dd>{value}</dd></div>")
    };
    figure("Targets", &view.targets.len())?;
    figure("Listings", &listings)?;
    figure("Lists that answer", &format_args!("{up} of {}", view.lists.len()))?;
    let next = view.targets.iter().map(|target| target.checked).min().unwrap_or(0);
    if next > 0 {
        figure("Oldest check", &Ago(view.time.saturating_sub(next)))?;
    }
    page.push_str("</dl>\n");
    Ok(())
}

/// So many seconds ago, in the largest unit that fits.
struct Ago(u64);

impl fmt::Display for Ago {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0..60 => f.write_str("just now"),
            60..7200 => write!(f, "{} min ago", self.0 / 60),
            7200..172_800 => write!(f, "{} h ago", self.0 / 3600),
            _ => write!(f, "{} d ago", self.0 / 86_400),
        }
    }
}

/// What is wrong with the monitor itself, and with what it was told to watch.
fn write_notes(page: &mut String, view: &View<'_>) -> fmt::Result {
    if let Some(error) = &view.process.save_error {
        let error = Escaped(error);
        writeln!(page, "<p class=\"note bad\">The state cannot be written to disk: {error}</p>")?;
    }
    for (subject, problem) in &view.problems {
        let (subject, problem) = (Escaped(subject), Escaped(problem));
        writeln!(page, "<p class=\"note\">{subject}: {problem}</p>")?;
    }
    for (channel, count) in &view.process.given_up {
        let channel = Escaped(channel);
        writeln!(page, "<p class=\"note bad\">{channel}: {count} messages were given up</p>")?;
    }
    Ok(())
}

/// Targets by lists, for a desk and for a phone.
fn write_matrix(page: &mut String, view: &View<'_>) -> fmt::Result {
    if view.targets.is_empty() || view.lists.is_empty() {
        return Ok(());
    }
    page.push_str("<h2>Targets by lists</h2>\n");
    let columns: Vec<&str> = view.lists.iter().map(|list| list.name).collect();
    let drawn: Vec<&RecordView<'_>> = sorted(&view.targets).into_iter().take(MOST_DRAWN).collect();
    let notes: Vec<Vec<(State, String)>> = drawn
        .iter()
        .map(|target| columns.iter().map(|column| sign(target, column)).collect())
        .collect();
    let cells: Vec<Vec<repute_chart::Cell<'_>>> = notes
        .iter()
        .map(|row| {
            row.iter().map(|(state, note)| repute_chart::Cell { state: *state, note }).collect()
        })
        .collect();
    let rows: Vec<MatrixRow<'_>> = drawn
        .iter()
        .zip(&cells)
        .map(|(target, cells)| MatrixRow { label: target.name, cells })
        .collect();
    for (class, width) in WIDTHS {
        let chart = matrix("Targets by lists", width, &Legend::default(), &columns, &rows);
        writeln!(page, "<div class=\"chart {class}\">{chart}</div>")?;
    }
    if view.targets.len() > MOST_DRAWN {
        let more = view.targets.len() - MOST_DRAWN;
        writeln!(page, "<p>and {more} more, which are in the table below</p>")?;
    }
    Ok(())
}

/// How a target stands with a list, as a sign. To be on an allow list is as it should be.
fn sign(target: &RecordView<'_>, list: &str) -> (State, String) {
    let Some(cell) = target.lists.iter().find(|cell| cell.list == list) else {
        return (State::Absent, String::new());
    };
    let state = state(cell, cell.shown);
    let note = match (state, cell.shown) {
        (State::Unknown, _) => {
            let before = if cell.is_listed() { ", listed before" } else { "" };
            format!("{}{before}", cell.reason.unwrap_or_default())
        }
        (_, Some(Shown::Listed)) => {
            let codes = cell.details.map(|details| details.codes.join(", ")).unwrap_or_default();
            match (cell.meaning, cell.part_of) {
                (Meaning::Allow | Meaning::Info, _) => codes,
                (Meaning::Block, Some(whole)) => format!("{codes}, counted at {whole}"),
                (Meaning::Block, None) => codes,
            }
        }
        (_, Some(Shown::Clean | Shown::Unknown) | None) => String::new(),
    };
    (state, note)
}

/// What was shown of a cell at a time, as the charts have it.
pub(crate) fn state(cell: &Cell<'_>, shown: Option<Shown>) -> State {
    match (shown, cell.meaning) {
        (None, _) => State::Absent,
        (Some(Shown::Unknown), _) => State::Unknown,
        (Some(Shown::Listed), Meaning::Block) => State::Bad,
        (Some(Shown::Listed), Meaning::Allow) => State::Allowed,
        (Some(Shown::Listed), Meaning::Info) => State::Fact,
        (Some(Shown::Clean), _) => State::Good,
    }
}

/// Targets with those first that people can do something about.
fn sorted<'v, 'a>(targets: &'v [RecordView<'a>]) -> Vec<&'v RecordView<'a>> {
    let mut sorted: Vec<&RecordView<'_>> = targets.iter().collect();
    let rank = |target: &RecordView<'_>| match outcome_of(target) {
        Some(Outcome::Listed) => 0,
        Some(Outcome::Unknown) => 1,
        Some(Outcome::Clean) | None => 2,
    };
    // The order of the rest stays.
    sorted.sort_by_key(|target| rank(target));
    sorted
}

/// What is listed, why, and how it gets out.
fn write_listings(page: &mut String, targets: &[RecordView<'_>]) -> fmt::Result {
    let listings: Vec<_> = targets
        .iter()
        .flat_map(|target| target.lists.iter().map(move |cell| (target, cell)))
        .filter(|(_, cell)| cell.counts())
        .collect();
    if listings.is_empty() {
        return Ok(());
    }
    page.push_str("<h2>Listings</h2>\n<div class=\"table\"><table>\n<thead><tr>");
    for column in ["Target", "List", "Since", "Why"] {
        write!(page, "<th scope=\"col\">{column}</th>")?;
    }
    page.push_str("</tr></thead>\n<tbody>\n");
    for (target, cell) in listings {
        let (name, list) = (target.name, Escaped(cell.list));
        write!(
            page,
            "<tr><th scope=\"row\"><a href=\"/target/{}\">{}</a></th><td data-is=\"List\">{list}</td>\
             <td class=\"time\" data-is=\"Since\">{}</td><td class=\"long\">",
            InPath(name),
            Escaped(name),
            When(cell.first_seen.unwrap_or(cell.since))
        )?;
        write_details(page, cell.details)?;
        page.push_str("</td></tr>\n");
    }
    page.push_str("</tbody></table></div>\n");
    Ok(())
}

/// What a list says of it, and how it gets out.
pub(crate) fn write_details(page: &mut String, details: Option<&Details>) -> fmt::Result {
    let Some(details) = details else { return Ok(()) };
    let meanings = details.meanings.join(", ");
    let colon = if meanings.is_empty() { "" } else { ": " };
    if !details.codes.is_empty() {
        let codes = details.codes.join(", ");
        write!(page, "<p>{}{colon}{}</p>", Escaped(&codes), Escaped(&meanings))?;
    }
    for text in &details.texts {
        write!(page, "<p><q>{}</q></p>", Escaped(text))?;
    }
    match &details.link {
        Some(link) => write!(page, "<p>To be removed: {}</p>", Link(link)),
        None => Ok(()),
    }
}

/// Zones of one's own, and the rules they break.
fn write_zones(page: &mut String, view: &View<'_>) -> fmt::Result {
    if view.zones.is_empty() {
        return Ok(());
    }
    page.push_str("<h2>Own zones</h2>\n<div class=\"table\"><table>\n<thead><tr>");
    for column in ["Zone", "State", "Last audit", "Broken rules"] {
        write!(page, "<th scope=\"col\">{column}</th>")?;
    }
    page.push_str("</tr></thead>\n<tbody>\n");
    for zone in &view.zones {
        let broken: Vec<&Cell<'_>> = zone.lists.iter().filter(|cell| cell.is_listed()).collect();
        let (class, word) = match (zone.checked, broken.len()) {
            (0, _) => ("idle", "not audited yet".to_owned()),
            (_, 0) => ("good", "keeps all rules".to_owned()),
            (_, 1) => ("bad", "breaks a rule".to_owned()),
            (_, n) => ("bad", format!("breaks {n} rules")),
        };
        write!(
            page,
            "<tr><th scope=\"row\"><a href=\"/zone/{}\">{}</a></th>\
             <td><span class=\"mark {class}\">{word}</span></td>\
             <td class=\"time\" data-is=\"Last audit\">{}</td><td class=\"long\">",
            InPath(zone.name),
            Escaped(zone.name),
            When(zone.checked)
        )?;
        for cell in broken {
            write!(page, "<p>{}</p>", Escaped(cell.list))?;
            write_details(page, cell.details)?;
        }
        page.push_str("</td></tr>\n");
    }
    page.push_str("</tbody></table></div>\n");
    Ok(())
}

/// All targets.
fn write_targets(page: &mut String, view: &View<'_>) -> fmt::Result {
    page.push_str("<h2>Targets</h2>\n<div class=\"table\">");
    if view.targets.is_empty() {
        page.push_str("<p class=\"empty\">No target was checked yet.</p></div>\n");
        return Ok(());
    }
    page.push_str("<table>\n<thead><tr>");
    for column in ["Target", "State", "Listed by", "Unknown", "Checked", "For"] {
        write!(page, "<th scope=\"col\">{column}</th>")?;
    }
    page.push_str("</tr></thead>\n<tbody>\n");
    for target in sorted(&view.targets).into_iter().take(MOST_TARGETS) {
        let (class, word) = mark(outcome_of(target));
        let listed = target.lists.iter().filter(|cell| cell.counts()).count();
        let subject = if target.subject == target.name { "" } else { target.subject };
        writeln!(
            page,
            "<tr><th scope=\"row\"><a href=\"/target/{}\">{}</a></th>\
             <td><span class=\"mark {class}\">{word}</span></td>\
             <td class=\"number\" data-is=\"Listed by\">{listed} of {}</td>\
             <td class=\"number\" data-is=\"Unknown\">{}</td>\
             <td class=\"time\" data-is=\"Checked\">{}</td><td data-is=\"For\">{}</td></tr>",
            InPath(target.name),
            Escaped(target.name),
            target.summary.asked,
            target.summary.unknown,
            When(target.checked),
            Escaped(subject)
        )?;
    }
    page.push_str("</tbody></table></div>\n");
    if view.targets.len() > MOST_TARGETS {
        let more = view.targets.len() - MOST_TARGETS;
        writeln!(page, "<p>and {more} more, which are in the JSON</p>")?;
    }
    Ok(())
}

/// The class and the word for an outcome.
pub(crate) fn mark(outcome: Option<Outcome>) -> (&'static str, &'static str) {
    match outcome {
        None => ("idle", "not checked yet"),
        Some(Outcome::Clean) => ("good", "not listed"),
        Some(Outcome::Listed) => ("bad", "listed"),
        Some(Outcome::Unknown) => ("warn", "unknown"),
    }
}

/// The lists, those first that cannot be used.
fn write_lists(page: &mut String, view: &View<'_>) -> fmt::Result {
    if view.lists.is_empty() {
        return Ok(());
    }
    page.push_str("<h2>Lists</h2>\n<div class=\"table\"><table>\n<thead><tr>");
    for column in ["List", "State", "Targets on it", "Since", "Why"] {
        write!(page, "<th scope=\"col\">{column}</th>")?;
    }
    page.push_str("</tr></thead>\n<tbody>\n");
    let mut lists: Vec<&ListView<'_>> = view.lists.iter().collect();
    lists.sort_by_key(|list| list.life != Some(Life::Down));
    for list in lists {
        let (class, word) = match (list.life, list.condition) {
            (None, _) => ("idle", "not asked yet"),
            (Some(_), Condition::Ok) => ("good", "answers"),
            (Some(_), Condition::Dead) => ("warn", "no answer"),
            (Some(_), Condition::Wildcard) => ("warn", "lists everything"),
            (Some(_), Condition::Refused) => ("warn", "refuses us"),
            (Some(_), Condition::Ratelimited) => ("warn", "too many queries"),
            (Some(_), Condition::Hijacked) => ("warn", "not itself"),
        };
        let kind = match list.meaning {
            Meaning::Block => "",
            Meaning::Allow => " <small>allow list</small>",
            Meaning::Info => " <small>facts</small>",
        };
        writeln!(
            page,
            "<tr><th scope=\"row\">{}{kind}</th><td><span class=\"mark {class}\">{word}</span></td>\
             <td class=\"number\" data-is=\"Targets on it\">{}</td>\
             <td class=\"time\" data-is=\"Since\">{}</td><td class=\"long\">{}</td></tr>",
            Escaped(list.name),
            list.listed,
            When(list.since),
            Escaped(list.reason.unwrap_or_default())
        )?;
    }
    page.push_str("</tbody></table></div>\n");
    Ok(())
}

/// What happened, the newest first.
pub(crate) fn write_events(page: &mut String, events: &[&Event], most: usize) -> fmt::Result {
    page.push_str("<h2>What happened</h2>\n<div class=\"table\">");
    if events.is_empty() {
        page.push_str("<p class=\"empty\">Nothing has changed yet.</p></div>\n");
        return Ok(());
    }
    page.push_str("<table>\n<tbody>\n");
    for event in events.iter().take(most) {
        let class = if event.is_bad() { "bad" } else { "good" };
        writeln!(
            page,
            "<tr><td class=\"time\">{}</td><td><span class=\"mark {class}\">{}</span></td>\
             <td class=\"long\">{}</td></tr>",
            When(event.time),
            event.kind.word(),
            Escaped(&event.sentence())
        )?;
    }
    page.push_str("</tbody></table></div>\n");
    Ok(())
}

/// How wide charts are drawn, and where each is shown.
pub(crate) const WIDTHS: [(&str, u32); 2] = [("wide", 1180), ("narrow", 340)];
/// Targets that are in the chart, those first that are listed.
const MOST_DRAWN: usize = 200;
/// Targets that are in the table.
const MOST_TARGETS: usize = 1000;
/// Events that are on the first page.
const MOST_EVENTS: usize = 30;

#[cfg(test)]
mod tests;

//! The status page for people: a [`Report`] as one HTML page.
//!
//! It loads nothing and runs nothing: its style is in it, and the icon shows in the browser's tab
//! whether all is well. On a wide screen zones are rows, on a narrow one cards, in the colours the
//! reader's system prefers. What is said never hangs on a colour alone. Everything that comes from
//! outside is escaped.

use std::fmt::{self, Display, Formatter, Write};

use crate::query_log::Moment;
use crate::report::{Report, ZoneReport};
use crate::status::ZoneHealth;

/// Writes the page.
pub(super) fn render(report: &Report) -> String {
    let mut page = String::with_capacity(STYLE.len() + 4096 + 1024 * report.zones.len());
    // Writing to a string cannot fail.
    let _ = write_page(&mut page, report);
    page
}

/// The page from top to bottom.
fn write_page(page: &mut String, report: &Report) -> fmt::Result {
    let (mood, headline) = headline(report);
    let (class, colour) = (mood.class(), mood.colour());
    write!(
        page,
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <title>{headline} - Repute</title>\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <link rel=\"icon\" href=\"data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg' \
         viewBox='0 0 16 16'><circle cx='8' cy='8' r='7' fill='%23{colour}'/></svg>\">\n\
         <style>\n{STYLE}</style>\n</head>\n<body>\n<header>\n\
         <p class=\"brand\">Repute <small>{}</small></p>\n<h1 class=\"{class}\">{headline}</h1>\n",
        Escaped(&report.version)
    )?;
    let now = Moment { seconds: report.time.try_into().unwrap_or(u32::MAX), milliseconds: 0 };
    let iso = now.to_string();
    let (day, time) = iso.split_once('T').unwrap_or((&iso, ""));
    let time = time.split('.').next().unwrap_or_default();
    writeln!(
        page,
        "<p><time datetime=\"{iso}\">{day} {time} UTC</time>, up {}</p>\n</header>\n<main>",
        Span(report.time.saturating_sub(report.started_at))
    )?;
    write_figures(page, report)?;
    write_notes(page, report)?;
    write_zones(page, report)?;
    write_traffic(page, report)?;
    write_footer(page, report)
}

/// How things stand, in a sentence.
fn headline(report: &Report) -> (Mood, String) {
    let silent = report.silent_zones().count();
    let stale = report.zones.iter().filter(|zone| zone.health == ZoneHealth::Stale).count();
    match (report.zones.len(), silent, stale) {
        (0, _, _) => (Mood::Warn, "No zone is configured".to_owned()),
        (1, 0, 0) => (Mood::Good, "The zone answers".to_owned()),
        (1, 0, _) => (Mood::Warn, "The zone answers with older data".to_owned()),
        (1, _, _) => (Mood::Bad, "The zone does not answer".to_owned()),
        (all, 0, 0) => (Mood::Good, format!("All {all} zones answer")),
        (all, 0, 1) => (Mood::Warn, format!("All {all} zones answer, one with older data")),
        (all, 0, stale) => (Mood::Warn, format!("All {all} zones answer, {stale} with older data")),
        (all, 1, _) => (Mood::Bad, format!("One of {all} zones does not answer")),
        (all, silent, _) => (Mood::Bad, format!("{silent} of {all} zones do not answer")),
    }
}

/// Whether somebody should act.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mood {
    /// No.
    Good,
    /// Soon.
    Warn,
    /// Now.
    Bad,
}

impl Mood {
    /// Its class in the style.
    fn class(self) -> &'static str {
        match self {
            Mood::Good => "good",
            Mood::Warn => "warn",
            Mood::Bad => "bad",
        }
    }

    /// Its colour in the icon, which must be seen on light and dark tabs.
    fn colour(self) -> &'static str {
        match self {
            Mood::Good => "1a9c57",
            Mood::Warn => "e0a100",
            Mood::Bad => "d92d3a",
        }
    }
}

/// The few numbers that are looked at first.
fn write_figures(page: &mut String, report: &Report) -> fmt::Result {
    let entries: u64 = report.zones.iter().map(|zone| zone.entries).sum();
    page.push_str("<dl class=\"figures\">\n");
    let mut figure = |name: &str, value: &dyn Display| {
        writeln!(page, "<div><dt>{name}</dt><dd>{value}</dd></div>")
    };
    figure("Queries/s, last minute", &Rate(report.queries_per_second))?;
    figure("Queries", &Count(report.udp.queries + report.tcp.queries))?;
    figure("Entries", &Count(entries))?;
    figure("Memory", &Bytes(report.memory_bytes))?;
    page.push_str("</dl>\n");
    Ok(())
}

/// What went wrong in the server itself.
fn write_notes(page: &mut String, report: &Report) -> fmt::Result {
    let mut note = |count: u64, class: &str, what: &str| match count {
        0 => Ok(()),
        _ => writeln!(page, "<p class=\"note {class}\">{} {what}</p>", Count(count)),
    };
    let overflow: u64 = report.receive_buffer_drops.values().sum();
    note(overflow, "bad", "queries were lost, as a receive buffer was full")?;
    note(report.panics, "bad", "batches of queries were lost to a fault of the server")?;
    note(
        report.tcp_connections.refused,
        "",
        "TCP connections were refused, as the limits allow no more",
    )?;
    note(
        report.udp.limited + report.udp.slipped,
        "",
        "answers were truncated or dropped, as a network asked for more by UDP than it gets",
    )?;
    note(report.query_log_lost, "", "queries are not in the query log, which could not keep up")
}

/// The zones: rows, or cards.
fn write_zones(page: &mut String, report: &Report) -> fmt::Result {
    page.push_str("<h2>Zones</h2>\n<div class=\"table\">\n");
    if report.zones.is_empty() {
        page.push_str(
            "<p class=\"empty\">Write a [[zone]] into the configuration, then run \
             <code>repute reload</code>.</p>\n</div>\n",
        );
        return Ok(());
    }
    page.push_str("<table>\n<thead><tr><th scope=\"col\">Zone</th><th scope=\"col\" class=\"state\">State</th>");
    for column in ZONE_COLUMNS {
        write!(page, "<th scope=\"col\">{column}</th>")?;
    }
    page.push_str("</tr></thead>\n<tbody>\n");
    for zone in &report.zones {
        write_zone(page, zone, report.time)?;
    }
    page.push_str("</tbody>\n</table>\n</div>\n");
    Ok(())
}

/// One zone, and what is wrong with it.
fn write_zone(page: &mut String, zone: &ZoneReport, now: u64) -> fmt::Result {
    let (class, word) = match zone.health {
        ZoneHealth::Serving => ("good", "serving"),
        ZoneHealth::Stale => ("warn", "older data"),
        ZoneHealth::Loading => ("idle", "loading"),
        ZoneHealth::Failed => ("bad", "no answers"),
    };
    write!(
        page,
        "<tr class=\"{class}\"><th scope=\"row\">{}</th>\
         <td class=\"state\"><span class=\"mark\">{word}</span></td>",
        // A long name may break behind its dots.
        Escaped(&zone.name).to_string().replace('.', ".<wbr>")
    )?;
    let ago = |seconds: Option<u64>| match seconds {
        Some(seconds) => format!("{} <small>ago</small>", Span(seconds)),
        None => "<span class=\"none\">never</span>".to_owned(),
    };
    let answers = &zone.answers;
    let share = match answers.total {
        0 => String::new(),
        total => format!(" <small>{:.0} %</small>", 100.0 * answers.listed as f64 / total as f64),
    };
    let faults = match zone.warnings {
        0 => Count(zone.faults).to_string(),
        n => format!("{} <small>{} warned</small>", Count(zone.faults), Count(n)),
    };
    let cells = [
        Count(zone.entries).to_string(),
        zone.serial.to_string(),
        ago(zone.source_age),
        ago(zone.loaded_at.map(|then| now.saturating_sub(u64::from(then)))),
        Bytes(zone.image_bytes).to_string(),
        faults,
        Rate(zone.queries_per_second).to_string(),
        Count(answers.total).to_string(),
        format!("{}{share}", Count(answers.listed)),
    ];
    for (column, cell) in ZONE_COLUMNS.iter().zip(cells) {
        write!(page, "<td data-is=\"{column}\">{cell}</td>")?;
    }
    page.push_str("</tr>\n");
    if let (Some(error), Some((brief, is_cut))) = (&zone.last_error, zone.brief_error()) {
        let columns = ZONE_COLUMNS.len() + 2;
        write!(page, "<tr class=\"why {class}\"><td colspan=\"{columns}\"><p")?;
        if is_cut {
            write!(page, " title=\"{}\"", Escaped(error))?;
        }
        let dots = if is_cut { " \u{2026}" } else { "" };
        writeln!(page, ">{}{dots}</p></td></tr>", Escaped(brief))?;
    }
    Ok(())
}

/// What went in and out.
fn write_traffic(page: &mut String, report: &Report) -> fmt::Result {
    page.push_str(
        "<h2>Traffic</h2>\n<div class=\"table\">\n<table>\n<thead><tr><th scope=\"col\">Transport</th>",
    );
    for column in TRAFFIC_COLUMNS {
        write!(page, "<th scope=\"col\">{column}</th>")?;
    }
    page.push_str("</tr></thead>\n<tbody>\n");
    for (name, counts) in [("UDP", &report.udp), ("TCP", &report.tcp)] {
        write!(page, "<tr><th scope=\"row\">{name}</th>")?;
        let cells = [
            Count(counts.queries).to_string(),
            Count(counts.dropped).to_string(),
            Count(counts.send_failures).to_string(),
            Bytes(counts.bytes_in).to_string(),
            Bytes(counts.bytes_out).to_string(),
        ];
        for (column, cell) in TRAFFIC_COLUMNS.iter().zip(cells) {
            write!(page, "<td data-is=\"{column}\">{cell}</td>")?;
        }
        page.push_str("</tr>\n");
    }
    page.push_str("</tbody>\n</table>\n</div>\n</main>\n");
    Ok(())
}

/// Where the server listens, and where more is told.
fn write_footer(page: &mut String, report: &Report) -> fmt::Result {
    page.push_str("<footer>\n<p>Listening on ");
    for (i, address) in report.udp_addresses.iter().enumerate() {
        write!(page, "{}{address}", if i > 0 { ", " } else { "" })?;
    }
    let threads = match report.workers {
        1 => "1 thread".to_owned(),
        n => format!("{n} threads"),
    };
    let elsewhere = Count(report.elsewhere.total);
    writeln!(
        page,
        "; {threads}; {} open TCP connections; {elsewhere} answers to queries for no zone of ours.</p>\n\
         <p><a href=\"/metrics\">Metrics</a> for Prometheus, <a href=\"/status.json\">JSON</a> for \
         programs, <a href=\"/healthz\">health</a> for load balancers.</p>\n\
         </footer>\n</body>\n</html>",
        Count(report.tcp_connections.open)
    )
}

/// Text that may contain anything.
struct Escaped<'a>(&'a str);

impl Display for Escaped<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for character in self.0.chars() {
            match character {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                other => f.write_char(other)?,
            }
        }
        Ok(())
    }
}

/// Seconds in the two largest units that matter.
struct Span(u64);

impl Display for Span {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let (days, hours, minutes, seconds) =
            (self.0 / 86_400, self.0 / 3_600 % 24, self.0 / 60 % 60, self.0 % 60);
        match (days, hours, minutes) {
            (0, 0, 0) => write!(f, "{seconds} s"),
            (0, 0, _) => write!(f, "{minutes} min {seconds} s"),
            (0, _, _) => write!(f, "{hours} h {minutes} min"),
            _ => write!(f, "{days} d {hours} h"),
        }
    }
}

/// A number of bytes in a unit that leaves few digits.
struct Bytes(u64);

impl Display for Bytes {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let mut value = self.0 as f64;
        for unit in ["B", "KiB", "MiB", "GiB"] {
            if value < 1024.0 {
                return write!(f, "{value:.*} {unit}", usize::from(unit != "B"));
            }
            value /= 1024.0;
        }
        write!(f, "{value:.1} TiB")
    }
}

/// A whole number in groups of three digits.
struct Count(u64);

impl Display for Count {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let digits = self.0.to_string();
        for (at, digit) in digits.chars().enumerate() {
            if at > 0 && (digits.len() - at).is_multiple_of(3) {
                // A narrow blank at which no line breaks: it means the same everywhere.
                f.write_char('\u{202f}')?;
            }
            f.write_char(digit)?;
        }
        Ok(())
    }
}

/// Events a second: whole ones unless they are few.
struct Rate(f64);

impl Display for Rate {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if self.0 < 10.0 { write!(f, "{:.1}", self.0) } else { Count(self.0.round() as u64).fmt(f) }
    }
}

/// What is told of each zone, beside its name and state.
const ZONE_COLUMNS: [&str; 9] = [
    "Entries",
    "Serial",
    "Source changed",
    "Loaded",
    "Memory",
    "Faulty lines",
    "Queries/s",
    "Answers",
    "Listed",
];

/// What is told of each transport.
const TRAFFIC_COLUMNS: [&str; 5] = ["Queries", "Not answered", "Not sent", "Received", "Sent"];

/// How the page looks.
const STYLE: &str = include_str!("page.css");

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::tests::report;

    #[test]
    fn numbers_are_short() {
        let spans = [5, 65, 3_700, 90_000].map(|s| Span(s).to_string());
        assert_eq!(spans, ["5 s", "1 min 5 s", "1 h 1 min", "1 d 1 h"]);
        let sizes = [9, 1_536, 5 << 20, 3 << 40].map(|b| Bytes(b).to_string());
        assert_eq!(sizes, ["9 B", "1.5 KiB", "5.0 MiB", "3.0 TiB"]);
        let counts = [0, 999, 1_000, 120_437, 10_000_000].map(|n| Count(n).to_string());
        let blank = |text: &str| text.replace(' ', "\u{202f}");
        assert_eq!(counts, ["0", "999", "1 000", "120 437", "10 000 000"].map(blank));
        let rates = [0.0, 1.24, 9.96, 12.4, 123_456.7].map(|n| Rate(n).to_string());
        assert_eq!(rates, ["0.0", "1.2", "10.0", "12", "123 457"].map(blank));
    }

    #[test]
    fn the_headline_says_the_worst() {
        let check = |healths: &[ZoneHealth], expect: (Mood, &str)| {
            let mut report = report("bl.example");
            let zone = report.zones.remove(0);
            let zones = healths.iter().map(|health| ZoneReport { health: *health, ..zone.clone() });
            report.zones = zones.collect();
            assert_eq!(headline(&report), (expect.0, expect.1.to_owned()));
        };
        use ZoneHealth::{Failed, Loading, Serving, Stale};
        check(&[], (Mood::Warn, "No zone is configured"));
        check(&[Serving], (Mood::Good, "The zone answers"));
        check(&[Stale], (Mood::Warn, "The zone answers with older data"));
        check(&[Loading], (Mood::Bad, "The zone does not answer"));
        check(&[Serving; 3], (Mood::Good, "All 3 zones answer"));
        check(&[Serving, Stale], (Mood::Warn, "All 2 zones answer, one with older data"));
        check(&[Serving, Stale, Failed], (Mood::Bad, "One of 3 zones does not answer"));
        check(&[Failed, Loading], (Mood::Bad, "2 of 2 zones do not answer"));
    }

    /// Every tag that was opened is closed, in order, and nothing from outside opens one.
    #[test]
    fn the_page_is_well_formed_whatever_zones_and_errors_are_called() {
        let mut report = report("bl.example");
        report.version = "<script>alert('1')</script>\"&".into();
        report.zones[0].name = "\"><img src=x onerror='a()'>.example".into();
        let error = "</p>\"></td></style><script>a()</script>\nand more";
        report.zones[0].last_error = Some(error.into());
        let page = render(&report);
        let mut open: Vec<&str> = Vec::new();
        let (_, mut rest) = page.split_once("<!doctype html>").expect("it begins so");
        while let Some((_, tag)) = rest.split_once('<') {
            // An attribute may have the icon's own tags in it.
            let mut quoted = false;
            let end = tag.find(|c| {
                quoted ^= c == '"';
                c == '>' && !quoted
            });
            let (tag, after) = tag.split_at(end.expect("a tag ends"));
            rest = after;
            let name = tag.split([' ', '\n']).next().expect("a name");
            match name.strip_prefix('/') {
                Some(name) => assert_eq!(open.pop(), Some(name), "<{tag}>"),
                None if ["meta", "link", "wbr"].contains(&name) => {}
                None => open.push(name),
            }
            assert!(!["script", "img"].contains(&name), "<{tag}>");
        }
        assert_eq!(open, [""; 0]);
        let own = page.replace("http://www.w3.org/2000/svg", "");
        for outside in ["http:", "https:", "//", "url(", "@import"] {
            assert!(!own.contains(outside), "{outside} is loaded from elsewhere");
        }
    }
}

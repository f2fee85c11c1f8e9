//! The status page for people: a [`Report`] as one plain HTML page without scripts.

use std::fmt::{self, Display, Formatter, Write};

use crate::report::{Report, ZoneReport};

/// Writes the page.
pub(super) fn render(report: &Report) -> String {
    let mut page = String::with_capacity(4096 + 512 * report.zones.len());
    // Writing to a string cannot fail.
    let _ = write_page(&mut page, report);
    page
}

/// The page from top to bottom.
fn write_page(page: &mut String, report: &Report) -> fmt::Result {
    let Report { version, queries_per_second, .. } = report;
    page.push_str(HEAD);
    let silent = report.silent_zones().count();
    let headline = match (report.zones.len(), silent) {
        (0, _) => "No zone is configured".to_owned(),
        (1, 0) => "The zone answers".to_owned(),
        (all, 0) => format!("All {all} zones answer"),
        (all, silent) => format!("{silent} of {all} zones do not answer"),
    };
    let class = if silent == 0 { "good" } else { "bad" };
    writeln!(page, "<h1 class=\"{class}\">{headline}</h1>")?;
    writeln!(
        page,
        "<p>repute {}, up {}, {} of memory, {queries_per_second:.1} queries a second in the last minute.</p>",
        Escaped(version),
        Span(report.time.saturating_sub(report.started_at)),
        Bytes(report.memory_bytes),
    )?;
    page.push_str(
        "<table><thead><tr><th>Zone<th>State<th>Serial<th>Entries<th>Memory<th>Built\
         <th>Source changed<th>Faults<th>Queries/s<th>Answers<th>Listed</tr></thead><tbody>\n",
    );
    for zone in &report.zones {
        write_zone(page, zone, report.time)?;
    }
    page.push_str("</tbody></table>\n<table><thead><tr><th>Transport<th>Queries<th>Dropped");
    page.push_str("<th>Not sent<th>Received<th>Sent</tr></thead><tbody>\n");
    for (name, counts) in [("UDP", &report.udp), ("TCP", &report.tcp)] {
        writeln!(
            page,
            "<tr><th>{name}<td>{}<td>{}<td>{}<td>{}<td>{}</tr>",
            counts.queries,
            counts.dropped,
            counts.send_failures,
            Bytes(counts.bytes_in),
            Bytes(counts.bytes_out),
        )?;
    }
    page.push_str("</tbody></table>\n");
    let overflow: u64 = report.receive_buffer_drops.values().sum();
    if overflow > 0 {
        writeln!(
            page,
            "<p class=\"bad\">{overflow} queries were lost as a receive buffer was full.</p>"
        )?;
    }
    page.push_str("<p>Listening on ");
    for (i, address) in report.udp_addresses.iter().enumerate() {
        write!(page, "{}{address}", if i > 0 { ", " } else { "" })?;
    }
    writeln!(
        page,
        "; {} workers; {} TCP connections. <a href=\"/metrics\">Metrics</a>, \
         <a href=\"/status.json\">JSON</a>.</p>",
        report.workers, report.tcp_connections.open,
    )
}

/// The row of one zone, and a second one with what is wrong.
fn write_zone(page: &mut String, zone: &ZoneReport, now: u64) -> fmt::Result {
    let class = if zone.health.answers() { "" } else { " class=\"bad\"" };
    write!(
        page,
        "<tr><th>{}<td{class}>{}<td>{}<td>{}<td>{}",
        Escaped(&zone.name),
        zone.health.label(),
        zone.serial,
        zone.entries,
        Bytes(zone.image_bytes),
    )?;
    let built = zone.loaded_at.map(|then| now.saturating_sub(u64::from(then)));
    for age in [built, zone.source_age] {
        match age {
            Some(seconds) => write!(page, "<td>{} ago", Span(seconds))?,
            None => page.push_str("<td>-"),
        }
    }
    let ZoneReport { faults, queries_per_second, answers, .. } = zone;
    writeln!(
        page,
        "<td>{faults}<td>{queries_per_second:.1}<td>{}<td>{}</tr>",
        answers.total, answers.listed
    )?;
    if let Some(error) = &zone.last_error {
        writeln!(page, "<tr><td class=\"bad\" colspan=\"11\">{}</tr>", Escaped(error))?;
    }
    Ok(())
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

/// What stands before the first word.
const HEAD: &str = "<!doctype html>
<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Repute: status</title>
<meta name=\"viewport\" content=\"width=device-width\">
<style>
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { max-width: 75rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; margin: 1.5rem 0; display: block; overflow-x: auto; }
th, td { padding: .25rem .75rem; text-align: right; border-bottom: 1px solid #8885; white-space: nowrap; }
th:first-child, td[colspan] { text-align: left; }
td { font-variant-numeric: tabular-nums; }
.bad { color: light-dark(#b00020, #ff8a80); white-space: normal; }
.good::before { content: \"\\2713\\00a0\"; }
.bad::before { content: \"\\26a0\\00a0\"; }
</style></head><body>
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_and_sizes_are_short() {
        let spans = [5, 65, 3_700, 90_000].map(|s| Span(s).to_string());
        assert_eq!(spans, ["5 s", "1 min 5 s", "1 h 1 min", "1 d 1 h"]);
        let sizes = [9, 1_536, 5 << 20, 3 << 40].map(|b| Bytes(b).to_string());
        assert_eq!(sizes, ["9 B", "1.5 KiB", "5.0 MiB", "3.0 TiB"]);
    }
}

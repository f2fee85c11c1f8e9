//! `repute status`: what the running server serves, and how busy it is.

use std::io::Write;
use std::path::Path;
use std::time::Duration;

use anyhow::bail;
use repute_nameserver::control::{Answer, Request};
use repute_nameserver::report::{
    OwnZoneReport, Report, SecondaryReport, SecondaryState, TransferReport, UpdateReport,
    ZoneReport,
};
use repute_nameserver::status::Upstream;

use super::running::ask_server;
use crate::cli::StatusArgs;
use crate::config::Config;
use crate::exit::Verdict;

/// Asks the server and shows its answer. `No` if a zone is not served.
pub(super) fn run(path: Option<&Path>, args: &StatusArgs) -> anyhow::Result<Verdict> {
    let config = Config::find(path)?;
    let report = match ask_server(path, &config.process.control, &Request::Status)? {
        Answer::Status(report) => *report,
        Answer::Error(reason) => bail!(reason),
        Answer::Reloaded(_) | Answer::Zone(_) | Answer::Told(_) | Answer::Done => {
            bail!("the server answers something else")
        }
    };
    let mut out = std::io::stdout().lock();
    if args.json {
        serde_json::to_writer_pretty(&mut out, &report)?;
        writeln!(out)?;
    } else {
        show(&report, &mut out)?;
    }
    Ok(if report.silent_zones().next().is_some() { Verdict::No } else { Verdict::Yes })
}

/// Writes the report for people.
fn show(report: &Report, out: &mut impl Write) -> std::io::Result<()> {
    let up = Duration::from_secs(report.time.saturating_sub(report.started_at));
    let addresses: Vec<_> = report.udp_addresses.iter().map(ToString::to_string).collect();
    writeln!(
        out,
        "repute {}, up {}, {} MiB, {:.0} queries/s, at {}",
        report.version,
        span(up),
        report.memory_bytes >> 20,
        report.queries_per_second,
        addresses.join(" ")
    )?;
    let width = report.zones.iter().map(|z| z.name.len()).max().unwrap_or(0).max(4);
    writeln!(
        out,
        "{:<width$} {:<8} {:>11} {:>10} {:>9} {:>9}  last error",
        "zone", "state", "entries", "serial", "KiB", "queries/s"
    )?;
    for zone in &report.zones {
        writeln!(
            out,
            "{:<width$} {:<8} {:>11} {:>10} {:>9} {:>9.0}  {}",
            zone.name,
            zone.health.label(),
            zone.entries,
            zone.serial,
            zone.image_bytes >> 10,
            zone.queries_per_second,
            zone.brief_error().map_or("-".to_owned(), |(brief, is_cut)| {
                format!("{brief}{}", if is_cut { " ..." } else { "" })
            })
        )?;
    }
    for (zone, own) in report.beyond.iter().flat_map(|beyond| &beyond.zones) {
        own_zone(zone, own, report.time, out)?;
    }
    if report.zones.iter().filter_map(ZoneReport::brief_error).any(|(_, is_cut)| is_cut) {
        writeln!(out, "`repute status --json` and the log have the errors in full")?;
    }
    taken_over(report, out)
}

/// Writes from where zones are taken over, and how fresh they are.
fn taken_over(report: &Report, out: &mut impl Write) -> std::io::Result<()> {
    let zones = || report.zones.iter().filter_map(|zone| Some((zone, zone.upstream?)));
    let Some(width) = zones().map(|(zone, _)| zone.name.len()).max() else { return Ok(()) };
    let primaries = zones().map(|(_, upstream)| upstream.primary.to_string().len());
    let (width, wide) = (width.max(10), primaries.max().unwrap_or(0).max(7));
    writeln!(out, "\n{:<width$} {:<wide$} {:<16}  expires", "taken over", "primary", "refreshed")?;
    for (zone, Upstream { primary, refreshed, expires }) in zones() {
        let since = |then: u64| format!("{} ago", span(seconds(report.time.saturating_sub(then))));
        let until = |then: u64| format!("in {}", span(seconds(then.saturating_sub(report.time))));
        let refreshed = refreshed.map_or("never".to_owned(), since);
        let expires = expires.map_or("not served: SERVFAIL".to_owned(), until);
        writeln!(
            out,
            "{:<width$} {:<wide$} {refreshed:<16}  {expires}",
            zone.name,
            primary.to_string()
        )?;
    }
    Ok(())
}

/// So many seconds.
fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// Writes what was last for a zone.
fn own_zone(
    zone: &str,
    OwnZoneReport { update, transfer, secondaries }: &OwnZoneReport,
    now: u64,
    out: &mut impl Write,
) -> std::io::Result<()> {
    let ago = |time: u64| span(Duration::from_secs(now.saturating_sub(time)));
    if let Some(UpdateReport { key, serial, time }) = update {
        writeln!(out, "{zone}: updated by key {key} to serial {serial}, {} ago", ago(*time))?;
    }
    if let Some(TransferReport { what, serial, time }) = transfer {
        writeln!(out, "{zone}: last transfer: {what}, serial {serial}, {} ago", ago(*time))?;
    }
    for SecondaryReport { address, serial, state, time } in secondaries {
        let heard = match state {
            SecondaryState::Told => "was told of serial",
            SecondaryState::Heard => "has heard of serial",
            SecondaryState::Refused => "refuses to hear of serial",
            SecondaryState::Silent => "does not answer what it is told of serial",
        };
        writeln!(out, "{zone}: secondary {address} {heard} {serial}, {} ago", ago(*time))?;
    }
    Ok(())
}

/// A span of time in its two largest units.
fn span(time: Duration) -> String {
    let seconds = time.as_secs();
    match (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60, seconds % 60) {
        (0, 0, 0, s) => format!("{s} s"),
        (0, 0, m, s) => format!("{m} min {s} s"),
        (0, h, m, _) => format!("{h} h {m} min"),
        (d, h, _, _) => format!("{d} d {h} h"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_short() {
        let check = |s: u64, expect: &str| assert_eq!(span(Duration::from_secs(s)), expect);
        check(9, "9 s");
        check(61, "1 min 1 s");
        check(3_660, "1 h 1 min");
        check(90_000, "1 d 1 h");
    }
}

//! The metrics page: a [`View`] in the text format of Prometheus (version 0.0.4).
//!
//! Every family is defined here, once, with its help text. What lists say (reasons, links) is not among
//! the labels: it changes, and a label that changes is a new series.

use std::fmt::Display;
use std::time::Duration;

use repute_lookup::traffic::BOUNDS;

use crate::event::Meaning;
use crate::overview::outcome_of;
use crate::standing::{Shown, Status};
use crate::state::{Condition, Life, Outcome};
use crate::view::{RecordView, View};

/// Content-Type of the page.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Writes the page; with the names of Luzilla/dnsbl_exporter too, if somebody's dashboards need those.
pub fn render(view: &View<'_>, luzilla: bool) -> String {
    let mut page = Page(String::with_capacity(4096));
    targets(&mut page, &view.targets);
    lists(&mut page, view);
    traffic(&mut page, view);
    zones(&mut page, view);
    servers(&mut page, view);
    process(&mut page, view);
    if luzilla {
        self::luzilla(&mut page, view);
    }
    page.0
}

/// Writes what one check found, for a prober.
pub fn render_probe(view: &View<'_>, took: Duration, luzilla: bool) -> String {
    let targets = &view.targets[..];
    let mut page = Page(String::with_capacity(4096));
    let success = targets.iter().any(|t| t.lists.iter().any(|cell| cell.status.is_some()));
    page.family("probe_success", Kind::Gauge, "1 if at least one list answered.")
        .sample(&[], u8::from(success));
    page.family("probe_duration_seconds", Kind::Gauge, "How long the check took.")
        .sample(&[], took.as_secs_f64());
    self::targets(&mut page, targets);
    meanings(&mut page, view);
    if luzilla {
        self::luzilla(&mut page, view);
    }
    page.0
}

/// How targets stand with lists.
fn targets(page: &mut Page, targets: &[RecordView<'_>]) {
    let help = "1 if the target is on the list, by return code; 0, without a code, if it is not. As \
                far as the last checks could tell; what was never known is left out.";
    let mut family = page.family("dnsbl_listed", Kind::Gauge, help);
    for (target, cell) in cells(targets) {
        let (target, zone) = (("target", target.name), ("zone", cell.list));
        match (cell.status, cell.details) {
            (None, _) => {}
            (Some(Status::Listed), Some(details)) if !details.codes.is_empty() => {
                for code in &details.codes {
                    family.sample(&[target, zone, ("code", code)], 1);
                }
            }
            (Some(Status::Listed), _) => family.sample(&[target, zone, ("code", "unknown")], 1),
            (Some(Status::Clean), _) => family.sample(&[target, zone, ("code", "")], 0),
        }
    }
    let help = "When a check first saw the present listing, in unix seconds.";
    let mut family = page.family("dnsbl_listed_since_timestamp_seconds", Kind::Gauge, help);
    for (target, cell) in cells(targets).filter(|(_, cell)| cell.is_listed()) {
        let since = cell.first_seen.unwrap_or(cell.since);
        family.sample(&[("target", target.name), ("zone", cell.list)], since);
    }
    let help = "1 if the last check could not tell whether the target is on the list.";
    let mut family = page.family("dnsbl_unknown", Kind::Gauge, help);
    for (target, cell) in cells(targets).filter(|(_, cell)| cell.shown.is_some()) {
        let is_unknown = cell.shown == Some(Shown::Unknown);
        family.sample(&[("target", target.name), ("zone", cell.list)], u8::from(is_unknown));
    }
    let help = "When the target was last checked, in unix seconds.";
    let mut family = page.family("dnsbl_last_check_timestamp_seconds", Kind::Gauge, help);
    for target in targets {
        family.sample(&[("target", target.name)], target.checked);
    }
    let help = "Block lists that have the target, each once however many others it is part of; \
                left out if nobody could tell.";
    let mut family = page.family("dnsbl_target_score", Kind::Gauge, help);
    let is_known = |target: &&RecordView<'_>| outcome_of(target) != Some(Outcome::Unknown);
    for target in targets.iter().filter(is_known) {
        let score = target.lists.iter().filter(|cell| cell.counts()).count();
        family.sample(&[("target", target.name)], score);
    }
}

/// What being on the lists means.
fn meanings(page: &mut Page, view: &View<'_>) {
    let help = "1, with what being on the list means: block (bad), allow (good) or info (a fact).";
    let mut family = page.family("dnsbl_zone_info", Kind::Gauge, help);
    for list in &view.lists {
        let polarity = match list.meaning {
            Meaning::Block => "block",
            Meaning::Allow => "allow",
            Meaning::Info => "info",
        };
        family.sample(&[("zone", list.name), ("polarity", polarity)], 1);
    }
}

/// How the lists are.
fn lists(page: &mut Page, view: &View<'_>) {
    meanings(page, view);
    let asked = || view.lists.iter().filter_map(|list| Some((list, list.life?)));
    let help = "1 if the list can be used, 0 if it does not answer or cannot be believed.";
    let mut family = page.family("dnsbl_zone_up", Kind::Gauge, help);
    for (list, life) in asked() {
        family.sample(&[("zone", list.name)], u8::from(life == Life::Up));
    }
    let help = "1 for the state that the last checks found the list in.";
    let mut family = page.family("dnsbl_zone_state", Kind::Gauge, help);
    for (list, _) in asked() {
        for (condition, word) in CONDITIONS {
            let is_so = u8::from(list.condition == condition);
            family.sample(&[("zone", list.name), ("state", word)], is_so);
        }
    }
}

/// Queries.
fn traffic(page: &mut Page, view: &View<'_>) {
    let help = "How long answers took, with all repetitions of the question.";
    let mut family = page.family("dnsbl_query_duration_seconds", Kind::Histogram, help);
    for (zone, traffic) in &view.process.traffic {
        let mut count = 0;
        for (bound, more) in BOUNDS.iter().zip(traffic.durations) {
            count += more;
            let bound = bound.as_secs_f64().to_string();
            family.part("_bucket", &[("zone", zone), ("le", &bound)], count);
        }
        count += traffic.durations.last().copied().unwrap_or(0);
        family.part("_bucket", &[("zone", zone), ("le", "+Inf")], count);
        family.part("_sum", &[("zone", zone)], traffic.total.as_secs_f64());
        family.part("_count", &[("zone", zone)], count);
    }
    let help = "Queries by response code, or by what came in place of an answer.";
    let mut family = page.family("dnsbl_queries_total", Kind::Counter, help);
    for (zone, traffic) in &view.process.traffic {
        for (end, count) in &traffic.ends {
            family.sample(&[("zone", zone), ("rcode", &end.name())], count);
        }
    }
}

/// Zones of one's own.
fn zones(page: &mut Page, view: &View<'_>) {
    let help = "1 if the zone breaks the rule; rules that it never broke are left out.";
    let mut family = page.family("dnsbl_audit_failed", Kind::Gauge, help);
    for (zone, cell) in cells(&view.zones).filter(|(_, cell)| cell.status.is_some()) {
        family.sample(&[("zone", zone.name), ("rule", cell.list)], u8::from(cell.is_listed()));
    }
    let help = "When the zone was last audited, in unix seconds.";
    let mut family = page.family("dnsbl_last_audit_timestamp_seconds", Kind::Gauge, help);
    for zone in &view.zones {
        family.sample(&[("zone", zone.name)], zone.checked);
    }
}

/// The servers of those zones, as the last audit since the start found them.
fn servers(page: &mut Page, view: &View<'_>) {
    let all = || {
        let audits =
            view.zones.iter().filter_map(|zone| view.process.audits.get_key_value(zone.name));
        audits.flat_map(|(zone, audit)| audit.servers.iter().map(move |s| (zone, audit, s)))
    };
    let help = "1 if the server answers by that transport.";
    let mut family = page.family("dnsbl_zone_server_up", Kind::Gauge, help);
    for (zone, _, server) in all() {
        let at = server.address.to_string();
        for (transport, is_up) in [("udp", server.udp), ("tcp", server.tcp)] {
            if let Some(is_up) = is_up {
                let labels = [("zone", &**zone), ("server", &*at), ("transport", transport)];
                family.sample(&labels, u8::from(is_up));
            }
        }
    }
    let help = "The serial of the zone on the server.";
    let mut family = page.family("dnsbl_zone_serial", Kind::Gauge, help);
    for (zone, _, server) in all() {
        if let Some(serial) = server.serial {
            family.sample(&[("zone", zone), ("server", &server.address.to_string())], serial);
        }
    }
    let help = "How far that is behind the newest serial on any of the zone's servers.";
    let mut family = page.family("dnsbl_zone_serial_lag", Kind::Gauge, help);
    for (zone, audit, server) in all() {
        if let (Some(newest), Some(serial)) = (audit.newest_serial(), server.serial) {
            let labels = [("zone", &**zone), ("server", &*server.address.to_string())];
            family.sample(&labels, newest.wrapping_sub(serial));
        }
    }
}

/// What concerns the process.
fn process(page: &mut Page, view: &View<'_>) {
    let process = view.process;
    page.family("repute_monitor_build_info", Kind::Gauge, "The software that runs, as labels.")
        .sample(&[("version", view.version)], 1);
    let help = "When the monitor started, in unix seconds.";
    page.family("repute_monitor_start_time_seconds", Kind::Gauge, help)
        .sample(&[], process.started);
    page.family("repute_monitor_rounds_total", Kind::Counter, "Rounds of checks.")
        .sample(&[], process.rounds);
    let help = "How long the last round of checks took.";
    page.family("repute_monitor_last_round_seconds", Kind::Gauge, help)
        .sample(&[], process.round_seconds);
    let help = "When the state was last written to disk, in unix seconds.";
    let mut family = page.family("repute_monitor_state_saved_timestamp_seconds", Kind::Gauge, help);
    if let Some(saved) = process.saved {
        family.sample(&[], saved);
    }
    let help = "How often the state could not be written.";
    page.family("repute_monitor_state_write_failures_total", Kind::Counter, help)
        .sample(&[], process.save_failures);
    let help = "1 if something is wrong with a subject itself, such as a host that does not exist.";
    let mut family = page.family("repute_monitor_subject_problem", Kind::Gauge, help);
    for subject in view.problems.keys() {
        family.sample(&[("subject", subject)], 1);
    }
    let help = "Messages by what became of them.";
    let mut family = page.family("repute_monitor_notifications_total", Kind::Counter, help);
    let results =
        [("taken", &process.taken), ("refused", &process.refused), ("given-up", &process.given_up)];
    for channel in view.channels.keys() {
        for (result, counts) in results {
            let count = counts.get(*channel).copied().unwrap_or(0);
            family.sample(&[("channel", channel), ("result", result)], count);
        }
    }
    let help = "Events that wait to be told.";
    let mut family = page.family("repute_monitor_events_waiting", Kind::Gauge, help);
    for (channel, waiting) in &view.channels {
        family.sample(&[("channel", channel)], waiting);
    }
}

/// The names of Luzilla/dnsbl_exporter, for block lists.
fn luzilla(page: &mut Page, view: &View<'_>) {
    let is_block = |meaning| meaning == Meaning::Block;
    let lists: Vec<_> = view.lists.iter().filter(|list| is_block(list.meaning)).collect();
    page.family("luzilla_rbls_used", Kind::Gauge, "The number of configured lists.")
        .sample(&[], lists.len());
    page.family("luzilla_rbls_targets", Kind::Gauge, "The number of targets.")
        .sample(&[], view.targets.len());
    page.family("luzilla_rbls_duration", Kind::Gauge, "How long the last round of checks took.")
        .sample(&[], view.process.round_seconds);
    let mut family =
        page.family("luzilla_rbls_listed", Kind::Gauge, "The number of listings in a list.");
    for list in &lists {
        family.sample(&[("rbl", list.name)], list.listed);
    }
    let block = || cells(&view.targets).filter(|(_, cell)| is_block(cell.meaning));
    let mut family =
        page.family("luzilla_rbls_ips_blacklisted", Kind::Gauge, "1 if the target is listed.");
    for (target, cell) in block().filter(|(_, cell)| cell.status.is_some()) {
        let labels = [("rbl", cell.list), ("ip", target.name), ("hostname", target.subject)];
        family.sample(&labels, u8::from(cell.is_listed()));
    }
    let mut family = page.family("luzilla_rbls_errors", Kind::Gauge, "1 if the look-up failed.");
    for (target, cell) in block().filter(|(_, cell)| cell.shown == Some(Shown::Unknown)) {
        let labels = [("rbl", cell.list), ("ip", target.name), ("hostname", target.subject)];
        family.sample(&labels, 1);
    }
}

/// All pairs of a target and a list.
fn cells<'v, 'a>(
    targets: &'v [RecordView<'a>],
) -> impl Iterator<Item = (&'v RecordView<'a>, &'v crate::view::Cell<'a>)> {
    targets.iter().flat_map(|target| target.lists.iter().map(move |cell| (target, cell)))
}

/// A page that is being written.
struct Page(String);

/// A family on it.
struct Family<'a> {
    page: &'a mut String,
    name: &'static str,
}

/// What a value does over time.
#[derive(Clone, Copy)]
enum Kind {
    /// It only grows.
    Counter,
    /// It goes up and down.
    Gauge,
    /// It counts durations.
    Histogram,
}

impl Page {
    /// Begins a family.
    fn family(&mut self, name: &'static str, kind: Kind, help: &str) -> Family<'_> {
        let kind = match kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        };
        self.0.push_str(&format!("# HELP {name} {help}\n# TYPE {name} {kind}\n"));
        Family { page: &mut self.0, name }
    }
}

impl Family<'_> {
    /// Writes one value.
    fn sample(&mut self, labels: &[(&str, &str)], value: impl Display) {
        self.part("", labels, value);
    }

    /// Writes one value of a part of the family.
    fn part(&mut self, part: &str, labels: &[(&str, &str)], value: impl Display) {
        self.page.push_str(self.name);
        self.page.push_str(part);
        for (i, (label, text)) in labels.iter().enumerate() {
            self.page.push(if i == 0 { '{' } else { ',' });
            self.page.push_str(label);
            self.page.push_str("=\"");
            for character in text.chars() {
                match character {
                    '\\' => self.page.push_str("\\\\"),
                    '"' => self.page.push_str("\\\""),
                    '\n' => self.page.push_str("\\n"),
                    other => self.page.push(other),
                }
            }
            self.page.push('"');
        }
        if !labels.is_empty() {
            self.page.push('}');
        }
        self.page.push_str(&format!(" {value}\n"));
    }
}

/// What may be the matter with a list, and the words for it.
const CONDITIONS: [(Condition, &str); 6] = [
    (Condition::Ok, "ok"),
    (Condition::Dead, "dead"),
    (Condition::Wildcard, "wildcard"),
    (Condition::Refused, "refused"),
    (Condition::Ratelimited, "ratelimited"),
    (Condition::Hijacked, "hijacked"),
];

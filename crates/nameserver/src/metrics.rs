//! The metrics page: a [`Report`] in the text format of Prometheus (version 0.0.4).
//!
//! Every family is defined here, once, with its help text; there is nothing about clients. Counters
//! start at zero with the process.

use std::collections::BTreeMap;
use std::fmt::Display;

use crate::report::{AnswersReport, BeyondReport, Report, ZoneReport};
use crate::status::ZoneHealth;

/// Content-Type of the page.
pub(crate) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Writes the page.
pub fn render(report: &Report) -> String {
    let mut page = Page(String::with_capacity(4096 + 4096 * report.zones.len()));
    server(&mut page, report);
    transports(&mut page, report);
    answers(&mut page, report);
    zones(&mut page, report);
    if let Some(beyond) = &report.beyond {
        own_zones(&mut page, beyond);
    }
    page.0
}

/// What concerns the process.
fn server(page: &mut Page, report: &Report) {
    page.family("build_info", Kind::Gauge, "The software that runs, as labels.")
        .sample(&[("version", &report.version)], 1);
    page.family("start_time_seconds", Kind::Gauge, "When the server started, in unix seconds.")
        .sample(&[], report.started_at);
    page.family("resident_memory_bytes", Kind::Gauge, "Memory the process holds.")
        .sample(&[], report.memory_bytes);
    page.family("workers", Kind::Gauge, "Threads that answer UDP.").sample(&[], report.workers);
    page.family("panics_total", Kind::Counter, "Batches of queries lost to a fault of the server.")
        .sample(&[], report.panics);
    page.family("query_log_lines_total", Kind::Counter, "Queries written to the query log.")
        .sample(&[], report.query_log_lines);
    page.family("query_log_lost_total", Kind::Counter, "Queries the query log could not take.")
        .sample(&[], report.query_log_lost);
}

/// What concerns UDP and TCP.
fn transports(page: &mut Page, report: &Report) {
    let both = [("udp", &report.udp), ("tcp", &report.tcp)];
    let mut family = |name, help, value: fn(&crate::report::TransportReport) -> u64| {
        let mut family = page.family(name, Kind::Counter, help);
        for (transport, counts) in both {
            family.sample(&[("transport", transport)], value(counts));
        }
    };
    family("queries_total", "Queries received.", |t| t.queries);
    family("dropped_total", "Queries that got no answer, by decision.", |t| t.dropped);
    family("send_failures_total", "Answers the kernel refused to send.", |t| t.send_failures);
    family("received_bytes_total", "Bytes of queries.", |t| t.bytes_in);
    family("sent_bytes_total", "Bytes of answers.", |t| t.bytes_out);
    let help = "UDP answers that were limited, as their client's network had its answers.";
    page.family("limited_total", Kind::Counter, help)
        .sample(&[("result", "dropped")], report.udp.limited)
        .sample(&[("result", "truncated")], report.udp.slipped);
    page.family("receive_calls_total", Kind::Counter, "System calls that brought UDP queries.")
        .sample(&[], report.udp.batches);
    let help = "Queries the kernel discarded because a receive buffer was full.";
    let mut drops = page.family("receive_buffer_drops_total", Kind::Counter, help);
    for (address, count) in &report.receive_buffer_drops {
        drops.sample(&[("address", &address.to_string())], count);
    }
    let connections = &report.tcp_connections;
    page.family("tcp_connections", Kind::Gauge, "TCP connections open now.")
        .sample(&[], connections.open);
    page.family("tcp_connections_total", Kind::Counter, "TCP connections by what became of them.")
        .sample(&[("result", "admitted")], connections.admitted)
        .sample(&[("result", "refused")], connections.refused);
}

/// What was answered, by zone; queries for none of ours have the zone [`NO_ZONE`].
fn answers(page: &mut Page, report: &Report) {
    let named = report.zones.iter().map(|zone| (zone.name.as_str(), &zone.answers));
    let all: Vec<_> = named.chain([(NO_ZONE, &report.elsewhere)]).collect();
    let mut family = page.family("answers_total", Kind::Counter, "Answers by response code.");
    for (zone, answers) in &all {
        for (rcode, count) in &answers.rcodes {
            family.sample(&[("zone", zone), ("rcode", rcode)], count);
        }
    }
    let help = "Answers by type asked for.";
    let mut family = page.family("answers_by_type_total", Kind::Counter, help);
    for (zone, answers) in &all {
        for (qtype, count) in &answers.types {
            family.sample(&[("zone", zone), ("type", qtype)], count);
        }
    }
    let help = "Answers by transport.";
    let mut family = page.family("answers_by_transport_total", Kind::Counter, help);
    for (zone, answers) in &all {
        let udp = answers.total.saturating_sub(answers.tcp);
        family.sample(&[("zone", zone), ("transport", "udp")], udp);
        family.sample(&[("zone", zone), ("transport", "tcp")], answers.tcp);
    }
    let mut family = |name, help, value: fn(&AnswersReport) -> u64| {
        let mut family = page.family(name, Kind::Counter, help);
        for (zone, answers) in &all {
            family.sample(&[("zone", zone)], value(answers));
        }
    };
    family("listed_total", "Answers that name a listing.", |a| a.listed);
    family("truncated_total", "Answers cut to fit UDP, to be asked again by TCP.", |a| a.truncated);
    family("zone_received_bytes_total", "Bytes of queries by zone.", |a| a.bytes_in);
    family("zone_sent_bytes_total", "Bytes of answers by zone.", |a| a.bytes_out);
}

/// The state of the zones.
fn zones(page: &mut Page, report: &Report) {
    let help = "1 for the state the zone is in: only `serving` and `stale` give answers.";
    let mut family = page.family("zone_state", Kind::Gauge, help);
    for zone in &report.zones {
        for health in ZoneHealth::ALL {
            let labels = [("zone", zone.name.as_str()), ("state", health.label())];
            family.sample(&labels, u8::from(zone.health == health));
        }
    }
    let help = "Builds of the zone by what became of them.";
    let mut family = page.family("zone_reloads_total", Kind::Counter, help);
    for zone in &report.zones {
        family.sample(&[("zone", &zone.name), ("result", "ok")], zone.reloads_ok);
        family.sample(&[("zone", &zone.name), ("result", "failed")], zone.reloads_failed);
    }
    let mut family = |name, help, value: fn(&ZoneReport) -> Option<u64>| {
        let mut family = page.family(name, Kind::Gauge, help);
        for zone in &report.zones {
            if let Some(value) = value(zone) {
                family.sample(&[("zone", &zone.name)], value);
            }
        }
    };
    family("zone_entries", "Entries of the zone.", |z| Some(z.entries));
    family("zone_serial", "Serial of the zone.", |z| Some(u64::from(z.serial)));
    family("zone_image_bytes", "Memory the zone's image takes.", |z| Some(z.image_bytes));
    let help = "Faulty lines in the sources of the last build, which are left out.";
    family("zone_faults", help, |z| Some(z.faults));
    let help = "Lines in the sources of the last build that count, but with a warning.";
    family("zone_warnings", help, |z| Some(z.warnings));
    let help = "When the data that is served was built, in unix seconds.";
    family("zone_loaded_timestamp_seconds", help, |z| z.loaded_at.map(u64::from));
    let help = "Seconds since the newest source of that data was modified.";
    family("zone_source_age_seconds", help, |z| z.source_age);
}

/// What was done for zones besides answering.
fn own_zones(page: &mut Page, report: &BeyondReport) {
    let mut family = |name, help, label, counts: &BTreeMap<String, u64>| {
        let mut family = page.family(name, Kind::Counter, help);
        for (value, count) in counts {
            family.sample(&[(label, value)], count);
        }
    };
    let help = "Dynamic updates by response code; copies of one are not counted.";
    family("updates_total", help, "rcode", &report.updates);
    let help = "Signed messages that were not believed, by reason, and copies of updates.";
    family("signatures_refused_total", help, "reason", &report.distrusted);
    family("transfers_total", "Zone transfers by what was sent.", "result", &report.transfers);
    let help = "NOTIFY messages that were sent, and what became of those whom they told.";
    family("notifies_total", help, "result", &report.notifies);
    page.family("transferred_records_total", Kind::Counter, "Records sent by zone transfer.")
        .sample(&[], report.transferred_records);
    page.family("transferred_bytes_total", Kind::Counter, "Bytes sent by zone transfer.")
        .sample(&[], report.transferred_bytes);
    let help = "Updates and other signed datagrams that were dropped, as too many waited.";
    page.family("handed_over_dropped_total", Kind::Counter, help).sample(&[], report.dropped);
}

/// A page that is being written.
struct Page(String);

/// A family on it.
struct Family<'a> {
    /// The page.
    page: &'a mut String,
    /// The family's whole name.
    name: String,
}

/// What a value does over time.
#[derive(Clone, Copy)]
enum Kind {
    /// It only grows.
    Counter,
    /// It goes up and down.
    Gauge,
}

impl Page {
    /// Begins a family.
    fn family(&mut self, name: &str, kind: Kind, help: &str) -> Family<'_> {
        let name = format!("{PREFIX}{name}");
        let kind = match kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
        };
        self.0.push_str(&format!("# HELP {name} {help}\n# TYPE {name} {kind}\n"));
        Family { page: &mut self.0, name }
    }
}

impl Family<'_> {
    /// Writes one value.
    fn sample(&mut self, labels: &[(&str, &str)], value: impl Display) -> &mut Self {
        self.page.push_str(&self.name);
        for (i, (label, text)) in labels.iter().enumerate() {
            self.page.push(if i == 0 { '{' } else { ',' });
            self.page.push_str(label);
            self.page.push_str("=\"");
            escape(text, self.page);
            self.page.push('"');
        }
        if !labels.is_empty() {
            self.page.push('}');
        }
        self.page.push_str(&format!(" {value}\n"));
        self
    }
}

/// Appends the value of a label with what the format wants escaped.
fn escape(text: &str, page: &mut String) {
    for character in text.chars() {
        match character {
            '\\' => page.push_str("\\\\"),
            '"' => page.push_str("\\\""),
            '\n' => page.push_str("\\n"),
            other => page.push(other),
        }
    }
}

/// What all families begin with.
const PREFIX: &str = "repute_nameserver_";
/// The zone label of queries for no zone of ours; no zone can have this name.
const NO_ZONE: &str = "(none)";

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::counters::Totals;
    use crate::status::ZoneStatus;
    use crate::zones::ZoneIndex;
    use std::collections::HashMap;

    /// A server with one zone of the given name.
    pub(crate) fn report(zone: &str) -> Report {
        let status = ZoneStatus {
            health: ZoneHealth::Serving,
            entries: 12,
            source_modified: Some(400),
            last_error: Some("<b>bad</b>".into()),
            ..ZoneStatus::loading(zone.parse().unwrap(), ZoneIndex(0))
        };
        let totals = Totals::default();
        Report {
            version: "1".into(),
            time: 500,
            started_at: 100,
            workers: 2,
            udp_addresses: vec![([127, 0, 0, 1], 53).into()],
            tcp_addresses: vec![([127, 0, 0, 1], 53).into()],
            tls_addresses: vec![([127, 0, 0, 1], 853).into()],
            memory_bytes: 1 << 20,
            queries_per_second: 1.5,
            udp: totals.udp.into(),
            tcp: totals.tcp.into(),
            tcp_connections: crate::report::ConnectionsReport::default(),
            receive_buffer_drops: [(([127, 0, 0, 1], 53).into(), 7)].into(),
            panics: 0,
            query_log_lines: 0,
            query_log_lost: 0,
            elsewhere: (&totals.elsewhere).into(),
            zones: vec![ZoneReport::new(status, &totals.elsewhere, 0.5, 500)],
            beyond: Some(BeyondReport {
                transfers: BTreeMap::from([("axfr".to_owned(), 2), ("ixfr".to_owned(), 3)]),
                ..BeyondReport::default()
            }),
        }
    }

    #[test]
    fn every_sample_has_its_family_and_none_comes_twice() {
        let page = render(&report("bl.example"));
        let mut families = HashMap::new();
        let mut seen = std::collections::HashSet::new();
        for line in page.lines() {
            if let Some(rest) = line.strip_prefix("# ") {
                let mut words = rest.splitn(3, ' ');
                let (keyword, name) = (words.next().unwrap(), words.next().unwrap());
                assert!(words.next().is_some_and(|text| !text.is_empty()), "{line}");
                *families.entry(name.to_owned()).or_insert(0) +=
                    if keyword == "HELP" { 1 } else { 10 };
                continue;
            }
            let (series, value) = line.rsplit_once(' ').unwrap();
            let name = series.split('{').next().unwrap();
            assert_eq!(families.get(name), Some(&11), "{line}");
            assert!(name.starts_with(PREFIX) && value.parse::<f64>().is_ok(), "{line}");
            assert!(seen.insert(series.to_owned()), "twice: {line}");
        }
        assert!(
            page.contains("repute_nameserver_zone_source_age_seconds{zone=\"bl.example\"} 100\n")
        );
        assert!(
            page.contains(
                "repute_nameserver_zone_state{zone=\"bl.example\",state=\"serving\"} 1\n"
            )
        );
        assert!(!page.contains("zone_loaded_timestamp_seconds{"), "unknown is left out");
        assert!(page.contains("repute_nameserver_transfers_total{result=\"ixfr\"} 3\n"));
    }

    #[test]
    fn labels_are_escaped() {
        let page = render(&report("a\\\"b\\\\c.example"));
        assert!(page.contains(r#"zone_entries{zone="a\\\"b\\\\c.example"} 12"#), "{page}");
    }
}

//! Zones of our own: answers of a list while another zone of the same server is changed, and very many zones.
//!
//! The server has one CPU. A generator on another asks a list of a million addresses at a steady rate, and changes a
//! zone by signed updates (RFC 2136) beside that; each answer is timed from when its query was due, so that a server
//! that stands still is late for all that waited. BIND does the same in the same run.

pub(crate) mod accounts;
mod drive;
mod subject;
mod updates;

use std::time::Duration;

use anyhow::{Context, bail};

use crate::list::List;
use crate::process::{Scheduling, Server};
use crate::queries::{Edns, Mix, Queries};
use crate::results::{Part, Results};
use crate::settings::Settings;
use drive::{Pace, Seen, drive};
pub(crate) use subject::Subject;
use updates::Updates;

/// Measures zones of each server in turn.
///
/// # Errors
/// If a file cannot be written; a server that fails is noted in the results.
pub(crate) fn run(settings: &Settings, results: &mut Results) -> anyhow::Result<()> {
    settings.lists.prepare(List::Hosts)?;
    let mut queries = settings.draw(List::Hosts, Mix::A, Edns::Present);
    for subject in Subject::ALL {
        if subject.program(settings.repute.as_deref()).is_none() {
            results.miss(format!("zones of {}: it is not there", subject.title()));
            continue;
        }
        if let Err(error) = beside(settings, results, &mut queries, subject) {
            results.miss(format!("updates of {}: {error:#}", subject.title()));
        }
    }
    for subject in Subject::ALL {
        if subject.program(settings.repute.as_deref()).is_some()
            && let Err(error) = many(settings, results, subject)
        {
            results.miss(format!("{ZONES} zones of {}: {error:#}", subject.title()));
        }
    }
    if settings.repute.is_some()
        && let Err(error) = accounts::run(settings, results)
    {
        results.miss(format!("accounts of the challenge service: {error:#}"));
    }
    Ok(())
}

/// Answers of a list with and without updates, and as many updates as there can be.
fn beside(
    settings: &Settings,
    results: &mut Results,
    queries: &mut Queries,
    subject: Subject,
) -> anyhow::Result<()> {
    let probe = queries.first_listed().context("no query is listed")?.to_vec();
    let server = subject.start(settings, subject::What::Beside, &probe)?;
    let mut updates = Updates::new(ZONE, NAMES)?;
    let duration = settings.duration.max(LEAST);
    let mut add = |case: &str, unit, value| {
        results.add(Part::Zones, case, subject.title(), unit, value);
    };
    for round in 0..settings.rounds {
        eprintln!("zones: answers beside updates, {}, round {}", subject.title(), round + 1);
        let mut go = |pace| -> anyhow::Result<(Seen, f64)> {
            let before = server.cpu();
            let seen = drive(settings, &server, queries, &mut updates, pace, duration)?;
            let busy = (server.cpu() - before).as_secs_f64() / seen.took.as_secs_f64();
            Ok((seen, busy * 100.0))
        };
        let (idle, idle_cpu) = go(Pace { queries: QUERIES, ..Pace::default() })?;
        let both = Pace { queries: QUERIES, updates: UPDATES, ..Pace::default() };
        let (busy, busy_cpu) = go(both)?;
        let (flat, _) = go(Pace { window: WINDOW, ..Pace::default() })?;
        if busy.updated == 0 || flat.updated == 0 {
            bail!("no update is done");
        }
        add(IDLE, "µs", idle.latency(0.99));
        add(BUSY, "µs", busy.latency(0.99));
        add("median of answers, nothing else to do", "µs", idle.latency(0.5));
        add("median of answers beside 1,000 updates/s", "µs", busy.latency(0.5));
        add(LOST, "", (idle.lost + busy.lost) as f64);
        add(RATE, "/s", busy.updated as f64 / busy.took.as_secs_f64());
        add("p99 of those updates", "ms", busy.update_latency(0.99) / 1e3);
        add("processor, nothing else to do", "%", idle_cpu);
        add("processor beside 1,000 updates/s", "%", busy_cpu);
        add(FLAT_OUT, "/s", flat.updated as f64 / flat.took.as_secs_f64());
        add(REFUSED, "", (busy.refused + flat.refused) as f64);
    }
    Ok(())
}

/// Starts a server with very many zones.
fn many(settings: &Settings, results: &mut Results, subject: Subject) -> anyhow::Result<()> {
    let mut probe = Queries::default();
    let last = format!("www.z{}.test", ZONES - 1);
    probe.push(&last, crate::queries::Type::A, Edns::Absent, crate::queries::Expect::Listed);
    for round in 0..settings.rounds.min(3) {
        eprintln!("zones: {ZONES} zones, {}, round {}", subject.title(), round + 1);
        let server: Server = subject.start(settings, subject::What::Many, probe.packet(0))?;
        let mut add = |case: &str, unit, value| {
            results.add(Part::Zones, case, subject.title(), unit, value);
        };
        add(START, "s", server.ready_after.as_secs_f64());
        add("processor of that start", "CPU-s", server.ready_cpu.as_secs_f64());
        add(MEMORY, "MiB", server.memory());
    }
    Ok(())
}

/// How a server and its load compete: as they would for a user.
const SCHEDULING: Scheduling = Scheduling::Normal;
/// The zone that is changed.
const ZONE: &str = "dyn.test";
/// How many names of it are changed in turn.
const NAMES: u32 = 1_000;
/// How many zones are many.
const ZONES: u32 = 10_000;
/// Queries a second.
const QUERIES: f64 = 10_000.0;
/// Updates a second.
const UPDATES: f64 = 1_000.0;
/// Updates under way when as many are sent as are answered.
const WINDOW: usize = 64;
/// A percentile needs some time.
const LEAST: Duration = Duration::from_secs(5);

/// Latency without updates.
pub(crate) const IDLE: &str = "p99 of answers, nothing else to do";
/// Latency with updates.
pub(crate) const BUSY: &str = "p99 of answers beside 1,000 updates/s";
/// Queries without an answer.
pub(crate) const LOST: &str = "queries without an answer";
/// Updates that were done beside queries.
pub(crate) const RATE: &str = "updates answered beside 10,000 queries/s";
/// Updates that were refused, or not answered within two seconds of the end.
pub(crate) const REFUSED: &str = "updates that were not done";
/// Updates as fast as they go.
pub(crate) const FLAT_OUT: &str = "updates, 64 at a time";
/// Until the last of very many zones answers.
pub(crate) const START: &str = "start with 10,000 zones";
/// What very many zones take.
pub(crate) const MEMORY: &str = "memory with 10,000 zones";

//! One thread against two: what they share must cost them nothing.

use std::sync::Barrier;
use std::time::Instant;

use repute_nameserver::Zones;

use super::engine::{Engine, Way};
use super::{SCALING, SCALING_CASE};
use crate::process::{Scheduling, restrict};
use crate::queries::Queries;
use crate::results::{Part, Results};
use crate::settings::Settings;

/// Notes the queries a second of one thread and of two, by the clock on the wall.
///
/// # Errors
/// If a CPU does not exist.
pub(super) fn measure(
    settings: &Settings,
    results: &mut Results,
    zones: &Zones,
    queries: &Queries,
) -> anyhow::Result<()> {
    let cpus = [settings.server_cpu, settings.generator_cpu];
    for (subject, cpus) in SCALING.into_iter().zip([&cpus[..1], &cpus[..]]) {
        let rate = rate(cpus, zones, queries)?;
        results.add(Part::Threads, SCALING_CASE, subject, "1/s", rate);
    }
    Ok(())
}

/// Answers all queries on each of these CPUs at the same time.
fn rate(cpus: &[usize], zones: &Zones, queries: &Queries) -> anyhow::Result<f64> {
    let start = Barrier::new(cpus.len());
    let rates = std::thread::scope(|scope| {
        let threads: Vec<_> = cpus
            .iter()
            .map(|cpu| {
                let start = &start;
                scope.spawn(move || {
                    let pinned = restrict(&[*cpu], Scheduling::RealTime);
                    let mut engine = Engine::new(zones);
                    engine.answer(queries, Way::Batch);
                    // Whoever fails must still come here, or the others wait for ever.
                    start.wait();
                    pinned?;
                    let begin = Instant::now();
                    for _ in 0..PASSES {
                        engine.answer(queries, Way::Batch);
                    }
                    Ok((PASSES * queries.len()) as f64 / begin.elapsed().as_secs_f64())
                })
            })
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().expect("answering does not panic"))
            .collect::<anyhow::Result<Vec<f64>>>()
    })?;
    Ok(rates.iter().sum())
}

/// How often the queries are answered.
const PASSES: usize = 4;

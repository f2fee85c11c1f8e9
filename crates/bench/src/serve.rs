//! Real servers on loopback: answers per second of CPU time of the server.
//!
//! Answers per CPU-second, not per second: it does not depend on how fast the generator is, and counts
//! what an operator pays for. The server has one CPU, the generator another, both before all other work.
//! In a round every server is started anew, so that the placement of its memory differs, and loaded
//! with every mix; rounds are repeated rather than lengthened, so that noise falls on all alike.

use std::time::Duration;

use crate::blast::{self, Load, Pace, Tally, loopback};
use crate::echo::Calls;
use crate::list::List;
use crate::peer::{Peer, Reload};
use crate::process::{Scheduling, Server, restrict};
use crate::queries::{Edns, Mix, Queries};
use crate::results::{Part, Results};
use crate::settings::Settings;

/// Measures every server with every list and mix.
///
/// # Errors
/// If lists cannot be written; a server that fails is noted in the results.
pub(crate) fn run(settings: &Settings, results: &mut Results) -> anyhow::Result<()> {
    let mut bouts = Vec::new();
    for (list, mixes, peers) in card() {
        settings.lists.prepare(list)?;
        let loads: Vec<(Mix, Queries)> =
            mixes.iter().map(|mix| (*mix, settings.draw(list, *mix, Edns::Absent))).collect();
        bouts.push((list, loads, settings.present(results, peers)));
    }
    for round in 0..settings.rounds {
        eprintln!("serve: round {} of {}", round + 1, settings.rounds);
        for (list, loads, peers) in &mut bouts {
            for peer in peers {
                if let Err(error) = bout(settings, results, *list, loads, peer) {
                    results.miss(format!("{} with {}: {error:#}", peer.title(), list.title()));
                }
            }
        }
    }
    two_workers(settings, results)
}

/// Who meets whom: lists, mixes, servers; the first server of a list is what ratios are taken to.
fn card() -> Vec<(List, Vec<Mix>, Vec<Peer>)> {
    let repute = Peer::Repute { workers: 1 };
    let ceiling = |calls| Peer::Ceiling { calls, workers: 1 };
    vec![
        (
            List::Mixed,
            vec![Mix::A, Mix::ATxt],
            vec![
                Peer::rbldnsd(List::Mixed),
                Peer::Rbldnsd { kind: "ip4set", reload: Reload::InPlace },
                repute.clone(),
                Peer::DropIn,
                ceiling(Calls::Single),
                ceiling(Calls::Batch),
            ],
        ),
        (
            List::Hosts,
            vec![Mix::A, Mix::ATxt],
            vec![Peer::rbldnsd(List::Hosts), Peer::Nsd, Peer::Knot, repute.clone()],
        ),
        (List::Networks6, vec![Mix::A], vec![Peer::rbldnsd(List::Networks6), repute.clone()]),
        (List::Names, vec![Mix::A], vec![Peer::rbldnsd(List::Names), repute]),
    ]
}

/// Starts a server and loads it with each mix.
fn bout(
    settings: &Settings,
    results: &mut Results,
    list: List,
    loads: &mut [(Mix, Queries)],
    peer: &Peer,
) -> anyhow::Result<()> {
    let Some(probe) = loads.first().and_then(|(_, queries)| queries.first_listed()) else {
        return Ok(());
    };
    let cpus = [settings.server_cpu];
    let server = settings.start(peer, list, &cpus, Scheduling::RealTime, probe)?;
    for (mix, queries) in loads {
        let load = Load {
            server: loopback(server.port),
            duration: WARM_UP,
            window: 120,
            sockets: 4,
            pace: Pace::FlatOut,
        };
        let generator = [settings.generator_cpu];
        generate(&load, queries, &generator, Scheduling::RealTime)?;
        let load = Load { duration: settings.duration, ..load };
        let case = format!("{}, {}", list.title(), mix.title());
        let (tally, cpu) = measure(&server, &load, queries, &generator, Scheduling::RealTime)?;
        note(results, &case, peer, &tally, cpu);
    }
    Ok(())
}

/// One worker against two, with both CPUs for server and generator alike: what a second thread costs.
fn two_workers(settings: &Settings, results: &mut Results) -> anyhow::Result<()> {
    let list = List::Mixed;
    let mut queries = settings.draw(list, Mix::A, Edns::Absent);
    let Some(probe) = queries.first_listed().map(<[u8]>::to_vec) else { return Ok(()) };
    let cpus = [settings.server_cpu, settings.generator_cpu];
    let peers = [1, 2]
        .map(|workers| Peer::Repute { workers })
        .into_iter()
        .chain([1, 2].map(|workers| Peer::Ceiling { calls: Calls::Batch, workers }));
    let peers = settings.present(results, peers.collect());
    for round in 0..settings.rounds {
        eprintln!("serve, two workers: round {} of {}", round + 1, settings.rounds);
        for peer in &peers {
            let case = match peer {
                Peer::Repute { .. } => TWO_WORKERS,
                _ => TWO_WORKERS_CEILING,
            };
            let server = settings.start(peer, list, &cpus, Scheduling::Normal, &probe);
            let measured = server.and_then(|server| {
                let load = Load {
                    server: loopback(server.port),
                    duration: WARM_UP,
                    window: 512,
                    sockets: 16,
                    pace: Pace::FlatOut,
                };
                generate(&load, &mut queries, &cpus, Scheduling::Normal)?;
                let load = Load { duration: settings.duration, ..load };
                measure(&server, &load, &mut queries, &cpus, Scheduling::Normal)
            });
            match measured {
                Ok((tally, cpu)) => note(results, case, peer, &tally, cpu),
                Err(error) => results.miss(format!("{}: {error:#}", peer.title())),
            }
        }
    }
    Ok(())
}

/// Loads a server; returns what came back and what it cost the server.
fn measure(
    server: &Server,
    load: &Load,
    queries: &mut Queries,
    cpus: &[usize],
    scheduling: Scheduling,
) -> anyhow::Result<(Tally, Duration)> {
    let before = server.cpu();
    let tally = generate(load, queries, cpus, scheduling)?;
    Ok((tally, server.cpu().saturating_sub(before)))
}

/// Runs the generator on its own thread, so that mask and policy stay there.
///
/// # Errors
/// If the CPUs or sockets are not to be had.
pub(crate) fn generate(
    load: &Load,
    queries: &mut Queries,
    cpus: &[usize],
    scheduling: Scheduling,
) -> anyhow::Result<Tally> {
    std::thread::scope(|scope| {
        let generator = scope.spawn(|| {
            restrict(cpus, scheduling)?;
            Ok(blast::run(load, queries)?)
        });
        generator.join().expect("the generator does not panic")
    })
}

/// Notes a round.
fn note(results: &mut Results, case: &str, peer: &Peer, tally: &Tally, cpu: Duration) {
    let title = peer.title();
    let per_cpu_second = tally.received as f64 / cpu.as_secs_f64().max(1e-9);
    results.add(Part::Serve, case, &title, "1/CPU-s", per_cpu_second);
    if tally.lost > 0 {
        results.add(Part::Serve, case, &title, "lost", tally.lost as f64);
    }
    if tally.wrong > 0 && !matches!(peer, Peer::Ceiling { .. }) {
        results.add(Part::Serve, case, &title, "wrong", tally.wrong as f64);
    }
}

/// The case of one and two workers.
pub(crate) const TWO_WORKERS: &str = "IPv4 mixed, A, both CPUs for all";
/// The same for the ceiling.
const TWO_WORKERS_CEILING: &str = "ceiling, both CPUs for all";
/// How long a server is loaded before it is measured.
const WARM_UP: Duration = Duration::from_millis(300);

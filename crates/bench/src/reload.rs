//! A reload at a steady rate: queries lost, the longest silence, the most memory, when the change is seen.
//!
//! The list gets one more entry, under another name, and is renamed over the old one, as careful
//! operators do; then the server is told by SIGHUP. Nothing is pinned and nothing runs before other
//! work: on one CPU rbldnsd's loader would starve the child that answers meanwhile.

use std::fs;
use std::io::Write as _;
use std::net::UdpSocket;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime};

use anyhow::Context;

use crate::blast::{Load, Pace, Tally, loopback};
use crate::list::List;
use crate::peer::{Peer, Reload};
use crate::process::{Scheduling, Server, answers};
use crate::queries::{Edns, Expect, Mix, Queries, Type};
use crate::results::{Part, Results};
use crate::serve::generate;
use crate::settings::Settings;

/// Reloads each server that keeps the mixed list, in turn.
///
/// # Errors
/// If the list cannot be written; a server that fails is noted in the results.
pub(crate) fn run(settings: &Settings, results: &mut Results) -> anyhow::Result<()> {
    settings.lists.prepare(List::Mixed)?;
    let mut queries = settings.draw(List::Mixed, Mix::A, Edns::Absent);
    let peers = vec![
        Peer::Rbldnsd { kind: "ip4trie", reload: Reload::Fork },
        Peer::Rbldnsd { kind: "ip4trie", reload: Reload::InPlace },
        Peer::Repute { workers: 1 },
        Peer::DropIn,
    ];
    let peers = settings.present(results, peers);
    for round in 0..settings.rounds.div_ceil(3) {
        eprintln!("reload: round {}", round + 1);
        for peer in &peers {
            if let Err(error) = reload(settings, results, &mut queries, peer) {
                results.miss(format!("reload of {}: {error:#}", peer.title()));
            }
        }
    }
    Ok(())
}

/// Starts a server, asks it at a steady rate, and changes its list meanwhile.
fn reload(
    settings: &Settings,
    results: &mut Results,
    queries: &mut Queries,
    peer: &Peer,
) -> anyhow::Result<()> {
    let probe = queries.first_listed().context("no query is listed")?.to_vec();
    let text = settings.folder()?.join("reloaded.rbl");
    fs::copy(settings.lists.text(List::Mixed), &text)?;
    // rbldnsd compares whole seconds: the old file must be seen to be older.
    let earlier = SystemTime::now() - Duration::from_secs(60);
    fs::File::open(&text)?.set_modified(earlier)?;
    let cpus = [settings.server_cpu, settings.generator_cpu];
    let server =
        settings.start_with(peer, List::Mixed, &text, &cpus, Scheduling::Normal, &probe)?;
    let before = server.memory();
    let load = Load {
        server: loopback(server.port),
        duration: Duration::from_secs(4).max(settings.duration),
        window: 100_000,
        sockets: 4,
        pace: Pace::PerSecond(10_000.0),
    };
    let over = AtomicBool::new(false);
    let (tally, peak, visible) = std::thread::scope(|scope| {
        let memory = scope.spawn(|| watch_memory(&server, &over));
        let visible = scope.spawn(|| change(&text, &server));
        let tally = generate(&load, queries, &cpus, Scheduling::Normal);
        over.store(true, Ordering::Relaxed);
        let peak = memory.join().expect("watching memory does not panic");
        let visible = visible.join().expect("changing a list does not panic");
        (tally, peak, visible)
    });
    note(results, peer, &tally?, before, peak, visible?);
    Ok(())
}

/// Returns the most memory the server had until the end.
fn watch_memory(server: &Server, over: &AtomicBool) -> f64 {
    let mut peak: f64 = 0.0;
    while !over.load(Ordering::Relaxed) {
        peak = peak.max(server.memory());
        std::thread::sleep(Duration::from_millis(20));
    }
    peak
}

/// After a second adds an entry to the list and tells the server; returns how long it took to be served.
fn change(text: &Path, server: &Server) -> anyhow::Result<Duration> {
    std::thread::sleep(Duration::from_secs(1));
    let next = text.with_extension("next");
    fs::copy(text, &next)?;
    writeln!(fs::OpenOptions::new().append(true).open(&next)?, "{ADDED}")?;
    let mut probe = Queries::default();
    probe.push(ADDED_NAME, Type::A, Edns::Absent, Expect::Listed);
    let socket = UdpSocket::bind(loopback(0))?;
    socket.connect(loopback(server.port))?;
    socket.set_read_timeout(Some(Duration::from_millis(5)))?;
    let begin = Instant::now();
    fs::rename(&next, text)?;
    server.reload()?;
    while !answers(&socket, probe.packet(0)) {
        anyhow::ensure!(begin.elapsed() < VISIBLE_LIMIT, "the change is not served after 20 s");
        std::thread::sleep(Duration::from_millis(2));
    }
    Ok(begin.elapsed())
}

/// Notes a round.
fn note(
    results: &mut Results,
    peer: &Peer,
    tally: &Tally,
    before: f64,
    peak: f64,
    visible: Duration,
) {
    let title = peer.title();
    let silence = tally.longest_silence.as_secs_f64() * 1e3;
    results.add(Part::Reload, LOST, &title, "", tally.lost as f64);
    results.add(Part::Reload, "wrong answers", &title, "", tally.wrong as f64);
    results.add(Part::Reload, SILENCE, &title, "ms", silence);
    results.add(Part::Reload, "memory before", &title, "MiB", before);
    results.add(Part::Reload, PEAK, &title, "MiB", peak);
    results.add(Part::Reload, "change served after", &title, "ms", visible.as_secs_f64() * 1e3);
}

/// Queries without an answer.
pub(crate) const LOST: &str = "queries lost";
/// The longest time without any.
pub(crate) const SILENCE: &str = "longest silence";
/// The most memory.
pub(crate) const PEAK: &str = "peak memory";

/// The entry that is added: the generator lists nothing above 223.
const ADDED: &str = "224.1.2.3";
/// The name one asks for it.
const ADDED_NAME: &str = "3.2.1.224.bl.test";
/// How long a change may take to be served.
const VISIBLE_LIMIT: Duration = Duration::from_secs(20);

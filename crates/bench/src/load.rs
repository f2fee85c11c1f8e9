//! Loading: how long until a list is served, what CPU time it costs, and how much memory it takes.
//!
//! Whole processes, peers and Repute alike: from their start to the first right answer. What Repute's
//! library does of that, in process, is measured by [`in_process`].

mod in_process;

use std::time::Duration;

use anyhow::Context;

use crate::list::List;
use crate::peer::{Peer, Reload};
use crate::process::Scheduling;
use crate::queries::{Edns, Expect, Mix, Queries, Type};
use crate::results::{Part, Results};
use crate::settings::Settings;

/// Loads every list into every server that holds it, and into Repute's library.
///
/// # Errors
/// If lists cannot be written; a server that fails is noted in the results.
pub(crate) fn run(settings: &Settings, results: &mut Results) -> anyhow::Result<()> {
    for list in List::ALL {
        eprintln!("load: {}", list.title());
        settings.lists.prepare(list)?;
        let few = Settings { queries: 100, ..settings.clone() };
        let queries = few.draw(list, Mix::A, Edns::Absent);
        let probe = queries.first_listed().context("no query is listed")?;
        let present = settings.present(results, peers(list));
        for round in 0..rounds(settings, list) {
            for peer in &present {
                let slow = matches!(peer, Peer::Nsd | Peer::Knot);
                if slow && round > 0 {
                    continue;
                }
                if let Err(error) = start(settings, results, list, peer, probe) {
                    results.miss(format!("{} with {}: {error:#}", peer.title(), list.title()));
                }
            }
        }
    }
    empty_processes(settings, results)?;
    in_process::run(settings, results)
}

/// Who holds a list; the first is what ratios are taken to.
fn peers(list: List) -> Vec<Peer> {
    let mut peers = vec![Peer::rbldnsd(list)];
    match list {
        List::Mixed => peers.push(Peer::Rbldnsd { kind: "ip4set", reload: Reload::InPlace }),
        List::Hosts => peers.extend([Peer::Nsd, Peer::Knot]),
        List::Huge | List::Networks6 | List::Names => {}
    }
    peers.push(Peer::Repute { workers: 1 });
    peers.push(Peer::DropIn);
    peers
}

/// How often a list is loaded: rarely, if it is large.
pub(super) fn rounds(settings: &Settings, list: List) -> usize {
    match list {
        List::Huge => settings.rounds.div_ceil(3),
        List::Mixed | List::Hosts | List::Networks6 | List::Names => settings.rounds,
    }
}

/// Starts a server once, and notes time and memory.
fn start(
    settings: &Settings,
    results: &mut Results,
    list: List,
    peer: &Peer,
    probe: &[u8],
) -> anyhow::Result<()> {
    let cpus = [settings.server_cpu];
    let server = settings.start(peer, list, &cpus, Scheduling::RealTime, probe)?;
    let subject = format!("{}, process to first answer", peer.title());
    let (time, cpu) = (server.ready_after.as_secs_f64(), server.ready_cpu.as_secs_f64());
    results.add(Part::Load, &text_case(list), &subject, "s", time);
    results.add(Part::Load, &cpu_case(list), &subject, "CPU-s", cpu);
    std::thread::sleep(SETTLE);
    results.add(Part::Memory, list.title(), &peer.title(), "MiB", server.memory());
    Ok(())
}

/// Starts each kind of server with a list of one entry: what a process takes before it holds anything.
fn empty_processes(settings: &Settings, results: &mut Results) -> anyhow::Result<()> {
    let entries = [
        (List::Mixed, "127.0.0.2", "2.0.0.127"),
        (
            List::Networks6,
            "2001:db8:1:1::/64",
            &*format!("{}1.0.0.0.1.0.0.0.8.b.d.0.1.0.0.2", "0.".repeat(16)),
        ),
        (List::Names, "listed.example", "listed.example"),
    ];
    for (list, entry, name) in entries {
        let file = settings.folder()?.join(format!("one-{}.rbl", list.rbldnsd_type()));
        std::fs::write(&file, format!("{}\n{entry}\n", HEADER))?;
        let mut probe = Queries::default();
        probe.push(&format!("{name}.{}", list.apex()), Type::A, Edns::Absent, Expect::Listed);
        let peers = vec![Peer::rbldnsd(list), Peer::Repute { workers: 1 }, Peer::DropIn];
        let present = settings.present(results, peers);
        for peer in present {
            let cpus = [settings.server_cpu];
            let scheduling = Scheduling::Normal;
            let packet = probe.packet(0);
            match settings.start_with(&peer, list, &file, &cpus, scheduling, packet) {
                Ok(server) => {
                    std::thread::sleep(SETTLE);
                    let memory = server.memory();
                    results.add(Part::Memory, &empty_case(list), &peer.title(), "MiB", memory);
                }
                Err(error) => results.miss(format!("{}, one entry: {error:#}", peer.title())),
            }
        }
    }
    Ok(())
}

/// The case of the time to load a list's text.
pub(crate) fn text_case(list: List) -> String {
    format!("{}, text", list.title())
}

/// The case of the CPU time to load a list's text.
pub(crate) fn cpu_case(list: List) -> String {
    format!("{}, text, CPU time", list.title())
}

/// The case of the time to open a list's snapshot.
pub(crate) fn snapshot_case(list: List) -> String {
    format!("{}, snapshot", list.title())
}

/// The case of a process that holds one entry.
pub(crate) fn empty_case(list: List) -> String {
    format!("{}, one entry", list.title())
}

/// The case of an image's size.
pub(crate) fn image_case(list: List) -> String {
    format!("{}, bytes an entry", list.title())
}

/// The subject that is Repute's library, without a process around it.
pub(crate) const IN_PROCESS: &str = "Repute, in process";

/// What a server gives back so soon after it has loaded, it does not hold.
const SETTLE: Duration = Duration::from_millis(500);

/// What a list begins with.
const HEADER: &str = "$SOA 3600 ns1.example.org hostmaster.example.org 0 600 300 86400 300
$NS 3600 ns1.example.org ns2.example.org
:2:Spam source, see https://www.example.org/query/ip/$";

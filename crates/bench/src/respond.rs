//! Own CPU time of a query: packet bytes in, packet bytes out, no kernel.
//!
//! Repute's `respond` is called in process, one by one and in batches of 64; rbldnsd runs under the shim
//! with the same packets, in the same rounds, on the same CPU. All cases take turns, so that noise of a
//! round falls on all; the queries are all different, so that no cache learns them.

pub(crate) mod engine;
pub(crate) mod instructions;
mod threads;

use repute_nameserver::Zones;

use crate::kernel;
use crate::library;
use crate::list::List;
use crate::process::{Scheduling, restrict};
use crate::queries::{Edns, Mix, Queries};
use crate::results::{Part, Results};
use crate::settings::Settings;
use crate::shim::{Caches, FLUSH_BYTES, FLUSHED, Shim};

use engine::{Engine, Way};

/// What is asked, of which list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Case {
    /// The list.
    pub(crate) list: List,
    /// The queries.
    pub(crate) mix: Mix,
    /// Whether they carry an OPT record.
    pub(crate) edns: Edns,
    /// The state of the caches.
    pub(crate) caches: Caches,
}

impl Case {
    /// Listed addresses.
    pub(crate) const HIT: Case = Case::of(List::Mixed, Mix::Hits);
    /// Addresses that are not listed.
    pub(crate) const MISS: Case = Case::of(List::Mixed, Mix::Misses);
    /// Texts of listed addresses.
    pub(crate) const TEXT: Case = Case::of(List::Mixed, Mix::Texts);
    /// IPv6 addresses.
    pub(crate) const NETWORKS6: Case = Case::of(List::Networks6, Mix::A);
    /// Domain names.
    pub(crate) const NAMES: Case = Case::of(List::Names, Mix::A);
    /// Addresses, with caches that other work has used.
    pub(crate) const FLUSHED: Case =
        Case { caches: Caches::Flushed, ..Case::of(List::Mixed, Mix::A) };

    /// All cases, in the order of the report.
    const ALL: [Case; 12] = [
        Case::HIT,
        Case::MISS,
        Case::TEXT,
        Case::of(List::Mixed, Mix::A),
        Case { edns: Edns::Absent, ..Case::of(List::Mixed, Mix::A) },
        Case::of(List::Mixed, Mix::ATxt),
        Case { edns: Edns::Absent, ..Case::of(List::Mixed, Mix::ATxt) },
        Case::FLUSHED,
        Case::NETWORKS6,
        Case::NAMES,
        Case::of(List::Huge, Mix::A),
        Case { caches: Caches::Flushed, ..Case::of(List::Huge, Mix::A) },
    ];

    /// A case as resolvers ask, with warm caches.
    const fn of(list: List, mix: Mix) -> Case {
        Case { list, mix, edns: Edns::Present, caches: Caches::Warm }
    }

    /// What the tables call it.
    pub(crate) fn title(self) -> String {
        let edns = match self.edns {
            Edns::Absent => "",
            Edns::Present => ", EDNS",
        };
        let caches = match self.caches {
            Caches::Warm => "",
            Caches::Flushed => ", flushed caches",
        };
        format!("{}, {}{edns}{caches}", self.list.title(), self.mix.title())
    }
}

/// A case with all it needs.
struct Bout<'z> {
    /// What is asked.
    case: Case,
    /// The packets.
    queries: Queries,
    /// What is served.
    zones: &'z Zones,
}

/// Measures all cases, on threads, and in instructions.
///
/// # Errors
/// If lists cannot be written or read; without rbldnsd or valgrind the rest is measured.
pub(crate) fn run(settings: &Settings, results: &mut Results) -> anyhow::Result<()> {
    let shim = match Shim::build(settings) {
        Ok(shim) => Some(shim),
        Err(error) => {
            results.miss(format!("rbldnsd without the kernel: {error:#}"));
            None
        }
    };
    let mut served: Vec<(List, Zones)> = Vec::new();
    for list in [List::Mixed, List::Networks6, List::Names, List::Huge] {
        settings.lists.prepare(list)?;
        served.push((list, library::serve(library::read(&settings.lists.text(list), list)?)));
    }
    let bouts: Vec<Bout<'_>> = Case::ALL
        .into_iter()
        .filter_map(|case| {
            let queries = settings.draw(case.list, case.mix, case.edns);
            let (_, zones) = served.iter().find(|(list, _)| *list == case.list)?;
            Some(Bout { case, queries, zones })
        })
        .collect();
    for bout in &bouts {
        check(results, bout);
    }
    std::thread::scope(|scope| {
        let work = || {
            restrict(&[settings.server_cpu], Scheduling::RealTime)?;
            rounds(settings, results, shim.as_ref(), &bouts)
        };
        scope.spawn(work).join().expect("answering does not panic")
    })?;
    if let Err(error) = instructions::measure(settings, results) {
        results.miss(format!("instructions: {error:#}"));
    }
    Ok(())
}

/// A wrong answer is no answer: says so, beside its figures.
fn check(results: &mut Results, bout: &Bout<'_>) {
    for way in [Way::One, Way::Batch] {
        let wrong = Engine::new(bout.zones).answer(&bout.queries, way).wrong;
        if wrong > 0 {
            results.miss(format!("{}: {wrong} answers are wrong", bout.case.title()));
        }
    }
}

/// Measures every case in each round.
fn rounds(
    settings: &Settings,
    results: &mut Results,
    shim: Option<&Shim>,
    bouts: &[Bout<'_>],
) -> anyhow::Result<()> {
    let mut walk = vec![1; FLUSH_BYTES];
    for round in 0..settings.rounds {
        eprintln!("respond: round {} of {}", round + 1, settings.rounds);
        for bout in bouts {
            // rbldnsd has to load its list each time: a third of the rounds is enough for its median.
            if let Some(shim) = shim.filter(|_| round % 3 == 0) {
                peer(settings, results, shim, bout);
            }
            for (way, subject) in [(Way::One, SINGLE), (Way::Batch, BATCHED)] {
                let nanoseconds = ours(bout, way, &mut walk);
                results.add(Part::Respond, &bout.case.title(), subject, "ns", nanoseconds);
            }
        }
        if let Some(bout) = bouts.iter().find(|bout| bout.case == Case::of(List::Mixed, Mix::A)) {
            threads::measure(settings, results, bout.zones, &bout.queries)?;
        }
    }
    Ok(())
}

/// Measures Repute in a case; returns nanoseconds per query.
fn ours(bout: &Bout<'_>, way: Way, walk: &mut [u8]) -> f64 {
    let mut engine = Engine::new(bout.zones);
    match bout.case.caches {
        Caches::Warm => {
            // The first pass warms caches and branch predictors, as rbldnsd's warm-up does.
            engine.answer(&bout.queries, way);
            let before = kernel::thread_cpu();
            std::hint::black_box(engine.answer(&bout.queries, way));
            let spent = kernel::thread_cpu() - before;
            spent.as_nanos() as f64 / bout.queries.len() as f64
        }
        Caches::Flushed => {
            let count = FLUSHED.min(bout.queries.len());
            let spent = engine.answer_flushed(&bout.queries, count, way, walk);
            spent.as_nanos() as f64 / count as f64
        }
    }
}

/// Measures rbldnsd in a case, with every data set type that fits.
fn peer(settings: &Settings, results: &mut Results, shim: &Shim, bout: &Bout<'_>) {
    let case = bout.case;
    let other: &[&str] = if case == Case::of(List::Mixed, Mix::A) { &["ip4set"] } else { &[] };
    for kind in [case.list.rbldnsd_type()].iter().chain(other) {
        match shim.measure(settings, case.list, kind, &bout.queries, case.caches) {
            Ok(nanoseconds) => {
                let subject = format!("rbldnsd {kind}");
                results.add(Part::Respond, &case.title(), &subject, "ns", nanoseconds);
            }
            Err(error) => results.miss(format!("{}: {error:#}", case.title())),
        }
    }
}

/// The subject of batched calls.
pub(crate) const BATCHED: &str = "Repute, batches of 64";
/// The subject of single calls.
const SINGLE: &str = "Repute, one by one";
/// The case of two threads.
pub(crate) const SCALING_CASE: &str = "IPv4 mixed, A, EDNS, batches of 64";
/// One thread and two.
pub(crate) const SCALING: [&str; 2] = ["one thread", "two threads"];

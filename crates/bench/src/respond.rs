//! Own CPU time of a query: packet bytes in, packet bytes out, no kernel.
//!
//! Repute's `respond` is called in process, one by one and in batches of 64; rbldnsd runs under the shim
//! with the same packets, in the same rounds, on the same CPU. All cases take turns, so that noise of a
//! round falls on all; the queries are all different, so that no cache learns them.

use crate::list::List;
use crate::queries::{Edns, Mix};
use crate::results::{Part, Results};
use crate::settings::Settings;
use crate::shim::{Caches, Shim};

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

/// Measures all cases.
///
/// # Errors
/// If lists cannot be written; without rbldnsd, Repute is measured alone.
pub(crate) fn run(settings: &Settings, results: &mut Results) -> anyhow::Result<()> {
    let shim = match Shim::build(settings) {
        Ok(shim) => Some(shim),
        Err(error) => {
            results.miss(format!("rbldnsd without the kernel: {error:#}"));
            None
        }
    };
    for case in Case::ALL {
        settings.lists.prepare(case.list)?;
    }
    for round in 0..settings.rounds {
        eprintln!("respond: round {} of {}", round + 1, settings.rounds);
        for case in Case::ALL {
            if let Some(shim) = shim.as_ref().filter(|_| round % 3 == 0) {
                peer(settings, results, shim, case);
            }
        }
    }
    Ok(())
}

/// Measures rbldnsd in a case, with every data set type that fits.
fn peer(settings: &Settings, results: &mut Results, shim: &Shim, case: Case) {
    let queries = settings.draw(case.list, case.mix, case.edns);
    let other: &[&str] = if case == Case::of(List::Mixed, Mix::A) { &["ip4set"] } else { &[] };
    for kind in [case.list.rbldnsd_type()].iter().chain(other) {
        match shim.measure(settings, case.list, kind, &queries, case.caches) {
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
/// The case of two threads.
pub(crate) const SCALING_CASE: &str = "IPv4 mixed, A, EDNS, batches of 64";
/// One thread and two.
pub(crate) const SCALING: [&str; 2] = ["one thread", "two threads"];

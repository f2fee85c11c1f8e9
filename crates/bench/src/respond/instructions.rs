//! Instructions per query: callgrind runs this program twice, once with twice as many passes; the
//! difference is what the queries took, without start and load.
//!
//! Instructions do not drift with the machine's load, so they show what a change of the code did.

use std::fs;
use std::io::{BufWriter, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::Context;

use super::Case;
use super::engine::{Engine, Way};
use crate::library;
use crate::process::{find, myself};
use crate::queries::Queries;
use crate::results::{Part, Results};
use crate::settings::Settings;

/// Counts instructions of the main cases, in batches and one by one.
///
/// # Errors
/// If valgrind or a file is missing.
pub(super) fn measure(settings: &Settings, results: &mut Results) -> anyhow::Result<()> {
    let valgrind = find("valgrind").context("valgrind is not installed")?;
    for case in [Case::HIT, Case::MISS, Case::TEXT, Case::NETWORKS6, Case::NAMES] {
        let few = Settings { queries: 40_000, ..settings.clone() };
        let queries = few.draw(case.list, case.mix, case.edns);
        // The files stay, so that one can profile a case by hand with `repute-bench answer`.
        let name = case.title().replace(", ", "-").replace([' ', '/'], "_");
        let packets = settings.folder()?.join(format!("{name}.packets"));
        let mut out = BufWriter::new(fs::File::create(&packets)?);
        queries.write_packets(&mut out)?;
        out.flush()?;
        let zone = library::read(&settings.lists.text(case.list), case.list)?;
        let image = library::save(settings, case.list, &zone)?;
        for (way, subject) in [("batch", super::BATCHED), ("one", super::SINGLE)] {
            let run = |passes| count(settings, &valgrind, &image, &packets, way, passes);
            let instructions = (run(2)? - run(1)?) as f64 / queries.len() as f64;
            results.add(Part::Instructions, &case.title(), subject, "", instructions);
        }
    }
    Ok(())
}

/// Runs this program under callgrind and returns the instructions it took.
fn count(
    settings: &Settings,
    valgrind: &Path,
    image: &Path,
    packets: &Path,
    way: &str,
    passes: usize,
) -> anyhow::Result<i64> {
    let report = settings.folder()?.join("callgrind.out");
    let output = Command::new(valgrind)
        .arg("--tool=callgrind")
        .arg(format!("--callgrind-out-file={}", report.display()))
        .arg(myself())
        .args(["answer", "--way", way, "--passes", &passes.to_string()])
        .args([image, packets])
        .stdin(Stdio::null())
        .output()?;
    let talk = String::from_utf8_lossy(&output.stderr);
    anyhow::ensure!(output.status.success(), "callgrind: {}", talk.trim());
    let text = fs::read_to_string(&report)?;
    let total = text.lines().find_map(|line| line.strip_prefix("totals: "));
    total.and_then(|total| total.trim().parse().ok()).context("callgrind gives no total")
}

/// Answers all packets of a file so many times, with no clock: what runs under callgrind.
///
/// # Errors
/// If a file cannot be read.
pub(crate) fn answer(image: &Path, packets: &Path, way: Way, passes: usize) -> anyhow::Result<()> {
    let zones = library::serve(library::open(image)?);
    let queries = Queries::read_packets(&fs::read(packets)?);
    let mut engine = Engine::new(&zones);
    for _ in 0..passes {
        println!("{} bytes", engine.answer(&queries, way).bytes);
    }
    Ok(())
}

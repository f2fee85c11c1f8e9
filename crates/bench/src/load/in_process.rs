//! What Repute's library does of loading: text to a zone, a snapshot to a zone, on one core.
//!
//! Files come from the page cache, as they do when an operator has just written them.

use std::time::Instant;

use super::{IN_PROCESS, cpu_case, image_case, rounds, snapshot_case, text_case};
use crate::kernel;
use crate::library;
use crate::list::List;
use crate::process::{Scheduling, restrict};
use crate::results::{Part, Results};
use crate::settings::Settings;

/// Loads every list from text and from its snapshot.
///
/// # Errors
/// If the library does not take the list: then there is nothing to measure.
pub(super) fn run(settings: &Settings, results: &mut Results) -> anyhow::Result<()> {
    std::thread::scope(|scope| {
        let work = || {
            restrict(&[settings.server_cpu], Scheduling::RealTime)?;
            for list in List::ALL {
                eprintln!("load, in process: {}", list.title());
                for _ in 0..rounds(settings, list) {
                    once(settings, results, list)?;
                }
            }
            Ok(())
        };
        scope.spawn(work).join().expect("loading does not panic")
    })
}

/// Loads a list once from text and once from its snapshot.
fn once(settings: &Settings, results: &mut Results, list: List) -> anyhow::Result<()> {
    let (begin, cpu) = (Instant::now(), kernel::process_cpu());
    let zone = library::read(&settings.lists.text(list), list)?;
    let (time, cpu) = (begin.elapsed(), kernel::process_cpu() - cpu);
    results.add(Part::Load, &text_case(list), IN_PROCESS, "s", time.as_secs_f64());
    results.add(Part::Load, &cpu_case(list), IN_PROCESS, "CPU-s", cpu.as_secs_f64());
    let bytes = zone.image_bytes() as f64 / settings.lists.entries(list) as f64;
    results.add(Part::Memory, &image_case(list), IN_PROCESS, "B", bytes);
    let image = library::save(settings, list, &zone)?;
    drop(zone);
    let begin = Instant::now();
    let zone = library::open(&image)?;
    let time = begin.elapsed();
    results.add(Part::Load, &snapshot_case(list), IN_PROCESS, "s", time.as_secs_f64());
    drop(zone);
    Ok(())
}

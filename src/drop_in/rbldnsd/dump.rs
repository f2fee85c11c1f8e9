//! All zones as master files, as `rbldnsd -d` writes them: to standard output, zone after zone.
//!
//! Every record has its owner and its time to live on its line, and networks inside networks are
//! resolved, where rbldnsd leaves both to the reader and excludes by records of its own.

use std::io::{self, BufWriter, Write};
use std::time::{SystemTime, UNIX_EPOCH};

use repute_zone::export;

use super::load::Datasets;
use super::plan::Plan;

/// Writes all zones.
pub(super) fn write(plan: &Plan, datasets: &Datasets, out: &mut dyn Write) -> io::Result<()> {
    let mut out = BufWriter::new(out);
    writeln!(out, "; zone dump by Repute version {}", env!("CARGO_PKG_VERSION"))?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let now = u32::try_from(now).unwrap_or(u32::MAX);
    for planned in &plan.zones {
        // All were loaded, or there would be no dump.
        if let Some(zone) = datasets.zone(planned) {
            export::master(&zone, now, &mut out)?;
        }
    }
    out.flush()
}

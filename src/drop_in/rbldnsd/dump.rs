//! All zones as master files, as `rbldnsd -d` writes them.

use std::io::{self, Write};

use super::load::Datasets;
use super::plan::Plan;

/// Writes all zones.
pub(super) fn write(_plan: &Plan, _datasets: &Datasets, _out: &mut dyn Write) -> io::Result<()> {
    Ok(())
}

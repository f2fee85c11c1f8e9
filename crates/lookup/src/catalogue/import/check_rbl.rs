//! check_rbl's ini file, which dnsbl_exporter reads too: `server=` lines in the section `[rbl]`.
//!
//! Other keys of the section are options of the command and no lists; other sections are somebody else's.

use repute_dnsxl::Polarity;

use super::{ADDRESSES, Gatherer, Import, Problem, Sighting};
use crate::catalogue::Catalogue;

/// Reads one.
pub fn check_rbl(text: &str, catalogue: &Catalogue) -> Import {
    let mut gatherer = Gatherer::new(catalogue);
    read(text, &mut gatherer);
    gatherer.finish()
}

/// Reads one beside others.
pub(super) fn read(text: &str, gatherer: &mut Gatherer<'_>) {
    let mut section: Option<&str> = None;
    let mut has_section = false;
    for (line, number) in text.trim_start_matches('\u{feff}').lines().zip(1..) {
        let line = line.trim();
        if line.is_empty() || line.starts_with([';', '#']) {
            continue;
        }
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            section = Some(name.0.trim());
            has_section |= section.is_some_and(is_ours);
            continue;
        }
        if !section.is_some_and(is_ours) {
            continue;
        }
        match line.split_once('=').map(|(key, value)| (key.trim(), value.trim())) {
            Some(("server" | "s", zone)) => {
                let polarity = Polarity::Block;
                let sighting = Sighting { keys: ADDRESSES, polarity, filter: None };
                gatherer.see(number, zone, sighting);
            }
            Some(_) => {}
            None => gatherer.fault(number, Problem::Syntax("`server=bl.example`")),
        }
    }
    if !has_section {
        gatherer.fault(1, Problem::Nothing("a section `[rbl]` with lines `server=bl.example`"));
    }
}

/// Whether a section holds lists.
fn is_ours(section: &str) -> bool {
    matches!(section, "rbl" | "check_rbl")
}

//! Repute's library as the server uses it: list files to zones.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Context;
use repute_dnsxl::{Name, Polarity};
use repute_zone::format::{Input, ReadOptions, rbldnsd};
use repute_zone::{DatasetKind, Dialect, Zone, ZoneSpec};

use crate::list::List;

/// Reads a list's text and builds the zone that answers for it.
///
/// # Errors
/// If the file cannot be read, or has faults: the bench writes none.
pub(crate) fn read(text: &Path, list: List) -> anyhow::Result<Zone> {
    let kind = match list {
        List::Mixed | List::Hosts | List::Huge | List::Networks6 => DatasetKind::Addresses,
        List::Names => DatasetKind::Names,
    };
    let name = text.display().to_string();
    let file = File::open(text).with_context(|| format!("cannot read {name}"))?;
    let input = Input { name: name.as_str().into(), reader: Box::new(file), modified: 1 };
    let options = ReadOptions { now: now(), ..ReadOptions::default() };
    let loaded = rbldnsd::read(kind, vec![input], &options)?;
    if let Some(fault) = loaded.faults.iter().next() {
        anyhow::bail!("{name}:{}: {}", fault.line, fault.problem);
    }
    let apex: Name = list.apex().parse()?;
    Ok(Zone::new(ZoneSpec {
        apex,
        dialect: Dialect::Native,
        polarity: Polarity::Block,
        soa: None,
        name_servers: None,
        datasets: vec![Arc::new(loaded.dataset)],
        test_entries: true,
        codes: Vec::new(),
        serial: 0,
    }))
}

/// The time in Unix seconds.
pub(crate) fn now() -> u32 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    since.as_secs() as u32
}

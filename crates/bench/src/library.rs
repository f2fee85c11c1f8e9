//! Repute's library as the server uses it: list files to zones, zones to what answers.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Context;
use repute_dnsxl::{Name, Polarity};
use repute_nameserver::cookie::{Cookies, Secret, Secrets};
use repute_nameserver::{Identity, Serving, ZoneIndex, ZoneState, Zones};
use repute_zone::format::{Input, ReadOptions, rbldnsd};
use repute_zone::{DatasetKind, Dialect, Zone, ZoneSpec, snapshot};

use crate::kernel;
use crate::list::List;
use crate::settings::Settings;

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
        link: None,
        codes: Vec::new(),
        serial: 0,
    }))
}

/// Maps a snapshot and checks it.
///
/// # Errors
/// If the file cannot be read or is no snapshot.
pub(crate) fn open(snapshot: &Path) -> anyhow::Result<Zone> {
    let name = snapshot.display();
    let file = File::open(snapshot).with_context(|| format!("cannot read {name}"))?;
    let image = bytes::Bytes::from_owner(kernel::map(&file)?);
    snapshot::open(image).with_context(|| format!("cannot open {name}"))
}

/// Writes a list's snapshot and returns its file.
///
/// # Errors
/// If it cannot be written.
pub(crate) fn save(settings: &Settings, list: List, zone: &Zone) -> anyhow::Result<PathBuf> {
    let name = settings.lists.text(list).with_extension("snapshot");
    let image = settings.folder()?.join(name.file_name().context("a list has a file name")?);
    let mut out = BufWriter::new(File::create(&image)?);
    snapshot::encode(zone, &mut out)?;
    out.flush()?;
    Ok(image)
}

/// Makes a zone all that is served.
pub(crate) fn serve(zone: Zone) -> Zones {
    let apex = zone.apex().clone();
    let state = ZoneState::Serving(Arc::new(zone));
    // As servers are by default: a query that has half a cookie gets the other half.
    let cookies = Cookies::On(Secrets::new(Secret::new([7; 16]), None));
    let identity = Identity { cookies, ..Identity::default() };
    Zones::new(identity).with(&apex, ZoneIndex(0), state, Serving::default())
}

/// The time in Unix seconds.
pub(crate) fn now() -> u32 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    since.as_secs() as u32
}

//! `repute zone build` and `repute zone export`: a list as a snapshot, or in another's format.

use std::io::{BufWriter, Write};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, bail};
use repute_nameserver::loader::Built;
use repute_nameserver::loader::spool::replace_file;
use repute_zone::export::{self, View};
use repute_zone::{Zone, snapshot};

use super::ordinary::Ordinary;
use super::subject::Subject;
use crate::cli::{ExportFormat, SubjectArgs};
use crate::exit::{Verdict, tell};

/// Writes a list as a snapshot: beside the old one, and then in its place.
pub(super) fn build(
    config: Option<&Path>,
    args: &SubjectArgs,
    output: &Path,
) -> anyhow::Result<Verdict> {
    let zone = zone(config, args)?;
    replace_file(output, |out| snapshot::encode(&zone, out))
        .with_context(|| format!("cannot write {}", output.display()))?;
    let size = output.metadata().map_or(0, |m| m.len());
    tell!(
        "{}: `{}` with {} entries, serial {}, {} KiB",
        output.display(),
        zone.apex(),
        zone.entries(),
        zone.serial(),
        size >> 10
    );
    Ok(Verdict::Yes)
}

/// Writes a list in the format of other software.
pub(super) fn run(
    config: Option<&Path>,
    args: &SubjectArgs,
    format: ExportFormat,
    output: Option<&Path>,
) -> anyhow::Result<Verdict> {
    if let Some(ordinary) = ordinary(config, args)? {
        let mut text = Vec::new();
        ordinary.export(&mut text)?;
        return write(output, |out: &mut dyn Write| out.write_all(&text));
    }
    let zone = zone(config, args)?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let now = u32::try_from(now).unwrap_or(u32::MAX);
    let content = |out: &mut dyn Write| match format {
        ExportFormat::Rbldnsd => export::rbldnsd(&zone, View::At(now), out),
        ExportFormat::Master => export::master(&zone, now, out),
    };
    if format == ExportFormat::Master {
        warn_of_name_servers(&zone);
    }
    write(output, content)
}

/// Writes into a file, which is replaced when it is whole, or to standard output.
fn write(
    output: Option<&Path>,
    content: impl FnOnce(&mut dyn Write) -> std::io::Result<()>,
) -> anyhow::Result<Verdict> {
    match output {
        Some(path) => {
            replace_file(path, content)
                .with_context(|| format!("cannot write {}", path.display()))?;
        }
        None => {
            let mut out = BufWriter::with_capacity(1 << 16, std::io::stdout().lock());
            content(&mut out)?;
            out.flush()?;
        }
    }
    Ok(Verdict::Yes)
}

/// The ordinary zone that was named, if it is one.
fn ordinary(config: Option<&Path>, args: &SubjectArgs) -> anyhow::Result<Option<Ordinary>> {
    match &args.what[..] {
        [word] if args.list.kind.is_none() && !Path::new(word).is_file() => {
            Ok(Ordinary::find(config, Some(word))?.pop())
        }
        _ => Ok(None),
    }
}

/// Tells of name servers that others cannot find, which matters in a master file only.
fn warn_of_name_servers(zone: &Zone) {
    let apex = zone.apex();
    if export::lacks_name_servers(zone) {
        tell!(
            "{apex}: no name servers are configured, and the file names localhost: set `name-servers` \
             before others are to find them"
        );
        return;
    }
    let servers = zone.name_servers().map_or(&[][..], |(_, servers)| servers);
    for server in servers.iter().filter(|server| export::lacks_address(zone, server)) {
        tell!(
            "{apex}: name server {server} is in the zone, which has no address for it: BIND refuses \
             that; change `name-servers`, or add the address by a source of kind generic"
        );
    }
}

/// Reads the one list that was named. What would not be served is not passed on either.
fn zone(config: Option<&Path>, args: &SubjectArgs) -> anyhow::Result<Zone> {
    let subject = Subject::find_one(config, &args.what, &args.list)?;
    let built = subject.build(None).map_err(|error| subject.failed(error))?;
    let faults = built.fault_count();
    let Built { zone, refusals, .. } = built;
    if let Some(refusal) = refusals.first() {
        bail!("{} is refused: {refusal}; `repute zone check` shows more", subject.name);
    }
    if faults > 0 {
        tell!(
            "{}: {faults} faulty lines are left out; `repute zone check` shows them",
            subject.name
        );
    }
    Ok(zone)
}

//! Ordinary zones for `repute zone`: those of `[[primary]]` and `[[secondary]]`, and master files that are in no
//! configuration.

use std::collections::HashSet;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::bail;
use repute_authority::catalog;
use repute_authority::store::{Limits, Store};
use repute_dnsxl::Name;
use repute_nameserver::control::{Answer, Request, ask};
use repute_nameserver::loader::master::{self, ReadMaster};
use repute_nameserver::loader::{MasterConfig, MasterOrigin};
use repute_records::lint::{self, Severity};
use repute_records::{Zone, master as records};

use super::subject::MAX_UNPACKED;
use crate::commands::serve::STORE;
use crate::config::{Config, TakenAs};
use crate::exit::Verdict;

/// An ordinary zone that can be read.
pub(super) struct Ordinary {
    apex: Name,
    /// Its file, or what it began with if programs change it; none if it is taken over from elsewhere, or a catalog.
    file: Option<MasterConfig>,
    /// How many bytes its files may have.
    most: u64,
    /// Where its server can be asked, if it has one.
    control: Option<PathBuf>,
    /// Where it lies, if programs change it or it is taken over.
    store: Option<PathBuf>,
    /// Whether its records name zones.
    is_catalog: bool,
}

impl Ordinary {
    /// All of a configuration, or the one that is named; nothing if that is none.
    pub(super) fn find(
        config: Option<&Path>,
        wanted: Option<&str>,
    ) -> anyhow::Result<Vec<Ordinary>> {
        let Config { loader, process, authority, .. } = Config::find(config)?;
        let store = process.data_dir.join(STORE);
        let (most, control) = (loader.max_unpacked, process.control);
        let name: Option<Name> = wanted.and_then(|word| word.parse().ok());
        let followed = authority.secondaries.iter();
        let followed = followed.filter(|zone| zone.kind == TakenAs::Catalog);
        let followed: HashSet<Name> = followed.map(|zone| zone.apex.clone()).collect();
        let has_catalog = !followed.is_empty();
        let own = authority.catalogs.iter().map(|catalog| catalog.apex.clone());
        let catalogs: HashSet<Name> = own.chain(followed).collect();
        let of = |apex: Name, file, store| {
            let control = Some(control.clone());
            let is_catalog = catalogs.contains(&apex);
            Ordinary { apex, file, most, control, store, is_catalog }
        };
        let read = loader.masters.into_iter();
        let read = read.map(|zone| of(zone.apex.clone(), Some(zone), None));
        let dynamic = authority.dynamic.into_iter().map(|zone| zone.seed);
        let dynamic = dynamic.chain(authority.challenge);
        let dynamic = dynamic.map(|zone| of(zone.apex.clone(), Some(zone), Some(store.clone())));
        let taken = authority.secondaries.into_iter().map(|zone| zone.apex);
        let taken = taken.chain(authority.catalogs.into_iter().map(|catalog| catalog.apex));
        let taken = taken.map(|apex| of(apex, None, Some(store.clone())));
        let is_wanted = |zone: &Ordinary| wanted.is_none() || name.as_ref() == Some(&zone.apex);
        let found: Vec<Ordinary> = read.chain(dynamic).chain(taken).filter(is_wanted).collect();
        let is_list = |name: &Name| loader.zones.iter().any(|zone| zone.apex == *name);
        match name.filter(|name| found.is_empty() && has_catalog && !is_list(name)) {
            // A catalog may have brought it.
            Some(name) => Ok(vec![of(name, None, Some(store))]),
            None => Ok(found),
        }
    }

    /// A master file.
    pub(super) fn file(apex: &Name, file: &str) -> Ordinary {
        let config = MasterConfig { apex: apex.clone(), origin: MasterOrigin::File(file.into()) };
        let (apex, file) = (apex.clone(), Some(config));
        let most = MAX_UNPACKED;
        Ordinary { apex, file, most, control: None, store: None, is_catalog: false }
    }

    /// Writes it as a master file: what is served of it if it lies in the store, else what its file says.
    pub(super) fn export(&self, out: &mut dyn Write) -> anyhow::Result<()> {
        if let Some(store) = &self.store {
            let apex = &self.apex;
            if let Some(text) = self
                .control
                .as_deref()
                .and_then(|control| ask(control, &Request::Zone(apex.clone())).ok())
            {
                return match text {
                    Answer::Zone(text) => Ok(out.write_all(text.as_bytes())?),
                    Answer::Error(why) => bail!(why),
                    _ => bail!("the server answers something else"),
                };
            }
            let store = Store::open(store, Limits::default())?;
            if let Some(zone) = store.zone(apex) {
                return Ok(repute_records::master::write(&zone, out)?);
            }
        }
        Ok(repute_records::master::write(&self.zone()?, out)?)
    }

    /// Reads its file; a zone with a fault is none.
    fn zone(&self) -> anyhow::Result<Zone> {
        let Some(file) = &self.file else {
            bail!(
                "nothing of zone `{}` was taken over yet: `repute status` shows why once the server runs",
                self.apex
            )
        };
        let read = master::read(file, self.most)?;
        match (read.zone, read.faults.first()) {
            (Ok(zone), None) => Ok(zone),
            (_, Some(fault)) => bail!("{fault}; `repute zone check` shows more"),
            (Err(why), None) => bail!(why),
        }
    }

    /// Shows what is wrong with it, and what is unwise.
    pub(super) fn check(&self, out: &mut impl Write) -> std::io::Result<Verdict> {
        let apex = &self.apex;
        let Some(file) = &self.file else { return self.check_taken(out) };
        let ReadMaster { zone, faults, warnings, modified, .. } =
            match master::read(file, self.most) {
                Ok(read) => read,
                Err(error) => {
                    writeln!(out, "{apex}: cannot be served: {error}")?;
                    return Ok(Verdict::Unknown);
                }
            };
        for line in faults.iter().chain(&warnings) {
            writeln!(out, "{line}")?;
        }
        let zone = match zone {
            Ok(zone) => zone,
            Err(why) => {
                writeln!(out, "{why}\n{apex}: would not be served")?;
                return Ok(Verdict::Unknown);
            }
        };
        let findings = lint::zone(&zone);
        for finding in &findings {
            writeln!(out, "{finding}")?;
        }
        // Updates give a zone its serials, not its file.
        let told = self
            .served()
            .filter(|_| self.store.is_none())
            .and_then(|served| serial(&zone, modified, &served));
        if let Some(told) = &told {
            writeln!(out, "error: {apex}: {told}")?;
        }
        let errors = findings.iter().filter(|finding| finding.severity == Severity::Error).count()
            + usize::from(told.is_some());
        let doubts = findings.len() + usize::from(told.is_some()) - errors + warnings.len();
        let fate = if faults.is_empty() { "would be served" } else { "would not be served" };
        writeln!(
            out,
            "{apex}: {} records at {} names, serial {}; {} faulty lines, {errors} errors, {doubts} warnings; {fate}",
            zone.len(),
            zone.names(),
            zone.serial(),
            faults.len()
        )?;
        Ok(match (faults.is_empty(), errors + doubts) {
            (false, _) => Verdict::Unknown,
            (true, 0) => Verdict::Yes,
            (true, _) => Verdict::No,
        })
    }

    /// Shows what is unwise in a zone that is taken over from elsewhere, as it is here, or what is in a catalog.
    fn check_taken(&self, out: &mut impl Write) -> std::io::Result<Verdict> {
        let apex = &self.apex;
        let mut text = Vec::new();
        if let Err(why) = self.export(&mut text) {
            writeln!(out, "{apex}: {why:#}")?;
            return Ok(Verdict::Unknown);
        }
        let records = records::read(apex, &text, &mut |_| Err(String::new())).records;
        let zone = match Zone::new(apex.clone(), records.into_iter().map(|placed| placed.record)) {
            Ok((zone, _)) => zone,
            Err(why) => {
                writeln!(out, "{apex}: {why}")?;
                return Ok(Verdict::Unknown);
            }
        };
        if self.is_catalog {
            let serial = zone.serial();
            return match catalog::members(&zone, usize::MAX) {
                Ok(members) => {
                    for member in &members {
                        writeln!(out, "{apex}: {}", member.zone)?;
                    }
                    writeln!(out, "{apex}: a catalog of {} zones, serial {serial}", members.len())?;
                    Ok(Verdict::Yes)
                }
                Err(why) => {
                    writeln!(out, "{apex}: a broken catalog, serial {serial}: {why}")?;
                    Ok(Verdict::No)
                }
            };
        }
        let findings = lint::zone(&zone);
        for finding in &findings {
            writeln!(out, "{finding}")?;
        }
        let errors = findings.iter().filter(|finding| finding.severity == Severity::Error).count();
        writeln!(
            out,
            "{apex}: {} records at {} names, serial {}, taken over from its primary; {errors} errors, {} warnings",
            zone.len(),
            zone.names(),
            zone.serial(),
            findings.len() - errors
        )?;
        Ok(if findings.is_empty() { Verdict::Yes } else { Verdict::No })
    }

    /// What the running server has of it, if there is one.
    fn served(&self) -> Option<ServedNow> {
        let Ok(Answer::Status(report)) = ask(self.control.as_deref()?, &Request::Status) else {
            return None;
        };
        let name = self.apex.to_string();
        let zone = report.zones.iter().find(|zone| zone.name == name && zone.serial != 0)?;
        let modified =
            zone.source_age.and_then(|age| u32::try_from(report.time.saturating_sub(age)).ok());
        Some(ServedNow { serial: zone.serial, modified })
    }
}

/// What a server has of a zone.
struct ServedNow {
    serial: u32,
    /// When its files were last modified, in Unix seconds.
    modified: Option<u32>,
}

/// What is wrong with the serial after what is served (RFC 1982).
fn serial(zone: &Zone, modified: Option<u32>, served: &ServedNow) -> Option<String> {
    let (before, after) = (served.serial, zone.serial());
    if before == after {
        return (modified > served.modified).then(|| {
            format!(
                "the file is newer than what is served, and its serial is still {after}: secondaries do not fetch it; \
                 raise it"
            )
        });
    }
    let is_back = after.wrapping_sub(before).cast_signed() < 0;
    is_back.then(|| {
        format!(
            "the serial goes back from {before}, which is served, to {after}: secondaries do not fetch it; set it \
             above {before}"
        )
    })
}

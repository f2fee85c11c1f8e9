//! Reads data sets from their files, again when these changed.
//!
//! A data set is replaced only by a whole new one: what cannot be read leaves the old entries in
//! service, where rbldnsd would answer SERVFAIL. Only the first load can fail for the zones.

use std::fs::File;
use std::io::{self, Read, Seek};
use std::path::Path;
use std::sync::Arc;

use repute_dnsxl::Polarity;
use repute_nameserver::loader::decompress;
use repute_nameserver::loader::files::{OpenList, Stamp};
use repute_zone::format::{Input, Loaded, ReadError, ReadOptions, rbldnsd};
use repute_zone::{Dataset, DatasetKind, Dialect, Zone, ZoneSpec};

use super::options::Options;
use super::plan::{DatasetId, PlannedDataset, PlannedZone};
use super::process::failed;
use super::talk::Talk;

/// All data sets, in the order of the plan.
#[derive(Debug)]
pub(super) struct Datasets {
    sets: Vec<Set>,
    reading: ReadOptions,
    /// `-C`: compressed files are an error.
    plain_files_only: bool,
}

/// One data set.
#[derive(Debug)]
struct Set {
    plan: PlannedDataset,
    /// What each file was when it was read last; empty if that failed.
    stamps: Vec<Stamp>,
    /// The entries in service.
    dataset: Option<Arc<Dataset>>,
}

/// What a look at the files found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refreshed {
    /// Nothing changed.
    Nothing,
    /// Files were read, all of them without a failure.
    Whole,
    /// A file could not be read.
    Failed,
}

impl Datasets {
    /// Nothing is read yet.
    pub(super) fn new(plan: &[PlannedDataset], options: &Options) -> Datasets {
        let set =
            |plan: &PlannedDataset| Set { plan: plan.clone(), stamps: Vec::new(), dataset: None };
        Datasets {
            sets: plan.iter().map(set).collect(),
            reading: ReadOptions {
                dialect: Dialect::Rbldnsd,
                default_ttl: options.ttl.default,
                min_ttl: options.ttl.minimum,
                max_ttl: options.ttl.maximum,
                accept_host_bits: options.accept_host_bits,
                ..ReadOptions::default()
            },
            plain_files_only: options.plain_files_only,
        }
    }

    /// The entries of a data set, if they could ever be read.
    pub(super) fn get(&self, id: DatasetId) -> Option<Arc<Dataset>> {
        self.sets[id.0].dataset.clone()
    }

    /// Puts a zone together, if all its data could ever be read.
    pub(super) fn zone(&self, planned: &PlannedZone) -> Option<Zone> {
        let datasets = planned.datasets.iter().map(|id| self.get(*id)).collect::<Option<_>>()?;
        Some(Zone::new(ZoneSpec {
            apex: planned.apex.clone(),
            dialect: Dialect::Rbldnsd,
            polarity: Polarity::default(),
            soa: None,
            name_servers: None,
            datasets,
            test_entries: false,
            link: None,
            codes: Vec::new(),
            serial: 0,
        }))
    }

    /// Bytes of all entries in memory.
    pub(super) fn bytes(&self) -> usize {
        self.sets.iter().filter_map(|set| set.dataset.as_ref()).map(|d| d.image_bytes()).sum()
    }

    /// Reads what changed since the last time. `now` is in Unix seconds.
    pub(super) fn refresh(&mut self, now: u32, talk: &Talk) -> Refreshed {
        self.reading.now = now;
        let mut refreshed = Refreshed::Nothing;
        for set in self.sets.iter_mut().filter(|set| set.has_changed()) {
            match set.load(&self.reading, self.plain_files_only, talk) {
                Ok(()) if refreshed == Refreshed::Nothing => refreshed = Refreshed::Whole,
                Ok(()) => {}
                Err(messages) => {
                    messages.iter().for_each(|message| talk.error(message));
                    if set.dataset.is_some() {
                        let name = set.name();
                        talk.warning(format!(
                            "{name}: load failed, the old entries stay in service"
                        ));
                    }
                    refreshed = Refreshed::Failed;
                }
            }
        }
        refreshed
    }
}

impl Set {
    /// Whether a file is not what it was when it was read, or never was read.
    fn has_changed(&self) -> bool {
        let now = self.plan.files.iter().map(|file| Stamp::of(file).ok());
        let then = self.stamps.iter().copied().map(Some);
        !now.eq(then)
    }

    /// Reads all files and puts their entries into service.
    fn load(&mut self, reading: &ReadOptions, plain: bool, talk: &Talk) -> Result<(), Vec<String>> {
        // Whatever fails, the next look at the files tries again.
        self.stamps.clear();
        let files = self.plan.files.iter().map(|path| open(path, plain)).collect::<Result<_, _>>();
        let files: Vec<OpenList> = files.map_err(|message| vec![message])?;
        let inputs = files.iter().map(input).collect::<Result<_, _>>().map_err(|m| vec![m])?;
        let loaded = rbldnsd::read(self.plan.kind, inputs, reading);
        let loaded = loaded.map_err(|error| vec![unreadable(&error)])?;
        if let Some(changed) = files.iter().find(|file| !file.is_unchanged()) {
            let name = changed.path().display();
            return Err(vec![
                format!("file {name}: file changed while it was read, load aborted"),
                format!("file {name}: write to another file and rename it, do not write in place"),
            ]);
        }
        self.report(&loaded, talk);
        self.stamps = files.iter().map(OpenList::stamp).collect();
        self.dataset = Some(Arc::new(loaded.dataset));
        Ok(())
    }

    /// Tells what was read and the first faults in it.
    fn report(&self, loaded: &Loaded, talk: &Talk) {
        for fault in loaded.faults.iter().take(MOST_FAULTS) {
            talk.warning(format!("file {}({}): {}", fault.source, fault.line, fault.problem));
        }
        let faults = loaded.faults.errors() + loaded.faults.warnings();
        let name = self.name();
        if let Some(more @ 1..) = faults.checked_sub(MOST_FAULTS as u64) {
            talk.warning(format!("{name}: {more} more warnings suppressed"));
        }
        if loaded.duplicates > 0 {
            let count = loaded.duplicates;
            talk.warning(format!("{name}: {count} duplicated entries, the first of each counts"));
        }
        let time = date(loaded.dataset.header().modified);
        let entries = loaded.dataset.entries();
        let what = match self.plan.kind {
            DatasetKind::Ip4tset => format!("cnt={entries}"),
            DatasetKind::Generic => format!("e={entries}"),
            DatasetKind::Acl | DatasetKind::Aclkey => "loaded".to_owned(),
            _ => format!("ents={entries}"),
        };
        talk.info(format!("{name}: {time}: {what}"));
    }

    /// What messages call it.
    fn name(&self) -> String {
        format!("{}:{}", self.plan.kind, self.plan.spec)
    }
}

/// Opens a file, or says why not.
fn open(path: &Path, plain: bool) -> Result<OpenList, String> {
    let name = format!("file {}", path.display());
    let open = OpenList::open(path);
    let open = open.map_err(|why| failed(&format!("{name}: unable to open file"), &why))?;
    if plain && is_packed(open.file()).unwrap_or(false) {
        return Err(format!("{name}: file is compressed, decompression disabled"));
    }
    Ok(open)
}

/// Whether a file begins as compressed ones do; it is read from its start afterwards.
fn is_packed(mut file: &File) -> io::Result<bool> {
    let mut first = [0; 4];
    let length = file.read(&mut first)?;
    file.rewind()?;
    Ok(first[..length].starts_with(&[0x1f, 0x8b]) || first == [0x28, 0xb5, 0x2f, 0xfd])
}

/// Makes a file an input of the reader.
fn input(file: &OpenList) -> Result<Input<'_>, String> {
    let name = file.path().display().to_string();
    let reader = decompress::unpack(file.file(), u64::MAX)
        .map_err(|why| failed(&format!("file {name}: error reading file"), &why))?;
    Ok(Input { name: name.into(), reader, modified: file.stamp().modified() })
}

/// Says why a file cannot be used at all.
fn unreadable(error: &ReadError) -> String {
    match error {
        ReadError::Io { name, source } => {
            failed(&format!("file {name}: error reading file"), source)
        }
        ReadError::Future { name, line, seconds } => format!(
            "file {name}({line}): data timestamp is {seconds} sec in the future, aborting loading"
        ),
        other => format!("file {other}"),
    }
}

/// Writes a time of Unix seconds as `20261122 013450`.
fn date(seconds: u32) -> String {
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    let mut rest = days;
    let mut year = 1970;
    let by = u32::is_multiple_of;
    let leap = |year: u32| by(year, 4) && (!by(year, 100) || by(year, 400));
    let length = |year| if leap(year) { 366 } else { 365 };
    while rest >= length(year) {
        rest -= length(year);
        year += 1;
    }
    let february = if leap(year) { 29 } else { 28 };
    let mut month = 1;
    for days in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30] {
        if rest < days {
            break;
        }
        rest -= days;
        month += 1;
    }
    format!("{year:04}{month:02}{:02} {hour:02}{minute:02}{second:02}", rest + 1)
}

/// How many faults of a data set are told one by one.
const MOST_FAULTS: usize = 5;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        assert_eq!(date(0), "19700101 000000");
        assert_eq!(date(951_827_696), "20000229 123456");
        assert_eq!(date(1_795_312_378), "20261122 015258");
        assert_eq!(date(1_798_761_599), "20261231 235959");
    }
}

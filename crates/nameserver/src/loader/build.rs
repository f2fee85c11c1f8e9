//! From the configuration and files of one zone to the zone, once.
//!
//! All files are opened before the first is read, and looked at again after the last: if one changed
//! meanwhile, what was read may be half of the old and half of the new, and is thrown away. What is
//! wrong with single lines is no error here but part of the result, as good lines still serve.
//!
//! Whether the zone is then served is not decided here; `repute zone` uses the same way to look.

use std::fs::File;
use std::io::{self, Read, Seek};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use repute_dnsxl::{Name, Target};
use repute_zone::format::{self, Input, Loaded, ReadError, ReadOptions, Traced};
use repute_zone::guard::{self, Reach, Refusal, Verdict};
use repute_zone::snapshot::{self, SnapshotError};
use repute_zone::{Dataset, DatasetKind, Dialect, Faults, Soa, Zone, ZoneSpec};
use tracing::warn;

use super::config::{
    Content, FeedConfig, Format, SnapshotOrigin, SourceConfig, SourceOrigin, ZoneConfig,
};
use super::decompress::unpack;
use super::files::{OpenList, Stamp};
use super::map;
use super::serial::{Fingerprint, Issued, fingerprint, fingerprint_of_snapshot, next_serial};
use super::spool::{Draft, Spool, remedy};

/// What a build needs beside the zone's own configuration.
pub struct Conditions<'a> {
    /// The time, in Unix seconds.
    pub now: u32,
    /// How many bytes a compressed list may unpack to.
    pub max_unpacked: u64,
    /// A target whose deciding lines are collected.
    pub trace: Option<Target>,
    /// Where the last copy of a feed lies.
    pub feed: &'a dyn Fn(&FeedConfig) -> PathBuf,
    /// What is served now: guards ask what is new.
    pub old: Option<&'a Zone>,
    /// The last serial of the zone, however long ago that was.
    pub last_serial: Option<Issued>,
    /// Where private copies of snapshots go; without it they are read into memory.
    pub copies: Option<&'a Spool>,
    /// The most that was served.
    pub most: Reach,
    /// Told how many bytes of the files were read, now and then.
    pub progress: Option<&'a dyn Fn(u64)>,
}

impl Conditions<'_> {
    /// Where the last copy of a feed lies, if it ever was fetched.
    fn fetched(&self, feed: &FeedConfig) -> Result<PathBuf, BuildError> {
        let path = (self.feed)(feed);
        match path.exists() {
            true => Ok(path),
            false => Err(BuildError::NotFetched { url: feed.url.clone() }),
        }
    }
}

/// A built zone, with all that was noticed on the way.
#[derive(Debug)]
pub struct Built {
    /// The zone.
    pub zone: Zone,
    /// Which clients may ask it.
    pub acl: Option<Arc<Dataset>>,
    /// Which keys its customers have.
    pub aclkey: Option<Arc<Dataset>>,
    /// Faulty lines, by data set.
    pub faults: Vec<Faults>,
    /// Why it should not be served.
    pub refusals: Vec<Refusal>,
    /// How much it covers.
    pub reach: Reach,
    /// The lines that decide about the traced target.
    pub trace: Vec<Traced>,
    /// How many lines were read.
    pub lines: u64,
    /// The files it was made of, as they were.
    pub files: Vec<(PathBuf, Stamp)>,
    /// What its serial stands for.
    pub issued: Issued,
    /// The copy of a snapshot that the zone is mapped from, if it may become the last good one.
    pub(super) copy: Option<Draft>,
}

impl Built {
    /// How many lines are faulty and left out.
    pub fn fault_count(&self) -> u64 {
        self.faults.iter().map(Faults::errors).sum()
    }

    /// How many lines count, but with a warning.
    pub fn warning_count(&self) -> u64 {
        self.faults.iter().map(Faults::warnings).sum()
    }

    /// The time of the newest file.
    pub fn modified(&self) -> Option<u32> {
        self.files.iter().map(|(_, stamp)| stamp.modified()).max()
    }
}

/// Builds a zone from its files as they are now.
///
/// # Errors
/// If a file cannot be read, changed while it was read, or cannot be used at all.
pub fn build(config: &ZoneConfig, conditions: &Conditions<'_>) -> Result<Built, BuildError> {
    match &config.content {
        Content::Lists(sources) => Reading::new(config, conditions).zone(sources),
        Content::Snapshot(origin) => open_snapshot(config, conditions, origin),
    }
}

/// Opens a snapshot as a zone.
fn open_snapshot(
    config: &ZoneConfig,
    conditions: &Conditions<'_>,
    origin: &SnapshotOrigin,
) -> Result<Built, BuildError> {
    let path = match origin {
        SnapshotOrigin::File(path) => path.clone(),
        SnapshotOrigin::Feed(feed) => conditions.fetched(feed)?,
    };
    let file = OpenList::open(&path).map_err(|e| BuildError::read(&path, e))?;
    let (opened, made_of) = match origin {
        SnapshotOrigin::File(_) => {
            let made_of = fingerprint_of_snapshot(config, &file);
            let place = conditions.copies.map(|spool| spool.zone(&config.apex));
            let known = conditions.last_serial.is_some_and(|last| last.made_of == Some(made_of));
            let kept = place.as_deref().filter(|_| known).and_then(|place| open_kept(&file, place));
            (kept.map_or_else(|| open_copy(&file, place), |zone| Ok((zone, None))), Some(made_of))
        }
        SnapshotOrigin::Feed(_) => (open_own(&path).map(|zone| (zone, None)), None),
    };
    let (zone, copy) = match opened {
        Err(_) if !file.is_unchanged() => return Err(BuildError::Changed { path }),
        opened => opened?,
    };
    if *zone.apex() != config.apex {
        let (found, apex) = (zone.apex().clone(), config.apex.clone());
        return Err(BuildError::OtherZone { path, found, apex });
    }
    let verdict = guard::check(&zone, conditions.old, conditions.most, &config.guards);
    let mut reading = Reading::new(config, conditions);
    let acl = reading.access(config.acl.as_deref(), DatasetKind::Acl)?;
    let aclkey = reading.access(config.aclkey.as_deref(), DatasetKind::Aclkey)?;
    reading.open.push(file);
    let built = reading.finish(zone, made_of, (acl, aclkey), verdict)?;
    Ok(Built { copy, ..built })
}

/// Opens the copy that was made of a snapshot file before, if it was made of what the file holds now.
/// The file is as it was when its serial was noted; that the copy came into its place after that is told
/// by the checksum at its head.
fn open_kept(file: &OpenList, place: &Path) -> Option<Zone> {
    let kept = File::open(place).ok()?;
    let (mut ours, mut theirs) = ([0; HEAD], [0; HEAD]);
    kept.read_exact_at(&mut ours, 0).ok()?;
    file.file().read_exact_at(&mut theirs, 0).ok()?;
    if ours != theirs {
        return None;
    }
    let zone = open_own(place).ok()?;
    // It was good until now, as a copy made now would be.
    kept.set_modified(SystemTime::now()).ok()?;
    Some(zone)
}

/// Opens what a snapshot file of the operator's holds now, out of his reach: a copy for this place in
/// the data folder, or in memory.
fn open_copy(file: &OpenList, place: Option<PathBuf>) -> Result<(Zone, Option<Draft>), BuildError> {
    let copied = place.and_then(|place| match map::copy(file.file(), &place) {
        Ok(copied) => Some(copied),
        Err(error) => {
            let (path, remedy) = (file.path().display(), remedy(&error));
            warn!("cannot copy {path} into the data folder: {error}{remedy}");
            None
        }
    });
    let (copy, image) = match copied {
        Some((copy, image)) => (Some(copy), image),
        None => {
            let read = file.file().rewind().and_then(|()| map::read(file.file()));
            (None, read.map_err(|e| BuildError::read(file.path(), e))?)
        }
    };
    Ok((checked(image, file.path())?, copy))
}

/// An acl and an aclkey data set, if there are any.
pub(super) type AccessLists = (Option<Arc<Dataset>>, Option<Arc<Dataset>>);

/// Reads the access lists of a zone alone.
///
/// # Errors
/// If one cannot be read.
pub(super) fn access_lists(
    config: &ZoneConfig,
    conditions: &Conditions<'_>,
) -> Result<AccessLists, BuildError> {
    let mut reading = Reading::new(config, conditions);
    let acl = reading.access(config.acl.as_deref(), DatasetKind::Acl)?;
    let aclkey = reading.access(config.aclkey.as_deref(), DatasetKind::Aclkey)?;
    Ok((acl, aclkey))
}

/// An access list that was read, with all that was noticed on the way.
#[derive(Debug)]
pub struct AccessList {
    /// Its file.
    path: PathBuf,
    /// What it says.
    dataset: Dataset,
    /// Faulty lines.
    pub faults: Faults,
    /// How many lines were read.
    pub lines: u64,
}

impl AccessList {
    /// Reads the file of an access list (acl or aclkey) as it is now. A compressed one may unpack to so
    /// many bytes.
    ///
    /// # Errors
    /// If it cannot be read, or changed while it was read.
    pub fn read(
        path: &Path,
        kind: DatasetKind,
        max_unpacked: u64,
    ) -> Result<AccessList, BuildError> {
        let file = OpenList::open(path).map_err(|e| BuildError::read(path, e))?;
        let name = Arc::from(path.display().to_string());
        let reader = unpack(file.file(), max_unpacked).map_err(|e| BuildError::read(path, e))?;
        let input = Input { name, reader, modified: file.stamp().modified() };
        let loaded = format::rbldnsd::read(kind, vec![input], &ReadOptions::default())?;
        if !file.is_unchanged() {
            return Err(BuildError::Changed { path: path.to_owned() });
        }
        let Loaded { dataset, faults, lines, .. } = loaded;
        Ok(AccessList { path: path.to_owned(), dataset, faults, lines })
    }

    /// How many entries it has.
    pub fn entries(&self) -> u64 {
        self.dataset.entries()
    }

    /// What is put in force.
    ///
    /// # Errors
    /// If a line is faulty.
    pub fn whole(self) -> Result<Dataset, BuildError> {
        access_without_faults(&self.path, &self.faults)?;
        Ok(self.dataset)
    }
}

/// Takes an access list only whole. A list of entries may serve its good lines; a line that is missing
/// here could be the one that keeps somebody out.
fn access_without_faults(path: &Path, faults: &Faults) -> Result<(), BuildError> {
    if faults.errors() == 0 {
        return Ok(());
    }
    let first = faults.iter().find(|fault| !fault.problem.is_warning());
    let first = first.map_or_else(|| format!("{} lines", faults.errors()), ToString::to_string);
    Err(BuildError::Access { path: path.to_owned(), first })
}

/// Reads a snapshot file and opens it.
///
/// # Errors
/// If it cannot be read, or is corrupt, cut, or of a newer format.
pub fn open(path: &Path) -> Result<Zone, BuildError> {
    let file = OpenList::open(path).map_err(|e| BuildError::read(path, e))?;
    Ok(open_copy(&file, None)?.0)
}

/// Opens a snapshot in the data folder without reading all of it.
///
/// # Errors
/// If it cannot be mapped, or is corrupt, cut, or of a newer format.
pub(super) fn open_own(path: &Path) -> Result<Zone, BuildError> {
    checked(map::map(path).map_err(|e| BuildError::read(path, e))?, path)
}

/// Opens the bytes of a snapshot.
fn checked(image: Bytes, path: &Path) -> Result<Zone, BuildError> {
    snapshot::open(image).map_err(|source| BuildError::Snapshot { path: path.to_owned(), source })
}

/// A build under way.
struct Reading<'a> {
    /// The zone's configuration.
    config: &'a ZoneConfig,
    /// What else it needs.
    conditions: &'a Conditions<'a>,
    /// Files that were opened.
    open: Vec<OpenList>,
    /// Faulty lines so far.
    faults: Vec<Faults>,
    /// Deciding lines so far.
    trace: Vec<Traced>,
    /// Lines so far.
    lines: u64,
}

impl<'a> Reading<'a> {
    /// Begins.
    fn new(config: &'a ZoneConfig, conditions: &'a Conditions<'a>) -> Reading<'a> {
        let (open, faults, trace) = (Vec::new(), Vec::new(), Vec::new());
        Reading { config, conditions, open, faults, trace, lines: 0 }
    }

    /// Reads all sources and puts the zone together.
    fn zone(mut self, sources: &[SourceConfig]) -> Result<Built, BuildError> {
        let opened: Vec<Vec<OpenList>> =
            sources.iter().map(|s| self.open(&s.origin)).collect::<Result<_, _>>()?;
        let made_of =
            fingerprint(self.config, sources.iter().zip(opened.iter().map(Vec::as_slice)));
        let mut datasets = Vec::with_capacity(sources.len());
        for (source, files) in sources.iter().zip(opened) {
            datasets.push(self.read(&source.format, files)?);
        }
        let acl = self.access(self.config.acl.as_deref(), DatasetKind::Acl)?;
        let aclkey = self.access(self.config.aclkey.as_deref(), DatasetKind::Aclkey)?;
        let modified = datasets.iter().map(|d| d.header().modified).max().unwrap_or(0);
        let serial = next_serial(self.conditions.last_serial, modified, made_of);
        let zone = Zone::new(spec(self.config, datasets, serial));
        let Conditions { old, most, .. } = *self.conditions;
        let mut verdict = guard::check(&zone, old, most, &self.config.guards);
        let faults = guard::check_faults(&self.faults, self.lines, &self.config.guards);
        verdict.refusals.extend(faults);
        self.finish(zone, Some(made_of), (acl, aclkey), verdict)
    }

    /// Opens the files of a source.
    fn open(&self, origin: &SourceOrigin) -> Result<Vec<OpenList>, BuildError> {
        let open = |path: &Path| OpenList::open(path).map_err(|e| BuildError::read(path, e));
        match origin {
            SourceOrigin::Files(paths) => paths.iter().map(|p| open(p)).collect(),
            SourceOrigin::Feed(feed) => Ok(vec![open(&self.conditions.fetched(feed)?)?]),
        }
    }

    /// Reads an access list.
    fn access(
        &mut self,
        path: Option<&Path>,
        kind: DatasetKind,
    ) -> Result<Option<Arc<Dataset>>, BuildError> {
        let Some(path) = path else { return Ok(None) };
        let file = OpenList::open(path).map_err(|e| BuildError::read(path, e))?;
        let dataset = self.read(&Format::Rbldnsd(kind), vec![file])?;
        self.faults.last().map_or(Ok(()), |faults| access_without_faults(path, faults))?;
        Ok(Some(dataset))
    }

    /// Reads the files of one data set.
    fn read(&mut self, format: &Format, files: Vec<OpenList>) -> Result<Arc<Dataset>, BuildError> {
        let options = ReadOptions {
            dialect: Dialect::Native,
            now: self.conditions.now,
            default_ttl: self.config.ttl,
            min_ttl: self.config.min_ttl,
            max_ttl: self.config.max_ttl,
            accept_host_bits: self.config.accept_host_bits,
            codes: self.config.return_codes.iter().map(|(code, _)| *code).collect(),
            trace: self.conditions.trace.clone(),
        };
        let inputs = files.iter().map(|file| self.input(file)).collect::<Result<Vec<_>, _>>()?;
        let Loaded { dataset, faults, lines, trace, .. } = match format {
            Format::Rbldnsd(kind) => format::rbldnsd::read(*kind, inputs, &options)?,
            Format::Table(table) => format::table::read(inputs, table, &options)?,
        };
        self.lines += lines;
        self.faults.push(faults);
        self.trace.extend(trace);
        self.open.extend(files);
        Ok(Arc::new(dataset))
    }

    /// A file as the formats take it.
    fn input<'f>(&self, file: &'f OpenList) -> Result<Input<'f>, BuildError>
    where
        'a: 'f,
    {
        let counted = Counted { file: file.file(), progress: self.conditions.progress };
        let reader = unpack(counted, self.conditions.max_unpacked)
            .map_err(|e| BuildError::read(file.path(), e))?;
        let name = Arc::from(file.path().display().to_string());
        Ok(Input { name, reader, modified: file.stamp().modified() })
    }

    /// Makes sure that what was read is whole.
    fn finish(
        self,
        zone: Zone,
        made_of: Option<Fingerprint>,
        (acl, aclkey): AccessLists,
        verdict: Verdict,
    ) -> Result<Built, BuildError> {
        if let Some(file) = self.open.iter().find(|f| !f.is_unchanged()) {
            return Err(BuildError::Changed { path: file.path().to_owned() });
        }
        let files = self.open.iter().map(|f| (f.path().to_owned(), f.stamp())).collect();
        let (own, now) = (self.config.soa.expire, self.conditions.now);
        let Reading { faults, trace, lines, .. } = self;
        let (issued, copy) = (Issued { serial: zone.serial(), made_of }, None);
        let Verdict { mut refusals, reach } = verdict;
        let expire = zone.soa().map_or(own, |soa| soa.expire);
        refusals.extend(guard::check_age(&zone, expire, now));
        Ok(Built { zone, acl, aclkey, faults, refusals, reach, trace, lines, files, issued, copy })
    }
}

/// A file that tells how much of it was read.
struct Counted<'a> {
    /// The file.
    file: &'a File,
    /// Whom to tell.
    progress: Option<&'a dyn Fn(u64)>,
}

impl Read for Counted<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.file.read(buffer)?;
        if let Some(progress) = self.progress {
            progress(n as u64);
        }
        Ok(n)
    }
}

/// What the zone engine is told.
fn spec(config: &ZoneConfig, datasets: Vec<Arc<Dataset>>, serial: u32) -> ZoneSpec {
    let soa = &config.soa;
    let said = |pick: fn(&Dataset) -> bool| datasets.iter().any(|d| pick(d));
    let from_files = !config.soa_is_given && said(|d| d.header().soa.is_some());
    let servers_from_files =
        config.name_servers.is_empty() && said(|d| d.header().name_servers.is_some());
    let servers = match &config.name_servers[..] {
        [] => vec![config.apex.clone()],
        servers => servers.to_vec(),
    };
    ZoneSpec {
        apex: config.apex.clone(),
        dialect: Dialect::Native,
        polarity: config.polarity,
        soa: (!from_files).then(|| Soa {
            ttl: soa.ttl,
            origin: soa.primary.clone(),
            person: soa.contact.clone(),
            serial: soa.serial.unwrap_or(0),
            refresh: soa.refresh,
            retry: soa.retry,
            expire: soa.expire,
            minimum: soa.negative_ttl,
        }),
        name_servers: (!servers_from_files).then_some((config.name_server_ttl, servers)),
        datasets,
        test_entries: config.test_entries,
        link: None,
        codes: config.return_codes.iter().map(|(code, _)| *code).collect(),
        serial,
    }
}

/// Bytes at the head of a snapshot in which its length and checksum are.
const HEAD: usize = 32;

/// Why there is no zone.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// An access list with faulty lines: without them it may let in whom it should not.
    #[error(
        "the access list {path} is not put in force while a line of it is faulty: {first}",
        path = path.display()
    )]
    Access {
        /// The file.
        path: PathBuf,
        /// The first fault, with its line.
        first: String,
    },
    /// A file was written while we read it.
    #[error("{path} changed while it was read", path = path.display())]
    Changed {
        /// The file.
        path: PathBuf,
    },
    /// Its text cannot be used at all.
    #[error(transparent)]
    Content(#[from] ReadError),
    /// The feed was never fetched.
    #[error("{url} was not fetched yet")]
    NotFetched {
        /// The feed.
        url: String,
    },
    /// A snapshot of another zone.
    #[error(
        "{path} is a snapshot of `{found}`: make it by `repute zone build --apex {apex}`, or call the \
         zone `{found}`",
        path = path.display()
    )]
    OtherZone {
        /// The snapshot.
        path: PathBuf,
        /// Its zone.
        found: Name,
        /// The zone it was to be.
        apex: Name,
    },
    /// A file that cannot be opened or read.
    #[error("cannot read {path}: {source}", path = path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A snapshot that cannot be used.
    #[error("{path}: {source}", path = path.display())]
    Snapshot {
        /// The snapshot.
        path: PathBuf,
        /// Why.
        source: SnapshotError,
    },
}

impl BuildError {
    /// Whether it may pass without a change of the files: what the system refuses today it may give
    /// tomorrow.
    pub(super) fn may_pass(&self) -> bool {
        match self {
            BuildError::Read { .. } | BuildError::Content(ReadError::Io { .. }) => true,
            BuildError::Access { .. }
            | BuildError::Changed { .. }
            | BuildError::Content(_)
            | BuildError::NotFetched { .. }
            | BuildError::OtherZone { .. }
            | BuildError::Snapshot { .. } => false,
        }
    }

    /// A file that cannot be read.
    fn read(path: &Path, source: io::Error) -> BuildError {
        BuildError::Read { path: path.to_owned(), source }
    }
}

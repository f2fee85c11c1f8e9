//! Ordinary zones from master files, and from lines of the configuration.
//!
//! A file is read when it was quiet for a while, whole, with all that it includes. One that has a fault is not served
//! in part: half a zone answers "there is no such name" for the other half. What was served stays then, and log and
//! status name each line. What becomes of a version that was read is its [`Outlet`]'s matter, which may keep it with
//! a journal of what changed, and then has something to answer from after a restart; the loader's own puts it before
//! queries.

use std::collections::{BTreeMap, HashMap};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use arc_swap::ArcSwap;
use repute_dnsxl::Name;
use repute_records::{Zone, lint, master};
use tracing::{info, warn};

use super::feed::unix_now;
use super::files::{OpenList, Stamp};
use super::recipe::Reading;
use super::schedule::Retry;
use super::settle::Settle;
use super::watch::Hint;
use crate::status::{StatusBoard, ZoneHealth, ZoneStatus};
use crate::zones::{Live, ZoneIndex, Zones};

/// An ordinary zone whose records are written by hand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MasterConfig {
    /// Its name.
    pub apex: Name,
    /// Where its records are.
    pub origin: MasterOrigin,
}

/// Where the records of an ordinary zone are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MasterOrigin {
    /// In a master file (RFC 1035 section 5).
    File(PathBuf),
    /// Here, as its lines.
    Lines(String),
}

/// What takes versions of ordinary zones as they are read.
pub trait Outlet: Send + Sync + std::fmt::Debug {
    /// Zones that are configured from now on, each with its number: until there is something to answer from, they
    /// fail (SERVFAIL), as they are ours. Of those that were kept the version that is answered from meanwhile is
    /// returned, each in the place of its zone.
    fn expect(&self, zones: Vec<(Name, ZoneIndex)>) -> Vec<Option<Arc<Zone>>>;

    /// Takes new versions of zones that it expects; tells for each what is not as it should be.
    fn take(&self, zones: Vec<Arc<Zone>>) -> Vec<Result<(), String>>;

    /// These zones are not configured any more.
    fn retire(&self, apexes: &[Name]);
}

/// Serves what it takes and keeps nothing.
#[derive(Debug)]
pub struct Direct {
    zones: Arc<ArcSwap<Zones>>,
    live: Mutex<HashMap<Name, (ZoneIndex, Live)>>,
}

impl Direct {
    /// Puts zones here.
    pub fn new(zones: Arc<ArcSwap<Zones>>) -> Direct {
        Direct { zones, live: Mutex::default() }
    }

    /// Where queries read a zone that it expects.
    pub fn live(&self, apex: &Name) -> Option<Live> {
        let live = self.live.lock().unwrap_or_else(PoisonError::into_inner);
        live.get(apex).map(|(_, slot)| Arc::clone(slot))
    }
}

impl Outlet for Direct {
    fn expect(&self, zones: Vec<(Name, ZoneIndex)>) -> Vec<Option<Arc<Zone>>> {
        let mut live = self.live.lock().unwrap_or_else(PoisonError::into_inner);
        let new: Vec<(Name, ZoneIndex, Live)> =
            zones.into_iter().map(|(apex, index)| (apex, index, Live::default())).collect();
        live.extend(
            new.iter().map(|(apex, index, slot)| (apex.clone(), (*index, Arc::clone(slot)))),
        );
        self.zones.rcu(|zones| zones.with_records(new.iter().cloned()));
        new.iter().map(|_| None).collect()
    }

    fn take(&self, zones: Vec<Arc<Zone>>) -> Vec<Result<(), String>> {
        let live = self.live.lock().unwrap_or_else(PoisonError::into_inner);
        let take = |zone: Arc<Zone>| match live.get(zone.apex()) {
            Some((_, slot)) => {
                slot.store(Some(zone));
                Ok(())
            }
            None => Err(NOT_EXPECTED.to_owned()),
        };
        zones.into_iter().map(take).collect()
    }

    fn retire(&self, apexes: &[Name]) {
        let mut live = self.live.lock().unwrap_or_else(PoisonError::into_inner);
        let gone: Vec<(Name, ZoneIndex)> =
            apexes.iter().filter_map(|apex| Some((apex.clone(), live.remove(apex)?.0))).collect();
        self.zones.rcu(|zones| {
            // By now somebody else may have a zone of that name.
            let ours = |(apex, index): &&(Name, ZoneIndex)| zones.index(apex) == Some(*index);
            zones.without_all(&gone.iter().filter(ours).map(|(apex, _)| apex.clone()).collect())
        });
    }
}

/// All of them.
#[derive(Debug)]
pub(super) struct Masters {
    masters: Vec<Master>,
    outlet: Arc<dyn Outlet>,
    board: Arc<StatusBoard>,
}

/// One of them.
#[derive(Debug)]
struct Master {
    config: MasterConfig,
    reading: Reading,
    settle: Settle,
    /// Files that it includes, as they were when it was read.
    included: Vec<PathBuf>,
    /// Its files as they were when they were looked at last.
    seen: BTreeMap<PathBuf, Option<Stamp>>,
    /// The same when it was read.
    read: BTreeMap<PathBuf, Option<Stamp>>,
    forced: bool,
    retry: Retry,
    /// What was read last and taken.
    zone: Option<Arc<Zone>>,
    status: ZoneStatus,
}

impl Masters {
    /// None yet.
    pub(super) fn new(outlet: Arc<dyn Outlet>, board: Arc<StatusBoard>) -> Masters {
        Masters { masters: Vec::new(), outlet, board }
    }

    /// Takes over a configuration; returns the zones that went. Nothing is read yet.
    pub(super) fn configure(
        &mut self,
        configs: Vec<MasterConfig>,
        reading: Reading,
        now: Instant,
    ) -> Vec<Name> {
        let mut known: HashMap<Name, Master> =
            self.masters.drain(..).map(|master| (master.config.apex.clone(), master)).collect();
        let mut new = Vec::new();
        for config in configs {
            let master = match known.remove(&config.apex) {
                Some(mut master) => {
                    master.configure(config, reading, now);
                    master
                }
                None => {
                    let index = self.board.claim(&config.apex);
                    new.push((config.apex.clone(), index));
                    Master::new(index, config, reading)
                }
            };
            self.masters.push(master);
        }
        let gone: Vec<Name> = known.keys().cloned().collect();
        if !gone.is_empty() {
            self.outlet.retire(&gone);
        }
        if !new.is_empty() {
            let names: Vec<Name> = new.iter().map(|(apex, _)| apex.clone()).collect();
            let kept = self.outlet.expect(new).into_iter();
            let mut kept: HashMap<Name, Arc<Zone>> = names
                .into_iter()
                .zip(kept)
                .filter_map(|(apex, zone)| Some((apex, zone?)))
                .collect();
            for master in &mut self.masters {
                if let Some(zone) = kept.remove(&master.config.apex) {
                    master.is_kept(zone);
                }
            }
        }
        for master in known.values() {
            info!(zone = %master.apex(), "`{}` is no longer served", master.apex());
            self.board.forget(master.status.index);
        }
        gone
    }

    /// How long their files must be left alone yet, before the first start.
    pub(super) fn unsettled(&self, now: SystemTime) -> Duration {
        self.masters.iter().map(|master| master.unsettled(now)).max().unwrap_or_default()
    }

    /// Reads all of them for the first time.
    pub(super) fn first_load(&mut self, now: Instant) {
        self.look(now);
        let all: Vec<usize> = (0..self.masters.len()).collect();
        self.load(&all, now);
    }

    /// The files that are watched.
    pub(super) fn files(&self) -> impl Iterator<Item = &Path> {
        self.masters.iter().flat_map(Master::files)
    }

    /// When something is due next.
    pub(super) fn due(&self) -> Option<Instant> {
        self.masters.iter().filter_map(|master| master.settle.due().or(master.retry.due())).min()
    }

    /// Takes what the kernel tells of a file.
    pub(super) fn told(&mut self, path: &Path, hint: &Hint, now: Instant) {
        for master in
            self.masters.iter_mut().filter(|master| master.files().any(|file| file == path))
        {
            match hint {
                Hint::Writing(path) => master.settle.writing(path.clone(), now),
                Hint::Closed(path) | Hint::Moved(path) => master.settle.closed(path, now),
                Hint::Lost => {}
            }
            master.look(now);
        }
    }

    /// Looks at all files.
    pub(super) fn look(&mut self, now: Instant) {
        self.masters.iter_mut().for_each(|master| master.look(now));
    }

    /// Has a zone or all read again, even if no file changed; their names.
    pub(super) fn force(&mut self, zone: Option<&Name>, now: Instant) -> Vec<Name> {
        let wanted =
            self.masters.iter_mut().filter(|master| zone.is_none_or(|zone| master.apex() == zone));
        let mut names = Vec::new();
        for master in wanted {
            master.forced = true;
            master.settle.disturb(now);
            names.push(master.apex().clone());
        }
        names
    }

    /// Reads what is due; whether there are other files to be watched now.
    pub(super) fn work(&mut self, now: Instant) -> bool {
        let due: Vec<usize> =
            (0..self.masters.len()).filter(|at| self.masters[*at].is_due(now)).collect();
        let included = |masters: &Masters| -> Vec<Vec<PathBuf>> {
            due.iter().filter_map(|at| Some(masters.masters.get(*at)?.included.clone())).collect()
        };
        let before = included(self);
        if !due.is_empty() {
            self.load(&due, now);
        }
        included(self) != before
    }

    /// What is told of each: its name, whether it still waits to be read, and its status.
    pub(super) fn each(&self) -> impl Iterator<Item = (&Name, bool, &ZoneStatus)> {
        self.masters
            .iter()
            .map(|master| (master.apex(), master.settle.due().is_some(), &master.status))
    }

    /// Reads some of them, and hands on all that are good at once: of ten thousand zones each step that touches all
    /// that is served is done once.
    fn load(&mut self, which: &[usize], now: Instant) {
        let (mut places, mut zones) = (Vec::new(), Vec::new());
        for &at in which {
            let Some(master) = self.masters.get_mut(at) else { continue };
            if let Some(zone) = master.load(now) {
                places.push(at);
                zones.push(zone);
            }
        }
        let taken = zones.clone();
        let results = if zones.is_empty() { Vec::new() } else { self.outlet.take(zones) };
        for ((at, zone), result) in places.into_iter().zip(taken).zip(results) {
            if let Some(master) = self.masters.get_mut(at) {
                master.taken(zone, result);
            }
        }
        for master in which.iter().filter_map(|at| self.masters.get(*at)) {
            self.board.report(master.status.clone());
        }
    }
}

impl Master {
    /// One of which nothing was read yet.
    fn new(index: ZoneIndex, config: MasterConfig, reading: Reading) -> Master {
        Master {
            status: ZoneStatus::loading(config.apex.clone(), index),
            config,
            reading,
            settle: reading.settle(),
            included: Vec::new(),
            seen: BTreeMap::new(),
            read: BTreeMap::new(),
            // Lines of a configuration never change by themselves.
            forced: true,
            retry: Retry::default(),
            zone: None,
        }
    }

    fn apex(&self) -> &Name {
        &self.config.apex
    }

    /// Takes over what the configuration says of it now.
    fn configure(&mut self, config: MasterConfig, reading: Reading, now: Instant) {
        if self.reading != reading {
            (self.reading, self.settle) = (reading, reading.settle());
        }
        if self.config != config {
            self.config = config;
            self.included.clear();
            self.seen.clear();
            self.forced = true;
            self.settle.disturb(now);
        }
    }

    /// A version from before the start is answered from, until it is read.
    fn is_kept(&mut self, zone: Arc<Zone>) {
        self.status.health = ZoneHealth::Stale;
        self.status.entries = zone.len() as u64;
        self.status.serial = zone.serial();
        self.zone = Some(zone);
    }

    /// Its file and those that it includes.
    fn files(&self) -> impl Iterator<Item = &Path> {
        let own = match &self.config.origin {
            MasterOrigin::File(path) => Some(path.as_path()),
            MasterOrigin::Lines(_) => None,
        };
        own.into_iter().chain(self.included.iter().map(PathBuf::as_path))
    }

    fn unsettled(&self, now: SystemTime) -> Duration {
        let stamps = self.files().filter_map(|file| Stamp::of(file).ok());
        stamps
            .map(|stamp| self.reading.settle.saturating_sub(stamp.distance(now)))
            .max()
            .unwrap_or_default()
    }

    fn look(&mut self, now: Instant) {
        let stamps: BTreeMap<_, _> =
            self.files().map(|file| (file.to_owned(), Stamp::of(file).ok())).collect();
        if stamps != self.seen {
            self.seen = stamps;
            self.settle.disturb(now);
        }
    }

    fn is_due(&self, now: Instant) -> bool {
        match self.settle.due() {
            Some(due) => due <= now,
            None => self.retry.due().is_some_and(|due| due <= now),
        }
    }

    /// Reads it, if it is another one than before; what is good is returned.
    fn load(&mut self, now: Instant) -> Option<Arc<Zone>> {
        self.settle.rest();
        self.look(now);
        // Its files changed while they were waited for: the wait begins anew. At the start there was none.
        if self.settle.due().is_some() && !self.read.is_empty() {
            return None;
        }
        self.settle.rest();
        if self.seen == self.read && !self.forced && self.retry.due().is_none() {
            return None;
        }
        let read = read(&self.config, self.reading.max_unpacked);
        let known = std::mem::take(&mut self.forced);
        match read {
            Ok(read) if read.is_changing => {
                info!(zone = %self.apex(), "a file of `{}` is being written: waiting", self.apex());
                self.settle.disturb(now);
                self.forced = known;
                None
            }
            Ok(read) => {
                self.retry.over();
                self.included.clone_from(&read.included);
                self.seen =
                    self.files().map(|file| (file.to_owned(), Stamp::of(file).ok())).collect();
                self.read.clone_from(&self.seen);
                self.judge(read)
            }
            Err(error) => {
                self.read.clone_from(&self.seen);
                self.retry.failed(now, self.reading.patience);
                self.refuse(&error.to_string(), 1);
                None
            }
        }
    }

    /// Decides whether what was read may be served.
    fn judge(&mut self, read: ReadMaster) -> Option<Arc<Zone>> {
        let ReadMaster { zone, faults, warnings, modified, .. } = read;
        self.status.faults = faults.len() as u64;
        self.status.warnings = warnings.len() as u64;
        if let Some(first) = faults.first() {
            for fault in faults.iter().skip(1).take(LOGGED) {
                warn!(zone = %self.apex(), "{fault}");
            }
            self.refuse(first, faults.len());
            return None;
        }
        let zone = match zone {
            Ok(zone) => zone,
            Err(why) => {
                self.refuse(&why, 1);
                return None;
            }
        };
        for warning in warnings.iter().take(LOGGED) {
            warn!(zone = %self.apex(), "{warning}");
        }
        self.status.source_modified = modified;
        Some(Arc::new(zone))
    }

    /// Its version was taken, or is served with something to say of it.
    fn taken(&mut self, zone: Arc<Zone>, result: Result<(), String>) {
        let moved = self.zone.as_ref().and_then(|before| lint::serial(before, &zone));
        let problem = result.err().or(moved.map(|finding| finding.message));
        if let Some(problem) = &problem {
            warn!(zone = %self.apex(), "`{}`: {problem}", self.apex());
        }
        let status = ZoneStatus {
            health: ZoneHealth::Serving,
            entries: zone.len() as u64,
            serial: zone.serial(),
            loaded_at: u32::try_from(unix_now()).ok(),
            reloads_ok: self.status.reloads_ok + 1,
            warnings: self.status.warnings + u64::from(problem.is_some()),
            last_error: problem,
            ..self.status.clone()
        };
        info!(
            zone = %self.apex(), serial = zone.serial(), records = zone.len(),
            "serving `{}` with {} records, serial {}", self.apex(), zone.len(), zone.serial()
        );
        self.status = status;
        self.zone = Some(zone);
    }

    /// Goes on with what is served, if there is something.
    fn refuse(&mut self, why: &str, count: usize) {
        let more = if count > 1 { format!(", and {} more", count - 1) } else { String::new() };
        let served = self.zone.as_ref().map(|zone| format!("; serial {} is served", zone.serial()));
        let why = format!("{why}{more}{}", served.unwrap_or_default());
        if self.status.last_error.as_ref() != Some(&why) {
            warn!(zone = %self.apex(), "`{}` is not loaded: {why}", self.apex());
        }
        self.status.reloads_failed += 1;
        self.status.health =
            if self.zone.is_some() { ZoneHealth::Stale } else { ZoneHealth::Failed };
        self.status.last_error = Some(why);
    }
}

/// What a zone's files say.
#[derive(Debug)]
pub struct ReadMaster {
    /// The zone, if there is one to be made of what could be read.
    pub zone: Result<Zone, String>,
    /// Faulty lines, each with its file.
    pub faults: Vec<String>,
    /// What is left out, though it is no fault.
    pub warnings: Vec<String>,
    /// Files that were included.
    pub included: Vec<PathBuf>,
    /// When the newest of all was last modified, in Unix seconds.
    pub modified: Option<u32>,
    /// Whether somebody wrote to one while it was read.
    is_changing: bool,
}

/// Reads a zone's files as they are now.
///
/// # Errors
/// If its own file cannot be read.
pub fn read(config: &MasterConfig, most: u64) -> Result<ReadMaster, MasterError> {
    let mut open = Vec::new();
    let (text, shown, folder) = match &config.origin {
        MasterOrigin::File(path) => {
            let text = whole(path, most, &mut open)
                .map_err(|source| MasterError { path: path.clone(), source })?;
            (text, path.display().to_string(), path.parent().unwrap_or(Path::new("")).to_owned())
        }
        MasterOrigin::Lines(lines) => {
            (lines.clone().into_bytes(), "records".to_owned(), PathBuf::new())
        }
    };
    let is_file = matches!(config.origin, MasterOrigin::File(_));
    let mut include = |name: &str| match is_file {
        true => whole(&folder.join(name), most, &mut open).map_err(|error| error.to_string()),
        false => Err("records of a configuration include nothing: name a `file`".to_owned()),
    };
    let reading = master::read(&config.apex, &text, &mut include);
    let place = |file: Option<&str>, line: usize| match file {
        Some(file) => format!("{}:{line}", folder.join(file).display()),
        None => format!("{shown}:{line}"),
    };
    let faults = reading.faults.iter();
    let faults = faults
        .map(|fault| format!("{}: {}", place(fault.file.as_deref(), fault.line), fault.message));
    let faults = faults.collect();
    let records = reading.records.into_iter().map(|placed| placed.record);
    let (zone, warnings) = match Zone::new(config.apex.clone(), records) {
        Ok((zone, unfit)) => {
            (Ok(zone), unfit.iter().map(|fault| format!("left out: {fault}")).collect())
        }
        Err(fault) => (Err(format!("{shown}: {fault}")), Vec::new()),
    };
    let included = reading.included.iter().map(|name| folder.join(name)).collect();
    let modified = open.iter().map(|file| file.stamp().modified()).max();
    let is_changing = !open.iter().all(OpenList::is_unchanged);
    Ok(ReadMaster { zone, faults, warnings, included, modified, is_changing })
}

/// Reads a file that has at most so many bytes.
fn whole(path: &Path, most: u64, open: &mut Vec<OpenList>) -> std::io::Result<Vec<u8>> {
    let list = OpenList::open(path)?;
    let mut text = Vec::new();
    let read = list.file().take(most.saturating_add(1)).read_to_end(&mut text)?;
    if read as u64 > most {
        let why = format!("it is larger than {most} bytes: raise `loader.max-unpacked`");
        return Err(std::io::Error::other(why));
    }
    open.push(list);
    Ok(text)
}

/// A master file that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("cannot read {path}: {source}", path = path.display())]
pub struct MasterError {
    /// The file.
    path: PathBuf,
    /// Why.
    source: std::io::Error,
}

/// What is said of a zone that went while it was read.
pub const NOT_EXPECTED: &str = "it is not configured any more";
/// How many faulty lines of a file are logged.
const LOGGED: usize = 20;

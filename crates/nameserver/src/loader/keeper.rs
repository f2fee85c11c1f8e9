//! One zone that is kept fresh: what is served, what its files were, what went wrong last.
//!
//! A keeper decides; the loader around it waits, and carries out. Whatever goes wrong, what is served
//! stays, until it was not confirmed for the SOA's expire time.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use repute_dnsxl::Name;
use repute_zone::guard::Reach;
use repute_zone::{Faults, Zone, snapshot};
use tracing::{info, warn};

use super::build::{AccessLists, BuildError, Built, Conditions, access_lists, build, open_own};
use super::config::{Content, FeedConfig, LoaderConfig, SnapshotOrigin, SourceOrigin, ZoneConfig};
use super::feed::{Candidate, FeedError, Fetched, unix_now};
use super::files::Stamp;
use super::schedule::Retry;
use super::serial::{Issued, is_later};
use super::settle::Settle;
use super::spool::{Draft, Spool, replace_file};
use super::subscription::{Feed, feeds_of};
use crate::status::{ZoneHealth, ZoneStatus};
use crate::zones::{Serving, ZoneIndex};

/// One zone that is kept fresh.
pub(super) struct Keeper {
    /// The number by which its queries are counted.
    pub(super) index: ZoneIndex,
    /// What it is made of.
    pub(super) config: Arc<ZoneConfig>,
    /// Its feeds.
    pub(super) feeds: Vec<Feed>,
    /// Whether its files are at rest.
    pub(super) settle: Settle,
    /// What is served, if anything.
    served: Option<Arc<Zone>>,
    /// What is served and not kept on disk yet.
    unkept: Option<Unkept>,
    /// The most that was served.
    most: Reach,
    /// Its files when they were last read, or tried.
    read: BTreeMap<PathBuf, Option<Stamp>>,
    /// Its files when they were last looked at.
    seen: BTreeMap<PathBuf, Option<Stamp>>,
    /// Whether it is to be built even if no file changed.
    forced: bool,
    /// When files that could not be read are tried again.
    retry: Retry,
    /// The last failure to build that was told, so that it is not told again at each try.
    told: Option<String>,
    /// When what is served was last known to be what its sources say, in Unix seconds.
    confirmed: u64,
    /// What is told about it.
    status: ZoneStatus,
    /// Its last serial, from before the start too.
    issued: Option<Issued>,
    /// Where last good copies lie.
    spool: Arc<Spool>,
    /// How lists are read.
    reading: Reading,
}

/// How lists are read, whatever zone they belong to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reading {
    /// How long a file must be quiet before.
    pub(super) settle: Duration,
    /// How long, if somebody does not close it.
    pub(super) patience: Duration,
    /// How many bytes a compressed list may unpack to.
    pub(super) max_unpacked: u64,
}

impl Reading {
    /// What the configuration says of it.
    pub(super) fn of(config: &LoaderConfig) -> Reading {
        let LoaderConfig { settle, check_interval, max_unpacked, .. } = *config;
        Reading { settle, patience: check_interval, max_unpacked }
    }

    /// Files at rest that are to be read so.
    pub(super) fn settle(&self) -> Settle {
        Settle::new(self.settle, self.patience)
    }
}

/// What will be the last good zone once it is on the disk.
enum Unkept {
    /// A zone built from lists.
    Built(Arc<Zone>),
    /// The copy of a snapshot, which lies beside its place.
    Copied(Draft),
}

/// What is to be served after a step.
#[derive(Debug)]
pub(super) enum Step {
    /// What was served before.
    Same,
    /// This.
    Serve(Box<Served>),
    /// Nothing: SERVFAIL.
    Fail,
}

/// A zone to be served, with who may ask it.
#[derive(Debug)]
pub(super) struct Served {
    /// The zone.
    pub(super) zone: Arc<Zone>,
    /// Who may ask it, and how it answers.
    pub(super) serving: Serving,
}

impl Keeper {
    /// Takes on a zone.
    pub(super) fn new(
        index: ZoneIndex,
        config: ZoneConfig,
        reading: Reading,
        spool: Arc<Spool>,
        now: Instant,
    ) -> Keeper {
        Keeper {
            index,
            feeds: feeds_of(&config)
                .into_iter()
                .map(|feed| Feed::new(feed.clone(), &spool, now))
                .collect(),
            settle: reading.settle(),
            served: None,
            unkept: None,
            most: Reach::default(),
            read: BTreeMap::new(),
            seen: BTreeMap::new(),
            forced: false,
            retry: Retry::default(),
            told: None,
            confirmed: 0,
            status: ZoneStatus::loading(config.apex.clone(), index),
            issued: Issued::read(&spool.serial(&config.apex)).or_else(|| {
                // Without a note the last good zone is what is known.
                let serial = open_own(&spool.zone(&config.apex)).ok()?.serial();
                Some(Issued { serial, made_of: None })
            }),
            config: Arc::new(config),
            spool,
            reading,
        }
    }

    /// Takes over what the configuration says of the zone now. What is served stays until the zone is
    /// built anew.
    pub(super) fn configure(&mut self, config: ZoneConfig, reading: Reading, now: Instant) {
        if self.reading != reading {
            (self.reading, self.settle) = (reading, reading.settle());
        }
        if *self.config == config {
            return;
        }
        let mut before = std::mem::take(&mut self.feeds);
        for feed in feeds_of(&config) {
            let same = before.iter().position(|known| known.config == *feed);
            self.feeds.push(match same {
                Some(at) => before.swap_remove(at),
                None => Feed::new(feed.clone(), &self.spool, now),
            });
        }
        // What was wrong, was wrong with other sources.
        self.status.last_error = None;
        self.config = Arc::new(config);
        self.seen.clear();
        self.look(now);
        self.force(now);
    }

    /// What is told about the zone.
    pub(super) fn status(&self) -> &ZoneStatus {
        &self.status
    }

    /// The files that are watched: lists and access lists, not the copies of feeds.
    pub(super) fn files(&self) -> Vec<&Path> {
        let mut files = Vec::new();
        match &self.config.content {
            Content::Snapshot(SnapshotOrigin::File(path)) => files.push(path.as_path()),
            Content::Snapshot(SnapshotOrigin::Feed(_)) => {}
            Content::Lists(sources) => {
                for source in sources {
                    match &source.origin {
                        SourceOrigin::Files(paths) => {
                            files.extend(paths.iter().map(PathBuf::as_path));
                        }
                        SourceOrigin::Feed(_) => {}
                    }
                }
            }
        }
        files.extend(self.config.acl.as_deref());
        files.extend(self.config.aclkey.as_deref());
        files
    }

    /// Looks at the files; if they are not as they were when looked at last, the wait begins anew.
    pub(super) fn look(&mut self, now: Instant) {
        let stamps: BTreeMap<_, _> =
            self.files().into_iter().map(|f| (f.to_owned(), Stamp::of(f).ok())).collect();
        if stamps != self.seen {
            self.seen = stamps;
            self.settle.disturb(now);
        }
    }

    /// How long its files must be left alone yet, as somebody may be writing to them. Nobody has told
    /// us before the start, but who writes leaves the time of it.
    pub(super) fn unsettled(&self, now: SystemTime) -> Duration {
        let stamps = self.files().into_iter().filter_map(|file| Stamp::of(file).ok());
        let rests = stamps.map(|stamp| self.reading.settle.saturating_sub(stamp.distance(now)));
        rests.max().unwrap_or_default()
    }

    /// Has the zone built anew even if no file changed, and its feeds fetched.
    pub(super) fn force(&mut self, now: Instant) {
        self.forced = true;
        self.settle.disturb(now);
        for feed in &mut self.feeds {
            feed.hurry(now);
        }
    }

    /// The wait is over: builds the zone, if its files are still as they were when it began and not
    /// as they were when they were read.
    pub(super) fn settled(&mut self, now: Instant) -> Step {
        self.settle.rest();
        self.look(now);
        if self.settle.due().is_some() {
            return Step::Same;
        }
        if self.seen == self.read && !self.forced {
            return self.confirm(unix_now());
        }
        self.load(now)
    }

    /// When files that could not be read are tried again, unless they change before.
    pub(super) fn retry(&self) -> Option<Instant> {
        if self.settle.due().is_some() { None } else { self.retry.due() }
    }

    /// Builds the zone from the files as they are.
    pub(super) fn load(&mut self, now: Instant) -> Step {
        let built = self.build(&|feed| self.spool.feed(&feed.url));
        if let Err(BuildError::Changed { path }) = &built {
            info!(zone = %self.config.apex, "{} is being written: waiting", path.display());
            self.settle.disturb(now);
            return Step::Same;
        }
        if let Err(BuildError::Snapshot { path, .. }) = &built
            && let Some(feed) = self.feeds.iter_mut().find(|feed| feed.place == *path)
        {
            feed.fetch_anew(now);
        }
        match &built {
            Err(error) if error.may_pass() => self.retry.failed(now, self.reading.patience),
            Ok(_) | Err(_) => self.retry.over(),
        }
        self.settle.rest();
        if std::mem::take(&mut self.forced) {
            // Whoever asked wants to be told.
            self.told = None;
        }
        self.read.clone_from(&self.seen);
        self.judge(built, unix_now())
    }

    /// Takes what a fetch found.
    pub(super) fn fetched(
        &mut self,
        url: &str,
        result: Result<Fetched, FeedError>,
        now: Instant,
        chance: u64,
    ) -> Step {
        let zone = self.config.apex.clone();
        // A feed that was taken out of the configuration is of no use.
        let Some(feed) = self.feeds.iter_mut().find(|f| f.config.url == url) else {
            return Step::Same;
        };
        let step = match result {
            Ok(Fetched::Unchanged) => {
                feed.succeeded();
                // It confirms what is served; what failed before, for whatever reason, is tried again.
                let well = self.served.is_some() && self.status.last_error.is_none();
                if well { self.confirm(unix_now()) } else { self.load(now) }
            }
            Ok(Fetched::Changed(candidate)) => {
                let path = candidate.path().to_owned();
                let built = self.build(&|other| {
                    if other.url == url { path.clone() } else { self.spool.feed(&other.url) }
                });
                self.accept(url, built, candidate)
            }
            Err(error) => {
                feed.failed();
                warn!(%zone, "cannot fetch {url}: {error}");
                self.refuse(format!("{url}: {error}"))
            }
        };
        if let Some(feed) = self.feeds.iter_mut().find(|f| f.config.url == url) {
            feed.pause(now, chance);
        }
        step
    }

    /// Serves a zone built from a fetched candidate, which then becomes the last good copy.
    fn accept(
        &mut self,
        url: &str,
        built: Result<Built, BuildError>,
        candidate: Candidate,
    ) -> Step {
        let good = matches!(&built, Ok(built) if built.refusals.is_empty());
        let Some(feed) = self.feeds.iter_mut().find(|f| f.config.url == url) else {
            return Step::Same;
        };
        if good {
            feed.succeeded();
            if let Err(error) = candidate.accept() {
                warn!(zone = %self.config.apex, "cannot keep a copy of {url}: {error}");
            }
        } else {
            feed.failed();
        }
        self.judge(built, unix_now())
    }

    /// Reads the access lists alone.
    fn access(&self) -> Result<AccessLists, BuildError> {
        let feed = |feed: &FeedConfig| self.spool.feed(&feed.url);
        access_lists(&self.config, &self.conditions(&feed))
    }

    /// What a build needs.
    fn conditions<'a>(&'a self, feed: &'a dyn Fn(&FeedConfig) -> PathBuf) -> Conditions<'a> {
        Conditions {
            now: u32::try_from(unix_now()).unwrap_or(u32::MAX),
            max_unpacked: self.reading.max_unpacked,
            trace: None,
            feed,
            old: self.served.as_deref(),
            last_serial: self.issued,
            copies: Some(&self.spool),
            most: self.most,
            progress: None,
        }
    }

    /// Builds the zone, with feeds from where they are said to be.
    fn build(&self, feed: &dyn Fn(&FeedConfig) -> PathBuf) -> Result<Built, BuildError> {
        build(&self.config, &self.conditions(feed))
    }

    /// Decides what becomes of a build.
    fn judge(&mut self, built: Result<Built, BuildError>, now: u64) -> Step {
        let built = match built {
            Ok(built) => built,
            Err(BuildError::NotFetched { url }) if self.status.last_error.is_none() => {
                info!(zone = %self.config.apex, "waiting for {url}");
                return self.fall_back();
            }
            Err(error) => {
                let why = error.to_string();
                if self.told.as_ref() != Some(&why) {
                    warn!(zone = %self.config.apex, "`{}` is not loaded: {why}", self.config.apex);
                    self.told = Some(why.clone());
                }
                return self.refuse(why);
            }
        };
        self.report_faults(&built);
        if let Some(address) = built.zone.covers_never_listed() {
            warn!(
                zone = %self.config.apex,
                "`{}` covers {address}, which is left out (RFC 5782 section 5)", self.config.apex
            );
        }
        if !built.refusals.is_empty() {
            let why: Vec<_> = built.refusals.iter().map(ToString::to_string).collect();
            let why = why.join("; ");
            warn!(zone = %self.config.apex, "`{}` is refused: {why}", self.config.apex);
            self.status.faults = built.fault_count();
            return self.refuse(why);
        }
        let expire = u64::from(self.soa_expire(&built.zone));
        if let Some(stamp) = built.zone.expires()
            && u64::from(stamp) + expire < now
        {
            let why =
                format!("its $TIMESTAMP ended more than the SOA's expire time, {expire} s, ago");
            warn!(zone = %self.config.apex, "`{}` is refused: {why}", self.config.apex);
            return self.refuse(why);
        }
        self.serve(built, now)
    }

    /// Serves a good build, and keeps it.
    fn serve(&mut self, built: Built, now: u64) -> Step {
        self.told = None;
        let faults = built.fault_count();
        let source_modified = built.modified();
        let Built { zone, acl, aclkey, reach, issued, copy, .. } = built;
        self.most = self.most.max(reach);
        self.issue(issued);
        let zone = Arc::new(zone);
        self.status = ZoneStatus {
            health: ZoneHealth::Serving,
            entries: zone.entries(),
            serial: zone.serial(),
            loaded_at: u32::try_from(now).ok(),
            source_modified,
            image_bytes: zone.image_bytes() as u64,
            reloads_ok: self.status.reloads_ok + 1,
            faults,
            last_error: None,
            ..self.status.clone()
        };
        info!(
            zone = %self.config.apex, serial = zone.serial(), entries = zone.entries(), faults,
            "serving `{}` with {} entries, serial {}", self.config.apex, zone.entries(), zone.serial()
        );
        self.served = Some(Arc::clone(&zone));
        self.confirmed = self.confirmed_by_feeds(now);
        self.unkept = match (&self.config.content, copy) {
            _ if !self.config.keep_last_good => None,
            (Content::Lists(_), _) => Some(Unkept::Built(Arc::clone(&zone))),
            (Content::Snapshot(_), copy) => copy.map(Unkept::Copied),
        };
        Step::Serve(Box::new(Served { zone, serving: self.serving((acl, aclkey)) }))
    }

    /// Writes what is served to the disk as the last good zone, if that was not done yet. It takes a
    /// while, so it comes after the zone is served.
    pub(super) fn keep(&mut self) {
        let place = self.spool.zone(&self.config.apex);
        let kept = match self.unkept.take() {
            None => Ok(()),
            Some(Unkept::Built(zone)) => replace_file(&place, |out| snapshot::encode(&zone, out)),
            Some(Unkept::Copied(copy)) => copy.accept(),
        };
        if let Err(error) = kept {
            warn!(zone = %self.config.apex, "cannot keep {}: {error}", place.display());
        }
    }

    /// Writes the serial down before anybody sees it, so that no restart goes behind it.
    fn issue(&mut self, issued: Issued) {
        let apex = &self.config.apex;
        if let Some(last) = self.issued
            && is_later(last.serial, issued.serial)
        {
            // Only a serial that somebody wrote down can go back, and he may want just that.
            warn!(
                zone = %apex, "the serial of `{apex}` goes back from {} to {}: secondaries and \
                 mirrors do not follow (RFC 1982)", last.serial, issued.serial
            );
        }
        if self.issued == Some(issued) {
            return;
        }
        let place = self.spool.serial(apex);
        if let Err(error) = issued.write(&place) {
            warn!(zone = %apex, "cannot keep {}: {error}", place.display());
        }
        self.issued = Some(issued);
    }

    /// How the zone is served, apart from its data.
    fn serving(&self, (acl, key_acl): AccessLists) -> Serving {
        let name_servers_in_answers = self.config.name_servers_in_answers;
        Serving { acl, key_acl, name_servers_in_answers }
    }

    /// Notes a failure; what is served stays, or the last good zone comes from the disk.
    fn refuse(&mut self, why: String) -> Step {
        self.status.reloads_failed += 1;
        self.status.last_error = Some(why);
        if self.served.is_none() {
            return self.fall_back();
        }
        self.status.health = ZoneHealth::Stale;
        Step::Same
    }

    /// Serves the last good zone from before the start, if there is one that may still be served.
    pub(super) fn fall_back(&mut self) -> Step {
        let place = self.spool.zone(&self.config.apex);
        let written = match Stamp::of(&place) {
            Ok(stamp) if self.config.keep_last_good => stamp.modified(),
            Ok(_) | Err(_) => return self.nothing(),
        };
        let zone = match open_own(&place) {
            Ok(zone) if *zone.apex() == self.config.apex => zone,
            Ok(_) => return self.nothing(),
            Err(error) => {
                warn!(zone = %self.config.apex, "the last good zone cannot be used: {error}");
                return self.nothing();
            }
        };
        let expire = u64::from(self.soa_expire(&zone));
        if u64::from(written) + expire < unix_now() {
            warn!(zone = %self.config.apex, "the last good zone is older than the SOA's expire time");
            return self.nothing();
        }
        // Without its access lists a zone would answer clients it must not answer.
        let access = match self.access() {
            Ok(lists) => lists,
            Err(error) => {
                warn!(zone = %self.config.apex, "the last good zone is not served: {error}");
                return self.nothing();
            }
        };
        warn!(zone = %self.config.apex, "serving the last good `{}` from before the start", self.config.apex);
        self.status.health = ZoneHealth::Stale;
        self.status.entries = zone.entries();
        self.status.serial = zone.serial();
        self.status.image_bytes = zone.image_bytes() as u64;
        self.status.source_modified = Some(written);
        self.confirmed = written.into();
        let zone = Arc::new(zone);
        self.served = Some(Arc::clone(&zone));
        Step::Serve(Box::new(Served { zone, serving: self.serving(access) }))
    }

    /// There is nothing to serve.
    fn nothing(&mut self) -> Step {
        self.status.health =
            if self.status.last_error.is_some() { ZoneHealth::Failed } else { ZoneHealth::Loading };
        Step::Fail
    }

    /// What is served is what the sources say now.
    pub(super) fn confirm(&mut self, now: u64) -> Step {
        if self.status.last_error.is_none() && self.served.is_some() {
            self.confirmed = self.confirmed_by_feeds(now);
        }
        Step::Same
    }

    /// Whether what is served is too old to be served any longer; then it is dropped.
    pub(super) fn expire(&mut self, now: u64) -> Step {
        let Some(zone) = &self.served else { return Step::Same };
        let expire = u64::from(self.soa_expire(zone));
        // `$TIMESTAMP` says until when the data are good; from then on they are stale.
        let good_until = zone.expires().map_or(self.confirmed, |e| self.confirmed.min(e.into()));
        if good_until + expire >= now {
            return Step::Same;
        }
        warn!(zone = %self.config.apex, "`{}` could not be refreshed for {expire} s and is no longer served", self.config.apex);
        self.served = None;
        self.status.health = ZoneHealth::Failed;
        let error = format!("not refreshed for the SOA's expire time, {expire} s");
        self.status.last_error.get_or_insert(error);
        Step::Fail
    }

    /// How long a zone may be served without being refreshed.
    fn soa_expire(&self, zone: &Zone) -> u32 {
        zone.soa().map_or(self.config.soa.expire, |soa| soa.expire)
    }

    /// Now, or when the feed that was confirmed least recently was.
    fn confirmed_by_feeds(&self, now: u64) -> u64 {
        self.feeds.iter().map(|f| f.confirmed).min().unwrap_or(now).min(now)
    }

    /// Writes the first faulty lines into the log.
    fn report_faults(&self, built: &Built) {
        let total = built.fault_count();
        for fault in built.faults.iter().flat_map(Faults::iter).take(LOGGED_FAULTS) {
            warn!(
                zone = %self.config.apex,
                "{fault}"
            );
        }
        if total > LOGGED_FAULTS as u64 {
            let more = total - LOGGED_FAULTS as u64;
            warn!(zone = %self.config.apex, "and {more} more faults; `repute zone check {}` shows them", self.config.apex);
        }
    }

    /// The zone's apex.
    pub(super) fn apex(&self) -> &Name {
        &self.config.apex
    }
}

/// How many faulty lines of a file are logged.
const LOGGED_FAULTS: usize = 20;

#[cfg(test)]
mod tests;

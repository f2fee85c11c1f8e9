//! One zone that is kept fresh: when its files are looked at, and when it is built anew.
//!
//! A keeper decides; the loader around it waits, and carries out. What a zone is made of is its `recipe`,
//! and what is served of it, whatever goes wrong, its `standing`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use repute_dnsxl::Name;
use tracing::{info, warn};

use super::build::{BuildError, Built};
use super::config::{FeedConfig, ZoneConfig};
use super::feed::{Candidate, FeedError, Fetched, unix_now};
use super::files::Stamp;
use super::recipe::{Reading, Recipe};
use super::schedule::Retry;
use super::settle::Settle;
use super::spool::{Spool, remedy};
use super::standing::{Standing, Step};
use super::subscription::{Feed, feeds_of};
use crate::status::ZoneStatus;
use crate::zones::ZoneIndex;

/// One zone that is kept fresh.
pub(super) struct Keeper {
    /// The number by which its queries are counted.
    pub(super) index: ZoneIndex,
    /// Its feeds.
    pub(super) feeds: Vec<Feed>,
    /// Whether its files are at rest.
    pub(super) settle: Settle,
    /// What it is made of, and how.
    recipe: Recipe,
    /// What is served of it.
    standing: Standing,
    /// Its files when they were last read, or tried.
    read: BTreeMap<PathBuf, Option<Stamp>>,
    /// Its files when they were last looked at.
    seen: BTreeMap<PathBuf, Option<Stamp>>,
    /// Whether it is to be built even if no file changed.
    forced: bool,
    /// When files that could not be read are tried again.
    retry: Retry,
}

/// What is wrong with a zone, and what it was made of.
pub(super) struct Failure {
    /// Why it is refused, in words.
    pub(super) reason: String,
    /// Its files as they were tried.
    read: BTreeMap<PathBuf, Option<Stamp>>,
    /// Its configuration.
    config: Arc<ZoneConfig>,
}

impl Failure {
    /// Whether it is what was wrong before: the same reason, or the same sources, as some reasons tell the
    /// time.
    pub(super) fn is(&self, before: &Failure) -> bool {
        let same_sources = || self.read == before.read && self.config == before.config;
        self.reason == before.reason || same_sources()
    }
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
        let feeds = feeds_of(&config).into_iter();
        let feeds = feeds.map(|feed| Feed::new(feed.clone(), &spool, now)).collect();
        let recipe = Recipe { config: Arc::new(config), reading, spool };
        Keeper {
            index,
            feeds,
            settle: reading.settle(),
            standing: Standing::new(index, &recipe),
            recipe,
            read: BTreeMap::new(),
            seen: BTreeMap::new(),
            forced: false,
            retry: Retry::default(),
        }
    }

    /// Takes over what the configuration says of the zone now. What is served stays until the zone is
    /// built anew.
    pub(super) fn configure(&mut self, config: ZoneConfig, reading: Reading, now: Instant) {
        if self.recipe.reading != reading {
            (self.recipe.reading, self.settle) = (reading, reading.settle());
        }
        if *self.recipe.config == config {
            return;
        }
        let mut before = std::mem::take(&mut self.feeds);
        for feed in feeds_of(&config) {
            let same = before.iter().position(|known| known.config == *feed);
            self.feeds.push(match same {
                Some(at) => before.swap_remove(at),
                None => Feed::new(feed.clone(), &self.recipe.spool, now),
            });
        }
        self.standing.forgive();
        self.recipe.config = Arc::new(config);
        self.seen.clear();
        self.look(now);
        self.force(now);
    }

    /// What is told about the zone.
    pub(super) fn status(&self) -> &ZoneStatus {
        self.standing.status()
    }

    /// What is wrong with it, if anything.
    pub(super) fn failure(&self) -> Option<Failure> {
        let reason = self.standing.status().last_error.clone()?;
        let config = Arc::clone(&self.recipe.config);
        Some(Failure { reason, read: self.read.clone(), config })
    }

    /// The files that are watched.
    pub(super) fn files(&self) -> Vec<&Path> {
        self.recipe.files()
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
        let rests =
            stamps.map(|stamp| self.recipe.reading.settle.saturating_sub(stamp.distance(now)));
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
        let built = self.build(&|feed| self.recipe.spool.feed(&feed.url));
        if let Err(BuildError::Changed { path }) = &built {
            info!(zone = %self.apex(), "{} is being written: waiting", path.display());
            self.settle.disturb(now);
            return Step::Same;
        }
        if let Err(BuildError::Snapshot { path, .. }) = &built
            && let Some(feed) = self.feeds.iter_mut().find(|feed| feed.place == *path)
        {
            feed.fetch_anew(now);
        }
        match &built {
            Err(error) if error.may_pass() => self.retry.failed(now, self.recipe.reading.patience),
            Ok(_) | Err(_) => self.retry.over(),
        }
        self.settle.rest();
        if std::mem::take(&mut self.forced) {
            self.standing.tell_again();
        }
        self.read.clone_from(&self.seen);
        self.judge(built)
    }

    /// Takes what a fetch found.
    pub(super) fn fetched(
        &mut self,
        url: &str,
        result: Result<Fetched, FeedError>,
        now: Instant,
        chance: u64,
    ) -> Step {
        let zone = self.apex().clone();
        // A feed that was taken out of the configuration is of no use.
        let Some(feed) = self.feeds.iter_mut().find(|f| f.config.url == url) else {
            return Step::Same;
        };
        let step = match result {
            Ok(Fetched::Unchanged) => {
                feed.succeeded();
                // It confirms what is served; what failed before, for whatever reason, is tried again.
                if self.standing.is_well() { self.confirm(unix_now()) } else { self.load(now) }
            }
            Ok(Fetched::Changed(candidate)) => {
                let path = candidate.path().to_owned();
                let built = self.build(&|other| {
                    if other.url == url { path.clone() } else { self.recipe.spool.feed(&other.url) }
                });
                self.accept(url, built, candidate)
            }
            Err(error) => {
                feed.failed();
                warn!(%zone, "cannot fetch {url}: {error}");
                self.standing.refuse(&self.recipe, format!("{url}: {error}"))
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
                let remedy = remedy(&error);
                warn!(
                    zone = %self.recipe.config.apex,
                    "cannot keep a copy of {url} in the data folder: {error}{remedy}"
                );
            }
        } else {
            feed.failed();
        }
        self.judge(built)
    }

    /// Builds the zone, with feeds from where they are said to be.
    fn build(&self, feed: &dyn Fn(&FeedConfig) -> PathBuf) -> Result<Built, BuildError> {
        self.recipe.build(feed, &self.standing)
    }

    /// Decides what becomes of a build.
    fn judge(&mut self, built: Result<Built, BuildError>) -> Step {
        let now = unix_now();
        self.standing.judge(&self.recipe, built, self.confirmed_by_feeds(now), now)
    }

    /// Serves the last good zone from before the start, if there is one that may still be served.
    pub(super) fn fall_back(&mut self) -> Step {
        self.standing.fall_back(&self.recipe)
    }

    /// Writes what is served to the disk, if that was not done yet.
    pub(super) fn keep(&mut self) {
        self.standing.keep();
    }

    /// What is served is what the sources say now.
    pub(super) fn confirm(&mut self, now: u64) -> Step {
        self.standing.confirm(self.confirmed_by_feeds(now))
    }

    /// Whether what is served is too old to be served any longer; then it is dropped.
    pub(super) fn expire(&mut self, now: u64) -> Step {
        self.standing.expire(&self.recipe, now)
    }

    /// Now, or when the feed that was confirmed least recently was.
    fn confirmed_by_feeds(&self, now: u64) -> u64 {
        self.feeds.iter().map(|f| f.confirmed).min().unwrap_or(now).min(now)
    }

    /// The zone's apex.
    pub(super) fn apex(&self) -> &Name {
        &self.recipe.config.apex
    }
}

#[cfg(test)]
mod tests;

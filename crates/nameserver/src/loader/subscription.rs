//! A feed as one zone has it: when it is fetched next, how often that failed, and how old our copy is.
//!
//! Fetching is in `feed`, and what becomes of what was fetched is the keeper's to decide.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::config::{Content, FeedConfig, SnapshotOrigin, SourceOrigin, ZoneConfig};
use super::feed::unix_now;
use super::schedule;
use super::spool::{FeedNote, Spool};

/// One feed of a zone.
pub(super) struct Feed {
    /// Where it is fetched.
    pub(super) config: FeedConfig,
    /// Where its last good copy lies.
    pub(super) place: PathBuf,
    /// When it is fetched next; `None` while it is being fetched.
    pub(super) next: Option<Instant>,
    /// Failures since the last success.
    failures: u32,
    /// When its server last confirmed our copy, in Unix seconds; 0 if there is none.
    pub(super) confirmed: u64,
}

impl Feed {
    /// Takes on a feed: due at once if it was never fetched or its copy is old.
    pub(super) fn new(config: FeedConfig, spool: &Spool, now: Instant) -> Feed {
        let place = spool.feed(&config.url);
        let confirmed = match FeedNote::read(&place) {
            Some(note) if place.is_file() => note.confirmed,
            Some(_) | None => 0,
        };
        let age = Duration::from_secs(unix_now().saturating_sub(confirmed));
        let next = Some(now + config.interval.saturating_sub(age));
        Feed { config, place, next, failures: 0, confirmed }
    }

    /// Our copy is of no use: the server must not be asked whether it has another than that.
    pub(super) fn fetch_anew(&mut self, now: Instant) {
        FeedNote::forget(&self.place);
        self.hurry(now);
    }

    /// The server confirmed or replaced our copy.
    pub(super) fn succeeded(&mut self) {
        self.failures = 0;
        self.confirmed = unix_now();
    }

    /// The fetch failed, or brought what cannot be served.
    pub(super) fn failed(&mut self) {
        self.failures = self.failures.saturating_add(1);
    }

    /// The fetch is over, and the next one is due after a pause.
    pub(super) fn pause(&mut self, now: Instant, chance: u64) {
        let pause = schedule::pause(self.config.interval, self.failures, chance);
        self.next = Some(now + pause);
    }

    /// Somebody wants it fetched now; if it is under way already, that is as good.
    pub(super) fn hurry(&mut self, now: Instant) {
        self.next = self.next.map(|_| now);
    }
}

/// The feeds of a zone.
pub(super) fn feeds_of(config: &ZoneConfig) -> Vec<&FeedConfig> {
    match &config.content {
        Content::Lists(sources) => {
            let origins = sources.iter().map(|source| &source.origin);
            let feeds = origins.filter_map(|origin| match origin {
                SourceOrigin::Feed(feed) => Some(feed),
                SourceOrigin::Files(_) => None,
            });
            feeds.collect()
        }
        Content::Snapshot(SnapshotOrigin::Feed(feed)) => vec![feed],
        Content::Snapshot(SnapshotOrigin::File(_)) => Vec::new(),
    }
}

//! What one zone is made of, and how: its part of the configuration, with what every build of it needs.
//!
//! When it is made is the keeper's to decide, and what becomes of the result is decided by `standing`.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::build::{AccessLists, BuildError, Built, Conditions, access_lists, build};
use super::config::{Content, FeedConfig, LoaderConfig, SnapshotOrigin, SourceOrigin, ZoneConfig};
use super::feed::unix_now;
use super::settle::Settle;
use super::spool::Spool;
use super::standing::Standing;

/// How a zone is made.
pub(super) struct Recipe {
    /// What it is made of.
    pub(super) config: Arc<ZoneConfig>,
    /// How lists are read.
    pub(super) reading: Reading,
    /// Where last good copies lie.
    pub(super) spool: Arc<Spool>,
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

impl Recipe {
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

    /// Builds the zone, with feeds from where they are said to be, after what is served now.
    pub(super) fn build(
        &self,
        feed: &dyn Fn(&FeedConfig) -> PathBuf,
        now: &Standing,
    ) -> Result<Built, BuildError> {
        build(&self.config, &self.conditions(feed, now))
    }

    /// Reads the access lists alone.
    pub(super) fn access(&self, now: &Standing) -> Result<AccessLists, BuildError> {
        let feed = |feed: &FeedConfig| self.spool.feed(&feed.url);
        access_lists(&self.config, &self.conditions(&feed, now))
    }

    /// What a build needs.
    pub(super) fn conditions<'a>(
        &'a self,
        feed: &'a dyn Fn(&FeedConfig) -> PathBuf,
        now: &'a Standing,
    ) -> Conditions<'a> {
        Conditions {
            now: u32::try_from(unix_now()).unwrap_or(u32::MAX),
            max_unpacked: self.reading.max_unpacked,
            trace: None,
            feed,
            old: now.served(),
            last_serial: now.last_serial(),
            copies: Some(&self.spool),
            most: now.most(),
            progress: None,
        }
    }
}

//! When files that are being changed may be read: a small state machine without clock or files.
//!
//! Writers do not say when they are done. A file that is rewritten in place is half for a while, and
//! of several files that belong together some are new before the others. So a change only starts a
//! wait; every further one starts it again; and while somebody still has a file open that he has
//! written to, the wait is much longer.

use std::collections::HashSet;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// The files of one zone: at rest, or not.
#[derive(Debug)]
pub(super) struct Settle {
    /// How long they must be quiet.
    settle: Duration,
    /// How long they must be quiet if somebody does not close what he writes.
    patience: Duration,
    /// The last change, if it was not read yet.
    disturbed: Option<Instant>,
    /// Files that were written to and not closed.
    open: HashSet<PathBuf>,
}

impl Settle {
    /// Files at rest.
    pub(super) fn new(settle: Duration, patience: Duration) -> Settle {
        Settle { settle, patience: patience.max(settle), disturbed: None, open: HashSet::new() }
    }

    /// Something changed, or should be read again for another reason.
    pub(super) fn disturb(&mut self, now: Instant) {
        self.disturbed = Some(now);
    }

    /// Somebody writes to a file.
    pub(super) fn writing(&mut self, path: PathBuf, now: Instant) {
        self.open.insert(path);
        self.disturb(now);
    }

    /// Somebody closed a file he wrote to, or put another into its place.
    pub(super) fn closed(&mut self, path: &PathBuf, now: Instant) {
        self.open.remove(path);
        self.disturb(now);
    }

    /// When they may be read, if nothing else happens; `None` at rest.
    pub(super) fn due(&self) -> Option<Instant> {
        let wait = if self.open.is_empty() { self.settle } else { self.patience };
        Some(self.disturbed? + wait)
    }

    /// Whether they may be read now.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        self.due().is_some_and(|due| due <= now)
    }

    /// They were read.
    pub(super) fn rest(&mut self) {
        self.disturbed = None;
        self.open.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTLE: Duration = Duration::from_millis(200);
    const PATIENCE: Duration = Duration::from_secs(60);

    #[test]
    fn every_change_starts_the_wait_again() {
        let start = Instant::now();
        let mut settle = Settle::new(SETTLE, PATIENCE);
        assert!(!settle.is_due(start + PATIENCE * 2));
        settle.disturb(start);
        assert!(!settle.is_due(start + SETTLE / 2));
        settle.disturb(start + SETTLE / 2);
        assert!(!settle.is_due(start + SETTLE));
        assert!(settle.is_due(start + SETTLE * 3 / 2));
        settle.rest();
        assert_eq!(settle.due(), None);
    }

    #[test]
    fn a_file_that_is_not_closed_is_waited_for() {
        let start = Instant::now();
        let mut settle = Settle::new(SETTLE, PATIENCE);
        settle.writing("a".into(), start);
        settle.writing("b".into(), start);
        settle.closed(&"b".into(), start);
        assert!(!settle.is_due(start + SETTLE * 10));
        assert!(settle.is_due(start + PATIENCE), "but not for ever");
        settle.closed(&"a".into(), start + SETTLE * 10);
        assert!(settle.is_due(start + SETTLE * 11));
    }

    #[test]
    fn a_file_that_is_not_closed_is_waited_for_no_less_than_others() {
        let start = Instant::now();
        let mut settle = Settle::new(SETTLE, Duration::ZERO);
        settle.writing("a".into(), start);
        assert_eq!(settle.due(), Some(start + SETTLE));
    }
}

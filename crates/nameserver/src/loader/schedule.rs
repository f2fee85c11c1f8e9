//! When a feed is fetched next, and when what failed is tried again: pure arithmetic, with the time and
//! the chance as arguments.
//!
//! A thousand servers that start together must not ask a feed in the same second for ever, so each
//! interval is stretched or shortened a little. A feed that fails is asked again sooner than its
//! interval, but less and less eagerly.

use std::time::{Duration, Instant};

/// How long to wait before the next fetch.
///
/// `failures` counts those since the last success; `chance` is any number that differs between
/// servers and times.
pub(super) fn pause(interval: Duration, failures: u32, chance: u64) -> Duration {
    let wait = match failures.checked_sub(1) {
        None => interval,
        Some(doublings) => FIRST_RETRY.saturating_mul(1 << doublings.min(16)).min(interval),
    };
    // From 90 % to 110 %, in thousandths.
    let share = 900 + (chance % 201) as u32;
    wait * share / 1000
}

/// When files that could not be read are tried again. The kernel tells of changed files only, not of
/// a disk that is back, a folder that was mounted or a right that was given.
#[derive(Debug, Default)]
pub(super) struct Retry {
    failures: u32,
    due: Option<Instant>,
}

impl Retry {
    /// It failed: it is tried again soon at first, later less and less often.
    pub(super) fn failed(&mut self, now: Instant, longest: Duration) {
        let pause = FIRST_READ_RETRY.saturating_mul(1 << self.failures.min(16)).min(longest);
        self.failures = self.failures.saturating_add(1);
        self.due = Some(now + pause);
    }

    /// It went well, or failed in a way that only a change can mend.
    pub(super) fn over(&mut self) {
        *self = Retry::default();
    }

    /// When it is tried again, if at all.
    pub(super) fn due(&self) -> Option<Instant> {
        self.due
    }
}

/// The pause after a first failure to fetch.
const FIRST_RETRY: Duration = Duration::from_secs(30);
/// The pause after a first failure to read.
const FIRST_READ_RETRY: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    #[test]
    fn a_pause_stays_near_its_interval() {
        for chance in 0..500 {
            let wait = pause(HOUR, 0, chance);
            assert!(wait >= HOUR * 9 / 10 && wait <= HOUR * 11 / 10);
        }
        assert_ne!(pause(HOUR, 0, 1), pause(HOUR, 0, 2));
    }

    #[test]
    fn failures_are_retried_sooner_and_then_slower() {
        let mid = 100;
        assert_eq!(pause(HOUR, 1, mid), Duration::from_secs(30));
        assert_eq!(pause(HOUR, 2, mid), Duration::from_secs(60));
        assert_eq!(pause(HOUR, 4_000_000_000, mid), HOUR);
        let short = Duration::from_secs(5);
        assert_eq!(pause(short, 1, mid), short, "never slower than the schedule itself");
    }

    #[test]
    fn what_cannot_be_read_is_tried_again_less_and_less_often() {
        let start = Instant::now();
        let mut retry = Retry::default();
        assert_eq!(retry.due(), None);
        let minute = Duration::from_secs(60);
        for seconds in [1, 2, 4, 8, 16, 32, 60, 60] {
            retry.failed(start, minute);
            assert_eq!(retry.due(), Some(start + Duration::from_secs(seconds)));
        }
        retry.over();
        assert_eq!(retry.due(), None);
        retry.failed(start, minute);
        assert_eq!(retry.due(), Some(start + FIRST_READ_RETRY), "eager again");
    }
}

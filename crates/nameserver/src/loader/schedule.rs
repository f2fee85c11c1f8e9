//! When a feed is fetched next: pure arithmetic, with the time and the chance as arguments.
//!
//! A thousand servers that start together must not ask a feed in the same second for ever, so each
//! interval is stretched or shortened a little. A feed that fails is asked again sooner than its
//! interval, but less and less eagerly.

use std::time::Duration;

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

/// The pause after a first failure.
const FIRST_RETRY: Duration = Duration::from_secs(30);

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
}

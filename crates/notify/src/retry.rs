//! When a message is tried again.

use std::time::Duration;

/// Returns how long to wait after a failed attempt, the first of which is 1; none means to give up.
///
/// The wait doubles from 30 s to 1 h, so that a message is given up about a day after its first
/// attempt. `jitter`, a random number from 0 to 1, makes it up to a quarter shorter or longer: many
/// senders that lost the same server at once must not come back at once.
///
/// ```
/// use repute_notify::retry;
///
/// assert_eq!(retry(1, 0.5).map(|wait| wait.as_secs()), Some(30));
/// assert_eq!(retry(ATTEMPTS, 0.5), None);
/// # const ATTEMPTS: u32 = 30;
/// ```
pub fn retry(attempt: u32, jitter: f64) -> Option<Duration> {
    if attempt >= ATTEMPTS {
        return None;
    }
    let doublings = attempt.saturating_sub(1).min(16);
    let wait = FIRST_WAIT.saturating_mul(1 << doublings).min(LONGEST_WAIT);
    let jitter = if jitter.is_nan() { 0.5 } else { jitter.clamp(0.0, 1.0) };
    Some(wait.mul_f64(0.75 + jitter / 2.0))
}

/// How often a message is tried in all.
const ATTEMPTS: u32 = 30;
/// The wait after the first attempt.
const FIRST_WAIT: Duration = Duration::from_secs(30);
/// No wait is longer, but for jitter.
const LONGEST_WAIT: Duration = Duration::from_secs(3600);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_until_an_hour_and_end_after_a_day() {
        let waits: Vec<u64> =
            (1..).map_while(|attempt| retry(attempt, 0.5)).map(|wait| wait.as_secs()).collect();
        assert_eq!(waits[..9], [30, 60, 120, 240, 480, 960, 1920, 3600, 3600]);
        assert_eq!(waits.len(), 29);
        let hours = waits.iter().sum::<u64>() / 3600;
        assert_eq!(hours, 23);
    }

    #[test]
    fn jitter_moves_a_wait_by_a_quarter_and_no_more() {
        for (jitter, ms) in [(0.0, 22_500), (1.0, 37_500), (-7.0, 22_500), (f64::INFINITY, 37_500)]
        {
            assert_eq!(retry(1, jitter), Some(Duration::from_millis(ms)), "{jitter}");
        }
        assert_eq!(retry(1, f64::NAN), Some(Duration::from_secs(30)));
        assert_eq!(retry(0, 0.5), Some(Duration::from_secs(30)));
        assert_eq!(retry(u32::MAX, 0.5), None);
    }
}

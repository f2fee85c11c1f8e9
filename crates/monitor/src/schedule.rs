//! When what is checked: each subject once in an interval, all of them spread over it.
//!
//! A subject's place in the interval follows from its name, so it is the same after a restart and on
//! every machine, and what is added or taken away moves nothing else. Nobody's lists are asked about a
//! thousand addresses in the same second because somebody has a thousand addresses.

use std::time::Duration;

use xxhash_rust::xxh3::xxh3_64;

/// Returns when a subject is due for the first time after a moment, in Unix milliseconds.
///
/// ```
/// use std::time::Duration;
///
/// use repute_monitor::schedule::due;
///
/// let hour = Duration::from_secs(3600);
/// let first = due("192.0.2.25", hour, 1_700_000_000_000);
/// assert_eq!(due("192.0.2.25", hour, first), first + 3_600_000);
/// ```
pub fn due(subject: &str, interval: Duration, after: u64) -> u64 {
    let interval = length(interval);
    let phase = xxh3_64(subject.as_bytes()) % interval;
    let whole = after.saturating_sub(phase) / interval;
    let due = whole.saturating_mul(interval).saturating_add(phase);
    // A moment before the first phase of all has that phase next.
    if due > after { due } else { due.saturating_add(interval) }
}

/// An interval in milliseconds, one at least.
fn length(interval: Duration) -> u64 {
    u64::try_from(interval.as_millis()).unwrap_or(u64::MAX).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);
    const NOW: u64 = 1_700_000_000_000;

    #[test]
    fn a_subject_is_due_once_in_each_interval_and_always_at_the_same_place() {
        for subject in ["192.0.2.25", "2001:db8::25", "mail.example", ""] {
            let first = due(subject, HOUR, NOW);
            assert!(first > NOW && first <= NOW + 3_600_000, "{subject}");
            assert_eq!(due(subject, HOUR, first), first + 3_600_000, "{subject}");
            assert_eq!(due(subject, HOUR, first - 1), first, "{subject}");
            assert_eq!(due(subject, HOUR, 0) % 3_600_000, first % 3_600_000, "{subject}");
        }
    }

    #[test]
    fn subjects_are_spread_over_the_interval() {
        let mut in_minute = [0; 60];
        for n in 0..6000 {
            let at = due(&format!("10.0.{}.{}", n / 256, n % 256), HOUR, NOW) - NOW - 1;
            in_minute[usize::try_from(at / 60_000).expect("it is less than an hour")] += 1;
        }
        // A hundred are expected in each; as many as this are found in one of a million tries.
        assert!(in_minute.iter().all(|count| (50..170).contains(count)), "{in_minute:?}");
    }

    #[test]
    fn no_interval_and_no_time_is_too_much() {
        assert_eq!(due("a", Duration::ZERO, 5), 6);
        assert!(due("a", Duration::MAX, NOW) > NOW);
        assert_eq!(due("a", HOUR, u64::MAX), u64::MAX);
    }
}

//! A token bucket: so many queries a second to a list, and no more.

use std::time::{Duration, Instant};

/// Tokens that come back over time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bucket {
    /// Tokens a second, and how many there are at most.
    rate: f64,
    tokens: f64,
    filled: Instant,
}

impl Bucket {
    /// A full bucket that lets this many through a second, and as many at once.
    pub(crate) fn new(rate: f64, now: Instant) -> Bucket {
        Bucket { rate, tokens: rate.max(1.0), filled: now }
    }

    /// Takes a token, or says when there is one.
    ///
    /// # Errors
    /// The moment from which on there is one.
    pub(crate) fn take(&mut self, now: Instant) -> Result<(), Instant> {
        let passed = now.saturating_duration_since(self.filled).as_secs_f64();
        self.tokens = (self.tokens + passed * self.rate).min(self.rate.max(1.0));
        self.filled = self.filled.max(now);
        if self.tokens >= 1.0 {
            self.tokens -= 1.0;
            return Ok(());
        }
        Err(now + Duration::from_secs_f64((1.0 - self.tokens) / self.rate))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn in_any_second_no_more_than_twice_the_rate_pass() {
        let start = Instant::now();
        let mut bucket = Bucket::new(10.0, start);
        let mut passed = 0;
        for tick in 0..3000 {
            let now = start + Duration::from_millis(tick);
            passed += u32::from(bucket.take(now).is_ok());
        }
        // Ten at once, and ten in each of three seconds.
        assert!((39..=40).contains(&passed), "{passed}");
    }

    #[test]
    fn it_says_when_the_next_token_comes() {
        let start = Instant::now();
        let mut bucket = Bucket::new(2.0, start);
        assert!(bucket.take(start).is_ok());
        assert!(bucket.take(start).is_ok());
        let again = bucket.take(start).expect_err("it is empty");
        assert_eq!(again - start, Duration::from_millis(500));
        assert!(bucket.take(again).is_ok());
    }
}

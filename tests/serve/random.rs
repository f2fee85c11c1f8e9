//! Moments that nobody chose, which a failure can be tried again by.

use std::env;
use std::thread;
use std::time::{Duration, SystemTime};

/// Numbers that follow from a seed (splitmix64).
pub(crate) struct Random(u64);

impl Random {
    /// A new one, which prints its seed; `SEED` in the environment has it begin with another one's.
    pub(crate) fn new() -> Random {
        let seed = env::var("SEED").ok().map(|seed| seed.parse().expect("SEED is a number"));
        let now = || SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let seed = seed.unwrap_or_else(|| now().map_or(0, |since| u64::from(since.subsec_nanos())));
        println!("SEED={seed}");
        Random(seed)
    }

    /// The next number below a limit.
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % limit.max(1)
    }

    /// Waits for a part of a time.
    pub(crate) fn pause(&mut self, at_most: Duration) {
        let micros = self.below(u64::try_from(at_most.as_micros()).unwrap_or(u64::MAX));
        thread::sleep(Duration::from_micros(micros));
    }
}

//! When a primary is asked, and which: by the numbers of the zone's SOA (RFC 1034 section 4.3.5), and at once when a
//! primary says that something is new (RFC 1996).
//!
//! Does not read the clock: `now` is seconds since 1970, as it must outlive the process; and chance is an argument too.

use repute_records::Soa;

/// What the numbers of a SOA are kept between, in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Of refresh. Default 1 minute to 1 day.
    pub refresh: (u32, u32),
    /// Of retry. Default 15 seconds to 2 hours.
    pub retry: (u32, u32),
    /// Of expire. Default 1 hour to 8 weeks.
    pub expire: (u32, u32),
}

impl Default for Bounds {
    fn default() -> Bounds {
        Bounds { refresh: (60, 86_400), retry: (15, 7_200), expire: (3_600, 4_838_400) }
    }
}

/// When one zone is asked for.
#[derive(Debug)]
pub struct Schedule {
    bounds: Bounds,
    /// How many primaries there are; never none.
    primaries: usize,
    /// Which is next.
    primary: usize,
    /// Questions that failed since the last that did not.
    failures: usize,
    due: u64,
    /// When a question was last asked.
    asked: Option<u64>,
    held: Option<Held>,
}

/// What is known of the version that is there.
#[derive(Clone, Copy, Debug)]
struct Held {
    retry: u32,
    expires: u64,
}

impl Schedule {
    /// Begins: with the version that is there and when it was last known to be the newest. A primary is asked at once.
    pub fn new(primaries: usize, bounds: Bounds, held: Option<(Soa, u64)>, now: u64) -> Schedule {
        let held = held.map(|(soa, refreshed)| {
            // A clock that was ahead must not keep a zone for ever.
            Held::new(&bounds, &soa, refreshed.min(now))
        });
        let primaries = primaries.max(1);
        Schedule { bounds, primaries, primary: 0, failures: 0, due: now, asked: None, held }
    }

    /// Which primary is to be asked next.
    pub fn primary(&self) -> usize {
        self.primary
    }

    /// When it is to be asked.
    pub fn due(&self) -> u64 {
        self.due
    }

    /// When there is something to do: to ask, or to serve no more.
    pub fn wake(&self) -> u64 {
        self.held.map_or(self.due, |held| held.expires.min(self.due))
    }

    /// Until when the version that is there may be served; none if there is none.
    pub fn expires(&self) -> Option<u64> {
        self.held.map(|held| held.expires)
    }

    /// Takes a version for lost when its time is over; whether that is so now, for the first time.
    pub fn expire(&mut self, now: u64) -> bool {
        let is_over = self.held.is_some_and(|held| held.expires <= now);
        if is_over {
            self.held = None;
        }
        is_over
    }

    /// A primary says that something is new: it is asked, at once, but not more than once a second.
    pub fn notified(&mut self, primary: usize, now: u64) {
        if primary < self.primaries {
            self.primary = primary;
        }
        self.failures = 0;
        self.due = self.due.min(self.asked.map_or(now, |asked| now.max(asked + 1)));
    }

    /// A question is asked now.
    pub fn asked(&mut self, now: u64) {
        self.asked = Some(now);
    }

    /// The version that is there is the newest, or is so now. Of the wait a part is left out by chance, so that zones
    /// of one primary do not ask all at once.
    pub fn refreshed(&mut self, soa: &Soa, now: u64, chance: u8) {
        self.failures = 0;
        self.held = Some(Held::new(&self.bounds, soa, now));
        self.due = now + varied(within(soa.refresh, self.bounds.refresh), chance);
    }

    /// A question failed: the next primary is asked at once, and once all were asked, after some time, which gets longer
    /// the more often that happens.
    pub fn failed(&mut self, now: u64, chance: u8) {
        self.failures += 1;
        self.primary = (self.primary + 1) % self.primaries;
        if !self.failures.is_multiple_of(self.primaries) {
            self.due = now;
            return;
        }
        let rounds = u32::try_from(self.failures / self.primaries).unwrap_or(u32::MAX);
        let first = self.held.map_or(self.bounds.retry.0, |held| held.retry);
        let longer = 2_u32.saturating_pow((rounds - 1).min(16));
        self.due = now + varied(first.saturating_mul(longer).min(self.bounds.retry.1), chance);
    }
}

impl Held {
    fn new(bounds: &Bounds, soa: &Soa, refreshed: u64) -> Held {
        let expire = within(soa.expire, bounds.expire);
        Held { retry: within(soa.retry, bounds.retry), expires: refreshed + u64::from(expire) }
    }
}

/// A number within bounds.
fn within(number: u32, (least, most): (u32, u32)) -> u32 {
    number.max(least).min(most)
}

/// A wait, up to a quarter shorter by chance, and never none.
fn varied(seconds: u32, chance: u8) -> u64 {
    let seconds = u64::from(seconds);
    (seconds - seconds * u64::from(chance) / 1024).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers of a SOA.
    fn soa(refresh: u32, retry: u32, expire: u32) -> Soa {
        let numbers = [7, refresh, retry, expire, 300].into_iter().flat_map(u32::to_be_bytes);
        Soa::read(&[0, 0].into_iter().chain(numbers).collect::<Vec<_>>()).expect("a SOA")
    }

    fn new(primaries: usize, held: Option<(Soa, u64)>) -> Schedule {
        Schedule::new(primaries, Bounds::default(), held, 1_000_000)
    }

    #[test]
    fn a_start_asks_at_once_and_then_by_the_numbers() {
        let mut schedule = new(1, None);
        assert_eq!((schedule.due(), schedule.expires()), (1_000_000, None));
        schedule.refreshed(&soa(3600, 900, 604_800), 1_000_010, 0);
        assert_eq!((schedule.due(), schedule.wake()), (1_003_610, 1_003_610));
        assert_eq!(schedule.expires(), Some(1_604_810));
        schedule.failed(1_003_610, 0);
        assert_eq!(schedule.due(), 1_004_510);
        schedule.failed(1_004_510, 0);
        assert_eq!(schedule.due(), 1_006_310, "longer each time");
        for _ in 0..100 {
            schedule.failed(1_006_310, 0);
        }
        assert_eq!(schedule.due(), 1_006_310 + 7_200, "and never longer than that");
        schedule.refreshed(&soa(3600, 900, 604_800), 1_010_000, 255);
        assert_eq!(schedule.due(), 1_010_000 + 3600 - 896, "a quarter less by chance");
    }

    #[test]
    fn numbers_that_harm_are_kept_within_bounds() {
        let mut schedule = new(1, None);
        schedule.refreshed(&soa(0, 0, 0), 1_000_000, 255);
        assert_eq!((schedule.due(), schedule.expires()), (1_000_046, Some(1_003_600)));
        schedule.failed(1_000_000, 0);
        assert_eq!(schedule.due(), 1_000_015);
        let most = u32::MAX;
        schedule.refreshed(&soa(most, most, most), 1_000_000, 0);
        assert_eq!((schedule.due(), schedule.expires()), (1_086_400, Some(5_838_400)));
    }

    #[test]
    fn what_nobody_confirms_is_lost() {
        let held = (soa(3600, 900, 604_800), 500_000);
        let mut schedule = new(1, Some(held));
        assert_eq!((schedule.due(), schedule.expires()), (1_000_000, Some(1_104_800)));
        schedule.failed(1_104_000, 0);
        assert_eq!(schedule.wake(), 1_104_800);
        assert!(!schedule.expire(1_104_799));
        assert!(schedule.expire(1_104_800) && !schedule.expire(1_104_801), "once");
        assert_eq!((schedule.expires(), schedule.wake()), (None, schedule.due()));
        // A clock that was ahead counts no longer than it may.
        let schedule = new(1, Some((soa(3600, 900, 604_800), 9_000_000)));
        assert_eq!(schedule.expires(), Some(1_604_800));
    }

    #[test]
    fn primaries_take_turns() {
        let mut schedule = new(3, None);
        let mut asked = Vec::new();
        let mut now = 1_000_000;
        for _ in 0..7 {
            now = schedule.due();
            asked.push((schedule.primary(), now - 1_000_000));
            schedule.failed(now, 0);
        }
        let expect = [(0, 0), (1, 0), (2, 0), (0, 15), (1, 15), (2, 15), (0, 45)];
        assert_eq!(asked, expect);
        assert_eq!(schedule.primary(), 1);
        schedule.refreshed(&soa(3600, 900, 604_800), now, 0);
        assert_eq!(schedule.primary(), 1, "who answered is asked again");
    }

    #[test]
    fn who_says_that_something_is_new_is_asked_once_a_second() {
        let mut schedule = new(2, None);
        schedule.asked(1_000_000);
        schedule.refreshed(&soa(3600, 900, 604_800), 1_000_000, 0);
        schedule.notified(1, 1_000_000);
        assert_eq!((schedule.due(), schedule.primary()), (1_000_001, 1));
        schedule.notified(9, 1_000_500);
        assert_eq!((schedule.due(), schedule.primary()), (1_000_001, 1), "no such primary");
        schedule.failed(1_000_500, 0);
        assert_eq!((schedule.due(), schedule.primary()), (1_000_500, 0));
    }
}

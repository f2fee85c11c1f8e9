//! Rates of the last minute.
//!
//! Counters only grow; a rate needs their value some time ago. A sample every few seconds is enough
//! for a person who asks how busy a server is; machines take the counters themselves.

use std::collections::VecDeque;
use std::time::Duration;

use crate::counters::Totals;

/// Samples of the last minute. Time is what has passed since the server started.
#[derive(Debug, Default)]
pub(crate) struct Window(VecDeque<Sample>);

/// The counters at one time.
#[derive(Clone, Debug)]
struct Sample {
    /// When.
    at: Duration,
    /// Queries by any transport.
    queries: u64,
    /// Answers by zone.
    zones: Vec<u64>,
}

/// Events a second.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Rates {
    /// Queries by any transport.
    pub(crate) queries: f64,
    /// Answers by zone, at the zone's index; zones above the last one asked are missing.
    pub(crate) zones: Vec<f64>,
}

impl Window {
    /// Takes a sample and lets go of those that are too old.
    pub(crate) fn sample(&mut self, at: Duration, totals: &Totals) {
        if self.0.is_empty() {
            // Nothing had come when the server started.
            self.0.push_back(Sample { at: Duration::ZERO, queries: 0, zones: Vec::new() });
        }
        self.0.push_back(Sample::of(at, totals));
        // One sample older than the window stays, so that the window is covered.
        while self.0.get(1).is_some_and(|second| at.saturating_sub(second.at) >= WINDOW) {
            self.0.pop_front();
        }
    }

    /// The rates since the oldest sample, or since the start if there is none.
    pub(crate) fn rates(&self, at: Duration, totals: &Totals) -> Rates {
        let now = Sample::of(at, totals);
        let (since, queries, zones) =
            self.0.front().map_or((Duration::ZERO, 0, &[][..]), |s| (s.at, s.queries, &s.zones));
        let seconds = at.saturating_sub(since).as_secs_f64();
        if seconds <= 0.0 {
            return Rates { queries: 0.0, zones: vec![0.0; now.zones.len()] };
        }
        let rate = |now: u64, then: u64| now.saturating_sub(then) as f64 / seconds;
        let then = zones.iter().copied().chain(std::iter::repeat(0));
        Rates {
            queries: rate(now.queries, queries),
            zones: now.zones.iter().zip(then).map(|(&now, then)| rate(now, then)).collect(),
        }
    }
}

impl Sample {
    /// What rates need of the counters.
    fn of(at: Duration, totals: &Totals) -> Sample {
        Sample {
            at,
            queries: totals.udp.queries + totals.tcp.queries,
            zones: totals.zones.iter().map(crate::counters::ZoneTotals::answers).collect(),
        }
    }
}

/// How far back a rate looks.
const WINDOW: Duration = Duration::from_secs(60);
/// How often a sample is taken.
pub(crate) const SAMPLE_EVERY: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::counters::ZoneTotals;

    /// Totals after so many queries, of which all went to the zone with index 1.
    fn totals(queries: u64) -> Totals {
        let mut totals = Totals { zones: vec![ZoneTotals::default(); 2], ..Totals::default() };
        totals.udp.queries = queries;
        totals.zones[1].rcodes[0] = queries;
        totals
    }

    fn seconds(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    #[test]
    fn a_young_server_tells_its_rate_since_the_start() {
        let rates = Window::default().rates(seconds(10), &totals(100));
        assert_eq!(rates, Rates { queries: 10.0, zones: vec![0.0, 10.0] });
        assert_eq!(Window::default().rates(seconds(0), &totals(0)).queries, 0.0);
        let mut window = Window::default();
        window.sample(seconds(5), &totals(100));
        assert_eq!(window.rates(seconds(10), &totals(100)).queries, 10.0, "after a sample too");
    }

    #[test]
    fn what_is_older_than_the_window_does_not_count() {
        let mut window = Window::default();
        // 100 a second for two minutes, then silence.
        for t in (0..=120).step_by(5) {
            window.sample(seconds(t), &totals(100 * t));
        }
        assert_eq!(window.rates(seconds(120), &totals(12_000)).queries, 100.0);
        for t in (125..=200).step_by(5) {
            window.sample(seconds(t), &totals(12_000));
        }
        assert_eq!(window.rates(seconds(200), &totals(12_000)).queries, 0.0);
        assert!(window.0.len() <= 15);
    }

    #[test]
    fn a_zone_that_is_new_starts_at_zero() {
        let mut window = Window::default();
        window.sample(seconds(0), &Totals::default());
        assert_eq!(window.rates(seconds(2), &totals(8)).zones, [0.0, 4.0]);
    }
}

//! What came back of a list's queries, and after how long: the numbers that dashboards are made of.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::exchange::Answer;
use crate::verdict::rcode_name;

/// The queries of a list, counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// How many queries came to which end.
    pub ends: BTreeMap<End, u64>,
    /// How many answers took at most as long as each of [`BOUNDS`], and longer than the one before; the last
    /// number is of those that took longer than all.
    pub durations: [u64; BOUNDS.len() + 1],
    /// How long all answers took together, with all repetitions and the wait for room.
    pub total: Duration,
}

/// How a query ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum End {
    /// With an answer of this response code.
    Answered(u16),
    /// Without one in time.
    TimedOut,
    /// The network said that nobody is there.
    Unreachable,
    /// With what cannot be read.
    Malformed,
}

impl End {
    /// The name of the response code, or a word for what came in its place.
    pub fn name(self) -> String {
        match self {
            End::Answered(rcode) => rcode_name(rcode),
            End::TimedOut => "timeout".into(),
            End::Unreachable => "unreachable".into(),
            End::Malformed => "malformed".into(),
        }
    }
}

impl Traffic {
    /// Counts a query that is over. Silence has no duration.
    pub(crate) fn note(&mut self, answer: &Answer, took: Duration) {
        let end = match answer {
            Answer::Reply(reply) => End::Answered(reply.rcode),
            Answer::TimedOut => End::TimedOut,
            Answer::Unreachable => End::Unreachable,
            Answer::Malformed => End::Malformed,
        };
        *self.ends.entry(end).or_default() += 1;
        if matches!(end, End::Answered(_) | End::Malformed) {
            let place = BOUNDS.iter().position(|bound| took <= *bound).unwrap_or(BOUNDS.len());
            self.durations[place] += 1;
            self.total += took;
        }
    }

    /// Adds what another survey counted.
    pub fn add(&mut self, other: &Traffic) {
        for (end, count) in &other.ends {
            *self.ends.entry(*end).or_default() += count;
        }
        for (own, more) in self.durations.iter_mut().zip(other.durations) {
            *own += more;
        }
        self.total += other.total;
    }
}

/// Up to how long answers take, by which they are counted.
pub const BOUNDS: [Duration; 11] = [
    Duration::from_millis(1),
    Duration::from_millis(5),
    Duration::from_millis(10),
    Duration::from_millis(25),
    Duration::from_millis(50),
    Duration::from_millis(100),
    Duration::from_millis(250),
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_millis(2500),
    Duration::from_secs(5),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_counted_by_time_and_silence_only_as_such() {
        let mut traffic = Traffic::default();
        traffic.note(&Answer::Malformed, Duration::from_millis(1));
        traffic.note(&Answer::Malformed, Duration::from_millis(2));
        traffic.note(&Answer::Malformed, Duration::from_secs(6));
        traffic.note(&Answer::TimedOut, Duration::from_secs(2));
        let mut twice = traffic.clone();
        twice.add(&traffic);
        assert_eq!(twice.durations, [2, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2]);
        assert_eq!(twice.total, Duration::from_millis(12_006));
        assert_eq!(twice.ends, [(End::TimedOut, 2), (End::Malformed, 6)].into());
        assert_eq!(End::Answered(5).name(), "REFUSED");
    }
}

//! Statistics as `rbldnsd -s` and its signals give them.
//!
//! A line of the file is `time zone:queries:ok:nxd:in:out ... *:...`, the star being all zones and
//! what belongs to none. A line of only a time marks the start, a reset and the end. Counts are those
//! since the last reset or, with `-s +file`, since the last line.

use std::fmt::Write;

use repute_dnsxl::Name;

/// What is counted of a zone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    /// Queries for names that exist.
    pub(super) ok: u64,
    /// Queries for names that do not.
    pub(super) nxd: u64,
    /// Queries that were refused, failed or ignored.
    pub(super) err: u64,
    /// Bytes of queries.
    pub(super) bytes_in: u64,
    /// Bytes of answers.
    pub(super) bytes_out: u64,
}

impl Counts {
    /// All queries.
    fn total(self) -> u64 {
        self.ok + self.nxd + self.err
    }

    /// What was counted since `earlier`.
    fn since(self, earlier: Counts) -> Counts {
        Counts {
            ok: self.ok - earlier.ok,
            nxd: self.nxd - earlier.nxd,
            err: self.err - earlier.err,
            bytes_in: self.bytes_in - earlier.bytes_in,
            bytes_out: self.bytes_out - earlier.bytes_out,
        }
    }
}

/// Counts of all zones at one moment; they only grow.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Reading {
    /// By zone, in the order of the command line.
    pub(super) zones: Vec<Counts>,
    /// Of the whole server.
    pub(super) all: Counts,
}

impl Reading {
    /// What was counted since `earlier`, of which nothing is known at the start.
    fn since(&self, earlier: &Reading) -> Reading {
        let earlier_zone = |i: usize| earlier.zones.get(i).copied().unwrap_or_default();
        let zones = self.zones.iter().enumerate().map(|(i, zone)| zone.since(earlier_zone(i)));
        Reading { zones: zones.collect(), all: self.all.since(earlier.all) }
    }
}

/// Turns readings into lines.
#[derive(Debug)]
pub(super) struct Statistics {
    names: Vec<Name>,
    /// Whether a line counts from the one before it.
    relative: bool,
    /// What the last line in the file said.
    last: Reading,
    /// What had been counted at the last reset, and when that was.
    base: Reading,
    since: u64,
}

impl Statistics {
    /// Begins at `now`, in Unix seconds.
    pub(super) fn new(names: Vec<Name>, relative: bool, now: u64) -> Statistics {
        let (last, base) = (Reading::default(), Reading::default());
        Statistics { names, relative, last, base, since: now }
    }

    /// A line for the file.
    pub(super) fn file_line(&mut self, reading: &Reading, now: u64) -> String {
        let from = if self.relative { &self.last } else { &self.base };
        let counts = reading.since(from);
        let mut line = now.to_string();
        let names = self.names.iter().map(ToString::to_string).chain(["*".to_owned()]);
        for (name, c) in names.zip(counts.zones.iter().chain([&counts.all])) {
            let (total, Counts { ok, nxd, bytes_in, bytes_out, .. }) = (c.total(), c);
            // A string takes all that is written to it.
            let _ = write!(line, " {name}:{total}:{ok}:{nxd}:{bytes_in}:{bytes_out}");
        }
        self.last = reading.clone();
        line
    }

    /// Messages for people: one for each zone and one for all.
    pub(super) fn messages(&self, reading: &Reading, now: u64) -> Vec<String> {
        let counts = reading.since(&self.base);
        let seconds = now.saturating_sub(self.since);
        let text = |c: &Counts| {
            let (total, Counts { ok, nxd, err, bytes_in, bytes_out }) = (c.total(), c);
            format!("tot={total} ok={ok} nxd={nxd} err={err} in={bytes_in} out={bytes_out}")
        };
        let zones = self.names.iter().zip(&counts.zones);
        let zones =
            zones.map(|(name, c)| format!("stats for {seconds}secs zone {name}: {}", text(c)));
        zones.chain([format!("stats for {seconds}sec: {}", text(&counts.all))]).collect()
    }

    /// Counts from zero again.
    pub(super) fn reset(&mut self, reading: &Reading, now: u64) {
        self.base = reading.clone();
        self.last = reading.clone();
        self.since = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(times: u64) -> Reading {
        let zone = Counts { ok: times, nxd: 2 * times, err: 0, bytes_in: 30, bytes_out: 60 };
        let all = Counts { ok: times, nxd: 2 * times, err: 5, bytes_in: 50, bytes_out: 90 };
        Reading { zones: vec![zone], all }
    }

    fn statistics(relative: bool) -> Statistics {
        Statistics::new(vec!["bl.test".parse().unwrap()], relative, 1000)
    }

    #[test]
    fn lines_count_from_the_start_or_from_the_line_before() {
        let mut absolute = statistics(false);
        assert_eq!(absolute.file_line(&reading(1), 1001), "1001 bl.test:3:1:2:30:60 *:8:1:2:50:90");
        assert_eq!(
            absolute.file_line(&reading(2), 1002),
            "1002 bl.test:6:2:4:30:60 *:11:2:4:50:90"
        );
        let mut relative = statistics(true);
        relative.file_line(&reading(1), 1001);
        assert_eq!(relative.file_line(&reading(2), 1002), "1002 bl.test:3:1:2:0:0 *:3:1:2:0:0");
    }

    #[test]
    fn messages_count_from_the_last_reset() {
        let mut statistics = statistics(false);
        assert_eq!(
            statistics.messages(&reading(1), 1060),
            [
                "stats for 60secs zone bl.test: tot=3 ok=1 nxd=2 err=0 in=30 out=60",
                "stats for 60sec: tot=8 ok=1 nxd=2 err=5 in=50 out=90",
            ]
        );
        statistics.reset(&reading(1), 1060);
        let zero = "stats for 0sec: tot=0 ok=0 nxd=0 err=0 in=0 out=0";
        assert_eq!(statistics.messages(&reading(1), 1060)[1], zero);
    }
}

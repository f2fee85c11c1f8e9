//! How editors serve: what was decided in which week, how long it took against RFC 6471's two and seven days, and what
//! waits.
//!
//! Functions over rows; the times they are of are arguments.

use std::collections::BTreeMap;

use repute_database::Timestamp;
use repute_database::statistics::{Decision, Waiting};

/// What became of requests and removals in a week.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Week {
    /// When it begins: a Monday, at midnight in UTC.
    pub begins: Timestamp,
    /// Approved, or granted, by somebody.
    pub approved: usize,
    /// Approved, or granted, as nobody had to decide.
    pub automatic: usize,
    /// Approved in part.
    pub partly: usize,
    /// Rejected, or refused.
    pub rejected: usize,
    /// Sent back with a question.
    pub asked: usize,
    /// Taken back, or given up, by who asked.
    pub given_up: usize,
}

/// How long decisions took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Service {
    /// How many decisions.
    pub count: usize,
    /// Half of them took at most so long, in microseconds.
    pub median: i64,
    /// Nine of ten did.
    pub p90: i64,
    /// How many were made within two days.
    pub in_time: usize,
    /// How many took longer than seven.
    pub overdue: usize,
}

/// The weeks up to now, the first one first, also those without a decision.
pub fn weeks(decisions: &[Decision], count: i64, now: Timestamp) -> Vec<Week> {
    let last = week_of(now);
    let begins = |week| Timestamp(week * WEEK + MONDAY);
    let mut weeks: BTreeMap<i64, Week> =
        (last - count + 1..=last).map(|week| (week, Week::empty(begins(week)))).collect();
    for decision in decisions {
        let Some(week) = weeks.get_mut(&week_of(decision.time)) else { continue };
        match &*decision.outcome {
            "approved" | "granted" => week.approved += 1,
            "auto-approved" | "auto-granted" => week.automatic += 1,
            "partly-approved" => week.partly += 1,
            "rejected" | "refused" => week.rejected += 1,
            "needs-info" => week.asked += 1,
            _ => week.given_up += 1,
        }
    }
    weeks.into_values().collect()
}

/// How long the decisions of people took; none if there are none.
pub fn service<'d>(decisions: impl IntoIterator<Item = &'d Decision>) -> Option<Service> {
    let by_people = decisions.into_iter().filter(|one| is_ruling(&one.outcome));
    let mut took: Vec<i64> = by_people.map(|one| (one.time.0 - one.asked.0).max(0)).collect();
    took.sort_unstable();
    // The nearest rank: the least amount that so large a share does not exceed.
    let rank = |share: usize| took.get((took.len() * share).div_ceil(100).max(1) - 1).copied();
    Some(Service {
        count: took.len(),
        median: rank(50)?,
        p90: rank(90)?,
        in_time: took.iter().filter(|took| **took < 2 * DAY).count(),
        overdue: took.iter().filter(|took| **took >= 7 * DAY).count(),
    })
}

/// The service of each editor by his account, the one with most decisions first. What nobody did by hand is nobody's.
pub fn by_editor(decisions: &[Decision]) -> Vec<(i64, Service)> {
    let mut of: BTreeMap<i64, Vec<&Decision>> = BTreeMap::new();
    for decision in decisions.iter().filter(|one| is_ruling(&one.outcome)) {
        if let Some(account) = decision.account {
            of.entry(account).or_default().push(decision);
        }
    }
    let with = |(account, own): (i64, Vec<&Decision>)| Some((account, service(own)?));
    let mut all: Vec<(i64, Service)> = of.into_iter().filter_map(with).collect();
    all.sort_by_key(|(_, service)| std::cmp::Reverse(service.count));
    all
}

/// How many wait for less than a day, two days, a week, a month, and longer.
pub fn by_age(waiting: &[Waiting], now: Timestamp) -> [(&'static str, usize); 5] {
    let bounds = [DAY, 2 * DAY, 7 * DAY, 30 * DAY, i64::MAX];
    let words = ["less than a day", "1 to 2 days", "2 to 7 days", "7 to 30 days", "longer"];
    let age = |one: &Waiting| now.0 - one.since.0;
    let place = |one: &Waiting| bounds.iter().position(|bound| age(one) < *bound).unwrap_or(4);
    let mut counts = words.map(|word| (word, 0));
    for one in waiting {
        counts[place(one)].1 += 1;
    }
    counts
}

impl Week {
    /// One in which nothing was decided.
    fn empty(begins: Timestamp) -> Week {
        Week { begins, approved: 0, automatic: 0, partly: 0, rejected: 0, asked: 0, given_up: 0 }
    }
}

/// Whether an outcome is what an editor ruled. A question stops no clock.
fn is_ruling(outcome: &str) -> bool {
    matches!(outcome, "approved" | "partly-approved" | "rejected" | "granted" | "refused")
}

/// The week of a moment, counted from the first Monday of 1970.
fn week_of(time: Timestamp) -> i64 {
    (time.0 - MONDAY).div_euclid(WEEK)
}

/// A day, in microseconds.
const DAY: i64 = 86_400_000_000;
/// A week.
const WEEK: i64 = 7 * DAY;
/// 1970 began on a Thursday; this is its first Monday.
const MONDAY: i64 = 4 * DAY;

#[cfg(test)]
mod tests {
    use super::*;

    /// A decision on a day, after so many days, by somebody.
    fn decision(day: i64, took: i64, outcome: &str, account: Option<i64>) -> Decision {
        let (time, asked) = (Timestamp(day * DAY), Timestamp((day - took) * DAY));
        Decision { outcome: outcome.to_owned(), time, asked, account }
    }

    #[test]
    fn decisions_are_counted_by_week_from_monday_on() {
        let all = [
            decision(3, 1, "approved", Some(1)),
            decision(4, 1, "auto-approved", None),
            decision(5, 1, "auto-granted", None),
            decision(5, 1, "granted", Some(1)),
            decision(10, 1, "rejected", Some(1)),
            decision(11, 1, "withdrawn", None),
            decision(12, 1, "partly-approved", Some(1)),
            decision(12, 1, "needs-info", Some(1)),
        ];
        let weeks = weeks(&all, 2, Timestamp(12 * DAY));
        let empty = |day: i64| Week::empty(Timestamp(day * DAY));
        let first = Week { approved: 1, automatic: 2, rejected: 1, ..empty(4) };
        let last = Week { partly: 1, asked: 1, given_up: 1, ..empty(11) };
        assert_eq!(weeks, [first, last]);
    }

    #[test]
    fn service_is_told_by_the_middle_and_by_nine_of_ten() {
        let all: Vec<Decision> =
            (1..=10).map(|took| decision(20, took, "approved", Some(took % 2))).collect();
        let found = service(&all).expect("there are decisions");
        let days = (found.median / DAY, found.p90 / DAY, found.in_time, found.overdue);
        assert_eq!(days, (5, 9, 1, 4));
        assert_eq!(service(&[decision(9, 3, "needs-info", Some(1))]), None);
        assert_eq!(service(&[decision(9, 3, "auto-granted", None)]), None);
        let one = service(&[decision(9, 3, "rejected", Some(1))]).expect("there is one");
        assert_eq!((one.median / DAY, one.p90 / DAY), (3, 3));
        let editors = by_editor(
            &[all, vec![decision(1, 1, "approved", None), decision(1, 1, "auto-granted", None)]]
                .concat(),
        );
        let counts: Vec<_> = editors.iter().map(|(who, service)| (*who, service.count)).collect();
        assert_eq!(counts, [(0, 5), (1, 5)]);
    }

    #[test]
    fn what_waits_is_told_by_age() {
        let since = [0, 1, 3, 6, 8, 40]
            .map(|age| Waiting { state: "queued".to_owned(), since: Timestamp((100 - age) * DAY) });
        let counts = by_age(&since, Timestamp(100 * DAY)).map(|(_, count)| count);
        assert_eq!(counts, [1, 1, 2, 1, 1]);
    }
}

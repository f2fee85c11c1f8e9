//! What a report comes to: listed, not listed, or nothing that can be said.

use crate::list::List;
use crate::survey::Report;
use crate::verdict::Verdict;
use repute_dnsxl::Polarity;

/// What all lists together say of a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// No block list has it, and enough of them answered.
    NotListed,
    /// A block list has it.
    Listed,
    /// Too few answered to say that it is not listed.
    Unknown,
}

/// How many lists said what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// Block lists that have it, each once however many others it is part of.
    pub listed: usize,
    /// Block lists that do not have it.
    pub not_listed: usize,
    /// Block lists that did not say.
    pub unknown: usize,
    /// Allow lists that have it.
    pub allowed: usize,
}

impl Count {
    /// Counts a report. Lists in which it cannot be looked up, allow lists and facts are no answers to
    /// whether it is blocked.
    pub fn of(lists: &[List], report: &Report) -> Count {
        let mut count = Count::default();
        for (place, (list, verdict)) in lists.iter().zip(&report.verdicts).enumerate() {
            match (list.polarity, verdict) {
                (_, None) | (Polarity::Info, _) => {}
                (Polarity::Allow, Some(verdict)) => {
                    count.allowed += usize::from(matches!(verdict, Verdict::Listed(_)));
                }
                (Polarity::Block, Some(Verdict::Listed(_))) => {
                    count.listed += usize::from(!is_counted_elsewhere(lists, report, place));
                }
                (Polarity::Block, Some(Verdict::NotListed)) => count.not_listed += 1,
                (Polarity::Block, Some(Verdict::Unknown(_))) => count.unknown += 1,
            }
        }
        count
    }

    /// Block lists that were asked.
    pub fn asked(&self) -> usize {
        self.listed + self.not_listed + self.unknown
    }

    /// What it comes to, if at least this share of the lists must answer, and one of them in any case.
    pub fn outcome(&self, quorum: f64) -> Outcome {
        let answered = self.listed + self.not_listed;
        match () {
            () if answered == 0 || (answered as f64) < quorum * self.asked() as f64 => {
                Outcome::Unknown
            }
            () if self.listed > 0 => Outcome::Listed,
            () => Outcome::NotListed,
        }
    }
}

/// Whether a listing is also one of a list that contains this one.
pub fn is_counted_elsewhere(lists: &[List], report: &Report, place: usize) -> bool {
    let Some(zone) = lists.get(place).map(|list| &list.zone) else { return false };
    lists.iter().zip(&report.verdicts).any(|(list, verdict)| {
        matches!(verdict, Some(Verdict::Listed(_))) && list.contains.contains(zone)
    })
}

#[cfg(test)]
mod tests {
    use repute_dnsxl::{ReturnCode, Target};

    use super::*;
    use crate::verdict::{Listing, Reason};

    fn listed() -> Option<Verdict> {
        let codes = vec![ReturnCode::LISTED];
        Some(Verdict::Listed(Listing { codes, texts: Vec::new(), ttl: None }))
    }

    fn unknown() -> Option<Verdict> {
        Some(Verdict::Unknown(Reason::TimedOut))
    }

    /// What lists with these names and polarities come to; `all` contains `part`.
    fn count(said: Vec<(&str, Polarity, Option<Verdict>)>) -> Count {
        let lists: Vec<List> = said
            .iter()
            .map(|(zone, polarity, _)| {
                let mut list = List::new(zone.parse().expect("a name"));
                list.polarity = *polarity;
                if *zone == "all" {
                    list.contains = vec!["part".parse().expect("a name")];
                }
                list
            })
            .collect();
        let verdicts = said.into_iter().map(|(.., verdict)| verdict).collect();
        let target = Target::Ipv4("192.0.2.1".parse().expect("an address"));
        Count::of(&lists, &Report { target, verdicts })
    }

    #[test]
    fn unknown_is_neither_listed_nor_clean() {
        use Polarity::Block;
        let half = count(vec![("a", Block, Some(Verdict::NotListed)), ("b", Block, unknown())]);
        assert_eq!(half.outcome(0.5), Outcome::NotListed);
        let third = count(vec![
            ("a", Block, Some(Verdict::NotListed)),
            ("b", Block, unknown()),
            ("c", Block, unknown()),
        ]);
        assert_eq!(third.outcome(0.5), Outcome::Unknown);
        assert_eq!(third.outcome(0.3), Outcome::NotListed);
        assert_eq!(count(vec![("a", Block, None)]).outcome(0.0), Outcome::Unknown, "nobody asked");
        assert_eq!(count(vec![("a", Block, listed())]).outcome(0.5), Outcome::Listed);
    }

    #[test]
    fn a_listing_in_a_part_counts_once() {
        use Polarity::Block;
        assert_eq!(count(vec![("all", Block, listed()), ("part", Block, listed())]).listed, 1);
        assert_eq!(count(vec![("all", Block, unknown()), ("part", Block, listed())]).listed, 1);
    }

    #[test]
    fn without_any_answer_nothing_is_known() {
        use Polarity::Block;
        assert_eq!(count(vec![("a", Block, unknown())]).outcome(0.0), Outcome::Unknown);
    }

    #[test]
    fn allow_lists_and_facts_are_not_bad() {
        use Polarity::{Allow, Block, Info};
        let count = count(vec![
            ("a", Allow, listed()),
            ("b", Info, listed()),
            ("c", Block, Some(Verdict::NotListed)),
        ]);
        assert_eq!((count.listed, count.allowed, count.asked()), (0, 1, 1));
        assert_eq!(count.outcome(0.5), Outcome::NotListed);
    }
}

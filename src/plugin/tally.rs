//! What each list says of all targets of a check together: a plugin has one state for all of them.

use repute_dnsxl::{Polarity, Target};
use repute_lookup::list::List;
use repute_lookup::outcome::is_counted_elsewhere;
use repute_lookup::survey::Report;
use repute_lookup::verdict::{Listing, Reason, Verdict};

/// What lists say.
#[derive(Debug)]
pub(crate) struct Tally {
    /// The lists, with what each says.
    pub(crate) rows: Vec<Row>,
    /// What they are, in the same order, as reports are judged by it.
    lists: Vec<List>,
}

/// What one list says of all targets.
#[derive(Debug)]
pub(crate) struct Row {
    /// The list.
    pub(crate) list: List,
    /// What it has.
    pub(crate) listings: Vec<(Target, Listing)>,
    /// Whether one of those is not also in a list that contains this one.
    counts: bool,
    /// How many targets it does not have.
    pub(crate) not_listed: usize,
    /// Why it did not say, of the first target of which it did not.
    pub(crate) unknown: Option<Reason>,
}

/// What a list says, in a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Word<'a> {
    /// It takes none of the targets.
    NotAsked,
    /// It has one of them.
    Listed,
    /// It has none of them.
    NotListed,
    /// It did not say of one, and has none of the others.
    Unknown(&'a Reason),
}

impl Tally {
    /// Lists of which none has said anything.
    pub(crate) fn new(lists: Vec<List>) -> Tally {
        let row = |list: &List| Row {
            list: list.clone(),
            listings: Vec::new(),
            counts: false,
            not_listed: 0,
            unknown: None,
        };
        Tally { rows: lists.iter().map(row).collect(), lists }
    }

    /// Takes in what all lists say of a target.
    pub(crate) fn add(&mut self, report: &Report) {
        for (place, verdict) in report.verdicts.iter().enumerate() {
            let counts = !is_counted_elsewhere(&self.lists, report, place);
            let (Some(verdict), Some(row)) = (verdict, self.rows.get_mut(place)) else { continue };
            match verdict {
                Verdict::Listed(listing) => {
                    row.counts |= counts;
                    row.listings.push((report.target.clone(), listing.clone()));
                }
                Verdict::NotListed => row.not_listed += 1,
                Verdict::Unknown(reason) => {
                    row.unknown.get_or_insert_with(|| reason.clone());
                }
            }
        }
    }

    /// The lists of a polarity.
    pub(crate) fn of(&self, polarity: Polarity) -> impl Iterator<Item = &Row> {
        self.rows.iter().filter(move |row| row.list.polarity == polarity)
    }
}

/// The lines for lists that did not say: one each, but one together for many that have the same reason, unless
/// somebody wants all.
pub(crate) fn unknown_lines(rows: &[Row], all: bool) -> Vec<String> {
    let reason = |row: &Row| match row.word() {
        Word::Unknown(reason) => Some(reason.to_string()),
        Word::Listed | Word::NotListed | Word::NotAsked => None,
    };
    let mut told: Vec<String> = Vec::new();
    let mut lines = Vec::new();
    for row in rows {
        let Some(why) = reason(row) else { continue };
        let alike: Vec<&Row> =
            rows.iter().filter(|other| reason(other).as_ref() == Some(&why)).collect();
        if all || alike.len() <= MOST_ALIKE {
            lines.extend(row.lines());
        } else if !told.contains(&why) {
            let some = alike.iter().take(MOST_ALIKE).map(|row| row.list.zone.to_string());
            let (some, more) = (some.collect::<Vec<_>>().join(", "), alike.len() - MOST_ALIKE);
            lines.push(format!("unknown: {some} and {more} more: {why}"));
            told.push(why);
        }
    }
    lines
}

impl Row {
    /// What it says, in a word.
    pub(crate) fn word(&self) -> Word<'_> {
        match &self.unknown {
            _ if !self.listings.is_empty() => Word::Listed,
            Some(reason) => Word::Unknown(reason),
            None if self.not_listed > 0 => Word::NotListed,
            None => Word::NotAsked,
        }
    }

    /// Whether it was asked.
    pub(crate) fn is_asked(&self) -> bool {
        self.word() != Word::NotAsked
    }

    /// Whether it has one of the targets, and no list that contains it has the same.
    pub(crate) fn is_counted(&self) -> bool {
        self.counts
    }

    /// Whether nothing came from it.
    pub(crate) fn is_silent(&self) -> bool {
        matches!(self.word(), Word::Unknown(Reason::TimedOut | Reason::Dead | Reason::Unreachable))
    }

    /// Whether something came from it, but not whether it has the targets.
    pub(crate) fn is_unusable(&self) -> bool {
        matches!(self.word(), Word::Unknown(_)) && !self.is_silent()
    }

    /// What there is to say of it, for somebody who wants to do something about it: a line for each listing,
    /// or why it is unknown.
    pub(crate) fn lines(&self) -> Vec<String> {
        let zone = &self.list.zone;
        match self.word() {
            Word::NotAsked | Word::NotListed => Vec::new(),
            Word::Unknown(reason) => vec![format!("unknown: {zone}: {reason}")],
            Word::Listed => {
                let part = match self.counts || self.list.polarity != Polarity::Block {
                    true => "",
                    false => " (counted in the list that contains it)",
                };
                let lines = self.listings.iter().map(|(target, listing)| {
                    let mut line = match self.list.polarity {
                        Polarity::Block => format!("listed: {target} by {zone}{part}: "),
                        Polarity::Allow => format!("allowed: {target} by {zone}: "),
                        Polarity::Info => format!("fact: {target} in {zone}: "),
                    };
                    line.push_str(&self.codes(listing));
                    for text in &listing.texts {
                        line.push_str(&format!(", \"{}\"", super::clean(text)));
                    }
                    if let Some(link) = self.list.delisting_link(target)
                        && self.list.polarity == Polarity::Block
                    {
                        line.push_str(&format!(", removal: {link}"));
                    }
                    line
                });
                lines.collect()
            }
        }
    }

    /// The codes of a listing with their meanings.
    fn codes(&self, listing: &Listing) -> String {
        let codes = listing.codes.iter().map(|code| match self.list.meaning(*code) {
            Some(meaning) => format!("{code} {meaning}"),
            None => code.to_string(),
        });
        codes.collect::<Vec<_>>().join(", ")
    }
}

/// So many lists that do not say, for the same reason, have a line each; more have one together.
const MOST_ALIKE: usize = 4;

#[cfg(test)]
mod tests {
    use repute_dnsxl::ReturnCode;

    use super::*;

    /// A listing with a text.
    fn listed() -> Option<Verdict> {
        let texts = vec!["spam | from\nhere".to_owned()];
        Some(Verdict::Listed(Listing { codes: vec![ReturnCode::LISTED], texts, ttl: None }))
    }

    /// Lists `all`, which contains the second, `part`, and an allow list.
    fn lists() -> Vec<List> {
        let mut lists =
            ["all", "part", "allow"].map(|zone| List::new(zone.parse().expect("a name")));
        lists[0].contains = vec![lists[1].zone.clone()];
        lists[0].delisting = Some("https://all.example/{target}".to_owned());
        lists[2].polarity = Polarity::Allow;
        lists.into()
    }

    /// What these reports come to; targets are 192.0.2.0 and those behind it.
    fn tally(reports: Vec<[Option<Verdict>; 3]>) -> Tally {
        let mut tally = Tally::new(lists());
        for (n, verdicts) in (0..).zip(reports) {
            let target = Target::Ipv4([192, 0, 2, n].into());
            tally.add(&Report { target, verdicts: verdicts.into() });
        }
        tally
    }

    #[test]
    fn a_part_of_a_list_counts_only_where_the_whole_does_not_have_it() {
        let counted = |tally: &Tally| tally.rows.iter().map(Row::is_counted).collect::<Vec<_>>();
        let both = || [listed(), listed(), None];
        let part = || [Some(Verdict::NotListed), listed(), None];
        assert_eq!(counted(&tally(vec![both()])), [true, false, false]);
        assert_eq!(counted(&tally(vec![both(), part()])), [true, true, false]);
    }

    #[test]
    fn what_was_not_said_of_one_target_is_unknown_of_all() {
        let silent = || Some(Verdict::Unknown(Reason::TimedOut));
        let refused = Some(Verdict::Unknown(Reason::Refused));
        let clean = || Some(Verdict::NotListed);
        let tally = tally(vec![[clean(), silent(), refused], [silent(), listed(), None]]);
        let [all, part, allow] = &tally.rows[..] else { panic!("three lists") };
        assert_eq!(all.word(), Word::Unknown(&Reason::TimedOut));
        assert_eq!((all.is_silent(), all.is_unusable()), (true, false));
        assert_eq!(part.word(), Word::Listed);
        assert_eq!((allow.is_silent(), allow.is_unusable()), (false, true));
        assert_eq!(self::tally(vec![[None, None, None]]).rows[0].word(), Word::NotAsked);
    }

    #[test]
    fn many_lists_that_fail_alike_are_one_line() {
        let row = |zone: &str| {
            let mut row = tally(vec![]).rows.remove(0);
            row.list.zone = zone.parse().expect("a name");
            row.unknown = Some(Reason::TimedOut);
            row
        };
        let rows: Vec<Row> = ["a", "b", "c", "d", "e", "f"].map(row).into();
        assert_eq!(
            unknown_lines(&rows, false),
            ["unknown: a, b, c, d and 2 more: no answer in time"]
        );
        assert_eq!(unknown_lines(&rows, true).len(), 6);
        assert_eq!(unknown_lines(&rows[..4], false).len(), 4);
    }

    #[test]
    fn lines_say_why_and_how_to_get_out() {
        let lines = |place: usize| tally(vec![[listed(), listed(), listed()]]).rows[place].lines();
        assert_eq!(
            lines(0),
            [
                "listed: 192.0.2.0 by all: 127.0.0.2, \"spam / from here\", removal: https://all.example/192.0.2.0"
            ]
        );
        assert!(lines(1)[0].contains("(counted in the list that contains it)"), "{:?}", lines(1));
        assert!(lines(2)[0].starts_with("allowed: 192.0.2.0 by allow: 127.0.0.2"));
    }
}

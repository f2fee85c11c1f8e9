//! The first line in check_rbl's words, and what stands below it.
//!
//! Its grammar is check_rbl's, so that what reads its lines reads these: the object, the count, the hits,
//! the lists that timed out, the numbers. Groups that check_rbl does not have stand behind those it has.

use std::fmt::Write as _;
use std::time::Duration;

use repute_dnsxl::Polarity;
use repute_lookup::verdict::Listing;

use super::options::{Counted, Object, Options};
use crate::plugin::tally::{Row, Tally, Word, unknown_lines};
use crate::plugin::{Output, Perfdata, Range, State, Thresholds};

/// What was found.
pub(super) struct Found<'a> {
    /// What was looked up, as it is shown.
    pub(super) object: String,
    /// What the lists say.
    pub(super) tally: &'a Tally,
    /// The zones that could not be asked, and why.
    pub(super) unusable: &'a [(String, String)],
    /// How many lists there are.
    pub(super) servers: u32,
    /// How long it took.
    pub(super) took: Duration,
}

/// Says what it comes to.
pub(super) fn output(options: &Options, found: &Found<'_>) -> Output {
    let rows = &found.tally.rows;
    let hits: Vec<String> = match options.count {
        Counted::Listed => {
            let listed = found.tally.of(Polarity::Block).filter(|row| row.is_counted());
            listed.map(|row| hit(options, found, row)).collect()
        }
        Counted::NotListed => {
            let missing = rows.iter().filter(|row| row.not_listed > 0);
            missing.map(|row| zone(options, found, row)).collect()
        }
    };
    let silent: Vec<String> =
        rows.iter().filter(|row| row.is_silent()).map(|row| zone(options, found, row)).collect();
    let unusable: Vec<String> = rows
        .iter()
        .filter(|row| row.is_unusable())
        .map(|row| row.list.zone.to_string())
        .chain(found.unusable.iter().map(|(zone, _)| zone.clone()))
        .collect();

    let thresholds = Thresholds {
        warning: Range::up_to(options.warning - 1),
        critical: Range::up_to(options.critical - 1),
    };
    let asked = rows.iter().filter(|row| row.is_asked()).count() + found.unusable.len();
    let answered = asked - silent.len() - unusable.len();
    let is_quorate = answered > 0 && answered * 2 >= asked;
    let state = match thresholds.state(number(hits.len())) {
        // What the others would have said could only add to the listings: those that are known stand.
        State::Ok if !is_quorate => State::Unknown,
        state => state,
    };

    let verb = match options.count {
        Counted::Listed => "BLACKLISTED",
        Counted::NotListed => "NOT WHITELISTED",
    };
    let total = servers(hits.len());
    let mut line = format!("{} {verb} on {total} of {}", found.object, found.servers);
    // Writing to a String cannot fail, here and below.
    if !hits.is_empty() {
        let _ = write!(line, " ({})", hits.join(" "));
    }
    if !silent.is_empty() {
        let _ = write!(line, " ({} timed out: {})", servers(silent.len()), silent.join(", "));
    }
    if !unusable.is_empty() {
        let _ = write!(line, " ({} unusable: {})", servers(unusable.len()), some(&unusable));
    }
    if asked == 0 {
        line.push_str(" (none of them takes it)");
    } else if !is_quorate {
        let _ = write!(line, " ({answered} of {} answered)", servers(asked));
    }
    if !options.append.is_empty() {
        let _ = write!(line, " {}", options.append);
    }
    let perfdata = vec![
        Perfdata::count("servers", number(hits.len())).with(thresholds),
        Perfdata::seconds("time", found.took).padded(),
    ];
    Output { name: NAME, state, line, perfdata, long: long(options, found) }
}

/// A list that has it, with its codes.
fn hit(options: &Options, found: &Found<'_>, row: &Row) -> String {
    let mut codes: Vec<String> = Vec::new();
    for (_, Listing { codes: more, .. }) in &row.listings {
        for code in more {
            let code = code.to_string();
            if !codes.contains(&code) {
                codes.push(code);
            }
        }
    }
    format!("{} ({})", zone(options, found, row), codes.join(", "))
}

/// A list as check_rbl shows it: a domain stands in front of the zone, an address does not.
fn zone(options: &Options, found: &Found<'_>, row: &Row) -> String {
    let is_name = found.object.parse::<std::net::IpAddr>().is_err();
    match options.object {
        Object::Url(_) if is_name => format!("{}.{}", found.object, row.list.zone),
        Object::Url(_) | Object::Host(_) => row.list.zone.to_string(),
    }
}

/// The further lines: why it is listed and how it gets out, what is known of the others, and with `-v` what
/// check_rbl writes above its first line.
fn long(options: &Options, found: &Found<'_>) -> Vec<String> {
    let rows = &found.tally.rows;
    let mut lines = Vec::new();
    if options.count == Counted::Listed {
        lines.extend(rows.iter().filter(|row| row.word() == Word::Listed).flat_map(Row::lines));
    }
    lines.extend(unknown_lines(rows, options.verbose > 0));
    lines.extend(found.unusable.iter().map(|(zone, why)| format!("unknown: {zone}: {why}")));
    lines.extend(options.ignored.iter().map(|word| format!("ignored: {word}")));
    if options.verbose > 0 {
        for row in rows {
            let zone = zone(options, found, row);
            lines.extend(row.listings.iter().map(|(_, listing)| {
                let codes = listing.codes.iter().map(ToString::to_string);
                format!("listed in {zone} as {}", codes.collect::<Vec<_>>().join(", "))
            }));
            match row.word() {
                Word::NotListed => lines.push(format!("not listed in {zone}")),
                Word::NotAsked => {
                    lines.push(format!("not asked: {zone} does not take such targets"));
                }
                Word::Listed | Word::Unknown(_) => {}
            }
        }
    }
    lines
}

/// The first names of many: all of them, with the reasons, stand in the long text, and the first line is cut by
/// whoever shows it.
fn some(names: &[String]) -> String {
    let shown = names.iter().take(MOST_NAMED).cloned().collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(MOST_NAMED) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

/// So many servers, in words.
fn servers(count: usize) -> String {
    match count {
        1 => "1 server".to_owned(),
        n => format!("{n} servers"),
    }
}

/// A count as a number of the output.
fn number(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// So many unusable lists are named in the first line.
const MOST_NAMED: usize = 8;
/// The word in front of the state.
pub(super) const NAME: &str = "CHECK_RBL";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_many_unusable_lists_the_first_are_named() {
        let names: Vec<String> = (1..=10).map(|number| format!("bl{number}.test")).collect();
        assert_eq!(some(&names[..2]), "bl1.test, bl2.test");
        assert!(some(&names).ends_with("bl7.test, bl8.test and 2 more"), "{}", some(&names));
    }
}

//! From what lists say of a target, in `lookup`'s words, to what this room remembers.

use repute_lookup::inquiry::ListAt;
use repute_lookup::list::List;
use repute_lookup::outcome::{self, Count};
use repute_lookup::resolve::{Addresses, Missing};
use repute_lookup::survey::Report;
use repute_lookup::verdict::{Reason, Verdict};

use crate::standing::{Details, Saw};
use crate::state::{Condition, Finding, Outcome, Summary};

/// What lists are called: by their zones; with the server, if a zone is asked at several.
pub fn names(lists: &[ListAt]) -> Vec<String> {
    let name = |at: &ListAt| {
        let zone = &at.list.zone;
        match at.servers.first() {
            Some(server) if lists.iter().filter(|other| other.list.zone == *zone).count() > 1 => {
                format!("{zone}@{server}")
            }
            Some(_) | None => zone.to_string(),
        }
    };
    lists.iter().map(name).collect()
}

/// What a report found, by list; nothing of lists that do not take the target.
pub fn findings(names: &[String], lists: &[List], report: &Report) -> Vec<Finding> {
    let found =
        names.iter().zip(lists).zip(&report.verdicts).filter_map(|((name, list), verdict)| {
            let verdict = verdict.as_ref()?;
            let wholes =
                names.iter().zip(lists).filter(|(_, whole)| whole.contains.contains(&list.zone));
            Some(Finding {
                list: name.clone(),
                meaning: list.polarity.into(),
                saw: saw(list, report, verdict),
                condition: condition(verdict),
                part_of: wholes.map(|(name, _)| name.clone()).collect(),
            })
        });
    found.collect()
}

/// What a report comes to, if this share of the lists must answer.
pub fn summary(lists: &[List], report: &Report, quorum: f64) -> Summary {
    let count = Count::of(lists, report);
    Summary {
        outcome: match count.outcome(quorum) {
            outcome::Outcome::NotListed => Outcome::Clean,
            outcome::Outcome::Listed => Outcome::Listed,
            outcome::Outcome::Unknown => Outcome::Unknown,
        },
        listed: count.listed,
        unknown: count.unknown,
        asked: count.asked(),
    }
}

/// Makes unknown what seemed clean of a host about which nothing is known, for this reason: a name that is
/// on no list says nothing of addresses that could not be found. What is listed stays so.
pub fn doubt(findings: &mut [Finding], summary: &mut Summary, why: &str) {
    for finding in findings.iter_mut().filter(|finding| finding.saw == Saw::Clean) {
        finding.saw = Saw::Unknown(why.to_owned());
    }
    if summary.outcome == Outcome::Clean {
        summary.outcome = Outcome::Unknown;
    }
    summary.unknown = summary.asked.saturating_sub(summary.listed);
}

/// Why nothing is known of a host itself, in words. A domain need not have addresses.
pub fn problem(addresses: &Addresses) -> Option<&'static str> {
    match addresses {
        Ok(_) | Err(Missing::Address) => None,
        Err(Missing::Name) => Some("no such host"),
        Err(Missing::Answer) => Some("no resolver could tell its addresses"),
    }
}

/// What a verdict says of the target.
fn saw(list: &List, report: &Report, verdict: &Verdict) -> Saw {
    match verdict {
        Verdict::Listed(listing) => Saw::Listed(Details {
            codes: listing.codes.iter().map(ToString::to_string).collect(),
            meanings: listing.codes.iter().filter_map(|code| list.meaning(*code)).collect(),
            texts: listing.texts.clone(),
            link: list.delisting_link(&report.target),
        }),
        Verdict::NotListed => Saw::Clean,
        Verdict::Unknown(reason) => Saw::Unknown(reason.to_string()),
    }
}

/// What a verdict says of the list; nothing, if it is about the target alone.
fn condition(verdict: &Verdict) -> Option<Condition> {
    let Verdict::Unknown(reason) = verdict else { return Some(Condition::Ok) };
    Some(match reason {
        // Nothing was asked, or what was heard is the resolver's own: nothing is known of the list.
        Reason::TooLong | Reason::NoKey(_) | Reason::NotAsked | Reason::Rewritten(_) => {
            return None;
        }
        Reason::TimedOut
        | Reason::Dead
        | Reason::Unreachable
        | Reason::ServerFailure
        | Reason::Error(_)
        | Reason::Malformed
        | Reason::NoZone => Condition::Dead,
        Reason::Refused => Condition::Refused,
        // The convention for "too many queries".
        Reason::Blocked(code, _) if code.0.octets() == [127, 255, 255, 255] => {
            Condition::Ratelimited
        }
        Reason::Blocked(..) => Condition::Refused,
        Reason::NotAList(_) => Condition::Hijacked,
        Reason::Wildcarded => Condition::Wildcard,
    })
}

#[cfg(test)]
mod tests {
    use repute_dnsxl::{Polarity, ReturnCode, Target};
    use repute_lookup::verdict::Listing;

    use super::*;

    fn list(zone: &str) -> List {
        List::new(zone.parse().expect("a name"))
    }

    #[test]
    fn a_resolver_that_makes_addresses_up_says_nothing_of_a_list() {
        let unknown = |reason| condition(&Verdict::Unknown(reason));
        let address = [198, 51, 100, 9].into();
        assert_eq!(unknown(Reason::Rewritten(address)), None);
        assert_eq!(unknown(Reason::NotAList(address)), Some(Condition::Hijacked));
        assert_eq!(unknown(Reason::NotAsked), None);
        assert_eq!(unknown(Reason::TimedOut), Some(Condition::Dead));
    }

    #[test]
    fn a_report_becomes_findings_with_all_that_one_needs() {
        let mut whole = list("whole.example");
        whole.contains = vec!["part.example".parse().expect("a name")];
        let mut part = list("part.example");
        part.delisting = Some("https://part.example/{target}".into());
        part.meanings = vec![("127.0.0.2".parse().expect("codes"), "sends spam".into())];
        let mut allow = list("allow.example");
        allow.polarity = Polarity::Allow;
        let lists = [whole, part, allow, list("names.example")];
        let codes = vec![ReturnCode::LISTED];
        let listing = Listing { codes, texts: vec!["see there".into()], ttl: None };
        let report = Report {
            target: Target::Ipv4([192, 0, 2, 1].into()),
            verdicts: vec![
                Some(Verdict::Unknown(Reason::Refused)),
                Some(Verdict::Listed(listing)),
                Some(Verdict::NotListed),
                None,
            ],
        };
        let names = ["whole", "part", "allow", "names"].map(str::to_owned);
        let found = findings(&names, &lists, &report);
        assert_eq!(found.len(), 3);
        assert_eq!(found[0].condition, Some(Condition::Refused));
        assert_eq!(found[1].part_of, ["whole"]);
        let Saw::Listed(details) = &found[1].saw else { panic!("{:?}", found[1]) };
        assert_eq!(details.meanings, ["sends spam"]);
        assert_eq!(details.link.as_deref(), Some("https://part.example/192.0.2.1"));
        assert_eq!((found[2].meaning, &found[2].saw), (crate::event::Meaning::Allow, &Saw::Clean));
        let summary = summary(&lists, &report, 0.5);
        assert_eq!((summary.outcome, summary.listed, summary.asked), (Outcome::Listed, 1, 2));
    }

    #[test]
    fn a_zone_at_several_servers_has_several_names() {
        let at = |zone: &str, servers: &[&str]| ListAt {
            list: list(zone),
            servers: servers.iter().map(|s| s.parse().expect("an address")).collect(),
        };
        let lists =
            [at("a", &["192.0.2.1:53"]), at("b", &["192.0.2.1:53"]), at("b", &["192.0.2.2:53"])];
        assert_eq!(names(&lists), ["a", "b@192.0.2.1:53", "b@192.0.2.2:53"]);
    }
}

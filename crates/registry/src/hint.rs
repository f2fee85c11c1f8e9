//! Hints for organisations: what of them could stand better on a list, and the step that mends it.
//!
//! Functions over what is known; nothing here asks. A hint promises nothing: what it leads to, an editor decides.

use std::net::IpAddr;

use repute_database::categories::Category;
use repute_database::entries::Entry;
use repute_database::lists::List;
use repute_database::organisations::{Contact, Organisation, Purpose, State};
use repute_database::{Key, Timestamp};
use repute_dnsxl::{Name, Network, Polarity, ReturnCode};

use crate::request::check::{Check, Finding, Outcome};

/// A hint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hint {
    /// How much it matters.
    pub weight: Weight,
    /// What was seen.
    pub seen: String,
    /// What mends it.
    pub mend: String,
    /// Where that is done.
    pub step: Step,
}

/// How much a hint matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Weight {
    /// It costs an entry, or does already.
    Must,
    /// It keeps an entry from standing better.
    Should,
    /// It could be better.
    Could,
}

/// Where something is mended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Step {
    /// In a request to the list.
    Request,
    /// On the page of the organisation, where its contacts are.
    Contacts,
    /// By a claim of a domain.
    Claim,
    /// By a removal from a block list.
    Removal,
    /// In one's own DNS, or with others.
    Outside,
}

/// What an organisation itself lacks.
pub fn of_organisation(
    organisation: &Organisation,
    domains: &[Name],
    contacts: &[Contact],
) -> Vec<Hint> {
    let mut hints = Vec::new();
    if let State::Suspended { reason } = &organisation.state {
        hints.push(hint(
            Weight::Must,
            format!("it is suspended: {reason}"),
            "mend what that says and write to the editors: until then nothing new is listed",
            Step::Outside,
        ));
    }
    if domains.is_empty() {
        let mend = "prove a domain: without one nobody can tell that the addresses are yours";
        hints.push(hint(Weight::Must, "it has no proven domain".to_owned(), mend, Step::Claim));
    }
    if !contacts.iter().any(|contact| contact.purpose == Purpose::Abuse) {
        let weight = if contacts.is_empty() { Weight::Must } else { Weight::Should };
        let mend = "name a mail address for abuse: who gets spam from you writes there first";
        let seen = match contacts.is_empty() {
            true => "nobody is written to when something is wrong",
            false => "it has no contact for abuse",
        };
        hints.push(hint(weight, seen.to_owned(), mend, Step::Contacts));
    }
    if organisation.website.is_empty() {
        let mend = "name a website, so that an editor sees who you are";
        hints.push(hint(Weight::Could, "it has no website".to_owned(), mend, Step::Request));
    }
    hints
}

/// What an entry could be, by the rules of its list: what its codes mean, and which of them two editors decide about.
pub fn of_entry(
    list: &List,
    (codes, for_two): (&[(ReturnCode, String)], &[ReturnCode]),
    category: Option<&Category>,
    entry: &Entry,
    now: Timestamp,
) -> Vec<Hint> {
    let mut hints = Vec::new();
    let Some(code) = entry.code else {
        // It is excluded: the list never has it, whatever it names besides.
        return hints;
    };
    if list.polarity == Polarity::Block {
        let reason = if entry.reason.is_empty() { "no reason is given" } else { &*entry.reason };
        hints.push(hint(
            Weight::Must,
            format!("it is on a block list: {reason}"),
            "mend what the reason names, then ask for the removal",
            Step::Removal,
        ));
    }
    if entry.review.is_some_and(|review| review <= now) {
        hints.push(hint(
            Weight::Should,
            "its review is overdue".to_owned(),
            "ask for the same code again and say that all is as it was: that begins another year",
            Step::Request,
        ));
    }
    if list.polarity == Polarity::Allow && entry.expires.is_some_and(|end| end.0 <= now.0 + SOON) {
        let seen = "it leaves the list within a month".to_owned();
        hints.push(hint(Weight::Must, seen, "ask for it again", Step::Request));
    }
    if list.polarity == Polarity::Allow {
        hints.extend(of_score((codes, for_two), category, code));
    }
    hints
}

/// What the score and category of a code could be: 127.0.category.score, as dnswl.org has them. Of other codes nothing
/// is said.
fn of_score(
    (codes, for_two): (&[(ReturnCode, String)], &[ReturnCode]),
    category: Option<&Category>,
    code: ReturnCode,
) -> Vec<Hint> {
    let [127, 0, number, score] = code.0.octets() else { return Vec::new() };
    let mut hints = Vec::new();
    let meaning = |code: ReturnCode| codes.iter().find(|(known, _)| *known == code);
    if let Some(category) = category.filter(|category| category.number != number) {
        let wanted = ReturnCode([127, 0, category.number, score].into());
        let seen = format!("its code is not one of the organisation's category, {}", category.name);
        if let Some((wanted, words)) = meaning(wanted) {
            let mend = format!("ask for {wanted} ({words}), or for another category");
            hints.push(hint(Weight::Should, seen, &mend, Step::Request));
        }
    }
    let next = ReturnCode([127, 0, number, score.saturating_add(1)].into());
    if let Some((next, words)) = meaning(next).filter(|_| next != code) {
        let seen = match score {
            0 => "it has the lowest score: it is only known, and not trusted".to_owned(),
            _ => "a higher score is possible".to_owned(),
        };
        let who = match for_two.contains(next) {
            true => "two editors decide",
            false => "an editor decides",
        };
        let mend = format!(
            "once its name leads back to it and no block list has it, ask for {next} ({words}) and say what it sends; {who}"
        );
        hints.push(hint(Weight::Could, seen, &mend, Step::Request));
    }
    hints
}

/// What the checks of an address say to its owner: only what is not well.
pub fn of_findings(findings: &[Finding], address: IpAddr) -> Vec<Hint> {
    let about = address.to_string();
    let of_it = findings.iter().filter(|finding| finding.about == about);
    let hint = |finding: &Finding| {
        let weight = match (finding.outcome, finding.check) {
            (Outcome::Pass | Outcome::Unclear, _) => return None,
            (Outcome::Fail, _) => Weight::Must,
            (Outcome::Warn, Check::Elsewhere) => Weight::Must,
            (Outcome::Warn, _) => Weight::Should,
        };
        let step = match finding.check {
            Check::Domain => Step::Claim,
            Check::Range | Check::Conflict | Check::Category => Step::Request,
            Check::Fcrdns | Check::Naming | Check::Elsewhere => Step::Outside,
        };
        let seen = format!("{about}: {}", finding.seen);
        Some(Hint { weight, seen, mend: finding.mend.clone(), step })
    };
    of_it.filter_map(hint).collect()
}

/// The network that an entry names; none if it names something else.
pub fn network(entry: &Entry) -> Option<Network> {
    match entry.key {
        Key::Network(network) => Some(network),
        Key::Name(..) => None,
    }
}

/// A hint.
fn hint(weight: Weight, seen: String, mend: &str, step: Step) -> Hint {
    Hint { weight, seen, mend: mend.to_owned(), step }
}

/// So long before its end an entry is told of: a month, in microseconds.
const SOON: i64 = 30 * 86_400_000_000;

#[cfg(test)]
mod tests {
    use repute_database::entries::{OrganisationId, SourceId};
    use repute_dnsxl::KeyKind;

    use super::*;
    use crate::template::Template;

    /// Hints in words.
    fn words(hints: &[Hint]) -> Vec<String> {
        hints.iter().map(|one| format!("{:?} {:?} {}", one.weight, one.step, one.seen)).collect()
    }

    /// What is said of an entry of 8.8.8.8 with this code, on a list like dnswl.org's or a block list.
    fn said(polarity: Polarity, code: &str, change: impl FnOnce(&mut Entry)) -> Vec<String> {
        let list = List {
            apex: "wl.example".parse().expect("a name"),
            title: String::new(),
            description: String::new(),
            polarity,
            keys: KeyKind::Ip,
            ttl: 300,
            contact: String::new(),
        };
        let mut entry = Entry {
            key: "8.8.8.8".parse().expect("a key"),
            code: Some(code.parse().expect("a code")),
            text: String::new(),
            reason: "a trap was hit".to_owned(),
            criterion: None,
            source: SourceId(1),
            organisation: Some(OrganisationId(1)),
            since: Timestamp(0),
            expires: None,
            review: Some(Timestamp(100)),
        };
        change(&mut entry);
        let category = Category { number: 5, name: "service provider".to_owned() };
        let codes = Template::Dnswl.codes();
        let for_two: Vec<_> = codes
            .iter()
            .map(|(code, _)| *code)
            .filter(|code| Template::Dnswl.is_for_two(*code))
            .collect();
        let hints = of_entry(&list, (&codes, &for_two), Some(&category), &entry, Timestamp(50));
        words(&hints)
    }

    #[test]
    fn an_entry_is_told_what_would_raise_it() {
        let lowest = "Could Request it has the lowest score: it is only known, and not trusted";
        let higher = "Could Request a higher score is possible";
        assert_eq!(said(Polarity::Allow, "127.0.5.0", |_| {}), [lowest]);
        assert_eq!(said(Polarity::Allow, "127.0.5.2", |_| {}), [higher]);
        assert_eq!(said(Polarity::Allow, "127.0.5.3", |_| {}), [""; 0]);
        assert_eq!(
            said(Polarity::Allow, "127.0.4.3", |_| {}),
            ["Should Request its code is not one of the organisation's category, service provider"]
        );
        let overdue =
            said(Polarity::Allow, "127.0.5.3", |entry| entry.review = Some(Timestamp(50)));
        assert_eq!(overdue, ["Should Request its review is overdue"]);
        let ending =
            said(Polarity::Allow, "127.0.5.3", |entry| entry.expires = Some(Timestamp(60)));
        assert_eq!(ending, ["Must Request it leaves the list within a month"]);
        assert_eq!(
            said(Polarity::Block, "127.0.0.2", |_| {}),
            ["Must Removal it is on a block list: a trap was hit"]
        );
        assert_eq!(said(Polarity::Block, "127.0.0.2", |entry| entry.code = None), [""; 0]);
    }

    #[test]
    fn an_organisation_is_told_what_it_lacks() {
        let mut organisation = Organisation {
            id: OrganisationId(1),
            name: "Ours".to_owned(),
            website: String::new(),
            state: State::Active,
            created: Timestamp(0),
        };
        assert_eq!(
            words(&of_organisation(&organisation, &[], &[])),
            [
                "Must Claim it has no proven domain",
                "Must Contacts nobody is written to when something is wrong",
                "Could Request it has no website"
            ]
        );
        organisation.website = "https://x.example/".to_owned();
        let domains = ["x.example".parse().expect("a name")];
        let contact = |purpose| Contact { mail: "a@x.example".to_owned(), purpose };
        let general = [contact(Purpose::General)];
        assert_eq!(
            words(&of_organisation(&organisation, &domains, &general)),
            ["Should Contacts it has no contact for abuse"]
        );
        assert!(of_organisation(&organisation, &domains, &[contact(Purpose::Abuse)]).is_empty());
    }

    #[test]
    fn of_checks_only_what_is_not_well_is_a_hint() {
        let finding = |check, outcome| Finding {
            check,
            outcome,
            about: "8.8.8.8".to_owned(),
            seen: "x".to_owned(),
            mend: String::new(),
        };
        let all = [
            finding(Check::Fcrdns, Outcome::Fail),
            finding(Check::Naming, Outcome::Pass),
            finding(Check::Domain, Outcome::Warn),
            finding(Check::Elsewhere, Outcome::Unclear),
        ];
        let address: IpAddr = "8.8.8.8".parse().expect("an address");
        assert_eq!(
            words(&of_findings(&all, address)),
            ["Must Outside 8.8.8.8: x", "Should Claim 8.8.8.8: x"]
        );
        assert!(of_findings(&all, "8.8.4.4".parse().expect("an address")).is_empty());
    }
}

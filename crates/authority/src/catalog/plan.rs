//! What becomes of the members of catalogs that are followed, as values: which are there, which begin anew, which are not
//! taken and why.

use std::collections::{HashMap, HashSet};

use repute_dnsxl::Name;

use super::read::Member;

/// By which catalog a member is there, and under which label.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Label {
    /// The catalog.
    pub(crate) catalog: Name,
    /// The label in it.
    pub(crate) label: Box<[u8]>,
}

/// What is to be done.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Plan {
    /// All members from now on.
    pub(crate) members: HashMap<Name, Label>,
    /// Of these, the ones of which nothing of before counts.
    pub(crate) anew: HashSet<Name>,
    /// What is not taken, and what is said of it.
    pub(crate) refused: Vec<(Name, String)>,
}

/// Plans, from what was there before and what catalogs say now: nothing if one is broken or was never had, and its members
/// stay then. `is_taken` tells what a name is already.
pub(crate) fn plan(
    before: &HashMap<Name, Label>,
    catalogs: &[(Name, Option<Vec<Member>>)],
    is_taken: impl Fn(&Name) -> Option<&'static str>,
) -> Plan {
    let mut plan = Plan::default();
    for (catalog, _) in catalogs.iter().filter(|(_, members)| members.is_none()) {
        let stays = before.iter().filter(|(_, label)| label.catalog == *catalog);
        let stays = stays.filter(|(zone, _)| is_taken(zone).is_none());
        plan.members.extend(stays.map(|(zone, label)| (zone.clone(), label.clone())));
    }
    // Who has a member keeps it, so those are looked at first (RFC 9432 section 5.2).
    let listed: HashMap<(&Name, &Name), &Member> = catalogs
        .iter()
        .flat_map(|(catalog, members)| members.iter().flatten().map(move |it| (catalog, it)))
        .map(|(catalog, member)| ((catalog, &member.zone), member))
        .collect();
    for is_first in [true, false] {
        for (catalog, members) in catalogs {
            for Member { zone, label, goes_to, .. } in members.iter().flatten() {
                let known = before.get(zone);
                let is_own = known.is_some_and(|known| known.catalog == *catalog);
                // The catalog that has it may let it go to this one (RFC 9432 section 4.4.1).
                let gives = known.and_then(|known| listed.get(&(&known.catalog, zone)));
                let is_given = gives.is_some_and(|given| given.goes_to.as_ref() == Some(catalog));
                if is_first != (is_own || is_given) {
                    continue;
                }
                let here = Label { catalog: catalog.clone(), label: label.clone() };
                let place = plan.members.get(zone).map(|other| other.catalog.clone());
                if let Some(what) = is_taken(zone) {
                    let why = format!("zone {zone} of catalog {catalog} is not taken over: {what}");
                    plan.refused.push((zone.clone(), why));
                } else if let Some(other) = place.filter(|_| !is_given) {
                    if goes_to.as_ref() == Some(&other) {
                        continue;
                    }
                    let why = format!(
                        "zone {zone} of catalog {catalog} is not taken over: it is of catalog {other}, which may name \
                         this one as its `coo`"
                    );
                    plan.refused.push((zone.clone(), why));
                } else {
                    let is_same = known.is_some_and(|known| known.label == *label);
                    if known.is_some() && !(is_same && (is_own || is_given)) {
                        plan.anew.insert(zone.clone());
                    }
                    plan.members.insert(zone.clone(), here);
                }
            }
        }
    }
    plan
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Name {
        text.parse().expect("a name")
    }

    /// Catalogs as `name: label=zone label=zone>coo`, or `name: broken`.
    fn catalogs(lines: &[&str]) -> Vec<(Name, Option<Vec<Member>>)> {
        let member = |word: &str| {
            let (label, zone) = word.split_once('=').expect("a label");
            let (zone, coo) = zone.split_once('>').map_or((zone, None), |(z, c)| (z, Some(c)));
            let goes_to = coo.map(name);
            Member { zone: name(zone), label: label.as_bytes().into(), groups: Vec::new(), goes_to }
        };
        let line = |line: &&str| {
            let (catalog, members) = line.split_once(':').expect("a catalog");
            let members = members.trim();
            let is_broken = members == "broken";
            let members = members.split_whitespace();
            (name(catalog), (!is_broken).then(|| members.map(member).collect()))
        };
        lines.iter().map(line).collect()
    }

    /// What follows from one state to the next: members, those that begin anew, those that are not taken.
    fn check(before: &[&str], after: &[&str], expect: &str) {
        let first = plan(&HashMap::new(), &catalogs(before), |_| None);
        let is_taken = |zone: &Name| (*zone == name("hand")).then_some("it is configured");
        let then = plan(&first.members, &catalogs(after), is_taken);
        let mut members: Vec<String> = then
            .members
            .iter()
            .map(|(zone, label)| {
                let anew = if then.anew.contains(zone) { "!" } else { "" };
                let label_text = String::from_utf8_lossy(&label.label);
                format!("{zone}{anew}={}/{label_text}", label.catalog)
            })
            .collect();
        members.sort();
        let refused = then.refused.iter().map(|(zone, _)| format!("-{zone}"));
        members.extend(refused);
        assert_eq!(members.join(" "), expect, "{before:?} {after:?}");
    }

    #[test]
    fn members_come_and_go() {
        check(&["c: 1=a"], &["c: 1=a 2=b"], "a=c/1 b=c/2");
        check(&["c: 1=a 2=b"], &["c: 2=b"], "b=c/2");
        check(&["c: 1=a"], &[], "");
        check(&[], &["c: 1=hand 2=a"], "a=c/2 -hand");
        check(&["c: 1=hand"], &["c: 1=hand"], "-hand");
    }

    /// RFC 9432 section 5.4: "catalog consumers MUST process this as a member zone removal including all the zone's
    /// associated state [...], immediately followed by processing the member as a newly to be configured zone".
    #[test]
    fn another_label_begins_anew() {
        check(&["c: 1=a 2=b"], &["c: 3=a 2=b"], "a!=c/3 b=c/2");
    }

    /// RFC 9432 section 5.1: "Member zones previously configured by this catalog MUST NOT be removed or reconfigured in any
    /// way."
    #[test]
    fn a_broken_catalog_changes_nothing() {
        check(&["c: 1=a 2=hand"], &["c: broken"], "a=c/1");
        check(&["c: 1=a", "d: 1=b"], &["c: broken", "d: 1=a"], "a=c/1 -a");
    }

    /// RFC 9432 sections 4.4.1 and 5.2.
    #[test]
    fn a_member_of_two_catalogs_stays_where_it_is_unless_it_is_given() {
        check(&["c: 1=a", "d:"], &["c: 1=a", "d: 1=a"], "a=c/1 -a");
        check(&["d:", "c: 1=a"], &["d: 1=a", "c: 1=a"], "a=c/1 -a");
        check(&["c: 1=a", "d:"], &["c: 1=a>d", "d: 1=a"], "a=d/1");
        check(&["d:", "c: 1=a"], &["d: 1=a", "c: 1=a>d"], "a=d/1");
        check(&["c: 1=a", "d:"], &["c: 1=a>d", "d: 2=a"], "a!=d/2");
        check(&["c: 1=a", "d:"], &["c:", "d: 1=a"], "a!=d/1");
        check(&[], &["c: 1=a", "d: 2=a"], "a=c/1 -a");
    }
}

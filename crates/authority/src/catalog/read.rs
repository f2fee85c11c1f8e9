//! Reads the members out of a catalog zone.
//!
//! A catalog that breaks a rule which RFC 9432 makes is not read in part: a member that is missing would be a zone that
//! vanishes. What is unknown in it is of a later time, and looked over.

use std::collections::{BTreeMap, HashMap};

use repute_dnsxl::Name;
use repute_records::{RecordSet, Zone, rdata, rtype};

/// A zone that a catalog names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// The zone.
    pub zone: Name,
    /// The label that the catalog has it by: with another one, the zone begins anew (RFC 9432 section 5.4).
    pub label: Box<[u8]>,
    /// Its groups (RFC 9432 section 4.4.2).
    pub groups: Vec<Vec<u8>>,
    /// The catalog that may take it over (RFC 9432 section 4.4.1).
    pub goes_to: Option<Name>,
}

/// Why a catalog is not followed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// RFC 9432 section 4.3.1: exactly one record says the version.
    #[error("`version` has no TXT record, or several: its producer has to say one version")]
    NoVersion,
    /// Another than the one that is known.
    #[error("it is of version {0:?}, and version 2 is known here (RFC 9432)")]
    Version(String),
    /// RFC 9432 section 4.2: one PTR record for each label.
    #[error("`{0}` has several PTR records: a member has one")]
    Several(Name),
    /// The data of a PTR record is no name.
    #[error("the PTR record of `{0}` cannot be read")]
    Unreadable(Name),
    /// RFC 9432 section 4.2: a member stands there once.
    #[error("zone `{0}` is there twice: its producer has to name it once")]
    Twice(Name),
    /// More than are wanted.
    #[error("it has more than {0} members: raise max-members, or see what its producer does")]
    TooMany(usize),
}

/// The members of a catalog, at most so many, in the order of their labels.
///
/// # Errors
/// If the catalog is broken, and nothing of it should be done.
pub fn members(catalog: &Zone, most: usize) -> Result<Vec<Member>, Broken> {
    check_version(catalog)?;
    let Some(all) = below(b"zones", catalog.apex()) else { return Ok(Vec::new()) };
    let mut members: BTreeMap<Box<[u8]>, Member> = BTreeMap::new();
    let mut labels: HashMap<Name, Box<[u8]>> = HashMap::new();
    let mut properties = Vec::new();
    for node in catalog.below(&all) {
        let owner = node.owner();
        let depth = owner.label_count() - all.label_count();
        let mut words = owner.labels();
        match (depth, words.next(), words.next(), node.get(rtype::PTR)) {
            (1, Some(label), _, Some(set)) => {
                let (zone, label) = (only(owner, set)?, Box::from(label));
                if labels.insert(zone.clone(), Box::clone(&label)).is_some() {
                    return Err(Broken::Twice(zone));
                }
                if members.len() >= most {
                    return Err(Broken::TooMany(most));
                }
                let (groups, goes_to) = (Vec::new(), None);
                let member = Member { zone, label: Box::clone(&label), groups, goes_to };
                members.insert(label, member);
            }
            (2, Some(property), Some(label), _) => properties.push((property, label, node)),
            _ => {}
        }
    }
    for (property, label, node) in properties {
        // Of what is no member nothing is said.
        let Some(member) = members.get_mut(label) else { continue };
        match (property, node.get(rtype::PTR), node.get(rtype::TXT)) {
            (b"coo", Some(set), _) => member.goes_to = Some(only(node.owner(), set)?),
            (b"group", _, Some(set)) => {
                member
                    .groups
                    .extend(set.iter().filter_map(rdata::texts).map(|texts| texts.concat()));
            }
            _ => {}
        }
    }
    Ok(members.into_values().collect())
}

/// Looks whether a catalog is one that is known.
fn check_version(catalog: &Zone) -> Result<(), Broken> {
    let node = below(b"version", catalog.apex()).and_then(|name| catalog.node(&name));
    let set = node.and_then(|node| node.get(rtype::TXT)).filter(|set| set.len() == 1);
    let texts = set.and_then(|set| rdata::texts(set.first())).ok_or(Broken::NoVersion)?;
    match texts[..] {
        [b"2"] => Ok(()),
        [version] => Err(Broken::Version(String::from_utf8_lossy(version).into_owned())),
        _ => Err(Broken::NoVersion),
    }
}

/// The one name that PTR records lead to.
fn only(owner: &Name, set: &RecordSet) -> Result<Name, Broken> {
    if set.len() != 1 {
        return Err(Broken::Several(owner.clone()));
    }
    Name::from_wire(set.first()).map_err(|_| Broken::Unreadable(owner.clone()))
}

/// A label before a name, if there is room.
fn below(label: &[u8], name: &Name) -> Option<Name> {
    let len = u8::try_from(label.len()).ok()?;
    Name::from_wire(&[&[len], label, name.as_wire()].concat()).ok()
}

#[cfg(test)]
mod tests {
    use repute_records::master;

    use super::*;

    /// What is read of a catalog with these lines behind its SOA, as text.
    fn read(lines: &str) -> Result<Vec<String>, String> {
        let apex: Name = "c.test".parse().expect("a name");
        let text = format!("$TTL 0\n@ SOA invalid. invalid. 1 2 3 4 5\n@ NS invalid.\n{lines}");
        let reading = master::read_lines(&apex, &text);
        assert_eq!(reading.faults, []);
        let records = reading.records.into_iter().map(|placed| placed.record);
        let (zone, _) = Zone::new(apex, records).expect("a zone");
        let members = members(&zone, 3).map_err(|broken| broken.to_string())?;
        let said = |member: &Member| {
            let label = String::from_utf8_lossy(&member.label).into_owned();
            let groups = member.groups.iter().map(|group| String::from_utf8_lossy(group));
            let groups = groups.fold(String::new(), |all, group| all + " " + &group);
            let goes = member.goes_to.as_ref().map_or(String::new(), |name| format!(" > {name}"));
            format!("{label} {}{groups}{goes}", member.zone)
        };
        Ok(members.iter().map(said).collect())
    }

    /// RFC 9432 sections 4.2 to 4.5.
    #[test]
    fn members_and_their_properties_are_read_and_what_is_unknown_is_not() {
        let lines = "version TXT 2\na.zones PTR one.test.\ngroup.a.zones TXT \"x\" \"y\"\ngroup.a.zones TXT z\n\
                     B.zones PTR Two.test.\ncoo.b.zones PTR other.test.\nfoo.ext TXT what\nnew.b.zones TXT what\n\
                     group.gone.zones TXT x\na.b.c.zones PTR deep.test.\nzones TXT x\nelse PTR no.test.\n";
        let all = ["a one.test xy z", "b two.test > other.test"].map(str::to_owned);
        let read = read(lines).expect("sound");
        let mut sorted = read.clone();
        sorted[0] = sorted[0].replace(" z xy", " xy z");
        assert_eq!(sorted, all);
        assert_eq!(super::tests::read("version TXT \"2\"\n"), Ok(Vec::new()));
    }

    /// RFC 9432 section 4.3.1: "These conditions signify a broken catalog zone which MUST NOT be processed".
    #[test]
    fn what_is_broken_is_not_read_at_all() {
        for (lines, expect) in [
            ("a.zones PTR one.test.\n", "has no TXT record"),
            ("version TXT 2\nversion TXT 3\n", "or several"),
            ("version TXT 2 2\n", "or several"),
            ("version TXT 1\na.zones PTR one.test.\n", "version \"1\""),
            (
                "version TXT 2\na.zones PTR one.test.\na.zones PTR two.test.\n",
                "`a.zones.c.test` has several",
            ),
            (
                "version TXT 2\na.zones PTR one.test.\nb.zones PTR ONE.test.\n",
                "`one.test` is there twice",
            ),
            (
                "version TXT 2\na.zones PTR one.test.\ncoo.a.zones PTR x.\ncoo.a.zones PTR y.\n",
                "coo.a.zones.c.test` has several",
            ),
            (
                "version TXT 2\na.zones PTR a.\nb.zones PTR b.\nc.zones PTR c.\nd.zones PTR d.\n",
                "more than 3 members",
            ),
        ] {
            let broken = read(lines).expect_err(expect);
            assert!(broken.contains(expect), "{broken}");
        }
    }
}

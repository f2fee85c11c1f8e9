//! `[[catalog]]`: catalogs of our own zones, for secondaries that need no hand then (RFC 9432).

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::Range;

use repute_authority::catalog::{LONGEST_APEX, Listed};
use repute_authority::notify::Target;
use repute_authority::transfer::Rule;
use repute_authority::transfer::access::Entry;
use repute_dnsxl::Name;
use serde::Deserialize;
use toml::Spanned;

use super::authority::{self, CatalogConfig};
use super::meaning::{Fault, header};
use super::value::Text;

/// `[[catalog]]`: a catalog of zones of our own.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, expecting = "a table")]
pub(crate) struct FileCatalog {
    /// The catalog's name.
    pub(crate) apex: Text<Name>,
    /// The zones that are in it; none means all that somebody may have.
    #[serde(default)]
    pub(crate) zones: Vec<Text<Name>>,
    /// Groups of zones.
    #[serde(default)]
    pub(crate) groups: BTreeMap<Text<Name>, String>,
    /// Who may have it.
    pub(crate) transfer: Vec<Text<Entry>>,
    /// Who is told when it has changed.
    #[serde(default)]
    pub(crate) notify: Vec<Text<Target>>,
}

/// What a table means, but for the zones that are in it if it names none.
pub(super) struct Catalog {
    /// Where it stands.
    pub(super) span: Range<usize>,
    /// The catalog's name.
    pub(super) apex: Name,
    /// The zones that it names.
    zones: Vec<Name>,
    /// Groups of zones.
    groups: HashMap<Name, String>,
    /// How it goes to others.
    pub(super) rule: Option<Rule>,
}

/// What the tables say.
pub(super) fn meaning(written: Vec<Spanned<FileCatalog>>) -> Result<Vec<Catalog>, Fault> {
    let catalogs = written.into_iter().map(|catalog| {
        let span = header(catalog.span());
        let catalog = catalog.into_inner();
        let apex = catalog.apex.0;
        let fault =
            |what: &str| Fault { span: span.clone(), message: format!("catalog `{apex}`: {what}") };
        if catalog.transfer.is_empty() {
            return Err(fault(
                "`transfer` names nobody: write the addresses or keys of its secondaries",
            ));
        }
        if apex.as_wire().len() > LONGEST_APEX {
            return Err(fault("its name is too long for names of members before it"));
        }
        if catalog.groups.values().any(|group| group.is_empty() || group.len() > 255) {
            return Err(fault("a group in `groups` has a name of 1 to 255 bytes"));
        }
        let zones = catalog.zones.into_iter().map(|zone| zone.0).collect();
        let groups = catalog.groups.into_iter().map(|(zone, group)| (zone.0, group)).collect();
        let rule = authority::rule(catalog.transfer, catalog.notify, authority::max_records());
        Ok(Catalog { span, apex, zones, groups, rule })
    });
    catalogs.collect()
}

impl Catalog {
    /// The catalog with its members, of zones that may go to others.
    pub(super) fn with_members(
        self,
        transfers: &HashMap<Name, Rule>,
        catalogs: &HashSet<Name>,
    ) -> Result<CatalogConfig, Fault> {
        let Catalog { span, apex, zones, mut groups, .. } = self;
        let fault = |message: String| Fault { span: span.clone(), message };
        let goes = |zone: &Name| {
            transfers.get(zone).is_some_and(|rule| !rule.access.is_nobody())
                && !catalogs.contains(zone)
        };
        if let Some(other) = zones.iter().find(|zone| !goes(zone)) {
            return Err(fault(format!(
                "catalog `{apex}` names zone `{other}`, which nobody may have by transfer: configure it with `transfer`"
            )));
        }
        let all = || transfers.keys().filter(|zone| goes(zone)).cloned().collect();
        let mut zones: Vec<Name> = if zones.is_empty() { all() } else { zones };
        zones.sort();
        zones.dedup();
        let members = zones.into_iter().map(|zone| Listed { group: groups.remove(&zone), zone });
        let members = members.collect();
        if let Some(other) = groups.keys().min() {
            return Err(fault(format!(
                "catalog `{apex}` has a group for `{other}`, which is not in it"
            )));
        }
        Ok(CatalogConfig { apex, members })
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Config, Origin};
    use super::*;

    /// The members of the catalogs of a configuration, or what is wrong with it.
    fn read(text: &str) -> Result<Vec<String>, String> {
        let zones = "[[primary]]\napex = \"a.test\"\nfile = \"a\"\ntransfer = [\"192.0.2.1\"]\n\
                     [[primary]]\napex = \"b.test\"\nfile = \"b\"\nnotify = [\"192.0.2.1\"]\n\
                     [[secondary]]\napex = \"s.test\"\nprimaries = [\"192.0.2.1\"]\ntransfer = [\"192.0.2.1\"]\n\
                     [[secondary]]\napex = \"o.test\"\nkind = \"catalog\"\nprimaries = [\"192.0.2.1\"]\ntransfer = [\"192.0.2.1\"]\n";
        let text = format!("{zones}[[catalog]]\napex = \"c.test\"\n{text}\n");
        let config = Config::parse(&text, Origin::File("/etc/r/a.toml".into()));
        let config = config.map_err(|error| error.to_string())?;
        let said = |member: &Listed| match &member.group {
            Some(group) => format!("{} {group}", member.zone),
            None => member.zone.to_string(),
        };
        Ok(config.authority.catalogs.iter().flat_map(|c| c.members.iter().map(said)).collect())
    }

    #[test]
    fn all_zones_that_somebody_may_have_are_in_it_or_those_that_are_named() {
        let all = read("transfer = [\"192.0.2.1\"]").expect("sound");
        assert_eq!(all, ["a.test", "s.test"]);
        let one =
            "transfer = [\"192.0.2.1\"]\nzones = [\"a.test\"]\ngroups = { \"A.test\" = \"x\" }";
        assert_eq!(read(one).expect("sound"), ["a.test x"]);
    }

    #[test]
    fn what_cannot_be_is_refused_in_its_place() {
        for (text, expect) in [
            ("transfer = []", "`transfer` names nobody"),
            ("transfer = [\"key k.test\"]", "which no [[key]] has"),
            (
                "transfer = [\"192.0.2.1\"]\nzones = [\"b.test\"]",
                "which nobody may have by transfer",
            ),
            (
                "transfer = [\"192.0.2.1\"]\nzones = [\"o.test\"]",
                "which nobody may have by transfer",
            ),
            ("transfer = [\"192.0.2.1\"]\ngroups = { \"b.test\" = \"x\" }", "which is not in it"),
            ("transfer = [\"192.0.2.1\"]\ngroups = { \"a.test\" = \"\" }", "1 to 255 bytes"),
            (
                "transfer = [\"192.0.2.1\"]\n[[catalog]]\napex = \"C.test\"\ntransfer = [\"192.0.2.1\"]",
                "there twice",
            ),
        ] {
            let refused = read(text).expect_err(expect);
            assert!(refused.contains(expect), "{refused}");
        }
    }
}

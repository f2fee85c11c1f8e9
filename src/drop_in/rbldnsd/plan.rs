//! What the arguments `zone:type:file,...` mean: which zones there are, and which data sets.
//!
//! A type with the same files is one data set, however many zones name it: it is loaded once and
//! shared. Repeated names are one zone with several data sets. An access list belongs to the zone it
//! is named with, or to all when its name is empty (`:acl:file`).

use std::path::PathBuf;

use repute_dnsxl::Name;
use repute_zone::DatasetKind;

/// All zones and data sets, in the order in which they are reported.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Plan {
    /// The zones.
    pub(super) zones: Vec<PlannedZone>,
    /// The data sets they are made of.
    pub(super) datasets: Vec<PlannedDataset>,
    /// The access list of all zones.
    pub(super) acl: Option<DatasetId>,
    /// The access list by key of all zones.
    pub(super) aclkey: Option<DatasetId>,
}

/// The place of a data set in a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct DatasetId(pub(super) usize);

/// One zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PlannedZone {
    /// The name it is served under.
    pub(super) apex: Name,
    /// What it is made of; never empty.
    pub(super) datasets: Vec<DatasetId>,
    /// Who may ask.
    pub(super) acl: Option<DatasetId>,
    /// Which keys its clients have.
    pub(super) aclkey: Option<DatasetId>,
}

/// One data set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PlannedDataset {
    /// How its files are read.
    pub(super) kind: DatasetKind,
    /// Its files as they were written, for messages.
    pub(super) spec: String,
    /// Its files.
    pub(super) files: Vec<PathBuf>,
}

impl Plan {
    /// Reads the arguments.
    ///
    /// # Errors
    /// The message for the user, as rbldnsd words it.
    pub(super) fn new(arguments: &[String]) -> Result<Plan, String> {
        let mut plan = Plan::default();
        for argument in arguments {
            plan.add(argument)?;
        }
        match plan.zones.iter().find(|zone| zone.datasets.is_empty()) {
            Some(zone) => Err(format!("missing data for zone `{}'", zone.apex)),
            None => Ok(plan),
        }
    }

    /// Adds what one argument says.
    fn add(&mut self, argument: &str) -> Result<(), String> {
        let Some((name, rest)) = argument.split_once(':') else {
            return Err(format!("invalid zone spec `{argument}'"));
        };
        let apex = apex(name).ok_or(format!("invalid domain name `{name}'"))?;
        let Some((kind, files)) = rest.split_once(':') else {
            return Err(format!("invalid zone data specification `{rest}'"));
        };
        let id = self.dataset(kind, files)?;
        let kind = self.datasets[id.0].kind;
        if apex == Name::root() {
            let (place, word) = match kind {
                DatasetKind::Acl => (&mut self.acl, "acl"),
                DatasetKind::Aclkey => (&mut self.aclkey, "acl key"),
                _ => return Err(format!("missing domain name in `{argument}'")),
            };
            return match place.replace(id) {
                None => Ok(()),
                Some(_) => Err(format!("global {word} specified more than once")),
            };
        }
        let zone = self.zone(apex);
        let repeated = match kind {
            DatasetKind::Acl => zone.acl.replace(id).map(|_| "ACL"),
            DatasetKind::Aclkey => zone.aclkey.replace(id).map(|_| "ACL key"),
            _ => {
                zone.datasets.push(id);
                None
            }
        };
        match repeated {
            None => Ok(()),
            Some(word) => Err(format!("repeated {word} definition for zone `{name}'")),
        }
    }

    /// Finds or adds a data set.
    fn dataset(&mut self, kind: &str, files: &str) -> Result<DatasetId, String> {
        let word = kind;
        let kind: DatasetKind = match kind.parse() {
            // Our own kinds have formats that no file of rbldnsd has.
            Ok(DatasetKind::Addresses | DatasetKind::Names) | Err(_) => {
                return Err(format!("unknown dataset type `{word}'"));
            }
            Ok(kind) => kind,
        };
        let same = |known: &PlannedDataset| known.kind == kind && known.spec == files;
        if let Some(place) = self.datasets.iter().position(same) {
            return Ok(DatasetId(place));
        }
        let spec = files.to_owned();
        let files = files.split([',', ':']).filter(|file| !file.is_empty());
        let files: Vec<PathBuf> = files.map(PathBuf::from).collect();
        if files.is_empty() {
            return Err(format!("missing filenames for {word}"));
        }
        self.datasets.push(PlannedDataset { kind, spec, files });
        Ok(DatasetId(self.datasets.len() - 1))
    }

    /// Finds or adds a zone; one below another goes before it, as rbldnsd lists them.
    fn zone(&mut self, apex: Name) -> &mut PlannedZone {
        let known = self.zones.iter().position(|zone| zone.apex == apex);
        let place = known.unwrap_or_else(|| {
            let above = self.zones.iter().position(|zone| apex.is_within(&zone.apex));
            let place = above.unwrap_or(self.zones.len());
            let zone = PlannedZone { apex, datasets: Vec::new(), acl: None, aclkey: None };
            self.zones.insert(place, zone);
            place
        });
        &mut self.zones[place]
    }
}

/// Reads a zone's name; dots too many are no fault to rbldnsd. Nothing is the root.
fn apex(name: &str) -> Option<Name> {
    let labels: Vec<&str> = name.split('.').filter(|label| !label.is_empty()).collect();
    if labels.is_empty() { Some(Name::root()) } else { labels.join(".").parse().ok() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(arguments: &str) -> Result<Plan, String> {
        let arguments: Vec<String> = arguments.split(' ').map(str::to_owned).collect();
        Plan::new(&arguments)
    }

    #[track_caller]
    fn fault(arguments: &str, expect: &str) {
        assert_eq!(plan(arguments).unwrap_err(), expect);
    }

    #[test]
    fn the_same_type_and_files_are_one_data_set() {
        let plan = plan("a.test:ip4set:x,y b.test:ip4set:x,y b.test:ip4trie:x,y").unwrap();
        assert_eq!(plan.datasets.len(), 2);
        assert_eq!(plan.datasets[0].files, ["x", "y"].map(PathBuf::from));
        assert_eq!(plan.zones[0].datasets, [DatasetId(0)]);
        assert_eq!(plan.zones[1].datasets, [DatasetId(0), DatasetId(1)]);
    }

    #[test]
    fn a_zone_stands_before_the_one_it_lies_below() {
        let plan =
            plan("a.test:ip4set:x b.test:ip4set:x c.A.test.:ip4set:x A..test:dnset:y").unwrap();
        let names: Vec<_> = plan.zones.iter().map(|zone| zone.apex.to_string()).collect();
        assert_eq!(names, ["c.a.test", "a.test", "b.test"]);
        assert_eq!(plan.zones[1].datasets.len(), 2);
    }

    #[test]
    fn access_lists_belong_to_a_zone_or_to_all() {
        let plan = plan("a.test:acl:x a.test:ip4set:y :acl:z :aclkey:k a.test:aclkey:k").unwrap();
        assert_eq!(plan.zones[0].acl, Some(DatasetId(0)));
        assert_eq!(plan.acl, Some(DatasetId(2)));
        assert_eq!((plan.aclkey, plan.zones[0].aclkey), (Some(DatasetId(3)), Some(DatasetId(3))));
    }

    #[test]
    fn faults_are_worded_as_rbldnsd_words_them() {
        fault("bl.test", "invalid zone spec `bl.test'");
        fault("bl.test:ip4set", "invalid zone data specification `ip4set'");
        fault("bl.test:foo:z", "unknown dataset type `foo'");
        fault("bl.test:names:z", "unknown dataset type `names'");
        fault("bl.test:ip4set:", "missing filenames for ip4set");
        fault(":ip4set:z", "missing domain name in `:ip4set:z'");
        fault(":acl:a :acl:a", "global acl specified more than once");
        fault("bl.test:acl:a", "missing data for zone `bl.test'");
        fault("bl.test:acl:a bl.test:acl:a", "repeated ACL definition for zone `bl.test'");
        let long = "x".repeat(64);
        fault(&format!("{long}.b:ip4set:z"), &format!("invalid domain name `{long}.b'"));
    }
}

//! `[[primary]]`: ordinary zones that are written by hand.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use repute_authority::notify::Target;
use repute_authority::transfer::Rule;
use repute_authority::transfer::access::Entry;
use repute_authority::update::{Permit, Serials};
use repute_dnsxl::Name;
use repute_nameserver::loader::{MasterConfig, MasterOrigin};
use repute_records::{master, rtype};
use serde::Deserialize;
use toml::Spanned;

use super::authority::{FileSerials, FileUpdate};
use super::meaning::{Fault, header};
use super::value::Text;
use super::{Origin, authority};

/// `[[primary]]`: an ordinary zone whose records are written here or in a master file.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, expecting = "a table")]
pub(crate) struct FilePrimary {
    /// The zone's name.
    pub(crate) apex: Text<Name>,
    /// A master file.
    #[serde(default)]
    pub(crate) file: PathBuf,
    /// Lines of a master file.
    #[serde(default)]
    pub(crate) records: Vec<String>,
    /// Who may have it.
    #[serde(default)]
    pub(crate) transfer: Vec<Text<Entry>>,
    /// Who is told when it has changed.
    #[serde(default)]
    pub(crate) notify: Vec<Text<Target>>,
    /// It is not sent with more records.
    #[serde(default = "authority::max_records")]
    pub(crate) max_records: u64,
    /// How its serial goes on when it is updated.
    #[serde(default)]
    pub(crate) serials: FileSerials,
    /// Who may change it.
    #[serde(default)]
    pub(crate) update: Vec<FileUpdate>,
}

/// What a table means.
pub(super) struct Primary {
    /// Where it stands.
    pub(super) span: Range<usize>,
    /// What the zone is, or begins with.
    pub(super) master: MasterConfig,
    /// Who may change it, and how its serial goes on then; nobody, if it is only read.
    pub(super) updates: Option<(Vec<Permit>, Serials)>,
    /// How it goes to others.
    pub(super) rule: Option<Rule>,
}

/// What the tables say.
pub(super) fn meaning(
    written: Vec<Spanned<FilePrimary>>,
    origin: &Origin,
    folder: &Path,
) -> Result<Vec<Primary>, Fault> {
    let zones = written.into_iter().map(|zone| {
        let span = header(zone.span());
        let zone = zone.into_inner();
        let fault = |message: String| Fault { span: span.clone(), message };
        let origin = match (zone.file.as_os_str().is_empty(), zone.records.is_empty()) {
            (false, true) => MasterOrigin::File(folder.join(&zone.file)),
            (true, false) => {
                MasterOrigin::Lines(lines(&zone.apex.0, &zone.records, origin).map_err(fault)?)
            }
            (true, true) => {
                return Err(fault(format!("zone `{}`: no `file` and no `records`", zone.apex.0)));
            }
            (false, false) => {
                return Err(fault(format!(
                    "zone `{}`: either `file` or `records`, not both",
                    zone.apex.0
                )));
            }
        };
        let master = MasterConfig { apex: zone.apex.0, origin };
        let permits: Vec<Permit> = zone.update.into_iter().map(FileUpdate::permit).collect();
        let updates = (!permits.is_empty()).then(|| (permits, zone.serials.meaning()));
        let rule = authority::rule(zone.transfer, zone.notify, zone.max_records);
        Ok(Primary { span, master, updates, rule })
    });
    zones.collect()
}

/// The lines of a zone, with a SOA record if they have none.
pub(super) fn lines(apex: &Name, written: &[String], origin: &Origin) -> Result<String, String> {
    let text: String = written.iter().map(|line| format!("{line}\n")).collect();
    let text = format!("$TTL {TTL}\n{text}");
    let reading = master::read_lines(apex, &text);
    if let Some(fault) = reading.faults.first() {
        // The first line is ours.
        let line = written.get(fault.line.saturating_sub(2)).map_or("", String::as_str);
        return Err(format!("zone `{apex}`: `{line}`: {}", fault.message));
    }
    let records = || reading.records.iter().map(|placed| &placed.record);
    if records().any(|record| record.rtype == rtype::SOA) {
        return Ok(text);
    }
    let server = records().find(|record| record.owner == *apex && record.rtype == rtype::NS);
    let server = server
        .and_then(|record| Name::from_wire(&record.data).ok())
        .unwrap_or_else(|| apex.clone());
    // Later with each change of the configuration, and the same after a restart.
    let modified = match origin {
        Origin::File(path) => path.metadata().and_then(|file| file.modified()).ok(),
        Origin::AcmeDns(_) | Origin::BuiltIn => None,
    };
    let serial = modified
        .and_then(|time| time.duration_since(UNIX_EPOCH).ok())
        .map_or(1, |since| since.as_secs());
    Ok(format!("$TTL {TTL}\n@ SOA {server}. hostmaster {serial} 3600 900 604800 300\n{text}"))
}

/// Time to live of lines that name none, in seconds.
const TTL: u32 = 3_600;

#[cfg(test)]
mod tests {
    use super::super::Config;
    use super::*;

    /// The ordinary zones of a configuration, or what is wrong with it.
    fn zones(text: &str) -> Result<Vec<MasterConfig>, String> {
        match Config::parse(text, Origin::File("/etc/r/a.toml".into())) {
            Ok(config) => Ok(config.loader.masters),
            Err(error) => Err(error.to_string()),
        }
    }

    #[test]
    fn files_are_meant_from_the_folder_and_lines_get_a_start() {
        let text = "[[primary]]\napex = \"a.test\"\nfile = \"a.zone\"\n\
                    [[primary]]\napex = \"b.test\"\nrecords = [\"@ NS ns\", \"ns A 192.0.2.1\"]\n";
        let zones = zones(text).expect("sound");
        assert_eq!(zones[0].origin, MasterOrigin::File("/etc/r/a.zone".into()));
        let MasterOrigin::Lines(lines) = &zones[1].origin else { panic!("lines") };
        assert!(lines.starts_with("$TTL 3600\n@ SOA ns.b.test. hostmaster 1 3600"), "{lines}");
    }

    #[test]
    fn what_cannot_be_is_refused_in_its_place() {
        for (text, expect) in [
            ("apex = \"a.test\"", "no `file` and no `records`"),
            ("apex = \"a.test\"\nfile = \"x\"\nrecords = [\"@ NS ns\"]", "not both"),
            (
                "apex = \"a.test\"\nrecords = [\"@ NS ns\", \"x A 1.2.3\"]",
                "`x A 1.2.3`: the data of the A record",
            ),
            (
                "apex = \"a.test\"\nfile = \"x\"\n[[primary]]\napex = \"A.test\"\nfile = \"y\"",
                "there twice",
            ),
            (
                "apex = \"a.test\"\nfile = \"x\"\n[[zone]]\napex = \"a.test\"\n[[zone.source]]\nkind = \"ip4set\"\nfiles = [\"f\"]",
                "there twice",
            ),
        ] {
            let refused = zones(&format!("[[primary]]\n{text}\n")).expect_err(expect);
            assert!(refused.contains(expect), "{refused}");
        }
    }
}

//! What was learned of lists the last times: so that a dead one costs nothing the second time, and a test
//! entry need not be asked with every look-up.
//!
//! A list's health depends on who asks: what a public resolver is told, another one is not. So it is kept
//! by list and resolver. The file is a cache: one that cannot be read is as good as none.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;

use repute_dnsxl::Name;
use serde::{Deserialize, Serialize};

use crate::survey::Experience;
use crate::verdict::{Evidence, Finding};

/// What is known of all lists.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Memory {
    /// By zone and resolver.
    lists: BTreeMap<String, Health>,
}

/// What is known of a list.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case", default)]
struct Health {
    /// When it last answered, in Unix seconds.
    answered: Option<u64>,
    /// Since when it does not answer.
    silent_since: Option<u64>,
    /// When it was last waited for in vain.
    waited: Option<u64>,
    /// When its test entries were last asked.
    tested: Option<u64>,
    /// What they said.
    listed: Option<bool>,
    unlisted: Option<bool>,
    random: Option<bool>,
    unproven: bool,
}

impl Memory {
    /// Reads it from a file; an empty one if there is none, or none that can be read.
    pub fn read(path: &Path) -> Memory {
        let text = fs::read(path).unwrap_or_default();
        serde_json::from_slice(&text).unwrap_or_default()
    }

    /// Writes it to a file, whole or not at all. Its folder is made if it is missing.
    ///
    /// # Errors
    /// If the folder or the file cannot be written.
    pub fn write(&self, path: &Path) -> io::Result<()> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        let part = path.with_extension(format!("{}.part", std::process::id()));
        let written = File::create(&part).and_then(|mut file| {
            file.write_all(&serde_json::to_vec(self)?)?;
            fs::rename(&part, path)
        });
        if written.is_err() {
            // Nothing is left of it; the first error is the one to tell.
            drop(fs::remove_file(&part));
        }
        written
    }

    /// Whether a list did not answer the last times, so that it need not be waited for.
    pub fn is_doubtful(&self, zone: &Name, resolver: &str, now: u64) -> bool {
        let health = self.lists.get(&key(zone, resolver));
        health.is_some_and(|health| {
            health.silent_since.is_some() && is_fresh(health.waited, WAIT_AGAIN, now)
        })
    }

    /// Since when a list has not answered, in Unix seconds.
    pub fn silent_since(&self, zone: &Name, resolver: &str) -> Option<u64> {
        self.lists.get(&key(zone, resolver))?.silent_since
    }

    /// What a list's test entries said, if that is not long ago.
    pub fn evidence(&self, zone: &Name, resolver: &str, now: u64) -> Option<Evidence> {
        let health = self.lists.get(&key(zone, resolver))?;
        is_fresh(health.tested, TEST_AGAIN, now).then(|| Evidence {
            listed: finding(health.listed),
            unlisted: finding(health.unlisted),
            random: finding(health.random),
            unproven: health.unproven,
        })
    }

    /// Takes in what became of a list in a survey.
    pub fn note(&mut self, zone: &Name, resolver: &str, experience: &Experience, now: u64) {
        let health = self.lists.entry(key(zone, resolver)).or_default();
        if experience.answered > 0 {
            (health.answered, health.silent_since, health.waited) = (Some(now), None, None);
        } else if experience.silent > 0 {
            health.silent_since.get_or_insert(now);
            health.waited = Some(now);
        }
        // Of a list that said nothing, nothing was learned.
        if experience.tested && experience.answered > 0 {
            let Evidence { listed, unlisted, random, unproven } = experience.evidence;
            health.tested = Some(now);
            (health.listed, health.unlisted) = (told(listed), told(unlisted));
            (health.random, health.unproven) = (told(random), unproven);
        }
    }

    /// Forgets lists that nobody asked for long.
    pub fn forget(&mut self, now: u64) {
        self.lists.retain(|_, health| {
            let last = health.answered.max(health.waited);
            is_fresh(last, FORGET, now)
        });
    }
}

/// Whether something happened less than so long ago. A clock that went back makes all of it old.
fn is_fresh(at: Option<u64>, within: Duration, now: u64) -> bool {
    at.is_some_and(|at| at <= now && now - at < within.as_secs())
}

/// The key of a list.
fn key(zone: &Name, resolver: &str) -> String {
    format!("{zone} {resolver}")
}

/// A finding as it is written.
fn told(finding: Finding) -> Option<bool> {
    match finding {
        Finding::Unknown => None,
        Finding::Listed => Some(true),
        Finding::NotListed => Some(false),
    }
}

/// A finding as it was written.
fn finding(told: Option<bool>) -> Finding {
    match told {
        None => Finding::Unknown,
        Some(true) => Finding::Listed,
        Some(false) => Finding::NotListed,
    }
}

/// A list that did not answer is waited for again after this.
const WAIT_AGAIN: Duration = Duration::from_secs(3600);
/// Test entries are asked again after this.
const TEST_AGAIN: Duration = Duration::from_secs(3600);
/// A list that was not asked for so long is forgotten.
const FORGET: Duration = Duration::from_secs(90 * 86_400);

#[cfg(test)]
mod tests {
    use super::*;

    fn zone() -> Name {
        "bl.example".parse().expect("a name")
    }

    fn silent() -> Experience {
        Experience { silent: 1, tested: true, ..Experience::default() }
    }

    fn well() -> Experience {
        let evidence = Evidence { listed: Finding::Listed, ..Evidence::default() };
        Experience { answered: 3, tested: true, evidence, ..Experience::default() }
    }

    #[test]
    fn a_silent_list_is_not_waited_for_but_once_an_hour() {
        let mut memory = Memory::default();
        memory.note(&zone(), "r", &silent(), 1000);
        assert!(memory.is_doubtful(&zone(), "r", 1001));
        assert!(!memory.is_doubtful(&zone(), "other", 1001), "another resolver may get answers");
        assert!(!memory.is_doubtful(&zone(), "r", 1000 + 3600));
        assert!(!memory.is_doubtful(&zone(), "r", 10), "a clock that went back");
        memory.note(&zone(), "r", &silent(), 5000);
        assert_eq!(memory.silent_since(&zone(), "r"), Some(1000));
        memory.note(&zone(), "r", &well(), 5001);
        assert!(!memory.is_doubtful(&zone(), "r", 5002));
    }

    #[test]
    fn evidence_has_an_age() {
        let mut memory = Memory::default();
        memory.note(&zone(), "r", &silent(), 1000);
        assert_eq!(memory.evidence(&zone(), "r", 1000), None, "silence says nothing");
        memory.note(&zone(), "r", &well(), 1000);
        assert_eq!(memory.evidence(&zone(), "r", 1001), Some(well().evidence));
        assert_eq!(memory.evidence(&zone(), "r", 1000 + 3600), None);
    }

    #[test]
    fn it_survives_on_disk_and_a_broken_file_is_none() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("below").join("health.json");
        assert_eq!(Memory::read(&path), Memory::default());
        let mut memory = Memory::default();
        memory.note(&zone(), "r", &well(), 1000);
        memory.write(&path).expect("it is written");
        assert_eq!(Memory::read(&path), memory);
        fs::write(&path, "{\"lists\":").expect("it is broken");
        assert_eq!(Memory::read(&path), Memory::default());
        memory.forget(1000 + 90 * 86_400);
        assert_eq!(memory, Memory::default());
    }
}

//! What is to be checked: what was typed and what stands in files, with the addresses of hosts.

use std::collections::HashSet;
use std::fs;
use std::io::{self, Read as _};
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail};
use repute_dnsxl::Target;
use repute_lookup::resolve::{self, Addresses, Missing};
use repute_lookup::resolver;
use repute_lookup::subject::Subject;

/// Subjects with the addresses of those that are hosts.
#[derive(Debug)]
pub(crate) struct Targets {
    subjects: Vec<(Subject, Addresses)>,
}

impl Targets {
    /// Looks the addresses of hosts up.
    ///
    /// # Errors
    /// If there are no sockets to be had. A host without addresses is none: see [`Self::missing`].
    pub(crate) fn resolve(
        subjects: Vec<Subject>,
        resolvers: &[SocketAddr],
        timeout: Duration,
    ) -> anyhow::Result<Targets> {
        let addresses =
            resolve::addresses(&subjects, resolvers, timeout).context("no more sockets")?;
        Ok(Targets { subjects: subjects.into_iter().zip(addresses).collect() })
    }

    /// All targets, each once; networks one address after the other, however large they are.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Target> {
        let mut seen = HashSet::new();
        self.subjects
            .iter()
            .flat_map(|(subject, addresses)| {
                subject.targets().chain(addresses.iter().flatten().cloned())
            })
            .filter(move |target| seen.len() >= MOST_REMEMBERED || seen.insert(target.clone()))
    }

    /// A target of each subject, and all addresses of hosts: of these kinds all targets are, however many.
    pub(crate) fn samples(&self) -> Vec<Target> {
        let subjects = self.subjects.iter();
        subjects
            .flat_map(|(subject, addresses)| {
                subject.targets().take(1).chain(addresses.iter().flatten().cloned())
            })
            .collect()
    }

    /// Hosts without addresses, and why.
    pub(crate) fn missing(&self) -> impl Iterator<Item = (&Subject, Missing)> {
        self.subjects.iter().filter_map(|(subject, addresses)| {
            addresses.as_ref().err().map(|missing| (subject, *missing))
        })
    }

    /// How many targets there are.
    pub(crate) fn count(&self) -> u128 {
        self.subjects.iter().fold(0, |sum, (subject, addresses)| {
            let found = addresses.as_ref().map_or(0, Vec::len) as u128;
            let own = subject.addresses().max(1);
            sum.saturating_add(own).saturating_add(found)
        })
    }
}

/// The subjects that are typed and those that stand in a file (`-` is standard input), each once; and the lines
/// of the file that name nothing that can be checked, which cost none of the others.
///
/// # Errors
/// If something that was typed cannot be checked, the file cannot be read, or nothing is left.
pub(crate) fn subjects(
    typed: &[String],
    file: Option<&Path>,
    yes: bool,
) -> anyhow::Result<(Vec<Subject>, Vec<String>)> {
    let (mut subjects, mut faults) = (Vec::new(), Vec::new());
    let mut seen = HashSet::new();
    for text in typed {
        let subject: Subject = text.parse()?;
        if seen.insert(subject.clone()) {
            subjects.push(subject);
        }
    }
    if let Some(path) = file {
        let bytes = if path.as_os_str() == "-" {
            let mut bytes = Vec::new();
            io::stdin().lock().read_to_end(&mut bytes).context("standard input")?;
            bytes
        } else {
            fs::read(path).with_context(|| format!("cannot read {}", path.display()))?
        };
        // A line in another encoding is a fault of that line; a mark in front (BOM) is none.
        let text = String::from_utf8_lossy(&bytes);
        let lines = text.strip_prefix('\u{feff}').unwrap_or(&text).lines();
        let mut is_empty = true;
        for (number, line) in (1..).zip(lines) {
            let text = line.split('#').next().unwrap_or_default().trim();
            if text.is_empty() {
                continue;
            }
            is_empty = false;
            match text.parse::<Subject>() {
                Ok(subject) if seen.insert(subject.clone()) => subjects.push(subject),
                Ok(_) => {}
                Err(error) => faults.push(format!("{}:{number}: {error}", path.display())),
            }
        }
        if is_empty && typed.is_empty() {
            bail!("nothing to check: {} names no target", path.display());
        }
    }
    if subjects.is_empty() {
        match faults.first() {
            Some(fault) => bail!("nothing to check: {fault}"),
            None => bail!("nothing to check: name an address or host, or a file with --file"),
        }
    }
    ask_first(&subjects, yes)?;
    Ok((subjects, faults))
}

/// Refuses large networks unless somebody said that they are meant.
///
/// # Errors
/// If they have more than 1,024 addresses together and nobody did.
pub(crate) fn ask_first(subjects: &[Subject], yes: bool) -> anyhow::Result<()> {
    let networks = subjects.iter().filter(|subject| matches!(subject, Subject::Network(_)));
    let addresses = networks.fold(0_u128, |sum, s| sum.saturating_add(s.addresses()));
    if addresses > MOST_ASKED && !yes {
        bail!("{addresses} addresses: say --yes if all of them are to be looked up");
    }
    Ok(())
}

/// The resolvers that are asked: those named by `--resolver`, or the system's.
pub(crate) fn resolvers(given: &[String]) -> anyhow::Result<Vec<SocketAddr>> {
    if given.is_empty() {
        return Ok(resolver::system(&fs::read_to_string("/etc/resolv.conf").unwrap_or_default()));
    }
    let parse = |text: &String| {
        resolver::server(text).with_context(|| {
            format!("--resolver {text}: not an address, as 192.0.2.53 or [2001:db8::53]:5300")
        })
    };
    given.iter().map(parse).collect()
}

/// Networks of more addresses are looked up only if that is said to be meant.
const MOST_ASKED: u128 = 1024;
/// So many targets are remembered so as to ask about each once; of more, some may be asked twice.
const MOST_REMEMBERED: usize = 100_000;

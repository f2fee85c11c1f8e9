//! What is to be checked: what was typed and what stands in files, with the addresses of hosts.

use std::collections::HashSet;
use std::fs;
use std::io::{self, BufRead};
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

/// The subjects that are typed and those that stand in a file (`-` is standard input), each once.
pub(crate) fn subjects(
    typed: &[String],
    file: Option<&Path>,
    yes: bool,
) -> anyhow::Result<Vec<Subject>> {
    let mut texts = typed.to_vec();
    if let Some(path) = file {
        let lines: Vec<String> = if path.as_os_str() == "-" {
            io::stdin().lock().lines().collect::<io::Result<_>>().context("standard input")?
        } else {
            let text = fs::read_to_string(path)
                .with_context(|| format!("cannot read {}", path.display()))?;
            text.lines().map(str::to_owned).collect()
        };
        let without_comment = |line: &String| {
            let line = line.split('#').next().unwrap_or_default().trim().to_owned();
            (!line.is_empty()).then_some(line)
        };
        texts.extend(lines.iter().filter_map(without_comment));
        if texts.is_empty() {
            bail!("nothing to check: {} names no target", path.display());
        }
    }
    if texts.is_empty() {
        bail!("nothing to check: name an address or host, or a file with --file");
    }
    let mut subjects = Vec::new();
    let mut seen = HashSet::new();
    for text in &texts {
        let subject: Subject = text.parse()?;
        if seen.insert(subject.clone()) {
            subjects.push(subject);
        }
    }
    ask_first(&subjects, yes)?;
    Ok(subjects)
}

/// Refuses a large network unless somebody said that it is meant.
///
/// # Errors
/// If one has more than 1,024 addresses and nobody did.
pub(crate) fn ask_first(subjects: &[Subject], yes: bool) -> anyhow::Result<()> {
    let most_of_one = subjects.iter().map(Subject::addresses).max().unwrap_or(0);
    if most_of_one > MOST_ASKED && !yes {
        let addresses = subjects.iter().fold(0_u128, |sum, s| sum.saturating_add(s.addresses()));
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

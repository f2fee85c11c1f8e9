//! From the configuration, and the files that it names, to what the monitor does.

use std::collections::HashSet;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use anyhow::{Context, bail};
use repute_audit::Subject as Audited;
use repute_dnsxl::{Ipv4Network, Ipv6Network, Network, Target};
use repute_lookup::inquiry::ListAt;
use repute_lookup::subject::Subject;
use repute_monitor::Config as Plan;

use crate::commands::check::lists;
use crate::commands::check::targets::resolvers;
use crate::config::MonitorConfig;

/// Puts together what is watched, and how.
pub(super) fn plan(path: Option<&Path>, config: &MonitorConfig) -> anyhow::Result<(Plan, String)> {
    let subjects = subjects(config)?;
    let lists = asked(path, config, &subjects)?;
    let resolvers = match config.resolvers.is_empty() {
        true => resolvers(&[])?,
        false => config.resolvers.clone(),
    };
    let named = subjects.len();
    let pieces = subjects.into_iter().flat_map(pieces).collect();
    let mut plan = Plan::new(pieces, lists, resolvers);
    plan.interval = config.interval;
    plan.timeout = config.timeout;
    plan.quorum = config.quorum;
    plan.hysteresis = config.hysteresis;
    plan.window = config.gather;
    plan.channels = config.channels.clone();
    plan.luzilla = config.luzilla;
    plan.zones = zones(config, &plan.resolvers);
    let summary = summary(named, &plan);
    Ok((plan, summary))
}

/// What is watched, in a few words.
fn summary(targets: usize, plan: &Plan) -> String {
    let count = |n: usize, one: &str| format!("{n} {one}{}", if n == 1 { "" } else { "s" });
    format!(
        "{}{} on {}, for {}",
        match plan.zones.len() {
            0 => String::new(),
            n => count(n, "zone") + " and ",
        },
        count(targets, "target"),
        count(plan.lists.len(), "list"),
        count(plan.channels.len(), "channel")
    )
}

/// What is checked, each once.
fn subjects(config: &MonitorConfig) -> anyhow::Result<Vec<Subject>> {
    let mut subjects = config.subjects.clone();
    if let Some(file) = &config.targets_file {
        for (line, text) in entries(file, "targets")? {
            let place = || format!("{}:{line}", file.display());
            subjects.push(text.parse::<Subject>().with_context(place)?);
        }
    }
    let mut seen = HashSet::new();
    subjects.retain(|subject| seen.insert(subject.clone()));
    if subjects.is_empty() && config.zones.is_empty() {
        bail!("nothing to watch: name `targets` or `zones` in [monitor] of the configuration");
    }
    let addresses = subjects.iter().fold(0_u128, |sum, s| sum.saturating_add(s.addresses()));
    if addresses > MOST_ADDRESSES {
        bail!("{addresses} addresses are too many: at most {MOST_ADDRESSES} can be watched");
    }
    Ok(subjects)
}

/// A subject, or the pieces of a large network: each has its own place in the interval, so that nobody's list
/// is asked about all of it at once.
fn pieces(subject: Subject) -> Vec<Subject> {
    let Subject::Network(network) = subject else { return vec![subject] };
    let step = 1 << TOGETHER;
    match network {
        Network::V4(whole) if whole.prefix_len() < 32 - TOGETHER => (whole.first()..=whole.last())
            .step_by(step)
            .map(|first| Ipv4Network::around(first.into(), 32 - TOGETHER))
            .map(|piece| Subject::Network(Network::V4(piece)))
            .collect(),
        Network::V6(whole) if whole.prefix_len() < 128 - TOGETHER => (whole.first()..=whole.last())
            .step_by(step)
            .map(|first| Ipv6Network::around(first.into(), 128 - TOGETHER))
            .map(|piece| Subject::Network(Network::V6(piece)))
            .collect(),
        Network::V4(_) | Network::V6(_) => vec![subject],
    }
}

/// The zones that are audited, each once with all its servers.
fn zones(config: &MonitorConfig, resolvers: &[SocketAddr]) -> Vec<Audited> {
    let mut zones: Vec<Audited> = Vec::new();
    for named in &config.zones {
        match zones.iter_mut().find(|known| known.zone == named.zone) {
            Some(known) => known.servers.extend(named.server),
            None => zones.push(Audited {
                zone: named.zone.clone(),
                kind: None,
                errors: Vec::new(),
                servers: named.server.into_iter().collect(),
                resolvers: resolvers.to_vec(),
                timeout: config.timeout,
            }),
        }
    }
    zones
}

/// The lists that are asked: those that are named, or those of the catalogue that take the subjects.
fn asked(
    path: Option<&Path>,
    config: &MonitorConfig,
    subjects: &[Subject],
) -> anyhow::Result<Vec<ListAt>> {
    let catalogue = lists::catalogue(path, None)?;
    let mut named: Vec<(String, String)> =
        config.lists.iter().map(|list| ("monitor.lists".to_owned(), list.clone())).collect();
    if let Some(file) = &config.lists_file {
        for (line, text) in entries(file, "rbl")? {
            named.push((format!("{}:{line}", file.display()), text));
        }
    }
    if subjects.is_empty() {
        return Ok(Vec::new());
    }
    if named.is_empty() {
        return lists::named(&[], &catalogue, &kinds(subjects));
    }
    let (mut asked, mut seen) = (Vec::new(), HashSet::new());
    for (place, text) in named {
        let one = lists::one(&text, &catalogue).with_context(|| format!("{place}: `{text}`"))?;
        if seen.insert((one.list.zone.clone(), one.servers.clone())) {
            asked.push(one);
        }
    }
    Ok(asked)
}

/// One target of each kind that subjects stand for; a host may have addresses of both kinds.
fn kinds(subjects: &[Subject]) -> Vec<Target> {
    let mut kinds: Vec<Target> = subjects.iter().filter_map(|s| s.targets().next()).collect();
    if subjects.iter().any(|subject| matches!(subject, Subject::Host(_))) {
        kinds.push(Target::Ipv4(std::net::Ipv4Addr::LOCALHOST));
        kinds.push(Target::Ipv6(std::net::Ipv6Addr::LOCALHOST));
    }
    kinds
}

/// The entries of a file with their lines: one a line, or as Luzilla/dnsbl_exporter and check_rbl have them,
/// `server=ENTRY` in the section of this name.
fn entries(path: &Path, section: &str) -> anyhow::Result<Vec<(usize, String)>> {
    let text =
        fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let (mut entries, mut is_in_section) = (Vec::new(), true);
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.split(['#', ';']).next().unwrap_or_default().trim();
        if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            is_in_section = name.trim() == section;
            continue;
        }
        let entry = match line.split_once('=') {
            Some((key, value)) if key.trim() == "server" => value.trim(),
            Some(_) | None => line,
        };
        if is_in_section && !entry.is_empty() {
            entries.push((number, entry.to_owned()));
        }
    }
    Ok(entries)
}

/// Addresses that are watched in all: what is known of them is written anew each time something happens, and
/// shown at each look at the metrics.
const MOST_ADDRESSES: u128 = 4096;
/// Bits of an address in which those differ that are checked together.
const TOGETHER: u8 = 4;

#[cfg(test)]
mod tests {
    use super::*;

    /// What a file with this text holds.
    fn read(text: &str) -> Vec<(usize, String)> {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("targets.ini");
        fs::write(&path, text).expect("it is writable");
        entries(&path, "targets").expect("it is readable")
    }

    #[test]
    fn files_of_other_programs_are_read_as_well_as_plain_ones() {
        let found = read("# mine\n192.0.2.1 # mail\n\nmail.example\n");
        assert_eq!(found, [(2, "192.0.2.1".to_owned()), (4, "mail.example".to_owned())]);
        let ini =
            "[rbl]\nserver=bl.example\n[targets]\nserver = 192.0.2.0/28\n; no\nserver=a.example\n";
        let found: Vec<String> = read(ini).into_iter().map(|(_, entry)| entry).collect();
        assert_eq!(found, ["192.0.2.0/28", "a.example"]);
        assert_eq!(read("bl.example@192.0.2.1=127.0.0.2")[0].1, "bl.example@192.0.2.1=127.0.0.2");
    }

    #[test]
    fn a_large_network_is_checked_in_pieces_that_are_all_of_it() {
        for (text, count, addresses) in [
            ("192.0.2.0/24", 16, 256),
            ("192.0.2.0/28", 1, 16),
            ("192.0.2.0/30", 1, 4),
            ("255.255.255.0/24", 16, 256),
            ("2001:db8::/122", 4, 64),
            ("192.0.2.1", 1, 1),
        ] {
            let pieces = pieces(text.parse().expect("a subject"));
            let targets: HashSet<Target> = pieces.iter().flat_map(Subject::targets).collect();
            assert_eq!((pieces.len(), targets.len()), (count, addresses), "{text}");
            let whole: Subject = text.parse().expect("a subject");
            assert!(whole.targets().all(|target| targets.contains(&target)), "{text}");
        }
    }

    #[test]
    fn a_host_may_have_addresses_of_both_kinds() {
        let read = |text: &str| vec![text.parse::<Subject>().expect("one")];
        assert_eq!(kinds(&read("192.0.2.1")).len(), 1);
        assert_eq!(kinds(&read("mail.example")).len(), 3);
    }
}

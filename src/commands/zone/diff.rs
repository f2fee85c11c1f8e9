//! `repute zone diff`: what was added and removed between two lists.
//!
//! Compared is what the lists say, not how they are written: a network that one list has whole and
//! the other in two halves is no difference, and neither is the order of lines or files.

mod coverage;

use std::collections::BTreeMap;
use std::io::{BufWriter, Write};
use std::path::Path;

use repute_dnsxl::Network;
use repute_zone::{Zone, export};

use super::subject::Subject;
use crate::cli::ListArgs;
use crate::exit::{Verdict, tell};
use coverage::Coverage;

/// Compares two lists.
pub(super) fn run(
    config: Option<&Path>,
    old: &str,
    new: &str,
    list: &ListArgs,
) -> anyhow::Result<Verdict> {
    let read = |name: &str| -> anyhow::Result<Zone> {
        let subject = Subject::find_one(config, &[name.to_owned()], list)?;
        let built = subject.build(None).map_err(|error| subject.failed(error))?;
        let faults = built.fault_count();
        if faults > 0 {
            tell!("{name}: {faults} faulty lines are passed over; `repute zone check` shows them");
        }
        Ok(built.zone)
    };
    let (old, new) = (Content::of(&read(old)?)?, Content::of(&read(new)?)?);
    let (removed, added) = (old.without(&new), new.without(&old));
    let mut out = BufWriter::new(std::io::stdout().lock());
    for (sign, lines) in [('-', &removed), ('+', &added)] {
        for line in lines {
            writeln!(out, "{sign}{line}")?;
        }
    }
    out.flush()?;
    tell!("{} removed, {} added", removed.len(), added.len());
    let same = removed.is_empty() && added.is_empty();
    Ok(if same { Verdict::Yes } else { Verdict::No })
}

/// What a zone lists: networks, and everything else by name.
#[derive(Default)]
struct Content {
    /// IPv4 and IPv6 addresses with what they answer.
    addresses: Coverage,
    /// Names and records with what they answer.
    names: BTreeMap<String, Vec<String>>,
}

impl Content {
    /// Takes a zone apart by way of its export, in which all is resolved.
    fn of(zone: &Zone) -> anyhow::Result<Content> {
        let mut text = Vec::new();
        export::rbldnsd(zone, export::View::Whole, &mut text)?;
        let mut entries: BTreeMap<(bool, String), Vec<String>> = BTreeMap::new();
        let mut addresses = false;
        // A line that begins with a colon answers for those that follow it and say nothing
        // themselves.
        let mut answer = String::new();
        for line in String::from_utf8_lossy(&text).lines() {
            if let Some(kind) = line.strip_prefix("$DATASET ") {
                addresses = kind.starts_with("ip");
                answer.clear();
            } else if line.starts_with(':') {
                line.clone_into(&mut answer);
            } else if !line.is_empty() && !line.starts_with(['#', '$']) {
                let (key, own) = line.split_once(char::is_whitespace).unwrap_or((line, &answer));
                let key = (addresses, key.to_owned());
                entries.entry(key).or_default().push(own.to_owned());
            }
        }
        let mut content = Content::default();
        for ((addresses, key), mut answers) in entries {
            answers.sort_unstable();
            match key.parse::<Network>() {
                Ok(network) if addresses => content.addresses.add(network, answers.join(" ")),
                Ok(_) | Err(_) => {
                    content.names.insert(key, answers);
                }
            }
        }
        content.addresses.sort();
        Ok(content)
    }

    /// What is here and not there, or answers otherwise there.
    fn without(&self, other: &Content) -> Vec<String> {
        let mut lines = self.addresses.without(&other.addresses);
        for (name, answers) in &self.names {
            if other.names.get(name) != Some(answers) {
                lines.push(format!("{name} {}", answers.join(" ")).trim_end().to_owned());
            }
        }
        lines
    }
}

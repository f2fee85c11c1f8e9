//! Lists from the configuration of other programs.
//!
//! Each parser reads what its program would read and says what it could not take, by line: a list that is
//! silently missing would be worse than none. What the catalogue already knows of a list is not taken from
//! a mail filter, which names codes after its own rules; its filters are, as they are the user's wish.

mod check_rbl;
mod master;
mod pattern;
mod postfix;
mod program;
mod rspamd;
mod spamassassin;
mod ucl;

use repute_dnsxl::{Name, Polarity};

pub use check_rbl::check_rbl;
pub use postfix::postfix;
pub use program::{Program, import};
pub use rspamd::rspamd;
pub use spamassassin::spamassassin;

use super::{Catalogue, Entry, to_toml};
use crate::code::CodeSet;
use crate::list::{Access, KeyPlace, Keys, List, NameForm, Secret, Status};

/// What one text, or several, were found to hold.
#[derive(Clone, Debug)]
pub struct Import {
    /// The lists, in the order in which they are first named.
    pub lists: Vec<Imported>,
    /// What could not be taken, by text and line.
    pub faults: Vec<Fault>,
}

/// A list that was found.
#[derive(Clone, Debug)]
pub struct Imported {
    /// The text that first names it, from 0.
    pub text: usize,
    /// The line of that.
    pub line: usize,
    /// What the text says and the catalogue does not.
    pub entry: Entry,
    /// Whether a key stood in the zone's name. It is in `list` alone.
    pub had_key: bool,
    /// The weights it has there, other than 1. They are not in the entry.
    pub weights: Vec<i64>,
    /// The list, with what the catalogue says of it.
    pub list: List,
}

/// What could not be taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {problem}")]
pub struct Fault {
    /// The text it is in, from 0.
    pub text: usize,
    /// The line it is in, from 1.
    pub line: usize,
    /// Why.
    pub problem: Problem,
}

/// Why something could not be taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// The zone is no host name.
    #[error("`{0}` is no zone: expected a name such as bl.example")]
    Zone(String),
    /// The filter is no set of codes.
    #[error("`{0}` is no set of return codes that can be written down: add it to the list by hand")]
    Filter(String),
    /// The filter names codes no list gives.
    #[error("{0} is not within 127.0.0.0/8, where lists answer: left out")]
    Unconventional(CodeSet),
    /// The code means that the list did not answer.
    #[error("{0} is an error of the list, not a listing: left out")]
    Error(CodeSet),
    /// A macro without a value.
    #[error("`{0}` has no value in this text: add the line that sets it, or write it out")]
    Macro(String),
    /// A word is missing after another.
    #[error("`{0}` is not followed by what it needs")]
    Missing(String),
    /// A line of no known form.
    #[error("this is no line of such a file: expected {0}")]
    Syntax(&'static str),
    /// No part of the text has lists.
    #[error("no lists: expected {0}")]
    Nothing(&'static str),
    /// A rule refers to a set of look-ups that is not there.
    #[error("the set `{0}` is looked up by no rule of this text: import both files as one text")]
    Set(String),
    /// The list is asked for something else than an address or name.
    #[error("list `{0}` is asked {1}, which is not supported")]
    Unsupported(String, &'static str),
}

impl Import {
    /// The lists as text to paste into the configuration.
    pub fn to_toml(&self) -> String {
        let mut out = String::new();
        for Imported { entry, had_key, weights, list, .. } in &self.lists {
            if !out.is_empty() {
                out.push('\n');
            }
            let state = match list.status {
                Status::Dead => Some("dead"),
                Status::Wildcarded => Some("wildcarded, that is, lists everything"),
                Status::Live | Status::Unknown => None,
            };
            if let Some(state) = state {
                out.push_str(&format!(
                    "# Known as {state}: not asked, unless `ask = true` is added.\n"
                ));
            }
            let mut written = to_toml(entry);
            let mut remarks = String::new();
            if *had_key {
                remarks.push_str(&format!(
                    "# The key that stood in the zone's name is left out: put it into a file of its own.\n\
                     # key-file = \"/etc/repute/keys/{}\"\n",
                    entry.zone
                ));
            }
            if !weights.is_empty() {
                let weights: Vec<String> =
                    weights.iter().map(|weight| format!("*{weight}")).collect();
                remarks.push_str(&format!(
                    "# Its weight ({}) is not taken over: a listing counts as any other.\n",
                    weights.join(", ")
                ));
            }
            // The zone is the first line below the heading.
            let at = written.match_indices('\n').nth(1).map_or(written.len(), |(at, _)| at + 1);
            written.insert_str(at, &remarks);
            out.push_str(&written);
        }
        out
    }
}

/// What one place in a text says of a list.
#[derive(Clone, Debug)]
struct Sighting {
    /// What is looked up.
    keys: Keys,
    /// What a listing means there.
    polarity: Polarity,
    /// The codes that count, or all.
    filter: Option<Vec<CodeSet>>,
}

/// Collects what is said of each zone.
struct Gatherer<'a> {
    /// What is known of lists.
    catalogue: &'a Catalogue,
    /// How many lines stand before each text, if all of them are counted through.
    starts: Vec<usize>,
    /// How many stand before the text that is being read.
    base: usize,
    /// The zones.
    found: Vec<Found>,
    /// What could not be taken.
    faults: Vec<Fault>,
}

/// What is said of a zone.
struct Found {
    /// The zone, without a key.
    zone: Name,
    /// The text and line that first name it.
    place: (usize, usize),
    /// The key that stood in its name.
    secret: Option<Secret>,
    /// What is looked up anywhere.
    keys: Keys,
    /// What a listing means: nothing in particular if places disagree.
    polarity: Polarity,
    /// The codes that count, or all once some place takes all.
    only: Option<Vec<CodeSet>>,
    /// Codes with meanings.
    codes: Vec<(CodeSet, String)>,
    /// Codes that are errors.
    errors: Vec<(CodeSet, String)>,
    /// Weights other than 1.
    weights: Vec<i64>,
}

impl<'a> Gatherer<'a> {
    /// Begins with one text.
    fn new(catalogue: &'a Catalogue) -> Gatherer<'a> {
        let (found, faults) = (Vec::new(), Vec::new());
        Gatherer { catalogue, starts: vec![0], base: 0, found, faults }
    }

    /// Notes what could not be taken.
    fn fault(&mut self, line: usize, problem: Problem) {
        let (text, line) = self.place(line);
        self.faults.push(Fault { text, line, problem });
    }

    /// The text and the line in it of a line of what is being read.
    fn place(&self, line: usize) -> (usize, usize) {
        let line = self.base + line;
        let text = self.starts.partition_point(|start| *start < line).saturating_sub(1);
        (text, line - self.starts.get(text).copied().unwrap_or(0))
    }

    /// Notes what a place says of a zone. Gives the zone's place among those found, or notes that it is
    /// none.
    fn see(&mut self, line: usize, zone: &str, sighting: Sighting) -> Option<usize> {
        let Some(name) = zone_of(zone) else {
            self.fault(line, Problem::Zone(shortened(zone)));
            return None;
        };
        let filter = sighting.filter;
        let strange = filter.iter().flatten().find(|codes| !codes.is_conventional());
        if let Some(codes) = strange {
            self.fault(line, Problem::Unconventional(codes.clone()));
            return None;
        }
        let (zone, secret) = self.without_key(name);
        if let Some(at) = self.found.iter().position(|found| found.zone == zone) {
            let found = &mut self.found[at];
            found.secret = found.secret.take().or(secret);
            found.keys.ipv4 |= sighting.keys.ipv4;
            found.keys.ipv6 |= sighting.keys.ipv6;
            found.keys.name = found.keys.name.or(sighting.keys.name);
            if found.polarity != sighting.polarity {
                found.polarity = Polarity::Info;
            }
            found.only = match (found.only.take(), filter) {
                (Some(mut only), Some(filter)) => {
                    for codes in filter {
                        if !only.contains(&codes) {
                            only.push(codes);
                        }
                    }
                    Some(only)
                }
                (_, None) | (None, _) => None,
            };
            return Some(at);
        }
        let place = self.place(line);
        self.found.push(Found {
            zone,
            place,
            secret,
            keys: sighting.keys,
            polarity: sighting.polarity,
            only: filter,
            codes: Vec::new(),
            errors: Vec::new(),
            weights: Vec::new(),
        });
        Some(self.found.len() - 1)
    }

    /// Notes what a code means in a zone that was found.
    fn mean(&mut self, line: usize, at: usize, codes: CodeSet, meaning: &str, is_error: bool) {
        if !codes.is_conventional() {
            return self.fault(line, Problem::Unconventional(codes));
        }
        let found = &mut self.found[at];
        let meanings = if is_error { &mut found.errors } else { &mut found.codes };
        match meanings.iter_mut().find(|(known, _)| *known == codes) {
            Some((_, known)) if known != meaning => *known = format!("{known}, {meaning}"),
            Some(_) => {}
            None => meanings.push((codes, meaning.to_owned())),
        }
    }

    /// Takes the key off a zone whose list wants one in front of its name.
    fn without_key(&self, name: Name) -> (Name, Option<Secret>) {
        let mut keyed = self
            .catalogue
            .lists()
            .filter(|list| matches!(list.access, Access::Key(KeyPlace::BeforeZone, _)));
        let labels = name.label_count();
        let list =
            keyed.find(|list| name.is_within(&list.zone) && labels == list.zone.label_count() + 1);
        let key = name
            .labels()
            .next()
            .and_then(|label| Name::from_wire(&[&[label.len() as u8], label, &[0]].concat()).ok());
        match (list, key) {
            (Some(list), Some(key)) => (list.zone.clone(), Some(Secret::new(key))),
            (Some(_), None) | (None, _) => (name, None),
        }
    }

    /// Ends: what was found, beside what is known.
    fn finish(mut self) -> Import {
        let mut lists = Vec::new();
        for found in std::mem::take(&mut self.found) {
            let known = self.catalogue.find(&found.zone);
            let mut list = self.catalogue.find_or_assume(&found.zone);
            let mut entry = Entry::new(found.zone);
            let (text, line) = found.place;
            // Somebody asks it: that nobody looked, or that it wants one registered, is no objection.
            let is_open =
                |list: &List| list.access == Access::Open && list.status == Status::Unknown;
            let is_asked = known.is_some_and(|l| is_open(l) || l.access == Access::Registration);
            entry.ask = is_asked.then_some(true);
            if known.is_none() {
                entry.keys = Some(found.keys).filter(|keys| *keys != list.keys);
                entry.polarity = Some(found.polarity).filter(|said| *said != list.polarity);
            }
            entry.only = found.only;
            if known.is_none_or(|known| known.meanings.is_empty() && known.errors.is_empty()) {
                let (bad, good): (Vec<_>, Vec<_>) =
                    found.codes.into_iter().partition(|(codes, _)| {
                        found.errors.iter().any(|(error, _)| error.overlaps(codes))
                    });
                for (codes, _) in bad {
                    self.faults.push(Fault { text, line, problem: Problem::Error(codes) });
                }
                entry.codes = Some(good).filter(|codes| !codes.is_empty());
                entry.errors = Some(found.errors).filter(|errors| !errors.is_empty());
            }
            entry.apply(&mut list);
            let had_key = found.secret.is_some();
            if let Access::Key(_, secret) = &mut list.access {
                *secret = found.secret.or(secret.take());
            }
            let weights = found.weights;
            lists.push(Imported { text, line, entry, had_key, weights, list });
        }
        self.faults.sort_by_key(|fault| (fault.text, fault.line));
        Import { lists, faults: self.faults }
    }
}

/// A zone from what somebody wrote as one.
fn zone_of(text: &str) -> Option<Name> {
    let is_fine = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    let name: Name = Some(text).filter(|text| text.bytes().all(is_fine))?.parse().ok()?;
    Some(name).filter(|name| name.label_count() > 0)
}

/// The start of a text, for a message.
fn shortened(text: &str) -> String {
    match text.char_indices().nth(60) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}

/// Addresses of both kinds.
const ADDRESSES: Keys = Keys { ipv4: true, ipv6: true, name: None };
/// Names as they are.
const HOSTS: Keys = Keys { ipv4: false, ipv6: false, name: Some(NameForm::Host) };
/// Registered domains.
const DOMAINS: Keys = Keys { ipv4: false, ipv6: false, name: Some(NameForm::Registrable) };

#[cfg(test)]
mod tests;

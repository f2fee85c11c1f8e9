//! What an import changes, for people.

use repute_database::bulk::{Place, Row};
use repute_database::{DatabaseError, Key, Timestamp};
use repute_dnsxl::{Name, Network, ReturnCode};
use serde_json::{Value, json};

use crate::import::compare::Difference;
use crate::import::content::Content;
use crate::import::owners::Owners;
use crate::two_editors;

/// What an import changes, or would.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// The serial it has; none if nothing was written.
    pub serial: Option<u32>,
    /// New entries.
    pub added: u64,
    /// Entries with another text.
    pub changed: u64,
    /// Entries that say the same, with another reason, source or end.
    pub renewed: u64,
    /// Entries that go.
    pub removed: u64,
    /// Entries that are in the list already.
    pub unchanged: u64,
    /// Entries that another source has brought, whose they stay.
    pub kept: u64,
    /// Entries that are kept off the list by decisions.
    pub kept_out: u64,
    /// Organisations that are added, as the file has their numbers.
    pub organisations: u64,
    /// Numbers of the file that are here those of other organisations, whose entries are nobody's.
    pub strangers: u64,
    /// Numbers of the file that are those of suspended organisations, which get nothing.
    pub suspended: u64,
    /// The first that are new, changed and removed, in words.
    pub examples: Examples,
    /// The widest networks among the new ones, the widest first; none narrower than a /24 of IPv4 or a /48 of IPv6.
    pub widest: Vec<Network>,
    /// How many of those that stay end earlier than until now.
    pub shortened: u64,
    /// How many of the new ones, of those that go and of those that end at another time are for two editors to decide.
    pub for_two: u64,
    /// The first of them, in words.
    pub first_for_two: Vec<String>,
}

/// The first of each kind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Examples {
    /// New entries.
    pub added: Vec<String>,
    /// Entries with another text.
    pub changed: Vec<String>,
    /// Entries that go.
    pub removed: Vec<String>,
}

impl Report {
    /// What it says, as JSON.
    pub fn told(&self, apex: &Name, content: Option<&Content>, is_dry: bool) -> Value {
        let widest: Vec<String> = self.widest.iter().map(ToString::to_string).collect();
        json!({
            "list": apex.to_string(),
            "dry_run": is_dry,
            "serial": self.serial,
            "shortened": self.shortened,
            "added": self.added,
            "changed": self.changed,
            "renewed": self.renewed,
            "removed": self.removed,
            "unchanged": self.unchanged,
            "kept": self.kept,
            "kept_out": self.kept_out,
            "organisations": self.organisations,
            "strangers": self.strangers,
            "suspended": self.suspended,
            "faults": content.map_or(0, |content| content.faults.errors()),
            "sha256": content.map(|content| &content.sha256),
            "widest": widest,
            "for_two_editors": self.for_two,
            "first_for_two_editors": self.first_for_two,
        })
    }

    /// Tells of a difference.
    pub(super) fn new(
        difference: &Difference,
        content: &Content,
        owners: &Owners,
        serial: Option<u32>,
        (expires, codes_for_two): (Option<Timestamp>, &[ReturnCode]),
    ) -> Result<Report, DatabaseError> {
        let row = |at: &u32| &content.rows[*at as usize];
        let first = |numbers: &[u32]| {
            numbers.iter().take(SHOWN).map(|at| words(row(at))).collect::<Result<Vec<_>, _>>()
        };
        let removed = difference.removed.iter().take(SHOWN).map(|(_, place)| place_words(place));
        let examples = Examples {
            added: first(&difference.added)?,
            changed: first(&difference.changed)?,
            removed: removed.collect::<Result<_, _>>()?,
        };
        let (mut for_two, mut first_for_two) = (0, Vec::new());
        let coming = difference.added.iter().map(|at| (&row(at).place, Fate::Comes));
        let going = difference.removed.iter().map(|(_, place)| (place, Fate::Goes));
        let staying = difference.ends.iter().map(|(at, end)| (&row(at).place, Fate::Ends(*end)));
        for (place, fate) in coming.chain(going).chain(staying) {
            let (key, code) = (place.key()?, place.code());
            let two = match fate {
                Fate::Comes => two_editors::of_coming(&key, code, codes_for_two),
                Fate::Goes => two_editors::of_going(&key, code),
                Fate::Ends(end) => {
                    two_editors::of_staying(&key, code, (end, expires), codes_for_two)
                }
            };
            if two.is_some() {
                for_two += 1;
                if first_for_two.len() < SHOWN {
                    first_for_two.push(place_words(place)?);
                }
            }
        }
        let is_sooner = |before: &Option<Timestamp>| match (before, expires) {
            (_, None) => false,
            (None, Some(_)) => true,
            (Some(before), Some(end)) => end < *before,
        };
        let shortened = difference.ends.iter().filter(|(_, before)| is_sooner(before)).count();
        let mut wide = Vec::new();
        for row in difference.added.iter().map(row).filter(|row| row.place.code().is_some()) {
            if let Key::Network(network) = row.place.key()?
                && width(&network) <= NARROWEST
            {
                wide.push(network);
            }
        }
        wide.sort_by_key(width);
        wide.truncate(SHOWN);
        Ok(Report {
            serial,
            added: difference.added.len() as u64,
            changed: difference.changed.len() as u64,
            renewed: difference.renewed.len() as u64,
            removed: difference.removed.len() as u64,
            unchanged: difference.unchanged,
            kept: difference.kept,
            kept_out: difference.kept_out,
            // Without anything to change nothing of it is written.
            organisations: if difference.is_empty() { 0 } else { owners.new.len() as u64 },
            strangers: owners.others,
            suspended: owners.suspended,
            examples,
            widest: wide,
            shortened: shortened as u64,
            for_two,
            first_for_two,
        })
    }
}

/// What becomes of an entry.
#[derive(Clone, Copy)]
enum Fate {
    /// It is new.
    Comes,
    /// It goes.
    Goes,
    /// It stays and ends at another time than this one.
    Ends(Option<Timestamp>),
}

/// How narrow a network is: an IPv6 network is as wide as an IPv4 network of half its length.
fn width(network: &Network) -> u8 {
    match network {
        Network::V4(network) => network.prefix_len(),
        Network::V6(network) => network.prefix_len() / 2,
    }
}

/// An entry in words.
fn words(row: &Row) -> Result<String, DatabaseError> {
    let place = place_words(&row.place)?;
    Ok(if row.text.is_empty() { place } else { format!("{place} {}", row.text) })
}

/// A place in words.
fn place_words(place: &Place) -> Result<String, DatabaseError> {
    let key = place.key()?;
    Ok(match place.code() {
        Some(code) => format!("{key} {code}"),
        None => format!("!{key}"),
    })
}

/// So many of each kind are shown.
const SHOWN: usize = 5;
/// Narrower networks than this are not worth a word.
const NARROWEST: u8 = 24;

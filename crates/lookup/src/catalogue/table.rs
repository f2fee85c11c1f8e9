//! Lists as rows of a table, for people and for programs.

use repute_dnsxl::Polarity;

use super::read::{POLARITIES, STATUSES};
use super::write::key_words;
use crate::list::{Access, KeyPlace, List, Status};

/// A row: one list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Where it is asked.
    pub zone: String,
    /// What it is called.
    pub title: String,
    /// What can be looked up, in the catalogue's words: `ipv4 ipv6`, `host`.
    pub kind: String,
    /// What a listing means: `block`, `allow`, `info`.
    pub polarity: &'static str,
    /// `live`, `dead`, `wildcarded`, `unknown`.
    pub status: &'static str,
    /// The day of that, or nothing.
    pub date: String,
    /// `open`, `registration`, `key` if there is one, `no key` if it is wanting.
    pub access: &'static str,
    /// Where the status is known from.
    pub source: String,
    /// Zones it contains, between blanks.
    pub contains: String,
}

/// The rows of lists, in their order.
pub fn table<'a>(lists: impl IntoIterator<Item = &'a List>) -> Vec<Row> {
    lists.into_iter().map(row).collect()
}

/// The row of a list.
fn row(list: &List) -> Row {
    let contains: Vec<String> = list.contains.iter().map(ToString::to_string).collect();
    Row {
        zone: list.zone.to_string(),
        title: list.title.clone().unwrap_or_default(),
        kind: key_words(list.keys).collect::<Vec<_>>().join(" "),
        polarity: word_of(list.polarity),
        status: status_word(list.status),
        date: list.checked.clone().unwrap_or_default(),
        access: match &list.access {
            Access::Open => "open",
            Access::Registration => "registration",
            Access::Key(KeyPlace::BeforeZone | KeyPlace::BeforeTarget, Some(_)) => "key",
            Access::Key(KeyPlace::BeforeZone | KeyPlace::BeforeTarget, None) => "no key",
        },
        source: list.source.clone().unwrap_or_default(),
        contains: contains.join(" "),
    }
}

/// The word for a status.
pub fn status_word(status: Status) -> &'static str {
    STATUSES.iter().find(|(_, s)| *s == status).map_or("", |(word, _)| *word)
}

/// The word for a polarity.
fn word_of(polarity: Polarity) -> &'static str {
    POLARITIES.iter().find(|(_, p)| *p == polarity).map_or("", |(word, _)| *word)
}

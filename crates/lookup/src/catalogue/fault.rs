//! Why a text is no catalogue: the line, the list, the key, and what to do.

use std::ops::Range;

use repute_dnsxl::{Name, NameError};

use super::day::DayError;
use crate::code::{CodeSet, CodeSetError};

/// Why tables of lists cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}{}", place(*line), self.message())]
pub struct CatalogueError {
    /// The line it is in, from 1; 0 if it is about a list that no line names.
    pub line: usize,
    /// The bytes of the text that are wrong.
    pub span: Range<usize>,
    /// The list, as its table names it.
    pub zone: Option<String>,
    /// The key of the table.
    pub key: Option<String>,
    /// What is wrong.
    pub fault: CatalogueFault,
}

/// What is wrong with a table.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CatalogueFault {
    /// The text is not TOML.
    #[error("not TOML: {0}")]
    Toml(String),
    /// `list` holds something else than tables.
    #[error("lists are tables: write `[[list]]` above each of them")]
    NoTables,
    /// There is no zone.
    #[error("the list has no `zone`, the name under which it is asked")]
    NoZone,
    /// The key is unknown.
    #[error("there is no such key; there are {0}")]
    UnknownKey(String),
    /// The value is of another type.
    #[error("expected {0}")]
    Type(&'static str),
    /// Not a name.
    #[error("not a domain name: {0}")]
    Name(#[from] NameError),
    /// Not a set of return codes.
    #[error(transparent)]
    Code(#[from] CodeSetError),
    /// Not a day.
    #[error(transparent)]
    Day(#[from] DayError),
    /// A code no list gives.
    #[error("{0} is not within 127.0.0.0/8: lists answer with nothing else")]
    Unconventional(Box<CodeSet>),
    /// A code that is a listing and an error.
    #[error("{0} is among `codes` too: it is a listing or an error, not both")]
    Ambiguous(Box<CodeSet>),
    /// A zone has two tables.
    #[error("the list has a table in line {0} already: make one of them")]
    Twice(usize),
    /// `contains` names a list nobody knows.
    #[error("{0} is no list of the catalogue: add a table for it, or leave it out")]
    NoSuchList(Name),
    /// A list is a part of itself.
    #[error("{0} contains this list itself: one of them is the larger one")]
    Circle(Name),
    /// A key for a list that takes none.
    #[error(
        "the list takes no key: `access` says where it stands, \"key-before-zone\" or \"key-before-target\""
    )]
    NoKeyPlace,
    /// Two keys.
    #[error("`key-file` and `key-env` are both there: keep the one that has the key")]
    TwoKeys,
    /// The key is not one label.
    #[error("what is there is no key: it is one word of at most 63 letters and digits")]
    BadKey,
}

impl CatalogueError {
    /// What is wrong, with the list and the key, for whom shows the place himself.
    pub fn message(&self) -> String {
        let zone = self.zone.as_ref().map(|zone| format!("list {zone}: ")).unwrap_or_default();
        let key = self.key.as_ref().map(|key| format!("{key}: ")).unwrap_or_default();
        format!("{zone}{key}{}", self.fault)
    }
}

/// Says where a fault is.
fn place(line: usize) -> String {
    if line == 0 { String::new() } else { format!("line {line}: ") }
}

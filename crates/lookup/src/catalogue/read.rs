//! TOML to entries.
//!
//! The tables are walked by hand, since each fault must name its list, its key and its line, some of them
//! only after the tables are merged; and a list of codes keeps the order in which it was written. Other
//! tables of the text belong to somebody else and are passed over.

use std::ops::Range;
use std::str::FromStr;

use repute_dnsxl::{Name, Polarity};
use toml::de::{DeTable, DeValue};

use super::day::{Day, is_roughly_a_day};
use super::entry::{Entry, KeySource};
use super::fault::{CatalogueError, CatalogueFault};
use crate::code::CodeSet;
use crate::list::{Access, KeyPlace, Keys, NameForm, Status};

/// A table as it was read.
pub(super) struct Table {
    /// What it says.
    pub(super) entry: Entry,
    /// Where it begins.
    place: Place,
    /// Where its keys are.
    keys: Vec<(String, Place)>,
}

impl Table {
    /// A fault at a key, or at the table if it does not have that key.
    pub(super) fn error(&self, key: &str, fault: CatalogueFault) -> CatalogueError {
        let at = self.keys.iter().find(|(name, _)| name == key);
        let place = at.map_or(&self.place, |(_, place)| place);
        CatalogueError {
            line: place.line,
            span: place.span.clone(),
            zone: Some(self.entry.zone.to_string()),
            key: at.map(|(name, _)| name.clone()),
            fault,
        }
    }

    /// The bytes of a key's value, if it has that key.
    pub(super) fn value(&self, key: &str) -> Option<Range<usize>> {
        self.keys.iter().find(|(name, _)| name == key).map(|(_, place)| place.span.clone())
    }

    /// The line it begins in.
    pub(super) fn line(&self) -> usize {
        self.place.line
    }
}

/// Reads the tables of a text, and its date if it has one.
pub(super) fn read(text: &str) -> Result<(Option<Day>, Vec<Table>), CatalogueError> {
    let lines = Lines::of(text);
    let root = DeTable::parse(text).map_err(|error| CatalogueError {
        line: lines.of_offset(error.span().map_or(0, |span| span.start)),
        span: error.span().unwrap_or_default(),
        zone: None,
        key: None,
        fault: CatalogueFault::Toml(error.message().to_owned()),
    })?;
    let root = root.get_ref();
    let at = |span: Range<usize>, key: &str, fault| CatalogueError {
        line: lines.of_offset(span.start),
        span,
        zone: None,
        key: Some(key.to_owned()),
        fault,
    };
    let date = match root.get("date") {
        None => None,
        Some(value) => Some(
            string(value.get_ref())
                .and_then(|text| Ok(text.parse::<Day>()?))
                .map_err(|fault| at(value.span(), "date", fault))?,
        ),
    };
    let Some(lists) = root.get("list") else { return Ok((date, Vec::new())) };
    let no_tables = |span| at(span, "list", CatalogueFault::NoTables);
    let DeValue::Array(items) = lists.get_ref() else {
        return Err(no_tables(lists.span()));
    };
    let mut tables = Vec::new();
    for item in items {
        let DeValue::Table(table) = item.get_ref() else {
            return Err(no_tables(item.span()));
        };
        tables.push(read_table(table, item.span(), &lines)?);
    }
    Ok((date, tables))
}

/// Reads one table.
fn read_table(
    table: &DeTable<'_>,
    span: Range<usize>,
    lines: &Lines,
) -> Result<Table, CatalogueError> {
    let place = Place { line: lines.of_offset(span.start), span };
    let named = table.get("zone").and_then(|zone| string(zone.get_ref()).ok());
    let error = |place: Place, key: Option<&str>, fault| CatalogueError {
        line: place.line,
        span: place.span,
        zone: named.map(str::to_owned),
        key: key.map(str::to_owned),
        fault,
    };
    let Some(zone) = table.get("zone") else {
        return Err(error(place, None, CatalogueFault::NoZone));
    };
    let at = Place { line: lines.of_offset(zone.span().start), span: zone.span() };
    let zone = name(zone.get_ref()).map_err(|fault| error(at, Some("zone"), fault))?;
    let mut read = Table { entry: Entry::new(zone), place, keys: Vec::new() };
    // The parser sorts keys by their names; the first fault is that of the first line.
    let mut entries: Vec<_> = table.iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    for (key, value) in entries {
        let line = lines.of_offset(key.span().start);
        // A value is pointed at where it stands beside its key.
        let is_beside = lines.of_offset(value.span().start) == line;
        let at = Place { line, span: if is_beside { value.span() } else { key.span() } };
        let name: &str = key.get_ref();
        read.keys.push((name.to_owned(), at.clone()));
        read_key(&mut read.entry, name, value.get_ref()).map_err(|fault| {
            let at = match fault {
                CatalogueFault::UnknownKey(_) => Place { line, span: key.span() },
                _ => at,
            };
            error(at, Some(name), fault)
        })?;
    }
    Ok(read)
}

/// Reads one key.
fn read_key(entry: &mut Entry, key: &str, value: &DeValue<'_>) -> Result<(), CatalogueFault> {
    let text = || string(value).map(str::to_owned);
    match key {
        "zone" => {}
        "title" => entry.title = Some(text()?),
        "keys" => entry.keys = Some(keys(value)?),
        "polarity" => entry.polarity = Some(word(value, &POLARITIES, POLARITY)?),
        "codes" => entry.codes = Some(meanings(value)?),
        "only" => entry.only = Some(strings(value, CODES)?.map(codes).collect::<Result<_, _>>()?),
        "errors" => entry.errors = Some(meanings(value)?),
        "contains" => {
            let names = strings(value, "a list of zones")?.map(|text| Ok(text.parse::<Name>()?));
            entry.contains = Some(names.collect::<Result<_, CatalogueFault>>()?);
        }
        "delisting" => entry.delisting = Some(link(value)?),
        "access" => entry.access = Some(word(value, &ACCESSES, ACCESS)?),
        "key-file" => set_key(entry, KeySource::File(text()?.into()))?,
        "key-env" => set_key(entry, KeySource::Environment(text()?))?,
        "terms" => entry.terms = Some(text()?),
        "rate" => entry.rate = Some(rate(value)?),
        "status" => entry.status = Some(word(value, &STATUSES, STATUS)?),
        "checked" => {
            let day = text()?;
            if !is_roughly_a_day(&day) {
                return Err(CatalogueFault::Type("a date such as 2026-11-22, 2026-11 or 2026"));
            }
            entry.checked = Some(day);
        }
        "source" => entry.source = Some(text()?),
        "note" => entry.note = Some(text()?),
        "test-listed" => entry.test_listed = Some(boolean(value)?),
        "test-unlisted" => entry.test_unlisted = Some(boolean(value)?),
        "am-i-blocked" => entry.am_i_blocked = Some(name(value)?),
        "whoami" => entry.whoami = Some(name(value)?),
        "ask" => entry.ask = Some(boolean(value)?),
        _ => return Err(CatalogueFault::UnknownKey(KEYS.join(", "))),
    }
    Ok(())
}

/// Sets where the key is, once.
fn set_key(entry: &mut Entry, key: KeySource) -> Result<(), CatalogueFault> {
    match entry.key.replace(key) {
        None => Ok(()),
        Some(_) => Err(CatalogueFault::TwoKeys),
    }
}

/// What can be looked up.
fn keys(value: &DeValue<'_>) -> Result<Keys, CatalogueFault> {
    const WANTED: &str = "a list of \"ipv4\", \"ipv6\", and \"host\" or \"registrable\"";
    let mut keys = Keys { ipv4: false, ipv6: false, name: None };
    for text in strings(value, WANTED)? {
        match (text, keys.name) {
            ("ipv4", _) => keys.ipv4 = true,
            ("ipv6", _) => keys.ipv6 = true,
            ("host", None) => keys.name = Some(NameForm::Host),
            ("registrable", None) => keys.name = Some(NameForm::Registrable),
            _ => return Err(CatalogueFault::Type(WANTED)),
        }
    }
    if keys == (Keys { ipv4: false, ipv6: false, name: None }) {
        return Err(CatalogueFault::Type(WANTED));
    }
    Ok(keys)
}

/// Codes with their meanings, in the order in which they are written.
fn meanings(value: &DeValue<'_>) -> Result<Vec<(CodeSet, String)>, CatalogueFault> {
    const WANTED: &str = "a table of codes with their meanings: { \"127.0.0.2\" = \"spam\" }";
    let DeValue::Table(table) = value else { return Err(CatalogueFault::Type(WANTED)) };
    let mut entries: Vec<_> = table.iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    let read = entries.into_iter().map(|(key, meaning)| {
        let DeValue::String(meaning) = meaning.get_ref() else {
            return Err(CatalogueFault::Type(WANTED));
        };
        Ok((codes(key.get_ref())?, meaning.to_string()))
    });
    read.collect()
}

/// A set of codes that lists give.
fn codes(text: &str) -> Result<CodeSet, CatalogueFault> {
    let codes = CodeSet::from_str(text)?;
    match codes.is_conventional() {
        true => Ok(codes),
        false => Err(CatalogueFault::Unconventional(Box::new(codes))),
    }
}

/// A link.
fn link(value: &DeValue<'_>) -> Result<String, CatalogueFault> {
    let link = string(value)?;
    let is_link = ["https://", "http://", "mailto:"].iter().any(|start| link.starts_with(start));
    match is_link && !link.contains(|c: char| c.is_whitespace() || c.is_control()) {
        true => Ok(link.to_owned()),
        false => Err(CatalogueFault::Type("a link such as https://bl.example/?q={target}")),
    }
}

/// Queries a second.
fn rate(value: &DeValue<'_>) -> Result<f64, CatalogueFault> {
    let number = match value {
        DeValue::Integer(number) if number.radix() == 10 => number.as_str().parse::<f64>(),
        DeValue::Float(number) => number.as_str().parse::<f64>(),
        _ => return Err(CatalogueFault::Type(RATE)),
    };
    number.ok().filter(|rate| rate.is_finite() && *rate > 0.0).ok_or(CatalogueFault::Type(RATE))
}

/// One of some words.
fn word<T: Clone>(
    value: &DeValue<'_>,
    words: &[(&str, T)],
    wanted: &'static str,
) -> Result<T, CatalogueFault> {
    let said = string(value).map_err(|_| CatalogueFault::Type(wanted))?;
    let found = words.iter().find(|(word, _)| *word == said);
    found.map(|(_, meaning)| meaning.clone()).ok_or(CatalogueFault::Type(wanted))
}

/// A name.
fn name(value: &DeValue<'_>) -> Result<Name, CatalogueFault> {
    Ok(string(value)?.parse::<Name>()?)
}

/// A text.
fn string<'a>(value: &'a DeValue<'_>) -> Result<&'a str, CatalogueFault> {
    match value {
        DeValue::String(text) => Ok(text),
        _ => Err(CatalogueFault::Type("a text in quotes")),
    }
}

/// Texts.
fn strings<'a>(
    value: &'a DeValue<'_>,
    wanted: &'static str,
) -> Result<impl Iterator<Item = &'a str>, CatalogueFault> {
    let DeValue::Array(items) = value else { return Err(CatalogueFault::Type(wanted)) };
    let texts: Option<Vec<&str>> = items.iter().map(|item| item.get_ref().as_str()).collect();
    texts.map(Vec::into_iter).ok_or(CatalogueFault::Type(wanted))
}

/// True or false.
fn boolean(value: &DeValue<'_>) -> Result<bool, CatalogueFault> {
    match value {
        DeValue::Boolean(value) => Ok(*value),
        _ => Err(CatalogueFault::Type("true or false")),
    }
}

/// Where something stands in a text.
#[derive(Clone)]
struct Place {
    /// The line, from 1.
    line: usize,
    /// The bytes.
    span: Range<usize>,
}

/// Where the lines of a text begin.
struct Lines(Vec<usize>);

impl Lines {
    /// Finds them.
    fn of(text: &str) -> Lines {
        Lines(text.match_indices('\n').map(|(at, _)| at).collect())
    }

    /// The line an offset lies in, from 1.
    fn of_offset(&self, offset: usize) -> usize {
        self.0.partition_point(|end| *end < offset) + 1
    }
}

/// The keys of a table.
pub(super) const KEYS: [&str; 23] = [
    "zone",
    "title",
    "keys",
    "polarity",
    "codes",
    "only",
    "errors",
    "contains",
    "delisting",
    "access",
    "key-file",
    "key-env",
    "terms",
    "rate",
    "status",
    "checked",
    "source",
    "note",
    "test-listed",
    "test-unlisted",
    "am-i-blocked",
    "whoami",
    "ask",
];

/// The words for polarities.
pub(super) const POLARITIES: [(&str, Polarity); 3] =
    [("block", Polarity::Block), ("allow", Polarity::Allow), ("info", Polarity::Info)];
/// The words for access.
pub(super) const ACCESSES: [(&str, Access); 4] = [
    ("open", Access::Open),
    ("key-before-zone", Access::Key(KeyPlace::BeforeZone, None)),
    ("key-before-target", Access::Key(KeyPlace::BeforeTarget, None)),
    ("registration", Access::Registration),
];
/// The words for states.
pub(super) const STATUSES: [(&str, Status); 4] = [
    ("live", Status::Live),
    ("dead", Status::Dead),
    ("wildcarded", Status::Wildcarded),
    ("unknown", Status::Unknown),
];

/// What is said if it is none of them.
const POLARITY: &str = "\"block\", \"allow\" or \"info\"";
/// What is said if it is none of them.
const ACCESS: &str = "\"open\", \"registration\", \"key-before-zone\" or \"key-before-target\"";
/// What is said if it is none of them.
const STATUS: &str = "\"live\", \"dead\", \"wildcarded\" or \"unknown\"";
/// What is said if it is no rate.
const RATE: &str = "queries a second, more than 0";
/// What is said if it is no list of codes.
const CODES: &str = "a list of codes: [\"127.0.0.2\", \"127.0.1.0/24\"]";

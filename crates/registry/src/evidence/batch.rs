//! Observations as they are written down: objects of JSON, one a line or in an array, CSV with headings, or a target a
//! line.
//!
//! A faulty line is left out and told with its place; whether that is too much to bear is decided by whoever reads.

use std::io::{self, BufRead, Read as _};

use mail_parser::DateTime;
use repute_database::Timestamp;
use repute_dnsxl::{Target, TargetError};
use repute_zone::format::table;
use serde_json::Value;

use super::{Fault, Sighting, check};

/// What was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    /// What was seen.
    pub sightings: Vec<Sighting>,
    /// The first [`MOST_FAULTS`] faulty lines, with their numbers.
    pub faults: Vec<(u64, LineFault)>,
    /// How many lines are faulty.
    pub faulty: u64,
}

/// What is meant where it is not written.
#[derive(Clone, Copy, Debug)]
pub struct Unwritten<'u> {
    /// What it was, in a word.
    pub class: &'u str,
    /// When it was.
    pub now: Timestamp,
}

/// Why a line is no observation.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LineFault {
    /// No JSON.
    #[error("not JSON: {0}")]
    Json(String),
    /// Quotes that are not closed, or something behind them.
    #[error("the quotes are not closed, or something stands behind them")]
    Quotes,
    /// Not a table with headings.
    #[error("expected a line of headings with `target`, or a target a line")]
    Headings,
    /// No object.
    #[error("expected an object such as {{\"target\": \"192.0.2.1\", \"class\": \"spam\"}}")]
    Object,
    /// A field that nobody knows.
    #[error("unknown field `{0}`: there are target, class, seen, count, trap, detail and id")]
    Field(String),
    /// Nothing is said to be seen of anybody.
    #[error("no target")]
    NoTarget,
    /// No address or name.
    #[error("`{0}` is {1}")]
    Target(String, TargetError),
    /// No time.
    #[error("`{0}` is no time such as 2026-01-31T12:00:00Z, nor seconds since 1970")]
    Time(String),
    /// No number.
    #[error("`{0}` is no count")]
    Count(String),
    /// A text was expected.
    #[error("`{0}` is no text")]
    Text(&'static str),
    /// It says what nobody takes.
    #[error(transparent)]
    Fault(#[from] Fault),
    /// Too long.
    #[error("the line has more than {MOST_LINE} bytes")]
    Long,
    /// Too many.
    #[error("more than {MOST_LINES} observations are not read at once")]
    Many,
}

/// Reads observations. Those of JSON begin with a brace or a bracket.
///
/// # Errors
/// If they cannot be read.
pub fn read(mut file: impl BufRead, unwritten: &Unwritten<'_>) -> io::Result<Batch> {
    let (mut batch, mut number) = (Batch::default(), 0);
    let mut headings: Option<Headings> = None;
    loop {
        let mut line = Vec::new();
        number += 1;
        if file.by_ref().take(MOST_LINE + 1).read_until(b'\n', &mut line)? == 0 {
            return Ok(batch);
        }
        if line.len() as u64 > MOST_LINE {
            batch.wrong(number, LineFault::Long);
            skip_line(&mut file)?;
            continue;
        }
        let line = String::from_utf8_lossy(&line);
        let line = line.trim_start_matches('\u{feff}').trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if batch.sightings.len() >= MOST_LINES {
            batch.wrong(number, LineFault::Many);
            return Ok(batch);
        }
        let found = match (&headings, line.starts_with(['{', '['])) {
            (None, true) => objects(line, unwritten),
            (Some(headings), _) => row(line, headings, unwritten).map(|row| vec![row]),
            (None, false) => match Headings::of(line) {
                Some(found) => {
                    headings = Some(found);
                    continue;
                }
                // Nearly everything is a name in DNS.
                None if line.contains([' ', ',', ';', '\t']) || !line.contains(['.', ':']) => {
                    Err(LineFault::Headings)
                }
                None => target(line).map(|target| vec![unwritten.of(target)]),
            },
        };
        match found {
            Ok(found) => batch.sightings.extend(found),
            Err(fault) => batch.wrong(number, fault),
        }
    }
}

/// Reads an observation as an object of JSON.
///
/// # Errors
/// If it is none.
pub fn object(value: &Value, unwritten: &Unwritten<'_>) -> Result<Sighting, LineFault> {
    let Value::Object(fields) = value else { return Err(LineFault::Object) };
    let mut sighting = None;
    if let Some(value) = fields.get("target") {
        sighting = Some(unwritten.of(target(text("target", value)?)?));
    }
    let mut sighting = sighting.ok_or(LineFault::NoTarget)?;
    for (name, value) in fields {
        match (&**name, value) {
            ("target", _) | (_, Value::Null) => {}
            ("class", value) => sighting.class = text("class", value)?.to_owned(),
            ("seen", Value::Number(seconds)) => sighting.seen = time(&seconds.to_string())?,
            ("seen", value) => sighting.seen = time(text("seen", value)?)?,
            ("count", Value::Number(number)) => sighting.count = count(&number.to_string())?,
            ("count", value) => sighting.count = count(text("count", value)?)?,
            ("trap", value) => sighting.trap = Some(text("trap", value)?.to_owned()),
            ("detail", value) => sighting.detail = text("detail", value)?.to_owned(),
            ("id", value) => sighting.id = Some(text("id", value)?.to_owned()),
            (other, _) => return Err(LineFault::Field(few(other))),
        }
    }
    check(&sighting, unwritten.now)?;
    Ok(sighting)
}

/// Reads a moment: of RFC 3339, or in seconds since 1970.
///
/// # Errors
/// If it is none.
pub fn time(text: &str) -> Result<Timestamp, LineFault> {
    let wrong = || LineFault::Time(few(text));
    let seconds = match text.parse::<i64>() {
        Ok(seconds) => seconds,
        Err(_) => {
            // The reader of dates takes much for one.
            let is_date = text.len() >= 19 && text.as_bytes().get(4) == Some(&b'-');
            let date = DateTime::parse_rfc3339(text).filter(|date| is_date && date.is_valid());
            date.ok_or_else(wrong)?.to_timestamp()
        }
    };
    let micros = seconds.checked_mul(1_000_000).filter(|_| seconds >= 0);
    micros.map(Timestamp).ok_or_else(wrong)
}

impl Unwritten<'_> {
    /// One hit of a target, now.
    fn of(&self, target: Target) -> Sighting {
        Sighting {
            target,
            class: self.class.to_owned(),
            seen: self.now,
            count: 1,
            trap: None,
            detail: String::new(),
            id: None,
        }
    }
}

impl Batch {
    /// One more faulty line.
    fn wrong(&mut self, line: u64, fault: LineFault) {
        self.faulty += 1;
        if self.faults.len() < MOST_FAULTS {
            self.faults.push((line, fault));
        }
    }
}

/// What stands in the columns of a table.
struct Headings {
    /// Between them.
    separator: u8,
    /// What each is called.
    names: Vec<String>,
}

impl Headings {
    /// Those of a line, if it is one of headings.
    fn of(line: &str) -> Option<Headings> {
        let lower = line.to_ascii_lowercase();
        [b',', b';', b'\t'].into_iter().find_map(|separator| {
            let names = table::fields(&lower, separator)?;
            let is_one = names.iter().any(|name| name == "target");
            let is_known = |name: &String| FIELDS.contains(&&**name);
            (is_one && names.iter().all(is_known)).then_some(Headings { separator, names })
        })
    }
}

/// Reads the objects of a line.
fn objects(line: &str, unwritten: &Unwritten<'_>) -> Result<Vec<Sighting>, LineFault> {
    let value: Value = serde_json::from_str(line).map_err(|e| LineFault::Json(e.to_string()))?;
    match value {
        Value::Array(all) => all.iter().map(|one| object(one, unwritten)).collect(),
        one => Ok(vec![object(&one, unwritten)?]),
    }
}

/// Reads a row of a table.
fn row(line: &str, headings: &Headings, unwritten: &Unwritten<'_>) -> Result<Sighting, LineFault> {
    let fields = table::fields(line, headings.separator).ok_or(LineFault::Quotes)?;
    let filled = headings.names.iter().zip(fields).filter(|(_, field)| !field.is_empty());
    let object: serde_json::Map<_, _> =
        filled.map(|(name, field)| (name.clone(), Value::String(field))).collect();
    self::object(&Value::Object(object), unwritten)
}

/// Reads a target.
fn target(text: &str) -> Result<Target, LineFault> {
    text.parse().map_err(|error| LineFault::Target(few(text), error))
}

/// Reads a count.
fn count(text: &str) -> Result<u32, LineFault> {
    text.parse().map_err(|_| LineFault::Count(few(text)))
}

/// The text of a field.
fn text<'v>(name: &'static str, value: &'v Value) -> Result<&'v str, LineFault> {
    value.as_str().ok_or(LineFault::Text(name))
}

/// The beginning of a text of others, for an error.
fn few(text: &str) -> String {
    text.chars().take(60).collect()
}

/// Reads on to the end of a line.
fn skip_line(file: &mut impl BufRead) -> io::Result<()> {
    loop {
        let mut some = Vec::new();
        let read = file.by_ref().take(MOST_LINE).read_until(b'\n', &mut some)?;
        if read == 0 || some.ends_with(b"\n") {
            return Ok(());
        }
    }
}

/// What a column is called.
const FIELDS: [&str; 7] = ["target", "class", "seen", "count", "trap", "detail", "id"];
/// So many faulty lines are told.
pub const MOST_FAULTS: usize = 20;
/// So long is a line at most; an array of as many as are taken at once fits.
const MOST_LINE: u64 = 8 << 20;
/// So many observations are read at once.
const MOST_LINES: usize = 1_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    /// What a file says, in words: observations, then faults.
    fn words(file: &str) -> Vec<String> {
        let unwritten = Unwritten { class: "spam", now: Timestamp(2_000_000_000_000_000) };
        let batch = read(file.as_bytes(), &unwritten).expect("it is in memory");
        let word = |seen: &Sighting| {
            let Sighting { target, class, seen, count, trap, detail, id } = seen;
            let trap = trap.as_deref().unwrap_or("-");
            let id = id.as_ref().map_or_else(String::new, |id| format!(" as {id}"));
            format!("{target} {class} {count} {} {trap} {detail}{id}", seen.0 / 1_000_000)
        };
        let faults = batch.faults.iter().map(|(line, fault)| format!("{line}: {fault}"));
        batch.sightings.iter().map(word).chain(faults).collect()
    }

    #[test]
    fn the_same_is_read_of_json_and_csv_and_a_target_a_line() {
        let whole = "9.0.0.1 virus 3 1700000000 t@trap.example HELO x";
        let least = "bad.example spam 1 2000000000 - ";
        for file in [
            "{\"target\": \"9.0.0.1\", \"class\": \"virus\", \"count\": 3, \"seen\": 1700000000, \
             \"trap\": \"t@trap.example\", \"detail\": \"HELO x\"}\n{\"target\": \"bad.example\", \"trap\": null}\n",
            "[{\"target\": \"9.0.0.1\", \"class\": \"virus\", \"count\": \"3\", \"seen\": \
             \"2023-11-14T22:13:20Z\", \"trap\": \"t@trap.example\", \"detail\": \"HELO x\"}, \
             {\"target\": \"bad.example\"}]",
            "\u{feff}# of ours\r\nTarget,Class,Seen,Count,Trap,Detail\r\n\
             9.0.0.1,virus,2023-11-14T23:13:20+01:00,3,t@trap.example,\"HELO x\"\r\nbad.example,,,,,\r\n",
            "detail;target;seen;count;trap;class\nHELO x;9.0.0.1;1700000000;3;t@trap.example;virus\n;bad.example\n",
        ] {
            assert_eq!(words(file), [whole, least], "{file}");
        }
        let named = "bad.example spam 1 2000000000 -  as a-1";
        assert_eq!(words("target,id\nbad.example,a-1\nbad.example,\n"), [named, least]);
        assert_eq!(words("{\"target\": \"bad.example\", \"id\": \"a-1\"}"), [named]);
        assert_eq!(words("\nbad.example\n\n2a00::1\n"), [least, "2a00::1 spam 1 2000000000 - "]);
    }

    #[test]
    fn a_faulty_line_is_left_out_with_its_place() {
        for (line, fault) in [
            ("{\"target\": ", "not JSON: EOF while parsing a value at line 1 column 10"),
            ("{\"class\": \"spam\"}", "no target"),
            ("[1]", "expected an object such as {\"target\": \"192.0.2.1\", \"class\": \"spam\"}"),
            (
                "{\"target\": \"9.0.0.1\", \"when\": 1}",
                "unknown field `when`: there are target, class, seen, count, trap, detail and id",
            ),
            ("{\"target\": 9}", "`target` is no text"),
            (
                "{\"target\": \"9.0.0.1\", \"seen\": \"yesterday\"}",
                "`yesterday` is no time such as 2026-01-31T12:00:00Z, nor seconds since 1970",
            ),
            (
                "{\"target\": \"9.0.0.1\", \"seen\": -1}",
                "`-1` is no time such as 2026-01-31T12:00:00Z, nor seconds since 1970",
            ),
            ("{\"target\": \"9.0.0.1\", \"count\": 1.5}", "`1.5` is no count"),
            ("{\"target\": \"9.0.0.1\", \"count\": 0}", "the count is not from 1 to 1000000000"),
            ("ip", "expected a line of headings with `target`, or a target a line"),
            ("9.0.0.1,spam", "expected a line of headings with `target`, or a target a line"),
            ("9.0.0.0/24", "`9.0.0.0/24` is a network: look up one of its addresses"),
        ] {
            let file = format!("9.0.0.7\n{line}\n9.0.0.8\n");
            let found = words(&file);
            assert_eq!((found.len(), &*found[2]), (3, &*format!("2: {fault}")), "{line}");
        }
        let found = words("target,count\n\"9.0.0.1,3\n9.0.0.2,4\n");
        let quotes = "2: the quotes are not closed, or something stands behind them";
        assert_eq!(found, ["9.0.0.2 spam 4 2000000000 - ", quotes]);
        let long = format!("{}\n9.0.0.1\n", "x".repeat(MOST_LINE as usize + 9));
        assert_eq!(
            words(&long),
            ["9.0.0.1 spam 1 2000000000 - ", "1: the line has more than 8388608 bytes"]
        );
    }
}

//! Master files (RFC 1035 section 5): text to records, and records to text.
//!
//! [`read()`] returns what was good and every fault with its line; what a faulty file is worth is decided by who
//! reads it. Lines are split here, as faults need their places and `$INCLUDE`, `$GENERATE` and times such as `1d`
//! are ours; what the data of a type means, the DNS library knows ([`data`]).

use std::fmt;
use std::rc::Rc;

use repute_dnsxl::Name;

use crate::record::Record;
use crate::rtype::SOA;

pub mod data;
mod entry;
mod generate;
mod owner;
mod write;

use entry::{Entries, Entry, Token};
pub use owner::is_absolute;
pub use write::{line, write};

/// What a master file says.
#[derive(Debug, Default)]
pub struct Reading {
    /// Its records, in order.
    pub records: Vec<Placed>,
    /// What is wrong with it.
    pub faults: Vec<Fault>,
    /// Files that it includes, those that could not be read among them, as they are named.
    pub included: Vec<String>,
}

/// A record and where it stands.
#[derive(Clone, Debug)]
pub struct Placed {
    /// The record.
    pub record: Record,
    /// The line, counted from 1.
    pub line: usize,
    /// The file, if it was included.
    pub file: Option<Rc<str>>,
}

/// What is wrong in a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The file, if it was included.
    pub file: Option<Rc<str>>,
    /// The line, counted from 1.
    pub line: usize,
    /// What is wrong, and what helps.
    pub message: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(file) = &self.file {
            write!(f, "{file}:")?;
        }
        write!(f, "{}: {}", self.line, self.message)
    }
}

/// Gives the text of a file that `$INCLUDE` names, or says why not.
pub type Include<'i> = &'i mut dyn FnMut(&str) -> Result<Vec<u8>, String>;

/// Reads a master file for a zone.
pub fn read(apex: &Name, text: &[u8], include: Include<'_>) -> Reading {
    let mut reader = Reader { reading: Reading::default(), include, depth: 0 };
    let mut state =
        State { origin: apex.clone(), owner: None, ttl: None, last_ttl: None, file: None };
    reader.file(text, &mut state);
    reader.reading
}

/// Reads lines that stand for themselves, as in a configuration: nothing is included.
pub fn read_lines(apex: &Name, text: &str) -> Reading {
    read(apex, text.as_bytes(), &mut |_| Err("nothing can be included here".to_owned()))
}

/// What holds from one entry to the next.
struct State {
    origin: Name,
    /// The owner of the entry before.
    owner: Option<Name>,
    /// What `$TTL` said (RFC 2308 section 4).
    ttl: Option<u32>,
    /// The time to live of the record before (RFC 1035 section 5.1).
    last_ttl: Option<u32>,
    file: Option<Rc<str>>,
}

/// A reader at work.
struct Reader<'i> {
    reading: Reading,
    include: Include<'i>,
    /// How many files include one another.
    depth: usize,
}

impl Reader<'_> {
    /// Reads a file.
    fn file(&mut self, text: &[u8], state: &mut State) {
        for entry in Entries::new(text) {
            let (line, said) = match entry {
                Ok(entry) => (entry.line, self.entry(&entry, state)),
                Err((line, message)) => (line, Err(message)),
            };
            if let Err(message) = said {
                self.reading.faults.push(Fault { file: state.file.clone(), line, message });
            }
        }
    }

    /// Reads an entry.
    fn entry(&mut self, entry: &Entry<'_>, state: &mut State) -> Result<(), String> {
        let Some((first, rest)) = entry.tokens.split_first() else { return Ok(()) };
        if !entry.is_indented && !first.is_quoted && first.text.starts_with(b"$") {
            return self.directive(&first.text.to_ascii_uppercase(), rest, entry.line, state);
        }
        let (owner, rest) = if entry.is_indented {
            let owner = state.owner.clone();
            (
                owner
                    .ok_or("the first record has no name: begin the line with one, or with `@`")?,
                &entry.tokens[..],
            )
        } else {
            (owner::parse(first.text, &state.origin)?, rest)
        };
        state.owner = Some(owner.clone());
        self.record(owner, rest, entry.line, state)
    }

    /// Reads a record behind its owner: time to live and class in any order, type, data.
    fn record(
        &mut self,
        owner: Name,
        mut tokens: &[Token<'_>],
        line: usize,
        state: &mut State,
    ) -> Result<(), String> {
        let (mut ttl, mut class) = (None, false);
        let rtype = loop {
            let Some((token, rest)) = tokens.split_first() else {
                return Err("the record has no type".to_owned());
            };
            tokens = rest;
            match token.text.to_ascii_uppercase().as_slice() {
                b"IN" if !class => class = true,
                b"CH" | b"HS" | b"CS" => {
                    return Err(
                        "only class IN is served: leave the class out or write IN".to_owned()
                    );
                }
                text if ttl.is_none() && text.first().is_some_and(u8::is_ascii_digit) => {
                    ttl = Some(seconds(text).ok_or_else(|| bad_ttl(token.text))?);
                }
                text => break data::rtype(text).ok_or_else(|| unknown_type(token.text))?,
            }
        };
        if !crate::rtype::is_data(rtype) {
            return Err("records of this type cannot be in a zone".to_owned());
        }
        let data = data::parse(rtype, tokens, &state.origin)?;
        let ttl = match ttl.or(state.ttl).or(state.last_ttl) {
            Some(ttl) => ttl,
            // RFC 1035 knew no other: the SOA's MINIMUM.
            None if rtype == SOA => crate::zone::Soa::read(&data).map_or(0, |soa| soa.minimum),
            None => {
                return Err(
                    "the record has no time to live: write one, or `$TTL 3600` above".to_owned()
                );
            }
        };
        if ttl > i32::MAX.unsigned_abs() {
            return Err("the time to live is longer than 2147483647 seconds (RFC 2181 section 8)"
                .to_owned());
        }
        state.last_ttl = Some(ttl);
        let record = Record { owner, rtype, ttl, data };
        self.reading.records.push(Placed { record, line, file: state.file.clone() });
        Ok(())
    }

    /// Does what a line with a dollar says.
    fn directive(
        &mut self,
        word: &[u8],
        rest: &[Token<'_>],
        line: usize,
        state: &mut State,
    ) -> Result<(), String> {
        match (word, rest) {
            (b"$ORIGIN", [name]) => state.origin = owner::parse(name.text, &state.origin)?,
            (b"$TTL", [ttl]) => {
                state.ttl = Some(seconds(ttl.text).ok_or_else(|| bad_ttl(ttl.text))?);
            }
            (b"$INCLUDE", [file]) => self.include_file(file, state.origin.clone(), state)?,
            (b"$INCLUDE", [file, origin]) => {
                let origin = owner::parse(origin.text, &state.origin)?;
                self.include_file(file, origin, state)?;
            }
            (b"$GENERATE", [range, owner, rest @ ..]) => {
                let (range, templates) = generate::read(range, owner, rest)?;
                for number in range {
                    let made = templates
                        .iter()
                        .map(|part| part.text(number))
                        .collect::<Result<Vec<_>, _>>()?;
                    let tokens: Vec<_> =
                        made.iter().map(|text| Token { text, is_quoted: false }).collect();
                    let Some((owner, rest)) = tokens.split_first() else { continue };
                    let owner = owner::parse(owner.text, &state.origin)?;
                    self.record(owner, rest, line, state)?;
                }
            }
            (b"$ORIGIN" | b"$TTL" | b"$INCLUDE" | b"$GENERATE", _) => {
                return Err("the line has too few words, or too many".to_owned());
            }
            _ => return Err("unknown: $ORIGIN, $TTL, $INCLUDE and $GENERATE are known".to_owned()),
        }
        Ok(())
    }

    /// Reads another file in place of the line; origin and owner are as before behind it (RFC 1035 section 5.1).
    fn include_file(
        &mut self,
        file: &Token<'_>,
        origin: Name,
        state: &mut State,
    ) -> Result<(), String> {
        let name = String::from_utf8_lossy(file.text).into_owned();
        if self.depth >= DEEPEST {
            return Err(format!("{name} is not read: files include one another {DEEPEST} deep"));
        }
        self.reading.included.push(name.clone());
        let text = (self.include)(&name).map_err(|why| format!("cannot include {name}: {why}"))?;
        let mut inner = State {
            origin,
            owner: state.owner.clone(),
            ttl: state.ttl,
            last_ttl: state.last_ttl,
            file: Some(Rc::from(name)),
        };
        self.depth += 1;
        self.file(&text, &mut inner);
        self.depth -= 1;
        state.last_ttl = inner.last_ttl;
        Ok(())
    }
}

/// A time as a number of seconds, or with units as `1d12h`, as all name servers read it.
pub fn seconds(text: &[u8]) -> Option<u32> {
    let (mut sum, mut number, mut digits) = (0_u64, 0_u64, false);
    for byte in text {
        let unit = match byte.to_ascii_lowercase() {
            b'0'..=b'9' => {
                number = number.checked_mul(10)?.checked_add(u64::from(byte - b'0'))?;
                digits = true;
                continue;
            }
            b's' => 1,
            b'm' => 60,
            b'h' => 3_600,
            b'd' => 86_400,
            b'w' => 604_800,
            _ => return None,
        };
        if !std::mem::take(&mut digits) {
            return None;
        }
        sum = sum.checked_add(std::mem::take(&mut number).checked_mul(unit)?)?;
    }
    if text.is_empty() {
        return None;
    }
    u32::try_from(sum.checked_add(number)?).ok()
}

/// What is said of a time that is none.
fn bad_ttl(text: &[u8]) -> String {
    format!("`{}` is no time: write seconds, or units as in 1d12h", text.escape_ascii())
}

/// What is said of a word where a type should be.
fn unknown_type(text: &[u8]) -> String {
    format!(
        "`{}` is no record type: unknown ones are written as TYPE65280 (RFC 3597)",
        text.escape_ascii()
    )
}

/// How deep files may include one another.
const DEEPEST: usize = 10;

#[cfg(test)]
mod tests;

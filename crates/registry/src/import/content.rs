//! A file as entries of a list, read by the readers of `zone`.

use std::collections::HashMap;
use std::io::{self, Read};
use std::sync::Arc;

use repute_database::Key;
use repute_database::bulk::{Place, Row};
use repute_dnsxl::{KeyKind, ReturnCode};
use repute_zone::format::table::{self, Layout as Divided, TableKind, TableOptions};
use repute_zone::format::written::Says;
use repute_zone::format::{Input, ReadError, ReadOptions, rbldnsd};
use repute_zone::{DatasetKind, Fault, Faults, Problem, journal};
use ring::digest::{Context, SHA256};

/// What a file brings.
#[derive(Debug, Default)]
pub struct Content {
    /// What messages and the audit log call the file.
    pub name: String,
    /// How it was read.
    pub layout: Option<Layout>,
    /// Its entries in the order of their places, each once.
    pub rows: Vec<Row>,
    /// How many entries repeat another with the same code; the first counts.
    pub repeated: u64,
    /// How many hold under a condition, or belong to a data set elsewhere than at the apex.
    pub left_out: u64,
    /// How many name something that the list does not take.
    pub misfits: u64,
    /// What was wrong with lines.
    pub faults: Faults,
    /// How many lines were read that are neither empty nor comments.
    pub lines: u64,
    /// The numbers of organisations, by their domains, which are the texts of their entries; only dnswl.org's files have
    /// them. A domain that stands beside several numbers has none, nor has one beside what is no such number.
    pub numbers: HashMap<String, u32>,
    /// The digest of its bytes, in hexadecimal digits.
    pub sha256: String,
}

/// How a file is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// rbldnsd's data file of this kind.
    Rbldnsd(DatasetKind),
    /// Addresses or names in the first column between blanks; what follows may be a number, such as how many lists
    /// know the address (ipsum).
    Plain,
    /// CSV with these columns.
    Csv(Columns),
    /// dnswl.org's `generic`: network, category, score, domain, number; between semicolons.
    Dnswl,
}

/// The columns of a CSV file, from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Columns {
    /// What stands between them.
    pub separator: u8,
    /// That of the key.
    pub key: usize,
    /// That of the code, if there is one.
    pub code: Option<usize>,
    /// That of the text, if there is one.
    pub text: Option<usize>,
    /// How many lines of headings there are.
    pub headings: u32,
}

/// How a file is to be read.
#[derive(Clone, Debug)]
pub struct Reading {
    /// How it is laid out; without it, as its first lines look.
    pub layout: Option<Layout>,
    /// What the list takes.
    pub keys: KeyKind,
    /// The code of entries of a table without a column of codes; rbldnsd's files say theirs themselves.
    pub code: ReturnCode,
    /// Lines of a plain file with a smaller number in the second column are passed over.
    pub minimum: Option<u32>,
    /// Whether everything below a name of a table is listed as well.
    pub subdomains: bool,
    /// The time (seconds since 1970), for `$TIMESTAMP`.
    pub now: u32,
}

/// Unpacks a file that may be packed.
pub type Unpack = for<'f> fn(Box<dyn Read + 'f>) -> io::Result<Box<dyn Read + 'f>>;

/// Reads a file.
///
/// # Errors
/// If it cannot be read, or says of itself that it must not be used.
pub fn read(
    name: &str,
    file: impl Read,
    unpack: Unpack,
    reading: &Reading,
) -> Result<Content, ReadError> {
    let shared: Arc<str> = name.into();
    let failed = |source| ReadError::Io { name: Arc::clone(&shared), source };
    let mut hashed = Hashed { inner: file, digest: Context::new(&SHA256) };
    let mut text = unpack(Box::new(&mut hashed)).map_err(failed)?;
    let mut head = Vec::new();
    text.by_ref().take(HEAD).read_to_end(&mut head).map_err(failed)?;
    let layout = reading.layout.unwrap_or_else(|| look(&head, reading.keys));
    let options = ReadOptions { now: reading.now, ..ReadOptions::default() };
    let mut numbers = Numbers::of(&shared);
    let whole = io::Cursor::new(head).chain(text);
    let reader: Box<dyn Read + '_> = match layout {
        Layout::Dnswl => Box::new(Numbered { inner: whole, numbers: &mut numbers }),
        Layout::Rbldnsd(_) | Layout::Plain | Layout::Csv(_) => Box::new(whole),
    };
    let input = Input { name: Arc::clone(&shared), reader, modified: 0 };
    let written = match layout {
        Layout::Rbldnsd(kind) => rbldnsd::written(kind, vec![input], &options)?,
        Layout::Plain | Layout::Csv(_) | Layout::Dnswl => {
            table::written(vec![input], &table_options(layout, reading), &options)?
        }
    };
    io::copy(&mut hashed, &mut io::sink()).map_err(failed)?;
    let sha256 = hashed.digest.finish().as_ref().iter().map(|b| format!("{b:02x}")).collect();
    // The number of a plain file chooses entries, and is not their code.
    let only_code = (layout == Layout::Plain).then_some(reading.code);
    let (mut rows, mut misfits) = (Vec::new(), 0);
    let left_out = written.for_each(|key, says| {
        let (key, kind) = match key {
            journal::Key::Network(network) => (Key::Network(network), KeyKind::Ip),
            journal::Key::Name(name, extent) => (Key::Name(name, extent), KeyKind::Name),
        };
        if kind != reading.keys {
            misfits += 1;
            return;
        }
        let (code, text) = match says {
            Says::Listed(code, text) => (Some(only_code.unwrap_or(code)), text),
            Says::Excluded => (None, Arc::default()),
        };
        // PostgreSQL takes no U+0000.
        let text = if text.contains('\0') { text.replace('\0', "\u{fffd}").into() } else { text };
        rows.push(Row { place: Place::new(&key, code), text });
    });
    let count = rows.len();
    // Stable: of equal ones the first counts.
    rows.sort_by(|a, b| a.place.cmp(&b.place));
    rows.dedup_by(|second, first| second.place == first.place);
    let repeated = (count - rows.len()) as u64;
    let (mut faults, lines) = (written.faults, written.lines);
    let (numbers, wrong) = numbers.end();
    faults.merge(wrong);
    let layout = Some(layout);
    Ok(Content {
        name: name.to_owned(),
        layout,
        rows,
        repeated,
        left_out,
        misfits,
        faults,
        lines,
        numbers,
        sha256,
    })
}

/// How a table is divided.
fn table_options(layout: Layout, reading: &Reading) -> TableOptions {
    let plain = TableOptions {
        kind: match reading.keys {
            KeyKind::Ip => TableKind::Addresses,
            KeyKind::Name => TableKind::Names,
        },
        layout: Divided::Blanks,
        key_column: 0,
        code_column: None,
        category_column: None,
        minimum: None,
        code: reading.code,
        text: String::new(),
        text_column: None,
        subdomains: reading.subdomains,
        header_lines: 0,
    };
    match layout {
        Layout::Rbldnsd(_) | Layout::Plain => TableOptions {
            code_column: reading.minimum.map(|_| 1),
            minimum: reading.minimum,
            ..plain
        },
        Layout::Csv(columns) => TableOptions {
            layout: Divided::Separated(columns.separator),
            key_column: columns.key,
            code_column: columns.code,
            text_column: columns.text,
            header_lines: columns.headings,
            ..plain
        },
        Layout::Dnswl => TableOptions {
            layout: Divided::Separated(b';'),
            code_column: Some(2),
            category_column: Some(1),
            text_column: Some(3),
            ..plain
        },
    }
}

/// What the first lines of a file look like.
fn look(head: &[u8], keys: KeyKind) -> Layout {
    let text = String::from_utf8_lossy(head);
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let mut lines = (1..).zip(text.lines()).map(|(number, line)| (number, line.trim()));
    let (number, line) = lines
        .find(|(_, line)| !line.is_empty() && !line.starts_with(['#', ';']))
        .unwrap_or((0, ""));
    let rbldnsd = Layout::Rbldnsd(match keys {
        KeyKind::Ip => DatasetKind::Addresses,
        KeyKind::Name => DatasetKind::Names,
    });
    if line.starts_with("$DATASET") {
        return Layout::Rbldnsd(DatasetKind::Combined);
    }
    if line.starts_with(['$', ':', '!']) {
        return rbldnsd;
    }
    let has_value = |line: &str| {
        line.starts_with(['$', ':', '!'])
            || line.split_ascii_whitespace().nth(1).is_some_and(|word| word.starts_with(':'))
    };
    let is_dnswl = |line: &str| {
        let mut fields = line.split(';').map(str::trim);
        fields.next().is_some_and(|key| key.parse::<Key>().is_ok())
            && fields.by_ref().take(2).filter(|field| field.parse::<u8>().is_ok()).count() == 2
    };
    if is_dnswl(line) {
        return Layout::Dnswl;
    }
    for separator in [b',', b';', b'\t'] {
        let fields: Vec<&str> =
            line.split(char::from(separator)).map(|f| f.trim().trim_matches('"')).collect();
        if let Some(columns) = heading(&fields, separator, number) {
            return Layout::Csv(columns);
        }
        if separator != b'\t' && fields.len() > 1 && fields[0].parse::<Key>().is_ok() {
            let code = fields[1].parse::<ReturnCode>().is_ok();
            let text = if code { 2 } else { 1 };
            return Layout::Csv(Columns {
                separator,
                key: 0,
                code: code.then_some(1),
                text: (fields.len() > text).then_some(text),
                headings: 0,
            });
        }
    }
    let mut words = line.split_ascii_whitespace().skip(1);
    let is_plain = match (words.next(), words.next()) {
        (None, _) => !text.lines().any(has_value),
        (Some(number), None) => number.parse::<u32>().is_ok(),
        (Some(_), Some(_)) => false,
    };
    if is_plain { Layout::Plain } else { rbldnsd }
}

/// The columns that a line of headings names; none if it names no key.
pub fn heading(fields: &[&str], separator: u8, line: u32) -> Option<Columns> {
    let column = |names: &[&str]| {
        fields.iter().position(|field| names.iter().any(|name| field.eq_ignore_ascii_case(name)))
    };
    let key = column(&["key", "network", "address", "ip", "cidr", "domain", "name", "host"])?;
    Some(Columns {
        separator,
        key,
        code: column(&["code", "return code", "return_code", "return-code"]),
        text: column(&["text", "txt"]),
        headings: line,
    })
}

/// The numbers of organisations that stand in the lines of a file of dnswl.org's: `network;category;score;domain;number`.
struct Numbers {
    /// The file.
    source: Arc<str>,
    /// The line so far.
    line: Vec<u8>,
    /// How many were before it.
    lines: u64,
    /// What was found, none for a domain with several.
    of: HashMap<String, Option<u32>>,
    /// Where something else than a number stands.
    faults: Faults,
}

impl Numbers {
    /// Nothing yet of a file.
    fn of(source: &Arc<str>) -> Numbers {
        Numbers {
            source: Arc::clone(source),
            line: Vec::new(),
            lines: 0,
            of: HashMap::new(),
            faults: Faults::default(),
        }
    }

    /// Takes what was read.
    fn take(&mut self, bytes: &[u8]) {
        let mut parts = bytes.split(|byte| *byte == b'\n');
        let last = parts.next_back().unwrap_or_default();
        for part in parts {
            self.line.extend_from_slice(part);
            self.end_line();
        }
        // A line that never ends is none of these.
        if self.line.len() < LINE {
            self.line.extend_from_slice(last);
        }
    }

    /// Looks at a line.
    fn end_line(&mut self) {
        let line = std::mem::take(&mut self.line);
        self.lines += 1;
        let Ok(line) = std::str::from_utf8(&line) else { return };
        if line.trim_start_matches('\u{feff}').trim_start().starts_with(['#', ';']) {
            return;
        }
        let mut fields = line.split(';');
        let (Some(domain), Some(field)) = (fields.nth(3), fields.next()) else { return };
        let [domain, number] = [domain, field].map(|field| field.trim().trim_matches('"'));
        if domain.is_empty() || number.is_empty() {
            return;
        }
        let number = number.parse::<u32>().ok().filter(|number| *number > 0);
        if number.is_none() {
            // Both are parts of the one line.
            let at = field.as_ptr().addr() - line.as_ptr().addr();
            let at = at + (field.len() - field.trim_start().len());
            let line = (self.lines, line.trim_end().as_bytes());
            self.faults.push(Fault::new(self.source.clone(), line, at, Problem::Id(u32::MAX)));
        }
        let known = self.of.entry(domain.to_owned()).or_insert(number);
        if *known != number {
            *known = None;
        }
    }

    /// All that was found, and where it was none.
    fn end(mut self) -> (HashMap<String, u32>, Faults) {
        self.end_line();
        let of = self.of.into_iter().filter_map(|(domain, number)| Some((domain, number?)));
        (of.collect(), self.faults)
    }
}

/// A file of which the numbers are noted as it is read.
struct Numbered<'n, R> {
    /// The file.
    inner: R,
    /// What was noted.
    numbers: &'n mut Numbers,
}

impl<R: Read> Read for Numbered<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.numbers.take(&buffer[..read]);
        Ok(read)
    }
}

/// Bytes of a line that are looked at.
const LINE: usize = 4_096;

/// A file of which the digest is taken as it is read.
struct Hashed<R> {
    /// The file.
    inner: R,
    /// The digest so far.
    digest: Context,
}

impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.digest.update(&buffer[..read]);
        Ok(read)
    }
}

/// What is looked at to tell how a file is laid out, in bytes.
const HEAD: u64 = 65_536;

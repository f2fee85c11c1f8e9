//! A backup as bytes: lines of JSON.
//!
//! ```text
//! {"format":"repute-backup","version":1,"schema":[1,3]}
//! {"table":"codes","columns":[["list","integer"],["code","text"],["meaning","text"]]}
//! [1,"127.0.0.2","source of spam"]
//! {"end":{"rows":1,"sha256":"..."}}
//! ```
//! Bytes are hexadecimal digits. The last line has the digest of all before it, so that a file that was cut or changed
//! is refused. A line has a largest size, more than a database takes in a row: the writer writes no longer one, and so no
//! backup is made that cannot be read. Whatever stands in a file, reading it takes no more memory than that.

use std::io::{self, BufRead, Read, Write};

use ring::digest::{Context, SHA256};
use serde_json::{Value as Json, json};

/// A table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// Its name.
    pub name: String,
    /// Its columns.
    pub columns: Vec<Column>,
    /// Whether its rows have numbers, in the column `id`.
    pub is_numbered: bool,
}

/// A column of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// What it holds.
    pub kind: Kind,
}

/// What a column holds, if not nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Yes or no.
    Boolean,
    /// A number.
    Integer,
    /// Text.
    Text,
    /// Bytes.
    Bytes,
}

/// A value in a column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// Nothing.
    Null,
    /// Yes or no.
    Boolean(bool),
    /// A number.
    Integer(i64),
    /// Text.
    Text(String),
    /// Bytes.
    Bytes(Vec<u8>),
}

/// What comes next in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    /// From here on come rows of this table.
    Table(Table),
    /// A row, with a value for each column, of its kind or nothing.
    Row(Vec<Value>),
}

/// Why a file is no backup.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// It cannot be read.
    #[error("cannot read the backup: {0}")]
    Read(#[from] io::Error),
    /// It is something else.
    #[error("this is no backup of Repute")]
    Format,
    /// It was written by a later version.
    #[error(
        "the backup is of version {0}, and this program reads version {VERSION}: use a later one"
    )]
    Version(u64),
    /// A line is none of a backup.
    #[error("line {line} of the backup is damaged")]
    Line {
        /// The line, from 1.
        line: u64,
    },
    /// It ends before its end, or something follows it.
    #[error("the backup is cut short, or something stands behind its end")]
    Cut,
    /// The digest does not fit.
    #[error("the backup is damaged: its bytes are not those of its digest")]
    Digest,
    /// A table is missing, or there is one too many.
    #[error("line {line} of the backup: its tables are not those of this version")]
    Table {
        /// The line, from 1.
        line: u64,
    },
}

impl Kind {
    /// The word for it.
    fn word(self) -> &'static str {
        match self {
            Kind::Boolean => "boolean",
            Kind::Integer => "integer",
            Kind::Text => "text",
            Kind::Bytes => "bytes",
        }
    }

    /// The kind of a word.
    fn of(word: &str) -> Option<Kind> {
        [Kind::Boolean, Kind::Integer, Kind::Text, Kind::Bytes]
            .into_iter()
            .find(|k| k.word() == word)
    }

    /// Its type in PostgreSQL.
    pub(super) fn postgres(self) -> &'static str {
        match self {
            Kind::Boolean => "BOOLEAN",
            Kind::Integer => "BIGINT",
            Kind::Text => "TEXT",
            Kind::Bytes => "BYTEA",
        }
    }
}

impl Value {
    /// A number, or nothing.
    pub(super) fn integer(&self) -> Option<i64> {
        if let Value::Integer(value) = self { Some(*value) } else { None }
    }

    /// Yes or no, or nothing.
    pub(super) fn boolean(&self) -> Option<bool> {
        if let Value::Boolean(value) = self { Some(*value) } else { None }
    }

    /// A text, or nothing.
    pub(super) fn text(&self) -> Option<String> {
        if let Value::Text(value) = self { Some(value.clone()) } else { None }
    }

    /// Bytes, or nothing.
    pub(super) fn bytes(&self) -> Option<Vec<u8>> {
        if let Value::Bytes(value) = self { Some(value.clone()) } else { None }
    }

    /// As JSON.
    fn json(&self) -> Json {
        match self {
            Value::Null => Json::Null,
            Value::Boolean(value) => json!(value),
            Value::Integer(value) => json!(value),
            Value::Text(value) => json!(value),
            Value::Bytes(value) => json!(hexadecimal(value)),
        }
    }

    /// A value of a kind.
    fn of(kind: Kind, json: &Json) -> Option<Value> {
        match (kind, json) {
            (_, Json::Null) => Some(Value::Null),
            (Kind::Boolean, Json::Bool(value)) => Some(Value::Boolean(*value)),
            (Kind::Integer, Json::Number(value)) => value.as_i64().map(Value::Integer),
            // PostgreSQL takes no such character, which SQLite keeps.
            (Kind::Text, Json::String(value)) => Some(Value::Text(value.replace('\0', "\u{fffd}"))),
            (Kind::Bytes, Json::String(value)) => bytes(value).map(Value::Bytes),
            (Kind::Boolean | Kind::Integer | Kind::Text | Kind::Bytes, _) => None,
        }
    }
}

/// A backup being written.
pub struct Writer<'w> {
    /// Where it goes.
    out: &'w mut (dyn Write + Send),
    /// The digest so far.
    digest: Context,
    /// How many rows there are.
    rows: u64,
    /// The longest line that it writes.
    longest: u64,
}

impl Writer<'_> {
    /// Begins a backup of these versions of the schema.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn new<'w>(out: &'w mut (dyn Write + Send), schema: &[i64]) -> io::Result<Writer<'w>> {
        let mut writer =
            Writer { out, digest: Context::new(&SHA256), rows: 0, longest: LONGEST_LINE };
        writer.line(&json!({ "format": FORMAT, "version": VERSION, "schema": schema }))?;
        Ok(writer)
    }

    /// Begins a table.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn table(&mut self, table: &Table) -> io::Result<()> {
        let columns: Vec<_> =
            table.columns.iter().map(|c| json!([c.name, c.kind.word()])).collect();
        self.line(&json!({ "table": table.name, "columns": columns }))
    }

    /// Writes a row of the table.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn row(&mut self, row: &[Value]) -> io::Result<()> {
        self.rows += 1;
        self.line(&Json::Array(row.iter().map(Value::json).collect()))
    }

    /// Writes the end.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn finish(self) -> io::Result<()> {
        let sha256 = hexadecimal(self.digest.finish().as_ref());
        let end = json!({ "end": { "rows": self.rows, "sha256": sha256 } });
        writeln!(self.out, "{end}")?;
        self.out.flush()
    }

    /// Writes a line.
    fn line(&mut self, line: &Json) -> io::Result<()> {
        let line = format!("{line}\n");
        if line.len() as u64 > self.longest {
            let most = self.longest;
            let words =
                format!("row {} is longer than {most} bytes, and could not be restored", self.rows);
            return Err(io::Error::new(io::ErrorKind::InvalidData, words));
        }
        self.digest.update(line.as_bytes());
        self.out.write_all(line.as_bytes())
    }
}

/// A backup being read. What it gives may be damaged until it has given everything.
pub struct Reader<'r> {
    /// Where it comes from.
    input: &'r mut (dyn BufRead + Send),
    /// The digest so far.
    digest: Context,
    /// The versions of the schema.
    schema: Vec<i64>,
    /// How many lines were read.
    line: u64,
    /// How many rows were read.
    rows: u64,
    /// The kinds of the current table's columns.
    kinds: Vec<Kind>,
    /// The bytes of the line.
    buffer: Vec<u8>,
}

impl<'r> Reader<'r> {
    /// Begins to read.
    ///
    /// # Errors
    /// If it is no backup.
    pub fn new(input: &'r mut (dyn BufRead + Send)) -> Result<Reader<'r>, FileError> {
        let mut reader = Reader {
            input,
            digest: Context::new(&SHA256),
            schema: Vec::new(),
            line: 0,
            rows: 0,
            kinds: Vec::new(),
            buffer: Vec::new(),
        };
        let head = reader.read_line().map_err(|error| match error {
            FileError::Line { .. } | FileError::Cut => FileError::Format,
            other => other,
        })?;
        if head["format"] != FORMAT {
            return Err(FileError::Format);
        }
        let version = head["version"].as_u64().ok_or(FileError::Format)?;
        if version != VERSION {
            return Err(FileError::Version(version));
        }
        let schema = head["schema"].as_array().ok_or(FileError::Format)?;
        reader.schema =
            schema.iter().map(Json::as_i64).collect::<Option<_>>().ok_or(FileError::Format)?;
        reader.digest.update(&reader.buffer);
        Ok(reader)
    }

    /// The versions of the schema it is of.
    pub fn schema(&self) -> &[i64] {
        &self.schema
    }

    /// The line that was read last, from 1.
    pub fn line(&self) -> u64 {
        self.line
    }

    /// What comes next; nothing at the end, which is as it should be.
    ///
    /// # Errors
    /// If the file is damaged.
    pub fn read_item(&mut self) -> Result<Option<Item>, FileError> {
        let json = self.read_line()?;
        if let Some(end) = json.get("end") {
            return self.end(end).map(|()| None);
        }
        self.digest.update(&self.buffer);
        let item = match &json {
            Json::Array(values) if values.len() == self.kinds.len() && !values.is_empty() => {
                let values = self.kinds.iter().zip(values).map(|(kind, v)| Value::of(*kind, v));
                self.rows += 1;
                values.collect::<Option<_>>().map(Item::Row)
            }
            Json::Object(_) => table(&json).map(|table| {
                self.kinds = table.columns.iter().map(|column| column.kind).collect();
                Item::Table(table)
            }),
            Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) | Json::Array(_) => None,
        };
        item.map(Some).ok_or(FileError::Line { line: self.line })
    }

    /// Compares the end with what was read.
    fn end(&mut self, end: &Json) -> Result<(), FileError> {
        let digest = std::mem::replace(&mut self.digest, Context::new(&SHA256)).finish();
        if end["sha256"] != hexadecimal(digest.as_ref()) || end["rows"] != self.rows {
            return Err(FileError::Digest);
        }
        match self.input.fill_buf()?.is_empty() {
            true => Ok(()),
            false => Err(FileError::Cut),
        }
    }

    /// Reads a line, which stays in the buffer.
    fn read_line(&mut self) -> Result<Json, FileError> {
        self.buffer.clear();
        self.line += 1;
        let mut limited = self.input.take(LONGEST_LINE);
        limited.read_until(b'\n', &mut self.buffer)?;
        match self.buffer.last() {
            None => return Err(FileError::Cut),
            Some(b'\n') => {}
            Some(_) if self.buffer.len() as u64 >= LONGEST_LINE => {
                return Err(FileError::Line { line: self.line });
            }
            Some(_) => return Err(FileError::Cut),
        }
        serde_json::from_slice(&self.buffer).map_err(|_| FileError::Line { line: self.line })
    }
}

/// A table of its line.
fn table(json: &Json) -> Option<Table> {
    let name = json["table"].as_str()?.to_owned();
    let column = |json: &Json| {
        let [name, kind] = json.as_array()?.as_slice() else { return None };
        Some(Column { name: name.as_str()?.to_owned(), kind: Kind::of(kind.as_str()?)? })
    };
    let columns = json["columns"].as_array()?.iter().map(column).collect::<Option<Vec<_>>>()?;
    let is_numbered = columns.iter().any(|column| column.name == "id");
    Some(Table { name, columns, is_numbered })
}

/// Bytes as hexadecimal digits.
fn hexadecimal(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        for digit in [byte >> 4, byte & 15] {
            text.push(char::from(b"0123456789abcdef"[usize::from(digit)]));
        }
    }
    text
}

/// The bytes of hexadecimal digits.
fn bytes(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).map(|digit| digit as u8);
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if !rest.is_empty() {
        return None;
    }
    pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?)).collect()
}

/// What a backup begins with.
const FORMAT: &str = "repute-backup";
/// The version of these lines.
const VERSION: u64 = 1;
/// Longest line, in bytes, with its end: more than SQLite takes in a row, and PostgreSQL in a column.
const LONGEST_LINE: u64 = 1 << 30;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_line_is_written_that_could_not_be_read() {
        let mut out = Vec::new();
        let mut writer = Writer::new(&mut out, &[1]).expect("memory takes it");
        writer.longest = 20;
        let row = |length: usize| [Value::Text("x".repeat(length))];
        // Two brackets, two quotes and the end of the line.
        writer.row(&row(15)).expect("it just fits");
        let refused = writer.row(&row(16)).expect_err("it is too long").to_string();
        assert_eq!(refused, "row 2 is longer than 20 bytes, and could not be restored");
    }
}

//! Reading list files.
//!
//! A reader takes bytes, already decompressed, and gives a [`Dataset`] with every fault it met: a bad
//! line is reported and the lines around it count. What makes a whole file unusable is a [`ReadError`].

use std::io::{self, Read};
use std::sync::Arc;

use repute_dnsxl::{ReturnCode, Target};

use crate::dataset::{Dataset, TooMany};
use crate::fault::{Fault, Faults, LONGEST_LINE, LONGEST_SHOWN, Problem};
use crate::zone::{DEFAULT_TTL, Dialect};

use code::Codes;

mod code;
pub mod rbldnsd;
pub mod table;
mod trace;
pub mod written;

pub(crate) use trace::Trace;
pub use trace::Traced;

/// A file to read.
pub struct Input<'a> {
    /// What messages call it.
    pub name: Arc<str>,
    /// Its bytes, decompressed.
    pub reader: Box<dyn Read + 'a>,
    /// When it was changed (seconds since 1970).
    pub modified: u32,
}

/// How to read.
#[derive(Clone, Debug)]
pub struct ReadOptions {
    /// Whose rules hold.
    pub dialect: Dialect,
    /// The time (seconds since 1970), for `$TIMESTAMP`.
    pub now: u32,
    /// Time to live where the file says none, in seconds.
    pub default_ttl: u32,
    /// Shorter times to live are raised to this; 0 for no limit.
    pub min_ttl: u32,
    /// Longer times to live are lowered to this; 0 for no limit.
    pub max_ttl: u32,
    /// Take networks with bits set behind the prefix (rbldnsd's `-e`), else they are faults.
    pub accept_host_bits: bool,
    /// The return codes the zone declares, to tell of others; empty if it declares none.
    pub codes: Vec<ReturnCode>,
    /// Collect the lines that concern this target.
    pub trace: Option<Target>,
}

impl Default for ReadOptions {
    fn default() -> Self {
        ReadOptions {
            dialect: Dialect::Native,
            now: 0,
            default_ttl: DEFAULT_TTL,
            min_ttl: 0,
            max_ttl: 0,
            accept_host_bits: false,
            codes: Vec::new(),
            trace: None,
        }
    }
}

/// What a reading gave.
#[derive(Debug)]
pub struct Loaded {
    /// The data set.
    pub dataset: Dataset,
    /// What was wrong.
    pub faults: Faults,
    /// How many lines were read that are neither empty nor comments.
    pub lines: u64,
    /// Entries dropped because an equal network came before with another answer.
    pub duplicates: u64,
    /// The lines that concern [`ReadOptions::trace`], in the order of the files.
    pub trace: Vec<Traced>,
}

/// Why a file cannot be used at all.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The file could not be read to its end.
    #[error("cannot read {name}: {source}")]
    Io {
        /// The file.
        name: Arc<str>,
        /// Why.
        source: io::Error,
    },
    /// `$TIMESTAMP` lies in the future.
    #[error("{name}:{line}: the data's time stamp is {seconds} s in the future")]
    Future {
        /// The file.
        name: Arc<str>,
        /// The line.
        line: u64,
        /// By how much.
        seconds: u32,
    },
    /// `$DATASET` names a type that is unknown or cannot stand inside `combined`.
    #[error("{name}:{line}: data set type `{kind}` is unknown or cannot stand inside combined")]
    BranchKind {
        /// The file.
        name: Arc<str>,
        /// The line.
        line: u64,
        /// The word.
        kind: String,
    },
    /// An entry of a `combined` file stands before the first `$DATASET`.
    #[error("{name}:{line}: an entry stands before the first $DATASET")]
    BeforeDataset {
        /// The file.
        name: Arc<str>,
        /// The line.
        line: u64,
    },
    /// The list holds more than an index can name.
    #[error("{name}: {many}")]
    TooMany {
        /// The last of its files.
        name: Arc<str>,
        /// What there is too much of.
        many: TooMany,
    },
    /// An access list by key has a label longer than 63 bytes.
    #[error("{name}:{line}: a key is longer than 63 bytes")]
    LongKey {
        /// The file.
        name: Arc<str>,
        /// The line.
        line: u64,
    },
}

/// Where a reader is, and what it met so far.
pub(crate) struct Progress {
    pub(crate) source: Arc<str>,
    pub(crate) line: u64,
    pub(crate) lines: u64,
    /// How many bytes of the line were blanks before it began.
    pub(crate) indent: usize,
    pub(crate) faults: Faults,
    pub(crate) codes: Codes,
}

impl Progress {
    /// Nothing read yet.
    pub(crate) fn new(options: &ReadOptions) -> Progress {
        let (source, faults, codes) = (Arc::from(""), Faults::default(), Codes::new(options));
        Progress { source, line: 0, lines: 0, indent: 0, faults, codes }
    }

    /// Reports a fault at a place in a line.
    #[cold]
    pub(crate) fn fault(&mut self, line: &[u8], at: usize, problem: Problem) {
        let whole = [&b" ".repeat(self.indent), line].concat();
        let (source, at) = (Arc::clone(&self.source), self.indent + at);
        self.faults.push(Fault::new(source, (self.line, &whole), at, problem));
    }
}

/// Reads a file line by line: without its end, blanks on both sides stripped.
///
/// Stops at the first error that `each` returns.
pub(crate) fn for_each_line(
    input: &mut Input<'_>,
    dialect: Dialect,
    progress: &mut Progress,
    mut each: impl FnMut(&[u8], &mut Progress) -> Result<(), ReadError>,
) -> Result<(), ReadError> {
    progress.source = Arc::clone(&input.name);
    progress.line = 0;
    progress.codes.start_file();
    let mut buffer = vec![0; BLOCK];
    let (mut filled, mut skipping) = (0, false);
    loop {
        let read = match input.reader.read(&mut buffer[filled..]) {
            Ok(n) => n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            Err(source) => return Err(ReadError::Io { name: Arc::clone(&input.name), source }),
        };
        let end = filled + read;
        let mut at = 0;
        for newline in memchr::memchr_iter(b'\n', &buffer[..end]) {
            progress.line += 1;
            let line = without_mark(&buffer[at..newline], progress.line, dialect);
            at = newline + 1;
            if !std::mem::take(&mut skipping) {
                let stripped = strip(line, dialect);
                progress.indent = indent(line, stripped);
                each(stripped, progress)?;
            }
        }
        if read == 0 {
            if end > at && !skipping {
                progress.line += 1;
                let line = without_mark(&buffer[at..end], progress.line, dialect);
                let stripped = strip(line, dialect);
                progress.indent = indent(line, stripped);
                each(stripped, progress)?;
            }
            return Ok(());
        }
        if end - at >= LONGEST_LINE {
            if !skipping {
                progress.line += 1;
                progress.indent = 0;
                progress.fault(&buffer[at..at + LONGEST_SHOWN], 0, Problem::LongLine);
                progress.line -= 1;
            }
            (skipping, filled) = (true, 0);
            continue;
        }
        buffer.copy_within(at..end, 0);
        filled = end - at;
    }
}

/// A line without the byte order mark that some editors put before the first one. To rbldnsd the mark is
/// text.
#[inline]
fn without_mark(line: &[u8], number: u64, dialect: Dialect) -> &[u8] {
    match (number, dialect) {
        (1, Dialect::Native) => line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line),
        _ => line,
    }
}

/// Strips the blanks on both sides of a line. To rbldnsd a carriage return is text, not a blank, and a
/// byte of value 0 ends the line.
#[inline]
fn strip(mut line: &[u8], dialect: Dialect) -> &[u8] {
    match dialect {
        Dialect::Native => line.trim_ascii(),
        Dialect::Rbldnsd => {
            while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = line {
                line = rest;
            }
            memchr::memchr(0, line).map_or(line, |end| &line[..end])
        }
    }
}

/// How many bytes of a line were stripped at its start.
#[inline]
fn indent(line: &[u8], stripped: &[u8]) -> usize {
    stripped.as_ptr().addr().saturating_sub(line.as_ptr().addr()).min(line.len())
}

/// How much is read at once.
const BLOCK: usize = 256 * 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::DatasetKind;

    /// Entries and faults of a data file.
    fn counts(kind: DatasetKind, dialect: Dialect, text: &'static [u8]) -> (u64, u64) {
        let input = Input { name: Arc::from("list"), reader: Box::new(text), modified: 0 };
        let options = ReadOptions { dialect, ..ReadOptions::default() };
        let loaded = rbldnsd::read(kind, vec![input], &options).expect("memory can be read");
        (loaded.dataset.entries(), loaded.faults.errors())
    }

    /// Debian's rbldnsd says "invalid address" of the line, even of a comment, and takes the mark for a
    /// part of a name.
    #[test]
    fn a_byte_order_mark_is_text_to_rbldnsd_alone() {
        for text in [&b"\xef\xbb\xbf192.0.2.1 :2:x\n192.0.2.2"[..], b"\xef\xbb\xbf# x\n192.0.2.2"] {
            let entries = if text.contains(&b'#') { 1 } else { 2 };
            assert_eq!(counts(DatasetKind::Ip4set, Dialect::Native, text), (entries, 0));
            assert_eq!(counts(DatasetKind::Ip4set, Dialect::Rbldnsd, text), (1, 1));
        }
        let names = b"\xef\xbb\xbfbad.example\nbad.example\n";
        assert_eq!(counts(DatasetKind::Dnset, Dialect::Native, names), (2, 0));
        assert_eq!(counts(DatasetKind::Dnset, Dialect::Rbldnsd, names), (2, 0));
    }
}

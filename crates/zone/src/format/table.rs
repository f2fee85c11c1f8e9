//! Plain lists and CSV: one entry a line, its key in one column, a number or text in others.
//!
//! That is how most free lists come: addresses with a level (ipsum), domains one a line. Empty lines
//! and lines that begin with `#` or `;` are comments.

use std::collections::HashMap;
use std::sync::Arc;

use repute_dnsxl::{ReturnCode, Target};

use crate::dataset::ipv4_entries::Ipv4Entries;
use crate::dataset::ipv6::Ipv6Entries;
use crate::dataset::names::{Extent, NamesEntries, Repeats, label_count};
use crate::dataset::{Addresses, Content, Dataset, DatasetKind, Header, Names};
use crate::fault::Problem;
use crate::format::rbldnsd::{address, fault, name, value};
use crate::format::{Input, Loaded, Progress, ReadError, ReadOptions, Traced, for_each_line};
use crate::resolve::Overlap;
use crate::value::{Text, ValueBuilder, ValueId};

/// How a table is laid out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableOptions {
    /// What its keys are.
    pub kind: TableKind,
    /// What divides columns: a byte, or any number of blanks.
    pub separator: Option<u8>,
    /// The column of the key, from 0.
    pub key_column: usize,
    /// The column of a number n that answers 127.0.0.n (or of a whole return code), from 0.
    pub code_column: Option<usize>,
    /// Lines with a smaller number are passed over.
    pub minimum: Option<u32>,
    /// The return code without a column.
    pub code: ReturnCode,
    /// The text; `$` stands for what is listed, `$$` for a dollar sign. Empty for none.
    pub text: String,
    /// The column of a text of each entry, from 0.
    pub text_column: Option<usize>,
    /// Whether everything below a name is listed as well.
    pub subdomains: bool,
    /// Lines at the start that are headings.
    pub header_lines: u32,
}

/// What the keys of a table are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TableKind {
    /// Addresses, networks and ranges.
    Addresses,
    /// Domain names.
    Names,
}

/// Reads files as one data set.
///
/// # Errors
/// If a file cannot be read.
pub fn read(
    inputs: Vec<Input<'_>>,
    table: &TableOptions,
    options: &ReadOptions,
) -> Result<Loaded, ReadError> {
    let mut reader = Reader::new(table, options);
    let mut progress = Progress::new();
    let mut modified = 0;
    for mut input in inputs {
        modified = modified.max(input.modified);
        for_each_line(&mut input, options.dialect, &mut progress, |line, progress| {
            if progress.line > u64::from(table.header_lines)
                && !matches!(line.first(), None | Some(b'#' | b';'))
            {
                progress.lines += 1;
                reader.line(line, progress);
            }
            Ok(())
        })?;
    }
    reader.finish(progress, modified)
}

/// A table being read.
struct Reader<'o> {
    table: &'o TableOptions,
    options: &'o ReadOptions,
    values: ValueBuilder,
    /// Values of return codes with the table's own text.
    by_code: HashMap<[u8; 4], ValueId>,
    v4: Ipv4Entries,
    v6: Ipv6Entries,
    names: NamesEntries,
    trace: Vec<Traced>,
}

impl<'o> Reader<'o> {
    fn new(table: &'o TableOptions, options: &'o ReadOptions) -> Reader<'o> {
        Reader {
            table,
            options,
            values: ValueBuilder::default(),
            by_code: HashMap::new(),
            v4: Ipv4Entries::default(),
            v6: Ipv6Entries::default(),
            names: NamesEntries::default(),
            trace: Vec::new(),
        }
    }

    fn line(&mut self, line: &[u8], progress: &mut Progress) {
        if let Err((at, problem)) = self.entry(line, progress) {
            progress.fault(line, at, problem);
        }
    }

    fn entry(&mut self, line: &[u8], progress: &Progress) -> Result<(), (usize, Problem)> {
        let column = |n: usize, what| {
            column(line, self.table.separator, n).ok_or((line.len(), Problem::Expected(what)))
        };
        let (key_at, key) = column(self.table.key_column, "a column with the key")?;
        let mut code = self.table.code.0.octets();
        if let Some(n) = self.table.code_column {
            let (at, text) = column(n, "a column with a number or return code")?;
            let given: ReturnCode = std::str::from_utf8(text)
                .ok()
                .and_then(|text| text.parse().ok())
                .ok_or((at, Problem::Expected("a number from 0 to 255, or a return code")))?;
            code = given.0.octets();
            if self.table.minimum.is_some_and(|least| u32::from(code[3]) < least) {
                return Ok(());
            }
        }
        let text = match self.table.text_column {
            Some(n) => Some(column(n, "a column with a text")?.1),
            None => None,
        };
        let value = self.value(code, text);
        match self.table.kind {
            TableKind::Addresses => self.address(line, key_at, key, value, progress),
            TableKind::Names => self.name(line, key_at, key, value, progress),
        }
    }

    fn value(&mut self, code: [u8; 4], text: Option<&[u8]>) -> ValueId {
        match text {
            Some(text) => {
                let mut literal = Text::new();
                literal.push_literal(&text[..text.len().min(LONGEST_TEXT)]);
                self.values.single(code, &literal)
            }
            None => *self.by_code.entry(code).or_insert_with(|| {
                let text = value::pieces(self.table.text.as_bytes(), &Default::default(), None);
                self.values.single(code, &text)
            }),
        }
    }

    fn address(
        &mut self,
        line: &[u8],
        at: usize,
        key: &[u8],
        value: ValueId,
        progress: &Progress,
    ) -> Result<(), (usize, Problem)> {
        let specificity = if let Some((network, [])) = address::ipv4(key, true) {
            let (first, last, len) =
                network.check(self.options, None).map_err(|problem| at_size(line, at, problem))?;
            match len {
                Some(len) => self.v4.push(first, len, value),
                None => self.v4.push_range(first, last, value),
            }
            match self.options.trace {
                Some(Target::Ipv4(a)) if (first..=last).contains(&u32::from(a)) => {
                    32 - (u64::from(last - first) + 1).ilog2()
                }
                _ => return Ok(()),
            }
        } else if let Some((first, len, [])) = address::ipv6(key) {
            let host = u128::MAX.checked_shr(u32::from(len)).unwrap_or(0);
            if first & host != 0 && !self.options.accept_host_bits {
                return Err(at_size(line, at, Problem::HostBits));
            }
            self.v6.push(first & !host, len, value);
            match self.options.trace {
                Some(Target::Ipv6(a)) if u128::from(a) & !host == first & !host => u32::from(len),
                _ => return Ok(()),
            }
        } else {
            let what = "an IPv4 or IPv6 address, network or range";
            let bad = fault::of_address(key, what, fault::Most::Range);
            return Err((at + bad.at, bad.problem));
        };
        super::rbldnsd::keep_trace(&mut self.trace, progress, line, specificity, value);
        Ok(())
    }

    fn name(
        &mut self,
        line: &[u8],
        at: usize,
        key: &[u8],
        value: ValueId,
        progress: &Progress,
    ) -> Result<(), (usize, Problem)> {
        let whole = key;
        let (below, key) = match key {
            [b'*', b'.', key @ ..] => (Some(Extent::Below), key),
            [b'.', key @ ..] => (Some(Extent::Both), key),
            key => (None, key),
        };
        let mut wire = [0; 256];
        let name = name::relative(key, &mut wire).map_err(|error| {
            let bad = fault::of_name(key, error);
            let lead = whole.len() - key.len();
            (at + lead + bad.at, bad.problem)
        })?;
        if name.is_empty() {
            return Err((at, Problem::Expected("a domain name")));
        }
        let own = if self.table.subdomains { Extent::Both } else { Extent::Exact };
        let extent = below.unwrap_or(own);
        self.names.push(name, extent, value);
        if let Some(Target::Name(target)) = &self.options.trace
            && target.relative().ends_with(name)
        {
            let (labels, asked) = (label_count(name) as u32, target.label_count() as u32);
            if (labels == asked && extent != Extent::Below)
                || (labels < asked && extent != Extent::Exact)
            {
                let exact = u32::from(labels == asked);
                super::rbldnsd::keep_trace(&mut self.trace, progress, line, labels + exact, value);
            }
        }
        Ok(())
    }

    fn finish(mut self, progress: Progress, modified: u32) -> Result<Loaded, ReadError> {
        let name = Arc::clone(&progress.source);
        let too_many = |many| ReadError::TooMany { name: Arc::clone(&name), many };
        let (kind, content, entries) = match self.table.kind {
            TableKind::Addresses => {
                let entries = self.v4.len() + self.v6.len();
                let overlap = Overlap::AllOfLongest;
                let v4 = (self.v4.len() > 0).then(|| self.v4.index(overlap, &mut self.values).0);
                let v6 = match self.v6.len() {
                    0 => None,
                    _ => Some(self.v6.index(overlap, &mut self.values).map_err(too_many)?.0),
                };
                self.values.check_room(0).map_err(too_many)?;
                let values = self.values.finish();
                let content = Content::Addresses(Box::new(Addresses { v4, v6, values }));
                (DatasetKind::Addresses, content, entries)
            }
            TableKind::Names => {
                let entries = self.names.len();
                let index = self.names.index(Repeats::Together, &mut self.values);
                self.values.check_room(0).map_err(too_many)?;
                let values = self.values.finish();
                (DatasetKind::Names, Content::Names(Box::new(Names { index, values })), entries)
            }
        };
        let header = Header { ttl: self.options.default_ttl, modified, ..Header::default() };
        let dataset = Dataset { kind, header, content, entries: entries as u64 };
        let Progress { faults, lines, .. } = progress;
        Ok(Loaded { dataset, faults, lines, duplicates: 0, trace: self.trace })
    }
}

/// Points at what says how large a network is; see [`address::at_size`].
#[cold]
fn at_size(line: &[u8], at: usize, problem: Problem) -> (usize, Problem) {
    let bad = address::at_size(line, at, problem);
    (bad.at, bad.problem)
}

/// A column and where it begins, quotes around it stripped.
fn column(line: &[u8], separator: Option<u8>, n: usize) -> Option<(usize, &[u8])> {
    let mut at = 0;
    for i in 0.. {
        let rest = line.get(at..)?;
        let end = match separator {
            // RFC 4180: a quoted column may hold the separator.
            Some(separator) if rest.first() == Some(&b'"') => {
                let closing = 1 + memchr::memchr(b'"', &rest[1..])?;
                closing
                    + memchr::memchr(separator, &rest[closing..]).unwrap_or(rest.len() - closing)
            }
            Some(separator) => memchr::memchr(separator, rest).unwrap_or(rest.len()),
            None => rest.iter().position(u8::is_ascii_whitespace).unwrap_or(rest.len()),
        };
        if i == n {
            let mut text = rest[..end].trim_ascii_end();
            at += text.len() - text.trim_ascii_start().len();
            text = text.trim_ascii_start();
            if let [b'"', inner @ .., b'"'] = text {
                (at, text) = (at + 1, inner);
            }
            return (!text.is_empty()).then_some((at, text));
        }
        at += end + 1;
        if separator.is_none() {
            at += line.get(at..)?.iter().take_while(|b| b.is_ascii_whitespace()).count();
        }
    }
    None
}

/// What a TXT string holds.
const LONGEST_TEXT: usize = 255;

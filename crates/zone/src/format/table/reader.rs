//! A table being read: from lines to entries.
//!
//! How a line is divided is its neighbours' business (`column`, `record`, `hosts`, `adblock`); here its
//! parts become a key and a value.

use std::collections::HashMap;
use std::sync::Arc;

use repute_dnsxl::ReturnCode;

use crate::dataset::ipv4_entries::Ipv4Entries;
use crate::dataset::ipv6::Ipv6Entries;
use crate::dataset::names_entries::{NamesEntries, Repeats};
use crate::dataset::{Addresses, Content, Dataset, DatasetKind, Header, Names};
use crate::fault::Problem;
use crate::format::rbldnsd::value::{self, MOST_SENT};
use crate::format::rbldnsd::{Bad, address, fault};
use crate::format::table::column::{self, Field};
use crate::format::table::record::{Open, fault_in_record, in_its_line};
use crate::format::table::{Layout, TableKind, TableOptions, adblock, hosts, name};
use crate::format::written::{self, Written};
use crate::format::{Loaded, Progress, ReadError, ReadOptions, Trace};
use crate::resolve::Overlap;
use crate::value::{Text, ValueBuilder, ValueId};
use repute_dnsxl::Extent;

/// A table being read.
pub(super) struct Reader<'o> {
    pub(super) table: &'o TableOptions,
    options: &'o ReadOptions,
    values: ValueBuilder,
    /// Values of return codes with the table's own text.
    by_code: HashMap<[u8; 4], ValueId>,
    v4: Ipv4Entries,
    v6: Ipv6Entries,
    names: NamesEntries,
    trace: Trace,
    /// Lines of a record that goes on.
    pub(super) open: Open,
    /// Room for a text whose quotes are made single.
    scratch: Vec<u8>,
    /// Whether a column that nothing uses was told in this file.
    pub(super) has_told: bool,
}

impl<'o> Reader<'o> {
    /// Nothing read yet.
    pub(super) fn new(table: &'o TableOptions, options: &'o ReadOptions) -> Reader<'o> {
        Reader {
            table,
            options,
            values: ValueBuilder::default(),
            by_code: HashMap::new(),
            v4: Ipv4Entries::default(),
            v6: Ipv6Entries::default(),
            names: NamesEntries::default(),
            trace: Trace::new(DatasetKind::Addresses, options.trace.as_ref()),
            open: Open::default(),
            scratch: Vec::new(),
            has_told: false,
        }
    }

    /// Reads a line.
    #[inline]
    pub(super) fn line(&mut self, line: &[u8], progress: &mut Progress) {
        match self.table.layout {
            Layout::Separated(separator)
                if self.open.is_open() || memchr::memchr(b'"', line).is_some() =>
            {
                self.quoted_line(line, separator, progress);
            }
            Layout::Blanks | Layout::Separated(_) => self.record(line, false, progress),
            Layout::Hosts if is_comment(line) => {}
            Layout::Hosts => self.hosts_line(line, progress),
            Layout::Adblock => match adblock::rule(line) {
                Ok(None) => {}
                rule => self.adblock_rule(line, rule, progress),
            },
        }
    }

    /// Reads a line as in /etc/hosts: of several faulty names the first is told.
    fn hosts_line(&mut self, line: &[u8], progress: &mut Progress) {
        progress.lines += 1;
        let names = match hosts::names(line) {
            Ok(names) => names,
            Err(bad) => return progress.fault(line, bad.at, bad.problem),
        };
        let mut first = Ok(());
        let code = self.table.code.0.octets();
        for (at, name) in names {
            let value = self.common_text(code);
            progress.judge_code(line, at, code);
            first = first.and(self.name(line, at, name, value, progress));
        }
        if let Err((at, problem)) = first {
            progress.fault(line, at, problem);
        }
    }

    /// Takes a rule of an Adblock list.
    fn adblock_rule(
        &mut self,
        line: &[u8],
        rule: Result<Option<adblock::Rule<'_>>, Bad>,
        progress: &mut Progress,
    ) {
        progress.lines += 1;
        let taken = match rule {
            Ok(None) => Ok(()),
            Ok(Some(adblock::Rule { at, name, excludes })) => {
                let value = match excludes {
                    true => ValueId::NOTHING,
                    false => {
                        let code = self.table.code.0.octets();
                        progress.judge_code(line, at, code);
                        self.common_text(code)
                    }
                };
                self.name(line, at, name, value, progress)
            }
            Err(bad) => Err((bad.at, bad.problem)),
        };
        if let Err((at, problem)) = taken {
            progress.fault(line, at, problem);
        }
    }

    /// Reads a record: a line, or several when a field in quotes has line ends.
    #[inline]
    pub(super) fn record(&mut self, line: &[u8], has_quotes: bool, progress: &mut Progress) {
        if is_comment(line) {
            return;
        }
        progress.lines += 1;
        if let Err((at, problem)) = self.entry(line, has_quotes, progress) {
            fault_in_record(line, at, problem, progress);
        }
    }

    /// Reads an entry, or tells what is wrong with it and where.
    fn entry(
        &mut self,
        line: &[u8],
        has_quotes: bool,
        progress: &mut Progress,
    ) -> Result<(), (usize, Problem)> {
        let column = |n: usize, what| {
            let found = match self.table.layout {
                Layout::Blanks => column::word(line, n),
                Layout::Separated(separator) => column::field(line, separator, n, has_quotes),
                Layout::Hosts | Layout::Adblock => None,
            };
            found.ok_or((line.len(), Problem::Expected(what)))
        };
        let key = column(self.table.key_column, "a column with the key")?;
        let (mut code, mut code_at) = (self.table.code.0.octets(), 0);
        if let Some(n) = self.table.code_column {
            let Field { at, text, .. } = column(n, "a column with a number or return code")?;
            let given: ReturnCode = std::str::from_utf8(text)
                .ok()
                .and_then(|text| text.parse().ok())
                .ok_or((at, Problem::Expected("a number from 0 to 255, or a return code")))?;
            if !given.is_conventional() {
                return Err((at, Problem::Code(given)));
            }
            (code, code_at) = (given.0.octets(), at);
            if self.table.minimum.is_some_and(|least| u32::from(code[3]) < least) {
                return Ok(());
            }
        }
        if let Some(n) = self.table.category_column {
            let Field { at, text, .. } = column(n, "a column with a category")?;
            let category = std::str::from_utf8(text).ok().and_then(|text| text.parse().ok());
            code[2] = category.ok_or((at, Problem::Expected("a number from 0 to 255")))?;
        }
        let text = match self.table.text_column {
            Some(n) => match (column(n, "a column with a text"), self.table.layout) {
                (Ok(field), _) => Some(field),
                // An empty field of CSV: the entry has no text of its own.
                (Err(_), Layout::Separated(_)) => None,
                (Err(fault), _) => return Err(fault),
            },
            None => None,
        };
        let value = match text {
            Some(text) => self.own_text(line, code, text, progress),
            None => self.common_text(code),
        };
        match self.table.kind {
            TableKind::Addresses => self.address(line, key.at, key.text, value, progress)?,
            TableKind::Names => self.name(line, key.at, key.text, value, progress)?,
        }
        self.tell_unused_column(line, key, progress);
        if has_quotes {
            in_its_line(line, code_at, progress, |line, at, progress| {
                progress.judge_code(line, at, code);
            });
        } else {
            progress.judge_code(line, code_at, code);
        }
        Ok(())
    }

    /// Tells once a file of a second column between blanks of which the options say nothing.
    #[inline]
    fn tell_unused_column(&mut self, line: &[u8], key: Field<'_>, progress: &mut Progress) {
        // Quotes around a key may follow it.
        if key.at + key.text.len() + 1 < line.len()
            && !self.has_told
            && self.table.layout == Layout::Blanks
            && self.table.key_column == 0
            && self.table.code_column.or(self.table.text_column).is_none()
        {
            self.tell_second_column(line, progress);
        }
    }

    /// The same where something follows the key.
    #[cold]
    fn tell_second_column(&mut self, line: &[u8], progress: &mut Progress) {
        let Some(Field { at, text, .. }) = column::word(line, 1) else { return };
        let is_code = || std::str::from_utf8(text).is_ok_and(|t| t.parse::<ReturnCode>().is_ok());
        let what = match text {
            [b'#' | b';', ..] => return,
            [b':', ..] => {
                "this is passed over: `format = \"rbldnsd\"` reads values such as :2:text"
            }
            _ if is_code() => {
                "this column is passed over: `code-column = 2` would answer it as the return code"
            }
            _ => "this column is passed over: `text-column = 2` would answer it as the text",
        };
        self.has_told = true;
        progress.fault(line, at, Problem::Unused(what));
    }

    /// The value of a code with the text of a column.
    fn own_text(
        &mut self,
        line: &[u8],
        code: [u8; 4],
        field: Field<'_>,
        progress: &mut Progress,
    ) -> ValueId {
        let mut scratch = std::mem::take(&mut self.scratch);
        let text = field.meant(&mut scratch);
        if text.len() > MOST_SENT {
            let at = (field.at + MOST_SENT).min(line.len());
            fault_in_record(line, at, Problem::TextCut(MOST_SENT), progress);
        }
        let mut literal = Text::new();
        literal.push_literal(&text[..text.len().min(MOST_SENT)]);
        self.scratch = scratch;
        self.values.single(code, &literal)
    }

    /// The value of a code with the text for all.
    fn common_text(&mut self, code: [u8; 4]) -> ValueId {
        *self.by_code.entry(code).or_insert_with(|| {
            let text = value::pieces(self.table.text.as_bytes(), &Default::default(), None);
            self.values.single(code, &text)
        })
    }

    /// Takes an address, a network or a range.
    fn address(
        &mut self,
        line: &[u8],
        at: usize,
        key: &[u8],
        value: ValueId,
        progress: &Progress,
    ) -> Result<(), (usize, Problem)> {
        if let Some((network, [])) = address::ipv4(key, true) {
            let (first, last, len) =
                network.check(self.options, None).map_err(|problem| at_size(line, at, problem))?;
            match len {
                Some(len) => self.v4.push(first, len, value),
                None => self.v4.push_range(first, last, value),
            }
            self.trace.ipv4(progress, line, (first, last), value);
        } else if let Some((first, len, [])) = address::ipv6(key) {
            let host = u128::MAX.checked_shr(u32::from(len)).unwrap_or(0);
            if first & host != 0 && !self.options.accept_host_bits {
                let bad = address::host_bits6(line, at, first, len);
                return Err((bad.at, bad.problem));
            }
            self.v6.push(first & !host, len, value);
            self.trace.ipv6(progress, line, (first, len), value);
        } else {
            let what = "an IPv4 or IPv6 address, network or range";
            let bad = fault::of_address(key, what, fault::Most::Range);
            return Err((at + bad.at, bad.problem));
        }
        Ok(())
    }

    /// Takes a name.
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
        let lead = whole.len() - key.len();
        let name =
            name::relative(key, &mut wire).map_err(|bad| (at + lead + bad.at, bad.problem))?;
        let below_too = self.table.subdomains || self.table.layout == Layout::Adblock;
        let own = if below_too { Extent::Both } else { Extent::Exact };
        let extent = below.unwrap_or(own);
        self.names.push(name, extent, value);
        self.trace.name(progress, line, (name, extent), value);
        Ok(())
    }

    /// The entries.
    pub(super) fn finish_written(self, progress: Progress) -> Written {
        let Progress { faults, lines, .. } = progress;
        let values = self.values.finish();
        let part = written::Part { v4: self.v4, v6: self.v6, names: self.names, values };
        Written::new(vec![part], faults, lines, 0)
    }

    /// Builds the data set.
    pub(super) fn finish(mut self, progress: Progress, modified: u32) -> Result<Loaded, ReadError> {
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
                let index = index.map_err(too_many)?;
                self.values.check_room(0).map_err(too_many)?;
                let values = self.values.finish();
                (DatasetKind::Names, Content::Names(Box::new(Names { index, values })), entries)
            }
        };
        let header = Header { ttl: self.options.default_ttl, modified, ..Header::default() };
        let dataset = Dataset { kind, header, content, entries: entries as u64 };
        let Progress { faults, lines, .. } = progress;
        Ok(Loaded { dataset, faults, lines, duplicates: 0, trace: self.trace.finish() })
    }
}

/// Points at what says how large a network is; see [`address::at_size`].
#[cold]
fn at_size(line: &[u8], at: usize, problem: Problem) -> (usize, Problem) {
    let bad = address::at_size(line, at, problem);
    (bad.at, bad.problem)
}

/// Whether a line says nothing.
#[inline]
pub(super) fn is_comment(line: &[u8]) -> bool {
    matches!(line.first(), None | Some(b'#' | b';'))
}

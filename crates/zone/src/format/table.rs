//! Plain lists and CSV: one entry a line, its key in one column, a number or text in others.
//!
//! That is how most free lists come: addresses with a level (ipsum), domains one a line. Empty lines
//! and lines that begin with `#` or `;` are comments.

mod adblock;
mod column;
mod hosts;
mod name;
mod reader;
mod record;

use repute_dnsxl::ReturnCode;

use crate::format::written::Written;
use crate::format::{Input, Loaded, Progress, ReadError, ReadOptions, for_each_line};

pub use column::fields;
use reader::Reader;
pub(crate) use record::MOST_LINES;

/// How a table is laid out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableOptions {
    /// What its keys are.
    pub kind: TableKind,
    /// How a line is divided.
    pub layout: Layout,
    /// The column of the key, from 0.
    pub key_column: usize,
    /// The column of a number n that answers 127.0.0.n (or of a whole return code), from 0.
    pub code_column: Option<usize>,
    /// The column of a category, from 0: the code is 127.0.category.n then (dnswl.org's way).
    pub category_column: Option<usize>,
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

/// How a line is divided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// Columns between blanks.
    Blanks,
    /// Columns between bytes such as a comma, in quotes where they must be (RFC 4180).
    Separated(u8),
    /// Names behind an address that leads nowhere, as in /etc/hosts. Columns do not count.
    Hosts,
    /// Domain rules of Adblock lists. Columns do not count.
    Adblock,
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
    let (reader, progress, modified) = read_lines(inputs, table, options)?;
    reader.finish(progress, modified)
}

/// Reads files as entries.
///
/// # Errors
/// If a file cannot be read.
pub fn written(
    inputs: Vec<Input<'_>>,
    table: &TableOptions,
    options: &ReadOptions,
) -> Result<Written, ReadError> {
    let (reader, progress, _) = read_lines(inputs, table, options)?;
    Ok(reader.finish_written(progress))
}

/// Reads files; also when the last of them was changed.
fn read_lines<'o>(
    inputs: Vec<Input<'_>>,
    table: &'o TableOptions,
    options: &'o ReadOptions,
) -> Result<(Reader<'o>, Progress, u32), ReadError> {
    let mut reader = Reader::new(table, options);
    let mut progress = Progress::new(options);
    let mut modified = 0;
    for mut input in inputs {
        modified = modified.max(input.modified);
        for_each_line(&mut input, options.dialect, &mut progress, |line, progress| {
            if progress.line > u64::from(table.header_lines) {
                reader.line(line, progress);
            }
            Ok(())
        })?;
        reader.end_of_file(&mut progress);
    }
    Ok((reader, progress, modified))
}

#[cfg(test)]
mod tests;

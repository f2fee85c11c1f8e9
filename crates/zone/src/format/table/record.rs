//! A CSV record of several lines: a field in quotes that goes on behind a line's end.
//!
//! What stands in such a field is text and never an entry, so its lines are put together before
//! anything is read. A quote that nobody closes would swallow the rest of the file: a record has a
//! largest size, and behind it the quote is the fault and the lines after its own are read for themselves.

use crate::fault::{LONGEST_LINE, Problem};
use crate::format::Progress;
use crate::format::rbldnsd::Bad;
use crate::format::table::Layout;
use crate::format::table::column;
use crate::format::table::reader::{Reader, is_comment};

/// The lines of a record that is not yet whole.
#[derive(Debug, Default)]
pub(super) struct Open {
    /// Them, with line ends between them; empty if no record is open.
    pub(super) text: Vec<u8>,
    /// The number of the first.
    pub(super) first: u64,
    /// How many they are.
    lines: usize,
}

impl Open {
    /// Whether there is one.
    pub(super) fn is_open(&self) -> bool {
        self.lines > 0
    }

    /// Appends the line that was read last. Blanks before it count: they are inside of quotes, or say
    /// where a fault is.
    pub(super) fn push(&mut self, line: &[u8], progress: &Progress) {
        if self.lines == 0 {
            self.text.clear();
            self.first = progress.line;
        } else {
            self.text.push(b'\n');
        }
        self.text.resize(self.text.len() + progress.indent, b' ');
        self.text.extend_from_slice(line);
        self.lines += 1;
    }

    /// Whether it is larger than a record may be.
    pub(super) fn is_full(&self) -> bool {
        self.lines >= MOST_LINES || self.text.len() > LONGEST_LINE
    }

    /// Takes it, so that none is open.
    pub(super) fn take(&mut self) -> Open {
        std::mem::take(self)
    }
}

impl Reader<'_> {
    /// Reads a line with quotes, or one inside of quotes that were opened before it.
    #[inline(never)]
    pub(super) fn quoted_line(&mut self, line: &[u8], separator: u8, progress: &mut Progress) {
        if !self.open.is_open() {
            match column::check(line, separator) {
                Err(Bad { problem: Problem::OpenQuote, .. }) if !is_comment(line) => {
                    self.open.push(line, progress);
                }
                checked => self.checked_record(line, checked, progress),
            }
            return;
        }
        self.open.push(line, progress);
        match column::check(&self.open.text, separator) {
            Ok(()) => {
                let open = self.open.take();
                let line = std::mem::replace(&mut progress.line, open.first);
                progress.indent = 0;
                self.record(&open.text, true, progress);
                progress.line = line;
            }
            Err(Bad { problem: Problem::OpenQuote, .. }) if !self.open.is_full() => {}
            Err(_) => self.give_up(separator, progress),
        }
    }

    /// Tells of a quote that is still open at the end of a file.
    pub(super) fn end_of_file(&mut self, progress: &mut Progress) {
        self.has_told = false;
        if let Layout::Separated(separator) = self.table.layout
            && self.open.is_open()
        {
            self.give_up(separator, progress);
        }
    }

    /// Reads the lines of a record that does not end each for itself: the quote in the first is a fault.
    #[cold]
    fn give_up(&mut self, separator: u8, progress: &mut Progress) {
        let open = self.open.take();
        let last = progress.line;
        for (number, line) in (open.first..).zip(open.text.split(|b| *b == b'\n')) {
            let stripped = line.trim_ascii_start();
            (progress.line, progress.indent) = (number, line.len() - stripped.len());
            self.checked_record(stripped, column::check(stripped, separator), progress);
        }
        progress.line = last;
    }

    /// Reads a record whose quotes have been looked at.
    fn checked_record(&mut self, line: &[u8], checked: Result<(), Bad>, progress: &mut Progress) {
        match checked {
            Err(bad) if !is_comment(line) => {
                progress.lines += 1;
                progress.fault(line, bad.at, bad.problem);
            }
            Ok(()) | Err(_) => self.record(line, true, progress),
        }
    }
}

/// Reports a fault at a place of a record, in that of its lines in which the place is.
#[cold]
pub(super) fn fault_in_record(record: &[u8], at: usize, problem: Problem, progress: &mut Progress) {
    in_its_line(record, at, progress, |line, at, progress| progress.fault(line, at, problem));
}

/// Speaks of a place of a record in that of its lines in which the place is.
pub(super) fn in_its_line(
    record: &[u8],
    at: usize,
    progress: &mut Progress,
    speak: impl FnOnce(&[u8], usize, &mut Progress),
) {
    let (number, start, line) = line_of(record, at);
    let (first, indent) = (progress.line, progress.indent);
    progress.line += number;
    if number > 0 {
        progress.indent = 0;
    }
    speak(line, at - start, progress);
    (progress.line, progress.indent) = (first, indent);
}

/// The line of a record in which a place is: its number from 0, where it begins, and itself.
fn line_of(record: &[u8], at: usize) -> (u64, usize, &[u8]) {
    let before = &record[..at.min(record.len())];
    let start = memchr::memrchr(b'\n', before).map_or(0, |end| end + 1);
    let end = memchr::memchr(b'\n', &record[start..]).map_or(record.len(), |end| start + end);
    let number = memchr::memchr_iter(b'\n', before).count() as u64;
    (number, start, &record[start..end])
}

/// How many lines a record may have.
pub(crate) const MOST_LINES: usize = 100;

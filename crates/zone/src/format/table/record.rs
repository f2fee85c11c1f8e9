//! A CSV record of several lines: a field in quotes that goes on behind a line's end.
//!
//! What stands in such a field is text and never an entry, so its lines are put together before
//! anything is read. A quote that nobody closes would swallow the rest of the file: a record has a
//! largest size, and behind it the quote is the fault and the lines after its own are read for themselves.

use crate::fault::LONGEST_LINE;
use crate::format::Progress;

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

    /// Takes it, so that none is open; to be given back, as its room is used again.
    pub(super) fn take(&mut self) -> Open {
        std::mem::take(self)
    }
}

/// The line of a record in which a place is: its number from 0, where it begins, and itself.
pub(super) fn line_of(record: &[u8], at: usize) -> (u64, usize, &[u8]) {
    let before = &record[..at.min(record.len())];
    let start = memchr::memrchr(b'\n', before).map_or(0, |end| end + 1);
    let end = memchr::memchr(b'\n', &record[start..]).map_or(record.len(), |end| start + end);
    let number = memchr::memchr_iter(b'\n', before).count() as u64;
    (number, start, &record[start..end])
}

/// How many lines a record may have.
pub(crate) const MOST_LINES: usize = 100;

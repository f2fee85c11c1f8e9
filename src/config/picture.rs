//! A fault shown in its place: the line it is in, with a caret under what is wrong.
//!
//! ```text
//! repute.toml:12:9: unknown key `tll`, expected one of ...
//!    |
//! 12 | tll = "35m"
//!    | ^^^
//! ```
//! Configuration errors and faults of list files look alike, as the same eyes read them.

use std::fmt;
use std::ops::Range;

/// A place in a text file and what is wrong there.
#[derive(Debug)]
pub(crate) struct Picture<'a> {
    /// The file, as the person named it.
    pub(crate) file: &'a str,
    /// The line, from 1.
    pub(crate) line: u64,
    /// The column, from 1, in characters.
    pub(crate) column: u32,
    /// The text of the line.
    pub(crate) text: &'a str,
    /// How many characters are wrong; at least one caret is drawn.
    pub(crate) width: usize,
    /// What is wrong, and what was expected.
    pub(crate) message: &'a str,
}

impl fmt::Display for Picture<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = self.line.to_string();
        let margin = " ".repeat(number.len());
        writeln!(f, "{}:{}:{}: {}", self.file, self.line, self.column, self.message)?;
        writeln!(f, "{margin} |")?;
        writeln!(f, "{number} | {}", shown(self.text))?;
        // Of a long line only the start is shown.
        let before = self.text.chars().count().min(self.column.saturating_sub(1) as usize);
        let before = " ".repeat(before);
        write!(f, "{margin} | {before}{}", "^".repeat(self.width.max(1)))
    }
}

/// A foreign text as a terminal may show it: a blank for each tab, so that the caret stands right, and no
/// control characters.
pub(crate) fn shown(text: &str) -> String {
    let safe = |c: char| if c.is_control() { '\u{fffd}' } else { c };
    text.chars().map(|c| if c == '\t' { ' ' } else { safe(c) }).collect()
}

/// Finds line, column and text of a byte range in a file; the range may span lines.
pub(crate) fn place(text: &str, span: Range<usize>) -> (u64, u32, &str, usize) {
    let start = floor_boundary(text, span.start);
    let end = floor_boundary(text, span.end).max(start);
    let line_start = text[..start].rfind('\n').map_or(0, |at| at + 1);
    let line_end = text[start..].find('\n').map_or(text.len(), |at| start + at);
    let number = text[..start].matches('\n').count() as u64 + 1;
    let column = text[line_start..start].chars().count() as u32 + 1;
    let width = text[start..end.min(line_end).max(start)].chars().count();
    (number, column, text[line_start..line_end].trim_end_matches('\r'), width)
}

/// The last character boundary at or before a byte offset.
fn floor_boundary(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_cannot_command_a_terminal() {
        assert_eq!(shown("a\tb\x1b[2Jc\0d"), "a b\u{fffd}[2Jc\u{fffd}d");
    }

    #[test]
    fn the_caret_stands_under_the_fault() {
        let text = "[server]\nlisten = \"é\"\n";
        let at = text.find('"').unwrap();
        let (line, column, shown, width) = place(text, at..at + 4);
        let picture =
            Picture { file: "a.toml", line, column, text: shown, width, message: "no address" };
        assert_eq!(
            picture.to_string(),
            "a.toml:2:10: no address\n  |\n2 | listen = \"é\"\n  |          ^^^"
        );
    }

    #[test]
    fn a_range_past_the_end_is_harmless() {
        assert_eq!(place("ab", 5..9), (1, 3, "ab", 0));
    }
}

//! Patterns for return codes, as mail filters write them, to sets of codes.
//!
//! Octet by octet, each a small expression over digits, is all that anybody writes: `^127\.0\.\d+\.[0-3]$`,
//! `127.0.%d+.0`, `127.0.0.1[01]`. Such a pattern is tried on all 256 numbers and becomes ranges. What is
//! anything else, or open at an end and so would match more than it says, is refused.

use crate::code::CodeSet;

/// Reads a Perl expression; several sets if it has alternatives.
pub(super) fn expression(text: &str) -> Option<Vec<CodeSet>> {
    let text = text.strip_prefix('/').and_then(|rest| rest.strip_suffix('/')).unwrap_or(text);
    let whole = text.strip_prefix('^')?.strip_suffix('$')?;
    // `^(?:A|B)$` has its alternatives in a group, `^A$|^B$` outside.
    let alternatives: Vec<&str> = match group(whole) {
        Some(inner) => split(inner, |rest| rest.starts_with('|').then_some(1)),
        None => whole.split("$|^").collect(),
    };
    alternatives.into_iter().map(|alternative| octets(alternative, Style::Perl)).collect()
}

/// Reads a Lua pattern, which rspamd holds against the whole code.
pub(super) fn lua(text: &str) -> Option<CodeSet> {
    let text = text.strip_prefix('^').unwrap_or(text);
    octets(text.strip_suffix('$').unwrap_or(text), Style::Lua)
}

/// Reads a pattern with `*` for any number.
pub(super) fn glob(text: &str) -> Option<CodeSet> {
    octets(text, Style::Glob)
}

/// How a pattern is written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Style {
    /// `\d`, groups, `{n}`.
    Perl,
    /// `%d`.
    Lua,
    /// `*`.
    Glob,
}

/// What is inside of a group that is the whole text and holds whole codes.
fn group(text: &str) -> Option<&str> {
    let inner = text.strip_prefix("(?:").or_else(|| text.strip_prefix('('))?.strip_suffix(')')?;
    let mut depth = 1_i32;
    let closes_early = inner.bytes().any(|byte| {
        depth += i32::from(byte == b'(') - i32::from(byte == b')');
        depth == 0
    });
    (!closes_early && depth == 1).then_some(inner)
}

/// Splits a pattern at what `separator` finds, but not within groups and classes.
fn split(text: &str, separator: impl Fn(&str) -> Option<usize>) -> Vec<&str> {
    let (mut parts, mut start, mut at) = (Vec::new(), 0, 0);
    let (mut groups, mut in_class) = (0_i32, false);
    while at < text.len() {
        let rest = &text[at..];
        if let Some(len) = separator(rest).filter(|_| groups == 0 && !in_class) {
            parts.push(&text[start..at]);
            at += len;
            start = at;
            continue;
        }
        match rest.as_bytes()[0] {
            b'[' => in_class = true,
            b']' => in_class = false,
            b'(' if !in_class => groups += 1,
            b')' if !in_class => groups -= 1,
            _ => {}
        }
        // Only ASCII is read further on, so a step within a character is never taken.
        at += rest.chars().next().map_or(1, char::len_utf8);
    }
    parts.push(&text[start..]);
    parts
}

/// Reads four octets.
fn octets(text: &str, style: Style) -> Option<CodeSet> {
    if !text.is_ascii() || text.len() > LONGEST {
        return None;
    }
    let escaped = match style {
        Style::Perl => r"\.",
        Style::Lua => "%.",
        Style::Glob => ".",
    };
    // Many write a plain dot and mean one.
    let dot = if text.contains(escaped) { escaped } else { "." };
    let parts = split(text, |rest| rest.starts_with(dot).then_some(dot.len()));
    let parts: [&str; 4] = parts.try_into().ok()?;
    let mut octets: [Vec<(u8, u8)>; 4] = Default::default();
    for (octet, part) in octets.iter_mut().zip(parts) {
        let part = match style {
            Style::Perl => part.to_owned(),
            Style::Lua => part.replace("%d", r"\d"),
            Style::Glob => part.replace('*', r"\d+"),
        };
        let expression = Parser { rest: part.as_bytes(), depth: 0 }.whole()?;
        for number in 0..=255_u8 {
            let digits: Vec<u8> = number.to_string().bytes().map(|byte| byte - b'0').collect();
            if expression.ends(&digits, 1) >> digits.len() & 1 == 0 {
                continue;
            }
            match octet.last_mut().filter(|(_, last)| Some(number) == last.checked_add(1)) {
                Some((_, last)) => *last = number,
                None => octet.push((number, number)),
            }
        }
        if octet.is_empty() {
            return None;
        }
    }
    Some(CodeSet::Octets(octets))
}

/// Alternatives of sequences.
struct Expression(Vec<Vec<Piece>>);

/// Something and how often.
struct Piece {
    /// What.
    what: What,
    /// At least.
    least: usize,
    /// At most.
    most: usize,
}

/// What stands in a sequence.
enum What {
    /// One of these digits, by bits.
    Digit(u16),
    /// A group.
    Group(Expression),
}

impl Expression {
    /// Where matches end that begin at one of some places, all as bits: no text is tried twice.
    fn ends(&self, digits: &[u8], starts: u8) -> u8 {
        let sequences = self.0.iter().map(|sequence| {
            sequence.iter().fold(starts, |starts, piece| piece.ends(digits, starts))
        });
        sequences.fold(0, |all, ends| all | ends)
    }
}

impl Piece {
    /// Where matches end.
    fn ends(&self, digits: &[u8], starts: u8) -> u8 {
        let (mut places, mut ends) = (starts, 0);
        // Three digits are matched by at most three repetitions that are not empty.
        for i in 0..=self.most.min(self.least.max(3)) {
            if i >= self.least {
                ends |= places;
            }
            places = match &self.what {
                What::Digit(set) => digits.iter().enumerate().fold(0, |next, (at, digit)| {
                    let matches = places >> at & 1 == 1 && set >> digit & 1 == 1;
                    next | u8::from(matches) << (at + 1)
                }),
                What::Group(group) => group.ends(digits, places),
            };
        }
        ends
    }
}

/// Reads a small expression.
struct Parser<'a> {
    /// What is left.
    rest: &'a [u8],
    /// Groups within groups.
    depth: usize,
}

impl Parser<'_> {
    /// Reads all of it.
    fn whole(mut self) -> Option<Expression> {
        let expression = self.alternatives()?;
        self.rest.is_empty().then_some(expression)
    }

    /// Reads alternatives up to the end or the end of the group.
    fn alternatives(&mut self) -> Option<Expression> {
        let mut sequences = vec![Vec::new()];
        while let Some(byte) = self.rest.first().filter(|byte| **byte != b')') {
            if *byte == b'|' {
                self.rest = &self.rest[1..];
                sequences.push(Vec::new());
            } else {
                let piece = self.piece()?;
                sequences.last_mut()?.push(piece);
            }
        }
        Some(Expression(sequences))
    }

    /// Reads a digit, class or group, and how often it may stand.
    fn piece(&mut self) -> Option<Piece> {
        let what = match self.next()? {
            byte @ b'0'..=b'9' => What::Digit(1 << (byte - b'0')),
            b'\\' => match self.next()? {
                b'd' => What::Digit(0x3ff),
                _ => return None,
            },
            b'.' => What::Digit(0x3ff),
            b'[' => What::Digit(self.class()?),
            b'(' => {
                self.rest = self.rest.strip_prefix(b"?:").unwrap_or(self.rest);
                self.depth += 1;
                let group = (self.depth < DEEPEST).then(|| self.alternatives())??;
                self.depth -= 1;
                (self.next()? == b')').then_some(What::Group(group))?
            }
            _ => return None,
        };
        let (least, most) = match self.rest.first() {
            Some(b'*') => (0, usize::MAX),
            Some(b'+') => (1, usize::MAX),
            Some(b'?') => (0, 1),
            Some(b'{') => return self.counted(what),
            _ => return Some(Piece { what, least: 1, most: 1 }),
        };
        self.rest = &self.rest[1..];
        Some(Piece { what, least, most })
    }

    /// Reads `{1,3}`.
    fn counted(&mut self, what: What) -> Option<Piece> {
        let end = self.rest.iter().position(|byte| *byte == b'}')?;
        let inner = std::str::from_utf8(&self.rest[1..end]).ok()?;
        self.rest = &self.rest[end + 1..];
        let (least, most) = match inner.split_once(',') {
            None => (inner.parse().ok()?, inner.parse().ok()?),
            Some((least, "")) => (least.parse().ok()?, 9),
            Some((least, most)) => (least.parse().ok()?, most.parse().ok()?),
        };
        (least <= 9 && most <= 9).then_some(Piece { what, least, most })
    }

    /// Reads a class: digits and ranges up to the bracket.
    fn class(&mut self) -> Option<u16> {
        let mut set = 0;
        loop {
            match self.next()? {
                b']' => return Some(set),
                b'\\' if self.next()? == b'd' => set = 0x3ff,
                low @ b'0'..=b'9' => {
                    let high = match self.rest {
                        [b'-', high @ b'0'..=b'9', tail @ ..] => {
                            self.rest = tail;
                            *high
                        }
                        _ => low,
                    };
                    (low..=high).for_each(|digit| set |= 1 << (digit - b'0'));
                }
                _ => return None,
            }
        }
    }

    /// Takes a byte.
    fn next(&mut self) -> Option<u8> {
        let (byte, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*byte)
    }
}

/// Groups within groups.
const DEEPEST: usize = 8;
/// The longest pattern.
const LONGEST: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    fn text(sets: Option<Vec<CodeSet>>) -> Option<String> {
        Some(sets?.iter().map(CodeSet::to_string).collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn expressions_become_ranges() {
        for (pattern, sets) in [
            (r"^127\.0\.0\.[4567]$", "127.0.0.[4..7]"),
            (r"^127\.0\.0\.1[01]$", "127.0.0.[10..11]"),
            (r"^127\.0\.\d+\.0$", "127.0.[0..255].0"),
            (r"^127\.0\.\d{1,2}\.3$", "127.0.[0..99].3"),
            (r"^127\.0\.0\.(?:2|3|1\d)$", "127.0.0.[2..3;10..19]"),
            (r"^127\.0\.0\.(25[0-5]|2[0-4]\d)$", "127.0.0.[200..255]"),
            (r"^127\.0\.0\.2$|^127\.0\.1\.2$", "127.0.0.2 127.0.1.2"),
            (r"^(?:127\.0\.0\.2|127\.0\.1\.2)$", "127.0.0.2 127.0.1.2"),
            (r"/^127\.0\.0\.2$/", "127.0.0.2"),
            ("^127.0.0.[23]$", "127.0.0.[2..3]"),
            (r"^127\.0\.0\.\d?5$", "127.0.0.[5;15;25;35;45;55;65;75;85;95]"),
        ] {
            assert_eq!(text(expression(pattern)).as_deref(), Some(sets), "{pattern}");
        }
    }

    #[test]
    fn what_matches_more_or_something_else_is_refused() {
        for pattern in [
            "",
            "^$",
            r"127\.0\.0\.2",
            r"^127\.0\.0\.2",
            r"^127\.0\.0$",
            r"^127\.0\.0\.[^2]$",
            r"^127\.0\.0\.(2$",
            r"^127\.0\.0\.2)$",
            "(?i:spamcop)",
            r"^127\.0\.0\.999$",
            r"^127\.0\.0\.é$",
            r"^127\.0\.0\.2{3$",
        ] {
            assert_eq!(expression(pattern), None, "{pattern}");
        }
    }

    #[test]
    fn lua_and_globs_too() {
        for (set, expect) in [
            (lua("127.0.%d+.0"), "127.0.[0..255].0"),
            (lua("^127%.0%.0%.[2-4]$"), "127.0.0.[2..4]"),
            (glob("127.0.0.*"), "127.0.0.[0..255]"),
            (glob("127.0.0.1*"), "127.0.0.[10..19;100..199]"),
        ] {
            assert_eq!(set.map(|set| set.to_string()).as_deref(), Some(expect));
        }
        assert_eq!(lua("127.0.%a.0"), None);
    }
}

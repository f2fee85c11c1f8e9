//! A domain name in wire form.
//!
//! Lists compare names without regard to case (RFC 4343), so a [`Name`] is lower-cased once, when it
//! is parsed. The case of a query is kept where it matters: in the answer, which copies the question.

use std::fmt;
use std::str::FromStr;

/// A domain name: wire form (RFC 1035 section 3.1), lower-cased, with the root label at its end.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Name(Box<[u8]>);

impl Name {
    /// The root.
    pub fn root() -> Name {
        Name(Box::from([0]))
    }

    /// Takes a name in wire form, as it ends a message's question.
    ///
    /// # Errors
    /// If it is not exactly one uncompressed name of at most 255 bytes.
    pub fn from_wire(wire: &[u8]) -> Result<Name, NameError> {
        if wire.len() > MAX_NAME {
            return Err(NameError::TooLong);
        }
        let mut rest = wire;
        loop {
            match rest.split_first() {
                Some((0, [])) => break,
                Some((&n, tail)) if n != 0 && usize::from(n) <= MAX_LABEL => {
                    rest = tail.get(usize::from(n)..).ok_or(NameError::BadWire)?;
                }
                _ => return Err(NameError::BadWire),
            }
        }
        Ok(Name(wire.to_ascii_lowercase().into_boxed_slice()))
    }

    /// The wire form, with the root label.
    pub fn as_wire(&self) -> &[u8] {
        &self.0
    }

    /// The wire form without the root label: what stands before an apex in a query name.
    pub fn relative(&self) -> &[u8] {
        &self.0[..self.0.len() - 1]
    }

    /// How many labels it has; the root has none.
    pub fn label_count(&self) -> usize {
        self.labels().count()
    }

    /// The labels from left to right, without their length bytes.
    pub fn labels(&self) -> impl Iterator<Item = &[u8]> {
        let mut rest = self.relative();
        std::iter::from_fn(move || {
            let (&n, tail) = rest.split_first()?;
            let (label, tail) = tail.split_at(usize::from(n));
            rest = tail;
            Some(label)
        })
    }

    /// Whether `self` is `other` or lies below it.
    pub fn is_within(&self, other: &Name) -> bool {
        let (a, b) = (self.label_count(), other.label_count());
        a >= b && self.labels().skip(a - b).eq(other.labels())
    }
}

impl FromStr for Name {
    type Err = NameError;

    /// Parses the text form (RFC 1035 section 5.1): dots between labels, `\.` and `\DDD` escapes,
    /// a dot at the end or not.
    fn from_str(text: &str) -> Result<Name, NameError> {
        if text.is_empty() {
            return Err(NameError::Empty);
        }
        if text == "." {
            return Ok(Name::root());
        }
        let mut wire = Vec::with_capacity(text.len() + 2);
        let mut start = 0;
        wire.push(0);
        let mut bytes = text.bytes().peekable();
        while let Some(byte) = bytes.next() {
            let byte = match byte {
                b'.' => {
                    close_label(&mut wire, start)?;
                    start = wire.len();
                    wire.push(0);
                    continue;
                }
                b'\\' => unescape(&mut bytes)?,
                other => other,
            };
            wire.push(byte.to_ascii_lowercase());
            if wire.len() > MAX_NAME {
                return Err(NameError::TooLong);
            }
        }
        if wire.len() - start > 1 {
            close_label(&mut wire, start)?;
            wire.push(0);
        }
        if wire.len() > MAX_NAME {
            return Err(NameError::TooLong);
        }
        Ok(Name(wire.into_boxed_slice()))
    }
}

impl fmt::Display for Name {
    /// Writes the text form without the dot at the end; the root is `.`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.len() == 1 {
            return f.write_str(".");
        }
        for (i, label) in self.labels().enumerate() {
            if i > 0 {
                f.write_str(".")?;
            }
            // Nearly all labels are written as they are, in one piece.
            for part in label.chunk_by(|&one, &other| is_plain(one) && is_plain(other)) {
                match *part {
                    [byte @ (b'.' | b'\\' | b'"' | b';' | b'@' | b'$')] => {
                        write!(f, "\\{}", char::from(byte))?;
                    }
                    [byte] if !is_plain(byte) => write!(f, "\\{byte:03}")?,
                    _ => f.write_str(str::from_utf8(part).map_err(|_| fmt::Error)?)?,
                }
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Name({self})")
    }
}

/// Whether a byte of a label is written as it is (RFC 1035 section 5.1).
fn is_plain(byte: u8) -> bool {
    byte.is_ascii_graphic() && !matches!(byte, b'.' | b'\\' | b'"' | b';' | b'@' | b'$')
}

/// Writes the length of the label that began at `start`.
fn close_label(wire: &mut [u8], start: usize) -> Result<(), NameError> {
    match wire.len() - start - 1 {
        0 => Err(NameError::EmptyLabel),
        n if n > MAX_LABEL => Err(NameError::LongLabel),
        n => {
            wire[start] = n as u8;
            Ok(())
        }
    }
}

/// Reads what follows a backslash: three digits or one byte.
fn unescape(bytes: &mut std::iter::Peekable<std::str::Bytes<'_>>) -> Result<u8, NameError> {
    let first = bytes.next().ok_or(NameError::BadEscape)?;
    if !first.is_ascii_digit() {
        return Ok(first);
    }
    let mut value = u32::from(first - b'0');
    for _ in 0..2 {
        let digit = bytes.next_if(u8::is_ascii_digit).ok_or(NameError::BadEscape)?;
        value = value * 10 + u32::from(digit - b'0');
    }
    u8::try_from(value).map_err(|_| NameError::BadEscape)
}

/// Longest name on the wire (RFC 1035 section 2.3.4), with length bytes and root.
const MAX_NAME: usize = 255;
/// Longest label (RFC 1035 section 2.3.4).
const MAX_LABEL: usize = 63;

/// Why a text is no domain name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// A backslash without three digits up to 255 or a character after it.
    #[error("a backslash must be followed by a character or three digits up to 255")]
    BadEscape,
    /// Not one whole uncompressed name.
    #[error("not a domain name in wire form")]
    BadWire,
    /// Nothing there.
    #[error("a domain name is missing")]
    Empty,
    /// Two dots in a row, or one at the start.
    #[error("a label is empty")]
    EmptyLabel,
    /// More than 63 bytes between two dots.
    #[error("a label is longer than 63 bytes")]
    LongLabel,
    /// More than 255 bytes in all.
    #[error("the name is longer than 255 bytes")]
    TooLong,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expect: Result<&str, NameError>) {
        let got = text.parse::<Name>().map(|n| n.to_string());
        assert_eq!(got.as_deref().map_err(|e| *e), expect, "{text}");
    }

    #[test]
    fn text_form_round_trips_in_lower_case() {
        check("Bl.Example.", Ok("bl.example"));
        check("a\\.b.c", Ok("a\\.b.c"));
        check("\\000x", Ok("\\000x"));
        check(".", Ok("."));
    }

    #[test]
    fn faults_are_named() {
        check("", Err(NameError::Empty));
        check("a..b", Err(NameError::EmptyLabel));
        check("a\\2", Err(NameError::BadEscape));
        check(&"a".repeat(64), Err(NameError::LongLabel));
        check(&"abcdefg.".repeat(40), Err(NameError::TooLong));
    }

    #[test]
    fn within_is_by_whole_labels() {
        let n = |t: &str| t.parse::<Name>().unwrap();
        assert!(n("a.bl.example").is_within(&n("bl.example")));
        assert!(n("bl.example").is_within(&n("bl.example")));
        assert!(!n("xbl.example").is_within(&n("bl.example")));
        assert!(n("a").is_within(&Name::root()));
    }
}

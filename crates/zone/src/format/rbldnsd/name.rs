//! Entries of name data sets: `x`, `*.x` (below) and `.x` (both).

use crate::dataset::DatasetKind;
use crate::format::rbldnsd::{Bad, Entries, Part, fault, skip_blanks, word};
use crate::format::{Progress, Trace};
use crate::value::ValueId;
use repute_dnsxl::Extent;

/// Reads an entry or a default line.
#[inline]
pub(super) fn entry(
    part: &mut Part,
    line: &[u8],
    trace: &mut Trace,
    progress: &mut Progress,
) -> Result<(), Bad> {
    if line[0] == b':' {
        return part.answers.default_line(line, line, progress);
    }
    let (excludes, key) = match line {
        [b'!', key @ ..] => (true, skip_blanks(key)),
        key => (false, key),
    };
    let (extent, key) = match key {
        [b'.', key @ ..] => (Extent::Both, key),
        [b'*', b'.', key @ ..] => (Extent::Below, key),
        key => (Extent::Exact, key),
    };
    let (text, rest) = word(key);
    let mut wire = [0; 256];
    let name = match relative(text, &mut wire) {
        Ok(name) if !name.is_empty() => name,
        Ok(_) => return Err(Bad::expected(line.len() - key.len(), "a domain name")),
        Err(error) => return Err(fault::of_name(text, error).at(line.len() - key.len())),
    };
    let value = if excludes {
        ValueId::NOTHING
    } else {
        let conditions = part.kind != DatasetKind::Dnset;
        part.answers.value(line, rest, conditions, progress)?
    };
    let Entries::Names(names) = &mut part.entries else { return Ok(()) };
    names.push(name, extent, value);
    trace.name(progress, line, (name, extent), value);
    Ok(())
}

/// Writes a name in wire form without the root, in lower case. Dots in a row and at the end count as
/// one, as in rbldnsd.
#[inline]
pub(in crate::format) fn relative<'w>(
    text: &[u8],
    wire: &'w mut [u8; 256],
) -> Result<&'w [u8], repute_dnsxl::NameError> {
    use repute_dnsxl::NameError;
    let (mut start, mut at) = (0, 1);
    for &byte in text {
        match byte {
            b'.' => {
                let len = at - start - 1;
                if len > 63 {
                    return Err(NameError::LongLabel);
                }
                if len > 0 {
                    wire[start] = len as u8;
                    start = at;
                    at += 1;
                }
            }
            // Escapes are rare: the whole name goes the long way.
            b'\\' => return escaped(text, wire),
            other => {
                wire[at] = other.to_ascii_lowercase();
                at += 1;
            }
        }
        if at > 254 {
            return Err(NameError::TooLong);
        }
    }
    let len = at - start - 1;
    if len > 63 {
        return Err(NameError::LongLabel);
    }
    if len == 0 {
        return Ok(&wire[..start]);
    }
    wire[start] = len as u8;
    Ok(&wire[..at])
}

/// The same with escapes, read as rbldnsd does: `\` and one to three digits are a byte, before anything
/// else it is that itself, and at the end it is nothing.
#[cold]
fn escaped<'w>(text: &[u8], wire: &'w mut [u8; 256]) -> Result<&'w [u8], repute_dnsxl::NameError> {
    use repute_dnsxl::NameError;
    let (mut start, mut at) = (0, 1);
    let mut rest = text;
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        let byte = match byte {
            b'.' => {
                match at - start - 1 {
                    0 => {}
                    len @ 1..=63 => {
                        wire[start] = len as u8;
                        start = at;
                        at += 1;
                    }
                    _ => return Err(NameError::LongLabel),
                }
                continue;
            }
            b'\\' => {
                let digits = rest.iter().take(3).take_while(|b| b.is_ascii_digit()).count();
                let Some((&next, _)) = rest.split_first() else { break };
                let number = rest[..digits].iter().fold(0, |n, d| n * 10 + u32::from(d - b'0'));
                rest = &rest[digits.max(1)..];
                match digits {
                    0 => next,
                    _ => u8::try_from(number).map_err(|_| NameError::BadEscape)?,
                }
            }
            other => other,
        };
        if at > 253 {
            return Err(NameError::TooLong);
        }
        wire[at] = byte.to_ascii_lowercase();
        at += 1;
    }
    match at - start - 1 {
        0 => Ok(&wire[..start]),
        len @ 1..=63 => {
            wire[start] = len as u8;
            Ok(&wire[..at])
        }
        _ => Err(NameError::LongLabel),
    }
}

#[cfg(test)]
mod tests {
    use repute_dnsxl::NameError;

    use super::*;

    #[test]
    fn names_are_read_as_rbldnsd_reads_them() {
        let read = |text: &str| relative(text.as_bytes(), &mut [0; 256]).map(<[u8]>::to_vec);
        for (text, wire) in [
            ("A.b", &b"\x01a\x01b"[..]),
            ("a..b.", b"\x01a\x01b"),
            ("a\\.b", b"\x03a.b"),
            ("a\\.b..c.", b"\x03a.b\x01c"),
            ("\\65\\9b", b"\x03a\x09b"),
            ("\\0650", b"\x02a0"),
            ("a\\", b"\x01a"),
            ("a.\\", b"\x01a"),
            ("\\", b""),
        ] {
            assert_eq!(read(text), Ok(wire.to_vec()), "{text}");
        }
        assert_eq!(read("\\256"), Err(NameError::BadEscape));
        assert_eq!(read(&format!("\\.{}", "x".repeat(63))), Err(NameError::LongLabel));
        assert_eq!(read(&format!("\\.{}", ".abc".repeat(64))), Err(NameError::TooLong));
        // The longest: 253 bytes with a length before each label.
        let long = format!("\\a{}", ".abc".repeat(63));
        let plain = long.replace('\\', "");
        assert_eq!(read(&long), read(&plain));
        assert_eq!(read(&format!("{long}d")), read(&format!("{plain}d")));
        assert_eq!(read(&format!("{long}.d")), read(&format!("{plain}.d")));
    }
}

//! Entries of name data sets: `x`, `*.x` (below) and `.x` (both).

use repute_dnsxl::{Name, Target};

use crate::dataset::DatasetKind;
use crate::dataset::names::Extent;
use crate::format::rbldnsd::{Bad, Entries, Part, fault, keep_trace, skip_blanks, word};
use crate::format::{Progress, ReadOptions, Traced};
use crate::value::ValueId;

/// Reads an entry or a default line.
#[inline]
pub(super) fn entry(
    part: &mut Part,
    line: &[u8],
    options: &ReadOptions,
    trace: &mut Vec<Traced>,
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
    if let Some(Target::Name(target)) = &options.trace {
        let labels = crate::dataset::names::label_count(name) as u32;
        let target_labels = target.label_count() as u32;
        let matches = target.relative().ends_with(name)
            && match extent {
                Extent::Exact => labels == target_labels,
                Extent::Below => labels < target_labels,
                Extent::Both => labels <= target_labels,
            };
        if matches {
            let exact = u32::from(labels == target_labels);
            keep_trace(trace, progress, line, labels + exact, value);
        }
    }
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

#[cold]
fn escaped<'w>(text: &[u8], wire: &'w mut [u8; 256]) -> Result<&'w [u8], repute_dnsxl::NameError> {
    let text = std::str::from_utf8(text).map_err(|_| repute_dnsxl::NameError::BadEscape)?;
    let name: Name = text.parse()?;
    let relative = name.relative();
    wire[..relative.len()].copy_from_slice(relative);
    Ok(&wire[..relative.len()])
}

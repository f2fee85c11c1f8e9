//! `$GENERATE`: many records by one line, as BIND has it: `$GENERATE 1-254 host-$ A 192.0.2.$`.

use std::iter::StepBy;
use std::ops::RangeInclusive;

use super::entry::Token;

/// A word with places for a number.
pub(super) struct Template {
    parts: Vec<Part>,
}

/// A part of a word.
enum Part {
    Text(Vec<u8>),
    /// The number with something added, in so many digits, written so.
    Number {
        offset: i64,
        width: usize,
        form: Form,
    },
}

/// How a number is written.
#[derive(Clone, Copy)]
enum Form {
    Decimal,
    Octal,
    Hex,
    UpperHex,
    /// Nibbles in reverse, between dots.
    Nibbles,
    UpperNibbles,
}

/// Reads the range and the words behind it.
pub(super) fn read(
    range: &Token<'_>,
    owner: &Token<'_>,
    rest: &[Token<'_>],
) -> Result<(StepBy<RangeInclusive<u32>>, Vec<Template>), String> {
    let bad = || format!("`{}` is no range: write 1-254 or 0-100/2", range.text.escape_ascii());
    let text = std::str::from_utf8(range.text).map_err(|_| bad())?;
    let (span, step) = text.split_once('/').unwrap_or((text, "1"));
    let (first, last) = span.split_once('-').ok_or_else(bad)?;
    let number = |text: &str| text.parse::<u32>().map_err(|_| bad());
    let (first, last, step) = (number(first)?, number(last)?, number(step)?);
    let step = usize::try_from(step).ok().filter(|step| *step > 0).ok_or_else(bad)?;
    if first > last || (last - first) as usize / step >= MOST {
        return Err(format!("a range goes up, and makes {MOST} records at most"));
    }
    let templates = std::iter::once(owner).chain(rest).map(template).collect::<Result<_, _>>()?;
    Ok(((first..=last).step_by(step), templates))
}

/// Reads a word: `$` is the number, `${OFFSET,WIDTH,FORM}` the number in another form, `$$` and `\$` a dollar.
fn template(token: &Token<'_>) -> Result<Template, String> {
    let (mut parts, mut text, mut rest) = (Vec::new(), Vec::new(), token.text);
    // What stood between quotes goes into the line between quotes.
    if token.is_quoted {
        text.push(b'"');
    }
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        match (byte, rest.first()) {
            (b'\\', Some(b'$')) | (b'$', Some(b'$')) => {
                text.push(b'$');
                rest = &rest[1..];
            }
            (b'\\', Some(&next)) => {
                text.extend([b'\\', next]);
                rest = &rest[1..];
            }
            (b'$', Some(b'{')) => {
                let end = rest.iter().position(|byte| *byte == b'}');
                let end = end.ok_or("`${` is not closed by `}`")?;
                parts.push(Part::Text(std::mem::take(&mut text)));
                parts.push(number(&rest[1..end])?);
                rest = &rest[end + 1..];
            }
            (b'$', _) => {
                parts.push(Part::Text(std::mem::take(&mut text)));
                parts.push(Part::Number { offset: 0, width: 0, form: Form::Decimal });
            }
            _ => text.push(byte),
        }
    }
    if token.is_quoted {
        text.push(b'"');
    }
    parts.push(Part::Text(text));
    Ok(Template { parts })
}

/// Reads what stands between the braces.
fn number(text: &[u8]) -> Result<Part, String> {
    let bad = || {
        format!(
            "`${{{}}}` is not OFFSET,WIDTH,FORM with a form of d, o, x, X, n, N",
            text.escape_ascii()
        )
    };
    let text = std::str::from_utf8(text).map_err(|_| bad())?;
    let mut words = text.split(',');
    let offset = words.next().map_or(Ok(0), str::parse).map_err(|_| bad())?;
    let width: usize = words.next().map_or(Ok(0), str::parse).map_err(|_| bad())?;
    let form = match words.next() {
        None | Some("d") => Form::Decimal,
        Some("o") => Form::Octal,
        Some("x") => Form::Hex,
        Some("X") => Form::UpperHex,
        Some("n") => Form::Nibbles,
        Some("N") => Form::UpperNibbles,
        Some(_) => return Err(bad()),
    };
    match width <= 255 && words.next().is_none() {
        true => Ok(Part::Number { offset, width, form }),
        false => Err(bad()),
    }
}

impl Template {
    /// The word for a number.
    pub(super) fn text(&self, number: u32) -> Result<Vec<u8>, String> {
        let mut text = Vec::new();
        for part in &self.parts {
            match part {
                Part::Text(part) => text.extend_from_slice(part),
                Part::Number { offset, width, form } => {
                    let number = i64::from(number)
                        .checked_add(*offset)
                        .and_then(|sum| u64::try_from(sum).ok());
                    let number =
                        number.ok_or("a number of the range is below zero with its offset")?;
                    let width = *width;
                    let made = match form {
                        Form::Decimal => format!("{number:0width$}"),
                        Form::Octal => format!("{number:0width$o}"),
                        Form::Hex => format!("{number:0width$x}"),
                        Form::UpperHex => format!("{number:0width$X}"),
                        Form::Nibbles => nibbles(&format!("{number:x}"), width),
                        Form::UpperNibbles => nibbles(&format!("{number:X}"), width),
                    };
                    text.extend_from_slice(made.as_bytes());
                }
            }
        }
        Ok(text)
    }
}

/// Digits in reverse between dots, as in names of IPv6 addresses; the width counts the dots, too.
fn nibbles(digits: &str, width: usize) -> String {
    let count = digits.len().max(width.div_ceil(2));
    let digits = digits.chars().rev().chain(std::iter::repeat('0')).take(count);
    digits.map(String::from).collect::<Vec<_>>().join(".")
}

/// Most records of one line.
const MOST: usize = 65_536;

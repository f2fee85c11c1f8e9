//! The columns of a line: words between blanks, or CSV's fields (RFC 4180).
//!
//! A field may stand in quotes and then hold separators, line breaks and, written twice, quotes. A quote
//! inside a field that does not begin with one is a character like others. Nearly no line has a quote,
//! so lines without one are divided by their separators alone.

use crate::fault::Problem;
use crate::format::rbldnsd::Bad;

/// A field of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Field<'l> {
    /// Where its text begins.
    pub(super) at: usize,
    /// Its text without quotes and blanks around it; quotes inside are still doubled.
    pub(super) text: &'l [u8],
    /// Whether quotes stand around it, so that doubled ones inside mean one.
    pub(super) is_quoted: bool,
}

impl Field<'_> {
    /// The text as it is meant: doubled quotes are one, and a line end is a blank, since a text is one line
    /// wherever it is shown or exported.
    pub(super) fn meant<'t>(&'t self, scratch: &'t mut Vec<u8>) -> &'t [u8] {
        if !self.is_quoted || memchr::memchr2(b'"', b'\n', self.text).is_none() {
            return self.text;
        }
        scratch.clear();
        let mut rest = self.text;
        while let Some(at) = memchr::memchr2(b'"', b'\n', rest) {
            scratch.extend_from_slice(&rest[..at]);
            let (byte, width) = if rest[at] == b'"' { (b'"', 2) } else { (b' ', 1) };
            scratch.push(byte);
            rest = rest.get(at + width..).unwrap_or_default();
        }
        scratch.extend_from_slice(rest);
        scratch
    }
}

/// The column `n`, from 0, between blanks; quotes around it are stripped.
pub(super) fn word(line: &[u8], n: usize) -> Option<Field<'_>> {
    let mut at = 0;
    for i in 0.. {
        let rest = line.get(at..)?;
        let end = rest.iter().position(u8::is_ascii_whitespace).unwrap_or(rest.len());
        if i == n {
            return Some(match &rest[..end] {
                [b'"', inner @ .., b'"'] => Field { at: at + 1, text: inner, is_quoted: false },
                text => Field { at, text, is_quoted: false },
            })
            .filter(|field| !field.text.is_empty());
        }
        at += end + 1;
        at += line.get(at..)?.iter().take_while(|b| b.is_ascii_whitespace()).count();
    }
    None
}

/// The column `n`, from 0, of a line that [`check`] found nothing wrong with.
pub(super) fn field(line: &[u8], separator: u8, n: usize, has_quotes: bool) -> Option<Field<'_>> {
    let mut at = 0;
    for i in 0.. {
        let rest = line.get(at..)?;
        if has_quotes {
            let (field, end) = whole_field(line, separator, at).ok()?;
            if i == n {
                return Some(field).filter(|field| !field.text.is_empty());
            }
            at = end + 1;
            continue;
        }
        let end = memchr::memchr(separator, rest).unwrap_or(rest.len());
        if i == n {
            let text = rest[..end].trim_ascii_end();
            let lead = text.len() - text.trim_ascii_start().len();
            let field = Field { at: at + lead, text: &text[lead..], is_quoted: false };
            return Some(field).filter(|field| !field.text.is_empty());
        }
        at += end + 1;
    }
    None
}

/// All fields of a line of CSV, as they are meant; none if its quotes are wrong.
pub fn fields(line: &str, separator: u8) -> Option<Vec<String>> {
    let (line, mut at, mut fields) = (line.as_bytes(), 0, Vec::new());
    while at <= line.len() {
        let (field, end) = whole_field(line, separator, at).ok()?;
        let mut scratch = Vec::new();
        fields.push(String::from_utf8_lossy(field.meant(&mut scratch)).into_owned());
        at = end + 1;
    }
    Some(fields)
}

/// Finds what is wrong with the quotes of a line, if anything is: one that is not closed, or characters
/// behind a closing one.
pub(super) fn check(line: &[u8], separator: u8) -> Result<(), Bad> {
    let mut at = 0;
    while at <= line.len() {
        at = whole_field(line, separator, at)?.1 + 1;
    }
    Ok(())
}

/// The field that begins at `at`, and where it ends: at a separator or at the end of the line.
fn whole_field(line: &[u8], separator: u8, at: usize) -> Result<(Field<'_>, usize), Bad> {
    let is_blank = |b: &u8| matches!(b, b' ' | b'\t') && *b != separator;
    let blanks = |at: usize| line[at..].iter().take_while(|b| is_blank(b)).count();
    let open = at + blanks(at);
    if line.get(open) != Some(&b'"') {
        let end = memchr::memchr(separator, &line[at..]).map_or(line.len(), |end| at + end);
        let text = line[at..end].trim_ascii_end();
        let lead = text.len() - text.trim_ascii_start().len();
        return Ok((Field { at: at + lead, text: &text[lead..], is_quoted: false }, end));
    }
    let mut close = open + 1;
    loop {
        match memchr::memchr(b'"', &line[close..]) {
            Some(quote) if line.get(close + quote + 1) == Some(&b'"') => close += quote + 2,
            Some(quote) => {
                close += quote;
                break;
            }
            None => return Err(Bad { at: open, problem: Problem::OpenQuote }),
        }
    }
    let end = close + 1 + blanks(close + 1);
    if line.get(end).is_some_and(|b| *b != separator) {
        let what = "the separator or the line's end behind the closing quote; a quote inside \
                    quotes is written twice";
        return Err(Bad { at: end, problem: Problem::Expected(what) });
    }
    let field = Field { at: open + 1, text: &line[open + 1..close], is_quoted: true };
    Ok((field, end))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The fields of a line, or the place of what is wrong with it.
    fn divided(line: &str) -> Result<Vec<String>, usize> {
        let line = line.as_bytes();
        check(line, b',').map_err(|bad| bad.at)?;
        let (mut starts, mut at) = (0, 0);
        while at <= line.len() {
            at = whole_field(line, b',', at).map_err(|bad| bad.at)?.1 + 1;
            starts += 1;
        }
        let has_quotes = line.contains(&b'"');
        let text = |n| {
            let mut scratch = Vec::new();
            field(line, b',', n, has_quotes).map_or(String::new(), |field| {
                String::from_utf8(field.meant(&mut scratch).to_vec()).expect("pieces of a text")
            })
        };
        Ok((0..starts).map(text).collect())
    }

    /// The fields of a line, read character by character by the grammar, or nothing if it is broken.
    fn reference(line: &str) -> Option<Vec<String>> {
        enum At {
            Start,
            Plain,
            Quoted,
            Quote,
            Behind,
        }
        let (mut at, mut field, mut fields) = (At::Start, String::new(), Vec::new());
        for char in line.chars() {
            at = match (at, char) {
                (At::Quoted, '"') => At::Quote,
                (At::Quote, '"') | (At::Quoted, _) => {
                    field.push(char);
                    At::Quoted
                }
                (At::Plain, ',') => {
                    fields.push(std::mem::take(&mut field).trim().to_owned());
                    At::Start
                }
                (_, ',') => {
                    fields.push(std::mem::take(&mut field));
                    At::Start
                }
                (At::Start, ' ') => At::Start,
                (At::Start, '"') => At::Quoted,
                (At::Quote | At::Behind, ' ') => At::Behind,
                (At::Quote | At::Behind, _) => return None,
                (At::Start | At::Plain, _) => {
                    field.push(char);
                    At::Plain
                }
            };
        }
        match at {
            At::Quoted => return None,
            At::Plain => fields.push(field.trim().to_owned()),
            At::Start | At::Quote | At::Behind => fields.push(field),
        }
        Some(fields)
    }

    #[test]
    fn fields_stand_in_quotes_or_not() {
        let all = |line: &str| divided(line).unwrap();
        assert_eq!(all("a,b,,d"), ["a", "b", "", "d"]);
        assert_eq!(all(r#""a,b",c"#), ["a,b", "c"]);
        assert_eq!(all(r#""say ""no""","""" , "x""#), ["say \"no\"", "\"", "x"]);
        assert_eq!(all(r#"a, "b, c" ,d"#), ["a", "b, c", "d"]);
        assert_eq!(all("\"two\nlines\",x"), ["two lines", "x"]);
        assert_eq!(all(r#"5" pipe,6"#), ["5\" pipe", "6"]);
        assert_eq!(all(r#""",x"#), ["", "x"]);
    }

    #[test]
    fn what_is_wrong_with_quotes_has_a_place() {
        assert_eq!(divided(r#"a,"b"#), Err(2));
        assert_eq!(divided(r#"a,"b""#), Ok(vec!["a".into(), "b".into()]));
        assert_eq!(divided(r#"a,"b"""#), Err(2));
        assert_eq!(divided(r#""a"b,c"#), Err(3));
        assert_eq!(divided(r#"a,  "b" c"#), Err(8));
    }

    proptest! {
        /// What RFC 4180 section 2 says to write is read back as it was.
        #[test]
        fn what_is_written_is_read(
            texts in prop::collection::vec("[a-c\", \n]{0,8}", 1..5),
            always in any::<bool>(),
        ) {
            let write = |text: &String| {
                let needs_quotes = ['"', ',', '\n', ' '];
                if always || text.contains(needs_quotes) {
                    format!("\"{}\"", text.replace('"', "\"\""))
                } else {
                    text.clone()
                }
            };
            let line = texts.iter().map(write).collect::<Vec<_>>().join(",");
            let meant: Vec<_> = texts.iter().map(|text| text.replace('\n', " ")).collect();
            prop_assert_eq!(divided(&line), Ok(meant));
        }

        /// On any line, the fields are those that a plain reader finds, or both refuse it.
        #[test]
        fn fields_are_those_of_the_reference(line in "[a\", ]{0,16}") {
            prop_assert_eq!(divided(&line).ok(), reference(&line));
            prop_assert_eq!(fields(&line, b','), reference(&line));
        }
    }
}

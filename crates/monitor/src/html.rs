//! What all pages have: the frame, the style, and text that may contain anything.

use std::fmt::{self, Display, Formatter, Write};

use repute_chart::time_text;

/// Whether somebody should act.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mood {
    /// No.
    Good,
    /// Soon.
    Warn,
    /// Now.
    Bad,
}

impl Mood {
    /// Its class in the style.
    pub(crate) fn class(self) -> &'static str {
        match self {
            Mood::Good => "good",
            Mood::Warn => "warn",
            Mood::Bad => "bad",
        }
    }

    /// Its colour in the icon, which must be seen on light and dark tabs.
    fn colour(self) -> &'static str {
        match self {
            Mood::Good => "1a9c57",
            Mood::Warn => "e0a100",
            Mood::Bad => "d92d3a",
        }
    }
}

/// What stands at the top of a page.
pub(crate) struct Head<'a> {
    /// Whether somebody should act.
    pub(crate) mood: Mood,
    /// How things stand, in a sentence.
    pub(crate) headline: &'a str,
    /// The version of the program.
    pub(crate) version: &'a str,
    /// When the page was made, in Unix seconds.
    pub(crate) time: u64,
    /// Whether there is a page above this one.
    pub(crate) is_below: bool,
}

/// Begins a page.
pub(crate) fn begin(page: &mut String, head: &Head<'_>) -> fmt::Result {
    let Head { mood, headline, version, time, is_below } = *head;
    let (class, colour) = (mood.class(), mood.colour());
    let (headline, version) = (Escaped(headline), Escaped(version));
    let brand = if is_below { "<a href=\"/\">Repute monitor</a>" } else { "Repute monitor" };
    // What hangs on a wall shows what is, not what was.
    let refresh = if is_below { "" } else { REFRESH };
    let (time, iso) = (When(time), When(time).to_string().replace(' ', "T"));
    write!(
        page,
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <title>{headline} - Repute</title>\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n{refresh}\
         <link rel=\"icon\" href=\"data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg' \
         viewBox='0 0 16 16'><circle cx='8' cy='8' r='7' fill='%23{colour}'/></svg>\">\n\
         <style>\n{STYLE}</style>\n</head>\n<body>\n<header>\n\
         <p class=\"brand\">{brand} <small>{version}</small></p>\n\
         <h1 class=\"{class}\">{headline}</h1>\n\
         <p><time datetime=\"{iso}Z\">{time} UTC</time></p>\n</header>\n<main>\n"
    )
}

/// Text that may contain anything.
pub(crate) struct Escaped<'a>(pub(crate) &'a str);

impl Display for Escaped<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for character in self.0.chars() {
            match character {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                // A name that ends in what turns the direction of writing would turn what follows.
                c if is_control(c) => f.write_char('\u{fffd}')?,
                other => f.write_char(other)?,
            }
        }
        Ok(())
    }
}

/// Whether a character does something in place of being seen.
fn is_control(c: char) -> bool {
    (c.is_control() && c != '\n' && c != '\t')
        || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A name as a part of an address (RFC 3986 section 2.1).
pub(crate) struct InPath<'a>(pub(crate) &'a str);

impl Display for InPath<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for byte in self.0.bytes() {
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b':' => {
                    f.write_char(char::from(byte))?;
                }
                other => write!(f, "%{other:02X}")?,
            }
        }
        Ok(())
    }
}

/// A time in Unix seconds; nothing is a dash.
pub(crate) struct When(pub(crate) u64);

impl Display for When {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => f.write_str("\u{2013}"),
            time => f.write_str(&time_text(i64::try_from(time).unwrap_or(i64::MAX))),
        }
    }
}

/// A link to a page of somebody else, if it is one: a list's catalogue entry may hold anything.
pub(crate) struct Link<'a>(pub(crate) &'a str);

impl Display for Link<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let text = Escaped(self.0);
        match self.0.starts_with("https://") || self.0.starts_with("http://") {
            true => write!(f, "<a href=\"{text}\" rel=\"noreferrer\">{text}</a>"),
            false => write!(f, "{text}"),
        }
    }
}

/// The first page is fetched again once a minute.
const REFRESH: &str = "<meta http-equiv=\"refresh\" content=\"60\">\n";
/// How the pages look.
const STYLE: &str = include_str!("page.css");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_from_outside_becomes_a_part_of_the_page() {
        let hostile = "<b>\"'&\u{202e}\u{1b}";
        assert_eq!(Escaped(hostile).to_string(), "&lt;b&gt;&quot;&#39;&amp;\u{fffd}\u{fffd}");
        assert_eq!(InPath("a b/ü?").to_string(), "a%20b%2F%C3%BC%3F");
        assert_eq!(Link("javascript:alert(1)").to_string(), "javascript:alert(1)");
        assert_eq!(
            Link("https://a.example/?a=1&b=\"").to_string(),
            "<a href=\"https://a.example/?a=1&amp;b=&quot;\" rel=\"noreferrer\">\
             https://a.example/?a=1&amp;b=&quot;</a>"
        );
        assert_eq!(When(0).to_string(), "\u{2013}");
    }
}

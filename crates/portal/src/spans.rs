//! Sentences with commands in them, as people read them: what stands between backticks is shown as code.

use std::fmt;

use askama::filters::{Html, HtmlSafe, escape};

/// A sentence, in HTML: all of it is escaped, and what stands between two backticks is within `<code>`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spans<'t>(pub(crate) &'t str);

impl fmt::Display for Spans<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0;
        while let Some((before, code, after)) = first(rest) {
            write(f, before)?;
            f.write_str("<code>")?;
            write(f, code)?;
            f.write_str("</code>")?;
            rest = after;
        }
        write(f, rest)
    }
}

/// The first code of a text, with what stands before and behind it.
fn first(text: &str) -> Option<(&str, &str, &str)> {
    let (before, rest) = text.split_once('`')?;
    let (code, after) = rest.split_once('`')?;
    Some((before, code, after))
}

/// Writes text as HTML.
fn write(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    let Ok(escaped) = escape(text, Html);
    write!(f, "{escaped}")
}

/// Whatever it holds of others is escaped by then.
impl HtmlSafe for Spans<'_> {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_between_backticks_is_code_and_all_of_it_is_escaped() {
        for (text, expected) in [
            ("plain", "plain"),
            ("`dig +short x` must print <y>", "<code>dig +short x</code> must print &#60;y&#62;"),
            ("a `<b>` c `d`", "a <code>&#60;b&#62;</code> c <code>d</code>"),
            ("one ` alone & so", "one ` alone &#38; so"),
            ("``", "<code></code>"),
            ("", ""),
        ] {
            assert_eq!(Spans(text).to_string(), expected, "{text}");
        }
    }
}

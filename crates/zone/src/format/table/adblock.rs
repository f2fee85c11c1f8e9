//! Domain rules of Adblock lists: `||bad.example^` lists a name and all below it, `@@||good.example^`
//! excludes.
//!
//! A rule with options, for a part of a page, or for an address in the web says something that DNS
//! cannot: it is a fault, not a name.

use crate::fault::Problem;
use crate::format::rbldnsd::Bad;

/// What a rule says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rule<'l> {
    /// Where the name begins.
    pub(super) at: usize,
    /// The name.
    pub(super) name: &'l [u8],
    /// Whether it is excluded.
    pub(super) excludes: bool,
}

/// Reads a line; nothing if it is a comment or the list's heading.
pub(super) fn rule(line: &[u8]) -> Result<Option<Rule<'_>>, Bad> {
    let bad = |at, what| Err(Bad { at, problem: Problem::Expected(what) });
    let (excludes, rest) = match line {
        [] | [b'!', ..] | [b'[', .., b']'] | [b'#'] | [b'#', b' ' | b'\t', ..] => return Ok(None),
        [b'@', b'@', rest @ ..] => (true, rest),
        rest => (false, rest),
    };
    let Some(rest) = rest.strip_prefix(b"||") else {
        return bad(
            0,
            "a rule such as ||bad.example^ or @@||good.example^; others say what DNS cannot",
        );
    };
    let at = line.len() - rest.len();
    let Some(end) = memchr::memchr3(b'^', b'/', b'$', rest).filter(|end| rest[*end] == b'^') else {
        return bad(at, "a whole name and a `^` behind it");
    };
    match &rest[end + 1..] {
        [] | b"|" => Ok(Some(Rule { at, name: &rest[..end], excludes })),
        _ => bad(at + end + 1, "the rule's end behind the `^`; options say what DNS cannot"),
    }
}

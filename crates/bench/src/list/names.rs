//! The list of domain names.

use std::collections::BTreeMap;
use std::io::{self, Write};

use super::write_header;
use crate::random::Random;

/// A list of domain names.
pub(crate) struct Names {
    /// The names, sorted, and whether all names below are listed too.
    pub(crate) entries: Vec<(String, Reach)>,
}

/// What an entry covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// The name only.
    Exact,
    /// The name and all below it.
    Below,
}

impl Names {
    /// Makes a list of `count` names, 60 % with all names below them.
    pub(crate) fn generate(seed: u64, count: usize) -> Names {
        let mut random = Random::new(seed);
        let mut entries = BTreeMap::new();
        while entries.len() < count {
            let reach = if random.percent(60) { Reach::Below } else { Reach::Exact };
            entries.entry(domain(&mut random)).or_insert(reach);
        }
        Names { entries: entries.into_iter().collect() }
    }

    /// Writes the list in rbldnsd's format.
    pub(crate) fn write_text(&self, out: &mut impl Write) -> io::Result<()> {
        write_header(out)?;
        for (name, reach) in &self.entries {
            match reach {
                Reach::Exact => writeln!(out, "{name}")?,
                Reach::Below => writeln!(out, ".{name}")?,
            }
        }
        Ok(())
    }
}

/// Makes up a domain name: three to six syllables, sometimes a number, a public suffix.
pub(crate) fn domain(random: &mut Random) -> String {
    let mut name = String::new();
    for _ in 0..3 + random.below(4) {
        name.push_str(random.pick::<&str>(&SYLLABLES));
    }
    if random.percent(33) {
        name.push_str(&random.below(100).to_string());
    }
    name.push('.');
    name.push_str(random.pick::<&str>(&SUFFIXES));
    name
}

/// What names are made of.
const SYLLABLES: [&str; 25] = [
    "ba", "co", "da", "el", "fi", "go", "ha", "in", "jo", "ka", "lu", "me", "no", "or", "pi",
    "qua", "ri", "so", "ta", "ul", "ve", "wi", "xa", "yo", "ze",
];

/// What names end in.
const SUFFIXES: [&str; 12] =
    ["com", "net", "org", "info", "xyz", "top", "click", "shop", "ru", "cn", "de", "co.uk"];

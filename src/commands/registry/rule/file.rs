//! A rule as a file of TOML.

use std::fmt::Write as _;
use std::io::Read as _;
use std::path::Path;

use anyhow::{Context, bail};
use repute_database::lists::Criterion;
use repute_database::rules::{Outcome, Terms};
use repute_dnsxl::ReturnCode;
use serde::Deserialize;

use crate::config::Span;

/// A rule as it is written.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct File {
    /// How many hits.
    hits: u32,
    /// Within which time.
    within: Span,
    /// For how long after the last.
    lasts: Span,
    /// Why, for people.
    reason: String,
    /// What becomes of it.
    #[serde(default)]
    outcome: Word,
    /// From how many sources.
    #[serde(default = "one")]
    from_sources: u32,
    /// At how many traps.
    #[serde(default)]
    from_traps: u32,
    /// Of which classes.
    #[serde(default)]
    classes: Vec<String>,
    /// Of which sources.
    #[serde(default)]
    sources: Vec<String>,
    /// What it answers.
    code: Option<String>,
    /// What DNS says.
    #[serde(default)]
    text: String,
    /// Which criterion it meets.
    #[serde(default)]
    criterion: String,
    /// The network of an IPv4 address.
    ipv4_prefix: Option<u8>,
    /// That of an IPv6 address.
    ipv6_prefix: Option<u8>,
}

/// What becomes of what meets a rule.
#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Word {
    /// An editor decides.
    #[default]
    Propose,
    /// It is listed.
    List,
}

/// One.
fn one() -> u32 {
    1
}

/// The text of a file.
pub(super) fn text(path: &Path) -> anyhow::Result<String> {
    let mut text = String::new();
    if path.as_os_str() == "-" {
        std::io::stdin()
            .take(MOST)
            .read_to_string(&mut text)
            .context("cannot read standard input")?;
        return Ok(text);
    }
    let failed = || format!("cannot read {}", path.display());
    let file = std::fs::File::open(path).with_context(failed)?;
    file.take(MOST).read_to_string(&mut text).with_context(failed)?;
    Ok(text)
}

/// Reads a rule; criteria are those of its list.
pub(super) fn read(path: &Path, text: &str, criteria: &[Criterion]) -> anyhow::Result<Terms> {
    let file: File = toml::from_str(text).with_context(|| path.display().to_string())?;
    let criterion = match &*file.criterion {
        "" => None,
        slug => match criteria.iter().find(|criterion| criterion.slug == slug) {
            Some(criterion) => Some(criterion.id),
            None => {
                let known: Vec<&str> = criteria.iter().map(|c| &*c.slug).collect();
                let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
                bail!("{}: the list has no criterion `{slug}`: it has {known}", path.display())
            }
        },
    };
    let code = match &file.code {
        None => ReturnCode::LISTED,
        Some(code) => code.parse().with_context(|| format!("{}: code", path.display()))?,
    };
    let micros = |span: Span| i64::try_from(span.0.as_micros()).unwrap_or(i64::MAX);
    Ok(Terms {
        classes: file.classes,
        sources: file.sources,
        hits: file.hits,
        from_sources: file.from_sources,
        from_traps: file.from_traps,
        span: micros(file.within),
        lasts: micros(file.lasts),
        outcome: match file.outcome {
            Word::Propose => Outcome::Propose,
            Word::List => Outcome::List,
        },
        code,
        text: file.text,
        reason: file.reason,
        criterion,
        ipv4_prefix: file.ipv4_prefix.unwrap_or(32),
        ipv6_prefix: file.ipv6_prefix.unwrap_or(64),
    })
}

/// Writes a rule as it is read.
pub(super) fn write(terms: &Terms, criteria: &[Criterion]) -> String {
    let quoted = |text: &str| toml::Value::from(text).to_string();
    let words = |words: &[String]| {
        let words: Vec<String> = words.iter().map(|word| quoted(word)).collect();
        format!("[{}]", words.join(", "))
    };
    let criterion = criteria.iter().find(|criterion| Some(criterion.id) == terms.criterion);
    let mut text = String::new();
    for (name, value) in [
        ("hits", terms.hits.to_string()),
        ("within", quoted(&span(terms.span))),
        ("lasts", quoted(&span(terms.lasts))),
        ("reason", quoted(&terms.reason)),
        ("outcome", quoted(terms.outcome.word())),
        ("from-sources", terms.from_sources.to_string()),
        ("from-traps", terms.from_traps.to_string()),
        ("classes", words(&terms.classes)),
        ("sources", words(&terms.sources)),
        ("code", quoted(&terms.code.to_string())),
        ("text", quoted(&terms.text)),
        ("criterion", quoted(criterion.map_or("", |criterion| &criterion.slug))),
        ("ipv4-prefix", terms.ipv4_prefix.to_string()),
        ("ipv6-prefix", terms.ipv6_prefix.to_string()),
    ] {
        writeln!(text, "{name} = {value}").expect("a string takes all");
    }
    text
}

/// A span in microseconds as it is written: `1d12h`.
pub(super) fn span(micros: i64) -> String {
    let mut rest = micros / 1_000;
    let mut text = String::new();
    for (unit, size) in
        [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)]
    {
        if rest >= size {
            write!(text, "{}{unit}", rest / size).expect("a string takes all");
            rest %= size;
        }
    }
    if text.is_empty() { "0s".to_owned() } else { text }
}

/// So long is a file at most.
const MOST: u64 = 65_536;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let least = "hits = 3\nwithin = \"1d12h\"\nlasts = \"2w\"\nreason = 'say \"no\"'\n";
        let read = |text: &str| read(Path::new("x.toml"), text, &[]);
        let terms = read(least).expect("it is a rule");
        assert_eq!((terms.span, terms.lasts), (129_600_000_000, 1_209_600_000_000));
        assert_eq!(
            (terms.outcome, terms.from_sources, terms.ipv6_prefix),
            (Outcome::Propose, 1, 64)
        );
        let written = write(&terms, &[]);
        assert!(written.contains("within = \"1d12h\"\nlasts = \"14d\"\n"), "{written}");
        assert_eq!(read(&written).expect("it is a rule"), terms);
        let more = Terms {
            classes: vec!["spam".to_owned(), "virus".to_owned()],
            sources: vec!["traps".to_owned()],
            outcome: Outcome::List,
            from_traps: 2,
            code: "127.0.0.4".parse().expect("a code"),
            text: "see https://x.example/$\\".to_owned(),
            ipv4_prefix: 24,
            ..terms
        };
        assert_eq!(read(&write(&more, &[])).expect("it is a rule"), more);
    }

    #[test]
    fn what_is_wrong_is_told_with_the_file() {
        let story = |text: &str| format!("{:#}", read(Path::new("x.toml"), text, &[]).unwrap_err());
        let least = "hits = 3\nwithin = \"1d\"\nlasts = \"2w\"\nreason = \"x\"\n";
        for (more, words) in [
            ("hit = 1\n", "unknown field `hit`"),
            ("outcome = \"drop\"\n", "unknown variant `drop`"),
            ("code = \"x\"\n", "x.toml: code"),
            ("criterion = \"c\"\n", "x.toml: the list has no criterion `c`: it has none"),
        ] {
            let story = story(&format!("{least}{more}"));
            assert!(story.contains(words), "{story}");
        }
        assert!(story("hits = 3\n").contains("missing field"), "{}", story("hits = 3\n"));
    }
}

//! Lists of names: `x` itself, `*.x` what is below it, `.x` both; the closest name that says anything
//! decides.

use std::collections::BTreeSet;

use proptest::prelude::*;
use repute_dnsxl::Name;
use repute_zone::{DatasetKind, Existence, Zone};

use crate::{ask, ask_as, zones};

/// A line: a name, what of it is meant, and its code or exclusion.
type Line = (String, Extent, Option<u8>);

/// What of a name is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Extent {
    /// `x`.
    Exact,
    /// `.x`.
    Both,
    /// `*.x`.
    Below,
}

/// Parameters behind an entry of the rspamd fork.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Parameters {
    /// None.
    None,
    /// `key=require`.
    KeyRequired,
    /// `ts=100;delay=60s`.
    Delayed,
    /// The same with `key=nodelay`.
    DelayedWithoutKey,
}

impl Parameters {
    /// As they are written.
    fn text(self) -> &'static str {
        match self {
            Parameters::None => "",
            Parameters::KeyRequired => " @ key=require",
            Parameters::Delayed => " @ ts=100;delay=60s",
            Parameters::DelayedWithoutKey => " @ ts=100;delay=60s;key=nodelay",
        }
    }

    /// Whether the entry is listed for this client at this time.
    fn apply(self, now: u32, keyed: bool) -> bool {
        match self {
            Parameters::None => true,
            Parameters::KeyRequired => keyed,
            Parameters::Delayed => now >= 160,
            Parameters::DelayedWithoutKey => keyed || now >= 160,
        }
    }
}

/// Lines about few names, so that they lie below one another.
fn lines() -> impl Strategy<Value = Vec<Line>> {
    let extent = prop_oneof![Just(Extent::Exact), Just(Extent::Both), Just(Extent::Below)];
    let code = proptest::option::weighted(0.8, 2_u8..9);
    proptest::collection::vec(("([ab]{1,2}\\.){0,3}[ab]", extent, code), 1..60)
}

/// Names that may be asked about.
fn questions() -> impl Strategy<Value = Vec<String>> {
    proptest::collection::vec("([ab]{1,2}\\.){0,4}[ab]", 1..60)
}

/// A line as it is written.
fn written((name, extent, code): &Line, parameters: Parameters) -> String {
    let lead = match extent {
        Extent::Exact => "",
        Extent::Both => ".",
        Extent::Below => "*.",
    };
    match code {
        Some(code) => format!("{lead}{name} :{code}:{}\n", parameters.text()),
        None => format!("!{lead}{name}\n"),
    }
}

/// The lines that decide about a name: those of the name itself, else those of the closest above it that
/// speak of what is below.
fn deciding<'l, T>(lines: &'l [T], line: impl Fn(&T) -> &Line, question: &str) -> Vec<&'l T> {
    let of = |name: &str, not: Extent| {
        let of = lines.iter().filter(|l| line(l).0 == name && line(l).1 != not);
        of.collect::<Vec<_>>()
    };
    let mut found = of(question, Extent::Below);
    let mut rest = question;
    while let (true, Some((_, above))) = (found.is_empty(), rest.split_once('.')) {
        rest = above;
        found = of(above, Extent::Exact);
    }
    found
}

/// The names above a name, itself left out.
fn above(name: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(name.split_once('.'), |(_, rest)| rest.split_once('.')).map(|n| n.1)
}

/// Asks a zone about a name as text.
fn ask_name(zone: &Zone, name: &str) -> (BTreeSet<u8>, Existence) {
    ask(zone, name.parse::<Name>().expect("a name").relative())
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        cases: 48,
        ..ProptestConfig::default()
    })]

    /// Equal names answer together, and an exclusion beats them.
    #[test]
    fn dnset_answers_for_names_and_for_what_is_below(lines in lines(), questions in questions()) {
        let text: String = lines.iter().map(|line| written(line, Parameters::None)).collect();
        let zones = zones(DatasetKind::Dnset, &text);
        for question in questions.iter().chain(lines.iter().map(|line| &line.0)) {
            let codes: Vec<_> = deciding(&lines, |l| l, question).iter().map(|l| l.2).collect();
            let excluded = codes.contains(&None);
            let expect: BTreeSet<u8> =
                if excluded { BTreeSet::new() } else { codes.into_iter().flatten().collect() };
            for zone in &zones {
                let (codes, found) = ask_name(zone, question);
                prop_assert_eq!(&codes, &expect, "{}", question);
                prop_assert_eq!(found == Existence::Listed, !expect.is_empty(), "{}", question);
                if !expect.is_empty() {
                    for above in above(question) {
                        prop_assert_ne!(ask_name(zone, above).1, Existence::Nothing);
                    }
                }
            }
        }
    }

    /// Of equal names the last line counts. One whose parameters do not apply is not listed, and hides
    /// wider ones all the same.
    #[test]
    fn dnhash_answers_with_the_last_line_if_it_applies(
        lines in lines(),
        parameters in proptest::collection::vec(prop_oneof![
            3 => Just(Parameters::None), 1 => Just(Parameters::KeyRequired),
            1 => Just(Parameters::Delayed), 1 => Just(Parameters::DelayedWithoutKey),
        ], 60),
        questions in questions(),
    ) {
        let lines: Vec<_> = lines.into_iter().zip(parameters).collect();
        let text: String = lines.iter().map(|(line, parameters)| written(line, *parameters)).collect();
        let zones = zones(DatasetKind::Dnhash, &text);
        for question in questions.iter().chain(lines.iter().map(|(line, _)| &line.0)) {
            let last = deciding(&lines, |(line, _)| line, question).pop();
            for (now, keyed) in [(159, false), (159, true), (160, false), (160, true)] {
                let expect: BTreeSet<u8> = last
                    .filter(|(_, parameters)| parameters.apply(now, keyed))
                    .and_then(|((_, _, code), _)| *code)
                    .into_iter()
                    .collect();
                for zone in &zones {
                    let wire = question.parse::<Name>().expect("a name");
                    let codes = ask_as(zone, wire.relative(), now, keyed).0;
                    prop_assert_eq!(&codes, &expect, "{} at {}, {}", question, now, keyed);
                }
            }
        }
    }
}

//! SpamAssassin's rules: the lists they ask, and what their names and descriptions say of codes.
//!
//! ```text
//! header  RCVD_IN_X  eval:check_rbl('x-lastexternal', 'bl.example.', '^127\.0\.0\.[23]$')
//! header  X_SPAM     eval:check_rbl_sub('x-lastexternal', '127.0.0.2')
//! urirhssub X_URL    multi.example.  A  8
//! ```
//! A set may be looked up in one file and tested in another, so files that belong together are read as one
//! text. Conditions (`ifplugin`, `if`) are taken for true: which plugins run is not in the rules.

use std::collections::{HashMap, HashSet};
use std::net::Ipv4Addr;

use repute_dnsxl::{Polarity, ReturnCode};

use super::{ADDRESSES, DOMAINS, Gatherer, HOSTS, Import, Problem, Sighting, pattern, shortened};
use crate::catalogue::Catalogue;
use crate::code::CodeSet;
use crate::list::Keys;

/// Reads them.
pub fn spamassassin(text: &str, catalogue: &Catalogue) -> Import {
    let mut gatherer = Gatherer::new(catalogue);
    read(text, &mut gatherer);
    gatherer.finish()
}

/// Reads them beside other texts.
pub(super) fn read(text: &str, gatherer: &mut Gatherer<'_>) {
    let rules = Rules::read(text, gatherer);
    let mut tests: Vec<Test<'_>> = Vec::new();
    for rule in &rules.rules {
        match rule.asks {
            Asks::List { zone, keys, filter, .. } => tests.push((rule, zone, keys, filter)),
            Asks::Set { name, filter } => match rules.set(name) {
                Some((zone, keys)) => tests.push((rule, zone, keys, Some(filter))),
                None => gatherer.fault(rule.line, Problem::Set(shortened(name))),
            },
        }
    }
    // Whether a zone's rules are good news, by those that score, or else by those others are made of.
    let mut news: HashMap<(&str, bool), HashSet<bool>> = HashMap::new();
    for (rule, zone, ..) in tests.iter().filter(|(rule, ..)| !is_refusal(rule.name)) {
        let is_part = rule.name.starts_with("__");
        news.entry((*zone, is_part)).or_default().insert(rules.nice.contains(rule.name));
    }
    let only = only(&tests);
    for (rule, zone, keys, filter) in &tests {
        let said = news.get(&(*zone, false)).or_else(|| news.get(&(*zone, true)));
        let polarity = match said.map(|said| (said.contains(&true), said.contains(&false))) {
            Some((true, false)) => Polarity::Allow,
            Some((true, true)) => Polarity::Info,
            Some((false, _)) | None => Polarity::Block,
        };
        let keys = match keys.name {
            Some(_) if rules.untrimmed.contains(rule.name) => HOSTS,
            Some(_) | None => *keys,
        };
        let filters = only.get(&plain(zone)).cloned().flatten();
        let sighting = Sighting { keys, polarity, filter: filters };
        let Some(at) = gatherer.see(rule.line, zone, sighting) else { continue };
        let Some(filter) = filter else { continue };
        let Some(sets) = subtest(filter) else {
            gatherer.fault(rule.line, Problem::Filter(shortened(filter)));
            continue;
        };
        let meaning = rules.descriptions.get(rule.name).cloned();
        let meaning = meaning.unwrap_or_else(|| rule.name.to_owned());
        for codes in sets {
            let is_error = is_refusal(rule.name) || is_error_code(&codes);
            gatherer.mean(rule.line, at, codes, &meaning, is_error);
        }
    }
}

/// A rule that tests a list: the rule, the zone, what is looked up and the codes that count.
type Test<'a> = (&'a Rule<'a>, &'a str, Keys, Option<&'a str>);

/// The codes that count in each zone: what its rules name, or all if one of them takes all. A rule whose name begins
/// with `__` and that names none only fetches what the others test.
fn only(tests: &[Test<'_>]) -> HashMap<String, Option<Vec<CodeSet>>> {
    let mut only: HashMap<String, Option<Vec<CodeSet>>> = HashMap::new();
    for (rule, zone, _, filter) in tests.iter().filter(|(rule, ..)| !is_refusal(rule.name)) {
        let sets = match filter {
            None if rule.name.starts_with("__") => continue,
            None => None,
            // What cannot be written down is told as a fault, and cuts nothing off.
            Some(filter) => subtest(filter),
        };
        let known = only.entry(plain(zone)).or_insert_with(|| Some(Vec::new()));
        match (known.as_mut(), sets) {
            (Some(known), Some(sets)) => known.extend(
                sets.into_iter().filter(|codes| codes.is_conventional() && !is_error_code(codes)),
            ),
            (_, None) => *known = None,
            (None, Some(_)) => {}
        }
    }
    only.retain(|_, codes| codes.as_ref().is_none_or(|codes| !codes.is_empty()));
    // Each once, in their order.
    for codes in only.values_mut().flatten() {
        let mut seen: Vec<CodeSet> = Vec::new();
        codes.retain(|set| {
            let is_new = !seen.contains(set);
            if is_new {
                seen.push(set.clone());
            }
            is_new
        });
    }
    only
}

/// A zone as it is compared.
fn plain(zone: &str) -> String {
    zone.trim_end_matches('.').to_ascii_lowercase()
}

/// What the text says of rules.
#[derive(Default)]
struct Rules<'a> {
    /// Those that ask lists.
    rules: Vec<Rule<'a>>,
    /// Their descriptions.
    descriptions: HashMap<&'a str, String>,
    /// Rules that are good news.
    nice: HashSet<&'a str>,
    /// Rules that ask for whole host names.
    untrimmed: HashSet<&'a str>,
}

/// A rule that asks a list.
struct Rule<'a> {
    /// Its line.
    line: usize,
    /// Its name.
    name: &'a str,
    /// What it asks.
    asks: Asks<'a>,
}

/// What a rule asks.
enum Asks<'a> {
    /// A list.
    List {
        /// The name other rules have for its answer.
        set: Option<&'a str>,
        /// The zone.
        zone: &'a str,
        /// What is looked up.
        keys: Keys,
        /// The codes that count.
        filter: Option<&'a str>,
    },
    /// The answer another rule asked for.
    Set {
        /// Its name.
        name: &'a str,
        /// The codes that count.
        filter: &'a str,
    },
}

impl<'a> Rules<'a> {
    /// Reads the lines that matter.
    fn read(text: &'a str, gatherer: &mut Gatherer<'_>) -> Rules<'a> {
        let mut rules = Rules::default();
        for (line, number) in text.trim_start_matches('\u{feff}').lines().zip(1..) {
            let line = without_comment(line);
            let Some((keyword, rest)) = word(line) else { continue };
            let Some((name, value)) = word(rest) else { continue };
            let asks = match keyword {
                "describe" => {
                    rules.descriptions.insert(name, value.trim().replace("\\#", "#"));
                    continue;
                }
                "tflags" => {
                    for flag in value.split_whitespace() {
                        match flag {
                            "nice" => rules.nice.insert(name),
                            "notrim" => rules.untrimmed.insert(name),
                            _ => false,
                        };
                    }
                    continue;
                }
                "header" if value.contains("check_rbl") => eval(value),
                "urirhsbl" | "urirhssub" | "urinsrhsbl" | "urinsrhssub" | "urifullnsrhsbl"
                | "urifullnsrhssub" => uri(value, DOMAINS),
                "uridnsbl" | "uridnssub" => uri(value, ADDRESSES),
                "askdns" => match ask(value) {
                    Some(asks) => Some(asks),
                    // Many ask for other things than lists.
                    None => continue,
                },
                _ => continue,
            };
            match asks {
                Some(asks) => rules.rules.push(Rule { line: number, name, asks }),
                None => gatherer.fault(number, Problem::Syntax(RULE)),
            }
        }
        rules
    }

    /// The zone a set is looked up in.
    fn set(&self, wanted: &str) -> Option<(&'a str, Keys)> {
        self.rules.iter().find_map(|rule| match rule.asks {
            Asks::List { set: Some(set), zone, keys, .. } if set == wanted => Some((zone, keys)),
            Asks::List { .. } | Asks::Set { .. } => None,
        })
    }
}

/// Reads `eval:check_rbl('set', 'zone.', 'filter')` and its relatives.
fn eval(value: &str) -> Option<Asks<'_>> {
    let call = value.trim().strip_prefix("eval:")?.trim_start();
    let (function, arguments) = call.split_once('(')?;
    let arguments: Vec<&str> = quoted(arguments.trim_end().strip_suffix(')')?)?;
    let keys = match function.trim() {
        "check_rbl_sub" => {
            let [name, filter, ..] = arguments[..] else { return None };
            return Some(Asks::Set { name, filter });
        }
        "check_rbl" | "check_rbl_txt" | "check_rbl_ns_from" => ADDRESSES,
        "check_rbl_from_host"
        | "check_rbl_from_domain"
        | "check_rbl_envfrom"
        | "check_rbl_headers"
        | "check_rbl_rcvd" => HOSTS,
        _ => return None,
    };
    let [set, zone, ..] = arguments[..] else { return None };
    // The third argument of `check_rbl_txt` is about its text.
    let filter = arguments.get(2).filter(|_| function.trim() != "check_rbl_txt").copied();
    Some(Asks::List { set: Some(set), zone, keys, filter })
}

/// Reads `zone. A filter`, where the filter may be missing.
fn uri(value: &str, keys: Keys) -> Option<Asks<'_>> {
    let mut words = value.split_whitespace();
    let (zone, kind) = (words.next()?, words.next()?);
    let filter = words.next().filter(|_| kind.eq_ignore_ascii_case("A"));
    Some(Asks::List { set: None, zone, keys, filter })
}

/// Reads `_TAG_.zone. A /expression/`; nothing if it asks for something else.
fn ask(value: &str) -> Option<Asks<'_>> {
    let mut words = value.split_whitespace();
    let (tag, zone) = words.next()?.strip_prefix('_')?.split_once("_.")?;
    let keys = if tag.ends_with("IP") { ADDRESSES } else { HOSTS };
    if zone.contains('_') || !words.next().is_none_or(|kind| kind.eq_ignore_ascii_case("A")) {
        return None;
    }
    Some(Asks::List { set: None, zone, keys, filter: words.next() })
}

/// Texts between quotes and commas.
fn quoted(text: &str) -> Option<Vec<&str>> {
    let mut found = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let quote = rest.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
        let (inner, tail) = rest[1..].split_once(quote)?;
        found.push(inner);
        rest = tail.trim_start();
        rest = match rest.strip_prefix(',') {
            Some(tail) => tail.trim_start(),
            None if rest.is_empty() => "",
            None => return None,
        };
    }
    Some(found)
}

/// The codes a test counts (Mail::SpamAssassin::Plugin::URIDNSBL names the forms).
fn subtest(text: &str) -> Option<Vec<CodeSet>> {
    if text.starts_with(['^', '/']) {
        return pattern::expression(text);
    }
    let set = if let Some((low, high)) = text.split_once('-') {
        let (low, high) = (low.parse::<Ipv4Addr>().ok()?, high.parse::<Ipv4Addr>().ok()?);
        let ([a, b, c, low], [x, y, z, high]) = (low.octets(), high.octets());
        let is_one_octet = (a, b, c) == (x, y, z) && low <= high;
        let octets = [(a, a), (b, b), (c, c), (low, high)].map(|range| vec![range]);
        is_one_octet.then_some(CodeSet::Octets(octets))?
    } else if let Some((value, mask)) = text.split_once('/') {
        let (value, mask) = (number(value)?, number(mask)?);
        match (mask.leading_ones(), value) {
            (len, _) if len + mask.trailing_zeros() == 32 && len > 0 => {
                format!("{}/{len}", Ipv4Addr::from(value)).parse().ok()?
            }
            // A mask of one bit tests that bit.
            (_, value) if value == mask && mask.is_power_of_two() => bits(mask)?,
            _ => return None,
        }
    } else if let Ok(code) = text.parse::<Ipv4Addr>() {
        CodeSet::one(ReturnCode(code))
    } else {
        bits(number(text)?)?
    };
    Some(vec![set])
}

/// Codes with one of some bits in their last octet.
fn bits(mask: u32) -> Option<CodeSet> {
    u8::try_from(mask).ok().filter(|bits| *bits != 0).map(|bits| CodeSet::Bits([127, 0, 0], bits))
}

/// A number in decimal, hexadecimal or dotted form.
fn number(text: &str) -> Option<u32> {
    if let Ok(address) = text.parse::<Ipv4Addr>() {
        return Some(u32::from(address));
    }
    match text.strip_prefix("0x") {
        Some(hex) => u32::from_str_radix(hex, 16).ok(),
        None => text.parse().ok(),
    }
}

/// Whether a rule is named for lists that do not answer.
fn is_refusal(name: &str) -> bool {
    name.contains("BLOCKED") || name.ends_with("_ERROR")
}

/// Whether all codes are errors by the convention of 127.255.255.0/24.
pub(super) fn is_error_code(codes: &CodeSet) -> bool {
    let CodeSet::Octets([_, b, c, _]) = codes else { return false };
    codes.is_conventional() && *b == [(255, 255)] && *c == [(255, 255)]
}

/// The first word of a text, and what follows.
fn word(text: &str) -> Option<(&str, &str)> {
    let text = text.trim_start();
    let end = text.find(char::is_whitespace).unwrap_or(text.len());
    Some(text.split_at(end)).filter(|(word, _)| !word.is_empty())
}

/// A line up to a `#` that is not written `\#`.
fn without_comment(line: &str) -> &str {
    let end = line.match_indices('#').find(|(at, _)| !line[..*at].ends_with('\\'));
    end.map_or(line, |(at, _)| &line[..at])
}

/// What a rule looks like.
const RULE: &str = "a rule such as `header X eval:check_rbl('x', 'bl.example.')`";

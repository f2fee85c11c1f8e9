//! Postfix's `main.cf` and `master.cf`, and what `postconf` prints of them: the lists its restrictions and
//! postscreen ask.
//!
//! A line that begins with a blank continues the one before it, comments between them notwithstanding;
//! `$name` stands for another parameter's value. `=pattern` is a filter, `*weight` a weight, of which only
//! the sign says something about the list: what counts against a client is a block list. A remark tells of them.
//!
//! A line of `master.cf` is known by its second word, so both files may be read as one text. What a service
//! sets with `-o` is a parameter of its own and takes nothing away from that of `main.cf`.

use repute_dnsxl::Polarity;

use super::{ADDRESSES, Gatherer, HOSTS, Import, Problem, Sighting, master, shortened};
use crate::catalogue::Catalogue;
use crate::list::Keys;

/// Reads it.
pub fn postfix(text: &str, catalogue: &Catalogue) -> Import {
    let mut gatherer = Gatherer::new(catalogue);
    read(text, &mut gatherer);
    gatherer.finish()
}

/// Reads it beside other texts.
pub(super) fn read(text: &str, gatherer: &mut Gatherer<'_>) {
    let parameters = parameters(text, gatherer);
    for parameter in &parameters {
        let mut words = Vec::new();
        for (line, value) in &parameter.value {
            let mut expanded = String::new();
            expand(value, parameter.service, &parameters, &mut expanded, 0);
            let separators = |c: char| c.is_whitespace() || matches!(c, ',' | '{' | '}');
            let parts = expanded.split(separators).filter(|word| !word.is_empty());
            words.extend(parts.map(|word| (*line, word.to_owned())));
        }
        match &*parameter.name {
            POSTSCREEN => words.iter().for_each(|(line, word)| site(*line, word, gatherer)),
            name => restrictions(&words, name.ends_with("_restrictions"), gatherer),
        }
    }
}

/// A parameter and its lines.
struct Parameter {
    /// Its name.
    name: String,
    /// The service that sets it for itself, by the line in which it begins.
    service: Option<usize>,
    /// Its value: the number and text of each line.
    value: Vec<(usize, String)>,
}

/// Splits the text into parameters; the last of a name counts, as in Postfix.
fn parameters(text: &str, gatherer: &mut Gatherer<'_>) -> Vec<Parameter> {
    let mut parameters: Vec<Parameter> = Vec::new();
    for lines in logical_lines(text, gatherer) {
        let Some(((number, first), rest)) = lines.split_first() else { continue };
        if let Some(set) = master::overrides(&lines) {
            parameters.extend(set.into_iter().map(|(line, name, value)| Parameter {
                name,
                service: Some(*number),
                value: vec![(line, value)],
            }));
            continue;
        }
        let Some((name, value)) = first.split_once('=') else {
            gatherer.fault(*number, Problem::Syntax("`parameter = value`"));
            continue;
        };
        // `postconf -P` prints service/type/parameter.
        let (service, name) = match name.trim().rsplit_once('/') {
            Some((_, name)) => (Some(*number), name),
            None => (None, name.trim()),
        };
        if service.is_none() {
            parameters.retain(|earlier| earlier.service.is_some() || earlier.name != name);
        }
        let rest = rest.iter().map(|(line, text)| (*line, (*text).to_owned()));
        let value = std::iter::once((*number, value.trim().to_owned())).chain(rest).collect();
        parameters.push(Parameter { name: name.to_owned(), service, value });
    }
    parameters
}

/// Lines with those that continue them, each with its number; without comments and empty ones.
fn logical_lines<'a>(text: &'a str, gatherer: &mut Gatherer<'_>) -> Vec<Vec<(usize, &'a str)>> {
    let mut logical: Vec<Vec<(usize, &str)>> = Vec::new();
    for (line, number) in text.trim_start_matches('\u{feff}').lines().zip(1..) {
        let trimmed = line.trim();
        if trimmed.is_empty() || trimmed.starts_with('#') {
            continue;
        }
        match logical.last_mut().filter(|_| line.starts_with([' ', '\t'])) {
            Some(last) => last.push((number, trimmed)),
            None if line.starts_with([' ', '\t']) => {
                gatherer.fault(number, Problem::Syntax("`parameter = value`"));
            }
            None => logical.push(vec![(number, trimmed)]),
        }
    }
    logical
}

/// Puts values in the place of macros; one without a value stays. A service's own value goes before that of
/// all.
fn expand(
    text: &str,
    service: Option<usize>,
    parameters: &[Parameter],
    out: &mut String,
    depth: usize,
) {
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        push(out, before);
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let (name, tail) = match after.strip_prefix(['{', '(']) {
            Some(inner) => inner.split_once(['}', ')']).unwrap_or((inner, "")),
            None => after.split_at(after.find(|c| !is_name(c)).unwrap_or(after.len())),
        };
        rest = tail;
        let of = |service| {
            let mut all = parameters.iter().filter(move |p: &&Parameter| p.service == service);
            all.find(|parameter| parameter.name == name.trim())
        };
        let parameter = service.and_then(|service| of(Some(service))).or_else(|| of(None));
        match parameter.filter(|_| depth < DEEPEST && out.len() < LONGEST) {
            Some(parameter) => {
                for (i, (_, value)) in parameter.value.iter().enumerate() {
                    push(out, if i == 0 { "" } else { " " });
                    expand(value, service, parameters, out, depth + 1);
                }
            }
            None => {
                push(out, "$");
                push(out, name);
            }
        }
    }
    push(out, rest);
}

/// Adds to a text that must not grow without end.
fn push(out: &mut String, part: &str) {
    if out.len() + part.len() <= LONGEST {
        out.push_str(part);
    }
}

/// Reads the lists among restrictions. In a parameter that holds nothing else, a macro without a value
/// may hide some.
fn restrictions(words: &[(usize, String)], holds_only_these: bool, gatherer: &mut Gatherer<'_>) {
    let mut words = words.iter();
    while let Some((line, word)) = words.next() {
        let Some((_, keys, polarity)) = RESTRICTIONS.iter().find(|(name, ..)| name == word) else {
            if holds_only_these && word.starts_with('$') {
                gatherer.fault(*line, Problem::Macro(shortened(word)));
            }
            continue;
        };
        match words.next() {
            Some((line, word)) => {
                list(*line, word, *keys, *polarity, gatherer);
            }
            None => gatherer.fault(*line, Problem::Missing(word.clone())),
        }
    }
}

/// Reads one of postscreen's lists.
fn site(line: usize, word: &str, gatherer: &mut Gatherer<'_>) {
    let (list_and_filter, weight) = word.split_once('*').unwrap_or((word, "1"));
    match weight.parse::<i64>() {
        Ok(weight) => {
            let polarity = if weight < 0 { Polarity::Allow } else { Polarity::Block };
            let at = list(line, list_and_filter, ADDRESSES, polarity, gatherer);
            let found = at.and_then(|at| gatherer.found.get_mut(at));
            if let Some(found) =
                found.filter(|found| weight != 1 && !found.weights.contains(&weight))
            {
                found.weights.push(weight);
            }
        }
        Err(_) => gatherer.fault(line, Problem::Syntax("`bl.example=127.0.0.2*3`")),
    }
}

/// Reads a zone with a filter. Gives its place among those found.
fn list(
    line: usize,
    word: &str,
    keys: Keys,
    polarity: Polarity,
    gatherer: &mut Gatherer<'_>,
) -> Option<usize> {
    if word.contains('$') {
        gatherer.fault(line, Problem::Macro(shortened(word)));
        return None;
    }
    let (zone, filter) = match word.split_once('=') {
        None => (word, None),
        // A number alone is none of Postfix's filters.
        Some((zone, filter)) => match filter.parse().ok().filter(|_| filter.contains('.')) {
            Some(codes) => (zone, Some(vec![codes])),
            None => {
                gatherer.fault(line, Problem::Filter(shortened(filter)));
                return None;
            }
        },
    };
    gatherer.see(line, zone, Sighting { keys, polarity, filter })
}

/// postscreen's lists.
pub(super) const POSTSCREEN: &str = "postscreen_dnsbl_sites";

/// Restrictions that ask a list: what is looked up there, and what a listing means.
pub(super) const RESTRICTIONS: [(&str, Keys, Polarity); 9] = [
    ("reject_rbl_client", ADDRESSES, Polarity::Block),
    ("permit_dnswl_client", ADDRESSES, Polarity::Allow),
    ("permit_rhswl_client", HOSTS, Polarity::Allow),
    ("reject_rhsbl_client", HOSTS, Polarity::Block),
    ("reject_rhsbl_reverse_client", HOSTS, Polarity::Block),
    ("reject_rhsbl_helo", HOSTS, Polarity::Block),
    ("reject_rhsbl_sender", HOSTS, Polarity::Block),
    ("reject_rhsbl_recipient", HOSTS, Polarity::Block),
    ("reject_rhsbl_from", HOSTS, Polarity::Block),
];

/// Macros within macros.
const DEEPEST: usize = 10;
/// The longest value.
const LONGEST: usize = 1 << 16;

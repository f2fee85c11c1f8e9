//! rspamd's `rbl.conf`: each member of `rbls` is a list.
//!
//! ```text
//! rbls {
//!   x { rbl = "bl.example"; ipv6 = true; checks = ["from"]; returncodes { X_SPAM = "127.0.0.2"; } }
//! }
//! ```
//! What is looked up follows from `checks`, or in older files from switches of the same names. The codes that have
//! symbols are all that count there, unless `unknown` is set, so they become the list's filter; a symbol is what its
//! code means. Lists of hashes and of what selectors find are named as faults: there is no such target here.

use repute_dnsxl::Polarity;

use super::spamassassin::is_error_code;
use super::ucl::{self, Object, Value};
use super::{Gatherer, Import, Problem, Sighting, pattern, shortened};
use crate::catalogue::Catalogue;
use crate::code::CodeSet;
use crate::list::{Keys, NameForm};

/// Reads one.
pub fn rspamd(text: &str, catalogue: &Catalogue) -> Import {
    let mut gatherer = Gatherer::new(catalogue);
    read(text, &mut gatherer);
    gatherer.finish()
}

/// Reads one beside others.
pub(super) fn read(text: &str, gatherer: &mut Gatherer<'_>) {
    let (root, fault) = ucl::read(text);
    if let Some((line, what)) = fault {
        gatherer.fault(line, Problem::Syntax(what));
    }
    // The module's own file has a section around it, what is merged into that has none.
    let sections = root.0.iter().filter(|member| member.key == "rbl");
    let sections = sections.filter_map(|member| match &member.value {
        Value::Object(section) => Some(section),
        Value::Text(_) | Value::Array(_) => None,
    });
    let mut has_lists = false;
    for section in sections.chain([&root]) {
        for member in section.0.iter().filter(|member| member.key == "rbls") {
            let Value::Object(lists) = &member.value else { continue };
            has_lists = true;
            for list in &lists.0 {
                if let Value::Object(settings) = &list.value {
                    read_list(list.line, &list.key, settings, section, gatherer);
                }
            }
        }
    }
    if !has_lists {
        gatherer.fault(1, Problem::Nothing("`rbls { name { rbl = \"bl.example\"; } }`"));
    }
}

/// Reads a list.
fn read_list(
    line: usize,
    name: &str,
    list: &Object,
    defaults: &Object,
    gatherer: &mut Gatherer<'_>,
) {
    if list.switch("enabled") == Some(false) || list.switch("disabled") == Some(true) {
        return;
    }
    let Some(zone) = list.text("rbl") else {
        // Settings of a list that another file names.
        return;
    };
    let unsupported = [
        ("hash", "for hashes (`hash`)"),
        ("selector", "for what a selector finds"),
        ("selectors", "for what selectors find"),
        ("process_script", "by a script"),
    ];
    if let Some((_, what)) = unsupported.iter().find(|(key, _)| list.get(key).is_some()) {
        return gatherer.fault(line, Problem::Unsupported(shortened(name), what));
    }
    let keys = keys(list, defaults);
    let is_allow = list.switch("is_whitelist") == Some(true);
    let polarity = if is_allow { Polarity::Allow } else { Polarity::Block };
    let (symbols, faults) = symbols(list);
    // What cannot be read counts there all the same, so that no filter must leave it out.
    let is_filter = faults.is_empty() && list.switch("unknown") != Some(true);
    let filter = is_filter.then(|| counted(list, is_allow, &symbols)).filter(|f| !f.is_empty());
    let Some(at) = gatherer.see(line, zone, Sighting { keys, polarity, filter }) else {
        return;
    };
    for symbol in symbols {
        gatherer.mean(symbol.line, at, symbol.codes, symbol.name, symbol.is_error);
    }
    for (line, problem) in faults {
        gatherer.fault(line, problem);
    }
}

/// A symbol that codes of a list stand for.
struct Symbol<'a> {
    /// Where it stands.
    line: usize,
    /// The codes.
    codes: CodeSet,
    /// Its name.
    name: &'a str,
    /// Whether it means that the list did not answer.
    is_error: bool,
}

/// What makes sets of codes of a text, if it can be read.
type Reader<'a> = &'a dyn Fn(&str) -> Option<Vec<CodeSet>>;

/// The symbols of a list, and what cannot be read.
fn symbols(list: &Object) -> (Vec<Symbol<'_>>, Vec<(usize, Problem)>) {
    let (mut symbols, mut faults) = (Vec::new(), Vec::new());
    let matcher = list.text("returncodes_matcher").unwrap_or("");
    let by_code = |text: &str| sets(text, matcher);
    let by_bits = |text: &str| {
        let bits = text.parse::<u8>().ok().filter(|bits| *bits != 0)?;
        Some(vec![CodeSet::Bits([127, 0, 0], bits)])
    };
    let kinds: [(&str, Reader<'_>); 2] = [("returncodes", &by_code), ("returnbits", &by_bits)];
    for (key, sets) in kinds {
        let Some(Value::Object(members)) = list.get(key) else { continue };
        for member in &members.0 {
            for text in member.value.texts() {
                let Some(sets) = sets(text) else {
                    faults.push((member.line, Problem::Filter(shortened(text))));
                    continue;
                };
                symbols.extend(sets.into_iter().map(|codes| Symbol {
                    line: member.line,
                    is_error: is_refusal(&member.key) || is_error_code(&codes),
                    codes,
                    name: &member.key,
                }));
            }
        }
    }
    (symbols, faults)
}

/// The codes that count: neither errors, nor those that an allow list excepts from what it allows.
fn counted(list: &Object, is_allow: bool, symbols: &[Symbol<'_>]) -> Vec<CodeSet> {
    let exceptions: Vec<&str> = list
        .0
        .iter()
        .filter(|member| is_allow && member.key == "whitelist_exception")
        .flat_map(|member| member.value.texts())
        .collect();
    let errors: Vec<&CodeSet> =
        symbols.iter().filter(|symbol| symbol.is_error).map(|symbol| &symbol.codes).collect();
    let mut counted: Vec<CodeSet> = Vec::new();
    for Symbol { codes, name, .. } in symbols {
        let is_listing = codes.is_conventional()
            && !exceptions.contains(name)
            && !errors.iter().any(|error| error.overlaps(codes));
        if is_listing && !counted.contains(codes) {
            counted.push(codes.clone());
        }
    }
    counted
}

/// What is looked up in a list.
fn keys(list: &Object, defaults: &Object) -> Keys {
    let checks = list.get("checks").map(Value::texts);
    let does = |check: &str| match &checks {
        Some(checks) => checks.contains(&check),
        None => {
            let default = || defaults.switch(&format!("default_{check}"));
            list.switch(check).or_else(default).unwrap_or(check == "from")
        }
    };
    let takes_names = NAME_CHECKS.iter().any(|check| does(check));
    let takes_addresses =
        ["from", "received", "numeric_urls", "images"].iter().any(|check| does(check));
    let takes_addresses = takes_addresses && list.switch("no_ip") != Some(true);
    let version = |key: &str| {
        let default = || defaults.switch(&format!("default_{key}"));
        list.switch(key).or_else(default).unwrap_or(true)
    };
    let whole = ["url_full_hostname", "urls_full_hostname"];
    let is_whole =
        whole.iter().any(|key| list.switch(key) == Some(true)) || does("helo") || does("rdns");
    let form = if is_whole { NameForm::Host } else { NameForm::Registrable };
    let keys = Keys {
        ipv4: takes_addresses && version("ipv4"),
        ipv6: takes_addresses && version("ipv6"),
        name: takes_names.then_some(form),
    };
    match keys {
        // What it is asked is not said here.
        Keys { ipv4: false, ipv6: false, name: None } => super::ADDRESSES,
        keys => keys,
    }
}

/// The codes a text stands for.
fn sets(text: &str, matcher: &str) -> Option<Vec<CodeSet>> {
    match matcher {
        "regexp" => pattern::expression(text),
        "glob" => pattern::glob(text).map(|codes| vec![codes]),
        _ => {
            // A number alone would be a last octet for us, but is nothing for rspamd.
            let plain = text.contains('.').then(|| text.parse().ok()).flatten();
            plain.or_else(|| pattern::lua(text)).map(|codes| vec![codes])
        }
    }
}

/// Whether a symbol is named for lists that do not answer.
fn is_refusal(symbol: &str) -> bool {
    ["BLOCKED", "FAIL", "ERROR", "UNKNOWN"].iter().any(|word| symbol.contains(word))
}

/// Checks that look names up.
const NAME_CHECKS: [&str; 7] =
    ["urls", "content_urls", "emails", "dkim", "helo", "rdns", "replyto"];

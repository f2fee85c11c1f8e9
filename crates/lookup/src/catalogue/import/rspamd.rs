//! rspamd's `rbl.conf`: each member of `rbls` is a list.
//!
//! ```text
//! rbls {
//!   x { rbl = "bl.example"; ipv6 = true; checks = ["from"]; returncodes { X_SPAM = "127.0.0.2"; } }
//! }
//! ```
//! What is looked up follows from `checks`, or in older files from switches of the same names. Lists of
//! hashes and of what selectors find are named as faults: there is no such target here.

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
    let Some(at) = gatherer.see(line, zone, Sighting { keys, polarity, filter: None }) else {
        return;
    };
    let matcher = list.text("returncodes_matcher").unwrap_or("");
    if let Some(Value::Object(codes)) = list.get("returncodes") {
        for member in &codes.0 {
            for text in member.value.texts() {
                match sets(text, matcher) {
                    Some(sets) => sets.into_iter().for_each(|codes| {
                        let is_error = is_refusal(&member.key) || is_error_code(&codes);
                        gatherer.mean(member.line, at, codes, &member.key, is_error);
                    }),
                    None => gatherer.fault(member.line, Problem::Filter(shortened(text))),
                }
            }
        }
    }
    if let Some(Value::Object(bits)) = list.get("returnbits") {
        for member in &bits.0 {
            for text in member.value.texts() {
                match text.parse::<u8>().ok().filter(|bits| *bits != 0) {
                    Some(bits) => {
                        let codes = CodeSet::Bits([127, 0, 0], bits);
                        gatherer.mean(member.line, at, codes, &member.key, is_refusal(&member.key));
                    }
                    None => gatherer.fault(member.line, Problem::Filter(shortened(text))),
                }
            }
        }
    }
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

//! Entries to TOML, as a person would write them: what is not said is not written.

use std::fmt::Write;

use super::entry::{Entry, KeySource};
use super::read::{ACCESSES, POLARITIES, STATUSES};
use crate::code::CodeSet;
use crate::list::{Access, Keys, NameForm};

/// Writes a table.
pub fn to_toml(entry: &Entry) -> String {
    let mut out = String::from("[[list]]\n");
    line(&mut out, "zone", &text(&entry.zone.to_string()));
    text_line(&mut out, "title", entry.title.as_deref());
    if let Some(keys) = entry.keys {
        line(&mut out, "keys", &array(key_words(keys)));
    }
    if let Some(polarity) = &entry.polarity {
        line(&mut out, "polarity", &word(polarity, &POLARITIES));
    }
    if let Some(only) = &entry.only {
        line(&mut out, "only", &array(only.iter().map(CodeSet::to_string)));
    }
    if let Some(contains) = &entry.contains {
        line(&mut out, "contains", &array(contains.iter().map(ToString::to_string)));
    }
    text_line(&mut out, "delisting", entry.delisting.as_deref());
    if let Some(access) = &entry.access {
        let without_key = match access {
            Access::Key(place, _) => Access::Key(*place, None),
            Access::Open => Access::Open,
            Access::Registration => Access::Registration,
        };
        line(&mut out, "access", &word(&without_key, &ACCESSES));
    }
    match &entry.key {
        Some(KeySource::File(path)) => line(&mut out, "key-file", &text(&path.to_string_lossy())),
        Some(KeySource::Environment(name)) => line(&mut out, "key-env", &text(name)),
        None => {}
    }
    text_line(&mut out, "terms", entry.terms.as_deref());
    if let Some(rate) = entry.rate {
        line(&mut out, "rate", &toml::Value::Float(rate).to_string());
    }
    if let Some(status) = &entry.status {
        line(&mut out, "status", &word(status, &STATUSES));
    }
    text_line(&mut out, "checked", entry.checked.as_deref());
    text_line(&mut out, "source", entry.source.as_deref());
    text_line(&mut out, "note", entry.note.as_deref());
    let name = entry.am_i_blocked.as_ref().map(ToString::to_string);
    text_line(&mut out, "am-i-blocked", name.as_deref());
    let name = entry.whoami.as_ref().map(ToString::to_string);
    text_line(&mut out, "whoami", name.as_deref());
    for (key, value) in [
        ("test-listed", entry.test_listed),
        ("test-unlisted", entry.test_unlisted),
        ("ask", entry.ask),
    ] {
        if let Some(value) = value {
            line(&mut out, key, &value.to_string());
        }
    }
    meanings(&mut out, "codes", entry.codes.as_deref());
    meanings(&mut out, "errors", entry.errors.as_deref());
    out
}

/// The words for what can be looked up.
pub(super) fn key_words(keys: Keys) -> impl Iterator<Item = String> {
    let name = keys.name.map(|form| match form {
        NameForm::Host => "host",
        NameForm::Registrable => "registrable",
    });
    let words = [keys.ipv4.then_some("ipv4"), keys.ipv6.then_some("ipv6"), name];
    words.into_iter().flatten().map(str::to_owned)
}

/// Writes a key whose value is a text.
fn text_line(out: &mut String, key: &str, value: Option<&str>) {
    if let Some(value) = value {
        line(out, key, &text(value));
    }
}

/// Writes a key.
fn line(out: &mut String, key: &str, value: &str) {
    writeln!(out, "{key} = {value}").expect("memory takes it");
}

/// A text in quotes. It stays on one line: a table that is pasted must not come apart.
pub(super) fn text(value: &str) -> String {
    let mut out = String::from("\"");
    for c in value.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c.is_control() => {
                write!(out, "\\u{:04X}", u32::from(c)).expect("memory takes it");
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// Texts between brackets.
fn array(items: impl Iterator<Item = String>) -> String {
    let items: Vec<String> = items.map(|item| text(&item)).collect();
    format!("[{}]", items.join(", "))
}

/// Writes codes with their meanings as a table below, which every reader of TOML takes.
fn meanings(out: &mut String, key: &str, meanings: Option<&[(CodeSet, String)]>) {
    let Some(meanings) = meanings else { return };
    writeln!(out, "[list.{key}]").expect("memory takes it");
    for (codes, meaning) in meanings {
        line(out, &text(&codes.to_string()), &text(meaning));
    }
}

/// The word for a value, in quotes.
fn word<T: PartialEq>(value: &T, words: &[(&str, T)]) -> String {
    let found = words.iter().find(|(_, meaning)| meaning == value);
    text(found.map_or("", |(word, _)| word))
}

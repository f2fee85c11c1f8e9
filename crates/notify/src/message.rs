//! What is told: a subject, a text, facts.
//!
//! Texts may hold anything when they come and are safe in a mail header, in an environment variable
//! and on a terminal afterwards. Too long ones are cut and say so: half an alert is better than
//! none.

use std::collections::HashSet;
use std::fmt::Write as _;

use ring::rand::SystemRandom;
use serde::ser::{Serialize, SerializeMap, SerializeStruct, Serializer};
use serde_json::Value;

/// One message. As JSON, it is an object with `id`, `kind`, `subject`, `text` and `facts`.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    id: String,
    kind: String,
    subject: String,
    text: String,
    facts: Vec<(String, Value)>,
}

impl Message {
    /// Makes a message of some kind, a word such as `listed` by which readers sort, with a subject
    /// of one line. Its text is the subject until it gets another.
    pub fn new(kind: &str, subject: &str) -> Message {
        let subject = one_line(subject, MAX_SUBJECT);
        Message {
            id: random_id(),
            kind: word(kind),
            text: format!("{subject}\n"),
            subject,
            facts: Vec::new(),
        }
    }

    /// Gives it an id of its own in place of a random one, so that the message made anew after a
    /// restart is known to be the same. Only letters, digits, `.`, `-` and `_` of the id remain; an
    /// id without any is ignored.
    #[must_use]
    pub fn with_id(mut self, id: &str) -> Message {
        let id = word(id);
        if !id.is_empty() {
            self.id = id;
        }
        self
    }

    /// Gives it a text of any number of lines.
    #[must_use]
    pub fn with_text(mut self, text: &str) -> Message {
        self.text = lines(text);
        self
    }

    /// Adds a fact for machines. A fact of the same name is replaced; one that would make the facts
    /// larger than 64 KiB is left out, and the fact `cut` is true instead.
    #[must_use]
    pub fn with_fact(mut self, name: &str, value: impl Into<Value>) -> Message {
        let name = word(name);
        self.facts.retain(|(n, _)| *n != name);
        self.facts.push((name, value.into()));
        let size = |facts: &[(String, Value)]| -> usize {
            facts.iter().map(|(name, value)| name.len() + value.to_string().len()).sum()
        };
        if size(&self.facts) > MAX_FACTS {
            self.facts.pop();
            self.facts.retain(|(n, _)| n != CUT);
            self.facts.push((CUT.to_owned(), Value::Bool(true)));
        }
        self
    }

    /// What is the same each time this message is sent: readers know by it what they have seen.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The word by which readers sort.
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// One line for people.
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// All of it for people; lines end with `\n`, the last one too.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What machines should know, in the order it was added.
    pub fn facts(&self) -> &[(String, Value)] {
        &self.facts
    }

    /// The message as a JSON object.
    pub(crate) fn to_json(&self) -> String {
        serde_json::to_string(self).expect("texts and JSON values can be written as JSON")
    }

    /// The message as environment variables: `REPUTE_ID`, `REPUTE_KIND`, `REPUTE_SUBJECT` and one
    /// `REPUTE_FACT_NAME` for each fact that is a text, a number or a truth value and not too long.
    pub(crate) fn to_environment(&self) -> Vec<(String, String)> {
        let mut variables = vec![
            ("REPUTE_ID".to_owned(), self.id.clone()),
            ("REPUTE_KIND".to_owned(), self.kind.clone()),
            ("REPUTE_SUBJECT".to_owned(), self.subject.clone()),
        ];
        let mut names = HashSet::new();
        for (name, value) in &self.facts {
            let name = name.to_ascii_uppercase().replace(['.', '-'], "_");
            let text = match value {
                Value::String(text) if text.len() <= MAX_VARIABLE => one_line(text, MAX_VARIABLE),
                Value::Number(number) => number.to_string(),
                Value::Bool(truth) => truth.to_string(),
                Value::String(_) | Value::Null | Value::Array(_) | Value::Object(_) => continue,
            };
            // Two facts may fall together as variables: the first one stays.
            if variables.len() < MAX_VARIABLES && names.insert(name.clone()) {
                variables.push((format!("REPUTE_FACT_{name}"), text));
            }
        }
        variables
    }
}

impl Serialize for Message {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_struct("Message", 5)?;
        object.serialize_field("id", &self.id)?;
        object.serialize_field("kind", &self.kind)?;
        object.serialize_field("subject", &self.subject)?;
        object.serialize_field("text", &self.text)?;
        object.serialize_field("facts", &Facts(&self.facts))?;
        object.end()
    }
}

/// Facts that are written as one object, in their order.
struct Facts<'a>(&'a [(String, Value)]);

impl Serialize for Facts<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in self.0 {
            object.serialize_entry(name, value)?;
        }
        object.end()
    }
}

/// An id that no other message has.
fn random_id() -> String {
    let bytes = ring::rand::generate::<[u8; 16]>(&SystemRandom::new());
    let bytes = bytes.expect("the kernel always has random bytes").expose();
    format!("{:032x}", u128::from_ne_bytes(bytes))
}

/// A text without what is no letter, digit, `.`, `-` or `_`.
fn word(text: &str) -> String {
    text.chars()
        .filter(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_'))
        .take(MAX_WORD)
        .collect()
}

/// A text as one line without control characters, of at most `limit` bytes.
pub(crate) fn one_line(text: &str, limit: usize) -> String {
    let mut line = String::new();
    for piece in text.split(|c| is_control(c) || c == ' ').filter(|piece| !piece.is_empty()) {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(piece);
        if line.len() > limit {
            line.truncate(line.floor_char_boundary(limit - "…".len()));
            line.push('…');
            break;
        }
    }
    line
}

/// A text whose lines end with `\n`, without other control characters, of limited size.
fn lines(text: &str) -> String {
    let kept = &text[..text.floor_char_boundary(MAX_TEXT)];
    let mut lines = String::with_capacity(kept.len() + 1);
    for line in kept.lines() {
        lines.extend(line.chars().filter(|c| *c == '\t' || !is_control(*c)));
        lines.push('\n');
    }
    if kept.len() < text.len() {
        let _ = writeln!(lines, "[cut here: {} more bytes]", text.len() - kept.len());
    }
    lines
}

/// Whether a character moves the cursor, ends a line or changes the direction of what follows.
fn is_control(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// How many bytes a subject may have.
const MAX_SUBJECT: usize = 250;
/// How many bytes a text may have.
const MAX_TEXT: usize = 256 << 10;
/// How many bytes all facts may have.
const MAX_FACTS: usize = 64 << 10;
/// How many letters a kind, an id or the name of a fact may have.
const MAX_WORD: usize = 64;
/// How many bytes the value of an environment variable may have.
const MAX_VARIABLE: usize = 4 << 10;
/// How many environment variables there may be.
const MAX_VARIABLES: usize = 64;
/// The fact that says that others were left out.
const CUT: &str = "cut";

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_message_is_json_in_a_fixed_order() {
        let message = Message::new("listed", "192.0.2.25 is listed")
            .with_id("e-1")
            .with_text("first\r\nsecond")
            .with_fact("target", "192.0.2.25")
            .with_fact("lists", json!(["a.example", "b.example"]))
            .with_fact("count", 2);
        assert_eq!(
            message.to_json(),
            r#"{"id":"e-1","kind":"listed","subject":"192.0.2.25 is listed","text":"first\nsecond\n","#
                .to_owned()
                + r#""facts":{"target":"192.0.2.25","lists":["a.example","b.example"],"count":2}}"#
        );
        assert_eq!(
            message.to_environment(),
            [
                ("REPUTE_ID", "e-1"),
                ("REPUTE_KIND", "listed"),
                ("REPUTE_SUBJECT", "192.0.2.25 is listed"),
                ("REPUTE_FACT_TARGET", "192.0.2.25"),
                ("REPUTE_FACT_COUNT", "2"),
            ]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
        );
    }

    #[test]
    fn every_message_has_an_id_of_its_own() {
        assert_ne!(Message::new("a", "b").id(), Message::new("a", "b").id());
        assert_eq!(Message::new("a", "b").with_id("\r\n").id().len(), 32);
    }

    #[test]
    fn a_long_text_is_cut_and_says_so() {
        let message = Message::new("a", &"s".repeat(1000)).with_text(&"é".repeat(200_000));
        assert_eq!(message.subject().len(), MAX_SUBJECT);
        assert!(message.subject().ends_with('…'));
        assert!(message.text().ends_with("[cut here: 137856 more bytes]\n"));
    }

    #[test]
    fn facts_beyond_the_limit_are_left_out_and_that_is_told() {
        let mut message = Message::new("a", "b");
        for n in 0..100 {
            message = message.with_fact(&format!("n{n}"), "x".repeat(1000));
        }
        assert_eq!(message.facts().len(), 65 + 1);
        assert_eq!(message.facts()[65], ("cut".to_owned(), json!(true)));
    }

    #[test]
    fn facts_are_variables_only_if_they_fit() {
        let message = Message::new("a", "b")
            .with_fact("a-b", "one\nline")
            .with_fact("a.b", "falls together with the first")
            .with_fact("long", "x".repeat(MAX_VARIABLE + 1))
            .with_fact("none", Value::Null);
        let facts: Vec<_> = message.to_environment().split_off(3);
        assert_eq!(facts, [("REPUTE_FACT_A_B".to_owned(), "one line".to_owned())]);
    }

    proptest! {
        #[test]
        fn whatever_comes_is_clean_and_limited(text in "\\PC*|[\\x00-\\xff\u{2020}-\u{2070}]{0,600}") {
            let message = Message::new(&text, &text).with_text(&text).with_fact(&text, text.as_str());
            prop_assert!(!message.subject().chars().any(is_control));
            prop_assert!(message.subject().len() <= MAX_SUBJECT);
            prop_assert!(message.text().chars().all(|c| c == '\n' || c == '\t' || !is_control(c)));
            prop_assert!(message.kind().len() <= MAX_WORD && message.kind().is_ascii());
            for (name, value) in message.to_environment() {
                prop_assert!(!name.contains(['=', '\0', '\n']) && !value.contains(['\0', '\n']));
            }
        }
    }
}

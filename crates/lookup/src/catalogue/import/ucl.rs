//! The part of UCL, rspamd's configuration language, that its files of lists use.
//!
//! Objects, arrays, texts with and without quotes, comments. Directives such as `.include` are passed
//! over, as other files are not here. A fault ends the reading; what was read before it stays.

/// A value.
#[derive(Clone, Debug)]
pub(super) enum Value {
    /// A text, number or switch.
    Text(String),
    /// Values in brackets.
    Array(Vec<Value>),
    /// Keys in braces.
    Object(Object),
}

/// Keys with values, in their order; a key may be there twice.
#[derive(Clone, Debug, Default)]
pub(super) struct Object(pub(super) Vec<Member>);

/// A key with its value.
#[derive(Clone, Debug)]
pub(super) struct Member {
    /// The line it is in, from 1.
    pub(super) line: usize,
    /// The key.
    pub(super) key: String,
    /// The value.
    pub(super) value: Value,
}

impl Object {
    /// The value of a key: the last one, as it overrides those before.
    pub(super) fn get(&self, key: &str) -> Option<&Value> {
        self.0.iter().rev().find(|member| member.key == key).map(|member| &member.value)
    }

    /// A text.
    pub(super) fn text(&self, key: &str) -> Option<&str> {
        match self.get(key)? {
            Value::Text(text) => Some(text),
            Value::Array(_) | Value::Object(_) => None,
        }
    }

    /// A switch.
    pub(super) fn switch(&self, key: &str) -> Option<bool> {
        let is_on = self.text(key)?.to_ascii_lowercase();
        Some(matches!(&*is_on, "true" | "yes" | "on" | "1"))
    }
}

impl Value {
    /// The texts in it: one, or those of an array.
    pub(super) fn texts(&self) -> Vec<&str> {
        match self {
            Value::Text(text) => vec![text],
            Value::Array(items) => items.iter().flat_map(Value::texts).collect(),
            Value::Object(_) => Vec::new(),
        }
    }
}

/// Reads a text; a fault has its line and what was expected.
pub(super) fn read(text: &str) -> (Object, Option<(usize, &'static str)>) {
    let text = text.trim_start_matches('\u{feff}');
    let mut reader = Reader { text, at: 0, line: 1, depth: 0 };
    let mut root = Object::default();
    // The root may stand in braces.
    reader.skip(false);
    let closing = reader.eat('{').then_some('}');
    let fault = reader.object(&mut root, closing).err();
    (root, fault.map(|what| (reader.line, what)))
}

/// Reads from a place on.
struct Reader<'a> {
    /// The text.
    text: &'a str,
    /// How far it is read.
    at: usize,
    /// The line of that.
    line: usize,
    /// Objects and arrays around it.
    depth: usize,
}

impl<'a> Reader<'a> {
    /// Reads members up to the closing brace, or the end.
    fn object(&mut self, out: &mut Object, closing: Option<char>) -> Result<(), &'static str> {
        loop {
            self.skip(true);
            match self.peek() {
                None if closing.is_some() => return Err("a `}`: one is missing"),
                None => return Ok(()),
                Some('}') if closing.is_some() => {
                    self.bump();
                    return Ok(());
                }
                Some('}') => return Err("a key: there is a `}` too many"),
                Some('.') => self.take(|c| c != '\n'),
                Some(_) => {
                    let line = self.line;
                    let key = self.key()?;
                    // What an object holds is kept even if its end is not found.
                    let (value, result) = self.value();
                    if let Some(value) = value {
                        out.0.push(Member { line, key, value });
                    }
                    result?;
                    continue;
                }
            };
        }
    }

    /// Reads a key.
    fn key(&mut self) -> Result<String, &'static str> {
        let key = match self.peek() {
            Some(quote @ ('"' | '\'')) => self.quoted(quote)?,
            _ => {
                let end =
                    |c: char| c.is_whitespace() || matches!(c, '=' | ':' | '{' | '[' | ';' | '}');
                self.take(|c| !end(c)).to_owned()
            }
        };
        self.skip(false);
        if self.eat('=') || self.eat(':') {
            self.skip(false);
        }
        if key.is_empty() { Err("a key") } else { Ok(key) }
    }

    /// Reads a value; of a broken one what could be read.
    fn value(&mut self) -> (Option<Value>, Result<(), &'static str>) {
        if self.depth == DEEPEST {
            return (None, Err("fewer braces within braces"));
        }
        self.depth += 1;
        let read = match self.peek() {
            Some('{') => {
                self.bump();
                let mut object = Object::default();
                let result = self.object(&mut object, Some('}'));
                (Some(Value::Object(object)), result)
            }
            Some('[') => {
                self.bump();
                let mut items = Vec::new();
                let result = self.array(&mut items);
                (Some(Value::Array(items)), result)
            }
            Some(quote @ ('"' | '\'')) => match self.quoted(quote) {
                Ok(text) => self.text_or_section(text),
                Err(what) => (None, Err(what)),
            },
            _ if self.text[self.at..].starts_with("<<") => match self.heredoc() {
                Some(text) => (Some(Value::Text(text)), Ok(())),
                None => (None, Err("the end of the text that begins with `<<`")),
            },
            _ => {
                let end = |c: char| matches!(c, ';' | ',' | '\n' | '{' | '}' | ']' | '#');
                let text = self.take(|c| !end(c)).trim().to_owned();
                self.text_or_section(text)
            }
        };
        self.depth -= 1;
        read
    }

    /// A text is a value, unless braces follow: then it is the name of a section.
    fn text_or_section(&mut self, text: String) -> (Option<Value>, Result<(), &'static str>) {
        let before = self.at;
        self.take(|c| matches!(c, ' ' | '\t'));
        if self.peek() != Some('{') {
            self.at = before;
            return (Some(Value::Text(text)), Ok(()));
        }
        let line = self.line;
        let (value, result) = self.value();
        let members = value.into_iter().map(|value| Member { line, key: text.clone(), value });
        (Some(Value::Object(Object(members.collect()))), result)
    }

    /// Reads values up to the closing bracket.
    fn array(&mut self, items: &mut Vec<Value>) -> Result<(), &'static str> {
        loop {
            self.skip(true);
            match self.peek() {
                None => return Err("a `]`: one is missing"),
                Some(']') => {
                    self.bump();
                    return Ok(());
                }
                Some('}') => return Err("a `]` before the `}`"),
                Some(_) => {
                    let (value, result) = self.value();
                    items.extend(value);
                    result?;
                }
            }
        }
    }

    /// Reads a text in quotes.
    fn quoted(&mut self, quote: char) -> Result<String, &'static str> {
        self.bump();
        let mut out = String::new();
        while let Some(c) = self.bump() {
            match c {
                c if c == quote => return Ok(out),
                '\\' => match self.bump() {
                    Some('n') => out.push('\n'),
                    Some('t') => out.push('\t'),
                    Some(c) => out.push(c),
                    None => break,
                },
                c => out.push(c),
            }
        }
        Err("a closing quote")
    }

    /// Reads `<<END`, lines, and `END`.
    fn heredoc(&mut self) -> Option<String> {
        let mark = self.take(|c| c != '\n').trim_start_matches('<').trim();
        let mut out = Vec::new();
        loop {
            self.bump()?;
            let line = self.take(|c| c != '\n');
            if line.trim_end_matches([';', '\r']) == mark {
                return Some(out.join("\n"));
            }
            out.push(line);
        }
    }

    /// Passes over blanks and comments, and over what ends a value.
    fn skip(&mut self, ends_too: bool) {
        loop {
            let rest = &self.text[self.at..];
            if rest.starts_with('#') {
                self.take(|c| c != '\n');
            } else if rest.starts_with("/*") {
                let end = rest.find("*/").map_or(rest.len(), |end| end + 2);
                let until = self.at + end;
                while self.at < until {
                    self.bump();
                }
            } else {
                let is_skipped = |c: char| c.is_whitespace() || ends_too && matches!(c, ';' | ',');
                if self.take(is_skipped).is_empty() {
                    return;
                }
            }
        }
    }

    /// The next character.
    fn peek(&self) -> Option<char> {
        self.text[self.at..].chars().next()
    }

    /// Takes the next character.
    fn bump(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += c.len_utf8();
        self.line += usize::from(c == '\n');
        Some(c)
    }

    /// Takes a character if it is the next one.
    fn eat(&mut self, wanted: char) -> bool {
        let is_next = self.peek() == Some(wanted);
        if is_next {
            self.bump();
        }
        is_next
    }

    /// Takes characters as long as they are of a kind.
    fn take(&mut self, is_taken: impl Fn(char) -> bool) -> &'a str {
        let rest = &self.text[self.at..];
        let taken = &rest[..rest.find(|c| !is_taken(c)).unwrap_or(rest.len())];
        self.at += taken.len();
        self.line += taken.matches('\n').count();
        taken
    }
}

/// Objects within objects.
const DEEPEST: usize = 32;

//! Entries of a master file: lines, or more where parentheses hold them together, as words.

/// An entry.
pub(super) struct Entry<'t> {
    /// The line in which it begins, counted from 1.
    pub(super) line: usize,
    /// Whether it begins with a blank: it has the owner of the one before.
    pub(super) is_indented: bool,
    /// Its words; there may be none.
    pub(super) tokens: Vec<Token<'t>>,
}

/// A word, with its escapes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Token<'t> {
    /// The word, without quotes.
    pub(super) text: &'t [u8],
    /// Whether it stood between quotes.
    pub(super) is_quoted: bool,
}

/// The entries of a text, each with its line or what is wrong with it.
pub(super) struct Entries<'t> {
    text: &'t [u8],
    at: usize,
    line: usize,
}

impl<'t> Entries<'t> {
    /// Begins at the first line.
    pub(super) fn new(text: &'t [u8]) -> Entries<'t> {
        let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
        Entries { text, at: 0, line: 1 }
    }

    /// Goes on behind the end of the line, and says what was wrong.
    fn skip_line(&mut self, message: &str) -> (usize, String) {
        let line = self.line;
        let rest = self.text.get(self.at..).unwrap_or_default();
        match rest.iter().position(|byte| *byte == b'\n') {
            Some(end) => {
                self.at += end + 1;
                self.line += 1;
            }
            None => self.at = self.text.len(),
        }
        (line, message.to_owned())
    }

    /// Reads a word between quotes; `at` is behind the first of them.
    fn quoted(&mut self) -> Result<Token<'t>, (usize, String)> {
        let start = self.at;
        loop {
            match self.text.get(self.at) {
                Some(b'"') => break,
                Some(b'\\') => self.at += 2,
                Some(b'\n') | None => {
                    return Err(self.skip_line("a quote is not closed in its line"));
                }
                Some(_) => self.at += 1,
            }
        }
        let text = self.text.get(start..self.at).unwrap_or_default();
        self.at += 1;
        Ok(Token { text, is_quoted: true })
    }

    /// Reads a word without quotes.
    fn plain(&mut self) -> Token<'t> {
        let start = self.at;
        while let Some(byte) = self.text.get(self.at) {
            match byte {
                b' ' | b'\t' | b'\r' | b'\n' | b';' | b'(' | b')' | b'"' => break,
                b'\\' if self.text.get(self.at + 1).is_some_and(|next| *next != b'\n') => {
                    self.at += 2;
                }
                _ => self.at += 1,
            }
        }
        self.at = self.at.min(self.text.len());
        Token { text: self.text.get(start..self.at).unwrap_or_default(), is_quoted: false }
    }
}

impl<'t> Iterator for Entries<'t> {
    type Item = Result<Entry<'t>, (usize, String)>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.at >= self.text.len() {
            return None;
        }
        let is_indented = matches!(self.text.get(self.at), Some(b' ' | b'\t'));
        let mut entry = Entry { line: self.line, is_indented, tokens: Vec::new() };
        let mut open = 0_usize;
        while let Some(byte) = self.text.get(self.at) {
            match byte {
                b'\n' => {
                    self.at += 1;
                    self.line += 1;
                    if open == 0 {
                        return Some(Ok(entry));
                    }
                }
                b' ' | b'\t' | b'\r' => self.at += 1,
                b';' => {
                    while self.text.get(self.at).is_some_and(|byte| *byte != b'\n') {
                        self.at += 1;
                    }
                }
                b'(' => {
                    open += 1;
                    self.at += 1;
                }
                b')' => {
                    self.at += 1;
                    let Some(left) = open.checked_sub(1) else {
                        return Some(Err(self.skip_line("`)` without `(`")));
                    };
                    open = left;
                }
                b'"' => {
                    self.at += 1;
                    match self.quoted() {
                        Ok(token) => entry.tokens.push(token),
                        Err(fault) => return Some(Err(fault)),
                    }
                }
                _ => {
                    let token = self.plain();
                    entry.tokens.push(token);
                }
            }
            if entry.tokens.len() > MOST_TOKENS {
                return Some(
                    Err(self.skip_line("the entry has more words than a record can have")),
                );
            }
        }
        if open > 0 {
            return Some(Err((entry.line, "`(` is never closed".to_owned())));
        }
        Some(Ok(entry))
    }
}

/// Words of an entry: a record's data has 65,535 bytes at most.
const MOST_TOKENS: usize = 65_536;

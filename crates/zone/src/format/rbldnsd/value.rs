//! Values: `:A:TXT`, defaults, and the substitutions inside texts.
//!
//! Substitution variables may be set after the entries that use them, so texts are kept as written
//! and taken to pieces when the whole file is read.

use crate::fault::Problem;
use crate::format::Progress;
use crate::format::rbldnsd::{Bad, is_blank, is_over, skip_blanks};
use crate::value::{Condition, Text, ValueBuilder, ValueId, Values};

/// The answers of a data set being read.
pub(super) struct Answers {
    /// Values whose texts are still as written.
    pub(super) values: ValueBuilder,
    /// `$0` to `$9`.
    pub(super) variables: [Option<Vec<u8>>; 10],
    /// `$=`.
    pub(super) template: Option<Vec<u8>>,
    default: Answer,
    default_id: Option<ValueId>,
    /// The value part of the line before and what it gave: neighbours are often equal.
    last: (Vec<u8>, ValueId),
    /// Whether a default line was read (types with one answer take the first).
    has_default: bool,
}

/// A return code and a text as written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) code: [u8; 4],
    pub(super) text: Vec<u8>,
}

impl Default for Answer {
    /// 127.0.0.2 without text: rbldnsd's default.
    fn default() -> Self {
        Answer { code: [127, 0, 0, 2], text: Vec::new() }
    }
}

impl Answers {
    pub(super) fn new() -> Answers {
        Answers {
            values: ValueBuilder::default(),
            variables: Default::default(),
            template: None,
            default: Answer::default(),
            default_id: None,
            last: (Vec::new(), ValueId::NOTHING),
            has_default: false,
        }
    }

    /// Variables and template of the data set around this one.
    pub(super) fn inherit(&mut self, outer: &Answers) {
        self.variables.clone_from(&outer.variables);
        self.template.clone_from(&outer.template);
    }

    /// A default holds to the end of its file.
    pub(super) fn start_file(&mut self) {
        self.set_default(Answer::default());
    }

    /// Reads a default line; `text` begins with its colon.
    pub(super) fn default_line(
        &mut self,
        line: &[u8],
        text: &[u8],
        progress: &mut Progress,
    ) -> Result<(), Bad> {
        let answer = parse(line, text, &Answer::default(), progress)?;
        self.set_default(answer);
        Ok(())
    }

    /// As [`Self::default_line`] for types with one answer: the first one counts.
    pub(super) fn only_default_line(
        &mut self,
        line: &[u8],
        text: &[u8],
        progress: &mut Progress,
    ) -> Result<(), Bad> {
        if !self.has_default {
            let answer = parse(line, text, &Answer::default(), progress)?;
            progress.judge_code(line, 0, answer.code);
            self.set_default(answer);
            self.has_default = true;
        }
        Ok(())
    }

    /// Sets the default.
    pub(super) fn set_default(&mut self, answer: Answer) {
        if self.has_default {
            return;
        }
        self.default = answer;
        self.default_id = None;
        self.last = (Vec::new(), ValueId::NOTHING);
    }

    /// The default's value.
    pub(super) fn default_value(&mut self) -> ValueId {
        if let Some(id) = self.default_id {
            return id;
        }
        let id = self.values.single(self.default.code, &as_written(&self.default.text));
        self.default_id = Some(id);
        id
    }

    /// The default as written.
    pub(super) fn default_answer(&self) -> &Answer {
        &self.default
    }

    /// The value of what follows an entry's key, `text`; `conditions` says whether the type knows
    /// parameters behind an `@`.
    #[inline]
    pub(super) fn value(
        &mut self,
        line: &[u8],
        text: &[u8],
        conditions: bool,
        progress: &mut Progress,
    ) -> Result<ValueId, Bad> {
        let text = skip_blanks(text);
        if is_over(text) {
            if self.default_id.is_none() {
                progress.judge_code(line, 0, self.default.code);
            }
            return Ok(self.default_value());
        }
        if self.last.1 != ValueId::NOTHING && self.last.0 == text {
            return Ok(self.last.1);
        }
        let id = self.written_value(line, text, conditions, progress)?;
        self.last.0.clear();
        self.last.0.extend_from_slice(text);
        self.last.1 = id;
        Ok(id)
    }

    fn written_value(
        &mut self,
        line: &[u8],
        text: &[u8],
        conditions: bool,
        progress: &mut Progress,
    ) -> Result<ValueId, Bad> {
        if self.values.len() > ValueId::MAX as usize {
            return Err(Bad { at: line.len() - text.len(), problem: Problem::ManyValues });
        }
        let divided = if conditions { split_condition(line, text, progress) } else { None };
        let (value, condition) = divided.unwrap_or((text, Condition::default()));
        let answer = if is_over(value) {
            self.default.clone()
        } else {
            parse(line, value, &self.default, progress)?
        };
        progress.judge_code(line, line.len() - text.len(), answer.code);
        Ok(self.values.conditional(answer.code, &as_written(&answer.text), condition))
    }

    /// The finished values, their texts in pieces.
    pub(super) fn finish(mut self) -> Values {
        let (variables, template) = (self.variables, self.template);
        self.values.map_texts(|raw| pieces(raw, &variables, template.as_deref()));
        self.values.finish()
    }
}

/// Parses `:A:TXT`, `:A`, `:A:` or `TXT`.
pub(super) fn parse(
    line: &[u8],
    text: &[u8],
    default: &Answer,
    progress: &mut Progress,
) -> Result<Answer, Bad> {
    let place = |rest: &[u8]| line.len() - rest.len();
    let Some(after) = text.strip_prefix(b":") else {
        return Ok(Answer { code: default.code, text: cut(line, text, progress) });
    };
    let Some((code, rest)) = return_code(after) else {
        return Err(Bad::expected(place(after), "a return code such as 127.0.0.2 or 2"));
    };
    let rest = skip_blanks(rest);
    match rest {
        [] => Ok(Answer { code, text: default.text.clone() }),
        [b':', text @ ..] => Ok(Answer { code, text: cut(line, skip_blanks(text), progress) }),
        _ => Err(Bad::expected(place(rest), "a colon and a text after the return code")),
    }
}

/// Cuts a text at 255 bytes, which may be 254 when it is sent; tells of one of which not all can be sent.
fn cut(line: &[u8], text: &[u8], progress: &mut Progress) -> Vec<u8> {
    if text.len() > MOST_SENT {
        let at = line.len() - text.len() + MOST_SENT;
        progress.fault(line, at, Problem::TextCut(MOST_SENT));
    }
    text[..text.len().min(LONGEST_TEXT)].to_vec()
}

/// Reads a return code: one to four numbers, as inet_aton(3) does, and one alone is 127.0.0.n.
fn return_code(text: &[u8]) -> Option<([u8; 4], &[u8])> {
    let (mut octets, mut count, mut rest) = ([0_u8; 4], 0, text);
    loop {
        let digits = rest.iter().take_while(|b| b.is_ascii_digit()).count();
        octets[count] = std::str::from_utf8(&rest[..digits]).ok()?.parse().ok()?;
        count += 1;
        rest = &rest[digits..];
        match rest {
            [b'.', tail @ ..] if count < 4 => rest = tail,
            _ => break,
        }
    }
    let code = match (count, octets) {
        (1, [n, ..]) => [127, 0, 0, n],
        (2, [a, d, ..]) => [a, 0, 0, d],
        (3, [a, b, d, _]) => [a, b, 0, d],
        (_, all) => all,
    };
    let zero = octets[..count].iter().all(|o| *o == 0);
    (!zero).then_some((code, rest))
}

/// Divides a value from parameters behind an `@` (`@ ts=1700000000;delay=60s`): nothing if what
/// follows the `@` are no parameters, since then it is part of the text.
///
/// The same words as in rspamd's rbldnsd count, and like there others are passed over, but not without
/// a word. There a delay without `ts` holds the answer back for so long; here nothing waits.
fn split_condition<'t>(
    line: &[u8],
    text: &'t [u8],
    progress: &mut Progress,
) -> Option<(&'t [u8], Condition)> {
    let starts_word = |text: &[u8], i: usize| i == 0 || is_blank(text[i - 1]);
    let at = (0..text.len()).find(|&i| text[i] == b'@' && starts_word(text, i))?;
    let behind = &text[at + 1..];
    let comment =
        (0..behind.len()).find(|&i| matches!(behind[i], b'#' | b';') && starts_word(behind, i));
    let behind = &behind[..comment.unwrap_or(behind.len())];
    let mut parameters = Vec::new();
    let mut start = line.len() - text.len() + at + 1;
    for part in behind.split(|b| matches!(b, b';' | b':')) {
        let word = part.trim_ascii();
        if !word.is_empty() {
            let (key, value) = std::str::from_utf8(word).ok()?.split_once('=')?;
            if !key.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.')) {
                return None;
            }
            let blanks = part.len() - part.trim_ascii_start().len();
            parameters.push((start + blanks, key, value.trim_ascii_start()));
        }
        start += part.len() + 1;
    }
    if !parameters.iter().any(|(_, key, _)| matches!(*key, "ts" | "delay" | "key")) {
        return None;
    }
    let (mut condition, mut stamp, mut delay) = (Condition::default(), None, None);
    for (place, key, value) in parameters {
        let mut odd = |what| progress.fault(line, place, Problem::Parameter(what));
        match (key, value) {
            ("ts", seconds) => match seconds.parse::<u64>() {
                Ok(seconds) => stamp = Some((place, u32::try_from(seconds).unwrap_or(u32::MAX))),
                Err(_) => odd("`ts` takes seconds since 1970; it is passed over"),
            },
            ("delay", time) => match super::special::seconds(time.as_bytes()) {
                Some((seconds, [])) => delay = Some((place, seconds)),
                Some(_) | None => odd("`delay` takes a time such as 60s; it is passed over"),
            },
            ("key", "require") => condition.keyed_only = true,
            ("key", "nodelay") => condition.keyed_at_once = true,
            ("key", _) => odd("`key` takes `require` or `nodelay`; it is passed over"),
            _ => odd("unknown entry parameter; it is passed over"),
        }
    }
    match (stamp, delay) {
        (Some((_, stamp)), Some((_, delay))) => condition.from = stamp.saturating_add(delay),
        (None, Some((place, _))) => {
            let what = "`delay` without `ts` is passed over: no answer is held back";
            progress.fault(line, place, Problem::Parameter(what));
        }
        (Some((place, _)), None) => {
            let what = "`ts` without `delay` says nothing";
            progress.fault(line, place, Problem::Parameter(what));
        }
        (None, None) => {}
    }
    let end = text[..at].iter().rposition(|b| !is_blank(*b)).map_or(0, |last| last + 1);
    Some((&text[..end], condition))
}

/// A text as written, to be taken to pieces later.
fn as_written(text: &[u8]) -> Text {
    Text::written(text)
}

/// Takes a text to pieces: variables are put in, and places for the target stay.
pub(in crate::format) fn pieces(
    raw: &[u8],
    variables: &[Option<Vec<u8>>; 10],
    template: Option<&[u8]>,
) -> Text {
    let mut text = Text::new();
    let (mut rest, inner) = match (raw, template) {
        ([b'=', own @ ..], _) => (own, Some(own)),
        (_, Some(template)) if !template.is_empty() => {
            // An entry without text leaves the target in the template's place for it.
            (template, (!raw.is_empty()).then_some(raw))
        }
        _ => (raw, Some(raw)),
    };
    while let Some(at) = rest.iter().position(|b| *b == b'$') {
        text.push_literal(&rest[..at]);
        rest = &rest[at + 1..];
        match rest.first() {
            Some(b'$') => text.push_literal(b"$"),
            Some(digit @ b'0'..=b'9') => match &variables[usize::from(digit - b'0')] {
                Some(value) => text.push_literal(value),
                None => text.push_literal(&[b'$', *digit]),
            },
            Some(b'=') => match inner {
                Some(inner) => text.push_literal(inner),
                None => text.push_target(),
            },
            _ => {
                text.push_target();
                continue;
            }
        }
        rest = &rest[1..];
    }
    text.push_literal(rest);
    text
}

/// What is kept of a text: in it, `$$` is one byte.
const LONGEST_TEXT: usize = 255;
/// What is sent of a text, as by rbldnsd.
pub(in crate::format) const MOST_SENT: usize = 254;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::ReadOptions;

    /// Parameters, what they mean, and what is said of them by column.
    fn check(text: &str, expect: Option<(&str, Condition)>, said: &[(u32, &str)]) {
        let mut progress = Progress::new(&ReadOptions::default());
        let text = text.as_bytes();
        let got = split_condition(text, text, &mut progress);
        let expect = expect.map(|(value, condition)| (value.as_bytes(), condition));
        assert_eq!(got, expect, "{}", String::from_utf8_lossy(text));
        let faults: Vec<(u32, String)> =
            progress.faults.iter().map(|f| (f.column, f.problem.to_string())).collect();
        assert_eq!(faults.len(), said.len(), "{faults:?}");
        for ((column, problem), (place, words)) in faults.iter().zip(said) {
            assert!(column == place && problem.contains(words), "{faults:?}");
        }
        assert_eq!(progress.faults.errors(), 0, "the entry counts");
    }

    const PLAIN: Condition = Condition { from: 0, keyed_only: false, keyed_at_once: false };

    #[test]
    fn parameters_follow_an_at_sign() {
        let from = |from| Condition { from, ..PLAIN };
        check(":2:x @ ts=100;delay=60s", Some((":2:x", from(160))), &[]);
        check("@ delay=1m : ts=100 # why", Some(("", from(160))), &[]);
        check(
            "x @ts=100;delay=1h;key=nodelay",
            Some(("x", Condition { keyed_at_once: true, ..from(3700) })),
            &[],
        );
        check("x @ key=require", Some(("x", Condition { keyed_only: true, ..PLAIN })), &[]);
        check("x @ ts=99999999999;delay=1s", Some(("x", from(u32::MAX))), &[]);
    }

    #[test]
    fn other_texts_with_an_at_sign_stay_texts() {
        for text in ["mail abuse @ example", "a@b.example ts=1", "x @ a=b", "x @ ", "x @ ts", "x"] {
            check(text, None, &[]);
        }
    }

    #[test]
    fn parameters_that_say_nothing_are_told() {
        check("x @ delay=60s", Some(("x", PLAIN)), &[(5, "no answer is held back")]);
        check("x @ ts=100", Some(("x", PLAIN)), &[(5, "says nothing")]);
        check("x @ ts=1 delay=2s", Some(("x", PLAIN)), &[(5, "since 1970")]);
        check("x @ key=maybe;score=5", Some(("x", PLAIN)), &[(5, "`require`"), (15, "unknown")]);
    }

    #[test]
    fn a_text_of_which_not_all_is_sent_is_told() {
        let mut progress = Progress::new(&ReadOptions::default());
        for (len, kept, faults) in [(254, 254, 0), (255, 255, 1), (300, 255, 2)] {
            let line = [b"192.0.2.1 ".to_vec(), vec![b'x'; len]].concat();
            let text = cut(&line, &line[10..], &mut progress);
            assert_eq!((text.len(), progress.faults.warnings()), (kept, faults));
        }
        let said = progress.faults.iter().next().map(ToString::to_string);
        assert_eq!(said.unwrap(), ":0:265: the text is longer than 254 bytes and is cut there");
    }
}

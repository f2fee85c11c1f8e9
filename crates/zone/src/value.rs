//! What a listing answers: return codes and texts, each stored once.
//!
//! Many entries share an answer, so an entry holds a [`ValueId`] and the dataset holds the answers. A
//! value is one or more pairs of return code and text; several pairs arise where a list names one
//! network more than once. A text is kept in pieces: literal bytes, and places where the name of what
//! is listed goes in (rbldnsd's `$`), so that nothing is searched when a query is answered.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;

use crate::dataset::TooMany;
use crate::lanes::copy_short;
use crate::section::U32s;

/// Names an answer of a dataset. [`ValueId::NOTHING`] is the absence of one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ValueId(pub(crate) u32);

impl ValueId {
    /// Not listed: the value of an exclusion, and of everything no entry covers.
    pub const NOTHING: ValueId = ValueId(0);

    /// How many values a dataset can have: 23 bits, since an entry's code holds value and prefix.
    pub const MAX: u32 = (1 << 23) - 1;
}

/// One return code with its text, and when it applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Pair {
    /// The A record's value; by convention in 127.0.0.0/8.
    pub code: [u8; 4],
    /// The text, or none.
    pub(crate) text: u32,
    /// The condition, or none.
    pub(crate) condition: u32,
}

/// When an entry applies: the per-entry parameters of rspamd's rbldnsd (`@ ts=...;delay=...`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Condition {
    /// The entry appears at this time (seconds since 1970), if not 0.
    pub from: u32,
    /// Only clients that ask with a key see it.
    pub keyed_only: bool,
    /// Clients that ask with a key see it at once.
    pub keyed_at_once: bool,
}

impl Condition {
    /// Whether the entry is there for a client at a time.
    pub fn holds(self, now: u32, keyed: bool) -> bool {
        if self.keyed_only && !keyed {
            return false;
        }
        (self.keyed_at_once && keyed) || now >= self.from
    }
}

/// A text in pieces.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Text(Vec<u8>);

impl Text {
    /// The empty text: no TXT record.
    pub fn new() -> Text {
        Text::default()
    }

    /// A text in which `$` stands for what is listed and `$$` for a dollar sign.
    pub fn template(text: &str) -> Text {
        let mut pieces = Text::new();
        let mut rest = text;
        while let Some((literal, tail)) = rest.split_once('$') {
            pieces.push_literal(literal.as_bytes());
            rest = match tail.strip_prefix('$') {
                Some(tail) => {
                    pieces.push_literal(b"$");
                    tail
                }
                None => {
                    pieces.push_target();
                    tail
                }
            };
        }
        pieces.push_literal(rest.as_bytes());
        pieces
    }

    /// A text as it stands in a file, for [`ValueBuilder::map_texts`] to take to pieces.
    pub(crate) fn written(text: &[u8]) -> Text {
        Text(text.to_vec())
    }

    /// Appends bytes that are sent as they are.
    pub fn push_literal(&mut self, bytes: &[u8]) {
        for part in bytes.chunks(255) {
            self.0.push(part.len() as u8);
            self.0.extend_from_slice(part);
        }
    }

    /// Appends the place where what is listed goes in.
    pub fn push_target(&mut self) {
        self.0.push(TARGET);
    }

    /// Whether there is nothing to send.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Its pieces as bytes.
    pub(crate) fn pieces(&self) -> &[u8] {
        &self.0
    }

    /// A text of such bytes, if they are pieces.
    pub(crate) fn of_pieces(bytes: &[u8]) -> Option<Text> {
        let mut rest = bytes;
        while let Some((&piece, tail)) = rest.split_first() {
            rest = tail.get(usize::from(piece)..)?;
        }
        Some(Text(bytes.to_vec()))
    }
}

/// In an encoded text: here goes the target. Any other byte is the length of a literal.
const TARGET: u8 = 0;

/// The values of a dataset while it is built.
#[derive(Debug)]
pub struct ValueBuilder {
    sets: HashMap<Box<[Pair]>, u32>,
    pairs: Vec<Box<[Pair]>>,
    texts: HashMap<Text, u32>,
    text_list: Vec<Text>,
    conditions: Vec<Condition>,
}

impl Default for ValueBuilder {
    fn default() -> Self {
        ValueBuilder {
            sets: HashMap::from([(Box::default(), 0)]),
            pairs: vec![Box::default()],
            texts: HashMap::from([(Text::new(), 0)]),
            text_list: vec![Text::new()],
            conditions: vec![Condition::default()],
        }
    }
}

impl ValueBuilder {
    /// The value of one return code with its text; the same pair gives the same value.
    pub fn single(&mut self, code: [u8; 4], text: &Text) -> ValueId {
        self.conditional(code, text, Condition::default())
    }

    /// As [`Self::single`], for an entry that applies under a condition.
    pub fn conditional(&mut self, code: [u8; 4], text: &Text, condition: Condition) -> ValueId {
        let pair = self.pair(code, text, condition);
        self.set(Box::from([pair]))
    }

    /// The value of several return codes with their texts, in this order; of equal ones the first.
    pub(crate) fn several<'t>(
        &mut self,
        answers: impl IntoIterator<Item = ([u8; 4], &'t Text)>,
    ) -> ValueId {
        let mut pairs = Vec::new();
        for (code, text) in answers {
            let pair = self.pair(code, text, Condition::default());
            if !pairs.contains(&pair) {
                pairs.push(pair);
            }
        }
        self.set(pairs.into_boxed_slice())
    }

    /// The return codes of a value with their texts.
    pub(crate) fn answers(&self, id: ValueId) -> Vec<([u8; 4], Text)> {
        let pairs = self.pairs[id.0 as usize].iter();
        pairs.map(|pair| (pair.code, self.text_list[pair.text as usize].clone())).collect()
    }

    /// A builder of the values in use, and the new id of each by its old one.
    pub(crate) fn only(&self, is_used: &[bool]) -> (ValueBuilder, Vec<ValueId>) {
        let mut kept = ValueBuilder::default();
        let ids = self.pairs.iter().zip(is_used).map(|(pairs, used)| {
            let pairs = pairs.iter().filter(|_| *used).map(|pair| {
                let text = &self.text_list[pair.text as usize];
                kept.pair(pair.code, text, self.conditions[pair.condition as usize])
            });
            let pairs = pairs.collect();
            kept.set(pairs)
        });
        let ids = ids.collect();
        (kept, ids)
    }

    /// A pair, whose text and condition are stored once.
    fn pair(&mut self, code: [u8; 4], text: &Text, condition: Condition) -> Pair {
        let text = match self.texts.get(text) {
            Some(&id) => id,
            None => {
                let id = self.text_list.len() as u32;
                self.text_list.push(text.clone());
                self.texts.insert(text.clone(), id);
                id
            }
        };
        let condition = match self.conditions.iter().position(|c| *c == condition) {
            Some(at) => at as u32,
            None => {
                self.conditions.push(condition);
                self.conditions.len() as u32 - 1
            }
        };
        Pair { code, text, condition }
    }

    /// The value that answers with all pairs of both.
    pub fn union(&mut self, a: ValueId, b: ValueId) -> ValueId {
        if a == b || b == ValueId::NOTHING {
            return a;
        }
        if a == ValueId::NOTHING {
            return b;
        }
        let mut pairs = self.pairs[a.0 as usize].to_vec();
        for pair in &self.pairs[b.0 as usize] {
            if !pairs.contains(pair) {
                pairs.push(*pair);
            }
        }
        self.set(pairs.into_boxed_slice())
    }

    /// Replaces every text, as written, by its pieces. No value may be added by text afterwards.
    pub(crate) fn map_texts(&mut self, pieces: impl Fn(&[u8]) -> Text) {
        for text in &mut self.text_list {
            *text = pieces(&text.0);
        }
        self.texts.clear();
    }

    /// Whether an index can name so many values and these.
    ///
    /// # Errors
    /// If not.
    pub(crate) fn check_room(&self, more: usize) -> Result<(), TooMany> {
        match self.pairs.len() + more > ValueId::MAX as usize + 1 {
            true => Err(TooMany::Answers),
            false => Ok(()),
        }
    }

    /// How many values there are, [`ValueId::NOTHING`] included.
    pub fn len(&self) -> usize {
        self.pairs.len()
    }

    /// Whether nothing is listed yet.
    pub fn is_empty(&self) -> bool {
        self.pairs.len() == 1
    }

    /// The finished table.
    pub fn finish(&self) -> Values {
        self.finish_from(First::default())
    }

    /// The finished table of everything that was added since `first`.
    pub(crate) fn finish_from(&self, first: First) -> Values {
        let mut starts = vec![0];
        let mut pairs = Vec::new();
        for set in &self.pairs[first.value as usize..] {
            for pair in set {
                pairs.extend_from_slice(&pair.code);
                pairs.extend_from_slice(&pair.text.to_le_bytes());
                pairs.extend_from_slice(&pair.condition.to_le_bytes());
            }
            starts.push((pairs.len() / PAIR) as u32);
        }
        let mut text_starts = vec![0];
        let mut text_bytes = Vec::new();
        for text in &self.text_list[first.text as usize..] {
            text_bytes.extend_from_slice(&text.0);
            text_starts.push(text_bytes.len() as u32);
        }
        let conditions = self.conditions[first.condition as usize..]
            .iter()
            .flat_map(|c| [c.from, u32::from(c.keyed_only) | u32::from(c.keyed_at_once) << 1]);
        pairs.shrink_to_fit();
        text_bytes.shrink_to_fit();
        Values {
            first,
            starts: starts.into_iter().collect(),
            pairs: Bytes::from(pairs),
            text_starts: text_starts.into_iter().collect(),
            text_bytes: Bytes::from(text_bytes),
            conditions: conditions.collect(),
            added: None,
        }
    }

    fn set(&mut self, pairs: Box<[Pair]>) -> ValueId {
        if let Some(&id) = self.sets.get(&pairs) {
            return ValueId(id);
        }
        let id = self.pairs.len() as u32;
        self.pairs.push(pairs.clone());
        self.sets.insert(pairs, id);
        ValueId(id)
    }
}

/// The first ids of a table that continues another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct First {
    /// The first value.
    pub(crate) value: u32,
    /// The first text.
    pub(crate) text: u32,
    /// The first condition.
    pub(crate) condition: u32,
}

/// The values of a finished dataset.
#[derive(Clone, Debug, Default)]
pub struct Values {
    /// What this table begins with.
    pub(crate) first: First,
    /// Where the pairs of value `i` begin; value `i + 1` begins where they end.
    pub(crate) starts: U32s,
    /// Code, text id, condition id: 12 bytes each.
    pub(crate) pairs: Bytes,
    /// Where the pieces of text `i` begin.
    pub(crate) text_starts: U32s,
    /// Texts in pieces.
    pub(crate) text_bytes: Bytes,
    /// Two numbers each: from, flags.
    pub(crate) conditions: U32s,
    /// The table that continues this one: values that came with changes.
    pub(crate) added: Option<Arc<Values>>,
}

impl Values {
    /// How many values there are, [`ValueId::NOTHING`] included.
    pub(crate) fn len(&self) -> usize {
        self.end().value as usize
    }

    /// The ids that come next.
    pub(crate) fn end(&self) -> First {
        match &self.added {
            Some(added) => added.end(),
            None => First {
                value: self.first.value + self.starts.len().saturating_sub(1) as u32,
                text: self.first.text + self.text_starts.len().saturating_sub(1) as u32,
                condition: self.first.condition + self.conditions.len() as u32 / 2,
            },
        }
    }

    /// The ids that come after this table's own, where a continuation begins.
    pub(crate) fn first_added(&self) -> First {
        Values { added: None, ..self.clone() }.end()
    }

    /// The pairs of a value.
    #[inline]
    pub(crate) fn pairs(&self, id: ValueId) -> impl Iterator<Item = Pair> + '_ {
        let table = self.table(id);
        let at = (id.0 - table.first.value) as usize;
        let range = table.starts.get(at) as usize..table.starts.get(at + 1) as usize;
        range.map(move |i| {
            let raw = &table.pairs[i * PAIR..(i + 1) * PAIR];
            let number = |at: usize| crate::section::read_u32(raw, at);
            let code = [raw[0], raw[1], raw[2], raw[3]];
            Pair { code, text: number(4), condition: number(8) }
        })
    }

    /// The pair of a value that has one only, without condition.
    #[inline(always)]
    pub(crate) fn only_pair(&self, id: ValueId) -> Option<Pair> {
        let table = self.table(id);
        let at = (id.0 - table.first.value) as usize;
        let start = table.starts.get(at) as usize;
        let raw: &[u8; PAIR] = table.pairs.get(start * PAIR..)?.first_chunk()?;
        let only = table.starts.get(at + 1) as usize == start + 1 && raw[8..] == [0; 4];
        let code = [raw[0], raw[1], raw[2], raw[3]];
        only.then(|| Pair { code, text: crate::section::read_u32(raw, 4), condition: 0 })
    }

    /// A pair's text as [`Text::template`] reads it; what is no UTF-8 is replaced.
    pub(crate) fn template(&self, pair: Pair) -> String {
        let mut pieces = self.text_pieces(pair.text);
        let mut template = Vec::new();
        while let Some((&head, tail)) = pieces.split_first() {
            if head == TARGET {
                template.push(b'$');
                pieces = tail;
                continue;
            }
            let Some((literal, tail)) = tail.split_at_checked(usize::from(head)) else { break };
            for &byte in literal {
                template.extend_from_slice(if byte == b'$' {
                    b"$$"
                } else {
                    std::slice::from_ref(&byte)
                });
            }
            pieces = tail;
        }
        String::from_utf8_lossy(&template).into_owned()
    }

    /// Whether any entry has a condition.
    #[inline]
    pub(crate) fn is_conditional(&self) -> bool {
        self.conditions.len() > 2 || self.added.as_ref().is_some_and(|a| a.is_conditional())
    }

    /// Whether a pair applies now, for a client with or without a key.
    #[inline]
    pub(crate) fn applies(&self, pair: Pair, now: u32, keyed: bool) -> bool {
        pair.condition == 0 || self.condition(pair.condition).holds(now, keyed)
    }

    /// Writes a pair's text for a target and returns its length, 0 if the pair has no text.
    ///
    /// A text longer than `limit` is cut, as rbldnsd does: one TXT string holds 255 bytes.
    #[inline]
    pub(crate) fn write_text(
        &self,
        pair: Pair,
        target: &[u8],
        limit: usize,
        out: &mut [u8],
    ) -> usize {
        let mut pieces = self.text_pieces(pair.text);
        let (mut written, limit) = (0, limit.min(out.len()));
        while let Some((&head, tail)) = pieces.split_first() {
            let piece = match head {
                TARGET => {
                    pieces = tail;
                    target
                }
                n => {
                    let Some((literal, tail)) = tail.split_at_checked(usize::from(n)) else {
                        break;
                    };
                    pieces = tail;
                    literal
                }
            };
            let n = piece.len().min(limit - written);
            copy_short(&piece[..n], &mut out[written..written + n]);
            written += n;
        }
        written
    }

    /// A pair's text as a template: `$` where the target goes in, `$$` for a dollar sign.
    pub(crate) fn template_of(&self, pair: Pair) -> Vec<u8> {
        let mut pieces = self.text_pieces(pair.text);
        let mut template = Vec::new();
        while let Some((&head, tail)) = pieces.split_first() {
            pieces = tail;
            if head == TARGET {
                template.push(b'$');
                continue;
            }
            let Some((literal, tail)) = tail.split_at_checked(usize::from(head)) else { break };
            pieces = tail;
            for &byte in literal {
                template.extend_from_slice(if byte == b'$' {
                    b"$$"
                } else {
                    std::slice::from_ref(&byte)
                });
            }
        }
        template
    }

    /// Bytes held in memory or in the mapped image.
    pub(crate) fn image_bytes(&self) -> usize {
        let own = self.starts.0.len()
            + self.pairs.len()
            + self.text_starts.0.len()
            + self.text_bytes.len()
            + self.conditions.0.len();
        own + self.added.as_ref().map_or(0, |a| a.image_bytes())
    }

    /// Checks all places, so that no look-up can reach outside.
    pub(crate) fn is_sound(&self) -> bool {
        let rising = |starts: &U32s, end: usize| {
            starts.iter().zip(starts.iter().skip(1)).all(|(a, b)| a <= b)
                && starts.iter().last().is_some_and(|last| last as usize == end)
        };
        let end = self.end();
        self.pairs.len().is_multiple_of(PAIR)
            && self.starts.len() >= 2
            && self.starts.get(1) == 0
            && self.text_starts.len() >= 2
            && self.conditions.len() >= 2
            && rising(&self.starts, self.pairs.len() / PAIR)
            && rising(&self.text_starts, self.text_bytes.len())
            && (1..end.value).all(|id| {
                self.pairs(ValueId(id)).all(|p| p.text < end.text && p.condition < end.condition)
            })
    }

    /// A condition by its id.
    pub(crate) fn condition(&self, id: u32) -> Condition {
        let at = (id - self.first.condition) as usize;
        if at * 2 + 1 >= self.conditions.len() {
            return self.added.as_ref().map_or(Condition::default(), |a| a.condition(id));
        }
        let flags = self.conditions.get(at * 2 + 1);
        Condition {
            from: self.conditions.get(at * 2),
            keyed_only: flags & 1 != 0,
            keyed_at_once: flags & 2 != 0,
        }
    }

    fn text_pieces(&self, id: u32) -> &[u8] {
        let at = (id - self.first.text) as usize;
        if at + 1 >= self.text_starts.len() {
            return self.added.as_ref().map_or(&[], |a| a.text_pieces(id));
        }
        let range = self.text_starts.get(at) as usize..self.text_starts.get(at + 1) as usize;
        &self.text_bytes[range]
    }

    /// The table that holds a value: this one, or the one that continues it.
    #[inline(always)]
    fn table(&self, id: ValueId) -> &Values {
        match &self.added {
            Some(added) if (id.0 - self.first.value) as usize + 1 >= self.starts.len() => added,
            _ => self,
        }
    }
}

/// Size of an encoded pair.
const PAIR: usize = 12;

#[cfg(test)]
mod tests {
    use super::*;

    fn text(values: &Values, id: ValueId, target: &str) -> Vec<String> {
        let mut out = [0; 255];
        values
            .pairs(id)
            .map(|p| {
                let n = values.write_text(p, target.as_bytes(), 254, &mut out);
                String::from_utf8_lossy(&out[..n]).into_owned()
            })
            .collect()
    }

    #[test]
    fn equal_answers_are_one_value_and_unions_keep_their_order() {
        let mut builder = ValueBuilder::default();
        let mut see = Text::new();
        see.push_literal(b"see ");
        see.push_target();
        let a = builder.single([127, 0, 0, 2], &see);
        let b = builder.single([127, 0, 0, 3], &Text::new());
        assert_eq!(a, builder.single([127, 0, 0, 2], &see));
        let both = builder.union(a, b);
        assert_eq!(both, builder.union(a, b));
        let values = builder.finish();
        assert!(values.is_sound());
        assert_eq!(text(&values, both, "192.0.2.1"), ["see 192.0.2.1", ""]);
    }

    #[test]
    fn a_long_text_is_cut() {
        let mut builder = ValueBuilder::default();
        let mut long = Text::new();
        long.push_literal(&[b'x'; 300]);
        let id = builder.single([127, 0, 0, 2], &long);
        assert_eq!(text(&builder.finish(), id, "")[0].len(), 254);
    }

    #[test]
    fn a_delayed_entry_appears_later_unless_keyed() {
        let c = Condition { from: 100, keyed_at_once: true, ..Condition::default() };
        assert!(!c.holds(99, false));
        assert!(c.holds(99, true));
        assert!(c.holds(100, false));
    }
}

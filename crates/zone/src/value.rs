//! What a listing answers: return codes and texts, each stored once.
//!
//! Many entries share an answer, so an entry holds a [`ValueId`] and the dataset holds the answers. A
//! value is one or more pairs of return code and text; several pairs arise where a list names one
//! network more than once. A text is kept in pieces: literal bytes, and places where the name of what
//! is listed goes in (rbldnsd's `$`), so that nothing is searched when a query is answered.

mod builder;
mod text;

use std::sync::Arc;

use bytes::Bytes;

use crate::lanes::copy_short;
use crate::section::U32s;

pub use builder::ValueBuilder;
use text::Piece;
pub use text::Text;

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

    /// A pair's text as [`Text::template`] reads it: `$` where the target goes in, `$$` for a dollar sign.
    pub(crate) fn template(&self, pair: Pair) -> Vec<u8> {
        let mut template = Vec::new();
        for piece in text::pieces(self.text_pieces(pair.text)) {
            match piece {
                Piece::Target => template.push(b'$'),
                Piece::Literal(bytes) => {
                    for &byte in bytes {
                        template.extend_from_slice(if byte == b'$' {
                            b"$$"
                        } else {
                            std::slice::from_ref(&byte)
                        });
                    }
                }
            }
        }
        template
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
        let (mut written, limit) = (0, limit.min(out.len()));
        for piece in text::pieces(self.text_pieces(pair.text)) {
            let piece = match piece {
                Piece::Target => target,
                Piece::Literal(bytes) => bytes,
            };
            let n = piece.len().min(limit - written);
            copy_short(&piece[..n], &mut out[written..written + n]);
            written += n;
        }
        written
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

//! The values of a dataset while it is built: each return code, text and set of them once.

use std::collections::HashMap;

use bytes::Bytes;

use super::{Condition, First, PAIR, Pair, Text, ValueId, Values};
use crate::dataset::TooMany;

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
            *text = pieces(text.pieces());
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
            text_bytes.extend_from_slice(text.pieces());
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

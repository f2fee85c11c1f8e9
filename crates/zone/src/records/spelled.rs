//! Networks in the tree of names: which addresses a name spells the beginning of, and what an index lists there.
//!
//! A network stands at the names of whole octets (IPv4) or nibbles (IPv6) that it consists of. If most of what goes on
//! with one more octet or nibble is listed alike, that stands as one as well, and what is not listed, or otherwise, are
//! names in it: so an exclusion is one name, and not the names of all its neighbours. What counts is which addresses are
//! listed alike, and not in which pieces an index holds them: a list that was changed and the same list built anew have
//! the same names.

use crate::dataset::ipv4::Ipv4Index;
use crate::dataset::ipv6::Ipv6Index;
use crate::dataset::runs::Runs;
use crate::dataset::{Addresses, Branch, Content, Dataset, NEVER_IPV4, NEVER_IPV6};
use crate::records::sorted_names::path_of;
use crate::value::{Condition, Pair, ValueId, Values};
use crate::zone::Zone;

/// Networks with the place below the apex from which on labels are addresses of them.
#[derive(Debug)]
pub(super) struct Source<'z> {
    /// The path of that place.
    pub(super) base: Vec<u8>,
    v4: Option<&'z Ipv4Index>,
    v6: Option<&'z Ipv6Index>,
    /// What both are listed with.
    values: &'z Values,
}

/// The beginning of an address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Spelled<K> {
    /// The first address that begins so.
    pub(super) first: K,
    /// How many labels spell it.
    pub(super) depth: u32,
}

/// The beginnings of addresses that a name spells, if it spells any.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shape {
    pub(super) v4: Option<Spelled<u32>>,
    pub(super) v6: Option<Spelled<u128>>,
}

/// What a source lists among the addresses that begin as a name says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Fate {
    /// Nothing, or the name spells none of its addresses.
    #[default]
    Nothing,
    /// All of them alike: nothing more has to be said below.
    All,
    /// Most of what is next below with this value: only what is not goes on below.
    Most(u32),
    /// Some, or not enough of them alike: all that is listed goes on below.
    Some,
}

/// What a source lists below a name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Reading {
    pub(super) v4: (Spelled<u32>, Fate),
    pub(super) v6: (Spelled<u128>, Fate),
}

/// How networks of a source end at a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// All that is below is one network.
    All,
    /// Most of it is, and answers so.
    Most(Vec<Answer>),
    /// They end below, if there are any.
    Elsewhere,
}

/// One of the answers of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    code: [u8; 4],
    text: Vec<u8>,
    condition: Condition,
}

/// Addresses as numbers that labels spell digit by digit: octets or nibbles.
pub(super) trait Digits: Copy + Ord {
    /// Labels of a whole address.
    const LABELS: u32;
    /// How many digits there are.
    const DIGITS: u32;
    /// From so many labels on, a network may stand as one name. Wider ones are written as several: lists hold none but
    /// by mistake, and files that were exported before stay what they are.
    const WIDEST: u32;

    /// The first address, with another digit behind so many.
    fn with(self, depth: u32, digit: u32) -> Self;

    /// The digit behind so many.
    fn digit(self, depth: u32) -> u32;

    /// The last address that has so many digits alike.
    fn last(self, depth: u32) -> Self;

    /// The next address.
    fn next(self) -> Option<Self>;
}

/// Implements [`Digits`].
macro_rules! digits {
    ($int:ty, $labels:literal, $bits:literal, $widest:literal) => {
        impl Digits for $int {
            const LABELS: u32 = $labels;
            const DIGITS: u32 = 1 << $bits;
            const WIDEST: u32 = $widest;

            fn with(self, depth: u32, digit: u32) -> $int {
                let place = ($labels - 1_u32).saturating_sub(depth) * $bits;
                self | <$int>::from(digit) << place
            }

            fn digit(self, depth: u32) -> u32 {
                let place = ($labels - 1_u32).saturating_sub(depth) * $bits;
                (self >> place) as u32 & ((1 << $bits) - 1)
            }

            fn last(self, depth: u32) -> $int {
                self | <$int>::MAX.checked_shr(depth * $bits).unwrap_or(0)
            }

            fn next(self) -> Option<$int> {
                self.checked_add(1)
            }
        }
    };
}

digits!(u32, 4, 8, 2);
digits!(u128, 32, 4, 4);

impl<K: Digits> Spelled<K> {
    /// One digit further down.
    fn below(self, digit: u32) -> Spelled<K> {
        Spelled { first: self.first.with(self.depth, digit), depth: self.depth + 1 }
    }

    /// Whether anything is listed that goes on with a digit.
    fn goes_on(self, index: &impl Runs<K>, digit: u32) -> bool {
        let below = self.below(digit);
        index.next(below.first).is_some_and(|range| range.first <= below.first.last(below.depth))
    }

    /// The first digit from one on with which anything that is listed goes on.
    fn next_digit(self, index: &impl Runs<K>, from: u32) -> Option<u32> {
        if from >= K::DIGITS {
            return None;
        }
        let range = index.next(self.first.with(self.depth, from))?;
        (range.first <= self.first.last(self.depth)).then(|| range.first.digit(self.depth))
    }

    /// The first digit from one on that has to be gone on with although most have a value.
    fn next_other(self, index: &impl Runs<K>, value: u32, from: u32) -> Option<u32> {
        (from..K::DIGITS).find(|digit| self.is_other(index, value, *digit))
    }

    /// Whether what goes on with a digit has not a value as a whole.
    fn is_other(self, index: &impl Runs<K>, value: u32, digit: u32) -> bool {
        self.below(digit).alike(index) != Some(value)
    }

    /// What is listed of what begins so.
    fn fate(self, index: &impl Runs<K>) -> Fate {
        let last = self.first.last(self.depth);
        if index.next(self.first).is_none_or(|range| range.first > last) {
            return Fate::Nothing;
        }
        if self.depth < K::WIDEST {
            return Fate::Some;
        }
        match self.alike(index) {
            Some(_) => Fate::All,
            None => self.most(index).map_or(Fate::Some, Fate::Most),
        }
    }

    /// The value of all that begins so, 0 if nothing of it is listed; nothing if they are not alike.
    fn alike(self, index: &impl Runs<K>) -> Option<u32> {
        let last = self.first.last(self.depth);
        let Some(mut range) = index.next(self.first).filter(|range| range.first <= last) else {
            return Some(0);
        };
        if range.first > self.first {
            return None;
        }
        while range.last < last {
            let next = range.last.next();
            match next.and_then(|next| index.next(next)) {
                Some(more) if Some(more.first) == next && more.value == range.value => range = more,
                Some(_) | None => return None,
            }
        }
        Some(range.value)
    }

    /// The value that at least three of four digits go on with, as a whole.
    fn most(self, index: &impl Runs<K>) -> Option<u32> {
        let most_others = K::DIGITS / 4;
        // Whatever value it is, it wins against all others together: so each other one takes a vote from it.
        let (mut value, mut votes, mut others, mut digit) = (0, 0_u32, 0, 0);
        while let Some(next) = self.next_digit(index, digit) {
            others += next - digit;
            match self.below(next).alike(index) {
                None | Some(0) => others += 1,
                Some(own) if own == value => votes += 1,
                Some(own) if votes == 0 => (value, votes) = (own, 1),
                Some(_) => votes -= 1,
            }
            // In most lists this ends it soon.
            if others > most_others {
                return None;
            }
            digit = next + 1;
        }
        let is_it = |digit: &u32| !self.is_other(index, value, *digit);
        let count = (0..K::DIGITS).filter(is_it).count();
        (votes > 0 && count >= (K::DIGITS - most_others) as usize).then_some(value)
    }
}

impl<'z> Source<'z> {
    /// All networks of a zone.
    pub(super) fn of(zone: &'z Zone) -> Vec<Source<'z>> {
        let mut sources = Vec::new();
        zone.datasets.iter().for_each(|dataset| add(&[], dataset, &mut sources));
        sources
    }

    /// What is listed where addresses begin.
    pub(super) fn start(&self) -> Reading {
        let mut reading = Reading::default();
        let (v4, v6) = (Spelled::default(), Spelled::default());
        reading.v4 = (v4, self.v4.map_or(Fate::Nothing, |index| v4.fate(index)));
        reading.v6 = (v6, self.v6.map_or(Fate::Nothing, |index| v6.fate(index)));
        reading
    }

    /// What is listed one label further down.
    pub(super) fn below(&self, above: Reading, label: &[u8]) -> Reading {
        let mut reading = Reading::default();
        if above.v4.1 != Fate::Nothing
            && above.v4.0.depth < u32::LABELS
            && let Some(octet) = octet(label)
        {
            reading.v4 = further(above.v4, self.v4, octet.into());
        }
        if above.v6.1 != Fate::Nothing
            && above.v6.0.depth < u128::LABELS
            && let Some(nibble) = nibble(label)
        {
            reading.v6 = further(above.v6, self.v6, nibble.into());
        }
        reading
    }

    /// The first octet from one on that a network lies below.
    pub(super) fn next_octet(&self, reading: Reading, from: u32) -> Option<u32> {
        next(reading.v4, self.v4, from)
    }

    /// The first nibble from one on that a network lies below.
    pub(super) fn next_nibble(&self, reading: Reading, from: u32) -> Option<u32> {
        next(reading.v6, self.v6, from)
    }

    /// How networks end at a name, of IPv4 and of IPv6: what two versions of a list can be compared by, as values have
    /// other numbers in each.
    pub(super) fn ends(&self, reading: Reading) -> [End; 2] {
        [reading.v4.1, reading.v6.1].map(|fate| match fate {
            Fate::All => End::All,
            Fate::Most(value) => End::Most(self.answers(value)),
            Fate::Some | Fate::Nothing => End::Elsewhere,
        })
    }

    /// What a value answers.
    fn answers(&self, value: u32) -> Vec<Answer> {
        let pairs = self.values.pairs(ValueId(value));
        let answer = |pair: Pair| Answer {
            code: pair.code,
            text: self.values.template(pair),
            condition: self.values.condition(pair.condition),
        };
        pairs.map(answer).collect()
    }

    /// Whether a network begins at an octet or below it.
    pub(super) fn has_octet(&self, reading: Reading, octet: u32) -> bool {
        has(reading.v4, self.v4, octet)
    }

    /// Whether a network begins at a nibble or below it.
    pub(super) fn has_nibble(&self, reading: Reading, nibble: u32) -> bool {
        has(reading.v6, self.v6, nibble)
    }
}

/// One digit further down.
fn further<K: Digits>(
    (spelled, fate): (Spelled<K>, Fate),
    index: Option<&impl Runs<K>>,
    digit: u32,
) -> (Spelled<K>, Fate) {
    let below = spelled.below(digit);
    let fate = match (fate, index) {
        // Of a whole address nobody asks that.
        (Fate::Some | Fate::Most(_), Some(index)) if below.depth < K::LABELS => below.fate(index),
        (fate, _) => fate,
    };
    (below, fate)
}

/// The first digit from one on that something begins at or below, an exclusion among them.
fn next<K: Digits>(
    (spelled, fate): (Spelled<K>, Fate),
    index: Option<&impl Runs<K>>,
    from: u32,
) -> Option<u32> {
    match fate {
        Fate::Some if spelled.depth < K::LABELS => spelled.next_digit(index?, from),
        Fate::Most(value) if spelled.depth < K::LABELS => spelled.next_other(index?, value, from),
        Fate::Some | Fate::Most(_) | Fate::All | Fate::Nothing => None,
    }
}

/// Whether something begins at or below a digit.
fn has<K: Digits>(
    (spelled, fate): (Spelled<K>, Fate),
    index: Option<&impl Runs<K>>,
    digit: u32,
) -> bool {
    spelled.depth < K::LABELS
        && index.is_some_and(|index| match fate {
            Fate::Some => spelled.goes_on(index, digit),
            Fate::Most(value) => spelled.is_other(index, value, digit),
            Fate::All | Fate::Nothing => false,
        })
}

/// Adds the networks of a data set.
fn add<'z>(base: &[u8], dataset: &'z Dataset, sources: &mut Vec<Source<'z>>) {
    match &dataset.content {
        Content::Addresses(addresses) => {
            let Addresses { v4, v6, values, .. } = &**addresses;
            let (v4, v6) = (v4.as_ref(), v6.as_ref());
            sources.push(Source { base: base.to_vec(), v4, v6, values });
        }
        Content::Combined(branches) => {
            for Branch { suffix, datasets, .. } in branches {
                let base = [base, &path_of(suffix)].concat();
                datasets.iter().for_each(|dataset| add(&base, dataset, sources));
            }
        }
        Content::Names(_) | Content::Generic(_) | Content::Acl(_) | Content::Keys(_) => {}
    }
}

impl Default for Shape {
    /// Where addresses begin.
    fn default() -> Shape {
        Shape { v4: Some(Spelled::default()), v6: Some(Spelled::default()) }
    }
}

impl Shape {
    /// One label further down.
    pub(super) fn below(self, label: &[u8]) -> Shape {
        let v4 = self.v4.filter(|v4| v4.depth < u32::LABELS);
        let v6 = self.v6.filter(|v6| v6.depth < u128::LABELS);
        Shape {
            v4: v4.and_then(|v4| Some(v4.below(octet(label)?.into()))),
            v6: v6.and_then(|v6| Some(v6.below(nibble(label)?.into()))),
        }
    }

    /// An address that goes on with an octet at which no network begins, and the octet. `has` says whether one does.
    pub(super) fn unsaid_v4(self, has: impl Fn(u32) -> bool) -> Option<(u32, u32)> {
        let v4 = self.v4.filter(|v4| v4.depth < u32::LABELS)?;
        let address = |octet| v4.first.with(v4.depth, octet);
        let is_never = |octet| v4.depth == u32::LABELS - 1 && address(octet) == NEVER_IPV4;
        let octet = (0..u32::DIGITS).rev().find(|octet| !is_never(*octet) && !has(*octet))?;
        Some((address(octet), octet))
    }

    /// The same for a nibble.
    pub(super) fn unsaid_v6(self, has: impl Fn(u32) -> bool) -> Option<u128> {
        let v6 = self.v6.filter(|v6| v6.depth < u128::LABELS)?;
        let address = |nibble| v6.first.with(v6.depth, nibble);
        let is_never = |nibble| v6.depth == u128::LABELS - 1 && address(nibble) == NEVER_IPV6;
        let nibble = (0..u128::DIGITS).rev().find(|nibble| !is_never(*nibble) && !has(*nibble))?;
        Some(address(nibble))
    }
}

/// The octet that a label spells, without leading zeros.
pub(super) fn octet(label: &[u8]) -> Option<u8> {
    let digits = match *label {
        [] | [b'0', _, ..] => return None,
        ref digits if digits.len() > 3 => return None,
        ref digits => digits,
    };
    let value = digits.iter().try_fold(0_u32, |value, digit| {
        digit.is_ascii_digit().then(|| value * 10 + u32::from(digit - b'0'))
    })?;
    u8::try_from(value).ok()
}

/// The nibble that a label spells.
pub(super) fn nibble(label: &[u8]) -> Option<u8> {
    match *label {
        [digit @ b'0'..=b'9'] => Some(digit - b'0'),
        [letter @ b'a'..=b'f'] => Some(letter - b'a' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::patch::Range;

    /// Ranges as an index has them.
    struct Ranges(&'static [(u32, u32, u32)]);

    impl Runs<u32> for Ranges {
        fn next(&self, at: u32) -> Option<Range<u32>> {
            let (first, last, value) = *self.0.iter().find(|(_, last, _)| *last >= at)?;
            Some(Range { first: first.max(at), last, value })
        }
    }

    #[test]
    fn networks_end_where_all_is_listed_alike() {
        let ranges = Ranges(&[
            (0x0a01_0000, 0x0a01_00ff, 1),
            (0x0a01_0100, 0x0a01_ffff, 1),
            (0x0b00_0000, 0x0bff_ffff, 2),
        ]);
        let fate = |first, depth| Spelled { first, depth }.fate(&ranges);
        assert_eq!(fate(0x0a00_0000, 1), Fate::Some);
        assert_eq!(fate(0x0a01_0000, 2), Fate::All);
        assert_eq!(fate(0x0a01_0300, 3), Fate::All);
        assert_eq!(fate(0x0a02_0000, 2), Fate::Nothing);
        // Wider networks are written as several.
        assert_eq!(fate(0x0b00_0000, 1), Fate::Some);
        assert_eq!(fate(0x0b05_0000, 2), Fate::All);
        let spelled = Spelled { first: 0x0a00_0000_u32, depth: 1 };
        assert_eq!(spelled.next_digit(&ranges, 0), Some(1));
        assert_eq!(spelled.next_digit(&ranges, 2), None);
        assert_eq!(Spelled { first: 0x0b00_0000_u32, depth: 1 }.next_digit(&ranges, 256), None);
        assert!(spelled.goes_on(&ranges, 1) && !spelled.goes_on(&ranges, 2));
    }

    #[test]
    fn labels_are_octets_and_nibbles_in_one_way() {
        for (label, as_octet, as_nibble) in [
            ("0", Some(0), Some(0)),
            ("9", Some(9), Some(9)),
            ("a", None, Some(10)),
            ("g", None, None),
            ("00", None, None),
            ("01", None, None),
            ("10", Some(10), None),
            ("255", Some(255), None),
            ("256", None, None),
            ("1000", None, None),
            ("1a", None, None),
            ("", None, None),
        ] {
            assert_eq!(octet(label.as_bytes()), as_octet, "{label}");
            assert_eq!(nibble(label.as_bytes()), as_nibble, "{label}");
        }
    }
}

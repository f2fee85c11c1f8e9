//! The part of a query name before the apex, and the addresses it may stand for.
//!
//! A [`Relative`] borrows from the query: lower-cased wire form and the place of each label. The same
//! labels can mean several things at once: `1.0.0.2` is the address 2.0.0.1, the nibbles of 2001::/16
//! and a domain name. Each data set takes the meaning it knows.

use crate::section::read_u32;

/// A name below an apex: lower-case wire form without the apex, and where its labels begin.
#[derive(Clone, Copy, Debug)]
pub struct Relative<'q> {
    /// The wire form, and maybe more bytes behind it, so that it can be read in whole words.
    buffer: &'q [u8],
    len: usize,
    labels: &'q [u8],
}

impl<'q> Relative<'q> {
    /// Takes the labels before an apex. `labels` holds the offset of each in `wire`, which is in
    /// lower case and ends where the apex begins.
    #[inline]
    pub fn new(wire: &'q [u8], labels: &'q [u8]) -> Relative<'q> {
        Relative { buffer: wire, len: wire.len(), labels }
    }

    /// The same for the first `len` bytes of a buffer; some bytes behind them make reading faster.
    ///
    /// # Panics
    /// If the buffer is shorter.
    #[inline]
    pub fn in_buffer(buffer: &'q [u8], len: usize, labels: &'q [u8]) -> Relative<'q> {
        assert!(len <= buffer.len(), "a name lies within its buffer");
        Relative { buffer, len, labels }
    }

    /// How many labels there are; 0 is the apex itself.
    #[inline]
    pub fn label_count(self) -> usize {
        self.labels.len()
    }

    /// The wire form.
    #[inline]
    pub fn wire(self) -> &'q [u8] {
        &self.buffer[..self.len]
    }

    /// The last `count` labels, in wire form.
    #[inline]
    pub(crate) fn suffix(self, count: usize) -> &'q [u8] {
        match self.labels.len().checked_sub(count).and_then(|i| self.labels.get(i)) {
            Some(&at) => &self.wire()[usize::from(at)..],
            None if count == 0 => &[],
            None => self.wire(),
        }
    }

    /// The buffer, and where in it the length byte of each label is.
    #[inline(always)]
    pub(crate) fn labels(self) -> (&'q [u8], &'q [u8]) {
        (self.buffer, self.labels)
    }

    /// A label without its length byte, from the left.
    #[inline]
    pub(crate) fn label(self, index: usize) -> &'q [u8] {
        let at = usize::from(self.labels[index]);
        let len = usize::from(self.buffer[at]);
        &self.buffer[at + 1..at + 1 + len]
    }

    /// Without its last `count` labels; it must have as many.
    #[inline]
    pub fn without_last(self, count: usize) -> Relative<'q> {
        let keep = self.labels.len() - count;
        let len = self.labels.get(keep).map_or(self.len, |&at| usize::from(at));
        Relative { buffer: self.buffer, len, labels: &self.labels[..keep] }
    }

    /// The IPv4 address that four labels spell: octets from last to first (RFC 5782 section 2.1).
    #[inline]
    pub(crate) fn ipv4(self, octets: Octets) -> Option<u32> {
        let labels: &[u8; 4] = self.labels.try_into().ok()?;
        let Some(buffer) = self.buffer.first_chunk::<ROOM>() else {
            return self.ipv4_by_bytes(octets);
        };
        // Labels of more than three digits are none; with fewer, each begins in the first 16 bytes.
        let (mut address, mut good) = (0_u32, self.len <= LONGEST_IPV4);
        for (place, &at) in labels.iter().enumerate() {
            let at = usize::from(at) & (LONGEST_IPV4 - 1);
            let (octet, is_good) = octet_word(read_u32(buffer, at));
            address |= octet << (8 * place);
            good &= is_good;
        }
        match good {
            true => Some(address),
            false if octets == Octets::LeadingZeros => self.ipv4_by_bytes(octets),
            false => None,
        }
    }

    /// As [`Self::ipv4`], for a name without bytes behind it.
    fn ipv4_by_bytes(self, octets: Octets) -> Option<u32> {
        let (mut address, mut rest) = (0_u32, self.wire());
        for place in [0, 8, 16, 24] {
            let (octet, tail) = octet(rest, octets)?;
            address |= octet << place;
            rest = tail;
        }
        Some(address)
    }

    /// The network that one to three octet labels spell, as first and last address.
    pub(crate) fn ipv4_network(self, octets: Octets) -> Option<(u32, u32)> {
        if !(1..=3).contains(&self.labels.len()) {
            return None;
        }
        let (mut address, mut rest) = (0_u32, self.wire());
        let host = 32 - 8 * self.labels.len() as u32;
        let mut place = host;
        while !rest.is_empty() {
            let (octet, tail) = octet(rest, octets)?;
            address |= octet << place;
            place += 8;
            rest = tail;
        }
        Some((address, address | u32::MAX >> (32 - host)))
    }

    /// The IPv6 address that 32 labels spell: nibbles from last to first (RFC 5782 section 2.4).
    #[inline]
    pub(crate) fn ipv6(self) -> Option<u128> {
        if self.len != 64 || self.labels.len() != 32 {
            return None;
        }
        let (labels, _) = self.wire().as_chunks::<16>();
        let (mut octets, mut wrong) = ([0; 16], 0);
        // Eight labels at once: length and digit by turns, the lowest nibble first.
        for (octets, labels) in octets.chunks_exact_mut(4).zip(labels) {
            let (labels, _) = labels.as_chunks::<2>();
            let labels: [u16; 8] = std::array::from_fn(|i| u16::from_le_bytes(labels[i]));
            let nibbles = labels.map(|label| (label >> 8 & 15) + (label >> 14) * 9);
            // Written again, the nibbles must give the labels, 0-9 or a-f above 9, and be none above 15.
            for (label, nibble) in labels.into_iter().zip(nibbles) {
                let letter = if nibble > 9 { 0x27 } else { 0 };
                wrong |= (nibble + 0x30 + letter) << 8 ^ 1 ^ label | nibble >> 4;
            }
            for (i, octet) in octets.iter_mut().enumerate() {
                *octet = (nibbles[2 * i] | nibbles[2 * i + 1] << 4) as u8;
            }
        }
        (wrong == 0).then(|| u128::from_le_bytes(octets))
    }

    /// The network that 1 to 31 nibble labels spell, as first and last address.
    pub(crate) fn ipv6_network(self) -> Option<(u128, u128)> {
        let count = self.labels.len();
        if !(1..=31).contains(&count) || self.len != count * 2 {
            return None;
        }
        let mut address = 0_u128;
        for pair in self.wire().rchunks_exact(2) {
            let nibble = NIBBLES[usize::from(pair[1])];
            if pair[0] != 1 || nibble > 15 {
                return None;
            }
            address = address << 4 | u128::from(nibble);
        }
        let host = 128 - 4 * count as u32;
        let first = address << host;
        Some((first, first | u128::MAX >> (128 - host)))
    }
}

/// How octet labels may be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Octets {
    /// One way for each address: no leading zeros.
    Plain,
    /// rbldnsd takes `001` for 1.
    LeadingZeros,
}

/// Reads one octet label, written without leading zeros, from a word that begins with it; other bytes may
/// follow it in the word. Says whether it is one.
///
/// It takes the digits for what they should be and computes a number; then the label of that number,
/// from a table, must be the label that is there. So nothing else needs to be checked.
#[inline(always)]
fn octet_word(word: u32) -> (u32, bool) {
    const USED: [u32; 4] = [0, 0xffff, 0x00ff_ffff, 0xffff_ffff];
    let len = word & 0xff;
    let label = word & USED[(len & 3) as usize];
    // The last digit on top: hundreds, tens and ones are the upper three bytes.
    let digits = (word & 0x0f0f_0f00) << (((len * 8) ^ 24) & 31);
    let octet = digits.wrapping_mul(1 + (10 << 8) + (100 << 16)) >> 24;
    (octet, OCTETS[octet as usize & 255] == label)
}

/// Reads one octet label.
#[inline(always)]
fn octet(wire: &[u8], octets: Octets) -> Option<(u32, &[u8])> {
    let (label, tail) = match *wire {
        [1, a, ref tail @ ..] => ([b'0', b'0', a], tail),
        [2, a, b, ref tail @ ..] => ([b'0', a, b], tail),
        [3, a, b, c, ref tail @ ..] => ([a, b, c], tail),
        _ => return None,
    };
    let leading_zero = wire[0] > 1 && wire[1] == b'0';
    let [a, b, c] = label.map(|digit| u32::from(digit.wrapping_sub(b'0')));
    let value = a * 100 + b * 10 + c;
    let good = (a <= 9) & (b <= 9) & (c <= 9) & (value <= 255);
    (good && (octets == Octets::LeadingZeros || !leading_zero)).then_some((value, tail))
}

/// Longest name of four octet labels.
const LONGEST_IPV4: usize = 16;
/// Bytes in which words can be read at each of its places.
const ROOM: usize = LONGEST_IPV4 + 3;

/// The label of each octet: its length, then its digits.
static OCTETS: [u32; 256] = {
    let mut table = [0; 256];
    let mut octet = 0;
    while octet < 256 {
        let n = octet as u32;
        let [hundreds, tens, ones] = [n / 100 + 0x30, n / 10 % 10 + 0x30, n % 10 + 0x30];
        table[octet] = match n {
            0..=9 => 1 | ones << 8,
            10..=99 => 2 | tens << 8 | ones << 16,
            _ => 3 | hundreds << 8 | tens << 16 | ones << 24,
        };
        octet += 1;
    }
    table
};

/// Value of each hexadecimal digit in lower case; 16 and more for what is none.
static NIBBLES: [u8; 256] = {
    let mut table = [0xf0; 256];
    let mut i = 0;
    while i < 16 {
        table[b"0123456789abcdef"[i] as usize] = i as u8;
        i += 1;
    }
    table
};

#[cfg(test)]
#[expect(clippy::redundant_closure_for_method_calls, reason = "paths fix the lifetime too early")]
mod tests {
    use super::*;

    fn with<T>(text: &str, ask: impl FnOnce(Relative<'_>) -> T) -> T {
        let (mut wire, mut labels) = (Vec::new(), Vec::new());
        for label in text.split('.') {
            labels.push(wire.len() as u8);
            wire.push(label.len() as u8);
            wire.extend_from_slice(label.as_bytes());
        }
        ask(Relative::new(&wire, &labels))
    }

    #[test]
    fn octets_spell_an_address_in_one_way() {
        assert_eq!(with("99.2.0.192", |r| r.ipv4(Octets::Plain)), Some(0xc000_0263));
        for bad in ["99.2.0", "256.2.0.192", "a.2.0.192", "01.2.0.192", "9999.2.0.192", "1.2.3.4.5"]
        {
            assert_eq!(with(bad, |r| r.ipv4(Octets::Plain)), None, "{bad}");
        }
        assert_eq!(with("001.2.0.192", |r| r.ipv4(Octets::LeadingZeros)), Some(0xc000_0201));
    }

    #[test]
    fn words_and_bytes_read_the_same_octets() {
        let digits: Vec<Vec<u8>> = (0..=1200_u32)
            .map(|n| n.to_string().into_bytes())
            .chain(
                ["00", "01", "001", "010", "000", "a", "1a", "a1", "12a", "/", "1:", "99:", "p"]
                    .map(Vec::from),
            )
            .collect();
        for label in digits {
            let mut wire = vec![label.len() as u8];
            wire.extend_from_slice(&label);
            let expect = octet(&wire, Octets::Plain).map(|(octet, _)| octet);
            for behind in [&[3, b'1', b'2', b'3'][..], &[0xff; 4], &[0; 4]] {
                let buffer = [&wire[..], behind].concat();
                let word = u32::from_le_bytes(buffer[..4].try_into().unwrap());
                let (value, good) = octet_word(word);
                assert_eq!(good.then_some(value), expect, "{label:?} {behind:?}");
            }
        }
    }

    #[test]
    fn every_word_is_an_octet_label_or_none() {
        let bytes: Vec<u8> =
            (0x2e..=0x3b).chain([0, 1, 0x10, 0x19, 0x70, 0x79, 0xb1, 0xff]).collect();
        let triples = bytes.iter().flat_map(|a| bytes.iter().map(move |b| (*a, *b)));
        for (a, b) in triples {
            for c in &bytes {
                for len in [0, 1, 2, 3, 4, 5, 6, 7, 0x33, 0xff] {
                    let wire = [len, a, b, *c];
                    let expect = match len {
                        1..=3 => octet(&wire[..=usize::from(len)], Octets::Plain).map(|(n, _)| n),
                        _ => None,
                    };
                    let (value, good) = octet_word(u32::from_le_bytes(wire));
                    assert_eq!(good.then_some(value), expect, "{wire:?}");
                }
            }
        }
    }

    #[test]
    fn fewer_octets_spell_a_network() {
        assert_eq!(
            with("2.0.192", |r| r.ipv4_network(Octets::Plain)),
            Some((0xc000_0200, 0xc000_02ff))
        );
        assert_eq!(
            with("192", |r| r.ipv4_network(Octets::Plain)),
            Some((0xc000_0000, 0xc0ff_ffff))
        );
    }

    #[test]
    fn nibbles_spell_an_address_or_a_network() {
        let full: Vec<String> = format!("{:032x}", 0x2001_0db8_u128 << 96 | 0x1f)
            .chars()
            .rev()
            .map(String::from)
            .collect();
        assert_eq!(with(&full.join("."), |r| r.ipv6()), Some(0x2001_0db8 << 96 | 0x1f));
        assert_eq!(with(&full.join(".").replace('f', "g"), |r| r.ipv6()), None);
        let (first, last) = with("1.0.0.2", |r| r.ipv6_network()).unwrap();
        assert_eq!((first >> 112, last >> 112, last as u64), (0x2001, 0x2001, u64::MAX));
    }

    #[test]
    fn suffixes_and_heads_are_by_labels() {
        with("a.bc.d", |r| {
            assert_eq!(r.suffix(2), b"\x02bc\x01d");
            assert_eq!(r.suffix(0), b"");
            assert_eq!(r.label(1), b"bc");
            assert_eq!(r.without_last(1).wire(), b"\x01a\x02bc");
        });
    }
}

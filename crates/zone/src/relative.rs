//! The part of a query name before the apex, and the addresses it may stand for.
//!
//! A [`Relative`] borrows from the query: lower-cased wire form and the place of each label. The same
//! labels can mean several things at once: `1.0.0.2` is the address 2.0.0.1, the nibbles of 2001::/16
//! and a domain name. Each data set takes the meaning it knows.

/// A name below an apex: lower-case wire form without the apex, and where its labels begin.
#[derive(Clone, Copy, Debug)]
pub struct Relative<'q> {
    wire: &'q [u8],
    labels: &'q [u8],
}

impl<'q> Relative<'q> {
    /// Takes the labels before an apex. `labels` holds the offset of each in `wire`, which is in
    /// lower case and ends where the apex begins.
    #[inline]
    pub fn new(wire: &'q [u8], labels: &'q [u8]) -> Relative<'q> {
        Relative { wire, labels }
    }

    /// How many labels there are; 0 is the apex itself.
    #[inline]
    pub fn label_count(self) -> usize {
        self.labels.len()
    }

    /// The wire form.
    #[inline]
    pub fn wire(self) -> &'q [u8] {
        self.wire
    }

    /// The last `count` labels, in wire form.
    #[inline]
    pub(crate) fn suffix(self, count: usize) -> &'q [u8] {
        match self.labels.len().checked_sub(count).and_then(|i| self.labels.get(i)) {
            Some(&at) => &self.wire[usize::from(at)..],
            None if count == 0 => &[],
            None => self.wire,
        }
    }

    /// A label without its length byte, from the left.
    #[inline]
    pub(crate) fn label(self, index: usize) -> &'q [u8] {
        let at = usize::from(self.labels[index]);
        let len = usize::from(self.wire[at]);
        &self.wire[at + 1..at + 1 + len]
    }

    /// Without its last `count` labels; it must have as many.
    #[inline]
    pub fn without_last(self, count: usize) -> Relative<'q> {
        let keep = self.labels.len() - count;
        let end = self.labels.get(keep).map_or(self.wire.len(), |&at| usize::from(at));
        Relative { wire: &self.wire[..end], labels: &self.labels[..keep] }
    }

    /// The IPv4 address that four labels spell: octets from last to first (RFC 5782 section 2.1).
    #[inline]
    pub(crate) fn ipv4(self, octets: Octets) -> Option<u32> {
        if self.labels.len() != 4 {
            return None;
        }
        let (mut address, mut rest) = (0_u32, self.wire);
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
        let (mut address, mut rest) = (0_u32, self.wire);
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
        let wire: &[u8; 64] = self.wire.try_into().ok()?;
        let (pairs, _) = wire.as_chunks::<2>();
        let (mut address, mut bad) = (0_u128, 0_u8);
        // From the right, the upper nibble of the address first.
        for half in 0..2 {
            let mut part = 0_u64;
            for [len, digit] in pairs[16 - half * 16..32 - half * 16].iter().rev() {
                let nibble = NIBBLES[usize::from(*digit)];
                bad |= nibble | (len ^ 1) << 4;
                part = part << 4 | u64::from(nibble & 15);
            }
            address = address << 64 | u128::from(part);
        }
        (bad & 0xf0 == 0 && self.labels.len() == 32).then_some(address)
    }

    /// The network that 1 to 31 nibble labels spell, as first and last address.
    pub(crate) fn ipv6_network(self) -> Option<(u128, u128)> {
        let count = self.labels.len();
        if !(1..=31).contains(&count) || self.wire.len() != count * 2 {
            return None;
        }
        let mut address = 0_u128;
        for pair in self.wire.rchunks_exact(2) {
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

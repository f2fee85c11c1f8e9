//! The data of records, in wire form: where the names are in it, whether two are the same.
//!
//! A zone keeps data as bytes and knows no more of a type than this table: that is enough to compress, to compare,
//! and to find what else an answer should carry. Text becomes bytes, and bytes text, in [`crate::master`].

/// A part of record data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// So many bytes.
    Bytes(u8),
    /// A name that may be compressed in messages (RFC 3597 section 4: types of RFC 1035 only).
    Name,
    /// A name that is never compressed in messages that are sent.
    PlainName,
    /// A byte of length and so many bytes.
    Text,
}

/// The parts of a type's data; behind them are bytes without names.
pub fn parts(rtype: u16) -> &'static [Part] {
    use Part::{Bytes, Name, PlainName, Text};
    match rtype {
        // NS, MD, MF, CNAME, MB, MG, MR, PTR.
        2..=5 | 7..=9 | 12 => &[Name],
        // SOA, MINFO.
        6 | 14 => &[Name, Name],
        // MX.
        15 => &[Bytes(2), Name],
        // RP.
        17 => &[PlainName, PlainName],
        // AFDB, RT, KX, LP.
        18 | 21 | 36 | 107 => &[Bytes(2), PlainName],
        // SIG, RRSIG.
        24 | 46 => &[Bytes(18), PlainName],
        // PX.
        26 => &[Bytes(2), PlainName, PlainName],
        // SRV.
        33 => &[Bytes(6), PlainName],
        // NAPTR.
        35 => &[Bytes(4), Text, Text, Text, PlainName],
        // NXT, DNAME, NSEC.
        30 | 39 | 47 => &[PlainName],
        // SVCB, HTTPS.
        64 | 65 => &[Bytes(2), PlainName],
        _ => &[],
    }
}

/// A piece of some data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece<'d> {
    /// Bytes that are no name.
    Bytes(&'d [u8]),
    /// A name in wire form that may be compressed.
    Name(&'d [u8]),
    /// A name in wire form that may not.
    PlainName(&'d [u8]),
}

/// Goes through some data; data that is not what its type says is bytes.
pub fn pieces(rtype: u16, data: &[u8]) -> impl Iterator<Item = Piece<'_>> {
    let mut parts = parts(rtype).iter();
    let mut rest = data;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let split = parts.next().and_then(|part| {
            let len = match part {
                Part::Bytes(len) => usize::from(*len),
                Part::Text => 1 + usize::from(*rest.first()?),
                Part::Name | Part::PlainName => name_len(rest)?,
            };
            let (piece, tail) = rest.split_at_checked(len)?;
            let piece = match part {
                Part::Bytes(_) | Part::Text => Piece::Bytes(piece),
                Part::Name => Piece::Name(piece),
                Part::PlainName => Piece::PlainName(piece),
            };
            Some((piece, tail))
        });
        let (piece, tail) = split.unwrap_or((Piece::Bytes(rest), &[]));
        if split.is_none() {
            parts = [].iter();
        }
        rest = tail;
        Some(piece)
    })
}

/// Whether data is what its type says, as far as the names in it and the lengths of the commonest types go.
pub fn is_sound(rtype: u16, data: &[u8]) -> bool {
    let mut rest = data;
    for part in parts(rtype) {
        let len = match part {
            Part::Bytes(len) => Some(usize::from(*len)),
            Part::Text => rest.first().map(|len| 1 + usize::from(*len)),
            Part::Name | Part::PlainName => name_len(rest),
        };
        match len.and_then(|len| rest.get(len..)) {
            Some(tail) => rest = tail,
            None => return false,
        }
    }
    match rtype {
        1 => data.len() == 4,
        28 => data.len() == 16,
        6 => rest.len() == 20,
        2..=5 | 7..=9 | 12 | 14 | 15 | 33 | 39 => rest.is_empty(),
        16 => !data.is_empty() && texts(data).is_some(),
        _ => true,
    }
}

/// Whether data of one type is the same: names are compared without regard to case (RFC 2136 section 1.1.1).
pub fn same(rtype: u16, one: &[u8], other: &[u8]) -> bool {
    if one == other {
        return true;
    }
    if one.len() != other.len() || parts(rtype).is_empty() {
        return false;
    }
    pieces(rtype, one).zip(pieces(rtype, other)).all(|pair| match pair {
        (Piece::Name(one), Piece::Name(other))
        | (Piece::PlainName(one), Piece::PlainName(other)) => one.eq_ignore_ascii_case(other),
        (one, other) => one == other,
    })
}

/// The names that an answer with this data leads to: of NS, MX, SRV and their like.
pub fn target(rtype: u16, data: &[u8]) -> Option<&[u8]> {
    use crate::rtype::{CNAME, DNAME, HTTPS, MX, NS, PTR, SRV, SVCB};
    if !matches!(rtype, NS | CNAME | MX | SRV | PTR | DNAME | SVCB | HTTPS) {
        return None;
    }
    pieces(rtype, data).find_map(|piece| match piece {
        Piece::Name(name) | Piece::PlainName(name) => Some(name),
        Piece::Bytes(_) => None,
    })
}

/// The character-strings of TXT data; nothing if that is not what it is.
pub fn texts(data: &[u8]) -> Option<Vec<&[u8]>> {
    let (mut texts, mut rest) = (Vec::new(), data);
    while let Some((&len, tail)) = rest.split_first() {
        let (text, tail) = tail.split_at_checked(usize::from(len))?;
        texts.push(text);
        rest = tail;
    }
    Some(texts)
}

/// The labels of a name in wire form.
pub fn labels(name: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = name;
    std::iter::from_fn(move || {
        let (&len @ 1.., tail) = rest.split_first()? else { return None };
        let (label, tail) = tail.split_at_checked(usize::from(len))?;
        rest = tail;
        Some(label)
    })
}

/// Bytes of the name in wire form that `bytes` begins with, its root included.
pub fn name_len(bytes: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        match *bytes.get(at)? {
            0 => return (at < MAX_NAME).then_some(at + 1),
            len @ 1..=63 => at += 1 + usize::from(len),
            _ => return None,
        }
    }
}

/// Longest name on the wire.
const MAX_NAME: usize = 255;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_data_are_found_and_compared_without_case() {
        let (one, other) = (b"\x00\x0a\x02mx\x04TEST\x00", b"\x00\x0a\x02MX\x04test\x00");
        assert!(same(15, one, other));
        assert!(!same(16, one, other), "texts are bytes");
        assert!(!same(15, one, b"\x00\x0b\x02mx\x04TEST\x00"));
        let found: Vec<_> = pieces(15, one).collect();
        assert_eq!(found, [Piece::Bytes(&one[..2]), Piece::Name(&one[2..])]);
        assert_eq!(target(15, one), Some(&one[2..]));
    }

    #[test]
    fn data_that_is_cut_is_bytes_and_not_sound() {
        for cut in [&b"\x00"[..], b"\x00\x0a\x02m", b"\x00\x0a\xc0\x0c"] {
            assert!(!is_sound(15, cut));
            assert_eq!(
                pieces(15, cut)
                    .map(|p| match p {
                        Piece::Bytes(b) | Piece::Name(b) | Piece::PlainName(b) => b.len(),
                    })
                    .sum::<usize>(),
                cut.len()
            );
        }
        assert!(is_sound(15, b"\x00\x0a\x00"));
        assert!(!is_sound(16, b"") && !is_sound(16, b"\x02a") && is_sound(16, b"\x01a\x00"));
        assert!(is_sound(65280, b""), "of an unknown type anything may be");
    }
}

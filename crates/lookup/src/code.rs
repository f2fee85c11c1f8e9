//! Sets of return codes, as lists document them and filters name them.
//!
//! Three forms are in use: ranges of each octet as Postfix writes them (`127.0.[0..255].[1;3;5..9]`), a
//! prefix (`127.0.1.0/24`), and bits of the last octet (`127.0.0.0&8`: SURBL, URIBL). A plain address is
//! the first form.

use std::fmt;
use std::net::Ipv4Addr;
use std::str::FromStr;

use repute_dnsxl::ReturnCode;

/// A set of return codes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CodeSet {
    /// Ranges of each octet.
    Octets([Vec<(u8, u8)>; 4]),
    /// The upper octets are these, and the last one has one of these bits.
    Bits([u8; 3], u8),
}

impl CodeSet {
    /// Exactly one code.
    pub fn one(code: ReturnCode) -> CodeSet {
        CodeSet::Octets(code.0.octets().map(|octet| vec![(octet, octet)]))
    }

    /// Whether a code belongs to it.
    pub fn contains(&self, code: ReturnCode) -> bool {
        let octets = code.0.octets();
        match self {
            CodeSet::Octets(ranges) => ranges
                .iter()
                .zip(octets)
                .all(|(ranges, octet)| ranges.iter().any(|(a, b)| (*a..=*b).contains(&octet))),
            CodeSet::Bits(upper, bits) => octets[..3] == *upper && octets[3] & bits != 0,
        }
    }

    /// Whether some code could belong to both. Two sets of bits are apart if they share no bit: a code
    /// that has bits of both says two things.
    pub fn overlaps(&self, other: &CodeSet) -> bool {
        match (self, other) {
            (CodeSet::Bits(a, bits), CodeSet::Bits(b, others)) => a == b && bits & others != 0,
            (CodeSet::Octets(a), CodeSet::Octets(b)) => a.iter().zip(b).all(|(a, b)| {
                a.iter()
                    .any(|(low, high)| b.iter().any(|(first, last)| low <= last && first <= high))
            }),
            (CodeSet::Bits(upper, _), octets @ CodeSet::Octets(_))
            | (octets @ CodeSet::Octets(_), CodeSet::Bits(upper, _)) => {
                let [a, b, c] = *upper;
                (0..=255).map(|d| ReturnCode(Ipv4Addr::new(a, b, c, d))).any(|code| {
                    self.contains(code) && octets.contains(code) && other.contains(code)
                })
            }
        }
    }

    /// Whether all its codes lie in 127.0.0.0/8, where a list's answers lie.
    pub fn is_conventional(&self) -> bool {
        match self {
            CodeSet::Octets([first, ..]) => first.iter().all(|range| *range == (127, 127)),
            CodeSet::Bits([first, ..], _) => *first == 127,
        }
    }
}

impl FromStr for CodeSet {
    type Err = CodeSetError;

    /// Parses an address, a number (the last octet), or one of the three forms.
    fn from_str(text: &str) -> Result<CodeSet, CodeSetError> {
        if let Some((base, bits)) = text.split_once('&') {
            let [a, b, c, _] = base.parse::<Ipv4Addr>().map_err(|_| CodeSetError)?.octets();
            return Ok(CodeSet::Bits([a, b, c], bits.parse().map_err(|_| CodeSetError)?));
        }
        if let Some((base, len)) = text.split_once('/') {
            let first = u32::from(base.parse::<Ipv4Addr>().map_err(|_| CodeSetError)?);
            let len: u32 = len.parse().ok().filter(|len| *len <= 32).ok_or(CodeSetError)?;
            let host = u32::MAX.checked_shr(len).unwrap_or(0);
            let (low, high) = ((first & !host).to_be_bytes(), (first | host).to_be_bytes());
            return Ok(CodeSet::Octets(std::array::from_fn(|i| vec![(low[i], high[i])])));
        }
        if let Ok(code) = text.parse() {
            return Ok(CodeSet::one(code));
        }
        let mut rest = text;
        let mut octets: [Vec<(u8, u8)>; 4] = Default::default();
        for (i, octet) in octets.iter_mut().enumerate() {
            if i > 0 {
                rest = rest.strip_prefix('.').ok_or(CodeSetError)?;
            }
            let (part, tail) = match rest.strip_prefix('[') {
                Some(inner) => inner.split_once(']').ok_or(CodeSetError)?,
                None => rest.split_at(rest.find('.').unwrap_or(rest.len())),
            };
            rest = tail;
            for range in part.split(';') {
                let (low, high) = range.split_once("..").unwrap_or((range, range));
                let number = |text: &str| text.parse::<u8>().map_err(|_| CodeSetError);
                let (low, high) = (number(low)?, number(high)?);
                if low > high {
                    return Err(CodeSetError);
                }
                octet.push((low, high));
            }
        }
        if rest.is_empty() { Ok(CodeSet::Octets(octets)) } else { Err(CodeSetError) }
    }
}

impl fmt::Display for CodeSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let octets = match self {
            CodeSet::Bits([a, b, c], bits) => return write!(f, "{a}.{b}.{c}.0&{bits}"),
            CodeSet::Octets(octets) => octets,
        };
        for (i, ranges) in octets.iter().enumerate() {
            if i > 0 {
                f.write_str(".")?;
            }
            let written = ranges.iter().map(|(low, high)| match low == high {
                true => low.to_string(),
                false => format!("{low}..{high}"),
            });
            let written: Vec<_> = written.collect();
            match &ranges[..] {
                [(low, high)] if low == high => write!(f, "{low}")?,
                _ => write!(f, "[{}]", written.join(";"))?,
            }
        }
        Ok(())
    }
}

/// The text is no set of return codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "not a set of return codes: expected an address (127.0.0.2), its last number (2), ranges \
     (127.0.0.[2..11]), a prefix (127.0.1.0/24) or bits (127.0.0.0&8)"
)]
pub struct CodeSetError;

#[cfg(test)]
mod tests {
    use super::*;

    fn contains(set: &str, code: &str) -> bool {
        let set: CodeSet = set.parse().expect("a set");
        assert_eq!(set.to_string().parse(), Ok(set.clone()), "what is written is read again");
        set.contains(code.parse().expect("a code"))
    }

    #[test]
    fn every_form_holds_what_it_says() {
        for (set, inside, outside) in [
            ("2", "127.0.0.2", "127.0.0.3"),
            ("127.0.0.2", "127.0.0.2", "127.0.1.2"),
            ("127.0.0.[2..11]", "127.0.0.11", "127.0.0.12"),
            ("127.0.[0..255].[1;3;5..9]", "127.0.77.3", "127.0.77.4"),
            ("127.255.255.0/24", "127.255.255.254", "127.255.254.254"),
            ("127.0.0.0/8", "127.9.9.9", "128.0.0.1"),
            ("127.0.0.0&8", "127.0.0.10", "127.0.0.6"),
        ] {
            assert!(contains(set, inside), "{set} holds {inside}");
            assert!(!contains(set, outside), "{set} does not hold {outside}");
        }
    }

    #[test]
    fn sets_overlap_if_a_code_is_in_both() {
        for (a, b, overlap) in [
            ("2", "127.0.0.[2..11]", true),
            ("127.0.[0..255].255", "127.0.0.[1..254]", false),
            ("127.0.[0..255].255", "127.0.10.0/24", true),
            ("127.0.0.0&1", "127.0.0.0&8", false),
            ("127.0.0.0&9", "127.0.0.0&8", true),
            ("127.0.0.0&8", "127.0.1.0&8", false),
            ("127.0.0.0&1", "3", true),
            ("127.0.0.0&1", "4", false),
            ("127.0.0.0&1", "127.0.1.3", false),
        ] {
            let (a, b): (CodeSet, CodeSet) = (a.parse().expect("a set"), b.parse().expect("a set"));
            assert_eq!((a.overlaps(&b), b.overlaps(&a)), (overlap, overlap), "{a} and {b}");
        }
    }

    #[test]
    fn answers_of_lists_lie_in_one_network() {
        for (set, conventional) in
            [("2", true), ("127.0.0.0&8", true), ("127.0.0.0/8", true), ("126.0.0.0/7", false)]
        {
            let set: CodeSet = set.parse().expect("a set");
            assert_eq!(set.is_conventional(), conventional, "{set}");
        }
    }

    #[test]
    fn what_is_no_set_is_an_error() {
        for text in
            ["", "x", "127.0.0", "127.0.0.[2..1]", "127.0.0.[2", "127.0.0.0/33", "1.2.3.4.5", "256"]
        {
            assert!(text.parse::<CodeSet>().is_err(), "{text}");
        }
    }
}

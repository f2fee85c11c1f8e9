//! Lists of addresses as people paste them: one a line or several, with comments, names, ranges, brackets.
//!
//! What can only be meant in one way is taken so; what cannot is a fault with its line, and takes nothing from the
//! other lines.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use repute_dnsxl::{Ipv4Network, Ipv6Network, Network, NetworkError};

/// What a pasted text holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pasted {
    /// Its networks, each once, in their order.
    pub networks: Vec<Network>,
    /// What is wrong with other lines.
    pub faults: Vec<Fault>,
}

/// What is wrong with a line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: `{text}`: {what}")]
pub struct Fault {
    /// Which line, from 1 on.
    pub line: usize,
    /// What stands there, shortened, without what is not printed.
    pub text: String,
    /// What is wrong with it.
    pub what: What,
}

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum What {
    /// No address.
    #[error("not an address, a network (192.0.2.0/24) or a range (192.0.2.1-192.0.2.9)")]
    Address,
    /// A prefix length that its family does not have.
    #[error("the prefix length must be 0 to 32 (IPv4) or 0 to 128 (IPv6)")]
    PrefixLength,
    /// `192.0.2.1/24`: an address or its network.
    #[error("has bits behind the prefix: write the address alone, or the network's first address")]
    HostBits,
    /// The end of a range lies before its beginning, or in the other family.
    #[error("the range ends before it begins")]
    Range,
    /// It was there before.
    #[error("is there twice")]
    Twice,
    /// More than are taken.
    #[error("more than {MOST} networks: make several requests")]
    TooMany,
}

/// Reads a pasted text.
pub fn paste(text: &str) -> Pasted {
    let mut pasted = Pasted::default();
    let mut seen = BTreeSet::new();
    for (number, line) in text.lines().enumerate() {
        let line = line.split(['#', ';']).next().unwrap_or_default();
        for part in parts(line) {
            let fault = |what| Fault { line: number + 1, text: shown(&part), what };
            match networks(&part) {
                Err(what) => pasted.faults.push(fault(what)),
                Ok(networks) => {
                    let mut is_twice = false;
                    for network in networks {
                        if pasted.networks.len() >= MOST {
                            pasted.faults.push(fault(What::TooMany));
                            return pasted;
                        }
                        match seen.insert(network) {
                            true => pasted.networks.push(network),
                            false => is_twice = true,
                        }
                    }
                    if is_twice {
                        pasted.faults.push(fault(What::Twice));
                    }
                }
            }
            if pasted.faults.len() >= MOST {
                return pasted;
            }
        }
    }
    pasted
}

/// The parts of a line that should be addresses: those between commas, of each the first word. A word behind an
/// address is a host's name or a note.
fn parts(line: &str) -> impl Iterator<Item = String> {
    // `192.0.2.1 - 192.0.2.9` is one part.
    let line = line.replace('–', "-").replace(" - ", "-");
    let first = |part: &str| {
        let part = part.trim().trim_start_matches(['-', '*', '•', '+']).trim_start();
        let words = part.split_whitespace();
        let words: Vec<&str> = words.collect();
        let is_address = |word: &&&str| networks(word).is_ok();
        // Several addresses with spaces between them, or one with words behind it.
        match words.iter().filter(is_address).count() {
            0 | 1 => {
                let address = words.iter().find(is_address).or(words.first());
                address.map(|word| (*word).to_owned()).into_iter().collect()
            }
            _ => words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>(),
        }
    };
    line.split(',').flat_map(first).collect::<Vec<_>>().into_iter()
}

/// The networks that a word means.
fn networks(word: &str) -> Result<Vec<Network>, What> {
    let word = word.trim_matches(['"', '\'', '<', '>', '(', ')', '.']);
    let word = match word.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, rest)) => format!("{address}{rest}"),
        None => word.to_owned(),
    };
    if let Some((from, to)) = word.split_once('-') {
        return range(from, to);
    }
    match word.parse() {
        Ok(network) => Ok(vec![network]),
        Err(NetworkError::Address) => Err(What::Address),
        Err(NetworkError::HostBits) => Err(What::HostBits),
        Err(NetworkError::PrefixLength) => Err(What::PrefixLength),
    }
}

/// The networks of a range: as few as there can be.
fn range(from: &str, to: &str) -> Result<Vec<Network>, What> {
    let from: IpAddr = from.parse().map_err(|_| What::Address)?;
    // `192.0.2.1-9`: the last number alone.
    let to: IpAddr = match (to.parse(), from, to.parse::<u8>()) {
        (Ok(to), _, _) => to,
        (Err(_), IpAddr::V4(from), Ok(last)) => {
            let [a, b, c, _] = from.octets();
            Ipv4Addr::new(a, b, c, last).into()
        }
        (Err(_), _, _) => return Err(What::Address),
    };
    let (first, last, bits) = match (from, to) {
        (IpAddr::V4(a), IpAddr::V4(b)) => (u128::from(u32::from(a)), u128::from(u32::from(b)), 32),
        (IpAddr::V6(a), IpAddr::V6(b)) => (u128::from(a), u128::from(b), 128),
        (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => {
            return Err(What::Range);
        }
    };
    if last < first {
        return Err(What::Range);
    }
    let (mut at, mut networks) = (first, Vec::new());
    loop {
        // The largest block that begins here and does not go beyond the end.
        let aligned = if at == 0 { bits } else { at.trailing_zeros().min(bits) };
        let room = (last - at).checked_add(1).map_or(bits, u128::ilog2);
        let size = aligned.min(room).min(bits);
        // At most 128, as both are.
        let len = (bits - size) as u8;
        networks.push(match bits {
            32 => Network::V4(Ipv4Network::around(Ipv4Addr::from(at as u32), len)),
            _ => Network::V6(Ipv6Network::around(Ipv6Addr::from(at), len)),
        });
        let next = 1_u128.checked_shl(size).and_then(|size| at.checked_add(size));
        match next {
            Some(next) if next <= last => at = next,
            Some(_) | None => return Ok(networks),
        }
    }
}

/// A word as it is shown: short, and without what is not printed.
fn shown(word: &str) -> String {
    word.chars().take(SHOWN).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

/// Networks, and faults, of one text.
pub const MOST: usize = 1_000;
/// Characters of a word that are shown.
const SHOWN: usize = 60;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What a text holds, in words, with its faults.
    fn check(text: &str, networks: &str, faults: &[&str]) {
        let pasted = paste(text);
        let found: Vec<String> = pasted.networks.iter().map(Network::to_string).collect();
        assert_eq!(found.join(" "), networks, "{text}");
        let found: Vec<String> = pasted.faults.iter().map(Fault::to_string).collect();
        assert_eq!(found, faults, "{text}");
    }

    #[test]
    fn what_is_meant_is_taken() {
        check("192.0.2.1\r\n2001:db8::/32\n", "192.0.2.1 2001:db8::/32", &[]);
        check("192.0.2.1, 192.0.2.2 # both\n; none", "192.0.2.1 192.0.2.2", &[]);
        check("192.0.2.1 192.0.2.2\t192.0.2.3", "192.0.2.1 192.0.2.2 192.0.2.3", &[]);
        check("  - 192.0.2.1   mail.example.org (the old one)", "192.0.2.1", &[]);
        check("mail.example.org 192.0.2.1", "192.0.2.1", &[]);
        check("[2001:db8::1]\n\"192.0.2.1\"\n<192.0.2.2>", "2001:db8::1 192.0.2.1 192.0.2.2", &[]);
        check("192.0.2.1 - 192.0.2.4", "192.0.2.1 192.0.2.2/31 192.0.2.4", &[]);
        check("192.0.2.8-15", "192.0.2.8/29", &[]);
        check("0.0.0.0-255.255.255.255", "0.0.0.0/0", &[]);
        check("::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "::/0", &[]);
        check("2001:db8::-2001:db8::3", "2001:db8::/126", &[]);
        check("", "", &[]);
    }

    #[test]
    fn what_cannot_be_told_is_a_fault_with_its_line() {
        check(
            "192.0.2.1\nnonsense\n192.0.2.1/24\n192.0.2.0/33\n192.0.2.9-192.0.2.1\n192.0.2.1\n192.0.2.1-::1\n\u{7}",
            "192.0.2.1",
            &[
                "line 2: `nonsense`: not an address, a network (192.0.2.0/24) or a range (192.0.2.1-192.0.2.9)",
                "line 3: `192.0.2.1/24`: has bits behind the prefix: write the address alone, or the network's first address",
                "line 4: `192.0.2.0/33`: the prefix length must be 0 to 32 (IPv4) or 0 to 128 (IPv6)",
                "line 5: `192.0.2.9-192.0.2.1`: the range ends before it begins",
                "line 6: `192.0.2.1`: is there twice",
                "line 7: `192.0.2.1-::1`: the range ends before it begins",
                "line 8: `\u{fffd}`: not an address, a network (192.0.2.0/24) or a range (192.0.2.1-192.0.2.9)",
            ],
        );
        let many: String = (0..1_200_u32).map(|i| format!("{}\n", Ipv4Addr::from(i))).collect();
        let pasted = paste(&many);
        assert_eq!((pasted.networks.len(), pasted.faults.len()), (MOST, 1));
        assert_eq!(pasted.faults[0].what, What::TooMany);
    }

    proptest! {
        #[test]
        fn a_range_is_covered_exactly(a in any::<u32>(), b in any::<u32>()) {
            let (first, last) = (a.min(b), a.max(b));
            let text = format!("{}-{}", Ipv4Addr::from(first), Ipv4Addr::from(last));
            let pasted = paste(&text);
            prop_assert_eq!(pasted.faults, []);
            let mut at = u64::from(first);
            for network in pasted.networks {
                let Network::V4(network) = network else { panic!("not of this family") };
                prop_assert_eq!(u64::from(network.first()), at);
                at = u64::from(network.last()) + 1;
            }
            prop_assert_eq!(at, u64::from(last) + 1);
        }

        #[test]
        fn what_is_read_is_read_again(text in "[0-9a-f:./, \\-\\[\\]\n]{0,200}") {
            let pasted = paste(&text);
            let again: String = pasted.networks.iter().map(|network| format!("{network}\n")).collect();
            prop_assert_eq!(paste(&again).networks, pasted.networks);
        }
    }
}

//! Entries of address data sets: IPv4 addresses, prefixes, networks and ranges, IPv6 networks.

use std::net::Ipv6Addr;

use repute_dnsxl::{Ipv4Network, Ipv6Network, Network};

use crate::dataset::DatasetKind;
use crate::fault::Problem;
use crate::format::rbldnsd::fault::{self, Most};
use crate::format::rbldnsd::{Bad, Entries, Part, is_blank, skip_blanks};
use crate::format::{Progress, ReadOptions, Trace};
use crate::value::ValueId;

/// Reads an entry or a default line of the types whose entries have values.
#[inline]
pub(super) fn entry(
    part: &mut Part,
    line: &[u8],
    options: &ReadOptions,
    max_range: Option<u64>,
    trace: &mut Trace,
    progress: &mut Progress,
) -> Result<(), Bad> {
    // `::` begins an IPv6 address, a single colon a default.
    if line[0] == b':' && line.get(1) != Some(&b':') {
        return part.answers.default_line(line, line, progress);
    }
    let (excludes, key) = match line {
        [b'!', key @ ..] => (true, skip_blanks(key)),
        key => (false, key),
    };
    let at = line.len() - key.len();
    let ranges = matches!(part.kind, DatasetKind::Ip4set | DatasetKind::Addresses);
    if part.kind != DatasetKind::Ip6trie
        && let Some((network, rest)) = ipv4(key, ranges)
    {
        if !is_end_of_key(rest) {
            return Err(Bad::expected(line.len() - rest.len(), IPV4));
        }
        let (first, last, len) =
            network.check(options, max_range).map_err(|problem| at_size(line, at, problem))?;
        let value = value(part, line, rest, excludes, progress)?;
        let Entries::Addresses { v4, .. } = &mut part.entries else { return Ok(()) };
        match len {
            Some(len) => v4.push(first, len, value),
            None => v4.push_range(first, last, value),
        }
        trace.ipv4(progress, line, (first, last), value);
        return Ok(());
    }
    if part.kind == DatasetKind::Ip4set {
        return Err(fault::of_ipv4(key, IPV4, Most::Range).at(at));
    }
    let Some((first, len, rest)) = ipv6(key) else {
        let most = if ranges { Most::Range } else { Most::Network };
        let what = match part.kind {
            DatasetKind::Ip6trie if is_ipv4(key) => return Err(Bad::expected(at, NOT_IPV4)),
            DatasetKind::Ip6trie => IPV6,
            _ => "an IPv4 or IPv6 address or network",
        };
        return Err(fault::of_address(key, what, most).at(at));
    };
    if !is_end_of_key(rest) {
        return Err(Bad::expected(line.len() - rest.len(), IPV6));
    }
    let host = u128::MAX.checked_shr(u32::from(len)).unwrap_or(0);
    if first & host != 0 && !options.accept_host_bits {
        return Err(host_bits6(line, at, first, len));
    }
    let value = value(part, line, rest, excludes, progress)?;
    let Entries::Addresses { v6, .. } = &mut part.entries else { return Ok(()) };
    v6.push(first & !host, len, value);
    trace.ipv6(progress, line, (first, len), value);
    Ok(())
}

/// Reads an entry or a default line of the types with one answer for all entries.
pub(super) fn plain_entry(
    part: &mut Part,
    line: &[u8],
    trace: &mut Trace,
    progress: &mut Progress,
) -> Result<(), Bad> {
    if line[0] == b':' && (part.kind == DatasetKind::Ip4tset || line.get(1) != Some(&b':')) {
        return part.answers.only_default_line(line, line, progress);
    }
    // The answer may come later in the file; it will be the data set's only value.
    let listed = ValueId(1);
    let Entries::Addresses { v4, v6 } = &mut part.entries else { return Ok(()) };
    if part.kind == DatasetKind::Ip4tset {
        let Some((Ipv4Key { first, len: Some(32), .. }, rest)) = ipv4(line, false) else {
            return Err(fault::of_ipv4(line, "an IPv4 address", Most::Address).at(0));
        };
        if !is_end_of_key(rest) {
            return Err(Bad::expected(line.len() - rest.len(), "an IPv4 address"));
        }
        v4.push(first, 32, listed);
        trace.ipv4(progress, line, (first, first), listed);
        return Ok(());
    }
    let (key, len, value, what) = match line {
        [b'!', key @ ..] => (skip_blanks(key), 128, ValueId::NOTHING, "a whole IPv6 address"),
        key => (key, 64, listed, "a /64 network as its first four groups, or an address in it"),
    };
    let at = line.len() - key.len();
    match ipv6_prefix(key) {
        Some((first, bits, rest)) if bits == len && is_end_of_key(rest) => {
            v6.push(first, len, value);
            trace.ipv6(progress, line, (first, len), value);
            Ok(())
        }
        Some(_) => Err(Bad::expected(at, what)),
        None if is_ipv4(key) => Err(Bad::expected(at, NOT_IPV4)),
        None => Err(fault::of_address(key, what, Most::Network).at(at)),
    }
}

/// The value of an entry whose key is read.
#[inline(always)]
fn value(
    part: &mut Part,
    line: &[u8],
    rest: &[u8],
    excludes: bool,
    progress: &mut Progress,
) -> Result<ValueId, Bad> {
    if excludes {
        return Ok(ValueId::NOTHING);
    }
    let conditions = part.kind != DatasetKind::Ip4set;
    part.answers.value(line, rest, conditions, progress)
}

/// IPv4 addresses as written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::format) struct Ipv4Key {
    first: u32,
    last: u32,
    /// The prefix length, if it is a network.
    len: Option<u8>,
}

impl Ipv4Key {
    /// First and last address and prefix length, if they may be listed.
    pub(in crate::format) fn check(
        self,
        options: &ReadOptions,
        max_range: Option<u64>,
    ) -> Result<(u32, u32, Option<u8>), Problem> {
        let Ipv4Key { mut first, last, len } = self;
        if let Some(len) = len {
            let host = u32::MAX.checked_shr(u32::from(len)).unwrap_or(0);
            if first & host != 0 {
                if !options.accept_host_bits {
                    let network = Ipv4Network::around(first.into(), len);
                    return Err(Problem::HostBits(Network::V4(network)));
                }
                first &= !host;
            }
        }
        let size = u64::from(last - first) + 1;
        match max_range {
            Some(most) if size > most => Err(Problem::TooLarge(size, most)),
            _ => Ok((first, last, len)),
        }
    }
}

/// Reads an address, a prefix of one, a network, or with `ranges` a range; and what follows.
#[inline]
pub(in crate::format) fn ipv4(text: &[u8], ranges: bool) -> Option<(Ipv4Key, &[u8])> {
    let (first, bits, rest) = ipv4_prefix(text)?;
    match rest {
        [b'/', tail @ ..] => {
            let digits = tail.iter().take_while(|b| b.is_ascii_digit()).count();
            let len = tail[..digits]
                .iter()
                .try_fold(0_u32, |n, d| Some(n * 10 + u32::from(d - b'0')).filter(|n| *n <= 32))?;
            if digits == 0 {
                return None;
            }
            let host = u32::MAX.checked_shr(len).unwrap_or(0);
            let key = Ipv4Key { first, last: first | host, len: Some(len as u8) };
            Some((key, &tail[digits..]))
        }
        [b'-', tail @ ..] if ranges => {
            let (mut last, mut last_bits, rest) = ipv4_prefix(tail)?;
            if last_bits == 8 && bits != 8 {
                // `127.0.0.1-2` and `127.16-31`: only the last number given is another.
                last = last >> (bits - 8) | (first & u32::MAX.checked_shl(40 - bits).unwrap_or(0));
                last_bits = bits;
            }
            if last_bits != bits {
                return None;
            }
            last |= u32::MAX.checked_shr(bits).unwrap_or(0);
            (first <= last).then_some((Ipv4Key { first, last, len: None }, rest))
        }
        // A number alone is more likely a slip than a /8.
        _ if bits == 8 => None,
        rest => {
            let host = u32::MAX.checked_shr(bits).unwrap_or(0);
            Some((Ipv4Key { first, last: first | host, len: Some(bits as u8) }, rest))
        }
    }
}

/// Reads one to four octets: the address, how many bits were given, and what follows.
#[inline]
fn ipv4_prefix(text: &[u8]) -> Option<(u32, u32, &[u8])> {
    let (mut address, mut bits, mut at) = (0_u32, 0_u32, 0);
    loop {
        let (mut octet, start) = (0_u32, at);
        while let Some(digit) = text.get(at).map(|b| b.wrapping_sub(b'0'))
            && digit <= 9
        {
            octet = octet * 10 + u32::from(digit);
            if octet > 255 {
                return None;
            }
            at += 1;
        }
        if at == start {
            return None;
        }
        bits += 8;
        address |= octet << (32 - bits);
        if bits == 32 || text.get(at) != Some(&b'.') {
            return Some((address, bits, &text[at..]));
        }
        at += 1;
    }
}

/// Reads an IPv6 address or network, and what follows.
pub(in crate::format) fn ipv6(text: &[u8]) -> Option<(u128, u8, &[u8])> {
    let (address, bits, rest) = ipv6_prefix(text)?;
    match rest {
        [b'/', tail @ ..] => {
            let digits = tail.iter().take_while(|b| b.is_ascii_digit()).count();
            let len: u8 = std::str::from_utf8(&tail[..digits]).ok()?.parse().ok()?;
            (len <= 128).then_some((address, len, &tail[digits..]))
        }
        _ if bits == 16 => None,
        // What follows is no group, and a value begins behind a whole address only.
        [b':', ..] if bits < 128 => None,
        rest => Some((address, bits, rest)),
    }
}

/// Reads groups of an IPv6 address: one to eight of them (a prefix), or with `::` all of it.
fn ipv6_prefix(text: &[u8]) -> Option<(u128, u8, &[u8])> {
    let end = text
        .iter()
        .position(|b| !(b.is_ascii_hexdigit() || matches!(b, b':' | b'.')))
        .unwrap_or(text.len());
    // A colon that no digit and no colon follows begins the value.
    let mut key = &text[..end];
    let whole = |key: &[u8]| -> Option<u128> {
        let address: Ipv6Addr = std::str::from_utf8(key).ok()?.parse().ok()?;
        Some(address.into())
    };
    loop {
        if let Some(address) = whole(key) {
            return Some((address, 128, &text[key.len()..]));
        }
        let groups: Vec<_> = key.split(|b| *b == b':').collect();
        let plain = groups.len() <= 8 && groups.iter().all(|g| (1..=4).contains(&g.len()));
        if plain && !key.contains(&b'.') {
            let mut address = 0_u128;
            for group in &groups {
                let value = u16::from_str_radix(std::str::from_utf8(group).ok()?, 16).ok()?;
                address = address << 16 | u128::from(value);
            }
            let bits = 16 * groups.len() as u8;
            let address = address.checked_shl(128 - u32::from(bits)).unwrap_or(0);
            return Some((address, bits, &text[key.len()..]));
        }
        let colon = key.iter().rposition(|b| *b == b':')?;
        key = &key[..colon];
    }
}

/// Whether a key may end here: at a blank, a comment, a value or the end.
pub(super) fn is_end_of_key(rest: &[u8]) -> bool {
    matches!(rest.first(), None | Some(b' ' | b'\t' | b'#' | b';' | b':'))
}

/// An IPv6 network whose key begins at `at` has bits behind its prefix.
#[cold]
pub(in crate::format) fn host_bits6(line: &[u8], at: usize, first: u128, len: u8) -> Bad {
    let network = Ipv6Network::around(first.into(), len);
    at_size(line, at, Problem::HostBits(Network::V6(network)))
}

/// Points at what says how large a network is, the key of which begins at `at`: its prefix length, the
/// end of its range, or all of it.
#[cold]
pub(in crate::format) fn at_size(line: &[u8], at: usize, problem: Problem) -> Bad {
    let key = line.get(at..).unwrap_or_default();
    let word = key.iter().take_while(|b| !is_blank(**b));
    let size = word.clone().position(|b| matches!(b, b'/' | b'-')).map_or(0, |slash| slash + 1);
    Bad { at: at + size, problem }
}

/// What an IPv4 entry may be.
const IPV4: &str = "an IPv4 address, network or range";
/// Whether a key is an IPv4 address or network.
fn is_ipv4(key: &[u8]) -> bool {
    ipv4(key, true).is_some_and(|(_, rest)| is_end_of_key(rest))
}

/// What an entry may be of which somebody thought that it may be IPv4.
const NOT_IPV4: &str = "an IPv6 address or network; kinds `addresses` and `ip4trie` take IPv4";
/// What an IPv6 entry may be.
const IPV6: &str = "an IPv6 address, or a network such as 2001:db8::/32";

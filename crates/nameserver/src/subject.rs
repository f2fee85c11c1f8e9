//! What a listing names, as people write it: for the `$` in a text.

/// Writes an IPv4 address; returns the length. There must be room for the longest.
#[inline]
pub(crate) fn write_ipv4(address: u32, out: &mut [u8]) -> usize {
    let out = out.first_chunk_mut::<LONGEST_IPV4>().expect("a text has room for an address");
    let mut at = 0;
    for octet in address.to_be_bytes() {
        let (digits, len) = OCTETS[usize::from(octet)];
        // Digits that the octet lacks, and the dot behind it, are overwritten by the next one.
        out[at & 15..][..4].copy_from_slice(&digits);
        at += usize::from(len);
    }
    // The last dot is not part of it.
    at - 1
}

/// Room for four octets, each with a dot, written four bytes at a time.
const LONGEST_IPV4: usize = 20;

/// Each octet in decimal and a dot behind it, and their length.
static OCTETS: [([u8; 4], u8); 256] = {
    let mut table = [([b'.'; 4], 0); 256];
    let mut octet = 0;
    while octet < 256 {
        let digits = [octet / 100, octet / 10 % 10, octet % 10];
        let skip = if octet < 10 {
            2
        } else if octet < 100 {
            1
        } else {
            0
        };
        let mut i = skip;
        while i < 3 {
            table[octet].0[i - skip] = b'0' + digits[i] as u8;
            i += 1;
        }
        table[octet].1 = 4 - skip as u8;
        octet += 1;
    }
    table
};

/// Writes an IPv6 address as RFC 5952 wants it, but never with an IPv4 address at its end, as
/// rbldnsd does; returns the length.
pub(crate) fn write_ipv6(address: u128, out: &mut [u8]) -> usize {
    let groups: [u16; 8] = std::array::from_fn(|i| (address >> (112 - 16 * i)) as u16);
    // The first of the longest runs of at least two zero groups.
    let (mut run_at, mut run_len) = (8, 1);
    for start in 0..8 {
        let len = groups[start..].iter().take_while(|g| **g == 0).count();
        if len > run_len {
            (run_at, run_len) = (start, len);
        }
    }
    let (mut at, mut i) = (0, 0);
    let mut put = |byte: u8| {
        out[at] = byte;
        at += 1;
    };
    while i < 8 {
        if i == run_at {
            put(b':');
            put(b':');
            i += run_len;
            continue;
        }
        if i > 0 && i != run_at + run_len {
            put(b':');
        }
        let digits = 4 - (groups[i].leading_zeros() as usize / 4).min(3);
        for place in (0..digits).rev() {
            put(b"0123456789abcdef"[usize::from(groups[i] >> (4 * place) & 15)]);
        }
        i += 1;
    }
    at
}

/// Writes a name in wire form without the root, with dots and escapes; returns the length.
pub(crate) fn write_name(mut wire: &[u8], out: &mut [u8]) -> usize {
    let mut at = 0;
    let mut put = |byte: u8| {
        if let Some(place) = out.get_mut(at) {
            *place = byte;
            at += 1;
        }
    };
    let mut first = true;
    while let Some((&len, rest)) = wire.split_first() {
        let Some((label, rest)) = rest.split_at_checked(usize::from(len)) else { break };
        wire = rest;
        if !std::mem::take(&mut first) {
            put(b'.');
        }
        for &byte in label {
            match byte {
                b'.' | b'\\' | b'"' | b';' | b'@' | b'$' => {
                    put(b'\\');
                    put(byte);
                }
                0x21..=0x7e => put(byte),
                _ => {
                    put(b'\\');
                    put(b'0' + byte / 100);
                    put(b'0' + byte / 10 % 10);
                    put(b'0' + byte % 10);
                }
            }
        }
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(write: impl FnOnce(&mut [u8]) -> usize) -> String {
        let mut out = [0; 1024];
        let len = write(&mut out);
        String::from_utf8(out[..len].to_vec()).unwrap()
    }

    #[test]
    fn addresses_are_written_as_people_do() {
        assert_eq!(text(|o| write_ipv4(0xc000_0263, o)), "192.0.2.99");
        assert_eq!(text(|o| write_ipv4(0x0a64_00ff, o)), "10.100.0.255");
        for address in ["2001:db8::1", "::", "::1", "1::", "2001:db8:0:1:1:1:1:1", "1:0:0:2::3"] {
            let number = address.parse::<std::net::Ipv6Addr>().unwrap().into();
            assert_eq!(text(|o| write_ipv6(number, o)), address);
        }
        assert_eq!(text(|o| write_ipv6(0xffff_7f00_0002, o)), "::ffff:7f00:2");
    }

    #[test]
    fn names_are_escaped() {
        assert_eq!(text(|o| write_name(b"\x03a.b\x02c\x01", o)), "a\\.b.c\\001");
    }
}

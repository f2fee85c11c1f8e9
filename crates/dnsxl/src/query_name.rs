//! The name a target is asked under, below the list's apex (RFC 5782 sections 2.1, 2.4 and 3).

use std::net::{Ipv4Addr, Ipv6Addr};

use crate::Target;

/// Writes the labels for a target in wire form, without the apex.
pub fn relative_name(target: &Target) -> Vec<u8> {
    match target {
        Target::Ipv4(a) => relative_ipv4(*a),
        Target::Ipv6(a) => relative_ipv6(*a),
        Target::Name(n) => n.relative().to_vec(),
    }
}

/// Four labels: the octets from last to first (RFC 5782 section 2.1).
pub fn relative_ipv4(address: Ipv4Addr) -> Vec<u8> {
    let mut wire = Vec::with_capacity(16);
    for octet in address.octets().iter().rev() {
        let digits = [octet / 100, octet / 10 % 10, octet % 10].map(|digit| b'0' + digit);
        let digits = match octet {
            0..10 => &digits[2..],
            10..100 => &digits[1..],
            100.. => &digits[..],
        };
        wire.push(digits.len() as u8);
        wire.extend_from_slice(digits);
    }
    wire
}

/// Thirty-two labels: the nibbles from last to first (RFC 5782 section 2.4).
pub fn relative_ipv6(address: Ipv6Addr) -> Vec<u8> {
    let mut wire = Vec::with_capacity(64);
    for octet in address.octets().iter().rev() {
        for nibble in [octet & 15, octet >> 4] {
            wire.extend_from_slice(&[1, b"0123456789abcdef"[usize::from(nibble)]]);
        }
    }
    wire
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn octets_are_reversed() {
        assert_eq!(relative_ipv4(Ipv4Addr::new(192, 0, 2, 99)), b"\x0299\x012\x010\x03192");
    }

    #[test]
    fn octets_are_written_without_zeros_in_front() {
        for octet in 0..=255 {
            let wire = relative_ipv4(Ipv4Addr::new(octet, 0, 0, 0));
            let digits = octet.to_string();
            assert_eq!(usize::from(wire[6]), digits.len());
            assert_eq!(&wire[7..], digits.as_bytes());
        }
    }

    #[test]
    fn nibbles_are_reversed() {
        let wire = relative_ipv6("2001:db8::567:89ab".parse().unwrap());
        assert_eq!(wire.len(), 64);
        assert!(wire.starts_with(b"\x01b\x01a\x019\x018\x017\x016\x015\x010"));
        assert!(wire.ends_with(b"\x011\x010\x010\x012"));
    }
}

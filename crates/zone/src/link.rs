//! The link in the texts of a list: it leads whoever is listed to the page of his entry.
//!
//! Behind the target stands a tag of it under a key of the list, so that the page knows that the address came from the
//! list and was not made up. The tag is made when a text is answered: a list of a million entries holds one key and one
//! address, and a new key changes no entry. Whoever asks the list is told the tag, so it is a proof of no more than
//! that; the key is a secret of those who serve the list.
//!
//! What is *not* here: what the page says, and whose key it is.

use std::fmt;
use std::hash::Hasher as _;

use siphasher::sip::SipHasher24;

use crate::lanes::copy_short;
use crate::zone::Subject;

/// Where the texts of a list lead to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// The address of the page, up to the target.
    before: Box<str>,
    /// What the tags are made with.
    key: TagKey,
}

/// The key of tags.
#[derive(Clone, PartialEq, Eq)]
pub struct TagKey([u8; 16]);

/// An address that no text can lead to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected an address of up to {LONGEST_ADDRESS} printable characters of ASCII")]
pub struct NoAddress;

impl Link {
    /// Longest address before the target.
    pub const LONGEST_ADDRESS: usize = LONGEST_ADDRESS;

    /// A link whose address goes on with the target, `/`, and the tag.
    ///
    /// # Errors
    /// If the address is too long, or has characters that no link has.
    pub fn new(before: &str, key: TagKey) -> Result<Link, NoAddress> {
        let is_plain = before.bytes().all(|byte| byte.is_ascii_graphic());
        match is_plain && (1..=LONGEST_ADDRESS).contains(&before.len()) {
            true => Ok(Link { before: before.into(), key }),
            false => Err(NoAddress),
        }
    }

    /// The address, up to the target.
    pub fn before(&self) -> &str {
        &self.before
    }

    /// The key.
    pub fn key(&self) -> &TagKey {
        &self.key
    }

    /// Puts the link of a target behind the first `written` bytes of a text; returns the text's length. Where both do
    /// not fit the text is cut, and never the link; a link that is too long alone is left out.
    #[inline(never)]
    pub(crate) fn append(&self, target: &[u8], written: usize, out: &mut [u8]) -> usize {
        let len = self.before.len() + target.len() + 1 + TAG;
        let Some(room) = out.len().checked_sub(len) else { return written };
        let mut at = written.min(room.saturating_sub(1));
        // A character of several bytes is cut before, not within.
        while at < written && at > 0 && out[at] & 0xc0 == 0x80 {
            at -= 1;
        }
        if at > 0 {
            out[at] = b' ';
            at += 1;
        }
        let mut put = |piece: &[u8]| {
            copy_short(piece, &mut out[at..at + piece.len()]);
            at += piece.len();
        };
        put(self.before.as_bytes());
        put(target);
        put(b"/");
        put(&self.key.tag(target));
        at
    }
}

impl TagKey {
    /// A key of these bytes, which are secret.
    pub fn new(bytes: [u8; 16]) -> TagKey {
        TagKey(bytes)
    }

    /// Its bytes.
    pub fn bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// The tag of a target as it is written: 60 bits of its SipHash-2-4, as letters and digits.
    pub fn tag(&self, target: &[u8]) -> [u8; TAG] {
        let bits = self.bits(target);
        std::array::from_fn(|place| LETTERS[(bits >> (59 - 5 * place) & 31) as usize])
    }

    /// Whether a tag is that of a target; takes as long for a wrong one as for the right one.
    pub fn is_tag(&self, target: &[u8], tag: &str) -> bool {
        // Two numbers are compared, and not letter after letter.
        tag_bits(tag).is_some_and(|bits| bits ^ (self.bits(target) >> 4) == 0)
    }

    /// The bits of which tags are made.
    fn bits(&self, target: &[u8]) -> u64 {
        let mut hasher = SipHasher24::new_with_key(&self.0);
        hasher.write(target);
        hasher.finish()
    }
}

impl fmt::Debug for TagKey {
    /// Without the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TagKey")
    }
}

/// Whether a listing is somebody's, who could follow a link: not a test entry (RFC 5782 section 5), and no client of an
/// access list. `target` is what its texts name; one that is no name of a host could not stand in a link as it is.
#[inline]
pub(crate) fn is_somebodys(subject: Subject, target: &[u8]) -> bool {
    let is_of_hosts =
        |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-_".contains(byte);
    match subject {
        Subject::Ipv4(address) => address >> 24 != 127,
        Subject::Ipv6(address) => address >> 24 != 0x00ff_ff7f,
        Subject::Name { .. } => target.contains(&b'.') && target.iter().all(is_of_hosts),
        Subject::Client => false,
    }
}

/// The bits of a tag, in whatever letter case; none if it cannot be one.
fn tag_bits(tag: &str) -> Option<u64> {
    if tag.len() != TAG {
        return None;
    }
    tag.bytes().try_fold(0, |bits, byte| {
        let letter = byte.to_ascii_lowercase();
        let value = LETTERS.iter().position(|known| *known == letter)?;
        Some(bits << 5 | value as u64)
    })
}

/// Letters of a tag.
const TAG: usize = 12;
/// Longest address before the target: there must be room for the target, and for a word of the reason.
const LONGEST_ADDRESS: usize = 120;
/// What tags are written with (RFC 4648 section 6, in lower case): no two look the same.
const LETTERS: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> TagKey {
        TagKey::new(std::array::from_fn(|place| place as u8))
    }

    /// Made with `openssl mac -macopt hexkey:000102030405060708090a0b0c0d0e0f -macopt size:8 SIPHASH`, whose bytes are
    /// little-endian, and RFC 4648's base32.
    #[test]
    fn tags_are_those_of_another_implementation() {
        for (target, tag) in [
            ("192.0.2.25", "tl2s2patd4d6"),
            ("2001:db8::1", "q5hesb3433hr"),
            ("mail.example.org", "uy3j3ux5uouw"),
        ] {
            assert_eq!(key().tag(target.as_bytes()), tag.as_bytes(), "{target}");
        }
    }

    #[test]
    fn a_tag_is_good_for_one_target_under_one_key() {
        let other = TagKey::new([1; 16]);
        let tag = String::from_utf8(key().tag(b"192.0.2.25").to_vec()).expect("letters");
        assert!(key().is_tag(b"192.0.2.25", &tag));
        assert!(key().is_tag(b"192.0.2.25", &tag.to_uppercase()), "mail may change letters");
        assert!(!key().is_tag(b"192.0.2.26", &tag));
        assert!(!other.is_tag(b"192.0.2.25", &tag));
        for place in 0..TAG {
            let mut wrong = tag.clone().into_bytes();
            wrong[place] = if wrong[place] == b'a' { b'b' } else { b'a' };
            let wrong = String::from_utf8(wrong).expect("letters");
            assert!(!key().is_tag(b"192.0.2.25", &wrong), "{wrong}");
            assert!(!key().is_tag(b"192.0.2.25", &tag[..place]), "cut");
        }
        for none in ["", "1aaaaaaaaaaa", "äaaaaaaaaaa", "aaaaaaaaaaaaa"] {
            assert!(!key().is_tag(b"192.0.2.25", none), "{none}");
        }
        assert_eq!(format!("{:?}", key()), "TagKey");
    }

    /// A text of a reason with the link of a target.
    fn text(reason: &str, target: &str, limit: usize) -> String {
        let link = Link::new("https://lists.example/r/3/", key()).expect("an address");
        let mut out = [0; 255];
        let written = reason.len().min(limit);
        out[..written].copy_from_slice(&reason.as_bytes()[..written]);
        let len = link.append(target.as_bytes(), written, &mut out[..limit]);
        String::from_utf8(out[..len].to_vec()).expect("it is whole")
    }

    #[test]
    fn a_reason_is_cut_and_never_its_link() {
        let link = "https://lists.example/r/3/192.0.2.25/tl2s2patd4d6";
        assert_eq!(text("", "192.0.2.25", 254), link);
        assert_eq!(text("spam", "192.0.2.25", 254), format!("spam {link}"));
        for len in 190..=254 {
            let reason = "x".repeat(len);
            let text = text(&reason, "192.0.2.25", 254);
            let kept = text.strip_suffix(link).expect("the link is whole");
            assert_eq!(kept.trim_end().len(), len.min(254 - link.len() - 1));
            assert!(kept.ends_with("x "));
        }
        // Characters of two bytes are whole or not there.
        for start in ["", "x"] {
            let reason = format!("{start}{}", "ä".repeat(126));
            let text = text(&reason, "192.0.2.25", 254);
            assert!(text.starts_with(&format!("{start}ä")) && text.ends_with(&format!("ä {link}")));
        }
    }

    #[test]
    fn a_link_without_room_is_left_out() {
        let target = format!("{}.example", "a".repeat(63));
        let long = format!("four.{target}.{target}.{target}");
        assert_eq!(text("spam", &long, 254), "spam");
        let len = "https://lists.example/r/3/192.0.2.25/".len() + TAG;
        assert_eq!(text("spam", "192.0.2.25", len - 1), "spam");
        assert_eq!(text("spam", "192.0.2.25", len).len(), len);
        assert!(text("spam", "192.0.2.25", len + 1).starts_with("http"));
        assert!(text("spam", "192.0.2.25", len + 2).starts_with("s http"));
        for none in ["", "https://x/ y", "https://ä/", &"x".repeat(121)] {
            assert_eq!(Link::new(none, key()), Err(NoAddress), "{none}");
        }
    }

    #[test]
    fn whoever_nobody_is_gets_no_link() {
        let v4 =
            |text: &str| Subject::Ipv4(text.parse::<std::net::Ipv4Addr>().expect("one").into());
        let v6 =
            |text: &str| Subject::Ipv6(text.parse::<std::net::Ipv6Addr>().expect("one").into());
        let name = Subject::Name { start: 0, end: 9 };
        for (subject, target, expect) in [
            (v4("192.0.2.1"), "192.0.2.1", true),
            (v4("127.0.0.2"), "127.0.0.2", false),
            (v6("2001:db8::1"), "2001:db8::1", true),
            (v6("::ffff:127.0.0.2"), "::ffff:7f00:2", false),
            (name, "spam.example", true),
            (name, "test", false),
            (name, "<b>.example", false),
            (name, "a\\.b.example", false),
            (Subject::Client, "192.0.2.1", false),
        ] {
            assert_eq!(is_somebodys(subject, target.as_bytes()), expect, "{target}");
        }
    }
}

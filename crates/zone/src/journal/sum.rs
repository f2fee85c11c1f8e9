//! What tells a list from another with the same serial: a sum over its entries.
//!
//! Each entry has a number, made of its key and of what it says; the sum of them all is the same in whatever order the
//! entries came, and a change adds and subtracts only its own. It is there to notice that two servers went apart, as
//! after a database was put back. It keeps nobody from making another list of the same sum on purpose: what goes from
//! one server to another is signed for that.

use xxhash_rust::xxh3::xxh3_128;

use crate::value::Text;

/// A sum over entries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sum(pub(super) u128);

impl Sum {
    /// What answers say: of each its code and the pieces of its text.
    pub(super) fn of_answers(answers: &[([u8; 4], Text)]) -> Sum {
        let mut answers: Vec<_> = answers.iter().collect();
        answers.sort_unstable_by_key(|(code, text)| (*code, text.pieces()));
        let mut bytes = Vec::new();
        for (code, text) in answers {
            bytes.extend_from_slice(code);
            bytes.extend_from_slice(&(text.pieces().len() as u64).to_le_bytes());
            bytes.extend_from_slice(text.pieces());
        }
        Sum(xxh3_128(&bytes))
    }

    /// A network of IPv4 by its first address and the length of its prefix, and what is said of it.
    pub(super) fn of_v4(first: u32, len: u8, said: Sum) -> Sum {
        let mut bytes = [0; 22];
        bytes[0] = 4;
        bytes[1] = len;
        bytes[2..6].copy_from_slice(&first.to_le_bytes());
        bytes[6..].copy_from_slice(&said.0.to_le_bytes());
        Sum(xxh3_128(&bytes))
    }

    /// The same for IPv6.
    pub(super) fn of_v6(first: u128, len: u8, said: Sum) -> Sum {
        let mut bytes = [0; 34];
        bytes[0] = 6;
        bytes[1] = len;
        bytes[2..18].copy_from_slice(&first.to_le_bytes());
        bytes[18..].copy_from_slice(&said.0.to_le_bytes());
        Sum(xxh3_128(&bytes))
    }

    /// A name in wire form, what is said of itself, and of what is below it.
    pub(super) fn of_name(name: &[u8], exact: Option<Sum>, below: Option<Sum>) -> Sum {
        let mut bytes = vec![b'n', u8::from(exact.is_some()), u8::from(below.is_some())];
        for said in [exact, below].into_iter().flatten() {
            bytes.extend_from_slice(&said.0.to_le_bytes());
        }
        bytes.extend_from_slice(name);
        Sum(xxh3_128(&bytes))
    }

    /// What is around the entries, as a parcel writes it.
    pub(super) fn of_setting(bytes: &[u8]) -> Sum {
        Sum(xxh3_128(bytes))
    }

    /// With an entry more.
    pub(super) fn add(&mut self, entry: Sum) {
        self.0 = self.0.wrapping_add(entry.0);
    }

    /// With an entry less.
    pub(super) fn subtract(&mut self, entry: Sum) {
        self.0 = self.0.wrapping_sub(entry.0);
    }
}

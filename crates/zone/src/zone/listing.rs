//! What answers a question: return codes with texts, or a plain record.

use crate::dataset::generic::Record;
use crate::value::{Pair, ValueId, Values};

/// Something that answers a question.
#[derive(Clone, Copy, Debug)]
pub enum Hit<'z> {
    /// Return codes with texts.
    Listing(Listing<'z>),
    /// A plain record.
    Record(Record<'z>),
}

/// A listing: what its pairs are, and what their texts name.
#[derive(Clone, Copy, Debug)]
pub struct Listing<'z> {
    pub(super) values: &'z Values,
    pub(super) value: ValueId,
    pub(super) ttl: u32,
    pub(super) subject: Subject,
}

/// What a listing's text names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// The IPv4 address asked about.
    Ipv4(u32),
    /// The IPv6 address asked about.
    Ipv6(u128),
    /// The entry's name: these bytes of the question's name in wire form.
    Name {
        /// Where it begins.
        start: u8,
        /// Where it ends.
        end: u8,
    },
    /// The client (access lists).
    Client,
}

impl<'z> Listing<'z> {
    /// Return codes with their texts; `now` and `keyed` decide about delayed entries.
    #[inline]
    pub fn pairs(self, now: u32, keyed: bool) -> impl Iterator<Item = Pair> + 'z {
        self.values.pairs(self.value).filter(move |p| self.values.applies(*p, now, keyed))
    }

    /// Whether any of its pairs applies: else it is not there yet, or not for this client.
    #[inline]
    pub fn applies(self, now: u32, keyed: bool) -> bool {
        !self.values.is_conditional() || self.pairs(now, keyed).next().is_some()
    }

    /// Writes a pair's text, with `subject` where it names what is listed. See
    /// [`Values::write_text`].
    #[inline]
    pub fn write_text(self, pair: Pair, subject: &[u8], limit: usize, out: &mut [u8]) -> usize {
        self.values.write_text(pair, subject, limit, out)
    }

    /// The same listing, whose texts name something else: a network's first address, for all of it.
    pub(crate) fn about(self, subject: Subject) -> Listing<'z> {
        Listing { subject, ..self }
    }

    /// What the texts name.
    pub fn subject(self) -> Subject {
        self.subject
    }

    /// Time to live in seconds.
    pub fn ttl(self) -> u32 {
        self.ttl
    }
}

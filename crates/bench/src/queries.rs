//! Query packets, ready to send, and what each should find.
//!
//! Half of the queries hit. Of the misses half are near hits: in a hot /16, in a listed /32, beside or
//! below a listed name, where an index has to look closely.

mod draw;
mod file;

use crate::list::{List, Lists};

/// A question type (RFC 1035 section 3.2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Type {
    /// An IPv4 address.
    A,
    /// Text.
    Txt,
    /// Any other, by number.
    Other(u16),
}

impl Type {
    /// The number on the wire.
    fn number(self) -> u16 {
        match self {
            Type::A => 1,
            Type::Txt => 16,
            Type::Other(number) => number,
        }
    }
}

/// What a query should find.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expect {
    /// Records.
    Listed,
    /// A denial.
    Unlisted,
    /// Nobody knows: the queries come from a file.
    Unknown,
}

/// Whether queries carry an OPT record (RFC 6891), as those of resolvers do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Edns {
    /// No OPT record.
    Absent,
    /// One with a payload size of 1232 and no flags.
    Present,
}

/// Which queries are asked of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mix {
    /// A, half of them hits.
    A,
    /// A for all, and TXT for hits, as mail servers ask.
    ATxt,
    /// A, hits only.
    Hits,
    /// A, misses only.
    Misses,
    /// TXT, hits only.
    Texts,
}

impl Mix {
    /// What the tables call it.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Mix::A => "A",
            Mix::ATxt => "A+TXT",
            Mix::Hits => "A hit",
            Mix::Misses => "A miss",
            Mix::Texts => "TXT hit",
        }
    }
}

/// Query packets, one behind the other.
#[derive(Clone, Default)]
pub(crate) struct Queries {
    /// The bytes of all packets.
    pool: Vec<u8>,
    /// Where each packet ends.
    ends: Vec<usize>,
    /// What each should find.
    expect: Vec<Expect>,
}

impl Queries {
    /// Draws `count` names from a list and asks for them.
    pub(crate) fn draw(lists: &Lists, list: List, mix: Mix, edns: Edns, count: usize) -> Queries {
        let mut queries = Queries::default();
        for (name, expect) in draw::names(lists, list, count) {
            let name = format!("{name}.{}", list.apex());
            let types: &[Type] = match (mix, expect) {
                (Mix::A, _) | (Mix::Hits, Expect::Listed) | (Mix::Misses, Expect::Unlisted) => {
                    &[Type::A]
                }
                (Mix::ATxt, Expect::Listed) => &[Type::A, Type::Txt],
                (Mix::ATxt, Expect::Unlisted | Expect::Unknown) => &[Type::A],
                (Mix::Texts, Expect::Listed) => &[Type::Txt],
                (Mix::Hits | Mix::Texts, Expect::Unlisted | Expect::Unknown)
                | (Mix::Misses, Expect::Listed | Expect::Unknown) => &[],
            };
            for kind in types {
                queries.push(&name, *kind, edns, expect);
            }
        }
        queries
    }

    /// Adds a query; labels over 63 bytes do not occur in what is drawn, and are cut.
    pub(crate) fn push(&mut self, name: &str, kind: Type, edns: Edns, expect: Expect) {
        let additional = u8::from(edns == Edns::Present);
        self.pool.extend([0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, additional]);
        for label in name.split('.').filter(|label| !label.is_empty()) {
            let label = &label.as_bytes()[..label.len().min(63)];
            self.pool.push(label.len() as u8);
            self.pool.extend(label);
        }
        self.pool.push(0);
        self.pool.extend(kind.number().to_be_bytes());
        self.pool.extend([0, 1]);
        if edns == Edns::Present {
            self.pool.extend([0, 0, 41, 0x04, 0xd0, 0, 0, 0, 0, 0, 0]);
        }
        self.ends.push(self.pool.len());
        self.expect.push(expect);
    }

    /// How many queries there are.
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// Where the bytes of a query begin and end.
    fn span(&self, index: usize) -> std::ops::Range<usize> {
        let start = if index == 0 { 0 } else { self.ends[index - 1] };
        start..self.ends[index]
    }

    /// A query's bytes.
    pub(crate) fn packet(&self, index: usize) -> &[u8] {
        &self.pool[self.span(index)]
    }

    /// Gives a query its message identifier.
    pub(crate) fn identify(&mut self, index: usize, id: u16) {
        let start = self.span(index).start;
        self.pool[start..start + 2].copy_from_slice(&id.to_be_bytes());
    }

    /// What a query should find.
    pub(crate) fn expected(&self, index: usize) -> Expect {
        self.expect[index]
    }

    /// The packets in order.
    pub(crate) fn packets(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.len()).map(|index| self.packet(index))
    }

    /// A query that is listed, to find out whether a server is ready.
    pub(crate) fn first_listed(&self) -> Option<&[u8]> {
        let index = self.expect.iter().position(|expect| *expect == Expect::Listed)?;
        Some(self.packet(index))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_of_the_queries_hit() {
        let lists = Lists {
            folder: std::path::PathBuf::new(),
            seed: 3,
            addresses: 1_000,
            huge: 0,
            networks6: 1_000,
            names: 1_000,
        };
        for list in [List::Mixed, List::Hosts, List::Networks6, List::Names] {
            let all = Queries::draw(&lists, list, Mix::A, Edns::Present, 2_000);
            let hits = Queries::draw(&lists, list, Mix::Hits, Edns::Present, 2_000);
            let misses = Queries::draw(&lists, list, Mix::Misses, Edns::Present, 2_000);
            assert_eq!((all.len(), hits.len(), misses.len()), (2_000, 1_000, 1_000), "{list:?}");
        }
    }

    #[test]
    fn a_packet_is_a_dns_query() {
        let mut queries = Queries::default();
        queries.push("2.0.0.127.bl.test", Type::Txt, Edns::Present, Expect::Unknown);
        queries.identify(0, 0x1234);
        let packet = queries.packet(0);
        assert_eq!(&packet[..12], [0x12, 0x34, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1]);
        assert_eq!(&packet[12..25], b"\x012\x010\x010\x03127\x02bl");
        assert_eq!(&packet[25..35], b"\x04test\0\0\x10\0\x01");
        assert_eq!(packet.len(), 35 + 11);
    }
}

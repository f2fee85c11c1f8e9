//! The entries of a file as they are written: for whoever keeps a list elsewhere than in a zone.
//!
//! What a reader collects is given out before anything is resolved: networks stay nested, exclusions stay entries,
//! and an entry that stands twice comes twice. Only ranges are networks by then.

use std::collections::HashMap;
use std::sync::Arc;

use repute_dnsxl::{Ipv4Network, Ipv6Network, Name, Network, ReturnCode};

use crate::dataset::ipv4_entries::Ipv4Entries;
use crate::dataset::ipv6::Ipv6Entries;
use crate::dataset::names_entries::NamesEntries;
use crate::fault::Faults;
use crate::journal::Key;
use crate::value::{ValueId, Values};

/// What a reading gave, entry by entry.
#[derive(Debug, Default)]
pub struct Written {
    /// The data sets.
    parts: Vec<Part>,
    /// What was wrong.
    pub faults: Faults,
    /// How many lines were read that are neither empty nor comments.
    pub lines: u64,
    /// How many entries are of a kind that stands in data files only: those of data sets that are not at the apex,
    /// records, access rules.
    elsewhere: u64,
}

/// The entries of one data set.
#[derive(Debug, Default)]
pub(super) struct Part {
    /// IPv4 networks.
    pub(super) v4: Ipv4Entries,
    /// IPv6 networks.
    pub(super) v6: Ipv6Entries,
    /// Names.
    pub(super) names: NamesEntries,
    /// What they answer.
    pub(super) values: Values,
}

/// What an entry says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Says {
    /// Listed, with this code and text; in the text `$` stands for what is listed, `$$` for a dollar sign.
    Listed(ReturnCode, Arc<str>),
    /// Never listed.
    Excluded,
}

impl Written {
    /// Of these data sets.
    pub(super) fn new(parts: Vec<Part>, faults: Faults, lines: u64, elsewhere: u64) -> Written {
        Written { parts, faults, lines, elsewhere }
    }

    /// Gives out all entries; how many are left out, as they hold under a condition, or cannot be told without the
    /// data file.
    pub fn for_each(&self, mut each: impl FnMut(Key, Says)) -> u64 {
        let mut left_out = self.elsewhere;
        for part in &self.parts {
            let mut answers: HashMap<ValueId, Option<Says>> = HashMap::new();
            let mut give = |key: Option<Key>, value: ValueId| {
                let says = answers.entry(value).or_insert_with(|| part.says(value));
                match (key, says) {
                    (Some(key), Some(says)) => each(key, says.clone()),
                    (None, _) | (_, None) => left_out += 1,
                }
            };
            for (first, len, value) in part.v4.iter() {
                let network = Ipv4Network::around(first.into(), len);
                give(Some(Key::Network(Network::V4(network))), value);
            }
            for (first, len, value) in part.v6.iter() {
                let network = Ipv6Network::around(first.into(), len);
                give(Some(Key::Network(Network::V6(network))), value);
            }
            for (wire, extent, value) in part.names.iter() {
                // All names at once are no entry of a list.
                let name = (!wire.is_empty()).then(|| Name::from_wire(&[wire, &[0]].concat()));
                give(name.and_then(Result::ok).map(|name| Key::Name(name, extent)), value);
            }
        }
        left_out
    }
}

impl Part {
    /// What a value says, if it does so under no condition.
    fn says(&self, value: ValueId) -> Option<Says> {
        if value == ValueId::NOTHING {
            return Some(Says::Excluded);
        }
        let pair = self.values.only_pair(value)?;
        Some(Says::Listed(
            ReturnCode(pair.code.into()),
            String::from_utf8_lossy(&self.values.template(pair)).into(),
        ))
    }
}

#[cfg(test)]
mod tests {
    use repute_dnsxl::Extent;

    use super::*;
    use crate::dataset::DatasetKind;
    use crate::format::rbldnsd;
    use crate::format::table::{self, Layout, TableKind, TableOptions};
    use crate::format::{Input, ReadOptions};

    /// An input of a text.
    fn input(text: &'static str) -> Vec<Input<'static>> {
        let (name, reader) = (Arc::from("list"), Box::new(text.as_bytes()));
        vec![Input { name, reader, modified: 0 }]
    }

    /// The entries in words, and how many are left out.
    fn words(written: &Written) -> (Vec<String>, u64) {
        let mut words = Vec::new();
        let left_out = written.for_each(|key, says| {
            let key = match key {
                Key::Network(network) => network.to_string(),
                Key::Name(name, Extent::Exact) => name.to_string(),
                Key::Name(name, Extent::Below) => format!("*.{name}"),
                Key::Name(name, Extent::Both) => format!(".{name}"),
            };
            words.push(match says {
                Says::Listed(code, text) => format!("{key} {code} {text}"),
                Says::Excluded => format!("!{key}"),
            });
        });
        (words, left_out)
    }

    #[test]
    fn entries_are_given_as_they_are_written() {
        let cases: [(DatasetKind, &str, &[&str], u64); 5] = [
            (
                DatasetKind::Ip4set,
                "$1 https://bl.example/\n:2:see $1?$ for $$5\n192.0.2.0/24\n192.0.2.1 :3:x\n!192.0.2.9\nbad\n",
                &[
                    "192.0.2.0/24 127.0.0.2 see https://bl.example/?$ for $$5",
                    "192.0.2.1 127.0.0.3 x",
                    "!192.0.2.9",
                ],
                0,
            ),
            (DatasetKind::Ip4tset, "192.0.2.1\n:4:", &["192.0.2.1 127.0.0.4 "], 0),
            (
                DatasetKind::Dnset,
                "*.b.example\n.c.example :5:\nd.example\n",
                &["*.b.example 127.0.0.2 ", ".c.example 127.0.0.5 ", "d.example 127.0.0.2 "],
                0,
            ),
            (
                DatasetKind::Combined,
                "$DATASET ip4trie @\n192.0.2.0/25\n$DATASET ip6trie @ six\n2001:db8::/32 :9:\n\
                 $DATASET ip4set other\n192.0.2.7\n$DATASET generic @\nwww A 192.0.2.80\n",
                &["192.0.2.0/25 127.0.0.2 ", "2001:db8::/32 127.0.0.9 "],
                2,
            ),
            (
                DatasetKind::Addresses,
                "192.0.2.0-192.0.2.2\n",
                &["192.0.2.0/31 127.0.0.2 ", "192.0.2.2 127.0.0.2 "],
                0,
            ),
        ];
        for (kind, text, expect, out) in cases {
            let written = rbldnsd::written(kind, input(text), &ReadOptions::default());
            let written = written.expect("memory can be read");
            assert_eq!(words(&written), (expect.iter().map(ToString::to_string).collect(), out));
        }
    }

    #[test]
    fn a_table_gives_its_rows() {
        let table = TableOptions {
            kind: TableKind::Addresses,
            layout: Layout::Separated(b','),
            key_column: 0,
            code_column: Some(1),
            category_column: None,
            minimum: Some(3),
            code: ReturnCode::LISTED,
            text: String::new(),
            text_column: Some(2),
            subdomains: false,
            header_lines: 1,
        };
        let text =
            "key,code,text\n192.0.2.1,2,low\n192.0.2.1,3,\"costs $5, \"\"each\"\"\"\nx,3,y\n";
        let written = table::written(input(text), &table, &ReadOptions::default());
        let written = written.expect("memory can be read");
        assert_eq!(words(&written).0, ["192.0.2.1 127.0.0.3 costs $$5, \"each\""]);
        let fault = written.faults.iter().next().expect("a fault");
        assert_eq!((written.faults.errors(), fault.line, fault.column), (1, 4, 1));
        let scored = TableOptions {
            layout: Layout::Separated(b';'),
            code_column: Some(2),
            category_column: Some(1),
            text_column: Some(3),
            minimum: None,
            header_lines: 0,
            ..table
        };
        let text = "# generic\n192.0.2.0/24;4;2;example.org;42\n192.0.2.1;x;2;example.org;42\n";
        let written = table::written(input(text), &scored, &ReadOptions::default());
        let written = written.expect("memory can be read");
        assert_eq!(words(&written).0, ["192.0.2.0/24 127.0.4.2 example.org"]);
        let fault = written.faults.iter().next().expect("a fault");
        assert_eq!((fault.line, fault.column), (3, 11));
    }
}

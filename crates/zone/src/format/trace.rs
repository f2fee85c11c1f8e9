//! Which lines of a list concern a target, and which of them decide: for `repute zone lookup`.
//!
//! A target is followed as it is asked: as labels before the apex, which spell an address or a name. A
//! data set of a `combined` file is asked by what stands before its own name, and maybe by several.

use std::sync::Arc;

use repute_dnsxl::{Target, relative_name};

use crate::dataset::DatasetKind;
use crate::dataset::names::label_count;
use crate::format::Progress;
use crate::relative::{Octets, Relative};
use crate::value::ValueId;
use repute_dnsxl::Extent;

/// A line that concerns a target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Traced {
    /// The file.
    pub source: Arc<str>,
    /// The line, from 1.
    pub line: u64,
    /// Its text.
    pub text: String,
    /// How specific it is: bits of a prefix, or labels of a name (an exact name counts one more).
    pub specificity: u32,
    /// Whether it excludes.
    pub excludes: bool,
    /// Whether it is one of those that decide in its data set; the others are overruled.
    pub decides: bool,
}

/// Collects the lines that concern a target.
#[derive(Debug, Default)]
pub(crate) struct Trace {
    /// The target's labels before the apex, if any is followed.
    target: Option<Vec<u8>>,
    /// How the current data set is asked about it.
    asked: Vec<Asked>,
    /// Which of the lines of the current data set decide.
    rule: Rule,
    /// The first line of the current data set.
    from: usize,
    lines: Vec<Traced>,
}

/// The labels before a data set's own name, and the address they spell.
#[derive(Debug)]
struct Asked {
    name: Vec<u8>,
    ipv4: Option<u32>,
    ipv6: Option<u128>,
}

/// Which of the lines that concern a target decide.
#[derive(Clone, Copy, Debug, Default)]
enum Rule {
    /// All of the most specific ones.
    #[default]
    All,
    /// The first of them.
    First,
    /// The last of them.
    Last,
    /// All that end at the same octet as the most specific one.
    SameOctet,
}

impl Trace {
    /// Follows a target, or nothing, through a data set at the apex.
    pub(crate) fn new(kind: DatasetKind, target: Option<&Target>) -> Trace {
        let mut trace = Trace { target: target.map(relative_name), ..Trace::default() };
        trace.enter(kind, &[Box::default()]);
        trace
    }

    /// From here on lines belong to another data set, which is served at these names below the apex.
    pub(crate) fn enter(&mut self, kind: DatasetKind, branches: &[Box<[u8]>]) {
        let Some(target) = &self.target else { return };
        self.asked = branches.iter().filter_map(|branch| Asked::of(target, branch)).collect();
        self.decide();
        self.rule = match kind {
            DatasetKind::Ip4trie | DatasetKind::Ip6trie => Rule::First,
            DatasetKind::Dnhash => Rule::Last,
            DatasetKind::Ip4set => Rule::SameOctet,
            DatasetKind::Ip4tset
            | DatasetKind::Ip6tset
            | DatasetKind::Dnset
            | DatasetKind::Generic
            | DatasetKind::Combined
            | DatasetKind::Acl
            | DatasetKind::Aclkey
            | DatasetKind::Addresses
            | DatasetKind::Names => Rule::All,
        };
    }

    /// An entry for IPv4 addresses was read.
    #[inline]
    pub(crate) fn ipv4(&mut self, at: &Progress, line: &[u8], range: (u32, u32), value: ValueId) {
        if !self.asked.is_empty() {
            let size = u64::from(range.1 - range.0) + 1;
            let concerns = |asked: &Asked| asked.ipv4.filter(|a| range.0 <= *a && *a <= range.1);
            let found = self.asked.iter().find_map(concerns);
            self.keep(at, line, found.map(|_| 32 - size.ilog2()), value);
        }
    }

    /// An entry for an IPv6 network of this prefix length was read.
    #[inline]
    pub(crate) fn ipv6(&mut self, at: &Progress, line: &[u8], net: (u128, u8), value: ValueId) {
        if !self.asked.is_empty() {
            let network = |address: u128| address.checked_shr(128 - u32::from(net.1));
            let concerns = |asked: &Asked| asked.ipv6.filter(|a| network(*a) == network(net.0));
            let found = self.asked.iter().find_map(concerns);
            self.keep(at, line, found.map(|_| net.1.into()), value);
        }
    }

    /// An entry for a name in wire form was read.
    #[inline]
    pub(crate) fn name(
        &mut self,
        at: &Progress,
        line: &[u8],
        (name, extent): (&[u8], Extent),
        value: ValueId,
    ) {
        if !self.asked.is_empty() {
            let found = self.asked.iter().filter_map(|asked| asked.below(name, extent)).max();
            self.keep(at, line, found, value);
        }
    }

    /// All lines that were collected.
    pub(crate) fn finish(mut self) -> Vec<Traced> {
        self.decide();
        self.lines
    }

    /// Keeps a line, if it is specific to some degree.
    #[cold]
    fn keep(&mut self, at: &Progress, line: &[u8], specificity: Option<u32>, value: ValueId) {
        self.lines.extend(specificity.map(|specificity| Traced {
            source: Arc::clone(&at.source),
            line: at.line,
            text: String::from_utf8_lossy(line).into_owned(),
            specificity,
            excludes: value == ValueId::NOTHING,
            decides: false,
        }));
    }

    /// The data set is read: marks the lines that decide in it.
    fn decide(&mut self) {
        let lines = &mut self.lines[self.from..];
        if let Some(most) = lines.iter().map(|line| line.specificity).max() {
            let mut deciding = lines.iter_mut().filter(|line| match self.rule {
                Rule::All | Rule::First | Rule::Last => line.specificity == most,
                Rule::SameOctet => line.specificity.div_ceil(8) == most.div_ceil(8),
            });
            let decide = |line: &mut Traced| line.decides = true;
            match self.rule {
                Rule::All | Rule::SameOctet => deciding.for_each(decide),
                Rule::First => deciding.next().into_iter().for_each(decide),
                Rule::Last => deciding.next_back().into_iter().for_each(decide),
            }
        }
        self.from = self.lines.len();
    }
}

impl Asked {
    /// How a data set at a name below the apex is asked about a target, if it is.
    fn of(target: &[u8], branch: &[u8]) -> Option<Asked> {
        let (mut labels, mut at) = (Vec::new(), 0);
        while target.len() - at > branch.len() {
            labels.push(at as u8);
            at += 1 + usize::from(*target.get(at)?);
        }
        if target.get(at..) != Some(branch) {
            return None;
        }
        let name = Relative::new(&target[..at], &labels);
        let ipv4 = (labels.len() == 4).then(|| name.ipv4(Octets::Plain)).flatten();
        let ipv6 = (labels.len() == 32).then(|| name.ipv6()).flatten();
        Some(Asked { name: target[..at].to_vec(), ipv4, ipv6 })
    }

    /// How specific an entry for a name is, if it concerns what is asked.
    fn below(&self, name: &[u8], extent: Extent) -> Option<u32> {
        let (labels, asked) = (label_count(name) as u32, label_count(&self.name) as u32);
        // Endings of as many labels begin at the same byte, so that bytes within a label do not matter.
        let mut rest = &self.name[..];
        for _ in labels..asked {
            rest = rest.get(1 + usize::from(*rest.first()?)..)?;
        }
        let concerns = rest == name
            && match extent {
                Extent::Exact => labels == asked,
                Extent::Below => labels < asked,
                Extent::Both => labels <= asked,
            };
        concerns.then(|| labels + u32::from(labels == asked))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::{Input, ReadOptions, rbldnsd};

    /// Checks which lines of a list concern a target; `*` stands before those that decide.
    fn check(kind: DatasetKind, text: &'static str, target: &str, expect: &[&str]) {
        let (name, reader) = (Arc::from("list"), Box::new(text.as_bytes()));
        let input = Input { name, reader, modified: 1 };
        let trace = Some(target.parse().expect("a target"));
        let options = ReadOptions { trace, ..ReadOptions::default() };
        let loaded = rbldnsd::read(kind, vec![input], &options).expect("the text is readable");
        assert_eq!(loaded.faults.errors(), 0, "{text}");
        let show = |line: &Traced| format!("{}{}", if line.decides { "*" } else { "" }, line.line);
        let found: Vec<String> = loaded.trace.iter().map(show).collect();
        assert_eq!(found, expect, "{target} in {text}");
    }

    #[test]
    fn records_concern_the_name_they_are_at() {
        let text = "7.2.0.192 A 127.0.0.2\n7.2.0.192 TXT \"why\"\nwww A 192.0.2.80\n@ A 192.0.2.1";
        check(DatasetKind::Generic, text, "192.0.2.7", &["*1", "*2"]);
        check(DatasetKind::Generic, text, "www", &["*3"]);
        check(DatasetKind::Generic, text, "a.www", &[]);
    }

    #[test]
    fn a_data_set_is_asked_by_what_stands_before_its_name() {
        let text = "$DATASET ip4set spam @\n192.0.2.0/24\n$DATASET dnset names\n.evil.example\n\
                    $DATASET generic spam\n1.2.0.192 A 127.0.0.9\n$DATASET ip6trie six\n2001:db8::/32";
        let combined = DatasetKind::Combined;
        check(combined, text, "192.0.2.1", &["*2"]);
        check(combined, text, "1.2.0.192.spam", &["*2", "*6"]);
        check(combined, text, "1.2.0.192.xspam", &[]);
        check(combined, text, "www.evil.example.names", &["*4"]);
        check(combined, text, "www.evil.example", &[]);
        check(combined, text, "2001:db8::1", &[]);
        let nibbles = format!("{}8.b.d.0.1.0.0.2.six", "0.".repeat(24));
        check(combined, text, &nibbles, &["*8"]);
    }

    #[test]
    fn lines_decide_by_the_rule_of_their_data_set() {
        let text = "192.0.2.0/24 :2:\n192.0.2.1 :3:\n192.0.2.1 :4:";
        check(DatasetKind::Addresses, text, "192.0.2.1", &["1", "*2", "*3"]);
        check(DatasetKind::Ip4trie, text, "192.0.2.1", &["1", "*2", "3"]);
        let text = "192.0.0.0/16 :2:\n192.0.2.0/25 :3:\n192.0.2.0/26 :4:\n";
        check(DatasetKind::Ip4set, text, "192.0.2.1", &["1", "*2", "*3"]);
        check(DatasetKind::Dnhash, "x.test :2:\nx.test :3:", "x.test", &["1", "*2"]);
        let text = "$DATASET ip4trie @\n192.0.2.0/24\n$DATASET ip4trie @\n192.0.2.1";
        check(DatasetKind::Combined, text, "192.0.2.1", &["*2", "*4"]);
    }

    #[test]
    fn bytes_of_a_label_are_no_labels() {
        check(DatasetKind::Dnset, ".b", "\\001b", &[]);
        check(DatasetKind::Dnset, ".b", "a.b", &["*1"]);
    }
}

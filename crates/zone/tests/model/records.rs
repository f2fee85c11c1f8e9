//! Plain records: a name has those written at it, and exists if it or anything below it has some.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use repute_dnsxl::Name;
use repute_zone::{DatasetKind, Existence, Hit, Relative, Zone};

use crate::question::labels;
use crate::zones;

/// A record: type, time to live, data in wire form.
type Record = (u16, u32, Vec<u8>);

/// A record as it is written, and as it is meant; `None` takes the TTL of the data set.
#[derive(Clone, Debug)]
struct Line {
    name: String,
    ttl: Option<u32>,
    class: &'static str,
    data: Data,
}

/// What a record says.
#[derive(Clone, Debug)]
enum Data {
    /// The last octet of an address.
    A(u8),
    /// A text, and whether it is written in quotes.
    Txt(String, bool),
    /// A preference and a host.
    Mx(u16, String),
}

impl Line {
    /// As a file has it.
    fn written(&self) -> String {
        let ttl = self.ttl.map(|ttl| format!("{ttl} ")).unwrap_or_default();
        let data = match &self.data {
            Data::A(last) => format!("A 192.0.2.{last}"),
            Data::Txt(text, true) => format!("TXT \"{text}\""),
            Data::Txt(text, false) => format!("txt {text}"),
            Data::Mx(preference, host) => format!("Mx {preference} {host}"),
        };
        format!("{} {ttl}{}{data}\n", self.name, self.class)
    }

    /// As DNS has it.
    fn record(&self, ttl: u32) -> Record {
        let ttl = self.ttl.unwrap_or(ttl);
        match &self.data {
            Data::A(last) => (1, ttl, vec![192, 0, 2, *last]),
            Data::Txt(text, _) => (16, ttl, [&[text.len() as u8], text.as_bytes()].concat()),
            Data::Mx(preference, host) => {
                let host: Name = host.parse().expect("a name");
                (15, ttl, [&preference.to_be_bytes(), host.as_wire()].concat())
            }
        }
    }
}

/// A record at one of few names.
fn line() -> impl Strategy<Value = Line> {
    let name = prop_oneof![1 => Just("@".to_owned()), 6 => "([ab]\\.){0,3}[abc]"];
    let data = prop_oneof![
        any::<u8>().prop_map(Data::A),
        ("[a-z]( ?[a-z:$]){0,20}", any::<bool>())
            .prop_map(|(text, quoted)| Data::Txt(text, quoted)),
        (any::<u16>(), "mail[12]\\.example").prop_map(|(n, host)| Data::Mx(n, host)),
    ];
    let class = prop_oneof![Just(""), Just("IN "), Just("in ")];
    (name, proptest::option::of(1_u32..100_000), class, data)
        .prop_map(|(name, ttl, class, data)| Line { name, ttl, class, data })
}

/// All records at a name, and whether it exists.
fn ask(zone: &Zone, wire: &[u8]) -> (BTreeSet<Record>, Existence) {
    let mut records = BTreeSet::new();
    let found = zone.visit(Relative::new(wire, &labels(wire)), |hit| match hit {
        Hit::Record(record) => {
            records.insert((record.rtype(), record.ttl(), record.data().to_vec()));
        }
        Hit::Listing(_) => panic!("plain records list nothing"),
    });
    (records, found)
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        cases: 64,
        ..ProptestConfig::default()
    })]

    #[test]
    fn generic_answers_with_the_records_of_a_name(
        lines in proptest::collection::vec(line(), 1..50),
        ttl in proptest::option::of(1_u32..10_000),
        questions in proptest::collection::vec("([ab]\\.){0,4}[abcd]", 1..40),
    ) {
        let mut text = ttl.map(|ttl| format!("$TTL {ttl}\n")).unwrap_or_default();
        text.extend(lines.iter().map(Line::written));
        let zones = zones(DatasetKind::Generic, &text);
        // doc/formats.md: `$TTL` is the time to live of entries; rbldnsd's own default is 35 minutes.
        let ttl = ttl.unwrap_or(35 * 60);
        let mut model: BTreeMap<String, BTreeSet<Record>> = BTreeMap::new();
        for line in &lines {
            let name = if line.name == "@" { "" } else { &line.name };
            model.entry(name.to_owned()).or_default().insert(line.record(ttl));
        }
        let names = lines.iter().map(|line| &line.name).chain(&questions);
        for question in names.map(|name| if name == "@" { "" } else { name }).chain([""]) {
            let expect = model.get(question).cloned().unwrap_or_default();
            let inside = format!(".{question}");
            let below = question.is_empty() || model.keys().any(|name| name.ends_with(&inside));
            let existence = match (expect.is_empty(), below) {
                (false, _) => Existence::Listed,
                (true, true) => Existence::Exists,
                (true, false) => Existence::Nothing,
            };
            let wire: Name = format!("{question}.").parse().expect("a name");
            for zone in &zones {
                let (records, found) = ask(zone, wire.relative());
                prop_assert_eq!(&records, &expect, "{}", question);
                prop_assert_eq!(found, existence, "{}", question);
            }
        }
    }
}

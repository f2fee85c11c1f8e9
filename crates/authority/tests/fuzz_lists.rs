//! Lists by zone transfer: whatever records others publish as a list, the list answers with the same addresses and texts,
//! read whole or followed change by change.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use repute_authority::incoming::List;
use repute_dnsxl::Name;
use repute_records::{Difference, Place, Record, Zone, rtype};
use repute_zone::{Hit, Relative};

#[test]
fn any_list_answers_what_its_records_say() {
    // How long to go on: `FUZZ_SECONDS`, or a second.
    let seconds = std::env::var("FUZZ_SECONDS").ok().and_then(|text| text.parse().ok());
    let time = Duration::from_secs(seconds.unwrap_or(1));
    bolero::check!().with_test_time(time).with_type::<Vec<Vec<u8>>>().for_each(|versions| {
        let mut list: Option<(List, Arc<Zone>)> = None;
        for (bytes, serial) in versions.iter().take(5).zip(1..) {
            let new = Arc::new(zone(serial, bytes));
            let next = match list.take() {
                None => List::read(&new).expect("few"),
                Some((mut list, old)) => {
                    let step = Difference::between(&old, &new);
                    list.follow(&new, &[step]).expect("it follows");
                    list
                }
            };
            let anew = List::read(&new).expect("few");
            assert_eq!(next.left_out(), anew.left_out());
            assert_eq!(next.zone().entries(), anew.zone().entries());
            for name in questions(&new) {
                let expect = by_records(&new, &name);
                assert_eq!(by_list(&anew, &name), expect, "{name:?} of {new:?}");
                assert_eq!(by_list(&next, &name), expect, "{name:?}, followed, of {new:?}");
            }
            list = Some((next, new));
        }
    });
}

/// A zone of what bytes mean: names of few labels, so that they meet.
fn zone(serial: u32, bytes: &[u8]) -> Zone {
    let apex = name("bl.test");
    let mut soa = b"\x01a\x00\x01b\x00".to_vec();
    soa.extend([serial, 1, 1, 1, 1].into_iter().flat_map(u32::to_be_bytes));
    let mut records =
        vec![Record { owner: apex, rtype: rtype::SOA, ttl: 60, data: soa.into_boxed_slice() }];
    for piece in bytes.chunks(3).take(40) {
        let [shape, what, value] = <[u8; 3]>::try_from(piece).unwrap_or_default();
        let depth = usize::from(shape % 4) + 1;
        let words = if shape & 0x80 == 0 { OCTETS } else { WORDS };
        let label = |at: usize| words[usize::from(what >> (2 * at)) % words.len()];
        let mut labels: Vec<&str> = (0..depth).map(label).collect();
        if shape & 0x40 != 0 && depth > 1 {
            labels[0] = "*";
        }
        let (rtype, data) = match value % 4 {
            0 => (rtype::TXT, vec![1, b'a' + value / 4 % 3]),
            _ => (rtype::A, vec![127, 0, 0, value / 4 % 3 + 2]),
        };
        let owner = name(&format!("{}.bl.test", labels.join(".")));
        records.push(Record { owner, rtype, ttl: 60, data: data.into_boxed_slice() });
    }
    Zone::new(name("bl.test"), records).expect("a zone").0
}

/// Names to ask about: all that there are, and their neighbours. Of numbers only whole addresses are asked about.
fn questions(zone: &Zone) -> BTreeSet<Vec<String>> {
    let mut all = BTreeSet::new();
    for node in zone.iter() {
        let count = node.owner().label_count() - 2;
        let labels = node.owner().labels().take(count);
        let labels: Vec<String> =
            labels.map(|label| String::from_utf8_lossy(label).replace('*', "")).collect();
        let is_number = labels.iter().any(|label| OCTETS.contains(&&**label));
        let more = if is_number { OCTETS } else { WORDS };
        let labels: Vec<String> = labels
            .iter()
            .map(|label| if label.is_empty() { more[1].to_owned() } else { label.clone() })
            .collect();
        for cut in 0..labels.len() {
            let mut one = labels[cut..].to_vec();
            all.insert(one.clone());
            for _ in 0..3 {
                one.insert(0, more[2].to_owned());
                all.insert(one.clone());
            }
        }
    }
    all.retain(|labels| {
        let is_number = labels.iter().any(|label| OCTETS.contains(&&**label));
        !labels.is_empty() && (!is_number || labels.len() == 4)
    });
    all
}

/// What a name server answers from records.
fn by_records(zone: &Zone, labels: &[String]) -> (BTreeSet<Vec<u8>>, BTreeSet<Vec<u8>>) {
    let (mut codes, mut texts) = (BTreeSet::new(), BTreeSet::new());
    let asked = name(&format!("{}.bl.test", labels.join(".")));
    if let Place::Here(node) | Place::Wildcard(node) = zone.find_name(&asked)
        && let Some(set) = node.get(rtype::A)
    {
        codes.extend(set.iter().map(<[u8]>::to_vec));
        // A text alone is none of a list.
        texts.extend(
            node.get(rtype::TXT).into_iter().flat_map(|set| set.iter().map(|t| t[1..].to_vec())),
        );
    }
    (codes, texts)
}

/// What the list answers.
fn by_list(list: &List, labels: &[String]) -> (BTreeSet<Vec<u8>>, BTreeSet<Vec<u8>>) {
    let (mut codes, mut texts) = (BTreeSet::new(), BTreeSet::new());
    let asked = name(&labels.join("."));
    let (mut places, mut at) = (Vec::new(), 0);
    for label in asked.labels() {
        places.push(u8::try_from(at).expect("short"));
        at += 1 + label.len();
    }
    list.zone().visit(Relative::new(asked.relative(), &places), |hit| {
        let Hit::Listing(listing) = hit else { return };
        for pair in listing.pairs(0, false) {
            codes.insert(pair.code.to_vec());
            let mut text = [0; 255];
            let len = listing.write_text(pair, b"", 254, &mut text);
            texts.extend((len > 0).then(|| text[..len].to_vec()));
        }
    });
    (codes, texts)
}

fn name(text: &str) -> Name {
    text.parse().expect("a name")
}

/// Labels that are octets and no nibbles.
const OCTETS: &[&str] = &["10", "20", "30", "255"];
/// Labels that are neither.
const WORDS: &[&str] = &["xa", "xb", "xc"];

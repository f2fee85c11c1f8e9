//! Text to zone to answer, against a model too simple to be wrong; and the same through a snapshot.
//!
//! A model keeps the entries as they are and looks at all of them for each question. What it does with
//! them is written from doc/formats.md and rbldnsd(8), not from the engine.

mod access;
mod addresses;
mod combined;
#[path = "../fixture/list.rs"]
mod list;
mod names;
#[path = "../fixture/question.rs"]
mod question;
mod records;
mod texts;

use std::collections::BTreeSet;

use list::{block_list, dataset};
use question::labels;
use repute_zone::format::ReadOptions;
use repute_zone::{DatasetKind, Existence, Hashes, Hit, Probe, Quick, Relative, Zone, snapshot};

/// Builds a zone from the text of one file, and again by way of a snapshot.
fn zones(kind: DatasetKind, text: &str) -> [Zone; 2] {
    let options = ReadOptions { accept_host_bits: true, ..ReadOptions::default() };
    let zone = Zone::new(block_list("bl.example", vec![dataset(kind, text, &options)]));
    let mut image = Vec::new();
    snapshot::encode(&zone, &mut image).expect("memory takes it");
    let reopened = snapshot::open(image.into()).expect("the snapshot is good");
    [zone, reopened]
}

/// Return codes' last octets that a relative name in wire form is answered with, and whether it is.
fn ask(zone: &Zone, wire: &[u8]) -> (BTreeSet<u8>, Existence) {
    ask_as(zone, wire, 0, false)
}

/// The same at a time, with a key or without.
fn ask_as(zone: &Zone, wire: &[u8], now: u32, keyed: bool) -> (BTreeSet<u8>, Existence) {
    let labels = labels(wire);
    let mut codes = BTreeSet::new();
    let found = zone.visit(Relative::new(wire, &labels), |hit| {
        if let Hit::Listing(listing) = hit {
            codes.extend(listing.pairs(now, keyed).map(|pair| pair.code[3]));
        }
    });
    // The short way, from a bare name and from one that lies in a longer buffer, says the same or nothing.
    let buffer = [wire, b"\x07example\x00\xff\xff\xff\xff\xff\xff\xff\xff\xff"].concat();
    for name in [Relative::new(wire, &labels), Relative::in_buffer(&buffer, wire.len(), &labels)] {
        let (mut hashes, mut probe) = (Hashes::default(), None);
        zone.probe(name, &mut hashes, &mut probe);
        let Some(mut probe) = probe else { continue };
        for step in 0..Probe::STEPS {
            probe.fetch(step);
        }
        match probe.quick(|| name) {
            Quick::Listed(_, pair) => {
                assert_eq!((&codes, found), (&[pair.code[3]].into(), Existence::Listed));
            }
            Quick::Nothing => assert_eq!((codes.len(), found), (0, Existence::Nothing)),
            Quick::Unsure => {}
        }
    }
    (codes, found)
}

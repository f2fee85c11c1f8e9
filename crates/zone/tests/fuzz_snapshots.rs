//! No snapshot, however wrong its content, makes us panic or read outside of it.
//!
//! The checksum is made right again after each change: corruption is found by it, so what is tried here
//! is malice.

#[path = "fixture/list.rs"]
mod list;
#[path = "fuzz/mutation.rs"]
mod mutation;
#[path = "fixture/question.rs"]
mod question;

use list::{block_list, dataset};
use mutation::{Mutation, mutate, time};
use question::labels;
use repute_zone::format::ReadOptions;
use repute_zone::guard::{self, Guards, Reach};
use repute_zone::records::{self, Difference, SortedNames, Version, WireRecord};
use repute_zone::{
    DatasetKind, Hashes, Hit, Link, Probe, Relative, TagKey, Zone, ZoneSpec, export, snapshot,
};

fn image(kind: DatasetKind, text: &str) -> Vec<u8> {
    let datasets = vec![dataset(kind, text, &ReadOptions::default())];
    let spec = block_list("x.example", datasets);
    let link = Link::new("https://x.example/r/1/", TagKey::new([7; 16])).expect("an address");
    let link = (kind != DatasetKind::Combined).then_some(link);
    let zone = Zone::new(ZoneSpec { test_entries: true, serial: 3, link, ..spec });
    let mut image = Vec::new();
    snapshot::encode(&zone, &mut image).expect("memory takes it");
    image
}

fn images() -> Vec<Vec<u8>> {
    let crowded: String =
        (0..600).map(|i| format!("1.2.{}.{} :{}:t $\n", i / 200, i % 200, i % 90 + 2)).collect();
    vec![
        image(DatasetKind::Ip4set, &format!("{crowded}9.0.0.0/12 :3:\n1.2.1.1 :99:second\n")),
        image(
            DatasetKind::Ip6trie,
            "2001:db8::/33\n2001:db8::/64 :3:\n2001:db8::7 :4:\n2002::/16\n",
        ),
        image(DatasetKind::Dnset, "bad.example :2:$\n.worse.example\n!a.worse.example\nx :3:\n"),
        image(
            DatasetKind::Combined,
            "$DATASET generic a @\n@ A 1.2.3.4\nwww TXT x\n$DATASET dnset b\ny :2:t\n",
        ),
    ]
}

/// Asks names of every shape, and takes every answer.
fn ask_everything(zone: &Zone) {
    let names: [&[u8]; 8] = [
        b"",
        b"\x011\x011\x012\x011",
        b"\x03199\x012\x012\x011",
        b"\x012\x011",
        b"\x017\x010\x010\x010\x010\x010\x010\x010\x010\x010\x010\x010\x010\x010\x010\x010\x010\x010\
          \x010\x010\x010\x010\x010\x010\x018\x01b\x01d\x010\x011\x010\x010\x012",
        b"\x018\x01b\x01d\x010\x011\x010\x010\x012",
        b"\x01a\x05worse\x07example",
        b"\x03www\x01a",
    ];
    for wire in names {
        let labels = labels(wire);
        let name = Relative::new(wire, &labels);
        let (mut hashes, mut probe) = (Hashes::default(), None);
        zone.probe(name, &mut hashes, &mut probe);
        if let Some(mut probe) = probe {
            for step in 0..Probe::STEPS {
                probe.fetch(step);
            }
            probe.quick(|| name);
        }
        zone.visit(name, |hit| {
            if let Hit::Listing(listing) = hit {
                let mut out = [0; 300];
                for pair in listing.pairs(100, false) {
                    zone.write_text(listing, pair, b"sub.ject", &mut out);
                }
            }
        });
    }
}

#[test]
fn fuzz_snapshots() {
    let images = images();
    bolero::check!().with_test_time(time()).with_type::<(u8, Vec<Mutation>)>().for_each(
        |(which, mutations)| {
            let valid = &images[usize::from(*which) % images.len()];
            let mut image = mutate(valid, mutations);
            if image.len() >= 32 {
                let length = image.len() as u64;
                image[16..24].copy_from_slice(&length.to_le_bytes());
                let checksum = xxhash_rust::xxh3::xxh3_64(&image[32..]);
                image[24..32].copy_from_slice(&checksum.to_le_bytes());
            }
            if let Ok(zone) = snapshot::open(image.into()) {
                ask_everything(&zone);
                guard::check(&zone, None, Reach::default(), &Guards::default());
                export::rbldnsd(&zone, export::View::At(0), &mut std::io::sink())
                    .expect("a sink takes all");
                let names = SortedNames::of(&zone);
                let version = Version { zone: &zone, names: &names, now: 0 };
                if records::count(version, 2000) <= 2000 {
                    let nothing = |_: WireRecord<'_>| panic!("a list differs from itself");
                    let _ = Difference::of(version, version).removed(nothing);
                }
            }
        },
    );
}

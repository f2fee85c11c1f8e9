//! Catalogs of anybody: whatever records they have, reading them ends with members that are each there once, or says what is
//! broken.

use std::collections::HashSet;
use std::time::Duration;

use repute_authority::catalog::members;
use repute_dnsxl::Name;
use repute_records::{Record, Zone, rtype};

#[test]
fn any_catalog_is_read() {
    // How long to go on: `FUZZ_SECONDS`, or a second.
    let seconds = std::env::var("FUZZ_SECONDS").ok().and_then(|text| text.parse().ok());
    let time = Duration::from_secs(seconds.unwrap_or(1));
    bolero::check!().with_test_time(time).with_type::<Vec<(u8, u8, Vec<u8>)>>().for_each(
        |pieces| {
            let zone = zone(pieces);
            let Ok(members) = members(&zone, MOST) else { return };
            assert!(members.len() <= MOST);
            let zones: HashSet<&Name> = members.iter().map(|member| &member.zone).collect();
            let labels: HashSet<&[u8]> = members.iter().map(|member| &*member.label).collect();
            assert_eq!((zones.len(), labels.len()), (members.len(), members.len()), "each once");
            for member in &members {
                let label = Name::from_wire(
                    &[
                        &[u8::try_from(member.label.len()).expect("a label")],
                        &*member.label,
                        b"\x05zones\x01c\x00",
                    ]
                    .concat(),
                );
                let node = zone.node(&label.expect("a name")).expect("it is there");
                let set = node.get(rtype::PTR).expect("by a PTR record");
                assert_eq!((set.len(), Name::from_wire(set.first())), (1, Ok(member.zone.clone())));
            }
        },
    );
}

/// A zone of pieces, each a record: where, of what type, and with which data.
fn zone(pieces: &[(u8, u8, Vec<u8>)]) -> Zone {
    let apex: Name = "c".parse().expect("a name");
    let soa = [&[0, 0][..], &[0; 20]].concat().into_boxed_slice();
    let mut records = vec![Record { owner: apex, rtype: rtype::SOA, ttl: 0, data: soa }];
    let owners = [
        "version",
        "a.zones",
        "b.zones",
        "*.zones",
        "zones",
        "coo.a.zones",
        "group.a.zones",
        "x.y.b.zones",
    ];
    for (place, kind, data) in pieces.iter().take(50) {
        let place = usize::from(*place) % (owners.len() + 1);
        // Mostly a version that is known, so that what follows is read.
        let owner = format!("{}.c", owners.get(place).unwrap_or(&"version"));
        let (rtype, data) = match (place, kind % 4) {
            (8.., _) => (rtype::TXT, b"\x012".to_vec()),
            (_, 0) => (rtype::TXT, data.clone()),
            (_, 1) => (rtype::PTR, data.clone()),
            (_, 2) => (
                rtype::TXT,
                [&[u8::try_from(data.len().min(200)).expect("few")], &data[..data.len().min(200)]]
                    .concat(),
            ),
            _ => (rtype::PTR, vec![1, b'a' + data.first().unwrap_or(&0) % 4, 0]),
        };
        let owner = owner.parse().expect("a name");
        records.push(Record { owner, rtype, ttl: 0, data: data.into_boxed_slice() });
    }
    Zone::new("c".parse().expect("a name"), records).expect("a zone").0
}

/// Members that are wanted at most.
const MOST: usize = 2;

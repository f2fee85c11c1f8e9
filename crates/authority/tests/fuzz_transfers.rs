//! Transfers of anybody: nothing panics or goes on for ever, nothing outside the zone comes in, and what is whole makes a
//! zone or an error.

use std::time::Duration;

use repute_authority::incoming::{Limits, Received, Sequence, Step};
use repute_authority::transfer::What;
use repute_dnsxl::Name;
use repute_records::{Record, Zone, rtype};

#[test]
fn any_transfer_is_read() {
    // How long to go on: `FUZZ_SECONDS`, or a second.
    let seconds = std::env::var("FUZZ_SECONDS").ok().and_then(|text| text.parse().ok());
    let time = Duration::from_secs(seconds.unwrap_or(1));
    bolero::check!().with_test_time(time).with_type::<Vec<Vec<u8>>>().for_each(|messages| {
        for what in [What::Whole, What::Since(1)] {
            read(what, messages.iter().map(Vec::clone));
            // Behind a header and a question, and as words that mean something.
            read(what, messages.iter().map(|bytes| [&head(what, 3)[..], bytes].concat()));
            read(what, messages.iter().map(|bytes| words(what, bytes)));
        }
    });
}

/// Reads messages, and holds what comes of them to its promises.
fn read(what: What, messages: impl Iterator<Item = Vec<u8>>) {
    let apex: Name = "test".parse().expect("a name");
    let limits = Limits { records: 50, bytes: 20_000 };
    let mut sequence = Sequence::new(apex.clone(), what, [1, 2], limits);
    let mut is_over = false;
    for message in messages {
        let step = sequence.take(&message);
        assert!(!is_over || step.is_err(), "nothing follows the end");
        assert!(sequence.counts().1 <= limits.records + 3);
        is_over = !matches!(step, Ok(Step::More));
        let fits = |records: &[Record]| {
            records.iter().all(|record| record.owner.is_within(&apex) && record.rtype != rtype::SOA)
        };
        match step {
            Ok(Step::Done(Received::Whole(records))) => {
                assert!(fits(&records[1..]));
                let (zone, unfit) = Zone::new(apex.clone(), records).expect("a zone");
                assert!(unfit.is_empty() && !zone.is_empty());
            }
            Ok(Step::Done(Received::Changes(steps))) => {
                assert!(matches!(what, What::Since(_)) && !steps.is_empty());
                assert!(steps.iter().all(|step| fits(&step.removed) && fits(&step.added)));
            }
            Ok(Step::Done(Received::Current(_))) => assert!(matches!(what, What::Since(_))),
            Ok(Step::More) | Err(_) => {}
        }
    }
}

/// A header for so many records, and a question.
fn head(what: What, records: u8) -> Vec<u8> {
    let mut head = vec![1, 2, 0x84, 0, 0, 1, 0, records, 0, 0, 0, 0];
    head.extend(b"\x04test\x00");
    head.extend(what.qtype().to_be_bytes());
    head.extend([0, 1]);
    head
}

/// A message of whole records, each of a byte.
fn words(what: What, bytes: &[u8]) -> Vec<u8> {
    let bytes = &bytes[..bytes.len().min(200)];
    let mut message = head(what, u8::try_from(bytes.len()).expect("few"));
    for byte in bytes {
        match byte % 6 {
            0 => message
                .extend(b"\x01a\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04\x7f\x00\x00\x02"),
            1 => message.extend(b"\xc0\x0c\x00\x02\x00\x01\x00\x00\x00\x3c\x00\x02\xc0\x0c"),
            2 if byte % 7 == 0 => message.extend(b"\x00\x00\x01\x00\x01\x00\x00\x00\x00\x00\x00"),
            _ => {
                message.extend(
                    b"\xc0\x0c\x00\x06\x00\x01\x00\x00\x00\x3c\x00\x16\x00\x00\x00\x00\x00",
                );
                message.push(byte % 4);
                message.extend([0; 16]);
            }
        }
    }
    message
}

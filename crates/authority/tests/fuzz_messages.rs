//! Updates and signatures of anybody: nothing panics or hangs, and what is read means the same when it is written whole.

use std::time::Duration;

use repute_authority::keys::{Algorithm, Key, Keys};
use repute_authority::message::{self, Sent};
use repute_authority::signature::{self, Asker, Checked};
use repute_records::update::{Raw, Update};

#[test]
fn any_message_is_read() {
    // How long to go on: `FUZZ_SECONDS`, or a second.
    let seconds = std::env::var("FUZZ_SECONDS").ok().and_then(|text| text.parse().ok());
    let time = Duration::from_secs(seconds.unwrap_or(1));
    let key = Key::new(
        "k.test".parse().expect("a name"),
        Algorithm::Sha256,
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
    );
    let keys: Keys = [key.expect("a key")].into_iter().collect();
    bolero::check!().with_test_time(time).with_type::<Vec<u8>>().for_each(|bytes| {
        read(bytes, &keys);
        // Behind a zone, and as words that mean something.
        let zone = b"\x00\x01\x28\x00\x00\x01\x00\x02\x00\x03\x00\x01\x04test\x00\x00\x06\x00\x01";
        read(&[&zone[..], bytes].concat(), &keys);
        let words: Vec<u8> = bytes
            .iter()
            .flat_map(|byte| WORDS[usize::from(*byte) % WORDS.len()].iter().copied())
            .collect();
        read(&[&zone[..], &words].concat(), &keys);
    });
}

/// Reads a message in each way, and holds what comes of it to its promises.
fn read(message: &[u8], keys: &Keys) {
    match signature::check(message, keys, 1_800_000_000) {
        Checked::Unsigned => {}
        Checked::Signed(_) => panic!("nobody guesses a signature"),
        Checked::Refused(refused) => {
            assert!(refused.answer.len() >= 12 && refused.answer[2] & 0x80 != 0);
        }
    }
    let key = keys.get(&"k.test".parse().expect("a name")).expect("the key");
    let mut request = message.to_vec();
    request.resize(request.len().max(12), 0);
    if request.len() < 60_000 {
        Asker::sign(key, &mut request, 1_800_000_000)
            .verify(message, 1_800_000_000)
            .expect_err("forged");
    }
    let Ok(sent) = message::read(message, 1000) else { return };
    let again = message::read(&write(&sent), 1000);
    assert_eq!(again.as_ref(), Ok(&sent));
    // Whatever it is, judging it does no harm.
    let _ = Update::read(&sent.apex, sent.prerequisites, sent.changes);
}

/// Writes an update with all names whole.
fn write(sent: &Sent) -> Vec<u8> {
    let count = |raws: &[Raw]| u16::try_from(raws.len()).expect("few").to_be_bytes();
    let mut message = vec![0, 1, 0x28, 0, 0, 1];
    message.extend(count(&sent.prerequisites));
    message.extend(count(&sent.changes));
    message.extend([0, 0]);
    message.extend(sent.apex.as_wire());
    message.extend([0, 6]);
    message.extend(sent.class.to_be_bytes());
    for raw in sent.prerequisites.iter().chain(&sent.changes) {
        message.extend(raw.owner.as_wire());
        message.extend(raw.rtype.to_be_bytes());
        message.extend(raw.class.to_be_bytes());
        message.extend(raw.ttl.to_be_bytes());
        message.extend(u16::try_from(raw.data.len()).expect("short").to_be_bytes());
        message.extend(&*raw.data);
    }
    message
}

/// Parts of updates.
const WORDS: [&[u8]; 24] = [
    b"\x00",
    b"\x01a",
    b"\x04test\x00",
    b"\xc0\x0c",
    b"\xc0\x1d",
    b"\x00\x01\x00\x01",
    b"\x00\x02\x00\x01",
    b"\x00\x06\x00\x01",
    b"\x00\x0f\x00\x01",
    b"\x00\x10\x00\xff",
    b"\x00\x21\x00\xfe",
    b"\x00\x40\x00\x01",
    b"\x00\xff\x00\xff",
    b"\x00\xfa\x00\xff",
    b"\x01\x01\x00\x01",
    b"\x00\x00\x00\x00\x00\x00",
    b"\x00\x00\x00\x3c\x00\x04",
    b"\x00\x00\x00\x3c\x00\x02",
    b"\x7f\x00\x00\x02",
    b"\x00\x0a",
    b"\x01k\x04test\x00",
    b"\x0bhmac-sha256\x00",
    b"\x00\x00\x6b\x49\xd2\x00\x01\x2c\x00\x20",
    b"\x00\x01\x00\x00\x00\x00",
];

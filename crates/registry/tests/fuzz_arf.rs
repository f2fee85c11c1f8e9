//! No message makes the reader of mail-abuse reports panic or take what evidence does not hold.

#[path = "../../zone/tests/fuzz/mutation.rs"]
mod mutation;

use mutation::{Mutation, mutate, time};
use repute_database::Timestamp;
use repute_registry::evidence::{arf, is_word};

/// A report to begin with.
const REPORT: &[u8] = b"From: <fbl@provider.example>\r\nMIME-Version: 1.0\r\nContent-Type: multipart/report;\r\n \
    report-type=feedback-report; boundary=\"p\"\r\n\r\n--p\r\nContent-Type: text/plain\r\n\r\nA report.\r\n--p\r\n\
    Content-Type: message/feedback-report\r\n\r\nFeedback-Type: abuse\r\nVersion: 1\r\nSource-IP: 9.0.0.1\r\n\
    Arrival-Date: Tue, 14 Nov 2023 22:13:20 +0000\r\nIncidents: 3\r\nReported-Domain: bad.example\r\n--p\r\n\
    Content-Type: message/rfc822\r\n\r\nSubject: offer\r\n\r\nBuy.\r\n--p--\r\n";

#[test]
fn fuzz_arf() {
    let now = Timestamp(2_000_000_000_000_000);
    assert_eq!(arf::read(REPORT, now).expect("it is a report").len(), 2);
    bolero::check!().with_type::<Vec<Mutation>>().with_test_time(time()).for_each(
        |mutations: &Vec<Mutation>| {
            for sighting in arf::read(&mutate(REPORT, mutations), now).unwrap_or_default() {
                assert!(is_word(&sighting.class) && sighting.count > 0, "{sighting:?}");
                assert!((0..=now.0).contains(&sighting.seen.0), "{sighting:?}");
            }
        },
    );
}

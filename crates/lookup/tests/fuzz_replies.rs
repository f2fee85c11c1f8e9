//! No reply makes us panic or wait for ever, and none is believed that does not repeat the question.

#[path = "../../zone/tests/fuzz/mutation.rs"]
mod mutation;

use mutation::{Mutation, mutate, time};
use repute_lookup::exchange::Answer;
use repute_lookup::list::List;
use repute_lookup::message::{Match, matches, read};
use repute_lookup::verdict::{Said, read as judge};

const QUERY: &[u8] = b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x011\x012\x013\x014\x02bL\x04TEst\x00\x00\x01\x00\x01";

const REPLIES: [&[u8]; 4] = [
    // An address by way of a CNAME.
    b"\x12\x34\x84\x00\x00\x01\x00\x02\x00\x00\x00\x01\x011\x012\x013\x014\x02bL\x04TEst\x00\x00\x01\x00\x01\
      \xc0\x0c\x00\x05\x00\x01\x00\x00\x00\x3c\x00\x06\x03www\xc0\x14\x03www\x02bl\x04test\x00\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04\x7f\x00\x00\x02\
      \x00\x00\x29\x04\xd0\x00\x00\x80\x00\x00\x08\x00\x0f\x00\x04\x00\x12no",
    // Two addresses.
    b"\x12\x34\x84\x00\x00\x01\x00\x02\x00\x00\x00\x00\x011\x012\x013\x014\x02bL\x04TEst\x00\x00\x01\x00\x01\
      \xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04\x7f\x00\x00\x02\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x0a\x00\x04\x7f\x00\x00\x04",
    // A denial.
    b"\x12\x34\x84\x03\x00\x01\x00\x00\x00\x01\x00\x00\x011\x012\x013\x014\x02bL\x04TEst\x00\x00\x01\x00\x01\
      \xc0\x14\x00\x06\x00\x01\x00\x00\x00\x3c\x00\x1a\x02ns\xc0\x14\x00\x00\x00\x00\x07\x00\x00\x00\x01\x00\x00\x00\x01\x00\x00\x00\x01\x00\x00\x00\x09",
    // A text.
    b"\x12\x34\x84\x00\x00\x01\x00\x01\x00\x00\x00\x00\x011\x012\x013\x014\x02bL\x04TEst\x00\x00\x10\x00\x01\
      \xc0\x0c\x00\x10\x00\x01\x00\x00\x00\x3c\x00\x08\x03two\x03str",
];

#[test]
fn fuzz_replies() {
    let list = List::new("bl.test".parse().expect("a name"));
    bolero::check!().with_type::<(u8, Vec<Mutation>)>().with_test_time(time()).for_each(
        |(which, mutations): &(u8, Vec<Mutation>)| {
            let packet = mutate(REPLIES[usize::from(*which) % REPLIES.len()], mutations);
            if matches(&packet, QUERY) == Match::Exact {
                assert_eq!(packet[..2], QUERY[..2]);
                assert_eq!(packet[12..QUERY.len()], QUERY[12..]);
            }
            let Some(reply) = read(&packet) else { return };
            assert!(reply.records.is_empty() || reply.denied_by.is_none());
            let texts = reply.texts().map(str::len).sum::<usize>();
            // What is not UTF-8 becomes three bytes for one.
            assert!(texts <= 3 * packet.len());
            let codes = reply.addresses().count();
            if let Said::Listed(listed, _) = judge(&list, &Answer::Reply(reply)) {
                assert!(!listed.is_empty() && listed.len() <= codes);
                assert!(listed.iter().all(|code| code.is_conventional()));
            }
        },
    );
}

#[test]
fn the_replies_are_what_they_should_be() {
    let said = REPLIES.map(|packet| {
        let reply = read(packet).expect("it is well-formed");
        let mut said: Vec<String> = reply.addresses().map(|a| a.to_string()).collect();
        said.extend(reply.texts().map(str::to_owned));
        said.extend(
            reply.denied_by.iter().map(|denial| format!("{} {}", denial.zone, denial.serial)),
        );
        said.extend(reply.error.iter().map(|(code, text)| format!("{code} {text}")));
        said.extend(reply.ttl.map(|ttl| ttl.as_secs().to_string()));
        said.join(", ")
    });
    let expected =
        ["127.0.0.2, 18 no, 60", "127.0.0.2, 127.0.0.4, 10", "bl.test 7, 9", "twostr, 60"];
    assert_eq!(said, expected);
    assert_eq!(
        REPLIES.map(|packet| matches(packet, QUERY)),
        [Match::Exact, Match::Exact, Match::Exact, Match::No]
    );
}

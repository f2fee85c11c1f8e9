//! Exchanges that are signed, the DNS library's own signatures at the other end, and all that can be wrong.

use domain::base::iana::{Opcode, Rcode, TsigRcode};
use domain::base::{MessageBuilder, Name as DomainName, Rtype};
use domain::rdata::tsig::Time48;
use domain::tsig::{self, ClientSequence, ClientTransaction, ServerTransaction};

use super::*;
use crate::keys::Algorithm;

const SECRET: &[u8] = b"a secret of more than sixteen bytes";
const NOW: u64 = 1_800_000_000;

fn key(secret: &[u8], algorithm: Algorithm) -> Key {
    let secret = domain::utils::base64::encode_string(secret);
    Key::new("Key.test".parse().expect("a name"), algorithm, &secret).expect("a key")
}

fn keys(algorithm: Algorithm) -> Keys {
    [key(SECRET, algorithm)].into_iter().collect()
}

/// The same key, as the library has it.
fn theirs(algorithm: Algorithm) -> tsig::Key {
    let algorithm = match algorithm {
        Algorithm::Sha256 => tsig::Algorithm::Sha256,
        Algorithm::Sha384 => tsig::Algorithm::Sha384,
        Algorithm::Sha512 => tsig::Algorithm::Sha512,
    };
    let name = "key.test".parse().expect("a name");
    tsig::Key::new(algorithm, SECRET, name, None, None).expect("a key")
}

/// A query, not signed.
fn query() -> MessageBuilder<Vec<u8>> {
    let mut query = MessageBuilder::new_vec();
    query.header_mut().set_id(0x1234);
    query.header_mut().set_opcode(Opcode::QUERY);
    query
}

/// A query that the library signs, and its side of the exchange.
fn signed_query(key: tsig::Key, now: u64) -> (Vec<u8>, ClientTransaction<tsig::Key>) {
    let mut question = query().question();
    let name = DomainName::vec_from_str("WWW.example.test").expect("a name");
    question.push((name, Rtype::A)).expect("room");
    let mut message = question.additional();
    let transaction =
        ClientTransaction::request(key, &mut message, Time48::from_u64(now)).expect("room");
    (message.finish(), transaction)
}

fn expect_signed(checked: Checked) -> Signed {
    match checked {
        Checked::Signed(signed) => signed,
        other => panic!("{other:?}"),
    }
}

fn expect_refused(checked: Checked) -> Refused {
    match checked {
        Checked::Refused(refused) => refused,
        other => panic!("{other:?}"),
    }
}

/// The TSIG record of a message: error, other data, length of the signature.
fn tsig_of(message: &[u8]) -> (u16, Vec<u8>, usize) {
    let Ok(Some(found)) = Found::read(message) else { panic!("no signature") };
    (found.error, found.other.to_vec(), found.mac.len())
}

#[test]
fn what_the_library_signs_is_verified_and_the_other_way_round() {
    for algorithm in [Algorithm::Sha256, Algorithm::Sha384, Algorithm::Sha512] {
        let (message, transaction) = signed_query(theirs(algorithm), NOW);
        let mut signed = expect_signed(check(&message, &keys(algorithm), NOW + 299));
        assert_eq!((signed.time, signed.signer.key().name().to_string()), (NOW, "key.test".into()));
        let plain = Message::from_octets(signed.message.clone()).expect("a message");
        assert_eq!(plain.header_counts().arcount(), 0);
        let mut answer = bare_answer(&signed.message, 0);
        let unsigned = answer.len();
        signed.signer.sign(&mut answer, NOW);
        assert_eq!(answer.len(), unsigned + signed.signer.room());
        let mut answer = Message::from_octets(answer).expect("a message");
        transaction.answer(&mut answer, Time48::from_u64(NOW)).expect("the library trusts it");

        let (question, _) = signed_query(theirs(algorithm), NOW);
        let question = expect_signed(check(&question, &keys(algorithm), NOW)).message;
        let mut request = question.clone();
        let ours = Arc::new(key(SECRET, algorithm));
        let mut asker = Asker::sign(&ours, &mut request, NOW);
        let mut request = Message::from_octets(request).expect("a message");
        let server =
            ServerTransaction::request(&theirs(algorithm), &mut request, Time48::from_u64(NOW));
        let server = server.expect("the library trusts it").expect("a signature");
        let builder = MessageBuilder::new_vec();
        let mut builder =
            builder.start_answer(&request, Rcode::NXDOMAIN).expect("room").additional();
        server.answer(&mut builder, Time48::from_u64(NOW)).expect("room");
        let answer = asker.verify(&builder.finish(), NOW).expect("trusted");
        assert!(asker.is_settled());
        assert_eq!(answer[3] & 15, 3);
    }
}

#[test]
fn a_sequence_is_signed_message_by_message() {
    let mut request = query().additional();
    let mut client =
        ClientSequence::request(theirs(Algorithm::Sha256), &mut request, Time48::from_u64(NOW))
            .expect("room");
    let message = request.finish();
    let mut signed = expect_signed(check(&message, &keys(Algorithm::Sha256), NOW));
    let mut ours = query().additional().finish();
    let mut asker = Asker::sign(&Arc::new(key(SECRET, Algorithm::Sha256)), &mut ours, NOW);
    let mut again = expect_signed(check(&ours, &keys(Algorithm::Sha256), NOW)).signer;
    for i in 0..5 {
        let mut answer = bare_answer(&signed.message, i);
        let mut other = answer.clone();
        signed.signer.sign(&mut answer, NOW + u64::from(i));
        let mut answer = Message::from_octets(answer).expect("a message");
        client.answer(&mut answer, Time48::from_u64(NOW)).expect("the library trusts it");
        again.sign(&mut other, NOW + u64::from(i));
        asker.verify(&other, NOW).expect("trusted");
    }
    client.done().expect("ends with a signature");
    assert!(asker.is_settled());
}

#[test]
fn messages_without_a_signature_count_into_the_next() {
    let ours = Arc::new(key(SECRET, Algorithm::Sha256));
    let mut request = query().additional().finish();
    let mut asker = Asker::sign(&ours, &mut request, NOW);
    let mut signer = expect_signed(check(&request, &keys(Algorithm::Sha256), NOW)).signer;
    let plain = bare_answer(&request, 0);
    assert_eq!(asker.verify(&plain, NOW), Err(Distrust::Unsigned), "the first must be signed");
    let mut first = plain.clone();
    signer.sign(&mut first, NOW);
    asker.verify(&first, NOW).expect("trusted");
    asker.verify(&plain, NOW).expect("in between there may be none");
    assert!(!asker.is_settled());
    // The next signature of this signer knows nothing of the one in between.
    let mut next = plain.clone();
    signer.sign(&mut next, NOW);
    assert_eq!(asker.verify(&next, NOW), Err(Distrust::Wrong));
    // There was one.
    let mut patient = asker.clone();
    for _ in 1..99 {
        patient.verify(&plain, NOW).expect("99 may have none");
    }
    assert_eq!(patient.verify(&plain, NOW), Err(Distrust::Unsigned));
}

/// "If a non-forwarding server does not recognize the key [...] RCODE 9 (NOTAUTH) and TSIG ERROR 17 (BADKEY)"
/// (section 5.2.1); "the server SHOULD send back an unsigned error message (MAC size == 0)" (section 5.3.2).
#[test]
fn keys_that_are_not_known_get_badkey_without_a_signature() {
    let (message, transaction) = signed_query(theirs(Algorithm::Sha256), NOW);
    for keys in [Keys::default(), keys(Algorithm::Sha512)] {
        let refused = expect_refused(check(&message, &keys, NOW));
        assert_eq!(refused.reason, Reason::BadKey("key.test".parse().expect("a name")));
        assert_eq!(tsig_of(&refused.answer), (17, vec![], 0));
        let mut answer = Message::from_octets(refused.answer).expect("a message");
        assert_eq!(answer.header().rcode(), Rcode::NOTAUTH);
        let error = transaction.answer(&mut answer, Time48::from_u64(NOW)).expect_err("no trust");
        assert!(matches!(error, tsig::ValidationError::ServerBadKey), "{error}");
    }
}

#[test]
fn another_secret_or_message_gets_badsig_without_a_signature() {
    let (message, transaction) = signed_query(theirs(Algorithm::Sha256), NOW);
    let other: Keys =
        [key(b"another secret of many bytes", Algorithm::Sha256)].into_iter().collect();
    let refused = expect_refused(check(&message, &other, NOW));
    assert_eq!(refused.reason, Reason::BadSignature("key.test".parse().expect("a name")));
    assert_eq!(tsig_of(&refused.answer), (16, vec![], 0));
    let mut answer = Message::from_octets(refused.answer).expect("a message");
    let error = transaction.answer(&mut answer, Time48::from_u64(NOW)).expect_err("no trust");
    assert!(matches!(error, tsig::ValidationError::ServerBadSig), "{error}");
    // Any byte that is changed: but for the id, which another server may change on the way.
    for at in 2..message.len() {
        let mut changed = message.clone();
        changed[at] ^= 0x01;
        assert!(
            !matches!(check(&changed, &keys(Algorithm::Sha256), NOW), Checked::Signed(_)),
            "{at}"
        );
    }
    let mut forwarded = message;
    forwarded[0] ^= 0xff;
    expect_signed(check(&forwarded, &keys(Algorithm::Sha256), NOW));
}

/// "The response will include the client's current time in the Time Signed field and the server's current time [...]
/// in the Other Data field" (section 5.2.3); it is signed (section 5.3.2).
#[test]
fn wrong_clocks_get_badtime_with_ours_and_a_signature() {
    let ours = Arc::new(key(SECRET, Algorithm::Sha256));
    for (now, ahead) in [(NOW + 301, -301), (NOW - 301, 301)] {
        let mut request = query().additional().finish();
        let mut asker = Asker::sign(&ours, &mut request, NOW);
        let refused = expect_refused(check(&request, &keys(Algorithm::Sha256), now));
        assert_eq!(refused.reason, Reason::BadTime("key.test".parse().expect("a name"), ahead));
        let (error, other, mac) = tsig_of(&refused.answer);
        assert_eq!((error, mac), (18, 32));
        assert_eq!(other, now.to_be_bytes()[2..]);
        let way = if ahead < 0 { "its clock is 301 s behind" } else { "its clock is 301 s ahead" };
        assert!(refused.reason.to_string().contains(way), "{}", refused.reason);
        assert_eq!(
            asker.verify(&refused.answer, NOW),
            Err(Distrust::Told(18)),
            "the signature is right"
        );
    }
}

#[test]
fn clocks_may_not_be_further_apart_whatever_a_message_says() {
    for (late, is_signed) in [(900, true), (901, false)] {
        let mut message = query().additional();
        let now = Time48::from_u64(NOW);
        ClientTransaction::request_with_fudge(theirs(Algorithm::Sha256), &mut message, now, 65_535)
            .expect("room");
        let checked = check(&message.finish(), &keys(Algorithm::Sha256), NOW + late);
        assert_eq!(matches!(checked, Checked::Signed(_)), is_signed, "{late}");
    }
}

#[test]
fn an_answer_has_edns_if_the_request_has() {
    let mut message = query().additional();
    let edns = message.opt(|opt| {
        opt.set_udp_payload_size(4096);
        Ok(())
    });
    edns.expect("room");
    let answer = Message::from_octets(bare_answer(&message.finish(), 5)).expect("a message");
    assert_eq!(answer.opt().map(|opt| opt.udp_payload_size()), Some(1232));
    assert_eq!(answer.header_counts().arcount(), 1);
}

/// "If a TSIG is received with truncation that is permitted [...] but the MAC is too short for the local policy in
/// force, an RCODE 9 (NOTAUTH) and TSIG ERROR 22 (BADTRUNC) MUST be generated" (section 5.2.4).
#[test]
fn signatures_that_are_cut_get_badtrunc_and_too_short_ones_formerr() {
    let name = "key.test".parse().expect("a name");
    let cut = tsig::Key::new(tsig::Algorithm::Sha256, SECRET, name, None, Some(16)).expect("a key");
    let (message, _) = signed_query(cut, NOW);
    let refused = expect_refused(check(&message, &keys(Algorithm::Sha256), NOW));
    assert_eq!(refused.reason, Reason::Cut("key.test".parse().expect("a name")));
    assert_eq!(tsig_of(&refused.answer), (22, vec![], 32));
    let mut short = bare_answer(&message, 0);
    let variables = Variables { time: NOW, fudge: 300, error: 0, other: &[] };
    short[2] = 0;
    push_record(&mut short, &key(SECRET, Algorithm::Sha256), &variables, &[7; 15]);
    let refused = expect_refused(check(&short, &keys(Algorithm::Sha256), NOW));
    assert_eq!((refused.reason, refused.answer[3]), (Reason::Malformed, 1));
}

/// "If multiple TSIG records are detected or a TSIG record is present in any other position, the DNS message is
/// dropped and a response with RCODE 1 (FORMERR) MUST be returned" (section 5.1).
#[test]
fn signatures_out_of_place_get_formerr() {
    let (mut twice, _) = signed_query(theirs(Algorithm::Sha256), NOW);
    let variables = Variables { time: NOW, fudge: 300, error: 0, other: &[] };
    push_record(&mut twice, &key(SECRET, Algorithm::Sha256), &variables, &[0; 32]);
    let (mut before, _) = signed_query(theirs(Algorithm::Sha256), NOW);
    before[7] = 1;
    before[11] = 0;
    for message in [twice, before] {
        let refused = expect_refused(check(&message, &keys(Algorithm::Sha256), NOW));
        assert_eq!((refused.reason, refused.answer[3]), (Reason::Malformed, 1));
        assert_eq!(refused.answer[11], 0, "no record");
        assert_eq!(refused.answer[5], 1, "the question");
    }
}

#[test]
fn what_is_not_signed_is_told_apart() {
    assert!(matches!(
        check(&query().additional().finish(), &Keys::default(), NOW),
        Checked::Unsigned
    ));
    let name = TsigRcode::BADKEY.to_int();
    assert_eq!(name, BADKEY);
}

//! Queries that are signed: answered as others are, and signed.
//!
//! A signature needs room: by UDP the answer is cut so much earlier (RFC 8945 section 5.3).

use std::net::IpAddr;

use domain::base::name::ToLabelIter;
use domain::base::{Message, Rtype};
use repute_dnsxl::Name;
use repute_nameserver::{Client, Outcome, Transport, Zones, respond};

use crate::signature::Signed;

/// What becomes of a signed query.
#[derive(Debug)]
pub enum Answered {
    /// This is sent.
    Reply(Vec<u8>),
    /// Nothing is sent.
    Nothing,
    /// It is a transfer, which is more than an answer.
    Transfer(Signed),
}

/// The name that a query asks for, unless it asks for a transfer.
pub(crate) fn question(message: &[u8]) -> Option<Name> {
    let parsed = Message::from_slice(message).ok()?;
    let question = parsed.sole_question().ok()?;
    let is_transfer = matches!(question.qtype(), Rtype::AXFR | Rtype::IXFR);
    crate::message::owner(question.qname()).ok().filter(|_| !is_transfer)
}

/// Answers a query that is not signed; nothing if it gets no answer.
pub(crate) fn plain(
    message: &[u8],
    address: IpAddr,
    transport: Transport,
    now: u64,
    zones: &Zones,
) -> Option<Vec<u8>> {
    let mut reply = vec![0; usize::from(u16::MAX)];
    let client = Client { address, transport };
    let now = u32::try_from(now).unwrap_or(u32::MAX);
    match respond(message, &client, now, zones, &mut reply) {
        Outcome::Reply(said) => {
            reply.truncate(usize::from(said.len));
            Some(reply)
        }
        Outcome::Drop | Outcome::Limited | Outcome::Beyond => None,
    }
}

/// Answers a query whose signature was taken off.
pub fn answer(
    mut signed: Signed,
    address: IpAddr,
    transport: Transport,
    now: u64,
    zones: &Zones,
) -> Answered {
    let parsed = Message::from_slice(&signed.message).ok();
    let most = zones.identity().edns_size.max(PLAIN_UDP);
    let said = parsed.and_then(Message::opt).map(|opt| opt.udp_payload_size());
    let limit = match transport {
        Transport::Tcp => u16::MAX,
        Transport::Udp => said.unwrap_or(PLAIN_UDP).clamp(PLAIN_UDP, most),
    };
    let question = parsed.and_then(|parsed| Some(parsed.first_question()?.qname().compose_len()));
    // The question and OPT always have room, should a key's name be that long.
    let least = HEADER + usize::from(question.unwrap_or_default()) + OPT;
    let mut reply = vec![0; usize::from(limit).saturating_sub(signed.signer.room()).max(least)];
    let client = Client { address, transport };
    match respond(
        &signed.message,
        &client,
        u32::try_from(now).unwrap_or(u32::MAX),
        zones,
        &mut reply,
    ) {
        Outcome::Reply(said) => {
            reply.truncate(usize::from(said.len));
            signed.signer.sign(&mut reply, now);
            Answered::Reply(reply)
        }
        Outcome::Drop | Outcome::Limited => Answered::Nothing,
        Outcome::Beyond => Answered::Transfer(signed),
    }
}

/// Largest UDP message without EDNS (RFC 1035 section 4.2.1).
const PLAIN_UDP: u16 = 512;
/// A message's header, and the type and class of its question.
const HEADER: usize = 12 + 4;
/// Bytes of an OPT record, with room for an extended error.
const OPT: usize = 11 + 6;

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use repute_nameserver::{Handover, Identity};

    use super::*;
    use crate::keys::{Algorithm, Key, Keys};
    use crate::signature::{Asker, Checked, check};

    const NOW: u64 = 1_800_000_000;

    /// The answer to a signed query, its own signature checked and taken off, and how long it was with it.
    fn ask(key: &str, question: &[u8], transport: Transport) -> (Vec<u8>, usize) {
        let secret = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
        let key = Key::new(key.parse().expect("a name"), Algorithm::Sha512, secret).expect("a key");
        let keys: Keys = [key].into_iter().collect();
        let key = Arc::clone(keys.get(&name(&keys)).expect("the key"));
        let version = Some("v".repeat(250));
        let zones =
            Zones::new(Identity { version, handover: Handover::Offer, ..Identity::default() });
        let mut query = [b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00", question].concat();
        let mut asker = Asker::sign(&key, &mut query, NOW);
        let Checked::Signed(signed) = check(&query, &keys, NOW) else { panic!("signed") };
        let address = "192.0.2.1".parse().expect("an address");
        match answer(signed, address, transport, NOW, &zones) {
            Answered::Reply(reply) => (asker.verify(&reply, NOW).expect("signed"), reply.len()),
            other => panic!("{other:?}"),
        }
    }

    /// The only key's name.
    fn name(keys: &Keys) -> repute_dnsxl::Name {
        keys.names().next().expect("a key").clone()
    }

    const VERSION: &[u8] = b"\x07version\x04bind\x00\x00\x10\x00\x03";

    #[test]
    fn a_signed_query_gets_a_signed_answer() {
        let (reply, _) = ask("key.test", VERSION, Transport::Udp);
        assert_eq!(reply[..4], [0x12, 0x34, 0x85 & reply[2], 0]);
        assert_eq!((reply[7], reply[2] & 2), (1, 0), "an answer, not cut");
        let (reply, _) = ask("key.test", b"\x04none\x04test\x00\x00\x01\x00\x01", Transport::Udp);
        assert_eq!(reply[3] & 15, 5, "REFUSED, signed");
    }

    #[test]
    fn an_answer_without_room_for_its_signature_is_cut() {
        let long = [&"k".repeat(60)[..]; 3].join(".");
        let (reply, len) = ask(&long, VERSION, Transport::Udp);
        assert_eq!((reply[7], reply[2] & 2), (0, 2), "TC, and nothing else");
        assert!(len <= 512, "{len}");
        let (reply, len) = ask(&long, VERSION, Transport::Tcp);
        assert_eq!((reply[7], reply[2] & 2), (1, 0));
        assert!(len > 512, "by TCP there is room: {len}");
    }
}

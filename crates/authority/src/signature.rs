//! Signed messages (TSIG, RFC 8945): whether a request is signed, and the signature of its answers.
//!
//! Who has a key signs a message, its time and its answer together, so that nobody can make one up, change one,
//! or send an old one again for long. A request that is not signed as it says gets the answer that section 5.3.2
//! asks for: unsigned where the key or the signature is wrong, signed where only the time is.
//!
//! What requests of ours have is [`asker`]'s, and the record itself is [`record`]'s.
//!
//! Works on the bytes of whole messages, so that an answer of the name server is signed as it is; the
//! DNS library finds the records. Its own TSIG answers a wrong signature with FORMERR, and signs
//! the time of BADTIME as eight bytes of six, which no client verifies.
//!
//! Does not read the clock: `now` is seconds since 1970.

use std::fmt;
use std::sync::Arc;

use domain::base::Message;
use domain::base::name::ToName;
use repute_dnsxl::Name;

use crate::keys::{Key, Keys};

mod asker;
mod record;

pub use asker::{Asker, Distrust};
use record::{
    Found, Malformed, Variables, digest_prior, is_prefix, push_record, record_len, time48,
};

/// What a request is.
#[derive(Debug)]
pub enum Checked {
    /// It has no signature.
    Unsigned,
    /// It is signed, with a key that is known.
    Signed(Signed),
    /// It is not what it says.
    Refused(Refused),
}

/// A request that is signed.
#[derive(Debug)]
pub struct Signed {
    /// The message without its signature.
    pub message: Vec<u8>,
    /// The signature: no other message has it.
    pub mac: Box<[u8]>,
    /// When it was signed, in seconds since 1970.
    pub time: u64,
    /// How far clocks may be apart by it, in seconds.
    pub fudge: u16,
    /// Signs the answers.
    pub signer: Signer,
}

/// A request that cannot be trusted.
#[derive(Debug)]
pub struct Refused {
    /// The answer: whole, and signed if that is right.
    pub answer: Vec<u8>,
    /// What is wrong, for the log.
    pub reason: Reason,
}

/// Why a request cannot be trusted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The signature is out of place, or cannot be read: FORMERR.
    Malformed,
    /// Nobody has this key here, or with another algorithm.
    BadKey(Name),
    /// It is another secret, or another message.
    BadSignature(Name),
    /// The clocks differ by so many seconds: the client's is ahead, or behind if that is negative.
    BadTime(Name, i64),
    /// The signature is cut.
    Cut(Name),
}

impl Reason {
    /// The key that the message names. Whether it was signed with that is another question.
    pub fn key(&self) -> Option<&Name> {
        match self {
            Reason::Malformed => None,
            Reason::BadKey(key)
            | Reason::BadSignature(key)
            | Reason::BadTime(key, _)
            | Reason::Cut(key) => Some(key),
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::Malformed => f.write_str(
                "the signature is out of place or cannot be read: the client's software is faulty",
            ),
            Reason::BadKey(key) => write!(
                f,
                "key {key} is not known with that algorithm: compare name and algorithm on both sides"
            ),
            Reason::BadSignature(key) => {
                write!(f, "the signature with key {key} is wrong: compare the secret on both sides")
            }
            Reason::BadTime(key, ahead) => {
                let (seconds, way) =
                    (ahead.unsigned_abs(), if *ahead < 0 { "behind" } else { "ahead" });
                write!(
                    f,
                    "message signed with key {key}: its clock is {seconds} s {way}, set it right"
                )
            }
            Reason::Cut(key) => {
                write!(f, "the signature with key {key} is cut: have the client send all of it")
            }
        }
    }
}

/// Checks a request.
pub fn check(message: &[u8], keys: &Keys, now: u64) -> Checked {
    let found = match Found::read(message) {
        Ok(None) => return Checked::Unsigned,
        Ok(Some(found)) => found,
        Err(Malformed) => {
            let answer = bare_answer(message, FORMERR);
            return Checked::Refused(Refused { answer, reason: Reason::Malformed });
        }
    };
    let refused = |error: u16, reason: Reason| {
        Checked::Refused(Refused { answer: found.unsigned_answer(message, error), reason })
    };
    let Some(key) = keys.get(&found.key).filter(|key| *found.algorithm == *key.algorithm().wire())
    else {
        return refused(BADKEY, Reason::BadKey(found.key.clone()));
    };
    // Section 5.2.2.1: longer than whole, or shorter than any truncation may be.
    let whole = key.algorithm().len();
    if found.mac.len() > whole || found.mac.len() < (whole / 2).max(10) {
        let answer = bare_answer(message, FORMERR);
        return Checked::Refused(Refused { answer, reason: Reason::Malformed });
    }
    let stripped = found.stripped(message);
    let mut digest = key.begin();
    found.digest_message(&stripped, &mut digest);
    found.variables().digest(key, &mut digest);
    if !is_prefix(digest.sign().as_ref(), &found.mac) {
        return refused(BADSIG, Reason::BadSignature(found.key.clone()));
    }
    let mut signer = Signer { key: Arc::clone(key), prior: found.mac.clone(), place: Place::First };
    // Who signed it has the key, so the rest is told under its signature.
    let mut told = |error: u16, other: &[u8], reason: Reason| {
        let mut answer = bare_answer(message, NOTAUTH);
        let variables = Variables { time: found.time, fudge: found.fudge, error, other };
        signer.sign_with(&mut answer, &variables);
        Checked::Refused(Refused { answer, reason })
    };
    if found.time.abs_diff(now) > u64::from(found.fudge.min(WIDEST)) {
        let ahead = found.time.cast_signed().saturating_sub(now.cast_signed());
        return told(BADTIME, &time48(now), Reason::BadTime(found.key.clone(), ahead));
    }
    if found.mac.len() < whole {
        return told(BADTRUNC, &[], Reason::Cut(found.key.clone()));
    }
    let Found { mac, time, fudge, .. } = found;
    Checked::Signed(Signed { message: stripped, mac, time, fudge, signer })
}

/// The answer to a signed request that comes too late for what was seen already (section 5.2.3): BADTIME with our
/// time, signed.
pub fn too_old(signed: &mut Signed, now: u64) -> Vec<u8> {
    let mut answer = bare_answer(&signed.message, NOTAUTH);
    let (time, fudge, other) = (signed.time, signed.fudge, time48(now));
    let variables = Variables { time, fudge, error: BADTIME, other: &other };
    signed.signer.sign_with(&mut answer, &variables);
    answer
}

/// Signs the answers to one request, one or many.
#[derive(Debug)]
pub struct Signer {
    key: Arc<Key>,
    /// The signature before: of the request, then of each answer.
    prior: Box<[u8]>,
    place: Place,
}

/// Which message of an exchange comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// The first answer.
    First,
    /// One that follows it.
    Next,
}

impl Signer {
    /// The key.
    pub fn key(&self) -> &Arc<Key> {
        &self.key
    }

    /// The same, for other answers to the same request.
    pub fn again(&self) -> Signer {
        Signer { key: Arc::clone(&self.key), prior: self.prior.clone(), place: self.place }
    }

    /// Bytes that a signature adds to an answer.
    pub fn room(&self) -> usize {
        record_len(&self.key)
    }

    /// Signs a whole answer, which gets longer by it. Of a sequence each message is signed, which section 5.3.1 lets
    /// a server do.
    pub fn sign(&mut self, answer: &mut Vec<u8>, now: u64) {
        self.sign_with(answer, &Variables { time: now, fudge: FUDGE, error: 0, other: &[] });
    }

    /// Signs with all that a signature says.
    fn sign_with(&mut self, answer: &mut Vec<u8>, variables: &Variables<'_>) {
        let mut digest = self.key.begin();
        digest_prior(&self.prior, &mut digest);
        digest.update(answer);
        match self.place {
            Place::First => variables.digest(&self.key, &mut digest),
            // Section 5.3.1: "DNS message, TSIG timers" behind the signature before.
            Place::Next => variables.digest_timers(&mut digest),
        }
        let mac = digest.sign();
        push_record(answer, &self.key, variables, mac.as_ref());
        self.prior = Box::from(mac.as_ref());
        self.place = Place::Next;
    }
}

/// An answer with nothing but the header and the question, if that can be read, and EDNS if the request has it.
pub(crate) fn bare_answer(message: &[u8], rcode: u8) -> Vec<u8> {
    let mut answer = message.get(..HEADER).map_or_else(|| vec![0; HEADER], <[u8]>::to_vec);
    let parsed = Message::from_octets(message).ok();
    let has_edns = parsed.as_ref().is_some_and(|parsed| parsed.opt().is_some());
    let question = parsed.and_then(|parsed| {
        let (mut questions, count) = (parsed.question(), parsed.header_counts().qdcount());
        if count != 1 {
            return None;
        }
        let question = questions.next()?.ok()?;
        let name = name_wire(question.qname()).ok()?;
        Some(
            [
                &name[..],
                &question.qtype().to_int().to_be_bytes(),
                &question.qclass().to_int().to_be_bytes(),
            ]
            .concat(),
        )
    });
    if let Some(flags) = answer.get_mut(2..HEADER) {
        flags.fill(0);
    }
    let [_, _, flags, rest, _, questions, ..] = &mut answer[..] else { return answer };
    let given = message.get(2).copied().unwrap_or_default();
    *flags = QR | given & (OPCODE | RD);
    *rest = rcode;
    *questions = u8::from(question.is_some());
    answer.extend_from_slice(&question.unwrap_or_default());
    if has_edns {
        answer.extend_from_slice(&OPT);
        if let Some(count) = answer.get_mut(11) {
            *count = 1;
        }
    }
    answer
}

/// A name in wire form, its letters as they were.
pub(crate) fn name_wire(name: &impl ToName) -> Result<Vec<u8>, Unnamed> {
    let mut wire = Vec::with_capacity(64);
    name.compose(&mut wire).map_err(|_| Unnamed)?;
    Ok(wire)
}

/// A name that is none of ours.
pub(crate) struct Unnamed;

/// Bytes of a message's header.
const HEADER: usize = 12;
/// An OPT record, which an answer has if the request has one (RFC 6891 section 6.1.1): it takes 1232 bytes by UDP.
const OPT: [u8; 11] = [0, 0, 41, 0x04, 0xd0, 0, 0, 0, 0, 0, 0];
/// How far clocks may be apart (section 10 recommends it), in seconds.
pub const FUDGE: u16 = 300;
/// How far clocks may be apart whatever a message says, in seconds: it is remembered for as long.
pub const WIDEST: u16 = 900;
/// Response.
const QR: u8 = 0x80;
/// Kind of query.
const OPCODE: u8 = 0x78;
/// Recursion desired.
const RD: u8 = 0x01;
/// The message cannot be read.
const FORMERR: u8 = 1;
/// The message is not signed as it should be.
const NOTAUTH: u8 = 9;
/// The signature is wrong.
const BADSIG: u16 = 16;
/// The key is not known.
const BADKEY: u16 = 17;
/// The time is too far away.
const BADTIME: u16 = 18;
/// The signature is cut.
const BADTRUNC: u16 = 22;

#[cfg(test)]
mod tests;

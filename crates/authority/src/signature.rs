//! Signed messages (TSIG, RFC 8945): whether a request is signed, and the signature of its answers.
//!
//! Who has a key signs a message, its time and its answer together, so that nobody can make one up, change one,
//! or send an old one again for long. A request that is not signed as it says gets the answer that section 5.3.2
//! asks for: unsigned where the key or the signature is wrong, signed where only the time is.
//!
//! Works on the bytes of whole messages, so that an answer of the name server is signed as it is; the
//! DNS library finds the records. Its own TSIG answers a wrong signature with FORMERR, and signs
//! the time of BADTIME as eight bytes of six, which no client verifies.
//!
//! Does not read the clock: `now` is seconds since 1970.

use std::fmt;
use std::hint::black_box;
use std::sync::Arc;

use domain::base::name::ToName;
use domain::base::{Message, ParsedName, Rtype};
use domain::rdata::Tsig;
use repute_dnsxl::Name;
use ring::hmac;

use crate::keys::{Key, Keys};

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

/// The other side: signs a request of ours, and checks the answers to it.
#[derive(Debug)]
pub struct Asker {
    key: Arc<Key>,
    /// What the next signature is made of besides its message: the signature before, then messages without one.
    pending: hmac::Context,
    place: Place,
    /// Messages without a signature since the last that had one.
    unsigned: u32,
}

/// Why an answer is not believed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Distrust {
    /// It cannot be read.
    #[error("the answer cannot be read")]
    Malformed,
    /// It has no signature, and should have.
    #[error(
        "the answer is not signed: the other side knows no key for us, or its answer was changed"
    )]
    Unsigned,
    /// It is signed with another key, another secret, or was changed.
    #[error("the answer's signature is wrong: compare key and secret on both sides")]
    Wrong,
    /// It is too old, or from the future.
    #[error("the answer was signed at another time: the clocks are {0} s apart")]
    Time(u64),
    /// The other side says why it does not trust us.
    #[error("the other side does not trust our signature: {}", error_name(*.0))]
    Told(u16),
}

impl Asker {
    /// Signs a request, which gets longer by it.
    pub fn sign(key: &Arc<Key>, request: &mut Vec<u8>, now: u64) -> Asker {
        let variables = Variables { time: now, fudge: FUDGE, error: 0, other: &[] };
        let mut digest = key.begin();
        digest.update(request);
        variables.digest(key, &mut digest);
        let mac = digest.sign();
        push_record(request, key, &variables, mac.as_ref());
        let mut pending = key.begin();
        digest_prior(mac.as_ref(), &mut pending);
        Asker { key: Arc::clone(key), pending, place: Place::First, unsigned: 0 }
    }

    /// Checks an answer, and takes its signature off. Of a sequence some may have none (section 5.3.1), which
    /// [`is_settled`](Asker::is_settled) tells afterwards.
    ///
    /// # Errors
    /// If it is not to be believed. A single answer may be followed by the true one; a sequence is over.
    pub fn verify(&mut self, answer: &[u8], now: u64) -> Result<Vec<u8>, Distrust> {
        let Some(found) = Found::read(answer).map_err(|Malformed| Distrust::Malformed)? else {
            // "A client [...] MUST be able to cope with [...] 99 intermediary unsigned messages".
            if self.place == Place::First || self.unsigned >= 99 {
                return Err(Distrust::Unsigned);
            }
            self.unsigned += 1;
            self.pending.update(answer);
            return Ok(answer.to_vec());
        };
        let stripped = found.stripped(answer);
        if matches!(found.error, BADSIG | BADKEY) {
            return Err(Distrust::Told(found.error));
        }
        let is_ours =
            found.key == *self.key.name() && *found.algorithm == *self.key.algorithm().wire();
        if !is_ours || found.mac.len() != self.key.algorithm().len() {
            return Err(Distrust::Wrong);
        }
        let mut digest = self.pending.clone();
        found.digest_message(&stripped, &mut digest);
        match self.place {
            Place::First => found.variables().digest(&self.key, &mut digest),
            Place::Next => found.variables().digest_timers(&mut digest),
        }
        if !is_prefix(digest.sign().as_ref(), &found.mac) {
            return Err(Distrust::Wrong);
        }
        if found.error != 0 {
            return Err(Distrust::Told(found.error));
        }
        let apart = found.time.abs_diff(now);
        if apart > u64::from(found.fudge) {
            return Err(Distrust::Time(apart));
        }
        self.pending = self.key.begin();
        digest_prior(&found.mac, &mut self.pending);
        self.place = Place::Next;
        self.unsigned = 0;
        Ok(stripped)
    }

    /// Whether the last message had a signature: a sequence that ends otherwise is not to be believed.
    pub fn is_settled(&self) -> bool {
        self.place == Place::Next && self.unsigned == 0
    }
}

/// What cannot be read.
struct Malformed;

/// A TSIG record as it was found in a message.
struct Found {
    /// Where it begins.
    at: usize,
    key: Name,
    algorithm: Box<[u8]>,
    time: u64,
    fudge: u16,
    mac: Box<[u8]>,
    original_id: u16,
    error: u16,
    other: Box<[u8]>,
}

impl Found {
    /// Finds it at the end of a message, the only place it may have (section 5.1).
    fn read(message: &[u8]) -> Result<Option<Found>, Malformed> {
        let parsed = Message::from_octets(message).map_err(|_| Malformed)?;
        for section in [parsed.answer(), parsed.authority()] {
            for record in section.map_err(|_| Malformed)? {
                if record.map_err(|_| Malformed)?.rtype() == Rtype::TSIG {
                    return Err(Malformed);
                }
            }
        }
        let mut additional = parsed.additional().map_err(|_| Malformed)?;
        loop {
            let at = additional.pos();
            let Some(record) = additional.next() else { return Ok(None) };
            let record = record.map_err(|_| Malformed)?;
            if record.rtype() != Rtype::TSIG {
                continue;
            }
            // Section 4.2: "CLASS: This MUST be ANY. TTL: This MUST be 0."
            let is_in_form = record.class().to_int() == 255 && record.ttl().as_secs() == 0;
            if additional.next().is_some() || !is_in_form {
                return Err(Malformed);
            }
            let key = name_of(&record.owner())?;
            let record = record.into_record::<Tsig<&[u8], ParsedName<&[u8]>>>();
            let data = record.ok().flatten().ok_or(Malformed)?.into_data();
            return Ok(Some(Found {
                at,
                key,
                algorithm: Box::from(name_of(data.algorithm())?.as_wire()),
                time: u64::from(data.time_signed()),
                fudge: data.fudge(),
                mac: Box::from(data.mac_slice()),
                original_id: data.original_id(),
                error: data.error().to_int(),
                other: Box::from(*data.other()),
            }));
        }
    }

    /// The message without it.
    fn stripped(&self, message: &[u8]) -> Vec<u8> {
        let mut stripped = message.get(..self.at).unwrap_or(message).to_vec();
        if let Some(count) = stripped.get_mut(10..12).and_then(<[u8]>::first_chunk_mut::<2>) {
            *count = u16::from_be_bytes(*count).saturating_sub(1).to_be_bytes();
        }
        stripped
    }

    /// Digests the message without it, with the id it was signed with (section 5.3: another server may have passed
    /// it on under another).
    fn digest_message(&self, stripped: &[u8], digest: &mut hmac::Context) {
        digest.update(&self.original_id.to_be_bytes());
        digest.update(stripped.get(2..).unwrap_or_default());
    }

    /// What it says besides its signature.
    fn variables(&self) -> Variables<'_> {
        Variables { time: self.time, fudge: self.fudge, error: self.error, other: &self.other }
    }

    /// The answer that says that the key or the signature is wrong: this record, without a signature.
    fn unsigned_answer(&self, message: &[u8], error: u16) -> Vec<u8> {
        let mut answer = bare_answer(message, NOTAUTH);
        let variables = Variables { time: self.time, fudge: self.fudge, error, other: &[] };
        push_tsig(&mut answer, self.key.as_wire(), &self.algorithm, &variables, &[]);
        answer
    }
}

/// What a signature says and signs besides the message (section 4.3.3).
struct Variables<'v> {
    time: u64,
    fudge: u16,
    error: u16,
    other: &'v [u8],
}

impl Variables<'_> {
    /// Digests all of it.
    fn digest(&self, key: &Key, digest: &mut hmac::Context) {
        digest.update(key.name().as_wire());
        // Class ANY, and no time to live.
        digest.update(&[0, 255, 0, 0, 0, 0]);
        digest.update(key.algorithm().wire());
        self.digest_timers(digest);
        digest.update(&self.error.to_be_bytes());
        digest_prior(self.other, digest);
    }

    /// Digests when it is.
    fn digest_timers(&self, digest: &mut hmac::Context) {
        digest.update(&time48(self.time));
        digest.update(&self.fudge.to_be_bytes());
    }
}

/// Digests bytes behind their length.
fn digest_prior(bytes: &[u8], digest: &mut hmac::Context) {
    let len = u16::try_from(bytes.len()).unwrap_or(u16::MAX);
    digest.update(&len.to_be_bytes());
    digest.update(bytes);
}

/// Whether a signature begins with these bytes; how long it takes tells nothing of where it differs.
fn is_prefix(whole: &[u8], cut: &[u8]) -> bool {
    let Some(start) = whole.get(..cut.len()) else { return false };
    let differences =
        start.iter().zip(cut).fold(0, |all, (one, other)| black_box(all | one ^ other));
    black_box(differences) == 0
}

/// Adds a TSIG record of a key.
fn push_record(message: &mut Vec<u8>, key: &Key, variables: &Variables<'_>, mac: &[u8]) {
    push_tsig(message, key.name().as_wire(), key.algorithm().wire(), variables, mac);
}

/// Adds a TSIG record.
fn push_tsig(
    message: &mut Vec<u8>,
    owner: &[u8],
    algorithm: &[u8],
    variables: &Variables<'_>,
    mac: &[u8],
) {
    let id = message.first_chunk::<2>().copied().unwrap_or_default();
    let len = |bytes: usize| u16::try_from(bytes).unwrap_or(u16::MAX).to_be_bytes();
    let data = algorithm.len() + DATA + mac.len() + variables.other.len();
    for part in [
        owner,
        &[0, 250, 0, 255, 0, 0, 0, 0],
        &len(data),
        algorithm,
        &time48(variables.time),
        &variables.fudge.to_be_bytes(),
        &len(mac.len()),
        mac,
        &id,
        &variables.error.to_be_bytes(),
        &len(variables.other.len()),
        variables.other,
    ] {
        message.extend_from_slice(part);
    }
    if let Some(count) = message.get_mut(10..12).and_then(<[u8]>::first_chunk_mut::<2>) {
        *count = u16::from_be_bytes(*count).saturating_add(1).to_be_bytes();
    }
}

/// Bytes of a record with a signature of this key.
fn record_len(key: &Key) -> usize {
    let algorithm = key.algorithm();
    key.name().as_wire().len() + 10 + algorithm.wire().len() + DATA + algorithm.len()
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

/// A name.
fn name_of(name: &impl ToName) -> Result<Name, Malformed> {
    let wire = name_wire(name).map_err(|Unnamed| Malformed)?;
    Name::from_wire(&wire).map_err(|_| Malformed)
}

/// A time as signatures have it.
fn time48(time: u64) -> [u8; 6] {
    let [_, _, rest @ ..] = time.to_be_bytes();
    rest
}

/// What an error in a signature is called.
fn error_name(error: u16) -> &'static str {
    match error {
        BADSIG => "BADSIG, compare the secret on both sides",
        BADKEY => "BADKEY, compare the key's name and algorithm on both sides",
        BADTIME => "BADTIME, set the clocks right",
        BADTRUNC => "BADTRUNC, it wants longer signatures",
        _ => "an error of no meaning",
    }
}

/// Bytes of a message's header.
const HEADER: usize = 12;
/// An OPT record, which an answer has if the request has one (RFC 6891 section 6.1.1): it takes 1232 bytes by UDP.
const OPT: [u8; 11] = [0, 0, 41, 0x04, 0xd0, 0, 0, 0, 0, 0, 0];
/// Bytes of a TSIG record's data besides the algorithm, the signature and other data.
const DATA: usize = 16;
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

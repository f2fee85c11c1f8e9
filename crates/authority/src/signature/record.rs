//! The TSIG record: found at the end of a message, digested, and written there (RFC 8945 section 4).

use std::hint::black_box;

use domain::base::name::ToName;
use domain::base::{Message, ParsedName, Rtype};
use domain::rdata::Tsig;
use repute_dnsxl::Name;
use ring::hmac;

use super::{NOTAUTH, Unnamed, bare_answer, name_wire};
use crate::keys::Key;

/// What cannot be read.
pub(super) struct Malformed;

/// A TSIG record as it was found in a message.
pub(super) struct Found {
    /// Where it begins.
    at: usize,
    pub(super) key: Name,
    pub(super) algorithm: Box<[u8]>,
    pub(super) time: u64,
    pub(super) fudge: u16,
    pub(super) mac: Box<[u8]>,
    original_id: u16,
    pub(super) error: u16,
    pub(super) other: Box<[u8]>,
}

impl Found {
    /// Finds it at the end of a message, the only place it may have (section 5.1).
    pub(super) fn read(message: &[u8]) -> Result<Option<Found>, Malformed> {
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
    pub(super) fn stripped(&self, message: &[u8]) -> Vec<u8> {
        let mut stripped = message.get(..self.at).unwrap_or(message).to_vec();
        if let Some(count) = stripped.get_mut(10..12).and_then(<[u8]>::first_chunk_mut::<2>) {
            *count = u16::from_be_bytes(*count).saturating_sub(1).to_be_bytes();
        }
        stripped
    }

    /// Digests the message without it, with the id it was signed with (section 5.3: another server may have passed
    /// it on under another).
    pub(super) fn digest_message(&self, stripped: &[u8], digest: &mut hmac::Context) {
        digest.update(&self.original_id.to_be_bytes());
        digest.update(stripped.get(2..).unwrap_or_default());
    }

    /// What it says besides its signature.
    pub(super) fn variables(&self) -> Variables<'_> {
        Variables { time: self.time, fudge: self.fudge, error: self.error, other: &self.other }
    }

    /// The answer that says that the key or the signature is wrong: this record, without a signature.
    pub(super) fn unsigned_answer(&self, message: &[u8], error: u16) -> Vec<u8> {
        let mut answer = bare_answer(message, NOTAUTH);
        let variables = Variables { time: self.time, fudge: self.fudge, error, other: &[] };
        push_tsig(&mut answer, self.key.as_wire(), &self.algorithm, &variables, &[]);
        answer
    }
}

/// What a signature says and signs besides the message (section 4.3.3).
pub(super) struct Variables<'v> {
    pub(super) time: u64,
    pub(super) fudge: u16,
    pub(super) error: u16,
    pub(super) other: &'v [u8],
}

impl Variables<'_> {
    /// Digests all of it.
    pub(super) fn digest(&self, key: &Key, digest: &mut hmac::Context) {
        digest.update(key.name().as_wire());
        // Class ANY, and no time to live.
        digest.update(&[0, 255, 0, 0, 0, 0]);
        digest.update(key.algorithm().wire());
        self.digest_timers(digest);
        digest.update(&self.error.to_be_bytes());
        digest_prior(self.other, digest);
    }

    /// Digests when it is.
    pub(super) fn digest_timers(&self, digest: &mut hmac::Context) {
        digest.update(&time48(self.time));
        digest.update(&self.fudge.to_be_bytes());
    }
}

/// Digests bytes behind their length.
pub(super) fn digest_prior(bytes: &[u8], digest: &mut hmac::Context) {
    let len = u16::try_from(bytes.len()).unwrap_or(u16::MAX);
    digest.update(&len.to_be_bytes());
    digest.update(bytes);
}

/// Whether a signature begins with these bytes; how long it takes tells nothing of where it differs.
pub(super) fn is_prefix(whole: &[u8], cut: &[u8]) -> bool {
    let Some(start) = whole.get(..cut.len()) else { return false };
    let differences =
        start.iter().zip(cut).fold(0, |all, (one, other)| black_box(all | one ^ other));
    black_box(differences) == 0
}

/// Adds a TSIG record of a key.
pub(super) fn push_record(message: &mut Vec<u8>, key: &Key, variables: &Variables<'_>, mac: &[u8]) {
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
pub(super) fn record_len(key: &Key) -> usize {
    let algorithm = key.algorithm();
    key.name().as_wire().len() + 10 + algorithm.wire().len() + DATA + algorithm.len()
}

/// A name.
fn name_of(name: &impl ToName) -> Result<Name, Malformed> {
    let wire = name_wire(name).map_err(|Unnamed| Malformed)?;
    Name::from_wire(&wire).map_err(|_| Malformed)
}

/// A time as signatures have it.
pub(super) fn time48(time: u64) -> [u8; 6] {
    let [_, _, rest @ ..] = time.to_be_bytes();
    rest
}

/// Bytes of a TSIG record's data besides the algorithm, the signature and other data.
const DATA: usize = 16;

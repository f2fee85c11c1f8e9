//! Signed queries (RFC 8945) where nobody has a key.
//!
//! "If a non-forwarding server does not recognize the key [...], the server MUST generate an error
//! response with RCODE 9 (NOTAUTH) and TSIG ERROR 17 (BADKEY)" (section 5.2.1), which is not signed
//! itself (section 5.3.2). Keys are with whoever takes messages that are handed over; nothing is verified
//! here.

use arrayvec::ArrayVec;

use super::{Asked, FORMERR, NOTAUTH, Outcome, Reply};
use crate::message::{HEADER, TSIG};
use crate::write::Writer;
use crate::zones::Zones;

impl Asked<'_> {
    /// Says that the key of the TSIG record at a place is not known.
    #[cold]
    pub(super) fn refuse_key(
        &self,
        mut out: Writer<'_>,
        reply: Reply,
        at: u16,
        zones: &Zones,
    ) -> Outcome {
        let query = self.query;
        let Some(signature) = Signature::read(self.packet, usize::from(at)) else {
            return out.finish(reply, FORMERR, query, zones, None);
        };
        let record = signature.refused(query.question_end());
        if !out.has_room(record.len()) {
            out.truncate();
        }
        out.set_authoritative(false);
        out.set_rcode(NOTAUTH);
        if let Some(edns) = query.edns {
            out.push_opt(zones.identity().edns_size, 0, edns.dnssec_ok, None, None);
        }
        // "The TSIG record MUST be the last" (section 5.1).
        out.push_last(&record);
        let truncated = out.is_truncated();
        Outcome::Reply(Reply { len: out.len(), rcode: NOTAUTH, truncated, ..reply })
    }
}

/// What a TSIG record says (RFC 8945 section 4.2), as far as an error repeats it.
struct Signature<'p> {
    /// The message up to the end of the record's owner.
    before: &'p [u8],
    /// Where the owner begins.
    at: usize,
    /// The algorithm's name.
    algorithm: &'p [u8],
    /// When it was signed, and how wrong the clock may be.
    time_and_fudge: &'p [u8],
    /// The message's id when it was signed.
    original_id: &'p [u8],
}

impl<'p> Signature<'p> {
    /// Reads the record at a place. Nothing if it is malformed.
    fn read(packet: &'p [u8], at: usize) -> Option<Signature<'p>> {
        let (owner, _) = name_end(packet, at)?;
        let (fixed, data) = packet.get(owner..)?.split_at_checked(10)?;
        let [_, _, class @ .., _, _] = fixed else { return None };
        // "CLASS: This MUST be ANY. TTL: This MUST be 0."
        if class != [0, CLASS_ANY, 0, 0, 0, 0] {
            return None;
        }
        let data = data.get(..usize::from(u16::from_be_bytes([fixed[8], fixed[9]])))?;
        // "The domain name is not compressed": its end is the end of what it says.
        let (end, None) = name_end(data, 0)? else { return None };
        let (algorithm, rest) = data.split_at_checked(end)?;
        let (time_and_fudge, rest) = rest.split_at_checked(8)?;
        let (_, rest) = skip_counted(rest)?;
        let (original_id, rest) = rest.split_at_checked(2)?;
        let (_, rest) = rest.split_at_checked(2)?;
        let (_, []) = skip_counted(rest)? else { return None };
        let before = packet.get(..owner)?;
        Some(Signature { before, at, algorithm, time_and_fudge, original_id })
    }

    /// The record that says that its key is not known; empty if its owner cannot be repeated.
    fn refused(&self, question_end: usize) -> ArrayVec<u8, LONGEST> {
        let mut record = ArrayVec::new();
        let Some(owner) = self.owner(question_end) else { return record };
        let [high, low] = ((self.algorithm.len() + FIXED_DATA) as u16).to_be_bytes();
        for part in [
            owner,
            &[0, TSIG as u8, 0, CLASS_ANY, 0, 0, 0, 0, high, low],
            self.algorithm,
            self.time_and_fudge,
            // No MAC: it is not signed.
            &[0, 0],
            self.original_id,
            &[0, BADKEY, 0, 0],
        ] {
            if record.try_extend_from_slice(part).is_err() {
                record.clear();
                break;
            }
        }
        record
    }

    /// The owner as it stands in the message, if it means the same in an answer that shares nothing with
    /// that but header and question, whose end is given.
    fn owner(&self, question_end: usize) -> Option<&'p [u8]> {
        match name_end(self.before, self.at)? {
            (_, None) => {}
            (_, Some(target)) if (HEADER..question_end).contains(&target) => {}
            (_, Some(_)) => return None,
        }
        self.before.get(self.at..)
    }
}

/// Where a name ends, and where it goes on if it is compressed.
fn name_end(bytes: &[u8], mut at: usize) -> Option<(usize, Option<usize>)> {
    let start = at;
    loop {
        match *bytes.get(at)? {
            0 => return Some((at + 1, None)),
            len @ 1..=63 => at += 1 + usize::from(len),
            high @ 0xc0.. => {
                let low = *bytes.get(at + 1)?;
                return Some((at + 2, Some(usize::from(u16::from_be_bytes([high & 0x3f, low])))));
            }
            64..0xc0 => return None,
        }
        // 255 bytes, the root label among them (RFC 1035 section 2.3.4).
        if at - start > 254 {
            return None;
        }
    }
}

/// What is behind two bytes of length, and what follows it.
fn skip_counted(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (len, rest) = bytes.split_first_chunk::<2>()?;
    rest.split_at_checked(usize::from(u16::from_be_bytes(*len)))
}

/// Any class, in the lower of its bytes.
const CLASS_ANY: u8 = 255;
/// Bytes of a TSIG record's data besides the algorithm, without MAC and other data.
const FIXED_DATA: usize = 16;
/// Two names of the longest, and what is around them.
const LONGEST: usize = 2 * 255 + 10 + FIXED_DATA;
/// TSIG error: the key is not known.
const BADKEY: u8 = 17;

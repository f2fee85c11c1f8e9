//! Questions to a primary, and its answer which version it has.

use domain::base::{Message, ParsedName, Rtype};
use domain::rdata::Soa;
use repute_dnsxl::Name;

use super::sequence::Fault;
use crate::message;
use crate::transfer::What;

/// A question for the SOA.
pub(super) fn soa(id: [u8; 2], apex: &Name) -> Vec<u8> {
    question(id, apex, Rtype::SOA.to_int())
}

/// A question for a transfer; for what changed with the serial that is there (RFC 1995 section 3).
pub(super) fn transfer(id: [u8; 2], apex: &Name, what: What) -> Vec<u8> {
    let mut bytes = question(id, apex, what.qtype());
    if let What::Since(serial) = what {
        if let Some(count) = bytes.get_mut(9) {
            *count = 1;
        }
        // The name is that of the question; of the data only the serial is looked at.
        bytes.extend_from_slice(&[0xc0, 12, 0, 6, 0, 1, 0, 0, 0, 0, 0, 22, 0, 0]);
        bytes.extend_from_slice(&serial.to_be_bytes());
        bytes.extend_from_slice(&[0; 16]);
    }
    bytes
}

/// A question of class IN.
fn question(id: [u8; 2], apex: &Name, qtype: u16) -> Vec<u8> {
    let mut bytes = id.to_vec();
    bytes.extend_from_slice(&[0, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
    bytes.extend_from_slice(apex.as_wire());
    bytes.extend_from_slice(&qtype.to_be_bytes());
    bytes.extend_from_slice(&[0, 1]);
    bytes
}

/// The serial that an answer tells, without its signature.
///
/// # Errors
/// If it tells none. [`Fault::Foreign`] may be followed by the true one, and for [`Fault::Cut`] a connection helps.
pub(super) fn serial(bytes: &[u8], id: [u8; 2], apex: &Name) -> Result<u32, Fault> {
    let message = Message::from_octets(bytes).map_err(|_| Fault::Malformed("no header"))?;
    let header = message.header();
    if header.id().to_be_bytes() != id || !header.qr() || header.opcode().to_int() != 0 {
        return Err(Fault::Foreign);
    }
    if header.rcode().to_int() != 0 {
        return Err(Fault::Refused(header.rcode().to_int()));
    }
    let question = message.sole_question().map_err(|_| Fault::Foreign)?;
    let is_ours = message::owner(question.qname()).is_ok_and(|name| name == *apex)
        && question.qtype() == Rtype::SOA;
    if !is_ours {
        return Err(Fault::Foreign);
    }
    if header.tc() {
        return Err(Fault::Cut);
    }
    if !header.aa() {
        return Err(Fault::NotAuthoritative);
    }
    let cut = |_| Fault::Malformed("a record is cut");
    let answers = message.answer().map_err(cut)?.limit_to_in::<Soa<ParsedName<_>>>();
    for record in answers {
        let record = record.map_err(cut)?;
        if message::owner(&record.owner()).is_ok_and(|owner| owner == *apex) {
            return Ok(record.data().serial().into_int());
        }
    }
    Err(Fault::NoSoa)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transfer::Ask;

    fn apex() -> Name {
        "zone.test".parse().expect("a name")
    }

    #[test]
    fn questions_are_those_that_a_primary_reads() {
        for what in [What::Whole, What::Since(0x0102_0304)] {
            let read = Ask::read(&transfer([7, 8], &apex(), what));
            assert_eq!(read, Ok(Ask { apex: apex(), what }));
        }
    }

    #[test]
    fn an_answer_tells_the_serial_or_why_not() {
        let mut answer = soa([7, 8], &apex());
        answer[2] = 0x84;
        answer[7] = 1;
        let end = answer.len();
        answer.extend(b"\xc0\x0c\x00\x06\x00\x01\x00\x00\x00\x3c\x00\x16\x00\x00\x00\x00\x00\x09");
        answer.extend([0; 16]);
        let read = |change: &dyn Fn(&mut Vec<u8>)| {
            let mut answer = answer.clone();
            change(&mut answer);
            serial(&answer, [7, 8], &apex())
        };
        assert_eq!(read(&|_| {}), Ok(9));
        assert_eq!(read(&|answer| answer[1] = 9), Err(Fault::Foreign));
        assert_eq!(read(&|answer| answer[2] = 4), Err(Fault::Foreign));
        assert_eq!(read(&|answer| answer[13] = b'x'), Err(Fault::Foreign));
        assert_eq!(read(&|answer| answer[2] = 0x80), Err(Fault::NotAuthoritative));
        assert_eq!(read(&|answer| answer[2] = 0x86), Err(Fault::Cut));
        assert_eq!(read(&|answer| answer[3] = 5), Err(Fault::Refused(5)));
        assert_eq!(read(&|answer| answer[7] = 0), Err(Fault::NoSoa));
        assert_eq!(read(&|answer| answer[end + 3] = 1), Err(Fault::NoSoa), "an address");
        for end in 0..answer.len() {
            assert!(read(&|answer| answer.truncate(end)).is_err(), "{end}");
        }
    }
}

//! Reads updates (RFC 2136): the bytes of a message become its zone and the records of its sections.
//!
//! Names are whole afterwards, in owners and in data, so that nothing points into the message; the case of names in
//! data is kept, as it is shown to people. What the records mean is said by [`repute_records::update`].
//!
//! Deliberately not read: the additional section, which RFC 2136 lets a server ignore; signatures are taken off before.

use domain::base::iana::Class;
use domain::base::message::RecordSection;
use domain::base::name::ToName;
use domain::base::rdata::ComposeRecordData;
use domain::base::{Message, ParsedName, ParsedRecord, Rtype};
use domain::rdata::AllRecordData;
use repute_dnsxl::Name;
use repute_records::update::Raw;

use crate::signature::name_wire;

/// An update as it was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    /// The zone that it is for.
    pub apex: Name,
    /// The zone's class.
    pub class: u16,
    /// What must be so.
    pub prerequisites: Vec<Raw>,
    /// What is to change.
    pub changes: Vec<Raw>,
}

/// Why a message is no update that can be looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// It is no update: FORMERR.
    #[error("the update cannot be read: {0}")]
    Malformed(&'static str),
    /// It has more records than it may: REFUSED.
    #[error("the update has more than {0} records: send it in parts, or raise the limit")]
    TooMany(usize),
}

/// Reads an update with so many records at most.
///
/// # Errors
/// If it is none.
pub fn read(message: &[u8], most: usize) -> Result<Sent, Unreadable> {
    use Unreadable::Malformed;
    let parsed = Message::from_octets(message).map_err(|_| Malformed("it has no header"))?;
    let counts = parsed.header_counts();
    // RFC 2136 section 3.1.1: "If ZCOUNT is not equal to 1, or if the ZTYPE is not SOA".
    if counts.qdcount() != 1 {
        return Err(Malformed("it is not for exactly one zone"));
    }
    let zone = parsed.first_question().ok_or(Malformed("its zone has no name"))?;
    if zone.qtype() != Rtype::SOA {
        return Err(Malformed("its zone is not named by type SOA"));
    }
    if usize::from(counts.ancount()) + usize::from(counts.nscount()) > most {
        return Err(Unreadable::TooMany(most));
    }
    let cut = |_| Malformed("its sections are cut");
    let (prerequisites, changes) =
        (parsed.answer().map_err(cut)?, parsed.authority().map_err(cut)?);
    // What follows is ignored, and has to be there all the same.
    for record in parsed.additional().map_err(cut)? {
        record.map_err(cut)?;
    }
    Ok(Sent {
        apex: owner(zone.qname())?,
        class: zone.qclass().to_int(),
        prerequisites: section(prerequisites)?,
        changes: section(changes)?,
    })
}

/// The name that a message is about, for the log.
pub(crate) fn subject(message: &[u8]) -> Option<Name> {
    let parsed = Message::from_octets(message).ok()?;
    owner(parsed.first_question()?.qname()).ok()
}

/// Reads the records of a section.
fn section(records: RecordSection<'_, &[u8]>) -> Result<Vec<Raw>, Unreadable> {
    let cut = |_| Unreadable::Malformed("a record is cut");
    records.map(|record| raw(&record.map_err(cut)?)).collect()
}

/// Reads a record.
fn raw(record: &ParsedRecord<'_, &[u8]>) -> Result<Raw, Unreadable> {
    let (rtype, class) = (record.rtype(), record.class());
    let data = match record.rdlen() {
        // What is removed, or only has to be there, is named without data, which its type could not have.
        0 => Vec::new(),
        _ => data(record)?,
    };
    Ok(Raw {
        owner: owner(&record.owner())?,
        rtype: rtype.to_int(),
        class: Class::to_int(class),
        ttl: record.ttl().as_secs(),
        data: data.into_boxed_slice(),
    })
}

/// Reads the data of a record, with whole names.
pub(crate) fn data(record: &ParsedRecord<'_, &[u8]>) -> Result<Vec<u8>, Unreadable> {
    let unsound = Unreadable::Malformed("data that its type cannot have");
    let record =
        record.to_any_record::<AllRecordData<&[u8], ParsedName<&[u8]>>>().map_err(|_| unsound)?;
    let mut data = Vec::with_capacity(64);
    record.data().compose_rdata(&mut data).map_err(|_| unsound)?;
    // What names make of little: a record is never longer than a message.
    if data.len() > usize::from(u16::MAX) {
        return Err(unsound);
    }
    Ok(data)
}

/// Reads a name.
pub(crate) fn owner(name: &impl ToName) -> Result<Name, Unreadable> {
    let unnamed = Unreadable::Malformed("a name that is none");
    let wire = name_wire(name).map_err(|_| unnamed)?;
    Name::from_wire(&wire).map_err(|_| unnamed)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An update of example.test with these records in its two sections, each section a count and bytes.
    fn message(prerequisites: (u8, &[u8]), changes: (u8, &[u8])) -> Vec<u8> {
        let counts = [0, 1, 0, prerequisites.0, 0, changes.0, 0, 0];
        [
            &[0x12, 0x34, 0x28, 0][..],
            &counts,
            b"\x07example\x04test\x00\x00\x06\x00\x01",
            prerequisites.1,
            changes.1,
        ]
        .concat()
    }

    fn raw(owner: &str, rtype: u16, class: u16, ttl: u32, data: &[u8]) -> Raw {
        Raw { owner: owner.parse().expect("a name"), rtype, class, ttl, data: Box::from(data) }
    }

    #[test]
    fn names_are_whole_and_keep_their_case_in_data() {
        let sent = read(
            &message(
                (1, b"\x03Www\xc0\x0c\x00\xff\x00\xff\x00\x00\x00\x00\x00\x00"),
                (
                    2,
                    b"\xc0\x0c\x00\x0f\x00\x01\x00\x00\x00\x3c\x00\x07\x00\x0a\x02MX\xc0\x0c\
                      \xc0\x0c\x00\x10\x00\xfe\x00\x00\x00\x00\x00\x03\x02aB",
                ),
            ),
            10,
        )
        .expect("an update");
        assert_eq!((sent.apex.to_string().as_str(), sent.class), ("example.test", 1));
        assert_eq!(sent.prerequisites, [raw("www.example.test", 255, 255, 0, b"")]);
        let mx = b"\x00\x0a\x02MX\x07example\x04test\x00";
        let expected =
            [raw("example.test", 15, 1, 60, mx), raw("example.test", 16, 254, 0, b"\x02aB")];
        assert_eq!(sent.changes, expected);
    }

    #[test]
    fn what_is_no_update_is_malformed() {
        let record: &[u8] = b"\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04\x7f\x00\x00\x02";
        let whole = message((0, b""), (1, record));
        read(&whole, 1).expect("an update");
        for end in 0..whole.len() {
            let error = read(&whole[..end], 1).expect_err("cut");
            assert!(matches!(error, Unreadable::Malformed(_)), "{end}: {error}");
        }
        let changed = |at: usize, to: u8| {
            let mut changed = whole.clone();
            changed[at] = to;
            read(&changed, 1)
        };
        for (at, to, why) in [
            (5, 0, "no zone"),
            (5, 2, "two zones"),
            (27, 2, "a zone of type NS"),
            (29 + 11, 3, "an address of three bytes"),
            (29 + 1, 29, "a name that points at itself"),
            (11, 1, "an additional record that is not there"),
        ] {
            assert!(matches!(changed(at, to), Err(Unreadable::Malformed(_))), "{why}");
        }
        assert_eq!(read(&whole, 0), Err(Unreadable::TooMany(0)));
    }
}

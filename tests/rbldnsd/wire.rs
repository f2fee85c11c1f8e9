//! DNS messages as the test reads and writes them.
//!
//! A small codec of its own, on purpose: one that shared code with the server would share its
//! mistakes. It is strict; a reply with a byte too many, a pointer that does not go back or a count
//! that lies is a fault of the server that sent it.

use std::collections::BTreeSet;
use std::fmt;

/// A reply taken apart, names written out and sections as sets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reply {
    /// The four bits of the operation.
    pub(crate) opcode: u8,
    /// The flag bits without operation and code: QR, AA, TC, RD, RA, Z, AD, CD as they stand.
    pub(crate) flags: u16,
    /// The response code, with its upper bits from the OPT record.
    pub(crate) rcode: u16,
    /// The question as its bytes; empty when there is none.
    pub(crate) question: Vec<u8>,
    /// ANSWER, AUTHORITY and ADDITIONAL without the OPT record.
    pub(crate) sections: [BTreeSet<Record>; 3],
    /// The OPT record, if there is one.
    pub(crate) opt: Option<Opt>,
    /// How many bytes the message had.
    pub(crate) length: usize,
}

/// A record; names in lower case.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Record {
    /// The owner, in wire form and lower case.
    pub(crate) owner: Vec<u8>,
    /// The type.
    pub(crate) rtype: u16,
    /// The class.
    pub(crate) class: u16,
    /// The time to live.
    pub(crate) ttl: u32,
    /// The data, names in it uncompressed and in lower case.
    pub(crate) data: Vec<u8>,
}

/// What the test looks at in an OPT record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Opt {
    /// The version of EDNS.
    pub(crate) version: u8,
    /// The flag bits.
    pub(crate) flags: u16,
    /// The size of UDP message the sender takes.
    pub(crate) size: u16,
}

/// The flag bits a test speaks of.
pub(crate) const AA: u16 = 0x0400;
/// Truncated.
pub(crate) const TC: u16 = 0x0200;
/// Recursion desired.
pub(crate) const RD: u16 = 0x0100;

/// Response codes.
pub(crate) const NOERROR: u16 = 0;
/// The query could not be read.
pub(crate) const FORMERR: u16 = 1;
/// The server cannot answer for this zone.
pub(crate) const SERVFAIL: u16 = 2;
/// No such name.
pub(crate) const NXDOMAIN: u16 = 3;
/// Not a kind of query the server knows.
pub(crate) const NOTIMP: u16 = 4;
/// Not for this client or not of this server.
pub(crate) const REFUSED: u16 = 5;
/// A version of EDNS the server does not know (RFC 6891 section 6.1.3).
pub(crate) const BADVERS: u16 = 16;

/// Record types.
pub(crate) mod rtype {
    pub(crate) const A: u16 = 1;
    pub(crate) const NS: u16 = 2;
    pub(crate) const SOA: u16 = 6;
    pub(crate) const MX: u16 = 15;
    pub(crate) const TXT: u16 = 16;
    pub(crate) const OPT: u16 = 41;
    pub(crate) const TKEY: u16 = 249;
    pub(crate) const ANY: u16 = 255;
}

/// Reads a reply.
pub(crate) fn parse(message: &[u8]) -> Result<Reply, &'static str> {
    let header = message.get(..12).ok_or("shorter than a header")?;
    let word = |at: usize| u16::from_be_bytes([header[at], header[at + 1]]);
    let mut at = 12;
    let mut question = Vec::new();
    match word(4) {
        0 => {}
        1 => {
            skip_uncompressed(message, &mut at)?;
            at += 4;
            question = message.get(12..at).ok_or("the question is cut off")?.to_vec();
        }
        _ => return Err("more than one question"),
    }
    let mut sections: [BTreeSet<Record>; 3] = Default::default();
    let mut opt = None;
    let mut rcode = word(2) & 15;
    for (section, set) in sections.iter_mut().enumerate() {
        for _ in 0..word(6 + 2 * section) {
            let record = record(message, &mut at)?;
            if record.rtype == rtype::OPT {
                if section != 2 || opt.is_some() || record.owner != [0] {
                    return Err("an OPT record out of place");
                }
                let [high, version, flags @ ..] = record.ttl.to_be_bytes();
                rcode |= u16::from(high) << 4;
                let flags = u16::from_be_bytes(flags);
                opt = Some(Opt { version, flags, size: record.class });
            } else if !set.insert(record) {
                return Err("the same record twice in a section");
            }
        }
    }
    if at != message.len() {
        return Err("bytes after the last record");
    }
    Ok(Reply {
        opcode: (header[2] >> 3) & 15,
        flags: word(2) & 0x87f0,
        rcode,
        question,
        sections,
        opt,
        length: message.len(),
    })
}

/// Reads the record at `at` and moves behind it.
fn record(message: &[u8], at: &mut usize) -> Result<Record, &'static str> {
    let owner = name(message, at)?;
    let fixed = message.get(*at..*at + 10).ok_or("a record is cut off")?;
    let rtype = u16::from_be_bytes([fixed[0], fixed[1]]);
    let class = u16::from_be_bytes([fixed[2], fixed[3]]);
    let ttl = u32::from_be_bytes([fixed[4], fixed[5], fixed[6], fixed[7]]);
    let length = usize::from(u16::from_be_bytes([fixed[8], fixed[9]]));
    *at += 10;
    let end = *at + length;
    if end > message.len() {
        return Err("record data is cut off");
    }
    let plain = |from: usize| message[from..end].to_vec();
    let data = match rtype {
        rtype::NS => name(message, at)?,
        rtype::MX if length > 2 => {
            let mut data = message[*at..*at + 2].to_vec();
            *at += 2;
            data.extend(name(message, at)?);
            data
        }
        rtype::SOA => {
            let mut data = name(message, at)?;
            data.extend(name(message, at)?);
            if *at + 20 != end {
                return Err("an SOA record of a wrong length");
            }
            data.extend(plain(*at));
            *at = end;
            data
        }
        rtype::TXT => {
            let mut from = *at;
            while from < end {
                from += 1 + usize::from(message[from]);
            }
            if from != end {
                return Err("a TXT record whose strings do not fill it");
            }
            *at = end;
            plain(end - length)
        }
        _ => {
            *at = end;
            plain(end - length)
        }
    };
    if *at != end {
        return Err("record data longer than what is in it");
    }
    Ok(Record { owner, rtype, class, ttl, data })
}

/// Reads the name at `at`, follows pointers, and moves behind it.
fn name(message: &[u8], at: &mut usize) -> Result<Vec<u8>, &'static str> {
    let mut out = Vec::new();
    let mut from = *at;
    let mut jumped = false;
    loop {
        let &length = message.get(from).ok_or("a name is cut off")?;
        match length {
            0 => {
                out.push(0);
                if !jumped {
                    *at = from + 1;
                }
                return Ok(out);
            }
            1..=63 => {
                let label = message.get(from..=from + usize::from(length));
                out.extend(label.ok_or("a label is cut off")?.to_ascii_lowercase());
                from += 1 + usize::from(length);
            }
            192.. => {
                let &low = message.get(from + 1).ok_or("a pointer is cut off")?;
                let target = usize::from(length & 63) << 8 | usize::from(low);
                if target >= from {
                    return Err("a pointer that does not go back");
                }
                if !jumped {
                    *at = from + 2;
                }
                jumped = true;
                from = target;
            }
            _ => return Err("a label type nobody uses"),
        }
        if out.len() > 255 {
            return Err("a name over 255 bytes");
        }
    }
}

/// Moves behind a name that must not be compressed.
fn skip_uncompressed(message: &[u8], at: &mut usize) -> Result<(), &'static str> {
    loop {
        match message.get(*at) {
            Some(0) => {
                *at += 1;
                return Ok(());
            }
            Some(&length @ 1..=63) => *at += 1 + usize::from(length),
            _ => return Err("the question's name is not plain"),
        }
    }
}

/// Writes a name given as text of plain labels.
pub(crate) fn name_wire(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    for label in text.split('.').filter(|label| !label.is_empty()) {
        out.push(label.len() as u8);
        out.extend_from_slice(label.as_bytes());
    }
    out.push(0);
    out
}

/// Writes a name as text, for messages to people.
pub(crate) fn name_text(wire: &[u8]) -> String {
    let mut out = String::new();
    let mut rest = wire;
    while let Some((&length @ 1..=63, tail)) = rest.split_first() {
        let Some((label, tail)) = tail.split_at_checked(usize::from(length)) else { break };
        out.push_str(&label.escape_ascii().to_string());
        out.push('.');
        rest = tail;
    }
    if out.is_empty() { ".".to_owned() } else { out }
}

impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Record { owner, rtype, class, ttl, data } = self;
        let owner = name_text(owner);
        write!(f, "{owner} {ttl} class{class} type{rtype} {}", data.escape_ascii())
    }
}

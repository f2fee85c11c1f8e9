//! A DNS query, read from bytes (RFC 1035 section 4.1, RFC 6891).
//!
//! Everything an answer needs is read in one pass and without allocation: where the labels of the name
//! are, the name in lower case, type, class, and what EDNS says. What is malformed is told from what is
//! merely unusual, since the first gets FORMERR and the second an answer (RFC 8906).

use std::num::NonZeroU16;

/// A query. It is filled anew for each packet, so that its arrays are never cleared.
///
/// What is read of a usual one lies in its first cache lines.
#[derive(Debug)]
#[repr(C, align(64))]
pub(crate) struct Query {
    /// Length of the name on the wire.
    pub(crate) name_len: usize,
    /// How many labels there are.
    pub(crate) label_count: usize,
    /// Type of the question.
    pub(crate) qtype: u16,
    /// Class of the question.
    pub(crate) qclass: u16,
    /// What EDNS says, if the query has it.
    pub(crate) edns: Option<Edns>,
    /// Offsets of the labels in the name, the root label not among them.
    pub(crate) labels: [u8; LABELS],
    /// The name in lower case, with the root label; behind it anything.
    pub(crate) name: [u8; NAME],
}

/// What an OPT record says (RFC 6891 section 6.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Edns {
    /// The largest UDP message the client takes.
    pub(crate) size: u16,
    /// The version; we know 0.
    pub(crate) version: u8,
    /// Whether it asks who answers (RFC 5001).
    pub(crate) nsid: bool,
    /// DO: the client wants DNSSEC records. Copied to the answer.
    pub(crate) dnssec_ok: bool,
    /// Where the first COOKIE option is (RFC 7873).
    pub(crate) cookie: Option<Place>,
}

/// Where in a message something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// Where it begins: never in the header.
    start: NonZeroU16,
    /// How long it is.
    len: u16,
}

impl Place {
    /// What is there.
    #[inline]
    pub(crate) fn of<'p>(&self, packet: &'p [u8]) -> &'p [u8] {
        let start = usize::from(self.start.get());
        packet.get(start..start + usize::from(self.len)).unwrap_or_default()
    }
}

impl Edns {
    /// Reads class and time to live of an OPT record, which mean other things there.
    #[inline(always)]
    fn new(raw: &[u8], options: Options) -> Edns {
        Edns {
            size: u16::from_be_bytes([raw[0], raw[1]]),
            version: raw[3],
            dnssec_ok: raw[4] & 0x80 != 0,
            nsid: options.nsid,
            cookie: options.cookie,
        }
    }
}

/// Why there is nothing to answer, or not with an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unreadable {
    /// Too short for a header, or itself a response: answering could loop.
    Drop,
    /// FORMERR, with the question if it could be read to this offset.
    Malformed(Option<u16>),
    /// NOTIMP, with the question if it could be read to this offset.
    Opcode(Option<u16>),
    /// A query without a question, which may be about a cookie (RFC 7873 section 5.4); else FORMERR.
    Questionless,
    /// A query like others, but with a TSIG record: at this offset, or not at its place (RFC 8945 section 5.2).
    Signed(Option<u16>),
}

impl Default for Query {
    fn default() -> Self {
        Query {
            name_len: 0,
            label_count: 0,
            qtype: 0,
            qclass: 0,
            edns: None,
            labels: [0; LABELS],
            name: [0; NAME],
        }
    }
}

impl Query {
    /// Reads a packet.
    #[inline(never)]
    pub(crate) fn read(&mut self, packet: &[u8]) -> Result<(), Unreadable> {
        let Some(header) = packet.first_chunk::<HEADER>() else { return Err(Unreadable::Drop) };
        // Flags and all counts but the last, as one number.
        let start =
            u64::from_le_bytes(*header[2..].first_chunk().expect("the header has 12 bytes"));
        if start & !UNJUDGED != ONE_QUESTION {
            return self.read_unusual(packet);
        }
        self.edns = None;
        let Some(end) = self.read_question(packet) else {
            return Err(Unreadable::Malformed(None));
        };
        match [packet[10], packet[11]] {
            // Bytes behind the message are not ours to judge; rbldnsd ignores them as well.
            [0, 0] => return Ok(()),
            // Nearly every query ends with an OPT record without options and nothing else.
            [0, 1] if packet.len() == end + PLAIN_OPT => {
                if let Some(opt) = packet[end..].first_chunk::<PLAIN_OPT>()
                    && opt[..3] == [0, 0, OPT as u8]
                    && opt[9..] == [0, 0]
                {
                    self.edns = Some(Edns::new(&opt[3..9], Options::default()));
                    return Ok(());
                }
            }
            _ => {}
        }
        self.read_records(packet, end).unwrap_or(Err(Unreadable::Malformed(Some(end as u16))))
    }

    /// Reads a packet that is no query with one question, or has records before the additional ones.
    #[cold]
    fn read_unusual(&mut self, packet: &[u8]) -> Result<(), Unreadable> {
        if packet[2] & QR != 0 {
            return Err(Unreadable::Drop);
        }
        self.edns = None;
        let one_question = packet[4..6] == [0, 1];
        let question = if one_question { self.read_question(packet) } else { None };
        if packet[2] & OPCODE != 0 {
            return Err(Unreadable::Opcode(question.map(|end| end as u16)));
        }
        if packet[4..6] == [0, 0] {
            return match self.read_records(packet, HEADER) {
                Some(Ok(())) => Err(Unreadable::Questionless),
                Some(Err(_)) | None => Err(Unreadable::Malformed(None)),
            };
        }
        let Some(end) = question else { return Err(Unreadable::Malformed(None)) };
        self.read_records(packet, end).unwrap_or(Err(Unreadable::Malformed(Some(end as u16))))
    }

    /// Reads the question of any message that has one and nothing else of it.
    pub(crate) fn read_first_question(&mut self, packet: &[u8]) -> Option<()> {
        let header = packet.first_chunk::<HEADER>()?;
        if header[4..6] == [0, 0] {
            return None;
        }
        self.read_question(packet).map(|_| ())
    }

    /// Where the question ends.
    #[inline(always)]
    pub(crate) fn question_end(&self) -> usize {
        HEADER + self.name_len + 4
    }

    /// Reads name, type and class; returns where they end.
    #[inline(always)]
    fn read_question(&mut self, packet: &[u8]) -> Option<usize> {
        let bytes = &packet[HEADER..];
        let (mut at, mut count) = (0_usize, 0_usize);
        // Eight labels of one byte each, as in an IPv6 address, are taken at once.
        while let Some(raw) = bytes.get(at..at + 16)
            && u128::from_le_bytes(raw.try_into().ok()?) & LENGTHS == ONES
            && count + 8 <= MAX_LABELS
        {
            let offsets = EVERY_SECOND + at as u64 * (u64::MAX / 255);
            self.labels[count..count + 8].copy_from_slice(&offsets.to_le_bytes());
            count += 8;
            at += 16;
        }
        // What is cut off here is too long, or not there.
        let bytes = &bytes[..bytes.len().min(MAX_NAME + 4)];
        loop {
            let len = usize::from(*bytes.get(at)?);
            if len == 0 {
                break;
            }
            if len > MAX_LABEL {
                return None;
            }
            // A name of 255 bytes has at most 127 labels.
            self.labels[count & (LABELS - 1)] = at as u8;
            count += 1;
            at += len + 1;
        }
        let name_len = at + 1;
        if name_len > MAX_NAME {
            return None;
        }
        let tail: &[u8; 4] = bytes.get(name_len..name_len + 4)?.try_into().ok()?;
        self.qtype = u16::from_be_bytes([tail[0], tail[1]]);
        self.qclass = u16::from_be_bytes([tail[2], tail[3]]);
        self.name_len = name_len;
        self.label_count = count;
        // Length bytes are below 64, so they are not letters and stay as they are. What is behind the
        // name in its last chunk is not read as part of it.
        let (chunks, _) = self.name.as_chunks_mut::<LANE>();
        let (raw, rest) = packet[HEADER..].as_chunks::<LANE>();
        let needed = name_len.div_ceil(LANE);
        for (chunk, raw) in chunks[..needed].iter_mut().zip(raw) {
            *chunk = lower_case(raw);
        }
        if needed > raw.len() {
            let mut last = [0; LANE];
            last[..rest.len()].copy_from_slice(rest);
            chunks[raw.len()] = lower_case(&last);
        }
        Some(HEADER + name_len + 4)
    }

    /// Reads what follows the question, for OPT and TSIG records. Nothing if it is malformed.
    #[inline]
    fn read_records(&mut self, packet: &[u8], mut at: usize) -> Option<Result<(), Unreadable>> {
        let count = |i: usize| usize::from(u16::from_be_bytes([packet[i], packet[i + 1]]));
        let (before, additional) = (count(6) + count(8), count(10));
        let mut signed = Ok(());
        for record in 0..before + additional {
            let start = at;
            let is_root = packet.get(at) == Some(&0);
            at = skip_name(packet, at)?;
            let fixed = packet.get(at..at + 10)?;
            let len = usize::from(u16::from_be_bytes([fixed[8], fixed[9]]));
            let data = packet.get(at + 10..at + 10 + len)?;
            let data_at = at + 10;
            at = data_at + len;
            if fixed[..2] == [0, TSIG as u8] {
                // RFC 8945 section 5.1: the last record of the additional section, and the only one.
                let is_in_place = record >= before && record + 1 == before + additional;
                let place = u16::try_from(start).ok();
                signed = Err(Unreadable::Signed(place.filter(|_| is_in_place && signed.is_ok())));
            }
            if fixed[..2] != [0, OPT as u8] {
                continue;
            }
            // RFC 6891 section 6.1.1: one OPT, owned by the root, in the additional section.
            if !is_root || record < before || self.edns.is_some() {
                return None;
            }
            self.edns = Some(Edns::new(&fixed[2..8], Options::read(data, data_at)?));
        }
        Some(signed)
    }
}

/// Bytes in lower case (ASCII). Compilers make vector instructions of it.
#[inline(always)]
fn lower_case(bytes: &[u8; LANE]) -> [u8; LANE] {
    bytes.map(|byte| byte | u8::from(byte.wrapping_sub(b'A') < 26) << 5)
}

/// Where a name ends, compressed or not.
#[inline(always)]
pub(crate) fn skip_name(packet: &[u8], mut at: usize) -> Option<usize> {
    loop {
        match *packet.get(at)? {
            0 => return Some(at + 1),
            len if usize::from(len) <= MAX_LABEL => at += usize::from(len) + 1,
            pointer if pointer >= 0xc0 => {
                packet.get(at + 1)?;
                return Some(at + 2);
            }
            _ => return None,
        }
    }
}

/// What options an OPT record has, of those that we know.
#[derive(Clone, Copy, Default)]
struct Options {
    /// Whether NSID is among them.
    nsid: bool,
    /// Where the first COOKIE is.
    cookie: Option<Place>,
}

impl Options {
    /// Reads the data of an OPT record, which begins at a place in the message. Nothing if it is malformed.
    #[inline(always)]
    fn read(mut data: &[u8], mut at: usize) -> Option<Options> {
        let mut options = Options::default();
        while !data.is_empty() {
            let (head, rest) = data.split_at_checked(4)?;
            let (code, len) = ([head[0], head[1]], u16::from_be_bytes([head[2], head[3]]));
            if code == NSID.to_be_bytes() {
                options.nsid = true;
            }
            // RFC 7873 section 5.2: of several only the first is considered.
            if code == COOKIE.to_be_bytes() && options.cookie.is_none() {
                let start = u16::try_from(at + 4).ok().and_then(NonZeroU16::new);
                options.cookie = start.map(|start| Place { start, len });
            }
            data = rest.get(usize::from(len)..)?;
            at += 4 + usize::from(len);
        }
        Some(options)
    }
}

/// Flags and counts of a query with one question and no records but additional ones, as a number.
const ONE_QUESTION: u64 = 1 << 24;
/// Of the flags those that are not looked at there: all but QR and the opcode.
const UNJUDGED: u64 = 0xff00 | !(QR | OPCODE) as u64;
/// Length of a message's header.
pub(crate) const HEADER: usize = 12;
/// Query or response.
pub(crate) const QR: u8 = 0x80;
/// Kind of query.
pub(crate) const OPCODE: u8 = 0x78;
/// Authoritative answer.
pub(crate) const AA: u8 = 0x04;
/// Truncated.
pub(crate) const TC: u8 = 0x02;
/// Recursion desired.
pub(crate) const RD: u8 = 0x01;
/// The OPT record type.
pub(crate) const OPT: u16 = 41;
/// The TSIG record type.
pub(crate) const TSIG: u16 = 250;
/// Length of an OPT record without options: owner, type, then what [`Edns`] holds, and no data.
const PLAIN_OPT: usize = 11;
/// The NSID option (RFC 5001).
pub(crate) const NSID: u16 = 3;
/// The COOKIE option (RFC 7873).
pub(crate) const COOKIE: u16 = 10;
/// Longest name on the wire.
const MAX_NAME: usize = 255;
/// Longest label.
const MAX_LABEL: usize = 63;
/// Most labels of a name.
const MAX_LABELS: usize = 127;
/// Bytes of a name that are lower-cased at once.
const LANE: usize = 16;
/// Room for the labels of a name.
const LABELS: usize = MAX_LABELS + 1;
/// Room for a name in whole lanes, and so that three words can be read at each of its places.
pub(crate) const NAME: usize = (MAX_NAME + 1) / LANE * LANE + 2 * LANE;
/// Offsets of labels of one byte, as a number.
const EVERY_SECOND: u64 = 0x0e0c_0a08_0604_0200;
/// Every second byte: where labels of one byte have their length.
const LENGTHS: u128 = 0x00ff_00ff_00ff_00ff_00ff_00ff_00ff_00ff;
/// Lengths of one.
const ONES: u128 = 0x0001_0001_0001_0001_0001_0001_0001_0001;

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(flags: [u8; 2], counts: [u16; 4], rest: &[u8]) -> Vec<u8> {
        let mut packet = vec![0xab, 0xcd, flags[0], flags[1]];
        packet.extend(counts.iter().flat_map(|c| c.to_be_bytes()));
        packet.extend_from_slice(rest);
        packet
    }

    const QUESTION: &[u8] = b"\x01A\x02bl\x04TEST\x00\x00\x01\x00\x01";

    #[test]
    fn a_question_is_read_in_lower_case() {
        let mut query = Query::default();
        assert_eq!(query.read(&packet([0, 0], [1, 0, 0, 0], QUESTION)), Ok(()));
        assert_eq!(&query.name[..query.name_len], b"\x01a\x02bl\x04test\x00");
        assert_eq!(query.labels[..query.label_count], [0, 2, 5]);
        assert_eq!((query.qtype, query.qclass, query.edns), (1, 1, None));
    }

    #[test]
    fn lanes_are_lower_cased_like_bytes() {
        for byte in 0..=255_u8 {
            let lane =
                [byte, b'Z', b'[', b'@', b'A', byte, 0xc1, b'z', 0, 1, 63, 64, 91, 97, 122, 123];
            assert_eq!(lower_case(&lane), lane.map(|b| b.to_ascii_lowercase()));
        }
    }

    #[test]
    fn labels_of_one_byte_are_counted_like_others() {
        for count in 1..=40 {
            let mut name: Vec<u8> = (0..count).flat_map(|_| [1, b'f']).collect();
            name.extend_from_slice(b"\x02bl\x00\x00\x10\x00\x01");
            let mut query = Query::default();
            assert_eq!(query.read(&packet([0, 0], [1, 0, 0, 0], &name)), Ok(()));
            assert_eq!(query.label_count, count + 1);
            assert_eq!(usize::from(query.labels[count]), count * 2);
        }
    }

    #[test]
    fn edns_is_read_wherever_it_is() {
        let mut rest = QUESTION.to_vec();
        rest.extend_from_slice(b"\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x00\x00\x04\x7f\x00\x00\x01");
        rest.extend_from_slice(b"\x00\x00\x29\x04\xd0\x00\x00\x80\x00\x00\x04\x00\x03\x00\x00");
        let mut query = Query::default();
        assert_eq!(query.read(&packet([0, 0], [1, 0, 0, 2], &rest)), Ok(()));
        let edns = Edns { size: 1232, version: 0, nsid: true, dnssec_ok: true, cookie: None };
        assert_eq!(query.edns, Some(edns));
    }

    #[test]
    fn malformed_messages_are_told_apart() {
        let mut query = Query::default();
        let mut read = |p: Vec<u8>| query.read(&p);
        assert_eq!(read(vec![0; 11]), Err(Unreadable::Drop));
        assert_eq!(read(packet([QR, 0], [1, 0, 0, 0], QUESTION)), Err(Unreadable::Drop));
        assert_eq!(read(packet([0, 0], [0, 0, 0, 0], b"")), Err(Unreadable::Questionless));
        assert_eq!(read(packet([0, 0], [0, 0, 0, 1], b"")), Err(Unreadable::Malformed(None)));
        assert_eq!(read(packet([0, 0], [2, 0, 0, 0], QUESTION)), Err(Unreadable::Malformed(None)));
        let pointer = b"\xc0\x0c\x00\x01\x00\x01";
        assert_eq!(read(packet([0, 0], [1, 0, 0, 0], pointer)), Err(Unreadable::Malformed(None)));
        let end = (HEADER + QUESTION.len()) as u16;
        assert_eq!(
            read(packet([0, 0], [1, 0, 0, 1], QUESTION)),
            Err(Unreadable::Malformed(Some(end)))
        );
        assert_eq!(
            read(packet([0x20, 0], [1, 0, 0, 0], QUESTION)),
            Err(Unreadable::Opcode(Some(end)))
        );
    }
}

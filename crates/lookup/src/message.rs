//! Queries to bytes, and bytes to what a reply says.
//!
//! A reply is believed only if it repeats the question, letter case included (the 0x20 trick: with the id
//! and the port it makes forgery a matter of luck one does not have).

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use arrayvec::ArrayVec;
use domain::base::Header;
use domain::base::iana::{Class, Rtype};
use domain::base::message::Message;
use domain::base::name::{ParsedName, ToName};
use domain::base::opt::{AllOptData, Opt, OptRecord};
use domain::base::record::ParsedRecord;
use domain::rdata::{A, Aaaa, Cname, Mx, Ns, Ptr, Soa as SoaData, Txt};
use rand::Rng;
use repute_dnsxl::Name;

/// What is asked: a name and a type, class IN.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// The name in wire form.
    pub name: Box<[u8]>,
    /// The type, by its number.
    pub rtype: u16,
}

impl Question {
    /// Asks for a type at a name.
    pub fn new(name: &Name, rtype: u16) -> Question {
        Question { name: name.as_wire().into(), rtype }
    }

    /// Asks for a type at labels, given in wire form without the root, below a name. Nothing if that is
    /// longer than a name may be.
    pub fn below(relative: &[u8], name: &Name, rtype: u16) -> Option<Question> {
        let wire = [relative, name.as_wire()].concat();
        (wire.len() <= 255).then(|| Question { name: wire.into_boxed_slice(), rtype })
    }
}

/// How a query is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Manner {
    /// Ask for recursion: of a resolver, not of a list's own server.
    pub recursion: bool,
    /// Announce this size by EDNS, or send none.
    pub edns: Option<u16>,
    /// Mix the case of letters.
    pub mixed_case: bool,
}

/// Writes a query; returns the name as it was sent.
pub fn write(
    question: &Question,
    manner: Manner,
    id: u16,
    random: &mut impl Rng,
    out: &mut Vec<u8>,
) {
    out.clear();
    out.extend_from_slice(&id.to_be_bytes());
    out.extend_from_slice(&[u8::from(manner.recursion), 0, 0, 1, 0, 0, 0, 0, 0]);
    out.push(u8::from(manner.edns.is_some()));
    let start = out.len();
    out.extend_from_slice(&question.name);
    if manner.mixed_case {
        let mut bits = 0_u64;
        for (i, byte) in out[start..].iter_mut().enumerate() {
            if i % 64 == 0 {
                bits = random.random();
            }
            // Lengths are below 64, so no letter.
            if byte.is_ascii_alphabetic() && bits & 1 == 1 {
                *byte ^= 0x20;
            }
            bits >>= 1;
        }
    }
    out.extend_from_slice(&question.rtype.to_be_bytes());
    out.extend_from_slice(&[0, 1]);
    if let Some(size) = manner.edns {
        out.extend_from_slice(&[0, 0, 41]);
        out.extend_from_slice(&size.to_be_bytes());
        out.extend_from_slice(&[0, 0, 0, 0, 0, 0]);
    }
}

/// What a reply says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reply {
    /// The response code, with EDNS's upper bits.
    pub rcode: u16,
    /// AA: it comes from a server of the zone.
    pub authoritative: bool,
    /// TC: it is cut.
    pub truncated: bool,
    /// RA: the server recurses.
    pub recursion: bool,
    /// The records of the question's type at its name, or at what its CNAMEs lead to.
    pub records: Vec<Data>,
    /// The lowest time to live of those, or that of the denial (RFC 2308 section 5).
    pub ttl: Option<Duration>,
    /// The zone that denies, from the SOA in the authority section.
    pub denied_by: Option<Denial>,
    /// The size the server announced by EDNS, if it speaks it.
    pub edns: Option<u16>,
    /// Why, in the server's words (RFC 8914): code and text.
    pub error: Option<(u16, String)>,
}

/// Who says that there is nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denial {
    /// The zone.
    pub zone: Name,
    /// Its serial.
    pub serial: u32,
}

/// The data of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Data {
    /// A or AAAA.
    Address(IpAddr),
    /// TXT, its strings joined, what is not UTF-8 replaced.
    Text(String),
    /// NS, PTR or CNAME.
    Name(Name),
    /// MX.
    Mx {
        /// Which of a domain's mail servers is tried before others: the lower one.
        preference: u16,
        /// The mail server; the root for none (RFC 7505).
        host: Name,
    },
    /// SOA.
    Soa {
        /// The server that is the origin of the zone.
        origin: Name,
        /// The version.
        serial: u32,
        /// How long secondaries answer without contact, in seconds.
        expire: u32,
        /// Time to live of denials, in seconds.
        minimum: u32,
    },
}

impl Reply {
    /// The IPv4 addresses among the records.
    pub fn addresses(&self) -> impl Iterator<Item = Ipv4Addr> {
        self.records.iter().filter_map(|data| match data {
            Data::Address(IpAddr::V4(address)) => Some(*address),
            Data::Address(_)
            | Data::Text(_)
            | Data::Name(_)
            | Data::Mx { .. }
            | Data::Soa { .. } => None,
        })
    }

    /// The texts among the records.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        self.records.iter().filter_map(|data| match data {
            Data::Text(text) => Some(&**text),
            Data::Address(_) | Data::Name(_) | Data::Mx { .. } | Data::Soa { .. } => None,
        })
    }
}

/// Whether a packet is the reply to a query as it was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Match {
    /// It is.
    Exact,
    /// But for the case of letters: a server that does not keep it, or a forger.
    OtherCase,
    /// It is not.
    No,
}

/// Compares a packet with a query as it was sent.
pub fn matches(packet: &[u8], query: &[u8]) -> Match {
    let Some(end) = question_end(query) else { return Match::No };
    let (Some(head), Some(question)) = (packet.get(..12), packet.get(12..end)) else {
        return Match::No;
    };
    // The id; a reply; the same opcode; one question.
    let is_reply = head[..2] == query[..2] && head[2] & 0xf8 == 0x80 && head[4..6] == [0, 1];
    match () {
        () if !is_reply => Match::No,
        () if question == &query[12..end] => Match::Exact,
        () if question.eq_ignore_ascii_case(&query[12..end]) => Match::OtherCase,
        () => Match::No,
    }
}

/// Where the question of a query we wrote ends.
fn question_end(query: &[u8]) -> Option<usize> {
    let mut at = 12;
    loop {
        let len = usize::from(*query.get(at)?);
        at += 1 + len;
        if len == 0 {
            return Some(at + 4).filter(|end| *end <= query.len());
        }
    }
}

/// Reads a reply that matches its query. Nothing if it is malformed.
pub fn read(packet: &[u8]) -> Option<Reply> {
    let message = Message::from_slice(packet).ok()?;
    let header = message.header();
    let mut reply = Reply {
        rcode: u16::from(header.rcode().to_int()),
        authoritative: header.aa(),
        truncated: header.tc(),
        recursion: header.ra(),
        ..Reply::default()
    };
    let question = message.sole_question().ok()?;
    let mut owner: ParsedName<&[u8]> = *question.qname();
    let mut section = message.answer().ok()?;
    // A cut section is no reason to throw away what TC says.
    for record in section.by_ref() {
        let Ok(record) = record else { break };
        if record.class() != Class::IN || !record.owner().name_eq(&owner) {
            continue;
        }
        if record.rtype() == Rtype::CNAME && question.qtype() != Rtype::CNAME {
            if let Ok(Some(cname)) = record.to_record::<Cname<_>>() {
                owner = cname.into_data().into_cname();
            }
        } else if record.rtype() == question.qtype()
            && let Some(data) = data(&record)
        {
            let ttl = Duration::from_secs(record.ttl().as_secs().into());
            reply.ttl = Some(reply.ttl.map_or(ttl, |known| known.min(ttl)));
            reply.records.push(data);
        }
    }
    let Ok(Some(mut authority)) = section.next_section() else { return Some(reply) };
    for record in authority.by_ref() {
        let Ok(record) = record else { break };
        if record.rtype() == Rtype::SOA
            && reply.records.is_empty()
            && let Ok(Some(soa)) = record.to_record::<SoaData<_>>()
            && let Some(zone) = name(record.owner())
        {
            let ttl = soa.ttl().min(soa.data().minimum());
            reply.ttl = Some(Duration::from_secs(ttl.as_secs().into()));
            reply.denied_by = Some(Denial { zone, serial: soa.data().serial().into_int() });
        }
    }
    if let Ok(Some(additional)) = authority.next_section()
        && let Some(Ok(record)) = additional.limit_to::<Opt<_>>().next()
    {
        complete(&mut reply, header, &OptRecord::from(record));
    }
    Some(reply)
}

/// Adds what EDNS says.
fn complete(reply: &mut Reply, header: Header, opt: &OptRecord<&[u8]>) {
    reply.edns = Some(opt.udp_payload_size());
    reply.rcode = opt.rcode(header).to_int();
    for option in opt.opt().iter::<AllOptData<_, _>>().flatten() {
        if let AllOptData::ExtendedError(error) = option {
            let text = String::from_utf8_lossy(error.text_slice().unwrap_or_default());
            reply.error = Some((error.code().to_int(), text.into_owned()));
        }
    }
}

/// The data of a record, if it is of a type that is understood here and well-formed.
fn data(record: &ParsedRecord<'_, [u8]>) -> Option<Data> {
    Some(match record.rtype() {
        Rtype::A => Data::Address(IpAddr::V4(record.to_record::<A>().ok()??.data().addr())),
        Rtype::AAAA => Data::Address(IpAddr::V6(record.to_record::<Aaaa>().ok()??.data().addr())),
        Rtype::TXT => {
            let text = record.to_record::<Txt<_>>().ok()??;
            let bytes: Vec<u8> = text.data().iter().flatten().copied().collect();
            Data::Text(String::from_utf8_lossy(&bytes).into_owned())
        }
        Rtype::NS => Data::Name(name(record.to_record::<Ns<_>>().ok()??.data().nsdname())?),
        Rtype::PTR => Data::Name(name(record.to_record::<Ptr<_>>().ok()??.data().ptrdname())?),
        Rtype::CNAME => Data::Name(name(record.to_record::<Cname<_>>().ok()??.data().cname())?),
        Rtype::MX => {
            let mx = record.to_record::<Mx<_>>().ok()??;
            Data::Mx { preference: mx.data().preference(), host: name(mx.data().exchange())? }
        }
        Rtype::SOA => {
            let soa = record.to_record::<SoaData<_>>().ok()??;
            Data::Soa {
                origin: name(soa.data().mname())?,
                serial: soa.data().serial().into_int(),
                expire: soa.data().expire().as_secs(),
                minimum: soa.data().minimum().as_secs(),
            }
        }
        _ => return None,
    })
}

/// A name of a message as one of ours.
fn name(parsed: impl ToName) -> Option<Name> {
    // No name is longer (RFC 1035 section 2.3.4).
    let mut wire: ArrayVec<u8, 255> = ArrayVec::new();
    for label in parsed.iter_labels() {
        wire.try_push(label.len() as u8).ok()?;
        wire.try_extend_from_slice(label.as_slice()).ok()?;
    }
    Name::from_wire(&wire).ok()
}

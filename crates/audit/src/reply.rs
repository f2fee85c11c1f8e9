//! What a server said, with all the details that ordinary look-ups have no use for.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};

use domain::base::iana::{Class, Rtype};
use domain::base::message::Message;
use domain::base::name::ToName;
use domain::base::opt::{Opt, UnknownOptData};
use domain::base::record::ParsedRecord;
use domain::rdata::{A, Aaaa, Ns, Soa as SoaData, Txt};
use repute_dnsxl::Name;

/// What came of a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// This.
    Reply(Box<Reply>),
    /// What cannot be read, or answers another question.
    Malformed,
    /// Nothing in time.
    Silence,
    /// Nobody is there, or nobody who takes connections: the network says so.
    Unreachable,
    /// This machine has no way there.
    NoRoute,
}

/// A reply.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reply {
    /// The response code, with EDNS's upper bits.
    pub rcode: u16,
    /// AA.
    pub authoritative: bool,
    /// TC: it was cut, and did not come by TCP either.
    pub truncated: bool,
    /// RA.
    pub recursion: bool,
    /// AD.
    pub authentic: bool,
    /// The bit that is not used.
    pub reserved: bool,
    /// How it repeats the question.
    pub question: Repeated,
    /// Its answer.
    pub answers: Vec<Record>,
    /// Who says so.
    pub authority: Vec<Record>,
    /// What it says of EDNS.
    pub edns: Option<Edns>,
}

/// How a reply repeats its question.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Repeated {
    /// Byte by byte.
    #[default]
    Exactly,
    /// With letters of another case.
    OtherCase,
    /// Not at all.
    Missing,
}

/// EDNS of a reply.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Edns {
    /// Its version.
    pub version: u8,
    /// Its flags, with DO.
    pub flags: u16,
    /// The codes of its options.
    pub options: Vec<u16>,
}

/// A record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Where it stands.
    pub owner: Name,
    /// How long it may be kept, in seconds.
    pub ttl: u32,
    /// What it says.
    pub data: Data,
}

/// The data of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Data {
    /// A or AAAA.
    Address(IpAddr),
    /// TXT, its strings joined, what is not UTF-8 replaced.
    Text(String),
    /// NS.
    Server(Name),
    /// SOA.
    Soa(Box<Soa>),
    /// Something else, of this type.
    Other(u16),
}

/// The data of an SOA record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Soa {
    /// The primary server.
    pub mname: Name,
    /// The mailbox.
    pub rname: Name,
    /// The version.
    pub serial: u32,
    /// How often secondaries look, in seconds.
    pub refresh: u32,
    /// How soon again after a failure.
    pub retry: u32,
    /// How long they go on without.
    pub expire: u32,
    /// How long denials may be kept.
    pub minimum: u32,
}

impl Heard {
    /// The reply, if there is one.
    pub fn reply(&self) -> Option<&Reply> {
        match self {
            Heard::Reply(reply) => Some(reply),
            Heard::Malformed | Heard::Silence | Heard::Unreachable | Heard::NoRoute => None,
        }
    }
}

impl Reply {
    /// The codes in its answer.
    pub fn codes(&self) -> BTreeSet<Ipv4Addr> {
        let code = |record: &Record| match &record.data {
            Data::Address(IpAddr::V4(address)) => Some(*address),
            Data::Address(_) | Data::Text(_) | Data::Server(_) | Data::Soa(_) | Data::Other(_) => {
                None
            }
        };
        self.answers.iter().filter_map(code).collect()
    }

    /// The texts in its answer.
    pub fn texts(&self) -> BTreeSet<&str> {
        self.answers
            .iter()
            .filter_map(|record| match &record.data {
                Data::Text(text) => Some(&**text),
                Data::Address(_) | Data::Server(_) | Data::Soa(_) | Data::Other(_) => None,
            })
            .collect()
    }

    /// The servers named in a section.
    pub fn servers(section: &[Record]) -> BTreeSet<Name> {
        let server = |record: &Record| match &record.data {
            Data::Server(name) => Some(name.clone()),
            Data::Address(_) | Data::Text(_) | Data::Soa(_) | Data::Other(_) => None,
        };
        section.iter().filter_map(server).collect()
    }

    /// The first SOA record of a section.
    pub fn soa(section: &[Record]) -> Option<(&Record, &Soa)> {
        section.iter().find_map(|record| match &record.data {
            Data::Soa(soa) => Some((record, &**soa)),
            Data::Address(_) | Data::Text(_) | Data::Server(_) | Data::Other(_) => None,
        })
    }
}

/// Whether a packet claims to be the reply to a query: its id, and a reply.
pub fn is_reply_to(packet: &[u8], query: &[u8]) -> bool {
    packet.get(..2) == query.get(..2) && packet.get(2).is_some_and(|byte| byte & 0x80 != 0)
}

/// Reads the reply to a query. Nothing if it is malformed, or answers another question.
pub fn read(packet: &[u8], query: &[u8]) -> Option<Reply> {
    let message = Message::from_slice(packet).ok()?;
    let header = message.header();
    let mut reply = Reply {
        rcode: u16::from(header.rcode().to_int()),
        authoritative: header.aa(),
        truncated: header.tc(),
        recursion: header.ra(),
        authentic: header.ad(),
        reserved: header.z(),
        question: repeated(packet, query)?,
        ..Reply::default()
    };
    if packet.get(2).map(|byte| byte & OPCODE) != query.get(2).map(|byte| byte & OPCODE) {
        return None;
    }
    let mut section = message.answer().ok()?;
    // What was cut ends in the middle, and that is no fault.
    let mut whole = true;
    for record in section.by_ref() {
        let Ok(record) = record else {
            whole = false;
            break;
        };
        reply.answers.extend(read_record(&record));
    }
    let authority = if whole { section.next_section().ok()? } else { None };
    let Some(mut section) = authority else { return reply.truncated.then_some(reply) };
    for record in section.by_ref() {
        let Ok(record) = record else {
            whole = false;
            break;
        };
        reply.authority.extend(read_record(&record));
    }
    let additional = if whole { section.next_section().ok()? } else { None };
    let Some(section) = additional else { return reply.truncated.then_some(reply) };
    for record in section {
        let Ok(record) = record else { return reply.truncated.then_some(reply) };
        if record.rtype() == Rtype::OPT {
            // RFC 6891 section 6.1.3: the upper bits of the code, the version, and flags.
            let bits = record.ttl().as_secs();
            reply.rcode |= ((bits >> 24) as u16) << 4;
            let opt = record.to_record::<Opt<_>>().ok()??;
            let options = opt.data().iter::<UnknownOptData<_>>().map_while(Result::ok);
            reply.edns = Some(Edns {
                version: (bits >> 16) as u8,
                flags: bits as u16,
                options: options.map(|option| option.code().to_int()).collect(),
            });
        }
    }
    Some(reply)
}

/// How a reply repeats the question of its query. Nothing if it is another one.
fn repeated(packet: &[u8], query: &[u8]) -> Option<Repeated> {
    let asked = query.get(12..question_end(query)?)?;
    if packet.get(4..6)? == [0, 0] || asked.is_empty() {
        return Some(Repeated::Missing);
    }
    let said = packet.get(12..12 + asked.len())?;
    match () {
        () if said == asked => Some(Repeated::Exactly),
        () if said.eq_ignore_ascii_case(asked) => Some(Repeated::OtherCase),
        () => None,
    }
}

/// Where the question of a query we wrote ends.
fn question_end(query: &[u8]) -> Option<usize> {
    let mut at = 12;
    if query.get(4..6)? == [0, 0] {
        return Some(at);
    }
    loop {
        let len = usize::from(*query.get(at)?);
        at += 1 + len;
        if len == 0 {
            return Some(at + 4).filter(|end| *end <= query.len());
        }
    }
}

/// A record, if it is of class IN and well-formed.
fn read_record(record: &ParsedRecord<'_, [u8]>) -> Option<Record> {
    if record.class() != Class::IN {
        return None;
    }
    let (owner, ttl) = (name(record.owner())?, record.ttl().as_secs());
    Some(Record { owner, ttl, data: read_data(record)? })
}

/// The data of a record.
fn read_data(record: &ParsedRecord<'_, [u8]>) -> Option<Data> {
    Some(match record.rtype() {
        Rtype::A => Data::Address(IpAddr::V4(record.to_record::<A>().ok()??.data().addr())),
        Rtype::AAAA => Data::Address(IpAddr::V6(record.to_record::<Aaaa>().ok()??.data().addr())),
        Rtype::TXT => {
            let text = record.to_record::<Txt<_>>().ok()??;
            let bytes: Vec<u8> = text.data().iter().flatten().copied().collect();
            Data::Text(String::from_utf8_lossy(&bytes).into_owned())
        }
        Rtype::NS => Data::Server(name(record.to_record::<Ns<_>>().ok()??.data().nsdname())?),
        Rtype::SOA => {
            let soa = record.to_record::<SoaData<_>>().ok()??;
            let soa = soa.data();
            Data::Soa(Box::new(Soa {
                mname: name(soa.mname())?,
                rname: name(soa.rname())?,
                serial: soa.serial().into_int(),
                refresh: soa.refresh().as_secs(),
                retry: soa.retry().as_secs(),
                expire: soa.expire().as_secs(),
                minimum: soa.minimum().as_secs(),
            }))
        }
        other => Data::Other(other.to_int()),
    })
}

/// A name of a message as one of ours.
fn name(parsed: impl ToName) -> Option<Name> {
    let wire: Vec<u8> = parsed
        .iter_labels()
        .flat_map(|label| std::iter::once(label.len() as u8).chain(label.as_slice().to_vec()))
        .collect();
    Name::from_wire(&wire).ok()
}

/// The bits of the operation in the third byte of the header.
const OPCODE: u8 = 0x78;

//! What a primary answers to a question for a transfer, message by message: all of a zone, what changed in it, or that
//! nothing is new.
//!
//! A primary decides itself in which form it answers: to a question for what changed (IXFR) it may send all there is.
//! Only the second record tells. Nothing of an answer counts before its end, and what is kept until then is bounded:
//! names that are short in a message may be long outside of it, so records are counted as they are kept.
//!
//! Deliberately no sockets and no signatures, which are checked before; and nothing of what a zone has already, but for
//! its serial.

use domain::base::iana::Class;
use domain::base::{Message, ParsedRecord};
use repute_dnsxl::Name;
use repute_records::{Difference, Record, Soa, Unfit, rtype};

use crate::message;
use crate::transfer::What;

/// Reads the messages of one answer.
#[derive(Debug)]
pub struct Sequence {
    apex: Name,
    what: What,
    id: [u8; 2],
    limits: Limits,
    state: State,
    /// Messages that came.
    messages: u64,
    /// Records that came.
    records: u64,
    /// Bytes of what came, and of what is kept of it.
    bytes: u64,
}

/// How much one answer may bring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Records. Default 2,000,000.
    pub records: u64,
    /// Bytes, of messages and of the records in memory. Default 1 GiB.
    pub bytes: u64,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { records: 2_000_000, bytes: 1 << 30 }
    }
}

/// What comes after a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Another one.
    More,
    /// Nothing: the answer is whole.
    Done(Received),
}

/// A whole answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Received {
    /// The primary has nothing newer than this serial.
    Current(u32),
    /// What changed, step by step; the first leads on from the serial that was asked for.
    Changes(Vec<Difference>),
    /// All records, the SOA first and once.
    Whole(Vec<Record>),
}

/// Why an answer is of no use.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The primary does not give the zone.
    #[error("the primary answers {}", rcode(*.0))]
    Refused(u8),
    /// A message cannot be read.
    #[error(
        "the primary sends what cannot be read ({0}): its software or something in between is faulty"
    )]
    Malformed(&'static str),
    /// A message belongs to another question.
    #[error("the primary answers another question than was asked: its software is faulty")]
    Foreign,
    /// A message is cut.
    #[error("the primary cuts a message of a transfer: its software is faulty")]
    Cut,
    /// It does not begin with the SOA of the zone.
    #[error("the answer does not begin with the zone's SOA: the primary's software is faulty")]
    NoSoa,
    /// It does not answer for the zone itself.
    #[error(
        "the primary answers from what it heard elsewhere, and does not serve the zone itself: give the address of \
             a server that does"
    )]
    NotAuthoritative,
    /// A record has no place in the zone.
    #[error("the primary sends a record that has no place in the zone: {0}; mend the zone there")]
    Unfit(#[from] Unfit),
    /// A record is of another class than IN.
    #[error(
        "{owner} has a record of class {class} and not of class IN: mend the zone at the primary"
    )]
    Class {
        /// The name.
        owner: Name,
        /// The class.
        class: u16,
    },
    /// What changed does not lead on from what is there.
    #[error(
        "what changed leads on from serial {found}, and {expected} is there: all of the zone is needed"
    )]
    OutOfStep {
        /// The serial before.
        expected: u32,
        /// The serial that came.
        found: u32,
    },
    /// The SOA at the end is not that at the beginning.
    #[error("the zone changed at the primary while it was sent: it is asked for again")]
    Moved,
    /// More records than may come.
    #[error("the zone has more than {0} records: raise the limit if that is meant")]
    TooManyRecords(u64),
    /// More bytes than may come.
    #[error("the zone takes more than {0} bytes: raise the limit if that is meant")]
    TooManyBytes(u64),
    /// Something comes behind the end.
    #[error("the primary sends more behind the end of the zone: its software is faulty")]
    BehindEnd,
}

impl Fault {
    /// Whether the same primary may have all of the zone for us, where it has not what changed.
    pub fn is_of_changes(&self) -> bool {
        match self {
            // RFC 1995 is not known to everybody.
            Fault::Refused(rcode) => matches!(*rcode, FORMERR | NOTIMP),
            Fault::OutOfStep { .. } => true,
            Fault::Malformed(_)
            | Fault::Foreign
            | Fault::Cut
            | Fault::NoSoa
            | Fault::NotAuthoritative
            | Fault::Unfit(_)
            | Fault::Class { .. }
            | Fault::Moved
            | Fault::TooManyRecords(_)
            | Fault::TooManyBytes(_)
            | Fault::BehindEnd => false,
        }
    }
}

/// How far an answer is.
#[derive(Debug)]
enum State {
    /// Nothing came.
    Start,
    /// The first SOA came, and its serial: the version that is reached.
    Reached(Record, u32),
    /// All records, so far.
    Whole { reached: Record, serial: u32, records: Vec<Record> },
    /// What goes in a step.
    Going {
        reached: Record,
        serial: u32,
        steps: Vec<Difference>,
        from: Record,
        removed: Vec<Record>,
    },
    /// What comes in a step.
    Coming { reached: Record, serial: u32, steps: Vec<Difference>, step: Difference },
    /// All came, or it failed.
    End,
}

impl Sequence {
    /// Begins: what was asked for, and by which id.
    pub fn new(apex: Name, what: What, id: [u8; 2], limits: Limits) -> Sequence {
        let state = State::Start;
        Sequence { apex, what, id, limits, state, messages: 0, records: 0, bytes: 0 }
    }

    /// Takes the next message, without its signature.
    ///
    /// # Errors
    /// If the answer is of no use; it is over then.
    pub fn take(&mut self, bytes: &[u8]) -> Result<Step, Fault> {
        let taken = self.try_take(bytes);
        if taken.is_err() {
            self.state = State::End;
        }
        taken
    }

    /// Messages and records that came.
    pub fn counts(&self) -> (u64, u64) {
        (self.messages, self.records)
    }

    fn try_take(&mut self, bytes: &[u8]) -> Result<Step, Fault> {
        if matches!(self.state, State::End) {
            return Err(Fault::BehindEnd);
        }
        self.messages += 1;
        self.count(bytes.len())?;
        let message = Message::from_octets(bytes).map_err(|_| Fault::Malformed("no header"))?;
        self.judge(&message)?;
        let cut = |_| Fault::Malformed("a record is cut");
        let mut received = None;
        for record in message.answer().map_err(cut)? {
            if received.is_some() {
                return Err(Fault::BehindEnd);
            }
            let record = self.record(&record.map_err(cut)?)?;
            received = self.next(record)?;
            // Who does not know IXFR sends all of it, which is not needed.
            if matches!(received, Some(Received::Current(_))) {
                break;
            }
        }
        Ok(received.map_or(Step::More, Step::Done))
    }

    /// Whether a message belongs to the answer (RFC 5936 section 2.2.1).
    fn judge(&self, message: &Message<&[u8]>) -> Result<(), Fault> {
        let header = message.header();
        if header.id().to_be_bytes() != self.id || !header.qr() || header.opcode().to_int() != 0 {
            return Err(Fault::Foreign);
        }
        // Who refuses may leave out the question.
        if header.rcode().to_int() != 0 {
            return Err(Fault::Refused(header.rcode().to_int()));
        }
        if header.tc() {
            return Err(Fault::Cut);
        }
        match message.header_counts().qdcount() {
            // "QDCOUNT: MUST be 1 in the first message; MUST be 0 or 1 in all following messages".
            0 if self.messages > 1 => return Ok(()),
            1 => {}
            _ => return Err(Fault::Foreign),
        }
        let question =
            message.sole_question().map_err(|_| Fault::Malformed("the question is cut"))?;
        let name = message::owner(question.qname()).map_err(|_| Fault::Foreign)?;
        let is_ours = name == self.apex
            && question.qtype().to_int() == self.what.qtype()
            && question.qclass() == Class::IN;
        if is_ours { Ok(()) } else { Err(Fault::Foreign) }
    }

    /// Reads a record, and counts it.
    fn record(&mut self, record: &ParsedRecord<'_, &[u8]>) -> Result<Record, Fault> {
        self.records += 1;
        // The SOA records around and between all others are no part of the zone's size.
        if self.records > self.limits.records.saturating_add(2) {
            return Err(Fault::TooManyRecords(self.limits.records));
        }
        let unnamed = |_| Fault::Malformed("a name that is none");
        let owner = message::owner(&record.owner()).map_err(unnamed)?;
        let rtype = record.rtype().to_int();
        if record.class() != Class::IN {
            return Err(Fault::Class { owner, class: record.class().to_int() });
        }
        if !owner.is_within(&self.apex) {
            return Err(Unfit::Outside { owner, apex: self.apex.clone() }.into());
        }
        if !rtype::is_data(rtype) {
            return Err(Unfit::NoData { owner, rtype }.into());
        }
        if rtype == rtype::SOA && owner != self.apex {
            return Err(Unfit::SoaBelow(owner).into());
        }
        let unsound = |_| Fault::Malformed("data that its type cannot have");
        let data = message::data(record).map_err(unsound)?.into_boxed_slice();
        self.count(owner.as_wire().len() + data.len() + RECORD)?;
        // RFC 2181 section 8: a time to live with its highest bit set is none.
        let ttl = record.ttl().as_secs();
        let ttl = if ttl > i32::MAX.unsigned_abs() { 0 } else { ttl };
        Ok(Record { owner, rtype, ttl, data })
    }

    /// Counts bytes.
    fn count(&mut self, bytes: usize) -> Result<(), Fault> {
        self.bytes = self.bytes.saturating_add(bytes as u64);
        if self.bytes > self.limits.bytes {
            return Err(Fault::TooManyBytes(self.limits.bytes));
        }
        Ok(())
    }

    /// Takes the next record; what there is at the end.
    fn next(&mut self, record: Record) -> Result<Option<Received>, Fault> {
        let soa = match record.rtype {
            rtype::SOA => {
                let unreadable = || Unfit::BadSoa(self.apex.clone());
                Some(Soa::read(&record.data).ok_or_else(unreadable)?.serial)
            }
            _ => None,
        };
        let (state, received) =
            match (std::mem::replace(&mut self.state, State::End), soa, self.what) {
                (State::Start, None, _) => return Err(Fault::NoSoa),
                // Who has the same, or a later one, is told no more (RFC 1995 section 2).
                (State::Start, Some(serial), What::Since(from)) if !is_later(serial, from) => {
                    (State::End, Some(Received::Current(serial)))
                }
                (State::Start, Some(serial), _) => (State::Reached(record, serial), None),
                (State::Reached(reached, serial), Some(found), What::Since(from))
                    if found != serial =>
                {
                    if found != from {
                        return Err(Fault::OutOfStep { expected: from, found });
                    }
                    let (steps, removed) = (Vec::new(), Vec::new());
                    (State::Going { reached, serial, steps, from: record, removed }, None)
                }
                (State::Reached(reached, serial), soa, _) => {
                    let records = vec![reached.clone()];
                    whole(reached, serial, records, record, soa)?
                }
                (State::Whole { reached, serial, records }, soa, _) => {
                    whole(reached, serial, records, record, soa)?
                }
                (State::Going { reached, serial, steps, from, mut removed }, None, _) => {
                    removed.push(record);
                    (State::Going { reached, serial, steps, from, removed }, None)
                }
                (State::Going { reached, serial, steps, from, removed }, Some(_), _) => {
                    let step = Difference { from, to: record, removed, added: Vec::new() };
                    (State::Coming { reached, serial, steps, step }, None)
                }
                (State::Coming { reached, serial, steps, mut step }, None, _) => {
                    step.added.push(record);
                    (State::Coming { reached, serial, steps, step }, None)
                }
                (State::Coming { reached, serial, mut steps, step }, Some(found), _) => {
                    let unreadable = || Unfit::BadSoa(self.apex.clone());
                    let to = Soa::read(&step.to.data).ok_or_else(unreadable)?.serial;
                    if found != to {
                        return Err(Fault::OutOfStep { expected: to, found });
                    }
                    let is_end = to == serial;
                    if is_end && (reached.data != record.data || reached.data != step.to.data) {
                        return Err(Fault::Moved);
                    }
                    steps.push(step);
                    match is_end {
                        true => (State::End, Some(Received::Changes(steps))),
                        false => {
                            let removed = Vec::new();
                            (State::Going { reached, serial, steps, from: record, removed }, None)
                        }
                    }
                }
                (State::End, _, _) => return Err(Fault::BehindEnd),
            };
        self.state = state;
        Ok(received)
    }
}

/// Takes a record of a whole zone, and its serial if it is a SOA.
fn whole(
    reached: Record,
    serial: u32,
    mut records: Vec<Record>,
    record: Record,
    soa: Option<u32>,
) -> Result<(State, Option<Received>), Fault> {
    match soa {
        None => {
            records.push(record);
            Ok((State::Whole { reached, serial, records }, None))
        }
        Some(found) if found == serial && record.data == reached.data => {
            Ok((State::End, Some(Received::Whole(records))))
        }
        Some(_) => Err(Fault::Moved),
    }
}

/// Whether a serial is later than another (RFC 1982 section 3.2).
pub(super) fn is_later(one: u32, other: u32) -> bool {
    one.wrapping_sub(other).cast_signed() > 0
}

/// A response code, and what helps.
fn rcode(rcode: u8) -> String {
    match rcode {
        FORMERR => "FORMERR: it does not understand the question".to_owned(),
        2 => "SERVFAIL: it has the zone and cannot serve it; look at its log".to_owned(),
        3 => "NXDOMAIN: it does not have the zone; compare the zone's name on both sides".to_owned(),
        NOTIMP => "NOTIMP: it does not know this kind of transfer".to_owned(),
        5 => "REFUSED: let it give the zone to this server's address or key (BIND `allow-transfer`, NSD \
              `provide-xfr`, Knot `acl`)"
            .to_owned(),
        9 => "NOTAUTH: it is not responsible for the zone, or does not know the key; compare the zone's name, and the \
              key's name, algorithm and secret, on both sides"
            .to_owned(),
        other => format!("response code {other}; look at its log"),
    }
}

const FORMERR: u8 = 1;
const NOTIMP: u8 = 4;
/// Bytes that a record takes besides its name and its data.
const RECORD: usize = size_of::<Record>();

#[cfg(test)]
mod tests;

//! What travels from a worker to the log thread: a query and its outcome, in few bytes.

use std::net::IpAddr;

use crate::respond::{Client, Outcome, Reply, Transport};

/// When a batch of queries came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Moment {
    /// Unix seconds.
    pub(crate) seconds: u32,
    /// Milliseconds into that second.
    pub(crate) milliseconds: u16,
}

/// One query and its outcome, as it travels to the log thread.
#[derive(Clone, Debug)]
pub(super) struct Record {
    /// When it came.
    pub(super) moment: Moment,
    /// Who asked.
    pub(super) client: IpAddr,
    /// How.
    pub(super) transport: Transport,
    /// The name asked for, in wire form without the root label, in the case of the query.
    pub(super) name: [u8; NAME_BYTES],
    /// How much of `name` is used.
    pub(super) name_len: u8,
    /// The class asked for.
    pub(super) class: u16,
    /// The type asked for.
    pub(super) qtype: u16,
    /// What became of it.
    pub(super) outcome: Outcome,
}

impl Record {
    /// Copies what is logged of a query. Its bytes may be anything.
    pub(super) fn new(
        moment: Moment,
        request: &[u8],
        client: &Client,
        outcome: &Outcome,
    ) -> Record {
        let mut name = [0; NAME_BYTES];
        let question = request.get(HEADER_BYTES..).unwrap_or_default();
        let length = name_length(question).unwrap_or(0);
        name[..length].copy_from_slice(&question[..length]);
        let number = |at: usize| {
            let bytes = question.get(at..at + 2).and_then(|b| b.try_into().ok());
            bytes.map_or(0, u16::from_be_bytes)
        };
        Record {
            moment,
            client: client.address,
            transport: client.transport,
            name,
            name_len: length as u8,
            qtype: number(length + 1),
            class: number(length + 3),
            outcome: *outcome,
        }
    }

    /// The answer, if there was one at once.
    pub(super) fn reply(&self) -> Option<&Reply> {
        match &self.outcome {
            Outcome::Reply(reply) => Some(reply),
            Outcome::Drop | Outcome::Limited | Outcome::Beyond => None,
        }
    }
}

/// The length of the uncompressed name that `question` begins with, without the root label.
fn name_length(question: &[u8]) -> Option<usize> {
    let mut length = 0;
    loop {
        match usize::from(*question.get(length)?) {
            0 => return Some(length),
            label @ 1..=63 if length + 1 + label < NAME_BYTES => length += 1 + label,
            _ => return None,
        }
    }
}

/// Bytes of a DNS header (RFC 1035 section 4.1.1).
const HEADER_BYTES: usize = 12;
/// Room for a name without its root label (RFC 1035 section 2.3.4).
const NAME_BYTES: usize = 255;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query_log::tests::{answer, client, query};

    #[test]
    fn the_question_is_taken_from_the_query() {
        let record = Record::new(Moment::default(), &query(), &client(), &answer(0, true));
        let name = &record.name[..usize::from(record.name_len)];
        assert_eq!((name, record.qtype, record.class), (&b"\x01a\x02Bl\x07example"[..], 16, 1));
    }
}

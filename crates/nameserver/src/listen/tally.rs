//! Counts answers that are given by others: by their bytes, as nothing else is known of them.

use std::fmt::{self, Debug, Formatter};
use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::counters::SharedBlock;
use crate::message::{HEADER, Query, TC};
use crate::respond::Reply;
use crate::zones::Zones;

/// Where answers of others are counted.
#[derive(Clone)]
pub(crate) struct Tally {
    /// The zones, by which answers are counted.
    zones: Arc<ArcSwap<Zones>>,
    /// The counters of one transport.
    counters: SharedBlock,
}

impl Tally {
    /// A tally of one transport.
    pub(crate) fn new(zones: Arc<ArcSwap<Zones>>, counters: SharedBlock) -> Tally {
        Tally { zones, counters }
    }

    /// Counts an answer, or the first message of a long one.
    pub(super) fn answer(&self, message: &[u8]) {
        let Some(reply) = describe(message, &self.zones.load()) else { return };
        self.counters.lock(|block| block.answered(&reply));
    }

    /// Counts the bytes of a further message of the same answer.
    pub(super) fn more(&self, message: &[u8]) {
        self.counters.lock(|block| block.sent_more(message.len()));
    }

    /// Counts an answer that could not be sent.
    pub(super) fn send_failed(&self) {
        self.counters.lock(|block| block.send_failed(1));
    }
}

impl Debug for Tally {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tally").finish_non_exhaustive()
    }
}

/// What an answer is, as far as its header and its question say.
fn describe(message: &[u8], zones: &Zones) -> Option<Reply> {
    let header = message.first_chunk::<HEADER>()?;
    let mut query = Query::default();
    let question = query.read_first_question(message);
    Some(Reply {
        len: u16::try_from(message.len()).unwrap_or(u16::MAX),
        zone: question.and_then(|()| zones.find(&query)).map(|served| served.index),
        rcode: header[3] & 15,
        qtype: question.map_or(0, |()| query.qtype),
        answers: u8::try_from(u16::from_be_bytes([header[6], header[7]])).unwrap_or(u8::MAX),
        listed: false,
        truncated: header[2] & TC != 0,
        keyed: false,
        proven: false,
        limited: false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Identity;
    use crate::zones::{Serving, ZoneIndex, ZoneState};

    #[test]
    fn an_answer_is_known_by_its_bytes() {
        let apex = "dyn.example".parse().unwrap();
        let zones = Zones::new(Identity::default());
        let zones = zones.with(&apex, ZoneIndex(4), ZoneState::Failed, Serving::default());
        let check = |message: &[u8], expect: Option<(Option<u16>, u8, u16, bool)>| {
            let reply = describe(message, &zones);
            let gist = reply.map(|r| (r.zone.map(|z| z.0), r.rcode, r.qtype, r.truncated));
            assert_eq!(gist, expect, "{message:02x?}");
        };
        let update = b"\0\x01\xa8\x05\0\x01\0\0\0\0\0\0\x03DYN\x07example\0\0\x06\0\x01";
        check(update, Some((Some(4), 5, 6, false)));
        check(b"\0\x01\x82\0\0\x01\0\0\0\0\0\0\x01x\0\0\x01\0\x01", Some((None, 0, 1, true)));
        check(b"\0\x01\x80\x01\0\0\0\0\0\0\0\0", Some((None, 1, 0, false)));
        check(&update[..20], Some((None, 5, 0, false)));
        check(&update[..11], None);
    }
}

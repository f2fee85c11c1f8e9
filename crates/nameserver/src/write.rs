//! Writes an answer behind a copy of its question.
//!
//! What does not fit sets TC and is left out with everything that was there, so that a client comes
//! back by TCP instead of taking a part for the whole (RFC 2181 section 9). Owners are pointers into
//! the question. Equal records are written once, and all of a type get the lowest time to live
//! (RFC 2181 section 5).

use std::collections::HashSet;

use repute_zone::{Listing, Pair, Zone, copy_short};

use crate::cookie::{ANSWER, Answer};
use crate::message::{AA, COOKIE, Edns, HEADER, OPCODE, OPT, QR, RD, TC, skip_name};
use crate::name_servers::Block;
use crate::respond::{PLAIN_UDP, TXT};
use crate::zones::A;

pub(crate) mod record_sets;

/// A message being written.
pub(crate) struct Writer<'r> {
    out: &'r mut [u8],
    at: usize,
    /// Where the question ends.
    question: usize,
    /// Where records must end: the size limit, less the OPT record to come.
    end: usize,
    /// Where the message must end.
    limit: usize,
    /// The cookie that goes into it.
    cookie: Option<Answer>,
    answers: u16,
    authority: u16,
    additional: u16,
    truncated: bool,
    /// The answers, once there are [`MANY`].
    seen: Option<HashSet<Box<[u8]>>>,
}

impl<'r> Writer<'r> {
    /// Begins an answer to `packet`, whose question ends at `question` (or at the header, without
    /// one). Nothing if `out` cannot even hold that.
    #[inline]
    pub(crate) fn new(
        packet: &[u8],
        question: usize,
        limit: usize,
        edns: bool,
        cookie: Option<Answer>,
        out: &'r mut [u8],
    ) -> Option<Writer<'r>> {
        let room = out.len().min(limit);
        let opt_room = match (edns, &cookie) {
            (false, _) => 0,
            (true, None) => OPT_LEN,
            (true, Some(_)) => OPT_LEN + COOKIE_LEN,
        };
        let end = room.checked_sub(opt_room)?;
        if question > end {
            return None;
        }
        out[..question].copy_from_slice(packet.get(..question)?);
        out[2] = packet[2] & (OPCODE | RD) | QR;
        out[3] = 0;
        out[4] = 0;
        out[5] = u8::from(question > HEADER);
        out[6..HEADER].fill(0);
        let (answers, authority, additional) = (0, 0, 0);
        let (at, truncated, seen) = (question, false, None);
        Some(Writer {
            out,
            at,
            question,
            end,
            limit: room,
            cookie,
            answers,
            authority,
            additional,
            truncated,
            seen,
        })
    }

    /// The message's id.
    pub(crate) fn id(&self) -> u16 {
        u16::from_be_bytes([self.out[0], self.out[1]])
    }

    /// Sets or clears AA.
    #[inline]
    pub(crate) fn set_authoritative(&mut self, authoritative: bool) {
        self.out[2] = if authoritative { self.out[2] | AA } else { self.out[2] & !AA };
    }

    /// Sets the response code's lower four bits.
    #[inline]
    pub(crate) fn set_rcode(&mut self, rcode: u8) {
        self.out[3] = rcode;
    }

    /// How many answers there are, 255 at most.
    #[inline]
    pub(crate) fn answers(&self) -> u8 {
        self.answers.min(255) as u8
    }

    /// Whether something did not fit.
    pub(crate) fn is_truncated(&self) -> bool {
        self.truncated
    }

    /// Whether so many more bytes fit.
    pub(crate) fn has_room(&self, bytes: usize) -> bool {
        !self.truncated && self.at + bytes <= self.end
    }

    /// Whether the answers so far, if any, are of this type.
    pub(crate) fn fits_type(&self, rtype: u16) -> bool {
        self.answers == 0 || self.out[self.question + 2..self.question + 4] == rtype.to_be_bytes()
    }

    /// Adds an A record for the question's name.
    #[inline(always)]
    pub(crate) fn push_address(&mut self, ttl: u32, address: [u8; 4]) {
        let mut record = [0; 16];
        record[..8].copy_from_slice(&[0xc0, HEADER as u8, 0, A as u8, 0, 1, 0, 0]);
        record[6..10].copy_from_slice(&ttl.to_be_bytes());
        record[11] = 4;
        record[12..].copy_from_slice(&address);
        if self.answers == 0
            && let Some(room) = self.out[self.at..self.end].first_chunk_mut::<16>()
        {
            *room = record;
            self.at += record.len();
            self.answers = 1;
            return;
        }
        self.push_more(&record);
    }

    /// Adds a TXT record for the question's name; none if the pair has no text.
    #[inline]
    pub(crate) fn push_text(
        &mut self,
        zone: &Zone,
        listing: Listing<'_>,
        pair: Pair,
        subject: &[u8],
    ) {
        let mut record = [0; RECORD_HEAD + 1 + LONGEST_TEXT];
        let text = &mut record[RECORD_HEAD + 1..];
        let len = zone.write_text(listing, pair, subject, text);
        if len == 0 {
            return;
        }
        record[..6].copy_from_slice(&[0xc0, HEADER as u8, 0, TXT as u8, 0, 1]);
        record[6..10].copy_from_slice(&listing.ttl().to_be_bytes());
        record[10..12].copy_from_slice(&(len as u16 + 1).to_be_bytes());
        record[RECORD_HEAD] = len as u8;
        self.push_more(&record[..RECORD_HEAD + 1 + len]);
    }

    /// Adds a record, given without its owner, for the question's name.
    pub(crate) fn push_record(&mut self, record: &[u8]) {
        let mut whole = [0; 600];
        let Some(room) = whole.get_mut(..record.len() + 2) else {
            self.truncate();
            return;
        };
        room[..2].copy_from_slice(&[0xc0, HEADER as u8]);
        room[2..].copy_from_slice(record);
        self.push_more(room);
    }

    /// Adds the version or another answer about the server itself.
    pub(crate) fn push_chaos(&mut self, text: &[u8]) {
        let text = &text[..text.len().min(255)];
        let mut record = [0; RECORD_HEAD + 1 + 255];
        record[..6].copy_from_slice(&[0xc0, HEADER as u8, 0, TXT as u8, 0, 3]);
        record[10..12].copy_from_slice(&(text.len() as u16 + 1).to_be_bytes());
        record[RECORD_HEAD] = text.len() as u8;
        let end = RECORD_HEAD + 1 + text.len();
        record[RECORD_HEAD + 1..end].copy_from_slice(text);
        self.push_more(&record[..end]);
    }

    /// Adds a record to the authority section; its owner begins at a place in the question.
    #[inline]
    pub(crate) fn push_authority(&mut self, owner: u16, record: &[u8]) {
        let len = record.len() + 2;
        if !self.has_room(len) {
            self.truncate();
            return;
        }
        self.out[self.at..self.at + 2].copy_from_slice(&(0xc000 | owner).to_be_bytes());
        self.out[self.at + 2..self.at + len].copy_from_slice(record);
        self.at += len;
        self.authority += 1;
    }

    /// Adds name servers to the authority section and their addresses to the additional one: both,
    /// or the servers alone, or nothing, as there is room. `apex` is where that begins.
    #[inline]
    pub(crate) fn push_block(&mut self, block: &Block, apex: u16) {
        let (len, glue) = match () {
            () if self.has_room(block.len()) => (block.len(), block.glue),
            () if self.has_room(block.servers_len()) => (block.servers_len(), 0),
            () => return,
        };
        block.write(&mut self.out[self.at..self.at + len], self.at, apex);
        self.at += len;
        self.authority += block.servers;
        self.additional += glue;
    }

    /// Adds the OPT record, which always fits, with its cookie; other options only if they do.
    #[inline]
    pub(crate) fn push_opt(
        &mut self,
        size: u16,
        extended_rcode: u8,
        dnssec_ok: bool,
        error: Option<(u16, [u8; 2])>,
        id: Option<(u16, &[u8])>,
    ) {
        let opt = self.at;
        let [high, low] = size.to_be_bytes();
        let dnssec_ok = u8::from(dnssec_ok) << 7;
        let fixed = [0, 0, OPT as u8, high, low, extended_rcode, 0, dnssec_ok, 0, 0, 0];
        self.out[opt..opt + OPT_LEN].copy_from_slice(&fixed);
        self.at += OPT_LEN;
        self.additional += 1;
        let cookie = self.cookie;
        if error.is_none() && id.is_none() && cookie.is_none() {
            return;
        }
        let cookie = cookie.as_ref().map(|data| (COOKIE, &data[..]));
        let error = error.as_ref().map(|(code, data)| (*code, &data[..]));
        for (code, data) in [cookie, error, id].into_iter().flatten() {
            // The limit left room for the fixed part and the cookie only.
            if self.at + 4 + data.len() > self.limit {
                break;
            }
            self.out[self.at..self.at + 2].copy_from_slice(&code.to_be_bytes());
            let len = data.len() as u16;
            self.out[self.at + 2..self.at + 4].copy_from_slice(&len.to_be_bytes());
            self.out[self.at + 4..self.at + 4 + data.len()].copy_from_slice(data);
            self.at += 4 + data.len();
        }
        let len = (self.at - opt - OPT_LEN) as u16;
        self.out[opt + 9..opt + 11].copy_from_slice(&len.to_be_bytes());
    }

    /// Adds a record behind all others, OPT too, unless there was no room for something. Whether there is
    /// room for this one was asked before OPT was added.
    pub(crate) fn push_last(&mut self, record: &[u8]) {
        if self.truncated || record.is_empty() {
            return;
        }
        if let Some(room) = self.out.get_mut(self.at..self.at + record.len()) {
            room.copy_from_slice(record);
            self.at += record.len();
            self.additional += 1;
        }
    }

    /// Writes the counts and returns the message's length.
    #[inline]
    pub(crate) fn len(&mut self) -> u16 {
        let [answers, authority, additional] =
            [self.answers, self.authority, self.additional].map(u16::to_be_bytes);
        self.out[6..8].copy_from_slice(&answers);
        self.out[8..10].copy_from_slice(&authority);
        self.out[10..12].copy_from_slice(&additional);
        self.at as u16
    }

    /// Adds an answer: not twice, and with the lowest time to live of its type.
    fn push_more(&mut self, record: &[u8]) {
        if self.truncated {
            return;
        }
        let ttl = self.lowest_ttl(record);
        if self.is_repeated(record) {
            return;
        }
        if self.at + record.len() > self.end {
            self.truncate();
            return;
        }
        self.out[self.at..self.at + record.len()].copy_from_slice(record);
        self.out[self.at + 6..self.at + 10].copy_from_slice(&ttl);
        self.at += record.len();
        self.answers += 1;
    }

    /// Gives all answers of a record's type the lowest time to live of them and it, and returns that.
    fn lowest_ttl(&mut self, record: &[u8]) -> [u8; 4] {
        let mut ttl = [record[6], record[7], record[8], record[9]];
        if self.answers == 0 {
            return ttl;
        }
        let first = self.question;
        let known = &self.out[first..first + RECORD_HEAD];
        // Those of one type agree already, so the first answer speaks for all of its type.
        if known[2..4] == record[2..4] && known[6..10] <= ttl[..] {
            ttl.copy_from_slice(&known[6..10]);
            return ttl;
        }
        let mut at = self.question;
        for _ in 0..self.answers {
            let old = &mut self.out[at..at + RECORD_HEAD];
            at += RECORD_HEAD + usize::from(u16::from_be_bytes([old[10], old[11]]));
            if old[2..4] == record[2..4] {
                ttl = ttl.min([old[6], old[7], old[8], old[9]]);
                old[6..10].copy_from_slice(&ttl);
            }
        }
        ttl
    }

    /// Whether a record of this type and data is there.
    fn is_repeated(&mut self, record: &[u8]) -> bool {
        if self.answers < MANY {
            return self
                .each_answer()
                .any(|old| old[2..4] == record[2..4] && old[10..] == record[10..]);
        }
        // Only lists with very many answers at one name come here; each further one is looked up.
        let known = self.seen.take();
        let mut seen = known.unwrap_or_else(|| self.each_answer().map(identity).collect());
        let is_new = seen.insert(identity(record));
        self.seen = Some(seen);
        !is_new
    }

    /// The answers so far, as they stand in the message.
    fn each_answer(&self) -> impl Iterator<Item = &[u8]> {
        let mut rest = &self.out[self.question..self.at];
        (0..self.answers).map(move |_| {
            let len = usize::from(u16::from_be_bytes([rest[10], rest[11]]));
            let (record, tail) = rest.split_at(RECORD_HEAD + len);
            rest = tail;
            record
        })
    }

    /// Leaves only the question, with TC.
    #[cold]
    pub(crate) fn truncate(&mut self) {
        self.truncated = true;
        self.at = self.question;
        self.end = self.question;
        (self.answers, self.authority, self.additional) = (0, 0, 0);
        self.out[2] |= TC;
    }
}

/// Leaves of an answer its question and OPT record, with TC; returns its length. Nothing if it is none.
pub(crate) fn shorten(reply: &mut [u8]) -> Option<u16> {
    let header = reply.first_chunk::<HEADER>()?;
    let count = |at: usize| usize::from(u16::from_be_bytes([header[at], header[at + 1]]));
    let (questions, records) = (count(4), count(6) + count(8) + count(10));
    let mut at = HEADER;
    for _ in 0..questions {
        at = skip_name(reply, at)? + 4;
    }
    let question = at;
    let mut opt = None;
    for _ in 0..records {
        let start = at;
        at = skip_name(reply, at)?;
        let fixed = reply.get(at..at + 10)?;
        at += 10 + usize::from(u16::from_be_bytes([fixed[8], fixed[9]]));
        if fixed[..2] == OPT.to_be_bytes() {
            opt = Some(start..at);
        }
    }
    let kept = opt.as_ref().map_or(0, ExactSizeIterator::len);
    if at > reply.len() {
        return None;
    }
    if let Some(opt) = opt {
        reply.copy_within(opt, question);
    }
    reply[2] |= TC;
    reply[6..HEADER].fill(0);
    reply[HEADER - 1] = u8::from(kept > 0);
    u16::try_from(question + kept).ok()
}

/// What a plain answer copies from its query, and what it says of EDNS.
pub(crate) struct Head<'p> {
    /// The query.
    pub(crate) packet: &'p [u8],
    /// Where its question ends.
    pub(crate) end: usize,
    /// What its EDNS says.
    pub(crate) edns: Option<Edns>,
    /// The size we announce.
    pub(crate) size: u16,
    /// The cookie that the answer carries.
    pub(crate) cookie: Option<&'p Answer>,
}

impl Head<'_> {
    /// Writes an answer of one address; returns its length.
    #[inline(always)]
    pub(crate) fn with_address(&self, ttl: u32, address: [u8; 4], out: &mut [u8]) -> Option<u16> {
        let out = out.first_chunk_mut::<PLAIN_UDP>()?;
        let ttl = u64::from(ttl.swap_bytes());
        let first = RECORD_START | u64::from(A) << 24 | ttl << 48;
        let second = ttl >> 16 | 4 << 24 | u64::from(u32::from_le_bytes(address)) << 32;
        let record = u128::from(first) | u128::from(second) << 64;
        *out.get_mut(self.end..)?.first_chunk_mut()? = record.to_le_bytes();
        self.around([1, 0], 0, self.end + 16, out)
    }

    /// Writes an answer of one text; returns its length. Nothing if the pair has no text, or if the
    /// answer could be longer than every client takes.
    #[inline(always)]
    pub(crate) fn with_text(
        &self,
        zone: &Zone,
        listing: Listing<'_>,
        pair: Pair,
        subject: &[u8],
        out: &mut [u8],
    ) -> Option<u16> {
        let out = out.first_chunk_mut::<PLAIN_UDP>()?;
        let (head, text) = out.get_mut(self.end..)?.split_at_mut_checked(RECORD_HEAD + 1)?;
        let text = text.get_mut(..LONGEST_TEXT)?;
        let len = zone.write_text(listing, pair, subject, text);
        let at = self.end + RECORD_HEAD + 1 + len;
        if len == 0 || at + OPT_LEN + COOKIE_LEN > PLAIN_UDP {
            return None;
        }
        let ttl = u64::from(listing.ttl().swap_bytes());
        let first = RECORD_START | u64::from(TXT) << 24 | ttl << 48;
        *head.first_chunk_mut()? = first.to_le_bytes();
        head[8..10].copy_from_slice(&((ttl >> 16) as u16).to_le_bytes());
        head[10..12].copy_from_slice(&(len as u16 + 1).to_be_bytes());
        head[12] = len as u8;
        self.around([1, 0], 0, at, out)
    }

    /// Writes NXDOMAIN with the zone's SOA, whose owner begins at a place in the question.
    #[inline(always)]
    pub(crate) fn with_soa(&self, owner: u16, soa: &[u8], out: &mut [u8]) -> Option<u16> {
        let out = out.first_chunk_mut::<PLAIN_UDP>()?;
        let record = out.get_mut(self.end..self.end + 2 + soa.len())?;
        let (pointer, rest) = record.split_first_chunk_mut()?;
        *pointer = (0xc000 | owner).to_be_bytes();
        copy_short(soa, rest);
        self.around([0, 1], NXDOMAIN, self.end + 2 + soa.len(), out)
    }

    /// Writes header, question and EDNS around the records; `at` is where those end.
    #[inline(always)]
    fn around(
        &self,
        counts: [u8; 2],
        rcode: u8,
        at: usize,
        out: &mut [u8; PLAIN_UDP],
    ) -> Option<u16> {
        let question = self.packet.get(..self.end)?;
        copy_short(question, out.get_mut(..self.end)?);
        let [answers, authority] = counts;
        // All but the id: flags, response code, one question, and what else there is.
        let flags = question.get(2)? & (OPCODE | RD) | QR | AA;
        let additional = u8::from(self.edns.is_some());
        let head = [flags, rcode, 0, 1, 0, answers, 0, authority, 0, additional];
        *out[2..].first_chunk_mut()? = head;
        let Some(edns) = self.edns else { return Some(at as u16) };
        // As a number: the root, the type in bytes 1 and 2, our size behind it, DO on top of byte 7.
        let size = u64::from(self.size.swap_bytes());
        let opt = u64::from(OPT) << 16 | size << 24 | u64::from(edns.dnssec_ok) << 63;
        let (start, rest) = out.get_mut(at..at + OPT_LEN)?.split_first_chunk_mut()?;
        *start = opt.to_le_bytes();
        *rest.first_chunk_mut()? = [0; OPT_LEN - 8];
        let Some(cookie) = self.cookie else { return Some((at + OPT_LEN) as u16) };
        out[at + OPT_LEN - 1] = COOKIE_LEN as u8;
        let option = out.get_mut(at + OPT_LEN..at + OPT_LEN + COOKIE_LEN)?;
        let (head, data) = option.split_first_chunk_mut()?;
        *head = [0, COOKIE as u8, 0, ANSWER as u8];
        *data.first_chunk_mut()? = *cookie;
        Some((at + OPT_LEN + COOKIE_LEN) as u16)
    }
}

/// How a record for the question's name begins, as a little-endian number: a pointer to the name, no type
/// yet, class IN.
const RECORD_START: u64 = 0xc0 | (HEADER as u64) << 8 | 1 << 40;
/// The response code for a name that is not there.
const NXDOMAIN: u8 = 3;
/// What makes a record another one: type and data.
fn identity(record: &[u8]) -> Box<[u8]> {
    [&record[2..4], &record[10..]].concat().into_boxed_slice()
}

/// From so many answers on a further one is not compared with each of them.
const MANY: u16 = 64;
/// Bytes of a record with a compressed owner, before its data.
const RECORD_HEAD: usize = 12;
/// Bytes of an OPT record without options.
const OPT_LEN: usize = 11;
/// Bytes of the COOKIE option.
const COOKIE_LEN: usize = 4 + ANSWER;
/// Longest text, as in rbldnsd: one string of a TXT record, less one.
const LONGEST_TEXT: usize = 254;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shortened_answer_keeps_question_and_opt() {
        let question = b"\x12\x34\x85\0\0\x01\0\0\0\0\0\0\x01a\0\0\x01\0\x01";
        let record = b"\xc0\x0c\0\x01\0\x01\0\0\0\x3c\0\x04\x7f\0\0\x02";
        let opt = b"\0\0\x29\x04\xd0\0\0\0\0\0\x04\0\x03\0\0";
        let check = |counts: [u8; 3], records: &[&[u8]], kept: &[u8]| {
            let mut reply = [&question[..], &records.concat()].concat();
            (reply[7], reply[9], reply[11]) = (counts[0], counts[1], counts[2]);
            let len = usize::from(shorten(&mut reply).unwrap());
            let mut expect = [&question[..], kept].concat();
            expect[2] |= TC;
            expect[11] = u8::from(!kept.is_empty());
            assert_eq!(reply[..len], expect);
        };
        check([2, 1, 1], &[record, record, record, opt], opt);
        check([0, 0, 2], &[opt, record], opt);
        check([1, 0, 0], &[record], b"");
        check([0, 0, 0], &[], b"");
        for len in 0..question.len() {
            assert_eq!(shorten(&mut question[..len].to_vec()), None, "{len}");
        }
    }

    #[test]
    fn of_thousands_of_answers_none_is_repeated_and_the_lowest_time_to_live_holds() {
        let mut question = [0; HEADER + 5];
        question[5] = 1;
        question[HEADER + 2] = A as u8;
        question[HEADER + 4] = 1;
        let mut reply = vec![0; usize::from(u16::MAX)];
        let mut out = Writer::new(&question, question.len(), reply.len(), false, None, &mut reply);
        let out = out.as_mut().expect("there is room");
        for ttl in [300, 60, 500] {
            for n in 0..3000_u16 {
                let [high, low] = n.to_be_bytes();
                out.push_address(ttl, [127, 0, high, low]);
            }
        }
        let len = usize::from(out.len());
        assert_eq!(reply[6..8], 3000_u16.to_be_bytes());
        let records = reply[question.len()..len].chunks(RECORD_HEAD + 4);
        assert!(records.clone().all(|record| record[6..10] == 60_u32.to_be_bytes()));
        let distinct: HashSet<_> = records.map(|record| &record[RECORD_HEAD..]).collect();
        assert_eq!(distinct.len(), 3000);
    }
}

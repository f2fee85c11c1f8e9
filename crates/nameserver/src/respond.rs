//! A query in, an answer out: all of DNS that the list server speaks, and nothing of the network.
//!
//! [`respond`] is a function of the packet, the client, the time and the zones; it allocates, locks
//! and logs nothing. [`respond_batch`] is the same for many packets at once: it names the memory of
//! all of them before it reads any, so that the waits overlap.
//!
//! Nearly all queries are answered by [`plain`], in few instructions; [`general`] knows all the rest.

use std::net::IpAddr;

use arrayvec::ArrayVec;
use repute_zone::{Dialect, Hashes, Probe, Relative};

use crate::cookie::Shown;
use crate::message::{HEADER, Query, Unreadable};
use crate::write::shorten;
use crate::zones::{Served, ZoneIndex, ZoneState, Zones};

mod general;
mod plain;
mod records;
mod signature;

/// Who asks, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Client {
    /// The address the query came from.
    pub address: IpAddr,
    /// The transport.
    pub transport: Transport,
}

/// How a query came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Transport {
    /// UDP: the answer's size is limited.
    Udp,
    /// TCP: up to 65,535 bytes.
    Tcp,
}

/// What to do with a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Send the reply.
    Reply(Reply),
    /// Send nothing: no query, or from a client that is ignored.
    Drop,
    /// Send nothing: the client's network has had its answers ([`rate_limit`](crate::rate_limit)). Whoever sends
    /// says so, never [`respond`].
    Limited,
    /// Hand it over to the server's [`Beyond`](crate::beyond::Beyond): an update, NOTIFY, a transfer, or
    /// whatever is signed. Only where the zones offer such messages ([`Handover`](crate::Handover)).
    Beyond,
}

/// A reply: how long it is, and what to count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reply {
    /// Bytes of the message.
    pub len: u16,
    /// The zone that answered.
    pub zone: Option<ZoneIndex>,
    /// The response code; extended ones (RFC 6891) included.
    pub rcode: u8,
    /// Type of the question; 0 if there was none.
    pub qtype: u16,
    /// Records in the answer section.
    pub answers: u8,
    /// Whether the name is listed.
    pub listed: bool,
    /// Whether the answer did not fit.
    pub truncated: bool,
    /// Whether the name held a key that an access list knows.
    pub keyed: bool,
    /// Whether the client is where it says: it came by TCP, or with a cookie of ours.
    pub proven: bool,
    /// Whether it was cut because the client's network has had its answers.
    pub limited: bool,
}

impl Reply {
    /// The same without its records, written to where it is; a client asks again by TCP then.
    #[cold]
    pub(crate) fn shortened(self, bytes: &mut [u8]) -> Outcome {
        let whole = bytes.get_mut(..usize::from(self.len));
        match whole.and_then(shorten) {
            Some(len) => {
                Outcome::Reply(Reply { len, answers: 0, truncated: true, limited: true, ..self })
            }
            None => Outcome::Limited,
        }
    }
}

/// A query of a batch.
#[derive(Clone, Copy, Debug)]
pub struct Request<'p> {
    /// The message.
    pub bytes: &'p [u8],
    /// Who sent it.
    pub client: Client,
}

/// Room for a UDP answer.
///
/// Its size is no multiple of a page: buffers a page apart would all fall into the same set of the
/// first-level cache.
#[derive(Clone, Debug)]
#[repr(align(64))]
pub struct ReplyBuffer([u8; UDP_REPLY]);

/// Bytes of a [`ReplyBuffer`]: the largest UDP answer we give, and a cache line.
pub const UDP_REPLY: usize = 4096 + 64;

impl ReplyBuffer {
    /// As many buffers as a batch has queries.
    pub fn many(count: usize) -> Vec<ReplyBuffer> {
        vec![ReplyBuffer([0; UDP_REPLY]); count]
    }

    /// The bytes; of a reply the first [`Reply::len`].
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl AsMut<[u8]> for ReplyBuffer {
    fn as_mut(&mut self) -> &mut [u8] {
        &mut self.0
    }
}

impl AsRef<[u8]> for ReplyBuffer {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

/// Room for the queries of a batch; kept by a worker, so that it is written and never cleared.
#[derive(Debug)]
pub struct Queries(Box<[(Query, Hashes)]>);

/// Most queries of a batch.
pub const BATCH: usize = 64;

impl Default for Queries {
    fn default() -> Self {
        Queries((0..BATCH).map(|_| Default::default()).collect())
    }
}

/// Answers a query. `now` is seconds since 1970; `reply` should have 65,535 bytes for TCP and at
/// least [`Identity::edns_size`](crate::Identity) bytes for UDP.
pub fn respond(
    packet: &[u8],
    client: &Client,
    now: u32,
    zones: &Zones,
    reply: &mut [u8],
) -> Outcome {
    let (mut query, mut hashes) = Default::default();
    let mut asked = Asked::read(packet, &mut query, zones);
    asked.begin(&mut hashes, zones);
    for step in 0..Probe::STEPS {
        asked.fetch(step);
    }
    let mut outcome = Outcome::Drop;
    asked.answer(client, now, zones, reply, &mut outcome);
    outcome
}

/// Answers up to [`BATCH`] queries; `replies` and `outcomes` belong to them in order.
pub fn respond_batch<B: AsMut<[u8]>>(
    batch: &mut Queries,
    requests: &[Request<'_>],
    now: u32,
    zones: &Zones,
    replies: &mut [B],
    outcomes: &mut [Outcome],
) {
    let mut asked = ArrayVec::<Asked<'_>, BATCH>::new();
    for (request, (query, hashes)) in requests.iter().zip(&mut batch.0) {
        asked.push(Asked::read(request.bytes, query, zones));
        if let Some(asked) = asked.last_mut() {
            asked.begin(hashes, zones);
        }
    }
    for step in 0..Probe::STEPS {
        for asked in &mut asked {
            asked.fetch(step);
        }
    }
    let places = requests.iter().zip(replies).zip(outcomes);
    for (asked, ((request, reply), outcome)) in asked.iter().zip(places) {
        asked.answer(&request.client, now, zones, reply.as_mut(), outcome);
    }
}

/// A packet as it was read, and where its question leads.
struct Asked<'a> {
    packet: &'a [u8],
    query: &'a Query,
    readable: Result<(), Unreadable>,
    /// The zone of the question.
    zone: Option<&'a Served>,
    /// The short way to its answer.
    probe: Option<Probe<'a, 'a>>,
}

impl<'a> Asked<'a> {
    /// Reads a packet and finds its zone.
    #[inline(always)]
    fn read(packet: &'a [u8], query: &'a mut Query, zones: &'a Zones) -> Asked<'a> {
        let mut readable = query.read(packet);
        let query: &'a Query = query;
        let zone = match readable {
            Ok(()) => zones.find(query),
            // rbldnsd looks at no record behind the question but OPT.
            Err(Unreadable::Signed(_)) if zones.identity().dialect == Dialect::Rbldnsd => {
                readable = Ok(());
                zones.find(query)
            }
            Err(_) => None,
        };
        Asked { packet, query, readable, zone, probe: None }
    }

    /// Begins the short way to its answer, if there is one.
    #[inline(always)]
    fn begin(&mut self, hashes: &'a mut Hashes, zones: &Zones) {
        if let Some(served) = self.zone
            && let ZoneState::Serving(zone) = &served.state
            && self.is_plain(served, zones)
        {
            zone.probe(self.query.relative(served.depth), hashes, &mut self.probe);
        }
    }

    /// Fetches memory that its answer needs: one step of the [`Probe`].
    #[inline(always)]
    fn fetch(&mut self, step: u8) {
        if let Some(probe) = &mut self.probe {
            probe.fetch(step);
        }
    }

    /// Writes the answer, and into `outcome` what it is.
    #[inline(always)]
    fn answer(
        &self,
        client: &Client,
        now: u32,
        zones: &Zones,
        reply: &mut [u8],
        outcome: &mut Outcome,
    ) {
        if self.plain_answer(client, now, zones, reply, outcome).is_none() {
            *outcome = self.general_answer(client, now, zones, reply);
        }
    }
}

impl Asked<'_> {
    /// What the query shows of a cookie.
    #[inline(always)]
    fn cookie(&self, client: &Client, now: u32, zones: &Zones) -> Shown {
        match self.query.edns.and_then(|edns| edns.cookie) {
            None => Shown::Nothing,
            Some(place) => {
                let shown = place.of(self.packet);
                zones.identity().cookies.judge(shown, client.address, now)
            }
        }
    }
}

impl Query {
    /// The name without its last labels.
    #[inline(always)]
    fn relative(&self, depth: usize) -> Relative<'_> {
        let keep = self.label_count - depth;
        let end = if depth == 0 { self.name_len - 1 } else { usize::from(self.labels[keep]) };
        Relative::in_buffer(&self.name, end, &self.labels[..keep])
    }

    /// Where in the message the apex of the question begins.
    #[inline(always)]
    fn apex_offset(&self, apex: &repute_dnsxl::Name) -> u16 {
        (HEADER + self.name_len - apex.as_wire().len()) as u16
    }
}

/// Largest UDP message without EDNS (RFC 1035 section 4.2.1).
pub(crate) const PLAIN_UDP: usize = 512;
/// TXT.
pub(crate) const TXT: u16 = 16;
/// Question types for transfers (RFC 1995, 5936).
const IXFR: u16 = 251;
const AXFR: u16 = 252;
/// The question type for anything.
const ANY: u16 = 255;
/// The Internet.
const CLASS_IN: u16 = 1;
/// The server itself.
const CLASS_CHAOS: u16 = 3;
/// Any class.
const CLASS_ANY: u16 = 255;
const NOERROR: u8 = 0;
const FORMERR: u8 = 1;
const SERVFAIL: u8 = 2;
const NXDOMAIN: u8 = 3;
const NOTIMP: u8 = 4;
const REFUSED: u8 = 5;
const YXDOMAIN: u8 = 6;
const NOTAUTH: u8 = 9;
const BADVERS: u8 = 16;
const BADCOOKIE: u8 = 23;
/// The option for extended errors (RFC 8914).
const EXTENDED_ERROR: u16 = 15;
/// Extended errors: the server has no data yet, the client may not ask, the name is not ours.
const NOT_READY: u16 = 14;
const PROHIBITED: u16 = 18;
const NOT_AUTHORITATIVE: u16 = 20;

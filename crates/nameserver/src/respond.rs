//! A query in, an answer out: all of DNS that the list server speaks, and nothing of the network.
//!
//! [`respond`] is a function of the packet, the client, the time and the zones; it allocates, locks
//! and logs nothing. [`respond_batch`] is the same for many packets at once: it names the memory of
//! all of them before it reads any, so that the waits overlap.

use std::net::IpAddr;

use repute_zone::{
    Action, Address, Dialect, Existence, Hit, Listing, Probe, Question, Quick, Relative, Subject,
    Zone,
};

use crate::message::{AA, HEADER, NSID, OPT, Query, TC, Unreadable};
use crate::write::{Head, Writer};
use crate::zones::{A, NS, SOA, Served, ZoneIndex, ZoneState, Zones};

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
pub struct Queries {
    queries: Box<[Query]>,
    readable: [Result<(), Unreadable>; BATCH],
}

/// Most queries of a batch.
pub const BATCH: usize = 64;

impl Default for Queries {
    fn default() -> Self {
        Queries {
            queries: (0..BATCH).map(|_| Query::default()).collect(),
            readable: [Err(Unreadable::Drop); BATCH],
        }
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
    let mut query = Query::default();
    let readable = query.read(packet);
    let located = if readable.is_ok() { locate(zones, &query) } else { None };
    let asked = Asked { packet, query: &query, readable, located: located.as_ref() };
    answer(&asked, client, now, zones, reply)
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
    let requests = &requests[..requests.len().min(BATCH)];
    let mut located: [Option<Located<'_>>; BATCH] = [None; BATCH];
    for ((request, query), (readable, located)) in
        requests.iter().zip(&mut batch.queries).zip(batch.readable.iter_mut().zip(&mut located))
    {
        *readable = query.read(request.bytes);
        if readable.is_ok()
            && let Some(here) = locate(zones, query)
        {
            here.probe.prefetch(&here.address, || query.relative(here.depth), 0);
            *located = Some(here);
        }
    }
    for step in 1..3 {
        for (query, located) in batch.queries.iter().zip(&located).take(requests.len()) {
            if let Some(located) = located {
                let name = || query.relative(located.depth);
                located.probe.prefetch(&located.address, name, step);
            }
        }
    }
    for (i, request) in requests.iter().enumerate() {
        let (query, readable, located) = (&batch.queries[i], batch.readable[i], &located[i]);
        let asked = Asked { packet: request.bytes, query, readable, located: located.as_ref() };
        outcomes[i] = answer(&asked, &request.client, now, zones, replies[i].as_mut());
    }
}

/// Where a question leads: found once, and used while its memory is fetched and when it is answered.
#[derive(Clone, Copy, Debug)]
struct Located<'z> {
    /// The zone.
    served: &'z Served,
    /// Labels of its apex.
    depth: usize,
    /// The address that the rest of the name spells.
    address: Address,
    /// Where its answer lies.
    probe: Probe<'z>,
}

/// Finds the zone of a query, if it has one.
#[inline(always)]
fn locate<'z>(zones: &'z Zones, query: &Query) -> Option<Located<'z>> {
    let labels = &query.labels[..query.label_count];
    let (place, depth) = zones.find(&query.name[..query.name_len], labels)?;
    let served = zones.at(place);
    let ZoneState::Serving(zone) = &served.state else {
        return Some(Located { served, depth, address: Address::None, probe: Probe::Nowhere });
    };
    let question = zone.question(query.relative(depth));
    let probe = zone.probe(&question);
    Some(Located { served, depth, address: question.address(), probe })
}

impl Query {
    /// The name without its last labels.
    #[inline(always)]
    fn relative(&self, depth: usize) -> Relative<'_> {
        let keep = self.label_count - depth;
        let end = if depth == 0 { self.name_len - 1 } else { usize::from(self.labels[keep]) };
        Relative::in_buffer(&self.name, end, &self.labels[..keep])
    }
}

/// What an answer is composed with.
struct Answering<'a> {
    query: &'a Query,
    client: &'a Client,
    now: u32,
    zones: &'a Zones,
}

/// A packet as it was read.
#[derive(Clone, Copy)]
struct Asked<'a> {
    packet: &'a [u8],
    query: &'a Query,
    readable: Result<(), Unreadable>,
    located: Option<&'a Located<'a>>,
}

#[inline(always)]
fn answer(
    asked: &Asked<'_>,
    client: &Client,
    now: u32,
    zones: &Zones,
    reply: &mut [u8],
) -> Outcome {
    match plain_answer(asked, client, zones, reply) {
        Some(plain) => Outcome::Reply(plain),
        None => general_answer(asked, client, now, zones, reply),
    }
}

/// Answers what nearly all queries are: a name in a zone without access lists that has one return code,
/// or nothing. What it does not know, the general way answers; both write the same bytes.
#[inline(always)]
fn plain_answer(
    asked: &Asked<'_>,
    client: &Client,
    zones: &Zones,
    out: &mut [u8],
) -> Option<Reply> {
    let Asked { packet, query, readable: Ok(()), located: Some(located) } = *asked else {
        return None;
    };
    let served = located.served;
    let ZoneState::Serving(zone) = &served.state else { return None };
    let is_plain = served.is_plain
        & !zones.has_acl()
        & (query.qclass == CLASS_IN)
        & (packet[2] & (AA | TC) == 0)
        & matches!(query.qtype, A | TXT)
        & query.edns.is_none_or(|edns| edns.version == 0 && !edns.nsid)
        & zone.expires().is_none();
    if !is_plain {
        return None;
    }
    let question = Question::new(query.relative(located.depth), located.address);
    let size = zones.identity().edns_size;
    let head = Head { packet, end: query.question_end(), edns: query.edns, size };
    let reply = |len, rcode, answers| Reply {
        len,
        zone: Some(served.index),
        rcode,
        qtype: query.qtype,
        answers,
        listed: answers > 0,
        truncated: false,
        keyed: false,
    };
    match zone.quick(&question) {
        Quick::Listed(listing, pair) if query.qtype == A => {
            Some(reply(head.with_address(listing.ttl(), pair.code, out)?, NOERROR, 1))
        }
        Quick::Listed(listing, pair) => {
            let mut subject = [0; LONGEST_SUBJECT];
            let len = write_subject(listing.subject(), query, client, &mut subject);
            Some(reply(head.with_text(listing, pair, &subject[..len], out)?, NOERROR, 1))
        }
        Quick::Nothing => {
            let soa = served.records.negative.as_deref()?;
            let owner = query.apex_offset(&served.apex);
            Some(reply(head.with_soa(owner, soa, out)?, NXDOMAIN, 0))
        }
        Quick::Unsure => None,
    }
}

#[inline(never)]
fn general_answer(
    asked: &Asked<'_>,
    client: &Client,
    now: u32,
    zones: &Zones,
    reply: &mut [u8],
) -> Outcome {
    let Asked { packet, query, readable, located } = *asked;
    if readable == Err(Unreadable::Drop) {
        return Outcome::Drop;
    }
    let mut always = None;
    let mut empty = false;
    let mut refused = false;
    if let Some((action, acl)) = zones.acl_action(client.address) {
        match action {
            Action::Pass => {}
            Action::Ignore => return Outcome::Drop,
            Action::Refuse => refused = true,
            Action::Empty => empty = true,
            Action::Always(value) => always = acl.always(value),
        }
    }
    let question = match readable {
        Ok(()) => query.question_end(),
        Err(Unreadable::Malformed(end) | Unreadable::Opcode(end)) => {
            end.map_or(HEADER, usize::from)
        }
        Err(Unreadable::Drop) => return Outcome::Drop,
    };
    let limit = match (client.transport, query.edns) {
        (Transport::Tcp, _) => usize::from(u16::MAX),
        (Transport::Udp, None) => PLAIN_UDP,
        (Transport::Udp, Some(edns)) => {
            usize::from(edns.size.min(zones.identity().edns_size)).max(PLAIN_UDP)
        }
    };
    let Some(mut out) = Writer::new(packet, question, limit, query.edns.is_some(), reply) else {
        return Outcome::Drop;
    };
    let mut reply = Reply {
        len: 0,
        zone: None,
        rcode: NOERROR,
        qtype: if question > HEADER { query.qtype } else { 0 },
        answers: 0,
        listed: false,
        truncated: false,
        keyed: false,
    };
    match readable {
        Ok(()) => {}
        Err(Unreadable::Opcode(_)) => return out.finish_plain(reply, NOTIMP),
        Err(_) => return out.finish_plain(reply, FORMERR),
    }
    if query.edns.is_some_and(|edns| edns.version > 0) {
        return out.finish(reply, BADVERS, query, zones, None);
    }
    let unusual_flags = packet[2] & (AA | TC) != 0;
    if unusual_flags && zones.identity().dialect == Dialect::Rbldnsd {
        return out.finish_plain(reply, NOTIMP);
    }
    match query.qclass {
        CLASS_IN => out.set_authoritative(true),
        CLASS_ANY => {}
        CLASS_CHAOS => return chaos(out, reply, query, zones),
        _ => return out.finish(reply, REFUSED, query, zones, None),
    }
    match query.qtype {
        OPT => return out.finish(reply, FORMERR, query, zones, None),
        ANY => {}
        // Meta types that are asked by other means or not at all (RFC 6895 section 3.1).
        128..=255 => return out.finish(reply, NOTIMP, query, zones, None),
        _ => {}
    }
    let Some(&Located { served, depth, address, .. }) = located else {
        return out.finish(reply, REFUSED, query, zones, Some(NOT_AUTHORITATIVE));
    };
    reply.zone = Some(served.index);
    let mut name = query.relative(depth);
    for acl in [zones.key_acl(), served.serving.key_acl.as_ref()].into_iter().flatten() {
        if matches!(query.qtype, NS | SOA) {
            break;
        }
        let Some((action, known)) = acl.key_action(name) else { continue };
        if known {
            name = name.without_last(1);
            reply.keyed = true;
        }
        match action {
            Action::Pass => {}
            Action::Ignore => return Outcome::Drop,
            Action::Refuse => refused = true,
            Action::Empty => empty = true,
            Action::Always(value) => always = always.or(acl.always(value)),
        }
    }
    if let Some(acl) = &served.serving.acl
        && let Some(action) = acl.acl_action(client.address)
    {
        match action {
            Action::Pass => {}
            Action::Ignore => return Outcome::Drop,
            Action::Refuse => refused = true,
            Action::Empty => empty = true,
            Action::Always(value) => always = always.or(acl.always(value)),
        }
    }
    let ZoneState::Serving(zone) = &served.state else {
        return out.finish(reply, SERVFAIL, query, zones, Some(NOT_READY));
    };
    // Natively stale data is served until the SOA's expire, which whoever loads the zone watches.
    if zone.dialect() == Dialect::Rbldnsd && zone.expires().is_some_and(|at| at <= now) {
        return out.finish(reply, SERVFAIL, query, zones, Some(NOT_READY));
    }
    if refused {
        return out.finish(reply, REFUSED, query, zones, Some(PROHIBITED));
    }
    // A key that was cut off changes what the rest of the name spells.
    let question = if reply.keyed { zone.question(name) } else { Question::new(name, address) };
    let answering = Answering { query, client, now, zones };
    answering.ask_zone(out, reply, served, zone, question, empty, always)
}

impl Answering<'_> {
    #[expect(clippy::too_many_arguments, reason = "one call; the pieces of an answer")]
    #[inline]
    fn ask_zone(
        &self,
        mut out: Writer<'_>,
        mut reply: Reply,
        served: &Served,
        zone: &Zone,
        question: Question<'_>,
        empty: bool,
        always: Option<Listing<'_>>,
    ) -> Outcome {
        let query = self.query;
        let name = question.name();
        let at_apex = name.label_count() == 0;
        if at_apex && !self.apex_records(&mut out, served) {
            return out.finish(reply, REFUSED, query, self.zones, None);
        }
        let mut found = if empty || always.is_some() {
            self.by_access_list(&mut out, zone, name, if empty { None } else { always })
        } else {
            let (mut hidden, mut shown) = (false, false);
            let found = zone.answer(question, |hit| match hit {
                Hit::Listing(listing) if !listing.applies(self.now, reply.keyed) => hidden = true,
                hit => {
                    shown = true;
                    self.hit(&mut out, hit, reply.keyed);
                }
            });
            // An entry that does not apply yet is no listing, but what is below it may be: NODATA.
            if hidden && !shown { Existence::Exists } else { found }
        };
        if at_apex && found == Existence::Nothing {
            found = Existence::Exists;
        }
        reply.listed = found == Existence::Listed && !at_apex;
        reply.answers = out.answers();
        let rcode = if found == Existence::Nothing { NXDOMAIN } else { NOERROR };
        if out.answers() == 0 {
            if let Some(soa) = &served.records.negative {
                out.push_authority(query.apex_offset(&served.apex), soa);
            }
        } else if served.serving.name_servers_in_answers {
            out.push_name_servers(query, served);
        }
        out.finish(reply, rcode, query, self.zones, None)
    }

    /// Answers a client for whom everything that could be listed is (`always`), or nothing. Plain
    /// records only exist then, as with rbldnsd.
    #[cold]
    fn by_access_list(
        &self,
        out: &mut Writer<'_>,
        zone: &Zone,
        name: Relative<'_>,
        always: Option<Listing<'_>>,
    ) -> Existence {
        let outline = zone.outline(name);
        match always {
            Some(listing) if outline.listable => {
                self.hit(out, Hit::Listing(listing), false);
                Existence::Listed
            }
            Some(_) if outline.above_listable || outline.exists => Existence::Exists,
            None if outline.exists => Existence::Exists,
            Some(_) | None => Existence::Nothing,
        }
    }

    /// Adds SOA or NS of the apex. Says whether there is something to say.
    fn apex_records(&self, out: &mut Writer<'_>, served: &Served) -> bool {
        let records = &served.records;
        match self.query.qtype {
            // RFC 8482 section 4.1: one of the record sets is enough for ANY.
            SOA | ANY => match &records.soa {
                Some(soa) => out.push_record(soa),
                None => return self.query.qtype == ANY,
            },
            NS if records.name_servers.is_empty() => return false,
            NS => {
                for record in rotated(&records.name_servers, out.id()) {
                    out.push_record(record);
                }
            }
            _ => {}
        }
        true
    }

    #[inline]
    fn hit(&self, out: &mut Writer<'_>, hit: Hit<'_>, keyed: bool) {
        let qtype = self.query.qtype;
        match hit {
            Hit::Listing(listing) => match qtype {
                A | ANY => {
                    for pair in listing.pairs(self.now, keyed) {
                        out.push_address(listing.ttl(), pair.code);
                    }
                }
                TXT => self.texts(out, listing, keyed),
                _ => {}
            },
            // RFC 8482 section 4.1: of several types only the first is given.
            Hit::Record(record)
                if record.rtype() == qtype || (qtype == ANY && out.fits_type(record.rtype())) =>
            {
                out.push_record(record.wire());
            }
            Hit::Record(_) => {}
        }
    }

    /// Adds the texts of a listing.
    fn texts(&self, out: &mut Writer<'_>, listing: Listing<'_>, keyed: bool) {
        let mut subject = [0; LONGEST_SUBJECT];
        let len = write_subject(listing.subject(), self.query, self.client, &mut subject);
        for pair in listing.pairs(self.now, keyed) {
            out.push_text(listing, pair, &subject[..len]);
        }
    }
}

/// Writes what a text names, in the form people write it; returns the length.
fn write_subject(
    subject: Subject,
    query: &Query,
    client: &Client,
    out: &mut [u8; LONGEST_SUBJECT],
) -> usize {
    match subject {
        Subject::Ipv4(address) => crate::subject::write_ipv4(address, out),
        Subject::Ipv6(address) => crate::subject::write_ipv6(address, out),
        Subject::Client => match client.address {
            IpAddr::V4(a) => crate::subject::write_ipv4(a.into(), out),
            IpAddr::V6(a) => crate::subject::write_ipv6(a.into(), out),
        },
        Subject::Name { start, end } => {
            let name = &query.name[usize::from(start)..usize::from(end)];
            crate::subject::write_name(name, out)
        }
    }
}

impl Query {
    /// Where in the message the apex of the question begins.
    #[inline(always)]
    fn apex_offset(&self, apex: &repute_dnsxl::Name) -> u16 {
        (HEADER + self.name_len - apex.as_wire().len()) as u16
    }
}

impl Writer<'_> {
    /// Adds the name servers to a positive answer; their addresses only if everything fits.
    fn push_name_servers(&mut self, query: &Query, served: &Served) {
        if let Some(block) = served.records.authority.rotation(self.id()) {
            self.push_block(block, query.apex_offset(&served.apex));
        }
    }
}

/// Answers about the server itself (RFC 4892).
fn chaos(mut out: Writer<'_>, reply: Reply, query: &Query, zones: &Zones) -> Outcome {
    let identity = zones.identity();
    let text = match &query.name[..query.name_len] {
        b"\x07version\x04bind\x00" | b"\x07version\x06server\x00" => &identity.version,
        b"\x08hostname\x04bind\x00" => &identity.hostname,
        b"\x02id\x06server\x00" => &identity.server_id,
        _ => &None,
    };
    let Some(text) = text else { return out.finish(reply, REFUSED, query, zones, None) };
    if !matches!(query.qtype, TXT | ANY) {
        return out.finish(reply, REFUSED, query, zones, None);
    }
    out.push_chaos(text.as_bytes());
    let reply = Reply { answers: 1, ..reply };
    out.finish(reply, NOERROR, query, zones, None)
}

/// Records beginning at a place that a message's id chooses: each of them is first in turn.
fn rotated(records: &[Vec<u8>], id: u16) -> impl Iterator<Item = &Vec<u8>> {
    let first = if records.is_empty() { 0 } else { usize::from(id) % records.len() };
    records[first..].iter().chain(&records[..first])
}

impl Writer<'_> {
    /// Ends a message that says only what went wrong, without EDNS.
    fn finish_plain(mut self, reply: Reply, rcode: u8) -> Outcome {
        self.set_rcode(rcode);
        Outcome::Reply(Reply { len: self.len(), rcode, ..reply })
    }

    /// Ends a message: response code, EDNS as it was asked for, truncation.
    #[inline]
    fn finish(
        mut self,
        reply: Reply,
        rcode: u8,
        query: &Query,
        zones: &Zones,
        error: Option<u16>,
    ) -> Outcome {
        if matches!(rcode, REFUSED | SERVFAIL | FORMERR | NOTIMP | BADVERS) {
            self.set_authoritative(false);
        }
        self.set_rcode(rcode & 15);
        let truncated = self.is_truncated();
        if let Some(edns) = query.edns {
            let id = zones.identity().server_id.as_deref().filter(|_| edns.nsid);
            let size = zones.identity().edns_size;
            let error = error.map(|code| (EXTENDED_ERROR, code.to_be_bytes()));
            self.push_opt(
                size,
                rcode >> 4,
                edns.dnssec_ok,
                error,
                id.map(|id| (NSID, id.as_bytes())),
            );
        }
        Outcome::Reply(Reply { len: self.len(), rcode, truncated, ..reply })
    }
}

/// As much of what a listing names as a text can hold.
const LONGEST_SUBJECT: usize = 256;
/// Largest UDP message without EDNS (RFC 1035 section 4.2.1).
pub(crate) const PLAIN_UDP: usize = 512;
/// TXT.
pub(crate) const TXT: u16 = 16;
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
const BADVERS: u8 = 16;
/// The option for extended errors (RFC 8914).
const EXTENDED_ERROR: u16 = 15;
/// Extended errors: the server has no data yet, the client may not ask, the name is not ours.
const NOT_READY: u16 = 14;
const PROHIBITED: u16 = 18;
const NOT_AUTHORITATIVE: u16 = 20;

//! The general way: everything a list server answers, one rule after the other.

use std::net::IpAddr;

use repute_zone::{
    Action, Dataset, Dialect, Existence, Hit, Listing, Question, Relative, Subject, Zone,
};

use super::{
    ANY, AXFR, Asked, BADCOOKIE, BADVERS, CLASS_ANY, CLASS_CHAOS, CLASS_IN, Client, EXTENDED_ERROR,
    FORMERR, IXFR, NOERROR, NOT_AUTHORITATIVE, NOT_READY, NOTIMP, NXDOMAIN, Outcome, PLAIN_UDP,
    PROHIBITED, REFUSED, Reply, SERVFAIL, TXT, Transport,
};
use crate::cookie::Shown;
use crate::message::{AA, HEADER, NSID, OPCODE, OPT, Query, TC, Unreadable};
use crate::write::Writer;
use crate::zones::{A, Handover, NS, SOA, Served, ZoneState, Zones};

impl Asked<'_> {
    /// Answers any query.
    #[inline(never)]
    pub(super) fn general_answer(
        &self,
        client: &Client,
        now: u32,
        zones: &Zones,
        reply: &mut [u8],
    ) -> Outcome {
        let Asked { packet, query, readable, zone, .. } = *self;
        if readable == Err(Unreadable::Drop) {
            return Outcome::Drop;
        }
        let mut told = Told::default();
        if let Some((action, acl)) = zones.acl_action(client.address) {
            told.hear(action, acl);
        }
        if told.ignored {
            return Outcome::Drop;
        }
        let question = match readable {
            Ok(()) | Err(Unreadable::Signed(_)) => query.question_end(),
            Err(Unreadable::Questionless) => HEADER,
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
        let shown = match readable {
            Ok(()) | Err(Unreadable::Questionless | Unreadable::Signed(_)) => {
                self.cookie(client, now, zones)
            }
            Err(_) => Shown::Nothing,
        };
        let cookie = match shown {
            Shown::Nothing | Shown::Malformed => None,
            Shown::Client(answer) | Shown::Wrong(answer) | Shown::Right(answer) => Some(answer),
        };
        let has_edns = query.edns.is_some();
        let Some(mut out) = Writer::new(packet, question, limit, has_edns, cookie, reply) else {
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
            proven: matches!(shown, Shown::Right(_)) || client.transport == Transport::Tcp,
            limited: false,
        };
        match readable {
            Ok(()) => {}
            Err(Unreadable::Opcode(end)) if told.lets_beyond(zones) && is_change(packet) => {
                // RFC 2136 section 3.1.1: without its one zone it is none.
                return end.map_or(out.finish_plain(reply, FORMERR), |_| Outcome::Beyond);
            }
            Err(Unreadable::Opcode(_)) => return out.finish_plain(reply, NOTIMP),
            Err(Unreadable::Signed(Some(_))) if told.lets_beyond(zones) => return Outcome::Beyond,
            Err(Unreadable::Signed(Some(at))) => return self.refuse_key(out, reply, at, zones),
            // RFC 7873 section 5.4: who asks nothing asks for a cookie, or whether his is still good.
            Err(Unreadable::Questionless) => match shown {
                Shown::Client(_) | Shown::Right(_) => {
                    return out.finish(reply, NOERROR, query, zones, None);
                }
                Shown::Wrong(_) => return out.finish(reply, BADCOOKIE, query, zones, None),
                Shown::Nothing | Shown::Malformed => return out.finish_plain(reply, FORMERR),
            },
            Err(Unreadable::Signed(None) | Unreadable::Malformed(_) | Unreadable::Drop) => {
                return out.finish_plain(reply, FORMERR);
            }
        }
        if query.edns.is_some_and(|edns| edns.version > 0) {
            return out.finish(reply, BADVERS, query, zones, None);
        }
        match shown {
            Shown::Malformed => return out.finish(reply, FORMERR, query, zones, None),
            Shown::Right(_) => {}
            Shown::Nothing | Shown::Client(_) | Shown::Wrong(_) if reply.proven => {}
            Shown::Client(_) | Shown::Wrong(_) if zones.identity().cookies.are_required() => {
                reply.zone = zone.map(|served| served.index);
                return out.finish(reply, BADCOOKIE, query, zones, None);
            }
            // It knows no cookies: TCP proves where it is as well.
            Shown::Nothing if zones.identity().cookies.are_required() => {
                reply.zone = zone.map(|served| served.index);
                out.truncate();
                return out.finish(reply, NOERROR, query, zones, None);
            }
            Shown::Nothing | Shown::Client(_) | Shown::Wrong(_) => {}
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
            AXFR | IXFR if query.qclass == CLASS_IN && told.lets_beyond(zones) => {
                return Outcome::Beyond;
            }
            // Meta types that are asked by other means or not at all (RFC 6895 section 3.1).
            128..=255 => return out.finish(reply, NOTIMP, query, zones, None),
            _ => {}
        }
        let Some(served) = zone else {
            return out.finish(reply, REFUSED, query, zones, Some(NOT_AUTHORITATIVE));
        };
        reply.zone = Some(served.index);
        let mut name = query.relative(served.depth);
        for acl in [zones.key_acl(), served.serving.key_acl.as_ref()].into_iter().flatten() {
            if matches!(query.qtype, NS | SOA) {
                break;
            }
            let Some((action, known)) = acl.key_action(name) else { continue };
            if known {
                name = name.without_last(1);
                reply.keyed = true;
            }
            told.hear(action, acl);
        }
        if let Some(acl) = &served.serving.acl
            && let Some(action) = acl.acl_action(client.address)
        {
            told.hear(action, acl);
        }
        if told.ignored {
            return Outcome::Drop;
        }
        // As rbldnsd does, its drop-in looks first whether the zone is loaded.
        if told.refused && zones.identity().dialect == Dialect::Native {
            return out.finish(reply, REFUSED, query, zones, Some(PROHIBITED));
        }
        let zone = match &served.state {
            ZoneState::Serving(zone) => zone,
            ZoneState::Records(_) if served.serving.is_private && !told.refused => {
                if told.lets_beyond(zones) {
                    return Outcome::Beyond;
                }
                return out.finish(reply, REFUSED, query, zones, Some(PROHIBITED));
            }
            ZoneState::Records(_) if told.refused => {
                return out.finish(reply, REFUSED, query, zones, Some(PROHIBITED));
            }
            ZoneState::Records(_) => return self.records_answer(out, reply, served, zones),
            ZoneState::Failed => return out.finish(reply, SERVFAIL, query, zones, Some(NOT_READY)),
        };
        // Natively stale data is served until the SOA's expire, which whoever loads the zone watches.
        if zone.dialect() == Dialect::Rbldnsd && zone.expires().is_some_and(|at| at <= now) {
            return out.finish(reply, SERVFAIL, query, zones, Some(NOT_READY));
        }
        if told.refused {
            return out.finish(reply, REFUSED, query, zones, Some(PROHIBITED));
        }
        let question = zone.question(name);
        let answering = Answering { query, client, now, zones };
        answering.ask_zone(out, reply, served, zone, question, told.empty, told.always)
    }
}

/// What access lists say of a client, all of them together.
#[derive(Default)]
struct Told<'z> {
    /// It gets no answer.
    ignored: bool,
    /// It gets REFUSED.
    refused: bool,
    /// Nothing is listed for it.
    empty: bool,
    /// This is listed for it, whatever it asks.
    always: Option<Listing<'z>>,
}

impl<'z> Told<'z> {
    /// Whether a message of this client may be handed over.
    fn lets_beyond(&self, zones: &Zones) -> bool {
        match zones.identity().handover {
            Handover::Refuse => false,
            Handover::Offer => !self.refused,
        }
    }

    /// Adds what one of them says; of several listings the first counts.
    fn hear(&mut self, action: Action, acl: &'z Dataset) {
        match action {
            Action::Pass => {}
            Action::Ignore => self.ignored = true,
            Action::Refuse => self.refused = true,
            Action::Empty => self.empty = true,
            Action::Always(value) => self.always = self.always.or(acl.always(value)),
        }
    }
}

/// Whether the opcode is one of those that are handed over: NOTIFY (RFC 1996) and UPDATE (RFC 2136).
fn is_change(packet: &[u8]) -> bool {
    packet.get(2).is_some_and(|flags| matches!((flags & OPCODE) >> 3, 4 | 5))
}

/// What an answer is composed with.
struct Answering<'a> {
    query: &'a Query,
    client: &'a Client,
    now: u32,
    zones: &'a Zones,
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
                    self.hit(zone, &mut out, hit, reply.keyed);
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
                self.hit(zone, out, Hit::Listing(listing), false);
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
    fn hit(&self, zone: &Zone, out: &mut Writer<'_>, hit: Hit<'_>, keyed: bool) {
        let qtype = self.query.qtype;
        match hit {
            Hit::Listing(listing) => match qtype {
                A | ANY => {
                    for pair in listing.pairs(self.now, keyed) {
                        out.push_address(listing.ttl(), pair.code);
                    }
                }
                TXT => self.texts(zone, out, listing, keyed),
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
    fn texts(&self, zone: &Zone, out: &mut Writer<'_>, listing: Listing<'_>, keyed: bool) {
        let mut subject = [0; LONGEST_SUBJECT];
        let len = write_subject(listing.subject(), self.query, self.client, &mut subject);
        for pair in listing.pairs(self.now, keyed) {
            out.push_text(zone, listing, pair, &subject[..len]);
        }
    }
}

/// Writes what a text names, in the form people write it; returns the length.
pub(super) fn write_subject(
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
    pub(super) fn finish(
        mut self,
        reply: Reply,
        rcode: u8,
        query: &Query,
        zones: &Zones,
        error: Option<u16>,
    ) -> Outcome {
        if matches!(rcode, REFUSED | SERVFAIL | FORMERR | NOTIMP | BADVERS | BADCOOKIE) {
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

/// Ends a referral, which is no answer of ours.
pub(super) fn finish_referral(
    mut out: Writer<'_>,
    reply: Reply,
    query: &Query,
    zones: &Zones,
) -> Outcome {
    out.set_authoritative(false);
    out.finish(reply, NOERROR, query, zones, None)
}

/// As much of what a listing names as a text can hold.
pub(super) const LONGEST_SUBJECT: usize = 256;

//! The short way: what nearly all queries are, in few instructions.
//!
//! A question for A or TXT of a name in a zone without access lists, that has one return code or is not
//! there. Whatever is not so is left to the general way; both write the same bytes.

use repute_zone::Quick;

use super::general::{LONGEST_SUBJECT, write_subject};
use super::{Asked, CLASS_IN, Client, NOERROR, NXDOMAIN, Outcome, Reply, TXT, Transport};
use crate::cookie::Shown;
use crate::message::{AA, TC};
use crate::write::Head;
use crate::zones::{A, Served, ZoneState, Zones};

impl Asked<'_> {
    /// Whether the query asks what the short way knows, in a zone that needs nothing else.
    #[inline(always)]
    pub(super) fn is_plain(&self, served: &Served, zones: &Zones) -> bool {
        let Asked { packet, query, .. } = self;
        served.is_plain
            & !zones.has_acl()
            & !zones.identity().cookies.are_required()
            & (query.qclass == CLASS_IN)
            & matches!(query.qtype, A | TXT)
            & packet.get(2).is_some_and(|flags| flags & (AA | TC) == 0)
            & query.edns.is_none_or(|edns| edns.version == 0 && !edns.nsid)
    }

    /// Answers a query that has a probe, if that is sure.
    ///
    /// The outcome is written where it belongs and not returned: its fields are small, and a copy of it
    /// would wait for each of them to be written.
    #[inline(always)]
    pub(super) fn plain_answer(
        &self,
        client: &Client,
        now: u32,
        zones: &Zones,
        out: &mut [u8],
        outcome: &mut Outcome,
    ) -> Option<()> {
        let (Some(probe), Some(served)) = (&self.probe, self.zone) else { return None };
        let query = self.query;
        let size = zones.identity().edns_size;
        let shown = self.cookie(client, now, zones);
        let (cookie, has_cookie) = match &shown {
            Shown::Nothing => (None, false),
            Shown::Client(answer) | Shown::Wrong(answer) => (Some(answer), false),
            Shown::Right(answer) => (Some(answer), true),
            Shown::Malformed => return None,
        };
        let (packet, end, edns) = (self.packet, query.question_end(), query.edns);
        let head = Head { packet, end, edns, size, cookie };
        let proven = has_cookie || client.transport == Transport::Tcp;
        let mut reply = |len, rcode, answers| {
            *outcome = Outcome::Reply(Reply {
                len,
                zone: Some(served.index),
                rcode,
                qtype: query.qtype,
                answers,
                listed: answers > 0,
                truncated: false,
                keyed: false,
                proven,
                limited: false,
            });
        };
        match probe.quick(|| query.relative(served.depth)) {
            Quick::Listed(listing, pair) if query.qtype == A => {
                reply(head.with_address(listing.ttl(), pair.code, out)?, NOERROR, 1);
            }
            Quick::Listed(listing, pair) => {
                let ZoneState::Serving(zone) = &served.state else { return None };
                let mut subject = [0; LONGEST_SUBJECT];
                let len = write_subject(listing.subject(), query, client, &mut subject);
                reply(head.with_text(zone, listing, pair, &subject[..len], out)?, NOERROR, 1);
            }
            Quick::Nothing => {
                let soa = served.records.negative.as_deref()?;
                let owner = query.apex_offset(&served.apex);
                reply(head.with_soa(owner, soa, out)?, NXDOMAIN, 0);
            }
            Quick::Unsure => return None,
        }
        Some(())
    }
}

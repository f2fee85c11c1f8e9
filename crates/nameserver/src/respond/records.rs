//! Answers from ordinary zones (RFC 1034 section 4.3.2).
//!
//! A question goes from name to name: what a CNAME or DNAME leads to is looked up where it is one of our own
//! zones, so that `_acme-challenge` aliases into a zone for challenges are answered at once. What is delegated is
//! referred to. Answers are minimal: nothing is added that was not asked for, except glue.

use repute_records::{Node, Place, Zone, rtype};

use super::general::finish_referral;
use super::{ANY, Asked, NOERROR, NOT_READY, NXDOMAIN, Outcome, Reply, SERVFAIL, YXDOMAIN};
use crate::message::NAME;
use crate::write::Writer;
use crate::write::record_sets::{Places, Section};
use crate::zones::{Served, ZoneState, Zones};

impl Asked<'_> {
    /// Answers a question for an ordinary zone.
    pub(super) fn records_answer(
        &self,
        mut out: Writer<'_>,
        mut reply: Reply,
        served: &Served,
        zones: &Zones,
    ) -> Outcome {
        let query = self.query;
        let mut walk = Walk {
            qtype: query.qtype,
            id: out.id(),
            out: &mut out,
            places: Places::of(query),
            name: OnStack::of(&query.name[..query.name_len]),
        };
        let end = walk.go(served, zones);
        reply.answers = out.answers();
        match end {
            End::Answer => out.finish(reply, NOERROR, query, zones, None),
            End::Referral => finish_referral(out, reply, query, zones),
            End::NoName => out.finish(reply, NXDOMAIN, query, zones, None),
            End::TooLong => out.finish(reply, YXDOMAIN, query, zones, None),
            End::NoData => out.finish(reply, SERVFAIL, query, zones, Some(NOT_READY)),
        }
    }
}

/// How a walk ends.
enum End {
    /// With what was asked for, or that there is none.
    Answer,
    /// At somebody else's part of the zone.
    Referral,
    /// At a name that is not there.
    NoName,
    /// At a name that a DNAME makes too long (RFC 6672 section 2.2).
    TooLong,
    /// At a zone that has no data, or none that may be used.
    NoData,
}

/// From name to name.
struct Walk<'w, 'r> {
    qtype: u16,
    /// The message's id, which chooses what comes first.
    id: u16,
    out: &'w mut Writer<'r>,
    places: Places,
    /// Where it is.
    name: OnStack,
}

impl Walk<'_, '_> {
    /// Goes on until there is an answer.
    fn go(&mut self, served: &Served, zones: &Zones) -> End {
        let mut served = match self.qtype {
            // RFC 4035 section 3.1.4.1: the parent is asked what it says of the child.
            rtype::DS if self.name.labels().len() == served.depth => {
                zones.above(self.name.wire(), self.name.labels(), served.depth).unwrap_or(served)
            }
            _ => served,
        };
        for step in 0..MOST_STEPS {
            let ZoneState::Records(live) = &served.state else {
                // A list is no place to go on; a resolver asks it by itself.
                return End::Answer;
            };
            // What only secondaries may have is no place to go on either.
            if served.serving.is_private {
                return End::Answer;
            }
            let Some(zone) = &*live.load() else {
                return if step == 0 { End::NoData } else { End::Answer };
            };
            let Some(below) = self.name.labels().len().checked_sub(served.depth) else {
                return End::Answer;
            };
            let place = zone.find(self.name.wire(), &self.name.labels()[..below]);
            match self.look(zone, place, step) {
                Step::End(end) => return end,
                Step::On => match zones.closest(self.name.wire(), self.name.labels()) {
                    Some(next) => served = next,
                    None => return End::Answer,
                },
            }
        }
        End::Answer
    }

    /// Adds what is at a place.
    fn look(&mut self, zone: &Zone, place: Place<'_>, step: usize) -> Step {
        match place {
            Place::Here(node) | Place::Wildcard(node) => self.records(zone, node),
            Place::Empty => {
                self.no_data(zone);
                Step::End(End::Answer)
            }
            Place::Nothing => {
                self.no_data(zone);
                Step::End(End::NoName)
            }
            Place::Cut(node) => Step::End(self.cut(zone, node, step)),
            Place::Dname(node) => self.dname(node),
        }
    }

    /// Adds records of a name, or of the wildcard that stands for it.
    fn records(&mut self, zone: &Zone, node: &Node) -> Step {
        let wanted = match self.qtype {
            // RFC 8482 section 4.1: one of the record sets is enough for ANY.
            ANY => node.iter().next(),
            qtype => node.get(qtype),
        };
        if let Some(set) = wanted {
            self.out.push_set(
                Section::Answer,
                self.name.wire(),
                set,
                set.ttl(),
                self.id,
                &mut self.places,
            );
            return Step::End(End::Answer);
        }
        let Some(alias) = node.get(rtype::CNAME) else {
            self.no_data(zone);
            return Step::End(End::Answer);
        };
        self.out.push_set(
            Section::Answer,
            self.name.wire(),
            alias,
            alias.ttl(),
            0,
            &mut self.places,
        );
        self.name = OnStack::of(alias.first());
        Step::On
    }

    /// Says that there is no such name or type (RFC 2308).
    fn no_data(&mut self, zone: &Zone) {
        if let Some(soa) = zone.top().get(rtype::SOA) {
            let ttl = soa.ttl().min(zone.soa().minimum);
            let owner = zone.apex().as_wire();
            self.out.push_set(Section::Authority, owner, soa, ttl, 0, &mut self.places);
        }
    }

    /// Refers to whom a part of the zone is delegated.
    fn cut(&mut self, zone: &Zone, node: &Node, step: usize) -> End {
        let is_cut = self.name.labels().len() == node.owner().label_count();
        if self.qtype == rtype::DS && is_cut {
            match node.get(rtype::DS) {
                Some(set) => {
                    self.out.push_set(
                        Section::Answer,
                        self.name.wire(),
                        set,
                        set.ttl(),
                        0,
                        &mut self.places,
                    );
                }
                None => self.no_data(zone),
            }
            return End::Answer;
        }
        // Behind an alias the answer says where to go on; a resolver begins there anew.
        if step > 0 {
            return End::Answer;
        }
        let Some(servers) = node.get(rtype::NS) else { return End::Answer };
        let owner = node.owner().as_wire();
        self.out.push_set(
            Section::Authority,
            owner,
            servers,
            servers.ttl(),
            self.id,
            &mut self.places,
        );
        // RFC 9471: a referral has all the glue without which nobody gets on, or is truncated.
        for server in servers.iter() {
            let lower = OnStack::of(server);
            let Some(below) = lower.labels().len().checked_sub(zone.depth()) else { continue };
            if !is_within(lower.wire(), zone.apex().as_wire()) {
                continue;
            }
            let Some(glue) = zone.raw(lower.wire(), &lower.labels()[..below]) else { continue };
            for set in [rtype::A, rtype::AAAA].into_iter().filter_map(|rtype| glue.get(rtype)) {
                self.out.push_set(Section::Additional, server, set, set.ttl(), 0, &mut self.places);
            }
        }
        End::Referral
    }

    /// Goes where a DNAME leads (RFC 6672 section 3.2), with a CNAME for those who do not know it.
    fn dname(&mut self, node: &Node) -> Step {
        let Some(set) = node.get(rtype::DNAME) else { return Step::End(End::Answer) };
        let owner = node.owner().as_wire();
        self.out.push_set(Section::Answer, owner, set, set.ttl(), 0, &mut self.places);
        let keep = self.name.wire().len().saturating_sub(owner.len());
        let Some(target) = self.name.with_end(keep, set.first()) else {
            return Step::End(End::TooLong);
        };
        let head = (rtype::CNAME, set.ttl());
        self.out.push_data(
            Section::Answer,
            self.name.wire(),
            head,
            target.wire(),
            &mut self.places,
        );
        self.name = target;
        if self.qtype == rtype::CNAME { Step::End(End::Answer) } else { Step::On }
    }
}

/// What comes next.
enum Step {
    /// Nothing.
    End(End),
    /// The name that the walk is at now.
    On,
}

/// A name in wire form with the places of its labels.
#[derive(Clone)]
struct OnStack {
    bytes: [u8; NAME],
    len: usize,
    labels: [u8; 128],
    count: usize,
}

impl OnStack {
    /// A name as it stands in data or a question, for look-ups in lower case.
    fn of(wire: &[u8]) -> OnStack {
        let mut name = OnStack { bytes: [0; NAME], len: 0, labels: [0; 128], count: 0 };
        name.len = wire.len().min(MAX_NAME);
        name.bytes[..name.len].copy_from_slice(&wire[..name.len]);
        name.bytes[..name.len].make_ascii_lowercase();
        name.find_labels();
        name
    }

    /// The first bytes of it, with another end; nothing if that is too long.
    fn with_end(&self, keep: usize, end: &[u8]) -> Option<OnStack> {
        let len = keep + end.len();
        if len > MAX_NAME {
            return None;
        }
        let mut bytes = [0; MAX_NAME];
        bytes[..keep].copy_from_slice(self.bytes.get(..keep)?);
        bytes[keep..len].copy_from_slice(end);
        Some(OnStack::of(&bytes[..len]))
    }

    /// Its bytes, with the root.
    fn wire(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    /// Where its labels begin.
    fn labels(&self) -> &[u8] {
        &self.labels[..self.count]
    }

    fn find_labels(&mut self) {
        let mut at = 0;
        while let Some(&len @ 1..=63) = self.bytes[..self.len].get(at) {
            let (Some(place), Ok(offset)) = (self.labels.get_mut(self.count), u8::try_from(at))
            else {
                break;
            };
            *place = offset;
            self.count += 1;
            at += 1 + usize::from(len);
        }
    }
}

/// Whether a name in lower-case wire form, of which whole labels are compared, ends with an apex.
fn is_within(name: &[u8], apex: &[u8]) -> bool {
    let mut rest = name;
    while rest.len() > apex.len() {
        let Some((&len, tail)) = rest.split_first() else { return false };
        let Some(tail) = tail.get(usize::from(len)..) else { return false };
        rest = tail;
    }
    rest == apex
}

/// Longest name on the wire.
const MAX_NAME: usize = 255;
/// How many aliases are followed: more is a loop, or nobody's intention.
const MOST_STEPS: usize = 9;

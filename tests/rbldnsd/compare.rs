//! Two replies to one query: the same, different as documented, or a fault.
//!
//! What may differ is named here and in doc/rbldnsd.md, nothing else may. Each difference is bound
//! to what the query was and to what rbldnsd said, so that a wrong answer cannot hide behind one.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};

use crate::queries::{Defect, Query};
use crate::wire::{
    self, AA, BADVERS, FORMERR, NOERROR, NOTIMP, NXDOMAIN, RD, REFUSED, Reply, SERVFAIL, TC, rtype,
};

/// A documented difference: a row of the table in doc/rbldnsd.md, where the RFC is that asks for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Difference {
    /// NODATA instead of NXDOMAIN for a name that has names below it.
    EmptyNonTerminal,
    /// An OPT record in the reply to a query that had one.
    OptEchoed,
    /// BADVERS for a version of EDNS nobody knows yet.
    BadVersion,
    /// TC and the whole answer over TCP instead of records left out.
    Truncated,
    /// Name servers left out for want of the room that an OPT record takes.
    NameServersLeftOut,
    /// ANY answered with one kind of record.
    MinimalAny,
    /// ANY not refused at an apex without SOA or NS.
    AnyAtBareApex,
    /// FORMERR for what cannot be read, instead of silence or of an answer to half of it.
    Malformed,
    /// An answer for a type rbldnsd does not implement, or another code.
    UnknownType,
    /// The operation of the query in the reply that it is not implemented.
    UnknownOperation,
}

impl Difference {
    /// All of them, with the first words of their rows.
    pub(crate) const ROWS: [(Difference, &str); 10] = [
        (Difference::EmptyNonTerminal, "Empty non-terminals"),
        (Difference::OptEchoed, "EDNS"),
        (Difference::BadVersion, "Version of EDNS"),
        (Difference::Truncated, "Large answers"),
        (Difference::NameServersLeftOut, "Name servers beside an answer"),
        (Difference::MinimalAny, "ANY"),
        (Difference::AnyAtBareApex, "ANY at a bare apex"),
        (Difference::Malformed, "Malformed queries"),
        (Difference::UnknownType, "Unknown types"),
        (Difference::UnknownOperation, "Unknown operations"),
    ];
}

/// What the comparison of two replies found.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Field by field the same.
    Same,
    /// Different in documented ways.
    Allowed(Vec<Difference>),
    /// Different in a way nothing explains.
    Wrong(String),
}

/// Compares what rbldnsd said, `None` for nothing, with what the other server said.
///
/// `whole` asks the other server again over TCP, for when it answered with TC.
pub(crate) fn compare(
    query: &Query,
    peer: Option<&Reply>,
    ours: Option<&Reply>,
    whole: impl FnOnce() -> Option<Reply>,
) -> Verdict {
    let mut differences = Vec::new();
    let verdict = match (peer, ours) {
        (None, None) if query.defect != Defect::Format => Ok(()),
        (None, None) => Err("both are silent on what should be FORMERR".to_owned()),
        (Some(_), None) => Err("only rbldnsd answers".to_owned()),
        (None, Some(ours)) => unasked(query, ours, &mut differences),
        (Some(peer), Some(ours)) => both(query, peer, ours, whole, &mut differences),
    };
    differences.sort();
    differences.dedup();
    match verdict {
        Err(fault) => Verdict::Wrong(fault),
        Ok(()) if differences.is_empty() => Verdict::Same,
        Ok(()) => Verdict::Allowed(differences),
    }
}

/// Judges a reply where rbldnsd kept silent: only a query that cannot be read earns one.
fn unasked(query: &Query, ours: &Reply, differences: &mut Vec<Difference>) -> Result<(), String> {
    if query.defect != Defect::Format {
        return Err(format!("only we answer: {ours:?}"));
    }
    if ![FORMERR, NOTIMP].contains(&ours.rcode) || !ours.sections.iter().all(BTreeSet::is_empty) {
        return Err(format!("unreadable, but answered: {ours:?}"));
    }
    differences.push(Difference::Malformed);
    Ok(())
}

/// Judges two replies.
fn both(
    query: &Query,
    peer: &Reply,
    ours: &Reply,
    whole: impl FnOnce() -> Option<Reply>,
    differences: &mut Vec<Difference>,
) -> Result<(), String> {
    edns(query, peer, ours, differences)?;
    let empty = ours.sections.iter().all(BTreeSet::is_empty);

    if query.defect == Defect::Opcode {
        // rbldnsd clears the operation; RFC 1035 section 4.1.1 copies it.
        let same = ours.rcode == NOTIMP && peer.rcode == NOTIMP && empty;
        let opcode = query.bytes[2] >> 3 & 15;
        differences.push(Difference::UnknownOperation);
        return if same && ours.opcode == opcode { Ok(()) } else { Err("not NOTIMP".to_owned()) };
    }
    if ours.opcode != 0 || ours.question != peer.question && ours.rcode != FORMERR {
        return Err("operation or question differ".to_owned());
    }
    if query.defect == Defect::Format && ours.rcode == FORMERR && empty {
        differences.push(Difference::Malformed);
        return Ok(());
    }
    if query.edns.is_some_and(|edns| edns.version > 0) {
        let refused = ours.rcode == BADVERS && ours.sections[0].is_empty();
        differences.push(Difference::BadVersion);
        return if refused { Ok(()) } else { Err("not BADVERS".to_owned()) };
    }
    let meta = [rtype::OPT, rtype::TKEY].contains(&query.rtype);
    if peer.rcode == NOTIMP || (meta && [FORMERR, NOTIMP].contains(&ours.rcode)) {
        return unknown(query, ours, differences);
    }
    if ours.flags & TC != 0 {
        let Some(whole) = whole() else { return Err("TC, but nothing over TCP".to_owned()) };
        // rbldnsd takes AA away where it left records out.
        let authoritative = if query.class == 1 { AA } else { 0 };
        if whole.flags & (TC | AA) != authoritative {
            return Err(format!("over TCP the flags are {:04x}", whole.flags));
        }
        if ours.rcode != peer.rcode || whole.rcode != peer.rcode {
            return Err("codes differ".to_owned());
        }
        let left_out = peer.flags & AA == 0;
        let (peer, whole) = (&peer.sections[0], &whole.sections[0]);
        let same = if query.rtype == rtype::ANY {
            whole.is_subset(peer) && !whole.is_empty()
                || left_out && whole.iter().any(|record| peer.contains(record))
        } else if left_out {
            whole.is_superset(peer)
        } else {
            whole == peer
        };
        if !same {
            return Err(format!("TC, but over TCP records differ: {whole:?}"));
        }
        differences.push(Difference::Truncated);
        return Ok(());
    }
    if query.rtype == rtype::ANY && (ours.sections != peer.sections || ours.rcode != peer.rcode) {
        let (theirs, some) = (&peer.sections[0], &ours.sections[0]);
        // Of class ANY no answer has AA, so it does not tell.
        let left_out = query.class != 1 || peer.flags & AA == 0;
        let minimal = ours.rcode == peer.rcode
            && some.is_empty() == theirs.is_empty()
            && (some.is_subset(theirs) || left_out && !some.is_disjoint(theirs));
        // rbldnsd refuses ANY at an apex that has no SOA or no NS record.
        let apex = query.name.eq_ignore_ascii_case(&query.apex);
        let refused = apex && peer.rcode == REFUSED && ours.rcode == NOERROR;
        if minimal || refused {
            let which = if minimal { Difference::MinimalAny } else { Difference::AnyAtBareApex };
            differences.push(which);
            return Ok(());
        }
        if !(peer.rcode == NXDOMAIN && ours.rcode == NOERROR) {
            return Err("ANY differs".to_owned());
        }
    }
    if peer.rcode == NXDOMAIN && ours.rcode == NOERROR && ours.sections[0].is_empty() {
        // Whether there really is something below is for the ledger to say.
        differences.push(Difference::EmptyNonTerminal);
    } else if peer.rcode != ours.rcode {
        return Err(format!("rcode {} became {}", peer.rcode, ours.rcode));
    }
    if peer.flags != ours.flags {
        return Err(format!("flags {:04x} became {:04x}", peer.flags, ours.flags));
    }
    // Name servers are left out where they do not fit: beside our OPT record, or into the 1,232
    // bytes we send at most, there is less room for them than in rbldnsd's replies.
    let size = query.edns.map_or(512, |edns| usize::from(edns.size.clamp(512, 1232)));
    let crowded = ours.opt.is_some() && peer.length + OPT_LENGTH > size;
    for (name, (peer, ours)) in ["ANSWER", "AUTHORITY", "ADDITIONAL"]
        .into_iter()
        .zip(peer.sections.iter().zip(&ours.sections))
    {
        if peer == ours {
            continue;
        }
        if ours.is_empty() && crowded && name != "ANSWER" {
            differences.push(Difference::NameServersLeftOut);
        } else {
            let lost: Vec<_> = peer.difference(ours).collect();
            let new: Vec<_> = ours.difference(peer).collect();
            return Err(format!("{name}: lost {lost:?}, new {new:?}"));
        }
    }
    Ok(())
}

/// Bytes of an OPT record without options.
const OPT_LENGTH: usize = 11;

/// Judges the OPT records: ours answers one, rbldnsd sends its own only when it needs the room.
fn edns(
    query: &Query,
    peer: &Reply,
    ours: &Reply,
    differences: &mut Vec<Difference>,
) -> Result<(), String> {
    match (query.edns, &ours.opt) {
        (Some(_), None) if ours.rcode == FORMERR => Ok(()),
        (Some(_), None) => Err("EDNS asked, OPT missing".to_owned()),
        (None, Some(_)) if query.defect != Defect::Format => {
            Err("an OPT record nobody asked for".to_owned())
        }
        (_, Some(opt)) if opt.version != 0 || opt.flags & 0x7fff != 0 => {
            Err(format!("an OPT record of {opt:?}"))
        }
        (_, Some(_)) if peer.opt.is_none() => {
            differences.push(Difference::OptEchoed);
            Ok(())
        }
        _ => Ok(()),
    }
}

/// Judges what rbldnsd does not implement: types from 250 on, and header bits it refuses.
fn unknown(query: &Query, ours: &Reply, differences: &mut Vec<Difference>) -> Result<(), String> {
    let flag = query.defect == Defect::Flag;
    let rtype = query.rtype;
    let unknown = rtype == rtype::OPT || rtype >= rtype::TKEY && rtype != rtype::ANY;
    if !flag && !unknown {
        return Err("only rbldnsd says NOTIMP".to_owned());
    }
    if !unknown && ours.rcode != NOTIMP {
        return Err("only rbldnsd refuses a header bit".to_owned());
    }
    let bits = wire::AA | RD | 0x8000;
    let known = [NOERROR, SERVFAIL, NXDOMAIN, NOTIMP, REFUSED, FORMERR].contains(&ours.rcode);
    if !known || ours.flags & !bits != 0 || (unknown && !ours.sections[0].is_empty()) {
        return Err(format!("answered {ours:?}"));
    }
    if ours.rcode != NOTIMP {
        differences.push(Difference::UnknownType);
    }
    Ok(())
}

/// What is known of each name after a run, to prove every empty non-terminal.
#[derive(Default)]
pub(crate) struct Ledger {
    /// Names above a name that rbldnsd says exists.
    above: HashSet<u64>,
    /// Names the other server says exist though nothing is there.
    claimed: BTreeMap<(u8, Vec<u8>), u64>,
    /// Names both say do not exist.
    absent: BTreeMap<(u8, Vec<u8>), u64>,
}

impl Ledger {
    /// Notes what both servers said of a name. `world` tells apart clients with other answers.
    pub(crate) fn note(&mut self, world: u8, query: &Query, peer: &Reply, ours: &Reply) {
        if query.name.is_empty() || query.apex.is_empty() || query.class != 1 {
            return;
        }
        let name = query.name.to_ascii_lowercase();
        let (place, key) = ((world, name.clone()), key(world, &name));
        match (peer.rcode, ours.rcode) {
            (NOERROR, _) => self.above.extend(ancestors(world, &name, &query.apex)),
            (NXDOMAIN, NOERROR) => drop(self.claimed.insert(place, key)),
            (NXDOMAIN, NXDOMAIN) => drop(self.absent.insert(place, key)),
            _ => {}
        }
    }

    /// Returns names called empty non-terminals without proof, and by which clients.
    pub(crate) fn unproven(&self) -> impl Iterator<Item = (u8, String)> {
        let unproven = self.claimed.iter().filter(|(_, key)| !self.above.contains(key));
        unproven.map(|((world, name), _)| (*world, wire::name_text(name)))
    }

    /// Returns names denied by NXDOMAIN although something below them exists.
    pub(crate) fn denied(&self) -> impl Iterator<Item = (u8, String)> {
        let denied = self.absent.iter().filter(|(_, key)| self.above.contains(key));
        denied.map(|((world, name), _)| (*world, wire::name_text(name)))
    }
}

/// Returns the keys of the names between a name and its apex.
fn ancestors(world: u8, name: &[u8], apex: &[u8]) -> Vec<u64> {
    let mut keys = Vec::new();
    let mut rest = name;
    while let Some((&length, tail)) = rest.split_first() {
        rest = tail.get(usize::from(length)..).unwrap_or_default();
        if rest.len() <= apex.len() {
            break;
        }
        keys.push(key(world, rest));
    }
    keys
}

/// Returns a name as a number, which is all that is kept of millions.
fn key(world: u8, name: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    (world, name).hash(&mut hasher);
    hasher.finish()
}

mod tests {
    use super::*;
    use crate::wire::Record;

    /// A query for an address and the reply both servers give.
    fn sample() -> (Query, Reply) {
        let name = wire::name_wire("2.0.0.127.bl.test");
        let query = Query {
            bytes: Vec::new(),
            name: name.clone(),
            apex: wire::name_wire("bl.test"),
            rtype: rtype::A,
            class: 1,
            defect: Defect::None,
            edns: None,
        };
        let record = Record { owner: name, rtype: 1, class: 1, ttl: 60, data: vec![127, 0, 0, 2] };
        let sections = [[record.clone()].into(), Default::default(), Default::default()];
        let reply = Reply {
            opcode: 0,
            flags: 0x8000 | AA,
            rcode: NOERROR,
            question: vec![1],
            sections,
            opt: None,
            length: 60,
        };
        (query, reply)
    }

    /// Changes one thing in our reply and returns whether that is seen as a fault.
    fn seen(change: impl FnOnce(&mut Reply)) -> bool {
        let (query, peer) = sample();
        let mut ours = peer.clone();
        change(&mut ours);
        matches!(compare(&query, Some(&peer), Some(&ours), || None), Verdict::Wrong(_))
    }

    #[test]
    fn every_field_is_compared() {
        let (_, reply) = sample();
        let record = reply.sections[0].first().expect("one record").clone();
        assert!(!seen(|_| {}));
        assert!(seen(|r| r.flags ^= AA));
        assert!(seen(|r| r.flags ^= RD));
        assert!(seen(|r| r.flags ^= 0x0080));
        assert!(seen(|r| r.flags ^= TC));
        assert!(seen(|r| r.rcode = NXDOMAIN));
        assert!(seen(|r| r.rcode = REFUSED));
        assert!(seen(|r| r.question.push(0)));
        assert!(seen(|r| r.opcode = 4));
        assert!(seen(|r| r.opt = Some(wire::Opt { version: 0, flags: 0, size: 1232 })));
        assert!(seen(|r| r.sections[0].clear()));
        assert!(seen(|r| r.sections[1].extend([record.clone()])));
        assert!(seen(|r| r.sections[2].extend([record.clone()])));
        assert!(seen(|r| r.sections[0] = [Record { ttl: 61, ..record.clone() }].into()));
        assert!(seen(|r| r.sections[0] = [Record { class: 3, ..record.clone() }].into()));
        assert!(seen(|r| r.sections[0] = [Record { data: vec![127, 0, 0, 3], ..record }].into()));
    }

    #[test]
    fn silence_is_a_fault_on_either_side() {
        let (query, reply) = sample();
        for (peer, ours) in [(None, Some(&reply)), (Some(&reply), None)] {
            assert!(matches!(compare(&query, peer, ours, || None), Verdict::Wrong(_)));
        }
    }
}

//! Rules about how servers speak DNS (RFC 8906).

use crate::observe::Server;
use crate::probe::{Probe, UNDEFINED_FLAG, UNDEFINED_OPTION};
use crate::reply::Reply;

use super::{
    Case, NOERROR, NOTIMP, NXDOMAIN, REFUSED, Word, fail, pass, rcode, reply, said, skip, warn,
};

impl Case<'_> {
    /// AA.
    pub(super) fn authoritative(&self) -> Word {
        self.each(|server| {
            let asked = [
                (Probe::Soa, "the SOA record"),
                (Probe::Invented, "a name that does not exist"),
                (Probe::Listed(crate::probe::Key::Ipv4), "127.0.0.2"),
            ];
            let replies = asked.iter().filter_map(|(probe, what)| {
                let reply = reply(server, *probe)?;
                matches!(reply.rcode, NOERROR | NXDOMAIN).then_some((reply, *what))
            });
            let replies: Vec<(&Reply, &str)> = replies.collect();
            match replies.iter().find(|(reply, _)| !reply.authoritative) {
                _ if replies.is_empty() => skip("no answer with data"),
                Some((_, what)) => fail(format!("no AA in the answer to {what}")),
                None => pass("AA is set"),
            }
        })
    }

    /// TCP.
    pub(super) fn tcp(&self) -> Word {
        self.each(|server| match said(server, Probe::Tcp) {
            Err(word) => word,
            Ok(reply) => match changed(server, reply) {
                None => pass("answered"),
                Some(what) => fail(format!("{what}, and not so by UDP")),
            },
        })
    }

    /// No recursion, and no answers for others.
    pub(super) fn recursion(&self) -> Word {
        self.each(|server| {
            let own = reply(server, Probe::RecursionDesired);
            let foreign = match said(server, Probe::Foreign) {
                Err(word) if word.seen == "no reply" => {
                    return warn("names of others are passed over in silence");
                }
                Err(word) => return word,
                Ok(reply) => reply,
            };
            match foreign.rcode {
                _ if foreign.recursion => fail("it offers recursion (RA)"),
                _ if own.is_some_and(|own| own.recursion) => fail("it offers recursion (RA)"),
                _ if !foreign.answers.is_empty() => fail("it answers for names of others"),
                REFUSED => pass("REFUSED"),
                NOERROR => warn("a name of others is answered with a referral"),
                code => warn(format!("a name of others is answered {}", rcode(code))),
            }
        })
    }

    /// An unknown type.
    pub(super) fn unknown_type(&self) -> Word {
        self.each(|server| match said(server, Probe::UnknownType) {
            Err(word) => word,
            Ok(_) if reply(server, Probe::Soa).is_some_and(|plain| plain.rcode != NOERROR) => {
                skip("the zone is not answered for")
            }
            Ok(reply) if reply.rcode == NOERROR && reply.answers.is_empty() => {
                pass("NOERROR without records")
            }
            Ok(reply) if reply.rcode == NOERROR => fail("TYPE1000 is answered with records"),
            Ok(reply) => fail(format!("TYPE1000: {}", rcode(reply.rcode))),
        })
    }

    /// Bits of the header.
    pub(super) fn header_bits(&self) -> Word {
        self.each(|server| {
            for (probe, bit) in [
                (Probe::CheckingDisabled, "CD"),
                (Probe::AuthenticData, "AD"),
                (Probe::ReservedBit, "Z"),
            ] {
                let reply = match said(server, probe) {
                    Err(word) => return Word { seen: format!("{bit}: {}", word.seen), ..word },
                    Ok(reply) => reply,
                };
                if let Some(what) = changed(server, reply) {
                    return fail(format!("{bit}: {what}"));
                }
                if reply.reserved || (bit == "AD" && reply.authentic) {
                    return fail(format!("{bit} comes back"));
                }
            }
            pass("CD, AD and Z change nothing")
        })
    }

    /// An unknown operation.
    pub(super) fn unknown_opcode(&self) -> Word {
        self.each(|server| match said(server, Probe::UnknownOpcode) {
            Err(word) => word,
            Ok(reply) if reply.rcode == NOTIMP => pass("NOTIMP"),
            Ok(reply) => fail(format!("{} to operation 15", rcode(reply.rcode))),
        })
    }

    /// EDNS at all.
    pub(super) fn edns(&self) -> Word {
        self.each(|server| match said(server, Probe::Edns) {
            Err(word) => word,
            Ok(reply) => match (&reply.edns, changed(server, reply)) {
                (Some(edns), None) if edns.version == 0 => pass("version 0"),
                (Some(edns), None) => fail(format!("version {}", edns.version)),
                // RFC 8906 section 8.3: both are the answers of a server that does not know EDNS.
                (None, None) => warn("EDNS is ignored"),
                (None, Some(_)) if matches!(reply.rcode, FORMERR | NOTIMP) => {
                    warn(format!("EDNS is not known ({})", rcode(reply.rcode)))
                }
                (_, Some(what)) => fail(what),
            },
        })
    }

    /// Another version of it.
    pub(super) fn edns_version(&self) -> Word {
        self.each_edns(Probe::EdnsVersion, |_, reply| match (&reply.edns, reply.rcode) {
            (Some(edns), BADVERS) if edns.version == 0 && reply.answers.is_empty() => {
                pass("BADVERS")
            }
            (Some(_), BADVERS) => fail("BADVERS, but not of version 0 and empty"),
            (_, code) => fail(format!("{} to version 1", rcode(code))),
        })
    }

    /// An option of it.
    pub(super) fn edns_option(&self) -> Word {
        self.each_edns(Probe::EdnsOption, |server, reply| match &reply.edns {
            _ if changed(server, reply).is_some() => {
                fail(changed(server, reply).unwrap_or_default())
            }
            None => fail("EDNS is missing in the answer"),
            Some(edns) if edns.options.contains(&UNDEFINED_OPTION) => fail("the option comes back"),
            Some(_) => pass("ignored"),
        })
    }

    /// A flag of it.
    pub(super) fn edns_flags(&self) -> Word {
        self.each_edns(Probe::EdnsFlags, |server, reply| match &reply.edns {
            _ if changed(server, reply).is_some() => {
                fail(changed(server, reply).unwrap_or_default())
            }
            None => fail("EDNS is missing in the answer"),
            Some(edns) if edns.flags & UNDEFINED_FLAG != 0 => fail("the flag comes back"),
            Some(_) => pass("ignored"),
        })
    }

    /// DO.
    pub(super) fn edns_do(&self) -> Word {
        self.each_edns(Probe::EdnsDo, |server, reply| match &reply.edns {
            _ if changed(server, reply).is_some() => {
                fail(changed(server, reply).unwrap_or_default())
            }
            None => fail("EDNS is missing in the answer"),
            Some(_) => pass("answered"),
        })
    }

    /// What is said of each server that speaks EDNS.
    fn each_edns(&self, probe: Probe, word: impl Fn(&Server, &Reply) -> Word) -> Word {
        self.each(|server| {
            if reply(server, Probe::Edns).is_none_or(|reply| reply.edns.is_none()) {
                return skip("it does not speak EDNS");
            }
            match said(server, probe) {
                Err(word) => word,
                Ok(reply) => word(server, reply),
            }
        })
    }
}

/// How an answer to an odd question for the SOA record differs from that to the plain one, if it does.
fn changed(server: &Server, odd: &Reply) -> Option<String> {
    let plain = reply(server, Probe::Soa)?;
    let is_same = plain.rcode == odd.rcode
        && Reply::soa(&plain.answers).is_some() == Reply::soa(&odd.answers).is_some();
    match is_same {
        true => None,
        false if odd.rcode == plain.rcode => Some("the SOA record is missing".to_owned()),
        false => Some(rcode(odd.rcode)),
    }
}

/// The query was not understood.
const FORMERR: u16 = 1;
/// This version of EDNS is not spoken.
const BADVERS: u16 = 16;

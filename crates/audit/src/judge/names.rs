//! Rules about names that are there, and names that are not.

use crate::probe::Probe;
use crate::reply::{Repeated, Reply};

use super::{
    Case, DAY, NOERROR, NXDOMAIN, Word, codes, fail, pass, rcode, reply, said, skip, warn,
};

impl Case<'_> {
    /// Types that an entry does not have.
    pub(super) fn other_types(&self) -> Word {
        self.each_key(|server, key| {
            if codes(server, Probe::Listed(key)).is_empty() {
                return skip(format!("{} is not listed", key.listed()));
            }
            match said(server, Probe::OtherType(key)) {
                Err(word) => word,
                Ok(reply) if reply.rcode == NOERROR && reply.answers.is_empty() => {
                    pass("AAAA: NOERROR without records")
                }
                Ok(reply) if reply.rcode == NOERROR => fail("AAAA is answered with records"),
                Ok(reply) => fail(format!("AAAA of a listed name: {}", rcode(reply.rcode))),
            }
        })
    }

    /// Letters of any case.
    pub(super) fn letter_case(&self) -> Word {
        self.each(|server| {
            let mixed = match said(server, Probe::Case) {
                Err(word) => return word,
                Ok(reply) => reply,
            };
            let plain = reply(server, Probe::Soa);
            let is_same = plain.is_none_or(|plain| {
                plain.rcode == mixed.rcode && plain.answers.len() == mixed.answers.len()
            });
            match (is_same, mixed.question) {
                (false, _) => fail(format!("{} to letters of mixed case", rcode(mixed.rcode))),
                (true, Repeated::Exactly) => pass("the question comes back as it was put"),
                (true, Repeated::OtherCase) => fail("the question comes back in other letters"),
                (true, Repeated::Missing) => fail("the question does not come back"),
            }
        })
    }

    /// Denials carry the SOA record.
    pub(super) fn denial_soa(&self) -> Word {
        self.each(|server| {
            let Some(reply) = reply(server, Probe::Invented).filter(|reply| is_denial(reply))
            else {
                return skip("nothing was denied");
            };
            match Reply::soa(&reply.authority) {
                Some((record, _)) if self.seen.zone.is_within(&record.owner) => {
                    pass(format!("SOA of {}", record.owner))
                }
                Some((record, _)) => fail(format!("SOA of {}, which is not above", record.owner)),
                None => fail(format!("{} without SOA", rcode(reply.rcode))),
            }
        })
    }

    /// Denials may be cached.
    pub(super) fn negative_ttl(&self) -> Word {
        self.each(|server| {
            let denial = reply(server, Probe::Invented).filter(|reply| is_denial(reply));
            let Some((record, soa)) = denial.and_then(|reply| Reply::soa(&reply.authority)) else {
                return skip("no denial with SOA");
            };
            match record.ttl.min(soa.minimum) {
                0 => warn("0 seconds: nobody may cache"),
                ttl if ttl > DAY => warn(format!("{ttl} seconds, more than a day")),
                ttl => pass(format!("{ttl} seconds")),
            }
        })
    }
}

/// Whether a reply says that there is nothing.
fn is_denial(reply: &Reply) -> bool {
    matches!(reply.rcode, NOERROR | NXDOMAIN) && reply.answers.is_empty()
}

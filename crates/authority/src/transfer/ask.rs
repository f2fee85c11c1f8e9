//! What somebody asks for by a transfer: read from a message without its signature.

use domain::base::{Message, ParsedName, Rtype, ToName};
use domain::rdata::Soa;
use repute_dnsxl::Name;

/// A question for a transfer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ask {
    /// The zone.
    pub apex: Name,
    /// What of it.
    pub what: What,
}

/// What of a zone is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// All of it (AXFR).
    Whole,
    /// What changed since this serial (IXFR).
    Since(u32),
}

impl What {
    /// The type of the question.
    pub fn qtype(self) -> u16 {
        match self {
            What::Whole => Rtype::AXFR.to_int(),
            What::Since(_) => Rtype::IXFR.to_int(),
        }
    }
}

/// A question that is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the question for a transfer cannot be read")]
pub struct AskError;

impl Ask {
    /// Reads it.
    ///
    /// # Errors
    /// If the message has not one question of class IN, or for IXFR no SOA record of the zone (RFC 1995 section 3).
    pub fn read(message: &[u8]) -> Result<Ask, AskError> {
        let message = Message::from_octets(message).map_err(|_| AskError)?;
        let question = message.sole_question().map_err(|_| AskError)?;
        if question.qclass() != domain::base::iana::Class::IN {
            return Err(AskError);
        }
        let name: domain::base::Name<Vec<u8>> = question.qname().to_name();
        let apex = Name::from_wire(name.as_slice()).map_err(|_| AskError)?;
        let what = match question.qtype() {
            Rtype::AXFR => What::Whole,
            Rtype::IXFR => {
                let mut records =
                    message.authority().map_err(|_| AskError)?.limit_to_in::<Soa<ParsedName<_>>>();
                let soa = records.next().ok_or(AskError)?.map_err(|_| AskError)?;
                if soa.owner() != question.qname() {
                    return Err(AskError);
                }
                What::Since(soa.data().serial().into_int())
            }
            _ => return Err(AskError),
        };
        Ok(Ask { apex, what })
    }
}

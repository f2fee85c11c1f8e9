//! NOTIFY from primaries (RFC 1996): who may say that a zone has changed, and who then asks.
//!
//! It is a hint and no more: what is new is asked for, so a forged one costs a question, and of these there is at most one
//! a second.

use std::collections::HashMap;
use std::net::IpAddr;

use domain::base::iana::Class;
use domain::base::{Message, Rtype};
use repute_dnsxl::Name;
use tokio::sync::mpsc;

use crate::message;
use crate::notify::Target;

/// Zones that are followed.
#[derive(Debug, Default)]
pub(crate) struct Heard(HashMap<Name, Ear>);

/// Who listens to whom.
#[derive(Debug)]
struct Ear {
    primaries: Vec<Target>,
    /// Takes the number of the primary that said so.
    told: mpsc::Sender<usize>,
}

/// Why nobody listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Deaf {
    /// It is no NOTIFY of a zone: FORMERR.
    Malformed,
    /// The zone is not followed here, or not from there: REFUSED.
    Stranger,
}

impl Heard {
    /// Listens to the primaries of a zone; where it is told which has said something.
    pub(crate) fn listen(&mut self, apex: Name, primaries: Vec<Target>) -> mpsc::Receiver<usize> {
        // One that waits is enough for each.
        let (told, waiting) = mpsc::channel(primaries.len().max(1));
        self.0.insert(apex, Ear { primaries, told });
        waiting
    }

    /// Listens no more.
    pub(crate) fn forget(&mut self, apex: &Name) {
        self.0.remove(apex);
    }

    /// Takes a NOTIFY: from this address, signed with this key if it was.
    pub(crate) fn take(
        &self,
        message: &[u8],
        address: IpAddr,
        key: Option<&Name>,
    ) -> Result<(), Deaf> {
        let message = Message::from_octets(message).map_err(|_| Deaf::Malformed)?;
        let question = message.sole_question().map_err(|_| Deaf::Malformed)?;
        let apex = message::owner(question.qname()).map_err(|_| Deaf::Malformed)?;
        // A copy of an answer must not go to and fro.
        let is_question = !message.header().qr();
        if !is_question || question.qtype() != Rtype::SOA || question.qclass() != Class::IN {
            return Err(Deaf::Malformed);
        }
        let Ear { primaries, told } = self.0.get(&apex).ok_or(Deaf::Stranger)?;
        let address = address.to_canonical();
        let by_address = |target: &Target| target.address.ip().to_canonical() == address;
        let by_key = |target: &Target| key.is_some() && target.key.as_ref() == key;
        let primary = primaries.iter().position(by_address);
        let primary = primary.or_else(|| primaries.iter().position(by_key));
        // Full, it waits there already.
        let _ = told.try_send(primary.ok_or(Deaf::Stranger)?);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A NOTIFY of a zone.
    fn notify(apex: &str, qtype: u8) -> Vec<u8> {
        let apex: Name = apex.parse().expect("a name");
        [&[7, 8, 0x24, 0, 0, 1, 0, 0, 0, 0, 0, 0][..], apex.as_wire(), &[0, qtype, 0, 1]].concat()
    }

    #[test]
    fn primaries_are_heard_and_nobody_else() {
        let mut heard = Heard::default();
        let targets = ["192.0.2.1", "192.0.2.2:5353 key k.test"];
        let targets = targets.map(|text| text.parse().expect("a target")).to_vec();
        let mut told = heard.listen("zone.test".parse().expect("a name"), targets);
        let key: Name = "k.test".parse().expect("a name");
        let mut take = |message: &[u8], from: &str, key: Option<&Name>| {
            let taken = heard.take(message, from.parse().expect("an address"), key);
            taken.map(|()| told.try_recv().expect("told"))
        };
        let change = notify("Zone.test", 6);
        // From whatever port, and through a socket of both families.
        assert_eq!(take(&change, "192.0.2.1", None), Ok(0));
        assert_eq!(take(&change, "::ffff:192.0.2.2", None), Ok(1));
        assert_eq!(take(&change, "203.0.113.9", Some(&key)), Ok(1));
        assert_eq!(take(&change, "203.0.113.9", None), Err(Deaf::Stranger));
        let other: Name = "other.test".parse().expect("a name");
        assert_eq!(take(&change, "203.0.113.9", Some(&other)), Err(Deaf::Stranger));
        assert_eq!(take(&notify("other.test", 6), "192.0.2.1", None), Err(Deaf::Stranger));
        assert_eq!(take(&notify("zone.test", 1), "192.0.2.1", None), Err(Deaf::Malformed));
        let mut answer = change.clone();
        answer[2] |= 0x80;
        assert_eq!(take(&answer, "192.0.2.1", None), Err(Deaf::Malformed));
        for end in 0..change.len() {
            assert_eq!(take(&change[..end], "192.0.2.1", None), Err(Deaf::Malformed), "{end}");
        }
    }

    #[test]
    fn many_wait_as_one() {
        let mut heard = Heard::default();
        let apex: Name = "zone.test".parse().expect("a name");
        let mut told = heard.listen(apex, vec!["192.0.2.1".parse().expect("a target")]);
        for _ in 0..1000 {
            let from = "192.0.2.1".parse().expect("an address");
            assert_eq!(heard.take(&notify("zone.test", 6), from, None), Ok(()));
        }
        assert_eq!((told.try_recv(), told.try_recv().is_err()), (Ok(0), true));
    }
}

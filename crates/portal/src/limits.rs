//! How often somebody may do something: a bucket for each network and each account, in memory.
//!
//! IPv4 addresses stand for themselves, IPv6 addresses for their /64, which is what one person has. Several processes
//! count each for itself. Does not read the clock: `now` is an argument.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use repute_database::subscribers::SubscriberId;
use repute_dnsxl::Ipv6Network;

use crate::secret::digest_of;

/// What is limited.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Deed {
    /// To try a password or another secret.
    Try,
    /// To try the code of a second factor.
    Code,
    /// To have mail sent.
    Mail,
    /// To look something up.
    LookUp,
    /// To follow the link of a listing's text.
    Link,
    /// To have us ask the name servers of others.
    Ask,
    /// To have us ask the lists of others.
    Elsewhere,
    /// To fetch a part of a list.
    Fetch,
    /// To do something by the API.
    Call,
}

/// Who does it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Doer {
    /// A network.
    Network(IpAddr),
    /// An account, by its number.
    Account(i64),
    /// Somebody by the address that was typed, whether there is such an account or not.
    Mail(Vec<u8>),
    /// The same from one network.
    MailAt(Vec<u8>, IpAddr),
    /// A server elsewhere.
    Subscriber(SubscriberId),
}

impl Doer {
    /// The network of an address.
    pub(crate) fn at(address: IpAddr) -> Doer {
        Doer::Network(match address.to_canonical() {
            IpAddr::V6(address) => IpAddr::V6(Ipv6Network::around(address, 64).first().into()),
            address @ IpAddr::V4(_) => address,
        })
    }

    /// Whoever has a mail address.
    pub(crate) fn by_mail(mail: &str) -> Doer {
        Doer::Mail(digest_of(mail))
    }

    /// Whoever types a mail address on a network.
    pub(crate) fn by_mail_at(mail: &str, address: IpAddr) -> Doer {
        match Doer::at(address) {
            Doer::Network(network) => Doer::MailAt(digest_of(mail), network),
            doer => doer,
        }
    }

    /// How much he may at once, and how long one more takes.
    fn rate(&self, deed: Deed) -> (u32, Duration) {
        match (deed, self) {
            (Deed::Ask, _) => (20, Duration::from_secs(15)),
            (Deed::Elsewhere, _) => (6, Duration::from_secs(60)),
            // Two for each change, as quickly as changes come.
            (Deed::Fetch, _) | (_, Doer::Subscriber(_)) => (300, Duration::from_millis(50)),
            (Deed::Try, Doer::Network(_)) => (30, Duration::from_secs(10)),
            (Deed::Try, Doer::MailAt(..) | Doer::Account(_)) => (10, Duration::from_secs(60)),
            // Whoever guesses from everywhere is slowed down; one network locks nobody out who is elsewhere.
            (Deed::Try, Doer::Mail(_)) => (200, Duration::from_secs(20)),
            (Deed::Code, _) => (5, Duration::from_secs(300)),
            (Deed::Mail, Doer::Network(_)) => (10, Duration::from_secs(60)),
            (Deed::Mail, Doer::Mail(_) | Doer::MailAt(..) | Doer::Account(_)) => {
                (3, Duration::from_secs(300))
            }
            (Deed::Call, _) => (300, Duration::from_millis(100)),
            (Deed::Link, _) => (60, Duration::from_secs(1)),
            (Deed::LookUp, _) => (120, Duration::from_millis(250)),
        }
    }
}

/// All buckets.
#[derive(Debug, Default)]
pub(crate) struct Limits(Mutex<HashMap<(Deed, Doer), Instant>>);

impl Limits {
    /// Does something, or says after how long it may be done.
    ///
    /// A bucket is one moment: that at which it will be full again. Each deed moves it on.
    pub(crate) fn take(&self, deed: Deed, doer: Doer, now: Instant) -> Result<(), Duration> {
        let (burst, each) = doer.rate(deed);
        let mut buckets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= MOST {
            buckets.retain(|_, full| *full > now);
            // Whoever fills it with so many addresses at once gains one deed for each of them.
            if buckets.len() >= MOST {
                buckets.clear();
            }
        }
        let full = buckets.entry((deed, doer)).or_insert(now);
        let then = (*full).max(now) + each;
        let latest = now + each * burst;
        if then > latest {
            return Err(then - latest);
        }
        *full = then;
        Ok(())
    }
}

/// Most buckets at a time.
const MOST: usize = 100_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_free_and_then_each_takes_its_time() {
        let limits = Limits::default();
        let start = Instant::now();
        let doer = || Doer::by_mail("a@x.example");
        for _ in 0..3 {
            assert_eq!(limits.take(Deed::Mail, doer(), start), Ok(()));
        }
        let wait = limits.take(Deed::Mail, doer(), start).expect_err("it is too much");
        assert_eq!(wait, Duration::from_secs(300));
        assert_eq!(limits.take(Deed::Mail, Doer::by_mail("b@x.example"), start), Ok(()));
        assert_eq!(limits.take(Deed::Try, doer(), start), Ok(()), "another deed");
        let later = start + Duration::from_secs(299);
        assert_eq!(limits.take(Deed::Mail, doer(), later), Err(Duration::from_secs(1)));
        assert_eq!(limits.take(Deed::Mail, doer(), start + Duration::from_secs(300)), Ok(()));
    }

    #[test]
    fn who_guesses_in_one_place_locks_nobody_out_who_is_elsewhere() {
        let (limits, start) = (Limits::default(), Instant::now());
        let at = |address: &str| Doer::by_mail_at("a@x.example", address.parse().expect("one"));
        while limits.take(Deed::Try, at("192.0.2.1"), start).is_ok() {}
        assert_eq!(limits.take(Deed::Try, at("192.0.2.2"), start), Ok(()));
        let everywhere = || Doer::by_mail("a@x.example");
        let tries = (0..1_000).take_while(|_| limits.take(Deed::Try, everywhere(), start).is_ok());
        assert_eq!(tries.count(), 200, "but it ends");
    }

    #[test]
    fn one_person_has_one_network() {
        let at = |text: &str| Doer::at(text.parse().expect("an address"));
        assert_eq!(at("2001:db8::1"), at("2001:db8::ffff:0:0:1"));
        assert_ne!(at("2001:db8::1"), at("2001:db8:0:1::1"));
        assert_ne!(at("192.0.2.1"), at("192.0.2.2"));
        assert_eq!(at("192.0.2.1"), at("::ffff:192.0.2.1"));
    }
}

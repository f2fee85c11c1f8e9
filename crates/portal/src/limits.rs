//! How often somebody may do something: a bucket for each network and each account.
//!
//! IPv4 addresses stand for themselves. Of IPv6 one person has a /64, a household often a /56 and whoever asks for it a
//! /48, with 65,536 networks in it: so all three are counted, and the wider ones bear a few times as much. What only costs time
//! is counted in memory, by each process for itself. What guards secrets or sends letters is counted in the database
//! besides, so that several processes allow no more than one, and a start forgets nothing; what is too much for this
//! process alone does not get that far.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use repute_database::limits::{self, Rate};
use repute_database::subscribers::SubscriberId;
use repute_database::{Timestamp, Transaction};
use repute_dnsxl::Ipv6Network;

use crate::app::App;
use crate::error::AppError;
use crate::secret::digest_of;

/// Does something, or fails because it was done too often.
pub(crate) async fn take(app: &App, deed: Deed, doer: Doer) -> Result<(), AppError> {
    if deed.word().is_none() {
        return app.limits.take(deed, &doer, Instant::now()).map_err(AppError::TooMany);
    }
    // Whoever floods us meets what is in memory, and not the database.
    app.limits.take(deed, &doer, Instant::now()).map_err(AppError::TooMany)?;
    let mut transaction = app.database.begin().await?;
    take_of_all(app, &mut transaction, deed, &doer).await?;
    Ok(transaction.commit().await?)
}

/// The same with a transaction in hand: what does not happen then is not counted for others.
pub(crate) async fn take_within(
    app: &App,
    transaction: &mut Transaction,
    deed: Deed,
    doer: Doer,
) -> Result<(), AppError> {
    app.limits.take(deed, &doer, Instant::now()).map_err(AppError::TooMany)?;
    take_of_all(app, transaction, deed, &doer).await
}

/// Counts what is counted for all processes.
async fn take_of_all(
    app: &App,
    transaction: &mut Transaction,
    deed: Deed,
    doer: &Doer,
) -> Result<(), AppError> {
    let now = Timestamp::now();
    for (deed, doer) in doer.buckets(deed) {
        let Some(word) = deed.word() else { continue };
        let (digest, rate) = (doer.digest(app), doer.rate(deed));
        let taken = limits::take(transaction.session(), word, &digest, rate, now).await?;
        taken.map_err(AppError::TooMany)?;
    }
    Ok(())
}

/// Forgets what was counted in the database and is over.
pub(crate) async fn tidy(app: &App) -> Result<(), AppError> {
    let mut transaction = app.database.begin().await?;
    limits::tidy(transaction.session(), Timestamp::now(), MOST_STORED).await?;
    Ok(transaction.commit().await?)
}

/// What is limited.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Deed {
    /// To try a password or another secret.
    Try,
    /// To try the code of a second factor.
    Code,
    /// To have mail sent.
    Mail,
    /// To have mail sent to one address, of what it gets on a day.
    MailADay,
    /// To have a link to another password sent to somebody who has an account, of what he gets on a day.
    ResetMail,
    /// To have mail sent to somebody at whose address letters fail.
    DeadMail,
    /// To send a form while signed in.
    Form,
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

impl Deed {
    /// Its word in the database, if it is counted there.
    fn word(self) -> Option<&'static str> {
        match self {
            Deed::Try => Some("try"),
            Deed::Code => Some("code"),
            Deed::Mail => Some("mail"),
            Deed::MailADay => Some("mail-a-day"),
            Deed::ResetMail => Some("reset-mail"),
            Deed::DeadMail => Some("dead-mail"),
            Deed::LookUp
            | Deed::Link
            | Deed::Ask
            | Deed::Elsewhere
            | Deed::Fetch
            | Deed::Call
            | Deed::Form => None,
        }
    }
}

/// Who does it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Doer {
    /// A network.
    Network(Around),
    /// An account, by its number.
    Account(i64),
    /// Somebody by the address that was typed, whether there is such an account or not.
    Mail(Vec<u8>),
    /// The same from one network.
    MailAt(Vec<u8>, Around),
    /// Somebody in a browser in which he has signed in before, by a digest of what it shows.
    Device(Vec<u8>),
    /// A server elsewhere.
    Subscriber(SubscriberId),
}

/// The networks around an address that count as one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Around {
    /// An address of IPv4.
    Ipv4(Ipv4Addr),
    /// The first address of a network of IPv6, and the length of its prefix.
    Ipv6(Ipv6Addr, u8),
}

impl Around {
    /// What one person has around an address.
    fn person(address: IpAddr) -> Around {
        match address.to_canonical() {
            IpAddr::V4(address) => Around::Ipv4(address),
            IpAddr::V6(address) => Around::Ipv6(address, PERSON).within(PERSON),
        }
    }

    /// The network of this length that it lies in; an address of IPv4 stands for itself.
    fn within(self, prefix: u8) -> Around {
        match self {
            Around::Ipv4(_) => self,
            Around::Ipv6(first, _) => {
                Around::Ipv6(Ipv6Network::around(first, prefix).first().into(), prefix)
            }
        }
    }

    /// It and what lies around it, the smallest first.
    fn circles(self) -> impl Iterator<Item = Around> {
        let wider = match self {
            Around::Ipv4(_) => &[][..],
            Around::Ipv6(..) => &[HOUSEHOLD, SITE][..],
        };
        std::iter::once(self).chain(wider.iter().map(move |prefix| self.within(*prefix)))
    }

    /// How many times as much as one person it may.
    fn share(self) -> u32 {
        match self {
            Around::Ipv6(_, SITE) => 8,
            Around::Ipv6(_, HOUSEHOLD) => 2,
            Around::Ipv4(_) | Around::Ipv6(..) => 1,
        }
    }
}

impl fmt::Display for Around {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Around::Ipv4(address) => write!(f, "{address}"),
            // As it was counted before there were wider ones.
            Around::Ipv6(first, PERSON) => write!(f, "{first}"),
            Around::Ipv6(first, prefix) => write!(f, "{first}/{prefix}"),
        }
    }
}

impl Doer {
    /// The network of an address.
    pub(crate) fn at(address: IpAddr) -> Doer {
        Doer::Network(Around::person(address))
    }

    /// The networks around an address in which others may be, too, the smallest first, and how many times as much as one
    /// person each may.
    pub(crate) fn around(address: IpAddr) -> impl Iterator<Item = (Doer, u32)> {
        let circles = Around::person(address).circles();
        circles.map(|around| (Doer::Network(around), around.share()))
    }

    /// Whoever has a mail address.
    pub(crate) fn by_mail(mail: &str) -> Doer {
        Doer::Mail(digest_of(mail))
    }

    /// Whoever types a mail address on a network.
    pub(crate) fn by_mail_at(mail: &str, address: IpAddr) -> Doer {
        Doer::MailAt(digest_of(mail), Around::person(address))
    }

    /// The buckets in which a deed of his counts, the smallest first: who has used up his own takes nothing from others
    /// around him.
    fn buckets(&self, deed: Deed) -> Vec<(Deed, Doer)> {
        match self {
            Doer::Network(around) => {
                around.circles().map(|around| (deed, Doer::Network(around))).collect()
            }
            Doer::MailAt(mail, around) => {
                let at = |around| (deed, Doer::MailAt(mail.clone(), around));
                around.circles().map(at).collect()
            }
            Doer::Mail(_) if deed == Deed::Mail => {
                vec![(deed, self.clone()), (Deed::MailADay, self.clone())]
            }
            Doer::Account(_) | Doer::Mail(_) | Doer::Device(_) | Doer::Subscriber(_) => {
                vec![(deed, self.clone())]
            }
        }
    }

    /// Under which digest he is known in the database: without the key nobody learns who it is.
    pub(crate) fn digest(&self, app: &App) -> Vec<u8> {
        app.means.key.digest_of_doer(&self.said())
    }

    /// Who he is, in bytes that are nobody else's.
    fn said(&self) -> Vec<u8> {
        match self {
            Doer::Network(address) => format!("network {address}").into_bytes(),
            Doer::Account(account) => format!("account {account}").into_bytes(),
            Doer::Mail(digest) => [b"mail ", &digest[..]].concat(),
            Doer::MailAt(digest, address) => {
                [format!("mail at {address} ").as_bytes(), digest].concat()
            }
            Doer::Device(digest) => [b"device ", &digest[..]].concat(),
            Doer::Subscriber(SubscriberId(id)) => format!("subscriber {id}").into_bytes(),
        }
    }

    /// How much he may.
    fn rate(&self, deed: Deed) -> Rate {
        let (burst, each) = match (deed, self) {
            (Deed::Ask, _) => (20, Duration::from_secs(15)),
            (Deed::Elsewhere, _) => (6, Duration::from_secs(60)),
            // Two for each change, as quickly as changes come.
            (Deed::Fetch, _) | (_, Doer::Subscriber(_)) => (300, Duration::from_millis(50)),
            (Deed::Try, Doer::Network(_)) => (30, Duration::from_secs(10)),
            (Deed::Try, Doer::MailAt(..) | Doer::Account(_) | Doer::Device(_)) => {
                (10, Duration::from_secs(60))
            }
            // Whoever guesses from everywhere is slowed down; nobody is locked out by it in a browser of his own.
            (Deed::Try, Doer::Mail(_)) => (200, Duration::from_secs(20)),
            (Deed::Code, _) => (5, Duration::from_secs(300)),
            (Deed::Mail, Doer::Network(_)) => (10, Duration::from_secs(60)),
            (Deed::Mail, Doer::Mail(_) | Doer::MailAt(..) | Doer::Account(_) | Doer::Device(_)) => {
                (3, Duration::from_secs(300))
            }
            // Who uses up the latter has sent links by it, each of which works for a day.
            (Deed::MailADay | Deed::ResetMail, _) => (6, Duration::from_secs(4 * 3600)),
            (Deed::DeadMail, _) => (1, Duration::from_secs(24 * 3600)),
            // More than anybody types, or clicks.
            (Deed::Form, _) => (300, Duration::from_millis(500)),
            (Deed::Call, _) => (300, Duration::from_millis(100)),
            (Deed::Link, _) => (60, Duration::from_secs(1)),
            (Deed::LookUp, _) => (120, Duration::from_millis(250)),
        };
        let share = match self {
            Doer::Network(around) | Doer::MailAt(_, around) => around.share(),
            Doer::Account(_) | Doer::Mail(_) | Doer::Device(_) | Doer::Subscriber(_) => 1,
        };
        Rate { burst: burst * share, each: each / share }
    }
}

/// What one subscriber of IPv6 has at the least (RFC 6177).
const PERSON: u8 = 64;
/// What many providers give a household.
const HOUSEHOLD: u8 = 56;
/// What whoever wants more than that is given.
const SITE: u8 = 48;

/// The buckets of this process.
#[derive(Debug)]
pub(crate) struct Limits {
    /// So many at the most.
    most: usize,
    /// What they hold.
    buckets: Mutex<Buckets>,
}

/// Buckets, each as the moment at which it will be full again.
#[derive(Debug, Default)]
struct Buckets {
    /// When each is full.
    full: HashMap<(Deed, Doer), Instant>,
    /// The same, the first first.
    order: BTreeSet<(Instant, Deed, Doer)>,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { most: MOST, buckets: Mutex::default() }
    }
}

impl Limits {
    /// Does something, or says after how long it may be done. Each deed moves its buckets on.
    pub(crate) fn take(&self, deed: Deed, doer: &Doer, now: Instant) -> Result<(), Duration> {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        buckets.forget(now);
        doer.buckets(deed).into_iter().try_for_each(|(deed, doer)| {
            let rate = doer.rate(deed);
            buckets.take(deed, doer, rate, now, self.most)
        })
    }
}

impl Buckets {
    /// Moves one on, unless that is too much.
    fn take(
        &mut self,
        deed: Deed,
        doer: Doer,
        Rate { burst, each }: Rate,
        now: Instant,
        most: usize,
    ) -> Result<(), Duration> {
        let known = self.full.get(&(deed, doer.clone())).copied();
        let then = known.unwrap_or(now) + each;
        let latest = now + each * burst;
        if then > latest {
            return Err(then - latest);
        }
        match known {
            Some(full) => {
                self.order.remove(&(full, deed, doer.clone()));
            }
            // Whoever comes with so many addresses at once has others forgotten that have least to lose by it.
            None if self.full.len() >= most => self.evict(),
            None => {}
        }
        self.order.insert((then, deed, doer.clone()));
        self.full.insert((deed, doer), then);
        Ok(())
    }

    /// Forgets those that are full.
    fn forget(&mut self, now: Instant) {
        while self.order.first().is_some_and(|(full, ..)| *full <= now) {
            self.evict();
        }
    }

    /// Forgets the one that is full first.
    fn evict(&mut self) {
        if let Some((_, deed, doer)) = self.order.pop_first() {
            self.full.remove(&(deed, doer));
        }
    }
}

/// Most buckets at a time.
const MOST: usize = 100_000;
/// Most of them in the database.
const MOST_STORED: u32 = 200_000;

#[cfg(test)]
mod tests {
    use repute_database::testing::on_each_narrow;

    use super::*;
    use crate::testing::Site;

    #[test]
    fn a_burst_is_free_and_then_each_takes_its_time() {
        let limits = Limits::default();
        let start = Instant::now();
        let doer = || Doer::by_mail("a@x.example");
        for _ in 0..3 {
            assert_eq!(limits.take(Deed::Mail, &doer(), start), Ok(()));
        }
        let wait = limits.take(Deed::Mail, &doer(), start).expect_err("it is too much");
        assert_eq!(wait, Duration::from_secs(300));
        assert_eq!(limits.take(Deed::Mail, &Doer::by_mail("b@x.example"), start), Ok(()));
        assert_eq!(limits.take(Deed::Try, &doer(), start), Ok(()), "another deed");
        let later = start + Duration::from_secs(299);
        assert_eq!(limits.take(Deed::Mail, &doer(), later), Err(Duration::from_secs(1)));
        assert_eq!(limits.take(Deed::Mail, &doer(), start + Duration::from_secs(300)), Ok(()));
    }

    #[test]
    fn an_address_has_a_few_letters_a_day_however_slowly_they_are_asked_for() {
        let (limits, start) = (Limits::default(), Instant::now());
        let day = (0..288).map(|turn| start + Duration::from_secs(300 * turn));
        let letters =
            day.filter(|now| limits.take(Deed::Mail, &Doer::by_mail("a@x.example"), *now).is_ok());
        assert_eq!(letters.count(), 6 + 5, "at once, and while the day goes by");
    }

    #[test]
    fn who_guesses_in_one_place_locks_nobody_out_who_is_elsewhere() {
        let (limits, start) = (Limits::default(), Instant::now());
        let at = |address: &str| Doer::by_mail_at("a@x.example", address.parse().expect("one"));
        while limits.take(Deed::Try, &at("192.0.2.1"), start).is_ok() {}
        assert_eq!(limits.take(Deed::Try, &at("192.0.2.2"), start), Ok(()));
        let everywhere = || Doer::by_mail("a@x.example");
        let tries = (0..1_000).take_while(|_| limits.take(Deed::Try, &everywhere(), start).is_ok());
        assert_eq!(tries.count(), 200, "but it ends");
    }

    #[test]
    fn who_has_many_networks_of_ipv6_has_a_few_times_as_much_and_no_more() {
        let first = u128::from("2001:db8::".parse::<Ipv6Addr>().expect("an address"));
        let start = Instant::now();
        // How far apart 64 addresses stand, and how much all of them may together.
        for (around, shift, expected) in [
            ("in a /64", 0, 30),
            ("in a /56", 64, 60),
            ("in a /48", 72, 240),
            ("each in a /48 of its own", 80, 64 * 30),
        ] {
            let limits = Limits::default();
            let mut taken = 0;
            for place in 0..64 {
                let address = IpAddr::from(Ipv6Addr::from(first + (place << shift)));
                while limits.take(Deed::Try, &Doer::at(address), start).is_ok() {
                    taken += 1;
                }
            }
            assert_eq!(taken, expected, "{around}");
        }
        // One of them who has used up his own has taken no more than that from others.
        let limits = Limits::default();
        let doer = |text: &str| Doer::at(text.parse().expect("an address"));
        let tries =
            (0..1_000).filter(|_| limits.take(Deed::Try, &doer("2001:db8::1"), start).is_ok());
        assert_eq!(tries.count(), 30);
        assert_eq!(limits.take(Deed::Try, &doer("2001:db8:0:1::1"), start), Ok(()));
    }

    #[test]
    fn who_is_over_his_limit_stays_so_however_many_others_come() {
        let limits = Limits { most: 3, ..Limits::default() };
        let start = Instant::now();
        let guesser = || Doer::by_mail("a@x.example");
        while limits.take(Deed::Code, &guesser(), start).is_ok() {}
        for other in 0..1_000 {
            let other = Doer::by_mail(&format!("{other}@x.example"));
            assert_eq!(limits.take(Deed::Code, &other, start), Ok(()));
        }
        assert!(limits.take(Deed::Code, &guesser(), start).is_err());
        let buckets = limits.buckets.lock().expect("nobody panicked");
        assert_eq!((buckets.full.len(), buckets.order.len()), (3, 3));
        drop(buckets);
        let later = start + Duration::from_secs(3_600);
        assert_eq!(limits.take(Deed::Code, &guesser(), later), Ok(()));
        assert_eq!(limits.buckets.lock().expect("nobody panicked").full.len(), 1, "all is over");
    }

    #[tokio::test]
    async fn two_portals_allow_no_more_than_one_and_a_third_that_starts_knows_of_it() {
        on_each_narrow(async |database| {
            let site = || Site::over(database.clone());
            let (one, other) = (site(), site());
            let at = || Doer::by_mail_at("a@x.example", "192.0.2.1".parse().expect("one"));
            let is_refused = |taken: Result<(), AppError>| match taken {
                Ok(()) => false,
                Err(AppError::TooMany(_)) => true,
                Err(error) => panic!("{error:?}"),
            };
            for turn in 0..10 {
                let app = if turn % 2 == 0 { &one.app } else { &other.app };
                assert!(!is_refused(take(app, Deed::Try, at()).await), "{turn}");
            }
            for app in [&one.app, &other.app, &site().app] {
                assert!(is_refused(take(app, Deed::Try, at()).await));
                assert!(!is_refused(take(app, Deed::Ask, at()).await), "that costs only time");
            }
            let mut transaction = database.begin().await.expect("a transaction");
            let third = site();
            for (doer, expected) in [(at(), true), (Doer::Account(1), false)] {
                let taken = take_within(&third.app, &mut transaction, Deed::Try, doer).await;
                assert_eq!(is_refused(taken), expected);
            }
            // What is taken back was not done.
            drop(transaction);
            let mut transaction = database.begin().await.expect("a transaction");
            let left = limits::tidy(transaction.session(), Timestamp(i64::MAX), 0).await;
            assert_eq!(left.expect("a number"), 1);
        })
        .await;
    }

    #[test]
    fn nobody_is_taken_for_another() {
        let address = || "192.0.2.1".parse().expect("an address");
        let all = [
            Doer::at(address()),
            Doer::Account(1),
            Doer::Subscriber(SubscriberId(1)),
            Doer::by_mail("a@x.example"),
            Doer::by_mail("b@x.example"),
            Doer::Device(digest_of("a@x.example")),
            Doer::by_mail_at("a@x.example", address()),
        ];
        let said: BTreeSet<Vec<u8>> = all.iter().map(Doer::said).collect();
        assert_eq!(said.len(), all.len());
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

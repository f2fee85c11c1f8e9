//! What a list of the database is around its entries: SOA, name servers, test entries, times to live.

use repute_database::dns::Settings;
use repute_database::entries::Listing;
use repute_database::lists::{List, State, Stored};
use repute_database::{DatabaseError, Session};
use repute_database::{Key, dns, lists};
use repute_dnsxl::{Name, ReturnCode};
use repute_zone::guard::Guards;
use repute_zone::journal::{self, Change};
use repute_zone::{Dialect, Link, Soa, Text, ZoneSpec};

use crate::link;

/// All that a zone is made of but its entries.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Shape {
    /// What the list is.
    pub(super) list: List,
    /// Whether it is in use.
    pub(super) state: State,
    /// How it is published.
    pub(super) settings: Settings,
    /// Its return codes.
    codes: Vec<ReturnCode>,
    /// Where its texts lead to.
    link: Option<Link>,
}

impl Shape {
    /// Reads it.
    pub(super) async fn read(
        mut session: Session<'_>,
        stored: &Stored,
    ) -> Result<Shape, DatabaseError> {
        let settings = dns::of(session.again(), stored.id).await?;
        let codes = lists::codes(session.again(), stored.id).await?;
        let codes = codes.into_iter().map(|(code, _)| code).collect();
        let link = link::of(session, stored, &settings).await?;
        Ok(Shape { list: stored.list.clone(), state: stored.state, settings, codes, link })
    }

    /// Whether its entries are published: a list that is shut down is empty (RFC 6471 section 3.4).
    pub(super) fn has_entries(&self) -> bool {
        self.state == State::Active
    }

    /// The zone around the entries.
    pub(super) fn spec(&self, serial: u32) -> ZoneSpec {
        let Shape { list, settings, .. } = self;
        let (apex, is_active) = (&list.apex, self.has_entries());
        let servers = match &settings.name_servers[..] {
            [] => vec![apex.clone()],
            servers => servers.to_vec(),
        };
        // Who still asks a list that is no more need not ask often.
        let at_least =
            |seconds: u32, last: u32| if is_active { seconds } else { seconds.max(last) };
        let soa = Soa {
            ttl: settings.name_server_ttl.min(SOA_TTL),
            origin: servers.first().unwrap_or(apex).clone(),
            person: settings.hostmaster.clone().unwrap_or_else(|| hostmaster(apex)),
            serial,
            refresh: settings.refresh,
            retry: settings.retry,
            expire: settings.expire,
            minimum: at_least(settings.minimum, DAY),
        };
        ZoneSpec {
            apex: apex.clone(),
            dialect: Dialect::Native,
            polarity: list.polarity,
            soa: Some(soa),
            name_servers: Some((at_least(settings.name_server_ttl, 7 * DAY), servers)),
            datasets: Vec::new(),
            // Without them its users see that it is out of use (RFC 5782 section 5, RFC 6471 section 3.4).
            test_entries: is_active,
            link: self.link.clone(),
            codes: self.codes.clone(),
            serial,
        }
    }

    /// What a new version must not do.
    pub(super) fn guards(&self) -> Guards {
        let length = |len: u8| (len > 0).then_some(len);
        let Settings { ipv4_prefix, ipv6_prefix, .. } = self.settings;
        Guards {
            ipv4_prefix: length(ipv4_prefix),
            ipv6_prefix: length(ipv6_prefix),
            ipv4_growth: length(ipv4_prefix),
            ipv6_growth: length(ipv6_prefix),
            // A small list may well lose its last entry; how much may go at once is another guard's.
            allow_empty: true,
            ..Guards::default()
        }
    }
}

/// Makes what a key becomes of its listings, which stand together.
pub(super) fn changes(listings: Vec<Listing>) -> impl Iterator<Item = Change> {
    let mut listings = listings.into_iter().peekable();
    std::iter::from_fn(move || {
        let first = listings.next()?;
        let key = first.key.clone();
        let (mut answers, mut is_excluded) = (Vec::new(), false);
        let mut next = Some(first);
        while let Some(Listing { code, text, .. }) = next {
            match code {
                Some(code) => answers.push((code, Text::template(&text))),
                None => is_excluded = true,
            }
            next = listings.next_if(|listing| listing.key == key);
        }
        // What is never listed is not listed, whatever else is said of it.
        let state = match is_excluded {
            true => journal::State::Excluded,
            false => journal::State::Listed(answers),
        };
        Some(Change { key: journal_key(key), state })
    })
}

/// A key in the words of the journal.
pub(super) fn journal_key(key: Key) -> journal::Key {
    match key {
        Key::Network(network) => journal::Key::Network(network),
        Key::Name(name, extent) => journal::Key::Name(name, extent),
    }
}

/// The usual mailbox of a zone (RFC 2142), if its name is not too long.
fn hostmaster(apex: &Name) -> Name {
    format!("hostmaster.{apex}").parse().unwrap_or_else(|_| apex.clone())
}

/// Time to live of the SOA record.
const SOA_TTL: u32 = 3_600;
/// Seconds of a day.
const DAY: u32 = 86_400;

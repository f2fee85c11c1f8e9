//! What shows that somebody has to do with what he wants off a list, and how much else an entry lists.
//!
//! A /64 is the least that one subscriber has of IPv6 (RFC 6177), and what rules list of it. So an entry between a /64
//! and a single address is that of whoever asks from an address in its /64, or takes mail at the domain of a name that
//! such an address has and that leads back to it. A name that only leads there proves nothing: anybody can write one.

use std::net::IpAddr;

use repute_database::Key;
use repute_database::removals::Control;
use repute_dnsxl::{Extent, Ipv4Network, Ipv6Network, Name, Network, Target};

use crate::request::check::{Evidence, Pointers};

/// What an entry lists besides what somebody asks about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    /// Nothing.
    Exact,
    /// Other addresses of one subscriber of IPv6.
    Subscriber,
    /// What may be anybody's.
    Wider,
}

impl Reach {
    /// That of an entry which lists a target.
    pub(super) fn of(key: &Key, target: &str) -> Reach {
        match key {
            Key::Network(network) if network.to_string() == target => Reach::Exact,
            Key::Network(Network::V6(network)) if network.prefix_len() >= SUBSCRIBER => {
                Reach::Subscriber
            }
            Key::Name(name, Extent::Exact | Extent::Both) if name.to_string() == target => {
                Reach::Exact
            }
            Key::Network(_) | Key::Name(..) => Reach::Wider,
        }
    }
}

/// What shows that somebody has to do with a target that an entry lists: he asks from it, or his mail is taken at a domain
/// of it. `names` are those of an address that lead back to it. That the mail is his he shows by the link in it.
pub fn control(target: &Target, key: &Key, client: IpAddr, mail: &str, names: &[Name]) -> Control {
    let is_his = match (target, client.to_canonical()) {
        (Target::Ipv4(address), IpAddr::V4(client)) => client == *address,
        (Target::Ipv6(address), IpAddr::V6(client)) => match Reach::of(key, &address.to_string()) {
            Reach::Exact | Reach::Wider => client == *address,
            Reach::Subscriber => subscriber(*address).contains(client),
        },
        (Target::Ipv4(_) | Target::Ipv6(_) | Target::Name(_), _) => false,
    };
    if is_his {
        return Control::Address;
    }
    let domain = mail.trim().rsplit_once('@').and_then(|(_, domain)| domain.parse::<Name>().ok());
    // A whole top-level domain is nobody's.
    let Some(domain) = domain.filter(|domain| domain.label_count() > 1) else {
        return Control::None;
    };
    let own = if let Target::Name(name) = target { Some(name) } else { None };
    match own.into_iter().chain(names).any(|name| name.is_within(&domain)) {
        true => Control::Domain,
        false => Control::None,
    }
}

/// The names of addresses that lead back to them; others can be anything.
pub fn confirmed(evidence: &[Evidence]) -> impl Iterator<Item = &Name> {
    evidence.iter().flat_map(|evidence| {
        let names = match &evidence.pointers {
            Pointers::Names(names) => &names[..],
            Pointers::Unknown | Pointers::NotAsked => &[],
        };
        let leads_back = |(_, addresses): &&(Name, Option<Vec<IpAddr>>)| {
            addresses.as_ref().is_some_and(|addresses| addresses.contains(&evidence.address))
        };
        names.iter().filter(leads_back).map(|(name, _)| name)
    })
}

/// What one subscriber of IPv6 has at least, if an entry lists some of it: that is counted as one thing.
pub(super) fn whole(key: &Key) -> Option<Key> {
    match key {
        Key::Network(Network::V6(network)) if network.prefix_len() >= SUBSCRIBER => {
            Some(Key::Network(Network::V6(subscriber(network.first().into()))))
        }
        Key::Network(_) | Key::Name(..) => None,
    }
}

/// The network that somebody asks from: what one operator has at least.
pub(super) fn network(client: IpAddr) -> Network {
    match client.to_canonical() {
        IpAddr::V4(address) => Network::V4(Ipv4Network::around(address, 24)),
        IpAddr::V6(address) => Network::V6(Ipv6Network::around(address, 48)),
    }
}

/// The network of the subscriber who has an address.
fn subscriber(address: std::net::Ipv6Addr) -> Ipv6Network {
    Ipv6Network::around(address, SUBSCRIBER)
}

/// The prefix of what one subscriber has at least.
const SUBSCRIBER: u8 = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_asks_from_an_address_or_has_mail_at_its_domain_has_to_do_with_it() {
        let names = ["mail.example.org".parse().expect("a name")];
        for (target, key, client, mail, expect) in [
            ("192.0.2.1", "192.0.2.1", "192.0.2.1", "a@x.example", Control::Address),
            ("192.0.2.1", "192.0.2.0/24", "::ffff:192.0.2.1", "", Control::Address),
            ("2001:db8::1", "2001:db8::1", "2001:db8::1", "", Control::Address),
            ("2001:db8::1", "2001:db8::1", "2001:db8::2", "", Control::None),
            ("2001:db8::1", "2001:db8::/64", "2001:db8::ffff:0:0:2", "", Control::Address),
            ("2001:db8::1", "2001:db8::/120", "2001:db8::ffff:0:0:2", "", Control::Address),
            ("2001:db8::1", "2001:db8::/64", "2001:db8:0:1::1", "", Control::None),
            ("2001:db8::1", "2001:db8::/64", "192.0.2.1", "", Control::None),
            ("2001:db8::1", "2001:db8::/63", "2001:db8::2", "", Control::None),
            ("2001:db8::1", "2001:db8::/64", "192.0.2.1", "a@example.org", Control::Domain),
            ("192.0.2.1", "192.0.2.1", "192.0.2.2", "a@x.example", Control::None),
            ("192.0.2.1", "192.0.2.1", "192.0.2.2", "postmaster@Example.ORG ", Control::Domain),
            ("192.0.2.1", "192.0.2.1", "192.0.2.2", "a@mail.example.org", Control::Domain),
            ("192.0.2.1", "192.0.2.1", "192.0.2.2", "a@other.mail.example.org", Control::None),
            ("192.0.2.1", "192.0.2.1", "192.0.2.2", "a@org", Control::None),
            ("www.spam.example", "spam.example", "192.0.2.2", "a@spam.example", Control::Domain),
            ("www.spam.example", "spam.example", "192.0.2.2", "a@ham.example", Control::None),
        ] {
            let key = key.parse().expect(key);
            let (target, client) = (target.parse().expect(target), client.parse().expect(client));
            let shown = control(&target, &key, client, mail, &names);
            assert_eq!(shown, expect, "{target} {key} {client} {mail}");
        }
    }

    #[test]
    fn an_entry_lists_what_was_asked_about_its_subscriber_or_more() {
        for (key, target, reach) in [
            ("192.0.2.1", "192.0.2.1", Reach::Exact),
            ("192.0.2.0/31", "192.0.2.1", Reach::Wider),
            ("2001:db8::1", "2001:db8::1", Reach::Exact),
            ("2001:db8::/127", "2001:db8::1", Reach::Subscriber),
            ("2001:db8::/64", "2001:db8::1", Reach::Subscriber),
            ("2001:db8::/63", "2001:db8::1", Reach::Wider),
            ("a.example", "a.example", Reach::Exact),
            (".a.example", "a.example", Reach::Exact),
            (".a.example", "b.a.example", Reach::Wider),
            ("*.a.example", "a.example", Reach::Wider),
        ] {
            assert_eq!(Reach::of(&key.parse().expect(key), target), reach, "{key} {target}");
        }
    }

    #[test]
    fn a_subscriber_is_counted_as_one() {
        for (key, expect) in [
            ("192.0.2.1", None),
            ("2001:db8::7:1", Some("2001:db8::/64")),
            ("2001:db8::/64", Some("2001:db8::/64")),
            ("2001:db8::/63", None),
            ("a.example", None),
        ] {
            let whole = whole(&key.parse().expect(key)).map(|whole| whole.to_string());
            assert_eq!(whole.as_deref(), expect, "{key}");
        }
    }

    #[test]
    fn who_asks_is_known_by_his_network() {
        for (client, expected) in [
            ("192.0.2.77", "192.0.2.0/24"),
            ("::ffff:192.0.2.77", "192.0.2.0/24"),
            ("2001:db8:1:2::3", "2001:db8:1::/48"),
        ] {
            assert_eq!(network(client.parse().expect("an address")).to_string(), expected);
        }
    }
}

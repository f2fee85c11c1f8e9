//! Waves: removals that have something else in common than who asks for them.
//!
//! Whoever has many mail addresses and many networks is not seen by counting those. But what he has listed often lies in
//! one domain, or was listed for one thing that he does. So removals are counted by the domain of the target's names,
//! and by what listed it; when there are more than an operator has who repairs something, the next ones wait for an
//! editor. Nothing that was removed comes back by itself.

use repute_database::removals::{self, RemovalId};
use repute_database::{DatabaseError, Timestamp, Transaction};
use repute_dnsxl::{Name, Target};

use super::Why;
use super::control::confirmed;
use crate::request::check::Evidence;

/// How many removals are no wave yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waves {
    /// In a day, of targets of one domain; 0 for any number.
    pub by_domain: u32,
    /// In an hour, from a list, of what the same source listed by the same criterion: so many networks may ask; 0 for
    /// any number.
    pub by_origin: u32,
}

impl Default for Waves {
    fn default() -> Waves {
        Waves { by_domain: 15, by_origin: 60 }
    }
}

/// Whether a removal belongs to a wave, and to which.
pub(super) async fn of(
    transaction: &mut Transaction,
    id: RemovalId,
    waves: &Waves,
    now: Timestamp,
) -> Result<Option<Why>, DatabaseError> {
    let (day, hour) = (Timestamp(now.0 - 24 * HOUR), Timestamp(now.0 - HOUR));
    let alike = removals::alike(transaction.session(), id, day, hour).await?;
    let is_over = |count: u32, most: u32| most > 0 && count >= most;
    Ok(match () {
        () if is_over(alike.by_domain, waves.by_domain) => Some(Why::OneDomain),
        () if is_over(alike.by_origin, waves.by_origin) => Some(Why::OneOrigin),
        () => None,
    })
}

/// The domain by which a target is counted: of a name its own; of an address that of a name which leads back to it, as
/// others can be anything. Empty if there is none.
pub fn domain(target: &Target, evidence: &[Evidence]) -> String {
    let name = match target {
        Target::Name(name) => Some(name),
        Target::Ipv4(_) | Target::Ipv6(_) => confirmed(evidence).next(),
    };
    name.map(registered).unwrap_or_default()
}

/// The domain that somebody registered, as well as can be told without a list of all registries: two labels, or three
/// below a country's `co`, `com` and the like.
fn registered(name: &Name) -> String {
    let text = name.to_string();
    let labels: Vec<&str> = text.split('.').collect();
    let count = match labels[..] {
        [.., second, last] if last.len() == 2 && BELOW_COUNTRIES.contains(&second) => 3,
        _ => 2,
    };
    labels[labels.len().saturating_sub(count)..].join(".")
}

/// Labels below countries under which domains are registered.
const BELOW_COUNTRIES: [&str; 12] =
    ["ac", "co", "com", "edu", "go", "gob", "gov", "ne", "net", "nom", "or", "org"];
/// An hour, in microseconds.
const HOUR: i64 = 3_600_000_000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::check::Pointers;

    #[test]
    fn a_target_is_counted_by_its_domain() {
        for (name, expected) in [
            ("mail.example.com", "example.com"),
            ("example.com", "example.com"),
            ("a.b.example.co.uk", "example.co.uk"),
            ("co.uk", "co.uk"),
            ("x.example.de", "example.de"),
            ("com", "com"),
        ] {
            let target = Target::Name(name.parse().expect("a name"));
            assert_eq!(domain(&target, &[]), expected, "{name}");
        }
    }

    #[test]
    fn an_address_counts_by_a_name_that_leads_back() {
        let address = "192.0.2.7".parse().expect("an address");
        let target = "192.0.2.7".parse().expect("a target");
        let name = |name: &str, back: Option<&str>| {
            let addresses = back.map(|back| vec![back.parse().expect("an address")]);
            (name.parse().expect("a name"), addresses)
        };
        for (pointers, expected) in [
            (Pointers::Unknown, ""),
            (Pointers::Names(Vec::new()), ""),
            (Pointers::Names(vec![name("mx.bank.example", None)]), ""),
            (Pointers::Names(vec![name("mx.bank.example", Some("192.0.2.8"))]), ""),
            (
                Pointers::Names(vec![
                    name("mx.bank.example", Some("192.0.2.8")),
                    name("mx.own.example", Some("192.0.2.7")),
                ]),
                "own.example",
            ),
        ] {
            let evidence = Evidence { address, pointers };
            assert_eq!(domain(&target, std::slice::from_ref(&evidence)), expected, "{evidence:?}");
        }
    }
}

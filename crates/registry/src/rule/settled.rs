//! What is settled: whoever got off a list is not listed again for what was seen before.

use repute_database::evidence::Observation;
use repute_database::lists::ListId;
use repute_database::{DatabaseError, Key, Session, Timestamp, Transaction, rules, settled};
use repute_dnsxl::{Extent, Target};

use crate::reserved;

/// Settles what was seen within a key until now: no rule of the list goes by it any more, and what rules propose for
/// the key is taken back. To be called before [`crate::changes::apply`] takes the entry off.
///
/// # Errors
/// If the database fails.
pub async fn settle(
    transaction: &mut Transaction,
    list: ListId,
    key: &Key,
    now: Timestamp,
) -> Result<(), DatabaseError> {
    rules::withdraw_all(transaction.session(), list, key).await?;
    settled::settle(transaction.session(), list, key, now).await
}

/// What still counts on a list of what was seen within a key.
pub(super) async fn unsettled(
    session: Session<'_>,
    list: ListId,
    key: &Key,
    mut seen: Vec<Observation>,
) -> Result<Vec<Observation>, DatabaseError> {
    let settled = settled::around(session, list, key, &Key::over(&first(key))).await?;
    let is_over = |seen: &Observation| {
        settled.iter().any(|(key, until)| seen.seen <= *until && covers(key, &seen.key))
    };
    seen.retain(|seen| !is_over(seen));
    Ok(seen)
}

/// The first address of a key, or its name.
pub(super) fn first(key: &Key) -> Target {
    match key {
        Key::Network(network) => match reserved::first(*network) {
            std::net::IpAddr::V4(address) => Target::Ipv4(address),
            std::net::IpAddr::V6(address) => Target::Ipv6(address),
        },
        Key::Name(name, _) => Target::Name(name.clone()),
    }
}

/// Whether a key covers an address or name that was seen.
fn covers(key: &Key, seen: &Key) -> bool {
    match (key, seen) {
        (Key::Name(above, Extent::Exact), Key::Name(name, _)) => above == name,
        (Key::Name(above, Extent::Below), Key::Name(name, _)) if above == name => false,
        (Key::Network(_) | Key::Name(..), _) => key.within().contains(&seen.to_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_covers_what_lies_in_it() {
        for (key, inside, outside) in [
            ("9.0.0.0/24", &["9.0.0.0", "9.0.0.255"][..], &["9.0.1.0", "2a00::1", "x.example"][..]),
            ("2a00::/64", &["2a00::1"], &["2a00:0:0:1::1", "9.0.0.1"]),
            ("x.example", &["x.example"], &["a.x.example", "y.example"]),
            (".x.example", &["x.example", "a.x.example"], &["example", "ax.example"]),
            ("*.x.example", &["a.x.example"], &["x.example"]),
        ] {
            let key = key.parse().expect("a key");
            let is_covered = |seen: &&&str| covers(&key, &seen.parse().expect("a key"));
            assert_eq!(inside.iter().filter(is_covered).count(), inside.len(), "{key}");
            assert_eq!(outside.iter().filter(is_covered).count(), 0, "{key}");
        }
    }
}

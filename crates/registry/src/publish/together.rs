//! What the guards of a list would make of several changes together, before any of them is made: each may be small, and
//! all of them too much.
//!
//! The guards themselves compare zones, which are not at hand here. So what those changes would list is taken for new,
//! and each entry that is there for one address.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Ipv6Addr};

use repute_database::dns::{self, Settings};
use repute_database::lists::Stored;
use repute_database::{DatabaseError, Session, Timestamp, publications};
use repute_dnsxl::{Ipv4Network, Ipv6Network, Network};

use super::check::{SPAN, is_too_much_in_steps};

/// What several changes of a list bring.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Together {
    /// Networks that are newly listed.
    pub added: Vec<Network>,
    /// How many entries leave the list.
    pub removed: u64,
}

/// Why the guards of a list would keep back one of these changes, if all were made now.
///
/// # Errors
/// If the database fails.
pub async fn prospect_of_many(
    mut session: Session<'_>,
    list: &Stored,
    together: &Together,
    now: Timestamp,
) -> Result<Option<String>, DatabaseError> {
    let settings = dns::of(session.again(), list.id).await?;
    let good = publications::last_good(session.again(), list.id).await?;
    let entries = good.map_or(0, |good| good.entries);
    if let Some(why) = is_too_wide(&together.added, &settings, entries) {
        return Ok(Some(why));
    }
    let was = publications::entries_at(session, list.id, now.before(SPAN)).await?;
    let is = entries.saturating_add(together.added.len() as u64).saturating_sub(together.removed);
    Ok(was.and_then(|was| is_too_much_in_steps(was, settings.max_change, is)))
}

/// Whether networks cover a whole one together that none may cover, or as much as that has in pieces, if that is a tenth
/// of what there is.
fn is_too_wide(added: &[Network], settings: &Settings, entries: u64) -> Option<String> {
    let (mut v4, mut v6) = (Vec::new(), Vec::new());
    for network in added {
        match network {
            Network::V4(one) => v4.push((u128::from(one.first()), u128::from(one.last()))),
            Network::V6(one) => v6.push((one.first(), one.last())),
        }
    }
    let families =
        [("IPv4", 32, settings.ipv4_prefix, v4), ("IPv6", 128, settings.ipv6_prefix, v6)];
    families.into_iter().find_map(|(family, bits, len, ranges)| {
        if len == 0 {
            return None;
        }
        let host_bits = u32::from(bits - len.min(bits));
        let size = 1_u128 << host_bits;
        let ranges = joined(ranges);
        if let Some(number) = covered(&ranges, host_bits) {
            let first = number << host_bits;
            let network = match bits {
                32 => Network::V4(Ipv4Network::around(Ipv4Addr::from(first as u32), len)),
                _ => Network::V6(Ipv6Network::around(Ipv6Addr::from(first), len)),
            };
            return Some(format!("all of {network} would be listed"));
        }
        let count = ranges.iter().fold(0_u128, |sum, (first, last)| {
            sum.saturating_add((last - first).saturating_add(1))
        });
        (count >= size && count >= u128::from(entries / 10)).then(|| {
            format!("as many {family} addresses would be newly listed as a /{len} network has")
        })
    })
}

/// Ranges in order, those that touch as one.
fn joined(mut ranges: Vec<(u128, u128)>) -> Vec<(u128, u128)> {
    ranges.sort_unstable();
    let mut joined: Vec<(u128, u128)> = Vec::new();
    for (first, last) in ranges {
        match joined.last_mut() {
            Some((_, end)) if first <= end.saturating_add(1) => *end = last.max(*end),
            Some(_) | None => joined.push((first, last)),
        }
    }
    joined
}

/// The number of a network with so many bits for its hosts that ranges cover, all but at most a 256th of it.
fn covered(ranges: &[(u128, u128)], host_bits: u32) -> Option<u128> {
    let size = 1_u128 << host_bits;
    let mut counts: BTreeMap<u128, u128> = BTreeMap::new();
    for (first, last) in ranges {
        let (from, to) = (first >> host_bits, last >> host_bits);
        if to - from > 1 {
            return Some(from + 1);
        }
        if from == to {
            *counts.entry(from).or_default() += last - first + 1;
        } else {
            *counts.entry(from).or_default() += (to << host_bits) - first;
            *counts.entry(to).or_default() += last - (to << host_bits) + 1;
        }
    }
    counts.into_iter().find(|(_, count)| *count >= size - size / 256).map(|(number, _)| number)
}

#[cfg(test)]
mod tests {
    use repute_database::audit;
    use repute_database::publications::{Outcome, Publication};
    use repute_database::testing::on_each;
    use repute_dnsxl::{KeyKind, Polarity};

    use super::*;

    #[test]
    fn what_is_narrow_alone_is_wide_together() {
        let settings = Settings { ipv4_prefix: 24, ipv6_prefix: 32, ..Settings::default() };
        let whole = |network: &str| Some(format!("all of {network} would be listed"));
        let many = |family: &str, len: u8| {
            Some(format!(
                "as many {family} addresses would be newly listed as a /{len} network has"
            ))
        };
        for (added, entries, expect) in [
            (&["9.9.9.0/25"][..], 0, None),
            (&["9.9.9.0/25", "9.9.9.128/25"], 1 << 20, whole("9.9.9.0/24")),
            (&["9.9.9.128/25", "9.9.9.0/26", "9.9.9.64/26"], 0, whole("9.9.9.0/24")),
            // They touch, and no network is whole.
            (&["9.9.9.128/25", "9.9.10.0/26"], 0, None),
            (&["9.9.9.128/25", "9.9.10.0/25"], 0, many("IPv4", 24)),
            (&["9.9.9.128/25", "9.9.10.0/25"], 1 << 20, None),
            // What is named twice counts once.
            (&["9.9.9.0/25", "9.9.9.0/25", "9.9.9.0/26"], 0, None),
            (&["9.9.8.0/22"], 0, whole("9.9.9.0/24")),
            (&["2001:db8::/33", "2001:db8:8000::/33"], 0, whole("2001:db8::/32")),
            (&["2001:db8::/33", "2001:dba::/33"], 0, many("IPv6", 32)),
            (&["2001:db8::/33", "9.9.9.0/25"], 0, None),
        ] {
            let networks: Vec<Network> =
                added.iter().map(|one| one.parse().expect("a network")).collect();
            assert_eq!(is_too_wide(&networks, &settings, entries), expect, "{added:?}");
            let off = Settings { ipv4_prefix: 0, ipv6_prefix: 0, ..settings.clone() };
            assert_eq!(is_too_wide(&networks, &off, entries), None);
        }
    }

    #[tokio::test]
    async fn many_that_come_or_go_are_held_against_what_there_was_an_hour_ago() {
        on_each(async |database| {
            let mut transaction = database.begin().await.expect("a transaction");
            let t = &mut transaction;
            let list = repute_database::lists::List {
                apex: "bl.example".parse().expect("a name"),
                title: String::new(),
                description: String::new(),
                polarity: Polarity::Block,
                keys: KeyKind::Ip,
                ttl: 300,
                contact: String::new(),
            };
            let id = repute_database::lists::add(t.session(), &list, Timestamp(1)).await;
            let id = id.expect("it is added");
            let stored = repute_database::lists::by_id(t.session(), id).await;
            let stored = stored.expect("it is read").expect("it is there");
            let settings = Settings { max_change: 25, ..Settings::default() };
            dns::set(t.session(), id, &settings).await.expect("it is set");
            let now = Timestamp(9_000_000_000_000);
            let audit = audit::head(t.session()).await.expect("the log").rows;
            // It shrinks since.
            for (serial, ago, entries) in [(1, 7_200, 5_000), (2, 60, 4_500)] {
                let publication = Publication {
                    serial,
                    time: now.before(std::time::Duration::from_secs(ago)),
                    entries,
                    audit,
                    outcome: Outcome::Published,
                };
                publications::note(t.session(), id, &publication).await.expect("it is noted");
            }
            for (removed, held) in [(0, false), (750, false), (751, true)] {
                let together = Together { added: Vec::new(), removed };
                let why = prospect_of_many(t.session(), &stored, &together, now).await;
                let why = why.expect("it is told");
                assert_eq!(why.is_some(), held, "{removed}: {why:?}");
            }
        })
        .await;
    }
}

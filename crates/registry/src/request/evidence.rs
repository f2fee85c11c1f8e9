//! Evidence about the addresses of a request, asked of DNS before a transaction begins.
//!
//! Each item is looked at, several parts of a request at a time. Whoever hands it in waits for that, so it has an end:
//! what is not asked by then is said to be so.

use std::collections::HashSet;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use repute_dnsxl::{Name, Network};
use repute_lookup::exchange::Answer;
use repute_lookup::message::{Data, Question};
use repute_lookup::resolve;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

use super::check::{Evidence, Pointers};
use super::item::Item;

/// Gathers evidence about the addresses that items would list, on threads that may wait, for [`PATIENCE`] at the most.
///
/// # Errors
/// If there are no sockets to be had.
pub async fn gather(
    items: &[Item],
    resolvers: &[SocketAddr],
    timeout: Duration,
) -> io::Result<Vec<Evidence>> {
    within(sample(items), resolvers, timeout, Instant::now() + PATIENCE).await
}

/// Gathers evidence about addresses, in their order, until a moment: a few parts of them at a time.
///
/// # Errors
/// If there are no sockets to be had.
pub async fn within(
    addresses: Vec<IpAddr>,
    resolvers: &[SocketAddr],
    timeout: Duration,
    end: Instant,
) -> io::Result<Vec<Evidence>> {
    let unasked = |address| Evidence { address, pointers: Pointers::NotAsked };
    let mut all: Vec<Evidence> = addresses.iter().copied().map(unasked).collect();
    let mut waiting = addresses.chunks(MOST).enumerate();
    let mut asked = JoinSet::new();
    while Instant::now() < end {
        while asked.len() < AT_ONCE
            && let Some((place, part)) = waiting.next()
        {
            let (part, resolvers) = (part.to_vec(), resolvers.to_vec());
            asked.spawn(async move { (place, of_addresses(part, &resolvers, timeout).await) });
        }
        // What is not answered by then is waited for no longer; its thread ends by itself.
        let Ok(Some(found)) = timeout_at(end, asked.join_next()).await else { break };
        let (place, found) = found.map_err(io::Error::other)?;
        for (slot, evidence) in all.iter_mut().skip(place * MOST).zip(found?) {
            *slot = evidence;
        }
    }
    Ok(all)
}

/// Gathers evidence about addresses, in their order, on a thread that may wait.
///
/// # Errors
/// If there are no sockets to be had.
pub async fn of_addresses(
    addresses: Vec<IpAddr>,
    resolvers: &[SocketAddr],
    timeout: Duration,
) -> io::Result<Vec<Evidence>> {
    let resolvers = resolvers.to_vec();
    let task = tokio::task::spawn_blocking(move || ask(&addresses, &resolvers, timeout));
    task.await.unwrap_or_else(|error| Err(io::Error::other(error)))
}

/// The addresses that are looked at, each once: all of small networks, some of large ones, and of each the fewer, the more
/// networks there are, but at least one.
pub fn sample(items: &[Item]) -> Vec<IpAddr> {
    let networks: Vec<Network> = items
        .iter()
        .filter_map(|item| match item {
            Item::Add { network, .. } | Item::Rescore { network, .. } => Some(*network),
            Item::Remove { .. } | Item::Name(_) | Item::Website(_) | Item::Category(_) => None,
        })
        .collect();
    let share = (OF_REQUEST / networks.len().max(1)).clamp(1, SAMPLE);
    let mut known = HashSet::new();
    let addresses = networks.into_iter().flat_map(|network| spread(network, share));
    addresses.filter(|address| known.insert(*address)).collect()
}

/// The addresses of a network that are looked at: all of a small one, some of a large one from end to end.
pub fn sample_of(network: Network) -> Vec<IpAddr> {
    spread(network, SAMPLE)
}

/// So many addresses of a network, from end to end, or all if there are fewer.
fn spread(network: Network, most: usize) -> Vec<IpAddr> {
    let (first, last) = match network {
        Network::V4(network) => (network.first().into(), network.last().into()),
        Network::V6(network) => (network.first(), network.last()),
    };
    let span: u128 = last - first;
    let count = span.min(most.saturating_sub(1) as u128);
    let place = |place| {
        // Evenly spread, the first and the last among them.
        let number = match count {
            0 => first,
            count => first + span / count * place + span % count * place / count,
        };
        match network {
            // It lies between two of them.
            Network::V4(_) => IpAddr::V4(Ipv4Addr::from(number as u32)),
            Network::V6(_) => IpAddr::V6(Ipv6Addr::from(number)),
        }
    };
    (0..=count).map(place).collect()
}

/// Asks for the names of addresses, and for the addresses of those names.
fn ask(
    addresses: &[IpAddr],
    resolvers: &[SocketAddr],
    timeout: Duration,
) -> io::Result<Vec<Evidence>> {
    let names: Vec<Name> = addresses.iter().map(|address| reverse(*address)).collect();
    let questions: Vec<Question> = names.iter().map(|name| Question::new(name, PTR)).collect();
    if questions.is_empty() {
        return Ok(Vec::new());
    }
    let answers = resolve::ask(resolvers, &questions, timeout)?;
    let pointers: Vec<Option<Vec<Name>>> = answers.iter().map(pointers).collect();
    let mut questions = Vec::new();
    for (address, names) in addresses.iter().zip(&pointers) {
        let rtype = if address.is_ipv4() { A } else { AAAA };
        questions.extend(names.iter().flatten().map(|name| Question::new(name, rtype)));
    }
    let answers = match questions.is_empty() {
        true => Vec::new(),
        false => resolve::ask(resolvers, &questions, timeout)?,
    };
    let mut answers = answers.iter().map(addresses_in);
    let mut evidence = |(address, names): (&IpAddr, Option<Vec<Name>>)| {
        let pointers = names.map_or(Pointers::Unknown, |names| {
            let with = |name| (name, answers.next().flatten());
            Pointers::Names(names.into_iter().map(with).collect())
        });
        Evidence { address: *address, pointers }
    };
    Ok(addresses.iter().zip(pointers).map(&mut evidence).collect())
}

/// The name at which an address has its PTR records (RFC 1035 section 3.5, RFC 3596 section 2.5).
pub fn reverse(address: IpAddr) -> Name {
    let labels: Vec<String> = match address {
        IpAddr::V4(address) => address.octets().iter().rev().map(u8::to_string).collect(),
        IpAddr::V6(address) => {
            let octets = address.octets();
            let nibbles = octets.iter().rev().flat_map(|octet| [octet & 15, octet >> 4]);
            nibbles.map(|nibble| format!("{nibble:x}")).collect()
        }
    };
    let zone = if address.is_ipv4() { "in-addr.arpa" } else { "ip6.arpa" };
    format!("{}.{zone}", labels.join(".")).parse().expect("such a name is short enough")
}

/// The names in an answer; nothing if it says nothing.
fn pointers(answer: &Answer) -> Option<Vec<Name>> {
    let Answer::Reply(reply) = answer else { return None };
    matches!(reply.rcode, 0 | NXDOMAIN).then(|| {
        let names = reply.records.iter().filter_map(|data| match data {
            Data::Name(name) => Some(name.clone()),
            Data::Address(_) | Data::Text(_) | Data::Mx { .. } | Data::Soa { .. } => None,
        });
        names.take(MOST_NAMES).collect()
    })
}

/// The addresses in an answer; nothing if it says nothing.
fn addresses_in(answer: &Answer) -> Option<Vec<IpAddr>> {
    let Answer::Reply(reply) = answer else { return None };
    matches!(reply.rcode, 0 | NXDOMAIN).then(|| {
        let addresses = reply.records.iter().filter_map(|data| match data {
            Data::Address(address) => Some(*address),
            Data::Name(_) | Data::Text(_) | Data::Mx { .. } | Data::Soa { .. } => None,
        });
        addresses.collect()
    })
}

/// Addresses of a network that are looked at.
const SAMPLE: usize = 16;
/// Addresses of a request that are looked at, as long as it has no more networks than that.
const OF_REQUEST: usize = 2_048;
/// Addresses that are asked about in one go.
pub(crate) const MOST: usize = 256;
/// So many goes run at a time.
const AT_ONCE: usize = 4;
/// For so long somebody waits for what is found out about his request.
pub const PATIENCE: Duration = Duration::from_secs(20);
/// Names of an address that are looked at.
const MOST_NAMES: usize = 4;
/// The type of IPv4 addresses.
const A: u16 = 1;
/// The type of names of addresses.
const PTR: u16 = 12;
/// The type of IPv6 addresses.
const AAAA: u16 = 28;
/// There is no such name.
const NXDOMAIN: u16 = 3;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_networks_are_looked_at_whole_and_large_ones_from_end_to_end() {
        let of = |network: &str| {
            let code = "127.0.5.1".parse().expect("a code");
            sample(&[Item::Add { network: network.parse().expect("a network"), code }])
        };
        assert_eq!(of("192.0.2.7"), ["192.0.2.7".parse::<IpAddr>().expect("one")]);
        assert_eq!(of("192.0.2.0/28").len(), 16);
        let wide = of("192.0.2.0/24");
        assert_eq!(
            (wide.len(), wide[0].to_string(), wide[15].to_string()),
            (16, "192.0.2.0".into(), "192.0.2.255".into())
        );
        let wide = of("::/0");
        assert_eq!(
            (wide.len(), wide[15].to_string()),
            (16, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff".into())
        );
    }

    #[test]
    fn each_network_of_a_request_is_looked_at_however_many_there_are() {
        let code = "127.0.5.1".parse().expect("a code");
        let item = |network: String| Item::Add { network: network.parse().expect("one"), code };
        for (of, count) in [(400, 400), (1_000, 1_000)] {
            let alone: Vec<Item> =
                (0..of).map(|n| item(format!("9.9.{}.{}", n / 200, n % 200))).collect();
            assert_eq!(sample(&alone).len(), count);
        }
        let wide: Vec<Item> = (0..200).map(|n| item(format!("9.{n}.0.0/24"))).collect();
        let addresses = sample(&wide);
        assert_eq!(addresses.len(), 2_000);
        assert_eq!(addresses[1_999].to_string(), "9.199.0.255", "from end to end");
        let twice = [item("9.9.9.9".into()), item("9.9.9.8/31".into()), item("9.9.9.9".into())];
        assert_eq!(sample(&twice).len(), 2);
    }

    #[tokio::test]
    async fn what_is_not_asked_in_time_is_said_to_be_so() {
        let addresses: Vec<IpAddr> =
            (0..600_u32).map(|n| IpAddr::V4(Ipv4Addr::from(0x0909_0000 + n))).collect();
        let timeout = Duration::from_millis(1);
        let now = Instant::now();
        let late = within(addresses.clone(), &[], timeout, now).await.expect("sockets");
        let of = |evidence: &[Evidence], pointers: Pointers| {
            let is_so = |(one, address): (&Evidence, &IpAddr)| {
                (&one.address, &one.pointers) == (address, &pointers)
            };
            evidence.len() == 600 && evidence.iter().zip(&addresses).all(is_so)
        };
        assert!(of(&late, Pointers::NotAsked), "{late:?}");
        let findings = crate::request::check::names(&late[0], &[]);
        assert!(findings[0].seen.contains("took too long"), "{findings:?}");
        let end = now + Duration::from_secs(3_600);
        let asked = within(addresses.clone(), &[], timeout, end).await.expect("sockets");
        assert!(of(&asked, Pointers::Unknown), "{asked:?}");
    }

    #[test]
    fn an_address_has_one_name_for_pointers() {
        let of = |text: &str| reverse(text.parse().expect("an address")).to_string();
        assert_eq!(of("192.0.2.1"), "1.2.0.192.in-addr.arpa");
        assert_eq!(of("2001:db8::1"), format!("1.{}8.b.d.0.1.0.0.2.ip6.arpa", "0.".repeat(23)));
    }
}

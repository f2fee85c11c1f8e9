//! Evidence about the addresses of a request, asked of DNS before a transaction begins.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use repute_dnsxl::{Name, Network};
use repute_lookup::exchange::Answer;
use repute_lookup::message::{Data, Question};
use repute_lookup::resolve;

use super::check::{Evidence, Pointers};
use super::item::Item;

/// Gathers evidence about the addresses that items would list, on a thread that may wait.
///
/// # Errors
/// If there are no sockets to be had.
pub async fn gather(
    items: &[Item],
    resolvers: &[SocketAddr],
    timeout: Duration,
) -> io::Result<Vec<Evidence>> {
    of_addresses(sample(items), resolvers, timeout).await
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

/// The addresses that are looked at: all of small networks, some of large ones, and not too many in all.
pub fn sample(items: &[Item]) -> Vec<IpAddr> {
    let mut addresses = Vec::new();
    for item in items {
        let network = match item {
            Item::Add { network, .. } | Item::Rescore { network, .. } => *network,
            Item::Remove { .. } | Item::Name(_) | Item::Website(_) | Item::Category(_) => continue,
        };
        addresses.extend(sample_of(network));
    }
    addresses.dedup();
    addresses.truncate(MOST);
    addresses
}

/// The addresses of a network that are looked at: all of a small one, some of a large one from end to end.
pub fn sample_of(network: Network) -> Vec<IpAddr> {
    let (first, last) = match network {
        Network::V4(network) => (network.first().into(), network.last().into()),
        Network::V6(network) => (network.first(), network.last()),
    };
    let span: u128 = last - first;
    let count = span.min(SAMPLE - 1);
    let place = |place| {
        // Evenly spread, the first and the last among them.
        let number = match count {
            0 => first,
            count => first + span / count * place,
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
const SAMPLE: u128 = 16;
/// Addresses of a request that are looked at, and that are asked about at once.
pub(crate) const MOST: usize = 256;
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
    fn an_address_has_one_name_for_pointers() {
        let of = |text: &str| reverse(text.parse().expect("an address")).to_string();
        assert_eq!(of("192.0.2.1"), "1.2.0.192.in-addr.arpa");
        assert_eq!(of("2001:db8::1"), format!("1.{}8.b.d.0.1.0.0.2.ip6.arpa", "0.".repeat(23)));
    }
}

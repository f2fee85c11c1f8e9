//! How many TCP connections there may be: in all, from one client, and from one network.
//!
//! A connection costs memory and a descriptor, and one client must not take them from the others
//! (RFC 7766 section 6.2.2). IPv6 clients are counted by /64, as an address there costs nothing. Who has
//! many addresses has them in one network mostly: an IPv4 /24, an IPv6 /56, which together get a share only.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};

/// The connections there are.
#[derive(Clone, Debug)]
pub(crate) struct Admission(Arc<Door>);

/// What all connections share.
#[derive(Debug)]
struct Door {
    /// Most connections in all.
    all: usize,
    /// Most connections of one client.
    per_client: usize,
    /// Most connections of one network.
    per_network: usize,
    /// Who is in, and how often.
    inside: Mutex<Inside>,
}

/// Who is in.
#[derive(Debug, Default)]
struct Inside {
    /// Connections in all.
    count: usize,
    /// Connections by client; those with none are not kept.
    clients: HashMap<IpAddr, usize>,
    /// The same by network.
    networks: HashMap<IpAddr, usize>,
    /// Connections refused so far.
    refused: u64,
    /// Connections admitted so far.
    admitted: u64,
}

/// The place of one connection; it is free again when this is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    /// Whose place it is.
    client: IpAddr,
    /// In which network that is.
    network: IpAddr,
    /// Where it goes back to.
    admission: Admission,
}

/// What has passed the door.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Connections {
    /// Open now.
    pub open: u64,
    /// Admitted since the start.
    pub admitted: u64,
    /// Refused since the start, as a limit was reached.
    pub refused: u64,
}

impl Admission {
    /// A door with limits.
    pub(crate) fn new(all: usize, per_client: usize, per_network: usize) -> Admission {
        Admission(Arc::new(Door { all, per_client, per_network, inside: Mutex::default() }))
    }

    /// Gives a place to a client, unless a limit is reached.
    pub(crate) fn admit(&self, address: IpAddr) -> Option<Place> {
        let (client, network) = (around(address, 32, 64), around(address, 24, 56));
        let mut inside = self.0.inside.lock().unwrap_or_else(PoisonError::into_inner);
        let own = inside.clients.get(&client).copied().unwrap_or(0);
        let near = inside.networks.get(&network).copied().unwrap_or(0);
        let Door { all, per_client, per_network, .. } = *self.0;
        if inside.count >= all || own >= per_client || near >= per_network {
            inside.refused += 1;
            return None;
        }
        inside.count += 1;
        inside.admitted += 1;
        inside.clients.insert(client, own + 1);
        inside.networks.insert(network, near + 1);
        Some(Place { client, network, admission: self.clone() })
    }

    /// What has passed so far.
    pub(crate) fn connections(&self) -> Connections {
        let inside = self.0.inside.lock().unwrap_or_else(PoisonError::into_inner);
        let Inside { count, refused, admitted, .. } = *inside;
        Connections { open: count as u64, admitted, refused }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut inside = self.admission.0.inside.lock().unwrap_or_else(PoisonError::into_inner);
        inside.count -= 1;
        leave(&mut inside.clients, self.client);
        leave(&mut inside.networks, self.network);
    }
}

/// Counts one connection less.
fn leave(counts: &mut HashMap<IpAddr, usize>, who: IpAddr) {
    if let Some(count) = counts.get_mut(&who) {
        *count -= 1;
        if *count == 0 {
            counts.remove(&who);
        }
    }
}

/// The first address of the network of so many bits that an address is in.
fn around(address: IpAddr, bits4: u32, bits6: u32) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(v4) => Ipv4Addr::from_bits(v4.to_bits() & u32::MAX << (32 - bits4)).into(),
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() & u128::MAX << (128 - bits6)).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_client_has_its_limit_and_all_have_theirs() {
        let door = Admission::new(3, 2, 9);
        let first = door.admit(address("192.0.2.1"));
        let _second = door.admit(address("::ffff:192.0.2.1")).unwrap();
        assert!(first.is_some() && door.admit(address("192.0.2.1")).is_none());
        let _other = door.admit(address("192.0.2.2")).unwrap();
        assert!(door.admit(address("192.0.2.3")).is_none(), "three are in");
        drop(first);
        assert!(door.admit(address("192.0.2.1")).is_some());
        assert_eq!(door.connections(), Connections { open: 2, admitted: 4, refused: 2 });
    }

    #[test]
    fn a_network_has_its_limit_and_gets_its_places_back() {
        let door = Admission::new(9, 2, 3);
        let mut inside: Vec<_> =
            ["192.0.2.1", "192.0.2.1", "192.0.2.2"].map(|a| door.admit(address(a))).into();
        assert!(inside.iter().all(Option::is_some));
        assert!(door.admit(address("192.0.2.255")).is_none() && inside.len() == 3);
        let _next = door.admit(address("192.0.3.0")).unwrap();
        inside.pop();
        assert!(door.admit(address("192.0.2.255")).is_some());
        drop(inside);
        assert_eq!(door.0.inside.lock().unwrap().networks.len(), 1, "nobody else is kept");
    }

    #[test]
    fn an_ipv6_network_is_its_56() {
        let door = Admission::new(9, 9, 1);
        let _one = door.admit(address("2001:db8::1")).unwrap();
        assert!(door.admit(address("2001:db8:0:ff::1")).is_none());
        assert!(door.admit(address("2001:db8:0:100::1")).is_some());
    }

    #[test]
    fn an_ipv6_client_is_its_64() {
        let door = Admission::new(9, 1, 9);
        let _one = door.admit(address("2001:db8::1")).unwrap();
        assert!(door.admit(address("2001:db8::2")).is_none());
        assert!(door.admit(address("2001:db8:0:1::1")).is_some());
    }
}

//! Listening: which addresses, which sockets, how many workers.
//!
//! Everything is bound here, in one place and before the process gives up its privileges; the loops
//! start later. An address that is taken, forbidden or not ours is one clear error with its remedy.
//!
//! No query is read here: see [`udp`] for datagrams and [`tcp`] for streams.

use std::collections::HashSet;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, UdpSocket};
use std::num::NonZeroUsize;

pub use activation::{ActivationError, Given};

use crate::rate_limit;

mod activation;
mod admission;
pub(crate) mod back;
mod batch;
mod cores;
mod framed;
mod packet_info;
mod socket;
pub(crate) mod tally;
pub mod tcp;
pub(crate) mod udp;
mod wire;

/// Where and how DNS is listened for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Addresses to serve, by UDP and TCP alike. Default: port 5300 on both loopback addresses.
    pub addresses: Vec<Address>,
    /// Addresses to serve by TLS (RFC 7858). Default: none.
    pub tls: Vec<Address>,
    /// How many threads answer UDP. Default: one for each core we may use.
    pub workers: Workers,
    /// Bytes of receive buffer to ask for, for each socket. Default: 4 MiB, some 5,000 queries.
    pub receive_buffer: usize,
    /// Limits of TCP.
    pub tcp: tcp::Config,
    /// How answers by UDP are limited.
    pub rate_limit: rate_limit::Config,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            addresses: vec![
                Address::required((Ipv4Addr::LOCALHOST, 5300).into()),
                Address::if_available((Ipv6Addr::LOCALHOST, 5300).into()),
            ],
            tls: Vec::new(),
            workers: Workers::PerCore,
            receive_buffer: 4 << 20,
            tcp: tcp::Config::default(),
            rate_limit: rate_limit::Config::default(),
        }
    }
}

/// An address to serve.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Address {
    /// Address and port; the unspecified address means all of the machine's, port 0 any free one.
    pub socket: SocketAddr,
    /// Whether serving makes sense without it.
    pub presence: Presence,
}

impl Address {
    /// An address that must be served.
    pub fn required(socket: SocketAddr) -> Address {
        Address { socket, presence: Presence::Required }
    }

    /// An address that is served where the machine has it.
    pub fn if_available(socket: SocketAddr) -> Address {
        Address { socket, presence: Presence::IfAvailable }
    }
}

/// Whether a server starts without an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Presence {
    /// A machine without it is an error.
    Required,
    /// A machine without it, for example one without IPv6, is served at the other addresses.
    IfAvailable,
}

/// How many threads answer UDP.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Workers {
    /// One for each core the process may run on.
    #[default]
    PerCore,
    /// So many.
    Count(NonZeroUsize),
}

/// Sockets that are bound and not yet read.
#[derive(Debug)]
pub(crate) struct Listeners {
    /// The sockets of each UDP worker; every worker serves every address.
    pub(crate) workers: Vec<udp::Worker>,
    /// One socket for each address.
    pub(crate) tcp: Vec<TcpListener>,
    /// The same for TLS.
    pub(crate) tls: Vec<TcpListener>,
    /// Addresses served by UDP, in the order of the configuration.
    pub(crate) udp_addresses: Vec<SocketAddr>,
    /// Addresses served by TCP, in the order of the configuration.
    pub(crate) tcp_addresses: Vec<SocketAddr>,
    /// Addresses served by TLS, in the order of the configuration.
    pub(crate) tls_addresses: Vec<SocketAddr>,
}

/// Binds what the configuration names, or takes the sockets that systemd bound instead.
pub(crate) fn bind(
    config: &Config,
    given_udp: Vec<UdpSocket>,
    given_tcp: Vec<TcpListener>,
) -> Result<Listeners, ListenError> {
    let crew = cores::crew(config.workers);
    let mut listeners = Listeners {
        workers: crew.into_iter().map(udp::Worker::on).collect(),
        tcp: Vec::new(),
        tls: Vec::new(),
        udp_addresses: Vec::new(),
        tcp_addresses: Vec::new(),
        tls_addresses: Vec::new(),
    };
    if given_udp.is_empty() && given_tcp.is_empty() {
        for address in distinct(&config.addresses) {
            listeners.open(address, config)?;
        }
    }
    for socket in given_udp {
        listeners.take_udp(&socket, config.receive_buffer).map_err(ListenError::Given)?;
    }
    for socket in given_tcp {
        listeners.add_tcp(socket).map_err(ListenError::Given)?;
    }
    for address in distinct(&config.tls) {
        listeners.open_tls(address)?;
    }
    if listeners.udp_addresses.is_empty() && listeners.tcp_addresses.is_empty() {
        return Err(ListenError::Nowhere);
    }
    Ok(listeners)
}

/// Binds an address at which pages are served; nothing where the machine lacks one that it need not have.
///
/// # Errors
/// If the address is taken, forbidden or not of this machine.
pub fn bind_pages(address: Address) -> Result<Option<TcpListener>, ListenError> {
    match socket::bind_tcp(address.socket) {
        Ok(listener) => Ok(Some(listener)),
        Err(error) if is_absent(&error) && address.presence == Presence::IfAvailable => Ok(None),
        Err(error) => Err(ListenError::of(address.socket, "HTTP", error)),
    }
}

/// Binds the address of the metrics and status pages.
pub(crate) fn bind_http(address: SocketAddr) -> Result<TcpListener, ListenError> {
    socket::bind_tcp(address).map_err(|error| ListenError::of(address, "HTTP", error))
}

impl Listeners {
    /// Binds one address by UDP and TCP.
    fn open(&mut self, address: Address, config: &Config) -> Result<(), ListenError> {
        let mut attempt = 0;
        loop {
            attempt += 1;
            let sockets =
                socket::bind_udp(address.socket, self.workers.len(), config.receive_buffer);
            let sockets = match sockets {
                Ok(sockets) => sockets,
                Err(error) if is_absent(&error) && address.presence == Presence::IfAvailable => {
                    tracing::info!(address = %address.socket, "not serving {}: {error}", address.socket);
                    return Ok(());
                }
                Err(error) => return Err(ListenError::of(address.socket, "UDP", error)),
            };
            let bound = local_address(&sockets, address.socket);
            if config.tcp.connections > 0 {
                match socket::bind_tcp(bound) {
                    Ok(listener) => self.add_tcp(listener).map_err(ListenError::Given)?,
                    // A port that was free for UDP need not be for TCP: with port 0 try another.
                    Err(error)
                        if error.kind() == io::ErrorKind::AddrInUse
                            && address.socket.port() == 0
                            && attempt < PORT_ATTEMPTS =>
                    {
                        continue;
                    }
                    Err(error) => return Err(ListenError::of(bound, "TCP", error)),
                }
            }
            self.udp_addresses.push(bound);
            for (worker, socket) in self.workers.iter_mut().zip(sockets) {
                worker.add(udp::Endpoint::own(socket, bound));
            }
            return Ok(());
        }
    }

    /// Binds one address for TLS. systemd gives none of these, so they are ours in any case.
    fn open_tls(&mut self, address: Address) -> Result<(), ListenError> {
        let listener = match socket::bind_tcp(address.socket) {
            Ok(listener) => listener,
            Err(error) if is_absent(&error) && address.presence == Presence::IfAvailable => {
                tracing::info!(address = %address.socket, "not serving {}: {error}", address.socket);
                return Ok(());
            }
            Err(error) => return Err(ListenError::of(address.socket, "TLS", error)),
        };
        listener.set_nonblocking(true).map_err(ListenError::Given)?;
        self.tls_addresses.push(listener.local_addr().map_err(ListenError::Given)?);
        self.tls.push(listener);
        Ok(())
    }

    /// Lets all workers serve a socket that systemd holds too.
    fn take_udp(&mut self, socket: &UdpSocket, receive_buffer: usize) -> io::Result<()> {
        socket::prepare_udp(socket, receive_buffer)?;
        let address = socket.local_addr()?;
        self.udp_addresses.push(address);
        for worker in &mut self.workers {
            worker.add(udp::Endpoint::shared(socket.try_clone()?, address));
        }
        Ok(())
    }

    /// Adds a listening TCP socket.
    fn add_tcp(&mut self, listener: TcpListener) -> io::Result<()> {
        listener.set_nonblocking(true)?;
        self.tcp_addresses.push(listener.local_addr()?);
        self.tcp.push(listener);
        Ok(())
    }
}

/// The addresses to bind: each once, and none that a wildcard of its family and port covers already.
fn distinct(addresses: &[Address]) -> Vec<Address> {
    let wildcards: HashSet<(bool, u16)> = addresses
        .iter()
        .filter(|a| socket::is_wildcard(a.socket))
        .map(|a| (a.socket.is_ipv6(), a.socket.port()))
        .collect();
    let mut seen = HashSet::new();
    let covered = |a: &Address| {
        a.socket.port() != 0
            && !socket::is_wildcard(a.socket)
            && wildcards.contains(&(a.socket.is_ipv6(), a.socket.port()))
    };
    addresses.iter().filter(|a| !covered(a) && seen.insert(a.socket)).copied().collect()
}

/// The address that sockets of one port are bound to; with port 0 the kernel chose it.
fn local_address(sockets: &[UdpSocket], asked: SocketAddr) -> SocketAddr {
    sockets.first().and_then(|s| s.local_addr().ok()).unwrap_or(asked)
}

/// Whether the machine lacks the address or its whole family.
fn is_absent(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::AddrNotAvailable
        || error.raw_os_error() == Some(libc::EAFNOSUPPORT)
}

/// Why a server cannot listen.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// Another server is there.
    #[error(
        "{address} is in use ({transport}): stop the server there \
         (`ss -lnptu sport = :{port}` names it) or listen on another address or port",
        port = address.port()
    )]
    InUse {
        /// The address and port.
        address: SocketAddr,
        /// UDP, TCP, TLS or HTTP.
        transport: &'static str,
    },
    /// A low port without the right to it.
    #[error(
        "no permission to listen on {address} ({transport}): ports below 1024 need root \
         or CAP_NET_BIND_SERVICE"
    )]
    Forbidden {
        /// The address and port.
        address: SocketAddr,
        /// UDP, TCP, TLS or HTTP.
        transport: &'static str,
    },
    /// Not an address of this machine.
    #[error("{} is not an address of this machine: `ip address` shows those it has", address.ip())]
    NotHere {
        /// The address and port.
        address: SocketAddr,
    },
    /// Something else.
    #[error("cannot listen on {address} ({transport})")]
    Other {
        /// The address and port.
        address: SocketAddr,
        /// UDP, TCP, TLS or HTTP.
        transport: &'static str,
        /// What the kernel said.
        source: io::Error,
    },
    /// A socket from systemd fails.
    #[error("a socket given by systemd cannot be used")]
    Given(#[source] io::Error),
    /// Not one address is left.
    #[error(
        "there is no address to listen on: none is configured, or this machine has none of them"
    )]
    Nowhere,
}

impl ListenError {
    /// Sorts the kernel's answer by what the reader can do.
    pub(crate) fn of(
        address: SocketAddr,
        transport: &'static str,
        source: io::Error,
    ) -> ListenError {
        match source.kind() {
            io::ErrorKind::AddrInUse => ListenError::InUse { address, transport },
            io::ErrorKind::PermissionDenied => ListenError::Forbidden { address, transport },
            io::ErrorKind::AddrNotAvailable => ListenError::NotHere { address },
            _ => ListenError::Other { address, transport, source },
        }
    }
}

/// How often another free port is tried when port 0 was asked for.
const PORT_ATTEMPTS: u32 = 16;

#[cfg(test)]
mod tests {
    use super::*;

    fn config(addresses: &[&str]) -> Config {
        let addresses = addresses.iter().map(|a| Address::required(a.parse().unwrap())).collect();
        Config { addresses, workers: Workers::Count(NonZeroUsize::MIN), ..Config::default() }
    }

    #[test]
    fn an_address_is_bound_once() {
        let twice = config(&["127.0.0.1:5300", "127.0.0.1:5300", "0.0.0.0:53", "127.0.0.1:53"]);
        let left: Vec<_> =
            distinct(&twice.addresses).iter().map(|a| a.socket.to_string()).collect();
        assert_eq!(left, ["127.0.0.1:5300", "0.0.0.0:53"]);
    }

    #[test]
    fn udp_and_tcp_get_the_same_free_port() {
        let listeners = bind(&config(&["127.0.0.1:0"]), vec![], vec![]).unwrap();
        assert_eq!(listeners.udp_addresses, listeners.tcp_addresses);
        assert_ne!(listeners.udp_addresses[0].port(), 0);
    }

    #[test]
    fn a_port_in_use_is_one_error_that_names_it() {
        let first = bind(&config(&["127.0.0.1:0"]), vec![], vec![]).unwrap();
        let address = first.udp_addresses[0].to_string();
        let error = bind(&config(&[&address]), vec![], vec![]).unwrap_err();
        assert!(matches!(error, ListenError::InUse { transport: "UDP", .. }));
        assert!(error.to_string().contains(&address), "{error}");
    }

    #[test]
    fn an_address_of_another_machine_is_an_error_only_if_required() {
        let foreign = "192.0.2.1:0".parse().unwrap();
        let mut config = config(&["127.0.0.1:0"]);
        config.addresses.push(Address::if_available(foreign));
        assert_eq!(bind(&config, vec![], vec![]).unwrap().udp_addresses.len(), 1);
        config.addresses.push(Address::required(foreign));
        // The same address twice is bound once, as it stands first.
        config.addresses.remove(1);
        assert!(matches!(bind(&config, vec![], vec![]), Err(ListenError::NotHere { .. })));
    }

    #[test]
    fn sockets_from_systemd_replace_the_configured_ones() {
        let theirs = UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = theirs.local_addr().unwrap();
        let listeners = bind(&config(&["192.0.2.1:53"]), vec![theirs], vec![]).unwrap();
        assert_eq!((listeners.udp_addresses, listeners.tcp.len()), (vec![address], 0));
    }
}

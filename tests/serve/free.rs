//! Ports that nobody has.

use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, UdpSocket};
use std::ops::Range;
use std::sync::atomic::{AtomicU16, Ordering};

/// An address of loopback whose port is free.
pub(crate) fn free_address() -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()))
}

/// A port that is free for UDP and TCP, in both families.
///
/// It lies below the range from which the kernel gives clients theirs: one of those could take it
/// between this look and the server's start.
pub(crate) fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let is_free = |port: &u16| {
        let addresses: [IpAddr; 2] = [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
        addresses.into_iter().all(|ip| {
            let bound = UdpSocket::bind((ip, *port)).and_then(|_| TcpListener::bind((ip, *port)));
            // Without IPv6 there is nobody to take it.
            bound.map_or_else(|why| ip.is_ipv6() && why.kind() != ErrorKind::AddrInUse, |_| true)
        })
    };
    // Tests that run beside each other in processes of their own begin at different ports.
    let start = std::process::id() as usize * 97;
    (0..PORTS.len())
        .map(|_| start + usize::from(NEXT.fetch_add(1, Ordering::Relaxed)))
        .map(|place| PORTS.start + (place % PORTS.len()) as u16)
        .find(is_free)
        .expect("one of ten thousand ports is free")
}

/// Where servers under test listen.
const PORTS: Range<u16> = 10_000..20_000;

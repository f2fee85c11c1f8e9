//! Sockets with the options a name server needs.
//!
//! A UDP address is served by one socket for each worker (`SO_REUSEPORT`): the kernel spreads clients
//! over them and no lock is shared. The option has a trap: any process of the same user may join such
//! a port and silently take a share of its queries. So the first socket binds *without* it, which
//! fails if anyone else is there, and opens the door to its siblings only afterwards.
//!
//! Which addresses are bound is decided in [`super`]; the loops that use the sockets are elsewhere.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, UdpSocket};
use std::os::fd::{AsFd, AsRawFd};

use socket2::{Domain, Protocol, Socket, Type};

/// Binds `count` UDP sockets to one address; they share its queries.
pub(crate) fn bind_udp(
    address: SocketAddr,
    count: usize,
    receive_buffer: usize,
) -> io::Result<Vec<UdpSocket>> {
    let first = udp(address)?;
    first.bind(&address.into())?;
    let bound = first.local_addr()?.as_socket().unwrap_or(address);
    if count > 1 {
        first.set_reuse_port(true)?;
    }
    let mut sockets = vec![first];
    for _ in 1..count {
        let sibling = udp(address)?;
        sibling.set_reuse_port(true)?;
        sibling.bind(&bound.into())?;
        sockets.push(sibling);
    }
    let sockets: Vec<UdpSocket> = sockets.into_iter().map(UdpSocket::from).collect();
    for socket in &sockets {
        prepare_udp(socket, receive_buffer)?;
    }
    Ok(sockets)
}

/// Binds a listening TCP socket.
pub(crate) fn bind_tcp(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    // Connections of a server that just ended must not keep the next one from starting.
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(TCP_BACKLOG)?;
    Ok(socket.into())
}

/// Sets on a bound UDP socket, ours or a given one, what serving from it needs.
pub(crate) fn prepare_udp(socket: &UdpSocket, receive_buffer: usize) -> io::Result<()> {
    let address = socket.local_addr()?;
    ask_receive_buffer(socket, receive_buffer);
    // A forged "fragmentation needed" must not make us fragment answers: our sizes fit any path.
    // An old kernel without the option serves all the same.
    let _ = match address {
        SocketAddr::V4(_) => {
            set(socket, libc::IPPROTO_IP, libc::IP_MTU_DISCOVER, libc::IP_PMTUDISC_OMIT)
        }
        SocketAddr::V6(_) => {
            set(socket, libc::IPPROTO_IPV6, libc::IPV6_MTU_DISCOVER, libc::IPV6_PMTUDISC_OMIT)
        }
    };
    if is_wildcard(address) {
        // The answer must leave from the address that was asked, or the client discards it.
        match address {
            SocketAddr::V4(_) => set(socket, libc::IPPROTO_IP, libc::IP_PKTINFO, 1)?,
            SocketAddr::V6(_) => set(socket, libc::IPPROTO_IPV6, libc::IPV6_RECVPKTINFO, 1)?,
        }
    }
    Ok(())
}

/// Whether a socket bound to this address receives for every address of the machine.
pub(crate) fn is_wildcard(address: SocketAddr) -> bool {
    match address {
        SocketAddr::V4(v4) => *v4.ip() == Ipv4Addr::UNSPECIFIED,
        SocketAddr::V6(v6) => *v6.ip() == Ipv6Addr::UNSPECIFIED,
    }
}

/// How many datagrams the kernel discarded because this socket's receive buffer was full.
#[expect(unsafe_code, reason = "the standard library has no getsockopt for SO_MEMINFO")]
pub(crate) fn receive_drops(socket: &impl AsFd) -> u64 {
    let mut info = [0_u32; SK_MEMINFO_VARS];
    let mut len = size_of_val(&info) as libc::socklen_t;
    // SAFETY: the descriptor is open as it is borrowed; `info` and `len` are valid for writes of the
    // sizes given, and the kernel writes at most `len` bytes.
    let result = unsafe {
        libc::getsockopt(
            socket.as_fd().as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_MEMINFO,
            info.as_mut_ptr().cast(),
            &mut len,
        )
    };
    if result == 0 { u64::from(info[SK_MEMINFO_DROPS]) } else { 0 }
}

/// Makes an unbound UDP socket that serves its own family only.
fn udp(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    Ok(socket)
}

/// Asks for a receive buffer that holds a burst; a smaller one than asked for is only worth a word.
fn ask_receive_buffer(socket: &UdpSocket, bytes: usize) {
    let wanted = i32::try_from(bytes).unwrap_or(i32::MAX);
    if set(socket, libc::SOL_SOCKET, libc::SO_RCVBUFFORCE, wanted).is_ok() {
        return;
    }
    let _ = set(socket, libc::SOL_SOCKET, libc::SO_RCVBUF, wanted);
    // The kernel reports twice what it granted: it counts its own book-keeping.
    let granted = socket2::SockRef::from(socket).recv_buffer_size().unwrap_or(0) / 2;
    if granted < bytes {
        tracing::warn!(
            asked = bytes,
            granted,
            "receive buffer is {granted} bytes instead of {bytes}, bursts may be lost: \
             raise net.core.rmem_max or start with CAP_NET_ADMIN"
        );
    }
}

/// Sets one integer option.
#[expect(unsafe_code, reason = "socket2 knows neither packet information nor forced buffer sizes")]
fn set(socket: &impl AsFd, level: i32, option: i32, value: i32) -> io::Result<()> {
    // SAFETY: the descriptor is open as it is borrowed; the kernel reads four bytes of `value`.
    let result = unsafe {
        libc::setsockopt(
            socket.as_fd().as_raw_fd(),
            level,
            option,
            (&raw const value).cast(),
            size_of::<i32>() as libc::socklen_t,
        )
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Connections that wait to be accepted; the kernel caps it at net.core.somaxconn.
const TCP_BACKLOG: i32 = 1024;
/// How many counters `SO_MEMINFO` has (linux/sock_diag.h).
const SK_MEMINFO_VARS: usize = 9;
/// Which of them counts dropped packets.
const SK_MEMINFO_DROPS: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    fn any_port() -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], 0))
    }

    #[test]
    fn siblings_share_one_port_and_all_receive() {
        let sockets = bind_udp(any_port(), 4, 65_536).unwrap();
        let address = sockets[0].local_addr().unwrap();
        // Every client has its own port, so that the kernel's hash spreads them.
        for _ in 0..200 {
            let client = UdpSocket::bind(any_port()).unwrap();
            client.send_to(b"x", address).unwrap();
        }
        for socket in &sockets {
            assert_eq!(socket.local_addr().unwrap(), address);
            socket.set_nonblocking(true).unwrap();
            assert!(socket.recv(&mut [0; 8]).is_ok(), "a sibling was left out");
        }
    }

    #[test]
    fn a_port_somebody_shares_is_refused() {
        let theirs = bind_udp(any_port(), 2, 65_536).unwrap();
        let error = bind_udp(theirs[0].local_addr().unwrap(), 2, 65_536).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
    }

    #[test]
    fn datagrams_beyond_the_buffer_are_counted() {
        let sockets = bind_udp(any_port(), 1, 4_096).unwrap();
        let client = UdpSocket::bind(any_port()).unwrap();
        for _ in 0..100 {
            client.send_to(&[0; 1_000], sockets[0].local_addr().unwrap()).unwrap();
        }
        assert!(receive_drops(&sockets[0]) > 50);
    }
}

//! Batches of datagrams: `recvmmsg` and `sendmmsg` behind a safe face.
//!
//! One system call brings up to [`BATCH`] queries and one takes their answers away. All buffers are
//! made once; a slot is a query's bytes, its sender, the address it was sent to and its answer. The
//! strides of buffers are odd numbers of cache lines, as buffers a page apart would all fall into the same set of the first-level cache.
//!
//! What a query means is not known here, and no error ends a loop here: see [`super::udp`].

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;
use std::ptr;

pub(super) use super::packet_info::PacketInfo;
use super::packet_info::{Control, depart, empty_header};
use crate::message::HEADER;
use crate::respond::{BATCH, ReplyBuffer, UDP_REPLY};

/// Buffers for a batch of datagrams, and the kernel's headers that point into them.
///
/// The vectors are never resized after [`Datagrams::new`], so the pointers in the headers stay valid when
/// the struct moves. It belongs to one thread: the raw pointers make it neither `Send` nor `Sync`.
pub(super) struct Datagrams {
    /// The queries.
    requests: Vec<RequestBytes>,
    /// Their senders.
    peers: Vec<Peer>,
    /// The addresses they were sent to, as the kernel writes them, on wildcard sockets.
    arrivals: Vec<Control>,
    /// The same for the answers: where they leave from.
    departures: Vec<Control>,
    /// The answers.
    replies: Vec<ReplyBuffer>,
    /// Headers of `recvmmsg`, slot by slot; each points at its element of `_request_vectors`.
    incoming: Vec<libc::mmsghdr>,
    /// Headers of `sendmmsg`; a dropped query leaves no gap here.
    outgoing: Vec<libc::mmsghdr>,
    /// What `incoming` points at: one vector a message.
    _request_vectors: Vec<libc::iovec>,
    /// What `outgoing` points at.
    reply_vectors: Vec<libc::iovec>,
    /// How many slots are filled.
    received: usize,
    /// How many of the first headers the kernel wrote to since they were prepared.
    used: usize,
    /// What the headers are prepared for.
    prepared: PacketInfo,
}

/// Whether a call waits for the first datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wait {
    /// Until one is there.
    ForOne,
    /// Not at all.
    No,
}

/// The queries of a batch, while the answers are being written.
pub(super) struct Received<'a> {
    /// All request buffers.
    requests: &'a [RequestBytes],
    /// Headers with their lengths.
    headers: &'a [libc::mmsghdr],
    /// Their senders.
    peers: &'a [Peer],
}

impl Datagrams {
    /// Makes the buffers.
    pub(super) fn new() -> Datagrams {
        let mut requests = vec![RequestBytes([0; REQUEST_BYTES]); BATCH];
        let mut peers = vec![Peer::none(); BATCH];
        let mut request_vectors: Vec<libc::iovec> = (0..BATCH)
            .map(|i| libc::iovec {
                iov_base: requests.as_mut_ptr().wrapping_add(i).cast(),
                iov_len: REQUEST_BYTES,
            })
            .collect();
        let incoming = (0..BATCH)
            .map(|i| {
                let peer = peers.as_mut_ptr().wrapping_add(i);
                header(peer, request_vectors.as_mut_ptr().wrapping_add(i))
            })
            .collect();
        let empty = libc::iovec { iov_base: ptr::null_mut(), iov_len: 0 };
        let mut reply_vectors = vec![empty; BATCH];
        let outgoing = (0..BATCH)
            .map(|i| header(ptr::null_mut(), reply_vectors.as_mut_ptr().wrapping_add(i)))
            .collect();
        Datagrams {
            requests,
            peers,
            arrivals: vec![Control::EMPTY; BATCH],
            departures: vec![Control::EMPTY; BATCH],
            replies: ReplyBuffer::many(BATCH),
            incoming,
            outgoing,
            _request_vectors: request_vectors,
            reply_vectors,
            received: 0,
            used: BATCH,
            prepared: PacketInfo::Bound,
        }
    }

    /// Receives what is there, up to a batch, and returns how many queries that is.
    #[expect(unsafe_code, reason = "recvmmsg has no safe wrapper without allocation")]
    pub(super) fn receive(
        &mut self,
        socket: &UdpSocket,
        info: PacketInfo,
        wait: Wait,
    ) -> io::Result<usize> {
        self.prepare(info);
        self.received = 0;
        let flags = match wait {
            Wait::ForOne => libc::MSG_WAITFORONE,
            Wait::No => libc::MSG_DONTWAIT,
        };
        // SAFETY: `incoming` has BATCH headers. Each names its own sender, vector and (wildcard only)
        // control buffer with their true sizes, all elements of vectors that are never resized, and
        // nothing borrows them now as `self` is borrowed mutably.
        let count = unsafe {
            libc::recvmmsg(
                socket.as_raw_fd(),
                self.incoming.as_mut_ptr(),
                BATCH as u32,
                flags as _,
                ptr::null_mut(),
            )
        };
        let Ok(count) = usize::try_from(count) else {
            self.used = 1;
            return Err(io::Error::last_os_error());
        };
        self.used = count;
        // A socket that was shut down to wake us yields one message from nobody.
        let from_nobody = |h: &libc::mmsghdr| h.msg_hdr.msg_namelen == 0;
        self.received =
            count - self.incoming[..count].iter().rev().take_while(|h| from_nobody(h)).count();
        Ok(self.received)
    }

    /// The queries received, and a buffer for the answer to each.
    pub(super) fn parts(&mut self) -> (Received<'_>, &mut [ReplyBuffer]) {
        let n = self.received;
        let received = Received {
            requests: &self.requests[..n],
            headers: &self.incoming[..n],
            peers: &self.peers[..n],
        };
        (received, &mut self.replies[..n])
    }

    /// What an answer needs that is given later: the sender of a query and where it arrived.
    pub(super) fn way_back(&self, slot: usize, info: PacketInfo) -> Option<WayBack> {
        let (header, peer) = self.incoming[..self.received].iter().zip(&self.peers).nth(slot)?;
        let mut departure = Control::EMPTY;
        let length = match info {
            PacketInfo::Bound => 0,
            PacketInfo::Wildcard => depart(&header.msg_hdr, &mut departure),
        };
        let peer = (*peer, header.msg_hdr.msg_namelen);
        Some(WayBack { peer, departure: (departure, length) })
    }

    /// Sends answers: `lengths` yields (slot, length of its answer) for those that get one.
    ///
    /// Returns how many could not be sent. One that fails does not keep the others back.
    pub(super) fn send(
        &mut self,
        socket: &UdpSocket,
        info: PacketInfo,
        lengths: impl Iterator<Item = (usize, usize)>,
    ) -> usize {
        let mut count = 0;
        for (slot, length) in lengths {
            assert!(slot < self.received && length <= UDP_REPLY, "an answer of this batch");
            self.reply_vectors[count].iov_len = length;
            self.reply_vectors[count].iov_base =
                self.replies.as_mut_ptr().wrapping_add(slot).cast();
            let header = &mut self.outgoing[count].msg_hdr;
            header.msg_name = self.peers.as_mut_ptr().wrapping_add(slot).cast();
            header.msg_namelen = self.incoming[slot].msg_hdr.msg_namelen;
            let control_len = match info {
                PacketInfo::Bound => 0,
                PacketInfo::Wildcard => {
                    depart(&self.incoming[slot].msg_hdr, &mut self.departures[slot])
                }
            };
            header.msg_controllen = control_len as _;
            header.msg_control = match control_len {
                0 => ptr::null_mut(),
                _ => self.departures.as_mut_ptr().wrapping_add(slot).cast(),
            };
            count += 1;
        }
        self.send_first(socket, count)
    }

    /// Sends the first `count` outgoing messages and returns how many failed.
    #[expect(unsafe_code, reason = "sendmmsg has no safe wrapper without allocation")]
    fn send_first(&mut self, socket: &UdpSocket, count: usize) -> usize {
        let mut done = 0;
        let mut failed = 0;
        let mut patience = PATIENCE;
        while done < count {
            let rest = &mut self.outgoing[done..count];
            // SAFETY: `rest` has the number of headers given; `send` pointed each at a sender, a
            // vector, a reply and a control buffer (or none) of this batch with their true sizes.
            let sent = unsafe {
                libc::sendmmsg(socket.as_raw_fd(), rest.as_mut_ptr(), rest.len() as u32, 0)
            };
            // An error concerns the first message only: those before it were counted as sent.
            match usize::try_from(sent) {
                Ok(sent) => done += sent,
                Err(_) => match io::Error::last_os_error().raw_os_error() {
                    Some(libc::EINTR) => {}
                    // The device's queue, or a given non-blocking socket, is full for the moment.
                    Some(libc::ENOBUFS | libc::EAGAIN) if patience > 0 => {
                        patience -= 1;
                        writable(socket);
                    }
                    // Also errors of earlier answers (ECONNREFUSED): this message is retried once.
                    Some(libc::ECONNREFUSED) if patience > 0 => patience -= 1,
                    _ => {
                        done += 1;
                        failed += 1;
                    }
                },
            }
        }
        failed
    }

    /// Resets what the kernel overwrites in headers.
    fn prepare(&mut self, info: PacketInfo) {
        let stale = if info == self.prepared { self.used } else { BATCH };
        for i in 0..stale {
            let header = &mut self.incoming[i].msg_hdr;
            header.msg_namelen = size_of::<Peer>() as libc::socklen_t;
            header.msg_flags = 0;
            match info {
                PacketInfo::Bound => {
                    header.msg_control = ptr::null_mut();
                    header.msg_controllen = 0;
                }
                PacketInfo::Wildcard => {
                    header.msg_control = self.arrivals.as_mut_ptr().wrapping_add(i).cast();
                    header.msg_controllen = size_of::<Control>() as _;
                }
            }
        }
        self.prepared = info;
        self.used = 0;
    }
}

/// Who sent a query, and where it arrived.
pub(super) struct WayBack {
    /// The sender, and how many bytes of that the kernel wrote.
    pub(super) peer: (Peer, libc::socklen_t),
    /// What makes an answer leave from where the query arrived, and its length.
    pub(super) departure: (Control, usize),
}

impl<'a> Received<'a> {
    /// The queries in order: bytes and the address that sent them. Of one that was too long there is only
    /// the header: what is cut must not be taken for whole.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&'a [u8], IpAddr)> + use<'a> {
        let Received { requests, headers, peers } = *self;
        requests.iter().zip(headers).zip(peers).map(|((bytes, header), peer)| {
            let is_cut = header.msg_hdr.msg_flags & libc::MSG_TRUNC != 0;
            let length = if is_cut { HEADER } else { (header.msg_len as usize).min(REQUEST_BYTES) };
            (&bytes.0[..length], peer.address())
        })
    }
}

/// Waits a moment until a socket takes datagrams again.
#[expect(unsafe_code, reason = "no safe call waits for one socket")]
pub(super) fn writable(socket: &UdpSocket) {
    let mut one = libc::pollfd { fd: socket.as_raw_fd(), events: libc::POLLOUT, revents: 0 };
    // SAFETY: one valid pollfd is passed, as the count says.
    unsafe { libc::poll(&raw mut one, 1, FULL_QUEUE_MILLISECONDS) };
}

/// A header that names a sender and one vector.
fn header(peer: *mut Peer, vector: *mut libc::iovec) -> libc::mmsghdr {
    let msg_hdr = libc::msghdr {
        msg_name: peer.cast(),
        msg_iov: vector,
        msg_iovlen: 1 as _,
        ..empty_header()
    };
    libc::mmsghdr { msg_hdr, msg_len: 0 }
}

/// The bytes of a query.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct RequestBytes([u8; REQUEST_BYTES]);

/// The socket address of a sender, of either family, as the kernel writes it.
#[derive(Clone, Copy)]
#[repr(C, align(4))]
pub(super) struct Peer([u8; PEER_BYTES]);

impl Peer {
    /// No address yet.
    fn none() -> Peer {
        Peer([0; PEER_BYTES])
    }

    /// Address and port; IPv4 as IPv4, also when it came through a socket for both families.
    pub(super) fn socket(&self) -> SocketAddr {
        SocketAddr::new(self.address(), u16::from_be_bytes([self.0[2], self.0[3]]))
    }

    /// The address; IPv4 as IPv4, also when it came through a socket for both families.
    fn address(&self) -> IpAddr {
        let family = u16::from_ne_bytes([self.0[0], self.0[1]]);
        if i32::from(family) == libc::AF_INET6 {
            // sockaddr_in6: family, port, flow information (4 bytes), address.
            let octets = self.0[8..24].try_into().unwrap_or([0; 16]);
            Ipv6Addr::from_octets(octets).to_canonical()
        } else {
            // sockaddr_in: family, port, address.
            let octets = self.0[4..8].try_into().unwrap_or([0; 4]);
            IpAddr::V4(Ipv4Addr::from_octets(octets))
        }
    }
}

/// Bytes kept of a query: updates may have as many as answers, 4,096 and a cache line.
const REQUEST_BYTES: usize = 65 * 64;
/// Size of a `sockaddr_in6`, the larger of the two.
const PEER_BYTES: usize = size_of::<libc::sockaddr_in6>();
/// How often a full queue is waited for in one batch before an answer is given up.
const PATIENCE: u32 = 3;
/// How long one such wait lasts at most.
const FULL_QUEUE_MILLISECONDS: i32 = 2;

const _: () = assert!(size_of::<ReplyBuffer>() >= UDP_REPLY);
const _: () = assert!(size_of::<libc::sockaddr_in>() <= PEER_BYTES);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::listen::socket;

    /// Echoes one batch and returns its size.
    fn echo(batch: &mut Datagrams, socket: &UdpSocket, info: PacketInfo, wait: Wait) -> usize {
        let n = batch.receive(socket, info, wait).unwrap();
        let (received, replies) = batch.parts();
        let mut lengths = Vec::new();
        for (slot, ((bytes, _), reply)) in received.iter().zip(replies).enumerate() {
            reply.as_mut()[..bytes.len()].copy_from_slice(bytes);
            lengths.push((slot, bytes.len()));
        }
        assert_eq!(batch.send(socket, info, lengths.into_iter()), 0);
        n
    }

    #[test]
    fn a_burst_is_moved_in_whole_batches() {
        let server = &socket::bind_udp("127.0.0.1:0".parse().unwrap(), 1, 1 << 20).unwrap()[0];
        let client = UdpSocket::bind("127.0.0.1:0").unwrap();
        client.connect(server.local_addr().unwrap()).unwrap();
        for i in 0..150_u8 {
            client.send(&[i; 40]).unwrap();
        }
        let mut batch = Datagrams::new();
        let mut sizes = Vec::new();
        while sizes.iter().sum::<usize>() < 150 {
            sizes.push(echo(&mut batch, server, PacketInfo::Bound, Wait::ForOne));
        }
        assert_eq!(sizes, [64, 64, 22]);
        for i in 0..150_u8 {
            let mut answer = [0; 64];
            assert_eq!(client.recv(&mut answer).unwrap(), 40);
            assert_eq!(answer[0], i);
        }
    }

    #[test]
    fn wildcard_sockets_answer_from_the_address_that_was_asked() {
        let server = &socket::bind_udp("0.0.0.0:0".parse().unwrap(), 1, 1 << 16).unwrap()[0];
        let port = server.local_addr().unwrap().port();
        let mut batch = Datagrams::new();
        for asked in ["127.0.0.2", "127.0.0.1"] {
            let asked: SocketAddr = (asked.parse::<IpAddr>().unwrap(), port).into();
            let client = UdpSocket::bind("127.0.0.1:0").unwrap();
            client.send_to(b"hello", asked).unwrap();
            assert_eq!(echo(&mut batch, server, PacketInfo::Wildcard, Wait::ForOne), 1);
            let (_, from) = client.recv_from(&mut [0; 16]).unwrap();
            assert_eq!(from, asked);
        }
    }

    #[test]
    fn a_given_socket_for_both_families_answers_ipv4_from_the_address_that_was_asked() {
        let both = socket2::Socket::new(socket2::Domain::IPV6, socket2::Type::DGRAM, None).unwrap();
        both.set_only_v6(false).unwrap();
        both.bind(&SocketAddr::from(([0_u16; 8], 0)).into()).unwrap();
        let server = &UdpSocket::from(both);
        socket::prepare_udp(server, 1 << 16).unwrap();
        let asked = SocketAddr::from(([127, 0, 0, 2], server.local_addr().unwrap().port()));
        let client = UdpSocket::bind("127.0.0.1:0").unwrap();
        client.send_to(b"hello", asked).unwrap();
        let mut batch = Datagrams::new();
        assert_eq!(echo(&mut batch, server, PacketInfo::Wildcard, Wait::ForOne), 1);
        let sender = batch.parts().0.iter().next().map(|(_, address)| address);
        assert_eq!(sender, Some(IpAddr::from([127, 0, 0, 1])), "known as IPv4");
        assert_eq!(client.recv_from(&mut [0; 16]).unwrap().1, asked);
    }

    #[test]
    fn senders_are_told_with_their_address() {
        let server = &socket::bind_udp("127.0.0.1:0".parse().unwrap(), 1, 1 << 16).unwrap()[0];
        let client = UdpSocket::bind("127.0.0.3:0").unwrap();
        client.send_to(b"x", server.local_addr().unwrap()).unwrap();
        let mut batch = Datagrams::new();
        batch.receive(server, PacketInfo::Bound, Wait::ForOne).unwrap();
        let (received, _) = batch.parts();
        let all: Vec<_> = received.iter().collect();
        assert_eq!(all, [(&b"x"[..], IpAddr::from([127, 0, 0, 3]))]);
    }

    #[test]
    fn an_answer_that_cannot_be_sent_keeps_no_other_back() {
        let server = &socket::bind_udp("127.0.0.1:0".parse().unwrap(), 1, 1 << 16).unwrap()[0];
        let client = UdpSocket::bind("127.0.0.1:0").unwrap();
        for _ in 0..3 {
            client.send_to(b"x", server.local_addr().unwrap()).unwrap();
        }
        let mut batch = Datagrams::new();
        assert_eq!(batch.receive(server, PacketInfo::Bound, Wait::ForOne).unwrap(), 3);
        // A datagram to port 0 is refused by the kernel (EINVAL).
        batch.peers[1].0[2..4].fill(0);
        let failed = batch.send(server, PacketInfo::Bound, [(0, 1), (1, 1), (2, 1)].into_iter());
        assert_eq!(failed, 1);
        for _ in 0..2 {
            client.recv(&mut [0; 8]).unwrap();
        }
    }

    #[test]
    fn nothing_there_is_would_block() {
        let server = &socket::bind_udp("127.0.0.1:0".parse().unwrap(), 1, 1 << 16).unwrap()[0];
        let error = Datagrams::new().receive(server, PacketInfo::Bound, Wait::No).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
    }
}

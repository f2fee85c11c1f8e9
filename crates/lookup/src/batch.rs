//! Many datagrams in one call of the kernel: `sendmmsg` and `recvmmsg`, and several of one size as one (UDP_SEGMENT).
//!
//! A million look-ups are four million datagrams with the reasons; one call each costs more than all that is done
//! with them.

use std::io::{self, IoSlice, IoSliceMut};
use std::ops::Range;
use std::os::fd::AsRawFd;

use arrayvec::ArrayVec;
use mio::net::UdpSocket;
use nix::errno::Errno;
use nix::sys::socket::{ControlMessage, MsgFlags, MultiHeaders, recvmmsg, sendmmsg, sendmsg};

/// A datagram to be sent: its socket, by its place, and where it lies.
type Part = (usize, Range<usize>);

/// Buffers for a batch.
#[derive(Debug)]
pub(crate) struct Batch {
    headers: MultiHeaders<()>,
    /// Space for what comes.
    incoming: Box<[u8]>,
    /// What is to be sent, one after the other.
    outgoing: Vec<u8>,
    /// Each of them.
    parts: Vec<Part>,
    /// Those of a socket that have no other of their size beside them.
    alone: Vec<Part>,
    /// Whether the system takes several datagrams of one size as one (UDP_SEGMENT, udp(7)).
    segments: bool,
}

impl Batch {
    /// Makes the buffers.
    pub(crate) fn new() -> Batch {
        Batch {
            headers: MultiHeaders::preallocate(MOST, None),
            incoming: vec![0; MOST * LONGEST].into_boxed_slice(),
            outgoing: Vec::new(),
            parts: Vec::new(),
            alone: Vec::new(),
            segments: true,
        }
    }

    /// Adds a datagram to be sent from a socket, given by its place.
    pub(crate) fn push(&mut self, socket: usize, bytes: &[u8]) {
        let start = self.outgoing.len();
        self.outgoing.extend_from_slice(bytes);
        self.parts.push((socket, start..self.outgoing.len()));
    }

    /// Sends all that was added, and calls `failed` with the socket and the error of what was not. What the system
    /// has no room for is lost, as it could be on the way.
    pub(crate) fn send(
        &mut self,
        sockets: &[UdpSocket],
        mut failed: impl FnMut(usize, &io::Error),
    ) {
        let mut parts = std::mem::take(&mut self.parts);
        parts.sort_by_key(|(socket, range)| (*socket, range.len()));
        for parts in parts.chunk_by(|(one, _), (other, _)| one == other) {
            let Some((at, _)) = parts.first() else { continue };
            let Some(socket) = sockets.get(*at) else { continue };
            let mut alone = std::mem::take(&mut self.alone);
            for alike in parts.chunk_by(|(_, one), (_, other)| one.len() == other.len()) {
                for burst in alike.chunks(MOST) {
                    match burst {
                        [_, _, ..] if self.segments => self.carry(socket, burst, true, |error| {
                            failed(*at, error);
                        }),
                        _ => alone.extend_from_slice(burst),
                    }
                }
            }
            for burst in alone.chunks(MOST) {
                self.carry(socket, burst, false, |error| failed(*at, error));
            }
            alone.clear();
            self.alone = alone;
        }
        parts.clear();
        self.parts = parts;
        self.outgoing.clear();
    }

    /// Sends a burst through a socket: as segments of one datagram, or each by itself.
    fn carry(
        &mut self,
        socket: &UdpSocket,
        mut rest: &[Part],
        mut as_segments: bool,
        mut failed: impl FnMut(&io::Error),
    ) {
        // After an error the rest is tried once more: what the error tells of was sent before.
        let mut may_fail = true;
        while !rest.is_empty() {
            let sent = match as_segments {
                true => send_segments(socket, &self.outgoing, rest),
                false => send(&mut self.headers, socket, &self.outgoing, rest),
            };
            match sent {
                Ok(0) => return,
                Ok(sent) => rest = rest.get(sent..).unwrap_or_default(),
                Err(error) if as_segments && is_unable(&error) => {
                    (as_segments, self.segments) = (false, false);
                }
                Err(error) => {
                    failed(&error);
                    if !std::mem::take(&mut may_fail) {
                        return;
                    }
                }
            }
        }
    }

    /// Takes in what waits in a socket, up to a batch, and calls `each` with every datagram. Says how many there
    /// were; if that is fewer than [`MOST`], no more wait.
    ///
    /// # Errors
    /// What the socket says: that nothing waits, too.
    pub(crate) fn receive(
        &mut self,
        socket: &UdpSocket,
        mut each: impl FnMut(&[u8]),
    ) -> io::Result<usize> {
        let mut lengths: ArrayVec<usize, MOST> = ArrayVec::new();
        {
            let mut chunks = self.incoming.chunks_exact_mut(LONGEST);
            let mut space: [[IoSliceMut<'_>; 1]; MOST] =
                std::array::from_fn(|_| [IoSliceMut::new(chunks.next().unwrap_or_default())]);
            let flags = MsgFlags::MSG_DONTWAIT;
            let got = recvmmsg(socket.as_raw_fd(), &mut self.headers, &mut space, flags, None)?;
            lengths.extend(got.map(|message| message.bytes));
        }
        for (packet, len) in self.incoming.chunks_exact(LONGEST).zip(&lengths) {
            each(packet.get(..*len).unwrap_or_default());
        }
        Ok(lengths.len())
    }
}

/// Sends some; says how many of them are sent.
fn send(
    headers: &mut MultiHeaders<()>,
    socket: &UdpSocket,
    bytes: &[u8],
    parts: &[Part],
) -> io::Result<usize> {
    let slices: ArrayVec<[IoSlice<'_>; 1], MOST> = parts
        .iter()
        .take(MOST)
        .map(|(_, range)| [IoSlice::new(bytes.get(range.clone()).unwrap_or_default())])
        .collect();
    let nobody = [None; MOST];
    let flags = MsgFlags::MSG_DONTWAIT;
    let sent = sendmmsg(socket.as_raw_fd(), headers, &slices, nobody, [], flags)?;
    Ok(sent.count())
}

/// Sends some of one size as one, which the kernel cuts at the last moment: it goes down the stack once.
fn send_segments(socket: &UdpSocket, bytes: &[u8], parts: &[Part]) -> io::Result<usize> {
    let slices: ArrayVec<IoSlice<'_>, MOST> = parts
        .iter()
        .take(MOST)
        .map(|(_, range)| IoSlice::new(bytes.get(range.clone()).unwrap_or_default()))
        .collect();
    let size = slices.first().map_or(0, |slice| slice.len()) as u16;
    let control = [ControlMessage::UdpGsoSegments(&size)];
    sendmsg::<()>(socket.as_raw_fd(), &slices, &control, MsgFlags::MSG_DONTWAIT, None)?;
    Ok(slices.len())
}

/// Whether an error says that segments cannot be sent here: by the kernel, the device, or at this size.
fn is_unable(error: &io::Error) -> bool {
    let Some(code) = error.raw_os_error() else { return false };
    let unable =
        [Errno::EINVAL, Errno::EIO, Errno::EMSGSIZE, Errno::ENOPROTOOPT, Errno::EOPNOTSUPP];
    unable.contains(&Errno::from_raw(code))
}

/// Most datagrams in a call.
pub(crate) const MOST: usize = 64;
/// Longer ones are cut: more than three times what EDNS announces.
const LONGEST: usize = 4096;

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::net::UdpSocket as Peer;
    use std::time::Duration;

    use super::*;

    /// Sends datagrams of several sizes from two sockets; what came, each with the socket it came from.
    fn carried(batch: &mut Batch, each: usize) -> (BTreeSet<(usize, Vec<u8>)>, usize) {
        let peer = Peer::bind("127.0.0.1:0").expect("a socket");
        peer.set_read_timeout(Some(Duration::from_secs(20))).expect("a time limit");
        let to = peer.local_addr().expect("an address");
        let sockets = [0, 1].map(|_| {
            let socket = Peer::bind("127.0.0.1:0").expect("a socket");
            socket.set_nonblocking(true).expect("it is ours");
            socket.connect(to).expect("loopback is there");
            UdpSocket::from_std(socket)
        });
        let from = sockets.each_ref().map(|socket| socket.local_addr().expect("an address"));
        let mut expected = 0;
        for number in 0..each {
            for socket in 0..sockets.len() {
                // Three sizes, and one that no other has.
                let size = 30 + number % 3 + if number == 0 { 40 } else { 0 };
                let mut bytes = vec![socket as u8; size];
                bytes[1..3].copy_from_slice(&(number as u16).to_be_bytes());
                batch.push(socket, &bytes);
                expected += 1;
            }
        }
        batch.send(&sockets, |socket, error| panic!("socket {socket}: {error}"));
        let mut came = BTreeSet::new();
        let mut buffer = [0; 9_000];
        for _ in 0..expected {
            let (size, sender) = peer.recv_from(&mut buffer).expect("each of them comes");
            let socket = from.iter().position(|from| *from == sender).expect("one of the two");
            assert_eq!(usize::from(buffer[0]), socket);
            came.insert((socket, buffer[..size].to_vec()));
        }
        (came, expected)
    }

    #[test]
    fn datagrams_come_as_they_were_given_whether_the_kernel_takes_several_as_one_or_not() {
        let mut batch = Batch::new();
        let (as_segments, count) = carried(&mut batch, 60);
        assert_eq!(as_segments.len(), count);
        batch.segments = false;
        assert_eq!(carried(&mut batch, 60), (as_segments, count));
    }

    #[test]
    fn what_cannot_be_sent_as_segments_is_sent_one_by_one() {
        let peer = Peer::bind("127.0.0.1:0").expect("a socket");
        peer.set_read_timeout(Some(Duration::from_secs(20))).expect("a time limit");
        let socket = Peer::bind("127.0.0.1:0").expect("a socket");
        socket.connect(peer.local_addr().expect("an address")).expect("loopback is there");
        let mut batch = Batch::new();
        // Together they are longer than a datagram may be, and the kernel says so.
        for number in 0..2 {
            batch.push(0, &[number; 40_000]);
        }
        batch.send(&[UdpSocket::from_std(socket)], |_, error| panic!("{error}"));
        let mut buffer = [0; 65_536];
        for number in 0..2 {
            assert_eq!(peer.recv(&mut buffer).expect("each of them comes"), 40_000);
            assert_eq!(buffer[0], number);
        }
        assert!(!batch.segments);
    }
}

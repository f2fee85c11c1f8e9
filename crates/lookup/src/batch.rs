//! Many datagrams in one call of the kernel: `sendmmsg` and `recvmmsg`.
//!
//! A million look-ups are four million datagrams with the reasons; one call each costs more than all that is done
//! with them.

use std::io::{self, IoSlice, IoSliceMut};
use std::ops::Range;
use std::os::fd::AsRawFd;

use arrayvec::ArrayVec;
use mio::net::UdpSocket;
use nix::sys::socket::{MsgFlags, MultiHeaders, recvmmsg, sendmmsg};

/// Buffers for a batch.
#[derive(Debug)]
pub(crate) struct Batch {
    headers: MultiHeaders<()>,
    /// Space for what comes.
    incoming: Box<[u8]>,
    /// What is to be sent, one after the other.
    outgoing: Vec<u8>,
    /// The socket of each, by its place, and where it lies.
    parts: Vec<(usize, Range<usize>)>,
}

impl Batch {
    /// Makes the buffers.
    pub(crate) fn new() -> Batch {
        Batch {
            headers: MultiHeaders::preallocate(MOST, None),
            incoming: vec![0; MOST * LONGEST].into_boxed_slice(),
            outgoing: Vec::new(),
            parts: Vec::new(),
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
        self.parts.sort_by_key(|(socket, _)| *socket);
        for parts in self.parts.chunk_by(|(one, _), (other, _)| one == other) {
            let Some((at, _)) = parts.first() else { continue };
            let Some(socket) = sockets.get(*at) else { continue };
            for mut rest in parts.chunks(MOST) {
                // After an error the rest is tried once more: what the error tells of was sent before.
                let mut may_fail = true;
                while !rest.is_empty() {
                    match send(&mut self.headers, socket, &self.outgoing, rest) {
                        Ok(0) => break,
                        Ok(sent) => rest = rest.get(sent..).unwrap_or_default(),
                        Err(error) => {
                            failed(*at, &error);
                            if !std::mem::take(&mut may_fail) {
                                break;
                            }
                        }
                    }
                }
            }
        }
        self.parts.clear();
        self.outgoing.clear();
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
    parts: &[(usize, Range<usize>)],
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

/// Most datagrams in a call.
pub(crate) const MOST: usize = 64;
/// Longer ones are cut: more than three times what EDNS announces.
const LONGEST: usize = 4096;

//! The way back to who sent a datagram, for an answer that takes longer than a batch.
//!
//! It leaves by the socket that the query came through, from the address that was asked. Holding one costs
//! no socket: once the server has stopped, answers go nowhere.

use std::fmt::{self, Debug, Formatter};
use std::io;
use std::net::UdpSocket;
use std::os::fd::AsRawFd;
use std::sync::Weak;

use super::batch::{WayBack, writable};
use super::packet_info::empty_header;
use super::tally::Tally;

/// The way back for one answer.
pub struct Back {
    /// The socket of the query.
    socket: Weak<UdpSocket>,
    /// Who sent it, and where the answer leaves from.
    way: WayBack,
    /// Where it is counted.
    tally: Tally,
}

impl Back {
    /// A way back.
    pub(super) fn new(socket: Weak<UdpSocket>, way: WayBack, tally: Tally) -> Back {
        Back { socket, way, tally }
    }

    /// Sends the answer and counts it. How long it may be is for the sender to know: 512 bytes, or what
    /// the query's EDNS says (RFC 6891 section 6.2.3).
    ///
    /// What cannot be sent is counted and lost, as any datagram may be.
    pub fn send(mut self, answer: &[u8]) {
        let Some(socket) = self.socket.upgrade() else { return };
        let mut patience = PATIENCE;
        loop {
            match self.try_send(&socket, answer).map_err(|error| error.raw_os_error()) {
                Ok(()) => return self.tally.answer(answer),
                Err(Some(libc::EINTR)) => {}
                Err(Some(libc::ENOBUFS | libc::EAGAIN)) if patience > 0 => {
                    patience -= 1;
                    writable(&socket);
                }
                // An error of an earlier answer: this one was not tried.
                Err(Some(libc::ECONNREFUSED)) if patience > 0 => patience -= 1,
                Err(_) => return self.tally.send_failed(),
            }
        }
    }

    /// Gives it to the kernel, if that takes it at once.
    #[expect(unsafe_code, reason = "the standard library sends no packet information")]
    fn try_send(&mut self, socket: &UdpSocket, answer: &[u8]) -> io::Result<()> {
        let mut vector =
            libc::iovec { iov_base: answer.as_ptr().cast_mut().cast(), iov_len: answer.len() };
        let mut header = empty_header();
        header.msg_name = (&raw mut self.way.peer.0).cast();
        header.msg_namelen = self.way.peer.1;
        header.msg_iov = &raw mut vector;
        header.msg_iovlen = 1 as _;
        if self.way.departure.1 > 0 {
            header.msg_control = (&raw mut self.way.departure.0).cast();
            header.msg_controllen = self.way.departure.1 as _;
        }
        // SAFETY: the header names a sender, one vector and a control buffer (or none), all alive during the
        // call with their true sizes. The kernel reads what the vector names and writes nothing there.
        let sent =
            unsafe { libc::sendmsg(socket.as_raw_fd(), &raw const header, libc::MSG_DONTWAIT) };
        if sent < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
    }
}

impl Debug for Back {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        // Nothing of who asked.
        f.debug_struct("Back").finish_non_exhaustive()
    }
}

/// How often a full queue, or an error of another answer, is put up with.
const PATIENCE: u32 = 3;

//! The ceilings: servers that answer every packet with a fixed record.
//!
//! They parse no more than they must to find the end of the question, so what they cost is the kernel's
//! cost: no server can be faster over the same system calls.

use std::io;
use std::net::{SocketAddr, UdpSocket};

use socket2::{Domain, Socket, Type};

use crate::kernel::{self, Datagram, Wait};

/// Which system calls a ceiling uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Calls {
    /// `recvfrom` and `sendto`, a datagram each, as rbldnsd.
    Single,
    /// `recvmmsg` and `sendmmsg`, up to 64 datagrams each.
    Batch,
}

/// Answers for ever, with a thread and a socket per worker.
///
/// # Errors
/// If a socket cannot be bound.
pub(crate) fn run(listen: SocketAddr, calls: Calls, workers: usize) -> io::Result<()> {
    let sockets =
        (0..workers.max(1)).map(|_| bind(listen)).collect::<io::Result<Vec<UdpSocket>>>()?;
    std::thread::scope(|scope| {
        for socket in &sockets {
            scope.spawn(move || match calls {
                Calls::Single => single(socket),
                Calls::Batch => batch(socket),
            });
        }
    });
    Ok(())
}

/// Binds a socket that shares its port with those of other workers.
fn bind(listen: SocketAddr) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(listen), Type::DGRAM, None)?;
    socket.set_reuse_port(true)?;
    socket.set_recv_buffer_size(4 << 20)?;
    socket.bind(&listen.into())?;
    Ok(socket.into())
}

/// Answers one datagram at a time.
fn single(socket: &UdpSocket) -> ! {
    let mut buffer = [0; 1500];
    loop {
        // An error here is an answer to a client that is gone.
        let Ok((len, peer)) = socket.recv_from(&mut buffer) else { continue };
        if let Some(len) = answer(&mut buffer, len) {
            let _gone = socket.send_to(&buffer[..len], peer);
        }
    }
}

/// Answers in batches.
fn batch(socket: &UdpSocket) -> ! {
    let mut datagrams = Datagram::batch();
    loop {
        let Ok(count) = kernel::receive(socket, &mut datagrams, Wait::ForOne) else { continue };
        for datagram in &mut datagrams[..count] {
            // What is no query goes back as it came: the bench sends none.
            datagram.len = answer(&mut datagram.bytes, datagram.len).unwrap_or(datagram.len);
        }
        let mut sent = 0;
        while sent < count {
            match kernel::reply(socket, &datagrams[sent..count]) {
                Ok(more) if more > 0 => sent += more,
                _ => break,
            }
        }
    }
}

/// Turns a query into its answer in place; returns the new length.
fn answer(packet: &mut [u8; 1500], len: usize) -> Option<usize> {
    let mut end = 12;
    while end < len && packet[end] != 0 {
        end += usize::from(packet[end]) + 1;
    }
    end += 5;
    if end > len || end + RECORD.len() > packet.len() {
        return None;
    }
    packet[2..4].copy_from_slice(&[0x84, 0]);
    packet[6..12].copy_from_slice(&[0, 1, 0, 0, 0, 0]);
    packet[end..end + RECORD.len()].copy_from_slice(&RECORD);
    Some(end + RECORD.len())
}

/// The question's name, A, IN, 2100 seconds, 127.0.0.2.
const RECORD: [u8; 16] = [0xc0, 12, 0, 1, 0, 1, 0, 0, 8, 0x34, 0, 4, 127, 0, 0, 2];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_ends_in_the_record() {
        let mut packet = [0; 1500];
        let query = b"\x12\x34\0\0\0\x01\0\0\0\0\0\0\x01x\0\0\x01\0\x01";
        packet[..query.len()].copy_from_slice(query);
        let len = answer(&mut packet, query.len()).unwrap();
        assert_eq!(&packet[..8], [0x12, 0x34, 0x84, 0, 0, 1, 0, 1]);
        assert_eq!(&packet[len - 4..len], [127, 0, 0, 2]);
        assert_eq!(answer(&mut [0; 1500], 10), None);
    }
}

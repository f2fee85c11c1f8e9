//! Name servers as child processes, and the asking of them.

use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, UdpSocket};
use std::time::Duration;

use crate::program::{Process, Program};
use crate::queries::Query;
use crate::wire::{self, Reply};

/// A running server; it ends with the value.
pub(crate) struct Server {
    /// The server.
    _process: Process,
    /// Where it answers, over IPv4 and IPv6.
    pub(crate) addresses: [SocketAddr; 2],
}

impl Server {
    /// Starts a server on free ports of loopback and waits until it says that it is ready.
    pub(crate) fn start(program: &Program, arguments: &[String]) -> Server {
        let four = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let six = IpAddr::V6(Ipv6Addr::LOCALHOST);
        // Without IPv6 both are IPv4.
        let second = if UdpSocket::bind((six, 0)).is_ok() { six } else { four };
        let (process, on) = Process::start(program, &[four, second], arguments);
        Server { _process: process, addresses: [on[0], on[1]] }
    }

    /// Asks one query over TCP.
    pub(crate) fn ask_tcp(&self, query: &[u8]) -> io::Result<Vec<u8>> {
        let mut stream = TcpStream::connect(self.addresses[0])?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.write_all(&[&(query.len() as u16).to_be_bytes(), query].concat())?;
        let mut length = [0; 2];
        stream.read_exact(&mut length)?;
        let mut reply = vec![0; usize::from(u16::from_be_bytes(length))];
        stream.read_exact(&mut reply)?;
        Ok(reply)
    }
}

/// One socket that asks one server.
pub(crate) struct Client {
    socket: UdpSocket,
    next: u16,
}

impl Client {
    /// Opens a socket at an address of loopback and points it at a server.
    pub(crate) fn new(from: IpAddr, server: &Server) -> Client {
        let to = server.addresses[usize::from(from.is_ipv6())];
        let socket = UdpSocket::bind((from, 0)).expect("loopback addresses can be bound");
        socket.connect(to).expect("a UDP socket connects at once");
        Client { socket, next: 1 }
    }

    /// Sends queries all at once and returns the replies, `None` where there is silence.
    ///
    /// A query without a reply is asked again, up to `tries` times in all.
    pub(crate) fn ask(
        &mut self,
        batch: &[&Query],
        quiet: Duration,
        tries: usize,
    ) -> Vec<Option<Vec<u8>>> {
        let first = self.next;
        self.next = self.next.wrapping_add(batch.len() as u16);
        let mut replies: Vec<Option<Vec<u8>>> = batch.iter().map(|_| None).collect();
        let mut missing = batch.len();
        self.socket.set_read_timeout(Some(quiet)).expect("a time-out over 0 is taken");
        let mut buffer = [0; 65_536];
        for _ in 0..tries {
            for (i, query) in batch.iter().enumerate().filter(|(i, _)| replies[*i].is_none()) {
                let mut bytes = query.bytes.clone();
                let id = first.wrapping_add(i as u16).to_be_bytes();
                let n = bytes.len().min(2);
                bytes[..n].copy_from_slice(&id[..n]);
                // An error here is an earlier message that could not be delivered.
                let _ = self.socket.send(&bytes);
            }
            while missing > 0 {
                let Ok(length) = self.socket.recv(&mut buffer) else { break };
                let Some(id) = buffer[..length].first_chunk() else { continue };
                let i = usize::from(u16::from_be_bytes(*id).wrapping_sub(first));
                if let Some(reply @ None) = replies.get_mut(i) {
                    *reply = Some(buffer[..length].to_vec());
                    missing -= 1;
                }
            }
            if missing == 0 {
                break;
            }
        }
        replies
    }

    /// Asks again, patiently, where there was silence and `expected` says that a reply must come.
    pub(crate) fn insist(
        &mut self,
        batch: &[&Query],
        replies: &mut [Option<Vec<u8>>],
        expected: impl Fn(usize) -> bool,
    ) {
        let silent: Vec<usize> =
            (0..batch.len()).filter(|&i| replies[i].is_none() && expected(i)).collect();
        if silent.is_empty() {
            return;
        }
        let again: Vec<&Query> = silent.iter().map(|&i| batch[i]).collect();
        for (i, reply) in silent.into_iter().zip(self.ask(&again, PATIENCE, 3)) {
            replies[i] = reply;
        }
    }
}

/// Reads a reply that came, or says why it cannot be read.
pub(crate) fn read(reply: Option<&[u8]>) -> Result<Option<Reply>, &'static str> {
    reply.map(wire::parse).transpose()
}

/// How long a server may take over an answer that must come.
pub(crate) const PATIENCE: Duration = Duration::from_millis(500);

/// The address of loopback that stands for one kind of client in the access lists.
pub(crate) fn client(last: u8) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(127, 0, 0, last))
}

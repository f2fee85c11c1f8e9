//! Packets as the walks read and write them: bytes out, bytes in, and an answer as one line of words.

use std::io::{self, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream, UdpSocket};
use std::time::Duration;

/// A query for a name and a type.
pub(crate) fn query(name: &str, qtype: &str) -> Vec<u8> {
    let mut packet = vec![0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    for label in name.split('.') {
        packet.push(label.len() as u8);
        packet.extend_from_slice(label.as_bytes());
    }
    let qtype = TYPES.iter().find(|(word, _)| *word == qtype).expect("a known type").1;
    packet.extend_from_slice(&[0, 0, qtype, 0, 1]);
    packet
}

/// The same with an OPT record behind it (RFC 6891).
pub(crate) fn with_edns(mut query: Vec<u8>) -> Vec<u8> {
    query[11] = 1;
    query.extend_from_slice(&[0, 0, 41, 0x04, 0xd0, 0, 0, 0, 0, 0, 0]);
    query
}

/// A socket that speaks to the server from an address.
pub(crate) struct Client(UdpSocket);

impl Client {
    /// Opens one at an address of loopback.
    pub(crate) fn at(address: &str, server: SocketAddr) -> Client {
        let address: IpAddr = address.parse().unwrap();
        let socket = UdpSocket::bind((address, 0)).unwrap();
        socket.connect(server).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        Client(socket)
    }

    /// Sends a packet.
    pub(crate) fn sends(&self, packet: &[u8]) {
        self.0.send(packet).unwrap();
    }

    /// Receives an answer.
    pub(crate) fn hears(&self) -> Vec<u8> {
        let mut answer = vec![0; 4096];
        let length = receive(&self.0, &mut answer).expect("an answer comes");
        answer.truncate(length);
        answer
    }

    /// Asks and returns the answer in words.
    pub(crate) fn asks(&self, name: &str, qtype: &str) -> String {
        self.sends(&query(name, qtype));
        words(&self.hears())
    }
}

/// Receives a datagram. A time limit makes the kernel end the call when the machine was halted and goes on
/// (signal(7)), which is no fault of anybody: it is called again.
fn receive(socket: &UdpSocket, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        match socket.recv(buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            received => return received,
        }
    }
}

/// Sends a query over TCP and returns the answer.
pub(crate) fn over_tcp(server: SocketAddr, query: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(server).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream.write_all(&[&(query.len() as u16).to_be_bytes(), query].concat()).unwrap();
    let mut length = [0; 2];
    stream.read_exact(&mut length).unwrap();
    let mut answer = vec![0; usize::from(u16::from_be_bytes(length))];
    stream.read_exact(&mut answer).unwrap();
    answer
}

/// An answer as a line: code, flags, then the records.
pub(crate) fn words(answer: &[u8]) -> String {
    let number = |at: usize| u16::from_be_bytes([answer[at], answer[at + 1]]);
    let code = usize::from(answer[3] & 15);
    let mut words = vec![["NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED"][code]];
    words.extend((answer[2] & 4 != 0).then_some("AA"));
    words.extend((answer[2] & 2 != 0).then_some("TC"));
    let mut line = words.join(" ");
    let mut at = 12;
    if number(4) == 1 {
        at = behind_name(answer, at) + 4;
    }
    for _ in 0..number(6) + number(8) + number(10) {
        at = behind_name(answer, at);
        let (rtype, length) = (number(at), usize::from(number(at + 8)));
        let data = &answer[at + 10..at + 10 + length];
        at += 10 + length;
        line += &match rtype {
            1 => format!(", {}.{}.{}.{}", data[0], data[1], data[2], data[3]),
            16 => format!(", \"{}\"", String::from_utf8_lossy(&data[1..])),
            other => {
                let word = TYPES.iter().find(|(_, number)| u16::from(*number) == other);
                format!(", {}", word.expect("a known type").0)
            }
        };
    }
    assert_eq!(at, answer.len(), "nothing is behind the records");
    line
}

/// Where a name ends.
fn behind_name(answer: &[u8], mut at: usize) -> usize {
    loop {
        match answer[at] {
            0 => return at + 1,
            0xc0.. => return at + 2,
            length => at += 1 + usize::from(length),
        }
    }
}

/// The types that are asked for and answered.
const TYPES: [(&str, u8); 5] = [("A", 1), ("SOA", 6), ("TXT", 16), ("AAAA", 28), ("OPT", 41)];

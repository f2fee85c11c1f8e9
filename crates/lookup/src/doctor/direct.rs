//! One question to one server, packet by packet: what a resolver does with bits and letters that the checker
//! itself does not look at.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::message::{self, Manner, Match, Question, Reply};

/// A reply, with what only its packet shows.
#[derive(Clone, Debug)]
pub(super) struct Direct {
    /// What it says.
    pub(super) reply: Reply,
    /// AD: the server has checked the signatures (RFC 6840 section 5.8).
    pub(super) authentic: bool,
    /// It repeated the letters as they were sent.
    pub(super) keeps_case: bool,
    /// How long it took.
    pub(super) took: Duration,
}

/// Asks by UDP, several times if need be.
pub(super) fn by_udp(server: SocketAddr, question: &Question, timeout: Duration) -> Option<Direct> {
    let query = query(question);
    let any: SocketAddr = match server {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let socket = UdpSocket::bind(any).ok()?;
    socket.connect(server).ok()?;
    let started = Instant::now();
    let mut packet = vec![0; 65_535];
    for attempt in 1..=SENDS {
        socket.send(&query).ok()?;
        let deadline = started + timeout * attempt / SENDS;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            socket.set_read_timeout(Some(left)).ok()?;
            match socket.recv(&mut packet) {
                Ok(len) => match read(packet.get(..len)?, &query, started) {
                    Some(direct) => return Some(direct),
                    None => continue,
                },
                // The machine was halted and goes on (signal(7)).
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                // The kernel says that nobody is there, or the time is over.
                Err(error) if error.kind() == std::io::ErrorKind::ConnectionRefused => return None,
                Err(_) => break,
            }
        }
    }
    None
}

/// Asks by TCP.
pub(super) fn by_tcp(server: SocketAddr, question: &Question, timeout: Duration) -> Option<Direct> {
    let query = query(question);
    let started = Instant::now();
    let mut stream = TcpStream::connect_timeout(&server, timeout).ok()?;
    stream.set_read_timeout(Some(timeout)).ok()?;
    stream.set_write_timeout(Some(timeout)).ok()?;
    let len = u16::try_from(query.len()).ok()?;
    stream.write_all(&[&len.to_be_bytes(), &query[..]].concat()).ok()?;
    let mut len = [0; 2];
    stream.read_exact(&mut len).ok()?;
    let mut packet = vec![0; usize::from(u16::from_be_bytes(len))];
    stream.read_exact(&mut packet).ok()?;
    read(&packet, &query, started)
}

/// A query that asks for recursion, with EDNS, mixed letters, and AD to be told of signatures.
fn query(question: &Question) -> Vec<u8> {
    let mut random = StdRng::from_os_rng();
    let manner = Manner { recursion: true, edns: Some(1232), mixed_case: true };
    let mut query = Vec::new();
    let id = random.random();
    message::write(question, manner, id, &mut random, &mut query);
    if let Some(flags) = query.get_mut(FLAGS) {
        *flags |= AD;
    }
    query
}

/// Reads a packet, if it is the reply.
fn read(packet: &[u8], query: &[u8], started: Instant) -> Option<Direct> {
    let keeps_case = match message::matches(packet, query) {
        Match::Exact => true,
        Match::OtherCase => false,
        Match::No if is_bare_refusal(packet, query) => {
            let reply = Reply { rcode: REFUSED, ..Reply::default() };
            let took = started.elapsed();
            return Some(Direct { reply, authentic: false, keeps_case: true, took });
        }
        Match::No => return None,
    };
    let reply = message::read(packet)?;
    let authentic = packet.get(FLAGS)? & AD != 0;
    Some(Direct { reply, authentic, keeps_case, took: started.elapsed() })
}

/// Whether a packet is a refusal without its question, as Unbound sends it to those it does not know. Anybody could
/// send it, and nothing but a complaint follows from it.
fn is_bare_refusal(packet: &[u8], query: &[u8]) -> bool {
    packet.len() >= HEADER
        && packet.get(..2) == query.get(..2)
        && packet.get(2).is_some_and(|flags| flags & 0x80 != 0)
        && packet.get(FLAGS).is_some_and(|flags| u16::from(flags & 0x0f) == REFUSED)
        && packet.get(4..6) == Some(&[0, 0])
}

/// The server does not answer us.
const REFUSED: u16 = 5;
/// The octets of a header.
const HEADER: usize = 12;
/// Where the lower flags are.
const FLAGS: usize = 3;
/// The bit for authentic data.
const AD: u8 = 0x20;
/// How often a query is sent.
const SENDS: u32 = 3;

#[cfg(test)]
mod tests {
    use super::*;

    /// A reply to a query with this name, its lower flags and its letters as they are told.
    fn said(name: &str, flags: u8, letters: fn(&mut u8)) -> Option<Direct> {
        let query = query(&Question::new(&name.parse().expect("a name"), 1));
        assert_eq!(query[FLAGS], AD, "it asks to be told of signatures");
        let mut packet = query.clone();
        packet[2] |= 0x80;
        packet[FLAGS] = flags;
        packet[HEADER..HEADER + name.len() + 2].iter_mut().for_each(letters);
        read(&packet, &query, Instant::now())
    }

    #[test]
    fn bits_and_letters_are_seen() {
        let name = "abcdefghijklmnopqrstuvwxyz.example";
        let plain = said(name, 0x80, |_| {}).expect("it is the reply");
        assert!((plain.keeps_case, plain.authentic, plain.reply.recursion) == (true, false, true));
        assert!(said(name, AD, |_| {}).is_some_and(|said| said.authentic));
        let lower = said(name, 0, u8::make_ascii_lowercase).expect("it is the reply");
        assert!(!lower.keeps_case, "34 letters are not all small by chance");
        assert!(said(name, 0, |byte| *byte ^= 1).is_none(), "another name");
    }

    #[test]
    fn a_refusal_needs_no_question() {
        let query = query(&Question::new(&"bl.example".parse().expect("a name"), 1));
        let mut packet = query[..HEADER].to_vec();
        (packet[2], packet[FLAGS]) = (0x80, 5);
        packet[4..].fill(0);
        let said = read(&packet, &query, Instant::now()).expect("it is a refusal");
        assert_eq!(said.reply.rcode, REFUSED);
        packet[0] ^= 1;
        assert!(read(&packet, &query, Instant::now()).is_none(), "to another query");
    }
}

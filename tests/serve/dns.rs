//! A DNS client of a few lines: one question, one answer, over loopback.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

/// What a server answered.
pub(crate) struct Answer {
    /// The response code.
    pub(crate) rcode: u8,
    /// The data of the answer section: addresses, or texts.
    pub(crate) answers: Vec<String>,
    /// The time to live of the first answer.
    pub(crate) ttl: Option<u32>,
}

/// Asks for addresses.
pub(crate) fn ask(server: SocketAddr, name: &str) -> Answer {
    query(server, name, 1, IN)
}

/// Asks for texts.
pub(crate) fn ask_txt(server: SocketAddr, name: &str) -> Answer {
    query(server, name, 16, IN)
}

/// Asks the server for its version.
pub(crate) fn ask_version(server: SocketAddr) -> Vec<String> {
    query(server, "version.bind", 16, CHAOS).answers
}

/// Whether a name has an address.
pub(crate) fn listed(server: SocketAddr, name: &str) -> bool {
    !ask(server, name).answers.is_empty()
}

/// The response code to a question for addresses.
pub(crate) fn rcode(server: SocketAddr, name: &str) -> u8 {
    ask(server, name).rcode
}

/// Whether a name has an address, if there is a server that answers, and soon: one that is killed with the
/// question in its hands says nothing for ever.
pub(crate) fn listed_if_alive(server: SocketAddr, name: &str) -> Option<bool> {
    try_query(server, name, 1, IN, Duration::from_millis(100))
        .ok()
        .map(|answer| !answer.answers.is_empty())
}

/// Asks again until something is so; fails after a time that only a broken server needs.
pub(crate) fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < Duration::from_secs(60), "{what}: it never came");
        // Shorter than anything that is waited for, and the one who is waited for has the processor.
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Sends one question, which must be answered.
fn query(server: SocketAddr, name: &str, kind: u16, class: u8) -> Answer {
    let patience = Duration::from_secs(20);
    try_query(server, name, kind, class, patience)
        .unwrap_or_else(|e| panic!("no answer to {name}: {e}"))
}

/// Sends one question and takes its answer apart.
fn try_query(
    server: SocketAddr,
    name: &str,
    kind: u16,
    class: u8,
    patience: Duration,
) -> io::Result<Answer> {
    let mut message = vec![0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    for label in name.split('.') {
        message.push(label.len() as u8);
        message.extend_from_slice(label.as_bytes());
    }
    message.push(0);
    message.extend_from_slice(&kind.to_be_bytes());
    message.extend_from_slice(&[0, class]);
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    socket.connect(server)?;
    socket.set_read_timeout(Some(patience))?;
    socket.send(&message)?;
    let mut reply = [0; 4096];
    let n = receive(&socket, &mut reply)?;
    let reply = &reply[..n];
    let count = usize::from(u16::from_be_bytes([reply[6], reply[7]]));
    let mut rest = &reply[message.len()..];
    let mut answers = Vec::new();
    let mut ttl = None;
    for _ in 0..count {
        // Owner by pointer, type, class, TTL, length.
        let seconds = rest[6..10].try_into().expect("four bytes");
        ttl = ttl.or(Some(u32::from_be_bytes(seconds)));
        let length = usize::from(u16::from_be_bytes([rest[10], rest[11]]));
        let data = &rest[12..12 + length];
        answers.push(match kind {
            1 => data.iter().map(u8::to_string).collect::<Vec<_>>().join("."),
            _ => String::from_utf8_lossy(&data[1..]).into_owned(),
        });
        rest = &rest[12 + length..];
    }
    Ok(Answer { rcode: reply[3] & 15, answers, ttl })
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

/// The class of the Internet.
const IN: u8 = 1;
/// The class of servers' own words.
const CHAOS: u8 = 3;

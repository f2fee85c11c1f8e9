//! A DNS server that stands for lists far away: it answers after a while, or not at all.
//!
//! Names below `deadN.test` are never answered; 127.0.0.2 is listed everywhere, nothing else is.

use std::collections::VecDeque;
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

/// Answers for ever.
///
/// # Errors
/// If the socket cannot be bound.
pub(crate) fn run(listen: SocketAddr, delay: Duration) -> io::Result<()> {
    let socket = UdpSocket::bind(listen)?;
    let mut waiting: VecDeque<(Instant, SocketAddr, Vec<u8>)> = VecDeque::new();
    let mut packet = [0; 1500];
    loop {
        let now = Instant::now();
        while let Some((due, ..)) = waiting.front()
            && *due <= now
        {
            let Some((_, peer, reply)) = waiting.pop_front() else { break };
            // A client that is gone needs no answer.
            let _gone = socket.send_to(&reply, peer);
        }
        let wait = waiting.front().map(|(due, ..)| due.saturating_duration_since(now));
        // Zero would mean for ever.
        socket.set_read_timeout(wait.map(|wait| wait.max(Duration::from_micros(50))))?;
        if let Ok((len, peer)) = socket.recv_from(&mut packet)
            && let Some(reply) = reply(&packet[..len])
        {
            waiting.push_back((Instant::now() + delay, peer, reply));
        }
    }
}

/// The reply to a query; none if the list is dead.
fn reply(query: &[u8]) -> Option<Vec<u8>> {
    let mut labels: Vec<&[u8]> = Vec::new();
    let mut at = 12;
    loop {
        let len = usize::from(*query.get(at)?);
        at += 1;
        if len == 0 {
            break;
        }
        labels.push(query.get(at..at + len)?);
        at += len;
    }
    let zone = labels.len().checked_sub(2).map(|zone| labels[zone].to_ascii_lowercase());
    if zone.as_ref().is_some_and(|zone| zone.starts_with(b"dead")) {
        return None;
    }
    let rtype = *query.get(at + 1)?;
    let is_test = labels.len() == 6 && labels[..4] == [&b"2"[..], b"0", b"0", b"127"];
    let mut reply = query.get(..at + 4)?.to_vec();
    reply[4..6].copy_from_slice(&[0, 1]);
    let is_listed = is_test && rtype == 1;
    let counts = if is_listed { [0, 1, 0, 0] } else { [0, 0, 0, 1] };
    reply[2..4].copy_from_slice(&[0x85, if is_test { 0x80 } else { 0x83 }]);
    reply[6..10].copy_from_slice(&counts);
    reply[10..12].fill(0);
    if is_listed {
        // The question's name, A, IN, a minute, 127.0.0.2.
        reply.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 127, 0, 0, 2]);
    } else {
        // The SOA of the zone, which is the last two labels.
        let start = labels.len().saturating_sub(2);
        let offset = 12 + labels[..start].iter().map(|label| label.len() + 1).sum::<usize>();
        reply.extend([0xc0, offset as u8, 0, 6, 0, 1, 0, 0, 0, 60, 0, 24]);
        reply.extend([0xc0, offset as u8, 0xc0, offset as u8]);
        reply.extend(
            [[0, 0, 0, 1], [0, 0, 0, 60], [0, 0, 0, 60], [0, 0, 0, 60], [0, 0, 0, 60]].concat(),
        );
    }
    Some(reply)
}

/// Where it listens when check_rbl asks it, which knows no other port.
pub(crate) const RESOLVER: &str = "127.0.9.53:53";

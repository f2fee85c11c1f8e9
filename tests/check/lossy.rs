//! A network that loses packets: a relay between a checker and a server.

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::thread;

/// Starts a relay to a server that loses so many of a thousand datagrams, each way; it ends with the process.
pub(crate) fn relay(to: SocketAddr, lost: u32) -> SocketAddr {
    let front = Arc::new(UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port"));
    let address = front.local_addr().expect("an address");
    thread::spawn(move || {
        let mut clients: HashMap<SocketAddr, UdpSocket> = HashMap::new();
        let mut dice = Dice(0x9e37_79b9);
        let mut packet = [0; 1500];
        while let Ok((len, client)) = front.recv_from(&mut packet) {
            let back = clients.entry(client).or_insert_with(|| way_back(to, client, &front, lost));
            if !dice.loses(lost) {
                // What has no room is lost as well.
                drop(back.send(&packet[..len]));
            }
        }
    });
    address
}

/// A socket to the server whose replies go to a client.
fn way_back(to: SocketAddr, client: SocketAddr, front: &Arc<UdpSocket>, lost: u32) -> UdpSocket {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    socket.connect(to).expect("a way to the server");
    let (back, front) = (socket.try_clone().expect("a descriptor"), Arc::clone(front));
    thread::spawn(move || {
        let mut dice = Dice(u32::from(client.port()) | 1);
        let mut packet = [0; 1500];
        while let Ok(len) = back.recv(&mut packet) {
            if !dice.loses(lost) {
                drop(front.send_to(&packet[..len], client));
            }
        }
    });
    socket
}

/// Chance, the same each time (xorshift).
struct Dice(u32);

impl Dice {
    /// Whether so many of a thousand are lost, this one is.
    fn loses(&mut self, lost: u32) -> bool {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        self.0 % 1000 < lost
    }
}

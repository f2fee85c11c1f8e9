//! UDP: bursts, many addresses, where answers leave from, what a stop leaves behind.

use std::io::ErrorKind;
use std::net::{SocketAddr, UdpSocket};
use std::num::NonZeroUsize;
use std::time::Duration;

use repute_nameserver::listen::{Address, Given, Workers};

use crate::running::{A, NXDOMAIN, TestServer, client, config, gist, query, receive};

/// Asks over a connected socket.
fn ask(socket: &UdpSocket, query: &[u8]) -> (u16, u8, u16) {
    socket.send(query).unwrap();
    let mut answer = [0; 1500];
    let n = receive(socket, &mut answer).unwrap();
    gist(&answer[..n])
}

#[test]
fn hits_and_misses_are_answered_and_counted() {
    let server = TestServer::start(config());
    let socket = client(server.address());
    assert_eq!(ask(&socket, &query(7, "2.0.0.127.bl.example", A)), (7, 0, 1));
    assert_eq!(ask(&socket, &query(8, "9.9.9.9.bl.example", A)), (8, NXDOMAIN, 0));
    assert_eq!(ask(&socket, &query(9, "other.example", A)), (9, 5, 0));
    let report = server.running().report();
    assert_eq!((report.udp.queries, report.tcp.queries), (3, 0));
    let zone = &report.zones[0].answers;
    assert_eq!((zone.total, zone.listed, zone.types["A"]), (2, 1, 2));
    assert_eq!((report.elsewhere.total, report.elsewhere.rcodes["REFUSED"]), (1, 1));
}

#[test]
fn a_burst_of_ten_thousand_is_answered_or_counted_as_lost_by_the_kernel() {
    let mut config = config();
    config.listen.workers = Workers::Count(NonZeroUsize::new(2).unwrap());
    // What the burst takes with the kernel's book-keeping, so that one socket could hold it.
    config.listen.receive_buffer = 16 << 20;
    let server = TestServer::start(config);
    let clients: Vec<_> = (0..100).map(|_| client(server.address())).collect();
    for id in 0..100 {
        for socket in &clients {
            socket.send(&query(id, "1.2.0.192.bl.example", A)).unwrap();
        }
    }
    let lost = || server.running().report().receive_buffer_drops.values().sum::<u64>();
    let mut answered = 0;
    for socket in &clients {
        // All that will ever come has come when this socket is silent and the sum is right.
        socket.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
        let mut seen = 0;
        while seen < 100 {
            match receive(socket, &mut [0; 1500]) {
                Ok(_) => seen += 1,
                Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                    if server.running().totals().udp.queries + lost() == 10_000 {
                        break;
                    }
                }
                Err(error) => panic!("{error}"),
            }
        }
        answered += seen;
    }
    let totals = server.running().totals();
    assert_eq!(totals.udp.queries + lost(), 10_000);
    assert_eq!(answered, totals.udp.queries, "every query that was received was answered");
    assert!(totals.udp.batches <= totals.udp.queries);
    assert_eq!(totals.udp.send_failures, 0);
}

#[test]
fn a_wildcard_socket_answers_from_the_address_that_was_asked() {
    let mut config = config();
    config.listen.addresses = vec![Address::required(SocketAddr::from(([0, 0, 0, 0], 0)))];
    let server = TestServer::start(config);
    let port = server.address().port();
    for asked in [[127, 0, 0, 1], [127, 0, 0, 2], [127, 9, 9, 9]] {
        // A connected socket takes answers from that very address only.
        let socket = client(SocketAddr::from((asked, port)));
        assert_eq!(ask(&socket, &query(1, "2.0.0.127.bl.example", A)), (1, 0, 1), "{asked:?}");
    }
}

#[test]
fn the_ipv6_wildcard_does_so_too_and_leaves_ipv4_alone() {
    let mut config = config();
    let v6 = SocketAddr::from(([0_u16; 8], 0));
    config.listen.addresses.push(Address::if_available(v6));
    let server = TestServer::start(config);
    let Some(v6) = server.running().udp_addresses().get(1) else {
        return; // A machine without IPv6 is served at its other addresses: the next test.
    };
    let socket = client(SocketAddr::from(([0, 0, 0, 0, 0, 0, 0, 1], v6.port())));
    assert_eq!(ask(&socket, &query(1, "2.0.0.127.bl.example", A)), (1, 0, 1));
    assert!(UdpSocket::bind(("127.0.0.1", v6.port())).is_ok(), "the IPv4 port is free");
}

#[test]
fn several_addresses_are_served_by_every_worker() {
    let mut config = config();
    let more = [[127, 0, 0, 2], [127, 0, 0, 3]];
    config.listen.addresses.extend(more.map(|a| Address::required(SocketAddr::from((a, 0)))));
    let server = TestServer::start(config);
    assert_eq!(server.running().udp_addresses().len(), 3);
    for address in server.running().udp_addresses() {
        // Enough clients that the kernel gives some to each worker.
        for id in 0..20 {
            let socket = client(*address);
            assert_eq!(ask(&socket, &query(id, "2.0.0.127.bl.example", A)), (id, 0, 1));
        }
    }
}

#[test]
fn bytes_that_are_no_query_get_nothing_and_are_counted() {
    let server = TestServer::start(config());
    let socket = client(server.address());
    let mut response = query(1, "2.0.0.127.bl.example", A);
    response[2] |= 0x80;
    for junk in [&b""[..], b"x", &[0; 11], &response, &[0xff; 3000]] {
        socket.send(junk).unwrap();
    }
    assert_eq!(ask(&socket, &query(2, "2.0.0.127.bl.example", A)), (2, 0, 1));
    let totals = server.running().totals();
    assert_eq!((totals.udp.queries, totals.udp.dropped), (6, 5));
}

#[test]
fn what_has_arrived_before_a_stop_is_answered() {
    for addresses in 1..=2 {
        let mut config = config();
        let more = Address::required(SocketAddr::from(([127, 0, 0, 2], 0)));
        config.listen.addresses.extend((1..addresses).map(|_| more));
        let mut server = TestServer::start(config);
        let socket = client(server.address());
        for id in 0..200 {
            socket.send(&query(id, "2.0.0.127.bl.example", A)).unwrap();
        }
        server.stop();
        socket.set_nonblocking(true).unwrap();
        for id in 0..200 {
            let mut answer = [0; 1500];
            let n = receive(&socket, &mut answer).expect("an answer for each query");
            assert_eq!(gist(&answer[..n]), (id, 0, 1));
        }
    }
}

#[test]
fn a_stopped_server_leaves_its_port_to_the_next() {
    let mut server = TestServer::start(config());
    let address = server.address();
    server.stop();
    let mut config = config();
    config.listen.addresses = vec![Address::required(address)];
    let next = TestServer::start(config);
    let socket = client(address);
    assert_eq!(ask(&socket, &query(1, "2.0.0.127.bl.example", A)), (1, 0, 1));
    assert_eq!(next.running().tcp_addresses(), [address]);
}

#[test]
fn a_socket_from_systemd_outlives_the_server() {
    let systemds = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = systemds.local_addr().unwrap();
    let socket = client(address);
    for round in 0..2 {
        let given = Given { udp: vec![systemds.try_clone().unwrap()], ..Given::default() };
        let mut server = TestServer::start_with(config(), given);
        assert_eq!(server.running().udp_addresses(), [address]);
        // The first query of the second round came while no server ran.
        let answer = match round {
            0 => ask(&socket, &query(1, "2.0.0.127.bl.example", A)),
            _ => {
                let mut answer = [0; 1500];
                let n = receive(&socket, &mut answer).unwrap();
                gist(&answer[..n])
            }
        };
        assert_eq!(answer, (1, 0, 1));
        server.stop();
        socket.send(&query(1, "2.0.0.127.bl.example", A)).unwrap();
    }
}

#[test]
fn swapped_zones_are_served_at_once() {
    let server = TestServer::start(config());
    let socket = client(server.address());
    let apex = crate::running::apex();
    let old = server.zones.swap(std::sync::Arc::new(server.zones.load().without(&apex)));
    assert_eq!(ask(&socket, &query(1, "2.0.0.127.bl.example", A)), (1, 5, 0));
    // Nobody holds what is no longer served: its memory is free.
    assert_eq!(std::sync::Arc::strong_count(&old), 1);
}

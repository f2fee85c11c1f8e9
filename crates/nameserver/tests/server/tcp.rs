//! TCP: pipelining, pieces of messages, and every limit a client can run into.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use crate::running::{
    A, NXDOMAIN, TestServer, client, config, framed, gist, is_closed, query, read_message,
};

/// A limit that a test waits for.
const SHORT: Duration = Duration::from_millis(150);

/// Asks over a connection.
fn ask(stream: &mut TcpStream, query: &[u8]) -> (u16, u8, u16) {
    stream.write_all(&framed(query)).unwrap();
    gist(&read_message(stream))
}

#[test]
fn pipelined_queries_are_all_answered_before_the_end() {
    let server = TestServer::start(config());
    let mut stream = server.connect();
    let queries: Vec<u8> =
        (0..500).flat_map(|id| framed(&query(id, "2.0.0.127.bl.example", A))).collect();
    stream.write_all(&queries).unwrap();
    // RFC 7766 section 6.2.4: a client that has no more to ask still gets its answers.
    stream.shutdown(Shutdown::Write).unwrap();
    for id in 0..500 {
        assert_eq!(gist(&read_message(&mut stream)), (id, 0, 1));
    }
    assert!(is_closed(&mut stream));
    let report = server.running().report();
    assert_eq!((report.tcp.queries, report.udp.queries), (500, 0));
    assert_eq!((report.zones[0].answers.tcp, report.tcp_connections.admitted), (500, 1));
}

#[test]
fn a_query_may_come_byte_by_byte_and_with_the_start_of_the_next() {
    let server = TestServer::start(config());
    let mut stream = server.connect();
    stream.set_nodelay(true).unwrap();
    let first = framed(&query(1, "2.0.0.127.bl.example", A));
    let second = framed(&query(2, "9.9.9.9.bl.example", A));
    for byte in &first[..first.len() - 1] {
        stream.write_all(&[*byte]).unwrap();
    }
    let seam = [&first[first.len() - 1..], &second[..5]].concat();
    stream.write_all(&seam).unwrap();
    assert_eq!(gist(&read_message(&mut stream)), (1, 0, 1));
    stream.write_all(&second[5..]).unwrap();
    assert_eq!(gist(&read_message(&mut stream)), (2, NXDOMAIN, 0));
}

#[test]
fn an_idle_connection_is_closed() {
    let mut config = config();
    config.listen.tcp.idle = SHORT;
    let server = TestServer::start(config);
    let mut stream = server.connect();
    assert_eq!(ask(&mut stream, &query(1, "2.0.0.127.bl.example", A)), (1, 0, 1));
    assert!(is_closed(&mut stream));
    assert!(is_closed(&mut server.connect()), "also one that never asked");
}

#[test]
fn half_a_message_does_not_hold_a_connection() {
    let mut config = config();
    config.listen.tcp.message = SHORT;
    let server = TestServer::start(config);
    let half = &framed(&query(1, "2.0.0.127.bl.example", A))[..20];
    for part in [&half[..1], &half[..2], half] {
        let mut stream = server.connect();
        stream.write_all(part).unwrap();
        assert!(is_closed(&mut stream), "{} bytes", part.len());
    }
}

#[test]
fn what_is_no_query_ends_the_connection_after_the_answers_before_it() {
    let server = TestServer::start(config());
    let mut stream = server.connect();
    let mut bytes = framed(&query(1, "2.0.0.127.bl.example", A));
    bytes.extend_from_slice(&[0, 0]);
    stream.write_all(&bytes).unwrap();
    assert_eq!(gist(&read_message(&mut stream)), (1, 0, 1));
    assert!(is_closed(&mut stream));
}

#[test]
fn a_client_has_its_limit_and_gets_its_places_back() {
    let mut config = config();
    config.listen.tcp.connections_per_client = 2;
    let server = TestServer::start(config);
    let question = query(1, "2.0.0.127.bl.example", A);
    let mut first = server.connect();
    let mut second = server.connect();
    for stream in [&mut first, &mut second] {
        assert_eq!(ask(stream, &question), (1, 0, 1));
    }
    assert!(is_closed(&mut server.connect()));
    first.shutdown(Shutdown::Write).unwrap();
    assert!(is_closed(&mut first));
    // The place is free a moment after the close was seen: whoever comes too early is refused.
    let admitted = (0..1_000).any(|_| {
        let mut stream = server.connect();
        stream.write_all(&framed(&question)).is_ok()
            && stream.read(&mut [0; 1]).is_ok_and(|n| n == 1)
    });
    assert!(admitted);
    assert!(server.running().report().tcp_connections.refused >= 1);
}

#[test]
fn all_clients_together_have_theirs() {
    let mut config = config();
    config.listen.tcp.connections = 3;
    let server = TestServer::start(config);
    let mut streams: Vec<_> = (0..3).map(|_| server.connect()).collect();
    for stream in &mut streams {
        assert_eq!(ask(stream, &query(1, "2.0.0.127.bl.example", A)), (1, 0, 1));
    }
    assert!(is_closed(&mut server.connect()));
    // Those that are in are served on.
    assert_eq!(ask(&mut streams[0], &query(2, "2.0.0.127.bl.example", A)), (2, 0, 1));
}

#[test]
fn a_client_that_does_not_read_is_left() {
    let mut config = config();
    config.listen.tcp.write = SHORT;
    let server = TestServer::start(config);
    let mut stream = server.connect();
    let queries = framed(&query(1, "2.0.0.127.bl.example", A)).repeat(1_000);
    // The buffers of both kernels fill up, then ours stops reading, then it closes.
    let error = loop {
        if let Err(error) = stream.write_all(&queries) {
            break error;
        }
    };
    assert!(matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset), "{error}");
}

#[test]
fn no_tcp_means_no_tcp() {
    let mut config = config();
    config.listen.tcp.connections = 0;
    let server = TestServer::start(config);
    assert!(server.running().tcp_addresses().is_empty());
    let error = TcpStream::connect(server.address()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    client(server.address()).send(b"x").unwrap();
}

#[test]
fn a_stop_closes_idle_connections_at_once() {
    let mut server = TestServer::start(config());
    let mut stream = server.connect();
    assert_eq!(ask(&mut stream, &query(1, "2.0.0.127.bl.example", A)), (1, 0, 1));
    let address = server.address();
    server.stop();
    assert!(is_closed(&mut stream));
    assert!(TcpStream::connect(address).is_err());
}

//! TCP as RFC 7766 wants it: pipelining, pieces of messages, what a connection's end means. Its limits
//! are in `tcp_limits`.

use std::collections::HashMap;
use std::io::{ErrorKind, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::Arc;

use repute_nameserver::listen::Address;
use repute_nameserver::{Identity, Serving, ZoneIndex, ZoneState, Zones};
use repute_zone::format::ReadOptions;
use repute_zone::{DatasetKind, Zone};

use crate::list::{block_list, dataset};
use crate::running::{
    A, NXDOMAIN, TestServer, apex, client, config, framed, gist, is_closed, query, read_message,
    receive,
};

/// Asks over a connection.
pub(crate) fn ask(stream: &mut TcpStream, query: &[u8]) -> (u16, u8, u16) {
    stream.write_all(&framed(query)).unwrap();
    gist(&read_message(stream))
}

/// RFC 7766 section 6.2.1.1: "DNS clients SHOULD pipeline their queries". One that has said all it had to say, and
/// closed its side, still gets its answers.
#[test]
fn pipelined_queries_are_all_answered_before_the_end() {
    let server = TestServer::start(config());
    let mut stream = server.connect();
    let queries: Vec<u8> =
        (0..500).flat_map(|id| framed(&query(id, "2.0.0.127.bl.example", A))).collect();
    stream.write_all(&queries).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    for id in 0..500 {
        assert_eq!(gist(&read_message(&mut stream)), (id, 0, 1));
    }
    assert!(is_closed(&mut stream));
    let report = server.running().report();
    assert_eq!((report.tcp.queries, report.udp.queries), (500, 0));
    assert_eq!((report.zones[0].answers.tcp, report.tcp_connections.admitted), (500, 1));
}

/// Section 7: answers may come in any order, so "clients MUST match responses to outstanding queries on the
/// same TCP connection using the Message ID", and by the question, which is therefore in each.
#[test]
fn answers_bear_their_query_whatever_their_order() {
    let server = TestServer::start(config());
    let names = ["2.0.0.127.bl.example", "9.9.9.9.bl.example", "bl.example", "other.example"];
    let queries: Vec<_> = (0..200_u16)
        .map(|id| query(id, names[usize::from(id) % 4], [A, 16, 6, 28, 255][usize::from(id) % 5]))
        .collect();
    let mut stream = server.connect();
    let mut alone = HashMap::new();
    for query in &queries {
        stream.write_all(&framed(query)).unwrap();
        alone.insert(query, read_message(&mut stream));
    }
    stream.write_all(&queries.iter().flat_map(|query| framed(query)).collect::<Vec<_>>()).unwrap();
    for _ in &queries {
        let answer = read_message(&mut stream);
        // Its id, and its question as it was asked.
        let asked = queries.iter().find(|query| {
            answer.starts_with(&query[..2]) && answer[12..].starts_with(&query[12..])
        });
        let expect = alone.remove(asked.expect("an answer to one of the queries"));
        assert_eq!(Some(answer), expect, "once each, and as it is alone");
    }
    assert!(alone.is_empty());
}

/// Section 5 and RFC 2181 section 9: who gets TC asks again by TCP, and gets all of it.
#[test]
fn what_is_truncated_over_udp_comes_whole_over_tcp() {
    let server = TestServer::start(config());
    let list: String = (1..=120).map(|n| format!("192.0.2.1 :{n}:\n")).collect();
    let dataset = dataset(DatasetKind::Ip4set, &list, &ReadOptions::default());
    let zone = ZoneState::Serving(Arc::new(Zone::new(block_list("bl.example", vec![dataset]))));
    let zones = Zones::new(Identity::default());
    server.zones.store(Arc::new(zones.with(&apex(), ZoneIndex(0), zone, Serving::default())));
    let question = query(1, "1.2.0.192.bl.example", A);

    let socket = client(server.address());
    socket.send(&question).unwrap();
    let mut answer = [0; 1500];
    let n = receive(&socket, &mut answer).unwrap();
    assert!(n <= 512 && answer[2] & 2 != 0, "TC in {n} bytes");
    let mut stream = server.connect();
    stream.write_all(&framed(&question)).unwrap();
    let whole = read_message(&mut stream);
    assert_eq!((gist(&whole), whole[2] & 2), ((1, 0, 120), 0));
}

/// Section 8: the length and its message may come in pieces of any size, and a server that takes one segment
/// for one message is wrong.
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

/// RFC 1035 section 4.2.2: half a message is none. A client that closes behind it gets the answers before it, and
/// then the end.
#[test]
fn a_client_that_closes_in_the_middle_of_a_query_gets_the_answers_before_it() {
    let server = TestServer::start(config());
    let question = framed(&query(1, "2.0.0.127.bl.example", A));
    for half in [1, 2, 3, question.len() - 1] {
        let mut stream = server.connect();
        stream.write_all(&[&question, &question[..half]].concat()).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        assert_eq!(gist(&read_message(&mut stream)), (1, 0, 1));
        assert!(is_closed(&mut stream), "{half} bytes");
    }
}

/// RFC 1035 section 4.2.2: "The server should not block other activities waiting for TCP data."
#[test]
fn half_a_query_holds_up_nobody_else() {
    let server = TestServer::start(config());
    let question = query(1, "2.0.0.127.bl.example", A);
    let framed = framed(&question);
    let (first, rest) = framed.split_at(9);
    let mut slow = server.connect();
    slow.write_all(first).unwrap();
    assert_eq!(ask(&mut server.connect(), &question), (1, 0, 1));
    slow.write_all(rest).unwrap();
    assert_eq!(gist(&read_message(&mut slow)), (1, 0, 1));
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
fn no_tcp_means_no_tcp() {
    let mut config = config();
    config.listen.tcp.connections = 0;
    // An address of its own: on a shared one another test may get the same port number for TCP.
    config.listen.addresses = vec![Address::required(SocketAddr::from(([127, 0, 0, 3], 0)))];
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

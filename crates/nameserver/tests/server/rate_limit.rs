//! Limited answers over real sockets: what a client gets, what is counted, and who is not limited.

use std::io::Write;
use std::net::UdpSocket;

use repute_nameserver::Identity;
use repute_nameserver::cookie::{Cookies, Secret, Secrets};
use repute_nameserver::rate_limit::Config;

use crate::running::{A, TestServer, client, config, framed, gist, query, read_message, receive};

/// A server that answers a network of loopback five times, and then hardly ever again.
fn start(slip: u32) -> TestServer {
    let mut config = config();
    let exempt = vec!["127.0.0.9/32".parse().unwrap()];
    let limit = Config { responses_per_second: 1, slip, exempt, ..Config::default() };
    config.listen.rate_limit = limit;
    TestServer::start(config)
}

/// Asks and receives an answer.
fn ask(socket: &UdpSocket, query: &[u8]) -> Vec<u8> {
    socket.send(query).unwrap();
    let mut answer = [0; 1_500];
    let n = receive(socket, &mut answer).unwrap();
    answer[..n].to_vec()
}

/// A query with EDNS and data of a COOKIE option.
fn with_cookie(id: u16, cookie: &[u8]) -> Vec<u8> {
    let mut message = query(id, "2.0.0.127.bl.example", A);
    message[11] = 1;
    let len = cookie.len() as u8;
    message.extend_from_slice(&[0, 0, 41, 4, 208, 0, 0, 0, 0, 0, len + 4, 0, 10, 0, len]);
    message.extend_from_slice(cookie);
    message
}

#[test]
fn beyond_the_limit_answers_are_truncated_and_tcp_gives_them() {
    let server = start(1);
    let socket = client(server.address());
    let question = query(1, "2.0.0.127.bl.example", A);
    for _ in 0..5 {
        assert_eq!(gist(&ask(&socket, &question)), (1, 0, 1));
    }
    // Fifty seconds for fifty queries would be a broken machine.
    let answers: Vec<_> = (0..50).map(|_| ask(&socket, &question)).collect();
    let cut: Vec<_> = answers.iter().filter(|answer| answer[2] & 2 != 0).collect();
    assert!(!cut.is_empty());
    for answer in &cut {
        assert_eq!((gist(answer), answer.len()), ((1, 0, 0), question.len()));
    }
    let mut stream = server.connect();
    for _ in 0..20 {
        stream.write_all(&framed(&question)).unwrap();
        assert_eq!(gist(&read_message(&mut stream)), (1, 0, 1));
    }
    let report = server.running().report();
    assert_eq!((report.udp.slipped, report.udp.limited), (cut.len() as u64, 0));
    assert_eq!((report.tcp.slipped, report.zones[0].answers.truncated), (0, cut.len() as u64));
    let (_, page) = server.page("/metrics");
    let line = format!("repute_nameserver_limited_total{{result=\"truncated\"}} {}\n", cut.len());
    assert!(page.contains(&line), "{page}");
    assert!(server.page("/").1.contains("truncated or dropped"));
}

#[test]
fn dropped_answers_are_counted_and_exempt_networks_and_other_rules_let_them_through() {
    let server = start(0);
    let socket = client(server.address());
    let question = query(1, "2.0.0.127.bl.example", A);
    for _ in 0..100 {
        socket.send(&question).unwrap();
    }
    while server.running().totals().udp.queries < 100 {
        std::thread::yield_now();
    }
    let totals = server.running().totals().udp;
    assert!(totals.limited > 0 && totals.limited == totals.dropped && totals.slipped == 0);
    let exempt = UdpSocket::bind("127.0.0.9:0").unwrap();
    exempt.connect(server.address()).unwrap();
    exempt.set_read_timeout(Some(std::time::Duration::from_secs(20))).unwrap();
    for _ in 0..20 {
        assert_eq!(gist(&ask(&exempt, &question)), (1, 0, 1));
    }
    server.running().remote().limit(&Config { responses_per_second: 0, ..Config::default() });
    let other = client(server.address());
    for _ in 0..20 {
        assert_eq!(gist(&ask(&other, &question)), (1, 0, 1));
    }
}

#[test]
fn a_client_with_a_cookie_is_not_limited() {
    let server = start(1);
    let cookies = Cookies::On(Secrets::new(Secret::new([7; 16]), None));
    let identity = Identity { cookies, ..Identity::default() };
    server.zones.rcu(|zones| zones.with_identity(identity.clone()));
    let socket = client(server.address());
    let cookie = |answer: &[u8]| answer[answer.len() - 24..].to_vec();
    let mut known = cookie(&ask(&socket, &with_cookie(1, b"12345678")));
    for _ in 0..50 {
        let answer = ask(&socket, &with_cookie(1, &known));
        assert_eq!(gist(&answer), (1, 0, 1));
        known = cookie(&answer);
    }
    // The same client without it is; a truncated answer has a cookie, for the next time.
    let answers: Vec<_> = (0..50).map(|_| ask(&socket, &with_cookie(2, b"12345678"))).collect();
    let cut = answers.iter().find(|answer| answer[2] & 2 != 0).expect("one of them is cut");
    assert_eq!(gist(&ask(&socket, &with_cookie(3, &cookie(cut)))), (3, 0, 1));
}

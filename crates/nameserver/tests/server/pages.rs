//! Metrics, health and status, and what their server endures.

use std::net::TcpStream;
use std::time::Duration;

use repute_nameserver::ZoneIndex;
use repute_nameserver::report::Report;
use repute_nameserver::status::{ZoneHealth, ZoneStatus};

use crate::running::{A, TestServer, apex, client, config, is_closed, query, receive};

#[test]
fn metrics_tell_what_was_asked() {
    let server = TestServer::start(config());
    let socket = client(server.address());
    for name in ["2.0.0.127.bl.example", "7.2.0.192.bl.example", "9.9.9.9.bl.example"] {
        socket.send(&query(1, name, A)).unwrap();
        receive(&socket, &mut [0; 1500]).unwrap();
    }
    let (status, body) = server.page("/metrics");
    assert_eq!(status, "HTTP/1.1 200 OK");
    for line in [
        "repute_nameserver_queries_total{transport=\"udp\"} 3",
        "repute_nameserver_answers_total{zone=\"bl.example\",rcode=\"NOERROR\"} 2",
        "repute_nameserver_answers_total{zone=\"bl.example\",rcode=\"NXDOMAIN\"} 1",
        "repute_nameserver_answers_by_type_total{zone=\"bl.example\",type=\"A\"} 3",
        "repute_nameserver_listed_total{zone=\"bl.example\"} 2",
        "repute_nameserver_zone_state{zone=\"bl.example\",state=\"serving\"} 1",
    ] {
        assert!(body.lines().any(|l| l == line), "{line} is missing in\n{body}");
    }
}

#[test]
fn health_follows_the_zones() {
    let server = TestServer::start(config());
    assert_eq!(server.page("/healthz"), ("HTTP/1.1 200 OK".into(), "ok\n".into()));
    let failed = ZoneStatus {
        health: ZoneHealth::Failed,
        last_error: Some("refused: it lists a whole /8".into()),
        ..ZoneStatus::loading(apex(), ZoneIndex(0))
    };
    server.board.report(failed);
    let (status, body) = server.page("/healthz");
    assert_eq!(status, "HTTP/1.1 503 Service Unavailable");
    assert_eq!(body, "not serving: bl.example\n");
    let (_, json) = server.page("/status.json");
    let report: Report = serde_json::from_str(&json).unwrap();
    assert_eq!(report.zones[0].last_error.as_deref(), Some("refused: it lists a whole /8"));
    assert!(report.memory_bytes > 0);
}

#[test]
fn a_head_without_end_is_refused() {
    let server = TestServer::start(config());
    let answer = server.http(&[b"GET / HTTP/1.1\r\nX: ".as_slice(), &[b'x'; 100_000]].concat());
    assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
    let many = "X: y\r\n".repeat(1_000);
    let answer = server.http(format!("GET / HTTP/1.1\r\n{many}\r\n").as_bytes());
    assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
}

#[test]
fn a_client_that_says_nothing_is_left() {
    let mut config = config();
    config.http.time = Duration::from_millis(150);
    let server = TestServer::start(config);
    let mut stream = TcpStream::connect(server.running().http_address().unwrap()).unwrap();
    assert!(is_closed(&mut stream));
}

#[test]
fn connections_are_limited() {
    let mut config = config();
    config.http.connections = 2;
    let server = TestServer::start(config);
    let address = server.running().http_address().unwrap();
    let _silent: Vec<_> = (0..2).map(|_| TcpStream::connect(address).unwrap()).collect();
    assert!(is_closed(&mut TcpStream::connect(address).unwrap()));
}

#[test]
fn any_bytes_are_survived() {
    let server = TestServer::start(config());
    for junk in [
        &b"\0\0\0\0"[..],
        b"GET",
        b"\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\n\r\n",
        b"PUT / HTTP/9.9\r\n\r\n",
    ] {
        let _ = TcpStream::connect(server.running().http_address().unwrap())
            .and_then(|mut stream| std::io::Write::write_all(&mut stream, junk));
    }
    assert_eq!(server.page("/healthz").0, "HTTP/1.1 200 OK");
}

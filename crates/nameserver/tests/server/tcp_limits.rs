//! Every limit that a client of TCP can run into (RFC 7766 sections 6.2.2, 6.2.3 and 10).

use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpStream};
use std::os::fd::AsRawFd;
use std::time::Duration;

use socket2::{Domain, Socket, Type};

use crate::running::{A, TestServer, config, framed, gist, is_closed, query, read_message};
use crate::tcp::ask;

/// A limit that a test waits for.
const SHORT: Duration = Duration::from_millis(150);

/// Section 6.2.3: idle connections are closed after a time that can be configured.
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

/// Section 10: bytes that trickle in must not keep a connection for ever.
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

/// Section 6.2.2: "servers MAY impose limits on the number of concurrent TCP connections being handled for any
/// particular client IP address or subnet", and the others are none of its business.
#[test]
fn a_client_at_its_limit_keeps_no_other_out() {
    let mut config = config();
    config.listen.tcp.connections_per_client = 1;
    let server = TestServer::start(config);
    let question = query(1, "2.0.0.127.bl.example", A);
    let mut first = server.connect();
    assert_eq!(ask(&mut first, &question), (1, 0, 1));
    assert!(is_closed(&mut server.connect()));
    let other = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    other.bind(&SocketAddr::from((Ipv4Addr::new(127, 0, 0, 2), 0)).into()).unwrap();
    other.connect(&server.running().tcp_addresses()[0].into()).unwrap();
    assert_eq!(ask(&mut TcpStream::from(other), &question), (1, 0, 1));
    assert_eq!(ask(&mut first, &question), (1, 0, 1), "and it is served on");
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
        stream.write_all(&framed(&question)).is_ok() && stream.read_exact(&mut [0; 1]).is_ok()
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
fn a_server_without_descriptors_goes_on_and_takes_clients_later() {
    // The limit is one of a process, and other tests need theirs.
    let itself = std::env::current_exe().unwrap();
    let inner = ["--exact", "tcp_limits::all_descriptors_taken", "--ignored", "--nocapture"];
    let output = std::process::Command::new(itself).args(inner).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}

#[test]
#[ignore = "takes all descriptors of its process; the test above runs it in one of its own"]
fn all_descriptors_taken() {
    let server = TestServer::start(config());
    let mut early = server.connect();
    assert_eq!(ask(&mut early, &query(1, "2.0.0.127.bl.example", A)), (1, 0, 1));
    let late = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    // All numbers below the first free one are taken.
    let first_free = File::open("/dev/null").unwrap().as_raw_fd();
    let before = limit_descriptors(first_free as u64);
    late.connect(&server.address().into()).unwrap();
    let mut late = TcpStream::from(late);
    late.write_all(&framed(&query(2, "2.0.0.127.bl.example", A))).unwrap();
    assert_eq!(ask(&mut early, &query(3, "2.0.0.127.bl.example", A)), (3, 0, 1));
    assert_eq!(server.running().report().tcp_connections.open, 1);
    limit_descriptors(before);
    assert_eq!(gist(&read_message(&mut late)), (2, 0, 1));
}

/// Sets how many descriptors this process may have and returns the limit before.
#[expect(unsafe_code, reason = "the standard library sets no limits")]
fn limit_descriptors(count: u64) -> u64 {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `limit` is valid for the read and the write of one structure.
    unsafe {
        assert_eq!(libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit), 0);
        let before = limit.rlim_cur;
        limit.rlim_cur = count;
        assert_eq!(libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit), 0);
        before
    }
}

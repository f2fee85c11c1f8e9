//! Messages that are handed over, and what becomes of their answers: over both transports, beside
//! ordinary queries, and when the server stops meanwhile.

use std::future::{Future, pending};
use std::io::{ErrorKind, Write};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use repute_nameserver::beyond::{Back, Beyond, Outgoing};
use repute_nameserver::listen::Address;
use repute_nameserver::report::BeyondReport;
use tokio::sync::Notify;

use crate::running::{
    A, TestServer, client, config, framed, gist, is_closed, query, read_message, receive,
};
use crate::tcp::ask;

/// UPDATE and NOTIFY, as the second byte of flags of a header.
const UPDATE: u8 = 5 << 3;
const NOTIFY: u8 = 4 << 3;
const AXFR: u16 = 252;
const IXFR: u16 = 251;
/// The response code by which answers of the desk below are known.
const REFUSED: u8 = 5;

/// Answers everything with REFUSED: datagrams by a thread of its own, streams by what their question says.
struct Desk {
    /// To the thread.
    queue: SyncSender<(Vec<u8>, SocketAddr, Back)>,
    /// Opened when a stream may go on that waits.
    gate: Arc<Notify>,
    /// Whether a stream that never ends was dropped.
    dropped: Arc<AtomicBool>,
    /// Why messages of a stream could not be sent.
    failure: Arc<Mutex<Option<ErrorKind>>>,
}

impl Desk {
    /// A desk, and what its thread gets.
    fn new() -> (Desk, Receiver<(Vec<u8>, SocketAddr, Back)>) {
        let (queue, received) = sync_channel(16);
        let (gate, dropped) = (Arc::default(), Arc::default());
        (Desk { queue, gate, dropped, failure: Arc::default() }, received)
    }

    /// A desk whose thread answers.
    fn answering() -> Arc<Desk> {
        let (desk, received) = Desk::new();
        std::thread::spawn(move || {
            for (message, _, back) in received {
                back.send(&refusal(&message));
            }
        });
        Arc::new(desk)
    }
}

impl Beyond for Desk {
    fn datagram(&self, message: &[u8], peer: SocketAddr, back: Back) {
        // Full, or nobody listens any more: it is dropped.
        let _ = self.queue.try_send((message.to_vec(), peer, back));
    }

    fn report(&self) -> BeyondReport {
        BeyondReport::default()
    }

    fn stream<'a>(
        &'a self,
        message: &'a [u8],
        _peer: SocketAddr,
        out: &'a mut (dyn Outgoing + Send),
    ) -> Pin<Box<dyn Future<Output = bool> + Send + 'a>> {
        Box::pin(async move {
            match message[13] {
                // `m...`: many messages.
                b'm' => {
                    for _ in 0..100 {
                        out.send(&refusal(message)).await.unwrap();
                    }
                    true
                }
                // `w...`: one before the gate, one behind it.
                b'w' => {
                    out.send(&refusal(message)).await.unwrap();
                    self.gate.notified().await;
                    out.send(&refusal(message)).await.is_ok()
                }
                // `e...`: without end, and large.
                b'e' => {
                    let large = [refusal(message), vec![0; 60_000]].concat();
                    loop {
                        if let Err(error) = out.send(&large).await {
                            *self.failure.lock().unwrap() = Some(error.kind());
                            // Nothing can follow half a message, whatever is said here.
                            assert!(out.send(&large).await.is_err());
                            return true;
                        }
                    }
                }
                // `p...`: never.
                b'p' => {
                    let _guard = Guard(&self.dropped);
                    out.send(&refusal(message)).await.unwrap();
                    pending().await
                }
                // `t...`: more than a message can be.
                b't' => {
                    assert!(out.send(&vec![0; 65_536]).await.is_err());
                    out.send(&refusal(message)).await.is_ok()
                }
                // Others: one, and the end.
                _ => {
                    out.send(&refusal(message)).await.unwrap();
                    false
                }
            }
        })
    }
}

/// Notes that it was dropped.
struct Guard<'a>(&'a AtomicBool);

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// The message as an answer.
fn refusal(message: &[u8]) -> Vec<u8> {
    let mut answer = message.to_vec();
    answer[2] |= 0x80;
    answer[3] = REFUSED;
    answer
}

/// A message with an opcode.
fn with_opcode(id: u16, opcode: u8, name: &str) -> Vec<u8> {
    let mut message = query(id, name, 6);
    message[2] = opcode;
    message
}

/// A query with a TSIG record of no meaning as its last one.
fn signed(id: u16, name: &str) -> Vec<u8> {
    let mut message = query(id, name, A);
    message[11] = 1;
    message.extend_from_slice(b"\x03key\x00\x00\xfa\x00\xff\x00\x00\x00\x00\x00\x1d");
    message.extend_from_slice(b"\x0bhmac-sha256\x00\x00\x00\x00\x00\x00\x01\x01\x2c\x00\x00");
    message.extend_from_slice(&id.to_be_bytes());
    message.extend_from_slice(&[0, 0, 0, 0]);
    message
}

#[test]
fn updates_transfers_and_what_is_signed_are_handed_over_and_nothing_else() {
    let server = TestServer::start_with_beyond(config(), Desk::answering());
    let socket = client(server.address());
    let ask = |message: &[u8]| {
        socket.send(message).unwrap();
        let mut answer = [0; 5_000];
        let n = receive(&socket, &mut answer).unwrap();
        gist(&answer[..n])
    };
    let beyond = [
        with_opcode(1, UPDATE, "bl.example"),
        with_opcode(2, NOTIFY, "bl.example"),
        query(3, "bl.example", AXFR),
        query(4, "bl.example", IXFR),
        signed(5, "2.0.0.127.bl.example"),
        with_opcode(6, UPDATE, "other.example"),
    ];
    for (message, id) in beyond.iter().zip(1..) {
        assert_eq!(ask(message), (id, REFUSED, 0));
    }
    // Status, whatever else is no query, and an update of nothing.
    assert_eq!(ask(&with_opcode(7, 2 << 3, "bl.example")), (7, 4, 0));
    let mut nothing = with_opcode(8, UPDATE, "bl.example");
    nothing[5] = 0;
    assert_eq!(ask(&nothing), (8, 1, 0));
    assert_eq!(ask(&query(9, "2.0.0.127.bl.example", A)), (9, 0, 1));
    drop(socket);

    let report = server.running().report();
    assert_eq!((report.udp.queries, report.udp.dropped), (9, 0));
    let (zone, elsewhere) = (&report.zones[0].answers, &report.elsewhere);
    assert_eq!((zone.rcodes["REFUSED"], zone.total), (5, 6));
    assert_eq!((elsewhere.rcodes["REFUSED"], elsewhere.total), (1, 3));
    let bytes = beyond.iter().map(Vec::len).sum::<usize>() as u64;
    assert!(report.udp.bytes_out > bytes && zone.bytes_out > bytes - 60);
}

#[test]
fn an_answer_leaves_from_the_address_that_was_asked() {
    let mut config = config();
    config.listen.addresses = vec![Address::required(SocketAddr::from(([0, 0, 0, 0], 0)))];
    let server = TestServer::start_with_beyond(config, Desk::answering());
    for asked in [[127, 0, 0, 1], [127, 0, 0, 2], [127, 9, 9, 9]] {
        // A connected socket takes answers from that very address only.
        let socket = client(SocketAddr::from((asked, server.address().port())));
        socket.send(&with_opcode(1, UPDATE, "bl.example")).unwrap();
        let mut answer = [0; 1500];
        let n = receive(&socket, &mut answer).unwrap();
        assert_eq!(gist(&answer[..n]), (1, REFUSED, 0), "{asked:?}");
    }
}

#[test]
fn a_long_update_comes_whole_and_a_cut_one_not_at_all() {
    let (desk, received) = Desk::new();
    let server = TestServer::start_with_beyond(config(), Arc::new(desk));
    let socket = client(server.address());
    let long = |len: usize| {
        let mut message = with_opcode(1, UPDATE, "bl.example");
        message.resize(len, 7);
        message
    };
    for len in [512, 1_500, 4_096] {
        socket.send(&long(len)).unwrap();
        let (message, peer, _) = received.recv().unwrap();
        assert_eq!((message, peer), (long(len), socket.local_addr().unwrap()));
    }
    socket.send(&long(4_500)).unwrap();
    let mut answer = [0; 1500];
    let n = receive(&socket, &mut answer).unwrap();
    assert_eq!(gist(&answer[..n]), (1, 1, 0), "FORMERR");
    assert!(received.try_recv().is_err());
}

#[test]
fn an_answer_may_be_many_messages_between_those_to_other_queries() {
    let server = TestServer::start_with_beyond(config(), Desk::answering());
    let mut stream = server.connect();
    let (before, after) = (query(1, "2.0.0.127.bl.example", A), query(3, "9.9.9.9.bl.example", A));
    let queries = [before, query(2, "many.example", AXFR), after].map(|query| framed(&query));
    stream.write_all(&queries.concat()).unwrap();
    assert_eq!(gist(&read_message(&mut stream)), (1, 0, 1));
    for _ in 0..100 {
        assert_eq!(gist(&read_message(&mut stream)), (2, REFUSED, 0));
    }
    assert_eq!(gist(&read_message(&mut stream)), (3, 3, 0));
    // It is one answer, of many bytes.
    let report = server.running().report();
    assert_eq!((report.tcp.queries, report.elsewhere.total), (3, 1));
    assert!(report.tcp.bytes_out > 100 * 30);
    assert_eq!(ask(&mut stream, &query(4, "toolong.example", AXFR)), (4, REFUSED, 0));
    assert_eq!(ask(&mut stream, &query(5, "last.example", AXFR)), (5, REFUSED, 0));
    assert!(is_closed(&mut stream));
}

#[test]
fn an_answer_may_take_longer_than_an_idle_connection_lives() {
    let mut config = config();
    config.listen.tcp.idle = Duration::from_millis(100);
    config.listen.tcp.message = Duration::from_millis(100);
    let desk = Desk::answering();
    let gate = Arc::clone(&desk.gate);
    let server = TestServer::start_with_beyond(config, desk);
    let mut stream = server.connect();
    assert_eq!(ask(&mut stream, &query(1, "wait.example", AXFR)), (1, REFUSED, 0));
    std::thread::sleep(Duration::from_millis(400));
    gate.notify_one();
    assert_eq!(gist(&read_message(&mut stream)), (1, REFUSED, 0));
}

#[test]
fn a_client_that_does_not_read_a_long_answer_is_left() {
    let mut config = config();
    config.listen.tcp.write = Duration::from_millis(150);
    let desk = Desk::answering();
    let failure = Arc::clone(&desk.failure);
    let server = TestServer::start_with_beyond(config, desk);
    let mut stream = server.connect();
    stream.write_all(&framed(&query(1, "endless.example", AXFR))).unwrap();
    while server.running().report().tcp_connections.open > 0 || failure.lock().unwrap().is_none() {
        std::thread::yield_now();
    }
    assert_eq!(*failure.lock().unwrap(), Some(ErrorKind::TimedOut));
    assert_eq!(server.running().report().tcp.send_failures, 1);
}

#[test]
fn a_stop_ends_an_answer_under_way_and_ways_back_lead_nowhere() {
    let (desk, received) = Desk::new();
    let dropped = Arc::clone(&desk.dropped);
    let mut server = TestServer::start_with_beyond(config(), Arc::new(desk));
    let (address, socket) = (server.address(), client(server.address()));
    socket.send(&with_opcode(1, UPDATE, "bl.example")).unwrap();
    let (message, _, back) = received.recv().unwrap();
    let mut stream = server.connect();
    assert_eq!(ask(&mut stream, &query(1, "pending.example", AXFR)), (1, REFUSED, 0));
    server.stop();
    assert!(dropped.load(Ordering::SeqCst) && is_closed(&mut stream));
    // Who holds it keeps no port.
    let mut config = config();
    config.listen.addresses = vec![Address::required(address)];
    let _next = TestServer::start(config);
    back.send(&refusal(&message));
    socket.set_nonblocking(true).unwrap();
    assert_eq!(receive(&socket, &mut [0; 1500]).unwrap_err().kind(), ErrorKind::WouldBlock);
}

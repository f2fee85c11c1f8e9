//! DNS over TCP (RFC 7766), and over TLS (RFC 7858), which is the same within a session.
//!
//! A connection is a task that reads queries, each behind two bytes of length, and writes answers as
//! it finds them: a client may send many queries without waiting (section 6.2.1.1). What a client can
//! cost is bounded in every direction: connections in all, of one client and of one network, time between queries,
//! time for the rest of a query, time and bytes for answers it does not read. Memory is held only
//! while a query is under way.
//!
//! Answers happen to be in the order of the queries, as each takes less than a microsecond; clients
//! must not count on it (section 6.2.1.1).

use std::cell::RefCell;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use repute_certificate::Certificate;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use super::admission::Connections;

pub(crate) use super::admission::{Admission, Place};
use super::framed::Framed;
use super::tally::Tally;
use super::wire::{READ_BYTES, Wire, release, send_all};
use crate::beyond::Beyond;
use crate::counters::SharedBlock;
use crate::padding;
use crate::query_log::{Moment, Recorder};
use crate::respond::{Client, Outcome, Transport, respond};
use crate::zones::Zones;

/// Limits of DNS over TCP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// Most connections at a time. Default: 1,000. 0 turns TCP off.
    pub connections: usize,
    /// Most connections at a time of one IPv4 address or IPv6 /64. Default: 10.
    pub connections_per_client: usize,
    /// Most connections at a time of one IPv4 /24 or IPv6 /56. Default: 100.
    pub connections_per_network: usize,
    /// How long a connection without a query is kept. Default: 10 s.
    pub idle: Duration,
    /// How long a client may take to agree on TLS, where it is spoken. Default: 5 s.
    pub handshake: Duration,
    /// How long the rest of a query that has begun may take. Default: 5 s.
    pub message: Duration,
    /// How long a client may take to read its answers. Default: 10 s.
    pub write: Duration,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            connections: 1_000,
            connections_per_client: 10,
            connections_per_network: 100,
            idle: Duration::from_secs(10),
            handshake: Duration::from_secs(5),
            message: Duration::from_secs(5),
            write: Duration::from_secs(10),
        }
    }
}

/// What all connections share.
#[derive(Clone)]
pub(crate) struct Service {
    /// Time limits.
    pub(crate) config: Config,
    /// Who may connect.
    pub(crate) admission: Admission,
    /// What is served.
    pub(crate) zones: Arc<ArcSwap<Zones>>,
    /// Where it is counted.
    pub(crate) counters: SharedBlock,
    /// Where queries are reported to.
    pub(crate) log: Recorder,
    /// Who takes what is not answered here, if anybody does.
    pub(crate) beyond: Option<Arc<dyn Beyond>>,
    /// Where the answers of that are counted.
    pub(crate) tally: Tally,
    /// Cancelled when the server stops.
    pub(crate) stop: CancellationToken,
    /// Knows all tasks.
    pub(crate) tasks: TaskTracker,
}

/// Accepts connections until the server stops; with a certificate they speak TLS first.
pub(crate) async fn serve(
    listener: TcpListener,
    certificate: Option<Arc<Certificate>>,
    service: Service,
) {
    loop {
        let accepted = tokio::select! {
            biased;
            () = service.stop.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => match service.admission.admit(peer.ip()) {
                Some(place) => {
                    let certificate = certificate.clone();
                    let welcome = welcome(stream, peer, certificate, place, service.clone());
                    service.tasks.spawn(welcome);
                }
                // Closed without a word: RFC 7766 section 6.2.2 has no other way.
                None => drop(stream),
            },
            Err(error) => accept_failed(&error).await,
        }
    }
}

/// Waits after an error of `accept` that will not pass by itself.
pub(crate) async fn accept_failed(error: &io::Error) {
    match error.raw_os_error() {
        // The connection ended before we took it: nothing is wrong here.
        Some(libc::ECONNABORTED | libc::EINTR | libc::EPROTO | libc::EPERM) => {}
        _ => {
            tracing::warn!("cannot accept connections for the moment: {error}");
            sleep(ACCEPT_BACK_OFF).await;
        }
    }
}

/// Serves one connection, within TLS if there is a certificate to show.
async fn welcome(
    stream: TcpStream,
    peer: SocketAddr,
    certificate: Option<Arc<Certificate>>,
    place: Place,
    service: Service,
) {
    // An answer waits for no other one to fill its segment.
    let _ = stream.set_nodelay(true);
    let Some(certificate) = certificate else {
        return converse(stream, peer, Channel::Open, place, service).await;
    };
    let handshake = TlsAcceptor::from(certificate.shown()).accept(stream);
    let shaken = tokio::select! {
        biased;
        () = service.stop.cancelled() => return,
        shaken = timeout(service.config.handshake, handshake) => shaken,
    };
    // Who gave up, or speaks no TLS, is the client's business.
    if let Ok(Ok(stream)) = shaken {
        converse(stream, peer, Channel::Tls, place, service).await;
    }
}

/// Who can read a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Channel {
    /// Everybody on the way.
    Open,
    /// Nobody else.
    Tls,
}

/// Serves one connection. Its errors are the client's business.
async fn converse(
    mut stream: impl Wire,
    peer: SocketAddr,
    channel: Channel,
    _place: Place,
    service: Service,
) {
    let address = peer.ip().to_canonical();
    let mut inbox = Vec::new();
    let mut outbox = Vec::new();
    while let Ok(Next::Read) = read(&mut stream, &mut inbox, &service).await {
        let mut rest = inbox.as_slice();
        let mut goes_on = true;
        while let Some((message, tail)) = split(rest).filter(|_| goes_on) {
            goes_on = match service.answer(message, address, channel, &mut outbox) {
                Outcome::Reply(_) => true,
                // Who sends what deserves no answer has no business on a connection.
                Outcome::Drop | Outcome::Limited => false,
                Outcome::Beyond => {
                    let peer = SocketAddr::new(address, peer.port());
                    service.deliver(&mut stream, &mut outbox).await
                        && service.hand_over(message, peer, &mut stream).await
                }
            };
            rest = tail;
            // A client that asks without reading is made to wait before its answers pile up.
            if outbox.len() >= OUTBOX_BYTES && !service.deliver(&mut stream, &mut outbox).await {
                return;
            }
        }
        let used = inbox.len() - rest.len();
        inbox.drain(..used);
        if !service.deliver(&mut stream, &mut outbox).await || !goes_on {
            return;
        }
        release(&mut inbox);
        release(&mut outbox);
    }
    // The client has its answers; this tells it that there will be no more.
    let _ = timeout(service.config.write, stream.shutdown()).await;
}

/// What comes next on a connection.
enum Next {
    /// A whole message, or more.
    Read,
    /// Nothing: the client or the server has ended, or the client took too long.
    End,
}

/// Reads until `inbox` holds a whole message.
async fn read(stream: &mut impl Wire, inbox: &mut Vec<u8>, service: &Service) -> io::Result<Next> {
    let idle = Instant::now() + service.config.idle;
    if inbox.is_empty() {
        let read = tokio::select! {
            biased;
            read = timeout_at(idle, stream.begin(inbox)) => read,
            () = service.stop.cancelled() => return Ok(Next::End),
        };
        match read {
            Ok(Ok(0)) | Err(_) => return Ok(Next::End),
            Ok(result) => result?,
        };
    }
    // A limit for the whole message, not for each piece: bytes that trickle in must not extend it.
    let deadline = Instant::now() + service.config.message;
    while missing(inbox) > 0 {
        // Memory follows what has come, not what a length promises.
        inbox.reserve(missing(inbox).clamp(READ_BYTES, 4 * READ_BYTES));
        let read = tokio::select! {
            biased;
            read = timeout_at(deadline, stream.read_buf(inbox)) => read,
            // The query is not whole, so nobody waits for its answer yet.
            () = service.stop.cancelled() => return Ok(Next::End),
        };
        match read {
            Ok(Ok(0)) | Err(_) => return Ok(Next::End),
            Ok(result) => result?,
        };
    }
    Ok(Next::Read)
}

/// How many bytes the message that `inbox` begins with still lacks.
fn missing(inbox: &[u8]) -> usize {
    match *inbox {
        [high, low, ..] => {
            (2 + usize::from(u16::from_be_bytes([high, low]))).saturating_sub(inbox.len())
        }
        _ => 2 - inbox.len(),
    }
}

/// The first whole message of `bytes`, without its length, and what follows it.
fn split(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<2>()?;
    rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))
}

impl Service {
    /// Appends the answer to one message, if it has one at once, behind its length.
    fn answer(
        &self,
        message: &[u8],
        address: IpAddr,
        channel: Channel,
        outbox: &mut Vec<u8>,
    ) -> Outcome {
        thread_local! {
            /// Where an answer is written before its length is known: one for each thread, not one for
            /// each connection. It is never held across an await.
            static REPLY: RefCell<Vec<u8>> = RefCell::new(vec![0; usize::from(u16::MAX)]);
        }
        let client = Client { address, transport: Transport::Tcp };
        let moment = now();
        let outcome = REPLY.with_borrow_mut(|reply| {
            let zones = self.zones.load();
            let mut outcome = respond(message, &client, moment.seconds, &zones, reply);
            if let Outcome::Reply(written) = &mut outcome {
                if channel == Channel::Tls {
                    written.len = padding::pad(message, reply, written.len);
                }
                outbox.extend_from_slice(&written.len.to_be_bytes());
                outbox.extend_from_slice(&reply[..usize::from(written.len)]);
            }
            outcome
        });
        self.counters.lock(|block| block.record(message.len(), &outcome));
        self.log.note(moment, message, &client, &outcome);
        outcome
    }

    /// Has a message answered by somebody else; whether the connection goes on. No limit of an idle
    /// connection holds meanwhile, only that of each message that is written.
    async fn hand_over(&self, message: &[u8], peer: SocketAddr, stream: &mut impl Wire) -> bool {
        let Some(beyond) = &self.beyond else { return false };
        let mut out = Framed::new(stream, self.config.write, &self.tally);
        tokio::select! {
            biased;
            () = self.stop.cancelled() => false,
            goes_on = beyond.stream(message, peer, &mut out) => goes_on && !out.is_broken(),
        }
    }

    /// Sends what has gathered; whether the connection goes on.
    async fn deliver(&self, stream: &mut impl Wire, outbox: &mut Vec<u8>) -> bool {
        if outbox.is_empty() {
            return true;
        }
        let sent = timeout(self.config.write, send_all(stream, outbox)).await;
        outbox.clear();
        matches!(sent, Ok(Ok(())))
    }
}

/// The time, as queries and the log know it.
fn now() -> Moment {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Moment { seconds: since.as_secs() as u32, milliseconds: since.subsec_millis() as u16 }
}

/// Answers that gather before they are sent although more queries are at hand.
const OUTBOX_BYTES: usize = 16 * 1_024;
/// Pause after `accept` failed for want of descriptors or memory.
const ACCEPT_BACK_OFF: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn messages_are_split_by_their_lengths() {
        assert_eq!(split(b"\0\x02ab\0\x01c"), Some((&b"ab"[..], &b"\0\x01c"[..])));
        assert_eq!(split(b"\0\0x"), Some((&b""[..], &b"x"[..])));
        for part in [&b""[..], b"\0", b"\0\x02", b"\0\x02a"] {
            assert_eq!(split(part), None);
        }
    }

    #[test]
    fn what_is_missing_follows_from_the_length() {
        assert_eq!(
            [b"".as_slice(), b"\0", b"\0\x05", b"\0\x05abcde", b"\0\x01ab"].map(missing),
            [2, 1, 5, 0, 0]
        );
    }

    proptest! {
        #[test]
        fn a_message_is_whole_when_nothing_is_missing(bytes in proptest::collection::vec(0_u8..4, 0..600)) {
            prop_assert_eq!(split(&bytes).is_some(), missing(&bytes) == 0);
            if let Some((message, rest)) = split(&bytes) {
                prop_assert_eq!(2 + message.len() + rest.len(), bytes.len());
            } else {
                let whole = [bytes.clone(), vec![0; missing(&bytes)]].concat();
                prop_assert!(bytes.len() < 2 || split(&whole).is_some_and(|(_, rest)| rest.is_empty()));
            }
        }
    }
}

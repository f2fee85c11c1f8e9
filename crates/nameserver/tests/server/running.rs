//! A server with one small list, on free ports of loopback.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use repute_certificate::Certificate;
use repute_dnsxl::Name;
use repute_nameserver::beyond::Beyond;
use repute_nameserver::companion::Companion;
use repute_nameserver::control::{Reload, Reloaded, Reloads};
use repute_nameserver::listen::{self, Address, Given};
use repute_nameserver::server::{Bound, Config, Parts, Running, Server};
use repute_nameserver::status::{StatusBoard, ZoneHealth, ZoneStatus};
use repute_nameserver::{Handover, Identity, Serving, ZoneIndex, ZoneState, Zones, http};
use repute_zone::format::ReadOptions;
use repute_zone::{DatasetKind, Zone};
use tokio::runtime::Runtime;

use crate::list::{block_list, dataset};

/// What the list `bl.example` says.
const LIST: &str = "$SOA 3600 ns.example. hostmaster.example. 7 600 300 86400 300\n\
                    127.0.0.2 :127.0.0.2:test $\n\
                    192.0.2.0/24 :127.0.0.3:net $\n";

/// A running server and what a test needs to look at it.
pub(crate) struct TestServer {
    /// The server; `None` once it was stopped.
    running: Option<Running>,
    /// Runs its tasks.
    runtime: Runtime,
    /// What it reports of its zones.
    pub(crate) board: Arc<StatusBoard>,
    /// What it serves.
    pub(crate) zones: Arc<ArcSwap<Zones>>,
}

/// Loopback, free ports, no control socket.
pub(crate) fn config() -> Config {
    Config {
        listen: listen::Config {
            addresses: vec![Address::required(SocketAddr::from(([127, 0, 0, 1], 0)))],
            ..listen::Config::default()
        },
        http: http::Config {
            address: Some(SocketAddr::from(([127, 0, 0, 1], 0))),
            ..http::Config::default()
        },
        ..Config::default()
    }
}

impl TestServer {
    /// Starts a server on its own sockets.
    pub(crate) fn start(config: Config) -> TestServer {
        TestServer::launch(Server::bind(config, Given::default()).unwrap(), None, None)
    }

    /// Starts a server on sockets that others opened.
    pub(crate) fn start_with(config: Config, given: Given) -> TestServer {
        TestServer::launch(Server::bind(config, given).unwrap(), None, None)
    }

    /// Starts a server that hands over what `beyond` answers.
    pub(crate) fn start_with_beyond(config: Config, beyond: Arc<dyn Beyond>) -> TestServer {
        TestServer::launch(Server::bind(config, Given::default()).unwrap(), Some(beyond), None)
    }

    /// Starts a server that shows a certificate.
    pub(crate) fn start_with_certificate(config: Config, shown: Arc<Certificate>) -> TestServer {
        TestServer::launch(Server::bind(config, Given::default()).unwrap(), None, Some(shown))
    }

    /// Starts a server beside other services.
    pub(crate) fn start_beside(config: Config, others: Vec<Arc<dyn Companion>>) -> TestServer {
        let bound = Server::bind(config, Given::default()).unwrap().accompanied_by(others);
        TestServer::launch(bound, None, None)
    }

    /// Starts a server.
    fn launch(
        bound: Bound,
        beyond: Option<Arc<dyn Beyond>>,
        certificate: Option<Arc<Certificate>>,
    ) -> TestServer {
        let runtime = Runtime::new().unwrap();
        let handover = if beyond.is_some() { Handover::Offer } else { Handover::Refuse };
        let zones = zones().with_identity(Identity { handover, ..Identity::default() });
        let zones = Arc::new(ArcSwap::from_pointee(zones));
        let board = Arc::new(StatusBoard::new());
        board.report(ZoneStatus {
            health: ZoneHealth::Serving,
            ..ZoneStatus::loading(apex(), ZoneIndex(0))
        });
        let parts = Parts {
            zones: Arc::clone(&zones),
            board: Arc::clone(&board),
            reload: Arc::new(Unchanged),
            runtime: runtime.handle().clone(),
            beyond,
            certificate,
        };
        let running = bound.start(parts).unwrap();
        TestServer { running: Some(running), runtime, board, zones }
    }

    /// The server.
    pub(crate) fn running(&self) -> &Running {
        self.running.as_ref().expect("it was not stopped")
    }

    /// Its first address.
    pub(crate) fn address(&self) -> SocketAddr {
        self.running().udp_addresses()[0]
    }

    /// Stops it and waits until it has.
    pub(crate) fn stop(&mut self) {
        if let Some(running) = self.running.take() {
            self.runtime.block_on(running.stop());
        }
    }

    /// Connects by TCP; reading fails the test if nothing comes for long.
    pub(crate) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.running().tcp_addresses()[0]).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    /// Sends bytes to the pages and returns all that comes back.
    pub(crate) fn http(&self, request: &[u8]) -> String {
        let mut stream = TcpStream::connect(self.running().http_address().unwrap()).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        // A server that has heard enough closes, and the rest of our words finds no ear.
        let _ = stream.write_all(request);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        String::from_utf8(answer).unwrap()
    }

    /// Gets a page: its status line and its body.
    pub(crate) fn page(&self, path: &str) -> (String, String) {
        let answer = self.http(format!("GET {path} HTTP/1.1\r\nHost: test\r\n\r\n").as_bytes());
        let (head, body) = answer.split_once("\r\n\r\n").expect("a whole answer");
        (head.lines().next().unwrap().to_owned(), body.to_owned())
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        self.stop();
    }
}

/// An owner of zones whose sources never change.
pub(crate) struct Unchanged;

impl Reload for Unchanged {
    fn reload(&self, zone: Option<&Name>) -> Result<Reloads, String> {
        match zone {
            Some(other) if *other != apex() => Err(format!("zone `{other}` is not configured")),
            _ => {
                let outcome = repute_nameserver::control::Outcome::Unchanged;
                let zone = Reloaded { zone: apex().to_string(), outcome };
                Ok(Reloads { zones: vec![zone], ..Reloads::default() })
            }
        }
    }
}

/// A UDP socket that speaks to one address only.
pub(crate) fn client(server: SocketAddr) -> UdpSocket {
    let any: SocketAddr = match server {
        SocketAddr::V4(_) => ([0, 0, 0, 0], 0).into(),
        SocketAddr::V6(_) => ([0_u16; 8], 0).into(),
    };
    let socket = UdpSocket::bind(any).unwrap();
    socket.connect(server).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket
}

/// Receives a datagram. A time limit makes the kernel end the call when the machine was halted and goes on
/// (signal(7)), which is no fault of anybody: it is called again.
pub(crate) fn receive(socket: &UdpSocket, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        match socket.recv(buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            received => return received,
        }
    }
}

/// A query with an id.
pub(crate) fn query(id: u16, name: &str, qtype: u16) -> Vec<u8> {
    let mut query = id.to_be_bytes().to_vec();
    query.extend_from_slice(&[1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
    query.extend_from_slice(name.parse::<Name>().unwrap().as_wire());
    query.extend_from_slice(&qtype.to_be_bytes());
    query.extend_from_slice(&[0, 1]);
    query
}

/// The same behind its length, as it goes by TCP.
pub(crate) fn framed(message: &[u8]) -> Vec<u8> {
    let length = u16::try_from(message.len()).unwrap();
    [&length.to_be_bytes(), message].concat()
}

/// Reads one message from a TCP connection.
pub(crate) fn read_message(stream: &mut TcpStream) -> Vec<u8> {
    let mut length = [0; 2];
    stream.read_exact(&mut length).unwrap();
    let mut message = vec![0; usize::from(u16::from_be_bytes(length))];
    stream.read_exact(&mut message).unwrap();
    message
}

/// Whether the other side has closed: reading ends or fails, and brings nothing.
pub(crate) fn is_closed(stream: &mut TcpStream) -> bool {
    match stream.read_exact(&mut [0; 1]) {
        Ok(()) => false,
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => true,
        Err(error) => error.kind() == std::io::ErrorKind::ConnectionReset,
    }
}

/// Id, response code and number of answers of a message.
pub(crate) fn gist(message: &[u8]) -> (u16, u8, u16) {
    let number = |at: usize| u16::from_be_bytes([message[at], message[at + 1]]);
    assert_eq!(message[2] & 0x80, 0x80, "a response");
    (number(0), message[3] & 15, number(6))
}

/// The list's name.
pub(crate) fn apex() -> Name {
    "bl.example".parse().unwrap()
}

/// What is served.
fn zones() -> Zones {
    let dataset = dataset(DatasetKind::Ip4set, LIST, &ReadOptions::default());
    let zone = Zone::new(block_list("bl.example", vec![dataset]));
    let state = ZoneState::Serving(Arc::new(zone));
    Zones::new(Identity::default()).with(&apex(), ZoneIndex(0), state, Serving::default())
}

/// How long a test waits for what must come.
const PATIENCE: Duration = Duration::from_secs(20);
/// A question for an address.
pub(crate) const A: u16 = 1;
/// "Not listed".
pub(crate) const NXDOMAIN: u8 = 3;

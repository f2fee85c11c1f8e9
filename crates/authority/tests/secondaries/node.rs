//! A name server on a free port of loopback with one zone, zone.test.

use std::net::{SocketAddr, UdpSocket};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use arc_swap::ArcSwap;
use repute_authority::incoming::{self, Bounds, Outlet, Secondary};
use repute_authority::keys::{Algorithm, Key, Keys};
use repute_authority::signature::Asker;
use repute_authority::store::{Limits, Store};
use repute_authority::{Authority, Config};
use repute_dnsxl::Name;
use repute_nameserver::Live;
use repute_nameserver::control::{Reload, Reloads};
use repute_nameserver::http;
use repute_nameserver::listen::{self, Address, Given};
use repute_nameserver::server::{self, Parts, Running, Server};
use repute_nameserver::status::{StatusBoard, ZoneStatus};
use repute_nameserver::{Handover, Identity, ZoneIndex, Zones};
use tokio::runtime::Runtime;

/// A name server with one zone.
pub(crate) struct Node {
    running: Option<Running>,
    runtime: Runtime,
    pub(crate) authority: Arc<Authority>,
    pub(crate) store: Arc<Store>,
    board: Arc<StatusBoard>,
    pub(crate) live: Live,
}

impl Node {
    /// Starts one with its store in a folder.
    pub(crate) fn start(folder: &Path, config: impl FnOnce(&Live) -> Config) -> Node {
        let runtime = Runtime::new().expect("a runtime");
        let (board, live) = (Arc::new(StatusBoard::new()), Live::default());
        let identity = Identity { handover: Handover::Offer, ..Identity::default() };
        let served = [(apex(), ZoneIndex(0), Arc::clone(&live))];
        let zones = Arc::new(ArcSwap::from_pointee(Zones::new(identity).with_records(served)));
        let store = Store::open(&folder.join("zones.redb"), Limits::default());
        let store = Arc::new(store.expect("a store"));
        let (shared, own) = (Arc::clone(&zones), Arc::clone(&store));
        let started = Authority::start(config(&live), shared, &board, own, runtime.handle());
        let authority = started.expect("started");
        let parts = Parts {
            zones,
            board: Arc::clone(&board),
            reload: Arc::new(Unchanged),
            runtime: runtime.handle().clone(),
            beyond: Some(Arc::clone(&authority) as _),
            certificate: None,
        };
        let listen = listen::Config {
            addresses: vec![Address::required(SocketAddr::from(([127, 0, 0, 1], 0)))],
            ..listen::Config::default()
        };
        let http = http::Config { address: None, ..http::Config::default() };
        let config = server::Config { listen, http, ..server::Config::default() };
        let bound = Server::bind(config, Given::default());
        let running = Some(bound.expect("free ports").start(parts).expect("started"));
        Node { running, runtime, authority, store, board, live }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.running.as_ref().expect("it was not stopped").udp_addresses()[0]
    }

    /// The serial that is served.
    pub(crate) fn serial(&self) -> Option<u32> {
        self.live.load().as_ref().map(|zone| zone.serial())
    }

    pub(crate) fn status(&self) -> ZoneStatus {
        self.board.zone(ZoneIndex(0)).expect("reported")
    }
}

/// Sends a datagram; the response code.
pub(crate) fn ask(address: SocketAddr, message: &[u8]) -> u8 {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    socket.set_read_timeout(Some(PATIENCE)).expect("set");
    socket.send_to(message, address).expect("sent");
    let mut answer = [0; 4096];
    socket.recv(&mut answer).expect("an answer");
    answer[3] & 15
}

/// Adds a name to the zone of a server by a signed update.
pub(crate) fn add(address: SocketAddr, id: u8, label: &str) {
    let owner = name(&format!("{label}.zone.test"));
    let mut message = [
        &[0, id, 0x28, 0, 0, 1, 0, 0, 0, 1, 0, 0][..],
        apex().as_wire(),
        &[0, 6, 0, 1],
        owner.as_wire(),
        &[0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, id],
    ]
    .concat();
    let keys = keys();
    Asker::sign(keys.get(&name("k.test")).expect("the key"), &mut message, now());
    assert_eq!(ask(address, &message), 0);
}

impl Drop for Node {
    fn drop(&mut self) {
        if let Some(running) = self.running.take() {
            self.runtime.block_on(running.stop());
        }
    }
}

/// Nothing is loaded here.
struct Unchanged;

impl Reload for Unchanged {
    fn reload(&self, _zone: Option<&Name>) -> Result<Reloads, String> {
        Ok(Reloads::default())
    }
}

pub(crate) fn name(text: &str) -> Name {
    text.parse().expect("a name")
}

pub(crate) fn apex() -> Name {
    name("zone.test")
}

pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs()
}

pub(crate) fn keys() -> Keys {
    let secret = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    [Key::new(name("k.test"), Algorithm::Sha256, secret).expect("a key")].into_iter().collect()
}

/// A secondary of primaries.
pub(crate) fn secondary(live: &Live, primaries: &[String], bounds: Bounds) -> Config {
    let secondary = Secondary {
        apex: apex(),
        index: ZoneIndex(0),
        outlet: Outlet::Records(Arc::clone(live)),
        primaries: primaries.iter().map(|text| text.parse().expect("a target")).collect(),
        limits: incoming::Limits::default(),
        bounds,
    };
    Config { keys: keys(), secondaries: vec![secondary], ..Config::default() }
}

/// Waits until something is so.
pub(crate) fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < PATIENCE, "never: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// How long to wait for what must come.
const PATIENCE: Duration = Duration::from_secs(60);

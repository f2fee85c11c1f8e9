//! Two name servers on free ports of loopback, one the primary of the other: what is taken over, told, kept over a start,
//! and lost in the end.

use std::net::{SocketAddr, UdpSocket};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use arc_swap::ArcSwap;
use repute_authority::incoming::{self, Bounds, Secondary};
use repute_authority::keys::{Algorithm, Key, Keys};
use repute_authority::notify::Target;
use repute_authority::signature::Asker;
use repute_authority::store::{Limits, Live, Store};
use repute_authority::transfer::Rule;
use repute_authority::transfer::access::Access;
use repute_authority::update::{Permit, Role, Serials};
use repute_authority::{Authority, Config, ZoneConfig};
use repute_dnsxl::Name;
use repute_nameserver::control::{Reload, Reloads};
use repute_nameserver::http;
use repute_nameserver::listen::{self, Address, Given};
use repute_nameserver::server::{self, Parts, Running, Server};
use repute_nameserver::status::{StatusBoard, ZoneHealth, ZoneStatus};
use repute_nameserver::{Handover, Identity, ZoneIndex, Zones};
use repute_records::master;
use repute_records::update::Grant;
use tokio::runtime::Runtime;

/// A name server with one zone.
struct Node {
    running: Option<Running>,
    runtime: Runtime,
    authority: Arc<Authority>,
    store: Arc<Store>,
    board: Arc<StatusBoard>,
    live: Live,
}

impl Node {
    /// Starts one with its store in a folder.
    fn start(folder: &Path, config: impl FnOnce(&Live) -> Config) -> Node {
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

    fn address(&self) -> SocketAddr {
        self.running.as_ref().expect("it was not stopped").udp_addresses()[0]
    }

    /// The serial that is served.
    fn serial(&self) -> Option<u32> {
        self.live.load().as_ref().map(|zone| zone.serial())
    }

    fn status(&self) -> ZoneStatus {
        self.board.zone(ZoneIndex(0)).expect("reported")
    }

    /// Sends a datagram; the response code.
    fn ask(&self, message: &[u8]) -> u8 {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        socket.set_read_timeout(Some(PATIENCE)).expect("set");
        socket.send_to(message, self.address()).expect("sent");
        let mut answer = [0; 4096];
        socket.recv(&mut answer).expect("an answer");
        answer[3] & 15
    }

    /// Adds a name by a signed update.
    fn add(&self, id: u8, label: &str) {
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
        assert_eq!(self.ask(&message), 0);
    }
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

fn name(text: &str) -> Name {
    text.parse().expect("a name")
}

fn apex() -> Name {
    name("zone.test")
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs()
}

fn keys() -> Keys {
    let secret = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    [Key::new(name("k.test"), Algorithm::Sha256, secret).expect("a key")].into_iter().collect()
}

/// A primary whose zone is given to those with the key, and that tells some.
fn primary(live: &Live, notify: Vec<Target>) -> Config {
    let text = "@ 60 SOA ns hostmaster 7 1 1 2 4\n@ 60 NS ns\nns 60 A 192.0.2.1\n";
    let records = master::read_lines(&apex(), text).records;
    let permit = Permit {
        key: name("k.test"),
        grants: vec![Grant { names: vec![], types: vec![] }],
        from: vec!["127.0.0.0/8".parse().expect("a network")],
    };
    let zone = ZoneConfig {
        apex: apex(),
        index: ZoneIndex(0),
        live: Arc::clone(live),
        role: Role::Dynamic { permits: vec![permit], serials: Serials::Count },
        seed: Ok(records.into_iter().map(|placed| placed.record).collect()),
    };
    let access = Access::new(vec!["key k.test".parse().expect("an entry")]);
    let rule = Rule { access, notify, most: 1000 };
    let transfers = [(apex(), rule)].into_iter().collect();
    Config { keys: keys(), zones: vec![zone], transfers, ..Config::default() }
}

/// A secondary of primaries.
fn secondary(live: &Live, primaries: &[String], bounds: Bounds) -> Config {
    let secondary = Secondary {
        apex: apex(),
        index: ZoneIndex(0),
        live: Arc::clone(live),
        primaries: primaries.iter().map(|text| text.parse().expect("a target")).collect(),
        limits: incoming::Limits::default(),
        bounds,
    };
    Config { keys: keys(), secondaries: vec![secondary], ..Config::default() }
}

/// Waits until something is so.
fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < PATIENCE, "never: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// An address of loopback where nobody is.
fn nobody() -> SocketAddr {
    let socket = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    socket.local_addr().expect("its address")
}

/// A NOTIFY of a zone.
fn notify(apex: &str) -> Vec<u8> {
    let apex = name(apex);
    [&[0, 9, 0x24, 0, 0, 1, 0, 0, 0, 0, 0, 0][..], apex.as_wire(), &[0, 6, 0, 1]].concat()
}

#[test]
fn a_zone_is_followed_kept_over_a_start_and_lost_when_it_expires() {
    let (first, second) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir());
    let second = second.expect("a folder");
    let source = Node::start(first.path(), |live| primary(live, Vec::new()));
    // The first that is asked is not there.
    let primaries = [nobody().to_string(), format!("{} key k.test", source.address())];
    let node = Node::start(second.path(), |live| secondary(live, &primaries, Bounds::default()));
    until("all of it comes", || node.serial() == Some(7));
    until("it is reported", || node.status().health == ZoneHealth::Serving);
    assert_eq!(node.live.load_full(), source.live.load_full());
    // Its refresh is a minute away, so only word of a change brings that in time.
    let told = vec![node.address().to_string().parse().expect("a target")];
    source.authority.configure(primary(&source.live, told)).expect("configured");
    for (id, label) in [(1, "a"), (2, "b"), (3, "c")] {
        source.add(id, label);
        let serial = 7 + u32::from(id);
        until("what changed comes", || node.serial() == Some(serial));
    }
    assert_eq!(node.live.load_full(), source.live.load_full());
    let steps = node.store.since(&apex(), 7).expect("read").expect("known");
    assert_eq!(steps, source.store.since(&apex(), 7).expect("read").expect("known"));
    until("each is counted", || node.status().reloads_ok >= 4);
    assert_eq!(node.ask(&notify("other.test")), 5, "REFUSED");
    assert_eq!(source.ask(&notify("zone.test")), 5, "nobody is its primary");
    drop((node, source));
    // What is on the disk is served at a start, though nobody is there, until it expires.
    let node = Node::start(second.path(), |live| secondary(live, &primaries, Bounds::default()));
    assert_eq!(node.serial(), Some(10));
    until("it is stale", || node.status().health == ZoneHealth::Stale);
    let why = node.status().last_error.expect("why");
    assert!(why.contains("see that it runs"), "{why}");
    assert_eq!(node.serial(), Some(10));
    let short = Bounds { refresh: (1, 1), retry: (1, 1), expire: (2, 2) };
    node.authority.configure(secondary(&node.live, &primaries, short)).expect("configured");
    until("it expires", || node.serial().is_none());
    until("that is told", || node.status().health == ZoneHealth::Failed);
    let source = Node::start(first.path(), |live| primary(live, Vec::new()));
    let primaries = [format!("{} key k.test", source.address())];
    node.authority.configure(secondary(&node.live, &primaries, short)).expect("configured");
    until("it is there again", || node.serial() == Some(10));
}

#[test]
fn why_a_zone_does_not_come_is_told() {
    let (first, second) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir());
    let second = second.expect("a folder");
    let source = Node::start(first.path(), |live| primary(live, Vec::new()));
    let address = source.address();
    let node = Node::start(second.path(), |live| {
        secondary(live, &[address.to_string()], Bounds::default())
    });
    let told = |word: &str| {
        until(word, || node.status().last_error.is_some_and(|why| why.contains(word)));
        let status = node.status();
        assert_eq!((status.health, node.serial()), (ZoneHealth::Failed, None));
    };
    told("allow-transfer");
    let again = |primaries: &[String]| {
        let config = secondary(&node.live, primaries, Bounds::default());
        node.authority.configure(config).expect("configured");
    };
    again(&[format!("{address} key other.test")]);
    told("key other.test is not known");
    again(&[]);
    told("no primary is configured");
    // Not followed any more, it is not served; followed again, all of it comes.
    again(&[format!("{address} key k.test")]);
    until("it comes", || node.serial() == Some(7));
    node.authority.configure(Config { keys: keys(), ..Config::default() }).expect("configured");
    assert_eq!(node.serial(), None);
    assert_eq!(node.ask(&notify("zone.test")), 5, "REFUSED");
}

/// How long to wait for what must come.
const PATIENCE: Duration = Duration::from_secs(60);

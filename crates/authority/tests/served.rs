//! A name server with zones of its own, on free ports of loopback: updates and signed queries over both transports,
//! what is served and reported afterwards, and a second start.

#[path = "fixture/node.rs"]
#[expect(dead_code, reason = "shared with tests that need more of it")]
mod node;

use std::net::UdpSocket;
use std::path::Path;
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};

use node::{Node, PATIENCE, key, keys, name, now, udp};
use repute_authority::keys::{Algorithm, Key, Keys};
use repute_authority::signature::{Asker, Distrust};
use repute_authority::store::{Limits, Store, StoreError};
use repute_authority::update::{Permit, Role, Serials};
use repute_authority::{Config, ZoneConfig};
use repute_nameserver::status::ZoneHealth;
use repute_nameserver::{Live, ZoneIndex};
use repute_records::update::Grant;
use repute_records::{Record, Zone, master};

/// Records of the zone's file.
fn seed(address: &str) -> Vec<Record> {
    let text = format!("@ 60 SOA ns hostmaster 1 2 3 4 5\n@ 60 NS ns\nns 60 A {address}\n");
    let placed = master::read_lines(&name("dyn.test"), &text).records;
    placed.into_iter().map(|placed| placed.record).collect()
}

/// A zone of a configuration: its name, its number, its place, and its records.
type Own<'l> = (&'static str, u16, &'l Live, Result<Vec<Record>, String>);

/// Why a zone has no records.
fn lost() -> Result<Vec<Record>, String> {
    Err("cannot read lost.zone".to_owned())
}

/// Zones that the key may change.
fn config(keys: Keys, zones: &[Own<'_>]) -> Config {
    let permit = Permit {
        key: name("k.test"),
        grants: vec![Grant { names: vec![], types: vec![] }],
        from: vec!["127.0.0.0/8".parse().expect("a network")],
    };
    let role = Role::Dynamic { permits: vec![permit], serials: Serials::Count };
    let zone = |(apex, index, live, seed): &Own<'_>| ZoneConfig {
        apex: name(apex),
        index: ZoneIndex(*index),
        live: Arc::clone(live),
        role: role.clone(),
        seed: seed.clone(),
    };
    Config { keys, zones: zones.iter().map(zone).collect(), ..Config::default() }
}

/// Starts a server with two zones, one of which has no file, and its store in a folder.
fn start(folder: &Path, seed: Vec<Record>) -> Node {
    Node::start_of(&name("dyn.test"), folder, |live| {
        let lost_live = Live::default();
        config(keys(), &[("dyn.test", 0, live, Ok(seed)), ("lost.test", 1, &lost_live, lost())])
    })
}

/// Sends a signed update that adds an address; the response code.
fn update(server: &Node, id: u16, zone: &str, owner: &str) -> u8 {
    let mut message = add(id, zone, owner);
    let mut asker = Asker::sign(&key(), &mut message, now());
    asker.verify(&udp(server.address(), &message), now()).expect("signed")[3]
}

/// What is served.
fn served(server: &Node) -> Arc<Zone> {
    server.live.load_full().expect("served")
}

/// An update of a zone that adds an address at a name.
fn add(id: u16, zone: &str, owner: &str) -> Vec<u8> {
    let (zone, owner) = (name(zone), name(owner));
    [
        &id.to_be_bytes()[..],
        &[0x28, 0, 0, 1, 0, 0, 0, 1, 0, 0],
        zone.as_wire(),
        &[0, 6, 0, 1],
        owner.as_wire(),
        &[0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 7],
    ]
    .concat()
}

/// A query.
fn query(id: u16, owner: &str, qtype: u8) -> Vec<u8> {
    [
        &id.to_be_bytes()[..],
        &[1, 0, 0, 1, 0, 0, 0, 0, 0, 0],
        name(owner).as_wire(),
        &[0, qtype, 0, 1],
    ]
    .concat()
}

#[test]
fn updates_come_over_both_transports_and_stay_over_a_restart() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = start(folder.path(), seed("192.0.2.1"));
    assert_eq!((served(&server).serial(), served(&server).len()), (1, 3));
    let mut by_udp = add(1, "dyn.test", "u.dyn.test");
    let mut asker = Asker::sign(&key(), &mut by_udp, now());
    let answer = asker.verify(&udp(server.address(), &by_udp), now()).expect("signed");
    assert_eq!((&answer[..2], answer[2], answer[3]), (&[0, 1][..], 0xa8, 0));
    let mut by_tcp = add(2, "dyn.test", "t.dyn.test");
    let mut asker = Asker::sign(&key(), &mut by_tcp, now());
    let answers =
        server.tcp(&[&by_tcp, &add(3, "dyn.test", "n.dyn.test"), &query(4, "dyn.test", 252)]);
    assert_eq!(asker.verify(&answers[0], now()).expect("signed")[3], 0);
    assert_eq!(answers[1][3], 5, "not signed: REFUSED");
    assert_eq!(answers[2][3], 5, "a transfer without a key: REFUSED");
    let zone = served(&server);
    assert_eq!((zone.serial(), zone.len()), (3, 5));
    assert_eq!(server.authority.snapshot(&name("dyn.test")).as_deref(), Some(&*zone));
    let told = server.board.zone(ZoneIndex(0)).expect("reported");
    assert_eq!((told.health, told.serial, told.entries), (ZoneHealth::Serving, 3, 5));
    let lost = server.board.zone(ZoneIndex(1)).expect("reported");
    assert_eq!(lost.health, ZoneHealth::Failed);
    assert_eq!(lost.last_error.as_deref(), Some("cannot read lost.zone"));
    let mut nowhere = add(5, "lost.test", "x.lost.test");
    let mut asker = Asker::sign(&key(), &mut nowhere, now());
    assert_eq!(
        asker.verify(&udp(server.address(), &nowhere), now()).expect("signed")[3],
        2,
        "SERVFAIL"
    );
    let first = server.store.seed(&name("dyn.test"));
    drop(server);
    // What the file says now counts for nothing, but that it was changed is noted, so that it is told once.
    let mut noted = Vec::new();
    for _ in 0..2 {
        let server = start(folder.path(), seed("192.0.2.99"));
        noted.push(server.store.seed(&name("dyn.test")));
        assert_eq!(*served(&server), *zone);
        assert_eq!(udp(server.address(), &by_udp)[3], 0, "a copy is answered as before");
        assert_eq!(served(&server).serial(), 3);
    }
    assert!(noted[0] == noted[1] && noted[0] != first, "{first:?}, {noted:?}");
}

#[test]
fn what_is_signed_is_answered_signed_and_what_is_wrong_is_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = start(folder.path(), seed("192.0.2.1"));
    let mut plain = query(1, "elsewhere.test", 1);
    let mut asker = Asker::sign(&key(), &mut plain, now());
    let answer = asker.verify(&udp(server.address(), &plain), now()).expect("signed");
    assert_eq!((answer[2] & 0x80, answer[3] & 15), (0x80, 5));
    let mut plain = query(1, "elsewhere.test", 1);
    let mut asker = Asker::sign(&key(), &mut plain, now());
    let answer = asker.verify(&server.tcp(&[&plain])[0], now()).expect("signed");
    assert_eq!((answer[2] & 0x80, answer[3] & 15), (0x80, 5));
    let mut late = query(2, "elsewhere.test", 1);
    let mut asker = Asker::sign(&key(), &mut late, now() - 1000);
    assert_eq!(
        asker.verify(&udp(server.address(), &late), now() - 1000),
        Err(Distrust::Told(18)),
        "BADTIME"
    );
    let other = Key::new(
        name("other.test"),
        Algorithm::Sha256,
        "BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBA=",
    );
    let mut unknown = query(3, "elsewhere.test", 1);
    let mut asker = Asker::sign(&Arc::new(other.expect("a key")), &mut unknown, now());
    assert_eq!(
        asker.verify(&udp(server.address(), &unknown), now()),
        Err(Distrust::Told(17)),
        "BADKEY"
    );
    // NOTIFY for a zone that is not followed.
    let mut notify = query(4, "dyn.test", 6);
    notify[2] = 0x20;
    assert_eq!(udp(server.address(), &notify)[3], 5, "REFUSED");
    let mut asker = Asker::sign(&key(), &mut notify, now());
    assert_eq!(
        asker.verify(&udp(server.address(), &notify), now()).expect("signed")[3],
        5,
        "REFUSED"
    );
    assert_eq!(server.authority.dropped(), 0);
}

#[test]
fn nobody_else_waits_for_the_disk() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = start(folder.path(), seed("192.0.2.1"));
    // The disk takes its time: until the test lets it go on.
    let ((go, held), (begun, wait)) = (channel::<()>(), channel());
    let held = Mutex::new(held);
    let slow = server.store.turn(move |_| {
        begun.send(()).expect("heard");
        Ok(held.lock().expect("not poisoned").recv().is_err())
    });
    wait.recv().expect("it begins");
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    socket.connect(server.address()).expect("connected");
    socket.set_read_timeout(Some(PATIENCE)).expect("set");
    let mut message = add(1, "dyn.test", "a.dyn.test");
    let mut asker = Asker::sign(&key(), &mut message, now());
    // Its client loses patience, and sends the same again.
    for _ in 0..3 {
        socket.send(&message).expect("sent");
    }
    let mut other = query(2, "elsewhere.test", 1);
    let mut asks = Asker::sign(&key(), &mut other, now());
    assert_eq!(asks.verify(&udp(server.address(), &other), now()).expect("signed")[3] & 15, 5);
    assert_eq!(udp(server.address(), &query(3, "elsewhere.test", 1))[3] & 15, 5);
    assert_eq!(served(&server).serial(), 1, "nothing is served that is not on the disk");
    drop(go);
    assert_eq!(slow.wait(), Ok(true));
    let mut answer = [0; 512];
    let len = socket.recv(&mut answer).expect("an answer");
    assert_eq!(asker.verify(&answer[..len], now()).expect("signed")[3], 0);
    assert_eq!(update(&server, 4, "dyn.test", "b.dyn.test"), 0);
    assert_eq!(served(&server).serial(), 3, "each was done once");
}

#[test]
fn another_configuration_takes_the_place_of_the_first() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = start(folder.path(), seed("192.0.2.1"));
    assert_eq!(update(&server, 1, "dyn.test", "a.dyn.test"), 0);
    let (first, new) = (served(&server), Live::default());
    let text = "@ 60 SOA ns hostmaster 7 2 3 4 5\n@ 60 NS ns.dyn.test.\n";
    let records = master::read_lines(&name("new.test"), text).records;
    let records = Ok(records.into_iter().map(|placed| placed.record).collect());
    let next = config(keys(), &[("new.test", 2, &new, records)]);
    server.authority.configure(next).expect("configured");
    assert!(server.live.load().is_none(), "not configured, and not served");
    assert_eq!(update(&server, 2, "dyn.test", "b.dyn.test"), 9, "NOTAUTH");
    assert_eq!(update(&server, 3, "new.test", "b.new.test"), 0);
    assert_eq!(new.load_full().expect("served").serial(), 8);
    assert_eq!(server.board.zone(ZoneIndex(2)).expect("reported").serial, 8);
    // It is there again as it was, whatever its file says.
    let again = config(Keys::default(), &[("dyn.test", 3, &server.live, lost())]);
    server.authority.configure(again).expect("configured");
    assert_eq!(*served(&server), *first);
    assert!(new.load().is_none());
    let mut message = add(4, "dyn.test", "c.dyn.test");
    let mut asker = Asker::sign(&key(), &mut message, now());
    let refused = asker.verify(&udp(server.address(), &message), now());
    assert_eq!(refused, Err(Distrust::Told(17)), "the key is gone: BADKEY");
}

#[test]
fn a_store_in_use_is_told_to_whoever_starts_second() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = start(folder.path(), seed("192.0.2.1"));
    let second = Store::open(&folder.path().join("zones.redb"), Limits::default());
    assert!(matches!(second, Err(StoreError::Locked { .. })), "{second:?}");
    drop(server);
}

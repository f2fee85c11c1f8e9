//! Two name servers on free ports of loopback, one the primary of the other: what is taken over, told, kept over a start,
//! and lost in the end.

#[path = "fixture/node.rs"]
#[expect(dead_code, reason = "shared with tests that need more of it")]
mod node;

use std::net::SocketAddr;
use std::sync::Arc;

use node::{Node, add, apex, ask, keys, name, secondary, until};
use repute_authority::incoming::Bounds;
use repute_authority::notify::Target;
use repute_authority::transfer::Rule;
use repute_authority::transfer::access::Access;
use repute_authority::update::{Permit, Role, Serials};
use repute_authority::{Config, ZoneConfig};
use repute_nameserver::Live;
use repute_nameserver::ZoneIndex;
use repute_nameserver::status::ZoneHealth;
use repute_records::master;
use repute_records::update::Grant;

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
        add(source.address(), id, label);
        let serial = 7 + u32::from(id);
        until("what changed comes", || node.serial() == Some(serial));
    }
    assert_eq!(node.live.load_full(), source.live.load_full());
    let steps = node.store.since(&apex(), 7).expect("read").expect("known");
    assert_eq!(steps, source.store.since(&apex(), 7).expect("read").expect("known"));
    until("each is counted", || node.status().reloads_ok >= 4);
    assert_eq!(ask(node.address(), &notify("other.test")), 5, "REFUSED");
    assert_eq!(ask(source.address(), &notify("zone.test")), 5, "nobody is its primary");
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
    assert_eq!(ask(node.address(), &notify("zone.test")), 5, "REFUSED");
}

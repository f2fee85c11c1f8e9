//! No packet makes us panic, and whatever we answer is a message: counts right, nothing behind it, no
//! longer than the client takes.

#[path = "../../zone/tests/fixture/list.rs"]
mod list;
#[path = "../../zone/tests/fuzz/mutation.rs"]
mod mutation;

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use list::block_list;
use mutation::{Mutation, mutate, time};
use repute_nameserver::cookie::Cookies;
use repute_nameserver::{
    Client, Handover, Identity, Live, Outcome, Queries, ReplyBuffer, Request, Serving, Transport,
    ZoneIndex, ZoneState, Zones, respond, respond_batch,
};
use repute_zone::format::ReadOptions;
use repute_zone::{Dataset, DatasetKind, Dialect, Link, Soa, TagKey, Zone, ZoneSpec};

const PACKETS: [&[u8]; 16] = [
    b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x011\x012\x013\x014\x02bl\x07example\x00\x00\x01\x00\x01",
    b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x01\x011\x012\x013\x014\x02bl\x07example\x00\x00\x10\x00\x01\
      \x00\x00\x29\x04\xd0\x00\x00\x80\x00\x00\x04\x00\x03\x00\x00",
    b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x01\x02bl\x07example\x00\x00\xff\x00\x01\
      \x00\x00\x29\x10\x00\x00\x00\x00\x00\x00\x00",
    b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x07version\x04bind\x00\x00\x10\x00\x03",
    b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x03Www\x03bad\x02BL\x07example\x00\x00\x10\x00\x01",
    b"\x12\x34\x00\x00\x00\x01\x00\x01\x00\x01\x00\x00\x011\x010\x010\x012\x02bl\x07example\x00\x00\x06\x00\x01\
      \xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x00\x00\x04\x01\x02\x03\x04\xc0\x0c\x00\x02\x00\x01\x00\x00\x00\x00\x00\x02\xc0\x0c",
    // Signed, the name of the key whole and compressed; the latter behind OPT.
    b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x01\x011\x012\x013\x014\x02bl\x07example\x00\x00\x01\x00\x01\
      \x03key\x00\x00\xfa\x00\xff\x00\x00\x00\x00\x00\x21\x0bhmac-sha256\x00\x00\x00\x65\x00\x00\x00\x01\x2c\
      \x00\x04abcd\x12\x34\x00\x00\x00\x00",
    b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x02\x02bl\x07example\x00\x00\xfc\x00\x01\
      \x00\x00\x29\x10\x00\x00\x00\x00\x00\x00\x00\
      \x03key\xc0\x0f\x00\xfa\x00\xff\x00\x00\x00\x00\x00\x1d\x0bhmac-sha512\x00\x00\x00\x65\x00\x00\x00\x01\x2c\
      \x00\x00\x12\x34\x00\x00\x00\x00",
    // Names of the ordinary zone: of aliases, of what is delegated or renamed, of many addresses.
    b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x01\x01q\x05other\x07example\x00\x00\x01\x00\x01\
      \x00\x00\x29\x10\x00\x00\x00\x00\x00\x00\x00",
    b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x01q\x03bad\x07example\x00\x00\x2b\x00\x01",
    b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x04loop\x07example\x00\x00\x01\x00\x01",
    b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x01a\x01b\x01c\x07example\x00\x00\xff\x00\x01",
    // With half a cookie, with a whole one of ours, and without a question.
    b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x01\x011\x012\x013\x014\x02bl\x07example\x00\x00\x10\x00\x01\
      \x00\x00\x29\x04\xd0\x00\x00\x80\x00\x00\x0c\x00\x0a\x00\x0812345678",
    b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x01\x011\x012\x013\x014\x02bl\x07example\x00\x00\x01\x00\x01\
      \x00\x00\x29\x04\xd0\x00\x00\x80\x00\x00\x1c\x00\x0a\x00\x1812345678\x01\x00\x00\x00\x00\x00\x03\xe7\
      \xc9\xc9\xc9\xc9\xc9\xc9\xc9\xc9",
    b"\x12\x34\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x29\x04\xd0\x00\x00\x80\x00\x00\x0c\x00\x0a\x00\x0812345678",
    // An update.
    b"\x12\x34\x28\x00\x00\x01\x00\x00\x00\x01\x00\x00\x02bl\x07example\x00\x00\x06\x00\x01\
      \xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04\x01\x02\x03\x04",
];

fn dataset(kind: DatasetKind, text: &str) -> Arc<Dataset> {
    list::dataset(kind, text, &ReadOptions::default())
}

fn zones(dialect: Dialect) -> Zones {
    let name = |text: &str| text.parse().expect("a name");
    let many: String =
        (2..90).map(|i| format!("1.2.3.4 :{i}:{} $\n", "long ".repeat(30))).collect();
    let soa = Soa {
        ttl: 60,
        origin: name("ns1.bl.example"),
        person: name("hm.bl.example"),
        serial: 1,
        refresh: 1,
        retry: 1,
        expire: 1,
        minimum: 1,
    };
    let datasets = vec![
        dataset(DatasetKind::Ip4set, &format!("{many}4.3.2.1 :2:$\n")),
        dataset(DatasetKind::Ip6trie, "2001:db8::/32 :3:$\n"),
        dataset(DatasetKind::Dnset, ".bad :4:$\n"),
        dataset(DatasetKind::Generic, "ns1 A 192.0.2.1\n@ MX 10 mail.example\n@ TXT hello\n"),
    ];
    let zone = Zone::new(ZoneSpec {
        dialect,
        soa: Some(soa),
        name_servers: Some((60, vec![name("ns1.bl.example"), name("ns2.bl.example")])),
        test_entries: true,
        ..block_list("bl.example", datasets)
    });
    let serving = Serving {
        acl: Some(dataset(DatasetKind::Acl, "192.0.2.66 :127.0.0.9:you $\n")),
        key_acl: None,
        name_servers_in_answers: dialect == Dialect::Rbldnsd,
        is_private: false,
    };
    let identity = Identity {
        version: Some("1".repeat(300)),
        server_id: Some("id".repeat(200)),
        dialect,
        ..Identity::default()
    };
    let zones = Zones::new(identity).with(
        &name("bl.example"),
        ZoneIndex(0),
        ZoneState::Serving(Arc::new(zone)),
        serving,
    );
    zones.with_records([(name("example"), ZoneIndex(1), records())])
}

/// An ordinary zone around the list, with all that sends elsewhere.
fn records() -> Live {
    let text = "$TTL 60\n@ SOA ns hm 1 2 3 4 5\n@ NS ns\nns A 192.0.2.1\n* CNAME x.other\nother DNAME bad\n\
                bad NS ns.bad\nns.bad A 192.0.2.1\nloop CNAME loop\nmany CNAME a.bl\nbl NS ns.bl\n\
                a.b.c MX 10 ns\nlong TXT \"x\" \"y\"\n";
    let many: String =
        (0..300).map(|i| format!("a.b.c A 192.0.{}.{}\n", i / 256, i % 256)).collect();
    let apex: repute_dnsxl::Name = "example".parse().expect("a name");
    let reading = repute_records::master::read_lines(&apex, &format!("{text}{many}"));
    assert_eq!(reading.faults, []);
    let records = reading.records.into_iter().map(|placed| placed.record);
    Arc::new(Some(Arc::new(repute_records::Zone::new(apex, records).expect("a zone").0)).into())
}

/// What cookies are made by.
const SECRET: &str = "e5e973e5a6b2a43f48e7dc849e37bfcf";

/// A zone of one data set, without access lists.
fn plain_zones(kind: DatasetKind, text: &str) -> Zones {
    let name = |text: &str| text.parse().expect("a name");
    let (ttl, origin, person) = (60, name("ns1.bl.example"), name("hm.bl.example"));
    let (serial, refresh, retry, expire, minimum) = (1, 1, 1, 1, 30);
    let zone = Zone::new(ZoneSpec {
        soa: Some(Soa { ttl, origin, person, serial, refresh, retry, expire, minimum }),
        name_servers: Some((60, vec![name("ns1.bl.example")])),
        test_entries: true,
        link: Some(Link::new("https://x.example/r/1/", TagKey::new([7; 16])).expect("an address")),
        ..block_list("bl.example", vec![dataset(kind, text)])
    });
    let state = ZoneState::Serving(Arc::new(zone));
    Zones::new(Identity::default()).with(
        &name("bl.example"),
        ZoneIndex(3),
        state,
        Serving::default(),
    )
}

/// Walks a message; panics if it is none.
fn check(reply: &[u8], packet: &[u8], transport: Transport) {
    assert_eq!(reply[..2], packet[..2]);
    assert!(reply[2] & 0x80 != 0);
    if transport == Transport::Udp {
        assert!(reply.len() <= 1232, "{} bytes", reply.len());
    }
    let count = |i: usize| usize::from(u16::from_be_bytes([reply[i], reply[i + 1]]));
    let mut at = 12;
    for _ in 0..count(4) {
        at = skip_name(reply, at) + 4;
    }
    for _ in 0..count(6) + count(8) + count(10) {
        at = skip_name(reply, at);
        at += 10 + usize::from(u16::from_be_bytes([reply[at + 8], reply[at + 9]]));
    }
    assert_eq!(at, reply.len(), "the message ends where its records do");
}

fn skip_name(message: &[u8], mut at: usize) -> usize {
    loop {
        match message[at] {
            0 => return at + 1,
            len @ 1..64 => at += 1 + usize::from(len),
            _ => {
                let target = usize::from(u16::from_be_bytes([message[at] & 0x3f, message[at + 1]]));
                assert!(target < at, "a pointer points backwards");
                return at + 2;
            }
        }
    }
}

#[test]
fn fuzz_packets() {
    let plain = [
        plain_zones(
            DatasetKind::Ip4trie,
            &format!("4.3.2.1 :2:{}$\n5.0.0.0/8 :3:\n", "long ".repeat(48)),
        ),
        plain_zones(DatasetKind::Addresses, "4.3.2.1 :2:$\n4.3.2.1 :3:$\n2001:db8::/32 :4:$\n"),
        plain_zones(DatasetKind::Dnset, ".bad :4:$\nwww.bad :5:\n!a.bad\n1.2.3.4 :6:x\n"),
    ];
    let [a, b, c] = plain;
    let offer = Identity { handover: Handover::Offer, ..Identity::default() };
    let offering = zones(Dialect::Native).with_identity(offer);
    let secrets = || SECRET.parse().expect("digits");
    let [on, required] = [Cookies::On(secrets()), Cookies::Require(secrets())].map(|cookies| {
        plain_zones(DatasetKind::Ip4trie, &format!("4.3.2.1 :2:{}$\n", "long ".repeat(48)))
            .with_identity(Identity { cookies, ..Identity::default() })
    });
    let all = [zones(Dialect::Native), zones(Dialect::Rbldnsd), a, b, c, offering, on, required];
    let pass = dataset(DatasetKind::Acl, "198.51.100.1 :ignore\n");
    bolero::check!().with_test_time(time()).with_type::<(u8, u8, Vec<Mutation>)>().for_each(
        |(which, how, mutations)| {
            let packet = mutate(PACKETS[usize::from(*which) % PACKETS.len()], mutations);
            let transport = if how & 1 == 0 { Transport::Udp } else { Transport::Tcp };
            let last = if how & 2 == 0 { 1 } else { 66 };
            let client = Client { address: IpAddr::V4(Ipv4Addr::new(192, 0, 2, last)), transport };
            let zones = &all[usize::from(how >> 2) % all.len()];
            let mut reply = vec![0xee; 65_535];
            let one = respond(&packet, &client, 1000, zones, &mut reply);
            if let Outcome::Reply(done) = one {
                check(&reply[..usize::from(done.len)], &packet, transport);
            }
            // An access list that says nothing of the client takes the general way: the same bytes.
            let general = zones.with_acl(Some(Arc::clone(&pass)), None);
            let mut by_general = vec![0xee; 65_535];
            assert_eq!(respond(&packet, &client, 1000, &general, &mut by_general), one);
            let len = if let Outcome::Reply(done) = one { usize::from(done.len) } else { 0 };
            assert_eq!(by_general[..len], reply[..len]);
            // A batch gives the same answers.
            let requests = [Request { bytes: &packet, client }; 2];
            let mut replies = ReplyBuffer::many(2);
            let mut outcomes = [Outcome::Drop; 2];
            if transport == Transport::Udp {
                let mut queries = Queries::default();
                respond_batch(&mut queries, &requests, 1000, zones, &mut replies, &mut outcomes);
                assert_eq!(outcomes, [one, one]);
                if let Outcome::Reply(done) = one {
                    let len = usize::from(done.len);
                    assert_eq!(replies[1].bytes()[..len], reply[..len]);
                }
            }
        },
    );
}

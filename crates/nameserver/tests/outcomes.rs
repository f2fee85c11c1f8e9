//! What is told of an answer beside its bytes, for counters and the query log.

#[path = "../../zone/tests/fixture/list.rs"]
mod list;

use std::net::Ipv4Addr;
use std::sync::Arc;

use list::{block_list, dataset};
use repute_dnsxl::Name;
use repute_nameserver::{
    Client, Identity, Outcome, Reply, Serving, Transport, ZoneIndex, ZoneState, Zones, respond,
};
use repute_zone::format::ReadOptions;
use repute_zone::{DatasetKind, Zone};

/// Asks for an address at time 1000.
fn ask(question: &str) -> Reply {
    let read = |kind, text| dataset(kind, text, &ReadOptions::default());
    let many: String = (1..=60).map(|n| format!("192.0.2.9 :{n}:\n")).collect();
    let lists = vec![
        read(DatasetKind::Ip4trie, LIST),
        read(DatasetKind::Ip4set, &many),
        read(DatasetKind::Generic, "www A 192.0.2.80\n"),
    ];
    let zone = ZoneState::Serving(Arc::new(Zone::new(block_list("bl.example", lists))));
    let keys = Some(read(DatasetKind::Aclkey, "k7dq2mwp4s :pass\n:pass\n"));
    let serving = Serving { key_acl: keys, ..Serving::default() };
    let apex: Name = "bl.example".parse().expect("a name");
    let zones = Zones::new(Identity::default()).with(&apex, ZoneIndex(3), zone, serving);

    let question: Name = question.parse().expect("a name");
    let header = [0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    let packet = [&header, question.as_wire(), &[0, 1, 0, 1]].concat();
    let client = Client { address: Ipv4Addr::LOCALHOST.into(), transport: Transport::Udp };
    match respond(&packet, &client, 1_000, &zones, &mut [0; 1500]) {
        Outcome::Reply(reply) => reply,
        Outcome::Drop | Outcome::Limited | Outcome::Beyond => {
            panic!("every question here is answered")
        }
    }
}

/// Entries for all, for customers, and one that comes into force at 1050.
const LIST: &str = "192.0.2.1 :2:\n192.0.2.2 :3: @ key=require\n192.0.2.3 :4: @ ts=990;delay=60s\n";

#[test]
fn only_what_a_client_is_told_to_be_listed_counts_as_listed() {
    for (question, listed, answers, keyed) in [
        ("1.2.0.192.bl.example", true, 1, false),
        ("1.2.0.192.k7dq2mwp4s.bl.example", true, 1, true),
        ("2.2.0.192.bl.example", false, 0, false),
        ("2.2.0.192.k7dq2mwp4s.bl.example", true, 1, true),
        ("3.2.0.192.bl.example", false, 0, false),
        ("8.2.0.192.bl.example", false, 0, false),
        ("bl.example", false, 0, false),
    ] {
        let reply = ask(question);
        assert_eq!(
            (reply.listed, reply.answers, reply.keyed),
            (listed, answers, keyed),
            "{question}"
        );
        assert_eq!((reply.zone, reply.qtype, reply.truncated), (Some(ZoneIndex(3)), 1, false));
    }
    let elsewhere = ask("1.2.0.192.elsewhere.example");
    assert_eq!((elsewhere.zone, elsewhere.rcode, elsewhere.listed), (None, 5, false));
}

#[test]
fn a_listing_that_does_not_fit_is_one_all_the_same() {
    let reply = ask("9.2.0.192.bl.example");
    assert!(reply.truncated && reply.listed && reply.rcode == 0, "{reply:?}");
}

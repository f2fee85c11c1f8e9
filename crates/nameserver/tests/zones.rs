//! What is served, as a value: what stays when something else comes or goes.

#[path = "../../zone/tests/fixture/list.rs"]
mod list;

use std::net::Ipv4Addr;
use std::sync::Arc;

use list::{block_list, dataset};
use repute_dnsxl::Name;
use repute_nameserver::{
    Client, Handover, Identity, Live, Outcome, Serving, Transport, ZoneIndex, ZoneState, Zones,
    respond,
};
use repute_records::{Zone as Records, master};
use repute_zone::format::ReadOptions;
use repute_zone::{DatasetKind, Zone};

/// A name from text.
fn name(text: &str) -> Name {
    text.parse().expect("a name")
}

/// The response code for a question, or nothing where there is silence.
fn ask(zones: &Zones, client: Ipv4Addr, question: &str) -> Option<u8> {
    let question = name(question);
    let header = [0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    let packet = [&header, question.as_wire(), &[0, 1, 0, 1]].concat();
    let client = Client { address: client.into(), transport: Transport::Udp };
    match respond(&packet, &client, 0, zones, &mut [0; 1500]) {
        Outcome::Reply(reply) => Some(reply.rcode),
        Outcome::Drop | Outcome::Limited | Outcome::Beyond => None,
    }
}

#[test]
fn access_lists_for_all_zones_stay_when_a_zone_goes() {
    let read = |kind, text| dataset(kind, text, &ReadOptions::default());
    let zone = |apex| {
        let list = read(DatasetKind::Ip4set, "192.0.2.1\n");
        ZoneState::Serving(Arc::new(Zone::new(block_list(apex, vec![list]))))
    };
    let (stays, goes) = (name("a.example"), name("b.example"));
    let zones = Zones::new(Identity::default())
        .with(&goes, ZoneIndex(0), zone("b.example"), Serving::default())
        .with(&stays, ZoneIndex(1), zone("a.example"), Serving::default())
        .with_acl(
            Some(read(DatasetKind::Acl, "198.51.100.66 :refuse\n")),
            Some(read(DatasetKind::Aclkey, "gone :refuse\nquiet :ignore\n:pass\n")),
        );
    let (anybody, refused) = (Ipv4Addr::new(198, 51, 100, 1), Ipv4Addr::new(198, 51, 100, 66));
    for zones in [&zones, &zones.without(&goes)] {
        assert_eq!(ask(zones, anybody, "1.2.0.192.a.example"), Some(0));
        assert_eq!(ask(zones, refused, "1.2.0.192.a.example"), Some(5));
        assert_eq!(ask(zones, anybody, "1.2.0.192.gone.a.example"), Some(5));
        assert_eq!(ask(zones, anybody, "1.2.0.192.quiet.a.example"), None);
    }
    assert_eq!(ask(&zones, anybody, "1.2.0.192.b.example"), Some(0));
    assert_eq!(ask(&zones.without(&goes), anybody, "1.2.0.192.b.example"), Some(5));
}

#[test]
fn a_private_zone_is_answered_by_whoever_knows_who_may_have_it() {
    let zone = |apex: &str, lines: &str| {
        let text = format!("@ 60 SOA ns host 1 2 3 4 5\n@ 60 NS ns\n{lines}");
        let records = master::read_lines(&name(apex), &text).records;
        let records = records.into_iter().map(|placed| placed.record);
        let live = Live::default();
        live.store(Some(Arc::new(Records::new(name(apex), records).expect("a zone").0)));
        live
    };
    let secret = zone("c.example", "a 60 A 192.0.2.1\n");
    let open = zone("a.example", "alias 60 CNAME a.c.example.\n");
    let (apex, anybody) = (name("c.example"), Ipv4Addr::new(198, 51, 100, 1));
    for (handover, expect) in [(Handover::Refuse, Some(5)), (Handover::Offer, None)] {
        let identity = Identity { handover, ..Identity::default() };
        let zones = Zones::new(identity)
            .with_private(&apex, ZoneIndex(0), Arc::clone(&secret))
            .with_records([(name("a.example"), ZoneIndex(1), Arc::clone(&open))]);
        for asked in ["c.example", "a.c.example", "none.c.example"] {
            assert_eq!(ask(&zones, anybody, asked), expect, "{asked}");
        }
        let known = |asked: &str| zones.private(&name(asked)).map(|(apex, ..)| apex.to_string());
        assert_eq!(known("x.a.c.example"), Some("c.example".to_owned()));
        assert_eq!((known("alias.a.example"), known("example")), (None, None));
        // Nothing of it comes by way of another zone.
        let question = name("alias.a.example");
        let header = [0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
        let packet = [&header, question.as_wire(), &[0, 1, 0, 1]].concat();
        let client = Client { address: anybody.into(), transport: Transport::Udp };
        let outcome = respond(&packet, &client, 0, &zones, &mut [0; 1500]);
        let Outcome::Reply(reply) = outcome else { panic!("{outcome:?}") };
        assert_eq!((reply.rcode, reply.answers), (0, 1), "the alias alone");
    }
}

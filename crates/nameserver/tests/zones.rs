//! What is served, as a value: what stays when something else comes or goes.

#[path = "../../zone/tests/fixture/list.rs"]
mod list;

use std::net::Ipv4Addr;
use std::sync::Arc;

use list::{block_list, dataset};
use repute_dnsxl::Name;
use repute_nameserver::{
    Client, Identity, Outcome, Serving, Transport, ZoneIndex, ZoneState, Zones, respond,
};
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

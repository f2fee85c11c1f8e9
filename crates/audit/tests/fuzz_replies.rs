//! No reply of a server makes an audit panic, wait for ever, or write what terminals and XML do not take.

#[path = "../../zone/tests/fuzz/mutation.rs"]
mod mutation;
mod server;

use std::collections::HashMap;
use std::net::Ipv4Addr;

use mutation::{Mutation, mutate, time};
use repute_audit::judge::judge;
use repute_audit::observe::{Found, Observations, Server};
use repute_audit::probe::{Asking, Probe};
use repute_audit::reply::{Heard, Repeated, is_reply_to, read};
use repute_dnsxl::Name;

use server::{ZONE, answer};

#[test]
fn fuzz_replies() {
    let zone: Name = ZONE.parse().expect("a name");
    let drawn = std::array::from_fn(|_| Ipv4Addr::new(20, 1, 2, 3));
    let (apex, invented) = (zone.clone(), "qwertzuiop".to_owned());
    let asking = Asking { zone: zone.clone(), apex, invented, drawn };
    let probes: Vec<Probe> = std::iter::once(Probe::Start).chain(Asking::probes()).collect();
    bolero::check!().with_type::<(u8, Vec<Mutation>)>().with_test_time(time()).for_each(
        |(which, mutations): &(u8, Vec<Mutation>)| {
            let changed = usize::from(*which) % probes.len();
            let hear = |(place, probe): (usize, &Probe)| {
                let query = asking.packet(*probe, 7)?;
                let mut packet = answer("", &query, false)?;
                if place == changed {
                    packet = mutate(&packet, mutations);
                }
                let reply = read(&packet, &query).filter(|_| is_reply_to(&packet, &query));
                if let Some(reply) = &reply {
                    // Only the question that was asked is answered.
                    let end = query.len().min(packet.len());
                    let is_same = packet[12..end].eq_ignore_ascii_case(&query[12..end]);
                    assert!(is_same || query[11] == 1 || reply.question == Repeated::Missing);
                    assert!(reply.answers.len() + reply.authority.len() <= packet.len());
                }
                let heard = reply.map_or(Heard::Malformed, |reply| Heard::Reply(Box::new(reply)));
                Some((*probe, heard))
            };
            let heard: HashMap<Probe, Heard> = probes.iter().enumerate().filter_map(hear).collect();
            let address = "192.0.2.1:53".parse().expect("an address");
            let servers = vec![Server { address, name: None, heard }];
            let (zone, apex, kind, found) = (zone.clone(), zone.clone(), None, Found::Named);
            let errors = Vec::new();
            let now = 1_795_000_000;
            let seen = Observations { zone, apex, kind, errors, now, found, servers };
            let audit = judge(&seen);
            assert!(audit.findings.iter().all(|finding| finding.seen.len() < 2000));
        },
    );
}

//! Audits over real sockets: of servers that are good, lossy, dead, cut short, or no servers at all.

mod server;

use std::collections::HashSet;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::thread;
use std::time::Duration;

use repute_audit::grade::Grade;
use repute_audit::rule::Rule;
use repute_audit::{Audit, Finding, State, Subject, run};

use server::{ZONE, answer};

/// How long the tests wait for what never comes.
const TIMEOUT: Duration = Duration::from_millis(600);

/// What happens to packets on their way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// Nothing.
    Plain,
    /// The first of each question is lost.
    Lossy,
    /// What comes back is cut to so many bytes.
    Short(usize),
    /// What comes back has an id of somebody else before it.
    Forged,
    /// Connections are taken and never answered.
    SilentTcp,
    /// Connections are closed in the middle of the answer.
    BrokenTcp,
}

/// Starts a server with a fault; it ends with the process.
fn serve(fault: &'static str, way: Way) -> SocketAddr {
    // A port that is free for both: somebody else may have the same one for TCP.
    let (udp, tcp) = loop {
        let udp = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let address = udp.local_addr().expect("an address");
        if let Ok(tcp) = TcpListener::bind(address) {
            break (udp, tcp);
        }
    };
    let address = udp.local_addr().expect("an address");
    thread::spawn(move || {
        let (mut packet, mut seen) = ([0; 512], HashSet::new());
        while let Ok((len, from)) = udp.recv_from(&mut packet) {
            let query = &packet[..len];
            if way == Way::Lossy && seen.insert(query.to_vec()) {
                continue;
            }
            let Some(mut reply) = answer(fault, query, false) else { continue };
            if let Way::Short(len) = way {
                reply.truncate(len);
            }
            if way == Way::Forged {
                let mut forged = reply.clone();
                (forged[0], forged[3]) = (!forged[0], 5);
                udp.send_to(&forged, from).expect("it is sent");
            }
            udp.send_to(&reply, from).expect("it is sent");
        }
    });
    thread::spawn(move || {
        let mut kept = Vec::new();
        for mut stream in tcp.incoming().map_while(Result::ok) {
            let mut len = [0; 2];
            stream.read_exact(&mut len).expect("a length");
            let mut query = vec![0; usize::from(u16::from_be_bytes(len))];
            stream.read_exact(&mut query).expect("a query");
            if way == Way::SilentTcp {
                kept.push(stream);
                continue;
            }
            let Some(reply) = answer(fault, &query, true) else { continue };
            let len = (reply.len() as u16).to_be_bytes();
            // In two pieces, as a network may divide it.
            let (first, second) = reply.split_at(7);
            stream.write_all(&[&len[..], first].concat()).expect("it is taken");
            if way != Way::BrokenTcp {
                stream.write_all(second).expect("it is taken");
            }
        }
    });
    address
}

/// Audits a list at some servers.
fn audit(servers: &[SocketAddr]) -> Audit {
    let zone = ZONE.parse().expect("a name");
    let (kind, errors) = (None, Vec::new());
    let (servers, resolvers) = (servers.to_vec(), Vec::new());
    run(&Subject { zone, kind, errors, servers, resolvers, timeout: TIMEOUT }).expect("sockets")
}

/// The rules that are broken.
fn broken(audit: &Audit) -> Vec<&'static str> {
    let is_broken = |finding: &&Finding| matches!(finding.state, State::Warn | State::Fail);
    audit.findings.iter().filter(is_broken).map(|finding| finding.rule.facts().id).collect()
}

/// What was seen by a rule.
fn seen(audit: &Audit, rule: Rule) -> &str {
    let finding = audit.findings.iter().find(|finding| finding.rule == rule);
    finding.map(|finding| &*finding.seen).expect("every rule has a finding")
}

#[test]
fn a_good_list_is_good_over_a_bad_network() {
    for way in [Way::Plain, Way::Lossy, Way::Forged] {
        let audit = audit(&[serve("", way)]);
        assert_eq!(broken(&audit), [""; 0], "{way:?}");
        assert_eq!(audit.grade.map(Grade::letter), Some('A'), "{way:?}");
    }
}

#[test]
fn what_is_cut_comes_by_tcp() {
    let whole = audit(&[serve("cut", Way::Plain)]);
    assert_eq!(broken(&whole), [""; 0]);
    assert_eq!(seen(&whole, Rule::Text), "\"see https://list.test/\"");
    for way in [Way::SilentTcp, Way::BrokenTcp] {
        let cut = audit(&[serve("cut", way)]);
        assert_eq!(broken(&cut), ["text", "tcp"], "{way:?}");
        assert_eq!(seen(&cut, Rule::Tcp), "no reply", "{way:?}");
    }
}

#[test]
fn replies_that_cannot_be_read_are_no_answers() {
    for len in [0, 2, 11, 13, 20] {
        let audit = audit(&[serve("", Way::Short(len))]);
        assert!(audit.grade != Some(Grade::A), "{len} bytes");
        assert_ne!(seen(&audit, Rule::Answers), "all answer", "{len} bytes");
    }
}

#[test]
fn dead_servers_are_told_beside_one_that_lives() {
    let mut dead: Vec<SocketAddr> = (0..6).map(|_| serve("silence", Way::Plain)).collect();
    let nobody = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|socket| socket.local_addr());
    dead.push(nobody.expect("a port that is free again"));
    let living = serve("", Way::Plain);
    let audit = audit(&[&dead[..], &[living]].concat());
    assert_eq!(broken(&audit), ["two-networks", "answers"]);
    let told = seen(&audit, Rule::Answers);
    assert!(told.contains("no reply") && told.contains("nobody listens"), "{told}");
    assert!(!told.contains(&living.to_string()), "{told}");
}

#[test]
fn a_list_without_servers_has_no_grade() {
    let silent = audit(&[serve("silence", Way::Plain)]);
    let why = "none of its servers answers";
    assert_eq!((silent.obstacle.as_deref(), silent.grade), (Some(why), None));
    let lost = audit(&[]);
    let why = "no resolver says who serves it: its servers are dead, or the resolver is";
    assert_eq!((lost.obstacle.as_deref(), lost.grade), (Some(why), None));
}

#[test]
fn a_part_of_a_zone_is_judged_by_that_zone() {
    let audit = audit(&[serve("part of a zone", Way::Plain)]);
    assert_eq!(broken(&audit), [""; 0]);
    assert_eq!(seen(&audit, Rule::Soa), "it is a part of the zone list.test");
    assert_eq!(seen(&audit, Rule::DenialSoa), "SOA of list.test");
}

#[test]
fn an_audit_is_written_for_machines() {
    let audit = audit(&[serve("no TCP", Way::Plain)]);
    let written = serde_json::to_value(&audit).expect("it can be written");
    assert_eq!(serde_json::from_value::<Audit>(written.clone()).expect("it is one"), audit);
    assert_eq!((&written["zone"], &written["grade"]), (&ZONE.into(), &"C".into()));
    let findings = written["findings"].as_array().expect("a list");
    let tcp = findings.iter().find(|finding| finding["rule"] == "tcp").expect("it is there");
    assert_eq!(tcp["state"], "fail");
}

//! Every rule, by what a server says that breaks it: a table, without a network.

mod server;

use std::collections::{BTreeSet, HashMap};
use std::net::{Ipv4Addr, SocketAddr};

use repute_audit::grade::Grade;
use repute_audit::judge::judge;
use repute_audit::observe::{Found, Observations, Server};
use repute_audit::probe::{Asking, Probe};
use repute_audit::reply::{Heard, read};
use repute_audit::rule::Rule;
use repute_audit::{Audit, Kind, State};
use repute_dnsxl::Name;
use repute_lookup::authority::{AuthorityError, Host};

use server::{ZONE, answer};

/// Servers in three networks, of both families.
const SERVERS: [&str; 3] = ["192.0.2.1:53", "198.51.100.1:53", "[2001:db8::1]:53"];

/// What these servers say, each with its fault.
fn observed(servers: &[(&str, &str)]) -> Observations {
    let zone: Name = ZONE.parse().expect("a name");
    let asking = Asking {
        zone: zone.clone(),
        apex: zone.clone(),
        invented: "qwertzuiop".to_owned(),
        drawn: std::array::from_fn(|n| Ipv4Addr::new(20 + n as u8, 1, 2, 3)),
    };
    let servers = servers.iter().map(|(address, fault)| {
        let address: SocketAddr = address.parse().expect("an address");
        let hear = |probe| {
            let query = asking.packet(probe, 7)?;
            let reply = answer(fault, &query, probe == Probe::Tcp);
            let heard = match reply.map(|reply| read(&reply, &query)) {
                Some(Some(reply)) => Heard::Reply(Box::new(reply)),
                Some(None) => Heard::Malformed,
                None if probe == Probe::Tcp => Heard::Unreachable,
                None => Heard::Silence,
            };
            Some((probe, heard))
        };
        let probes = std::iter::once(Probe::Start).chain(Asking::probes());
        let heard: HashMap<Probe, Heard> = probes.filter_map(hear).collect();
        Server { address, name: None, heard }
    });
    let (kind, errors, found) = (None, Vec::new(), Found::Named);
    // The 22nd of November 2026.
    let now = 20_779 * 86_400;
    let (apex, servers) = (zone.clone(), servers.collect());
    Observations { zone, apex, kind, errors, now, found, servers }
}

/// What is broken, and how badly.
fn broken(audit: &Audit) -> Vec<String> {
    let is_broken = |state| matches!(state, State::Warn | State::Fail);
    let broken = audit.findings.iter().filter(|finding| is_broken(finding.state));
    broken.map(|finding| format!("{} {}", finding.state.word(), finding.rule.facts().id)).collect()
}

/// The state of a rule and what was seen.
fn found(audit: &Audit, rule: Rule) -> (State, &str) {
    let finding = audit.findings.iter().find(|finding| finding.rule == rule);
    finding.map(|finding| (finding.state, &*finding.seen)).expect("every rule has a finding")
}

/// An audit of servers that all do the same wrong.
fn audit_of(fault: &str) -> Audit {
    judge(&observed(&SERVERS.map(|server| (server, fault))))
}

#[test]
fn a_good_list_breaks_nothing() {
    for (fault, skipped) in [
        ("", &["test-name", "never-name", "delegation"][..]),
        ("IPv4 only", &["test-ipv6", "never-ipv6", "test-name", "never-name", "delegation"]),
        // It has something to say of everybody, and not the same.
        ("countries", &["test-name", "never-name", "delegation"]),
    ] {
        let audit = audit_of(fault);
        assert_eq!(broken(&audit), [""; 0], "{fault}");
        let states = audit.findings.iter().filter(|f| f.state == State::Skipped);
        let states: Vec<&str> = states.map(|finding| finding.rule.facts().id).collect();
        assert_eq!(states, skipped, "{fault}");
    }
}

#[test]
fn each_fault_breaks_its_rule_and_no_other() {
    let cases: &[(&str, &[&str])] = &[
        ("empty", &["fail test-ipv4"]),
        ("127.0.0.1", &["fail never-ipv4"]),
        ("::ffff:127.0.0.1", &["fail never-ipv6"]),
        ("names, and INVALID", &["fail never-name"]),
        ("strange code", &["fail codes"]),
        (
            "wildcard",
            &[
                "fail never-ipv4",
                "fail never-ipv6",
                "fail never-name",
                "fail wildcard",
                "fail world",
            ],
        ),
        ("world", &["fail world"]),
        ("no text", &["warn text"]),
        ("empty text", &["warn text"]),
        // By TCP it would come whole; this table has no network.
        ("cut", &["warn text"]),
        ("TTL 0", &["warn listing-ttl"]),
        ("TTL of a week", &["warn listing-ttl"]),
        ("no names above", &["fail empty-non-terminal"]),
        ("entries below names", &["fail below-denied"]),
        ("no AAAA", &["fail other-types"]),
        ("lower case", &["fail letter-case"]),
        ("no SOA in denials", &["fail denial-soa"]),
        ("negative TTL 0", &["warn negative-ttl"]),
        ("negative TTL of a week", &["warn negative-ttl"]),
        ("no SOA", &["fail soa"]),
        ("no mailbox", &["warn soa-names"]),
        ("serial 0", &["warn soa-serial"]),
        ("serial to come", &["warn soa-serial"]),
        ("retry longer than refresh", &["warn soa-timers"]),
        ("short expire", &["warn soa-timers"]),
        ("no NS", &["fail ns-records"]),
        ("one NS", &["warn two-servers"]),
        ("no AA", &["fail authoritative"]),
        ("no TCP", &["fail tcp"]),
        ("REFUSED by TCP", &["fail tcp"]),
        ("recursion", &["fail recursion"]),
        ("referral", &["warn recursion"]),
        ("silence to others", &["warn recursion"]),
        ("NOTIMP to types", &["fail unknown-type"]),
        ("SERVFAIL to CD", &["fail header-bits"]),
        ("Z repeated", &["fail header-bits"]),
        ("AD repeated", &["fail header-bits"]),
        ("FORMERR to operations", &["fail unknown-opcode"]),
        ("EDNS ignored", &["warn edns"]),
        ("EDNS unknown", &["warn edns"]),
        ("EDNS silence", &["fail edns"]),
        ("version answered", &["fail edns-version"]),
        ("option repeated", &["fail edns-option"]),
        ("flag repeated", &["fail edns-flags"]),
        ("DO silence", &["fail edns-do"]),
    ];
    for (fault, expected) in cases {
        assert_eq!(broken(&audit_of(fault)), *expected, "{fault}");
    }
    // Every rule has its case, here or below.
    let below = [
        Rule::TestIpv6,
        Rule::TestName,
        Rule::Subdomain,
        Rule::Delegation,
        Rule::TwoNetworks,
        Rule::Ipv4,
        Rule::Ipv6,
        Rule::SerialsInStep,
        Rule::SameAnswers,
        Rule::Answers,
    ];
    let named: BTreeSet<&str> =
        cases.iter().flat_map(|(_, broken)| broken.iter().map(|text| &text[5..])).collect();
    for rule in Rule::ALL {
        assert!(named.contains(rule.facts().id) || below.contains(&rule), "{rule:?}");
    }
}

#[test]
fn one_server_that_does_wrong_is_named() {
    let audit =
        judge(&observed(&[(SERVERS[0], ""), (SERVERS[1], "no TCP"), (SERVERS[2], "no TCP")]));
    assert_eq!(
        found(&audit, Rule::Tcp),
        (State::Fail, "198.51.100.1, 2001:db8::1: nobody listens")
    );
    let audit = judge(&observed(&[(SERVERS[0], "serial 8"), (SERVERS[2], "")]));
    assert_eq!(
        found(&audit, Rule::SerialsInStep),
        (State::Warn, "7 on 2001:db8::1; 8 on 192.0.2.1")
    );
    let audit = judge(&observed(&[(SERVERS[0], ""), (SERVERS[1], "other code"), (SERVERS[2], "")]));
    assert_eq!(
        found(&audit, Rule::SameAnswers),
        (State::Fail, "192.0.2.1 and 198.51.100.1: 127.0.0.2 answers 127.0.0.2 and 127.0.0.4")
    );
}

#[test]
fn a_dead_server_breaks_one_rule_and_is_none_of_a_family() {
    let audit = judge(&observed(&[(SERVERS[0], ""), (SERVERS[1], ""), (SERVERS[2], "silence")]));
    assert_eq!(broken(&audit), ["warn ipv6", "fail answers"]);
    assert_eq!(found(&audit, Rule::Answers).1, "2001:db8::1: no reply");
    assert_eq!(found(&audit, Rule::Ipv6).1, "no server answers by IPv6");
    assert_eq!(audit.grade.map(Grade::letter), Some('C'));
    let audit = judge(&observed(&[(SERVERS[0], "silence"), (SERVERS[2], "")]));
    assert!(broken(&audit).contains(&"warn ipv4".to_owned()), "{audit:?}");
    // Servers whose network is not to be had from here.
    let mut seen = observed(&[(SERVERS[2], "")]);
    seen.servers[0].heard = [(Probe::Start, Heard::NoRoute)].into();
    let why = "this machine has no way to its servers";
    assert_eq!(judge(&seen).obstacle.as_deref(), Some(why));
    let mut seen = observed(&[(SERVERS[0], ""), (SERVERS[1], ""), (SERVERS[2], "")]);
    seen.servers[2].heard = [(Probe::Start, Heard::NoRoute)].into();
    let audit = judge(&seen);
    assert_eq!(broken(&audit), [""; 0]);
    assert_eq!(found(&audit, Rule::Ipv6), (State::Skipped, "this machine has no IPv6"));
}

#[test]
fn a_list_that_does_not_answer_us_has_no_grade() {
    for (fault, why) in [
        ("blocked", "it answers 127.255.255.254: it does not answer us, or not any more"),
        ("refused", "its servers do not answer for it (REFUSED)"),
        ("expired", "its servers do not answer for it (SERVFAIL)"),
        ("unknown", "its servers say that there is no such name (NXDOMAIN)"),
        ("silence", "none of its servers answers"),
    ] {
        let audit = audit_of(fault);
        assert_eq!((audit.obstacle.as_deref(), audit.grade), (Some(why), None));
        assert_eq!(found(&audit, Rule::NeverIpv4).0, State::Skipped, "{fault}");
        assert_eq!(found(&audit, Rule::TestIpv4).0, State::Skipped, "{fault}");
    }
    // What the list itself says by which code, as its documentation knows.
    let mut seen = observed(&SERVERS.map(|server| (server, "other code")));
    assert_eq!(judge(&seen).obstacle, None);
    seen.errors = vec!["127.0.0.4".parse().expect("a code")];
    let why = "it answers 127.0.0.4: it does not answer us, or not any more";
    assert_eq!(judge(&seen).obstacle.as_deref(), Some(why));
    // A server that refers to others; a list must be somewhere else, but not who answers for it.
    let audit = judge(&observed(&[(SERVERS[0], ""), (SERVERS[1], "lame"), (SERVERS[2], "")]));
    let told = "198.51.100.1: it knows the zone by hearsay only (no AA), or not at all";
    assert_eq!(found(&audit, Rule::Answers), (State::Fail, told));
    // One server that answers is enough.
    let audit = judge(&observed(&[(SERVERS[0], "refused"), (SERVERS[1], "")]));
    assert_eq!(audit.obstacle, None);
    assert!(broken(&audit).contains(&"fail answers".to_owned()), "{audit:?}");
    let mut seen = observed(&[]);
    seen.found = Found::Not(AuthorityError::NoSuchZone);
    let audit = judge(&seen);
    let why = "there is no such zone: a typing error, or it is gone";
    assert_eq!((audit.obstacle.as_deref(), audit.grade), (Some(why), None));
}

#[test]
fn what_it_lists_is_what_is_said_or_else_what_test_entries_show() {
    let judged = |fault, kind| {
        let seen = observed(&SERVERS.map(|server| (server, fault)));
        judge(&Observations { kind, ..seen })
    };
    let states = |audit: &Audit| {
        [Rule::TestIpv4, Rule::TestIpv6, Rule::TestName].map(|rule| found(audit, rule).0)
    };
    use State::{Fail, Pass, Skipped};
    for (fault, kind, expected) in [
        ("", None, [Pass, Pass, Skipped]),
        ("names", None, [Skipped, Skipped, Pass]),
        ("IPv6 only", None, [Skipped, Pass, Skipped]),
        ("empty", None, [Fail, Skipped, Skipped]),
        ("IPv6 only", Some(Kind::Addresses), [Fail, Pass, Skipped]),
        ("IPv4 only", Some(Kind::Addresses), [Pass, Skipped, Skipped]),
        ("IPv4 only", Some(Kind::Ipv6), [Skipped, Fail, Skipped]),
        ("IPv4 only", Some(Kind::Names), [Skipped, Skipped, Fail]),
    ] {
        assert_eq!(states(&judged(fault, kind)), expected, "{fault} {kind:?}");
    }
    assert_eq!(broken(&judged("names", None)), [""; 0]);
    assert_eq!(broken(&judged("IPv6 only", None)), [""; 0]);
    // One server that has lost its test entry.
    let seen = observed(&[(SERVERS[0], ""), (SERVERS[1], "IPv4 only"), (SERVERS[2], "")]);
    assert_eq!(broken(&judge(&seen)), ["fail test-ipv6", "fail same-answers"]);
}

#[test]
fn the_delegation_names_the_same_servers() {
    let names = |names: &[&str]| names.iter().map(|n| n.parse().expect("a name")).collect();
    let judged = |delegation: Result<BTreeSet<Name>, String>, lost: &[&str]| {
        let mut seen = observed(&SERVERS.map(|server| (server, "")));
        let host = |name: &&str| Host { name: name.parse().expect("one"), addresses: Vec::new() };
        seen.found = Found::Resolved { hosts: lost.iter().map(host).collect(), delegation };
        judge(&seen)
    };
    let same = judged(Ok(names(&["ns1.list.test", "ns2.list.test"])), &[]);
    assert_eq!(found(&same, Rule::Delegation), (State::Pass, "the same"));
    let other = judged(Ok(names(&["ns1.list.test", "old.list.test"])), &[]);
    assert_eq!(
        found(&other, Rule::Delegation),
        (State::Warn, "only here: ns2.list.test; only above: old.list.test")
    );
    let untold = judged(Err("the servers of the zone above do not answer".to_owned()), &[]);
    assert_eq!(found(&untold, Rule::Delegation).0, State::Skipped);
    let lost = judged(Ok(names(&["ns1.list.test", "ns2.list.test"])), &["ns2.list.test"]);
    assert_eq!(
        found(&lost, Rule::Answers),
        (State::Fail, "ns2.list.test has no address; all answer")
    );
}

#[test]
fn networks_and_families_are_those_of_the_addresses() {
    let judged = |servers: &[&str], resolved: bool| {
        let with: Vec<(&str, &str)> = servers.iter().map(|server| (*server, "")).collect();
        let mut seen = observed(&with);
        if resolved {
            let delegation = Err("not asked".to_owned());
            seen.found = Found::Resolved { hosts: Vec::new(), delegation };
        }
        let audit = judge(&seen);
        [Rule::TwoNetworks, Rule::Ipv4, Rule::Ipv6].map(|rule| found(&audit, rule).0)
    };
    use State::{Pass, Skipped, Warn};
    for (servers, resolved, expected) in [
        (&["192.0.2.1:53"][..], false, [Skipped, Pass, Skipped]),
        (&["192.0.2.1:53"], true, [Warn, Pass, Warn]),
        (&["192.0.2.1:53", "192.0.2.200:53"], false, [Warn, Pass, Skipped]),
        (&["192.0.2.1:53", "192.0.3.1:53"], false, [Pass, Pass, Skipped]),
        (&["192.0.2.1:53", "[2001:db8::1]:53"], true, [Warn, Pass, Pass]),
        (&["[2001:db8:0:1::1]:53", "[2001:db8:0:2::1]:53"], true, [Warn, Warn, Pass]),
        (&["[2001:db8:1::1]:53", "[2001:db8:2::1]:53"], true, [Pass, Warn, Pass]),
    ] {
        assert_eq!(judged(servers, resolved), expected, "{servers:?} {resolved}");
    }
}

#[test]
fn an_operators_own_domain_is_no_place_for_a_list() {
    let judged = |zone: &str| {
        let mut seen = observed(&[(SERVERS[0], "")]);
        seen.zone = zone.parse().expect("a name");
        let audit = judge(&seen);
        found(&audit, Rule::Subdomain).0
    };
    assert_eq!(judged("bl.example.co.uk"), State::Pass);
    assert_eq!(judged("example.co.uk"), State::Warn);
    assert_eq!(judged("example.org"), State::Warn);
}

//! Lists that misbehave in every way that lists do, asked over real sockets.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::ops::ControlFlow;
use std::thread;
use std::time::{Duration, Instant};

use repute_dnsxl::Target;
use repute_lookup::cache::Cache;
use repute_lookup::exchange::{Exchange, Limits};
use repute_lookup::inquiry::{Inquiry, Known, ListAt, Rate};
use repute_lookup::list::{List, NameForm};
use repute_lookup::message::Manner;
use repute_lookup::sockets::Sockets;
use repute_lookup::survey::{Asked, Experience, Report, Survey};
use repute_lookup::verdict::{Finding, Reason, Verdict};

/// How long the tests wait for a list that never answers.
const TIMEOUT: Duration = Duration::from_millis(400);

/// What a server says to a name and type.
enum Said {
    /// These addresses or, asked for texts, this one.
    Records(Vec<[u8; 4]>, &'static str),
    /// There is no such name, says the zone of so many labels.
    Denied(usize),
    /// This response code.
    Code(u8),
    /// Nothing.
    Silence,
    /// No message at all.
    Garbage,
    /// An answer that does not fit.
    Cut,
}

/// What the list of the zone says of a name below it, as labels with dots.
fn say(zone: &str, name: &str) -> Said {
    let is_test = matches!(name, "2.0.0.127" | "test");
    let is_target = matches!(name, "7.2.0.192" | "bad.example" | "shop.example");
    let listed = || Said::Records(vec![[127, 0, 0, 2]], "see https://list.test/why");
    match zone {
        "good.test" if is_test || is_target => listed(),
        "clean.test" if is_test => listed(),
        "good.test" | "clean.test" | "multi.test" if !is_target => Said::Denied(2),
        "clean.test" => Said::Denied(2),
        "multi.test" => {
            Said::Records(vec![[127, 0, 0, 10], [127, 0, 0, 2], [127, 0, 0, 4]], "three reasons")
        }
        "public.test" => Said::Records(vec![[127, 255, 255, 254]], ""),
        "blocked.test" => Said::Records(vec![[127, 0, 0, 1]], ""),
        "parked.test" => Said::Records(vec![[203, 0, 113, 9]], ""),
        "world.test" => listed(),
        "refused.test" => Said::Code(5),
        "servfail.test" => Said::Code(2),
        "gone.test" => Said::Denied(0),
        // A resolver that denies whatever it is asked, or a list without SOA and test entries.
        "mute.test" => Said::Code(3),
        "part.all.test" if is_test => listed(),
        "part.all.test" => Said::Denied(2),
        "soaless.test" if is_test => listed(),
        "soaless.test" => Said::Code(3),
        "garbage.test" => Said::Garbage,
        "cut.test" if is_target || is_test => Said::Cut,
        "cut.test" => Said::Denied(2),
        _ => Said::Silence,
    }
}

/// The reply to a query; over TCP what was cut is whole.
fn reply(query: &[u8], tcp: bool) -> Option<Vec<u8>> {
    let mut labels = Vec::new();
    let mut at = 12;
    while query[at] != 0 {
        let end = at + 1 + usize::from(query[at]);
        labels.push(String::from_utf8_lossy(&query[at + 1..end]).to_lowercase());
        at = end;
    }
    let rtype = query[at + 2];
    let question = at + 5;
    let zone_labels = if labels.contains(&"part".to_owned()) { 3 } else { 2 };
    let (name, zone) = labels.split_at(labels.len() - zone_labels);
    let mut said = say(&zone.join("."), &name.join("."));
    let mut out = query[..question].to_vec();
    (out[2], out[3]) = (0x84, 0);
    out[4..12].copy_from_slice(&[0, 1, 0, 0, 0, 0, 0, 0]);
    if matches!(said, Said::Cut) {
        if !tcp {
            out[2] |= 2;
            return Some(out);
        }
        said = Said::Records(vec![[127, 0, 0, 3]], "it came by TCP");
    }
    match said {
        Said::Cut | Said::Silence => return None,
        Said::Garbage => out.truncate(14),
        Said::Code(code) => out[3] = code,
        Said::Records(codes, _) if rtype == 1 => {
            out[7] = codes.len() as u8;
            for code in codes {
                out.extend_from_slice(&[0xc0, 12, 0, 1, 0, 1, 0, 0, 1, 0, 0, 4]);
                out.extend_from_slice(&code);
            }
        }
        Said::Records(_, text) => {
            out[7] = 1;
            out.extend_from_slice(&[0xc0, 12, 0, 16, 0, 1, 0, 0, 1, 0, 0, text.len() as u8 + 1]);
            out.push(text.len() as u8);
            out.extend_from_slice(text.as_bytes());
        }
        Said::Denied(depth) => {
            (out[3], out[9]) = (3, 1);
            // The owner: the last labels of the question.
            let skipped: usize =
                labels[..labels.len() - depth].iter().map(|label| label.len() + 1).sum();
            out.extend_from_slice(&[0xc0, 12 + skipped as u8, 0, 6, 0, 1, 0, 0, 1, 0, 0, 22]);
            out.extend_from_slice(&[0, 0]);
            [7_u32, 600, 300, 86_400, 60].iter().for_each(|n| out.extend(n.to_be_bytes()));
        }
    }
    Some(out)
}

/// Starts the server; it ends with the process.
fn server() -> SocketAddr {
    server_that(reply)
}

/// Starts one that answers `N` where others deny, as resolvers of some providers do.
fn rewriting<const N: u32>() -> SocketAddr {
    server_that(|query, tcp| {
        let end = 12 + query[12..].iter().position(|byte| *byte == 0)? + 5;
        let name = query[12..end - 4].to_ascii_lowercase();
        // Below `invalid` there is no list.
        if !name.ends_with(b"\x07invalid\0") {
            let honest = reply(query, tcp)?;
            if honest[3] & 15 != 3 {
                return Some(honest);
            }
        }
        let mut out = query[..end].to_vec();
        (out[2], out[3]) = (0x84, 0);
        out[4..12].copy_from_slice(&[0, 1, 0, 1, 0, 0, 0, 0]);
        out.extend_from_slice(&[0xc0, 12, 0, 1, 0, 1, 0, 0, 1, 0, 0, 4]);
        out.extend_from_slice(&N.to_be_bytes());
        Some(out)
    })
}

/// Starts one that replies this.
fn server_that(reply: fn(&[u8], bool) -> Option<Vec<u8>>) -> SocketAddr {
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
        let mut packet = [0; 512];
        while let Ok((len, from)) = udp.recv_from(&mut packet) {
            if let Some(reply) = reply(&packet[..len], false) {
                udp.send_to(&reply, from).expect("it is sent");
            }
        }
    });
    thread::spawn(move || {
        for mut stream in tcp.incoming().map_while(Result::ok) {
            let mut len = [0; 2];
            stream.read_exact(&mut len).expect("a length");
            let mut query = vec![0; usize::from(u16::from_be_bytes(len))];
            stream.read_exact(&mut query).expect("a query");
            let reply = reply(&query, true).expect("it answers");
            stream.write_all(&(reply.len() as u16).to_be_bytes()).expect("it is taken");
            // In two pieces, as a network may divide it.
            let (first, second) = reply.split_at(7);
            stream.write_all(first).expect("it is taken");
            stream.write_all(second).expect("it is taken");
        }
    });
    address
}

/// A list that takes everything.
fn list(zone: &str) -> List {
    let mut list = List::new(zone.parse().expect("a name"));
    list.keys.name = Some(NameForm::Registrable);
    list
}

/// Asks lists about targets; also what became of the lists.
fn survey(lists: Vec<List>, targets: &[&str], at: SocketAddr) -> (Vec<Report>, Vec<Experience>) {
    survey_of(lists.into_iter().map(|list| (list, false)).collect(), targets, at)
}

/// The same with lists that may be doubtful.
fn survey_of(
    lists: Vec<(List, bool)>,
    targets: &[&str],
    at: SocketAddr,
) -> (Vec<Report>, Vec<Experience>) {
    let mut exchange = Exchange::new(Limits { timeout: TIMEOUT, ..Limits::default() });
    let mut sockets = Sockets::new().expect("sockets");
    let manner = Manner { recursion: false, edns: Some(1232), mixed_case: true };
    let server = sockets.add_server(&mut exchange, at, manner, 2).expect("a socket");
    let asked = lists.into_iter().map(|(list, doubtful)| Asked {
        list,
        servers: vec![server],
        place: at.to_string(),
        rate: None,
        evidence: None,
        doubtful,
    });
    let targets: Vec<Target> = targets.iter().map(|t| t.parse().expect("a target")).collect();
    let mut cache = Cache::default();
    let targets = targets.into_iter();
    let mut survey =
        Survey::new(asked.collect(), targets, &[], &mut cache, TIMEOUT, Instant::now());
    let mut reports = Vec::new();
    let each = |report| {
        reports.push(report);
        ControlFlow::Continue(())
    };
    sockets.run(&mut survey, &mut exchange, each).expect("it runs");
    (reports, survey.into_experiences())
}

/// What one list says of 192.0.2.7.
fn verdict(zone: &str) -> Verdict {
    let (mut reports, _) = survey(vec![list(zone)], &["192.0.2.7"], server());
    reports.remove(0).verdicts.remove(0).expect("it takes addresses")
}

#[test]
fn a_listing_has_all_its_codes_and_its_reason() {
    let Verdict::Listed(listing) = verdict("multi.test") else { panic!("it is listed") };
    let codes: Vec<_> = listing.codes.iter().map(ToString::to_string).collect();
    assert_eq!(codes, ["127.0.0.2", "127.0.0.4", "127.0.0.10"]);
    assert_eq!(listing.texts, ["three reasons"]);
    assert_eq!(listing.ttl, Some(Duration::from_secs(256)));
    assert_eq!(verdict("clean.test"), Verdict::NotListed);
}

#[test]
fn what_is_no_answer_is_neither_listed_nor_clean() {
    let unknown = |zone| match verdict(zone) {
        Verdict::Unknown(reason) => reason,
        other => panic!("{zone}: {other:?}"),
    };
    assert!(matches!(unknown("public.test"), Reason::Blocked(..)), "127.255.255.254");
    assert!(matches!(unknown("blocked.test"), Reason::Blocked(..)), "127.0.0.1");
    assert_eq!(unknown("parked.test"), Reason::NotAList([203, 0, 113, 9].into()));
    assert_eq!(unknown("world.test"), Reason::Wildcarded);
    assert_eq!(unknown("refused.test"), Reason::Refused);
    assert_eq!(unknown("servfail.test"), Reason::ServerFailure);
    assert_eq!(unknown("gone.test"), Reason::NoZone);
    assert_eq!(unknown("mute.test"), Reason::NoZone, "nobody says that there is a list");
    assert_eq!(unknown("garbage.test"), Reason::Malformed);
    assert_eq!(unknown("dead.test"), Reason::TimedOut);
}

#[test]
fn a_part_of_a_combined_list_is_a_list_although_the_zone_above_denies() {
    assert_eq!(verdict("part.all.test"), Verdict::NotListed);
}

#[test]
fn a_denial_without_soa_is_believed_of_a_list_that_has_its_test_entry() {
    assert_eq!(verdict("soaless.test"), Verdict::NotListed);
    // Or of one that is known to have none.
    let mut mute = list("mute.test");
    mute.tests.listed = false;
    let (reports, _) = survey(vec![mute], &["192.0.2.7"], server());
    assert_eq!(reports[0].verdicts[0], Some(Verdict::NotListed));
}

#[test]
fn an_answer_that_does_not_fit_comes_by_tcp() {
    let Verdict::Listed(listing) = verdict("cut.test") else { panic!("it is listed") };
    assert_eq!(listing.codes[0].to_string(), "127.0.0.3");
    assert_eq!(listing.texts, ["it came by TCP"]);
}

#[test]
fn a_list_without_its_key_is_not_asked_and_the_others_are() {
    let mut keyless = list("multi.test");
    keyless.no_key = Some("cannot read k".to_owned());
    let (reports, _) = survey(vec![keyless, list("clean.test")], &["192.0.2.7"], server());
    let unknown = Verdict::Unknown(Reason::NoKey("cannot read k".to_owned()));
    assert_eq!(reports[0].verdicts, [Some(unknown), Some(Verdict::NotListed)]);
}

#[test]
fn only_the_codes_that_are_wanted_are_listings() {
    let mut multi = list("multi.test");
    multi.only = vec!["127.0.0.[4..9]".parse().expect("codes")];
    let (reports, _) = survey(vec![multi], &["192.0.2.7"], server());
    let Some(Verdict::Listed(listing)) = &reports[0].verdicts[0] else { panic!("it is listed") };
    assert_eq!(listing.codes[0].to_string(), "127.0.0.4");
    let mut good = list("good.test");
    good.only = vec!["127.0.0.4".parse().expect("a code")];
    let (reports, _) = survey(vec![good], &["192.0.2.7"], server());
    assert_eq!(reports[0].verdicts[0], Some(Verdict::NotListed), "another code is no listing");
}

#[test]
fn names_are_asked_in_the_form_a_list_wants_and_only_of_lists_that_take_them() {
    let mut addresses = list("good.test");
    addresses.keys.name = None;
    let lists = vec![list("good.test"), addresses];
    let targets = ["www.shop.example", "bad.example", "192.0.2.8"];
    let (reports, _) = survey(lists, &targets, server());
    let listed = |report: &Report, list: usize| {
        report.verdicts[list].as_ref().map(|verdict| matches!(verdict, Verdict::Listed(_)))
    };
    assert_eq!([listed(&reports[0], 0), listed(&reports[0], 1)], [Some(true), None]);
    assert_eq!([listed(&reports[1], 0), listed(&reports[1], 1)], [Some(true), None]);
    assert_eq!([listed(&reports[2], 0), listed(&reports[2], 1)], [Some(false), Some(false)]);
}

#[test]
fn many_targets_come_in_order_and_a_dead_list_does_not_hold_them() {
    let targets: Vec<String> =
        (0..10_000).map(|n: u32| Ipv4Addr::from(0xc000_0200 + n).to_string()).collect();
    let targets: Vec<&str> = targets.iter().map(|t| &**t).collect();
    let lists = vec![list("good.test"), list("dead.test")];
    let (reports, experiences) = survey(lists, &targets, server());
    let order: Vec<String> = reports.iter().map(|report| report.target.to_string()).collect();
    assert_eq!(order, targets);
    let listed = |report: &&Report| matches!(report.verdicts[0], Some(Verdict::Listed(_)));
    assert_eq!(reports.iter().filter(listed).count(), 1);
    let silent = |report: &Report| {
        matches!(report.verdicts[1], Some(Verdict::Unknown(Reason::TimedOut | Reason::Dead)))
    };
    assert!(reports.iter().all(silent));
    assert!(experiences[1].silent < 5000, "it is given up: {}", experiences[1].silent);
}

#[test]
fn test_entries_are_evidence() {
    let (_, experiences) = survey(
        ["good.test", "world.test", "gone.test", "dead.test"].map(list).into(),
        &["192.0.2.7"],
        server(),
    );
    let evidence = |list: usize| {
        let found = &experiences[list].evidence;
        (found.listed, found.unlisted, found.random)
    };
    assert_eq!(evidence(0), (Finding::Listed, Finding::NotListed, Finding::NotListed));
    assert_eq!(evidence(1), (Finding::Listed, Finding::Listed, Finding::Listed));
    assert_eq!(evidence(2), (Finding::NotListed, Finding::NotListed, Finding::NotListed));
    assert_eq!(evidence(3), (Finding::Unknown, Finding::Unknown, Finding::Unknown));
}

/// What lists say of 192.0.2.7 by way of a resolver; and what is known and kept of them afterwards.
fn by_way_of(resolver: SocketAddr, zones: &[&str]) -> (Vec<Verdict>, Known) {
    let at = |zone: &&str| ListAt { list: list(zone), servers: Vec::new() };
    let inquiry = Inquiry {
        lists: zones.iter().map(at).collect(),
        resolvers: vec![resolver],
        timeout: TIMEOUT,
        limit: None,
        rate: Rate::Unlimited,
    };
    let mut known = Known { cache: Cache::with_room(100), ..Known::default() };
    let target: Target = "192.0.2.7".parse().expect("a target");
    let mut verdicts = Vec::new();
    let each = |report: Report| {
        verdicts.extend(report.verdicts.into_iter().flatten());
        ControlFlow::Continue(())
    };
    let findings = inquiry.run(std::iter::once(target), &mut known, NOW, each).expect("it runs");
    assert!(findings.rewrites.is_some() || known.cache.len() == zones.len());
    (verdicts, known)
}

/// Any time.
const NOW: u64 = 1_800_000_000;

#[test]
fn a_resolver_that_makes_addresses_up_is_blamed_and_not_the_list() {
    // It makes up what lists say, what blocked users are told, and what no list says.
    for (resolver, made_up) in [
        (rewriting::<0x7f00_0002>(), Ipv4Addr::new(127, 0, 0, 2)),
        (rewriting::<0x7f00_0001>(), Ipv4Addr::new(127, 0, 0, 1)),
        (rewriting::<0xcb00_7109>(), Ipv4Addr::new(203, 0, 113, 9)),
    ] {
        let (verdicts, known) = by_way_of(resolver, &["clean.test", "gone.test"]);
        let blamed = Verdict::Unknown(Reason::Rewritten(made_up));
        assert_eq!(verdicts, [blamed.clone(), blamed], "{made_up}");
        // Nothing of it is remembered.
        for zone in ["clean.test", "gone.test"] {
            let zone = zone.parse().expect("a name");
            assert_eq!(known.memory.evidence(&zone, &resolver.to_string(), NOW + 1), None);
        }
        assert!(known.cache.is_empty());
    }
}

#[test]
fn a_listing_that_comes_through_such_a_resolver_is_one() {
    let (verdicts, _) = by_way_of(rewriting::<0xcb00_7109>(), &["good.test", "multi.test"]);
    assert!(matches!(&verdicts[0], Verdict::Listed(listing) if listing.codes.len() == 1));
    assert!(matches!(&verdicts[1], Verdict::Listed(listing) if listing.codes.len() == 3));
    // One of its codes is the one that is made up, the others are its own.
    let (verdicts, _) = by_way_of(rewriting::<0x7f00_0002>(), &["multi.test", "world.test"]);
    assert!(matches!(&verdicts[0], Verdict::Listed(listing) if listing.codes.len() == 3));
    assert_eq!(verdicts[1], Verdict::Unknown(Reason::Rewritten(Ipv4Addr::new(127, 0, 0, 2))));
    // A list that lists everything says so of itself.
    let (verdicts, _) = by_way_of(rewriting::<0x7f00_0004>(), &["world.test"]);
    assert_eq!(verdicts, [Verdict::Unknown(Reason::Wildcarded)]);
}

#[test]
fn what_an_honest_resolver_says_is_remembered() {
    // It is no resolver and does not know the name that no zone has, which takes the time of a look-up.
    let resolver = server();
    let (verdicts, known) = by_way_of(resolver, &["clean.test"]);
    assert_eq!(verdicts, [Verdict::NotListed]);
    let zone = "clean.test".parse().expect("a name");
    assert!(known.memory.evidence(&zone, &resolver.to_string(), NOW + 1).is_some());
}

#[test]
fn what_a_limit_leaves_no_time_for_was_not_asked() {
    let at = ListAt { list: list("good.test"), servers: Vec::new() };
    let inquiry = Inquiry {
        lists: vec![at],
        resolvers: vec![server()],
        timeout: TIMEOUT,
        limit: Some(TIMEOUT),
        rate: Rate::AtMost(5.0),
    };
    let targets = (0..200_u32).map(|n| Target::Ipv4((0xc000_0200 + n).into()));
    let mut reasons = Vec::new();
    let each = |report: Report| {
        reasons.extend(report.verdicts.into_iter().flatten());
        ControlFlow::Continue(())
    };
    inquiry.run(targets, &mut Known::default(), NOW, each).expect("it runs");
    assert_eq!(reasons.len(), 200, "each has a report");
    assert_eq!(reasons[199], Verdict::Unknown(Reason::NotAsked));
    assert!(!reasons.contains(&Verdict::Unknown(Reason::TimedOut)), "nobody was silent");
}

#[test]
fn a_list_that_was_dead_before_is_asked_but_not_waited_for() {
    let lists = |dead: &str| vec![(list("good.test"), false), (list(dead), true)];
    let (reports, experiences) = survey_of(lists("dead.test"), &["192.0.2.7"], server());
    assert_eq!(reports[0].verdicts[1], Some(Verdict::Unknown(Reason::Dead)));
    assert_eq!(experiences[1].silent, 0, "nobody waited until it was silent");
    // One that answers again is heard; without others to wait for it is waited for.
    let again = vec![(list("clean.test"), true)];
    let (reports, _) = survey_of(again, &["192.0.2.7"], server());
    assert_eq!(reports[0].verdicts[0], Some(Verdict::NotListed));
}

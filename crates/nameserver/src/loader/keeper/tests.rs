//! What a keeper decides, step by step: time is an argument, and only files are real.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::time::Duration;

use repute_dnsxl::Polarity;
use repute_zone::DatasetKind;
use repute_zone::guard::Guards;

use super::*;
use crate::loader::build::{Conditions, build};
use crate::loader::config::{Content, Format, SoaConfig, SourceConfig, SourceOrigin};
use crate::loader::feed;

/// How long a file must be quiet.
const SETTLE: Duration = Duration::from_millis(200);

/// A folder with one list, and keepers of it.
struct Place(tempfile::TempDir);

impl Place {
    /// Writes the list into a new folder.
    fn new(list: &str) -> Place {
        let place = Place(tempfile::tempdir().unwrap());
        place.write(list);
        place
    }

    /// Writes the list.
    fn write(&self, list: &str) {
        fs::write(self.0.path().join("list"), list).unwrap();
    }

    /// Takes on the zone as after a start; without a word of its own it expires after `expire`.
    fn keeper(&self, expire: u32, now: Instant) -> Keeper {
        let name = |text: &str| text.parse().expect("a constant name");
        let (primary, contact) = (name("ns.example"), name("hm.example"));
        let (ttl, refresh, retry, negative_ttl) = (60, 600, 300, 60);
        let config = ZoneConfig {
            apex: name("bl.example"),
            polarity: Polarity::Block,
            soa: SoaConfig {
                primary,
                contact,
                ttl,
                refresh,
                retry,
                expire,
                negative_ttl,
                serial: None,
            },
            soa_is_given: false,
            name_servers: Vec::new(),
            name_server_ttl: 60,
            ttl: 60,
            min_ttl: 0,
            max_ttl: 0,
            return_codes: Vec::new(),
            test_entries: false,
            name_servers_in_answers: false,
            accept_host_bits: false,
            keep_last_good: true,
            guards: Guards::default(),
            acl: None,
            aclkey: None,
            content: Content::Lists(vec![SourceConfig {
                origin: SourceOrigin::Files(vec![self.0.path().join("list")]),
                format: Format::Rbldnsd(DatasetKind::Ip4set),
            }]),
        };
        let spool = Arc::new(Spool::open(&self.0.path().join("data")).unwrap());
        let patience = Duration::from_secs(60);
        let reading = Reading { settle: SETTLE, patience, max_unpacked: 1 << 20 };
        Keeper::new(ZoneIndex(0), config, reading, spool, now)
    }

    /// Serves a list, keeps it, and lets it be as old as this when the server starts anew, with a list
    /// that is not there any more; returns what the new server does.
    fn after_an_absence(list: &str, expire: u32, age: u64) -> Step {
        let place = Place::new(list);
        let now = Instant::now();
        let mut keeper = place.keeper(expire, now);
        assert!(matches!(keeper.load(now), Step::Serve(_)));
        keeper.keep();
        let kept = keeper.recipe.spool.zone(keeper.apex());
        let written = SystemTime::now() - Duration::from_secs(age);
        File::open(kept).unwrap().set_modified(written).unwrap();
        fs::remove_file(place.0.path().join("list")).unwrap();
        place.keeper(expire, now).load(now)
    }
}

#[test]
fn a_file_that_changed_meanwhile_is_waited_for_again() {
    let place = Place::new("192.0.2.1\n");
    let start = Instant::now();
    let mut keeper = place.keeper(1_000, start);
    keeper.look(start);
    assert_eq!(keeper.settle.due(), Some(start + SETTLE));
    // Nobody told of this one.
    place.write("192.0.2.1\n192.0.2.2\n");
    let first = start + SETTLE;
    assert!(matches!(keeper.settled(first), Step::Same));
    assert_eq!(keeper.settle.due(), Some(first + SETTLE));
    let Step::Serve(served) = keeper.settled(first + SETTLE) else { panic!("it is at rest now") };
    assert_eq!(served.zone.entries(), 2);
    assert_eq!(keeper.settle.due(), None);
    // What is as it was is not read again, unless somebody wants that.
    keeper.settle.disturb(first + SETTLE);
    assert!(matches!(keeper.settled(first + 2 * SETTLE), Step::Same));
    keeper.force(first + 2 * SETTLE);
    assert!(matches!(keeper.settled(first + 3 * SETTLE), Step::Serve(_)));
}

#[test]
fn the_last_good_zone_is_served_after_a_start_until_it_expires() {
    let list = "192.0.2.1\n";
    assert!(matches!(Place::after_an_absence(list, 1_000, 100), Step::Serve(_)));
    assert!(matches!(Place::after_an_absence(list, 1_000, 5_000), Step::Fail));
}

/// RFC 1035 section 3.3.13: the expire time is the zone's, so its own SOA says it, then as while running.
#[test]
fn the_last_good_zone_expires_as_its_own_soa_says() {
    let list =
        |expire: u32| format!("$SOA 60 ns.example. hm.example. 7 600 300 {expire} 60\n192.0.2.1\n");
    assert!(matches!(Place::after_an_absence(&list(9_000), 1_000, 5_000), Step::Serve(_)));
    assert!(matches!(Place::after_an_absence(&list(1_000), 9_000, 5_000), Step::Fail));
}

#[test]
fn the_configured_soa_stands_if_it_was_given_and_else_that_of_the_list() {
    let place = Place::new("$SOA 60 ns.list.example. hm.example. 7 600 300 900 60\n192.0.2.1\n");
    let now = Instant::now();
    for (given, origin) in [(false, "ns.list.example"), (true, "ns.example")] {
        let mut keeper = place.keeper(1_000, now);
        Arc::make_mut(&mut keeper.recipe.config).soa_is_given = given;
        let Step::Serve(served) = keeper.load(now) else { panic!("it is a good list") };
        let soa = served.zone.soa().expect("there always is one");
        assert_eq!(soa.origin.to_string(), origin);
    }
}

#[test]
fn a_list_that_is_written_to_while_it_is_read_is_not_built() {
    let place = Place::new("192.0.2.1\n");
    let keeper = place.keeper(1_000, Instant::now());
    let feed = |_: &FeedConfig| PathBuf::new();
    let write = |_| place.write("192.0.2.1\n192.0.2.2\n");
    let conditions =
        Conditions { progress: Some(&write), ..keeper.recipe.conditions(&feed, &keeper.standing) };
    assert!(matches!(build(&keeper.recipe.config, &conditions), Err(BuildError::Changed { .. })));
    assert!(
        build(&keeper.recipe.config, &keeper.recipe.conditions(&feed, &keeper.standing)).is_ok(),
        "at rest it is"
    );
}

#[test]
fn times_to_live_are_kept_inside_the_configured_limits() {
    let now = Instant::now();
    for (written, expect) in [(10, 30), (30, 30), (45, 45), (90, 90), (100, 90)] {
        let place = Place::new(&format!("$TTL {written}\n192.0.2.1\n"));
        let mut keeper = place.keeper(1_000, now);
        let config = Arc::make_mut(&mut keeper.recipe.config);
        (config.min_ttl, config.max_ttl) = (30, 90);
        let Step::Serve(served) = keeper.load(now) else { panic!("it is a good list") };
        assert_eq!(served.zone.datasets()[0].header().ttl, expect, "{written}");
    }
}

#[test]
fn data_past_their_time_stamp_are_served_until_the_expire_time_and_no_longer() {
    let place = Place::new("$TIMESTAMP 2020:01:01 2020:01:02\n192.0.2.1\n");
    let (good_until, expire) = (1_577_923_200, 1_000_000_000);
    let now = Instant::now();
    let mut keeper = place.keeper(expire, now);
    assert!(matches!(keeper.load(now), Step::Serve(_)));
    assert!(matches!(keeper.expire(good_until + u64::from(expire)), Step::Same));
    assert!(matches!(keeper.expire(good_until + u64::from(expire) + 1), Step::Fail));
}

#[test]
fn a_list_that_was_cut_by_mistake_may_come_back() {
    let whole = "1.0.0.0/9\n3.0.0.0/9\n5.0.0.0/9\n";
    let place = Place::new(whole);
    let now = Instant::now();
    let mut keeper = place.keeper(1_000, now);
    for (list, served) in [
        (whole, true),
        ("192.0.2.1\n", true),
        ("192.0.2.2\n", true),
        (whole, true),
        ("1.0.0.0/9\n3.0.0.0/9\n5.0.0.0/9\n7.0.0.0/9\n9.0.0.0/9\n", false),
    ] {
        place.write(list);
        keeper.look(now);
        assert_eq!(matches!(keeper.load(now), Step::Serve(_)), served, "{list}");
    }
}

/// What a feed brings takes the place of the last good copy only if it is served.
#[test]
fn a_feed_that_is_refused_leaves_the_last_good_copy() {
    let place = Place::new("");
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let feed = FeedConfig {
        url: format!("http://{}/list", listener.local_addr().unwrap()),
        interval: Duration::from_secs(60),
        timeout: Duration::from_secs(10),
        max_size: 1 << 20,
    };
    let server = std::thread::spawn(move || {
        for body in ["192.0.2.1\n", "<p>come back later</p>\n"] {
            let (mut stream, _) = listener.accept().unwrap();
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
            while lines.next().is_some_and(|line| !line.unwrap().is_empty()) {}
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n", body.len());
            stream.write_all(format!("{head}connection: close\r\n\r\n{body}").as_bytes()).unwrap();
        }
    });
    let now = Instant::now();
    let mut keeper = place.keeper(1_000, now);
    let mut config = ZoneConfig::clone(&keeper.recipe.config);
    config.content = Content::Lists(vec![SourceConfig {
        origin: SourceOrigin::Feed(feed.clone()),
        format: Format::Rbldnsd(DatasetKind::Ip4set),
    }]);
    keeper.configure(config, keeper.recipe.reading, now);
    let copy = keeper.recipe.spool.feed(&feed.url);
    let mut fetch = || keeper.fetched(&feed.url, feed::fetch(&feed, &copy), now, 0);
    assert!(matches!(fetch(), Step::Serve(_)));
    assert!(matches!(fetch(), Step::Same));
    assert_eq!(fs::read_to_string(&copy).unwrap(), "192.0.2.1\n");
    assert!(keeper.status().last_error.is_some());
    server.join().unwrap();
}

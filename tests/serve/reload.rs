//! A running server takes over a changed configuration, as `repute reload` and SIGHUP ask for it:
//! what changes, what does not, and that nobody who asks meanwhile goes without an answer.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::dns::{ask, ask_version, listed, rcode, until};
use crate::process::{Place, Served, zone};
use crate::web;

/// Puts another configuration into the place of the server's, and has it taken over.
fn reload(place: &Place, server: &Served<'_>, config: &str) -> (i32, String) {
    place.write("repute.toml", config);
    server.reload()
}

#[test]
fn zones_come_change_and_go_while_all_queries_are_answered() {
    let place = Place::new();
    place.write("a.txt", "192.0.2.1\n");
    place.write("b.txt", "192.0.2.2\n");
    let first = place.config("addresses", &["a.txt"]);
    let second = zone("other.example", "addresses", &["b.txt"]);
    let server = Served::start(&place, &first);
    assert_eq!(rcode(server.dns, "2.2.0.192.other.example"), 5, "REFUSED");
    let (over, asked) = (AtomicBool::new(false), AtomicU64::new(0));
    std::thread::scope(|scope| {
        // A query that is lost, or answered from nothing, fails here.
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                assert!(listed(server.dns, "1.2.0.192.bl.example"));
                asked.fetch_add(1, Ordering::Relaxed);
            }
        });
        let _end = End(&over);
        let (code, shown) = reload(&place, &server, &format!("{first}{second}"));
        assert_eq!(code, 0, "{shown}");
        assert!(listed(server.dns, "2.2.0.192.other.example"), "added");
        assert!(shown.contains("bl.example: 1 entries") && shown.contains("other.example: 1"));

        let ttl = |text: &str| {
            first.replace("[[zone.source]]", &format!("ttl = \"{text}\"\n[[zone.source]]"))
        };
        assert_eq!(reload(&place, &server, &format!("{}{second}", ttl("5m"))).0, 0);
        assert_eq!(ask(server.dns, "1.2.0.192.bl.example").ttl, Some(300), "changed");
        place.write("c.txt", "192.0.2.1\n192.0.2.3\n");
        let files = ttl("5m").replace("a.txt", "c.txt");
        assert_eq!(reload(&place, &server, &format!("{files}{second}")).0, 0);
        assert!(listed(server.dns, "3.2.0.192.bl.example"), "from another file");
        place.write("c.txt", "192.0.2.1\n192.0.2.4\n");
        until("the new file is watched", || listed(server.dns, "4.2.0.192.bl.example"));

        let (code, shown) = reload(&place, &server, &files);
        assert_eq!((code, shown.contains("other.example: removed")), (0, true), "{shown}");
        assert_eq!(rcode(server.dns, "2.2.0.192.other.example"), 5, "gone");
        assert!(!server.run(&["status"]).1.contains("other.example"));
        let reversed = place.header() + &second + &zone("bl.example", "addresses", &["c.txt"]);
        assert_eq!(reload(&place, &server, &reversed).0, 0);
        assert_eq!(server.answers("other.example"), 0, "counted by itself when it comes back");
        assert!(
            server.answers("bl.example") > 0,
            "counted on, in whatever order zones are written"
        );
        let before = asked.load(Ordering::Relaxed);
        until("asked on", || asked.load(Ordering::Relaxed) > before + 100);
    });
    server.stop();
}

/// Says that it is over when a test ends, however that is.
struct End<'a>(&'a AtomicBool);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn a_faulty_configuration_is_shown_and_the_old_one_stays() {
    let place = Place::new();
    place.write("a.txt", "192.0.2.1\n");
    let config = place.config("addresses", &["a.txt"]);
    let server = Served::start(&place, &config);
    let mut faulty = config.clone() + "tll = \"5m\"\n";
    let line = faulty.lines().count();
    let (code, shown) = reload(&place, &server, &faulty);
    assert_eq!(code, 2, "{shown}");
    assert!(shown.contains(&format!("repute.toml:{line}:1: ")), "{shown}");
    assert!(shown.contains("unknown field `tll`"), "{shown}");
    assert_eq!(server.logged("the configuration is not taken over").matches("`tll`").count(), 1);
    faulty = config.replace("addresses", "adresses");
    let (code, shown) = reload(&place, &server, &faulty);
    assert!(code == 2 && shown.contains("adresses"), "{shown}");
    fs::write(place.path("repute.toml"), "[server").unwrap();
    let (code, shown) = server.reload();
    assert!(code == 2 && shown.contains("not TOML"), "{shown}");

    // SIGHUP: the lists are read by the configuration that is in force.
    place.write("a.txt", "192.0.2.1\n192.0.2.2\n");
    server.signal("HUP");
    until("read again", || listed(server.dns, "2.2.0.192.bl.example"));
    assert!(listed(server.dns, "1.2.0.192.bl.example"));
    assert_eq!(reload(&place, &server, &config).0, 0, "well again");
    server.stop();
}

#[test]
fn what_needs_a_restart_is_named_in_one_line_and_the_rest_is_taken_over() {
    let place = Place::new();
    place.write("a.txt", "192.0.2.1\n");
    let config = place.config("addresses", &["a.txt"]);
    let server = Served::start(&place, &config);
    assert_eq!(ask_version(server.dns), ["repute"]);
    let changed =
        config.replace("127.0.0.1:0", "127.0.0.2:0").replace("[server]", "[server]\nworkers = 3");
    let changed = changed + "[nameserver]\nversion = \"none of your business\"\n";
    let (code, shown) = reload(&place, &server, &changed);
    assert_eq!(code, 0, "{shown}");
    let lines: Vec<_> = shown.lines().filter(|line| line.contains("restart")).collect();
    assert_eq!(lines, ["only a restart takes over server.listen, server.workers"]);
    assert_eq!(ask_version(server.dns), ["none of your business"]);
    let (_, shown) = reload(&place, &server, &config);
    assert!(!shown.contains("restart"), "as it was at the start: {shown}");
    assert_eq!(ask_version(server.dns), ["repute"]);
    server.stop();
}

#[test]
fn access_lists_come_and_go_and_one_that_cannot_be_read_changes_nothing() {
    let place = Place::new();
    place.write("a.txt", "192.0.2.1\n");
    place.write("refuse.acl", "127.0.0.0/8 :refuse\n");
    let config = place.config("addresses", &["a.txt"]);
    let server = Served::start(&place, &config);
    let asked = || rcode(server.dns, "1.2.0.192.bl.example");
    let global = |acl: &str| format!("{config}[nameserver]\nacl = \"{acl}\"\n");
    let (code, shown) = reload(&place, &server, &global("absent.acl"));
    assert_eq!((code, asked()), (1, 0), "{shown}");
    assert!(shown.contains("the access list for all zones is not reloaded"), "{shown}");
    assert_eq!((reload(&place, &server, &global("refuse.acl")).0, asked()), (0, 5));
    assert_eq!((reload(&place, &server, &global("absent.acl")).0, asked()), (1, 5));
    assert_eq!((reload(&place, &server, &config).0, asked()), (0, 0));

    let own =
        |acl: &str| config.replace("[[zone.source]]", &format!("acl = \"{acl}\"\n[[zone.source]]"));
    assert_eq!((reload(&place, &server, &own("refuse.acl")).0, asked()), (0, 5));
    assert_eq!((reload(&place, &server, &own("absent.acl")).0, asked()), (1, 5));
    assert_eq!((reload(&place, &server, &config).0, asked()), (0, 0));
    server.stop();
}

#[test]
fn guards_are_taken_over() {
    let place = Place::new();
    place.write("a.txt", "192.0.2.1\n");
    let config = place.config("addresses", &["a.txt"]);
    let server = Served::start(&place, &config);
    place.write("a.txt", "10.0.0.0/8\n");
    let (_, shown) = server.reload();
    assert!(
        shown.contains("set `ipv4-prefix = 7` and `ipv4-growth = 7` in [zone.guards]"),
        "{shown}"
    );
    assert!(!listed(server.dns, "1.0.0.10.bl.example"));
    let guards = "[zone.guards]\nipv4-prefix = 7\nipv4-growth = 7\n[[zone.source]]";
    assert_eq!(reload(&place, &server, &config.replace("[[zone.source]]", guards)).0, 0);
    assert!(listed(server.dns, "1.0.0.10.bl.example"));
    server.stop();
}

#[test]
fn what_failed_before_is_no_failure_of_this_reload() {
    let place = Place::new();
    place.write("a.txt", "192.0.2.1\n");
    place.write("b.txt", "0.0.0.0/1\n");
    place.write("c.txt", "192.0.2.3\n");
    let header = place.header() + "[loader]\nwatch = false\n";
    let first = header + &zone("bl.example", "addresses", &["a.txt"]);
    let second = zone("other.example", "addresses", &["b.txt"]);
    let third = zone("third.example", "addresses", &["c.txt"]);
    let config = first + &second;
    let server = Served::start(&place, &config);
    let old = "repute: warning: other.example: refused as before this reload: all of 0.0.0.0/1";
    let (code, shown) = server.reload();
    assert!(code == 0 && shown.contains(old), "{code} {shown}");
    let (code, shown) = reload(&place, &server, &format!("{config}{third}"));
    assert!(code == 0 && shown.contains(old) && shown.contains("third.example: 1"), "{shown}");

    place.write("c.txt", "0.0.0.0/1\n");
    let (code, shown) = server.reload();
    assert!(
        code == 1 && shown.contains("third.example: refused: ") && shown.contains(old),
        "{shown}"
    );
    let (code, shown) = server.reload();
    assert!(code == 0 && shown.contains("third.example: refused as before"), "{shown}");
    place.write("b.txt", "128.0.0.0/1\n");
    let (code, shown) = server.reload();
    assert!(code == 1 && shown.contains("other.example: refused: all of 128.0.0.0/1"), "{shown}");
    let acl = format!("{config}{third}[nameserver]\nacl = \"absent.acl\"\n");
    assert_eq!(reload(&place, &server, &acl).0, 1, "that is new");
    let (code, shown) = server.reload();
    assert!(code == 0 && shown.contains("warning: as before this reload: the access"), "{shown}");
    server.stop();
}

#[test]
fn a_server_is_found_until_a_moved_control_socket_is_taken_over() {
    let place = Place::new();
    place.write("a.txt", "192.0.2.1\n");
    let config = place.config("addresses", &["a.txt"]);
    let server = Served::start(&place, &config);
    for change in ["data-dir = \"elsewhere\"", "data-dir = \"data\"\ncontrol = \"elsewhere\""] {
        place.write("a.txt", &format!("192.0.2.1\n192.0.2.2\n# {change}\n"));
        let (code, shown) = reload(&place, &server, &config.replace("data-dir = \"data\"", change));
        assert_eq!(code, 0, "{shown}");
        assert!(shown.contains("data/control until it is restarted, and not at "), "{shown}");
        assert!(shown.contains("bl.example: 2 entries"), "{shown}");
        assert!(shown.contains("only a restart takes over server."), "{shown}");
        let (code, shown) = server.run(&["status"]);
        assert!(code == 0 && shown.contains("bl.example"), "{shown}");
    }
    // Another configuration has no server, whatever else runs here.
    place.write("other.toml", &config.replace("\"data\"", "\"nowhere\""));
    let output = place.command(&["status", "--config", "other.toml"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(
        String::from_utf8_lossy(&output.stderr).contains("no server answers at nowhere/control")
    );
    server.stop();
}

#[test]
fn the_query_log_is_switched_on_moved_and_off() {
    let place = Place::new();
    place.write("a.txt", "192.0.2.1\n");
    let config = place.config("addresses", &["a.txt"]);
    let server = Served::start(&place, &config);
    let ask = |last: u8| rcode(server.dns, &format!("{last}.2.0.192.bl.example"));
    let log = |file: &str| {
        format!("{config}[nameserver.query-log]\nqueries = \"all\"\ndestination = \"{file}\"\n")
    };
    let lines = |file: &str| {
        let text = fs::read_to_string(place.path(file)).unwrap();
        text.lines().map(|line| line.split(' ').nth(3).unwrap().to_owned()).collect::<Vec<_>>()
    };
    ask(1);
    assert_eq!(reload(&place, &server, &log("one.log")).0, 0);
    ask(2);
    assert_eq!(reload(&place, &server, &log("two.log")).0, 0);
    assert_eq!(lines("one.log"), ["2.2.0.192.bl.example"]);
    ask(3);
    let (code, shown) = reload(&place, &server, &log("absent/three.log"));
    assert!(code == 1 && shown.contains("the query log stays as it is"), "{shown}");
    ask(4);
    assert_eq!(reload(&place, &server, &config).0, 0);
    ask(5);
    assert_eq!(lines("two.log"), ["3.2.0.192.bl.example", "4.2.0.192.bl.example"]);
    let mode = fs::metadata(place.path("two.log")).unwrap().permissions().mode();
    assert_eq!(mode & 0o007, 0, "it names clients");
    server.stop();
}

#[test]
fn a_feed_comes_into_the_place_of_a_file_and_the_zone_answers_all_the_while() {
    let place = Place::new();
    place.write("a.txt", "192.0.2.1\n");
    let config = place.config("addresses", &["a.txt"]);
    let server = Served::start(&place, &config);
    let feed = web::Feed::start("192.0.2.2\n");
    let url = format!("url = \"{}\"", feed.url());
    place.write("repute.toml", &config.replace("files = [\"a.txt\"]", &url));
    server.signal("HUP");
    until("fetched", || {
        let old = listed(server.dns, "1.2.0.192.bl.example");
        let new = listed(server.dns, "2.2.0.192.bl.example");
        assert!(old || new, "nothing is served");
        new
    });
    feed.says("192.0.2.3\n");
    server.signal("HUP");
    until("fetched again", || listed(server.dns, "3.2.0.192.bl.example"));
    let (code, shown) = server.run(&["zone", "lookup", "192.0.2.3"]);
    let line = format!("by {}, line 1 of its copy data/feeds/", feed.url());
    assert!(code == 0 && shown.contains(&line), "{shown}");
    assert_eq!(reload(&place, &server, &config).0, 0);
    assert!(listed(server.dns, "1.2.0.192.bl.example"));
    server.stop();
}

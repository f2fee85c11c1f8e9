//! Lists that go from one server to another, with the real binary on both sides: a change at the portal is answered by
//! the server that follows it, which starts without the portal, and is told when it may not have the lists.

#[path = "serve/dns.rs"]
#[expect(dead_code, reason = "these tests need a part of the client")]
mod dns;
#[path = "serve/free.rs"]
mod free;
#[path = "serve/process.rs"]
#[expect(dead_code, reason = "these tests need a part of what tests of the command need")]
mod process;

use std::net::SocketAddr;

use dns::{ask_txt, listed, rcode, until};
use free::free_address;
use process::{Place, Served};

/// A portal with a list, on a port that stays the same.
struct Portal {
    /// Its folder.
    place: Place,
    /// Where it listens.
    address: SocketAddr,
}

impl Portal {
    /// Makes the list.
    fn new() -> Portal {
        let place = Place::new();
        std::fs::create_dir(place.path("data")).unwrap();
        let address = free_address();
        let portal = Portal { place, address };
        portal.place.write("repute.toml", &portal.config());
        portal.run(&["registry", "list", "add", "bl.example", "--template", "blocklist"]);
        portal.changes("add", "192.0.2.0/24");
        portal
    }

    /// Its configuration.
    fn config(&self) -> String {
        format!(
            "{}[registry]\ndatabase = \"registry.db\"\n[portal]\nlisten = \"{}\"\n\
             public-url = \"http://localhost:{}\"\n",
            self.place.header(),
            self.address,
            self.address.port()
        )
    }

    /// Starts it.
    fn start(&self) -> Served<'_> {
        Served::start(&self.place, &self.config())
    }

    /// Runs a command in its folder; what that prints.
    fn run(&self, args: &[&str]) -> String {
        let output = self.place.command(args).args(["--config", "repute.toml"]).output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{args:?}: {errors}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Lists a network, or takes it off.
    fn changes(&self, verb: &str, network: &str) {
        let mut args = vec!["registry", "entry", verb, "bl.example", network, "--reason", "a test"];
        if verb == "add" {
            args.extend(["--text", "see https://bl.example/$"]);
        }
        self.run(&args);
    }

    /// The configuration of a server that follows it, with a token of its own.
    fn follower(&self, place: &Place, name: &str) -> String {
        place.write("token", &self.run(&["registry", "subscriber", "add", name]));
        format!("{}{}", place.header(), self.follow())
    }

    /// What a follower's configuration says of it.
    fn follow(&self) -> String {
        let keys = self.run(&["registry", "distribution", "key"]);
        let keys: Vec<String> =
            keys.lines().map(|line| format!("\"{}\"", line.split(' ').next().unwrap())).collect();
        format!(
            "[[follow]]\nurl = \"http://{}\"\ntoken-file = \"token\"\npublic-keys = [{}]\n",
            self.address,
            keys.join(", ")
        )
    }
}

#[test]
fn a_change_at_the_portal_is_answered_where_it_is_followed_and_without_the_portal() {
    let (portal, place) = (Portal::new(), Place::new());
    let config = portal.follower(&place, "ns2.example");
    let publisher = portal.start();
    let server = Served::start(&place, &config);
    let is_there = |server: &Served<'_>, name: &str| listed(server.dns, name);
    until("the list is followed", || is_there(&server, "1.2.0.192.bl.example"));
    let text = ask_txt(server.dns, "7.2.0.192.bl.example");
    assert_eq!(text.answers, ["see https://bl.example/192.0.2.7"]);
    let same = |name: &str| {
        let (here, there) = (ask_txt(server.dns, name), ask_txt(publisher.dns, name));
        assert_eq!((here.rcode, here.answers, here.ttl), (there.rcode, there.answers, there.ttl));
    };
    for name in ["7.2.0.192.bl.example", "2.0.0.127.bl.example", "1.0.0.127.bl.example"] {
        same(name);
    }
    portal.changes("add", "198.51.100.7");
    portal.changes("remove", "192.0.2.0/24");
    until("what came is there", || is_there(&server, "7.100.51.198.bl.example"));
    until("what went is gone", || rcode(server.dns, "1.2.0.192.bl.example") == 3);
    assert_eq!(server.serial("bl.example"), publisher.serial("bl.example"));
    let (code, status) = server.run(&["status"]);
    assert!(code == 0 && status.contains("bl.example") && !status.contains("stale"), "{status}");
    let seen = portal.run(&["registry", "subscriber", "list"]);
    assert!(seen.contains("ns2.example  all lists") && seen.contains("seen 2"), "{seen}");

    // Both are killed; the follower starts alone, and goes on once the portal is there again.
    publisher.kill();
    server.kill();
    let server = Served::start(&place, &config);
    assert!(is_there(&server, "7.100.51.198.bl.example"), "at once");
    server.logged("the portal does not answer");
    let (_, status) = server.run(&["status"]);
    assert!(status.contains("stale") && status.contains("the portal does not answer"), "{status}");
    portal.changes("add", "203.0.113.9");
    let publisher = portal.start();
    until("it is followed again", || is_there(&server, "9.113.0.203.bl.example"));
    until("and told so", || !server.run(&["status"]).1.contains("stale"));
    publisher.stop();
    server.stop();
}

#[test]
fn who_may_not_have_a_list_is_told_why_and_goes_on_with_what_he_has() {
    let (portal, place) = (Portal::new(), Place::new());
    let config = portal.follower(&place, "ns2.example");
    let publisher = portal.start();
    let server = Served::start(&place, &config);
    until("the list is followed", || listed(server.dns, "1.2.0.192.bl.example"));
    portal.run(&["registry", "subscriber", "revoke", "ns2.example"]);
    portal.changes("add", "198.51.100.7");
    server.logged("does not take the token in");
    let (_, status) = server.run(&["status"]);
    assert!(status.contains("wrong or revoked"), "{status}");
    assert!(listed(server.dns, "1.2.0.192.bl.example"));
    // Another token, which needs no restart.
    place.write("token", &portal.run(&["registry", "subscriber", "add", "ns2.example"]));
    until("it goes on", || listed(server.dns, "7.100.51.198.bl.example"));
    server.stop();
    // By another key than the one it was told nothing is believed, its own spool neither.
    let other = "ed25519:d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
    let (before, _) = config.split_once("public-keys").unwrap();
    let server = Served::start(&place, &format!("{before}public-keys = [\"{other}\"]\n"));
    server.logged("forged, or signed by another key");
    assert!(!listed(server.dns, "7.100.51.198.bl.example"));
    server.stop();
    publisher.stop();
}

#[test]
fn a_follower_that_is_killed_again_and_again_has_what_was_published() {
    let (portal, place) = (Portal::new(), Place::new());
    let config = portal.follower(&place, "ns2.example");
    let publisher = portal.start();
    let mut server = Served::start(&place, &config);
    until("the list is followed", || listed(server.dns, "1.2.0.192.bl.example"));
    for round in 0..6 {
        portal.changes("add", &format!("198.51.100.{round}"));
        // In some rounds before the change came, in some after it.
        if round % 2 == 0 {
            let name = format!("{round}.100.51.198.bl.example");
            until("it is followed", || listed(server.dns, &name));
        }
        server.kill();
        server = Served::start(&place, &config);
        assert!(listed(server.dns, "1.2.0.192.bl.example"), "at once, in round {round}");
    }
    for round in 0..6 {
        let name = format!("{round}.100.51.198.bl.example");
        until("nothing is lost", || listed(server.dns, &name));
    }
    publisher.stop();
    server.stop();
}

#[test]
fn a_backup_that_is_restored_under_a_server_is_answered_by_it_and_where_it_is_followed() {
    let (portal, place) = (Portal::new(), Place::new());
    let config = portal.follower(&place, "ns2.example");
    let publisher = portal.start();
    let server = Served::start(&place, &config);
    until("the list is followed", || listed(server.dns, "1.2.0.192.bl.example"));
    portal.run(&["backup", "lists.backup"]);
    portal.changes("add", "198.51.100.7");
    portal.changes("remove", "192.0.2.0/24");
    until("what went is gone", || rcode(server.dns, "1.2.0.192.bl.example") == 3);
    portal.run(&["restore", "--force", "lists.backup"]);
    for dns in [publisher.dns, server.dns] {
        until("what was there is there again", || listed(dns, "1.2.0.192.bl.example"));
        until("what came is gone", || rcode(dns, "7.100.51.198.bl.example") == 3);
    }
    portal.changes("add", "203.0.113.9");
    for dns in [publisher.dns, server.dns] {
        until("it goes on", || listed(dns, "9.113.0.203.bl.example"));
    }
    assert_eq!(server.serial("bl.example"), publisher.serial("bl.example"));
    let (code, status) = server.run(&["status"]);
    assert!(code == 0 && !status.contains("stale"), "{status}");
    publisher.stop();
    server.stop();
}

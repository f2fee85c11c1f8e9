//! A list that had entries and comes back without any is refused, however it comes.

use std::fs;

use crate::dns::{listed, rcode, until};
use crate::process::{Place, Served};
use crate::web;

/// Tells zones that may come back empty.
const ALLOWED: &str = "[zone.guards]\nallow-empty = true\n[[zone.source]]";

#[test]
fn an_emptied_file_is_refused_until_the_zone_allows_it() {
    let place = Place::new();
    place.write("a.txt", "192.0.2.1\n192.0.2.2\n");
    let config = place.config("addresses", &["a.txt"]);
    let server = Served::start(&place, &config);
    for emptied in ["", "# all gone\n\n"] {
        place.write("a.txt", emptied);
        // Whether this reload refuses it or the change of the file just before is a matter of luck.
        let (_, shown) = server.reload();
        assert!(shown.contains("that had 2 entries comes back empty"), "{shown}");
        assert!(shown.contains("allow-empty"), "{shown}");
        assert!(listed(server.dns, "1.2.0.192.bl.example"));
    }
    server.kill();

    // A restart forgets nothing.
    let server = Served::start(&place, &config);
    assert!(listed(server.dns, "1.2.0.192.bl.example"));
    assert!(server.run(&["status"]).1.contains("comes back empty"));
    place.write("repute.toml", &config.replace("[[zone.source]]", ALLOWED));
    assert_eq!(server.reload().0, 0);
    assert_eq!(rcode(server.dns, "1.2.0.192.bl.example"), 3, "NXDOMAIN");

    // What is empty may stay so.
    place.write("repute.toml", &config);
    place.write("a.txt", "# still\n");
    assert_eq!(server.reload().0, 0);
    server.stop();
}

#[test]
fn a_list_that_is_empty_at_the_first_start_is_served_with_a_warning() {
    let place = Place::new();
    place.write("a.txt", "");
    let server = Served::start(&place, &place.config("addresses", &["a.txt"]));
    assert_eq!(rcode(server.dns, "1.2.0.192.bl.example"), 3, "NXDOMAIN");
    assert!(listed(server.dns, "2.0.0.127.bl.example"), "the test entry");
    server.logged("`bl.example` is served although a list of it has no entries");
    place.write("a.txt", "192.0.2.1\n");
    until("filled", || listed(server.dns, "1.2.0.192.bl.example"));
    server.stop();
}

#[test]
fn an_emptied_feed_is_refused_as_a_file_is() {
    let place = Place::new();
    let feed = web::Feed::start("192.0.2.1\n");
    let config = place.config("addresses", &["a.txt"]);
    let config = config.replace("files = [\"a.txt\"]", &format!("url = \"{}\"", feed.url()));
    let server = Served::start(&place, &config);
    until("fetched", || listed(server.dns, "1.2.0.192.bl.example"));
    for emptied in ["", "# all gone\n"] {
        feed.says("192.0.2.1\n");
        server.signal("HUP");
        until("well", || !server.run(&["status"]).1.contains("comes back empty"));
        feed.says(emptied);
        server.signal("HUP");
        until("refused", || server.run(&["status"]).1.contains("comes back empty"));
        assert!(listed(server.dns, "1.2.0.192.bl.example"));
    }
    fs::write(place.path("repute.toml"), config.replace("[[zone.source]]", ALLOWED)).unwrap();
    server.signal("HUP");
    until("taken", || rcode(server.dns, "1.2.0.192.bl.example") == 3);
    server.stop();
}

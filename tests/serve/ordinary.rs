//! Ordinary zones from master files: served, changed, broken, looked through.

use crate::dns::{ask, ask_txt, rcode, until};
use crate::process::{Place, Served};

/// A configuration with these tables.
fn config(place: &Place, tables: &str) -> String {
    format!("{}{tables}", place.header())
}

/// A zone with a serial and these lines.
fn zone(serial: u32, lines: &str) -> String {
    format!(
        "$TTL 60\n@ SOA ns1 hostmaster {serial} 3600 900 1w 300\n@ NS ns1\n@ NS ns2\nns1 A 192.0.2.1\n\
         ns2 A 198.51.100.1\n{lines}"
    )
}

#[test]
fn master_files_are_served_beside_lists_and_taken_over_when_they_change() {
    let place = Place::new();
    place.write("a.txt", "192.0.2.1\n");
    place.write("a.zone", &zone(1, "www A 192.0.2.80\nbl CNAME www\n$INCLUDE more\n"));
    place.write("more", "t TXT one\n");
    let tables = "[[primary]]\napex = \"a.example\"\nfile = \"a.zone\"\n\
                  [[primary]]\napex = \"b.example\"\nrecords = [\"@ NS ns1.a.example.\", \"* A 192.0.2.9\"]\n";
    let text = format!("{}{tables}", place.config("addresses", &["a.txt"]));
    let server = Served::start(&place, &text);
    assert_eq!(ask(server.dns, "www.a.example").answers, ["192.0.2.80"]);
    assert_eq!(ask(server.dns, "any.b.example").answers, ["192.0.2.9"]);
    assert_eq!(ask_txt(server.dns, "t.a.example").answers, ["one"]);
    assert_eq!(
        ask(server.dns, "1.2.0.192.bl.example").answers,
        ["127.0.0.2"],
        "lists are answered too"
    );
    assert_eq!(rcode(server.dns, "nobody.a.example"), 3);

    place.write("a.zone", &zone(2, "www A 192.0.2.81\n$INCLUDE more\n"));
    until("an edit", || ask(server.dns, "www.a.example").answers == ["192.0.2.81"]);
    place.write("more", "t TXT two\n");
    until("an edit of what is included", || ask_txt(server.dns, "t.a.example").answers == ["two"]);
    let (_, status) = server.run(&["status"]);
    assert!(status.contains("its serial is still 2: secondaries do not fetch it"), "{status}");

    // Half a zone is worse than the one before.
    place.write("a.zone", &zone(3, "www A 192.0.2.82\nmail A 192.0.2.300\n"));
    until("the fault is told", || {
        server.run(&["status"]).1.contains("a.zone:8: the data of the A record")
    });
    assert_eq!(ask(server.dns, "www.a.example").answers, ["192.0.2.81"]);
    let (code, checked) = server.run(&["zone", "check", "a.example"]);
    assert_eq!(code, 2, "{checked}");
    assert!(checked.contains("a.zone:8:") && checked.contains("would not be served"), "{checked}");
    place.write("a.zone", &zone(1, "www A 192.0.2.82\n"));
    until("it is mended", || ask(server.dns, "www.a.example").answers == ["192.0.2.82"]);
    let (code, status) = server.run(&["reload", "a.example"]);
    assert_eq!(code, 0, "{status}");
    place.write("a.zone", &zone(0, "www A 192.0.2.83\n"));
    let (code, checked) = server.run(&["zone", "check", "a.example"]);
    assert!(code == 1 && checked.contains("the serial goes back from 1"), "{checked}");
    let (_, exported) = server.run(&["zone", "export", "b.example"]);
    assert!(exported.contains("*.b.example.\t3600\tIN\tA\t192.0.2.9"), "{exported}");

    // One zone goes with its table.
    place.write(
        "repute.toml",
        &text.replace("[[primary]]\napex = \"b.example\"", "[[primary]]\napex = \"c.example\""),
    );
    let (code, shown) = server.reload();
    assert_eq!((code, shown.contains("b.example: removed")), (0, true), "{shown}");
    assert_eq!(rcode(server.dns, "any.b.example"), 5);
    assert_eq!(ask(server.dns, "any.c.example").answers, ["192.0.2.9"]);
    server.stop();
}

#[test]
fn a_zone_that_cannot_be_read_at_the_start_keeps_no_other_from_being_served() {
    let place = Place::new();
    place.write("good.zone", &zone(1, "www A 192.0.2.80\n"));
    place.write("bad.zone", "www A 192.0.2.80\n");
    let tables = ["good", "bad", "missing"]
        .map(|name| format!("[[primary]]\napex = \"{name}.example\"\nfile = \"{name}.zone\"\n"))
        .concat();
    let server = Served::start(&place, &config(&place, &tables));
    assert_eq!(ask(server.dns, "www.good.example").answers, ["192.0.2.80"]);
    assert_eq!(
        rcode(server.dns, "www.bad.example"),
        2,
        "it is ours, and there is nothing to answer from"
    );
    let (_, status) = server.run(&["status", "--json"]);
    assert!(status.contains("bad.zone:1: the record has no time to live"), "{status}");
    assert!(status.contains("missing.zone: No such file"), "{status}");
    place.write("missing.zone", &zone(1, "www A 192.0.2.82\n"));
    until("it is there", || ask(server.dns, "www.missing.example").answers == ["192.0.2.82"]);
    server.stop();
}

#[test]
fn a_zone_is_served_as_it_was_if_its_file_is_broken_or_gone_at_a_restart() {
    let place = Place::new();
    let names = ["broken", "gone", "whole"];
    let tables = names
        .map(|name| format!("[[primary]]\napex = \"{name}.example\"\nfile = \"{name}.zone\"\n"))
        .concat();
    for name in names {
        place.write(&format!("{name}.zone"), &zone(7, "www A 192.0.2.80\n"));
    }
    let server = Served::start(&place, &config(&place, &tables));
    for name in names {
        assert_eq!(ask(server.dns, &format!("www.{name}.example")).answers, ["192.0.2.80"]);
    }
    server.stop();
    place.write("broken.zone", &zone(8, "www A 192.0.2.300\n"));
    std::fs::remove_file(place.path("gone.zone")).expect("it was there");
    place.write("whole.zone", &zone(8, "www A 192.0.2.81\n"));
    let server = Served::start(&place, &config(&place, &tables));
    for (name, last) in names.into_iter().zip([80, 80, 81]) {
        let answers = ask(server.dns, &format!("www.{name}.example")).answers;
        assert_eq!(answers, [format!("192.0.2.{last}")], "{name}");
    }
    let (_, status) = server.run(&["status", "--json"]);
    for why in ["broken.zone:7: the data of the A record", "gone.zone: No such file"] {
        let line = status.lines().find(|line| line.contains(why)).expect(why);
        assert!(line.contains("; serial 7 is served"), "{line}");
    }
    assert_eq!(status.matches("\"stale\"").count(), 2, "{status}");
    place.write("broken.zone", &zone(8, "www A 192.0.2.82\n"));
    until("it is mended", || ask(server.dns, "www.broken.example").answers == ["192.0.2.82"]);
    server.stop();
}

#[test]
fn a_reload_of_a_zone_that_takes_updates_says_what_its_file_is_for() {
    let place = Place::new();
    place.write("robot.key", "aGVyZSBhcmUgdGhpcnR5LXR3byBieXRlcyBvZiBub2lzZSE=");
    let key = "[[key]]\nname = \"robot.example\"\nsecret-file = \"robot.key\"\n";
    let table = |name| {
        format!(
            "[[primary]]\napex = \"{name}.example\"\nfile = \"{name}.zone\"\n\
             [[primary.update]]\nkey = \"robot.example\"\n"
        )
    };
    place.write("known.zone", &zone(7, "www A 192.0.2.80\n"));
    let tables = format!("{key}{}{}", table("known"), table("late"));
    let server = Served::start(&place, &config(&place, &tables));
    let reload = |zone: &str| server.run(&["reload", &format!("{zone}.example")]);
    let (code, shown) = reload("known");
    assert!(code == 0 && shown.contains("known.example: unchanged"), "{shown}");
    assert!(shown.contains("its file was read when it began, and says the same"), "{shown}");
    place.write("known.zone", &zone(8, "www A 192.0.2.81\n"));
    let (code, shown) = reload("known");
    assert!(code == 0 && shown.contains("was changed and is not read"), "{shown}");
    assert_eq!(ask(server.dns, "www.known.example").answers, ["192.0.2.80"]);
    std::fs::remove_file(place.path("known.zone")).expect("it was there");
    let (code, shown) = reload("known");
    assert!(code == 0 && shown.contains("its file is not read: cannot read"), "{shown}");
    // One that could not begin begins as soon as it has something to begin with.
    let (code, shown) = reload("late");
    assert!(code == 1 && shown.contains("late.example: refused: cannot read"), "{shown}");
    assert_eq!(rcode(server.dns, "www.late.example"), 2);
    place.write("late.zone", &zone(3, "www A 192.0.2.82\n"));
    let (code, shown) = reload("late");
    assert!(code == 0 && shown.contains("late.example: 6 entries, serial 3"), "{shown}");
    assert_eq!(ask(server.dns, "www.late.example").answers, ["192.0.2.82"]);
    server.stop();
}

//! A full disk under the data folder: answers go on, the log names path and remedy, what was last good
//! stays whole, and nothing half written is left. Only root can make a disk so small.

use crate::disk::Disk;
use crate::dns::{listed, until};
use crate::process::{Place, Served, zone};
use crate::web;

/// A list too large for the disk, whether as text or as a snapshot.
fn large() -> String {
    (0..40_000_u32).fold("192.0.2.2\n".to_owned(), |list, i| {
        let [_, b, c, d] = (i * 97).to_be_bytes();
        list + &format!("10.{b}.{c}.{d}\n")
    })
}

#[test]
fn a_full_disk_stops_no_answers_and_leaves_what_was_good() {
    let place = Place::new();
    let Some(disk) = Disk::new(&place) else { return };
    let build = |list: &str| {
        place.write("list.txt", list);
        let args = ["zone", "build", "--kind", "addresses", "--apex", "compiled.example"];
        let mut command = place.command(&args);
        assert!(command.args(["list.txt", "-o", "snapshot"]).status().unwrap().success());
    };
    let feed = web::Feed::start("192.0.2.1\n");
    place.write("a.txt", "192.0.2.1\n");
    build("192.0.2.1\n");
    let fetched = zone("feed.example", "addresses", &[]);
    let config = place.config("addresses", &["a.txt"])
        + &fetched.replace("files = []", &format!("url = \"{}\"", feed.url()))
        + "[[zone]]\napex = \"compiled.example\"\nsnapshot = \"snapshot\"\n";
    let server = Served::start_by(&place, &config, disk.command(&place));
    let zones = ["bl.example", "feed.example", "compiled.example"];
    let has = |server: &Served<'_>, address: u8, zone: &str| {
        listed(server.dns, &format!("{address}.2.0.192.{zone}"))
    };
    until("all are served", || zones.iter().all(|zone| has(&server, 1, zone)));

    place.write("a.txt", &large());
    build(&large());
    feed.says(large());
    server.signal("HUP");
    let bl = "zones/bl.example.snapshot, so the last good version is the one before: ";
    for what in [bl, "cannot copy snapshot into the data folder: ", "cannot store the feed"] {
        let log = server.logged(what);
        let line = log.lines().find(|line| line.contains(what)).unwrap();
        assert!(line.contains("No space left on device"), "{line}");
        assert!(line.contains("; free space there or name a larger disk as `data-dir`"), "{line}");
    }
    // Files need no disk to be served, a feed does.
    until("served from memory", || has(&server, 2, zones[0]) && has(&server, 2, zones[2]));
    assert!(has(&server, 1, zones[1]) && !has(&server, 2, zones[1]));
    let parts = |folder: &str| {
        let files = disk.files(&place, folder);
        files.into_iter().filter(|name| name.ends_with(".part")).collect::<Vec<_>>()
    };
    assert_eq!((parts("data/zones"), parts("data/feeds")), (vec![], vec![]));
    server.kill();

    place.write("a.txt", &"?\n".repeat(100));
    place.write("snapshot", "?");
    feed.says("?\n".repeat(100));
    let server = Served::start_by(&place, &config, disk.command(&place));
    for zone in zones {
        assert!(has(&server, 1, zone) && !has(&server, 2, zone), "{zone}");
    }
    server.kill();
}

#[test]
fn a_full_disk_under_a_database_is_told_by_its_folder() {
    let place = Place::new();
    let Some(disk) = Disk::new(&place) else { return };
    // Its tables alone are larger than the disk.
    for words in [
        &["registry", "--database", "data/lists.db", "lists"][..],
        &["admin", "--database", "data/lists.db", "list"],
    ] {
        let output = disk.command(&place).args(words).output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{told}");
        let folder = place.path("data");
        let folder = folder.display();
        let expected = format!("repute: nothing more can be written in {folder}: free space there");
        assert!(told.starts_with(&expected), "{told}");
    }
}

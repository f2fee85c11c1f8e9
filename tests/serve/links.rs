//! Lists behind links: however a link on the way to a list is swapped, the kernel tells of it.
//!
//! The regular look is an hour away in all of these, so that nothing but the kernel can have told.

use std::fs;
use std::os::unix::fs::symlink;

use crate::dns::{listed, rcode, until};
use crate::process::{Place, Served};

/// A configuration with the zone bl.example from these files, which nobody looks at by himself.
fn config(place: &Place, files: &[&str]) -> String {
    place
        .config("addresses", files)
        .replace("[[zone]]", "[loader]\ncheck-interval = \"1h\"\n[[zone]]")
}

/// Makes a folder with the list `bl.txt`.
fn release(place: &Place, folder: &str, list: &str) {
    fs::create_dir_all(place.path(folder)).unwrap();
    place.write(&format!("{folder}/bl.txt"), list);
}

/// Has a link lead elsewhere in one step, as careful programs do.
fn swap(place: &Place, link: &str, target: &str) {
    let new = place.path(&format!("{link}.new"));
    symlink(target, &new).unwrap();
    fs::rename(new, place.path(link)).unwrap();
}

#[test]
fn a_volume_of_kubernetes_is_followed_through_its_updates() {
    let place = Place::new();
    // What kubelet makes of a ConfigMap: each version is a folder, and one link is swapped.
    release(&place, "volume/..2026_11_21", "192.0.2.1\n");
    swap(&place, "volume/..data", "..2026_11_21");
    symlink("..data/bl.txt", place.path("volume/bl.txt")).unwrap();
    let server = Served::start(&place, &config(&place, &["volume/bl.txt"]));
    assert!(listed(server.dns, "1.2.0.192.bl.example"));
    for version in 2..5 {
        let folder = format!("..2026_11_2{version}");
        release(&place, &format!("volume/{folder}"), &format!("192.0.2.{version}\n"));
        swap(&place, "volume/..data", &folder);
        let before = format!("volume/..2026_11_2{}", version - 1);
        fs::remove_dir_all(place.path(&before)).unwrap();
        let name = format!("{version}.2.0.192.bl.example");
        until("the new version is served", || listed(server.dns, &name));
    }
    assert!(!listed(server.dns, "3.2.0.192.bl.example"));
    server.stop();
}

#[test]
fn a_swapped_release_is_served_and_so_are_edits_of_it() {
    let place = Place::new();
    release(&place, "release-1", "192.0.2.1\n");
    release(&place, "release-2", "192.0.2.2\n");
    swap(&place, "current", "release-1");
    let server = Served::start(&place, &config(&place, &["current/bl.txt"]));
    swap(&place, "current", "release-2");
    until("swapped", || listed(server.dns, "2.2.0.192.bl.example"));
    assert!(!listed(server.dns, "1.2.0.192.bl.example"));
    place.write("release-2/bl.txt", "192.0.2.3\n");
    until("edited where the link leads", || listed(server.dns, "3.2.0.192.bl.example"));
    swap(&place, "current", place.path("release-1").to_str().unwrap());
    until("swapped back", || listed(server.dns, "1.2.0.192.bl.example"));

    // Without any link: the folder itself is replaced.
    fs::remove_file(place.path("current")).unwrap();
    fs::rename(place.path("release-2"), place.path("current")).unwrap();
    until("a folder in the place of the link", || listed(server.dns, "3.2.0.192.bl.example"));
    fs::rename(place.path("current"), place.path("old")).unwrap();
    release(&place, "new", "192.0.2.4\n");
    fs::rename(place.path("new"), place.path("current")).unwrap();
    until("another folder", || listed(server.dns, "4.2.0.192.bl.example"));
    server.stop();
}

#[test]
fn every_link_of_several_levels_is_watched() {
    let place = Place::new();
    for (folder, list) in [("a/1", "192.0.2.1\n"), ("a/2", "192.0.2.2\n"), ("b/1", "192.0.2.3\n")] {
        release(&place, folder, list);
    }
    release(&place, "elsewhere", "192.0.2.4\n");
    fs::create_dir(place.path("lists")).unwrap();
    symlink("../stage/../stage/current/bl.txt", place.path("lists/bl.txt")).unwrap();
    swap(&place, "stage", "a");
    swap(&place, "a/current", "1");
    swap(&place, "b/current", "1");
    let server = Served::start(&place, &config(&place, &["lists/bl.txt"]));
    assert!(listed(server.dns, "1.2.0.192.bl.example"));
    swap(&place, "a/current", "2");
    until("the inner link", || listed(server.dns, "2.2.0.192.bl.example"));
    swap(&place, "stage", "b");
    until("the outer link", || listed(server.dns, "3.2.0.192.bl.example"));
    swap(&place, "lists/bl.txt", "../elsewhere/bl.txt");
    until("the link that is the list", || listed(server.dns, "4.2.0.192.bl.example"));
    server.stop();
}

#[test]
fn what_a_link_leads_to_may_come_later() {
    let place = Place::new();
    symlink("later/deeper", place.path("current")).unwrap();
    let server = Served::start(&place, &config(&place, &["current/bl.txt"]));
    assert_eq!(rcode(server.dns, "1.2.0.192.bl.example"), 2, "SERVFAIL");
    release(&place, "later/deeper", "192.0.2.1\n");
    until("there now", || listed(server.dns, "1.2.0.192.bl.example"));
    swap(&place, "current", "last");
    release(&place, "last", "192.0.2.2\n");
    until("gone and there again", || listed(server.dns, "2.2.0.192.bl.example"));
    server.stop();
}

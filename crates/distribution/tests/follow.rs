//! A follower and what may happen on the way to it: nothing that was cut, forged, replayed or outdated is ever served,
//! and whatever went wrong, it goes on once it is right again.

mod stage;

use std::fs;
use std::sync::Arc;

use repute_distribution::{Follower, Keys, Manifest, split};
use stage::{Stage, Told, link, spool};

/// Starts to follow a stage at an address, with what lies in a folder.
fn follow(stage: &Stage, url: &str, data_dir: &tempfile::TempDir) -> (Follower, Told) {
    let told = Told::default();
    let outlet = Box::new(told.clone());
    (Follower::start(stage.config(url), data_dir.path(), outlet).unwrap(), told)
}

#[test]
fn a_list_comes_whole_and_then_by_what_changes() {
    let ((stage, url), data_dir) = (Stage::new(), tempfile::tempdir().unwrap());
    let (follower, told) = follow(&stage, &url, &data_dir);
    let said = told.until("the list is there", |said| said.serial() == 5);
    assert_eq!(said.zone.unwrap().entries(), 1);
    assert_eq!(stage.asked(), ["0/5"]);
    let serial = stage.publish(&["198.51.100.7", "2001:db8::/48"], 0);
    let said = told.until("the change is there", |said| said.serial() == serial);
    assert_eq!(said.zone.unwrap().entries(), 3);
    assert_eq!(stage.asked(), ["5/7"], "a change is all that is fetched");
    // It ends, the list goes on, and a start takes what changed meanwhile.
    drop(follower);
    let serial = stage.publish(&["198.51.100.8"], 0);
    let (_follower, told) = follow(&stage, &url, &data_dir);
    let said = told.until("the change is there", |said| said.serial() == serial);
    let zone = said.zone.unwrap();
    assert_eq!((zone.entries(), zone.link()), (4, Some(&link())), "it makes the same links");
    assert_eq!(stage.asked(), ["7/9"]);
}

#[test]
fn a_start_needs_no_portal_and_believes_no_file_by_its_looks() {
    let ((stage, url), data_dir) = (Stage::new(), tempfile::tempdir().unwrap());
    let (follower, told) = follow(&stage, &url, &data_dir);
    told.until("the list is there", |said| said.serial() == 5);
    let serial = stage.publish(&["198.51.100.7"], 0);
    told.until("the change is there", |said| said.serial() == serial);
    drop(follower);
    // What a killed process left half written is in nobody's way.
    fs::write(spool(&data_dir).join("7-9.delta.part"), "ha").unwrap();
    // There is no portal any more.
    stage.tamper(|_, _| b"<html>come back later</html>".to_vec());
    let (follower, told) = follow(&stage, &url, &data_dir);
    assert_eq!(told.now().serial(), serial, "it is served before the portal was asked");
    let said = told.until("the portal is told", |said| said.fault.is_some());
    assert!(said.fault.unwrap().contains("is there a portal"));
    drop(follower);
    // A byte of the spool is another: it is not served, and fetched again.
    let whole = spool(&data_dir).join("5.whole");
    let mut bytes = fs::read(&whole).unwrap();
    let at = bytes.len() / 2;
    bytes[at] ^= 1;
    fs::write(&whole, bytes).unwrap();
    let (_follower, told) = follow(&stage, &url, &data_dir);
    assert_eq!(told.now().serial(), 0);
    stage.asked();
    stage.tamper(|_, body| body);
    told.until("it is fetched again", |said| said.serial() == serial);
    assert_eq!(stage.asked(), ["0/5"]);
}

#[test]
fn nothing_that_was_forged_cut_or_replayed_is_served() {
    let ((stage, url), data_dir) = (Stage::new(), tempfile::tempdir().unwrap());
    let (_follower, told) = follow(&stage, &url, &data_dir);
    told.until("the list is there", |said| said.serial() == 5);
    let old = stage.manifests();
    let mut before = stage.publish(&["198.51.100.1"], 0);
    told.until("it is there", |said| said.serial() == before);
    let others = tempfile::tempdir().unwrap();
    let others = Keys::open(others.path()).unwrap();
    let keys = stage.config(&url).keys;
    let resign = move |text: Vec<u8>| {
        let text = String::from_utf8(text).unwrap();
        let mut out = String::new();
        for text in split(&text) {
            let manifest = Manifest::open(text, &keys).unwrap();
            out += &Manifest { serial: manifest.serial, ..manifest }.sign(&others);
        }
        out.into_bytes()
    };
    let only = |part: &'static str, change: fn(&mut Vec<u8>)| {
        move |path: &str, mut body: Vec<u8>| {
            if path.starts_with(part) {
                change(&mut body);
            }
            body
        }
    };
    type Tamper = Box<dyn Fn(&str, Vec<u8>) -> Vec<u8> + Send>;
    let tampers: Vec<(Tamper, &str)> = vec![
        (Box::new(only("manifests", |body| body[30] ^= 1)), "forged, or signed by another key"),
        (
            Box::new(move |path, body| if path == "manifests" { resign(body) } else { body }),
            "forged, or signed by another key",
        ),
        (
            Box::new(
                move |path, body| {
                    if path == "manifests" { old.clone().into_bytes() } else { body }
                },
            ),
            "the serial goes back from",
        ),
        (Box::new(only("manifests", |body| body.truncate(90))), "not signed"),
        (Box::new(only("lists", |body| body.truncate(20))), "cut or forged on the way"),
        (Box::new(only("lists", |body| *body.last_mut().unwrap() ^= 1)), "cut or forged"),
        (Box::new(only("lists", |body| body.push(0))), "more than"),
    ];
    for (tamper, words) in tampers {
        stage.tamper(move |path, body| tamper(path, body));
        let next =
            if words.contains("goes back") { before } else { stage.publish(&["203.0.113.9"], 0) };
        let told_so = |fault: &String| fault.contains(words);
        let said = told.until(words, |said| said.fault.as_ref().is_some_and(told_so));
        assert_eq!(said.serial(), before, "{words}");
        stage.tamper(|_, body| body);
        let said = told.until("it goes on", |said| said.serial() == next && said.fault.is_none());
        assert!(said.zone.is_some());
        before = next;
    }
}

#[test]
fn a_serial_that_comes_again_with_another_list_is_read_anew() {
    let ((stage, url), data_dir) = (Stage::new(), tempfile::tempdir().unwrap());
    let (follower, told) = follow(&stage, &url, &data_dir);
    let lost = ["198.51.100.1", "198.51.100.2"].map(|network| stage.publish(&[network], 0));
    told.until("all of it is there", |said| said.serial() == lost[1]);
    // The database is put back, and goes on with something else under the same serials.
    stage.put_back();
    let said = told.until("it is told", |said| said.fault.is_some());
    assert!(said.fault.unwrap().contains("the serial goes back from 9 to 5"));
    stage.publish(&["203.0.113.1"], 0);
    assert_eq!(stage.publish(&["203.0.113.2"], 0), lost[1]);
    let said = told.until("it is as the portal has it", |said| said.lists("203.0.113.1"));
    assert!(said.lists("203.0.113.2") && said.lists("192.0.2.1") && !said.lists("198.51.100.1"));
    let serial = stage.publish(&["203.0.113.3"], 0);
    told.until("it goes on", |said| said.serial() == serial && said.lists("203.0.113.3"));
    // The same while nobody follows: what leads on from the serial is no way for who had another list there.
    drop(follower);
    stage.put_back();
    for network in ["100.64.0.1", "100.64.0.2", "100.64.0.3", "100.64.0.4"] {
        stage.publish(&[network], 0);
    }
    stage.asked();
    let (_follower, told) = follow(&stage, &url, &data_dir);
    let said = told.until("it is as the portal has it", |said| said.lists("100.64.0.4"));
    assert!(said.lists("100.64.0.1") && !said.lists("203.0.113.1"));
    assert_eq!(said.zone.unwrap().entries(), 5);
}

#[test]
fn old_manifests_are_told_and_refused() {
    let ((stage, url), data_dir) = (Stage::new(), tempfile::tempdir().unwrap());
    let keys = Keys::open(&repute_distribution::keys_in(stage.folder.path())).unwrap();
    let public = keys.public();
    // The publisher says it with a time that is over, then with one that has not come.
    let keys = Arc::new(keys);
    let at = move |shift: i64| {
        let (keys, public) = (Arc::clone(&keys), public.clone());
        move |path: &str, body: Vec<u8>| {
            if path != "manifests" {
                return body;
            }
            let text = String::from_utf8(body).unwrap();
            let mut manifest = Manifest::open(&text, &public).unwrap();
            manifest.made = manifest.made.saturating_add_signed(shift);
            manifest.expires = manifest.expires.saturating_add_signed(shift);
            manifest.sign(&keys).into_bytes()
        }
    };
    stage.tamper(at(-7_200));
    let (_follower, told) = follow(&stage, &url, &data_dir);
    let has = |words: &'static str| {
        move |said: &stage::Said| said.fault.as_ref().is_some_and(|fault| fault.contains(words))
    };
    assert_eq!(told.until("it is old", has("its time is over")).serial(), 0);
    stage.tamper(at(7_200));
    assert_eq!(told.until("it is early", has("set the clocks")).serial(), 0);
    stage.tamper(at(-60));
    let said = told.until("it is there", |said| said.serial() == 5);
    // Served, it goes on to be served while nobody confirms it, and that is told.
    stage.tamper(at(-7_200));
    let old = told.until("it is old", has("its time is over"));
    assert_eq!((old.serial(), old.confirmed), (5, said.confirmed));
}

#[test]
fn a_list_of_the_whole_world_waits_until_a_second_person_approved_it() {
    let ((stage, url), data_dir) = (Stage::new(), tempfile::tempdir().unwrap());
    let (_follower, told) = follow(&stage, &url, &data_dir);
    told.until("the list is there", |said| said.serial() == 5);
    let serial = stage.publish(&["10.0.0.0/7"], 0);
    let is_held =
        |said: &stage::Said| said.fault.as_ref().is_some_and(|why| why.contains("10.0.0.0/7"));
    assert_eq!(told.until("it is held", is_held).serial(), 5);
    stage.publish_whole(serial);
    let said = told.until("it is served", |said| said.serial() == serial && said.fault.is_none());
    assert_eq!(said.zone.unwrap().entries(), 2);
    // What comes after it is looked at again.
    stage.publish(&["128.0.0.0/7"], serial);
    let is_held =
        |said: &stage::Said| said.fault.as_ref().is_some_and(|why| why.contains("128.0.0.0/7"));
    assert_eq!(told.until("it is held", is_held).serial(), serial);
}

#[test]
fn a_key_is_changed_without_a_day_on_which_nothing_works() {
    let ((stage, url), data_dir) = (Stage::new(), tempfile::tempdir().unwrap());
    let (follower, told) = follow(&stage, &url, &data_dir);
    told.until("the list is there", |said| said.serial() == 5);
    let mut keys = Keys::open(&repute_distribution::keys_in(stage.folder.path())).unwrap();
    let old = keys.public()[0];
    let new = keys.add().unwrap();
    // The follower knows the old one still, and then both.
    let serial = stage.publish(&["198.51.100.1"], 0);
    told.until("both sign", |said| said.serial() == serial);
    drop(follower);
    let (follower, told) = follow(&stage, &url, &data_dir);
    keys.remove(&old.id()).unwrap();
    let serial = stage.publish(&["198.51.100.2"], 0);
    told.until("the new one signs", |said| said.serial() == serial);
    // Who was not told of it takes nothing any more, not from his own spool either.
    drop(follower);
    let told = Told::default();
    let config = repute_distribution::Config { keys: vec![old], ..stage.config(&url) };
    let _follower = Follower::start(config, data_dir.path(), Box::new(told.clone())).unwrap();
    assert_eq!(told.now().serial(), 0);
    let said = told.until("it is told", |said| said.fault.is_some());
    assert!(said.fault.unwrap().contains("another key"));
    assert_eq!(stage.config(&url).keys, [new]);
}

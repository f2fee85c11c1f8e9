//! `repute serve` as a person or a service manager meets it: the real binary, its sockets and files.

#[path = "serve/acme_dns.rs"]
mod acme_dns;
#[path = "serve/challenge.rs"]
mod challenge;
#[path = "serve/challenge_api.rs"]
mod challenge_api;
#[path = "serve/cookies.rs"]
mod cookies;
#[path = "peers/daemon.rs"]
#[expect(dead_code, reason = "shared with tests that wait for more")]
mod daemon;
#[path = "serve/disk.rs"]
mod disk;
#[path = "serve/dns.rs"]
mod dns;
#[path = "serve/empty.rs"]
mod empty;
#[path = "serve/first.rs"]
mod first;
#[path = "serve/free.rs"]
mod free;
#[path = "serve/full.rs"]
mod full;
#[path = "serve/https.rs"]
mod https;
#[path = "serve/kill.rs"]
mod kill;
#[path = "serve/links.rs"]
mod links;
#[path = "serve/ordinary.rs"]
mod ordinary;
#[path = "serve/process.rs"]
mod process;
#[path = "serve/reload.rs"]
mod reload;
#[path = "serve/secondary.rs"]
mod secondary;
#[path = "serve/tls.rs"]
mod tls;
#[path = "serve/user.rs"]
mod user;
#[path = "serve/web.rs"]
mod web;

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::os::unix::fs::MetadataExt;
use std::process::Stdio;

use dns::{ask, ask_txt, listed, rcode, until};
use process::{Place, Served};

#[test]
fn a_server_whose_messages_go_nowhere_serves_on() {
    let place = Place::new();
    place.write("a.txt", "192.0.2.1\n");
    let mut command = std::process::Command::new("sh");
    command.args(["-c", "exec \"$0\" \"$@\" 2> /dev/full", env!("CARGO_BIN_EXE_repute")]);
    command.current_dir(place.path(""));
    let server = Served::start_by(&place, &place.config("addresses", &["a.txt"]), command);
    assert!(listed(server.dns, "1.2.0.192.bl.example"));
    place.write("a.txt", "192.0.2.2\n");
    until("a change that is logged", || listed(server.dns, "2.2.0.192.bl.example"));
    place.write("a.txt", "?\n");
    place.write("a.txt", "192.0.2.3\n");
    until("another one", || listed(server.dns, "3.2.0.192.bl.example"));
    server.stop();
}

#[test]
fn an_edit_changes_the_answer_however_it_is_written() {
    let place = Place::new();
    place.write("a.txt", "192.0.2.1\n");
    let server = Served::start(&place, &place.config("addresses", &["a.txt"]));
    assert!(listed(server.dns, "1.2.0.192.bl.example"));

    place.write("a.txt", "192.0.2.2\n");
    until("rewritten in place", || listed(server.dns, "2.2.0.192.bl.example"));
    assert!(!listed(server.dns, "1.2.0.192.bl.example"));

    place.write("beside.txt", "192.0.2.3\n");
    fs::rename(place.path("beside.txt"), place.path("a.txt")).unwrap();
    until("renamed into place", || listed(server.dns, "3.2.0.192.bl.example"));

    let mut file = fs::OpenOptions::new().append(true).open(place.path("a.txt")).unwrap();
    file.write_all(b"192.0.2.4\n").unwrap();
    drop(file);
    until("appended to", || listed(server.dns, "4.2.0.192.bl.example"));
    assert!(listed(server.dns, "3.2.0.192.bl.example"));
    server.stop();
}

#[test]
fn a_file_that_is_being_written_is_not_served_half() {
    let place = Place::new();
    place.write("a.txt", "192.0.2.1\n");
    let server = Served::start(&place, &place.config("addresses", &["a.txt"]));
    // In place, and not closed: the reload that is asked for meanwhile must wait for the writer.
    let mut file = fs::File::create(place.path("a.txt")).unwrap();
    file.write_all(b"192.0.2.1\n192.0.2.2\n").unwrap();
    let reload = server.reload_in_background();
    for round in 0..50 {
        file.write_all(format!("198.51.100.{round}\n").as_bytes()).unwrap();
        assert!(listed(server.dns, "1.2.0.192.bl.example"));
        assert!(!listed(server.dns, "2.2.0.192.bl.example"), "half a file is served");
    }
    drop(file);
    assert!(reload.wait_with_output().unwrap().status.success());
    assert!(listed(server.dns, "2.2.0.192.bl.example"));
    assert!(listed(server.dns, "49.100.51.198.bl.example"));
    server.stop();
}

#[test]
fn a_bad_list_is_refused_and_the_old_one_stays() {
    let place = Place::new();
    place.write("a.txt", "192.0.2.1\n");
    let config = place.config("addresses", &["a.txt"]);
    let server = Served::start(&place, &config);
    place.write("a.txt", "<html>\n".repeat(50).as_str());
    // It may have been noticed and refused before the reload is asked for.
    let (_, shown) = server.reload();
    assert!(shown.contains("refused") && shown.contains("all 50 lines are faulty"), "{shown}");
    assert!(listed(server.dns, "1.2.0.192.bl.example"));
    let (_, status) = server.run(&["status"]);
    assert!(status.contains("stale"), "{status}");

    // Killed and started again with the bad list: the last good one is served from the disk.
    server.kill();
    let server = Served::start(&place, &config);
    assert!(listed(server.dns, "1.2.0.192.bl.example"));
    place.write("a.txt", "192.0.2.9\n");
    until("good again", || listed(server.dns, "9.2.0.192.bl.example"));
    server.stop();
}

#[test]
fn a_refused_list_at_the_first_start_fails_alone() {
    let place = Place::new();
    place.write("good.txt", "192.0.2.1\n");
    place.write("bad.txt", "0.0.0.0/1\n");
    let config = format!(
        "{}{}",
        place.config("addresses", &["good.txt"]),
        process::zone("bad.example", "addresses", &["bad.txt"])
    );
    let server = Served::start(&place, &config);
    assert!(listed(server.dns, "1.2.0.192.bl.example"));
    assert_eq!(rcode(server.dns, "1.2.0.192.bad.example"), 2, "SERVFAIL");
    assert_eq!(rcode(server.dns, "1.2.0.192.other.example"), 5, "REFUSED");
    let (code, status) = server.run(&["status"]);
    assert_eq!(code, 1, "{status}");
    server.stop();
}

#[test]
fn sighup_reads_a_list_that_the_kernel_did_not_tell_of() {
    let place = Place::new();
    place.write("a.txt", "192.0.2.1\n");
    let config = place.config("addresses", &["a.txt"]) + "[loader]\nwatch = false\n";
    let server = Served::start(&place, &config);
    place.write("a.txt", "192.0.2.2\n");
    server.signal("HUP");
    until("reloaded", || listed(server.dns, "2.2.0.192.bl.example"));
    server.stop();
}

#[test]
fn a_serial_never_goes_back_whatever_clocks_lists_and_restarts_do() {
    let place = Place::new();
    let config = place.config("addresses", &["a.txt"]);
    let config = config.replace("[[zone.source]]", "keep-last-good = false\n[[zone.source]]");
    // Puts a list into place that was written at this time, as far as the file tells.
    let list = |text: &str, time: u64| {
        place.write("beside.txt", text);
        let time = std::time::UNIX_EPOCH + std::time::Duration::from_secs(time);
        fs::File::open(place.path("beside.txt")).unwrap().set_modified(time).unwrap();
        fs::rename(place.path("beside.txt"), place.path("a.txt")).unwrap();
    };
    list("192.0.2.1\n", 2_000_000);
    let server = Served::start(&place, &config);
    assert_eq!(server.serial("bl.example"), 2_000_000);
    list("192.0.2.2\n", 1_000_000);
    assert_eq!(server.reload().0, 0);
    assert_eq!(server.serial("bl.example"), 2_000_001, "the clock went back");
    assert_eq!(server.reload().0, 0);
    assert_eq!(server.serial("bl.example"), 2_000_001, "nothing changed");
    server.stop();

    let server = Served::start(&place, &config);
    assert_eq!(server.serial("bl.example"), 2_000_001, "nothing changed, over a restart");
    server.kill();
    list("192.0.2.3\n", 1_500_000);
    let server = Served::start(&place, &config);
    assert_eq!(server.serial("bl.example"), 2_000_002, "changed while nobody looked");
    server.kill();

    // A refused list takes no serial, and what comes after it follows the last that was served.
    list(&"?\n".repeat(50), 3_000_000);
    let server = Served::start(&place, &config);
    assert_eq!(rcode(server.dns, "3.2.0.192.bl.example"), 2, "SERVFAIL");
    list("192.0.2.4\n", 1_600_000);
    assert_eq!(server.reload().0, 0);
    assert_eq!(server.serial("bl.example"), 2_000_003);
    server.stop();
}

#[test]
fn a_list_that_could_not_be_read_is_tried_again_although_no_folder_tells_of_it() {
    let place = Place::new();
    // What they lead to is in a folder that the server does not know.
    for list in ["a.txt", "all.acl"] {
        let absent = place.path("disk").join(list);
        std::os::unix::fs::symlink(absent, place.path(list)).unwrap();
    }
    let config = place.config("addresses", &["a.txt"]) + "[nameserver]\nacl = \"all.acl\"\n";
    let server = Served::start(
        &place,
        &config.replace("[[zone]]", "[loader]\ncheck-interval = \"1h\"\n[[zone]]"),
    );
    assert_eq!(rcode(server.dns, "1.2.0.192.bl.example"), 5, "REFUSED: nobody may ask yet");
    fs::create_dir(place.path("disk")).unwrap();
    place.write("disk/a.txt", "192.0.2.1\n");
    server.logged("serving `bl.example` with 1 entries");
    assert_eq!(rcode(server.dns, "1.2.0.192.bl.example"), 5, "REFUSED: nobody may ask yet");
    place.write("disk/all.acl", "127.0.0.0/8 :pass\n");
    until("the access list is read", || listed(server.dns, "1.2.0.192.bl.example"));
    let told = server.logged("`bl.example` is not loaded");
    assert_eq!(told.matches("is not loaded").count(), 1, "told once: {told}");
    server.stop();
}

#[test]
fn packed_lists_and_several_files_are_one_data_set() {
    let place = Place::new();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(b"192.0.2.0/24\n").unwrap();
    fs::write(place.path("a.gz"), gzip.finish().unwrap()).unwrap();
    place.write("b.txt", "!192.0.2.7\n:4:\n198.51.100.1\n");
    let server = Served::start(&place, &place.config("ip4set", &["a.gz", "b.txt"]));
    assert_eq!(ask(server.dns, "1.2.0.192.bl.example").answers, ["127.0.0.2"]);
    assert_eq!(rcode(server.dns, "7.2.0.192.bl.example"), 3, "excluded in the other file");
    assert_eq!(ask(server.dns, "1.100.51.198.bl.example").answers, ["127.0.0.4"]);
    server.stop();
}

#[test]
fn a_snapshot_that_is_cut_or_overwritten_under_the_server_harms_nobody() {
    let place = Place::new();
    let mut text = String::new();
    (0..100_000_u32).for_each(|i| {
        let [_, b, c, d] = (i * 97).to_be_bytes();
        text += &format!("10.{b}.{c}.{d} :2:number {i}\n");
    });
    place.write("list.txt", &text);
    let args = ["zone", "build", "--kind", "ip4set", "--apex", "bl.example", "list.txt", "-o"];
    let build = |name: &str| place.command(&args).arg(name).status().unwrap().success();
    assert!(build("bl.snapshot"));
    let good = fs::read(place.path("bl.snapshot")).unwrap();
    let config = place.header() + "[[zone]]\napex = \"bl.example\"\nsnapshot = \"bl.snapshot\"\n";
    let server = Served::start(&place, &config);
    let dns = server.dns;
    let all_is_well = || {
        for i in (0..100_000_u32).step_by(499) {
            let [_, b, c, d] = (i * 97).to_be_bytes();
            let name = format!("{d}.{c}.{b}.10.bl.example");
            assert_eq!(ask_txt(dns, &name).answers, [format!("number {i}")]);
        }
    };
    all_is_well();
    // In place: whoever maps that file dies of the next look.
    for damage in [&b""[..], &good[..good.len() / 2], &vec![0xff; good.len()]] {
        fs::write(place.path("bl.snapshot"), damage).unwrap();
        all_is_well();
        let (_, shown) = server.reload();
        assert!(shown.contains("bl.example: refused"), "{shown}");
        all_is_well();
    }
    server.kill();

    // One that is as it was is not copied again at the next start, and taken for what it is: the copy
    // is the same file, and good as of now.
    fs::write(place.path("bl.snapshot"), &good).unwrap();
    let copy = || fs::metadata(place.path("data/zones/bl.example.snapshot")).unwrap();
    let restart = || Served::start(&place, &config.replace("127.0.0.1:0", &dns.to_string()));
    let server = restart();
    assert_eq!(server.reload().0, 0);
    let before = copy();
    server.kill();
    let server = restart();
    assert_eq!(server.reload().0, 0);
    all_is_well();
    assert_eq!(copy().ino(), before.ino(), "copied again");
    assert!(copy().modified().unwrap() > before.modified().unwrap());
    server.kill();
    let mut flipped = good.clone();
    *flipped.last_mut().unwrap() ^= 1;
    fs::write(place.path("bl.snapshot"), &flipped).unwrap();

    // The last good one is served after a restart too.
    let server = Served::start(&place, &config.replace("127.0.0.1:0", &dns.to_string()));
    all_is_well();
    fs::write(place.path("bl.snapshot"), &good).unwrap();
    assert_eq!(server.reload().0, 0);
    all_is_well();
    let kept: Vec<_> = fs::read_dir(place.path("data/zones")).unwrap().collect();
    assert_eq!(kept.len(), 2, "the last good one and its serial, no copies: {kept:?}");

    // Without a place for copies it is read into memory.
    fs::remove_dir_all(place.path("data/zones")).unwrap();
    assert_eq!(server.reload().0, 0);
    assert!(server.logged("cannot copy").contains("bl.snapshot"));
    fs::write(place.path("bl.snapshot"), "").unwrap();
    all_is_well();
    server.stop();
}

#[test]
fn what_cannot_start_says_why_in_one_line() {
    let place = Place::new();
    place.write("a.txt", "192.0.2.1\n");
    let config = place.config("addresses", &["a.txt"]);
    let server = Served::start(&place, &config);
    let taken = config.replace("127.0.0.1:0", &server.dns.to_string());
    let taken = taken.replace("\"data\"", "\"other\"");
    let check = |config: &str, expect: &str| {
        let (code, shown) = place.fails(config);
        assert_eq!(code, 2, "{shown}");
        assert!(shown.contains(expect), "{shown}");
        shown
    };
    let shown = check(&taken, "is in use");
    assert_eq!(shown.trim_end().lines().count(), 1, "{shown}");
    let blocked = config.replace("\"data\"", "\"a.txt/data\"");
    let shown = check(&blocked, "cannot write the data folder");
    assert_eq!(shown.trim_end().lines().count(), 1, "{shown}");
    check(&config.replace("listen", "lisen"), "unknown field `lisen`");
    check(
        &config.replace("[server]", "[server]\nuser = \"no-such-user\""),
        "no user `no-such-user`",
    );
    let output = place.command(&["serve", "--config", "absent.toml"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("cannot read the configuration"));
    server.stop();
}

#[test]
fn a_feed_is_served_from_its_last_good_copy() {
    let place = Place::new();
    let feed = web::Feed::start("192.0.2.1,7\n");
    let source = "[[zone.source]]\nkind = \"addresses\"\nformat = \"csv\"\ncode-column = 2\n";
    let config = format!(
        "{}[[zone]]\napex = \"bl.example\"\nkeep-last-good = false\n{source}url = \"{}\"\n",
        place.header(),
        feed.url()
    );
    let server = Served::start(&place, &config);
    until("fetched", || listed(server.dns, "1.2.0.192.bl.example"));
    assert_eq!(ask(server.dns, "1.2.0.192.bl.example").answers, ["127.0.0.7"]);

    feed.says("192.0.2.2,8\n");
    server.signal("HUP");
    until("fetched again", || listed(server.dns, "2.2.0.192.bl.example"));

    // A page that is no list is refused, and the copy on the disk is not touched.
    feed.says("<p>come back later</p>\n".repeat(30));
    server.signal("HUP");
    until("refused", || server.run(&["status"]).1.contains("stale"));
    assert!(listed(server.dns, "2.2.0.192.bl.example"));
    feed.says("192.0.2.2,8\n");
    server.signal("HUP");
    until("well again", || server.run(&["status"]).1.contains("serving"));
    server.kill();
    drop(feed);
    let server = Served::start(&place, &config);
    assert!(listed(server.dns, "2.2.0.192.bl.example"), "without its web server");
    server.stop();
}

#[test]
fn a_snapshot_from_the_web_is_checked_and_its_last_good_copy_kept() {
    let place = Place::new();
    let snapshot = |apex: &str, list: &str| {
        place.write("list.txt", list);
        let args = ["zone", "build", "--kind", "addresses", "--apex", apex, "list.txt", "-o", "s"];
        assert!(place.command(&args).status().unwrap().success());
        fs::read(place.path("s")).unwrap()
    };
    let first = snapshot("bl.example", "192.0.2.1\n");
    let feed = web::Feed::start(&first);
    let zone = format!("[[zone]]\napex = \"bl.example\"\nsnapshot = \"{}\"\n", feed.url());
    let config = place.header() + &zone + "snapshot-max-size = \"64KiB\"\n";
    let server = Served::start(&place, &config);
    let (dns, has) =
        (server.dns, |address: u8, dns| listed(dns, &format!("{address}.2.0.192.bl.example")));
    until("fetched", || has(1, dns));
    let second = snapshot("bl.example", "192.0.2.2\n");
    feed.says(&second);
    server.signal("HUP");
    until("fetched again", || has(2, dns));

    let mut corrupt = first.clone();
    *corrupt.last_mut().unwrap() ^= 1;
    let other = snapshot("other.example", "192.0.2.3\n");
    let large = snapshot(
        "bl.example",
        &(0..40_000_u32).fold(String::new(), |list, i| {
            let [_, b, c, d] = (i * 97).to_be_bytes();
            list + &format!("10.{b}.{c}.{d}\n")
        }),
    );
    for (bad, why) in [
        (&corrupt[..], "checksum differs"),
        (&first[..first.len() / 2], "the snapshot has"),
        (
            &other,
            "is a snapshot of `other.example`: make it by `repute zone build --apex bl.example`",
        ),
        (&large, "larger than 65536 bytes"),
        (b"<p>come back later</p>", "not a snapshot"),
    ] {
        feed.says(bad);
        server.signal("HUP");
        until(why, || server.run(&["status", "--json"]).1.contains(why));
        assert!(has(2, dns), "{why}");
    }
    server.kill();

    // A copy that went bad on the disk is fetched again, although the web server has nothing new.
    feed.says(&second);
    let mut copies =
        fs::read_dir(place.path("data/feeds")).unwrap().map(|entry| entry.unwrap().path());
    let copy = copies.find(|path| path.extension().is_some_and(|e| e == "list")).unwrap();
    assert!(fs::read(&copy).unwrap() == second);
    fs::write(&copy, &corrupt).unwrap();
    let server = Served::start(&place, &config);
    until("fetched afresh", || has(2, server.dns));
    until("well again", || server.run(&["status"]).1.contains("serving"));
    server.kill();
    drop(feed);
    let server = Served::start(&place, &config);
    assert!(has(2, server.dns), "without its web server");
    server.stop();
}

#[test]
fn systemd_is_told_when_answers_are_given_and_when_they_end() {
    let place = Place::new();
    place.write("a.txt", "192.0.2.1\n");
    let path = place.path("notify");
    let systemd = std::os::unix::net::UnixDatagram::bind(&path).unwrap();
    let heard = |expect: &str| {
        let mut message = [0; 512];
        let n = systemd.recv(&mut message).unwrap();
        let message = String::from_utf8_lossy(&message[..n]).into_owned();
        assert!(message.starts_with(expect), "{message}");
    };
    let config = place.config("addresses", &["a.txt"]);
    let server = Served::start_with(&place, &config, &[("NOTIFY_SOCKET", path.as_path())]);
    heard("READY=1\nSTATUS=1 zone");
    server.signal("HUP");
    heard("RELOADING=1\nMONOTONIC_USEC=");
    heard("READY=1");
    server.stop();
    heard("STOPPING=1");
}

#[test]
fn the_line_to_try_has_an_answer_whatever_the_first_zone_lists() {
    let place = Place::new();
    place.write("names.txt", "bad.example\n");
    place.write("addresses.txt", "192.0.2.1 7\n");
    place.write("records.txt", "www A 192.0.2.80\n");
    for (kind, file, question) in [
        ("names", "names.txt", "test.bl.example A"),
        ("addresses", "addresses.txt", "2.0.0.127.bl.example A"),
        ("generic", "records.txt", "bl.example SOA"),
    ] {
        place.write("repute.toml", &place.config(kind, &[file]));
        let mut child = place
            .command(&["serve", "--config", "repute.toml"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut welcome = String::new();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        let dig = loop {
            let line = lines.next().expect("it ends with a line to try");
            if line.starts_with("try ") {
                break line;
            }
            welcome.push_str(&line);
        };
        let (_, at) = dig.split_once(" -p ").unwrap();
        let (port, asked) = at.split_once(' ').unwrap();
        assert_eq!(asked, question);
        let server = SocketAddr::from(([127, 0, 0, 1], port.parse().unwrap()));
        let (name, _) = asked.split_once(' ').unwrap();
        assert_eq!(rcode(server, name), 0, "{name} is there");
        assert!(!welcome.contains("left out"), "nothing is: {welcome}");
        let warned = kind == "addresses";
        assert_eq!(welcome.contains("1 with a warning"), warned, "an unused column: {welcome}");
        child.kill().unwrap();
        child.wait().unwrap();
    }
}

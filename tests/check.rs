//! `repute check` against lists that `repute serve` serves.

#[path = "serve/dns.rs"]
#[expect(dead_code, reason = "shared with the tests of the server, which need more of it")]
mod dns;
#[path = "check/lossy.rs"]
mod lossy;
#[path = "serve/process.rs"]
#[expect(dead_code, reason = "shared with the tests of the server, which need more of it")]
mod process;

use std::process::Output;

use process::{Place, Served, zone};
use serde_json::Value;

/// A server with lists, and checks beside it.
struct Check<'p> {
    place: &'p Place,
    server: Served<'p>,
}

impl<'p> Check<'p> {
    fn new(place: &'p Place) -> Check<'p> {
        place.write("a.txt", "192.0.2.7\n2001:db8::/64\n");
        place.write("b.txt", "192.0.2.0/24 :4:relay, see https://list.example/?$\n");
        place.write("names.txt", "bad.example\n");
        let config = place.config("addresses", &["a.txt"])
            + &zone("other.example", "ip4set", &["b.txt"])
            + &zone("dbl.example", "names", &["names.txt"]);
        Check { place, server: Served::start(place, &config) }
    }

    /// A list of the server, as it is named on the command line.
    fn list(&self, zone: &str) -> String {
        format!("{zone}@{}", self.server.dns)
    }

    /// Runs a check; its exit code, what it prints and what it complains of.
    fn run(&self, args: &[&str], lists: &[&str]) -> (i32, String, String) {
        let mut command = self.place.command(&["check"]);
        command.args(args).env("XDG_CACHE_HOME", self.place.path("cache"));
        for list in lists {
            command.args(["--list", &self.list(list)]);
        }
        let Output { status, stdout, stderr } = command.output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (status.code().unwrap_or(-1), text(stdout), text(stderr))
    }
}

#[test]
fn people_are_told_where_and_why_and_machines_by_the_exit_code() {
    let place = Place::new();
    let check = Check::new(&place);
    let all = ["bl.example", "other.example", "dbl.example"];
    let (code, shown, _) = check.run(&["192.0.2.7"], &all);
    assert_eq!(code, 1);
    assert_eq!(
        shown,
        "192.0.2.7 is listed by 2 of 3 lists\n  \
         listed  bl.example     127.0.0.2\n  \
         listed  other.example  127.0.0.4\n                         \
         \"relay, see https://list.example/?192.0.2.7\"\n"
    );
    let (code, shown, _) = check.run(&["198.51.100.1"], &all);
    assert_eq!((code, &*shown), (0, "198.51.100.1 is not listed by 3 lists\n"));
    let (code, shown, _) = check.run(&["2001:db8::1", "--quiet"], &all);
    assert_eq!((code, &*shown), (1, ""));
    // A dead list and one that is not there, beside one that is.
    let (code, shown, _) =
        check.run(&["198.51.100.1", "--list", "dead.example@127.0.0.1:9"], &["no.such.example"]);
    assert_eq!(code, 2);
    assert!(shown.starts_with("198.51.100.1: cannot tell, 2 of 2 lists did not say\n"), "{shown}");
    assert!(shown.contains("unknown no.such.example  REFUSED"), "{shown}");
    assert!(shown.contains("unknown dead.example     nobody answers"), "{shown}");
    check.server.stop();
}

#[test]
fn machines_read_json_and_csv() {
    let place = Place::new();
    let check = Check::new(&place);
    let lists = ["bl.example", "other.example"];
    let (code, shown, _) = check.run(&["192.0.2.7", "192.0.2.8", "--json"], &lists);
    assert_eq!(code, 1);
    let objects: Vec<Value> =
        shown.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(objects[0]["target"], "192.0.2.7");
    assert_eq!(objects[0]["outcome"], "listed");
    assert_eq!(objects[0]["listed"], 2);
    assert_eq!(objects[1]["lists"][0]["verdict"], "not-listed");
    assert_eq!(objects[1]["lists"][1]["codes"][0]["code"], "127.0.0.4");
    assert_eq!(objects[1]["lists"][1]["texts"][0], "relay, see https://list.example/?192.0.2.8");
    let (_, shown, _) = check.run(&["192.0.2.8", "--csv"], &lists);
    let lines: Vec<&str> = shown.split("\r\n").collect();
    assert_eq!(
        lines[0],
        "target,list,polarity,verdict,codes,meaning,text,delisting,reason,catalogue"
    );
    assert_eq!(lines[1], "192.0.2.8,bl.example,block,not-listed,,,,,,");
    let listed = "192.0.2.8,other.example,block,listed,127.0.0.4,,\"relay, see https://list.example/?192.0.2.8\",,,";
    assert_eq!(lines[2], listed);
    check.server.stop();
}

#[test]
fn networks_files_and_names_are_targets() {
    let place = Place::new();
    let check = Check::new(&place);
    let (code, shown, _) = check.run(&["192.0.2.6/31"], &["bl.example"]);
    assert_eq!(code, 1);
    assert_eq!(shown.lines().filter(|line| line.contains("is not listed")).count(), 1, "{shown}");
    place.write("hosts.txt", "# mine\n192.0.2.7 # mail\n\n192.0.2.7\n192.0.2.9\n");
    let (code, shown, _) = check.run(&["--file", "hosts.txt", "--csv"], &["bl.example"]);
    assert_eq!((code, shown.lines().count()), (1, 3), "{shown}");
    let (_, _, why) = check.run(&["10.0.0.0/8"], &["bl.example"]);
    assert_eq!(why, "repute: 16777216 addresses: say --yes if all of them are to be looked up\n");
    let (code, _, why) = check.run(&["192.0.2.300"], &["bl.example"]);
    assert_eq!(code, 2);
    assert!(why.contains("cannot check `192.0.2.300`: not an address"), "{why}");
    let (_, _, why) = check.run(&["--file", "absent.txt"], &["bl.example"]);
    assert!(why.starts_with("repute: cannot read absent.txt: "), "{why}");
    check.server.stop();
}

#[test]
fn what_was_learned_is_kept_and_can_be_left_alone() {
    let place = Place::new();
    let check = Check::new(&place);
    let memory = place.path("cache").join("repute").join("health.json");
    let (_, _, why) = check.run(&["192.0.2.7", "--forgetful"], &["bl.example"]);
    assert!(why.is_empty() && !memory.exists(), "{why}");
    check.run(&["192.0.2.7"], &["bl.example"]);
    let known = std::fs::read_to_string(&memory).unwrap();
    assert!(
        known.contains("bl.example 127.0.0.1:") && known.contains("\"listed\":true"),
        "{known}"
    );
    // A folder that cannot be written to costs a line, not the answer.
    std::fs::remove_dir_all(place.path("cache")).unwrap();
    place.write("cache", "a file");
    let (code, shown, why) = check.run(&["192.0.2.7"], &["bl.example"]);
    assert_eq!(code, 1);
    assert!(shown.starts_with("192.0.2.7 is listed by 1 of 1 list"), "{shown}");
    assert!(why.contains("cannot write") && why.contains("health.json"), "{why}");
    check.server.stop();
}

#[test]
fn the_catalogue_is_shown_and_a_file_changes_it() {
    let place = Place::new();
    let check = Check::new(&place);
    let (code, shown, _) = check.run(&["--lists"], &[]);
    assert_eq!(code, 0);
    assert!(shown.contains("* zen.spamhaus.org "), "{shown}");
    assert!(shown.contains("  sbl.spamhaus.org "), "it is a part of zen: {shown}");
    let (code, shown, _) = check.run(&["--lists", "zen.spamhaus.org"], &[]);
    assert_eq!(code, 0);
    for known in ["zen.spamhaus.org: Spamhaus ZEN\n", "removal ", "127.0.0.10 ", "127.255.255.254 "]
    {
        assert!(shown.contains(known), "{known}: {shown}");
    }
    let (code, _, why) = check.run(&["--lists", "no.such.example"], &[]);
    assert_eq!(code, 2);
    assert!(why.contains("no.such.example: the catalogue has no such list"), "{why}");
    let own = "[[list]]\nzone = \"bl.example\"\n[list.codes]\n\"127.0.0.2\" = \"a spammer\"\n";
    place.write("lists.toml", own);
    let (_, shown, _) = check.run(&["--lists", "--json", "--catalogue", "lists.toml"], &[]);
    let rows: Vec<Value> = shown.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let own = rows.iter().find(|row| row["zone"] == "bl.example").expect("it was added");
    assert_eq!((&own["asked"], &own["status"]), (&Value::Bool(true), &Value::from("unknown")));
    let with = ["192.0.2.7", "--catalogue", "lists.toml"];
    let (_, shown, _) = check.run(&with, &["bl.example"]);
    assert!(shown.contains("127.0.0.2 a spammer"), "{shown}");
    // What is wrong in it is named with its line.
    place.write("lists.toml", "[[list]]\nzone = \"bl.example\"\npolarity = \"blok\"\n");
    let (code, _, why) = check.run(&with, &["bl.example"]);
    assert_eq!(code, 2);
    assert!(why.contains("lists.toml") && why.contains("3") && why.contains("polarity"), "{why}");
    let (code, _, why) = check.run(&["192.0.2.7", "--catalogue", "absent.toml"], &["bl.example"]);
    assert_eq!(code, 2);
    assert!(why.contains("cannot read absent.toml"), "{why}");
    // A list that needs a key is not asked without one.
    let (code, _, why) = check.run(&["192.0.2.7", "--list", "zen.dq.spamhaus.net"], &[]);
    assert_eq!(code, 2);
    assert!(why.contains("needs a key"), "{why}");
    check.server.stop();
}

#[test]
fn a_network_that_loses_every_twentieth_packet_invents_nothing() {
    let place = Place::new();
    place.write("a.txt", "10.8.0.0/20 :2:a part of them\n");
    let others = ["two.example", "three.example", "four.example"];
    let others = others.map(|apex| zone(apex, "addresses", &["a.txt"])).concat();
    let server = Served::start(&place, &(place.config("addresses", &["a.txt"]) + &others));
    let relay = lossy::relay(server.dns, 50);
    let mut command = place.command(&["check", "10.8.0.0/17", "--yes", "--csv", "--forgetful"]);
    for apex in ["bl.example", "two.example", "three.example", "four.example"] {
        command.args(["--list", &format!("{apex}@{relay}")]);
    }
    let Output { status, stdout, stderr } = command.output().unwrap();
    let (shown, why) = (String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap());
    assert_eq!((status.code(), &*why), (Some(1), ""));
    let count = |word: &str| shown.lines().filter(|line| line.contains(word)).count();
    assert_eq!(shown.lines().count(), 1 + 4 * 32_768, "every look-up has a line");
    // Whose third number is below 16, and nobody else's.
    let is_on = |line: &str| {
        let third = line.split('.').nth(2).and_then(|number| number.parse::<u8>().ok());
        third.expect("an address") < 16
    };
    for line in shown.lines().skip(1).filter(|line| !line.contains(",unknown,")) {
        assert_eq!(line.contains(",listed,127.0.0.2,"), is_on(line), "{line}");
    }
    // All eight sends of one are lost in one of a thousand runs.
    assert!(count(",unknown,") <= 1, "of 131,072 look-ups {}", count(",unknown,"));
    server.stop();
}

/// The lists of the catalogue are asked of a resolver that denies everything: what is shown says which they were.
#[test]
fn the_set_of_lists_and_its_age_are_shown_in_every_form() {
    let place = Place::new();
    place.write("a.txt", "192.0.2.7\n");
    let server = Served::start(&place, &place.config("ip4set", &["a.txt"]));
    let run = |form: &[&str]| {
        let mut command = place.command(&["check", "192.0.2.8", "--forgetful"]);
        command.args(["--resolver", &server.dns.to_string()]).args(form);
        String::from_utf8(command.output().unwrap().stdout).unwrap()
    };
    let object: Value = serde_json::from_str(&run(&["--json"])).unwrap();
    let day = object["catalogue"]["date"].as_str().expect("a day");
    assert!(object["catalogue"]["age-days"].is_u64());
    let said = format!("lists of the catalogue of {day}, ");
    let table = run(&[]);
    let last = table.lines().last().unwrap_or_default();
    assert!(last.contains(&said) && last.contains(" old; `repute check --lists`"), "{table}");
    let csv = run(&["--csv"]);
    assert!(csv.lines().count() > 10, "{csv}");
    assert!(csv.lines().skip(1).all(|line| line.ends_with(&format!(",{day}"))), "{csv}");
    let junit = run(&["--junit"]);
    let document = roxmltree::Document::parse(&junit).expect("it is XML");
    let property = document.descendants().find(|node| node.has_tag_name("property"));
    let value = property.and_then(|node| node.attribute("value")).unwrap_or_default();
    assert!(value.contains(&said), "{junit}");
    server.stop();
}

/// A terminal gets colours and, with many targets, a bar; who reads a pipe gets neither.
#[test]
fn colours_and_the_bar_are_for_terminals() {
    let place = Place::new();
    let check = Check::new(&place);
    let target = ["192.0.2.0/25"];
    let list = check.list("bl.example");
    let line = format!(
        "{} check {} --list {list} --forgetful",
        env!("CARGO_BIN_EXE_repute"),
        target.join(" ")
    );
    // script(1) of bsdutils, which every Debian has, runs it on a terminal of its own.
    let on_terminal = |more: &[(&str, &str)]| {
        let mut command = std::process::Command::new("script");
        command.args(["-qec", &line, "/dev/null"]).env("TERM", "xterm").env_remove("NO_COLOR");
        command.envs(more.iter().copied());
        let output = command.output().expect("script is there");
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let shown = on_terminal(&[]);
    assert!(shown.contains("\x1b[1;31m192.0.2.7 is listed by 1 of 1 list"), "{shown}");
    assert!(shown.contains("/128 targets"), "{shown}");
    let plain = on_terminal(&[("NO_COLOR", "1")]);
    assert!(plain.contains("192.0.2.7 is listed") && !plain.contains("\x1b[1;31m"), "{plain}");
    let (_, shown, why) = check.run(&target, &["bl.example"]);
    assert!(!shown.contains('\x1b') && why.is_empty(), "{shown}{why}");
    // Clean neighbours are a line.
    let lines: Vec<&str> = shown.lines().collect();
    assert_eq!(lines[0], "192.0.2.0 - 192.0.2.6, 7 addresses: each is not listed by 1 list");
    assert!(
        lines.contains(&"192.0.2.8 - 192.0.2.127, 120 addresses: each is not listed by 1 list")
    );
    assert_eq!(lines.last(), Some(&"128 targets: 1 listed, 127 not listed, 0 unknown"), "{shown}");
    check.server.stop();
}

/// What a list takes that nobody described is told by the targets, of which the first ten thousand are addresses.
#[test]
fn a_domain_behind_a_large_network_is_asked_of_the_lists_of_domains() {
    let place = Place::new();
    let check = Check::new(&place);
    let (code, shown, why) = check
        .run(&["10.0.0.0/18", "bad.example", "--yes", "--csv"], &["bl.example", "dbl.example"]);
    assert_eq!(code, 1, "{why}");
    assert!(shown.contains("bad.example,dbl.example,block,listed,"), "it was asked of nobody");
    check.server.stop();
}

#[test]
fn test_servers_read_junit() {
    let place = Place::new();
    place.write("a.txt", "192.0.2.7 :4:<script>&\"\u{1}\n");
    let server = Served::start(&place, &place.config("ip4set", &["a.txt"]));
    let list = format!("bl.example@{}", server.dns);
    let run = |targets: &[&str], lists: &[&str]| {
        let mut command = place.command(&["check", "--junit", "--forgetful"]);
        command.args(targets);
        command.args(lists.iter().flat_map(|list| ["--list", *list]));
        String::from_utf8(command.output().unwrap().stdout).unwrap()
    };
    let shown = run(&["192.0.2.7", "192.0.2.8"], &[&list, "dead.example@127.0.0.1:9"]);
    let document = roxmltree::Document::parse(&shown).expect("it is XML");
    let suites: Vec<_> =
        document.root_element().children().filter(roxmltree::Node::is_element).collect();
    assert_eq!(suites.len(), 2);
    let of = |suite: usize, name| suites[suite].attribute(name).unwrap_or_default();
    assert_eq!((of(0, "name"), of(0, "tests"), of(0, "failures")), ("192.0.2.7", "2", "1"));
    assert_eq!((of(0, "skipped"), of(0, "errors")), ("1", "0"));
    assert_eq!((of(1, "name"), of(1, "failures"), of(1, "skipped")), ("192.0.2.8", "0", "1"));
    let failure = document.descendants().find(|node| node.has_tag_name("failure")).unwrap();
    assert_eq!(failure.attribute("message"), Some("127.0.0.4"));
    assert_eq!(failure.text(), Some("<script>&\"\u{fffd}"));
    // Nobody said anything: that is an error, and red.
    let shown = run(&["192.0.2.8"], &["dead.example@127.0.0.1:9"]);
    let document = roxmltree::Document::parse(&shown).expect("it is XML");
    assert!(document.descendants().any(|node| node.has_tag_name("error")), "{shown}");
    server.stop();
}

#[test]
fn hosts_that_do_not_exist_and_resolvers_that_are_down_are_said() {
    let place = Place::new();
    let check = Check::new(&place);
    let resolver = check.server.dns.to_string();
    let (code, shown, why) =
        check.run(&["absent.bl.example", "--resolver", &resolver], &["dbl.example"]);
    let cut =
        "absent.bl.example: cannot tell, only the name was looked up, in 1 list (no such host)\n";
    assert_eq!((code, &*shown), (2, cut));
    assert_eq!(why, "repute: absent.bl.example: no such host; only the name itself is looked up\n");
    // A name that exists and has no addresses is a domain, and nothing is missing.
    let (code, _, why) = check.run(&["bl.example", "--resolver", &resolver], &["dbl.example"]);
    assert_eq!((code, &*why), (0, ""));
    // The name is listed, whatever its addresses are.
    let down = ["--resolver", "127.0.0.1:9", "--timeout", "300ms"];
    let (code, _, why) = check.run(&[&["bad.example"], &down[..]].concat(), &["dbl.example"]);
    assert_eq!(code, 1);
    assert!(why.contains("bad.example: no resolver tells its addresses"), "{why}");
    // The one that is down is passed over.
    let both = ["--resolver", "127.0.0.1:9", "--resolver", &resolver];
    let mut command = place.command(&["check", "192.0.2.7", "--forgetful", "--list", "bl.example"]);
    let Output { status, stdout, .. } = command.args(both).output().unwrap();
    let shown = String::from_utf8(stdout).unwrap();
    assert_eq!(status.code(), Some(1), "{shown}");
    place.write("empty.txt", "# nothing\n");
    let (code, _, why) = check.run(&["--file", "empty.txt"], &["bl.example"]);
    assert_eq!((code, &*why), (2, "repute: nothing to check: empty.txt names no target\n"));
    check.server.stop();
}

#[test]
fn the_configuration_has_lists_too_and_goes_before_the_catalogue() {
    let place = Place::new();
    let check = Check::new(&place);
    let list = |says: &str| {
        format!("[[list]]\nzone = \"bl.example\"\n[list.codes]\n\"127.0.0.2\" = \"{says}\"\n")
    };
    // Whatever else is faulty there is no matter of a check.
    place.write("mine.toml", &format!("[server]\nworkers = -1\n{}", list("a spammer")));
    place.write("lists.toml", &list("somebody"));
    let (code, shown, _) = check.run(&["192.0.2.7", "--config", "mine.toml"], &["bl.example"]);
    assert_eq!(code, 1);
    assert!(shown.contains("127.0.0.2 a spammer"), "{shown}");
    let both = ["192.0.2.7", "--config", "mine.toml", "--catalogue", "lists.toml"];
    let (_, shown, _) = check.run(&both, &["bl.example"]);
    assert!(shown.contains("127.0.0.2 a spammer"), "{shown}");
    // A list that is added is asked.
    let (_, shown, _) = check.run(&["--lists", "--config", "mine.toml"], &[]);
    assert!(shown.contains("* bl.example "), "{shown}");
    place.write("mine.toml", "[[list]]\nzone = \"bl.example\"\nkeys = [\"ipv5\"]\n");
    let (code, _, why) = check.run(&["192.0.2.7", "--config", "mine.toml"], &["bl.example"]);
    assert_eq!(code, 2);
    assert!(
        why.starts_with("repute: mine.toml:3:8: list bl.example: keys: expected a list"),
        "{why}"
    );
    let (code, _, why) = check.run(&["192.0.2.7", "--config", "absent.toml"], &["bl.example"]);
    assert_eq!((code, why.starts_with("repute: cannot read absent.toml: ")), (2, true), "{why}");
    check.server.stop();
}

#[test]
fn a_key_is_asked_with_and_shown_nowhere() {
    let place = Place::new();
    place.write("a.txt", "192.0.2.7 :2:asked as sekrit0.dq.example\n");
    place.write("keys", "sekrit0\n");
    let lists = |zone: &str| {
        format!("[[list]]\nzone = \"{zone}\"\naccess = \"key-before-zone\"\nkey-file = \"keys\"\n")
    };
    place.write("lists.toml", &(lists("dq.example") + &lists("gone.example")));
    let config = place.header() + &zone("sekrit0.dq.example", "ip4set", &["a.txt"]);
    let check = Check { place: &place, server: Served::start(&place, &config) };
    let run = |args: &[&str], lists: &[&str]| {
        let (code, shown, why) = check.run(&[&["--config", "lists.toml"], args].concat(), lists);
        assert!(!shown.contains("sekrit0") && !why.contains("sekrit0"), "{args:?}: {shown}{why}");
        (code, shown + &why)
    };
    for args in [&["192.0.2.7"][..], &["192.0.2.7", "--json"], &["192.0.2.7", "--csv"]] {
        let (code, shown) = run(args, &["dq.example"]);
        assert_eq!(code, 1, "the key was asked with: {shown}");
        assert!(shown.contains("asked as ***.dq.example"), "{shown}");
    }
    for format in ["--all", "--json", "--csv"] {
        let (code, shown) = run(&["192.0.2.7", format], &["gone.example"]);
        assert_eq!(code, 2);
        assert!(shown.contains("REFUSED"), "{shown}");
    }
    for format in ["--all", "--json"] {
        let (_, shown) = run(&["--lists", format], &[]);
        assert!(shown.contains("dq.example"), "{shown}");
    }
    let health = std::fs::read_to_string(place.path("cache/repute/health.json")).unwrap();
    assert!(health.contains("dq.example") && !health.contains("sekrit0"), "{health}");
    // A file that holds something else is named, and what it holds is not.
    place.write("keys", "sekrit0 and more\n");
    let (code, shown) = run(&["192.0.2.7"], &["dq.example"]);
    assert_eq!(code, 2);
    assert!(
        shown.contains("lists.toml:4:12: list dq.example: key-file: what is there is no key"),
        "{shown}"
    );
    std::fs::remove_file(place.path("keys")).unwrap();
    // Without it this list is not asked, and the others are.
    let (code, shown) = run(&["192.0.2.7"], &["dq.example"]);
    assert_eq!(code, 2, "{shown}");
    let why = "dq.example  not asked, its key is missing: cannot read keys: ";
    assert!(shown.contains(why), "{shown}");
    let (code, shown) = run(&["192.0.2.7"], &["gone.example", "sekrit0.dq.example"]);
    assert_eq!(code, 1, "{shown}");
    assert!(shown.contains("is listed by 1 of 2 lists, 1 did not say"), "{shown}");
    check.server.stop();
}

#[test]
fn machines_are_told_of_hosts_that_do_not_exist() {
    let place = Place::new();
    let check = Check::new(&place);
    let resolver = check.server.dns.to_string();
    let run = |form: &str| {
        check.run(&["absent.bl.example", form, "--resolver", &resolver], &["dbl.example"]).1
    };
    let object: Value = serde_json::from_str(&run("--json")).unwrap();
    assert_eq!(
        (&object["outcome"], &object["missing"]),
        (&"unknown".into(), &"no such host".into())
    );
    assert!(run("--csv").contains("absent.bl.example,,,unknown,,,,,no such host,\r\n"));
    let document = run("--junit");
    let document = roxmltree::Document::parse(&document).expect("it is XML");
    let error = document.descendants().find(|node| node.has_tag_name("error")).unwrap();
    assert_eq!(error.attribute("message"), Some("no such host"));
    check.server.stop();
}

#[test]
fn who_asks_nobody_knows_nothing() {
    let place = Place::new();
    let check = Check::new(&place);
    place.write(
        "lists.toml",
        "[[list]]\nzone = \"dbl.example\"\nkeys = [\"registrable\"]\n\
         [[list]]\nzone = \"other.example\"\npolarity = \"allow\"\n",
    );
    let with = ["192.0.2.77", "--catalogue", "lists.toml"];
    let (code, shown, why) = check.run(&with, &["dbl.example"]);
    assert_eq!((code, &*shown), (2, ""));
    assert_eq!(why, "repute: no block list that is asked takes what is checked\n");
    let (code, shown, _) = check.run(&with, &["other.example"]);
    assert_eq!(code, 2);
    assert!(shown.starts_with("192.0.2.77: no block list was asked, allowed by 1\n"), "{shown}");
    check.server.stop();
}

#[test]
fn what_did_not_answer_is_not_counted_as_clean() {
    let place = Place::new();
    let check = Check::new(&place);
    let dead = ["--list", "dead.example@127.0.0.1:9"];
    let (code, shown, _) = check.run(&[&["198.51.100.1"], &dead[..]].concat(), &["bl.example"]);
    let half = "198.51.100.1 is not listed by 1 of 2 lists, 1 did not say\n";
    assert_eq!((code, shown.starts_with(half)), (0, true), "{shown}");
    let none = [&["198.51.100.1", "--quorum", "0"], &dead[..]].concat();
    assert_eq!(check.run(&none, &[]).0, 2, "one must answer");
    // Another code than the wanted one is no listing, and no riddle either.
    let (code, shown, _) = check.run(&["192.0.2.8"], &["bl.example"]);
    assert_eq!((code, &*shown), (0, "192.0.2.8 is not listed by 1 list\n"));
    let mut command = place.command(&["check", "192.0.2.8", "--forgetful", "--list"]);
    let filtered = command.arg(format!("{}=127.0.0.2", check.list("other.example")));
    let Output { status, stdout, .. } = filtered.output().unwrap();
    assert_eq!(status.code(), Some(0), "{}", String::from_utf8_lossy(&stdout));
    // Many lists that fail alike are one line, unless one wants to see all.
    let many: Vec<String> = (0..9).map(|n| format!("dead{n}.example@127.0.0.1:9")).collect();
    let many: Vec<&str> = many.iter().flat_map(|list| ["--list", list]).collect();
    let (_, shown, _) = check.run(&[&["198.51.100.1"], &many[..]].concat(), &[]);
    assert!(shown.contains("unknown 9 lists") && shown.lines().count() == 2, "{shown}");
    let (_, shown, _) = check.run(&[&["198.51.100.1", "--all"], &many[..]].concat(), &[]);
    assert_eq!(shown.lines().count(), 10, "{shown}");
    check.server.stop();
}

#[test]
fn a_line_that_is_none_costs_no_other() {
    let place = Place::new();
    let check = Check::new(&place);
    place.write("hosts.txt", "192.0.2.7\nbad_name!\n198.51.100.77\n");
    let (code, shown, why) = check.run(&["--file", "hosts.txt"], &["bl.example"]);
    assert_eq!(code, 1, "{shown}");
    assert!(shown.contains("198.51.100.77 is not listed"), "{shown}");
    assert!(why.starts_with("hosts.txt:2: cannot check `bad_name!`: "), "{why}");
    place.write("hosts.txt", "bad_name!\n198.51.100.77\n");
    assert_eq!(check.run(&["--file", "hosts.txt"], &["bl.example"]).0, 2, "one was not checked");
    place.write("hosts.txt", "bad_name!\n");
    let (_, _, why) = check.run(&["--file", "hosts.txt"], &["bl.example"]);
    assert!(why.starts_with("repute: nothing to check: hosts.txt:1: cannot check"), "{why}");
    // A line of another encoding is one such, and a byte order mark is none.
    let latin = b"\xef\xbb\xbf192.0.2.7\nm\xfcller.example\n198.51.100.77\n";
    std::fs::write(place.path("latin.txt"), latin).unwrap();
    let (code, shown, why) = check.run(&["--file", "latin.txt"], &["bl.example"]);
    assert_eq!(code, 1, "{shown}");
    assert!(shown.contains("192.0.2.7 is listed") && shown.contains("198.51.100.77 is"), "{shown}");
    assert!(why.starts_with("latin.txt:2: cannot check"), "{why}");
    // Networks count together.
    let networks = ["10.0.0.0/22", "10.0.4.0/22"];
    let (_, _, why) = check.run(&networks, &["bl.example"]);
    assert_eq!(why, "repute: 2048 addresses: say --yes if all of them are to be looked up\n");
    check.server.stop();
}

//! `repute monitor` with lists that `repute serve` serves and that change, and somebody who is told.

#[path = "serve/disk.rs"]
mod disk;
#[path = "serve/dns.rs"]
#[expect(dead_code, reason = "shared with the tests of the server, which need more of it")]
mod dns;
#[path = "serve/process.rs"]
#[expect(dead_code, reason = "shared with the tests of the server, which need more of it")]
mod process;
#[path = "monitor/watch.rs"]
mod watch;

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use disk::Disk;
use dns::{listed, until};
use process::{Place, Served, zone};
use watch::{Hook, Watch};

/// A server with the lists `bl.example`, which has 192.0.2.7 with a text, and `whole.example`.
fn serve(place: &Place) -> Served<'_> {
    place.write("bl.txt", "192.0.2.7 :2:sent <b>spam</b>, see https://bl.example/?$\n");
    place.write("whole.txt", "192.0.2.9\n");
    let config =
        place.config("ip4set", &["bl.txt"]) + &zone("whole.example", "addresses", &["whole.txt"]);
    Served::start(place, &config)
}

/// Changes a list, and waits until it is served so.
fn change(
    place: &Place,
    server: &Served<'_>,
    file: &str,
    text: &str,
    question: &str,
    is_there: bool,
) {
    place.write(file, text);
    until(question, || listed(server.dns, question) == is_there);
}

/// A configuration that checks every second, tells at once, and keeps its state in a folder.
fn config(server: &Served<'_>, folder: &str, more: &str, channels: &str) -> String {
    let dns = server.dns;
    format!(
        "[server]\ndata-dir = \"{folder}\"\n[monitor]\nlisten = \"127.0.0.1:0\"\ninterval = \"1s\"\n\
         gather = \"0s\"\ntimeout = \"500ms\"\nresolvers = [\"127.0.0.1:9\"]\n\
         lists = [\"bl.example@{dns}\", \"whole.example@{dns}\"]\n{more}\n{channels}"
    )
}

/// The targets that are checked.
const TARGETS: &str = "targets = [\"192.0.2.7\", \"192.0.2.8/31\"]";

#[test]
fn what_changes_is_told_shown_and_measured() {
    let (place, hook) = (Place::new(), Hook::start());
    let server = serve(&place);
    let watch = Watch::start(&place, &config(&server, "state", TARGETS, &hook.channel()));
    watch.measures("dnsbl_listed{target=\"192.0.2.7\",zone=\"bl.example\",code=\"127.0.0.2\"} 1");
    watch.measures("dnsbl_listed{target=\"192.0.2.8\",zone=\"whole.example\",code=\"\"} 0");
    watch.goes_on_for(4);
    assert!(hook.taken().is_empty(), "the first round is where things stand");

    change(&place, &server, "whole.txt", "192.0.2.8\n192.0.2.9\n", "8.2.0.192.whole.example", true);
    let told = hook.takes(1);
    assert_eq!(told["kind"], "listed");
    assert_eq!(told["subject"], "192.0.2.8 is listed on whole.example");
    assert_eq!(told["facts"]["target"], "192.0.2.8");
    assert_eq!(told["facts"]["events"][0]["details"]["codes"][0], "127.0.0.2");
    watch
        .measures("dnsbl_listed{target=\"192.0.2.8\",zone=\"whole.example\",code=\"127.0.0.2\"} 1");
    watch.measures("dnsbl_target_score{target=\"192.0.2.8\"} 1");
    watch.measures("repute_monitor_notifications_total{channel=\"hook\",result=\"taken\"} 1");

    change(&place, &server, "whole.txt", "192.0.2.9\n", "8.2.0.192.whole.example", false);
    let told = hook.takes(2);
    assert_eq!(told["subject"], "192.0.2.8 is no longer listed on whole.example");
    let event = &told["facts"]["events"][0];
    assert!(event["first-seen"].as_u64().unwrap() <= event["last-seen"].as_u64().unwrap());

    let (status, head, page) = watch.get("/");
    assert_eq!(status, 200);
    assert!(head.to_lowercase().contains("content-security-policy: default-src 'none'"), "{head}");
    assert!(page.contains("2 of 3 targets are listed"), "{page}");
    assert!(page.contains("sent &lt;b&gt;spam&lt;/b&gt;") && !page.contains("<b>spam"), "{page}");
    let (_, _, page) = watch.get("/target/192.0.2.8");
    assert!(page.contains("192.0.2.8: not listed") && page.contains("<svg "), "{page}");
    assert!(page.contains("no longer listed on whole.example"), "{page}");
    let (_, _, json) = watch.get("/target/192.0.2.8.json");
    let target: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(target["events"].as_array().unwrap().len(), 2);
    let states: Vec<&str> = target["history"]["whole.example"]
        .as_array()
        .unwrap()
        .iter()
        .map(|c| c[1].as_str().unwrap())
        .collect();
    assert_eq!(states, ["clean", "listed", "clean"]);
    let status = watch.status();
    assert_eq!(status["targets"][0]["name"], "192.0.2.7");
    assert_eq!(status["targets"][0]["lists"][0]["shown"], "listed");
    for (path, expect) in [("/target/192.0.2.1", 404), ("/other", 404), ("/healthz", 200)] {
        assert_eq!(watch.get(path).0, expect, "{path}");
    }
    watch.stop();
    server.stop();
}

#[test]
fn a_kill_loses_nothing_and_nothing_is_told_twice_for_it() {
    let (place, hook) = (Place::new(), Hook::start());
    let server = serve(&place);
    let config = config(&server, "state", TARGETS, &hook.channel());
    let watch = Watch::start(&place, &config);
    watch.measures("dnsbl_listed{target=\"192.0.2.8\",zone=\"bl.example\",code=\"\"} 0");
    watch.goes_on_for(2);
    hook.close(true);
    change(&place, &server, "bl.txt", "192.0.2.7\n192.0.2.8\n", "8.2.0.192.bl.example", true);
    until("a try", || !hook.refused().is_empty());
    watch.kill();
    // What was not taken is told by the next one, and it is the same message.
    hook.close(false);
    let watch = Watch::start(&place, &config);
    let told = hook.takes(1);
    assert_eq!(told["subject"], "192.0.2.8 is listed on bl.example");
    assert_eq!(told["id"], hook.refused()[0]["id"]);
    watch.measures("repute_monitor_events_waiting{channel=\"hook\"} 0");
    watch.goes_on_for(2);
    watch.kill();
    // What is known is no news for the one after that, nor is it forgotten.
    let watch = Watch::start(&place, &config);
    watch.measures("dnsbl_listed{target=\"192.0.2.8\",zone=\"bl.example\",code=\"127.0.0.2\"} 1");
    watch.goes_on_for(4);
    hook.takes(1);
    let events = watch.status()["events"].as_array().unwrap().len();
    assert_eq!(events, 1);
    watch.stop();
}

#[test]
fn a_list_that_dies_delists_nobody() {
    let (place, hook) = (Place::new(), Hook::start());
    let server = serve(&place);
    let dns = server.dns;
    let more = format!("targets = [\"192.0.2.7\"]\nzones = [\"bl.example@{dns}\"]");
    let watch = Watch::start(&place, &config(&server, "state", &more, &hook.channel()));
    let line = "dnsbl_listed{target=\"192.0.2.7\",zone=\"bl.example\",code=\"127.0.0.2\"} 1";
    watch.measures(line);
    watch.measures("dnsbl_zone_up{zone=\"bl.example\"} 1");
    until("an audit", || watch.status()["zones"][0]["checked"].as_u64() > Some(0));
    let page = watch.get("/zone/bl.example").2;
    assert!(
        page.contains("Grade <strong>")
            && page.contains(&format!("{dns}</th><td data-is=\"Family\">IPv4")),
        "{page}"
    );
    assert!(page.contains("<details><summary>Rules that are kept"), "{page}");
    let json: serde_json::Value =
        serde_json::from_str(&watch.get("/zone/bl.example.json").2).unwrap();
    assert!(json["audit"]["findings"].as_array().unwrap().len() > 20, "{json}");
    server.kill();
    watch.measures("dnsbl_zone_up{zone=\"bl.example\"} 0");
    watch.measures("dnsbl_zone_state{zone=\"bl.example\",state=\"dead\"} 1");
    watch.measures("dnsbl_unknown{target=\"192.0.2.7\",zone=\"bl.example\"} 1");
    watch.measures(line);
    watch.measures("dnsbl_audit_failed{zone=\"bl.example\",rule=\"can-be-asked\"} 1");
    let told = || {
        let subjects = hook.taken();
        let texts: Vec<String> =
            subjects.iter().map(|told| told["text"].as_str().unwrap().to_owned()).collect();
        texts.concat()
    };
    for what in [
        "the list bl.example cannot be used: ",
        "the list whole.example cannot be used: ",
        "the zone bl.example breaks a rule: can-be-asked",
    ] {
        until(what, || told().contains(what));
    }
    assert!(!told().contains("no longer"), "{}", told());
    let page = watch.get("/zone/bl.example").2;
    assert!(page.contains("bl.example breaks ") && page.contains("can-be-asked"), "{page}");
    watch.stop();
}

#[test]
fn servers_of_a_zone_that_differ_or_are_dead_are_told_apart() {
    let (first, second, hook) = (Place::new(), Place::new(), Hook::start());
    let serve = |place: &Place, serial: u32| {
        let soa = format!("$SOA 600 ns.example hostmaster.example {serial} 600 300 86400 300\n");
        place.write("bl.txt", &format!("{soa}127.0.0.2\n192.0.2.7\n"));
        place.config("ip4set", &["bl.txt"])
    };
    let (new, old) = (serve(&first, 7), serve(&second, 5));
    let (new, old) = (Served::start(&first, &new), Served::start(&second, &old));
    let (at, behind) = (new.dns, old.dns);
    let zones = format!("\"bl.example@{at}\", \"bl.example@{behind}\", \"bl.example@127.0.0.1:9\"");
    let more = format!("zones = [{zones}]");
    let watch = Watch::start(&first, &config(&new, "state", &more, &hook.channel()));
    for line in [
        format!("dnsbl_zone_server_up{{zone=\"bl.example\",server=\"{at}\",transport=\"udp\"}} 1"),
        format!("dnsbl_zone_server_up{{zone=\"bl.example\",server=\"{at}\",transport=\"tcp\"}} 1"),
        "dnsbl_zone_server_up{zone=\"bl.example\",server=\"127.0.0.1:9\",transport=\"udp\"} 0"
            .into(),
        format!("dnsbl_zone_serial{{zone=\"bl.example\",server=\"{behind}\"}} 5"),
        format!("dnsbl_zone_serial_lag{{zone=\"bl.example\",server=\"{behind}\"}} 2"),
        format!("dnsbl_zone_serial_lag{{zone=\"bl.example\",server=\"{at}\"}} 0"),
        "dnsbl_audit_failed{zone=\"bl.example\",rule=\"serials-in-step\"} 1".into(),
        "dnsbl_audit_failed{zone=\"bl.example\",rule=\"answers\"} 1".into(),
    ] {
        watch.measures(&line);
    }
    let page = watch.get("/zone/bl.example").2;
    assert!(page.contains("5 (2 behind)") && page.contains(">silent<"), "{page}");
    watch.stop();
    new.stop();
    old.stop();
}

#[test]
fn a_full_disk_is_told_and_harms_nothing_that_was_on_it() {
    let (place, hook) = (Place::new(), Hook::start());
    let Some(disk) = Disk::new(&place) else { return };
    let server = serve(&place);
    let config = config(&server, "data", TARGETS, &hook.channel());
    let watch = Watch::start_by(&place, &config, disk.command(&place));
    let state = disk.seen(&place, "data/monitor.json");
    until("the state", || fs::read_to_string(&state).is_ok_and(|text| text.contains("192.0.2.7")));
    let fill = disk.seen(&place, "data/fill");
    let full = fs::write(&fill, vec![0; 1 << 20]);
    assert_eq!(full.unwrap_err().kind(), std::io::ErrorKind::StorageFull);

    change(&place, &server, "bl.txt", "192.0.2.7\n192.0.2.8\n", "8.2.0.192.bl.example", true);
    assert_eq!(hook.takes(1)["subject"], "192.0.2.8 is listed on bl.example");
    let log = watch.logged("monitor.json: No space left on device");
    assert!(log.contains("free space there or name another file as `state`"), "{log}");
    assert_eq!(watch.get("/healthz").0, 503);
    assert!(watch.get("/").2.contains("The state cannot be written to disk"));
    let kept: serde_json::Value = serde_json::from_slice(&fs::read(&state).unwrap()).unwrap();
    assert!(kept["state"]["targets"]["192.0.2.7"].is_object());
    let files = disk.files(&place, "data");
    assert!(!files.iter().any(|name| name.ends_with(".part")), "{files:?}");

    fs::remove_file(&fill).unwrap();
    watch.logged("is written to data/monitor.json again");
    until("it is well", || watch.get("/healthz").0 == 200);
    assert!(fs::read_to_string(&state).unwrap().contains("\"kind\":\"listed\""));
    watch.stop();
}

#[test]
fn a_changed_configuration_is_taken_over_and_a_faulty_one_is_not() {
    let place = Place::new();
    let server = serve(&place);
    let before = config(&server, "state", TARGETS, "");
    let systemd = UnixDatagram::bind(place.path("systemd")).unwrap();
    systemd.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let hears = |expect: &str| {
        let mut message = [0; 4096];
        let length = loop {
            match systemd.recv(&mut message) {
                // The machine was halted and goes on (signal(7)).
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                received => break received.unwrap(),
            }
        };
        let message = String::from_utf8_lossy(&message[..length]).into_owned();
        assert!(message.starts_with(expect), "{message}");
    };
    let mut command = place.command(&[]);
    command.env("NOTIFY_SOCKET", place.path("systemd"));
    let watch = Watch::start_by(&place, &before, command);
    hears("READY=1\nSTATUS=2 targets on 2 lists, for 0 channels");
    let names = || {
        let status = watch.status();
        let targets = status["targets"].as_array().unwrap();
        targets.iter().map(|t| t["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    until("all are checked", || names() == ["192.0.2.7", "192.0.2.8", "192.0.2.9"]);
    place.write("monitor.toml", &before.replace("192.0.2.8/31", "2001:db8::1"));
    watch.signal("HUP");
    hears("RELOADING=1");
    hears("READY=1");
    watch.logged("the configuration is in force: watching 2 targets");
    until("the new one is checked", || names() == ["192.0.2.7", "2001:db8::1"]);
    place.write("monitor.toml", &before.replace("interval", "intervall"));
    watch.signal("HUP");
    hears("RELOADING=1");
    hears("READY=1\nSTATUS=the configuration is not taken over: ");
    let log = watch.logged("the configuration is not taken over: ");
    assert!(log.contains("unknown field `intervall`"), "{log}");
    watch.goes_on_for(2);
    assert_eq!(names(), ["192.0.2.7", "2001:db8::1"]);
    // Its state is its own.
    let second = place.command(&["monitor", "--once", "--config", "second.toml"]);
    place.write("second.toml", &before);
    let output = { second }.output().unwrap();
    let why = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(why.contains("state/monitor.json is in use: is another monitor running?"), "{why}");
    watch.stop();
    hears("STOPPING=1");
}

#[test]
fn the_prober_checks_what_it_is_asked_for() {
    let place = Place::new();
    let server = serve(&place);
    let more = format!("{TARGETS}\nluzilla = true");
    let watch = Watch::start(&place, &config(&server, "state", &more, ""));
    let (status, head, page) = watch.get("/prober?target=192.0.2.7");
    assert_eq!(status, 200);
    assert!(head.contains("text/plain; version=0.0.4"), "{head}");
    for line in [
        "probe_success 1",
        "dnsbl_zone_info{zone=\"bl.example\",polarity=\"block\"} 1",
        "dnsbl_listed{target=\"192.0.2.7\",zone=\"bl.example\",code=\"127.0.0.2\"} 1",
        "dnsbl_listed{target=\"192.0.2.7\",zone=\"whole.example\",code=\"\"} 0",
        "luzilla_rbls_ips_blacklisted{rbl=\"bl.example\",ip=\"192.0.2.7\",hostname=\"192.0.2.7\"} 1",
    ] {
        assert!(page.lines().any(|found| found == line), "{line} is not in\n{page}");
    }
    // What is not watched can be asked for too, and is not watched for it.
    let (_, _, page) = watch.get("/prober?target=2001%3Adb8::7");
    assert!(page.contains("dnsbl_listed{target=\"2001:db8::7\",zone=\"bl.example\""), "{page}");
    assert!(!watch.get("/metrics").2.contains("2001:db8::7"));
    for query in
        ["", "?target=", "?target=192.0.2.300", "?target=10.0.0.0/8", "?target=%ff", "?x=1"]
    {
        assert_eq!(watch.get(&format!("/prober{query}")).0, 400, "{query}");
    }
    let refused = (0..60).filter(|_| watch.get("/prober?target=192.0.2.7").0 == 429).count();
    assert!(refused > 0, "lists are asked politely");
    watch.stop();
}

#[test]
fn a_faulty_configuration_is_shown_with_its_place() {
    let place = Place::new();
    let check = |line: &str, expect: &str| {
        place.write("bad.toml", &format!("[monitor]\n{line}\n"));
        let mut command = place.command(&["monitor", "--config", "bad.toml"]);
        let output = command.output().unwrap();
        let why = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{line}: {why}");
        assert!(why.contains(expect), "{line}: {why}");
    };
    check("targts = []", "bad.toml:2:1: monitor.targts: unknown field `targts`");
    check("targets = [\"192.0.2.300\"]", "bad.toml:2:11: monitor.targets[0]: `192.0.2.300`: ");
    check("lists = [\"bl..example\"]", "bad.toml:2:9: monitor.lists[0]: `bl..example`: ");
    check(
        "zones = [\"bl.example=2\"]",
        "bad.toml:2:9: monitor.zones[0]: `bl.example=2`: expected a zone",
    );
    check(
        "resolvers = [\"ns.example\"]",
        "bad.toml:2:13: monitor.resolvers[0]: `ns.example`: expected an",
    );
    check("interval = \"0s\"", "bad.toml:2:12: monitor.interval: expected 1s or more");
    check("timeout = \"1ms\"", "bad.toml:2:11: monitor.timeout: ");
    check("quorum = 101", "bad.toml:2:10: monitor.quorum: expected a percentage");
    check(
        "hysteresis = \"3 of 2\"",
        "bad.toml:2:14: monitor.hysteresis: `3 of 2`: expected how many",
    );
    check("listen = \"9211\"", "bad.toml:2:10: monitor.listen: `9211`: expected an address");
    check("channel = 1", "monitor.channel: ");
    check(
        "[[monitor.channel]]\nname = \"a b\"",
        "bad.toml:2:1: monitor.channel: expected a `name`",
    );
    check("[[monitor.channel]]\nname = \"a\"", "monitor.channel `a`: expected one of the tables");
    let command = "[monitor.channel.command]\nrun = [\"/x\"]";
    let twice = format!("[[monitor.channel]]\nname = \"a\"\n{command}\n");
    check(&twice.repeat(2), "monitor.channel `a` is there twice");
    check(&twice.replace("run", "rnu"), "unknown field `rnu`");
    check(&twice.replace("[\"/x\"]", "[]"), "`run` must name a program");
    check("", "nothing to watch: name `targets` or `zones` in [monitor]");
    check("targets = [\"10.0.0.0/8\"]", "16777216 addresses are too many: at most 4096");
}

#[test]
fn a_host_is_checked_by_the_addresses_that_it_has() {
    let place = Place::new();
    place.write("bl.txt", "192.0.2.7\n198.51.100.7\n");
    place.write("hosts.txt", "mail A 192.0.2.7\nmail A 198.51.100.7\n");
    let lists =
        place.config("addresses", &["bl.txt"]) + &zone("hosts.example", "generic", &["hosts.txt"]);
    let server = Served::start(&place, &lists);
    let target = "targets = [\"mail.hosts.example\", \"no.hosts.example\"]";
    let config =
        config(&server, "state", target, "").replace("127.0.0.1:9\"", &format!("{}\"", server.dns));
    let watch = Watch::start(&place, &config);
    for address in ["192.0.2.7", "198.51.100.7"] {
        watch.measures(&format!(
            "dnsbl_listed{{target=\"{address}\",zone=\"bl.example\",code=\"127.0.0.2\"}} 1"
        ));
    }
    watch.measures("repute_monitor_subject_problem{subject=\"no.hosts.example\"} 1");
    let page = watch.get("/").2;
    assert!(page.contains("no.hosts.example: no such host"));
    assert!(page.contains("no.hosts.example, bl.example: unknown: no such host"), "{page}");
    let status = watch.status();
    let of = |name: &str| status["targets"].as_array().unwrap().iter().find(|t| t["name"] == name);
    let absent = of("no.hosts.example").unwrap();
    assert_eq!(absent["outcome"], "unknown");
    assert_eq!(absent["lists"][0]["shown"], "unknown");
    let page = watch.get("/target/no.hosts.example").2;
    assert!(page.contains("no.hosts.example: unknown"), "{page}");
    watch.measures("dnsbl_unknown{target=\"no.hosts.example\",zone=\"bl.example\"} 1");
    for metrics in ["/metrics", "/prober?target=no.hosts.example"] {
        let metrics = watch.get(metrics).2;
        assert!(!metrics.contains("dnsbl_target_score{target=\"no.hosts.example\"}"), "{metrics}");
    }
    let address = status["targets"].as_array().unwrap().iter().find(|t| t["name"] == "192.0.2.7");
    assert_eq!(address.unwrap()["subject"], "mail.hosts.example");
    change(&place, &server, "hosts.txt", "mail A 192.0.2.8\n", "mail.hosts.example", true);
    watch.measures("dnsbl_listed{target=\"192.0.2.8\",zone=\"bl.example\",code=\"\"} 0");
    // Without a resolver the addresses of before are checked.
    server.kill();
    watch.measures("dnsbl_unknown{target=\"192.0.2.8\",zone=\"bl.example\"} 1");
    watch.stop();
}

#[test]
fn root_is_given_up_for_a_user_whose_the_state_is() {
    if !nix::unistd::geteuid().is_root() {
        eprintln!("skipped: only root can become another user");
        return;
    }
    let place = Place::new();
    fs::set_permissions(place.path(""), fs::Permissions::from_mode(0o755)).unwrap();
    let server = serve(&place);
    let config = config(&server, "of-nobody", TARGETS, "")
        .replace("[server]\n", "[server]\nuser = \"nobody\"\ngroup = \"nogroup\"\n");
    let watch = Watch::start(&place, &config);
    watch.measures("dnsbl_target_score{target=\"192.0.2.7\"} 1");
    watch.stop();
    let nobody = nix::unistd::User::from_name("nobody").unwrap().unwrap();
    for made in ["of-nobody", "of-nobody/monitor.json"] {
        assert_eq!(fs::metadata(place.path(made)).unwrap().uid(), nobody.uid.as_raw(), "{made}");
    }
}

#[test]
fn one_round_ends_with_what_it_found() {
    let place = Place::new();
    let server = serve(&place);
    let run = |more: &str, args: &[&str]| {
        place.write("once.toml", &config(&server, "once", more, ""));
        let output = place.command(args).args(["--config", "once.toml"]).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
    };
    let once = ["monitor", "--once"];
    assert_eq!(run("targets = [\"192.0.2.1\"]", &once), (0, String::new(), String::new()));
    let (code, shown, _) = run(TARGETS, &once);
    assert_eq!(code, 1);
    assert_eq!(shown, "192.0.2.7 is listed on bl.example\n192.0.2.9 is listed on whole.example\n");
    let dead = "targets = [\"192.0.2.1\"]\nquorum = 100\nlists-file = \"more\"";
    place.write("more", "dead.example@127.0.0.1:9\n");
    let (code, shown, _) = run(dead, &once);
    assert_eq!(
        (code, &*shown),
        (2, "192.0.2.1: 1 of 3 lists did not say: nobody answers at the server's address\n")
    );
    let (code, shown, _) = run("targets = [\"mail.example\"]", &once);
    assert_eq!(code, 2);
    assert!(shown.contains("did not say: no resolver could tell its addresses\n"), "{shown}");
    let (code, _, why) = run("", &once);
    assert_eq!(code, 2);
    assert!(why.starts_with("repute: nothing to watch: name `targets`"), "{why}");
    place.write("targets.ini", "[targets]\nserver=192.0.2.7\nserver=192.0.2.300\n");
    let (code, _, why) = run("targets-file = \"targets.ini\"", &["config", "check"]);
    assert_eq!(code, 0);
    assert!(why.contains("warning: the monitor cannot start: targets.ini:3: "), "{why}");
    let (_, _, why) = run("targets-file = \"targets.ini\"", &once);
    assert!(why.contains("targets.ini:3: cannot check `192.0.2.300`"), "{why}");
    server.stop();
}

#[test]
fn channels_can_be_tried() {
    let (place, hook) = (Place::new(), Hook::start());
    let server = serve(&place);
    let broken =
        "[[monitor.channel]]\nname = \"page\"\n[monitor.channel.command]\nrun = [\"/bin/false\"]\n";
    place.write("m.toml", &config(&server, "state", TARGETS, &(hook.channel() + broken)));
    let run = |args: &[&str]| {
        let mut command = place.command(&["monitor", "notify-test"]);
        let output = command.args(args).args(["--config", "m.toml"]).output().unwrap();
        (output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap(), output.stderr)
    };
    let (code, shown, _) = run(&[]);
    assert_eq!(code, 1);
    assert_eq!(shown, "hook: taken\npage: not taken: command /bin/false: ended with status 1\n");
    assert_eq!(hook.takes(1)["kind"], "test");
    assert_eq!(run(&["hook"]).0, 0);
    let (code, _, why) = run(&["mail"]);
    let why = String::from_utf8(why).unwrap();
    assert_eq!(code, 2);
    assert!(
        why.contains("there is no channel `mail` in the configuration; there are: hook, page"),
        "{why}"
    );
}

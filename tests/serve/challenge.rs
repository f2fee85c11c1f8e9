//! The challenge service in the server: accounts by the API, values in DNS, commands, reloads and kills.

use std::fs;
use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crate::challenge_api::{Client, send, value};
use crate::disk::Disk;
use crate::dns::{Answer, ask, ask_txt, rcode, until};
use crate::free::free_address;
use crate::process::{Place, Served};

/// A configuration with the service, its API at this address.
fn config(place: &Place, api: SocketAddr, more: &str) -> String {
    format!(
        "{}[challenge]\ndomain = \"auth.example\"\nlisten = \"{api}\"\n{more}\n",
        place.header()
    )
}

/// The values at the name of an account, in order.
fn values(server: &Served<'_>, client: &Client) -> Vec<String> {
    let Answer { rcode, mut answers, ttl } = ask_txt(server.dns, &client.full_domain);
    assert!(rcode == 0 || rcode == 3, "{rcode}");
    assert!(answers.is_empty() || ttl == Some(1), "{ttl:?}");
    answers.sort_unstable();
    answers
}

#[test]
fn a_value_is_in_dns_when_it_is_answered_and_after_a_restart() {
    let place = Place::new();
    let (api, pages) = (free_address(), free_address());
    let records = "records = [\"@ NS ns\", \"ns A 192.0.2.53\", \"ns.example. A 192.0.2.54\"]";
    let config = config(&place, api, records)
        .replace("metrics = \"\"", &format!("metrics = \"{pages}\"\nlog-format = \"json\""));
    let server = Served::start(&place, &config);
    let client = Client::register(api);
    assert_eq!(client.full_domain, format!("{}.auth.example", client.subdomain));
    assert_eq!(rcode(server.dns, &client.full_domain), 3, "it has no value yet");
    for number in [1, 2] {
        assert_eq!(client.update(&value(number)).expect("it answers"), 200);
        assert_eq!(values(&server, &client).len(), number);
    }
    assert_eq!(ask(server.dns, "ns.auth.example").answers, ["192.0.2.53"]);
    assert_eq!(rcode(server.dns, "nobody.auth.example"), 3);
    let stranger = Client { password: "x".repeat(40), ..client.clone() };
    assert_eq!(stranger.update(&value(3)).expect("it answers"), 401);

    server.logged("zone auth.example: left out: ");
    let log = server.logged("update of challenge account");
    assert!(log.contains("\"target\":\"repute_challenge::audit\""), "{log}");
    for secret in [&client.password, &value(1), &value(2)] {
        assert!(!log.contains(secret), "{log}");
    }
    let (_, page) = send(pages, "GET", "/metrics", &[], "").expect("it answers");
    assert!(page.contains("repute_challenge_accounts 1\n"), "{page}");
    assert!(page.contains("repute_challenge_changes_total{change=\"update\"} 2\n"), "{page}");
    let serial = server.serial("auth.example");
    let (_, zone) = server.run(&["zone", "export", "auth.example"]);
    assert!(zone.contains(&value(2)) && zone.contains("192.0.2.53"), "{zone}");
    server.stop();

    let server = Served::start(&place, &config);
    assert_eq!(values(&server, &client), [value(1), value(2)]);
    assert_eq!(server.serial("auth.example"), serial, "a restart changes nothing");
    assert_eq!(client.update(&value(3)).expect("it answers"), 200);
    assert_eq!(values(&server, &client).len(), 3);
    server.stop();
}

#[test]
fn a_reload_takes_over_the_lines_of_the_zone_and_leaves_the_values() {
    let place = Place::new();
    let api = free_address();
    let lines = |address: &str| format!("records = [\"@ NS ns\", \"ns A {address}\"]");
    let server = Served::start(&place, &config(&place, api, &lines("192.0.2.1")));
    let client = Client::register(api);
    assert_eq!(client.update(&value(1)).expect("it answers"), 200);
    let serial = server.serial("auth.example");

    place.write("repute.toml", &config(&place, api, &lines("192.0.2.2")));
    assert_eq!(server.reload().0, 0);
    server.logged("the configuration is in force, with 1 zone\n");
    assert_eq!(ask(server.dns, "ns.auth.example").answers, ["192.0.2.2"]);
    assert_eq!(values(&server, &client), [value(1)]);
    assert!(server.serial("auth.example") > serial);
    let serial = server.serial("auth.example");
    assert_eq!(server.reload().0, 0);
    assert_eq!(server.serial("auth.example"), serial, "nothing was changed");
    let (code, told) = server.run(&["reload", "auth.example"]);
    assert!(code == 2 && told.contains("is changed by the challenge service"), "{told}");

    let more = format!("{}\nvalues = 2", lines("192.0.2.2"));
    place.write("repute.toml", &config(&place, api, &more));
    let (code, told) = server.reload();
    assert!(code == 0 && told.contains("only a restart takes over challenge"), "{told}");
    assert_eq!(client.update(&value(2)).expect("it answers"), 200, "it goes on");
    assert_eq!(values(&server, &client).len(), 2);
    server.stop();
}

#[test]
fn commands_do_the_same_whether_the_server_runs_or_not() {
    let place = Place::new();
    let api = free_address();
    let config = config(&place, api, "registration = \"closed\"");
    place.write("repute.toml", &config);
    let run = |args: &[&str]| {
        let args = [&["challenge"], args, &["--config", "repute.toml"]].concat();
        let output = place.command(&args).output().expect("it runs");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.code(), text(&output.stdout), text(&output.stderr))
    };
    let (code, _, told) = run(&["list"]);
    assert!(code == Some(2) && told.contains("there is no store at data/zones.redb"), "{told}");

    let mut server = Some(Served::start(&place, &config));
    for is_running in [true, false] {
        if !is_running && let Some(server) = server.take() {
            server.stop();
        }
        let (code, account, told) =
            run(&["register", "--json", "--allow-from", "127.0.0.0/8", "--allow-from", "::1/128"]);
        assert_eq!(code, Some(0), "{told}");
        assert!(told.contains("the password is shown only now"), "{told}");
        let client = Client::read(api, &account);
        let (code, _, told) = run(&["bind", "www.example.net", &client.username]);
        assert_eq!(code, Some(0), "{told}");
        let (_, json, _) = run(&["list", "--json"]);
        let listed: serde_json::Value = serde_json::from_str(&json).expect("one line for one");
        assert_eq!(listed["username"], client.username.as_str());
        assert_eq!(listed["fulldomain"], client.full_domain.as_str());
        assert_eq!(listed["domains"], serde_json::json!(["www.example.net"]));
        assert_eq!(listed["allowfrom"], serde_json::json!(["127.0.0.0/8", "::1/128"]));
        assert!(!json.contains(&client.password));
        let (_, table, _) = run(&["list"]);
        let line = table.lines().nth(1).expect("one account");
        assert!(line.starts_with(&client.username) && line.contains("www.example.net"), "{table}");
        assert!(line.ends_with("127.0.0.0/8 ::1/128"), "{table}");

        if is_running {
            assert_eq!(client.update(&value(1)).expect("it answers"), 200);
        }
        let (code, password, told) = run(&["rotate", &client.username]);
        assert_eq!(code, Some(0), "{told}");
        let renewed = Client { password: password.trim().to_owned(), ..client.clone() };
        if is_running {
            assert_eq!(client.update(&value(2)).expect("it answers"), 401);
            assert_eq!(renewed.update(&value(2)).expect("it answers"), 200);
        } else {
            // What was done without it is what it starts with.
            let server = Served::start(&place, &config);
            assert_eq!(client.update(&value(2)).expect("it answers"), 401);
            assert_eq!(renewed.update(&value(2)).expect("it answers"), 200);
            assert_eq!(values(&server, &client), [value(2)]);
            server.stop();
        }
        let (code, said, _) = run(&["unbind", "www.example.net"]);
        assert!(code == Some(0) && said.contains(&client.username), "{said}");
        assert_eq!(run(&["unbind", "www.example.net"]).0, Some(1));
        let (code, said, told) = run(&["delete", &client.username]);
        assert_eq!((code, said), (Some(0), format!("deleted {}\n", client.username)), "{told}");
        if let Some(server) = &server {
            assert_eq!(rcode(server.dns, &client.full_domain), 3);
        }
        let (code, _, told) = run(&["rotate", &client.username]);
        assert!(code == Some(2) && told.contains("there is no such account"), "{told}");
        let (code, _, told) = run(&["delete", "somebody"]);
        assert!(code == Some(2) && told.contains("`somebody` is no account"), "{told}");
        let (code, _, told) = run(&["register", "--allow-from", "here"]);
        assert!(code == Some(2) && told.contains("`here` is no network"), "{told}");
        let (_, table, told) = run(&["list"]);
        assert!(table.is_empty() && told.contains("there are no accounts"), "{table}{told}");
    }
    place.write("none.toml", &place.header());
    let output = place.command(&["challenge", "list", "--config", "none.toml"]).output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(told.contains("the configuration has no challenge service"), "{told}");
}

#[test]
fn a_full_disk_refuses_updates_and_leaves_what_is_answered_until_there_is_room() {
    let place = Place::new();
    let Some(disk) = Disk::of(&place, "8m") else { return };
    let api = free_address();
    let config = config(&place, api, "values = 2");
    let server = Served::start_by(&place, &config, disk.command(&place));
    let client = Client::register(api);
    // All that is left is taken by somebody else.
    let filler = disk.seen(&place, "data/filler");
    let mut file = fs::File::create(&filler).expect("there is room");
    while file.write_all(&[0; 4096]).is_ok() {}
    drop(file);
    let mut last = 0;
    let refused = loop {
        match client.update(&value(last + 1)).expect("it answers") {
            200 => last += 1,
            status => break status,
        }
        assert!(last < 100_000, "the disk is never full");
    };
    assert_eq!(refused, 500);
    let log = server.logged("no room to write");
    assert!(log.contains("changes are refused until there is"), "{log}");
    let there = values(&server, &client);
    assert!(last == 0 || there.contains(&value(last)), "{last} is not in {there:?}");
    assert!(!there.contains(&value(last + 1)), "what was refused is served");
    fs::remove_file(&filler).expect("it is ours");
    until("there is room again", || client.update(&value(last + 1)).expect("it answers") == 200);
    assert!(values(&server, &client).contains(&value(last + 1)));
    server.kill();
}

#[test]
fn values_before_the_two_newest_end_by_themselves() {
    let place = Place::new();
    let api = free_address();
    let server = Served::start(&place, &config(&place, api, "value-age = \"1s\""));
    let client = Client::register(api);
    for number in 1..=4 {
        assert_eq!(client.update(&value(number)).expect("it answers"), 200);
    }
    until("the older ones end", || values(&server, &client) == [value(3), value(4)]);
    server.stop();
}

#[test]
fn a_kill_in_a_storm_of_updates_loses_nothing_that_was_answered() {
    let place = Place::new();
    let api = free_address();
    // More of them do not fit into an answer by UDP of former times.
    let config = config(&place, api, "values = 3");
    let mut server = Served::start(&place, &config);
    let clients: Vec<Client> = (0..8).map(|_| Client::register(api)).collect();
    let mut last = vec![0; clients.len()];
    for round in 1..=5 {
        let answered = AtomicUsize::new(0);
        last = thread::scope(|scope| {
            let workers: Vec<_> = clients
                .iter()
                .zip(&last)
                .map(|(client, before)| {
                    let answered = &answered;
                    scope.spawn(move || {
                        let mut last = *before;
                        // The one that is not answered any more is the end.
                        while let Ok(status) = client.update(&value(last + 1)) {
                            assert_eq!(status, 200);
                            last += 1;
                            answered.fetch_add(1, Ordering::Relaxed);
                        }
                        last
                    })
                })
                .collect();
            until("a storm", || answered.load(Ordering::Relaxed) > 100 * round);
            server.kill();
            workers.into_iter().map(|worker| worker.join().expect("no panic")).collect()
        });
        server = Served::start(&place, &config);
        for (client, last) in clients.iter().zip(&mut last) {
            let there = values(&server, client);
            assert!(there.contains(&value(*last)), "round {round}: {last} is not in {there:?}");
            // The next may have been done and not been answered.
            *last += usize::from(there.contains(&value(*last + 1)));
        }
    }
    server.stop();
}
